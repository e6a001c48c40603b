/// The list of datasets in the summary of a result.
#ifndef KD_OUTPUT_ROWS_H
#define KD_OUTPUT_ROWS_H

#include <hdf5.h>
#include <stdio.h>

/// Prints a line for every dataset but the scenario and axes that only count: path, unit, values
/// and shape.
void kd_rows_print(FILE *out, hid_t file);

#endif
