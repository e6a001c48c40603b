/// Groups, dimension scales, and the datasets that have them on their axes.
#include <hdf5_hl.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "output/h5.h"
#include "output/handle.h"
#include "output/parallel.h"

/* ---- groups and dimension scales ------------------------------------------------------------ */

char *kd_path_join(const char *group, const char *name) {
  const size_t size = strlen(group) + strlen(name) + 2;
  char *path = kd_allocate(size, 1);
  if (path) snprintf(path, size, "%s/%s", strcmp(group, "/") == 0 ? "" : group, name);
  return path;
}

kd_status kd_output_open_group(kd_output *output, const char *path, hid_t *group) {
  kd_status status = KD_OK;
  hid_t links = H5I_INVALID_HID;
  hid_t order = H5I_INVALID_HID;
  *group = H5Gopen2(output->file, path, H5P_DEFAULT);
  if (*group >= 0) return KD_OK;
  links = H5Pcreate(H5P_LINK_CREATE);
  order = H5Pcreate(H5P_GROUP_CREATE);
  KD_H5_CHECK(links, output, "create", path);
  KD_H5_CHECK(order, output, "create", path);
  KD_H5_CHECK(H5Pset_create_intermediate_group(links, 1), output, "create", path);
  KD_H5_CHECK(H5Pset_link_creation_order(order, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED),
              output, "create", path);
  *group = H5Gcreate2(output->file, path, links, order, H5P_DEFAULT);
  KD_H5_CHECK(*group, output, "create", path);
cleanup:
  kd_h5_close(order);
  kd_h5_close(links);
  return status;
}

kd_status kd_output_create_dataset(kd_output *output, hid_t group, const char *path,
                                   const char *name, hid_t type, int rank, const hsize_t *extent,
                                   const hsize_t *limit, const hsize_t *chunk, hid_t *dataset) {
  kd_status status = KD_OK;
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  hid_t space = rank > 0 ? H5Screate_simple(rank, extent, limit) : H5Screate(H5S_SCALAR);
  *dataset = H5I_INVALID_HID;
  KD_H5_CHECK(creation, output, "create", path);
  KD_H5_CHECK(space, output, "create", path);
  KD_H5_CHECK(H5Pset_attr_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED),
              output, "create", path);
  if (chunk) KD_H5_CHECK(H5Pset_chunk(creation, rank, chunk), output, "create", path);
  *dataset = H5Dcreate2(group, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  KD_H5_CHECK(*dataset, output, "create", path);
cleanup:
  kd_h5_close(space);
  kd_h5_close(creation);
  return status;
}

static kd_status create_scale(kd_output *output, hid_t group, const char *path, const kd_axis *axis,
                              hid_t *scale) {
  kd_status status = KD_OK;
  const hsize_t extent = axis->size;
  double *count = NULL;
  const double *coordinates = axis->coordinates;
  if (!coordinates) {
    KD_ALLOCATE(count, axis->size);
    for (size_t i = 0; i < axis->size; i++) count[i] = (double)i;
    coordinates = count;
  }
  KD_CHECK(kd_output_create_dataset(output, group, path, axis->name, H5T_IEEE_F64LE, 1, &extent,
                                    NULL, NULL, scale));
  if (extent > 0)
    KD_H5_CHECK(H5Dwrite(*scale, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, coordinates),
                output, "write", path);
  KD_H5_CHECK(H5DSset_scale(*scale, axis->name), output, "write", path);
  KD_CHECK(
      kd_output_put_meaning(output, *scale, path, axis->name, axis->unit, axis->long_name, NULL));
cleanup:
  kd_free(count);
  return status;
}

