#include "keldrift/warnings.h"

#include <stdarg.h>
#include <stdio.h>

void kd_warn(kd_warnings *warnings, const char *format, ...) {
  if (warnings->count >= KD_MAX_WARNINGS) return;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(warnings->text[warnings->count], KD_WARNING_BYTES, format, arguments);
  va_end(arguments);
  warnings->count++;
}
