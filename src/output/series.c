/// Series: datasets that grow by one record per frame.
#include <hdf5_hl.h>
#include <string.h>
#include <time.h>

#include "core/comm.h"
#include "core/error.h"
#include "core/memory.h"
#include "output/h5.h"
#include "output/handle.h"
#include "output/parallel.h"

enum {
  TRACE_RECORDS = 1024,          ///< records in a chunk of a small series
  TRACE_CHUNK_BYTES = 64 * 1024, ///< and the size at which it has fewer
};

struct kd_time_series {
  char *group;
  const kd_variable *variables;
  size_t n_variable;
  kd_column time;
  kd_column *columns;
  hsize_t n_record;
};

void kd_output_choose_chunk(size_t number_bytes, int rank, const hsize_t *extent, hsize_t *chunk) {
  double bytes = (double)number_bytes;
  for (int i = 1; i < rank; i++) {
    chunk[i] = extent[i];
    bytes *= (double)extent[i];
  }
  const double records = TRACE_CHUNK_BYTES / bytes;
  chunk[0] = records >= TRACE_RECORDS ? TRACE_RECORDS : records > 1 ? (hsize_t)records : 1;
  for (int i = 1; i < rank && bytes > KD_RECORD_CHUNK_BYTES; i++) {
    const double parts = bytes / KD_RECORD_CHUNK_BYTES;
    const double row = bytes / (double)extent[i];
    hsize_t size = (hsize_t)((double)extent[i] / parts);
    if (size == 0) size = 1;
    // As many chunks, but alike: what of the last lies beyond the data takes room all the same.
    const hsize_t count = (extent[i] + size - 1) / size;
    chunk[i] = (extent[i] + count - 1) / count;
    bytes = row * (double)chunk[i];
  }
}

static void close_series(kd_time_series *series) {
  for (size_t i = 0; series->columns && i < series->n_variable; i++) {
    kd_h5_close(series->columns[i].record);
    kd_h5_close(series->columns[i].dataset);
  }
  kd_h5_close(series->time.record);
  kd_h5_close(series->time.dataset);
  kd_free(series->columns);
  kd_free(series->group);
}

void kd_output_close_series(kd_output *output) {
  for (size_t i = 0; i < output->n_series; i++) close_series(&output->series[i]);
  output->n_series = 0;
  kd_free(output->series);
  output->series = NULL;
}

/// Creates the dataspace of one record in memory.
static kd_status create_record(kd_output *output, kd_column *column, const char *path) {
  hsize_t count[KD_MAX_RANK] = {1};
  for (int i = 1; i < column->rank; i++) count[i] = column->extent[i];
  column->record = H5Screate_simple(column->rank, count, NULL);
  return column->record < 0 ? kd_output_fail(output, "create", path) : KD_OK;
}

static kd_status create_time(kd_output *output, const char *group_path, const char *unit,
                             kd_column *time) {
  kd_status status = KD_OK;
  const hsize_t limit = H5S_UNLIMITED;
  const hsize_t chunk = TRACE_RECORDS;
  hid_t group = H5I_INVALID_HID;
  char *path = kd_path_join(group_path, "time");
  if (!path) return KD_ERROR_MEMORY;
  KD_CHECK(kd_output_open_group(output, group_path, &group));
  time->rank = 1;
  time->type = H5T_NATIVE_DOUBLE;
  KD_CHECK(kd_output_create_dataset(output, group, path, "time", H5T_IEEE_F64LE, 1, time->extent,
                                    &limit, &chunk, &time->dataset));
  KD_H5_CHECK(H5DSset_scale(time->dataset, "time"), output, "create", path);
  KD_CHECK(kd_output_put_meaning(output, time->dataset, path, "time", unit, "time", NULL));
  KD_CHECK(create_record(output, time, path));
cleanup:
  kd_h5_close(group);
  kd_free(path);
  return status;
}

