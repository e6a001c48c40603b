#include "drift/phase_space.h"

#include <complex.h>
#include <fftw3.h>
#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <string.h>

#include "core/comm.h"
#include "core/eigen.h"
#include "core/error.h"
#include "core/fft_clock.h"
#include "core/lanes.h"
#include "core/memory.h"
#include "core/modes.h"
#include "core/packing.h"
#include "core/parallel.h"
#include "drift/columns.h"
#include "drift/differences.h"

/// Complex transforms take real numbers in pairs: x + i y gives (X(q) + conj X(-q))/2 and so on.
/// That is as little work as real transforms are, and FFTW has vector instructions for it.
///
/// Over R, a pair are two neighbors in k. PAIRS of them go through transforms together, copied from
/// f to rows of PITCH numbers: rows of f are often a power of 2 apart, so that columns of it
/// compete for the same few places of the cache.
enum { PAIRS = 16, CHUNK = 2 * PAIRS, PITCH = PAIRS + 1 };
/// Modes whose exponentials are made at a time, fewer where they would take more than
/// BATCH_NUMBERS.
enum { BATCH = 16, BATCH_NUMBERS = 1 << 21 };

const kd_choice kd_drift_choices[] = {
    {.name = "moyal", .meaning = "exact: finite displacements in R and k"},
    {.name = "gradient",
     .meaning = "first order in gradients: the classical drift of every matrix element",
     .reference = "Trukhan and Protik, eqs. 8-10"},
    {.name = NULL}};

/// A Fourier mode of R with the displacements q/2 that it stands for: one, or both signs along
/// every axis where it is the Nyquist mode. Over them the generator of the flow is averaged, so
/// that what the grid cannot tell apart moves as one, and unitarily.
typedef struct image_set {
  size_t n_image;
  double x[8][3];
} image_set;

/// Exponentials of one step. Compositions alternate between two steps, so two are kept.
enum { N_TABLE = 2 };

/// A chunk of k is kept as CHUNK numbers: PAIRS of the first of each pair, PAIRS of the second.
typedef struct kinetic_table {
  bool is_set;
  double energy, dt, field[3];
  unsigned long last_use;
  /// One and two bands: e^{-i (tr h(+) - tr h(-)) dt/(n hbar)} over 2 n n_r,
  /// [chunk][pair][2][CHUNK].
  double *phase;
  /// Two bands: u_0, u_x, u_y, u_z of e^{-i (h - tr h/2) dt/hbar}, [chunk][n_r][4][CHUNK].
  /// More: e^{-i h dt/hbar}/sqrt(2 n_r), [chunk][n_r][n_band][n_band][2][CHUNK].
  double *unitary;
} kinetic_table;

typedef struct kick_table {
  bool is_set;
  double t, dt, impulse[3];
  unsigned long version; ///< of U
  unsigned long last_use;
  double *factor; ///< [slab][2][n_half], over 2 n_k
  double *source; ///< what comes from the contacts, [slab][n_component][n_k]; NULL without
} kick_table;

/// Transforms of a grid, axis by axis: FFTW's estimates for whole grids can be far off.
typedef struct grid_fft {
  fftw_plan forward[3], backward[3]; ///< the last axis out of place, the others in place or NULL
} grid_fft;

struct kd_phase_space {
  kd_model *model;
  kd_space *space;
  bool is_gradient;
  double hbar, charge;
  size_t n_band, n_component, n_k, n_r;
  size_t slab; ///< points of R of this process
  int n_thread;
  unsigned long n_fft, n_use;

  // Kinetic:
  size_t m[3];     ///< points of R, axes moved to the back
  size_t n_pair;   ///< pairs q, -q
  size_t *plus;    ///< mode +q of a pair,
  size_t *minus;   ///< and -q, which may be the same
  image_set *half; ///< q/2 of the modes, [n_r]
  kd_columns *columns;
  size_t first_k, count_k; ///< k of the columns of this process
  size_t n_chunk;          ///< of them
  size_t n_matrix;         ///< room of three matrices per lane, of more than two bands
  size_t field;            ///< room of a component of a chunk: [n_r][PITCH]
  kinetic_table table[N_TABLE];
  size_t n_batch;               ///< pairs
  double *image;                ///< packed scratch, all k
  double *h;                    ///< [n_batch][2][n_component][count_k]
  double *energy;               ///< more than two bands: [n_batch][2][count_k][n_band]
  double complex *vector;       ///< and [n_batch][2][count_k][n_band][n_band]
  grid_fft over_r, over_r_tail; ///< of whole chunks and of the last one, if it is smaller

  // Potential:
  size_t n[3];          ///< points of k, axes moved to the back
  size_t pitch, volume; ///< room of a row of k, and of all rows
  size_t n_half;        ///< modes of the half-transform over k
  kd_differences *differences;
  kick_table kick[N_TABLE];
  size_t angle_pitch; ///< slab and more: no power of 2, as above
  double *angle;      ///< [BATCH][angle_pitch]
  // Contacts, NULL without:
  const kd_contacts *contacts;
  double *relaxation; ///< Gamma of each contact, [n_contact][slab][n_half], 1/fs
  double *feed;       ///< factors of the states of the contacts, [n_contact][slab][2][n_half]
  grid_fft over_k;

  size_t n_buffer;
  double complex **buffer; ///< one per thread
};

static void grid_fft_clear(grid_fft *fft) {
  for (int axis = 0; axis < 3; axis++) {
    if (fft->forward[axis]) fftw_destroy_plan(fft->forward[axis]);
    if (fft->backward[axis]) fftw_destroy_plan(fft->backward[axis]);
  }
}

void kd_phase_space_free(kd_phase_space *p) {
  if (!p) return;
  for (int i = 0; i < p->n_thread && p->buffer; i++) kd_free(p->buffer[i]);
  kd_free(p->buffer);
  kd_columns_free(p->columns);
  kd_free(p->plus);
  kd_free(p->minus);
  kd_free(p->half);
  for (int i = 0; i < N_TABLE; i++) {
    kd_free(p->table[i].phase);
    kd_free(p->table[i].unitary);
    kd_free(p->kick[i].factor);
    kd_free(p->kick[i].source);
  }
  kd_free(p->h);
  kd_free(p->image);
  kd_free(p->energy);
  kd_free(p->vector);
  kd_differences_free(p->differences);
  kd_free(p->angle);
  kd_free(p->relaxation);
  kd_free(p->feed);
  grid_fft_clear(&p->over_r);
  grid_fft_clear(&p->over_r_tail);
  grid_fft_clear(&p->over_k);
  kd_free(p);
}

// --- transforms ---------------------------------------------------------------------------------

