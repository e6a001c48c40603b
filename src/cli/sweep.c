/// `keldrift run --sweep` and `keldrift steady --sweep`
#include <string.h>

#include "cli/cli.h"
#include "core/deal.h"
#include "core/memory.h"

/// "field.0.amplitude = 2 MV/cm, grid.k.0 = 64"
static void describe_run(const kd_sweep *sweep, size_t run, char *text, size_t size) {
  size_t length = 0;
  text[0] = '\0';
  for (size_t i = 0; i < kd_sweep_n_axis(sweep) && length < size; i++)
    length += (size_t)snprintf(text + length, size - length, "%s%s = %s", i ? ", " : "",
                               kd_sweep_path(sweep, i), kd_sweep_value(sweep, i, run));
}

static void print_outcome(const kd_sweep *sweep, size_t run, const kd_sweep_outcome *o) {
  char what[200];
  describe_run(sweep, run, what, sizeof what);
  printf("run %zu of %zu, %s: ", run + 1, kd_sweep_count(sweep), what);
  if (o->state == KD_SWEEP_FAILED || o->state == KD_SWEEP_STOPPED)
    printf("%s\n", o->state == KD_SWEEP_FAILED ? "failed" : "stopped");
  else if (o->state == KD_SWEEP_KEPT)
    printf("there already -> %s\n", kd_sweep_file(sweep, run));
  else
    printf("%.2f s, %zu warning%s -> %s\n", o->seconds, o->n_warning, o->n_warning == 1 ? "" : "s",
           kd_sweep_file(sweep, run));
  fflush(stdout);
}

/// A sweep in progress. Of many processes the first one has the outcomes and writes the index.
typedef struct work {
  kd_sweep *sweep;
  kd_sweep_options options;
  kd_deal *deal;
  kd_cli_progress progress;
  char prefix[64];
  kd_sweep_outcome *outcomes; ///< [count]
  size_t n_done;
  bool is_stopped;
  kd_status status; ///< of the index
} work;

/// Tells what became of a run and brings the index up to date.
static bool take_outcome(void *context, size_t run, const void *report) {
  work *w = context;
  kd_sweep_outcome *o = &w->outcomes[run];
  memcpy(o, report, sizeof *o);
  w->n_done++;
  kd_cli_progress_clear(&w->progress);
  if (o->state == KD_SWEEP_STOPPED)
    fprintf(stderr, "keldrift: stopped in run %zu of %zu; the same command goes on from there\n",
            run + 1, kd_sweep_count(w->sweep));
  else if (o->status != KD_OK)
    fprintf(stderr, "%s%s\n", strstr(o->message, "error:") ? "" : "keldrift: error: ", o->message);
  if (!w->progress.quiet) print_outcome(w->sweep, run, o);
  w->status = kd_sweep_write_index(w->sweep, w->options.folder, w->outcomes);
  if (w->status != KD_OK) kd_cli_report(w->status);
  w->is_stopped = w->is_stopped || o->state == KD_SWEEP_STOPPED;
  return w->status == KD_OK && !w->is_stopped;
}

static void show_progress(void *context, double t, double duration) {
  work *w = context;
  const double n = (double)kd_sweep_count(w->sweep);
  w->progress.prefix = w->prefix;
  w->progress.done = (double)w->n_done / n;
  w->progress.share = 1 / n;
  kd_cli_progress_show(&w->progress, t, duration);
}

static kd_request answer_others(void *context) {
  const work *w = context;
  kd_deal_serve(w->deal);
  return kd_cli_next_request(NULL);
}

/// Executes runs as long as there are any, with the index up to date after each. Returns the exit
/// status of the first of the runs that failed, or that of a stop.
static int execute_all(const kd_cli_arguments *a, work *w) {
  const size_t n = kd_sweep_count(w->sweep);
  const kd_comm *comm = kd_cli_comm();
  int exit_status = 0;
  size_t run;
  kd_sweep_outcome outcome;
  kd_status status = KD_OK;
  if (kd_cli_speaks()) status = kd_sweep_write_index(w->sweep, w->options.folder, w->outcomes);
  status = kd_comm_agree(comm, status);
  if (status == KD_OK) status = kd_deal_create(comm, n, sizeof outcome, take_outcome, w, &w->deal);
  if (status != KD_OK) return kd_cli_report(status);
  while (kd_deal_next(w->deal, &outcome, &run)) {
    snprintf(w->prefix, sizeof w->prefix, "run %zu of %zu, ", run + 1, n);
    kd_sweep_execute(w->sweep, run, &w->options, &outcome);
  }
  kd_deal_free(w->deal);
  if (w->status != KD_OK) return kd_exit_status(w->status);
  size_t n_warning = 0;
  for (size_t i = 0; i < n; i++) {
    if (exit_status == 0 || w->outcomes[i].state == KD_SWEEP_STOPPED)
      exit_status = kd_exit_status(w->outcomes[i].status);
    n_warning += w->outcomes[i].n_warning;
  }
  return kd_cli_judge(a, n_warning, exit_status);
}

int kd_cli_sweep(const kd_cli_arguments *a, bool is_steady) {
  const char *axes[KD_CLI_MAX_WORDS], *overrides[KD_CLI_MAX_WORDS];
  const size_t n_axis = kd_cli_values(a, "--sweep", axes, KD_CLI_MAX_WORDS);
  char command[4096];
  kd_cli_join(a, command, sizeof command);
  char *folder = NULL;
  work w = {.progress = kd_cli_progress_start(kd_cli_count(a, "--quiet") > 0, false)};
  w.options =
      (kd_sweep_options){.scenario = a->operand[0],
                         .overrides = overrides,
                         .n_override = kd_cli_values(a, "--set", overrides, KD_CLI_MAX_WORDS),
                         .folder = kd_cli_value(a, "--output", NULL),
                         .command = command,
                         .is_steady = is_steady,
                         .progress = kd_cli_speaks() ? show_progress : NULL,
                         .request = answer_others,
                         .context = &w};
  int exit_status = 0;
  kd_status status = kd_cli_threads(a, kd_cli_comm());
  if (status == KD_OK) status = kd_sweep_create(axes, n_axis, &w.sweep);
  if (status == KD_OK) status = kd_sweep_folder(w.sweep, &w.options, &folder);
  status = kd_comm_agree(kd_cli_comm(), status);
  if (status != KD_OK) {
    exit_status = kd_cli_report(status);
    goto cleanup;
  }
  w.options.folder = folder;
  const size_t n = kd_sweep_count(w.sweep);
  w.outcomes = kd_allocate(n, sizeof *w.outcomes);
  status = kd_comm_agree(kd_cli_comm(), w.outcomes ? KD_OK : KD_ERROR_MEMORY);
  exit_status = status == KD_OK ? execute_all(a, &w) : kd_cli_report(status);
  if (status == KD_OK && !w.progress.quiet && kd_cli_speaks()) {
    size_t count[KD_SWEEP_STOPPED + 1] = {0};
    for (size_t i = 0; i < n; i++) count[w.outcomes[i].state]++;
    printf("%zu runs: %zu done, %zu there already, %zu failed, %zu left -> %s/index.csv\n", n,
           count[KD_SWEEP_DONE], count[KD_SWEEP_KEPT], count[KD_SWEEP_FAILED],
           count[KD_SWEEP_PENDING] + count[KD_SWEEP_STOPPED], folder);
  }

cleanup:
  kd_free(w.outcomes);
  kd_free(folder);
  kd_sweep_free(w.sweep);
  return exit_status;
}
