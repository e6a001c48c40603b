#include "keldrift/sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/memory.h"
#include "keldrift/steady.h"
#include "recovery.h"
#include "scenario/arena.h"
#include "scenario/locale.h"
#include "scenario/number.h"
#include "scenario/report.h"

enum { MAX_RUNS = 100000, MAX_STEM = 100, MAX_COLUMNS = 256 };

/// Numbers of a range are rounded to this many digits, so that 0.1:0.5:5 gives 0.3.
enum { DIGITS = 12 };

typedef struct axis {
  const char *path;
  const char *label; ///< in names of files
  const char *unit;  ///< of all values, where they are numbers in one unit; else NULL
  size_t count;
  const char **value;    ///< as text, with the unit
  const char **number;   ///< without it, where there is one
  const char **override; ///< PATH=VALUE
} axis;

struct kd_sweep {
  kd_arena *arena;
  size_t n_axis, n_run;
  axis *axes;
  const char **file;  ///< [n_run]
  kd_result_end *end; ///< [n_run], read when the index is written
};

// --- values -------------------------------------------------------------------------------------

static kd_status complain(const char *spec, const char *what) {
  return kd_error(KD_ERROR_SCENARIO,
                  "--sweep %s: error: %s (expected PATH=START:STOP:COUNT UNIT or "
                  "PATH=A,B,C)",
                  kd_quote(spec).text, what);
}

static const char *trim(kd_arena *arena, const char *text, size_t length) {
  while (length > 0 && strchr(" \t", text[0])) {
    text++;
    length--;
  }
  while (length > 0 && strchr(" \t", text[length - 1])) length--;
  return kd_arena_copy(arena, text, length);
}

static kd_status reserve(kd_arena *arena, axis *a, size_t count) {
  a->value = kd_arena_allocate(arena, count, sizeof *a->value);
  a->number = kd_arena_allocate(arena, count, sizeof *a->number);
  a->override = kd_arena_allocate(arena, count, sizeof *a->override);
  return a->value && a->number && a->override ? KD_OK : KD_ERROR_MEMORY;
}

static kd_status set_value(kd_arena *arena, axis *a, size_t index, const char *number,
                           const char *unit) {
  a->number[index] = number;
  a->value[index] = *unit ? kd_arena_format(arena, "%s %s", number, unit) : number;
  if (!number || !a->value[index]) return KD_ERROR_MEMORY;
  a->override[index] = kd_arena_format(arena, "%s=%s", a->path, a->value[index]);
  return a->override[index] ? KD_OK : KD_ERROR_MEMORY;
}

/// Reads START:STOP:COUNT[:log] [UNIT]. Leaves `*is_range` false if the text is something else.
static kd_status read_range(kd_arena *arena, axis *a, const char *spec, const char *text,
                            bool *is_range) {
  double start, stop, count;
  const char *rest;
  *is_range = false;
  if (!kd_number_scan(text, &start, &rest) || *rest != ':') return KD_OK;
  if (!kd_number_scan(rest + 1, &stop, &rest) || *rest != ':')
    return complain(spec, "a range without a count");
  if (!kd_number_scan(rest + 1, &count, &rest)) return complain(spec, "a range without a count");
  *is_range = true;
  bool is_log = false;
  if (strncmp(rest, ":log", 4) == 0 && (rest[4] == '\0' || rest[4] == ' ')) {
    is_log = true;
    rest += 4 + strspn(rest + 4, " ");
  }
  if (*rest == ':') return complain(spec, "a range with a fourth part that is not log");
  if (!(isfinite(start) && isfinite(stop))) return complain(spec, "an end is not finite");
  if (!(count >= 1 && count <= MAX_RUNS && count == floor(count)))
    return complain(spec, "the count is no integer from 1 to 100000");
  if (is_log && !(start * stop > 0)) return complain(spec, "a logarithmic range through zero");
  a->count = (size_t)count;
  a->unit = trim(arena, rest, strlen(rest));
  if (!a->unit) return KD_ERROR_MEMORY;
  KD_TRY(reserve(arena, a, a->count));
  const double size = fmax(fabs(start), fabs(stop));
  for (size_t i = 0; i < a->count; i++) {
    const double x = a->count > 1 ? (double)i / (double)(a->count - 1) : 0;
    double value = is_log ? start * pow(stop / start, x) : start + (stop - start) * x;
    if (fabs(value) < 1e-12 * size) value = 0;
    KD_TRY(set_value(arena, a, i, kd_arena_format(arena, "%.*g", DIGITS, value), a->unit));
  }
  return KD_OK;
}

