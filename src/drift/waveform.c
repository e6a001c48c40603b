#include "drift/waveform.h"

#include <math.h>
#include <stdlib.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/table_file.h"

/// exp(-4 ln 2 x^2) is below 1e-19 for |x| > 4, the reach of a pulse in units of its fwhm.
static const double PULSE_REACH = 4;
/// 1 - erf(x) is below rounding for x > 6, the reach of a smooth step in units of its rise.
static const double STEP_REACH = 6;
/// An expression is searched for structure at this many intervals over the duration, each sampled
/// 17 times.
static const double EXPRESSION_INTERVALS = 4096;

#define DIRECTION_ROW                                                                              \
  {                                                                                                \
    .key = "direction", .type = KD_REALS, .fallback = KD_UNSET,                                    \
    .meaning = "Cartesian direction, one number per dimension of k, normalized; default: the "     \
               "first axis"                                                                        \
  }
#define FIELD_AMPLITUDE_ROW(text)                                                                  \
  { .key = "amplitude", .type = KD_REAL, .unit = "V/angstrom", .meaning = text }

kd_status kd_features_add(kd_features *features, double time, bool jumps) {
  if (features->n_cut == features->capacity) {
    const size_t larger = features->capacity ? 2 * features->capacity : 64;
    kd_cut *grown = realloc(features->cut, larger * sizeof *grown);
    if (!grown) return kd_error(KD_ERROR_MEMORY, "out of memory for %zu field features", larger);
    features->cut = grown;
    features->capacity = larger;
  }
  features->cut[features->n_cut++] = (kd_cut){.time = time, .jumps = jumps};
  return KD_OK;
}

void kd_waveform_clear(kd_waveform *waveform) {
  kd_expression_free(waveform->expression);
  kd_free(waveform->knot);
  kd_free(waveform->value);
  kd_free(waveform->bend);
  *waveform = (kd_waveform){0};
}

static kd_status no_features(const kd_waveform *w, double duration, kd_features *features) {
  (void)w, (void)duration, (void)features;
  return KD_OK;
}

static double smooth_everywhere(const kd_waveform *w, double t, double duration) {
  (void)w, (void)t, (void)duration;
  return INFINITY;
}

// --- constant -----------------------------------------------------------------------------------

static kd_status constant_create(const kd_section *section, kd_waveform *w) {
  w->amplitude = kd_section_real(section, "amplitude");
  return KD_OK;
}

static double constant_value(const kd_waveform *w, double t) {
  (void)t;
  return w->amplitude;
}

const kd_waveform_kind kd_waveform_constant = {
    .variant = {.kind = "constant",
                .meaning = "E(t) = amplitude at all times",
                .rows = (const kd_param[]){FIELD_AMPLITUDE_ROW("field strength"),
                                           DIRECTION_ROW,
                                           {.key = NULL}}},
    .create = constant_create,
    .value = constant_value,
    .features = no_features,
    .grain = smooth_everywhere};

// --- step ---------------------------------------------------------------------------------------

static kd_status step_create(const kd_section *section, kd_waveform *w) {
  w->amplitude = kd_section_real(section, "amplitude");
  w->time = kd_section_real(section, "time");
  w->width = kd_section_real(section, "rise");
  return KD_OK;
}

static double step_value(const kd_waveform *w, double t) {
  if (w->width == 0) return t >= w->time ? w->amplitude : 0;
  return 0.5 * w->amplitude * erfc(-(t - w->time) / w->width);
}

static kd_status step_features(const kd_waveform *w, double duration, kd_features *features) {
  (void)duration;
  KD_TRY(kd_features_add(features, w->time, w->width == 0));
  KD_TRY(kd_features_add(features, w->time - STEP_REACH * w->width, false));
  return kd_features_add(features, w->time + STEP_REACH * w->width, false);
}

static double step_grain(const kd_waveform *w, double t, double duration) {
  (void)duration;
  return fabs(t - w->time) < STEP_REACH * w->width ? w->width : INFINITY;
}

