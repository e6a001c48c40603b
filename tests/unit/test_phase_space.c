/// The sub-flows of the drift in phase space against plain sums.
#include "support.h"

#include "drift/differences.h"
#include "drift/phase_space.h"
#include "drift/tails.h"

static const char END[] = "initial: {kind: bands, occupation: 0.5}\npropagation: {duration: 1}\n";

typedef struct system {
  stage stage;
  kd_space *space;
  kd_phase_space *flow;
  size_t n_r, n_k, n_band, n;
} system_;

static system_ create(const char *text, bool is_gradient) {
  system_ s = {.stage = stage_create(text, TO_MODEL)};
  CHECK_OK(kd_space_create(s.stage.scenario, s.stage.model, &s.space));
  CHECK_OK(kd_phase_space_create(s.stage.model, s.space, is_gradient, &s.flow));
  s.n_r = kd_space_n_r(s.space);
  s.n_k = kd_model_n_k(s.stage.model);
  s.n_band = kd_model_n_band(s.stage.model);
  s.n = s.n_r * s.n_band * s.n_band * s.n_k;
  return s;
}

static void clear(system_ *s) {
  kd_phase_space_free(s->flow);
  kd_space_free(s->space);
  stage_clear(&s->stage);
}

/// The signed mode numbers that index j of n stands for: at the Nyquist mode both signs.
static size_t images(size_t j, size_t n, double number[2]) {
  number[0] = 2 * j <= n ? (double)j : (double)j - (double)n;
  number[1] = -number[0];
  return n > 1 && 2 * j == n ? 2 : 1;
}

/// exp of the mean of H - F.r (or its gradient form) over displacements side * q/2.
static void exponential(const system_ *s, const double k[3], size_t i, size_t j, double side,
                        const double e[3], bool is_gradient, double angle, double complex *u) {
  const size_t *n = kd_space_n(s->space), n_c = s->n_band * s->n_band;
  double x[2], y[2];
  const size_t n_x = images(i, n[0], x), n_y = images(j, n[1], y);
  double complex mean[16] = {0}, h[16];
  for (size_t a = 0; a < n_x; a++)
    for (size_t b = 0; b < n_y; b++) {
      const double number[3] = {x[a], y[b], 0};
      double at[3];
      kd_model_part part = {.energy = 1};
      for (size_t d = 0; d < 3; d++) {
        const double shift = d < kd_space_n_dim(s->space)
                                 ? side * M_PI * number[d] / kd_space_length(s->space)[d]
                                 : 0;
        at[d] = k[d] + (is_gradient ? 0 : shift);
        part.position[d] = -kd_model_charge(s->stage.model) * e[d];
        if (is_gradient) part.gradient[d] = shift;
      }
      kd_model_at(s->stage.model, at, &part, h);
      for (size_t c = 0; c < n_c; c++) mean[c] += h[c] / (double)(n_x * n_y);
    }
  dense_exp(s->n_band, angle, mean, u);
}

/// sum_q e^{iqR} U(k + q/2) f_q U(k - q/2)^dagger
static void plain_kinetic(const system_ *s, const double e[3], double dt, bool is_gradient,
                          const double *f, double *result) {
  const size_t *n = kd_space_n(s->space), n_c = s->n_band * s->n_band;
  const double angle = dt / kd_model_hbar(s->stage.model);
  for (size_t k = 0; k < s->n_k; k++) {
    double complex *sum = new_complex(s->n_r * n_c);
    double at[3];
    kd_model_k(s->stage.model, k, at);
    for (size_t i = 0; i < n[0]; i++)
      for (size_t j = 0; j < n[1]; j++) {
        double complex fq[16] = {0}, plus[16], minus[16], left[16], all[16], adjoint[16];
        for (size_t r = 0; r < s->n_r; r++) {
          double complex matrix[16];
          const double phase =
              2 * M_PI *
              ((double)(i * (r / n[1])) / (double)n[0] + (double)(j * (r % n[1])) / (double)n[1]);
          kd_unpack(f + r * n_c * s->n_k, s->n_band, s->n_k, k, matrix);
          for (size_t c = 0; c < n_c; c++) fq[c] += cexp(-I * phase) * matrix[c] / (double)s->n_r;
        }
        exponential(s, at, i, j, 1, e, is_gradient, angle, plus);
        exponential(s, at, i, j, -1, e, is_gradient, angle, minus);
        dense_multiply(s->n_band, plus, fq, left);
        dense_adjoint(s->n_band, minus, adjoint);
        dense_multiply(s->n_band, left, adjoint, all);
        for (size_t r = 0; r < s->n_r; r++) {
          const double phase =
              2 * M_PI *
              ((double)(i * (r / n[1])) / (double)n[0] + (double)(j * (r % n[1])) / (double)n[1]);
          for (size_t c = 0; c < n_c; c++) sum[r * n_c + c] += cexp(I * phase) * all[c];
        }
      }
    for (size_t r = 0; r < s->n_r; r++)
      kd_pack(sum + r * n_c, s->n_band, s->n_k, k, result + r * n_c * s->n_k);
    kd_free(sum);
  }
}