/// Length of the first item of a list: up to a comma outside brackets and quotes.
static size_t item_length(const char *text) {
  int depth = 0;
  char quote = '\0';
  size_t i = 0;
  for (; text[i]; i++) {
    const char c = text[i];
    if (quote) {
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '[' || c == '{') {
      depth++;
    } else if (c == ']' || c == '}') {
      depth--;
    } else if (c == ',' && depth <= 0) {
      break;
    }
  }
  return i;
}

static kd_status read_list(kd_arena *arena, axis *a, const char *spec, const char *text) {
  size_t count = 1;
  for (const char *c = text; c[item_length(c)]; c += item_length(c) + 1) count++;
  if (count > MAX_RUNS) return complain(spec, "more than 100000 values");
  a->count = count;
  KD_TRY(reserve(arena, a, count));
  const char **item = kd_arena_allocate(arena, count, sizeof *item);
  if (!item) return KD_ERROR_MEMORY;
  // Numbers, of which the last may have a unit for all.
  bool are_numbers = true;
  const char *unit = "", *last_number = NULL;
  for (size_t i = 0; i < count; i++) {
    const size_t length = item_length(text);
    item[i] = trim(arena, text, length);
    if (!item[i]) return KD_ERROR_MEMORY;
    if (!*item[i]) return complain(spec, "an empty value");
    double x;
    const char *rest;
    if (!kd_number_scan(item[i], &x, &rest)) {
      are_numbers = false;
    } else if (*rest && i + 1 == count) {
      unit = rest;
      last_number = trim(arena, item[i], (size_t)(rest - item[i]));
      if (!last_number) return KD_ERROR_MEMORY;
    } else if (*rest) {
      are_numbers = false;
    }
    text += length + (text[length] != '\0');
  }
  if (are_numbers) {
    a->unit = unit;
    if (last_number) item[count - 1] = last_number;
  }
  for (size_t i = 0; i < count; i++)
    KD_TRY(set_value(arena, a, i, item[i], are_numbers ? unit : ""));
  return KD_OK;
}

static kd_status read_axis(kd_arena *arena, axis *a, const char *spec) {
  const char *equals = strchr(spec, '=');
  if (!equals || equals == spec) return complain(spec, "no values");
  a->path = trim(arena, spec, (size_t)(equals - spec));
  const char *text = trim(arena, equals + 1, strlen(equals + 1));
  if (!a->path || !text) return KD_ERROR_MEMORY;
  if (!*text) return complain(spec, "no values");
  bool is_range;
  KD_TRY(read_range(arena, a, spec, text, &is_range));
  return is_range ? KD_OK : read_list(arena, a, spec, text);
}

// --- names --------------------------------------------------------------------------------------

/// The last word of the path, or the whole path where two axes would have the same.
static void label_axes(kd_sweep *self) {
  for (size_t i = 0; i < self->n_axis; i++) {
    const char *dot = strrchr(self->axes[i].path, '.');
    // "grid.k.0": an index alone says nothing.
    while (dot && dot > self->axes[i].path && dot[1] >= '0' && dot[1] <= '9') {
      do dot--;
      while (dot > self->axes[i].path && *dot != '.');
      if (*dot != '.') dot = NULL;
    }
    self->axes[i].label = dot ? dot + 1 : self->axes[i].path;
  }
  for (size_t i = 0; i < self->n_axis; i++)
    for (size_t j = 0; j < i; j++)
      if (strcmp(self->axes[i].label, self->axes[j].label) == 0) {
        self->axes[i].label = self->axes[i].path;
        self->axes[j].label = self->axes[j].path;
      }
}

static size_t value_index(const kd_sweep *self, size_t a, size_t run) {
  for (size_t i = self->n_axis; i-- > a + 1;) run /= self->axes[i].count;
  return run % self->axes[a].count;
}

static size_t append_plain(char *name, size_t length, const char *text) {
  bool gap = false;
  for (; *text && length < MAX_STEM; text++) {
    const char c = *text;
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       strchr("+-._=", c);
    if (plain) {
      if (gap && length < MAX_STEM) name[length++] = '_';
      name[length++] = c;
    }
    gap = !plain && length > 0 && name[length - 1] != '=' && name[length - 1] != '_';
  }
  return length;
}

