/// The command line. Every command is one file of this folder and one row of `kd_cli_commands`;
/// parsing, `--help`, the man page and shell completion are made from the rows.
///
/// This folder and src/main.c are the only places that print.
#ifndef KD_CLI_CLI_H
#define KD_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "keldrift/keldrift.h"

/// What a value of the command line stands for: how it is checked and completed.
typedef enum kd_cli_kind {
  KD_CLI_WORD,     ///< any text, "" included
  KD_CLI_FILE,     ///< a file name, not empty
  KD_CLI_SETTING,  ///< PATH=VALUE with a key of the scenario
  KD_CLI_KEY,      ///< a key of the scenario
  KD_CLI_QUESTION, ///< one of the questions of `new`
  KD_CLI_COUNT,    ///< an integer from 1 to KD_CLI_MAX_THREADS
  KD_CLI_NUMBER    ///< a finite number >= 0
} kd_cli_kind;

/// One option. Tables end with a row whose name is NULL.
typedef struct kd_cli_option {
  const char *name;   ///< "--output"
  const char *letter; ///< "-o"; NULL for none
  const char *value;  ///< what its value is called, "RESULT.h5"; NULL: a flag
  kd_cli_kind kind;   ///< of the value
  bool repeated;      ///< may be given several times; otherwise the last one counts
  bool many;          ///< takes all words up to the next option
  bool hidden;        ///< left out of help, man page and completion
  const char *meaning;
} kd_cli_option;

/// One operand: a word that is no option. Tables end with a row whose name is NULL.
typedef struct kd_cli_operand {
  const char *name; ///< "SCENARIO"
  kd_cli_kind kind;
  bool optional;
} kd_cli_operand;

struct kd_cli_arguments;

typedef struct kd_cli_command {
  const char *name;
  const char *summary; ///< one line without a full stop
  const char
      *description; ///< paragraphs of the man page and of `COMMAND --help`, after the summary
  const kd_cli_operand *operands;
  const kd_cli_option *options;
  bool hidden;
  bool raw;        ///< the words are not parsed
  bool collective; ///< all processes take part; otherwise the first one does it for all
  /// Does it; returns the exit status.
  int (*execute)(const struct kd_cli_arguments *arguments);
} kd_cli_command;

/// The commands in the order of the help; NULL at the end.
extern const kd_cli_command *const kd_cli_commands[];

/// Returns the command of that name, NULL if there is none.
const kd_cli_command *kd_cli_find(const char *name);

// --- rows that several commands have ------------------------------------------------------------

#define KD_CLI_SET                                                                                 \
  {                                                                                                \
    .name = "--set", .value = "PATH=VALUE", .kind = KD_CLI_SETTING, .repeated = true,              \
    .meaning = "change a value of the scenario, such as field.0.amplitude='1 MV/cm'"               \
  }
#define KD_CLI_OUTPUT(what)                                                                        \
  { .name = "--output", .letter = "-o", .value = "RESULT.h5", .kind = KD_CLI_FILE, .meaning = what }
#define KD_CLI_SWEEP(what)                                                                         \
  {                                                                                                \
    .name = "--sweep", .value = "PATH=VALUES", .kind = KD_CLI_SETTING, .repeated = true,           \
    .meaning = what " for each of these values, START:STOP:COUNT UNIT or A,B,C"                    \
  }
#define KD_CLI_THREADS                                                                             \
  {                                                                                                \
    .name = "--threads", .value = "N", .kind = KD_CLI_COUNT,                                       \
    .meaning = "number of threads; default: one per processor, or OMP_NUM_THREADS"                 \
  }
#define KD_CLI_STRICT                                                                              \
  { .name = "--strict", .meaning = "warnings are an error, exit status 4, once all is done" }
#define KD_CLI_QUIET                                                                               \
  { .name = "--quiet", .meaning = "no progress, no summary" }

// --- arguments ----------------------------------------------------------------------------------

enum { KD_CLI_MAX_WORDS = 1024, KD_CLI_MAX_THREADS = 4096 };

typedef struct kd_cli_given {
  const kd_cli_option *option;
  const char *value; ///< NULL for a flag
} kd_cli_given;

/// A command line that has been parsed. All texts belong to main's argv.
typedef struct kd_cli_arguments {
  const kd_cli_command *command;
  int argc;
  char **argv; ///< the whole line, from the name of the program
  size_t n_operand;
  const char *operand[KD_CLI_MAX_WORDS];
  size_t n_given;
  kd_cli_given given[KD_CLI_MAX_WORDS];
} kd_cli_arguments;

/// Parses argv[2...] by the tables of `command`. Returns false after reporting what is wrong.
bool kd_cli_parse(const kd_cli_command *command, int argc, char **argv,
                  kd_cli_arguments *arguments);

