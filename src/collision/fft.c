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
#include <fftw3.h>
#include <limits.h>
#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <string.h>

#include "collision/layout.h"
#include "collision/self_energy.h"
#include "collision/series.h"
#include "core/comm.h"
#include "core/error.h"
#include "core/lanes.h"
#include "core/memory.h"
#include "core/parallel.h"

/// A and B.
typedef struct ab {
  kd_zlanes a, b;
} ab;

/// Number of tau that a pass over k handles: at most BATCH, fewer where their fields would take
/// more than BATCH_BYTES, but not below SMALL_BATCH.
enum { BATCH = 16, SMALL_BATCH = 4, BATCH_BYTES = 2 << 20 };
/// The same where there are no fields.
enum { LONG_BATCH = 32 };
/// Plain sums over k are made of at most so many partial sums, each over at least so many points:
/// fixed, so that results do not depend on the number of threads.
enum { N_STRIP = 16, STRIP_POINTS = 128 };
/// Blocks that stay in the cache while the terms of the series pass over them.
enum { CHUNK = 64 / KD_LANES };
/// Elements of a transformed kernel that are summed at a time.
enum { PANEL = 512 };

/// How the phase e^{-i e tau_j} of a piece changes from j to j + 1.
typedef struct rotation {
  kd_lanes turn;  ///< -e/X
  kd_zlanes unit; ///< e^{2 pi i turn}
} rotation;

/// k in blocks of KD_LANES, a row of the grid beginning a new block.
typedef struct blocks {
  size_t length, per_row, count; ///< points and blocks of a row, all blocks
  rotation *rotation;            ///< [count][n_piece]
} blocks;

/// The dependence of a kernel on q where its energy dependence is the same for every q: form_q
/// times the series, so that one transform of the form serves every tau.
typedef struct shape {
  const double *form; ///< of the baths; NULL: 1
  double *transform;  ///< over q, real because the form is even, normalized, [volume]
} shape;

/// Baths with the same vertices.
typedef struct group {
  const kd_bath **bath;
  size_t *index; ///< of the bath in the series
  size_t *which; ///< its shape; SIZE_MAX: it is dispersive
  size_t n_bath;
  bool is_local; ///< the kernels do not depend on q
  size_t n_channel;
  kd_vertex_channel *channel;
  double complex **outer; ///< e^{ik.outer} of a channel, [n_k]; NULL: 1
  size_t n_shape;
  shape *shape;
  double complex *coefficient; ///< of the shapes, [n_sum][n_shape] (local: one shape)
  double *dispersive; ///< a and b, transformed over q, normalized, [n_sum][2][volume]; NULL: none
} group;

typedef struct fast {
  bool is_clone; ///< plans and tables, but not what apply() writes to, belong to another
  kd_self_energy_setting setting;
  kd_series series;
  size_t n_band, n_k, n_difference;
  long first;   ///< first j of the sums over tau
  size_t n_sum; ///< terms from there to J
  group *group;
  size_t n_group;
  int n_thread;
  kd_zlanes *y;      ///< [block][n_channel][n_piece]
  kd_zlanes **phase; ///< per thread, [LONG_BATCH][n_piece]
  bool sums_half;    ///< tau >= 0 only
  unsigned long n_fft;

  // Groups with FFTs.
  blocks rows;
  kd_layout layout;
  size_t volume, n_batch, n_convolved; ///< volume: of the layout; channels of a group at most
  fftw_plan forward[3], backward[3];   ///< along each axis; NULL where there is one point
  double complex *field, *second;      ///< [n_batch][n_channel][volume]; second: NULL if not used
  ab *t;                               ///< [block][n_channel][n_piece]

  // Groups without.
  blocks flat;
  size_t n_strip;
  kd_zlanes **partial;   ///< per thread, [n_channel][n_sum + 1]: sums over k, then T of a block
  double complex *strip; ///< [n_strip][n_channel][n_sum]
  double complex *sum;   ///< [n_channel][2 (lesser, greater)][n_sum]

  // Many processes.
  const kd_comm *comm; ///< NULL: one
  size_t n_process, rank;
  size_t first_block, n_own;           ///< blocks of this process, of rows or else flat
  size_t first_k, end_k;               ///< and their k
  int *n_send, *n_receive;             ///< [n_process]
  double complex *outgoing, *incoming; ///< fields of some terms: all blocks, own blocks
  double complex *gathered;            ///< T of all processes
} fast;

static fast *from(kd_self_energy *self) {
  return (fast *)self;
}

