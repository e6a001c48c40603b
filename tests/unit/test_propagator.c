/// The contract of every propagation scheme, and of the implicit integrator.
#include "support.h"

#include "collision/secular.h"
#include "propagator/scheme.h"

#define RATE (1 / HBAR) // charge 1 in 1 V/angstrom for 1 fs, 1/angstrom

// The unsplit scheme needs a grid that resolves f: coherences turn as e^{-i w(k) t} and the k grid
// must follow.
static const struct run_case {
  const char *text;
  double duration;
  double agreement; // f of different schemes, where not 1e-6: what the grid or the box cuts off
} cases[] = {
    {.text = SSH
     "grid: {k: [128]}\ninitial: {kind: equilibrium, temperature: 3000 K, filling: 0.8}\n"
     "field: [{kind: pulse, amplitude: 0.08 V/angstrom, center: 6 fs, fwhm: 4 fs, frequency: 0.15 "
     "1/fs, phase: 0.5}]\n",
     .duration = 10},
    {.text = "charge: 1\n" GRAPHENE
             "grid: {k: [24, 24]}\ninitial: {kind: equilibrium, temperature: 9000 K, "
             "chemical_potential: 0.2 eV}\n"
             "field: [{kind: step, amplitude: 0.1 V/angstrom, time: 1 fs, direction: [1, 2]}, "
             "{kind: kick, impulse: 0.2 V fs/angstrom, time: 1.7 fs, direction: [1, -1]}]\n",
     .duration = 2.5},
    {.text = DIPOLES
     "grid: {k: [18, 18]}\ninitial: {kind: equilibrium, temperature: 6000 K, filling: 1}\n"
     "field: [{kind: pulse, amplitude: 0.1 V/angstrom, center: 1.2 fs, fwhm: 1 fs, direction: "
     "[1, 1]}, {kind: kick, impulse: 0.15 V fs/angstrom, direction: [0, 1]}]\n",
     .duration = 2.5,
     .agreement = 2e-5},
    {.text = DIRAC1D
     "grid: {k: [128]}\ninitial: {kind: equilibrium, temperature: 900 K, chemical_potential: "
     "0.1 eV}\n"
     "field: [{kind: pulse, amplitude: 0.02 V/angstrom, center: 5 fs, fwhm: 4 fs}]\n",
     .duration = 9,
     .agreement = 2e-4},
    {.text = "model: {kind: parabolic, mass: 0.5, k_max: 0.6 1/angstrom, spin_degeneracy: "
             "2}\ngrid: {k: [128]}\n"
             "initial: {kind: equilibrium, temperature: 900 K, chemical_potential: 0.1 eV}\n"
             "field: [{kind: pulse, amplitude: 0.03 V/angstrom, center: 4 fs, fwhm: 3 fs}, {kind: "
             "kick, impulse: "
             "-0.03 V fs/angstrom, time: 6 fs}]\n",
     .duration = 9},
};

static stage run_stage(const struct run_case *c, const char *scheme, double rtol) {
  return stage_create(
      text_of("%spropagation: {scheme: %s, duration: %.17g fs, rtol: %g, atol: %g}\n", c->text,
              scheme, c->duration, rtol, 1e-2 * rtol),
      TO_PROPAGATOR);
}

/// The names of the schemes of f(k): without `auto`, and up to `splitting`, which needs an R grid.
static const char *scheme_name(size_t i) {
  const char *name = kd_scheme_choices[i + 1].name;
  return name && strcmp(name, "splitting") == 0 ? NULL : name;
}

static double value(const stage *s, const char *name, size_t index) {
  return kd_observables_value(s->observables, name, index);
}

/// Advances to t and measures.
static void go(stage *s, double t) {
  CHECK_OK(kd_propagator_advance(s->propagator, t, s->state));
  CHECK_NEAR(s->state->time, t, 0);
  CHECK_OK(kd_observables_measure(s->observables, s->state));
}

static void names(void **state) {
  (void)state;
  assert_string_equal(kd_scheme_choices[0].name, "auto");
  size_t n = 0;
  for (; scheme_name(n); n++) {
    stage s = run_stage(&cases[0], scheme_name(n), 1e-6);
    assert_string_equal(kd_propagator_cost(s.propagator).scheme, scheme_name(n));
    stage_clear(&s);
  }
  assert_true(n >= 2);
  stage s = run_stage(&cases[0], "auto", 1e-6);
  assert_non_null(kd_propagator_cost(s.propagator).scheme);
  stage_clear(&s);
}

