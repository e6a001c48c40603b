#include "scenario/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"

enum { BLOCK_BYTES = 16384, ALIGNMENT = 16 };

struct block {
  struct block *next;
  size_t used, size;
  _Alignas(ALIGNMENT) char bytes[];
};

struct kd_arena {
  struct block *newest;
};

kd_status kd_arena_create(kd_arena **arena) {
  *arena = kd_allocate(1, sizeof **arena);
  return *arena ? KD_OK : KD_ERROR_MEMORY;
}

void kd_arena_free(kd_arena *arena) {
  if (!arena) return;
  struct block *block = arena->newest;
  while (block) {
    struct block *next = block->next;
    kd_free(block);
    block = next;
  }
  kd_free(arena);
}

void *kd_arena_allocate(kd_arena *arena, size_t count, size_t size) {
  if (size != 0 && count > (SIZE_MAX / 2) / size) {
    kd_error(KD_ERROR_MEMORY, "cannot allocate %zu items of %zu bytes: the size overflows", count,
             size);
    return NULL;
  }
  size_t bytes = (count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  if (bytes == 0) bytes = ALIGNMENT;
  struct block *block = arena->newest;
  if (!block || block->size - block->used < bytes) {
    const size_t block_size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    block = kd_allocate(1, sizeof *block + block_size);
    if (!block) return NULL;
    block->size = block_size;
    block->next = arena->newest;
    arena->newest = block;
  }
  void *memory = block->bytes + block->used;
  block->used += bytes;
  return memory;
}

char *kd_arena_copy(kd_arena *arena, const char *text, size_t length) {
  char *copy = kd_arena_allocate(arena, length + 1, 1);
  if (copy && length > 0) memcpy(copy, text, length);
  return copy;
}

char *kd_arena_format(kd_arena *arena, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  const int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  char *text = length < 0 ? NULL : kd_arena_allocate(arena, (size_t)length + 1, 1);
  if (text) vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  return text;
}
