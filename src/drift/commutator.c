#include "drift/commutator.h"

#include <string.h>

#include "core/packing.h"
#include "core/parallel.h"

/// k is handled in blocks that stay in the first-level cache while all components are visited.
enum { BLOCK = 64 };

/// Two bands: -i s [a.sigma, b.sigma] = 2 s (a x b).sigma.
static void two_bands(size_t n_k, double s, const double *a, const double *b, double *result) {
#pragma omp parallel for simd schedule(static) if (KD_WORTH_THREADS(4 * n_k))
  for (size_t k = 0; k < n_k; k++) {
    const double ax = KD_SQRT1_2 * a[2 * n_k + k], ay = -KD_SQRT1_2 * a[3 * n_k + k];
    const double az = 0.5 * (a[k] - a[n_k + k]);
    const double bx = KD_SQRT1_2 * b[2 * n_k + k], by = -KD_SQRT1_2 * b[3 * n_k + k];
    const double bz = 0.5 * (b[k] - b[n_k + k]);
    const double z = 2 * s * (ax * by - ay * bx);
    result[k] = z;
    result[n_k + k] = -z;
    result[2 * n_k + k] = KD_SQRT2 * 2 * s * (ay * bz - az * by);
    result[3 * n_k + k] = -KD_SQRT2 * 2 * s * (az * bx - ax * bz);
  }
}

/// Component of Re and Im of element (a,b), and the sign of Im; a == b has no imaginary part.
typedef struct element {
  size_t re, im;
  double scale, sign;
} element;

static element locate(size_t a, size_t b, size_t n_band) {
  if (a == b) return (element){a, a, 1, 0};
  const size_t c = a < b ? kd_pair(a, b, n_band) : kd_pair(b, a, n_band);
  return (element){c, c + 1, KD_SQRT1_2, a < b ? KD_SQRT1_2 : -KD_SQRT1_2};
}

/// Element (i,j), i <= j, of -i s (AB - (AB)^dagger): with P = AB,
/// Re = s (Im P_ij + Im P_ji), Im = s (Re P_ji - Re P_ij).
static void many_bands(size_t n_band, size_t n_k, double s, const double *a, const double *b,
                       double *result) {
  const size_t n = n_band, n_block = (n_k + BLOCK - 1) / BLOCK;
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(n * n * n * n_k))
  for (size_t block = 0; block < n_block; block++) {
    const size_t k0 = block * BLOCK, count = n_k - k0 < BLOCK ? n_k - k0 : BLOCK;
    for (size_t i = 0; i < n; i++)
      for (size_t j = i; j < n; j++) {
        double re[BLOCK] = {0}, im[BLOCK] = {0};
        for (size_t l = 0; l < n; l++) {
          const element x = locate(i, l, n), y = locate(l, j, n);
          const element u = locate(j, l, n), v = locate(l, i, n);
          const double *xr = a + x.re * n_k + k0, *xi = a + x.im * n_k + k0;
          const double *yr = b + y.re * n_k + k0, *yi = b + y.im * n_k + k0;
          const double *ur = a + u.re * n_k + k0, *ui = a + u.im * n_k + k0;
          const double *vr = b + v.re * n_k + k0, *vi = b + v.im * n_k + k0;
          for (size_t k = 0; k < count; k++) {
            const double a1 = x.scale * xr[k], a2 = x.sign * xi[k];
            const double b1 = y.scale * yr[k], b2 = y.sign * yi[k];
            const double c1 = u.scale * ur[k], c2 = u.sign * ui[k];
            const double d1 = v.scale * vr[k], d2 = v.sign * vi[k];
            re[k] += a1 * b2 + a2 * b1 + c1 * d2 + c2 * d1;
            im[k] += c1 * d1 - c2 * d2 - a1 * b1 + a2 * b2;
          }
        }
        if (i == j) {
          for (size_t k = 0; k < count; k++) result[i * n_k + k0 + k] = s * re[k];
        } else {
          double *to = result + kd_pair(i, j, n) * n_k + k0;
          for (size_t k = 0; k < count; k++) {
            to[k] = KD_SQRT2 * s * re[k];
            to[n_k + k] = KD_SQRT2 * s * im[k];
          }
        }
      }
  }
}

void kd_commutator(size_t n_band, size_t n_k, double s, const double *a, const double *b,
                   double *result) {
  if (n_band == 1)
    memset(result, 0, n_k * sizeof *result);
  else if (n_band == 2)
    two_bands(n_k, s, a, b, result);
  else
    many_bands(n_band, n_k, s, a, b, result);
}