/// Plans of an array with these sizes and strides, transformed along the first three axes.
static kd_status grid_fft_create(const size_t size[4], const size_t stride[4], double complex *from,
                                 double complex *to, grid_fft *fft) {
  for (size_t axis = 0; axis < 3; axis++) {
    if (size[axis] == 1 && axis < 2) continue;
    fftw_iodim64 along = {0}, others[3];
    int n_other = 0;
    for (size_t a = 0; a < 4; a++) {
      const fftw_iodim64 dim = {
          .n = (ptrdiff_t)size[a], .is = (ptrdiff_t)stride[a], .os = (ptrdiff_t)stride[a]};
      if (a == axis)
        along = dim;
      else if (size[a] > 1)
        others[n_other++] = dim;
    }
    // ESTIMATE: a measured plan could differ from run to run, and so would the last digits.
    fftw_complex *in = (fftw_complex *)(axis == 2 ? from : to), *out = (fftw_complex *)to;
    fft->forward[axis] =
        fftw_plan_guru64_dft(1, &along, n_other, others, in, out, FFTW_FORWARD, FFTW_ESTIMATE);
    fft->backward[axis] =
        fftw_plan_guru64_dft(1, &along, n_other, others, in, out, FFTW_BACKWARD, FFTW_ESTIMATE);
    if (!fft->forward[axis] || !fft->backward[axis])
      return kd_error(KD_ERROR_INTERNAL, "FFTW cannot plan transforms of %zu x %zu x %zu points",
                      size[0], size[1], size[2]);
  }
  return KD_OK;
}

static void grid_fft_forward(const grid_fft *fft, double complex *from, double complex *to) {
  const double begin = kd_fft_begin();
  fftw_execute_dft(fft->forward[2], (fftw_complex *)from, (fftw_complex *)to);
  for (int axis = 1; axis >= 0; axis--)
    if (fft->forward[axis])
      fftw_execute_dft(fft->forward[axis], (fftw_complex *)to, (fftw_complex *)to);
  kd_fft_end(begin);
}

/// Overwrites `from`.
static void grid_fft_backward(const grid_fft *fft, double complex *from, double complex *to) {
  const double begin = kd_fft_begin();
  for (int axis = 0; axis < 2; axis++)
    if (fft->backward[axis])
      fftw_execute_dft(fft->backward[axis], (fftw_complex *)from, (fftw_complex *)from);
  fftw_execute_dft(fft->backward[2], (fftw_complex *)from, (fftw_complex *)to);
  kd_fft_end(begin);
}

/// From the transform z of x + i y at q, and w at -q, to twice those of x and y at q.
static inline void take_apart(kd_zlanes z, kd_zlanes w, kd_zlanes *x, kd_zlanes *y) {
  *x = (kd_zlanes){z.re + w.re, z.im - w.im};
  *y = (kd_zlanes){z.im + w.im, w.re - z.re};
}

static inline void put_together(kd_zlanes x, kd_zlanes y, kd_zlanes *z, kd_zlanes *w) {
  *z = (kd_zlanes){x.re - y.im, x.im + y.re};
  *w = (kd_zlanes){x.re + y.im, y.re - x.im};
}

// --- construction -------------------------------------------------------------------------------

static kd_status make_modes(kd_phase_space *p) {
  kd_status status = KD_OK;
  const size_t n_dim = kd_space_n_dim(p->space), offset = 3 - n_dim;
  for (size_t a = 0; a < 3; a++) p->m[a] = a < offset ? 1 : kd_space_n(p->space)[a - offset];
  const size_t *m = p->m;
  KD_ALLOCATE(p->half, p->n_r);
  KD_ALLOCATE(p->plus, p->n_r);
  KD_ALLOCATE(p->minus, p->n_r);
  for (size_t e = 0; e < p->n_r; e++) {
    const size_t j[3] = {e / (m[1] * m[2]), e / m[2] % m[1], e % m[2]};
    const size_t opposite =
        ((m[0] - j[0]) % m[0] * m[1] + (m[1] - j[1]) % m[1]) * m[2] + (m[2] - j[2]) % m[2];
    double number[3];
    for (int signs = 0; signs < 8; signs++) {
      if (!kd_mode_image(j, m, signs, number)) continue;
      double *x = p->half[e].x[p->half[e].n_image++];
      for (size_t d = 0; d < n_dim; d++)
        x[d] = M_PI * number[d + offset] / kd_space_length(p->space)[d];
    }
    if (e > opposite) continue;
    p->plus[p->n_pair] = e;
    p->minus[p->n_pair++] = opposite;
  }

cleanup:
  return status;
}

/// The next number of complex numbers that fills cache lines.
static size_t whole_lines(size_t count) {
  return (count + 3) / 4 * 4;
}

static void find_k_grid(kd_phase_space *p) {
  const size_t n_dim = kd_model_n_dim(p->model), offset = 3 - n_dim;
  for (size_t a = 0; a < 3; a++) p->n[a] = a < offset ? 1 : kd_model_n(p->model)[a - offset];
  // Columns over the other axes: again no power of 2 from row to row.
  p->pitch = n_dim == 1 ? p->n[2] : (p->n[2] / 4 | 1) * 4 + (p->n[2] % 4 ? 4 : 0);
  p->volume = whole_lines(p->n[0] * p->n[1] * p->pitch);
}

/// Numbers of a table, and of the matrices of one chunk and mode in it.
static size_t phase_numbers(const kd_phase_space *p) {
  return p->n_chunk * p->n_pair * 2 * CHUNK;
}
static size_t matrix_numbers(const kd_phase_space *p) {
  return (p->n_band == 2 ? 4 : 2 * p->n_component) * CHUNK;
}
static size_t unitary_numbers(const kd_phase_space *p) {
  return p->n_chunk * p->n_r * matrix_numbers(p);
}

static kd_status make_plans(kd_phase_space *p) {
  const size_t *m = p->m, *n = p->n;
  double complex *buffer = p->buffer[0];
  const size_t stride[4] = {m[1] * m[2] * PITCH, m[2] * PITCH, PITCH, 1};
  const size_t tail = (p->count_k % CHUNK + 1) / 2;
  if (p->count_k >= CHUNK)
    KD_TRY(grid_fft_create((const size_t[]){m[0], m[1], m[2], PAIRS}, stride, buffer,
                           buffer + p->field, &p->over_r));
  if (tail > 0)
    KD_TRY(grid_fft_create((const size_t[]){m[0], m[1], m[2], tail}, stride, buffer,
                           buffer + p->field, &p->over_r_tail));
  return grid_fft_create((const size_t[]){n[0], n[1], n[2], 1},
                         (const size_t[]){n[1] * p->pitch, p->pitch, 1, 1}, buffer,
                         buffer + p->volume, &p->over_k);
}

