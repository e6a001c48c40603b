#include <math.h>

#include "core/packing.h"
#include "core/parallel.h"
#include "drift/unitary.h"

/// The coefficients of sigma_x, sigma_y, sigma_z in a packed 2 x 2 field.
static inline void pauli(const double *a, size_t n_k, size_t k, double v[3]) {
  v[0] = KD_SQRT1_2 * a[2 * n_k + k];
  v[1] = -KD_SQRT1_2 * a[3 * n_k + k];
  v[2] = 0.5 * (a[k] - a[n_k + k]);
}

/// c = s {a.sigma, b.sigma} = 2 s a x b in terms of vectors.
static inline void bracket(double s, const double a[3], const double b[3], double c[3]) {
  c[0] = 2 * s * (a[1] * b[2] - a[2] * b[1]);
  c[1] = 2 * s * (a[2] * b[0] - a[0] * b[2]);
  c[2] = 2 * s * (a[0] * b[1] - a[1] * b[0]);
}

static size_t n_component(size_t n_band) {
  (void)n_band;
  return 4;
}

static void identity(size_t n_band, size_t n_k, double *u) {
  (void)n_band;
  for (size_t k = 0; k < n_k; k++) {
    u[k] = 1;
    u[n_k + k] = u[2 * n_k + k] = u[3 * n_k + k] = 0;
  }
}

/// k is handled in blocks, so that all but the sines and cosines become vector instructions.
enum { BLOCK = 64 };

/// The Magnus exponents w.sigma (order 6) of `count` points from k on, and the largest squared norm
/// of their distance to order 4.
static double exponents(size_t n_k, size_t k, size_t count, double s, const double *const h[3],
                        double w[3][BLOCK]) {
  if (!h[1]) {
    for (size_t j = 0; j < count; j++) {
      double h1[3];
      pauli(h[0], n_k, k + j, h1);
      for (int i = 0; i < 3; i++) w[i][j] = s * h1[i];
    }
    return 0;
  }
  const double slope = sqrt(15.0) / 3;
  double largest = 0;
#pragma omp simd reduction(max : largest)
  for (size_t j = 0; j < count; j++) {
    double h1[3], h2[3], h3[3], k1[3], k2[3], k3[3], k12[3], c1[3], c2[3], left[3], right[3],
        last[3];
    pauli(h[0], n_k, k + j, h1);
    pauli(h[1], n_k, k + j, h2);
    pauli(h[2], n_k, k + j, h3);
    for (int i = 0; i < 3; i++) {
      k1[i] = s * h2[i];
      k2[i] = s * slope * (h3[i] - h1[i]);
      k3[i] = s * 10.0 / 3 * (h3[i] - 2 * h2[i] + h1[i]);
    }
    bracket(1, k1, k2, c1);
    for (int i = 0; i < 3; i++) k12[i] = 2 * k3[i] + c1[i];
    bracket(-1.0 / 60, k1, k12, c2);
    for (int i = 0; i < 3; i++) {
      left[i] = -20 * k1[i] - k3[i] + c1[i];
      right[i] = k2[i] + c2[i];
    }
    bracket(1.0 / 240, left, right, last);
    double square = 0;
    for (int i = 0; i < 3; i++) {
      w[i][j] = k1[i] + k3[i] / 12 + last[i];
      const double d = last[i] + c1[i] / 12;
      square += 2 * d * d;
    }
    largest = square > largest ? square : largest;
  }
  // A maximum passes over what is not a number.
  for (size_t j = 0; j < count; j++)
    if (!isfinite(w[0][j] + w[1][j] + w[2][j])) return NAN;
  return largest;
}

