/// The mean field of the interaction: sums over k', displaced grids, energy, velocity.
#include "collision_fixture.h"

#include "collision/mean_field.h"
#include "state/initial.h"

static const double ORIGIN[3] = {0};

/// A model with one term, up to the initial state, and its mean field.
static stage mean_field_create(const char *model, const char *statistics, const char *term,
                               kd_mean_field **mean_field) {
  char *text = strdup(text_of(
      "%sstatistics: %s\ninitial: {kind: equilibrium, temperature: 0.7, chemical_potential: %s}\n"
      "collisions: {terms: [%s]}\n" SHORT_RUN,
      model, statistics, strcmp(statistics, "boson") == 0 ? "-9" : "0.1", term));
  stage s = stage_create(text, TO_INITIAL);
  CHECK_OK(kd_mean_field_create(s.scenario, s.model, s.space, mean_field));
  assert_non_null(*mean_field);
  free(text);
  return s;
}

/// V(q) of kind yukawa at the shortest vector of the difference; in a box q = k - k'.
static double yukawa(const stage *s, double u, double q0, size_t k, size_t k_prime) {
  double a[3], b[3], least = INFINITY;
  kd_model_k(s->model, k, a);
  kd_model_k(s->model, k_prime, b);
  const bool wraps = kd_model_is_periodic(s->model);
  const double *edge = kd_model_edges(s->model);
  for (int i = wraps ? -2 : 0; i <= (wraps ? 2 : 0); i++)
    for (int j = wraps ? -2 : 0; j <= (wraps ? 2 : 0); j++) {
      double square = 0;
      for (int d = 0; d < 3; d++) {
        double q = a[d] - b[d];
        if (wraps) q += i * edge[d] + (s->n_dim > 1 ? j * edge[3 + d] : 0);
        square += q * q;
      }
      least = fmin(least, square);
    }
  return u * q0 * q0 / (least + q0 * q0);
}

/// S[f] as sums over k', contact and density.
static double *direct(const stage *s, double theta, const double *contact, double u, double q0,
                      const double *f) {
  double *result = new_reals(s->n);
  for (size_t c = 0; c < s->n_band * s->n_band; c++)
    for (size_t k = 0; k < s->n_k; k++)
      for (size_t p = 0; p < s->n_k; p++) {
        const double value = f[c * s->n_k + p] / (double)s->n_k;
        if (contact && c < s->n_band) result[c * s->n_k + k] += contact[c] * value;
        if (u != 0) result[c * s->n_k + k] += theta * yukawa(s, u, q0, k, p) * value;
      }
  return result;
}

static const char DIRAC[] =
    "units: natural\nmodel: {kind: dirac2d, velocity: 1, gap: 0.4, k_max: 2, spin_degeneracy: 2}\n"
    "grid: {k: [5, 4]}\n";

#define DENSITY "{kind: electron, U: 0.8, form: {kind: yukawa, q0: 1.5}, mean_field: hartree_fock"
#define CONTACT "{kind: electron, U: [0.6, -0.9, 0.4], mean_field: hartree_fock"

