/// From the displaced grid to the grid of the model.
#include "support.h"

#include "drift/regrid.h"

static const double SHIFT = 0.137; // 1/angstrom, no whole number of cells

/// In a box only the deviation from the reference is interpolated.
static void deviation_in_a_box(void **state) {
  (void)state;
  stage s = stage_create(DIRAC1D "grid: {k: [60]}\n", TO_INITIAL);
  kd_translation *translation;
  CHECK_OK(kd_translation_create(s.model, &translation));
  const double shift[3] = {SHIFT}, origin[3] = {0};
  double *f = new_reals(s.n), *want = new_reals(s.n),
         *scratch[2] = {new_reals(s.n), new_reals(s.n)};

  // The reference itself: exact, although it differs at the two ends of the box.
  CHECK_OK(kd_reference_sample(s.reference, s.model, shift, f));
  CHECK_OK(kd_reference_sample(s.reference, s.model, origin, want));
  CHECK_ABOVE(fabs(want[0] - want[59]), 0.1);
  CHECK_OK(kd_regrid(s.reference, s.model, translation, shift, f, scratch[0], scratch[1]));
  CHECK_ARRAY(f, want, s.n, 1e-14);

  // And a packet on top of it, which the grid resolves.
  CHECK_OK(kd_reference_sample(s.reference, s.model, shift, f));
  for (size_t k = 0; k < 60; k++) {
    double point[3];
    kd_model_k(s.model, k, point);
    for (size_t c = 0; c < 4; c++) {
      const double x = point[0] - 0.01 * (double)c, moved = x + SHIFT;
      f[c * 60 + k] += 0.3 * exp(-pow(moved / 0.05, 2));
      want[c * 60 + k] += 0.3 * exp(-pow(x / 0.05, 2));
    }
  }
  CHECK_OK(kd_regrid(s.reference, s.model, translation, shift, f, scratch[0], scratch[1]));
  CHECK_ARRAY(f, want, s.n, 1e-10);
  for (int i = 0; i < 2; i++) kd_free(scratch[i]);
  kd_free(f);
  kd_free(want);
  kd_translation_free(translation);
  stage_clear(&s);
}

/// On a lattice the whole field is.
static void everything_on_a_lattice(void **state) {
  (void)state;
  stage s = stage_create(GRAPHENE "grid: {k: [6, 5]}\n", TO_INITIAL);
  kd_translation *translation;
  CHECK_OK(kd_translation_create(s.model, &translation));
  const double shift[3] = {0.2, -0.4};
  double *f = random_field(s.n_band, s.n_k, 1), *want = new_reals(s.n);
  double *scratch[2] = {new_reals(s.n), new_reals(s.n)};
  CHECK_OK(kd_translation_apply(translation, shift, f, want));
  CHECK_OK(kd_regrid(s.reference, s.model, translation, shift, f, scratch[0], scratch[1]));
  CHECK_BITWISE(f, want, s.n);
  for (int i = 0; i < 2; i++) kd_free(scratch[i]);
  kd_free(f);
  kd_free(want);
  kd_translation_free(translation);
  stage_clear(&s);
}

static void no_shift_changes_nothing(void **state) {
  (void)state;
  const char *models[] = {DIRAC1D "grid: {k: [16]}\n", GRAPHENE "grid: {k: [4, 4]}\n"};
  for (size_t i = 0; i < COUNT(models); i++) {
    stage s = stage_create(models[i], TO_INITIAL);
    kd_translation *translation;
    CHECK_OK(kd_translation_create(s.model, &translation));
    const double shift[3] = {0};
    double *f = random_field(s.n_band, s.n_k, 1), *want = new_reals(s.n);
    double *scratch[2] = {new_reals(s.n), new_reals(s.n)};
    memcpy(want, f, s.n * sizeof *f);
    CHECK_OK(kd_regrid(s.reference, s.model, translation, shift, f, scratch[0], scratch[1]));
    CHECK_BITWISE(f, want, s.n);
    for (int j = 0; j < 2; j++) kd_free(scratch[j]);
    kd_free(f);
    kd_free(want);
    kd_translation_free(translation);
    stage_clear(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(deviation_in_a_box),
      cmocka_unit_test(everything_on_a_lattice),
      cmocka_unit_test(no_shift_changes_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
