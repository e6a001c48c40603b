/// What C[f] must obey whatever the bath, and the relaxation-time forms.
#include <omp.h>

#include "collision_fixture.h"

#include "core/eigen.h"

static const char *const METHODS[] = {"direct", "fft"};
static const char *const ANSATZE[] = {"matrix", "causal", "average", "diagonal"};
static const char *const STATISTICS[] = {"fermion", "boson", "classical"};
static const char *const TRUTH[] = {"false", "true"};

static const char DIRAC[] =
    "units: natural\nmodel: {kind: dirac2d, velocity: 1, gap: 0.3, k_max: 2}\n"
    "grid: {k: [4, 5]}\n";
static const char PHONONS[] =
    "{kind: phonon, energy: 0.5, temperature: 0.3, coupling: 0.3, form: {kind: gaussian, q0: 2}}, "
    "{kind: phonon, energy: 0.4, temperature: 0.3, coupling: 0.3, kernel: shifted, vertex: scalar, "
    "dispersion: {kind: acoustic, q0: 4}}";
static const char IMPURITIES[] =
    "{kind: impurity, strength: 0.2, form: {kind: yukawa, q0: 2}}, {kind: impurity, strength: 0.2, "
    "vertex: matrix, re: [[0.5, 0.2], [0.2, -0.3]], im: [[0, 0.4], [-0.4, 0]]}";

static char *two_bands(void) {
  return random_model(2, 1, 2, (const size_t[]){4, 3});
}

static double trace_sum(const stage *s, const double *df) {
  double sum = 0;
  for (size_t i = 0; i < s->n_band * s->n_k; i++) sum += df[i];
  return sum;
}

static double absolute_sum(const stage *s, const double *df) {
  double sum = 0;
  for (size_t i = 0; i < s->n; i++) sum += fabs(df[i]);
  return sum;
}

static void number_is_conserved(void **state) {
  (void)state;
  char *models[] = {two_bands(), strdup(DIRAC)};
  double worst = 0;
  for (size_t m = 0; m < COUNT(models); m++)
    for (size_t a = 0; a < COUNT(ANSATZE); a++)
      for (size_t b = 0; b < COUNT(METHODS); b++) {
        const size_t variant = m + a + b, theta = variant % 3;
        stage s = collision_create(
            text_of("%sstatistics: %s\ninitial: {kind: equilibrium, temperature: 0.3, "
                    "chemical_potential: -9}\n" SHORT_RUN,
                    models[m], STATISTICS[theta]),
            text_of("collisions: {ansatz: %s, method: %s, kinetic_corrections: %s, linearised: %s, "
                    "broadening: 0.3, terms: [%s, %s]}\n",
                    ANSATZE[a], METHODS[b], TRUTH[variant % 2], TRUTH[variant / 2 % 2], PHONONS,
                    IMPURITIES));
        double *f = random_field(2, s.n_k, 1), *df = rate_of(&s, f);
        worst = fmax(worst, fabs(trace_sum(&s, df)) / absolute_sum(&s, df));
        kd_free(f), kd_free(df);
        stage_clear(&s);
      }
  print_message("largest |sum Tr df| / sum |df| %.2g\n", worst);
  CHECK_BELOW(worst, 1e-13);
  for (size_t m = 0; m < COUNT(models); m++) free(models[m]);
}

