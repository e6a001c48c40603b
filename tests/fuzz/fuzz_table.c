/// Tables of numbers: what is read is finite and has as many columns in every row.
#include <math.h>

#include "core/memory.h"
#include "core/table_file.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  double *values;
  size_t n_row, n_column;
  if (kd_table_file_read(fuzz_file(data, size), &values, &n_row, &n_column) == KD_OK) {
    FUZZ_REQUIRE((n_row == 0) == (n_column == 0));
    FUZZ_REQUIRE(n_row <= size && n_column <= size);
    for (size_t i = 0; i < n_row * n_column; i++) FUZZ_REQUIRE(isfinite(values[i]));
  } else {
    FUZZ_REQUIRE(!values && *kd_error_message());
  }
  kd_free(values);
  return 0;
}
