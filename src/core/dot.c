#include "core/dot.h"

enum { BLOCK = 4096, MAX_BLOCKS_AT_ONCE = 256 };

double kd_dot(const double *a, const double *b, size_t n) {
  double total = 0, carry = 0;
  const size_t n_block = (n + BLOCK - 1) / BLOCK;
  for (size_t start = 0; start < n_block; start += MAX_BLOCKS_AT_ONCE) {
    const size_t count =
        n_block - start < MAX_BLOCKS_AT_ONCE ? n_block - start : MAX_BLOCKS_AT_ONCE;
    double part[MAX_BLOCKS_AT_ONCE];
#pragma omp parallel for schedule(static) if (count > 8)
    for (size_t block = 0; block < count; block++) {
      const size_t first = (start + block) * BLOCK;
      const size_t last = first + BLOCK < n ? first + BLOCK : n;
      double sum = 0;
      for (size_t i = first; i < last; i++) sum += a[i] * b[i];
      part[block] = sum;
    }
    for (size_t block = 0; block < count; block++) {
      const double y = part[block] - carry, t = total + y;
      carry = (t - total) - y;
      total = t;
    }
  }
  return total;
}