/// Opens a dataset that is there already, of the shape that the column has but for the records.
static kd_status open_column(kd_output *output, const char *group, const char *name,
                             kd_column *column) {
  kd_status status = KD_OK;
  hsize_t extent[H5S_MAX_RANK];
  hid_t space = H5I_INVALID_HID;
  char *path = kd_path_join(group, name);
  if (!path) return KD_ERROR_MEMORY;
  column->dataset = H5Dopen2(output->file, path, H5P_DEFAULT);
  KD_H5_CHECK(column->dataset, output, "open", path);
  space = H5Dget_space(column->dataset);
  KD_H5_CHECK(space, output, "open", path);
  bool fits = H5Sget_simple_extent_ndims(space) == column->rank &&
              H5Sget_simple_extent_dims(space, extent, NULL) >= 0;
  for (int i = 1; fits && i < column->rank; i++) fits = extent[i] == column->extent[i];
  if (!fits) {
    output->failure = KD_ERROR_FILE;
    status = kd_error(KD_ERROR_FILE, "%s: error: %s has another shape than the scenario says",
                      output->name, path);
    goto cleanup;
  }
  column->extent[0] = extent[0];
  KD_CHECK(create_record(output, column, path));
cleanup:
  kd_h5_close(space);
  kd_free(path);
  return status;
}

/// Takes up a series again that an earlier part of the run has written.
static kd_status open_series(kd_output *output, kd_time_series *series) {
  series->time.rank = 1;
  series->time.type = H5T_NATIVE_DOUBLE;
  KD_TRY(open_column(output, series->group, "time", &series->time));
  series->n_record = series->time.extent[0];
  for (size_t i = 0; i < series->n_variable; i++) {
    const kd_variable *variable = &series->variables[i];
    kd_column *column = &series->columns[i];
    column->rank = (int)variable->n_axis + 1;
    column->type = variable->is_complex ? output->complex_memory : H5T_NATIVE_DOUBLE;
    for (size_t j = 0; j < variable->n_axis; j++) column->extent[1 + j] = variable->axis[j].size;
    KD_TRY(open_column(output, series->group, variable->name, column));
  }
  return KD_OK;
}

static kd_status declare_series(kd_output *output, const char *group, const char *time_unit,
                                const kd_variable *variables, size_t n_variable, size_t *number) {
  kd_status status = KD_OK;
  kd_time_series *list = NULL;
  kd_time_series series = {.variables = variables,
                           .n_variable = n_variable,
                           .time = {.dataset = H5I_INVALID_HID, .record = H5I_INVALID_HID}};
  series.group = kd_string_copy(group);
  if (!series.group) return KD_ERROR_MEMORY;
  KD_ALLOCATE(series.columns, n_variable);
  for (size_t i = 0; i < n_variable; i++)
    series.columns[i].dataset = series.columns[i].record = H5I_INVALID_HID;
  if (output->is_resumed)
    KD_CHECK(open_series(output, &series));
  else
    KD_CHECK(create_time(output, group, time_unit, &series.time));
  for (size_t i = 0; i < n_variable && !output->is_resumed; i++) {
    KD_CHECK(kd_output_create_variable(output, group, &variables[i], series.time.dataset,
                                       &series.columns[i]));
    KD_CHECK(create_record(output, &series.columns[i], variables[i].name));
  }
  KD_ALLOCATE(list, output->n_series + 1);
  if (output->n_series > 0) memcpy(list, output->series, output->n_series * sizeof *list);
  list[output->n_series] = series;
  kd_free(output->series);
  output->series = list;
  *number = output->n_series++;
cleanup:
  if (status != KD_OK) {
    output->failure = status;
    close_series(&series);
  }
  return status;
}

kd_status kd_output_series(kd_output *output, const char *group, const char *time_unit,
                           const kd_variable *variables, size_t n_variable, size_t *series) {
  kd_status status;
  KD_H5_QUIETLY(
      status, kd_output_agree(
                  output, kd_output_settle(output, declare_series(output, group, time_unit,
                                                                  variables, n_variable, series))));
  return status;
}

