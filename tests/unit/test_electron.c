/// Scattering of the carriers from one another: back ends, number, energy, momentum, entropy,
/// thermal functions, momentum transfer.
#include "collision_fixture.h"

#include "collision/electron.h"
#include "core/packing.h"

static const char *const METHODS[] = {"direct", "fft"};
static const char *const ANSATZE[] = {"matrix", "causal", "average", "diagonal"};
static const char *const TERMS[] = {
    "{kind: electron, U: [0.6, 0.9]}",
    "{kind: electron, U: 0.5, interaction: density, form: {kind: yukawa, q0: 2}}"};
static const char *const STATISTICS[] = {"fermion", "boson", "classical"};

static const char DIRAC[] =
    "units: natural\nmodel: {kind: dirac2d, velocity: 1, gap: 0.3, k_max: 2, spin_degeneracy: 2}\n"
    "grid: {k: [3, 4]}\n";

static void back_ends_agree_and_conserve(void **state) {
  (void)state;
  char *models[] = {random_model(2, 1, 2, (const size_t[]){4, 3}), strdup(DIRAC),
                    random_model(1, 1, 1, (const size_t[]){9})};
  double number = 0, energy = 0, between = 0;
  for (size_t m = 0; m < COUNT(models); m++)
    for (size_t a = 0; a < COUNT(ANSATZE); a++)
      for (size_t q = 0; q < COUNT(TERMS); q++) {
        // Principal values in the reference are slow, and do not depend on the form.
        if (a == 1 && m == 0) continue;
        double *df[2], *f = NULL;
        const char *term = m == 2 && q == 0 ? "{kind: electron, U: 0.6}" : TERMS[q];
        for (size_t b = 0; b < COUNT(METHODS); b++) {
          stage s = collision_create(
              text_of("statistics: %s\n%s%s", STATISTICS[(a + m) % 3], models[m],
                      "initial: {kind: equilibrium, temperature: 1, chemical_potential: "
                      "-9}\n" SHORT_RUN),
              text_of("collisions: {ansatz: %s, method: %s, broadening: 0.5, terms: [%s]}\n",
                      ANSATZE[a], METHODS[b], term));
          if (!f) f = random_state(&s);
          df[b] = rate_of(&s, f);
          double *one = new_reals(s.n), *h = hamiltonian(&s);
          for (size_t i = 0; i < s.n_band * s.n_k; i++) one[i] = 1;
          number = fmax(number, cancellation(s.n_band * s.n_k, one, df[b]));
          energy = fmax(energy, cancellation(s.n, h, df[b]));
          if (b == 1) {
            const double scale = largest_of(df[0], s.n);
            CHECK_ABOVE(scale, 1e-4);
            between = fmax(between, largest_difference(df[0], df[1], s.n) / scale);
          }
          kd_free(one), kd_free(h);
          stage_clear(&s);
        }
        kd_free(f), kd_free(df[0]), kd_free(df[1]);
      }
  print_message("number %.2g, energy %.2g, back ends %.2g\n", number, energy, between);
  CHECK_BELOW(number, 1e-12);
  CHECK_BELOW(energy, 1e-12);
  CHECK_BELOW(between, 1e-11);
  for (size_t m = 0; m < COUNT(models); m++) free(models[m]);
}

/// Stages of one square lattice, with an operator of one term.
static stage square(const char *statistics, double temperature, double mu, const char *grid,
                    const char *term) {
  return collision_create(
      text_of("units: natural\nmodel: {kind: square, J: 0.7, spin_degeneracy: 2}\ngrid: {k: %s}\n"
              "statistics: %s\ninitial: {kind: equilibrium, temperature: %g, chemical_potential: "
              "%g}\n" SHORT_RUN,
              grid, statistics, temperature, mu),
      text_of("collisions: {ansatz: diagonal, method: fft, terms: [%s]}\n", term));
}

