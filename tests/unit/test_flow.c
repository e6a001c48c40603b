/// The collisionless flow in the co-moving frame.
#include "support.h"

#include "drift/flow.h"

static const char SMALL[] = DIPOLES "grid: {k: [2, 3]}\n";
static const double ORIGIN[3] = {0};

/// dU/dt = -(i/hbar)(H - F.r)(k_0 + shift(t)) U and hbar d shift/dt = F by the Runge-Kutta rule of
/// order 4, at one k. With a kick, t is the fraction of it given and H drops out.
static void reference_motion(const stage *s, size_t k, double t0, double t1, int n_step,
                             const double *kick, double shift[3], double complex *u) {
  enum { SIZE = 9 };
  const size_t n = s->n_band, size = n * n;
  const double hbar = kd_model_hbar(s->model), charge = kd_model_charge(s->model);
  double point[3];
  kd_model_k(s->model, k, point);
  memset(u, 0, size * sizeof *u);
  for (size_t i = 0; i < n; i++) u[i * n + i] = 1;
  const double dt = (t1 - t0) / n_step;
  for (int step = 0; step < n_step; step++) {
    double complex slope[4][SIZE], middle[SIZE], h[SIZE];
    double drift[4][3];
    for (int i = 0; i < 4; i++) {
      const double c = i == 0 ? 0 : i == 3 ? 1 : 0.5;
      double e[3], here[3];
      if (kick)
        memcpy(e, kick, sizeof e);
      else
        kd_field_value(s->field, t0 + (step + c) * dt, e);
      kd_model_part part = {.energy = kick ? 0 : 1};
      for (int d = 0; d < 3; d++) {
        part.position[d] = -charge * e[d];
        drift[i][d] = charge * e[d] / hbar;
        here[d] = point[d] + shift[d] + (i ? c * dt * drift[i - 1][d] : 0);
      }
      kd_model_at(s->model, here, &part, h);
      for (size_t j = 0; j < size; j++) middle[j] = u[j] + (i ? c * dt * slope[i - 1][j] : 0);
      dense_multiply(n, h, middle, slope[i]);
      for (size_t j = 0; j < size; j++) slope[i][j] *= -I / hbar;
    }
    for (size_t j = 0; j < size; j++)
      u[j] += dt / 6 * (slope[0][j] + 2 * slope[1][j] + 2 * slope[2][j] + slope[3][j]);
    for (int d = 0; d < 3; d++)
      shift[d] += dt / 6 * (drift[0][d] + 2 * drift[1][d] + 2 * drift[2][d] + drift[3][d]);
  }
}

/// Largest difference of U f U^dagger and its inverse to the given unitaries, over k.
static double flow_error(const stage *s, const kd_flow *flow, const kd_flow_position *position,
                         const double complex *unitary) {
  const size_t n = s->n_band;
  double *f = random_field(n, s->n_k, 1), *got = new_reals(s->n), largest = 0;
  for (int inverse = 0; inverse < 2; inverse++) {
    CHECK_OK(kd_flow_rotate(flow, position, inverse, f, got));
    for (size_t k = 0; k < s->n_k; k++) {
      double complex matrix[64], have[64], want[64];
      kd_unpack(f, n, s->n_k, k, matrix);
      kd_unpack(got, n, s->n_k, k, have);
      dense_rotate(n, unitary + k * n * n, inverse, matrix, want);
      largest = fmax(largest, dense_distance(n, have, want));
    }
  }
  kd_free(f);
  kd_free(got);
  return largest;
}

static double complex *reference_unitaries(const stage *s, double t0, double t1, int n_step,
                                           const double *kick, const double start[3],
                                           double shift[3]) {
  double complex *unitary = new_complex(s->n);
  for (size_t k = 0; k < s->n_k; k++) {
    memcpy(shift, start, 3 * sizeof *shift);
    reference_motion(s, k, t0, t1, n_step, kick, shift, unitary + k * s->n_band * s->n_band);
  }
  return unitary;
}

static const char PULSE[] =
    "field: [{kind: pulse, amplitude: 0.3 V/angstrom, center: 3 fs, fwhm: 2.5 "
    "fs, frequency: 0.2 1/fs, phase: 0.4, direction: [2, 1]}]\n"
    "propagation: {duration: 8 fs}\n";

