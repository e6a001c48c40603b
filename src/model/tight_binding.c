/// A lattice model written out in the scenario.
#include <math.h>
#include <stdio.h>

#include "core/error.h"
#include "model/kinds.h"
#include "model/lattice.h"

/// Cells farther away than this are taken for mistakes; their indices must also be safe to negate.
enum { MAX_CELL = 1000000 };

static const kd_param hopping_rows[] = {{.key = "R",
                                         .type = KD_INTEGERS,
                                         KD_ANY_RANGE,
                                         .meaning = "the cell, in lattice vectors",
                                         .reference = ""},
                                        {.key = "re",
                                         .type = KD_MATRIX,
                                         .unit = "eV",
                                         KD_ANY_RANGE,
                                         .meaning = "real parts of <0 a|H|R b>, one row per a",
                                         .reference = ""},
                                        {.key = "im",
                                         .type = KD_MATRIX,
                                         .unit = "eV",
                                         .fallback = KD_UNSET,
                                         KD_ANY_RANGE,
                                         .meaning = "imaginary parts, 0 when left out",
                                         .reference = ""},
                                        {.key = NULL}};

static const kd_param dipole_rows[] = {
    {.key = "R",
     .type = KD_INTEGERS,
     KD_ANY_RANGE,
     .meaning = "the cell, in lattice vectors",
     .reference = ""},
    {.key = "axis",
     .type = KD_INTEGER,
     .min = 0,
     .max = 2,
     .meaning = "Cartesian component of r: 0 for x, 1 for y, 2 for z",
     .reference = ""},
    {.key = "re",
     .type = KD_MATRIX,
     .unit = "angstrom",
     KD_ANY_RANGE,
     .meaning = "real parts of <0 a|r|R b>, one row per a",
     .reference = ""},
    {.key = "im",
     .type = KD_MATRIX,
     .unit = "angstrom",
     .fallback = KD_UNSET,
     KD_ANY_RANGE,
     .meaning = "imaginary parts, 0 when left out",
     .reference = ""},
    {.key = NULL}};

static const kd_param rows[] = {
    {.key = "lattice_vectors",
     .type = KD_MATRIX,
     .unit = "angstrom",
     .min = -1e9,
     .max = 1e9,
     .meaning = "one row per lattice vector, with as many components as there are vectors",
     .reference = ""},
    {.key = "positions",
     .type = KD_MATRIX,
     .unit = "angstrom",
     .fallback = KD_UNSET,
     KD_ANY_RANGE,
     .meaning = "positions of the orbitals in the cell, one row per orbital; 0 when left out",
     .reference = ""},
    {.key = "hoppings",
     .type = KD_SECTIONS,
     .rows = hopping_rows,
     .meaning = "matrix elements of H, every cell with its opposite",
     .reference = ""},
    {.key = "dipoles",
     .type = KD_SECTIONS,
     .rows = dipole_rows,
     .fallback = "[]",
     .meaning = "matrix elements of the position beyond `positions`, every cell with its opposite",
     .reference = "Trukhan and Protik, sec. VI"},
    KD_MODEL_COMMON_ROWS,
    {.key = NULL}};

static kd_status read_cell(const kd_section *item, size_t n_dim, long cell[3]) {
  size_t count;
  const long *given = kd_section_integers(item, "R", &count);
  if (count != n_dim)
    return kd_section_error(item, "R", "%zu numbers (expected %zu, one per lattice vector)", count,
                            n_dim);
  for (size_t i = 0; i < 3; i++) {
    cell[i] = i < n_dim ? given[i] : 0;
    if (cell[i] < -MAX_CELL || cell[i] > MAX_CELL)
      return kd_section_error(item, "R", "%ld is too far away (expected at most %d)", cell[i],
                              MAX_CELL);
  }
  return KD_OK;
}