static void thermal_functions_are_stationary(void **state) {
  (void)state;
  char *model = random_model(2, 1, 2, (const size_t[]){4, 3});
  double worst = 0, plain = INFINITY;
  for (size_t theta = 0; theta < COUNT(STATISTICS); theta++)
    for (size_t q = 0; q < COUNT(TERMS); q++)
      for (int keeps = 0; keeps < 2; keeps++) {
        const double kt = q ? 0.4 : 0.9;
        char *begin = strdup(text_of("%sstatistics: %s\ninitial: {kind: equilibrium, temperature: "
                                     "%g, chemical_potential: %g}\n" SHORT_RUN,
                                     model, STATISTICS[theta], kt, theta ? -3.1 : 0.1));
        stage s = collision_create(
            begin,
            text_of("collisions: {ansatz: matrix, method: fft, broadening: 0.3, terms: [{kind: "
                    "electron, energy_conserving: %s, %s]}\n",
                    keeps ? "true" : "false", strchr(TERMS[q], 'U')));
        double *df = rate_of(&s, s.state->f);
        const double residue = largest_of(df, s.n) / largest_of(s.state->f, 2 * s.n_k);
        if (keeps)
          worst = fmax(worst, residue);
        else
          plain = fmin(plain, residue);
        kd_free(df);
        stage_clear(&s);
        free(begin);
      }
  print_message("largest residue %.2g, of plain broadening at least %.2g\n", worst, plain);
  CHECK_BELOW(worst, 1e-13);
  CHECK_ABOVE(plain, 1e-5);
  free(model);
}

/// dS/dt = sum_k df_k/dt ln((1 + theta f)/f) cannot be negative, for any f of one band.
static void entropy_never_falls(void **state) {
  (void)state;
  double least = INFINITY;
  for (int theta = -1; theta <= 1; theta++)
    for (size_t q = 0; q < 2; q++) {
      stage s = square(STATISTICS[theta < 0 ? 0 : 2 - theta], 1, -4, "[5, 4]",
                       q ? "{kind: electron, U: 0.4, broadening: 0.3, interaction: density}"
                         : "{kind: electron, U: 0.4, broadening: 0.3}");
      double *f = new_reals(s.n), *df = new_reals(s.n);
      for (int turn = 0; turn < 20; turn++) {
        double rise = 0, scale = 0;
        for (size_t k = 0; k < s.n; k++) f[k] = 1 / (1 + exp(2.5 * random_real()));
        CHECK_OK(kd_collision_rate(s.collision, f, df));
        for (size_t k = 0; k < s.n; k++) {
          const double term = df[k] * log((1 + theta * f[k]) / f[k]);
          rise += term;
          scale += fabs(term);
        }
        least = fmin(least, rise / scale);
      }
      kd_free(f), kd_free(df);
      stage_clear(&s);
    }
  print_message("least entropy production %.3g\n", least);
  CHECK_ABOVE(least, 0.01);
}

/// At the edges of [0, 1] the rate points inwards.
static void occupations_stay_in_bounds(void **state) {
  (void)state;
  stage s = square("fermion", 1, -1, "[5, 4]", "{kind: electron, U: 0.4, broadening: 0.3}");
  double *f = new_reals(s.n), *df = new_reals(s.n), outward = 0;
  for (int turn = 0; turn < 50; turn++) {
    for (size_t k = 0; k < s.n; k++) {
      const double x = random_real();
      f[k] = x < -0.5 ? 0 : x > 0.5 ? 1 : 0.5 + x;
    }
    const kd_status status = kd_collision_rate(s.collision, f, df);
    if (status == KD_RETRY) continue;
    CHECK_OK(status);
    const double scale = largest_of(df, s.n);
    for (size_t k = 0; k < s.n; k++)
      if (f[k] == 0 || f[k] == 1) outward = fmax(outward, (f[k] == 0 ? -df[k] : df[k]) / scale);
  }
  print_message("largest rate out of [0, 1] %.2g\n", outward);
  CHECK_BELOW(outward, 1e-13);
  kd_free(f), kd_free(df);
  stage_clear(&s);
}

/// In a box nothing but the momentum k + k2 = k3 + k4 is left of the sums, to the last k: no pair
/// is carried around its edges, even if all of it is occupied.
static void boxes_keep_the_momentum(void **state) {
  (void)state;
  double worst = 0;
  for (size_t q = 0; q < 2; q++) {
    stage s = collision_create(
        "units: natural\nmodel: {kind: parabolic, mass: 1, k_max: 2, "
        "spin_degeneracy: 2}\ngrid: {k: [6, 5]}\ninitial: {kind: equilibrium, temperature: 1, "
        "chemical_potential: 1}\n" SHORT_RUN,
        text_of("collisions: {ansatz: matrix, broadening: 0.6, method: fft, terms: [{kind: "
                "electron, U: 0.5, interaction: %s}]}\n",
                q ? "density" : "contact"));
    double *f = random_state(&s), *df = rate_of(&s, f), *momentum = new_reals(s.n);
    for (int axis = 0; axis < 2; axis++) {
      for (size_t k = 0; k < s.n; k++) {
        double x[3];
        kd_model_k(s.model, k, x);
        momentum[k] = x[axis];
      }
      worst = fmax(worst, cancellation(s.n, momentum, df));
    }
    kd_free(f), kd_free(df), kd_free(momentum);
    stage_clear(&s);
  }
  print_message("momentum %.2g\n", worst);
  CHECK_BELOW(worst, 1e-12);
}