static void agrees_with_a_direct_solution(void **state) {
  (void)state;
  stage s = stage_create(text_of("%s%s", SMALL, PULSE), TO_FIELD);
  const double start[3] = {0.1, -0.2};
  double shift[3];
  double complex *unitary = reference_unitaries(&s, 0.5, 6.5, 6000, NULL, start, shift);
  kd_flow *flow;
  kd_flow_position *position;
  CHECK_OK(kd_flow_create(s.model, s.field, 1e-10, &flow));
  CHECK_OK(kd_flow_position_create(flow, &position));
  kd_flow_start(flow, position, 0.5, start);
  CHECK_OK(kd_flow_move(flow, position, 6.5));
  CHECK_NEAR(position->time, 6.5, 0);
  CHECK_ARRAY(position->shift, shift, 3, 1e-11);
  CHECK_ABOVE(fabs(shift[0] - start[0]), 0.05);
  CHECK_BELOW(flow_error(&s, flow, position, unitary), 1e-9);

  // The shift is charge/hbar times the impulse, with charge -1.
  double impulse[3];
  kd_field_impulse(s.field, 0.5, 6.5, impulse);
  for (int d = 0; d < 3; d++) CHECK_NEAR(position->shift[d], start[d] - impulse[d] / HBAR, 1e-14);

  // There and back again.
  CHECK_OK(kd_flow_move(flow, position, 0.5));
  for (size_t i = 0; i < s.n; i++) unitary[i] = 0;
  for (size_t k = 0; k < s.n_k; k++)
    for (size_t a = 0; a < 3; a++) unitary[k * 9 + a * 4] = 1;
  CHECK_ARRAY(position->shift, start, 3, 1e-14);
  CHECK_BELOW(flow_error(&s, flow, position, unitary), 1e-9);
  kd_free(unitary);

  // Backward from an origin.
  unitary = reference_unitaries(&s, 5, 1, 4000, NULL, ORIGIN, shift);
  kd_flow_start(flow, position, 5, ORIGIN);
  CHECK_OK(kd_flow_move(flow, position, 1));
  CHECK_ARRAY(position->shift, shift, 3, 1e-11);
  CHECK_BELOW(flow_error(&s, flow, position, unitary), 1e-9);
  kd_free(unitary);
  kd_flow_position_free(position);
  kd_flow_free(flow);
  stage_clear(&s);
}

/// Two bands go another way through the code; a positive charge, and no field at first.
static void two_bands_through_a_step(void **state) {
  (void)state;
  stage s = stage_create("charge: 2\n" SSH "grid: {k: [7]}\n"
                         "field: [{kind: step, amplitude: 0.2 V/angstrom, time: 2 fs}]\n"
                         "propagation: {duration: 6 fs}\n",
                         TO_FIELD);
  double shift[3], between[3];
  double complex *first = reference_unitaries(&s, 0, 2 - 1e-13, 3000, NULL, ORIGIN, between);
  double complex *second = reference_unitaries(&s, 2, 5, 3000, NULL, between, shift);
  double complex product[4];
  for (size_t k = 0; k < s.n_k; k++) {
    dense_multiply(2, second + 4 * k, first + 4 * k, product);
    memcpy(first + 4 * k, product, sizeof product);
  }
  kd_flow *flow;
  kd_flow_position *position;
  CHECK_OK(kd_flow_create(s.model, s.field, 1e-10, &flow));
  CHECK_OK(kd_flow_position_create(flow, &position));
  CHECK_OK(kd_flow_move(flow, position, 5));
  CHECK_NEAR(position->shift[0], 2 * 0.2 * 3 / HBAR, 1e-12);
  CHECK_BELOW(flow_error(&s, flow, position, first), 1e-9);
  // One step suffices while nothing changes.
  unsigned long n_step, n_more, n_rejected;
  kd_flow_start(flow, position, 0, ORIGIN);
  kd_flow_statistics(flow, &n_step, &n_rejected);
  CHECK_OK(kd_flow_move(flow, position, 1.9));
  kd_flow_statistics(flow, &n_more, &n_rejected);
  assert_int_equal(n_more - n_step, 1);
  kd_free(first);
  kd_free(second);
  kd_flow_position_free(position);
  kd_flow_free(flow);
  stage_clear(&s);
}

static void error_follows_the_tolerance(void **state) {
  (void)state;
  stage s = stage_create(text_of("%s%s", SMALL, PULSE), TO_FIELD);
  double shift[3], error[4];
  unsigned long n_step[4], n_rejected;
  double complex *unitary = reference_unitaries(&s, 0, 6, 8000, NULL, ORIGIN, shift);
  const double tolerance[4] = {1e-3, 1e-5, 1e-7, 1e-9};
  for (int i = 0; i < 4; i++) {
    kd_flow *flow;
    kd_flow_position *position;
    CHECK_OK(kd_flow_create(s.model, s.field, tolerance[i], &flow));
    CHECK_OK(kd_flow_position_create(flow, &position));
    CHECK_OK(kd_flow_move(flow, position, 6));
    error[i] = flow_error(&s, flow, position, unitary);
    kd_flow_statistics(flow, &n_step[i], &n_rejected);
    CHECK_BELOW(error[i], 10 * tolerance[i]);
    CHECK_BELOW((double)n_rejected, 0.2 * (double)n_step[i] + 2);
    kd_flow_position_free(position);
    kd_flow_free(flow);
  }
  // A step of order 6 under an estimate that goes with dt^5: steps as tolerance^(-1/5), errors as
  // tolerance^(6/5).
  CHECK_NEAR(log10((double)n_step[3] / (double)n_step[1]) / 4, 0.2, 0.05);
  CHECK_NEAR(log10(error[1] / error[3]) / 4, 1.2, 0.3);
  for (int i = 0; i < 3; i++) CHECK_ABOVE(error[i] / error[i + 1], i == 0 ? 3 : 30);
  kd_free(unitary);
  stage_clear(&s);
}