/// Adds `factor` times the matrix `key` of `item` to `matrix`.
static kd_status add_matrix(const kd_section *item, const char *key, double complex factor,
                            size_t n_band, double complex *matrix) {
  size_t n_row, n_column;
  const double *given = kd_section_matrix(item, key, &n_row, &n_column);
  if (n_row != n_band || n_column != n_band)
    return kd_section_error(item, key, "a matrix of %zu x %zu numbers (expected %zu x %zu)", n_row,
                            n_column, n_band, n_band);
  for (size_t ab = 0; ab < n_band * n_band; ab++) matrix[ab] += factor * given[ab];
  return KD_OK;
}

static kd_status read_hoppings(const kd_section *section, kd_lattice_table *table) {
  const size_t n = table->n_band, n_hopping = kd_section_count(section, "hoppings");
  for (size_t i = 0; i < n_hopping; i++) {
    const kd_section *item = kd_section_item(section, "hoppings", i);
    long cell[3];
    KD_TRY(read_cell(item, table->n_dim, cell));
    const size_t known = table->n_cell, index = kd_lattice_cell(table, cell);
    if (index < known)
      return kd_section_error(item, "R", "the cell is that of hoppings.%zu (expected each R once)",
                              index);
    KD_TRY(add_matrix(item, "re", 1, n, table->energy + index * n * n));
    if (kd_section_has(item, "im"))
      KD_TRY(add_matrix(item, "im", I, n, table->energy + index * n * n));
  }
  return KD_OK;
}

static kd_status read_dipoles(const kd_section *section, kd_lattice_table *table) {
  const size_t n = table->n_band, n_dipole = kd_section_count(section, "dipoles");
  for (size_t i = 0; i < n_dipole; i++) {
    const kd_section *item = kd_section_item(section, "dipoles", i);
    const size_t axis = (size_t)kd_section_integer(item, "axis");
    long cell[3];
    KD_TRY(read_cell(item, table->n_dim, cell));
    if (axis >= table->n_dim)
      return kd_section_error(item, "axis", "%zu (expected less than %zu, the dimensions)", axis,
                              table->n_dim);
    for (size_t j = 0; j < i; j++) {
      const kd_section *other = kd_section_item(section, "dipoles", j);
      long other_cell[3];
      KD_TRY(read_cell(other, table->n_dim, other_cell));
      if (kd_section_integer(other, "axis") == (long)axis && other_cell[0] == cell[0] &&
          other_cell[1] == cell[1] && other_cell[2] == cell[2])
        return kd_section_error(item, "R",
                                "cell and axis are those of dipoles.%zu (expected each once)", j);
    }
    double complex *matrix = table->dipole + (kd_lattice_cell(table, cell) * 3 + axis) * n * n;
    KD_TRY(add_matrix(item, "re", 1, n, matrix));
    if (kd_section_has(item, "im")) KD_TRY(add_matrix(item, "im", I, n, matrix));
  }
  return KD_OK;
}

static double largest(const double complex *values, size_t count) {
  double most = 0;
  for (size_t i = 0; i < count; i++) most = fmax(most, cabs(values[i]));
  return most;
}

/// Fails unless X(R)_ab = conj(X(-R)_ba) to the rounding of numbers written with ten digits.
static kd_status check_hermitian(const kd_section *section, const kd_lattice_table *table,
                                 bool dipoles) {
  const char *key = dipoles ? "dipoles" : "hoppings";
  const size_t n_element = table->n_cell * table->n_band * table->n_band;
  kd_lattice_defect defect;
  KD_TRY(kd_lattice_hermitian_defect(table, dipoles, &defect));
  const double scale =
      dipoles ? largest(table->dipole, 3 * n_element) : largest(table->energy, n_element);
  if (defect.size <= 1e-9 * scale) return KD_OK;
  const long *l = defect.cell;
  char cell[80];
  int length = 0;
  for (size_t i = 0; i < table->n_dim; i++)
    length += snprintf(cell + length, sizeof cell - (size_t)length, "%s%ld", i ? ", " : "", l[i]);
  if (defect.unpaired)
    return kd_section_error(section, key,
                            "R = [%s] is given but -R is not (expected both, with Hermitian "
                            "conjugate matrices)",
                            cell);
  return kd_section_error(section, key,
                          "not Hermitian: element [%zu, %zu] at R = [%s] differs by %g from the "
                          "conjugate of element [%zu, %zu] at -R",
                          defect.a, defect.b, cell, defect.size, defect.b, defect.a);
}

