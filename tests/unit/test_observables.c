/// Traces and snapshots against sums over k written out with dense matrices.
#include "support.h"

#include <omp.h>

enum { MAX_N = 3 };
static const double ORIGIN[3] = {0};

// Orbitals 0 and 1 carry copies of one chain, turned into each other and into orbital 2, so that
// two of the three levels agree at every k.
#define DEGENERATE                                                                                 \
  "model: {kind: tight_binding, lattice_vectors: [[3 angstrom]], "                                 \
  "positions: [[0 angstrom], [1], [2]], hoppings: ["                                               \
  "{R: [0], re: [[1.28, 0, 0.96], [0, 2, 0], [0.96, 0, 0.72]]}, "                                  \
  "{R: [1], re: [[-0.5, 0, 0], [0, -0.5, 0], [0, 0, -0.5]]}, "                                     \
  "{R: [-1], re: [[-0.5, 0, 0], [0, -0.5, 0], [0, 0, -0.5]]}]}\n"

// Two levels of different velocity cross at k a = pi/2.
#define CROSSING                                                                                   \
  "model: {kind: tight_binding, lattice_vectors: [[3 angstrom]], hoppings: ["                      \
  "{R: [0], re: [[0, 0, 0], [0, 0, 0], [0, 0, 5]]}, "                                              \
  "{R: [1], re: [[0.608, -0.144, 0], [-0.144, 0.692, 0], [0, 0, -0.2]]}, "                         \
  "{R: [-1], re: [[0.608, -0.144, 0], [-0.144, 0.692, 0], [0, 0, -0.2]]}]}\n"

/// A smooth density matrix: base + sum_m (even_m cos k.R_m + odd_m sin k.R_m), which the grid
/// resolves.
typedef struct density {
  double complex base[9], even[3][9], odd[3][9];
  double cell[3][3];
} density;

static density random_density(const stage *s, double scale) {
  density d = {0};
  random_hermitian(s->n_band, scale, d.base);
  for (size_t a = 0; a < s->n_band; a++) d.base[a * (s->n_band + 1)] += 0.5;
  const double *dual = kd_model_duals(s->model);
  for (size_t m = 0; m < 3; m++) {
    random_hermitian(s->n_band, scale, d.even[m]);
    random_hermitian(s->n_band, scale, d.odd[m]);
    for (size_t i = 0; i < s->n_dim; i++) {
      const int l = s->n_dim == 1 ? (int)m + 1 : (i == 0 ? (m == 0 || m == 2) : m != 0);
      for (size_t x = 0; x < 3; x++) d.cell[m][x] += l * dual[3 * i + x];
    }
  }
  return d;
}

static void density_at(const density *d, size_t n, const double k[3], double complex *f) {
  for (size_t i = 0; i < n * n; i++) f[i] = d->base[i];
  for (int m = 0; m < 3; m++) {
    double angle = 0;
    for (int x = 0; x < 3; x++) angle += k[x] * d->cell[m][x];
    for (size_t i = 0; i < n * n; i++)
      f[i] += cos(angle) * d->even[m][i] + sin(angle) * d->odd[m][i];
  }
}

static void fill(const stage *s, const density *d, const double shift[3], double *f) {
  double complex matrix[9];
  for (size_t k = 0; k < s->n_k; k++) {
    double point[3];
    kd_model_k(s->model, k, point);
    for (int x = 0; x < 3; x++) point[x] += shift[x];
    density_at(d, s->n_band, point, matrix);
    kd_pack(matrix, s->n_band, s->n_k, k, f);
  }
}

/// Means over k, without spin.
typedef struct sums {
  double number, energy, entropy, square, min_f, min_1mf;
  double population[MAX_N], coherence[MAX_N * MAX_N], current[3], intra[3], inter[3];
  double user, user_current;
} sums;

static double x_log_x(double x) {
  return x > 0 ? x * log(x) : 0;
}

/// v_axis = (dH/dk + i [H, r])/hbar
static void velocity_at(const stage *s, const double k[3], size_t axis, double complex *v) {
  const size_t n = s->n_band;
  double complex h[9], r[9], hr[9], rh[9];
  kd_model_part energy = {.energy = 1}, position = {0}, gradient = {0};
  position.position[axis] = 1;
  gradient.gradient[axis] = 1;
  kd_model_at(s->model, k, &energy, h);
  kd_model_at(s->model, k, &position, r);
  kd_model_at(s->model, k, &gradient, v);
  dense_multiply(n, h, r, hr);
  dense_multiply(n, r, h, rh);
  for (size_t i = 0; i < n * n; i++) v[i] = (v[i] + I * (hr[i] - rh[i])) / HBAR;
}

