/// Texts of a file as they are shown to people.
#ifndef KD_OUTPUT_SHOW_H
#define KD_OUTPUT_SHOW_H

#include <hdf5.h>
#include <stdio.h>

#include "core/error.h"

enum { KD_SHOWN_SIZE = 256 }; ///< bytes of a line's parts

/// Prints a text, with line ends as spaces and other control characters, which could change the
/// terminal, as question marks.
void kd_show(FILE *out, const char *text);

/// Columns that a text takes.
size_t kd_show_columns(const char *text);

/// The same in a column of `width` and two blanks.
void kd_show_cell(FILE *out, const char *text, size_t width);

/// Appends formatted text to a string of at most KD_SHOWN_SIZE bytes.
void kd_show_add(char *text, const char *format, ...) KD_PRINTF(2, 3);

/// What values that are no numbers are: "text", "(references)".
const char *kd_show_class(hid_t type);

#endif
