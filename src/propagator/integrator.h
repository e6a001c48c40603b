/// CVODE behind one small interface: the only place that knows it.
///
/// The integrator is CVODES, the superset of CVODE, because it carries quadratures: the work done
/// by the field is integrated with the state, under its own error control, without entering the
/// norm of the state.
#ifndef KD_PROPAGATOR_INTEGRATOR_H
#define KD_PROPAGATOR_INTEGRATOR_H

#include <stddef.h>

#include "keldrift/comm.h"

typedef struct kd_integrator kd_integrator;

/// Adams formulas with functional iteration, explicit in effect; or backward differences, implicit,
/// with Newton's method and preconditioned GMRES, for rates much faster than what is followed.
typedef enum kd_integrator_method { KD_ADAMS, KD_BDF } kd_integrator_method;

/// dy/dt, and dq/dt of the scalar quadrature; a positive status asks for a smaller step.
typedef kd_status kd_rate_function(void *context, double t, const double *y, double *dy);
typedef kd_status kd_quadrature_function(void *context, double t, const double *y, double *dq);
/// For KD_BDF, z := an approximation of (1 - gamma J)^-1 r, J the derivative of the rate at the
/// time at which the rate was evaluated last. `refresh` precedes it: what it takes from the state
/// is that of the last evaluation of the rate.
typedef kd_status kd_precondition_function(void *context, double t, double gamma, const double *r,
                                           double *z);
typedef kd_status kd_refresh_function(void *context);

typedef struct kd_integrator_options {
  kd_integrator_method method;
  /// Processes among which the unknowns are shared out, each with its own part and its own rate.
  /// All functions are then collective but for unknowns, quadrature and cost. q is the same in
  /// each. NULL: one process, or all have all unknowns.
  const kd_comm *comm;
  size_t n;              ///< number of unknowns, of this process
  double rtol, atol;     ///< of y
  double rtol_q, atol_q; ///< of q
  kd_rate_function *rate;
  kd_quadrature_function *quadrature;
  kd_precondition_function *precondition; ///< KD_BDF only, as is
  kd_refresh_function *refresh;
  void *context; ///< handed to all of them
} kd_integrator_options;

kd_status kd_integrator_create(const kd_integrator_options *options, kd_integrator **integrator);
void kd_integrator_free(kd_integrator *integrator);

/// The current unknowns, for reading after a step and for writing before a restart.
double *kd_integrator_unknowns(kd_integrator *integrator);
double kd_integrator_quadrature(const kd_integrator *integrator);

/// Starts afresh from the unknowns as they are, dropping the history.
/// @param first_step  size of the first step to try
kd_status kd_integrator_restart(kd_integrator *integrator, double t, double q, double first_step);

/// Takes one internal step, not beyond `t_stop` and not longer than `largest`.
/// @param t  receives the time reached
kd_status kd_integrator_step(kd_integrator *integrator, double t_stop, double largest, double *t);

/// Interpolates y (NULL: not wanted) and q inside the last step.
kd_status kd_integrator_interpolate(kd_integrator *integrator, double t, double *y, double *q);

typedef struct kd_integrator_statistics {
  long steps, rate_evaluations, error_test_failures, convergence_failures, restarts;
  long newton_iterations, linear_iterations, linear_failures; ///< 0 for KD_ADAMS
  long preconditioner_setups;
  int last_order;
  double last_step;
} kd_integrator_statistics;
kd_integrator_statistics kd_integrator_cost(const kd_integrator *integrator);

/// Vectors of length n that CVODES and its solvers hold.
size_t kd_integrator_n_vector(kd_integrator_method method);

#endif
