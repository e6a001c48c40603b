/// The Keldysh collision operator of the baths that share one way to treat the energy, or of the
/// scattering of the carriers from one another,
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
  bool is_electron; ///< the one bath is the carriers themselves, by the back end of that name
  /// Linearized about the thermal function below: with its value there, or (is_response) as a
  /// linear map of df.
  bool is_linearised, is_response;
  const kd_occupation *thermal; ///< where it is linearized
} kd_keldysh_setting;

kd_status kd_keldysh_create(const kd_keldysh_setting *setting, kd_keldysh **operator);
void kd_keldysh_free(kd_keldysh *operator);

/// df += C[f], packed fields.
/// @return KD_RETRY if no beta conserves the energy
kd_status kd_keldysh_add_rate(kd_keldysh *operator, const double * f, double *df);

/// Adds the rates at which the levels are emptied, [n_k][n_band], 1/fs: about equilibrium for a
/// linearized operator, else for the f last seen.
void kd_keldysh_add_out_rates(const kd_keldysh *operator, double * rates);

const char *kd_keldysh_method(const kd_keldysh *operator);
unsigned long kd_keldysh_n_fft(const kd_keldysh *operator);
size_t kd_keldysh_bytes(const kd_keldysh *operator);

#endif
