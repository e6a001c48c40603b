#include "guard.h"

#include <sys/stat.h>

#include "core/error.h"
#include "core/memory.h"
#include "keldrift/output.h"
#include "recovery.h"

typedef struct guarded {
  const char *path; ///< of what would be written
  const char *what;
  struct stat file;
} guarded;

static kd_status compare(void *context, const char *input) {
  const guarded *g = context;
  struct stat found;
  if (stat(input, &found) != 0 || found.st_dev != g->file.st_dev || found.st_ino != g->file.st_ino)
    return KD_OK;
  return kd_error(KD_ERROR_SCENARIO,
                  "%s: error: is the input file %s of the scenario, which %s would replace "
                  "(expected another name)",
                  g->path, input, g->what);
}

static kd_status guard_inputs(const kd_scenario *scenario, const char *path, const char *what) {
  guarded g = {.path = path, .what = what};
  return stat(path, &g.file) == 0 ? kd_scenario_inputs(scenario, compare, &g) : KD_OK;
}

kd_status kd_guard_result(const kd_scenario *scenario, const char *path) {
  struct stat found;
  KD_TRY(guard_inputs(scenario, path, "the result"));
  if (stat(path, &found) == 0 && S_ISREG(found.st_mode) && found.st_size > 0 &&
      !kd_result_is_one(path))
    return kd_error(KD_ERROR_SCENARIO,
                    "%s: error: is not an HDF5 file, so the result does not replace it (expected "
                    "a new file, or an earlier result)",
                    path);
  char *checkpoint = kd_recovery_path(path);
  if (!checkpoint) return KD_ERROR_MEMORY;
  const kd_status status = guard_inputs(scenario, checkpoint, "the checkpoint of the run");
  kd_free(checkpoint);
  return status;
}
