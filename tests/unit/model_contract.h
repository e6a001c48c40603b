/// What the tests of models share: a scenario that is only a model and its grid, and the checks
/// that every model must pass.
#ifndef MODEL_CONTRACT_H
#define MODEL_CONTRACT_H

#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <omp.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"
#include "keldrift/model.h"
#include "model/kinds.h"
#include "scenario/param.h"

enum { MAX_MATRIX = 64 * 64 };

static const kd_choice unit_systems[] = {
    {"eV-fs-angstrom", "quantities with units", NULL}, {"natural", "bare numbers", NULL}, {0}};
static const kd_param grid_rows[] = {{.key = "k", .type = KD_INTEGERS}, {0}};

const kd_param kd_schema[] = {
    {.key = "units", .type = KD_CHOICE, .fallback = "eV-fs-angstrom", .choices = unit_systems},
    {.key = "hbar", .type = KD_REAL, .fallback = "1", KD_POSITIVE},
    {.key = "charge", .type = KD_REAL, .fallback = "-1"},
    {.key = "model", .type = KD_VARIANT, .variants = kd_model_variants},
    {.key = "grid", .type = KD_SECTION, .rows = grid_rows},
    {0}};

static kd_status create_model(const char *text, kd_model **model) {
  kd_scenario *scenario = NULL;
  *model = NULL;
  kd_status status = kd_scenario_parse(text, strlen(text), "test.yaml", NULL, 0, &scenario);
  if (status == KD_OK) status = kd_model_create(scenario, model);
  kd_scenario_free(scenario);
  return status;
}

static kd_model *need_model(const char *text) {
  kd_model *model;
  const kd_status status = create_model(text, &model);
  if (status != KD_OK) fail_msg("status %d: %s\nin:\n%s", status, kd_error_message(), text);
  return model;
}

/// Checks that no model comes of `text` and that the message has `expected` in it.
static void expect_error(const char *text, kd_status expected_status, const char *expected) {
  kd_model *model;
  const kd_status status = create_model(text, &model);
  kd_model_free(model);
  if (status != expected_status)
    fail_msg("status: got %d (%s), want %d in:\n%s", status, kd_error_message(), expected_status,
             text);
  if (!strstr(kd_error_message(), expected))
    fail_msg("message: got \"%s\", want \"%s\" in it", kd_error_message(), expected);
}

static void expect_near(const char *what, double got, double want, double tolerance) {
  if (!(fabs(got - want) <= tolerance))
    fail_msg("%s: got %.17g, want %.17g, error %.3g, tolerance %.3g", what, got, want,
             fabs(got - want), tolerance);
}

/// A number in [-1, 1) from a sequence that is the same in every run.
static double random_number(void) {
  static uint64_t state = 0x9e3779b97f4a7c15u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (double)(state >> 11) * 0x1p-52 - 1;
}

static void random_vector(double scale, size_t n_dim, double vector[3]) {
  for (size_t x = 0; x < 3; x++) vector[x] = x < n_dim ? scale * random_number() : 0;
}

static kd_model_part random_part(size_t n_dim) {
  kd_model_part part = {.energy = random_number()};
  random_vector(1, n_dim, part.position);
  random_vector(1, n_dim, part.gradient);
  return part;
}

static double largest(const double complex *matrix, size_t count) {
  double most = 0;
  for (size_t i = 0; i < count; i++) most = fmax(most, cabs(matrix[i]));
  return most;
}

static void expect_equal_matrices(const char *what, size_t n, const double complex *got,
                                  const double complex *want, double tolerance) {
  for (size_t i = 0; i < n * n; i++)
    if (!(cabs(got[i] - want[i]) <= tolerance))
      fail_msg("%s, element (%zu, %zu): got %.15g%+.15gi, want %.15g%+.15gi, error %.3g, "
               "tolerance %.3g",
               what, i / n, i % n, creal(got[i]), cimag(got[i]), creal(want[i]), cimag(want[i]),
               cabs(got[i] - want[i]), tolerance);
}