/// Everything that the traces hold, of f given at k + shift, level by level.
static sums direct(const stage *s, const double *f, const double shift[3], int statistics,
                   const double complex *operator_) {
  const size_t n = s->n_band;
  sums sum = {.min_f = INFINITY, .min_1mf = INFINITY};
  const kd_model_part energy_part = {.energy = 1};
  for (size_t k = 0; k < s->n_k; k++) {
    double complex h[9], vectors[9], rho[9], band[9], v[9], v_band[9], left[9], other[9];
    double energy[3], level[3], point[3];
    kd_model_k(s->model, k, point);
    for (int x = 0; x < 3; x++) point[x] += shift[x];
    kd_model_at(s->model, point, &energy_part, h);
    dense_eigen(n, h, energy, vectors);
    kd_unpack(f, n, s->n_k, k, rho);
    dense_eigen(n, rho, level, other);
    dense_rotate(n, vectors, true, rho, band);
    for (size_t a = 0; a < n; a++) sum.number += creal(rho[a * (n + 1)]);
    sum.energy += creal(dense_trace_product(n, h, rho));
    sum.square += creal(dense_trace_product(n, rho, rho));
    for (size_t a = 0; a < n; a++) {
      const double x = level[a];
      if (statistics == -1) sum.entropy -= x_log_x(x) + x_log_x(1 - x);
      if (statistics == 1) sum.entropy += x_log_x(1 + x) - x_log_x(x);
      if (statistics == 0) sum.entropy -= x_log_x(x) - x;
      sum.min_f = fmin(sum.min_f, x);
      sum.min_1mf = fmin(sum.min_1mf, 1 - x);
    }
    // Sums over all pairs of levels of two groups do not depend on the eigenvectors.
    for (size_t a = 0; a < n; a++)
      for (size_t b = 0; b < n; b++) {
        double share = 0, block = 0;
        size_t n_a = 0, n_b = 0;
        for (size_t c = 0; c < n; c++) {
          const bool with_a = fabs(energy[c] - energy[a]) < 1e-7;
          n_a += with_a;
          n_b += fabs(energy[c] - energy[b]) < 1e-7;
          if (with_a) share += creal(band[c * (n + 1)]);
          for (size_t d = 0; d < n && with_a; d++)
            if (fabs(energy[d] - energy[b]) < 1e-7) block += pow(cabs(band[c * n + d]), 2);
        }
        if (a == b) sum.population[a] += share / (double)n_a;
        if (fabs(energy[a] - energy[b]) > 1e-7)
          sum.coherence[a * n + b] += sqrt(block / (double)(n_a * n_b));
      }
    for (size_t axis = 0; axis < s->n_dim; axis++) {
      velocity_at(s, point, axis, v);
      dense_rotate(n, vectors, true, v, v_band);
      sum.current[axis] += creal(dense_trace_product(n, v, rho));
      for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++) {
          const double part = creal(v_band[a * n + b] * band[b * n + a]);
          if (fabs(energy[a] - energy[b]) < 1e-7)
            sum.intra[axis] += part;
          else
            sum.inter[axis] += part;
        }
      if (axis + 1 < s->n_dim) continue; // the user observable takes the last axis
      sum.user += creal(dense_trace_product(n, operator_, rho));
      dense_multiply(n, v, operator_, left);
      dense_multiply(n, operator_, v, other);
      for (size_t i = 0; i < n * n; i++) left[i] = 0.5 * (left[i] + other[i]);
      sum.user_current += creal(dense_trace_product(n, left, rho));
    }
  }
  double *value = (double *)&sum;
  for (size_t i = 0; i < sizeof sum / sizeof *value; i++)
    if (value + i != &sum.min_f && value + i != &sum.min_1mf) value[i] /= (double)s->n_k;
  return sum;
}

#define VALUE(name, index) kd_observables_value(s->observables, name, index)

