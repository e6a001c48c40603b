#include "keldrift/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hdf5_hl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "core/comm.h"
#include "core/error.h"
#include "core/memory.h"
#include "keldrift/version.h"
#include "keldrift_config.h"
#include "output/h5.h"
#include "output/handle.h"
#include "output/parallel.h"
#include "output/sink.h"

enum {
  FORMAT_VERSION = 1,
  MAX_RANK = KD_MAX_AXES + 1,
  TRACE_RECORDS = 1024,                 ///< records in a chunk of a small series
  TRACE_CHUNK_BYTES = 64 * 1024,        ///< and the size at which it has fewer
  RECORD_CHUNK_BYTES = 16 * 1024 * 1024 ///< size above which one record is split into chunks
};

/// One growing dataset, kept open; element [0] of `extent` is the number of records.
typedef struct kd_column {
  hid_t dataset;
  hid_t record; ///< dataspace of one record in memory
  hid_t type;   ///< of its numbers in memory
  int rank;     ///< of the dataset
  hsize_t extent[MAX_RANK];
} kd_column;

typedef struct kd_series {
  char *group;
  const kd_variable *variables;
  size_t n_variable;
  kd_column time;
  kd_column *columns;
  hsize_t n_record;
} kd_series;

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
  kd_series *series;
  size_t n_series;
  bool is_sealed;  ///< ends in a fingerprint of all that is before (handle.h)
  bool is_resumed; ///< the file holds what an earlier part of the run has written
  struct timespec flushed;
  kd_status failure; ///< of the first step that failed; then the file must not replace anything
};

#define H5_CHECK(call, output, action, object)                                                     \
  do {                                                                                             \
    if ((call) < 0) {                                                                              \
      status = fail(output, action, object);                                                       \
      goto cleanup;                                                                                \
    }                                                                                              \
  } while (0)

const kd_comm *kd_output_comm(const kd_output *output) {
  return output->comm;
}

hid_t kd_output_file(const kd_output *output) {
  return output->file;
}

/// Reports that HDF5 failed to do `action` ("write") to `object` ("/traces/time").
static kd_status fail(kd_output *output, const char *action, const char *object) {
  char reason[256];
  if (output->sink.error)
    snprintf(reason, sizeof reason, "%s", strerror(output->sink.error));
  else
    kd_h5_reason(reason, sizeof reason);
  output->failure = KD_ERROR_FILE;
  return kd_error(KD_ERROR_FILE, "%s: error: cannot %s %s: %s", output->name, action, object,
                  reason);
}

bool kd_output_has_failed(const kd_output *output) {
  return output->failure != KD_OK;
}

kd_status kd_output_fail(kd_output *output, const char *action, const char *object) {
  return fail(output, action, object);
}

/// Reports a step of which HDF5 does not know that the disk refused it.
static kd_status settle(kd_output *output, kd_status status) {
  if (status != KD_OK || output->sink.error == 0) return status;
  return fail(output, "write", "the file");
}

/// What all processes that write the file say of a step, which counts for each of them.
static kd_status together(kd_output *output, kd_status status) {
  status = kd_comm_agree(output->comm, status);
  if (status != KD_OK && output->failure == KD_OK) output->failure = status;
  return status;
}

/// Refuses to go on with a file that a failed step has left incomplete.
static kd_status refuse_failed(const kd_output *output) {
  if (output->failure == KD_OK) return KD_OK;
  return kd_error(output->failure, "%s: error: the file is incomplete after an earlier error",
                  output->name);
}

/// Reports a call that no input of a user can explain.
static kd_status misuse(kd_output *output, const char *object, const char *what) {
  output->failure = KD_ERROR_INTERNAL;
  return kd_error(KD_ERROR_INTERNAL, "%s: error: %s: %s", output->name, object, what);
}

/* ---- files ---------------------------------------------------------------------------------- */

static size_t folder_length(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? (size_t)(slash - path) + 1 : 0;
}

/// Finds the file that `path` stands for; one that exists must be an ordinary, writable file.
static kd_status resolve_target(kd_output *output, const char *path, mode_t *mode) {
  struct stat found;
  *mode = 0;
  if (lstat(path, &found) != 0) {
    if (errno != ENOENT)
      return kd_error(KD_ERROR_FILE, "%s: error: cannot create the file: %s", path,
                      strerror(errno));
    output->path = kd_string_copy(path);
    return output->path ? KD_OK : KD_ERROR_MEMORY;
  }
  char resolved[PATH_MAX];
  if (!realpath(path, resolved) || stat(resolved, &found) != 0)
    return kd_error(KD_ERROR_FILE, "%s: error: cannot follow the link: %s", path, strerror(errno));
  if (S_ISDIR(found.st_mode))
    return kd_error(KD_ERROR_FILE, "%s: error: is a folder (expected a file)", path);
  if (!S_ISREG(found.st_mode))
    return kd_error(KD_ERROR_FILE, "%s: error: is not an ordinary file, so it cannot be replaced",
                    path);
  if (access(resolved, W_OK) != 0)
    return kd_error(KD_ERROR_FILE, "%s: error: cannot replace the file: %s", path, strerror(errno));
  *mode = found.st_mode & 0777;
  output->path = kd_string_copy(resolved);
  return output->path ? KD_OK : KD_ERROR_MEMORY;
}

