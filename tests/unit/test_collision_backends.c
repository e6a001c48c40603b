/// The back ends of the self-energy agree: the series and convolutions of `fft` with the plain sums
/// of `direct`.
#include "collision_fixture.h"

static double worst_so_far;

/// max |fft - direct| of C[f] over max |direct|, for a random Hermitian f.
static double disagreement(const char *model, const char *options) {
  double *df[2], *f = NULL;
  size_t n = 0;
  for (int fft = 0; fft < 2; fft++) {
    stage s = collision_create(
        model, text_of("collisions: {method: %s, %s}\n", fft ? "fft" : "direct", options));
    assert_string_equal(kd_collision_statistics(s.collision).method, fft ? "fft" : "direct");
    if (!f) f = random_field(s.n_band, s.n_k, 1);
    n = s.n;
    df[fft] = rate_of(&s, f);
    stage_clear(&s);
  }
  const double largest = largest_of(df[0], n),
               error = largest_difference(df[0], df[1], n) / largest;
  CHECK_ABOVE(largest, 1e-4);
  kd_free(f), kd_free(df[0]), kd_free(df[1]);
  worst_so_far = fmax(worst_so_far, error);
  if (!(error <= 1e-12)) print_error("%.3g for %s\n", error, options);
  return error;
}

static const char *const ANSATZE[] = {"matrix", "causal", "average", "diagonal"};
static const char *const TRUTH[] = {"false", "true"};

/// The key `vertex` for a number of bands.
static char *random_vertex(size_t n) {
  char *text = NULL;
  size_t length = 0;
  FILE *out = open_memstream(&text, &length);
  double complex *m = new_complex(n * n);
  random_hermitian(n, 0.7, m);
  fprintf(out, "vertex: matrix, ");
  print_matrix(out, "re", n, m, false, false);
  fprintf(out, ", ");
  print_matrix(out, "im", n, m, false, true);
  fclose(out);
  kd_free(m);
  return text;
}

static void for_every_ansatz_and_option(void **state) {
  (void)state;
  char *model = random_model(2, 1, 2, (const size_t[]){4, 3});
  char *vertex = random_vertex(2);
  for (size_t a = 0; a < COUNT(ANSATZE); a++)
    for (int principal = 0; principal < 2; principal++)
      for (int linearized = 0; linearized < 2; linearized++)
        CHECK_BELOW(disagreement(
                        text_of("%s%s", model, THERMAL),
                        text_of("ansatz: %s, kinetic_corrections: %s, linearised: %s, broadening: "
                                "0.3, terms: [{kind: phonon, energy: 0.5, temperature: 0.3, "
                                "coupling: 0.3}, {kind: impurity, strength: 0.2, broadening: 0.25, "
                                "vertex: scalar, form: {kind: gaussian, q0: 2}}, {kind: impurity, "
                                "strength: 0.2, %s}]",
                                ANSATZE[a], TRUTH[principal], TRUTH[linearized], vertex)),
                    1e-12);
  free(model), free(vertex);
  print_message("largest deviation %.2g\n", worst_so_far);
}