static void check_hermitian(const kd_model *model) {
  static double complex matrix[MAX_MATRIX];
  const size_t n = kd_model_n_band(model), n_dim = kd_model_n_dim(model);
  for (int trial = 0; trial < 5; trial++) {
    double k[3];
    random_vector(2, n_dim, k);
    const kd_model_part part = random_part(n_dim);
    kd_model_at(model, k, &part, matrix);
    const double scale = largest(matrix, n * n);
    for (size_t a = 0; a < n; a++)
      for (size_t b = 0; b < n; b++)
        expect_near("antihermitian part", cabs(matrix[a * n + b] - conj(matrix[b * n + a])), 0,
                    1e-13 * (1 + scale));
  }
}

static void check_grid(const kd_model *model) {
  const size_t *n = kd_model_n(model), n_dim = kd_model_n_dim(model);
  const double *edges = kd_model_edges(model), *duals = kd_model_duals(model);
  const double two_pi = 2 * acos(-1);
  assert_int_equal(kd_model_n_k(model), n[0] * n[1] * n[2]);
  for (size_t i = 0; i < n_dim; i++)
    for (size_t j = 0; j < n_dim; j++)
      expect_near("edge . dual",
                  edges[3 * i] * duals[3 * j] + edges[3 * i + 1] * duals[3 * j + 1] +
                      edges[3 * i + 2] * duals[3 * j + 2],
                  i == j ? two_pi : 0, 1e-13);
  double origin[3], k[3];
  kd_model_k(model, 0, origin);
  for (size_t i = 0; i < 3; i++) {
    const double want = kd_model_is_periodic(model) || i >= n_dim ? 0 : -0.5 * edges[3 * i + i];
    expect_near("origin", origin[i], want, 1e-15);
  }
  for (size_t index = 0; index < kd_model_n_k(model); index++) {
    const size_t j[3] = {index / (n[1] * n[2]), index / n[2] % n[1], index % n[2]};
    kd_model_k(model, index, k);
    for (size_t x = 0; x < 3; x++) {
      double want = origin[x];
      for (size_t i = 0; i < n_dim; i++) want += (double)j[i] / (double)n[i] * edges[3 * i + x];
      expect_near("k", k[x], want, 1e-14);
    }
  }
}

/// kd_model_sample must give kd_model_at on the displaced grid, with shifts inside and far outside
/// of the domain. Rounding of k.R grows with the shift.
static void check_sample(kd_model *model) {
  static double complex got[MAX_MATRIX], want[MAX_MATRIX];
  const size_t n = kd_model_n_band(model), n_k = kd_model_n_k(model);
  const size_t n_dim = kd_model_n_dim(model);
  double *field = kd_allocate(n * n * n_k, sizeof *field);
  for (int trial = 0; trial < 4; trial++) {
    double shift[3];
    random_vector(trial == 3 ? 20 : trial, n_dim, shift);
    const kd_model_part part = random_part(n_dim);
    for (size_t i = 0; i < n * n * n_k; i++) field[i] = NAN;
    kd_model_sample(model, shift, &part, field);
    for (size_t index = 0; index < n_k; index++) {
      double k[3];
      kd_model_k(model, index, k);
      for (size_t x = 0; x < 3; x++) k[x] += shift[x];
      kd_model_at(model, k, &part, want);
      kd_unpack(field, n, n_k, index, got);
      expect_equal_matrices("sample", n, got, want,
                            (trial == 3 ? 20 : 1) * 1e-12 * (1 + largest(want, n * n)));
    }
  }
  kd_free(field);
}

/// d/ds of H(k + s direction), by central differences of fourth order.
static void differentiate(const kd_model *model, const double k[3], const double direction[3],
                          double complex *derivative) {
  static double complex value[4][MAX_MATRIX];
  const size_t n = kd_model_n_band(model);
  const double step = 2e-3;
  const int places[4] = {-2, -1, 1, 2};
  for (size_t i = 0; i < 4; i++) {
    double there[3];
    for (size_t x = 0; x < 3; x++) there[x] = k[x] + places[i] * step * direction[x];
    kd_model_at(model, there, &(kd_model_part){.energy = 1}, value[i]);
  }
  for (size_t i = 0; i < n * n; i++)
    derivative[i] = (value[0][i] - 8 * value[1][i] + 8 * value[2][i] - value[3][i]) / (12 * step);
}