static int compare_names(const void *a, const void *b) {
  const char *const *first = a, *const *second = b;
  return strcmp(*first, *second);
}

/// Names every file after its values. Names that are cut off or the same for two runs get the
/// number of the run.
static kd_status name_files(kd_sweep *self) {
  kd_status status = KD_OK;
  const char **sorted;
  KD_ALLOCATE(sorted, self->n_run);
  for (size_t run = 0; run < self->n_run; run++) {
    char name[MAX_STEM + 8] = "";
    size_t length = 0;
    for (size_t i = 0; i < self->n_axis; i++) {
      if (i > 0 && length < MAX_STEM) length = append_plain(name, length, "__");
      length = append_plain(name, length, self->axes[i].label);
      if (length < MAX_STEM) name[length++] = '=';
      length = append_plain(name, length, kd_sweep_value(self, i, run));
    }
    name[length] = '\0';
    self->file[run] = length < MAX_STEM ? kd_arena_format(self->arena, "%s.h5", name)
                                        : kd_arena_format(self->arena, "%.60s_%05zu.h5", name, run);
    if (!self->file[run]) {
      status = KD_ERROR_MEMORY;
      goto cleanup;
    }
    sorted[run] = self->file[run];
  }
  qsort(sorted, self->n_run, sizeof *sorted, compare_names);
  bool unique = true;
  for (size_t i = 1; i < self->n_run; i++) unique &= strcmp(sorted[i - 1], sorted[i]) != 0;
  for (size_t run = 0; !unique && run < self->n_run; run++) {
    self->file[run] = kd_arena_format(self->arena, "run_%05zu.h5", run);
    if (!self->file[run]) status = KD_ERROR_MEMORY;
  }
cleanup:
  kd_free(sorted);
  return status;
}

kd_status kd_sweep_create(const char *const *axes, size_t n_axis, kd_sweep **sweep) {
  kd_status status = KD_OK;
  kd_locale locale = {0};
  kd_sweep *self = NULL;
  *sweep = NULL;
  KD_CHECK(kd_locale_enter(&locale));
  KD_ALLOCATE(self, 1);
  KD_CHECK(kd_arena_create(&self->arena));
  self->n_axis = n_axis;
  self->n_run = 1;
  self->axes = kd_arena_allocate(self->arena, n_axis, sizeof *self->axes);
  if (!self->axes) {
    status = KD_ERROR_MEMORY;
    goto cleanup;
  }
  for (size_t i = 0; i < n_axis; i++) {
    KD_CHECK(read_axis(self->arena, &self->axes[i], axes[i]));
    for (size_t j = 0; j < i; j++)
      if (strcmp(self->axes[i].path, self->axes[j].path) == 0) {
        status = complain(axes[i], "a second sweep of the same key");
        goto cleanup;
      }
    self->n_run *= self->axes[i].count; // at most 1e10: no overflow
    if (self->n_run > MAX_RUNS) {
      status = kd_error(KD_ERROR_SCENARIO, "--sweep %s: error: %zu runs (expected at most %d)",
                        kd_quote(axes[i]).text, self->n_run, MAX_RUNS);
      goto cleanup;
    }
  }
  label_axes(self);
  self->file = kd_arena_allocate(self->arena, self->n_run, sizeof *self->file);
  self->end = kd_arena_allocate(self->arena, self->n_run, sizeof *self->end);
  status = self->file && self->end ? name_files(self) : KD_ERROR_MEMORY;

cleanup:
  kd_locale_leave(&locale);
  if (status == KD_OK)
    *sweep = self;
  else
    kd_sweep_free(self);
  return status;
}

void kd_sweep_free(kd_sweep *self) {
  if (!self) return;
  for (size_t i = 0; self->end && i < self->n_run; i++) kd_free(self->end[i].values);
  kd_arena_free(self->arena);
  kd_free(self);
}

size_t kd_sweep_count(const kd_sweep *self) {
  return self->n_run;
}

size_t kd_sweep_n_axis(const kd_sweep *self) {
  return self->n_axis;
}

const char *kd_sweep_path(const kd_sweep *self, size_t a) {
  return self->axes[a].path;
}

const char *kd_sweep_value(const kd_sweep *self, size_t a, size_t run) {
  return self->axes[a].value[value_index(self, a, run)];
}

const char *kd_sweep_file(const kd_sweep *self, size_t run) {
  return self->file[run];
}

// --- the scenario of a run
// ---------------------------------------------------------------------------------------

