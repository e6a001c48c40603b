#include "drift/translation.h"

#include <complex.h>
#include <fftw3.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "core/error.h"
#include "core/fft_clock.h"
#include "core/memory.h"
#include "core/modes.h"
#include "core/parallel.h"

struct kd_translation {
  size_t n_dim, n[3], n_k, n_component;
  size_t n_mode;  ///< n[0] n[1] (n[2]/2 + 1)
  double dual[9]; ///< rows, angstrom
  int n_thread;
  double **buffer; ///< one per thread: a component, transformed in place
  fftw_plan forward, backward;
  double complex *factor; ///< [n_mode], the multiplier of the call at hand
  double complex *axis[3];
  unsigned long n_fft;
};

/// The axis that FFTW halves is the last one with more than one point counted from the end; the
/// grid is handed over as n[0] x n[1] x n[2] with the axes of the model moved to the back.
static void shape(const kd_model *model, size_t n[3], size_t *offset) {
  const size_t n_dim = kd_model_n_dim(model);
  *offset = 3 - n_dim;
  for (size_t i = 0; i < 3; i++) n[i] = i < *offset ? 1 : kd_model_n(model)[i - *offset];
}

kd_status kd_translation_create(const kd_model *model, kd_translation **result) {
  kd_status status = KD_OK;
  kd_translation *t = NULL;
  *result = NULL;
  KD_ALLOCATE(t, 1);
  size_t offset;
  shape(model, t->n, &offset);
  t->n_dim = kd_model_n_dim(model);
  t->n_k = kd_model_n_k(model);
  t->n_component = kd_model_n_band(model) * kd_model_n_band(model);
  t->n_mode = t->n[0] * t->n[1] * (t->n[2] / 2 + 1);
  for (size_t i = 0; i < t->n_dim; i++)
    memcpy(t->dual + 3 * (i + offset), kd_model_duals(model) + 3 * i, 3 * sizeof(double));
  t->n_thread = omp_get_max_threads();
  KD_ALLOCATE(t->buffer, (size_t)t->n_thread);
  for (int i = 0; i < t->n_thread; i++) KD_ALLOCATE(t->buffer[i], 2 * t->n_mode);
  KD_ALLOCATE(t->factor, t->n_mode);
  for (int i = 0; i < 3; i++) KD_ALLOCATE(t->axis[i], t->n[i]);

  // ESTIMATE: a measured plan could differ from run to run, and so would the last digits.
  const int n[3] = {(int)t->n[0], (int)t->n[1], (int)t->n[2]};
  t->forward = fftw_plan_dft_r2c(3, n, t->buffer[0], (fftw_complex *)t->buffer[0], FFTW_ESTIMATE);
  t->backward = fftw_plan_dft_c2r(3, n, (fftw_complex *)t->buffer[0], t->buffer[0], FFTW_ESTIMATE);
  if (!t->forward || !t->backward) {
    status =
        kd_error(KD_ERROR_INTERNAL, "FFTW cannot plan a %d x %d x %d transform", n[0], n[1], n[2]);
    goto cleanup;
  }
  *result = t;
  t = NULL;

cleanup:
  kd_translation_free(t);
  return status;
}

void kd_translation_free(kd_translation *t) {
  if (!t) return;
  for (int i = 0; i < t->n_thread && t->buffer; i++) kd_free(t->buffer[i]);
  kd_free(t->buffer);
  kd_free(t->factor);
  for (int i = 0; i < 3; i++) kd_free(t->axis[i]);
  if (t->forward) fftw_destroy_plan(t->forward);
  if (t->backward) fftw_destroy_plan(t->backward);
  kd_free(t);
}

/// Fourier coefficients of component c of a packed field into `buffer`.
static void transform(const kd_translation *t, const double *a, size_t c, double *buffer) {
  const size_t row = t->n[2], padded = 2 * (t->n[2] / 2 + 1), n_row = t->n[0] * t->n[1];
  for (size_t i = 0; i < n_row; i++)
    memcpy(buffer + i * padded, a + c * t->n_k + i * row, row * sizeof *a);
  const double begin = kd_fft_begin();
  fftw_execute_dft_r2c(t->forward, buffer, (fftw_complex *)buffer);
  kd_fft_end(begin);
}

