/// Checkpoints of a run: when they are written, and what is in them besides the propagation.
#ifndef KD_RECOVERY_H
#define KD_RECOVERY_H

#include "keldrift/checkpoint.h"
#include "keldrift/run.h"

typedef struct kd_recovery {
  const kd_scenario *scenario;
  const kd_run_options *options;
  kd_propagator *propagator;
  kd_output *output;
  kd_report *report;   ///< for warnings
  char *path;          ///< of the checkpoints
  char *inputs;        ///< fingerprints of the input files, made for the first checkpoint
  double every, start; ///< s; 0: no interval is given; the last checkpoint, or the start
  double last;         ///< s that the last checkpoint took
  double duration;
  kd_request wanted; ///< asked for, and not yet answered
  /// What the frames have left behind: as it is, before the current call of kd_propagator_advance,
  /// and at the end of the last window.
  kd_records live;
  double *before, *kept;
  size_t n_window;
} kd_recovery;

/// The checkpoint NAME.chk.h5 of a result NAME.h5, for kd_free; NULL when memory is short.
char *kd_recovery_path(const char *result);
/// The result of a checkpoint, for kd_free; NULL if it is not named like one.
char *kd_recovery_result(const char *checkpoint);

/// Wall-clock time from the end of one checkpoint to the next, s: `every` if that is given, not 0,
/// and at least `last`, what the last one took, so that the run gets on; else ten minutes, or as
/// long as it takes for the last one to be a fiftieth of it.
double kd_recovery_interval(double every, double last);

/// Prepares checkpoints of what `live` lists; its records must stay where they are.
kd_status kd_recovery_create(kd_recovery *recovery, const kd_records *live);
void kd_recovery_clear(kd_recovery *recovery);

/// In the set-up, when there is nothing yet to go on from: remembers that a checkpoint is wanted.
/// Of this process alone.
/// @return KD_STOPPED if somebody wants the run to end
kd_status kd_recovery_wait(kd_recovery *recovery);

/// Around every kd_propagator_advance.
void kd_recovery_begin(kd_recovery *recovery);
void kd_recovery_end(kd_recovery *recovery);

/// Writes a checkpoint if it is time or somebody asks for it; a kd_poll_function.
/// @return KD_STOPPED if somebody wants the run to end
kd_status kd_recovery_poll(void *recovery);

/// Fills the records of `live` and of the propagator from a checkpoint, and goes on from them.
kd_status kd_recovery_restore(kd_recovery *recovery, const char *checkpoint);

/// Removes the checkpoint that belongs to a result which has taken its place, whatever run it is
/// of: to go on from it would replace the result. Another result, which only has that name, stays.
void kd_recovery_finish(const char *result);

/// Compares the input files of a scenario with those that a checkpoint was made with.
kd_status kd_recovery_check_inputs(const kd_scenario *scenario, const char *inputs);

#endif
