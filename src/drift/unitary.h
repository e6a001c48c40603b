/// The local part of the Liouville flow: unitary matrices U(k) and their Magnus steps.
///
/// U solves i hbar dU/dt = H(k,t) U. With H at the three Gauss-Legendre nodes of a step,
///
///   K1 = (dt/hbar) H_2,  K2 = (sqrt(15)/3) (dt/hbar) (H_3 - H_1),
///   K3 = (10/3) (dt/hbar) (H_3 - 2 H_2 + H_1),   {A,B} = -i [A,B],
///   C1 = {K1,K2},  C2 = -{K1, 2 K3 + C1}/60,
///   K = K1 + K3/12 + {-20 K1 - K3 + C1, K2 + C2}/240,      U(t + dt) = exp(-iK) U(t),
///
/// which is of order 6; K1 + K3/12 - {K1,K2}/12 is of order 4 and gives the error estimate.
/// Source: Blanes, Casas, Oteo, Ros, Phys. Rep. 470, 151 (2009), sec. 5. The trace of H drops out
/// of U A U^dagger and is left out.
#ifndef KD_DRIFT_UNITARY_H
#define KD_DRIFT_UNITARY_H

#include <stdbool.h>
#include <stddef.h>

#include "keldrift/status.h"

/// One way to store and multiply U(k), chosen by the number of bands.
typedef struct kd_unitary {
  const char *name;
  /// Doubles per k.
  size_t (*n_component)(size_t n_band);
  /// u := 1.
  void (*identity)(size_t n_band, size_t n_k, double *u);
  /// One step from `u` to `u_next` (which do not overlap). `h` are the packed fields at the Gauss
  /// nodes; h[1] and h[2] are NULL when H is constant over the step.
  /// `*error` receives the largest Frobenius norm over k of the difference of the two orders.
  kd_status (*step)(size_t n_band, size_t n_k, double dt_over_hbar, const double *const h[3],
                    const double *u, double *u_next, double *error);
  /// result := U A U^dagger, or U^dagger A U when `inverse`, for packed fields; in place is
  /// allowed.
  kd_status (*rotate)(size_t n_band, size_t n_k, const double *u, bool inverse, const double *a,
                      double *result);
} kd_unitary;

/// Two bands: U = u_0 - i u.sigma, four reals per k.
extern const kd_unitary kd_unitary_two;
/// Any number of bands: full matrices, several k at a time.
extern const kd_unitary kd_unitary_many;

/// The fastest one for `n_band`.
const kd_unitary *kd_unitary_choose(size_t n_band);

#endif
