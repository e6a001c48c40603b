#include "output/h5.h"

#include <stdio.h>
#include <string.h>

static herr_t keep_innermost(unsigned n, const H5E_error2_t *entry, void *data) {
  const H5E_error2_t **innermost = data;
  if (n == 0) *innermost = entry;
  return 0;
}

void kd_h5_reason(char *buffer, size_t size) {
  const H5E_error2_t *entry = NULL;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, (void *)&entry);
  const char *text = entry ? entry->desc : NULL;
  if (!text || !*text) {
    snprintf(buffer, size, "HDF5 gives no reason");
    return;
  }
  /* A failed system call is described with addresses and sizes around the one helpful part. */
  static const char mark[] = "error message = '";
  const char *start = strstr(text, mark);
  const char *end = start ? strchr(start + sizeof mark - 1, '\'') : NULL;
  if (end) {
    start += sizeof mark - 1;
    snprintf(buffer, size, "%.*s", (int)(end - start), start);
  } else {
    snprintf(buffer, size, "%s", text);
  }
}

void kd_h5_close(hid_t id) {
  if (id > 0) H5Idec_ref(id);
}

hid_t kd_h5_complex_type(hid_t real) {
  const size_t size = H5Tget_size(real);
  if (size == 0) return H5I_INVALID_HID;
  hid_t type = H5Tcreate(H5T_COMPOUND, 2 * size);
  if (type < 0) return type;
  if (H5Tinsert(type, "r", 0, real) < 0 || H5Tinsert(type, "i", size, real) < 0) {
    H5Tclose(type);
    return H5I_INVALID_HID;
  }
  return type;
}

bool kd_h5_is_complex(hid_t type) {
  if (H5Tget_class(type) != H5T_COMPOUND || H5Tget_nmembers(type) != 2) return false;
  return H5Tget_member_index(type, "r") >= 0 && H5Tget_member_index(type, "i") >= 0 &&
         H5Tget_member_class(type, 0) == H5T_FLOAT && H5Tget_member_class(type, 1) == H5T_FLOAT;
}

hid_t kd_h5_access(void) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (access < 0) return access;
  if (H5Pset_file_locking(access, false, true) < 0) {
    H5Pclose(access);
    return H5I_INVALID_HID;
  }
  return access;
}
