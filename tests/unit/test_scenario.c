/// The scenario engine on a small schema of its own: types, defaults, units, errors with their
/// places, overrides, the resolved text, and descriptions.
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/error.h"
#include "keldrift/scenario.h"
#include "scenario/param.h"
#include "scenario/section.h"

static const kd_choice unit_systems[] = {
    {"eV-fs-angstrom", "quantities with units", NULL}, {"natural", "bare numbers", NULL}, {0}};
static const kd_choice statistics[] = {{"fermion", "f(1 - f)", "Fermi 1926"},
                                       {"boson", "f(1 + f)", NULL},
                                       {"classical", "f", NULL},
                                       {0}};

static const kd_param chain_rows[] = {
    {.key = "J", .type = KD_REAL, .unit = "eV", .meaning = "hopping"},
    {.key = "onsite", .type = KD_REAL, .unit = "eV", .fallback = "0 eV", .meaning = "energy"},
    {.key = "lattice_constant",
     .type = KD_REAL,
     .unit = "angstrom",
     .natural_fallback = "1",
     KD_POSITIVE,
     .meaning = "distance of cells"},
    {0}};
static const kd_param graphene_rows[] = {
    {.key = "t", .type = KD_REAL, .unit = "eV", .fallback = "2.7 eV", .meaning = "hopping"},
    {.key = "mass", .type = KD_REAL, .unit = "eV", .fallback = "0 eV", .meaning = "staggering"},
    {0}};
static const kd_param hopping_rows[] = {
    {.key = "R", .type = KD_INTEGERS, .meaning = "lattice vector"},
    {.key = "re", .type = KD_MATRIX, .unit = "eV", .meaning = "real part"},
    {.key = "im", .type = KD_MATRIX, .unit = "eV", .fallback = KD_UNSET, .meaning = "imaginary"},
    {0}};
static const kd_param inline_rows[] = {
    {.key = "hoppings", .type = KD_SECTIONS, .rows = hopping_rows, .meaning = "elements of H"},
    {0}};
static const kd_variant chain = {"chain", "one band", "Bloch 1929", chain_rows};
static const kd_variant graphene = {"graphene", "honeycomb lattice", "Wallace 1947", graphene_rows};
static const kd_variant tight_binding = {"tight_binding", "given elements", NULL, inline_rows};
static const kd_variant *const models[] = {&chain, &graphene, &tight_binding, NULL};
static const kd_param model_rows[] = {{.key = "spin_degeneracy",
                                       .type = KD_INTEGER,
                                       .fallback = "1",
                                       .min = 1,
                                       .max = 2,
                                       .meaning = "g_s"},
                                      {0}};

static const kd_param pulse_rows[] = {
    {.key = "amplitude", .type = KD_REAL, .unit = "V/angstrom", .meaning = "peak"},
    {.key = "frequency", .type = KD_REAL, .unit = "1/fs", .fallback = "0 THz", KD_NON_NEGATIVE},
    {.key = "phase", .type = KD_REAL, .fallback = "0", .meaning = "phase in radians"},
    {.key = "direction", .type = KD_REALS, .fallback = "[1, 0]"},
    {0}};
static const kd_param formula_rows[] = {
    {.key = "expression", .type = KD_EXPRESSION, .unit = "V/angstrom", .variables = "t x"}, {0}};
static const kd_param table_rows[] = {{.key = "file", .type = KD_PATH}, {0}};
static const kd_variant pulse = {"pulse", "Gaussian pulse", NULL, pulse_rows};
static const kd_variant formula = {"expression", "any field", NULL, formula_rows};
static const kd_variant table = {"table", "measured field", NULL, table_rows};
static const kd_variant off = {"off", "no field", NULL, NULL};
static const kd_variant *const fields[] = {&pulse, &formula, &table, &off, NULL};

static const kd_param grid_rows[] = {
    {.key = "k", .type = KD_INTEGERS, .fallback = "[16]", .min = 1},
    {.key = "length", .type = KD_REALS, .unit = "angstrom", .fallback = KD_UNSET, KD_POSITIVE},
    {0}};
static const kd_param output_rows[] = {
    {.key = "file", .type = KD_TEXT, .fallback = KD_UNSET},
    {.key = "every", .type = KD_REAL, .unit = "fs", .fallback = "1 fs", KD_POSITIVE},
    {.key = "checkpoint",
     .type = KD_REAL,
     .unit = "s",
     .fallback = "600 s",
     .wall_clock = true,
     KD_POSITIVE},
    {0}};

const kd_param kd_schema[] = {
    {.key = "title", .type = KD_TEXT, .fallback = KD_UNSET, .meaning = "a headline"},
    {.key = "units", .type = KD_CHOICE, .fallback = "eV-fs-angstrom", .choices = unit_systems},
    {.key = "hbar", .type = KD_REAL, .fallback = "1", KD_POSITIVE, .meaning = "scale"},
    {.key = "statistics",
     .type = KD_CHOICE,
     .fallback = "fermion",
     .choices = statistics,
     .meaning = "which particles"},
    {.key = "charge", .type = KD_REAL, .fallback = "-1"},
    {.key = "temperature",
     .type = KD_REAL,
     .unit = "K",
     .fallback = "300 K",
     .natural_fallback = "0.025",
     KD_NON_NEGATIVE},
    {.key = "corrections", .type = KD_FLAG, .fallback = "false"},
    {.key = "model",
     .type = KD_VARIANT,
     .rows = model_rows,
     .variants = models,
     .meaning = "the Bloch Hamiltonian H(k)"},
    {.key = "grid", .type = KD_SECTION, .fallback = "{}", .rows = grid_rows},
    {.key = "field", .type = KD_VARIANTS, .fallback = "[]", .variants = fields},
    {.key = "window",
     .type = KD_VARIANT,
     .fallback = "{kind: pulse, amplitude: 2 MV/cm}",
     .variants = fields},
    {.key = "output", .type = KD_SECTION, .fallback = "{}", .rows = output_rows},
    {0}};

#define MINIMAL "model: {kind: chain, J: 1 eV, lattice_constant: 3 angstrom}\n"
#define NATURAL "units: natural\nmodel: {kind: chain, J: 1}\n"

static kd_scenario *parse(const char *text) {
  kd_scenario *scenario;
  if (kd_scenario_parse(text, strlen(text), "s.yaml", NULL, 0, &scenario) != KD_OK)
    fail_msg("%s\nin\n%s", kd_error_message(), text);
  return scenario;
}

