/// How sharp the Fermi edges of a state are on the grid of k.
#ifndef KD_STATE_EDGE_H
#define KD_STATE_EDGE_H

#include "keldrift/state.h"

typedef struct kd_edge {
  /// Largest change of the occupation of a level between neighbors along each axis of k, and of the
  /// energy over the bonds on which that is beyond what the grid resolves, eV; 0: there are none.
  double jump[3], energy;
} kd_edge;

/// Measures a state on the undisplaced grid.
///
/// Between neighbors that are D apart in energy a Fermi function changes by tanh(D/4kT) at most, in
/// the middle of its edge. Interpolated in k by Fourier modes it rings about both sides (Gibbs): by
/// 14 % at kT = 0, 5 % at D/4, 0.9 % at 0.4 D, 0.3 % at D/2, 1e-5 at D.
///
/// Over the points of R of this process; kd_edge_join takes those of all.
kd_status kd_edge_measure(kd_model *model, const kd_state *state, kd_edge *edge);
/// Collective over `comm`.
void kd_edge_join(const kd_comm *comm, kd_edge *edge);

/// True if some edge is sharper than the grid resolves: it rings by 1 % or more.
bool kd_edge_is_sharp(const kd_edge *edge);
/// About how much of the jump it rings by.
double kd_edge_ringing(const kd_edge *edge);
/// Temperature, as an energy, at which the sharpest edge rings by 0.3 %.
double kd_edge_smooth_kt(const kd_edge *edge);
/// How many times more points along axis `a` do the same; infinite at kT = 0.
double kd_edge_refinement(const kd_edge *edge, size_t a);

#endif
