/// Commutators of packed fields.
#include "support.h"

#include "drift/commutator.h"

static void expect_commutator(size_t n, size_t n_k) {
  const double s = -0.37;
  double *a = random_field(n, n_k, 1), *b = random_field(n, n_k, 1);
  double *got = random_field(n, n_k, 1), *opposite = new_reals(n * n * n_k);
  double complex *ma = new_complex(n * n), *mb = new_complex(n * n), *ab = new_complex(n * n);
  double complex *ba = new_complex(n * n);
  double *want = new_reals(n * n * n_k);
  kd_commutator(n, n_k, s, a, b, got);
  for (size_t k = 0; k < n_k; k++) {
    kd_unpack(a, n, n_k, k, ma);
    kd_unpack(b, n, n_k, k, mb);
    dense_multiply(n, ma, mb, ab);
    dense_multiply(n, mb, ma, ba);
    for (size_t i = 0; i < n * n; i++) ab[i] = -I * s * (ab[i] - ba[i]);
    kd_pack(ab, n, n_k, k, want);
  }
  CHECK_ARRAY(got, want, n * n * n_k, 2e-15 * (double)n);
  kd_commutator(n, n_k, -s, b, a, opposite);
  CHECK_ARRAY(opposite, got, n * n * n_k, 2e-15 * (double)n);
  kd_commutator(n, n_k, s, a, a, got);
  memset(want, 0, n * n * n_k * sizeof *want);
  CHECK_ARRAY(got, want, n * n * n_k, 1e-15 * (double)n);
  kd_free(a);
  kd_free(b);
  kd_free(got);
  kd_free(opposite);
  kd_free(ma);
  kd_free(mb);
  kd_free(ab);
  kd_free(ba);
  kd_free(want);
}

static void agrees_with_matrices(void **state) {
  (void)state;
  const size_t sizes[] = {1, 2, 3, 8}, points[] = {1, 63, 64, 65, 200};
  for (size_t i = 0; i < COUNT(sizes); i++)
    for (size_t j = 0; j < COUNT(points); j++) expect_commutator(sizes[i], points[j]);
}

/// -i [sigma_x, sigma_y] = 2 sigma_z, with s = 1.
static void pauli_matrices(void **state) {
  (void)state;
  const double x[4] = {0, 0, KD_SQRT2, 0}, y[4] = {0, 0, 0, -KD_SQRT2}, want[4] = {2, -2, 0, 0};
  double got[4];
  kd_commutator(2, 1, 1, x, y, got);
  CHECK_ARRAY(got, want, 4, 1e-15);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(agrees_with_matrices),
      cmocka_unit_test(pauli_matrices),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