/// Compares all traces with sums; `grid` holds the coherences, which are taken on the model's grid.
static void expect_traces(const stage *s, const sums *want, const sums *grid, double scale) {
  const double spin = kd_model_spin_degeneracy(s->model), charge = kd_model_charge(s->model);
  const double tolerance = 1e-13 * scale;
  const size_t n = s->n_band;
  CHECK_NEAR(VALUE("number", 0), spin * want->number, tolerance);
  CHECK_NEAR(VALUE("energy", 0), spin * want->energy, tolerance);
  CHECK_NEAR(VALUE("entropy", 0), spin * want->entropy, tolerance);
  CHECK_NEAR(VALUE("purity", 0), want->square / want->number, tolerance);
  CHECK_NEAR(VALUE("min_f", 0), want->min_f, tolerance);
  CHECK_NEAR(VALUE("min_1mf", 0), want->min_1mf, tolerance);
  for (size_t a = 0; a < n; a++) CHECK_NEAR(VALUE("population", a), want->population[a], tolerance);
  for (size_t a = 0; a < n * n; a++)
    CHECK_NEAR(VALUE("coherence", a), grid->coherence[a], 10 * tolerance);
  for (size_t axis = 0; axis < s->n_dim; axis++) {
    CHECK_NEAR(VALUE("current", axis), spin * charge * want->current[axis], 10 * tolerance);
    CHECK_NEAR(VALUE("current_intra", axis), spin * charge * want->intra[axis], 10 * tolerance);
    CHECK_NEAR(VALUE("current_inter", axis), spin * charge * want->inter[axis], 10 * tolerance);
  }
  CHECK_NEAR(VALUE("user/o", 0), spin * want->user, tolerance);
  CHECK_NEAR(VALUE("user/j", 0), spin * want->user_current, 10 * tolerance);
}

static const char OPERATOR_2[] = "re: [[0.3, 0.2], [0.2, -1]], im: [[0, 0.7], [-0.7, 0]]";
static const char OPERATOR_3[] =
    "re: [[0.3, 0.2, 0], [0.2, -1, 0.5], [0, 0.5, 0.1]], im: [[0, 0.7, "
    "0.4], [-0.7, 0, 0], [-0.4, 0, 0]]";
static const double complex MATRIX_2[9] = {0.3, 0.2 + 0.7 * I, 0.2 - 0.7 * I, -1};
static const double complex MATRIX_3[9] = {0.3,      0.2 + 0.7 * I, 0.4 * I, 0.2 - 0.7 * I, -1, 0.5,
                                           -0.4 * I, 0.5,           0.1};

static stage observed(const char *model, const char *rest) {
  const bool three = strstr(model, "tight_binding") != NULL;
  const char *operator_ = three ? OPERATOR_3 : OPERATOR_2;
  return stage_create(text_of("%sobservables: [{name: o, matrix: given, %s}, {name: j, current_of: "
                              "given, axis: %d, %s}]\n%s",
                              model, operator_, strstr(model, "grid: {k: [7, ") ? 1 : 0, operator_,
                              rest),
                      TO_OBSERVABLES);
}

/// One measurement of a random state, against the direct sums.
static void expect_measurement(const char *model, const char *rest, int statistics, double scale,
                               const double shift_1d[3]) {
  stage s = observed(model, rest);
  double shift[3] = {shift_1d[0], s.n_dim > 1 ? 0.4 * shift_1d[0] + shift_1d[1] : 0};
  const density d = random_density(&s, scale);
  const double complex *operator_ = s.n_band == 2 ? MATRIX_2 : MATRIX_3;
  fill(&s, &d, shift, s.state->f);
  memcpy(s.state->shift, shift, sizeof shift);
  s.state->work = 0.123;
  s.state->time = 2.5;
  const sums want = direct(&s, s.state->f, shift, statistics, operator_);
  double *on_grid = new_reals(s.n);
  fill(&s, &d, ORIGIN, on_grid);
  const sums grid = direct(&s, on_grid, ORIGIN, statistics, operator_);
  CHECK_OK(kd_observables_measure(s.observables, s.state));
  expect_traces(&s, &want, &grid, 1 + 30 * scale);
  CHECK_NEAR(kd_observables_value(s.observables, "work", 0), 0.123, 0);
  CHECK_NEAR(kd_observables_largest_at_edge(s.observables), 0, 0);

  // The snapshot is the function itself on the grid of the model, row-major complex.
  size_t count;
  const kd_variable *variable = kd_observables_snapshot_variables(s.observables, &count);
  assert_int_equal(count, 2);
  assert_string_equal(variable[0].name, "f");
  assert_string_equal(variable[1].name, "population_k");
  CHECK_OK(kd_observables_snapshot(s.observables, s.state));
  const double complex *f = variable[0].data;
  const double *population = variable[1].data;
  double mean[MAX_N] = {0};
  for (size_t k = 0; k < s.n_k; k++) {
    double complex matrix[9];
    kd_unpack(on_grid, s.n_band, s.n_k, k, matrix);
    CHECK_BELOW(dense_distance(s.n_band, f + k * s.n_band * s.n_band, matrix),
                1e-13 * (1 + 30 * scale));
    for (size_t a = 0; a < s.n_band; a++) mean[a] += population[k * s.n_band + a] / (double)s.n_k;
  }
  for (size_t a = 0; a < s.n_band; a++)
    CHECK_NEAR(mean[a], grid.population[a], 1e-13 * (1 + 30 * scale));
  kd_free(on_grid);
  stage_clear(&s);
}

