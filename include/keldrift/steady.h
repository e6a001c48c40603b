/// The stationary linear response to a constant field.
#ifndef KELDRIFT_STEADY_H
#define KELDRIFT_STEADY_H

#include "keldrift/run.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { KD_MAX_DIRECTIONS = 3 };

/// Conductivities [i][j] = J_i/E_j in e angstrom/fs per V/angstrom and cell, as /traces/current.
typedef struct kd_steady_report {
  size_t n_dim, n_user;
  double conductivity[9], population[9], coherence[9]; ///< row-major [n_dim][n_dim]
  double si_factor;
  const char *si_unit;
  double residual[3]; ///< |A x - b|/|b| of each direction
  long iterations[3];
  unsigned long collision_evaluations, ffts;
  double seconds;
  kd_warnings warnings;
} kd_steady_report;

typedef struct kd_steady_options {
  const char *output;  ///< result file; NULL: nothing is written
  const char *command; ///< recorded in the result
  /// Asked after every stage of the set-up and at every iteration; KD_STOP ends it with KD_STOPPED,
  /// as there is nothing to go on from. NULL: nobody asks for anything.
  kd_request (*request)(void *context);
  void *context;
} kd_steady_options;

/// Solves, for each direction of E,
///
///   -(i/hbar) [H, df] + C_lin[df] = (1/hbar) F.grad_k f_eq - (i/hbar) [F.r, f_eq],   F = charge E,
///
/// with the collision operator linearised about the equilibrium of `initial`, by preconditioned
/// GMRES, and the current of df (Trukhan and Protik, secs. V and VI, eqs. 56 and 58). Independent
/// of the integration in time.
/// @return KD_ERROR_SCENARIO without collisions or without a thermal initial state;
/// KD_ERROR_NUMERICS if
///         the iteration does not converge
KD_API kd_status kd_steady(const kd_scenario *scenario, const kd_steady_options *options,
                           kd_steady_report *report);

#ifdef __cplusplus
}
#endif
#endif
