/// Back end `direct`: the formula of self_energy.h as it stands.
#include <string.h>

#include "collision/self_energy.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"

/// Bytes of one bath's table of t^< and t^> that are still allowed.
#define LARGEST_TABLE ((size_t)4 << 30)

/// Stands for struct kd_self_energy, whose layout each back end has for itself.
typedef struct direct {
  kd_self_energy_setting setting;
  size_t n_band, n_k;
  double complex **table; ///< per bath: [k][piece][k'][piece'][lesser, greater]
} direct;

static direct *from(kd_self_energy *self) {
  return (direct *)self;
}

size_t kd_self_energy_direct_bytes(const kd_self_energy_setting *setting) {
  const size_t n = kd_model_n_k(setting->model) * setting->n_piece;
  return n * n * 2 * sizeof(double complex) * setting->n_bath;
}

void kd_vertex_apply(const kd_bath *bath, size_t n_band, const double complex *g,
                     double complex *y) {
  const size_t n = n_band;
  memset(y, 0, n * n * sizeof *y);
  for (size_t a = 0; a < bath->n_vertex; a++) {
    const double complex *m = bath->vertex + a * n * n;
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        double complex sum = 0;
        for (size_t l = 0; l < n; l++) {
          if (m[i * n + l] == 0) continue;
          double complex inner = 0;
          for (size_t q = 0; q < n; q++) inner += g[l * n + q] * conj(m[j * n + q]);
          sum += m[i * n + l] * inner;
        }
        y[i * n + j] += sum;
      }
  }
}

static void direct_free(kd_self_energy *object) {
  direct *self = from(object);
  if (!self) return;
  for (size_t b = 0; b < self->setting.n_bath && self->table; b++) kd_free(self->table[b]);
  kd_free(self->table);
  kd_free(self);
}

static kd_status direct_create(const kd_self_energy_setting *setting, kd_self_energy **result) {
  kd_status status = KD_OK;
  const size_t n_k = kd_model_n_k(setting->model), n_piece = setting->n_piece;
  const size_t bytes = kd_self_energy_direct_bytes(setting);
  direct *self = NULL;
  *result = NULL;
  if (bytes > LARGEST_TABLE)
    return kd_error(
        KD_ERROR_MEMORY,
        "collisions.method: direct needs a table of %.3g GiB for %zu k points (expected "
        "at most %zu GiB; use fft)",
        (double)bytes / (1 << 30), n_k, LARGEST_TABLE >> 30);
  KD_ALLOCATE(self, 1);
  self->setting = *setting;
  self->n_band = kd_model_n_band(setting->model);
  self->n_k = n_k;
  KD_ALLOCATE(self->table, setting->n_bath);
  for (size_t b = 0; b < setting->n_bath; b++) {
    const kd_bath *bath = &setting->bath[b];
    double complex *table;
    KD_ALLOCATE(table, n_k * n_piece * n_k * n_piece * 2);
    self->table[b] = table;
#pragma omp parallel for schedule(dynamic)
    for (size_t k = 0; k < n_k; k++)
      for (size_t p = 0; p < n_piece; p++)
        for (size_t k2 = 0; k2 < n_k; k2++)
          for (size_t m = 0; m < n_piece; m++) {
            const double x = setting->energy[p * n_k + k] - setting->energy[m * n_k + k2];
            const size_t q = kd_difference_index(setting->model, k, k2);
            double complex *t = table + 2 * (((k * n_piece + p) * n_k + k2) * n_piece + m);
            for (kd_order order = KD_LESSER; order <= KD_GREATER; order++) {
              t[order] = 0.5 * kd_bath_kernel(bath, q, order, x);
              if (setting->kappa != 0)
                t[order] += I * setting->kappa * kd_bath_principal(bath, q, order, x);
            }
          }
  }
  *result = (kd_self_energy *)self;
  self = NULL;

cleanup:
  direct_free((kd_self_energy *)self);
  return status;
}

static kd_status direct_apply(kd_self_energy *object, const double complex *g,
                              double complex *t_lesser, double complex *t_greater) {
  kd_status status = KD_OK;
  const direct *self = from(object);
  const size_t n_k = self->n_k, n_piece = self->setting.n_piece, n = self->n_band * self->n_band;
  const size_t total = n_piece * n * n_k;
  double complex *y = NULL, *matrix = NULL;
  KD_ALLOCATE(y, total);
  KD_ALLOCATE(matrix, 2 * n);
  memset(t_lesser, 0, total * sizeof *t_lesser);
  memset(t_greater, 0, total * sizeof *t_greater);
  for (size_t b = 0; b < self->setting.n_bath; b++) {
    // y[k'][m][element]
    for (size_t k = 0; k < n_k; k++)
      for (size_t m = 0; m < n_piece; m++) {
        for (size_t e = 0; e < n; e++) matrix[e] = g[(m * n + e) * n_k + k];
        kd_vertex_apply(&self->setting.bath[b], self->n_band, matrix, y + (k * n_piece + m) * n);
      }
    const double complex *table = self->table[b];
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(n_k * n_k * n_piece))
    for (size_t k = 0; k < n_k; k++)
      for (size_t p = 0; p < n_piece; p++) {
        const double complex *t = table + 2 * (k * n_piece + p) * n_k * n_piece;
        for (size_t e = 0; e < n; e++) {
          double complex lesser = 0, greater = 0;
          for (size_t source = 0; source < n_k * n_piece; source++) {
            lesser += t[2 * source] * y[source * n + e];
            greater += t[2 * source + 1] * y[source * n + e];
          }
          t_lesser[(p * n + e) * n_k + k] += lesser / (double)n_k;
          t_greater[(p * n + e) * n_k + k] += greater / (double)n_k;
        }
      }
  }

cleanup:
  kd_free(y);
  kd_free(matrix);
  return status;
}

static unsigned long direct_n_fft(const kd_self_energy *self) {
  (void)self;
  return 0;
}

static size_t direct_bytes(const kd_self_energy *self) {
  return kd_self_energy_direct_bytes(&((const direct *)self)->setting);
}

const kd_self_energy_kind kd_self_energy_direct = {.name = "direct",
                                                   .create = direct_create,
                                                   .free = direct_free,
                                                   .apply = direct_apply,
                                                   .n_fft = direct_n_fft,
                                                   .bytes = direct_bytes};
