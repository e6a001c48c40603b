/// What the fuzz targets share.
///
/// A target is one file with LLVMFuzzerTestOneInput. With the option `fuzz` it is linked with
/// libFuzzer; otherwise with replay.c, which feeds it the files of its corpus as an ordinary test.
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// The input as a file in memory: replaces its content and returns its path, the same each time.
const char *fuzz_file(const uint8_t *data, size_t size);

/// Ends the process, which the fuzzer takes for a finding, if `condition` does not hold.
#define FUZZ_REQUIRE(condition)                                                                    \
  do {                                                                                             \
    if (!(condition)) fuzz_fail(#condition, __FILE__, __LINE__);                                   \
  } while (0)

_Noreturn void fuzz_fail(const char *condition, const char *file, int line);

#endif
