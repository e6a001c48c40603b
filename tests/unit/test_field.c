/// The electric field in time: values, impulse, pieces, kicks.
#include "support.h"

static const char PLANE[] = "model: {kind: square, J: 1 eV, lattice_constant: 3 angstrom}\n"
                            "grid: {k: [2, 2]}\n";

/// A one-dimensional scenario with the rows `rows` of `field`.
static stage field_in(double duration, const char *rows) {
  return stage_create(text_of(CHAIN
                              "grid: {k: [2]}\nfield: [%s]\npropagation: {duration: %.17g fs}\n",
                              rows, duration),
                      TO_FIELD);
}

static double value_at(const stage *s, double t) {
  double e[3];
  kd_field_value(s->field, t, e);
  assert_true(e[1] == 0 && e[2] == 0);
  return e[0];
}

static double impulse_between(const stage *s, double t0, double t1) {
  double impulse[3];
  kd_field_impulse(s->field, t0, t1, impulse);
  assert_true(impulse[1] == 0 && impulse[2] == 0);
  return impulse[0];
}

/// What every field must keep: pieces that tile the run, that 17 Chebyshev nodes resolve, and that
/// are zero where they say so.
static void expect_pieces(const stage *s, double duration, double largest) {
  size_t count;
  const double *edge = kd_field_pieces(s->field, &count);
  assert_true(count >= 1);
  assert_true(edge[0] == 0);
  assert_true(edge[count] == duration);
  for (size_t i = 0; i < count; i++) {
    assert_true(edge[i + 1] > edge[i]);
    if (edge[i + 1] - edge[i] <= 2e-11 * duration) continue; // what is left of a jump
    double node[17], sample[17], steepest = 0;
    for (int j = 0; j < 17; j++) {
      node[j] = cos(M_PI * (j + 0.5) / 17);
      sample[j] =
          value_at(s, 0.5 * (edge[i] + edge[i + 1]) + 0.5 * (edge[i + 1] - edge[i]) * node[j]);
      if (j > 0)
        steepest = fmax(steepest, fabs(sample[j] - sample[j - 1]) / (node[j - 1] - node[j]));
    }
    const double slope = steepest / (0.5 * (edge[i + 1] - edge[i]));
    const int n_trial = count < 200 ? 20 : 3;
    for (int trial = 0; trial < n_trial; trial++) {
      const double x = random_real();
      const double want =
          value_at(s, 0.5 * (edge[i] + edge[i + 1]) + 0.5 * (edge[i + 1] - edge[i]) * x);
      if (kd_field_is_quiet(s->field, i)) CHECK_BELOW(fabs(want), 1e-15 * largest);
      double above = 0, below = 0; // barycentric interpolation
      for (int j = 0; j < 17; j++) {
        const double weight = (j % 2 ? -1 : 1) * sin(M_PI * (j + 0.5) / 17) / (x - node[j]);
        above += weight * sample[j];
        below += weight;
      }
      CHECK_NEAR(above / below, want, 1e-11 * largest + 4e-16 * edge[i + 1] * slope);
    }
  }
}

static bool is_quiet_at(const stage *s, double t) {
  size_t count, i = 0;
  const double *edge = kd_field_pieces(s->field, &count);
  while (i + 1 < count && edge[i + 1] <= t) i++;
  return kd_field_is_quiet(s->field, i);
}

/// True if an edge lies at `t` and is flagged as a jump.
static bool jumps_at(const stage *s, double t, double tolerance) {
  size_t count;
  const double *edge = kd_field_pieces(s->field, &count);
  for (size_t i = 0; i < count; i++)
    if (fabs(edge[i] - t) <= tolerance && kd_field_jumps(s->field, i)) return true;
  return false;
}

static size_t n_jump(const stage *s) {
  size_t count, n = 0;
  kd_field_pieces(s->field, &count);
  for (size_t i = 0; i < count; i++) n += kd_field_jumps(s->field, i);
  return n;
}

