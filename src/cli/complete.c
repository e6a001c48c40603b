/// `keldrift complete`: what the completion of shells asks for.
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static void offer(const char *candidate, const char *word) {
  if (strncmp(candidate, word, strlen(word)) == 0) printf("%s\n", candidate);
}

static void offer_options(const kd_cli_command *command, const char *word) {
  for (const kd_cli_option *o = command->options; o && o->name; o++) {
    if (o->hidden) continue;
    offer(o->name, word);
    if (o->letter) offer(o->letter, word);
  }
  offer("--help", word);
}

/// Keys of the scenario; a mapping ends with a dot, a value with `ending`.
static int offer_keys(const char *word, const char *ending) {
  char *text = NULL;
  const kd_status status = kd_describe_keys(word, ending, &text);
  return kd_cli_print(status, &text);
}

static int offer_kind(kd_cli_kind kind, const char *word) {
  switch (kind) {
  case KD_CLI_SETTING:
    return strchr(word, '=') ? 0 : offer_keys(word, "=");
  case KD_CLI_KEY:
    return offer_keys(word, "");
  case KD_CLI_QUESTION:
    for (const kd_template *t = kd_templates(); t->name; t++) offer(t->name, word);
    return 0;
  case KD_CLI_FILE:
    printf("FILE\n"); // The shell knows the files.
    return 0;
  default:
    return 0;
  }
}

static const kd_cli_option *find_option(const kd_cli_command *command, const char *word) {
  for (const kd_cli_option *o = command->options; o && o->name; o++)
    if (strcmp(o->name, word) == 0 || (o->letter && strcmp(o->letter, word) == 0)) return o;
  return NULL;
}

/// The operands are the words after `complete`: those of the line behind the program, the last of
/// which, perhaps empty, is to be completed.
static int execute(const kd_cli_arguments *a) {
  const int first = 3; // after "keldrift complete --"
  const int n = a->argc - first;
  if (n < 1) return 0;
  char **word = a->argv + first;
  const char *last = word[n - 1];
  if (n == 1) {
    for (size_t i = 0; kd_cli_commands[i]; i++)
      if (!kd_cli_commands[i]->hidden) offer(kd_cli_commands[i]->name, last);
    offer("--help", last);
    offer("--version", last);
    return 0;
  }
  const kd_cli_command *command = kd_cli_find(word[0]);
  if (!command) return 0;
  size_t n_operand = 0;
  const kd_cli_option *open = NULL; ///< whose value the last word is
  for (int i = 1; i < n; i++) {
    const bool is_last = i == n - 1;
    if (open) {
      if (is_last && (last[0] != '-' || !open->many)) return offer_kind(open->kind, last);
      if (!open->many) open = NULL;
      if (word[i][0] != '-') continue;
    }
    if (is_last) break;
    open = NULL;
    if (word[i][0] == '-') {
      const kd_cli_option *option = find_option(command, word[i]);
      if (option && option->value) open = option;
    } else {
      n_operand++;
    }
  }
  if (last[0] == '-') {
    offer_options(command, last);
    return 0;
  }
  size_t i = 0;
  for (const kd_cli_operand *o = command->operands; o && o->name; o++, i++)
    if (i == n_operand) return offer_kind(o->kind, last);
  return 0;
}

const kd_cli_command kd_cli_complete = {.name = "complete",
                                        .summary = "what may follow on a command line",
                                        .operands = (const kd_cli_operand[]){{.name = NULL}},
                                        .options = (const kd_cli_option[]){{.name = NULL}},
                                        .hidden = true,
                                        .raw = true,
                                        .execute = execute};
