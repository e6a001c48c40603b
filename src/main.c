/// The command line: arguments, messages, exit status. The only file that prints.
#include <errno.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/clock.h"
#include "keldrift/keldrift.h"
#include "keldrift_config.h"
#include "output/progress.h"

enum { MAX_OVERRIDES = 256, COMMAND_BYTES = 4096 };

static const char USAGE[] =
    "usage: keldrift COMMAND ...\n"
    "\n"
    "  run SCENARIO [-o RESULT.h5] [--set PATH=VALUE]... [--threads N] [--quiet]\n"
    "                         integrate a scenario and write the result\n"
    "  steady SCENARIO [-o RESULT.h5] [--set PATH=VALUE]... [--threads N] [--quiet]\n"
    "                         linear response about equilibrium: the dc conductivity tensor\n"
    "  check SCENARIO [--set PATH=VALUE]...\n"
    "                         print the resolved scenario and what a run needs; run nothing\n"
    "  describe [KEY]         explain scenario keys, e.g. describe model.graphene\n"
    "  describe --markdown    the same for all keys as a Markdown page\n"
    "  info FILE.h5           what a result holds\n"
    "  --version, --help\n"
    "\n"
    "exit status: 0 done; 2 wrong usage or scenario; 3 a file could not be read or written;\n"
    "4 the numerics failed\n";

typedef struct arguments {
  const char *scenario;
  const char *output;
  const char *override[MAX_OVERRIDES];
  size_t n_override;
  int threads;
  bool quiet;
} arguments;

static int usage_error(const char *what, const char *word) {
  fprintf(stderr, "keldrift: error: %s%s%s (expected: see keldrift --help)\n", what,
          *word ? ": " : "", word);
  return kd_exit_status(KD_ERROR_SCENARIO);
}

static int report_error(kd_status status) {
  fprintf(stderr, "%s%s\n",
          strstr(kd_error_message(), "error:") ? "" : "keldrift: error: ", kd_error_message());
  return kd_exit_status(status);
}

/// Parses the options of `run` and `check`; 0 on success, else the exit status.
static int parse(int argc, char **argv, bool may_run, arguments *a) {
  *a = (arguments){0};
  for (int i = 0; i < argc; i++) {
    const char *word = argv[i];
    const bool is_output = strcmp(word, "-o") == 0 || strcmp(word, "--output") == 0;
    const bool is_set = strcmp(word, "--set") == 0, is_threads = strcmp(word, "--threads") == 0;
    if (is_output || is_set || is_threads) {
      if (i + 1 >= argc) return usage_error("an option needs a value", word);
      const char *value = argv[++i];
      if (is_set) {
        if (a->n_override == MAX_OVERRIDES) return usage_error("too many overrides", value);
        a->override[a->n_override++] = value;
      } else if (!may_run) {
        return usage_error("this option belongs to run", word);
      } else if (is_output) {
        if (*value == '\0') return usage_error("an option needs a file name", word);
        a->output = value;
      } else {
        char *end;
        errno = 0;
        const long n = strtol(value, &end, 10);
        if (*value == '\0' || *end != '\0' || errno || n < 1 || n > 4096)
          return usage_error("--threads is not a number from 1 to 4096", value);
        a->threads = (int)n;
      }
    } else if (strcmp(word, "--quiet") == 0 && may_run) {
      a->quiet = true;
    } else if (word[0] == '-' && word[1] != '\0') {
      return usage_error("unknown option", word);
    } else if (a->scenario) {
      return usage_error("a second scenario", word);
    } else {
      a->scenario = word;
    }
  }
  return a->scenario ? 0 : usage_error("no scenario given", "");
}

// --- progress -----------------------------------------------------------------------------------

typedef struct progress {
  double start, last;
  bool is_terminal, quiet, natural;
} progress;

