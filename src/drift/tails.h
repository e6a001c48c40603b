/// How well the grids of R and k hold f(R, k): what is left in the outer tenth of the Fourier modes
/// over R (q) and over k (s), and at the ends of the box, relative to the largest of all. What does
/// not fit into one of them comes in at its other side.
#ifndef KD_DRIFT_TAILS_H
#define KD_DRIFT_TAILS_H

#include "keldrift/model.h"
#include "keldrift/space.h"

typedef struct kd_tails {
  double q, s, edge;
} kd_tails;

/// Collective.
/// @param f  [R of this process][n_band^2][n_k], packed
kd_status kd_tails_measure(const kd_model *model, const kd_space *space, const double *f,
                           kd_tails *tails);

#endif
