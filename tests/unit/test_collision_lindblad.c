/// Ansatz `lindblad`: bounds, number, the limits in which it is another Ansatz.
#include "collision_fixture.h"

#include "core/eigen.h"

static const char TERMS[] =
    "terms: [{kind: phonon, energy: 0.5, temperature: 0.3, coupling: 0.3}, {kind: impurity, "
    "strength: 0.2, vertex: bond, form: {kind: gaussian, q0: 2}}]";

/// One electron in a mixture of two levels at the first k, nothing elsewhere; and vectors,
/// [n_k][2][2] by columns, of which the second is its state.
static double *pure_states(const stage *s, double complex *vector) {
  double *f = new_reals(s->n);
  for (size_t k = 0; k < s->n_k; k++) {
    double complex noise[4], band[4] = {0, 0, 0, k == 0}, matrix[4];
    random_hermitian(2, 2, noise);
    dense_exp(2, 1, noise, vector + 4 * k);
    dense_rotate(2, vector + 4 * k, false, band, matrix);
    kd_pack(matrix, 2, s->n_k, k, f);
  }
  return f;
}

/// Largest rate at which an occupation 0 falls or an occupation 1 rises, over the largest rate.
static double violation(const stage *s, const double *df, const double complex *vector) {
  double worst = 0;
  for (size_t k = 0; k < s->n_k; k++) {
    double complex matrix[4], turned[4];
    kd_unpack(df, 2, s->n_k, k, matrix);
    dense_rotate(2, vector + 4 * k, true, matrix, turned);
    worst = fmax(worst, fmax(-creal(turned[0]), k == 0 ? creal(turned[3]) : -creal(turned[3])));
  }
  return worst / largest_of(df, s->n);
}

/// Two flat bands, each on its own orbital: what a level loses tells which level it is, and that is
/// where an operator that adds rates instead of amplitudes goes out of bounds.
static void bounds_are_kept(void **state) {
  (void)state;
  static const char *const ansatze[] = {"lindblad", "matrix", "causal"};
  static const char model[] = "units: natural\nmodel: {kind: ssh, t1: 0.3, t2: 0.2, mass: 1, "
                              "lattice_constant: 1}\ngrid: {k: [12]}\n";
  double worst[3] = {0}, number = 0;
  for (int turn = 0; turn < 10; turn++)
    for (size_t a = 0; a < COUNT(ansatze); a++) {
      stage s = collision_create(
          text_of("%s%s", model, THERMAL),
          text_of("collisions: {ansatz: %s, broadening: 0.3, %s}\n", ansatze[a], TERMS));
      double complex vector[4 * 12];
      double *f = pure_states(&s, vector), *df = rate_of(&s, f), sum = 0;
      worst[a] = fmax(worst[a], violation(&s, df, vector));
      for (size_t i = 0; i < 2 * s.n_k; i++) sum += df[i];
      if (a == 0) number = fmax(number, fabs(sum) / largest_of(df, s.n));
      kd_free(f), kd_free(df);
      stage_clear(&s);
    }
  print_message("rate out of bounds: lindblad %.2g, matrix %.2g, causal %.2g; number %.2g\n",
                worst[0], worst[1], worst[2], number);
  CHECK_BELOW(worst[0], 1e-14);
  CHECK_ABOVE(worst[1], 1e-2);
  CHECK_ABOVE(worst[2], 1e-2);
  CHECK_BELOW(number, 1e-13);
}

/// In states without coherence the populations follow the Boltzmann equation.
static void populations_alone_are_those_of_diagonal(void **state) {
  (void)state;
  char *model = random_model(2, 1, 2, (const size_t[]){4, 3});
  double *rate[2], *f = NULL, level[24];
  double complex vector[48];
  for (size_t a = 0; a < 2; a++) {
    stage s = collision_create(text_of("%s%s", model, THERMAL),
                               text_of("collisions: {ansatz: %s, broadening: 0.3, %s}\n",
                                       a ? "diagonal" : "lindblad", TERMS));
    if (!f) {
      double *h = new_reals(s.n);
      const kd_model_part part = {.energy = 1};
      kd_model_sample(s.model, (const double[3]){0}, &part, h);
      CHECK_OK(kd_eigen_field(2, s.n_k, h, level, vector));
      kd_free(h);
      f = new_reals(s.n);
      for (size_t k = 0; k < s.n_k; k++) {
        double complex band[4] = {0.5 + 0.5 * random_real(), 0, 0, 0.5 + 0.5 * random_real()};
        double complex matrix[4], scratch[4];
        kd_eigen_rotate(2, vector + 4 * k, false, band, matrix, scratch);
        kd_pack(matrix, 2, s.n_k, k, f);
      }
    }
    double *df = rate_of(&s, f);
    rate[a] = new_reals(2 * s.n_k);
    for (size_t k = 0; k < s.n_k; k++) {
      double complex matrix[4], band[4], scratch[4];
      kd_unpack(df, 2, s.n_k, k, matrix);
      kd_eigen_rotate(2, vector + 4 * k, true, matrix, band, scratch);
      for (size_t n = 0; n < 2; n++) rate[a][2 * k + n] = creal(band[3 * n]);
    }
    kd_free(df);
    stage_clear(&s);
  }
  CHECK_ABOVE(largest_of(rate[1], 24), 1e-3);
  CHECK_ARRAY(rate[0], rate[1], 24, 1e-14);
  kd_free(f), kd_free(rate[0]), kd_free(rate[1]);
  free(model);
}

