/// Help texts and the manual page, from the tables.
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "keldrift_config.h"

enum { INDENT = 2, TEXT_COLUMN = 25 };

const char *const kd_cli_exit_statuses[] = {
    "0: done; for `compare`: the results agree",
    "1: only `compare`: the results differ",
    "2: wrong usage or scenario",
    "3: a file could not be read or written",
    "4: the numerics failed, or with --strict there were warnings",
    "75: stopped by SIGTERM or SIGINT after writing a checkpoint",
    NULL};

char *kd_cli_synopsis(const kd_cli_command *command) {
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  if (!out) return NULL;
  fputs(command->name, out);
  for (const kd_cli_operand *o = command->operands; o && o->name; o++)
    fprintf(out, o->optional ? " [%s]" : " %s", o->name);
  for (const kd_cli_option *o = command->options; o && o->name; o++) {
    if (o->hidden) continue;
    fprintf(out, " [%s", o->letter ? o->letter : o->name);
    if (o->value) fprintf(out, "\u00a0%s", o->value);
    fprintf(out, o->many ? "...]" : o->repeated ? "]..." : "]");
  }
  if (fclose(out) == 0) return text;
  free(text);
  return NULL;
}

/// Prints a synopsis in lines that break between options only.
static void print_synopsis(FILE *out, const kd_cli_command *command, size_t column, size_t indent,
                           size_t width) {
  char *synopsis = kd_cli_synopsis(command);
  char *text = NULL;
  size_t size;
  FILE *wrapped = synopsis ? open_memstream(&text, &size) : NULL;
  if (wrapped) {
    kd_cli_wrap(wrapped, synopsis, column, indent, width);
    fclose(wrapped);
    for (const char *c = text; *c; c++) {
      if (strncmp(c, "\u00a0", 2) == 0) {
        fputc(' ', out);
        c++;
      } else {
        fputc(*c, out);
      }
    }
  }
  free(text);
  free(synopsis);
}

void kd_cli_help(FILE *out) {
  const size_t width = kd_cli_width(out, 100);
  fputs("usage: keldrift COMMAND ...\n\n", out);
  for (size_t i = 0; kd_cli_commands[i]; i++) {
    const kd_cli_command *command = kd_cli_commands[i];
    if (command->hidden) continue;
    fprintf(out, "%*s", INDENT, "");
    print_synopsis(out, command, INDENT, INDENT + (strlen(command->name) + 1), width);
    fprintf(out, "%*s", TEXT_COLUMN, "");
    kd_cli_wrap(out, command->summary, TEXT_COLUMN, TEXT_COLUMN, width);
  }
  fputs("  COMMAND --help         one command with its options\n"
        "  --version, --help\n\n"
        "exit status\n",
        out);
  for (size_t i = 0; kd_cli_exit_statuses[i]; i++) fprintf(out, "  %s\n", kd_cli_exit_statuses[i]);
}

void kd_cli_help_of(FILE *out, const kd_cli_command *command) {
  const size_t width = kd_cli_width(out, 100);
  fputs("usage: keldrift ", out);
  print_synopsis(out, command, 16, 16 + strlen(command->name) + 1, width);
  fprintf(out, "\n%s.", command->summary);
  if (command->description) {
    fputs("\n\n", out);
    kd_cli_wrap(out, command->description, 0, 0, width);
  } else {
    fputc('\n', out);
  }
  if (command->options && command->options->name) fputs("\noptions\n", out);
  for (const kd_cli_option *o = command->options; o && o->name; o++) {
    if (o->hidden) continue;
    int column =
        fprintf(out, "  %s%s%s", o->letter ? o->letter : "", o->letter ? ", " : "", o->name);
    if (o->value) column += fprintf(out, " %s", o->value);
    if (column + 2 > TEXT_COLUMN) {
      fprintf(out, "\n%*s", TEXT_COLUMN, "");
    } else {
      fprintf(out, "%*s", TEXT_COLUMN - column, "");
    }
    kd_cli_wrap(out, o->meaning, TEXT_COLUMN, TEXT_COLUMN, width);
  }
}

/// Writes text for man(1): hyphens and backslashes as themselves, no line that starts a request.
static void write_roff(FILE *out, const char *text) {
  bool at_start = true;
  for (; *text; text++) {
    if (at_start && (*text == '.' || *text == '\'')) fputs("\\&", out);
    if (*text == '\\')
      fputs("\\e", out);
    else if (*text == '-')
      fputs("\\-", out);
    else if (*text == '`')
      fputs("", out);
    else
      fputc(*text, out);
    at_start = *text == '\n';
  }
}

