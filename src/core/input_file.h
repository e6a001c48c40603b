/// Input files that a user names.
#ifndef KD_CORE_INPUT_FILE_H
#define KD_CORE_INPUT_FILE_H

#include <stdio.h>

/// Opens a file for reading. Folders and devices, which may never end, are refused; a pipe is read
/// as long as somebody writes to it, and never waited for.
/// @param reason  receives why it cannot be read when the result is NULL; static text
FILE *kd_input_open(const char *path, const char **reason);

#endif