static void no_field(void **state) {
  (void)state;
  stage s = field_in(50, "");
  size_t count;
  kd_field_pieces(s.field, &count);
  assert_int_equal(count, 1);
  assert_true(kd_field_is_quiet(s.field, 0));
  assert_true(!kd_field_jumps(s.field, 0));
  assert_true(value_at(&s, 12) == 0);
  assert_true(impulse_between(&s, 0, 50) == 0);
  kd_field_kicks(s.field, &count);
  assert_int_equal(count, 0);
  stage_clear(&s);
}

static void constant_field(void **state) {
  (void)state;
  // 3 MV/cm = 0.03 V/angstrom
  stage s = field_in(50, "{kind: constant, amplitude: 3 MV/cm}");
  expect_pieces(&s, 50, 0.03);
  assert_int_equal(n_jump(&s), 0);
  for (double t = 0; t <= 50; t += 7) {
    CHECK_NEAR(value_at(&s, t), 0.03, 1e-16);
    CHECK_NEAR(impulse_between(&s, 3, t), 0.03 * (t - 3), 1e-15);
  }
  stage_clear(&s);
}

static void step_fields(void **state) {
  (void)state;
  const double amplitude = -0.02, time = 17.3;
  stage s = field_in(100, "{kind: step, amplitude: -0.02 V/angstrom, time: 17.3 fs}");
  expect_pieces(&s, 100, 0.02);
  assert_true(value_at(&s, time - 1e-9) == 0);
  assert_true(value_at(&s, time) == amplitude);
  assert_true(is_quiet_at(&s, 5) && !is_quiet_at(&s, 20));
  assert_true(jumps_at(&s, time, 0));
  assert_int_equal(n_jump(&s), 1);
  CHECK_NEAR(impulse_between(&s, 0, 100), amplitude * (100 - time), 1e-15);
  CHECK_NEAR(impulse_between(&s, 90, 10), -amplitude * (90 - time), 1e-15);
  stage_clear(&s);

  const double rises[] = {3, 0.01};
  for (size_t i = 0; i < COUNT(rises); i++) {
    const double rise = rises[i];
    s = field_in(
        100,
        text_of("{kind: step, amplitude: -0.02 V/angstrom, time: 17.3 fs, rise: %g fs}", rise));
    expect_pieces(&s, 100, 0.02);
    assert_int_equal(n_jump(&s), 0);
    double largest = 0;
    for (double t = 0.1; t < 100; t += 3.7) {
      const double x = (t - time) / rise, x0 = -time / rise;
      CHECK_NEAR(value_at(&s, t), amplitude * 0.5 * (1 + erf(x)), 1e-17);
      const double want =
          0.5 * amplitude * rise *
          (x - x0 + x * erf(x) - x0 * erf(x0) + (exp(-x * x) - exp(-x0 * x0)) / sqrt(M_PI));
      largest = fmax(largest, fabs(want));
      CHECK_NEAR(impulse_between(&s, 0, t), want, 1e-12 * 0.02 * (t + rise));
    }
    CHECK_ABOVE(largest, 1);
    stage_clear(&s);
  }
}

