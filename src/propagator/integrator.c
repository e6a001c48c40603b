#include "propagator/integrator.h"

#include <cvodes/cvodes.h>
#include <math.h>
#include <nvector/nvector_serial.h>
#include <stdbool.h>
#include <stdio.h>
#include <sunlinsol/sunlinsol_spgmr.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

#include "core/comm.h"
#include "core/error.h"
#include "core/memory.h"
#include "keldrift_config.h"
#if KD_MPI
#include <nvector/nvector_parallel.h>

#include "core/comm_mpi.h"
#endif

/// Krylov vectors per solve, of which one to three are used on average. Steps of 1e4 scattering
/// times need more: with 5 vectors, runs of them take up to nine times the evaluations.
enum { ADAMS_ORDER = 12, N_ACCELERATION = 0, BDF_ORDER = 5, KRYLOV = 10 };

struct kd_integrator {
  kd_integrator_options options;
  SUNContext context;
  void *cvode;
  SUNNonlinearSolver fixed_point; ///< KD_ADAMS
  SUNLinearSolver linear;         ///< KD_BDF; its Newton iteration belongs to CVODES
  N_Vector y, q, interpolated, q_interpolated;
  double t;
  bool is_started;
  kd_status callback_status;     ///< what the last failing callback said
  kd_integrator_statistics past; ///< of the integrations before the last restart
};

/// What a callback returns to CVODES. Where the unknowns are shared out all processes take the same
/// way on.
static int answer(kd_integrator *self, kd_status status) {
  status = kd_comm_agree(self->options.comm, status);
  if (status != KD_OK) self->callback_status = status;
  return status;
}

static int rate_callback(realtype t, N_Vector y, N_Vector dy, void *user) {
  kd_integrator *self = user;
  const kd_status status =
      self->options.rate(self->options.context, t, N_VGetArrayPointer(y), N_VGetArrayPointer(dy));
  return answer(self, status);
}

static int quadrature_callback(realtype t, N_Vector y, N_Vector dq, void *user) {
  kd_integrator *self = user;
  const kd_status status = self->options.quadrature(self->options.context, t, N_VGetArrayPointer(y),
                                                    N_VGetArrayPointer(dq));
  return answer(self, status);
}

static int refresh_callback(realtype t, N_Vector y, N_Vector dy, booleantype may_keep,
                            booleantype *is_current, realtype gamma, void *user) {
  kd_integrator *self = user;
  (void)t, (void)y, (void)dy, (void)may_keep, (void)gamma;
  // CVODES evaluates the rate at y before it asks for a new set-up.
  *is_current = SUNTRUE;
  return answer(self, self->options.refresh(self->options.context));
}

static int precondition_callback(realtype t, N_Vector y, N_Vector dy, N_Vector r, N_Vector z,
                                 realtype gamma, realtype tolerance, int side, void *user) {
  kd_integrator *self = user;
  (void)y, (void)dy, (void)tolerance, (void)side;
  const kd_status status = self->options.precondition(self->options.context, t, gamma,
                                                      N_VGetArrayPointer(r), N_VGetArrayPointer(z));
  return answer(self, status);
}

/// CVODES would print; errors are reported through the status instead.
static void silent(int code, const char *module, const char *function, char *message, void *user) {
  (void)code, (void)module, (void)function, (void)message, (void)user;
}

static kd_status check(kd_integrator *self, int flag, const char *call) {
  if (flag >= 0) return KD_OK;
  if (self->callback_status < 0) return self->callback_status;
  // A callback that asked for smaller steps to the end has said why.
  if (self->callback_status > 0) {
    char why[512];
    snprintf(why, sizeof why, "%s", kd_error_message());
    return kd_error(KD_ERROR_NUMERICS, "t = %.9g fs: %s", self->t, why);
  }
  const char *reason = "the integrator failed";
  switch (flag) {
  case CV_TOO_MUCH_ACC:
    reason = "the tolerances are below rounding: loosen propagation.rtol";
    break;
  case CV_ERR_FAILURE:
    reason = "the step size underflows: the error test keeps failing; loosen propagation.rtol or "
             "propagation.atol";
    break;
  case CV_CONV_FAILURE:
    reason = "the corrector does not converge at the smallest step";
    break;
  case CV_MEM_FAIL:
    return kd_error(KD_ERROR_MEMORY, "CVODES is out of memory");
  default:
    break;
  }
  return kd_error(KD_ERROR_NUMERICS, "t = %.9g fs: %s (%s, code %d)", self->t, reason, call, flag);
}

static N_Vector create_unknowns(const kd_integrator_options *options, SUNContext context) {
#if KD_MPI
  if (kd_comm_size(options->comm) > 1) {
    double all = (double)options->n;
    kd_comm_sum(options->comm, &all, 1);
    return N_VNew_Parallel(kd_comm_mpi(options->comm), (sunindextype)options->n, (sunindextype)all,
                           context);
  }
#endif
  // Serial vectors: the threaded ones sum in an order that changes from run to run.
  return N_VNew_Serial((sunindextype)options->n, context);
}

