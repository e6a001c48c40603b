/// Back end `direct`: the formula of self_energy.h as it stands.
#include <string.h>

#include "collision/self_energy.h"
#include "core/comm.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"
#include "core/parallel.h"

/// Bytes of one bath's table of t^< and t^> that are still allowed.
#define LARGEST_TABLE ((size_t)4 << 30)

/// Stands for struct kd_self_energy, whose layout each back end has for itself.
typedef struct direct {
  bool is_clone; ///< the tables belong to another
  kd_self_energy_setting setting;
  size_t n_band, n_k;
  const kd_comm *comm;    ///< the rows k are shared out among these processes
  double complex **table; ///< per bath: [k][piece][k'][piece'][lesser, greater]
} direct;

static direct *from(kd_self_energy *self) {
  return (direct *)self;
}

size_t kd_self_energy_direct_bytes(const kd_self_energy_setting *setting) {
  const size_t n = kd_model_n_k(setting->model) * setting->n_piece;
  return n * n * 2 * sizeof(double complex) * setting->n_bath;
}

double kd_self_energy_direct_cost(const kd_self_energy_setting *setting) {
  // Nanoseconds per complex multiply-add, and per kernel that is computed afresh.
  const double multiply = 0.8, kernel = 40;
  const double n_k = (double)kd_model_n_k(setting->model), n_piece = (double)setting->n_piece;
  const double n = (double)kd_model_n_band(setting->model);
  const double pairs = n_k * n_piece * n_k * n_piece;
  double cost = 0;
  for (size_t b = 0; b < setting->n_bath; b++) {
    const kd_bath *bath = &setting->bath[b];
    cost += 2 * pairs * n * n * multiply;
    if (bath->conserves_energy) cost += 2 * pairs * kernel;
    if (bath->vertex.has_phases)
      cost += n_k * n_k * n_piece * (double)bath->vertex.n_coupling * n * n * n * n * multiply;
  }
  return cost;
}

static void direct_free(kd_self_energy *object) {
  direct *self = from(object);
  if (!self) return;
  for (size_t b = 0; b < self->setting.n_bath && self->table && !self->is_clone; b++)
    kd_free(self->table[b]);
  if (!self->is_clone) kd_free(self->table);
  kd_free(self);
}

static kd_status direct_share(kd_self_energy *object, const kd_comm *comm) {
  from(object)->comm = comm;
  return KD_OK;
}

/// t^≷ of a bath at difference q and energy x.
static double complex value(const direct *self, const kd_bath *bath, size_t q, kd_order order,
                            double x) {
  double complex t = 0.5 * kd_bath_kernel(bath, q, order, x);
  if (self->setting.kappa != 0) t += I * self->setting.kappa * kd_bath_principal(bath, q, order, x);
  return t;
}

/// t^≷ of bath b from all pieces at all k' to piece p at k, [k'][piece'][2].
static void fill_row(const direct *self, size_t b, double beta, size_t k, size_t p,
                     double complex *row) {
  const kd_bath *bath = &self->setting.bath[b];
  const size_t n_k = self->n_k, n_piece = self->setting.n_piece;
  const double *energy = self->setting.energy, shift = kd_bath_shift(bath, beta);
  for (size_t k2 = 0; k2 < n_k; k2++)
    for (size_t m = 0; m < n_piece; m++) {
      const double x = energy[p * n_k + k] - energy[m * n_k + k2];
      const size_t q = kd_difference_index(self->setting.model, k, k2);
      double complex *t = row + 2 * (k2 * n_piece + m);
      t[KD_LESSER] = value(self, bath, q, KD_LESSER, x + shift);
      t[KD_GREATER] = value(self, bath, q, KD_GREATER, x - shift);
    }
}

static kd_status direct_create(const kd_self_energy_setting *setting, kd_self_energy **result) {
  kd_status status = KD_OK;
  const size_t n_k = kd_model_n_k(setting->model), n_piece = setting->n_piece;
  const size_t bytes = kd_self_energy_direct_bytes(setting);
  direct *self = NULL;
  *result = NULL;
  if (bytes > LARGEST_TABLE) {
    const double gib = (double)bytes / (1 << 30);
    static const char text[] =
        "a table of %.3g GiB for %zu k points by direct (expected at most %zu "
        "GiB: fft, or fewer points)";
    if (!setting->section) return kd_error(KD_ERROR_SCENARIO, text, gib, n_k, LARGEST_TABLE >> 30);
    return kd_section_error(setting->section, "method", text, gib, n_k, LARGEST_TABLE >> 30);
  }
  KD_ALLOCATE(self, 1);
  self->setting = *setting;
  self->n_band = kd_model_n_band(setting->model);
  self->n_k = n_k;
  KD_ALLOCATE(self->table, setting->n_bath);
  for (size_t b = 0; b < setting->n_bath; b++) {
    double complex *table;
    KD_ALLOCATE(table, n_k * n_piece * n_k * n_piece * 2);
    self->table[b] = table;
#pragma omp parallel for schedule(dynamic)
    for (size_t k = 0; k < n_k; k++)
      for (size_t p = 0; p < n_piece; p++)
        fill_row(self, b, 0, k, p, table + 2 * (k * n_piece + p) * n_k * n_piece);
  }
  *result = (kd_self_energy *)self;
  self = NULL;

cleanup:
  direct_free((kd_self_energy *)self);
  return status;
}