static void pulses(void **state) {
  (void)state;
  const struct {
    double duration, center, fwhm, frequency, phase;
  } cases[] = {{100, 50, 10, 0, 0},           {100, 50, 10, 0.3, 0.7},
               {1e4, 6543.21, 5, 0.05, -1.2}, {1e6, 123456.789, 2, 0, 0},
               {1e6, 654321, 0.5, 2, 0.4},    {40, 0, 8, 0.2, 0.3},
               {40, 45, 6, 0, 0.2},           {200, 100, 80, 1.5, 0}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    const double a = 0.07, c = cases[i].center, w = cases[i].fwhm, f = cases[i].frequency;
    const double duration = cases[i].duration;
    stage s = field_in(
        duration, text_of("{kind: pulse, amplitude: 0.07 V/angstrom, center: %.17g fs, fwhm: %g "
                          "fs, frequency: %g 1/fs, phase: %g}",
                          c, w, f, cases[i].phase));
    expect_pieces(&s, duration, a);
    assert_int_equal(n_jump(&s), 0);
    for (double x = -2.9; x < 3; x += 0.37) {
      const double t = c + x * w;
      // t - center loses digits of a large t.
      CHECK_NEAR(value_at(&s, t),
                 a * exp(-4 * M_LN2 * x * x) * cos(2 * M_PI * f * x * w + cases[i].phase),
                 a * (1e-14 + 1e-15 * fabs(t) * (1 / w + 2 * M_PI * f)));
    }
    if (c - 4 * w > 0) assert_true(is_quiet_at(&s, 0.5 * (c - 4 * w)));
    if (c + 4 * w < duration) assert_true(is_quiet_at(&s, duration - 1e-3));
    if (c > 0 && c < duration) assert_true(!is_quiet_at(&s, c));
    // Gauss quadrature of the formula itself on many short panels.
    const double begin = fmax(0, c - 4 * w), end = fmin(duration, c + 4 * w);
    const double node[3] = {-0.77459666924148337704, 0, 0.77459666924148337704};
    const double weight[3] = {5.0 / 9, 8.0 / 9, 5.0 / 9};
    const int n_panel = 40000;
    double whole = 0, magnitude = 0;
    for (int panel = 0; panel < n_panel; panel++)
      for (int j = 0; j < 3; j++) {
        const double u = begin - c + (end - begin) / n_panel * (panel + 0.5 + 0.5 * node[j]);
        const double e =
            a * exp(-4 * M_LN2 * u * u / (w * w)) * cos(2 * M_PI * f * u + cases[i].phase);
        whole += 0.5 * (end - begin) / n_panel * weight[j] * e;
        magnitude += 0.5 * (end - begin) / n_panel * weight[j] * fabs(e);
      }
    const double rounding = 2e-16 * duration * a; // of the place of the pulse in a long run
    CHECK_NEAR(impulse_between(&s, 0, duration), whole, 1e-12 * magnitude + rounding);
    if (begin > 0 && end < duration) {
      const double want = a * w * sqrt(M_PI / (4 * M_LN2)) * cos(cases[i].phase) *
                          exp(-pow(2 * M_PI * f * w, 2) / (16 * M_LN2));
      CHECK_NEAR(impulse_between(&s, 0, duration), want, 1e-12 * magnitude + rounding);
      CHECK_NEAR(impulse_between(&s, 0, c) + impulse_between(&s, c, duration), want,
                 1e-12 * magnitude + rounding);
    }
    stage_clear(&s);
  }
}

static void cosine_field(void **state) {
  (void)state;
  const double a = 0.05, f = 0.37, phase = 0.9, w = 2 * M_PI * f;
  stage s =
      field_in(2000, "{kind: cosine, amplitude: 0.05 V/angstrom, frequency: 0.37 1/fs, phase: "
                     "0.9}");
  expect_pieces(&s, 2000, a);
  assert_int_equal(n_jump(&s), 0);
  for (double t = 0; t < 2000; t += 173.3) {
    CHECK_NEAR(value_at(&s, t), a * cos(w * t + phase), 1e-12 * a);
    CHECK_NEAR(impulse_between(&s, 1.5, t), a / w * (sin(w * t + phase) - sin(w * 1.5 + phase)),
               4e-12 * a / w); // of an argument of 4600 rad
  }
  stage_clear(&s);
}

/// At late times the rounding of t shows in E(t); no piece is short enough to resolve that.
static void long_optical_fields(void **state) {
  (void)state;
  const double a = 0.05, f = 0.4, w = 2 * M_PI * f, duration = 1e5;
  stage s = field_in(duration, "{kind: cosine, amplitude: 0.05 V/angstrom, frequency: 0.4 1/fs}");
  size_t count;
  kd_field_pieces(s.field, &count);
  CHECK_BELOW((double)count, 2 * duration * f * 2);
  assert_int_equal(n_jump(&s), 0);
  for (double t = 1e4; t < duration; t += 7654.3)
    CHECK_NEAR(impulse_between(&s, 0, t), a / w * sin(w * t), a / w * 2e-15 * (w * t));
  stage_clear(&s);
}