const kd_waveform_kind kd_waveform_step = {
    .variant = {.kind = "step",
                .meaning = "E(t) = amplitude (1 + erf((t - time)/rise))/2",
                .rows = (const kd_param[]){FIELD_AMPLITUDE_ROW("field strength after the step"),
                                           {.key = "time",
                                            .type = KD_REAL,
                                            .unit = "fs",
                                            .fallback = "0 fs",
                                            .meaning = "middle of the step"},
                                           {.key = "rise",
                                            .type = KD_REAL,
                                            .unit = "fs",
                                            .fallback = "0 fs",
                                            KD_NON_NEGATIVE,
                                            .meaning = "scale of the error function; 0: sudden"},
                                           DIRECTION_ROW,
                                           {.key = NULL}}},
    .create = step_create,
    .value = step_value,
    .features = step_features,
    .grain = step_grain};

// --- pulse --------------------------------------------------------------------------------------

static kd_status pulse_create(const kd_section *section, kd_waveform *w) {
  w->amplitude = kd_section_real(section, "amplitude");
  w->time = kd_section_real(section, "center");
  w->width = kd_section_real(section, "fwhm");
  w->frequency = kd_section_real(section, "frequency");
  w->phase = kd_section_real(section, "phase");
  return KD_OK;
}

static double pulse_value(const kd_waveform *w, double t) {
  const double x = (t - w->time) / w->width;
  if (fabs(x) > PULSE_REACH) return 0;
  return w->amplitude * exp(-4 * M_LN2 * x * x) *
         cos(2 * M_PI * w->frequency * (t - w->time) + w->phase);
}

static kd_status pulse_features(const kd_waveform *w, double duration, kd_features *features) {
  (void)duration;
  KD_TRY(kd_features_add(features, w->time - PULSE_REACH * w->width, false));
  KD_TRY(kd_features_add(features, w->time, false));
  return kd_features_add(features, w->time + PULSE_REACH * w->width, false);
}

static double pulse_grain(const kd_waveform *w, double t, double duration) {
  (void)duration;
  if (fabs(t - w->time) > PULSE_REACH * w->width) return INFINITY;
  return fmin(0.5 * w->width, 0.5 / fabs(w->frequency));
}

const kd_waveform_kind kd_waveform_pulse = {
    .variant =
        {.kind = "pulse",
         .meaning = "E(t) = amplitude exp(-4 ln2 ((t - center)/fwhm)^2) "
                    "cos(2 pi frequency (t - center) + phase)",
         .rows =
             (const kd_param[]){
                 FIELD_AMPLITUDE_ROW("peak of the envelope"),
                 {.key = "center", .type = KD_REAL, .unit = "fs", .meaning = "time of the peak"},
                 {.key = "fwhm",
                  .type = KD_REAL,
                  .unit = "fs",
                  KD_POSITIVE,
                  .meaning = "full width at half maximum of the field envelope"},
                 {.key = "frequency",
                  .type = KD_REAL,
                  .unit = "1/fs",
                  .fallback = "0 1/fs",
                  KD_NON_NEGATIVE,
                  .meaning = "carrier frequency in cycles (\"10 THz\"); 0: unipolar"},
                 {.key = "phase",
                  .type = KD_REAL,
                  .fallback = "0",
                  .meaning = "carrier-envelope phase, rad"},
                 DIRECTION_ROW,
                 {.key = NULL}}},
    .create = pulse_create,
    .value = pulse_value,
    .features = pulse_features,
    .grain = pulse_grain};

// --- cosine -------------------------------------------------------------------------------------

static kd_status cosine_create(const kd_section *section, kd_waveform *w) {
  w->amplitude = kd_section_real(section, "amplitude");
  w->frequency = kd_section_real(section, "frequency");
  w->phase = kd_section_real(section, "phase");
  return KD_OK;
}

static double cosine_value(const kd_waveform *w, double t) {
  return w->amplitude * cos(2 * M_PI * w->frequency * t + w->phase);
}

static double cosine_grain(const kd_waveform *w, double t, double duration) {
  (void)t, (void)duration;
  return 0.5 / w->frequency;
}

