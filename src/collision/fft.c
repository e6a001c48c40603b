/// Back end `fft`: the kernels as series in the transferred energy (series.h) turn the double sum
/// over k and k' into, for every tau_j,
///
///   Y_c(k') = sum_m e^{-i e_m(k') tau_j} [sum_a M_a G_m(k') M_a^dagger]_c     (local)
///   S_c(k)  = (1/N_k) sum_k' c_j(k - k') Y_c(k')                              (convolution by FFT)
///   T_p,c(k) += e^{i e_p(k) tau_j} S_c(k)                                     (local)
///
/// for the elements c that the vertices touch. For Hermitian pieces and kappa = 0, the terms of
/// -tau_j are the adjoints of those of tau_j, and only half of the series is summed. Where the
/// kernels do not depend on q the convolution is a plain sum and no FFT is needed. In a k.p box the
/// convolution is zero-padded.
#include <fftw3.h>
#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <string.h>

#include "collision/self_energy.h"
#include "collision/series.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"

/// k is handled in blocks, so that the phases of a block stay in the cache over all tau.
enum { BLOCK = 32 };
/// Partial sums over k, fixed so that results do not depend on the number of threads.
enum { N_STRIP = 16 };
/// The phases follow from one another by multiplication and are computed afresh this often.
enum { REFRESH = 16 };

/// The dependence of a kernel on q where its energy dependence is the same for every q: form_q
/// times the series, so that one transform of the form serves every tau.
typedef struct shape {
  const double *form; ///< of the baths; NULL: 1
  double *transform;  ///< over q, real because the form is even, [n_difference]
} shape;

/// Baths with the same vertices.
typedef struct group {
  const kd_bath **bath;
  size_t *index; ///< of the bath in the series
  size_t *which; ///< its shape; n_shape: it is dispersive
  size_t n_bath;
  bool is_local; ///< the kernels do not depend on q
  size_t n_channel;
  kd_vertex_channel *channel;
  double complex **outer; ///< e^{ik.outer} of a channel, [n_k]; NULL: 1
  size_t n_shape;
  shape *shape;
  double complex *coefficient; ///< of the shapes, [2 J + 1][2][n_shape] (local: one shape)
  double complex *dispersive;  ///< [2 J + 1][2][n_difference], transformed over q; NULL: none
} group;

typedef struct fast {
  kd_self_energy_setting setting;
  kd_series series;
  size_t n_band, n_k, n_difference, n[3], m[3];
  group *group;
  size_t n_group;
  fftw_plan forward, backward;
  double complex *y;       ///< [n_piece][n_channel][n_k]
  double complex *phase;   ///< [n_piece][n_k]
  double complex *field;   ///< [n_channel][n_difference]
  double complex **buffer; ///< per thread, [n_difference]
  int n_thread;
  bool sums_half; ///< tau >= 0 only
  unsigned long n_fft;
} fast;

/// First j of the sums over tau.
static long first_term(const fast *self) {
  return self->sums_half ? 0 : -(long)self->series.n_half;
}

static fast *from(kd_self_energy *self) {
  return (fast *)self;
}

static void fast_free(kd_self_energy *object) {
  fast *self = from(object);
  if (!self) return;
  for (size_t i = 0; i < self->n_group && self->group; i++) {
    group *g = &self->group[i];
    for (size_t c = 0; c < g->n_channel && g->outer; c++) kd_free(g->outer[c]);
    for (size_t f = 0; f < g->n_shape && g->shape; f++) kd_free(g->shape[f].transform);
    kd_vertex_channels_free(g->channel, g->n_channel);
    kd_free(g->outer);
    kd_free(g->shape);
    kd_free(g->bath);
    kd_free(g->index);
    kd_free(g->which);
    kd_free(g->coefficient);
    kd_free(g->dispersive);
  }
  kd_free(self->group);
  kd_series_clear(&self->series);
  if (self->forward) fftw_destroy_plan(self->forward);
  if (self->backward) fftw_destroy_plan(self->backward);
  for (int i = 0; i < self->n_thread && self->buffer; i++) kd_free(self->buffer[i]);
  kd_free(self->buffer);
  kd_free(self->y);
  kd_free(self->phase);
  kd_free(self->field);
  kd_free(self);
}

