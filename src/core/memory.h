/// Allocation with overflow checks; zeroed and aligned for vector loads.
#ifndef KD_CORE_MEMORY_H
#define KD_CORE_MEMORY_H

#include <stddef.h>

/// Returns `count * size` zeroed bytes aligned to 64 bytes, or NULL after setting the error message
/// (KD_ERROR_MEMORY) when the product overflows or memory is short. A zero count gives a valid
/// pointer. Free with kd_free.
void *kd_allocate(size_t count, size_t size);
void kd_free(void *memory);

/// Bytes of physical memory of this machine; 0 if it cannot be told.
double kd_memory_physical(void);

/// Returns a copy of a string, NULL when memory is short.
char *kd_string_copy(const char *text);

/// Allocates into `pointer` or jumps to `cleanup` with KD_ERROR_MEMORY in `status`.
#define KD_ALLOCATE(pointer, count)                                                                \
  do {                                                                                             \
    (pointer) = kd_allocate((count), sizeof *(pointer));                                           \
    if (!(pointer)) {                                                                              \
      status = KD_ERROR_MEMORY;                                                                    \
      goto cleanup;                                                                                \
    }                                                                                              \
  } while (0)

#endif
