#include "propagator/integrator.h"

#include <cvodes/cvodes.h>
#include <math.h>
#include <nvector/nvector_serial.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
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
enum { ADAMS_ORDER = KD_HIGHEST_ORDER, N_ACCELERATION = 0, BDF_ORDER = 5, KRYLOV = 10 };

/// Growth x of the rate per step while the order is raised, and the weighted error of a step then,
/// E. CVODES raises the order q if 10 E x is worth a step that is longer than the one for 6 E, and
/// 1.5 times the present one: (10 E x)^(-1/(q+2)) > (6 E)^(-1/(q+1)), 1.5. Both hold for q = 1 to
/// 11, while x^12 stays above rounding.
static const double RAMP_GROWTH = 0.12, RAMP_ERROR = 4e-3;
/// What the ramp moves of the largest y, at most; it is taken back, but for rounding.
static const double RAMP_SIZE = 0.1;
/// A history of equal steps goes on as it would have if the next step differs by less.
static const double LARGEST_CHANGE = 1.6;
/// Growth of the steps of the playback; the last one is cut to fit.
static const double STRETCH = 1e-10;
/// First step, as a part of the last one, where a history cannot be led to.
static const double FIRST_OF_STEP = 1e-3;
/// Weight of errors that are none.
static const double NO_WEIGHT = 1e-30;

/// What stands in for the scheme while a history is being led to.
typedef struct kd_playback {
  const kd_integrator_history *history; ///< NULL: the scheme itself is integrated
  double t;                             ///< reached
  double size;                          ///< what the ramp moves
} kd_playback;

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
  kd_playback playback;
};

/// What a callback returns to CVODES. Where the unknowns are shared out all processes take the same
/// way on.
static int answer(kd_integrator *self, kd_status status) {
  status = kd_comm_agree(self->options.comm, status);
  if (status != KD_OK) self->callback_status = status;
  return status;
}

/// Steps at the highest order that make a history, one more than it takes: the decision about the
/// order that follows the last one then does not look further back.
static int n_hold(const kd_integrator_history *history) {
  return history->order + 1;
}

/// Steps of the ramp: CVODES stays at order j for j + 1 steps.
static int n_ramp(const kd_integrator_history *history) {
  return history->order * (history->order + 1) / 2 - 1;
}

/// Steps from t to the end of the history, negative before it.
static double steps_to_end(const kd_integrator_history *history, double t) {
  return (t - history->t) / history->step;
}

static bool is_on_ramp(const kd_integrator_history *history, double t) {
  return steps_to_end(history, t) < 0.5 - n_hold(history);
}

/// The rate of the ramp; times the step it is RAMP_GROWTH times the size at most.
static double ramp(const kd_playback *playback, double t) {
  const double s = steps_to_end(playback->history, t) + n_hold(playback->history);
  return playback->size * RAMP_GROWTH * exp(RAMP_GROWTH * s) / playback->history->step;
}

/// dy/dt = (1/step) sum_j j y_j s^(j - 1)
static void playback_rate(const kd_integrator *self, double t, double *dy) {
  const kd_integrator_history *past = self->playback.history;
  const size_t n = self->options.n;
  if (is_on_ramp(past, t)) {
    const double rate = ramp(&self->playback, t);
    for (size_t i = 0; i < n; i++) dy[i] = rate;
    return;
  }
  const double s = steps_to_end(past, t);
  for (size_t i = 0; i < n; i++) dy[i] = 0;
  for (int j = past->order; j > 0; j--) {
    const double *y = past->y + (size_t)j * n, factor = j / past->step;
    for (size_t i = 0; i < n; i++) dy[i] = s * dy[i] + factor * y[i];
  }
}

static double playback_quadrature(const kd_integrator *self, double t) {
  const kd_integrator_history *past = self->playback.history;
  double dq = 0;
  if (is_on_ramp(past, t)) return 0;
  for (int j = past->order; j > 0; j--)
    dq = steps_to_end(past, t) * dq + j * past->q[j] / past->step;
  return dq;
}