static void kicks_move_through_the_dipoles(void **state) {
  (void)state;
  stage s = stage_create(SMALL, TO_FIELD);
  const double impulse[3] = {0.9, -0.5}, start[3] = {0.3, 0.1};
  double shift[3];
  double complex *unitary = reference_unitaries(&s, 0, 1, 3000, impulse, start, shift);
  kd_flow *flow;
  kd_flow_position *position;
  CHECK_OK(kd_flow_create(s.model, s.field, 1e-11, &flow));
  CHECK_OK(kd_flow_position_create(flow, &position));
  kd_flow_start(flow, position, 0, start);
  CHECK_OK(kd_flow_kick(flow, position, impulse));
  CHECK_ARRAY(position->shift, shift, 3, 1e-13);
  CHECK_BELOW(flow_error(&s, flow, position, unitary), 1e-10);
  // In parts it is the same, and backward it is undone.
  const double part[3] = {0.3 * impulse[0], 0.3 * impulse[1]};
  const double rest[3] = {0.7 * impulse[0], 0.7 * impulse[1]};
  kd_flow_start(flow, position, 0, start);
  CHECK_OK(kd_flow_kick(flow, position, part));
  CHECK_OK(kd_flow_kick(flow, position, rest));
  CHECK_ARRAY(position->shift, shift, 3, 1e-13);
  CHECK_BELOW(flow_error(&s, flow, position, unitary), 1e-10);
  const double back[3] = {-impulse[0], -impulse[1]};
  CHECK_OK(kd_flow_kick(flow, position, back));
  CHECK_ARRAY(position->shift, start, 3, 1e-13);
  double *f = random_field(3, s.n_k, 1), *got = new_reals(s.n);
  CHECK_OK(kd_flow_rotate(flow, position, false, f, got));
  CHECK_ARRAY(got, f, s.n, 1e-10);
  // No kick at all.
  kd_flow_start(flow, position, 0, start);
  CHECK_OK(kd_flow_kick(flow, position, ORIGIN));
  CHECK_OK(kd_flow_rotate(flow, position, false, f, got));
  CHECK_ARRAY(got, f, s.n, 1e-15);
  kd_free(f);
  kd_free(got);
  kd_flow_position_free(position);
  kd_flow_free(flow);
  stage_clear(&s);

  // A narrow pulse of the same impulse comes to the same, to first order in its width.
  double error[2];
  const double magnitude = hypot(impulse[0], impulse[1]);
  for (int i = 0; i < 2; i++) {
    const double fwhm = i == 0 ? 2e-4 : 1e-4;
    s = stage_create(
        text_of("%sfield: [{kind: pulse, amplitude: %.17g V/angstrom, center: 0.01 fs, "
                "fwhm: %g fs, direction: [0.9, -0.5]}]\npropagation: {duration: 0.02 fs}\n",
                SMALL, magnitude / (fwhm * sqrt(M_PI / (4 * M_LN2))), fwhm),
        TO_FIELD);
    CHECK_OK(kd_flow_create(s.model, s.field, 1e-10, &flow));
    CHECK_OK(kd_flow_position_create(flow, &position));
    kd_flow_start(flow, position, 0.01 - 4 * fwhm, start);
    CHECK_OK(kd_flow_move(flow, position, 0.01 + 4 * fwhm));
    CHECK_ARRAY(position->shift, shift, 3, 1e-12);
    error[i] = flow_error(&s, flow, position, unitary);
    kd_flow_position_free(position);
    kd_flow_free(flow);
    stage_clear(&s);
  }
  CHECK_BELOW(error[0], 2e-2);
  CHECK_NEAR(error[0] / error[1], 2, 0.6);
  kd_free(unitary);
}

