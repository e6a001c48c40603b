/// Energy-conserving impurities: number, energy, entropy, thermal functions, back ends,
/// linearization.
#include "collision_fixture.h"

static const char *const METHODS[] = {"direct", "fft"};
static const char *const ANSATZE[] = {"matrix", "causal", "average", "diagonal"};
static const char *const FORMS[] = {"form: {kind: constant}", "form: {kind: gaussian, q0: 2}"};

static const char DIRAC[] =
    "units: natural\nmodel: {kind: dirac2d, velocity: 1, gap: 0.3, k_max: 2}\n"
    "grid: {k: [4, 5]}\n";

/// Two terms of different broadening and vertex, which share one beta.
static char *conserving(const char *form) {
  char *text = NULL;
  assert_true(asprintf(&text,
                       "terms: [{kind: impurity, strength: 0.3, energy_conserving: true, "
                       "broadening: 0.2, %s}, {kind: impurity, strength: 0.2, energy_conserving: "
                       "true, broadening: 0.3, vertex: matrix, re: [[0.5, 0.2], [0.2, -0.3]], im: "
                       "[[0, 0.4], [-0.4, 0]]}]",
                       form) > 0);
  return text;
}

static void number_and_energy_are_conserved_by_both_back_ends(void **state) {
  (void)state;
  char *models[] = {random_model(2, 1, 2, (const size_t[]){4, 3}), strdup(DIRAC)};
  double number = 0, energy = 0, plain = INFINITY, between = 0;
  for (size_t m = 0; m < COUNT(models); m++)
    for (size_t a = 0; a < COUNT(ANSATZE); a++)
      for (size_t q = 0; q < COUNT(FORMS); q++) {
        double *df[2], *f = NULL;
        char *terms = conserving(FORMS[q]);
        for (size_t b = 0; b < COUNT(METHODS); b++) {
          stage s = collision_create(text_of("%s%s", models[m], THERMAL),
                                     text_of("collisions: {ansatz: %s, method: %s, "
                                             "kinetic_corrections: %s, %s}\n",
                                             ANSATZE[a], METHODS[b], q ? "true" : "false", terms));
          if (!f) f = random_state(&s);
          df[b] = rate_of(&s, f);
          double *one = new_reals(s.n), *h = new_reals(s.n);
          const kd_model_part part = {.energy = 1};
          kd_model_sample(s.model, (const double[3]){0}, &part, h);
          for (size_t i = 0; i < 2 * s.n_k; i++) one[i] = 1;
          number = fmax(number, cancellation(2 * s.n_k, one, df[b]));
          energy = fmax(energy, cancellation(s.n, h, df[b]));
          if (b == 1) {
            const double scale = largest_of(df[0], s.n);
            CHECK_ABOVE(scale, 1e-4);
            between = fmax(between, largest_difference(df[0], df[1], s.n) / scale);
            stage p = collision_create(
                text_of("%s%s", models[m], THERMAL),
                text_of("collisions: {ansatz: %s, terms: [{kind: impurity, strength: 0.3, "
                        "broadening: 0.2, %s}]}\n",
                        ANSATZE[a], FORMS[q]));
            double *rate = rate_of(&p, f);
            plain = fmin(plain, cancellation(s.n, h, rate));
            kd_free(rate);
            stage_clear(&p);
          }
          kd_free(one), kd_free(h);
          stage_clear(&s);
        }
        kd_free(f), kd_free(df[0]), kd_free(df[1]);
        free(terms);
      }
  print_message("number %.2g, energy %.2g (plain broadening at least %.2g), back ends %.2g\n",
                number, energy, plain, between);
  CHECK_BELOW(number, 1e-13);
  CHECK_BELOW(energy, 1e-13);
  CHECK_ABOVE(plain, 1e-4);
  CHECK_BELOW(between, 1e-12);
  for (size_t m = 0; m < COUNT(models); m++) free(models[m]);
}

