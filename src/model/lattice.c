#include "model/lattice.h"

#include <fftw3.h>
#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/fft_clock.h"
#include "core/memory.h"
#include "core/packing.h"
#include "core/parallel.h"

static const double two_pi = 6.283185307179586476925;

// --- the terms, arranged for the kernels ---------------------------------------------------------

/// One complex sum z(k) = sum_R e^{ik.R} z_R whose real and imaginary parts are two components of
/// the packed field: sqrt(2) X_ab, or two diagonal elements as X_aa + i X_bb, both of which are
/// real (the last of an odd number stands alone, a = b).
typedef struct channel {
  size_t a, b;
  bool diagonal;
  bool fft; ///< by Fourier transform, else term by term
  size_t component_re;
  size_t component_im;        ///< SIZE_MAX for none
  size_t begin, end;          ///< its terms
  double complex constant[3]; ///< k-independent part of the positions
  double separation[3];       ///< tau_b - tau_a, 0 on the diagonal
} channel;

/// A cell R with what the kernels need of it.
typedef struct lattice_cell {
  double l[3];
  double vector[3]; ///< R, angstrom
  size_t slot[3];   ///< row of the phase tables of the padded axes
  size_t folded;    ///< place modulo the grid
} lattice_cell;

/// e^{2 pi i j l/n} for the values of l that occur along one padded axis, [n_slot][n].
typedef struct phase_table {
  size_t n_slot;
  double *re, *im;
} phase_table;

typedef struct lattice_terms {
  kd_lattice_table *table; ///< what `at` sums
  size_t n[3];             ///< padded grid sizes
  size_t n_cell;
  lattice_cell *cell; ///< ordered by the slot of the last axis
  size_t n_channel;
  channel *channel;
  size_t *direct; ///< channels summed term by term
  size_t *fft;    ///< channels that are transformed
  size_t n_direct, n_fft;
  size_t *term_cell;      ///< [n_term]
  double complex *energy; ///< [n_term]
  double complex *dipole; ///< [n_term][3] or NULL
  phase_table phase[3];
  // Scratch of one evaluation.
  double complex *shift_phase; ///< [n_cell], e^{i shift.R}
  double complex *coefficient; ///< [n_term]
  double complex *constant;    ///< [n_channel]
  fftw_plan plan;
  fftw_complex *transform; ///< one grid per thread
  size_t transform_stride;
  int n_thread; ///< threads for which there is room in `transform`
} lattice_terms;

static void lattice_free(void *memory) {
  lattice_terms *terms = memory;
  if (!terms) return;
  kd_lattice_table_free(terms->table);
  kd_free(terms->cell);
  kd_free(terms->channel);
  kd_free(terms->direct);
  kd_free(terms->fft);
  kd_free(terms->term_cell);
  kd_free(terms->energy);
  kd_free(terms->dipole);
  for (size_t p = 0; p < 3; p++) {
    kd_free(terms->phase[p].re);
    kd_free(terms->phase[p].im);
  }
  kd_free(terms->shift_phase);
  kd_free(terms->coefficient);
  kd_free(terms->constant);
  if (terms->plan) fftw_destroy_plan(terms->plan);
  kd_free(terms->transform);
  kd_free(terms);
}

static double dot(const double x[3], const double y[3]) {
  return x[0] * y[0] + x[1] * y[1] + x[2] * y[2];
}