static void expressions(void **state) {
  (void)state;
  stage s = field_in(300, "{kind: expression, expression: \"0.1*t*exp(-t/20)\"}");
  expect_pieces(&s, 300, 0.74);
  CHECK_NEAR(value_at(&s, 35), 3.5 * exp(-1.75), 1e-15);
  for (double t = 0; t <= 300; t += 13)
    CHECK_NEAR(impulse_between(&s, 0, t), 0.1 * (400 - (400 + 20 * t) * exp(-t / 20)), 4e-11);
  stage_clear(&s);

  // A jump that nothing announces, and a kink.
  s = field_in(100, "{kind: expression, expression: \"t < 31.4159 ? 0.01 : -0.02\"}");
  expect_pieces(&s, 100, 0.02);
  CHECK_NEAR(impulse_between(&s, 0, 100), 0.01 * 31.4159 - 0.02 * (100 - 31.4159), 1e-12 * 1.7);
  CHECK_NEAR(impulse_between(&s, 31.4159, 100), -0.02 * (100 - 31.4159), 1e-12 * 1.7);
  assert_true(jumps_at(&s, 31.4159, 5e-9));
  CHECK_BELOW((double)n_jump(&s), 3);
  stage_clear(&s);
  s = field_in(100, "{kind: expression, expression: \"abs(t - 71.7)\"}");
  CHECK_NEAR(impulse_between(&s, 0, 100), 0.5 * (71.7 * 71.7 + 28.3 * 28.3), 1e-12 * 2971);
  stage_clear(&s);

  // Structure of 1/50000 of the duration.
  s = field_in(1e5, "{kind: expression, expression: \"exp(-((t - 77777.7)/2)^2)\"}");
  expect_pieces(&s, 1e5, 1);
  CHECK_NEAR(impulse_between(&s, 0, 1e5), 2 * sqrt(M_PI), 1e-11);
  assert_true(is_quiet_at(&s, 1000));
  stage_clear(&s);
}

/// The natural cubic spline is the only function that interpolates, is cubic between the knots, has
/// two continuous derivatives, and no curvature at the ends.
static void tables_are_natural_splines(void **state) {
  (void)state;
  const double knot[] = {2, 5, 7.5, 11, 12, 16}, value[] = {0, 0.02, -0.01, 0.03, 0.03, 0};
  const size_t n = COUNT(knot);
  char text[512] = "# t, E\n";
  for (size_t i = 0; i < n; i++)
    sprintf(text + strlen(text), "%.17g %.17g\n", 0.5 * knot[i], 1e3 * value[i]);
  write_text(temporary("field.txt"), text);
  stage s =
      field_in(20, text_of("{kind: table, file: %s, time_scale: 2 fs, scale: 1e-3 V/angstrom}",
                           temporary("field.txt")));
  expect_pieces(&s, 20, 0.03);
  assert_int_equal(n_jump(&s), 0);
  assert_true(value_at(&s, 1.999) == 0 && value_at(&s, 16.001) == 0);
  assert_true(is_quiet_at(&s, 1) && is_quiet_at(&s, 18) && !is_quiet_at(&s, 6));
  double slope_before = 0, bend_before = 0, integral = 0;
  for (size_t i = 0; i + 1 < n; i++) {
    const double h = knot[i + 1] - knot[i];
    CHECK_NEAR(value_at(&s, knot[i]), value[i], 1e-16);
    // Newton's form through u = 0, 1/4, 1/2, 3/4, in units of h
    double y[4];
    for (int j = 0; j < 4; j++) y[j] = value_at(&s, knot[i] + 0.25 * j * h);
    const double d1 = y[1] - y[0], d2 = y[2] - 2 * y[1] + y[0],
                 d3 = y[3] - 3 * y[2] + 3 * y[1] - y[0];
    const double c3 = d3 / 6, c2 = d2 / 2 - 3 * c3, c1 = d1 - c2 - c3; // powers of 4u
    for (double u = 0.05; u < 1; u += 0.1) {
      const double x = 4 * u;
      CHECK_NEAR(value_at(&s, knot[i] + u * h), y[0] + x * (c1 + x * (c2 + x * c3)), 1e-15);
    }
    CHECK_NEAR(c1 * 4 / h, i ? slope_before : c1 * 4 / h, 1e-14);
    CHECK_NEAR(2 * c2 * 16 / (h * h), bend_before, 1e-13);
    slope_before = (c1 + 8 * c2 + 48 * c3) * 4 / h;
    bend_before = (2 * c2 + 24 * c3) * 16 / (h * h);
    integral += h * (y[0] + 2 * c1 + 16.0 / 3 * c2 + 16 * c3);
    CHECK_NEAR(impulse_between(&s, 0, knot[i + 1]), integral, 1e-15);
  }
  CHECK_NEAR(bend_before, 0, 1e-13);
  stage_clear(&s);

  // Two points make a line, which jumps at both ends.
  write_text(temporary("line.txt"), "3 0.01\n9 0.04\n");
  s = field_in(20, text_of("{kind: table, file: %s}", temporary("line.txt")));
  expect_pieces(&s, 20, 0.04);
  CHECK_NEAR(value_at(&s, 5), 0.02, 1e-16);
  CHECK_NEAR(impulse_between(&s, 0, 20), 0.15, 1e-15);
  assert_true(jumps_at(&s, 3, 0) && jumps_at(&s, 9, 0));
  stage_clear(&s);
}

