/// `keldrift info`
#include "cli/cli.h"

static int execute(const kd_cli_arguments *a) {
  char *text = NULL;
  return kd_cli_print(kd_result_describe(a->operand[0], &text), &text);
}

const kd_cli_command kd_cli_info = {
    .name = "info",
    .summary = "what a result holds",
    .operands =
        (const kd_cli_operand[]){{.name = "RESULT.h5", .kind = KD_CLI_FILE}, {.name = NULL}},
    .options = (const kd_cli_option[]){{.name = NULL}},
    .execute = execute};
