/// Collisions at many points of R: matrices against one evaluation after another, exact flows, what
/// is linear in f, threads.
#include "collision_fixture.h"

#include <omp.h>

#include "collision/parts.h"
#include "collision/scattering.h"

enum { N_R = 70 }; ///< more than two panels of matrix products

#define PHONON "{kind: phonon, energy: 0.5, temperature: 0.3, coupling: 0.3}"
#define IMPURITIES                                                                                 \
  "{kind: impurity, strength: 0.3, vertex: scalar, form: {kind: gaussian, q0: 2}}, "               \
  "{kind: impurity, strength: 0.2, vertex: onsite}"

/// Thermal for bosons, too.
#define COLD_GAS                                                                                   \
  "initial: {kind: equilibrium, temperature: 0.3, chemical_potential: -3}\n" SHORT_RUN

static const char *const ANSATZE[] = {"matrix", "causal", "average", "diagonal"};
static const char *const STATISTICS[] = {"fermion", "boson", "classical"};

/// Some f at every R, [n_r][n], the same at every call; populations are 0.2 to 0.8.
static double *some_fields(const stage *s, size_t n_r) {
  double *f = new_reals(n_r * s->n);
  for (size_t i = 0; i < n_r * s->n; i++)
    f[i] = (i % s->n < s->n_band * s->n_k ? 0.5 : 0) + 0.3 * sin(1.7 * (double)i);
  return f;
}

/// An operator and its evaluation at many R.
typedef struct many {
  stage s;
  kd_scattering *scattering;
} many;

static many many_create(const char *model, const char *statistics, const char *collisions,
                        size_t n_r) {
  many m = {.s = collision_create(text_of("%sstatistics: %s\n%s", model, statistics, COLD_GAS),
                                  text_of("collisions: {broadening: 0.3, %s}\n", collisions))};
  CHECK_OK(kd_scattering_create(m.s.collision, n_r, n_r, &m.scattering));
  return m;
}

static void many_clear(many *m) {
  kd_scattering_free(m->scattering);
  stage_clear(&m->s);
}

static bool is_dense(const many *m) {
  return strcmp(kd_collision_statistics(m->s.collision).method, "dense") == 0;
}

/// Matrices give C[f] at every R.
static void rates_are_those_of_the_operator(void **state) {
  (void)state;
  char *models[] = {random_model(1, 1, 1, (const size_t[]){9}),
                    random_model(2, 1, 2, (const size_t[]){3, 2})};
  static const char *const terms[] = {PHONON, IMPURITIES, PHONON ", " IMPURITIES};
  size_t n_dense = 0;
  for (size_t i = 0; i < COUNT(models); i++)
    for (size_t t = 0; t < COUNT(terms); t++)
      for (size_t a = 0; a < COUNT(ANSATZE); a++)
        for (size_t b = 0; b < COUNT(STATISTICS); b++)
          for (int corrected = 0; corrected < 2; corrected++) {
            many m = many_create(models[i], STATISTICS[b],
                                 text_of("ansatz: %s, kinetic_corrections: %s, terms: [%s]",
                                         ANSATZE[a], corrected ? "true" : "false", terms[t]),
                                 N_R);
            n_dense += is_dense(&m);
            double *f = some_fields(&m.s, N_R), *df = new_reals(N_R * m.s.n);
            CHECK_OK(kd_scattering_rates(m.scattering, f, df));
            for (size_t r = 0; r < N_R; r += 23) {
              double *want = rate_of(&m.s, f + r * m.s.n);
              // Rounding of sums over the levels, against rates of size 1.
              CHECK_BELOW(largest_difference(df + r * m.s.n, want, m.s.n), 1e-12);
              CHECK_ABOVE(largest_of(want, m.s.n), 1e-3);
              kd_free(want);
            }
            kd_free(f), kd_free(df);
            many_clear(&m);
          }
  // All but `diagonal` with two bands, phonons and statistics, whose products at a k are dear.
  CHECK_ABOVE((double)n_dense, 100);
  free(models[0]), free(models[1]);
}

/// |C[f + g] - C[f] - C[g] + C[0]| over |C[f]|.
static double bend(const stage *s) {
  double *f = random_field(s->n_band, s->n_k, 0.5), *g = random_field(s->n_band, s->n_k, 0.5);
  double *sum = new_reals(s->n), *zero = new_reals(s->n);
  for (size_t i = 0; i < s->n; i++) sum[i] = f[i] + g[i];
  double *c[] = {rate_of(s, sum), rate_of(s, f), rate_of(s, g), rate_of(s, zero)};
  double most = 0;
  for (size_t i = 0; i < s->n; i++) most = fmax(most, fabs(c[0][i] - c[1][i] - c[2][i] + c[3][i]));
  most /= largest_of(c[1], s->n);
  for (size_t i = 0; i < COUNT(c); i++) kd_free(c[i]);
  kd_free(f), kd_free(g), kd_free(sum), kd_free(zero);
  return most;
}

