/// CVODE behind one small interface: the only place that knows it.
///
/// The integrator is CVODES, the superset of CVODE, because it carries quadratures: the work done
/// by the field is integrated with the state, under its own error control, without entering the
/// norm of the state.
#ifndef KD_PROPAGATOR_INTEGRATOR_H
#define KD_PROPAGATOR_INTEGRATOR_H

#include <stddef.h>

#include "keldrift/status.h"

typedef struct kd_integrator kd_integrator;

/// dy/dt, and dq/dt of the scalar quadrature; a positive status asks for a smaller step.
typedef kd_status kd_rate_function(void *context, double t, const double *y, double *dy);
typedef kd_status kd_quadrature_function(void *context, double t, const double *y, double *dq);

typedef struct kd_integrator_options {
  size_t n;              ///< number of unknowns
  double rtol, atol;     ///< of y
  double rtol_q, atol_q; ///< of q
  kd_rate_function *rate;
  kd_quadrature_function *quadrature;
  void *context; ///< handed to both
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
  int last_order;
  double last_step;
} kd_integrator_statistics;
kd_integrator_statistics kd_integrator_cost(const kd_integrator *integrator);

/// Vectors of length n that CVODE holds in this configuration.
size_t kd_integrator_n_vector(void);

#endif
