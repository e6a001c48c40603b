/// The rows that embed.py makes from the scenarios of this folder.
#ifndef KD_TEMPLATES_TEMPLATES_H
#define KD_TEMPLATES_TEMPLATES_H

#include "keldrift/templates.h"

/// Ends with a row whose name is NULL.
extern const kd_template kd_template_rows[];

#endif
