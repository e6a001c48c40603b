#include "model/advice.h"

#include <math.h>
#include <stdio.h>

const char *kd_model_more_points(const kd_model *model, const double factor[3],
                                 char text[KD_POINTS_TEXT]) {
  const size_t *n = kd_model_n(model);
  int used = sprintf(text, "[");
  for (size_t a = 0; a < kd_model_n_dim(model); a++)
    used += sprintf(text + used, "%s%.0f", a ? ", " : "",
                    n[a] > 1 ? ceil(factor[a] * (double)n[a]) : 1);
  sprintf(text + used, "]");
  return text;
}

const char *kd_model_more_points_in_all(const kd_model *model, double factor,
                                        char text[KD_POINTS_TEXT]) {
  size_t n_long = 0;
  for (size_t a = 0; a < kd_model_n_dim(model); a++) n_long += kd_model_n(model)[a] > 1;
  const double each = pow(factor, 1 / fmax(1, (double)n_long));
  return kd_model_more_points(model, (const double[]){each, each, each}, text);
}
