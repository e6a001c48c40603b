/// Lattice models from the output of Wannier90: SEED_tb.dat (with positions) and SEED_hr.dat.
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/input_file.h"
#include "core/memory.h"
#include "model/kinds.h"
#include "model/lattice.h"
#include "model/scissor.h"
#include "scenario/locale.h"
#include "scenario/number.h"

enum { MAX_CELL = 1000000, MAX_DEGENERACY = 1000000 };

/// Largest |H(R)_ab - conj(H(-R)_ba)| that is put down to the digits of the file, eV.
static const double energy_tolerance = 1e-3;

static const kd_param rows[] = {
    {.key = "file",
     .type = KD_PATH,
     .meaning = "SEED_tb.dat or SEED_hr.dat, told apart by their content; the second has no "
                "position matrices",
     .reference = "Wannier90 user guide, files seedname_tb.dat and seedname_hr.dat"},
    {.key = "fermi_energy",
     .type = KD_REAL,
     .unit = "eV",
     .fallback = "0 eV",
     .meaning = "energy in the file that becomes the zero of energy",
     .reference = ""},
    {.key = "scissor",
     .type = KD_REAL,
     .unit = "eV",
     .fallback = "0 eV",
     .meaning = "rigid shift of the bands above fermi_energy, which must lie in a gap",
     .reference = "Levine and Allan, Phys. Rev. Lett. 63, 1719 (1989)"},
    {.key = "lattice_vectors",
     .type = KD_MATRIX,
     .unit = "angstrom",
     .fallback = KD_UNSET,
     .min = -1e9,
     .max = 1e9,
     .meaning = "three rows; required for SEED_hr.dat, must agree with SEED_tb.dat",
     .reference = ""},
    KD_MODEL_COMMON_ROWS,
    {.key = NULL}};

// --- lines of numbers ----------------------------------------------------------------------------

/// A text in memory that is read line by line.
typedef struct reader {
  const char *name;
  char *text;
  size_t length;
  char *next;   ///< start of the next line, NULL at the end
  char *cursor; ///< unread part of the line
  size_t line;  ///< its number
} reader;

static kd_status syntax_error(const reader *file, size_t line, const char *format, ...)
    KD_PRINTF(3, 4);

static kd_status syntax_error(const reader *file, size_t line, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (line == 0) return kd_error(KD_ERROR_SCENARIO, "%s: error: %s", file->name, text);
  return kd_error(KD_ERROR_SCENARIO, "%s:%zu: error: %s", file->name, line, text);
}

/// Reads the whole file.
static kd_status load(const kd_section *section, const char *path, reader *file) {
  kd_status status = KD_OK;
  size_t capacity = 1 << 16;
  *file = (reader){.name = path};
  const char *reason;
  FILE *stream = kd_input_open(path, &reason);
  if (!stream) return kd_section_file_error(section, "file", "cannot open %s: %s", path, reason);
  KD_ALLOCATE(file->text, capacity + 1);
  errno = 0;
  for (size_t got = 1; got > 0;) {
    got = fread(file->text + file->length, 1, capacity - file->length, stream);
    file->length += got;
    if (file->length < capacity) continue;
    char *larger;
    KD_ALLOCATE(larger, 2 * capacity + 1);
    memcpy(larger, file->text, file->length);
    kd_free(file->text);
    file->text = larger;
    capacity *= 2;
  }
  if (ferror(stream)) {
    status = kd_section_file_error(section, "file", "cannot read %s: %s", path,
                                   strerror(errno ? errno : EIO));
    goto cleanup;
  }
  file->next = file->text;
  for (size_t i = 0, line = 1; i < file->length; i++) {
    if (file->text[i] == '\0') {
      status = syntax_error(file, line, "a zero byte (expected a text file)");
      goto cleanup;
    }
    line += file->text[i] == '\n';
  }
cleanup:
  fclose(stream);
  return status;
}

/// Goes to the next line; returns false at the end of the file.
static bool next_line(reader *file) {
  if (!file->next || !*file->next) return false;
  file->line++;
  file->cursor = file->next;
  char *end = strchr(file->next, '\n');
  file->next = end ? end + 1 : NULL;
  if (end) *end = '\0';
  return true;
}

