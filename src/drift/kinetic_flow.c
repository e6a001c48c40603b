#include "drift/kinetic_flow.h"

#include <math.h>
#include <omp.h>
#include <stdint.h>
#include <string.h>

#include "core/comm.h"
#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/modes.h"
#include "core/packing.h"
#include "core/parallel.h"
#include "drift/columns.h"
#include "drift/grid_fft.h"

/// Two neighbors in k are a pair that is transformed over R together. PAIRS of them go through
/// transforms side by side, copied from f to rows of PITCH numbers: rows of f are often a power of
/// 2 apart, so that columns of it compete for the same few places of the cache.
enum { PAIRS = 8, CHUNK = 2 * PAIRS, PITCH = PAIRS + 1 };
/// Modes whose exponentials are made at a time, fewer where they would take more than
/// BATCH_NUMBERS.
enum { BATCH = 16, BATCH_NUMBERS = 1 << 21 };

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

struct kd_kinetic_flow {
  kd_model *model;
  kd_space *space;
  bool is_gradient;
  double hbar, charge;
  size_t n_band, n_component, n_k, n_r;
  int n_thread;
  unsigned long n_use, n_fft;

  size_t n_pair;   ///< pairs q, -q
  size_t *plus;    ///< mode +q of a pair,
  size_t *minus;   ///< and -q, which may be the same
  image_set *half; ///< q/2 of the modes, [n_r]
  kd_columns *columns;
  size_t first_k, count_k; ///< k of the columns of this process
  size_t n_chunk;          ///< of them
  size_t n_matrix;         ///< room of three matrices per lane, of more than two bands
  kinetic_table table[N_TABLE];
  size_t n_batch;                  ///< pairs
  double *image;                   ///< packed scratch, all k
  double *h;                       ///< [n_batch][2][n_component][count_k]
  double *energy;                  ///< more than two bands: [n_batch][2][count_k][n_band]
  double complex *vector;          ///< and [n_batch][2][count_k][n_band][n_band]
  kd_grid_fft over_r, over_r_tail; ///< of whole chunks and of the last one, if it is smaller

  size_t n_buffer;
  double complex **buffer; ///< one per thread
};

void kd_kinetic_flow_free(kd_kinetic_flow *self) {
  if (!self) return;
  for (int i = 0; i < self->n_thread && self->buffer; i++) kd_free(self->buffer[i]);
  kd_free(self->buffer);
  kd_columns_free(self->columns);
  kd_free(self->plus);
  kd_free(self->minus);
  kd_free(self->half);
  for (int i = 0; i < N_TABLE; i++) {
    kd_free(self->table[i].phase);
    kd_free(self->table[i].unitary);
  }
  kd_free(self->h);
  kd_free(self->image);
  kd_free(self->energy);
  kd_free(self->vector);
  kd_grid_fft_clear(&self->over_r);
  kd_grid_fft_clear(&self->over_r_tail);
  kd_free(self);
}

// --- construction -------------------------------------------------------------------------------

static kd_status make_modes(kd_kinetic_flow *self) {
  kd_status status = KD_OK;
  const size_t n_dim = kd_space_n_dim(self->space), offset = 3 - n_dim;
  const size_t *m = self->over_r.n;
  KD_ALLOCATE(self->half, self->n_r);
  KD_ALLOCATE(self->plus, self->n_r);
  KD_ALLOCATE(self->minus, self->n_r);
  for (size_t e = 0; e < self->n_r; e++) {
    const size_t j[3] = {e / (m[1] * m[2]), e / m[2] % m[1], e % m[2]};
    const size_t opposite =
        kd_grid_fft_opposite(&self->over_r, e / m[2]) * m[2] + (m[2] - j[2]) % m[2];
    double number[3];
    for (int signs = 0; signs < 8; signs++) {
      if (!kd_mode_image(j, m, signs, number)) continue;
      double *x = self->half[e].x[self->half[e].n_image++];
      for (size_t d = 0; d < n_dim; d++)
        x[d] = M_PI * number[d + offset] / kd_space_length(self->space)[d];
    }
    if (e > opposite) continue;
    self->plus[self->n_pair] = e;
    self->minus[self->n_pair++] = opposite;
  }

cleanup:
  return status;
}

