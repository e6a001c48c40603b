/// What the tests of the collision operator share: random models, operators from text, Dawson's
/// function.
#ifndef COLLISION_FIXTURE_H
#define COLLISION_FIXTURE_H

#include "support.h"

#include "collision/bath.h"
#include "core/eigen.h"
#include "scenario/section.h"

/// Sections `initial` and `propagation` under natural units.
#define THERMAL                                                                                    \
  "initial: {kind: equilibrium, temperature: 0.3, chemical_potential: 0.1}\n" SHORT_RUN
#define SHORT_RUN "propagation: {duration: 1}\n"

static inline void print_matrix(FILE *out, const char *key, size_t n, const double complex *matrix,
                                bool is_adjoint, bool is_imaginary) {
  fprintf(out, "%s: [", key);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      const double complex z = is_adjoint ? conj(matrix[j * n + i]) : matrix[i * n + j];
      fprintf(out, "%s%.6g%s",
              j   ? ", "
              : i ? ", ["
                  : "[",
              is_imaginary ? cimag(z) : creal(z), j + 1 == n ? "]" : "");
    }
  fprintf(out, "]");
}

static inline void print_hopping(FILE *out, size_t n_dim, const int *cell, size_t n_copy, size_t n,
                                 const double complex *matrix, bool is_adjoint) {
  const size_t whole = n * n_copy;
  double complex *blocks = new_complex(whole * whole);
  for (size_t c = 0; c < n_copy; c++)
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) blocks[(c * n + i) * whole + c * n + j] = matrix[i * n + j];
  fprintf(out, "    - {R: [");
  for (size_t d = 0; d < n_dim; d++)
    fprintf(out, "%s%d", d ? ", " : "", is_adjoint ? -cell[d] : cell[d]);
  fprintf(out, "], ");
  print_matrix(out, "re", whole, blocks, is_adjoint, false);
  fprintf(out, ", ");
  print_matrix(out, "im", whole, blocks, is_adjoint, true);
  fprintf(out, "}\n");
  kd_free(blocks);
}

/// Text of a model with random Hermitian hoppings to the neighbors on an oblique lattice, and its
/// grid, in natural units; `n_copy` identical copies side by side make every level degenerate. For
/// free().
static inline char *random_model(size_t n_band, size_t n_copy, size_t n_dim, const size_t *n) {
  char *text = NULL;
  size_t length = 0;
  FILE *out = open_memstream(&text, &length);
  assert_non_null(out);
  double complex *matrix = new_complex(n_band * n_band);
  fprintf(out, "units: natural\nmodel:\n  kind: tight_binding\n  lattice_vectors: [");
  for (size_t i = 0; i < n_dim; i++)
    for (size_t j = 0; j < n_dim; j++)
      fprintf(out, "%s%s%s",
              j   ? ", "
              : i ? ", ["
                  : "[",
              i == j  ? "1"
              : j < i ? "0.3"
                      : "0",
              j + 1 == n_dim ? "]" : "");
  fprintf(out, "]\n  hoppings:\n");
  int cell[3] = {0};
  random_hermitian(n_band, 0.6, matrix);
  print_hopping(out, n_dim, cell, n_copy, n_band, matrix, false);
  for (size_t d = 0; d < n_dim; d++) {
    for (size_t i = 0; i < n_band * n_band; i++)
      matrix[i] = 0.2 * (random_real() + I * random_real());
    cell[0] = cell[1] = cell[2] = 0;
    cell[d] = 1;
    print_hopping(out, n_dim, cell, n_copy, n_band, matrix, false);
    print_hopping(out, n_dim, cell, n_copy, n_band, matrix, true);
  }
  fprintf(out, "grid: {k: [");
  for (size_t d = 0; d < n_dim; d++) fprintf(out, "%s%zu", d ? ", " : "", n[d]);
  fprintf(out, "]}\n");
  fclose(out);
  kd_free(matrix);
  return text;
}

/// Builds everything up to the collision operator from the text of a model (with its grid,
/// `initial` and `propagation`) and a section `collisions`.
static inline kd_status collision_try(const char *model, const char *collisions, stage *s) {
  char *text = NULL;
  assert_true(asprintf(&text, "%s%s", model, collisions) > 0);
  kd_status status = stage_try(text, TO_INITIAL, s);
  free(text);
  if (status == KD_OK)
    status = kd_collision_create(s->scenario, s->model, s->reference, &s->collision);
  if (status != KD_OK) stage_clear(s);
  return status;
}

