/// Back end `fft`, also of phonons that are unknowns: for these Sigma of phonons.h takes the place
/// of that of electron.h, and E_j is less by what the phonons gain. With the kernel as a series
/// t(x) = sum_j c_j e^{i x tau_j} (series.h), for every tau_j
///
///   Y^≷_ab(k) = sum_p e^{-i e_p(k) tau_j} G^≷_p,ab(k)                        (local)
///   Y^≷_ab(r) = sum_k e^{ik.r} Y^≷_ab(k)                                     (FFT)
///   Sigma^≷_ab(r), of electron.h                                             (local)
///   Sigma^≷_ab(k) = sum_r e^{-ik.r} Sigma^≷_ab(r)                            (FFT)
///   E^<_j = (1/N_k) sum_k Tr[Sigma^<(k) Y^>(k)^dagger H(k)], E^>_j likewise  (local)
///
/// The displacement of the kernels multiplies c_j by e^{+-i s tau_j}, so that the rate of the
/// energy, 2 Re sum_j c_j (e^{i s tau_j} E^<_j - e^{-i s tau_j} E^>_j), is a short sum for every
/// trial beta. At the beta found,
///
///   T^<_p(k) = sum_j c_j e^{i (e_p(k) + s) tau_j} Sigma^<(k, tau_j).
///
/// For Hermitian pieces and kappa = 0, the terms of -tau_j are the adjoints of those of tau_j, and
/// only half of the series is summed. A k.p box is padded with zeros to twice its points along
/// every axis: then no sum k3 + k4 - k2 that lies outside of it comes back inside.
#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <string.h>

#include "collision/electron.h"
#include "collision/layout.h"
#include "collision/series.h"
#include "core/error.h"
#include "core/lanes.h"
#include "core/memory.h"
#include "core/packing.h"

/// k handled at a time.
enum { CHUNK = 128 };

typedef struct fast {
  kd_electron_setting setting;
  kd_series series;
  size_t n_band, n_matrix, n_k;
  kd_layout layout;
  size_t volume;       ///< of the layout
  long first;          ///< first j of the sums over tau
  size_t n_sum;        ///< terms from there to J
  size_t n_window;     ///< terms whose Sigma is kept at a time
  bool sums_half;      ///< tau >= 0 only
  kd_phonons *phonons; ///< NULL: carriers among themselves
  double *coupling;  ///< contact: [element], with all factors of the transforms; density: [volume],
                     ///< over q; phonons: NULL
  double complex *h; ///< H(k), [element][n_k]
  fftw_plan to_space[3], to_points[3];          ///< of fields of k
  fftw_plan to_transfers[3], from_transfers[3]; ///< density, phonons: of fields of q
  int n_thread;
  double complex **field; ///< per thread: [2 (lesser, greater)][element][volume], then P; phonons:
                          ///< then Sigma, D and P
  double complex **local; ///< per thread: Y, [2][element][n_k]
  const double complex *g, *free_part;
  double complex *sigma; ///< [n_window][2][element][n_k]
  double complex *flow;  ///< E_j, [n_sum][2]
  double *flow_size;     ///< sum of the moduli of what E_j is summed from, [n_sum][2]
  double complex *polar; ///< phonons: P of phonons.h, [n_window][n_mode][n_q]
  size_t kept;           ///< first term of the window that is kept; SIZE_MAX: none
  unsigned long n_fft;
} fast;

static fast *from(kd_electron *self) {
  return (fast *)self;
}

static void clear_plans(fftw_plan plans[3]) {
  for (int axis = 0; axis < 3; axis++)
    if (plans[axis]) fftw_destroy_plan(plans[axis]);
}

static void fast_free(kd_electron *object) {
  fast *self = from(object);
  if (!self) return;
  kd_series_clear(&self->series);
  clear_plans(self->to_space);
  clear_plans(self->to_points);
  clear_plans(self->to_transfers);
  clear_plans(self->from_transfers);
  for (int i = 0; i < self->n_thread; i++) {
    if (self->field) kd_free(self->field[i]);
    if (self->local) kd_free(self->local[i]);
  }
  kd_free(self->field);
  kd_free(self->local);
  kd_free(self->coupling);
  kd_free(self->h);
  kd_free(self->sigma);
  kd_free(self->flow);
  kd_free(self->flow_size);
  kd_free(self->polar);
  kd_free(self);
}