/// What apply() writes to.
static void free_scratch(fast *self) {
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
  fast *self = from(object);
  if (!self) return;
  for (size_t i = 0; i < self->n_group && self->group && !self->is_clone; i++) {
    group *g = &self->group[i];
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

// --- lanes
// -----------------------------------------------------------------------------------------

static inline double total(kd_lanes x) {
  double sum = 0;
  for (int i = 0; i < KD_LANES; i++) sum += x[i];
  return sum;
}

/// The first `count` of KD_LANES complex numbers, the others are 0.
static inline kd_zlanes load_some(const double complex *z, size_t count) {
  if (count == KD_LANES) return kd_zlanes_load(z);
  double complex some[KD_LANES] = {0};
  memcpy(some, z, count * sizeof *z);
  return kd_zlanes_load(some);
}

static inline void store_some(double complex *z, size_t count, kd_zlanes x) {
  if (count == KD_LANES) {
    kd_zlanes_store(z, x);
    return;
  }
  double complex some[KD_LANES];
  kd_zlanes_store(some, x);
  memcpy(z, some, count * sizeof *z);
}

// --- blocks of k and their phases ---------------------------------------------------------------

static size_t blocks_first(const blocks *b, size_t block) {
  return block / b->per_row * b->length + block % b->per_row * KD_LANES;
}

static size_t blocks_width(const blocks *b, size_t block) {
  const size_t left = b->length - block % b->per_row * KD_LANES;
  return left < KD_LANES ? left : KD_LANES;
}

static kd_status blocks_create(const fast *self, size_t length, blocks *b) {
  kd_status status = KD_OK;
  b->length = length;
  b->per_row = (length + KD_LANES - 1) / KD_LANES;
  b->count = self->n_k / length * b->per_row;
  KD_ALLOCATE(b->rotation, b->count * self->setting.n_piece);
  for (size_t i = 0; i < b->count; i++)
    for (size_t p = 0; p < self->setting.n_piece; p++) {
      const double *energy = self->setting.energy + p * self->n_k + blocks_first(b, i);
      kd_lanes turn = {0};
      for (size_t l = 0; l < blocks_width(b, i); l++) turn[l] = -energy[l] / self->series.period;
      b->rotation[i * self->setting.n_piece + p] =
          (rotation){.turn = turn, .unit = kd_zlanes_cis(turn)};
    }

cleanup:
  return status;
}

/// e^{-i e tau} of the pieces of one block for `count` tau from tau_j on. They follow from one
/// another by multiplication, in two chains so that they need not wait for each other.
static inline void fill_phases(const rotation *r, size_t n_piece, long j, size_t count,
                               kd_zlanes *phase) {
  for (size_t p = 0; p < n_piece; p++) {
    const kd_zlanes unit = r[p].unit, two = kd_zlanes_times(unit, unit);
    kd_zlanes even = kd_zlanes_cis((double)j * r[p].turn), odd = kd_zlanes_times(even, unit);
    for (size_t i = 0; i < count; i += 2) {
      phase[i * n_piece + p] = even;
      phase[(i + 1) * n_piece + p] = odd;
      even = kd_zlanes_times(even, two);
      odd = kd_zlanes_times(odd, two);
    }
  }
}

/// z + sum_p phase_p y_p
static inline kd_zlanes gather(const kd_zlanes *phase, const kd_zlanes *y, size_t n_piece,
                               kd_zlanes z) {
  for (size_t p = 0; p < n_piece; p++) {
    z.re += phase[p].re * y[p].re - phase[p].im * y[p].im;
    z.im += phase[p].re * y[p].im + phase[p].im * y[p].re;
  }
  return z;
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

/// Coefficients of T^< of one bath for phonon energy `w`, from the first j that is summed on.
static const double complex *series_of(const fast *self, size_t bath, size_t w) {
  const long n_half = (long)self->series.n_half;
  return self->series.coefficient[bath] + (2 * w + KD_LESSER) * (2 * self->series.n_half + 1) +
         (self->first + n_half);
}

/// The term of tau = 0 is its own adjoint and is shared with it in half sums.
static double share(const fast *self, size_t i) {
  return self->sums_half && i == 0 ? 0.5 : 1;
}

/// The coefficients of the shapes, with the kernels displaced for `beta`.
static void set_coefficients(const fast *self, group *g, double beta) {
  memset(g->coefficient, 0, self->n_sum * g->n_shape * sizeof *g->coefficient);
  for (size_t b = 0; b < g->n_bath; b++) {
    if (g->which[b] == SIZE_MAX) continue;
    const double angle = 2 * M_PI * kd_bath_shift(g->bath[b], beta) / self->series.period;
    const double complex *c = series_of(self, g->index[b], 0);
    for (size_t i = 0; i < self->n_sum; i++) {
      const double a = angle * (double)(self->first + (long)i);
      g->coefficient[i * g->n_shape + g->which[b]] +=
          share(self, i) * c[i] * (angle != 0 ? cos(a) + I * sin(a) : 1);
    }
  }
}

// --- fields and their transforms ----------------------------------------------------------------

static size_t block_place(const fast *self, size_t block) {
  return kd_layout_row(&self->layout, block / self->rows.per_row) +
         block % self->rows.per_row * KD_LANES;
}

/// The factor of the convolution and of a transform forth and back.
static double norm(const fast *self) {
  return 1 / ((double)self->n_k * (double)self->n_difference);
}

static kd_status prepare_shapes(const fast *self, const fftw_plan whole[3], group *g) {
  kd_status status = KD_OK;
  double complex *field = self->field;
  for (size_t f = 0; f < g->n_shape; f++) {
    KD_ALLOCATE(g->shape[f].transform, self->volume);
    memset(field, 0, self->volume * sizeof *field);
    for (size_t q = 0; q < self->n_difference; q++)
      field[kd_layout_difference(&self->layout, q)] = g->shape[f].form ? g->shape[f].form[q] : 1;
    kd_layout_from_points(whole, field);
    for (size_t r = 0; r < self->volume; r++)
      g->shape[f].transform[r] = norm(self) * creal(field[r]);
  }

cleanup:
  return status;
}

static bool has_dispersion(const group *g) {
  for (size_t i = 0; i < g->n_bath; i++)
    if (g->which[i] == SIZE_MAX) return true;
  return false;
}

static kd_status prepare_dispersive(const fast *self, const fftw_plan whole[3], group *g) {
  kd_status status = KD_OK;
  const int n_field = self->n_thread < (int)self->n_batch ? self->n_thread : (int)self->n_batch;
  KD_ALLOCATE(g->dispersive, self->n_sum * 2 * self->volume);
#pragma omp parallel for schedule(static) num_threads(n_field)
  for (size_t i = 0; i < self->n_sum; i++) {
    double complex *field = self->field + (size_t)omp_get_thread_num() * self->volume;
    memset(field, 0, self->volume * sizeof *field);
    for (size_t b = 0; b < g->n_bath; b++) {
      const kd_bath *bath = g->bath[b];
      if (!bath->energy) continue;
      for (size_t q = 0; q < self->n_difference; q++)
        field[kd_layout_difference(&self->layout, q)] +=
            share(self, i) * (bath->form ? bath->form[q] : 1) *
            series_of(self, g->index[b], self->series.which[g->index[b]][q])[i];
    }
    // Both are even in q: the transform of a is real, that of ib imaginary.
    kd_layout_from_points(whole, field);
    double *a = g->dispersive + 2 * i * self->volume, *b = a + self->volume;
    for (size_t r = 0; r < self->volume; r++) {
      a[r] = norm(self) * creal(field[r]);
      b[r] = norm(self) * cimag(field[r]);
    }
  }

cleanup:
  return status;
}

/// All kernels of the group have one dependence on q.
static bool is_single(const group *g) {
  return g->n_shape == 1 && !g->dispersive;
}

static kd_status create_convolutions(fast *self, size_t n_channel) {
  kd_status status = KD_OK;
  fftw_plan whole[3] = {NULL};
  bool needs_second = false;
  KD_CHECK(blocks_create(self, self->layout.row_length, &self->rows));
  self->n_convolved = n_channel;
  self->n_batch = BATCH_BYTES / (n_channel * self->volume * sizeof *self->field);
  if (self->n_batch < SMALL_BATCH) self->n_batch = SMALL_BATCH;
  if (self->n_batch > BATCH) self->n_batch = BATCH;
  KD_ALLOCATE(self->field, self->n_batch * n_channel * self->volume);
  KD_ALLOCATE(self->t, self->rows.count * n_channel * self->setting.n_piece);
  const kd_layout *layout = &self->layout;
  KD_CHECK(kd_layout_plan(layout, layout->n, FFTW_FORWARD, self->field, self->forward));
  KD_CHECK(kd_layout_plan(layout, layout->n, FFTW_BACKWARD, self->field, self->backward));
  KD_CHECK(kd_layout_plan(layout, layout->m, FFTW_FORWARD, self->field, whole));
  for (size_t i = 0; i < self->n_group; i++) {
    group *g = &self->group[i];
    if (g->is_local) continue;
    KD_CHECK(prepare_shapes(self, whole, g));
    if (has_dispersion(g)) KD_CHECK(prepare_dispersive(self, whole, g));
    needs_second = needs_second || !is_single(g);
  }
  if (needs_second) KD_ALLOCATE(self->second, self->n_batch * n_channel * self->volume);

cleanup:
  for (int axis = 0; axis < 3; axis++)
    if (whole[axis]) fftw_destroy_plan(whole[axis]);
  return status;
}

static kd_status allocate_sums(fast *self, size_t n_channel) {
  kd_status status = KD_OK;
  KD_ALLOCATE(self->strip, self->n_strip * n_channel * self->n_sum);
  KD_ALLOCATE(self->sum, 2 * n_channel * self->n_sum);
  KD_ALLOCATE(self->partial, (size_t)self->n_thread);
  for (int i = 0; i < self->n_thread; i++)
    KD_ALLOCATE(self->partial[i], n_channel * (self->n_sum + 1));

cleanup:
  return status;
}

static kd_status create_sums(fast *self, size_t n_channel) {
  KD_TRY(blocks_create(self, self->n_k, &self->flat));
  self->n_strip = self->n_k / STRIP_POINTS;
  if (self->n_strip < 1) self->n_strip = 1;
  if (self->n_strip > N_STRIP) self->n_strip = N_STRIP;
  return allocate_sums(self, n_channel);
}

/// Largest number of channels of the groups with (convolved) and without FFTs.
static void count_channels(const fast *self, size_t *n_convolved, size_t *n_local) {
  *n_convolved = *n_local = 0;
  for (size_t i = 0; i < self->n_group; i++) {
    const group *g = &self->group[i];
    size_t *most = g->is_local ? n_local : n_convolved;
    *most = g->n_channel > *most ? g->n_channel : *most;
  }
}

/// y and the phases.
static kd_status allocate_blocks(fast *self, size_t n_convolved, size_t n_local) {
  kd_status status = KD_OK;
  const size_t n_y = n_convolved * self->rows.count, n_y_local = n_local * self->flat.count;
  KD_ALLOCATE(self->y, self->setting.n_piece * (n_y > n_y_local ? n_y : n_y_local));
  KD_ALLOCATE(self->phase, (size_t)self->n_thread);
  for (int i = 0; i < self->n_thread; i++)
    KD_ALLOCATE(self->phase[i], self->setting.n_piece * LONG_BATCH);

cleanup:
  return status;
}

static kd_status fast_create(const kd_self_energy_setting *setting, kd_self_energy **result) {
  kd_status status = KD_OK;
  fast *self = NULL;
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
  if (n_convolved > 0) KD_CHECK(create_convolutions(self, n_convolved));
  if (n_local > 0) KD_CHECK(create_sums(self, n_local));
  KD_CHECK(allocate_blocks(self, n_convolved, n_local));
  *result = (kd_self_energy *)self;
  self = NULL;

cleanup:
  fast_free((kd_self_energy *)self);
  return status;
}

static kd_status fast_clone(const kd_self_energy *object, kd_self_energy **result) {
  kd_status status = KD_OK;
  const fast *original = (const fast *)object;
  fast *self = NULL;
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
    group *g = &self->group[i];
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
  if (n_local > 0) KD_CHECK(allocate_sums(self, n_local));
  KD_CHECK(allocate_blocks(self, n_convolved, n_local));
  *result = (kd_self_energy *)self;
  self = NULL;

cleanup:
  fast_free((kd_self_energy *)self);
  return status;
}

// --- apply --------------------------------------------------------------------------------------

/// y[block][c][p]: the channels of sum_a M_a G_p M_a^dagger, without their outer phases.
static void apply_vertices(fast *self, const group *g, const blocks *b,
                           const double complex *field) {
  const size_t n_k = self->n_k, n = self->n_band * self->n_band, n_piece = self->setting.n_piece;
  const bool has_phases = g->bath[0]->vertex.has_phases;
#pragma omp parallel for schedule(static)                                                          \
    num_threads(self->n_thread) if (KD_WORTH_THREADS(n_piece * n * n_k))
  for (size_t block = 0; block < b->count; block++) {
    const size_t k = blocks_first(b, block), width = blocks_width(b, block);
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
          const kd_zlanes term =
              kd_zlanes_times(kd_zlanes_load(weight),
                              load_some(field + (p * n + source->element) * n_k + k, width));
          y[p].re += term.re;
          y[p].im += term.im;
        }
      }
    }
  }
}

