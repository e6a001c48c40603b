/// The on-shell self-energy, by one of two back ends behind one interface.
///
/// The spectral function of the carriers is a sum of pieces, delta functions at energies e_p(k)
/// with matrix weights: G_k(w) = sum_p G_p(k) d(w - e_p(k)). At the energies of the pieces the
/// self-energy is
///
///   T^≷_p(k) = (1/N_k) sum_k' sum_m t^≷_{k-k'}(e_p(k) - e_m(k')) sum_a M_a G_m(k') M_a^dagger,
///   t = K/2 + i kappa R,
///
/// K the kernel of a bath and R its principal-value partner. Matrix fields are
/// [piece][element][n_k], complex, k fastest, in the orbital basis.
#ifndef KD_COLLISION_SELF_ENERGY_H
#define KD_COLLISION_SELF_ENERGY_H

#include "collision/bath.h"
#include "keldrift/comm.h"

/// What a back end is made from; all of it outlives the back end.
typedef struct kd_self_energy_setting {
  kd_model *model;
  const kd_bath *bath;
  size_t n_bath;
  size_t n_piece;
  const double *energy; ///< [n_piece][n_k], eV
  double kappa;
  double largest_shift;      ///< of the kernels of baths that conserve the energy, eV
  bool is_hermitian;         ///< all pieces that apply() will be given are
  const kd_section *section; ///< `collisions`, where errors are placed; NULL: without place
} kd_self_energy_setting;

typedef struct kd_self_energy kd_self_energy;

typedef struct kd_self_energy_kind {
  const char *name;
  kd_status (*create)(const kd_self_energy_setting *setting, kd_self_energy **self);
  void (*free)(kd_self_energy *self);
  /// Another one for a thread of its own, which uses the tables of `self` and must not outlive it.
  kd_status (*clone)(const kd_self_energy *self, kd_self_energy **clone);
  /// Shares the work of apply(), which is collective from then on, among processes that give it the
  /// same g: its results are the same bits everywhere, and for any number of processes.
  kd_status (*share)(kd_self_energy *self, const kd_comm *comm);
  /// t_lesser, t_greater := T^<[g], T^>[g]; they do not overlap with g. One of them may be NULL and
  /// is then not computed.
  /// @param beta  displaces the kernels of baths that conserve the energy (kd_bath_shift), 1/eV
  kd_status (*apply)(kd_self_energy *self, const double complex *g, double beta,
                     double complex *t_lesser, double complex *t_greater);
  unsigned long (*n_fft)(const kd_self_energy *self);
  size_t (*bytes)(const kd_self_energy *self);
} kd_self_energy_kind;

/// The double sum over k and k' with a table of t: the reference, O(N_k^2).
extern const kd_self_energy_kind kd_self_energy_direct;
/// Fourier series of the kernels in energy, convolutions over k by FFT: O(N_tau N_k log N_k).
extern const kd_self_energy_kind kd_self_energy_fft;

/// Bytes of the table of `direct`.
size_t kd_self_energy_direct_bytes(const kd_self_energy_setting *setting);

/// Estimates of the time of one apply() for both orders, to choose by: nanoseconds of one thread,
/// within a factor of two where they were fitted.
double kd_self_energy_direct_cost(const kd_self_energy_setting *setting);
/// @param fft  made by kd_self_energy_fft
double kd_self_energy_fft_cost(const kd_self_energy *fft);

#endif
