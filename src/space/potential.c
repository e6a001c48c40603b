#include "space/potential.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/table_file.h"
#include "space/formula.h"

#define MODULATION_ROW                                                                             \
  {.key = "modulation",                                                                            \
   .type = KD_EXPRESSION,                                                                          \
   .variables = "t",                                                                               \
   .fallback = KD_UNSET,                                                                           \
   .meaning = "factor as a formula in t (fs); default: 1"},                                        \
  {                                                                                                \
    .key = NULL                                                                                    \
  }
#define CENTER_ROW                                                                                 \
  {                                                                                                \
    .key = "center", .type = KD_REALS, .unit = "angstrom", .fallback = KD_UNSET,                   \
    .meaning = "one number per dimension of R; default: 0"                                         \
  }
#define AXIS_ROWS                                                                                  \
  {.key = "position",                                                                              \
   .type = KD_REAL,                                                                                \
   .unit = "angstrom",                                                                             \
   .fallback = "0 angstrom",                                                                       \
   .meaning = "of the center along the axis"},                                                     \
  {                                                                                                \
    .key = "axis", .type = KD_INTEGER, .fallback = "0", .min = 0, .max = 2,                        \
    .meaning = "axis along which it varies, from 0"                                                \
  }
#define EDGE_ROW                                                                                   \
  {                                                                                                \
    .key = "edge", .type = KD_REAL, .unit = "angstrom", KD_POSITIVE,                               \
    .meaning = "scale of the error functions at its sides; the R grid must resolve it"             \
  }

static kd_status read_center(const kd_section *section, kd_potential *p) {
  size_t count;
  if (!kd_section_has(section, "center")) return KD_OK;
  const double *center = kd_section_reals(section, "center", &count);
  if (count != p->n_dim)
    return kd_section_error(section, "center", "%zu numbers (expected %zu, the dimension of R)",
                            count, p->n_dim);
  memcpy(p->center, center, count * sizeof *center);
  return KD_OK;
}

static kd_status read_axis(const kd_section *section, kd_potential *p) {
  p->axis = (size_t)kd_section_integer(section, "axis");
  p->center[0] = p->center[1] = p->center[2] = 0;
  if (p->axis >= p->n_dim)
    return kd_section_error(section, "axis", "%zu (expected less than %zu, the dimension of R)",
                            p->axis, p->n_dim);
  p->center[p->axis] = kd_section_real(section, "position");
  return KD_OK;
}

static double square_distance(const kd_potential *p, const double r[3]) {
  double square = 0;
  for (size_t d = 0; d < p->n_dim; d++) square += (r[d] - p->center[d]) * (r[d] - p->center[d]);
  return square;
}

// --- harmonic -----------------------------------------------------------------------------------

static kd_status harmonic_create(const kd_section *section, const kd_space *space,
                                 kd_potential *p) {
  (void)space;
  p->height = kd_section_real(section, "stiffness");
  return read_center(section, p);
}

static double harmonic_value(const kd_potential *p, const double r[3]) {
  return 0.5 * p->height * square_distance(p, r);
}

static void harmonic_gradient(const kd_potential *p, const double r[3], double gradient[3]) {
  for (size_t d = 0; d < p->n_dim; d++) gradient[d] = p->height * (r[d] - p->center[d]);
}

static const kd_potential_kind harmonic = {
    .variant = {.kind = "harmonic",
                .meaning = "stiffness |R - center|^2/2",
                .rows = (const kd_param[]){{.key = "stiffness",
                                            .type = KD_REAL,
                                            .unit = "eV/angstrom^2",
                                            .meaning = "second derivative"},
                                           CENTER_ROW,
                                           MODULATION_ROW}},
    .create = harmonic_create,
    .value = harmonic_value,
    .gradient = harmonic_gradient};

// --- gaussian -----------------------------------------------------------------------------------

static kd_status gaussian_create(const kd_section *section, const kd_space *space,
                                 kd_potential *p) {
  (void)space;
  p->height = kd_section_real(section, "height");
  p->width = kd_section_real(section, "width");
  return read_center(section, p);
}