/// Number, and the work of the field against the energy gained, kicks included.
static void balances(void **state) {
  (void)state;
  for (size_t scheme = 0; scheme_name(scheme); scheme++)
    for (size_t i = 0; i < COUNT(cases); i++) {
      stage s = run_stage(&cases[i], scheme_name(scheme), 1e-7);
      go(&s, 0);
      const double number = value(&s, "number", 0), energy = value(&s, "energy", 0);
      const double purity = value(&s, "purity", 0);
      CHECK_NEAR(s.state->work, 0, 0);
      double largest = 0;
      for (int frame = 1; frame <= 3; frame++) {
        go(&s, cases[i].duration * frame / 3);
        CHECK_NEAR(value(&s, "number", 0), number, fmax(1e-7, 1e-2 * cases[i].agreement));
        CHECK_NEAR(value(&s, "purity", 0), purity, fmax(1e-6, 0.1 * cases[i].agreement));
        CHECK_NEAR(value(&s, "energy", 0) - energy, value(&s, "work", 0), 2e-6);
        largest = fmax(largest, fabs(value(&s, "work", 0)));
      }
      CHECK_ABOVE(largest, 1e-3);
      stage_clear(&s);
    }
}

/// The schemes share only the model: f(k) at the end must agree.
static void schemes_agree(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    double *first = NULL, work = 0;
    for (size_t scheme = 0; scheme_name(scheme); scheme++) {
      stage s = run_stage(&cases[i], scheme_name(scheme), 1e-8);
      go(&s, cases[i].duration);
      CHECK_OK(kd_observables_snapshot(s.observables, s.state));
      size_t count;
      const double *f = kd_observables_snapshot_variables(s.observables, &count)[0].data;
      if (!first) {
        first = new_reals(2 * s.n);
        memcpy(first, f, 2 * s.n * sizeof *f);
        work = s.state->work;
      } else {
        // At the edges of a box each scheme has its own way to cut off what goes beyond.
        const size_t whole = 2 * s.n, edge = kd_model_is_periodic(s.model) ? 0 : whole / 4;
        CHECK_ARRAY(f + edge, first + edge, whole - 2 * edge, fmax(1e-6, cases[i].agreement));
        CHECK_NEAR(s.state->work, work, fmax(1e-6, 0.1 * cases[i].agreement));
      }
      stage_clear(&s);
    }
    kd_free(first);
  }
}

