/// The stages of a run, which steps 2, 4 and 5 share: each is made from those before it.
#ifndef STAGES_H
#define STAGES_H

#include <keldrift/keldrift.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct stages {
  kd_scenario *scenario;
  kd_model *model;
  kd_space *space; ///< of no dimension here
  kd_field *field;
  kd_state *state;
  kd_reference *reference;
  kd_collision *collision;
  kd_observables *observables;
  kd_propagator *propagator;
} stages;

/// Ends the program with the message of the library where a call has failed.
static inline void check(kd_status status) {
  if (status == KD_OK) return;
  fprintf(stderr, "%s\n", kd_error_message());
  exit(kd_exit_status(status));
}

/// From the text of a scenario to the initial state and the collisions.
static inline stages stages_begin(const char *text, const char *name) {
  stages s = {0};
  check(kd_scenario_parse(text, strlen(text), name, NULL, 0, &s.scenario));
  check(kd_model_create(s.scenario, &s.model));
  check(kd_space_create(s.scenario, s.model, &s.space));
  check(kd_field_create(s.scenario, s.model, &s.field));
  check(kd_initial_create(s.scenario, s.model, s.space, &s.state, &s.reference));
  check(kd_collision_create(s.scenario, s.model, s.reference, &s.collision));
  return s;
}

/// What measures the state and what moves it. The propagator asks whether there are collisions:
/// what is added to them comes before.
static inline void stages_complete(stages *s) {
  check(kd_observables_create(s->scenario, s->model, s->space, s->field, s->reference,
                              &s->observables));
  check(kd_propagator_create(s->scenario, s->model, s->space, s->field, s->reference, s->collision,
                             s->state, &s->propagator));
}

/// In the opposite order.
static inline void stages_end(stages *s) {
  kd_propagator_free(s->propagator);
  kd_observables_free(s->observables);
  kd_collision_free(s->collision);
  kd_state_free(s->state);
  kd_reference_free(s->reference);
  kd_field_free(s->field);
  kd_space_free(s->space);
  kd_model_free(s->model);
  kd_scenario_free(s->scenario);
}

#endif
