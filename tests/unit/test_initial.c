/// Initial states and their reference.
#include "support.h"

#include "core/eigen.h"

static const double ORIGIN[3] = {0};

static stage initial_stage(const char *model, const char *initial) {
  return stage_create(text_of("%sinitial: {%s}\n", model, initial), TO_INITIAL);
}

static void expect_message(const char *model, const char *initial, kd_status status,
                           const char *message) {
  stage s;
  CHECK_ERROR(stage_try(text_of("%sinitial: {%s}\n", model, initial), TO_INITIAL, &s), status,
              message);
}

static double number_of(const stage *s) {
  double sum = 0;
  for (size_t a = 0; a < s->n_band; a++)
    for (size_t k = 0; k < s->n_k; k++) sum += s->state->f[a * s->n_k + k];
  return sum / (double)s->n_k * kd_model_spin_degeneracy(s->model);
}

/// f must be the function `value` of H_k at every k, by LAPACK.
static void expect_function_of_energy(const stage *s, double (*value)(double)) {
  const size_t n = s->n_band;
  const kd_model_part part = {.energy = 1};
  for (size_t k = 0; k < s->n_k; k++) {
    double complex h[64], vectors[64], levels[64] = {0}, want[64], got[64];
    double energy[8], point[3];
    kd_model_k(s->model, k, point);
    kd_model_at(s->model, point, &part, h);
    dense_eigen(n, h, energy, vectors);
    for (size_t i = 0; i < n; i++) levels[i * n + i] = value(energy[i]);
    dense_rotate(n, vectors, false, levels, want);
    kd_unpack(s->state->f, n, s->n_k, k, got);
    // The exponential of e/kT loses what e/kT has in digits before the point.
    CHECK_BELOW(dense_distance(n, got, want), 1e-13 * (1 + cabs(levels[0])));
  }
}

static double fermi(double e) {
  return 1 / (exp((e - 0.1) / (K_BOLTZMANN * 1000)) + 1);
}
static double bose(double e) {
  return 1 / (exp((e + 1.9) / (K_BOLTZMANN * 1000)) - 1);
}
static double boltzmann(double e) {
  return exp(-(e - 0.1) / (K_BOLTZMANN * 1000));
}
static double excited_fermi(double e) {
  const double g = 0.3 * exp(-0.5 * pow((e - 0.4) / 0.2, 2));
  return fermi(e) + g * (1 - fermi(e));
}
static double emptied_fermi(double e) {
  const double g = -0.3 * exp(-0.5 * pow((e - 0.4) / 0.2, 2));
  return fermi(e) + g * fermi(e);
}

static void equilibria(void **state) {
  (void)state;
  const char *models[] = {SSH "grid: {k: [9]}\n", DIPOLES "grid: {k: [4, 3]}\n",
                          DIRAC1D "grid: {k: [8]}\n", CHAIN "grid: {k: [7]}\n"};
  const char *rest = "temperature: 1000 K, chemical_potential: 0.1 eV";
  for (size_t i = 0; i < COUNT(models); i++) {
    stage s = initial_stage(models[i], text_of("kind: equilibrium, %s", rest));
    expect_function_of_energy(&s, fermi);
    CHECK_NEAR(s.state->time, 0, 0);
    CHECK_ARRAY(s.state->shift, ORIGIN, 3, 0);
    CHECK_NEAR(s.state->work, 0, 0);
    CHECK_NEAR(kd_reference_chemical_potential(s.reference), 0.1, 1e-16);
    assert_true(kd_reference_is_zero(s.reference) == kd_model_is_periodic(s.model));
    stage_clear(&s);
    s = initial_stage(models[i], text_of("kind: excited, energy: 0.4 eV, width: 0.2 eV, amplitude: "
                                         "0.3, %s",
                                         rest));
    expect_function_of_energy(&s, excited_fermi);
    stage_clear(&s);
    s = initial_stage(models[i], text_of("kind: excited, energy: 0.4 eV, width: 0.2 eV, amplitude: "
                                         "-0.3, %s",
                                         rest));
    expect_function_of_energy(&s, emptied_fermi);
    stage_clear(&s);
  }
  stage s = initial_stage("statistics: boson\n" SSH "grid: {k: [9]}\n",
                          "kind: equilibrium, temperature: 1000 K, chemical_potential: -1.9 eV");
  expect_function_of_energy(&s, bose);
  stage_clear(&s);
  s = initial_stage("statistics: classical\n" SSH "grid: {k: [9]}\n",
                    text_of("kind: equilibrium, %s", rest));
  expect_function_of_energy(&s, boltzmann);
  stage_clear(&s);
}

