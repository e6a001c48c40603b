#include "output/show.h"

#include <stdarg.h>
#include <string.h>

void kd_show(FILE *out, const char *text) {
  for (; *text; text++) {
    const unsigned char c = (unsigned char)*text;
    fputc(c == '\n' || c == '\t' ? ' ' : c < 0x20 || c == 0x7F ? '?' : c, out);
  }
}

size_t kd_show_columns(const char *text) {
  size_t n = 0;
  for (; *text; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
  return n;
}

void kd_show_cell(FILE *out, const char *text, size_t width) {
  kd_show(out, text);
  for (size_t n = kd_show_columns(text); n < width + 2; n++) fputc(' ', out);
}

void kd_show_add(char *text, const char *format, ...) {
  const size_t used = strlen(text);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text + used, KD_SHOWN_SIZE - used, format, arguments);
  va_end(arguments);
}

const char *kd_show_class(hid_t type) {
  switch (H5Tget_class(type)) {
  case H5T_STRING:
    return "text";
  case H5T_COMPOUND:
    return "(compound)";
  case H5T_ENUM:
    return "(enumeration)";
  case H5T_REFERENCE:
    return "(references)";
  case H5T_ARRAY:
    return "(arrays)";
  case H5T_VLEN:
    return "(lists)";
  default:
    return "(other)";
  }
}
