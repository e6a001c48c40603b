/// Back end `fft` where kernels depend on q: convolutions of fields of k' by FFT.
#include <omp.h>
#include <stdint.h>
#include <string.h>

#include "collision/fft.h"
#include "core/comm.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"

/// Number of tau that a pass over k handles: at most BATCH, fewer where their fields would take
/// more than BATCH_BYTES, but not below SMALL_BATCH.
enum { BATCH = 16, SMALL_BATCH = 4, BATCH_BYTES = 2 << 20 };
/// Elements of a transformed kernel that are summed at a time.
enum { PANEL = 512 };

// --- kernels ------------------------------------------------------------------------------------

/// The factor of the convolution and of a transform forth and back.
static double norm(const kd_fast *self) {
  return 1 / ((double)self->n_k * (double)self->n_difference);
}

static kd_status prepare_shapes(const kd_fast *self, const fftw_plan whole[3], kd_fast_group *g) {
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

static bool has_dispersion(const kd_fast_group *g) {
  for (size_t i = 0; i < g->n_bath; i++)
    if (g->which[i] == SIZE_MAX) return true;
  return false;
}

static kd_status prepare_dispersive(const kd_fast *self, const fftw_plan whole[3],
                                    kd_fast_group *g) {
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
            kd_fast_share(self, i) * (bath->form ? bath->form[q] : 1) *
            kd_fast_series_of(self, g->index[b], self->series.which[g->index[b]][q])[i];
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

kd_status kd_fast_create_convolutions(kd_fast *self, size_t n_channel) {
  kd_status status = KD_OK;
  fftw_plan whole[3] = {NULL};
  bool needs_second = false;
  KD_CHECK(kd_fast_blocks_create(self, self->layout.row_length, &self->rows));
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
    kd_fast_group *g = &self->group[i];
    if (g->is_local) continue;
    KD_CHECK(prepare_shapes(self, whole, g));
    if (has_dispersion(g)) KD_CHECK(prepare_dispersive(self, whole, g));
    needs_second = needs_second || !kd_fast_is_single(g);
  }
  if (needs_second) KD_ALLOCATE(self->second, self->n_batch * n_channel * self->volume);

cleanup:
  for (int axis = 0; axis < 3; axis++)
    if (whole[axis]) fftw_destroy_plan(whole[axis]);
  return status;
}

// --- convolutions -------------------------------------------------------------------------------

static size_t block_place(const kd_fast *self, size_t block) {
  return kd_layout_row(&self->layout, block / self->rows.per_row) +
         block % self->rows.per_row * KD_LANES;
}

/// Part (0: a, 1: b) of the kernel of term i, elements from r on.
static void kernel_panel(const kd_fast *self, const kd_fast_group *g, size_t i, int part, size_t r,
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
static void convolve(const kd_fast *self, const kd_fast_group *g, size_t i, kd_order order,
                     double complex *field, double complex *second) {
  kd_layout_from_points(self->forward, field);
  double *z = (double *)field, *w = (double *)second;
  if (kd_fast_is_single(g)) {
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
static void clear_padding(const kd_fast *self, double complex *field) {
  if (self->n_difference == self->n_k) return;
  kd_layout_clear(&self->layout, self->rows.per_row * KD_LANES, field);
}

/// Y of the terms [first, end), n_batch of them at most, for one block. Phases are those of whole
/// batches, so that a term does not depend on which others are asked for.
static void gather_block(const kd_fast *self, const kd_fast_group *g, size_t block, size_t first,
                         size_t end, kd_zlanes *phase) {
  const size_t n_piece = self->setting.n_piece, n_c = g->n_channel, n_batch = self->n_batch;
  const kd_zlanes *y = self->y + block * n_c * n_piece;
  double complex *field = self->field + block_place(self, block);
  for (size_t i = first / n_batch * n_batch; i < end; i += n_batch) {
    const size_t count = self->n_sum - i < n_batch ? self->n_sum - i : n_batch;
    kd_fast_fill_phases(self->rows.rotation + block * n_piece, n_piece, self->first + (long)i,
                        count, phase);
    for (size_t term = i < first ? first : i; term < i + count && term < end; term++)
      for (size_t c = 0; c < n_c; c++)
        kd_zlanes_store(field + ((term - first) * n_c + c) * self->volume,
                        kd_fast_gather(phase + (term - i) * n_piece, y + c * n_piece, n_piece,
                                       (kd_zlanes){{0}, {0}}));
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
static inline kd_fast_ab spread_weighted(const kd_zlanes *phase, size_t n_piece, const kd_zlanes *z,
                                         const double complex *weight, size_t count,
                                         kd_fast_ab sum) {
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

/// True if A and B are wanted apart.
static bool has_both(const kd_fast_group *g, double complex *const t[2]) {
  return !kd_fast_is_single(g) && t[0] && t[1];
}

/// A and B of `count` terms from i on, for one block.
static void spread_fields(const kd_fast *self, const kd_fast_group *g, convolved fields,
                          size_t block, size_t i, size_t count, kd_zlanes *phase) {
  const size_t n_piece = self->setting.n_piece, n_c = g->n_channel;
  kd_fast_ab *t = self->t + block * n_c * n_piece;
  kd_fast_fill_phases(self->rows.rotation + block * n_piece, n_piece, self->first + (long)i, count,
                      phase);
  for (size_t c = 0; c < n_c; c++) {
    kd_zlanes z[BATCH], w[BATCH];
    for (size_t s = 0; s < count; s++) {
      const size_t from = s * fields.term + c * fields.channel;
      z[s] = kd_zlanes_load(fields.first + from);
      if (fields.second) w[s] = kd_zlanes_load(fields.second + from);
    }
    for (size_t p = 0; p < n_piece; p++) {
      kd_fast_ab *sum = t + c * n_piece + p;
      if (kd_fast_is_single(g)) {
        *sum = spread_weighted(phase + p, n_piece, z, g->coefficient + i, count, *sum);
      } else {
        sum->a = spread(phase + p, n_piece, z, count, sum->a);
        if (fields.second) sum->b = spread(phase + p, n_piece, w, count, sum->b);
      }
    }
  }
}

/// T^≷ += outer (A +- iB) for one block.
static void add_fields(const kd_fast *self, const kd_fast_group *g, size_t block,
                       double complex *const t[2]) {
  const size_t n_piece = self->setting.n_piece, n = self->n_band * self->n_band;
  const size_t k = kd_fast_first_k(&self->rows, block), width = kd_fast_width(&self->rows, block);
  for (size_t c = 0; c < g->n_channel; c++)
    for (size_t p = 0; p < n_piece; p++) {
      const kd_fast_ab x = self->t[(block * g->n_channel + c) * n_piece + p];
      const double complex *outer = g->outer[c] ? g->outer[c] + k : NULL;
      const size_t to = (p * n + g->channel[c].target) * self->n_k + k;
      if (t[KD_LESSER])
        kd_fast_add_block(outer, width, (kd_zlanes){x.a.re - x.b.im, x.a.im + x.b.re},
                          t[KD_LESSER] + to);
      if (t[KD_GREATER])
        kd_fast_add_block(outer, width, (kd_zlanes){x.a.re + x.b.im, x.a.im - x.b.re},
                          t[KD_GREATER] + to);
    }
}

/// Fields of `count` terms from i on, gathered and convolved: the loops of a team of threads.
static void convolve_terms(const kd_fast *self, const kd_fast_group *g, double complex *const t[2],
                           size_t i, size_t count, kd_zlanes *phase) {
  const size_t n_c = g->n_channel;
  const bool has_second = has_both(g, t);
#pragma omp for schedule(static)
  for (size_t block = 0; block < self->rows.count; block++)
    gather_block(self, g, block, i, i + count, phase);
#pragma omp for schedule(static)
  for (size_t s = 0; s < count * n_c; s++) {
    double complex *field = self->field + s * self->volume;
    clear_padding(self, field);
    convolve(self, g, i + s / n_c, t[KD_LESSER] ? KD_LESSER : KD_GREATER, field,
             has_second ? self->second + s * self->volume : NULL);
  }
}

static void apply_convolution(kd_fast *self, const kd_fast_group *g, double complex *const t[2]) {
  const bool has_second = has_both(g, t);
  const size_t n_c = g->n_channel, n_block = self->rows.count;
  memset(self->t, 0, n_block * n_c * self->setting.n_piece * sizeof *self->t);
#pragma omp parallel num_threads(self->n_thread) if (KD_WORTH_THREADS(n_c * self->volume))
  {
    kd_zlanes *phase = self->phase[omp_get_thread_num()];
    for (size_t i = 0; i < self->n_sum; i += self->n_batch) {
      const size_t count = self->n_sum - i < self->n_batch ? self->n_sum - i : self->n_batch;
      convolve_terms(self, g, t, i, count, phase);
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

// --- many processes -----------------------------------------------------------------------------
//
// Terms are shared out for the convolutions, k for what needs all terms (fft.c).

/// The fields of `n_term` terms, here at all blocks, to the processes that have the blocks.
/// @param n_field  1 or 2, with self->second
static void exchange_fields(kd_fast *self, size_t n_c, size_t n_field, size_t n_term,
                            size_t n_round) {
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
static void convolve_round(kd_fast *self, const kd_fast_group *g, double complex *const t[2],
                           size_t first, size_t n_round) {
  const bool has_second = has_both(g, t);
  const size_t n_c = g->n_channel, n_field = has_second ? 2 : 1, n_batch = self->n_batch;
  size_t own, n_term;
  kd_comm_part(self->comm, self->rank, n_round, &own, &n_term);
  own += first;
#pragma omp parallel num_threads(self->n_thread) if (KD_WORTH_THREADS(n_c * self->volume))
  convolve_terms(self, g, t, own, n_term, self->phase[omp_get_thread_num()]);
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

static void share_convolution(kd_fast *self, const kd_fast_group *g, double complex *const t[2]) {
  const size_t n_c = g->n_channel, round = self->n_process * self->n_batch;
  memset(self->t, 0, self->rows.count * n_c * self->setting.n_piece * sizeof *self->t);
  for (size_t first = 0; first < self->n_sum; first += round)
    convolve_round(self, g, t, first, self->n_sum - first < round ? self->n_sum - first : round);
  for (size_t i = 0; i < self->n_own; i++) add_fields(self, g, self->first_block + i, t);
  self->n_fft += self->n_sum * n_c * (has_both(g, t) ? 3 : 2);
}

void kd_fast_convolve(kd_fast *self, const kd_fast_group *g, double complex *const t[2]) {
  if (self->comm)
    share_convolution(self, g, t);
  else
    apply_convolution(self, g, t);
}
