#include "propagator/precondition.h"

#include "collision/secular.h"
#include "core/dot.h"
#include "core/error.h"
#include "core/memory.h"
#include "model/bands.h"

struct kd_preconditioner {
  kd_bands bands;
  double *rate;    ///< [n_k][n_band], 1/fs; 0 without collisions
  double mean;     ///< of the levels, eV
  double variance; ///< of the levels, eV^2; 0 where the collisions do not keep the energy
};

kd_status kd_preconditioner_create(kd_propagator *p) {
  kd_status status = KD_OK;
  struct kd_preconditioner *self = NULL;
  KD_ALLOCATE(self, 1);
  p->preconditioner = self;
  KD_ALLOCATE(self->rate, p->n_band * p->n_k);
  KD_CHECK(kd_bands_create(p->model, &self->bands));
  const size_t n_level = p->n_band * p->n_k;
  const double *energy = self->bands.energy;
  for (size_t i = 0; i < n_level; i++) self->mean += energy[i] / (double)n_level;
  // A mean field moves energy between Tr Hf and its own.
  const bool is_conserved = kd_collision_conserves_energy(p->collision) && !p->mean_field;
  for (size_t i = 0; i < n_level && is_conserved; i++)
    self->variance += (energy[i] - self->mean) * (energy[i] - self->mean) / (double)n_level;

cleanup:
  return status;
}

void kd_preconditioner_free(kd_propagator *p) {
  struct kd_preconditioner *self = p->preconditioner;
  if (!self) return;
  kd_bands_clear(&self->bands);
  kd_free(self->rate);
  kd_free(self);
  p->preconditioner = NULL;
}

kd_status kd_preconditioner_refresh(void *context) {
  kd_propagator *p = context;
  if (!kd_collision_is_none(p->collision))
    kd_collision_out_rates(p->collision, p->preconditioner->rate);
  return KD_OK;
}

void kd_preconditioner_apply(const kd_propagator *p, double gamma, bool turns, const double *r,
                             double *z) {
  const struct kd_preconditioner *self = p->preconditioner;
  const size_t n_level = p->n_band * p->n_k;
  const kd_secular secular = {.n_band = p->n_band,
                              .n_k = p->n_k,
                              .vector = self->bands.vector,
                              .energy = turns ? self->bands.energy : NULL,
                              .rate = self->rate,
                              .hbar = kd_model_hbar(p->model)};
  // Who scatters out scatters in elsewhere: what is missing is spread over all levels. Corrections
  // are combinations of such z, and their residuals hold no particles if the rate makes none. So
  // inexact linear solves conserve the number to rounding, at no cost in iterations.
  // The energy is kept in the same way, by a field along H minus its mean.
  const double *h = self->bands.h;
  const bool keeps_energy = self->variance > 0;
  double missing = 0, energy = keeps_energy ? kd_dot(h, r, p->n) : 0;
  for (size_t i = 0; i < n_level; i++) missing += r[i];
  kd_secular_solve(&secular, 1, gamma, r, z);
  for (size_t i = 0; i < n_level; i++) missing -= z[i];
  missing /= (double)n_level;
  for (size_t i = 0; i < n_level; i++) z[i] += missing;
  if (!keeps_energy) return;
  energy = (energy - kd_dot(h, z, p->n)) / ((double)n_level * self->variance);
  for (size_t i = 0; i < n_level; i++) z[i] += energy * (h[i] - self->mean);
  for (size_t i = n_level; i < p->n; i++) z[i] += energy * h[i];
}

size_t kd_preconditioner_bytes(const kd_propagator *p) {
  return kd_bands_bytes(&p->preconditioner->bands) + p->n_band * p->n_k * sizeof(double);
}
