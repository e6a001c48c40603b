/// Checkpoint files: the result so far, and what the run goes on from.
///
/// A checkpoint is a result file that has the group /checkpoint besides: a dataset per record, and
/// what a reader must know first in attributes. It is complete in itself.
#ifndef KELDRIFT_CHECKPOINT_H
#define KELDRIFT_CHECKPOINT_H

#include "keldrift/output.h"
#include "keldrift/record.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kd_checkpoint_head {
  double time, duration; ///< reached and asked for, fs
  size_t n_frame, n_snapshot;
  /// The input files of the scenario, a line each: bytes, fingerprint, path. For kd_free when read.
  char *inputs;
} kd_checkpoint_head;

/// Writes a checkpoint of the run that `output` is the result of: to a new file, synced, that then
/// takes the place of `path`. On failure what was there stays. Collective where the output is.
KD_API kd_status kd_checkpoint_write(kd_output *output, const char *path,
                                     const kd_checkpoint_head *head, const kd_records *records);

/// Reads what a reader must know first.
/// @return KD_ERROR_FILE if the file cannot be read, KD_ERROR_SCENARIO if it is no checkpoint or
/// one
///         of another version
KD_API kd_status kd_checkpoint_open(const char *path, kd_checkpoint_head *head);

/// Fills the records, each process with its slab of those over R.
/// @param comm  the processes that do so together; NULL: this one alone
KD_API kd_status kd_checkpoint_read(const char *path, const kd_comm *comm,
                                    const kd_records *records);

#ifdef __cplusplus
}
#endif
#endif
