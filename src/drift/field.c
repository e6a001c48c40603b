#include "keldrift/field.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "drift/waveform.h"

/// E(t) on a piece counts as resolved when its Chebyshev coefficients of degree 15 and 16 are below
/// this fraction of the largest |E|; the Gauss rule below is exact far beyond that degree.
#define RESOLVED 1e-13
/// A piece on which |E| stays below this fraction of the largest |E| is quiet.
#define QUIET 1e-16
/// Pieces are not cut below this fraction of the duration: what is still unresolved there is a
/// jump.
#define SMALLEST 1e-11

/// A field beyond this, V/angstrom or natural units, is a mistake: the field inside a hydrogen atom
/// is 51 V/angstrom.
static const double STRONGEST = 1e6;

enum { DEGREE = 16, N_GAUSS = 16 };

/// Nodes and weights of the 16-point Gauss-Legendre rule on [-1, 1], positive half.
static const double GAUSS_NODE[N_GAUSS / 2] = {
    0.0950125098376374402, 0.2816035507792589132, 0.4580167776572273863, 0.6178762444026437484,
    0.7554044083550030339, 0.8656312023878317439, 0.9445750230732325761, 0.9894009349916499326};
static const double GAUSS_WEIGHT[N_GAUSS / 2] = {
    0.1894506104550684963, 0.1826034150449235889, 0.1691565193950025382, 0.1495959888165767321,
    0.1246289712555338720, 0.0951585116824927848, 0.0622535239386478929, 0.0271524594117540949};

struct kd_field {
  kd_waveform *waveform;
  size_t n_waveform;
  double duration;
  double scale;           ///< largest |E| found on the samples
  double peak, peak_time; ///< the same on those of the pieces, which approach a pole
  kd_kick *kick;
  size_t n_kick;
  double *edge;    ///< [n_piece + 1]
  double *impulse; ///< [n_piece + 1][3], from 0 to the edge
  bool *quiet;     ///< [n_piece]
  bool *jump;      ///< [n_piece], at the start of the piece
  size_t n_piece, capacity;
};

void kd_field_value(const kd_field *field, double t, double e[3]) {
  e[0] = e[1] = e[2] = 0;
  for (size_t i = 0; i < field->n_waveform; i++) {
    const kd_waveform *w = &field->waveform[i];
    if (!w->kind->value) continue;
    const double value = w->kind->value(w, t);
    for (int d = 0; d < 3; d++) e[d] += value * w->direction[d];
  }
}

static double magnitude(const double e[3]) {
  return fmax(fabs(e[0]), fmax(fabs(e[1]), fabs(e[2])));
}

/// True if E on [a, b] is a polynomial of degree 16 to rounding. The samples are taken strictly
/// inside so that a jump at an end does not count. `*largest` receives the largest sample.
static bool is_resolved(kd_field *field, double a, double b, double *largest) {
  double sample[DEGREE + 1][3], before = 0, steepest = 0;
  *largest = 0;
  for (int j = 0; j <= DEGREE; j++) {
    const double x = cos(M_PI * (j + 0.5) / (DEGREE + 1));
    kd_field_value(field, 0.5 * (a + b) + 0.5 * (b - a) * x, sample[j]);
    const double size = magnitude(sample[j]);
    *largest = fmax(*largest, size);
    if (size > field->peak || !isfinite(size)) {
      field->peak = isfinite(size) ? size : INFINITY;
      field->peak_time = 0.5 * (a + b) + 0.5 * (b - a) * x;
    }
    for (int d = 0; d < 3 && j > 0; d++)
      steepest = fmax(steepest, fabs(sample[j][d] - sample[j - 1][d]) / (before - x));
    before = x;
  }
  // The rounding of t in E(t), which no shorter piece can do away with.
  const double noise = 4 * DBL_EPSILON * fabs(b) * steepest / (0.5 * (b - a));
  double tail = 0;
  for (int degree = DEGREE - 1; degree <= DEGREE; degree++)
    for (int d = 0; d < 3; d++) {
      double coefficient = 0;
      for (int j = 0; j <= DEGREE; j++)
        coefficient += sample[j][d] * cos(M_PI * degree * (j + 0.5) / (DEGREE + 1));
      tail = fmax(tail, fabs(coefficient) * 2 / (DEGREE + 1));
    }
  return tail <= RESOLVED * field->scale + noise;
}

