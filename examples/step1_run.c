/// Step 1: run a scenario and read its result.
///
/// Electrons in a band of width 4J in a constant field: after half a Bloch period h/(2 e E a) every
/// one of them has turned its velocity and its kinetic energy around, E(k) -> -E(k).
#include <keldrift/keldrift.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char TEXT[] = "title: Half a Bloch period\n"
                           "model: {kind: chain, J: 0.5 eV, lattice_constant: 5 angstrom}\n"
                           "grid: {k: [64]}\n"
                           "initial: {kind: equilibrium, temperature: 1500 K, filling: 0.3}\n"
                           "field: [{kind: constant, amplitude: 1 MV/cm}]\n"
                           "propagation: {duration: 41.356677 fs, rtol: 1e-9}\n"
                           "output: {every: 1 fs}\n";

/// Every function that can fail returns a status; the sentence for people is kd_error_message().
static void check(kd_status status) {
  if (status == KD_OK) return;
  fprintf(stderr, "%s\n", kd_error_message());
  exit(kd_exit_status(status));
}

static void progress(void *context, double t, double duration) {
  size_t *frames = context;
  (*frames)++;
  (void)t;
  (void)duration;
}

int main(void) {
  kd_scenario *scenario;
  check(kd_scenario_parse(TEXT, strlen(TEXT), "step1", NULL, 0, &scenario));

  size_t frames = 0;
  static kd_report report; // it holds the texts of the warnings: large for the stack
  const kd_run_options options = {
      .output = "step1.h5", .command = "step1", .progress = progress, .context = &frames};
  check(kd_run(scenario, &options, &report));
  printf("version = %s\n", kd_version());
  printf("frames = %zu\n", frames);
  printf("number = %.12g\n", report.number);
  printf("energy_change = %.12g\n", report.energy_change);
  printf("work = %.12g\n", report.work);
  for (size_t i = 0; i < report.warnings.count; i++)
    printf("warning: %s\n", report.warnings.text[i]);

  size_t rank, shape[KD_MAX_AXES + 1];
  bool is_complex;
  double *energy;
  check(kd_result_read("step1.h5", "/traces/energy", &rank, shape, &is_complex, &energy));
  printf("energy_start = %.12g\n", energy[0]);
  printf("energy_end = %.12g\n", energy[shape[0] - 1]);
  free(energy);
  kd_scenario_free(scenario);
  return 0;
}
