#include "keldrift/model.h"

#include <limits.h>
#include <math.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"
#include "core/parallel.h"
#include "model/family.h"
#include "model/kinds.h"
#include "scenario/section.h"

static const double two_pi = 6.283185307179586476925;

bool kd_reciprocal(size_t n_dim, const double *vector, double dual[3][3], double *volume) {
  // A unit matrix in the unused dimensions makes every case a three-dimensional one.
  double a[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  double product = 1;
  for (size_t i = 0; i < n_dim; i++) {
    double square = 0;
    for (size_t j = 0; j < n_dim; j++) {
      a[i][j] = vector[3 * i + j];
      square += a[i][j] * a[i][j];
    }
    product *= sqrt(square);
  }
  double cofactor[3][3];
  for (size_t i = 0; i < 3; i++) {
    const size_t i1 = (i + 1) % 3, i2 = (i + 2) % 3;
    for (size_t j = 0; j < 3; j++) {
      const size_t j1 = (j + 1) % 3, j2 = (j + 2) % 3;
      cofactor[i][j] = a[i1][j1] * a[i2][j2] - a[i1][j2] * a[i2][j1];
    }
  }
  const double determinant =
      a[0][0] * cofactor[0][0] + a[0][1] * cofactor[0][1] + a[0][2] * cofactor[0][2];
  if (!(fabs(determinant) > 1e-10 * product) || !isfinite(determinant)) return false;
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0; j < 3; j++)
      dual[i][j] = i < n_dim && j < n_dim ? two_pi * cofactor[i][j] / determinant : 0;
  *volume = fabs(determinant);
  return true;
}

/// The least number of packed fields that any run holds at a time.
static const double FEWEST_FIELDS = 16;

/// Refuses what cannot fit, before pages are touched and the system has to kill the process.
static kd_status check_memory(const kd_model_setup *setup, const kd_model *model) {
  const double gib = 1073741824.0, present = kd_memory_physical();
  const double needed = FEWEST_FIELDS * (double)model->n_band * (double)model->n_band *
                        (double)model->n_k * sizeof(double);
  if (!(present > 0 && needed > present)) return KD_OK;
  return kd_section_error(setup->grid, "k",
                          "%zu k points of %zu bands need more than %.3g GiB of memory (expected "
                          "what fits into the %.3g GiB of this machine)",
                          model->n_k, model->n_band, needed / gib, present / gib);
}

kd_status kd_model_new(const kd_model_setup *setup, size_t n_band, bool periodic,
                       const double origin[3], const double *edges, kd_model **result) {
  kd_status status = KD_OK;
  kd_model *model = NULL;
  double volume;
  KD_ALLOCATE(model, 1);
  model->n_band = n_band;
  model->n_dim = setup->n_dim;
  model->n_k = 1;
  for (size_t i = 0; i < 3; i++) {
    model->n[i] = setup->n[i];
    model->n_k *= setup->n[i];
    model->origin[i] = origin[i];
    for (size_t j = 0; j < 3; j++) model->edges[i][j] = i < setup->n_dim ? edges[3 * i + j] : 0;
  }
  if (setup->grid) KD_CHECK(check_memory(setup, model));
  model->periodic = periodic;
  model->spin_degeneracy = setup->spin_degeneracy;
  model->charge = setup->charge;
  model->hbar = setup->constants.hbar;
  model->bytes = sizeof *model;
  if (!kd_reciprocal(model->n_dim, model->edges[0], model->duals, &volume)) {
    status = kd_error(KD_ERROR_SCENARIO, "the edges of the k domain are linearly dependent");
    goto cleanup;
  }
  model->cell_volume = pow(two_pi, (double)model->n_dim) / volume;
  *result = model;
  return KD_OK;
cleanup:
  kd_model_free(model);
  return status;
}