static void thermal_functions_are_stationary(void **state) {
  (void)state;
  static const char *const ansatze[] = {"matrix", "average", "diagonal"};
  char *models[] = {two_bands(), strdup(DIRAC)};
  double worst = 0, least = 1;
  for (size_t m = 0; m < COUNT(models); m++)
    for (size_t a = 0; a < COUNT(ansatze); a++)
      for (size_t b = 0; b < COUNT(METHODS); b++)
        for (size_t theta = 0; theta < 3; theta++) {
          const bool is_cold = (m + a + b + theta) % 2;
          // Bosons and classical particles lie below the bands, where they have an occupation to
          // speak of.
          const double mu = theta == 0 ? 0.1 : -3.1, kt = is_cold ? 0.05 : 0.3;
          stage s = collision_create(
              text_of("%sstatistics: %s\ninitial: {kind: equilibrium, temperature: %g, "
                      "chemical_potential: %g}\n" SHORT_RUN,
                      models[m], STATISTICS[theta], kt, mu),
              text_of(
                  "collisions: {ansatz: %s, method: %s, broadening: %g, terms: [{kind: phonon, "
                  "energy: 0.5, temperature: %g, coupling: 0.3, form: {kind: gaussian, q0: 2}}, "
                  "{kind: phonon, energy: 0.4, temperature: %g, coupling: 0.3, vertex: scalar, "
                  "kernel: %s, dispersion: {kind: acoustic, q0: 4}}]}\n",
                  ansatze[a], METHODS[b], is_cold ? 0.1 : 0.3, kt, kt,
                  is_cold ? "spectral" : "shifted"));
          // With all of f at one k there is little but scattering out of it; the largest occupation
          // there in every level gives the largest out-rate, which is what rounding is proportional
          // to.
          double *df = rate_of(&s, s.state->f), *out = new_reals(s.n), *one = new_reals(s.n);
          double out_rate = 0;
          const double most = largest_of(s.state->f, 2 * s.n_k);
          for (size_t k = 0; k < s.n_k; k += s.n_k / 3) {
            for (size_t i = 0; i < s.n; i++) one[i] = i % s.n_k == k && i < 2 * s.n_k ? most : 0;
            CHECK_OK(kd_collision_rate(s.collision, one, out));
            for (size_t e = 0; e < 4; e++) out_rate = fmax(out_rate, fabs(out[e * s.n_k + k]));
          }
          const double residue = largest_of(df, s.n) / out_rate;
          worst = fmax(worst, residue);
          // Another temperature is not stationary.
          for (size_t i = 0; i < 2 * s.n_k; i++) s.state->f[i] *= 0.9;
          CHECK_OK(kd_collision_rate(s.collision, s.state->f, df));
          if (theta != 2) least = fmin(least, largest_of(df, s.n) / out_rate);
          kd_free(df), kd_free(out), kd_free(one);
          stage_clear(&s);
        }
  print_message("largest residue over out-rate %.2g, of a wrong function at least %.2g\n", worst,
                least);
  CHECK_BELOW(worst, 1e-13);
  CHECK_ABOVE(least, 1e-9);
  for (size_t m = 0; m < COUNT(models); m++) free(models[m]);
}

/// sum_k C = 0 as a matrix for a scalar vertex: spin is conserved.
static void scalar_vertices_conserve_every_matrix_element(void **state) {
  (void)state;
  char *models[] = {two_bands(), strdup(DIRAC)};
  double worst = 0, diagonal = INFINITY, onsite = INFINITY;
  for (size_t m = 0; m < COUNT(models); m++)
    for (size_t a = 0; a < COUNT(ANSATZE); a++)
      for (size_t b = 0; b < COUNT(METHODS); b++)
        for (int is_scalar = 0; is_scalar < 2; is_scalar++) {
          const size_t principal = (m + b) % 2;
          stage s = collision_create(
              text_of("%s%s", models[m], THERMAL),
              text_of(
                  "collisions: {ansatz: %s, method: %s, kinetic_corrections: %s, broadening: 0.3, "
                  "terms: [{kind: phonon, energy: 0.5, temperature: 0.3, coupling: 0.3, vertex: "
                  "%s, "
                  "dispersion: {kind: acoustic, q0: 4}}, {kind: impurity, strength: 0.3, vertex: "
                  "%s, "
                  "form: {kind: yukawa, q0: 2}}]}\n",
                  ANSATZE[a], METHODS[b], TRUTH[principal], is_scalar ? "scalar" : "onsite",
                  is_scalar ? "scalar" : "onsite"));
          double *f = random_field(2, s.n_k, 1), *df = rate_of(&s, f);
          double defect = 0;
          for (size_t e = 0; e < 4; e++) {
            double sum = 0;
            for (size_t k = 0; k < s.n_k; k++) sum += df[e * s.n_k + k];
            defect = fmax(defect, fabs(sum));
          }
          defect /= absolute_sum(&s, df);
          if (is_scalar && a < 2) worst = fmax(worst, defect);
          if (is_scalar && a == 3) diagonal = fmin(diagonal, defect);
          if (!is_scalar && a < 2) onsite = fmin(onsite, defect);
          kd_free(f), kd_free(df);
          stage_clear(&s);
        }
  print_message("matrix, causal %.2g; diagonal at least %.2g; onsite at least %.2g\n", worst,
                diagonal, onsite);
  CHECK_BELOW(worst, 1e-13);
  CHECK_ABOVE(diagonal, 1e-4);
  CHECK_ABOVE(onsite, 1e-4);
  for (size_t m = 0; m < COUNT(models); m++) free(models[m]);
}