static void traces_are_the_sums_they_say(void **state) {
  (void)state;
  const char *models[] = {SSH "grid: {k: [11]}\n", GRAPHENE "grid: {k: [7, 8]}\n",
                          DIPOLES "grid: {k: [7, 9]}\n", DEGENERATE "grid: {k: [10]}\n",
                          CROSSING "grid: {k: [8]}\n"};
  const double shifts[3][3] = {{0}, {0.31, 0.1}, {-4.2, 1}};
  for (size_t i = 0; i < COUNT(models); i++)
    for (size_t j = 0; j < COUNT(shifts); j++) {
      expect_measurement(models[i], "charge: 2\n", -1, 0.03, shifts[j]); // inside [0, 1]
      expect_measurement(models[i], "", -1, 0.5, shifts[j]);             // and far outside
      expect_measurement(models[i],
                         "statistics: boson\ninitial: {kind: equilibrium, temperature: 300 K, "
                         "chemical_potential: -9 eV}\n",
                         1, 0.5, shifts[j]);
      expect_measurement(models[i], "statistics: classical\n", 0, 0.5, shifts[j]);
    }
}

static void spin_degeneracy_counts_where_it_should(void **state) {
  (void)state;
  expect_measurement("model: {kind: ssh, t1: 1 eV, t2: 0.7 eV, mass: 0.2 eV, lattice_constant: 3 "
                     "angstrom, spin_degeneracy: 2}\ngrid: {k: [9]}\n",
                     "", -1, 0.1, (const double[3]){0.2});
}