static void lattice_at(const void *memory, const double k[3], const kd_model_part *part,
                       double complex *matrix) {
  const kd_lattice_table *table = ((const lattice_terms *)memory)->table;
  const size_t n = table->n_band;
  for (size_t ab = 0; ab < n * n; ab++) matrix[ab] = 0;
  for (size_t a = 0; a < n; a++) matrix[a * n + a] = dot(part->position, table->orbital[a]);
  for (size_t i = 0; i < table->n_cell; i++) {
    double vector[3] = {0};
    for (size_t d = 0; d < table->n_dim; d++)
      for (size_t x = 0; x < 3; x++) vector[x] += (double)table->cell[i][d] * table->vector[d][x];
    const double complex phase = cexp(I * dot(k, vector));
    const double complex energy = phase * (part->energy + I * dot(part->gradient, vector));
    for (size_t ab = 0; ab < n * n; ab++) matrix[ab] += energy * table->energy[i * n * n + ab];
    for (size_t x = 0; table->dipole && x < 3; x++)
      for (size_t ab = 0; ab < n * n; ab++)
        matrix[ab] += phase * part->position[x] * table->dipole[(i * 3 + x) * n * n + ab];
  }
}

/// The coefficients z_R of all channels for one evaluation:
/// e^{i shift.R} ((energy + i gradient.(R + separation)) H_R + sum_i position_i r_i,R).
static void combine(lattice_terms *terms, const kd_model *model, const double shift[3],
                    const kd_model_part *part, bool covariant) {
  // Whole turns are dropped before the multiplication by l, which would amplify their rounding.
  double turns[3] = {0};
  for (size_t d = 0; d < model->n_dim; d++) {
    turns[d] = dot(shift, model->duals[d]) / two_pi;
    turns[d] -= rint(turns[d]);
  }
  for (size_t i = 0; i < terms->n_cell; i++)
    terms->shift_phase[i] = cexp(I * two_pi * dot(turns, terms->cell[i].l));
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(terms->n_channel * terms->n_cell))
  for (size_t c = 0; c < terms->n_channel; c++) {
    const channel *ch = &terms->channel[c];
    const double along_separation = covariant ? dot(part->gradient, ch->separation) : 0;
    terms->constant[c] = 0;
    for (size_t x = 0; x < 3; x++) terms->constant[c] += part->position[x] * ch->constant[x];
    for (size_t t = ch->begin; t < ch->end; t++) {
      const lattice_cell *cell = &terms->cell[terms->term_cell[t]];
      const double slope = dot(part->gradient, cell->vector) + along_separation;
      double complex z = (part->energy + I * slope) * terms->energy[t];
      for (size_t x = 0; terms->dipole && x < 3; x++)
        z += part->position[x] * terms->dipole[3 * t + x];
      terms->coefficient[t] = terms->shift_phase[terms->term_cell[t]] * z;
    }
  }
}

/// Part [begin, end) of the grid row (j0, j1) of a channel, term by term: terms with the same phase
/// along the row are added up first.
static void sum_row(const lattice_terms *terms, size_t c, size_t j0, size_t j1, size_t begin,
                    size_t end, double *field) {
  const channel *ch = &terms->channel[c];
  const phase_table *phase = terms->phase;
  const size_t *n = terms->n, count = end - begin;
  double sum_re[KD_TILE], sum_im[KD_TILE];
  for (size_t j = 0; j < count; j++) {
    sum_re[j] = creal(terms->constant[c]);
    sum_im[j] = cimag(terms->constant[c]);
  }
  for (size_t t = ch->begin; t < ch->end;) {
    const size_t slot = terms->cell[terms->term_cell[t]].slot[2];
    double s_re = 0, s_im = 0;
    for (; t < ch->end && terms->cell[terms->term_cell[t]].slot[2] == slot; t++) {
      const lattice_cell *cell = &terms->cell[terms->term_cell[t]];
      const size_t i0 = cell->slot[0] * n[0] + j0, i1 = cell->slot[1] * n[1] + j1;
      const double p_re = phase[0].re[i0] * phase[1].re[i1] - phase[0].im[i0] * phase[1].im[i1];
      const double p_im = phase[0].re[i0] * phase[1].im[i1] + phase[0].im[i0] * phase[1].re[i1];
      const double z_re = creal(terms->coefficient[t]), z_im = cimag(terms->coefficient[t]);
      s_re += p_re * z_re - p_im * z_im;
      s_im += p_re * z_im + p_im * z_re;
    }
    const double *restrict e_re = phase[2].re + slot * n[2] + begin;
    const double *restrict e_im = phase[2].im + slot * n[2] + begin;
#pragma omp simd
    for (size_t j = 0; j < count; j++) {
      sum_re[j] += s_re * e_re[j] - s_im * e_im[j];
      sum_im[j] += s_re * e_im[j] + s_im * e_re[j];
    }
  }
  const size_t n_k = n[0] * n[1] * n[2], row = (j0 * n[1] + j1) * n[2] + begin;
  memcpy(field + ch->component_re * n_k + row, sum_re, count * sizeof *sum_re);
  if (ch->component_im != SIZE_MAX)
    memcpy(field + ch->component_im * n_k + row, sum_im, count * sizeof *sum_im);
}

