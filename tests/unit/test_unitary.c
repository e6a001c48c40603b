/// Unitary matrices over k and their Magnus steps.
#include "support.h"

#include <omp.h>

#include "drift/unitary.h"

enum { MAX_N = 8 };
static const double GAUSS[3] = {0.11270166537925831148, 0.5, 0.88729833462074168852};

/// H(t) = A + B cos(t + 0.3) + C sin(1.7 t) at every k, with random A, B, C.
typedef struct motion {
  size_t n, n_k;
  double *a, *b, *c;
} motion;

static motion motion_create(size_t n, size_t n_k, double scale) {
  return (motion){n, n_k, random_field(n, n_k, scale), random_field(n, n_k, scale),
                  random_field(n, n_k, scale)};
}

static void motion_clear(motion *m) {
  kd_free(m->a);
  kd_free(m->b);
  kd_free(m->c);
}

static void sample(const motion *m, double t, double *h) {
  for (size_t i = 0; i < m->n * m->n * m->n_k; i++)
    h[i] = m->a[i] + m->b[i] * cos(t + 0.3) + m->c[i] * sin(1.7 * t);
}

/// One step of a motion from t to t + dt, in place; returns the error estimate.
static double advance(const kd_unitary *way, const motion *m, double t, double dt, double *u) {
  const size_t size = m->n * m->n * m->n_k, n_u = way->n_component(m->n) * m->n_k;
  double *h[3], *next = new_reals(n_u), error = NAN;
  for (int i = 0; i < 3; i++) {
    h[i] = new_reals(size);
    sample(m, t + GAUSS[i] * dt, h[i]);
  }
  CHECK_OK(
      way->step(m->n, m->n_k, dt, (const double *const[3]){h[0], h[1], h[2]}, u, next, &error));
  memcpy(u, next, n_u * sizeof *u);
  for (int i = 0; i < 3; i++) kd_free(h[i]);
  kd_free(next);
  return error;
}

static double *new_unitary(const kd_unitary *way, size_t n, size_t n_k) {
  double *u = new_reals(way->n_component(n) * n_k);
  random_reals(way->n_component(n) * n_k, u);
  way->identity(n, n_k, u);
  return u;
}

/// dU/dt = -i H U by the Runge-Kutta rule of order 4 with steps that leave an error below 1e-11.
static void reference_unitary(const motion *m, size_t k, double t0, double t1, int n_step,
                              double complex *u) {
  const size_t n = m->n, size = n * n;
  double *h = new_reals(size * m->n_k);
  double complex matrix[MAX_N * MAX_N], slope[4][MAX_N * MAX_N], point[MAX_N * MAX_N];
  memset(u, 0, size * sizeof *u);
  for (size_t i = 0; i < n; i++) u[i * n + i] = 1;
  const double dt = (t1 - t0) / n_step;
  for (int step = 0; step < n_step; step++) {
    for (int stage_ = 0; stage_ < 4; stage_++) {
      const double c = stage_ == 0 ? 0 : stage_ == 3 ? 1 : 0.5;
      for (size_t i = 0; i < size; i++)
        point[i] = u[i] + (stage_ ? c * dt * slope[stage_ - 1][i] : 0);
      sample(m, t0 + (step + c) * dt, h);
      kd_unpack(h, n, m->n_k, k, matrix);
      dense_multiply(n, matrix, point, slope[stage_]);
      for (size_t i = 0; i < size; i++) slope[stage_][i] *= -I;
    }
    for (size_t i = 0; i < size; i++)
      u[i] += dt / 6 * (slope[0][i] + 2 * slope[1][i] + 2 * slope[2][i] + slope[3][i]);
  }
  kd_free(h);
}

/// Largest distance of U A U^dagger (or the inverse) to what `unitary` says at point k.
static double rotation_error(const kd_unitary *way, size_t n, size_t n_k, const double *u, size_t k,
                             const double complex *unitary) {
  double *a = new_reals(n * n * n_k), *got = new_reals(n * n * n_k), largest = 0;
  for (size_t i = 0; i < n * n * n_k; i++) a[i] = sin(1 + 1.7 * (double)i);
  double complex matrix[MAX_N * MAX_N], want[MAX_N * MAX_N], have[MAX_N * MAX_N];
  for (int inverse = 0; inverse < 2; inverse++) {
    CHECK_OK(way->rotate(n, n_k, u, inverse, a, got));
    kd_unpack(a, n, n_k, k, matrix);
    kd_unpack(got, n, n_k, k, have);
    dense_rotate(n, unitary, inverse, matrix, want);
    largest = fmax(largest, dense_distance(n, have, want));
  }
  kd_free(a);
  kd_free(got);
  return largest;
}

