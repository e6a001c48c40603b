#include "model/kp.h"

#include <math.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"
#include "core/parallel.h"

enum { N_POWER = KD_KP_MAX_POWER + 1, N_MONOMIAL = N_POWER * N_POWER * N_POWER };

static size_t monomial(size_t p0, size_t p1, size_t p2) {
  return (p0 * N_POWER + p1) * N_POWER + p2;
}

kd_status kd_kp_table_create(size_t n_dim, size_t n_band, kd_kp_table **result) {
  kd_status status = KD_OK;
  kd_kp_table *table = NULL;
  KD_ALLOCATE(table, 1);
  table->n_dim = n_dim;
  table->n_band = n_band;
  KD_ALLOCATE(table->coefficient, N_MONOMIAL * n_band * n_band);
  *result = table;
  return KD_OK;
cleanup:
  kd_kp_table_free(table);
  return status;
}

void kd_kp_table_free(kd_kp_table *table) {
  if (!table) return;
  kd_free(table->coefficient);
  kd_free(table);
}

void kd_kp_add(kd_kp_table *table, const int power[3], size_t a, size_t b, double complex value) {
  const size_t n = table->n_band;
  double complex *matrix =
      table->coefficient + monomial((size_t)power[0], (size_t)power[1], (size_t)power[2]) * n * n;
  matrix[a * n + b] += value;
  if (a != b) matrix[b * n + a] += conj(value);
}

kd_status kd_kp_read_box(const kd_section *section, kd_kp_table *table) {
  size_t count;
  const double *k_max = kd_section_reals(section, "k_max", &count);
  if (count != 1 && count != table->n_dim)
    return kd_section_error(section, "k_max", "%zu numbers (expected 1 or %zu, one per axis)",
                            count, table->n_dim);
  for (size_t i = 0; i < table->n_dim; i++) table->k_max[i] = k_max[count == 1 ? 0 : i];
  return KD_OK;
}

/// The terms of a k.p model in the form that the kernel wants.
typedef struct kp_terms {
  kd_kp_table *table;
  size_t degree[3]; ///< largest power of each padded axis
  size_t n_power;   ///< product of degree + 1
  double *base;     ///< packed coefficients [component][padded powers]
  double *combined; ///< the same for the part that is sampled
} kp_terms;

static void kp_free(void *memory) {
  kp_terms *terms = memory;
  if (!terms) return;
  kd_kp_table_free(terms->table);
  kd_free(terms->base);
  kd_free(terms->combined);
  kd_free(terms);
}

/// d/dx x^p, with 0 for p = 0.
static double power_derivative(double x, size_t p) {
  return p == 0 ? 0 : (double)p * pow(x, (double)(p - 1));
}

static void kp_at(const void *memory, const double k[3], const kd_model_part *part,
                  double complex *matrix) {
  const kd_kp_table *table = ((const kp_terms *)memory)->table;
  const size_t n = table->n_band;
  for (size_t ab = 0; ab < n * n; ab++) matrix[ab] = 0;
  for (size_t p0 = 0; p0 < N_POWER; p0++) {
    for (size_t p1 = 0; p1 < N_POWER; p1++) {
      for (size_t p2 = 0; p2 < N_POWER; p2++) {
        const double x = pow(k[0], (double)p0), y = pow(k[1], (double)p1),
                     z = pow(k[2], (double)p2);
        const double weight = part->energy * x * y * z +
                              part->gradient[0] * power_derivative(k[0], p0) * y * z +
                              part->gradient[1] * x * power_derivative(k[1], p1) * z +
                              part->gradient[2] * x * y * power_derivative(k[2], p2);
        const double complex *term = table->coefficient + monomial(p0, p1, p2) * n * n;
        for (size_t ab = 0; ab < n * n; ab++) matrix[ab] += weight * term[ab];
      }
    }
  }
}

/// combined_c,p = energy base_c,p + sum_i gradient_i (p_i + 1) base_c,p+e_i
static void combine(kp_terms *terms, size_t n_component, const double gradient[3], double energy) {
  const size_t *degree = terms->degree;
  const size_t stride[3] = {(degree[1] + 1) * (degree[2] + 1), degree[2] + 1, 1};
  for (size_t c = 0; c < n_component; c++) {
    const double *base = terms->base + c * terms->n_power;
    double *combined = terms->combined + c * terms->n_power;
    for (size_t index = 0; index < terms->n_power; index++) {
      combined[index] = energy * base[index];
      for (size_t i = 0; i < 3; i++) {
        const size_t p = index / stride[i] % (degree[i] + 1);
        if (p < degree[i])
          combined[index] += gradient[i] * (double)(p + 1) * base[index + stride[i]];
      }
    }
  }
}