static void thermal_functions_of_any_temperature_are_stationary(void **state) {
  (void)state;
  static const char *const statistics[] = {"fermion", "boson", "classical"};
  char *model = random_model(2, 1, 2, (const size_t[]){4, 3});
  double worst = 0, plain = INFINITY;
  for (size_t theta = 0; theta < 3; theta++)
    for (size_t t = 0; t < 2; t++)
      for (size_t b = 0; b < COUNT(METHODS); b++) {
        const char *begin = text_of("%sstatistics: %s\ninitial: {kind: equilibrium, temperature: "
                                    "%g, chemical_potential: %g}\n" SHORT_RUN,
                                    model, statistics[theta], t ? 0.2 : 0.7, theta ? -3.1 : 0.1);
        char *copy = strdup(begin), *terms = conserving(FORMS[t]);
        stage s = collision_create(
            copy, text_of("collisions: {ansatz: matrix, method: %s, %s}\n", METHODS[b], terms));
        stage p = collision_create(
            copy, "collisions: {ansatz: matrix, terms: [{kind: impurity, strength: 0.3, "
                  "broadening: 0.2}]}\n");
        double *df = rate_of(&s, s.state->f), *without = rate_of(&p, s.state->f);
        const double scale = largest_of(s.state->f, 2 * s.n_k);
        worst = fmax(worst, largest_of(df, s.n) / scale);
        plain = fmin(plain, largest_of(without, s.n) / scale);
        kd_free(df), kd_free(without);
        stage_clear(&s), stage_clear(&p);
        free(copy), free(terms);
      }
  print_message("largest residue %.2g, of plain broadening at least %.2g\n", worst, plain);
  CHECK_BELOW(worst, 1e-13);
  CHECK_ABOVE(plain, 1e-4);
  free(model);
}

/// Without a bath the entropy of the carriers alone must not fall: sum df ln((1 - f)/f) >= 0.
static void entropy_never_falls(void **state) {
  (void)state;
  char *model = random_model(1, 1, 2, (const size_t[]){4, 3});
  stage s = collision_create(text_of("%s%s", model, THERMAL),
                             "collisions: {ansatz: diagonal, terms: [{kind: impurity, strength: "
                             "0.3, energy_conserving: true, broadening: 0.2}]}\n");
  double least = INFINITY, *f = new_reals(s.n), *df = new_reals(s.n);
  for (int turn = 0; turn < 100; turn++) {
    double rise = 0, scale = 0;
    for (size_t k = 0; k < s.n; k++) f[k] = 1 / (1 + exp(4 * random_real()));
    CHECK_OK(kd_collision_rate(s.collision, f, df));
    for (size_t k = 0; k < s.n; k++) {
      const double term = df[k] * log((1 - f[k]) / f[k]);
      rise += term;
      scale += fabs(term);
    }
    least = fmin(least, rise / scale);
  }
  print_message("least entropy production %.3g\n", least);
  CHECK_ABOVE(least, 0.01);
  kd_free(f), kd_free(df);
  stage_clear(&s);
  free(model);
}

static void response_is_the_derivative(void **state) {
  (void)state;
  char *model = random_model(2, 1, 2, (const size_t[]){4, 3});
  double worst = 0, energy = 0;
  for (size_t a = 0; a < COUNT(ANSATZE); a++) {
    char *terms = conserving(FORMS[1]);
    stage s = collision_create(text_of("%s%s", model, THERMAL),
                               text_of("collisions: {ansatz: %s, %s}\n", ANSATZE[a], terms));
    const char *options =
        text_of("collisions: {ansatz: %s, linearised: true, %s}\n", ANSATZE[a], terms);
    char *kept = strdup(options);
    stage l = collision_create(text_of("%s%s", model, THERMAL), kept);
    const double step = 1e-4;
    double *d = random_field(2, s.n_k, 1), *f = new_reals(s.n), *want = new_reals(s.n);
    double *h = new_reals(s.n);
    const kd_model_part part = {.energy = 1};
    kd_model_sample(s.model, (const double[3]){0}, &part, h);
    for (int side = -1; side <= 1; side += 2) {
      for (size_t i = 0; i < s.n; i++) f[i] = s.state->f[i] + side * step * d[i];
      double *df = rate_of(&s, f);
      for (size_t i = 0; i < s.n; i++) want[i] += side * df[i] / (2 * step);
      kd_free(df);
    }
    for (size_t i = 0; i < s.n; i++) f[i] = s.state->f[i] + d[i];
    double *got = rate_of(&l, f);
    // f_eq is not stationary for kappa = 1, which is not part of the derivative.
    double *value = rate_of(&l, s.state->f);
    for (size_t i = 0; i < s.n; i++) got[i] -= value[i];
    worst = fmax(worst, largest_difference(got, want, s.n) / largest_of(want, s.n));
    energy = fmax(energy, cancellation(s.n, h, got));
    kd_free(d), kd_free(f), kd_free(want), kd_free(got), kd_free(h), kd_free(value);
    stage_clear(&s), stage_clear(&l);
    free(terms), free(kept);
  }
  print_message("largest deviation %.2g, energy %.2g\n", worst, energy);
  CHECK_BELOW(worst, 1e-5);
  CHECK_BELOW(energy, 1e-13);
  free(model);
}