/// Bands of the model by LAPACK.
static void bands_of(const stage *s, double *level, double complex *vector) {
  double *h = new_reals(s->n);
  const kd_model_part part = {.energy = 1};
  kd_model_sample(s->model, (const double[3]){0}, &part, h);
  CHECK_OK(kd_eigen_field(s->n_band, s->n_k, h, level, vector));
  kd_free(h);
}

/// sum over levels of df [ln((1 - f)/f) - (e - mu)/kT] >= 0: entropy of carriers and phonons.
static void entropy_never_falls(void **state) {
  (void)state;
  char *model = two_bands();
  double least = INFINITY;
  for (size_t b = 0; b < COUNT(METHODS); b++)
    for (int is_phonon = 0; is_phonon < 2; is_phonon++) {
      stage s = collision_create(
          text_of("%s%s", model, THERMAL),
          text_of("collisions: {ansatz: diagonal, method: %s, broadening: 0.2, terms: [%s]}\n",
                  METHODS[b], is_phonon ? PHONONS : IMPURITIES));
      double level[2 * 12], *f = new_reals(s.n), *df = new_reals(s.n);
      double complex vector[4 * 12];
      bands_of(&s, level, vector);
      for (int turn = 0; turn < 50; turn++) {
        double rise = 0, scale = 0, population[2 * 12];
        for (size_t k = 0; k < s.n_k; k++) {
          double complex band[4] = {0}, matrix[4], scratch[4];
          for (size_t n = 0; n < 2; n++) {
            // Occupations of all sizes, close to 0 and 1 too.
            population[2 * k + n] = 1 / (1 + exp(8 * random_real()));
            band[3 * n] = population[2 * k + n];
          }
          kd_eigen_rotate(2, vector + 4 * k, false, band, matrix, scratch);
          kd_pack(matrix, 2, s.n_k, k, f);
        }
        CHECK_OK(kd_collision_rate(s.collision, f, df));
        for (size_t k = 0; k < s.n_k; k++) {
          double complex band[4], matrix[4], scratch[4];
          kd_unpack(df, 2, s.n_k, k, matrix);
          kd_eigen_rotate(2, vector + 4 * k, true, matrix, band, scratch);
          CHECK_NEAR(cabs(band[1]), 0, 1e-15);
          for (size_t n = 0; n < 2; n++) {
            const double p = population[2 * k + n];
            const double term =
                creal(band[3 * n]) * (log((1 - p) / p) - (is_phonon ? level[2 * k + n] / 0.3 : 0));
            rise += term;
            scale += fabs(term);
          }
        }
        least = fmin(least, rise / scale);
      }
      kd_free(f), kd_free(df);
      stage_clear(&s);
    }
  print_message("least entropy production %.3g\n", least);
  CHECK_ABOVE(least, 0.01);
  free(model);
}

