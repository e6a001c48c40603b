#include "collision/series.h"

#include <fftw3.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/order.h"

/// Coefficients below this fraction of the largest are dropped, and so are those that may be
/// rounding: the sampled energies are rounded, which changes a kernel by x/sigma rounding errors.
static const double NEGLIGIBLE = 2e-16, ROUNDING = 4 * DBL_EPSILON;
/// The derivative of the window is e^{b (sqrt(1 - v^2) - 1)} across its edge, -1 < v < 1. It has
/// fallen to e^-b at the ends, and so has its transform at tau = 2 b/width: to rounding in both.
static const double WINDOW_EXPONENT = 36;
/// Width of the edge times the last tau of the kernels. The window alone would need 2 b = 72, and
/// where R is not smooth across the edge its own content in tau comes on top.
static const double WINDOW_EDGE = 85;

enum { MIN_SAMPLES = 256, MAX_SAMPLES = 1 << 20 }; // powers of 2

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
  qsort(sorted, n, sizeof *sorted, kd_compare_reals);
  size_t count = 0;
  for (size_t i = 0; i < n; i++)
    if (i == 0 || sorted[i] != sorted[count - 1]) sorted[count++] = sorted[i];
  for (size_t q = 0; q < n; q++) {
    const double *found =
        bsearch(&bath->energy[q], sorted, count, sizeof *sorted, kd_compare_reals);
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

/// Phonon energies with number `w` of a bath.
static double omega_of(const kd_bath *bath, const size_t *example, size_t w) {
  return bath->energy ? bath->energy[example[w]] : bath->omega;
}

/// N samples of one period, and what it takes to transform K^< and R^< on them. R is sampled
/// outside the period as well, where the window is not zero.
typedef struct sampling {
  size_t n; ///< N
  double step;
  double *sample;              ///< [N]
  double complex *k, *r;       ///< [N/2 + 1], coefficients of K/2 and of R, j >= 0
  fftw_plan forward;           ///< of N samples
  bool has_principal;          ///< what follows, and r, exist
  double *line;                ///< [4 N], K at half steps, then R at whole ones
  double complex *spectrum;    ///< [2 N + 1], of `line`
  double complex *cauchy;      ///< [2 N + 1], of 1/(2 pi (n - 1/2)), n = -2 N..2 N - 1
  double *window;              ///< [N], at x = i step >= 0; zero beyond
  fftw_plan to_tau, to_energy; ///< of 4 N samples
} sampling;

static void sampling_clear(sampling *s) {
  if (s->forward) fftw_destroy_plan(s->forward);
  if (s->to_tau) fftw_destroy_plan(s->to_tau);
  if (s->to_energy) fftw_destroy_plan(s->to_energy);
  kd_free(s->sample);
  kd_free(s->k);
  kd_free(s->r);
  kd_free(s->line);
  kd_free(s->spectrum);
  kd_free(s->cauchy);
  kd_free(s->window);
  *s = (sampling){0};
}

/// Window that is 1 on |x| <= W and falls to 0 at X - W: a sum over the samples instead of an
/// integral, which is as smooth.
static void set_window(const sampling *s, double width, double period) {
  const double edge = period - 2 * width;
  double sum = 0;
  for (size_t i = s->n; i-- > 0;) {
    const double v = 2 * ((double)i * s->step - width) / edge - 1;
    s->window[i] = sum;
    if (fabs(v) < 1) sum += exp(WINDOW_EXPONENT * (sqrt(1 - v * v) - 1));
  }
  for (size_t i = 0; i < s->n; i++) s->window[i] /= sum;
}

static kd_status sampling_create(double period, size_t n, double width, bool has_principal,
                                 sampling *s) {
  kd_status status = KD_OK;
  *s = (sampling){.n = n, .step = period / (double)n, .has_principal = has_principal};
  KD_ALLOCATE(s->sample, n);
  KD_ALLOCATE(s->k, n / 2 + 1);
  s->forward = fftw_plan_dft_r2c_1d((int)n, s->sample, (fftw_complex *)s->k, FFTW_ESTIMATE);
  if (!has_principal) goto cleanup;
  KD_ALLOCATE(s->r, n / 2 + 1);
  KD_ALLOCATE(s->line, 4 * n);
  KD_ALLOCATE(s->spectrum, 2 * n + 1);
  KD_ALLOCATE(s->cauchy, 2 * n + 1);
  KD_ALLOCATE(s->window, n);
  set_window(s, width, period);
  s->to_tau =
      fftw_plan_dft_r2c_1d((int)(4 * n), s->line, (fftw_complex *)s->spectrum, FFTW_ESTIMATE);
  s->to_energy =
      fftw_plan_dft_c2r_1d((int)(4 * n), (fftw_complex *)s->spectrum, s->line, FFTW_ESTIMATE);
  for (size_t i = 0; i < 4 * n; i++) {
    const double distance = (i < 2 * n ? (double)i : (double)i - (double)(4 * n)) - 0.5;
    s->line[i] = 1 / (2 * M_PI * distance * (double)(4 * n));
  }
  if (s->to_tau) fftw_execute_dft_r2c(s->to_tau, s->line, (fftw_complex *)s->cauchy);

cleanup:
  if (status == KD_OK && !(s->forward && (!has_principal || (s->to_tau && s->to_energy))))
    status = kd_error(KD_ERROR_INTERNAL, "FFTW cannot plan a transform of %zu samples", n);
  if (status != KD_OK) sampling_clear(s);
  return status;
}

/// Coefficients of K^</2, without the form factor. What reaches beyond the period is folded back.
static void transform_kernel(sampling *s, const kd_bath *bath, double omega) {
  const long n = (long)s->n, last = (long)(kd_bath_reach(bath, omega) / s->step);
  memset(s->sample, 0, s->n * sizeof *s->sample);
  for (long i = -last; i <= last; i++)
    s->sample[(i % n + n) % n] +=
        0.5 * bath->kind->kernel(bath, omega, KD_LESSER, (double)i * s->step) / (double)n;
  fftw_execute_dft_r2c(s->forward, s->sample, (fftw_complex *)s->k);
}

/// Coefficients of R^< times the window. R at x = i h is the midpoint rule
/// (1/2 pi) sum_j K(y_j)/(i - j - 1/2), y_j = (j + 1/2) h, a convolution. It is exact for a kernel
/// that ends below tau = 2 pi/h, and 4 N points separate it from its images: |x| < X - W < N h and
/// |y| <= reach <= N h.
static void transform_principal(sampling *s, const kd_bath *bath, double omega) {
  const size_t n = s->n;
  const long half = (long)ceil(kd_bath_reach(bath, omega) / s->step);
  const long last = half < (long)n ? half : (long)n;
  memset(s->line, 0, 4 * n * sizeof *s->line);
  for (long j = -last; j < last; j++)
    s->line[j < 0 ? j + (long)(4 * n) : j] =
        bath->kind->kernel(bath, omega, KD_LESSER, ((double)j + 0.5) * s->step);
  fftw_execute_dft_r2c(s->to_tau, s->line, (fftw_complex *)s->spectrum);
  for (size_t i = 0; i <= 2 * n; i++) s->spectrum[i] *= s->cauchy[i];
  fftw_execute_dft_c2r(s->to_energy, (fftw_complex *)s->spectrum, s->line);
  s->sample[0] = s->window[0] * s->line[0] / (double)n;
  for (size_t i = 1; i < n; i++)
    s->sample[i] = (s->window[i] * s->line[i] + s->window[n - i] * s->line[3 * n + i]) / (double)n;
  fftw_execute_dft_r2c(s->forward, s->sample, (fftw_complex *)s->r);
}

/// The last coefficient that is neither negligible nor possibly rounding.
static size_t last_term(const double complex *c, size_t n, double roundings) {
  double largest = 0, square = 0;
  size_t last = 0;
  for (size_t j = 0; j <= n / 2; j++) {
    largest = fmax(largest, cabs(c[j]));
    square += 2 * creal(c[j] * conj(c[j])) / (double)n;
  }
  const double threshold = fmax(NEGLIGIBLE * largest, ROUNDING * roundings * sqrt(square));
  for (size_t j = 0; j <= n / 2; j++)
    if (cabs(c[j]) > threshold) last = j;
  return last;
}

/// Number of samples, not below *n_sample, and of terms that hold K, and R if it is asked for, of
/// every bath to rounding.
static kd_status choose_size(const kd_model *model, kd_series *series, const kd_bath *bath,
                             size_t *const *example, double width, bool has_principal,
                             size_t *n_sample) {
  kd_status status = KD_OK;
  sampling s = {0};
  // A line between two samples would go unnoticed.
  for (size_t b = 0; b < series->n_bath; b++)
    while ((double)*n_sample * bath[b].sigma < series->period && *n_sample <= MAX_SAMPLES)
      *n_sample *= 2;
  for (;; *n_sample *= 2) {
    if (*n_sample > MAX_SAMPLES)
      return kd_error(KD_ERROR_NUMERICS,
                      "a collision kernel is too sharp for its period %.3g eV (%d samples): raise "
                      "collisions.broadening or the temperature",
                      series->period, MAX_SAMPLES);
    KD_CHECK(sampling_create(series->period, *n_sample, width, has_principal, &s));
    series->n_half = 0;
    for (size_t b = 0; b < series->n_bath; b++) {
      const double roundings = 1 + reach_of(model, &bath[b]) / bath[b].sigma;
      for (size_t w = 0; w < series->n_omega[b]; w += 1 + series->n_omega[b] / 16) {
        const double omega = omega_of(&bath[b], example[b], w);
        transform_kernel(&s, &bath[b], omega);
        size_t last = last_term(s.k, s.n, roundings);
        if (last > series->n_half) series->n_half = last;
        if (!has_principal) continue;
        transform_principal(&s, &bath[b], omega);
        last = last_term(s.r, s.n, roundings);
        if (last > series->n_half) series->n_half = last;
      }
    }
    sampling_clear(&s);
    if (4 * series->n_half < *n_sample) return KD_OK;
  }

cleanup:
  return status;
}

/// Coefficients of t^< and t^> of one phonon energy. Since K^>(x) = K^<(-x) and hence
/// R^>(x) = -R^<(-x), t^>(x) is the conjugate of t^<(-x), and so are the coefficients.
static void expand(sampling *s, const kd_bath *bath, double omega, double kappa, size_t n_half,
                   double complex *lesser, double complex *greater) {
  transform_kernel(s, bath, omega);
  if (s->has_principal) transform_principal(s, bath, omega);
  for (size_t j = 0; j <= n_half; j++) {
    const double complex r = s->has_principal ? kappa * s->r[j] : 0;
    lesser[n_half + j] = s->k[j] + I * r;
    lesser[n_half - j] = conj(s->k[j]) + I * conj(r); // K and R are real
  }
  for (size_t j = 0; j <= 2 * n_half; j++) greater[j] = conj(lesser[j]);
}

kd_status kd_series_create(const kd_model *model, const kd_bath *bath, size_t n_bath, double width,
                           double kappa, kd_series *series) {
  kd_status status = KD_OK;
  size_t **example = NULL;
  size_t m[3], n_sample = MIN_SAMPLES;
  const bool has_principal = kappa != 0;
  sampling s = {0};
  *series = (kd_series){.n_bath = n_bath, .n_difference = kd_difference_count(model, m)};
  KD_ALLOCATE(series->n_omega, n_bath);
  KD_ALLOCATE(series->which, n_bath);
  KD_ALLOCATE(series->coefficient, n_bath);
  KD_ALLOCATE(example, n_bath);
  double reach = 0;
  for (size_t b = 0; b < n_bath; b++) {
    KD_CHECK(find_energies(model, &bath[b], &series->n_omega[b], &series->which[b], &example[b]));
    reach = fmax(reach, reach_of(model, &bath[b]));
  }
  // The image of a kernel one period away must not be seen from |x| <= W.
  series->period = width + reach;
  KD_CHECK(choose_size(model, series, bath, example, width, false, &n_sample));
  if (has_principal) {
    const double last_tau = 2 * M_PI * fmax((double)series->n_half, 1) / series->period;
    series->period = fmax(series->period, 2 * width + WINDOW_EDGE / last_tau);
    KD_CHECK(choose_size(model, series, bath, example, width, true, &n_sample));
  }
  const size_t n_term = 2 * series->n_half + 1;
  KD_CHECK(sampling_create(series->period, n_sample, width, has_principal, &s));
  for (size_t b = 0; b < n_bath; b++) {
    KD_ALLOCATE(series->coefficient[b], series->n_omega[b] * 2 * n_term);
    for (size_t w = 0; w < series->n_omega[b]; w++) {
      double complex *c = series->coefficient[b] + 2 * w * n_term;
      expand(&s, &bath[b], omega_of(&bath[b], example[b], w), kappa, series->n_half, c, c + n_term);
    }
  }

cleanup:
  sampling_clear(&s);
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

size_t kd_series_bytes(const kd_series *series) {
  size_t bytes = series->n_bath *
                 (sizeof *series->n_omega + sizeof *series->which + sizeof *series->coefficient);
  for (size_t b = 0; b < series->n_bath; b++) {
    if (series->which[b]) bytes += series->n_difference * sizeof **series->which;
    bytes += series->n_omega[b] * 2 * (2 * series->n_half + 1) * sizeof **series->coefficient;
  }
  return bytes;
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