static void skip_blanks(reader *file) {
  while (isspace((unsigned char)*file->cursor)) file->cursor++;
}

/// Goes to the next line that is not blank; returns false at the end of the file.
static bool next_filled_line(reader *file) {
  while (next_line(file)) {
    skip_blanks(file);
    if (*file->cursor) return true;
  }
  return false;
}

static kd_status need_filled_line(reader *file, const char *what) {
  if (next_filled_line(file)) return KD_OK;
  return syntax_error(file, file->line, "the file ends too early (expected %s)", what);
}

/// Length of the word at the cursor.
static int word_length(const reader *file) {
  return (int)strcspn(file->cursor, " \t\r\v\f");
}

static size_t count_words(const reader *file) {
  reader copy = *file;
  size_t count = 0;
  for (skip_blanks(&copy); *copy.cursor; skip_blanks(&copy), count++)
    copy.cursor += word_length(&copy);
  return count;
}

static kd_status read_integer(reader *file, const char *what, long min, long max, long *value) {
  skip_blanks(file);
  char word[24];
  const int length = word_length(file);
  snprintf(word, sizeof word, "%.*s", length, file->cursor);
  if (length == 0) return syntax_error(file, file->line, "a short line (expected %s)", what);
  if (length >= (int)sizeof word || !kd_integer_scan(word, value))
    return syntax_error(file, file->line, "\"%.40s\" is not an integer (expected %s)", word, what);
  if (*value < min || *value > max)
    return syntax_error(file, file->line, "%ld is out of range (expected %s, %ld to %ld)", *value,
                        what, min, max);
  file->cursor += length;
  return KD_OK;
}

static kd_status read_real(reader *file, const char *what, double *value) {
  skip_blanks(file);
  const int length = word_length(file);
  const char *rest;
  if (length == 0) return syntax_error(file, file->line, "a short line (expected %s)", what);
  if (!kd_number_scan(file->cursor, value, &rest) || rest < file->cursor + length ||
      !isfinite(*value))
    return syntax_error(file, file->line, "\"%.*s\" is not a finite number (expected %s)",
                        length < 40 ? length : 40, file->cursor, what);
  file->cursor += length;
  return KD_OK;
}

static kd_status end_line(reader *file, const char *what) {
  skip_blanks(file);
  if (!*file->cursor) return KD_OK;
  const int length = word_length(file);
  return syntax_error(file, file->line, "\"%.*s\" at the end of the line (expected only %s)",
                      length < 40 ? length : 40, file->cursor, what);
}

/// Reads a line that holds one integer.
static kd_status read_count(reader *file, const char *what, long max, size_t *count) {
  long value;
  KD_TRY(need_filled_line(file, what));
  KD_TRY(read_integer(file, what, 1, max, &value));
  KD_TRY(end_line(file, what));
  *count = (size_t)value;
  return KD_OK;
}

// --- the two formats -----------------------------------------------------------------------------

/// What a file says.
typedef struct wannier_file {
  reader reader;
  bool has_vectors; ///< SEED_tb.dat
  double vector[3][3];
  size_t vector_line;
  size_t n_band, n_cell;
  long *degeneracy;  ///< [n_cell]
  size_t *cell_line; ///< [n_cell], where the block of H begins
  size_t *seen;      ///< [n_band^2], block in which an element was last given, from 1
  kd_lattice_table *table;
} wannier_file;

