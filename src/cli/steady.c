/// `keldrift steady`
#include "cli/cli.h"

static void print_tensor(const char *label, const double *tensor, size_t n, double factor) {
  for (size_t i = 0; i < n; i++) {
    printf("%-22s", i == 0 ? label : "");
    for (size_t j = 0; j < n; j++) printf(" %14.6e", factor * tensor[i * n + j]);
    printf("\n");
  }
}

static int execute(const kd_cli_arguments *a) {
  if (kd_cli_count(a, "--sweep") > 0) return kd_cli_sweep(a, true);
  // One response is the matter of one process.
  if (!kd_cli_speaks()) return 0;
  kd_scenario *scenario = NULL;
  const int wrong = kd_cli_scenario(a, NULL, &scenario);
  if (wrong) return wrong;
  char command[4096];
  kd_cli_join(a, command, sizeof command);
  static kd_steady_report r;
  const kd_steady_options options = {.output = kd_cli_value(a, "--output", NULL),
                                     .command = command,
                                     .request = kd_cli_next_request};
  const kd_status status = kd_steady(scenario, &options, &r);
  if (status != KD_OK) {
    const int exit_status = kd_cli_report(status);
    kd_scenario_free(scenario);
    return exit_status;
  }
  if (kd_cli_count(a, "--quiet") == 0) {
    const bool natural = kd_scenario_constants(scenario).natural;
    printf("dc conductivity J_i/E_j (%s)\n", natural ? "natural units" : r.si_unit);
    print_tensor("total", r.conductivity, r.n_dim, r.si_factor);
    print_tensor("populations", r.population, r.n_dim, r.si_factor);
    print_tensor("coherences", r.coherence, r.n_dim, r.si_factor);
    for (size_t j = 0; j < r.n_dim; j++)
      printf("%-22s %ld iterations, relative residual %.1e\n", j == 0 ? "convergence" : "",
             r.iterations[j], r.residual[j]);
    printf("%-22s %lu collision evaluations, %lu FFTs, %.2f s\n", "cost", r.collision_evaluations,
           r.ffts, r.seconds);
    kd_cli_print_warnings(&r.warnings);
  }
  kd_scenario_free(scenario);
  return kd_cli_judge_warnings(a, &r.warnings, 0);
}

const kd_cli_command kd_cli_steady = {
    .name = "steady",
    .collective = true,
    .summary = "linear response about equilibrium: the dc conductivity tensor",
    .description =
        "Prints the tensor with the parts that populations and coherences carry, and writes "
        "it with the response of f into the file that -o names. Needs collisions and the initial "
        "state `equilibrium`.\n"
        "\n"
        "With --sweep the response is found for every value, as with `run --sweep`: the results "
        "and "
        "index.csv, a line for every value with the tensor, go into the folder that -o names, by "
        "default NAME_sweep for output.file: NAME.h5:\n"
        "\n"
        "    keldrift steady S.yaml --sweep 'initial.temperature=100:400:4 K'",
    .operands = (const kd_cli_operand[]){{.name = "SCENARIO", .kind = KD_CLI_FILE}, {.name = NULL}},
    .options = (const kd_cli_option[]){KD_CLI_OUTPUT("the result file; with --sweep a folder"),
                                       KD_CLI_SET,
                                       KD_CLI_SWEEP("the response"),
                                       KD_CLI_THREADS,
                                       KD_CLI_STRICT,
                                       KD_CLI_QUIET,
                                       {.name = NULL}},
    .execute = execute};