static void kinetic_flow_is_the_plain_sum(void **state) {
  (void)state;
  static const struct {
    const char *model;
    const double field[3];
  } cases[] = {
      {"model: {kind: chain, J: 0.7}\ngrid: {k: [6], r: {points: [8], length: [9]}}\n", {0}},
      {"model: {kind: chain, J: 0.7}\ngrid: {k: [21], r: {points: [5], length: [9]}}\n", {0}},
      {"model: {kind: parabolic, mass: 1, k_max: 2}\ngrid: {k: [35], r: {points: [6], length: "
       "[9]}}\n",
       {0}},
      {"model: {kind: ssh, t1: 1, t2: 0.6, mass: 0.3, positions: [0, 0.4], lattice_constant: 1}\n"
       "grid: {k: [7], r: {points: [6], length: [9]}}\n",
       {0.8}},
      {"model: {kind: dirac2d, velocity: 1, gap: 0.3, k_max: 2}\ngrid: {k: [4, 5], r: {points: "
       "[4, 6], length: [9, 7]}}\n",
       {0}},
      {"model: {kind: haldane, t: 1, t2: 0.2, phase: 1, mass: 0.3, lattice_constant: 1}\ngrid: "
       "{k: [3, 4], r: {points: [8], length: [11]}}\n",
       {0.3, 0.5}},
      {"model: {kind: tight_binding, lattice_vectors: [[1]], positions: [[0], [0.3], [0.4]], "
       "hoppings: [{R: [0], re: [[1, 0.3, 0.2], [0.3, -0.5, 0.4], [0.2, 0.4, 0.1]]}, {R: [1], re: "
       "[[0.2, 0.3, 0], [0.1, 0.2, 0.6], [0, 0.4, 0.1]]}, {R: [-1], re: [[0.2, 0.1, 0], [0.3, "
       "0.2, 0.4], [0, 0.6, 0.1]]}]}\ngrid: {k: [5], r: {points: [6], length: [9]}}\n",
       {0.4}},
  };
  double worst = 0;
  for (size_t c = 0; c < COUNT(cases); c++)
    for (int is_gradient = 0; is_gradient < 2; is_gradient++) {
      system_ s = create(text_of("units: natural\n%s%s", cases[c].model, END), is_gradient);
      double *f = random_field(s.n_band, s.n_r * s.n_k, 1), *want = new_reals(s.n);
      random_reals(s.n, f);
      plain_kinetic(&s, cases[c].field, 0.7, is_gradient, f, want);
      CHECK_OK(kd_phase_space_kinetic(s.flow, cases[c].field, 0.7, f));
      worst = fmax(worst, largest_difference(f, want, s.n));
      // The tables of one step are not used for another.
      plain_kinetic(&s, cases[c].field, -0.2, is_gradient, f, want);
      CHECK_OK(kd_phase_space_kinetic(s.flow, cases[c].field, -0.2, f));
      worst = fmax(worst, largest_difference(f, want, s.n));
      CHECK_BELOW(worst, 1e-13);
      kd_free(f), kd_free(want);
      clear(&s);
    }
  print_message("largest deviation %.2g\n", worst);
}

