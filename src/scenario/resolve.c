#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/error.h"
#include "scenario/expression.h"
#include "scenario/number.h"
#include "scenario/resolved.h"
#include "scenario/units.h"

bool kd_row_has_unit(const kd_param *row, bool natural) {
  return (!natural || row->wall_clock) && !kd_unit_is_dimensionless(row->unit);
}

static bool has_range(const kd_param *row) {
  return row->min != 0 || row->max != 0;
}

kd_quoted kd_row_range(const kd_param *row, bool natural) {
  kd_quoted range = {""};
  const bool low = has_range(row) && isfinite(row->min);
  const bool high = has_range(row) && isfinite(row->max) && row->max >= row->min;
  const bool has_unit =
      row->type != KD_INTEGER && row->type != KD_INTEGERS && kd_row_has_unit(row, natural);
  const char *unit = has_unit ? row->unit : "", *blank = has_unit ? " " : "";
  const char *min = row->min_open ? ">" : ">=";
  if (low && high)
    snprintf(range.text, sizeof range.text, "%s %g and <= %g%s%s", min, row->min, row->max, blank,
             unit);
  else if (low)
    snprintf(range.text, sizeof range.text, "%s %g%s%s", min, row->min, blank, unit);
  else if (high)
    snprintf(range.text, sizeof range.text, "<= %g%s%s", row->max, blank, unit);
  return range;
}

static bool in_range(const kd_param *row, double value) {
  if (!has_range(row)) return true;
  if (row->min_open ? !(value > row->min) : !(value >= row->min)) return false;
  // A row that gives only a lower end has no upper one.
  return value <= row->max || row->max < row->min;
}

struct resolver {
  kd_scenario *scenario;
  kd_arena *arena;
  kd_faults *report;
};

/// Where a value stands and what it is called.
struct spot {
  const kd_node *node;
  const char *path;
};

#define COMPLAIN(resolver, spot, ...)                                                              \
  kd_faults_add((resolver)->report, (spot).node->place, (spot).path, __VA_ARGS__)

#define ALLOCATE(resolver, pointer, count)                                                         \
  do {                                                                                             \
    (pointer) = kd_arena_allocate((resolver)->arena, (count), sizeof *(pointer));                  \
    if (!(pointer)) return KD_ERROR_MEMORY;                                                        \
  } while (0)

static kd_status item_spot(struct resolver *resolver, struct spot list, size_t index,
                           struct spot *item) {
  item->node = list.node->entries[index].value;
  item->path = kd_arena_format(resolver->arena, "%s.%zu", list.path, index);
  return item->path ? KD_OK : KD_ERROR_MEMORY;
}

static const char *expected_number(const struct resolver *resolver, const kd_param *row) {
  if (resolver->scenario->natural && !row->wall_clock)
    return "a bare number under \"units: natural\"";
  return kd_quantity_expected(row->unit);
}

/// Converts a quantity to the row's unit, or to the first of its other units that fits.
static kd_status read_quantity(const kd_param *row, const char *text, bool bare, double *value,
                               const char **unit) {
  *unit = row->unit;
  kd_status status = kd_quantity_read(text, row->unit, bare, value);
  for (const char *const *other = row->other_units; other && *other && status == KD_ERROR_SCENARIO;
       other++) {
    status = kd_quantity_read(text, *other, bare, value);
    *unit = *other;
  }
  return status;
}