/// True if the process that wrote the unfinished file `name` in the folder is gone: its number, at
/// `pid` in the name, is that of no process here, and nobody, here or elsewhere, holds the lock.
static bool is_abandoned(int folder, const char *name, const char *pid) {
  const long process = strtol(pid, NULL, 10);
  if (process <= 0 || kill((pid_t)process, 0) == 0 || errno != ESRCH) return false;
  const int descriptor = openat(folder, name, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (descriptor < 0) return false;
  const bool is_free = flock(descriptor, LOCK_EX | LOCK_NB) == 0;
  close(descriptor);
  return is_free;
}

/// Removes what runs with the same target have left when they were killed.
static void remove_abandoned(const char *path) {
  const size_t length = folder_length(path);
  char *folder = kd_string_copy(path), start[256];
  if (!folder) return;
  folder[length] = '\0';
  snprintf(start, sizeof start, ".%.200s.", path + length);
  DIR *list = opendir(length ? folder : ".");
  kd_free(folder);
  if (!list) return;
  static const char end[] = ".partial";
  for (const struct dirent *entry = readdir(list); entry; entry = readdir(list)) {
    const size_t size = strlen(entry->d_name), head = strlen(start);
    if (size <= head + sizeof end - 1 || strncmp(entry->d_name, start, head) != 0 ||
        strcmp(entry->d_name + size - (sizeof end - 1), end) != 0)
      continue;
    if (is_abandoned(dirfd(list), entry->d_name, entry->d_name + head))
      unlinkat(dirfd(list), entry->d_name, 0);
  }
  closedir(list);
}

/// Creates `.NAME.PID.partial` beside the target, with the permissions of the file it will replace.
static kd_status create_partial(kd_output *output, mode_t mode) {
  const size_t size = strlen(output->path) + 64;
  const int folder = (int)folder_length(output->path);
  const char *file_name = output->path + folder;
  if (!*file_name)
    return kd_error(KD_ERROR_FILE, "%s: error: has no file name (expected FILE.h5)", output->name);
  char *partial = kd_allocate(size, 1);
  if (!partial) return KD_ERROR_MEMORY;
  remove_abandoned(output->path);
  for (int attempt = 0; attempt < 100 && output->sink.descriptor < 0; attempt++) {
    char serial[16] = "";
    if (attempt > 0) snprintf(serial, sizeof serial, ".%d", attempt);
    /* The name is cut so that a long one leaves room for the rest. */
    snprintf(partial, size, "%.*s.%.200s.%ld%s.partial", folder, output->path, file_name,
             (long)getpid(), serial);
    output->sink.descriptor = open(partial, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (output->sink.descriptor < 0 && errno != EEXIST) break;
  }
  if (output->sink.descriptor < 0) {
    const int reason = errno;
    kd_free(partial);
    return kd_error(KD_ERROR_FILE, "%s: error: cannot create the file: %s", output->name,
                    strerror(reason));
  }
  output->partial = partial;
  // Tells others that somebody still writes; where there are no locks, the number of the process.
  (void)flock(output->sink.descriptor, LOCK_EX | LOCK_NB);
  if (mode && fchmod(output->sink.descriptor, mode) != 0)
    return kd_error(KD_ERROR_FILE, "%s: error: cannot set the permissions: %s", output->name,
                    strerror(errno));
  return KD_OK;
}

/// Makes a rename last: syncs the folder that holds the target.
static kd_status sync_folder(const kd_output *output) {
  char *folder = kd_string_copy(output->path);
  if (!folder) return KD_ERROR_MEMORY;
  const size_t length = folder_length(folder);
  folder[length] = '\0';
  const int descriptor = open(length ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  kd_free(folder);
  /* A folder one may write to but not list is legitimate, and so are file systems that cannot sync
     folders (EINVAL); only a failing disk is an error. */
  if (descriptor < 0) return KD_OK;
  const int failed = fsync(descriptor) != 0 ? errno : 0;
  close(descriptor);
  if (failed == 0 || failed == EINVAL) return KD_OK;
  return kd_error(KD_ERROR_FILE, "%s: error: cannot sync the folder: %s", output->name,
                  strerror(failed));
}

/* ---- attributes ----------------------------------------------------------------------------- */

/// Writes an attribute of `object`, replacing one of the same name. Nothing is read from `data`
/// when the dataspace is empty.
static kd_status put_attribute(kd_output *output, hid_t object, const char *path, const char *name,
                               hid_t stored, hid_t memory, hid_t space, const void *data) {
  kd_status status = KD_OK;
  hid_t attribute = H5I_INVALID_HID;
  htri_t exists = H5Aexists(object, name);
  H5_CHECK(exists, output, "look up an attribute of", path);
  if (exists) H5_CHECK(H5Adelete(object, name), output, "replace an attribute of", path);
  attribute = H5Acreate2(object, name, stored, space, H5P_DEFAULT, H5P_DEFAULT);
  H5_CHECK(attribute, output, "write an attribute of", path);
  if (H5Sget_simple_extent_npoints(space) > 0)
    H5_CHECK(H5Awrite(attribute, memory, data), output, "write an attribute of", path);
cleanup:
  kd_h5_close(attribute);
  return status;
}

static kd_status put_text(kd_output *output, hid_t object, const char *path, const char *name,
                          const char *text) {
  return put_attribute(output, object, path, name, output->text, output->text, output->scalar,
                       &text);
}

static kd_status put_integer(kd_output *output, hid_t object, const char *path, const char *name,
                             long value) {
  return put_attribute(output, object, path, name, H5T_STD_I64LE, H5T_NATIVE_LONG, output->scalar,
                       &value);
}

/// Writes the attributes that every dataset has.
static kd_status put_meaning(kd_output *output, hid_t dataset, const char *path, const char *name,
                             const char *unit, const char *long_name, const char *reference) {
  KD_TRY(put_text(output, dataset, path, "units", unit ? unit : "1"));
  KD_TRY(put_text(output, dataset, path, "long_name", long_name ? long_name : name));
  if (reference) KD_TRY(put_text(output, dataset, path, "reference", reference));
  return KD_OK;
}

/* ---- groups and dimension scales ------------------------------------------------------------ */

/// Opens a group and creates it, and its parents, where it does not exist yet.
static kd_status open_group(kd_output *output, const char *path, hid_t *group) {
  kd_status status = KD_OK;
  hid_t links = H5I_INVALID_HID;
  hid_t order = H5I_INVALID_HID;
  *group = H5Gopen2(output->file, path, H5P_DEFAULT);
  if (*group >= 0) return KD_OK;
  links = H5Pcreate(H5P_LINK_CREATE);
  order = H5Pcreate(H5P_GROUP_CREATE);
  H5_CHECK(links, output, "create", path);
  H5_CHECK(order, output, "create", path);
  H5_CHECK(H5Pset_create_intermediate_group(links, 1), output, "create", path);
  H5_CHECK(H5Pset_link_creation_order(order, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED), output,
           "create", path);
  *group = H5Gcreate2(output->file, path, links, order, H5P_DEFAULT);
  H5_CHECK(*group, output, "create", path);
cleanup:
  kd_h5_close(order);
  kd_h5_close(links);
  return status;
}

/// Creates a dataset of the current `extent`; every axis with a `limit` of H5S_UNLIMITED can grow,
/// and then `chunk` is its chunk shape.
static kd_status create_dataset(kd_output *output, hid_t group, const char *path, const char *name,
                                hid_t type, int rank, const hsize_t *extent, const hsize_t *limit,
                                const hsize_t *chunk, hid_t *dataset) {
  kd_status status = KD_OK;
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  hid_t space = rank > 0 ? H5Screate_simple(rank, extent, limit) : H5Screate(H5S_SCALAR);
  *dataset = H5I_INVALID_HID;
  H5_CHECK(creation, output, "create", path);
  H5_CHECK(space, output, "create", path);
  H5_CHECK(H5Pset_attr_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED),
           output, "create", path);
  if (chunk) H5_CHECK(H5Pset_chunk(creation, rank, chunk), output, "create", path);
  *dataset = H5Dcreate2(group, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  H5_CHECK(*dataset, output, "create", path);
cleanup:
  kd_h5_close(space);
  kd_h5_close(creation);
  return status;
}

static kd_status create_scale(kd_output *output, hid_t group, const char *path, const kd_axis *axis,
                              hid_t *scale) {
  kd_status status = KD_OK;
  const hsize_t extent = axis->size;
  double *count = NULL;
  const double *coordinates = axis->coordinates;
  if (!coordinates) {
    KD_ALLOCATE(count, axis->size);
    for (size_t i = 0; i < axis->size; i++) count[i] = (double)i;
    coordinates = count;
  }
  KD_CHECK(create_dataset(output, group, path, axis->name, H5T_IEEE_F64LE, 1, &extent, NULL, NULL,
                          scale));
  if (extent > 0)
    H5_CHECK(H5Dwrite(*scale, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, coordinates),
             output, "write", path);
  H5_CHECK(H5DSset_scale(*scale, axis->name), output, "write", path);
  KD_CHECK(put_meaning(output, *scale, path, axis->name, axis->unit, axis->long_name, NULL));
cleanup:
  kd_free(count);
  return status;
}

/// Opens the dimension scale of an axis, creating it where the group meets it for the first time.
static kd_status open_scale(kd_output *output, hid_t group, const char *path, const kd_axis *axis,
                            hid_t *scale) {
  kd_status status = KD_OK;
  hid_t space = H5I_INVALID_HID;
  const htri_t exists = H5Lexists(group, axis->name, H5P_DEFAULT);
  *scale = H5I_INVALID_HID;
  H5_CHECK(exists, output, "look up", path);
  if (!exists) return create_scale(output, group, path, axis, scale);
  *scale = H5Dopen2(group, axis->name, H5P_DEFAULT);
  if (*scale < 0 || H5DSis_scale(*scale) <= 0)
    return misuse(output, path, "an axis has the name of something that is not an axis");
  space = H5Dget_space(*scale);
  H5_CHECK(space, output, "read", path);
  if (H5Sget_simple_extent_npoints(space) != (hssize_t)axis->size)
    status =
        kd_error(KD_ERROR_INTERNAL, "%s: error: %s: the axis has %lld points, not %zu",
                 output->name, path, (long long)H5Sget_simple_extent_npoints(space), axis->size);
cleanup:
  kd_h5_close(space);
  return status;
}

/// A variable in a subgroup uses the scales of the group; links to them in the subgroup make it a
/// dataset of its own to readers that look no further than one group.
static kd_status link_scale(kd_output *output, hid_t group, const char *path, const char *subgroup,
                            const char *scale) {
  kd_status status = KD_OK;
  hid_t target = H5I_INVALID_HID;
  htri_t exists = false;
  if (!subgroup) return KD_OK;
  target = H5Gopen2(group, subgroup, H5P_DEFAULT);
  H5_CHECK(target, output, "open the group of", path);
  exists = H5Lexists(target, scale, H5P_DEFAULT);
  H5_CHECK(exists, output, "look up the axes of", path);
  if (!exists)
    H5_CHECK(H5Lcreate_hard(group, scale, target, scale, H5P_DEFAULT, H5P_DEFAULT), output,
             "link the axes of", path);
cleanup:
  kd_h5_close(target);
  return status;
}

/* ---- datasets ------------------------------------------------------------------------------- */

/// Returns "GROUP/NAME" for kd_free.
static char *join_path(const char *group, const char *name) {
  const size_t size = strlen(group) + strlen(name) + 2;
  char *path = kd_allocate(size, 1);
  if (path) snprintf(path, size, "%s/%s", strcmp(group, "/") == 0 ? "" : group, name);
  return path;
}

static kd_status check_variable(kd_output *output, const char *path, const kd_variable *variable,
                                bool grows) {
  if (variable->n_axis > KD_MAX_AXES) return misuse(output, path, "too many axes");
  for (size_t i = 0; i < variable->n_axis; i++) {
    const char *name = variable->axis[i].name;
    if (!name || !*name || strchr(name, '/')) return misuse(output, path, "an axis has no name");
    if (strcmp(name, variable->name) == 0 || (grows && strcmp(name, "time") == 0))
      return misuse(output, path, "an axis has a name that is taken");
    for (size_t j = 0; j < i; j++)
      if (strcmp(name, variable->axis[j].name) == 0)
        return misuse(output, path, "two axes have the same name");
    if (grows && variable->axis[i].size == 0) return misuse(output, path, "an axis is empty");
  }
  return KD_OK;
}

/// Chooses the chunk shape of a series: many small records in one chunk, or one record in one or
/// more chunks that are contiguous parts of it.
static void choose_chunk(size_t number_bytes, int rank, const hsize_t *extent, hsize_t *chunk) {
  double bytes = (double)number_bytes;
  for (int i = 1; i < rank; i++) {
    chunk[i] = extent[i];
    bytes *= (double)extent[i];
  }
  const double records = TRACE_CHUNK_BYTES / bytes;
  chunk[0] = records >= TRACE_RECORDS ? TRACE_RECORDS : records > 1 ? (hsize_t)records : 1;
  for (int i = 1; i < rank && bytes > RECORD_CHUNK_BYTES; i++) {
    const double parts = bytes / RECORD_CHUNK_BYTES;
    const double row = bytes / (double)extent[i];
    hsize_t size = (hsize_t)((double)extent[i] / parts);
    chunk[i] = size > 0 ? size : 1;
    bytes = row * (double)chunk[i];
  }
}

/// Takes room for one record of every variable; they have been checked.
static kd_status want_room(kd_output *output, const kd_variable *variables, size_t count) {
  size_t bytes = 0;
  for (size_t i = 0; i < count; i++) {
    size_t size = variables[i].is_complex ? sizeof(double[2]) : sizeof(double);
    for (size_t j = 0; j < variables[i].n_axis; j++) size *= variables[i].axis[j].size;
    bytes += size;
  }
  return kd_output_want_room(output, bytes);
}

/// Creates the dataset of a variable, with scales on its axes and attributes. `time` is the scale
/// of the growing axis that is put in front, or negative for a fixed dataset.
static kd_status create_variable(kd_output *output, const char *group_path,
                                 const kd_variable *variable, hid_t time, kd_column *column) {
  kd_status status = KD_OK;
  hid_t group = H5I_INVALID_HID;
  hid_t subgroup = H5I_INVALID_HID;
  hid_t scale = H5I_INVALID_HID;
  const bool grows = time >= 0;
  const hid_t stored = variable->is_complex ? output->complex_file : H5T_IEEE_F64LE;
  hsize_t limit[MAX_RANK] = {0};
  hsize_t chunk[MAX_RANK] = {0};
  char *subgroup_name = NULL;
  const char *leaf = variable->name;
  char *path = join_path(group_path, variable->name);
  char *scale_path = NULL;
  if (!path) return KD_ERROR_MEMORY;
  KD_CHECK(check_variable(output, path, variable, grows));
  if (!grows) KD_CHECK(want_room(output, variable, 1));
  KD_CHECK(open_group(output, group_path, &group));
  if (folder_length(variable->name) > 0) {
    char *subgroup_path = NULL;
    leaf += folder_length(variable->name);
    subgroup_name = kd_string_copy(variable->name);
    if (subgroup_name) {
      subgroup_name[folder_length(variable->name) - 1] = '\0';
      subgroup_path = join_path(group_path, subgroup_name);
    }
    status = subgroup_path ? open_group(output, subgroup_path, &subgroup) : KD_ERROR_MEMORY;
    kd_free(subgroup_path);
    if (status != KD_OK) goto cleanup;
  }

  const int first = grows ? 1 : 0;
  column->rank = (int)variable->n_axis + first;
  column->type = variable->is_complex ? output->complex_memory : H5T_NATIVE_DOUBLE;
  limit[0] = H5S_UNLIMITED;
  for (size_t i = 0; i < variable->n_axis; i++)
    column->extent[first + (int)i] = limit[first + (int)i] = variable->axis[i].size;
  if (grows) choose_chunk(H5Tget_size(stored), column->rank, column->extent, chunk);
  KD_CHECK(create_dataset(output, subgroup >= 0 ? subgroup : group, path, leaf, stored,
                          column->rank, column->extent, grows ? limit : NULL, grows ? chunk : NULL,
                          &column->dataset));
  KD_CHECK(put_meaning(output, column->dataset, path, leaf, variable->unit, variable->long_name,
                       variable->reference));
  if (grows) {
    H5_CHECK(H5DSattach_scale(column->dataset, time, 0), output, "attach the axes of", path);
    KD_CHECK(link_scale(output, group, path, subgroup_name, "time"));
  }
  for (size_t i = 0; i < variable->n_axis; i++) {
    const kd_axis *axis = &variable->axis[i];
    scale_path = join_path(group_path, axis->name);
    if (!scale_path) {
      status = KD_ERROR_MEMORY;
      goto cleanup;
    }
    KD_CHECK(open_scale(output, group, scale_path, axis, &scale));
    H5_CHECK(H5DSattach_scale(column->dataset, scale, (unsigned)first + (unsigned)i), output,
             "attach the axes of", path);
    KD_CHECK(link_scale(output, group, path, subgroup_name, axis->name));
    kd_h5_close(scale);
    scale = H5I_INVALID_HID;
    kd_free(scale_path);
    scale_path = NULL;
  }
cleanup:
  if (status != KD_OK) output->failure = status;
  kd_h5_close(scale);
  kd_h5_close(subgroup);
  kd_h5_close(group);
  kd_free(scale_path);
  kd_free(subgroup_name);
  kd_free(path);
  return status;
}

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
  return together(output, failed ? kd_error(KD_ERROR_FILE, "%s: error: cannot write the file: %s",
                                            output->name, strerror(failed))
                                 : KD_OK);
}

/// Writes what HDF5 still holds back. Of a file of many processes it cuts off what lies beyond the
/// end that it knows, and with it the room that was taken there.
static kd_status flush(kd_output *output, H5F_scope_t scope) {
  struct stat found;
  KD_TRY(kd_output_want_room(output, 0));
  const herr_t flushed = H5Fflush(output->file, scope);
  KD_TRY(together(output, flushed < 0 ? fail(output, "write", "the file") : KD_OK));
  if (!output->comm || output->sink.descriptor < 0) return KD_OK;
  if (fstat(output->sink.descriptor, &found) != 0) return KD_OK;
  output->flushed_size = found.st_size;
  output->asked = 0;
  if (output->solid > found.st_size) output->solid = found.st_size;
  return KD_OK;
}

/// Gives back the room that was taken beyond the end of the file.
static void return_room(const kd_output *output) {
  struct stat found;
  if (!output->comm || fstat(output->sink.descriptor, &found) != 0) return;
  // What stays is room that is not needed.
  if (ftruncate(output->sink.descriptor, found.st_size) != 0) return;
}

static kd_status write_fixed(kd_output *output, const char *group, const kd_variable *variable) {
  kd_status status = KD_OK;
  kd_column column = {.dataset = H5I_INVALID_HID, .record = H5I_INVALID_HID};
  KD_CHECK(create_variable(output, group, variable, H5I_INVALID_HID, &column));
  for (size_t i = 0; i < variable->n_axis; i++)
    if (variable->axis[i].size == 0) goto cleanup;
  if (!variable->data) {
    status = misuse(output, variable->name, "there are no data");
    goto cleanup;
  }
  if (output->comm) {
    const hsize_t start[MAX_RANK] = {0};
    column.record = H5Dget_space(column.dataset);
    H5_CHECK(column.record, output, "write", variable->name);
    H5_CHECK(kd_parallel_write(output->comm, column.dataset, column.type, column.record,
                               column.rank, start, column.extent, variable, variable->data),
             output, "write", variable->name);
  } else {
    H5_CHECK(H5Dwrite(column.dataset, column.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, variable->data),
             output, "write", variable->name);
  }
cleanup:
  kd_h5_close(column.record);
  kd_h5_close(column.dataset);
  return status;
}

/* ---- series --------------------------------------------------------------------------------- */

static void close_series(kd_series *series) {
  for (size_t i = 0; series->columns && i < series->n_variable; i++) {
    kd_h5_close(series->columns[i].record);
    kd_h5_close(series->columns[i].dataset);
  }
  kd_h5_close(series->time.record);
  kd_h5_close(series->time.dataset);
  kd_free(series->columns);
  kd_free(series->group);
}

/// Creates the dataspace of one record in memory.
static kd_status create_record(kd_output *output, kd_column *column, const char *path) {
  hsize_t count[MAX_RANK] = {1};
  for (int i = 1; i < column->rank; i++) count[i] = column->extent[i];
  column->record = H5Screate_simple(column->rank, count, NULL);
  return column->record < 0 ? fail(output, "create", path) : KD_OK;
}

static kd_status create_time(kd_output *output, const char *group_path, const char *unit,
                             kd_column *time) {
  kd_status status = KD_OK;
  const hsize_t limit = H5S_UNLIMITED;
  const hsize_t chunk = TRACE_RECORDS;
  hid_t group = H5I_INVALID_HID;
  char *path = join_path(group_path, "time");
  if (!path) return KD_ERROR_MEMORY;
  KD_CHECK(open_group(output, group_path, &group));
  time->rank = 1;
  time->type = H5T_NATIVE_DOUBLE;
  KD_CHECK(create_dataset(output, group, path, "time", H5T_IEEE_F64LE, 1, time->extent, &limit,
                          &chunk, &time->dataset));
  H5_CHECK(H5DSset_scale(time->dataset, "time"), output, "create", path);
  KD_CHECK(put_meaning(output, time->dataset, path, "time", unit, "time", NULL));
  KD_CHECK(create_record(output, time, path));
cleanup:
  kd_h5_close(group);
  kd_free(path);
  return status;
}

/// Opens a dataset that is there already, of the shape that the column has but for the records.
static kd_status open_column(kd_output *output, const char *group, const char *name,
                             kd_column *column) {
  kd_status status = KD_OK;
  hsize_t extent[H5S_MAX_RANK];
  hid_t space = H5I_INVALID_HID;
  char *path = join_path(group, name);
  if (!path) return KD_ERROR_MEMORY;
  column->dataset = H5Dopen2(output->file, path, H5P_DEFAULT);
  H5_CHECK(column->dataset, output, "open", path);
  space = H5Dget_space(column->dataset);
  H5_CHECK(space, output, "open", path);
  bool fits = H5Sget_simple_extent_ndims(space) == column->rank &&
              H5Sget_simple_extent_dims(space, extent, NULL) >= 0;
  for (int i = 1; fits && i < column->rank; i++) fits = extent[i] == column->extent[i];
  if (!fits) {
    output->failure = KD_ERROR_FILE;
    status = kd_error(KD_ERROR_FILE, "%s: error: %s has another shape than the scenario says",
                      output->name, path);
    goto cleanup;
  }
  column->extent[0] = extent[0];
  KD_CHECK(create_record(output, column, path));
cleanup:
  kd_h5_close(space);
  kd_free(path);
  return status;
}

/// Takes up a series again that an earlier part of the run has written.
static kd_status open_series(kd_output *output, kd_series *series) {
  series->time.rank = 1;
  series->time.type = H5T_NATIVE_DOUBLE;
  KD_TRY(open_column(output, series->group, "time", &series->time));
  series->n_record = series->time.extent[0];
  for (size_t i = 0; i < series->n_variable; i++) {
    const kd_variable *variable = &series->variables[i];
    kd_column *column = &series->columns[i];
    column->rank = (int)variable->n_axis + 1;
    column->type = variable->is_complex ? output->complex_memory : H5T_NATIVE_DOUBLE;
    for (size_t j = 0; j < variable->n_axis; j++) column->extent[1 + j] = variable->axis[j].size;
    KD_TRY(open_column(output, series->group, variable->name, column));
  }
  return KD_OK;
}

static kd_status truncate_series(kd_output *output, size_t number, size_t n_record) {
  if (number >= output->n_series) return misuse(output, "truncate", "there is no such series");
  kd_series *series = &output->series[number];
  if (n_record > series->n_record) {
    output->failure = KD_ERROR_FILE;
    return kd_error(KD_ERROR_FILE,
                    "%s: error: %s holds %llu records, not the %zu of the checkpoint", output->name,
                    series->group, (unsigned long long)series->n_record, n_record);
  }
  series->n_record = n_record;
  // Of a file of many processes the zeros that HDF5 puts into the place of what is cut off would
  // arrive after the records that come there next. These are as many as before: they take the
  // place.
  if (output->comm) return KD_OK;
  for (size_t i = 0; i <= series->n_variable; i++) {
    kd_column *column = i < series->n_variable ? &series->columns[i] : &series->time;
    column->extent[0] = n_record;
    if (H5Dset_extent(column->dataset, column->extent) < 0)
      return fail(output, "shorten", series->group);
  }
  return KD_OK;
}

static kd_status declare_series(kd_output *output, const char *group, const char *time_unit,
                                const kd_variable *variables, size_t n_variable, size_t *number) {
  kd_status status = KD_OK;
  kd_series *list = NULL;
  kd_series series = {.variables = variables,
                      .n_variable = n_variable,
                      .time = {.dataset = H5I_INVALID_HID, .record = H5I_INVALID_HID}};
  series.group = kd_string_copy(group);
  if (!series.group) return KD_ERROR_MEMORY;
  KD_ALLOCATE(series.columns, n_variable);
  for (size_t i = 0; i < n_variable; i++)
    series.columns[i].dataset = series.columns[i].record = H5I_INVALID_HID;
  if (output->is_resumed)
    KD_CHECK(open_series(output, &series));
  else
    KD_CHECK(create_time(output, group, time_unit, &series.time));
  for (size_t i = 0; i < n_variable && !output->is_resumed; i++) {
    KD_CHECK(
        create_variable(output, group, &variables[i], series.time.dataset, &series.columns[i]));
    KD_CHECK(create_record(output, &series.columns[i], variables[i].name));
  }
  KD_ALLOCATE(list, output->n_series + 1);
  if (output->n_series > 0) memcpy(list, output->series, output->n_series * sizeof *list);
  list[output->n_series] = series;
  kd_free(output->series);
  output->series = list;
  *number = output->n_series++;
cleanup:
  if (status != KD_OK) {
    output->failure = status;
    close_series(&series);
  }
  return status;
}

/// Writes record number `n_record` of one dataset, which grows by one.
/// @param variable  NULL: the time
static kd_status append_record(kd_output *output, const char *name, kd_column *column,
                               hsize_t n_record, const kd_variable *variable, const void *data) {
  kd_status status = KD_OK;
  hid_t space = H5I_INVALID_HID;
  hsize_t start[MAX_RANK] = {n_record};
  hsize_t count[MAX_RANK] = {1};
  for (int i = 1; i < column->rank; i++) count[i] = column->extent[i];
  if (column->extent[0] < n_record + 1) {
    column->extent[0] = n_record + 1;
    H5_CHECK(H5Dset_extent(column->dataset, column->extent), output, "append to", name);
  }
  space = H5Dget_space(column->dataset);
  H5_CHECK(space, output, "append to", name);
  H5_CHECK(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL), output,
           "append to", name);
  if (output->comm)
    H5_CHECK(kd_parallel_write(output->comm, column->dataset, column->type, space, column->rank,
                               start, count, variable, data),
             output, "append to", name);
  else
    H5_CHECK(H5Dwrite(column->dataset, column->type, column->record, space, H5P_DEFAULT, data),
             output, "append to", name);
cleanup:
  kd_h5_close(space);
  return together(output, status);
}

static kd_status append(kd_output *output, size_t number, double t) {
  KD_TRY(refuse_failed(output));
  if (number >= output->n_series) return misuse(output, "append", "there is no such series");
  kd_series *series = &output->series[number];
  KD_TRY(want_room(output, series->variables, series->n_variable));
  for (size_t i = 0; i < series->n_variable; i++) {
    const kd_variable *variable = &series->variables[i];
    if (!variable->data) return misuse(output, variable->name, "there are no data");
    KD_TRY(append_record(output, variable->name, &series->columns[i], series->n_record, variable,
                         variable->data));
  }
  KD_TRY(append_record(output, "time", &series->time, series->n_record, NULL, &t));
  series->n_record++;

  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  bool is_due = now.tv_sec - output->flushed.tv_sec >= 1 || output->flushed.tv_sec == 0;
  kd_comm_broadcast(output->comm, &is_due, sizeof is_due);
  if (is_due) {
    /* From here on the unfinished file can be read even if the process dies. */
    KD_TRY(flush(output, H5F_SCOPE_LOCAL));
    output->flushed = now;
  }
  return KD_OK;
}

/* ---- life cycle ----------------------------------------------------------------------------- */

static void close_all(kd_output *output) {
  for (size_t i = 0; i < output->n_series; i++) close_series(&output->series[i]);
  output->n_series = 0;
  kd_h5_close(output->scalar);
  kd_h5_close(output->text);
  kd_h5_close(output->complex_memory);
  kd_h5_close(output->complex_file);
  output->scalar = output->text = output->complex_memory = output->complex_file = H5I_INVALID_HID;
}

static void discard(kd_output *output) {
  close_all(output);
  if (output->file >= 0) H5Fclose(output->file);
  if (output->driver >= 0) H5FDunregister(output->driver);
  if (output->sink.descriptor >= 0) close(output->sink.descriptor);
  if (output->partial) unlink(output->partial);
  kd_free(output->series);
  kd_free(output->partial);
  kd_free(output->path);
  kd_free(output->name);
  kd_free(output);
}

/// How files are accessed, but for what is below HDF5; negative when HDF5 fails.
static hid_t file_access(void) {
  const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  if (access < 0) return access;
  /* The format of HDF5 1.8: everything reads it, and unlike later ones it has no mark for being
     open that would have to be cleared by hand after a crash. */
  if (H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) < 0 ||
      H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) < 0) {
    H5Pclose(access);
    return H5I_INVALID_HID;
  }
  return access;
}