static double gaussian_value(const kd_potential *p, const double r[3]) {
  return p->height * exp(-0.5 * square_distance(p, r) / (p->width * p->width));
}

static void gaussian_gradient(const kd_potential *p, const double r[3], double gradient[3]) {
  const double scale = -gaussian_value(p, r) / (p->width * p->width);
  for (size_t d = 0; d < p->n_dim; d++) gradient[d] = scale * (r[d] - p->center[d]);
}

static const kd_potential_kind gaussian = {
    .variant = {.kind = "gaussian",
                .meaning = "height exp(-|R - center|^2/(2 width^2))",
                .rows = (const kd_param[]){{.key = "height",
                                            .type = KD_REAL,
                                            .unit = "eV",
                                            .meaning = "at its center; negative for a well"},
                                           {.key = "width",
                                            .type = KD_REAL,
                                            .unit = "angstrom",
                                            KD_POSITIVE,
                                            .meaning = "standard deviation"},
                                           CENTER_ROW,
                                           MODULATION_ROW}},
    .create = gaussian_create,
    .value = gaussian_value,
    .gradient = gaussian_gradient};

// --- barrier, double_barrier --------------------------------------------------------------------

/// A box of unit height and the given width about x = 0 with error functions for sides.
static double box(double x, double width, double edge) {
  return 0.5 * (erf((x + 0.5 * width) / edge) - erf((x - 0.5 * width) / edge));
}

static double box_slope(double x, double width, double edge) {
  const double a = (x + 0.5 * width) / edge, b = (x - 0.5 * width) / edge;
  return (exp(-a * a) - exp(-b * b)) / (sqrt(M_PI) * edge);
}

static kd_status barrier_create(const kd_section *section, const kd_space *space, kd_potential *p) {
  (void)space;
  p->height = kd_section_real(section, "height");
  p->width = kd_section_real(section, "width");
  p->edge = kd_section_real(section, "edge");
  return read_axis(section, p);
}

static double barrier_value(const kd_potential *p, const double r[3]) {
  return p->height * box(r[p->axis] - p->center[p->axis], p->width, p->edge);
}

static void barrier_gradient(const kd_potential *p, const double r[3], double gradient[3]) {
  gradient[p->axis] = p->height * box_slope(r[p->axis] - p->center[p->axis], p->width, p->edge);
}

#define BARRIER_ROWS(of)                                                                           \
  {.key = "height", .type = KD_REAL, .unit = "eV", .meaning = "height" of},                        \
      {.key = "width",                                                                             \
       .type = KD_REAL,                                                                            \
       .unit = "angstrom",                                                                         \
       KD_POSITIVE,                                                                                \
       .meaning = "distance of the half-height points" of},                                        \
      EDGE_ROW, AXIS_ROWS

static const kd_potential_kind barrier = {
    .variant = {.kind = "barrier",
                .meaning = "height [erf((x + width/2)/edge) - erf((x - width/2)/edge)]/2 about "
                           "its position along an axis",
                .rows = (const kd_param[]){BARRIER_ROWS(""), MODULATION_ROW}},
    .create = barrier_create,
    .value = barrier_value,
    .gradient = barrier_gradient};

static kd_status double_barrier_create(const kd_section *section, const kd_space *space,
                                       kd_potential *p) {
  p->separation = kd_section_real(section, "separation");
  return barrier_create(section, space, p);
}

static double double_barrier_value(const kd_potential *p, const double r[3]) {
  const double x = r[p->axis] - p->center[p->axis], half = 0.5 * p->separation;
  return p->height * (box(x + half, p->width, p->edge) + box(x - half, p->width, p->edge));
}

static void double_barrier_gradient(const kd_potential *p, const double r[3], double gradient[3]) {
  const double x = r[p->axis] - p->center[p->axis], half = 0.5 * p->separation;
  gradient[p->axis] =
      p->height * (box_slope(x + half, p->width, p->edge) + box_slope(x - half, p->width, p->edge));
}