static void sample_direct(const lattice_terms *terms, double *field) {
  const size_t *n = terms->n;
  const size_t n_tile = (n[2] + KD_TILE - 1) / KD_TILE;
#pragma omp parallel for collapse(4)                                                               \
    schedule(static) if (KD_WORTH_THREADS(terms->n_direct * n[0] * n[1] * n[2]))
  for (size_t i = 0; i < terms->n_direct; i++) {
    for (size_t j0 = 0; j0 < n[0]; j0++) {
      for (size_t j1 = 0; j1 < n[1]; j1++) {
        for (size_t tile = 0; tile < n_tile; tile++) {
          const size_t begin = tile * KD_TILE;
          const size_t end = n[2] - begin < KD_TILE ? n[2] : begin + KD_TILE;
          sum_row(terms, terms->direct[i], j0, j1, begin, end, field);
        }
      }
    }
  }
}

static void sample_fft(const lattice_terms *terms, double *field) {
  const size_t n_k = terms->n[0] * terms->n[1] * terms->n[2];
  const int n_thread =
      omp_get_max_threads() < terms->n_thread ? omp_get_max_threads() : terms->n_thread;
#pragma omp parallel for schedule(static)                                                          \
    num_threads(n_thread) if (KD_WORTH_THREADS(terms->n_fft * terms->transform_stride))
  for (size_t i = 0; i < terms->n_fft; i++) {
    const channel *ch = &terms->channel[terms->fft[i]];
    fftw_complex *z = terms->transform + (size_t)omp_get_thread_num() * terms->transform_stride;
    memset(z, 0, n_k * sizeof *z);
    z[0] = terms->constant[terms->fft[i]];
    for (size_t t = ch->begin; t < ch->end; t++)
      z[terms->cell[terms->term_cell[t]].folded] += terms->coefficient[t];
    const double begin = kd_fft_begin();
    fftw_execute_dft(terms->plan, z, z);
    kd_fft_end(begin);
    double *restrict out_re = field + ch->component_re * n_k;
    for (size_t k = 0; k < n_k; k++) out_re[k] = creal(z[k]);
    if (ch->component_im == SIZE_MAX) continue;
    double *restrict out_im = field + ch->component_im * n_k;
    for (size_t k = 0; k < n_k; k++) out_im[k] = cimag(z[k]);
  }
}

static unsigned long lattice_sample(void *memory, const kd_model *model, const double shift[3],
                                    const kd_model_part *part, bool covariant, double *field) {
  lattice_terms *terms = memory;
  combine(terms, model, shift, part, covariant);
  if (terms->n_direct > 0) sample_direct(terms, field);
  if (terms->n_fft > 0) sample_fft(terms, field);
  return terms->n_fft;
}

/// True for the one of <0 a|H|R b> and <0 b|H|-R a> that stands for both; false on a site.
static bool is_first(const long cell[3], size_t a, size_t b) {
  for (int d = 0; d < 3; d++)
    if (cell[d] != 0) return cell[d] > 0;
  return a < b;
}

