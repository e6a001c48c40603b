#include "drift/regrid.h"

#include "core/error.h"

kd_status kd_regrid(kd_reference *reference, kd_model *model, kd_translation *translation,
                    const double shift[3], double *f, double *scratch_1, double *scratch_2) {
  if (shift[0] == 0 && shift[1] == 0 && shift[2] == 0) return KD_OK;
  if (kd_reference_is_zero(reference)) return kd_translation_apply(translation, shift, f, f);
  const size_t n = kd_model_n_band(model) * kd_model_n_band(model) * kd_model_n_k(model);
  const double origin[3] = {0};
  KD_TRY(kd_reference_sample(reference, model, shift, scratch_1));
  KD_TRY(kd_reference_sample(reference, model, origin, scratch_2));
  for (size_t i = 0; i < n; i++) f[i] -= scratch_1[i];
  KD_TRY(kd_translation_apply(translation, shift, f, f));
  for (size_t i = 0; i < n; i++) f[i] += scratch_2[i];
  return KD_OK;
}