/// Part (0: a, 1: b) of the kernel of term i, elements from r on.
static void kernel_panel(const fast *self, const group *g, size_t i, int part, size_t r,
                         size_t count, double kernel[PANEL]) {
  if (g->dispersive)
    memcpy(kernel, g->dispersive + (2 * i + (size_t)part) * self->volume + r,
           count * sizeof *kernel);
  else
    memset(kernel, 0, count * sizeof *kernel);
  for (size_t f = 0; f < g->n_shape; f++) {
    const double complex c = g->coefficient[i * g->n_shape + f];
    const double weight = part == 0 ? creal(c) : cimag(c), *transform = g->shape[f].transform + r;
    for (size_t s = 0; s < count; s++) kernel[s] += weight * transform[s];
  }
}

/// Convolves the field of term i: with the one shape; else with a into `field` and b into `second`,
/// or, if there is no second, with the kernel of `order` into `field`.
static void convolve(const fast *self, const group *g, size_t i, kd_order order,
                     double complex *field, double complex *second) {
  kd_layout_from_points(self->forward, field);
  double *z = (double *)field, *w = (double *)second;
  if (is_single(g)) {
    const double *kernel = g->shape[0].transform;
    for (size_t r = 0; r < self->volume; r++) {
      z[2 * r] *= kernel[r];
      z[2 * r + 1] *= kernel[r];
    }
  } else {
    double a[PANEL], b[PANEL];
    const double sign = order == KD_LESSER ? 1 : -1;
    for (size_t r = 0; r < self->volume; r += PANEL, z += 2 * PANEL) {
      const size_t count = self->volume - r < PANEL ? self->volume - r : PANEL;
      kernel_panel(self, g, i, 0, r, count, a);
      kernel_panel(self, g, i, 1, r, count, b);
      if (second) {
        for (size_t s = 0; s < count; s++) {
          w[2 * s] = b[s] * z[2 * s];
          w[2 * s + 1] = b[s] * z[2 * s + 1];
          z[2 * s] *= a[s];
          z[2 * s + 1] *= a[s];
        }
        w += 2 * PANEL;
      } else {
        for (size_t s = 0; s < count; s++) {
          const double re = z[2 * s], im = z[2 * s + 1];
          z[2 * s] = a[s] * re - sign * b[s] * im;
          z[2 * s + 1] = a[s] * im + sign * b[s] * re;
        }
      }
    }
  }
  kd_layout_to_points(self->backward, field);
  if (second) kd_layout_to_points(self->backward, second);
}

