/// Two results, dataset by dataset.
#include <hdf5_hl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "keldrift/output.h"
#include "output/h5.h"

enum { MAX_NAMES = 4096, BLOCK_NUMBERS = 1 << 19 };

/// Two times that are nearer than this part of the last one are the same time.
static const double TIME_TOLERANCE = 1e-9;

/// Datasets whose scale is not their own: rounding makes something of a part that vanishes.
static const struct {
  const char *name;
  const char *whole; ///< whose scale counts; NULL: `least` does
  double least;
} SCALES[] = {{"/traces/current_intra", "/traces/current", 0},
              {"/traces/current_inter", "/traces/current", 0},
              {"/traces/min_f", NULL, 1},
              {"/traces/min_1mf", NULL, 1},
              {"/steady/conductivity_population", "/steady/conductivity", 0},
              {"/steady/conductivity_coherence", "/steady/conductivity", 0}};

// --- names --------------------------------------------------------------------------------------

typedef struct names {
  size_t count;
  char **name; ///< sorted
} names;

static void clear_names(names *list) {
  for (size_t i = 0; i < list->count; i++) kd_free(list->name[i]);
  kd_free(list->name);
  *list = (names){0};
}

static bool starts_with(const char *text, const char *start) {
  return strncmp(text, start, strlen(start)) == 0;
}

/// True for the datasets that are compared. Eigenvectors have arbitrary phases, axes are positions.
static bool is_compared(hid_t dataset, const char *path) {
  static const char *const groups[] = {"/traces/", "/snapshots/", "/steady/", "/grid/"};
  hid_t type = H5Dget_type(dataset);
  const H5T_class_t class = H5Tget_class(type);
  const bool is_number = class == H5T_FLOAT || class == H5T_INTEGER || kd_h5_is_complex(type);
  kd_h5_close(type);
  if (!is_number || H5DSis_scale(dataset) > 0) return false;
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
    if (starts_with(path, groups[i])) return true;
  return strcmp(path, "/model/energy") == 0 || strcmp(path, "/model/velocity") == 0;
}

static herr_t visit(hid_t file, const char *name, const kd_object_info *info, void *data) {
  names *list = data;
  char path[256];
  if (info->type != H5O_TYPE_DATASET || list->count == MAX_NAMES) return 0;
  if ((size_t)snprintf(path, sizeof path, "/%s", name) >= sizeof path) return 0;
  hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
  if (dataset < 0) return 0;
  if (is_compared(dataset, path)) {
    list->name[list->count] = kd_string_copy(path);
    if (list->name[list->count]) list->count++;
  }
  kd_h5_close(dataset);
  return 0;
}

static int compare_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static kd_status list_names(hid_t file, names *list) {
  kd_status status = KD_OK;
  KD_ALLOCATE(list->name, MAX_NAMES);
  H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, visit, list, H5O_INFO_BASIC);
  qsort(list->name, list->count, sizeof *list->name, compare_text);
cleanup:
  return status;
}

/// "/traces/current" is meant by itself, by "traces/current", "current" and "traces".
static bool is_meant(const char *path, const char *word) {
  if (*word == '/') word++;
  const char *inner = path + 1;
  const char *slash = strchr(inner, '/');
  const char *leaf = strrchr(inner, '/');
  const size_t length = strlen(word);
  return strcmp(inner, word) == 0 || (slash && strcmp(slash + 1, word) == 0) ||
         (leaf && strcmp(leaf + 1, word) == 0) ||
         (strncmp(inner, word, length) == 0 && inner[length] == '/');
}

static bool is_wanted(const char *path, const kd_compare_options *options) {
  for (size_t i = 0; i < options->n_only; i++)
    if (is_meant(path, options->only[i])) return true;
  return options->n_only == 0;
}

// --- one dataset --------------------------------------------------------------------------------