static kd_scenario *parse_set(const char *text, const char *const *overrides, size_t n) {
  kd_scenario *scenario;
  if (kd_scenario_parse(text, strlen(text), "s.yaml", overrides, n, &scenario) != KD_OK)
    fail_msg("%s\nin\n%s", kd_error_message(), text);
  return scenario;
}

/// Demands that the text is refused with exactly this message.
static void check_message(const char *text, const char *override, const char *want) {
  kd_scenario *scenario = (kd_scenario *)&scenario;
  const kd_status status =
      kd_scenario_parse(text, strlen(text), "s.yaml", &override, override ? 1 : 0, &scenario);
  if (status != KD_ERROR_SCENARIO || strcmp(kd_error_message(), want) != 0)
    fail_msg("got  %d: %s\nwant %d: %s\nin\n%s", status, kd_error_message(), KD_ERROR_SCENARIO,
             want, text);
  assert_null(scenario);
}

static void check_contains(const char *text, const char *want) {
  kd_scenario *scenario;
  const kd_status status = kd_scenario_parse(text, strlen(text), "s.yaml", NULL, 0, &scenario);
  if (status != KD_ERROR_SCENARIO || !strstr(kd_error_message(), want))
    fail_msg("got  %d: %s\nwant %d with: %s\nin\n%s", status, kd_error_message(), KD_ERROR_SCENARIO,
             want, text);
}

static void defaults(void **state) {
  (void)state;
  kd_scenario *scenario = parse(MINIMAL);
  const kd_section *root = kd_scenario_root(scenario);
  assert_false(kd_section_has(root, "title"));
  assert_false(kd_section_has(root, "hbar"));
  assert_null(kd_section_text(root, "title"));
  assert_string_equal(kd_section_text(root, "units"), "eV-fs-angstrom");
  assert_string_equal(kd_section_text(root, "statistics"), "fermion");
  assert_true(kd_section_has(root, "statistics") && !kd_section_given(root, "statistics"));
  assert_true(kd_section_real(root, "charge") == -1);
  assert_true(kd_section_real(root, "temperature") == 300);
  assert_false(kd_section_flag(root, "corrections"));

  const kd_section *model = kd_section_child(root, "model");
  assert_ptr_equal(kd_section_variant(model), &chain);
  assert_true(kd_section_given(model, "J") && kd_section_real(model, "J") == 1);
  assert_true(!kd_section_given(model, "onsite") && kd_section_real(model, "onsite") == 0);
  assert_int_equal(kd_section_integer(model, "spin_degeneracy"), 1);

  size_t count;
  const kd_section *grid = kd_section_child(root, "grid");
  assert_non_null(grid);
  assert_null(kd_section_variant(grid));
  assert_false(kd_section_given(root, "grid"));
  const long *k = kd_section_integers(grid, "k", &count);
  assert_true(count == 1 && k[0] == 16);
  assert_null(kd_section_reals(grid, "length", &count));
  assert_int_equal(count, 0);
  assert_int_equal(kd_section_count(root, "field"), 0);
  const kd_section *window = kd_section_child(root, "window");
  assert_ptr_equal(kd_section_variant(window), &pulse);
  assert_true(kd_section_real(window, "amplitude") == 0.02);
  assert_false(kd_section_given(window, "amplitude"));

  const kd_constants constants = kd_scenario_constants(scenario);
  assert_true(!constants.natural && fabs(constants.hbar - 0.6582119569) < 1e-9);
  kd_scenario_free(scenario);
  kd_scenario_free(NULL);
}

static void every_type(void **state) {
  (void)state;
  kd_scenario *scenario =
      parse("title: \"Relaxation: after a pulse\"\n"
            "statistics: boson\n"
            "charge: 1e-6\n"
            "temperature: 27 degC\n"
            "corrections: true\n"
            "model:\n"
            "  kind: tight_binding\n"
            "  spin_degeneracy: 2\n"
            "  hoppings:\n"
            "    - {R: 0, re: [[1, 20 meV], [0.02 eV, -1]]}\n"
            "    - R: [1, -2]\n"
            "      re: [[0, 0.5], [0, 0]]\n"
            "      im: [[0, 1e-3], [0, 0]]\n"
            "grid: {k: [64, 32], length: [40 nm, 3 angstrom]}\n"
            "field:\n"
            "  - {kind: pulse, amplitude: 10 MV/cm, frequency: \"10 THz\", phase: 90 degree,\n"
            "     direction: 1}\n"
            "  - {kind: expression, expression: \"0.1*exp(-(t/3)^2)*x\"}\n"
            "  - {kind: table, file: data/field.txt}\n"
            "  - {kind: table, file: /data/field.txt}\n"
            "  - kind: off\n"
            "output: {file: out.h5, checkpoint: 10 min}\n");
  const kd_section *root = kd_scenario_root(scenario);
  assert_string_equal(kd_section_text(root, "title"), "Relaxation: after a pulse");
  assert_string_equal(kd_section_text(root, "statistics"), "boson");
  assert_true(kd_section_real(root, "charge") == 1e-6);
  assert_true(fabs(kd_section_real(root, "temperature") - 300.15) < 1e-12);
  assert_true(kd_section_flag(root, "corrections"));

  size_t n_row, n_column, count;
  const kd_section *model = kd_section_child(root, "model");
  assert_int_equal(kd_section_integer(model, "spin_degeneracy"), 2);
  assert_int_equal(kd_section_count(model, "hoppings"), 2);
  const kd_section *hopping = kd_section_item(model, "hoppings", 0);
  assert_int_equal(kd_section_integers(hopping, "R", &count)[0], 0);
  assert_int_equal(count, 1);
  const double *re = kd_section_matrix(hopping, "re", &n_row, &n_column);
  assert_true(n_row == 2 && n_column == 2);
  assert_true(re[0] == 1 && re[1] == 0.02 && re[2] == 0.02 && re[3] == -1);
  assert_null(kd_section_matrix(hopping, "im", &n_row, &n_column));
  hopping = kd_section_item(model, "hoppings", 1);
  assert_int_equal(kd_section_integers(hopping, "R", &count)[1], -2);
  assert_true(kd_section_matrix(hopping, "im", &n_row, &n_column)[1] == 1e-3);

  const double *length = kd_section_reals(kd_section_child(root, "grid"), "length", &count);
  assert_true(count == 2 && length[0] == 400 && length[1] == 3);
  assert_int_equal(kd_section_count(root, "field"), 5);
  const kd_section *first = kd_section_item(root, "field", 0);
  assert_true(kd_section_real(first, "amplitude") == 0.1);
  assert_true(kd_section_real(first, "frequency") == 0.01);
  assert_true(fabs(kd_section_real(first, "phase") - acos(0)) < 1e-15);
  assert_true(kd_section_reals(first, "direction", &count)[0] == 1 && count == 1);
  assert_string_equal(kd_section_text(kd_section_item(root, "field", 1), "expression"),
                      "0.1*exp(-(t/3)^2)*x");
  char working[PATH_MAX], want[PATH_MAX + 32];
  assert_non_null(getcwd(working, sizeof working));
  snprintf(want, sizeof want, "%s/data/field.txt", working);
  assert_string_equal(kd_section_text(kd_section_item(root, "field", 2), "file"), want);
  assert_string_equal(kd_section_text(kd_section_item(root, "field", 3), "file"),
                      "/data/field.txt");
  assert_ptr_equal(kd_section_variant(kd_section_item(root, "field", 4)), &off);
  const kd_section *output = kd_section_child(root, "output");
  assert_string_equal(kd_section_text(output, "file"), "out.h5");
  assert_true(kd_section_real(output, "checkpoint") == 600);
  kd_scenario_free(scenario);
}