/// Sets to 0 what the transforms of a box have left outside the rows of k.
static void clear_padding(const fast *self, double complex *field) {
  if (self->n_difference == self->n_k) return;
  kd_layout_clear(&self->layout, self->rows.per_row * KD_LANES, field);
}

/// Y of the terms [first, end), n_batch of them at most, for one block. Phases are those of whole
/// batches, so that a term does not depend on which others are asked for.
static void gather_block(const fast *self, const group *g, size_t block, size_t first, size_t end,
                         kd_zlanes *phase) {
  const size_t n_piece = self->setting.n_piece, n_c = g->n_channel, n_batch = self->n_batch;
  const kd_zlanes *y = self->y + block * n_c * n_piece;
  double complex *field = self->field + block_place(self, block);
  for (size_t i = first / n_batch * n_batch; i < end; i += n_batch) {
    const size_t count = self->n_sum - i < n_batch ? self->n_sum - i : n_batch;
    fill_phases(self->rows.rotation + block * n_piece, n_piece, self->first + (long)i, count,
                phase);
    for (size_t term = i < first ? first : i; term < i + count && term < end; term++)
      for (size_t c = 0; c < n_c; c++)
        kd_zlanes_store(
            field + ((term - first) * n_c + c) * self->volume,
            gather(phase + (term - i) * n_piece, y + c * n_piece, n_piece, (kd_zlanes){{0}, {0}}));
  }
}

