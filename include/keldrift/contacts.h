/// Contacts: regions at the ends of the R box where f relaxes to what a reservoir holds, or to
/// nothing.
///
/// With the rate gamma_c(x) of contact c along its axis, zero in between the contacts, and f_c(k)
/// the thermal function of H_k (0 in an absorber),
///
///   df_s(R)/dt = sum_c Gamma_c (f_c,s - f_s(R)),
///   Gamma_c = [gamma_c(R+s/2) + gamma_c(R-s/2)]/2      (drift: moyal)
///   Gamma_c = gamma_c(R)                               (drift: gradient)
///
/// where s is conjugate to k. The first is the anticommutator -{gamma_c, rho - rho_c}/2: what is
/// coherent between a contact and the device decays as soon as one of its ends is in the contact.
/// For the density, s = 0, both are dn/dt = sum_c gamma_c(R) (n_c - n).
///
/// R is periodic: behind a contact at one end of the box is the one at the other end. What flows
/// between them there is no current of the device, and counts as the contacts' own: it comes in
/// through the one and goes out through the other, so that their sum does not know of it.
#ifndef KELDRIFT_CONTACTS_H
#define KELDRIFT_CONTACTS_H

#include "keldrift/space.h"
#include "keldrift/state.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kd_contacts kd_contacts;

/// Reads the section `contacts` of a scenario.
/// @return KD_ERROR_SCENARIO for contacts that do not fit the R grid, or cannot be filled
KD_API kd_status kd_contacts_create(const kd_scenario *scenario, kd_model *model,
                                    const kd_space *space, kd_contacts **contacts);
KD_API void kd_contacts_free(kd_contacts *contacts);

/// At most KD_MAX_CONTACTS.
KD_API size_t kd_contacts_count(const kd_contacts *contacts);
/// True if one of them is a reservoir.
KD_API bool kd_contacts_have_reservoir(const kd_contacts *contacts);
/// gamma_c at any r, 1/fs: what it is at the end of the box it is beyond.
KD_API double kd_contacts_rate(const kd_contacts *contacts, size_t c, const double r[3]);
/// f_c, packed: n_band^2 n_k doubles.
KD_API const double *kd_contacts_state(const kd_contacts *contacts, size_t c);

/// Particles per time that come in through contact c, integral dR gamma_c(R) (n_c - n(R)).
/// @param density  n(R), spins included, [n_r]
KD_API double kd_contacts_inflow(const kd_contacts *contacts, size_t c, const double *density);
/// True if along some axis there are contacts with a rate at both ends.
KD_API bool kd_contacts_meet(const kd_contacts *contacts);
/// Particles per time that flow through the end of the box, in the direction of each axis along
/// which contacts meet, 0 for other axes: the integral over it of j/charge = g_s (1/N_k V_cell)
/// sum_k Tr(v f), halfway between the last and the first point. Collective over the processes that
/// share R.
/// @param v  velocities, packed, n_band^2 n_k doubles each
/// @param f  at the R of this process
KD_API void kd_contacts_end_flow(const kd_contacts *contacts, const kd_model *model,
                                 const kd_space *space, double *const v[3], const double *f,
                                 double flow[3]);
/// entered[c] += dt times what that brings into contact c: contacts at the same end share it by
/// their rates.
KD_API void kd_contacts_add_flow(const kd_contacts *contacts, const double flow[3], double dt,
                                 double *entered);
/// n(R) := n(R) after `dt` of exchange with the contacts; exact.
/// @param entered  NULL, or what came in through each contact is added to it
KD_API void kd_contacts_relax(const kd_contacts *contacts, double dt, double *density,
                              double *entered);

#ifdef __cplusplus
}
#endif
#endif
