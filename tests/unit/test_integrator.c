/// Histories: an integration that is led back to where it stood goes on as if nothing had happened.
#include <math.h>
#include <string.h>

#include "propagator/integrator.h"
#include "support.h"

enum { N = 6 };

/// Oscillators, y = (cos w t, -sin w t) in pairs, so that dq/dt = y_0 gives q = sin(w_0 t)/w_0.
static const double FREQUENCY[N / 2] = {1, 1.7, 2.9};

typedef struct problem {
  long evaluations;
} problem;

static kd_status rate(void *context, double t, const double *y, double *dy) {
  (void)t;
  ((problem *)context)->evaluations++;
  for (int i = 0; i < N / 2; i++) {
    dy[2 * i] = FREQUENCY[i] * y[2 * i + 1];
    dy[2 * i + 1] = -FREQUENCY[i] * y[2 * i];
  }
  return KD_OK;
}

static kd_status quadrature(void *context, double t, const double *y, double *dq) {
  (void)context, (void)t;
  dq[0] = y[0];
  return KD_OK;
}

static kd_integrator *start(problem *p, double rtol) {
  const kd_integrator_options options = {.method = KD_ADAMS,
                                         .n = N,
                                         .rtol = rtol,
                                         .atol = rtol,
                                         .rtol_q = rtol,
                                         .atol_q = rtol,
                                         .rate = rate,
                                         .quadrature = quadrature,
                                         .context = p};
  kd_integrator *integrator;
  assert_int_equal(kd_integrator_create(&options, &integrator), KD_OK);
  for (int i = 0; i < N; i++) kd_integrator_unknowns(integrator)[i] = i % 2 == 0;
  assert_int_equal(kd_integrator_restart(integrator, 0, 0, 1e-4), KD_OK);
  return integrator;
}

/// Steps up to t = 100; every `window` steps, 0: never, the history is taken and led back to.
static void integrate(double rtol, int window, long *evaluations, double y[N], int *highest) {
  problem p = {0};
  kd_integrator *integrator = start(&p, rtol);
  double first[(KD_HIGHEST_ORDER + 1) * N], second[(KD_HIGHEST_ORDER + 1) * N], t = 0;
  kd_integrator_history before = {.y = first}, after = {.y = second};
  *highest = 0;
  for (int step = 1, since = 0; t < 100; step++, since++) {
    assert_int_equal(kd_integrator_step(integrator, 100, INFINITY, &t), KD_OK);
    if (window == 0 || since < window || t >= 100 || !kd_integrator_is_steady(integrator)) continue;
    since = 0;
    assert_int_equal(kd_integrator_save(integrator, &before), KD_OK);
    const long n = p.evaluations, steps = kd_integrator_cost(integrator).steps;
    assert_int_equal(kd_integrator_resume(integrator, &before), KD_OK);
    assert_int_equal(p.evaluations, n);
    assert_int_equal(kd_integrator_cost(integrator).steps, steps);
    assert_int_equal(kd_integrator_save(integrator, &after), KD_OK);
    assert_int_equal(after.order, before.order);
    *highest = before.order > *highest ? before.order : *highest;
    // The last step of the playback is shorter by up to (91 steps)^2/2 times 1e-10 of it, which the
    // j-th derivative times its j-th power feels j-fold.
    CHECK_NEAR(after.step, before.step, 1e-6 * before.step);
    for (int i = 0; i < (before.order + 1) * N; i++) CHECK_NEAR(second[i], first[i], 1e-5 * 13);
    // y itself is met to rounding.
    for (int i = 0; i < N; i++) CHECK_NEAR(second[i], first[i], 1e-14);
    CHECK_NEAR(after.q[0], before.q[0], 1e-14);
  }
  *evaluations = p.evaluations;
  memcpy(y, kd_integrator_unknowns(integrator), N * sizeof *y);
  // Every step may be wrong by rtol.
  CHECK_NEAR(kd_integrator_quadrature(integrator), sin(100), (double)p.evaluations * rtol);
  kd_integrator_free(integrator);
}