/// sum + sum_s conj(phase_s) z_s
static inline kd_zlanes spread(const kd_zlanes *phase, size_t n_piece, const kd_zlanes *z,
                               size_t count, kd_zlanes sum) {
  for (size_t s = 0; s < count; s++) {
    const kd_zlanes f = phase[s * n_piece];
    sum.re += f.re * z[s].re + f.im * z[s].im;
    sum.im += f.re * z[s].im - f.im * z[s].re;
  }
  return sum;
}

/// The same with weights a_s + i b_s, whose parts go into sums of their own.
static inline ab spread_weighted(const kd_zlanes *phase, size_t n_piece, const kd_zlanes *z,
                                 const double complex *weight, size_t count, ab sum) {
  for (size_t s = 0; s < count; s++) {
    const kd_zlanes f = phase[s * n_piece];
    const double a = creal(weight[s]), b = cimag(weight[s]);
    const kd_lanes re = f.re * z[s].re + f.im * z[s].im, im = f.re * z[s].im - f.im * z[s].re;
    sum.a.re += a * re;
    sum.a.im += a * im;
    sum.b.re += b * re;
    sum.b.im += b * im;
  }
  return sum;
}

/// Convolved fields at one block: of channel c of the s-th term at s `term` + c `channel`.
typedef struct convolved {
  const double complex *first, *second; ///< second: NULL if not used
  size_t term, channel;
} convolved;

/// A and B of `count` terms from i on, for one block.
static void spread_fields(const fast *self, const group *g, convolved fields, size_t block,
                          size_t i, size_t count, kd_zlanes *phase) {
  const size_t n_piece = self->setting.n_piece, n_c = g->n_channel;
  ab *t = self->t + block * n_c * n_piece;
  fill_phases(self->rows.rotation + block * n_piece, n_piece, self->first + (long)i, count, phase);
  for (size_t c = 0; c < n_c; c++) {
    kd_zlanes z[BATCH], w[BATCH];
    for (size_t s = 0; s < count; s++) {
      const size_t from = s * fields.term + c * fields.channel;
      z[s] = kd_zlanes_load(fields.first + from);
      if (fields.second) w[s] = kd_zlanes_load(fields.second + from);
    }
    for (size_t p = 0; p < n_piece; p++) {
      ab *sum = t + c * n_piece + p;
      if (is_single(g)) {
        *sum = spread_weighted(phase + p, n_piece, z, g->coefficient + i, count, *sum);
      } else {
        sum->a = spread(phase + p, n_piece, z, count, sum->a);
        if (fields.second) sum->b = spread(phase + p, n_piece, w, count, sum->b);
      }
    }
  }
}

/// t += outer x for one block, piece and channel.
static void add_block(const double complex *outer, size_t width, kd_zlanes x, double complex *t) {
  if (outer) x = kd_zlanes_times(load_some(outer, width), x);
  const kd_zlanes before = load_some(t, width);
  store_some(t, width, (kd_zlanes){before.re + x.re, before.im + x.im});
}

/// T^≷ += outer (A +- iB) for one block.
static void add_fields(const fast *self, const group *g, size_t block, double complex *const t[2]) {
  const size_t n_piece = self->setting.n_piece, n = self->n_band * self->n_band;
  const size_t k = blocks_first(&self->rows, block), width = blocks_width(&self->rows, block);
  for (size_t c = 0; c < g->n_channel; c++)
    for (size_t p = 0; p < n_piece; p++) {
      const ab x = self->t[(block * g->n_channel + c) * n_piece + p];
      const double complex *outer = g->outer[c] ? g->outer[c] + k : NULL;
      const size_t to = (p * n + g->channel[c].target) * self->n_k + k;
      if (t[KD_LESSER])
        add_block(outer, width, (kd_zlanes){x.a.re - x.b.im, x.a.im + x.b.re}, t[KD_LESSER] + to);
      if (t[KD_GREATER])
        add_block(outer, width, (kd_zlanes){x.a.re + x.b.im, x.a.im - x.b.re}, t[KD_GREATER] + to);
    }
}

