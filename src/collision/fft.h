/// What the parts of the back end `fft` (fft.c) share.
#ifndef KD_COLLISION_FFT_H
#define KD_COLLISION_FFT_H

#include <fftw3.h>

#include "collision/layout.h"
#include "collision/self_energy.h"
#include "collision/series.h"
#include "core/lanes.h"

/// A and B of T^≷ = A +- iB (fft.c).
typedef struct kd_fast_ab {
  kd_zlanes a, b;
} kd_fast_ab;

/// Number of tau whose phases are made at a time, at most.
enum { KD_FAST_LONG_BATCH = 32 };

/// How the phase e^{-i e tau_j} of a piece changes from j to j + 1.
typedef struct kd_fast_rotation {
  kd_lanes turn;  ///< -e/X
  kd_zlanes unit; ///< e^{2 pi i turn}
} kd_fast_rotation;

/// k in blocks of KD_LANES, a row of the grid beginning a new block.
typedef struct kd_fast_blocks {
  size_t length, per_row, count; ///< points and blocks of a row, all blocks
  kd_fast_rotation *rotation;    ///< [count][n_piece]
} kd_fast_blocks;

/// The dependence of a kernel on q where its energy dependence is the same for every q: form_q
/// times the series, so that one transform of the form serves every tau.
typedef struct kd_fast_shape {
  const double *form; ///< of the baths; NULL: 1
  double *transform;  ///< over q, real because the form is even, normalized, [volume]
} kd_fast_shape;

/// Baths with the same vertices.
typedef struct kd_fast_group {
  const kd_bath **bath;
  size_t *index; ///< of the bath in the series
  size_t *which; ///< its shape; SIZE_MAX: it is dispersive
  size_t n_bath;
  bool is_local; ///< the kernels do not depend on q
  size_t n_channel;
  kd_vertex_channel *channel;
  double complex **outer; ///< e^{ik.outer} of a channel, [n_k]; NULL: 1
  size_t n_shape;
  kd_fast_shape *shape;
  double complex *coefficient; ///< of the shapes, [n_sum][n_shape] (local: one shape)
  double *dispersive; ///< a and b, transformed over q, normalized, [n_sum][2][volume]; NULL: none
} kd_fast_group;

/// The back end; it stands behind kd_self_energy.
typedef struct kd_fast {
  bool is_clone; ///< plans and tables, but not what apply() writes to, belong to another
  kd_self_energy_setting setting;
  kd_series series;
  size_t n_band, n_k, n_difference;
  long first;   ///< first j of the sums over tau
  size_t n_sum; ///< terms from there to J
  kd_fast_group *group;
  size_t n_group;
  int n_thread;
  kd_zlanes *y;      ///< [block][n_channel][n_piece]
  kd_zlanes **phase; ///< per thread, [KD_FAST_LONG_BATCH][n_piece]
  bool sums_half;    ///< tau >= 0 only
  unsigned long n_fft;

  // Groups with FFTs.
  kd_fast_blocks rows;
  kd_layout layout;
  size_t volume, n_batch, n_convolved; ///< volume: of the layout; channels of a group at most
  fftw_plan forward[3], backward[3];   ///< along each axis; NULL where there is one point
  double complex *field, *second;      ///< [n_batch][n_channel][volume]; second: NULL if not used
  kd_fast_ab *t;                       ///< [block][n_channel][n_piece]

  // Groups without.
  kd_fast_blocks flat;
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
} kd_fast;

// --- fft.c --------------------------------------------------------------------------------------

/// The blocks of rows of `length` points each, and the rotations of the pieces.
kd_status kd_fast_blocks_create(const kd_fast *self, size_t length, kd_fast_blocks *b);

// --- fft_convolution.c: kernels with q ----------------------------------------------------------

/// What groups with FFTs need, of `n_channel` channels at most.
kd_status kd_fast_create_convolutions(kd_fast *self, size_t n_channel);

/// Adds T of a group of which y are the channels. Per channel and tau one forward transform, and
/// one backward if all kernels have one shape or one order is wanted, else two.
void kd_fast_convolve(kd_fast *self, const kd_fast_group *g, double complex *const t[2]);

// --- fft_sums.c: kernels without q --------------------------------------------------------------

/// What groups without FFTs need, of `n_channel` channels at most.
kd_status kd_fast_create_sums(kd_fast *self, size_t n_channel);
/// The part of it that is written to.
kd_status kd_fast_allocate_sums(kd_fast *self, size_t n_channel);

/// Adds T of a group of which y are the channels: sums over k' for every tau, then the series at
/// every k.
void kd_fast_sum(kd_fast *self, const kd_fast_group *g, double complex *const t[2]);

// --- parts of loops -----------------------------------------------------------------------------

/// Coefficients of T^< of one bath for phonon energy `w`, from the first j that is summed on.
static inline const double complex *kd_fast_series_of(const kd_fast *self, size_t bath, size_t w) {
  const long n_half = (long)self->series.n_half;
  return self->series.coefficient[bath] + (2 * w + KD_LESSER) * (2 * self->series.n_half + 1) +
         (self->first + n_half);
}

/// The term of tau = 0 is its own adjoint and is shared with it in half sums.
static inline double kd_fast_share(const kd_fast *self, size_t i) {
  return self->sums_half && i == 0 ? 0.5 : 1;
}

/// First k of a block, and the number of its points.
static inline size_t kd_fast_first_k(const kd_fast_blocks *b, size_t block) {
  return block / b->per_row * b->length + block % b->per_row * KD_LANES;
}
static inline size_t kd_fast_width(const kd_fast_blocks *b, size_t block) {
  const size_t left = b->length - block % b->per_row * KD_LANES;
  return left < KD_LANES ? left : KD_LANES;
}

/// e^{-i e tau} of the pieces of one block for `count` tau from tau_j on. They follow from one
/// another by multiplication, in two chains so that they need not wait for each other.
static inline void kd_fast_fill_phases(const kd_fast_rotation *r, size_t n_piece, long j,
                                       size_t count, kd_zlanes *phase) {
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
static inline kd_zlanes kd_fast_gather(const kd_zlanes *phase, const kd_zlanes *y, size_t n_piece,
                                       kd_zlanes z) {
  for (size_t p = 0; p < n_piece; p++) {
    z.re += phase[p].re * y[p].re - phase[p].im * y[p].im;
    z.im += phase[p].re * y[p].im + phase[p].im * y[p].re;
  }
  return z;
}

/// t += outer x for one block, piece and channel.
static inline void kd_fast_add_block(const double complex *outer, size_t width, kd_zlanes x,
                                     double complex *t) {
  if (outer) x = kd_zlanes_times(kd_zlanes_load_some(outer, width), x);
  const kd_zlanes before = kd_zlanes_load_some(t, width);
  kd_zlanes_store_some(t, width, (kd_zlanes){before.re + x.re, before.im + x.im});
}

/// All kernels of the group have one dependence on q.
static inline bool kd_fast_is_single(const kd_fast_group *g) {
  return g->n_shape == 1 && !g->dispersive;
}

#endif