/// Transforms of one tau_j.
static size_t transforms(const fast *self) {
  if (self->phonons) return 4 * self->n_matrix + 2 * self->phonons->n_mode;
  return 4 * self->n_matrix + (self->setting.term->is_density ? 2 : 0);
}

/// Fields of a thread.
static size_t fields(const fast *self) {
  return self->phonons ? 4 * self->n_matrix + 2 : 2 * self->n_matrix + 1;
}

// --- construction -------------------------------------------------------------------------------

static kd_status create_plans(fast *self) {
  const kd_layout *layout = &self->layout;
  double complex *field = self->field[0];
  KD_TRY(kd_layout_plan(layout, layout->n, FFTW_BACKWARD, field, self->to_space));
  KD_TRY(kd_layout_plan(layout, layout->n, FFTW_FORWARD, field, self->to_points));
  if (!self->setting.term->is_density && !self->phonons) return KD_OK;
  KD_TRY(kd_layout_plan(layout, layout->m, FFTW_FORWARD, field, self->to_transfers));
  return kd_layout_plan(layout, layout->m, FFTW_BACKWARD, field, self->from_transfers);
}

/// The strength of the interaction with 1/N_k^2 and the norm of a transform forth and back
/// (density: of two).
static kd_status create_coupling(fast *self) {
  kd_status status = KD_OK;
  const kd_bath *term = self->setting.term;
  const size_t n = self->n_band;
  const size_t n_difference = self->layout.m[0] * self->layout.m[1] * self->layout.m[2];
  double norm = 1 / ((double)self->n_k * (double)self->n_k * (double)n_difference);
  if (self->phonons) return KD_OK;
  if (!term->is_density) {
    KD_ALLOCATE(self->coupling, self->n_matrix);
    for (size_t a = 0; a < n; a++)
      for (size_t b = 0; b < n; b++)
        self->coupling[a * n + b] = norm * kd_electron_contact(&self->setting, a, b);
    goto cleanup;
  }
  norm *= kd_model_spin_degeneracy(self->setting.model) / (double)n_difference;
  KD_ALLOCATE(self->coupling, self->volume);
  for (size_t q = 0; q < n_difference; q++)
    self->coupling[kd_layout_difference(&self->layout, q)] =
        norm * term->orbital[0] * term->orbital[0] * (term->form ? term->form[q] : 1);

cleanup:
  return status;
}

static kd_status fast_create(const kd_electron_setting *setting, kd_electron **result) {
  kd_status status = KD_OK;
  fast *self = NULL;
  *result = NULL;
  KD_ALLOCATE(self, 1);
  self->setting = *setting;
  self->n_band = kd_model_n_band(setting->model);
  self->n_matrix = self->n_band * self->n_band;
  self->n_k = kd_model_n_k(setting->model);
  self->phonons = setting->phonons;
  kd_layout_create(setting->model, &self->layout);
  self->volume = self->layout.volume;
  self->sums_half = setting->is_hermitian && setting->kappa == 0;
  double low = INFINITY, high = -INFINITY;
  for (size_t i = 0; i < setting->n_piece * self->n_k; i++) {
    low = fmin(low, setting->energy[i]);
    high = fmax(high, setting->energy[i]);
  }
  double width = 2 * (high - low); // two energies are gained and two lost
  if (self->phonons) {
    double largest = 0;
    for (size_t q = 0; q < self->phonons->n_q; q++)
      largest = fmax(largest, self->phonons->omega[q]);
    width = high - low + largest;
  }
  KD_CHECK(kd_series_create(setting->model, self->phonons ? &self->phonons->line : setting->term, 1,
                            width + setting->largest_shift, setting->kappa, &self->series));
  self->first = self->sums_half ? 0 : -(long)self->series.n_half;
  self->n_sum = (size_t)((long)self->series.n_half - self->first) + 1;
  const size_t per_term = 2 * self->n_matrix * self->n_k;
  const size_t per_polar = self->phonons ? kd_phonons_count(self->phonons) : 0;
  self->n_window = setting->kept_bytes / ((per_term + per_polar) * sizeof *self->sigma);
  if (self->n_window > self->n_sum) self->n_window = self->n_sum;
  if (self->n_window < 1) self->n_window = 1;
  self->kept = SIZE_MAX;
  KD_ALLOCATE(self->sigma, self->n_window * per_term);
  KD_ALLOCATE(self->flow, 2 * self->n_sum);
  KD_ALLOCATE(self->flow_size, 2 * self->n_sum);
  if (self->phonons) KD_ALLOCATE(self->polar, self->n_window * per_polar);
  self->n_thread = omp_get_max_threads();
  KD_ALLOCATE(self->field, (size_t)self->n_thread);
  KD_ALLOCATE(self->local, (size_t)self->n_thread);
  for (int i = 0; i < self->n_thread; i++) {
    KD_ALLOCATE(self->field[i], fields(self) * self->volume);
    KD_ALLOCATE(self->local[i], per_term);
  }
  KD_CHECK(create_plans(self));
  KD_CHECK(create_coupling(self));
  KD_ALLOCATE(self->h, self->n_matrix * self->n_k);
  for (size_t k = 0; k < self->n_k; k++) {
    double complex h[KD_MAX_MATRIX];
    kd_unpack(setting->h, self->n_band, self->n_k, k, h);
    for (size_t e = 0; e < self->n_matrix; e++) self->h[e * self->n_k + k] = h[e];
  }
  *result = (kd_electron *)self;
  self = NULL;

cleanup:
  fast_free((kd_electron *)self);
  return status;
}

