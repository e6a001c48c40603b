/// `keldrift describe`
#include "cli/cli.h"

static int execute(const kd_cli_arguments *a) {
  char *text = NULL;
  if (kd_cli_count(a, "--man") > 0) {
    kd_cli_man(stdout);
    return 0;
  }
  if (kd_cli_count(a, "--markdown") > 0) return kd_cli_print(kd_describe_markdown(&text), &text);
  if (kd_cli_count(a, "--result") > 0) return kd_cli_print(kd_describe_result(&text), &text);
  return kd_cli_print(kd_describe(a->operand[0], kd_cli_width(stdout, 88), &text), &text);
}

const kd_cli_command kd_cli_describe = {
    .name = "describe",
    .summary = "explain the keys of a scenario, or one of them",
    .description =
        "Type, unit, default, range, meaning and source of every key. A path narrows it: "
        "`model` lists the models, `model.graphene` has the keys of one, `model.graphene.t` is "
        "a single key. With an index and no kind, as in `field.0.amplitude`, it is that key of "
        "every kind.",
    .operands = (const kd_cli_operand[]){{.name = "KEY", .kind = KD_CLI_KEY, .optional = true},
                                         {.name = NULL}},
    .options =
        (const kd_cli_option[]){
            {.name = "--markdown", .meaning = "all keys as a Markdown page"},
            {.name = "--result", .meaning = "the datasets of a result as tables of Markdown"},
            {.name = "--man", .meaning = "the manual page keldrift.1"},
            {.name = NULL}},
    .execute = execute};
