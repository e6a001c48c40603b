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
/// convolution is zero-padded, and only the rows that hold something are transformed.
///
/// Since K^>_q(x) = K^<_{-q}(-x) and forms and dispersions are even in q, the coefficients of T^>
/// are the conjugates of those of T^<. With c_j = a_j + i b_j for T^<, one pass sums A with a_j and
/// B with b_j, and T^< = A + iB, T^> = A - iB.
///
/// An FFT of this size is fast, so the local parts must be too: k is handled KD_LANES at a time,
/// with real and imaginary parts in vectors of their own, and several tau at a time, so that what
/// belongs to a k is loaded once for all of them.
///
/// Here are the tables, the parts that are local in k' and the sharing among processes;
/// fft_convolution.c and fft_sums.c have the convolutions.
#include "collision/fft.h"

#include <limits.h>
#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <string.h>

#include "core/comm.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"

static kd_fast *from(kd_self_energy *self) {
  return (kd_fast *)self;
}

/// What apply() writes to.
static void free_scratch(kd_fast *self) {
  for (size_t i = 0; i < self->n_group && self->group; i++) kd_free(self->group[i].coefficient);
  kd_free(self->group);
  for (int i = 0; i < self->n_thread; i++) {
    if (self->phase) kd_free(self->phase[i]);
    if (self->partial) kd_free(self->partial[i]);
  }
  kd_free(self->phase);
  kd_free(self->partial);
  kd_free(self->strip);
  kd_free(self->sum);
  kd_free(self->y);
  kd_free(self->field);
  kd_free(self->second);
  kd_free(self->t);
}

static void fast_free(kd_self_energy *object) {
  kd_fast *self = from(object);
  if (!self) return;
  for (size_t i = 0; i < self->n_group && self->group && !self->is_clone; i++) {
    kd_fast_group *g = &self->group[i];
    for (size_t c = 0; c < g->n_channel && g->outer; c++) kd_free(g->outer[c]);
    for (size_t f = 0; f < g->n_shape && g->shape; f++) kd_free(g->shape[f].transform);
    kd_vertex_channels_free(g->channel, g->n_channel);
    kd_free(g->outer);
    kd_free(g->shape);
    kd_free(g->bath);
    kd_free(g->index);
    kd_free(g->which);
    kd_free(g->dispersive);
  }
  free_scratch(self);
  if (self->is_clone) {
    kd_free(self);
    return;
  }
  kd_series_clear(&self->series);
  for (int axis = 0; axis < 3; axis++) {
    if (self->forward[axis]) fftw_destroy_plan(self->forward[axis]);
    if (self->backward[axis]) fftw_destroy_plan(self->backward[axis]);
  }
  kd_free(self->rows.rotation);
  kd_free(self->flat.rotation);
  kd_free(self->n_send);
  kd_free(self->n_receive);
  kd_free(self->outgoing);
  kd_free(self->incoming);
  kd_free(self->gathered);
  kd_free(self);
}

// --- blocks of k and their phases ---------------------------------------------------------------

kd_status kd_fast_blocks_create(const kd_fast *self, size_t length, kd_fast_blocks *b) {
  kd_status status = KD_OK;
  b->length = length;
  b->per_row = (length + KD_LANES - 1) / KD_LANES;
  b->count = self->n_k / length * b->per_row;
  KD_ALLOCATE(b->rotation, b->count * self->setting.n_piece);
  for (size_t i = 0; i < b->count; i++)
    for (size_t p = 0; p < self->setting.n_piece; p++) {
      const double *energy = self->setting.energy + p * self->n_k + kd_fast_first_k(b, i);
      kd_lanes turn = {0};
      for (size_t l = 0; l < kd_fast_width(b, i); l++) turn[l] = -energy[l] / self->series.period;
      b->rotation[i * self->setting.n_piece + p] =
          (kd_fast_rotation){.turn = turn, .unit = kd_zlanes_cis(turn)};
    }

cleanup:
  return status;
}

