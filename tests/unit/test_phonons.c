/// Phonons that are unknowns: back ends, golden rule, number, energy, momentum, entropy, thermal
/// states, relaxation, schemes.
#include "collision_fixture.h"

#include "collision/form.h"
#include "drift/translation.h"

static const char *const METHODS[] = {"direct", "fft"};
static const char *const ANSATZE[] = {"matrix", "causal", "average", "diagonal"};
static const char *const STATISTICS[] = {"fermion", "boson", "classical"};
static const char *const TERMS[] = {
    "{kind: phonon, energy: 0.4, coupling: 0.3, temperature: 0.5, dynamic: true}",
    "{kind: phonon, energy: 0.6, coupling: 0.3, temperature: 0.5, dynamic: true, vertex: scalar, "
    "dispersion: {kind: acoustic, q0: 2}, form: {kind: yukawa, q0: 2}}"};
static const char MATRIX_TERM[] =
    "{kind: phonon, energy: 0.4, coupling: 0.3, temperature: 0.5, dynamic: true, vertex: matrix, "
    "re: [[0.3, 1], [1, -0.5]], im: [[0, 0.4], [-0.4, 0]]}";

static const char DIRAC[] =
    "units: natural\nmodel: {kind: dirac2d, velocity: 1, gap: 0.3, k_max: 2, spin_degeneracy: 2}\n"
    "grid: {k: [3, 4]}\n";
static const char GAS[] =
    "units: natural\nmodel: {kind: parabolic, mass: 1, k_max: 2, spin_degeneracy: 2}\n"
    "grid: {k: [6, 5]}\n";
static const char COLD[] =
    "initial: {kind: equilibrium, temperature: 1, chemical_potential: -9}\n" SHORT_RUN;

/// Occupations between 0 and 2, the same sequence for every operator of a test; for kd_free.
static double *random_phonons(const stage *s) {
  const size_t n = kd_collision_n_phonon(s->collision);
  double *number = new_reals(n);
  for (size_t i = 0; i < n; i++) number[i] = 1 + random_real();
  return number;
}

static double *phonon_rates(const stage *s) {
  double *rate = new_reals(kd_collision_n_phonon(s->collision));
  kd_collision_phonon_rates(s->collision, rate);
  return rate;
}

/// |sum|/sum of moduli of two lists together
static double balance(const double sum[2], const double scale[2]) {
  return fabs(sum[0] + sum[1]) / (scale[0] + scale[1]);
}

/// sum += factor sum_i a_i b_i, with the sum of the moduli.
static void weigh(size_t n, double factor, const double *a, const double *b, double *sum,
                  double *scale) {
  *sum = *scale = 0;
  for (size_t i = 0; i < n; i++) {
    *sum += factor * a[i] * b[i];
    *scale += fabs(factor * a[i] * b[i]);
  }
}

/// The rate of the energy of carriers and phonons over its parts.
static double energy_balance(const stage *s, const double *df, const double *rate) {
  double *h = hamiltonian(s), sum[2], scale[2];
  weigh(s->n, kd_model_spin_degeneracy(s->model), h, df, &sum[0], &scale[0]);
  const kd_phonon_branch branch = kd_collision_branch(s->collision, 0);
  sum[1] = scale[1] = 0;
  for (size_t a = 0; a < branch.n_mode; a++) {
    double part, size;
    weigh(branch.n_q, 1, branch.omega, rate + a * branch.n_q, &part, &size);
    sum[1] += part;
    scale[1] += size;
  }
  kd_free(h);
  return balance(sum, scale);
}

