#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"
#include "core/parallel.h"
#include "drift/unitary.h"

/// Matrices are handled for this many k at a time, so that the innermost operation is one vector
/// instruction whatever the size of the matrix.
enum { LANES = 8 };
typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));

/// A complex matrix for LANES values of k: re[i * n + j], im[i * n + j].
typedef struct matrix {
  lanes *re, *im;
} matrix;

enum { N_SCRATCH = 10 };

static matrix scratch_matrix(lanes *scratch, size_t n_band, int index) {
  lanes *start = scratch + 2 * n_band * n_band * (size_t)index;
  return (matrix){start, start + n_band * n_band};
}

static size_t n_component(size_t n_band) {
  return 2 * n_band * n_band;
}

static void identity(size_t n_band, size_t n_k, double *u) {
  memset(u, 0, n_component(n_band) * n_k * sizeof *u);
  for (size_t a = 0; a < n_band; a++)
    for (size_t k = 0; k < n_k; k++) u[a * (n_band + 1) * n_k + k] = 1;
}

static inline lanes load(const double *component, size_t k, size_t count) {
  lanes x = {0};
  memcpy(&x, component + k, count * sizeof(double));
  return x;
}

static inline void store(double *component, size_t k, size_t count, lanes x) {
  memcpy(component + k, &x, count * sizeof(double));
}

/// c = a b
static void multiply(size_t n, matrix a, matrix b, matrix c) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      lanes re = {0}, im = {0};
      for (size_t l = 0; l < n; l++) {
        const lanes ar = a.re[i * n + l], ai = a.im[i * n + l];
        const lanes br = b.re[l * n + j], bi = b.im[l * n + j];
        re += ar * br - ai * bi;
        im += ar * bi + ai * br;
      }
      c.re[i * n + j] = re;
      c.im[i * n + j] = im;
    }
}

/// c = a^dagger
static void adjoint(size_t n, matrix a, matrix c) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      c.re[i * n + j] = a.re[j * n + i];
      c.im[i * n + j] = -a.im[j * n + i];
    }
}

/// c = -i s [a, b] of Hermitian matrices, by one product since b a = (a b)^dagger.
static void bracket(size_t n, double s, matrix a, matrix b, matrix c, matrix product) {
  multiply(n, a, b, product);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      c.re[i * n + j] = s * (product.im[i * n + j] + product.im[j * n + i]);
      c.im[i * n + j] = s * (product.re[j * n + i] - product.re[i * n + j]);
    }
}

/// The packed field at `count` values of k from `k` on.
static void load_packed(const double *field, size_t n, size_t n_k, size_t k, size_t count,
                        matrix m) {
  for (size_t a = 0; a < n; a++) {
    m.re[a * n + a] = load(field + a * n_k, k, count);
    m.im[a * n + a] = (lanes){0};
    for (size_t b = a + 1; b < n; b++) {
      const size_t c = kd_pair(a, b, n);
      const lanes re = KD_SQRT1_2 * load(field + c * n_k, k, count);
      const lanes im = KD_SQRT1_2 * load(field + (c + 1) * n_k, k, count);
      m.re[a * n + b] = m.re[b * n + a] = re;
      m.im[a * n + b] = im;
      m.im[b * n + a] = -im;
    }
  }
}

static void store_packed(matrix m, size_t n, size_t n_k, size_t k, size_t count, double *field) {
  for (size_t a = 0; a < n; a++) {
    store(field + a * n_k, k, count, m.re[a * n + a]);
    for (size_t b = a + 1; b < n; b++) {
      const size_t c = kd_pair(a, b, n);
      store(field + c * n_k, k, count, KD_SQRT2 * m.re[a * n + b]);
      store(field + (c + 1) * n_k, k, count, KD_SQRT2 * m.im[a * n + b]);
    }
  }
}

static void load_unitary(const double *u, size_t n, size_t n_k, size_t k, size_t count, matrix m) {
  for (size_t c = 0; c < n * n; c++) {
    m.re[c] = load(u + c * n_k, k, count);
    m.im[c] = load(u + (n * n + c) * n_k, k, count);
  }
}

static void store_unitary(matrix m, size_t n, size_t n_k, size_t k, size_t count, double *u) {
  for (size_t c = 0; c < n * n; c++) {
    store(u + c * n_k, k, count, m.re[c]);
    store(u + (n * n + c) * n_k, k, count, m.im[c]);
  }
}

static void remove_trace(size_t n, matrix m) {
  lanes trace = {0};
  for (size_t a = 0; a < n; a++) trace += m.re[a * n + a];
  for (size_t a = 0; a < n; a++) m.re[a * n + a] -= trace / (double)n;
}

static double largest_lane(lanes x) {
  double largest = 0;
  for (int l = 0; l < LANES; l++) largest = fmax(largest, x[l]);
  return largest;
}

