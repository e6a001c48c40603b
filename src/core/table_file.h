/// Numeric tables in text files.
#ifndef KD_CORE_TABLE_FILE_H
#define KD_CORE_TABLE_FILE_H

#include <stddef.h>

#include "keldrift/status.h"

/// Reads whitespace- or comma-separated columns of finite numbers; '#' starts a comment, blank
/// lines are skipped. All rows have the same number of columns.
/// @param values  receives row-major [n_row][n_column] for kd_free
/// @return KD_ERROR_FILE if the file cannot be read; KD_ERROR_SCENARIO with FILE:LINE if its
/// content
///         is not such a table
kd_status kd_table_file_read(const char *path, double **values, size_t *n_row, size_t *n_column);

#endif
