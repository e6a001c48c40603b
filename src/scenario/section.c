#include "scenario/section.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "core/error.h"
#include "scenario/resolved.h"

const kd_section *kd_scenario_root(const kd_scenario *scenario) {
  return scenario->root;
}

static const kd_value *find_value(const kd_section *section, const char *key) {
  for (size_t i = 0; i < section->n_value; i++)
    if (strcmp(section->values[i].row->key, key) == 0) return &section->values[i];
  return NULL;
}

/// Every type is one bit, so that an accessor can name the types it serves.
#define TYPE(type) (1u << (type))

/// Returns the value of a key that the caller knows to exist with one of `types`; NULL, besides the
/// assertion in debug builds, if it does not.
static const kd_value *get_value(const kd_section *section, const char *key, unsigned types) {
  const kd_value *value = find_value(section, key);
  assert(value && "no such key in the rows of this section");
  if (!value) return NULL;
  const bool fits = (types & TYPE(value->row->type)) != 0;
  assert(fits && "the key has another type");
  return fits ? value : NULL;
}

bool kd_section_has(const kd_section *section, const char *key) {
  const kd_value *value = get_value(section, key, ~0u);
  return value && value->has;
}

bool kd_section_given(const kd_section *section, const char *key) {
  const kd_value *value = get_value(section, key, ~0u);
  return value && value->given;
}

double kd_section_real(const kd_section *section, const char *key) {
  const kd_value *value = get_value(section, key, TYPE(KD_REAL));
  return value && value->has ? value->real : NAN;
}

const char *kd_section_unit(const kd_section *section, const char *key) {
  const kd_value *value = get_value(section, key, TYPE(KD_REAL));
  return value ? value->unit : NULL;
}

long kd_section_integer(const kd_section *section, const char *key) {
  const kd_value *value = get_value(section, key, TYPE(KD_INTEGER));
  return value ? value->integer : 0;
}

bool kd_section_flag(const kd_section *section, const char *key) {
  const kd_value *value = get_value(section, key, TYPE(KD_FLAG));
  return value && value->flag;
}

const char *kd_section_text(const kd_section *section, const char *key) {
  const kd_value *value = get_value(
      section, key, TYPE(KD_TEXT) | TYPE(KD_CHOICE) | TYPE(KD_EXPRESSION) | TYPE(KD_PATH));
  return value ? value->text : NULL;
}

const double *kd_section_reals(const kd_section *section, const char *key, size_t *count) {
  const kd_value *value = get_value(section, key, TYPE(KD_REALS));
  *count = value ? value->count : 0;
  return value ? value->reals : NULL;
}

const long *kd_section_integers(const kd_section *section, const char *key, size_t *count) {
  const kd_value *value = get_value(section, key, TYPE(KD_INTEGERS));
  *count = value ? value->count : 0;
  return value ? value->integers : NULL;
}

const double *kd_section_matrix(const kd_section *section, const char *key, size_t *n_row,
                                size_t *n_column) {
  const kd_value *value = get_value(section, key, TYPE(KD_MATRIX));
  *n_row = value ? value->count : 0;
  *n_column = value ? value->n_column : 0;
  return value ? value->reals : NULL;
}

const kd_section *kd_section_child(const kd_section *section, const char *key) {
  const kd_value *value = get_value(section, key, TYPE(KD_SECTION) | TYPE(KD_VARIANT));
  return value && value->has ? value->items[0] : NULL;
}

size_t kd_section_count(const kd_section *section, const char *key) {
  const kd_value *value = get_value(section, key, TYPE(KD_SECTIONS) | TYPE(KD_VARIANTS));
  return value ? value->count : 0;
}

const kd_section *kd_section_item(const kd_section *section, const char *key, size_t index) {
  const kd_value *value = get_value(section, key, TYPE(KD_SECTIONS) | TYPE(KD_VARIANTS));
  assert(!value || index < value->count);
  return value && index < value->count ? value->items[index] : NULL;
}

const kd_variant *kd_section_variant(const kd_section *section) {
  return section->variant;
}

static kd_status place_error(kd_status status, const kd_section *section, const char *key,
                             const char *format, va_list arguments) KD_PRINTF(4, 0);

static kd_status place_error(kd_status status, const kd_section *section, const char *key,
                             const char *format, va_list arguments) {
  kd_arena *arena = section->scenario->arena;
  const kd_value *value = key ? find_value(section, key) : NULL;
  const kd_place place = value ? value->place : section->place;
  const char *path = section->path;
  if (key) path = kd_arena_format(arena, "%s%s%s", section->path, section->path[0] ? "." : "", key);
  char *line = path ? kd_faults_line(arena, place, path, format, arguments) : NULL;
  return line ? kd_error(status, "%s", line) : KD_ERROR_MEMORY;
}

kd_status kd_section_error(const kd_section *section, const char *key, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const kd_status status = place_error(KD_ERROR_SCENARIO, section, key, format, arguments);
  va_end(arguments);
  return status;
}

kd_status kd_section_file_error(const kd_section *section, const char *key, const char *format,
                                ...) {
  va_list arguments;
  va_start(arguments, format);
  const kd_status status = place_error(KD_ERROR_FILE, section, key, format, arguments);
  va_end(arguments);
  return status;
}
