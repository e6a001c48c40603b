/// Bands of a model on its grid.
#ifndef KD_MODEL_BANDS_H
#define KD_MODEL_BANDS_H

#include <complex.h>

#include "keldrift/model.h"

typedef struct kd_bands {
  size_t n_band, n_k;
  double *h;              ///< H, packed, eV
  double *energy;         ///< [n_k][n_band], ascending, eV
  double complex *vector; ///< [n_k][n_band (orbital)][n_band (level)]
  double tolerance;       ///< levels closer than this are degenerate, eV
} kd_bands;

kd_status kd_bands_create(kd_model *model, kd_bands *bands);
void kd_bands_clear(kd_bands *bands);
size_t kd_bands_bytes(const kd_bands *bands);

#endif
