/// Reading results: datasets, and the scenario.
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"
#include "keldrift/output.h"
#include "output/h5.h"
#include "output/parallel.h"

/// Of a series, one record, and of that the points [first, first + count) of its first `n_shared`
/// axes, flattened.
typedef struct record_part {
  size_t record, n_shared, first, count;
} record_part;

/// Selects the part in the dataspace of a dataset.
static herr_t select_part(hid_t space, int rank, const hsize_t *extent, const record_part *part) {
  hsize_t start[KD_MAX_RANK] = {part->record}, count[KD_MAX_RANK] = {1};
  kd_variable variable = {.n_axis = (size_t)rank - 1,
                          .n_shared = part->n_shared,
                          .first = part->first,
                          .count = part->count};
  for (int i = 1; i < rank; i++) {
    count[i] = extent[i];
    variable.axis[i - 1].size = (size_t)extent[i];
  }
  if (part->n_shared == 0)
    return H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
  if (H5Sselect_none(space) < 0) return -1;
  return kd_parallel_select(space, rank, start, count, &variable);
}

/// Reads all of it, or the part, into `data`.
static herr_t read_values(hid_t dataset, hid_t type, hid_t space, void *data, bool is_part) {
  if (!is_part) return H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
  const hsize_t size = (hsize_t)H5Sget_select_npoints(space);
  const hid_t memory = H5Screate_simple(1, &size, NULL);
  const herr_t result = memory < 0 ? -1 : H5Dread(dataset, type, memory, space, H5P_DEFAULT, data);
  kd_h5_close(memory);
  return result;
}

/// @param part  NULL: all
/// @param data  NULL: the shape alone
static kd_status read_dataset(hid_t file, const char *path, const char *name,
                              const record_part *part, size_t *rank, size_t *dims, bool *is_complex,
                              double **data) {
  kd_status status = KD_OK;
  char reason[256];
  hid_t dataset = H5I_INVALID_HID;
  hid_t type = H5I_INVALID_HID;
  hid_t space = H5I_INVALID_HID;
  hid_t complex_type = H5I_INVALID_HID;
  hsize_t extent[H5S_MAX_RANK];
  double *values = NULL;
  dataset = H5Dopen2(file, name, H5P_DEFAULT);
  if (dataset < 0) {
    status = kd_error(KD_ERROR_SCENARIO, "%s: error: %s: there is no such dataset", path, name);
    goto cleanup;
  }
  type = H5Dget_type(dataset);
  space = H5Dget_space(dataset);
  if (type < 0 || space < 0) {
    kd_h5_reason(reason, sizeof reason);
    status = kd_error(KD_ERROR_FILE, "%s: error: cannot read %s: %s", path, name, reason);
    goto cleanup;
  }
  *is_complex = kd_h5_is_complex(type);
  if (!*is_complex && !kd_h5_is_number(type)) {
    status = kd_error(KD_ERROR_SCENARIO,
                      "%s: error: %s: does not hold numbers (expected real or complex ones)", path,
                      name);
    goto cleanup;
  }
  const int n_axis = H5Sget_simple_extent_dims(space, extent, NULL);
  hssize_t points = H5Sget_simple_extent_npoints(space);
  if (n_axis < 0 || n_axis > KD_MAX_RANK || points < 0) {
    status = kd_error(KD_ERROR_SCENARIO, "%s: error: %s: has %d axes (expected at most %d)", path,
                      name, n_axis, KD_MAX_RANK);
    goto cleanup;
  }
  *rank = (size_t)n_axis;
  for (int i = 0; i < n_axis; i++) dims[i] = (size_t)extent[i];
  if (!data) goto cleanup;
  if (part) {
    if (n_axis <= (int)part->n_shared || part->record >= extent[0] ||
        select_part(space, n_axis, extent, part) < 0) {
      status = kd_error(KD_ERROR_SCENARIO, "%s: error: %s: there is no record %zu", path, name,
                        part->record);
      goto cleanup;
    }
    points = H5Sget_select_npoints(space);
  }
  values = kd_allocate((size_t)points, kd_h5_number_bytes(*is_complex));
  complex_type = kd_h5_complex_type(H5T_NATIVE_DOUBLE);
  if (!values || complex_type < 0) {
    status = values ? kd_error(KD_ERROR_INTERNAL, "HDF5 cannot create a type") : KD_ERROR_MEMORY;
    goto cleanup;
  }
  if (points > 0 && read_values(dataset, *is_complex ? complex_type : H5T_NATIVE_DOUBLE, space,
                                values, part != NULL) < 0) {
    kd_h5_reason(reason, sizeof reason);
    status = kd_error(KD_ERROR_FILE, "%s: error: cannot read %s: %s", path, name, reason);
    goto cleanup;
  }
  *data = values;
  values = NULL;
cleanup:
  kd_free(values);
  kd_h5_close(complex_type);
  kd_h5_close(space);
  kd_h5_close(type);
  kd_h5_close(dataset);
  return status;
}

