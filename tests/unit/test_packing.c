/// The layout of packed Hermitian fields.
#include "support.h"

static void components_are_numbered_without_gaps(void **state) {
  (void)state;
  for (size_t n = 1; n <= 9; n++) {
    size_t next = n;
    for (size_t a = 0; a < n; a++)
      for (size_t b = a + 1; b < n; b++, next += 2) assert_int_equal(kd_pair(a, b, n), next);
    assert_int_equal(next, n * n);
  }
}

static void elements_lie_where_the_header_says(void **state) {
  (void)state;
  enum { N = 3, N_K = 5, K = 2 };
  double field[N * N * N_K] = {0};
  const double complex matrix[N * N] = {1,         2 + 3 * I, 4 + 5 * I, 2 - 3 * I, 6,
                                        7 + 8 * I, 4 - 5 * I, 7 - 8 * I, 9};
  kd_pack(matrix, N, N_K, K, field);
  const double root = sqrt(2.0);
  const double want[N * N] = {1, 6, 9, 2 * root, 3 * root, 4 * root, 5 * root, 7 * root, 8 * root};
  for (size_t c = 0; c < N * N; c++)
    for (size_t k = 0; k < N_K; k++)
      CHECK_NEAR(field[c * N_K + k], k == K ? want[c] : 0, 1e-15 * 12);
}

static void packing_is_undone_and_keeps_the_trace_product(void **state) {
  (void)state;
  const size_t n_k = 3;
  for (size_t n = 1; n <= 6; n++) {
    double *a = random_field(n, n_k, 1), *b = random_field(n, n_k, 1);
    double *back = new_reals(n * n * n_k);
    double complex ma[36], mb[36];
    for (size_t k = 0; k < n_k; k++) {
      kd_unpack(a, n, n_k, k, ma);
      kd_unpack(b, n, n_k, k, mb);
      for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) assert_true(ma[i * n + j] == conj(ma[j * n + i]));
      double dot = 0;
      for (size_t c = 0; c < n * n; c++) dot += a[c * n_k + k] * b[c * n_k + k];
      const double complex trace = dense_trace_product(n, ma, mb);
      CHECK_NEAR(creal(trace), dot, 1e-14 * (double)(n * n));
      CHECK_NEAR(cimag(trace), 0, 1e-14 * (double)(n * n));
      kd_pack(ma, n, n_k, k, back);
    }
    CHECK_ARRAY(back, a, n * n * n_k, 1e-15);
    kd_free(a);
    kd_free(b);
    kd_free(back);
  }
}

static void only_the_upper_triangle_is_read(void **state) {
  (void)state;
  const double complex matrix[4] = {1 + 100 * I, 2 + 3 * I, 1000, 4 - 100 * I};
  double field[4];
  kd_pack(matrix, 2, 1, 0, field);
  const double want[4] = {1, 4, 2 * KD_SQRT2, 3 * KD_SQRT2};
  CHECK_ARRAY(field, want, 4, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(components_are_numbered_without_gaps),
      cmocka_unit_test(elements_lie_where_the_header_says),
      cmocka_unit_test(packing_is_undone_and_keeps_the_trace_product),
      cmocka_unit_test(only_the_upper_triangle_is_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
