#include "drift/phase_space.h"

#include <complex.h>
#include <fftw3.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"
#include "core/parallel.h"

/// Points of k that go through R transforms together: their columns of f are gathered from memory
/// once, and n_band^2 (n_r/2) CHUNK complex numbers should fit into the second-level cache.
enum { CHUNK = 16 };

const kd_choice kd_drift_choices[] = {
    {.name = "moyal", .meaning = "exact: finite displacements in R and k"},
    {.name = "gradient",
     .meaning = "first order in gradients: the classical drift of every matrix element",
     .reference = "Trukhan and Protik, eqs. 8-10"},
    {.name = NULL}};

/// A Fourier mode of R or k with the displacements (q/2 or s) that it stands for: one, or both
/// signs along every axis where it is the Nyquist mode. Over them the generator of the flow is
/// averaged, so that what the grid cannot tell apart moves as one, and unitarily.
typedef struct image_set {
  size_t n_image;
  double x[8][3];
} image_set;

/// Exponentials of one step. Compositions alternate between two steps, so two are kept.
enum { N_TABLE = 2 };

typedef struct kinetic_table {
  bool is_set;
  double dt, field[3];
  unsigned long last_use;
  double complex *phase;   ///< e^{-i tr h dt/(n hbar)}, [n_r][n_k]
  double *quaternion;      ///< two bands: u_0, u_x, u_y, u_z of e^{-i h dt}, [n_r][4][n_k]
  double complex *unitary; ///< more bands, [n_r][n_k][n_band][n_band]
} kinetic_table;

typedef struct kick_table {
  bool is_set;
  double t, dt, impulse[3];
  unsigned long last_use;
  double complex *factor; ///< [n_r][n_half]
} kick_table;

struct kd_phase_space {
  kd_model *model;
  kd_space *space;
  bool is_gradient;
  double hbar, charge;
  size_t n_band, n_component, n_k, n_r;
  int n_thread;
  unsigned long n_fft, n_use;

  // Kinetic:
  size_t m[3];     ///< points of R, axes moved to the back
  size_t n_mode;   ///< of the half-transform
  size_t *plus;    ///< entry of the tables for +q/2 of a mode of the half-transform,
  size_t *minus;   ///< and for -q/2
  image_set *half; ///< q/2 of the entries, which are the modes of the whole transform, [n_r]
  kinetic_table table[N_TABLE];
  double *h, *image; ///< packed: scratch
  fftw_plan to_q, from_q, tail_to_q, tail_from_q;

  // Potential:
  size_t n[3];             ///< points of k, axes moved to the back
  size_t n_half;           ///< modes of the half-transform over k
  image_set *displacement; ///< s, [n_half]
  kick_table kick[N_TABLE];
  double *difference, *slope, *angle; ///< [n_r]
  fftw_plan to_s, from_s;

  double complex **buffer; ///< one per thread
};

void kd_phase_space_free(kd_phase_space *p) {
  if (!p) return;
  for (int i = 0; i < p->n_thread && p->buffer; i++) kd_free(p->buffer[i]);
  kd_free(p->buffer);
  kd_free(p->plus);
  kd_free(p->minus);
  kd_free(p->half);
  for (int i = 0; i < N_TABLE; i++) {
    kd_free(p->table[i].phase);
    kd_free(p->table[i].quaternion);
    kd_free(p->table[i].unitary);
    kd_free(p->kick[i].factor);
  }
  kd_free(p->h);
  kd_free(p->image);
  kd_free(p->displacement);
  kd_free(p->difference);
  kd_free(p->slope);
  kd_free(p->angle);
  fftw_plan plans[] = {p->to_q, p->from_q, p->tail_to_q, p->tail_from_q, p->to_s, p->from_s};
  for (size_t i = 0; i < sizeof plans / sizeof *plans; i++)
    if (plans[i]) fftw_destroy_plan(plans[i]);
  kd_free(p);
}