static kd_status read_grid(const kd_section *grid, kd_model_setup *setup) {
  // Sizes are `int` in the FFT library, and 2^40 points are far beyond any memory.
  const double most = 1099511627776.0;
  size_t count;
  const long *k = kd_section_integers(grid, "k", &count);
  if (count < 1 || count > 3)
    return kd_section_error(grid, "k", "%zu numbers of points (expected 1 to 3, one per dimension)",
                            count);
  double product = 1;
  for (size_t i = 0; i < 3; i++) {
    setup->n[i] = 1;
    if (i >= count) continue;
    if (k[i] < 1 || k[i] > INT_MAX)
      return kd_section_error(grid, "k", "%ld points (expected 1 to %d)", k[i], INT_MAX);
    setup->n[i] = (size_t)k[i];
    product *= (double)k[i];
  }
  if (product > most)
    return kd_section_error(grid, "k", "%.3g points in all (expected at most %.3g)", product, most);
  setup->n_dim = count;
  return KD_OK;
}

kd_status kd_model_check_dimension(const kd_scenario *scenario, const char *kind, size_t n_dim,
                                   size_t n_grid) {
  if (n_dim == n_grid) return KD_OK;
  const kd_section *grid = kd_section_child(kd_scenario_root(scenario), "grid");
  return kd_section_error(grid, "k", "%zu %s (model %s is %zu-dimensional: expected %zu)", n_grid,
                          n_grid == 1 ? "number of points" : "numbers of points", kind, n_dim,
                          n_dim);
}

kd_status kd_model_create(const kd_scenario *scenario, kd_model **model) {
  const kd_section *root = kd_scenario_root(scenario);
  const kd_section *section = kd_section_child(root, "model");
  const kd_model_kind *kind = (const kd_model_kind *)kd_section_variant(section);
  kd_model_setup setup = {.constants = kd_scenario_constants(scenario),
                          .spin_degeneracy = kd_section_real(section, "spin_degeneracy"),
                          .charge = kd_section_real(root, "charge"),
                          .grid = kd_section_child(root, "grid")};
  KD_TRY(read_grid(kd_section_child(root, "grid"), &setup));
  if (kind->n_dim != 0)
    KD_TRY(kd_model_check_dimension(scenario, kind->variant.kind, kind->n_dim, setup.n_dim));
  return kind->create(scenario, section, &setup, model);
}

void kd_model_free(kd_model *model) {
  if (!model) return;
  if (model->family) model->family->free(model->terms);
  kd_free(model->scratch_h);
  kd_free(model->scratch_r);
  kd_free(model);
}

size_t kd_model_n_band(const kd_model *model) {
  return model->n_band;
}
size_t kd_model_n_dim(const kd_model *model) {
  return model->n_dim;
}
size_t kd_model_n_k(const kd_model *model) {
  return model->n_k;
}
const size_t *kd_model_n(const kd_model *model) {
  return model->n;
}
double kd_model_spin_degeneracy(const kd_model *model) {
  return model->spin_degeneracy;
}
double kd_model_charge(const kd_model *model) {
  return model->charge;
}
double kd_model_cell_volume(const kd_model *model) {
  return model->cell_volume;
}
bool kd_model_is_periodic(const kd_model *model) {
  return model->periodic;
}
double kd_model_hbar(const kd_model *model) {
  return model->hbar;
}
const double *kd_model_edges(const kd_model *model) {
  return model->edges[0];
}
const double *kd_model_duals(const kd_model *model) {
  return model->duals[0];
}
unsigned long kd_model_n_fft(const kd_model *model) {
  return model->n_fft;
}
size_t kd_model_bytes(const kd_model *model) {
  return model->bytes;
}
double kd_model_density_of_one(const kd_model *model) {
  return model->spin_degeneracy / ((double)model->n_k * model->cell_volume);
}
double kd_model_position_defect(const kd_model *model) {
  return model->position_defect;
}

void kd_model_k(const kd_model *model, size_t index, double k[3]) {
  size_t j[3];
  for (size_t i = 3; i-- > 0;) {
    j[i] = index % model->n[i];
    index /= model->n[i];
  }
  for (size_t x = 0; x < 3; x++) {
    k[x] = model->origin[x];
    for (size_t i = 0; i < model->n_dim; i++)
      k[x] += (double)j[i] / (double)model->n[i] * model->edges[i][x];
  }
}

void kd_model_at(const kd_model *model, const double k[3], const kd_model_part *part,
                 double complex *matrix) {
  model->family->at(model->terms, k, part, matrix);
}

void kd_model_sample(kd_model *model, const double shift[3], const kd_model_part *part,
                     double *field) {
  model->n_fft += model->family->sample(model->terms, model, shift, part, false, field);
}