/// Lattice and box, both statistics, both interactions; f_0 is subtracted where f is.
static void it_is_the_sum_over_k(void **state) {
  (void)state;
  char *three = random_model(3, 1, 2, (const size_t[]){5, 4});
  const double u[3] = {0.6, -0.9, 0.4};
  const struct {
    const char *model, *statistics, *term;
    double theta;
    const double *contact;
    double strength;
  } cases[] = {
      {three, "fermion", DENSITY ", mean_field_reference: none}", -1, NULL, 0.8},
      {three, "boson", DENSITY ", mean_field_reference: none}", 1, NULL, 0.8},
      {three, "fermion", CONTACT ", mean_field_reference: none}", -1, u, 0},
      {three, "classical", CONTACT "}", 0, u, 0},
      {three, "fermion",
       CONTACT ", mean_field_reference: equilibrium}, " DENSITY
               ", mean_field_reference: equilibrium}",
       -1, u, 0.8},
      {DIRAC, "fermion", DENSITY "}", -1, NULL, 0.8},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    kd_mean_field *m;
    stage s = mean_field_create(cases[i].model, cases[i].statistics, cases[i].term, &m);
    double *f = random_field(s.n_band, s.n_k, 0.5), *got = new_reals(s.n), *df = new_reals(s.n);
    double *less = new_reals(s.n);
    const bool has_reference = strstr(cases[i].term, "none") == NULL;
    for (size_t j = 0; j < s.n; j++) less[j] = f[j] - (has_reference ? s.state->f[j] : 0);
    double *want = direct(&s, cases[i].theta, cases[i].contact, cases[i].strength, 1.5, less);
    CHECK_OK(kd_mean_field_sample(m, ORIGIN, f, got));
    CHECK_ABOVE(largest_of(want, s.n), 0.02);
    CHECK_ARRAY(got, want, s.n, 1e-14);
    // -(i/hbar) [Sigma, f] and (g_s/2 N_k) sum_k Tr(Sigma (f - f_0))
    double energy, sum = 0;
    CHECK_OK(kd_mean_field_energy(m, ORIGIN, f, &energy));
    for (size_t j = 0; j < s.n; j++)
      sum += 0.5 * kd_model_spin_degeneracy(s.model) / (double)s.n_k * want[j] * less[j];
    CHECK_NEAR(energy, sum, 1e-14);
    CHECK_OK(kd_mean_field_add_rate(m, ORIGIN, f, df));
    for (size_t k = 0; k < s.n_k; k++) {
      double complex a[9], b[9], ab[9], ba[9], rate[9];
      kd_unpack(want, s.n_band, s.n_k, k, a);
      kd_unpack(f, s.n_band, s.n_k, k, b);
      kd_unpack(df, s.n_band, s.n_k, k, rate);
      dense_multiply(s.n_band, a, b, ab);
      dense_multiply(s.n_band, b, a, ba);
      for (size_t j = 0; j < s.n_band * s.n_band; j++)
        CHECK_NEAR(cabs(rate[j] + I * (ab[j] - ba[j])), 0, 1e-14);
    }
    kd_free(f), kd_free(got), kd_free(df), kd_free(less), kd_free(want);
    kd_mean_field_free(m);
    stage_clear(&s);
  }
  free(three);
}

/// By whole cells f_0 is at other points of the grid; between them, the velocity is the derivative
/// of S[f_0] and its commutator with the positions.
static void the_reference_stays_where_it_is(void **state) {
  (void)state;
  const char model[] =
      "units: natural\nmodel: {kind: ssh, t1: 1, t2: 0.6, mass: 0.3, positions: [0, "
      "0.4], lattice_constant: 1, spin_degeneracy: 2}\ngrid: {k: [16]}\n";
  kd_mean_field *m;
  stage s = mean_field_create(
      model, "fermion", "{kind: electron, U: [0.6, 0.9], mean_field: hartree_fock}, " DENSITY "}",
      &m);
  double *moved = new_reals(s.n), *sigma = new_reals(s.n);
  const double cell = 2 * M_PI / 16, whole[3] = {3 * cell};
  for (size_t c = 0; c < 4; c++)
    for (size_t k = 0; k < 16; k++) moved[c * 16 + k] = s.state->f[c * 16 + (k + 3) % 16];
  CHECK_OK(kd_mean_field_sample(m, whole, moved, sigma));
  CHECK_BELOW(largest_of(sigma, s.n), 1e-14);

  // S[0 - f_0] on displaced grids is -S[f_0] there.
  double *zero = new_reals(s.n), *low = new_reals(s.n), *high = new_reals(s.n);
  double *here = new_reals(s.n), *v = new_reals(s.n);
  const double h = 1e-3, x = 0.3 * cell, axis[3] = {1};
  double *slope = new_reals(s.n);
  const double weight[2] = {2.0 / 3, -1.0 / 12};
  for (int step = 1; step <= 2; step++) {
    CHECK_OK(kd_mean_field_sample(m, (const double[3]){x + step * h}, zero, high));
    CHECK_OK(kd_mean_field_sample(m, (const double[3]){x - step * h}, zero, low));
    for (size_t i = 0; i < s.n; i++) slope[i] -= weight[step - 1] * (high[i] - low[i]) / h;
  }
  CHECK_OK(kd_mean_field_sample(m, (const double[3]){x}, zero, here));
  CHECK_OK(kd_mean_field_add_velocity(m, (const double[3]){x}, axis, v));
  for (size_t k = 0; k < s.n_k; k++) {
    double complex at_rest[4], derivative[4], got[4];
    kd_unpack(here, 2, s.n_k, k, at_rest);
    kd_unpack(slope, 2, s.n_k, k, derivative);
    kd_unpack(v, 2, s.n_k, k, got);
    // (i [S, r])_01 = i S_01 (r_1 - r_0)
    derivative[1] += I * -at_rest[1] * 0.4;
    derivative[2] += I * -at_rest[2] * -0.4;
    for (int i = 0; i < 4; i++) CHECK_NEAR(cabs(got[i] + derivative[i]), 0, 1e-10);
  }
  CHECK_ABOVE(largest_of(v, s.n), 0.05);
  kd_free(moved), kd_free(sigma), kd_free(zero), kd_free(low), kd_free(high), kd_free(here);
  kd_free(v), kd_free(slope);
  kd_mean_field_free(m);
  stage_clear(&s);
}

