/// The table of commands.
#include <string.h>

#include "cli/cli.h"

const kd_cli_command *const kd_cli_commands[] = {&kd_cli_new,     &kd_cli_check,    &kd_cli_run,
                                                 &kd_cli_steady,  &kd_cli_describe, &kd_cli_info,
                                                 &kd_cli_compare, &kd_cli_complete, NULL};

const kd_cli_command *kd_cli_find(const char *name) {
  for (size_t i = 0; kd_cli_commands[i]; i++)
    if (strcmp(kd_cli_commands[i]->name, name) == 0) return kd_cli_commands[i];
  return NULL;
}
