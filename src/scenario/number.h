/// Numbers as they are written in scenarios, the same under every locale.
#ifndef KD_SCENARIO_NUMBER_H
#define KD_SCENARIO_NUMBER_H

#include <stdbool.h>

/// Reads the decimal number at the start of `text` ("-1.5e-3"), after blanks; `rest` receives what
/// follows it, without blanks in front. Returns false if there is none. What double precision
/// cannot hold gives a value that is not finite. Assumes the "C" locale of LC_NUMERIC.
bool kd_number_scan(const char *text, double *value, const char **rest);

/// Reads an integer that fills all of `text`. Returns false if it is none or overflows a long.
bool kd_integer_scan(const char *text, long *value);

/// A number in the fewest digits that read back to the same double.
typedef struct kd_digits {
  char text[32];
} kd_digits;

kd_digits kd_number_format(double value);

#endif