static kd_status lattice_bonds(const void *memory, kd_bond **bond, size_t *count) {
  kd_status status = KD_OK;
  const kd_lattice_table *table = ((const lattice_terms *)memory)->table;
  const size_t n = table->n_band;
  KD_ALLOCATE(*bond, table->n_cell * n * n);
  for (size_t i = 0; i < table->n_cell; i++) {
    const double complex *energy = kd_lattice_matrix(table, false, i, 0);
    for (size_t a = 0; a < n; a++)
      for (size_t b = 0; b < n; b++) {
        if (energy[a * n + b] == 0 || !is_first(table->cell[i], a, b)) continue;
        kd_bond *next = &(*bond)[(*count)++];
        *next = (kd_bond){.from = a, .to = b, .energy = energy[a * n + b]};
        memcpy(next->cell, table->cell[i], sizeof next->cell);
      }
  }

cleanup:
  return status;
}

static const kd_model_family lattice_family = {
    .at = lattice_at, .sample = lattice_sample, .bonds = lattice_bonds, .free = lattice_free};

// --- construction --------------------------------------------------------------------------------

/// e^{2 pi i m/n} for 0 <= m < n, with the angle reduced to one quadrant so that it is exact at
/// multiples of a quarter turn.
static double complex unit_root(size_t m, size_t n) {
  const size_t quarter = 4 * m / n, rest = 4 * m % n;
  const double angle = 0.25 * two_pi * (double)rest / (double)n;
  const double c = cos(angle), s = sin(angle);
  switch (quarter) {
  case 0:
    return c + I * s;
  case 1:
    return -s + I * c;
  case 2:
    return -c - I * s;
  default:
    return s - I * c;
  }
}

static size_t modulo(long l, size_t n) {
  const long rest = l % (long)n;
  return (size_t)(rest < 0 ? rest + (long)n : rest);
}

static int compare_longs(const void *left, const void *right) {
  const long x = *(const long *)left, y = *(const long *)right;
  return (x > y) - (x < y);
}

/// Tabulates the phases of one padded axis, along which the sorted cells have components `l`, and
/// gives each cell its slot.
static kd_status tabulate_axis(lattice_terms *terms, size_t p, const long *l) {
  kd_status status = KD_OK;
  const size_t n = terms->n[p];
  phase_table *table = &terms->phase[p];
  long *value = NULL;
  KD_ALLOCATE(value, terms->n_cell);
  memcpy(value, l, terms->n_cell * sizeof *value);
  qsort(value, terms->n_cell, sizeof *value, compare_longs);
  for (size_t i = 0; i < terms->n_cell; i++)
    if (i == 0 || value[i] != value[table->n_slot - 1]) value[table->n_slot++] = value[i];
  table->re = kd_allocate(table->n_slot, n * sizeof *table->re);
  table->im = kd_allocate(table->n_slot, n * sizeof *table->im);
  if (!table->re || !table->im) {
    status = KD_ERROR_MEMORY;
    goto cleanup;
  }
  for (size_t slot = 0; slot < table->n_slot; slot++) {
    const size_t step = modulo(value[slot], n);
    for (size_t j = 0, m = 0; j < n; j++, m = (m + step) % n) {
      const double complex root = unit_root(m, n);
      table->re[slot * n + j] = creal(root);
      table->im[slot * n + j] = cimag(root);
    }
  }
  for (size_t i = 0; i < terms->n_cell; i++) {
    const long *found = bsearch(&l[i], value, table->n_slot, sizeof *value, compare_longs);
    terms->cell[i].slot[p] = (size_t)(found - value);
  }
cleanup:
  kd_free(value);
  return status;
}

/// A cell, in padded axes, with its place in the table.
typedef struct cell_key {
  long cell[3];
  size_t index;
} cell_key;

/// Orders cells by their last component, then by the others.
static int compare_cells_by_row(const void *left, const void *right) {
  const cell_key *x = left, *y = right;
  for (size_t i = 3; i-- > 0;)
    if (x->cell[i] != y->cell[i]) return x->cell[i] < y->cell[i] ? -1 : 1;
  return 0;
}