static kd_status create_file(kd_output *output) {
  kd_status status = KD_OK;
  hid_t access = file_access();
  hid_t creation = H5Pcreate(H5P_FILE_CREATE);
  H5_CHECK(access, output, "create", "the file");
  H5_CHECK(creation, output, "create", "the file");
  H5_CHECK(H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED),
           output, "create", "the file");
  output->driver = kd_sink_driver();
  H5_CHECK(output->driver, output, "create", "the file");
  H5_CHECK(kd_sink_use(access, output->driver, &output->sink), output, "create", "the file");
  output->file = output->is_resumed ? H5Fopen(output->partial, H5F_ACC_RDWR, access)
                                    : H5Fcreate(output->partial, H5F_ACC_TRUNC, creation, access);
  H5_CHECK(output->file, output, output->is_resumed ? "open the copy of" : "create", "the file");
cleanup:
  kd_h5_close(creation);
  kd_h5_close(access);
  return status;
}

static kd_status create_types(kd_output *output) {
  kd_status status = KD_OK;
  output->complex_file = kd_h5_complex_type(H5T_IEEE_F64LE);
  H5_CHECK(output->complex_file, output, "create", "a type");
  output->complex_memory = kd_h5_complex_type(H5T_NATIVE_DOUBLE);
  H5_CHECK(output->complex_memory, output, "create", "a type");
  output->text = H5Tcopy(H5T_C_S1);
  H5_CHECK(output->text, output, "create", "a type");
  H5_CHECK(H5Tset_size(output->text, H5T_VARIABLE), output, "create", "a type");
  H5_CHECK(H5Tset_cset(output->text, H5T_CSET_UTF8), output, "create", "a type");
  output->scalar = H5Screate(H5S_SCALAR);
  H5_CHECK(output->scalar, output, "create", "a dataspace");
cleanup:
  return status;
}