/// Reads one number in the row's unit, or in the one that `unit` receives. `good` tells whether
/// `value` holds it.
static kd_status read_real(struct resolver *resolver, const kd_param *row, struct spot spot,
                           double *value, const char **unit, bool *good) {
  const bool bare_only = resolver->scenario->natural && !row->wall_clock;
  const char *rest = "";
  *good = false;
  *unit = NULL;
  if (spot.node->kind != KD_NODE_SCALAR || kd_node_is_null(spot.node)) {
    COMPLAIN(resolver, spot, "got %s (expected %s)", kd_node_quote(spot.node).text,
             expected_number(resolver, row));
    return KD_OK;
  }
  const char *text = spot.node->text;
  if (bare_only && kd_number_scan(text, value, &rest) && isfinite(*value) &&
      (!*rest || spot.node->is_default)) {
    *good = true;
  } else if (bare_only && *rest) {
    COMPLAIN(resolver, spot, "%s has a unit (expected %s)", kd_quote(text).text,
             expected_number(resolver, row));
    return KD_OK;
  } else {
    const kd_status status =
        read_quantity(row, text, bare_only || row->type == KD_MATRIX, value, unit);
    if (status == KD_ERROR_SCENARIO) {
      COMPLAIN(resolver, spot, "%s (expected %s)", kd_error_message(),
               expected_number(resolver, row));
      return KD_OK;
    }
    KD_TRY(status);
    *good = true;
  }
  if (!in_range(row, *value)) {
    *good = false;
    COMPLAIN(resolver, spot, "%s is out of range (expected %s)", kd_quote(text).text,
             kd_row_range(row, resolver->scenario->natural).text);
  }
  return KD_OK;
}

static bool read_integer(struct resolver *resolver, const kd_param *row, struct spot spot,
                         long *value) {
  if (spot.node->kind != KD_NODE_SCALAR || !kd_integer_scan(spot.node->text, value)) {
    COMPLAIN(resolver, spot, "got %s (expected an integer)", kd_node_quote(spot.node).text);
    return false;
  }
  if (!in_range(row, (double)*value)) {
    COMPLAIN(resolver, spot, "%ld is out of range (expected %s)", *value,
             kd_row_range(row, false).text);
    return false;
  }
  return true;
}

static bool read_flag(struct resolver *resolver, struct spot spot, bool *value) {
  const kd_node *node = spot.node;
  if (node->kind == KD_NODE_SCALAR && !node->quoted) {
    *value = strcasecmp(node->text, "true") == 0;
    if (*value || strcasecmp(node->text, "false") == 0) return true;
  }
  COMPLAIN(resolver, spot, "got %s (expected true or false)", kd_node_quote(node).text);
  return false;
}

/// Reads any text but null.
static bool read_text(struct resolver *resolver, struct spot spot, const char *expected,
                      const char **value) {
  if (spot.node->kind != KD_NODE_SCALAR || kd_node_is_null(spot.node)) {
    COMPLAIN(resolver, spot, "got %s (expected %s)", kd_node_quote(spot.node).text, expected);
    return false;
  }
  *value = spot.node->text;
  return true;
}

/// Reports that the text of `spot` is not among `names` (NULL-terminated).
static kd_status complain_of_name(struct resolver *resolver, struct spot spot,
                                  const char *const *names) {
  const char *hint = NULL;
  if (spot.node->kind == KD_NODE_SCALAR)
    hint = kd_suggestion(resolver->arena, spot.node->text, names, "expected one of");
  else
    hint = kd_suggestion(resolver->arena, "", names, "expected one of");
  if (!hint) return KD_ERROR_MEMORY;
  COMPLAIN(resolver, spot, "got %s (%s)", kd_node_quote(spot.node).text, hint);
  return KD_OK;
}

static kd_status read_choice(struct resolver *resolver, const kd_param *row, struct spot spot,
                             const char **value, bool *good) {
  size_t n = 0;
  while (row->choices[n].name) n++;
  const char **names;
  ALLOCATE(resolver, names, n + 1);
  for (size_t i = 0; i < n; i++) {
    names[i] = row->choices[i].name;
    if (spot.node->kind == KD_NODE_SCALAR && strcmp(spot.node->text, names[i]) == 0) {
      *value = names[i];
      *good = true;
      return KD_OK;
    }
  }
  *good = false;
  return complain_of_name(resolver, spot, names);
}