// --- construction -------------------------------------------------------------------------------

/// Signed mode number of index j on an axis of n points; the Nyquist mode is +n/2.
static double mode_number(size_t j, size_t n) {
  return j <= n / 2 ? (double)j : (double)j - (double)n;
}

/// Calls of the mode with indices `j` of `n` for each combination of signs at Nyquist modes: fills
/// `number` and returns whether the combination `signs` (a bit per axis) is one.
static bool image_of(const size_t j[3], const size_t n[3], int signs, double number[3]) {
  for (size_t a = 0; a < 3; a++) {
    const bool flips = signs >> a & 1;
    if (flips && (n[a] == 1 || 2 * j[a] != n[a])) return false;
    number[a] = (flips ? -1 : 1) * mode_number(j[a], n[a]);
  }
  return true;
}

static kd_status make_modes(kd_phase_space *p) {
  kd_status status = KD_OK;
  const size_t n_dim = kd_space_n_dim(p->space), offset = 3 - n_dim;
  for (size_t a = 0; a < 3; a++) p->m[a] = a < offset ? 1 : kd_space_n(p->space)[a - offset];
  const size_t *m = p->m, last = m[2] / 2 + 1;
  p->n_mode = m[0] * m[1] * last;
  KD_ALLOCATE(p->half, p->n_r);
  KD_ALLOCATE(p->plus, p->n_mode);
  KD_ALLOCATE(p->minus, p->n_mode);
  for (size_t e = 0; e < p->n_r; e++) {
    const size_t j[3] = {e / (m[1] * m[2]), e / m[2] % m[1], e % m[2]};
    double number[3];
    for (int signs = 0; signs < 8; signs++) {
      if (!image_of(j, m, signs, number)) continue;
      double *x = p->half[e].x[p->half[e].n_image++];
      for (size_t d = 0; d < n_dim; d++)
        x[d] = M_PI * number[d + offset] / kd_space_length(p->space)[d];
    }
  }
  for (size_t i = 0; i < p->n_mode; i++) {
    const size_t j[3] = {i / last / m[1], i / last % m[1], i % last};
    p->plus[i] = (j[0] * m[1] + j[1]) * m[2] + j[2];
    p->minus[i] =
        ((m[0] - j[0]) % m[0] * m[1] + (m[1] - j[1]) % m[1]) * m[2] + (m[2] - j[2]) % m[2];
  }

cleanup:
  return status;
}

static kd_status make_displacements(kd_phase_space *p) {
  kd_status status = KD_OK;
  const size_t n_dim = kd_model_n_dim(p->model), offset = 3 - n_dim;
  for (size_t a = 0; a < 3; a++) p->n[a] = a < offset ? 1 : kd_model_n(p->model)[a - offset];
  const size_t last = p->n[2] / 2 + 1;
  p->n_half = p->n[0] * p->n[1] * last;
  KD_ALLOCATE(p->displacement, p->n_half);
  for (size_t i = 0; i < p->n_half; i++) {
    const size_t j[3] = {i / last / p->n[1], i / last % p->n[1], i % last};
    double number[3];
    for (int signs = 0; signs < 8; signs++) {
      if (!image_of(j, p->n, signs, number)) continue;
      double *x = p->displacement[i].x[p->displacement[i].n_image++];
      for (size_t a = offset; a < 3; a++)
        for (size_t d = 0; d < 3; d++)
          x[d] += number[a] * kd_model_duals(p->model)[3 * (a - offset) + d];
    }
  }

cleanup:
  return status;
}