static kd_status direct_clone(const kd_self_energy *object, kd_self_energy **result) {
  kd_status status = KD_OK;
  direct *self = NULL;
  KD_ALLOCATE(self, 1);
  *self = *(const direct *)object;
  self->is_clone = true;

cleanup:
  *result = (kd_self_energy *)self;
  return status;
}

/// y += M G M^dagger.
static void add_sandwich(size_t n, const double complex *m, const double complex *g,
                         double complex *y) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      for (size_t l = 0; l < n; l++)
        for (size_t q = 0; q < n; q++)
          y[i * n + j] += m[i * n + l] * g[l * n + q] * conj(m[j * n + q]);
}

/// y[k'][m][element] := sum_a M_a(k, k') G_m(k') M_a(k, k')^dagger
static void apply_vertex(const direct *self, const kd_vertex *vertex, size_t k,
                         const double complex *g, double complex *y) {
  const size_t n_k = self->n_k, n_piece = self->setting.n_piece, n = self->n_band;
  double here[3], there[3];
  double complex piece[KD_MAX_MATRIX], matrix[KD_MAX_MATRIX];
  kd_model_k(self->setting.model, k, here);
  memset(y, 0, n_k * n_piece * n * n * sizeof *y);
  for (size_t k2 = 0; k2 < n_k; k2++) {
    kd_model_k(self->setting.model, k2, there);
    for (size_t m = 0; m < n_piece; m++) {
      double complex *image = y + (k2 * n_piece + m) * n * n;
      for (size_t e = 0; e < n * n; e++) piece[e] = g[(m * n * n + e) * n_k + k2];
      if (!vertex->has_phases) {
        kd_vertex_apply(vertex, piece, image);
        continue;
      }
      for (size_t a = 0; a < vertex->n_coupling; a++) {
        kd_vertex_matrix(vertex, a, here, there, matrix);
        add_sandwich(n, matrix, piece, image);
      }
    }
  }
}

static kd_status direct_apply(kd_self_energy *object, const double complex *g, double beta,
                              double complex *t_lesser, double complex *t_greater) {
  kd_status status = KD_OK;
  const direct *self = from(object);
  const size_t n_k = self->n_k, n_piece = self->setting.n_piece, n = self->n_band * self->n_band;
  double complex *t_out[2] = {t_lesser, t_greater};
  double complex *y = NULL, *row = NULL;
  size_t first, n_row;
  kd_comm_part(self->comm, kd_comm_rank(self->comm), n_k, &first, &n_row);
  KD_ALLOCATE(y, n_piece * n * n_k);
  KD_ALLOCATE(row, 2 * n_k * n_piece);
  for (int order = 0; order < 2; order++)
    if (t_out[order]) memset(t_out[order], 0, n_piece * n * n_k * sizeof *y);
  for (size_t b = 0; b < self->setting.n_bath; b++) {
    const kd_bath *bath = &self->setting.bath[b];
    for (size_t k = first; k < first + n_row; k++) {
      if (k == first || bath->vertex.has_phases) apply_vertex(self, &bath->vertex, k, g, y);
      for (size_t p = 0; p < n_piece; p++) {
        const double complex *t = self->table[b] + 2 * (k * n_piece + p) * n_k * n_piece;
        if (kd_bath_shift(bath, beta) != 0) {
          fill_row(self, b, beta, k, p, row);
          t = row;
        }
        for (int order = 0; order < 2; order++) {
          if (!t_out[order]) continue;
          for (size_t e = 0; e < n; e++) {
            double complex sum = 0;
            for (size_t source = 0; source < n_k * n_piece; source++)
              sum += t[2 * source + (size_t)order] * y[source * n + e];
            t_out[order][(p * n + e) * n_k + k] += sum / (double)n_k;
          }
        }
      }
    }
  }

cleanup:
  kd_free(y);
  kd_free(row);
  status = kd_comm_agree(self->comm, status);
  // The rows of other processes are 0 here.
  for (int order = 0; order < 2 && status == KD_OK; order++)
    if (t_out[order]) kd_comm_sum(self->comm, (double *)t_out[order], 2 * n_piece * n * n_k);
  return status;
}

static unsigned long direct_n_fft(const kd_self_energy *self) {
  (void)self;
  return 0;
}

static size_t direct_bytes(const kd_self_energy *self) {
  const direct *own = (const direct *)self;
  return own->is_clone ? 0 : kd_self_energy_direct_bytes(&own->setting);
}

const kd_self_energy_kind kd_self_energy_direct = {.name = "direct",
                                                   .create = direct_create,
                                                   .free = direct_free,
                                                   .clone = direct_clone,
                                                   .share = direct_share,
                                                   .apply = direct_apply,
                                                   .n_fft = direct_n_fft,
                                                   .bytes = direct_bytes};