static double frobenius(size_t n, matrix m) {
  lanes sum = {0};
  for (size_t c = 0; c < n * n; c++) sum += m.re[c] * m.re[c] + m.im[c] * m.im[c];
  return sqrt(largest_lane(sum));
}

/// Largest column sum, an upper bound of the spectral norm of a Hermitian matrix.
static double column_norm(size_t n, matrix m) {
  double largest = 0;
  for (size_t j = 0; j < n; j++) {
    lanes sum = {0};
    for (size_t i = 0; i < n; i++)
      for (int l = 0; l < LANES; l++) sum[l] += hypot(m.re[i * n + j][l], m.im[i * n + j][l]);
    largest = fmax(largest, largest_lane(sum));
  }
  return largest;
}

/// result = exp(-i k) for a Hermitian k, by a scaled Taylor polynomial in Paterson-Stockmeyer form.
/// The first omitted term of degree 4, 9 or 16 is below 1e-17 at the norms in the table.
static void exponential(size_t n, matrix k, matrix result, matrix power[4]) {
  static const struct {
    double norm;
    int block, n_block; // degree = block * n_block
  } ladder[] = {{1.0e-3, 2, 2}, {0.09, 3, 3}, {0.71, 4, 4}};
  static const double inverse_factorial[] = {1.0,
                                             1.0,
                                             1.0 / 2,
                                             1.0 / 6,
                                             1.0 / 24,
                                             1.0 / 120,
                                             1.0 / 720,
                                             1.0 / 5040,
                                             1.0 / 40320,
                                             1.0 / 362880,
                                             1.0 / 3628800,
                                             1.0 / 39916800,
                                             1.0 / 479001600,
                                             1.0 / 6227020800,
                                             1.0 / 87178291200,
                                             1.0 / 1307674368000,
                                             1.0 / 20922789888000};
  const double norm = fmin(frobenius(n, k), column_norm(n, k));
  int level = 0, n_squaring = 0;
  while (level < 2 && norm > ladder[level].norm) level++;
  while (ldexp(norm, -n_squaring) > ladder[level].norm) n_squaring++;
  const double scale = ldexp(1, -n_squaring);
  const int block = ladder[level].block, n_block = ladder[level].n_block;

  // power[j - 1] = (-i scale k)^j for j = 1 .. block
  for (size_t c = 0; c < n * n; c++) {
    power[0].re[c] = scale * k.im[c];
    power[0].im[c] = -scale * k.re[c];
  }
  for (int j = 1; j < block; j++) multiply(n, power[0], power[j - 1], power[j]);

  // Horner in x^block: ((b_last x^block + b_(last-1)) x^block + ...) with b of degree < block.
  matrix sum = result, next = k;
  for (size_t c = 0; c < n * n; c++) {
    sum.re[c] = inverse_factorial[block * n_block] * power[block - 1].re[c];
    sum.im[c] = inverse_factorial[block * n_block] * power[block - 1].im[c];
  }
  for (int b = n_block - 1; b >= 0; b--) {
    for (int j = 0; j < block; j++) {
      const double factor = inverse_factorial[b * block + j];
      if (j == 0) {
        for (size_t a = 0; a < n; a++) sum.re[a * n + a] += factor;
      } else {
        for (size_t c = 0; c < n * n; c++) {
          sum.re[c] += factor * power[j - 1].re[c];
          sum.im[c] += factor * power[j - 1].im[c];
        }
      }
    }
    if (b == 0) break;
    multiply(n, sum, power[block - 1], next);
    const matrix swap = sum;
    sum = next;
    next = swap;
  }
  for (int s = 0; s < n_squaring; s++) {
    multiply(n, sum, sum, next);
    const matrix swap = sum;
    sum = next;
    next = swap;
  }
  if (sum.re != result.re) {
    memcpy(result.re, sum.re, n * n * sizeof(lanes));
    memcpy(result.im, sum.im, n * n * sizeof(lanes));
  }
}

