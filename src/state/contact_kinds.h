/// The rows of `contacts`, for the schema.
#ifndef KD_STATE_CONTACT_KINDS_H
#define KD_STATE_CONTACT_KINDS_H

#include "scenario/param.h"

extern const kd_variant *const kd_contact_variants[];

#endif