/// Reads the scenario of one run: the given overrides, then the values.
static kd_status read_scenario(const kd_sweep *self, size_t run, const kd_sweep_options *options,
                               kd_scenario **scenario) {
  kd_status status = KD_OK;
  const char **overrides = NULL;
  *scenario = NULL;
  KD_ALLOCATE(overrides, options->n_override + self->n_axis);
  for (size_t i = 0; i < options->n_override; i++) overrides[i] = options->overrides[i];
  for (size_t i = 0; i < self->n_axis; i++)
    overrides[options->n_override + i] = self->axes[i].override[value_index(self, i, run)];
  status =
      kd_run_scenario(options->scenario, overrides, options->n_override + self->n_axis, scenario);
cleanup:
  kd_free(overrides);
  return status;
}

// --- the folder and the head of its index
// ---------------------------------------------------------

static void write_cell(FILE *out, const char *text) {
  if (!strpbrk(text, ",\"\n\r")) {
    fputs(text, out);
    return;
  }
  fputc('"', out);
  for (; *text; text++) fputs(*text == '"' ? "\"\"" : (char[]){*text, '\0'}, out);
  fputc('"', out);
}

static void write_name(FILE *out, const char *name, const char *unit) {
  char cell[256];
  if (unit && *unit && strcmp(unit, "1") != 0)
    snprintf(cell, sizeof cell, "%s [%s]", name, unit);
  else
    snprintf(cell, sizeof cell, "%s", name);
  fputc(',', out);
  write_cell(out, cell);
}

/// "run,field.0.amplitude [MV/cm],file": the columns by which an index is told from others.
static void write_axes(FILE *out, const kd_sweep *self) {
  fputs("run", out);
  for (size_t i = 0; i < self->n_axis; i++) write_name(out, self->axes[i].path, self->axes[i].unit);
  fputs(",file,", out);
}

/// An index of other keys is not replaced: it is what finds the results of another sweep.
static kd_status check_index(const kd_sweep *self, const char *folder) {
  kd_status status = KD_OK;
  char *own = NULL, *line = NULL, *path = NULL;
  size_t size, room = 0;
  FILE *index = NULL, *out = open_memstream(&own, &size);
  if (!out) return kd_error(KD_ERROR_MEMORY, "out of memory for an index");
  write_axes(out, self);
  if (fclose(out) != 0) {
    status = kd_error(KD_ERROR_MEMORY, "out of memory for an index");
    goto cleanup;
  }
  KD_ALLOCATE(path, strlen(folder) + 16);
  sprintf(path, "%s/index.csv", folder);
  index = fopen(path, "r");
  if (!index || getline(&line, &room, index) < 0 || strncmp(line, own, strlen(own)) == 0)
    goto cleanup;
  status = kd_error(KD_ERROR_SCENARIO,
                    "%s: error: is the index of another sweep (expected one that begins with "
                    "\"%s\"): give another folder with --output",
                    path, own);

cleanup:
  if (index) fclose(index);
  kd_free(path);
  free(line);
  free(own);
  return status;
}

kd_status kd_sweep_folder(const kd_sweep *self, const kd_sweep_options *options, char **folder) {
  kd_status status = KD_OK;
  kd_scenario *scenario = NULL;
  struct stat found;
  *folder = NULL;
  for (size_t run = 0; run < self->n_run && !scenario; run++) {
    const kd_status failed = read_scenario(self, run, options, &scenario);
    // The first error is the one to show, unless another run is valid.
    if (failed != KD_OK && run == 0) status = failed;
    if (failed == KD_ERROR_FILE || failed == KD_ERROR_MEMORY || (failed != KD_OK && run == 15))
      break;
  }
  if (!scenario) {
    if (self->n_run > 1) read_scenario(self, 0, options, &scenario);
    goto cleanup;
  }
  status = KD_OK;
  if (options->folder) {
    *folder = kd_string_copy(options->folder);
  } else {
    const char *file = kd_run_output(scenario);
    const size_t length = strlen(file);
    const size_t stem = length > 3 && strcmp(file + length - 3, ".h5") == 0 ? length - 3 : length;
    *folder = kd_allocate(stem + 16, 1);
    if (*folder) snprintf(*folder, stem + 16, "%.*s_sweep", (int)stem, file);
  }
  if (!*folder) {
    status = KD_ERROR_MEMORY;
    goto cleanup;
  }
  if (mkdir(*folder, 0777) != 0 && errno != EEXIST)
    status = kd_error(KD_ERROR_FILE, "%s: error: cannot create the folder: %s", *folder,
                      strerror(errno));
  else if (stat(*folder, &found) != 0 || !S_ISDIR(found.st_mode))
    status = kd_error(KD_ERROR_FILE,
                      "%s: error: is not a folder (expected the one for the results of "
                      "a sweep)",
                      *folder);
  else
    status = check_index(self, *folder);

cleanup:
  if (status != KD_OK) {
    kd_free(*folder);
    *folder = NULL;
  }
  kd_scenario_free(scenario);
  return status;
}

