#include "keldrift/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/comm.h"
#include "core/error.h"
#include "core/memory.h"
#include "keldrift/version.h"
#include "output/h5.h"
#include "output/handle.h"
#include "output/parallel.h"

/// Raised when older programs would read a checkpoint wrongly, or newer ones an older checkpoint.
enum { CHECKPOINT_VERSION = 1 };

static const char GROUP[] = "/checkpoint";

/* ---- the seal ------------------------------------------------------------------------------- */

static const char MARK[8] = "KDSEAL1\n";

typedef struct seal {
  char mark[sizeof MARK];
  uint64_t hash;
} seal;

/// FNV-1a, on words of 8 bytes, of the first `size` bytes; false if they cannot be read.
static bool hash_file(int descriptor, off_t size, uint64_t *hash) {
  enum { WORDS = 1 << 16 };
  bool good = false;
  uint64_t *buffer = kd_allocate(WORDS, sizeof *buffer);
  *hash = UINT64_C(0xcbf29ce484222325);
  for (off_t place = 0; buffer && !good;) {
    const off_t left = size - place, most = WORDS * (off_t)sizeof *buffer;
    const size_t wanted = (size_t)(left < most ? left : most);
    memset(buffer, 0, WORDS * sizeof *buffer);
    size_t got = 0;
    while (got < wanted) {
      const ssize_t n = pread(descriptor, (char *)buffer + got, wanted - got, place + (off_t)got);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      got += (size_t)n;
    }
    if (got < wanted) break;
    for (size_t i = 0; i < (wanted + sizeof *buffer - 1) / sizeof *buffer; i++)
      *hash = (*hash ^ buffer[i]) * UINT64_C(0x100000001b3);
    place += (off_t)wanted;
    good = place == size;
  }
  kd_free(buffer);
  return good;
}

kd_status kd_seal_write(int descriptor, const char *name) {
  struct stat found;
  seal end;
  memcpy(end.mark, MARK, sizeof MARK);
  errno = 0;
  if (fstat(descriptor, &found) == 0 && hash_file(descriptor, found.st_size, &end.hash) &&
      pwrite(descriptor, &end, sizeof end, found.st_size) == (ssize_t)sizeof end)
    return KD_OK;
  return kd_error(KD_ERROR_FILE, "%s: error: cannot write the file: %s", name,
                  errno ? strerror(errno) : "too short a write");
}

bool kd_seal_is_broken(const char *path) {
  struct stat found;
  seal end;
  uint64_t hash;
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return false;
  const off_t size = fstat(descriptor, &found) == 0 && S_ISREG(found.st_mode)
                         ? found.st_size - (off_t)sizeof end
                         : -1;
  const bool is_sealed = size > 0 &&
                         pread(descriptor, &end, sizeof end, size) == (ssize_t)sizeof end &&
                         memcmp(end.mark, MARK, sizeof MARK) == 0;
  const bool is_broken = is_sealed && (!hash_file(descriptor, size, &hash) || hash != end.hash);
  close(descriptor);
  return is_broken;
}

/* ---- writing -------------------------------------------------------------------------------- */

/// The points of R of a record that this process holds, and of all processes. Collective.
static void find_slab(const kd_comm *comm, const kd_record *record, size_t *first, size_t *total) {
  double sum[2] = {0};
  const double own = (double)(record->count / record->row);
  for (size_t rank = 0; rank < kd_comm_size(comm); rank++) {
    double count = rank == kd_comm_rank(comm) ? own : 0;
    kd_comm_sum(comm, &count, 1);
    if (rank < kd_comm_rank(comm)) sum[0] += count;
    sum[1] += count;
  }
  *first = (size_t)sum[0];
  *total = (size_t)sum[1];
}

/// Bytes of a record, of all processes. Collective.
static size_t bytes_of(const kd_output *output, const kd_record *record) {
  size_t first, total = record->count;
  if (record->row) {
    find_slab(output->comm, record, &first, &total);
    total *= record->row;
  }
  return total * sizeof(double);
}

