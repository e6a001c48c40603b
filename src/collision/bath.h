/// The baths: what the carriers scatter from. One row per kind of `collisions.terms`.
///
/// A bath enters by its transition kernels K^<_q(x) and K^>_q(x), x the energy that a carrier gains
/// when it scatters in and loses when it scatters out, with the 2 pi of the golden rule, and by its
/// vertex (vertex.h):
///
///   S^≷_k(w) = (1/N_k) sum_k' sum_a M_a [ integral dw' K^≷_{k-k'}(w - w') G^≷_k'(w') ] M_a^dagger.
///
/// All kernels obey K^>_q(x) = K^<_{-q}(-x) (number) and, for phonons, K^>(x) = e^{x/kT} K^<(x)
/// (detailed balance) identically.
#ifndef KD_COLLISION_BATH_H
#define KD_COLLISION_BATH_H

#include <complex.h>

#include "collision/vertex.h"
#include "keldrift/model.h"
#include "scenario/section.h"

typedef enum kd_order { KD_LESSER, KD_GREATER } kd_order;

typedef struct kd_bath kd_bath;

typedef struct kd_bath_kind {
  kd_variant variant;
  kd_status (*create)(const kd_section *section, const kd_model *model, kd_bath *bath);
  /// K^≷(x) for a phonon of energy `omega` (not used by impurities), without the form factor, eV.
  double (*kernel)(const kd_bath *bath, double omega, kd_order order, double x);
  bool has_temperature; ///< the key `temperature`, which sets kt
  bool is_even;         ///< K^> = K^< where the energy need not be conserved
} kd_bath_kind;

/// One item of the list, resolved.
struct kd_bath {
  const kd_bath_kind *kind;
  size_t term;           ///< its number in `collisions.terms`
  double strength;       ///< g^2 or V^2, eV^2
  double sigma;          ///< broadening, eV
  double kt;             ///< eV
  double omega;          ///< phonon energy at q = 0, eV
  bool is_shifted;       ///< phonons: kernel `shifted` instead of `spectral`
  bool conserves_energy; ///< impurities, electrons, phonons that are unknowns: the energy stays
  bool is_dynamic;       ///< phonons: the occupations are unknowns (phonons.h)
  double start_kt;       ///< of them at t = 0, eV
  double relaxation;     ///< of them towards kt, 1/fs; 0: none
  bool is_density;       ///< electrons: V(q) between all densities, else contact between spins
  double *orbital;       ///< electrons: U of the orbitals, [n_band], eV; NULL for baths
  kd_vertex vertex;
  double *form;   ///< [n_difference], multiplies the kernel; NULL: 1
  double *energy; ///< [n_difference], omega_q; NULL: omega
};

/// Differences q = k - k' of grid points: on a lattice the grid itself, [n0][n1][n2], each q the
/// shortest Cartesian vector of its class; in a k.p box [2 n0][2 n1][2 n2] (1 where n = 1) with the
/// plain difference j - j' stored modulo that size, which is the zero-padded convolution.
size_t kd_difference_count(const kd_model *model, size_t n[3]);
/// Index of the difference of grid points k and k'.
size_t kd_difference_index(const kd_model *model, size_t k, size_t k_prime);

kd_status kd_bath_create(const kd_section *section, const kd_model *model,
                         const kd_constants *constants, double sigma, kd_bath *bath);
void kd_bath_clear(kd_bath *bath);

/// K^≷_q(x) with the form factor, for the difference with index q.
double kd_bath_kernel(const kd_bath *bath, size_t q, kd_order order, double x);

/// Principal-value partner R(x) = (1/2 pi) PV integral dx'' K(x'')/(x - x''), by the midpoint rule,
/// which is spectrally accurate for analytic kernels.
double kd_bath_principal(const kd_bath *bath, size_t q, kd_order order, double x);

/// The same for phonon energy `omega`, without the form factor.
double kd_bath_bare_principal(const kd_bath *bath, double omega, kd_order order, double x);

/// Largest |x| at which the kernels for phonon energy `omega` exceed rounding.
double kd_bath_reach(const kd_bath *bath, double omega);

/// Largest broadening for which the rates of a bath are those of sharp energies to some percent.
/// @param kt  temperature of the carriers, eV; 0: not known
double kd_bath_largest_broadening(const kd_bath *bath, double kt);
/// What it is compared with.
const char *kd_bath_broadening_reason(const kd_bath *bath);

/// With `conserves_energy`, K^< is displaced by -shift and K^> by +shift, shift = beta sigma^2/2:
/// then K^>(x) = e^{beta x} K^<(x), and beta is chosen so that the energy is conserved.
double kd_bath_shift(const kd_bath *bath, double beta);

/// True if K^>_q(x) = K^<_q(x): what is quadratic in f then cancels in every Ansatz.
bool kd_bath_is_even(const kd_bath *bath);

/// Kinds and rows for the schema.
extern const kd_variant *const kd_bath_variants[];

#endif