static void histories_are_met(void **state) {
  (void)state;
  static const double rtol[] = {1e-6, 1e-8, 1e-10, 1e-12};
  int most = 0;
  for (size_t i = 0; i < sizeof rtol / sizeof *rtol; i++) {
    long alone, led;
    double y[N];
    int highest;
    integrate(rtol[i], 0, &alone, y, &highest);
    integrate(rtol[i], 20, &led, y, &highest);
    most = highest > most ? highest : most;
    for (int j = 0; j < N; j++) {
      const double phase = 100 * FREQUENCY[j / 2];
      CHECK_NEAR(y[j], j % 2 == 0 ? cos(phase) : -sin(phase), (double)alone * rtol[i]);
    }
    // A step that would have grown may wait for a decision or two.
    assert_true((double)led < 1.25 * (double)alone);
  }
  assert_true(most >= 5);
}

/// Histories of every order, which no integration of this size would come to.
static void every_order_is_met(void **state) {
  (void)state;
  problem p = {0};
  kd_integrator *integrator = start(&p, 1e-8);
  // Each of up to 91 steps adds up to 13 numbers of up to 2.
  const double rounding = 91 * 13 * 2.2e-16;
  for (int order = 1; order <= KD_HIGHEST_ORDER; order++) {
    double first[(KD_HIGHEST_ORDER + 1) * N], second[(KD_HIGHEST_ORDER + 1) * N];
    kd_integrator_history before = {.t = 7, .step = 0.3, .order = order, .y = first};
    kd_integrator_history after = {.y = second};
    // exp(-t) and smaller multiples of it: y_j = (-step)^j/j!.
    double term = 1;
    for (int j = 0; j <= order; j++) {
      if (j > 0) term *= -0.3 / j;
      before.q[j] = 2 * term;
      for (int i = 0; i < N; i++) first[j * N + i] = term / (1 + i);
    }
    assert_int_equal(kd_integrator_resume(integrator, &before), KD_OK);
    assert_int_equal(kd_integrator_save(integrator, &after), KD_OK);
    assert_int_equal(after.order, order);
    assert_true(after.t == 7);
    CHECK_NEAR(after.step, 0.3, 3e-7);
    // y to rounding; its derivatives to the 1e-6 by which the last step is shorter, y_j of order
    // 0.3.
    for (int i = 0; i < (order + 1) * N; i++)
      CHECK_NEAR(second[i], first[i], i < N ? rounding : 1e-6);
    CHECK_NEAR(after.q[0], before.q[0], rounding);
  }
  assert_int_equal(p.evaluations, 0);
  kd_integrator_free(integrator);
}

/// What follows depends on the history alone: another integrator that has seen nothing goes on with
/// the same bits.
static void fresh_integrators_go_on_alike(void **state) {
  (void)state;
  problem p = {0}, other = {0};
  kd_integrator *one = start(&p, 1e-8), *two = start(&other, 1e-8);
  double y[(KD_HIGHEST_ORDER + 1) * N], t = 0, t_two = 0;
  kd_integrator_history history = {.y = y};
  while (t < 30 || !kd_integrator_is_steady(one))
    assert_int_equal(kd_integrator_step(one, 100, INFINITY, &t), KD_OK);
  assert_int_equal(kd_integrator_save(one, &history), KD_OK);
  assert_int_equal(kd_integrator_resume(one, &history), KD_OK);
  assert_int_equal(kd_integrator_resume(two, &history), KD_OK);
  while (t < 100) {
    assert_int_equal(kd_integrator_step(one, 100, INFINITY, &t), KD_OK);
    assert_int_equal(kd_integrator_step(two, 100, INFINITY, &t_two), KD_OK);
    assert_true(t == t_two);
    assert_memory_equal(kd_integrator_unknowns(one), kd_integrator_unknowns(two),
                        sizeof(double[N]));
    assert_true(kd_integrator_quadrature(one) == kd_integrator_quadrature(two));
  }
  kd_integrator_free(one);
  kd_integrator_free(two);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(histories_are_met),
      cmocka_unit_test(every_order_is_met),
      cmocka_unit_test(fresh_integrators_go_on_alike),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
