/// Back end `direct` of carriers and phonons: the sums of phonons.h as they stand.
#include <math.h>
#include <string.h>

#include "collision/electron.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"

/// Stands for struct kd_electron, whose layout each back end has for itself.
typedef struct direct {
  kd_electron_setting setting;
  kd_phonons *phonons;
  size_t n_band, n_k;
  const double complex *g, *free_part;
  double complex *t[2]; ///< for the rate of the energy
} direct;

static void direct_free(kd_electron *object) {
  direct *self = (direct *)object;
  if (!self) return;
  for (int order = 0; order < 2; order++) kd_free(self->t[order]);
  kd_free(self);
}

static kd_status direct_create(const kd_electron_setting *setting, kd_electron **result) {
  kd_status status = KD_OK;
  direct *self = NULL;
  *result = NULL;
  KD_ALLOCATE(self, 1);
  self->setting = *setting;
  self->phonons = setting->phonons;
  self->n_band = kd_model_n_band(setting->model);
  self->n_k = kd_model_n_k(setting->model);
  for (int order = 0; order < 2; order++)
    KD_ALLOCATE(self->t[order], setting->n_piece * self->n_band * self->n_band * self->n_k);
  *result = (kd_electron *)self;
  self = NULL;

cleanup:
  direct_free((kd_electron *)self);
  return status;
}

double kd_phonons_direct_cost(const kd_electron_setting *setting) {
  // Nanoseconds per process with its four kernels, and evaluations until beta is found.
  const double process = 300, trials = 8;
  const double n_k = (double)kd_model_n_k(setting->model), n_piece = (double)setting->n_piece;
  return trials * n_k * n_k * n_piece * n_piece * process * (double)setting->phonons->n_mode;
}

static void direct_set(kd_electron *object, const double complex *g,
                       const double complex *free_part) {
  direct *self = (direct *)object;
  self->g = g;
  self->free_part = free_part;
}

/// t at energy x.
static double complex value(const direct *self, double x) {
  const kd_bath *line = &self->phonons->line;
  double complex t = 0.5 * kd_bath_kernel(line, 0, KD_LESSER, x);
  if (self->setting.kappa != 0)
    t += I * self->setting.kappa * kd_bath_principal(line, 0, KD_LESSER, x);
  return t;
}

/// y := M_a G M_a for the piece at k.
static void sandwich(const kd_phonons *p, size_t a, const double complex *g, size_t k,
                     double complex *y) {
  memset(y, 0, p->n_band * p->n_band * sizeof *y);
  for (size_t i = p->first[a]; i < p->first[a + 1]; i++)
    y[p->entry[i].to] += p->entry[i].factor * g[p->entry[i].from * p->n_k + k];
}

/// Tr[y z^dagger] for the piece z at k.
static double complex trace(const kd_phonons *p, const double complex *y, const double complex *z,
                            size_t k) {
  double complex sum = 0;
  for (size_t e = 0; e < p->n_band * p->n_band; e++) sum += y[e] * conj(z[e * p->n_k + k]);
  return sum;
}

/// The processes between piece p at k and piece m at k2 in mode a, into T^≷_p(k) and dN(q)/dt.
static void add_process(direct *self, double shift, size_t k, size_t p, size_t k2, size_t m,
                        size_t a, double complex *lesser, double complex *greater) {
  kd_phonons *ph = self->phonons;
  const size_t n = self->n_band * self->n_band, n_k = self->n_k;
  const size_t q = kd_difference_index(self->setting.model, k, k2), minus_q = ph->opposite[q];
  const double n_q = ph->number[a * ph->n_q + q], n_minus_q = ph->number[a * ph->n_q + minus_q];
  const double square = ph->square[q], omega = ph->omega[q];
  const double x = self->setting.energy[p * n_k + k] - self->setting.energy[m * n_k + k2];
  const double complex absorb = square * n_q * value(self, x - omega + shift);
  const double complex emit = square * (n_q + 1) * value(self, x - omega - shift);
  const double complex in = absorb + square * (n_minus_q + 1) * value(self, x + omega + shift);
  const double complex out = emit + square * n_minus_q * value(self, x + omega - shift);
  double complex occupied[KD_MAX_MATRIX], vacant[KD_MAX_MATRIX];
  sandwich(ph, a, self->g + m * n * n_k, k2, occupied);
  sandwich(ph, a, self->free_part + m * n * n_k, k2, vacant);
  for (size_t e = 0; e < n; e++) {
    lesser[(p * n + e) * n_k + k] += in * occupied[e] / (double)n_k;
    greater[(p * n + e) * n_k + k] += out * vacant[e] / (double)n_k;
  }
  const double complex emitted = trace(ph, vacant, self->g + p * n * n_k, k);
  const double complex absorbed = trace(ph, occupied, self->free_part + p * n * n_k, k);
  ph->rate[a * ph->n_q + q] += creal(emit * emitted - absorb * absorbed);
}