/// Writes record number `n_record` of one dataset, which grows by one.
/// @param variable  NULL: the time
static kd_status append_record(kd_output *output, const char *name, kd_column *column,
                               hsize_t n_record, const kd_variable *variable, const void *data) {
  kd_status status = KD_OK;
  hid_t space = H5I_INVALID_HID;
  hsize_t start[KD_MAX_RANK] = {n_record};
  hsize_t count[KD_MAX_RANK] = {1};
  for (int i = 1; i < column->rank; i++) count[i] = column->extent[i];
  if (column->extent[0] < n_record + 1) {
    column->extent[0] = n_record + 1;
    KD_H5_CHECK(H5Dset_extent(column->dataset, column->extent), output, "append to", name);
  }
  space = H5Dget_space(column->dataset);
  KD_H5_CHECK(space, output, "append to", name);
  KD_H5_CHECK(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL), output,
              "append to", name);
  if (output->comm)
    KD_H5_CHECK(kd_parallel_write(output->comm, column->dataset, column->type, space, column->rank,
                                  start, count, variable, data),
                output, "append to", name);
  else
    KD_H5_CHECK(H5Dwrite(column->dataset, column->type, column->record, space, H5P_DEFAULT, data),
                output, "append to", name);
cleanup:
  kd_h5_close(space);
  return kd_output_agree(output, status);
}

static kd_status append(kd_output *output, size_t number, double t) {
  KD_TRY(kd_output_refuse_failed(output));
  if (number >= output->n_series)
    return kd_output_misuse(output, "append", "there is no such series");
  kd_time_series *series = &output->series[number];
  KD_TRY(kd_output_want_room_for(output, series->variables, series->n_variable));
  for (size_t i = 0; i < series->n_variable; i++) {
    const kd_variable *variable = &series->variables[i];
    if (!variable->data) return kd_output_misuse(output, variable->name, "there are no data");
    KD_TRY(append_record(output, variable->name, &series->columns[i], series->n_record, variable,
                         variable->data));
  }
  KD_TRY(append_record(output, "time", &series->time, series->n_record, NULL, &t));
  series->n_record++;

  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  bool is_due = now.tv_sec - output->flushed.tv_sec >= 1 || output->flushed.tv_sec == 0;
  kd_comm_broadcast(output->comm, &is_due, sizeof is_due);
  if (is_due) {
    /* From here on the unfinished file can be read even if the process dies. */
    KD_TRY(kd_output_flush(output, H5F_SCOPE_LOCAL));
    output->flushed = now;
  }
  return KD_OK;
}

kd_status kd_output_append(kd_output *output, size_t series, double t) {
  kd_status status;
  KD_H5_QUIETLY(status,
                kd_output_agree(output, kd_output_settle(output, append(output, series, t))));
  return status;
}

static kd_status truncate_series(kd_output *output, size_t number, size_t n_record) {
  if (number >= output->n_series)
    return kd_output_misuse(output, "truncate", "there is no such series");
  kd_time_series *series = &output->series[number];
  if (n_record > series->n_record) {
    output->failure = KD_ERROR_FILE;
    return kd_error(KD_ERROR_FILE,
                    "%s: error: %s holds %llu records, not the %zu of the checkpoint", output->name,
                    series->group, (unsigned long long)series->n_record, n_record);
  }
  series->n_record = n_record;
  // Of a file of many processes the zeros that HDF5 puts into the place of what is cut off would
  // arrive after the records that come there next. These are as many as before: they take the
  // place.
  if (output->comm) return KD_OK;
  for (size_t i = 0; i <= series->n_variable; i++) {
    kd_column *column = i < series->n_variable ? &series->columns[i] : &series->time;
    column->extent[0] = n_record;
    if (H5Dset_extent(column->dataset, column->extent) < 0)
      return kd_output_fail(output, "shorten", series->group);
  }
  return KD_OK;
}

kd_status kd_output_truncate(kd_output *output, size_t series, size_t n_record) {
  kd_status status;
  KD_H5_QUIETLY(
      status,
      kd_output_agree(output, kd_output_settle(output, truncate_series(output, series, n_record))));
  return status;
}