static kd_status read_expression(struct resolver *resolver, const kd_param *row, struct spot spot,
                                 const char **value, bool *good) {
  const char *variables = row->variables ? row->variables : "";
  *good = false;
  if (!read_text(resolver, spot, "a formula", value)) return KD_OK;
  kd_expression *expression;
  const kd_status status = kd_expression_create(*value, variables, &expression);
  kd_expression_free(expression);
  if (status == KD_ERROR_SCENARIO) {
    COMPLAIN(resolver, spot, "%s (expected a formula%s%s)", kd_error_message(),
             variables[0] ? " in " : "", variables);
    return KD_OK;
  }
  *good = status == KD_OK;
  return status;
}

static kd_status read_path(struct resolver *resolver, struct spot spot, const char **value,
                           bool *good) {
  const char *text;
  *good = false;
  if (!read_text(resolver, spot, "the name of a file", &text)) return KD_OK;
  if (!text[0]) {
    COMPLAIN(resolver, spot, "got \"\" (expected the name of a file)");
    return KD_OK;
  }
  if (text[0] == '/') {
    *value = text;
  } else {
    while (strncmp(text, "./", 2) == 0) text += 2;
    const char *folder = resolver->scenario->folder;
    *value = kd_arena_format(resolver->arena, "%s%s%s", folder, strcmp(folder, "/") == 0 ? "" : "/",
                             text);
  }
  *good = *value != NULL;
  return *good ? KD_OK : KD_ERROR_MEMORY;
}

/// A list of numbers; a single one stands for a list of length one.
static kd_status read_numbers(struct resolver *resolver, const kd_param *row, struct spot spot,
                              kd_value *value) {
  const bool single = spot.node->kind == KD_NODE_SCALAR;
  if (spot.node->kind == KD_NODE_MAPPING) {
    COMPLAIN(resolver, spot, "got a mapping (expected a list, each %s)",
             row->type == KD_INTEGERS ? "an integer" : expected_number(resolver, row));
    return KD_OK;
  }
  value->count = single ? 1 : spot.node->count;
  if (row->type == KD_INTEGERS)
    ALLOCATE(resolver, value->integers, value->count);
  else
    ALLOCATE(resolver, value->reals, value->count);
  value->has = true;
  for (size_t i = 0; i < value->count; i++) {
    struct spot item = spot;
    const char *unit;
    bool good;
    if (!single) KD_TRY(item_spot(resolver, spot, i, &item));
    if (row->type == KD_INTEGERS)
      good = read_integer(resolver, row, item, &value->integers[i]);
    else
      KD_TRY(read_real(resolver, row, item, &value->reals[i], &unit, &good));
    value->has = value->has && good;
  }
  return KD_OK;
}

static kd_status read_matrix(struct resolver *resolver, const kd_param *row, struct spot spot,
                             kd_value *value) {
  const kd_node *node = spot.node;
  for (size_t i = 0; i < (node->kind == KD_NODE_SEQUENCE ? node->count : 1); i++) {
    struct spot line = spot;
    if (node->kind == KD_NODE_SEQUENCE) KD_TRY(item_spot(resolver, spot, i, &line));
    if (line.node->kind != KD_NODE_SEQUENCE || line.node->count == 0) {
      COMPLAIN(resolver, line, "got %s (expected a matrix: a list of rows like [[1, 0], [0, 1]])",
               line.node->kind == KD_NODE_SEQUENCE ? "an empty row"
                                                   : kd_node_quote(line.node).text);
      return KD_OK;
    }
    if (i == 0) value->n_column = line.node->count;
    if (line.node->count != value->n_column) {
      COMPLAIN(resolver, line, "a row of %zu numbers (expected %zu as in the first row)",
               line.node->count, value->n_column);
      return KD_OK;
    }
  }
  value->count = node->count;
  ALLOCATE(resolver, value->reals, value->count * value->n_column);
  value->has = true;
  for (size_t i = 0; i < value->count; i++) {
    struct spot line;
    KD_TRY(item_spot(resolver, spot, i, &line));
    for (size_t j = 0; j < value->n_column; j++) {
      struct spot item;
      const char *unit;
      bool good;
      KD_TRY(item_spot(resolver, line, j, &item));
      KD_TRY(read_real(resolver, row, item, &value->reals[i * value->n_column + j], &unit, &good));
      value->has = value->has && good;
    }
  }
  return KD_OK;
}

