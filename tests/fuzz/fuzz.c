#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

const char *fuzz_file(const uint8_t *data, size_t size) {
  static int descriptor = -1;
  static char path[64];
  if (descriptor < 0) {
    descriptor = memfd_create("input", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
  }
  FUZZ_REQUIRE(descriptor >= 0 && ftruncate(descriptor, 0) == 0);
  for (size_t done = 0; done < size;) {
    const ssize_t n = pwrite(descriptor, data + done, size - done, (off_t)done);
    FUZZ_REQUIRE(n > 0);
    done += (size_t)n;
  }
  return path;
}

void fuzz_fail(const char *condition, const char *file, int line) {
  fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
  abort();
}
