/// Errors, progress and texts on the terminal.
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/clock.h"
#include "output/progress.h"
#include "scenario/report.h"

static kd_comm *shared;

void kd_cli_share(kd_comm *comm) {
  shared = comm;
}
kd_comm *kd_cli_comm(void) {
  return shared;
}
bool kd_cli_speaks(void) {
  return kd_comm_rank(shared) == 0;
}

int kd_cli_usage_error(const char *what, const char *word) {
  if (!kd_cli_speaks()) return kd_exit_status(KD_ERROR_SCENARIO);
  bool is_plain = true;
  for (const char *c = word; *c; c++)
    is_plain = is_plain && (unsigned char)*c >= 0x20 && *c != 0x7F;
  fprintf(stderr, "keldrift: error: %s%s%s (expected: see keldrift --help)\n", what,
          *word ? ": " : "", is_plain ? word : kd_quote(word).text);
  return kd_exit_status(KD_ERROR_SCENARIO);
}

int kd_cli_report(kd_status status) {
  if (!kd_cli_speaks()) return kd_exit_status(status);
  fprintf(stderr, "%s%s\n",
          strstr(kd_error_message(), "error:") ? "" : "keldrift: error: ", kd_error_message());
  return kd_exit_status(status);
}

int kd_cli_print(kd_status status, char **text) {
  if (status != KD_OK) return kd_cli_report(status);
  fputs(*text, stdout);
  free(*text);
  return 0;
}

size_t kd_cli_width(FILE *stream, size_t fallback) {
  const char *columns = getenv("COLUMNS");
  const long wanted = columns ? strtol(columns, NULL, 10) : 0;
  if (wanted > 20 && wanted < 10000) return (size_t)wanted;
  struct winsize size;
  return ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : fallback;
}

void kd_cli_wrap(FILE *out, const char *text, size_t column, size_t indent, size_t width) {
  bool first = true;
  while (*text) {
    if (*text == '\n') {
      const size_t inner = strspn(++text, " ");
      column = indent + inner;
      fprintf(out, "\n%*s", *text == '\n' ? 0 : (int)column, "");
      first = true;
      continue;
    }
    text += strspn(text, " ");
    const size_t length = strcspn(text, " \n");
    if (length == 0) continue;
    if (!first && column + 1 + length > width) {
      fprintf(out, "\n%*s", (int)indent, "");
      column = indent;
    } else if (!first) {
      fputc(' ', out);
      column++;
    }
    fprintf(out, "%.*s", (int)length, text);
    column += length;
    text += length;
    first = false;
  }
  fputc('\n', out);
}

kd_cli_progress kd_cli_progress_start(bool quiet, bool natural) {
  const double now = kd_seconds();
  return (kd_cli_progress){.start = now,
                           .last = now,
                           .is_terminal = isatty(STDERR_FILENO),
                           .quiet = quiet,
                           .natural = natural,
                           .share = 1};
}

void kd_cli_progress_show(void *context, double t, double duration) {
  kd_cli_progress *p = context;
  if (p->quiet) return;
  const double now = kd_seconds(), elapsed = now - p->start;
  const double fraction = p->done + p->share * t / duration;
  if (now - p->last < (p->is_terminal ? 0.1 : 10) && fraction < 1) return;
  if (!p->is_terminal && fraction >= 1 && p->last == p->start) return;
  p->last = now;
  const double left = fraction > 0 ? elapsed * (1 - fraction) / fraction : -1;
  char line[512], note[160];
  snprintf(note, sizeof note, "%st = %.4g%s", p->prefix ? p->prefix : "", t,
           p->natural ? "" : " fs");
  kd_progress_line(line, sizeof line, fraction, elapsed, left, p->is_terminal,
                   kd_cli_width(stderr, 80), note);
  if (p->is_terminal)
    fprintf(stderr, "\r\033[K%s", line);
  else
    fprintf(stderr, "%s\n", line);
}

void kd_cli_progress_clear(const kd_cli_progress *p) {
  if (p->is_terminal && !p->quiet) fprintf(stderr, "\r\033[K");
}

void kd_cli_print_warnings(const kd_warnings *warnings) {
  for (size_t i = 0; i < warnings->count; i++) printf("warning: %s\n", warnings->text[i]);
}
