/// The reader of Wannier90 files, on small files that the test writes, and the scissor.
#include "model_contract.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/eigen.h"
#include "model/lattice.h"

enum { N_BAND = 2, N_CELL = 5, MAX_LINES = 200 };

static char folder[] = "/tmp/keldrift_wannier90_XXXXXX";

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  char path[256];
  const char *names[] = {"test.dat", "folder"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    (void)remove(path);
  }
  return rmdir(folder);
}

// --- files ---------------------------------------------------------------------------------------

/// A file as a list of lines, so that a test can spoil one.
typedef struct lines {
  size_t count;
  char line[MAX_LINES][192];
} lines;

static void add(lines *file, const char *format, ...) KD_PRINTF(2, 3);

static void add(lines *file, const char *format, ...) {
  va_list arguments;
  assert_true(file->count < MAX_LINES);
  va_start(arguments, format);
  const int length = vsnprintf(file->line[file->count], sizeof file->line[0], format, arguments);
  assert_in_range(length, 0, sizeof file->line[0] - 2);
  file->count++;
  va_end(arguments);
}

static void write_file(const lines *file) {
  char path[256];
  snprintf(path, sizeof path, "%s/test.dat", folder);
  FILE *out = fopen(path, "w");
  assert_non_null(out);
  for (size_t i = 0; i < file->count; i++) fprintf(out, "%s\n", file->line[i]);
  assert_int_equal(fclose(out), 0);
}

static const long cells[N_CELL][3] = {{-1, 1, 0}, {0, 0, -2}, {0, 0, 0}, {0, 0, 2}, {1, -1, 0}};
static const int degeneracies[N_CELL] = {2, 3, 1, 3, 2};
static const double vectors[3][3] = {{0, 2, 2}, {2, 0, 2}, {2.5, 2, 0}};

/// The model that the files hold: random, Hermitian, with a defect in one dipole.
static double complex energy[N_CELL][N_BAND][N_BAND], dipole[N_CELL][3][N_BAND][N_BAND];
static const double dipole_defect = 0.05;

static void make_matrices(void) {
  for (size_t i = 0; i < N_CELL; i++) {
    const size_t back = N_CELL - 1 - i; // the list of cells is symmetric
    if (back < i) continue;
    for (size_t a = 0; a < N_BAND; a++) {
      for (size_t b = 0; b < N_BAND; b++) {
        if (i == back && a > b) continue;
        const bool real = i == back && a == b;
        energy[i][a][b] = random_number() + (real ? 0 : I * random_number());
        energy[back][b][a] = conj(energy[i][a][b]);
        for (size_t x = 0; x < 3; x++) {
          dipole[i][x][a][b] = 0.2 * (random_number() + (real ? 0 : I * random_number()));
          dipole[back][x][b][a] = conj(dipole[i][x][a][b]);
        }
      }
    }
  }
}

/// Number of lines before the matrices, and their place for messages (from 1).
enum { TB_HEADER = 8, HR_HEADER = 5, TB_BLOCK = N_BAND * N_BAND + 2 };

static void add_degeneracies(lines *file) {
  // Two lines, because a reader must not count on a fixed number per line.
  add(file, "    %d    %d", degeneracies[0], degeneracies[1]);
  add(file, "    %d    %d    %d", degeneracies[2], degeneracies[3], degeneracies[4]);
}

static void make_tb(lines *file) {
  file->count = 0;
  add(file, "  written by a test");
  for (size_t i = 0; i < 3; i++)
    add(file, " %.16f %.16f %.16f", vectors[i][0], vectors[i][1], vectors[i][2]);
  add(file, "   %d", N_BAND);
  add(file, "   %d", N_CELL);
  add_degeneracies(file);
  for (size_t block = 0; block < 2 * N_CELL; block++) {
    const size_t i = block % N_CELL;
    add(file, "%s", "");
    add(file, " %ld %ld %ld", cells[i][0], cells[i][1], cells[i][2]);
    for (size_t b = 0; b < N_BAND; b++) {
      for (size_t a = 0; a < N_BAND; a++) {
        const double d = degeneracies[i];
        if (block < N_CELL) {
          const double complex z = d * energy[i][a][b];
          add(file, "%5zu%5zu %.16e %.16e", a + 1, b + 1, creal(z), cimag(z));
          continue;
        }
        double complex r[3];
        for (size_t x = 0; x < 3; x++) r[x] = d * dipole[i][x][a][b];
        if (i == 2 && a == 0 && b == 1) r[1] += dipole_defect;
        add(file, "%zu %zu %.14e %.14e %.14e %.14e %.14e %.14e", a + 1, b + 1, creal(r[0]),
            cimag(r[0]), creal(r[1]), cimag(r[1]), creal(r[2]), cimag(r[2]));
      }
    }
  }
}