double kd_electron_fft_cost(const kd_electron *object) {
  // Nanoseconds per operation of an FFT and of the local parts, and of starting an FFT.
  const double step = 0.025, start = 40;
  const fast *self = (const fast *)object;
  const double volume = (double)self->volume, n = (double)self->n_matrix;
  const double local = (double)(self->n_k * self->setting.n_piece) * (100 + 30 * n);
  return (double)self->n_sum *
         ((double)transforms(self) * (start + step * 5 * volume * log2(fmax(2, volume))) +
          step * local);
}

static void fast_set(kd_electron *object, const double complex *g,
                     const double complex *free_part) {
  fast *self = from(object);
  self->g = g;
  self->free_part = free_part;
  self->kept = SIZE_MAX;
}

// --- one tau ------------------------------------------------------------------------------------

/// cosine and sine of e_p(k) tau for `count` k from k on.
static void fill_phases(const fast *self, size_t p, double tau, size_t k, size_t count,
                        double *cosine, double *sine) {
  const double *e = self->setting.energy + p * self->n_k + k;
#pragma omp simd
  for (size_t i = 0; i < count; i++) kd_cis(e[i] * tau, &cosine[i], &sine[i]);
}

/// z += (c - i s) w (sign -1), or (c + i s) w.
static void add_turned(size_t count, const double *c, const double *s, double sign,
                       const double complex *w, double complex *z) {
  const double *x = (const double *)w;
  double *y = (double *)z;
#pragma omp simd
  for (size_t i = 0; i < count; i++) {
    const double re = x[2 * i], im = x[2 * i + 1], t = sign * s[i];
    y[2 * i] += c[i] * re - t * im;
    y[2 * i + 1] += c[i] * im + t * re;
  }
}

/// Y(k), [2][element][n_k]
static void gather(const fast *self, double tau, double complex *y) {
  const size_t n_k = self->n_k, n = self->n_matrix;
  double cosine[CHUNK], sine[CHUNK];
  memset(y, 0, 2 * n * n_k * sizeof *y);
  for (size_t k = 0; k < n_k; k += CHUNK) {
    const size_t count = n_k - k < CHUNK ? n_k - k : CHUNK;
    for (size_t p = 0; p < self->setting.n_piece; p++) {
      fill_phases(self, p, tau, k, count, cosine, sine);
      for (size_t e = 0; e < n; e++) {
        const size_t from = (p * n + e) * n_k + k, to = e * n_k + k;
        add_turned(count, cosine, sine, -1, self->g + from, y + to);
        add_turned(count, cosine, sine, -1, self->free_part + from, y + n * n_k + to);
      }
    }
  }
}