/// f(R, k) of two bands and of three: the two schemes share the model and the observables only. A
/// potential that does not depend on time and a field leave energy - work as it was.
static void schemes_agree_in_space(void **state) {
  (void)state;
  static const char *const SCHEMES[] = {"splitting", "unsplit"};
  static const char *const DRIFTS[] = {"moyal", "gradient"};
  static const struct {
    const char *model, *modulation;
    size_t n_k;
  } CASES[] = {
      {"{kind: ssh, t1: 1, t2: 0.6, mass: 0.2, lattice_constant: 1, positions: [0, 0.4]}", "1", 15},
      {"{kind: ssh, t1: 1, t2: 0.6, mass: 0.2, lattice_constant: 1, positions: [0, 0.4]}",
       "1 + 0.5*sin(2*t)", 15},
      {"{kind: tight_binding, lattice_vectors: [[1]], positions: [[0], [0.3], [0.4]], "
       "hoppings: [{R: [0], re: [[1, "
       "0.3, 0.2], [0.3, -0.5, 0.4], [0.2, 0.4, 0.1]]}, {R: [1], re: [[0.2, 0.3, 0], "
       "[0.1, 0.2, 0.6], [0, 0.4, "
       "0.1]]}, {R: [-1], re: [[0.2, 0.1, 0], [0.3, 0.2, 0.4], [0, 0.6, 0.1]]}]}",
       "1", 11}};
  for (size_t drift = 0; drift < COUNT(DRIFTS); drift++)
    for (size_t i = 0; i < COUNT(CASES); i++) {
      double *first = NULL, work = 0;
      for (size_t scheme = 0; scheme < COUNT(SCHEMES); scheme++) {
        stage s = stage_create(
            text_of("units: natural\nstatistics: classical\ndrift: %s\nmodel: "
                    "%s\ngrid: {k: [%zu], r: {points: "
                    "[20], length: [24]}}\ninitial: {kind: cat, band: 1, "
                    "momentum: [1], position: [-4], width: 2, "
                    "separation: [5], phase: 0.4}\nfield: [{kind: step, "
                    "amplitude: 0.4, time: 0.7, rise: 0}, {kind: kick, impulse: 0.3, time: 1.1}]\n"
                    "potential: [{kind: gaussian, height: 0.8, width: 2, "
                    "modulation: \"%s\"}, {kind: periodic, "
                    "amplitude: 0.3, period: 12}]\npropagation: {scheme: %s, "
                    "duration: 2, rtol: 1e-6, atol: "
                    "1e-8}\n",
                    DRIFTS[drift], CASES[i].model, CASES[i].n_k, CASES[i].modulation,
                    SCHEMES[scheme]),
            TO_PROPAGATOR);
        go(&s, 0);
        const double number = value(&s, "number", 0), energy = value(&s, "energy", 0);
        go(&s, 2);
        CHECK_NEAR(value(&s, "number", 0), number, 1e-12);
        if (strcmp(CASES[i].modulation, "1") == 0)
          CHECK_NEAR(value(&s, "energy", 0) - energy, value(&s, "work", 0), 1e-5);
        CHECK_OK(kd_observables_snapshot(s.observables, s.state));
        size_t count;
        const double *f = kd_observables_snapshot_variables(s.observables, &count)[0].data;
        const size_t n = 2 * kd_space_n_r(s.space) * s.n;
        if (!first) {
          first = new_reals(n);
          memcpy(first, f, n * sizeof *f);
          work = s.state->work;
          CHECK_ABOVE(fabs(work), 1e-2);
        } else {
          CHECK_ARRAY(f, first, n, 1e-5); // 10 rtol, as tests/physics/phase_space_schemes.py
          CHECK_NEAR(s.state->work, work, 1e-5);
        }
        stage_clear(&s);
      }
      kd_free(first);
    }
}

/// Output is by interpolation: what is asked for in between changes no bit of what comes later.
static void times_asked_for_do_not_matter(void **state) {
  (void)state;
  for (size_t scheme = 0; scheme_name(scheme); scheme++)
    for (size_t i = 0; i < COUNT(cases); i++) {
      const double end = cases[i].duration, middle = 0.61803 * end;
      stage direct = run_stage(&cases[i], scheme_name(scheme), 1e-6);
      stage often = run_stage(&cases[i], scheme_name(scheme), 1e-6);
      CHECK_OK(kd_propagator_advance(direct.propagator, middle, direct.state));
      for (int j = 0; j < 14; j++)
        CHECK_OK(kd_propagator_advance(often.propagator, middle * j / 14.3, often.state));
      CHECK_OK(kd_propagator_advance(often.propagator, middle, often.state));
      CHECK_BITWISE(often.state->f, direct.state->f, direct.n);
      CHECK_BITWISE(often.state->shift, direct.state->shift, 3);
      CHECK_BITWISE(&often.state->work, &direct.state->work, 1);
      CHECK_OK(kd_propagator_advance(often.propagator, middle, often.state)); // the same time again
      CHECK_BITWISE(often.state->f, direct.state->f, direct.n);
      CHECK_OK(kd_propagator_advance(direct.propagator, end, direct.state));
      CHECK_OK(kd_propagator_advance(often.propagator, 0.9 * end, often.state));
      CHECK_OK(kd_propagator_advance(often.propagator, end, often.state));
      CHECK_BITWISE(often.state->f, direct.state->f, direct.n);
      CHECK_BITWISE(&often.state->work, &direct.state->work, 1);
      stage_clear(&direct);
      stage_clear(&often);
    }
}

/// Interpolated states are as good as the steps: against a run that ends there.
static void states_in_between_are_accurate(void **state) {
  (void)state;
  for (size_t scheme = 0; scheme_name(scheme); scheme++) {
    stage s = run_stage(&cases[0], scheme_name(scheme), 1e-7);
    struct run_case shorter = cases[0];
    shorter.duration = 7.3;
    stage end = run_stage(&shorter, scheme_name(scheme), 1e-7);
    go(&s, 7.3);
    go(&end, 7.3);
    CHECK_ARRAY(s.state->f, end.state->f, s.n, 1e-6);
    CHECK_NEAR(s.state->work, end.state->work, 1e-7);
    CHECK_NEAR(value(&s, "current", 0), value(&end, "current", 0), 1e-6);
    stage_clear(&s);
    stage_clear(&end);
  }
}