/// Writes one record: [count], or [R][row], of which this process holds a slab.
static kd_status write_record(kd_output *output, hid_t group, const kd_record *record) {
  kd_status status = KD_OK;
  const kd_comm *comm = output->comm;
  const size_t row = record->row;
  const int rank = row ? 2 : 1;
  hsize_t extent[2] = {record->count, row}, start[2] = {0};
  kd_variable slab = {.n_axis = 2, .n_shared = 1};
  if (row) {
    size_t total;
    find_slab(comm, record, &slab.first, &total);
    slab.count = record->count / row;
    slab.axis[0].size = extent[0] = total;
    slab.axis[1].size = row;
  }
  hid_t space = H5Screate_simple(rank, extent, NULL), dataset = H5I_INVALID_HID;
  herr_t written = -1;
  if (space >= 0)
    dataset = H5Dcreate2(group, record->name, H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT,
                         H5P_DEFAULT);
  if (dataset >= 0 && extent[0] == 0)
    written = 0;
  else if (dataset >= 0 && comm)
    written = kd_parallel_write(comm, dataset, H5T_NATIVE_DOUBLE, space, rank, start, extent,
                                row ? &slab : NULL, record->data);
  else if (dataset >= 0)
    written = H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, record->data);
  if (written < 0) status = kd_output_fail(output, "write", record->name);
  kd_h5_close(dataset);
  kd_h5_close(space);
  return status;
}