/// The same of the momentum along an axis, in a box.
static double momentum_balance(const stage *s, int axis, const double *df, const double *rate) {
  const size_t n_level = s->n_band * s->n_k;
  const kd_phonon_branch branch = kd_collision_branch(s->collision, 0);
  double sum[2] = {0}, scale[2] = {0}, x[3];
  for (size_t i = 0; i < n_level; i++) {
    kd_model_k(s->model, i % s->n_k, x);
    const double term = kd_model_spin_degeneracy(s->model) * x[axis] * df[i];
    sum[0] += term;
    scale[0] += fabs(term);
  }
  for (size_t i = 0; i < branch.n_mode * branch.n_q; i++) {
    kd_difference_vector(s->model, i % branch.n_q, x);
    sum[1] += x[axis] * rate[i];
    scale[1] += fabs(x[axis] * rate[i]);
  }
  CHECK_ABOVE(scale[1], 1e-6);
  return balance(sum, scale);
}

static void back_ends_agree_and_conserve(void **state) {
  (void)state;
  char *models[] = {random_model(2, 1, 2, (const size_t[]){4, 3}), strdup(DIRAC),
                    random_model(1, 1, 1, (const size_t[]){9})};
  double number = 0, energy = 0, momentum = 0, between = 0;
  for (size_t m = 0; m < COUNT(models); m++)
    for (size_t a = 0; a < COUNT(ANSATZE); a++)
      for (size_t q = 0; q < 3; q++) {
        if (q == 2 && m == 2) continue; // two orbitals
        double *df[2], *rate[2], *f = NULL, *n = NULL;
        for (size_t b = 0; b < COUNT(METHODS); b++) {
          stage s = collision_create(
              text_of("statistics: %s\n%s%s", STATISTICS[(a + m) % 3], models[m], COLD),
              text_of("collisions: {ansatz: %s, method: %s, broadening: 0.5, terms: [%s]}\n",
                      ANSATZE[a], METHODS[b], q == 2 ? MATRIX_TERM : TERMS[q]));
          if (!f) f = random_state(&s);
          if (!n) n = random_phonons(&s);
          kd_collision_set_phonons(s.collision, n);
          df[b] = rate_of(&s, f);
          rate[b] = phonon_rates(&s);
          double *one = new_reals(s.n);
          for (size_t i = 0; i < s.n_band * s.n_k; i++) one[i] = 1;
          number = fmax(number, cancellation(s.n_band * s.n_k, one, df[b]));
          energy = fmax(energy, energy_balance(&s, df[b], rate[b]));
          for (int axis = 0; axis < 2 && m == 1; axis++)
            momentum = fmax(momentum, momentum_balance(&s, axis, df[b], rate[b]));
          if (b == 1) {
            const size_t n_phonon = kd_collision_n_phonon(s.collision);
            const double scale = largest_of(df[0], s.n), emitted = largest_of(rate[0], n_phonon);
            CHECK_ABOVE(scale, 1e-4);
            CHECK_ABOVE(emitted, 1e-4);
            between = fmax(between, largest_difference(df[0], df[1], s.n) / scale);
            between = fmax(between, largest_difference(rate[0], rate[1], n_phonon) / emitted);
          }
          kd_free(one);
          stage_clear(&s);
        }
        kd_free(f), kd_free(n), kd_free(df[0]), kd_free(df[1]), kd_free(rate[0]), kd_free(rate[1]);
      }
  print_message("number %.2g, energy %.2g, momentum %.2g, back ends %.2g\n", number, energy,
                momentum, between);
  CHECK_BELOW(number, 1e-12);
  CHECK_BELOW(energy, 1e-12);
  CHECK_BELOW(momentum, 1e-12);
  CHECK_BELOW(between, 1e-11);
  for (size_t m = 0; m < COUNT(models); m++) free(models[m]);
}