const kd_waveform_kind kd_waveform_cosine = {
    .variant = {.kind = "cosine",
                .meaning = "E(t) = amplitude cos(2 pi frequency t + phase)",
                .rows = (const kd_param[]){FIELD_AMPLITUDE_ROW("amplitude"),
                                           {.key = "frequency",
                                            .type = KD_REAL,
                                            .unit = "1/fs",
                                            KD_POSITIVE,
                                            .meaning = "frequency in cycles (\"10 THz\")"},
                                           {.key = "phase",
                                            .type = KD_REAL,
                                            .fallback = "0",
                                            .meaning = "phase at t = 0, rad"},
                                           DIRECTION_ROW,
                                           {.key = NULL}}},
    .create = cosine_create,
    .value = cosine_value,
    .features = no_features,
    .grain = cosine_grain};

// --- kick ---------------------------------------------------------------------------------------

static kd_status kick_create(const kd_section *section, kd_waveform *w) {
  w->amplitude = kd_section_real(section, "impulse");
  w->time = kd_section_real(section, "time");
  return KD_OK;
}

const kd_waveform_kind kd_waveform_kick = {
    .variant = {.kind = "kick",
                .meaning =
                    "E(t) = impulse delta(t - time); a frame at that time is taken before it",
                .rows = (const kd_param[]){{.key = "impulse",
                                            .type = KD_REAL,
                                            .unit = "V fs/angstrom",
                                            .meaning = "time integral of the field"},
                                           {.key = "time",
                                            .type = KD_REAL,
                                            .unit = "fs",
                                            .fallback = "0 fs",
                                            KD_NON_NEGATIVE,
                                            .meaning = "instant of the kick"},
                                           DIRECTION_ROW,
                                           {.key = NULL}}},
    .create = kick_create,
    .features = no_features,
    .grain = smooth_everywhere};

// --- expression ---------------------------------------------------------------------------------

static kd_status expression_create(const kd_section *section, kd_waveform *w) {
  w->amplitude = 1;
  return kd_expression_create(kd_section_text(section, "expression"), "t", &w->expression);
}

static double expression_value(const kd_waveform *w, double t) {
  return kd_expression_value(w->expression, &t);
}

static double expression_grain(const kd_waveform *w, double t, double duration) {
  (void)w, (void)t;
  return duration / EXPRESSION_INTERVALS;
}

const kd_waveform_kind kd_waveform_expression = {
    .variant = {.kind = "expression",
                .meaning =
                    "E(t) from a formula; structure shorter than 1/70000 of the duration may "
                    "be missed",
                .rows =
                    (const kd_param[]){{.key = "expression",
                                        .type = KD_EXPRESSION,
                                        .variables = "t",
                                        .meaning = "formula in t (fs) with values in V/angstrom"},
                                       DIRECTION_ROW,
                                       {.key = NULL}}},
    .create = expression_create,
    .value = expression_value,
    .features = no_features,
    .grain = expression_grain};

// --- table --------------------------------------------------------------------------------------

/// Second derivatives of the natural cubic spline through (x, y): the tridiagonal system
/// h_{i-1} m_{i-1} + 2 (h_{i-1} + h_i) m_i + h_i m_{i+1} = 6 (d_i - d_{i-1}), solved by
/// elimination.
static kd_status natural_spline(size_t n, const double *x, const double *y, double *bend) {
  kd_status status = KD_OK;
  double *diagonal = NULL;
  KD_ALLOCATE(diagonal, n);
  bend[0] = bend[n - 1] = 0;
  for (size_t i = 1; i + 1 < n; i++) {
    const double h0 = x[i] - x[i - 1], h1 = x[i + 1] - x[i];
    diagonal[i] = 2 * (h0 + h1);
    bend[i] = 6 * ((y[i + 1] - y[i]) / h1 - (y[i] - y[i - 1]) / h0);
    if (i > 1) {
      const double ratio = h0 / diagonal[i - 1];
      diagonal[i] -= ratio * h0;
      bend[i] -= ratio * bend[i - 1];
    }
  }
  for (size_t i = n - 2; i >= 1; i--)
    bend[i] = (bend[i] - (x[i + 1] - x[i]) * bend[i + 1]) / diagonal[i];

cleanup:
  kd_free(diagonal);
  return status;
}

