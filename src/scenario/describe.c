#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "scenario/locale.h"
#include "scenario/resolved.h"
#include "scenario/units.h"

enum { DEFAULT_WIDTH = 88, LEAST_WIDTH = 40, MOST_WIDTH = 110, STEP = 2 };

/// Where text goes, and how wide it may be.
typedef struct page {
  FILE *out;
  int width;
} page;

static bool has_rows(const kd_param *rows) {
  return rows && rows[0].key;
}

static bool is_list(const kd_param *row) {
  return row->type == KD_SECTIONS || row->type == KD_VARIANTS;
}

/// True if an index may follow the key.
static bool has_items(const kd_param *row) {
  return is_list(row) || row->type == KD_REALS || row->type == KD_INTEGERS ||
         row->type == KD_MATRIX;
}

static const char *get_unit(const kd_param *row) {
  return row->unit && strcmp(row->unit, "1") != 0 ? row->unit : "";
}

static const char *type_name(const kd_param *row) {
  const bool quantity = get_unit(row)[0] != '\0';
  switch (row->type) {
  case KD_REAL:
    return quantity ? "quantity" : "number";
  case KD_INTEGER:
    return "integer";
  case KD_FLAG:
    return "true or false";
  case KD_TEXT:
    return "text";
  case KD_CHOICE:
    return "choice";
  case KD_EXPRESSION:
    return "formula";
  case KD_PATH:
    return "input file";
  case KD_REALS:
    return quantity ? "list of quantities" : "list of numbers";
  case KD_INTEGERS:
    return "list of integers";
  case KD_MATRIX:
    return quantity ? "matrix of quantities" : "matrix of numbers";
  case KD_SECTION:
    return "mapping";
  case KD_SECTIONS:
    return "list of mappings";
  case KD_VARIANT:
    return "mapping, chosen by kind";
  case KD_VARIANTS:
    return "list of mappings, each chosen by kind";
  }
  return "value";
}

static void write_variables(FILE *out, const kd_param *row) {
  if (row->type != KD_EXPRESSION || !row->variables || !row->variables[0]) return;
  fputs(" in ", out);
  for (const char *c = row->variables; *c; c++) fputs(*c == ' ' ? ", " : (char[]){*c, '\0'}, out);
}

/// Writes words until the line is full, then goes on in the next one at `hanging`. `column` is
/// where the text starts.
static void wrap(const page *p, int column, int hanging, const char *text) {
  bool first = true;
  for (;;) {
    text += strspn(text, " \n\t");
    const size_t length = strcspn(text, " \n\t");
    if (length == 0) break;
    int width = 0;
    for (size_t i = 0; i < length; i++) width += ((unsigned char)text[i] & 0xC0) != 0x80;
    if (!first && column + 1 + width > p->width) {
      fprintf(p->out, "\n%*s", hanging, "");
      column = hanging;
    } else if (!first) {
      fputc(' ', p->out);
      column++;
    }
    fprintf(p->out, "%.*s", (int)length, text);
    column += width;
    text += length;
    first = false;
  }
  fputc('\n', p->out);
}

static void write_paragraph(const page *p, int indent, const char *text) {
  if (!text || !text[0]) return;
  fprintf(p->out, "%*s", indent, "");
  wrap(p, indent, indent, text);
}

static void write_meaning(const page *p, int indent, const char *meaning, const char *reference) {
  write_paragraph(p, indent, meaning);
  if (!reference || !reference[0]) return;
  fprintf(p->out, "%*sReference: ", indent, "");
  wrap(p, indent + 11, indent + 11, reference);
}