static kd_status make_plans(kd_phase_space *p, double *f) {
  const int m[3] = {(int)p->m[0], (int)p->m[1], (int)p->m[2]};
  const int n[3] = {(int)p->n[0], (int)p->n[1], (int)p->n[2]};
  const int column = (int)(p->n_component * p->n_k);
  const int tail = (int)(p->n_k % CHUNK), whole = p->n_k >= CHUNK ? CHUNK : tail;
  fftw_complex *buffer = (fftw_complex *)p->buffer[0];
  // ESTIMATE: a measured plan could differ from run to run, and so would the last digits. The
  // columns of an odd number of k points are not aligned.
  const unsigned flags = FFTW_ESTIMATE | (p->n_k % 2 ? FFTW_UNALIGNED : 0);
  p->to_q = fftw_plan_many_dft_r2c(3, m, whole, f, NULL, column, 1, buffer, NULL, CHUNK, 1, flags);
  p->from_q =
      fftw_plan_many_dft_c2r(3, m, whole, buffer, NULL, CHUNK, 1, f, NULL, column, 1, flags);
  if (tail > 0) {
    p->tail_to_q =
        fftw_plan_many_dft_r2c(3, m, tail, f, NULL, column, 1, buffer, NULL, CHUNK, 1, flags);
    p->tail_from_q =
        fftw_plan_many_dft_c2r(3, m, tail, buffer, NULL, CHUNK, 1, f, NULL, column, 1, flags);
  }
  p->to_s = fftw_plan_dft_r2c(3, n, f, buffer, flags | FFTW_UNALIGNED);
  p->from_s = fftw_plan_dft_c2r(3, n, buffer, f, flags | FFTW_UNALIGNED);
  if (!p->to_q || !p->from_q || (tail > 0 && (!p->tail_to_q || !p->tail_from_q)) || !p->to_s ||
      !p->from_s)
    return kd_error(KD_ERROR_INTERNAL,
                    "FFTW cannot plan %d x %d x %d transforms over R or %d x %d "
                    "x %d over k",
                    m[0], m[1], m[2], n[0], n[1], n[2]);
  return KD_OK;
}

kd_status kd_phase_space_create(kd_model *model, kd_space *space, bool is_gradient,
                                kd_phase_space **result) {
  kd_status status = KD_OK;
  kd_phase_space *p = NULL;
  double *f = NULL;
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
  p->n_thread = omp_get_max_threads();
  KD_CHECK(make_modes(p));
  KD_CHECK(make_displacements(p));
  KD_ALLOCATE(p->buffer, (size_t)p->n_thread);
  const size_t columns = p->n_component * p->n_mode * CHUNK;
  for (int i = 0; i < p->n_thread; i++)
    KD_ALLOCATE(p->buffer[i], columns > p->n_half ? columns : p->n_half);
  KD_ALLOCATE(p->h, p->n_component * p->n_k);
  KD_ALLOCATE(p->image, p->n_component * p->n_k);
  for (int i = 0; i < N_TABLE; i++) {
    kinetic_table *table = &p->table[i];
    KD_ALLOCATE(table->phase, p->n_r * p->n_k);
    if (p->n_band == 2) KD_ALLOCATE(table->quaternion, p->n_r * 4 * p->n_k);
    if (p->n_band > 2) KD_ALLOCATE(table->unitary, p->n_r * p->n_k * p->n_component);
    KD_ALLOCATE(p->kick[i].factor, p->n_r * p->n_half);
  }
  KD_ALLOCATE(p->difference, p->n_r);
  KD_ALLOCATE(p->slope, p->n_r);
  KD_ALLOCATE(p->angle, p->n_r);
  KD_ALLOCATE(f, p->n_r * p->n_component * p->n_k);
  KD_CHECK(make_plans(p, f));
  *result = p;
  p = NULL;

cleanup:
  kd_free(f);
  kd_phase_space_free(p);
  return status;
}

// --- kinetic ------------------------------------------------------------------------------------