kd_status kd_model_bonds(const kd_model *model, kd_bond **bond, size_t *count) {
  *bond = NULL;
  *count = 0;
  return model->family->bonds ? model->family->bonds(model->terms, bond, count) : KD_OK;
}

/// Element (a, b) of a packed field, read as (re + i sign im) scale.
typedef struct element {
  const double *re, *im;
  double scale, sign;
} element;

static element packed_element(const double *field, size_t n_band, size_t n_k, size_t a, size_t b) {
  if (a == b) return (element){field + a * n_k, field + a * n_k, 1, 0};
  const double *re = field + (a < b ? kd_pair(a, b, n_band) : kd_pair(b, a, n_band)) * n_k;
  return (element){re, re + n_k, KD_SQRT1_2, a < b ? 1 : -1};
}

/// z_k += factor x_ac(k) y_cb(k) for k in [begin, begin + count).
static void add_product(element x, element y, double factor, size_t begin, size_t count,
                        double *restrict z_re, double *restrict z_im) {
  const double scale = factor * x.scale * y.scale;
  const double x_sign = x.sign, y_sign = y.sign;
  const double *x_re = x.re + begin, *x_im = x.im + begin;
  const double *y_re = y.re + begin, *y_im = y.im + begin;
#pragma omp simd
  for (size_t k = 0; k < count; k++) {
    const double xr = x_re[k], xi = x_sign * x_im[k];
    const double yr = y_re[k], yi = y_sign * y_im[k];
    z_re[k] += scale * (xr * yr - xi * yi);
    z_im[k] += scale * (xr * yi + xi * yr);
  }
}

/// field_ab(k) += i sum_c (h_ac r_cb - r_ac h_cb), all packed.
static void add_commutator(size_t n_band, size_t n_k, const double *h, const double *r,
                           double *field) {
  const size_t n_tile = (n_k + KD_TILE - 1) / KD_TILE;
#pragma omp parallel for collapse(2) schedule(static) if (KD_WORTH_THREADS(n_band * n_k))
  for (size_t tile = 0; tile < n_tile; tile++) {
    for (size_t a = 0; a < n_band; a++) {
      const size_t begin = tile * KD_TILE;
      const size_t count = n_k - begin < KD_TILE ? n_k - begin : KD_TILE;
      for (size_t b = a; b < n_band; b++) {
        double z_re[KD_TILE] = {0}, z_im[KD_TILE] = {0};
        for (size_t c = 0; c < n_band; c++) {
          add_product(packed_element(h, n_band, n_k, a, c), packed_element(r, n_band, n_k, c, b), 1,
                      begin, count, z_re, z_im);
          add_product(packed_element(r, n_band, n_k, a, c), packed_element(h, n_band, n_k, c, b),
                      -1, begin, count, z_re, z_im);
        }
        if (a == b) {
          double *out = field + a * n_k + begin;
          for (size_t k = 0; k < count; k++) out[k] -= z_im[k];
        } else {
          double *out_re = field + kd_pair(a, b, n_band) * n_k + begin;
          double *out_im = out_re + n_k;
          for (size_t k = 0; k < count; k++) {
            out_re[k] -= KD_SQRT2 * z_im[k];
            out_im[k] += KD_SQRT2 * z_re[k];
          }
        }
      }
    }
  }
}

void kd_model_velocity(kd_model *model, const double shift[3], const double direction[3],
                       double *field) {
  kd_model_part derivative = {0}, position = {0};
  for (size_t i = 0; i < 3; i++) {
    derivative.gradient[i] = direction[i] / model->hbar;
    position.position[i] = direction[i] / model->hbar;
  }
  // Constant diagonal positions commute with everything but H, element by element, so the family
  // includes them at no cost; only dipoles need the product on the grid.
  const bool covariant = !model->has_dipole;
  model->n_fft += model->family->sample(model->terms, model, shift, &derivative, covariant, field);
  if (covariant) return;
  kd_model_sample(model, shift, &(kd_model_part){.energy = 1}, model->scratch_h);
  kd_model_sample(model, shift, &position, model->scratch_r);
  add_commutator(model->n_band, model->n_k, model->scratch_h, model->scratch_r, field);
}
