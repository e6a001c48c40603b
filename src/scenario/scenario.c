#include "keldrift/scenario.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/input_file.h"
#include "core/memory.h"
#include "scenario/locale.h"
#include "scenario/resolved.h"

/// Larger files are not scenarios, and endless ones exist (/dev/zero).
enum { MAX_FILE_BYTES = 64 << 20 };

/// Returns the absolute name of the folder that holds the file `name`, which need not exist.
static const char *find_folder(kd_arena *arena, const char *name) {
  const char *slash = strrchr(name, '/');
  if (slash == name) return "/";
  const char *folder = slash ? kd_arena_copy(arena, name, (size_t)(slash - name)) : ".";
  if (!folder) return NULL;
  char *real = realpath(folder, NULL);
  if (real) {
    const char *copy = kd_arena_copy(arena, real, strlen(real));
    free(real);
    return copy;
  }
  if (folder[0] == '/') return folder;
  char *working = getcwd(NULL, 0);
  const char *joined = kd_arena_format(arena, "%s/%s", working ? working : "", folder);
  free(working);
  return joined;
}

/// @param folder  where input files are looked up; NULL: beside the file `name`
static kd_status parse(kd_scenario *scenario, const char *text, size_t length, const char *name,
                       const char *folder, const char *const *overrides, size_t n_override,
                       kd_faults *report) {
  kd_arena *arena = scenario->arena;
  const char *source = kd_arena_copy(arena, name, strlen(name));
  scenario->folder =
      folder ? kd_arena_copy(arena, folder, strlen(folder)) : find_folder(arena, name);
  if (!source || !scenario->folder) return KD_ERROR_MEMORY;
  const kd_origin origin = {.place = {.source = source}, .path = ""};
  kd_node *root;
  KD_TRY(kd_node_parse(arena, text, length, &origin, report, &root));
  if (kd_node_is_null(root)) {
    kd_faults_add(report, root->place, "", "the scenario is empty (expected KEY: VALUE)");
    return KD_OK;
  }
  if (root->kind == KD_NODE_MAPPING) {
    for (size_t i = 0; i < n_override; i++)
      KD_TRY(kd_node_override(arena, root, overrides[i], report));
    if (report->count > 0) return KD_OK;
  }
  return kd_resolve(scenario, root, report);
}

kd_status kd_scenario_parse_in(const char *text, size_t length, const char *name,
                               const char *folder, const char *const *overrides, size_t n_override,
                               kd_scenario **scenario) {
  kd_status status = KD_OK;
  kd_locale locale = {0};
  kd_faults report = {0};
  kd_scenario *new;
  *scenario = NULL;
  kd_error_clear();
  KD_ALLOCATE(new, 1);
  KD_CHECK(kd_locale_enter(&locale));
  KD_CHECK(kd_arena_create(&new->arena));
  report.arena = new->arena;
  status = parse(new, text, length, name, folder, overrides, n_override, &report);
  if (status == KD_OK || status == KD_ERROR_SCENARIO) status = kd_faults_finish(&report);
  KD_CHECK(status);
  KD_CHECK(kd_emit(new));
  kd_error_clear();

cleanup:
  kd_locale_leave(&locale);
  if (status == KD_OK)
    *scenario = new;
  else
    kd_scenario_free(new);
  return status;
}

kd_status kd_scenario_parse(const char *text, size_t length, const char *name,
                            const char *const *overrides, size_t n_override,
                            kd_scenario **scenario) {
  return kd_scenario_parse_in(text, length, name, NULL, overrides, n_override, scenario);
}

/// Reads a whole file; `*text` is for kd_free.
static kd_status read_file(const char *path, char **text, size_t *length) {
  kd_status status = KD_OK;
  size_t size = 1 << 14;
  char *buffer = NULL;
  *text = NULL;
  *length = 0;
  const char *reason;
  FILE *file = kd_input_open(path, &reason);
  if (!file) return kd_error(KD_ERROR_FILE, "%s: error: cannot open: %s", path, reason);
  KD_ALLOCATE(buffer, size);
  for (;;) {
    errno = 0;
    *length += fread(buffer + *length, 1, size - *length, file);
    if (ferror(file)) {
      status = kd_error(KD_ERROR_FILE, "%s: error: cannot read: %s", path, strerror(errno));
      goto cleanup;
    }
    if (*length < size) break;
    if (size >= MAX_FILE_BYTES) {
      status = kd_error(KD_ERROR_SCENARIO, "%s: error: larger than %d MiB (expected a scenario)",
                        path, MAX_FILE_BYTES >> 20);
      goto cleanup;
    }
    char *larger;
    KD_ALLOCATE(larger, 2 * size);
    memcpy(larger, buffer, size);
    kd_free(buffer);
    buffer = larger;
    size *= 2;
  }
  *text = buffer;
  buffer = NULL;

cleanup:
  kd_free(buffer);
  fclose(file);
  return status;
}

kd_status kd_scenario_read(const char *path, const char *const *overrides, size_t n_override,
                           kd_scenario **scenario) {
  char *text;
  size_t length;
  *scenario = NULL;
  KD_TRY(read_file(path, &text, &length));
  const kd_status status = kd_scenario_parse(text, length, path, overrides, n_override, scenario);
  kd_free(text);
  return status;
}

void kd_scenario_free(kd_scenario *scenario) {
  if (!scenario) return;
  free(scenario->text);
  kd_arena_free(scenario->arena);
  kd_free(scenario);
}

const char *kd_scenario_text(const kd_scenario *scenario) {
  return scenario->text;
}

const char *kd_scenario_folder(const kd_scenario *scenario) {
  return scenario->folder;
}

static kd_status visit_inputs(const kd_section *section,
                              kd_status (*visit)(void *context, const char *path), void *context) {
  for (size_t i = 0; i < section->n_value; i++) {
    const kd_value *value = &section->values[i];
    if (!value->has) continue;
    if (value->row->type == KD_PATH) KD_TRY(visit(context, value->text));
    for (size_t j = 0; value->items && j < value->count; j++)
      KD_TRY(visit_inputs(value->items[j], visit, context));
  }
  return KD_OK;
}

kd_status kd_scenario_inputs(const kd_scenario *scenario,
                             kd_status (*visit)(void *context, const char *path), void *context) {
  return visit_inputs(scenario->root, visit, context);
}

kd_constants kd_scenario_constants(const kd_scenario *scenario) {
  return scenario->constants;
}
