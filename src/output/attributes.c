/// Attributes of groups and datasets.
#include "core/error.h"
#include "output/h5.h"
#include "output/handle.h"

/// Writes an attribute of `object`, replacing one of the same name. Nothing is read from `data`
/// when the dataspace is empty.
static kd_status put_attribute(kd_output *output, hid_t object, const char *path, const char *name,
                               hid_t stored, hid_t memory, hid_t space, const void *data) {
  kd_status status = KD_OK;
  hid_t attribute = H5I_INVALID_HID;
  htri_t exists = H5Aexists(object, name);
  KD_H5_CHECK(exists, output, "look up an attribute of", path);
  if (exists) KD_H5_CHECK(H5Adelete(object, name), output, "replace an attribute of", path);
  attribute = H5Acreate2(object, name, stored, space, H5P_DEFAULT, H5P_DEFAULT);
  KD_H5_CHECK(attribute, output, "write an attribute of", path);
  if (H5Sget_simple_extent_npoints(space) > 0)
    KD_H5_CHECK(H5Awrite(attribute, memory, data), output, "write an attribute of", path);
cleanup:
  kd_h5_close(attribute);
  return status;
}

kd_status kd_output_put_text(kd_output *output, hid_t object, const char *path, const char *name,
                             const char *text) {
  return put_attribute(output, object, path, name, output->text, output->text, output->scalar,
                       &text);
}

kd_status kd_output_put_integer(kd_output *output, hid_t object, const char *path, const char *name,
                                long value) {
  return put_attribute(output, object, path, name, H5T_STD_I64LE, H5T_NATIVE_LONG, output->scalar,
                       &value);
}

kd_status kd_output_put_meaning(kd_output *output, hid_t dataset, const char *path,
                                const char *name, const char *unit, const char *long_name,
                                const char *reference) {
  KD_TRY(kd_output_put_text(output, dataset, path, "units", unit ? unit : "1"));
  KD_TRY(kd_output_put_text(output, dataset, path, "long_name", long_name ? long_name : name));
  if (reference) KD_TRY(kd_output_put_text(output, dataset, path, "reference", reference));
  return KD_OK;
}

/// Adds an attribute to an object given by its path.
static kd_status add_attribute(kd_output *output, const char *path, const char *name, hid_t stored,
                               hid_t memory, size_t count, bool list, const void *data) {
  kd_status status = KD_OK;
  const hsize_t extent = count;
  hid_t object = H5Oopen(output->file, path, H5P_DEFAULT);
  hid_t space = H5I_INVALID_HID;
  KD_H5_CHECK(object, output, "open", path);
  if (list) {
    space = H5Screate_simple(1, &extent, NULL);
    KD_H5_CHECK(space, output, "write an attribute of", path);
  }
  KD_CHECK(put_attribute(output, object, path, name, stored, memory, list ? space : output->scalar,
                         data));
cleanup:
  kd_h5_close(space);
  kd_h5_close(object);
  return status;
}

kd_status kd_output_attribute_real(kd_output *output, const char *object, const char *name,
                                   const double *values, size_t count) {
  kd_status status;
  KD_H5_QUIETLY(status, add_attribute(output, object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE,
                                      count, count != 1, values));
  return status;
}

kd_status kd_output_attribute_integer(kd_output *output, const char *object, const char *name,
                                      long value) {
  kd_status status;
  KD_H5_QUIETLY(status, add_attribute(output, object, name, H5T_STD_I64LE, H5T_NATIVE_LONG, 1,
                                      false, &value));
  return status;
}

kd_status kd_output_attribute_text(kd_output *output, const char *object, const char *name,
                                   const char *text) {
  kd_status status;
  KD_H5_QUIETLY(status,
                add_attribute(output, object, name, output->text, output->text, 1, false, &text));
  return status;
}

kd_status kd_output_attribute_texts(kd_output *output, const char *object, const char *name,
                                    const char *const *texts, size_t count) {
  kd_status status;
  KD_H5_QUIETLY(
      status, add_attribute(output, object, name, output->text, output->text, count, true, texts));
  return status;
}
