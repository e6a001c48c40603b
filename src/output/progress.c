#include "output/progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BAR_MIN = 5, BAR_MAX = 40, LINE_MAX_BYTES = 512 };

void kd_progress_duration(char *buffer, size_t size, double seconds) {
  if (!(seconds >= 0 && seconds < 3.6e12)) {
    snprintf(buffer, size, "?");
    return;
  }
  const long long whole = (long long)seconds;
  const int second = (int)(whole % 60);
  const int minute = (int)(whole / 60 % 60);
  const long long hour = whole / 3600;
  if (hour > 0)
    snprintf(buffer, size, "%lld:%02d:%02d", hour, minute, second);
  else
    snprintf(buffer, size, "%d:%02d", minute, second);
}

static bool continues_character(char byte) {
  return ((unsigned char)byte & 0xC0) == 0x80;
}

/// Columns of a UTF-8 text whose characters are one column wide.
static size_t count_columns(const char *text) {
  size_t n = 0;
  for (; *text; text++) n += !continues_character(*text);
  return n;
}

/// Copies as many whole characters as fit into `size` bytes and `width` columns.
static void copy_columns(char *buffer, size_t size, const char *text, size_t width) {
  size_t end = 0;
  size_t columns = 0;
  for (size_t i = 0; text[i]; columns++) {
    size_t next = i + 1;
    while (continues_character(text[next])) next++;
    if (columns == width || next >= size) break;
    i = end = next;
  }
  memcpy(buffer, text, end);
  buffer[end] = '\0';
}

void kd_progress_line(char *buffer, size_t size, double fraction, double elapsed_s, double eta_s,
                      bool fancy, size_t width, const char *note) {
  if (size == 0) return;
  fraction = fraction > 0 ? fmin(fraction, 1) : 0;
  const bool has_note = note && *note;
  /* Fractions such as 29/100 are a hair too small; without the guard they would show one less. */
  const int percent = (int)(100 * fraction + 1e-9);
  char elapsed[KD_DURATION_SIZE];
  char left[KD_DURATION_SIZE];
  kd_progress_duration(elapsed, sizeof elapsed, elapsed_s);
  kd_progress_duration(left, sizeof left, eta_s);
  char text[LINE_MAX_BYTES];
  if (!fancy) {
    const bool known = strcmp(left, "?") != 0;
    snprintf(text, sizeof text, "%d %% done, %s elapsed%s%s%s%s%s", percent, elapsed,
             known ? ", about " : "", known ? left : "", known ? " left" : "", has_note ? ", " : "",
             has_note ? note : "");
    copy_columns(buffer, size, text, sizeof text);
    return;
  }
  snprintf(text, sizeof text, "%3d %%  elapsed %s  left %s%s%s", percent, elapsed, left,
           has_note ? "  " : "", has_note ? note : "");
  const size_t used = count_columns(text) + strlen("[] ");
  size_t bar = width > used ? width - used : 0;
  if (bar > BAR_MAX) bar = BAR_MAX;
  char line[LINE_MAX_BYTES + BAR_MAX + sizeof "[] "];
  size_t start = 0;
  if (bar >= BAR_MIN) {
    const size_t filled = (size_t)((double)bar * fraction);
    line[start++] = '[';
    for (size_t i = 0; i < bar; i++) line[start++] = i < filled ? '#' : '.';
    line[start++] = ']';
    line[start++] = ' ';
  }
  snprintf(line + start, sizeof line - start, "%s", text);
  copy_columns(buffer, size, line, width);
}
