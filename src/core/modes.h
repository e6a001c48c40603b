/// Fourier modes of an axis of n points.
#ifndef KD_CORE_MODES_H
#define KD_CORE_MODES_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/// Signed number of the mode with index j; the Nyquist mode is +n/2.
static inline double kd_mode_number(size_t j, size_t n) {
  return j <= n / 2 ? (double)j : (double)j - (double)n;
}

/// True for the mode +-n/2 of an even number of points.
static inline bool kd_mode_is_nyquist(size_t j, size_t n) {
  return n > 1 && 2 * j == n;
}

/// True for the outer tenth of the modes.
static inline bool kd_mode_is_outer(size_t j, size_t n) {
  return n > 1 && fabs(kd_mode_number(j, n)) > 0.45 * (double)n;
}

#endif