/// The golden rule of fermions of two spins on a ring of N levels, term by term, at a displacement
/// of the Gaussians; gives the rate of the energy per spin times N.
static double golden_rule(size_t n, const double *level, const double *f, const double *number,
                          double omega, double coupling, double sigma, double displaced, double *df,
                          double *rate) {
  double energy = 0;
  memset(df, 0, n * sizeof *df);
  memset(rate, 0, n * sizeof *rate);
  for (size_t from = 0; from < n; from++)
    for (size_t q = 0; q < n; q++) {
      // A carrier at `from` emits q, or one at `to` absorbs it.
      const size_t to = (from + n - q) % n;
      const double loss = level[from] - level[to] - omega;
      const double factor = 2 * M_PI * coupling * coupling / (double)n;
      const double events =
          factor * (f[from] * (1 - f[to]) * (number[q] + 1) * gaussian(loss - displaced, sigma) -
                    f[to] * (1 - f[from]) * number[q] * gaussian(loss + displaced, sigma));
      df[from] -= events;
      df[to] += events;
      rate[q] += 2 * events;
      energy -= loss * events;
    }
  return energy;
}

static void rates_are_the_golden_rule(void **state) {
  (void)state;
  const double omega = 0.4, coupling = 0.3, sigma = 0.5;
  stage s = collision_create(
      text_of("units: natural\nmodel: {kind: chain, J: 0.7, spin_degeneracy: 2}\ngrid: {k: "
              "[11]}\n%s",
              COLD),
      text_of("collisions: {ansatz: diagonal, method: fft, terms: [{kind: phonon, dynamic: true, "
              "temperature: 0.5, energy: %g, coupling: %g, broadening: %g}]}\n",
              omega, coupling, sigma));
  double *level = hamiltonian(&s), *f = random_state(&s), *number = random_phonons(&s);
  kd_collision_set_phonons(s.collision, number);
  double *df = rate_of(&s, f), *rate = phonon_rates(&s);
  double *want_f = new_reals(s.n), *want_n = new_reals(s.n);
  // The more a process loses, the further emission is displaced.
  double low = -4 * sigma, high = 4 * sigma;
  for (int i = 0; i < 100; i++) {
    const double middle = 0.5 * (low + high);
    const double energy =
        golden_rule(s.n, level, f, number, omega, coupling, sigma, middle, want_f, want_n);
    *(energy > 0 ? &low : &high) = middle;
  }
  CHECK_ARRAY(df, want_f, s.n, 1e-12 * largest_of(want_f, s.n));
  CHECK_ARRAY(rate, want_n, s.n, 1e-12 * largest_of(want_n, s.n));
  kd_free(level), kd_free(f), kd_free(number), kd_free(df), kd_free(rate);
  kd_free(want_f), kd_free(want_n);
  stage_clear(&s);
}

static void thermal_states_are_stationary(void **state) {
  (void)state;
  char *model = random_model(2, 1, 2, (const size_t[]){4, 3});
  double worst = 0, other = INFINITY;
  for (size_t theta = 0; theta < 2; theta++)
    for (size_t q = 0; q < 3; q++)
      for (int is_cold = 0; is_cold < 2; is_cold++) {
        char *begin = strdup(text_of("%sstatistics: %s\ninitial: {kind: equilibrium, temperature: "
                                     "0.8, chemical_potential: %g}\n" SHORT_RUN,
                                     model, STATISTICS[theta], theta ? -3.1 : 0.1));
        char *term = strdup(q == 2 ? MATRIX_TERM : TERMS[q]);
        stage s = collision_create(
            begin, text_of("collisions: {ansatz: matrix, method: fft, broadening: 0.3, terms: [%.*s"
                           ", initial_temperature: %g}]}\n",
                           (int)strlen(term) - 1, term, is_cold ? 0.4 : 0.8));
        double *df = rate_of(&s, s.state->f), *rate = phonon_rates(&s);
        const double residue =
            fmax(largest_of(df, s.n), largest_of(rate, kd_collision_n_phonon(s.collision)));
        if (is_cold)
          other = fmin(other, residue);
        else
          worst = fmax(worst, residue);
        kd_free(df), kd_free(rate);
        stage_clear(&s);
        free(begin), free(term);
      }
  print_message("largest residue %.2g, of other temperatures at least %.2g\n", worst, other);
  CHECK_BELOW(worst, 1e-13);
  CHECK_ABOVE(other, 1e-3);
  free(model);
}