/// In a k.p box the displaced sums hold the deviation from the reference, the undisplaced ones the
/// reference: what has left at one edge and what enters at the other.
static void boxes_are_completed_by_the_reference(void **state) {
  (void)state;
  const char *models[] = {
      DIRAC1D "grid: {k: [40]}\n",
      "model: {kind: rashba, mass: 0.3, alpha: 1.5 eV angstrom, gap: 20 meV, k_max: "
      "0.4 1/angstrom}\ngrid: {k: [7, 8]}\n"};
  for (size_t i = 0; i < COUNT(models); i++) {
    stage s = observed(models[i], "initial: {kind: equilibrium, temperature: 900 K, "
                                  "chemical_potential: 0.1 eV}\n");
    const double shift[3] = {0.13, i ? -0.07 : 0};
    double *reference = new_reals(s.n), *here = new_reals(s.n), edge = 0;
    CHECK_OK(kd_reference_sample(s.reference, s.model, ORIGIN, reference));
    CHECK_OK(kd_reference_sample(s.reference, s.model, shift, here));
    memcpy(s.state->shift, shift, sizeof shift);

    // The displaced reference itself: the numbers of the undisplaced one, not those of a shifted
    // box.
    sums base = direct(&s, reference, ORIGIN, -1, MATRIX_2);
    for (size_t axis = 0; axis < s.n_dim; axis++) // a closed sea carries no current
      base.current[axis] = base.intra[axis] = base.inter[axis] = 0;
    const sums moved = direct(&s, here, shift, -1, MATRIX_2);
    CHECK_ABOVE(fabs(moved.energy - base.energy), 1e-4);
    memcpy(s.state->f, here, s.n * sizeof *here);
    CHECK_OK(kd_observables_measure(s.observables, s.state));
    sums want = base;
    want.min_f = moved.min_f;
    want.min_1mf = moved.min_1mf;
    expect_traces(&s, &want, &base, 10);
    CHECK_NEAR(kd_observables_largest_at_edge(s.observables), 0, 1e-14);

    // And a deviation on top.
    for (size_t c = 0; c < 4; c++)
      for (size_t k = 0; k < s.n_k; k++) {
        const size_t *n = kd_model_n(s.model), x = k / n[1], y = k % n[1];
        const double deviation = 0.05 * random_real();
        s.state->f[c * s.n_k + k] += deviation;
        if (x == 0 || x == n[0] - 1 || (s.n_dim > 1 && (y == 0 || y == n[1] - 1)))
          edge = fmax(edge, fabs(deviation));
      }
    const sums now = direct(&s, s.state->f, shift, -1, MATRIX_2);
    CHECK_OK(kd_observables_measure(s.observables, s.state));
    const double *a = (const double *)&now, *b = (const double *)&moved, *c = (const double *)&base;
    double *to = (double *)&want;
    for (size_t j = 0; j < sizeof want / sizeof *to; j++) to[j] = a[j] - b[j] + c[j];
    want.min_f = now.min_f;
    want.min_1mf = now.min_1mf;
    sums grid = {0}; // noise is not resolved by the grid: coherences are left to the test above
    for (size_t j = 0; j < 4; j++)
      grid.coherence[j] = kd_observables_value(s.observables, "coherence", j);
    expect_traces(&s, &want, &grid, 10);
    CHECK_NEAR(kd_observables_largest_at_edge(s.observables), edge, 1e-14);

    // It is the largest of all measurements.
    memcpy(s.state->f, here, s.n * sizeof *here);
    CHECK_OK(kd_observables_measure(s.observables, s.state));
    CHECK_NEAR(kd_observables_largest_at_edge(s.observables), edge, 1e-14);
    // Both faces count, the points between them do not.
    const size_t places[] = {s.n_k / 2 + (s.n_dim > 1 ? 1 : 0), 0, s.n_k - 1};
    const double sizes[] = {0.9, 0.2, 0.3}, largest[] = {edge, 0.2, 0.3};
    for (size_t j = 0; j < COUNT(places); j++) {
      memcpy(s.state->f, here, s.n * sizeof *here);
      s.state->f[3 * s.n_k + places[j]] += sizes[j];
      CHECK_OK(kd_observables_measure(s.observables, s.state));
      CHECK_NEAR(kd_observables_largest_at_edge(s.observables), largest[j], 1e-14);
    }
    kd_free(reference);
    kd_free(here);
    stage_clear(&s);
  }
}

static void field_trace_and_names(void **state) {
  (void)state;
  stage s = observed(GRAPHENE "grid: {k: [4, 4]}\n",
                     "field: [{kind: cosine, amplitude: 0.05 V/angstrom, frequency: 0.1 1/fs, "
                     "direction: [3, 4]}, {kind: kick, impulse: 1 V fs/angstrom, time: 2 fs}]\n");
  s.state->time = 2;
  CHECK_OK(kd_observables_measure(s.observables, s.state));
  CHECK_NEAR(kd_observables_value(s.observables, "field", 0), 0.03 * cos(0.4 * M_PI), 1e-16);
  CHECK_NEAR(kd_observables_value(s.observables, "field", 1), 0.04 * cos(0.4 * M_PI), 1e-16);
  assert_true(isnan(kd_observables_value(s.observables, "field", 2)));
  assert_true(isnan(kd_observables_value(s.observables, "fields", 0)));
  assert_true(isnan(kd_observables_value(s.observables, "o", 0)));
  assert_true(isnan(kd_observables_value(s.observables, "user/o", 1)));
  const char *names[] = {"number",        "energy",        "work",       "entropy",   "purity",
                         "min_f",         "min_1mf",       "population", "coherence", "current",
                         "current_intra", "current_inter", "field",      "user/o",    "user/j"};
  const char *units[] = {"1",
                         "eV",
                         "eV",
                         "1",
                         "1",
                         "1",
                         "1",
                         "1",
                         "1",
                         "e angstrom/fs",
                         "e angstrom/fs",
                         "e angstrom/fs",
                         "V/angstrom",
                         "1",
                         "angstrom/fs"};
  size_t count;
  const kd_variable *variable = kd_observables_traces(s.observables, &count);
  assert_int_equal(count, COUNT(names));
  for (size_t i = 0; i < count; i++) {
    assert_string_equal(variable[i].name, names[i]);
    assert_string_equal(variable[i].unit, units[i]);
    size_t size = 1;
    for (size_t j = 0; j < variable[i].n_axis; j++) size *= variable[i].axis[j].size;
    for (size_t j = 0; j < size; j++)
      CHECK_NEAR(((const double *)variable[i].data)[j],
                 kd_observables_value(s.observables, names[i], j), 0);
    assert_true(isnan(kd_observables_value(s.observables, names[i], size)));
  }
  stage_clear(&s);
}

