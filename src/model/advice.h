/// What warnings advise of the grid of k.
#ifndef KD_MODEL_ADVICE_H
#define KD_MODEL_ADVICE_H

#include "keldrift/model.h"

enum { KD_POINTS_TEXT = 80 };

/// "[24, 24]": the points of k times a factor per axis, for texts. An axis of one point keeps it.
const char *kd_model_more_points(const kd_model *model, const double factor[3],
                                 char text[KD_POINTS_TEXT]);

/// The same for so many times more points in all.
const char *kd_model_more_points_in_all(const kd_model *model, double factor,
                                        char text[KD_POINTS_TEXT]);

#endif
