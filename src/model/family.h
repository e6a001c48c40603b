/// What a model is made of: the k grid, common to all, and a family that evaluates the matrices.
///
/// There are two families, each a sum over terms with constant matrices: `lattice` (lattice.h), a
/// Fourier series over cells, and `kp` (kp.h), a polynomial in k.
#ifndef KD_MODEL_FAMILY_H
#define KD_MODEL_FAMILY_H

#include "scenario/section.h"
#include <complex.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/packing.h"
#include "keldrift/model.h"
#include "scenario/section.h"

/// What every kind of model needs to know of the scenario.
typedef struct kd_model_setup {
  kd_constants constants;
  size_t n_dim; ///< length of grid.k
  size_t n[3];  ///< grid points, 1 in unused dimensions
  double spin_degeneracy;
  double charge;          ///< |e|
  const kd_section *grid; ///< for messages
} kd_model_setup;

enum {
  KD_TILE = 256 ///< grid points that a kernel holds in the first-level cache
};

typedef struct kd_model_family {
  /// kd_model_at without its checks.
  void (*at)(const void *terms, const double k[3], const kd_model_part *part,
             double complex *matrix);
  /// kd_model_sample. With `covariant`, i [H, gradient . r_diagonal] is added, where r_diagonal are
  /// the k-independent orbital positions. Returns the number of FFTs done.
  unsigned long (*sample)(void *terms, const kd_model *model, const double shift[3],
                          const kd_model_part *part, bool covariant, double *field);
  /// kd_model_bonds; NULL where there are none.
  kd_status (*bonds)(const void *terms, kd_bond **bond, size_t *count);
  void (*free)(void *terms);
} kd_model_family;

struct kd_model {
  const kd_model_family *family;
  void *terms;
  size_t n_band;
  size_t n_dim;
  size_t n_k;
  size_t n[3];
  bool periodic;
  /// The position matrix has more than k-independent diagonal elements, so that the velocity needs
  /// the commutator on the grid and the two scratch fields.
  bool has_dipole;
  double origin[3];
  double edges[3][3];
  double duals[3][3];
  double cell_volume;
  double spin_degeneracy;
  double charge;
  double hbar;
  double position_defect;
  double *scratch_h; ///< packed H
  double *scratch_r; ///< packed r along the direction
  unsigned long n_fft;
  size_t bytes;
};

/// Makes a model without terms: grid, charge and constants from `setup`, the k domain from its
/// `origin` and `edges` [3][3], 1/angstrom, of which n_dim rows count, which must be linearly
/// independent. Freed by kd_model_free.
kd_status kd_model_new(const kd_model_setup *setup, size_t n_band, bool periodic,
                       const double origin[3], const double *edges, kd_model **model);

/// Gives `dual` with vector_i . dual_j = 2 pi delta_ij for the first `n_dim` rows of `vector`
/// [3][3], of which `n_dim` components count,
/// and the magnitude of the determinant in `*volume`.
/// @return false if the vectors are linearly dependent (or not finite) to rounding
bool kd_reciprocal(size_t n_dim, const double *vector, double dual[3][3], double *volume);

/// Grid sizes with unused dimensions in front, so that the last one is always the fastest of use:
/// {1, 1, n_0}, {1, n_0, n_1} or {n_0, n_1, n_2}.
static inline void kd_padded_sizes(const kd_model *model, size_t padded[3]) {
  for (size_t p = 0; p < 3; p++)
    padded[p] = p + model->n_dim < 3 ? 1 : model->n[p + model->n_dim - 3];
}

#endif
