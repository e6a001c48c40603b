#include "core/eigen.h"

#include <lapacke.h>
#include <math.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"
#include "core/parallel.h"

/// Eigenpairs of (m + h.sigma): m -+ |h|. The eigenvectors are taken from the column of the
/// projector that does not cancel.
static void two_levels(const double *field, size_t n_k, size_t k, double *energy,
                       double complex *s) {
  const double mean = 0.5 * (field[k] + field[n_k + k]);
  const double z = 0.5 * (field[k] - field[n_k + k]);
  const double complex off = KD_SQRT1_2 * (field[2 * n_k + k] + I * field[3 * n_k + k]);
  const double h = hypot(z, cabs(off));
  energy[0] = mean - h;
  energy[1] = mean + h;
  if (!s) return;
  if (h == 0) {
    s[0] = s[3] = 1;
    s[1] = s[2] = 0;
    return;
  }
  // In units of h, so that no square underflows.
  const double complex side = creal(off) / h + I * (cimag(off) / h);
  const double large = 1 + fabs(z) / h, norm = 1 / sqrt(2 * large);
  if (z >= 0) {
    s[0] = -side * norm;
    s[2] = large * norm;
    s[1] = large * norm;
    s[3] = conj(side) * norm;
  } else {
    s[0] = large * norm;
    s[2] = -conj(side) * norm;
    s[1] = side * norm;
    s[3] = large * norm;
  }
}

static kd_status fail(size_t n_band, size_t n_k, int failures) {
  return kd_error(KD_ERROR_NUMERICS,
                  "the eigenvalues of a %zu x %zu matrix field failed at %d of %zu k points",
                  n_band, n_band, failures, n_k);
}

kd_status kd_eigen_field(size_t n_band, size_t n_k, const double *field, double *energy,
                         double complex *vector) {
  int failures = 0;
  if (n_band == 1) {
    for (size_t k = 0; k < n_k; k++) {
      energy[k] = field[k];
      if (vector) vector[k] = 1;
      if (!isfinite(energy[k])) failures++;
    }
    return failures ? fail(n_band, n_k, failures) : KD_OK;
  }
  if (n_band == 2) {
#pragma omp parallel for schedule(static) reduction(+ : failures) if (KD_WORTH_THREADS(4 * n_k))
    for (size_t k = 0; k < n_k; k++) {
      two_levels(field, n_k, k, energy + 2 * k, vector ? vector + 4 * k : NULL);
      if (!isfinite(energy[2 * k + 1] - energy[2 * k])) failures++;
    }
    return failures ? fail(n_band, n_k, failures) : KD_OK;
  }
  const size_t n_matrix = n_band * n_band;
  const lapack_int n = (lapack_int)n_band, n_work = 2 * n * n;
#pragma omp parallel reduction(+ : failures) if (KD_WORTH_THREADS(n_matrix * n_band * n_k))
  {
    double complex *matrix = kd_allocate(n_matrix + (size_t)n_work, sizeof *matrix);
    double *real_work = kd_allocate(3 * n_band, sizeof *real_work);
    if (!matrix || !real_work) failures++;
#pragma omp for schedule(static)
    for (size_t k = 0; k < n_k; k++) {
      if (!matrix || !real_work) continue;
      double complex *a = vector ? vector + k * n_matrix : matrix;
      kd_unpack(field, n_band, n_k, k, a);
      bool is_finite = true;
      for (size_t i = 0; i < n_matrix; i++)
        is_finite = is_finite && isfinite(creal(a[i])) && isfinite(cimag(a[i]));
      if (!is_finite) {
        failures++;
        continue;
      }
      // Column-major LAPACK sees the conjugate matrix; its eigenvectors are conjugated back below.
      const lapack_int info = LAPACKE_zheev_work(
          LAPACK_COL_MAJOR, vector ? 'V' : 'N', 'L', n, (lapack_complex_double *)a, n,
          energy + k * n_band, (lapack_complex_double *)(matrix + n_matrix), n_work, real_work);
      if (info != 0) failures++;
      if (!vector) continue;
      for (size_t i = 0; i < n_band; i++)
        for (size_t j = i; j < n_band; j++) {
          const double complex upper = conj(a[i * n_band + j]), lower = conj(a[j * n_band + i]);
          a[i * n_band + j] = lower;
          a[j * n_band + i] = upper;
        }
    }
    kd_free(matrix);
    kd_free(real_work);
  }
  return failures ? fail(n_band, n_k, failures) : KD_OK;
}

void kd_eigen_groups(size_t n_band, const double *energy, double tolerance, size_t *first) {
  for (size_t n = 0; n < n_band; n++)
    first[n] = n > 0 && energy[n] - energy[n - 1] <= tolerance ? first[n - 1] : n;
}

double kd_eigen_tolerance(size_t count, const double *energy) {
  double low = INFINITY, high = -INFINITY;
  for (size_t i = 0; i < count; i++) {
    low = fmin(low, energy[i]);
    high = fmax(high, energy[i]);
  }
  return count ? KD_DEGENERACY * (high - low) : 0;
}

/// L A R for 2 x 2 matrices, written out: the size that most scenarios have.
static inline void product_of_three(const double complex l[4], const double complex a[4],
                                    const double complex r[4], double complex *result) {
  const double complex b0 = l[0] * a[0] + l[1] * a[2], b1 = l[0] * a[1] + l[1] * a[3];
  const double complex b2 = l[2] * a[0] + l[3] * a[2], b3 = l[2] * a[1] + l[3] * a[3];
  result[0] = b0 * r[0] + b1 * r[2];
  result[1] = b0 * r[1] + b1 * r[3];
  result[2] = b2 * r[0] + b3 * r[2];
  result[3] = b2 * r[1] + b3 * r[3];
}

void kd_eigen_rotate(size_t n_band, const double complex *s, bool inverse, const double complex *a,
                     double complex *result, double complex *scratch) {
  const size_t n = n_band;
  if (n == 1) { // the phase of the eigenvector drops out
    result[0] = a[0];
    return;
  }
  if (n == 2) {
    const double complex adjoint[4] = {conj(s[0]), conj(s[2]), conj(s[1]), conj(s[3])};
    if (inverse)
      product_of_three(adjoint, a, s, result);
    else
      product_of_three(s, a, adjoint, result);
    return;
  }
  if (inverse) {
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        double complex sum = 0;
        for (size_t l = 0; l < n; l++) sum += conj(s[l * n + i]) * a[l * n + j];
        scratch[i * n + j] = sum;
      }
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        double complex sum = 0;
        for (size_t l = 0; l < n; l++) sum += scratch[i * n + l] * s[l * n + j];
        result[i * n + j] = sum;
      }
    return;
  }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double complex sum = 0;
      for (size_t l = 0; l < n; l++) sum += s[i * n + l] * a[l * n + j];
      scratch[i * n + j] = sum;
    }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double complex sum = 0;
      for (size_t l = 0; l < n; l++) sum += scratch[i * n + l] * conj(s[j * n + l]);
      result[i * n + j] = sum;
    }
}

void kd_eigen_populations(size_t n_band, const double *energy, double tolerance,
                          double complex *matrix) {
  for (size_t start = 0; start < n_band;) {
    size_t end = start;
    double sum = 0;
    while (end < n_band && (end == start || energy[end] - energy[end - 1] <= tolerance)) {
      sum += creal(matrix[end * (n_band + 1)]);
      end++;
    }
    for (size_t a = start; a < end; a++)
      for (size_t b = 0; b < n_band; b++)
        matrix[a * n_band + b] = a == b ? sum / (double)(end - start) : 0;
    start = end;
  }
}
