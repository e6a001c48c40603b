#include "output/range.h"

#include <math.h>

#include "core/memory.h"
#include "output/h5.h"

enum { BLOCK_BYTES = 4 * 1024 * 1024 }; ///< read at a time

static void extend_range(kd_range *range, const double *values, size_t count, bool is_complex) {
  for (size_t i = 0; i < count; i++) {
    const double x = is_complex ? hypot(values[2 * i], values[2 * i + 1]) : values[i];
    if (range->count == 0) range->first = x;
    range->last = x;
    range->count++;
    if (!isfinite(x)) {
      range->n_bad++;
      continue;
    }
    if (range->count - range->n_bad == 1) range->min = range->max = x;
    range->min = fmin(range->min, x);
    range->max = fmax(range->max, x);
  }
}

bool kd_range_find(hid_t dataset, hid_t space, bool is_complex, kd_range *range) {
  hsize_t extent[H5S_MAX_RANK];
  hsize_t start[H5S_MAX_RANK] = {0};
  hsize_t count[H5S_MAX_RANK];
  bool good = false;
  double *values = NULL;
  hid_t block = H5I_INVALID_HID;
  hid_t type = is_complex ? kd_h5_complex_type(H5T_NATIVE_DOUBLE) : H5Tcopy(H5T_NATIVE_DOUBLE);
  const int rank = H5Sget_simple_extent_dims(space, extent, NULL);
  *range = (kd_range){0};
  if (type < 0 || rank < 0) goto cleanup;
  if (rank == 0) {
    double value[2];
    good = H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0;
    if (good) extend_range(range, value, 1, is_complex);
    goto cleanup;
  }
  hsize_t row = 1;
  for (int i = 1; i < rank; i++) row *= count[i] = extent[i];
  hsize_t step = row > 0 ? BLOCK_BYTES / (row * kd_h5_number_bytes(is_complex)) : extent[0];
  if (step < 1) step = 1;
  if (step > extent[0]) step = extent[0];
  values = kd_allocate((size_t)(step * row), kd_h5_number_bytes(is_complex));
  if (!values) goto cleanup;
  good = true;
  for (start[0] = 0; good && row > 0 && start[0] < extent[0]; start[0] += count[0]) {
    count[0] = extent[0] - start[0] < step ? extent[0] - start[0] : step;
    block = H5Screate_simple(rank, count, NULL);
    good = block >= 0 &&
           H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
           H5Dread(dataset, type, block, space, H5P_DEFAULT, values) >= 0;
    if (good) extend_range(range, values, (size_t)(count[0] * row), is_complex);
    kd_h5_close(block);
  }
cleanup:
  kd_free(values);
  kd_h5_close(type);
  return good;
}
