/// The differences of the potential energy that drive the potential flow, on the grids of R and s:
///
///   moyal     U(R + s/2) - U(R - s/2)
///   gradient  s.grad U(R)
///
/// The modes s are those of a half transform over k, n_half of them: the last axis of k in half, in
/// the order of FFTW, where its mode m stands for s = -m; all is given at +m. Where an axis is at
/// its Nyquist mode, which stands for both signs, the mean over them is meant.
///
/// U is a sum of parts with factors that depend on time (kd_space_n_part). The differences of every
/// part are kept, so that another time costs no evaluation of U; where that would take more than
/// the room given, they are computed anew every time.
#ifndef KD_DRIFT_DIFFERENCES_H
#define KD_DRIFT_DIFFERENCES_H

#include "keldrift/model.h"
#include "keldrift/space.h"

typedef struct kd_differences kd_differences;

/// @param room  bytes that may be kept
kd_status kd_differences_create(const kd_model *model, kd_space *space, bool is_gradient,
                                size_t room, kd_differences **differences);
void kd_differences_free(kd_differences *differences);

/// Number of modes, (n_k/n_last)(n_last/2 + 1).
size_t kd_differences_n_half(const kd_differences *differences);

/// The displacements s that a mode stands for, angstrom.
/// @param x  points into `differences`
/// @return their number, 1 to 8
size_t kd_differences_images(const kd_differences *differences, size_t mode, const double (**x)[3]);

/// x[i][r] := dt (difference at mode first + i) - impulse.s, for `count` modes and the points r of
/// R that this process holds.
/// @param t        time at which the factors of the parts are taken
/// @param dt       any factor: a time, or a time over hbar
/// @param impulse  integral of the force charge E over dt, times the same factor
/// @return KD_ERROR_NUMERICS if U is not finite
kd_status kd_differences_batch(kd_differences *differences, double t, double dt,
                               const double impulse[3], size_t first, size_t count, size_t pitch,
                               double *x);

/// Bytes held, for the estimate of `check`.
size_t kd_differences_bytes(const kd_differences *differences);

#endif