/// The velocity must be (1/hbar)(derivative of H + i [H, r]).
static void check_velocity(kd_model *model) {
  static double complex got[MAX_MATRIX], want[MAX_MATRIX], h[MAX_MATRIX], r[MAX_MATRIX];
  const size_t n = kd_model_n_band(model), n_k = kd_model_n_k(model);
  const size_t n_dim = kd_model_n_dim(model);
  double *field = kd_allocate(n * n * n_k, sizeof *field);
  double shift[3], direction[3];
  random_vector(1, n_dim, shift);
  random_vector(1, n_dim, direction);
  kd_model_part position = {0};
  memcpy(position.position, direction, sizeof position.position);
  kd_model_velocity(model, shift, direction, field);
  for (size_t index = 0; index < n_k; index++) {
    double k[3];
    kd_model_k(model, index, k);
    for (size_t x = 0; x < 3; x++) k[x] += shift[x];
    differentiate(model, k, direction, want);
    kd_model_at(model, k, &(kd_model_part){.energy = 1}, h);
    kd_model_at(model, k, &position, r);
    for (size_t a = 0; a < n; a++) {
      for (size_t b = 0; b < n; b++) {
        for (size_t c = 0; c < n; c++)
          want[a * n + b] += I * (h[a * n + c] * r[c * n + b] - r[a * n + c] * h[c * n + b]);
        want[a * n + b] /= kd_model_hbar(model);
      }
    }
    kd_unpack(field, n, n_k, index, got);
    expect_equal_matrices("velocity", n, got, want, 1e-8 * (1 + largest(want, n * n)));
  }
  kd_free(field);
}

static void check_periodicity(const kd_model *model) {
  static double complex here[MAX_MATRIX], there[MAX_MATRIX];
  if (!kd_model_is_periodic(model)) return;
  const size_t n = kd_model_n_band(model), n_dim = kd_model_n_dim(model);
  for (size_t i = 0; i < n_dim; i++) {
    double k[3], displaced[3];
    random_vector(1, n_dim, k);
    for (size_t x = 0; x < 3; x++) displaced[x] = k[x] + kd_model_edges(model)[3 * i + x];
    const kd_model_part part = random_part(n_dim);
    kd_model_at(model, k, &part, here);
    kd_model_at(model, displaced, &part, there);
    expect_equal_matrices("periodicity", n, there, here, 1e-12 * (1 + largest(here, n * n)));
  }
}

/// The result must not depend on the number of threads, to the last bit.
static void check_threads(kd_model *model) {
  const size_t n_value = kd_model_n_band(model) * kd_model_n_band(model) * kd_model_n_k(model);
  const int n_thread = omp_get_max_threads();
  double *one = kd_allocate(n_value, sizeof *one), *many = kd_allocate(n_value, sizeof *many);
  double shift[3], direction[3];
  random_vector(1, kd_model_n_dim(model), shift);
  random_vector(1, kd_model_n_dim(model), direction);
  omp_set_num_threads(1);
  kd_model_velocity(model, shift, direction, one);
  omp_set_num_threads(3);
  kd_model_velocity(model, shift, direction, many);
  omp_set_num_threads(n_thread);
  assert_memory_equal(one, many, n_value * sizeof *one);
  kd_free(one);
  kd_free(many);
}

static void check_contract(kd_model *model) {
  assert_true(kd_model_n_band(model) * kd_model_n_band(model) <= MAX_MATRIX);
  assert_true(kd_model_bytes(model) > 0);
  check_grid(model);
  check_hermitian(model);
  check_sample(model);
  check_velocity(model);
  check_periodicity(model);
  check_threads(model);
}

#endif