/// Opens the dimension scale of an axis, creating it where the group meets it for the first time.
static kd_status open_scale(kd_output *output, hid_t group, const char *path, const kd_axis *axis,
                            hid_t *scale) {
  kd_status status = KD_OK;
  hid_t space = H5I_INVALID_HID;
  const htri_t exists = H5Lexists(group, axis->name, H5P_DEFAULT);
  *scale = H5I_INVALID_HID;
  KD_H5_CHECK(exists, output, "look up", path);
  if (!exists) return create_scale(output, group, path, axis, scale);
  *scale = H5Dopen2(group, axis->name, H5P_DEFAULT);
  if (*scale < 0 || H5DSis_scale(*scale) <= 0)
    return kd_output_misuse(output, path, "an axis has the name of something that is not an axis");
  space = H5Dget_space(*scale);
  KD_H5_CHECK(space, output, "read", path);
  if (H5Sget_simple_extent_npoints(space) != (hssize_t)axis->size)
    status =
        kd_error(KD_ERROR_INTERNAL, "%s: error: %s: the axis has %lld points, not %zu",
                 output->name, path, (long long)H5Sget_simple_extent_npoints(space), axis->size);
cleanup:
  kd_h5_close(space);
  return status;
}

/// A variable in a subgroup uses the scales of the group; links to them in the subgroup make it a
/// dataset of its own to readers that look no further than one group.
static kd_status link_scale(kd_output *output, hid_t group, const char *path, const char *subgroup,
                            const char *scale) {
  kd_status status = KD_OK;
  hid_t target = H5I_INVALID_HID;
  htri_t exists = false;
  if (!subgroup) return KD_OK;
  target = H5Gopen2(group, subgroup, H5P_DEFAULT);
  KD_H5_CHECK(target, output, "open the group of", path);
  exists = H5Lexists(target, scale, H5P_DEFAULT);
  KD_H5_CHECK(exists, output, "look up the axes of", path);
  if (!exists)
    KD_H5_CHECK(H5Lcreate_hard(group, scale, target, scale, H5P_DEFAULT, H5P_DEFAULT), output,
                "link the axes of", path);
cleanup:
  kd_h5_close(target);
  return status;
}

/* ---- datasets ------------------------------------------------------------------------------- */

static kd_status check_variable(kd_output *output, const char *path, const kd_variable *variable,
                                bool grows) {
  if (variable->n_axis > KD_MAX_AXES) return kd_output_misuse(output, path, "too many axes");
  for (size_t i = 0; i < variable->n_axis; i++) {
    const char *name = variable->axis[i].name;
    if (!name || !*name || strchr(name, '/'))
      return kd_output_misuse(output, path, "an axis has no name");
    if (strcmp(name, variable->name) == 0 || (grows && strcmp(name, "time") == 0))
      return kd_output_misuse(output, path, "an axis has a name that is taken");
    for (size_t j = 0; j < i; j++)
      if (strcmp(name, variable->axis[j].name) == 0)
        return kd_output_misuse(output, path, "two axes have the same name");
    if (grows && variable->axis[i].size == 0)
      return kd_output_misuse(output, path, "an axis is empty");
  }
  return KD_OK;
}