/// Numbers of a table, and of the matrices of one chunk and mode in it.
static size_t phase_numbers(const kd_kinetic_flow *self) {
  return self->n_chunk * self->n_pair * 2 * CHUNK;
}
static size_t matrix_numbers(const kd_kinetic_flow *self) {
  return (self->n_band == 2 ? 4 : 2 * self->n_component) * CHUNK;
}
static size_t unitary_numbers(const kd_kinetic_flow *self) {
  return self->n_chunk * self->n_r * matrix_numbers(self);
}

static kd_status make_tables(kd_kinetic_flow *self) {
  kd_status status = KD_OK;
  const size_t n = self->n_component * self->count_k;
  self->n_batch = BATCH_NUMBERS / (2 * n + 1) > BATCH ? BATCH : BATCH_NUMBERS / (2 * n + 1);
  if (self->n_batch > self->n_pair) self->n_batch = self->n_pair;
  if (self->n_batch < 1) self->n_batch = 1;
  KD_ALLOCATE(self->h, self->n_batch * 2 * n);
  KD_ALLOCATE(self->image, self->n_component * self->n_k);
  if (self->n_band > 2) {
    KD_ALLOCATE(self->energy, self->n_batch * 2 * self->n_band * self->count_k);
    KD_ALLOCATE(self->vector, self->n_batch * 2 * n);
  }
  for (int i = 0; i < N_TABLE; i++) {
    kinetic_table *table = &self->table[i];
    if (self->n_band <= 2) KD_ALLOCATE(table->phase, phase_numbers(self));
    if (self->n_band >= 2) KD_ALLOCATE(table->unitary, unitary_numbers(self));
  }

cleanup:
  return status;
}

static kd_status make_buffers(kd_kinetic_flow *self) {
  kd_status status = KD_OK;
  self->n_matrix =
      self->n_band > 2 ? 3 * self->n_component * sizeof(kd_zlanes) / sizeof(double complex) : 0;
  self->n_buffer = self->n_matrix + (1 + self->n_component) * self->over_r.volume;
  KD_ALLOCATE(self->buffer, (size_t)self->n_thread);
  for (int i = 0; i < self->n_thread; i++) KD_ALLOCATE(self->buffer[i], self->n_buffer);

cleanup:
  return status;
}

kd_status kd_kinetic_flow_create(kd_model *model, kd_space *space, bool is_gradient,
                                 kd_kinetic_flow **result) {
  kd_status status = KD_OK;
  kd_kinetic_flow *self = NULL;
  const size_t n_dim = kd_space_n_dim(space), *n = kd_space_n(space);
  *result = NULL;
  KD_ALLOCATE(self, 1);
  self->model = model;
  self->space = space;
  self->is_gradient = is_gradient;
  self->hbar = kd_model_hbar(model);
  self->charge = kd_model_charge(model);
  self->n_band = kd_model_n_band(model);
  self->n_component = self->n_band * self->n_band;
  self->n_k = kd_model_n_k(model);
  self->n_r = kd_space_n_r(space);
  self->n_thread = omp_get_max_threads();
  KD_CHECK(kd_columns_create(space, self->n_component, self->n_k, self->n_component * self->n_k,
                             &self->columns));
  kd_columns_k(self->columns, &self->first_k, &self->count_k);
  self->n_chunk = (self->count_k + CHUNK - 1) / CHUNK;
  KD_CHECK(kd_grid_fft_create(n, n_dim, PAIRS, PITCH, &self->over_r));
  if (self->count_k % CHUNK)
    KD_CHECK(
        kd_grid_fft_create(n, n_dim, (self->count_k % CHUNK + 1) / 2, PITCH, &self->over_r_tail));
  KD_CHECK(make_modes(self));
  KD_CHECK(make_tables(self));
  KD_CHECK(make_buffers(self));
  *result = self;
  self = NULL;

cleanup:
  kd_kinetic_flow_free(self);
  return status;
}