/// Fills `cell` and `phase`; order[i] receives the place in the table of sorted cell i.
static kd_status arrange_cells(lattice_terms *terms, size_t *order) {
  kd_status status = KD_OK;
  const kd_lattice_table *table = terms->table;
  const size_t pad = 3 - table->n_dim;
  cell_key *keys = NULL;
  long *l = NULL;
  terms->n_cell = table->n_cell;
  KD_ALLOCATE(keys, terms->n_cell);
  KD_ALLOCATE(l, terms->n_cell);
  KD_ALLOCATE(terms->cell, terms->n_cell);
  for (size_t i = 0; i < terms->n_cell; i++) {
    keys[i].index = i;
    for (size_t d = 0; d < table->n_dim; d++) keys[i].cell[d + pad] = table->cell[i][d];
  }
  qsort(keys, terms->n_cell, sizeof *keys, compare_cells_by_row);
  for (size_t i = 0; i < terms->n_cell; i++) {
    lattice_cell *cell = &terms->cell[i];
    order[i] = keys[i].index;
    for (size_t d = 0; d < table->n_dim; d++) {
      cell->l[d] = (double)keys[i].cell[d + pad];
      for (size_t x = 0; x < 3; x++) cell->vector[x] += cell->l[d] * table->vector[d][x];
    }
    for (size_t p = 0; p < 3; p++)
      cell->folded = cell->folded * terms->n[p] + modulo(keys[i].cell[p], terms->n[p]);
  }
  for (size_t p = 0; p < 3; p++) {
    for (size_t i = 0; i < terms->n_cell; i++) l[i] = keys[i].cell[p];
    KD_CHECK(tabulate_axis(terms, p, l));
  }
cleanup:
  kd_free(keys);
  kd_free(l);
  return status;
}

/// The element of a channel: sqrt(2) X_ab, X_aa + i X_bb or X_aa.
static double complex channel_element(const channel *ch, const double complex *matrix, size_t n) {
  if (!ch->diagonal) return KD_SQRT2 * matrix[ch->a * n + ch->b];
  const double complex z = matrix[ch->a * n + ch->a];
  return ch->a == ch->b ? z : z + I * matrix[ch->b * n + ch->b];
}

static void list_channels(lattice_terms *terms) {
  const kd_lattice_table *table = terms->table;
  const size_t n = table->n_band;
  channel *ch = terms->channel;
  for (size_t a = 0; a < n; a += 2, ch++) {
    ch->diagonal = true;
    ch->a = a;
    ch->b = a + 1 < n ? a + 1 : a;
    ch->component_re = ch->a;
    ch->component_im = ch->b == ch->a ? SIZE_MAX : ch->b;
    for (size_t x = 0; x < 3; x++)
      ch->constant[x] =
          table->orbital[ch->a][x] + (ch->b == ch->a ? 0 : I * table->orbital[ch->b][x]);
  }
  for (size_t a = 0; a < n; a++) {
    for (size_t b = a + 1; b < n; b++, ch++) {
      ch->a = a;
      ch->b = b;
      ch->component_re = kd_pair(a, b, n);
      ch->component_im = ch->component_re + 1;
      for (size_t x = 0; x < 3; x++)
        ch->separation[x] = table->orbital[b][x] - table->orbital[a][x];
    }
  }
}

static bool is_active(const kd_lattice_table *table, const channel *ch, size_t i) {
  const size_t n = table->n_band;
  if (channel_element(ch, kd_lattice_matrix(table, false, i, 0), n) != 0) return true;
  for (size_t x = 0; table->dipole && x < 3; x++)
    if (channel_element(ch, kd_lattice_matrix(table, true, i, x), n) != 0) return true;
  return false;
}

