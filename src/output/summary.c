/// The summary of a result for people.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "keldrift/output.h"
#include "output/h5.h"
#include "output/range.h"
#include "output/rows.h"
#include "output/show.h"

enum { SHOWN_VALUES = 8 }; ///< of an attribute

static void print_label(FILE *out, const char *label, const char *text) {
  fprintf(out, "  %-10s", label);
  kd_show(out, text);
  fputc('\n', out);
}

static void print_root_text(FILE *out, hid_t file, const char *attribute, const char *label) {
  char text[1024];
  kd_h5_copy_attribute_text(file, attribute, text, sizeof text);
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
  char text[KD_SHOWN_SIZE];
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
      if (n_band > 0) kd_show_add(text, ", %llu band%s", n_band, n_band == 1 ? "" : "s");
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
      kd_show(out, list.texts[i]);
    }
    if (list.count > SHOWN_VALUES) fputs(", ...", out);
  } else if (kd_h5_is_number(type) && points > 0 && points < 1000000) {
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
    fputs(kd_show_class(type), out);
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
  kd_show_cell(out, name, 24);
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
      kd_show(out, list.texts[i]);
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
           kd_range_find(dataset, space, false, &range) && range.count > 0 && range.n_bad == 0;
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

/// Prints first and last values of the traces, or the response, what belongs to one name in a line.
static void print_final(FILE *out, const kd_result_end *end) {
  if (end->n_value == 0) return;
  fputs(end->is_steady ? "\nResponse to a constant field\n"
                       : "\nFirst and last values of the traces\n",
        out);
  size_t width = 14;
  for (size_t i = 0; i < end->n_value; i++) {
    const size_t length = strcspn(end->values[i].name, "[");
    if (length > width) width = length;
  }
  for (size_t i = 0; i < end->n_value;) {
    const char *name = end->values[i].name;
    const size_t length = strcspn(name, "[");
    size_t n = 1;
    while (i + n < end->n_value && strncmp(end->values[i + n].name, name, length) == 0 &&
           end->values[i + n].name[length] == '[')
      n++;
    char label[KD_SHOWN_SIZE], first[KD_SHOWN_SIZE] = "", last[KD_SHOWN_SIZE] = "";
    snprintf(label, sizeof label, "%.*s", (int)length, name);
    for (size_t j = 0; j < n && j < SHOWN_VALUES; j++) {
      // The sum turns a negative zero into a positive one.
      kd_show_add(first, "%s%.6g", j ? ", " : "", end->values[i + j].first + 0.0);
      kd_show_add(last, "%s%.6g", j ? ", " : "", end->values[i + j].last + 0.0);
    }
    if (n > SHOWN_VALUES) kd_show_add(last, ", ... (%zu)", n);
    fputs("  ", out);
    kd_show_cell(out, label, width);
    if (!end->is_steady) {
      kd_show(out, first);
      fputs(" -> ", out);
    }
    kd_show(out, last);
    const char *unit = shown_unit(end->values[i].unit);
    if (*unit) {
      fputc(' ', out);
      kd_show(out, unit);
    }
    fputc('\n', out);
    i += n;
  }
}

static kd_status print_summary(FILE *out, hid_t file, const char *path) {
  char version[KD_SHOWN_SIZE];
  char revision[KD_SHOWN_SIZE];
  kd_h5_copy_attribute_text(file, "keldrift_version", version, sizeof version);
  kd_h5_copy_attribute_text(file, "git_revision", revision, sizeof revision);
  kd_show(out, path);
  if (*version) {
    fputs(": keldrift ", out);
    kd_show(out, version);
    if (*revision) {
      fputs(", revision ", out);
      kd_show(out, revision);
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
  print_conserved(out, file, &end);
  print_final(out, &end);
  print_warnings(out, file);
  kd_rows_print(out, file);
  print_run(out, file);
  kd_free(end.values);
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