static void make_hr(lines *file) {
  file->count = 0;
  add(file, "  written by a test");
  add(file, "   %d", N_BAND);
  add(file, "   %d", N_CELL);
  add_degeneracies(file);
  for (size_t i = 0; i < N_CELL; i++) {
    for (size_t b = 0; b < N_BAND; b++) {
      for (size_t a = 0; a < N_BAND; a++) {
        const double complex z = degeneracies[i] * energy[i][a][b];
        add(file, "%5ld%5ld%5ld%5zu%5zu %.16e %.16e", cells[i][0], cells[i][1], cells[i][2], a + 1,
            b + 1, creal(z), cimag(z));
      }
    }
  }
}

#define VECTORS "lattice_vectors: [[0, 2, 2], [2, 0, 2], [2.5, 2, 0]]"

/// A scenario with the file and `keys`; the text stays valid until the next call.
static const char *scenario(const char *keys) {
  static char text[1024];
  snprintf(text, sizeof text,
           "model: {kind: wannier90, file: %s/test.dat%s%s}\ngrid: {k: [3, 4, 5]}\n", folder,
           keys[0] ? ", " : "", keys);
  return text;
}

/// The matrices of the file, straight from the definition.
static void expect_model(const kd_model *model, bool has_dipole, double fermi_energy) {
  for (int trial = 0; trial < 5; trial++) {
    double k[3];
    random_vector(2, 3, k);
    const kd_model_part part = random_part(3);
    double complex got[N_BAND * N_BAND], want[N_BAND * N_BAND] = {0};
    for (size_t i = 0; i < N_CELL; i++) {
      double complex vector[3] = {0};
      double angle = 0, slope = 0;
      for (size_t x = 0; x < 3; x++) {
        for (size_t d = 0; d < 3; d++) vector[x] += (double)cells[i][d] * vectors[d][x];
        angle += k[x] * creal(vector[x]);
        slope += part.gradient[x] * creal(vector[x]);
      }
      const double complex phase = cexp(I * angle);
      for (size_t a = 0; a < N_BAND; a++) {
        for (size_t b = 0; b < N_BAND; b++) {
          const bool home_diagonal = i == 2 && a == b;
          want[a * N_BAND + b] += phase * (part.energy + I * slope) *
                                  (energy[i][a][b] - (home_diagonal ? fermi_energy : 0));
          for (size_t x = 0; has_dipole && x < 3; x++) {
            double complex r = dipole[i][x][a][b];
            if (i == 2 && x == 1 && a != b) r += 0.5 * dipole_defect;
            want[a * N_BAND + b] += phase * part.position[x] * r;
          }
        }
      }
    }
    kd_model_at(model, k, &part, got);
    expect_equal_matrices("matrix of the file", N_BAND, got, want, 1e-12);
  }
}

static void reads_tb(void **state) {
  (void)state;
  lines file;
  make_tb(&file);
  write_file(&file);
  kd_model *model = need_model(scenario("fermi_energy: 300 meV"));
  assert_int_equal(kd_model_n_band(model), N_BAND);
  assert_int_equal(kd_model_n_dim(model), 3);
  expect_near("defect of the positions", kd_model_position_defect(model), dipole_defect, 1e-12);
  for (size_t i = 0; i < 3; i++)
    for (size_t x = 0; x < 3; x++)
      expect_near("lattice vectors", kd_model_duals(model)[3 * i + x], vectors[i][x], 1e-15);
  expect_model(model, true, 0.3);
  check_contract(model);
  kd_model_free(model);
  // Agreeing vectors are welcome.
  model = need_model(scenario(VECTORS));
  expect_model(model, true, 0);
  kd_model_free(model);
}

static void reads_hr(void **state) {
  (void)state;
  lines file;
  make_hr(&file);
  write_file(&file);
  kd_model *model = need_model(scenario(VECTORS));
  expect_near("defect of the positions", kd_model_position_defect(model), 0, 0);
  expect_model(model, false, 0);
  check_contract(model);
  kd_model_free(model);
}

