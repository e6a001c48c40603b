/// `keldrift run --sweep`
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
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
  if (o->state == KD_SWEEP_FAILED)
    printf("failed\n");
  else if (o->state == KD_SWEEP_KEPT)
    printf("there already -> %s\n", kd_sweep_file(sweep, run));
  else
    printf("%.2f s, %zu warning%s -> %s\n", o->seconds, o->n_warning, o->n_warning == 1 ? "" : "s",
           kd_sweep_file(sweep, run));
  fflush(stdout);
}

/// Executes every run, with the index up to date after each. Returns the exit status of the first
/// run that failed.
static int execute_all(kd_sweep *sweep, const kd_sweep_options *options, kd_cli_progress *progress,
                       kd_sweep_outcome *outcomes) {
  const size_t n = kd_sweep_count(sweep);
  int exit_status = 0;
  kd_status status = kd_sweep_write_index(sweep, options->folder, outcomes);
  for (size_t run = 0; run < n && status == KD_OK; run++) {
    char prefix[64];
    snprintf(prefix, sizeof prefix, "run %zu of %zu, ", run + 1, n);
    progress->prefix = prefix;
    progress->done = (double)run / (double)n;
    progress->share = 1 / (double)n;
    kd_sweep_execute(sweep, run, options, &outcomes[run]);
    kd_cli_progress_clear(progress);
    const kd_status failed = outcomes[run].status;
    if (failed != KD_OK) kd_cli_report(failed);
    if (failed != KD_OK && exit_status == 0) exit_status = kd_exit_status(failed);
    if (!progress->quiet) print_outcome(sweep, run, &outcomes[run]);
    status = kd_sweep_write_index(sweep, options->folder, outcomes);
    if (failed == KD_STOPPED) break;
  }
  return status == KD_OK ? exit_status : kd_cli_report(status);
}

int kd_cli_sweep(const kd_cli_arguments *a) {
  const char *axes[KD_CLI_MAX_WORDS], *overrides[KD_CLI_MAX_WORDS];
  const size_t n_axis = kd_cli_values(a, "--sweep", axes, KD_CLI_MAX_WORDS);
  const char *threads = kd_cli_value(a, "--threads", NULL);
  if (threads) omp_set_num_threads(atoi(threads));
  char command[4096];
  kd_cli_join(a, command, sizeof command);
  kd_sweep *sweep = NULL;
  kd_sweep_outcome *outcomes = NULL;
  char *folder = NULL;
  kd_cli_progress progress = kd_cli_progress_start(kd_cli_count(a, "--quiet") > 0, false);
  kd_sweep_options options = {.scenario = a->operand[0],
                              .overrides = overrides,
                              .n_override = kd_cli_values(a, "--set", overrides, KD_CLI_MAX_WORDS),
                              .folder = kd_cli_value(a, "--output", NULL),
                              .command = command,
                              .progress = kd_cli_progress_show,
                              .context = &progress};
  int exit_status = 0;
  kd_status status = kd_sweep_create(axes, n_axis, &sweep);
  if (status == KD_OK) status = kd_sweep_folder(sweep, &options, &folder);
  if (status != KD_OK) {
    exit_status = kd_cli_report(status);
    goto cleanup;
  }
  options.folder = folder;
  const size_t n = kd_sweep_count(sweep);
  outcomes = calloc(n, sizeof *outcomes);
  if (!outcomes) {
    exit_status = kd_cli_usage_error("no memory for the sweep", "");
    goto cleanup;
  }
  exit_status = execute_all(sweep, &options, &progress, outcomes);
  if (!progress.quiet) {
    size_t count[4] = {0};
    for (size_t i = 0; i < n; i++) count[outcomes[i].state]++;
    printf("%zu runs: %zu done, %zu there already, %zu failed, %zu left -> %s/index.csv\n", n,
           count[KD_SWEEP_DONE], count[KD_SWEEP_KEPT], count[KD_SWEEP_FAILED],
           count[KD_SWEEP_PENDING], folder);
  }

cleanup:
  free(outcomes);
  kd_free(folder);
  kd_sweep_free(sweep);
  return exit_status;
}
