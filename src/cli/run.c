/// `keldrift run`
#include <omp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "core/error.h"
#include "core/memory.h"
#include "guard.h"
#include "recovery.h"

kd_status kd_cli_threads(const kd_cli_arguments *a, const kd_comm *comm) {
  const char *threads = kd_cli_value(a, "--threads", NULL), *wanted = getenv("OMP_NUM_THREADS");
  const int count = threads ? atoi(threads) : kd_comm_threads(comm);
  if (count > KD_CLI_MAX_THREADS)
    return kd_error(KD_ERROR_SCENARIO,
                    "%d threads%s%s: error: too many (expected at most %d): set OMP_NUM_THREADS, "
                    "or give --threads",
                    count, wanted ? " by OMP_NUM_THREADS=" : "", wanted ? wanted : "",
                    KD_CLI_MAX_THREADS);
  omp_set_num_threads(count);
  return KD_OK;
}

int kd_cli_scenario(const kd_cli_arguments *a, const kd_comm *comm, kd_scenario **scenario) {
  const char *override[KD_CLI_MAX_WORDS];
  const size_t n_override = kd_cli_values(a, "--set", override, KD_CLI_MAX_WORDS);
  kd_status status = kd_cli_threads(a, comm);
  if (status == KD_OK) status = kd_run_scenario(a->operand[0], override, n_override, scenario);
  status = kd_comm_agree(comm, status);
  return status == KD_OK ? 0 : kd_cli_report(status);
}

int kd_cli_judge(const kd_cli_arguments *a, size_t n_warning, int exit_status) {
  if (kd_cli_count(a, "--strict") == 0 || exit_status != 0 || n_warning == 0) return exit_status;
  if (kd_cli_speaks())
    fprintf(stderr, "keldrift: error: %zu warning%s with --strict\n", n_warning,
            n_warning == 1 ? "" : "s");
  return kd_exit_status(KD_ERROR_NUMERICS);
}

int kd_cli_judge_warnings(const kd_cli_arguments *a, const kd_warnings *warnings, int exit_status) {
  if (kd_cli_count(a, "--strict") > 0 && exit_status == 0 && kd_cli_speaks())
    for (size_t i = 0; i < warnings->count && kd_cli_count(a, "--quiet") > 0; i++)
      fprintf(stderr, "warning: %s\n", warnings->text[i]);
  return kd_cli_judge(a, warnings->count, exit_status);
}

// --- requests -----------------------------------------------------------------------------------

static volatile sig_atomic_t is_stop_wanted, is_checkpoint_wanted;

static void take_signal(int number) {
  if (number == SIGUSR1)
    is_checkpoint_wanted = 1;
  else
    is_stop_wanted = 1;
}

static const int answered[] = {SIGTERM, SIGINT, SIGUSR1};
enum { N_ANSWERED = sizeof answered / sizeof *answered };

static void change_mask(int how) {
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < N_ANSWERED; i++) sigaddset(&set, answered[i]);
  sigprocmask(how, &set, NULL);
}

void kd_cli_hold_signals(void) {
  change_mask(SIG_BLOCK);
}