/// Carriage returns, a blank line at the end, elements in another order, several blank lines.
static void accepts_other_layouts(void **state) {
  (void)state;
  lines file;
  make_tb(&file);
  char swap[192];
  memcpy(swap, file.line[TB_HEADER + 2], sizeof swap);
  memcpy(file.line[TB_HEADER + 2], file.line[TB_HEADER + 5], sizeof swap);
  memcpy(file.line[TB_HEADER + 5], swap, sizeof swap);
  for (size_t i = 0; i < file.count; i++) strcat(file.line[i], "\r");
  add(&file, "   ");
  write_file(&file);
  kd_model *model = need_model(scenario(""));
  expect_model(model, true, 0);
  kd_model_free(model);
}

// --- malformed files -----------------------------------------------------------------------------

/// Checks that the file, with line `number` (from 1) replaced, is refused with a message that names
/// the place `at` (a line number, 0: anywhere) and holds `expected`.
static void expect_refused(lines file, size_t number, const char *line, size_t at,
                           const char *expected) {
  char place[320];
  if (number > 0) snprintf(file.line[number - 1], sizeof file.line[0], "%s", line);
  write_file(&file);
  if (at > 0)
    snprintf(place, sizeof place, "%s/test.dat:%zu: error: ", folder, at);
  else
    snprintf(place, sizeof place, "error: ");
  expect_error(scenario(file.line[1][1] == ' ' ? VECTORS : ""), KD_ERROR_SCENARIO, place);
  if (!strstr(kd_error_message(), expected))
    fail_msg("message: got \"%s\", want \"%s\" in it", kd_error_message(), expected);
}

static void refuses_malformed_tb(void **state) {
  (void)state;
  lines file;
  make_tb(&file);
  expect_refused(file, 2, " 1 2", 2, "2 words (expected three components of a lattice vector");
  expect_refused(file, 2, " 1 2 x", 2, "\"x\" is not a finite number");
  expect_refused(file, 3, " 1 2", 3, "a short line (expected a lattice vector");
  expect_refused(file, 3, " 1 2 3 4", 3, "\"4\" at the end of the line");
  expect_refused(file, 3, " 0 4 4", 4, "linearly dependent");
  expect_refused(file, 5, " 2.5", 5, "\"2.5\" is not an integer");
  expect_refused(file, 5, " 0", 5, "0 is out of range");
  expect_refused(file, 5, " -2", 5, "-2 is out of range");
  expect_refused(file, 5, " 100000000", 5, "100000000 is out of range");
  // With a third Wannier function, the next cell stands where an element is due.
  expect_refused(file, 5, " 3", 16, "0 is out of range (expected the number of a Wannier function");
  expect_refused(file, 6, " 99999999", 6, "99999999 cells with 2 Wannier functions take");
  expect_refused(file, 6, " 99999999999999999999", 6, "is not an integer");
  expect_refused(file, 6, " 4", 8, "\"2\" at the end of the line");
  expect_refused(file, 6, " 6", 10, "-1 is out of range (expected a degeneracy");
  expect_refused(file, 7, " 2 0", 7, "0 is out of range (expected a degeneracy");
  expect_refused(file, 7, " 2 x", 7, "\"x\" is not an integer (expected a degeneracy");
  // Line 9 is blank, line 10 a cell, lines 11 to 14 its matrix.
  expect_refused(file, 10, "-1 1", 10, "a short line (expected a cell R");
  expect_refused(file, 10, "-1 1 2000000", 10, "2000000 is out of range");
  expect_refused(file, 10, "-1 1 0 1", 10, "at the end of the line");
  expect_refused(file, 10, "0 0 -2", 16, "the cell (0, 0, -2) is there twice");
  expect_refused(file, 11, "3 1 0 0", 11, "3 is out of range (expected the number of a Wannier");
  expect_refused(file, 11, "0 1 0 0", 11, "0 is out of range");
  expect_refused(file, 11, "2 1 0 0", 12, "element (2, 1) is there twice");
  expect_refused(file, 11, "1 1 0", 11, "a short line (expected a b re im)");
  expect_refused(file, 11, "1 1 0 0 0", 11, "\"0\" at the end of the line");
  expect_refused(file, 11, "1 1 nan 0", 11, "\"nan\" is not a finite number");
  expect_refused(file, 11, "1 1 0 inf", 11, "\"inf\" is not a finite number");
  expect_refused(file, 11, "1 1 1e999 0", 11, "\"1e999\" is not a finite number");
  expect_refused(file, 11, "1 1 0 ******", 11, "\"******\" is not a finite number");
  expect_refused(file, 11, "1 1 0.1x 0", 11, "\"0.1x\" is not a finite number");
  expect_refused(file, 11, "1 1 3 0", 0, "not Hermitian: element (1, 1) of the cell (-1, 1, 0)");
  const size_t dipoles = TB_HEADER + N_CELL * TB_BLOCK; // lines before the position matrices
  expect_refused(file, dipoles + 2, "0 0 -2", dipoles + 2, "expected (-1, 1, 0), the order");
  expect_refused(file, dipoles + 3, "1 1 0 0 0 0 0", dipoles + 3, "three times re im");
  expect_refused(file, dipoles + 3, "1 1 0 0 0 nan 0 0", dipoles + 3, "\"nan\"");
  lines unpaired = file;
  strcpy(unpaired.line[dipoles + 1], "-2 2 0");
  expect_refused(unpaired, 10, "-2 2 0", 10, "(-2, 2, 0) is there but its opposite is not");
  add(&file, "0 0 0");
  expect_refused(file, 0, "", dipoles + N_CELL * TB_BLOCK + 1, "\"0\" after the last matrix");
}