static void for_every_vertex_kernel_form_and_dispersion(void **state) {
  (void)state;
  static const char *const forms[] = {
      "{kind: constant}", "{kind: gaussian, q0: 2}", "{kind: yukawa, q0: 2}",
      "{kind: polar, q0: 2}", "{kind: expression, expression: \"1 + 0.3*q^2 + 0.1*qx*qy\"}"};
  static const char *const dispersions[] = {
      "{kind: constant}", "{kind: acoustic, q0: 3}",
      "{kind: expression, expression: \"1 + 2*cos(0.5*qx)^2\"}"};
  char *models[] = {random_model(2, 1, 1, (const size_t[]){7}),
                    random_model(2, 1, 2, (const size_t[]){3, 4})};
  char *matrix = random_vertex(2);
  const char *const vertices[] = {"vertex: onsite", "vertex: scalar", matrix, "vertex: bond"};
  size_t turn = 0;
  for (size_t v = 0; v < COUNT(vertices); v++)
    for (size_t f = 0; f < COUNT(forms); f++)
      for (size_t d = 0; d < COUNT(dispersions); d++, turn++) {
        CHECK_BELOW(
            disagreement(text_of("%s%s", models[turn % 2], THERMAL),
                         text_of("ansatz: matrix, kinetic_corrections: %s, broadening: 0.3, terms: "
                                 "[{kind: phonon, energy: 0.5, temperature: 0.3, coupling: 0.3, "
                                 "kernel: %s, form: %s, dispersion: %s, %s}]",
                                 TRUTH[turn / 2 % 2], turn % 3 ? "spectral" : "shifted", forms[f],
                                 dispersions[d], vertices[v])),
            1e-12);
        if (d == 0)
          CHECK_BELOW(
              disagreement(text_of("%s%s", models[turn % 2], THERMAL),
                           text_of("ansatz: matrix, kinetic_corrections: %s, broadening: "
                                   "0.3, terms: [{kind: impurity, strength: 0.2, form: %s, %s}]",
                                   TRUTH[turn % 2], forms[f], vertices[v])),
              1e-12);
      }
  for (size_t i = 0; i < COUNT(models); i++) free(models[i]);
  free(matrix);
  print_message("largest deviation %.2g\n", worst_so_far);
}

static void for_any_number_of_bands_and_dimensions(void **state) {
  (void)state;
  static const struct {
    size_t n_band, n_dim, n[3];
    const char *ansatz, *principal;
  } cases[] = {
      {1, 1, {9}, "matrix", "true"},        {1, 3, {2, 3, 2}, "causal", "false"},
      {2, 3, {3, 2, 2}, "matrix", "true"},  {3, 1, {8}, "average", "true"},
      {3, 2, {3, 3}, "causal", "true"},     {3, 3, {2, 2, 2}, "diagonal", "false"},
      {8, 1, {4}, "matrix", "true"},        {8, 2, {2, 2}, "average", "false"},
      {8, 3, {2, 1, 2}, "causal", "false"}, {8, 2, {2, 3}, "diagonal", "true"},
      {2, 1, {1}, "matrix", "true"},
  };
  for (size_t c = 0; c < COUNT(cases); c++) {
    char *model = random_model(cases[c].n_band, 1, cases[c].n_dim, cases[c].n);
    char *vertex = random_vertex(cases[c].n_band);
    char *whole = NULL;
    assert_true(asprintf(&whole, "%s%s", model, THERMAL) > 0);
    CHECK_BELOW(
        disagreement(
            whole,
            text_of("ansatz: %s, kinetic_corrections: %s, broadening: 0.4, terms: [{kind: "
                    "phonon, energy: 0.5, temperature: 0.3, coupling: 0.3, dispersion: {kind: "
                    "acoustic, q0: 4}}, {kind: phonon, energy: 0.4, temperature: 0.4, coupling: "
                    "0.2, vertex: scalar, form: {kind: gaussian, q0: 2}}, {kind: impurity, "
                    "strength: 0.2, form: {kind: yukawa, q0: 2}, %s}]",
                    cases[c].ansatz, cases[c].principal, vertex)),
        1e-12);
    free(model), free(vertex), free(whole);
  }
  print_message("largest deviation %.2g\n", worst_so_far);
}