/// Reads everything before the matrices.
static kd_status read_header(wannier_file *file) {
  kd_status status = KD_OK;
  reader *in = &file->reader;
  const char *what = "three components of a lattice vector (_tb.dat), or the number of Wannier "
                     "functions (_hr.dat)";
  next_line(in); // a comment
  KD_TRY(need_filled_line(in, what));
  const size_t n_word = count_words(in);
  if (n_word != 1 && n_word != 3)
    return syntax_error(in, in->line, "%zu words (expected %s)", n_word, what);
  file->has_vectors = n_word == 3;
  file->vector_line = in->line;
  if (file->has_vectors) {
    double dual[3][3], volume;
    for (size_t i = 0; i < 3; i++) {
      if (i > 0) KD_TRY(need_filled_line(in, "a lattice vector"));
      for (size_t x = 0; x < 3; x++)
        KD_TRY(read_real(in, "a lattice vector, three numbers", &file->vector[i][x]));
      KD_TRY(end_line(in, "a lattice vector, three numbers"));
    }
    if (!kd_reciprocal(3, file->vector[0], dual, &volume))
      return syntax_error(in, in->line, "the three lattice vectors are linearly dependent");
    KD_TRY(read_count(in, "the number of Wannier functions", KD_MAX_BAND, &file->n_band));
  } else {
    long value;
    KD_TRY(read_integer(in, "the number of Wannier functions", 1, KD_MAX_BAND, &value));
    file->n_band = (size_t)value;
  }
  KD_TRY(read_count(in, "the number of cells R", 1000000000, &file->n_cell));

  // Checked before anything of that size is allocated: a row of numbers takes 8 bytes at least.
  const double n_row = (file->has_vectors ? 2.0 : 1.0) * (double)file->n_cell *
                       (double)(file->n_band * file->n_band);
  if (8 * n_row > (double)in->length)
    return syntax_error(in, in->line,
                        "%zu cells with %zu Wannier functions take %.0f rows of numbers (the file "
                        "has %zu bytes: expected fewer)",
                        file->n_cell, file->n_band, n_row, in->length);

  KD_ALLOCATE(file->degeneracy, file->n_cell);
  for (size_t i = 0; i < file->n_cell; i++) {
    // The rows have 15 numbers, but nothing depends on it.
    if (i > 0) skip_blanks(in);
    if (i == 0 || !*in->cursor) KD_CHECK(need_filled_line(in, "the degeneracies of the cells"));
    KD_CHECK(read_integer(in, "a degeneracy", 1, MAX_DEGENERACY, &file->degeneracy[i]));
  }
  KD_CHECK(end_line(in, "as many degeneracies as cells"));
cleanup:
  return status;
}

static kd_status read_cell(reader *in, long cell[3]) {
  for (size_t i = 0; i < 3; i++)
    KD_TRY(read_integer(in, "a cell R, three integers", -MAX_CELL, MAX_CELL, &cell[i]));
  return KD_OK;
}

/// Reads the two orbitals of a matrix element; `block` counts the matrices from 1.
static kd_status read_element(wannier_file *file, size_t block, size_t *a, size_t *b) {
  long i, j;
  const long n = (long)file->n_band;
  KD_TRY(read_integer(&file->reader, "the number of a Wannier function", 1, n, &i));
  KD_TRY(read_integer(&file->reader, "the number of a Wannier function", 1, n, &j));
  *a = (size_t)i - 1;
  *b = (size_t)j - 1;
  size_t *seen = &file->seen[*a * file->n_band + *b];
  if (*seen == block)
    return syntax_error(&file->reader, file->reader.line,
                        "element (%ld, %ld) is there twice for the same cell", i, j);
  *seen = block;
  return KD_OK;
}

static kd_status add_cell(wannier_file *file, const long cell[3], size_t index) {
  if (kd_lattice_cell(file->table, cell) != index)
    return syntax_error(&file->reader, file->reader.line, "the cell (%ld, %ld, %ld) is there twice",
                        cell[0], cell[1], cell[2]);
  file->cell_line[index] = file->reader.line;
  return KD_OK;
}

/// Rows "R1 R2 R3 a b re im".
static kd_status read_hr(wannier_file *file) {
  reader *in = &file->reader;
  const size_t n = file->n_band;
  const char *what = "R1 R2 R3 a b re im";
  for (size_t i = 0; i < file->n_cell; i++) {
    for (size_t ab = 0; ab < n * n; ab++) {
      long cell[3];
      size_t a, b;
      double re, im;
      KD_TRY(need_filled_line(in, what));
      KD_TRY(read_cell(in, cell));
      if (ab == 0) KD_TRY(add_cell(file, cell, i));
      const long *block_cell = file->table->cell[i];
      if (memcmp(cell, block_cell, sizeof cell) != 0)
        return syntax_error(in, in->line,
                            "the cell (%ld, %ld, %ld) after %zu elements of (%ld, %ld, %ld) "
                            "(expected %zu)",
                            cell[0], cell[1], cell[2], ab, block_cell[0], block_cell[1],
                            block_cell[2], n * n);
      KD_TRY(read_element(file, i + 1, &a, &b));
      KD_TRY(read_real(in, what, &re));
      KD_TRY(read_real(in, what, &im));
      KD_TRY(end_line(in, what));
      file->table->energy[(i * n + a) * n + b] = (re + I * im) / (double)file->degeneracy[i];
    }
  }
  return KD_OK;
}

