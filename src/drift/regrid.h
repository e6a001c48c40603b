/// From the displaced grid of the co-moving frame to the grid of the model.
#ifndef KD_DRIFT_REGRID_H
#define KD_DRIFT_REGRID_H

#include "drift/translation.h"
#include "keldrift/state.h"

/// Interpolates a packed field given at k_j + shift to the points k_j, in place. In a k.p box only
/// the deviation from the reference is interpolated: f(k) = f_ref(k) + T [f - f_ref(k + shift)].
/// @param scratch_1, scratch_2  n_band^2 n_k doubles each
kd_status kd_regrid(kd_reference *reference, kd_model *model, kd_translation *translation,
                    const double shift[3], double *f, double *scratch_1, double *scratch_2);

#endif