/// Kernels with q, per channel and tau: one forward transform, and one backward if all kernels have
/// one shape or one order is wanted, else two.
static void apply_convolution(fast *self, const group *g, double complex *const t[2]) {
  const bool has_second = !is_single(g) && t[0] && t[1];
  const size_t n_c = g->n_channel, n_block = self->rows.count;
  memset(self->t, 0, n_block * n_c * self->setting.n_piece * sizeof *self->t);
#pragma omp parallel num_threads(self->n_thread) if (KD_WORTH_THREADS(n_c * self->volume))
  {
    kd_zlanes *phase = self->phase[omp_get_thread_num()];
    for (size_t i = 0; i < self->n_sum; i += self->n_batch) {
      const size_t count = self->n_sum - i < self->n_batch ? self->n_sum - i : self->n_batch;
#pragma omp for schedule(static)
      for (size_t block = 0; block < n_block; block++)
        gather_block(self, g, block, i, i + count, phase);
#pragma omp for schedule(static)
      for (size_t s = 0; s < count * n_c; s++) {
        double complex *field = self->field + s * self->volume;
        clear_padding(self, field);
        convolve(self, g, i + s / n_c, t[KD_LESSER] ? KD_LESSER : KD_GREATER, field,
                 has_second ? self->second + s * self->volume : NULL);
      }
#pragma omp for schedule(static)
      for (size_t block = 0; block < n_block; block++) {
        const size_t place = block_place(self, block);
        const convolved fields = {.first = self->field + place,
                                  .second = has_second ? self->second + place : NULL,
                                  .term = n_c * self->volume,
                                  .channel = self->volume};
        spread_fields(self, g, fields, block, i, count, phase);
      }
    }
#pragma omp for schedule(static)
    for (size_t block = 0; block < n_block; block++) add_fields(self, g, block, t);
  }
  self->n_fft += self->n_sum * n_c * (has_second ? 3 : 2);
}

/// Sums over the blocks [first, last) of every channel and of the terms of this process.
static void sum_strip(const fast *self, const group *g, size_t first, size_t last, kd_zlanes *phase,
                      kd_zlanes *partial, double complex *strip) {
  size_t first_term, n_term;
  kd_comm_part(self->comm, self->rank, self->n_sum, &first_term, &n_term);
  const size_t end_term = first_term + n_term;
  const size_t n_c = g->n_channel, n_sum = self->n_sum, n_piece = self->setting.n_piece;
  memset(partial, 0, n_c * n_sum * sizeof *partial);
  for (size_t chunk = first; chunk < last; chunk += CHUNK) {
    const size_t end = last - chunk < CHUNK ? last : chunk + CHUNK;
    for (size_t i = first_term / LONG_BATCH * LONG_BATCH; i < end_term; i += LONG_BATCH) {
      const size_t count = n_sum - i < LONG_BATCH ? n_sum - i : LONG_BATCH;
      const size_t low = i < first_term ? first_term - i : 0;
      const size_t high = end_term - i < count ? end_term - i : count;
      for (size_t block = chunk; block < end; block++) {
        const kd_zlanes *y = self->y + block * n_c * n_piece;
        fill_phases(self->flat.rotation + block * n_piece, n_piece, self->first + (long)i, count,
                    phase);
        for (size_t c = 0; c < n_c; c++) {
          kd_zlanes *sum = partial + c * n_sum + i;
          for (size_t s = low; s < high; s++)
            sum[s] = gather(phase + s * n_piece, y + c * n_piece, n_piece, sum[s]);
        }
      }
    }
  }
  for (size_t i = 0; i < n_c * n_sum; i++)
    strip[i] = total(partial[i].re) + I * total(partial[i].im);
}

/// sums := those of all strips in order, times the coefficients of either order.
static void finish_sums(const fast *self, const group *g) {
  const size_t n_c = g->n_channel, n_sum = self->n_sum;
  for (size_t c = 0; c < n_c; c++)
    for (size_t i = 0; i < n_sum; i++) {
      double complex sum = 0;
      for (size_t part = 0; part < self->n_strip; part++)
        sum += self->strip[(part * n_c + c) * n_sum + i];
      sum /= (double)self->n_k;
      self->sum[2 * c * n_sum + i] = sum * g->coefficient[i];
      self->sum[(2 * c + 1) * n_sum + i] = sum * conj(g->coefficient[i]);
    }
  // Those of other processes are 0 here.
  kd_comm_sum(self->comm, (double *)self->sum, 4 * n_c * n_sum);
}

/// sum + sum_i conj(phase_i) s_i for numbers s.
static inline kd_zlanes spread_number(const kd_zlanes *phase, const double complex *s, size_t count,
                                      kd_zlanes sum) {
  for (size_t i = 0; i < count; i++) {
    sum.re += phase[i].re * creal(s[i]) + phase[i].im * cimag(s[i]);
    sum.im += phase[i].re * cimag(s[i]) - phase[i].im * creal(s[i]);
  }
  return sum;
}

