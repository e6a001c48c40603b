/// Scheme `unsplit` with an R grid: CVODE on the whole right-hand side,
///
///   df/dt = -(i/hbar) [h(k+q/2) f_q - f_q h(k-q/2)]              in (q, k), h = H - F.r
///           -(i/hbar) [U(R+s/2) - U(R-s/2) - F.s] f_s            in (R, s)
///           + C[f(R)]                                            at every R,
///
/// with f(R,k) = sum_q e^{iqR} f_q(k) = sum_s e^{-isk} f_s(R); `drift: gradient` has H +-
/// (q/2).dH/dk and s.grad U. As in phase_space.h, a generator is averaged over the modes that the
/// grid cannot tell apart. It shares with `splitting` the model and the differences of U, but no
/// exponential, no transform and no step, and is its check. Kicks are those of kick.h in both.
#include <complex.h>
#include <fftw3.h>
#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <string.h>

#include "collision/scattering.h"
#include "core/dot.h"
#include "core/error.h"
#include "core/fft_clock.h"
#include "core/memory.h"
#include "core/modes.h"
#include "core/packing.h"
#include "core/parallel.h"
#include "drift/differences.h"
#include "drift/kick.h"
#include "propagator/scheme.h"

/// Modes s whose differences are looked up at a time.
enum { BATCH = 16 };

/// A Hermitian field at k + q/2 and at k - q/2 for the modes q of a half transform over R,
/// [n_q][2][n], packed; the same for all q where it is not displaced.
typedef struct sides {
  double *field;
  size_t stride; ///< from mode to mode: 2 n, or 0
} sides;

struct kd_unsplit_space {
  size_t n_q;                ///< modes of the half transform over R
  sides h;                   ///< H, or H +- (q/2).dH/dk
  sides r[3];                ///< r_i, if orbitals have positions
  double *v[3];              ///< v_i, [n]
  kd_differences *potential; ///< and the force
  double *x;                 ///< [BATCH][n_r]
  double complex *spectrum;  ///< of f, over R or over k
  double complex *matrices;  ///< one set of four per thread
  double *work;              ///< [total]
  fftw_plan to_q, from_q, to_s, from_s;
  kd_scattering *scattering; ///< NULL without collisions
  kd_phase_space *flow;      ///< for kicks, NULL without
  double *scratch[2];        ///< [total], with `flow`
  unsigned long n_fft;
};

static void sides_clear(sides *s) {
  kd_free(s->field);
}

static void unsplit_space_free(kd_propagator *p) {
  struct kd_unsplit_space *self = p->unsplit_space;
  if (!self) return;
  sides_clear(&self->h);
  for (int d = 0; d < 3; d++) {
    sides_clear(&self->r[d]);
    kd_free(self->v[d]);
  }
  kd_differences_free(self->potential);
  kd_free(self->x);
  kd_free(self->spectrum);
  kd_free(self->matrices);
  kd_free(self->work);
  if (self->to_q) fftw_destroy_plan(self->to_q);
  if (self->from_q) fftw_destroy_plan(self->from_q);
  if (self->to_s) fftw_destroy_plan(self->to_s);
  if (self->from_s) fftw_destroy_plan(self->from_s);
  kd_scattering_free(self->scattering);
  kd_phase_space_free(self->flow);
  kd_free(self->scratch[0]);
  kd_free(self->scratch[1]);
  kd_free(self);
  p->unsplit_space = NULL;
}