static void too_cold_is_said(void **state) {
  (void)state;
  char *model = random_model(1, 1, 2, (const size_t[]){4, 3});
  stage s = collision_create(text_of("%s%s", model, THERMAL),
                             "collisions: {ansatz: matrix, terms: [{kind: impurity, strength: 0.3, "
                             "energy_conserving: true, broadening: 0.4}]}\n");
  double *f = new_reals(s.n), *df = new_reals(s.n), *h = new_reals(s.n);
  const kd_model_part part = {.energy = 1};
  kd_model_sample(s.model, (const double[3]){0}, &part, h);
  for (size_t i = 0; i < s.n; i++) f[i] = h[i] < 0;
  assert_int_equal(kd_collision_rate(s.collision, f, df), KD_RETRY);
  assert_non_null(strstr(kd_error_message(), "too cold for the broadening"));
  kd_free(f), kd_free(df), kd_free(h);
  stage_clear(&s);
  CHECK_ERROR(
      collision_try(text_of("%sinitial: {kind: equilibrium, temperature: 0.01, "
                            "chemical_potential: 0}\n" SHORT_RUN,
                            model),
                    "collisions: {ansatz: matrix, linearised: true, terms: [{kind: "
                    "impurity, strength: 0.3, energy_conserving: true, broadening: 0.4}]}\n",
                    &s),
      KD_ERROR_SCENARIO, "cannot be linearized at kT = 0.01 eV (expected at least 0.05 eV");
  free(model);
}

/// C[f] of a Fermi function with a hole that reaches below zero, which is no occupation.
static kd_status rate_of_hole(const stage *s, double depth, double *df) {
  double *f = new_reals(s->n);
  for (size_t k = 0; k < s->n_k; k++) {
    double place[3];
    kd_model_k(s->model, k, place);
    const double q = place[0], hole = (q - 0.8) * (q - 0.8);
    f[k] = 1 / (exp((0.5 * q * q - 0.045) / 0.1) + 1) - depth * exp(-8 * hole);
  }
  const kd_status status = kd_collision_rate(s->collision, f, df);
  kd_free(f);
  return status;
}

/// As f(R, k) where there is interference. Then there may be no beta that keeps the energy, and the
/// one that is nearest to it is taken: where there ceases to be one, C goes on without a jump.
static void what_is_no_occupation_is_said(void **state) {
  (void)state;
  stage s = collision_create(
      "units: natural\nmodel: {kind: parabolic, mass: 1, k_max: 4, spin_degeneracy: 2}\n"
      "grid: {k: [61]}\n" THERMAL,
      "collisions: {ansatz: matrix, terms: [{kind: electron, U: 1, broadening: 0.15}]}\n");
  double *h = hamiltonian(&s), *one = new_reals(s.n), *df[2] = {new_reals(s.n), new_reals(s.n)};
  static kd_warnings warnings;
  for (size_t i = 0; i < s.n; i++) one[i] = 1;
  double kept = 0, lost = 0.2;
  CHECK_OK(rate_of_hole(&s, 0.03, df[0]));
  CHECK_BELOW(cancellation(s.n, h, df[0]), 1e-9);
  kd_collision_warn(s.collision, &warnings);
  for (size_t i = 0; i < warnings.count; i++)
    assert_null(strstr(warnings.text[i], "f is no occupation"));
  for (int i = 0; i < 30; i++) {
    const double middle = 0.5 * (kept + lost);
    CHECK_OK(rate_of_hole(&s, middle, df[0]));
    if (middle < 0.03 || cancellation(s.n, h, df[0]) < 1e-9)
      kept = middle;
    else
      lost = middle;
  }
  print_message("energy kept up to a hole of %.9g\n", kept);
  CHECK_OK(rate_of_hole(&s, kept, df[0]));
  CHECK_OK(rate_of_hole(&s, lost, df[1]));
  // beta moves with the square root of what is beyond, 2e-10
  CHECK_BELOW(largest_difference(df[0], df[1], s.n) / largest_of(df[0], s.n), 1e-3);
  CHECK_BELOW(cancellation(s.n, one, df[1]), 1e-12);
  CHECK_OK(rate_of_hole(&s, 0.2, df[0]));
  warnings.count = 0;
  kd_collision_warn(s.collision, &warnings);
  assert_true(warnings.count > 0);
  assert_non_null(strstr(warnings.text[0], "f is no occupation everywhere"));
  assert_int_equal(rate_of_hole(&s, 0.6, df[0]), KD_RETRY);
  assert_non_null(strstr(kd_error_message(), "since f is no occupation: populations from -0.5"));
  kd_free(h), kd_free(one), kd_free(df[0]), kd_free(df[1]);
  stage_clear(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(number_and_energy_are_conserved_by_both_back_ends),
      cmocka_unit_test(thermal_functions_of_any_temperature_are_stationary),
      cmocka_unit_test(entropy_never_falls),
      cmocka_unit_test(response_is_the_derivative),
      cmocka_unit_test(too_cold_is_said),
      cmocka_unit_test(what_is_no_occupation_is_said),
  };
  return cmocka_run_group_tests_name("collision_energy", tests, NULL, NULL);
}