kd_status kd_phase_space_create(kd_model *model, kd_space *space, bool is_gradient,
                                kd_phase_space **result) {
  kd_status status = KD_OK;
  kd_phase_space *p = NULL;
  *result = NULL;
  KD_ALLOCATE(p, 1);
  p->model = model;
  p->space = space;
  p->is_gradient = is_gradient;
  p->hbar = kd_model_hbar(model);
  p->charge = kd_model_charge(model);
  p->n_band = kd_model_n_band(model);
  p->n_component = p->n_band * p->n_band;
  p->n_k = kd_model_n_k(model);
  p->n_r = kd_space_n_r(space);
  size_t first_r;
  kd_space_slab(space, &first_r, &p->slab);
  p->n_thread = omp_get_max_threads();
  KD_CHECK(make_modes(p));
  find_k_grid(p);
  // Of the differences as much may be kept as of the factors made of them.
  KD_CHECK(kd_differences_create(model, space, is_gradient,
                                 N_TABLE * p->slab * (p->n[0] * p->n[1] * (p->n[2] / 2 + 1)) * 2 *
                                     sizeof(double),
                                 &p->differences));
  p->n_half = kd_differences_n_half(p->differences);
  KD_CHECK(kd_columns_create(space, p->n_component, p->n_k, p->n_component * p->n_k, &p->columns));
  kd_columns_k(p->columns, &p->first_k, &p->count_k);
  p->n_chunk = (p->count_k + CHUNK - 1) / CHUNK;
  p->field = whole_lines(p->n_r * PITCH);
  p->n_matrix = p->n_band > 2 ? 3 * p->n_component * sizeof(kd_zlanes) / sizeof(double complex) : 0;
  const size_t columns = p->n_matrix + (1 + p->n_component) * p->field;
  p->n_buffer = columns > 2 * p->volume ? columns : 2 * p->volume;
  KD_ALLOCATE(p->buffer, (size_t)p->n_thread);
  for (int i = 0; i < p->n_thread; i++) KD_ALLOCATE(p->buffer[i], p->n_buffer);
  const size_t n = p->n_component * p->count_k;
  p->n_batch = BATCH_NUMBERS / (2 * n + 1) > BATCH ? BATCH : BATCH_NUMBERS / (2 * n + 1);
  if (p->n_batch > p->n_pair) p->n_batch = p->n_pair;
  if (p->n_batch < 1) p->n_batch = 1;
  KD_ALLOCATE(p->h, p->n_batch * 2 * n);
  KD_ALLOCATE(p->image, p->n_component * p->n_k);
  if (p->n_band > 2) {
    KD_ALLOCATE(p->energy, p->n_batch * 2 * p->n_band * p->count_k);
    KD_ALLOCATE(p->vector, p->n_batch * 2 * n);
  }
  for (int i = 0; i < N_TABLE; i++) {
    kinetic_table *table = &p->table[i];
    if (p->n_band <= 2) KD_ALLOCATE(table->phase, phase_numbers(p));
    if (p->n_band >= 2) KD_ALLOCATE(table->unitary, unitary_numbers(p));
    KD_ALLOCATE(p->kick[i].factor, p->slab * 2 * p->n_half);
  }
  p->angle_pitch = (p->slab / 8 | 1) * 8 + (p->slab % 8 ? 8 : 0);
  KD_ALLOCATE(p->angle, BATCH * p->angle_pitch);
  KD_CHECK(make_plans(p));
  *result = p;
  p = NULL;

cleanup:
  kd_phase_space_free(p);
  return status;
}

// --- kinetic: the tables ------------------------------------------------------------------------

/// h = energy H - charge e.r at the k of this process, averaged over the images of a mode.
static void sample(kd_phase_space *p, double energy, const double e[3], const image_set *images,
                   double *h) {
  const size_t n = p->n_component * p->count_k;
  const bool has_all = p->count_k == p->n_k;
  for (size_t i = 0; i < images->n_image; i++) {
    const double origin[3] = {0};
    kd_model_part part = {.energy = energy};
    for (int d = 0; d < 3; d++) {
      part.position[d] = -p->charge * e[d];
      if (p->is_gradient) part.gradient[d] = energy * images->x[i][d];
    }
    kd_model_sample(p->model, p->is_gradient ? origin : images->x[i], &part,
                    i == 0 && has_all ? h : p->image);
    if (i == 0 && has_all) continue;
    for (size_t c = 0; c < p->n_component; c++) {
      const double *image = p->image + c * p->n_k + p->first_k;
      double *to = h + c * p->count_k;
      for (size_t k = 0; k < p->count_k; k++) to[k] = (i == 0 ? 0 : to[k]) + image[k];
    }
  }
  for (size_t c = 0; c < n && images->n_image > 1; c++) h[c] /= (double)images->n_image;
}

/// Points of a chunk, and the slot of the j-th of them.
static size_t chunk_count(const kd_phase_space *p, size_t chunk) {
  return p->count_k - chunk * CHUNK < CHUNK ? p->count_k - chunk * CHUNK : CHUNK;
}
static size_t slot(size_t j) {
  return j % 2 * PAIRS + j / 2;
}

/// @param h  of +q and -q
static void fill_phase(const kd_phase_space *p, double angle, const double *plus,
                       const double *minus, size_t chunk, double *phase) {
  const size_t k = chunk * CHUNK, count = chunk_count(p, chunk), n_k = p->count_k;
  const double scale = -angle / (double)p->n_band, norm = 0.5 / (double)(p->n_band * p->n_r);
  double x[CHUNK] = {0}, re[CHUNK], im[CHUNK];
  for (size_t a = 0; a < p->n_band; a++)
    for (size_t j = 0; j < count; j++) x[j] += plus[a * n_k + k + j] - minus[a * n_k + k + j];
#pragma omp simd
  for (size_t j = 0; j < CHUNK; j++) kd_cis(scale * x[j], &re[j], &im[j]);
  for (size_t j = 0; j < CHUNK; j++) {
    phase[slot(j)] = norm * re[j];
    phase[CHUNK + slot(j)] = norm * im[j];
  }
}

/// Two bands: e^{-i (h - tr h/2) dt} = u_0 - i u.sigma.
static void exponentiate_two(const kd_phase_space *p, double angle, const double *h, size_t chunk,
                             double *u) {
  const size_t k = chunk * CHUNK, count = chunk_count(p, chunk), n_k = p->count_k;
  double component[4][CHUNK] = {{0}}, result[4][CHUNK];
  for (size_t c = 0; c < 4; c++) memcpy(component[c], h + c * n_k + k, count * sizeof *h);
#pragma omp simd
  for (size_t j = 0; j < CHUNK; j++) {
    // Packed: H_00, H_11, sqrt(2) Re H_01, sqrt(2) Im H_01.
    const double x = KD_SQRT1_2 * component[2][j], y = -KD_SQRT1_2 * component[3][j];
    const double z = 0.5 * (component[0][j] - component[1][j]);
    const double size = sqrt(x * x + y * y + z * z);
    double cosine, sine;
    kd_cis(size * angle, &cosine, &sine);
    const double scale = size > 0 ? sine / size : angle;
    result[0][j] = cosine;
    result[1][j] = scale * x;
    result[2][j] = scale * y;
    result[3][j] = scale * z;
  }
  for (size_t c = 0; c < 4; c++)
    for (size_t j = 0; j < CHUNK; j++) u[c * CHUNK + slot(j)] = result[c][j];
}

/// The same of more bands, from eigenpairs.
static void exponentiate_many(const kd_phase_space *p, double angle, const double *energy,
                              const double complex *vector, size_t chunk, double *u) {
  const size_t n = p->n_band;
  const double norm = sqrt(0.5 / (double)p->n_r);
  for (size_t j = 0; j < chunk_count(p, chunk); j++) {
    const size_t k = chunk * CHUNK + j;
    const double complex *s = vector + k * n * n;
    double complex phase[KD_MAX_BAND];
    for (size_t l = 0; l < n; l++) phase[l] = norm * cexp(-I * angle * energy[k * n + l]);
    for (size_t a = 0; a < n; a++)
      for (size_t b = 0; b < n; b++) {
        double complex sum = 0;
        for (size_t l = 0; l < n; l++) sum += s[a * n + l] * phase[l] * conj(s[b * n + l]);
        u[2 * (a * n + b) * CHUNK + slot(j)] = creal(sum);
        u[(2 * (a * n + b) + 1) * CHUNK + slot(j)] = cimag(sum);
      }
  }
}