static double complex phase_at(const fast *self, size_t k, const double place[3]) {
  double x[3];
  kd_model_k(self->setting.model, k, x);
  const double angle = x[0] * place[0] + x[1] * place[1] + x[2] * place[2];
  return cos(angle) + I * sin(angle);
}

/// The channels of a group and the phases outside them.
static kd_status find_channels(const fast *self, const kd_vertex *vertex, group *g) {
  kd_status status = KD_OK;
  KD_CHECK(kd_vertex_channels(vertex, &g->channel, &g->n_channel));
  KD_ALLOCATE(g->outer, g->n_channel);
  for (size_t c = 0; c < g->n_channel; c++) {
    if (!g->channel[c].has_outer) continue;
    KD_ALLOCATE(g->outer[c], self->n_k);
    for (size_t k = 0; k < self->n_k; k++) g->outer[c][k] = phase_at(self, k, g->channel[c].outer);
  }

cleanup:
  return status;
}

/// Index of the shape of a bath in its group, added if it is new.
static size_t find_shape(const fast *self, group *g, const kd_bath *bath) {
  for (size_t f = 0; f < g->n_shape; f++) {
    const double *form = g->shape[f].form;
    if (form == bath->form ||
        (form && bath->form && memcmp(form, bath->form, self->n_difference * sizeof *form) == 0))
      return f;
  }
  g->shape[g->n_shape].form = bath->form;
  return g->n_shape++;
}

static kd_status make_groups(fast *self) {
  kd_status status = KD_OK;
  const kd_self_energy_setting *s = &self->setting;
  KD_ALLOCATE(self->group, s->n_bath);
  for (size_t b = 0; b < s->n_bath; b++) {
    const kd_bath *bath = &s->bath[b];
    group *g = NULL;
    for (size_t i = 0; i < self->n_group && !g; i++)
      if (kd_vertex_same(&self->group[i].bath[0]->vertex, &bath->vertex)) g = &self->group[i];
    if (!g) {
      g = &self->group[self->n_group++];
      g->is_local = true;
      KD_ALLOCATE(g->bath, s->n_bath);
      KD_ALLOCATE(g->index, s->n_bath);
      KD_ALLOCATE(g->which, s->n_bath);
      KD_ALLOCATE(g->shape, s->n_bath);
      KD_CHECK(find_channels(self, &bath->vertex, g));
    }
    g->bath[g->n_bath] = bath;
    g->index[g->n_bath] = b;
    g->which[g->n_bath++] = bath->energy ? SIZE_MAX : find_shape(self, g, bath);
    g->is_local = g->is_local && !bath->form && !bath->energy;
  }

cleanup:
  return status;
}

/// Coefficients of one bath for phonon energy `w`.
static const double complex *series_of(const fast *self, size_t bath, size_t w, kd_order order) {
  return self->series.coefficient[bath] + (2 * w + order) * (2 * self->series.n_half + 1);
}

/// The term of tau = 0 is its own adjoint and is shared with it in half sums.
static double share(const fast *self, long j) {
  return self->sums_half && j == 0 ? 0.5 : 1;
}

/// The coefficients of the shapes, with the kernels displaced for `beta`.
static void set_coefficients(const fast *self, group *g, double beta) {
  const long n_half = (long)self->series.n_half;
  const double dtau = 2 * M_PI / self->series.period;
  memset(g->coefficient, 0,
         (2 * self->series.n_half + 1) * 2 * g->n_shape * sizeof *g->coefficient);
  for (size_t i = 0; i < g->n_bath; i++) {
    if (g->which[i] == SIZE_MAX) continue;
    const double shift = kd_bath_shift(g->bath[i], beta);
    for (kd_order order = KD_LESSER; order <= KD_GREATER; order++) {
      const double complex *c = series_of(self, g->index[i], 0, order) + n_half;
      for (long j = first_term(self); j <= n_half; j++) {
        const double angle = (order == KD_LESSER ? shift : -shift) * (double)j * dtau;
        g->coefficient[(2 * (size_t)(j + n_half) + order) * g->n_shape + g->which[i]] +=
            share(self, j) * c[j] * (shift != 0 ? cos(angle) + I * sin(angle) : 1);
      }
    }
  }
}

