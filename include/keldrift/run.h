/// A whole run: from a scenario to a result file.
#ifndef KELDRIFT_RUN_H
#define KELDRIFT_RUN_H

#include "keldrift/comm.h"
#include "keldrift/observables.h"
#include "keldrift/warnings.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What a run has done, for the summary.
typedef struct kd_report {
  size_t n_band, n_dim, n_k, n_r, n_frame, n_snapshot, n_process;
  double duration;
  double number, number_drift; ///< at the end, and largest |change| over the frames
  double energy_change, work;  ///< over the run, eV per cell
  double purity_drift;         ///< largest |change| over the frames
  double min_f, min_1mf;       ///< smallest over the frames
  double initial_min_f, initial_min_1mf;
  kd_propagator_statistics cost;
  kd_collision_cost collision;
  unsigned long ffts;
  double setup_seconds, observable_seconds, output_seconds, total_seconds;
  double fft_seconds; ///< estimate, summed over threads and processes
  kd_warnings warnings;
} kd_report;

typedef struct kd_run_options {
  const char *output;  ///< result file; NULL: output.file of the scenario
  const char *command; ///< recorded in the result
  /// Called at every frame; NULL for none.
  void (*progress)(void *context, double t, double duration);
  void *context;
  const kd_comm *comm; ///< processes that share the run; NULL: this one alone
} kd_run_options;

/// Runs a scenario. The result file appears when the run is complete; on failure nothing is left.
/// All processes of `comm` call it, with the same scenario and output, and have the same status.
KD_API kd_status kd_run(const kd_scenario *scenario, const kd_run_options *options,
                        kd_report *report);

/// The result file that a scenario names.
KD_API const char *kd_run_output(const kd_scenario *scenario);

/// What a run would need.
typedef struct kd_estimate {
  size_t n_band, n_dim, n_k, n_r, n_frame, n_snapshot;
  size_t state_bytes;     ///< one f(k)
  size_t memory_bytes;    ///< the whole run at its largest
  size_t output_bytes;    ///< the result file
  size_t collision_bytes; ///< of which the collision operator
  kd_collision_cost collision;
  kd_warnings warnings;
} kd_estimate;

/// Builds everything but runs nothing: finds the errors a run would find, and its needs.
KD_API kd_status kd_check(const kd_scenario *scenario, kd_estimate *estimate);

#ifdef __cplusplus
}
#endif
#endif