static size_t count_rows(const kd_param *rows) {
  size_t n = 0;
  while (rows && rows[n].key) n++;
  return n;
}

/// Finds the variant that the `kind` of a mapping names; NULL after a complaint.
static kd_status read_kind(struct resolver *resolver, const kd_param *row, struct spot spot,
                           const kd_variant **variant) {
  size_t n = 0;
  while (row->variants[n]) n++;
  const char **kinds;
  ALLOCATE(resolver, kinds, n + 1);
  for (size_t i = 0; i < n; i++) kinds[i] = row->variants[i]->kind;
  *variant = NULL;
  const kd_entry *entry = kd_node_find(spot.node, "kind");
  if (!entry) {
    const char *known = kd_suggestion(resolver->arena, "", kinds, "expected one of");
    if (!known) return KD_ERROR_MEMORY;
    COMPLAIN(resolver, spot, "the required key kind is missing (%s)", known);
    return KD_OK;
  }
  const struct spot kind = {entry->value, kd_arena_format(resolver->arena, "%s.kind", spot.path)};
  if (!kind.path) return KD_ERROR_MEMORY;
  if (kind.node->kind == KD_NODE_SCALAR) {
    for (size_t i = 0; i < n; i++)
      if (strcmp(kinds[i], kind.node->text) == 0) *variant = row->variants[i];
  }
  return *variant ? KD_OK : complain_of_name(resolver, kind, kinds);
}

static kd_status complain_of_keys(struct resolver *resolver, const kd_section *section,
                                  struct spot spot) {
  const size_t n = section->n_value;
  const char **names;
  ALLOCATE(resolver, names, n + 2);
  for (size_t i = 0; i < n; i++) names[i] = section->values[i].row->key;
  if (section->variant) names[n] = "kind";
  for (size_t i = 0; i < spot.node->count; i++) {
    const kd_entry *entry = &spot.node->entries[i];
    bool known = false;
    for (const char **name = names; *name && !known; name++) known = strcmp(*name, entry->key) == 0;
    if (known) continue;
    const char *hint = kd_suggestion(resolver->arena, entry->key, names, "known keys");
    // A key may hold anything; only a plain word is shown as it is.
    const bool plain = strlen(entry->key) <= 40 && strpbrk(entry->key, " \"") == NULL;
    const kd_quoted quoted = kd_quote(entry->key);
    const char *path = kd_arena_format(resolver->arena, "%s%s%s", spot.path,
                                       spot.path[0] ? "." : "", plain ? entry->key : quoted.text);
    if (!hint || !path) return KD_ERROR_MEMORY;
    if (section->variant)
      kd_faults_add(resolver->report, entry->place, path, "unknown key for kind %s (%s)",
                    section->variant->kind, hint);
    else
      kd_faults_add(resolver->report, entry->place, path, "unknown key (%s)", hint);
  }
  return KD_OK;
}

static kd_status resolve_value(struct resolver *resolver, kd_section *section, struct spot spot,
                               kd_value *value);

/// Resolves a mapping by the rows of its variant and the shared rows.
static kd_status resolve_section(struct resolver *resolver, const kd_param *shared,
                                 const kd_variant *variant, struct spot spot, kd_section **result) {
  const size_t n_own = variant ? count_rows(variant->rows) : 0, n_shared = count_rows(shared);
  kd_section *section;
  ALLOCATE(resolver, section, 1);
  section->scenario = resolver->scenario;
  section->path = spot.path;
  section->place = spot.node->place;
  section->variant = variant;
  section->n_value = n_own + n_shared;
  ALLOCATE(resolver, section->values, section->n_value);
  for (size_t i = 0; i < section->n_value; i++)
    section->values[i].row = i < n_own ? &variant->rows[i] : &shared[i - n_own];
  for (size_t i = 0; i < section->n_value; i++)
    KD_TRY(resolve_value(resolver, section, spot, &section->values[i]));
  *result = section;
  return complain_of_keys(resolver, section, spot);
}

