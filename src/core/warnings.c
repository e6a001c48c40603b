#include "keldrift/warnings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void kd_warn(kd_warnings *warnings, const char *format, ...) {
  if (warnings->count >= KD_MAX_WARNINGS) return;
  char *text = warnings->text[warnings->count];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, KD_WARNING_BYTES, format, arguments);
  va_end(arguments);
  for (size_t i = 0; i < warnings->count; i++)
    if (strcmp(warnings->text[i], text) == 0) return;
  warnings->count++;
}