/// Transforms every component, multiplies by t->factor and transforms back.
static void multiply_modes(kd_translation *t, const double *a, double *result) {
  const size_t row = t->n[2], padded = 2 * (t->n[2] / 2 + 1), n_row = t->n[0] * t->n[1];
#pragma omp parallel for schedule(static)                                                          \
    num_threads(t->n_thread) if (KD_WORTH_THREADS(t->n_component * t->n_k))
  for (size_t c = 0; c < t->n_component; c++) {
    double *buffer = t->buffer[omp_get_thread_num()];
    double complex *mode = (double complex *)buffer;
    transform(t, a, c, buffer);
    for (size_t m = 0; m < t->n_mode; m++) mode[m] *= t->factor[m];
    const double begin = kd_fft_begin();
    fftw_execute_dft_c2r(t->backward, (fftw_complex *)buffer, buffer);
    kd_fft_end(begin);
    for (size_t i = 0; i < n_row; i++)
      memcpy(result + c * t->n_k + i * row, buffer + i * padded, row * sizeof *a);
  }
  t->n_fft += 2 * t->n_component;
}

kd_status kd_translation_apply(kd_translation *t, const double shift[3], const double *a,
                               double *result) {
  for (size_t i = 0; i < 3; i++) {
    double angle = 0;
    for (int d = 0; d < 3; d++) angle += t->dual[3 * i + (size_t)d] * shift[d];
    for (size_t j = 0; j < t->n[i]; j++) {
      const double phase = kd_mode_number(j, t->n[i]) * angle;
      t->axis[i][j] = kd_mode_is_nyquist(j, t->n[i]) ? cos(phase) : cexp(-I * phase);
    }
  }
  const size_t half = t->n[2] / 2 + 1;
  const double norm = 1 / (double)t->n_k;
  for (size_t i = 0; i < t->n[0]; i++)
    for (size_t j = 0; j < t->n[1]; j++)
      for (size_t l = 0; l < half; l++)
        t->factor[(i * t->n[1] + j) * half + l] =
            norm * t->axis[0][i] * t->axis[1][j] * t->axis[2][l];
  multiply_modes(t, a, result);
  return KD_OK;
}

kd_status kd_translation_derivative(kd_translation *t, const double direction[3], const double *a,
                                    double *result) {
  double along[3];
  for (size_t i = 0; i < 3; i++) {
    along[i] = 0;
    for (int d = 0; d < 3; d++) along[i] += t->dual[3 * i + (size_t)d] * direction[d];
  }
  const size_t half = t->n[2] / 2 + 1;
  const double norm = 1 / (double)t->n_k;
  for (size_t i = 0; i < t->n[0]; i++)
    for (size_t j = 0; j < t->n[1]; j++)
      for (size_t l = 0; l < half; l++) {
        double sum = 0;
        if (!kd_mode_is_nyquist(i, t->n[0])) sum += along[0] * kd_mode_number(i, t->n[0]);
        if (!kd_mode_is_nyquist(j, t->n[1])) sum += along[1] * kd_mode_number(j, t->n[1]);
        if (!kd_mode_is_nyquist(l, t->n[2])) sum += along[2] * kd_mode_number(l, t->n[2]);
        t->factor[(i * t->n[1] + j) * half + l] = I * norm * sum;
      }
  multiply_modes(t, a, result);
  return KD_OK;
}

double kd_translation_tail(kd_translation *t, const double *a) {
  const size_t half = t->n[2] / 2 + 1;
  double tail = 0, all = 0;
  for (size_t c = 0; c < t->n_component; c++) {
    const double complex *mode = (double complex *)t->buffer[0];
    transform(t, a, c, t->buffer[0]);
    for (size_t i = 0; i < t->n[0]; i++)
      for (size_t j = 0; j < t->n[1]; j++)
        for (size_t l = 0; l < half; l++) {
          const double size = cabs(mode[(i * t->n[1] + j) * half + l]);
          const bool is_high = kd_mode_is_outer(i, t->n[0]) || kd_mode_is_outer(j, t->n[1]) ||
                               kd_mode_is_outer(l, t->n[2]);
          all = fmax(all, size);
          if (is_high) tail = fmax(tail, size);
        }
  }
  t->n_fft += t->n_component;
  return all > 0 ? tail / all : 0;
}

unsigned long kd_translation_n_fft(const kd_translation *t) {
  return t->n_fft;
}

size_t kd_translation_bytes(const kd_model *model) {
  size_t n[3], offset;
  shape(model, n, &offset);
  const size_t n_mode = n[0] * n[1] * (n[2] / 2 + 1);
  return n_mode * sizeof(double complex) * (1 + (size_t)omp_get_max_threads());
}
