#include "model/scissor.h"

#include <fftw3.h>
#include <math.h>
#include <string.h>

#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"

/// Samples H on the mesh as a packed field.
static kd_status sample_mesh(const kd_lattice_table *table, const size_t mesh[3], double *field) {
  kd_status status = KD_OK;
  kd_lattice_table *copy = NULL;
  kd_model *model = NULL;
  kd_model_setup setup = {.constants = {.hbar = 1}, .n_dim = table->n_dim};
  const size_t n_matrix = table->n_cell * table->n_band * table->n_band;
  KD_CHECK(kd_lattice_table_create(table->n_dim, table->n_band, table->n_cell, false, &copy));
  copy->n_cell = table->n_cell;
  memcpy(copy->vector, table->vector, sizeof copy->vector);
  memcpy(copy->cell, table->cell, table->n_cell * sizeof *copy->cell);
  memcpy(copy->energy, table->energy, n_matrix * sizeof *copy->energy);
  memcpy(setup.n, mesh, sizeof setup.n);
  KD_CHECK(kd_lattice_model(copy, &setup, KD_LATTICE_AUTO, &model));
  kd_model_sample(model, (double[3]){0}, &(kd_model_part){.energy = 1}, field);
cleanup:
  kd_model_free(model);
  return status;
}

/// Replaces the field by the projector on the bands above zero, P_ab = sum_n u_an conj(u_bn).
static kd_status project(size_t n_band, size_t n_k, double *field, kd_scissor_bands *bands) {
  kd_status status = KD_OK;
  double *energy = NULL;
  double complex *vector = NULL, *matrix = NULL;
  *bands = (kd_scissor_bands){.least = n_band, .most = 0};
  KD_ALLOCATE(energy, n_k * n_band);
  KD_ALLOCATE(vector, n_k * n_band * n_band);
  KD_ALLOCATE(matrix, n_band * n_band);
  KD_CHECK(kd_eigen_field(n_band, n_k, field, energy, vector));
  for (size_t k = 0; k < n_k; k++) {
    const double complex *u = vector + k * n_band * n_band;
    size_t below = 0;
    while (below < n_band && energy[k * n_band + below] <= 0) below++;
    if (below < bands->least) bands->least = below;
    if (below > bands->most) bands->most = below;
    for (size_t a = 0; a < n_band; a++) {
      for (size_t b = a; b < n_band; b++) {
        double complex sum = 0;
        for (size_t n = below; n < n_band; n++) sum += u[a * n_band + n] * conj(u[b * n_band + n]);
        matrix[a * n_band + b] = sum;
      }
    }
    kd_pack(matrix, n_band, n_k, k, field);
  }
  if (bands->least != bands->most || bands->least == 0 || bands->most == n_band)
    status = KD_ERROR_SCENARIO;
cleanup:
  kd_free(energy);
  kd_free(vector);
  kd_free(matrix);
  return status;
}

/// A cell that stands for one class of cells modulo the mesh.
typedef struct image {
  long cell[3];
  size_t point;  ///< the class, as a place on the mesh
  double weight; ///< 1 divided by the number of images of the class
  size_t index;  ///< place in the table
} image;

enum { REACH = 2, WIDTH = 2 * REACH + 1, N_CANDIDATE = WIDTH * WIDTH * WIDTH };

/// Lists the shortest vectors of the class of mesh point `point`: the cells of the Wigner-Seitz
/// cell of the mesh, whose boundary belongs to several sides. Returns their number.
static size_t shortest_images(const kd_lattice_table *table, const size_t mesh[3], size_t point,
                              image *images) {
  const size_t first[3] = {point / (mesh[1] * mesh[2]), point / mesh[2] % mesh[1], point % mesh[2]};
  double length[N_CANDIDATE], shortest = INFINITY;
  image candidate[N_CANDIDATE];
  for (size_t c = 0; c < N_CANDIDATE; c++) {
    const long turn[3] = {(long)(c / (WIDTH * WIDTH)) - REACH, (long)(c / WIDTH % WIDTH) - REACH,
                          (long)(c % WIDTH) - REACH};
    double vector[3] = {0};
    bool disperses = true;
    candidate[c].point = point;
    for (size_t d = 0; d < 3; d++) {
      candidate[c].cell[d] = (long)first[d] + turn[d] * (long)mesh[d];
      if (mesh[d] == 1 && turn[d] != 0) disperses = false;
      for (size_t x = 0; x < 3; x++)
        vector[x] += (double)candidate[c].cell[d] * table->vector[d][x];
    }
    length[c] = disperses
                    ? sqrt(vector[0] * vector[0] + vector[1] * vector[1] + vector[2] * vector[2])
                    : INFINITY;
    shortest = fmin(shortest, length[c]);
  }
  size_t n = 0;
  for (size_t c = 0; c < N_CANDIDATE; c++)
    if (length[c] <= shortest * (1 + 1e-8)) images[n++] = candidate[c];
  for (size_t i = 0; i < n; i++) images[i].weight = 1 / (double)n;
  return n;
}

