/// What the parts of the writer of result files share.
#ifndef KD_OUTPUT_HANDLE_H
#define KD_OUTPUT_HANDLE_H

#include <hdf5.h>
#include <sys/types.h>
#include <time.h>

#include "keldrift/output.h"
#include "output/h5.h"
#include "output/sink.h"

/// One growing dataset, kept open; element [0] of `extent` is the number of records.
typedef struct kd_column {
  hid_t dataset;
  hid_t record; ///< dataspace of one record in memory
  hid_t type;   ///< of its numbers in memory
  int rank;     ///< of the dataset
  hsize_t extent[KD_MAX_RANK];
} kd_column;

/// The growing datasets of a group and their time.
typedef struct kd_time_series kd_time_series;

struct kd_output {
  const kd_comm *comm; ///< processes that write the file; NULL: one
  char *name;          ///< path as the caller wrote it, for messages
  char *path;          ///< the file to replace, with symbolic links followed
  char *partial;       ///< the file that is being written
  kd_sink sink;        ///< the open partial file
  /// Of a file of many processes, known to the first one: its size when it was last flushed, what
  /// has been asked for since then, and up to where the disk has given it blocks.
  off_t flushed_size, asked, solid;
  hid_t driver; ///< through which HDF5 reaches it
  hid_t file;
  hid_t complex_file;   ///< {r, i} as stored
  hid_t complex_memory; ///< {r, i} of this machine
  hid_t text;           ///< UTF-8 string of any length
  hid_t scalar;
  kd_time_series *series;
  size_t n_series;
  bool is_sealed;  ///< ends in a fingerprint of all that is before
  bool is_resumed; ///< the file holds what an earlier part of the run has written
  struct timespec flushed;
  kd_status failure; ///< of the first step that failed; then the file must not replace anything
};

// --- output.c: steps that fail, and forks -------------------------------------------------------

/// Reports that HDF5 failed to do `action` ("write") to `object` ("/traces/time"); the output
/// cannot be completed then.
kd_status kd_output_fail(kd_output *output, const char *action, const char *object);

/// Goes to `cleanup` with kd_output_fail in `status` when a call of HDF5 fails.
#define KD_H5_CHECK(call, output, action, object)                                                  \
  do {                                                                                             \
    if ((call) < 0) {                                                                              \
      status = kd_output_fail(output, action, object);                                             \
      goto cleanup;                                                                                \
    }                                                                                              \
  } while (0)

/// Reports a step of which HDF5 does not know that the disk refused it.
kd_status kd_output_settle(kd_output *output, kd_status status);

/// What all processes that write the file say of a step, which counts for each of them. Collective.
kd_status kd_output_agree(kd_output *output, kd_status status);

/// Refuses to go on with a file that a failed step has left incomplete.
kd_status kd_output_refuse_failed(const kd_output *output);

/// Reports a call that no input of a user can explain.
kd_status kd_output_misuse(kd_output *output, const char *object, const char *what);

/// Starts a file at `path` with all that has been written to `output` so far.
kd_status kd_output_fork(kd_output *output, const char *path, kd_output **copy);

// --- target.c: the file that is replaced --------------------------------------------------------

/// Length of the folder in a path, with its '/'; 0 where there is none.
size_t kd_path_folder_length(const char *path);

/// Finds the file that `path` stands for, and opens an empty one beside it that is to replace it.
kd_status kd_target_begin(kd_output *output, const char *path);

/// Copies a whole file into the open partial file.
kd_status kd_target_copy(kd_output *output, int source, const char *source_name);

/// Puts the finished file in the place of the target, on the disk.
kd_status kd_target_replace(kd_output *output);

/// Closes the partial file, and removes it where it has replaced nothing.
void kd_target_close(kd_output *output);

// --- room.c: room on the disk for many processes ------------------------------------------------

/// Takes room on the disk for `bytes` that many processes are about to write, and for what HDF5
/// adds to them. Collective; nothing with one process.
/// @return KD_ERROR_FILE if there is none
kd_status kd_output_want_room(kd_output *output, size_t bytes);

/// The same for one record of every variable; they have been checked.
kd_status kd_output_want_room_for(kd_output *output, const kd_variable *variables, size_t count);

/// Writes what HDF5 still holds back. Of a file of many processes it cuts off what lies beyond the
/// end that it knows, and with it the room that was taken there.
kd_status kd_output_flush(kd_output *output, H5F_scope_t scope);

/// Gives back the room that was taken beyond the end of the file.
void kd_output_return_room(const kd_output *output);

// --- attributes.c -------------------------------------------------------------------------------

kd_status kd_output_put_text(kd_output *output, hid_t object, const char *path, const char *name,
                             const char *text);
kd_status kd_output_put_integer(kd_output *output, hid_t object, const char *path, const char *name,
                                long value);
/// Writes the attributes that every dataset has.
kd_status kd_output_put_meaning(kd_output *output, hid_t dataset, const char *path,
                                const char *name, const char *unit, const char *long_name,
                                const char *reference);

// --- datasets.c: groups and datasets ------------------------------------------------------------

/// Returns "GROUP/NAME" for kd_free.
char *kd_path_join(const char *group, const char *name);

/// Opens a group and creates it, and its parents, where it does not exist yet.
kd_status kd_output_open_group(kd_output *output, const char *path, hid_t *group);

/// Creates a dataset of the current `extent`; every axis with a `limit` of H5S_UNLIMITED can grow,
/// and then `chunk` is its chunk shape.
kd_status kd_output_create_dataset(kd_output *output, hid_t group, const char *path,
                                   const char *name, hid_t type, int rank, const hsize_t *extent,
                                   const hsize_t *limit, const hsize_t *chunk, hid_t *dataset);

/// Creates the dataset of a variable, with scales on its axes and attributes. `time` is the scale
/// of the growing axis that is put in front, or negative for a fixed dataset.
kd_status kd_output_create_variable(kd_output *output, const char *group_path,
                                    const kd_variable *variable, hid_t time, kd_column *column);

// --- series.c -----------------------------------------------------------------------------------

/// Chooses the chunk shape of a series: many small records in one chunk, or one record in one or
/// more chunks that are contiguous parts of it.
void kd_output_choose_chunk(size_t number_bytes, int rank, const hsize_t *extent, hsize_t *chunk);

void kd_output_close_series(kd_output *output);

// --- checkpoint.c: the seal ---------------------------------------------------------------------

/// Appends a fingerprint of a whole file to it; readers of HDF5 do not look beyond its end.
kd_status kd_seal_write(int descriptor, const char *name);

/// True if the file has a fingerprint that is not its own: something in it has changed.
bool kd_seal_is_broken(const char *path);

#endif
