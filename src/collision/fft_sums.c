/// Back end `fft` where kernels do not depend on q: the convolutions are plain sums over k'.
#include <omp.h>
#include <string.h>

#include "collision/fft.h"
#include "core/comm.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"

/// Plain sums over k are made of at most so many partial sums, each over at least so many points:
/// fixed, so that results do not depend on the number of threads.
enum { N_STRIP = 16, STRIP_POINTS = 128 };
/// Blocks that stay in the cache while the terms of the series pass over them.
enum { CHUNK = 64 / KD_LANES };

kd_status kd_fast_allocate_sums(kd_fast *self, size_t n_channel) {
  kd_status status = KD_OK;
  KD_ALLOCATE(self->strip, self->n_strip * n_channel * self->n_sum);
  KD_ALLOCATE(self->sum, 2 * n_channel * self->n_sum);
  KD_ALLOCATE(self->partial, (size_t)self->n_thread);
  for (int i = 0; i < self->n_thread; i++)
    KD_ALLOCATE(self->partial[i], n_channel * (self->n_sum + 1));

cleanup:
  return status;
}

kd_status kd_fast_create_sums(kd_fast *self, size_t n_channel) {
  KD_TRY(kd_fast_blocks_create(self, self->n_k, &self->flat));
  self->n_strip = self->n_k / STRIP_POINTS;
  if (self->n_strip < 1) self->n_strip = 1;
  if (self->n_strip > N_STRIP) self->n_strip = N_STRIP;
  return kd_fast_allocate_sums(self, n_channel);
}

static inline double total(kd_lanes x) {
  double sum = 0;
  for (int i = 0; i < KD_LANES; i++) sum += x[i];
  return sum;
}

/// Sums over the blocks [first, last) of every channel and of the terms of this process.
static void sum_strip(const kd_fast *self, const kd_fast_group *g, size_t first, size_t last,
                      kd_zlanes *phase, kd_zlanes *partial, double complex *strip) {
  size_t first_term, n_term;
  kd_comm_part(self->comm, self->rank, self->n_sum, &first_term, &n_term);
  const size_t end_term = first_term + n_term;
  const size_t n_c = g->n_channel, n_sum = self->n_sum, n_piece = self->setting.n_piece;
  memset(partial, 0, n_c * n_sum * sizeof *partial);
  for (size_t chunk = first; chunk < last; chunk += CHUNK) {
    const size_t end = last - chunk < CHUNK ? last : chunk + CHUNK;
    for (size_t i = first_term / KD_FAST_LONG_BATCH * KD_FAST_LONG_BATCH; i < end_term;
         i += KD_FAST_LONG_BATCH) {
      const size_t count = n_sum - i < KD_FAST_LONG_BATCH ? n_sum - i : KD_FAST_LONG_BATCH;
      const size_t low = i < first_term ? first_term - i : 0;
      const size_t high = end_term - i < count ? end_term - i : count;
      for (size_t block = chunk; block < end; block++) {
        const kd_zlanes *y = self->y + block * n_c * n_piece;
        kd_fast_fill_phases(self->flat.rotation + block * n_piece, n_piece, self->first + (long)i,
                            count, phase);
        for (size_t c = 0; c < n_c; c++) {
          kd_zlanes *sum = partial + c * n_sum + i;
          for (size_t s = low; s < high; s++)
            sum[s] = kd_fast_gather(phase + s * n_piece, y + c * n_piece, n_piece, sum[s]);
        }
      }
    }
  }
  for (size_t i = 0; i < n_c * n_sum; i++)
    strip[i] = total(partial[i].re) + I * total(partial[i].im);
}

/// sums := those of all strips in order, times the coefficients of either order.
static void finish_sums(const kd_fast *self, const kd_fast_group *g) {
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
static void spread_sums(const kd_fast *self, const kd_fast_group *g, size_t block, kd_zlanes *phase,
                        kd_zlanes *x, double complex *const t[2]) {
  const size_t n_c = g->n_channel, n_sum = self->n_sum, n = self->n_band * self->n_band;
  const size_t k = kd_fast_first_k(&self->flat, block), width = kd_fast_width(&self->flat, block);
  for (size_t p = 0; p < self->setting.n_piece; p++) {
    const kd_fast_rotation *r = self->flat.rotation + block * self->setting.n_piece + p;
    memset(x, 0, 2 * n_c * sizeof *x);
    for (size_t i = 0; i < n_sum; i += KD_FAST_LONG_BATCH) {
      const size_t count = n_sum - i < KD_FAST_LONG_BATCH ? n_sum - i : KD_FAST_LONG_BATCH;
      kd_fast_fill_phases(r, 1, self->first + (long)i, count, phase);
      for (size_t c = 0; c < 2 * n_c; c++)
        if (t[c % 2]) x[c] = spread_number(phase, self->sum + c * n_sum + i, count, x[c]);
    }
    for (size_t c = 0; c < 2 * n_c; c++)
      if (t[c % 2])
        kd_fast_add_block(g->outer[c / 2] ? g->outer[c / 2] + k : NULL, width, x[c],
                          t[c % 2] + (p * n + g->channel[c / 2].target) * self->n_k + k);
  }
}

void kd_fast_sum(kd_fast *self, const kd_fast_group *g, double complex *const t[2]) {
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
      if (!self->comm || (kd_fast_first_k(&self->flat, block) < self->end_k &&
                          kd_fast_first_k(&self->flat, block) + KD_LANES > self->first_k))
        spread_sums(self, g, block, phase, partial, t);
  }
}