/// g_s sum_k df ln((1 + theta f)/f) + sum_q dN ln((1 + N)/N) cannot be negative.
static void entropy_never_falls(void **state) {
  (void)state;
  double least = INFINITY;
  for (size_t theta = 0; theta < 3; theta++) {
    stage s = collision_create(
        text_of("units: natural\nmodel: {kind: square, J: 0.7, spin_degeneracy: 2}\ngrid: {k: [5, "
                "4]}\nstatistics: %s\n%s",
                STATISTICS[theta], COLD),
        text_of("collisions: {ansatz: diagonal, method: fft, broadening: 0.3, terms: [%s]}\n",
                TERMS[0]));
    const double sign = (double[]){-1, 1, 0}[theta];
    double *f = new_reals(s.n), *df = new_reals(s.n);
    for (int turn = 0; turn < 20; turn++) {
      double rise = 0, scale = 0;
      for (size_t k = 0; k < s.n; k++) f[k] = 1 / (1 + exp(2.5 * random_real()));
      double *number = random_phonons(&s);
      kd_collision_set_phonons(s.collision, number);
      CHECK_OK(kd_collision_rate(s.collision, f, df));
      double *rate = phonon_rates(&s);
      for (size_t k = 0; k < s.n; k++) {
        const double term = 2 * df[k] * log((1 + sign * f[k]) / f[k]);
        rise += term;
        scale += fabs(term);
      }
      for (size_t q = 0; q < s.n; q++) {
        const double term = rate[q] * log((1 + number[q]) / number[q]);
        rise += term;
        scale += fabs(term);
      }
      least = fmin(least, rise / scale);
      kd_free(number), kd_free(rate);
    }
    kd_free(f), kd_free(df);
    stage_clear(&s);
  }
  print_message("least entropy production %.3g\n", least);
  CHECK_ABOVE(least, 0.01);
}

/// In a box there is no umklapp: what the carriers lose is what the phonons gain.
static void boxes_keep_the_momentum(void **state) {
  (void)state;
  double worst = 0;
  for (size_t q = 0; q < 2; q++) {
    stage s = collision_create(
        text_of("%s%s", GAS, COLD),
        text_of("collisions: {ansatz: matrix, broadening: 0.6, method: fft, terms: [%s]}\n",
                TERMS[q]));
    double *f = random_state(&s), *number = random_phonons(&s);
    kd_collision_set_phonons(s.collision, number);
    double *df = rate_of(&s, f), *rate = phonon_rates(&s);
    for (int axis = 0; axis < 2; axis++) worst = fmax(worst, momentum_balance(&s, axis, df, rate));
    kd_free(f), kd_free(number), kd_free(df), kd_free(rate);
    stage_clear(&s);
  }
  print_message("momentum %.2g\n", worst);
  CHECK_BELOW(worst, 1e-12);
}

static void modes_relax_to_the_lattice(void **state) {
  (void)state;
  stage s = collision_create(
      text_of("%s%s", GAS, COLD),
      "collisions: {ansatz: matrix, broadening: 0.6, terms: [{kind: phonon, coupling: 0, energy: "
      "0.4, temperature: 0.5, initial_temperature: 0.8, dynamic: true, relaxation: 7}]}\n");
  double *df = rate_of(&s, s.state->f), *rate = phonon_rates(&s);
  const double want = -(1 / expm1(0.4 / 0.8) - 1 / expm1(0.4 / 0.5)) / 7;
  for (size_t i = 0; i < kd_collision_n_phonon(s.collision); i++) CHECK_NEAR(rate[i], want, 1e-14);
  kd_free(df), kd_free(rate);
  stage_clear(&s);
}