static void natural_units(void **state) {
  (void)state;
  kd_scenario *scenario = parse(NATURAL "hbar: 0.5\ngrid: {length: [4, 5]}\n"
                                        "output: {checkpoint: 5 min}\n");
  const kd_section *root = kd_scenario_root(scenario);
  const kd_section *model = kd_section_child(root, "model");
  assert_true(kd_section_real(model, "lattice_constant") == 1);
  assert_true(kd_section_real(model, "onsite") == 0);
  assert_true(kd_section_real(root, "temperature") == 0.025);
  // The number of a default is taken as it stands, in a nested default as well.
  assert_true(kd_section_real(kd_section_child(root, "window"), "amplitude") == 2);
  assert_true(kd_section_real(kd_section_child(root, "output"), "every") == 1);
  assert_true(kd_section_real(kd_section_child(root, "output"), "checkpoint") == 300);
  const kd_constants constants = kd_scenario_constants(scenario);
  assert_true(constants.natural && constants.hbar == 0.5 && constants.k_boltzmann == 1);
  assert_true(constants.hbar2_2m == 0.125 && constants.conductance == 1);
  kd_scenario_free(scenario);

  scenario = parse(NATURAL);
  assert_true(kd_section_real(kd_scenario_root(scenario), "hbar") == 1);
  assert_true(
      kd_section_real(kd_section_child(kd_scenario_root(scenario), "output"), "checkpoint") == 600);
  kd_scenario_free(scenario);

  check_message("units: natural\nmodel: {kind: chain, J: 1 eV}\n", NULL,
                "s.yaml:2:25: error: model.J: \"1 eV\" has a unit (expected a bare number under "
                "\"units: natural\")");
  check_message(NATURAL "hbar: 0\n", NULL,
                "s.yaml:3:7: error: hbar: \"0\" is out of range (expected > 0)");
  check_message(NATURAL "output: {checkpoint: 60}\n", NULL,
                "s.yaml:3:22: error: output.checkpoint: the bare number 60 has no unit (expected "
                "a time such as \"600 s\")");
  check_message(NATURAL "charge: one\n", NULL,
                "s.yaml:3:9: error: charge: \"one\" does not start with a finite decimal number "
                "(expected a bare number under \"units: natural\")");
  check_message(MINIMAL "hbar: 2\n", NULL,
                "s.yaml:2:1: error: hbar: hbar is a constant of nature here (expected only with "
                "\"units: natural\")");
  check_message("units: Natural\nmodel: {kind: chain, J: 1}\n", NULL,
                "s.yaml:1:8: error: units: got \"Natural\" (did you mean natural?)");
}