static size_t terminal_width(void) {
  struct winsize size;
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

/// On a terminal a bar, redrawn ten times a second; else a line every ten seconds.
static void show_progress(void *context, double t, double duration) {
  progress *p = context;
  if (p->quiet) return;
  const double now = kd_seconds(), elapsed = now - p->start, fraction = t / duration;
  if (now - p->last < (p->is_terminal ? 0.1 : 10) && fraction < 1) return;
  if (!p->is_terminal && fraction >= 1 && p->last == p->start) return;
  p->last = now;
  const double left = fraction > 0 ? elapsed * (1 - fraction) / fraction : -1;
  char line[512], note[64];
  snprintf(note, sizeof note, "t = %.4g%s", t, p->natural ? "" : " fs");
  kd_progress_line(line, sizeof line, fraction, elapsed, left, p->is_terminal, terminal_width(),
                   note);
  if (p->is_terminal)
    fprintf(stderr, "\r\033[K%s", line);
  else
    fprintf(stderr, "%s\n", line);
}

static void clear_progress(const progress *p) {
  if (p->is_terminal && !p->quiet) fprintf(stderr, "\r\033[K");
}

// --- commands -----------------------------------------------------------------------------------

static void print_bytes(const char *label, size_t bytes) {
  static const char *const unit[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double value = (double)bytes;
  size_t i = 0;
  while (value >= 1024 && i < 4) {
    value /= 1024;
    i++;
  }
  printf("%-22s %.*f %s\n", label, i == 0 ? 0 : 1, value, unit[i]);
}

static void print_summary(const kd_report *r, const char *output, bool natural) {
  const char *ev = natural ? "" : " eV", *fs = natural ? "" : " fs";
  printf("%zu band%s, %zu k points, ", r->n_band, r->n_band == 1 ? "" : "s", r->n_k);
  if (r->n_r > 1) printf("%zu R points, ", r->n_r);
  printf("%g%s, %zu frames, %zu snapshots -> %s\n", r->duration, fs, r->n_frame, r->n_snapshot,
         output);
  printf("%-22s %.12g, drift %.1e\n", "number per cell", r->number, r->number_drift);
  const bool collides = strcmp(r->collision.ansatz, "none") != 0;
  printf("%-22s %.6e%s, work done %.6e%s, %s %.1e%s\n", "energy change", r->energy_change, ev,
         r->work, ev, collides ? "to the baths" : "difference",
         collides ? r->work - r->energy_change : r->energy_change - r->work, ev);
  printf("%-22s drift %.1e\n", "purity", r->purity_drift);
  printf("%-22s f from %.3g, 1 - f from %.3g\n", "eigenvalues", r->min_f, r->min_1mf);
  printf("%-22s %s", "scheme", r->cost.scheme);
  if (strcmp(r->cost.integrator, "none") != 0) printf(" by %s", r->cost.integrator);
  printf(": %ld steps, last order %d, last step %.3g%s", r->cost.steps, r->cost.last_order,
         r->cost.last_step, fs);
  if (r->cost.rate_evaluations > 0) printf(", %ld rate evaluations", r->cost.rate_evaluations);
  if (r->cost.flow_steps > 0)
    printf(", %lu Magnus steps (%lu rejected)", r->cost.flow_steps, r->cost.flow_rejections);
  printf("\n");
  printf("%-22s %lu collision evaluations (%s, %s), %lu FFTs of a component\n", "cost",
         r->collision.evaluations, r->collision.ansatz, r->collision.method, r->ffts);
  printf("%-22s setup %.2f s, drift %.2f s, collisions %.2f s, observables %.2f s, output %.2f s, "
         "total %.2f s\n",
         "time", r->setup_seconds, r->cost.seconds - r->collision.seconds, r->collision.seconds,
         r->observable_seconds, r->output_seconds, r->total_seconds);
  for (size_t i = 0; i < r->warnings.count; i++) printf("warning: %s\n", r->warnings.text[i]);
}

static void join_command(int argc, char **argv, char *command) {
  size_t length = 0;
  command[0] = '\0';
  for (int i = 0; i < argc && length < COMMAND_BYTES; i++)
    length +=
        (size_t)snprintf(command + length, COMMAND_BYTES - length, "%s%s", i ? " " : "", argv[i]);
}

/// Parses the arguments and reads the scenario; 0 on success, else the exit status.
static int begin(int argc, char **argv, bool may_run, arguments *a, kd_scenario **scenario) {
  const int wrong = parse(argc - 2, argv + 2, may_run, a);
  if (wrong) return wrong;
  if (a->threads) omp_set_num_threads(a->threads);
  const kd_status status = kd_scenario_read(a->scenario, a->override, a->n_override, scenario);
  return status == KD_OK ? 0 : report_error(status);
}

static int run(int argc, char **argv) {
  arguments a;
  kd_scenario *scenario = NULL;
  const int wrong = begin(argc, argv, true, &a, &scenario);
  if (wrong) return wrong;
  char command[COMMAND_BYTES];
  join_command(argc, argv, command);

  const bool natural = kd_scenario_constants(scenario).natural;
  const double now = kd_seconds();
  progress p = {.start = now,
                .last = now,
                .is_terminal = isatty(STDERR_FILENO),
                .quiet = a.quiet,
                .natural = natural};
  const kd_run_options options = {
      .output = a.output, .command = command, .progress = show_progress, .context = &p};
  static kd_report report;
  const kd_status status = kd_run(scenario, &options, &report);
  clear_progress(&p);
  int exit_status = 0;
  if (status != KD_OK)
    exit_status = report_error(status);
  else if (!a.quiet)
    print_summary(&report, a.output ? a.output : kd_run_output(scenario), natural);
  kd_scenario_free(scenario);
  return exit_status;
}

static int check(int argc, char **argv) {
  arguments a;
  kd_scenario *scenario = NULL;
  const int wrong = begin(argc, argv, false, &a, &scenario);
  if (wrong) return wrong;
  static kd_estimate e;
  const kd_status status = kd_check(scenario, &e);
  if (status != KD_OK) {
    const int exit_status = report_error(status);
    kd_scenario_free(scenario);
    return exit_status;
  }
  printf("%s\n", kd_scenario_text(scenario));
  printf("# what a run needs\n");
  printf("%-22s %zu bands, %zu k points in %zu dimension%s", "size", e.n_band, e.n_k, e.n_dim,
         e.n_dim == 1 ? "" : "s");
  if (e.n_r > 1) printf(", %zu R points", e.n_r);
  printf("\n");
  printf("%-22s %zu, and %zu snapshots\n", "frames", e.n_frame, e.n_snapshot);
  print_bytes("one state f(k)", e.state_bytes);
  print_bytes("memory", e.memory_bytes);
  if (e.collision_bytes > 0) {
    print_bytes("of it, collisions", e.collision_bytes);
    printf("%-22s %s, method %s\n", "collision operator", e.collision.ansatz, e.collision.method);
  }
  print_bytes("result file", e.output_bytes);
  for (size_t i = 0; i < e.warnings.count; i++) printf("warning: %s\n", e.warnings.text[i]);
  kd_scenario_free(scenario);
  return 0;
}

static void print_tensor(const char *label, const double *tensor, size_t n, double factor) {
  for (size_t i = 0; i < n; i++) {
    printf("%-22s", i == 0 ? label : "");
    for (size_t j = 0; j < n; j++) printf(" %14.6e", factor * tensor[i * n + j]);
    printf("\n");
  }
}

static int steady(int argc, char **argv) {
  arguments a;
  kd_scenario *scenario = NULL;
  const int wrong = begin(argc, argv, true, &a, &scenario);
  if (wrong) return wrong;
  char command[COMMAND_BYTES];
  join_command(argc, argv, command);
  static kd_steady_report r;
  const kd_status status = kd_steady(scenario, a.output, command, &r);
  if (status != KD_OK) {
    const int exit_status = report_error(status);
    kd_scenario_free(scenario);
    return exit_status;
  }
  if (!a.quiet) {
    const bool natural = kd_scenario_constants(scenario).natural;
    printf("dc conductivity J_i/E_j (%s)\n", natural ? "natural units" : r.si_unit);
    print_tensor("total", r.conductivity, r.n_dim, r.si_factor);
    print_tensor("populations", r.population, r.n_dim, r.si_factor);
    print_tensor("coherences", r.coherence, r.n_dim, r.si_factor);
    for (size_t j = 0; j < r.n_dim; j++)
      printf("%-22s %ld iterations, relative residual %.1e\n", j == 0 ? "convergence" : "",
             r.iterations[j], r.residual[j]);
    printf("%-22s %lu collision evaluations, %lu FFTs, %.2f s\n", "cost", r.collision_evaluations,
           r.ffts, r.seconds);
    for (size_t i = 0; i < r.warnings.count; i++) printf("warning: %s\n", r.warnings.text[i]);
  }
  kd_scenario_free(scenario);
  return 0;
}

static int print_text(kd_status status, char **text) {
  if (status != KD_OK) return report_error(status);
  fputs(*text, stdout);
  free(*text);
  return 0;
}

static int describe(int argc, char **argv) {
  char *text = NULL;
  if (argc > 3) return usage_error("describe takes one key", argv[3]);
  if (argc == 3 && strcmp(argv[2], "--markdown") == 0)
    return print_text(kd_describe_markdown(&text), &text);
  return print_text(kd_describe(argc == 3 ? argv[2] : NULL, &text), &text);
}

static int info(int argc, char **argv) {
  char *text = NULL;
  if (argc != 3) return usage_error("info takes one file", "");
  return print_text(kd_result_describe(argv[2], &text), &text);
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fputs(USAGE, stderr);
    return kd_exit_status(KD_ERROR_SCENARIO);
  }
  const char *command = argv[1];
  int exit_status;
  if (strcmp(command, "run") == 0)
    exit_status = run(argc, argv);
  else if (strcmp(command, "steady") == 0)
    exit_status = steady(argc, argv);
  else if (strcmp(command, "check") == 0)
    exit_status = check(argc, argv);
  else if (strcmp(command, "describe") == 0)
    exit_status = describe(argc, argv);
  else if (strcmp(command, "info") == 0)
    exit_status = info(argc, argv);
  else if (strcmp(command, "--version") == 0) {
    printf("keldrift %s (%s)\n%s\n", KD_VERSION, KD_GIT_REVISION, KD_BUILD);
    exit_status = 0;
  } else if (strcmp(command, "--help") == 0 || strcmp(command, "help") == 0) {
    fputs(USAGE, stdout);
    exit_status = 0;
  } else {
    return usage_error("unknown command", command);
  }
  // What was printed counts only if it arrived.
  if (fflush(stdout) != 0 || ferror(stdout)) {
    fprintf(stderr, "keldrift: error: cannot write to standard output: %s\n", strerror(errno));
    return kd_exit_status(KD_ERROR_FILE);
  }
  return exit_status;
}
