/// Step 5: a bath of one's own.
///
/// A term of C[f] that scatters from any k to any other at the rate g, whatever the energies,
///
///   df/dt = -g (f(k) - (1/N_k) sum_k' f(k')),
///
/// is added to the collisions of the scenario, here none. In the chain of step 1 it damps the Bloch
/// oscillation at that rate: J(t) = J_0 e^{-g t} sin(w t).
#include <keldrift/keldrift.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "stages.h"

static const char TEXT[] = "model: {kind: chain, J: 0.5 eV, lattice_constant: 5 angstrom}\n"
                           "grid: {k: [64]}\n"
                           "initial: {kind: equilibrium, temperature: 300 K, filling: 0.3}\n"
                           "field: [{kind: constant, amplitude: 1 MV/cm}]\n"
                           "propagation: {duration: 200 fs, rtol: 1e-8, atol: 1e-11}\n";

typedef struct bath {
  double rate; ///< 1/fs
  size_t n_component, n_k;
  unsigned long calls;
} bath;

/// A packed field has n_band^2 real components, each for all k: this works for any number of bands.
static kd_status scatter(void *context, const double *f, double *df) {
  bath *b = context;
  b->calls++;
  for (size_t c = 0; c < b->n_component; c++) {
    const double *fc = f + c * b->n_k;
    double mean = 0;
    for (size_t k = 0; k < b->n_k; k++) mean += fc[k] / (double)b->n_k;
    for (size_t k = 0; k < b->n_k; k++) df[c * b->n_k + k] -= b->rate * (fc[k] - mean);
  }
  return KD_OK;
}

int main(void) {
  stages s = stages_begin(TEXT, "step5");
  const size_t n_band = kd_model_n_band(s.model);
  bath own = {.rate = 1.0 / 60, .n_component = n_band * n_band, .n_k = kd_model_n_k(s.model)};
  // Before the propagator is made, which asks whether there are collisions at all.
  check(kd_collision_add(
      s.collision,
      &(kd_collision_term){.add_rate = scatter, .context = &own, .conserves_number = true}));
  stages_complete(&s);

  check(kd_observables_measure(s.observables, s.state));
  const double number = kd_observables_value(s.observables, "number", 0);
  // J_0 = e a E_kin/hbar: at a quarter of the period all the kinetic energy has become velocity.
  const double amplitude =
      kd_observables_value(s.observables, "energy", 0) * 5 / kd_model_hbar(s.model);
  const double frequency = 0.01 * 5 / kd_model_hbar(s.model);
  double error = 0;
  for (int i = 1; i <= 40; i++) {
    const double t = 5.0 * i;
    check(kd_propagator_advance(s.propagator, t, s.state));
    check(kd_observables_measure(s.observables, s.state));
    const double want = -amplitude * exp(-own.rate * t) * sin(frequency * t);
    error = fmax(error, fabs(kd_observables_value(s.observables, "current", 0) - want));
  }
  printf("amplitude = %.12g\n", amplitude);
  printf("current_error = %.3g\n", error);
  printf("number_drift = %.3g\n", kd_observables_value(s.observables, "number", 0) - number);
  printf("bath_was_asked = %d\n", own.calls > 0);
  printf("second_term = %d\n",
         kd_collision_add(s.collision, &(kd_collision_term){scatter, &own, true}));

  stages_end(&s);
  return 0;
}
