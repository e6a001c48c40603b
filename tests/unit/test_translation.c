/// Translation in k and its derivative.
#include "support.h"

#include "drift/translation.h"

// Oblique cells; three components at most per vector, as many as dimensions.
#define TWO_DIM                                                                                    \
  "model: {kind: tight_binding, lattice_vectors: [[2 angstrom, 0.3 angstrom], [-0.6, 1.7]], "      \
  "hoppings: [{R: [0, 0], re: [[0, 0.1], [0.1, 0]]}]}\n"
#define THREE_DIM                                                                                  \
  "model: {kind: tight_binding, lattice_vectors: [[2 angstrom, 0.3 angstrom, 0.1 angstrom], "      \
  "[-0.6, 1.7, 0.4], [0.2, -0.5, 2.3]], hoppings: [{R: [0, 0, 0], re: [[0, 0.1], [0.1, 0]]}]}\n"

static const struct grid_case {
  const char *model, *grid;
} cases[] = {{SSH, "[8]"},
             {SSH, "[9]"},
             {SSH, "[1]"},
             {SSH, "[2]"},
             {SSH, "[3]"},
             {TWO_DIM, "[6, 5]"},
             {TWO_DIM, "[5, 8]"},
             {TWO_DIM, "[1, 7]"},
             {TWO_DIM, "[7, 1]"},
             {TWO_DIM, "[4, 6]"},
             {THREE_DIM, "[4, 5, 6]"},
             {THREE_DIM, "[3, 6, 5]"},
             {THREE_DIM, "[2, 1, 7]"},
             {DIRAC1D, "[10]"}};

static stage grid_stage(size_t i) {
  return stage_create(text_of("%sgrid: {k: %s}\n", cases[i].model, cases[i].grid), TO_MODEL);
}

/// A component: sum over cells R of amplitude cos(k.R + phase), the cells inside the band of the
/// grid.
enum { MAX_MODES = 200 };
typedef struct series {
  size_t n_mode;
  double cell[MAX_MODES][3]; // R, angstrom
  double amplitude[MAX_MODES], phase[MAX_MODES];
} series;

static series random_series(const kd_model *model) {
  series s = {0};
  const size_t *n = kd_model_n(model);
  const double *dual = kd_model_duals(model);
  const size_t n_dim = kd_model_n_dim(model);
  long top[3] = {0};
  for (size_t i = 0; i < n_dim; i++) top[i] = (long)(n[i] - 1) / 2; // below the Nyquist mode
  for (long x = -top[0]; x <= top[0]; x++)
    for (long y = -top[1]; y <= top[1]; y++)
      for (long z = -top[2]; z <= top[2]; z++) {
        const long l[3] = {x, y, z};
        assert_true(s.n_mode < MAX_MODES);
        for (size_t i = 0; i < n_dim; i++)
          for (int d = 0; d < 3; d++) s.cell[s.n_mode][d] += (double)l[i] * dual[3 * i + (size_t)d];
        s.amplitude[s.n_mode] = random_real();
        s.phase[s.n_mode++] = M_PI * random_real();
      }
  return s;
}

/// The value at k - origin of the grid, and the derivative along a direction.
static double series_value(const series *s, const double k[3], const double *direction) {
  double sum = 0;
  for (size_t m = 0; m < s->n_mode; m++) {
    double angle = s->phase[m], along = 0;
    for (int d = 0; d < 3; d++) {
      angle += s->cell[m][d] * k[d];
      if (direction) along += s->cell[m][d] * direction[d];
    }
    sum += s->amplitude[m] * (direction ? -along * sin(angle) : cos(angle));
  }
  return sum;
}

static double *series_field(const stage *s, const series *component, const double shift[3],
                            const double *direction) {
  double *field = new_reals(s->n);
  for (size_t c = 0; c < s->n_band * s->n_band; c++)
    for (size_t k = 0; k < s->n_k; k++) {
      double point[3];
      kd_model_k(s->model, k, point);
      for (int d = 0; d < 3; d++) point[d] += shift[d];
      field[c * s->n_k + k] = series_value(&component[c], point, direction);
    }
  return field;
}

