/// Back end `direct`: the sums of electron.h as they stand.
#include <string.h>

#include "collision/electron.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"

/// Stands for struct kd_electron, whose layout each back end has for itself.
typedef struct direct {
  kd_electron_setting setting;
  kd_bath bare; ///< the term without its form, which add_pair multiplies by; owns nothing
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
  self->bare = *setting->term;
  self->bare.form = NULL;
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

double kd_electron_direct_cost(const kd_electron_setting *setting) {
  // Nanoseconds per kernel and per element, and evaluations until beta is found.
  const double kernel = 30, element = 5, trials = setting->term->conserves_energy ? 8 : 1;
  const double n_k = (double)kd_model_n_k(setting->model), n_piece = (double)setting->n_piece;
  const double n = (double)kd_model_n_band(setting->model);
  return trials * n_k * n_k * n_k * n_piece * n_piece * n_piece * n_piece * 2 *
         (kernel + element * n * n);
}

static void direct_set(kd_electron *object, const double complex *g,
                       const double complex *free_part) {
  direct *self = (direct *)object;
  self->g = g;
  self->free_part = free_part;
}

/// k + k2 - k3, wrapped on a lattice.
/// @return false if it is outside of a k.p box
static bool find_fourth(const kd_model *model, size_t k, size_t k2, size_t k3, size_t *k4) {
  const size_t *n = kd_model_n(model);
  const size_t stride[3] = {n[1] * n[2], n[2], 1};
  *k4 = 0;
  for (int i = 0; i < 3; i++) {
    const size_t sum = k / stride[i] % n[i] + k2 / stride[i] % n[i];
    const size_t taken = k3 / stride[i] % n[i];
    if (!kd_model_is_periodic(model) && (sum < taken || sum - taken >= n[i])) return false;
    *k4 += (sum + n[i] - taken) % n[i] * stride[i];
  }
  return true;
}

/// t^≷ at energy x.
static double complex value(const direct *self, kd_order order, double x) {
  double complex t = 0.5 * kd_bath_kernel(&self->bare, 0, order, x);
  if (self->setting.kappa != 0)
    t += I * self->setting.kappa * kd_bath_principal(&self->bare, 0, order, x);
  return t;
}

/// X of electron.h for one k, k2, k3 and pieces 2, 3, 4, added to `sum` with the factor t.
/// @param in    the pieces that are gathered, G for X^<
/// @param out   the others
static void add_pair(const direct *self, size_t k, const size_t at[3], const size_t piece[3],
                     const double complex *in, const double complex *out, double complex t,
                     double complex *sum) {
  const size_t n = self->n_band * self->n_band, n_k = self->n_k;
  const double complex *two = out + piece[0] * n * n_k + at[0];
  const double complex *three = in + piece[1] * n * n_k + at[1];
  const double complex *four = in + piece[2] * n * n_k + at[2];
  const kd_bath *term = self->setting.term;
  if (term->is_density) {
    const size_t q = kd_difference_index(self->setting.model, k, at[1]);
    const double square = term->orbital[0] * term->orbital[0] * (term->form ? term->form[q] : 1);
    double complex pair = 0;
    for (size_t e = 0; e < n; e++) pair += four[e * n_k] * conj(two[e * n_k]);
    pair *= t * square * kd_model_spin_degeneracy(self->setting.model);
    for (size_t e = 0; e < n; e++) sum[e] += pair * three[e * n_k];
    return;
  }
  for (size_t a = 0; a < self->n_band; a++)
    for (size_t b = 0; b < self->n_band; b++) {
      const size_t e = a * self->n_band + b;
      sum[e] += t * kd_electron_contact(&self->setting, a, b) * three[e * n_k] * four[e * n_k] *
                conj(two[e * n_k]);
    }
}

/// T^≷_p(k), [element].
static void sum_pairs(const direct *self, double shift, kd_order order, size_t k, size_t p,
                      double complex *sum) {
  const size_t n_k = self->n_k, n_piece = self->setting.n_piece, n = self->n_band * self->n_band;
  const double *energy = self->setting.energy;
  const double complex *in = order == KD_LESSER ? self->g : self->free_part;
  const double complex *out = order == KD_LESSER ? self->free_part : self->g;
  const double displaced = energy[p * n_k + k] + (order == KD_LESSER ? shift : -shift);
  size_t at[3], piece[3];
  memset(sum, 0, n * sizeof *sum);
  for (at[0] = 0; at[0] < n_k; at[0]++)
    for (at[1] = 0; at[1] < n_k; at[1]++) {
      if (!find_fourth(self->setting.model, k, at[0], at[1], &at[2])) continue;
      for (piece[0] = 0; piece[0] < n_piece; piece[0]++)
        for (piece[1] = 0; piece[1] < n_piece; piece[1]++)
          for (piece[2] = 0; piece[2] < n_piece; piece[2]++) {
            const double x = displaced + energy[piece[0] * n_k + at[0]] -
                             energy[piece[1] * n_k + at[1]] - energy[piece[2] * n_k + at[2]];
            add_pair(self, k, at, piece, in, out, value(self, order, x), sum);
          }
    }
  for (size_t e = 0; e < n; e++) sum[e] /= (double)n_k * (double)n_k;
}

static kd_status direct_apply(kd_electron *object, double beta, double complex *t_lesser,
                              double complex *t_greater) {
  const direct *self = (const direct *)object;
  const size_t n_k = self->n_k, n_piece = self->setting.n_piece, n = self->n_band * self->n_band;
  const double shift = kd_bath_shift(self->setting.term, beta);
#pragma omp parallel for schedule(dynamic)
  for (size_t i = 0; i < n_piece * n_k; i++) {
    const size_t p = i / n_k, k = i % n_k;
    double complex sum[KD_MAX_MATRIX];
    for (int order = 0; order < 2; order++) {
      double complex *t = order == KD_LESSER ? t_lesser : t_greater;
      sum_pairs(self, shift, (kd_order)order, k, p, sum);
      for (size_t e = 0; e < n; e++) t[(p * n + e) * n_k + k] = sum[e];
    }
  }
  return KD_OK;
}

/// 2 Re (1/N_k) sum_k sum_p Tr[(T^<_p H_p^dagger - T^>_p G_p^dagger) H]
static kd_status direct_energy_rate(kd_electron *object, double beta, double *rate, double *scale) {
  direct *self = (direct *)object;
  KD_TRY(direct_apply(object, beta, self->t[KD_LESSER], self->t[KD_GREATER]));
  kd_electron_local_energy_rate(&self->setting, (const double complex *const *)self->t, self->g,
                                self->free_part, rate, scale);
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

const kd_electron_kind kd_electron_direct = {.name = "direct",
                                             .create = direct_create,
                                             .free = direct_free,
                                             .set = direct_set,
                                             .energy_rate = direct_energy_rate,
                                             .apply = direct_apply,
                                             .n_fft = direct_n_fft,
                                             .bytes = direct_bytes};