static void fillings_and_densities(void **state) {
  (void)state;
  const char *spinful =
      "model: {kind: ssh, t1: 1 eV, t2: 0.7 eV, mass: 0.2 eV, lattice_constant: 3 "
      "angstrom, spin_degeneracy: 2}\ngrid: {k: [30]}\n";
  stage s = initial_stage(spinful, "kind: equilibrium, temperature: 300 K, filling: 0.7");
  CHECK_NEAR(number_of(&s), 1.4, 1e-8);
  stage_clear(&s);
  s = initial_stage(spinful, "kind: equilibrium, temperature: 0 K, filling: 1");
  CHECK_NEAR(number_of(&s), 2, 1e-13);
  CHECK_NEAR(kd_reference_chemical_potential(s.reference), 0, 1e-14); // mid-gap, by symmetry
  stage_clear(&s);
  s = initial_stage(spinful, "kind: equilibrium, temperature: 0 K, filling: 0.75"); // a metal
  CHECK_NEAR(number_of(&s), 1.5, 1e-13);
  stage_clear(&s);
  // Spins included: 1e6 per cm is 0.01 per angstrom, times 3 angstrom.
  s = initial_stage(spinful, "kind: equilibrium, temperature: 300 K, density: 1e6 cm^-1");
  CHECK_NEAR(number_of(&s), 0.03, 1e-9);
  stage_clear(&s);
  s = initial_stage(GRAPHENE "grid: {k: [12, 12]}\n",
                    "kind: equilibrium, temperature: 300 K, density: 1e12 cm^-2");
  CHECK_NEAR(number_of(&s), 1e-4 * 2.46 * 2.46 * sqrt(0.75), 1e-9);
  stage_clear(&s);
  const char *cubic = "model: {kind: cubic, J: 1 eV, lattice_constant: 2 angstrom}\n"
                      "grid: {k: [4, 4, 4]}\n";
  s = initial_stage(cubic, "kind: equilibrium, temperature: 300 K, density: 1e21 cm^-3");
  CHECK_NEAR(number_of(&s), 8e-3, 1e-9);
  stage_clear(&s);
  // In a k.p box the "cell" is (2 pi)^d over its volume.
  s = initial_stage(
      "model: {kind: parabolic, mass: 0.1, k_max: 0.1 1/angstrom}\ngrid: {k: [32, 32]}\n",
      "kind: equilibrium, temperature: 300 K, density: 1e12 cm^-2");
  CHECK_NEAR(number_of(&s), 1e-4 * pow(2 * M_PI / 0.2, 2), 1e-9);
  stage_clear(&s);

  expect_message(
      GRAPHENE "grid: {k: [4, 4]}\n", "kind: equilibrium, temperature: 300 K, density: 1e21 cm^-3",
      KD_ERROR_SCENARIO,
      "initial.density: a density in angstrom^-3 (expected one in angstrom^-2 for a model "
      "of 2 dimensions)");
  expect_message(
      spinful, "kind: equilibrium, temperature: 300 K, density: 1e12 cm^-2", KD_ERROR_SCENARIO,
      "initial.density: a density in angstrom^-2 (expected one in angstrom^-1 for a model "
      "of 1 dimensions)");
  expect_message(
      cubic, "kind: equilibrium, temperature: 300 K, density: 1e12 cm^-2", KD_ERROR_SCENARIO,
      "initial.density: a density in angstrom^-2 (expected one in angstrom^-3 for a model "
      "of 3 dimensions)");
}

static void thermal_errors(void **state) {
  (void)state;
  const char *model = SSH "grid: {k: [8]}\n";
  expect_message(
      model, "kind: equilibrium, temperature: 300 K", KD_ERROR_SCENARIO,
      "initial: 0 of chemical_potential, filling and density are given (expected exactly "
      "one)");
  expect_message(
      model, "kind: equilibrium, temperature: 300 K, chemical_potential: 0 eV, filling: 1",
      KD_ERROR_SCENARIO,
      "initial: 2 of chemical_potential, filling and density are given (expected exactly "
      "one)");
  expect_message(
      model, "kind: equilibrium, temperature: 300 K, filling: 2.5", KD_ERROR_SCENARIO,
      "initial.filling: no chemical potential gives the filling 2.5 of 2 bands (expected 0 "
      "to 2 particles per cell and spin)");
  expect_message(
      model, "kind: equilibrium, temperature: 300 K, density: 1 angstrom^-1", KD_ERROR_SCENARIO,
      "initial.density: no chemical potential gives the filling 3 of 2 bands (expected 0 to "
      "2 particles per cell and spin)");
  expect_message(
      "statistics: boson\n" SSH "grid: {k: [8]}\n",
      "kind: equilibrium, temperature: 300 K, chemical_potential: 0 eV", KD_ERROR_SCENARIO,
      "eV is not below the lowest level, -1.71172 eV (expected: bosons have no equilibrium "
      "otherwise)");
  expect_message("statistics: boson\n" SSH "grid: {k: [8]}\n",
                 "kind: equilibrium, temperature: 0 K, filling: 1", KD_ERROR_SCENARIO,
                 "initial.filling: a filling at zero temperature needs fermions");
}