typedef struct side {
  hid_t dataset, space;
  bool is_complex;
  int rank;
  hsize_t extent[KD_MAX_RANK];
  char unit[32];
  size_t n_time;
  double *time; ///< of the records; NULL for a fixed dataset
} side;

static void close_side(side *s) {
  kd_free(s->time);
  kd_h5_close(s->space);
  kd_h5_close(s->dataset);
}

/// Reads GROUP/time, if the first axis of the dataset is as long.
static kd_status read_time(hid_t file, const char *path, side *s) {
  kd_status status = KD_OK;
  char name[256];
  hid_t time = H5I_INVALID_HID, space = H5I_INVALID_HID;
  if (!starts_with(path, "/traces/") && !starts_with(path, "/snapshots/")) return KD_OK;
  const char *slash = strchr(path + 1, '/');
  snprintf(name, sizeof name, "%.*s/time", (int)(slash - path), path);
  if (H5Lexists(file, name, H5P_DEFAULT) > 0) time = H5Dopen2(file, name, H5P_DEFAULT);
  space = time >= 0 ? H5Dget_space(time) : H5I_INVALID_HID;
  const hssize_t count = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
  if (count >= 0 && s->rank > 0 && (hsize_t)count == s->extent[0]) {
    KD_ALLOCATE(s->time, (size_t)count);
    if (count == 0 || H5Dread(time, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, s->time) >= 0)
      s->n_time = (size_t)count;
  }
cleanup:
  kd_h5_close(space);
  kd_h5_close(time);
  return status;
}

static kd_status open_side(hid_t file, const char *file_name, const char *path, side *s) {
  *s = (side){.dataset = H5Dopen2(file, path, H5P_DEFAULT), .space = H5I_INVALID_HID};
  hid_t type = s->dataset >= 0 ? H5Dget_type(s->dataset) : H5I_INVALID_HID;
  if (s->dataset >= 0) s->space = H5Dget_space(s->dataset);
  s->rank = s->space >= 0 ? H5Sget_simple_extent_ndims(s->space) : -1;
  if (type < 0 || s->rank < 0 || s->rank > KD_MAX_RANK) {
    kd_h5_close(type);
    return kd_error(KD_ERROR_FILE, "%s: error: cannot read %s", file_name, path);
  }
  H5Sget_simple_extent_dims(s->space, s->extent, NULL);
  s->is_complex = kd_h5_is_complex(type);
  kd_h5_close(type);
  kd_h5_copy_attribute_text(s->dataset, "units", s->unit, sizeof s->unit);
  return read_time(file, path, s);
}

static void describe_shape(const side *s, char *text, size_t size) {
  size_t length = (size_t)snprintf(text, size, "[");
  for (int i = 0; i < s->rank && length < size; i++)
    length += (size_t)snprintf(text + length, size - length, "%s%llu", i ? ", " : "",
                               (unsigned long long)s->extent[i]);
  if (length < size) snprintf(text + length, size - length, "]");
}

