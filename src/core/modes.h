/// Points and Fourier modes of periodic axes of n points.
#ifndef KD_CORE_MODES_H
#define KD_CORE_MODES_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/// True for points of an array of n[0] x n[1] x n[2] at the ends of an axis that has more than one.
static inline bool kd_is_at_face(size_t index, const size_t n[3]) {
  const size_t j[3] = {index / (n[1] * n[2]), index / n[2] % n[1], index % n[2]};
  bool result = false;
  for (size_t a = 0; a < 3; a++) result = result || (n[a] > 1 && (j[a] == 0 || j[a] + 1 == n[a]));
  return result;
}

/// Signed number of the mode with index j; the Nyquist mode is +n/2.
static inline double kd_mode_number(size_t j, size_t n) {
  return j <= n / 2 ? (double)j : (double)j - (double)n;
}

/// True for the mode +-n/2 of an even number of points.
static inline bool kd_mode_is_nyquist(size_t j, size_t n) {
  return n > 1 && 2 * j == n;
}

/// The mode with indices `j` of an array of n[0] x n[1] x n[2] with the signs of its Nyquist axes
/// turned as `signs` says, a bit per axis: fills `number`, and returns false if it asks to turn
/// another axis. Over signs = 0 ... 7 that makes all modes that the grid cannot tell apart.
static inline bool kd_mode_image(const size_t j[3], const size_t n[3], int signs,
                                 double number[3]) {
  for (size_t a = 0; a < 3; a++) {
    const bool flips = signs >> a & 1;
    if (flips && !kd_mode_is_nyquist(j[a], n[a])) return false;
    number[a] = (flips ? -1 : 1) * kd_mode_number(j[a], n[a]);
  }
  return true;
}

/// True for the outer tenth of the modes.
static inline bool kd_mode_is_outer(size_t j, size_t n) {
  return n > 1 && fabs(kd_mode_number(j, n)) > 0.45 * (double)n;
}

#endif