static void band_occupations(void **state) {
  (void)state;
  stage s = initial_stage(DIPOLES "grid: {k: [5, 4]}\n", "kind: bands, occupation: [1, 0.25, 0]");
  const kd_model_part part = {.energy = 1};
  for (size_t k = 0; k < s.n_k; k++) {
    double complex h[9], vectors[9], levels[9] = {1, 0, 0, 0, 0.25}, want[9], got[9];
    double energy[3], point[3];
    kd_model_k(s.model, k, point);
    kd_model_at(s.model, point, &part, h);
    dense_eigen(3, h, energy, vectors);
    dense_rotate(3, vectors, false, levels, want);
    kd_unpack(s.state->f, 3, s.n_k, k, got);
    CHECK_BELOW(dense_distance(3, got, want), 1e-13);
  }
  assert_true(isnan(kd_reference_chemical_potential(s.reference)));
  stage_clear(&s);
  // Degenerate levels share equally, whatever the eigenvectors: gapless dirac2d at k = 0.
  s = initial_stage("model: {kind: dirac2d, velocity: 5 angstrom/fs, gap: 0 eV, k_max: 0.2 "
                    "1/angstrom}\ngrid: {k: [4, 4]}\n",
                    "kind: bands, occupation: [1, 0]");
  const size_t center = 2 * 4 + 2;
  CHECK_NEAR(s.state->f[center], 0.5, 1e-15);
  CHECK_NEAR(s.state->f[16 + center], 0.5, 1e-15);
  CHECK_NEAR(s.state->f[32 + center], 0, 1e-15);
  CHECK_NEAR(s.state->f[48 + center], 0, 1e-15);
  stage_clear(&s);
  s = initial_stage("statistics: boson\n" SSH "grid: {k: [8]}\n",
                    "kind: bands, occupation: [7, 2]");
  CHECK_NEAR(number_of(&s), 9, 1e-13);
  stage_clear(&s);

  const char *model = SSH "grid: {k: [8]}\n";
  expect_message(model, "kind: bands, occupation: [1, 0, 0]", KD_ERROR_SCENARIO,
                 "initial.occupation: 3 numbers (expected 2, one per band from the lowest)");
  expect_message(model, "kind: bands, occupation: [1, 1.5]", KD_ERROR_SCENARIO,
                 "initial.occupation: 1.5 of band 1 is no occupation (expected 0 to 1)");
  expect_message(model, "kind: bands, occupation: [-0.5, 1]", KD_ERROR_SCENARIO,
                 "initial.occupation: -0.5 of band 0 is no occupation (expected 0 to 1)");
  expect_message("statistics: boson\n" SSH "grid: {k: [8]}\n", "kind: bands, occupation: [-1, 1]",
                 KD_ERROR_SCENARIO, "-1 of band 0 is no occupation (expected 0 or more)");
}

static void packets(void **state) {
  (void)state;
  // psi ~ exp(-(k - k_0)^2 w^2): |psi|^2 has the standard deviation 1/(2 w).
  stage s = initial_stage(
      "model: {kind: parabolic, mass: 1, k_max: 1 1/angstrom, spin_degeneracy: 2}\n"
      "grid: {k: [64, 64]}\n",
      "kind: gaussian, momentum: [0.2 1/angstrom, -0.1 1/angstrom], width: 6 angstrom, "
      "number: 3");
  CHECK_NEAR(number_of(&s), 3, 1e-12);
  double total = 0, mean[2] = {0}, square[2] = {0};
  for (size_t k = 0; k < s.n_k; k++) {
    double point[3];
    kd_model_k(s.model, k, point);
    const double weight = s.state->f[k];
    total += weight;
    for (size_t d = 0; d < 2; d++) mean[d] += weight * point[d];
  }
  const double center[2] = {0.2, -0.1};
  for (size_t d = 0; d < 2; d++) {
    mean[d] /= total;
    CHECK_NEAR(mean[d], center[d], 1e-10);
    for (size_t k = 0; k < s.n_k; k++) {
      double point[3];
      kd_model_k(s.model, k, point);
      square[d] += s.state->f[k] * pow(point[d] - center[d], 2) / total;
    }
    CHECK_NEAR(sqrt(square[d]), 1 / 12.0, 1e-9);
  }
  assert_true(kd_reference_is_zero(s.reference));
  stage_clear(&s);

  // In the upper band of a lattice: a pure state of that band, also across the edge of the zone.
  s = initial_stage(SSH "grid: {k: [60]}\n",
                    "kind: gaussian, band: 1, momentum: [0.02 1/angstrom], width: 9 angstrom");
  CHECK_NEAR(number_of(&s), 1, 1e-13);
  const kd_model_part part = {.energy = 1};
  for (size_t k = 0; k < s.n_k; k++) {
    double complex h[4], vectors[4], f[4], band[4], product[4];
    double energy[2], point[3];
    kd_model_k(s.model, k, point);
    kd_model_at(s.model, point, &part, h);
    dense_eigen(2, h, energy, vectors);
    kd_unpack(s.state->f, 2, s.n_k, k, f);
    dense_rotate(2, vectors, true, f, band);
    CHECK_NEAR(cabs(band[0]) + cabs(band[1]), 0, 1e-13 * 60);
    // Rank one: f^2 = f Tr f.
    dense_multiply(2, f, f, product);
    for (int i = 0; i < 4; i++) f[i] *= creal(band[3]);
    CHECK_BELOW(dense_distance(2, product, f), 1e-13 * 60);
  }
  // Nearly symmetric about k_0 through the wrap: the overlap |<u(k)|u(k_0)>|^2 is the only other
  // factor.
  CHECK_ABOVE(s.state->f[59] + s.state->f[60 + 59], 0.1 * (s.state->f[1] + s.state->f[60 + 1]));
  stage_clear(&s);

  const char *model = SSH "grid: {k: [8]}\n";
  expect_message(model, "kind: gaussian, band: 2, momentum: [0 1/angstrom], width: 5 angstrom",
                 KD_ERROR_SCENARIO, "initial.band: 2 (expected 0 to 1)");
  expect_message(model, "kind: gaussian, momentum: [0 1/angstrom, 0 1/angstrom], width: 5 angstrom",
                 KD_ERROR_SCENARIO, "initial.momentum: 2 components (expected 1)");
  expect_message(
      "model: {kind: parabolic, mass: 1, k_max: 1 1/angstrom}\ngrid: {k: [16]}\n",
      "kind: gaussian, momentum: [40 1/angstrom], width: 5 angstrom", KD_ERROR_SCENARIO,
      "initial.momentum: the packet has no weight on the k grid (expected a momentum inside "
      "the k domain and a width that the grid resolves)");
}

