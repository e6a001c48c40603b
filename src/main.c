/// The program: finds the command, and sees to it that what was printed arrived.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/comm.h"
#include "keldrift_config.h"

static bool is_help(const char *word) {
  return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int dispatch(int argc, char **argv) {
  const char *name = argv[1];
  if (strcmp(name, "--version") == 0) {
    printf("keldrift %s (%s)\n%s\n", KD_VERSION, kd_revision(), KD_BUILD);
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

static int execute(int argc, char **argv) {
  int exit_status = kd_exit_status(KD_ERROR_SCENARIO);
  if (argc < 2) {
    if (kd_cli_speaks()) kd_cli_help(stderr);
    return exit_status;
  }
  const kd_cli_command *command = kd_cli_find(argv[1]);
  const bool is_collective = command && command->collective && !(argc == 3 && is_help(argv[2]));
  if (is_collective || kd_cli_speaks()) exit_status = dispatch(argc, argv);
  if (fflush(stdout) != 0 || ferror(stdout)) {
    fprintf(stderr, "keldrift: error: cannot write to standard output: %s\n", strerror(errno));
    exit_status = kd_exit_status(KD_ERROR_FILE);
  }
  kd_comm_broadcast(kd_cli_comm(), &exit_status, sizeof exit_status);
  return exit_status;
}

/// Threads that wait for each other spin for a millisecond by default in GNU's OpenMP. With other
/// work on the machine they spin where the one that they wait for should run, and a run takes ten
/// times as long; a microsecond is enough for those that run. The library reads it when it is
/// loaded, hence the program begins once more.
static void let_threads_sleep(char **argv) {
  static const char spins[] = "GOMP_SPINCOUNT";
  char path[4096];
  if (getenv("OMP_WAIT_POLICY") || getenv(spins) || setenv(spins, "1000", 1) != 0) return;
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = '\0';
  execv(path, argv);
}

int main(int argc, char **argv) {
  // A file that grows beyond a limit is an error of writing.
  signal(SIGXFSZ, SIG_IGN);
  if (argc > 1 && (strcmp(argv[1], "run") == 0 || strcmp(argv[1], "steady") == 0)) {
    kd_cli_hold_signals();
    let_threads_sleep(argv);
    kd_cli_watch_signals();
  }
  kd_comm *comm = NULL;
  const kd_status status = kd_comm_create(&comm);
  kd_cli_share(comm);
  const int exit_status = status == KD_OK ? execute(argc, argv) : kd_cli_report(status);
  kd_comm_free(comm);
  return exit_status;
}
