/// Relaxation-time forms, which need no bath.
#ifndef KD_COLLISION_RELAXATION_H
#define KD_COLLISION_RELAXATION_H

#include "model/bands.h"
#include "scenario/section.h"
#include "state/occupation.h"

typedef struct kd_relaxation kd_relaxation;

typedef enum kd_relaxation_rule {
  /// In the eigenbasis, populations relax to the thermal function of H_k in t1 and coherences to
  /// zero in
  /// t2; a block of degenerate levels relaxes in t1.
  KD_RELAX_T1_T2,
  /// f relaxes to the thermal function with the temperature given and the chemical potential of its
  /// own
  /// number, in tau.
  KD_RELAX_BGK,
  /// Populations relax to the thermal function at the out-scattering rates of their levels, without
  /// return (SERTA), coherences at the mean of the two rates.
  KD_RELAX_RTA
} kd_relaxation_rule;

/// @param thermal  temperature, chemical potential and statistics
/// @param rates    KD_RELAX_RTA: out-scattering rates [n_k][n_band], 1/fs, copied; else NULL
kd_status kd_relaxation_create(const kd_section *section, kd_relaxation_rule rule,
                               const kd_bands *bands, const kd_occupation *thermal,
                               const double *rates, kd_relaxation **relaxation);
/// Drops the target, so that the rate is linear. The number of particles is taken not to change.
void kd_relaxation_linearise(kd_relaxation *relaxation);
/// True if the number of particles does not change, whatever f is.
bool kd_relaxation_conserves_number(const kd_relaxation *relaxation);
/// Rate of the population of level `index` of [n_k][n_band], 1/fs.
double kd_relaxation_population_rate(const kd_relaxation *relaxation, size_t index);
void kd_relaxation_free(kd_relaxation *relaxation);

/// f := the solution of df/dt = C[f] after `dt`, exact: bgk keeps its number, and so its target.
kd_status kd_relaxation_flow(kd_relaxation *relaxation, const kd_bands *bands, double dt,
                             double *f);
/// df += C[f], packed fields on the undisplaced grid.
kd_status kd_relaxation_rate(kd_relaxation *relaxation, const kd_bands *bands, const double *f,
                             double *df);

#endif
