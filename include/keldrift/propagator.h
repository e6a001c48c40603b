/// Integration in time.
#ifndef KELDRIFT_PROPAGATOR_H
#define KELDRIFT_PROPAGATOR_H

#include "keldrift/collision.h"
#include "keldrift/field.h"
#include "keldrift/record.h"
#include "keldrift/state.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kd_propagator kd_propagator;

/// Prepares the integration of a state from t = 0 (section `propagation`).
/// @param model, space, field, reference, collision  used until kd_propagator_free; not owned
/// @param initial  copied
KD_API kd_status kd_propagator_create(const kd_scenario *scenario, kd_model *model, kd_space *space,
                                      const kd_field *field, kd_reference *reference,
                                      kd_collision *collision, const kd_state *initial,
                                      kd_propagator **propagator);
KD_API void kd_propagator_free(kd_propagator *propagator);

/// Integrates up to time `t` and gives the state there; a kick at `t` itself is not yet applied.
/// The steps taken do not depend on the times asked for: output is by interpolation.
/// @param t      not earlier than in the call before, fs
/// @param state  receives time, shift, f and work; created with kd_state_create
/// @return KD_ERROR_NUMERICS if the step size underflows
KD_API kd_status kd_propagator_advance(kd_propagator *propagator, double t, kd_state *state);

/// Asks whether to go on, with everything a checkpoint needs at hand; a status other than KD_OK
/// ends the step that is being taken. Called before every evaluation of the rate, and between
/// sub-flows.
typedef kd_status kd_poll_function(void *context);
KD_API void kd_propagator_watch(kd_propagator *propagator, kd_poll_function *poll, void *context);

/// Lists what the propagation goes on from: its state at the end of the last window. It stays what
/// it is until the next window ends, also while a step is being taken.
///
/// Windows end where the integrator starts afresh (kicks, jumps of the field, relabelling of a k.p
/// box) and after a number of its steps, in `splitting` after every step: where the scenario says,
/// never the clock or the frames.
/// @param records  is added to; with `for_reading` everything that may be there
/// @return false if there is nothing to go on from yet
KD_API bool kd_propagator_records(kd_propagator *propagator, bool for_reading, kd_records *records);
/// Number of windows so far; in `splitting`, where the state is always that of the last step, 0.
KD_API size_t kd_propagator_n_window(const kd_propagator *propagator);
/// Goes on from what the records have been filled with.
/// @return KD_ERROR_FILE if they do not fit
KD_API kd_status kd_propagator_resume(kd_propagator *propagator);
/// Collision evaluations of the part of the run before kd_propagator_resume, to be added to those
/// of the collision operator.
KD_API kd_collision_cost kd_propagator_earlier(const kd_propagator *propagator);

/// Steps shorter than this part of what is left are at their floor; unless there are few.
#define KD_CRAWL 1e-7

/// What the integration has cost so far.
typedef struct kd_propagator_statistics {
  const char *scheme, *integrator; ///< as chosen
  /// Largest out-scattering rate times the longest time in which the field is zero or one smooth
  /// piece, which `integrator: auto` weighs; 0 where it had no choice.
  double stiffness;
  /// Of CVODE; rate evaluations include those for products with the Jacobian.
  long steps, rate_evaluations, error_test_failures, convergence_failures;
  long restarts;
  long newton_iterations, linear_iterations, linear_failures, preconditioner_setups; ///< bdf only
  int last_order;
  double last_step; ///< fs
  /// CVODE: most steps in a row that were shorter than KD_CRAWL of the time to the next event of
  /// the field, and the time after them, fs; largest rounding of the time over a step.
  double crawl, crawl_time, clock;
  /// splitting: the tolerance that rounding lets it reach; 0: that of the scenario.
  double reachable_rtol;
  unsigned long flow_steps, flow_rejections;
  unsigned long ffts; ///< component transforms
  double seconds;
} kd_propagator_statistics;

KD_API kd_propagator_statistics kd_propagator_cost(const kd_propagator *propagator);
/// True if the model has orbitals with positions (`r` of kd_model_sample), which the field acts on.
KD_API bool kd_propagator_has_positions(const kd_propagator *propagator);

/// Bytes held, for the estimate of `check`.
KD_API size_t kd_propagator_bytes(const kd_propagator *propagator);

#ifdef __cplusplus
}
#endif
#endif