/// Two bands: e^{-i (h - tr h/2) dt} = u_0 - i u.sigma.
static void exponentiate_two(const kd_phase_space *p, double angle, double *u) {
  const size_t n_k = p->n_k;
  const double *h = p->h;
  for (size_t k = 0; k < n_k; k++) {
    // Packed: H_00, H_11, sqrt(2) Re H_01, sqrt(2) Im H_01.
    const double x = KD_SQRT1_2 * h[2 * n_k + k], y = -KD_SQRT1_2 * h[3 * n_k + k];
    const double z = 0.5 * (h[k] - h[n_k + k]), size = sqrt(x * x + y * y + z * z);
    const double scale = size > 0 ? sin(size * angle) / size : angle;
    u[k] = cos(size * angle);
    u[n_k + k] = scale * x;
    u[2 * n_k + k] = scale * y;
    u[3 * n_k + k] = scale * z;
  }
}

static kd_status exponentiate_many(const kd_phase_space *p, double angle, double complex *u) {
  kd_status status = KD_OK;
  const size_t n = p->n_band;
  double *energy = NULL;
  double complex *vector = NULL;
  KD_ALLOCATE(energy, n * p->n_k);
  KD_ALLOCATE(vector, n * n * p->n_k);
  KD_CHECK(kd_eigen_field(n, p->n_k, p->h, energy, vector));
  for (size_t k = 0; k < p->n_k; k++) {
    double complex diagonal[KD_MAX_MATRIX], scratch[KD_MAX_MATRIX];
    double mean = 0;
    memset(diagonal, 0, n * n * sizeof *diagonal);
    for (size_t a = 0; a < n; a++) mean += energy[k * n + a] / (double)n;
    for (size_t a = 0; a < n; a++)
      diagonal[a * n + a] = cexp(-I * angle * (energy[k * n + a] - mean));
    kd_eigen_rotate(n, vector + k * n * n, false, diagonal, u + k * n * n, scratch);
  }

cleanup:
  kd_free(energy);
  kd_free(vector);
  return status;
}

/// Fills a table with the exponentials of all displacements.
static kd_status make_table(kd_phase_space *p, const double e[3], double dt, kinetic_table *table) {
  const double angle = dt / p->hbar;
  table->is_set = false;
  for (size_t entry = 0; entry < p->n_r; entry++) {
    const image_set *images = &p->half[entry];
    for (size_t i = 0; i < images->n_image; i++) {
      const double origin[3] = {0};
      kd_model_part part = {.energy = 1};
      for (int d = 0; d < 3; d++) {
        part.position[d] = -p->charge * e[d];
        if (p->is_gradient) part.gradient[d] = images->x[i][d];
      }
      kd_model_sample(p->model, p->is_gradient ? origin : images->x[i], &part,
                      i == 0 ? p->h : p->image);
      for (size_t c = 0; c < p->n_component * p->n_k && i > 0; c++) p->h[c] += p->image[c];
    }
    for (size_t c = 0; c < p->n_component * p->n_k && images->n_image > 1; c++)
      p->h[c] /= (double)images->n_image;
    double complex *phase = table->phase + entry * p->n_k;
    for (size_t k = 0; k < p->n_k; k++) {
      double mean = 0;
      for (size_t a = 0; a < p->n_band; a++) mean += p->h[a * p->n_k + k] / (double)p->n_band;
      phase[k] = cos(angle * mean) - I * sin(angle * mean);
    }
    if (table->quaternion) exponentiate_two(p, angle, table->quaternion + entry * 4 * p->n_k);
    if (table->unitary)
      KD_TRY(exponentiate_many(p, angle, table->unitary + entry * p->n_k * p->n_component));
  }
  table->dt = dt;
  memcpy(table->field, e, sizeof table->field);
  table->is_set = true;
  return KD_OK;
}

