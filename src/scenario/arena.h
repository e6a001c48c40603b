/// Memory that is released all at once: the tree of a scenario and what is resolved from it.
#ifndef KD_SCENARIO_ARENA_H
#define KD_SCENARIO_ARENA_H

#include <stddef.h>

#include "keldrift/status.h"

typedef struct kd_arena kd_arena;

kd_status kd_arena_create(kd_arena **arena);
void kd_arena_free(kd_arena *arena);

/// Returns `count * size` zeroed bytes, or NULL after setting the error message (KD_ERROR_MEMORY).
void *kd_arena_allocate(kd_arena *arena, size_t count, size_t size);

/// Returns a copy of the first `length` bytes of `text` with a final zero.
char *kd_arena_copy(kd_arena *arena, const char *text, size_t length);

/// Returns a formatted string.
char *kd_arena_format(kd_arena *arena, const char *format, ...) KD_PRINTF(2, 3);

#endif