/// Two packets at x_1,2 = x_0 -+ d/2 with the phase p between them: with the overlap o =
/// exp(-d^2/(8 w^2)) and k_0 = 0 the density has the mean x_0 and the variance w^2 + (d/2)^2/(1 + o
/// cos p).
static void cats(void **state) {
  (void)state;
  static const double PHASES[] = {0, 0.5 * M_PI, 2};
  const double w = 0.8, d = 3, center = 0.5, overlap = exp(-d * d / (8 * w * w));
  for (size_t i = 0; i < COUNT(PHASES); i++) {
    stage s = stage_create(
        text_of(
            "units: natural\nstatistics: classical\nmodel: {kind: parabolic, mass: 1, k_max: 6}\n"
            "grid: {k: [96], r: {points: [64], length: [16]}}\ninitial: {kind: cat, momentum: [0], "
            "width: %.17g, position: [%.17g], separation: [%.17g], phase: %.17g}\n"
            "propagation: {duration: 1}\n",
            w, center, d, PHASES[i]),
        TO_INITIAL);
    double total = 0, mean = 0, square = 0;
    for (size_t r = 0; r < kd_space_n_r(s.space); r++) {
      double x[3], density = 0;
      kd_space_r(s.space, r, x);
      for (size_t k = 0; k < s.n_k; k++) density += s.state->f[r * s.n + k];
      total += density;
      mean += density * x[0];
      square += density * x[0] * x[0];
    }
    mean /= total;
    CHECK_NEAR(mean, center, 1e-8);
    CHECK_NEAR(square / total - mean * mean, w * w + 0.25 * d * d / (1 + overlap * cos(PHASES[i])),
               1e-7);
    stage_clear(&s);
  }
}

/// A packet in a degenerate pair of bands must not depend on how LAPACK chooses the pair.
static void packets_in_degenerate_bands(void **state) {
  (void)state;
  // Orbitals 0 and 1 are copies of one chain, 2 lies above.
  stage s =
      initial_stage("model: {kind: tight_binding, lattice_vectors: [[3 angstrom]], hoppings: ["
                    "{R: [0], re: [[0, 0, 0], [0, 0, 0], [0, 0, 5]]}, "
                    "{R: [1], re: [[-0.5, 0, 0], [0, -0.5, 0], [0, 0, -0.2]]}, "
                    "{R: [-1], re: [[-0.5, 0, 0], [0, -0.5, 0], [0, 0, -0.2]]}]}\n"
                    "grid: {k: [16]}\n",
                    "kind: gaussian, band: 1, momentum: [0.1 1/angstrom], width: 6 angstrom");
  CHECK_NEAR(number_of(&s), 1, 1e-13);
  double in_first = 0;
  for (size_t k = 0; k < 16; k++) in_first += s.state->f[k] / 16;
  CHECK_NEAR(in_first, 1, 1e-12); // u is the first of the equal columns of the projector
  stage_clear(&s);

  // The same with turned orbitals u_i: rounding parts the equal levels, and LAPACK mixes them at
  // every k in another way. The pair is the same plane at all k, so f/Tr f must be the same matrix.
  const double a = 0.7, b = 1.1;
  const double u[3][3] = {{cos(a) * cos(b), -sin(a), cos(a) * sin(b)},
                          {sin(a) * cos(b), cos(a), sin(a) * sin(b)},
                          {-sin(b), 0, cos(b)}};
  char matrix[2][512];
  for (int m = 0; m < 2; m++) {
    const double level[2][3] = {{0.1, 0.1, 5}, {-0.5, -0.5, -0.2}};
    size_t n = 0;
    for (int i = 0; i < 3; i++)
      for (int j = 0; j < 3; j++) {
        double x = 0;
        for (int l = 0; l < 3; l++) x += u[i][l] * level[m][l] * u[j][l];
        n += (size_t)snprintf(matrix[m] + n, sizeof matrix[m] - n, "%s%.17g%s",
                              j   ? ", "
                              : i ? ", ["
                                  : "[[",
                              x,
                              j < 2   ? ""
                              : i < 2 ? "]"
                                      : "]]");
      }
  }
  s = initial_stage(text_of("model: {kind: tight_binding, lattice_vectors: [[3 angstrom]], "
                            "hoppings: [{R: [0], re: %s}, "
                            "{R: [1], re: %s}, {R: [-1], re: %s}]}\ngrid: {k: [16]}\n",
                            matrix[0], matrix[1], matrix[1]),
                    "kind: gaussian, band: 1, momentum: [0.1 1/angstrom], width: 3 angstrom");
  double complex first[9] = {0};
  for (size_t k = 0; k < 16; k++) {
    double complex f[9];
    kd_unpack(s.state->f, 3, 16, k, f);
    const double trace = creal(f[0] + f[4] + f[8]);
    if (trace < 1e-3) continue;
    for (int i = 0; i < 9; i++) f[i] /= trace;
    if (first[0] == 0) memcpy(first, f, sizeof first);
    CHECK_BELOW(dense_distance(3, f, first), 1e-12);
  }
  stage_clear(&s);
}

