/// Files of Wannier90: a model that is made of one has a finite H at k = 0.
#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "keldrift/keldrift.h"

enum { MAX_BANDS = 64 };

/// The scenario names the file in memory, which stays the same.
static const kd_scenario *scenario_of(const char *path) {
  static kd_scenario *scenario;
  char text[512];
  if (scenario) return scenario;
  snprintf(text, sizeof text,
           "model: {kind: wannier90, file: %s}\n"
           "grid: {k: [1, 1, 1]}\n"
           "initial: {kind: equilibrium, temperature: 300 K, filling: 1}\n"
           "propagation: {duration: 1 fs}\n",
           path);
  FUZZ_REQUIRE(kd_scenario_parse(text, strlen(text), "s.yaml", NULL, 0, &scenario) == KD_OK);
  return scenario;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static double complex h[MAX_BANDS * MAX_BANDS];
  kd_model *model;
  const kd_scenario *scenario = scenario_of(fuzz_file(data, size));
  if (kd_model_create(scenario, &model) != KD_OK) {
    FUZZ_REQUIRE(*kd_error_message());
    return 0;
  }
  const size_t n = kd_model_n_band(model);
  FUZZ_REQUIRE(n >= 1 && n <= MAX_BANDS);
  const kd_model_part energy = {.energy = 1};
  kd_model_at(model, (const double[3]){0, 0, 0}, &energy, h);
  for (size_t i = 0; i < n * n; i++) FUZZ_REQUIRE(isfinite(creal(h[i])) && isfinite(cimag(h[i])));
  kd_model_free(model);
  return 0;
}