/// A potential between all spins of a gas of two spins scatters from both where the contact
/// interaction scatters from one: twice the rate, without exchange.
static void density_counts_both_spins(void **state) {
  (void)state;
  stage a = square("fermion", 1, -1, "[4, 4]", "{kind: electron, U: 0.4, broadening: 0.3}");
  stage b = square("fermion", 1, -1, "[4, 4]",
                   "{kind: electron, U: 0.4, broadening: 0.3, interaction: density}");
  double *f = random_state(&a), *one = rate_of(&a, f), *two = rate_of(&b, f);
  for (size_t k = 0; k < a.n; k++) one[k] *= 2;
  CHECK_BELOW(largest_difference(one, two, a.n), 1e-13 * largest_of(one, a.n));
  kd_free(f), kd_free(one), kd_free(two);
  stage_clear(&a), stage_clear(&b);
}

/// What is computed twice to save memory is the same as what is kept.
static void little_memory_gives_the_same(void **state) {
  (void)state;
  stage s = square("fermion", 1, -1, "[5, 4]", "{kind: electron, U: 0.4, broadening: 0.3}");
  const kd_section *section = kd_section_child(kd_scenario_root(s.scenario), "collisions");
  const kd_constants constants = kd_scenario_constants(s.scenario);
  kd_bath term;
  CHECK_OK(kd_bath_create(kd_section_item(section, "terms", 0), s.model, &constants, 0, &term));
  double *h = hamiltonian(&s), *f = random_state(&s);
  double complex *g = new_complex(s.n), *free_part = new_complex(s.n), *t[2][2];
  for (size_t k = 0; k < s.n; k++) {
    g[k] = f[k];
    free_part[k] = 1 - f[k];
  }
  double rate[2], scale;
  unsigned long n_fft[2];
  for (int small = 0; small < 2; small++) {
    const kd_electron_setting setting = {.model = s.model,
                                         .term = &term,
                                         .n_piece = 1,
                                         .energy = h,
                                         .h = h,
                                         .largest_shift = 1,
                                         .is_hermitian = true,
                                         .kept_bytes = small ? 4096 : 1 << 20};
    kd_electron *electron;
    CHECK_OK(kd_electron_fft.create(&setting, &electron));
    kd_electron_fft.set(electron, g, free_part);
    CHECK_OK(kd_electron_fft.energy_rate(electron, 0.7, &rate[small], &scale));
    for (int order = 0; order < 2; order++) t[small][order] = new_complex(s.n);
    CHECK_OK(kd_electron_fft.apply(electron, 0.7, t[small][0], t[small][1]));
    n_fft[small] = kd_electron_fft.n_fft(electron);
    kd_electron_fft.free(electron);
  }
  CHECK_BITWISE(&rate[0], &rate[1], 1);
  for (int order = 0; order < 2; order++)
    CHECK_BITWISE((double *)t[0][order], (double *)t[1][order], 2 * s.n);
  assert_true(n_fft[1] > n_fft[0]);
  for (int i = 0; i < 4; i++) kd_free(t[i / 2][i % 2]);
  kd_free(h), kd_free(f), kd_free(g), kd_free(free_part);
  kd_bath_clear(&term);
  stage_clear(&s);
}

/// A cold gapped chain with coherences as a weak field makes them: the state of every k is turned
/// by a small angle about the z axis of the orbitals, which H is not along.
static double *polarized(const stage *s, double size) {
  double *f = new_reals(s->n);
  memcpy(f, s->state->f, s->n * sizeof *f);
  for (size_t k = 0; k < s->n_k; k++) {
    double place[3];
    double complex matrix[4], turn[4], turned[4], scratch[4];
    kd_model_k(s->model, k, place);
    const double angle = size * sin(place[0] + 0.3);
    kd_unpack(f, 2, s->n_k, k, matrix);
    turn[0] = cexp(0.5 * I * angle), turn[3] = conj(turn[0]), turn[1] = turn[2] = 0;
    kd_eigen_rotate(2, turn, true, matrix, turned, scratch);
    kd_pack(turned, 2, s->n_k, k, f);
  }
  return f;
}

