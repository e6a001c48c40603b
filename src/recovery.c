#include "recovery.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/comm.h"
#include "core/error.h"
#include "core/memory.h"
#include "keldrift/output.h"

// --- names --------------------------------------------------------------------------------------

static const char RESULT_END[] = ".h5", CHECKPOINT_END[] = ".chk.h5";

static bool ends_in(const char *text, const char *end) {
  const size_t n = strlen(text), m = strlen(end);
  return n > m && text[n - m - 1] != '/' && strcmp(text + n - m, end) == 0;
}

/// Replaces the end of a name.
static char *rename_end(const char *name, size_t n_kept, const char *end) {
  const size_t size = n_kept + strlen(end) + 1;
  char *text = kd_allocate(size, 1);
  if (text) snprintf(text, size, "%.*s%s", (int)n_kept, name, end);
  return text;
}

char *kd_recovery_path(const char *result) {
  const size_t n = strlen(result);
  return rename_end(result, ends_in(result, RESULT_END) ? n - (sizeof RESULT_END - 1) : n,
                    CHECKPOINT_END);
}

char *kd_recovery_result(const char *checkpoint) {
  if (!ends_in(checkpoint, CHECKPOINT_END)) return NULL;
  return rename_end(checkpoint, strlen(checkpoint) - (sizeof CHECKPOINT_END - 1), RESULT_END);
}

// --- when ---------------------------------------------------------------------------------------

double kd_recovery_interval(double every, double last) {
  const double usual = 600, largest_part = 0.02;
  return every > 0 ? fmax(every, last) : fmax(usual, last / largest_part);
}

// --- input files --------------------------------------------------------------------------------

/// Size and fingerprint (FNV-1a, 64 bits) of a file.
static kd_status fingerprint(const char *path, uintmax_t *bytes, uint64_t *hash) {
  kd_status status = KD_OK;
  const size_t size = (size_t)1 << 20;
  unsigned char *buffer = NULL;
  FILE *file = fopen(path, "rb");
  if (!file) return kd_error(KD_ERROR_FILE, "%s: error: cannot open: %s", path, strerror(errno));
  KD_ALLOCATE(buffer, size);
  *bytes = 0;
  *hash = UINT64_C(0xcbf29ce484222325);
  for (size_t n; (n = fread(buffer, 1, size, file)) > 0; *bytes += n)
    for (size_t i = 0; i < n; i++) *hash = (*hash ^ buffer[i]) * UINT64_C(0x100000001b3);
  if (ferror(file))
    status = kd_error(KD_ERROR_FILE, "%s: error: cannot read: %s", path, strerror(errno));
cleanup:
  kd_free(buffer);
  fclose(file);
  return status;
}

static kd_status list_input(void *context, const char *path) {
  FILE *list = context;
  uintmax_t bytes = 0;
  uint64_t hash = 0;
  KD_TRY(fingerprint(path, &bytes, &hash));
  fprintf(list, "%ju %016" PRIx64 " %s\n", bytes, hash, path);
  return KD_OK;
}

/// The lines of kd_checkpoint_head, from malloc.
static kd_status list_inputs(const kd_scenario *scenario, char **text) {
  size_t size;
  *text = NULL;
  FILE *list = open_memstream(text, &size);
  if (!list) return kd_error(KD_ERROR_MEMORY, "out of memory for the names of the input files");
  const kd_status status = kd_scenario_inputs(scenario, list_input, list);
  fclose(list);
  return status;
}

kd_status kd_recovery_check_inputs(const kd_scenario *scenario, const char *inputs) {
  char *now = NULL;
  kd_status status = list_inputs(scenario, &now);
  if (status == KD_OK && strcmp(now, inputs) != 0) {
    const char *a = now, *b = inputs;
    while (*a && *a == *b) a++, b++;
    // Names the file in whose line they part.
    while (a > now && a[-1] != '\n') a--;
    const int n = (int)strcspn(a, "\n");
    const char *path = memchr(a, ' ', (size_t)n);
    path = path ? strchr(path + 1, ' ') : NULL;
    status =
        kd_error(KD_ERROR_SCENARIO,
                 "%.*s: error: the file has changed since the checkpoint was written (expected "
                 "the same input files): run the scenario from the start",
                 path ? (int)(a + n - path - 1) : 10, path ? path + 1 : "input file");
  }
  free(now);
  return status;
}

// --- what the frames leave ----------------------------------------------------------------------

static size_t n_number(const kd_records *records) {
  size_t n = 0;
  for (size_t i = 0; i < records->count; i++) n += records->item[i].count;
  return n;
}

static void copy_live(const kd_records *live, double *buffer) {
  for (size_t i = 0; i < live->count; i++) {
    memcpy(buffer, live->item[i].data, live->item[i].count * sizeof *buffer);
    buffer += live->item[i].count;
  }
}

kd_status kd_recovery_create(kd_recovery *r, const kd_records *live) {
  kd_status status = KD_OK;
  r->live = *live;
  r->start = kd_seconds();
  r->n_window = kd_propagator_n_window(r->propagator);
  KD_ALLOCATE(r->before, n_number(live));
  KD_ALLOCATE(r->kept, n_number(live));
  copy_live(live, r->before);
  copy_live(live, r->kept);
cleanup:
  return status;
}

