#include "collision/form.h"

#include <math.h>

#include "collision/bath.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/modes.h"
#include "core/table_file.h"
#include "scenario/expression.h"

typedef struct kd_form_kind {
  kd_variant variant;
  /// Value at q; NULL for constant, expression and table.
  double (*value)(double q_squared, double q0);
} kd_form_kind;

#define Q0_ROW                                                                                     \
  {.key = "q0", .type = KD_REAL, .unit = "1/angstrom", KD_POSITIVE, .meaning = "scale of q"}, {    \
    .key = NULL                                                                                    \
  }

static double gaussian(double q2, double q0) {
  return exp(-0.5 * q2 / (q0 * q0));
}

static double yukawa(double q2, double q0) {
  const double x = q0 * q0 / (q2 + q0 * q0);
  return x * x;
}

static double polar(double q2, double q0) {
  return q2 > 0 ? q0 * q0 / q2 : 0;
}

static double acoustic(double q2, double q0) {
  const double x = sqrt(q2) / q0;
  return x < 1 ? sin(0.5 * M_PI * x) : 1;
}

static const kd_form_kind form_constant = {
    .variant = {.kind = "constant", .meaning = "1", .rows = (const kd_param[]){{.key = NULL}}}};
static const kd_form_kind form_gaussian = {.variant = {.kind = "gaussian",
                                                       .meaning = "exp(-q^2/(2 q0^2))",
                                                       .rows = (const kd_param[]){Q0_ROW}},
                                           .value = gaussian};
static const kd_form_kind form_yukawa = {
    .variant = {.kind = "yukawa",
                .meaning = "q0^4/(q^2 + q0^2)^2, a screened Coulomb potential squared",
                .rows = (const kd_param[]){Q0_ROW}},
    .value = yukawa};
static const kd_form_kind form_polar = {
    .variant = {.kind = "polar",
                .meaning = "q0^2/q^2, 0 at q = 0: the Froehlich coupling",
                .rows = (const kd_param[]){Q0_ROW}},
    .value = polar};
static const kd_form_kind form_acoustic = {
    .variant = {.kind = "acoustic",
                .meaning = "sin(pi |q|/(2 q0)) up to q0, 1 beyond: a Debye-like branch",
                .rows = (const kd_param[]){Q0_ROW}},
    .value = acoustic};
static const kd_form_kind form_expression = {
    .variant = {.kind = "expression",
                .meaning = "a formula in q and its Cartesian components",
                .rows = (const kd_param[]){{.key = "expression",
                                            .type = KD_EXPRESSION,
                                            .variables = "q qx qy qz",
                                            .meaning = "formula in q, qx, qy, qz (1/angstrom)"},
                                           {.key = NULL}}}};

static const kd_form_kind form_table = {
    .variant = {
        .kind = "table",
        .meaning = "a function of |q| from a file, linear between its rows and constant outside",
        .rows = (const kd_param[]){
            {.key = "file",
             .type = KD_PATH,
             .meaning = "two columns: q in 1/angstrom, not negative and increasing, and the value"},
            {.key = NULL}}}};

const kd_variant *const kd_form_variants[] = {
    &form_constant.variant, &form_gaussian.variant,   &form_yukawa.variant, &form_polar.variant,
    &form_acoustic.variant, &form_expression.variant, &form_table.variant,  NULL};

size_t kd_difference_count(const kd_model *model, size_t n[3]) {
  const bool wraps = kd_model_is_periodic(model);
  for (int i = 0; i < 3; i++) {
    n[i] = kd_model_n(model)[i];
    if (!wraps && n[i] > 1) n[i] *= 2;
  }
  return n[0] * n[1] * n[2];
}

size_t kd_difference_index(const kd_model *model, size_t k, size_t k_prime) {
  const size_t *n = kd_model_n(model);
  size_t m[3], index = 0;
  kd_difference_count(model, m);
  const size_t a[3] = {k / (n[1] * n[2]), k / n[2] % n[1], k % n[2]};
  const size_t b[3] = {k_prime / (n[1] * n[2]), k_prime / n[2] % n[1], k_prime % n[2]};
  for (int i = 0; i < 3; i++) index = index * m[i] + (a[i] + m[i] - b[i]) % m[i];
  return index;
}

void kd_difference_vector(const kd_model *model, size_t index, double q[3]) {
  const size_t n_dim = kd_model_n_dim(model), *n = kd_model_n(model);
  const double *edge = kd_model_edges(model);
  size_t m[3];
  kd_difference_count(model, m);
  const size_t j[3] = {index / (m[1] * m[2]), index / m[2] % m[1], index % m[2]};
  double base[3] = {0};
  for (size_t i = 0; i < n_dim; i++) {
    const double steps = kd_mode_number(j[i], m[i]);
    for (int d = 0; d < 3; d++) base[d] += steps / (double)n[i] * edge[3 * i + (size_t)d];
  }
  for (int d = 0; d < 3; d++) q[d] = base[d];
  if (!kd_model_is_periodic(model)) return;
  // The shortest vector of the class; two reciprocal lattice vectors each way reach it for any cell
  // that is not needlessly skew. Among equals the first in a fixed order is taken.
  double shortest = INFINITY;
  const int reach[3] = {2, n_dim > 1 ? 2 : 0, n_dim > 2 ? 2 : 0};
  for (int a = -reach[0]; a <= reach[0]; a++)
    for (int b = -reach[1]; b <= reach[1]; b++)
      for (int c = -reach[2]; c <= reach[2]; c++) {
        const int cell[3] = {a, b, c};
        double x[3], square = 0;
        for (int d = 0; d < 3; d++) {
          x[d] = base[d];
          for (size_t i = 0; i < n_dim; i++) x[d] += cell[i] * edge[3 * i + (size_t)d];
          square += x[d] * x[d];
        }
        if (square < shortest * (1 - 1e-10)) {
          shortest = square;
          for (int d = 0; d < 3; d++) q[d] = x[d];
        }
      }
}