/// The polynomial is first summed over the powers of the outer coordinates of a row of the grid and
/// then evaluated along the row by Horner's rule.
static unsigned long kp_sample(void *memory, const kd_model *model, const double shift[3],
                               const kd_model_part *part, bool covariant, double *field) {
  (void)covariant; // there are no positions
  kp_terms *terms = memory;
  const size_t n_component = model->n_band * model->n_band;
  const size_t pad = 3 - model->n_dim;
  size_t n[3];
  kd_padded_sizes(model, n);
  double origin[3] = {0}, edge[3] = {0}, gradient[3] = {0};
  for (size_t p = pad; p < 3; p++) {
    origin[p] = model->origin[p - pad] + shift[p - pad];
    edge[p] = model->edges[p - pad][p - pad];
    gradient[p] = part->gradient[p - pad];
  }
  combine(terms, n_component, gradient, part->energy);

  const size_t *degree = terms->degree;
  const size_t n_tile = (n[2] + KD_TILE - 1) / KD_TILE;
#pragma omp parallel for collapse(4)                                                               \
    schedule(static) if (KD_WORTH_THREADS(n_component * n[0] * n[1] * n[2]))
  for (size_t c = 0; c < n_component; c++) {
    for (size_t j0 = 0; j0 < n[0]; j0++) {
      for (size_t j1 = 0; j1 < n[1]; j1++) {
        for (size_t tile = 0; tile < n_tile; tile++) {
          const double x0 = origin[0] + (double)j0 / (double)n[0] * edge[0];
          const double x1 = origin[1] + (double)j1 / (double)n[1] * edge[1];
          double row[N_POWER] = {0};
          const double *coefficient = terms->combined + c * terms->n_power;
          double power0 = 1;
          for (size_t p0 = 0; p0 <= degree[0]; p0++, power0 *= x0) {
            double power01 = power0;
            for (size_t p1 = 0; p1 <= degree[1]; p1++, power01 *= x1)
              for (size_t p2 = 0; p2 <= degree[2]; p2++) row[p2] += power01 * *coefficient++;
          }
          const size_t begin = tile * KD_TILE;
          const size_t end = n[2] - begin < KD_TILE ? n[2] : begin + KD_TILE;
          double *out = field + ((c * n[0] + j0) * n[1] + j1) * n[2];
#pragma omp simd
          for (size_t j2 = begin; j2 < end; j2++) {
            const double x2 = origin[2] + (double)j2 / (double)n[2] * edge[2];
            double sum = row[degree[2]];
            for (size_t p2 = degree[2]; p2-- > 0;) sum = sum * x2 + row[p2];
            out[j2] = sum;
          }
        }
      }
    }
  }
  return 0;
}

static const kd_model_family kp_family = {.at = kp_at, .sample = kp_sample, .free = kp_free};

/// Packs the coefficients and leaves out powers that do not occur.
static kd_status pack_terms(kp_terms *terms) {
  kd_status status = KD_OK;
  const kd_kp_table *table = terms->table;
  const size_t n = table->n_band, n_component = n * n, pad = 3 - table->n_dim;
  double *packed = NULL;
  KD_ALLOCATE(packed, N_MONOMIAL * n_component);
  for (size_t m = 0; m < N_MONOMIAL; m++)
    kd_pack(table->coefficient + m * n * n, n, 1, 0, packed + m * n_component);
  for (size_t m = 0; m < N_MONOMIAL; m++) {
    const size_t power[3] = {m / (N_POWER * N_POWER), m / N_POWER % N_POWER, m % N_POWER};
    for (size_t c = 0; c < n_component; c++)
      for (size_t i = 0; i < table->n_dim; i++)
        if (packed[m * n_component + c] != 0 && power[i] > terms->degree[i + pad])
          terms->degree[i + pad] = power[i];
  }
  const size_t *degree = terms->degree;
  terms->n_power = (degree[0] + 1) * (degree[1] + 1) * (degree[2] + 1);
  KD_ALLOCATE(terms->base, n_component * terms->n_power);
  KD_ALLOCATE(terms->combined, n_component * terms->n_power);
  for (size_t c = 0; c < n_component; c++) {
    for (size_t index = 0; index < terms->n_power; index++) {
      const size_t padded[3] = {index / ((degree[1] + 1) * (degree[2] + 1)),
                                index / (degree[2] + 1) % (degree[1] + 1), index % (degree[2] + 1)};
      size_t power[3] = {0};
      for (size_t i = 0; i < table->n_dim; i++) power[i] = padded[i + pad];
      terms->base[c * terms->n_power + index] =
          packed[monomial(power[0], power[1], power[2]) * n_component + c];
    }
  }
cleanup:
  kd_free(packed);
  return status;
}

kd_status kd_kp_model(kd_kp_table *table, const kd_model_setup *setup, kd_model **result) {
  kd_status status = KD_OK;
  kd_model *model = NULL;
  kp_terms *terms = NULL;
  double origin[3] = {0}, edges[3][3] = {{0}};
  KD_ALLOCATE(terms, 1);
  terms->table = table;
  table = NULL;
  for (size_t i = 0; i < setup->n_dim; i++) {
    origin[i] = -terms->table->k_max[i];
    edges[i][i] = 2 * terms->table->k_max[i];
  }
  KD_CHECK(pack_terms(terms));
  KD_CHECK(kd_model_new(setup, terms->table->n_band, false, origin, edges[0], &model));
  const size_t n_component = model->n_band * model->n_band;
  model->bytes += sizeof *terms + N_MONOMIAL * n_component * sizeof(double complex) +
                  2 * n_component * terms->n_power * sizeof(double);
  model->family = &kp_family;
  model->terms = terms;
  *result = model;
  return KD_OK;
cleanup:
  kd_kp_table_free(table);
  kp_free(terms);
  return status;
}