static kd_status direct_apply(kd_electron *object, double beta, double complex *t_lesser,
                              double complex *t_greater) {
  direct *self = (direct *)object;
  kd_phonons *ph = self->phonons;
  const size_t n_k = self->n_k, n_piece = self->setting.n_piece, n = self->n_band * self->n_band;
  const double shift = kd_bath_shift(&ph->line, beta);
  const double scale = 2 * kd_model_spin_degeneracy(self->setting.model) /
                       (kd_model_hbar(self->setting.model) * (double)n_k);
  memset(t_lesser, 0, n_piece * n * n_k * sizeof *t_lesser);
  memset(t_greater, 0, n_piece * n * n_k * sizeof *t_greater);
  memset(ph->rate, 0, kd_phonons_count(ph) * sizeof *ph->rate);
  for (size_t k = 0; k < n_k; k++)
    for (size_t k2 = 0; k2 < n_k; k2++)
      for (size_t p = 0; p < n_piece; p++)
        for (size_t m = 0; m < n_piece; m++)
          for (size_t a = 0; a < ph->n_mode; a++)
            add_process(self, shift, k, p, k2, m, a, t_lesser, t_greater);
  for (size_t i = 0; i < kd_phonons_count(ph); i++) ph->rate[i] *= scale;
  return KD_OK;
}

/// 2 Re (1/N_k) sum_k sum_p Tr[(T^<_p H_p^dagger - T^>_p G_p^dagger) H] of the carriers, and
/// (hbar/g_s N_k) sum_q omega_q dN/dt of the phonons.
static kd_status direct_energy_rate(kd_electron *object, double beta, double *rate, double *scale) {
  direct *self = (direct *)object;
  const kd_phonons *ph = self->phonons;
  const size_t n_k = self->n_k;
  KD_TRY(direct_apply(object, beta, self->t[KD_LESSER], self->t[KD_GREATER]));
  kd_electron_local_energy_rate(&self->setting, (const double complex *const *)self->t, self->g,
                                self->free_part, rate, scale);
  const double factor = kd_model_hbar(self->setting.model) /
                        (kd_model_spin_degeneracy(self->setting.model) * (double)n_k);
  for (size_t i = 0; i < kd_phonons_count(ph); i++) {
    const double term = factor * ph->omega[i % ph->n_q] * ph->rate[i];
    *rate += term;
    *scale += fabs(term);
  }
  return KD_OK;
}

static unsigned long direct_n_fft(const kd_electron *self) {
  (void)self;
  return 0;
}

static size_t direct_bytes(const kd_electron *object) {
  const direct *self = (const direct *)object;
  return 2 * self->setting.n_piece * self->n_band * self->n_band * self->n_k *
         sizeof(double complex);
}

const kd_electron_kind kd_phonons_direct = {.name = "direct",
                                            .create = direct_create,
                                            .free = direct_free,
                                            .set = direct_set,
                                            .energy_rate = direct_energy_rate,
                                            .apply = direct_apply,
                                            .n_fft = direct_n_fft,
                                            .bytes = direct_bytes};