static kd_status write_header(kd_output *output, const char *scenario_text, const char *command) {
  kd_status status = KD_OK;
  hid_t dataset = H5I_INVALID_HID;
  hid_t run = H5I_INVALID_HID;
  const hid_t root = output->file;
  char created[32];
  const time_t now = time(NULL);
  struct tm utc;
  if (!gmtime_r(&now, &utc) || !strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", &utc))
    created[0] = '\0';
  KD_CHECK(put_integer(output, root, "/", "format_version", FORMAT_VERSION));
  KD_CHECK(put_text(output, root, "/", "keldrift_version", KD_VERSION));
  KD_CHECK(put_text(output, root, "/", "git_revision", kd_revision()));
  KD_CHECK(put_text(output, root, "/", "build", KD_BUILD));
  KD_CHECK(put_text(output, root, "/", "created", created));
  KD_CHECK(put_text(output, root, "/", "command", command ? command : ""));

  const char *text = scenario_text ? scenario_text : "";
  KD_CHECK(create_dataset(output, root, "/scenario", "scenario", output->text, 0, NULL, NULL, NULL,
                          &dataset));
  H5_CHECK(H5Dwrite(dataset, output->text, H5S_ALL, H5S_ALL, H5P_DEFAULT, &text), output, "write",
           "/scenario");
  KD_CHECK(put_meaning(output, dataset, "/scenario", "scenario", "1",
                       "resolved scenario (YAML), as it can be run again", NULL));
  KD_CHECK(open_group(output, "/run", &run));
cleanup:
  kd_h5_close(run);
  kd_h5_close(dataset);
  return status;
}

/// Copies a whole file into the open partial file.
static kd_status copy_file(kd_output *output, int source, const char *source_name) {
  kd_status status = KD_OK;
  const size_t size = (size_t)1 << 20;
  char *buffer;
  KD_ALLOCATE(buffer, size);
  for (off_t place = 0;;) {
    const ssize_t n = pread(source, buffer, size, place);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      status = kd_error(KD_ERROR_FILE, "%s: error: cannot read: %s", source_name, strerror(errno));
      goto cleanup;
    }
    if (n == 0) break;
    for (ssize_t done = 0; done < n;) {
      const ssize_t m =
          pwrite(output->sink.descriptor, buffer + done, (size_t)(n - done), place + done);
      if (m < 0 && errno == EINTR) continue;
      if (m < 0) {
        status =
            kd_error(KD_ERROR_FILE, "%s: error: cannot write: %s", output->name, strerror(errno));
        goto cleanup;
      }
      done += m;
    }
    place += n;
    output->sink.end = (haddr_t)place;
  }
cleanup:
  kd_free(buffer);
  return status;
}

