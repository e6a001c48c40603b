#include "state/thermal.h"

#include <string.h>

#include "core/eigen.h"
#include "core/packing.h"
#include "core/parallel.h"

void kd_thermal_field(const kd_bands *bands, const kd_occupation *thermal, double *f) {
  const size_t n = bands->n_band, n_k = bands->n_k;
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(n * n * n_k))
  for (size_t k = 0; k < n_k; k++) {
    double complex band[KD_MAX_MATRIX], matrix[KD_MAX_MATRIX], scratch[KD_MAX_MATRIX];
    memset(band, 0, n * n * sizeof *band);
    for (size_t a = 0; a < n; a++)
      band[a * n + a] = kd_occupation_thermal(thermal, bands->energy[k * n + a]);
    kd_eigen_populations(n, bands->energy + k * n, bands->tolerance, band);
    kd_eigen_rotate(n, bands->vector + k * n * n, false, band, matrix, scratch);
    kd_pack(matrix, n, n_k, k, f);
  }
}
