/// Eigenpairs of Hermitian fields.
#include "support.h"

#include "core/eigen.h"

/// Checks energies against LAPACK, unitarity and H S = S E at every k.
static void expect_eigenpairs(size_t n, size_t n_k, const double *field, double scale) {
  double *energy = new_reals(n * n_k), *only = new_reals(n * n_k), *want = new_reals(n);
  double complex *vector = new_complex(n * n * n_k), *h = new_complex(n * n);
  double complex *s = new_complex(n * n), *product = new_complex(n * n);
  double complex *adjoint = new_complex(n * n), *unit = new_complex(n * n);
  const double tolerance = 2e-14 * (double)n * scale;
  for (size_t i = 0; i < n; i++) unit[i * n + i] = 1;
  CHECK_OK(kd_eigen_field(n, n_k, field, energy, vector));
  CHECK_OK(kd_eigen_field(n, n_k, field, only, NULL));
  CHECK_ARRAY(only, energy, n * n_k, tolerance);
  for (size_t k = 0; k < n_k; k++) {
    kd_unpack(field, n, n_k, k, h);
    dense_eigen(n, h, want, s);
    CHECK_ARRAY(energy + k * n, want, n, tolerance);
    const double complex *v = vector + k * n * n;
    dense_adjoint(n, v, adjoint);
    dense_multiply(n, adjoint, v, product);
    CHECK_BELOW(dense_distance(n, product, unit), 1e-14 * (double)n);
    dense_multiply(n, h, v, product);
    for (size_t a = 0; a < n; a++)
      for (size_t level = 0; level < n; level++)
        s[a * n + level] = v[a * n + level] * energy[k * n + level];
    CHECK_BELOW(dense_distance(n, product, s), tolerance);
  }
  kd_free(energy);
  kd_free(only);
  kd_free(want);
  kd_free(vector);
  kd_free(h);
  kd_free(s);
  kd_free(product);
  kd_free(adjoint);
  kd_free(unit);
}

static void random_fields(void **state) {
  (void)state;
  const size_t sizes[] = {1, 2, 3, 8}, points[] = {1, 7, 65};
  for (size_t i = 0; i < COUNT(sizes); i++)
    for (size_t j = 0; j < COUNT(points); j++) {
      double *field = random_field(sizes[i], points[j], 1.5);
      expect_eigenpairs(sizes[i], points[j], field, 3);
      kd_free(field);
    }
}

/// Levels that agree, or differ by little, in a basis turned at random.
static void degenerate_and_nearly_degenerate_levels(void **state) {
  (void)state;
  const double gaps[] = {0, 1e-300, 1e-17, 1e-15, 1e-12, 1e-8, 1e-3};
  const size_t sizes[] = {2, 3, 8};
  for (size_t i = 0; i < COUNT(sizes); i++) {
    const size_t n = sizes[i];
    double complex *h = new_complex(n * n), *s = new_complex(n * n), *level = new_complex(n * n);
    double *energy = new_reals(n), *field = new_reals(n * n);
    for (size_t j = 0; j < COUNT(gaps); j++) {
      random_hermitian(n, 1, h);
      dense_eigen(n, h, energy, s);
      for (size_t a = 0; a < n; a++) level[a * n + a] = 0.7 + (a == 0 ? 0 : gaps[j]);
      dense_rotate(n, s, false, level, h);
      kd_pack(h, n, 1, 0, field);
      expect_eigenpairs(n, 1, field, 1);
    }
    kd_free(h);
    kd_free(s);
    kd_free(level);
    kd_free(energy);
    kd_free(field);
  }
}

/// Two bands are done by hand: every sign and every ratio of z to the rest.
static void two_bands_of_any_shape(void **state) {
  (void)state;
  const double sizes[] = {0, 1e-200, 1e-160, 1e-20, 1e-9, 1, 1e9};
  for (size_t i = 0; i < COUNT(sizes); i++)
    for (size_t j = 0; j < COUNT(sizes); j++)
      for (int sign = -1; sign <= 1; sign += 2) {
        const double z = sign * sizes[i], phase = random_real() * M_PI;
        const double field[4] = {z, -z, KD_SQRT2 * sizes[j] * cos(phase),
                                 KD_SQRT2 * sizes[j] * sin(phase)};
        expect_eigenpairs(2, 1, field, fmax(sizes[i], sizes[j]));
      }
}

