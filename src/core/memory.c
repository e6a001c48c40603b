#include "core/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"

enum { ALIGNMENT = 64 };

void *kd_allocate(size_t count, size_t size) {
  if (size != 0 && count > (SIZE_MAX - ALIGNMENT) / size) {
    kd_error(KD_ERROR_MEMORY, "cannot allocate %zu items of %zu bytes: the size overflows", count,
             size);
    return NULL;
  }
  size_t bytes = count * size;
  bytes = (bytes + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
  void *memory = aligned_alloc(ALIGNMENT, bytes);
  if (!memory) {
    kd_error(KD_ERROR_MEMORY, "cannot allocate %zu bytes: out of memory", bytes);
    return NULL;
  }
  memset(memory, 0, bytes);
  return memory;
}

void kd_free(void *memory) {
  free(memory);
}

double kd_memory_physical(void) {
  const long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && bytes > 0 ? (double)pages * (double)bytes : 0;
}

char *kd_string_copy(const char *text) {
  const size_t bytes = strlen(text) + 1;
  char *copy = kd_allocate(bytes, 1);
  if (copy) memcpy(copy, text, bytes);
  return copy;
}