static void errors_have_places(void **state) {
  (void)state;
  check_message("model: {kind: chain, J: 1 fs, lattice_constant: 3 angstrom}\n", NULL,
                "s.yaml:1:25: error: model.J: \"1 fs\" is a time (expected an energy such as "
                "\"0.3 eV\")");
  check_message("model: {kind: chain, J: 0, lattice_constant: 3 angstrom}\n", NULL,
                "s.yaml:1:25: error: model.J: the bare number 0 has no unit (expected an energy "
                "such as \"0.3 eV\")");
  check_message("model: {kind: chain, J: 1 eV, lattice_constant: 0 angstrom}\n", NULL,
                "s.yaml:1:49: error: model.lattice_constant: \"0 angstrom\" is out of range "
                "(expected > 0 angstrom)");
  check_message("# no model\ntitle: x\n", NULL,
                "s.yaml:2:1: error: model: the required key is missing (expected a mapping with "
                "the key kind)");
  check_message("model:\n  J: 1 eV\n", NULL,
                "s.yaml:2:3: error: model: the required key kind is missing (expected one of: "
                "chain, graphene, tight_binding)");
  check_message("model: {kind: grafene}\n", NULL,
                "s.yaml:1:15: error: model.kind: got \"grafene\" (did you mean graphene?)");
  check_message("model: {kind: [chain]}\n", NULL,
                "s.yaml:1:15: error: model.kind: got a list (expected one of: chain, graphene, "
                "tight_binding)");
  check_message("model: {kind: graphene, J: 1 eV}\n", NULL,
                "s.yaml:1:25: error: model.J: unknown key for kind graphene (known keys: t, mass, "
                "spin_degeneracy, kind)");
  check_message("model: chain\n", NULL,
                "s.yaml:1:8: error: model: got \"chain\" (expected a mapping with the key kind)");
  check_message(MINIMAL "tittle: x\n", NULL,
                "s.yaml:2:1: error: tittle: unknown key (did you mean title?)");
  check_message(MINIMAL "temp: 3 K\n", NULL,
                "s.yaml:2:1: error: temp: unknown key (did you mean temperature?)");
  check_message(MINIMAL "grid: {k: [16], zzzzzz: 1}\n", NULL,
                "s.yaml:2:17: error: grid.zzzzzz: unknown key (known keys: k, length)");
  check_message(MINIMAL "field:\n  - {kind: pulse, amplitde: 1 MV/cm, amplitude: 1 MV/cm}\n", NULL,
                "s.yaml:3:19: error: field.0.amplitde: unknown key for kind pulse (did you mean "
                "amplitude?)");
  check_message(MINIMAL "field: {kind: off}\n", NULL,
                "s.yaml:2:8: error: field: got a mapping (expected a list of mappings)");
  check_message(MINIMAL "field: [off]\n", NULL,
                "s.yaml:2:9: error: field.0: got \"off\" (expected a mapping with the key kind)");
  check_message(MINIMAL "grid: {k: [16, 2.5]}\n", NULL,
                "s.yaml:2:16: error: grid.k.1: got \"2.5\" (expected an integer)");
  check_message(MINIMAL "grid: {k: 64.0}\n", NULL,
                "s.yaml:2:11: error: grid.k: got \"64.0\" (expected an integer)");
  check_message(MINIMAL "grid: {k: 0}\n", NULL,
                "s.yaml:2:11: error: grid.k: 0 is out of range (expected >= 1)");
  check_message("model: {kind: chain, spin_degeneracy: 3, J: 1 eV, lattice_constant: 3 angstrom}\n",
                NULL,
                "s.yaml:1:39: error: model.spin_degeneracy: 3 is out of range (expected >= 1 and "
                "<= 2)");
  check_message(MINIMAL "grid: {k: {x: 1}}\n", NULL,
                "s.yaml:2:11: error: grid.k: got a mapping (expected a list, each an integer)");
  check_message(MINIMAL "grid: {length: [3 angstrom, 4]}\n", NULL,
                "s.yaml:2:29: error: grid.length.1: the bare number 4 has no unit (expected a "
                "length such as \"3 angstrom\")");
  check_message(MINIMAL "grid: {length: [[3 angstrom]]}\n", NULL,
                "s.yaml:2:17: error: grid.length.0: got a list (expected a length such as \"3 "
                "angstrom\")");
  check_message(MINIMAL "corrections: yes\n", NULL,
                "s.yaml:2:14: error: corrections: got \"yes\" (expected true or false)");
  check_message(MINIMAL "corrections: \"true\"\n", NULL,
                "s.yaml:2:14: error: corrections: got \"true\" (expected true or false)");
  check_message(MINIMAL "title:\n", NULL,
                "s.yaml:2:7: error: title: got nothing (expected a text)");
  check_message(MINIMAL "title: [a]\n", NULL,
                "s.yaml:2:8: error: title: got a list (expected a text)");
  check_message(MINIMAL "temperature:\n", NULL,
                "s.yaml:2:13: error: temperature: got nothing (expected a temperature such as "
                "\"300 K\")");
  check_message(MINIMAL "charge: .nan\n", NULL,
                "s.yaml:2:9: error: charge: \".nan\" does not start with a finite decimal number "
                "(expected a number)");
  check_message(MINIMAL "charge: 1e999\n", NULL,
                "s.yaml:2:9: error: charge: \"1e999\" is beyond double precision (expected a "
                "number)");
  check_message(MINIMAL "statistics: {a: b}\n", NULL,
                "s.yaml:2:13: error: statistics: got a mapping (expected one of: fermion, boson, "
                "classical)");
  check_message(MINIMAL "field: [{kind: table, file: \"\"}]\n", NULL,
                "s.yaml:2:29: error: field.0.file: got \"\" (expected the name of a file)");
  check_contains(MINIMAL "field: [{kind: expression, expression: 2*y}]\n",
                 "s.yaml:2:40: error: field.0.expression: the formula \"2*y\" is invalid: "
                 "Unexpected token \"y\"");
  check_contains(MINIMAL "field: [{kind: expression, expression: 2*y}]\n",
                 "(expected a formula in t x)");
  check_message("- model\n", NULL,
                "s.yaml:1:1: error: got a list (expected a mapping, KEY: VALUE)");
}

static void matrix_errors(void **state) {
  (void)state;
#define MATRIX(text) "model: {kind: tight_binding, hoppings: [{R: [0], re: " text "}]}\n"
  check_message(MATRIX("[[1, 2], [3]]"), NULL,
                "s.yaml:1:63: error: model.hoppings.0.re.1: a row of 1 numbers (expected 2 as in "
                "the first row)");
  check_message(MATRIX("[1, 2]"), NULL,
                "s.yaml:1:55: error: model.hoppings.0.re.0: got \"1\" (expected a matrix: a list "
                "of rows like [[1, 0], [0, 1]])");
  check_message(MATRIX("5"), NULL,
                "s.yaml:1:54: error: model.hoppings.0.re: got \"5\" (expected a matrix: a list of "
                "rows like [[1, 0], [0, 1]])");
  check_contains(MATRIX("[[]]"), "got an empty row");
  check_message(MATRIX("[[1, 2 fs]]"), NULL,
                "s.yaml:1:59: error: model.hoppings.0.re.0.1: \"2 fs\" is a time (expected an "
                "energy such as \"0.3 eV\")");
}

static void all_errors_at_once(void **state) {
  (void)state;
  check_message("statistics: fermio\n"
                "titel: x\n"
                "model: {kind: chain, J: 1 fs}\n"
                "charge: x\n",
                NULL,
                "s.yaml:1:13: error: statistics: got \"fermio\" (did you mean fermion?)\n"
                "s.yaml:2:1: error: titel: unknown key (did you mean title?)\n"
                "s.yaml:3:8: error: model.lattice_constant: the required key is missing (expected "
                "a length such as \"3 angstrom\")\n"
                "s.yaml:3:25: error: model.J: \"1 fs\" is a time (expected an energy such as "
                "\"0.3 eV\")\n"
                "s.yaml:4:9: error: charge: \"x\" does not start with a finite decimal number "
                "(expected a number)");
  // Earlier messages do not linger.
  kd_error(KD_ERROR_NUMERICS, "old");
  check_message("model: 1\n", NULL,
                "s.yaml:1:8: error: model: got \"1\" (expected a mapping with the key kind)");
}