static void without_field_equilibrium_stays(void **state) {
  (void)state;
  const char *texts[] = {SSH "grid: {k: [16]}\n", DIPOLES "grid: {k: [4, 5]}\n",
                         DIRAC1D "grid: {k: [12]}\n", CHAIN "grid: {k: [8]}\n"};
  for (size_t scheme = 0; scheme_name(scheme); scheme++)
    for (size_t i = 0; i < COUNT(texts); i++) {
      const struct run_case c = {.text = texts[i], .duration = 200};
      stage s = run_stage(&c, scheme_name(scheme), 1e-6);
      double *before = new_reals(s.n);
      memcpy(before, s.state->f, s.n * sizeof *before);
      CHECK_OK(kd_propagator_advance(s.propagator, 200, s.state));
      CHECK_ARRAY(s.state->f, before, s.n, 1e-6); // rtol
      CHECK_NEAR(s.state->work, 0, 1e-14);
      CHECK_ARRAY(s.state->shift, ((const double[3]){0}), 3, 0);
      kd_free(before);
      stage_clear(&s);
    }
}

/// Without a field a coherence turns as e^{-i (e_n - e_m) t/hbar}.
static void coherences_turn_with_the_right_sign(void **state) {
  (void)state;
  for (size_t scheme = 0; scheme_name(scheme); scheme++) {
    const struct run_case c = {.text = SSH "grid: {k: [5]}\n", .duration = 3};
    stage s = run_stage(&c, scheme_name(scheme), 1e-9);
    double *f = random_field(2, 5, 0.3);
    kd_propagator_free(s.propagator);
    memcpy(s.state->f, f, s.n * sizeof *f);
    CHECK_OK(kd_propagator_create(s.scenario, s.model, s.space, s.field, s.reference, s.collision,
                                  s.state, &s.propagator));
    CHECK_OK(kd_propagator_advance(s.propagator, 3, s.state));
    const kd_model_part part = {.energy = 1};
    for (size_t k = 0; k < 5; k++) {
      double complex h[4], u[4], was[4], want[4], got[4];
      double point[3];
      kd_model_k(s.model, k, point);
      kd_model_at(s.model, point, &part, h);
      dense_exp(2, 3 / HBAR, h, u);
      kd_unpack(f, 2, 5, k, was);
      dense_rotate(2, u, false, was, want);
      kd_unpack(s.state->f, 2, 5, k, got);
      CHECK_BELOW(dense_distance(2, got, want), 1e-8);
    }
    kd_free(f);
    stage_clear(&s);
  }
}

/// One band: f(k, t) = f_0(k - shift), so that current and work are known in closed form, jumps and
/// all.
static void one_band_in_closed_form(void **state) {
  (void)state;
  const struct run_case c = {
      .text = CHAIN
      "grid: {k: [64]}\ninitial: {kind: equilibrium, temperature: 3000 K, filling: 0.3}\n"
      "field: [{kind: step, amplitude: 0.05 V/angstrom, time: 3 fs}, {kind: step, amplitude: "
      "-0.15 V/angstrom, time: 6 fs}, {kind: kick, impulse: 0.2 V fs/angstrom, time: 8 fs}]\n",
      .duration = 10};
  for (size_t scheme = 0; scheme_name(scheme); scheme++) {
    stage s = run_stage(&c, scheme_name(scheme), 1e-8);
    double *f = new_reals(64), k[64];
    memcpy(f, s.state->f, 64 * sizeof *f);
    for (size_t j = 0; j < 64; j++) k[j] = 2 * M_PI / 3 * (double)j / 64;
    double energy_0 = 0;
    for (size_t j = 0; j < 64; j++) energy_0 += -cos(3 * k[j]) * f[j] / 64;
    for (double t = 0.5; t <= 10; t += 0.5) {
      go(&s, t);
      // A kick at the time asked for is not yet applied.
      const double impulse = 0.05 * fmax(0, t - 3) - 0.15 * fmax(0, t - 6) + (t > 8 ? 0.2 : 0);
      double current = 0, energy = 0;
      for (size_t j = 0; j < 64; j++) {
        const double here = k[j] - impulse * RATE; // charge -1
        current += -3 * sin(3 * here) / HBAR * f[j] / 64;
        energy += -cos(3 * here) * f[j] / 64;
      }
      CHECK_NEAR(value(&s, "current", 0), current, 3e-7);
      CHECK_NEAR(value(&s, "energy", 0), energy, 3e-7);
      CHECK_NEAR(value(&s, "work", 0), energy - energy_0, 3e-7);
    }
    const kd_propagator_statistics cost = kd_propagator_cost(s.propagator);
    CHECK_ABOVE((double)cost.restarts, 3); // at 3, 6 and 8 fs
    CHECK_BELOW((double)cost.restarts, 6);
    CHECK_ABOVE((double)cost.steps, 3);
    kd_free(f);
    stage_clear(&s);
  }
}