/// Writes `type, unit, default, range` into a string for free(); NULL when memory is short.
static char *summarize(const kd_param *row) {
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  if (!out) return NULL;
  fputs(type_name(row), out);
  if (row->type == KD_EXPRESSION && row->variables && row->variables[0]) {
    fputs(" in ", out);
    for (const char *c = row->variables; *c; c++) fputs(*c == ' ' ? ", " : (char[]){*c, '\0'}, out);
  }
  if (get_unit(row)[0])
    fprintf(out, row->type == KD_EXPRESSION ? ", value in %s" : " in %s", get_unit(row));
  if (!row->fallback)
    fputs("; required", out);
  else if (!row->fallback[0])
    fputs("; optional", out);
  else
    fprintf(out, "; default %s", row->fallback);
  if (row->natural_fallback && row->natural_fallback[0])
    fprintf(out, " (natural units: %s)", row->natural_fallback);
  const kd_quoted range = kd_row_range(row, false);
  if (range.text[0]) fprintf(out, "; %s", range.text);
  if (row->wall_clock) fputs("; seconds under every unit system", out);
  if (fclose(out) != 0) {
    free(text);
    return NULL;
  }
  return text;
}

static void write_rows(const page *p, int indent, const kd_param *rows);

static void write_variant(const page *p, int indent, const kd_variant *variant) {
  write_meaning(p, indent, variant->meaning, variant->reference);
  write_rows(p, indent, variant->rows);
}

/// Writes the names of all kinds, where their list is too long to be seen at once.
static void write_kinds(const page *p, int indent, const kd_param *row) {
  enum { FEW = 3 };
  char text[1024] = "";
  size_t n = 0, length = 0;
  for (; row->variants && row->variants[n] && length < sizeof text; n++)
    length += (size_t)snprintf(text + length, sizeof text - length, "%s%s", n ? ", " : "",
                               row->variants[n]->kind);
  if (n <= FEW) return;
  const int column = fprintf(p->out, "%*sKinds: ", indent, "");
  wrap(p, column, indent + 2 * STEP, text);
}

/// Writes one key called `name` and all below it.
static void write_row(const page *p, int indent, const char *name, const kd_param *row) {
  char *summary = summarize(row);
  const int start = fprintf(p->out, "%*s%s: ", indent, "", name);
  wrap(p, start, indent + 2 * STEP, summary ? summary : "");
  free(summary);
  indent += STEP;
  write_meaning(p, indent, row->meaning, row->reference);
  for (const kd_choice *choice = row->choices; choice && choice->name; choice++) {
    const int column = fprintf(p->out, "%*s- %s", indent, "", choice->name);
    if (choice->meaning && choice->meaning[0]) {
      fputs(": ", p->out);
      wrap(p, column + 2, indent + 2 * STEP, choice->meaning);
    } else {
      fputc('\n', p->out);
    }
    write_meaning(p, indent + STEP, NULL, choice->reference);
  }
  write_kinds(p, indent, row);
  if (row->variants && has_rows(row->rows)) write_paragraph(p, indent, "For every kind:");
  write_rows(p, row->variants ? indent + STEP : indent, row->rows);
  for (size_t i = 0; row->variants && row->variants[i]; i++) {
    fprintf(p->out, "\n%*skind: %s\n", indent, "", row->variants[i]->kind);
    write_variant(p, indent + STEP, row->variants[i]);
  }
}

static void write_rows(const page *p, int indent, const kd_param *rows) {
  for (; rows && rows->key; rows++) {
    write_row(p, indent, rows->key, rows);
    if (indent == 0 && rows[1].key) fputc('\n', p->out);
  }
}

/// Where a path leads: a row, or one variant of it.
struct target {
  const kd_param *row;
  const kd_variant *variant;
};

static const kd_param *find_row(const kd_param *rows, const char *key) {
  for (; rows && rows->key; rows++)
    if (strcmp(rows->key, key) == 0) return rows;
  return NULL;
}

static const kd_variant *find_variant(const kd_param *row, const char *kind) {
  for (size_t i = 0; row && row->variants && row->variants[i]; i++)
    if (strcmp(row->variants[i]->kind, kind) == 0) return row->variants[i];
  return NULL;
}

static bool is_index(const char *word) {
  return word[0] && strspn(word, "0123456789") == strlen(word);
}

static size_t count_rows(const kd_param *rows) {
  size_t n = 0;
  while (rows && rows[n].key) n++;
  return n;
}

static size_t append_keys(const char **names, size_t n, const kd_param *rows) {
  for (; rows && rows->key; rows++) names[n++] = rows->key;
  return n;
}

