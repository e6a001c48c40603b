/// Sweeps: one run, or one response, for every value of a key, or for every combination of values
/// of several keys.
///
/// Runs are independent and numbered, so that they can be dealt out: each process executes those
/// that are its own, and one writes the index, which takes the final values from the result files.
#ifndef KELDRIFT_SWEEP_H
#define KELDRIFT_SWEEP_H

#include "keldrift/run.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kd_sweep kd_sweep;

/// Reads `n_axis` texts PATH=VALUES. VALUES is START:STOP:COUNT with an optional `:log` and an
/// optional unit, numbers to 12 digits with both ends; or a list A,B,C, whose commas inside
/// brackets and quotes separate nothing and where a unit of the last number is that of all. The
/// last axis varies fastest.
/// @return KD_ERROR_SCENARIO with the text and what is wrong with it
KD_API kd_status kd_sweep_create(const char *const *axes, size_t n_axis, kd_sweep **sweep);
KD_API void kd_sweep_free(kd_sweep *sweep);

KD_API size_t kd_sweep_count(const kd_sweep *sweep); ///< number of runs
KD_API size_t kd_sweep_n_axis(const kd_sweep *sweep);
/// The key of an axis, and its value in a run as text with its unit.
KD_API const char *kd_sweep_path(const kd_sweep *sweep, size_t axis);
KD_API const char *kd_sweep_value(const kd_sweep *sweep, size_t axis, size_t run);
/// Name of the result of a run in the folder: its values as text, "amplitude=2_MV_cm.h5".
KD_API const char *kd_sweep_file(const kd_sweep *sweep, size_t run);

typedef enum kd_sweep_state {
  KD_SWEEP_PENDING, ///< not run yet
  KD_SWEEP_DONE,
  KD_SWEEP_KEPT,   ///< the result was there, made from the same scenario
  KD_SWEEP_FAILED, ///< `status` and `message` say why
  KD_SWEEP_STOPPED ///< on request; a checkpoint is there, from which kd_sweep_execute goes on
} kd_sweep_state;

/// What became of one run. Plain data, so that processes can send it to each other.
typedef struct kd_sweep_outcome {
  kd_sweep_state state;
  kd_status status;
  size_t n_warning;
  double seconds;
  char message[1024]; ///< the error, as many lines as fit
} kd_sweep_outcome;

typedef struct kd_sweep_options {
  const char *scenario;         ///< file name; of a result or checkpoint the scenario in it
  const char *const *overrides; ///< PATH=VALUE, applied before the values of the sweep
  size_t n_override;
  const char *folder;                                         ///< NULL: kd_sweep_folder
  const char *command;                                        ///< recorded in the results
  bool is_steady;                                             ///< kd_steady in place of kd_run
  void (*progress)(void *context, double t, double duration); ///< NULL: none
  /// Asked often within a run, for what is wanted of it or has to go on meanwhile; NULL for
  /// nothing. Of a response in progress only its end can be wanted.
  kd_request (*request)(void *context);
  void *context;
} kd_sweep_options;

/// Finds the folder for the results: the one that is given, or NAME_sweep for `output.file:
/// NAME.h5` in the working directory; creates it if it is not there.
/// @param folder  receives a string for kd_free
/// @return also the error of the scenario when it is invalid with the values of every run
KD_API kd_status kd_sweep_folder(const kd_sweep *sweep, const kd_sweep_options *options,
                                 char **folder);

/// Executes one run, unless its result is in the folder, from its checkpoint if that is there. What
/// goes wrong is in the outcome.
KD_API void kd_sweep_execute(const kd_sweep *sweep, size_t run, const kd_sweep_options *options,
                             kd_sweep_outcome *outcome);

/// Writes FOLDER/index.csv, replacing it at once: a line for every run with its number, values,
/// file, state, exit status, number of warnings, error, and the last record of every trace. Units
/// stand in brackets behind the names of the columns.
/// @param outcomes  [count]
KD_API kd_status kd_sweep_write_index(kd_sweep *sweep, const char *folder,
                                      const kd_sweep_outcome *outcomes);

#ifdef __cplusplus
}
#endif
#endif