/// The Magnus exponent of order 6 in `k1`; returns the distance to order 4. Overwrites all of m.
static double exponent(size_t n, double s, matrix h1, matrix h2, matrix h3, matrix k1, matrix c1,
                       matrix c2, matrix product) {
  // h1, h2, h3 become K3, K1, K2.
  for (size_t c = 0; c < n * n; c++) {
    const lanes r1 = h1.re[c], r2 = h2.re[c], r3 = h3.re[c];
    const lanes i1 = h1.im[c], i2 = h2.im[c], i3 = h3.im[c];
    k1.re[c] = s * r2;
    k1.im[c] = s * i2;
    h3.re[c] = s * sqrt(15.0) / 3 * (r3 - r1);
    h3.im[c] = s * sqrt(15.0) / 3 * (i3 - i1);
    h1.re[c] = s * 10.0 / 3 * (r3 - 2 * r2 + r1);
    h1.im[c] = s * 10.0 / 3 * (i3 - 2 * i2 + i1);
  }
  const matrix k2 = h3, k3 = h1, left = h2;
  bracket(n, 1, k1, k2, c1, product);
  for (size_t c = 0; c < n * n; c++) {
    left.re[c] = 2 * k3.re[c] + c1.re[c];
    left.im[c] = 2 * k3.im[c] + c1.im[c];
  }
  bracket(n, -1.0 / 60, k1, left, c2, product);
  for (size_t c = 0; c < n * n; c++) {
    left.re[c] = -20 * k1.re[c] - k3.re[c] + c1.re[c];
    left.im[c] = -20 * k1.im[c] - k3.im[c] + c1.im[c];
    c2.re[c] += k2.re[c];
    c2.im[c] += k2.im[c];
  }
  bracket(n, 1.0 / 240, left, c2, k2, product);
  for (size_t c = 0; c < n * n; c++) {
    k1.re[c] += k3.re[c] / 12 + k2.re[c];
    k1.im[c] += k3.im[c] / 12 + k2.im[c];
    c1.re[c] = c1.re[c] / 12 + k2.re[c];
    c1.im[c] = c1.im[c] / 12 + k2.im[c];
  }
  return frobenius(n, c1);
}

static kd_status step(size_t n_band, size_t n_k, double dt_over_hbar, const double *const h[3],
                      const double *u, double *u_next, double *error) {
  const size_t n = n_band, n_chunk = (n_k + LANES - 1) / LANES;
  double largest = 0;
  int failures = 0;
#pragma omp parallel reduction(max : largest) reduction(+ : failures) if (KD_WORTH_THREADS(n * n * n * n_k))
  {
    lanes *scratch = kd_allocate(N_SCRATCH * 2 * n * n, sizeof *scratch);
    if (!scratch) failures++;
    matrix m[N_SCRATCH];
    for (int i = 0; i < N_SCRATCH; i++) m[i] = scratch_matrix(scratch, n, i);
#pragma omp for schedule(static)
    for (size_t chunk = 0; chunk < n_chunk; chunk++) {
      if (!scratch) continue;
      const size_t k = chunk * LANES, count = n_k - k < LANES ? n_k - k : LANES;
      if (h[1]) {
        for (int i = 0; i < 3; i++) {
          load_packed(h[i], n, n_k, k, count, m[i]);
          remove_trace(n, m[i]);
        }
        largest =
            fmax(largest, exponent(n, dt_over_hbar, m[0], m[1], m[2], m[3], m[4], m[5], m[6]));
      } else {
        load_packed(h[0], n, n_k, k, count, m[3]);
        remove_trace(n, m[3]);
        for (size_t c = 0; c < n * n; c++) {
          m[3].re[c] *= dt_over_hbar;
          m[3].im[c] *= dt_over_hbar;
        }
      }
      matrix power[4] = {m[4], m[5], m[6], m[7]};
      exponential(n, m[3], m[0], power);
      load_unitary(u, n, n_k, k, count, m[8]);
      multiply(n, m[0], m[8], m[9]);
      store_unitary(m[9], n, n_k, k, count, u_next);
    }
    kd_free(scratch);
  }
  *error = largest;
  if (failures)
    return kd_error(KD_ERROR_MEMORY, "out of memory for the Magnus step of %zu bands", n_band);
  return KD_OK;
}

static kd_status rotate(size_t n_band, size_t n_k, const double *u, bool inverse, const double *a,
                        double *result) {
  const size_t n = n_band, n_chunk = (n_k + LANES - 1) / LANES;
  int failures = 0;
#pragma omp parallel reduction(+ : failures) if (KD_WORTH_THREADS(n * n * n * n_k))
  {
    lanes *scratch = kd_allocate(N_SCRATCH * 2 * n * n, sizeof *scratch);
    if (!scratch) failures++;
    matrix m[N_SCRATCH];
    for (int i = 0; i < N_SCRATCH; i++) m[i] = scratch_matrix(scratch, n, i);
#pragma omp for schedule(static)
    for (size_t chunk = 0; chunk < n_chunk; chunk++) {
      if (!scratch) continue;
      const size_t k = chunk * LANES, count = n_k - k < LANES ? n_k - k : LANES;
      load_unitary(u, n, n_k, k, count, m[0]);
      load_packed(a, n, n_k, k, count, m[1]);
      adjoint(n, m[0], m[2]);
      multiply(n, inverse ? m[2] : m[0], m[1], m[3]);
      multiply(n, m[3], inverse ? m[0] : m[2], m[4]);
      store_packed(m[4], n, n_k, k, count, result);
    }
    kd_free(scratch);
  }
  if (failures)
    return kd_error(KD_ERROR_MEMORY, "out of memory for the rotation of %zu bands", n_band);
  return KD_OK;
}

const kd_unitary kd_unitary_many = {.name = "many bands",
                                    .n_component = n_component,
                                    .identity = identity,
                                    .step = step,
                                    .rotate = rotate};
