/// The kinetic flow of f(R, k), exact: with the modes q over R,
///
///   f_q(k) -> e^{-i h(k+q/2) dt/hbar} f_q(k) e^{+i h(k-q/2) dt/hbar},  h = energy H - F.r
///
/// and in the gradient approximation (Trukhan and Protik, eqs. 8-10) h_k +- (q/2).dH/dk in place of
/// h(k +- q/2).
#ifndef KD_DRIFT_KINETIC_FLOW_H
#define KD_DRIFT_KINETIC_FLOW_H

#include <stdbool.h>

#include "keldrift/model.h"
#include "keldrift/space.h"

typedef struct kd_kinetic_flow kd_kinetic_flow;

kd_status kd_kinetic_flow_create(kd_model *model, kd_space *space, bool is_gradient,
                                 kd_kinetic_flow **flow);
void kd_kinetic_flow_free(kd_kinetic_flow *flow);

/// f, as in phase_space.h, over `dt`. The exponentials of the last two different steps are kept.
/// Collective.
/// @param energy  0 or 1
/// @param e       field that the positions of the orbitals see, V/angstrom
kd_status kd_kinetic_flow_apply(kd_kinetic_flow *flow, double energy, const double e[3], double dt,
                                double *f);
/// The transforms alone, there and back without the norm.
kd_status kd_kinetic_flow_transforms(kd_kinetic_flow *flow, double *f);

/// Transforms of f over R so far, a component at all k being one.
unsigned long kd_kinetic_flow_n_fft(const kd_kinetic_flow *flow);
size_t kd_kinetic_flow_bytes(const kd_kinetic_flow *flow);

#endif
