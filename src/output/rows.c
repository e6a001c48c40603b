#include "output/rows.h"

#include <hdf5_hl.h>
#include <stdbool.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "output/h5.h"
#include "output/range.h"
#include "output/show.h"

/// Largest dataset whose range is found; reading more would keep people waiting.
static const double SCANNED_BYTES = 1024.0 * 1024 * 1024;

typedef struct dataset_row {
  char *path;
  char unit[KD_SHOWN_SIZE];
  char values[KD_SHOWN_SIZE];
  char shape[KD_SHOWN_SIZE];
} dataset_row;

typedef struct row_list {
  dataset_row *rows;
  size_t n_row;
  size_t n_reserved;
} row_list;

static void describe_values(hid_t dataset, hid_t type, hid_t space, bool is_scale, char *text) {
  const bool is_complex = kd_h5_is_complex(type);
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  kd_range range;
  if (H5Tget_class(type) == H5T_STRING) {
    kd_texts list = {0};
    kd_h5_read_texts(dataset, false, &list);
    if (list.count == 1)
      kd_show_add(text, "text of %zu characters", strlen(list.texts[0]));
    else
      kd_show_add(text, "text");
    kd_h5_free_texts(&list);
  } else if (!is_complex && !kd_h5_is_number(type)) {
    kd_show_add(text, "%s", kd_show_class(type));
  } else if (points <= 0) {
    kd_show_add(text, "empty");
  } else if ((double)points * (double)kd_h5_number_bytes(is_complex) > SCANNED_BYTES) {
    kd_show_add(text, "(not scanned)");
  } else if (!kd_range_find(dataset, space, is_complex, &range)) {
    kd_show_add(text, "unreadable");
  } else {
    /* The sum turns a negative zero into a positive one. */
    const double low = (is_scale ? range.first : range.min) + 0.0;
    const double high = (is_scale ? range.last : range.max) + 0.0;
    if (range.n_bad == range.count)
      kd_show_add(text, "not finite");
    else if (range.count == 1)
      kd_show_add(text, is_complex ? "|z| = %.6g" : "%.6g", low);
    else
      kd_show_add(text, is_complex ? "|z| %.6g .. %.6g" : "%.6g .. %.6g", low, high);
    if (range.n_bad > 0 && range.n_bad < range.count)
      kd_show_add(text, ", %.0f not finite", range.n_bad);
  }
}

static herr_t keep_scale_name(hid_t dataset, unsigned axis, hid_t scale, void *data) {
  (void)dataset;
  (void)axis;
  char path[KD_SHOWN_SIZE] = "";
  char *name = data;
  if (H5Iget_name(scale, path, sizeof path) > 0) {
    const char *slash = strrchr(path, '/');
    snprintf(name, KD_SHOWN_SIZE, "%s", slash ? slash + 1 : path);
  }
  return 1; /* the first scale of an axis is enough */
}

static void describe_shape(hid_t dataset, hid_t space, bool is_scale, char *text) {
  hsize_t extent[H5S_MAX_RANK];
  const int rank = H5Sget_simple_extent_dims(space, extent, NULL);
  if (H5Sget_simple_extent_type(space) == H5S_NULL)
    kd_show_add(text, "none");
  else if (rank == 0)
    kd_show_add(text, "scalar");
  for (int i = 0; i < rank; i++) {
    char name[KD_SHOWN_SIZE] = "";
    if (!is_scale) H5DSiterate_scales(dataset, (unsigned)i, NULL, keep_scale_name, name);
    kd_show_add(text, "%s%s%s%llu", i > 0 ? ", " : "", name, *name ? " " : "",
                (unsigned long long)extent[i]);
  }
}

/// Returns whether a dimension scale only counts 0, 1, 2, ...
static bool only_counts(hid_t dataset, hid_t space) {
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  kd_range range;
  return points > 0 && points < 1000000 && kd_range_find(dataset, space, false, &range) &&
         range.first == 0 && range.last == (double)(points - 1) && range.min == 0 &&
         range.max == range.last;
}

static kd_status add_row(row_list *list, hid_t dataset, const char *path) {
  kd_status status = KD_OK;
  dataset_row *rows = NULL;
  hid_t type = H5Dget_type(dataset);
  hid_t space = H5Dget_space(dataset);
  const bool is_scale = H5DSis_scale(dataset) > 0;
  const char *leaf = strrchr(path, '/');
  if (is_scale && !(leaf && strcmp(leaf, "/time") == 0) && kd_h5_is_number(type) &&
      only_counts(dataset, space))
    goto cleanup;
  if (list->n_row == list->n_reserved) {
    const size_t reserved = 2 * list->n_reserved + 32;
    KD_ALLOCATE(rows, reserved);
    if (list->n_row > 0) memcpy(rows, list->rows, list->n_row * sizeof *rows);
    kd_free(list->rows);
    list->rows = rows;
    list->n_reserved = reserved;
  }
  dataset_row *row = &list->rows[list->n_row];
  row->path = kd_string_copy(path);
  if (!row->path) {
    status = KD_ERROR_MEMORY;
    goto cleanup;
  }
  list->n_row++;
  if (type < 0 || space < 0) {
    kd_show_add(row->values, "unreadable");
    goto cleanup;
  }
  kd_h5_copy_attribute_text(dataset, "units", row->unit, sizeof row->unit);
  describe_values(dataset, type, space, is_scale, row->values);
  describe_shape(dataset, space, is_scale, row->shape);
cleanup:
  kd_h5_close(space);
  kd_h5_close(type);
  return status;
}

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

static void free_rows(row_list *list) {
  for (size_t i = 0; i < list->n_row; i++) kd_free(list->rows[i].path);
  kd_free(list->rows);
}

static void print_rows(FILE *out, const row_list *list) {
  size_t width[3] = {0};
  for (size_t i = 0; i < list->n_row; i++) {
    const char *cell[3] = {list->rows[i].path, list->rows[i].unit, list->rows[i].values};
    for (int j = 0; j < 3; j++)
      if (kd_show_columns(cell[j]) > width[j]) width[j] = kd_show_columns(cell[j]);
  }
  fprintf(out, "\nDatasets: path, unit, values (|z|: moduli), shape\n");
  if (list->n_row == 0) fputs("  none\n", out);
  for (size_t i = 0; i < list->n_row; i++) {
    const dataset_row *row = &list->rows[i];
    fputs("  ", out);
    kd_show_cell(out, row->path, width[0]);
    kd_show_cell(out, row->unit, width[1]);
    kd_show_cell(out, row->values, width[2]);
    kd_show(out, row->shape);
    fputc('\n', out);
  }
}

void kd_rows_print(FILE *out, hid_t file) {
  row_list list = {0};
  const herr_t visited =
      H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, visit_object, &list, H5O_INFO_BASIC);
  print_rows(out, &list);
  if (visited < 0) fputs("  (the rest cannot be read)\n", out);
  free_rows(&list);
}