/// Lists the terms of each channel that do not vanish, in the order of the sorted cells.
static kd_status arrange_terms(lattice_terms *terms, const size_t *order) {
  kd_status status = KD_OK;
  const kd_lattice_table *table = terms->table;
  const size_t n = table->n_band;
  terms->n_channel = (n + 1) / 2 + n * (n - 1) / 2;
  KD_ALLOCATE(terms->channel, terms->n_channel);
  KD_ALLOCATE(terms->constant, terms->n_channel);
  list_channels(terms);
  size_t n_term = 0;
  for (size_t c = 0; c < terms->n_channel; c++) {
    channel *ch = &terms->channel[c];
    ch->begin = n_term;
    for (size_t i = 0; i < terms->n_cell; i++) n_term += is_active(table, ch, order[i]);
    ch->end = n_term;
  }
  KD_ALLOCATE(terms->term_cell, n_term);
  KD_ALLOCATE(terms->energy, n_term);
  if (table->dipole) KD_ALLOCATE(terms->dipole, 3 * n_term);
  KD_ALLOCATE(terms->coefficient, n_term);
  KD_ALLOCATE(terms->shift_phase, terms->n_cell);
  size_t t = 0;
  for (size_t c = 0; c < terms->n_channel; c++) {
    const channel *ch = &terms->channel[c];
    for (size_t i = 0; i < terms->n_cell; i++) {
      if (!is_active(table, ch, order[i])) continue;
      terms->term_cell[t] = i;
      terms->energy[t] = channel_element(ch, kd_lattice_matrix(table, false, order[i], 0), n);
      for (size_t x = 0; table->dipole && x < 3; x++)
        terms->dipole[3 * t + x] =
            channel_element(ch, kd_lattice_matrix(table, true, order[i], x), n);
      t++;
    }
  }
cleanup:
  return status;
}

/// Cost of summing a channel term by term, per grid point and in flops: 14 for each term and row, 8
/// for each distinct phase along the row and point.
static double direct_cost(const lattice_terms *terms, const channel *ch) {
  size_t n_group = 0;
  for (size_t t = ch->begin; t < ch->end; t++)
    n_group += t == ch->begin || terms->cell[terms->term_cell[t]].slot[2] !=
                                     terms->cell[terms->term_cell[t - 1]].slot[2];
  return 14.0 * (double)(ch->end - ch->begin) / (double)terms->n[2] + 8.0 * (double)n_group;
}

/// Cost of a complex FFT on the same scale; on grids of 32^3 points, transform and sum were
/// measured to run at the same speed per flop.
static double fft_cost(const lattice_terms *terms) {
  return 5 * log2((double)terms->n[0] * (double)terms->n[1] * (double)terms->n[2]);
}

/// Decides how each channel is summed and plans the transform if one is.
static kd_status choose_methods(lattice_terms *terms, kd_lattice_method method) {
  kd_status status = KD_OK;
  const size_t *n = terms->n, n_k = n[0] * n[1] * n[2];
  const double transform = fft_cost(terms);
  KD_ALLOCATE(terms->direct, terms->n_channel);
  KD_ALLOCATE(terms->fft, terms->n_channel);
  for (size_t c = 0; c < terms->n_channel; c++) {
    channel *ch = &terms->channel[c];
    ch->fft = method == KD_LATTICE_FFT ||
              (method == KD_LATTICE_AUTO && direct_cost(terms, ch) > transform);
    if (ch->fft)
      terms->fft[terms->n_fft++] = c;
    else
      terms->direct[terms->n_direct++] = c;
  }
  if (terms->n_fft == 0) return KD_OK;
  terms->n_thread = omp_get_max_threads();
  if ((size_t)terms->n_thread > terms->n_fft) terms->n_thread = (int)terms->n_fft;
  // A whole number of cache lines, so that every grid has the alignment of the plan.
  terms->transform_stride = (n_k + 3) / 4 * 4;
  terms->transform =
      kd_allocate((size_t)terms->n_thread * terms->transform_stride, sizeof *terms->transform);
  if (!terms->transform) {
    status = KD_ERROR_MEMORY;
    goto cleanup;
  }
  terms->plan = fftw_plan_dft(3, (int[]){(int)n[0], (int)n[1], (int)n[2]}, terms->transform,
                              terms->transform, FFTW_BACKWARD, FFTW_ESTIMATE);
  if (!terms->plan)
    status = kd_error(KD_ERROR_INTERNAL, "no FFT plan for a grid of %zu x %zu x %zu points", n[0],
                      n[1], n[2]);
cleanup:
  return status;
}

