#include "collision/secular.h"

#include "core/eigen.h"
#include "core/packing.h"
#include "core/parallel.h"

void kd_secular_solve(const kd_secular *s, double a, double b, const double *r, double *z) {
  const size_t n = s->n_band;
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(n * n * s->n_k))
  for (size_t k = 0; k < s->n_k; k++) {
    double complex matrix[KD_MAX_MATRIX], band[KD_MAX_MATRIX], scratch[KD_MAX_MATRIX];
    const double *e = s->energy ? s->energy + k * n : NULL, *rate = s->rate + k * n;
    const double complex *vector = s->vector + k * n * n;
    kd_unpack(r, n, s->n_k, k, matrix);
    kd_eigen_rotate(n, vector, true, matrix, band, scratch);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        const double turn = e ? (e[i] - e[j]) / s->hbar : 0;
        band[i * n + j] /= a + b * (0.5 * (rate[i] + rate[j]) + I * turn);
      }
    kd_eigen_rotate(n, vector, false, band, matrix, scratch);
    kd_pack(matrix, n, s->n_k, k, z);
  }
}
