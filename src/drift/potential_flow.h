/// The potential flow of f(R, k), exact: with the modes s over k,
///
///   f_s(R) -> e^{-i [U(R+s/2) - U(R-s/2) - F.s] dt/hbar} f_s(R)
///
/// (differences.h), with contacts that of
///
///   df_s/dt = -(i/hbar) [U(R+s/2) - U(R-s/2) - F.s] f_s + sum_c Gamma_c (f_c,s - f_s)
///
/// (contacts.h), exact as well and at no other cost, being diagonal in the same variables.
#ifndef KD_DRIFT_POTENTIAL_FLOW_H
#define KD_DRIFT_POTENTIAL_FLOW_H

#include <stdbool.h>

#include "keldrift/contacts.h"
#include "keldrift/model.h"
#include "keldrift/space.h"

typedef struct kd_potential_flow kd_potential_flow;

kd_status kd_potential_flow_create(kd_model *model, kd_space *space, bool is_gradient,
                                   kd_potential_flow **flow);
void kd_potential_flow_free(kd_potential_flow *flow);

/// @param contacts  used until kd_potential_flow_free; not owned
kd_status kd_potential_flow_set_contacts(kd_potential_flow *flow, const kd_contacts *contacts);

/// f, as in phase_space.h, over `dt`, U taken at time `t`. The phases of the last two different
/// steps are kept.
/// @param impulse  integral of E over the step, V fs/angstrom
kd_status kd_potential_flow_apply(kd_potential_flow *flow, double t, const double impulse[3],
                                  double dt, double *f);
/// The transforms alone, there and back without the norm.
void kd_potential_flow_transforms(kd_potential_flow *flow, double *f);

/// Transforms of f over k so far, a component at all R being one.
unsigned long kd_potential_flow_n_fft(const kd_potential_flow *flow);
size_t kd_potential_flow_bytes(const kd_potential_flow *flow);

#endif