static void broken_yaml(void **state) {
  (void)state;
  check_message("", NULL, "s.yaml:1:1: error: the scenario is empty (expected KEY: VALUE)");
  check_message("# nothing\n---\n", NULL,
                "s.yaml:3:1: error: the scenario is empty (expected KEY: VALUE)");
  check_message("a: 1\nb: 2\na: 3\n", NULL,
                "s.yaml:3:1: error: duplicate key \"a\" (first given in line 1)");
  check_message("a: 1\n---\nb: 2\n", NULL,
                "s.yaml:2:1: error: a second YAML document (expected only one)");
  check_message("a: {b: 1, b: 2}\n", NULL,
                "s.yaml:1:11: error: duplicate key \"b\" (first given in line 1)");
  check_message("? [a]\n: 1\n", NULL, "s.yaml:1:3: error: a key that is not a plain word");
  check_message("a:\n\tb: 1\n", NULL,
                "s.yaml:2:1: error: a tab where YAML allows none (expected spaces)");
  check_message("a: !!float 1\n", NULL,
                "s.yaml:1:4: error: the tag \"tag:yaml.org,2002:float\" is not understood "
                "(expected no tag)");
  check_message("a: \"x\\0y\"\n", NULL, "s.yaml:1:4: error: a text contains a zero character");
  check_contains("a: [1, 2\nb: 3\n", "s.yaml:2:2: error: YAML: ");
  check_contains("a: *nowhere\n", "s.yaml:1:4: error: YAML: found undefined alias");
  check_contains("a: 1\nb: \xff\xfe\n", "s.yaml:2:4: error: ");
  check_contains("a: 1\n--- [\n", "error: YAML: ");
  check_message("a: &x [1, *x]\n", NULL, "s.yaml:1:4: error: an alias within what it stands for");
  check_message("&x {*x : 1}\n", NULL, "s.yaml:1:1: error: a key that is not a plain word");

  char nested[2001];
  memset(nested, '[', 1000);
  memset(nested + 1000, ']', 1000);
  nested[2000] = '\0';
  check_message(nested, NULL, "s.yaml:1:65: error: nested too deeply (expected at most 64 levels)");
  char endless[50001];
  memset(endless, '[', sizeof endless - 1);
  endless[sizeof endless - 1] = '\0';
  check_message(endless, NULL,
                "s.yaml:1:65: error: nested too deeply (expected at most 64 levels)");
  static char long_text[70001];
  memset(long_text, 'x', sizeof long_text - 1);
  check_message(long_text, NULL,
                "s.yaml:1:1: error: a text of 70000 bytes (expected at most 65536)");
}