static void levels_are_ascending(void **state) {
  (void)state;
  const double field[2 * 4] = {3, -1, 1, 5, 0, 0, 0, 0}; // two k points, diagonal
  double energy[4];
  double complex vector[8];
  CHECK_OK(kd_eigen_field(2, 2, field, energy, vector));
  const double want[4] = {1, 3, -1, 5};
  CHECK_ARRAY(energy, want, 4, 1e-15);
  CHECK_NEAR(cabs(vector[0]), 0, 1e-15); // level 0 of the first point is orbital 1
  CHECK_NEAR(cabs(vector[2]), 1, 1e-15);
  CHECK_NEAR(cabs(vector[4]), 1, 1e-15); // of the second, orbital 0
}

static void what_is_not_finite_is_an_error(void **state) {
  (void)state;
  for (size_t n = 1; n <= 4; n++) {
    const size_t n_k = 5;
    double *energy = new_reals(n * n_k);
    double complex *vector = new_complex(n * n * n_k);
    for (int with_vector = 0; with_vector < 2; with_vector++) {
      double *field = random_field(n, n_k, 1);
      field[n * n * n_k - 2] = with_vector ? NAN : INFINITY;
      CHECK_ERROR(kd_eigen_field(n, n_k, field, energy, with_vector ? vector : NULL),
                  KD_ERROR_NUMERICS, "1 of 5 k points");
      kd_free(field);
    }
    kd_free(energy);
    kd_free(vector);
  }
}

static void groups_are_chains_of_close_levels(void **state) {
  (void)state;
  const double energy[] = {-1, -0.75, -0.5, 0.25, 0.25, 2, 2.375};
  const size_t want[] = {0, 0, 0, 3, 3, 5, 6};
  size_t first[COUNT(energy)];
  kd_eigen_groups(COUNT(energy), energy, 0.25, first);
  for (size_t i = 0; i < COUNT(energy); i++) assert_int_equal(first[i], want[i]);
  kd_eigen_groups(COUNT(energy), energy, 0, first);
  for (size_t i = 0; i < COUNT(energy); i++) assert_int_equal(first[i], i == 4 ? 3 : i);
}

static void tolerance_is_a_part_of_the_bandwidth(void **state) {
  (void)state;
  const double energy[] = {0.5, -1.5, 2.5, 0};
  CHECK_NEAR(kd_eigen_tolerance(4, energy), 4e-9, 1e-22);
  CHECK_NEAR(kd_eigen_tolerance(1, energy), 0, 0);
  CHECK_NEAR(kd_eigen_tolerance(0, energy), 0, 0);
}

static void rotation_both_ways(void **state) {
  (void)state;
  for (size_t n = 1; n <= 5; n++) {
    double complex h[25], s[25], a[25], want[25], got[25], scratch[25];
    double energy[5];
    random_hermitian(n, 1, h);
    dense_eigen(n, h, energy, s);
    for (size_t i = 0; i < n * n; i++) a[i] = random_real() + I * random_real();
    for (int inverse = 0; inverse < 2; inverse++) {
      dense_rotate(n, s, inverse, a, want);
      kd_eigen_rotate(n, s, inverse, a, got, scratch);
      CHECK_BELOW(dense_distance(n, got, want), 1e-14 * (double)n);
    }
    // S E S^dagger is H, so the direction is the documented one.
    memset(a, 0, sizeof a);
    for (size_t i = 0; i < n; i++) a[i * n + i] = energy[i];
    kd_eigen_rotate(n, s, false, a, got, scratch);
    CHECK_BELOW(dense_distance(n, got, h), 1e-14 * (double)n);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_fields),
      cmocka_unit_test(degenerate_and_nearly_degenerate_levels),
      cmocka_unit_test(two_bands_of_any_shape),
      cmocka_unit_test(levels_are_ascending),
      cmocka_unit_test(what_is_not_finite_is_an_error),
      cmocka_unit_test(groups_are_chains_of_close_levels),
      cmocka_unit_test(tolerance_is_a_part_of_the_bandwidth),
      cmocka_unit_test(rotation_both_ways),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