static kd_status prepare_shapes(fast *self, group *g) {
  kd_status status = KD_OK;
  double complex *field = self->field;
  for (size_t f = 0; f < g->n_shape; f++) {
    KD_ALLOCATE(g->shape[f].transform, self->n_difference);
    for (size_t q = 0; q < self->n_difference; q++)
      field[q] = g->shape[f].form ? g->shape[f].form[q] : 1;
    fftw_execute_dft(self->forward, (fftw_complex *)field, (fftw_complex *)field);
    for (size_t r = 0; r < self->n_difference; r++) g->shape[f].transform[r] = creal(field[r]);
  }

cleanup:
  return status;
}

static kd_status prepare_dispersive(fast *self, group *g) {
  kd_status status = KD_OK;
  const size_t n_term = 2 * self->series.n_half + 1, n_q = self->n_difference;
  KD_ALLOCATE(g->dispersive, n_term * 2 * n_q);
#pragma omp parallel for schedule(static) num_threads(self->n_thread)
  for (size_t j = (size_t)(first_term(self) + (long)self->series.n_half); j < n_term; j++)
    for (kd_order order = KD_LESSER; order <= KD_GREATER; order++) {
      double complex *kernel = g->dispersive + (2 * j + order) * n_q;
      for (size_t i = 0; i < g->n_bath; i++) {
        const kd_bath *bath = g->bath[i];
        if (!bath->energy) continue;
        const size_t *which = self->series.which[g->index[i]];
        for (size_t q = 0; q < n_q; q++)
          kernel[q] += share(self, (long)j - (long)self->series.n_half) *
                       (bath->form ? bath->form[q] : 1) *
                       series_of(self, g->index[i], which[q], order)[j];
      }
      fftw_execute_dft(self->forward, (fftw_complex *)kernel, (fftw_complex *)kernel);
    }

cleanup:
  return status;
}

static bool has_dispersion(const group *g) {
  for (size_t i = 0; i < g->n_bath; i++)
    if (g->which[i] == SIZE_MAX) return true;
  return false;
}

