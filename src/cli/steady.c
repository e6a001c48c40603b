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
  kd_scenario *scenario = NULL;
  const int wrong = kd_cli_scenario(a, &scenario);
  if (wrong) return wrong;
  char command[4096];
  kd_cli_join(a, command, sizeof command);
  static kd_steady_report r;
  const kd_status status = kd_steady(scenario, kd_cli_value(a, "--output", NULL), command, &r);
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
  return kd_cli_judge(a, &r.warnings, 0);
}

const kd_cli_command kd_cli_steady = {
    .name = "steady",
    .summary = "linear response about equilibrium: the dc conductivity tensor",
    .description =
        "Prints the tensor with the parts that populations and coherences carry, and writes "
        "it with the response of f. Needs collisions and the initial state "
        "`equilibrium`.",
    .operands = (const kd_cli_operand[]){{.name = "SCENARIO", .kind = KD_CLI_FILE}, {.name = NULL}},
    .options = (const kd_cli_option[]){KD_CLI_OUTPUT("the result file, in place of output.file"),
                                       KD_CLI_SET,
                                       KD_CLI_THREADS,
                                       KD_CLI_STRICT,
                                       KD_CLI_QUIET,
                                       {.name = NULL}},
    .execute = execute};
