/// Errors in a scenario, collected so that the user sees all of them at once.
#ifndef KD_SCENARIO_REPORT_H
#define KD_SCENARIO_REPORT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "keldrift/status.h"
#include "scenario/arena.h"

/// Where something was written: `source` is a file name or "--set PATH=VALUE". Line and column
/// count from one; a line of zero means that there is no position to tell.
typedef struct kd_place {
  const char *source;
  size_t line, column;
} kd_place;

struct kd_complaint;

typedef struct kd_faults {
  kd_arena *arena;
  struct kd_complaint *first, *last;
  size_t count;
  bool out_of_memory;
} kd_faults;

/// Adds SOURCE:LINE:COLUMN: error: PATH: MESSAGE; an empty `path` is left out.
void kd_faults_add(kd_faults *report, kd_place place, const char *path, const char *format, ...)
    KD_PRINTF(4, 5);

/// Makes the collected lines, in the order of their places, the thread's error message. Returns
/// KD_OK if there are none, else KD_ERROR_SCENARIO.
kd_status kd_faults_finish(const kd_faults *report);

/// Formats one such line into the arena; NULL when memory is short.
char *kd_faults_line(kd_arena *arena, kd_place place, const char *path, const char *format,
                     va_list arguments) KD_PRINTF(4, 0);

/// A user's text in double quotes, fit for one line of an error message: clipped, and without
/// control characters.
typedef struct kd_quoted {
  char text[80];
} kd_quoted;

kd_quoted kd_quote(const char *text);

/// Returns the number of bytes, at most `max_bytes`, that hold whole UTF-8 characters of a text
/// longer than that.
size_t kd_text_clip(const char *text, size_t max_bytes);

/// Returns the word of the NULL-terminated list `known` that `word` is most likely a misspelling
/// of, or NULL if none is near.
const char *kd_nearest(const char *word, const char *const *known);

/// Returns `did you mean X?` or, if nothing is near, `WHAT: A, B, C`; NULL when memory is short.
const char *kd_suggestion(kd_arena *arena, const char *word, const char *const *known,
                          const char *what);

#endif
