/// What a result says about the run that made it: the scenario, and how it ended.
#include <hdf5_hl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "keldrift/output.h"
#include "output/h5.h"

enum { MAX_COMPONENTS = 64, MAX_VALUES = 4096 };

/// Reads record `index` of a trace.
static bool read_record(hid_t dataset, hid_t space, int rank, const hsize_t *extent, hsize_t index,
                        double *values) {
  hsize_t start[KD_MAX_RANK] = {index}, count[KD_MAX_RANK];
  hsize_t n = 1;
  for (int i = 0; i < rank; i++) n *= count[i] = i == 0 ? 1 : extent[i];
  hid_t memory = H5Screate_simple(1, &n, NULL);
  const bool good = memory >= 0 &&
                    H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0 &&
                    H5Dread(dataset, H5T_NATIVE_DOUBLE, memory, space, H5P_DEFAULT, values) >= 0;
  kd_h5_close(memory);
  return good;
}

/// "current" with the extents from `from` on: "current[0]", "coherence[0][1]".
static void name_component(const char *name, int from, int rank, const hsize_t *extent,
                           size_t index, char *text, size_t size) {
  size_t part[KD_MAX_RANK];
  for (int i = rank; i-- > from;) {
    part[i] = index % extent[i];
    index /= extent[i];
  }
  size_t length = (size_t)snprintf(text, size, "%s", name);
  for (int i = from; i < rank && length < size; i++)
    length += (size_t)snprintf(text + length, size - length, "[%zu]", part[i]);
}

/// `count` numbers of a dataset, whose components are told apart by its axes from `from` on.
static void add_values(kd_result_end *end, hid_t dataset, const char *name, int from, int rank,
                       const hsize_t *extent, size_t count, const double *first,
                       const double *last) {
  for (size_t i = 0; i < count; i++) {
    kd_final_value *value = &end->values[end->n_value++];
    name_component(name, from, rank, extent, i, value->name, sizeof value->name);
    kd_h5_copy_attribute_text(dataset, "units", value->unit, sizeof value->unit);
    value->first = first[i];
    value->last = last[i];
  }
}

static void add_trace(kd_result_end *end, hid_t dataset, const char *name) {
  hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  hsize_t extent[H5S_MAX_RANK];
  double first[MAX_COMPONENTS], last[MAX_COMPONENTS];
  const int rank = H5Sget_simple_extent_ndims(space);
  if (H5Tget_class(type) != H5T_FLOAT || rank < 1 || rank > KD_MAX_RANK) goto cleanup;
  H5Sget_simple_extent_dims(space, extent, NULL);
  hsize_t n = 1;
  for (int i = 1; i < rank; i++) n *= extent[i];
  const bool is_time = strcmp(name, "time") == 0;
  if ((H5DSis_scale(dataset) > 0 && !is_time) || extent[0] == 0 || n == 0 || n > MAX_COMPONENTS ||
      end->n_value + n > MAX_VALUES || !read_record(dataset, space, rank, extent, 0, first) ||
      !read_record(dataset, space, rank, extent, extent[0] - 1, last))
    goto cleanup;
  if (is_time) {
    end->time = last[0];
    end->n_record = (size_t)extent[0];
    kd_h5_copy_attribute_text(dataset, "units", end->time_unit, sizeof end->time_unit);
    goto cleanup;
  }
  add_values(end, dataset, name, 1, rank, extent, n, first, last);
cleanup:
  kd_h5_close(space);
  kd_h5_close(type);
}

static void add_response(kd_result_end *end, hid_t dataset, const char *name) {
  hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  hsize_t extent[H5S_MAX_RANK];
  double values[MAX_COMPONENTS];
  const int rank = H5Sget_simple_extent_ndims(space);
  const hssize_t n = H5Sget_simple_extent_npoints(space);
  if (H5Tget_class(type) != H5T_FLOAT || rank < 1 || rank > KD_MAX_RANK ||
      H5DSis_scale(dataset) > 0 || n < 1 || n > MAX_COMPONENTS ||
      end->n_value + (size_t)n > MAX_VALUES ||
      H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
    goto cleanup;
  H5Sget_simple_extent_dims(space, extent, NULL);
  add_values(end, dataset, name, 0, rank, extent, (size_t)n, values, values);
cleanup:
  kd_h5_close(space);
  kd_h5_close(type);
}

static herr_t visit_values(hid_t group, const char *name, const kd_object_info *info, void *data) {
  kd_result_end *end = data;
  if (info->type != H5O_TYPE_DATASET) return 0;
  hid_t dataset = H5Dopen2(group, name, H5P_DEFAULT);
  if (dataset < 0) return 0;
  if (end->is_steady)
    add_response(end, dataset, name);
  else
    add_trace(end, dataset, name);
  kd_h5_close(dataset);
  return 0;
}

static kd_status read_end(const char *path, kd_result_end *end) {
  kd_status status = KD_OK;
  hid_t file = H5I_INVALID_HID, run = H5I_INVALID_HID, group = H5I_INVALID_HID;
  kd_texts list = {0};
  KD_CHECK(kd_h5_open_file(path, &file));
  KD_ALLOCATE(end->values, MAX_VALUES);
  if (H5Lexists(file, "run", H5P_DEFAULT) > 0) run = H5Gopen2(file, "run", H5P_DEFAULT);
  if (run >= 0) {
    // Written last.
    end->is_complete = H5Aexists(run, "total_seconds") > 0 && H5Aexists(run, "warnings") > 0;
    hid_t attribute = end->is_complete ? H5Aopen(run, "warnings", H5P_DEFAULT) : H5I_INVALID_HID;
    if (attribute >= 0) kd_h5_read_texts(attribute, true, &list);
    end->n_warning = list.count;
    kd_h5_close(attribute);
  }
  end->is_steady = H5Lexists(file, "steady", H5P_DEFAULT) > 0;
  const char *name = end->is_steady ? "steady" : "traces";
  if (H5Lexists(file, name, H5P_DEFAULT) > 0) group = H5Gopen2(file, name, H5P_DEFAULT);
  if (group >= 0) H5Ovisit2(group, H5_INDEX_NAME, H5_ITER_INC, visit_values, end, H5O_INFO_BASIC);

cleanup:
  kd_h5_free_texts(&list);
  kd_h5_close(group);
  kd_h5_close(run);
  kd_h5_close_file(file);
  if (status == KD_OK) {
    kd_final_value *values = kd_allocate(end->n_value, sizeof *values);
    if (values) {
      memcpy(values, end->values, end->n_value * sizeof *values);
      kd_free(end->values);
      end->values = values;
    }
  }
  return status;
}

kd_status kd_result_read_end(const char *path, kd_result_end *end) {
  kd_status status;
  *end = (kd_result_end){0};
  KD_H5_QUIETLY(status, read_end(path, end));
  if (status != KD_OK) {
    kd_free(end->values);
    *end = (kd_result_end){0};
  }
  return status;
}