/// Where a file begins from.
typedef struct origin {
  const char *scenario_text, *command; ///< of a new one
  bool is_copy;                        ///< of an open file, to go on with
  int source;                          ///< its descriptor; used by process 0 alone
  const char *source_name;
} origin;

/// Process 0 makes the file and writes the header, whose strings of any length parallel HDF5 does
/// not write.
static kd_status begin(kd_output *output, const char *path, const origin *from) {
  mode_t mode = 0;
  KD_TRY(resolve_target(output, path, &mode));
  KD_TRY(create_partial(output, mode));
  if (from->is_copy) KD_TRY(copy_file(output, from->source, from->source_name));
  KD_TRY(create_file(output));
  if (!from->is_copy) KD_TRY(write_header(output, from->scenario_text, from->command));
  return settle(output, KD_OK);
}

/// Opens the file that process 0 has begun in all processes.
static kd_status open_together(kd_output *output) {
  kd_status status = KD_OK;
  char partial[PATH_MAX + NAME_MAX] = "";
  hid_t access = H5I_INVALID_HID;
  if (output->file >= 0) {
    const herr_t closed = H5Fclose(output->file);
    output->file = H5I_INVALID_HID;
    if (closed < 0) status = fail(output, "close", "the file");
    snprintf(partial, sizeof partial, "%s", output->partial);
  }
  KD_TRY(together(output, settle(output, status)));
  kd_comm_broadcast(output->comm, partial, sizeof partial);
  access = file_access();
  H5_CHECK(access, output, "open", "the file");
  H5_CHECK(kd_parallel_use(access, output->comm), output, "open", "the file");
  output->file = H5Fopen(partial, H5F_ACC_RDWR, access);
  H5_CHECK(output->file, output, "open", "the file");
  struct stat found;
  if (output->sink.descriptor >= 0 && fstat(output->sink.descriptor, &found) == 0)
    output->flushed_size = found.st_size;
cleanup:
  kd_h5_close(access);
  return status;
}