// --- one run ------------------------------------------------------------------------------------

/// True if `path` is a complete result of this scenario, of a run or of a response as is wanted.
static bool is_result_of(const char *path, const kd_scenario *scenario, bool is_steady,
                         size_t *n_warning) {
  char *text = NULL;
  kd_result_end end = {0};
  if (access(path, F_OK) != 0) return false;
  const bool same = kd_result_scenario(path, &text, NULL) == KD_OK &&
                    strcmp(text, kd_scenario_text(scenario)) == 0 &&
                    kd_result_read_end(path, &end) == KD_OK && end.is_complete &&
                    end.is_steady == is_steady;
  *n_warning = end.n_warning;
  kd_free(end.values);
  kd_free(text);
  return same;
}

/// True if the file is a checkpoint of this scenario.
static bool is_checkpoint_of(const char *path, const kd_scenario *scenario) {
  kd_scenario *stopped = NULL;
  char *output = NULL;
  const bool result = access(path, F_OK) == 0 && kd_run_restart(path, &stopped, &output) == KD_OK &&
                      strcmp(kd_scenario_text(stopped), kd_scenario_text(scenario)) == 0;
  kd_scenario_free(stopped);
  kd_free(output);
  return result;
}

static kd_status run_in_time(const kd_scenario *scenario, const char *path,
                             const kd_sweep_options *options, size_t *n_warning) {
  kd_status status = KD_OK;
  kd_report *report = NULL;
  char *checkpoint = kd_recovery_path(path);
  if (!checkpoint) return KD_ERROR_MEMORY;
  KD_ALLOCATE(report, 1);
  const kd_run_options run_options = {.output = path,
                                      .restart = is_checkpoint_of(checkpoint, scenario) ? checkpoint
                                                                                        : NULL,
                                      .command = options->command,
                                      .progress = options->progress,
                                      .request = options->request,
                                      .context = options->context};
  KD_CHECK(kd_run(scenario, &run_options, report));
  *n_warning = report->warnings.count;

cleanup:
  kd_free(checkpoint);
  kd_free(report);
  return status;
}

static kd_status find_response(const kd_scenario *scenario, const char *path,
                               const kd_sweep_options *options, size_t *n_warning) {
  kd_status status = KD_OK;
  kd_steady_report *report = NULL;
  KD_ALLOCATE(report, 1);
  const kd_steady_options steady_options = {.output = path,
                                            .command = options->command,
                                            .request = options->request,
                                            .context = options->context};
  KD_CHECK(kd_steady(scenario, &steady_options, report));
  *n_warning = report->warnings.count;

cleanup:
  kd_free(report);
  return status;
}

void kd_sweep_execute(const kd_sweep *self, size_t run, const kd_sweep_options *options,
                      kd_sweep_outcome *outcome) {
  kd_status status = KD_OK;
  kd_scenario *scenario = NULL;
  char *path = NULL;
  const double start = kd_seconds();
  memset(outcome, 0, sizeof *outcome);
  KD_ALLOCATE(path, strlen(options->folder) + strlen(self->file[run]) + 2);
  sprintf(path, "%s/%s", options->folder, self->file[run]);
  KD_CHECK(read_scenario(self, run, options, &scenario));
  if (is_result_of(path, scenario, options->is_steady, &outcome->n_warning)) {
    outcome->state = KD_SWEEP_KEPT;
    goto cleanup;
  }
  KD_CHECK(options->is_steady ? find_response(scenario, path, options, &outcome->n_warning)
                              : run_in_time(scenario, path, options, &outcome->n_warning));
  outcome->state = KD_SWEEP_DONE;

cleanup:
  outcome->status = status;
  outcome->seconds = kd_seconds() - start;
  if (status != KD_OK) {
    outcome->state = status == KD_STOPPED ? KD_SWEEP_STOPPED : KD_SWEEP_FAILED;
    snprintf(outcome->message, sizeof outcome->message, "%s", kd_error_message());
  }
  kd_free(path);
  kd_scenario_free(scenario);
}