static void refuses_malformed_hr(void **state) {
  (void)state;
  lines file;
  make_hr(&file);
  expect_refused(file, 2, "   x", 2, "\"x\" is not an integer");
  expect_refused(file, 2, "   0", 2, "0 is out of range");
  expect_refused(file, 3, "   0", 3, "0 is out of range");
  expect_refused(file, 3, "   999999", 3, "999999 cells with 2 Wannier functions take");
  expect_refused(file, 6, "-1 1 0 1 1 0", 6, "a short line (expected R1 R2 R3 a b re im)");
  expect_refused(file, 6, "-1 1 0 1 1 0 0 0", 6, "at the end of the line");
  expect_refused(file, 7, "0 0 0 2 1 0 0", 7,
                 "the cell (0, 0, 0) after 1 elements of (-1, 1, 0) (expected 4)");
  expect_refused(file, 7, "-1 1 0 1 1 0 0", 7, "element (1, 1) is there twice");
  add(&file, "x");
  expect_refused(file, 0, "", HR_HEADER + 4 * N_CELL + 1, "\"x\" after the last matrix");
}

/// Every file that is cut off at the end of a line is refused, at its last line or before.
static void refuses_short_files(void **state) {
  (void)state;
  lines file;
  for (int format = 0; format < 2; format++) {
    format == 0 ? make_tb(&file) : make_hr(&file);
    const size_t complete = file.count;
    for (size_t count = 0; count < complete; count++) {
      file.count = count;
      write_file(&file);
      expect_error(scenario(format == 0 ? "" : VECTORS), KD_ERROR_SCENARIO, "/test.dat:");
    }
  }
}

static void refuses_zero_bytes(void **state) {
  (void)state;
  char path[256];
  lines file;
  make_tb(&file);
  write_file(&file);
  snprintf(path, sizeof path, "%s/test.dat", folder);
  FILE *out = fopen(path, "r+");
  assert_non_null(out);
  fseek(out, 25, SEEK_SET);
  fputc('\0', out);
  assert_int_equal(fclose(out), 0);
  expect_error(scenario(""), KD_ERROR_SCENARIO, "/test.dat:2: error: a zero byte");
}

static void refuses_unreadable_files(void **state) {
  (void)state;
  char text[512];
  snprintf(text, sizeof text, "model: {kind: wannier90, file: %s/none.dat}\ngrid: {k: [1, 1, 1]}\n",
           folder);
  expect_error(text, KD_ERROR_FILE, "model.file: cannot open");
  char path[256];
  snprintf(path, sizeof path, "%s/folder", folder);
  assert_int_equal(mkdir(path, 0700), 0);
  snprintf(text, sizeof text, "model: {kind: wannier90, file: %s/folder}\ngrid: {k: [1, 1, 1]}\n",
           folder);
  expect_error(text, KD_ERROR_FILE, "model.file: cannot open");
}