/// Starts a file; collective.
static kd_status create(const char *path, const origin *from, const kd_comm *comm,
                        kd_output **result) {
  kd_status status = KD_OK;
  kd_output *output = kd_allocate(1, sizeof *output);
  *result = NULL;
  if (!output) return KD_ERROR_MEMORY;
  output->sink.descriptor = -1;
  output->driver = H5I_INVALID_HID;
  output->file = output->complex_file = output->complex_memory = H5I_INVALID_HID;
  output->text = output->scalar = H5I_INVALID_HID;
  output->name = kd_string_copy(path);
  if (!output->name) {
    status = KD_ERROR_MEMORY;
    goto cleanup;
  }
  if (kd_comm_size(comm) > 1) output->comm = comm;
  output->is_resumed = from->is_copy;
  KD_CHECK(create_types(output));
  if (kd_comm_rank(comm) == 0) status = begin(output, path, from);
  KD_CHECK(together(output, status));
  if (output->comm) KD_CHECK(together(output, open_together(output)));
cleanup:
  if (status != KD_OK)
    discard(output);
  else
    *result = output;
  return status;
}

/// Completes the file, all but taking the place of the target.
static kd_status finish(kd_output *output) {
  KD_TRY(refuse_failed(output));
  close_all(output);
  KD_TRY(flush(output, H5F_SCOPE_GLOBAL));
  const herr_t closed = H5Fclose(output->file);
  output->file = H5I_INVALID_HID;
  KD_TRY(together(output, closed < 0 ? fail(output, "close", "the file") : KD_OK));
  KD_TRY(settle(output, KD_OK));
  // Of many processes the first one has the file.
  if (!output->partial) return KD_OK;
  return_room(output);
  if (output->is_sealed) KD_TRY(kd_seal_write(output->sink.descriptor, output->name));
  if (fsync(output->sink.descriptor) != 0)
    return kd_error(KD_ERROR_FILE, "%s: error: cannot sync the file: %s", output->name,
                    strerror(errno));
  return KD_OK;
}

