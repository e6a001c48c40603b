/// The Keldysh collision operator of the baths that share one way to treat the energy, or of the
/// scattering of the carriers from one another, or from phonons that are unknowns,
///
///   df/dt = -(1/2 hbar) sum_n ({S^>_n, F_n} - {S^<_n, H_n})
///           -(i kappa/hbar) sum_n ([R^>_n, F_n] - [R^<_n, H_n]),
///
/// with F_n, H_n the occupied and free parts of the spectral function at level n by the Ansatz.
#ifndef KD_COLLISION_KELDYSH_H
#define KD_COLLISION_KELDYSH_H

#include "collision/ansatz.h"
#include "collision/electron.h"
#include "collision/self_energy.h"
#include "model/bands.h"
#include "state/occupation.h"

typedef struct kd_keldysh kd_keldysh;

/// What an operator is made from; model, bands and baths outlive it.
typedef struct kd_keldysh_setting {
  kd_model *model;
  const kd_bands *bands;
  double theta; ///< of the statistics
  const kd_ansatz *ansatz;
  double kappa;
  const kd_bath *bath;
  size_t n_bath;
  /// All baths conserve the energy: their kernels are displaced by the beta that makes dE/dt
  /// vanish.
  bool conserves_energy;
  const kd_self_energy_kind *method; ///< NULL: the one with the lower cost
  bool is_electron;    ///< the one bath is the carriers themselves, by the back end of that name,
  kd_phonons *phonons; ///< or phonons that are unknowns
  /// Linearized about the thermal function below: with its value there, or (is_response) as a
  /// linear map of df.
  bool is_linearised, is_response;
  const kd_occupation *thermal; ///< where it is linearized
  const kd_section *section;    ///< `collisions`, where errors are placed; NULL: without place
} kd_keldysh_setting;

kd_status kd_keldysh_create(const kd_keldysh_setting *setting, kd_keldysh **operator);
void kd_keldysh_free(kd_keldysh *operator);
/// Another one for a thread of its own, which uses the tables of `operator` and must not outlive
/// it.
kd_status kd_keldysh_clone(const kd_keldysh *operator, kd_keldysh ** clone);
/// Shares the self-energies among processes that hold the same f.
kd_status kd_keldysh_share(kd_keldysh *keldysh, const kd_comm *comm);

/// df += C[f], packed fields.
/// @return KD_RETRY if no beta conserves the energy
kd_status kd_keldysh_add_rate(kd_keldysh *operator, const double * f, double *df);

/// Adds the rates at which the levels are emptied, [n_k][n_band], 1/fs: about equilibrium for a
/// linearized operator, else for the f last seen.
void kd_keldysh_add_out_rates(const kd_keldysh *operator, double * rates);

/// True if C[f] - C[0] is linear in f: linearized, classical, or all kernels alike in and out.
bool kd_keldysh_is_affine(const kd_keldysh *operator);

/// True if C[f] = C[0] + L f + Q(f), L linear and Q as kd_keldysh_add_quadratic has it.
bool kd_keldysh_is_quadratic(const kd_keldysh *operator);
/// Numbers in the difference of the self-energies T^> and T^< of one f.
size_t kd_keldysh_n_net(const kd_keldysh *operator);
/// net := T^>[F] - T^<[F] of the pieces F of f, linear in f.
kd_status kd_keldysh_net(kd_keldysh *operator, const double * f, double *net);
/// df += Q(f) = -(theta/hbar) sum_p (net_p F_p + F_p^dagger net_p^dagger), which is the part of
/// C[f] that is quadratic in f. May run in several threads.
/// @param scratch  kd_keldysh_n_scratch complex numbers
/// @return the largest rate at which a level is emptied, 1/fs
double kd_keldysh_add_quadratic(const kd_keldysh *operator, const double * net, const double *f,
                                double complex *scratch, double *df);
size_t kd_keldysh_n_scratch(const kd_keldysh *operator);

/// Estimate of the time of an evaluation of C[f], nanoseconds of one thread.
double kd_keldysh_cost(const kd_keldysh *operator);

/// 1/kT that conserved the energy in the last evaluation, 1/eV; 0: none.
double kd_keldysh_beta(const kd_keldysh *operator);
/// dE/dt that an energy-conserving operator of electrons left in the last evaluation, eV/fs per
/// cell and spin: 0 unless coherences ask for it.
double kd_keldysh_energy_left(const kd_keldysh *operator);
/// Largest dE/dt that an energy-conserving operator has left so far, over what flows in and out: 0
/// unless f was no occupation, for which there may be no beta.
double kd_keldysh_defect(const kd_keldysh *operator);
/// Adds what a clone knows of that.
void kd_keldysh_absorb(kd_keldysh *operator, const kd_keldysh * clone);

const char *kd_keldysh_method(const kd_keldysh *operator);
unsigned long kd_keldysh_n_fft(const kd_keldysh *operator);
size_t kd_keldysh_bytes(const kd_keldysh *operator);

#endif
