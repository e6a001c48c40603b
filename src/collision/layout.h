/// Fields over the differences of grid points (bath.h), [m0][m1][m2], as they lie in memory, and
/// their transforms.
///
/// Strides are no powers of 2, as otherwise the elements of a column would compete for the same few
/// places of the cache. On a lattice m = n; in a k.p box fields are padded with zeros, and only the
/// rows that hold something are transformed.
#ifndef KD_COLLISION_LAYOUT_H
#define KD_COLLISION_LAYOUT_H

#include <complex.h>
#include <fftw3.h>

#include "keldrift/model.h"

typedef struct kd_layout {
  size_t n[3], m[3], stride[3];
  size_t volume;     ///< complex numbers of one field, with what lies between the rows
  size_t row_length; ///< points k in a row
  size_t n_row;      ///< rows of points k
} kd_layout;

void kd_layout_create(const kd_model *model, kd_layout *layout);

/// Where in a field a row of k begins.
size_t kd_layout_row(const kd_layout *layout, size_t row);
/// Where in a field the difference with index q is.
size_t kd_layout_difference(const kd_layout *layout, size_t q);

/// One plan per axis, NULL where there is one point, in place, for fields that hold something, or
/// are wanted, at the first used[axis] points only.
kd_status kd_layout_plan(const kd_layout *layout, const size_t used[3], int sign,
                         double complex *field, fftw_plan plans[3]);

/// Transforms a field from its points on, and to its points.
void kd_layout_from_points(const fftw_plan plans[3], double complex *field);
void kd_layout_to_points(const fftw_plan plans[3], double complex *field);

/// Sets to 0 what lies outside of the rows of k.
/// @param used  numbers of a row that are kept, at least row_length
void kd_layout_clear(const kd_layout *layout, size_t used, double complex *field);

#endif
