#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LINES = 20 };

static _Thread_local char message[KD_MESSAGE_BYTES];
static _Thread_local size_t length;
static _Thread_local size_t n_line;

void kd_error_clear(void) {
  message[0] = '\0';
  length = 0;
  n_line = 0;
}

static kd_status append(kd_status status, const char *format, va_list arguments) KD_PRINTF(2, 0);

static kd_status append(kd_status status, const char *format, va_list arguments) {
  n_line++;
  if (n_line > MAX_LINES) {
    // The closing line replaces itself each time, so that it always holds the final count.
    static _Thread_local size_t length_of_full;
    if (n_line == MAX_LINES + 1) length_of_full = length;
    length = length_of_full;
    const int n = snprintf(message + length, KD_MESSAGE_BYTES - length, "\n... and %zu more errors",
                           n_line - MAX_LINES);
    if (n > 0 && (size_t)n < KD_MESSAGE_BYTES - length) length += (size_t)n;
    return status;
  }
  if (length > 0 && length + 1 < KD_MESSAGE_BYTES) message[length++] = '\n';
  const int n = vsnprintf(message + length, KD_MESSAGE_BYTES - length, format, arguments);
  if (n > 0) {
    const size_t room = KD_MESSAGE_BYTES - length - 1;
    length += (size_t)n < room ? (size_t)n : room;
  }
  return status;
}

kd_status kd_error(kd_status status, const char *format, ...) {
  kd_error_clear();
  va_list arguments;
  va_start(arguments, format);
  append(status, format, arguments);
  va_end(arguments);
  return status;
}

kd_status kd_error_append(kd_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  append(status, format, arguments);
  va_end(arguments);
  return status;
}

const char *kd_error_message(void) {
  return message;
}

int kd_exit_status(kd_status status) {
  switch (status) {
  case KD_OK:
    return 0;
  case KD_ERROR_SCENARIO:
    return 2;
  case KD_ERROR_FILE:
    return 3;
  case KD_STOPPED:
    return 75;
  default:
    return 4;
  }
}