/// u_next = exp(-i w.sigma) u
static void multiply(size_t n_k, size_t k, size_t count, double w[3][BLOCK], const double *u,
                     double *u_next) {
  double c[BLOCK], sinc[BLOCK];
  for (size_t j = 0; j < count; j++) {
    const double angle = sqrt(w[0][j] * w[0][j] + w[1][j] * w[1][j] + w[2][j] * w[2][j]);
    c[j] = cos(angle);
    sinc[j] = angle > 1e-8 ? sin(angle) / angle : 1;
  }
  const double *u_0 = u + k, *u_1 = u_0 + n_k, *u_2 = u_1 + n_k, *u_3 = u_2 + n_k;
  double *v_0 = u_next + k, *v_1 = v_0 + n_k, *v_2 = v_1 + n_k, *v_3 = v_2 + n_k;
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    const double s0 = sinc[j] * w[0][j], s1 = sinc[j] * w[1][j], s2 = sinc[j] * w[2][j];
    const double u0 = u_0[j], u1 = u_1[j], u2 = u_2[j], u3 = u_3[j];
    const double v0 = c[j] * u0 - s0 * u1 - s1 * u2 - s2 * u3;
    const double v1 = c[j] * u1 + u0 * s0 + s1 * u3 - s2 * u2;
    const double v2 = c[j] * u2 + u0 * s1 + s2 * u1 - s0 * u3;
    const double v3 = c[j] * u3 + u0 * s2 + s0 * u2 - s1 * u1;
    // One Newton step towards |u| = 1 keeps rounding from adding up over long runs.
    const double scale = 1.5 - 0.5 * (v0 * v0 + v1 * v1 + v2 * v2 + v3 * v3);
    v_0[j] = scale * v0;
    v_1[j] = scale * v1;
    v_2[j] = scale * v2;
    v_3[j] = scale * v3;
  }
}

static kd_status step(size_t n_band, size_t n_k, double dt_over_hbar, const double *const h[3],
                      const double *u, double *u_next, double *error) {
  (void)n_band;
  const size_t n_block = (n_k + BLOCK - 1) / BLOCK;
  double largest = 0;
  int not_finite = 0;
#pragma omp parallel for schedule(static) reduction(max : largest) reduction(+ : not_finite) if (KD_WORTH_THREADS(4 * n_k))
  for (size_t block = 0; block < n_block; block++) {
    const size_t k = block * BLOCK, count = n_k - k < BLOCK ? n_k - k : BLOCK;
    double w[3][BLOCK];
    const double square = exponents(n_k, k, count, dt_over_hbar, h, w);
    if (isnan(square))
      not_finite++;
    else
      largest = fmax(largest, square);
    multiply(n_k, k, count, w, u, u_next);
  }
  *error = not_finite ? NAN : sqrt(largest);
  return KD_OK;
}

/// U (a.sigma) U^dagger rotates the vector: a' = a + 2 u x (u_0 a + u x a) for U = u_0 - i u.sigma.
static kd_status rotate(size_t n_band, size_t n_k, const double *u, bool inverse, const double *a,
                        double *result) {
  (void)n_band;
  const double sign = inverse ? -1 : 1;
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(4 * n_k))
  for (size_t k = 0; k < n_k; k++) {
    const double u0 = u[k], x = sign * u[n_k + k], y = sign * u[2 * n_k + k],
                 z = sign * u[3 * n_k + k];
    double v[3];
    pauli(a, n_k, k, v);
    const double mean = 0.5 * (a[k] + a[n_k + k]);
    const double t0 = u0 * v[0] + y * v[2] - z * v[1];
    const double t1 = u0 * v[1] + z * v[0] - x * v[2];
    const double t2 = u0 * v[2] + x * v[1] - y * v[0];
    const double r0 = v[0] + 2 * (y * t2 - z * t1);
    const double r1 = v[1] + 2 * (z * t0 - x * t2);
    const double r2 = v[2] + 2 * (x * t1 - y * t0);
    result[k] = mean + r2;
    result[n_k + k] = mean - r2;
    result[2 * n_k + k] = KD_SQRT2 * r0;
    result[3 * n_k + k] = -KD_SQRT2 * r1;
  }
  return KD_OK;
}

const kd_unitary kd_unitary_two = {.name = "two bands",
                                   .n_component = n_component,
                                   .identity = identity,
                                   .step = step,
                                   .rotate = rotate};
