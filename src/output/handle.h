/// What the parts of the writer of result files share.
#ifndef KD_OUTPUT_HANDLE_H
#define KD_OUTPUT_HANDLE_H

#include <hdf5.h>

#include "keldrift/output.h"

/// The open file of an output, and the processes that share it; NULL: one alone.
hid_t kd_output_file(const kd_output *output);
const kd_comm *kd_output_comm(const kd_output *output);

/// Reports that HDF5 failed to do `action` ("write") to `object`; the output cannot be completed
/// then.
kd_status kd_output_fail(kd_output *output, const char *action, const char *object);

/// Takes room on the disk for `bytes` that many processes are about to write, and for what HDF5
/// adds to them: where one of them cannot write its part, parallel HDF5 leaves the others waiting
/// for it. Collective; nothing with one process.
/// @return KD_ERROR_FILE if there is none
kd_status kd_output_want_room(kd_output *output, size_t bytes);

/// Starts a file at `path` with all that has been written to `output` so far.
kd_status kd_output_fork(kd_output *output, const char *path, kd_output **copy);

/// Appends a fingerprint of a whole file to it; readers of HDF5 do not look beyond its end.
kd_status kd_seal_write(int descriptor, const char *name);

/// True if the file has a fingerprint that is not its own: something in it has changed.
bool kd_seal_is_broken(const char *path);

#endif