/// The parts of a table that belong to pair `i` of a batch.
static void fill(const kd_phase_space *p, double angle, size_t first, size_t i, size_t chunk,
                 kinetic_table *table) {
  const size_t n = p->n_component * p->count_k, pair = first + i;
  const size_t mode[2] = {p->plus[pair], p->minus[pair]};
  const size_t n_side = mode[0] == mode[1] ? 1 : 2;
  const double *h = p->h + 2 * i * n;
  if (table->phase)
    fill_phase(p, angle, h, h + (n_side - 1) * n, chunk,
               table->phase + (chunk * p->n_pair + pair) * 2 * CHUNK);
  for (size_t side = 0; side < n_side && table->unitary; side++) {
    double *u = table->unitary + (chunk * p->n_r + mode[side]) * matrix_numbers(p);
    const size_t place = 2 * i + side;
    if (p->n_band == 2)
      exponentiate_two(p, angle, h + side * n, chunk, u);
    else
      exponentiate_many(p, angle, p->energy + place * p->n_band * p->count_k, p->vector + place * n,
                        chunk, u);
  }
}

/// Whether place `i` of a batch, +q and -q in turns, is that of a mode: -q may be +q.
static bool is_used(const kd_phase_space *p, size_t first, size_t i) {
  return i % 2 == 0 || p->plus[first + i / 2] != p->minus[first + i / 2];
}

static kd_status diagonalize_one(kd_phase_space *p, size_t i) {
  const size_t n = p->n_component * p->count_k;
  return kd_eigen_field(p->n_band, p->count_k, p->h + i * n, p->energy + i * p->n_band * p->count_k,
                        p->vector + i * n);
}

/// Eigenpairs of a batch.
static kd_status diagonalize(kd_phase_space *p, size_t first, size_t count) {
  size_t failed = SIZE_MAX;
#pragma omp parallel for schedule(static) reduction(min                                            \
                                                    : failed)                                      \
    num_threads(p->n_thread) if (KD_WORTH_THREADS(count * p->n_component * p->count_k))
  for (size_t i = 0; i < 2 * count; i++)
    if (is_used(p, first, i) && diagonalize_one(p, i) != KD_OK && i < failed) failed = i;
  // Once more for the message, which belongs to the thread.
  return failed == SIZE_MAX ? KD_OK : diagonalize_one(p, failed);
}

/// Fills a table with the exponentials of all displacements.
static kd_status make_table(kd_phase_space *p, double energy, const double e[3], double dt,
                            kinetic_table *table) {
  const size_t n = p->n_component * p->count_k;
  const double angle = dt / p->hbar;
  table->is_set = false;
  for (size_t first = 0; first < p->n_pair; first += p->n_batch) {
    const size_t count = p->n_pair - first < p->n_batch ? p->n_pair - first : p->n_batch;
    for (size_t i = 0; i < 2 * count; i++)
      if (is_used(p, first, i)) {
        const size_t pair = first + i / 2;
        sample(p, energy, e, &p->half[i % 2 ? p->minus[pair] : p->plus[pair]], p->h + i * n);
      }
    if (p->n_band > 2) KD_TRY(diagonalize(p, first, count));
#pragma omp parallel for collapse(2) schedule(static)                                              \
    num_threads(p->n_thread) if (KD_WORTH_THREADS(count * n))
    for (size_t chunk = 0; chunk < p->n_chunk; chunk++)
      for (size_t i = 0; i < count; i++) fill(p, angle, first, i, chunk, table);
  }
  table->energy = energy;
  table->dt = dt;
  memcpy(table->field, e, sizeof table->field);
  table->is_set = true;
  return KD_OK;
}

static bool table_fits(const kinetic_table *table, double energy, const double e[3], double dt) {
  return table->is_set && table->energy == energy && table->dt == dt &&
         memcmp(table->field, e, sizeof table->field) == 0;
}

/// The table of a step: one that is there, or the one not used for longest, filled anew.
static kd_status find_table(kd_phase_space *p, double energy, const double e[3], double dt,
                            const kinetic_table **found) {
  kinetic_table *table = &p->table[0];
  for (int i = 0; i < N_TABLE; i++) {
    const bool fits = table_fits(&p->table[i], energy, e, dt);
    if (fits || p->table[i].last_use < table->last_use) table = &p->table[i];
    if (fits) break;
  }
  if (!table_fits(table, energy, e, dt))
    KD_TRY(kd_comm_agree(kd_space_comm(p->space), make_table(p, energy, e, dt, table)));
  table->last_use = ++p->n_use;
  *found = table;
  return KD_OK;
}

// --- kinetic: the step --------------------------------------------------------------------------

/// One band: z := phase(+) conj(phase(-)) z for all modes.
/// @param width  pairs of k in this chunk; numbers beyond are multiplied by 0 and not used
static void turn_one(const kd_phase_space *p, const kinetic_table *table, size_t chunk,
                     size_t width, double complex *field) {
  const double *phase = table->phase + chunk * p->n_pair * 2 * CHUNK;
  for (size_t pair = 0; pair < p->n_pair; pair++, phase += 2 * CHUNK) {
    double complex *plus = field + p->plus[pair] * PITCH, *minus = field + p->minus[pair] * PITCH;
    for (size_t j = 0; j < width; j += KD_LANES) {
      kd_zlanes z = kd_zlanes_load(plus + j), w = kd_zlanes_load(minus + j), x, y;
      take_apart(z, w, &x, &y);
      x = kd_zlanes_times(kd_zlanes_split(phase + j, phase + CHUNK + j), x);
      y = kd_zlanes_times(kd_zlanes_split(phase + PAIRS + j, phase + CHUNK + PAIRS + j), y);
      put_together(x, y, &z, &w);
      kd_zlanes_store(plus + j, z);
      kd_zlanes_store(minus + j, w);
    }
  }
}

static inline kd_zlanes sum(kd_zlanes a, kd_zlanes b) {
  return (kd_zlanes){a.re + b.re, a.im + b.im};
}
static inline kd_zlanes difference(kd_zlanes a, kd_zlanes b) {
  return (kd_zlanes){a.re - b.re, a.im - b.im};
}

/// a A + b B + c C + d D
static inline kd_zlanes combine(kd_lanes a, kd_zlanes A, kd_lanes b, kd_zlanes B, kd_lanes c,
                                kd_zlanes C, kd_lanes d, kd_zlanes D) {
  return (kd_zlanes){a * A.re + b * B.re + c * C.re + d * D.re,
                     a * A.im + b * B.im + c * C.im + d * D.im};
}

