#include "drift/differences.h"

#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/modes.h"

/// The displacements that a mode stands for.
typedef struct image_set {
  size_t n_image;
  double x[8][3];
  double mean[3];
} image_set;

/// What is kept of a part of U.
typedef struct part_table {
  bool is_set;
  unsigned long version;
  double *difference; ///< moyal: [n_half][n_here]; NULL if there is no room
  double *slope[3];   ///< gradient: dU/dR_i, [n_here]
} part_table;

struct kd_differences {
  kd_space *space;
  bool is_gradient, is_kept;
  size_t n_half, n_here, n_part;
  image_set *images; ///< [n_half]
  part_table *part;
  double *scratch; ///< [n_here]
};

void kd_differences_free(kd_differences *d) {
  if (!d) return;
  for (size_t i = 0; i < d->n_part && d->part; i++) {
    kd_free(d->part[i].difference);
    for (int axis = 0; axis < 3; axis++) kd_free(d->part[i].slope[axis]);
  }
  kd_free(d->part);
  kd_free(d->images);
  kd_free(d->scratch);
  kd_free(d);
}

static void find_images(const kd_model *model, kd_differences *d) {
  const size_t n_dim = kd_model_n_dim(model), offset = 3 - n_dim;
  size_t n[3];
  for (size_t a = 0; a < 3; a++) n[a] = a < offset ? 1 : kd_model_n(model)[a - offset];
  const size_t last = n[2] / 2 + 1;
  for (size_t i = 0; i < d->n_half; i++) {
    const size_t j[3] = {i / last / n[1], i / last % n[1], i % last};
    image_set *images = &d->images[i];
    double number[3];
    for (int signs = 0; signs < 8; signs++) {
      if (!kd_mode_image(j, n, signs, number)) continue;
      double *x = images->x[images->n_image++];
      for (size_t a = offset; a < 3; a++)
        for (size_t c = 0; c < 3; c++)
          x[c] += number[a] * kd_model_duals(model)[3 * (a - offset) + c];
    }
    for (size_t image = 0; image < images->n_image; image++)
      for (int c = 0; c < 3; c++) images->mean[c] += images->x[image][c] / (double)images->n_image;
  }
}

kd_status kd_differences_create(const kd_model *model, kd_space *space, bool is_gradient,
                                size_t room, kd_differences **result) {
  kd_status status = KD_OK;
  kd_differences *d = NULL;
  *result = NULL;
  KD_ALLOCATE(d, 1);
  d->space = space;
  d->is_gradient = is_gradient;
  const size_t n_last = kd_model_n(model)[kd_model_n_dim(model) - 1];
  d->n_half = kd_model_n_k(model) / n_last * (n_last / 2 + 1);
  d->n_part = kd_space_n_part(space);
  size_t first_here;
  kd_space_slab(space, &first_here, &d->n_here);
  d->is_kept = d->n_part * d->n_half * d->n_here * sizeof(double) <= room;
  KD_ALLOCATE(d->images, d->n_half);
  find_images(model, d);
  KD_ALLOCATE(d->part, d->n_part);
  for (size_t i = 0; i < d->n_part; i++) {
    if (!is_gradient && d->is_kept) KD_ALLOCATE(d->part[i].difference, d->n_half * d->n_here);
    for (size_t axis = 0; axis < kd_space_n_dim(space) && is_gradient; axis++)
      KD_ALLOCATE(d->part[i].slope[axis], d->n_here);
  }
  KD_ALLOCATE(d->scratch, d->n_here);
  *result = d;
  d = NULL;

cleanup:
  kd_differences_free(d);
  return status;
}

size_t kd_differences_n_half(const kd_differences *d) {
  return d->n_half;
}

size_t kd_differences_images(const kd_differences *d, size_t mode, const double (**x)[3]) {
  *x = (const double(*)[3])d->images[mode].x;
  return d->images[mode].n_image;
}

/// x[r] += weight (U_part(R + s/2) - U_part(R - s/2)) at one mode.
static kd_status add_difference(kd_differences *d, size_t part, size_t mode, double weight,
                                double *x) {
  const image_set *images = &d->images[mode];
  const double share = weight / (double)images->n_image;
  for (size_t image = 0; image < images->n_image; image++) {
    KD_TRY(kd_space_part_difference(d->space, part, images->x[image], d->scratch));
    for (size_t r = 0; r < d->n_here; r++) x[r] += share * d->scratch[r];
  }
  return KD_OK;
}

/// What is kept of a part, of U as it is now.
static kd_status update(kd_differences *d, size_t part) {
  part_table *table = &d->part[part];
  const unsigned long version = kd_space_part_version(d->space, part);
  if (table->is_set && table->version == version) return KD_OK;
  table->is_set = false;
  for (size_t axis = 0; axis < kd_space_n_dim(d->space) && d->is_gradient; axis++) {
    KD_TRY(kd_space_part_gradient(d->space, part, axis, d->scratch));
    memcpy(table->slope[axis], d->scratch, d->n_here * sizeof *d->scratch);
  }
  if (table->difference) {
    memset(table->difference, 0, d->n_half * d->n_here * sizeof *table->difference);
    for (size_t mode = 0; mode < d->n_half; mode++)
      KD_TRY(add_difference(d, part, mode, 1, table->difference + mode * d->n_here));
  }
  table->version = version;
  table->is_set = true;
  return KD_OK;
}

kd_status kd_differences_batch(kd_differences *d, double t, double dt, const double impulse[3],
                               size_t first, size_t count, size_t pitch, double *x) {
  for (size_t i = 0; i < count; i++) {
    double work = 0;
    for (int c = 0; c < 3; c++) work += impulse[c] * d->images[first + i].mean[c];
    for (size_t r = 0; r < d->n_here; r++) x[i * pitch + r] = -work;
  }
  if (dt == 0) return KD_OK;
  KD_TRY(kd_space_check_time(d->space, t));
  for (size_t part = 0; part < d->n_part; part++) {
    const part_table *table = &d->part[part];
    const double weight = dt * kd_space_part_factor(d->space, part, t);
    KD_TRY(update(d, part));
    for (size_t i = 0; i < count; i++) {
      const size_t mode = first + i;
      double *here = x + i * pitch;
      if (table->difference) {
        const double *difference = table->difference + mode * d->n_here;
        for (size_t r = 0; r < d->n_here; r++) here[r] += weight * difference[r];
      } else if (!d->is_gradient) {
        KD_TRY(add_difference(d, part, mode, weight, here));
      }
      for (size_t axis = 0; axis < kd_space_n_dim(d->space) && d->is_gradient; axis++) {
        const double scale = weight * d->images[mode].mean[axis];
        for (size_t r = 0; r < d->n_here; r++) here[r] += scale * table->slope[axis][r];
      }
    }
  }
  return KD_OK;
}

size_t kd_differences_bytes(const kd_differences *d) {
  const size_t n_kept = d->is_gradient ? kd_space_n_dim(d->space) : d->is_kept ? d->n_half : 0;
  return d->n_half * sizeof *d->images +
         d->n_part * (sizeof *d->part + n_kept * d->n_here * sizeof(double)) +
         d->n_here * sizeof(double);
}
