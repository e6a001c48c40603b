#include "core/table_file.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "core/error.h"
#include "core/input_file.h"
#include "core/memory.h"

static bool is_separator(char c) {
  return c == ' ' || c == '\t' || c == ',' || c == '\r';
}

static bool is_hexadecimal(const char *word) {
  word += *word == '+' || *word == '-';
  return word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
}

/// Cuts the line behind the word at its start, which is clipped and rid of what a terminal might
/// obey.
static const char *clean_word(char *word) {
  enum { MOST = 40 };
  size_t length = strcspn(word, " \t,\r");
  if (length > MOST) length = MOST;
  word[length] = '\0';
  for (char *c = word; *c; c++)
    if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7F) *c = '?';
  return word;
}

kd_status kd_table_file_read(const char *path, double **values, size_t *n_row, size_t *n_column) {
  kd_status status = KD_OK;
  char *line = NULL;
  size_t line_bytes = 0, capacity = 0, count = 0, line_number = 0;
  double *data = NULL;
  *values = NULL;
  *n_row = *n_column = 0;

  const char *reason;
  FILE *file = kd_input_open(path, &reason);
  if (!file) return kd_error(KD_ERROR_FILE, "%s: error: cannot open: %s", path, reason);
  errno = 0;
  for (ssize_t n_byte; (n_byte = getline(&line, &line_bytes, file)) >= 0;) {
    line_number++;
    if (strlen(line) != (size_t)n_byte) {
      status = kd_error(KD_ERROR_SCENARIO, "%s:%zu: error: a zero byte (expected a text file)",
                        path, line_number);
      goto cleanup;
    }
    line[strcspn(line, "#\n")] = '\0';
    size_t column = 0;
    // Some editors begin a text in UTF-8 with a mark.
    const size_t mark = line_number == 1 && strncmp(line, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    for (char *cursor = line + mark;;) {
      while (is_separator(*cursor)) cursor++;
      if (*cursor == '\0') break;
      char *end;
      const double x = strtod(cursor, &end);
      if (end == cursor || is_hexadecimal(cursor) || (*end != '\0' && !is_separator(*end)) ||
          !isfinite(x)) {
        status = kd_error(KD_ERROR_SCENARIO,
                          "%s:%zu:%zu: error: \"%s\" is not a finite number (expected columns of "
                          "numbers; # starts a comment)",
                          path, line_number, (size_t)(cursor - line) + 1, clean_word(cursor));
        goto cleanup;
      }
      cursor = end;
      if (count == capacity) {
        const size_t larger = capacity ? 2 * capacity : 1024;
        double *grown = realloc(data, larger * sizeof *grown);
        if (!grown) {
          status =
              kd_error(KD_ERROR_MEMORY, "%s: error: out of memory after %zu numbers", path, count);
          goto cleanup;
        }
        data = grown;
        capacity = larger;
      }
      data[count++] = x;
      column++;
    }
    if (column == 0) continue;
    if (*n_row == 0) *n_column = column;
    if (column != *n_column) {
      status = kd_error(KD_ERROR_SCENARIO, "%s:%zu: error: %zu columns (expected %zu as above)",
                        path, line_number, column, *n_column);
      goto cleanup;
    }
    (*n_row)++;
  }
  if (ferror(file)) {
    status =
        kd_error(KD_ERROR_FILE, "%s: error: cannot read: %s", path, strerror(errno ? errno : EIO));
    goto cleanup;
  }
  *values = data;
  data = NULL;

cleanup:
  free(data);
  free(line);
  fclose(file);
  return status;
}
