/// Every kind of model: the contract of model.h, closed forms, and scenarios that do not fit.
#include "model_contract.h"

#include "model/bands.h"
#include "model/kp.h"
#include "model/lattice.h"

static const double pi = 3.14159265358979323846;
static const double hbar = 0.6582119569;   // eV fs
static const double hbar2_2m = 3.80998212; // eV angstrom^2

static const char ssh[] = "model: {kind: ssh, t1: 1 eV, t2: 0.7 eV, mass: 0.2 eV, "
                          "lattice_constant: 3 angstrom, positions: [0.1 angstrom, 1.4 angstrom]}\n"
                          "grid: {k: [300]}\n";
static const char graphene[] =
    "model: {kind: graphene, t: 2.7 eV, lattice_constant: 2.46 angstrom}\n"
    "grid: {k: [6, 9]}\n";
static const char haldane[] =
    "model: {kind: haldane, t: 1 eV, mass: 0.05 eV, t2: 0.1 eV, phase: 0.6, "
    "lattice_constant: 2 angstrom}\n"
    "grid: {k: [6, 3]}\n";
static const char rashba[] =
    "model: {kind: rashba, mass: 0.3, alpha: 1.5 eV angstrom, gap: 20 meV, "
    "k_max: [0.5 1/angstrom, 0.4 1/angstrom]}\n"
    "grid: {k: [5, 6]}\n";
static const char dipoles[] =
    "model:\n"
    "  kind: tight_binding\n"
    "  lattice_vectors: [[2 angstrom, 0 angstrom], [0.5, 1.8]]\n"
    "  positions: [[0.1, 0.2], [0.7, 0.3], [-0.2, 0.9]]\n"
    "  hoppings:\n"
    "    - {R: [0, 0], re: [[0.1, 1, 0], [1, -0.2, 0.3], [0, 0.3, 0.5]],"
    "                  im: [[0, 0.2, 0], [-0.2, 0, 0], [0, 0, 0]]}\n"
    "    - {R: [1, 0], re: [[0.2, 0.4, 0], [0, 0.1, 0], [0.6, 0, 0]]}\n"
    "    - {R: [-1, 0], re: [[0.2, 0, 0.6], [0.4, 0.1, 0], [0, 0, 0]]}\n"
    "  dipoles:\n"
    "    - {R: [0, 0], axis: 0, re: [[0, 0.3, 0], [0.3, 0, 0], [0, 0, 0]]}\n"
    "    - {R: [0, 1], axis: 1, re: [[0, 0, 0.2], [0, 0, 0], [0, 0, 0]],"
    "                           im: [[0, 0.1, 0], [0, 0, 0], [0, 0, 0]]}\n"
    "    - {R: [0, -1], axis: 1, re: [[0, 0, 0], [0, 0, 0], [0.2, 0, 0]],"
    "                            im: [[0, 0, 0], [-0.1, 0, 0], [0, 0, 0]]}\n"
    "grid: {k: [7, 10]}\n";

static const struct kind_case {
  const char *text;
  size_t n_band, n_dim;
  double cell_volume; // angstrom^n_dim
} kind_cases[] = {
    {"model: {kind: chain, J: 1 eV, onsite: 0.3 eV, lattice_constant: 2 angstrom}\n"
     "grid: {k: [600]}\n",
     1, 1, 2},
    {"model: {kind: chain, J: 1 eV, lattice_constant: 2 angstrom}\ngrid: {k: [1]}\n", 1, 1, 2},
    {"model: {kind: square, J: 1 eV, onsite: 0.3 eV, lattice_constant: 2 angstrom}\n"
     "grid: {k: [5, 12]}\n",
     1, 2, 4},
    {"model: {kind: cubic, J: 1 eV, onsite: 0.3 eV, lattice_constant: 2 angstrom}\n"
     "grid: {k: [3, 1, 7]}\n",
     1, 3, 8},
    {ssh, 2, 1, 3},
    {graphene, 2, 2, 2.46 * 2.46 * 0.86602540378443865},
    {haldane, 2, 2, 4 * 0.86602540378443865},
    {"model: {kind: dirac1d, velocity: 10 angstrom/fs, gap: 0.1 eV, k_max: 0.4 1/angstrom}\n"
     "grid: {k: [301]}\n",
     2, 1, 3.14159265358979323846 / 0.4},
    {"model: {kind: dirac2d, velocity: 10 angstrom/fs, gap: 0.1 eV, k_max: 0.4 1/angstrom}\n"
     "grid: {k: [6, 5]}\n",
     2, 2, 61.685027506808487},
    {"model: {kind: parabolic, mass: 0.5, k_max: 0.4 1/angstrom}\ngrid: {k: [16]}\n", 1, 1,
     3.14159265358979323846 / 0.4},
    {"model: {kind: parabolic, mass: 0.5, k_max: 0.4 1/angstrom}\ngrid: {k: [4, 5, 6]}\n", 1, 3,
     484.47307312968473},
    {rashba, 2, 2, 49.348022005446790},
    {dipoles, 3, 2, 3.6},
};