static void run_into(const char *path, const stage *s) {
  static kd_report report;
  const kd_run_options options = {.output = path, .command = "test"};
  CHECK_OK(kd_run(s->scenario, &options, &report));
}

/// Runs a scenario into a file, and reads f of its snapshots.
static double *run_and_read(const char *path, const char *text, size_t *rank, size_t *size) {
  stage s = stage_create(text, TO_INITIAL);
  run_into(path, &s);
  stage_clear(&s);
  bool is_complex;
  double *data;
  CHECK_OK(kd_result_read(path, "/snapshots/f", rank, size, &is_complex, &data));
  return data;
}

/// f of a result that is resolved in R, at every R and in the slab of a process; other grids.
static void files_in_space(void **state) {
  (void)state;
  char path[256];
  const char *model = CHAIN "grid: {k: [6], r: {points: [5], length: [15 angstrom]}}\n";
  snprintf(path, sizeof path, "%s", temporary("space.h5"));
  size_t rank, size[KD_MAX_AXES + 1];
  bool is_complex;
  double *part;
  double *data = run_and_read(
      path,
      text_of("%sinitial: {kind: local_equilibrium, temperature: 2000 K, chemical_potential: 0 eV, "
              "density_profile: 1 + 0.3*sin(2*pi*x/15)}\n"
              "propagation: {duration: 2 fs}\noutput: {snapshots: {every: 1 fs}}\n",
              model),
      &rank, size);
  assert_int_equal(rank, 5);
  stage s = initial_stage(model, text_of("kind: file, file: %s, snapshot: 1", path));
  assert_false(kd_reference_is_empty(s.reference));
  for (size_t i = 0; i < 30; i++) CHECK_NEAR(s.state->f[i], data[2 * (30 + i)], 0);
  stage_clear(&s);
  CHECK_OK(kd_result_read_record(path, "/snapshots/f", 2, 1, 3, 2, &is_complex, &part));
  for (size_t i = 0; i < 24; i++) CHECK_NEAR(part[i], data[2 * (60 + 18) + i], 0);
  kd_free(part);
  CHECK_ERROR(kd_result_read_record(path, "/snapshots/f", 3, 1, 3, 2, &is_complex, &part),
              KD_ERROR_SCENARIO, "/snapshots/f: there is no record 3");
  CHECK_ERROR(kd_result_shape(path, "/snapshots/g", &rank, size, &is_complex), KD_ERROR_SCENARIO,
              "/snapshots/g: there is no such dataset");
  kd_free(data);

  char initial[300];
  snprintf(initial, sizeof initial, "kind: file, file: %s", path);
  expect_message(CHAIN "grid: {k: [6], r: {points: [4], length: [15 angstrom]}}\n", initial,
                 KD_ERROR_SCENARIO, "[5] points of R (expected [4], as in grid.r)");
  expect_message(CHAIN "grid: {k: [6], r: {points: [5], length: [16 angstrom]}}\n", initial,
                 KD_ERROR_SCENARIO,
                 "an R box of length 15 in direction 0 (expected 16, as in grid.r)");
  expect_message(CHAIN "grid: {k: [6]}\n", initial, KD_ERROR_SCENARIO,
                 "f depends on R (expected a result without grid.r, or grid.r as there)");
  expect_message(CHAIN "grid: {k: [7], r: {points: [5], length: [15 angstrom]}}\n", initial,
                 KD_ERROR_SCENARIO,
                 "/snapshots/f is [3, 5, 6, 1, 1], complex (expected [snapshot, R, the k grid of");
}