static kd_status finish_and_replace(kd_output *output) {
  kd_status status = finish(output);
  /* Of many processes the first one has it. */
  const bool replaces = status == KD_OK && output->partial;
  if (replaces && rename(output->partial, output->path) != 0) {
    /* The result is complete, so it stays where it is. */
    status = kd_error(KD_ERROR_FILE, "%s: error: cannot rename %s to it: %s; the result is there",
                      output->name, output->partial, strerror(errno));
    kd_free(output->partial);
    output->partial = NULL;
  } else if (replaces) {
    kd_free(output->partial);
    output->partial = NULL;
    status = sync_folder(output);
  }
  status = together(output, status);
  discard(output);
  return status;
}

/// Adds an attribute to an object given by its path.
static kd_status add_attribute(kd_output *output, const char *path, const char *name, hid_t stored,
                               hid_t memory, size_t count, bool list, const void *data) {
  kd_status status = KD_OK;
  const hsize_t extent = count;
  hid_t object = H5Oopen(output->file, path, H5P_DEFAULT);
  hid_t space = H5I_INVALID_HID;
  H5_CHECK(object, output, "open", path);
  if (list) {
    space = H5Screate_simple(1, &extent, NULL);
    H5_CHECK(space, output, "write an attribute of", path);
  }
  KD_CHECK(put_attribute(output, object, path, name, stored, memory, list ? space : output->scalar,
                         data));
cleanup:
  kd_h5_close(space);
  kd_h5_close(object);
  return status;
}