/// sum_s e^{-isk} e^{-i [U(R+s/2) - U(R-s/2) - F.s] dt} f_s(R)
static double potential_deviation(size_t n0, size_t n1, size_t m0, size_t m1) {
  // U = 0.3 x^2/2 + 0.2 exp(-(x-1)^2/8), cos and the force as phases of the same kind.
  system_ s = create(
      text_of(
          "units: natural\ncharge: -1\nmodel: {kind: square, J: 1}\ngrid: {k: [%zu, %zu], r: "
          "{points: [%zu, %zu], length: [9, 5]}}\npotential: [{kind: harmonic, stiffness: 0.3}, "
          "{kind: gaussian, height: 0.2, width: 2, center: [1, 0.5], modulation: \"1 + t\"}, "
          "{kind: periodic, amplitude: 0.4, period: 4.5, phase: 0.3}]\n%s",
          n0, n1, m0, m1, END),
      false);
  const double impulse[3] = {0.2, -0.1}, dt = 0.6, t = 0.5;
  double *f = new_reals(s.n), *want = new_reals(s.n);
  random_reals(s.n, f);
  for (size_t r = 0; r < s.n_r; r++) {
    double at[3];
    kd_space_r(s.space, r, at);
    for (size_t i = 0; i < n0; i++)
      for (size_t j = 0; j < n1; j++) {
        double x[2], y[2], angle = 0;
        const size_t n_x = images(i, n0, x), n_y = images(j, n1, y);
        for (size_t a = 0; a < n_x; a++)
          for (size_t b = 0; b < n_y; b++) {
            double u[2];
            for (int side = 0; side < 2; side++) {
              const double p = at[0] + (side ? 0.5 : -0.5) * x[a];
              const double q = at[1] + (side ? 0.5 : -0.5) * y[b];
              u[side] = 0.15 * (p * p + q * q) +
                        0.2 * 1.5 * exp(-((p - 1) * (p - 1) + (q - 0.5) * (q - 0.5)) / 8) +
                        0.4 * cos(2 * M_PI * p / 4.5 + 0.3);
            }
            const double force = -(0.2 * x[a] - 0.1 * y[b]);
            angle += ((u[1] - u[0]) * dt - force) / (double)(n_x * n_y);
          }
        double complex fs = 0;
        for (size_t k = 0; k < s.n_k; k++)
          fs += f[r * s.n_k + k] / (double)s.n_k *
                cexp(2 * M_PI * I *
                     ((double)(i * (k / n1)) / (double)n0 + (double)(j * (k % n1)) / (double)n1));
        for (size_t k = 0; k < s.n_k; k++)
          want[r * s.n_k + k] += creal(
              fs * cexp(-I * angle) *
              cexp(-2 * M_PI * I *
                   ((double)(i * (k / n1)) / (double)n0 + (double)(j * (k % n1)) / (double)n1)));
      }
  }
  CHECK_OK(kd_phase_space_potential(s.flow, t, impulse, dt, f));
  const double deviation = largest_difference(f, want, s.n);
  kd_free(f), kd_free(want);
  clear(&s);
  return deviation;
}

static void potential_flow_is_the_plain_sum(void **state) {
  (void)state;
  // A row shorter and one longer than a vector of the processor, even and odd numbers.
  const double worst = fmax(potential_deviation(4, 7, 6, 3), potential_deviation(3, 42, 5, 3));
  print_message("largest deviation %.2g\n", worst);
  CHECK_BELOW(worst, 1e-13);
}