static void every_kind_keeps_the_contract(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof kind_cases / sizeof *kind_cases; i++) {
    kd_model *model = need_model(kind_cases[i].text);
    assert_int_equal(kd_model_n_band(model), kind_cases[i].n_band);
    assert_int_equal(kd_model_n_dim(model), kind_cases[i].n_dim);
    assert_true(kd_model_spin_degeneracy(model) == 1);
    assert_true(kd_model_charge(model) == -1);
    expect_near("hbar", kd_model_hbar(model), hbar, 1e-10);
    expect_near("cell volume", kd_model_cell_volume(model), kind_cases[i].cell_volume,
                1e-13 * kind_cases[i].cell_volume);
    check_contract(model);
    kd_model_free(model);
  }
}

/// Every kind of the table must be among the cases above; Wannier90 has a test of its own.
static void every_kind_has_a_case(void **state) {
  (void)state;
  for (size_t v = 0; kd_model_variants[v]; v++) {
    char phrase[64];
    bool found = strcmp(kd_model_variants[v]->kind, "wannier90") == 0;
    snprintf(phrase, sizeof phrase, "kind: %s", kd_model_variants[v]->kind);
    for (size_t i = 0; i < sizeof kind_cases / sizeof *kind_cases; i++)
      found = found || strstr(kind_cases[i].text, phrase);
    if (!found) fail_msg("no case for %s", phrase);
  }
}

/// A random lattice model with `n_cell` pairs of cells besides the home cell.
static kd_lattice_table *random_table(size_t n_dim, size_t n_band, size_t n_pair, long range,
                                      bool with_dipole) {
  kd_lattice_table *table;
  assert_int_equal(kd_lattice_table_create(n_dim, n_band, 1 + 2 * n_pair, with_dipole, &table),
                   KD_OK);
  const size_t n_element = n_band * n_band;
  for (size_t i = 0; i < n_dim; i++) {
    random_vector(0.3, n_dim, table->vector[i]);
    table->vector[i][i] += 1;
  }
  for (size_t a = 0; a < n_band; a++) random_vector(1, n_dim, table->orbital[a]);
  (void)kd_lattice_cell(table, (long[3]){0});
  for (size_t pair = 0; pair < n_pair; pair++) {
    long cell[3] = {0};
    for (size_t d = 0; d < n_dim; d++) cell[d] = lrint((double)range * random_number());
    const long back[3] = {-cell[0], -cell[1], -cell[2]};
    (void)kd_lattice_cell(table, cell);
    (void)kd_lattice_cell(table, back);
  }
  for (size_t i = 0; i < table->n_cell * n_element; i++)
    table->energy[i] = random_number() + I * random_number();
  for (size_t i = 0; with_dipole && i < 3 * table->n_cell * n_element; i++)
    table->dipole[i] = 0.1 * (random_number() + I * random_number());
  assert_int_equal(kd_lattice_symmetrize(table), KD_OK);
  return table;
}

static const kd_model_setup unit_setup = {.constants = {.natural = true,
                                                        .hbar = 0.7,
                                                        .k_boltzmann = 1,
                                                        .hbar2_2m = 0.5,
                                                        .conductance = 1},
                                          .n = {1, 1, 1},
                                          .spin_degeneracy = 2,
                                          .charge = 1};