enum { MAX_FOUND = 6, MAX_PATH = 100 };

/// Paths of the keys of one name, anywhere in the tables.
typedef struct search {
  const char *name;
  size_t count;
  char path[MAX_FOUND][MAX_PATH];
} search;

static void search_rows(const kd_param *rows, const char *prefix, search *s) {
  for (; rows && rows->key; rows++) {
    char path[MAX_PATH];
    if (snprintf(path, sizeof path, "%s%s", prefix, rows->key) >= (int)sizeof path - 1) continue;
    if (strcmp(rows->key, s->name) == 0 && s->count++ < MAX_FOUND)
      strcpy(s->path[s->count - 1], path);
    char inner[MAX_PATH];
    for (size_t i = 0; rows->variants && rows->variants[i]; i++)
      if (snprintf(inner, sizeof inner, "%s.%s.", path, rows->variants[i]->kind) <
          (int)sizeof inner)
        search_rows(rows->variants[i]->rows, inner, s);
    strcat(path, ".");
    search_rows(rows->rows, path, s);
  }
}

/// Reports where a name that is no key at the top is one; KD_OK if it is none.
static kd_status point_to_key(const char *word) {
  search found = {.name = word};
  char text[(MAX_PATH + 2) * MAX_FOUND] = "";
  search_rows(kd_schema, "", &found);
  for (size_t i = 0; i < found.count && i < MAX_FOUND; i++)
    sprintf(text + strlen(text), "%s%s", i ? ", " : "", found.path[i]);
  if (found.count == 0) return KD_OK;
  return kd_error(KD_ERROR_SCENARIO, "%s: no key at the top (expected %s%s)", word, text,
                  found.count > MAX_FOUND ? ", ..." : "");
}

/// Reports that `word` leads nowhere after `target` (no row: the root).
static kd_status complain_of_path(kd_arena *arena, const char *path, const char *word,
                                  struct target target) {
  size_t n_kind = 0, n = 0;
  const kd_param *row = target.row;
  const bool at_row = row && !target.variant;
  while (at_row && row->variants && row->variants[n_kind]) n_kind++;
  const kd_param *rows = row ? row->rows : kd_schema;
  const kd_param *own = target.variant ? target.variant->rows : NULL;
  if (!row) KD_TRY(point_to_key(word));
  const char **names =
      kd_arena_allocate(arena, n_kind + count_rows(rows) + count_rows(own) + 1, sizeof *names);
  if (!names) return KD_ERROR_MEMORY;
  for (size_t i = 0; i < n_kind; i++) names[n++] = row->variants[i]->kind;
  n = append_keys(names, n, own);
  append_keys(names, n, rows);
  for (size_t i = 0; i < n_kind; i++)
    if (find_row(row->variants[i]->rows, word))
      return kd_error(KD_ERROR_SCENARIO, "%s: unknown key (%s belongs to the kind %s of %s)", path,
                      word, row->variants[i]->kind, row->key);
  const char *hint = kd_suggestion(arena, word, names, n_kind ? "known kinds" : "known keys");
  if (!hint) return KD_ERROR_MEMORY;
  return kd_error(KD_ERROR_SCENARIO, "%s: unknown %s %s (%s)", path, n_kind ? "kind" : "key",
                  kd_quote(word).text, hint);
}

/// Follows a path like "field.pulse.amplitude" through the tables; indices as in "field.0" may
/// stand in it, and "kind" for all kinds.
static kd_status find_target(kd_arena *arena, const char *path, struct target *target) {
  char *words = kd_arena_copy(arena, path, strlen(path));
  if (!words) return KD_ERROR_MEMORY;
  *target = (struct target){0};
  for (char *word = words, *dot; word; word = dot) {
    dot = strchr(word, '.');
    if (dot) *dot++ = '\0';
    const kd_param *row = target->row;
    if (row && !target->variant && has_items(row) && is_index(word)) continue;
    if (row && !target->variant && row->variants && !dot && strcmp(word, "kind") == 0) continue;
    const kd_variant *variant = target->variant ? NULL : find_variant(row, word);
    if (variant) {
      target->variant = variant;
      continue;
    }
    const kd_param *next = target->variant ? find_row(target->variant->rows, word) : NULL;
    if (!next) next = find_row(row ? row->rows : kd_schema, word);
    if (!next) return complain_of_path(arena, path, word, *target);
    *target = (struct target){.row = next};
  }
  return KD_OK;
}

