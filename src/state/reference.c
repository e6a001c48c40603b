#include <math.h>
#include <string.h>

#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"
#include "core/parallel.h"
#include "state/initial.h"

void kd_reference_free(kd_reference *reference) {
  if (!reference) return;
  kd_free(reference->band);
  kd_free(reference->hamiltonian);
  kd_free(reference->energy);
  kd_free(reference->vector);
  kd_free(reference);
}

bool kd_reference_is_empty(const kd_reference *r) {
  return r->rule == KD_REFERENCE_ZERO && !r->fills_space;
}

bool kd_reference_is_zero(const kd_reference *reference) {
  return reference->is_periodic || reference->rule == KD_REFERENCE_ZERO;
}

double kd_reference_chemical_potential(const kd_reference *reference) {
  return reference->rule == KD_REFERENCE_ENERGY ? reference->occupation.mu : NAN;
}

void kd_reference_levels(const kd_reference *reference, const double *energy, double *f) {
  const size_t n_band = reference->n_band;
  size_t first[KD_MAX_BAND];
  kd_eigen_groups(n_band, energy, reference->occupation.tolerance, first);
  for (size_t n = 0; n < n_band; n++)
    f[n] = reference->rule == KD_REFERENCE_BAND
               ? reference->band[n]
               : kd_occupation_value(&reference->occupation, energy[n]);
  for (size_t n = 0; n < n_band;) {
    size_t end = n + 1;
    double mean = f[n];
    while (end < n_band && first[end] == n) mean += f[end++];
    mean /= (double)(end - n);
    while (n < end) f[n++] = mean;
  }
}

/// H_k on the displaced grid and its eigenpairs into the scratch of the reference.
static kd_status diagonalize(kd_reference *r, kd_model *model, const double shift[3]) {
  const kd_model_part part = {.energy = 1};
  kd_model_sample(model, shift, &part, r->hamiltonian);
  return kd_eigen_field(r->n_band, r->n_k, r->hamiltonian, r->energy, r->vector);
}

kd_status kd_reference_sample(kd_reference *r, kd_model *model, const double shift[3],
                              double *field) {
  const size_t n = r->n_band;
  if (r->rule == KD_REFERENCE_ZERO) {
    memset(field, 0, n * n * r->n_k * sizeof *field);
    return KD_OK;
  }
  KD_TRY(diagonalize(r, model, shift));
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(r->n_k * n * n))
  for (size_t k = 0; k < r->n_k; k++) {
    double complex levels[KD_MAX_MATRIX], matrix[KD_MAX_MATRIX], scratch[KD_MAX_MATRIX];
    double f[KD_MAX_BAND];
    kd_reference_levels(r, r->energy + k * n, f);
    memset(levels, 0, n * n * sizeof *levels);
    for (size_t i = 0; i < n; i++) levels[i * n + i] = f[i];
    kd_eigen_rotate(n, r->vector + k * n * n, false, levels, matrix, scratch);
    kd_pack(matrix, n, r->n_k, k, field);
  }
  return KD_OK;
}

kd_status kd_reference_derivative(kd_reference *r, kd_model *model, const double direction[3],
                                  double *field) {
  return kd_reference_derivative_at(r, model, (const double[3]){0}, direction, field);
}

kd_status kd_reference_derivative_at(kd_reference *r, kd_model *model, const double shift[3],
                                     const double direction[3], double *field) {
  const size_t n = r->n_band;
  memset(field, 0, n * n * r->n_k * sizeof *field);
  if (r->rule == KD_REFERENCE_ZERO) return KD_OK;
  KD_TRY(diagonalize(r, model, shift));
  kd_model_part part = {0};
  memcpy(part.gradient, direction, sizeof part.gradient);
  kd_model_sample(model, shift, &part, r->hamiltonian);
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(r->n_k * n * n))
  for (size_t k = 0; k < r->n_k; k++) {
    double complex dh[KD_MAX_MATRIX], df[KD_MAX_MATRIX], scratch[KD_MAX_MATRIX];
    double f[KD_MAX_BAND];
    const double *e = r->energy + k * n;
    const double complex *s = r->vector + k * n * n;
    kd_reference_levels(r, e, f);
    kd_unpack(r->hamiltonian, n, r->n_k, k, dh);
    kd_eigen_rotate(n, s, true, dh, df, scratch);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        const double gap = e[i] - e[j];
        double ratio = 0;
        if (fabs(gap) > r->occupation.tolerance)
          ratio = (f[i] - f[j]) / gap;
        else if (r->rule == KD_REFERENCE_ENERGY)
          ratio = kd_occupation_slope(&r->occupation, e[i]);
        df[i * n + j] *= ratio;
      }
    kd_eigen_rotate(n, s, false, df, dh, scratch);
    kd_pack(dh, n, r->n_k, k, field);
  }
  return KD_OK;
}