static const struct way_case {
  const kd_unitary *way;
  size_t n;
} ways[] = {
    {&kd_unitary_two, 2}, {&kd_unitary_many, 2}, {&kd_unitary_many, 3}, {&kd_unitary_many, 8}};

static void identity_does_nothing(void **state) {
  (void)state;
  for (size_t w = 0; w < COUNT(ways); w++) {
    const size_t n = ways[w].n, n_k = 13;
    double *u = new_unitary(ways[w].way, n, n_k), *a = random_field(n, n_k, 1);
    double *got = new_reals(n * n * n_k);
    for (int inverse = 0; inverse < 2; inverse++) {
      CHECK_OK(ways[w].way->rotate(n, n_k, u, inverse, a, got));
      CHECK_ARRAY(got, a, n * n * n_k, 4e-16);
    }
    kd_free(u);
    kd_free(a);
    kd_free(got);
  }
}

/// One step with a constant H is exp(-i H dt), for every norm that the exponential tells apart.
static void constant_steps_are_exponentials(void **state) {
  (void)state;
  const double norms[] = {0, 1e-12, 5e-4, 2e-3, 0.012, 0.03, 0.1, 0.2, 0.5, 1, 3, 50, 400};
  const size_t points[] = {1, 7, 8, 9, 20};
  for (size_t w = 0; w < COUNT(ways); w++)
    for (size_t i = 0; i < COUNT(norms); i++) {
      const size_t n = ways[w].n, n_k = points[i % COUNT(points)];
      const kd_unitary *way = ways[w].way;
      double *h = random_field(n, n_k, 1), *u = new_unitary(way, n, n_k);
      double *next = new_reals(way->n_component(n) * n_k), error = NAN;
      double complex matrix[MAX_N * MAX_N], unitary[MAX_N * MAX_N];
      const double dt = norms[i] / 2;
      CHECK_OK(way->step(n, n_k, dt, (const double *const[3]){h, NULL, NULL}, u, next, &error));
      CHECK_NEAR(error, 0, 0);
      for (size_t k = 0; k < n_k; k++) {
        kd_unpack(h, n, n_k, k, matrix);
        dense_exp(n, dt, matrix, unitary);
        CHECK_BELOW(rotation_error(way, n, n_k, next, k, unitary),
                    2e-14 * (double)n * (1 + norms[i]));
      }
      kd_free(h);
      kd_free(u);
      kd_free(next);
    }
}

static void two_bands_are_the_case_of_many(void **state) {
  (void)state;
  omp_set_num_threads(2);
  const size_t n_k = 21;
  motion m = motion_create(2, n_k, 1);
  double *two = new_unitary(&kd_unitary_two, 2, n_k), *many = new_unitary(&kd_unitary_many, 2, n_k);
  double *a = random_field(2, n_k, 1), *got_two = new_reals(4 * n_k),
         *got_many = new_reals(4 * n_k);
  for (int step = 0; step < 7; step++) {
    const double error_two = advance(&kd_unitary_two, &m, 0.4 * step, 0.4, two);
    const double error_many = advance(&kd_unitary_many, &m, 0.4 * step, 0.4, many);
    CHECK_ABOVE(error_two, 1e-4);
    CHECK_NEAR(error_many, error_two, 1e-13);
  }
  for (int inverse = 0; inverse < 2; inverse++) {
    CHECK_OK(kd_unitary_two.rotate(2, n_k, two, inverse, a, got_two));
    CHECK_OK(kd_unitary_many.rotate(2, n_k, many, inverse, a, got_many));
    CHECK_ARRAY(got_two, got_many, 4 * n_k, 1e-13);
  }
  motion_clear(&m);
  kd_free(two);
  kd_free(many);
  kd_free(a);
  kd_free(got_two);
  kd_free(got_many);
  omp_set_num_threads(1);
}