/// U f W^dagger for two bands, times a phase. With quaternion units e_j = -i sigma_j,
/// U = u_0 + u.e, W^dagger = w_0 - w.e, and the matrix f = f_0 + f.sigma = f_0 + i f.e is a
/// quaternion with complex coefficients.
/// @param u, w  from one component to the next CHUNK numbers
/// @param f     packed components; replaced
static inline void turn_quaternion(const double *u, const double *w, kd_zlanes phase,
                                   kd_zlanes f[4]) {
  const kd_lanes u0 = kd_lanes_load(u), ux = kd_lanes_load(u + CHUNK);
  const kd_lanes uy = kd_lanes_load(u + 2 * CHUNK), uz = kd_lanes_load(u + 3 * CHUNK);
  const kd_lanes w0 = kd_lanes_load(w), wx = kd_lanes_load(w + CHUNK);
  const kd_lanes wy = kd_lanes_load(w + 2 * CHUNK), wz = kd_lanes_load(w + 3 * CHUNK);
  // Twice f: f_00 + f_11, f_00 - f_11; times i: (re, im) -> (-im, re). Packed components 2 and 3
  // are sqrt(2) f_x and -sqrt(2) f_y.
  const kd_zlanes trace = sum(f[0], f[1]), z = difference(f[0], f[1]);
  const kd_zlanes a0 = trace, az = {-z.im, z.re};
  const kd_zlanes ax = {-KD_SQRT2 * f[2].im, KD_SQRT2 * f[2].re};
  const kd_zlanes ay = {KD_SQRT2 * f[3].im, -KD_SQRT2 * f[3].re};
  const kd_zlanes b0 = combine(u0, a0, -ux, ax, -uy, ay, -uz, az);
  const kd_zlanes bx = combine(u0, ax, ux, a0, uy, az, -uz, ay);
  const kd_zlanes by = combine(u0, ay, uy, a0, uz, ax, -ux, az);
  const kd_zlanes bz = combine(u0, az, uz, a0, ux, ay, -uy, ax);
  const kd_zlanes c0 = combine(w0, b0, wx, bx, wy, by, wz, bz);
  const kd_zlanes cx = combine(w0, bx, -wx, b0, -wz, by, wy, bz);
  const kd_zlanes cy = combine(w0, by, -wy, b0, -wx, bz, wz, bx);
  const kd_zlanes cz = combine(w0, bz, -wz, b0, -wy, bx, wx, by);
  const kd_zlanes g0 = kd_zlanes_times(phase, c0), gz = kd_zlanes_times(phase, cz);
  const kd_zlanes gx = kd_zlanes_times(phase, cx), gy = kd_zlanes_times(phase, cy);
  f[0] = (kd_zlanes){g0.re + gz.im, g0.im - gz.re};
  f[1] = (kd_zlanes){g0.re - gz.im, g0.im + gz.re};
  f[2] = (kd_zlanes){KD_SQRT2 * gx.im, -KD_SQRT2 * gx.re};
  f[3] = (kd_zlanes){-KD_SQRT2 * gy.im, KD_SQRT2 * gy.re};
}

static void turn_two(const kd_phase_space *p, const kinetic_table *table, size_t chunk,
                     size_t width, double complex *field) {
  const double *phase = table->phase + chunk * p->n_pair * 2 * CHUNK;
  const double *unitary = table->unitary + chunk * p->n_r * 4 * CHUNK;
  for (size_t pair = 0; pair < p->n_pair; pair++, phase += 2 * CHUNK) {
    double complex *plus = field + p->plus[pair] * PITCH, *minus = field + p->minus[pair] * PITCH;
    const double *u = unitary + p->plus[pair] * 4 * CHUNK;
    const double *w = unitary + p->minus[pair] * 4 * CHUNK;
    for (size_t j = 0; j < width; j += KD_LANES) {
      kd_zlanes x[4], y[4];
      for (size_t c = 0; c < 4; c++)
        take_apart(kd_zlanes_load(plus + c * p->field + j),
                   kd_zlanes_load(minus + c * p->field + j), &x[c], &y[c]);
      turn_quaternion(u + j, w + j, kd_zlanes_split(phase + j, phase + CHUNK + j), x);
      turn_quaternion(u + PAIRS + j, w + PAIRS + j,
                      kd_zlanes_split(phase + PAIRS + j, phase + CHUNK + PAIRS + j), y);
      for (size_t c = 0; c < 4; c++) {
        kd_zlanes z, v;
        put_together(x[c], y[c], &z, &v);
        kd_zlanes_store(plus + c * p->field + j, z);
        kd_zlanes_store(minus + c * p->field + j, v);
      }
    }
  }
}

/// U f W^dagger for any number of bands.
/// @param f     packed components, replaced
/// @param left  scratch, as large
static void turn_matrix(size_t n, const double *u, const double *w, kd_zlanes *f, kd_zlanes *left) {
  // From packed components to the matrix and back: both are n^2 numbers.
  for (size_t a = 0; a < n; a++) {
    left[a * n + a] = f[a];
    for (size_t b = a + 1; b < n; b++) {
      const kd_zlanes re = f[kd_pair(a, b, n)], im = f[kd_pair(a, b, n) + 1];
      left[a * n + b] = (kd_zlanes){KD_SQRT1_2 * (re.re - im.im), KD_SQRT1_2 * (re.im + im.re)};
      left[b * n + a] = (kd_zlanes){KD_SQRT1_2 * (re.re + im.im), KD_SQRT1_2 * (re.im - im.re)};
    }
  }
  for (size_t a = 0; a < n; a++)
    for (size_t b = 0; b < n; b++) {
      kd_zlanes total = {{0}, {0}};
      for (size_t c = 0; c < n; c++) {
        const double *element = u + 2 * (a * n + c) * CHUNK;
        total =
            sum(total, kd_zlanes_times(kd_zlanes_split(element, element + CHUNK), left[c * n + b]));
      }
      f[a * n + b] = total;
    }
  for (size_t a = 0; a < n; a++)
    for (size_t b = 0; b < n; b++) {
      kd_zlanes total = {{0}, {0}};
      for (size_t c = 0; c < n; c++) {
        const double *element = w + 2 * (b * n + c) * CHUNK;
        const kd_lanes re = kd_lanes_load(element), im = -kd_lanes_load(element + CHUNK);
        total = sum(total, kd_zlanes_times((kd_zlanes){re, im}, f[a * n + c]));
      }
      left[a * n + b] = total;
    }
  for (size_t a = 0; a < n; a++) {
    f[a] = left[a * n + a];
    for (size_t b = a + 1; b < n; b++) {
      const kd_zlanes ab = left[a * n + b], ba = left[b * n + a];
      f[kd_pair(a, b, n)] = (kd_zlanes){KD_SQRT1_2 * (ab.re + ba.re), KD_SQRT1_2 * (ab.im + ba.im)};
      f[kd_pair(a, b, n) + 1] =
          (kd_zlanes){KD_SQRT1_2 * (ab.im - ba.im), KD_SQRT1_2 * (ba.re - ab.re)};
    }
  }
}

/// @param x  scratch of 3 n_band^2 numbers
static void turn_many(const kd_phase_space *p, const kinetic_table *table, size_t chunk,
                      size_t width, double complex *field, kd_zlanes *x) {
  const size_t n_c = p->n_component, size = 2 * n_c * CHUNK;
  const double *unitary = table->unitary + chunk * p->n_r * size;
  kd_zlanes *y = x + n_c, *scratch = y + n_c;
  for (size_t pair = 0; pair < p->n_pair; pair++) {
    double complex *plus = field + p->plus[pair] * PITCH, *minus = field + p->minus[pair] * PITCH;
    const double *u = unitary + p->plus[pair] * size, *w = unitary + p->minus[pair] * size;
    for (size_t j = 0; j < width; j += KD_LANES) {
      for (size_t c = 0; c < n_c; c++)
        take_apart(kd_zlanes_load(plus + c * p->field + j),
                   kd_zlanes_load(minus + c * p->field + j), &x[c], &y[c]);
      turn_matrix(p->n_band, u + j, w + j, x, scratch);
      turn_matrix(p->n_band, u + PAIRS + j, w + PAIRS + j, y, scratch);
      for (size_t c = 0; c < n_c; c++) {
        kd_zlanes z, v;
        put_together(x[c], y[c], &z, &v);
        kd_zlanes_store(plus + c * p->field + j, z);
        kd_zlanes_store(minus + c * p->field + j, v);
      }
    }
  }
}

