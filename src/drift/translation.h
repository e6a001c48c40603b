/// Translation in k by FFT phases, and its derivative.
#ifndef KD_DRIFT_TRANSLATION_H
#define KD_DRIFT_TRANSLATION_H

#include "keldrift/model.h"

typedef struct kd_translation kd_translation;

/// Plans the real-to-complex transforms for fields on the grid of the model.
kd_status kd_translation_create(const kd_model *model, kd_translation **translation);
void kd_translation_free(kd_translation *translation);

/// Interpolates every component of a packed field A, given at the points k_j + shift, to the points
/// k_j: the Fourier mode e^{ik.R} is multiplied by e^{-i shift.R}. The Nyquist mode of an even axis
/// is the real cos(n k a/2); its multiplier is cos(n shift a/2), which is the real interpolant and
/// not unitary: what a field holds there is not resolved by the grid.
/// @param a, result  n_band^2 n_k; in place is allowed
kd_status kd_translation_apply(kd_translation *translation, const double shift[3], const double *a,
                               double *result);

/// result := direction . grad_k A, spectrally; the Nyquist mode has derivative zero on the grid.
kd_status kd_translation_derivative(kd_translation *translation, const double direction[3],
                                    const double *a, double *result);

/// How well the grid resolves a packed field: the largest Fourier coefficient in the outer tenth of
/// the modes over the largest of all, over all components.
double kd_translation_tail(kd_translation *translation, const double *a);

/// Component transforms done so far, forward and backward each counting one.
unsigned long kd_translation_n_fft(const kd_translation *translation);
size_t kd_translation_bytes(const kd_model *model);

#endif