kd_status kd_output_create_variable(kd_output *output, const char *group_path,
                                    const kd_variable *variable, hid_t time, kd_column *column) {
  kd_status status = KD_OK;
  hid_t group = H5I_INVALID_HID;
  hid_t subgroup = H5I_INVALID_HID;
  hid_t scale = H5I_INVALID_HID;
  const bool grows = time >= 0;
  const hid_t stored = variable->is_complex ? output->complex_file : H5T_IEEE_F64LE;
  hsize_t limit[KD_MAX_RANK] = {0};
  hsize_t chunk[KD_MAX_RANK] = {0};
  char *subgroup_name = NULL;
  const char *leaf = variable->name;
  char *path = kd_path_join(group_path, variable->name);
  char *scale_path = NULL;
  if (!path) return KD_ERROR_MEMORY;
  KD_CHECK(check_variable(output, path, variable, grows));
  if (!grows) KD_CHECK(kd_output_want_room_for(output, variable, 1));
  KD_CHECK(kd_output_open_group(output, group_path, &group));
  if (kd_path_folder_length(variable->name) > 0) {
    char *subgroup_path = NULL;
    leaf += kd_path_folder_length(variable->name);
    subgroup_name = kd_string_copy(variable->name);
    if (subgroup_name) {
      subgroup_name[kd_path_folder_length(variable->name) - 1] = '\0';
      subgroup_path = kd_path_join(group_path, subgroup_name);
    }
    status =
        subgroup_path ? kd_output_open_group(output, subgroup_path, &subgroup) : KD_ERROR_MEMORY;
    kd_free(subgroup_path);
    if (status != KD_OK) goto cleanup;
  }

  const int first = grows ? 1 : 0;
  column->rank = (int)variable->n_axis + first;
  column->type = variable->is_complex ? output->complex_memory : H5T_NATIVE_DOUBLE;
  limit[0] = H5S_UNLIMITED;
  for (size_t i = 0; i < variable->n_axis; i++)
    column->extent[first + (int)i] = limit[first + (int)i] = variable->axis[i].size;
  if (grows) kd_output_choose_chunk(H5Tget_size(stored), column->rank, column->extent, chunk);
  KD_CHECK(kd_output_create_dataset(output, subgroup >= 0 ? subgroup : group, path, leaf, stored,
                                    column->rank, column->extent, grows ? limit : NULL,
                                    grows ? chunk : NULL, &column->dataset));
  KD_CHECK(kd_output_put_meaning(output, column->dataset, path, leaf, variable->unit,
                                 variable->long_name, variable->reference));
  if (grows) {
    KD_H5_CHECK(H5DSattach_scale(column->dataset, time, 0), output, "attach the axes of", path);
    KD_CHECK(link_scale(output, group, path, subgroup_name, "time"));
  }
  for (size_t i = 0; i < variable->n_axis; i++) {
    const kd_axis *axis = &variable->axis[i];
    scale_path = kd_path_join(group_path, axis->name);
    if (!scale_path) {
      status = KD_ERROR_MEMORY;
      goto cleanup;
    }
    KD_CHECK(open_scale(output, group, scale_path, axis, &scale));
    KD_H5_CHECK(H5DSattach_scale(column->dataset, scale, (unsigned)first + (unsigned)i), output,
                "attach the axes of", path);
    KD_CHECK(link_scale(output, group, path, subgroup_name, axis->name));
    kd_h5_close(scale);
    scale = H5I_INVALID_HID;
    kd_free(scale_path);
    scale_path = NULL;
  }
cleanup:
  if (status != KD_OK) output->failure = status;
  kd_h5_close(scale);
  kd_h5_close(subgroup);
  kd_h5_close(group);
  kd_free(scale_path);
  kd_free(subgroup_name);
  kd_free(path);
  return status;
}

static kd_status write_fixed(kd_output *output, const char *group, const kd_variable *variable) {
  kd_status status = KD_OK;
  kd_column column = {.dataset = H5I_INVALID_HID, .record = H5I_INVALID_HID};
  KD_CHECK(kd_output_create_variable(output, group, variable, H5I_INVALID_HID, &column));
  for (size_t i = 0; i < variable->n_axis; i++)
    if (variable->axis[i].size == 0) goto cleanup;
  if (!variable->data) {
    status = kd_output_misuse(output, variable->name, "there are no data");
    goto cleanup;
  }
  if (output->comm) {
    const hsize_t start[KD_MAX_RANK] = {0};
    column.record = H5Dget_space(column.dataset);
    KD_H5_CHECK(column.record, output, "write", variable->name);
    KD_H5_CHECK(kd_parallel_write(output->comm, column.dataset, column.type, column.record,
                                  column.rank, start, column.extent, variable, variable->data),
                output, "write", variable->name);
  } else {
    KD_H5_CHECK(
        H5Dwrite(column.dataset, column.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, variable->data),
        output, "write", variable->name);
  }
cleanup:
  kd_h5_close(column.record);
  kd_h5_close(column.dataset);
  return status;
}

kd_status kd_output_write(kd_output *output, const char *group, const kd_variable *variable) {
  kd_status status;
  KD_H5_QUIETLY(status, kd_output_agree(output, kd_output_settle(
                                                    output, write_fixed(output, group, variable))));
  return status;
}

static kd_status remove_object(kd_output *output, const char *object) {
  KD_TRY(kd_output_refuse_failed(output));
  if (H5Ldelete(output->file, object, H5P_DEFAULT) < 0)
    return kd_output_fail(output, "remove", object);
  return KD_OK;
}

kd_status kd_output_remove(kd_output *output, const char *object) {
  kd_status status;
  KD_H5_QUIETLY(status,
                kd_output_agree(output, kd_output_settle(output, remove_object(output, object))));
  return status;
}