kd_status kd_integrator_create(const kd_integrator_options *options, kd_integrator **result) {
  kd_status status = KD_OK;
  kd_integrator *self = NULL;
  *result = NULL;
  KD_ALLOCATE(self, 1);
  self->options = *options;
  if (SUNContext_Create(NULL, &self->context) != 0) {
    status = kd_error(KD_ERROR_INTERNAL, "SUNDIALS gives no context");
    goto cleanup;
  }
  self->y = create_unknowns(options, self->context);
  self->q = N_VNew_Serial(1, self->context);
  if (self->y) self->interpolated = N_VCloneEmpty(self->y);
  if (self->q) self->q_interpolated = N_VClone(self->q);
  self->cvode = CVodeCreate(options->method == KD_ADAMS ? CV_ADAMS : CV_BDF, self->context);
  if (!self->y || !self->q || !self->interpolated || !self->q_interpolated || !self->cvode) {
    status = kd_error(KD_ERROR_MEMORY, "out of memory for %zu unknowns", options->n);
    goto cleanup;
  }
  N_VConst(0, self->y);
  N_VConst(0, self->q);
  *result = self;
  self = NULL;

cleanup:
  kd_integrator_free(self);
  return status;
}

void kd_integrator_free(kd_integrator *self) {
  if (!self) return;
  if (self->cvode) CVodeFree(&self->cvode);
  if (self->fixed_point) SUNNonlinSolFree(self->fixed_point);
  if (self->linear) SUNLinSolFree(self->linear);
  if (self->y) N_VDestroy(self->y);
  if (self->q) N_VDestroy(self->q);
  if (self->interpolated) N_VDestroy(self->interpolated);
  if (self->q_interpolated) N_VDestroy(self->q_interpolated);
  if (self->context) SUNContext_Free(&self->context);
  kd_free(self);
}

double *kd_integrator_unknowns(kd_integrator *self) {
  return N_VGetArrayPointer(self->y);
}
double kd_integrator_quadrature(const kd_integrator *self) {
  return N_VGetArrayPointer(self->q)[0];
}

/// Adds the counters of CVODES, which a restart sets to zero, to those of the past.
static kd_integrator_statistics counters(const kd_integrator *self) {
  kd_integrator_statistics sum = self->past;
  if (!self->is_started) return sum;
  long n;
  realtype h;
  int order;
  if (CVodeGetNumSteps(self->cvode, &n) == CV_SUCCESS) sum.steps += n;
  if (CVodeGetNumRhsEvals(self->cvode, &n) == CV_SUCCESS) sum.rate_evaluations += n;
  if (CVodeGetNumErrTestFails(self->cvode, &n) == CV_SUCCESS) sum.error_test_failures += n;
  if (CVodeGetNumNonlinSolvConvFails(self->cvode, &n) == CV_SUCCESS) sum.convergence_failures += n;
  if (self->linear) {
    // Products with J are differences of rates.
    if (CVodeGetNumLinRhsEvals(self->cvode, &n) == CV_SUCCESS) sum.rate_evaluations += n;
    if (CVodeGetNumNonlinSolvIters(self->cvode, &n) == CV_SUCCESS) sum.newton_iterations += n;
    if (CVodeGetNumLinIters(self->cvode, &n) == CV_SUCCESS) sum.linear_iterations += n;
    if (CVodeGetNumLinConvFails(self->cvode, &n) == CV_SUCCESS) sum.linear_failures += n;
    if (CVodeGetNumPrecEvals(self->cvode, &n) == CV_SUCCESS) sum.preconditioner_setups += n;
  }
  if (CVodeGetLastOrder(self->cvode, &order) == CV_SUCCESS) sum.last_order = order;
  if (CVodeGetLastStep(self->cvode, &h) == CV_SUCCESS) sum.last_step = h;
  return sum;
}

kd_integrator_statistics kd_integrator_cost(const kd_integrator *self) {
  return counters(self);
}

