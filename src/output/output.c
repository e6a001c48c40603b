/// The life of a result while it is written: begun, gone on with, forked, completed or given up.
#include "keldrift/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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

enum { FORMAT_VERSION = 1 };

/* ---- steps that fail ------------------------------------------------------------------------ */

kd_status kd_output_fail(kd_output *output, const char *action, const char *object) {
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

kd_status kd_output_settle(kd_output *output, kd_status status) {
  if (status != KD_OK || output->sink.error == 0) return status;
  return kd_output_fail(output, "write", "the file");
}

kd_status kd_output_agree(kd_output *output, kd_status status) {
  status = kd_comm_agree(output->comm, status);
  if (status != KD_OK && output->failure == KD_OK) output->failure = status;
  return status;
}

kd_status kd_output_refuse_failed(const kd_output *output) {
  if (output->failure == KD_OK) return KD_OK;
  return kd_error(output->failure, "%s: error: the file is incomplete after an earlier error",
                  output->name);
}

kd_status kd_output_misuse(kd_output *output, const char *object, const char *what) {
  output->failure = KD_ERROR_INTERNAL;
  return kd_error(KD_ERROR_INTERNAL, "%s: error: %s: %s", output->name, object, what);
}

/* ---- life cycle ----------------------------------------------------------------------------- */

static void close_all(kd_output *output) {
  kd_output_close_series(output);
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
  kd_target_close(output);
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
  KD_H5_CHECK(access, output, "create", "the file");
  KD_H5_CHECK(creation, output, "create", "the file");
  KD_H5_CHECK(H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED),
              output, "create", "the file");
  output->driver = kd_sink_driver();
  KD_H5_CHECK(output->driver, output, "create", "the file");
  KD_H5_CHECK(kd_sink_use(access, output->driver, &output->sink), output, "create", "the file");
  output->file = output->is_resumed ? H5Fopen(output->partial, H5F_ACC_RDWR, access)
                                    : H5Fcreate(output->partial, H5F_ACC_TRUNC, creation, access);
  KD_H5_CHECK(output->file, output, output->is_resumed ? "open the copy of" : "create", "the file");
cleanup:
  kd_h5_close(creation);
  kd_h5_close(access);
  return status;
}

static kd_status create_types(kd_output *output) {
  kd_status status = KD_OK;
  output->complex_file = kd_h5_complex_type(H5T_IEEE_F64LE);
  KD_H5_CHECK(output->complex_file, output, "create", "a type");
  output->complex_memory = kd_h5_complex_type(H5T_NATIVE_DOUBLE);
  KD_H5_CHECK(output->complex_memory, output, "create", "a type");
  output->text = H5Tcopy(H5T_C_S1);
  KD_H5_CHECK(output->text, output, "create", "a type");
  KD_H5_CHECK(H5Tset_size(output->text, H5T_VARIABLE), output, "create", "a type");
  KD_H5_CHECK(H5Tset_cset(output->text, H5T_CSET_UTF8), output, "create", "a type");
  output->scalar = H5Screate(H5S_SCALAR);
  KD_H5_CHECK(output->scalar, output, "create", "a dataspace");
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
  KD_CHECK(kd_output_put_integer(output, root, "/", "format_version", FORMAT_VERSION));
  KD_CHECK(kd_output_put_text(output, root, "/", "keldrift_version", KD_VERSION));
  KD_CHECK(kd_output_put_text(output, root, "/", "git_revision", kd_revision()));
  KD_CHECK(kd_output_put_text(output, root, "/", "build", KD_BUILD));
  KD_CHECK(kd_output_put_text(output, root, "/", "created", created));
  KD_CHECK(kd_output_put_text(output, root, "/", "command", command ? command : ""));

  const char *text = scenario_text ? scenario_text : "";
  KD_CHECK(kd_output_create_dataset(output, root, "/scenario", "scenario", output->text, 0, NULL,
                                    NULL, NULL, &dataset));
  KD_H5_CHECK(H5Dwrite(dataset, output->text, H5S_ALL, H5S_ALL, H5P_DEFAULT, &text), output,
              "write", "/scenario");
  KD_CHECK(kd_output_put_meaning(output, dataset, "/scenario", "scenario", "1",
                                 "resolved scenario (YAML), as it can be run again", NULL));
  KD_CHECK(kd_output_open_group(output, "/run", &run));
cleanup:
  kd_h5_close(run);
  kd_h5_close(dataset);
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
  KD_TRY(kd_target_begin(output, path));
  if (from->is_copy) KD_TRY(kd_target_copy(output, from->source, from->source_name));
  KD_TRY(create_file(output));
  if (!from->is_copy) KD_TRY(write_header(output, from->scenario_text, from->command));
  return kd_output_settle(output, KD_OK);
}

/// Opens the file that process 0 has begun in all processes.
static kd_status open_together(kd_output *output) {
  kd_status status = KD_OK;
  char partial[PATH_MAX + NAME_MAX] = "";
  hid_t access = H5I_INVALID_HID;
  if (output->file >= 0) {
    const herr_t closed = H5Fclose(output->file);
    output->file = H5I_INVALID_HID;
    if (closed < 0) status = kd_output_fail(output, "close", "the file");
    snprintf(partial, sizeof partial, "%s", output->partial);
  }
  KD_TRY(kd_output_agree(output, kd_output_settle(output, status)));
  kd_comm_broadcast(output->comm, partial, sizeof partial);
  access = file_access();
  KD_H5_CHECK(access, output, "open", "the file");
  KD_H5_CHECK(kd_parallel_use(access, output->comm), output, "open", "the file");
  output->file = H5Fopen(partial, H5F_ACC_RDWR, access);
  KD_H5_CHECK(output->file, output, "open", "the file");
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
  KD_CHECK(kd_output_agree(output, status));
  if (output->comm) KD_CHECK(kd_output_agree(output, open_together(output)));
cleanup:
  if (status != KD_OK)
    discard(output);
  else
    *result = output;
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
  KD_TRY(kd_output_refuse_failed(output));
  KD_TRY(kd_output_flush(output, H5F_SCOPE_GLOBAL));
  KD_TRY(kd_output_settle(output, KD_OK));
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

/// Completes the file and puts it in the place of the target.
static kd_status finish(kd_output *output) {
  KD_TRY(kd_output_refuse_failed(output));
  close_all(output);
  KD_TRY(kd_output_flush(output, H5F_SCOPE_GLOBAL));
  const herr_t closed = H5Fclose(output->file);
  output->file = H5I_INVALID_HID;
  KD_TRY(kd_output_agree(output, closed < 0 ? kd_output_fail(output, "close", "the file") : KD_OK));
  KD_TRY(kd_output_settle(output, KD_OK));
  // Of many processes the first one has the file.
  if (!output->partial) return KD_OK;
  kd_output_return_room(output);
  if (output->is_sealed) KD_TRY(kd_seal_write(output->sink.descriptor, output->name));
  return kd_target_replace(output);
}

static kd_status finish_and_discard(kd_output *output) {
  const kd_status status = kd_output_agree(output, finish(output));
  discard(output);
  return status;
}

kd_status kd_output_close(kd_output *output) {
  kd_status status;
  KD_H5_QUIETLY(status, finish_and_discard(output));
  return status;
}

void kd_output_discard(kd_output *output) {
  if (!output) return;
  H5E_BEGIN_TRY {
    discard(output);
  }
  H5E_END_TRY
}