static void files(void **state) {
  (void)state;
  const char *model = SSH "grid: {k: [8]}\n";
  char path[256];
  snprintf(path, sizeof path, "%s", temporary("first.h5"));
  size_t rank, size[KD_MAX_AXES + 1];
  double *data = run_and_read(path,
                              SSH "grid: {k: [8]}\n"
                                  "field: [{kind: constant, amplitude: 0.02 V/angstrom}]\n"
                                  "propagation: {duration: 6 fs}\n"
                                  "output: {snapshots: {every: 2 fs}}\n",
                              &rank, size);
  assert_int_equal(size[0], 4);
  const struct {
    const char *rows;
    size_t snapshot;
  } choices[] = {{"", 3}, {", snapshot: 0", 0}, {", snapshot: 1", 1}, {", snapshot: -2", 2}};
  stage s;
  for (size_t i = 0; i < COUNT(choices); i++) {
    s = initial_stage(model, text_of("kind: file, file: %s%s", path, choices[i].rows));
    for (size_t k = 0; k < 8; k++) {
      double complex got[4];
      kd_unpack(s.state->f, 2, 8, k, got);
      const double *want = data + 8 * (8 * choices[i].snapshot + k);
      for (int j = 0; j < 4; j++) {
        CHECK_NEAR(creal(got[j]), want[2 * j], 1e-15);
        CHECK_NEAR(cimag(got[j]), want[2 * j + 1], 1e-15);
      }
    }
    stage_clear(&s);
  }
  kd_free(data);

  expect_message(model, "kind: file, file: /nowhere/first.h5", KD_ERROR_FILE, "/nowhere/first.h5");
  expect_message(
      SSH "grid: {k: [9]}\n", text_of("kind: file, file: %s", path), KD_ERROR_SCENARIO,
      "/snapshots/f is [4, 8, 2, 2], complex (expected [snapshot, the k grid of `grid.k`, 2, 2], "
      "complex)");
  expect_message(CHAIN "grid: {k: [8]}\n", text_of("kind: file, file: %s", path), KD_ERROR_SCENARIO,
                 "grid of `grid.k`, 1, 1], complex)");
  expect_message(model, text_of("kind: file, file: %s, snapshot: 4", path), KD_ERROR_SCENARIO,
                 "initial.snapshot: 4 (expected -4 to 3)");
  expect_message(model, text_of("kind: file, file: %s, snapshot: -5", path), KD_ERROR_SCENARIO,
                 "initial.snapshot: -5 (expected -4 to 3)");
  write_text(temporary("text.h5"), "this is no HDF5 file\n");
  expect_message(model, text_of("kind: file, file: %s", temporary("text.h5")), KD_ERROR_FILE,
                 "text.h5");

  // A file with what is not finite, and with a part that is not Hermitian.
  snprintf(path, sizeof path, "%s", temporary("odd.h5"));
  double record[8 * 8];
  for (int bad = 0; bad < 2; bad++) {
    random_reals(COUNT(record), record);
    if (bad) record[8 * 5 + 3] = NAN;
    const kd_variable f = {
        .name = "f",
        .unit = "1",
        .long_name = "f",
        .is_complex = true,
        .n_axis = 3,
        .axis = {{.name = "k1", .size = 8, .unit = "1", .long_name = "k"},
                 {.name = "orbital", .size = 2, .unit = "1", .long_name = "a"},
                 {.name = "orbital_2", .size = 2, .unit = "1", .long_name = "b"}},
        .data = record};
    kd_output *output;
    size_t series;
    CHECK_OK(kd_output_create(path, "", "test", &output));
    CHECK_OK(kd_output_series(output, "/snapshots", "fs", &f, 1, &series));
    CHECK_OK(kd_output_append(output, series, 0));
    CHECK_OK(kd_output_close(output));
    if (bad) {
      expect_message(model, text_of("kind: file, file: %s", path), KD_ERROR_SCENARIO,
                     "/snapshots/f is not finite at k point 5");
      continue;
    }
    s = initial_stage(model, text_of("kind: file, file: %s", path));
    for (size_t k = 0; k < 8; k++) {
      double complex got[4];
      kd_unpack(s.state->f, 2, 8, k, got);
      const double *r = record + 8 * k;
      CHECK_NEAR(creal(got[0]), r[0], 1e-15);
      CHECK_NEAR(creal(got[3]), r[6], 1e-15);
      CHECK_NEAR(creal(got[1]), 0.5 * (r[2] + r[4]), 1e-15);
      CHECK_NEAR(cimag(got[1]), 0.5 * (r[3] - r[5]), 1e-15);
    }
    stage_clear(&s);
  }

  // In a k.p box the reference of a file is what its thermal keys say, or nothing.
  snprintf(path, sizeof path, "%s", temporary("box.h5"));
  s = stage_create(DIRAC1D "grid: {k: [12]}\npropagation: {duration: 1 fs}\n", TO_INITIAL);
  run_into(path, &s);
  double *want = new_reals(s.n), *got = new_reals(s.n);
  const double shift[3] = {0.07};
  CHECK_OK(kd_reference_sample(s.reference, s.model, shift, want));
  stage_clear(&s);
  s = initial_stage(
      DIRAC1D "grid: {k: [12]}\n",
      text_of("kind: file, file: %s, temperature: 300 K, chemical_potential: 0 eV", path));
  CHECK_OK(kd_reference_sample(s.reference, s.model, shift, got));
  CHECK_ARRAY(got, want, s.n, 1e-14);
  stage_clear(&s);
  s = initial_stage(DIRAC1D "grid: {k: [12]}\n", text_of("kind: file, file: %s", path));
  assert_true(kd_reference_is_zero(s.reference));
  stage_clear(&s);
  kd_free(want);
  kd_free(got);
}

