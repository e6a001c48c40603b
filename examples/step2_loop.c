/// Step 2: the stages of a run, one by one, and a loop of one's own.
///
/// The same electrons as in step 1. The loop stops when their current changes its sign, which a run
/// of fixed duration could not: after half a Bloch period, J(t) = J_0 sin(2 pi t/T_B).
#include <keldrift/keldrift.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char TEXT[] = "model: {kind: chain, J: 0.5 eV, lattice_constant: 5 angstrom}\n"
                           "grid: {k: [64]}\n"
                           "initial: {kind: equilibrium, temperature: 300 K, filling: 0.3}\n"
                           "field: [{kind: constant, amplitude: 1 MV/cm}]\n"
                           "propagation: {duration: 200 fs, rtol: 1e-9}\n";

static void check(kd_status status) {
  if (status == KD_OK) return;
  fprintf(stderr, "%s\n", kd_error_message());
  exit(kd_exit_status(status));
}

int main(void) {
  kd_scenario *scenario;
  kd_model *model;
  kd_space *space;
  kd_field *field;
  kd_state *state;
  kd_reference *reference;
  kd_collision *collision;
  kd_observables *observables;
  kd_propagator *propagator;
  // In the order in which each needs the ones before it.
  check(kd_scenario_parse(TEXT, strlen(TEXT), "step2", NULL, 0, &scenario));
  check(kd_model_create(scenario, &model));
  check(kd_space_create(scenario, model, &space));
  check(kd_field_create(scenario, model, &field));
  check(kd_initial_create(scenario, model, space, &state, &reference));
  check(kd_collision_create(scenario, model, reference, &collision));
  check(kd_observables_create(scenario, model, space, field, reference, &observables));
  check(kd_propagator_create(scenario, model, space, field, reference, collision, state,
                             &propagator));

  const double every = 0.5; // fs; the integrator chooses its own steps and interpolates
  double before = 0, after = 0, t = 0;
  do {
    before = after;
    t += every;
    check(kd_propagator_advance(propagator, t, state));
    check(kd_observables_measure(observables, state));
    after = kd_observables_value(observables, "current", 0);
  } while (t < 200 - every && !(before * after < 0));
  const double turn = t - every * after / (after - before);
  printf("turns_at = %.12g\n", turn);
  printf("number = %.12g\n", kd_observables_value(observables, "number", 0));
  printf("steps = %ld\n", kd_propagator_cost(propagator).steps);

  // In the opposite order.
  kd_propagator_free(propagator);
  kd_observables_free(observables);
  kd_collision_free(collision);
  kd_state_free(state);
  kd_reference_free(reference);
  kd_field_free(field);
  kd_space_free(space);
  kd_model_free(model);
  kd_scenario_free(scenario);
  return 0;
}
