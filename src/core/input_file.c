#include "core/input_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

FILE *kd_input_open(const char *path, const char **reason) {
  struct stat info;
  // Opening a pipe that nobody writes to would wait for ever.
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  FILE *file = NULL;
  *reason = NULL;
  if (descriptor < 0 || fstat(descriptor, &info) != 0)
    *reason = strerror(errno);
  else if (S_ISDIR(info.st_mode))
    *reason = strerror(EISDIR);
  else if (!S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode))
    *reason = "not an ordinary file";
  else if (fcntl(descriptor, F_SETFL, O_RDONLY) != 0 || !(file = fdopen(descriptor, "rb")))
    *reason = strerror(errno);
  if (!file && descriptor >= 0) close(descriptor);
  return file;
}