/// Blocks of a row "R1 R2 R3" and rows "a b re im", then the same cells with "a b" and three times
/// "re im".
static kd_status read_tb(wannier_file *file) {
  reader *in = &file->reader;
  const size_t n = file->n_band;
  for (size_t block = 0; block < 2 * file->n_cell; block++) {
    const bool dipoles = block >= file->n_cell;
    const size_t i = dipoles ? block - file->n_cell : block;
    const size_t n_number = dipoles ? 3 : 1;
    const char *what = dipoles ? "a b and three times re im" : "a b re im";
    long cell[3];
    KD_TRY(need_filled_line(in, dipoles ? "a cell R of the position matrices"
                                        : "a cell R of the Hamiltonian"));
    KD_TRY(read_cell(in, cell));
    KD_TRY(end_line(in, "a cell R, three integers"));
    if (!dipoles) KD_TRY(add_cell(file, cell, i));
    const long *same = file->table->cell[i];
    if (memcmp(cell, same, sizeof cell) != 0)
      return syntax_error(in, in->line,
                          "the cell (%ld, %ld, %ld) (expected (%ld, %ld, %ld), the order of the "
                          "Hamiltonian)",
                          cell[0], cell[1], cell[2], same[0], same[1], same[2]);
    for (size_t ab = 0; ab < n * n; ab++) {
      size_t a, b;
      double re, im;
      KD_TRY(need_filled_line(in, what));
      KD_TRY(read_element(file, block + 1, &a, &b));
      for (size_t x = 0; x < n_number; x++) {
        KD_TRY(read_real(in, what, &re));
        KD_TRY(read_real(in, what, &im));
        const double complex value = (re + I * im) / (double)file->degeneracy[i];
        if (dipoles)
          file->table->dipole[((i * 3 + x) * n + a) * n + b] = value;
        else
          file->table->energy[(i * n + a) * n + b] = value;
      }
      KD_TRY(end_line(in, what));
    }
  }
  return KD_OK;
}

/// Reads the file that has been loaded.
static kd_status parse(wannier_file *file) {
  kd_status status = KD_OK;
  reader *in = &file->reader;
  KD_CHECK(read_header(file));
  KD_ALLOCATE(file->cell_line, file->n_cell);
  KD_ALLOCATE(file->seen, file->n_band * file->n_band);
  // One more cell for a home cell that the file may not have.
  KD_CHECK(
      kd_lattice_table_create(3, file->n_band, file->n_cell + 1, file->has_vectors, &file->table));
  memcpy(file->table->vector, file->vector, sizeof file->vector);
  KD_CHECK(file->has_vectors ? read_tb(file) : read_hr(file));
  if (next_filled_line(in)) {
    const int length = word_length(in);
    status = syntax_error(in, in->line, "\"%.*s\" after the last matrix (expected the end)",
                          length < 40 ? length : 40, in->cursor);
  }
cleanup:
  return status;
}

static kd_status check_hermitian(wannier_file *file) {
  kd_lattice_defect defect;
  KD_TRY(kd_lattice_hermitian_defect(file->table, false, &defect));
  if (defect.size > energy_tolerance) {
    const long *l = defect.cell;
    const size_t line = file->cell_line[kd_lattice_cell(file->table, l)];
    if (defect.unpaired)
      return syntax_error(&file->reader, line,
                          "the cell (%ld, %ld, %ld) is there but its opposite is not", l[0], l[1],
                          l[2]);
    return syntax_error(&file->reader, line,
                        "not Hermitian: element (%zu, %zu) of the cell (%ld, %ld, %ld) differs by "
                        "%g eV from the conjugate in the opposite cell (expected at most %g eV)",
                        defect.a + 1, defect.b + 1, l[0], l[1], l[2], defect.size,
                        energy_tolerance);
  }
  KD_TRY(kd_lattice_hermitian_defect(file->table, true, &defect));
  file->table->position_defect = defect.size;
  return kd_lattice_symmetrize(file->table);
}

