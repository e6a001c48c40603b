/// The collisionless flow in the co-moving frame.
///
/// With F = charge E and r_k the position matrix, the drift
///   df/dt = -(i/hbar) [H_k - F.r_k, f] - (1/hbar) F.grad_k f
/// is solved along k(t) = k_0 + shift(t), shift = (1/hbar) integral of F, by
///   f(k_0 + shift(t), t) = U f(k_0, t_0) U^dagger,  i hbar dU/dt = (H - F.r)(k_0 + shift(t)) U.
/// The translation is exact; U is made of Magnus steps (unitary.h) whose size follows the tolerance
/// and never crosses the edge of a field piece.
#ifndef KD_DRIFT_FLOW_H
#define KD_DRIFT_FLOW_H

#include "keldrift/field.h"
#include "keldrift/model.h"

typedef struct kd_flow kd_flow;

/// A point on the flow: how far the frame has moved since the origin of the position.
typedef struct kd_flow_position {
  double time;     ///< fs
  double shift[3]; ///< 1/angstrom
  double *u;       ///< U(k_0), layout private to the flow
  double *u_spare;
  double step; ///< next step to try, fs
} kd_flow_position;

/// @param tolerance  largest error of U in one step (Frobenius norm, largest over k)
kd_status kd_flow_create(kd_model *model, const kd_field *field, double tolerance, kd_flow **flow);
void kd_flow_free(kd_flow *flow);

kd_status kd_flow_position_create(const kd_flow *flow, kd_flow_position **position);
void kd_flow_position_free(kd_flow_position *position);

/// Makes a position an origin: U = 1 at time `t`, where the co-moving grid is displaced by `shift`
/// from the grid of the model.
void kd_flow_start(const kd_flow *flow, kd_flow_position *position, double t,
                   const double shift[3]);
void kd_flow_copy(const kd_flow *flow, const kd_flow_position *from, kd_flow_position *to);

/// Numbers in the U of a position, 0 for one band.
size_t kd_flow_n_unitary(const kd_flow *flow);

/// Moves a position to time `t`, forward or backward, between kicks.
/// @return KD_ERROR_NUMERICS if the step size underflows
kd_status kd_flow_move(kd_flow *flow, kd_flow_position *position, double t);

/// Moves a position through a delta kick E = impulse delta(t), or a fraction of one.
/// @param impulse V fs/angstrom
kd_status kd_flow_kick(kd_flow *flow, kd_flow_position *position, const double impulse[3]);

/// result := U f U^dagger (inverse: U^dagger f U) for packed fields; in place is allowed.
kd_status kd_flow_rotate(const kd_flow *flow, const kd_flow_position *position, bool inverse,
                         const double *f, double *result);

/// Magnus steps taken and rejected so far.
void kd_flow_statistics(const kd_flow *flow, unsigned long *n_step, unsigned long *n_rejected);
/// Bytes of one position and of the flow itself, for the estimate of `check`.
size_t kd_flow_bytes(size_t n_band, size_t n_k);

#endif