static kd_status fast_create(const kd_self_energy_setting *setting, kd_self_energy **result) {
  kd_status status = KD_OK;
  fast *self = NULL;
  *result = NULL;
  KD_ALLOCATE(self, 1);
  self->setting = *setting;
  self->n_band = kd_model_n_band(setting->model);
  self->n_k = kd_model_n_k(setting->model);
  memcpy(self->n, kd_model_n(setting->model), sizeof self->n);
  self->n_difference = kd_difference_count(setting->model, self->m);
  self->n_thread = omp_get_max_threads();
  self->sums_half = setting->is_hermitian && setting->kappa == 0;
  double low = INFINITY, high = -INFINITY;
  for (size_t i = 0; i < setting->n_piece * self->n_k; i++) {
    low = fmin(low, setting->energy[i]);
    high = fmax(high, setting->energy[i]);
  }
  KD_CHECK(kd_series_create(setting->model, setting->bath, setting->n_bath,
                            high - low + 2 * setting->largest_shift, setting->kappa,
                            &self->series));
  KD_CHECK(make_groups(self));
  size_t n_channel = 0;
  bool convolves = false;
  for (size_t g = 0; g < self->n_group; g++) {
    convolves = convolves || !self->group[g].is_local;
    n_channel = self->group[g].n_channel > n_channel ? self->group[g].n_channel : n_channel;
  }
  KD_ALLOCATE(self->y, setting->n_piece * n_channel * self->n_k);
  if (convolves) {
    KD_ALLOCATE(self->phase, setting->n_piece * self->n_k);
    KD_ALLOCATE(self->field, n_channel * self->n_difference);
    KD_ALLOCATE(self->buffer, (size_t)self->n_thread);
    for (int i = 0; i < self->n_thread; i++) KD_ALLOCATE(self->buffer[i], self->n_difference);
    const int m[3] = {(int)self->m[0], (int)self->m[1], (int)self->m[2]};
    fftw_complex *buffer = (fftw_complex *)self->buffer[0];
    self->forward = fftw_plan_dft(3, m, buffer, buffer, FFTW_FORWARD, FFTW_ESTIMATE);
    self->backward = fftw_plan_dft(3, m, buffer, buffer, FFTW_BACKWARD, FFTW_ESTIMATE);
    if (!self->forward || !self->backward) {
      status = kd_error(KD_ERROR_INTERNAL, "FFTW cannot plan a %d x %d x %d transform", m[0], m[1],
                        m[2]);
      goto cleanup;
    }
  }
  for (size_t i = 0; i < self->n_group; i++) {
    group *g = &self->group[i];
    KD_ALLOCATE(g->coefficient, (2 * self->series.n_half + 1) * 2 * g->n_shape);
    if (g->is_local) continue;
    KD_CHECK(prepare_shapes(self, g));
    if (has_dispersion(g)) KD_CHECK(prepare_dispersive(self, g));
  }
  *result = (kd_self_energy *)self;
  self = NULL;

cleanup:
  fast_free((kd_self_energy *)self);
  return status;
}

/// y[p][c][k]: the channels of sum_a M_a G_p M_a^dagger, without their outer phases.
static void apply_vertices(fast *self, const group *g, const double complex *field) {
  const size_t n_k = self->n_k, n = self->n_band * self->n_band, n_piece = self->setting.n_piece;
  const bool has_phases = g->bath[0]->vertex.has_phases;
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(n_piece * n * n_k))
  for (size_t c = 0; c < g->n_channel; c++) {
    const kd_vertex_channel *channel = &g->channel[c];
    for (size_t p = 0; p < n_piece; p++) {
      double complex *y = self->y + (p * g->n_channel + c) * n_k;
      memset(y, 0, n_k * sizeof *y);
      for (size_t s = 0; s < channel->n_source; s++) {
        const kd_vertex_source *source = &channel->source[s];
        const double complex *from = field + (p * n + source->element) * n_k;
        for (size_t k = 0; k < n_k; k++)
          y[k] += source->weight * from[k] * (has_phases ? phase_at(self, k, source->inner) : 1);
      }
    }
  }
}

/// Phases e^{-i e tau_j} of one block, as they go from j to j + 1.
typedef struct phases {
  double re[BLOCK], im[BLOCK], step_re[BLOCK], step_im[BLOCK];
} phases;

static void phases_set(phases *f, const double *energy, size_t count, double tau) {
  for (size_t i = 0; i < count; i++) {
    f->re[i] = cos(energy[i] * tau);
    f->im[i] = -sin(energy[i] * tau);
  }
}

static void phases_advance(phases *f, const double *energy, size_t count, long j, double dtau) {
  if (j % REFRESH == 0) {
    phases_set(f, energy, count, (double)j * dtau);
    return;
  }
#pragma omp simd
  for (size_t i = 0; i < BLOCK; i++) {
    const double re = f->re[i] * f->step_re[i] - f->im[i] * f->step_im[i];
    f->im[i] = f->re[i] * f->step_im[i] + f->im[i] * f->step_re[i];
    f->re[i] = re;
  }
}

static void phases_start(phases *f, const double *energy, size_t count, long j, double dtau) {
  memset(f, 0, sizeof *f);
  phases_set(f, energy, count, dtau);
  memcpy(f->step_re, f->re, sizeof f->re);
  memcpy(f->step_im, f->im, sizeof f->im);
  phases_set(f, energy, count, (double)j * dtau);
}

