/// Room on the disk for a file that many processes write: where one of them cannot write its part,
/// parallel HDF5 leaves the others waiting for it, so blocks are taken before.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/error.h"
#include "output/handle.h"

/// Takes room for `bytes` more, as the first process, which has the file.
/// @return 0, or the errno that says why there is none
static int take_room(kd_output *output, off_t bytes) {
  const int descriptor = output->sink.descriptor;
  const off_t end = output->flushed_size + output->asked + bytes;
  struct rlimit limit;
  struct statvfs disk;
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
      (rlim_t)end > limit.rlim_cur)
    return EFBIG;
  if (end <= output->solid) return 0;
  int failed;
  do
    failed = fallocate(descriptor, FALLOC_FL_KEEP_SIZE, output->solid, end - output->solid) != 0
                 ? errno
                 : 0;
  while (failed == EINTR);
  if (failed == 0) output->solid = end;
  if (failed == 0 || failed == ENOSPC || failed == EDQUOT || failed == EFBIG) return failed;
  // A file system that reserves nothing: there is room now, and one must hope that it stays.
  const bool is_full = fstatvfs(descriptor, &disk) == 0 &&
                       (double)disk.f_bavail * (double)disk.f_frsize < (double)bytes;
  return is_full ? ENOSPC : 0;
}

kd_status kd_output_want_room(kd_output *output, size_t bytes) {
  if (!output->comm) return KD_OK;
  // For first chunks, attributes and what else HDF5 needs.
  const off_t more = (off_t)bytes + (4 << 20);
  const int failed = output->sink.descriptor >= 0 ? take_room(output, more) : 0;
  output->asked += (off_t)bytes;
  return kd_output_agree(output,
                         failed ? kd_error(KD_ERROR_FILE, "%s: error: cannot write the file: %s",
                                           output->name, strerror(failed))
                                : KD_OK);
}

kd_status kd_output_want_room_for(kd_output *output, const kd_variable *variables, size_t count) {
  size_t bytes = 0;
  for (size_t i = 0; i < count; i++) {
    size_t size = variables[i].is_complex ? sizeof(double[2]) : sizeof(double);
    for (size_t j = 0; j < variables[i].n_axis; j++) size *= variables[i].axis[j].size;
    bytes += size;
  }
  return kd_output_want_room(output, bytes);
}

kd_status kd_output_flush(kd_output *output, H5F_scope_t scope) {
  struct stat found;
  KD_TRY(kd_output_want_room(output, 0));
  const herr_t flushed = H5Fflush(output->file, scope);
  KD_TRY(
      kd_output_agree(output, flushed < 0 ? kd_output_fail(output, "write", "the file") : KD_OK));
  if (!output->comm || output->sink.descriptor < 0) return KD_OK;
  if (fstat(output->sink.descriptor, &found) != 0) return KD_OK;
  output->flushed_size = found.st_size;
  output->asked = 0;
  if (output->solid > found.st_size) output->solid = found.st_size;
  return KD_OK;
}

void kd_output_return_room(const kd_output *output) {
  struct stat found;
  if (!output->comm || fstat(output->sink.descriptor, &found) != 0) return;
  // What stays is room that is not needed.
  if (ftruncate(output->sink.descriptor, found.st_size) != 0) return;
}