static void in_boxes(void **state) {
  (void)state;
  static const char *const models[] = {
      "units: natural\nmodel: {kind: dirac1d, velocity: 1, gap: 0.3, k_max: 2}\ngrid: {k: [7]}\n",
      "units: natural\nmodel: {kind: dirac2d, velocity: 1, gap: 0.3, k_max: 2}\ngrid: {k: [4, "
      "3]}\n",
      "units: natural\nmodel: {kind: rashba, mass: 1, alpha: 0.5, k_max: [2, 1]}\ngrid: {k: [3, "
      "4]}\n",
      "units: natural\nmodel: {kind: parabolic, mass: 1, k_max: 2}\ngrid: {k: [8]}\n"};
  for (size_t m = 0; m < COUNT(models); m++)
    for (size_t a = 0; a < COUNT(ANSATZE); a++)
      CHECK_BELOW(
          disagreement(
              text_of("%s%s", models[m], THERMAL),
              text_of("ansatz: %s, kinetic_corrections: %s, linearised: %s, broadening: 0.3, "
                      "terms: [{kind: phonon, energy: 0.5, temperature: 0.3, coupling: 0.3, "
                      "dispersion: {kind: acoustic, q0: 3}}, {kind: impurity, strength: 0.2, "
                      "form: {kind: gaussian, q0: 1}}]",
                      ANSATZE[a], TRUTH[(m + a) % 2], TRUTH[m / 2 % 2])),
          1e-12);
  print_message("largest deviation %.2g\n", worst_so_far);
}

static void for_sharp_and_cold_baths(void **state) {
  (void)state;
  static const char *const terms[] = {
      // sigma far below the bandwidth
      "broadening: 15 meV, terms: [{kind: impurity, strength: 0.1 eV}, {kind: phonon, energy: 40 "
      "meV, "
      "temperature: 300 K, coupling: 50 meV, form: {kind: yukawa, q0: 1 1/angstrom}}]",
      // n_B sharper than the line
      "broadening: 40 meV, terms: [{kind: phonon, energy: 60 meV, temperature: 40 K, coupling: 80 "
      "meV}]",
      // both much wider than the bands
      "broadening: 8 eV, terms: [{kind: phonon, energy: 60 meV, temperature: 30000 K, coupling: 4 "
      "eV}]"};
  for (size_t t = 0; t < COUNT(terms); t++)
    for (int principal = 0; principal < 2; principal++)
      CHECK_BELOW(disagreement("model: {kind: ssh, t1: 0.2 eV, t2: 0.12 eV, lattice_constant: 3 "
                               "angstrom}\ngrid: {k: [12]}\n",
                               text_of("ansatz: matrix, kinetic_corrections: %s, %s",
                                       TRUTH[principal], terms[t])),
                  1e-12);
  print_message("largest deviation %.2g\n", worst_so_far);
}

static void auto_takes_either(void **state) {
  (void)state;
  static const struct {
    const char *grid, *method;
  } cases[] = {{"grid: {k: [8]}\n", "direct"}, {"grid: {k: [400]}\n", "fft"}};
  for (size_t c = 0; c < COUNT(cases); c++) {
    stage s =
        collision_create(text_of("%s%s", SSH, cases[c].grid),
                         "collisions: {ansatz: matrix, broadening: 0.2 eV, terms: [{kind: "
                         "impurity, strength: 0.1 eV, form: {kind: yukawa, q0: 1 1/angstrom}}]}\n");
    double *f = random_field(2, s.n_k, 1), *df = rate_of(&s, f);
    const kd_collision_cost cost = kd_collision_statistics(s.collision);
    assert_string_equal(cost.method, cases[c].method);
    assert_string_equal(cost.ansatz, "matrix");
    assert_int_equal(cost.evaluations, 1);
    assert_true((cost.ffts > 0) == (c == 1));
    CHECK_ABOVE(cost.seconds, 1e-9);
    CHECK_ABOVE((double)kd_collision_bytes(s.collision), (double)(s.n * sizeof(double)));
    kd_free(f), kd_free(df);
    stage_clear(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(for_every_ansatz_and_option),
      cmocka_unit_test(for_every_vertex_kernel_form_and_dispersion),
      cmocka_unit_test(for_any_number_of_bands_and_dimensions),
      cmocka_unit_test(in_boxes),
      cmocka_unit_test(for_sharp_and_cold_baths),
      cmocka_unit_test(auto_takes_either),
  };
  return cmocka_run_group_tests_name("collision_backends", tests, NULL, NULL);
}
