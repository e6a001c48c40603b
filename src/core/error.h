/// How the library reports errors to itself.
#ifndef KD_CORE_ERROR_H
#define KD_CORE_ERROR_H

#include "keldrift/status.h"

/// Room for the longest message and its end.
enum { KD_MESSAGE_BYTES = 16384 };

/// Replaces the thread's error message by a formatted one and returns `status`.
kd_status kd_error(kd_status status, const char *format, ...) KD_PRINTF(2, 3);

/// Adds a line to the thread's error message and returns `status`. After 20 lines only a count of
/// the rest is kept.
kd_status kd_error_append(kd_status status, const char *format, ...) KD_PRINTF(2, 3);

void kd_error_clear(void);

/// Leaves the function with the status of a failed call.
#define KD_TRY(call)                                                                               \
  do {                                                                                             \
    const kd_status kd_try_ = (call);                                                              \
    if (kd_try_ != KD_OK) return kd_try_;                                                          \
  } while (0)

/// Stores the status of a failed call in the local `status` and jumps to the label `cleanup`.
#define KD_CHECK(call)                                                                             \
  do {                                                                                             \
    status = (call);                                                                               \
    if (status != KD_OK) goto cleanup;                                                             \
  } while (0)

#endif