static void random_shift(const stage *s, double scale, double shift[3]) {
  for (size_t d = 0; d < 3; d++) shift[d] = d < s->n_dim ? scale * random_real() : 0;
}

/// Values at k + shift become values at k, of a function that the grid resolves.
static void band_limited_fields_are_moved_exactly(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    stage s = grid_stage(i);
    kd_translation *translation;
    CHECK_OK(kd_translation_create(s.model, &translation));
    series component[4];
    for (size_t c = 0; c < 4; c++) component[c] = random_series(s.model);
    const double origin[3] = {0};
    double *want = series_field(&s, component, origin, NULL), *got = new_reals(s.n);
    const double scale = 1 + (double)component[0].n_mode;
    for (int trial = 0; trial < 3; trial++) {
      double shift[3];
      random_shift(&s, trial == 2 ? 30 : 0.7, shift);
      double *moved = series_field(&s, component, shift, NULL);
      const unsigned long before = kd_translation_n_fft(translation);
      CHECK_OK(kd_translation_apply(translation, shift, moved, got));
      assert_int_equal(kd_translation_n_fft(translation) - before, 8);
      CHECK_ARRAY(got, want, s.n, 1e-14 * scale * (trial == 2 ? 30 : 1));
      CHECK_OK(kd_translation_apply(translation, shift, moved, moved)); // in place
      CHECK_BITWISE(moved, got, s.n);

      double *slope = series_field(&s, component, origin, shift);
      CHECK_OK(kd_translation_derivative(translation, shift, want, got));
      CHECK_ARRAY(got, slope, s.n, 3e-14 * scale * (trial == 2 ? 30 : 1) * 5);
      memcpy(moved, want, s.n * sizeof *want);
      CHECK_OK(kd_translation_derivative(translation, shift, moved, moved));
      CHECK_BITWISE(moved, got, s.n);
      kd_free(moved);
      kd_free(slope);
    }
    kd_free(want);
    kd_free(got);
    kd_translation_free(translation);
    stage_clear(&s);
  }
}

static void shifts_without_nyquist_modes_compose(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    stage s = grid_stage(i);
    kd_translation *translation;
    CHECK_OK(kd_translation_create(s.model, &translation));
    series component[4];
    for (size_t c = 0; c < 4; c++) component[c] = random_series(s.model);
    const double origin[3] = {0};
    double first[3], second[3], both[3], back[3];
    random_shift(&s, 1, first);
    random_shift(&s, 1, second);
    for (int d = 0; d < 3; d++) {
      both[d] = first[d] + second[d];
      back[d] = -both[d];
    }
    double *a = series_field(&s, component, origin, NULL), *once = new_reals(s.n);
    double *twice = new_reals(s.n);
    const double tolerance = 2e-14 * (1 + (double)component[0].n_mode);
    CHECK_OK(kd_translation_apply(translation, both, a, once));
    CHECK_OK(kd_translation_apply(translation, first, a, twice));
    CHECK_OK(kd_translation_apply(translation, second, twice, twice));
    CHECK_ARRAY(twice, once, s.n, tolerance);
    CHECK_OK(kd_translation_apply(translation, back, once, once));
    CHECK_ARRAY(once, a, s.n, tolerance);
    kd_free(a);
    kd_free(once);
    kd_free(twice);
    kd_translation_free(translation);
    stage_clear(&s);
  }
}

