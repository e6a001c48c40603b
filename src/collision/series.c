#include "collision/series.h"

#include <fftw3.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"

/// Coefficients below this fraction of the largest are dropped, and so are those that may be
/// rounding: the sampled energies are rounded, which changes a kernel by x/sigma rounding errors.
static const double NEGLIGIBLE = 2e-16, ROUNDING = 4 * DBL_EPSILON;
/// Period in units of W for the principal value, which is fitted on |x| <= W only.
static const double PRINCIPAL_PERIOD = 2.2;
/// Samples of R per unknown of the fit.
static const double OVERSAMPLING = 2;

enum { MAX_SAMPLES = 1 << 20 };

static int compare(const void *left, const void *right) {
  const double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

/// Distinct phonon energies of a bath, and one q that has each.
static kd_status find_energies(const kd_model *model, const kd_bath *bath, size_t *n_omega,
                               size_t **which, size_t **example) {
  kd_status status = KD_OK;
  size_t m[3];
  const size_t n = kd_difference_count(model, m);
  double *sorted = NULL;
  *which = NULL;
  *n_omega = 1;
  if (!bath->energy) {
    KD_ALLOCATE(*example, 1);
    return KD_OK;
  }
  KD_ALLOCATE(*which, n);
  KD_ALLOCATE(*example, n);
  KD_ALLOCATE(sorted, n);
  memcpy(sorted, bath->energy, n * sizeof *sorted);
  qsort(sorted, n, sizeof *sorted, compare);
  size_t count = 0;
  for (size_t i = 0; i < n; i++)
    if (i == 0 || sorted[i] != sorted[count - 1]) sorted[count++] = sorted[i];
  for (size_t q = 0; q < n; q++) {
    const double *found = bsearch(&bath->energy[q], sorted, count, sizeof *sorted, compare);
    (*which)[q] = (size_t)(found - sorted);
    (*example)[(*which)[q]] = q;
  }
  *n_omega = count;

cleanup:
  kd_free(sorted);
  return status;
}

/// Largest reach of the kernels of a bath over all its phonon energies.
static double reach_of(const kd_model *model, const kd_bath *bath) {
  size_t m[3];
  const size_t n = kd_difference_count(model, m);
  double most = bath->energy ? 0 : bath->omega;
  for (size_t q = 0; q < n && bath->energy; q++) most = fmax(most, bath->energy[q]);
  return kd_bath_reach(bath, most);
}

/// Kernel without the form factor, which multiplies the series later.
static double bare_kernel(const kd_bath *bath, size_t q, kd_order order, double x) {
  return bath->kind->kernel(bath, bath->energy ? bath->energy[q] : bath->omega, order, x);
}

/// Fourier coefficients of K/2 on the period, all n_sample of them.
static void transform(const kd_series *series, const kd_bath *bath, size_t q, kd_order order,
                      size_t n_sample, fftw_plan plan, double complex *samples) {
  const double step = series->period / (double)n_sample;
  for (size_t i = 0; i < n_sample; i++) {
    const double x = (2 * i < n_sample ? (double)i : (double)i - (double)n_sample) * step;
    samples[i] = 0.5 * bare_kernel(bath, q, order, x) / (double)n_sample;
  }
  fftw_execute_dft(plan, (fftw_complex *)samples, (fftw_complex *)samples);
}

/// Number of samples and of terms that hold every kernel of the baths to rounding.
static kd_status choose_size(const kd_model *model, kd_series *series, const kd_bath *bath,
                             size_t *const *example, size_t *n_sample) {
  kd_status status = KD_OK;
  double complex *samples = NULL;
  fftw_plan plan = NULL;
  for (*n_sample = 256;; *n_sample *= 2) {
    if (*n_sample > MAX_SAMPLES) {
      status =
          kd_error(KD_ERROR_NUMERICS,
                   "a collision kernel is too sharp for its period %.3g eV (%d samples): raise "
                   "collisions.broadening or the temperature",
                   series->period, MAX_SAMPLES);
      goto cleanup;
    }
    KD_ALLOCATE(samples, *n_sample);
    plan = fftw_plan_dft_1d((int)*n_sample, (fftw_complex *)samples, (fftw_complex *)samples,
                            FFTW_FORWARD, FFTW_ESTIMATE);
    size_t n_half = 0;
    for (size_t b = 0; b < series->n_bath; b++)
      for (size_t w = 0; w < series->n_omega[b]; w += 1 + series->n_omega[b] / 16)
        for (kd_order order = KD_LESSER; order <= KD_GREATER; order++) {
          transform(series, &bath[b], example[b][w], order, *n_sample, plan, samples);
          double largest = 0, square = 0;
          for (size_t j = 0; j < *n_sample; j++) {
            largest = fmax(largest, cabs(samples[j]));
            square += creal(samples[j] * conj(samples[j])) / (double)*n_sample;
          }
          const double noise =
              ROUNDING * (1 + reach_of(model, &bath[b]) / bath[b].sigma) * sqrt(square);
          const double threshold = fmax(NEGLIGIBLE * largest, noise);
          for (size_t j = 0; j <= *n_sample / 2; j++)
            if (cabs(samples[j]) > threshold && j > n_half) n_half = j;
        }
    fftw_destroy_plan(plan);
    plan = NULL;
    kd_free(samples);
    samples = NULL;
    if (4 * n_half < *n_sample) {
      series->n_half = n_half;
      break;
    }
  }

cleanup:
  if (plan) fftw_destroy_plan(plan);
  kd_free(samples);
  return status;
}

/// Least-squares fit of kappa R of every phonon energy and order of one bath: added, times i, to
/// the coefficients. R is real, so the unknowns are those of a cosine and a sine series.
static kd_status add_principal(kd_series *series, size_t b, const kd_bath *bath,
                               const size_t *example, double width, double kappa) {
  kd_status status = KD_OK;
  const size_t n_term = 2 * series->n_half + 1, n_right = 2 * series->n_omega[b];
  const size_t n_sample = (size_t)(OVERSAMPLING * (double)n_term) + 8;
  double *matrix = NULL, *right = NULL, *singular = NULL;
  KD_ALLOCATE(matrix, n_sample * n_term);
  KD_ALLOCATE(right, n_sample * n_right);
  KD_ALLOCATE(singular, n_term);
  for (size_t i = 0; i < n_sample; i++) {
    const double x = width * (2 * (double)i / (double)(n_sample - 1) - 1);
    for (size_t j = 0; j <= series->n_half; j++) {
      const double phase = 2 * M_PI * (double)j * x / series->period;
      matrix[i * n_term + j] = cos(phase);
      if (j > 0) matrix[i * n_term + series->n_half + j] = sin(phase);
    }
    for (size_t r = 0; r < n_right; r++) {
      const double omega = bath->energy ? bath->energy[example[r / 2]] : bath->omega;
      right[i * n_right + r] = kd_bath_bare_principal(bath, omega, (kd_order)(r % 2), x);
    }
  }
  lapack_int rank;
  if (LAPACKE_dgelsd(LAPACK_ROW_MAJOR, (lapack_int)n_sample, (lapack_int)n_term,
                     (lapack_int)n_right, matrix, (lapack_int)n_term, right, (lapack_int)n_right,
                     singular, 1e-15, &rank) != 0) {
    status = kd_error(KD_ERROR_NUMERICS, "the fit of the principal value did not converge");
    goto cleanup;
  }
  for (size_t r = 0; r < n_right; r++) {
    double complex *c = series->coefficient[b] + r * n_term + series->n_half;
    for (size_t j = 0; j <= series->n_half; j++) {
      const double cosine = right[j * n_right + r];
      const double sine = j > 0 ? right[(series->n_half + j) * n_right + r] : 0;
      if (j == 0) {
        c[0] += I * kappa * cosine;
        continue;
      }
      c[j] += I * kappa * 0.5 * (cosine - I * sine);
      *(c - j) += I * kappa * 0.5 * (cosine + I * sine);
    }
  }

cleanup:
  kd_free(matrix);
  kd_free(right);
  kd_free(singular);
  return status;
}

kd_status kd_series_create(const kd_model *model, const kd_bath *bath, size_t n_bath, double width,
                           double kappa, kd_series *series) {
  kd_status status = KD_OK;
  size_t **example = NULL;
  size_t n_sample = 0;
  double complex *samples = NULL;
  fftw_plan plan = NULL;
  *series = (kd_series){.n_bath = n_bath};
  KD_ALLOCATE(series->n_omega, n_bath);
  KD_ALLOCATE(series->which, n_bath);
  KD_ALLOCATE(series->coefficient, n_bath);
  KD_ALLOCATE(example, n_bath);
  double reach = 0;
  for (size_t b = 0; b < n_bath; b++) {
    KD_CHECK(find_energies(model, &bath[b], &series->n_omega[b], &series->which[b], &example[b]));
    reach = fmax(reach, reach_of(model, &bath[b]));
  }
  // A kernel and its image one period away must not both be seen from |x| <= W.
  series->period = width + 2 * reach;
  if (kappa != 0) series->period = fmax(series->period, PRINCIPAL_PERIOD * width + reach);
  KD_CHECK(choose_size(model, series, bath, example, &n_sample));
  const size_t n_term = 2 * series->n_half + 1;
  KD_ALLOCATE(samples, n_sample);
  plan = fftw_plan_dft_1d((int)n_sample, (fftw_complex *)samples, (fftw_complex *)samples,
                          FFTW_FORWARD, FFTW_ESTIMATE);
  for (size_t b = 0; b < n_bath; b++) {
    KD_ALLOCATE(series->coefficient[b], series->n_omega[b] * 2 * n_term);
    for (size_t w = 0; w < series->n_omega[b]; w++)
      for (kd_order order = KD_LESSER; order <= KD_GREATER; order++) {
        double complex *c = series->coefficient[b] + (2 * w + order) * n_term + series->n_half;
        transform(series, &bath[b], example[b][w], order, n_sample, plan, samples);
        c[0] = samples[0];
        for (size_t j = 1; j <= series->n_half; j++) {
          c[j] = samples[j];
          *(c - j) = conj(samples[j]); // K is real
        }
      }
    if (kappa != 0) KD_CHECK(add_principal(series, b, &bath[b], example[b], width, kappa));
  }

cleanup:
  if (plan) fftw_destroy_plan(plan);
  kd_free(samples);
  for (size_t b = 0; b < n_bath && example; b++) kd_free(example[b]);
  kd_free(example);
  if (status != KD_OK) kd_series_clear(series);
  return status;
}

void kd_series_clear(kd_series *series) {
  for (size_t b = 0; b < series->n_bath; b++) {
    if (series->which) kd_free(series->which[b]);
    if (series->coefficient) kd_free(series->coefficient[b]);
  }
  kd_free(series->n_omega);
  kd_free(series->which);
  kd_free(series->coefficient);
  *series = (kd_series){0};
}

double complex kd_series_value(const kd_series *series, const kd_bath *bath, size_t index, size_t q,
                               kd_order order, double x) {
  const size_t w = series->which[index] ? series->which[index][q] : 0;
  const long n_half = (long)series->n_half;
  const double complex *c =
      series->coefficient[index] + (2 * w + order) * (2 * series->n_half + 1) + n_half;
  double complex sum = 0;
  for (long j = -n_half; j <= n_half; j++)
    sum += c[j] * cexp(I * 2 * M_PI * (double)j * x / series->period);
  return sum * (bath->form ? bath->form[q] : 1);
}