static void a_strong_kick_crosses_the_zone(void **state) {
  (void)state;
  // Three times around the zone of a lattice with positions: e^{-i tau.G} for the whole turns.
  stage s = stage_create(SSH "grid: {k: [5]}\n", TO_FIELD);
  kd_flow *flow;
  kd_flow_position *position;
  CHECK_OK(kd_flow_create(s.model, s.field, 1e-11, &flow));
  CHECK_OK(kd_flow_position_create(flow, &position));
  const double turn = 3 * 2 * M_PI / 3, impulse[3] = {-turn * HBAR};
  CHECK_OK(kd_flow_kick(flow, position, impulse));
  CHECK_NEAR(position->shift[0], turn, 1e-13);
  double *f = random_field(2, s.n_k, 1), *got = new_reals(s.n);
  CHECK_OK(kd_flow_rotate(flow, position, false, f, got));
  // U = exp(i charge impulse r/hbar) = exp(i turn diag(positions))
  for (size_t k = 0; k < s.n_k; k++) {
    double complex have[4], was[4];
    kd_unpack(f, 2, s.n_k, k, was);
    kd_unpack(got, 2, s.n_k, k, have);
    const double complex want = was[1] * cexp(I * turn * (0.1 - 1.4));
    CHECK_NEAR(creal(have[1]), creal(want), 1e-11);
    CHECK_NEAR(cimag(have[1]), cimag(want), 1e-11);
    CHECK_NEAR(creal(have[0]), creal(was[0]), 1e-12);
  }
  kd_free(f);
  kd_free(got);
  kd_flow_position_free(position);
  kd_flow_free(flow);
  stage_clear(&s);
}

static void copies_are_independent(void **state) {
  (void)state;
  stage s = stage_create(text_of("%s%s", SMALL, PULSE), TO_FIELD);
  kd_flow *flow;
  kd_flow_position *one, *two;
  CHECK_OK(kd_flow_create(s.model, s.field, 1e-9, &flow));
  CHECK_OK(kd_flow_position_create(flow, &one));
  CHECK_OK(kd_flow_position_create(flow, &two));
  double *f = random_field(3, s.n_k, 1), *before = new_reals(s.n), *after = new_reals(s.n);
  CHECK_OK(kd_flow_move(flow, one, 3));
  CHECK_OK(kd_flow_rotate(flow, one, false, f, before));
  kd_flow_copy(flow, one, two);
  CHECK_NEAR(two->time, 3, 0);
  CHECK_BITWISE(two->shift, one->shift, 3);
  CHECK_OK(kd_flow_rotate(flow, two, false, f, after));
  CHECK_BITWISE(after, before, s.n);
  CHECK_OK(kd_flow_move(flow, two, 6));
  CHECK_OK(kd_flow_rotate(flow, one, false, f, after));
  CHECK_BITWISE(after, before, s.n);
  CHECK_OK(kd_flow_move(flow, one, 6));
  CHECK_OK(kd_flow_rotate(flow, one, false, f, before));
  CHECK_OK(kd_flow_rotate(flow, two, false, f, after));
  CHECK_BITWISE(after, before, s.n);
  CHECK_OK(kd_flow_rotate(flow, two, false, f, f)); // in place
  CHECK_BITWISE(f, before, s.n);
  kd_free(f);
  kd_free(before);
  kd_free(after);
  kd_flow_position_free(one);
  kd_flow_position_free(two);
  kd_flow_free(flow);
  stage_clear(&s);
}

static void one_band_only_moves(void **state) {
  (void)state;
  stage s = stage_create(
      CHAIN "grid: {k: [9]}\nfield: [{kind: constant, amplitude: 0.1 V/angstrom}]\n", TO_FIELD);
  kd_flow *flow;
  kd_flow_position *position;
  CHECK_OK(kd_flow_create(s.model, s.field, 1e-9, &flow));
  CHECK_OK(kd_flow_position_create(flow, &position));
  CHECK_OK(kd_flow_move(flow, position, 4));
  CHECK_NEAR(position->shift[0], -0.4 / HBAR, 1e-14);
  const double impulse[3] = {0.5};
  CHECK_OK(kd_flow_kick(flow, position, impulse));
  CHECK_NEAR(position->shift[0], -0.9 / HBAR, 1e-14);
  double *f = random_field(1, 9, 1), *got = new_reals(9);
  for (int inverse = 0; inverse < 2; inverse++) {
    CHECK_OK(kd_flow_rotate(flow, position, inverse, f, got));
    CHECK_BITWISE(got, f, 9);
    CHECK_OK(kd_flow_rotate(flow, position, inverse, got, got));
    CHECK_BITWISE(got, f, 9);
  }
  kd_free(f);
  kd_free(got);
  kd_flow_position_free(position);
  kd_flow_free(flow);
  stage_clear(&s);
  kd_flow_position_free(NULL);
  kd_flow_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(agrees_with_a_direct_solution),
      cmocka_unit_test(two_bands_through_a_step),
      cmocka_unit_test(error_follows_the_tolerance),
      cmocka_unit_test(kicks_move_through_the_dipoles),
      cmocka_unit_test(a_strong_kick_crosses_the_zone),
      cmocka_unit_test(copies_are_independent),
      cmocka_unit_test(one_band_only_moves),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
