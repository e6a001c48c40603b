/// The table of a lattice model: building it up and checking that it is Hermitian.
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "model/lattice.h"

kd_status kd_lattice_table_create(size_t n_dim, size_t n_band, size_t capacity, bool with_dipole,
                                  kd_lattice_table **result) {
  kd_status status = KD_OK;
  kd_lattice_table *table = NULL;
  KD_ALLOCATE(table, 1);
  table->n_dim = n_dim;
  table->n_band = n_band;
  table->capacity = capacity;
  // The products of band numbers below KD_MAX_BAND cannot overflow.
  KD_ALLOCATE(table->cell, capacity);
  table->energy = kd_allocate(capacity, n_band * n_band * sizeof *table->energy);
  if (!table->energy) {
    status = KD_ERROR_MEMORY;
    goto cleanup;
  }
  if (with_dipole) {
    table->dipole = kd_allocate(capacity, 3 * n_band * n_band * sizeof *table->dipole);
    if (!table->dipole) {
      status = KD_ERROR_MEMORY;
      goto cleanup;
    }
  }
  KD_ALLOCATE(table->orbital, n_band);
  *result = table;
  return KD_OK;
cleanup:
  kd_lattice_table_free(table);
  return status;
}

void kd_lattice_table_free(kd_lattice_table *table) {
  if (!table) return;
  kd_free(table->cell);
  kd_free(table->energy);
  kd_free(table->dipole);
  kd_free(table->orbital);
  kd_free(table);
}

size_t kd_lattice_cell(kd_lattice_table *table, const long cell[3]) {
  size_t i = 0;
  while (i < table->n_cell && memcmp(table->cell[i], cell, sizeof table->cell[i]) != 0) i++;
  if (i == table->n_cell) {
    memcpy(table->cell[i], cell, sizeof table->cell[i]);
    table->n_cell++;
  }
  return i;
}

void kd_lattice_hop(kd_lattice_table *table, const long cell[3], size_t a, size_t b,
                    double complex energy) {
  const size_t n = table->n_band;
  const long back[3] = {-cell[0], -cell[1], -cell[2]};
  const size_t forth_index = kd_lattice_cell(table, cell);
  const size_t back_index = kd_lattice_cell(table, back);
  table->energy[(forth_index * n + a) * n + b] += energy;
  if (forth_index != back_index || a != b)
    table->energy[(back_index * n + b) * n + a] += conj(energy);
}

/// A cell with its place in the table, for searches.
typedef struct cell_key {
  long cell[3];
  size_t index;
} cell_key;

static int compare_cells(const void *left, const void *right) {
  const cell_key *x = left, *y = right;
  for (size_t i = 0; i < 3; i++)
    if (x->cell[i] != y->cell[i]) return x->cell[i] < y->cell[i] ? -1 : 1;
  return 0;
}

/// partner[i] receives the index of the cell -R_i, SIZE_MAX if it is not there.
static kd_status find_partners(const kd_lattice_table *table, size_t *partner) {
  kd_status status = KD_OK;
  cell_key *keys = NULL;
  KD_ALLOCATE(keys, table->n_cell);
  for (size_t i = 0; i < table->n_cell; i++) {
    memcpy(keys[i].cell, table->cell[i], sizeof keys[i].cell);
    keys[i].index = i;
  }
  qsort(keys, table->n_cell, sizeof *keys, compare_cells);
  for (size_t i = 0; i < table->n_cell; i++) {
    cell_key back;
    for (size_t x = 0; x < 3; x++) back.cell[x] = -table->cell[i][x];
    const cell_key *found = bsearch(&back, keys, table->n_cell, sizeof *keys, compare_cells);
    partner[i] = found ? found->index : SIZE_MAX;
  }
cleanup:
  kd_free(keys);
  return status;
}

kd_status kd_lattice_hermitian_defect(const kd_lattice_table *table, bool dipoles,
                                      kd_lattice_defect *defect) {
  kd_status status = KD_OK;
  const size_t n = table->n_band;
  size_t *partner = NULL;
  *defect = (kd_lattice_defect){0};
  if (dipoles && !table->dipole) return KD_OK;
  KD_ALLOCATE(partner, table->n_cell);
  KD_CHECK(find_partners(table, partner));
  for (size_t i = 0; i < table->n_cell; i++) {
    if (partner[i] == SIZE_MAX) {
      *defect = (kd_lattice_defect){.size = INFINITY, .unpaired = true};
      memcpy(defect->cell, table->cell[i], sizeof defect->cell);
      break;
    }
    for (size_t x = 0; x < (dipoles ? 3 : 1); x++) {
      const double complex *there = kd_lattice_matrix(table, dipoles, i, x);
      const double complex *back = kd_lattice_matrix(table, dipoles, partner[i], x);
      for (size_t a = 0; a < n; a++) {
        for (size_t b = 0; b < n; b++) {
          const double size = cabs(there[a * n + b] - conj(back[b * n + a]));
          if (!(size > defect->size)) continue;
          *defect = (kd_lattice_defect){.size = size, .a = a, .b = b};
          memcpy(defect->cell, table->cell[i], sizeof defect->cell);
        }
      }
    }
  }
cleanup:
  kd_free(partner);
  return status;
}

static void symmetrize_pair(size_t n, double complex *there, double complex *back) {
  for (size_t a = 0; a < n; a++) {
    for (size_t b = 0; b < n; b++) {
      const double complex mean = 0.5 * (there[a * n + b] + conj(back[b * n + a]));
      there[a * n + b] = mean;
      back[b * n + a] = conj(mean);
    }
  }
}

kd_status kd_lattice_symmetrize(kd_lattice_table *table) {
  kd_status status = KD_OK;
  size_t *partner = NULL;
  KD_ALLOCATE(partner, table->n_cell);
  KD_CHECK(find_partners(table, partner));
  for (size_t i = 0; i < table->n_cell; i++) {
    const size_t j = partner[i];
    if (j < i) continue;
    if (j == SIZE_MAX) {
      status = kd_error(KD_ERROR_INTERNAL, "cell (%ld, %ld, %ld) has no partner", table->cell[i][0],
                        table->cell[i][1], table->cell[i][2]);
      goto cleanup;
    }
    symmetrize_pair(table->n_band, kd_lattice_matrix(table, false, i, 0),
                    kd_lattice_matrix(table, false, j, 0));
    for (size_t x = 0; table->dipole && x < 3; x++)
      symmetrize_pair(table->n_band, kd_lattice_matrix(table, true, i, x),
                      kd_lattice_matrix(table, true, j, x));
  }
cleanup:
  kd_free(partner);
  return status;
}