// --- the index ----------------------------------------------------------------------------------

/// The columns of final values: those of all runs, in the order in which they are met.
typedef struct columns {
  size_t count;
  const kd_final_value *column[MAX_COLUMNS];
} columns;

static void collect_columns(const kd_sweep *self, columns *found) {
  found->count = 0;
  for (size_t run = 0; run < self->n_run; run++)
    for (size_t i = 0; i < self->end[run].n_value; i++) {
      const kd_final_value *value = &self->end[run].values[i];
      size_t j = 0;
      while (j < found->count && strcmp(found->column[j]->name, value->name) != 0) j++;
      if (j == found->count && j < MAX_COLUMNS) found->column[found->count++] = value;
    }
}

static void write_index(FILE *out, const kd_sweep *self, const kd_sweep_outcome *outcomes) {
  static const char *const states[] = {"pending", "done", "done", "failed", "stopped"};
  columns final;
  collect_columns(self, &final);
  write_axes(out, self);
  fputs("state,exit_status,warnings,error", out);
  for (size_t j = 0; j < final.count; j++)
    write_name(out, final.column[j]->name, final.column[j]->unit);
  fputc('\n', out);
  for (size_t run = 0; run < self->n_run; run++) {
    const kd_sweep_outcome *o = &outcomes[run];
    const bool good = o->state == KD_SWEEP_DONE || o->state == KD_SWEEP_KEPT;
    fprintf(out, "%zu", run);
    for (size_t i = 0; i < self->n_axis; i++) {
      const axis *a = &self->axes[i];
      const size_t index = value_index(self, i, run);
      fputc(',', out);
      write_cell(out, a->unit ? a->number[index] : a->value[index]);
    }
    fputc(',', out);
    if (good) write_cell(out, self->file[run]);
    fprintf(out, ",%s,", states[o->state]);
    if (o->state != KD_SWEEP_PENDING) fprintf(out, "%d", kd_exit_status(o->status));
    fputc(',', out);
    if (good) fprintf(out, "%zu", o->n_warning);
    char line[sizeof o->message];
    snprintf(line, sizeof line, "%.*s", (int)strcspn(o->message, "\n"), o->message);
    fputc(',', out);
    write_cell(out, line);
    for (size_t j = 0; j < final.count; j++) {
      fputc(',', out);
      for (size_t i = 0; good && i < self->end[run].n_value; i++)
        if (strcmp(self->end[run].values[i].name, final.column[j]->name) == 0)
          fputs(kd_number_format(self->end[run].values[i].last).text, out);
    }
    fputc('\n', out);
  }
}

kd_status kd_sweep_write_index(kd_sweep *self, const char *folder,
                               const kd_sweep_outcome *outcomes) {
  kd_status status = KD_OK;
  kd_locale locale = {0};
  FILE *out = NULL;
  char *path = NULL, *partial = NULL;
  const size_t size = strlen(folder) + 64;
  bool created = false;
  KD_CHECK(kd_locale_enter(&locale));
  KD_ALLOCATE(path, size + MAX_STEM);
  KD_ALLOCATE(partial, size);
  for (size_t run = 0; run < self->n_run; run++) {
    if ((outcomes[run].state != KD_SWEEP_DONE && outcomes[run].state != KD_SWEEP_KEPT) ||
        self->end[run].values)
      continue;
    sprintf(path, "%s/%s", folder, self->file[run]);
    KD_CHECK(kd_result_read_end(path, &self->end[run]));
  }
  snprintf(path, size, "%s/index.csv", folder);
  snprintf(partial, size, "%s/.index.csv.%ld.partial", folder, (long)getpid());
  const int descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  created = descriptor >= 0;
  out = created ? fdopen(descriptor, "w") : NULL;
  bool good = out != NULL;
  if (created && !out) close(descriptor);
  if (out) {
    write_index(out, self, outcomes);
    good = !ferror(out) && fflush(out) == 0 && fsync(fileno(out)) == 0;
    good = fclose(out) == 0 && good;
  }
  if (!good || rename(partial, path) != 0)
    status =
        kd_error(KD_ERROR_FILE, "%s: error: cannot write the index: %s", path, strerror(errno));

cleanup:
  if (status != KD_OK && created) unlink(partial);
  kd_free(partial);
  kd_free(path);
  kd_locale_leave(&locale);
  return status;
}
