/// Which values a dataset holds.
#ifndef KD_OUTPUT_RANGE_H
#define KD_OUTPUT_RANGE_H

#include <hdf5.h>
#include <stdbool.h>

typedef struct kd_range {
  double first, last, min, max; ///< of the numbers, or of the moduli of complex numbers
  double count, n_bad;          ///< all numbers, and those that are not finite
} kd_range;

/// Finds the range of a dataset of numbers, block by block along its first axis.
/// @return false if it cannot be read
bool kd_range_find(hid_t dataset, hid_t space, bool is_complex, kd_range *range);

#endif