static void aliases(void **state) {
  (void)state;
  kd_scenario *scenario = parse(MINIMAL "field:\n"
                                        "  - &p {kind: pulse, amplitude: 1 MV/cm}\n"
                                        "  - *p\n");
  const kd_section *second = kd_section_item(kd_scenario_root(scenario), "field", 1);
  assert_true(kd_section_real(second, "amplitude") == 0.01);
  kd_scenario_free(scenario);

  // An override of the one leaves the other alone.
  const char *set[] = {"field.0.amplitude=5 MV/cm"};
  scenario = parse_set(MINIMAL "field:\n"
                               "  - &p {kind: pulse, amplitude: 1 MV/cm}\n"
                               "  - *p\n",
                       set, 1);
  const kd_section *root = kd_scenario_root(scenario);
  assert_true(kd_section_real(kd_section_item(root, "field", 0), "amplitude") == 0.05);
  assert_true(kd_section_real(kd_section_item(root, "field", 1), "amplitude") == 0.01);
  kd_scenario_free(scenario);

  char bomb[4000];
  size_t n = (size_t)snprintf(bomb, sizeof bomb, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
  for (int i = 1; i < 30; i++) {
    n += (size_t)snprintf(bomb + n, sizeof bomb - n, "a%d: &a%d [", i, i);
    for (int j = 0; j < 10; j++)
      n += (size_t)snprintf(bomb + n, sizeof bomb - n, "*a%d%s", i - 1, j < 9 ? ", " : "]\n");
  }
  check_contains(bomb,
                 "s.yaml:4:5: error: too large, with every alias written out (expected at most "
                 "10000 values from aliases)");
}

static void overrides(void **state) {
  (void)state;
  const char *set[] = {"model.J=0.3 eV",
                       "grid.k=[64, 32]",
                       "grid.k.2=8",
                       "output.every=2 fs",
                       "field.0={kind: pulse, amplitude: 1 MV/cm}",
                       "field.1.kind=off",
                       "field.0.frequency=5 THz",
                       "title=a=b",
                       "window={kind: off}"};
  kd_scenario *scenario = parse_set(MINIMAL, set, sizeof set / sizeof *set);
  const kd_section *root = kd_scenario_root(scenario);
  size_t count;
  assert_true(kd_section_real(kd_section_child(root, "model"), "J") == 0.3);
  const long *k = kd_section_integers(kd_section_child(root, "grid"), "k", &count);
  assert_true(count == 3 && k[0] == 64 && k[1] == 32 && k[2] == 8);
  assert_true(kd_section_given(kd_section_child(root, "grid"), "k"));
  assert_true(kd_section_real(kd_section_child(root, "output"), "every") == 2);
  assert_int_equal(kd_section_count(root, "field"), 2);
  assert_true(kd_section_real(kd_section_item(root, "field", 0), "frequency") == 0.005);
  assert_string_equal(kd_section_text(root, "title"), "a=b");
  assert_ptr_equal(kd_section_variant(kd_section_child(root, "window")), &off);
  kd_scenario_free(scenario);

  const char *kind[] = {"model.kind=graphene", "units=natural", "model.t=2"};
  scenario = parse_set("model: {kind: chain}\n", kind, 3);
  assert_true(kd_section_real(kd_section_child(kd_scenario_root(scenario), "model"), "t") == 2);
  assert_true(kd_scenario_constants(scenario).natural);
  kd_scenario_free(scenario);

  check_message(MINIMAL "field: [{kind: off}]\n", "field.0.amplitde=1",
                "--set field.0.amplitde=1: error: field.0.amplitde: unknown key for kind off "
                "(known keys: kind)");
  check_message(MINIMAL, "grid.length=3",
                "--set grid.length=3: error: grid.length: the bare number 3 has no unit (expected "
                "a length such as \"3 angstrom\")");
  check_message(MINIMAL, "title", "--set title: error: no value (expected PATH=VALUE)");
  check_message(MINIMAL, "=3",
                "--set =3: error: an empty name in the path (expected NAME.NAME=VALUE)");
  check_message(MINIMAL, "grid..k=3",
                "--set grid..k=3: error: grid..k: an empty name in the path (expected "
                "NAME.NAME=VALUE)");
  check_message(MINIMAL, "model.J.x=3",
                "--set model.J.x=3: error: model.J.x: x is inside the single value \"1 eV\"");
  check_message(MINIMAL, "field.1.kind=off",
                "--set field.1.kind=off: error: field.1.kind: no item \"1\" in a list of 0 "
                "(expected 0 to 0)");
  check_message(MINIMAL "field: [{kind: off}]\n", "field.kind=off",
                "--set field.kind=off: error: field.kind: no item \"kind\" in a list of 1 "
                "(expected a number from 0 to 1 in front of it, as in field.0.kind)");
  check_message(MINIMAL,
                "charge=", "--set charge=: error: charge: got nothing (expected a number)");
  check_message(MINIMAL, "charge={a: 1, a: 2}",
                "--set charge={a: 1, a: 2}: error: charge: duplicate key \"a\"");
  check_message(MINIMAL, "title=a\nb: c",
                "--set title=a b: c: error: title: YAML: mapping values are not allowed in this "
                "context");
}

static void errors_from_the_stages(void **state) {
  (void)state;
  const char *set[] = {"grid.k=[8]"};
  kd_scenario *scenario = parse_set("title: x\nmodel: {kind: chain, J: 1 eV,\n"
                                    "  lattice_constant: 3 angstrom}\n"
                                    "field:\n  - kind: off\n",
                                    set, 1);
  const kd_section *root = kd_scenario_root(scenario);
  const kd_section *model = kd_section_child(root, "model");
  assert_int_equal(kd_section_error(model, "lattice_constant", "too %s", "small"),
                   KD_ERROR_SCENARIO);
  assert_string_equal(kd_error_message(), "s.yaml:3:21: error: model.lattice_constant: too small");
  kd_section_error(model, "onsite", "a default");
  assert_string_equal(kd_error_message(), "s.yaml:2:8: error: model.onsite: a default");
  kd_section_error(kd_section_item(root, "field", 0), NULL, "itself");
  assert_string_equal(kd_error_message(), "s.yaml:5:5: error: field.0: itself");
  kd_section_error(kd_section_child(root, "grid"), "k", "odd");
  assert_string_equal(kd_error_message(), "--set grid.k=[8]: error: grid.k: odd");
  kd_section_error(kd_section_child(root, "window"), "amplitude", "weak");
  assert_string_equal(kd_error_message(), "s.yaml:1:1: error: window.amplitude: weak");
  kd_section_error(root, NULL, "whole");
  assert_string_equal(kd_error_message(), "s.yaml:1:1: error: whole");
  assert_int_equal(kd_section_file_error(root, "title", "cannot open"), KD_ERROR_FILE);
  assert_string_equal(kd_error_message(), "s.yaml:1:8: error: title: cannot open");
  kd_scenario_free(scenario);
}

/// Demands that the resolved text reads back to the same text, also under another name and folder.
static void check_round_trip(const char *text, const char *const *overrides, size_t n) {
  kd_scenario *scenario = parse_set(text, overrides, n), *again;
  const char *first = kd_scenario_text(scenario);
  if (kd_scenario_parse(first, strlen(first), "/else/where.yaml", NULL, 0, &again) != KD_OK)
    fail_msg("%s\nin\n%s", kd_error_message(), first);
  assert_string_equal(kd_scenario_text(again), first);
  kd_scenario_free(again);
  kd_scenario_free(scenario);
}

#define RICH                                                                                       \
  "title: \"quote \\\" back \\\\ line\\nbreak \\u2028 \\x85 \\U0001F600 \u00e9: #1\"\n"            \
  "charge: -0.1\n"                                                                                 \
  "corrections: true\n"

static void round_trips(void **state) {
  (void)state;
  check_round_trip(MINIMAL, NULL, 0);
  check_round_trip(NATURAL, NULL, 0);
  check_round_trip(RICH MINIMAL "temperature: 27 degC\n"
                                "grid: {k: [64, 32], length: [0.1 nm, 1 inch, 1 m]}\n"
                                "field:\n"
                                "  - {kind: pulse, amplitude: 1 V/inch, frequency: 0.3 PHz}\n"
                                "  - {kind: expression, expression: -x*t}\n"
                                "  - {kind: table, file: a b/c.txt}\n"
                                "  - {kind: off}\n"
                                "output: {checkpoint: 1 hour}\n",
                   NULL, 0);
  check_round_trip(RICH NATURAL "hbar: 0.3333333333333333\n"
                                "grid: {length: [0.1, 1e-30]}\n"
                                "field: [{kind: pulse, amplitude: 7.123456789012345}]\n",
                   NULL, 0);
  check_round_trip("model:\n  kind: tight_binding\n  hoppings:\n"
                   "    - {R: [0, 0], re: [[1, 20 meV], [0.1, 1 J]]}\n"
                   "    - {R: [1, 0], re: [[1]], im: [[0.3333333333333333]]}\n",
                   NULL, 0);
  check_round_trip("units: natural\nmodel:\n  kind: tight_binding\n  hoppings:\n"
                   "    - {R: [0, 0], re: [[1, 2], [0.1, 1]]}\n",
                   NULL, 0);
  check_round_trip("model: {kind: tight_binding, hoppings: []}\n", NULL, 0);
  const char *const titles[] = {"true",  "No",    "12",   "1e3",  "~",    "null", " x ", "- a",
                                "a: b",  "a #b",  "@x",   "[x]",  "it's", "x\ty", "",    "\\n",
                                "%d\"s", "x\r\n", "null", "*off", "&x",   "!x",   "a, b"};
  for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
    char text[256];
    // A literal block keeps every character; a YAML double-quoted text would need escapes.
    snprintf(text, sizeof text, "title: '%s'\n" MINIMAL, titles[i]);
    if (strchr(titles[i], '\'')) snprintf(text, sizeof text, "title: %s\n" MINIMAL, titles[i]);
    kd_scenario *first = parse(text), *second = parse(kd_scenario_text(first));
    assert_string_equal(kd_section_text(kd_scenario_root(first), "title"),
                        kd_section_text(kd_scenario_root(second), "title"));
    kd_scenario_free(first);
    kd_scenario_free(second);
  }
}