static void linearized_is_the_derivative(void **state) {
  (void)state;
  char *model = two_bands();
  double worst = 0;
  for (size_t a = 0; a < COUNT(ANSATZE); a++)
    for (size_t b = 0; b < COUNT(METHODS); b++)
      for (int principal = 0; principal < 2; principal++) {
        stage s[2];
        for (int linearized = 0; linearized < 2; linearized++)
          s[linearized] = collision_create(
              text_of("%s%s", model, THERMAL),
              text_of(
                  "collisions: {ansatz: %s, method: %s, kinetic_corrections: %s, linearised: %s, "
                  "broadening: 0.3, temperature: 0.4, chemical_potential: 0.2, terms: [%s, %s]}\n",
                  ANSATZE[a], METHODS[b], TRUTH[principal], TRUTH[linearized], PHONONS,
                  IMPURITIES));
        // f_eq at the temperature and chemical potential of the section.
        stage thermal = stage_create(text_of("%sinitial: {kind: equilibrium, temperature: 0.4, "
                                             "chemical_potential: 0.2}\n" SHORT_RUN,
                                             model),
                                     TO_INITIAL);
        const size_t n = s[0].n;
        const double *eq = thermal.state->f;
        double *d = random_field(2, s[0].n_k, 1), *f = new_reals(n), *want = new_reals(n);
        double *g = random_field(2, s[0].n_k, 1), *mixed = new_reals(n);
        double *at_eq = rate_of(&s[0], eq);
        // C is quadratic, so the central difference is exact.
        for (size_t i = 0; i < n; i++) f[i] = eq[i] - d[i];
        double *minus = rate_of(&s[0], f);
        for (size_t i = 0; i < n; i++) f[i] = eq[i] + d[i];
        double *plus = rate_of(&s[0], f), *got = rate_of(&s[1], f), *other = rate_of(&s[1], g);
        for (size_t i = 0; i < n; i++) want[i] = at_eq[i] + 0.5 * (plus[i] - minus[i]);
        const double scale = largest_of(want, n);
        worst = fmax(worst, largest_difference(got, want, n) / scale);
        if (a != 3) CHECK_ABOVE(largest_difference(got, plus, n) / scale, 1e-3);
        // Affine: mixtures go to mixtures.
        for (size_t i = 0; i < n; i++) mixed[i] = 1.7 * f[i] - 0.7 * g[i];
        double *together = rate_of(&s[1], mixed);
        for (size_t i = 0; i < n; i++) want[i] = 1.7 * got[i] - 0.7 * other[i];
        worst = fmax(worst, largest_difference(together, want, n) / scale);
        kd_free(d), kd_free(f), kd_free(want), kd_free(g), kd_free(mixed), kd_free(at_eq);
        kd_free(minus), kd_free(plus), kd_free(got), kd_free(other), kd_free(together);
        stage_clear(&s[0]), stage_clear(&s[1]), stage_clear(&thermal);
      }
  print_message("largest deviation %.2g\n", worst);
  CHECK_BELOW(worst, 1e-13);
  free(model);
}

static void reference_equilibrium_vanishes_there(void **state) {
  (void)state;
  char *model = two_bands();
  for (size_t a = 0; a < COUNT(ANSATZE); a++)
    for (int linearized = 0; linearized < 2; linearized++) {
      double *df[2], *d = NULL;
      for (int subtracts = 0; subtracts < 2; subtracts++) {
        stage s = collision_create(
            text_of("%s%s", model, THERMAL),
            text_of(
                "collisions: {ansatz: %s, method: fft, kinetic_corrections: true, linearised: %s, "
                "reference: %s, broadening: 0.3, terms: [%s, %s]}\n",
                ANSATZE[a], TRUTH[linearized], subtracts ? "equilibrium" : "none", PHONONS,
                IMPURITIES));
        df[subtracts] = rate_of(&s, s.state->f);
        if (!subtracts)
          CHECK_ABOVE(largest_of(df[0], s.n), 1e-4);
        else {
          CHECK_BELOW(largest_of(df[1], s.n) / largest_of(df[0], s.n), 1e-13);
          d = random_field(2, s.n_k, 1);
          CHECK_OK(kd_collision_rate(s.collision, d, df[1]));
          CHECK_ABOVE(largest_of(df[1], s.n), 1e-3);
          kd_free(d);
        }
        stage_clear(&s);
      }
      kd_free(df[0]), kd_free(df[1]);
    }
  free(model);
}

