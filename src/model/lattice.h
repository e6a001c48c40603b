/// Models on a Bravais lattice: Fourier series over the cells R = sum_i l_i a_i,
///
///   H_ab(k) = sum_R e^{ik.R} <0 a|H|R b>
///   r_ab(k) = delta_ab tau_a + sum_R e^{ik.R} <0 a|r|R b>
///
/// with k on the Brillouin zone, k = sum_i (j_i/n_i) b_i.
#ifndef KD_MODEL_LATTICE_H
#define KD_MODEL_LATTICE_H

#include <complex.h>

#include "model/family.h"

/// The matrices of a lattice model. Cells come in pairs R, -R with Hermitian conjugate matrices.
typedef struct kd_lattice_table {
  size_t n_dim;
  size_t n_band;
  size_t n_cell;
  size_t capacity;        ///< cells for which there is room
  double vector[3][3];    ///< a_i as rows, angstrom; n_dim by n_dim
  long (*cell)[3];        ///< l_i, [n_cell][3], each cell once
  double complex *energy; ///< <0 a|H|R b>, [n_cell][n_band][n_band], eV
  double complex *dipole; ///< <0 a|r|R b>, [n_cell][3][n_band][n_band], angstrom, or NULL
  double (*orbital)[3];   ///< tau_a, [n_band][3], angstrom
  double position_defect; ///< largest |r(R)_ab - conj(r(-R)_ba)| of the input
} kd_lattice_table;

/// Makes a table without cells that has room for `capacity` of them.
kd_status kd_lattice_table_create(size_t n_dim, size_t n_band, size_t capacity, bool with_dipole,
                                  kd_lattice_table **table);
void kd_lattice_table_free(kd_lattice_table *table);

/// Index of the cell, added at the end if it is not there; the table must have room for it.
size_t kd_lattice_cell(kd_lattice_table *table, const long cell[3]);

/// Adds `energy` to <0 a|H|R b> and its conjugate to <0 b|H|-R a>; once when the two are the same
/// element. The table must have room for both cells.
void kd_lattice_hop(kd_lattice_table *table, const long cell[3], size_t a, size_t b,
                    double complex energy);

/// Matrix [n_band][n_band] of a cell: its energies, or (`dipole`) component `axis` of its dipoles.
static inline double complex *kd_lattice_matrix(const kd_lattice_table *table, bool dipole,
                                                size_t index, size_t axis) {
  const size_t n_element = table->n_band * table->n_band;
  return dipole ? table->dipole + (index * 3 + axis) * n_element
                : table->energy + index * n_element;
}

/// Largest violation of X(R)_ab = conj(X(-R)_ba), as |X(R)_ab - conj(X(-R)_ba)|.
typedef struct kd_lattice_defect {
  double size;
  long cell[3];
  size_t a, b;
  bool unpaired; ///< -R is not in the table
} kd_lattice_defect;

/// Finds the largest defect of the energies (`dipoles` false) or dipoles (true). A cell without its
/// opposite has an infinite one.
/// @return KD_ERROR_MEMORY or KD_OK
kd_status kd_lattice_hermitian_defect(const kd_lattice_table *table, bool dipoles,
                                      kd_lattice_defect *defect);

/// Replaces X(R) by (X(R) + X(-R)^dagger)/2, for energies and dipoles. Every cell must be paired.
kd_status kd_lattice_symmetrize(kd_lattice_table *table);

/// How the sum over R is done on the grid.
typedef enum kd_lattice_method {
  KD_LATTICE_AUTO,   ///< the cheaper one by operation count, element by element
  KD_LATTICE_DIRECT, ///< term by term with tabulated phases
  KD_LATTICE_FFT
} kd_lattice_method;

/// Makes a model of the table and takes ownership of it, also when it fails. The cells must be
/// paired and Hermitian conjugate (kd_lattice_symmetrize). Makes FFTW plans, so not thread-safe.
/// @return KD_ERROR_SCENARIO for linearly dependent lattice vectors, KD_ERROR_MEMORY
kd_status kd_lattice_model(kd_lattice_table *table, const kd_model_setup *setup,
                           kd_lattice_method method, kd_model **model);

#endif