/// The error over a fixed time falls as dt^6, the estimate of one step as dt^5.
static void orders(void **state) {
  (void)state;
  const size_t n_k = 3;
  for (size_t w = 0; w + 1 < COUNT(ways); w++) {
    const size_t n = ways[w].n;
    motion m = motion_create(n, n_k, 1);
    double complex unitary[MAX_N * MAX_N];
    double error[3], estimate[3];
    const double duration = 2;
    reference_unitary(&m, 1, 0, duration, 3000, unitary);
    for (int i = 0; i < 3; i++) {
      const int n_step = 16 << i;
      double *u = new_unitary(ways[w].way, n, n_k);
      for (int step = 0; step < n_step; step++)
        advance(ways[w].way, &m, step * duration / n_step, duration / n_step, u);
      error[i] = rotation_error(ways[w].way, n, n_k, u, 1, unitary);
      ways[w].way->identity(n, n_k, u);
      estimate[i] = advance(ways[w].way, &m, 0.5, 0.2 / (1 << i), u);
      kd_free(u);
    }
    for (int i = 0; i < 2; i++) {
      CHECK_NEAR(log2(error[i] / error[i + 1]), 6, 0.5);
      CHECK_NEAR(log2(estimate[i] / estimate[i + 1]), 5, 0.3);
    }
    CHECK_BELOW(error[2], 1e-8);
    motion_clear(&m);
  }
}

/// The estimate is the Frobenius norm of the difference of the exponents of order 6 and 4,
/// evaluated here from the formulas in unitary.h.
static void estimate_is_the_documented_one(void **state) {
  (void)state;
  for (size_t w = 0; w < COUNT(ways); w++) {
    const size_t n = ways[w].n, n_k = 5, size = n * n;
    motion m = motion_create(n, n_k, 1);
    const double dt = 0.3, t = 0.2;
    double *u = new_unitary(ways[w].way, n, n_k), *h[3], largest = 0;
    for (int i = 0; i < 3; i++) {
      h[i] = new_reals(size * n_k);
      sample(&m, t + GAUSS[i] * dt, h[i]);
    }
    double complex x[3][64], k1[64], k2[64], k3[64], c1[64], c2[64], p[64], q[64], last[64];
    for (size_t k = 0; k < n_k; k++) {
      for (int i = 0; i < 3; i++) kd_unpack(h[i], n, n_k, k, x[i]);
      for (size_t i = 0; i < size; i++) {
        k1[i] = dt * x[1][i];
        k2[i] = sqrt(15) / 3 * dt * (x[2][i] - x[0][i]);
        k3[i] = 10.0 / 3 * dt * (x[2][i] - 2 * x[1][i] + x[0][i]);
      }
      dense_multiply(n, k1, k2, p);
      dense_multiply(n, k2, k1, q);
      for (size_t i = 0; i < size; i++) c1[i] = -I * (p[i] - q[i]);
      for (size_t i = 0; i < size; i++) x[0][i] = 2 * k3[i] + c1[i];
      dense_multiply(n, k1, x[0], p);
      dense_multiply(n, x[0], k1, q);
      for (size_t i = 0; i < size; i++) c2[i] = I * (p[i] - q[i]) / 60;
      for (size_t i = 0; i < size; i++) x[0][i] = -20 * k1[i] - k3[i] + c1[i];
      for (size_t i = 0; i < size; i++) x[1][i] = k2[i] + c2[i];
      dense_multiply(n, x[0], x[1], p);
      dense_multiply(n, x[1], x[0], q);
      double square = 0;
      for (size_t i = 0; i < size; i++) {
        last[i] = -I * (p[i] - q[i]) / 240;
        square += pow(cabs(last[i] + c1[i] / 12), 2);
      }
      largest = fmax(largest, sqrt(square));
    }
    CHECK_NEAR(advance(ways[w].way, &m, t, dt, u), largest, 1e-13);
    for (int i = 0; i < 3; i++) kd_free(h[i]);
    kd_free(u);
    motion_clear(&m);
  }
}