static void threads_change_no_bit(void **state) {
  (void)state;
  static const char *const operators[] = {
      "ansatz: matrix, method: fft, kinetic_corrections: true, terms: [{kind: impurity, strength: "
      "0.2}, "
      "{kind: phonon, energy: 0.5, temperature: 0.5, coupling: 0.3, vertex: scalar, form: {kind: "
      "yukawa, q0: 2}}]",
      "ansatz: average, method: fft, terms: [{kind: phonon, energy: 0.5, temperature: 0.5, "
      "coupling: 0.3}]",
      "ansatz: diagonal, method: direct, terms: [{kind: phonon, energy: 0.5, temperature: 0.5, "
      "coupling: "
      "0.3}]",
      "ansatz: t1_t2, t1: 1, t2: 2", "ansatz: bgk, tau: 2"};
  const int before = omp_get_max_threads();
  for (size_t c = 0; c < COUNT(operators); c++) {
    const size_t side = c == 2 ? 10 : 46;
    char *model = random_model(2, 1, 2, (const size_t[]){side, side});
    double *first = NULL, *f = NULL;
    static const int threads[] = {1, 2, 5};
    for (size_t t = 0; t < COUNT(threads); t++) {
      omp_set_num_threads(threads[t]);
      stage s = collision_create(text_of("%s%s", model, THERMAL),
                                 text_of("collisions: {broadening: 0.5, %s}\n", operators[c]));
      if (!f) f = random_field(2, s.n_k, 0.1);
      if (!first)
        for (size_t i = 0; i < 2 * s.n_k; i++) f[i] += 0.5;
      double *df = rate_of(&s, f);
      if (!first)
        first = df;
      else {
        CHECK_BITWISE(df, first, s.n);
        // Other numbers of threads at creation and at evaluation.
        omp_set_num_threads(4);
        CHECK_OK(kd_collision_rate(s.collision, f, df));
        CHECK_BITWISE(df, first, s.n);
        kd_free(df);
      }
      stage_clear(&s);
    }
    kd_free(first), kd_free(f);
    free(model);
  }
  omp_set_num_threads(before);
}

/// Two copies of a model: mixing them by any unitary commutes with C for scalar vertices, although
/// the eigenvectors of the degenerate levels that the program uses know nothing of it.
static void degenerate_levels_have_no_preferred_basis(void **state) {
  (void)state;
  static const double complex u[2][2] = {{0.6, 0.8 * I}, {0.8, -0.6 * I}};
  enum { N = 2, W = 4, N_K = 6 };
  char *collisions = NULL, *model = random_model(N, 2, 1, (const size_t[]){N_K});
  double worst = 0;
  for (size_t a = 0; a < COUNT(ANSATZE); a++)
    for (size_t b = 0; b < COUNT(METHODS); b++) {
      assert_true(
          asprintf(&collisions,
                   "collisions: {ansatz: %s, method: %s, kinetic_corrections: true, broadening: "
                   "0.3, terms: [{kind: phonon, energy: 0.5, temperature: 0.3, coupling: 0.3, "
                   "vertex: scalar, dispersion: {kind: acoustic, q0: 4}}, {kind: impurity, "
                   "strength: 0.3, vertex: scalar, form: {kind: yukawa, q0: 2}}]}\n",
                   ANSATZE[a], METHODS[b]) > 0);
      stage s = collision_create(text_of("%s%s", model, THERMAL), collisions);
      assert_int_equal(s.n_band, W);
      double complex big[W][W] = {{0}};
      for (size_t c = 0; c < 2; c++)
        for (size_t d = 0; d < 2; d++)
          for (size_t i = 0; i < N; i++) big[c * N + i][d * N + i] = u[c][d];
      double *f = random_field(W, N_K, 1), *turned = new_reals(s.n), *want = new_reals(s.n);
      double *df = rate_of(&s, f);
      for (size_t k = 0; k < N_K; k++) {
        double complex m[W * W], r[W * W];
        kd_unpack(f, W, N_K, k, m);
        dense_rotate(W, &big[0][0], false, m, r);
        kd_pack(r, W, N_K, k, turned);
        kd_unpack(df, W, N_K, k, m);
        dense_rotate(W, &big[0][0], false, m, r);
        kd_pack(r, W, N_K, k, want);
      }
      double *got = rate_of(&s, turned);
      worst = fmax(worst, largest_difference(got, want, s.n) / largest_of(want, s.n));
      kd_free(f), kd_free(turned), kd_free(want), kd_free(df), kd_free(got);
      stage_clear(&s);
      free(collisions);
    }
  print_message("largest deviation %.2g\n", worst);
  CHECK_BELOW(worst, 1e-12);
  free(model);
}