/// Real and imaginary parts of y for one piece, one channel and one block.
static void load(const double complex *y, size_t count, double re[BLOCK], double im[BLOCK]) {
  for (size_t i = 0; i < BLOCK; i++) re[i] = im[i] = 0;
  for (size_t i = 0; i < count; i++) {
    re[i] = creal(y[i]);
    im[i] = cimag(y[i]);
  }
}

/// Kernels without q: sums over k' for every tau, then the series at every k.
static kd_status apply_local(fast *self, const group *g, double complex *t[2]) {
  kd_status status = KD_OK;
  const kd_self_energy_setting *s = &self->setting;
  const size_t n_k = self->n_k, n_c = g->n_channel, n = self->n_band * self->n_band;
  const long n_half = (long)self->series.n_half;
  const size_t n_term = 2 * self->series.n_half + 1, n_block = (n_k + BLOCK - 1) / BLOCK;
  const double dtau = 2 * M_PI / self->series.period;
  double complex *strip = NULL, *sum = NULL;
  KD_ALLOCATE(strip, N_STRIP * n_term * n_c);
  KD_ALLOCATE(sum, 2 * n_term * n_c);
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(n_term * s->n_piece * n_k))
  for (size_t part = 0; part < N_STRIP; part++) {
    double complex *own = strip + part * n_term * n_c;
    for (size_t block = part * n_block / N_STRIP; block < (part + 1) * n_block / N_STRIP; block++) {
      const size_t k = block * BLOCK, count = n_k - k < BLOCK ? n_k - k : BLOCK;
      for (size_t p = 0; p < s->n_piece; p++)
        for (size_t c = 0; c < n_c; c++) {
          const double *energy = s->energy + p * n_k + k;
          double re[BLOCK], im[BLOCK];
          phases f;
          load(self->y + (p * n_c + c) * n_k + k, count, re, im);
          phases_start(&f, energy, count, first_term(self), dtau);
          for (long j = first_term(self);;) {
            double sum_re = 0, sum_im = 0;
#pragma omp simd reduction(+ : sum_re, sum_im)
            for (size_t i = 0; i < BLOCK; i++) {
              sum_re += f.re[i] * re[i] - f.im[i] * im[i];
              sum_im += f.re[i] * im[i] + f.im[i] * re[i];
            }
            own[(size_t)(j + n_half) * n_c + c] += sum_re + I * sum_im;
            if (++j > n_half) break;
            phases_advance(&f, energy, count, j, dtau);
          }
        }
    }
  }
  for (size_t j = 0; j < n_term; j++)
    for (size_t c = 0; c < n_c; c++) {
      double complex total = 0;
      for (size_t part = 0; part < N_STRIP; part++) total += strip[(part * n_term + j) * n_c + c];
      for (kd_order order = KD_LESSER; order <= KD_GREATER; order++)
        sum[(j * n_c + c) * 2 + order] = total * g->coefficient[2 * j + order] / (double)n_k;
    }
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(n_term * s->n_piece * n_k))
  for (size_t block = 0; block < n_block; block++) {
    const size_t k = block * BLOCK, count = n_k - k < BLOCK ? n_k - k : BLOCK;
    for (size_t p = 0; p < s->n_piece; p++)
      for (size_t c = 0; c < n_c; c++) {
        const double *energy = s->energy + p * n_k + k;
        double lesser_re[BLOCK] = {0}, lesser_im[BLOCK] = {0};
        double greater_re[BLOCK] = {0}, greater_im[BLOCK] = {0};
        phases f;
        phases_start(&f, energy, count, first_term(self), dtau);
        for (long j = first_term(self);;) {
          const double complex *a = sum + ((size_t)(j + n_half) * n_c + c) * 2;
          const double lr = creal(a[0]), li = cimag(a[0]), gr = creal(a[1]), gi = cimag(a[1]);
          // e^{+i e tau} is the conjugate of the phase.
#pragma omp simd
          for (size_t i = 0; i < BLOCK; i++) {
            lesser_re[i] += f.re[i] * lr + f.im[i] * li;
            lesser_im[i] += f.re[i] * li - f.im[i] * lr;
            greater_re[i] += f.re[i] * gr + f.im[i] * gi;
            greater_im[i] += f.re[i] * gi - f.im[i] * gr;
          }
          if (++j > n_half) break;
          phases_advance(&f, energy, count, j, dtau);
        }
        const size_t to = (p * n + g->channel[c].target) * n_k + k;
        const double complex *outer = g->outer[c] ? g->outer[c] + k : NULL;
        for (size_t i = 0; i < count; i++) {
          const double complex factor = outer ? outer[i] : 1;
          if (t[0]) t[0][to + i] += factor * (lesser_re[i] + I * lesser_im[i]);
          if (t[1]) t[1][to + i] += factor * (greater_re[i] + I * greater_im[i]);
        }
      }
  }