/// The kick at t = 0 comes after the frame at 0, and moves k by charge/hbar times the impulse.
static void kick_at_the_start(void **state) {
  (void)state;
  const struct run_case c = {.text = SSH
                             "grid: {k: [128]}\ninitial: {kind: bands, occupation: [1, 0]}\n"
                             "field: [{kind: kick, impulse: 0.6 V fs/angstrom}]\n",
                             .duration = 1e-3};
  double *first = NULL;
  for (size_t scheme = 0; scheme_name(scheme); scheme++) {
    stage s = run_stage(&c, scheme_name(scheme), 1e-8);
    double *before = new_reals(s.n);
    memcpy(before, s.state->f, s.n * sizeof *before);
    go(&s, 0);
    const double energy = value(&s, "energy", 0);
    CHECK_ARRAY(s.state->f, before, s.n, 1e-15);
    CHECK_ARRAY(s.state->shift, ((const double[3]){0}), 3, 0);
    go(&s, 1e-3);
    CHECK_NEAR(value(&s, "work", 0), value(&s, "energy", 0) - energy, 1e-8);
    CHECK_ABOVE(value(&s, "work", 0), 0.1);
    // f(k) = U f_0(k - shift) U^dagger with shift = -0.6/hbar, U = exp(i charge impulse r/hbar);
    // the 1e-3 fs that follow are within the tolerance.
    CHECK_OK(kd_observables_snapshot(s.observables, s.state));
    size_t count;
    const double complex *f = kd_observables_snapshot_variables(s.observables, &count)[0].data;
    const double turn = -0.6 * RATE;
    const kd_model_part part = {.energy = 1};
    for (size_t k = 0; k < 128; k++) {
      double complex h[4], vectors[4], levels[4] = {1}, was[4];
      double level[2], point[3];
      kd_model_k(s.model, k, point);
      point[0] -= turn;
      kd_model_at(s.model, point, &part, h);
      dense_eigen(2, h, level, vectors);
      dense_rotate(2, vectors, false, levels, was);
      was[1] *= cexp(I * turn * (0.1 - 1.4));
      CHECK_NEAR(creal(f[4 * k + 1]), creal(was[1]), 5e-3);
      CHECK_NEAR(cimag(f[4 * k + 1]), cimag(was[1]), 5e-3);
      CHECK_NEAR(creal(f[4 * k]), creal(was[0]), 5e-3);
    }
    if (!first) {
      first = new_reals(2 * s.n);
      memcpy(first, f, 2 * s.n * sizeof *first);
    } else {
      CHECK_ARRAY((const double *)f, first, 2 * s.n, 1e-7);
    }
    kd_free(before);
    stage_clear(&s);
  }
  kd_free(first);
}

/// A short pulse after a long silence is not stepped over.
static void late_pulses_are_seen(void **state) {
  (void)state;
  const struct run_case c = {
      .text =
          SSH "grid: {k: [12]}\ninitial: {kind: equilibrium, temperature: 3000 K, filling: 0.8}\n"
              "field: [{kind: pulse, amplitude: 0.3 V/angstrom, center: 4321 fs, fwhm: 1 fs}]\n",
      .duration = 4400};
  const double shift = -0.3 * sqrt(M_PI / (4 * M_LN2)) * RATE;
  for (size_t scheme = 0; scheme_name(scheme); scheme++) {
    stage s = run_stage(&c, scheme_name(scheme), 1e-4);
    go(&s, 0);
    const double energy = value(&s, "energy", 0);
    go(&s, 4310);
    CHECK_NEAR(value(&s, "work", 0), 0, 1e-12);
    go(&s, 4330);
    CHECK_ABOVE(value(&s, "work", 0), 0.02);
    CHECK_NEAR(value(&s, "work", 0), value(&s, "energy", 0) - energy, 1e-3);
    if (s.state->shift[0] != 0) CHECK_NEAR(s.state->shift[0], shift, 1e-11);
    stage_clear(&s);
  }
}

