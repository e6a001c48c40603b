/// What C[f] is made of, for those that evaluate it at many points of R (scattering.h).
#ifndef KD_COLLISION_PARTS_H
#define KD_COLLISION_PARTS_H

#include "collision/keldysh.h"
#include "keldrift/collision.h"

/// The equilibrium of the keys `temperature` and `chemical_potential` of collisions or, where they
/// are left out, of the initial state.
/// @param section, key  what an error is about if there is none
kd_status kd_collision_thermal(const kd_scenario *scenario, const kd_reference *reference,
                               const kd_bands *bands, const kd_section *section, const char *key,
                               kd_occupation *thermal);

/// Another operator for a thread of its own, which uses the tables of `collision` and must not
/// outlive it; for those of which kd_collision_clones is true.
kd_status kd_collision_clone(const kd_collision *collision, kd_collision **clone);
bool kd_collision_clones(const kd_collision *collision);
/// Adds what a clone has counted since the last time.
void kd_collision_absorb(kd_collision *collision, kd_collision *clone);

size_t kd_collision_n_band(const kd_collision *collision);
/// Numbers in a packed field, n_band^2 n_k.
size_t kd_collision_length(const kd_collision *collision);
/// Largest of kd_collision_out_rates, 1/fs.
double kd_collision_largest_out_rate(const kd_collision *collision);
/// True if the scenario leaves the choice of the method to the program.
bool kd_collision_is_auto(const kd_collision *collision);
/// True if C[f] - C[0] is linear in f.
bool kd_collision_is_affine(const kd_collision *collision);
/// The part with all that is quadratic in f, if C[f] is a polynomial of second degree as
/// kd_keldysh_is_quadratic says; else NULL.
const kd_keldysh *kd_collision_quadratic(const kd_collision *collision);
/// kd_keldysh_net of that part.
kd_status kd_collision_net(kd_collision *collision, const double *f, double *net);
/// Estimate of the time of kd_collision_rate with baths, nanoseconds of one thread.
double kd_collision_cost_of_rate(const kd_collision *collision);

/// True for relaxation-time forms.
bool kd_collision_is_relaxation(const kd_collision *collision);
/// kd_relaxation_flow, counted as one evaluation.
kd_status kd_collision_relax(kd_collision *collision, double dt, double *f);

/// Adds to the statistics, and the name of what evaluates in place of the back end.
void kd_collision_count(kd_collision *collision, unsigned long evaluations, double seconds);
void kd_collision_name_method(kd_collision *collision, const char *method);

#endif
