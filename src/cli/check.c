/// `keldrift check`
#include "cli/cli.h"

static void print_bytes(const char *label, size_t bytes) {
  static const char *const unit[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double value = (double)bytes;
  size_t i = 0;
  while (value >= 1024 && i < 4) {
    value /= 1024;
    i++;
  }
  printf("# %-22s %.*f %s\n", label, i == 0 ? 0 : 1, value, unit[i]);
}

static int execute(const kd_cli_arguments *a) {
  kd_scenario *scenario = NULL;
  const int wrong = kd_cli_scenario(a, NULL, &scenario);
  if (wrong) return wrong;
  static kd_estimate e;
  const kd_status status = kd_check(scenario, &e);
  if (status != KD_OK) {
    const int exit_status = kd_cli_report(status);
    kd_scenario_free(scenario);
    return exit_status;
  }
  printf("%s\n", kd_scenario_text(scenario));
  printf("# what a run needs\n");
  printf("# %-22s %zu bands, %zu k points in %zu dimension%s", "size", e.n_band, e.n_k, e.n_dim,
         e.n_dim == 1 ? "" : "s");
  if (e.n_r > 1) printf(", %zu R points", e.n_r);
  printf("\n");
  printf("# %-22s %zu, and %zu snapshots\n", "frames", e.n_frame, e.n_snapshot);
  print_bytes("one state f(k)", e.state_bytes);
  print_bytes("memory", e.memory_bytes);
  if (e.collision_bytes > 0) {
    print_bytes("of it, collisions", e.collision_bytes);
    printf("# %-22s %s, method %s\n", "collision operator", e.collision.ansatz, e.collision.method);
  }
  print_bytes("result file", e.output_bytes);
  for (size_t i = 0; i < e.warnings.count; i++) printf("# warning: %s\n", e.warnings.text[i]);
  kd_scenario_free(scenario);
  return kd_cli_judge_warnings(a, &e.warnings, 0);
}

const kd_cli_command kd_cli_check = {
    .name = "check",
    .summary = "print the resolved scenario and what a run needs; run nothing",
    .description =
        "Finds the errors that a run would find at its start. The scenario that is printed "
        "has all defaults and units filled in and is a scenario itself.",
    .operands = (const kd_cli_operand[]){{.name = "SCENARIO", .kind = KD_CLI_FILE}, {.name = NULL}},
    .options = (const kd_cli_option[]){KD_CLI_SET, KD_CLI_STRICT, {.name = NULL}},
    .execute = execute};