// --- the tables ---------------------------------------------------------------------------------

/// h = energy H - charge e.r at the k of this process, averaged over the images of a mode.
static void sample(kd_kinetic_flow *self, double energy, const double e[3], const image_set *images,
                   double *h) {
  const size_t n = self->n_component * self->count_k;
  const bool has_all = self->count_k == self->n_k;
  for (size_t i = 0; i < images->n_image; i++) {
    const double origin[3] = {0};
    kd_model_part part = {.energy = energy};
    for (int d = 0; d < 3; d++) {
      part.position[d] = -self->charge * e[d];
      if (self->is_gradient) part.gradient[d] = energy * images->x[i][d];
    }
    kd_model_sample(self->model, self->is_gradient ? origin : images->x[i], &part,
                    i == 0 && has_all ? h : self->image);
    if (i == 0 && has_all) continue;
    for (size_t c = 0; c < self->n_component; c++) {
      const double *image = self->image + c * self->n_k + self->first_k;
      double *to = h + c * self->count_k;
      for (size_t k = 0; k < self->count_k; k++) to[k] = (i == 0 ? 0 : to[k]) + image[k];
    }
  }
  for (size_t c = 0; c < n && images->n_image > 1; c++) h[c] /= (double)images->n_image;
}

/// Points of a chunk, and the slot of the j-th of them.
static size_t chunk_count(const kd_kinetic_flow *self, size_t chunk) {
  return self->count_k - chunk * CHUNK < CHUNK ? self->count_k - chunk * CHUNK : CHUNK;
}
static size_t slot(size_t j) {
  return j % 2 * PAIRS + j / 2;
}

/// @param h  of +q and -q
static void fill_phase(const kd_kinetic_flow *self, double angle, const double *plus,
                       const double *minus, size_t chunk, double *phase) {
  const size_t k = chunk * CHUNK, count = chunk_count(self, chunk), n_k = self->count_k;
  const double scale = -angle / (double)self->n_band,
               norm = 0.5 / (double)(self->n_band * self->n_r);
  double x[CHUNK] = {0}, re[CHUNK], im[CHUNK];
  for (size_t a = 0; a < self->n_band; a++)
    for (size_t j = 0; j < count; j++) x[j] += plus[a * n_k + k + j] - minus[a * n_k + k + j];
#pragma omp simd
  for (size_t j = 0; j < CHUNK; j++) kd_cis(scale * x[j], &re[j], &im[j]);
  for (size_t j = 0; j < CHUNK; j++) {
    phase[slot(j)] = norm * re[j];
    phase[CHUNK + slot(j)] = norm * im[j];
  }
}