/// Reads `count` records from `first` on, or all of a fixed dataset.
static bool read_block(const side *s, size_t first, size_t count, double *values) {
  hid_t type = s->is_complex ? kd_h5_complex_type(H5T_NATIVE_DOUBLE) : H5Tcopy(H5T_NATIVE_DOUBLE);
  bool good = type >= 0;
  if (good && !s->time) {
    good = H5Dread(s->dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
  } else if (good) {
    hsize_t start[KD_MAX_RANK] = {first}, extent[KD_MAX_RANK], n = 1;
    for (int i = 0; i < s->rank; i++) n *= extent[i] = i == 0 ? count : s->extent[i];
    hid_t memory = H5Screate_simple(1, &n, NULL);
    good = memory >= 0 &&
           H5Sselect_hyperslab(s->space, H5S_SELECT_SET, start, NULL, extent, NULL) >= 0 &&
           H5Dread(s->dataset, type, memory, s->space, H5P_DEFAULT, values) >= 0;
    kd_h5_close(memory);
  }
  kd_h5_close(type);
  return good;
}

/// Takes `count` numbers of both files into account; returns their largest difference.
static double compare_numbers(const double *a, const double *b, size_t count, bool is_complex,
                              kd_compared *row) {
  double largest = 0;
  for (size_t i = 0; i < count; i++) {
    const double *x = a + (is_complex ? 2 * i : i), *y = b + (is_complex ? 2 * i : i);
    const double size_x = is_complex ? hypot(x[0], x[1]) : fabs(x[0]);
    const double size_y = is_complex ? hypot(y[0], y[1]) : fabs(y[0]);
    const bool good_x = isfinite(size_x), good_y = isfinite(size_y);
    if (good_x && good_y) {
      const double difference = is_complex ? hypot(x[0] - y[0], x[1] - y[1]) : fabs(x[0] - y[0]);
      largest = fmax(largest, difference);
      row->scale = fmax(row->scale, fmax(size_x, size_y));
    } else {
      row->n_bad++;
      const bool same = good_x == good_y && (x[0] == y[0] || (isnan(x[0]) && isnan(y[0])));
      if (!same) largest = INFINITY;
    }
  }
  return largest;
}

/// Number of records from (i, j) on that follow each other at the same times in both files.
static size_t count_common(const side *a, const side *b, size_t i, size_t j, double tolerance,
                           size_t most) {
  size_t n = 0;
  while (n < most && i + n < a->n_time && j + n < b->n_time &&
         fabs(a->time[i + n] - b->time[j + n]) <= tolerance)
    n++;
  return n;
}

static kd_status read_error(const char *path) {
  return kd_error(KD_ERROR_FILE, "keldrift: error: cannot read %s of both files", path);
}

static kd_status compare_values(const side *a, const side *b, kd_compared *row) {
  kd_status status = KD_OK;
  double *x = NULL, *y = NULL;
  size_t record = 1;
  for (int i = a->time ? 1 : 0; i < a->rank; i++) record *= (size_t)a->extent[i];
  const size_t width = a->is_complex ? 2 : 1;
  const size_t n_record = a->time && record > 0 ? BLOCK_NUMBERS / record + 1 : 1;
  KD_ALLOCATE(x, n_record * record * width);
  KD_ALLOCATE(y, n_record * record * width);
  row->time = NAN;
  if (!a->time) {
    if (record > 0 && (!read_block(a, 0, 0, x) || !read_block(b, 0, 0, y))) {
      status = read_error(row->name);
      goto cleanup;
    }
    row->difference = compare_numbers(x, y, record, a->is_complex, row);
    goto cleanup;
  }
  row->n_a = a->n_time;
  row->n_b = b->n_time;
  const double last = fmax(a->n_time ? fabs(a->time[a->n_time - 1]) : 0,
                           b->n_time ? fabs(b->time[b->n_time - 1]) : 0);
  const double tolerance = TIME_TOLERANCE * last;
  for (size_t i = 0, j = 0; i < a->n_time && j < b->n_time;) {
    const size_t n = count_common(a, b, i, j, tolerance, n_record);
    if (n == 0) {
      if (a->time[i] < b->time[j])
        i++;
      else
        j++;
      continue;
    }
    if (record > 0 && (!read_block(a, i, n, x) || !read_block(b, j, n, y))) {
      status = read_error(row->name);
      goto cleanup;
    }
    for (size_t k = 0; k < n; k++) {
      const double difference = compare_numbers(x + k * record * width, y + k * record * width,
                                                record, a->is_complex, row);
      if (row->n_common + k == 0 || difference > row->difference) {
        row->difference = difference;
        row->time = a->time[i + k];
      }
    }
    row->n_common += n;
    i += n;
    j += n;
  }
  if (row->n_common == 0) row->agreement = KD_NO_TIME;

cleanup:
  kd_free(x);
  kd_free(y);
  return status;
}

static kd_status compare_dataset(hid_t file_a, hid_t file_b, const char *name_a, const char *name_b,
                                 kd_compared *row) {
  kd_status status;
  side a = {.dataset = H5I_INVALID_HID, .space = H5I_INVALID_HID}, b = a;
  KD_CHECK(open_side(file_a, name_a, row->name, &a));
  KD_CHECK(open_side(file_b, name_b, row->name, &b));
  snprintf(row->unit, sizeof row->unit, "%s", a.unit);
  if (a.is_complex != b.is_complex) {
    row->agreement = KD_OTHER_TYPE;
    snprintf(row->note, sizeof row->note, "%s and %s numbers", a.is_complex ? "complex" : "real",
             b.is_complex ? "complex" : "real");
    goto cleanup;
  }
  if (strcmp(a.unit, b.unit) != 0) {
    row->agreement = KD_OTHER_TYPE;
    snprintf(row->note, sizeof row->note, "units %s and %s", a.unit, b.unit);
    goto cleanup;
  }
  bool same = a.rank == b.rank && !a.time == !b.time;
  for (int i = a.time ? 1 : 0; same && i < a.rank; i++) same = a.extent[i] == b.extent[i];
  if (!same) {
    char shape_a[60], shape_b[60];
    describe_shape(&a, shape_a, sizeof shape_a);
    describe_shape(&b, shape_b, sizeof shape_b);
    row->agreement = KD_OTHER_SHAPE;
    snprintf(row->note, sizeof row->note, "shapes %s and %s", shape_a, shape_b);
    goto cleanup;
  }
  status = compare_values(&a, &b, row);

cleanup:
  close_side(&a);
  close_side(&b);
  return status;
}

// --- the scenarios ------------------------------------------------------------------------------

static bool has_line(const char *text, const char *line, size_t length) {
  for (const char *c = text; c && *c; c = strchr(c, '\n') ? strchr(c, '\n') + 1 : NULL)
    if (strcspn(c, "\n") == length && strncmp(c, line, length) == 0) return true;
  return false;
}

static void write_missing(FILE *out, char sign, const char *text, const char *other) {
  for (const char *c = text; c && *c; c = strchr(c, '\n') ? strchr(c, '\n') + 1 : NULL) {
    const size_t length = strcspn(c, "\n");
    if (length > 0 && !has_line(other, c, length)) fprintf(out, "%c %.*s\n", sign, (int)length, c);
  }
}

/// Lines of one scenario that are not in the other.
static kd_status compare_scenarios(const char *a, const char *b, char **lines) {
  char *text_a = NULL, *text_b = NULL, *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  if (!out) return kd_error(KD_ERROR_MEMORY, "cannot compare the scenarios: out of memory");
  // A file that another program made has none.
  if (kd_result_scenario(a, &text_a, NULL) == KD_OK &&
      kd_result_scenario(b, &text_b, NULL) == KD_OK) {
    write_missing(out, '-', text_a, text_b);
    write_missing(out, '+', text_b, text_a);
  }
  kd_free(text_a);
  kd_free(text_b);
  fclose(out);
  *lines = text ? kd_string_copy(text) : NULL;
  free(text);
  return *lines ? KD_OK : KD_ERROR_MEMORY;
}

// --- all of it ----------------------------------------------------------------------------------

static void judge(kd_comparison *c, const kd_compare_options *options) {
  for (size_t i = 0; i < c->n_row; i++) {
    kd_compared *row = &c->rows[i];
    for (size_t k = 0; k < sizeof SCALES / sizeof *SCALES; k++) {
      if (strcmp(row->name, SCALES[k].name) != 0) continue;
      row->scale = fmax(row->scale, SCALES[k].least);
      for (size_t j = 0; SCALES[k].whole && j < c->n_row; j++)
        if (strcmp(c->rows[j].name, SCALES[k].whole) == 0)
          row->scale = fmax(row->scale, c->rows[j].scale);
    }
    if (row->agreement == KD_SAME && row->difference != 0)
      row->agreement =
          row->difference <= options->atol + options->rtol * row->scale ? KD_AGREES : KD_DIFFERS;
  }
}

static bool is_whole(const char *path) {
  for (size_t k = 0; k < sizeof SCALES / sizeof *SCALES; k++)
    if (SCALES[k].whole && strcmp(SCALES[k].whole, path) == 0) return true;
  return false;
}

static kd_status compare(const char *path_a, const char *path_b, const kd_compare_options *options,
                         kd_comparison *c) {
  kd_status status = KD_OK;
  hid_t file_a = H5I_INVALID_HID, file_b = H5I_INVALID_HID;
  names list_a = {0}, list_b = {0};
  KD_CHECK(kd_h5_open_file(path_a, &file_a));
  KD_CHECK(kd_h5_open_file(path_b, &file_b));
  KD_CHECK(list_names(file_a, &list_a));
  KD_CHECK(list_names(file_b, &list_b));
  for (size_t i = 0; i < options->n_only; i++) {
    bool found = false;
    for (size_t j = 0; j < list_a.count; j++) found |= is_meant(list_a.name[j], options->only[i]);
    for (size_t j = 0; j < list_b.count; j++) found |= is_meant(list_b.name[j], options->only[i]);
    if (found) continue;
    status = kd_error(KD_ERROR_SCENARIO,
                      "keldrift: error: no dataset %s in %s or %s (expected a name such as "
                      "current, traces or /snapshots/f)",
                      options->only[i], path_a, path_b);
    goto cleanup;
  }
  KD_ALLOCATE(c->rows, list_a.count + list_b.count);
  for (size_t i = 0, j = 0; i < list_a.count || j < list_b.count;) {
    const int order = i == list_a.count   ? 1
                      : j == list_b.count ? -1
                                          : strcmp(list_a.name[i], list_b.name[j]);
    const char *name = order <= 0 ? list_a.name[i] : list_b.name[j];
    if (order <= 0) i++;
    if (order >= 0) j++;
    if (!is_wanted(name, options) && !is_whole(name)) continue;
    kd_compared *row = &c->rows[c->n_row++];
    row->time = NAN;
    snprintf(row->name, sizeof row->name, "%s", name);
    row->agreement = order < 0 ? KD_ONLY_IN_A : order > 0 ? KD_ONLY_IN_B : KD_SAME;
    if (order == 0) KD_CHECK(compare_dataset(file_a, file_b, path_a, path_b, row));
  }
  judge(c, options);
  size_t n = 0;
  c->agree = true;
  for (size_t i = 0; i < c->n_row; i++) {
    if (!is_wanted(c->rows[i].name, options)) continue;
    c->rows[n] = c->rows[i];
    c->agree &= c->rows[n].agreement <= KD_AGREES;
    n++;
  }
  c->n_row = n;
  if (n == 0) {
    status = kd_error(KD_ERROR_SCENARIO,
                      "keldrift: error: nothing to compare in %s and %s (expected results of "
                      "keldrift)",
                      path_a, path_b);
    goto cleanup;
  }
  status = compare_scenarios(path_a, path_b, &c->scenario_lines);

cleanup:
  clear_names(&list_a);
  clear_names(&list_b);
  kd_h5_close_file(file_a);
  kd_h5_close_file(file_b);
  return status;
}

kd_status kd_result_compare(const char *a, const char *b, const kd_compare_options *options,
                            kd_comparison *comparison) {
  kd_status status;
  *comparison = (kd_comparison){0};
  KD_H5_QUIETLY(status, compare(a, b, options, comparison));
  if (status != KD_OK) kd_comparison_clear(comparison);
  return status;
}

void kd_comparison_clear(kd_comparison *comparison) {
  kd_free(comparison->rows);
  kd_free(comparison->scenario_lines);
  *comparison = (kd_comparison){0};
}