/// Kept or computed anew, at one time and then another, the differences are those of U(R, t).
static void differences_do_not_depend_on_room(void **state) {
  (void)state;
  for (int is_gradient = 0; is_gradient < 2; is_gradient++) {
    system_ s =
        create("units: natural\nmodel: {kind: chain, J: 1}\ngrid: {k: [7], r: {points: [12], "
               "length: [9]}}\npotential: [{kind: gaussian, height: 0.2, width: 2, modulation: "
               "\"1 + t\"}, {kind: periodic, amplitude: 0.4, period: 4.5}, {kind: disorder, "
               "strength: 0.5, modulation: \"cos(t)\"}, {kind: harmonic, stiffness: 1}]\n"
               "initial: {kind: bands, occupation: 0.5}\npropagation: {duration: 1}\n",
               is_gradient);
    kd_differences *kept, *fresh;
    CHECK_OK(kd_differences_create(s.stage.model, s.space, is_gradient, 1 << 20, &kept));
    CHECK_OK(kd_differences_create(s.stage.model, s.space, is_gradient, 0, &fresh));
    assert_int_equal(kd_space_n_part(s.space), 3);
    const size_t n_half = kd_differences_n_half(kept);
    assert_int_equal(n_half, 4);
    if (!is_gradient) assert_true(kd_differences_bytes(fresh) < kd_differences_bytes(kept));
    double x[2][48], u[12];
    const double impulse[3] = {0.3}, dt = 0.2;
    for (int time = 0; time < 3; time++) {
      const double t = 0.7 * time;
      CHECK_OK(kd_differences_batch(kept, t, dt, impulse, 0, n_half, s.n_r, x[0]));
      CHECK_OK(kd_differences_batch(fresh, t, dt, impulse, 0, n_half, s.n_r, x[1]));
      CHECK_ARRAY(x[0], x[1], n_half * s.n_r, 1e-14);
      for (size_t mode = 0; mode < n_half; mode++) {
        const double displacement[3] = {(double)mode};
        CHECK_OK(is_gradient ? kd_space_gradient(s.space, 0, t, u)
                             : kd_space_difference(s.space, displacement, t, u));
        for (size_t r = 0; r < s.n_r; r++)
          u[r] = (is_gradient ? displacement[0] : 1) * dt * u[r] - 0.3 * displacement[0];
        CHECK_ARRAY(x[0] + mode * s.n_r, u, s.n_r, 1e-14);
      }
    }
    kd_differences_free(kept), kd_differences_free(fresh);
    clear(&s);
  }
}

/// df_s/dt = -(i/hbar) [U(R+s/2) - U(R-s/2) - F.s] f_s + sum_c Gamma_c (f_c,s - f_s), every (R, s)
/// by itself with the Taylor series in many small steps.
static double contact_deviation(bool is_gradient, size_t n0, size_t n1, size_t m0, size_t m1) {
  system_ s = create(
      text_of(
          "units: natural\nmodel: {kind: square, J: 1}\ngrid: {k: [%zu, %zu], r: {points: [%zu, "
          "%zu], length: [9, 5]}}\npotential: [{kind: harmonic, stiffness: 0.3}]\ncontacts: "
          "[{kind: reservoir, side: left, width: 4, edge: 3, rate: 0.7, temperature: 0.8, "
          "filling: 0.3}, {kind: absorber, side: right, axis: 1, width: 3.5, rate: 1.1}, {kind: "
          "reservoir, side: right, width: 2, rate: 0, temperature: 0, filling: 1}]\n%s",
          n0, n1, m0, m1, END),
      is_gradient);
  kd_contacts *contacts = NULL;
  CHECK_OK(kd_contacts_create(s.stage.scenario, s.stage.model, s.space, &contacts));
  CHECK_OK(kd_phase_space_set_contacts(s.flow, contacts));
  const double impulse[3] = {0.2, -0.1}, dt = 0.6;
  const double *reservoir = kd_contacts_state(contacts, 0);
  double *f = new_reals(s.n), *want = new_reals(s.n);
  random_reals(s.n, f);
  for (size_t r = 0; r < s.n_r; r++) {
    double at[3];
    kd_space_r(s.space, r, at);
    for (size_t i = 0; i < n0; i++)
      for (size_t j = 0; j < n1; j++) {
        double x[2], y[2], rate[2] = {0}, frequency = 0;
        const size_t n_x = images(i, n0, x), n_y = images(j, n1, y);
        for (size_t a = 0; a < n_x; a++)
          for (size_t b = 0; b < n_y; b++) {
            const double share = 1 / (double)(n_x * n_y);
            for (int side = 0; side < 2; side++) {
              const double half = is_gradient ? 0 : side ? 0.5 : -0.5;
              // Depths in the contacts, as parts of their edges.
              const double t = fmin(fmax((-0.5 - at[0] - half * x[a]) / 3, 0), 1);
              const double v = fmin(fmax((at[1] + half * y[b] + 1) / 3.5, 0), 1);
              rate[0] += 0.5 * share * 0.7 * (10 * pow(t, 3) - 15 * pow(t, 4) + 6 * pow(t, 5));
              rate[1] += 0.5 * share * 1.1 * (10 * pow(v, 3) - 15 * pow(v, 4) + 6 * pow(v, 5));
            }
            frequency +=
                share * (0.3 * (at[0] * x[a] + at[1] * y[b]) + (0.2 * x[a] - 0.1 * y[b]) / dt);
          }
        double complex fs = 0, source = 0;
        for (size_t k = 0; k < s.n_k; k++) {
          const double complex wave =
              cexp(2 * M_PI * I *
                   ((double)(i * (k / n1)) / (double)n0 + (double)(j * (k % n1)) / (double)n1)) /
              (double)s.n_k;
          fs += f[r * s.n_k + k] * wave;
          source += rate[0] * reservoir[k] * wave;
        }
        const double complex z = (-I * frequency - rate[0] - rate[1]) * dt / 64;
        for (int step = 0; step < 64; step++) {
          double complex term = z * fs + source * dt / 64;
          for (int power = 2; power < 12; power++) {
            fs += term;
            term *= z / power;
          }
        }
        for (size_t k = 0; k < s.n_k; k++)
          want[r * s.n_k + k] += creal(fs * cexp(-2 * M_PI * I *
                                                 ((double)(i * (k / n1)) / (double)n0 +
                                                  (double)(j * (k % n1)) / (double)n1)));
      }
  }
  CHECK_OK(kd_phase_space_potential(s.flow, 0, impulse, dt, f));
  const double deviation = largest_difference(f, want, s.n);
  kd_contacts_free(contacts);
  kd_free(f), kd_free(want);
  clear(&s);
  return deviation;
}