/// Index of the opposite difference.
static size_t opposite(const size_t m[3], size_t index) {
  const size_t j[3] = {index / (m[1] * m[2]), index / m[2] % m[1], index % m[2]};
  size_t result = 0;
  for (int i = 0; i < 3; i++) result = result * m[i] + (m[i] - j[i]) % m[i];
  return result;
}

/// A form with its parameters.
typedef struct form {
  const kd_form_kind *kind;
  double q0;
  kd_expression *expression;
  double *table; ///< [n_row][2]
  size_t n_row;
} form;

static void form_clear(form *f) {
  kd_expression_free(f->expression);
  kd_free(f->table);
}

static kd_status read_table(const kd_section *section, form *f) {
  const char *path = kd_section_text(section, "file");
  size_t n_column;
  const kd_status status = kd_table_file_read(path, &f->table, &f->n_row, &n_column);
  if (status == KD_ERROR_FILE)
    return kd_section_file_error(section, "file", "%s", kd_error_message());
  if (status != KD_OK) return status;
  if (f->n_row < 2 || n_column != 2)
    return kd_section_error(section, "file",
                            "\"%s\" has %zu rows of %zu columns (expected two columns, q and the "
                            "value, and at least two rows)",
                            path, f->n_row, n_column);
  for (size_t i = 0; i < f->n_row; i++)
    if (!(f->table[2 * i] >= 0) || (i > 0 && !(f->table[2 * i] > f->table[2 * i - 2])))
      return kd_section_error(section, "file",
                              "\"%s\": q = %g in row %zu (expected increasing values from 0 on)",
                              path, f->table[2 * i], i + 1);
  return KD_OK;
}

static kd_status form_read(const kd_section *section, form *f) {
  *f = (form){.kind = (const kd_form_kind *)kd_section_variant(section)};
  if (f->kind->value) f->q0 = kd_section_real(section, "q0");
  if (f->kind == &form_table) KD_TRY(read_table(section, f));
  if (f->kind == &form_expression)
    KD_TRY(
        kd_expression_create(kd_section_text(section, "expression"), "q qx qy qz", &f->expression));
  return KD_OK;
}

static double interpolate(const form *f, double q) {
  const double *row = f->table;
  size_t low = 0, high = f->n_row - 1;
  if (q <= row[0]) return row[1];
  if (q >= row[2 * high]) return row[2 * high + 1];
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    if (row[2 * middle] <= q)
      low = middle;
    else
      high = middle;
  }
  const double part = (q - row[2 * low]) / (row[2 * high] - row[2 * low]);
  return (1 - part) * row[2 * low + 1] + part * row[2 * high + 1];
}

static double form_value(const form *f, const double q[3]) {
  const double square = q[0] * q[0] + q[1] * q[1] + q[2] * q[2];
  if (f->kind->value) return f->kind->value(square, f->q0);
  if (f->table) return interpolate(f, sqrt(square));
  return kd_expression_value(f->expression, (const double[4]){sqrt(square), q[0], q[1], q[2]});
}

kd_status kd_form_evaluate(const kd_section *section, const kd_model *model, double scale,
                           double **result) {
  kd_status status = KD_OK;
  form f;
  double *values = NULL;
  size_t m[3];
  const size_t count = kd_difference_count(model, m);
  *result = NULL;
  KD_CHECK(form_read(section, &f));
  if (f.kind == &form_constant) goto cleanup;
  KD_ALLOCATE(values, count);
  for (size_t i = 0; i < count; i++) {
    // q and -q may be represented by vectors that are not opposite where several are shortest, so
    // the value at the one is that at the other by definition, and evenness is tested on one
    // vector.
    const size_t j = opposite(m, i);
    if (j < i) {
      values[i] = values[j];
      continue;
    }
    double q[3];
    kd_difference_vector(model, i, q);
    const double value = scale * form_value(&f, q);
    const double mirror = scale * form_value(&f, (const double[3]){-q[0], -q[1], -q[2]});
    if (!isfinite(value) || !isfinite(mirror)) {
      status = kd_section_error(section, NULL, "not finite at q = (%g, %g, %g) 1/angstrom", q[0],
                                q[1], q[2]);
      goto cleanup;
    }
    if (fabs(value - mirror) > 1e-9 * fmax(fabs(value), fabs(mirror))) {
      status = kd_section_error(section, NULL,
                                "%g at q = (%g, %g, %g) 1/angstrom but %g at -q (expected an even "
                                "function)",
                                value, q[0], q[1], q[2], mirror);
      goto cleanup;
    }
    values[i] = value;
  }
  *result = values;
  values = NULL;

cleanup:
  form_clear(&f);
  kd_free(values);
  return status;
}