/// Fields of k to fields of r.
static void to_space(const fast *self, const double complex *y, double complex *field) {
  for (size_t i = 0; i < 2 * self->n_matrix; i++) {
    const double complex *source = y + i * self->n_k;
    double complex *own = field + i * self->volume;
    const size_t length = self->layout.row_length;
    for (size_t row = 0; row < self->layout.n_row; row++)
      memcpy(own + kd_layout_row(&self->layout, row), source + row * length, length * sizeof *own);
    kd_layout_clear(&self->layout, length, own);
    kd_layout_from_points(self->to_space, own);
  }
}

/// Contact: Sigma(r) in place of Y(r).
static void multiply_contact(const fast *self, double complex *field) {
  const size_t volume = self->volume;
  for (size_t e = 0; e < self->n_matrix; e++) {
    const double u = self->coupling[e];
    double *x = (double *)(field + e * volume);
    double *y = (double *)(field + (self->n_matrix + e) * volume);
#pragma omp simd
    for (size_t r = 0; r < volume; r++) {
      // l (l h*) and h (h l*) = h (l h*)*
      const double lr = x[2 * r], li = x[2 * r + 1], hr = y[2 * r], hi = y[2 * r + 1];
      const double re = u * (lr * hr + li * hi), im = u * (li * hr - lr * hi);
      x[2 * r] = lr * re - li * im;
      x[2 * r + 1] = lr * im + li * re;
      y[2 * r] = hr * re + hi * im;
      y[2 * r + 1] = hi * re - hr * im;
    }
  }
}

/// Density: the same, with W = V2 * P. W^> = (W^<)*, since V2(r) is real.
static void multiply_density(const fast *self, double complex *field) {
  const size_t volume = self->volume, n = self->n_matrix;
  double complex *w = field + 2 * n * volume;
  memset(w, 0, volume * sizeof *w);
  for (size_t e = 0; e < n; e++) {
    const double complex *x = field + e * volume, *y = field + (n + e) * volume;
    for (size_t r = 0; r < volume; r++) w[r] += x[r] * conj(y[r]);
  }
  kd_layout_to_points(self->to_transfers, w);
  for (size_t q = 0; q < volume; q++) w[q] *= self->coupling[q];
  kd_layout_from_points(self->from_transfers, w);
  for (size_t e = 0; e < n; e++) {
    double complex *x = field + e * volume, *y = field + (n + e) * volume;
    for (size_t r = 0; r < volume; r++) {
      x[r] *= w[r];
      y[r] *= conj(w[r]);
    }
  }
}

/// factor e^{-i omega_q tau} of a phonon; `last` holds the energy for which `phase` was computed.
static double complex phonon_phase(double omega, double tau, double *last, double complex *phase) {
  if (omega != *last) {
    *phase = cos(omega * tau) - I * sin(omega * tau);
    *last = omega;
  }
  return *phase;
}

/// Phonons: the same, with D^< = sum_q e^{iq.r} g_q^2 [N(q) e^{-i w tau} + (N(-q) + 1) e^{i w tau}]
/// and D^> its conjugate, and the sums sum_k Tr[M Y^<(k + q) M Y^>(k)^dagger] into `polar`.
static void multiply_phonons(const fast *self, double tau, double complex *field,
                             double complex *polar) {
  const kd_phonons *p = self->phonons;
  const size_t volume = self->volume, n = self->n_matrix;
  const double norm = 1 / ((double)self->n_k * (double)self->layout.m[0] *
                           (double)self->layout.m[1] * (double)self->layout.m[2]);
  double complex *sigma = field + 2 * n * volume, *d = field + 4 * n * volume, *w = d + volume;
  memset(sigma, 0, 2 * n * volume * sizeof *sigma);
  for (size_t a = 0; a < p->n_mode; a++) {
    double last = NAN;
    double complex phase = 0;
    memset(d, 0, 2 * volume * sizeof *d);
    for (size_t q = 0; q < p->n_q; q++) {
      const double *number = p->number + a * p->n_q;
      phonon_phase(p->omega[q], tau, &last, &phase);
      d[kd_layout_difference(&self->layout, q)] =
          norm * p->square[q] * (number[q] * phase + (number[p->opposite[q]] + 1) * conj(phase));
    }
    kd_layout_from_points(self->from_transfers, d);
    for (size_t i = p->first[a]; i < p->first[a + 1]; i++) {
      const kd_phonon_entry *entry = &p->entry[i];
      const double complex *lesser = field + entry->from * volume;
      const double complex *greater = field + (n + entry->from) * volume;
      const double complex *opposite = field + (n + entry->to) * volume;
      double complex *s_lesser = sigma + entry->to * volume;
      double complex *s_greater = sigma + (n + entry->to) * volume;
      for (size_t r = 0; r < volume; r++) {
        const double complex g = entry->factor * lesser[r];
        s_lesser[r] += d[r] * g;
        s_greater[r] += conj(d[r]) * entry->factor * greater[r];
        w[r] += g * conj(opposite[r]);
      }
    }
    kd_layout_to_points(self->to_transfers, w);
    for (size_t q = 0; q < p->n_q; q++)
      polar[a * p->n_q + q] = norm * w[kd_layout_difference(&self->layout, q)];
  }
  memcpy(field, sigma, 2 * n * volume * sizeof *field);
}

