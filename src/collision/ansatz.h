/// The Ansatz: how the spectral functions G^≷ are made from f, and what is kept of the collision
/// term.
#ifndef KD_COLLISION_ANSATZ_H
#define KD_COLLISION_ANSATZ_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct kd_ansatz {
  const char *name; ///< the row of kd_ansatz_choices that describes it
  /// Number of pieces of the spectral function.
  size_t (*n_piece)(size_t n_band);
  /// Energy of piece p from the levels of one k.
  double (*energy)(size_t n_band, const double *level, size_t p);
  /// Occupied part of piece p for a matrix f in the eigenbasis: G^<_p, [n_band][n_band].
  void (*occupied)(size_t n_band, size_t p, const double complex *f, double complex *g);
  /// Spectral weight of piece p in the eigenbasis: what G^> is for f = 0.
  void (*weight)(size_t n_band, size_t p, double complex *g);
  bool is_adjoint_outside; ///< pieces are not Hermitian, and F_p = (G_p)^dagger rather than G_p
  bool has_principal;      ///< kappa = 1 always
  bool is_diagonal;        ///< f and the result are reduced to the band populations
} kd_ansatz;

/// Ends with NULL.
extern const kd_ansatz *const kd_ansatze[];

#endif