/// The table of a step: one that is there, or the one not used for longest, filled anew.
static kd_status find_table(kd_phase_space *p, const double e[3], double dt,
                            const kinetic_table **found) {
  kinetic_table *table = &p->table[0];
  for (int i = 0; i < N_TABLE; i++) {
    kinetic_table *t = &p->table[i];
    const bool fits = t->is_set && t->dt == dt && memcmp(t->field, e, sizeof t->field) == 0;
    if (fits || t->last_use < table->last_use) table = t;
    if (fits) break;
  }
  if (!table->is_set || table->dt != dt || memcmp(table->field, e, sizeof table->field) != 0)
    KD_TRY(make_table(p, e, dt, table));
  table->last_use = ++p->n_use;
  *found = table;
  return KD_OK;
}

/// z := phase(+) conj(phase(-)) z for mode `mode` and `count` points from k on.
static void turn_one(const kd_phase_space *p, const kinetic_table *table, size_t mode, size_t k,
                     size_t count, double complex *z) {
  const double *plus = (const double *)(table->phase + p->plus[mode] * p->n_k + k);
  const double *minus = (const double *)(table->phase + p->minus[mode] * p->n_k + k);
  const double norm = 1 / (double)p->n_r;
  double *value = (double *)z;
#pragma omp simd
  for (size_t j = 0; j < count; j++) {
    const double re = norm * (plus[2 * j] * minus[2 * j] + plus[2 * j + 1] * minus[2 * j + 1]);
    const double im = norm * (plus[2 * j + 1] * minus[2 * j] - plus[2 * j] * minus[2 * j + 1]);
    const double x = value[2 * j], y = value[2 * j + 1];
    value[2 * j] = re * x - im * y;
    value[2 * j + 1] = re * y + im * x;
  }
}