/// Resolves one mapping of a KD_SECTION(S) or KD_VARIANT(S).
static kd_status resolve_mapping(struct resolver *resolver, const kd_param *row, struct spot spot,
                                 kd_section **section, bool *good) {
  const bool has_kind = row->type == KD_VARIANT || row->type == KD_VARIANTS;
  const kd_variant *variant = NULL;
  *good = false;
  if (spot.node->kind != KD_NODE_MAPPING) {
    COMPLAIN(resolver, spot, "got %s (expected a mapping%s)", kd_node_quote(spot.node).text,
             has_kind ? " with the key kind" : "");
    return KD_OK;
  }
  if (has_kind) {
    KD_TRY(read_kind(resolver, row, spot, &variant));
    if (!variant) return KD_OK;
  }
  *good = true;
  return resolve_section(resolver, row->rows, variant, spot, section);
}

static kd_status resolve_list(struct resolver *resolver, const kd_param *row, struct spot spot,
                              kd_value *value) {
  if (spot.node->kind != KD_NODE_SEQUENCE) {
    COMPLAIN(resolver, spot, "got %s (expected a list of mappings)", kd_node_quote(spot.node).text);
    return KD_OK;
  }
  value->count = spot.node->count;
  ALLOCATE(resolver, value->items, value->count);
  value->has = true;
  for (size_t i = 0; i < value->count; i++) {
    struct spot item;
    bool good;
    KD_TRY(item_spot(resolver, spot, i, &item));
    KD_TRY(resolve_mapping(resolver, row, item, &value->items[i], &good));
    value->has = value->has && good;
  }
  return KD_OK;
}

static kd_status read_value(struct resolver *resolver, const kd_param *row, struct spot spot,
                            kd_value *value) {
  switch (row->type) {
  case KD_REAL:
    return read_real(resolver, row, spot, &value->real, &value->unit, &value->has);
  case KD_INTEGER:
    value->has = read_integer(resolver, row, spot, &value->integer);
    return KD_OK;
  case KD_FLAG:
    value->has = read_flag(resolver, spot, &value->flag);
    return KD_OK;
  case KD_TEXT:
    value->has = read_text(resolver, spot, "a text", &value->text);
    return KD_OK;
  case KD_CHOICE:
    return read_choice(resolver, row, spot, &value->text, &value->has);
  case KD_EXPRESSION:
    return read_expression(resolver, row, spot, &value->text, &value->has);
  case KD_PATH:
    return read_path(resolver, spot, &value->text, &value->has);
  case KD_REALS:
  case KD_INTEGERS:
    return read_numbers(resolver, row, spot, value);
  case KD_MATRIX:
    return read_matrix(resolver, row, spot, value);
  case KD_SECTION:
  case KD_VARIANT:
    value->count = 1;
    ALLOCATE(resolver, value->items, 1);
    return resolve_mapping(resolver, row, spot, &value->items[0], &value->has);
  case KD_SECTIONS:
  case KD_VARIANTS:
    return resolve_list(resolver, row, spot, value);
  }
  return kd_error(KD_ERROR_INTERNAL, "the key %s has an unknown type, %d", row->key, row->type);
}

static const char *expected_value(const struct resolver *resolver, const kd_param *row) {
  switch (row->type) {
  case KD_REAL:
    return expected_number(resolver, row);
  case KD_INTEGER:
    return "an integer";
  case KD_FLAG:
    return "true or false";
  case KD_TEXT:
    return "a text";
  case KD_CHOICE:
    return "a choice";
  case KD_EXPRESSION:
    return "a formula";
  case KD_PATH:
    return "the name of a file";
  case KD_REALS:
    return "a list of numbers";
  case KD_INTEGERS:
    return "a list of integers";
  case KD_MATRIX:
    return "a list of rows like [[1, 0], [0, 1]]";
  case KD_SECTION:
    return "a mapping";
  case KD_VARIANT:
    return "a mapping with the key kind";
  case KD_SECTIONS:
  case KD_VARIANTS:
    return "a list of mappings";
  }
  return "a value";
}

