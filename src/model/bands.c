#include "model/bands.h"

#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"

kd_status kd_bands_create(kd_model *model, kd_bands *bands) {
  kd_status status = KD_OK;
  const kd_model_part part = {.energy = 1};
  const size_t n = kd_model_n_band(model), n_k = kd_model_n_k(model);
  *bands = (kd_bands){.n_band = n, .n_k = n_k};
  KD_ALLOCATE(bands->h, n * n * n_k);
  KD_ALLOCATE(bands->energy, n * n_k);
  KD_ALLOCATE(bands->vector, n * n * n_k);
  kd_model_sample(model, (const double[3]){0}, &part, bands->h);
  KD_CHECK(kd_eigen_field(n, n_k, bands->h, bands->energy, bands->vector));
  bands->tolerance = kd_eigen_tolerance(n * n_k, bands->energy);

cleanup:
  if (status != KD_OK) kd_bands_clear(bands);
  return status;
}

void kd_bands_clear(kd_bands *bands) {
  kd_free(bands->h);
  kd_free(bands->energy);
  kd_free(bands->vector);
  *bands = (kd_bands){0};
}

size_t kd_bands_bytes(const kd_bands *bands) {
  const size_t n = bands->n_band;
  return bands->n_k * (n * n * (sizeof *bands->h + sizeof *bands->vector) + n * sizeof(double));
}
