/// Transforms of real fields on a grid of one to three dimensions, two fields x, y at a time, as
/// x + i y: the transform z at a mode and w at the opposite one give (z + conj w)/2, that of x, and
/// (z - conj w)/2i, that of y. That is as little work as real transforms are, and FFTW has vector
/// instructions for it. Several such pairs of fields may lie side by side.
///
/// The modes of a real field are given by half of them: the last axis up to n/2, rows of n/2 + 1 in
/// the order of FFTW. Where a row is its own opposite, or at the ends 0 and n/2 of rows, opposite
/// modes are both among them; what belongs to the second is not read then.
#ifndef KD_DRIFT_GRID_FFT_H
#define KD_DRIFT_GRID_FFT_H

#include <complex.h>
#include <fftw3.h>

#include "core/lanes.h"
#include "keldrift/status.h"

typedef struct kd_grid_fft {
  size_t n[3];                       ///< points, axes moved to the back
  size_t width;                      ///< pairs of fields side by side,
  size_t room;                       ///< with room for so many
  size_t pitch;                      ///< points from one row of the last axis to the next, and more
  size_t volume;                     ///< complex numbers of them all, whole cache lines
  size_t n_half;                     ///< modes, in half
  fftw_plan forward[3], backward[3]; ///< the last axis out of place, the others in place or NULL
} kd_grid_fft;

/// @param n            points, n_dim of them
/// @param width, room  pairs of fields side by side, and complex numbers from point to point
kd_status kd_grid_fft_create(const size_t *n, size_t n_dim, size_t width, size_t room,
                             kd_grid_fft *fft);
void kd_grid_fft_clear(kd_grid_fft *fft);

/// From one field to another, aligned as kd_allocate does plus whole cache lines. Without a norm.
void kd_grid_fft_forward(const kd_grid_fft *fft, double complex *from, double complex *to);
/// Back; overwrites `from`.
void kd_grid_fft_backward(const kd_grid_fft *fft, double complex *from, double complex *to);

/// The row opposite to row `row` of the last axis.
static inline size_t kd_grid_fft_opposite(const kd_grid_fft *fft, size_t row) {
  const size_t *n = fft->n, j0 = row / n[1], j1 = row % n[1];
  return (n[0] - j0) % n[0] * n[1] + (n[1] - j1) % n[1];
}

/// Multiplies the transforms of two real fields by factors, where no others lie beside them.
/// @param a, b   factors of x and y, n_half real parts and as many imaginary ones
/// @param z      the transform of x + i y
/// @param result another field
void kd_grid_fft_multiply(const kd_grid_fft *fft, const double *a, const double *b,
                          const double complex *z, double complex *result);

/// From the transform z of x + i y at a mode, and w at the opposite one, to twice those of x and y.
static inline void kd_take_apart(kd_zlanes z, kd_zlanes w, kd_zlanes *x, kd_zlanes *y) {
  *x = (kd_zlanes){z.re + w.re, z.im - w.im};
  *y = (kd_zlanes){z.im + w.im, w.re - z.re};
}

static inline void kd_put_together(kd_zlanes x, kd_zlanes y, kd_zlanes *z, kd_zlanes *w) {
  *z = (kd_zlanes){x.re - y.im, x.im + y.re};
  *w = (kd_zlanes){x.re + y.im, y.re - x.im};
}

/// Asks for numbers that are read soon.
static inline void kd_prefetch(const double *x, size_t count) {
  for (size_t i = 0; i < count; i += 8) __builtin_prefetch(x + i, 0, 2);
}

#endif
