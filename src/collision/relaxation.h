/// Relaxation-time forms, which need no bath.
#ifndef KD_COLLISION_RELAXATION_H
#define KD_COLLISION_RELAXATION_H

#include "collision/ansatz.h"
#include "scenario/section.h"

typedef struct kd_relaxation kd_relaxation;

/// t1_t2: in the eigenbasis, populations relax to the Fermi (Bose) function of H_k in t1 and coherences
/// to zero in t2; a block of degenerate levels relaxes in t1. bgk: f relaxes to the Fermi function with
/// the temperature given and the chemical potential of its own number, in tau.
/// @param thermal  temperature, chemical potential and statistics
kd_status kd_relaxation_create(const kd_section *section, bool is_bgk, const kd_spectrum *spectrum,
                               const kd_occupation *thermal, kd_relaxation **relaxation);
/// Drops the target, so that the rate is linear. The number of particles is taken not to change.
void kd_relaxation_linearise(kd_relaxation *relaxation);
/// Rate of the populations, 1/fs.
double kd_relaxation_population_rate(const kd_relaxation *relaxation);
void kd_relaxation_free(kd_relaxation *relaxation);

/// @param f, df  packed, on the undisplaced grid
kd_status kd_relaxation_rate(kd_relaxation *relaxation, const kd_spectrum *spectrum,
                             const double *f, double *df);

#endif
