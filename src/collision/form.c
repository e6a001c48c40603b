#include "collision/form.h"

#include <math.h>

#include "collision/bath.h"
#include "core/error.h"
#include "core/memory.h"
#include "scenario/expression.h"

typedef struct kd_form_kind {
  kd_variant variant;
  /// Value at q; NULL for constant and expression.
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

const kd_variant *const kd_form_variants[] = {&form_constant.variant,
                                              &form_gaussian.variant,
                                              &form_yukawa.variant,
                                              &form_polar.variant,
                                              &form_acoustic.variant,
                                              &form_expression.variant,
                                              NULL};

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
    const double steps = 2 * j[i] > m[i] ? (double)j[i] - (double)m[i] : (double)j[i];
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

kd_status kd_form_evaluate(const kd_section *section, const kd_model *model, double scale,
                           double **result) {
  kd_status status = KD_OK;
  const kd_form_kind *kind = (const kd_form_kind *)kd_section_variant(section);
  kd_expression *expression = NULL;
  double *values = NULL;
  size_t m[3];
  const size_t count = kd_difference_count(model, m);
  *result = NULL;
  if (kind == &form_constant) return KD_OK;
  const double q0 = kind->value ? kd_section_real(section, "q0") : 0;
  if (!kind->value)
    KD_CHECK(
        kd_expression_create(kd_section_text(section, "expression"), "q qx qy qz", &expression));
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
    double q[3], value[2];
    kd_difference_vector(model, i, q);
    const double square = q[0] * q[0] + q[1] * q[1] + q[2] * q[2];
    for (int side = 0; side < 2; side++) {
      const double s = side ? -1 : 1, arguments[4] = {sqrt(square), s * q[0], s * q[1], s * q[2]};
      value[side] = scale * (kind->value ? kind->value(square, q0)
                                         : kd_expression_value(expression, arguments));
    }
    if (!isfinite(value[0]) || !isfinite(value[1])) {
      status = kd_section_error(section, NULL, "not finite at q = (%g, %g, %g) 1/angstrom", q[0],
                                q[1], q[2]);
      goto cleanup;
    }
    if (fabs(value[0] - value[1]) > 1e-9 * fmax(fabs(value[0]), fabs(value[1]))) {
      status = kd_section_error(section, NULL,
                                "%g at q = (%g, %g, %g) 1/angstrom but %g at -q (expected an even "
                                "function)",
                                value[0], q[0], q[1], q[2], value[1]);
      goto cleanup;
    }
    values[i] = value[0];
  }
  *result = values;
  values = NULL;

cleanup:
  kd_expression_free(expression);
  kd_free(values);
  return status;
}