static void sums_and_directions(void **state) {
  (void)state;
  stage s = stage_create(
      text_of(
          "%sfield:\n"
          "  - {kind: constant, amplitude: 0.05 V/angstrom, direction: [3, -4]}\n"
          "  - {kind: cosine, amplitude: 0.02 V/angstrom, frequency: 0.1 1/fs, direction: [0, 2]}\n"
          "  - {kind: constant, amplitude: 0.01 V/angstrom}\n",
          PLANE),
      TO_FIELD);
  double e[3], impulse[3];
  kd_field_value(s.field, 1, e);
  const double want[3] = {0.03 + 0.01, -0.04 + 0.02 * cos(0.2 * M_PI), 0};
  CHECK_ARRAY(e, want, 3, 1e-16);
  kd_field_impulse(s.field, 0, 5, impulse);
  const double sum[3] = {0.2, -0.2 + 0.02 / (0.2 * M_PI) * sin(M_PI), 0};
  CHECK_ARRAY(impulse, sum, 3, 1e-15);
  stage_clear(&s);
}

/// A short pulse on top of a slow one, at a place that a uniform search would step over.
static void narrow_on_wide(void **state) {
  (void)state;
  stage s =
      field_in(1e5, "{kind: pulse, amplitude: 0.01 V/angstrom, center: 50000 fs, fwhm: 40000 fs}, "
                    "{kind: pulse, amplitude: 0.1 V/angstrom, center: 31415.9 fs, fwhm: 0.3 fs}");
  expect_pieces(&s, 1e5, 0.1);
  const double wide = 0.01 * 4e4 * sqrt(M_PI / (4 * M_LN2)) * erf(2 * sqrt(M_LN2) * 1.25);
  const double narrow = 0.1 * 0.3 * sqrt(M_PI / (4 * M_LN2));
  CHECK_NEAR(impulse_between(&s, 0, 1e5), wide + narrow, 1e-12 * wide);
  const double before = impulse_between(&s, 31410, 31415),
               across = impulse_between(&s, 31415, 31417);
  const double e = value_at(&s, 31412);
  CHECK_NEAR(before, 5 * e, 1e-3 * 5 * e);
  CHECK_NEAR(across, 2 * e + narrow, 1e-3 * narrow);
  stage_clear(&s);
}