/// The same with U(+) f U(-)^dagger for two bands. With U = u_0 - i u.sigma and f = f_0 + f.sigma,
/// everything is a product of quaternions with complex f.
/// @param stride  from one component of z to the next
static void turn_two(const kd_phase_space *p, const kinetic_table *table, size_t mode, size_t k,
                     size_t count, double complex *z, size_t stride) {
  double out[4][2][CHUNK] = {{{0}}};
  const size_t n_k = p->n_k;
  const double norm = 1 / (double)p->n_r;
  {
    const double *plus = (const double *)(table->phase + p->plus[mode] * n_k + k);
    const double *minus = (const double *)(table->phase + p->minus[mode] * n_k + k);
    const double *u = table->quaternion + p->plus[mode] * 4 * n_k + k;
    const double *w = table->quaternion + p->minus[mode] * 4 * n_k + k;
    const double *z0 = (const double *)z, *z1 = (const double *)(z + stride);
    const double *z2 = (const double *)(z + 2 * stride), *z3 = (const double *)(z + 3 * stride);
    for (int part = 0; part < 2; part++) {
      // The real and the imaginary part of f turn alike: a = f_0 + f.sigma -> U a W^dagger, with
      // products (a_0 + i a.sigma) kept as real quaternions: f.sigma = -i (i f.sigma).
#pragma omp simd
      for (size_t j = 0; j < count; j++) {
        const double d0 = z0[2 * j + (size_t)part], d1 = z1[2 * j + (size_t)part];
        const double s = 0.5 * (d0 + d1), c = 0.5 * (d0 - d1);
        const double a = KD_SQRT1_2 * z2[2 * j + (size_t)part];
        const double b = -KD_SQRT1_2 * z3[2 * j + (size_t)part];
        const double u0 = u[j], ux = u[n_k + j], uy = u[2 * n_k + j], uz = u[3 * n_k + j];
        const double w0 = w[j], wx = w[n_k + j], wy = w[2 * n_k + j], wz = w[3 * n_k + j];
        // s U W^dagger = s (P_0 + i P.sigma)
        const double p0 = u0 * w0 + ux * wx + uy * wy + uz * wz;
        const double px = u0 * wx - w0 * ux - (uz * wy - uy * wz);
        const double py = u0 * wy - w0 * uy - (ux * wz - uz * wx);
        const double pz = u0 * wz - w0 * uz - (uy * wx - ux * wy);
        // U (f.sigma) = V_0 + V.sigma, V_0 = -i u.f, V = u_0 f + u x f
        const double vi = -(ux * a + uy * b + uz * c);
        const double vx = u0 * a + uy * c - uz * b;
        const double vy = u0 * b + uz * a - ux * c;
        const double vz = u0 * c + ux * b - uy * a;
        // (V_0 + V.sigma)(w_0 + i w.sigma) = (.. real) + i (.. imaginary)
        const double q0 = w0 * vi + vx * wx + vy * wy + vz * wz; // imaginary part of the scalar
        const double rx = w0 * vx - vi * wx - (vy * wz - vz * wy);
        const double ry = w0 * vy - vi * wy - (vz * wx - vx * wz);
        const double rz = w0 * vz - vi * wz - (vx * wy - vy * wx);
        // total = (s p0) + i q0 + (r + i s P).sigma
        const double t0r = s * p0, t0i = q0;
        const double tx = s * px, ty = s * py, tz = s * pz;
        const double fr = plus[2 * j] * minus[2 * j] + plus[2 * j + 1] * minus[2 * j + 1];
        const double fi = plus[2 * j + 1] * minus[2 * j] - plus[2 * j] * minus[2 * j + 1];
        // A factor i for the imaginary part: (x + i y) -> (-y + i x).
        const double sign = part ? -1 : 1;
        const double c0r = part ? -t0i : t0r, c0i = part ? t0r : t0i;
        const double cxr = part ? sign * tx : rx, cxi = part ? rx : tx;
        const double cyr = part ? sign * ty : ry, cyi = part ? ry : ty;
        const double czr = part ? sign * tz : rz, czi = part ? rz : tz;
        out[0][0][j] += fr * c0r - fi * c0i;
        out[0][1][j] += fr * c0i + fi * c0r;
        out[1][0][j] += fr * cxr - fi * cxi;
        out[1][1][j] += fr * cxi + fi * cxr;
        out[2][0][j] += fr * cyr - fi * cyi;
        out[2][1][j] += fr * cyi + fi * cyr;
        out[3][0][j] += fr * czr - fi * czi;
        out[3][1][j] += fr * czi + fi * czr;
      }
    }
  }
  for (int part = 0; part < 2; part++) {
    double *z0 = (double *)z + part, *z1 = (double *)(z + stride) + part;
    double *z2 = (double *)(z + 2 * stride) + part, *z3 = (double *)(z + 3 * stride) + part;
    for (size_t j = 0; j < count; j++) {
      z0[2 * j] = norm * (out[0][part][j] + out[3][part][j]);
      z1[2 * j] = norm * (out[0][part][j] - out[3][part][j]);
      z2[2 * j] = norm * KD_SQRT2 * out[1][part][j];
      z3[2 * j] = -norm * KD_SQRT2 * out[2][part][j];
    }
  }
}