static inline stage collision_create(const char *model, const char *collisions) {
  stage s;
  const kd_status status = collision_try(model, collisions, &s);
  if (status != KD_OK)
    fail_msg("status %d: %s\nin:\n%s%s", status, kd_error_message(), model, collisions);
  return s;
}

/// C[f], for kd_free.
static inline double *rate_of(const stage *s, const double *f) {
  double *df = new_reals(s->n);
  CHECK_OK(kd_collision_rate(s->collision, f, df));
  return df;
}

static inline double largest_of(const double *values, size_t count) {
  double largest = 0;
  for (size_t i = 0; i < count; i++) {
    if (isnan(values[i])) return NAN;
    largest = fmax(largest, fabs(values[i]));
  }
  return largest;
}

/// e^{-x^2} integral_0^x e^{t^2} dt: a series of positive terms, beyond 12 the asymptotic one.
static inline double dawson(double x) {
  const double a = fabs(x), square = a * a;
  double sum = 0;
  if (a < 12) {
    double power = a;
    for (int n = 0; n < 1000 && (power > 1e-18 * sum || n < square); n++) {
      sum += power / (2 * n + 1);
      power *= square / (n + 1);
    }
    sum *= exp(-square);
  } else {
    double term = 0.5 / a;
    for (int n = 0; n < 12; n++) {
      sum += term;
      term *= (2 * n + 1) / (2 * square);
    }
  }
  return x < 0 ? -sum : sum;
}

/// A field with eigenvalues between 0 and 1, larger at low energies, and coherences.
static inline double *random_state(const stage *s) {
  const size_t n = s->n_band;
  double *f = new_reals(s->n), *h = new_reals(s->n), *level = new_reals(n * s->n_k);
  double complex *vector = new_complex(n * n * s->n_k);
  const kd_model_part part = {.energy = 1};
  kd_model_sample(s->model, (const double[3]){0}, &part, h);
  CHECK_OK(kd_eigen_field(n, s->n_k, h, level, vector));
  for (size_t k = 0; k < s->n_k; k++) {
    double complex band[16], turned[16], noise[16], unitary[16], scratch[16];
    memset(band, 0, sizeof band);
    for (size_t a = 0; a < n; a++)
      band[a * n + a] = 1 / (1 + exp(level[k * n + a] + random_real()));
    random_hermitian(n, 0.4, noise);
    dense_exp(n, 1, noise, unitary);
    dense_rotate(n, unitary, false, band, turned);
    kd_eigen_rotate(n, vector + k * n * n, false, turned, band, scratch);
    kd_pack(band, n, s->n_k, k, f);
  }
  kd_free(h), kd_free(level), kd_free(vector);
  return f;
}

/// |sum a b|/sum |a b|
static inline double cancellation(size_t n, const double *a, const double *b) {
  double sum = 0, scale = 0;
  for (size_t i = 0; i < n; i++) {
    sum += a[i] * b[i];
    scale += fabs(a[i] * b[i]);
  }
  return fabs(sum) / scale;
}

static inline double *hamiltonian(const stage *s) {
  double *h = new_reals(s->n);
  const kd_model_part part = {.energy = 1};
  kd_model_sample(s->model, (const double[3]){0}, &part, h);
  return h;
}

static inline double gaussian(double x, double sigma) {
  return exp(-0.5 * (x / sigma) * (x / sigma)) / (sqrt(2 * M_PI) * sigma);
}

/// Principal-value partner of the Gaussian: PV integral of gaussian(y)/(x - y) dy.
static inline double gaussian_partner(double x, double sigma) {
  return M_SQRT2 / sigma * dawson(x / (M_SQRT2 * sigma));
}

/// (1/2 pi) integral_0^reach [K(x - y) - K(x + y)]/y dy by Gauss-Legendre panels of the given
/// width.
static inline double partner(double (*kernel)(const void *, double), const void *context, double x,
                             double reach, double panel) {
  static const double node[5] = {0.1488743389816312, 0.4333953941292472, 0.6794095682990244,
                                 0.8650633666889845, 0.9739065285171717};
  static const double weight[5] = {0.2955242247147529, 0.2692667193099964, 0.2190863625159820,
                                   0.1494513491505806, 0.0666713443086881};
  double sum = 0;
  for (double left = 0; left < reach; left += panel)
    for (int i = 0; i < 10; i++) {
      const double y = left + 0.5 * panel * (1 + (i < 5 ? node[i] : -node[i - 5]));
      sum += 0.5 * panel * weight[i % 5] * (kernel(context, x - y) - kernel(context, x + y)) / y;
    }
  return sum / (2 * M_PI);
}

#endif