/// Both ways to sum over cells, with cells inside and far outside of the grid.
static void both_lattice_methods_keep_the_contract(void **state) {
  (void)state;
  const struct {
    size_t n_dim, n[3], n_band, n_pair;
    long range;
    bool with_dipole;
  } cases[] = {{1, {9, 1, 1}, 1, 4, 6, false}, {1, {300, 1, 1}, 2, 5, 4, true},
               {2, {4, 6, 1}, 3, 6, 5, false}, {2, {1, 5, 1}, 4, 6, 2, true},
               {3, {3, 4, 5}, 5, 12, 3, true}, {3, {6, 1, 2}, 2, 20, 2, false},
               {3, {2, 2, 3}, 17, 4, 1, true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    for (int method = KD_LATTICE_AUTO; method <= KD_LATTICE_FFT; method++) {
      kd_model_setup setup = unit_setup;
      kd_model *model;
      setup.n_dim = cases[i].n_dim;
      memcpy(setup.n, cases[i].n, sizeof setup.n);
      kd_lattice_table *table = random_table(cases[i].n_dim, cases[i].n_band, cases[i].n_pair,
                                             cases[i].range, cases[i].with_dipole);
      assert_int_equal(kd_lattice_model(table, &setup, (kd_lattice_method)method, &model), KD_OK);
      check_contract(model);

      const size_t n = cases[i].n_band, n_pair_channel = n * (n - 1) / 2 + (n + 1) / 2;
      double *field = kd_allocate(n * n * kd_model_n_k(model), sizeof *field);
      const unsigned long before = kd_model_n_fft(model);
      kd_model_sample(model, (double[3]){0}, &(kd_model_part){.energy = 1}, field);
      const unsigned long n_fft = kd_model_n_fft(model) - before;
      if (method == KD_LATTICE_DIRECT) assert_int_equal(n_fft, 0);
      if (method == KD_LATTICE_FFT) assert_int_equal(n_fft, n_pair_channel);
      kd_free(field);
      kd_model_free(model);
    }
  }
}

/// 64 bands on a small grid, and the choice of the Fourier transform where it is cheaper.
static void many_bands_and_cells(void **state) {
  (void)state;
  kd_model_setup setup = unit_setup;
  kd_model *model;
  setup.n_dim = 2;
  setup.n[0] = 2;
  setup.n[1] = 3;
  kd_lattice_table *table = random_table(2, 64, 1, 1, true);
  assert_int_equal(kd_lattice_model(table, &setup, KD_LATTICE_AUTO, &model), KD_OK);
  check_contract(model);
  kd_model_free(model);

  setup.n[0] = setup.n[1] = 16;
  table = random_table(2, 1, 100, 8, false);
  assert_int_equal(kd_lattice_model(table, &setup, KD_LATTICE_AUTO, &model), KD_OK);
  check_sample(model);
  assert_true(kd_model_n_fft(model) > 0);
  kd_model_free(model);
}

/// A polynomial with all powers, in three dimensions.
static void random_polynomial_keeps_the_contract(void **state) {
  (void)state;
  kd_model_setup setup = unit_setup;
  kd_model *model;
  kd_kp_table *table;
  setup.n_dim = 3;
  setup.n[0] = 3;
  setup.n[1] = 4;
  setup.n[2] = 5;
  assert_int_equal(kd_kp_table_create(3, 3, &table), KD_OK);
  for (int p0 = 0; p0 <= 3; p0++)
    for (int p1 = 0; p1 <= 2; p1++)
      for (int p2 = 0; p2 <= 4; p2++)
        for (size_t a = 0; a < 3; a++)
          for (size_t b = a; b < 3; b++)
            kd_kp_add(table, (int[3]){p0, p1, p2}, a, b,
                      random_number() + (a == b ? 0 : I * random_number()));
  for (size_t i = 0; i < 3; i++) table->k_max[i] = 0.3 + 0.1 * (double)i;
  assert_int_equal(kd_kp_model(table, &setup, &model), KD_OK);
  check_grid(model);
  check_hermitian(model);
  check_sample(model);
  check_velocity(model);
  check_threads(model);
  kd_model_free(model);
}

// --- closed forms --------------------------------------------------------------------------------

/// Levels of a model with one or two bands.
static void levels(const kd_model *model, const double k[3], double level[2]) {
  double complex h[4];
  kd_model_at(model, k, &(kd_model_part){.energy = 1}, h);
  if (kd_model_n_band(model) == 1) {
    level[0] = level[1] = creal(h[0]);
    return;
  }
  const double mean = 0.5 * creal(h[0] + h[3]), half = 0.5 * creal(h[0] - h[3]);
  level[0] = mean - hypot(half, cabs(h[1]));
  level[1] = mean + hypot(half, cabs(h[1]));
}

static void cosine_bands(void **state) {
  (void)state;
  const char *names[] = {"chain", "square", "cubic"}, *grids[] = {"[4]", "[4, 4]", "[4, 4, 4]"};
  for (size_t d = 0; d < 3; d++) {
    char text[256];
    double k[3], level[2], want = 0.3;
    snprintf(text, sizeof text,
             "model: {kind: %s, J: 0.8 eV, onsite: 300 meV, lattice_constant: 0.2 nm, "
             "spin_degeneracy: 2}\ncharge: 1\ngrid: {k: %s}\n",
             names[d], grids[d]);
    kd_model *model = need_model(text);
    random_vector(3, d + 1, k);
    for (size_t i = 0; i <= d; i++) want -= 2 * 0.8 * cos(2 * k[i]);
    levels(model, k, level);
    expect_near(names[d], level[0], want, 1e-13);
    assert_true(kd_model_spin_degeneracy(model) == 2);
    assert_true(kd_model_charge(model) == 1);
    kd_model_free(model);
  }
}

static void ssh_dispersion_and_phase(void **state) {
  (void)state;
  kd_model *model = need_model(ssh);
  const double k[3] = {0.37};
  double level[2];
  double complex h[4], r[4];
  levels(model, k, level);
  const double want = sqrt(0.2 * 0.2 + 1 + 0.7 * 0.7 + 2 * 0.7 * cos(3 * k[0]));
  expect_near("upper level", level[1], want, 1e-14);
  expect_near("lower level", level[0], -want, 1e-14);
  kd_model_at(model, k, &(kd_model_part){.energy = 1}, h);
  kd_model_at(model, k, &(kd_model_part){.position = {1}}, r);
  const double complex want_h[4] = {0.2, 1 + 0.7 * cexp(-3 * I * k[0]),
                                    1 + 0.7 * cexp(3 * I * k[0]), -0.2};
  expect_equal_matrices("H", 2, h, want_h, 1e-14);
  expect_equal_matrices("r", 2, r, (double complex[4]){0.1, 0, 0, 1.4}, 1e-14);
  kd_model_free(model);
}

/// The bands over the whole grid, and the distance from which on two of them count as one: a share
/// of the bandwidth, which for these chains is twice the upper level at k = 0.
static void bands_of_the_grid(void **state) {
  (void)state;
  kd_model *model = need_model(ssh);
  kd_bands bands;
  assert_int_equal(kd_bands_create(model, &bands), KD_OK);
  assert_int_equal(bands.n_k, 300);
  for (size_t i = 0; i < bands.n_k; i++) {
    double k[3], level[2];
    kd_model_k(model, i, k);
    levels(model, k, level);
    expect_near("lower band", bands.energy[2 * i], level[0], 1e-14);
    expect_near("upper band", bands.energy[2 * i + 1], level[1], 1e-14);
  }
  const double top = sqrt(0.2 * 0.2 + 1.7 * 1.7);
  expect_near("tolerance", bands.tolerance, 2 * top * 1e-9, 1e-22);
  kd_bands_clear(&bands);
  kd_model_free(model);
}

/// At K = (4 pi/3a, 0) the gap closes and the velocity is sqrt(3) t a/2 hbar.
static void graphene_dirac_point(void **state) {
  (void)state;
  const double t = 2.7, a = 2.46;
  const double k[3] = {4 * pi / (3 * a)};
  kd_model *model = need_model(graphene);
  double level[2], *field = kd_allocate(4 * kd_model_n_k(model), sizeof *field);
  double complex v[4], h[4], r[4];
  levels(model, k, level);
  expect_near("gap", level[1] - level[0], 0, 1e-14);
  kd_model_velocity(model, k, (double[3]){1}, field); // grid point 0 is k = 0
  kd_unpack(field, 2, kd_model_n_k(model), 0, v);
  expect_near("v", cabs(v[1]), sqrt(3) * t * a / (2 * hbar), 1e-8);
  expect_near("v_AA", cabs(v[0]), 0, 1e-12);

  const double q[3] = {0.3, -0.8};
  const double a1[2] = {a, 0}, a2[2] = {a / 2, a * sqrt(3) / 2};
  kd_model_at(model, q, &(kd_model_part){.energy = 1}, h);
  const double complex want = -t * (1 + cexp(-I * (q[0] * a1[0] + q[1] * a1[1])) +
                                    cexp(-I * (q[0] * a2[0] + q[1] * a2[1])));
  expect_near("H_AB", cabs(h[1] - want), 0, 1e-13);
  kd_model_at(model, q, &(kd_model_part){.position = {0, 1}}, r);
  expect_equal_matrices("r_y", 2, r, (double complex[4]){0, 0, 0, a / (2 * sqrt(3))}, 1e-14);
  kd_free(field);
  kd_model_free(model);
}

/// H_AA = mass + 2 t2 sum_c cos(k.c + phase) over c = a1, -a2, a2 - a1, so that the mass at K is
/// mass + 3 sqrt(3) t2 sin(phase) and at -K mass - 3 sqrt(3) t2 sin(phase).
static void haldane_gaps(void **state) {
  (void)state;
  const double mass = 0.05, t2 = 0.1, phase = 0.6, a = 2;
  kd_model *model = need_model(haldane);
  for (int valley = -1; valley <= 1; valley += 2) {
    const double k[3] = {valley * 4 * pi / (3 * a)};
    double complex h[4];
    kd_model_at(model, k, &(kd_model_part){.energy = 1}, h);
    expect_near("half gap", 0.5 * creal(h[0] - h[3]), mass + valley * 3 * sqrt(3) * t2 * sin(phase),
                1e-14);
    expect_near("middle", 0.5 * creal(h[0] + h[3]), -3 * t2 * cos(phase), 1e-14);
    expect_near("H_AB", cabs(h[1]), 0, 1e-14);
  }
  kd_model_free(model);
}

static void dirac_and_rashba_matrices(void **state) {
  (void)state;
  const double k[3] = {0.21, -0.13};
  double complex h[4];
  double level[2];
  kd_model *model = need_model(kind_cases[7].text);
  kd_model_at(model, k, &(kd_model_part){.energy = 1}, h);
  expect_equal_matrices("dirac1d", 2, h,
                        (double complex[4]){10 * hbar * k[0], 0.1, 0.1, -10 * hbar * k[0]}, 1e-9);
  kd_model_free(model);

  model = need_model(kind_cases[8].text);
  kd_model_at(model, k, &(kd_model_part){.energy = 1}, h);
  const double complex slope = 10 * hbar * (k[0] - I * k[1]);
  expect_equal_matrices("dirac2d", 2, h, (double complex[4]){0.1, slope, conj(slope), -0.1}, 1e-9);
  kd_model_free(model);

  model = need_model(rashba);
  levels(model, k, level);
  const double k2 = k[0] * k[0] + k[1] * k[1];
  const double split = sqrt(1.5 * 1.5 * k2 + 0.02 * 0.02);
  expect_near("rashba, upper", level[1], hbar2_2m * k2 / 0.3 + split, 1e-8);
  expect_near("rashba, lower", level[0], hbar2_2m * k2 / 0.3 - split, 1e-8);
  kd_model_at(model, k, &(kd_model_part){.energy = 1}, h);
  // k_x sigma_y - k_y sigma_x
  expect_near("rashba, H_01", cabs(h[1] - 1.5 * (-I * k[0] - k[1])), 0, 1e-14);
  kd_model_free(model);
}

static void box_corners(void **state) {
  (void)state;
  kd_model *model = need_model(rashba);
  double k[3];
  assert_false(kd_model_is_periodic(model));
  kd_model_k(model, 0, k);
  expect_near("lower corner, x", k[0], -0.5, 0);
  expect_near("lower corner, y", k[1], -0.4, 0);
  kd_model_k(model, kd_model_n_k(model) - 1, k);
  expect_near("last point, x", k[0], 0.5 - 1.0 / 5, 1e-15);
  expect_near("last point, y", k[1], 0.4 - 0.8 / 6, 1e-15);
  // No wrapping: the energy beyond the box is that of the polynomial.
  double complex h[4];
  kd_model_at(model, (double[3]){7, 0}, &(kd_model_part){.energy = 1}, h);
  expect_near("energy outside", creal(h[0]), hbar2_2m * 49 / 0.3 + 0.02, 1e-5);
  kd_model_free(model);
}

static void natural_units(void **state) {
  (void)state;
  double level[2];
  kd_model *model = need_model("units: natural\nmodel: {kind: chain, J: 0.5}\ngrid: {k: [8]}\n");
  expect_near("lattice constant", kd_model_cell_volume(model), 1, 0);
  expect_near("hbar", kd_model_hbar(model), 1, 0);
  kd_model_free(model);
  model = need_model(
      "units: natural\nhbar: 0.5\nmodel: {kind: parabolic, mass: 2, k_max: 3}\ngrid: {k: [8]}\n");
  levels(model, (double[3]){1.5}, level);
  expect_near("hbar^2 k^2/2m", level[0], 0.25 * 1.5 * 1.5 / 4, 1e-15);
  expect_near("hbar", kd_model_hbar(model), 0.5, 0);
  kd_model_free(model);
  model = need_model("units: natural\nmodel: {kind: ssh, t1: 1, t2: 0.5}\ngrid: {k: [8]}\n");
  check_contract(model);
  kd_model_free(model);
}

/// Written out as a tight-binding model, the chain of two sites must be the SSH chain.
static void tight_binding_equals_ssh(void **state) {
  (void)state;
  kd_model *built_in = need_model(ssh);
  kd_model *written = need_model("model:\n"
                                 "  kind: tight_binding\n"
                                 "  lattice_vectors: [[3 angstrom]]\n"
                                 "  positions: [[0.1], [1.4]]\n"
                                 "  hoppings:\n"
                                 "    - {R: 0, re: [[200 meV, 1], [1, -0.2]]}\n"
                                 "    - {R: [-1], re: [[0, 0.7], [0, 0]]}\n"
                                 "    - {R: [1], re: [[0, 0], [0.7, 0]]}\n"
                                 "grid: {k: [300]}\n");
  double complex got[4], want[4];
  for (int trial = 0; trial < 5; trial++) {
    double k[3];
    random_vector(2, 1, k);
    const kd_model_part part = random_part(1);
    kd_model_at(written, k, &part, got);
    kd_model_at(built_in, k, &part, want);
    expect_equal_matrices("H", 2, got, want, 1e-14);
  }
  kd_model_free(built_in);
  kd_model_free(written);
}

// --- scenarios that do not fit -------------------------------------------------------------------

static void wrong_grids(void **state) {
  (void)state;
  const char *chain = "model: {kind: chain, J: 1 eV, lattice_constant: 1 angstrom}\n";
  const char *cubic = "model: {kind: cubic, J: 1 eV, lattice_constant: 1 angstrom}\n";
  char text[256];
#define EXPECT(model, grid, message)                                                               \
  do {                                                                                             \
    snprintf(text, sizeof text, "%sgrid: {k: %s}\n", model, grid);                                 \
    expect_error(text, KD_ERROR_SCENARIO, message);                                                \
  } while (0)
  EXPECT(chain, "[4, 4]", "grid.k: 2 numbers of points (model chain is 1-dimensional: expected 1)");
  EXPECT(cubic, "[4]", "grid.k: 1 number of points (model cubic is 3-dimensional: expected 3)");
  EXPECT(chain, "[]", "grid.k: 0 numbers of points (expected 1 to 3");
  EXPECT(chain, "[2, 2, 2, 2]", "grid.k: 4 numbers of points (expected 1 to 3");
  EXPECT(chain, "[0]", "grid.k: 0 points (expected 1 to 2147483647)");
  EXPECT(chain, "[-3]", "grid.k: -3 points");
  EXPECT(chain, "[3000000000]", "grid.k: 3000000000 points");
  EXPECT(cubic, "[2000000000, 2000000000, 2000000000]", "grid.k: 8e+27 points in all");
#undef EXPECT
}

static void wrong_parameters(void **state) {
  (void)state;
  expect_error("model: {kind: parabolic, mass: 0, k_max: 1 1/angstrom}\ngrid: {k: [4]}\n",
               KD_ERROR_SCENARIO, "model.mass: is 0");
  expect_error("model: {kind: parabolic, mass: 1, k_max: [1 1/angstrom, 1 1/angstrom]}\n"
               "grid: {k: [4, 4, 4]}\n",
               KD_ERROR_SCENARIO, "model.k_max: 2 numbers (expected 1 or 3, one per axis)");
  expect_error("model: {kind: dirac1d, velocity: 1 angstrom/fs, gap: 1 eV, k_max: 0 1/angstrom}\n"
               "grid: {k: [4]}\n",
               KD_ERROR_SCENARIO, "model.k_max");
  expect_error("model: {kind: ssh, t1: 1 eV, t2: 1 eV, lattice_constant: 1 angstrom, "
               "positions: [0 angstrom]}\ngrid: {k: [4]}\n",
               KD_ERROR_SCENARIO, "model.positions: 1 numbers (expected 2, one per orbital)");
  expect_error("model: {kind: chain, J: 1 eV}\ngrid: {k: [4]}\n", KD_ERROR_SCENARIO,
               "model.lattice_constant");
}

/// Numbers that are Hermitian but for their last digits are taken, dipoles as well as hoppings;
/// those that differ in earlier ones are not.
static void rounded_tight_binding(void **state) {
  (void)state;
  static const char TEXT[] =
      "model:\n  kind: tight_binding\n  lattice_vectors: [[2 angstrom]]\n  hoppings:\n"
      "    - {R: [0], re: [[0, %.17g], [0.7, 0]]}\n"
      "  dipoles:\n    - {R: [0], axis: 0, re: [[0, %.17g], [0.3, 0]]}\ngrid: {k: [4]}\n";
  char text[1024];
  snprintf(text, sizeof text, TEXT, 0.7 + 1e-12, 0.3 + 1e-12);
  kd_model_free(need_model(text));
  snprintf(text, sizeof text, TEXT, 0.7 + 1e-8, 0.3);
  expect_error(text, KD_ERROR_SCENARIO, "model.hoppings: not Hermitian");
  snprintf(text, sizeof text, TEXT, 0.7, 0.3 + 1e-8);
  expect_error(text, KD_ERROR_SCENARIO, "model.dipoles: not Hermitian");
}

static void wrong_tight_binding(void **state) {
  (void)state;
  char text[1024];
#define EXPECT(keys, message)                                                                      \
  do {                                                                                             \
    snprintf(text, sizeof text, "model:\n  kind: tight_binding\n%sgrid: {k: [4, 4]}\n", keys);     \
    expect_error(text, KD_ERROR_SCENARIO, message);                                                \
  } while (0)
#define VECTORS "  lattice_vectors: [[1, 0], [0, 1]]\n"
#define HOME "    - {R: [0, 0], re: [[0, 1], [1, 0]]}\n"
  EXPECT("  lattice_vectors: [[1, 0]]\n  hoppings:\n" HOME,
         "model.lattice_vectors: 1 rows of 2 numbers");
  EXPECT("  lattice_vectors: [[1]]\n  hoppings: [{R: [0], re: [[0]]}]\n",
         "grid.k: 2 numbers of points (model tight_binding is 1-dimensional");
  EXPECT("  lattice_vectors: [[1, 2], [2, 4]]\n  hoppings:\n" HOME,
         "model.lattice_vectors: linearly dependent");
  EXPECT("  lattice_vectors: [[0, 0], [2, 4]]\n  hoppings:\n" HOME,
         "model.lattice_vectors: linearly dependent");
  EXPECT(VECTORS "  hoppings: []\n", "model.hoppings: an empty list");
  EXPECT(VECTORS "  positions: [[0, 0]]\n  hoppings:\n" HOME,
         "model.positions: 1 rows of 2 numbers (expected 2 rows of 2");
  EXPECT(VECTORS "  hoppings:\n    - {R: [0], re: [[0, 1], [1, 0]]}\n",
         "model.hoppings.0.R: 1 numbers (expected 2");
  EXPECT(VECTORS "  hoppings:\n    - {R: [0, 2000000], re: [[0, 1], [1, 0]]}\n",
         "model.hoppings.0.R: 2000000 is too far away");
  EXPECT(VECTORS "  hoppings:\n    - {R: [0, 0], re: [[0, 1]]}\n",
         "model.hoppings.0.re: a matrix of 1 x 2 numbers (expected 1 x 1)");
  EXPECT(VECTORS "  hoppings:\n" HOME "    - {R: [1, 0], re: [[1]]}\n",
         "model.hoppings.1.re: a matrix of 1 x 1 numbers (expected 2 x 2)");
  EXPECT(VECTORS "  hoppings:\n    - {R: [0, 0], re: [[0, 1], [1, 0]], im: [[0]]}\n",
         "model.hoppings.0.im: a matrix of 1 x 1");
  EXPECT(VECTORS "  hoppings:\n" HOME HOME, "model.hoppings.1.R: the cell is that of hoppings.0");
  EXPECT(VECTORS "  hoppings:\n    - {R: [0, 0], re: [[0, 1], [1.001, 0]]}\n",
         "model.hoppings: not Hermitian: element [0, 1] at R = [0, 0] differs by 0.001");
  EXPECT(VECTORS "  hoppings:\n" HOME "    - {R: [1, -2], re: [[0, 0], [0, 0]]}\n",
         "model.hoppings: R = [1, -2] is given but -R is not");
  EXPECT(VECTORS "  hoppings:\n" HOME "  dipoles:\n"
                 "    - {R: [0, 0], axis: 2, re: [[0, 0], [0, 0]]}\n",
         "model.dipoles.0.axis: 2 (expected less than 2");
  EXPECT(VECTORS "  hoppings:\n" HOME "  dipoles:\n"
                 "    - {R: [0, 0], axis: 1, re: [[0, 0], [1, 0]]}\n",
         "model.dipoles: not Hermitian: element [0, 1] at R = [0, 0]");
  EXPECT(VECTORS "  hoppings:\n" HOME "  dipoles:\n"
                 "    - {R: [0, 0], axis: 1, re: [[0, 0], [0, 0]]}\n"
                 "    - {R: [0, 0], axis: 1, re: [[0, 0], [0, 0]]}\n",
         "model.dipoles.1.R: cell and axis are those of dipoles.0");
#undef EXPECT
}

static void free_accepts_null(void **state) {
  (void)state;
  kd_model_free(NULL);
  kd_lattice_table_free(NULL);
  kd_kp_table_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_keeps_the_contract),
      cmocka_unit_test(every_kind_has_a_case),
      cmocka_unit_test(both_lattice_methods_keep_the_contract),
      cmocka_unit_test(many_bands_and_cells),
      cmocka_unit_test(random_polynomial_keeps_the_contract),
      cmocka_unit_test(cosine_bands),
      cmocka_unit_test(ssh_dispersion_and_phase),
      cmocka_unit_test(bands_of_the_grid),
      cmocka_unit_test(graphene_dirac_point),
      cmocka_unit_test(haldane_gaps),
      cmocka_unit_test(dirac_and_rashba_matrices),
      cmocka_unit_test(box_corners),
      cmocka_unit_test(natural_units),
      cmocka_unit_test(tight_binding_equals_ssh),
      cmocka_unit_test(wrong_grids),
      cmocka_unit_test(wrong_parameters),
      cmocka_unit_test(rounded_tight_binding),
      cmocka_unit_test(wrong_tight_binding),
      cmocka_unit_test(free_accepts_null),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