/// (direction.grad_k) f_ref against differences of the reference on displaced grids.
static void reference_derivatives(void **state) {
  (void)state;
  const struct {
    const char *model, *initial;
  } cases[] = {
      {DIRAC1D "grid: {k: [9]}\n",
       "kind: equilibrium, temperature: 900 K, chemical_potential: 0.05 eV"},
      {DIRAC1D "grid: {k: [9]}\n", "kind: excited, temperature: 900 K, chemical_potential: 0.05 "
                                   "eV, energy: 0.5 eV, width: 0.2 eV, "
                                   "amplitude: 0.5"},
      {DIRAC1D "grid: {k: [9]}\n", "kind: excited, temperature: 900 K, chemical_potential: 0.05 "
                                   "eV, energy: -0.5 eV, width: 0.2 "
                                   "eV, amplitude: -0.5"},
      {DIRAC1D "grid: {k: [9]}\n", "kind: bands, occupation: [0.9, 0.3]"},
      {"model: {kind: dirac2d, velocity: 5 angstrom/fs, gap: 0 eV, k_max: 0.2 1/angstrom}\n" // 0 =
                                                                                             // k
       "grid: {k: [4, 6]}\n",
       "kind: equilibrium, temperature: 900 K, chemical_potential: 0.05 eV"},
      {"model: {kind: rashba, mass: 0.3, alpha: 1.5 eV angstrom, gap: 20 meV, k_max: 0.4 "
       "1/angstrom}\n"
       "grid: {k: [5, 6]}\n",
       "kind: equilibrium, temperature: 900 K, filling: 0.3"},
      {"statistics: boson\n"
       "model: {kind: parabolic, mass: 0.3, k_max: 0.4 1/angstrom}\ngrid: {k: [5, 4, 3]}\n",
       "kind: equilibrium, temperature: 900 K, chemical_potential: -0.1 eV"},
      {"statistics: classical\n"
       "model: {kind: parabolic, mass: 0.3, k_max: 0.4 1/angstrom}\ngrid: {k: [5, 4, 3]}\n",
       "kind: equilibrium, temperature: 900 K, chemical_potential: -0.1 eV"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    stage s = initial_stage(cases[i].model, cases[i].initial);
    const double h = 2e-4, weight[4] = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12};
    double direction[3] = {0};
    for (size_t d = 0; d < s.n_dim; d++) direction[d] = 0.4 + 0.9 * random_real();
    double *got = new_reals(s.n), *want = new_reals(s.n), *at = new_reals(s.n), scale = 0;
    CHECK_OK(kd_reference_derivative(s.reference, s.model, direction, got));
    for (int j = 0; j < 4; j++) {
      double shift[3];
      for (int d = 0; d < 3; d++) shift[d] = direction[d] * h * (j < 2 ? j - 2 : j - 1);
      CHECK_OK(kd_reference_sample(s.reference, s.model, shift, at));
      for (size_t c = 0; c < s.n; c++) want[c] += weight[j] * at[c] / h;
    }
    for (size_t c = 0; c < s.n; c++) scale = fmax(scale, fabs(want[c]));
    CHECK_ABOVE(scale, 0.1);
    CHECK_ARRAY(got, want, s.n, 1e-7 * scale);
    kd_free(got);
    kd_free(want);
    kd_free(at);
    stage_clear(&s);
  }
}

static void reference_follows_the_shift(void **state) {
  (void)state;
  stage s = initial_stage(DIRAC1D "grid: {k: [10]}\n",
                          "kind: equilibrium, temperature: 900 K, chemical_potential: 0.1 eV");
  // Two whole cells of the grid: point j of the displaced grid is point j + 2.
  const double shift[3] = {2 * 1.0 / 10};
  double *here = new_reals(s.n), *there = new_reals(s.n);
  CHECK_OK(kd_reference_sample(s.reference, s.model, ORIGIN, here));
  CHECK_OK(kd_reference_sample(s.reference, s.model, shift, there));
  CHECK_ARRAY(here, s.state->f, s.n, 0);
  for (size_t c = 0; c < 4; c++)
    for (size_t k = 0; k + 2 < 10; k++) CHECK_NEAR(there[c * 10 + k], here[c * 10 + k + 2], 1e-14);
  kd_free(here);
  kd_free(there);
  stage_clear(&s);
}

/// f is a product of a Gaussian in R and a function of H(k), normalized.
/// Left of 0 one equilibrium, right of it another: against both of them, with steps at 0 and,
/// downwards, at the ends of the box, and all their periodic images.
static void half_spaces(void **state) {
  (void)state;
  const double length = 24, edge = 1.5;
  static const char TEXT[] =
      SSH "grid: {k: [10], r: {points: [32], length: [24 angstrom]}}\ninitial: {%s}\n";
  const char *const initial[] = {
      "kind: half_spaces, temperature: 900 K, chemical_potential: 0.3 eV, temperature_right: 3000 "
      "K, "
      "chemical_potential_right: -0.2 eV, edge: 1.5 angstrom",
      "kind: equilibrium, temperature: 900 K, chemical_potential: 0.3 eV",
      "kind: equilibrium, temperature: 3000 K, chemical_potential: -0.2 eV"};
  stage s[3];
  for (int i = 0; i < 3; i++) s[i] = stage_create(text_of(TEXT, initial[i]), TO_INITIAL);
  for (size_t r = 0; r < 32; r++) {
    double x[3], weight = 0;
    kd_space_r(s[0].space, r, x);
    for (int image = -2; image <= 2; image++)
      weight +=
          0.5 * (erf((x[0] - image * length) / edge) - erf((x[0] - (image + 0.5) * length) / edge));
    const double *f = s[0].state->f + r * s[0].n, *left = s[1].state->f + r * s[1].n,
                 *right = s[2].state->f + r * s[2].n;
    for (size_t i = 0; i < s[0].n; i++)
      CHECK_NEAR(f[i], (1 - weight) * left[i] + weight * right[i], 1e-13);
  }
  for (int i = 0; i < 3; i++) stage_clear(&s[i]);
}