static void refuses_wrong_keys(void **state) {
  (void)state;
  lines file;
  char text[512];
  make_tb(&file);
  write_file(&file);
  expect_error(scenario("lattice_vectors: [[0, 2, 2], [2, 0, 2], [2.6, 2, 0]]"), KD_ERROR_SCENARIO,
               "model.lattice_vectors: component 0 of vector 2 is 2.6 angstrom");
  expect_error(scenario("lattice_vectors: [[0, 2], [2, 0]]"), KD_ERROR_SCENARIO,
               "model.lattice_vectors: 2 rows of 2 numbers (expected 3 rows of 3)");
  snprintf(text, sizeof text, "model: {kind: wannier90, file: %s/test.dat}\ngrid: {k: [3, 4]}\n",
           folder);
  expect_error(text, KD_ERROR_SCENARIO, "model wannier90 is 3-dimensional");
  snprintf(text, sizeof text,
           "units: natural\nmodel: {kind: wannier90, file: %s/test.dat}\ngrid: {k: [1, 1, 1]}\n",
           folder);
  expect_error(text, KD_ERROR_SCENARIO, "the file is in eV and angstrom");
  make_hr(&file);
  write_file(&file);
  expect_error(scenario(""), KD_ERROR_SCENARIO, "has no lattice vectors");
  expect_error(scenario("lattice_vectors: [[0, 2, 2], [0, 4, 4], [2.6, 2, 0]]"), KD_ERROR_SCENARIO,
               "model.lattice_vectors: linearly dependent");
}

// --- the scissor ---------------------------------------------------------------------------------

/// Two orbitals 3 eV apart with small hopping between them in all directions, as a _hr.dat file.
static void write_insulator(void) {
  const long neighbors[7][3] = {{0, 0, 0},  {1, 0, 0}, {-1, 0, 0}, {0, 1, 0},
                                {0, -1, 0}, {0, 0, 1}, {0, 0, -1}};
  lines file = {0};
  add(&file, "insulator");
  add(&file, " 2");
  add(&file, " 7");
  add(&file, " 1 1 1 1 1 1 1");
  for (size_t i = 0; i < 7; i++) {
    const char *format = "%ld %ld %ld %d %d %.15f %.15f";
    const long *l = neighbors[i];
    const double sign = (double)(l[0] + l[1] + l[2]);
    add(&file, format, l[0], l[1], l[2], 1, 1, i == 0 ? 5.5 : -0.1, 0.0);
    add(&file, format, l[0], l[1], l[2], 2, 1, i == 0 ? 0.2 : 0.1, -0.05 * sign);
    add(&file, format, l[0], l[1], l[2], 1, 2, i == 0 ? 0.2 : 0.1, -0.05 * sign);
    add(&file, format, l[0], l[1], l[2], 2, 2, i == 0 ? 8.5 : 0.15, 0.0);
  }
  write_file(&file);
}

static void expect_scissor(const char *text_without, const char *text_with, size_t n_below,
                           double scissor, double tolerance) {
  kd_model *without = need_model(text_without);
  const size_t n = kd_model_n_band(without), n_k = kd_model_n_k(without);
  double *field = kd_allocate(n * n * n_k, sizeof *field);
  double *before = kd_allocate(n * n_k, sizeof *before),
         *after = kd_allocate(n * n_k, sizeof *after);
  const double shift[3] = {0.11, 0.05, -0.07};
  const kd_model_part part = {.energy = 1};
  kd_model_sample(without, shift, &part, field);
  assert_int_equal(kd_eigen_field(n, n_k, field, before, NULL), KD_OK);
  kd_model_free(without);
  kd_model *with = need_model(text_with);
  kd_model_sample(with, shift, &part, field);
  assert_int_equal(kd_eigen_field(n, n_k, field, after, NULL), KD_OK);
  for (size_t i = 0; i < n * n_k; i++)
    expect_near("level", after[i], before[i] + (i % n < n_below ? 0 : scissor), tolerance);
  kd_free(field);
  kd_free(before);
  kd_free(after);
  check_hermitian(with);
  check_velocity(with);
  kd_model_free(with);
}

#define CUBE "lattice_vectors: [[3, 0, 0], [0, 3, 0], [0, 0, 3]], fermi_energy: 7 eV"

