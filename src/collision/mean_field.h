/// The mean field of the carriers' interaction: the first order of what electron.h has the second
/// of.
///
/// With n_a = (1/N_k) sum_k f_aa(k), the terms of kind electron that ask for it give
///
///   contact  S_ab[f] = delta_ab (g_s - 1) U_a n_a                       (a single copy: one
///   partner) density  S_ab[f](k) = theta (1/N_k) sum_k' V(k - k') f_ab(k'),      theta = -1
///   fermions, 1 bosons
///
/// The Hartree term of V(q), V(0) times the density, is the same for all orbitals and k: it
/// commutes with f, and a neutralizing background cancels its energy. S depends on differences of k
/// only, so that f may be given on a displaced grid. The mean field is
///
///   Sigma(k) = S[f - f_0](k),
///
/// f_0 the reference that `mean_field_reference` names, 0 for `none`: H is then the Hamiltonian
/// with the mean field of f_0 in it. S is symmetric, (1/N_k) sum_k Tr(A S[B]) = (1/N_k) sum_k
/// Tr(S[A] B).
///
/// On a lattice f_0 at displaced points is its trigonometric interpolation, as translation.h has
/// it; in a k.p box it is the function of H(k) that fills the box, and what is outside of the box
/// counts as f_0.
#ifndef KD_COLLISION_MEAN_FIELD_H
#define KD_COLLISION_MEAN_FIELD_H

#include "keldrift/model.h"
#include "keldrift/space.h"
#include "keldrift/warnings.h"
#include "scenario/param.h"

typedef struct kd_mean_field kd_mean_field;

/// Builds the mean field of the terms of `collisions.terms` that have one, whatever the Ansatz is.
/// @param model       used until kd_mean_field_free; not owned
/// @param mean_field  NULL if no term has one
/// @return KD_ERROR_SCENARIO with an R grid, for classical particles with V(q), and for a reference
///         that does not fit
kd_status kd_mean_field_create(const kd_scenario *scenario, kd_model *model, const kd_space *space,
                               kd_mean_field **mean_field);
void kd_mean_field_free(kd_mean_field *mean_field);

/// Items of `collisions.terms` that have a mean field.
size_t kd_mean_field_count(const kd_scenario *scenario);

/// An error that names the key if a term has a mean field, for what cannot have one.
/// @param what  "a mean field WHAT", as in "in the linear response"
kd_status kd_mean_field_refuse(const kd_scenario *scenario, const char *what);

/// Sigma for f on the grid displaced by `shift`, on that grid; packed, eV.
kd_status kd_mean_field_sample(kd_mean_field *mean_field, const double shift[3], const double *f,
                               double *sigma);
/// df += -(i/hbar) [Sigma, f], 1/fs; not overlapping.
kd_status kd_mean_field_add_rate(kd_mean_field *mean_field, const double shift[3], const double *f,
                                 double *df);

/// Energy per cell, spins included, that is not in g_s (1/N_k) sum_k Tr(H f), eV:
/// (g_s/2 N_k) sum_k Tr(Sigma (f - f_0)), up to a constant the interaction in a Hamiltonian H -
/// S[f_0].
kd_status kd_mean_field_energy(kd_mean_field *mean_field, const double shift[3], const double *f,
                               double *energy);

/// v += direction . v_0, v_0 = -(1/hbar) (dS[f_0]/dk + i [S[f_0], r]), on the displaced grid: what
/// the velocity of H is more than that of H - S[f_0]. The interaction itself carries no current
/// where r does not depend on k, sum_k Tr((dS[f]/dk + i [S[f], r]) f) = 0.
kd_status kd_mean_field_add_velocity(kd_mean_field *mean_field, const double shift[3],
                                     const double direction[3], double *v);

unsigned long kd_mean_field_n_fft(const kd_mean_field *mean_field);
/// Bytes held, for the estimate of `check`; 0 for NULL.
size_t kd_mean_field_bytes(const kd_mean_field *mean_field);

/// Warns of a contact interaction without a partner.
void kd_mean_field_warn(const kd_scenario *scenario, const kd_model *model, kd_warnings *warnings);

/// Rows of the keys, for the table of electron.c.
extern const kd_choice kd_mean_field_choices[], kd_mean_field_references[];

#endif
