/// The uniform electric field E(t).
#ifndef KELDRIFT_FIELD_H
#define KELDRIFT_FIELD_H

#include "keldrift/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kd_field kd_field;

/// Builds the sum of the rows of `field` and resolves it in time: [0, duration] is cut into pieces
/// on each of which every row is smooth and is integrated to rounding by a fixed Gauss rule, so
/// that nothing that is zero now and strong later can be stepped over.
KD_API kd_status kd_field_create(const kd_scenario *scenario, const kd_model *model,
                                 kd_field **field);
KD_API void kd_field_free(kd_field *field);

/// E(t) without delta kicks, V/angstrom (Cartesian, [3]).
KD_API void kd_field_value(const kd_field *field, double t, double e[3]);

/// The impulse integral of E from `t0` to `t1` without kicks, V fs/angstrom.
KD_API void kd_field_impulse(const kd_field *field, double t0, double t1, double impulse[3]);

/// The pieces: `*count` + 1 times, increasing from 0 to the duration.
KD_API const double *kd_field_pieces(const kd_field *field, size_t *count);
/// True if E is zero to rounding on piece `index`.
KD_API bool kd_field_is_quiet(const kd_field *field, size_t index);
/// True if there is no field at any time, kicks included.
KD_API bool kd_field_is_none(const kd_field *field);
/// True if E or a derivative that an integrator relies on jumps at the start of piece `index`.
KD_API bool kd_field_jumps(const kd_field *field, size_t index);

/// Delta kicks in order of time: E(t) += impulse delta(t - time).
typedef struct kd_kick {
  double time;       ///< fs
  double impulse[3]; ///< V fs/angstrom
} kd_kick;
KD_API const kd_kick *kd_field_kicks(const kd_field *field, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
