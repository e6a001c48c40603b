/// Commutators of packed fields.
#ifndef KD_DRIFT_COMMUTATOR_H
#define KD_DRIFT_COMMUTATOR_H

#include <stddef.h>

/// result := -i s [A, B] for packed Hermitian fields A, B of n_band^2 n_k doubles; `result` is
/// neither of them.
void kd_commutator(size_t n_band, size_t n_k, double s, const double *a, const double *b,
                   double *result);

#endif