// --- relaxation-time forms ----------------------------------------------------------------------

static void relaxation_of_bands(void **state) {
  (void)state;
  static const char *const models[] = {DIRAC1D "grid: {k: [6]}\n", SSH "grid: {k: [6]}\n"};
  for (size_t m = 0; m < COUNT(models); m++) {
    stage s = collision_create(models[m], "collisions: {ansatz: t1_t2, t1: 200 fs, t2: 30 fs, "
                                          "temperature: 2000 K, chemical_potential: 0.05 eV}\n");
    assert_false(kd_collision_is_none(s.collision));
    double *f = random_field(2, s.n_k, 1), *df = rate_of(&s, f), level[12];
    double complex vector[24];
    bands_of(&s, level, vector);
    for (size_t k = 0; k < s.n_k; k++) {
      double complex matrix[4], have[4], got[4];
      kd_unpack(f, 2, s.n_k, k, matrix);
      dense_rotate(2, vector + 4 * k, true, matrix, have);
      kd_unpack(df, 2, s.n_k, k, matrix);
      dense_rotate(2, vector + 4 * k, true, matrix, got);
      for (size_t n = 0; n < 2; n++) {
        const double eq = 1 / (exp((level[2 * k + n] - 0.05) / (K_BOLTZMANN * 2000)) + 1);
        have[3 * n] = -(have[3 * n] - eq) / 200;
      }
      have[1] /= -30, have[2] /= -30;
      CHECK_BELOW(dense_distance(2, got, have), 1e-16);
    }
    kd_free(f), kd_free(df);
    stage_clear(&s);
  }
}

/// In two copies of a chain every level is doubly degenerate, so everything relaxes in t1.
static void relaxation_of_degenerate_levels(void **state) {
  (void)state;
  char *model = random_model(1, 2, 1, (const size_t[]){5});
  stage s = collision_create(text_of("%s%s", model, THERMAL),
                             "collisions: {ansatz: t1_t2, t1: 4, t2: 1}\n");
  double *f = random_field(2, s.n_k, 1), *df = rate_of(&s, f);
  for (size_t i = 0; i < s.n; i++) f[i] = -(f[i] - s.state->f[i]) / 4;
  CHECK_ARRAY(df, f, s.n, 1e-15);
  CHECK_ABOVE(largest_of(df + 2 * s.n_k, 2 * s.n_k), 0.01);
  kd_free(f), kd_free(df);
  stage_clear(&s);
  free(model);
}

static void relaxation_to_the_local_equilibrium(void **state) {
  (void)state;
  static const double filling = 0.83;
  for (int given = 0; given < 2; given++) {
    stage s = collision_create(
        SSH "grid: {k: [6]}\ninitial: {kind: equilibrium, temperature: 900 K, filling: 0.5}\n",
        given ? "collisions: {ansatz: bgk, tau: 50 fs, temperature: 3000 K}\n"
              : "collisions: {ansatz: bgk, tau: 50 fs}\n");
    stage target = stage_create(
        text_of(SSH
                "grid: {k: [6]}\ninitial: {kind: equilibrium, temperature: %d K, filling: %g}\n",
                given ? 3000 : 900, filling),
        TO_INITIAL);
    double *f = random_field(2, s.n_k, 0.3);
    double number = 0;
    for (size_t i = 0; i < 2 * s.n_k; i++) number += f[i];
    for (size_t i = 0; i < 2 * s.n_k; i++)
      f[i] += (filling * (double)s.n_k - number) / (double)(2 * s.n_k);
    double *df = rate_of(&s, f), *want = new_reals(s.n);
    for (size_t i = 0; i < s.n; i++) want[i] = -(f[i] - target.state->f[i]) / 50;
    CHECK_ARRAY(df, want, s.n, 1e-14);
    CHECK_NEAR(trace_sum(&s, df), 0, 1e-14);
    // The same again after another number: nothing is remembered.
    for (size_t i = 0; i < s.n; i++) want[i] = 0.5 * f[i];
    kd_free(rate_of(&s, want));
    double *again = rate_of(&s, f);
    CHECK_BITWISE(again, df, s.n);
    kd_free(f), kd_free(df), kd_free(want), kd_free(again);
    stage_clear(&s), stage_clear(&target);
  }
}

