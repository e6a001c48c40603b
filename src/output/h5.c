#include "output/h5.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"

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

kd_status kd_h5_open_file(const char *path, hid_t *file) {
  struct stat found;
  char reason[256];
  *file = H5I_INVALID_HID;
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return kd_error(KD_ERROR_FILE, "%s: error: cannot open the file: %s", path, strerror(errno));
  const int failed = fstat(descriptor, &found) != 0 ? errno : 0;
  close(descriptor);
  if (failed)
    return kd_error(KD_ERROR_FILE, "%s: error: cannot open the file: %s", path, strerror(failed));
  if (S_ISDIR(found.st_mode))
    return kd_error(KD_ERROR_FILE, "%s: error: is a folder (expected an HDF5 file)", path);
  if (!S_ISREG(found.st_mode) || H5Fis_hdf5(path) <= 0)
    return kd_error(KD_ERROR_FILE, "%s: error: not an HDF5 file", path);
  hid_t access = kd_h5_access();
  if (access >= 0) *file = H5Fopen(path, H5F_ACC_RDONLY, access);
  if (*file < 0) {
    kd_h5_reason(reason, sizeof reason);
    kd_error(KD_ERROR_FILE, "%s: error: cannot read the file, it may be damaged: %s", path, reason);
  }
  kd_h5_close(access);
  return *file < 0 ? KD_ERROR_FILE : KD_OK;
}

void kd_h5_close_file(hid_t file) {
  if (file >= 0) H5Fclose(file);
}

bool kd_h5_is_number(hid_t type) {
  const H5T_class_t class = H5Tget_class(type);
  return class == H5T_FLOAT || class == H5T_INTEGER;
}

size_t kd_h5_number_bytes(bool is_complex) {
  return (is_complex ? 2 : 1) * sizeof(double);
}

// --- texts --------------------------------------------------------------------------------------

void kd_h5_free_texts(kd_texts *list) {
  kd_free(list->texts);
  kd_free(list->memory);
  *list = (kd_texts){0};
}

void kd_h5_read_texts(hid_t id, bool is_attribute, kd_texts *list) {
  hid_t type = is_attribute ? H5Aget_type(id) : H5Dget_type(id);
  hid_t space = is_attribute ? H5Aget_space(id) : H5Dget_space(id);
  char **pointers = NULL;
  *list = (kd_texts){0};
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  if (H5Tget_class(type) != H5T_STRING || points <= 0 || points > 100000) goto cleanup;
  const size_t n = (size_t)points;
  const htri_t variable = H5Tis_variable_str(type);
  /* HDF5 does not convert between its kinds of strings: the type of the file is used in memory. */
  if (variable > 0) {
    pointers = kd_allocate(n, sizeof *pointers);
    if (!pointers ||
        (is_attribute ? H5Aread(id, type, pointers)
                      : H5Dread(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers)) < 0)
      goto cleanup;
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) bytes += (pointers[i] ? strlen(pointers[i]) : 0) + 1;
    list->memory = kd_allocate(bytes, 1);
    list->texts = kd_allocate(n, sizeof *list->texts);
    if (list->memory && list->texts) {
      char *place = list->memory;
      for (size_t i = 0; i < n; i++) {
        const size_t length = pointers[i] ? strlen(pointers[i]) : 0;
        if (length > 0) memcpy(place, pointers[i], length);
        list->texts[i] = place;
        place += length + 1;
      }
      list->count = n;
    }
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers);
  } else if (variable == 0) {
    const size_t width = H5Tget_size(type);
    char *raw = kd_allocate(n, width);
    list->memory = kd_allocate(n, width + 1);
    list->texts = kd_allocate(n, sizeof *list->texts);
    if (raw && list->memory && list->texts &&
        (is_attribute ? H5Aread(id, type, raw)
                      : H5Dread(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw)) >= 0) {
      for (size_t i = 0; i < n; i++) {
        memcpy(list->memory + i * (width + 1), raw + i * width, width);
        list->texts[i] = list->memory + i * (width + 1);
      }
      list->count = n;
    }
    kd_free(raw);
  }
cleanup:
  kd_free(pointers);
  kd_h5_close(space);
  kd_h5_close(type);
}

kd_status kd_h5_attribute_text(hid_t object, const char *name, char **text) {
  kd_texts list = {0};
  hid_t attribute =
      H5Aexists(object, name) > 0 ? H5Aopen(object, name, H5P_DEFAULT) : H5I_INVALID_HID;
  if (attribute >= 0) kd_h5_read_texts(attribute, true, &list);
  *text = kd_string_copy(list.count > 0 ? list.texts[0] : "");
  kd_h5_free_texts(&list);
  kd_h5_close(attribute);
  return *text ? KD_OK : KD_ERROR_MEMORY;
}

void kd_h5_copy_attribute_text(hid_t object, const char *name, char *buffer, size_t size) {
  char *text = NULL;
  buffer[0] = '\0';
  if (kd_h5_attribute_text(object, name, &text) == KD_OK) snprintf(buffer, size, "%s", text);
  kd_free(text);
}