/// In a k.p box a packet moves through many cells: the frame is anchored anew, and what comes in is
/// the reference.
static void packets_cross_a_box(void **state) {
  (void)state;
  const struct run_case c = {
      .text = "model: {kind: parabolic, mass: 0.5, k_max: 0.6 1/angstrom}\ngrid: {k: [96]}\n"
              "initial: {kind: gaussian, momentum: [-0.15 1/angstrom], width: 12 angstrom}\n"
              "field: [{kind: constant, amplitude: -0.03 V/angstrom}]\n",
      .duration = 11};
  const double shift = 0.03 * 11 * RATE; // charge -1
  for (size_t scheme = 0; scheme_name(scheme); scheme++) {
    stage s = run_stage(&c, scheme_name(scheme), 1e-7);
    go(&s, 0);
    const double energy = value(&s, "energy", 0);
    go(&s, 11);
    CHECK_OK(kd_observables_snapshot(s.observables, s.state));
    size_t count;
    const double complex *f = kd_observables_snapshot_variables(s.observables, &count)[0].data;
    double total = 0;
    for (size_t k = 0; k < 96; k++) total += creal(f[k]) / 96;
    CHECK_NEAR(total, 1, 1e-6);
    for (size_t k = 0; k < 96; k++) {
      double point[3];
      kd_model_k(s.model, k, point);
      const double want =
          1.2 * 12 * sqrt(2 / M_PI) * exp(-2 * pow((point[0] - shift + 0.15) * 12, 2));
      CHECK_NEAR(creal(f[k]), want, 1e-5);
    }
    CHECK_NEAR(value(&s, "work", 0), value(&s, "energy", 0) - energy, 1e-6);
    CHECK_ABOVE(value(&s, "work", 0), 0.5);
    stage_clear(&s);
  }
}

static double thermal(double k) {
  return 1 / (exp((3.80998212 / 0.5 * k * k - 2) / (K_BOLTZMANN * 3000)) + 1);
}

/// A thermal state that fills the box to its edges: what drifts in is the reference, so that the
/// state is f_0(k - shift), and the value at the edge where the stream has come from outside.
static void filled_boxes_stay_filled(void **state) {
  (void)state;
  const struct run_case c = {
      .text =
          "charge: 1\nmodel: {kind: parabolic, mass: 0.5, k_max: 0.4 1/angstrom}\ngrid: {k: [64]}\n"
          "initial: {kind: equilibrium, temperature: 3000 K, chemical_potential: 2 eV}\n"
          "field: [{kind: constant, amplitude: 0.05 V/angstrom}]\n",
      .duration = 2};
  const double shift = 0.05 * 2 * RATE;
  stage s = run_stage(&c, "interaction", 1e-7);
  CHECK_ABOVE(s.state->f[0], 0.7);
  go(&s, 2);
  size_t n_entered = 0;
  for (size_t k = 0; k < 64; k++) {
    double point[3];
    kd_model_k(s.model, k, point);
    const double from = point[0] + s.state->shift[0] - shift; // f is given at point + state->shift
    if (from > -0.4 - 1e-9) {
      CHECK_NEAR(s.state->f[k], thermal(from), 1e-9);
    } else { // met the reference at the edge, within the cells of one step
      n_entered++;
      CHECK_BELOW(s.state->f[k], thermal(-0.4 + 4 * 0.8 / 64));
      CHECK_ABOVE(s.state->f[k], thermal(-0.4) - 1e-9);
    }
  }
  CHECK_ABOVE((double)n_entered, 10);
  stage_clear(&s);
}