/// Such coherences leave no displacement that keeps the energy. The operator goes on, is the same
/// by both back ends and without a jump in the state, and says what it leaves.
static void coherences_of_a_field_are_no_end(void **state) {
  (void)state;
  stage s[2];
  for (size_t b = 0; b < 2; b++)
    s[b] = collision_create(
        "units: natural\nmodel: {kind: ssh, t1: 1, t2: 0.7, spin_degeneracy: 2}\ngrid: {k: "
        "[8]}\ninitial: {kind: equilibrium, temperature: 0.026, filling: 1}\n" SHORT_RUN,
        text_of("collisions: {ansatz: matrix, method: %s, broadening: 0.02, terms: [{kind: "
                "electron, U: 0.2}]}\n",
                METHODS[b]));
  double between = 0, largest = 0, jump = 0, most_left = 0;
  double *before = NULL, *h = hamiltonian(&s[1]);
  enum { STEPS = 60, RARELY = 15 };
  for (int i = 1; i <= STEPS; i++) {
    double *f = polarized(&s[1], 0.3 * i / STEPS), *df = rate_of(&s[1], f), energy = 0;
    const double left = kd_collision_energy_left(s[1].collision);
    for (size_t j = 0; j < s[1].n; j++) energy += h[j] * df[j] * 2 / (double)s[1].n_k;
    CHECK_NEAR(left, fabs(energy), 1e-12);
    most_left = fmax(most_left, left);
    largest = fmax(largest, largest_of(df, s[1].n));
    if (before) jump = fmax(jump, largest_difference(df, before, s[1].n));
    if (i % RARELY == 0) {
      double *other = rate_of(&s[0], f);
      between = fmax(between, largest_difference(df, other, s[1].n));
      kd_free(other);
    }
    kd_free(before), kd_free(f);
    before = df;
  }
  print_message("rate %.2g, back ends %.2g, jump %.2g, energy left %.2g\n", largest, between, jump,
                most_left);
  CHECK_ABOVE(most_left, 1e-9);
  // Rounding, magnified by how beta depends on it.
  CHECK_BELOW(between, 1e-6 * largest);
  // A curve that grows as the square has 2/60 of the whole in its last step of 60.
  CHECK_BELOW(jump, 0.1 * largest);
  kd_free(before), kd_free(h);
  stage_clear(&s[0]), stage_clear(&s[1]);
}

static void bad_terms_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *collisions, *message;
  } CASES[] = {
      {"ansatz: matrix, terms: [{kind: electron, U: [1, 2, 3], broadening: 1}]",
       "3 values (expected one, or one per orbital)"},
      {"ansatz: matrix, terms: [{kind: electron, U: [1, 2], broadening: 1, interaction: density}]",
       "2 values (expected one, for interaction: density)"},
      {"ansatz: matrix, terms: [{kind: electron, U: 1, broadening: 1, interaction: contact, form: "
       "{kind: yukawa, q0: 1}}]",
       "a contact interaction does not depend on q"},
      {"ansatz: matrix, terms: [{kind: electron, U: 1}]", "not given (expected here or as"},
      {"ansatz: lindblad, terms: [{kind: electron, U: 1, broadening: 1}]",
       "an electron term in ansatz lindblad"},
      {"ansatz: matrix, linearised: true, terms: [{kind: electron, U: 1, broadening: 1}]",
       "an electron term in an operator linearized about equilibrium"},
      {"ansatz: rta, terms: [{kind: electron, U: 1, broadening: 1}]",
       "an electron term in an operator linearized about equilibrium"},
  };
  char *model = random_model(2, 1, 1, (const size_t[]){3});
  for (size_t i = 0; i < COUNT(CASES); i++) {
    stage s;
    CHECK_ERROR(collision_try(text_of("%s%s", model, THERMAL),
                              text_of("collisions: {%s}\n", CASES[i].collisions), &s),
                KD_ERROR_SCENARIO, CASES[i].message);
  }
  free(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(back_ends_agree_and_conserve),
      cmocka_unit_test(thermal_functions_are_stationary),
      cmocka_unit_test(entropy_never_falls),
      cmocka_unit_test(occupations_stay_in_bounds),
      cmocka_unit_test(boxes_keep_the_momentum),
      cmocka_unit_test(density_counts_both_spins),
      cmocka_unit_test(little_memory_gives_the_same),
      cmocka_unit_test(coherences_of_a_field_are_no_end),
      cmocka_unit_test(bad_terms_are_refused),
  };
  return cmocka_run_group_tests_name("electron", tests, NULL, NULL);
}