/// Takes from E_j what the phonons gain: E^< -= sum_q w_q g_q^2 N e^{-i w tau} P^<(q), E^> likewise
/// with N + 1 and P^>. `polar` holds P^>(q)* = P^<(-q). In half sums -tau_j counts as much.
static void add_phonon_flow(const fast *self, double tau, const double complex *polar,
                            double complex flow[2], double size[2]) {
  const kd_phonons *p = self->phonons;
  const double share = (self->sums_half ? 2 : 1) / (double)self->n_k;
  double last = NAN;
  double complex phase = 0;
  for (size_t a = 0; a < p->n_mode; a++) {
    const double *number = p->number + a * p->n_q;
    const double complex *here = polar + a * p->n_q;
    for (size_t q = 0; q < p->n_q; q++) {
      const double complex factor =
          share * p->omega[q] * p->square[q] * phonon_phase(p->omega[q], tau, &last, &phase);
      const double complex absorbed = factor * number[q] * here[p->opposite[q]];
      const double complex emitted = factor * (number[q] + 1) * conj(here[q]);
      flow[KD_LESSER] -= absorbed;
      flow[KD_GREATER] -= emitted;
      size[KD_LESSER] += fabs(creal(absorbed)) + fabs(cimag(absorbed));
      size[KD_GREATER] += fabs(creal(emitted)) + fabs(cimag(emitted));
    }
  }
}

/// Adds the term of tau with the weight w to the rate of the phonons, without the factor
/// 2 g_s/hbar, and 2 in half sums.
static void add_phonon_rate(const fast *self, double tau, double complex w,
                            const double complex *polar) {
  kd_phonons *p = self->phonons;
  double last = NAN;
  double complex phase = 0;
  for (size_t a = 0; a < p->n_mode; a++) {
    const double *number = p->number + a * p->n_q;
    const double complex *here = polar + a * p->n_q;
    for (size_t q = 0; q < p->n_q; q++) {
      phonon_phase(p->omega[q], tau, &last, &phase);
      p->rate[a * p->n_q + q] +=
          p->square[q] * creal(phase * (conj(w * here[q]) * (number[q] + 1) -
                                        w * here[p->opposite[q]] * number[q]));
    }
  }
}

/// Sigma(r) to Sigma(k), [2][element][n_k].
static void to_points(const fast *self, double complex *field, double complex *sigma) {
  for (size_t i = 0; i < 2 * self->n_matrix; i++) {
    double complex *own = field + i * self->volume, *target = sigma + i * self->n_k;
    const size_t length = self->layout.row_length;
    kd_layout_to_points(self->to_points, own);
    for (size_t row = 0; row < self->layout.n_row; row++)
      memcpy(target + row * length, own + kd_layout_row(&self->layout, row), length * sizeof *own);
  }
}