/// The rates of `rta` are those about the equilibrium that the section names.
static void relaxation_rates_are_those_of_the_equilibrium_named(void **state) {
  (void)state;
  static const char *const initial[] = {
      "initial: {kind: equilibrium, temperature: 900 K, chemical_potential: 0.05 eV}\n",
      "initial: {kind: bands, occupation: [0.7, 0.2]}\n",
      "initial: {kind: equilibrium, temperature: 300 K, filling: 1.2}\n"};
  double *f = NULL, *want = NULL;
  for (size_t i = 0; i < COUNT(initial); i++) {
    stage s = collision_create(
        text_of(SSH "grid: {k: [6]}\n%s", initial[i]),
        "collisions: {ansatz: rta, temperature: 900 K, chemical_potential: 0.05 eV, broadening: "
        "40 meV, terms: [{kind: phonon, energy: 0.2 eV, coupling: 50 meV, temperature: 900 K}]}\n");
    if (!f) f = random_field(2, s.n_k, 0.3);
    double *df = rate_of(&s, f);
    if (!want)
      want = df;
    else {
      CHECK_BITWISE(df, want, s.n);
      kd_free(df);
    }
    stage_clear(&s);
  }
  CHECK_ABOVE(largest_of(want, 24), 1e-4);
  kd_free(f), kd_free(want);
}

static void none_is_nothing(void **state) {
  (void)state;
  stage s = collision_create(SSH "grid: {k: [6]}\n", "");
  assert_true(kd_collision_is_none(s.collision));
  assert_string_equal(kd_collision_statistics(s.collision).ansatz, "none");
  double *f = random_field(2, s.n_k, 1), *df = rate_of(&s, f);
  CHECK_NEAR(largest_of(df, s.n), 0, 0);
  assert_int_equal(kd_collision_bytes(s.collision), 0);
  kd_free(f), kd_free(df);
  stage_clear(&s);
  kd_collision_free(NULL);
}