static kd_status read_result(const char *path, const char *name, const record_part *part,
                             size_t *rank, size_t *dims, bool *is_complex, double **data) {
  hid_t file = H5I_INVALID_HID;
  if (data) *data = NULL;
  KD_TRY(kd_h5_open_file(path, &file));
  const kd_status status = read_dataset(file, path, name, part, rank, dims, is_complex, data);
  kd_h5_close_file(file);
  return status;
}

kd_status kd_result_read(const char *path, const char *name, size_t *rank, size_t *dims,
                         bool *is_complex, double **data) {
  kd_status status;
  KD_H5_QUIETLY(status, read_result(path, name, NULL, rank, dims, is_complex, data));
  return status;
}

kd_status kd_result_shape(const char *path, const char *name, size_t *rank, size_t *dims,
                          bool *is_complex) {
  kd_status status;
  KD_H5_QUIETLY(status, read_result(path, name, NULL, rank, dims, is_complex, NULL));
  return status;
}

kd_status kd_result_read_record(const char *path, const char *name, size_t record, size_t n_shared,
                                size_t first, size_t count, bool *is_complex, double **data) {
  kd_status status;
  const record_part part = {.record = record, .n_shared = n_shared, .first = first, .count = count};
  size_t rank, dims[KD_MAX_RANK];
  KD_H5_QUIETLY(status, read_result(path, name, &part, &rank, dims, is_complex, data));
  return status;
}

static kd_status read_scenario(const char *path, char **text, char **folder) {
  kd_status status = KD_OK;
  kd_texts list = {0};
  hid_t file = H5I_INVALID_HID, dataset = H5I_INVALID_HID;
  *text = *folder = NULL;
  KD_CHECK(kd_h5_open_file(path, &file));
  if (H5Lexists(file, "scenario", H5P_DEFAULT) > 0)
    dataset = H5Dopen2(file, "scenario", H5P_DEFAULT);
  if (dataset >= 0) kd_h5_read_texts(dataset, false, &list);
  if (list.count != 1) {
    status = kd_error(KD_ERROR_SCENARIO,
                      "%s: error: there is no scenario in it (expected a result "
                      "of keldrift)",
                      path);
    goto cleanup;
  }
  KD_CHECK(kd_h5_attribute_text(file, "scenario_folder", folder));
  *text = kd_string_copy(list.texts[0]);
  if (!*text) status = KD_ERROR_MEMORY;
cleanup:
  if (status != KD_OK) {
    kd_free(*folder);
    *folder = NULL;
  }
  kd_h5_free_texts(&list);
  kd_h5_close(dataset);
  kd_h5_close_file(file);
  return status;
}

kd_status kd_result_scenario(const char *path, char **text, char **folder) {
  kd_status status;
  char *found;
  KD_H5_QUIETLY(status, read_scenario(path, text, &found));
  if (folder)
    *folder = found;
  else
    kd_free(found);
  return status;
}

bool kd_result_is_one(const char *path) {
  static const unsigned char mark[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
  unsigned char start[sizeof mark];
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return false;
  const ssize_t n = pread(descriptor, start, sizeof start, 0);
  close(descriptor);
  return n == (ssize_t)sizeof start && memcmp(start, mark, sizeof mark) == 0;
}
