/// Scattering of the carriers from one another, in second Born approximation.
///
/// (phonons.h has what phonons that are unknowns do to the carriers; it has the same form, a
/// product in (r, tau) with one factor that is not linear in G, and uses the interface below.)
///
/// With the pieces of ansatz.h, G^<_k(tau) = sum_p e^{-i e_p(k) tau} G_p(k), G^> likewise of the
/// free pieces, and G(r) = (1/N_k) sum_k e^{ik.r} G_k, the self-energy is local in (r, tau):
///
///   contact   Sigma^<_ab(r, tau) = (g_s - 1) U_a U_b G^<_ab(r, tau)^2 G^>_ba(-r, -tau)
///   density   Sigma^<_ab(r, tau) = G^<_ab(r, tau) sum_r' V2(r - r') P^<(r', tau),
///             P^<(r, tau) = g_s sum_cd G^<_cd(r, tau) G^>_dc(-r, -tau)
///
/// V2 the transform of V(q)^2, and Sigma^> with < and > exchanged. G_ba(-r, -tau) = G_ab(r, tau)*.
/// At the energies of the pieces
///
///   T^≷_p(k) = (1/N_k^2) sum_k2,k3 sum_p2,p3,p4 t^≷(e_p + e_p2 - e_p3 - e_p4) X^≷,   k4 = k + k2 -
///   k3, X^<_ab = (g_s - 1) U_a U_b G_p3,ab(k3) G_p4,ab(k4) H_p2,ab(k2)* (contact) X^<_ab = g_s V(k
///   - k3)^2 G_p3,ab(k3) sum_cd G_p4,cd(k4) H_p2,cd(k2)*              (density)
///
/// with t = K/2 + i kappa R of K = 2 pi Gaussian, displaced by +-beta sigma^2/2 where the energy is
/// conserved (bath.h). Matrix fields are as in self_energy.h.
#ifndef KD_COLLISION_ELECTRON_H
#define KD_COLLISION_ELECTRON_H

#include "collision/bath.h"
#include "collision/phonons.h"

/// What a back end is made from; all of it outlives the back end.
typedef struct kd_electron_setting {
  kd_model *model;
  const kd_bath *term;
  size_t n_piece;
  const double *energy; ///< [n_piece][n_k], eV
  const double *h;      ///< H(k), packed, eV
  double kappa;
  double largest_shift; ///< of the kernels, eV
  bool is_hermitian;    ///< all pieces that set() will be given are
  kd_phonons *phonons;  ///< what the carriers exchange energy with; NULL: with one another
  size_t kept_bytes;    ///< fft: most that is kept of Sigma(k, tau), rather than computed twice
} kd_electron_setting;

typedef struct kd_electron kd_electron;

typedef struct kd_electron_kind {
  const char *name;
  kd_status (*create)(const kd_electron_setting *setting, kd_electron **self);
  void (*free)(kd_electron *self);
  /// Takes the occupied pieces G_p and the free ones H_p, which are to stay until the last of the
  /// calls below for them.
  void (*set)(kd_electron *self, const double complex *g, const double complex *free_part);
  /// dE/dt times hbar at a trial beta, E = (1/N_k) sum_k Tr(H f), with phonons (1/N_k) sum_q w_q
  /// N(q)/g_s more (eV^2), and the scale of its
  /// rounding: the sum of the moduli of what it is summed from. Outside, a piece stands adjoint.
  kd_status (*energy_rate)(kd_electron *self, double beta, double *rate, double *scale);
  /// t_lesser, t_greater := T^<, T^>; with phonons, their rate as well
  kd_status (*apply)(kd_electron *self, double beta, double complex *t_lesser,
                     double complex *t_greater);
  unsigned long (*n_fft)(const kd_electron *self);
  size_t (*bytes)(const kd_electron *self);
} kd_electron_kind;

/// The sum over k2 and k3 as it stands: the reference, O(N_k^3).
extern const kd_electron_kind kd_electron_direct;
/// The same for phonons, O(N_k^2).
extern const kd_electron_kind kd_phonons_direct;
/// Products in (r, tau), O(N_tau N_k log N_k).
extern const kd_electron_kind kd_electron_fft;

/// Estimates of the time of one evaluation with its search for beta, nanoseconds of one thread.
double kd_electron_direct_cost(const kd_electron_setting *setting);
double kd_phonons_direct_cost(const kd_electron_setting *setting);
/// @param fft  made by kd_electron_fft
double kd_electron_fft_cost(const kd_electron *fft);

/// (g_s - 1) U_a U_b of a contact interaction; a single copy counts as its own partner, g_s = 2.
double kd_electron_contact(const kd_electron_setting *setting, size_t a, size_t b);

/// False for an item of the list that is an interaction with `scattering: false`.
bool kd_electron_scatters(const kd_section *item);

/// True if an item of the list asks for V(q) between densities, else it is a contact interaction.
bool kd_electron_is_density(const kd_section *item);

/// U of every orbital; of V(q) the one U, repeated.
/// @param strength  receives n_band numbers, eV
/// @return KD_ERROR_SCENARIO if U and form do not fit the kind of interaction
kd_status kd_electron_strengths(const kd_section *item, const kd_model *model, double *strength);

/// The row of the term.
extern const kd_bath_kind kd_bath_electron;

/// 2 Re (1/N_k) sum_k sum_p Tr[(T^<_p H_p^dagger - T^>_p G_p^dagger) H], and the sum of the moduli
/// of its terms.
/// @param t             self-energies, by order, [piece][element][n_k]
/// @param g, free_part  occupied and free pieces, likewise
void kd_electron_local_energy_rate(const kd_electron_setting *setting,
                                   const double complex *const t[2], const double complex *g,
                                   const double complex *free_part, double *rate, double *scale);

#endif