static const kd_potential_kind double_barrier = {
    .variant = {.kind = "double_barrier",
                .meaning = "two barriers, separation apart",
                .rows = (const kd_param[]){BARRIER_ROWS(" of each barrier"),
                                           {.key = "separation",
                                            .type = KD_REAL,
                                            .unit = "angstrom",
                                            KD_POSITIVE,
                                            .meaning = "distance of their centers"},
                                           MODULATION_ROW}},
    .create = double_barrier_create,
    .value = double_barrier_value,
    .gradient = double_barrier_gradient};

// --- periodic -----------------------------------------------------------------------------------

/// Room for values on the grid.
static kd_status allocate_grid(const kd_space *space, kd_potential *p) {
  kd_status status = KD_OK;
  KD_ALLOCATE(p->grid, kd_space_n_r(space));

cleanup:
  return status;
}

static kd_status periodic_create(const kd_section *section, const kd_space *space,
                                 kd_potential *p) {
  const double period = kd_section_real(section, "period"),
               phase = kd_section_real(section, "phase");
  p->height = kd_section_real(section, "amplitude");
  KD_TRY(read_axis(section, p));
  const double number = kd_space_length(space)[p->axis] / period;
  if (fabs(number - rint(number)) > 1e-9 * number || number < 0.5)
    return kd_section_error(section, "period",
                            "%.9g periods in the box (expected a whole number of them)", number);
  if (2 * rint(number) >= (double)kd_space_n(space)[p->axis])
    return kd_section_error(section, "period",
                            "%g periods on %zu points (expected more than two points per period)",
                            rint(number), kd_space_n(space)[p->axis]);
  KD_TRY(allocate_grid(space, p));
  for (size_t i = 0; i < kd_space_n_r(space); i++) {
    double r[3];
    kd_space_r(space, i, r);
    p->grid[i] = p->height * cos(2 * M_PI * (r[p->axis] - p->center[p->axis]) / period + phase);
  }
  return KD_OK;
}

static const kd_potential_kind periodic = {
    .variant = {.kind = "periodic",
                .meaning = "amplitude cos(2 pi (x - position)/period + phase) along an axis",
                .rows = (const kd_param[]){{.key = "amplitude",
                                            .type = KD_REAL,
                                            .unit = "eV",
                                            .meaning = "half the depth"},
                                           {.key = "period",
                                            .type = KD_REAL,
                                            .unit = "angstrom",
                                            KD_POSITIVE,
                                            .meaning = "a whole number of them fits the box"},
                                           {.key = "phase",
                                            .type = KD_REAL,
                                            .unit = "rad",
                                            .fallback = "0",
                                            .meaning = "at its position"},
                                           AXIS_ROWS,
                                           MODULATION_ROW}},
    .create = periodic_create};

// --- disorder -----------------------------------------------------------------------------------