/// Lists the images of all mesh points.
static kd_status list_images(const kd_lattice_table *table, const size_t mesh[3], image **result,
                             size_t *n_image) {
  kd_status status = KD_OK;
  const size_t n_k = mesh[0] * mesh[1] * mesh[2];
  image *images = NULL, some[N_CANDIDATE];
  size_t count = 0, filled = 0;
  for (size_t k = 0; k < n_k; k++) count += shortest_images(table, mesh, k, some);
  KD_ALLOCATE(images, count);
  for (size_t k = 0; k < n_k; k++) filled += shortest_images(table, mesh, k, images + filled);
  *result = images;
  *n_image = count;
cleanup:
  return status;
}

/// Makes a table with the cells and matrices of `old` and those of the images.
static kd_status extend(const kd_lattice_table *old, image *images, size_t n_image,
                        kd_lattice_table **result) {
  const size_t n_element = old->n_cell * old->n_band * old->n_band;
  kd_lattice_table *table;
  KD_TRY(kd_lattice_table_create(old->n_dim, old->n_band, old->n_cell + n_image,
                                 old->dipole != NULL, &table));
  table->n_cell = old->n_cell;
  table->position_defect = old->position_defect;
  memcpy(table->vector, old->vector, sizeof table->vector);
  memcpy(table->orbital, old->orbital, old->n_band * sizeof *table->orbital);
  memcpy(table->cell, old->cell, old->n_cell * sizeof *table->cell);
  memcpy(table->energy, old->energy, n_element * sizeof *table->energy);
  if (old->dipole) memcpy(table->dipole, old->dipole, 3 * n_element * sizeof *table->dipole);
  for (size_t i = 0; i < n_image; i++) {
    // Images differ from each other, so only the old cells need to be searched.
    size_t index = 0;
    while (index < old->n_cell &&
           memcmp(table->cell[index], images[i].cell, sizeof images[i].cell) != 0)
      index++;
    if (index == old->n_cell) index = table->n_cell++;
    memcpy(table->cell[index], images[i].cell, sizeof images[i].cell);
    images[i].index = index;
  }
  *result = table;
  return KD_OK;
}

/// H_R += weight_R (energy/n_k) sum_k e^{-ik.R} P(k)
static kd_status add_transform(const double *projector, const size_t mesh[3], double energy,
                               const image *images, size_t n_image, kd_lattice_table *table) {
  kd_status status = KD_OK;
  const size_t n = table->n_band, n_k = mesh[0] * mesh[1] * mesh[2];
  const double scale = energy / (double)n_k;
  fftw_complex *z = NULL;
  fftw_plan plan = NULL;
  KD_ALLOCATE(z, n_k);
  plan = fftw_plan_dft(3, (int[]){(int)mesh[0], (int)mesh[1], (int)mesh[2]}, z, z, FFTW_FORWARD,
                       FFTW_ESTIMATE);
  if (!plan) {
    status = kd_error(KD_ERROR_INTERNAL, "no FFT plan for a mesh of %zu x %zu x %zu points",
                      mesh[0], mesh[1], mesh[2]);
    goto cleanup;
  }
  for (size_t a = 0; a < n; a++) {
    for (size_t b = 0; b < n; b++) {
      const bool upper = a <= b;
      const size_t c = a == b ? a : upper ? kd_pair(a, b, n) : kd_pair(b, a, n);
      const double *re = projector + c * n_k;
      for (size_t k = 0; k < n_k; k++)
        z[k] = a == b ? re[k] : KD_SQRT1_2 * (re[k] + (upper ? I : -I) * re[n_k + k]);
      fftw_execute(plan);
      for (size_t i = 0; i < n_image; i++)
        table->energy[(images[i].index * n + a) * n + b] +=
            images[i].weight * scale * z[images[i].point];
    }
  }
cleanup:
  if (plan) fftw_destroy_plan(plan);
  kd_free(z);
  return status;
}

kd_status kd_lattice_scissor(kd_lattice_table **table, double energy, kd_scissor_bands *bands) {
  kd_status status = KD_OK;
  const size_t n_band = (*table)->n_band;
  size_t mesh[3] = {1, 1, 1}, n_image;
  double *field = NULL;
  image *images = NULL;
  kd_lattice_table *shifted = NULL;
  *bands = (kd_scissor_bands){0};
  for (size_t i = 0; i < (*table)->n_cell; i++)
    for (size_t d = 0; d < 3; d++)
      if ((*table)->cell[i][d] != 0) mesh[d] = KD_SCISSOR_MESH;
  const size_t n_k = mesh[0] * mesh[1] * mesh[2];
  field = kd_allocate(n_k, n_band * n_band * sizeof *field);
  if (!field) {
    status = KD_ERROR_MEMORY;
    goto cleanup;
  }
  KD_CHECK(sample_mesh(*table, mesh, field));
  KD_CHECK(project(n_band, n_k, field, bands));
  KD_CHECK(list_images(*table, mesh, &images, &n_image));
  KD_CHECK(extend(*table, images, n_image, &shifted));
  KD_CHECK(add_transform(field, mesh, energy, images, n_image, shifted));
  KD_CHECK(kd_lattice_symmetrize(shifted));
  kd_lattice_table_free(*table);
  *table = shifted;
  shifted = NULL;
cleanup:
  kd_lattice_table_free(shifted);
  kd_free(images);
  kd_free(field);
  return status;
}