cleanup:
  kd_free(strip);
  kd_free(sum);
  return status;
}

/// Position of grid point k in the array of differences.
static size_t padded(const fast *self, size_t k) {
  const size_t *n = self->n, *m = self->m;
  return (k / (n[1] * n[2]) * m[1] + k / n[2] % n[1]) * m[2] + k % n[2];
}

/// t_p += e^{i e_p tau} z for one channel, z on the array of differences.
static void accumulate(const fast *self, const group *g, size_t c, double complex factor,
                       const double complex *z, double complex *t) {
  const size_t n_k = self->n_k, n = self->n_band * self->n_band;
  const bool is_padded = self->n_difference != n_k;
  const double complex *outer = g->outer[c];
  for (size_t p = 0; p < self->setting.n_piece; p++) {
    double complex *to = t + (p * n + g->channel[c].target) * n_k;
    const double complex *phase = self->phase + p * n_k;
    for (size_t k = 0; k < n_k; k++)
      to[k] +=
          factor * conj(phase[k]) * z[is_padded ? padded(self, k) : k] * (outer ? outer[k] : 1);
  }
}

/// Kernels with q, per channel and tau: one forward transform, and one backward if all kernels have
/// one shape, else one for each order.
static void apply_convolution(fast *self, const group *g, double complex *t[2]) {
  const kd_self_energy_setting *s = &self->setting;
  const size_t n_k = self->n_k, n_c = g->n_channel, n_q = self->n_difference;
  const long n_half = (long)self->series.n_half;
  const double dtau = 2 * M_PI / self->series.period;
  const double norm = 1 / ((double)n_k * (double)n_q);
  const bool is_single = g->n_shape == 1 && !g->dispersive;
  for (long j = first_term(self); j <= n_half; j++) {
    const double tau = (double)j * dtau;
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(s->n_piece * n_k))
    for (size_t i = 0; i < s->n_piece * n_k; i++)
      self->phase[i] = cos(s->energy[i] * tau) - I * sin(s->energy[i] * tau);
    const double complex *coefficient = g->coefficient + 2 * (size_t)(j + n_half) * g->n_shape;
    const double complex *dispersive =
        g->dispersive ? g->dispersive + 2 * (size_t)(j + n_half) * n_q : NULL;
#pragma omp parallel for schedule(static)                                                          \
    num_threads(self->n_thread) if (KD_WORTH_THREADS(n_c * n_q))
    for (size_t c = 0; c < n_c; c++) {
      double complex *field = self->field + c * n_q, *buffer = self->buffer[omp_get_thread_num()];
      if (n_q != n_k) memset(field, 0, n_q * sizeof *field);
      for (size_t k = 0; k < n_k; k++) {
        double complex value = 0;
        for (size_t p = 0; p < s->n_piece; p++)
          value += self->phase[p * n_k + k] * self->y[(p * n_c + c) * n_k + k];
        field[n_q == n_k ? k : padded(self, k)] = value;
      }
      fftw_execute_dft(self->forward, (fftw_complex *)field, (fftw_complex *)field);
      if (is_single) {
        for (size_t r = 0; r < n_q; r++) field[r] *= norm * g->shape[0].transform[r];
        fftw_execute_dft(self->backward, (fftw_complex *)field, (fftw_complex *)field);
        for (kd_order order = KD_LESSER; order <= KD_GREATER; order++)
          if (t[order]) accumulate(self, g, c, coefficient[order], field, t[order]);
        continue;
      }
      for (kd_order order = KD_LESSER; order <= KD_GREATER; order++) {
        if (!t[order]) continue;
        for (size_t r = 0; r < n_q; r++) {
          double complex kernel = dispersive ? dispersive[order * n_q + r] : 0;
          for (size_t f = 0; f < g->n_shape; f++)
            kernel += coefficient[order * g->n_shape + f] * g->shape[f].transform[r];
          buffer[r] = norm * field[r] * kernel;
        }
        fftw_execute_dft(self->backward, (fftw_complex *)buffer, (fftw_complex *)buffer);
        accumulate(self, g, c, 1, buffer, t[order]);
      }
    }
    self->n_fft += n_c * (is_single ? 2 : 1 + (t[0] != NULL) + (t[1] != NULL));
  }
}