kd_status kd_output_create(const char *path, const char *scenario_text, const char *command,
                           kd_output **output) {
  return kd_output_create_shared(path, scenario_text, command, NULL, output);
}

kd_status kd_output_create_shared(const char *path, const char *scenario_text, const char *command,
                                  const kd_comm *comm, kd_output **output) {
  kd_status status;
  const origin from = {.scenario_text = scenario_text, .command = command};
  KD_H5_QUIETLY(status, create(path, &from, comm, output));
  return status;
}

kd_status kd_output_resume(const char *path, const char *source, const kd_comm *comm,
                           kd_output **output) {
  kd_status status = KD_OK;
  origin from = {.is_copy = true, .source = -1, .source_name = source};
  *output = NULL;
  if (kd_comm_rank(comm) == 0 && (from.source = open(source, O_RDONLY | O_CLOEXEC)) < 0)
    status =
        kd_error(KD_ERROR_FILE, "%s: error: cannot open the file: %s", source, strerror(errno));
  KD_TRY(kd_comm_agree(comm, status));
  KD_H5_QUIETLY(status, create(path, &from, comm, output));
  if (from.source >= 0) close(from.source);
  return status;
}

static kd_status fork_file(kd_output *output, const char *path, kd_output **copy) {
  *copy = NULL;
  KD_TRY(refuse_failed(output));
  KD_TRY(flush(output, H5F_SCOPE_GLOBAL));
  KD_TRY(settle(output, KD_OK));
  const origin from = {
      .is_copy = true, .source = output->sink.descriptor, .source_name = output->name};
  KD_TRY(create(path, &from, output->comm, copy));
  (*copy)->is_sealed = true;
  return KD_OK;
}

kd_status kd_output_fork(kd_output *output, const char *path, kd_output **copy) {
  kd_status status;
  KD_H5_QUIETLY(status, fork_file(output, path, copy));
  return status;
}

static kd_status remove_object(kd_output *output, const char *object) {
  KD_TRY(refuse_failed(output));
  if (H5Ldelete(output->file, object, H5P_DEFAULT) < 0) return fail(output, "remove", object);
  return KD_OK;
}

kd_status kd_output_remove(kd_output *output, const char *object) {
  kd_status status;
  KD_H5_QUIETLY(status, together(output, settle(output, remove_object(output, object))));
  return status;
}

kd_status kd_output_truncate(kd_output *output, size_t series, size_t n_record) {
  kd_status status;
  KD_H5_QUIETLY(status,
                together(output, settle(output, truncate_series(output, series, n_record))));
  return status;
}

kd_status kd_output_write(kd_output *output, const char *group, const kd_variable *variable) {
  kd_status status;
  KD_H5_QUIETLY(status, together(output, settle(output, write_fixed(output, group, variable))));
  return status;
}

kd_status kd_output_series(kd_output *output, const char *group, const char *time_unit,
                           const kd_variable *variables, size_t n_variable, size_t *series) {
  kd_status status;
  KD_H5_QUIETLY(status,
                together(output, settle(output, declare_series(output, group, time_unit, variables,
                                                               n_variable, series))));
  return status;
}

kd_status kd_output_append(kd_output *output, size_t series, double t) {
  kd_status status;
  KD_H5_QUIETLY(status, together(output, settle(output, append(output, series, t))));
  return status;
}

kd_status kd_output_attribute_real(kd_output *output, const char *object, const char *name,
                                   const double *values, size_t count) {
  kd_status status;
  KD_H5_QUIETLY(status, add_attribute(output, object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE,
                                      count, count != 1, values));
  return status;
}

kd_status kd_output_attribute_integer(kd_output *output, const char *object, const char *name,
                                      long value) {
  kd_status status;
  KD_H5_QUIETLY(status, add_attribute(output, object, name, H5T_STD_I64LE, H5T_NATIVE_LONG, 1,
                                      false, &value));
  return status;
}

kd_status kd_output_attribute_text(kd_output *output, const char *object, const char *name,
                                   const char *text) {
  kd_status status;
  KD_H5_QUIETLY(status,
                add_attribute(output, object, name, output->text, output->text, 1, false, &text));
  return status;
}

kd_status kd_output_attribute_texts(kd_output *output, const char *object, const char *name,
                                    const char *const *texts, size_t count) {
  kd_status status;
  KD_H5_QUIETLY(
      status, add_attribute(output, object, name, output->text, output->text, count, true, texts));
  return status;
}

kd_status kd_output_close(kd_output *output) {
  kd_status status;
  KD_H5_QUIETLY(status, finish_and_replace(output));
  return status;
}

void kd_output_discard(kd_output *output) {
  if (!output) return;
  H5E_BEGIN_TRY {
    discard(output);
  }
  H5E_END_TRY
}