static void contacts_are_the_plain_sum(void **state) {
  (void)state;
  double worst = 0;
  for (int is_gradient = 0; is_gradient < 2; is_gradient++)
    worst = fmax(worst, fmax(contact_deviation(is_gradient, 4, 7, 6, 3),
                             contact_deviation(is_gradient, 3, 42, 5, 3)));
  print_message("largest deviation %.2g\n", worst);
  CHECK_BELOW(worst, 1e-13);
}

/// The number in the box changes by what came in.
static void contacts_count_particles(void **state) {
  (void)state;
  system_ s =
      create(text_of("units: natural\nmodel: {kind: chain, J: 1, spin_degeneracy: 2}\ngrid: "
                     "{k: [8], r: {points: [24], length: [12]}}\ncontacts: [{kind: "
                     "reservoir, side: left, width: 5, rate: 0.7, temperature: 0.8, filling: "
                     "0.3}, {kind: absorber, side: right, width: 9, rate: 1.1}]\n%s",
                     END),
             false);
  kd_contacts *contacts = NULL;
  CHECK_OK(kd_contacts_create(s.stage.scenario, s.stage.model, s.space, &contacts));
  double density[24], before = 0, after = 0, entered[2] = {0}, inflow = 0, rest[24], quick[2] = {0};
  for (size_t r = 0; r < 24; r++) density[r] = rest[r] = 0.1 + 0.05 * random_real();
  for (size_t r = 0; r < 24; r++) before += density[r] * kd_space_element(s.space);
  kd_contacts_relax(contacts, 1.5, density, entered);
  for (size_t r = 0; r < 24; r++) after += density[r] * kd_space_element(s.space);
  CHECK_NEAR(after - before, entered[0] + entered[1], 1e-14);
  CHECK_ABOVE(entered[0], 0.1);
  CHECK_BELOW(entered[1], -0.1);
  for (size_t c = 0; c < 2; c++) {
    inflow = kd_contacts_inflow(contacts, c, rest);
    double copy[24];
    memcpy(copy, rest, sizeof copy);
    kd_contacts_relax(contacts, 1e-6, copy, quick);
    CHECK_NEAR(quick[c] / 1e-6, inflow, 1e-6);
    quick[0] = quick[1] = 0;
  }
  // In the plateau of nothing but the reservoir, n goes to g_s filling per cell.
  kd_contacts_relax(contacts, 1e4, density, NULL);
  CHECK_NEAR(density[0], 2 * 0.3, 1e-9);
  kd_contacts_free(contacts);
  clear(&s);
}

