/// What a step of the collisions at many points of R costs, in microseconds per point.
///
/// usage: benchmark_scattering [--threads N] [--repeat N]
///
/// A step of the same length at the same f, at 96 points, in one run and in turns: the midpoint
/// rule at one R after another with either back end, which is two evaluations, and what `method:
/// auto` takes. Medians. What is made once (matrices) is made before. With impurities, C is linear
/// in f and a step is one product with e^{L dt}; phonons with Fermi statistics take the midpoint
/// rule.
#include <math.h>
#include <omp.h>
#include <string.h>

#include "measure.h"

#include "collision/scattering.h"
#include "core/memory.h"
#include "keldrift/keldrift.h"

enum { N_R = 96, MOST_REPEATS = 101, N_METHOD = 3 };
static const char *const METHODS[N_METHOD] = {"direct", "fft", "auto"};

static const struct {
  const char *name, *model, *terms;
  bool has_direct; ///< its table is not too large
} CASES[] = {
#define CHAIN(n) "model: {kind: chain, J: 1, lattice_constant: 1}\ngrid: {k: [" n "]}\n"
#define SQUARE(n) "model: {kind: square, J: 1, lattice_constant: 1}\ngrid: {k: [" n ", " n "]}\n"
#define SSH(n) "model: {kind: ssh, t1: 1, t2: 0.7, lattice_constant: 1}\ngrid: {k: [" n "]}\n"
#define IMPURITY "{kind: impurity, strength: 0.2}"
#define PHONON "{kind: phonon, energy: 0.5, coupling: 0.1, temperature: 0.5}"
#define FORMED                                                                                     \
  "{kind: phonon, energy: 0.5, coupling: 0.1, temperature: 0.5, form: {kind: gaussian, q0: 1}}"
    {"chain 64, impurities", CHAIN("64"), IMPURITY, true},
    {"chain 64, phonons", CHAIN("64"), PHONON, true},
    {"chain 256, impurities", CHAIN("256"), IMPURITY, true},
    {"chain 256, phonons", CHAIN("256"), PHONON, true},
    {"chain 512, impurities", CHAIN("512"), IMPURITY, false},
    {"chain 512, phonons with a form", CHAIN("512"), FORMED, false},
    {"two bands 32, impurities", SSH("32"), IMPURITY, true},
    {"two bands 32, phonons", SSH("32"), PHONON, true},
    {"two bands 128, impurities", SSH("128"), IMPURITY, false},
    {"square 24 x 24, impurities", SQUARE("24"), IMPURITY, false},
    {"square 24 x 24, phonons", SQUARE("24"), PHONON, false},
    {"square 64 x 64, impurities", SQUARE("64"), IMPURITY, false},
};

typedef struct stage {
  kd_scenario *scenario;
  kd_model *model;
  kd_space *space;
  kd_state *state;
  kd_reference *reference;
  kd_collision *collision;
  kd_scattering *scattering;
  size_t n;
  double *start, *f;
} stage;

static stage stage_create(const char *model, const char *terms, const char *method) {
  char text[2048];
  const int length =
      snprintf(text, sizeof text,
               "units: natural\n%s"
               "initial: {kind: equilibrium, temperature: 0.5, chemical_potential: 0}\n"
               "propagation: {duration: 1}\n"
               "collisions: {ansatz: matrix, method: %s, broadening: 0.1, terms: [%s]}\n",
               model, method, terms);
  stage s = {0};
  check(kd_scenario_parse(text, (size_t)length, "benchmark", NULL, 0, &s.scenario));
  check(kd_model_create(s.scenario, &s.model));
  check(kd_space_create(s.scenario, s.model, &s.space));
  check(kd_initial_create(s.scenario, s.model, s.space, &s.state, &s.reference));
  check(kd_collision_create(s.scenario, s.model, s.reference, &s.collision));
  check(kd_scattering_create(s.collision, N_R, N_R, &s.scattering));
  s.n = kd_model_n_band(s.model) * kd_model_n_band(s.model) * kd_model_n_k(s.model);
  s.start = checked(kd_allocate(N_R * s.n, sizeof *s.start));
  s.f = checked(kd_allocate(N_R * s.n, sizeof *s.f));
  for (size_t i = 0; i < N_R * s.n; i++)
    s.start[i] = s.state->f[i % s.n] * (1 + 0.1 * cos((double)i));
  return s;
}

static void stage_clear(stage *s) {
  kd_scattering_free(s->scattering);
  kd_collision_free(s->collision);
  kd_reference_free(s->reference);
  kd_state_free(s->state);
  kd_space_free(s->space);
  kd_model_free(s->model);
  kd_scenario_free(s->scenario);
  kd_free(s->start);
  kd_free(s->f);
}

/// Microseconds per point of a step.
static double step(stage *s) {
  memcpy(s->f, s->start, N_R * s->n * sizeof *s->f);
  const double start = now();
  check(kd_scattering_flow(s->scattering, 0.05, s->f));
  return 1e6 * (now() - start) / N_R;
}

static double median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, kd_compare_reals);
  return values[count / 2];
}

int main(int argc, char **argv) {
  int n_repeat = 5;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--threads") == 0) n_thread = atoi(argv[i + 1]);
    if (strcmp(argv[i], "--repeat") == 0) n_repeat = atoi(argv[i + 1]);
  }
  if (n_thread < 1 || n_repeat < 1 || n_repeat > MOST_REPEATS) {
    fprintf(stderr, "benchmark: error: bad number of threads or repeats\n");
    return 2;
  }
  omp_set_num_threads(n_thread);
  printf("%d threads, microseconds per point of R and step\n", n_thread);
  printf("%-34s %9s %9s %9s %8s %s\n", "", "direct", "fft", "auto", "ratio", "auto is");
  for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
    stage s[N_METHOD] = {{0}};
    double time[N_METHOD][MOST_REPEATS], middle[N_METHOD] = {INFINITY, INFINITY, INFINITY};
    for (int m = 0; m < N_METHOD; m++) {
      if (m == 0 && !CASES[c].has_direct) continue;
      s[m] = stage_create(CASES[c].model, CASES[c].terms, METHODS[m]);
      // Matrices, and those of this length of step, are made when they first pay.
      for (size_t i = 0; i < 2 + (m == 2 ? s[m].n / N_R : 0); i++) step(&s[m]);
    }
    for (int i = 0; i < n_repeat; i++)
      for (int m = 0; m < N_METHOD; m++)
        if (s[m].f) time[m][i] = step(&s[m]);
    for (int m = 0; m < N_METHOD; m++)
      if (s[m].f) middle[m] = median(time[m], n_repeat);
    printf("%-34s %9.1f %9.1f %9.2f %8.1f %s\n", CASES[c].name, middle[0], middle[1], middle[2],
           fmin(middle[0], middle[1]) / middle[2], kd_collision_statistics(s[2].collision).method);
    fflush(stdout);
    for (int m = 0; m < N_METHOD; m++) stage_clear(&s[m]);
  }
  return 0;
}