/// Real transforms there and back, over R for all columns and over k for all rows.
static kd_status create_plans(kd_propagator *p) {
  struct kd_unsplit_space *self = p->unsplit_space;
  const size_t n_component = p->n_band * p->n_band;
  const int rank_r = (int)kd_space_n_dim(p->space), rank_k = (int)kd_model_n_dim(p->model);
  int m[3], n[3], half_k = 1;
  for (int d = 0; d < 3; d++) {
    m[d] = (int)kd_space_n(p->space)[d];
    n[d] = d < rank_k ? (int)kd_model_n(p->model)[d] : 1;
    half_k *= d + 1 == rank_k ? n[d] / 2 + 1 : n[d];
  }
  const int columns = (int)p->n, rows = (int)(n_component * p->n_r), n_k = (int)p->n_k;
  double *f = self->work;
  fftw_complex *z = (fftw_complex *)self->spectrum;
  // ESTIMATE: a measured plan could differ from run to run, and so would the last digits.
  self->to_q = fftw_plan_many_dft_r2c(rank_r, m, columns, f, NULL, columns, 1, z, NULL, columns, 1,
                                      FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
  self->from_q = fftw_plan_many_dft_c2r(rank_r, m, columns, z, NULL, columns, 1, f, NULL, columns,
                                        1, FFTW_ESTIMATE);
  self->to_s = fftw_plan_many_dft_r2c(rank_k, n, rows, f, NULL, 1, n_k, z, NULL, 1, half_k,
                                      FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
  self->from_s =
      fftw_plan_many_dft_c2r(rank_k, n, rows, z, NULL, 1, half_k, f, NULL, 1, n_k, FFTW_ESTIMATE);
  if (!self->to_q || !self->from_q || !self->to_s || !self->from_s)
    return kd_error(KD_ERROR_INTERNAL, "FFTW cannot plan transforms of %zu x %zu points", p->n_r,
                    p->n_k);
  return KD_OK;
}

/// Samples `part` at k +- q/2 for all modes, or H +- (q/2).dH/dk.
static kd_status create_sides(kd_propagator *p, const kd_model_part *part, sides *s) {
  kd_status status = KD_OK;
  const bool is_gradient = p->is_gradient, is_displaced = !is_gradient || part->energy != 0;
  const size_t n_mode = is_displaced ? p->unsplit_space->n_q : 1;
  const size_t n_dim = kd_space_n_dim(p->space), *m = kd_space_n(p->space);
  const size_t last = n_dim - 1, n_half = m[last] / 2 + 1;
  s->stride = is_displaced ? 2 * p->n : 0;
  KD_ALLOCATE(s->field, 2 * p->n * n_mode);
  for (size_t q = 0; q < n_mode; q++) {
    // The axes from the last to the first, of which only the last is in half.
    size_t j[3] = {0}, rest = q;
    for (size_t d = n_dim; d-- > 0;) {
      const size_t count = d == last ? n_half : m[d];
      j[d] = rest % count;
      rest /= count;
    }
    for (int side = 0; side < 2; side++) {
      double *field = s->field + q * s->stride + (size_t)side * p->n;
      size_t n_image = 0;
      for (int signs = 0; signs < 8; signs++) {
        double number[3], x[3] = {0};
        if (!kd_mode_image(j, m, signs, number)) continue;
        for (size_t d = 0; d < n_dim; d++)
          x[d] = (side ? -1 : 1) * M_PI * number[d] / kd_space_length(p->space)[d];
        kd_model_part here = *part;
        for (int d = 0; d < 3 && is_gradient; d++) here.gradient[d] = part->energy * x[d];
        kd_model_sample(p->model, is_gradient ? (const double[3]){0} : x, &here, p->scratch);
        for (size_t i = 0; i < p->n; i++) field[i] += p->scratch[i];
        n_image++;
      }
      for (size_t i = 0; i < p->n; i++) field[i] /= (double)n_image;
    }
  }

cleanup:
  return status;
}

static kd_status unsplit_space_create(kd_propagator *p, const kd_state *initial) {
  kd_status status = KD_OK;
  struct kd_unsplit_space *self = NULL;
  size_t n_kick;
  KD_ALLOCATE(self, 1);
  p->unsplit_space = self;
  const size_t *m = kd_space_n(p->space), last = m[kd_space_n_dim(p->space) - 1];
  self->n_q = p->n_r / last * (last / 2 + 1);
  // All differences are kept: they are looked up at every evaluation.
  KD_CHECK(kd_differences_create(p->model, p->space, p->is_gradient, SIZE_MAX, &self->potential));
  const size_t rows = p->n_band * p->n_band * p->n_r, n_s = kd_differences_n_half(self->potential);
  const size_t over_r = self->n_q * p->n, over_k = rows * n_s;
  KD_ALLOCATE(self->spectrum, over_r > over_k ? over_r : over_k);
  KD_ALLOCATE(self->work, p->total);
  KD_ALLOCATE(self->x, BATCH * p->n_r);
  KD_ALLOCATE(self->matrices, 4 * p->n_band * p->n_band * (size_t)omp_get_max_threads());
  KD_CHECK(create_plans(p));
  KD_CHECK(create_sides(p, &(const kd_model_part){.energy = 1}, &self->h));
  for (size_t d = 0; d < kd_model_n_dim(p->model); d++) {
    double axis[3] = {0};
    axis[d] = 1;
    KD_ALLOCATE(self->v[d], p->n);
    kd_model_velocity(p->model, (const double[3]){0}, axis, self->v[d]);
    kd_model_part part = {0};
    part.position[d] = 1;
    if (p->has_positions) KD_CHECK(create_sides(p, &part, &self->r[d]));
  }
  if (!kd_collision_is_none(p->collision))
    KD_CHECK(kd_scattering_create(p->collision, p->n_r, kd_space_n_r(p->space), &self->scattering));
  kd_field_kicks(p->field, &n_kick);
  if (n_kick > 0) {
    KD_CHECK(kd_phase_space_create(p->model, p->space, p->is_gradient, &self->flow));
    for (int i = 0; i < 2; i++) KD_ALLOCATE(self->scratch[i], p->total);
  }
  memcpy(kd_integrator_unknowns(p->integrator), initial->f, p->total * sizeof *initial->f);

cleanup:
  return status;
}

static size_t unsplit_space_n_unknown(const kd_propagator *p) {
  return p->total;
}

/// h at one point, H - F.r, [n_band][n_band].
static void find_h(const kd_propagator *p, const double force[3], size_t q, int side, size_t k,
                   double complex *h, double complex *r) {
  const struct kd_unsplit_space *self = p->unsplit_space;
  const size_t n = p->n_band, offset = (size_t)side * p->n;
  kd_unpack(self->h.field + q * self->h.stride + offset, n, p->n_k, k, h);
  for (int d = 0; d < 3; d++) {
    if (force[d] == 0 || !self->r[d].field) continue;
    kd_unpack(self->r[d].field + q * self->r[d].stride + offset, n, p->n_k, k, r);
    for (size_t i = 0; i < n * n; i++) h[i] -= force[d] * r[i];
  }
}

/// A Fourier coefficient of packed real components is a matrix that is not Hermitian:
/// f_ab = (c + i c')/sqrt(2), f_ba = (c - i c')/sqrt(2).
static void unpack_mode(const double complex *field, size_t n, size_t n_k, size_t k,
                        double complex *matrix) {
  for (size_t a = 0; a < n; a++) {
    matrix[a * n + a] = field[a * n_k + k];
    for (size_t b = a + 1; b < n; b++) {
      const size_t c = kd_pair(a, b, n);
      const double complex x = field[c * n_k + k], y = field[(c + 1) * n_k + k];
      matrix[a * n + b] = KD_SQRT1_2 * (x + I * y);
      matrix[b * n + a] = KD_SQRT1_2 * (x - I * y);
    }
  }
}

static void pack_mode(const double complex *matrix, size_t n, size_t n_k, size_t k,
                      double complex *field) {
  for (size_t a = 0; a < n; a++) {
    field[a * n_k + k] = matrix[a * n + a];
    for (size_t b = a + 1; b < n; b++) {
      const size_t c = kd_pair(a, b, n);
      field[c * n_k + k] = KD_SQRT1_2 * (matrix[a * n + b] + matrix[b * n + a]);
      field[(c + 1) * n_k + k] = -I * KD_SQRT1_2 * (matrix[a * n + b] - matrix[b * n + a]);
    }
  }
}

static void transform(struct kd_unsplit_space *self, fftw_plan plan, double *f) {
  const double begin = kd_fft_begin();
  if (plan == self->to_q || plan == self->to_s)
    fftw_execute_dft_r2c(plan, f, (fftw_complex *)self->spectrum);
  else
    fftw_execute_dft_c2r(plan, (fftw_complex *)self->spectrum, f);
  kd_fft_end(begin);
}

/// df := the kinetic part.
static void kinetic_rate(kd_propagator *p, const double force[3], const double *f, double *df) {
  struct kd_unsplit_space *self = p->unsplit_space;
  const size_t n = p->n_band, n_matrix = n * n;
  const double complex factor = -I / (kd_model_hbar(p->model) * (double)p->n_r);
  memcpy(self->work, f, p->total * sizeof *f);
  transform(self, self->to_q, self->work);
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(p->total))
  for (size_t q = 0; q < self->n_q; q++) {
    double complex *mode = self->spectrum + q * p->n;
    double complex *plus = self->matrices + 4 * n_matrix * (size_t)omp_get_thread_num();
    double complex *minus = plus + n_matrix, *fq = plus + 2 * n_matrix, *rate = plus + 3 * n_matrix;
    for (size_t k = 0; k < p->n_k; k++) {
      find_h(p, force, q, 0, k, plus, rate);
      find_h(p, force, q, 1, k, minus, rate);
      unpack_mode(mode, n, p->n_k, k, fq);
      for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++) {
          double complex sum = 0;
          for (size_t c = 0; c < n; c++)
            sum += plus[a * n + c] * fq[c * n + b] - fq[a * n + c] * minus[c * n + b];
          rate[a * n + b] = factor * sum;
        }
      pack_mode(rate, n, p->n_k, k, mode);
    }
  }
  transform(self, self->from_q, df);
  self->n_fft += n_matrix;
}