/// The same for a description, in which an empty line starts a paragraph and an indented one stands
/// as it is.
static void write_paragraphs(FILE *out, const char *text) {
  while (*text) {
    const size_t length = strcspn(text, "\n");
    char line[1024];
    snprintf(line, sizeof line, "%.*s", (int)length, text);
    if (length == 0) {
      fputs(".PP\n", out);
    } else if (line[0] == ' ') {
      fputs(".br\n", out);
      write_roff(out, line);
      fputs("\n.br\n", out);
    } else {
      write_roff(out, line);
      fputc('\n', out);
    }
    text += length + (text[length] == '\n');
  }
}

void kd_cli_man(FILE *out) {
  fprintf(out, ".TH KELDRIFT 1 \"\" \"keldrift %s\" \"User Commands\"\n", KD_VERSION);
  fputs(".nh\n.ad l\n.SH NAME\nkeldrift \\- quantum kinetic equations in time\n.SH SYNOPSIS\n",
        out);
  for (size_t i = 0; kd_cli_commands[i]; i++) {
    if (kd_cli_commands[i]->hidden) continue;
    char *synopsis = kd_cli_synopsis(kd_cli_commands[i]);
    fputs(".B keldrift\n", out);
    for (char *c = synopsis; c && *c; c++) {
      if (strncmp(c, "\u00a0", 2) == 0) {
        fputs("\\ ", out);
        c++;
      } else {
        write_roff(out, (char[]){*c, '\0'});
      }
    }
    fputs("\n.br\n", out);
    free(synopsis);
  }
  fputs(".SH DESCRIPTION\n", out);
  write_paragraphs(out,
                   "keldrift integrates the density matrix of many-band electrons in time: band "
                   "populations and interband coherences together, driven by an electric field and "
                   "scattered by phonons and impurities.\n"
                   "A scenario is a YAML file whose keys `keldrift describe` explains; the result "
                   "is an HDF5 file with units.\n");
  fputs(".SH COMMANDS\n", out);
  for (size_t i = 0; kd_cli_commands[i]; i++) {
    const kd_cli_command *command = kd_cli_commands[i];
    if (command->hidden) continue;
    fprintf(out, ".SS %s\n", command->name);
    write_roff(out, command->summary);
    fputs(".\n", out);
    if (command->description) {
      fputs(".PP\n", out);
      write_paragraphs(out, command->description);
    }
    for (const kd_cli_option *o = command->options; o && o->name; o++) {
      if (o->hidden) continue;
      fputs(".TP\n.B ", out);
      if (o->letter) {
        write_roff(out, o->letter);
        fputs(", ", out);
      }
      write_roff(out, o->name);
      if (o->value) {
        fputs(" \\fI", out);
        write_roff(out, o->value);
        fputs("\\fR", out);
      }
      fputc('\n', out);
      write_roff(out, o->meaning);
      fputc('\n', out);
    }
  }
  char *keys = NULL;
  if (kd_describe_keys("", "", &keys) == KD_OK) {
    fputs(".SH SCENARIO\nA mapping with the keys\n", out);
    for (char *key = strtok(keys, "\n"); key; key = strtok(NULL, "\n"))
      fprintf(out, ".B %.*s\n", (int)strcspn(key, "."), key);
    fputs(
        "of which `keldrift describe KEY' explains each. Quantities are texts with a unit, such as "
        "0.3 eV.\n",
        out);
    free(keys);
  }
  fputs(".SH EXIT STATUS\n", out);
  for (size_t i = 0; kd_cli_exit_statuses[i]; i++) {
    const char *line = kd_cli_exit_statuses[i];
    const size_t length = strcspn(line, ":");
    fprintf(out, ".TP\n.B %.*s\n", (int)length, line);
    write_roff(out, line + length + 2);
    fputc('\n', out);
  }
  fputs(
      ".SH ENVIRONMENT\n.TP\n.B OMP_NUM_THREADS\nnumber of threads without "
      "\\-\\-threads\n.TP\n.B COLUMNS\nwidth of the text that is printed, in place of that of the "
      "terminal\n",
      out);
}