/// The same for any number of bands, with full matrices.
static void turn_many(const kd_phase_space *p, const kinetic_table *table, size_t mode, size_t k,
                      size_t count, double complex *z, size_t stride) {
  const size_t n = p->n_band, n_k = p->n_k;
  const double norm = 1 / (double)p->n_r;
  for (size_t j = 0; j < count; j++) {
    double complex f[KD_MAX_MATRIX], sum[KD_MAX_MATRIX], left[KD_MAX_MATRIX];
    for (size_t a = 0; a < n; a++) {
      f[a * n + a] = z[a * stride + j];
      for (size_t b = a + 1; b < n; b++) {
        const size_t pair = kd_pair(a, b, n);
        const double complex re = z[pair * stride + j], im = z[(pair + 1) * stride + j];
        f[a * n + b] = KD_SQRT1_2 * (re + I * im);
        f[b * n + a] = KD_SQRT1_2 * (re - I * im);
      }
    }
    memset(sum, 0, n * n * sizeof *sum);
    const double complex *u = table->unitary + (p->plus[mode] * n_k + k + j) * n * n;
    const double complex *w = table->unitary + (p->minus[mode] * n_k + k + j) * n * n;
    const double complex factor = norm * table->phase[p->plus[mode] * n_k + k + j] *
                                  conj(table->phase[p->minus[mode] * n_k + k + j]);
    memset(left, 0, n * n * sizeof *left);
    for (size_t a = 0; a < n; a++)
      for (size_t c = 0; c < n; c++) {
        const double complex x = factor * u[a * n + c];
        for (size_t b = 0; b < n; b++) left[a * n + b] += x * f[c * n + b];
      }
    for (size_t a = 0; a < n; a++)
      for (size_t b = 0; b < n; b++)
        for (size_t c = 0; c < n; c++) sum[a * n + b] += left[a * n + c] * conj(w[b * n + c]);
    for (size_t a = 0; a < n; a++) {
      z[a * stride + j] = sum[a * n + a];
      for (size_t b = a + 1; b < n; b++) {
        const size_t pair = kd_pair(a, b, n);
        z[pair * stride + j] = KD_SQRT1_2 * (sum[a * n + b] + sum[b * n + a]);
        z[(pair + 1) * stride + j] = -I * KD_SQRT1_2 * (sum[a * n + b] - sum[b * n + a]);
      }
    }
  }
}

kd_status kd_phase_space_kinetic(kd_phase_space *p, const double e[3], double dt, double *f) {
  const kinetic_table *table;
  KD_TRY(find_table(p, e, dt, &table));
  const size_t n_chunk = (p->n_k + CHUNK - 1) / CHUNK, stride = p->n_mode * CHUNK;
#pragma omp parallel for schedule(static)                                                          \
    num_threads(p->n_thread) if (KD_WORTH_THREADS(p->n_r * p->n_component * p->n_k))
  for (size_t chunk = 0; chunk < n_chunk; chunk++) {
    const size_t k = chunk * CHUNK, count = p->n_k - k < CHUNK ? p->n_k - k : CHUNK;
    const bool is_tail = count < CHUNK && p->n_k >= CHUNK;
    double complex *buffer = p->buffer[omp_get_thread_num()];
    for (size_t c = 0; c < p->n_component; c++)
      fftw_execute_dft_r2c(is_tail ? p->tail_to_q : p->to_q, f + c * p->n_k + k,
                           (fftw_complex *)(buffer + c * stride));
    for (size_t i = 0; i < p->n_mode; i++) {
      double complex *z = buffer + i * CHUNK;
      if (p->n_band == 1)
        turn_one(p, table, i, k, count, z);
      else if (p->n_band == 2)
        turn_two(p, table, i, k, count, z, stride);
      else
        turn_many(p, table, i, k, count, z, stride);
    }
    for (size_t c = 0; c < p->n_component; c++)
      fftw_execute_dft_c2r(is_tail ? p->tail_from_q : p->from_q,
                           (fftw_complex *)(buffer + c * stride), f + c * p->n_k + k);
  }
  p->n_fft += p->n_component;
  return KD_OK;
}

// --- potential ----------------------------------------------------------------------------------

/// U(R + s/2) - U(R - s/2), or s.grad U, at every R.
static kd_status find_difference(kd_phase_space *p, const double s[3], double t) {
  if (!p->is_gradient) return kd_space_difference(p->space, s, t, p->difference);
  memset(p->difference, 0, p->n_r * sizeof *p->difference);
  for (size_t d = 0; d < kd_space_n_dim(p->space); d++) {
    KD_TRY(kd_space_gradient(p->space, d, t, p->slope));
    for (size_t r = 0; r < p->n_r; r++) p->difference[r] += s[d] * p->slope[r];
  }
  return KD_OK;
}

