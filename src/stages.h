/// The objects that a run is made of, in the order in which they are built.
#ifndef KD_STAGES_H
#define KD_STAGES_H

#include "keldrift/observables.h"
#include "keldrift/propagator.h"
#include "recovery.h"
#include "state/edge.h"

/// Everything a run is made of.
typedef struct kd_stages {
  kd_model *model;
  kd_space *space;
  kd_field *field;
  kd_state *state;
  kd_reference *reference;
  kd_collision *collision;
  kd_propagator *propagator;
  kd_observables *observables;
  kd_edge edge; ///< of the initial state, where it matters
  /// Of Tr f of the initial state at the edge of a k.p box, with an R grid; infinite where f does
  /// not move in k.
  double least_at_edge;
} kd_stages;

/// Builds them. All processes of `comm` end with the same status.
/// @param recovery  who may want the run to end meanwhile; NULL: nobody
/// @param s         to be cleared in any case
kd_status kd_stages_create(const kd_scenario *scenario, const kd_comm *comm, kd_recovery *recovery,
                           kd_stages *s);
void kd_stages_clear(kd_stages *s);

#endif