/// Impurities scatter linearly in f for any statistics and Ansatz, phonons do not.
static void impurities_are_linear_in_f(void **state) {
  (void)state;
  char *model = random_model(3, 1, 2, (const size_t[]){3, 2});
  for (size_t a = 0; a < COUNT(ANSATZE); a++)
    for (size_t b = 0; b < COUNT(STATISTICS); b++)
      for (int corrected = 0; corrected < 2; corrected++)
        for (int phonons = 0; phonons < 2; phonons++) {
          many m = many_create(model, STATISTICS[b],
                               text_of("ansatz: %s, kinetic_corrections: %s, terms: [%s]",
                                       ANSATZE[a], corrected ? "true" : "false",
                                       phonons ? PHONON ", " IMPURITIES : IMPURITIES),
                               1);
          const bool is_linear = !phonons || strcmp(STATISTICS[b], "classical") == 0;
          assert_int_equal(kd_collision_is_affine(m.s.collision), is_linear);
          if (is_linear)
            CHECK_BELOW(bend(&m.s), 1e-13); // rounding
          else
            CHECK_ABOVE(bend(&m.s), 1e-3);
          many_clear(&m);
        }
  free(model);
}

/// f after dt by 600 steps of the Runge-Kutta method of order 4; rates of size 1 leave 1e-11.
static void runge_kutta(const stage *s, double dt, double *f) {
  const size_t n = s->n;
  enum { STEPS = 600 };
  const double h = dt / STEPS;
  double *k[4], *at = new_reals(n);
  for (int i = 0; i < 4; i++) k[i] = new_reals(n);
  for (int step = 0; step < STEPS; step++) {
    static const double weight[] = {0, 0.5, 0.5, 1};
    for (int i = 0; i < 4; i++) {
      for (size_t e = 0; e < n; e++) at[e] = f[e] + (i > 0 ? h * weight[i] * k[i - 1][e] : 0);
      CHECK_OK(kd_collision_rate(s->collision, at, k[i]));
    }
    for (size_t e = 0; e < n; e++) f[e] += h / 6 * (k[0][e] + 2 * k[1][e] + 2 * k[2][e] + k[3][e]);
  }
  for (int i = 0; i < 4; i++) kd_free(k[i]);
  kd_free(at);
}

/// |flow of dt - Runge-Kutta| at three R, the flow taken in `parts`; repeated so that kept matrices
/// take the place of the power series.
static double flow_error(many *m, double dt, size_t parts) {
  const size_t n = m->s.n;
  double *f = some_fields(&m->s, N_R), *want = new_reals(n), error = 0;
  double *start = new_reals(N_R * n);
  memcpy(start, f, N_R * n * sizeof *f);
  for (size_t i = 0; i < parts; i++)
    CHECK_OK(kd_scattering_flow(m->scattering, dt / (double)parts, f));
  for (size_t r = 0; r < N_R; r += 34) {
    memcpy(want, start + r * n, n * sizeof *want);
    runge_kutta(&m->s, dt, want);
    error = fmax(error, largest_difference(f + r * n, want, n));
  }
  kd_free(f), kd_free(want), kd_free(start);
  return error;
}

static void flow_is_exact_where_it_is_linear(void **state) {
  (void)state;
  char *model = random_model(2, 1, 1, (const size_t[]){7});
  static const struct {
    const char *statistics, *collisions;
    bool is_dense;
  } cases[] = {
      {"fermion", "ansatz: matrix, terms: [" IMPURITIES "]", true},
      {"classical", "ansatz: matrix, terms: [" PHONON ", " IMPURITIES "]", true},
      // With a constant part, C[f] = c + L f:
      {"fermion", "ansatz: causal, linearised: true, terms: [" PHONON "]", true},
      {"fermion", "ansatz: diagonal, reference: equilibrium, terms: [" IMPURITIES "]", true},
      {"fermion", "ansatz: t1_t2, t1: 0.7, t2: 0.4", false},
      {"classical", "ansatz: bgk, tau: 0.8", false}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    many m = many_create(model, cases[i].statistics, cases[i].collisions, N_R);
    assert_int_equal(is_dense(&m), cases[i].is_dense);
    // Series at the first, matrices with squarings from the second use on.
    for (size_t parts = 1; parts < 8; parts += 3) CHECK_BELOW(flow_error(&m, 3, parts), 1e-9);
    many_clear(&m);
  }
  free(model);
}