static kd_status table_create(const kd_section *section, kd_waveform *w) {
  kd_status status = KD_OK;
  double *values = NULL;
  size_t n_row = 0, n_column = 0;
  const char *path = kd_section_text(section, "file");
  status = kd_table_file_read(path, &values, &n_row, &n_column);
  if (status == KD_ERROR_FILE)
    return kd_section_file_error(section, "file", "%s", kd_error_message());
  if (status != KD_OK) return status;
  if (n_row < 2 || n_column != 2) {
    status = kd_section_error(section, "file",
                              "\"%s\" has %zu rows of %zu columns (expected two "
                              "columns, time and field, and at least two rows)",
                              path, n_row, n_column);
    goto cleanup;
  }
  const double time_scale = kd_section_real(section, "time_scale");
  const double scale = kd_section_real(section, "scale");
  w->n_knot = n_row;
  KD_ALLOCATE(w->knot, n_row);
  KD_ALLOCATE(w->value, n_row);
  KD_ALLOCATE(w->bend, n_row);
  for (size_t i = 0; i < n_row; i++) {
    w->knot[i] = time_scale * values[2 * i];
    w->value[i] = scale * values[2 * i + 1];
    if (i > 0 && !(w->knot[i] > w->knot[i - 1])) {
      status = kd_section_error(section, "file",
                                "\"%s\": time %g of row %zu does not increase (expected strictly "
                                "increasing times)",
                                path, values[2 * i], i + 1);
      goto cleanup;
    }
  }
  status = natural_spline(n_row, w->knot, w->value, w->bend);

cleanup:
  kd_free(values);
  return status;
}

static double table_value(const kd_waveform *w, double t) {
  const size_t n = w->n_knot;
  if (t < w->knot[0] || t > w->knot[n - 1]) return 0;
  size_t low = 0, high = n - 1;
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    if (w->knot[middle] <= t)
      low = middle;
    else
      high = middle;
  }
  const double h = w->knot[high] - w->knot[low];
  const double a = (w->knot[high] - t) / h, b = (t - w->knot[low]) / h;
  return a * w->value[low] + b * w->value[high] +
         ((a * a * a - a) * w->bend[low] + (b * b * b - b) * w->bend[high]) * h * h / 6;
}

static kd_status table_features(const kd_waveform *w, double duration, kd_features *features) {
  (void)duration;
  const size_t last = w->n_knot - 1;
  for (size_t i = 0; i <= last; i++) {
    const bool ends = (i == 0 || i == last) && w->value[i] != 0;
    KD_TRY(kd_features_add(features, w->knot[i], ends));
  }
  return KD_OK;
}

const kd_waveform_kind kd_waveform_table = {
    .variant = {.kind = "table",
                .meaning = "natural cubic spline through a table, zero outside it",
                .rows =
                    (const kd_param[]){
                        {.key = "file",
                         .type = KD_PATH,
                         .meaning =
                             "text file with two columns, time and field; # starts a comment"},
                        {.key = "time_scale",
                         .type = KD_REAL,
                         .unit = "fs",
                         .fallback = "1 fs",
                         KD_POSITIVE,
                         .meaning = "unit of the first column"},
                        {.key = "scale",
                         .type = KD_REAL,
                         .unit = "V/angstrom",
                         .fallback = "1 V/angstrom",
                         .meaning = "unit of the second column"},
                        DIRECTION_ROW,
                        {.key = NULL}}},
    .create = table_create,
    .value = table_value,
    .features = table_features,
    .grain = smooth_everywhere};

const kd_variant *const kd_field_variants[] = {
    &kd_waveform_constant.variant, &kd_waveform_step.variant,
    &kd_waveform_pulse.variant,    &kd_waveform_cosine.variant,
    &kd_waveform_kick.variant,     &kd_waveform_expression.variant,
    &kd_waveform_table.variant,    NULL};