static kd_status read_positions(const kd_section *section, kd_lattice_table *table) {
  if (!kd_section_has(section, "positions")) return KD_OK;
  size_t n_row, n_column;
  const double *position = kd_section_matrix(section, "positions", &n_row, &n_column);
  if (n_row != table->n_band || n_column != table->n_dim)
    return kd_section_error(section, "positions",
                            "%zu rows of %zu numbers (expected %zu rows of %zu: orbitals, "
                            "dimensions)",
                            n_row, n_column, table->n_band, table->n_dim);
  for (size_t a = 0; a < n_row; a++)
    for (size_t x = 0; x < n_column; x++) table->orbital[a][x] = position[a * n_column + x];
  return KD_OK;
}

static kd_status create(const kd_scenario *scenario, const kd_section *section,
                        const kd_model_setup *setup, kd_model **model) {
  kd_status status = KD_OK;
  size_t n_dim, n_column, n_band, dipole_bands;
  const double *vector = kd_section_matrix(section, "lattice_vectors", &n_dim, &n_column);
  if (n_dim < 1 || n_dim > 3 || n_column != n_dim)
    return kd_section_error(section, "lattice_vectors",
                            "%zu rows of %zu numbers (expected 1, 2 or 3 rows of as many numbers)",
                            n_dim, n_column);
  KD_TRY(kd_model_check_dimension(scenario, "tight_binding", n_dim, setup->n_dim));
  const size_t n_hopping = kd_section_count(section, "hoppings");
  const size_t n_dipole = kd_section_count(section, "dipoles");
  if (n_hopping == 0)
    return kd_section_error(section, "hoppings", "an empty list (expected at least one cell)");
  (void)kd_section_matrix(kd_section_item(section, "hoppings", 0), "re", &n_band, &dipole_bands);
  if (n_band < 1 || n_band > KD_MAX_BAND)
    return kd_section_error(kd_section_item(section, "hoppings", 0), "re",
                            "%zu rows (expected 1 to %d, one per orbital)", n_band, KD_MAX_BAND);

  kd_lattice_table *table;
  KD_TRY(kd_lattice_table_create(n_dim, n_band, n_hopping + n_dipole, n_dipole > 0, &table));
  double dual[3][3], volume;
  for (size_t i = 0; i < n_dim; i++)
    for (size_t x = 0; x < n_dim; x++) table->vector[i][x] = vector[i * n_dim + x];
  if (!kd_reciprocal(n_dim, table->vector[0], dual, &volume)) {
    status = kd_section_error(section, "lattice_vectors", "linearly dependent");
    goto cleanup;
  }
  KD_CHECK(read_positions(section, table));
  KD_CHECK(read_hoppings(section, table));
  KD_CHECK(check_hermitian(section, table, false));
  if (n_dipole > 0) {
    KD_CHECK(read_dipoles(section, table));
    KD_CHECK(check_hermitian(section, table, true));
  }
  KD_CHECK(kd_lattice_symmetrize(table));
  return kd_lattice_model(table, setup, KD_LATTICE_AUTO, model);
cleanup:
  kd_lattice_table_free(table);
  return status;
}

const kd_model_kind kd_model_tight_binding = {
    .variant = {.kind = "tight_binding",
                .meaning = "any lattice model, given as a list of matrices <0|H|R>",
                .reference = "Slater and Koster, Phys. Rev. 94, 1498 (1954)",
                .rows = rows},
    .create = create};