static double grain_at(const kd_field *field, double t) {
  double grain = INFINITY;
  for (size_t i = 0; i < field->n_waveform; i++) {
    const kd_waveform *w = &field->waveform[i];
    grain = fmin(grain, w->kind->grain(w, t, field->duration));
  }
  return grain;
}

static kd_status add_piece(kd_field *field, double end, bool quiet, bool jump) {
  if (field->n_piece == field->capacity) {
    const size_t larger = field->capacity ? 2 * field->capacity : 256;
    double *edge = realloc(field->edge, (larger + 1) * sizeof *edge);
    if (edge) field->edge = edge;
    bool *quiets = realloc(field->quiet, larger * sizeof *quiets);
    if (quiets) field->quiet = quiets;
    bool *jumps = realloc(field->jump, larger * sizeof *jumps);
    if (jumps) field->jump = jumps;
    if (!edge || !quiets || !jumps)
      return kd_error(KD_ERROR_MEMORY, "out of memory for %zu field pieces", larger);
    field->capacity = larger;
  }
  field->edge[field->n_piece + 1] = end;
  field->quiet[field->n_piece] = quiet;
  field->jump[field->n_piece] = jump;
  field->n_piece++;
  return KD_OK;
}

/// Appends the pieces of [a, b]. Intervals longer than `grain` are halved before they are trusted,
/// and joined again when the whole turns out smooth.
static kd_status resolve(kd_field *field, double a, double b, double grain, bool jump) {
  double largest;
  if (b - a > grain) {
    const size_t before = field->n_piece;
    const double middle = 0.5 * (a + b);
    KD_TRY(resolve(field, a, middle, grain, jump));
    KD_TRY(resolve(field, middle, b, grain, false));
    if (field->n_piece == before + 2 && !field->jump[before + 1] &&
        is_resolved(field, a, b, &largest)) {
      field->n_piece = before;
      KD_TRY(add_piece(field, b, largest <= QUIET * field->scale, jump));
    }
    return KD_OK;
  }
  const bool resolved = is_resolved(field, a, b, &largest);
  if (resolved || b - a <= SMALLEST * field->duration)
    return add_piece(field, b, largest <= QUIET * field->scale, jump || !resolved);
  const double middle = 0.5 * (a + b);
  KD_TRY(resolve(field, a, middle, grain, jump));
  return resolve(field, middle, b, grain, false);
}

/// Integral of E over [a, b] inside one piece.
static void integrate(const kd_field *field, double a, double b, double impulse[3]) {
  const double center = 0.5 * (a + b), half = 0.5 * (b - a);
  impulse[0] = impulse[1] = impulse[2] = 0;
  for (int j = 0; j < N_GAUSS / 2; j++)
    for (int sign = -1; sign <= 1; sign += 2) {
      double e[3];
      kd_field_value(field, center + sign * half * GAUSS_NODE[j], e);
      for (int d = 0; d < 3; d++) impulse[d] += half * GAUSS_WEIGHT[j] * e[d];
    }
}

static int compare_cuts(const void *left, const void *right) {
  const double a = ((const kd_cut *)left)->time, b = ((const kd_cut *)right)->time;
  return (a > b) - (a < b);
}

static int compare_kicks(const void *left, const void *right) {
  const double a = ((const kd_kick *)left)->time, b = ((const kd_kick *)right)->time;
  return (a > b) - (a < b);
}

/// True if E has a jump at time t, which both pieces that end there may have missed.
static bool differs_across(const kd_field *field, double t) {
  const double nearby = 8 * DBL_EPSILON * field->duration;
  double before[3], after[3];
  kd_field_value(field, t - nearby, before);
  kd_field_value(field, t + nearby, after);
  for (int d = 0; d < 3; d++) after[d] -= before[d];
  return magnitude(after) > 1e-6 * field->scale;
}