/// Weights of errors: 1/(rtol |y| + atol), or what leads the playback.
static int weights_callback(N_Vector y, N_Vector weights, void *user) {
  const kd_integrator *self = user;
  const kd_integrator_history *past = self->playback.history;
  if (!past) {
    N_VAbs(y, weights);
    N_VScale(self->options.rtol, weights, weights);
    N_VAddConst(weights, self->options.atol, weights);
    N_VInv(weights, weights);
    return 0;
  }
  const double next = self->playback.t + past->step;
  double weight = NO_WEIGHT;
  if (is_on_ramp(past, next)) {
    // The error of order q is C_q x^q step times the rate; C_q of the Adams formulas to 20 %.
    int order = 1;
    CVodeGetCurrentOrder(self->cvode, &order);
    const double constant = order > 1 ? 1.0 / (14 * order - 16) : 0.5;
    weight = RAMP_ERROR /
             (constant * pow(RAMP_GROWTH, order) * past->step * ramp(&self->playback, next));
  }
  N_VConst(weight, weights);
  return 0;
}

static int rate_callback(realtype t, N_Vector y, N_Vector dy, void *user) {
  kd_integrator *self = user;
  if (self->playback.history) {
    playback_rate(self, t, N_VGetArrayPointer(dy));
    return 0;
  }
  const kd_status status =
      self->options.rate(self->options.context, t, N_VGetArrayPointer(y), N_VGetArrayPointer(dy));
  return answer(self, status);
}

