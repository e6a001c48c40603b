#include "drift/potential_flow.h"

#include <complex.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "core/comm.h"
#include "core/error.h"
#include "core/lanes.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "drift/differences.h"
#include "drift/grid_fft.h"

/// Modes, and points of R, whose factors are made at a time.
enum { BATCH = 16, BLOCK = 32 };

/// Factors of one step. Compositions alternate between two steps, so two are kept.
enum { N_TABLE = 2 };

typedef struct kick_table {
  bool is_set;
  double t, dt, impulse[3];
  unsigned long version; ///< of U
  unsigned long last_use;
  double *factor; ///< [slab][2][n_half], over 2 n_k
  double *source; ///< what comes from the contacts, [slab][n_component][n_k]; NULL without
} kick_table;

struct kd_potential_flow {
  kd_space *space;
  bool is_gradient;
  double hbar, charge;
  size_t n_component, n_k;
  size_t slab; ///< points of R of this process
  int n_thread;
  unsigned long n_use, n_fft;

  kd_grid_fft fft; ///< over k
  kd_differences *differences;
  kick_table kick[N_TABLE];
  size_t angle_pitch; ///< slab and more: no power of 2, so that modes do not compete for the cache
  double *angle;      ///< [BATCH][angle_pitch]
  // Contacts, NULL without:
  const kd_contacts *contacts;
  double *relaxation; ///< Gamma of each contact, [n_contact][slab][n_half], 1/fs
  double *feed;       ///< factors of the states of the contacts, [n_contact][slab][2][n_half]

  double complex **buffer; ///< one per thread, two fields
};

void kd_potential_flow_free(kd_potential_flow *self) {
  if (!self) return;
  for (int i = 0; i < self->n_thread && self->buffer; i++) kd_free(self->buffer[i]);
  kd_free(self->buffer);
  kd_grid_fft_clear(&self->fft);
  for (int i = 0; i < N_TABLE; i++) {
    kd_free(self->kick[i].factor);
    kd_free(self->kick[i].source);
  }
  kd_differences_free(self->differences);
  kd_free(self->angle);
  kd_free(self->relaxation);
  kd_free(self->feed);
  kd_free(self);
}

kd_status kd_potential_flow_create(kd_model *model, kd_space *space, bool is_gradient,
                                   kd_potential_flow **result) {
  kd_status status = KD_OK;
  kd_potential_flow *self = NULL;
  size_t first;
  *result = NULL;
  KD_ALLOCATE(self, 1);
  self->space = space;
  self->is_gradient = is_gradient;
  self->hbar = kd_model_hbar(model);
  self->charge = kd_model_charge(model);
  self->n_component = kd_model_n_band(model) * kd_model_n_band(model);
  self->n_k = kd_model_n_k(model);
  self->n_thread = omp_get_max_threads();
  kd_space_slab(space, &first, &self->slab);
  KD_CHECK(kd_grid_fft_create(kd_model_n(model), kd_model_n_dim(model), 1, 1, &self->fft));
  // Of the differences as much may be kept as of the factors made of them.
  KD_CHECK(kd_differences_create(model, space, is_gradient,
                                 N_TABLE * self->slab * self->fft.n_half * 2 * sizeof(double),
                                 &self->differences));
  for (int i = 0; i < N_TABLE; i++)
    KD_ALLOCATE(self->kick[i].factor, self->slab * 2 * self->fft.n_half);
  self->angle_pitch = (self->slab / 8 | 1) * 8 + (self->slab % 8 ? 8 : 0);
  KD_ALLOCATE(self->angle, BATCH * self->angle_pitch);
  KD_ALLOCATE(self->buffer, (size_t)self->n_thread);
  for (int i = 0; i < self->n_thread; i++) KD_ALLOCATE(self->buffer[i], 2 * self->fft.volume);
  *result = self;
  self = NULL;

cleanup:
  kd_potential_flow_free(self);
  return status;
}

static unsigned long potential_version(const kd_potential_flow *self) {
  unsigned long version = 0;
  for (size_t i = 0; i < kd_space_n_part(self->space); i++)
    version += kd_space_part_version(self->space, i);
  return version;
}