/// E_j. In half sums what belongs to -tau_j is added: Tr[Sigma^dagger Y H]* = Tr[Sigma H Y^dagger].
static void find_flow(const fast *self, const double complex *y, const double complex *sigma,
                      double complex flow[2]) {
  const size_t n = self->n_band, n_k = self->n_k;
  for (int order = 0; order < 2; order++) {
    const double complex *s = sigma + (size_t)order * self->n_matrix * n_k;
    const double complex *z = y + (order == KD_LESSER ? self->n_matrix * n_k : 0);
    double complex sum = 0;
    for (size_t a = 0; a < n; a++)
      for (size_t b = 0; b < n; b++)
        for (size_t c = 0; c < n; c++) {
          const double complex *s_ab = s + (a * n + b) * n_k;
          const double complex *z_cb = z + (c * n + b) * n_k, *h_ca = self->h + (c * n + a) * n_k;
          const double complex *z_ac = z + (a * n + c) * n_k, *h_bc = self->h + (b * n + c) * n_k;
          for (size_t k = 0; k < n_k; k++) sum += s_ab[k] * conj(z_cb[k]) * h_ca[k];
          for (size_t k = 0; k < n_k && self->sums_half; k++)
            sum += s_ab[k] * h_bc[k] * conj(z_ac[k]);
        }
    flow[order] = sum / (double)n_k;
  }
}

static double tau_of(const fast *self, size_t i) {
  return 2 * M_PI * (double)(self->first + (long)i) / self->series.period;
}

/// Sigma and E of the terms [begin, end).
static void fill_window(fast *self, size_t begin, size_t end) {
  const size_t per_term = 2 * self->n_matrix * self->n_k;
  if (self->kept == begin) return;
#pragma omp parallel for schedule(static) num_threads(self->n_thread)
  for (size_t i = begin; i < end; i++) {
    double complex *y = self->local[omp_get_thread_num()];
    double complex *field = self->field[omp_get_thread_num()];
    double complex *sigma = self->sigma + (i - begin) * per_term;
    gather(self, tau_of(self, i), y);
    to_space(self, y, field);
    double complex *polar =
        self->phonons ? self->polar + (i - begin) * kd_phonons_count(self->phonons) : NULL;
    if (self->phonons)
      multiply_phonons(self, tau_of(self, i), field, polar);
    else if (self->setting.term->is_density)
      multiply_density(self, field);
    else
      multiply_contact(self, field);
    to_points(self, field, sigma);
    double complex *flow = self->flow + 2 * i;
    double *size = self->flow_size + 2 * i;
    find_flow(self, y, sigma, flow);
    for (int order = 0; order < 2; order++) size[order] = cabs(flow[order]);
    if (self->phonons) add_phonon_flow(self, tau_of(self, i), polar, flow, size);
  }
  self->n_fft += (end - begin) * transforms(self);
  self->kept = begin;
}

/// c_j e^{i s tau_j}, half of it at tau = 0 in half sums.
static double complex weight(const fast *self, size_t i, double shift) {
  const double complex *c =
      self->series.coefficient[0] + (size_t)(self->first + (long)self->series.n_half);
  const double share = self->sums_half && i == 0 ? 0.5 : 1, angle = shift * tau_of(self, i);
  return share * c[i] * (cos(angle) + I * sin(angle));
}

// --- what is asked for --------------------------------------------------------------------------

static kd_status fast_energy_rate(kd_electron *object, double beta, double *rate, double *scale) {
  fast *self = from(object);
  const double shift = kd_bath_shift(self->setting.term, beta);
  if (self->kept == SIZE_MAX)
    for (size_t i = 0; i < self->n_sum; i += self->n_window)
      fill_window(self, i, i + self->n_window < self->n_sum ? i + self->n_window : self->n_sum);
  *rate = *scale = 0;
  for (size_t i = 0; i < self->n_sum; i++) {
    const double complex w = weight(self, i, shift), *flow = self->flow + 2 * i;
    *rate += 2 * creal(w * flow[KD_LESSER] - conj(w) * flow[KD_GREATER]);
    *scale += 2 * cabs(w) * (self->flow_size[2 * i] + self->flow_size[2 * i + 1]);
  }
  return KD_OK;
}

/// Adds the terms [begin, end) of the series to T of `count` k from k on.
static void spread(const fast *self, size_t begin, size_t end, double shift, size_t k, size_t count,
                   double complex *const t[2]) {
  const size_t n_k = self->n_k, n = self->n_matrix;
  double cosine[CHUNK], sine[CHUNK], c[CHUNK], s[CHUNK];
  for (size_t i = begin; i < end; i++) {
    const double complex w = weight(self, i, shift);
    for (size_t p = 0; p < self->setting.n_piece; p++) {
      fill_phases(self, p, tau_of(self, i), k, count, cosine, sine);
      for (int order = 0; order < 2; order++) {
        const double re = creal(w), im = order == KD_LESSER ? cimag(w) : -cimag(w);
#pragma omp simd
        for (size_t l = 0; l < count; l++) {
          c[l] = re * cosine[l] - im * sine[l];
          s[l] = re * sine[l] + im * cosine[l];
        }
        for (size_t e = 0; e < n; e++)
          add_turned(count, c, s, 1,
                     self->sigma + ((2 * (i - begin) + (size_t)order) * n + e) * n_k + k,
                     t[order] + (p * n + e) * n_k + k);
      }
    }
  }
}