// --- the model -----------------------------------------------------------------------------------

/// Takes the lattice vectors of the scenario, which SEED_hr.dat needs.
static kd_status set_vectors(const kd_section *section, wannier_file *file) {
  if (!kd_section_has(section, "lattice_vectors")) {
    if (file->has_vectors) return KD_OK;
    return kd_section_error(section, "file",
                            "%s has no lattice vectors (expected the key lattice_vectors)",
                            file->reader.name);
  }
  size_t n_row, n_column;
  const double *given = kd_section_matrix(section, "lattice_vectors", &n_row, &n_column);
  if (n_row != 3 || n_column != 3)
    return kd_section_error(section, "lattice_vectors",
                            "%zu rows of %zu numbers (expected 3 rows of 3)", n_row, n_column);
  if (!file->has_vectors) {
    double dual[3][3], volume;
    memcpy(file->table->vector, given, sizeof file->table->vector);
    if (!kd_reciprocal(3, file->table->vector[0], dual, &volume))
      return kd_section_error(section, "lattice_vectors", "linearly dependent");
    return KD_OK;
  }
  // Hand-typed vectors may have fewer digits; those of the file are used.
  const double tolerance = 1e-3;
  for (size_t i = 0; i < 3; i++)
    for (size_t x = 0; x < 3; x++)
      if (!(fabs(given[3 * i + x] - file->vector[i][x]) <= tolerance))
        return kd_section_error(section, "lattice_vectors",
                                "component %zu of vector %zu is %g angstrom, in %s:%zu it is %g "
                                "(expected agreement within %g angstrom, or no such key)",
                                x, i, given[3 * i + x], file->reader.name, file->vector_line + i,
                                file->vector[i][x], tolerance);
  return KD_OK;
}

static kd_status apply_scissor(const kd_section *section, wannier_file *file) {
  kd_scissor_bands bands;
  const double scissor = kd_section_real(section, "scissor");
  if (scissor == 0) return KD_OK;
  const kd_status status = kd_lattice_scissor(&file->table, scissor, &bands);
  if (status != KD_ERROR_SCENARIO) return status;
  return kd_section_error(section, "fermi_energy",
                          "%g eV has %zu to %zu of %zu bands at or below it (expected an energy "
                          "in a gap, because scissor is not 0)",
                          kd_section_real(section, "fermi_energy"), bands.least, bands.most,
                          file->n_band);
}

static kd_status create(const kd_scenario *scenario, const kd_section *section,
                        const kd_model_setup *setup, kd_model **model) {
  (void)scenario;
  kd_status status = KD_OK;
  wannier_file file = {0};
  kd_locale locale;
  if (setup->constants.natural)
    return kd_section_error(section, NULL,
                            "the file is in eV and angstrom (expected units: eV-fs-angstrom)");
  KD_CHECK(load(section, kd_section_text(section, "file"), &file.reader));
  KD_CHECK(kd_locale_enter(&locale));
  status = parse(&file);
  kd_locale_leave(&locale);
  if (status != KD_OK) goto cleanup;
  KD_CHECK(check_hermitian(&file));
  KD_CHECK(set_vectors(section, &file));
  const size_t home = kd_lattice_cell(file.table, (long[3]){0});
  for (size_t a = 0; a < file.n_band; a++)
    file.table->energy[(home * file.n_band + a) * file.n_band + a] -=
        kd_section_real(section, "fermi_energy");
  KD_CHECK(apply_scissor(section, &file));
  status = kd_lattice_model(file.table, setup, KD_LATTICE_AUTO, model);
  file.table = NULL;
cleanup:
  kd_free(file.reader.text);
  kd_free(file.degeneracy);
  kd_free(file.cell_line);
  kd_free(file.seen);
  kd_lattice_table_free(file.table);
  return status;
}

const kd_model_kind kd_model_wannier90 = {
    .variant = {.kind = "wannier90",
                .meaning =
                    "three-dimensional lattice model from a Wannier90 file; the degeneracies "
                    "are divided out and the position matrices made Hermitian",
                .reference = "Pizzi et al., J. Phys.: Condens. Matter 32, 165902 (2020)",
                .rows = rows},
    .n_dim = 3,
    .create = create};