/// Waves of density against the potentials that they make: amplitude/q^2, a part of its own beside
/// what is given. A background of the same form makes none.
static void hartree_solves_poisson(void **state) {
  (void)state;
  system_ s = create(
      text_of("model: {kind: square, J: 1 eV, lattice_constant: 2 angstrom}\ncharge: -2\ngrid: {k: "
              "[2, 2], r: {points: [12, 9], length: [30 angstrom, 20 angstrom]}}\npotential: "
              "[{kind: hartree, permittivity: 12.9, cross_section: 4 nm, background: "
              "\"0.03*cos(2*pi*y/20)\"}, {kind: harmonic, stiffness: 0.1 eV/angstrom^2}]\n%s",
              "initial: {kind: bands, occupation: 0.5}\npropagation: {duration: 1 fs}\n"),
      false);
  assert_true(kd_space_is_self_consistent(s.space));
  const double coupling = 1.602176634e-19 / 8.8541878128e-12 * 1e10 * 4 / (12.9 * 40);
  double density[108], got[108], part[108];
  const double q[2] = {2 * M_PI * 2 / 30, 2 * M_PI / 20};
  double x[108][3], want[108];
  for (size_t r = 0; r < 108; r++) {
    kd_space_r(s.space, r, x[r]);
    density[r] = 0.5 + 0.02 * cos(q[0] * x[r][0] + q[1] * x[r][1]) + 0.04 * cos(q[1] * x[r][1]);
    want[r] =
        coupling * (0.02 * cos(q[0] * x[r][0] + q[1] * x[r][1]) / (q[0] * q[0] + q[1] * q[1]) +
                    0.01 * cos(q[1] * x[r][1]) / (q[1] * q[1]));
  }
  assert_int_equal(kd_space_n_part(s.space), 2);
  const unsigned long before = kd_space_part_version(s.space, 0);
  kd_space_set_density(s.space, density);
  assert_true(kd_space_part_version(s.space, 0) != before);
  assert_int_equal(kd_space_part_version(s.space, 1), 0);
  CHECK_ARRAY(kd_space_hartree(s.space), want, 108, 1e-13);
  kd_space_potential(s.space, 0, got);
  for (size_t r = 0; r < 108; r++)
    CHECK_NEAR(got[r], want[r] + 0.05 * (x[r][0] * x[r][0] + x[r][1] * x[r][1]), 1e-13);
  const double step[3] = {0.7, -0.4};
  CHECK_OK(kd_space_part_difference(s.space, 0, step, part));
  for (size_t r = 0; r < 108; r++) {
    const double phase = q[0] * x[r][0] + q[1] * x[r][1], half = 0.5 * (q[0] * 0.7 - q[1] * 0.4);
    CHECK_NEAR(part[r],
               coupling * (-0.04 * sin(phase) * sin(half) / (q[0] * q[0] + q[1] * q[1]) +
                           0.02 * sin(q[1] * x[r][1]) * sin(0.2 * q[1]) / (q[1] * q[1])),
               1e-13);
  }
  CHECK_OK(kd_space_part_difference(s.space, 1, step, part));
  for (size_t r = 0; r < 108; r++)
    CHECK_NEAR(part[r], 0.1 * (0.7 * x[r][0] - 0.4 * x[r][1]), 1e-13);
  clear(&s);
}