/// The interaction carries no current of its own, also with f_0 and between the points of the grid:
/// the energy of f at rest in the frame changes as the field moves it, by -(hbar) v_0.
static void energy_of_a_moving_frame(void **state) {
  (void)state;
  const char *models[] = {
      "units: natural\nmodel: {kind: ssh, t1: 1, t2: 0.6, mass: 0.3, "
      "lattice_constant: 1}\ngrid: {k: [16]}\n",
      "units: natural\nmodel: {kind: dirac1d, velocity: 1, gap: 0.4, k_max: 9}\n"
      "grid: {k: [96]}\n"};
  for (size_t i = 0; i < COUNT(models); i++) {
    kd_mean_field *m;
    stage s = mean_field_create(models[i], "fermion", DENSITY "}", &m);
    const double x = 0.013, axis[3] = {1}, weight[2] = {2.0 / 3, -1.0 / 12}, h = 1e-3;
    double *f = new_reals(s.n), *v = new_reals(s.n), slope = 0, current = 0, energy[2];
    // f_0 and something within the box
    CHECK_OK(kd_reference_sample(s.reference, s.model, (const double[3]){x}, f));
    if (i == 0) memcpy(f, s.state->f, s.n * sizeof *f);
    double *reference = new_reals(s.n);
    memcpy(reference, f, s.n * sizeof *f);
    for (size_t c = 0; c < 4; c++)
      for (size_t k = 0; k < s.n_k; k++) {
        double place[3];
        kd_model_k(s.model, k, place);
        const double q = i == 0 ? sin(0.5 * (place[0] - 0.4)) : place[0] - 0.4;
        f[c * s.n_k + k] += (0.3 + 0.1 * (double)c) * exp(-q * q);
      }
    for (int step = 1; step <= 2; step++) {
      CHECK_OK(kd_mean_field_energy(m, (const double[3]){x + step * h}, f, &energy[1]));
      CHECK_OK(kd_mean_field_energy(m, (const double[3]){x - step * h}, f, &energy[0]));
      slope += weight[step - 1] * (energy[1] - energy[0]) / h;
    }
    CHECK_OK(kd_mean_field_add_velocity(m, (const double[3]){x}, axis, v));
    // In a box f_0 carries no current.
    for (size_t j = 0; j < s.n; j++) current += v[j] * (f[j] - (i == 1 ? reference[j] : 0));
    current /= (double)s.n_k;
    print_message("slope %.6g, current %.6g, off by %.2g\n", slope, current, current / slope - 1);
    CHECK_ABOVE(fabs(slope), 1e-4);
    CHECK_NEAR(current / slope, 1, 1e-9); // of the difference: h^4 and rounding over h
    kd_free(f), kd_free(v), kd_free(reference);
    kd_mean_field_free(m);
    stage_clear(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(it_is_the_sum_over_k),
                                     cmocka_unit_test(the_reference_stays_where_it_is),
                                     cmocka_unit_test(energy_of_a_moving_frame)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
