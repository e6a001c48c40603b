/// The keys of `grid.r`, for the schema.
#ifndef KD_SPACE_KEYS_H
#define KD_SPACE_KEYS_H

#include "scenario/param.h"

extern const kd_param kd_space_rows[];

#endif
