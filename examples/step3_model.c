/// Step 3: a model of one's own, given as a function H(k).
///
/// H(k) is sampled on a few points, transformed to hoppings, and written into the scenario as a
/// `tight_binding` model. That is exact when no hopping reaches further than the samples tell
/// apart, and the result file holds the whole model, so that it can be run again without this
/// program.
///
/// Here it is Creutz's ladder, two legs with a flux of half a quantum per cell: its bands are flat
/// at -2J and 2J, and electrons that fill the lower one carry no current in a weak field.
#include <complex.h>
#include <keldrift/keldrift.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 2, SAMPLES = 5, REACH = SAMPLES / 2 };
static const double PI = 3.14159265358979323846, J = 0.4, A = 5; // eV, angstrom

static void check(kd_status status) {
  if (status == KD_OK) return;
  fprintf(stderr, "%s\n", kd_error_message());
  exit(kd_exit_status(status));
}

/// H(k), row-major [N][N], eV; k in 1/angstrom.
static void hamiltonian(double k, double complex h[N * N]) {
  h[0] = 2 * J * sin(k * A);
  h[3] = -2 * J * sin(k * A);
  h[1] = h[2] = 2 * J * cos(k * A);
}

static void print_matrix(FILE *out, const double complex *matrix, double (*part)(double complex)) {
  for (int i = 0; i < N * N; i++)
    fprintf(out, "%s%s%.17g eV%s", i ? ", " : "[", i % N ? "" : "[", part(matrix[i]),
            i % N == N - 1 ? "]" : "");
  fprintf(out, "]");
}

/// <0|H|R> = (1/n) sum_j exp(-i k_j R) H(k_j), printed as items of `hoppings`.
static void print_hoppings(FILE *out) {
  for (int cell = -REACH; cell <= REACH; cell++) {
    double complex hop[N * N] = {0}, h[N * N];
    for (int j = 0; j < SAMPLES; j++) {
      const double phase = 2 * PI * j / SAMPLES;
      hamiltonian(phase / A, h);
      for (int i = 0; i < N * N; i++) hop[i] += cexp(-I * phase * cell) * h[i] / SAMPLES;
    }
    fprintf(out, "    - {R: [%d], re: ", cell);
    print_matrix(out, hop, creal);
    fprintf(out, ", im: ");
    print_matrix(out, hop, cimag);
    fprintf(out, "}\n");
  }
}

int main(void) {
  char *text = NULL;
  size_t length = 0;
  FILE *out = open_memstream(&text, &length);
  if (!out) return EXIT_FAILURE;
  fprintf(out,
          "title: Creutz's ladder\n"
          "model:\n"
          "  kind: tight_binding\n"
          "  lattice_vectors: [[%g angstrom]]\n"
          "  positions: [[0 angstrom], [0 angstrom]]\n"
          "  hoppings:\n",
          A);
  print_hoppings(out);
  fprintf(out, "grid: {k: [48]}\n"
               "initial: {kind: equilibrium, temperature: 50 K, filling: 1}\n"
               "field: [{kind: constant, amplitude: 10 kV/cm}]\n"
               "propagation: {duration: 100 fs}\n");
  fclose(out);

  kd_scenario *scenario;
  kd_model *model;
  check(kd_scenario_parse(text, length, "step3", NULL, 0, &scenario));
  check(kd_model_create(scenario, &model));

  // The library has the same H at any k.
  double error = 0;
  for (int i = 0; i < 100; i++) {
    const double k[3] = {0.037 * i};
    const kd_model_part energy = {.energy = 1};
    double complex want[N * N], got[N * N];
    hamiltonian(k[0], want);
    kd_model_at(model, k, &energy, got);
    for (int j = 0; j < N * N; j++) error = fmax(error, cabs(got[j] - want[j]));
  }
  printf("hamiltonian_error = %.3g\n", error);

  static kd_report report;
  check(kd_run(scenario, &(kd_run_options){.output = "step3.h5", .command = "step3"}, &report));
  size_t rank, shape[KD_MAX_AXES + 1];
  bool is_complex;
  double *energy;
  check(kd_result_read("step3.h5", "/model/energy", &rank, shape, &is_complex, &energy));
  double lowest = energy[0], highest = energy[0];
  for (size_t k = 0; k < shape[0]; k++) {
    lowest = fmin(lowest, energy[N * k]);
    highest = fmax(highest, energy[N * k]);
  }
  printf("lower_band_from = %.12g\n", lowest);
  printf("lower_band_to = %.12g\n", highest);
  printf("energy_change = %.3g\n", report.energy_change);
  free(energy);
  free(text);
  kd_model_free(model);
  kd_scenario_free(scenario);
  return 0;
}