/// t += t^dagger for `count` k from k on.
static void add_adjoint(const fast *self, size_t k, size_t count, double complex *t) {
  const size_t n = self->n_band, n_k = self->n_k;
  for (size_t p = 0; p < self->setting.n_piece; p++)
    for (size_t a = 0; a < n; a++)
      for (size_t b = a; b < n; b++) {
        double complex *upper = t + ((p * n + a) * n + b) * n_k + k;
        double complex *lower = t + ((p * n + b) * n + a) * n_k + k;
        for (size_t l = 0; l < count; l++) {
          upper[l] += conj(lower[l]);
          lower[l] = conj(upper[l]);
        }
      }
}

static kd_status fast_apply(kd_electron *object, double beta, double complex *t_lesser,
                            double complex *t_greater) {
  fast *self = from(object);
  double complex *const t[2] = {t_lesser, t_greater};
  kd_phonons *phonons = self->phonons;
  const double shift = kd_bath_shift(self->setting.term, beta);
  const size_t n_chunk = (self->n_k + CHUNK - 1) / CHUNK;
  for (int order = 0; order < 2; order++)
    memset(t[order], 0, self->setting.n_piece * self->n_matrix * self->n_k * sizeof *t[order]);
  if (phonons) memset(phonons->rate, 0, kd_phonons_count(phonons) * sizeof *phonons->rate);
  for (size_t i = 0; i < self->n_sum; i += self->n_window) {
    const size_t end = i + self->n_window < self->n_sum ? i + self->n_window : self->n_sum;
    fill_window(self, i, end);
#pragma omp parallel for schedule(static) num_threads(self->n_thread)
    for (size_t chunk = 0; chunk < n_chunk; chunk++) {
      const size_t k = chunk * CHUNK, count = self->n_k - k < CHUNK ? self->n_k - k : CHUNK;
      spread(self, i, end, shift, k, count, t);
    }
    for (size_t j = i; j < end && phonons; j++)
      add_phonon_rate(self, tau_of(self, j), weight(self, j, shift),
                      self->polar + (j - i) * kd_phonons_count(phonons));
  }
  for (int order = 0; order < 2 && self->sums_half; order++)
    add_adjoint(self, 0, self->n_k, t[order]);
  const double scale = (self->sums_half ? 4 : 2) * kd_model_spin_degeneracy(self->setting.model) /
                       kd_model_hbar(self->setting.model);
  for (size_t i = 0; phonons && i < kd_phonons_count(phonons); i++) phonons->rate[i] *= scale;
  return KD_OK;
}

static unsigned long fast_n_fft(const kd_electron *self) {
  return ((const fast *)self)->n_fft;
}

static size_t fast_bytes(const kd_electron *object) {
  const fast *self = (const fast *)object;
  const size_t matrix = self->n_matrix * self->n_k;
  const size_t per_thread = fields(self) * self->volume + 2 * matrix;
  const size_t polar = self->phonons ? kd_phonons_count(self->phonons) : 0;
  return ((2 * matrix + polar) * self->n_window + (size_t)self->n_thread * per_thread + matrix +
          3 * self->n_sum) *
             sizeof(double complex) +
         (self->setting.term->is_density ? self->volume
          : self->phonons                ? 0
                                         : self->n_matrix) *
             sizeof(double) +
         kd_series_bytes(&self->series);
}

const kd_electron_kind kd_electron_fft = {.name = "fft",
                                          .create = fast_create,
                                          .free = fast_free,
                                          .set = fast_set,
                                          .energy_rate = fast_energy_rate,
                                          .apply = fast_apply,
                                          .n_fft = fast_n_fft,
                                          .bytes = fast_bytes};