/// e^{i angle} of `count` modes from `first` on at n_here points from r on: angles are given by
/// mode, factors are kept by R.
static void fill_factors(const kd_potential_flow *self, size_t r, size_t n_here, size_t first,
                         size_t count, double norm, double *factor) {
  double cosine[BATCH][BLOCK], sine[BATCH][BLOCK];
  for (size_t i = 0; i < count; i++) {
    const double *angle = self->angle + i * self->angle_pitch + r;
#pragma omp simd
    for (size_t j = 0; j < n_here; j++) kd_cis(angle[j], &cosine[i][j], &sine[i][j]);
  }
  for (size_t j = 0; j < n_here; j++) {
    double *re = factor + (r + j) * 2 * self->fft.n_half + first, *im = re + self->fft.n_half;
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
static void damp(kd_potential_flow *self, size_t r, size_t first, size_t count, double dt,
                 double norm, double *factor) {
  const size_t n_contact = kd_contacts_count(self->contacts);
  for (size_t mode = first; mode < first + count; mode++) {
    const double angle = self->angle[(mode - first) * self->angle_pitch + r];
    double *re = factor + r * 2 * self->fft.n_half + mode, *im = re + self->fft.n_half, rate = 0;
    for (size_t c = 0; c < n_contact; c++)
      rate += self->relaxation[(c * self->slab + r) * self->fft.n_half + mode];
    const double damping = exp(-rate * dt);
    const double complex mean = rate > 0 ? norm * dt * phi(I * angle - rate * dt) : 0;
    *re *= damping, *im *= damping;
    for (size_t c = 0; c < n_contact; c++) {
      const double own = self->relaxation[(c * self->slab + r) * self->fft.n_half + mode];
      double *feed = self->feed + (c * self->slab + r) * 2 * self->fft.n_half + mode;
      feed[0] = own * creal(mean);
      feed[self->fft.n_half] = own * cimag(mean);
    }
  }
}

static void sweep_rows(kd_potential_flow *self, const double *factor, const double *from,
                       size_t stride, const double *plus, double *to);

static kd_status make_kick(kd_potential_flow *self, double t, const double impulse[3], double dt,
                           kick_table *kick) {
  const double norm = 0.5 / (double)self->n_k;
  const bool relaxes = self->contacts && dt != 0;
  double force[3];
  for (int d = 0; d < 3; d++) force[d] = self->charge * impulse[d] / self->hbar;
  kick->is_set = false;
  for (size_t first = 0; first < self->fft.n_half; first += BATCH) {
    const size_t count = self->fft.n_half - first < BATCH ? self->fft.n_half - first : BATCH;
    KD_TRY(kd_differences_batch(self->differences, t, dt / self->hbar, force, first, count,
                                self->angle_pitch, self->angle));
#pragma omp parallel for schedule(static)                                                          \
    num_threads(self->n_thread) if (KD_WORTH_THREADS(count * self->slab))
    for (size_t r = 0; r < self->slab; r += BLOCK) {
      const size_t n_here = self->slab - r < BLOCK ? self->slab - r : BLOCK;
      fill_factors(self, r, n_here, first, count, norm, kick->factor);
      for (size_t j = 0; j < n_here && relaxes; j++)
        damp(self, r + j, first, count, dt, norm, kick->factor);
    }
  }
  for (size_t c = 0; relaxes && c < kd_contacts_count(self->contacts); c++)
    sweep_rows(self, self->feed + c * self->slab * 2 * self->fft.n_half,
               kd_contacts_state(self->contacts, c), 0, c == 0 ? NULL : kick->source, kick->source);
  kick->t = t;
  kick->dt = dt;
  kick->version = potential_version(self);
  memcpy(kick->impulse, impulse, sizeof kick->impulse);
  kick->is_set = true;
  return KD_OK;
}

static bool kick_fits(const kd_potential_flow *self, const kick_table *kick, double t,
                      const double impulse[3], double dt) {
  return kick->is_set && kick->dt == dt && (kick->t == t || !kd_space_is_driven(self->space)) &&
         kick->version == potential_version(self) &&
         memcmp(impulse, kick->impulse, sizeof kick->impulse) == 0;
}

static kd_status find_kick(kd_potential_flow *self, double t, const double impulse[3], double dt,
                           const kick_table **found) {
  kick_table *kick = &self->kick[0];
  for (int i = 0; i < N_TABLE; i++) {
    const bool fits = kick_fits(self, &self->kick[i], t, impulse, dt);
    if (fits || self->kick[i].last_use < kick->last_use) kick = &self->kick[i];
    if (fits) break;
  }
  if (!kick_fits(self, kick, t, impulse, dt))
    KD_TRY(kd_comm_agree(kd_space_comm(self->space), make_kick(self, t, impulse, dt, kick)));
  kick->last_use = ++self->n_use;
  *found = kick;
  return KD_OK;
}

/// Two rows of f as real and imaginary parts of `z`.
static void gather_rows(const kd_potential_flow *self, const double *x, const double *y,
                        double complex *z) {
  for (size_t row = 0; row < self->fft.n[0] * self->fft.n[1];
       row++, x += self->fft.n[2], y += self->fft.n[2]) {
    double *to = (double *)(z + row * self->fft.pitch);
#pragma omp simd
    for (size_t k = 0; k < self->fft.n[2]; k++) {
      to[2 * k] = x[k];
      to[2 * k + 1] = y[k];
    }
  }
}

static void scatter_rows(const kd_potential_flow *self, const double complex *z, double *x,
                         double *y) {
  for (size_t row = 0; row < self->fft.n[0] * self->fft.n[1];
       row++, x += self->fft.n[2], y += self->fft.n[2]) {
    const double *from = (const double *)(z + row * self->fft.pitch);
#pragma omp simd
    for (size_t k = 0; k < self->fft.n[2]; k++) {
      x[k] = from[2 * k];
      y[k] = from[2 * k + 1];
    }
  }
}

/// The same, plus two rows a and b. All four may be one, where an odd row is paired with itself.
static void scatter_sums(const kd_potential_flow *self, const double complex *z, const double *a,
                         const double *b, double *x, double *y) {
  for (size_t row = 0; row < self->fft.n[0] * self->fft.n[1]; row++) {
    const double *from = (const double *)(z + row * self->fft.pitch);
    for (size_t i = 0, k = row * self->fft.n[2]; i < self->fft.n[2]; i++, k++) {
      const double value[2] = {from[2 * i] + a[k], from[2 * i + 1] + b[k]};
      x[k] = value[0];
      y[k] = value[1];
    }
  }
}

/// Transforms along k, multiplies, transforms back and adds, two rows at a time.
/// @param factor  [slab][2][n_half], over 2 n_k; NULL: the transforms alone
/// @param from    a field at the first R; at the next it is `stride` numbers further, or the same
/// @param plus    NULL, or laid out as `to`; may be the same
static void sweep_rows(kd_potential_flow *self, const double *factor, const double *from,
                       size_t stride, const double *plus, double *to) {
  const size_t n_row = self->slab * self->n_component, n_k = self->n_k;
#pragma omp parallel for schedule(static)                                                          \
    num_threads(self->n_thread) if (KD_WORTH_THREADS(n_row * self->n_k))
  for (size_t first = 0; first < n_row; first += 2) {
    // The last of an odd number of rows is paired with itself.
    const size_t second = first + 1 < n_row ? first + 1 : first;
    const size_t r[2] = {first / self->n_component, second / self->n_component};
    const size_t c[2] = {first % self->n_component, second % self->n_component};
    double complex *z = self->buffer[omp_get_thread_num()], *transformed = z + self->fft.volume;
    gather_rows(self, from + r[0] * stride + c[0] * n_k, from + r[1] * stride + c[1] * n_k, z);
    if (factor) {
      const double *a = factor + r[0] * 2 * self->fft.n_half,
                   *b = factor + r[1] * 2 * self->fft.n_half;
      kd_prefetch(a, 2 * self->fft.n_half);
      if (b != a) kd_prefetch(b, 2 * self->fft.n_half);
      kd_grid_fft_forward(&self->fft, z, transformed);
      kd_grid_fft_multiply(&self->fft, a, b, transformed, z);
      kd_grid_fft_backward(&self->fft, z, transformed);
    } else {
      kd_grid_fft_forward(&self->fft, z, transformed);
      kd_grid_fft_backward(&self->fft, transformed, z);
    }
    const double complex *result = factor ? transformed : z;
    double *x = to + first * n_k, *y = to + second * n_k;
    if (plus)
      scatter_sums(self, result, plus + first * n_k, plus + second * n_k, x, y);
    else
      scatter_rows(self, result, x, y);
  }
  self->n_fft += self->n_component;
}

kd_status kd_potential_flow_apply(kd_potential_flow *self, double t, const double impulse[3],
                                  double dt, double *f) {
  const bool relaxes = self->contacts && dt != 0;
  const kick_table *table;
  if (kd_space_is_free(self->space) && !relaxes && impulse[0] == 0 && impulse[1] == 0 &&
      impulse[2] == 0)
    return KD_OK;
  KD_TRY(find_kick(self, t, impulse, dt, &table));
  sweep_rows(self, table->factor, f, self->n_component * self->n_k, relaxes ? table->source : NULL,
             f);
  return KD_OK;
}

void kd_potential_flow_transforms(kd_potential_flow *self, double *f) {
  sweep_rows(self, NULL, f, self->n_component * self->n_k, NULL, f);
}

/// Gamma of one contact at one R and mode.
static double relaxation_at(const kd_potential_flow *self, size_t contact, const double r[3],
                            size_t mode) {
  const double(*x)[3];
  const size_t n_image = kd_differences_images(self->differences, mode, &x);
  double sum = 0;
  for (size_t image = 0; image < n_image; image++) {
    double ahead[3], behind[3];
    for (size_t d = 0; d < 3; d++) {
      const double half = self->is_gradient ? 0 : 0.5 * x[image][d];
      ahead[d] = r[d] + half;
      behind[d] = r[d] - half;
    }
    sum += kd_contacts_rate(self->contacts, contact, ahead) +
           kd_contacts_rate(self->contacts, contact, behind);
  }
  return 0.5 * sum / (double)n_image;
}

kd_status kd_potential_flow_set_contacts(kd_potential_flow *self, const kd_contacts *contacts) {
  kd_status status = KD_OK;
  const size_t n_contact = kd_contacts_count(contacts);
  size_t first, count;
  if (n_contact == 0) return KD_OK;
  kd_space_slab(self->space, &first, &count);
  KD_ALLOCATE(self->relaxation, n_contact * count * self->fft.n_half);
  KD_ALLOCATE(self->feed, n_contact * count * 2 * self->fft.n_half);
  for (int i = 0; i < N_TABLE; i++)
    KD_ALLOCATE(self->kick[i].source, count * self->n_component * self->n_k);
  self->contacts = contacts;
  for (size_t c = 0; c < n_contact; c++)
    for (size_t r = 0; r < count; r++) {
      double at[3];
      kd_space_r(self->space, first + r, at);
      for (size_t mode = 0; mode < self->fft.n_half; mode++)
        self->relaxation[(c * count + r) * self->fft.n_half + mode] =
            relaxation_at(self, c, at, mode);
    }

cleanup:
  return status;
}

unsigned long kd_potential_flow_n_fft(const kd_potential_flow *self) {
  return self->n_fft;
}

size_t kd_potential_flow_bytes(const kd_potential_flow *self) {
  size_t numbers = N_TABLE * self->slab * 2 * self->fft.n_half + BATCH * self->angle_pitch +
                   2 * (size_t)self->n_thread * self->fft.volume * 2;
  if (self->contacts)
    numbers += self->slab * (3 * kd_contacts_count(self->contacts) * self->fft.n_half +
                             N_TABLE * self->n_component * self->n_k);
  return numbers * sizeof(double) + kd_differences_bytes(self->differences);
}
