/// CVODE behind one small interface: the only place that knows it.
///
/// The integrator is CVODES, the superset of CVODE, because it carries quadratures: the work done
/// by the field is integrated with the state, under its own error control, without entering the
/// norm of the state.
#ifndef KD_PROPAGATOR_INTEGRATOR_H
#define KD_PROPAGATOR_INTEGRATOR_H

#include <stdbool.h>
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

/// Highest order of the formulas.
enum { KD_HIGHEST_ORDER = 12 };

/// Where an integration stands, complete: the polynomials of y and q that the formula of `order`
/// goes on from, y(t + s step) = sum_j y_j s^j with j = 0 .. order, and the next step.
typedef struct kd_integrator_history {
  double t, step;
  int order; ///< 0: starts afresh from y_0 and q_0 with the first step `step`
  double q[KD_HIGHEST_ORDER + 1];
  double *y; ///< [order + 1][n], room for the highest order
} kd_integrator_history;

/// True if the next step is about as long as the last one, so that a history of equal steps carries
/// it.
bool kd_integrator_is_steady(kd_integrator *integrator);

/// Takes the history at the end of the last step; `history->y` has room for (highest order of the
/// method + 1) n numbers.
kd_status kd_integrator_save(kd_integrator *integrator, kd_integrator_history *history);

/// Drops everything and goes on from a history. What follows depends on the history alone, bit by
/// bit, and takes the order and the step that would have followed anyway.
///
/// CVODES has no way in for a history. It is led to it: an integration over the last steps, of
/// equal length, of dy/dt = a rate that depends on time alone, first one that makes CVODES raise
/// its order step by step, then the derivative of the polynomial, which after `order` steps is all
/// that its history holds. No rate of the scheme is evaluated.
kd_status kd_integrator_resume(kd_integrator *integrator, const kd_integrator_history *history);

size_t kd_integrator_highest_order(kd_integrator_method method);

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