/// Reports the row that is not finite at time t.
static kd_status not_finite(const kd_section *root, const kd_field *field, double t) {
  for (size_t i = 0; i < field->n_waveform; i++) {
    const kd_waveform *w = &field->waveform[i];
    if (w->kind->value && !isfinite(w->kind->value(w, t)))
      return kd_section_error(
          kd_section_item(root, "field", i), NULL,
          "E(t) is not finite at t = %.6g (expected finite values from 0 to %.6g)", t,
          field->duration);
  }
  return kd_section_error(root, "field", "the sum is not finite at t = %.6g", t);
}

/// Reports the row that is largest where the sum is beyond bounds.
static kd_status too_strong(const kd_section *root, const kd_field *field) {
  const double t = field->peak_time;
  double largest = 0;
  size_t row = 0;
  for (size_t i = 0; i < field->n_waveform; i++) {
    const kd_waveform *w = &field->waveform[i];
    const double value = w->kind->value ? fabs(w->kind->value(w, t)) : 0;
    if (value <= largest && isfinite(value)) continue;
    largest = isfinite(value) ? value : INFINITY;
    row = i;
  }
  return kd_section_error(kd_section_item(root, "field", row), NULL,
                          "E(t) at t = %.6g reaches %.3g (expected less than %.0e, and no poles)",
                          t, field->peak, STRONGEST);
}

static kd_status build_pieces(const kd_section *root, kd_field *field) {
  kd_status status = KD_OK;
  kd_features features = {0};
  for (size_t i = 0; i < field->n_waveform; i++) {
    const kd_waveform *w = &field->waveform[i];
    KD_CHECK(w->kind->features(w, field->duration, &features));
  }
  for (size_t i = 0; i < field->n_kick; i++)
    KD_CHECK(kd_features_add(&features, field->kick[i].time, true));
  KD_CHECK(kd_features_add(&features, field->duration, false));
  qsort(features.cut, features.n_cut, sizeof *features.cut, compare_cuts);

  // First pass: the scale that "resolved" and "quiet" refer to.
  const double nothing = SMALLEST * field->duration;
  for (int pass = 0; pass < 2; pass++) {
    double a = 0;
    bool jump = false;
    field->n_piece = 0;
    for (size_t i = 0; i < features.n_cut; i++) {
      const double b = features.cut[i].time;
      if (b > field->duration) break;
      if (b - a > nothing) {
        const double grain = grain_at(field, 0.5 * (a + b));
        if (pass == 0) {
          const double step = fmin(grain, (b - a) / 16) / 4;
          for (double t = a + 0.5 * step; t < b; t += step) {
            double e[3];
            kd_field_value(field, t, e);
            if (!isfinite(magnitude(e))) {
              status = not_finite(root, field, t);
              goto cleanup;
            }
            field->scale = fmax(field->scale, magnitude(e));
          }
        } else {
          KD_CHECK(resolve(field, a, b, grain, jump));
        }
        a = b;
        jump = features.cut[i].jumps;
      } else {
        jump = jump || features.cut[i].jumps;
      }
    }
  }
  if (field->peak > STRONGEST) {
    status = too_strong(root, field);
    goto cleanup;
  }
  field->edge[0] = 0;
  field->edge[field->n_piece] = field->duration;
  KD_ALLOCATE(field->impulse, 3 * (field->n_piece + 1));
  for (size_t i = 0; i < field->n_piece; i++) {
    // What follows a piece that could not be resolved starts afresh.
    if (i > 0 && field->edge[i] - field->edge[i - 1] <= nothing) field->jump[i] = true;
    if (i > 0 && differs_across(field, field->edge[i])) field->jump[i] = true;
    double part[3];
    integrate(field, field->edge[i], field->edge[i + 1], part);
    for (size_t d = 0; d < 3; d++)
      field->impulse[3 * (i + 1) + d] = field->impulse[3 * i + d] + part[d];
  }

cleanup:
  free(features.cut);
  return status;
}