/// t += t^dagger for every piece and k.
static void add_adjoint(const fast *self, double complex *t) {
  const size_t n = self->n_band, n_k = self->n_k;
  for (size_t p = 0; p < self->setting.n_piece; p++)
    for (size_t a = 0; a < n; a++)
      for (size_t b = a; b < n; b++) {
        double complex *upper = t + ((p * n + a) * n + b) * n_k;
        double complex *lower = t + ((p * n + b) * n + a) * n_k;
        for (size_t k = 0; k < n_k; k++) {
          upper[k] += conj(lower[k]);
          lower[k] = conj(upper[k]);
        }
      }
}

static kd_status fast_apply(kd_self_energy *object, const double complex *g, double beta,
                            double complex *t_lesser, double complex *t_greater) {
  fast *self = from(object);
  const size_t total = self->setting.n_piece * self->n_band * self->n_band * self->n_k;
  double complex *t[2] = {t_lesser, t_greater};
  for (int order = 0; order < 2; order++)
    if (t[order]) memset(t[order], 0, total * sizeof *t[order]);
  for (size_t i = 0; i < self->n_group; i++) {
    group *own = &self->group[i];
    set_coefficients(self, own, beta);
    apply_vertices(self, own, g);
    if (own->is_local)
      KD_TRY(apply_local(self, own, t));
    else
      apply_convolution(self, own, t);
  }
  for (int order = 0; order < 2 && self->sums_half; order++)
    if (t[order]) add_adjoint(self, t[order]);
  return KD_OK;
}

static unsigned long fast_n_fft(const kd_self_energy *self) {
  return ((const fast *)self)->n_fft;
}

static size_t fast_bytes(const kd_self_energy *object) {
  const fast *self = (const fast *)object;
  const size_t n_term = 2 * self->series.n_half + 1, n_piece = self->setting.n_piece;
  size_t n_number = 0, n_channel = 0;
  for (size_t g = 0; g < self->n_group; g++) {
    if (self->group[g].dispersive) n_number += 2 * n_term * self->n_difference;
    if (!self->group[g].is_local) n_number += self->group[g].n_shape * self->n_difference / 2;
    if (self->group[g].n_channel > n_channel) n_channel = self->group[g].n_channel;
  }
  n_number += n_piece * (n_channel + 1) * self->n_k;
  if (self->field) n_number += (n_channel + (size_t)self->n_thread) * self->n_difference;
  return n_number * sizeof(double complex);
}

const kd_self_energy_kind kd_self_energy_fft = {.name = "fft",
                                                .create = fast_create,
                                                .free = fast_free,
                                                .apply = fast_apply,
                                                .n_fft = fast_n_fft,
                                                .bytes = fast_bytes};