static void resolved_text(void **state) {
  (void)state;
  kd_scenario *scenario = parse("model: {kind: chain, J: 300 meV, lattice_constant: 3 angstrom}\n"
                                "title: 'A: b'\n"
                                "grid: {length: 4 nm}\n"
                                "field:\n  - {kind: pulse, amplitude: 2 MV/cm}\n");
  assert_string_equal(kd_scenario_text(scenario), "title: \"A: b\"\n"
                                                  "units: eV-fs-angstrom\n"
                                                  "statistics: fermion\n"
                                                  "charge: -1\n"
                                                  "temperature: 300 K\n"
                                                  "corrections: false\n"
                                                  "model:\n"
                                                  "  kind: chain\n"
                                                  "  J: 0.3 eV\n"
                                                  "  onsite: 0 eV\n"
                                                  "  lattice_constant: 3 angstrom\n"
                                                  "  spin_degeneracy: 1\n"
                                                  "grid:\n"
                                                  "  k: [16]\n"
                                                  "  length: [40 angstrom]\n"
                                                  "field:\n"
                                                  "  - kind: pulse\n"
                                                  "    amplitude: 0.02 V/angstrom\n"
                                                  "    frequency: 0 1/fs\n"
                                                  "    phase: 0\n"
                                                  "    direction: [1, 0]\n"
                                                  "window:\n"
                                                  "  kind: pulse\n"
                                                  "  amplitude: 0.02 V/angstrom\n"
                                                  "  frequency: 0 1/fs\n"
                                                  "  phase: 0\n"
                                                  "  direction: [1, 0]\n"
                                                  "output:\n"
                                                  "  every: 1 fs\n"
                                                  "  checkpoint: 600 s\n");
  kd_scenario_free(scenario);
}

/// Numbers of a large matrix come back bit by bit, in reasonable time.
static void large_matrix(void **state) {
  (void)state;
  enum { N = 60 };
  static double want[N][N];
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  fputs("model:\n  kind: tight_binding\n  hoppings:\n    - R: [0]\n      re:\n", out);
  for (int i = 0; i < N; i++) {
    fputs("        - [", out);
    for (int j = 0; j < N; j++) {
      want[i][j] = sin(i + 0.37 * j);
      fprintf(out, "%.17g%s%s", want[i][j], j % 2 ? " eV" : "", j < N - 1 ? ", " : "]\n");
    }
  }
  fclose(out);
  kd_scenario *scenario = parse(text), *again = parse(kd_scenario_text(scenario));
  const kd_section *model = kd_section_child(kd_scenario_root(again), "model");
  size_t n_row, n_column;
  const double *got =
      kd_section_matrix(kd_section_item(model, "hoppings", 0), "re", &n_row, &n_column);
  assert_true(n_row == N && n_column == N);
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++)
      if (got[i * N + j] != want[i][j])
        fail_msg("element %d, %d: got %.17g, want %.17g", i, j, got[i * N + j], want[i][j]);
  kd_scenario_free(scenario);
  kd_scenario_free(again);
  free(text);
}

static void files(void **state) {
  (void)state;
  char folder[] = "/tmp/keldrift-test-XXXXXX", path[64], real[PATH_MAX], want[PATH_MAX + 64];
  assert_non_null(mkdtemp(folder));
  assert_non_null(realpath(folder, real));
  snprintf(path, sizeof path, "%s/s.yaml", folder);
  kd_scenario *scenario;

  assert_int_equal(kd_scenario_read(path, NULL, 0, &scenario), KD_ERROR_FILE);
  snprintf(want, sizeof want, "%s: error: cannot open: No such file or directory", path);
  assert_string_equal(kd_error_message(), want);
  assert_int_equal(kd_scenario_read(folder, NULL, 0, &scenario), KD_ERROR_FILE);
  snprintf(want, sizeof want, "%s: error: cannot open: Is a directory", folder);
  assert_string_equal(kd_error_message(), want);
  assert_null(scenario);

  FILE *file = fopen(path, "w");
  fclose(file);
  assert_int_equal(kd_scenario_read(path, NULL, 0, &scenario), KD_ERROR_SCENARIO);
  snprintf(want, sizeof want, "%s:1:1: error: the scenario is empty (expected KEY: VALUE)", path);
  assert_string_equal(kd_error_message(), want);

  // Longer than one read buffer.
  file = fopen(path, "w");
  for (int i = 0; i < 2000; i++) fputs("# a comment that fills the file\n", file);
  fputs(MINIMAL "field: [{kind: table, file: ./data.txt}, {kind: table, file: ../x}]\n", file);
  fclose(file);
  const char *set[] = {"title=read"};
  if (kd_scenario_read(path, set, 1, &scenario) != KD_OK) fail_msg("%s", kd_error_message());
  const kd_section *root = kd_scenario_root(scenario);
  assert_string_equal(kd_section_text(root, "title"), "read");
  snprintf(want, sizeof want, "%s/data.txt", real);
  assert_string_equal(kd_section_text(kd_section_item(root, "field", 0), "file"), want);
  snprintf(want, sizeof want, "%s/../x", real);
  assert_string_equal(kd_section_text(kd_section_item(root, "field", 1), "file"), want);
  kd_scenario_free(scenario);
  unlink(path);
  rmdir(folder);
}

static void check_describe(const char *path, const char *want) {
  char *text;
  if (kd_describe(path, 0, &text) != KD_OK) fail_msg("%s: %s", path, kd_error_message());
  if (strcmp(text, want) != 0) fail_msg("got\n%s\nwant\n%s", text, want);
  free(text);
}

static void check_unknown(const char *path, const char *want) {
  char *text = (char *)&text;
  assert_int_equal(kd_describe(path, 0, &text), KD_ERROR_SCENARIO);
  assert_string_equal(kd_error_message(), want);
  assert_null(text);
}