/// Two bands: e^{-i (h - tr h/2) dt} = u_0 - i u.sigma.
static void exponentiate_two(const kd_kinetic_flow *self, double angle, const double *h,
                             size_t chunk, double *u) {
  const size_t k = chunk * CHUNK, count = chunk_count(self, chunk), n_k = self->count_k;
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
static void exponentiate_many(const kd_kinetic_flow *self, double angle, const double *energy,
                              const double complex *vector, size_t chunk, double *u) {
  const size_t n = self->n_band;
  const double norm = sqrt(0.5 / (double)self->n_r);
  for (size_t j = 0; j < chunk_count(self, chunk); j++) {
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
static void fill(const kd_kinetic_flow *self, double angle, size_t first, size_t i, size_t chunk,
                 kinetic_table *table) {
  const size_t n = self->n_component * self->count_k, pair = first + i;
  const size_t mode[2] = {self->plus[pair], self->minus[pair]};
  const size_t n_side = mode[0] == mode[1] ? 1 : 2;
  const double *h = self->h + 2 * i * n;
  if (table->phase)
    fill_phase(self, angle, h, h + (n_side - 1) * n, chunk,
               table->phase + (chunk * self->n_pair + pair) * 2 * CHUNK);
  for (size_t side = 0; side < n_side && table->unitary; side++) {
    double *u = table->unitary + (chunk * self->n_r + mode[side]) * matrix_numbers(self);
    const size_t place = 2 * i + side;
    if (self->n_band == 2)
      exponentiate_two(self, angle, h + side * n, chunk, u);
    else
      exponentiate_many(self, angle, self->energy + place * self->n_band * self->count_k,
                        self->vector + place * n, chunk, u);
  }
}

/// Whether place `i` of a batch, +q and -q in turns, is that of a mode: -q may be +q.
static bool is_used(const kd_kinetic_flow *self, size_t first, size_t i) {
  return i % 2 == 0 || self->plus[first + i / 2] != self->minus[first + i / 2];
}

static kd_status diagonalize_one(kd_kinetic_flow *self, size_t i) {
  const size_t n = self->n_component * self->count_k;
  return kd_eigen_field(self->n_band, self->count_k, self->h + i * n,
                        self->energy + i * self->n_band * self->count_k, self->vector + i * n);
}

/// Eigenpairs of a batch.
static kd_status diagonalize(kd_kinetic_flow *self, size_t first, size_t count) {
  size_t failed = SIZE_MAX;
#pragma omp parallel for schedule(static) reduction(min                                            \
                                                    : failed)                                      \
    num_threads(self->n_thread) if (KD_WORTH_THREADS(count * self->n_component * self->count_k))
  for (size_t i = 0; i < 2 * count; i++)
    if (is_used(self, first, i) && diagonalize_one(self, i) != KD_OK && i < failed) failed = i;
  // Once more for the message, which belongs to the thread.
  return failed == SIZE_MAX ? KD_OK : diagonalize_one(self, failed);
}

/// Fills a table with the exponentials of all displacements.
static kd_status make_table(kd_kinetic_flow *self, double energy, const double e[3], double dt,
                            kinetic_table *table) {
  const size_t n = self->n_component * self->count_k;
  const double angle = dt / self->hbar;
  table->is_set = false;
  for (size_t first = 0; first < self->n_pair; first += self->n_batch) {
    const size_t count =
        self->n_pair - first < self->n_batch ? self->n_pair - first : self->n_batch;
    for (size_t i = 0; i < 2 * count; i++)
      if (is_used(self, first, i)) {
        const size_t pair = first + i / 2;
        sample(self, energy, e, &self->half[i % 2 ? self->minus[pair] : self->plus[pair]],
               self->h + i * n);
      }
    if (self->n_band > 2) KD_TRY(diagonalize(self, first, count));
#pragma omp parallel for collapse(2) schedule(static)                                              \
    num_threads(self->n_thread) if (KD_WORTH_THREADS(count * n))
    for (size_t chunk = 0; chunk < self->n_chunk; chunk++)
      for (size_t i = 0; i < count; i++) fill(self, angle, first, i, chunk, table);
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
static kd_status find_table(kd_kinetic_flow *self, double energy, const double e[3], double dt,
                            const kinetic_table **found) {
  kinetic_table *table = &self->table[0];
  for (int i = 0; i < N_TABLE; i++) {
    const bool fits = table_fits(&self->table[i], energy, e, dt);
    if (fits || self->table[i].last_use < table->last_use) table = &self->table[i];
    if (fits) break;
  }
  if (!table_fits(table, energy, e, dt))
    KD_TRY(kd_comm_agree(kd_space_comm(self->space), make_table(self, energy, e, dt, table)));
  table->last_use = ++self->n_use;
  *found = table;
  return KD_OK;
}

// --- the step -----------------------------------------------------------------------------------

/// One band: z := phase(+) conj(phase(-)) z for all modes.
/// @param width  pairs of k in this chunk; numbers beyond are multiplied by 0 and not used
static void turn_one(const kd_kinetic_flow *self, const kinetic_table *table, size_t chunk,
                     size_t width, double complex *field) {
  const double *phase = table->phase + chunk * self->n_pair * 2 * CHUNK;
  for (size_t pair = 0; pair < self->n_pair; pair++, phase += 2 * CHUNK) {
    double complex *plus = field + self->plus[pair] * PITCH,
                   *minus = field + self->minus[pair] * PITCH;
    for (size_t j = 0; j < width; j += KD_LANES) {
      kd_zlanes z = kd_zlanes_load(plus + j), w = kd_zlanes_load(minus + j), x, y;
      kd_take_apart(z, w, &x, &y);
      x = kd_zlanes_times(kd_zlanes_split(phase + j, phase + CHUNK + j), x);
      y = kd_zlanes_times(kd_zlanes_split(phase + PAIRS + j, phase + CHUNK + PAIRS + j), y);
      kd_put_together(x, y, &z, &w);
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

static void turn_two(const kd_kinetic_flow *self, const kinetic_table *table, size_t chunk,
                     size_t width, double complex *field) {
  const double *phase = table->phase + chunk * self->n_pair * 2 * CHUNK;
  const double *unitary = table->unitary + chunk * self->n_r * 4 * CHUNK;
  for (size_t pair = 0; pair < self->n_pair; pair++, phase += 2 * CHUNK) {
    double complex *plus = field + self->plus[pair] * PITCH,
                   *minus = field + self->minus[pair] * PITCH;
    const double *u = unitary + self->plus[pair] * 4 * CHUNK;
    const double *w = unitary + self->minus[pair] * 4 * CHUNK;
    for (size_t j = 0; j < width; j += KD_LANES) {
      kd_zlanes x[4], y[4];
      for (size_t c = 0; c < 4; c++)
        kd_take_apart(kd_zlanes_load(plus + c * self->over_r.volume + j),
                      kd_zlanes_load(minus + c * self->over_r.volume + j), &x[c], &y[c]);
      turn_quaternion(u + j, w + j, kd_zlanes_split(phase + j, phase + CHUNK + j), x);
      turn_quaternion(u + PAIRS + j, w + PAIRS + j,
                      kd_zlanes_split(phase + PAIRS + j, phase + CHUNK + PAIRS + j), y);
      for (size_t c = 0; c < 4; c++) {
        kd_zlanes z, v;
        kd_put_together(x[c], y[c], &z, &v);
        kd_zlanes_store(plus + c * self->over_r.volume + j, z);
        kd_zlanes_store(minus + c * self->over_r.volume + j, v);
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
static void turn_many(const kd_kinetic_flow *self, const kinetic_table *table, size_t chunk,
                      size_t width, double complex *field, kd_zlanes *x) {
  const size_t n_c = self->n_component, size = 2 * n_c * CHUNK;
  const double *unitary = table->unitary + chunk * self->n_r * size;
  kd_zlanes *y = x + n_c, *scratch = y + n_c;
  for (size_t pair = 0; pair < self->n_pair; pair++) {
    double complex *plus = field + self->plus[pair] * PITCH,
                   *minus = field + self->minus[pair] * PITCH;
    const double *u = unitary + self->plus[pair] * size, *w = unitary + self->minus[pair] * size;
    for (size_t j = 0; j < width; j += KD_LANES) {
      for (size_t c = 0; c < n_c; c++)
        kd_take_apart(kd_zlanes_load(plus + c * self->over_r.volume + j),
                      kd_zlanes_load(minus + c * self->over_r.volume + j), &x[c], &y[c]);
      turn_matrix(self->n_band, u + j, w + j, x, scratch);
      turn_matrix(self->n_band, u + PAIRS + j, w + PAIRS + j, y, scratch);
      for (size_t c = 0; c < n_c; c++) {
        kd_zlanes z, v;
        kd_put_together(x[c], y[c], &z, &v);
        kd_zlanes_store(plus + c * self->over_r.volume + j, z);
        kd_zlanes_store(minus + c * self->over_r.volume + j, v);
      }
    }
  }
}

/// While transforms compute, the tables of a chunk can be on their way: a part with each component.
/// Those of many bands have no room in the cache.
static void prefetch_tables(const kd_kinetic_flow *self, const kinetic_table *table, size_t chunk,
                            size_t component) {
  if (self->n_band > 2) return;
  const size_t part = chunk * self->n_component + component;
  const size_t n_phase = self->n_pair * 2 * CHUNK / self->n_component,
               n_unitary = self->n_r * CHUNK;
  kd_prefetch(table->phase + part * n_phase, n_phase);
  if (self->n_band == 2) kd_prefetch(table->unitary + part * n_unitary, n_unitary);
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
static void turn(const kd_kinetic_flow *self, const kinetic_table *table, size_t chunk,
                 size_t width, double complex *field, double complex *matrices) {
  if (self->n_band == 1)
    turn_one(self, table, chunk, width, field);
  else if (self->n_band == 2)
    turn_two(self, table, chunk, width, field);
  else
    turn_many(self, table, chunk, width, field, (kd_zlanes *)matrices);
}

/// Transforms f along R, multiplies, and transforms back, a chunk of k at a time.
/// @param table  NULL: the transforms alone
static kd_status sweep_columns(kd_kinetic_flow *self, const kinetic_table *table, double *f) {
  const kd_column_part *parts;
  size_t n_part;
  KD_TRY(kd_columns_fetch(self->columns, f, &parts, &n_part));
#pragma omp parallel for schedule(static) num_threads(                                             \
    self->n_thread) if (KD_WORTH_THREADS(self->n_r * self->n_component * self->count_k))
  for (size_t chunk = 0; chunk < self->n_chunk; chunk++) {
    const size_t k = chunk * CHUNK, count = chunk_count(self, chunk), width = (count + 1) / 2;
    const kd_grid_fft *fft = count < CHUNK ? &self->over_r_tail : &self->over_r;
    double complex *matrices = self->buffer[omp_get_thread_num()],
                   *columns = matrices + self->n_matrix;
    double complex *field = columns + self->over_r.volume;
    for (size_t c = 0; c < self->n_component; c++) {
      gather(parts, n_part, c, k, count, columns);
      if (table) prefetch_tables(self, table, chunk, c);
      kd_grid_fft_forward(fft, columns, field + c * self->over_r.volume);
    }
    if (table) turn(self, table, chunk, width, field, matrices);
    for (size_t c = 0; c < self->n_component; c++) {
      kd_grid_fft_backward(fft, field + c * self->over_r.volume, columns);
      scatter(parts, n_part, c, k, count, columns);
    }
  }
  kd_columns_return(self->columns, f);
  self->n_fft += self->n_component;
  return KD_OK;
}

kd_status kd_kinetic_flow_apply(kd_kinetic_flow *self, double energy, const double e[3], double dt,
                                double *f) {
  const kinetic_table *table;
  KD_TRY(find_table(self, energy, e, dt, &table));
  return sweep_columns(self, table, f);
}

kd_status kd_kinetic_flow_transforms(kd_kinetic_flow *self, double *f) {
  return sweep_columns(self, NULL, f);
}

unsigned long kd_kinetic_flow_n_fft(const kd_kinetic_flow *self) {
  return self->n_fft;
}

size_t kd_kinetic_flow_bytes(const kd_kinetic_flow *self) {
  const size_t n = self->n_component * self->count_k;
  size_t numbers = 2 * self->n_batch * n + self->n_component * self->n_k;
  if (self->n_band <= 2) numbers += N_TABLE * phase_numbers(self);
  if (self->n_band >= 2) numbers += N_TABLE * unitary_numbers(self);
  if (self->n_band > 2) numbers += 2 * self->n_batch * (2 * n + self->n_band * self->count_k);
  return numbers * sizeof(double) + self->n_r * sizeof *self->half +
         kd_columns_bytes(self->columns) +
         (size_t)self->n_thread * self->n_buffer * sizeof(double complex);
}
