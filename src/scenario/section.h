/// Access to resolved values. A key that is not in the rows of a section, or is asked for with the
/// wrong type, is a programming error and aborts in debug builds.
#ifndef KD_SCENARIO_SECTION_H
#define KD_SCENARIO_SECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "keldrift/scenario.h"
#include "scenario/param.h"

/// One mapping of the resolved scenario; owned by it.
typedef struct kd_section kd_section;

const kd_section *kd_scenario_root(const kd_scenario *scenario);

/// True if the key has a value, given or by default.
bool kd_section_has(const kd_section *section, const char *key);
/// True if the user gave the key (in the file or by --set).
bool kd_section_given(const kd_section *section, const char *key);

/// KD_REAL, in the row's unit.
double kd_section_real(const kd_section *section, const char *key);
/// The unit of a KD_REAL with a value: that of the row, or the one of its other units that was
/// given; NULL under natural units.
const char *kd_section_unit(const kd_section *section, const char *key);
/// KD_INTEGER
long kd_section_integer(const kd_section *section, const char *key);
/// KD_FLAG
bool kd_section_flag(const kd_section *section, const char *key);
/// KD_TEXT, KD_CHOICE, KD_EXPRESSION; KD_PATH gives the path to open.
const char *kd_section_text(const kd_section *section, const char *key);
/// KD_REALS: `*count` numbers.
const double *kd_section_reals(const kd_section *section, const char *key, size_t *count);
/// KD_INTEGERS
const long *kd_section_integers(const kd_section *section, const char *key, size_t *count);
/// KD_MATRIX: row-major [n_row][n_column].
const double *kd_section_matrix(const kd_section *section, const char *key, size_t *n_row,
                                size_t *n_column);
/// KD_SECTION, KD_VARIANT
const kd_section *kd_section_child(const kd_section *section, const char *key);
/// KD_SECTIONS, KD_VARIANTS: number of items, and item `index`.
size_t kd_section_count(const kd_section *section, const char *key);
const kd_section *kd_section_item(const kd_section *section, const char *key, size_t index);
/// The variant a KD_VARIANT(S) section has chosen.
const kd_variant *kd_section_variant(const kd_section *section);

/// Reports that the value of `key` (NULL: the section itself) does not fit, at the place where the
/// user wrote it: FILE:LINE:COL: error: PATH: MESSAGE. Returns KD_ERROR_SCENARIO.
kd_status kd_section_error(const kd_section *section, const char *key, const char *format, ...)
    KD_PRINTF(3, 4);
/// The same for an input file that cannot be opened or read; returns KD_ERROR_FILE.
kd_status kd_section_file_error(const kd_section *section, const char *key, const char *format, ...)
    KD_PRINTF(3, 4);

#endif
