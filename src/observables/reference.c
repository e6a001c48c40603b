/// The tables of the datasets as Markdown.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "observables/trace.h"

/// Text in a cell of a table, where Markdown means nothing. Notes are Markdown already.
static void write_plain(FILE *out, const char *text) {
  for (; *text; text++) {
    if (strchr("|_*\\<>[]`", *text)) fputc('\\', out);
    fputc(*text, out);
  }
}

static void write_shape(FILE *out, const char *axes, bool is_series) {
  const char *separator = "";
  fputs("\\[", out);
  if (is_series) {
    fputs("t", out);
    separator = ", ";
  }
  for (const char *axis = axes ? axes : ""; *axis;) {
    const int length = (int)strcspn(axis, " ");
    char name[64];
    snprintf(name, sizeof name, "%.*s%s", length, axis, length == 1 ? "…" : "");
    fputs(separator, out);
    write_plain(out, name);
    separator = ", ";
    axis += length + (int)strspn(axis + length, " ");
  }
  fputs("\\]", out);
}

static void write_unit(FILE *out, const kd_dataset *row) {
  if (row->rule == KD_ONE_UNIT) {
    write_plain(out, row->unit);
    return;
  }
  for (int i = 0; i < 3; i++) {
    if (i > 0) fputs(", ", out);
    write_plain(out, row->units[i]);
  }
  fprintf(out, " (%s of 1, 2, 3 dimensions)", row->rule == KD_BY_DIMENSION_OF_K ? "k" : "R");
}

static void write_row(FILE *out, const kd_dataset *row, bool is_series) {
  const char *separator = "";
  fprintf(out, "| `%s` | ", row->name);
  write_shape(out, row->axes, is_series);
  fputs(" | ", out);
  write_unit(out, row);
  fputs(" | ", out);
  if (row->when) fprintf(out, "%s: ", row->when);
  write_plain(out, row->long_name);
  if (row->is_complex || row->note) fputs("; ", out);
  if (row->is_complex) {
    fputs("complex", out);
    separator = "; ";
  }
  if (row->note) fprintf(out, "%s%s", separator, row->note);
  if (row->reference) {
    fputs(" *Reference:* ", out);
    write_plain(out, row->reference);
  }
  fputs(" |\n", out);
}

static void write_axes(FILE *out) {
  fputs(
      "<!-- axes -->\n\n| axis | unit | |\n|---|---|---|\n| `time` | fs | time; of \\[t\\], which "
      "grows |\n",
      out);
  for (const kd_axis_row *row = kd_axis_rows; row->name; row++) {
    fputs("| ", out);
    for (int i = 0; i < 3 && row->names[i]; i++)
      fprintf(out, "%s`%s`", i ? ", " : "", row->names[i]);
    if (!row->names[0]) fprintf(out, "`%s`", row->name);
    fprintf(out, " | %s | ", row->unit);
    write_plain(out, row->long_name);
    if (row->note) fprintf(out, "; %s", row->note);
    if (row->names[0]) fprintf(out, "; of \\[%s…\\]", row->name);
    fputs(" |\n", out);
  }
  fputc('\n', out);
}

kd_status kd_describe_result(char **text) {
  size_t size;
  *text = NULL;
  FILE *out = open_memstream(text, &size);
  if (!out) return kd_error(KD_ERROR_MEMORY, "cannot write the description: out of memory");
  for (const kd_dataset_group *group = kd_dataset_groups; group->path; group++) {
    fprintf(out, "<!-- %s -->\n\n| dataset | shape | unit | |\n|---|---|---|---|\n", group->path);
    if (group->is_series)
      write_row(out, &(kd_dataset){.name = "time", .unit = "fs", .long_name = "time"}, true);
    for (const kd_trace *trace = kd_traces; strcmp(group->path, "/traces") == 0 && trace->name;
         trace++) {
      const kd_dataset row = kd_trace_dataset(trace);
      write_row(out, &row, true);
    }
    for (size_t i = 0; group->tables[i]; i++)
      for (const kd_dataset *row = group->tables[i]; row->name; row++)
        write_row(out, row, group->is_series);
    fputc('\n', out);
  }
  write_axes(out);
  if (fclose(out) == 0) return KD_OK;
  free(*text);
  *text = NULL;
  return kd_error(KD_ERROR_MEMORY, "cannot write the description: out of memory");
}
