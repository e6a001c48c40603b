#include "state/edge.h"

#include <math.h>

#include "core/comm.h"
#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"
#include "model/bands.h"

/// kT in units of the difference D of neighboring levels: below the first an edge is sharp, at the
/// second it is smooth.
static const double SHARP = 0.4, SMOOTH = 0.5;

/// kT/D of a Fermi function that changes by `jump` between neighbors.
static double sharpness(double jump) {
  return jump < 1 ? 0.25 / atanh(jump) : 0;
}

static double largest(const kd_edge *edge) {
  return fmax(edge->jump[0], fmax(edge->jump[1], edge->jump[2]));
}

bool kd_edge_is_sharp(const kd_edge *edge) {
  return edge->energy > 0;
}

double kd_edge_ringing(const kd_edge *edge) {
  // The part of a Fermi function beyond the Nyquist mode, and what it is at kT = 0.
  return fmin(0.14, 0.6 * exp(-M_PI * M_PI * sharpness(largest(edge))));
}

double kd_edge_smooth_kt(const kd_edge *edge) {
  return SMOOTH * edge->energy;
}

double kd_edge_refinement(const kd_edge *edge, size_t a) {
  return edge->jump[a] > 0 ? fmax(1, SMOOTH / sharpness(edge->jump[a])) : 1;
}

/// Occupations of the levels, [n_k][n_band].
static void find_occupations(const kd_bands *bands, const double *f, double *occupation) {
  const size_t n_band = bands->n_band;
  double complex matrix[KD_MAX_MATRIX], band[KD_MAX_MATRIX], scratch[KD_MAX_MATRIX];
  for (size_t k = 0; k < bands->n_k; k++) {
    kd_unpack(f, n_band, bands->n_k, k, matrix);
    kd_eigen_rotate(n_band, bands->vector + k * n_band * n_band, true, matrix, band, scratch);
    kd_eigen_populations(n_band, bands->energy + k * n_band, bands->tolerance, band);
    for (size_t n = 0; n < n_band; n++) occupation[k * n_band + n] = creal(band[n * n_band + n]);
  }
}

/// Takes the bonds of one R into account.
static void take_bonds(const kd_model *model, const double *energy, const double *occupation,
                       kd_edge *edge) {
  const size_t *n = kd_model_n(model), n_band = kd_model_n_band(model), n_k = kd_model_n_k(model);
  const size_t stride[3] = {n[1] * n[2], n[2], 1};
  const double limit = tanh(0.25 / SHARP);
  for (size_t a = 0; a < kd_model_n_dim(model); a++)
    for (size_t k = 0; k < n_k && n[a] > 1; k++) {
      const bool is_last = k / stride[a] % n[a] + 1 == n[a];
      // Nothing wraps in a k.p box.
      if (is_last && !kd_model_is_periodic(model)) continue;
      const size_t next = is_last ? k + stride[a] - n[a] * stride[a] : k + stride[a];
      for (size_t b = 0; b < n_band; b++) {
        const double jump = fabs(occupation[next * n_band + b] - occupation[k * n_band + b]);
        edge->jump[a] = fmax(edge->jump[a], jump);
        if (jump > limit)
          edge->energy =
              fmax(edge->energy, fabs(energy[next * n_band + b] - energy[k * n_band + b]));
      }
    }
}

kd_status kd_edge_measure(kd_model *model, const kd_state *state, kd_edge *edge) {
  kd_status status = KD_OK;
  const size_t n_level = kd_model_n_band(model) * kd_model_n_k(model);
  kd_bands bands = {0};
  double *occupation = NULL;
  *edge = (kd_edge){0};
  KD_CHECK(kd_bands_create(model, &bands));
  KD_ALLOCATE(occupation, n_level);
  for (size_t r = 0; r < state->n_r; r++) {
    find_occupations(&bands, state->f + r * kd_model_n_band(model) * n_level, occupation);
    take_bonds(model, bands.energy, occupation, edge);
  }

cleanup:
  kd_bands_clear(&bands);
  kd_free(occupation);
  return status;
}

void kd_edge_join(const kd_comm *comm, kd_edge *edge) {
  kd_comm_largest(comm, edge->jump, 3);
  kd_comm_largest(comm, &edge->energy, 1);
}