static void flow_is_of_second_order_elsewhere(void **state) {
  (void)state;
  char *models[] = {random_model(1, 1, 1, (const size_t[]){7}),
                    random_model(2, 1, 1, (const size_t[]){5})};
  for (size_t i = 0; i < COUNT(models); i++)
    for (int dense = 0; dense < 2; dense++) {
      many m = many_create(
          models[i], "fermion",
          text_of("ansatz: causal, method: %s, terms: [" PHONON "]", dense ? "auto" : "fft"), N_R);
      assert_int_equal(is_dense(&m), dense);
      // So short that no step is taken in parts.
      const double coarse = flow_error(&m, 0.4, 8), fine = flow_error(&m, 0.4, 16);
      CHECK_NEAR(log2(coarse / fine), 2, 0.1); // the next order is 1/8 of a step of 0.05
      many_clear(&m);
    }
  free(models[0]), free(models[1]);
}

/// Fast scattering is taken in parts, each R as many as it needs: the same with and without
/// matrices.
static void parts_do_not_depend_on_the_method(void **state) {
  (void)state;
  char *model = random_model(1, 1, 1, (const size_t[]){9});
  double *f[2] = {NULL};
  for (int dense = 0; dense < 2; dense++) {
    many m = many_create(
        model, "boson",
        text_of("ansatz: matrix, method: %s, terms: [" PHONON "]", dense ? "auto" : "fft"), N_R);
    assert_int_equal(is_dense(&m), dense);
    f[dense] = new_reals(N_R * m.s.n);
    for (size_t i = 0; i < N_R * m.s.n; i++)
      f[dense][i] =
          (double)(i / m.s.n + 1) * (1 + 0.3 * sin((double)i)); // emptied faster and faster
    CHECK_OK(kd_scattering_flow(m.scattering, 0.5, f[dense]));
    const double evaluations = (double)kd_collision_statistics(m.s.collision).evaluations;
    if (!dense) CHECK_ABOVE(evaluations, 20 * N_R);
    const size_t n = N_R * m.s.n;
    if (dense) CHECK_BELOW(largest_difference(f[0], f[1], n), 1e-11 * largest_of(f[0], n));
    many_clear(&m);
  }
  kd_free(f[0]), kd_free(f[1]);
  free(model);
}

/// Any number of threads gives the same bits, and counts the same.
static void threads_change_nothing(void **state) {
  (void)state;
  char *model = random_model(2, 1, 2, (const size_t[]){3, 3});
  static const char *const collisions[] = {
      "ansatz: matrix, terms: [" IMPURITIES "]", "ansatz: causal, terms: [" PHONON "]",
      "ansatz: matrix, method: fft, terms: [" PHONON ", " IMPURITIES "]",
      "ansatz: matrix, method: direct, terms: [" PHONON "]", "ansatz: t1_t2, t1: 0.7, t2: 0.4"};
  const int before = omp_get_max_threads();
  for (size_t i = 0; i < COUNT(collisions); i++) {
    double *f[2];
    kd_collision_cost cost[2];
    size_t n = 0;
    for (int several = 0; several < 2; several++) {
      omp_set_num_threads(several ? 3 : 1);
      many m = many_create(model, "fermion", collisions[i], N_R);
      n = N_R * m.s.n;
      f[several] = new_reals(n);
      for (size_t e = 0; e < n; e++) f[several][e] = 0.3 * sin((double)e);
      for (int step = 0; step < 3; step++)
        CHECK_OK(kd_scattering_flow(m.scattering, 0.2, f[several]));
      cost[several] = kd_collision_statistics(m.s.collision);
      many_clear(&m);
    }
    CHECK_BITWISE(f[1], f[0], n);
    assert_true(cost[0].evaluations == cost[1].evaluations && cost[0].ffts == cost[1].ffts);
    kd_free(f[0]), kd_free(f[1]);
  }
  omp_set_num_threads(before);
  free(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rates_are_those_of_the_operator),
      cmocka_unit_test(impurities_are_linear_in_f),
      cmocka_unit_test(flow_is_exact_where_it_is_linear),
      cmocka_unit_test(flow_is_of_second_order_elsewhere),
      cmocka_unit_test(parts_do_not_depend_on_the_method),
      cmocka_unit_test(threads_change_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