static void prefetch(const double *x, size_t count) {
  for (size_t i = 0; i < count; i += 8) __builtin_prefetch(x + i, 0, 2);
}

/// While transforms compute, the tables of a chunk can be on their way: a part with each component.
/// Those of many bands have no room in the cache.
static void prefetch_tables(const kd_phase_space *p, const kinetic_table *table, size_t chunk,
                            size_t component) {
  if (p->n_band > 2) return;
  const size_t part = chunk * p->n_component + component;
  const size_t n_phase = p->n_pair * 2 * CHUNK / p->n_component, n_unitary = p->n_r * CHUNK;
  prefetch(table->phase + part * n_phase, n_phase);
  if (p->n_band == 2) prefetch(table->unitary + part * n_unitary, n_unitary);
}

/// Columns of one component at `k`, counted from the first one here, to the rows of `z`; an odd one
/// is paired with zeros.
static void gather(const kd_column_part *parts, size_t n_part, size_t component, size_t k,
                   size_t count, double complex *z) {
  for (size_t part = 0; part < n_part; part++) {
    const kd_column_part *own = &parts[part];
    const double *f = own->data + component * own->step + k;
    for (size_t r = own->first; r < own->end; r++, f += own->stride) {
      double *row = (double *)(z + r * PITCH);
      if (count == CHUNK) {
        memcpy(row, f, CHUNK * sizeof *row);
      } else {
        memcpy(row, f, count * sizeof *row);
        if (count % 2) row[count] = 0;
      }
    }
  }
}

static void scatter(const kd_column_part *parts, size_t n_part, size_t component, size_t k,
                    size_t count, const double complex *z) {
  for (size_t part = 0; part < n_part; part++) {
    const kd_column_part *own = &parts[part];
    double *f = own->data + component * own->step + k;
    for (size_t r = own->first; r < own->end; r++, f += own->stride) {
      const double *row = (const double *)(z + r * PITCH);
      if (count == CHUNK)
        memcpy(f, row, CHUNK * sizeof *row);
      else
        memcpy(f, row, count * sizeof *row);
    }
  }
}

/// One band or more: multiplies the transformed components of a chunk.
static void turn(const kd_phase_space *p, const kinetic_table *table, size_t chunk, size_t width,
                 double complex *field, double complex *matrices) {
  if (p->n_band == 1)
    turn_one(p, table, chunk, width, field);
  else if (p->n_band == 2)
    turn_two(p, table, chunk, width, field);
  else
    turn_many(p, table, chunk, width, field, (kd_zlanes *)matrices);
}

/// Transforms f along R, multiplies, and transforms back, a chunk of k at a time.
/// @param table  NULL: the transforms alone
static kd_status sweep_columns(kd_phase_space *p, const kinetic_table *table, double *f) {
  const kd_column_part *parts;
  size_t n_part;
  KD_TRY(kd_columns_fetch(p->columns, f, &parts, &n_part));
#pragma omp parallel for schedule(static)                                                          \
    num_threads(p->n_thread) if (KD_WORTH_THREADS(p->n_r * p->n_component * p->count_k))
  for (size_t chunk = 0; chunk < p->n_chunk; chunk++) {
    const size_t k = chunk * CHUNK, count = chunk_count(p, chunk), width = (count + 1) / 2;
    const grid_fft *fft = count < CHUNK ? &p->over_r_tail : &p->over_r;
    double complex *matrices = p->buffer[omp_get_thread_num()], *columns = matrices + p->n_matrix;
    double complex *field = columns + p->field;
    for (size_t c = 0; c < p->n_component; c++) {
      gather(parts, n_part, c, k, count, columns);
      if (table) prefetch_tables(p, table, chunk, c);
      grid_fft_forward(fft, columns, field + c * p->field);
    }
    if (table) turn(p, table, chunk, width, field, matrices);
    for (size_t c = 0; c < p->n_component; c++) {
      grid_fft_backward(fft, field + c * p->field, columns);
      scatter(parts, n_part, c, k, count, columns);
    }
  }
  kd_columns_return(p->columns, f);
  p->n_fft += p->n_component;
  return KD_OK;
}

kd_status kd_phase_space_kinetic(kd_phase_space *p, const double e[3], double dt, double *f) {
  const kinetic_table *table;
  KD_TRY(find_table(p, 1, e, dt, &table));
  return sweep_columns(p, table, f);
}

kd_status kd_phase_space_dipole(kd_phase_space *p, const double impulse[3], double *f) {
  const kinetic_table *table;
  KD_TRY(find_table(p, 0, impulse, 1, &table));
  return sweep_columns(p, table, f);
}

// --- potential ----------------------------------------------------------------------------------

static unsigned long potential_version(const kd_phase_space *p) {
  unsigned long version = 0;
  for (size_t i = 0; i < kd_space_n_part(p->space); i++)
    version += kd_space_part_version(p->space, i);
  return version;
}

/// e^{i angle} of `count` modes from `first` on at n_here points from r on: angles are given by
/// mode, factors are kept by R.
static void fill_factors(const kd_phase_space *p, size_t r, size_t n_here, size_t first,
                         size_t count, double norm, double *factor) {
  double cosine[BATCH][CHUNK], sine[BATCH][CHUNK];
  for (size_t i = 0; i < count; i++) {
    const double *angle = p->angle + i * p->angle_pitch + r;
#pragma omp simd
    for (size_t j = 0; j < n_here; j++) kd_cis(angle[j], &cosine[i][j], &sine[i][j]);
  }
  for (size_t j = 0; j < n_here; j++) {
    double *re = factor + (r + j) * 2 * p->n_half + first, *im = re + p->n_half;
    // FFTW's mode m is that of s = -m.
    for (size_t i = 0; i < count; i++) re[i] = norm * cosine[i][j], im[i] = norm * sine[i][j];
  }
}

/// (e^z - 1)/z
static double complex phi(double complex z) {
  const double smallest = 1e-3; // below, four terms are exact to rounding
  if (cabs(z) < smallest) return 1 + z / 2 * (1 + z / 3 * (1 + z / 4 * (1 + z / 5)));
  return (cexp(z) - 1) / z;
}