static void scissor_shifts_conduction_bands(void **state) {
  (void)state;
  char without[1024];
  write_insulator();
  snprintf(without, sizeof without, "%s", scenario(CUBE));
  // The decay length of this insulator is below a third of a cell, and the mesh has 8 each way.
  expect_scissor(without, scenario(CUBE ", scissor: 0.5 eV"), 1, 0.5, 1e-5);
}

static void scissor_needs_a_gap(void **state) {
  (void)state;
  const char *vectors_of_cube = "lattice_vectors: [[3, 0, 0], [0, 3, 0], [0, 0, 3]]";
  char keys[256];
  write_insulator();
  snprintf(keys, sizeof keys, "%s, fermi_energy: 5.5 eV, scissor: 0.5 eV", vectors_of_cube);
  expect_error(scenario(keys), KD_ERROR_SCENARIO,
               "model.fermi_energy: 5.5 eV has 0 to 1 of 2 bands at or below it");
  snprintf(keys, sizeof keys, "%s, fermi_energy: 20 eV, scissor: 0.5 eV", vectors_of_cube);
  expect_error(scenario(keys), KD_ERROR_SCENARIO, "20 eV has 2 to 2 of 2 bands");
  snprintf(keys, sizeof keys, "%s, fermi_energy: -20 eV, scissor: 0.5 eV", vectors_of_cube);
  expect_error(scenario(keys), KD_ERROR_SCENARIO, "-20 eV has 0 to 0 of 2 bands");
}

// --- real data -----------------------------------------------------------------------------------

#ifdef KD_SOURCE_ROOT
#define SILICON                                                                                    \
  "model: {kind: wannier90, fermi_energy: 6.5 eV, file: " KD_SOURCE_ROOT                           \
  "/scenarios/silicon_pulse/silicon_tb.dat"

/// Silicon from first principles: the degeneracies of its levels at k = 0 (1, 3, 3, 1) to the
/// accuracy of the Wannier functions, a gap between bands 3 and 4, and the scissor to 5e-3 of it.
static void silicon(void **state) {
  (void)state;
  if (access(KD_SOURCE_ROOT "/scenarios/silicon_pulse/silicon_tb.dat", R_OK) != 0) skip();
  kd_model *model = need_model(SILICON "}\ngrid: {k: [4, 3, 3]}\n");
  const size_t n = kd_model_n_band(model), n_k = kd_model_n_k(model);
  assert_int_equal(n, 8);
  double *field = kd_allocate(n * n * n_k, sizeof *field);
  double *level = kd_allocate(n * n_k, sizeof *level);
  kd_model_sample(model, (double[3]){0}, &(kd_model_part){.energy = 1}, field);
  assert_int_equal(kd_eigen_field(n, n_k, field, level, NULL), KD_OK);
  expect_near("valence triplet", level[3], level[1], 2e-3);
  expect_near("conduction triplet", level[6], level[4], 2e-3);
  assert_true(level[4] - level[3] > 2 && level[1] - level[0] > 5);
  for (size_t k = 0; k < n_k; k++) assert_true(level[8 * k + 3] < 0 && level[8 * k + 4] > 0);
  assert_true(kd_model_position_defect(model) > 0.01 && kd_model_position_defect(model) < 0.1);
  check_contract(model);
  kd_free(field);
  kd_free(level);
  kd_model_free(model);
  expect_scissor(SILICON "}\ngrid: {k: [4, 3, 3]}\n",
                 SILICON ", scissor: 0.6 eV}\ngrid: {k: [4, 3, 3]}\n", 4, 0.6, 5e-3 * 0.6);
}
#endif

int main(void) {
  make_matrices();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_tb),
      cmocka_unit_test(reads_hr),
      cmocka_unit_test(accepts_other_layouts),
      cmocka_unit_test(refuses_malformed_tb),
      cmocka_unit_test(refuses_malformed_hr),
      cmocka_unit_test(refuses_short_files),
      cmocka_unit_test(refuses_zero_bytes),
      cmocka_unit_test(refuses_unreadable_files),
      cmocka_unit_test(refuses_wrong_keys),
      cmocka_unit_test(scissor_shifts_conduction_bands),
      cmocka_unit_test(scissor_needs_a_gap),
#ifdef KD_SOURCE_ROOT
      cmocka_unit_test(silicon),
#endif
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