static void gradients_are_derivatives(void **state) {
  (void)state;
  static const char *const potentials[] = {
      "{kind: harmonic, stiffness: 0.3, center: [1, 2]}",
      "{kind: gaussian, height: -0.7, width: 3}",
      "{kind: barrier, height: 1, width: 6, edge: 2, position: 1, axis: 1}",
      "{kind: double_barrier, height: 1, width: 3, edge: 1.5, separation: 8}",
      "{kind: periodic, amplitude: 1, period: 8, phase: 0.2, axis: 1}",
      "{kind: disorder, strength: 0.5, correlation_length: 3, seed: 7}",
      "{kind: expression, expression: \"exp(-x^2/20)*cos(y/3)\"}",
  };
  for (size_t i = 0; i < COUNT(potentials); i++) {
    system_ s = create(text_of("units: natural\nmodel: {kind: square, J: 1}\ngrid: {k: [2, 2], r: "
                               "{points: [32, 24], length: [32, 24]}}\npotential: [%s]\n%s",
                               potentials[i], END),
                       true);
    double *difference = new_reals(s.n_r), *gradient = new_reals(s.n_r);
    for (size_t axis = 0; axis < 2; axis++) {
      double displacement[3] = {0};
      displacement[axis] = 1e-4;
      CHECK_OK(kd_space_difference(s.space, displacement, 0, difference));
      CHECK_OK(kd_space_gradient(s.space, axis, 0, gradient));
      for (size_t r = 0; r < s.n_r; r++) difference[r] /= 1e-4;
      CHECK_ARRAY(gradient, difference, s.n_r, 1e-8);
    }
    kd_free(difference), kd_free(gradient);
    clear(&s);
  }
}

/// A constant with waves of known size in the highest modes of R and k, and a bump at an end.
static void tails_are_measured(void **state) {
  (void)state;
  system_ s = create(text_of("units: natural\nmodel: {kind: ssh, t1: 1, t2: 0.5, lattice_constant: "
                             "1}\ngrid: {k: [8], r: {points: [12], length: [12]}}\n%s",
                             END),
                     false);
  double *f = new_reals(s.n);
  kd_tails tails;
  for (size_t r = 0; r < s.n_r; r++)
    for (size_t k = 0; k < s.n_k; k++)
      f[r * 4 * s.n_k + k] = (1 + (r % 2 ? -0.03 : 0.03)) * (1 + (k % 2 ? -0.002 : 0.002));
  CHECK_OK(kd_tails_measure(s.stage.model, s.space, f, &tails));
  CHECK_NEAR(tails.q, 0.03, 1e-14);
  CHECK_NEAR(tails.s, 0.002, 1e-14);
  CHECK_NEAR(tails.edge, 1, 1e-14);
  for (size_t r = 0; r < s.n_r; r++)
    for (size_t k = 0; k < s.n_k; k++) f[r * 4 * s.n_k + k] = r == 5 ? 2 : r == 11 ? -0.5 : 0;
  CHECK_OK(kd_tails_measure(s.stage.model, s.space, f, &tails));
  CHECK_NEAR(tails.edge, 0.25, 1e-14);
  CHECK_NEAR(tails.s, 0, 1e-14);
  kd_free(f);
  clear(&s);

  // All points of a box in three dimensions, one after the other: which of them are at its faces.
  s = create(
      text_of(
          "units: natural\nmodel: {kind: cubic, J: 1}\ngrid: {k: [2, 2, 2], r: {points: [3, 4, 5], "
          "length: [3, 4, 5]}}\n%s",
          END),
      false);
  f = new_reals(s.n);
  for (size_t r = 0; r < s.n_r; r++) {
    const size_t x = r / 20, y = r / 5 % 4, z = r % 5;
    const bool is_inside = x == 1 && (y == 1 || y == 2) && z > 0 && z < 4;
    memset(f, 0, s.n * sizeof *f);
    for (size_t k = 0; k < s.n_k; k++) f[r * s.n_k + k] = -3;
    CHECK_OK(kd_tails_measure(s.stage.model, s.space, f, &tails));
    CHECK_NEAR(tails.edge, is_inside ? 0 : 1, 0);
  }
  kd_free(f);
  clear(&s);
}

