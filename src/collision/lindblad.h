/// Ansatz `lindblad`: scattering operators with one amplitude per pair of levels,
///
///   A_a(k, k')_nn' = <n k|M_a(k, k')|n' k'> sqrt(K^<_{k-k'}(e_n(k) - e_n'(k'))),
///   df/dt = (1/hbar N_k) sum_k' sum_a [ 1/2 {A(k, k') f' A(k, k')^dagger, 1 + theta f}
///                                     - 1/2 {A(k', k)^dagger (1 + theta f') A(k', k), f} ],
///
/// in the eigenbasis (after Rosati, Iotti, Dolcini and Rossi, Phys. Rev. B 90, 125140 (2014)). It
/// keeps 0 <= f <= 1 by construction, and detailed balance only to second order in the energy
/// differences that it mixes. The plain double sum over k and k' is all there is to it: O(N_k^2).
#ifndef KD_COLLISION_LINDBLAD_H
#define KD_COLLISION_LINDBLAD_H

#include "collision/bath.h"
#include "model/bands.h"
#include "state/occupation.h"

typedef struct kd_lindblad kd_lindblad;

typedef struct kd_lindblad_setting {
  kd_model *model;
  const kd_bands *bands;
  double theta;
  const kd_bath *bath;
  size_t n_bath;
  /// Linearized about the thermal function, as in keldysh.h.
  bool is_linearised, is_response;
  const kd_occupation *thermal;
} kd_lindblad_setting;

kd_status kd_lindblad_create(const kd_lindblad_setting *setting, kd_lindblad **lindblad);
void kd_lindblad_free(kd_lindblad *lindblad);
/// df += C[f], packed fields.
kd_status kd_lindblad_add_rate(kd_lindblad *lindblad, const double *f, double *df);
/// As kd_keldysh_add_out_rates.
void kd_lindblad_add_out_rates(const kd_lindblad *lindblad, double *rates);
size_t kd_lindblad_bytes(const kd_lindblad *lindblad);

#endif