static size_t bytes_held(const lattice_terms *terms) {
  const kd_lattice_table *table = terms->table;
  const size_t matrix = table->n_band * table->n_band * sizeof(double complex);
  const size_t n_matrix = table->dipole ? 4 : 1;
  const size_t n_term = terms->channel[terms->n_channel - 1].end;
  size_t bytes = sizeof *terms + sizeof *table;
  bytes += table->capacity * (n_matrix * matrix + sizeof *table->cell);
  bytes += terms->n_cell * (sizeof *terms->cell + sizeof *terms->shift_phase);
  bytes += terms->n_channel * (sizeof *terms->channel + sizeof *terms->constant);
  bytes += n_term * ((n_matrix + 1) * sizeof(double complex) + sizeof *terms->term_cell);
  for (size_t p = 0; p < 3; p++) bytes += 2 * terms->phase[p].n_slot * terms->n[p] * sizeof(double);
  bytes += (size_t)terms->n_thread * terms->transform_stride * sizeof *terms->transform;
  return bytes;
}

kd_status kd_lattice_model(kd_lattice_table *table, const kd_model_setup *setup,
                           kd_lattice_method method, kd_model **result) {
  kd_status status = KD_OK;
  const double origin[3] = {0};
  double edges[3][3], volume;
  kd_model *model = NULL;
  lattice_terms *terms = NULL;
  size_t *order = NULL;
  KD_ALLOCATE(terms, 1);
  terms->table = table;
  table = NULL;
  if (!kd_reciprocal(terms->table->n_dim, terms->table->vector[0], edges, &volume)) {
    status = kd_error(KD_ERROR_SCENARIO, "the lattice vectors are linearly dependent");
    goto cleanup;
  }
  KD_CHECK(kd_model_new(setup, terms->table->n_band, true, origin, edges[0], &model));
  // The transform of the transform is exact only to rounding; the vectors are what was asked for.
  for (size_t d = 0; d < model->n_dim; d++)
    memcpy(model->duals[d], terms->table->vector[d], sizeof model->duals[d]);
  model->cell_volume = volume;
  kd_padded_sizes(model, terms->n);
  KD_ALLOCATE(order, terms->table->n_cell);
  KD_CHECK(arrange_cells(terms, order));
  KD_CHECK(arrange_terms(terms, order));
  KD_CHECK(choose_methods(terms, method));
  model->has_dipole = terms->table->dipole != NULL;
  model->position_defect = terms->table->position_defect;
  model->bytes += bytes_held(terms);
  if (model->has_dipole) {
    const size_t n_component = model->n_band * model->n_band;
    model->scratch_h = kd_allocate(model->n_k, n_component * sizeof *model->scratch_h);
    model->scratch_r = kd_allocate(model->n_k, n_component * sizeof *model->scratch_r);
    if (!model->scratch_h || !model->scratch_r) {
      status = KD_ERROR_MEMORY;
      goto cleanup;
    }
    model->bytes += 2 * model->n_k * n_component * sizeof(double);
  }
  model->family = &lattice_family;
  model->terms = terms;
  *result = model;
  kd_free(order);
  return KD_OK;
cleanup:
  kd_lattice_table_free(table);
  kd_model_free(model);
  lattice_free(terms);
  kd_free(order);
  return status;
}
