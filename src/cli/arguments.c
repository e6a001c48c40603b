/// From the words of the command line to operands and options.
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const kd_cli_option *find_option(const kd_cli_option *options, const char *word,
                                        size_t length) {
  for (const kd_cli_option *o = options; o && o->name; o++)
    if ((strlen(o->name) == length && strncmp(o->name, word, length) == 0) ||
        (o->letter && strlen(o->letter) == length && strncmp(o->letter, word, length) == 0))
      return o;
  return NULL;
}

/// Names the commands that have an option which the one at hand lacks.
static bool complain_of_option(const char *word, size_t length) {
  char text[256] = "", name[128];
  snprintf(name, sizeof name, "%.*s", (int)length, word);
  for (size_t i = 0; kd_cli_commands[i]; i++) {
    const kd_cli_option *o = find_option(kd_cli_commands[i]->options, word, length);
    if (!o || o->hidden) continue;
    const size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "%s%s", used ? ", " : "this option belongs to ",
             kd_cli_commands[i]->name);
  }
  kd_cli_usage_error(*text ? text : "unknown option", name);
  return false;
}

static bool is_valid(const kd_cli_option *option, const char *name, const char *value) {
  char text[160];
  char *end;
  errno = 0;
  switch (option->kind) {
  case KD_CLI_FILE:
    if (*value) return true;
    return kd_cli_usage_error("an option needs a file name", name), false;
  case KD_CLI_COUNT: {
    const long n = strtol(value, &end, 10);
    if (*value && *end == '\0' && !errno && n >= 1 && n <= KD_CLI_MAX_THREADS) return true;
    snprintf(text, sizeof text, "%s is not a number from 1 to %d", name, KD_CLI_MAX_THREADS);
    return kd_cli_usage_error(text, value), false;
  }
  case KD_CLI_NUMBER: {
    const double x = strtod(value, &end);
    if (*value && *end == '\0' && isfinite(x) && x >= 0) return true;
    snprintf(text, sizeof text, "%s is not a finite number >= 0", name);
    return kd_cli_usage_error(text, value), false;
  }
  default:
    return true;
  }
}

static bool add_given(kd_cli_arguments *a, const kd_cli_option *option, const char *name,
                      const char *value) {
  if (value && !is_valid(option, name, value)) return false;
  a->given[a->n_given++] = (kd_cli_given){option, value};
  return true;
}

static bool is_option(const char *word) {
  return word[0] == '-' && word[1] != '\0';
}

/// Parses the option that is word `*i` of the line, and steps over its values.
static bool parse_option(kd_cli_arguments *a, int *i) {
  const char *word = a->argv[*i];
  const char *equals = word[1] == '-' ? strchr(word, '=') : NULL;
  const size_t length = equals ? (size_t)(equals - word) : strlen(word);
  const kd_cli_option *option = find_option(a->command->options, word, length);
  if (!option) return complain_of_option(word, length);
  if (!option->value) {
    if (equals) return kd_cli_usage_error("an option without a value", word), false;
    return add_given(a, option, word, NULL);
  }
  if (equals) return add_given(a, option, option->name, equals + 1);
  if (*i + 1 >= a->argc) return kd_cli_usage_error("an option needs a value", word), false;
  bool good = add_given(a, option, word, a->argv[++*i]);
  while (good && option->many && *i + 1 < a->argc && !is_option(a->argv[*i + 1]))
    good = add_given(a, option, word, a->argv[++*i]);
  return good;
}

bool kd_cli_parse(const kd_cli_command *command, int argc, char **argv, kd_cli_arguments *a) {
  *a = (kd_cli_arguments){.command = command, .argc = argc, .argv = argv};
  if (argc > KD_CLI_MAX_WORDS) return kd_cli_usage_error("too many words", argv[argc - 1]), false;
  size_t n_most = 0, n_least = 0;
  for (const kd_cli_operand *o = command->operands; o && o->name; o++, n_most++)
    if (!o->optional) n_least++;
  bool only_operands = false;
  for (int i = 2; i < argc; i++) {
    if (!only_operands && strcmp(argv[i], "--") == 0) {
      only_operands = true;
    } else if (!only_operands && is_option(argv[i])) {
      if (!parse_option(a, &i)) return false;
    } else if (a->n_operand == n_most) {
      char text[128];
      snprintf(text, sizeof text, n_most ? "%s takes no more than %zu name%s" : "%s takes no name",
               command->name, n_most, n_most == 1 ? "" : "s");
      return kd_cli_usage_error(text, argv[i]), false;
    } else if (!*argv[i] && command->operands[a->n_operand].kind == KD_CLI_FILE) {
      char text[128];
      snprintf(text, sizeof text, "an empty name for %s", command->operands[a->n_operand].name);
      return kd_cli_usage_error(text, ""), false;
    } else {
      a->operand[a->n_operand++] = argv[i];
    }
  }
  if (a->n_operand < n_least) {
    char text[128];
    snprintf(text, sizeof text, "%s needs %s", command->name, command->operands[a->n_operand].name);
    return kd_cli_usage_error(text, ""), false;
  }
  return true;
}

size_t kd_cli_count(const kd_cli_arguments *a, const char *name) {
  size_t n = 0;
  for (size_t i = 0; i < a->n_given; i++) n += strcmp(a->given[i].option->name, name) == 0;
  return n;
}

const char *kd_cli_value(const kd_cli_arguments *a, const char *name, const char *fallback) {
  for (size_t i = a->n_given; i-- > 0;)
    if (strcmp(a->given[i].option->name, name) == 0) return a->given[i].value;
  return fallback;
}

size_t kd_cli_values(const kd_cli_arguments *a, const char *name, const char **values,
                     size_t size) {
  size_t n = 0;
  for (size_t i = 0; i < a->n_given && n < size; i++)
    if (strcmp(a->given[i].option->name, name) == 0) values[n++] = a->given[i].value;
  return n;
}

void kd_cli_join(const kd_cli_arguments *a, char *text, size_t size) {
  size_t length = 0;
  text[0] = '\0';
  for (int i = 0; i < a->argc && length < size; i++)
    length += (size_t)snprintf(text + length, size - length, "%s%s", i ? " " : "", a->argv[i]);
}