/// T of one block, from the sums over k'.
static void spread_sums(const fast *self, const group *g, size_t block, kd_zlanes *phase,
                        kd_zlanes *x, double complex *const t[2]) {
  const size_t n_c = g->n_channel, n_sum = self->n_sum, n = self->n_band * self->n_band;
  const size_t k = blocks_first(&self->flat, block), width = blocks_width(&self->flat, block);
  for (size_t p = 0; p < self->setting.n_piece; p++) {
    const rotation *r = self->flat.rotation + block * self->setting.n_piece + p;
    memset(x, 0, 2 * n_c * sizeof *x);
    for (size_t i = 0; i < n_sum; i += LONG_BATCH) {
      const size_t count = n_sum - i < LONG_BATCH ? n_sum - i : LONG_BATCH;
      fill_phases(r, 1, self->first + (long)i, count, phase);
      for (size_t c = 0; c < 2 * n_c; c++)
        if (t[c % 2]) x[c] = spread_number(phase, self->sum + c * n_sum + i, count, x[c]);
    }
    for (size_t c = 0; c < 2 * n_c; c++)
      if (t[c % 2])
        add_block(g->outer[c / 2] ? g->outer[c / 2] + k : NULL, width, x[c],
                  t[c % 2] + (p * n + g->channel[c / 2].target) * self->n_k + k);
  }
}

/// Kernels without q: sums over k' for every tau, then the series at every k.
static void apply_local(fast *self, const group *g, double complex *const t[2]) {
  const size_t n_c = g->n_channel, n_block = self->flat.count;
#pragma omp parallel num_threads(                                                                  \
    self->n_thread) if (KD_WORTH_THREADS(self->n_sum * self->setting.n_piece * self->n_k))
  {
    kd_zlanes *phase = self->phase[omp_get_thread_num()];
    kd_zlanes *partial = self->partial[omp_get_thread_num()];
#pragma omp for schedule(static)
    for (size_t part = 0; part < self->n_strip; part++)
      sum_strip(self, g, part * n_block / self->n_strip, (part + 1) * n_block / self->n_strip,
                phase, partial, self->strip + part * n_c * self->n_sum);
#pragma omp master
    finish_sums(self, g);
#pragma omp barrier
    // With many processes at least the own k.
#pragma omp for schedule(static)
    for (size_t block = 0; block < n_block; block++)
      if (!self->comm || (blocks_first(&self->flat, block) < self->end_k &&
                          blocks_first(&self->flat, block) + KD_LANES > self->first_k))
        spread_sums(self, g, block, phase, partial, t);
  }
}

// --- many processes -----------------------------------------------------------------------------
//
// Terms are shared out for what needs all k, the convolutions and the sums over k', and k for what
// needs all terms. Every number is made of the same ones in the same order as in one process, so
// that results do not depend on how many there are: CVODE would turn differences in the last digit
// into steps that differ in the fourth.

static const blocks *shared_blocks(const fast *self) {
  return self->rows.count > 0 ? &self->rows : &self->flat;
}

static void k_of(const fast *self, size_t rank, size_t *first, size_t *end) {
  const blocks *b = shared_blocks(self);
  size_t block, count;
  kd_comm_part(self->comm, rank, b->count, &block, &count);
  *first = block < b->count ? blocks_first(b, block) : self->n_k;
  *end = block + count < b->count ? blocks_first(b, block + count) : self->n_k;
}

static kd_status fast_share(kd_self_energy *object, const kd_comm *comm) {
  kd_status status = KD_OK;
  fast *self = from(object);
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

/// The fields of `n_term` terms, here at all blocks, to the processes that have the blocks.
/// @param n_field  1 or 2, with self->second
static void exchange_fields(fast *self, size_t n_c, size_t n_field, size_t n_term, size_t n_round) {
  double complex *to = self->outgoing;
  for (size_t process = 0; process < self->n_process; process++) {
    size_t block, n_block, term, n_its;
    kd_comm_part(self->comm, process, self->rows.count, &block, &n_block);
    kd_comm_part(self->comm, process, n_round, &term, &n_its);
    const size_t length = n_block * KD_LANES, of_term = n_field * n_c * length;
    self->n_send[process] = (int)(2 * n_term * of_term);
    self->n_receive[process] = (int)(2 * n_its * n_field * n_c * self->n_own * KD_LANES);
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(n_term * of_term))
    for (size_t s = 0; s < n_term * n_field * n_c; s++) {
      const size_t c = s % n_c, field = s / n_c % n_field, own = s / n_c / n_field;
      const double complex *from =
          (field ? self->second : self->field) + (own * n_c + c) * self->volume;
      for (size_t i = 0; i < n_block; i++)
        memcpy(to + s * length + i * KD_LANES, from + block_place(self, block + i),
               KD_LANES * sizeof *to);
    }
    to += n_term * of_term;
  }
  kd_comm_exchange(self->comm, (const double *)self->outgoing, self->n_send,
                   (double *)self->incoming, self->n_receive);
}