static void stays_unitary(void **state) {
  (void)state;
  for (size_t w = 0; w < COUNT(ways) - 1; w++) {
    const size_t n = ways[w].n, n_k = 9;
    motion m = motion_create(n, n_k, 1);
    double *u = new_unitary(ways[w].way, n, n_k);
    for (int step = 0; step < 600; step++) advance(ways[w].way, &m, 0.1 * step, 0.1, u);
    double *a = random_field(n, n_k, 1), *there = new_reals(n * n * n_k),
           *back = new_reals(n * n * n_k);
    CHECK_OK(ways[w].way->rotate(n, n_k, u, false, a, there));
    CHECK_ABOVE(largest_difference(there, a, n * n * n_k), 0.1);
    CHECK_OK(ways[w].way->rotate(n, n_k, u, true, there, back));
    CHECK_ARRAY(back, a, n * n * n_k, 1e-12);
    // In place is the same.
    CHECK_OK(ways[w].way->rotate(n, n_k, u, false, a, a));
    CHECK_BITWISE(a, there, n * n * n_k);
    motion_clear(&m);
    kd_free(u);
    kd_free(a);
    kd_free(there);
    kd_free(back);
  }
}

static void steps_are_reversible(void **state) {
  (void)state;
  for (size_t w = 0; w < COUNT(ways); w++) {
    const size_t n = ways[w].n, n_k = 11;
    motion m = motion_create(n, n_k, 1);
    double *u = new_unitary(ways[w].way, n, n_k), *a = random_field(n, n_k, 1);
    double *got = new_reals(n * n * n_k);
    const double forward = advance(ways[w].way, &m, 0, 0.8, u);
    CHECK_OK(ways[w].way->rotate(n, n_k, u, false, a, got));
    CHECK_ABOVE(largest_difference(got, a, n * n * n_k), 0.1);
    const double backward = advance(ways[w].way, &m, 0.8, -0.8, u);
    CHECK_NEAR(backward, forward, 1e-12);
    CHECK_OK(ways[w].way->rotate(n, n_k, u, false, a, got));
    CHECK_ARRAY(got, a, n * n * n_k, 1e-13);
    motion_clear(&m);
    kd_free(u);
    kd_free(a);
    kd_free(got);
  }
}

static void the_trace_drops_out(void **state) {
  (void)state;
  for (size_t w = 0; w < COUNT(ways); w++) {
    const size_t n = ways[w].n, n_k = 9;
    motion m = motion_create(n, n_k, 1);
    double *u = new_unitary(ways[w].way, n, n_k), *v = new_unitary(ways[w].way, n, n_k);
    double *a = random_field(n, n_k, 1), *want = new_reals(n * n * n_k),
           *got = new_reals(n * n * n_k);
    const double error = advance(ways[w].way, &m, 0, 0.5, u);
    for (size_t i = 0; i < n * n_k; i++) {
      m.a[i] += 1e3;
      m.b[i] -= 200;
    }
    CHECK_NEAR(advance(ways[w].way, &m, 0, 0.5, v), error, 1e-11);
    CHECK_OK(ways[w].way->rotate(n, n_k, u, false, a, want));
    CHECK_OK(ways[w].way->rotate(n, n_k, v, false, a, got));
    CHECK_ARRAY(got, want, n * n * n_k, 1e-11);
    motion_clear(&m);
    kd_free(u);
    kd_free(v);
    kd_free(a);
    kd_free(want);
    kd_free(got);
  }
}

static void choice_by_number_of_bands(void **state) {
  (void)state;
  assert_ptr_equal(kd_unitary_choose(2), &kd_unitary_two);
  assert_ptr_equal(kd_unitary_choose(3), &kd_unitary_many);
  assert_int_equal(kd_unitary_two.n_component(2), 4);
  assert_int_equal(kd_unitary_many.n_component(5), 50);
}

int main(void) {
  omp_set_num_threads(1); // thousands of short steps: threads only wait for each other
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(identity_does_nothing),
      cmocka_unit_test(constant_steps_are_exponentials),
      cmocka_unit_test(two_bands_are_the_case_of_many),
      cmocka_unit_test(orders),
      cmocka_unit_test(estimate_is_the_documented_one),
      cmocka_unit_test(stays_unitary),
      cmocka_unit_test(steps_are_reversible),
      cmocka_unit_test(the_trace_drops_out),
      cmocka_unit_test(choice_by_number_of_bands),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
