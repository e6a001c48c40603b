/// The keys of the section `collisions`, for the schema.
#ifndef KD_COLLISION_KEYS_H
#define KD_COLLISION_KEYS_H

#include "scenario/param.h"

extern const kd_param kd_collision_rows[];

#endif