static double complex phase_at(const kd_fast *self, size_t k, const double place[3]) {
  double x[3];
  kd_model_k(self->setting.model, k, x);
  const double angle = x[0] * place[0] + x[1] * place[1] + x[2] * place[2];
  return cos(angle) + I * sin(angle);
}

/// The channels of a group and the phases outside them.
static kd_status find_channels(const kd_fast *self, const kd_vertex *vertex, kd_fast_group *g) {
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
static size_t find_shape(const kd_fast *self, kd_fast_group *g, const kd_bath *bath) {
  for (size_t f = 0; f < g->n_shape; f++) {
    const double *form = g->shape[f].form;
    if (form == bath->form ||
        (form && bath->form && memcmp(form, bath->form, self->n_difference * sizeof *form) == 0))
      return f;
  }
  g->shape[g->n_shape].form = bath->form;
  return g->n_shape++;
}

static kd_status make_groups(kd_fast *self) {
  kd_status status = KD_OK;
  const kd_self_energy_setting *s = &self->setting;
  KD_ALLOCATE(self->group, s->n_bath);
  for (size_t b = 0; b < s->n_bath; b++) {
    const kd_bath *bath = &s->bath[b];
    kd_fast_group *g = NULL;
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

/// The coefficients of the shapes, with the kernels displaced for `beta`.
static void set_coefficients(const kd_fast *self, kd_fast_group *g, double beta) {
  memset(g->coefficient, 0, self->n_sum * g->n_shape * sizeof *g->coefficient);
  for (size_t b = 0; b < g->n_bath; b++) {
    if (g->which[b] == SIZE_MAX) continue;
    const double angle = 2 * M_PI * kd_bath_shift(g->bath[b], beta) / self->series.period;
    const double complex *c = kd_fast_series_of(self, g->index[b], 0);
    for (size_t i = 0; i < self->n_sum; i++) {
      const double a = angle * (double)(self->first + (long)i);
      g->coefficient[i * g->n_shape + g->which[b]] +=
          kd_fast_share(self, i) * c[i] * (angle != 0 ? cos(a) + I * sin(a) : 1);
    }
  }
}

// --- life ---------------------------------------------------------------------------------------

/// Largest number of channels of the groups with (convolved) and without FFTs.
static void count_channels(const kd_fast *self, size_t *n_convolved, size_t *n_local) {
  *n_convolved = *n_local = 0;
  for (size_t i = 0; i < self->n_group; i++) {
    const kd_fast_group *g = &self->group[i];
    size_t *most = g->is_local ? n_local : n_convolved;
    *most = g->n_channel > *most ? g->n_channel : *most;
  }
}

/// y and the phases.
static kd_status allocate_blocks(kd_fast *self, size_t n_convolved, size_t n_local) {
  kd_status status = KD_OK;
  const size_t n_y = n_convolved * self->rows.count, n_y_local = n_local * self->flat.count;
  KD_ALLOCATE(self->y, self->setting.n_piece * (n_y > n_y_local ? n_y : n_y_local));
  KD_ALLOCATE(self->phase, (size_t)self->n_thread);
  for (int i = 0; i < self->n_thread; i++)
    KD_ALLOCATE(self->phase[i], self->setting.n_piece * KD_FAST_LONG_BATCH);

cleanup:
  return status;
}

static kd_status fast_create(const kd_self_energy_setting *setting, kd_self_energy **result) {
  kd_status status = KD_OK;
  kd_fast *self = NULL;
  *result = NULL;
  KD_ALLOCATE(self, 1);
  self->setting = *setting;
  self->n_band = kd_model_n_band(setting->model);
  self->n_k = kd_model_n_k(setting->model);
  kd_layout_create(setting->model, &self->layout);
  self->volume = self->layout.volume;
  self->n_difference = self->layout.m[0] * self->layout.m[1] * self->layout.m[2];
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
  self->first = self->sums_half ? 0 : -(long)self->series.n_half;
  self->n_sum = (size_t)((long)self->series.n_half - self->first) + 1;
  KD_CHECK(make_groups(self));
  size_t n_convolved, n_local;
  count_channels(self, &n_convolved, &n_local);
  for (size_t i = 0; i < self->n_group; i++)
    KD_ALLOCATE(self->group[i].coefficient, self->n_sum * self->group[i].n_shape);
  if (n_convolved > 0) KD_CHECK(kd_fast_create_convolutions(self, n_convolved));
  if (n_local > 0) KD_CHECK(kd_fast_create_sums(self, n_local));
  KD_CHECK(allocate_blocks(self, n_convolved, n_local));
  *result = (kd_self_energy *)self;
  self = NULL;

cleanup:
  fast_free((kd_self_energy *)self);
  return status;
}

static kd_status fast_clone(const kd_self_energy *object, kd_self_energy **result) {
  kd_status status = KD_OK;
  const kd_fast *original = (const kd_fast *)object;
  kd_fast *self = NULL;
  size_t n_convolved, n_local;
  *result = NULL;
  KD_ALLOCATE(self, 1);
  *self = *original;
  self->is_clone = true;
  self->n_thread = 1;
  self->n_fft = 0;
  self->group = NULL;
  self->y = NULL;
  self->phase = self->partial = NULL;
  self->field = self->second = NULL;
  self->t = NULL;
  self->strip = self->sum = NULL;
  self->comm = NULL;
  self->n_send = self->n_receive = NULL;
  self->outgoing = self->incoming = self->gathered = NULL;
  KD_ALLOCATE(self->group, self->n_group);
  for (size_t i = 0; i < self->n_group; i++) {
    kd_fast_group *g = &self->group[i];
    *g = original->group[i];
    g->coefficient = NULL;
  }
  for (size_t i = 0; i < self->n_group; i++)
    KD_ALLOCATE(self->group[i].coefficient, self->n_sum * self->group[i].n_shape);
  count_channels(self, &n_convolved, &n_local);
  if (n_convolved > 0) {
    KD_ALLOCATE(self->field, self->n_batch * n_convolved * self->volume);
    if (original->second) KD_ALLOCATE(self->second, self->n_batch * n_convolved * self->volume);
    KD_ALLOCATE(self->t, self->rows.count * n_convolved * self->setting.n_piece);
  }
  if (n_local > 0) KD_CHECK(kd_fast_allocate_sums(self, n_local));
  KD_CHECK(allocate_blocks(self, n_convolved, n_local));
  *result = (kd_self_energy *)self;
  self = NULL;

cleanup:
  fast_free((kd_self_energy *)self);
  return status;
}

// --- many processes -----------------------------------------------------------------------------
//
// Terms are shared out for what needs all k, the convolutions and the sums over k', and k for what
// needs all terms. Every number is made of the same ones in the same order as in one process, so
// that results do not depend on how many there are: CVODE would turn differences in the last digit
// into steps that differ in the fourth.

static const kd_fast_blocks *shared_blocks(const kd_fast *self) {
  return self->rows.count > 0 ? &self->rows : &self->flat;
}

static void k_of(const kd_fast *self, size_t rank, size_t *first, size_t *end) {
  const kd_fast_blocks *b = shared_blocks(self);
  size_t block, count;
  kd_comm_part(self->comm, rank, b->count, &block, &count);
  *first = block < b->count ? kd_fast_first_k(b, block) : self->n_k;
  *end = block + count < b->count ? kd_fast_first_k(b, block + count) : self->n_k;
}

static kd_status fast_share(kd_self_energy *object, const kd_comm *comm) {
  kd_status status = KD_OK;
  kd_fast *self = from(object);
  if (kd_comm_size(comm) == 1) return KD_OK;
  self->comm = comm;
  self->n_process = kd_comm_size(comm);
  self->rank = kd_comm_rank(comm);
  kd_comm_part(comm, self->rank, shared_blocks(self)->count, &self->first_block, &self->n_own);
  k_of(self, self->rank, &self->first_k, &self->end_k);
  KD_ALLOCATE(self->n_send, self->n_process);
  KD_ALLOCATE(self->n_receive, self->n_process);
  const size_t n_element = self->setting.n_piece * self->n_band * self->n_band;
  KD_ALLOCATE(self->gathered, 2 * n_element * self->n_k);
  if (self->rows.count > 0) {
    const size_t of_term = (self->second ? 2 : 1) * self->n_convolved * KD_LANES;
    KD_ALLOCATE(self->outgoing, self->n_batch * of_term * self->rows.count);
    KD_ALLOCATE(self->incoming, self->n_process * self->n_batch * of_term * self->n_own);
    if (2 * self->n_process * self->n_batch * of_term * (self->n_own + 1) > INT_MAX)
      status = kd_error(KD_ERROR_MEMORY, "%zu processes exchange more than %d numbers at a time",
                        self->n_process, INT_MAX);
  }
  if (4 * n_element * self->n_k > INT_MAX)
    status = kd_error(KD_ERROR_MEMORY, "%zu self-energies for one message (expected at most %d)",
                      4 * n_element * self->n_k, INT_MAX);

cleanup:
  return status;
}

/// Brings T of all k to all processes.
static void gather_t(const kd_fast *self, double complex *const t[2]) {
  const size_t n_row = self->setting.n_piece * self->n_band * self->n_band;
  const size_t n_order = (t[0] ? 1u : 0u) + (t[1] ? 1u : 0u);
  // First the own part to its place, then those of the others from theirs.
  for (int is_there = 0; is_there < 2; is_there++) {
    double complex *place = self->gathered;
    for (size_t process = 0; process < self->n_process; process++) {
      size_t first, end;
      k_of(self, process, &first, &end);
      self->n_receive[process] = (int)(2 * n_order * n_row * (end - first));
      for (int order = 0; order < 2; order++)
        for (size_t row = 0; row < n_row && t[order]; row++, place += end - first) {
          double complex *here = t[order] + row * self->n_k + first;
          if (is_there && process != self->rank) memcpy(here, place, (end - first) * sizeof *place);
          if (!is_there && process == self->rank)
            memcpy(place, here, (end - first) * sizeof *place);
        }
    }
    if (!is_there) kd_comm_gather(self->comm, (double *)self->gathered, self->n_receive);
  }
}

// --- apply --------------------------------------------------------------------------------------

/// y[block][c][p]: the channels of sum_a M_a G_p M_a^dagger, without their outer phases.
static void apply_vertices(kd_fast *self, const kd_fast_group *g, const kd_fast_blocks *b,
                           const double complex *field) {
  const size_t n_k = self->n_k, n = self->n_band * self->n_band, n_piece = self->setting.n_piece;
  const bool has_phases = g->bath[0]->vertex.has_phases;
#pragma omp parallel for schedule(static)                                                          \
    num_threads(self->n_thread) if (KD_WORTH_THREADS(n_piece * n * n_k))
  for (size_t block = 0; block < b->count; block++) {
    const size_t k = kd_fast_first_k(b, block), width = kd_fast_width(b, block);
    for (size_t c = 0; c < g->n_channel; c++) {
      const kd_vertex_channel *channel = &g->channel[c];
      kd_zlanes *y = self->y + (block * g->n_channel + c) * n_piece;
      memset(y, 0, n_piece * sizeof *y);
      for (size_t s = 0; s < channel->n_source; s++) {
        const kd_vertex_source *source = &channel->source[s];
        double complex weight[KD_LANES];
        for (size_t l = 0; l < KD_LANES; l++)
          weight[l] =
              source->weight * (has_phases && l < width ? phase_at(self, k + l, source->inner) : 1);
        for (size_t p = 0; p < n_piece; p++) {
          const kd_zlanes term = kd_zlanes_times(
              kd_zlanes_load(weight),
              kd_zlanes_load_some(field + (p * n + source->element) * n_k + k, width));
          y[p].re += term.re;
          y[p].im += term.im;
        }
      }
    }
  }
}

/// t += t^dagger for every piece and k.
static void add_adjoint(const kd_fast *self, double complex *t) {
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
  kd_fast *self = from(object);
  const size_t total = self->setting.n_piece * self->n_band * self->n_band * self->n_k;
  double complex *const t[2] = {t_lesser, t_greater};
  for (int order = 0; order < 2; order++)
    if (t[order]) memset(t[order], 0, total * sizeof *t[order]);
  for (size_t i = 0; i < self->n_group; i++) {
    kd_fast_group *own = &self->group[i];
    set_coefficients(self, own, beta);
    apply_vertices(self, own, own->is_local ? &self->flat : &self->rows, g);
    if (own->is_local)
      kd_fast_sum(self, own, t);
    else
      kd_fast_convolve(self, own, t);
  }
  if (self->comm) gather_t(self, t);
  for (int order = 0; order < 2 && self->sums_half; order++)
    if (t[order]) add_adjoint(self, t[order]);
  return KD_OK;
}

static unsigned long fast_n_fft(const kd_self_energy *self) {
  return ((const kd_fast *)self)->n_fft;
}

static size_t fast_bytes(const kd_self_energy *object) {
  const kd_fast *self = (const kd_fast *)object;
  const size_t n_piece = self->setting.n_piece, n_thread = (size_t)self->n_thread;
  size_t n_convolved, n_local, bytes = n_thread * n_piece * KD_FAST_LONG_BATCH * sizeof(kd_zlanes);
  count_channels(self, &n_convolved, &n_local);
  for (size_t i = 0; i < self->n_group; i++) {
    const kd_fast_group *g = &self->group[i];
    bytes += self->n_sum * g->n_shape * sizeof *g->coefficient;
    if (self->is_clone) continue;
    if (!g->is_local) bytes += g->n_shape * self->volume * sizeof *g->shape->transform;
    if (g->dispersive) bytes += self->n_sum * 2 * self->volume * sizeof *g->dispersive;
    for (size_t c = 0; c < g->n_channel; c++)
      if (g->outer[c]) bytes += self->n_k * sizeof **g->outer;
  }
  const size_t n_y = n_convolved * self->rows.count, n_y_local = n_local * self->flat.count;
  bytes += n_piece * (n_y > n_y_local ? n_y : n_y_local) * sizeof *self->y;
  if (!self->is_clone)
    bytes += n_piece * (self->rows.count + self->flat.count) * sizeof(kd_fast_rotation);
  bytes += n_piece * n_y * sizeof *self->t;
  bytes +=
      (self->second ? 2 : 1) * self->n_batch * n_convolved * self->volume * sizeof *self->field;
  bytes += n_local * self->n_sum *
           (n_thread * sizeof(kd_zlanes) + (self->n_strip + 2) * sizeof(double complex));
  return bytes + (self->is_clone ? 0 : kd_series_bytes(&self->series));
}

double kd_self_energy_fft_cost(const kd_self_energy *object) {
  // Nanoseconds per operation of the local parts, without and with fields, and of an FFT, and of
  // starting one.
  const double local = 0.015, field = 0.02, transform = 0.025, start = 40;
  const kd_fast *self = (const kd_fast *)object;
  double cost = 0;
  for (size_t i = 0; i < self->n_group; i++) {
    const kd_fast_group *g = &self->group[i];
    const double n_c = (double)g->n_channel, n_q = (double)self->n_difference;
    const double points = (double)(KD_LANES * (g->is_local ? self->flat.count : self->rows.count)) *
                          (double)self->setting.n_piece;
    if (g->is_local)
      cost += local * points * (18 + 24 * n_c);
    else
      cost += field * points * (18 + 22 * n_c) +
              n_c * (kd_fast_is_single(g) ? 2 : 3) * (start + transform * 5 * n_q * log2(n_q));
  }
  return cost * (double)self->n_sum;
}

const kd_self_energy_kind kd_self_energy_fft = {.name = "fft",
                                                .create = fast_create,
                                                .free = fast_free,
                                                .clone = fast_clone,
                                                .share = fast_share,
                                                .apply = fast_apply,
                                                .n_fft = fast_n_fft,
                                                .bytes = fast_bytes};