/// Adds the contacts to the factors e^{i angle} of `count` modes from `first` on at one R, and
/// fills those of their states. A mode that obeys
///
///   df/dt = (i angle/dt - Gamma) f + sum_c Gamma_c f_c,  Gamma = sum_c Gamma_c,
///
/// goes over to e^z f + dt sum_c Gamma_c phi(z) f_c, z = i angle - Gamma dt.
static void damp(kd_phase_space *p, size_t r, size_t first, size_t count, double dt, double norm,
                 double *factor) {
  const size_t n_contact = kd_contacts_count(p->contacts);
  for (size_t mode = first; mode < first + count; mode++) {
    const double angle = p->angle[(mode - first) * p->angle_pitch + r];
    double *re = factor + r * 2 * p->n_half + mode, *im = re + p->n_half, rate = 0;
    for (size_t c = 0; c < n_contact; c++)
      rate += p->relaxation[(c * p->slab + r) * p->n_half + mode];
    const double damping = exp(-rate * dt);
    const double complex mean = rate > 0 ? norm * dt * phi(I * angle - rate * dt) : 0;
    *re *= damping, *im *= damping;
    for (size_t c = 0; c < n_contact; c++) {
      const double own = p->relaxation[(c * p->slab + r) * p->n_half + mode];
      double *feed = p->feed + (c * p->slab + r) * 2 * p->n_half + mode;
      feed[0] = own * creal(mean);
      feed[p->n_half] = own * cimag(mean);
    }
  }
}

static void sweep_rows(kd_phase_space *p, const double *factor, const double *from, size_t stride,
                       const double *plus, double *to);

static kd_status make_kick(kd_phase_space *p, double t, const double impulse[3], double dt,
                           kick_table *kick) {
  const double norm = 0.5 / (double)p->n_k;
  const bool relaxes = p->contacts && dt != 0;
  double force[3];
  for (int d = 0; d < 3; d++) force[d] = p->charge * impulse[d] / p->hbar;
  kick->is_set = false;
  for (size_t first = 0; first < p->n_half; first += BATCH) {
    const size_t count = p->n_half - first < BATCH ? p->n_half - first : BATCH;
    KD_TRY(kd_differences_batch(p->differences, t, dt / p->hbar, force, first, count,
                                p->angle_pitch, p->angle));
#pragma omp parallel for schedule(static)                                                          \
    num_threads(p->n_thread) if (KD_WORTH_THREADS(count * p->slab))
    for (size_t r = 0; r < p->slab; r += CHUNK) {
      const size_t n_here = p->slab - r < CHUNK ? p->slab - r : CHUNK;
      fill_factors(p, r, n_here, first, count, norm, kick->factor);
      for (size_t j = 0; j < n_here && relaxes; j++)
        damp(p, r + j, first, count, dt, norm, kick->factor);
    }
  }
  for (size_t c = 0; relaxes && c < kd_contacts_count(p->contacts); c++)
    sweep_rows(p, p->feed + c * p->slab * 2 * p->n_half, kd_contacts_state(p->contacts, c), 0,
               c == 0 ? NULL : kick->source, kick->source);
  kick->t = t;
  kick->dt = dt;
  kick->version = potential_version(p);
  memcpy(kick->impulse, impulse, sizeof kick->impulse);
  kick->is_set = true;
  return KD_OK;
}

static bool kick_fits(const kd_phase_space *p, const kick_table *kick, double t,
                      const double impulse[3], double dt) {
  return kick->is_set && kick->dt == dt && (kick->t == t || !kd_space_is_driven(p->space)) &&
         kick->version == potential_version(p) &&
         memcmp(impulse, kick->impulse, sizeof kick->impulse) == 0;
}

static kd_status find_kick(kd_phase_space *p, double t, const double impulse[3], double dt,
                           const kick_table **found) {
  kick_table *kick = &p->kick[0];
  for (int i = 0; i < N_TABLE; i++) {
    const bool fits = kick_fits(p, &p->kick[i], t, impulse, dt);
    if (fits || p->kick[i].last_use < kick->last_use) kick = &p->kick[i];
    if (fits) break;
  }
  if (!kick_fits(p, kick, t, impulse, dt))
    KD_TRY(kd_comm_agree(kd_space_comm(p->space), make_kick(p, t, impulse, dt, kick)));
  kick->last_use = ++p->n_use;
  *found = kick;
  return KD_OK;
}

/// Two rows of f as real and imaginary parts of `z`.
static void gather_rows(const kd_phase_space *p, const double *x, const double *y,
                        double complex *z) {
  for (size_t row = 0; row < p->n[0] * p->n[1]; row++, x += p->n[2], y += p->n[2]) {
    double *to = (double *)(z + row * p->pitch);
#pragma omp simd
    for (size_t k = 0; k < p->n[2]; k++) {
      to[2 * k] = x[k];
      to[2 * k + 1] = y[k];
    }
  }
}

static void scatter_rows(const kd_phase_space *p, const double complex *z, double *x, double *y) {
  for (size_t row = 0; row < p->n[0] * p->n[1]; row++, x += p->n[2], y += p->n[2]) {
    const double *from = (const double *)(z + row * p->pitch);
#pragma omp simd
    for (size_t k = 0; k < p->n[2]; k++) {
      x[k] = from[2 * k];
      y[k] = from[2 * k + 1];
    }
  }
}

/// The same, plus two rows a and b. All four may be one, where an odd row is paired with itself.
static void scatter_sums(const kd_phase_space *p, const double complex *z, const double *a,
                         const double *b, double *x, double *y) {
  for (size_t row = 0; row < p->n[0] * p->n[1]; row++) {
    const double *from = (const double *)(z + row * p->pitch);
    for (size_t i = 0, k = row * p->n[2]; i < p->n[2]; i++, k++) {
      const double value[2] = {from[2 * i] + a[k], from[2 * i + 1] + b[k]};
      x[k] = value[0];
      y[k] = value[1];
    }
  }
}

/// The modes s and -s of two rows, from `z` to `result`.
/// @param a, b  factors of the rows, real parts; the imaginary ones are n_half further
static inline void kick_one(size_t n_half, const double *a, const double *b,
                            const double complex *plus, const double complex *minus,
                            double complex *to_plus, double complex *to_minus) {
  const double complex z = *plus, w = conj(*minus);
  const double complex x = (z + w) * (a[0] + I * a[n_half]);
  const double complex y = -I * (z - w) * (b[0] + I * b[n_half]);
  *to_plus = x + I * y;
  *to_minus = conj(x) + I * conj(y);
}

static inline void kick_lanes(size_t n_half, const double *a, const double *b,
                              const double complex *plus, const double complex *minus,
                              double complex *to_plus, double complex *to_minus) {
  kd_zlanes z = kd_zlanes_load(plus), w = kd_zlanes_load_back(minus), x, y;
  take_apart(z, w, &x, &y);
  x = kd_zlanes_times(kd_zlanes_split(a, a + n_half), x);
  y = kd_zlanes_times(kd_zlanes_split(b, b + n_half), y);
  put_together(x, y, &z, &w);
  kd_zlanes_store(to_plus, z);
  kd_zlanes_store_back(to_minus, w);
}