/// Traces of numbers that are set: of a thermal branch, hot and cold, and of single modes.
static void traces_of_set_numbers(void **state) {
  (void)state;
  enum { N = 8 };
  static const double KT[] = {0.03, 0.5, 40};
  stage s = stage_create(
      "units: natural\nmodel: {kind: chain, J: 0.7}\ngrid: {k: [8]}\ninitial: {kind: equilibrium, "
      "temperature: 1, chemical_potential: -0.3}\ncollisions: {ansatz: matrix, broadening: 0.6, "
      "terms: [{kind: phonon, energy: 0.4, coupling: 0.3, temperature: 0.5, dynamic: true, "
      "relaxation: 7}]}\npropagation: {duration: 1}\n",
      TO_PROPAGATOR);
  CHECK_OK(kd_observables_add_phonons(s.observables, s.collision));
  double *number = s.state->phonon;
  assert_int_equal(kd_collision_n_phonon(s.collision), N);
  for (size_t t = 0; t < COUNT(KT); t++) {
    const double thermal = 1 / expm1(0.4 / KT[t]);
    for (size_t q = 0; q < N; q++) number[q] = thermal;
    CHECK_OK(kd_observables_measure(s.observables, s.state));
    CHECK_NEAR(kd_observables_value(s.observables, "phonon_temperature", 0), KT[t], 1e-12 * KT[t]);
    CHECK_NEAR(kd_observables_value(s.observables, "phonon_number", 0), thermal, 1e-13 * thermal);
    CHECK_NEAR(kd_observables_value(s.observables, "phonon_energy", 0), 0.4 * thermal,
               1e-13 * thermal);
    CHECK_NEAR(kd_observables_value(s.observables, "phonon_loss", 0),
               0.4 / 7 * (thermal - 1 / expm1(0.4 / 0.5)), 1e-13 * fmax(1, thermal));
  }
  for (size_t single = 0; single < N; single++) {
    for (size_t q = 0; q < N; q++) number[q] = q == single ? 3 : 0;
    CHECK_OK(kd_observables_measure(s.observables, s.state));
    // At the edge of the zone q and -q are the same.
    const double q =
        single == N / 2 ? 0 : 2 * M_PI / N * (single < N / 2 ? (double)single : (double)single - N);
    CHECK_NEAR(kd_observables_value(s.observables, "phonon_momentum", 0), 3 * q / N, 1e-14);
  }
  number[N - 1] = 0;
  CHECK_OK(kd_observables_measure(s.observables, s.state));
  CHECK_NEAR(kd_observables_value(s.observables, "phonon_temperature", 0), 0, 0);
  stage_clear(&s);
}

/// Two schemes that share nothing but the model, with a field; without it the energy of carriers
/// and phonons stays, and with it they gain the work.
static void schemes_agree(void **state) {
  (void)state;
  static const char *const SCHEMES[] = {"interaction", "unsplit"};
  double *f[2], *number[2], worst = 0;
  size_t n = 0, n_phonon = 0;
  for (int with_field = 0; with_field < 2; with_field++) {
    for (int i = 0; i < 2; i++) {
      stage s = stage_create(
          text_of("units: natural\nmodel: {kind: chain, J: 0.7, spin_degeneracy: 2}\ngrid: {k: "
                  "[31]}\ninitial: {kind: equilibrium, temperature: 1, chemical_potential: -0.3}\n"
                  "collisions: {ansatz: matrix, broadening: 0.3, terms: [%s]}\n"
                  "field: [{kind: constant, amplitude: %g}]\n"
                  "propagation: {duration: 3, scheme: %s, integrator: adams, rtol: 1e-9, atol: "
                  "1e-11}\n",
                  TERMS[0], with_field ? 0.1 : 0, SCHEMES[i]),
          TO_PROPAGATOR);
      double energy[2];
      n = s.n;
      n_phonon = kd_collision_n_phonon(s.collision);
      const kd_phonon_branch branch = kd_collision_branch(s.collision, 0);
      double *h = new_reals(n);
      for (int end = 0; end < 2; end++) {
        CHECK_OK(kd_propagator_advance(s.propagator, end ? 3 : 0, s.state));
        const kd_model_part part = {.energy = 1};
        kd_model_sample(s.model, s.state->shift, &part, h);
        energy[end] = -s.state->work;
        for (size_t k = 0; k < n; k++) energy[end] += 2 * h[k] * s.state->f[k] / (double)n;
        for (size_t q = 0; q < n_phonon; q++)
          energy[end] += branch.omega[q] * s.state->phonon[q] / (double)n;
      }
      if (with_field)
        CHECK_NEAR(energy[1], energy[0], 1e-8); // the work is integrated to 1e-9
      else
        worst = fmax(worst, fabs(energy[1] - energy[0]));
      kd_translation *translation;
      CHECK_OK(kd_translation_create(s.model, &translation));
      f[i] = new_reals(n);
      number[i] = new_reals(n_phonon);
      CHECK_OK(kd_translation_apply(translation, s.state->shift, s.state->f, f[i]));
      memcpy(number[i], s.state->phonon, n_phonon * sizeof *number[i]);
      kd_translation_free(translation);
      kd_free(h);
      stage_clear(&s);
    }
    CHECK_ARRAY(f[0], f[1], n, 1e-7);
    CHECK_ARRAY(number[0], number[1], n_phonon, 1e-7);
    for (int i = 0; i < 2; i++) kd_free(f[i]), kd_free(number[i]);
  }
  print_message("energy drift %.2g\n", worst);
  CHECK_BELOW(worst, 1e-12);
}