static kd_status make_kick(kd_phase_space *p, double t, const double impulse[3], double dt,
                           kick_table *kick) {
  const double norm = 1 / (double)p->n_k;
  kick->is_set = false;
  for (size_t i = 0; i < p->n_half; i++) {
    const image_set *images = &p->displacement[i];
    double force = 0;
    memset(p->angle, 0, p->n_r * sizeof *p->angle);
    for (size_t image = 0; image < images->n_image; image++) {
      const double *s = images->x[image], share = 1 / (double)images->n_image;
      for (int d = 0; d < 3; d++) force += share * p->charge * impulse[d] * s[d];
      KD_TRY(find_difference(p, s, t));
      for (size_t r = 0; r < p->n_r; r++) p->angle[r] -= share * p->difference[r] * dt;
    }
    for (size_t r = 0; r < p->n_r; r++) {
      const double angle = (force + p->angle[r]) / p->hbar;
      // FFTW's mode m is that of s = -m.
      kick->factor[r * p->n_half + i] = norm * (cos(angle) - I * sin(angle));
    }
  }
  kick->t = t;
  kick->dt = dt;
  memcpy(kick->impulse, impulse, sizeof kick->impulse);
  kick->is_set = true;
  return KD_OK;
}

static bool kick_fits(const kd_phase_space *p, const kick_table *kick, double t,
                      const double impulse[3], double dt) {
  return kick->is_set && kick->dt == dt && (kick->t == t || !kd_space_is_driven(p->space)) &&
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
  if (!kick_fits(p, kick, t, impulse, dt)) KD_TRY(make_kick(p, t, impulse, dt, kick));
  kick->last_use = ++p->n_use;
  *found = kick;
  return KD_OK;
}

kd_status kd_phase_space_potential(kd_phase_space *p, double t, const double impulse[3], double dt,
                                   double *f) {
  if (kd_space_is_free(p->space) && impulse[0] == 0 && impulse[1] == 0 && impulse[2] == 0)
    return KD_OK;
  const kick_table *table;
  KD_TRY(find_kick(p, t, impulse, dt, &table));
#pragma omp parallel for schedule(static)                                                          \
    num_threads(p->n_thread) if (KD_WORTH_THREADS(p->n_r * p->n_component * p->n_k))
  for (size_t r = 0; r < p->n_r; r++) {
    const double *kick = (const double *)(table->factor + r * p->n_half);
    double *z = (double *)p->buffer[omp_get_thread_num()];
    for (size_t c = 0; c < p->n_component; c++) {
      double *column = f + (r * p->n_component + c) * p->n_k;
      fftw_execute_dft_r2c(p->to_s, column, (fftw_complex *)z);
#pragma omp simd
      for (size_t i = 0; i < p->n_half; i++) {
        const double x = z[2 * i], y = z[2 * i + 1];
        z[2 * i] = kick[2 * i] * x - kick[2 * i + 1] * y;
        z[2 * i + 1] = kick[2 * i] * y + kick[2 * i + 1] * x;
      }
      fftw_execute_dft_c2r(p->from_s, (fftw_complex *)z, column);
    }
  }
  p->n_fft += p->n_component;
  return KD_OK;
}

unsigned long kd_phase_space_n_fft(const kd_phase_space *p) {
  return p->n_fft;
}

size_t kd_phase_space_bytes(const kd_phase_space *p) {
  const size_t columns = p->n_component * p->n_mode * CHUNK;
  const size_t per_k = sizeof(double complex) + (p->n_band == 2 ? 4 * sizeof(double) : 0) +
                       (p->n_band > 2 ? p->n_component * sizeof(double complex) : 0);
  return N_TABLE * (p->n_r * p->n_k * per_k + p->n_r * p->n_half * sizeof(double complex)) +
         p->n_half * sizeof *p->displacement + p->n_component * p->n_k * sizeof(double) +
         (size_t)p->n_thread * (columns > p->n_half ? columns : p->n_half) * sizeof(double complex);
}