/// Writes what a path like "field.0.amplitude" may mean, where an index stands in place of the
/// kind: the key of every kind that has it.
/// @param before     the path so far, with kinds in place of indices
/// @param rest       the words that follow
/// @param has_index  there was an index, so that kinds may be left out
/// @return the number of keys that were written
static size_t write_any_kind(const page *p, const char *before, struct target target,
                             const char *rest, bool has_index) {
  char word[MAX_PATH], path[MAX_PATH];
  const kd_param *row = target.row;
  const size_t length = strcspn(rest, ".");
  const char *after = rest[length] ? rest + length + 1 : NULL;
  snprintf(word, sizeof word, "%.*s", (int)length, rest);
  if (row && !target.variant && has_items(row) && is_index(word))
    return after ? write_any_kind(p, before, target, after, true) : 0;
  if (snprintf(path, sizeof path, "%s%s%s", before, *before ? "." : "", word) >= (int)sizeof path)
    return 0;
  const kd_variant *variant = target.variant ? NULL : find_variant(row, word);
  if (variant)
    return after ? write_any_kind(p, path, (struct target){row, variant}, after, has_index) : 0;
  const kd_param *next = target.variant ? find_row(target.variant->rows, word) : NULL;
  if (!next) next = find_row(row ? row->rows : kd_schema, word);
  if (next && after) return write_any_kind(p, path, (struct target){.row = next}, after, has_index);
  if (next) {
    write_row(p, 0, path, next);
    return 1;
  }
  size_t n = 0;
  for (size_t i = 0; has_index && row && !target.variant && row->variants && row->variants[i];
       i++) {
    if (!find_row(row->variants[i]->rows, word)) continue;
    if (snprintf(path, sizeof path, "%s.%s", before, row->variants[i]->kind) >= (int)sizeof path)
      continue;
    n += write_any_kind(p, path, (struct target){row, row->variants[i]}, rest, has_index);
  }
  return n;
}

static kd_status close_text(FILE *out, char **text) {
  const bool failed = ferror(out) != 0;
  if (fclose(out) == 0 && !failed) return KD_OK;
  free(*text);
  *text = NULL;
  return kd_error(KD_ERROR_MEMORY, "cannot write the description: out of memory");
}

kd_status kd_describe(const char *path, size_t width, char **text) {
  kd_status status = KD_OK;
  kd_locale locale = {0};
  kd_arena *arena = NULL;
  struct target target = {0};
  size_t size;
  *text = NULL;
  KD_CHECK(kd_locale_enter(&locale));
  KD_CHECK(kd_units_load());
  KD_CHECK(kd_arena_create(&arena));
  const kd_status found = path && path[0] ? find_target(arena, path, &target) : KD_OK;
  FILE *out = open_memstream(text, &size);
  if (!out) {
    status = kd_error(KD_ERROR_MEMORY, "cannot write the description: out of memory");
    goto cleanup;
  }
  const page sheet = {.out = out,
                      .width = width == 0            ? DEFAULT_WIDTH
                               : width < LEAST_WIDTH ? LEAST_WIDTH
                               : width > MOST_WIDTH  ? MOST_WIDTH
                                                     : (int)width};
  if (found != KD_OK) {
    status = write_any_kind(&sheet, "", (struct target){0}, path, false) > 0 ? KD_OK : found;
  } else if (!target.row) {
    write_rows(&sheet, 0, kd_schema);
  } else if (!target.variant) {
    write_row(&sheet, 0, path, target.row);
  } else {
    fprintf(out, "%s: a kind of %s\n", path, target.row->key);
    write_variant(&sheet, STEP, target.variant);
    if (has_rows(target.row->rows)) {
      write_paragraph(&sheet, STEP, "For every kind:");
      write_rows(&sheet, 2 * STEP, target.row->rows);
    }
  }
  const kd_status closed = close_text(out, text);
  if (status == KD_OK) status = closed;
  if (status != KD_OK) {
    free(*text);
    *text = NULL;
  }

cleanup:
  kd_arena_free(arena);
  kd_locale_leave(&locale);
  return status;
}