/// The terms of one round, of which every process convolves n_batch at most.
static void convolve_round(fast *self, const group *g, double complex *const t[2], size_t first,
                           size_t n_round) {
  const bool has_second = !is_single(g) && t[0] && t[1];
  const size_t n_c = g->n_channel, n_field = has_second ? 2 : 1, n_batch = self->n_batch;
  size_t own, n_term;
  kd_comm_part(self->comm, self->rank, n_round, &own, &n_term);
  own += first;
#pragma omp parallel num_threads(self->n_thread) if (KD_WORTH_THREADS(n_c * self->volume))
  {
    kd_zlanes *phase = self->phase[omp_get_thread_num()];
#pragma omp for schedule(static)
    for (size_t block = 0; block < self->rows.count; block++)
      gather_block(self, g, block, own, own + n_term, phase);
#pragma omp for schedule(static)
    for (size_t s = 0; s < n_term * n_c; s++) {
      double complex *field = self->field + s * self->volume;
      clear_padding(self, field);
      convolve(self, g, own + s / n_c, t[KD_LESSER] ? KD_LESSER : KD_GREATER, field,
               has_second ? self->second + s * self->volume : NULL);
    }
  }
  exchange_fields(self, n_c, n_field, n_term, n_round);
  const size_t length = self->n_own * KD_LANES;
#pragma omp parallel for schedule(static)                                                          \
    num_threads(self->n_thread) if (KD_WORTH_THREADS(n_c * self->volume))
  for (size_t i = 0; i < self->n_own; i++)
    for (size_t batch = 0; batch < n_round; batch += n_batch) {
      const size_t count = n_round - batch < n_batch ? n_round - batch : n_batch;
      const double complex *at = self->incoming + batch * n_field * n_c * length + i * KD_LANES;
      const convolved fields = {.first = at,
                                .second = has_second ? at + n_c * length : NULL,
                                .term = n_field * n_c * length,
                                .channel = length};
      spread_fields(self, g, fields, self->first_block + i, first + batch, count,
                    self->phase[omp_get_thread_num()]);
    }
}

static void share_convolution(fast *self, const group *g, double complex *const t[2]) {
  const size_t n_c = g->n_channel, round = self->n_process * self->n_batch;
  memset(self->t, 0, self->rows.count * n_c * self->setting.n_piece * sizeof *self->t);
  for (size_t first = 0; first < self->n_sum; first += round)
    convolve_round(self, g, t, first, self->n_sum - first < round ? self->n_sum - first : round);
  for (size_t i = 0; i < self->n_own; i++) add_fields(self, g, self->first_block + i, t);
  self->n_fft += self->n_sum * n_c * (!is_single(g) && t[0] && t[1] ? 3 : 2);
}

/// Brings T of all k to all processes.
static void gather_t(const fast *self, double complex *const t[2]) {
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
  double complex *const t[2] = {t_lesser, t_greater};
  for (int order = 0; order < 2; order++)
    if (t[order]) memset(t[order], 0, total * sizeof *t[order]);
  for (size_t i = 0; i < self->n_group; i++) {
    group *own = &self->group[i];
    set_coefficients(self, own, beta);
    apply_vertices(self, own, own->is_local ? &self->flat : &self->rows, g);
    if (own->is_local)
      apply_local(self, own, t);
    else if (self->comm)
      share_convolution(self, own, t);
    else
      apply_convolution(self, own, t);
  }
  if (self->comm) gather_t(self, t);
  for (int order = 0; order < 2 && self->sums_half; order++)
    if (t[order]) add_adjoint(self, t[order]);
  return KD_OK;
}

static unsigned long fast_n_fft(const kd_self_energy *self) {
  return ((const fast *)self)->n_fft;
}

static size_t fast_bytes(const kd_self_energy *object) {
  const fast *self = (const fast *)object;
  const size_t n_piece = self->setting.n_piece, n_thread = (size_t)self->n_thread;
  size_t n_convolved, n_local, bytes = n_thread * n_piece * LONG_BATCH * sizeof(kd_zlanes);
  count_channels(self, &n_convolved, &n_local);
  for (size_t i = 0; i < self->n_group; i++) {
    const group *g = &self->group[i];
    bytes += self->n_sum * g->n_shape * sizeof *g->coefficient;
    if (self->is_clone) continue;
    if (!g->is_local) bytes += g->n_shape * self->volume * sizeof *g->shape->transform;
    if (g->dispersive) bytes += self->n_sum * 2 * self->volume * sizeof *g->dispersive;
    for (size_t c = 0; c < g->n_channel; c++)
      if (g->outer[c]) bytes += self->n_k * sizeof **g->outer;
  }
  const size_t n_y = n_convolved * self->rows.count, n_y_local = n_local * self->flat.count;
  bytes += n_piece * (n_y > n_y_local ? n_y : n_y_local) * sizeof *self->y;
  if (!self->is_clone) bytes += n_piece * (self->rows.count + self->flat.count) * sizeof(rotation);
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
  const fast *self = (const fast *)object;
  double cost = 0;
  for (size_t i = 0; i < self->n_group; i++) {
    const group *g = &self->group[i];
    const double n_c = (double)g->n_channel, n_q = (double)self->n_difference;
    const double points = (double)(KD_LANES * (g->is_local ? self->flat.count : self->rows.count)) *
                          (double)self->setting.n_piece;
    if (g->is_local)
      cost += local * points * (18 + 24 * n_c);
    else
      cost += field * points * (18 + 22 * n_c) +
              n_c * (is_single(g) ? 2 : 3) * (start + transform * 5 * n_q * log2(n_q));
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