static void kicks_are_sorted(void **state) {
  (void)state;
  stage s =
      stage_create(text_of("%sfield:\n"
                           "  - {kind: kick, impulse: 2 V fs/angstrom, time: 7 fs}\n"
                           "  - {kind: constant, amplitude: 1e-3 V/angstrom}\n"
                           "  - {kind: kick, impulse: -5 V fs/angstrom, direction: [3, 4]}\n"
                           "  - {kind: kick, impulse: 1 V fs/angstrom, time: 3.5 fs, direction: "
                           "[0, -1]}\n",
                           PLANE),
                   TO_FIELD);
  size_t count;
  const kd_kick *kick = kd_field_kicks(s.field, &count);
  assert_int_equal(count, 3);
  const double times[3] = {0, 3.5, 7};
  const double impulses[9] = {-3, -4, 0, 0, -1, 0, 2, 0, 0};
  for (size_t i = 0; i < 3; i++) {
    assert_true(kick[i].time == times[i]);
    CHECK_ARRAY(kick[i].impulse, impulses + 3 * i, 3, 1e-15);
  }
  // They are cuts, but in neither the value nor the impulse.
  assert_true(jumps_at(&s, 3.5, 0) && jumps_at(&s, 7, 0));
  double e[3], impulse[3];
  kd_field_value(s.field, 3.5, e);
  CHECK_NEAR(e[0], 1e-3, 1e-18);
  CHECK_NEAR(e[1], 0, 0);
  kd_field_impulse(s.field, 0, 10, impulse);
  CHECK_NEAR(impulse[0], 0.01, 1e-16);
  stage_clear(&s);
}

static void errors(void **state) {
  (void)state;
  const struct {
    const char *row, *message;
    kd_status status;
  } cases[] = {
      {"{kind: constant, amplitude: 1 V/angstrom, direction: [1]}",
       "field.0.direction: 1 components (expected 2, one per dimension of the k grid)",
       KD_ERROR_SCENARIO},
      {"{kind: constant, amplitude: 1 V/angstrom, direction: [1, 0, 0]}",
       "field.0.direction: 3 components (expected 2, one per dimension of the k grid)",
       KD_ERROR_SCENARIO},
      {"{kind: constant, amplitude: 1 V/angstrom, direction: [0, 0]}",
       "field.0.direction: the zero vector has no direction", KD_ERROR_SCENARIO},
      {"{kind: expression, expression: \"1/(t - 5)^2/(t < 5)\"}",
       "field.0: E(t) is not finite at t = ", KD_ERROR_SCENARIO},
      {"{kind: constant, amplitude: 1 V/angstrom}, {kind: expression, expression: 1/(t - 1.3)}",
       "field.1: E(t) at t = 1.3 reaches ", KD_ERROR_SCENARIO},
      {"{kind: constant, amplitude: 2e6 V/angstrom}", "field.0: E(t) at t = ", KD_ERROR_SCENARIO},
      {"{kind: table, file: /nowhere/field.txt}",
       "field.0.file: /nowhere/field.txt: error: cannot open: No such file or directory",
       KD_ERROR_FILE},
  };
  stage s;
  for (size_t i = 0; i < COUNT(cases); i++)
    CHECK_ERROR(stage_try(text_of("%sfield: [%s]\n", PLANE, cases[i].row), TO_FIELD, &s),
                cases[i].status, cases[i].message);
  const struct {
    const char *content, *message;
  } tables[] = {
      {"1 2\n",
       "has 1 rows of 2 columns (expected two columns, time and field, and at least two rows)"},
      {"1 2 3\n4 5 6\n", "has 2 rows of 3 columns (expected two columns"},
      {"", "has 0 rows of 0 columns (expected two columns"},
      {"1 0\n2 0\n2 1\n", "time 2 of row 3 does not increase (expected strictly increasing times)"},
      {"1 0\n2 x\n", "broken.txt:2:3: error: \"x\" is not a finite number"},
  };
  for (size_t i = 0; i < COUNT(tables); i++) {
    write_text(temporary("broken.txt"), tables[i].content);
    CHECK_ERROR(
        stage_try(text_of("%sfield: [{kind: table, file: %s}]\n", PLANE, temporary("broken.txt")),
                  TO_FIELD, &s),
        KD_ERROR_SCENARIO, tables[i].message);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_field),
      cmocka_unit_test(constant_field),
      cmocka_unit_test(step_fields),
      cmocka_unit_test(pulses),
      cmocka_unit_test(cosine_field),
      cmocka_unit_test(long_optical_fields),
      cmocka_unit_test(expressions),
      cmocka_unit_test(tables_are_natural_splines),
      cmocka_unit_test(sums_and_directions),
      cmocka_unit_test(narrow_on_wide),
      cmocka_unit_test(kicks_are_sorted),
      cmocka_unit_test(errors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
