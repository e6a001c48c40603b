#include <errno.h>
#include <fcntl.h>
#include <hdf5_hl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"
#include "keldrift/output.h"
#include "output/h5.h"

enum {
  MAX_RANK = KD_MAX_AXES + 1,
  BLOCK_BYTES = 4 * 1024 * 1024, ///< read at a time to find a range of values
  NAME_SIZE = 256,
  SHOWN_VALUES = 8 ///< of an attribute
};

/// Largest dataset whose range is found; reading more would keep people waiting.
static const double SCANNED_BYTES = 1024.0 * 1024 * 1024;

/* ---- opening -------------------------------------------------------------------------------- */

/// The system is asked first because its reasons are the clearer ones.
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

static bool is_number(hid_t type) {
  const H5T_class_t class = H5Tget_class(type);
  return class == H5T_FLOAT || class == H5T_INTEGER;
}

static size_t number_bytes(bool is_complex) {
  return (is_complex ? 2 : 1) * sizeof(double);
}

/* ---- reading -------------------------------------------------------------------------------- */

static kd_status read_dataset(hid_t file, const char *path, const char *name, size_t *rank,
                              size_t *dims, bool *is_complex, double **data) {
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
  if (!*is_complex && !is_number(type)) {
    status = kd_error(KD_ERROR_SCENARIO,
                      "%s: error: %s: does not hold numbers (expected real or complex ones)", path,
                      name);
    goto cleanup;
  }
  const int n_axis = H5Sget_simple_extent_dims(space, extent, NULL);
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  if (n_axis < 0 || n_axis > MAX_RANK || points < 0) {
    status = kd_error(KD_ERROR_SCENARIO, "%s: error: %s: has %d axes (expected at most %d)", path,
                      name, n_axis, MAX_RANK);
    goto cleanup;
  }
  *rank = (size_t)n_axis;
  for (int i = 0; i < n_axis; i++) dims[i] = (size_t)extent[i];
  values = kd_allocate((size_t)points, number_bytes(*is_complex));
  complex_type = kd_h5_complex_type(H5T_NATIVE_DOUBLE);
  if (!values || complex_type < 0) {
    status = values ? kd_error(KD_ERROR_INTERNAL, "HDF5 cannot create a type") : KD_ERROR_MEMORY;
    goto cleanup;
  }
  if (points > 0 && H5Dread(dataset, *is_complex ? complex_type : H5T_NATIVE_DOUBLE, H5S_ALL,
                            H5S_ALL, H5P_DEFAULT, values) < 0) {
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

static kd_status read_result(const char *path, const char *name, size_t *rank, size_t *dims,
                             bool *is_complex, double **data) {
  hid_t file = H5I_INVALID_HID;
  *data = NULL;
  KD_TRY(kd_h5_open_file(path, &file));
  const kd_status status = read_dataset(file, path, name, rank, dims, is_complex, data);
  kd_h5_close_file(file);
  return status;
}

kd_status kd_result_read(const char *path, const char *name, size_t *rank, size_t *dims,
                         bool *is_complex, double **data) {
  kd_status status;
  KD_H5_QUIETLY(status, read_result(path, name, rank, dims, is_complex, data));
  return status;
}

/* ---- texts ---------------------------------------------------------------------------------- */

/// Prints a text, with line ends as spaces and other control characters, which could change the
/// terminal, as question marks.
static void print_clean(FILE *out, const char *text) {
  for (; *text; text++) {
    const unsigned char c = (unsigned char)*text;
    fputc(c == '\n' || c == '\t' ? ' ' : c < 0x20 || c == 0x7F ? '?' : c, out);
  }
}

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

void kd_h5_text_attribute(hid_t object, const char *name, char *buffer, size_t size) {
  kd_texts list = {0};
  hid_t attribute =
      H5Aexists(object, name) > 0 ? H5Aopen(object, name, H5P_DEFAULT) : H5I_INVALID_HID;
  buffer[0] = '\0';
  if (attribute < 0) return;
  kd_h5_read_texts(attribute, true, &list);
  if (list.count > 0) snprintf(buffer, size, "%s", list.texts[0]);
  kd_h5_free_texts(&list);
  kd_h5_close(attribute);
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

/* ---- ranges --------------------------------------------------------------------------------- */

typedef struct kd_range {
  double first, last, min, max; ///< of the numbers, or of the moduli of complex numbers
  double count, n_bad;          ///< all numbers, and those that are not finite
} kd_range;

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

/// Finds the range of a dataset, block by block along its first axis.
static bool find_range(hid_t dataset, hid_t space, bool is_complex, kd_range *range) {
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
  hsize_t step = row > 0 ? BLOCK_BYTES / (row * number_bytes(is_complex)) : extent[0];
  if (step < 1) step = 1;
  if (step > extent[0]) step = extent[0];
  values = kd_allocate((size_t)(step * row), number_bytes(is_complex));
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

/* ---- the summary ---------------------------------------------------------------------------- */

typedef struct kd_row {
  char *path;
  char unit[NAME_SIZE];
  char values[NAME_SIZE];
  char shape[NAME_SIZE];
} kd_row;

typedef struct kd_summary {
  kd_row *rows;
  size_t n_row;
  size_t n_reserved;
} kd_summary;

static const char *class_name(hid_t type) {
  switch (H5Tget_class(type)) {
  case H5T_STRING:
    return "text";
  case H5T_COMPOUND:
    return "(compound)";
  case H5T_ENUM:
    return "(enumeration)";
  case H5T_REFERENCE:
    return "(references)";
  case H5T_ARRAY:
    return "(arrays)";
  case H5T_VLEN:
    return "(lists)";
  default:
    return "(other)";
  }
}

/// Appends formatted text to a string of at most NAME_SIZE bytes.
static void add(char *text, const char *format, ...) KD_PRINTF(2, 3);
static void add(char *text, const char *format, ...) {
  const size_t used = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + used, NAME_SIZE - used, format, arguments);
  va_end(arguments);
}

static void describe_values(hid_t dataset, hid_t type, hid_t space, bool is_scale, char *text) {
  const bool is_complex = kd_h5_is_complex(type);
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  kd_range range;
  if (H5Tget_class(type) == H5T_STRING) {
    kd_texts list = {0};
    kd_h5_read_texts(dataset, false, &list);
    if (list.count == 1)
      add(text, "text of %zu characters", strlen(list.texts[0]));
    else
      add(text, "text");
    kd_h5_free_texts(&list);
  } else if (!is_complex && !is_number(type)) {
    add(text, "%s", class_name(type));
  } else if (points <= 0) {
    add(text, "empty");
  } else if ((double)points * (double)number_bytes(is_complex) > SCANNED_BYTES) {
    add(text, "(not scanned)");
  } else if (!find_range(dataset, space, is_complex, &range)) {
    add(text, "unreadable");
  } else {
    /* The sum turns a negative zero into a positive one. */
    const double low = (is_scale ? range.first : range.min) + 0.0;
    const double high = (is_scale ? range.last : range.max) + 0.0;
    if (range.n_bad == range.count)
      add(text, "not finite");
    else if (range.count == 1)
      add(text, is_complex ? "|z| = %.6g" : "%.6g", low);
    else
      add(text, is_complex ? "|z| %.6g .. %.6g" : "%.6g .. %.6g", low, high);
    if (range.n_bad > 0 && range.n_bad < range.count) add(text, ", %.0f not finite", range.n_bad);
  }
}

static herr_t keep_scale_name(hid_t dataset, unsigned axis, hid_t scale, void *data) {
  (void)dataset;
  (void)axis;
  char path[NAME_SIZE] = "";
  char *name = data;
  if (H5Iget_name(scale, path, sizeof path) > 0) {
    const char *slash = strrchr(path, '/');
    snprintf(name, NAME_SIZE, "%s", slash ? slash + 1 : path);
  }
  return 1; /* the first scale of an axis is enough */
}

static void describe_shape(hid_t dataset, hid_t space, bool is_scale, char *text) {
  hsize_t extent[H5S_MAX_RANK];
  const int rank = H5Sget_simple_extent_dims(space, extent, NULL);
  if (H5Sget_simple_extent_type(space) == H5S_NULL)
    add(text, "none");
  else if (rank == 0)
    add(text, "scalar");
  for (int i = 0; i < rank; i++) {
    char name[NAME_SIZE] = "";
    if (!is_scale) H5DSiterate_scales(dataset, (unsigned)i, NULL, keep_scale_name, name);
    add(text, "%s%s%s%llu", i > 0 ? ", " : "", name, *name ? " " : "",
        (unsigned long long)extent[i]);
  }
}

/// Returns whether a dimension scale only counts 0, 1, 2, ...
static bool only_counts(hid_t dataset, hid_t space) {
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  kd_range range;
  return points > 0 && points < 1000000 && find_range(dataset, space, false, &range) &&
         range.first == 0 && range.last == (double)(points - 1) && range.min == 0 &&
         range.max == range.last;
}

static kd_status add_row(kd_summary *summary, hid_t dataset, const char *path) {
  kd_status status = KD_OK;
  kd_row *rows = NULL;
  hid_t type = H5Dget_type(dataset);
  hid_t space = H5Dget_space(dataset);
  const bool is_scale = H5DSis_scale(dataset) > 0;
  const char *leaf = strrchr(path, '/');
  if (is_scale && !(leaf && strcmp(leaf, "/time") == 0) && is_number(type) &&
      only_counts(dataset, space))
    goto cleanup;
  if (summary->n_row == summary->n_reserved) {
    const size_t reserved = 2 * summary->n_reserved + 32;
    KD_ALLOCATE(rows, reserved);
    if (summary->n_row > 0) memcpy(rows, summary->rows, summary->n_row * sizeof *rows);
    kd_free(summary->rows);
    summary->rows = rows;
    summary->n_reserved = reserved;
  }
  kd_row *row = &summary->rows[summary->n_row];
  row->path = kd_string_copy(path);
  if (!row->path) {
    status = KD_ERROR_MEMORY;
    goto cleanup;
  }
  summary->n_row++;
  if (type < 0 || space < 0) {
    add(row->values, "unreadable");
    goto cleanup;
  }
  kd_h5_text_attribute(dataset, "units", row->unit, sizeof row->unit);
  describe_values(dataset, type, space, is_scale, row->values);
  describe_shape(dataset, space, is_scale, row->shape);
cleanup:
  kd_h5_close(space);
  kd_h5_close(type);
  return status;
}

#if H5_VERSION_GE(1, 12, 0)
typedef H5O_info1_t kd_object_info;
#else
typedef H5O_info_t kd_object_info;
#endif

static herr_t visit_object(hid_t file, const char *name, const kd_object_info *info, void *data) {
  if (info->type != H5O_TYPE_DATASET || strcmp(name, "scenario") == 0) return 0;
  char path[1024];
  snprintf(path, sizeof path, "/%s", name);
  hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
  if (dataset < 0) return 0;
  const kd_status status = add_row(data, dataset, path);
  kd_h5_close(dataset);
  return status == KD_OK ? 0 : -1;
}

static void free_summary(kd_summary *summary) {
  for (size_t i = 0; i < summary->n_row; i++) kd_free(summary->rows[i].path);
  kd_free(summary->rows);
}

static size_t columns(const char *text) {
  size_t n = 0;
  for (; *text; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
  return n;
}

static void print_cell(FILE *out, const char *text, size_t width) {
  print_clean(out, text);
  for (size_t n = columns(text); n < width + 2; n++) fputc(' ', out);
}

static void print_rows(FILE *out, const kd_summary *summary) {
  size_t width[3] = {0};
  for (size_t i = 0; i < summary->n_row; i++) {
    const char *cell[3] = {summary->rows[i].path, summary->rows[i].unit, summary->rows[i].values};
    for (int j = 0; j < 3; j++)
      if (columns(cell[j]) > width[j]) width[j] = columns(cell[j]);
  }
  fprintf(out, "\nDatasets: path, unit, values (|z|: moduli), shape\n");
  if (summary->n_row == 0) fputs("  none\n", out);
  for (size_t i = 0; i < summary->n_row; i++) {
    const kd_row *row = &summary->rows[i];
    fputs("  ", out);
    print_cell(out, row->path, width[0]);
    print_cell(out, row->unit, width[1]);
    print_cell(out, row->values, width[2]);
    print_clean(out, row->shape);
    fputc('\n', out);
  }
}

static void print_label(FILE *out, const char *label, const char *text) {
  fprintf(out, "  %-10s", label);
  print_clean(out, text);
  fputc('\n', out);
}

static void print_root_text(FILE *out, hid_t file, const char *attribute, const char *label) {
  char text[1024];
  kd_h5_text_attribute(file, attribute, text, sizeof text);
  if (*text) print_label(out, label, text);
}

/// Copies the value of the first line `KEY: VALUE` of the scenario at or after `from`; returns
/// where it stands, NULL if there is none.
static const char *find_line(const char *from, const char *key, char *value, size_t size) {
  const size_t length = strlen(key);
  for (const char *line = from; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
    if (strncmp(line, key, length) != 0) continue;
    const char *text = line + length + strspn(line + length, " \t");
    snprintf(value, size, "%.*s", (int)strcspn(text, "\n"), text);
    return line;
  }
  return NULL;
}

/// Returns the number of orbitals of the model, 0 if it cannot be told.
static unsigned long long count_bands(hid_t file) {
  hsize_t extent[H5S_MAX_RANK] = {0};
  if (H5Lexists(file, "model", H5P_DEFAULT) <= 0) return 0;
  hid_t dataset = H5Dopen2(file, "model/energy", H5P_DEFAULT);
  hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
  const int rank = space >= 0 ? H5Sget_simple_extent_dims(space, extent, NULL) : 0;
  kd_h5_close(space);
  kd_h5_close(dataset);
  return rank > 0 ? extent[rank - 1] : 0;
}

/// Prints what the scenario is about: its title and its model.
static void print_title(FILE *out, hid_t file) {
  kd_texts list = {0};
  char text[NAME_SIZE];
  hid_t dataset = H5Lexists(file, "scenario", H5P_DEFAULT) > 0
                      ? H5Dopen2(file, "scenario", H5P_DEFAULT)
                      : H5I_INVALID_HID;
  if (dataset < 0) return;
  kd_h5_read_texts(dataset, false, &list);
  if (list.count == 1) {
    if (find_line(list.texts[0], "title:", text, sizeof text)) print_label(out, "title", text);
    const char *model = find_line(list.texts[0], "model:", text, sizeof text);
    const unsigned long long n_band = count_bands(file);
    if (model && find_line(model, "  kind:", text, sizeof text)) {
      if (n_band > 0) add(text, ", %llu band%s", n_band, n_band == 1 ? "" : "s");
      print_label(out, "model", text);
    }
  }
  kd_h5_free_texts(&list);
  kd_h5_close(dataset);
}

/// Prints the extents of the grids: /grid/r and /grid/k without their axis of components.
static void print_grid(FILE *out, hid_t file) {
  static const char *const names[] = {"r", "k"};
  bool any = false;
  if (H5Lexists(file, "grid", H5P_DEFAULT) <= 0) return;
  for (int i = 0; i < 2; i++) {
    char path[16];
    hsize_t extent[H5S_MAX_RANK];
    snprintf(path, sizeof path, "grid/%s", names[i]);
    hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT);
    hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    const int rank = space >= 0 ? H5Sget_simple_extent_dims(space, extent, NULL) : 0;
    if (rank > 1) {
      fprintf(out, any ? ", %s " : "  grid      %s ", names[i]);
      for (int j = 0; j < rank - 1; j++)
        fprintf(out, "%s%llu", j > 0 ? " x " : "", (unsigned long long)extent[j]);
      any = true;
    }
    kd_h5_close(space);
    kd_h5_close(dataset);
  }
  if (any) fputc('\n', out);
}

/// Prints how far the run of a checkpoint has come.
static void print_checkpoint(FILE *out, hid_t file) {
  static const char *const name[] = {"time", "duration", "frames", "snapshots"};
  double value[4] = {0};
  if (H5Lexists(file, "checkpoint", H5P_DEFAULT) <= 0) return;
  hid_t group = H5Gopen2(file, "checkpoint", H5P_DEFAULT);
  bool good = group >= 0;
  for (int i = 0; good && i < 4; i++) {
    hid_t attribute = H5Aopen(group, name[i], H5P_DEFAULT);
    good = attribute >= 0 && H5Aread(attribute, H5T_NATIVE_DOUBLE, &value[i]) >= 0;
    kd_h5_close(attribute);
  }
  kd_h5_close(group);
  if (good)
    fprintf(out,
            "  reached   t = %.9g of %.9g, %.0f frames and %.0f snapshots; go on with: "
            "keldrift run --restart\n",
            value[0], value[1], value[2], value[3]);
}

/// Prints the value of an attribute on one line.
static void print_attribute(FILE *out, hid_t attribute) {
  hid_t type = H5Aget_type(attribute);
  hid_t space = H5Aget_space(attribute);
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  kd_texts list = {0};
  double *values = NULL;
  if (points == 0) {
    fputs("none", out);
  } else if (H5Tget_class(type) == H5T_STRING) {
    kd_h5_read_texts(attribute, true, &list);
    for (size_t i = 0; i < list.count && i < SHOWN_VALUES; i++) {
      if (i > 0) fputs(", ", out);
      print_clean(out, list.texts[i]);
    }
    if (list.count > SHOWN_VALUES) fputs(", ...", out);
  } else if (is_number(type) && points > 0 && points < 1000000) {
    values = kd_allocate((size_t)points, sizeof *values);
    if (values && H5Aread(attribute, H5T_NATIVE_DOUBLE, values) >= 0) {
      const bool whole = H5Tget_class(type) == H5T_INTEGER;
      for (hssize_t i = 0; i < points && i < SHOWN_VALUES; i++)
        fprintf(out, whole ? "%s%.0f" : "%s%.6g", i > 0 ? ", " : "", values[i]);
      if (points > SHOWN_VALUES) fputs(", ...", out);
    } else {
      fputs("unreadable", out);
    }
  } else {
    fputs(class_name(type), out);
  }
  kd_free(values);
  kd_h5_free_texts(&list);
  kd_h5_close(space);
  kd_h5_close(type);
}

static herr_t visit_run_attribute(hid_t run, const char *name, const H5A_info_t *info, void *data) {
  (void)info;
  FILE *out = data;
  if (strcmp(name, "warnings") == 0) return 0;
  hid_t attribute = H5Aopen(run, name, H5P_DEFAULT);
  if (attribute < 0) return 0;
  fputs("  ", out);
  print_cell(out, name, 24);
  print_attribute(out, attribute);
  fputc('\n', out);
  kd_h5_close(attribute);
  return 0;
}

static void print_run(FILE *out, hid_t file) {
  if (H5Lexists(file, "run", H5P_DEFAULT) <= 0) return;
  hid_t run = H5Gopen2(file, "run", H5P_DEFAULT);
  if (run < 0) return;
  fputs("\nRun\n", out);
  hsize_t position = 0;
  H5Aiterate2(run, H5_INDEX_NAME, H5_ITER_INC, &position, visit_run_attribute, out);
  kd_h5_close(run);
}

static void print_warnings(FILE *out, hid_t file) {
  kd_texts list = {0};
  if (H5Lexists(file, "run", H5P_DEFAULT) <= 0) return;
  hid_t run = H5Gopen2(file, "run", H5P_DEFAULT);
  if (run < 0) return;
  if (H5Aexists(run, "warnings") > 0) {
    hid_t attribute = H5Aopen(run, "warnings", H5P_DEFAULT);
    if (attribute >= 0) kd_h5_read_texts(attribute, true, &list);
    kd_h5_close(attribute);
    fprintf(out, "\nWarnings: %zu\n", list.count);
    for (size_t i = 0; i < list.count; i++) {
      fputs("  - ", out);
      print_clean(out, list.texts[i]);
      fputc('\n', out);
    }
  }
  kd_h5_free_texts(&list);
  kd_h5_close(run);
}

/// Largest deviation of a scalar trace from its first record; NaN without it.
static double find_drift(hid_t file, const char *name) {
  kd_range range = {0};
  bool good = false;
  if (H5Lexists(file, "traces", H5P_DEFAULT) > 0 && H5Lexists(file, name, H5P_DEFAULT) > 0) {
    hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
    good = space >= 0 && H5Sget_simple_extent_ndims(space) == 1 &&
           find_range(dataset, space, false, &range) && range.count > 0 && range.n_bad == 0;
    kd_h5_close(space);
    kd_h5_close(dataset);
  }
  return good ? fmax(range.max - range.first, range.first - range.min) : NAN;
}

/// An attribute of /run; NaN without it.
static double find_of_run(hid_t file, const char *name) {
  double value = NAN;
  if (H5Lexists(file, "run", H5P_DEFAULT) <= 0 ||
      H5Aexists_by_name(file, "run", name, H5P_DEFAULT) <= 0)
    return NAN;
  hid_t attribute = H5Aopen_by_name(file, "run", name, H5P_DEFAULT, H5P_DEFAULT);
  hid_t space = attribute >= 0 ? H5Aget_space(attribute) : H5I_INVALID_HID;
  if (space >= 0 && H5Sget_simple_extent_npoints(space) == 1 &&
      H5Aread(attribute, H5T_NATIVE_DOUBLE, &value) < 0)
    value = NAN;
  kd_h5_close(space);
  kd_h5_close(attribute);
  return value;
}

static const kd_final_value *find_value(const kd_result_end *end, const char *name) {
  for (size_t i = 0; i < end->n_value; i++)
    if (strcmp(end->values[i].name, name) == 0) return &end->values[i];
  return NULL;
}

static const char *shown_unit(const char *unit) {
  return strcmp(unit, "1") == 0 ? "" : unit;
}

/// Prints what a run conserves, and how well it did.
static void print_conserved(FILE *out, hid_t file, const kd_result_end *end) {
  const kd_final_value *number = find_value(end, "number"), *energy = find_value(end, "energy");
  const kd_final_value *work = find_value(end, "work");
  const bool has_contacts = H5Lexists(file, "traces/contact_number", H5P_DEFAULT) > 0;
  const double number_drift =
      has_contacts ? find_of_run(file, "number_drift") : find_drift(file, "traces/number");
  const double purity_drift = find_drift(file, "traces/purity");
  if (!number || !energy || !work) return;
  const char *unit = shown_unit(energy->unit);
  const double change = energy->last - energy->first;
  fputs("\nConserved quantities\n", out);
  fprintf(out, "  %-14s %.12g, drift %.1e%s\n", "number", number->last, number_drift,
          has_contacts ? " less what came in by contacts" : "");
  fprintf(out, "  %-14s change %.6e %s, work of the field %.6e %s, difference %.1e %s\n", "energy",
          change, unit, work->last, unit, change - work->last, unit);
  if (isfinite(purity_drift)) fprintf(out, "  %-14s drift %.1e\n", "purity", purity_drift);
}

/// Prints first and last values of the traces, those of one trace in a line.
static void print_final(FILE *out, const kd_result_end *end) {
  if (end->n_value == 0) return;
  fprintf(out, "\nFirst and last values of the traces\n");
  for (size_t i = 0; i < end->n_value;) {
    const char *name = end->values[i].name;
    const size_t length = strcspn(name, "[");
    size_t n = 1;
    while (i + n < end->n_value && strncmp(end->values[i + n].name, name, length) == 0 &&
           end->values[i + n].name[length] == '[')
      n++;
    char label[NAME_SIZE], first[NAME_SIZE] = "", last[NAME_SIZE] = "";
    snprintf(label, sizeof label, "%.*s", (int)length, name);
    for (size_t j = 0; j < n && j < SHOWN_VALUES; j++) {
      // The sum turns a negative zero into a positive one.
      add(first, "%s%.6g", j ? ", " : "", end->values[i + j].first + 0.0);
      add(last, "%s%.6g", j ? ", " : "", end->values[i + j].last + 0.0);
    }
    if (n > SHOWN_VALUES) add(last, ", ... (%zu)", n);
    fputs("  ", out);
    print_cell(out, label, 14);
    print_clean(out, first);
    fputs(" -> ", out);
    print_clean(out, last);
    const char *unit = shown_unit(end->values[i].unit);
    if (*unit) {
      fputc(' ', out);
      print_clean(out, unit);
    }
    fputc('\n', out);
    i += n;
  }
}

static kd_status print_summary(FILE *out, hid_t file, const char *path) {
  kd_summary summary = {0};
  char version[NAME_SIZE];
  char revision[NAME_SIZE];
  kd_h5_text_attribute(file, "keldrift_version", version, sizeof version);
  kd_h5_text_attribute(file, "git_revision", revision, sizeof revision);
  print_clean(out, path);
  if (*version) {
    fputs(": keldrift ", out);
    print_clean(out, version);
    if (*revision) {
      fputs(", revision ", out);
      print_clean(out, revision);
    }
    fputc('\n', out);
  } else {
    fputs(": HDF5 file that keldrift did not write\n", out);
  }
  print_title(out, file);
  print_grid(out, file);
  kd_result_end end;
  if (kd_result_read_end(path, &end) != KD_OK) end = (kd_result_end){0};
  if (end.n_record > 0)
    fprintf(out, "  %-10s0 .. %g%s%s, %zu frame%s%s\n", "time", end.time,
            *shown_unit(end.time_unit) ? " " : "", shown_unit(end.time_unit), end.n_record,
            end.n_record == 1 ? "" : "s", end.is_complete ? "" : ", not complete");
  print_checkpoint(out, file);
  print_root_text(out, file, "created", "created");
  print_root_text(out, file, "command", "command");
  print_root_text(out, file, "build", "build");
  const herr_t visited =
      H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, visit_object, &summary, H5O_INFO_BASIC);
  print_conserved(out, file, &end);
  print_final(out, &end);
  print_warnings(out, file);
  print_rows(out, &summary);
  if (visited < 0) fputs("  (the rest cannot be read)\n", out);
  print_run(out, file);
  kd_free(end.values);
  free_summary(&summary);
  return KD_OK;
}

static kd_status describe(const char *path, char **text) {
  kd_status status = KD_OK;
  hid_t file = H5I_INVALID_HID;
  FILE *out = NULL;
  size_t size = 0;
  *text = NULL;
  KD_CHECK(kd_h5_open_file(path, &file));
  out = open_memstream(text, &size);
  if (!out) {
    status = kd_error(KD_ERROR_MEMORY, "cannot allocate the summary of %s", path);
    goto cleanup;
  }
  status = print_summary(out, file, path);
cleanup:
  if (out && fclose(out) != 0 && status == KD_OK)
    status = kd_error(KD_ERROR_MEMORY, "cannot allocate the summary of %s", path);
  if (status != KD_OK) {
    free(*text);
    *text = NULL;
  }
  kd_h5_close_file(file);
  return status;
}

kd_status kd_result_describe(const char *path, char **text) {
  kd_status status;
  KD_H5_QUIETLY(status, describe(path, text));
  return status;
}
