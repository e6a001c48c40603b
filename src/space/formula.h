/// Formulas in the coordinates of R.
#ifndef KD_SPACE_FORMULA_H
#define KD_SPACE_FORMULA_H

#include "keldrift/space.h"
#include "scenario/expression.h"
#include "scenario/section.h"

/// Compiles the KD_EXPRESSION `key`, which has the variables x, y and z, for the dimensions that R
/// has: a coordinate that the grid lacks is an error at the place where the user wrote it.
kd_status kd_space_formula(const kd_space *space, const kd_section *section, const char *key,
                           kd_expression **formula);

#endif