static void descriptions(void **state) {
  (void)state;
  check_describe("temperature", "temperature: quantity in K; default 300 K (natural units: 0.025); "
                                ">= 0 K\n");
  check_describe("statistics", "statistics: choice; default fermion\n"
                               "  which particles\n"
                               "  - fermion: f(1 - f)\n"
                               "    Reference: Fermi 1926\n"
                               "  - boson: f(1 + f)\n"
                               "  - classical: f\n");
  check_describe("model.graphene", "model.graphene: a kind of model\n"
                                   "  honeycomb lattice\n"
                                   "  Reference: Wallace 1947\n"
                                   "  t: quantity in eV; default 2.7 eV\n"
                                   "    hopping\n"
                                   "  mass: quantity in eV; default 0 eV\n"
                                   "    staggering\n"
                                   "  For every kind:\n"
                                   "    spin_degeneracy: integer; default 1; >= 1 and <= 2\n"
                                   "      g_s\n");
  check_describe("field.pulse.amplitude", "field.pulse.amplitude: quantity in V/angstrom; "
                                          "required\n"
                                          "  peak\n");
  check_describe("field.expression.expression",
                 "field.expression.expression: formula in t, x, value in V/angstrom; required\n");
  check_describe("model.spin_degeneracy", "model.spin_degeneracy: integer; default 1; >= 1 and "
                                          "<= 2\n"
                                          "  g_s\n");
  // As in overrides: every kind that has the key.
  check_describe("field.0.amplitude", "field.pulse.amplitude: quantity in V/angstrom; required\n"
                                      "  peak\n");
  check_describe("grid.k.0", "grid.k.0: list of integers; default [16]; >= 1\n");
  check_unknown("field.0.q",
                "field.0.q: unknown kind \"q\" (known kinds: pulse, expression, table, off)");
  check_describe("field.0.pulse.phase", "field.0.pulse.phase: number; default 0\n"
                                        "  phase in radians\n");
  check_describe("model.chain.lattice_constant",
                 "model.chain.lattice_constant: quantity in angstrom; required (natural units: "
                 "1); > 0\n    angstrom\n  distance of cells\n");
  check_describe("output.checkpoint", "output.checkpoint: quantity in s; default 600 s; > 0 s; "
                                      "seconds under every unit system\n");

  char *all, *empty;
  assert_int_equal(kd_describe(NULL, 0, &all), KD_OK);
  assert_int_equal(kd_describe("", 0, &empty), KD_OK);
  assert_string_equal(all, empty);
  for (const kd_param *row = kd_schema; row->key; row++) {
    char key[64];
    snprintf(key, sizeof key, "%s: ", row->key);
    if (!strstr(all, key)) fail_msg("%s is not in\n%s", row->key, all);
  }
  assert_non_null(strstr(all, "\n  kind: tight_binding\n"));
  for (const char *line = all; *line; line += strcspn(line, "\n") + 1)
    if (strcspn(line, "\n") > 88) fail_msg("too wide: %.100s", line);
  free(all);
  free(empty);

  check_unknown("modl", "modl: unknown key \"modl\" (did you mean model?)");
  check_unknown("model.grafene", "model.grafene: unknown kind \"grafene\" (did you mean "
                                 "graphene?)");
  check_unknown("field.amplitude", "field.amplitude: unknown key (amplitude belongs to the kind "
                                   "pulse of field)");
  check_unknown("field.pulse.q", "field.pulse.q: unknown key \"q\" (known keys: amplitude, "
                                 "frequency, phase, direction)");
  check_unknown("grid.k.x", "grid.k.x: unknown key \"x\" (known keys: none)");
  check_unknown("model..t", "model..t: unknown kind \"\" (known kinds: chain, graphene, "
                            "tight_binding, spin_degeneracy)");
}

/// What the completion of shells offers.
static void keys(void **state) {
  (void)state;
  const struct {
    const char *path, *ending, *want;
  } cases[] = {{"mod", "", "model.\n"},
               {"model.gra", "", "model.graphene\n"},
               {"model.graphene.", "", "model.graphene.t\nmodel.graphene.mass\n"},
               {"mod", "=", "model.\n"},
               {"field.", "=", "field.0.\n"},
               {"field.0.am", "=", "field.0.amplitude=\n"},
               {"temp", "=", "temperature=\n"},
               {"nothing", "=", ""},
               {"nothing.at.", "=", ""},
               {"..", "=", ""}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *text;
    assert_int_equal(kd_describe_keys(cases[i].path, cases[i].ending, &text), KD_OK);
    assert_string_equal(text, cases[i].want);
    free(text);
  }
  // Wrapped to the width that is asked for.
  for (size_t width = 50; width <= 110; width += 30) {
    char *text;
    assert_int_equal(kd_describe(NULL, width, &text), KD_OK);
    size_t longest = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
      if (strcspn(line, "\n") > longest) longest = strcspn(line, "\n");
    assert_true(longest <= width);
    free(text);
  }
}

static void markdown(void **state) {
  (void)state;
  char *text;
  assert_int_equal(kd_describe_markdown(&text), KD_OK);
  const char *const wanted[] = {
      "# Scenario reference\n",
      "\n## `model`\n",
      "\n### `model.graphene`\n\nhoneycomb lattice *Reference:* Wallace 1947\n",
      "\n| `t` | quantity | `eV` | `2.7 eV` |  | hopping |\n",
      "\n#### `model.tight_binding.hoppings` (list)\n",
      "\n| `lattice_constant` | quantity | `angstrom` | required; natural units: `1` | \\> 0 "
      "angstrom | distance of cells |\n",
      "<br>`fermion`: f(1 - f) *Reference:* Fermi 1926<br>`boson`",
  };
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
    if (!strstr(text, wanted[i])) fail_msg("%s\nis not in\n%s", wanted[i], text);
  free(text);
}

/// A program that has set a locale with a decimal comma gets the same numbers.
static void locale_does_not_matter(void **state) {
  (void)state;
  if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "de_DE.utf8")) skip();
  kd_scenario *scenario = parse("model: {kind: chain, J: 0.25 eV, lattice_constant: 1.5 nm}\n");
  const kd_section *model = kd_section_child(kd_scenario_root(scenario), "model");
  assert_true(kd_section_real(model, "J") == 0.25);
  assert_true(kd_section_real(model, "lattice_constant") == 15);
  assert_non_null(strstr(kd_scenario_text(scenario), "J: 0.25 eV\n"));
  kd_scenario_free(scenario);
  setlocale(LC_NUMERIC, "C");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults),      cmocka_unit_test(every_type),
      cmocka_unit_test(natural_units), cmocka_unit_test(errors_have_places),
      cmocka_unit_test(matrix_errors), cmocka_unit_test(all_errors_at_once),
      cmocka_unit_test(broken_yaml),   cmocka_unit_test(aliases),
      cmocka_unit_test(overrides),     cmocka_unit_test(errors_from_the_stages),
      cmocka_unit_test(round_trips),   cmocka_unit_test(resolved_text),
      cmocka_unit_test(large_matrix),  cmocka_unit_test(files),
      cmocka_unit_test(descriptions),  cmocka_unit_test(keys),
      cmocka_unit_test(markdown),      cmocka_unit_test(locale_does_not_matter),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