static void shells(void **state) {
  (void)state;
  const double energy = 1.1, spread = 0.2, width = 5, center = -7;
  stage s = stage_create(SSH "grid: {k: [24], r: {points: [40], length: [100 angstrom]}}\n"
                             "initial: {kind: shell, energy: 1.1 eV, spread: 0.2 eV, position: [-7 "
                             "angstrom], width: 5 angstrom, number: 3}\n",
                         TO_INITIAL);
  double total = 0, mean = 0, square = 0, factor = 0;
  for (size_t r = 0; r < 40; r++) {
    const double x = -50 + 2.5 * (double)r, *f = s.state->f + r * s.n;
    double here = 0;
    for (size_t i = 0; i < 2 * s.n_k; i++) here += f[i];
    total += here, mean += here * x, square += here * x * x;
    // At one k, f against the exponential of H: e^{-(H - e)^2/2 s^2} has the eigenvectors of H.
    double complex h[4], f_k[4], fh[4], hf[4];
    const double k[3] = {2 * M_PI / 3 * 5 / 24};
    const kd_model_part part = {.energy = 1};
    kd_model_at(s.model, k, &part, h);
    kd_unpack(f, 2, s.n_k, 5, f_k);
    dense_multiply(2, f_k, h, fh);
    dense_multiply(2, h, f_k, hf);
    CHECK_BELOW(dense_distance(2, fh, hf), 1e-15);
    double level[2];
    double complex vector[4];
    dense_eigen(2, h, level, vector);
    double want = 0, trace = creal(f_k[0] + f_k[3]);
    for (int a = 0; a < 2; a++) want += exp(-0.5 * pow((level[a] - energy) / spread, 2));
    const double place = exp(-0.5 * pow((x - center) / width, 2));
    if (r == 17) CHECK_ABOVE(trace, 1e-3);
    if (r == 10) factor = trace / (want * place);
    if (r > 10 && r < 25) CHECK_NEAR(trace / (want * place), factor, 1e-12 * factor);
  }
  // At one R, every k has the same factor.
  for (size_t k = 0; k < s.n_k; k++) {
    double point[3], level[2], want = 0;
    double complex h[4], vector[4];
    const double *f = s.state->f + 17 * s.n;
    kd_model_k(s.model, k, point);
    kd_model_at(s.model, point, &(kd_model_part){.energy = 1}, h);
    dense_eigen(2, h, level, vector);
    for (int a = 0; a < 2; a++) want += exp(-0.5 * pow((level[a] - energy) / spread, 2));
    const double place = exp(-0.5 * pow((-50 + 2.5 * 17 - center) / width, 2));
    CHECK_NEAR(f[k] + f[s.n_k + k], factor * want * place, 1e-12 * factor);
  }
  CHECK_NEAR(total / 24 * 2.5 / 3, 3, 1e-12); // dR over the cell of 3 angstrom
  CHECK_NEAR(mean / total, center, 1e-9);     // the sum over R is exact for Gaussians this wide
  CHECK_NEAR(square / total - center * center, width * width, 1e-8);
  stage_clear(&s);
  CHECK_ERROR(stage_try(SSH "grid: {k: [24]}\ninitial: {kind: shell, energy: 1 eV, spread: 0.1 eV, "
                            "width: 5 angstrom}\n",
                        TO_INITIAL, &s),
              KD_ERROR_SCENARIO, "width: a place without an R grid");
  CHECK_ERROR(stage_try(SSH "grid: {k: [24], r: {points: [8], length: [10 angstrom]}}\ninitial: "
                            "{kind: shell, energy: 1 eV, spread: 0.1 eV}\n",
                        TO_INITIAL, &s),
              KD_ERROR_SCENARIO, "no width");
  CHECK_ERROR(stage_try(SSH "grid: {k: [24]}\ninitial: {kind: shell, energy: 90 eV, spread: 0.1 "
                            "eV}\n",
                        TO_INITIAL, &s),
              KD_ERROR_SCENARIO, "no level within 3.8 eV");
}

static void too_many_bands(void **state) {
  (void)state;
  enum { N = 65 };
  static char text[8 * N * N];
  int at = sprintf(text, "model: {kind: tight_binding, lattice_vectors: [[3 angstrom]], hoppings: "
                         "[{R: [0], re: [");
  for (int i = 0; i < N; i++) {
    at += sprintf(text + at, "%s[", i ? ", " : "");
    for (int j = 0; j < N; j++) at += sprintf(text + at, "%s%d", j ? "," : "", i == j ? i : 0);
    at += sprintf(text + at, "]");
  }
  sprintf(text + at, "]}]}\ngrid: {k: [2]}\n");
  stage s;
  CHECK_ERROR(stage_try(text, TO_INITIAL, &s), KD_ERROR_SCENARIO,
              "65 rows (expected 1 to 64, one per orbital)");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equilibria),
      cmocka_unit_test(fillings_and_densities),
      cmocka_unit_test(thermal_errors),
      cmocka_unit_test(band_occupations),
      cmocka_unit_test(packets),
      cmocka_unit_test(cats),
      cmocka_unit_test(packets_in_degenerate_bands),
      cmocka_unit_test(half_spaces),
      cmocka_unit_test(shells),
      cmocka_unit_test(files),
      cmocka_unit_test(files_in_space),
      cmocka_unit_test(reference_derivatives),
      cmocka_unit_test(reference_follows_the_shift),
      cmocka_unit_test(too_many_bands),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
