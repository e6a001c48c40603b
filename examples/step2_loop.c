/// Step 2: the stages of a run (stages.h), and a loop of one's own.
///
/// The same electrons as in step 1. The loop stops when their current changes its sign, which a run
/// of fixed duration could not: after half a Bloch period, J(t) = J_0 sin(2 pi t/T_B).
#include <keldrift/keldrift.h>
#include <stdio.h>
#include <stdlib.h>

#include "stages.h"

static const char TEXT[] = "model: {kind: chain, J: 0.5 eV, lattice_constant: 5 angstrom}\n"
                           "grid: {k: [64]}\n"
                           "initial: {kind: equilibrium, temperature: 300 K, filling: 0.3}\n"
                           "field: [{kind: constant, amplitude: 1 MV/cm}]\n"
                           "propagation: {duration: 200 fs, rtol: 1e-9}\n";

int main(void) {
  stages s = stages_begin(TEXT, "step2");
  stages_complete(&s);

  const double every = 0.5; // fs; the integrator chooses its own steps and interpolates
  double before = 0, after = 0, t = 0;
  do {
    before = after;
    t += every;
    check(kd_propagator_advance(s.propagator, t, s.state));
    check(kd_observables_measure(s.observables, s.state));
    after = kd_observables_value(s.observables, "current", 0);
  } while (t < 200 - every && !(before * after < 0));
  const double turn = t - every * after / (after - before);
  printf("turns_at = %.12g\n", turn);
  printf("number = %.12g\n", kd_observables_value(s.observables, "number", 0));
  printf("steps = %ld\n", kd_propagator_cost(s.propagator).steps);

  stages_end(&s);
  return 0;
}