/// Number of times that an option, by its long name, was given.
size_t kd_cli_count(const kd_cli_arguments *arguments, const char *name);
/// Its last value, or `fallback`.
const char *kd_cli_value(const kd_cli_arguments *arguments, const char *name, const char *fallback);
/// All its values in order; returns their number, at most `size`.
size_t kd_cli_values(const kd_cli_arguments *arguments, const char *name, const char **values,
                     size_t size);

/// The words of the command line joined by spaces, for the record in the result.
void kd_cli_join(const kd_cli_arguments *arguments, char *text, size_t size);

// --- messages -----------------------------------------------------------------------------------

/// The processes that mpirun started together with this one; NULL: none. Of many the first one
/// speaks for all.
void kd_cli_share(kd_comm *comm);
kd_comm *kd_cli_comm(void);
bool kd_cli_speaks(void);

/// Reports wrong usage on standard error; returns the exit status.
int kd_cli_usage_error(const char *what, const char *word);
/// Reports the error of the library that `status` stands for; returns the exit status.
int kd_cli_report(kd_status status);
/// Prints a text of the library and frees it; returns the exit status.
int kd_cli_print(kd_status status, char **text);

/// Columns of the terminal behind a stream; `fallback` if it is none. COLUMNS overrides both.
size_t kd_cli_width(FILE *stream, size_t fallback);

/// Prints words in lines of at most `width` columns: the first starts at `column`, where the
/// cursor is, the others at `indent`. A line feed in the text starts a new line.
void kd_cli_wrap(FILE *out, const char *text, size_t column, size_t indent, size_t width);

/// The list of commands with their usage.
void kd_cli_help(FILE *out);
/// One command with its options.
void kd_cli_help_of(FILE *out, const kd_cli_command *command);
/// The manual page, as source for man(1).
void kd_cli_man(FILE *out);

/// "run SCENARIO [-o RESULT.h5] ...", in a string for free(); NULL when memory is short.
char *kd_cli_synopsis(const kd_cli_command *command);

/// The exit statuses, a line each; NULL at the end.
extern const char *const kd_cli_exit_statuses[];

// --- what run, steady and check share -----------------------------------------------------------

/// Sets the number of threads: --threads, or what is there for each of the processes.
/// @param comm  processes that take part; NULL: this one alone
/// @return KD_ERROR_SCENARIO for more than KD_CLI_MAX_THREADS
kd_status kd_cli_threads(const kd_cli_arguments *arguments, const kd_comm *comm);

/// Reads the scenario of the first operand, or the one in a result or checkpoint, with the values
/// of --set, after setting the number of threads. Returns 0, or the exit status after reporting
/// the error.
/// @param comm  processes that take part; NULL: this one alone
int kd_cli_scenario(const kd_cli_arguments *arguments, const kd_comm *comm, kd_scenario **scenario);

/// With --strict, warnings are an error once everything is done; else `exit_status` as it is.
int kd_cli_judge(const kd_cli_arguments *arguments, size_t n_warning, int exit_status);
/// The same after telling the warnings that --quiet has kept back.
int kd_cli_judge_warnings(const kd_cli_arguments *arguments, const kd_warnings *warnings,
                          int exit_status);

void kd_cli_print_warnings(const kd_warnings *warnings);

/// Where a run is, on standard error: on a terminal a bar, redrawn ten times a second; else a line
/// every ten seconds.
typedef struct kd_cli_progress {
  double start, last;
  bool is_terminal, quiet, natural;
  double done, share; ///< part of all work before this run, and of this run
  const char *prefix; ///< in front of the time; NULL for none
} kd_cli_progress;

kd_cli_progress kd_cli_progress_start(bool quiet, bool natural);
/// For kd_run_options.progress.
void kd_cli_progress_show(void *progress, double t, double duration);
void kd_cli_progress_clear(const kd_cli_progress *progress);

/// SIGTERM, SIGINT and SIGUSR1 wait, over an exec too, until kd_cli_watch_signals.
void kd_cli_hold_signals(void);
/// From now on they are remembered for kd_cli_next_request; the second SIGTERM or SIGINT kills.
void kd_cli_watch_signals(void);
/// For kd_run_options.request: what signals have asked for since the last time.
kd_request kd_cli_next_request(void *context);

/// `run` or `steady` with --sweep: the runs are dealt out to all processes. Returns the exit
/// status.
int kd_cli_sweep(const kd_cli_arguments *arguments, bool is_steady);

extern const kd_cli_command kd_cli_run, kd_cli_steady, kd_cli_check, kd_cli_new, kd_cli_describe,
    kd_cli_info, kd_cli_compare, kd_cli_complete;

#endif