void kd_recovery_clear(kd_recovery *r) {
  kd_free(r->path);
  free(r->inputs);
  kd_free(r->before);
  kd_free(r->kept);
}

void kd_recovery_begin(kd_recovery *r) {
  copy_live(&r->live, r->before);
}

/// A window that has ended since kd_recovery_begin ended before the frame that is asked for.
void kd_recovery_end(kd_recovery *r) {
  const size_t n_window = kd_propagator_n_window(r->propagator);
  if (n_window != 0 && n_window == r->n_window) return;
  r->n_window = n_window;
  memcpy(r->kept, r->before, n_number(&r->live) * sizeof *r->kept);
}

// --- writing ------------------------------------------------------------------------------------

static double number_named(const kd_records *records, const char *name) {
  for (size_t i = 0; i < records->count; i++)
    if (strcmp(records->item[i].name, name) == 0) return records->item[i].data[0];
  return 0;
}

static kd_status write_checkpoint(kd_recovery *r, const kd_records *propagation, double *time) {
  kd_records records = *propagation;
  double *place = r->kept;
  for (size_t i = 0; i < r->live.count; i++) {
    kd_records_add(&records, r->live.item[i].name, place, r->live.item[i].count);
    place += r->live.item[i].count;
  }
  if (!r->inputs) KD_TRY(kd_comm_agree(r->options->comm, list_inputs(r->scenario, &r->inputs)));
  // The first number of either record is the time.
  *time = number_named(&records, "time") + number_named(&records, "splitting");
  const kd_checkpoint_head head = {.time = *time,
                                   .duration = r->duration,
                                   .n_frame = (size_t)number_named(&records, "next_frame"),
                                   .n_snapshot = (size_t)number_named(&records, "next_snapshot"),
                                   .inputs = r->inputs};
  return kd_checkpoint_write(r->output, r->path, &head, &records);
}

static void ask(kd_recovery *r) {
  const kd_run_options *o = r->options;
  const kd_request request = o->request ? o->request(o->context) : KD_NO_REQUEST;
  if (request > r->wanted) r->wanted = request;
}

kd_status kd_recovery_wait(kd_recovery *r) {
  ask(r);
  if (r->wanted != KD_STOP) return KD_OK;
  if (r->options->restart)
    return kd_error(KD_STOPPED,
                    "stopped in the set-up, before anything more was computed; go on with: "
                    "keldrift run --restart %s",
                    r->options->restart);
  return kd_error(KD_STOPPED, "stopped in the set-up: nothing has been computed yet");
}

kd_status kd_recovery_poll(void *context) {
  kd_recovery *r = context;
  const kd_run_options *o = r->options;
  ask(r);
  double asked[2] = {r->wanted, kd_seconds() - r->start >= kd_recovery_interval(r->every, r->last)};
  // What one process is asked for, or its clock says, counts for all.
  kd_comm_largest(o->comm, asked, 2);
  r->wanted = (kd_request)asked[0];
  if (r->wanted == KD_NO_REQUEST && asked[1] == 0) return KD_OK;
  kd_records propagation = {0};
  if (!kd_propagator_records(r->propagator, false, &propagation)) return KD_OK;
  kd_recovery_end(r);
  double time = 0;
  const double begin = kd_seconds();
  const kd_status status = write_checkpoint(r, &propagation, &time);
  const bool must_stop = r->wanted == KD_STOP;
  r->wanted = KD_NO_REQUEST;
  r->start = kd_seconds();
  r->last = r->start - begin;
  r->report->n_checkpoint++;
  r->report->checkpoint_seconds += r->last;
  if (must_stop && status == KD_OK)
    return kd_error(KD_STOPPED,
                    "stopped at t = %.9g of %.9g; go on with: keldrift run --restart %s", time,
                    r->duration, r->path);
  if (must_stop || status == KD_OK || kd_output_has_failed(r->output)) return status;
  // Not worth the run: it may still end well, and the checkpoint before is still there. All
  // processes know of it, and speak to each other again.
  kd_comm_forget(o->comm);
  kd_warn(&r->report->warnings,
          "a checkpoint could not be written (%s): make room for one beside output.file, or let "
          "that be "
          "in another folder",
          kd_error_message());
  return KD_OK;
}

kd_status kd_recovery_restore(kd_recovery *r, const char *checkpoint) {
  kd_records records = {0};
  kd_propagator_records(r->propagator, true, &records);
  for (size_t i = 0; i < r->live.count; i++)
    kd_records_add(&records, r->live.item[i].name, r->live.item[i].data, r->live.item[i].count);
  KD_TRY(kd_checkpoint_read(checkpoint, r->options->comm, &records));
  KD_TRY(kd_propagator_resume(r->propagator));
  r->n_window = kd_propagator_n_window(r->propagator);
  copy_live(&r->live, r->before);
  copy_live(&r->live, r->kept);
  return KD_OK;
}

void kd_recovery_finish(const char *result) {
  kd_result_end end = {0};
  struct stat found;
  char *path = kd_recovery_path(result);
  if (path && lstat(path, &found) == 0 && !S_ISDIR(found.st_mode) &&
      !(kd_result_is_one(path) && kd_result_read_end(path, &end) == KD_OK && end.is_complete))
    unlink(path);
  kd_free(end.values);
  kd_free(path);
}
