/// Warnings: sentences that name what is doubtful in a run, the key to change and a value to try.
#ifndef KELDRIFT_WARNINGS_H
#define KELDRIFT_WARNINGS_H

#include <stddef.h>

#include "keldrift/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { KD_MAX_WARNINGS = 16, KD_WARNING_BYTES = 400 };

typedef struct kd_warnings {
  size_t count;
  char text[KD_MAX_WARNINGS][KD_WARNING_BYTES];
} kd_warnings;

/// Adds a sentence, unless it or KD_MAX_WARNINGS of them are there already.
KD_API void kd_warn(kd_warnings *warnings, const char *format, ...) KD_PRINTF(2, 3);

#ifdef __cplusplus
}
#endif
#endif