static void disorder_has_its_correlations(void **state) {
  (void)state;
  system_ s = create(text_of("units: natural\nmodel: {kind: square, J: 1}\ngrid: {k: [1, 1], r: "
                             "{points: [256, 256], length: [256, 256]}}\npotential: [{kind: "
                             "disorder, strength: 0.5, correlation_length: 2, seed: 3}]\n%s",
                             END),
                     true);
  double *u = new_reals(s.n_r);
  kd_space_potential(s.space, 0, u);
  for (size_t d = 0; d < 6; d++) {
    double sum = 0;
    for (size_t r = 0; r < s.n_r; r++) {
      const size_t i = r / 256, j = r % 256;
      sum += u[r] * (u[i * 256 + (j + d) % 256] + u[(i + d) % 256 * 256 + j]) / 2;
    }
    // 65536 points in cells of some 25: 2600 independent ones, of two directions.
    CHECK_NEAR(sum / (double)s.n_r, 0.25 * exp(-(double)(d * d) / 8), 0.25 * 0.06);
  }
  kd_free(u);
  clear(&s);
}

static void mistakes_are_reported(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"grid: {k: [4, 4], r: {points: [8]}}", "grid.r: only one of points and length"},
      {"grid: {k: [4, 4], r: {points: [8, 2, 2], length: [1, 1, 1]}}",
       "points: 3 numbers of points (expected 1 to 2"},
      {"grid: {k: [4, 4], r: {points: [8], length: [1, 2]}}", "length: 2 lengths (expected 1"},
      {"grid: {k: [4, 4], r: {points: [0], length: [1]}}", "points: 0 points"},
      {"grid: {k: [4, 4], r: {points: [4], length: [-1]}}", "length: -1 (expected a positive"},
      {"grid: {k: [4, 4]}\npotential: [{kind: harmonic, stiffness: 1}]",
       "potential: a potential without an R grid"},
      {"grid: {k: [4, 4], r: {points: [8], length: [8]}}\npotential: [{kind: harmonic, stiffness: "
       "1, center: [1, 2]}]",
       "center: 2 numbers (expected 1, the dimension of R)"},
      {"grid: {k: [4, 4], r: {points: [8], length: [8]}}\npotential: [{kind: periodic, amplitude: "
       "1, period: 3}]",
       "2.66666667 periods in the box"},
      {"grid: {k: [4, 4], r: {points: [8], length: [8]}}\npotential: [{kind: periodic, amplitude: "
       "1, period: 2}]",
       "4 periods on 8 points"},
      {"grid: {k: [4, 4], r: {points: [8], length: [8]}}\npotential: [{kind: barrier, height: 1, "
       "width: 1, edge: 1, axis: 1}]",
       "axis: 1 (expected less than 1"},
      {"grid: {k: [4, 4], r: {points: [8], length: [8]}}\npotential: [{kind: expression, "
       "expression: \"1/x\"}]",
       "inf at R = (0, 0, 0)"},
      {"grid: {k: [4, 4], r: {points: [8], length: [8]}}\npotential: [{kind: hartree}]",
       "potential.0: no cross_section (expected one in angstrom for a model of 2 dimensions)"},
      {"grid: {k: [4, 4], r: {points: [8], length: [8]}}\npotential: [{kind: hartree, "
       "cross_section: 1}, {kind: hartree, cross_section: 1}]",
       "potential.1.kind: a second hartree potential"},
      {"grid: {k: [4, 4], r: {points: [8], length: [8]}}\npotential: [{kind: hartree, "
       "cross_section: 1, background: 1/x}]",
       "background: inf at R = (0, 0, 0)"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    stage s = stage_create(
        text_of("units: natural\nmodel: {kind: square, J: 1}\n%s\n%s", cases[i].text, END),
        TO_MODEL);
    kd_space *space = NULL;
    CHECK_ERROR(kd_space_create(s.scenario, s.model, &space), KD_ERROR_SCENARIO, cases[i].message);
    assert_null(space);
    stage_clear(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kinetic_flow_is_the_plain_sum),
      cmocka_unit_test(potential_flow_is_the_plain_sum),
      cmocka_unit_test(differences_do_not_depend_on_room),
      cmocka_unit_test(contacts_are_the_plain_sum),
      cmocka_unit_test(contacts_count_particles),
      cmocka_unit_test(hartree_solves_poisson),
      cmocka_unit_test(gradients_are_derivatives),
      cmocka_unit_test(tails_are_measured),
      cmocka_unit_test(disorder_has_its_correlations),
      cmocka_unit_test(mistakes_are_reported),
  };
  return cmocka_run_group_tests_name("phase_space", tests, NULL, NULL);
}