/// df += the potential and the uniform force.
static kd_status add_potential_rate(kd_propagator *p, double t, const double force[3],
                                    const double *f, double *df) {
  struct kd_unsplit_space *self = p->unsplit_space;
  const size_t n_component = p->n_band * p->n_band, n_s = kd_differences_n_half(self->potential);
  const double factor = 1 / (kd_model_hbar(p->model) * (double)p->n_k);
  if (kd_space_is_free(p->space) && force[0] == 0 && force[1] == 0 && force[2] == 0) return KD_OK;
  memcpy(self->work, f, p->total * sizeof *f);
  transform(self, self->to_s, self->work);
  for (size_t first = 0; first < n_s; first += BATCH) {
    const size_t count = n_s - first < BATCH ? n_s - first : BATCH;
    KD_TRY(kd_differences_batch(self->potential, t, 1, force, first, count, p->n_r, self->x));
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(p->total))
    for (size_t r = 0; r < p->n_r; r++)
      for (size_t c = 0; c < n_component; c++) {
        double complex *mode = self->spectrum + (r * n_component + c) * n_s + first;
        // FFTW's mode m is that of s = -m, and the difference is odd in s.
        for (size_t i = 0; i < count; i++) mode[i] *= I * factor * self->x[i * p->n_r + r];
      }
  }
  transform(self, self->from_s, self->work);
  self->n_fft += n_component;