/// (a + b L) z = r with L X = i [H, X]/hbar + {Gamma, X}/2, Gamma = S diag(G) S^dagger, written
/// out.
static void secular_part_is_inverted(void **state) {
  (void)state;
  stage s = stage_create(DIPOLES "grid: {k: [3, 4]}\n", TO_INITIAL);
  const size_t n = s.n_band, m = n * n;
  const kd_model_part part = {.energy = 1};
  double *energy = new_reals(n * s.n_k), *rate = new_reals(n * s.n_k),
         *r = random_field(n, s.n_k, 1);
  double *z = new_reals(s.n);
  double complex *vector = new_complex(m * s.n_k), *h = new_complex(m * s.n_k);
  for (size_t k = 0; k < s.n_k; k++) {
    double point[3];
    kd_model_k(s.model, k, point);
    kd_model_at(s.model, point, &part, h + k * m);
    dense_eigen(n, h + k * m, energy + k * n, vector + k * m);
  }
  for (size_t i = 0; i < n * s.n_k; i++) rate[i] = 2 + random_real();
  const struct {
    double a, b;
    bool turns;
  } settings[] = {{1, 0.3, true}, {1, 20, false}, {0, -1, true}};
  for (size_t i = 0; i < COUNT(settings); i++) {
    const double a = settings[i].a, b = settings[i].b;
    const kd_secular secular = {.n_band = n,
                                .n_k = s.n_k,
                                .vector = vector,
                                .energy = settings[i].turns ? energy : NULL,
                                .rate = rate,
                                .hbar = HBAR};
    memcpy(z, r, s.n * sizeof *z);
    kd_secular_solve(&secular, a, b, z, z);
    for (size_t k = 0; k < s.n_k; k++) {
      double complex x[9], want[9], diagonal[9] = {0}, gamma[9], got[9], xg[9], gx[9], xh[9], hx[9];
      for (size_t e = 0; e < n; e++) diagonal[e * n + e] = rate[k * n + e];
      dense_rotate(n, vector + k * m, false, diagonal, gamma);
      kd_unpack(z, n, s.n_k, k, x);
      kd_unpack(r, n, s.n_k, k, want);
      dense_multiply(n, x, gamma, xg);
      dense_multiply(n, gamma, x, gx);
      dense_multiply(n, x, h + k * m, xh);
      dense_multiply(n, h + k * m, x, hx);
      for (size_t e = 0; e < m; e++) {
        const double complex turn = settings[i].turns ? I / HBAR * (hx[e] - xh[e]) : 0;
        got[e] = a * x[e] + b * (turn + 0.5 * (gx[e] + xg[e]));
      }
      CHECK_BELOW(dense_distance(n, got, want), 1e-12);
    }
  }
  kd_free(energy);
  kd_free(rate);
  kd_free(r);
  kd_free(z);
  kd_free(vector);
  kd_free(h);
  stage_clear(&s);
}

#define SCATTERING                                                                                 \
  "collisions: {ansatz: %s, broadening: 0.2 eV, terms: [{kind: phonon, energy: 0.6 eV, coupling: " \
  "%g eV, temperature: 3000 K}, {kind: impurity, strength: %g eV}]}\n"

/// A chain that a late pulse heats while it scatters.
static stage scattering_stage(const char *scheme, const char *integrator, const char *ansatz,
                              double coupling, double rtol) {
  return stage_create(
      text_of(SSH "grid: {k: [48]}\n"
                  "initial: {kind: equilibrium, temperature: 5000 K, filling: 0.8}\n"
                  "field: [{kind: pulse, amplitude: 0.08 V/angstrom, center: 56 fs, fwhm: 4 fs, "
                  "frequency: 0.15 1/fs, phase: 1.570796327}]\n" SCATTERING
                  "propagation: {scheme: %s, integrator: %s, duration: 100 fs, rtol: %g, "
                  "atol: %g}\n",
              ansatz, coupling, coupling / 4, scheme, integrator, rtol, 1e-2 * rtol),
      TO_PROPAGATOR);
}