static int quadrature_callback(realtype t, N_Vector y, N_Vector dq, void *user) {
  kd_integrator *self = user;
  if (self->playback.history) {
    N_VGetArrayPointer(dq)[0] = playback_quadrature(self, t);
    return 0;
  }
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
  KD_TRY(check(self, CVodeWFtolerances(self->cvode, weights_callback), "CVodeWFtolerances"));
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

size_t kd_integrator_highest_order(kd_integrator_method method) {
  return method == KD_ADAMS ? ADAMS_ORDER : BDF_ORDER;
}

bool kd_integrator_is_steady(kd_integrator *self) {
  realtype last, next;
  if (!self->is_started || CVodeGetLastStep(self->cvode, &last) != CV_SUCCESS ||
      CVodeGetCurrentStep(self->cvode, &next) != CV_SUCCESS)
    return false;
  return next > last / LARGEST_CHANGE && next < last * LARGEST_CHANGE;
}

kd_status kd_integrator_save(kd_integrator *self, kd_integrator_history *history) {
  const size_t n = self->options.n;
  history->t = self->t;
  KD_TRY(check(self, CVodeGetLastOrder(self->cvode, &history->order), "CVodeGetLastOrder"));
  KD_TRY(check(self, CVodeGetLastStep(self->cvode, &history->step), "CVodeGetLastStep"));
  double factor = 1;
  for (int j = 0; j <= history->order; j++) {
    double *y = history->y + (size_t)j * n;
    if (j > 0) factor *= history->step / j;
    N_VSetArrayPointer(y, self->interpolated);
    KD_TRY(check(self, CVodeGetDky(self->cvode, self->t, j, self->interpolated), "CVodeGetDky"));
    N_VSetArrayPointer(NULL, self->interpolated);
    KD_TRY(check(self, CVodeGetQuadDky(self->cvode, self->t, j, self->q_interpolated),
                 "CVodeGetQuadDky"));
    history->q[j] = factor * N_VGetArrayPointer(self->q_interpolated)[0];
    for (size_t i = 0; i < n; i++) y[i] *= factor;
  }
  return KD_OK;
}

/// Takes what happened since `before` out of the counters.
static void forget(kd_integrator *self, const kd_integrator_statistics *before) {
  const kd_integrator_statistics now = counters(self);
  kd_integrator_statistics *past = &self->past;
  past->steps += before->steps - now.steps;
  past->rate_evaluations += before->rate_evaluations - now.rate_evaluations;
  past->error_test_failures += before->error_test_failures - now.error_test_failures;
  past->convergence_failures += before->convergence_failures - now.convergence_failures;
  past->newton_iterations += before->newton_iterations - now.newton_iterations;
  past->linear_iterations += before->linear_iterations - now.linear_iterations;
  past->linear_failures += before->linear_failures - now.linear_failures;
  past->preconditioner_setups += before->preconditioner_setups - now.preconditioner_setups;
}

/// Integrates the playback from what self->y and self->q hold.
static kd_status play(kd_integrator *self) {
  const kd_integrator_history *past = self->playback.history;
  const double start = past->t - (n_ramp(past) + n_hold(past)) * past->step;
  self->playback.t = start;
  KD_TRY(check(self, CVodeReInit(self->cvode, start, self->y), "CVodeReInit"));
  KD_TRY(check(self, CVodeQuadReInit(self->cvode, self->q), "CVodeQuadReInit"));
  KD_TRY(check(self, CVodeSetInitStep(self->cvode, past->step), "CVodeSetInitStep"));
  KD_TRY(check(self, CVodeSetStopTime(self->cvode, past->t), "CVodeSetStopTime"));
  double largest = past->step;
  for (int flag = CV_SUCCESS; flag != CV_TSTOP_RETURN;) {
    // CVODES takes another order only together with another step.
    largest *= 1 + STRETCH;
    KD_TRY(check(self, CVodeSetMaxStep(self->cvode, largest), "CVodeSetMaxStep"));
    flag = CVode(self->cvode, past->t, self->y, &self->playback.t, CV_ONE_STEP);
    KD_TRY(check(self, flag, "CVode"));
  }
  realtype reached;
  return check(self, CVodeGetQuad(self->cvode, &reached, self->q), "CVodeGetQuad");
}

/// What the playback adds to where it starts does not depend on it: the first one tells how much.
static kd_status play_to(kd_integrator *self, const kd_integrator_history *history) {
  double *y = N_VGetArrayPointer(self->y), *q = N_VGetArrayPointer(self->q);
  N_VConst(0, self->y);
  q[0] = 0;
  KD_TRY(play(self));
  for (size_t i = 0; i < self->options.n; i++) y[i] = history->y[i] - y[i];
  q[0] = history->q[0] - q[0];
  return play(self);
}

kd_status kd_integrator_resume(kd_integrator *self, const kd_integrator_history *history) {
  const size_t n = self->options.n;
  double *y = N_VGetArrayPointer(self->y);
  if (history->order == 0) {
    memcpy(y, history->y, n * sizeof *y);
    return kd_integrator_restart(self, history->t, history->q[0], history->step);
  }
  self->t = history->t;
  self->callback_status = KD_OK;
  if (!self->is_started) KD_TRY(initialize(self, history->t));
  self->is_started = true;
  const kd_integrator_statistics before = counters(self);
  double size = 0;
  for (size_t i = 0; i < n; i++) size = fmax(size, fabs(history->y[i]));
  self->playback = (kd_playback){.history = history, .size = size > 0 ? RAMP_SIZE * size : 1};
  KD_TRY(check(self, CVodeSetQuadErrCon(self->cvode, SUNFALSE), "CVodeSetQuadErrCon"));
  KD_TRY(check(self, CVodeSetMaxOrd(self->cvode, history->order), "CVodeSetMaxOrd"));
  const kd_status played = play_to(self, history);
  self->playback.history = NULL;
  KD_TRY(check(self, CVodeSetQuadErrCon(self->cvode, SUNTRUE), "CVodeSetQuadErrCon"));
  KD_TRY(check(self,
               CVodeSetMaxOrd(self->cvode, (int)kd_integrator_highest_order(self->options.method)),
               "CVodeSetMaxOrd"));
  KD_TRY(check(self, CVodeSetMaxStep(self->cvode, 0), "CVodeSetMaxStep"));
  forget(self, &before);
  if (played == KD_OK) return KD_OK;
  // Without its history then, from the same numbers again.
  memcpy(y, history->y, n * sizeof *y);
  return kd_integrator_restart(self, history->t, history->q[0], FIRST_OF_STEP * history->step);
}

kd_status kd_integrator_step(kd_integrator *self, double t_stop, double largest, double *t) {
  self->callback_status = KD_OK;
  // A stop time bounds the very next step, which CVodeSetMaxStep does not.
  t_stop = fmin(t_stop, self->t + largest);
  KD_TRY(check(self, CVodeSetStopTime(self->cvode, t_stop), "CVodeSetStopTime"));
  const int flag = CVode(self->cvode, t_stop, self->y, t, CV_ONE_STEP);
  // The functional iteration takes a final failure of a callback for one that a smaller step mends.
  if (self->callback_status < 0) return self->callback_status;
  KD_TRY(check(self, flag, "CVode"));
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
  // The unknowns, 7 of CVODES and its history; the corrector's, the linear solver's; and the
  // history at the end of the last window.
  const size_t order = kd_integrator_highest_order(method);
  return 8 + 2 * (order + 1) + (method == KD_ADAMS ? 3 : 1 + 2 + KRYLOV + 3);
}
