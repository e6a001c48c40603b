#include "templates/templates.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"
#include "scenario/report.h"

enum { MAX_TEMPLATES = 64 };

const kd_template *kd_templates(void) {
  return kd_template_rows;
}

const kd_template *kd_template_find(const char *name) {
  for (const kd_template *t = kd_template_rows; t->name; t++)
    if (strcmp(t->name, name) == 0) return t;
  return NULL;
}

const char *kd_template_nearest(const char *name) {
  const char *known[MAX_TEMPLATES + 1] = {NULL};
  for (size_t i = 0; kd_template_rows[i].name && i < MAX_TEMPLATES; i++)
    known[i] = kd_template_rows[i].name;
  return kd_nearest(name, known);
}

/// Creates a file that is not there yet.
static kd_status write_new(const char *path, const char *text) {
  const int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0)
    return kd_error(KD_ERROR_FILE, "%s: error: cannot create the file: %s", path,
                    errno == EEXIST ? "it exists (expected a new name)" : strerror(errno));
  size_t left = strlen(text);
  int failed = 0;
  while (left > 0 && !failed) {
    const ssize_t n = write(descriptor, text, left);
    if (n < 0 && errno != EINTR) failed = errno;
    if (n > 0) {
      text += n;
      left -= (size_t)n;
    }
  }
  if (close(descriptor) != 0 && !failed) failed = errno;
  if (!failed) return KD_OK;
  unlink(path);
  return kd_error(KD_ERROR_FILE, "%s: error: cannot write the file: %s", path, strerror(failed));
}

static bool holds(const char *path, const char *text) {
  const size_t size = strlen(text);
  bool same = false;
  char *content = kd_allocate(size + 1, 1);
  FILE *file = content ? fopen(path, "rb") : NULL;
  if (file) {
    same = fread(content, 1, size + 1, file) == size && memcmp(content, text, size) == 0;
    fclose(file);
  }
  kd_free(content);
  return same;
}

/// Returns the template's text with `NAME.yaml` and `NAME.h5` after the file `path`, for kd_free;
/// as it is where that name would need quotes in YAML.
static char *rename_text(const kd_template *t, const char *path) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  const char *slash = strrchr(path, '/');
  const char *stem = slash ? slash + 1 : path;
  const char *dot = strrchr(stem, '.');
  const size_t n_stem = dot && dot > stem ? (size_t)(dot - stem) : strlen(stem);
  const size_t n_name = strlen(t->name);
  if (strspn(stem, plain) < 1 || strspn(stem, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "0123456789_-.+") < n_stem)
    return kd_string_copy(t->text);
  size_t count = 0;
  for (const char *c = t->text; (c = strstr(c, t->name)); c += n_name) count++;
  char *text = kd_allocate(strlen(t->text) + count * n_stem + 1, 1);
  if (!text) return NULL;
  char *end = text;
  for (const char *c = t->text; *c;) {
    const char *after = c + n_name;
    if (strncmp(c, t->name, n_name) == 0 &&
        (strncmp(after, ".yaml", 5) == 0 || strncmp(after, ".h5", 3) == 0)) {
      memcpy(end, stem, n_stem);
      end += n_stem;
      c = after;
    } else {
      *end++ = *c++;
    }
  }
  return text;
}

kd_status kd_template_write(const kd_template *t, const char *path) {
  kd_status status = KD_OK;
  char *text = NULL, *beside = NULL;
  bool wrote_data = false;
  const char *slash = strrchr(path, '/');
  const size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
  text = rename_text(t, path);
  if (!text) {
    status = KD_ERROR_MEMORY;
    goto cleanup;
  }
  if (t->data_name) {
    KD_ALLOCATE(beside, folder + strlen(t->data_name) + 1);
    memcpy(beside, path, folder);
    strcpy(beside + folder, t->data_name);
    if (!holds(beside, t->data)) {
      KD_CHECK(write_new(beside, t->data));
      wrote_data = true;
    }
  }
  status = write_new(path, text);

cleanup:
  if (status != KD_OK && wrote_data) unlink(beside);
  kd_free(beside);
  kd_free(text);
  return status;
}
