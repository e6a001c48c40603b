/// The file that a result replaces, and the unfinished one beside it.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"
#include "output/handle.h"

size_t kd_path_folder_length(const char *path) {
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
  const size_t length = kd_path_folder_length(path);
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
  const int folder = (int)kd_path_folder_length(output->path);
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

kd_status kd_target_begin(kd_output *output, const char *path) {
  mode_t mode = 0;
  KD_TRY(resolve_target(output, path, &mode));
  return create_partial(output, mode);
}

kd_status kd_target_copy(kd_output *output, int source, const char *source_name) {
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

/// Makes a rename last: syncs the folder that holds the target.
static kd_status sync_folder(const kd_output *output) {
  char *folder = kd_string_copy(output->path);
  if (!folder) return KD_ERROR_MEMORY;
  const size_t length = kd_path_folder_length(folder);
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

/// Says where a result is that could not be renamed: its folder may be gone, or elsewhere.
static kd_status tell_of_place(const kd_output *output, int reason) {
  struct stat found;
  char link[64], place[PATH_MAX] = "";
  if (fstat(output->sink.descriptor, &found) == 0 && found.st_nlink == 0)
    return kd_error(
        KD_ERROR_FILE,
        "%s: error: cannot rename %s to it: %s; the result is lost, since that file was "
        "removed while it was written",
        output->name, output->partial, strerror(reason));
  const bool is_there = access(output->partial, F_OK) == 0;
  if (!is_there) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", output->sink.descriptor);
    const ssize_t length = readlink(link, place, sizeof place - 1);
    place[length > 0 ? length : 0] = '\0';
  }
  return kd_error(KD_ERROR_FILE, "%s: error: cannot rename %s to it: %s; the result is %s",
                  output->name, output->partial, strerror(reason),
                  is_there ? "there"
                  : *place ? place
                           : "where that file was moved to");
}

kd_status kd_target_replace(kd_output *output) {
  kd_status status = KD_OK;
  if (fsync(output->sink.descriptor) != 0)
    return kd_error(KD_ERROR_FILE, "%s: error: cannot sync the file: %s", output->name,
                    strerror(errno));
  /* The result is complete, so it stays where it is if it cannot be renamed. */
  if (rename(output->partial, output->path) != 0) status = tell_of_place(output, errno);
  kd_free(output->partial);
  output->partial = NULL;
  return status == KD_OK ? sync_folder(output) : status;
}

void kd_target_close(kd_output *output) {
  if (output->sink.descriptor >= 0) close(output->sink.descriptor);
  if (output->partial) unlink(output->partial);
  kd_free(output->partial);
  kd_free(output->path);
}