static kd_status read_direction(const kd_section *section, size_t n_dim, double direction[3]) {
  direction[0] = 1;
  direction[1] = direction[2] = 0;
  if (!kd_section_has(section, "direction")) return KD_OK;
  size_t count;
  const double *given = kd_section_reals(section, "direction", &count);
  if (count != n_dim)
    return kd_section_error(section, "direction",
                            "%zu components (expected %zu, one per dimension "
                            "of the k grid)",
                            count, n_dim);
  double norm = 0;
  for (size_t d = 0; d < count; d++) norm = hypot(norm, given[d]);
  if (!(norm > 0))
    return kd_section_error(section, "direction", "the zero vector has no direction");
  for (size_t d = 0; d < 3; d++) direction[d] = d < count ? given[d] / norm : 0;
  return KD_OK;
}

kd_status kd_field_create(const kd_scenario *scenario, const kd_model *model, kd_field **result) {
  kd_status status = KD_OK;
  const kd_section *root = kd_scenario_root(scenario);
  const size_t n = kd_section_count(root, "field");
  kd_field *field = NULL;
  *result = NULL;
  KD_ALLOCATE(field, 1);
  field->duration = kd_section_real(kd_section_child(root, "propagation"), "duration");
  KD_ALLOCATE(field->waveform, n);
  KD_ALLOCATE(field->kick, n);
  for (size_t i = 0; i < n; i++) {
    const kd_section *section = kd_section_item(root, "field", i);
    kd_waveform *w = &field->waveform[field->n_waveform];
    w->kind = (const kd_waveform_kind *)kd_section_variant(section);
    field->n_waveform++;
    KD_CHECK(read_direction(section, kd_model_n_dim(model), w->direction));
    KD_CHECK(w->kind->create(section, w));
    if (w->kind->value) continue;
    kd_kick *kick = &field->kick[field->n_kick++];
    kick->time = w->time;
    for (int d = 0; d < 3; d++) kick->impulse[d] = w->amplitude * w->direction[d];
  }
  qsort(field->kick, field->n_kick, sizeof *field->kick, compare_kicks);
  KD_CHECK(build_pieces(root, field));
  *result = field;
  field = NULL;

cleanup:
  kd_field_free(field);
  return status;
}

void kd_field_free(kd_field *field) {
  if (!field) return;
  for (size_t i = 0; i < field->n_waveform; i++) kd_waveform_clear(&field->waveform[i]);
  kd_free(field->waveform);
  kd_free(field->kick);
  kd_free(field->impulse);
  free(field->edge);
  free(field->quiet);
  free(field->jump);
  kd_free(field);
}

/// The piece that holds t.
static size_t piece_at(const kd_field *field, double t) {
  size_t low = 0, high = field->n_piece;
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    if (field->edge[middle] <= t)
      low = middle;
    else
      high = middle;
  }
  return low;
}

void kd_field_impulse(const kd_field *field, double t0, double t1, double impulse[3]) {
  if (t1 < t0) {
    kd_field_impulse(field, t1, t0, impulse);
    for (int d = 0; d < 3; d++) impulse[d] = -impulse[d];
    return;
  }
  const size_t first = piece_at(field, t0), last = piece_at(field, t1);
  if (first == last) {
    integrate(field, t0, t1, impulse);
    return;
  }
  double head[3], tail[3];
  integrate(field, t0, field->edge[first + 1], head);
  integrate(field, field->edge[last], t1, tail);
  for (size_t d = 0; d < 3; d++)
    impulse[d] =
        head[d] + tail[d] + field->impulse[3 * last + d] - field->impulse[3 * (first + 1) + d];
}

const double *kd_field_pieces(const kd_field *field, size_t *count) {
  *count = field->n_piece;
  return field->edge;
}

bool kd_field_is_quiet(const kd_field *field, size_t index) {
  return field->quiet[index];
}
bool kd_field_is_none(const kd_field *field) {
  bool is_none = field->n_kick == 0;
  for (size_t i = 0; i < field->n_piece; i++) is_none = is_none && field->quiet[i];
  return is_none;
}
bool kd_field_jumps(const kd_field *field, size_t index) {
  return field->jump[index];
}

const kd_kick *kd_field_kicks(const kd_field *field, size_t *count) {
  *count = field->n_kick;
  return field->kick;
}
