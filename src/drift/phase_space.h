/// The drift in phase space, f(R, k), as two exact sub-flows:
///
///   kinetic    in (q, k):  f_q(k) -> e^{-i h(k+q/2) dt/hbar} f_q(k) e^{+i h(k-q/2) dt/hbar},
///              h = H - F.r
///   potential  in (R, s):  f_s(R) -> e^{-i [U(R+s/2) - U(R-s/2) - F.s] dt/hbar} f_s(R)
///
/// With contacts the second is that of
///
///   df_s/dt = -(i/hbar) [U(R+s/2) - U(R-s/2) - F.s] f_s + sum_c Gamma_c (f_c,s - f_s)
///
/// (contacts.h), exact as well and at no other cost, being diagonal in the same variables.
///
/// Here f(R,k) = sum_q e^{iqR} f_q(k) = sum_s e^{-isk} f_s(R), F = charge E: the Moyal product is
/// exact. The gradient approximation (Trukhan and Protik, eqs. 8-10) has H_k +- (q/2).dH/dk and
/// s.grad U in place of the finite displacements, at the same cost.
///
/// f is [n_r][n_band^2][n_k], packed, k fastest. Both flows transform to the conjugate variable,
/// multiply, and transform back while a piece of f is in the cache.
#ifndef KD_DRIFT_PHASE_SPACE_H
#define KD_DRIFT_PHASE_SPACE_H

#include "keldrift/contacts.h"
#include "keldrift/model.h"
#include "keldrift/space.h"
#include "scenario/param.h"

/// Values of the key `drift`, for the schema.
extern const kd_choice kd_drift_choices[];

typedef struct kd_phase_space kd_phase_space;

kd_status kd_phase_space_create(kd_model *model, kd_space *space, bool is_gradient,
                                kd_phase_space **phase_space);
void kd_phase_space_free(kd_phase_space *phase_space);

/// Adds the contacts to the potential flow.
/// @param contacts  used until kd_phase_space_free; not owned
kd_status kd_phase_space_set_contacts(kd_phase_space *phase_space, const kd_contacts *contacts);

/// f := kinetic flow over `dt`. Collective, and cheapest for f from kd_comm_allocate. The
/// exponentials are kept, and made anew when `dt` or the field changes.
/// @param e  uniform field that the positions of the orbitals see, V/angstrom
kd_status kd_phase_space_kinetic(kd_phase_space *phase_space, const double e[3], double dt,
                                 double *f);

/// f := f under the dipole part of a delta kick, e^{i charge impulse.r/hbar} at k +- q/2. With the
/// potential flow of dt = 0 it makes up the kick; where r depends on k they do not commute.
/// @param impulse V fs/angstrom
kd_status kd_phase_space_dipole(kd_phase_space *phase_space, const double impulse[3], double *f);

/// f := potential flow over `dt`, U taken at time `t`. The phases are kept as above.
/// @param impulse  integral of E over the step, V fs/angstrom
kd_status kd_phase_space_potential(kd_phase_space *phase_space, double t, const double impulse[3],
                                   double dt, double *f);

/// The transforms of a kinetic and a potential flow alone, there and back without the norm, for
/// measurements of their cost.
kd_status kd_phase_space_transforms(kd_phase_space *phase_space, double *f);

/// Transforms of one component along R (for one k) or k (for one R) count as n_k^-1 or n_r^-1 of an
/// FFT of a component over the whole phase space; both together are one FFT.
unsigned long kd_phase_space_n_fft(const kd_phase_space *phase_space);
/// Bytes held, for the estimate of `check`.
size_t kd_phase_space_bytes(const kd_phase_space *phase_space);

#endif
