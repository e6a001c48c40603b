#include "space/keys.h"

#include <stddef.h>

const kd_param kd_space_rows[] = {
    {.key = "points",
     .type = KD_INTEGERS,
     .fallback = KD_UNSET,
     .meaning = "number of points along x, y, z, one to as many as the model has dimensions; left "
                "out: a homogeneous system"},
    {.key = "length",
     .type = KD_REALS,
     .unit = "angstrom",
     .fallback = KD_UNSET,
     .meaning = "lengths of the box, which is periodic and centered at 0"},
    {.key = NULL}};