void kd_cli_watch_signals(void) {
  for (size_t i = 0; i < N_ANSWERED; i++) {
    struct sigaction action = {.sa_handler = take_signal}, before;
    action.sa_flags = SA_RESTART | (answered[i] == SIGUSR1 ? 0 : (int)SA_RESETHAND);
    // Who started the program may not want it to be interrupted.
    if (sigaction(answered[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    sigaction(answered[i], &action, NULL);
  }
  change_mask(SIG_UNBLOCK);
}

kd_request kd_cli_next_request(void *context) {
  (void)context;
  if (is_stop_wanted) {
    is_stop_wanted = 0;
    return KD_STOP;
  }
  if (!is_checkpoint_wanted) return KD_NO_REQUEST;
  is_checkpoint_wanted = 0;
  return KD_WRITE_CHECKPOINT;
}

// --- the run ------------------------------------------------------------------------------------

/// The scenario, and with --restart the result that the checkpoint belongs to, for kd_free.
/// @return 0, or the exit status after reporting the error
static int begin(const kd_cli_arguments *a, const char *restart, kd_scenario **scenario,
                 char **restarted) {
  *restarted = NULL;
  if (!restart && a->n_operand == 0) return kd_cli_usage_error("run needs SCENARIO", "");
  if (!restart) return kd_cli_scenario(a, kd_cli_comm(), scenario);
  if (a->n_operand > 0)
    return kd_cli_usage_error("--restart has the scenario in the checkpoint", a->operand[0]);
  if (kd_cli_count(a, "--set") > 0)
    return kd_cli_usage_error("--restart goes on with the scenario as it was", "--set");
  kd_status status = kd_cli_threads(a, kd_cli_comm());
  if (status == KD_OK) status = kd_run_restart(restart, scenario, restarted);
  status = kd_comm_agree(kd_cli_comm(), status);
  if (status != KD_OK) return kd_cli_report(status);
  if (*restarted || kd_cli_count(a, "--output") > 0) return 0;
  kd_scenario_free(*scenario);
  return kd_cli_usage_error("the checkpoint is not named NAME.chk.h5, so -o RESULT.h5 is needed",
                            restart);
}

static void print_summary(const kd_report *r, const char *output, bool natural) {
  const char *ev = natural ? "" : " eV", *fs = natural ? "" : " fs";
  printf("%zu band%s, %zu k points, ", r->n_band, r->n_band == 1 ? "" : "s", r->n_k);
  if (r->n_r > 1) printf("%zu R points, ", r->n_r);
  if (r->n_process > 1) printf("%zu processes, ", r->n_process);
  printf("%g%s, %zu frames, %zu snapshots -> %s\n", r->duration, fs, r->n_frame, r->n_snapshot,
         output);
  printf("%-22s %.12g, drift %.1e\n", "number per cell", r->number, r->number_drift);
  for (size_t i = 0; i < r->n_contact; i++)
    printf("contact %-14zu %+.6e particles came in, current at the end %+.6e%s\n", i,
           r->contact_number[i], r->contact_current[i], natural ? "" : " e/fs");
  const bool collides = strcmp(r->collision.ansatz, "none") != 0;
  printf("%-22s %.6e%s, work done %.6e%s, ", "energy change", r->energy_change, ev, r->work, ev);
  if (r->n_branch > 0) printf("to the phonons %.6e%s, ", r->phonon_change, ev);
  const double rest = r->work - r->energy_change - r->phonon_change;
  printf("%s %.1e%s\n",
         r->n_contact > 0 ? "by contacts and baths"
         : collides       ? "to the baths"
                          : "difference",
         collides && r->n_contact == 0 ? rest : -rest, ev);
  printf("%-22s drift %.1e\n", "purity", r->purity_drift);
  printf("%-22s f from %.3g, 1 - f from %.3g\n", "eigenvalues", r->min_f, r->min_1mf);
  printf("%-22s %s", "scheme", r->cost.scheme);
  if (strcmp(r->cost.integrator, "none") != 0) printf(" by %s", r->cost.integrator);
  printf(": %ld steps, last order %d, last step %.3g%s", r->cost.steps, r->cost.last_order,
         r->cost.last_step, fs);
  if (r->cost.rate_evaluations > 0) printf(", %ld rate evaluations", r->cost.rate_evaluations);
  if (r->cost.flow_steps > 0)
    printf(", %lu Magnus steps (%lu rejected)", r->cost.flow_steps, r->cost.flow_rejections);
  printf("\n");
  printf("%-22s %lu collision evaluations (%s, %s), %lu FFTs of a component\n", "cost",
         r->collision.evaluations, r->collision.ansatz, r->collision.method, r->ffts);
  printf("%-22s setup %.2f s, drift %.2f s, collisions %.2f s, observables %.2f s, output %.2f s, "
         "total %.2f s\n",
         "time", r->setup_seconds, r->cost.seconds - r->collision.seconds, r->collision.seconds,
         r->observable_seconds, r->output_seconds, r->total_seconds);
  kd_cli_print_warnings(&r->warnings);
}

/// Tells of what the run will replace: a result of something else, as scenarios that name no file
/// share one, and a checkpoint that could be gone on from.
static void tell_of_replaced(const char *path, const kd_scenario *scenario) {
  char *text = NULL, *folder = NULL, *result = NULL;
  kd_scenario *stopped = NULL;
  char *checkpoint = kd_recovery_path(path);
  if (kd_guard_result(scenario, path) != KD_OK) goto cleanup;
  if (kd_result_is_one(path) && kd_result_scenario(path, &text, &folder) == KD_OK &&
      strcmp(text, kd_scenario_text(scenario)) != 0)
    printf("%s holds the result of another scenario, which this run will replace\n", path);
  if (checkpoint && kd_result_is_one(checkpoint) &&
      kd_run_restart(checkpoint, &stopped, &result) == KD_OK)
    printf("%s is there from a run that was stopped, and will be removed; to go on with that one "
           "instead: keldrift run --restart %s\n",
           checkpoint, checkpoint);

cleanup:
  kd_scenario_free(stopped);
  kd_free(result);
  kd_free(checkpoint);
  kd_free(text);
  kd_free(folder);
}

static int execute(const kd_cli_arguments *a) {
  const char *restart = kd_cli_value(a, "--restart", NULL);
  if (kd_cli_count(a, "--sweep") > 0) {
    if (restart) return kd_cli_usage_error("--sweep and --restart exclude each other", "");
    if (a->n_operand == 0) return kd_cli_usage_error("run needs SCENARIO", "");
    return kd_cli_sweep(a, false);
  }
  kd_scenario *scenario = NULL;
  char *restarted;
  const int wrong = begin(a, restart, &scenario, &restarted);
  if (wrong) return wrong;
  char command[4096];
  kd_cli_join(a, command, sizeof command);

  const bool quiet = kd_cli_count(a, "--quiet") > 0;
  const bool natural = kd_scenario_constants(scenario).natural;
  const char *output = kd_cli_value(a, "--output", restarted);
  if (!restart && !quiet && kd_cli_speaks())
    tell_of_replaced(output ? output : kd_run_output(scenario), scenario);
  kd_cli_progress progress = kd_cli_progress_start(quiet, natural);
  const kd_run_options options = {.output = output,
                                  .restart = restart,
                                  .command = command,
                                  .progress = kd_cli_speaks() ? kd_cli_progress_show : NULL,
                                  .request = kd_cli_next_request,
                                  .context = &progress,
                                  .comm = kd_cli_comm()};
  static kd_report report;
  const kd_status status = kd_run(scenario, &options, &report);
  kd_cli_progress_clear(&progress);
  int exit_status = 0;
  if (status != KD_OK)
    exit_status = kd_cli_report(status);
  else if (!quiet && kd_cli_speaks())
    print_summary(&report, output ? output : kd_run_output(scenario), natural);
  kd_scenario_free(scenario);
  kd_free(restarted);
  return kd_cli_judge_warnings(a, &report.warnings, exit_status);
}

const kd_cli_command kd_cli_run = {
    .name = "run",
    .collective = true,
    .summary = "integrate a scenario and write the result",
    .description =
        "The result appears when the run is complete; a failed run leaves none. It replaces an "
        "earlier result, but no input file and nothing that is not HDF5. The run ends with "
        "a summary: the conserved quantities and their drift, the energy gained against the work "
        "done by the field, where the time went, and warnings that name the key to change. "
        "SCENARIO "
        "may also be a result, whose scenario is run again.\n"
        "\n"
        "A run writes checkpoints NAME.chk.h5 beside its result NAME.h5: every "
        "output.checkpoint.every, on SIGUSR1, and on SIGTERM and SIGINT, which end it with exit "
        "status 75 (a second one kills it). The checkpoint is removed when NAME.h5 is there. With "
        "--restart it goes on from there, to the same "
        "numbers bit by bit:\n"
        "\n"
        "    keldrift run --restart NAME.chk.h5\n"
        "\n"
        "With --sweep the scenario is run once for every value, and once for every combination of "
        "values if there are several --sweep. Values are a range START:STOP:COUNT of COUNT numbers "
        "with both ends, START:STOP:COUNT:log for equal ratios, or a list A,B,C; a unit at the end "
        "is that of all numbers:\n"
        "\n"
        "    keldrift run S.yaml --sweep 'field.0.amplitude=1:10:10 MV/cm'\n"
        "    keldrift run S.yaml -o grids --sweep collisions.ansatz=matrix,diagonal --sweep "
        "grid.k.0=64:256:4\n"
        "\n"
        "The results and index.csv, a line for every run with its values, file, status and final "
        "values, go into the folder that -o names, by default NAME_sweep for output.file: NAME.h5. "
        "A run that fails does not stop the others; the exit status is that of the first that "
        "failed. "
        "Repeating the command skips runs whose result is there and was made from the same "
        "scenario. Under mpirun each process takes the next run when it is free, and computes it "
        "alone.",
    .operands =
        (const kd_cli_operand[]){{.name = "SCENARIO", .kind = KD_CLI_FILE, .optional = true},
                                 {.name = NULL}},
    .options =
        (const kd_cli_option[]){
            KD_CLI_OUTPUT("the result file, in place of output.file; with --sweep a folder"),
            KD_CLI_SET,
            {.name = "--restart",
             .value = "NAME.chk.h5",
             .kind = KD_CLI_FILE,
             .meaning = "go on from a checkpoint, in place of SCENARIO"},
            KD_CLI_SWEEP("run"),
            KD_CLI_THREADS,
            KD_CLI_STRICT,
            KD_CLI_QUIET,
            {.name = NULL}},
    .execute = execute};