static void mistakes_are_reported(void **state) {
  (void)state;
#define IMPURITY "terms: [{kind: impurity, strength: 1 eV}], broadening: 10 meV"
#define BANDS "initial: {kind: bands, occupation: [1, 0]}\n"
  static const struct {
    const char *initial, *collisions, *message;
  } cases[] = {
      {"", "ansatz: t1_t2, t2: 1 fs", "collisions.ansatz: t1_t2 needs the key t1"},
      {"", "ansatz: t1_t2, t1: 1 fs", "collisions.ansatz: t1_t2 needs the key t2"},
      {"", "ansatz: bgk, t1: 1 fs", "collisions.ansatz: bgk needs the key tau"},
      {"", "ansatz: matrix",
       "collisions.terms: no terms (expected at least one bath for ansatz matrix)"},
      {"", "ansatz: matrix, terms: [{kind: impurity, strength: 1 eV}]", "broadening: not given"},
      {BANDS, "ansatz: t1_t2, t1: 1 fs, t2: 1 fs, temperature: 1 K",
       "no equilibrium to refer to (expected temperature and chemical_potential here"},
      {BANDS, "ansatz: bgk, tau: 1 fs",
       "no equilibrium to refer to (expected temperature here, since initial is not thermal)"},
      {BANDS, "ansatz: matrix, linearised: true, " IMPURITY, "no equilibrium to refer to"},
      {BANDS, "ansatz: matrix, reference: equilibrium, " IMPURITY, "no equilibrium to refer to"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    stage s;
    char *section = NULL;
    assert_true(asprintf(&section, "collisions: {%s}\n", cases[i].collisions) > 0);
    CHECK_ERROR(collision_try(text_of(SSH "grid: {k: [6]}\n%s", cases[i].initial), section, &s),
                KD_ERROR_SCENARIO, cases[i].message);
    free(section);
  }
  // With both keys, or where none is needed, any initial state will do.
  stage s = collision_create(SSH "grid: {k: [6]}\n" BANDS,
                             "collisions: {ansatz: t1_t2, t1: 1 fs, t2: 1 fs, temperature: 1 K, "
                             "chemical_potential: 0 eV}\n");
  stage_clear(&s);
  s = collision_create(SSH "grid: {k: [6]}\n" BANDS,
                       "collisions: {ansatz: matrix, " IMPURITY "}\n");
  stage_clear(&s);
}

static void doubtful_broadenings_are_said(void **state) {
  (void)state;
  static const struct {
    const char *terms;
    size_t count;
    const char *texts[2];
  } cases[] = {
      {"{kind: phonon, energy: 0.5, temperature: 0.5, coupling: 1, broadening: 0.125}", 0, {NULL}},
      {"{kind: impurity, strength: 1, broadening: 0.5}, {kind: phonon, energy: 0.5, temperature: "
       "1, coupling: 1, broadening: 0.13}",
       1,
       {"collisions.terms.1.broadening: 0.13 where its rates need at most 0.125 (a "
        "quarter of the smaller of its energy and kT)"}},
      {"{kind: phonon, energy: 9, temperature: 0.4, coupling: 1, broadening: 0.2, kernel: shifted}",
       1,
       {"at most 0.1 (a quarter of its kT)"}},
      {"{kind: impurity, strength: 1, broadening: 0.4, energy_conserving: true}",
       1,
       {"at most 0.3 (the temperature of the carriers)"}},
      {"{kind: impurity, strength: 1, broadening: 1e-3}",
       1,
       {"collisions.terms.0.broadening: only 2 levels of the grid lie within 0.001 of a "
        "level, so scattering depends on where the points are: raise grid.k to [128]"}},
  };
  for (size_t c = 0; c < COUNT(cases); c++) {
    static kd_warnings warnings;
    warnings.count = 0;
    stage s =
        collision_create("units: natural\nmodel: {kind: chain, J: 0.5}\ngrid: {k: "
                         "[64]}\n" THERMAL,
                         text_of("collisions: {ansatz: matrix, terms: [%s]}\n", cases[c].terms));
    kd_collision_warn(s.collision, &warnings);
    assert_int_equal(warnings.count, cases[c].count);
    for (size_t i = 0; i < warnings.count; i++)
      if (!strstr(warnings.text[i], cases[c].texts[i]))
        fail_msg("%s\nexpected: %s", warnings.text[i], cases[c].texts[i]);
    stage_clear(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(number_is_conserved),
      cmocka_unit_test(thermal_functions_are_stationary),
      cmocka_unit_test(scalar_vertices_conserve_every_matrix_element),
      cmocka_unit_test(entropy_never_falls),
      cmocka_unit_test(linearized_is_the_derivative),
      cmocka_unit_test(reference_equilibrium_vanishes_there),
      cmocka_unit_test(threads_change_no_bit),
      cmocka_unit_test(degenerate_levels_have_no_preferred_basis),
      cmocka_unit_test(relaxation_of_bands),
      cmocka_unit_test(relaxation_of_degenerate_levels),
      cmocka_unit_test(relaxation_to_the_local_equilibrium),
      cmocka_unit_test(relaxation_rates_are_those_of_the_equilibrium_named),
      cmocka_unit_test(none_is_nothing),
      cmocka_unit_test(doubtful_broadenings_are_said),
      cmocka_unit_test(mistakes_are_reported),
  };
  return cmocka_run_group_tests_name("collision", tests, NULL, NULL);
}
