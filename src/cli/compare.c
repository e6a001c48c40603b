/// `keldrift compare`
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { STATUS_DIFFERS = 1, MAX_LINES = 12 };

static void print_row(const kd_compared *row, int width) {
  static const char *const verdicts[] = {"same",       "agrees",        "DIFFERS",
                                         "only in A",  "only in B",     "OTHER SHAPE",
                                         "OTHER KIND", "NO COMMON TIME"};
  printf("%-*s  ", width, row->name);
  const bool has_values = row->agreement <= KD_DIFFERS;
  if (has_values) {
    const double relative = row->scale > 0 ? row->difference / row->scale : row->difference;
    printf("%9.2e  %9.2e  %9.2e  ", relative, row->difference, row->scale);
    if (isnan(row->time) || row->difference == 0)
      printf("%10s  ", "");
    else
      printf("%10.6g  ", row->time);
  } else {
    printf("%45s  ", "");
  }
  printf("%s", verdicts[row->agreement]);
  if (*row->note) printf(": %s", row->note);
  if (has_values && row->n_bad > 0) printf(", %zu not finite", row->n_bad);
  if (row->n_a != row->n_b || row->n_common != row->n_a)
    printf(", at %zu common times of %zu and %zu", row->n_common, row->n_a, row->n_b);
  printf("\n");
}

static void print_scenarios(const char *lines) {
  if (!*lines) {
    printf("scenarios: the same\n");
    return;
  }
  printf("scenarios: these lines differ (- A, + B)\n");
  size_t n = 0;
  for (const char *c = lines; *c; n++) {
    const size_t length = strcspn(c, "\n");
    if (n < MAX_LINES) printf("  %.*s\n", (int)length, c);
    c += length + (c[length] == '\n');
  }
  if (n > MAX_LINES) printf("  ... and %zu more\n", n - MAX_LINES);
}

static int execute(const kd_cli_arguments *a) {
  const char *only[KD_CLI_MAX_WORDS];
  const kd_compare_options options = {.rtol = strtod(kd_cli_value(a, "--rtol", "1e-5"), NULL),
                                      .atol = strtod(kd_cli_value(a, "--atol", "1e-12"), NULL),
                                      .only = only,
                                      .n_only = kd_cli_values(a, "--only", only, KD_CLI_MAX_WORDS)};
  kd_comparison c;
  const kd_status status = kd_result_compare(a->operand[0], a->operand[1], &options, &c);
  if (status != KD_OK) return kd_cli_report(status);
  size_t n_bad = 0, width = 7;
  for (size_t i = 0; i < c.n_row; i++) {
    n_bad += c.rows[i].agreement > KD_AGREES;
    if (strlen(c.rows[i].name) > width) width = strlen(c.rows[i].name);
  }
  if (kd_cli_count(a, "--quiet") == 0) {
    printf("A = %s\nB = %s\n", a->operand[0], a->operand[1]);
    print_scenarios(c.scenario_lines);
    printf("\n%-*s  %9s  %9s  %9s  %10s\n", (int)width, "dataset", "relative", "|A - B|", "scale",
           "at time");
    for (size_t i = 0; i < c.n_row; i++) print_row(&c.rows[i], (int)width);
    printf("\n");
    if (n_bad == 0)
      printf("all %zu agree", c.n_row);
    else
      printf("%zu of %zu differ", n_bad, c.n_row);
    printf(" (tolerance %g times the scale, plus %g)\n", options.rtol, options.atol);
  }
  kd_comparison_clear(&c);
  return n_bad > 0 ? STATUS_DIFFERS : 0;
}

const kd_cli_command kd_cli_compare = {
    .name = "compare",
    .summary = "compare two results, dataset by dataset",
    .description =
        "Traces and snapshots are compared at the times that both files hold, besides the grids, "
        "the "
        "energies and velocities of the model, and what steady writes. A dataset agrees if |A - B| "
        "<= "
        "atol + rtol * scale everywhere, where the scale is its largest modulus in either file. A "
        "missing dataset, another shape or unit, and a number that is not finite in only one file "
        "are differences; another number of records is not.\n"
        "\n"
        "The scale of current_intra and current_inter is that of current, and that of the parts of "
        "the "
        "conductivity is that of the whole; eigenvalues of f (min_f, min_1mf) have the scale 1.\n"
        "\n"
        "The default rtol 1e-5 is ten times the default of propagation.rtol: errors of single "
        "steps add "
        "up over a run, so that two methods agree to about that. The same method on another "
        "machine "
        "or with another number of threads agrees to rounding: test with --rtol 1e-10. The default "
        "atol "
        "1e-12 is for what is zero but for rounding.",
    .operands = (const kd_cli_operand[]){{.name = "A.h5", .kind = KD_CLI_FILE},
                                         {.name = "B.h5", .kind = KD_CLI_FILE},
                                         {.name = NULL}},
    .options =
        (const kd_cli_option[]){{.name = "--rtol",
                                 .value = "X",
                                 .kind = KD_CLI_NUMBER,
                                 .meaning = "tolerance relative to the scale; default 1e-5"},
                                {.name = "--atol",
                                 .value = "X",
                                 .kind = KD_CLI_NUMBER,
                                 .meaning = "absolute tolerance; default 1e-12"},
                                {.name = "--only",
                                 .value = "NAME",
                                 .many = true,
                                 .repeated = true,
                                 .meaning = "only these datasets or groups: current, traces, "
                                            "/snapshots/f"},
                                {.name = "--quiet", .meaning = "print nothing"},
                                {.name = NULL}},
    .execute = execute};
