/// Eigenpairs of Hermitian matrix fields, and what must not depend on the choice of eigenvectors.
#ifndef KD_CORE_EIGEN_H
#define KD_CORE_EIGEN_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>

#include "keldrift/status.h"

/// Levels closer than this fraction of the bandwidth share one projector.
#define KD_DEGENERACY 1e-9

/// Diagonalizes a packed field at every k.
/// @param field   packed Hermitian field, n_band^2 n_k
/// @param energy  receives [n_k][n_band], ascending
/// @param vector  receives [n_k][n_band (orbital)][n_band (level)]; NULL: energies only
/// @return KD_ERROR_NUMERICS if LAPACK does not converge or the field is not finite
kd_status kd_eigen_field(size_t n_band, size_t n_k, const double *field, double *energy,
                         double complex *vector);

/// Marks groups of degenerate levels: first[n] is the lowest level of the group of level n.
/// @param energy     [n_band], ascending
/// @param tolerance  largest gap between neighbors of one group
void kd_eigen_groups(size_t n_band, const double *energy, double tolerance, size_t *first);

/// KD_DEGENERACY times the difference of the largest and the smallest of `count` energies.
double kd_eigen_tolerance(size_t count, const double *energy);

/// S A S^dagger (inverse: S^dagger A S) for one k: from the level basis to the orbital basis and
/// back.
/// @param s       [n_band (orbital)][n_band (level)]
/// @param scratch [n_band^2]
void kd_eigen_rotate(size_t n_band, const double complex *s, bool inverse, const double complex *a,
                     double complex *result, double complex *scratch);

/// Reduces a matrix in the eigenbasis to its populations: the diagonal, degenerate levels sharing
/// equally, and nothing else.
void kd_eigen_populations(size_t n_band, const double *energy, double tolerance,
                          double complex *matrix);

#endif
