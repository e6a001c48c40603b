/// Step 4: an observable of one's own, from the state.
///
/// The mean square energy g_s (1/N_k) sum_k Tr[H(k)^2 f(k)], which no key of the scenario gives
/// (operators that do not depend on k need no program: `observables`). In a chain with H = -2J
/// cos(ka) and a constant field it oscillates at twice the Bloch frequency:
///
///   <H^2> = 2 J^2 [n + Re(e^{-2 i w t} c_2)],   c_2 = (1/N_k) sum_k f_0(k) e^{2ika},   w = e E
///   a/hbar.
#include <complex.h>
#include <keldrift/keldrift.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "stages.h"

static const char TEXT[] =
    "model: {kind: chain, J: 0.5 eV, lattice_constant: 5 angstrom, spin_degeneracy: 2}\n"
    "grid: {k: [64]}\n"
    "initial: {kind: equilibrium, temperature: 1500 K, filling: 0.3}\n"
    "field: [{kind: constant, amplitude: 1 MV/cm}]\n"
    "propagation: {duration: 80 fs, rtol: 1e-9}\n";

/// Matrix [n][n] of a packed field at point `k`: the diagonal first, then for every a < b the
/// components sqrt(2) Re and sqrt(2) Im, each for all k (keldrift/model.h).
static void unpack(const double *field, size_t n, size_t n_k, size_t k, double complex *matrix) {
  size_t c = n;
  for (size_t a = 0; a < n; a++) {
    matrix[a * n + a] = field[a * n_k + k];
    for (size_t b = a + 1; b < n; b++, c += 2) {
      matrix[a * n + b] = (field[c * n_k + k] + I * field[(c + 1) * n_k + k]) / sqrt(2);
      matrix[b * n + a] = conj(matrix[a * n + b]);
    }
  }
}

/// The state is given on the grid displaced by state->shift, where nothing is interpolated: so is
/// H. For up to 8 bands.
/// @param h  room for a packed field
static double mean_square_energy(kd_model *model, const kd_state *state, double *h) {
  enum { MOST = 8 };
  const size_t n = kd_model_n_band(model), n_k = kd_model_n_k(model);
  double complex hk[MOST * MOST], fk[MOST * MOST];
  double sum = 0;
  kd_model_sample(model, state->shift, &(kd_model_part){.energy = 1}, h);
  for (size_t k = 0; k < n_k; k++) {
    unpack(h, n, n_k, k, hk);
    unpack(state->f, n, n_k, k, fk);
    for (size_t a = 0; a < n; a++)
      for (size_t b = 0; b < n; b++)
        for (size_t c = 0; c < n; c++) sum += creal(hk[a * n + b] * hk[b * n + c] * fk[c * n + a]);
  }
  return kd_model_spin_degeneracy(model) * sum / (double)n_k;
}

int main(void) {
  stages s = stages_begin(TEXT, "step4");
  stages_complete(&s);
  const size_t n = kd_model_n_band(s.model), n_k = kd_model_n_k(s.model);
  double *h = malloc(n * n * n_k * sizeof *h);
  if (!h) return EXIT_FAILURE;

  double complex moment = 0;
  double number = 0;
  for (size_t k = 0; k < n_k; k++) {
    double at[3];
    kd_model_k(s.model, k, at);
    number += 2 * s.state->f[k] / (double)n_k;
    moment += 2 * s.state->f[k] / (double)n_k * cexp(2 * I * at[0] * 5);
  }
  const double frequency = 0.01 * 5 / kd_model_hbar(s.model); // 1 MV/cm is 0.01 V/angstrom
  double error = 0;
  for (int i = 0; i <= 20; i++) {
    const double t = 4.0 * i;
    check(kd_propagator_advance(s.propagator, t, s.state));
    const double got = mean_square_energy(s.model, s.state, h);
    const double want = 2 * 0.5 * 0.5 * (number + creal(cexp(-2 * I * frequency * t) * moment));
    error = fmax(error, fabs(got - want));
    printf("mean_square_energy_%d = %.12g\n", i, got);
  }
  printf("error = %.3g\n", error);

  free(h);
  stages_end(&s);
  return 0;
}
