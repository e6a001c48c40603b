#include "scenario/number.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *skip_blanks(const char *text) {
  while (*text == ' ' || *text == '\t' || *text == '\n') text++;
  return text;
}

static const char *skip_digits(const char *text) {
  while (isdigit((unsigned char)*text)) text++;
  return text;
}

bool kd_number_scan(const char *text, double *value, const char **rest) {
  text = skip_blanks(text);
  const char *c = text;
  if (*c == '+' || *c == '-') c++;
  // strtod also knows hexadecimal numbers, infinities and NaN, which are not wanted here.
  if (!isdigit((unsigned char)*c) && !(*c == '.' && isdigit((unsigned char)c[1]))) return false;
  if (*c == '0' && (c[1] == 'x' || c[1] == 'X')) return false;
  char *end;
  errno = 0;
  *value = strtod(text, &end);
  if (errno == ERANGE && *value == 0) *value = NAN;
  *rest = skip_blanks(end);
  return true;
}

bool kd_integer_scan(const char *text, long *value) {
  text = skip_blanks(text);
  const char *c = text;
  if (*c == '+' || *c == '-') c++;
  const char *end = skip_digits(c);
  if (end == c || *skip_blanks(end)) return false;
  errno = 0;
  *value = strtol(text, NULL, 10);
  return errno == 0;
}

kd_digits kd_number_format(double value) {
  kd_digits digits;
  for (int precision = 15; precision <= 17; precision++) {
    snprintf(digits.text, sizeof digits.text, "%.*g", precision, value);
    if (strtod(digits.text, NULL) == value) break;
  }
  return digits;
}
