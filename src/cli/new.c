/// `keldrift new`
#include <string.h>

#include "cli/cli.h"

static void list_questions(FILE *out) {
  for (const kd_template *t = kd_templates(); t->name; t++)
    fprintf(out, "  %-15s %s\n", t->name, t->question);
}

static int execute(const kd_cli_arguments *a) {
  const char *output = kd_cli_value(a, "--output", NULL);
  if (a->n_operand == 0) {
    if (output) return kd_cli_usage_error("new needs a question with -o", output);
    printf("keldrift new QUESTION writes QUESTION.yaml, a scenario to start from:\n\n");
    list_questions(stdout);
    return 0;
  }
  const kd_template *template = kd_template_find(a->operand[0]);
  if (!template) {
    const char *near = kd_template_nearest(a->operand[0]);
    char what[128];
    snprintf(what, sizeof what, near ? "unknown question, did you mean %s?" : "unknown question",
             near);
    const int status = kd_cli_usage_error(what, a->operand[0]);
    if (!near) list_questions(stderr);
    return status;
  }
  char path[128];
  snprintf(path, sizeof path, "%s.yaml", template->name);
  if (!output) output = path;
  const kd_status status = kd_template_write(template, output);
  if (status != KD_OK) return kd_cli_report(status);
  printf("%s: %s\n", output, template->question);
  if (template->data_name) printf("It reads %s beside it.\n", template->data_name);
  printf("Next: keldrift check %s, then keldrift run %s\n", output, output);
  return 0;
}

const kd_cli_command kd_cli_new = {
    .name = "new",
    .summary = "write a commented scenario to start from; without a question, list them",
    .description =
        "Every one of them runs as it is, in seconds. A file that exists is not replaced.",
    .operands =
        (const kd_cli_operand[]){{.name = "QUESTION", .kind = KD_CLI_QUESTION, .optional = true},
                                 {.name = NULL}},
    .options = (const kd_cli_option[]){{.name = "--output",
                                        .letter = "-o",
                                        .value = "SCENARIO.yaml",
                                        .kind = KD_CLI_FILE,
                                        .meaning = "the file; default: QUESTION.yaml"},
                                       {.name = NULL}},
    .execute = execute};
