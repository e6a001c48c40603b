/// Traces and snapshots of phonons that are unknowns.
#ifndef KD_OBSERVABLES_PHONONS_H
#define KD_OBSERVABLES_PHONONS_H

#include "keldrift/collision.h"
#include "keldrift/output.h"

enum { KD_PHONON_TRACES = 5 };

typedef struct kd_phonon_observables {
  const kd_collision *collision;
  const kd_model *model;
  double k_boltzmann;
  size_t n_branch, n_mode, n_q, n_dim; ///< n_mode: of all branches together
  double *momentum;                    ///< q, odd in q on every grid, [n_q][n_dim], 1/angstrom
  double *reduced[3];                  ///< coordinates of the q axes, fractions of the edges
  double *value[KD_PHONON_TRACES];
  kd_variable trace[KD_PHONON_TRACES];
  double *number; ///< the snapshot, [n_mode][n_q]
  kd_variable snapshot;
} kd_phonon_observables;

/// @param collision  with phonons that are unknowns, used until kd_phonon_observables_free
kd_status kd_phonon_observables_create(const kd_collision *collision, const kd_model *model,
                                       const kd_constants *constants,
                                       kd_phonon_observables **observables);
void kd_phonon_observables_free(kd_phonon_observables *observables);

/// Sets the traces from the occupations of kd_collision_phonons.
void kd_phonon_observables_measure(kd_phonon_observables *observables, const double *number);
void kd_phonon_observables_snapshot(kd_phonon_observables *observables, const double *number);

#endif
