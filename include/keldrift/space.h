/// The R grid and the potential energy U(R, t).
///
/// R = (x, y, z) runs over the box [-L_i/2, L_i/2) along the first n_dim Cartesian axes, n_dim <=
/// the dimension of k, and is periodic. A homogeneous system has no R grid: n_dim = 0, one point.
#ifndef KELDRIFT_SPACE_H
#define KELDRIFT_SPACE_H

#include <stdbool.h>

#include "keldrift/comm.h"
#include "keldrift/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kd_space kd_space;

/// Builds the R grid and the potential of a scenario (sections `grid.r` and `potential`).
/// @return KD_ERROR_SCENARIO for sizes or potentials that do not fit, KD_ERROR_FILE for an
/// unreadable table
KD_API kd_status kd_space_create(const kd_scenario *scenario, const kd_model *model,
                                 kd_space **space);
KD_API void kd_space_free(kd_space *space);
/// Shares the points of an R grid out among processes, before anything is built on it; without a
/// grid every process keeps its one point. `comm` must outlive the space.
/// @return KD_ERROR_SCENARIO for more processes than points
KD_API kd_status kd_space_share(kd_space *space, const kd_comm *comm);

KD_API size_t kd_space_n_dim(const kd_space *space);
KD_API const size_t *kd_space_n(const kd_space *space); ///< points, [3], 1 in unused dimensions
KD_API size_t kd_space_n_r(const kd_space *space);      ///< product of them
/// The points of R whose f this process holds: `count` of them from `first` on. A process alone
/// holds all. State arrays have their first axis over these points.
KD_API void kd_space_slab(const kd_space *space, size_t *first, size_t *count);
/// The processes that hold the other points, for sums over R; NULL where there are none: one
/// process, or no R grid.
KD_API const kd_comm *kd_space_comm(const kd_space *space);
KD_API const double *kd_space_length(const kd_space *space); ///< [3], angstrom
/// Volume element dx dy dz of the grid, angstrom^n_dim; 1 without a grid.
KD_API double kd_space_element(const kd_space *space);
/// Coordinates of grid point `index` (the last dimension fastest), angstrom; 0 in unused
/// dimensions.
KD_API void kd_space_r(const kd_space *space, size_t index, double r[3]);

/// True if U vanishes everywhere at all times.
KD_API bool kd_space_is_free(const kd_space *space);
/// True if U depends on time.
KD_API bool kd_space_is_driven(const kd_space *space);
/// @return KD_ERROR_NUMERICS, with the key, if the factor of a term is not finite at time t
KD_API kd_status kd_space_check_time(const kd_space *space, double t);
/// U at every grid point, eV.
/// @param u  receives n_r numbers
KD_API void kd_space_potential(const kd_space *space, double t, double *u);
/// U(R + s/2) - U(R - s/2) at the points of this process, eV; s in angstrom. Analytic potentials
/// are taken where these points are, in the box or not; tabulated, periodic and disordered ones are
/// continued periodically.
/// @param u  receives as many numbers as kd_space_slab counts
KD_API kd_status kd_space_difference(kd_space *space, const double s[3], double t, double *u);
/// dU/dR_axis at the points of this process, eV/angstrom.
/// @param u  receives as many numbers as kd_space_slab counts
KD_API kd_status kd_space_gradient(kd_space *space, size_t axis, double t, double *u);

/// U(R, t) = sum over parts of factor(t) U_part(R): the terms that stand still are one part, every
/// other term is one of its own, so that what is derived from U_part need not be computed anew at
/// every t.
KD_API size_t kd_space_n_part(const kd_space *space);
KD_API double kd_space_part_factor(const kd_space *space, size_t part, double t);
/// Another number than before once U_part has changed.
KD_API unsigned long kd_space_part_version(const kd_space *space, size_t part);
/// The same as kd_space_difference and kd_space_gradient, of U_part.
KD_API kd_status kd_space_part_difference(kd_space *space, size_t part, const double s[3],
                                          double *u);
KD_API kd_status kd_space_part_gradient(kd_space *space, size_t part, size_t axis, double *u);

/// True if U has a term that follows from the density of the carriers: `kind: hartree`.
KD_API bool kd_space_is_self_consistent(const kd_space *space);
/// Sets that term: U_q = e^2 charge^2/(epsilon_0 permittivity cross_section) (n_q -
/// background_q)/q^2, 0 at q = 0. Does nothing without it.
/// @param density  n(R), spins included, at all n_r points, per volume of the dimensions of k
KD_API void kd_space_set_density(kd_space *space, const double *density);
/// The term as it was set last, eV, [n_r], and the density that neutralizes; NULL without it.
KD_API const double *kd_space_hartree(const kd_space *space);
KD_API const double *kd_space_background(const kd_space *space);

#ifdef __cplusplus
}
#endif
#endif