static void bad_terms_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *collisions, *message;
  } CASES[] = {
      {"ansatz: matrix, broadening: 1, terms: [{kind: phonon, energy: 1, coupling: 1, temperature: "
       "1, relaxation: 1}]",
       "phonons that stay in equilibrium (expected dynamic: true)"},
      {"ansatz: matrix, broadening: 1, terms: [{kind: phonon, energy: 1, coupling: 1, temperature: "
       "1, dynamic: true, vertex: bond}]",
       "bond for dynamic phonons"},
      {"ansatz: lindblad, broadening: 1, terms: [{kind: phonon, energy: 1, coupling: 1, "
       "temperature: 1, dynamic: true}]",
       "a dynamic phonon term in ansatz lindblad"},
      {"ansatz: matrix, linearised: true, broadening: 1, terms: [{kind: phonon, energy: 1, "
       "coupling: 1, temperature: 1, dynamic: true}]",
       "dynamic phonons in an operator linearized about equilibrium"},
  };
  char *model = random_model(2, 1, 1, (const size_t[]){3});
  stage s;
  for (size_t i = 0; i < COUNT(CASES); i++)
    CHECK_ERROR(collision_try(text_of("%s%s", model, THERMAL),
                              text_of("collisions: {%s}\n", CASES[i].collisions), &s),
                KD_ERROR_SCENARIO, CASES[i].message);
  CHECK_ERROR(
      stage_try(
          text_of("units: natural\nmodel: {kind: chain, J: 1}\ngrid: {k: [8], r: "
                  "{points: [8], length: [8]}}\ninitial: {kind: equilibrium, "
                  "temperature: 1, chemical_potential: 0}\n"
                  "propagation: {duration: 1}\ncollisions: {ansatz: matrix, broadening: 1, terms: "
                  "[%s]}\n",
                  TERMS[0]),
          TO_PROPAGATOR, &s),
      KD_ERROR_SCENARIO, "dynamic phonons with an R grid");
  free(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(back_ends_agree_and_conserve),  cmocka_unit_test(rates_are_the_golden_rule),
      cmocka_unit_test(thermal_states_are_stationary), cmocka_unit_test(entropy_never_falls),
      cmocka_unit_test(boxes_keep_the_momentum),       cmocka_unit_test(modes_relax_to_the_lattice),
      cmocka_unit_test(traces_of_set_numbers),         cmocka_unit_test(schemes_agree),
      cmocka_unit_test(bad_terms_are_refused),
  };
  return cmocka_run_group_tests_name("phonons", tests, NULL, NULL);
}
