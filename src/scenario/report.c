#include "scenario/report.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"

struct kd_complaint {
  struct kd_complaint *next;
  kd_place place;
  size_t number;
  const char *line;
};

char *kd_faults_line(kd_arena *arena, kd_place place, const char *path, const char *format,
                     va_list arguments) {
  char message[1024];
  vsnprintf(message, sizeof message, format, arguments);
  const char *colon = path[0] ? ": " : "";
  char *line;
  if (place.line == 0)
    line = kd_arena_format(arena, "%s: error: %s%s%s", place.source, path, colon, message);
  else
    line = kd_arena_format(arena, "%s:%zu:%zu: error: %s%s%s", place.source, place.line,
                           place.column, path, colon, message);
  // Names and keys may hold anything, but an error is one line.
  for (char *c = line; c && *c; c++)
    if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = ' ';
  return line;
}

void kd_faults_add(kd_faults *report, kd_place place, const char *path, const char *format, ...) {
  struct kd_complaint *complaint = kd_arena_allocate(report->arena, 1, sizeof *complaint);
  if (!complaint) {
    report->out_of_memory = true;
    return;
  }
  va_list arguments;
  va_start(arguments, format);
  complaint->line = kd_faults_line(report->arena, place, path, format, arguments);
  va_end(arguments);
  if (!complaint->line) {
    report->out_of_memory = true;
    return;
  }
  complaint->place = place;
  complaint->number = report->count++;
  if (report->last)
    report->last->next = complaint;
  else
    report->first = complaint;
  report->last = complaint;
}

static int compare_places(const void *left, const void *right) {
  const struct kd_complaint *const *a = left, *const *b = right;
  // Subtracting one sends what has no line behind everything that has one.
  const size_t line_a = (*a)->place.line - 1, line_b = (*b)->place.line - 1;
  if (line_a != line_b) return line_a < line_b ? -1 : 1;
  if ((*a)->place.column != (*b)->place.column)
    return (*a)->place.column < (*b)->place.column ? -1 : 1;
  return (*a)->number < (*b)->number ? -1 : 1;
}

kd_status kd_faults_finish(const kd_faults *report) {
  if (report->out_of_memory) return KD_ERROR_MEMORY;
  if (report->count == 0) return KD_OK;
  const struct kd_complaint **sorted =
      kd_arena_allocate(report->arena, report->count, sizeof *sorted);
  if (!sorted) return KD_ERROR_MEMORY;
  size_t n = 0;
  for (const struct kd_complaint *c = report->first; c; c = c->next) sorted[n++] = c;
  qsort(sorted, n, sizeof *sorted, compare_places);
  kd_error_clear();
  for (size_t i = 0; i < n; i++) kd_error_append(KD_ERROR_SCENARIO, "%s", sorted[i]->line);
  return KD_ERROR_SCENARIO;
}

size_t kd_text_clip(const char *text, size_t max_bytes) {
  // Continuation bytes of UTF-8 are 10xxxxxx.
  while (max_bytes > 0 && ((unsigned char)text[max_bytes] & 0xC0) == 0x80) max_bytes--;
  return max_bytes;
}

kd_quoted kd_quote(const char *text) {
  enum { MAX_BYTES = 60 };
  const size_t length = strlen(text);
  const size_t shown = length > MAX_BYTES ? kd_text_clip(text, MAX_BYTES) : length;
  kd_quoted quoted = {"\""};
  size_t n = 1;
  for (size_t i = 0; i < shown; i++) {
    const unsigned char c = (unsigned char)text[i];
    quoted.text[n++] = (char)(c < 0x20 || c == 0x7f ? ' ' : c);
  }
  strcpy(quoted.text + n, shown < length ? "...\"" : "\"");
  return quoted;
}

enum { MAX_WORD = 40 };

/// Optimal string alignment distance without regard to case: insertions, deletions, replacements
/// and swaps of neighbors that turn `a` into `b`.
static size_t edit_distance(const char *a, const char *b) {
  const size_t n_a = strlen(a), n_b = strlen(b);
  if (n_a > MAX_WORD || n_b > MAX_WORD) return SIZE_MAX;
  size_t d[MAX_WORD + 1][MAX_WORD + 1];
  for (size_t i = 0; i <= n_a; i++) d[i][0] = i;
  for (size_t j = 0; j <= n_b; j++) d[0][j] = j;
  for (size_t i = 1; i <= n_a; i++) {
    for (size_t j = 1; j <= n_b; j++) {
      const int c_a = tolower((unsigned char)a[i - 1]), c_b = tolower((unsigned char)b[j - 1]);
      size_t best = d[i - 1][j - 1] + (c_a != c_b);
      if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
      if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
      if (i > 1 && j > 1 && c_a == tolower((unsigned char)b[j - 2]) &&
          c_b == tolower((unsigned char)a[i - 2]) && d[i - 2][j - 2] + 1 < best)
        best = d[i - 2][j - 2] + 1;
      d[i][j] = best;
    }
  }
  return d[n_a][n_b];
}

static bool is_prefix(const char *prefix, const char *word) {
  const size_t n = strlen(prefix);
  return n >= 3 && strncmp(prefix, word, n) == 0;
}

const char *kd_nearest(const char *word, const char *const *known) {
  const char *nearest = NULL;
  size_t least = SIZE_MAX;
  const size_t n_word = strlen(word);
  for (; *known; known++) {
    const size_t n_known = strlen(*known);
    const size_t longer = n_known > n_word ? n_known : n_word;
    const size_t tolerated = longer <= 1 ? 0 : longer <= 3 ? 1 : longer <= 6 ? 2 : longer / 3;
    size_t distance = edit_distance(word, *known);
    if (distance > tolerated && is_prefix(word, *known)) distance = tolerated;
    if (distance <= tolerated && distance < least) {
      least = distance;
      nearest = *known;
    }
  }
  return nearest;
}

const char *kd_suggestion(kd_arena *arena, const char *word, const char *const *known,
                          const char *what) {
  const char *nearest = kd_nearest(word, known);
  if (nearest) return kd_arena_format(arena, "did you mean %s?", nearest);
  if (!known[0]) return kd_arena_format(arena, "%s: none", what);
  size_t bytes = strlen(what) + 3;
  for (const char *const *name = known; *name; name++) bytes += strlen(*name) + 2;
  char *text = kd_arena_allocate(arena, bytes, 1);
  if (!text) return NULL;
  char *end = stpcpy(stpcpy(text, what), ": ");
  for (const char *const *name = known; *name; name++) {
    end = stpcpy(end, *name);
    if (name[1]) end = stpcpy(end, ", ");
  }
  return text;
}