#pragma omp parallel for simd schedule(static) if (KD_WORTH_THREADS(p->total))
  for (size_t i = 0; i < p->total; i++) df[i] += self->work[i];
  return KD_OK;
}

static kd_status unsplit_space_rate(void *context, double t, const double *f, double *df) {
  kd_propagator *p = context;
  struct kd_unsplit_space *self = p->unsplit_space;
  double force[3];
  kd_field_value(p->field, t, force);
  for (int d = 0; d < 3; d++) force[d] *= kd_model_charge(p->model);
  kinetic_rate(p, force, f, df);
  KD_TRY(add_potential_rate(p, t, force, f, df));
  if (!self->scattering) return KD_OK;
  KD_TRY(kd_scattering_rates(self->scattering, f, self->work));
  for (size_t i = 0; i < p->total; i++) df[i] += self->work[i];
  return KD_OK;
}

/// charge E.(sum over the box of Tr(v f)).
static kd_status unsplit_space_power(void *context, double t, const double *f, double *power) {
  kd_propagator *p = context;
  double e[3];
  kd_field_value(p->field, t, e);
  *power = 0;
  for (size_t d = 0; d < kd_model_n_dim(p->model); d++)
    for (size_t r = 0; r < p->n_r && e[d] != 0; r++)
      *power += e[d] * kd_dot(p->unsplit_space->v[d], f + r * p->n, p->n);
  *power *= kd_model_charge(p->model) * kd_model_spin_degeneracy(p->model) / (double)p->n_k *
            kd_space_element(p->space) / kd_model_cell_volume(p->model);
  return KD_OK;
}

