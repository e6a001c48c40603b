#include "propagator/integrator.h"

#include <cvodes/cvodes.h>
#include <math.h>
#include <nvector/nvector_serial.h>
#include <stdbool.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

#include "core/error.h"
#include "core/memory.h"

enum { ADAMS_ORDER = 12, N_ACCELERATION = 0 };

struct kd_integrator {
  kd_integrator_options options;
  SUNContext context;
  void *cvode;
  SUNNonlinearSolver solver;
  N_Vector y, q, interpolated, q_interpolated;
  double t;
  bool is_started;
  kd_status callback_status;     ///< what the last failing callback said
  kd_integrator_statistics past; ///< of the integrations before the last restart
};

static int rate_callback(realtype t, N_Vector y, N_Vector dy, void *user) {
  kd_integrator *self = user;
  const kd_status status =
      self->options.rate(self->options.context, t, N_VGetArrayPointer(y), N_VGetArrayPointer(dy));
  if (status != KD_OK) self->callback_status = status;
  return status;
}

static int quadrature_callback(realtype t, N_Vector y, N_Vector dq, void *user) {
  kd_integrator *self = user;
  const kd_status status = self->options.quadrature(self->options.context, t, N_VGetArrayPointer(y),
                                                    N_VGetArrayPointer(dq));
  if (status != KD_OK) self->callback_status = status;
  return status;
}

/// CVODES would print; errors are reported through the status instead.
static void silent(int code, const char *module, const char *function, char *message, void *user) {
  (void)code, (void)module, (void)function, (void)message, (void)user;
}

static kd_status check(kd_integrator *self, int flag, const char *call) {
  if (flag >= 0) return KD_OK;
  if (self->callback_status < 0) return self->callback_status;
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
  // Serial vectors: the threaded ones sum in an order that changes from run to run.
  self->y = N_VNew_Serial((sunindextype)options->n, self->context);
  self->q = N_VNew_Serial(1, self->context);
  if (self->y) self->interpolated = N_VCloneEmpty(self->y);
  if (self->q) self->q_interpolated = N_VClone(self->q);
  self->cvode = CVodeCreate(CV_ADAMS, self->context);
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
  if (self->solver) SUNNonlinSolFree(self->solver);
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
  if (CVodeGetLastOrder(self->cvode, &order) == CV_SUCCESS) sum.last_order = order;
  if (CVodeGetLastStep(self->cvode, &h) == CV_SUCCESS) sum.last_step = h;
  return sum;
}

kd_integrator_statistics kd_integrator_cost(const kd_integrator *self) {
  return counters(self);
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
    const kd_integrator_options *o = &self->options;
    KD_TRY(check(self, CVodeInit(self->cvode, rate_callback, t, self->y), "CVodeInit"));
    CVodeSetErrHandlerFn(self->cvode, silent, NULL);
    CVodeSetUserData(self->cvode, self);
    KD_TRY(check(self, CVodeSStolerances(self->cvode, o->rtol, o->atol), "CVodeSStolerances"));
    self->solver = SUNNonlinSol_FixedPoint(self->y, N_ACCELERATION, self->context);
    if (!self->solver) return kd_error(KD_ERROR_MEMORY, "out of memory for the corrector");
    KD_TRY(
        check(self, CVodeSetNonlinearSolver(self->cvode, self->solver), "CVodeSetNonlinearSolver"));
    KD_TRY(check(self, CVodeQuadInit(self->cvode, quadrature_callback, self->q), "CVodeQuadInit"));
    KD_TRY(check(self, CVodeSetQuadErrCon(self->cvode, SUNTRUE), "CVodeSetQuadErrCon"));
    KD_TRY(check(self, CVodeQuadSStolerances(self->cvode, o->rtol_q, o->atol_q),
                 "CVodeQuadSStolerances"));
    CVodeSetMaxOrd(self->cvode, ADAMS_ORDER);
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

size_t kd_integrator_n_vector(void) {
  return ADAMS_ORDER + 1 + 8;
}