/// Offers one name after what stands before the last dot of the path.
static void offer(FILE *out, const char *path, size_t n_before, const char *name,
                  const char *ending) {
  const char *word = path + n_before;
  if (strncmp(name, word, strlen(word)) == 0)
    fprintf(out, "%.*s%s%s\n", (int)n_before, path, name, ending);
}

static void offer_rows(FILE *out, const char *path, size_t n_before, const kd_param *rows,
                       const char *ending) {
  for (; rows && rows->key; rows++)
    offer(out, path, n_before, rows->key, has_rows(rows->rows) || rows->variants ? "." : ending);
}

kd_status kd_describe_keys(const char *path, const char *ending, char **text) {
  kd_status status = KD_OK;
  kd_arena *arena = NULL;
  struct target target = {0};
  FILE *out = NULL;
  size_t size;
  const char *dot = strrchr(path, '.');
  const size_t n_before = dot ? (size_t)(dot - path) + 1 : 0;
  const bool is_setting = ending[0] != '\0';
  *text = NULL;
  KD_CHECK(kd_arena_create(&arena));
  out = open_memstream(text, &size);
  if (!out) {
    status = kd_error(KD_ERROR_MEMORY, "cannot list the keys: out of memory");
    goto cleanup;
  }
  if (dot) {
    const char *before = kd_arena_copy(arena, path, n_before - 1);
    // A path that leads nowhere has no continuation.
    if (!before || find_target(arena, before, &target) != KD_OK) {
      status = close_text(out, text);
      goto cleanup;
    }
  }
  const kd_param *row = target.row;
  if (!row) {
    if (!dot) offer_rows(out, path, 0, kd_schema, ending);
  } else if (target.variant) {
    offer_rows(out, path, n_before, target.variant->rows, ending);
  } else {
    const size_t n = n_before - 1;
    const bool in_list = is_list(row) && !(n > 0 && path[n - 1] >= '0' && path[n - 1] <= '9');
    if (is_setting && in_list) {
      offer(out, path, n_before, "0", ".");
    } else {
      offer_rows(out, path, n_before, row->rows, ending);
      if (is_setting && row->variants) offer(out, path, n_before, "kind", ending);
      for (size_t i = 0; row->variants && row->variants[i]; i++)
        if (is_setting)
          offer_rows(out, path, n_before, row->variants[i]->rows, ending);
        else
          offer(out, path, n_before, row->variants[i]->kind, "");
    }
  }
  status = close_text(out, text);

cleanup:
  kd_arena_free(arena);
  return status;
}

/// Writes text into a cell of a table or a paragraph: one line, without what Markdown would read.
static void write_escaped(FILE *out, const char *text) {
  for (; *text; text++) {
    if (strchr("|*<>_", *text)) fputc('\\', out);
    fputc(*text == '\n' ? ' ' : *text, out);
  }
}

static void write_code(FILE *out, const char *text) {
  if (!text || !text[0]) return;
  fputc('`', out);
  for (; *text; text++) fputs(*text == '|' ? "\\|" : (char[]){*text, '\0'}, out);
  fputc('`', out);
}

/// Writes a meaning and where it is from, on the same line.
static void write_prose(FILE *out, const char *meaning, const char *reference) {
  if (meaning) write_escaped(out, meaning);
  if (!reference || !reference[0]) return;
  fputs(meaning && meaning[0] ? " *Reference:* " : "*Reference:* ", out);
  write_escaped(out, reference);
}