/// Kernels much broader than the bands cannot tell levels apart, and one amplitude per pair is the
/// matrix of the vertex: the difference falls with the square of W/broadening.
static void broad_kernels_make_it_the_matrix_operator(void **state) {
  (void)state;
  char *model = random_model(2, 1, 2, (const size_t[]){4, 3});
  double difference[2], *f = NULL;
  for (int wide = 0; wide < 2; wide++) {
    double *df[2];
    size_t n = 0;
    for (size_t a = 0; a < 2; a++) {
      stage s = collision_create(
          text_of("%s%s", model, THERMAL),
          text_of("collisions: {ansatz: %s, broadening: %g, terms: [{kind: impurity, strength: 1}, "
                  "{kind: impurity, strength: 1, vertex: bond, form: {kind: gaussian, q0: 2}}]}\n",
                  a ? "matrix" : "lindblad", wide ? 4000. : 1000.));
      if (!f) f = random_field(2, s.n_k, 1);
      df[a] = rate_of(&s, f);
      n = s.n;
      stage_clear(&s);
    }
    difference[wide] = largest_difference(df[0], df[1], n) / largest_of(df[1], n);
    kd_free(df[0]), kd_free(df[1]);
  }
  print_message("%.3g, %.3g\n", difference[0], difference[1]);
  CHECK_BELOW(difference[0], 1e-4);
  CHECK_NEAR(difference[0] / difference[1], 16, 0.1);
  kd_free(f);
  free(model);
}

static void linearized_is_the_derivative(void **state) {
  (void)state;
  char *model = random_model(2, 1, 2, (const size_t[]){4, 3});
  stage s[2];
  for (int linearized = 0; linearized < 2; linearized++)
    s[linearized] = collision_create(
        text_of("%s%s", model, THERMAL),
        text_of("collisions: {ansatz: lindblad, linearised: %s, broadening: 0.3, %s}\n",
                linearized ? "true" : "false", TERMS));
  double *d = random_field(2, s[0].n_k, 1), *f = new_reals(s[0].n), *want = new_reals(s[0].n);
  const double step = 1e-3;
  for (int side = -1; side <= 1; side += 2) {
    for (size_t i = 0; i < s[0].n; i++) f[i] = s[0].state->f[i] + side * step * d[i];
    double *df = rate_of(&s[0], f);
    for (size_t i = 0; i < s[0].n; i++) want[i] += side * df[i] / (2 * step);
    kd_free(df);
  }
  for (size_t i = 0; i < s[0].n; i++) f[i] = s[0].state->f[i] + d[i];
  double *got = rate_of(&s[1], f), *value = rate_of(&s[0], s[0].state->f);
  for (size_t i = 0; i < s[0].n; i++) got[i] -= value[i];
  CHECK_BELOW(largest_difference(got, want, s[0].n) / largest_of(want, s[0].n), 1e-12);
  kd_free(d), kd_free(f), kd_free(want), kd_free(got), kd_free(value);
  stage_clear(&s[0]), stage_clear(&s[1]);
  free(model);
}

static void mistakes_are_reported(void **state) {
  (void)state;
  static const struct {
    const char *options, *message;
  } cases[] = {
      {"method: fft", "method: fft for ansatz lindblad"},
      {"kinetic_corrections: true", "kinetic_corrections: no principal values in ansatz lindblad"},
      {"terms: [{kind: impurity, strength: 1, energy_conserving: true}]",
       "terms: an energy_conserving term in ansatz lindblad"},
  };
  char *model = random_model(2, 1, 1, (const size_t[]){4});
  stage s;
  for (size_t i = 0; i < COUNT(cases); i++)
    CHECK_ERROR(collision_try(text_of("%s%s", model, THERMAL),
                              text_of("collisions: {ansatz: lindblad, broadening: 0.3, %s%s}\n",
                                      cases[i].options,
                                      i == 2 ? "" : ", terms: [{kind: impurity, strength: 1}]"),
                              &s),
                KD_ERROR_SCENARIO, cases[i].message);
  free(model);
  model = random_model(2, 1, 2, (const size_t[]){150, 150});
  CHECK_ERROR(collision_try(text_of("%s%s", model, THERMAL),
                            text_of("collisions: {ansatz: lindblad, broadening: 0.3, %s}\n", TERMS),
                            &s),
              KD_ERROR_SCENARIO, "lindblad needs a table of");
  free(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bounds_are_kept),
      cmocka_unit_test(populations_alone_are_those_of_diagonal),
      cmocka_unit_test(broad_kernels_make_it_the_matrix_operator),
      cmocka_unit_test(linearized_is_the_derivative),
      cmocka_unit_test(mistakes_are_reported),
  };
  return cmocka_run_group_tests_name("collision_lindblad", tests, NULL, NULL);
}
