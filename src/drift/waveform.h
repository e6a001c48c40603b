/// Time dependences of the electric field: one row per kind, used by field.c only.
#ifndef KD_DRIFT_WAVEFORM_H
#define KD_DRIFT_WAVEFORM_H

#include "scenario/expression.h"
#include "scenario/section.h"

/// One row of the `field` list: E(t) = value(t) direction.
typedef struct kd_waveform {
  const struct kd_waveform_kind *kind;
  double direction[3]; ///< unit vector
  double amplitude;    ///< V/angstrom
  double time;         ///< center, start or instant, fs
  double width;        ///< fwhm or rise, fs
  double frequency;    ///< 1/fs
  double phase;        ///< rad
  kd_expression *expression;
  size_t n_knot; ///< table: cubic spline through (knot, value) with second derivatives `bend`
  double *knot, *value, *bend;
} kd_waveform;

/// A time at which the representation of E(t) must be cut.
typedef struct kd_cut {
  double time;
  bool jumps; ///< E or a low derivative is discontinuous there
} kd_cut;

/// Where a waveform needs attention.
typedef struct kd_features {
  kd_cut *cut;
  size_t n_cut, capacity;
} kd_features;

kd_status kd_features_add(kd_features *features, double time, bool jumps);

typedef struct kd_waveform_kind {
  kd_variant variant;
  /// Reads the parameters; direction and kind are set by the caller.
  kd_status (*create)(const kd_section *section, kd_waveform *waveform);
  /// Value at t; NULL for a delta kick, whose impulse is `amplitude` at `time`.
  double (*value)(const kd_waveform *waveform, double t);
  /// Adds the cuts in [0, duration].
  kd_status (*features)(const kd_waveform *waveform, double duration, kd_features *features);
  /// Longest interval that cannot hide structure at time t; INFINITY where the value is below
  /// rounding.
  double (*grain)(const kd_waveform *waveform, double t, double duration);
} kd_waveform_kind;

void kd_waveform_clear(kd_waveform *waveform);

extern const kd_waveform_kind kd_waveform_constant, kd_waveform_step, kd_waveform_pulse,
    kd_waveform_cosine, kd_waveform_kick, kd_waveform_expression, kd_waveform_table;

/// All kinds, for the schema; ends with NULL.
extern const kd_variant *const kd_field_variants[];

#endif