/// One line of a table for each key; keys of deeper mappings follow in sections of their own.
static void write_table(FILE *out, const kd_param *rows) {
  if (!has_rows(rows)) return;
  fputs("| Key | Type | Unit | Default | Range | Meaning |\n|---|---|---|---|---|---|\n", out);
  for (; rows->key; rows++) {
    fputs("| ", out);
    write_code(out, rows->key);
    fprintf(out, " | %s", type_name(rows));
    write_variables(out, rows);
    fputs(" | ", out);
    write_code(out, get_unit(rows));
    fputs(" | ", out);
    if (!rows->fallback)
      fputs("required", out);
    else if (!rows->fallback[0])
      fputs("optional", out);
    else
      write_code(out, rows->fallback);
    if (rows->natural_fallback && rows->natural_fallback[0]) {
      fputs("; natural units: ", out);
      write_code(out, rows->natural_fallback);
    }
    fputs(" | ", out);
    write_escaped(out, kd_row_range(rows, false).text);
    fputs(" | ", out);
    write_prose(out, rows->meaning, rows->reference);
    for (const kd_choice *choice = rows->choices; choice && choice->name; choice++) {
      fputs("<br>", out);
      write_code(out, choice->name);
      if (choice->meaning && choice->meaning[0]) fputs(": ", out);
      write_prose(out, choice->meaning, choice->reference);
    }
    fputs(" |\n", out);
  }
  fputc('\n', out);
}

static void write_own_paragraph(FILE *out, const char *meaning, const char *reference) {
  const bool has_meaning = meaning && meaning[0], has_reference = reference && reference[0];
  if (!has_meaning && !has_reference) return;
  write_prose(out, meaning, reference);
  fputs("\n\n", out);
}

static void write_heading(FILE *out, int level, const char *path, const char *note) {
  fprintf(out, "%.*s `%s`%s\n\n", level < 6 ? level : 6, "######", path, note);
}

/// Writes a section for each mapping among `rows`, with a subsection for each of its kinds.
static kd_status write_sections(FILE *out, kd_arena *arena, int level, const char *path,
                                const kd_param *rows) {
  for (; rows && rows->key; rows++) {
    if (!has_rows(rows->rows) && !rows->variants) continue;
    const char *here = kd_arena_format(arena, "%s%s%s", path, path[0] ? "." : "", rows->key);
    if (!here) return KD_ERROR_MEMORY;
    write_heading(out, level, here, is_list(rows) ? " (list)" : "");
    write_own_paragraph(out, rows->meaning, rows->reference);
    if (rows->variants && has_rows(rows->rows)) fputs("For every kind:\n\n", out);
    write_table(out, rows->rows);
    KD_TRY(write_sections(out, arena, level + 1, here, rows->rows));
    for (size_t i = 0; rows->variants && rows->variants[i]; i++) {
      const kd_variant *variant = rows->variants[i];
      const char *name = kd_arena_format(arena, "%s.%s", here, variant->kind);
      if (!name) return KD_ERROR_MEMORY;
      write_heading(out, level + 1, name, "");
      write_own_paragraph(out, variant->meaning, variant->reference);
      write_table(out, variant->rows);
      KD_TRY(write_sections(out, arena, level + 2, name, variant->rows));
    }
  }
  return KD_OK;
}

kd_status kd_describe_markdown(char **text) {
  kd_status status = KD_OK;
  kd_locale locale = {0};
  kd_arena *arena = NULL;
  size_t size;
  *text = NULL;
  KD_CHECK(kd_locale_enter(&locale));
  KD_CHECK(kd_units_load());
  KD_CHECK(kd_arena_create(&arena));
  FILE *out = open_memstream(text, &size);
  if (!out) {
    status = kd_error(KD_ERROR_MEMORY, "cannot write the description: out of memory");
    goto cleanup;
  }
  fputs("# Scenario reference\n\n"
        "Every key of a scenario file. Quantities are texts with a unit, such as `0.3 eV`, in any "
        "unit of the dimension shown; with `units: natural` they are bare numbers.\n\n",
        out);
  write_table(out, kd_schema);
  status = write_sections(out, arena, 2, "", kd_schema);
  const kd_status closed = close_text(out, text);
  if (status == KD_OK) status = closed;
  if (status != KD_OK) {
    free(*text);
    *text = NULL;
  }

cleanup:
  kd_arena_free(arena);
  kd_locale_leave(&locale);
  return status;
}