/// Implicit steps solve the same equation, pulse, work and interpolation included, and lose nobody.
static void implicit_steps_agree(void **state) {
  (void)state;
  const double rtol = 1e-6;
  for (size_t scheme = 0; scheme_name(scheme); scheme++) {
    stage adams = scattering_stage(scheme_name(scheme), "adams", "matrix", 0.3, rtol);
    stage bdf = scattering_stage(scheme_name(scheme), "bdf", "matrix", 0.3, rtol);
    go(&bdf, 0);
    const double number = value(&bdf, "number", 0);
    for (double t = 20; t <= 100; t += 20) { // inside steps
      go(&adams, t);
      go(&bdf, t);
      CHECK_ARRAY(bdf.state->f, adams.state->f, bdf.n, 200 * rtol); // as the schemes agree
      CHECK_NEAR(bdf.state->work, adams.state->work, 200 * rtol);
      CHECK_NEAR(value(&bdf, "number", 0), number, 1e-13);
    }
    CHECK_ABOVE(value(&bdf, "work", 0), 1e-3); // the pulse was seen
    const kd_propagator_statistics cost = kd_propagator_cost(bdf.propagator);
    assert_string_equal(cost.integrator, "bdf");
    CHECK_ABOVE((double)cost.newton_iterations, (double)cost.steps);
    CHECK_ABOVE((double)cost.linear_iterations, 1);
    CHECK_ABOVE((double)cost.preconditioner_setups, 1);
    assert_int_equal(cost.rate_evaluations, kd_collision_statistics(bdf.collision).evaluations);
    const kd_propagator_statistics other = kd_propagator_cost(adams.propagator);
    assert_string_equal(other.integrator, "adams");
    assert_int_equal(other.linear_iterations, 0);
    CHECK_ABOVE((double)kd_propagator_bytes(bdf.propagator),
                (double)kd_propagator_bytes(adams.propagator));
    stage_clear(&adams);
    stage_clear(&bdf);
  }
}

static void implicit_steps_ignore_times_asked_for(void **state) {
  (void)state;
  for (size_t scheme = 0; scheme_name(scheme); scheme++) {
    stage direct = scattering_stage(scheme_name(scheme), "bdf", "matrix", 0.3, 1e-4);
    stage often = scattering_stage(scheme_name(scheme), "bdf", "matrix", 0.3, 1e-4);
    go(&direct, 100);
    for (int i = 1; i <= 37; i++) go(&often, 100.0 * i / 37);
    CHECK_BITWISE(often.state->f, direct.state->f, direct.n);
    CHECK_BITWISE(&often.state->work, &direct.state->work, 1);
    stage_clear(&direct);
    stage_clear(&often);
  }
}

/// What is chosen, and that a choice of the user stands. The rate is of the order of
/// coupling^2/hbar over a bandwidth of 3 eV, the quiet time 50 fs.
static void choice_of_the_integrator(void **state) {
  (void)state;
  const struct {
    const char *scheme, *integrator, *ansatz;
    double coupling;
    const char *want_scheme, *want_integrator;
  } choices[] = {
      {"auto", "auto", "matrix", 0.01, "interaction", "adams"},
      {"auto", "auto", "matrix", 10, "unsplit", "bdf"},
      {"auto", "auto", "diagonal", 10, "interaction", "bdf"},
      {"unsplit", "auto", "matrix", 10, "unsplit", "bdf"},
      {"unsplit", "auto", "diagonal", 10, "unsplit", "adams"},
      {"interaction", "auto", "matrix", 10, "interaction", "adams"},
      {"interaction", "bdf", "matrix", 10, "interaction", "bdf"},
      {"auto", "adams", "matrix", 10, "interaction", "adams"},
      {"auto", "bdf", "matrix", 0.01, "unsplit", "bdf"},
      {"auto", "bdf", "none", 10, "interaction", "adams"},
      {"unsplit", "bdf", "none", 10, "unsplit", "bdf"},
  };
  for (size_t i = 0; i < COUNT(choices); i++) {
    stage s = scattering_stage(choices[i].scheme, choices[i].integrator, choices[i].ansatz,
                               choices[i].coupling, 1e-4);
    const kd_propagator_statistics cost = kd_propagator_cost(s.propagator);
    assert_string_equal(cost.scheme, choices[i].want_scheme);
    assert_string_equal(cost.integrator, choices[i].want_integrator);
    stage_clear(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names),
      cmocka_unit_test(balances),
      cmocka_unit_test(schemes_agree),
      cmocka_unit_test(schemes_agree_in_space),
      cmocka_unit_test(times_asked_for_do_not_matter),
      cmocka_unit_test(states_in_between_are_accurate),
      cmocka_unit_test(without_field_equilibrium_stays),
      cmocka_unit_test(coherences_turn_with_the_right_sign),
      cmocka_unit_test(one_band_in_closed_form),
      cmocka_unit_test(kick_at_the_start),
      cmocka_unit_test(late_pulses_are_seen),
      cmocka_unit_test(packets_cross_a_box),
      cmocka_unit_test(filled_boxes_stay_filled),
      cmocka_unit_test(secular_part_is_inverted),
      cmocka_unit_test(implicit_steps_agree),
      cmocka_unit_test(implicit_steps_ignore_times_asked_for),
      cmocka_unit_test(choice_of_the_integrator),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
