/// The program: finds the command, and sees to it that what was printed arrived.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "keldrift_config.h"

static bool is_help(const char *word) {
  return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int execute(int argc, char **argv) {
  const char *name = argv[1];
  if (strcmp(name, "--version") == 0) {
    printf("keldrift %s (%s)\n%s\n", KD_VERSION, KD_GIT_REVISION, KD_BUILD);
    return 0;
  }
  const kd_cli_command *command = kd_cli_find(name);
  if (is_help(name) || (strcmp(name, "help") == 0 && argc == 2)) {
    kd_cli_help(stdout);
    return 0;
  }
  if (strcmp(name, "help") == 0) {
    command = kd_cli_find(argv[2]);
    if (!command) return kd_cli_usage_error("unknown command", argv[2]);
    kd_cli_help_of(stdout, command);
    return 0;
  }
  if (!command) return kd_cli_usage_error("unknown command", name);
  if (argc == 3 && is_help(argv[2])) {
    kd_cli_help_of(stdout, command);
    return 0;
  }
  static kd_cli_arguments arguments;
  arguments = (kd_cli_arguments){.command = command, .argc = argc, .argv = argv};
  if (!command->raw && !kd_cli_parse(command, argc, argv, &arguments))
    return kd_exit_status(KD_ERROR_SCENARIO);
  return command->execute(&arguments);
}

int main(int argc, char **argv) {
  if (argc < 2) {
    kd_cli_help(stderr);
    return kd_exit_status(KD_ERROR_SCENARIO);
  }
  const int exit_status = execute(argc, argv);
  if (fflush(stdout) != 0 || ferror(stdout)) {
    fprintf(stderr, "keldrift: error: cannot write to standard output: %s\n", strerror(errno));
    return kd_exit_status(KD_ERROR_FILE);
  }
  return exit_status;
}