static void conductivity_units(void **state) {
  (void)state;
  // e^2/(eV fs) = 1.602176634e-4 S
  const double siemens = 1.602176634e-4;
  const struct {
    const char *model, *unit;
    double factor;
  } cases[] = {
      {CHAIN "grid: {k: [4]}\n", "S m", siemens / 3 * 1e-10},
      {"model: {kind: square, J: 1 eV, lattice_constant: 2 angstrom}\ngrid: {k: [2, 2]}\n", "S",
       siemens / 4},
      {"model: {kind: cubic, J: 1 eV, lattice_constant: 2 angstrom}\ngrid: {k: [2, 2, 2]}\n", "S/m",
       siemens / 8 * 1e10},
      {"units: natural\nmodel: {kind: square, J: 1}\ngrid: {k: [2, 2]}\ninitial: {kind: "
       "equilibrium, "
       "temperature: 0.1, chemical_potential: 0}\npropagation: {duration: 1}\n",
       "1", 1}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    stage s = stage_create(cases[i].model, TO_OBSERVABLES);
    double factor;
    const char *unit;
    kd_observables_conductivity_unit(s.observables, &factor, &unit);
    assert_string_equal(unit, cases[i].unit);
    CHECK_NEAR(factor / cases[i].factor, 1, 1e-9);
    stage_clear(&s);
  }
}

static void what_is_not_finite_is_an_error(void **state) {
  (void)state;
  const char *models[] = {SSH "grid: {k: [9]}\n", DIPOLES "grid: {k: [3, 3]}\n"};
  for (size_t i = 0; i < COUNT(models); i++) {
    stage s = stage_create(models[i], TO_OBSERVABLES);
    CHECK_OK(kd_observables_measure(s.observables, s.state));
    s.state->f[s.n - 1] = NAN;
    assert_int_equal(kd_observables_measure(s.observables, s.state), KD_ERROR_NUMERICS);
    s.state->f[s.n - 1] = 0;
    CHECK_OK(kd_observables_measure(s.observables, s.state));
    stage_clear(&s);
  }
}

/// All traces, bit by bit, whatever the number of threads.
static void threads_do_not_matter(void **state) {
  (void)state;
  const char *models[] = {SSH "grid: {k: [5001]}\n", DIPOLES "grid: {k: [31, 33]}\n",
                          DIRAC1D "grid: {k: [5001]}\n"};
  for (size_t i = 0; i < COUNT(models); i++) {
    double *values[3] = {0}, *f = NULL;
    size_t n_value = 0;
    for (int run = 0; run < 3; run++) {
      omp_set_num_threads(1 + run);
      stage s = stage_create(models[i], TO_OBSERVABLES);
      if (!f) f = random_field(s.n_band, s.n_k, 0.3);
      memcpy(s.state->f, f, s.n * sizeof *f);
      s.state->shift[0] = 0.17;
      CHECK_OK(kd_observables_measure(s.observables, s.state));
      size_t count;
      const kd_variable *variable = kd_observables_traces(s.observables, &count);
      values[run] = new_reals(100);
      n_value = 0;
      for (size_t j = 0; j < count; j++) {
        size_t size = 1;
        for (size_t a = 0; a < variable[j].n_axis; a++) size *= variable[j].axis[a].size;
        memcpy(values[run] + n_value, variable[j].data, size * sizeof(double));
        n_value += size;
      }
      stage_clear(&s);
    }
    CHECK_BITWISE(values[1], values[0], n_value);
    CHECK_BITWISE(values[2], values[0], n_value);
    for (int run = 0; run < 3; run++) kd_free(values[run]);
    kd_free(f);
  }
  omp_set_num_threads(2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(traces_are_the_sums_they_say),
      cmocka_unit_test(spin_degeneracy_counts_where_it_should),
      cmocka_unit_test(boxes_are_completed_by_the_reference),
      cmocka_unit_test(field_trace_and_names),
      cmocka_unit_test(conductivity_units),
      cmocka_unit_test(what_is_not_finite_is_an_error),
      cmocka_unit_test(threads_do_not_matter),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