/// splitmix64 (Steele, Lea and Flood, OOPSLA 2014): small, portable, and the same everywhere.
static uint64_t next_random(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// Normally distributed, by Box and Muller.
static double next_normal(uint64_t *state) {
  const double u = ((double)(next_random(state) >> 11) + 0.5) * 0x1p-53;
  const double v = (double)(next_random(state) >> 11) * 0x1p-53;
  return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/// White noise smoothed along each axis in turn by a periodic Gaussian, whose square sum is
/// normalized: the correlation function is strength^2 exp(-|R|^2/(2 length^2)) on a box much longer
/// than that.
static kd_status disorder_create(const kd_section *section, const kd_space *space,
                                 kd_potential *p) {
  kd_status status = KD_OK;
  const double length = kd_section_real(section, "correlation_length");
  const size_t *n = kd_space_n(space), n_r = kd_space_n_r(space);
  uint64_t state = (uint64_t)kd_section_integer(section, "seed");
  double *weight = NULL, *line = NULL;
  p->height = kd_section_real(section, "strength");
  KD_CHECK(allocate_grid(space, p));
  for (size_t i = 0; i < n_r; i++) p->grid[i] = p->height * next_normal(&state);
  if (length == 0) goto cleanup;
  size_t stride = n_r;
  for (size_t d = 0; d < kd_space_n_dim(space); d++) {
    const double step = kd_space_length(space)[d] / (double)n[d];
    double square = 0;
    stride /= n[d];
    KD_ALLOCATE(weight, n[d]);
    KD_ALLOCATE(line, n[d]);
    for (size_t j = 0; j < n[d]; j++) {
      const double x = step * (double)(2 * j > n[d] ? n[d] - j : j);
      // The square root of the correlation, as a convolution, is narrower by sqrt(2).
      weight[j] = exp(-x * x / (length * length));
      square += weight[j] * weight[j];
    }
    for (size_t j = 0; j < n[d]; j++) weight[j] /= sqrt(square);
    for (size_t start = 0; start < n_r; start++) {
      if (start / stride % n[d] != 0) continue;
      for (size_t j = 0; j < n[d]; j++) line[j] = p->grid[start + j * stride];
      for (size_t j = 0; j < n[d]; j++) {
        double sum = 0;
        for (size_t l = 0; l < n[d]; l++) sum += weight[(j + n[d] - l) % n[d]] * line[l];
        p->grid[start + j * stride] = sum;
      }
    }
    kd_free(weight);
    kd_free(line);
    weight = line = NULL;
  }

cleanup:
  kd_free(weight);
  kd_free(line);
  return status;
}

static const kd_potential_kind disorder = {
    .variant = {.kind = "disorder",
                .meaning = "a Gaussian random field, <U(0) U(R)> = strength^2 exp(-|R|^2/(2 "
                           "correlation_length^2))",
                .rows = (const kd_param[]){{.key = "strength",
                                            .type = KD_REAL,
                                            .unit = "eV",
                                            KD_NON_NEGATIVE,
                                            .meaning = "root mean square"},
                                           {.key = "correlation_length",
                                            .type = KD_REAL,
                                            .unit = "angstrom",
                                            .fallback = "0 angstrom",
                                            KD_NON_NEGATIVE,
                                            .meaning = "0: independent on every grid point"},
                                           {.key = "seed",
                                            .type = KD_INTEGER,
                                            .fallback = "1",
                                            .min = 0,
                                            .max = 9e15,
                                            .meaning = "of the random numbers"},
                                           MODULATION_ROW}},
    .create = disorder_create};

// --- expression ---------------------------------------------------------------------------------

static kd_status expression_create(const kd_section *section, const kd_space *space,
                                   kd_potential *p) {
  KD_TRY(kd_space_formula(space, section, "expression", &p->expression));
  for (size_t d = 0; d < p->n_dim; d++)
    p->step[d] = 0.05 * kd_space_length(space)[d] / (double)kd_space_n(space)[d];
  for (size_t i = 0; i < kd_space_n_r(space); i++) {
    double r[3];
    kd_space_r(space, i, r);
    const double u = kd_expression_value(p->expression, r);
    if (!isfinite(u))
      return kd_section_error(section, "expression",
                              "%g at R = (%g, %g, %g) angstrom (expected a finite energy)", u, r[0],
                              r[1], r[2]);
  }
  return KD_OK;
}

static double expression_value(const kd_potential *p, const double r[3]) {
  return kd_expression_value(p->expression, r);
}

/// Central difference of order 8 with a step well below the grid spacing.
static void expression_gradient(const kd_potential *p, const double r[3], double gradient[3]) {
  static const double weight[4] = {4.0 / 5, -1.0 / 5, 4.0 / 105, -1.0 / 280};
  for (size_t d = 0; d < p->n_dim; d++)
    for (int j = 0; j < 4; j++)
      for (int side = -1; side <= 1; side += 2) {
        double x[3] = {r[0], r[1], r[2]};
        x[d] += side * (j + 1) * p->step[d];
        gradient[d] += side * weight[j] * expression_value(p, x) / p->step[d];
      }
}

static const kd_potential_kind expression = {
    .variant = {.kind = "expression",
                .meaning = "a formula in the Cartesian coordinates",
                .rows =
                    (const kd_param[]){{.key = "expression",
                                        .type = KD_EXPRESSION,
                                        .variables = "x y z",
                                        .meaning = "formula in the coordinates that R has of x, "
                                                   "y, z (angstrom), in eV"},
                                       MODULATION_ROW}},
    .create = expression_create,
    .value = expression_value,
    .gradient = expression_gradient};

// --- table --------------------------------------------------------------------------------------

static kd_status table_create(const kd_section *section, const kd_space *space, kd_potential *p) {
  kd_status status = KD_OK;
  const char *path = kd_section_text(section, "file");
  double *values = NULL;
  size_t n_row, n_column;
  status = kd_table_file_read(path, &values, &n_row, &n_column);
  if (status == KD_ERROR_FILE)
    return kd_section_file_error(section, "file", "%s", kd_error_message());
  if (status != KD_OK) return status;
  const size_t n_r = kd_space_n_r(space);
  if (n_row * n_column != n_r) {
    status = kd_section_error(section, "file",
                              "\"%s\" has %zu numbers (expected %zu, one per point of the R grid, "
                              "the last dimension fastest)",
                              path, n_row * n_column, n_r);
    goto cleanup;
  }
  KD_CHECK(allocate_grid(space, p));
  for (size_t i = 0; i < n_r; i++) p->grid[i] = kd_section_real(section, "scale") * values[i];

cleanup:
  kd_free(values);
  return status;
}

static const kd_potential_kind table = {
    .variant = {.kind = "table",
                .meaning = "values on the points of the R grid, continued periodically",
                .rows = (const kd_param[]){{.key = "file",
                                            .type = KD_PATH,
                                            .meaning = "one number per point, the last dimension "
                                                       "fastest"},
                                           {.key = "scale",
                                            .type = KD_REAL,
                                            .unit = "eV",
                                            .fallback = "1 eV",
                                            .meaning = "what the numbers are multiplied by"},
                                           MODULATION_ROW}},
    .create = table_create};

// ------------------------------------------------------------------------------------------------

const kd_variant *const kd_potential_variants[] = {&harmonic.variant,
                                                   &gaussian.variant,
                                                   &barrier.variant,
                                                   &double_barrier.variant,
                                                   &periodic.variant,
                                                   &disorder.variant,
                                                   &expression.variant,
                                                   &table.variant,
                                                   &kd_potential_hartree.variant,
                                                   NULL};

kd_status kd_potential_create(const kd_section *section, const kd_model *model,
                              kd_constants constants, const kd_space *space, kd_potential *p) {
  *p = (kd_potential){.kind = (const kd_potential_kind *)kd_section_variant(section),
                      .model = model,
                      .constants = constants,
                      .n_dim = kd_space_n_dim(space)};
  kd_status status = p->kind->create(section, space, p);
  if (status == KD_OK && !kd_potential_is_hartree(p) && kd_section_has(section, "modulation"))
    status = kd_expression_create(kd_section_text(section, "modulation"), "t", &p->modulation);
  if (status != KD_OK) kd_potential_clear(p);
  return status;
}

void kd_potential_clear(kd_potential *p) {
  kd_expression_free(p->expression);
  kd_expression_free(p->modulation);
  kd_free(p->grid);
  kd_free(p->spectrum);
  kd_free(p->background);
  *p = (kd_potential){0};
}

bool kd_potential_is_hartree(const kd_potential *p) {
  return p->kind == &kd_potential_hartree;
}

kd_status kd_potential_check_factor(const kd_potential *p, size_t number, double t) {
  const double factor = kd_potential_factor(p, t);
  if (isfinite(factor)) return KD_OK;
  return kd_error(KD_ERROR_NUMERICS,
                  "potential.%zu.modulation: %g at t = %.9g (expected a finite number)", number,
                  isnan(factor) ? NAN : factor, t);
}

double kd_potential_factor(const kd_potential *p, double t) {
  return p->modulation ? kd_expression_value(p->modulation, &t) : 1;
}