/// Finds or defaults the value of one row within the mapping at `spot`.
static kd_status resolve_value(struct resolver *resolver, kd_section *section, struct spot spot,
                               kd_value *value) {
  const kd_param *row = value->row;
  const bool natural = resolver->scenario->natural;
  const kd_entry *entry = kd_node_find(spot.node, row->key);
  struct spot at = {NULL, kd_arena_format(resolver->arena, "%s%s%s", spot.path,
                                          spot.path[0] ? "." : "", row->key)};
  if (!at.path) return KD_ERROR_MEMORY;
  value->place = section->place;
  if (!spot.path[0] && !natural && strcmp(row->key, "hbar") == 0) {
    if (entry)
      kd_faults_add(resolver->report, entry->place, at.path,
                    "hbar is a constant of nature here (expected only with \"units: natural\")");
    return KD_OK;
  }
  if (entry) {
    at.node = entry->value;
    value->given = !at.node->is_default;
    value->place = at.node->place;
    return read_value(resolver, row, at, value);
  }

  const char *fallback = natural && row->natural_fallback ? row->natural_fallback : row->fallback;
  if (!fallback) {
    kd_faults_add(resolver->report, section->place, at.path,
                  "the required key is missing (expected %s)", expected_value(resolver, row));
    return KD_OK;
  }
  if (strcmp(fallback, KD_UNSET) == 0) return KD_OK;
  const kd_origin origin = {
      .place = section->place, .fixed = true, .is_default = true, .path = at.path};
  kd_node *node;
  const kd_status status =
      kd_node_parse(resolver->arena, fallback, strlen(fallback), &origin, resolver->report, &node);
  if (status != KD_OK) return status == KD_ERROR_SCENARIO ? KD_OK : status;
  at.node = node;
  return read_value(resolver, row, at, value);
}

/// The unit system steers how everything else is read. `good` tells whether it is known.
static kd_status resolve_unit_system(struct resolver *resolver, const kd_node *root, bool *good) {
  const kd_param *row = kd_schema;
  while (row->key && strcmp(row->key, "units") != 0) row++;
  const kd_entry *entry = kd_node_find(root, "units");
  *good = true;
  if (!row->key || !entry) {
    resolver->scenario->natural =
        row->key && row->fallback && strcmp(row->fallback, "natural") == 0;
    return KD_OK;
  }
  const char *name = "";
  KD_TRY(read_choice(resolver, row, (struct spot){entry->value, "units"}, &name, good));
  resolver->scenario->natural = strcmp(name, "natural") == 0;
  return KD_OK;
}

kd_status kd_resolve(kd_scenario *scenario, const kd_node *node, kd_faults *report) {
  struct resolver resolver = {scenario, scenario->arena, report};
  const struct spot root = {node, ""};
  if (node->kind != KD_NODE_MAPPING) {
    COMPLAIN(&resolver, root, "got %s (expected a mapping, KEY: VALUE)", kd_node_quote(node).text);
    return KD_OK;
  }
  KD_TRY(kd_units_load());
  bool good;
  KD_TRY(resolve_unit_system(&resolver, node, &good));
  if (!good) return KD_OK;
  KD_TRY(resolve_section(&resolver, kd_schema, NULL, root, &scenario->root));
  if (!scenario->natural) {
    scenario->constants = kd_constants_si();
    return KD_OK;
  }
  double hbar = 1;
  for (size_t i = 0; i < scenario->root->n_value; i++) {
    const kd_value *value = &scenario->root->values[i];
    if (value->has && strcmp(value->row->key, "hbar") == 0) hbar = value->real;
  }
  scenario->constants = kd_constants_natural(hbar);
  return KD_OK;
}
