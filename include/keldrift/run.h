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
  size_t n_restart; ///< how often the run was stopped and went on
  double duration;
  double number;       ///< at the end
  double number_drift; ///< largest |change| over the frames, less what came in by contacts
  size_t n_contact;
  double contact_number[KD_MAX_CONTACTS];  ///< particles that came in through each
  double contact_current[KD_MAX_CONTACTS]; ///< at the end, e/fs
  double energy_change, work;              ///< over the run, eV per cell
  double largest_energy_change;            ///< largest |change| over the frames
  double energy_left;   ///< what scattering of the carriers from one another has left of the energy
                        ///< that it is to keep, moduli summed over time, eV per cell
  size_t n_branch;      ///< of phonons that are unknowns
  double phonon_change; ///< of their energy, eV per cell
  double purity_drift;  ///< largest |change| over the frames
  double min_f, min_1mf; ///< smallest over the frames
  double initial_min_f, initial_min_1mf;
  kd_propagator_statistics cost;
  kd_collision_cost collision;
  unsigned long ffts;
  double setup_seconds, observable_seconds, output_seconds, total_seconds;
  size_t n_checkpoint;       ///< written since the start or the last restart,
  double checkpoint_seconds; ///< and what they took; parts of the propagation
  double fft_seconds;        ///< estimate, summed over threads and processes
  kd_warnings warnings;
} kd_report;

/// What somebody outside wants of a run.
typedef enum kd_request {
  KD_NO_REQUEST,
  KD_WRITE_CHECKPOINT, ///< and go on
  KD_STOP              ///< write one and end with KD_STOPPED
} kd_request;

typedef struct kd_run_options {
  const char *output;  ///< result file; NULL: output.file of the scenario
  const char *restart; ///< checkpoint to go on from, the scenario is the one in it; NULL: none
  const char *command; ///< recorded in the result
  /// Called at every frame; NULL for none.
  void (*progress)(void *context, double t, double duration);
  /// Asked after every stage of the set-up, where KD_STOP ends the run and a checkpoint waits until
  /// there is something in it, before every evaluation of the rate and between sub-flows; an answer
  /// other than KD_NO_REQUEST counts as taken. NULL: nobody asks for anything.
  kd_request (*request)(void *context);
  void *context;
  const kd_comm *comm; ///< processes that share the run; NULL: this one alone
} kd_run_options;

/// Runs a scenario. The result file appears when the run is complete; on failure nothing is left
/// but the last checkpoint. Checkpoints are written by wall time and on request, and NAME.chk.h5 is
/// removed when NAME.h5 is there, whatever run it is of. Input files of the scenario, and files
/// that are no HDF5 files, are not replaced (KD_ERROR_SCENARIO). A run that goes on from one gives
/// the same numbers, bit by bit, as one that was never interrupted. All processes of `comm` call
/// it, with the same scenario and output, and have the same status; a request of one counts for
/// all.
/// @return KD_STOPPED after a request to stop, with the message how to go on
KD_API kd_status kd_run(const kd_scenario *scenario, const kd_run_options *options,
                        kd_report *report);

/// Reads a scenario, or the one in a result or checkpoint file.
KD_API kd_status kd_run_scenario(const char *path, const char *const *overrides, size_t n_override,
                                 kd_scenario **scenario);

/// Reads the scenario of a checkpoint to go on from; a string for kd_free receives the result file:
/// NAME.h5 beside a checkpoint NAME.chk.h5, NULL if it has another name.
/// @return KD_ERROR_SCENARIO if the file is not a checkpoint of this version, or an input file of
/// the
///         scenario has changed; KD_ERROR_FILE if one cannot be read
KD_API kd_status kd_run_restart(const char *path, kd_scenario **scenario, char **output);

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