/// A shift by whole cells of the grid moves values from point to point, the Nyquist mode included.
static void whole_cells_are_a_permutation(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    stage s = grid_stage(i);
    kd_translation *translation;
    CHECK_OK(kd_translation_create(s.model, &translation));
    const size_t *n = kd_model_n(s.model);
    const long cells[3] = {1, -2, 3};
    double shift[3] = {0};
    for (size_t axis = 0; axis < s.n_dim; axis++)
      for (size_t d = 0; d < 3; d++)
        shift[d] += (double)cells[axis] / (double)n[axis] * kd_model_edges(s.model)[3 * axis + d];
    double *a = random_field(s.n_band, s.n_k, 1), *got = new_reals(s.n), *want = new_reals(s.n);
    for (size_t c = 0; c < s.n_band * s.n_band; c++)
      for (size_t x = 0; x < n[0]; x++)
        for (size_t y = 0; y < n[1]; y++)
          for (size_t z = 0; z < n[2]; z++) {
            // The value at k_j comes from the entry whose point k + shift is k_j.
            const size_t at[3] = {x, y, z};
            size_t from = 0;
            for (size_t axis = 0; axis < 3; axis++) {
              const long m = (long)n[axis];
              const long cell = axis < s.n_dim ? cells[axis] : 0;
              from = from * n[axis] + (size_t)((((long)at[axis] - cell) % m + m) % m);
            }
            want[c * s.n_k + (x * n[1] + y) * n[2] + z] = a[c * s.n_k + from];
          }
    CHECK_OK(kd_translation_apply(translation, shift, a, got));
    CHECK_ARRAY(got, want, s.n, 1e-13);
    kd_free(a);
    kd_free(got);
    kd_free(want);
    kd_translation_free(translation);
    stage_clear(&s);
  }
}

/// cos(n k a/2) alternates from point to point: it is multiplied by cos(n shift a/2), and its
/// derivative is zero, also next to resolved modes of the other axes.
static void nyquist_modes(void **state) {
  (void)state;
  const char *grids[] = {"[4, 6]", "[6, 5]", "[5, 8]"};
  for (size_t i = 0; i < COUNT(grids); i++) {
    stage s = stage_create(text_of("%sgrid: {k: %s}\n", TWO_DIM, grids[i]), TO_MODEL);
    kd_translation *translation;
    CHECK_OK(kd_translation_create(s.model, &translation));
    const size_t *n = kd_model_n(s.model);
    const double *dual = kd_model_duals(s.model);
    double shift[3], angle[2] = {0};
    random_shift(&s, 0.8, shift);
    for (size_t axis = 0; axis < 2; axis++)
      for (size_t d = 0; d < 3; d++) angle[axis] += shift[d] * dual[3 * axis + d];
    double *a = new_reals(s.n), *got = new_reals(s.n), *want = new_reals(s.n),
           *slope = new_reals(s.n);
    for (size_t axis = 0; axis < 2; axis++) {
      if (n[axis] % 2) continue;
      const size_t other = 1 - axis;
      for (size_t x = 0; x < n[0]; x++)
        for (size_t y = 0; y < n[1]; y++) {
          const size_t at[2] = {x, y}, k = x * n[1] + y;
          const double sign = at[axis] % 2 ? -1 : 1;
          const double theta = 2 * M_PI * (double)at[other] / (double)n[other];
          a[k] = sign * sin(theta + 0.4);
          want[k] =
              cos(0.5 * (double)n[axis] * angle[axis]) * sign * sin(theta - angle[other] + 0.4);
          slope[k] = sign * angle[other] * cos(theta + 0.4); // along `shift`
        }
      CHECK_OK(kd_translation_apply(translation, shift, a, got));
      CHECK_ARRAY(got, want, s.n, 1e-14);
      CHECK_OK(kd_translation_derivative(translation, shift, a, got));
      CHECK_ARRAY(got, slope, s.n, 1e-13);
    }
    kd_free(a);
    kd_free(got);
    kd_free(want);
    kd_free(slope);
    kd_translation_free(translation);
    stage_clear(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(band_limited_fields_are_moved_exactly),
      cmocka_unit_test(shifts_without_nyquist_modes_compose),
      cmocka_unit_test(whole_cells_are_a_permutation),
      cmocka_unit_test(nyquist_modes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
