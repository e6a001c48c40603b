/// The one-body model: H(k), the intracell position r(k) and the velocity v(k) in the orbital basis
/// on a k grid.
///
/// Glossary of shapes: n_band orbitals (= bands), n_dim dimensions of k, n_k = n[0] n[1] n[2] grid
/// points (unused dimensions have n = 1), the last dimension fastest. A packed Hermitian field has
/// n_band^2 n_k doubles, component-major, k fastest; the components are the diagonal and
/// sqrt(2) Re, sqrt(2) Im of the upper triangle, so that Tr(AB) is the dot product.
#ifndef KELDRIFT_MODEL_H
#define KELDRIFT_MODEL_H

#include "keldrift/scenario.h"

#ifdef __cplusplus
#include <complex>
/// The complex type of the language; the layouts are the same.
typedef std::complex<double> kd_complex;
extern "C" {
#else
#include <complex.h>
/// The complex type of the language.
typedef double complex kd_complex;
#endif

typedef struct kd_model kd_model;

/// Builds the model and the k grid of a scenario (sections `model` and `grid`).
/// @return KD_ERROR_SCENARIO for parameters that do not fit together, KD_ERROR_FILE for an
///         unreadable Wannier90 file
KD_API kd_status kd_model_create(const kd_scenario *scenario, kd_model **model);
KD_API void kd_model_free(kd_model *model);

KD_API size_t kd_model_n_band(const kd_model *model);
KD_API size_t kd_model_n_dim(const kd_model *model);
KD_API size_t kd_model_n_k(const kd_model *model);
KD_API const size_t *kd_model_n(const kd_model *model); ///< grid points, [3]
KD_API double kd_model_spin_degeneracy(const kd_model *model);
KD_API double kd_model_charge(const kd_model *model); ///< carrier charge in |e|
/// (2 pi)^n_dim divided by the volume of the k domain: volume of the unit cell, angstrom^n_dim.
KD_API double kd_model_cell_volume(const kd_model *model);
/// True for lattice models, whose k domain is a Brillouin zone and wraps; false for k.p models,
/// whose k domain is a box [-k_max, k_max)^n_dim that does not.
KD_API bool kd_model_is_periodic(const kd_model *model);
/// Energy by which the model converts to 1/fs: hbar, eV fs.
KD_API double kd_model_hbar(const kd_model *model);

/// Edges of the k domain as rows [n_dim][3], 1/angstrom: the reciprocal lattice vectors, or
/// 2 k_max e_i. Grid point (j_0, j_1, j_2) is origin + sum_i (j_i/n_i) edge_i.
KD_API const double *kd_model_edges(const kd_model *model);
/// The dual vectors [n_dim][3], angstrom, with edge_i . dual_j = 2 pi delta_ij: the lattice
/// vectors.
KD_API const double *kd_model_duals(const kd_model *model);

/// Cartesian coordinates k[3] of grid point `index`, 1/angstrom.
KD_API void kd_model_k(const kd_model *model, size_t index, double k[3]);

/// Weights of the parts of a Hermitian field: energy * H + sum_i position_i r_i
/// + sum_i gradient_i dH/dk_i.
typedef struct kd_model_part {
  double energy;
  double position[3]; ///< 1/angstrom times the unit of the result
  double gradient[3]; ///< 1/angstrom
} kd_model_part;

/// Evaluates a combination of parts at one k, straight from the definition
/// H(k) = sum_R e^{ik.R} <0|H|R> or the polynomial of a k.p model. Slow and readable: the reference
/// for kd_model_sample.
/// @param k      any k, 1/angstrom
/// @param matrix receives [n_band][n_band], Hermitian
KD_API void kd_model_at(const kd_model *model, const double k[3], const kd_model_part *part,
                        kd_complex *matrix);

/// Evaluates a combination of parts on the whole grid displaced by `shift`: the packed field
/// A(k + shift). Multi-threaded; the model's scratch memory is used, so one call at a time.
/// @param shift 1/angstrom, of any size
/// @param field receives n_band^2 n_k doubles
KD_API void kd_model_sample(kd_model *model, const double shift[3], const kd_model_part *part,
                            double *field);

/// Evaluates the velocity v_i = (1/hbar)(dH/dk_i + i [H, r_i]) projected on `direction` (any
/// length) on the displaced grid. Source: Trukhan and Protik, sec. VI, in a basis with position
/// matrix r.
/// @param field receives n_band^2 n_k doubles, angstrom/fs
KD_API void kd_model_velocity(kd_model *model, const double shift[3], const double direction[3],
                              double *field);

/// A bond: the hopping <0 from|H|R to>, R = sum_d cell_d a_d.
typedef struct kd_bond {
  size_t from, to;
  long cell[3];
  kd_complex energy; ///< eV
} kd_bond;
/// The nonzero hoppings of a lattice model, each with its Hermitian partner once; none for a k.p
/// model.
/// @param bond  receives `*count` bonds for free()
KD_API kd_status kd_model_bonds(const kd_model *model, kd_bond **bond, size_t *count);

/// Number of FFTs done by the model so far (one per component transform).
KD_API unsigned long kd_model_n_fft(const kd_model *model);
/// Bytes that the model holds, for the estimate of `check`.
KD_API size_t kd_model_bytes(const kd_model *model);
/// n(R) of Tr f = 1 at one k, g_s/(N_k V_cell), spins included, 1/angstrom^d.
KD_API double kd_model_density_of_one(const kd_model *model);
/// Largest antihermitian element of the position matrices as they were read, angstrom; 0 when none.
KD_API double kd_model_position_defect(const kd_model *model);

#ifdef __cplusplus
}
#endif
#endif
