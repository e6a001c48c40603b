#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/error.h"
#include "scenario/number.h"
#include "scenario/resolved.h"

enum { MAX_COLUMN = 96 };

static void indent(FILE *out, int depth) {
  fprintf(out, "%*s", 2 * depth, "");
}

/// True if the text means itself as a plain scalar, for every reader of YAML.
static bool is_plain(const char *text) {
  static const char *const reserved[] = {"true", "false", "yes", "no", "on",
                                         "off",  "null",  "y",   "n",  NULL};
  const size_t length = strlen(text);
  if (length == 0 || !(isalpha((unsigned char)text[0]) || text[0] == '/')) return false;
  for (size_t i = 0; i < length; i++)
    if (!isalnum((unsigned char)text[i]) && !strchr("_-+*/.^() ", text[i])) return false;
  for (const char *const *word = reserved; *word; word++)
    if (strcasecmp(text, *word) == 0) return false;
  return text[length - 1] != ' ';
}

/// Code point of the UTF-8 sequence at `text`, and its length in bytes. libyaml has checked the
/// encoding when it read the text.
static unsigned decode(const char *text, size_t *length) {
  const unsigned char *c = (const unsigned char *)text;
  *length = c[0] < 0x80 ? 1 : c[0] < 0xE0 ? 2 : c[0] < 0xF0 ? 3 : 4;
  static const unsigned char lead_mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  unsigned code = c[0] & lead_mask[*length];
  for (size_t i = 1; i < *length; i++) code = code << 6 | (c[i] & 0x3F);
  return code;
}

/// Writes a scalar, in double quotes if it needs them.
static void emit_text(FILE *out, const char *text) {
  if (is_plain(text)) {
    fputs(text, out);
    return;
  }
  fputc('"', out);
  for (size_t length; *text; text += length) {
    const unsigned code = decode(text, &length);
    // C1 controls and the Unicode line ends would be folded or refused; surrogates cannot occur.
    const bool raw = code >= 0x20 && !(code >= 0x7F && code < 0xA0) && code != 0x2028 &&
                     code != 0x2029 && code != 0xFEFF && code < 0xFFFE;
    if (code == '"' || code == '\\')
      fprintf(out, "\\%c", (int)code);
    else if (raw)
      fprintf(out, "%.*s", (int)length, text);
    else
      fprintf(out, code > 0xFFFF ? "\\U%08X" : "\\u%04X", code);
  }
  fputc('"', out);
}

/// Writes "[a, b]", broken into lines that end before MAX_COLUMN.
static void emit_list(FILE *out, const kd_value *value, size_t offset, size_t count,
                      const char *unit, int depth) {
  const char *blank = unit[0] ? " " : "";
  int column = 2 * depth + (int)strlen(value->row->key) + 3;
  fputc('[', out);
  for (size_t i = 0; i < count; i++) {
    char item[128];
    if (value->integers)
      snprintf(item, sizeof item, "%ld", value->integers[offset + i]);
    else
      snprintf(item, sizeof item, "%s%s%s", kd_number_format(value->reals[offset + i]).text, blank,
               unit);
    const int width = (int)strlen(item) + 2;
    if (i > 0) fputc(',', out);
    if (i > 0 && column + width > MAX_COLUMN) {
      fputc('\n', out);
      indent(out, depth + 1);
      column = 2 * depth + 2;
    } else if (i > 0) {
      fputc(' ', out);
    }
    fputs(item, out);
    column += width;
  }
  fputc(']', out);
}

static void emit_matrix(FILE *out, const kd_value *value, int depth) {
  if (value->count == 0) {
    fputs(" []\n", out);
    return;
  }
  fputc('\n', out);
  for (size_t i = 0; i < value->count; i++) {
    indent(out, depth + 1);
    fputs("- ", out);
    emit_list(out, value, i * value->n_column, value->n_column, "", depth + 2);
    fputc('\n', out);
  }
}

static void emit_section(FILE *out, const kd_section *section, int depth, bool in_list);

static void emit_sections(FILE *out, const kd_value *value, int depth) {
  if (value->count == 0) {
    fputs(" []\n", out);
    return;
  }
  fputc('\n', out);
  for (size_t i = 0; i < value->count; i++) {
    indent(out, depth + 1);
    fputs("- ", out);
    emit_section(out, value->items[i], depth + 2, true);
  }
}

static bool is_empty(const kd_section *section) {
  if (section->variant) return false;
  for (size_t i = 0; i < section->n_value; i++)
    if (section->values[i].has) return false;
  return true;
}

/// Writes what follows "KEY:", line end included.
static void emit_value(FILE *out, const kd_value *value, bool natural, int depth) {
  const char *unit = kd_row_has_unit(value->row, natural) ? value->row->unit : "";
  if (unit[0] && value->unit) unit = value->unit;
  switch (value->row->type) {
  case KD_SECTION:
  case KD_VARIANT:
    if (is_empty(value->items[0])) {
      fputs(" {}\n", out);
      return;
    }
    fputc('\n', out);
    emit_section(out, value->items[0], depth + 1, false);
    return;
  case KD_SECTIONS:
  case KD_VARIANTS:
    emit_sections(out, value, depth);
    return;
  case KD_MATRIX:
    emit_matrix(out, value, depth);
    return;
  default:
    break;
  }
  fputc(' ', out);
  switch (value->row->type) {
  case KD_REAL:
    fprintf(out, "%s%s%s", kd_number_format(value->real).text, unit[0] ? " " : "", unit);
    break;
  case KD_INTEGER:
    fprintf(out, "%ld", value->integer);
    break;
  case KD_FLAG:
    fputs(value->flag ? "true" : "false", out);
    break;
  case KD_REALS:
  case KD_INTEGERS:
    emit_list(out, value, 0, value->count, unit, depth);
    break;
  default:
    emit_text(out, value->text);
    break;
  }
  fputc('\n', out);
}

/// Writes the keys of a section. The first line of an item of a list already has its indentation.
static void emit_section(FILE *out, const kd_section *section, int depth, bool in_list) {
  bool first = in_list;
  if (section->variant) {
    if (!first) indent(out, depth);
    fprintf(out, "kind: %s\n", section->variant->kind);
    first = false;
  }
  if (in_list && is_empty(section)) {
    fputs("{}\n", out);
    return;
  }
  for (size_t i = 0; i < section->n_value; i++) {
    const kd_value *value = &section->values[i];
    if (!value->has) continue;
    if (!first) indent(out, depth);
    first = false;
    fprintf(out, "%s:", value->row->key);
    emit_value(out, value, section->scenario->natural, depth);
  }
}

kd_status kd_emit(kd_scenario *scenario) {
  size_t length;
  FILE *out = open_memstream(&scenario->text, &length);
  if (!out) return kd_error(KD_ERROR_MEMORY, "cannot write the scenario text: out of memory");
  emit_section(out, scenario->root, 0, false);
  const bool failed = ferror(out) != 0;
  if (fclose(out) != 0 || failed)
    return kd_error(KD_ERROR_MEMORY, "cannot write the scenario text: out of memory");
  return KD_OK;
}
