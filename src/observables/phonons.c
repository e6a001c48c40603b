#include "observables/phonons.h"

#include <math.h>
#include <string.h>

#include "collision/bath.h"
#include "collision/form.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/modes.h"
#include "observables/dataset.h"

/// Rows of kd_phonon_datasets.
enum { NUMBER, ENERGY, TEMPERATURE, MOMENTUM, LOSS };

void kd_phonon_observables_free(kd_phonon_observables *o) {
  if (!o) return;
  kd_free(o->momentum);
  for (int d = 0; d < 3; d++) kd_free(o->reduced[d]);
  for (int i = 0; i < KD_PHONON_TRACES; i++) kd_free(o->value[i]);
  kd_free(o->number);
  kd_free(o);
}

/// Where q and -q are the same but for a reciprocal vector, or are written with vectors that are
/// not opposite, half of their difference stands for q: N(q) = N(-q) has no momentum.
static kd_status find_momenta(kd_phonon_observables *o) {
  kd_status status = KD_OK;
  const size_t *opposite = kd_collision_branch(o->collision, 0).opposite;
  KD_ALLOCATE(o->momentum, o->n_q * o->n_dim);
  for (size_t q = 0; q < o->n_q; q++) {
    double here[3], there[3];
    kd_difference_vector(o->model, q, here);
    kd_difference_vector(o->model, opposite[q], there);
    for (size_t d = 0; d < o->n_dim; d++)
      o->momentum[q * o->n_dim + d] = 0.5 * (here[d] - there[d]);
  }

cleanup:
  return status;
}

static void describe(kd_phonon_observables *o, bool is_natural) {
  size_t m[3];
  kd_difference_count(o->model, m);
  kd_extents extents = {
      .is_natural = is_natural, .n_branch = o->n_branch, .n_mode = o->n_mode, .n_dim_k = o->n_dim};
  for (size_t i = 0; i < o->n_dim; i++) {
    extents.n_q[i] = m[i];
    extents.q[i] = o->reduced[i];
  }
  for (int i = 0; i < KD_PHONON_TRACES; i++)
    o->trace[i] = kd_dataset_variable(&kd_phonon_datasets[i], &extents, o->value[i]);
  o->snapshot = kd_dataset_variable(&kd_phonon_snapshot_datasets[0], &extents, o->number);
}

kd_status kd_phonon_observables_create(const kd_collision *collision, const kd_model *model,
                                       const kd_constants *constants,
                                       kd_phonon_observables **result) {
  kd_status status = KD_OK;
  kd_phonon_observables *o = NULL;
  size_t m[3];
  *result = NULL;
  KD_ALLOCATE(o, 1);
  o->collision = collision;
  o->model = model;
  o->k_boltzmann = constants->k_boltzmann;
  o->n_branch = kd_collision_n_branch(collision);
  o->n_dim = kd_model_n_dim(model);
  o->n_q = kd_difference_count(model, m);
  for (size_t b = 0; b < o->n_branch; b++) o->n_mode += kd_collision_branch(collision, b).n_mode;
  for (int i = 0; i < KD_PHONON_TRACES; i++)
    KD_ALLOCATE(o->value[i], o->n_branch * (i == MOMENTUM ? o->n_dim : 1));
  KD_ALLOCATE(o->number, o->n_mode * o->n_q);
  KD_CHECK(find_momenta(o));
  for (size_t i = 0; i < o->n_dim; i++) {
    KD_ALLOCATE(o->reduced[i], m[i]);
    for (size_t j = 0; j < m[i]; j++)
      o->reduced[i][j] = (double)kd_mode_number(j, m[i]) / (double)kd_model_n(model)[i];
  }
  describe(o, constants->natural);
  *result = o;
  o = NULL;

cleanup:
  kd_phonon_observables_free(o);
  return status;
}

/// Energy of a branch in equilibrium, per N_k, in units of that of omega.
static double thermal_energy(const kd_phonon_branch *branch, double kt) {
  double energy = 0;
  for (size_t q = 0; q < branch->n_q; q++)
    if (branch->omega[q] > 0) energy += branch->omega[q] / expm1(branch->omega[q] / kt);
  return (double)branch->n_mode * energy;
}

/// kT at which the branch has this energy, by bisection of its logarithm to rounding; 0 for none.
static double find_kt(const kd_phonon_branch *branch, double energy) {
  double largest = 0;
  for (size_t q = 0; q < branch->n_q; q++) largest = fmax(largest, branch->omega[q]);
  if (!(energy > 0) || largest == 0) return 0;
  // n_B(x) < 1/x: the energy is below kT times the number of modes.
  double low = energy / ((double)branch->n_mode * (double)branch->n_q), high = low + largest;
  while (thermal_energy(branch, high) < energy) high *= 2;
  for (int i = 0; i < 200 && high > low * (1 + 1e-15); i++) {
    const double middle = sqrt(low * high);
    if (thermal_energy(branch, middle) < energy)
      low = middle;
    else
      high = middle;
  }
  return sqrt(low * high);
}

void kd_phonon_observables_measure(kd_phonon_observables *o, const double *number) {
  const double per_cell = 1 / (double)kd_model_n_k(o->model);
  for (size_t b = 0; b < o->n_branch; b++) {
    const kd_phonon_branch branch = kd_collision_branch(o->collision, b);
    double count = 0, energy = 0, loss = 0, momentum[3] = {0};
    for (size_t i = 0; i < branch.n_mode * branch.n_q; i++) {
      const size_t q = i % branch.n_q;
      count += number[i];
      energy += branch.omega[q] * number[i];
      loss += branch.relaxation * branch.omega[q] * (number[i] - branch.rest[q]);
      for (size_t d = 0; d < o->n_dim; d++)
        momentum[d] += o->momentum[q * o->n_dim + d] * number[i];
    }
    o->value[NUMBER][b] = per_cell * count;
    o->value[ENERGY][b] = per_cell * energy;
    o->value[TEMPERATURE][b] = find_kt(&branch, energy) / o->k_boltzmann;
    o->value[LOSS][b] = per_cell * loss;
    for (size_t d = 0; d < o->n_dim; d++)
      o->value[MOMENTUM][b * o->n_dim + d] = per_cell * momentum[d];
    number += branch.n_mode * branch.n_q;
  }
}

void kd_phonon_observables_snapshot(kd_phonon_observables *o, const double *number) {
  memcpy(o->number, number, o->n_mode * o->n_q * sizeof *number);
}