static kd_status unsplit_space_state(kd_propagator *p, double t, const double *y, kd_state *state) {
  (void)t;
  if (y != state->f) memcpy(state->f, y, p->total * sizeof *y);
  state->shift[0] = state->shift[1] = state->shift[2] = 0;
  return KD_OK;
}

static kd_status unsplit_space_settle(kd_propagator *p, bool *must_restart) {
  (void)p;
  *must_restart = false;
  return KD_OK;
}

static kd_status unsplit_space_kick(kd_propagator *p, const double impulse[3]) {
  struct kd_unsplit_space *self = p->unsplit_space;
  return kd_phase_space_kick(self->flow, kd_space_comm(p->space), impulse, p->has_positions,
                             p->rtol, p->atol, p->total, kd_integrator_unknowns(p->integrator),
                             self->scratch);
}

static void unsplit_space_cost(const kd_propagator *p, kd_propagator_statistics *statistics) {
  statistics->ffts += p->unsplit_space->n_fft;
  if (p->unsplit_space->flow) statistics->ffts += kd_phase_space_n_fft(p->unsplit_space->flow);
}

static size_t unsplit_space_bytes(const kd_propagator *p) {
  const struct kd_unsplit_space *self = p->unsplit_space;
  size_t bytes = kd_differences_bytes(self->potential) +
                 (kd_integrator_n_vector(p->method) + 1) * p->total * sizeof(double);
  bytes += (self->n_q * p->n + BATCH * p->n_r) * sizeof(double complex);
  bytes += kd_model_n_dim(p->model) * p->n * sizeof(double);
  bytes += (self->h.stride > 0 ? self->n_q : 1) * 2 * p->n * sizeof(double);
  for (int d = 0; d < 3 && self->r[d].field; d++)
    bytes += (self->r[d].stride > 0 ? self->n_q : 1) * 2 * p->n * sizeof(double);
  if (self->scattering) bytes += kd_scattering_bytes(self->scattering);
  if (self->flow) bytes += kd_phase_space_bytes(self->flow) + 2 * p->total * sizeof(double);
  return bytes;
}

const kd_scheme kd_scheme_unsplit_space = {.name = "unsplit",
                                           .in_space = true,
                                           .create = unsplit_space_create,
                                           .free = unsplit_space_free,
                                           .n_unknown = unsplit_space_n_unknown,
                                           .tolerance_factor = 0.02,
                                           .rate = unsplit_space_rate,
                                           .power = unsplit_space_power,
                                           .state = unsplit_space_state,
                                           .settle = unsplit_space_settle,
                                           .kick = unsplit_space_kick,
                                           .cost = unsplit_space_cost,
                                           .bytes = unsplit_space_bytes};