static kd_status write_state(kd_output *copy, const kd_checkpoint_head *head,
                             const kd_records *records) {
  kd_status status = KD_OK;
  const hid_t file = copy->file;
  size_t bytes = 0;
  for (size_t i = 0; i < records->count; i++) bytes += bytes_of(copy, &records->item[i]);
  KD_TRY(kd_output_want_room(copy, bytes));
  hid_t group = H5Gcreate2(file, GROUP, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  if (group < 0) return kd_output_fail(copy, "create", GROUP);
  for (size_t i = 0; i < records->count; i++)
    KD_CHECK(write_record(copy, group, &records->item[i]));
  KD_CHECK(kd_output_attribute_integer(copy, GROUP, "version", CHECKPOINT_VERSION));
  KD_CHECK(kd_output_attribute_text(copy, GROUP, "program", KD_VERSION));
  KD_CHECK(kd_output_attribute_text(copy, GROUP, "inputs", head->inputs ? head->inputs : ""));
  KD_CHECK(kd_output_attribute_real(copy, GROUP, "time", &head->time, 1));
  KD_CHECK(kd_output_attribute_real(copy, GROUP, "duration", &head->duration, 1));
  KD_CHECK(kd_output_attribute_integer(copy, GROUP, "frames", (long)head->n_frame));
  KD_CHECK(kd_output_attribute_integer(copy, GROUP, "snapshots", (long)head->n_snapshot));
cleanup:
  kd_h5_close(group);
  return status;
}

kd_status kd_checkpoint_write(kd_output *output, const char *path, const kd_checkpoint_head *head,
                              const kd_records *records) {
  kd_status status;
  kd_output *copy;
  KD_TRY(kd_output_fork(output, path, &copy));
  KD_H5_QUIETLY(status, write_state(copy, head, records));
  status = kd_comm_agree(copy->comm, status);
  if (status != KD_OK) {
    kd_output_discard(copy);
    return status;
  }
  return kd_output_close(copy);
}

/* ---- reading -------------------------------------------------------------------------------- */

static kd_status unreadable(const char *path, const char *what) {
  char reason[256];
  kd_h5_reason(reason, sizeof reason);
  return kd_error(KD_ERROR_FILE, "%s: error: cannot read %s: %s", path, what, reason);
}

/// Opens the group of a checkpoint.
static kd_status open_group(const char *path, hid_t *file, hid_t *group) {
  *group = H5I_INVALID_HID;
  KD_TRY(kd_h5_open_file(path, file));
  if (H5Lexists(*file, "checkpoint", H5P_DEFAULT) <= 0)
    return kd_error(KD_ERROR_SCENARIO,
                    "%s: error: not a checkpoint (expected a file NAME.chk.h5 of a run that was "
                    "stopped)",
                    path);
  *group = H5Gopen2(*file, GROUP, H5P_DEFAULT);
  return *group < 0 ? unreadable(path, GROUP) : KD_OK;
}

static kd_status read_number(const char *path, hid_t group, const char *name, double *value) {
  hid_t attribute = H5Aopen(group, name, H5P_DEFAULT);
  const bool good = attribute >= 0 && H5Aread(attribute, H5T_NATIVE_DOUBLE, value) >= 0;
  kd_h5_close(attribute);
  return good ? KD_OK : unreadable(path, name);
}

static kd_status read_head(const char *path, kd_checkpoint_head *head) {
  kd_status status = KD_OK;
  hid_t file = H5I_INVALID_HID, group = H5I_INVALID_HID;
  char *program = NULL;
  double version, n_frame, n_snapshot;
  *head = (kd_checkpoint_head){0};
  if (kd_seal_is_broken(path))
    return kd_error(KD_ERROR_FILE,
                    "%s: error: the checkpoint is damaged: it does not match its fingerprint",
                    path);
  KD_CHECK(open_group(path, &file, &group));
  KD_CHECK(read_number(path, group, "version", &version));
  KD_CHECK(kd_h5_attribute_text(group, "program", &program));
  if (version != CHECKPOINT_VERSION || strcmp(program, KD_VERSION) != 0) {
    status = kd_error(KD_ERROR_SCENARIO,
                      "%s: error: a checkpoint of version %g by keldrift %s (expected version %d "
                      "by keldrift %s): run the scenario from the start",
                      path, version, program, CHECKPOINT_VERSION, KD_VERSION);
    goto cleanup;
  }
  KD_CHECK(read_number(path, group, "time", &head->time));
  KD_CHECK(read_number(path, group, "duration", &head->duration));
  KD_CHECK(read_number(path, group, "frames", &n_frame));
  KD_CHECK(read_number(path, group, "snapshots", &n_snapshot));
  head->n_frame = (size_t)n_frame;
  head->n_snapshot = (size_t)n_snapshot;
  KD_CHECK(kd_h5_attribute_text(group, "inputs", &head->inputs));
cleanup:
  kd_free(program);
  kd_h5_close(group);
  if (file >= 0) H5Fclose(file);
  return status;
}

/// Reads one record, or the slab of it that this process holds; a missing one is an error unless it
/// is optional.
static kd_status read_record(const char *path, const kd_comm *comm, hid_t group,
                             const kd_record *record) {
  const size_t row = record->row;
  size_t first = 0, total = record->count;
  if (row) {
    find_slab(comm, record, &first, &total);
    total *= row;
  }
  const htri_t exists = H5Lexists(group, record->name, H5P_DEFAULT);
  if (exists == 0 && record->is_optional) return KD_OK;
  hid_t dataset = exists > 0 ? H5Dopen2(group, record->name, H5P_DEFAULT) : H5I_INVALID_HID;
  hid_t space = dataset >= 0 ? H5Dget_space(dataset) : H5I_INVALID_HID;
  const hssize_t count = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
  const bool fits = count == (hssize_t)total;
  const hsize_t start[2] = {first, 0}, extent[2] = {row ? record->count / row : 0, row};
  hid_t memory = H5S_ALL, selection = H5S_ALL;
  if (fits && row && H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, extent, NULL) >= 0) {
    memory = H5Screate_simple(2, extent, NULL);
    selection = space;
  }
  const bool good = fits && (count == 0 || H5Dread(dataset, H5T_NATIVE_DOUBLE, memory, selection,
                                                   H5P_DEFAULT, record->data) >= 0);
  if (memory != H5S_ALL) kd_h5_close(memory);
  kd_h5_close(space);
  kd_h5_close(dataset);
  if (count >= 0 && !fits)
    return kd_error(KD_ERROR_FILE,
                    "%s: error: %s/%s holds %lld numbers (expected %zu): the checkpoint does not "
                    "belong to its scenario",
                    path, GROUP, record->name, (long long)count, total);
  return good ? KD_OK : unreadable(path, record->name);
}

static kd_status read_records(const char *path, const kd_comm *comm, const kd_records *records) {
  kd_status status = KD_OK;
  hid_t file = H5I_INVALID_HID, group = H5I_INVALID_HID;
  KD_CHECK(open_group(path, &file, &group));
  for (size_t i = 0; i < records->count; i++)
    KD_CHECK(read_record(path, comm, group, &records->item[i]));
cleanup:
  kd_h5_close(group);
  if (file >= 0) H5Fclose(file);
  return status;
}

kd_status kd_checkpoint_open(const char *path, kd_checkpoint_head *head) {
  kd_status status;
  KD_H5_QUIETLY(status, read_head(path, head));
  return status;
}

kd_status kd_checkpoint_read(const char *path, const kd_comm *comm, const kd_records *records) {
  kd_status status;
  KD_H5_QUIETLY(status, read_records(path, comm, records));
  return kd_comm_agree(comm, status);
}