/// @param a, b  factors of the two rows
static void kick_rows(const kd_phase_space *p, const double *a, const double *b,
                      const double complex *z, double complex *result) {
  const size_t n = p->n[2], last = n / 2 + 1, inner = (n - 1) / 2, n_half = p->n_half;
  for (size_t j0 = 0; j0 < p->n[0]; j0++)
    for (size_t j1 = 0; j1 < p->n[1]; j1++) {
      const size_t row = j0 * p->n[1] + j1;
      const size_t opposite = (p->n[0] - j0) % p->n[0] * p->n[1] + (p->n[1] - j1) % p->n[1];
      const double *own_a = a + row * last, *own_b = b + row * last;
      const double complex *plus = z + row * p->pitch, *minus = z + opposite * p->pitch;
      double complex *to_plus = result + row * p->pitch;
      double complex *to_minus = result + opposite * p->pitch;
      // The ends, 0 and Nyquist, meet those of the opposite row twice.
      if (row <= opposite) {
        kick_one(n_half, own_a, own_b, plus, minus, to_plus, to_minus);
        if (n % 2 == 0)
          kick_one(n_half, own_a + n / 2, own_b + n / 2, plus + n / 2, minus + n / 2,
                   to_plus + n / 2, to_minus + n / 2);
      }
      // The last block may overlap with the one before, as nothing is overwritten.
      for (size_t i = 0; i < inner; i += inner < KD_LANES ? 1 : KD_LANES) {
        if (inner < KD_LANES) {
          kick_one(n_half, own_a + i + 1, own_b + i + 1, plus + i + 1, minus + n - i - 1,
                   to_plus + i + 1, to_minus + n - i - 1);
          continue;
        }
        const size_t j = 1 + (i + KD_LANES <= inner ? i : inner - KD_LANES);
        kick_lanes(n_half, own_a + j, own_b + j, plus + j, minus + n - j, to_plus + j,
                   to_minus + n - j);
      }
    }
}

/// Transforms along k, multiplies, transforms back and adds, two rows at a time.
/// @param factor  [slab][2][n_half], over 2 n_k; NULL: the transforms alone
/// @param from    a field at the first R; at the next it is `stride` numbers further, or the same
/// @param plus    NULL, or laid out as `to`; may be the same
static void sweep_rows(kd_phase_space *p, const double *factor, const double *from, size_t stride,
                       const double *plus, double *to) {
  const size_t n_row = p->slab * p->n_component, n_k = p->n_k;
#pragma omp parallel for schedule(static)                                                          \
    num_threads(p->n_thread) if (KD_WORTH_THREADS(n_row * p->n_k))
  for (size_t first = 0; first < n_row; first += 2) {
    // The last of an odd number of rows is paired with itself.
    const size_t second = first + 1 < n_row ? first + 1 : first;
    const size_t r[2] = {first / p->n_component, second / p->n_component};
    const size_t c[2] = {first % p->n_component, second % p->n_component};
    double complex *z = p->buffer[omp_get_thread_num()], *transformed = z + p->volume;
    gather_rows(p, from + r[0] * stride + c[0] * n_k, from + r[1] * stride + c[1] * n_k, z);
    if (factor) {
      const double *a = factor + r[0] * 2 * p->n_half, *b = factor + r[1] * 2 * p->n_half;
      prefetch(a, 2 * p->n_half);
      if (b != a) prefetch(b, 2 * p->n_half);
      grid_fft_forward(&p->over_k, z, transformed);
      kick_rows(p, a, b, transformed, z);
      grid_fft_backward(&p->over_k, z, transformed);
    } else {
      grid_fft_forward(&p->over_k, z, transformed);
      grid_fft_backward(&p->over_k, transformed, z);
    }
    const double complex *result = factor ? transformed : z;
    double *x = to + first * n_k, *y = to + second * n_k;
    if (plus)
      scatter_sums(p, result, plus + first * n_k, plus + second * n_k, x, y);
    else
      scatter_rows(p, result, x, y);
  }
  p->n_fft += p->n_component;
}

kd_status kd_phase_space_potential(kd_phase_space *p, double t, const double impulse[3], double dt,
                                   double *f) {
  const bool relaxes = p->contacts && dt != 0;
  if (kd_space_is_free(p->space) && !relaxes && impulse[0] == 0 && impulse[1] == 0 &&
      impulse[2] == 0)
    return KD_OK;
  const kick_table *table;
  KD_TRY(find_kick(p, t, impulse, dt, &table));
  sweep_rows(p, table->factor, f, p->n_component * p->n_k, relaxes ? table->source : NULL, f);
  return KD_OK;
}

/// Gamma of one contact at one R and mode.
static double relaxation_at(const kd_phase_space *p, size_t contact, const double r[3],
                            size_t mode) {
  const double(*x)[3];
  const size_t n_image = kd_differences_images(p->differences, mode, &x);
  double sum = 0;
  for (size_t image = 0; image < n_image; image++) {
    double ahead[3], behind[3];
    for (size_t d = 0; d < 3; d++) {
      const double half = p->is_gradient ? 0 : 0.5 * x[image][d];
      ahead[d] = r[d] + half;
      behind[d] = r[d] - half;
    }
    sum += kd_contacts_rate(p->contacts, contact, ahead) +
           kd_contacts_rate(p->contacts, contact, behind);
  }
  return 0.5 * sum / (double)n_image;
}

kd_status kd_phase_space_set_contacts(kd_phase_space *p, const kd_contacts *contacts) {
  kd_status status = KD_OK;
  const size_t n_contact = kd_contacts_count(contacts);
  size_t first, count;
  if (n_contact == 0) return KD_OK;
  kd_space_slab(p->space, &first, &count);
  KD_ALLOCATE(p->relaxation, n_contact * count * p->n_half);
  KD_ALLOCATE(p->feed, n_contact * count * 2 * p->n_half);
  for (int i = 0; i < N_TABLE; i++) KD_ALLOCATE(p->kick[i].source, count * p->n_component * p->n_k);
  p->contacts = contacts;
  for (size_t c = 0; c < n_contact; c++)
    for (size_t r = 0; r < count; r++) {
      double at[3];
      kd_space_r(p->space, first + r, at);
      for (size_t mode = 0; mode < p->n_half; mode++)
        p->relaxation[(c * count + r) * p->n_half + mode] = relaxation_at(p, c, at, mode);
    }

cleanup:
  return status;
}

kd_status kd_phase_space_transforms(kd_phase_space *p, double *f) {
  KD_TRY(sweep_columns(p, NULL, f));
  sweep_rows(p, NULL, f, p->n_component * p->n_k, NULL, f);
  return KD_OK;
}

unsigned long kd_phase_space_n_fft(const kd_phase_space *p) {
  return p->n_fft;
}

size_t kd_phase_space_bytes(const kd_phase_space *p) {
  const size_t n = p->n_component * p->count_k;
  size_t numbers = N_TABLE * p->slab * 2 * p->n_half + 2 * p->n_batch * n +
                   p->n_component * p->n_k + BATCH * p->angle_pitch;
  if (p->n_band <= 2) numbers += N_TABLE * phase_numbers(p);
  if (p->n_band >= 2) numbers += N_TABLE * unitary_numbers(p);
  if (p->n_band > 2) numbers += 2 * p->n_batch * (2 * n + p->n_band * p->count_k);
  if (p->contacts)
    numbers += p->slab *
               (3 * kd_contacts_count(p->contacts) * p->n_half + N_TABLE * p->n_component * p->n_k);
  return numbers * sizeof(double) + kd_differences_bytes(p->differences) +
         p->n_r * sizeof *p->half + kd_columns_bytes(p->columns) +
         (size_t)p->n_thread * p->n_buffer * sizeof(double complex);
}