/// The corrector: functional iteration, or Newton's method of CVODES with GMRES.
static kd_status create_solver(kd_integrator *self) {
  if (self->options.method == KD_ADAMS) {
    self->fixed_point = SUNNonlinSol_FixedPoint(self->y, N_ACCELERATION, self->context);
    if (!self->fixed_point) return kd_error(KD_ERROR_MEMORY, "out of memory for the corrector");
    return check(self, CVodeSetNonlinearSolver(self->cvode, self->fixed_point),
                 "CVodeSetNonlinearSolver");
  }
  // From the right, so that every correction is a result of the preconditioner.
  self->linear = SUNLinSol_SPGMR(self->y, SUN_PREC_RIGHT, KRYLOV, self->context);
  if (!self->linear)
    return kd_error(KD_ERROR_MEMORY, "out of memory for %d Krylov vectors of %zu numbers", KRYLOV,
                    self->options.n);
  KD_TRY(
      check(self, CVodeSetLinearSolver(self->cvode, self->linear, NULL), "CVodeSetLinearSolver"));
  // The formulas of order 3 to 5 are unstable for modes that turn faster than they decay, such as
  // coherences, once these have died out and no longer hold down the step: it then stays near a
  // period for ever. CVODES detects it and lowers the order (rates of 0.02/fs, levels 0.9 eV apart,
  // 100 ps, rtol 1e-4: 356000 steps without detection at orders up to 3, 2844 with it up to 5).
  // Orders up to 2, stable always, take 1575 steps there, but 1.2 to 6 times as many at rtol 1e-6
  // and 2 to 14 times at 1e-8.
  KD_TRY(check(self, CVodeSetStabLimDet(self->cvode, SUNTRUE), "CVodeSetStabLimDet"));
  return check(self, CVodeSetPreconditioner(self->cvode, refresh_callback, precondition_callback),
               "CVodeSetPreconditioner");
}

static kd_status initialize(kd_integrator *self, double t) {
  const kd_integrator_options *o = &self->options;
  // Before CVodeInit, which allocates one vector per order.
  CVodeSetMaxOrd(self->cvode, o->method == KD_ADAMS ? ADAMS_ORDER : BDF_ORDER);
  KD_TRY(check(self, CVodeInit(self->cvode, rate_callback, t, self->y), "CVodeInit"));
  CVodeSetErrHandlerFn(self->cvode, silent, NULL);
  CVodeSetUserData(self->cvode, self);
  KD_TRY(check(self, CVodeSStolerances(self->cvode, o->rtol, o->atol), "CVodeSStolerances"));
  KD_TRY(create_solver(self));
  KD_TRY(check(self, CVodeQuadInit(self->cvode, quadrature_callback, self->q), "CVodeQuadInit"));
  KD_TRY(check(self, CVodeSetQuadErrCon(self->cvode, SUNTRUE), "CVodeSetQuadErrCon"));
  return check(self, CVodeQuadSStolerances(self->cvode, o->rtol_q, o->atol_q),
               "CVodeQuadSStolerances");
}

kd_status kd_integrator_restart(kd_integrator *self, double t, double q, double first_step) {
  self->t = t;
  self->callback_status = KD_OK;
  N_VConst(q, self->q);
  if (self->is_started) {
    self->past = counters(self);
    self->past.restarts++;
    KD_TRY(check(self, CVodeReInit(self->cvode, t, self->y), "CVodeReInit"));
    KD_TRY(check(self, CVodeQuadReInit(self->cvode, self->q), "CVodeQuadReInit"));
  } else {
    KD_TRY(initialize(self, t));
    self->is_started = true;
  }
  CVodeSetInitStep(self->cvode, first_step);
  return KD_OK;
}

kd_status kd_integrator_step(kd_integrator *self, double t_stop, double largest, double *t) {
  self->callback_status = KD_OK;
  // A stop time bounds the very next step, which CVodeSetMaxStep does not.
  t_stop = fmin(t_stop, self->t + largest);
  KD_TRY(check(self, CVodeSetStopTime(self->cvode, t_stop), "CVodeSetStopTime"));
  KD_TRY(check(self, CVode(self->cvode, t_stop, self->y, t, CV_ONE_STEP), "CVode"));
  // One rounding unit short of the stop time is the stop time.
  if (fabs(*t - t_stop) <= 1e-14 * fabs(t_stop)) *t = t_stop;
  self->t = *t;
  realtype reached;
  return check(self, CVodeGetQuad(self->cvode, &reached, self->q), "CVodeGetQuad");
}

kd_status kd_integrator_interpolate(kd_integrator *self, double t, double *y, double *q) {
  if (y) {
    N_VSetArrayPointer(y, self->interpolated);
    KD_TRY(check(self, CVodeGetDky(self->cvode, t, 0, self->interpolated), "CVodeGetDky"));
    N_VSetArrayPointer(NULL, self->interpolated);
  }
  KD_TRY(check(self, CVodeGetQuadDky(self->cvode, t, 0, self->q_interpolated), "CVodeGetQuadDky"));
  *q = N_VGetArrayPointer(self->q_interpolated)[0];
  return KD_OK;
}

size_t kd_integrator_n_vector(kd_integrator_method method) {
  // The unknowns, 7 of CVODES and its history; the corrector's, the linear solver's.
  return 8 + (method == KD_ADAMS ? ADAMS_ORDER + 1 + 3 : BDF_ORDER + 1 + 1 + 2 + KRYLOV + 3);
}
