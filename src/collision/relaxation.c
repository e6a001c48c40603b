#include "collision/relaxation.h"

#include <math.h>
#include <string.h>

#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"
#include "core/parallel.h"

struct kd_relaxation {
  kd_relaxation_rule rule;
  bool is_linear;
  double population_rate, coherence_rate; ///< 1/fs
  double *level_rate;                     ///< KD_RELAX_RTA, [n_k][n_band], 1/fs
  kd_occupation thermal;
};

static kd_status read_time(const kd_section *section, const char *key, double *rate) {
  if (!kd_section_has(section, key))
    return kd_section_error(section, "ansatz",
                            "%s needs the key %s (expected a time such as \"100 "
                            "fs\")",
                            kd_section_text(section, "ansatz"), key);
  *rate = 1 / kd_section_real(section, key);
  return KD_OK;
}

kd_status kd_relaxation_create(const kd_section *section, kd_relaxation_rule rule,
                               const kd_bands *bands, const kd_occupation *thermal,
                               const double *rates, kd_relaxation **result) {
  kd_status status = KD_OK;
  const size_t n_level = bands->n_k * bands->n_band;
  kd_relaxation *self = NULL;
  *result = NULL;
  KD_ALLOCATE(self, 1);
  self->rule = rule;
  self->thermal = *thermal;
  switch (rule) {
  case KD_RELAX_BGK:
    KD_CHECK(read_time(section, "tau", &self->population_rate));
    self->coherence_rate = self->population_rate;
    break;
  case KD_RELAX_T1_T2:
    KD_CHECK(read_time(section, "t1", &self->population_rate));
    KD_CHECK(read_time(section, "t2", &self->coherence_rate));
    break;
  case KD_RELAX_RTA:
    KD_ALLOCATE(self->level_rate, n_level);
    memcpy(self->level_rate, rates, n_level * sizeof *rates);
    break;
  }
  *result = self;
  self = NULL;

cleanup:
  kd_relaxation_free(self);
  return status;
}

void kd_relaxation_linearise(kd_relaxation *self) {
  self->is_linear = true;
}

bool kd_relaxation_conserves_number(const kd_relaxation *self) {
  return self->rule == KD_RELAX_BGK && !self->is_linear;
}

double kd_relaxation_population_rate(const kd_relaxation *self, size_t index) {
  return self->rule == KD_RELAX_RTA ? self->level_rate[index] : self->population_rate;
}

/// Rate of element (a, b) at the k point whose first level is `start`; degenerate levels share
/// theirs.
static double element_rate(const kd_relaxation *self, size_t n_band, size_t start,
                           const size_t *first, size_t a, size_t b) {
  if (self->rule != KD_RELAX_RTA)
    return first[a] == first[b] ? self->population_rate : self->coherence_rate;
  double mean[2] = {0};
  for (int side = 0; side < 2; side++) {
    const size_t group = first[side ? b : a];
    size_t count = 0;
    for (size_t n = group; n < n_band && first[n] == group; n++, count++)
      mean[side] += self->level_rate[start + n];
    mean[side] /= (double)count;
  }
  return 0.5 * (mean[0] + mean[1]);
}

void kd_relaxation_free(kd_relaxation *self) {
  if (!self) return;
  kd_free(self->level_rate);
  kd_free(self);
}

/// df += C[f] for dt = 0, else the change of f during dt; f may be df.
static kd_status add_change(kd_relaxation *self, const kd_bands *s, double dt, const double *f,
                            double *df) {
  const size_t n = s->n_band, n_k = s->n_k;
  if (self->rule == KD_RELAX_BGK && !self->is_linear) {
    double number = 0;
    for (size_t i = 0; i < n * n_k; i++) number += f[i];
    // A trial step may leave the range of fillings; a smaller one does not.
    if (kd_occupation_fill(&self->thermal, s->energy, n_k, n, number / (double)n_k) != KD_OK)
      return KD_RETRY;
  }
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(n * n * n_k))
  for (size_t k = 0; k < n_k; k++) {
    double complex matrix[KD_MAX_MATRIX], band[KD_MAX_MATRIX], scratch[KD_MAX_MATRIX];
    size_t first[KD_MAX_BAND];
    const double *level = s->energy + k * n;
    const double complex *vector = s->vector + k * n * n;
    kd_unpack(f, n, n_k, k, matrix);
    kd_eigen_rotate(n, vector, true, matrix, band, scratch);
    kd_eigen_groups(n, level, s->tolerance, first);
    for (size_t a = 0; a < n; a++)
      for (size_t b = 0; b < n; b++) {
        const double rate = element_rate(self, n, k * n, first, a, b);
        const bool has_target = a == b && !self->is_linear;
        const double target = has_target ? kd_occupation_thermal(&self->thermal, level[a]) : 0;
        band[a * n + b] = (dt == 0 ? -rate : expm1(-rate * dt)) * (band[a * n + b] - target);
      }
    kd_eigen_rotate(n, vector, false, band, matrix, scratch);
    kd_add_packed(matrix, n, n_k, k, df);
  }
  return KD_OK;
}

kd_status kd_relaxation_rate(kd_relaxation *self, const kd_bands *s, const double *f, double *df) {
  return add_change(self, s, 0, f, df);
}

kd_status kd_relaxation_flow(kd_relaxation *self, const kd_bands *s, double dt, double *f) {
  return dt == 0 ? KD_OK : add_change(self, s, dt, f, f);
}
