/// Units against the exact numbers of CODATA 2018.
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"
#include "scenario/number.h"
#include "scenario/units.h"

/// Tolerance of a conversion through SI base units: a few roundings.
#define ROUNDING (8 * DBL_EPSILON)

static void check(const char *text, const char *unit, double want, double tolerance) {
  double got = NAN;
  const kd_status status = kd_quantity_read(text, unit, false, &got);
  if (status != KD_OK) fail_msg("\"%s\" in %s: %s", text, unit, kd_error_message());
  if (!(fabs(got - want) <= tolerance * fabs(want)))
    fail_msg("\"%s\" in %s: got %.17g, want %.17g, relative error %.2g, tolerance %.2g", text, unit,
             got, want, fabs(got / want - 1), tolerance);
}

static void check_refused(const char *text, const char *unit, const char *reason) {
  double got = NAN;
  const kd_status status = kd_quantity_read(text, unit, false, &got);
  if (status != KD_ERROR_SCENARIO)
    fail_msg("\"%s\" in %s: got %.17g with status %d, want a refusal", text, unit, got, status);
  if (!strstr(kd_error_message(), reason))
    fail_msg("\"%s\" in %s: got \"%s\", want \"%s\" in it", text, unit, kd_error_message(), reason);
}

static void exact_electron_units(void **state) {
  (void)state;
  check("1 eV", "J", 1.602176634e-19, ROUNDING);
  check("1 electronvolt", "J", 1.602176634e-19, ROUNDING);
  check("2 electronvolts", "J", 2 * 1.602176634e-19, ROUNDING);
  check("1 electron_volt", "J", 1.602176634e-19, ROUNDING);
  check("1 bev", "J", 1.602176634e-10, ROUNDING);
  check("1 e", "C", 1.602176634e-19, ROUNDING);
  check("1 J", "eV", 1 / 1.602176634e-19, ROUNDING);
  check("1 kJ", "eV", 1000 / 1.602176634e-19, ROUNDING);
  check("1 eV/(e angstrom)", "V/angstrom", 1, ROUNDING);
  check("0.067 m_e", "1", 0.067, 0);
  check("3 V e", "eV", 3, ROUNDING);
}

static void decimal_factors_are_exact(void **state) {
  (void)state;
  check("10 meV", "eV", 0.01, 0);
  check("9 meV", "eV", 0.009, 0);
  check("35 meV", "eV", 0.035, 0);
  check("1 ps", "fs", 1000, 0);
  check("0.5 ps", "fs", 500, 0);
  check("10 as", "fs", 0.01, 0);
  check("1 MV/cm", "V/angstrom", 0.01, 0);
  check("2 MV/cm", "V/angstrom", 0.02, 0);
  check("30 kV/cm", "V/angstrom", 0.0003, 0);
  check("1 V/nm", "V/angstrom", 0.1, 0);
  check("10 THz", "1/fs", 0.01, 0);
  check("1 nm", "angstrom", 10, 0);
  check("1.42 \u00c5", "angstrom", 1.42, 0);
  check("1.42 \u212b", "angstrom", 1.42, 0);
  check("1e6 m/s", "angstrom/fs", 10, 0);
  check("1e12 cm^-2", "1/angstrom^2", 1e-4, 0);
  check("10 min", "s", 600, 0);
  check("50 %", "1", 0.5, 0);
}

static void own_unit_keeps_the_number(void **state) {
  (void)state;
  const char *const units[] = {"eV", "fs",    "angstrom",      "V/angstrom", "K", "1/fs",
                               "e",  "eV fs", "V fs/angstrom", "1/angstrom", "s"};
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    char text[64];
    snprintf(text, sizeof text, "0.1234567890123456 %s", units[i]);
    check(text, units[i], 0.1234567890123456, 0);
  }
}

static void spellings(void **state) {
  (void)state;
  check("0.3eV", "eV", 0.3, 0);
  check("  0.3   eV ", "eV", 0.3, 0);
  check("-1e-3 eV", "eV", -1e-3, 0);
  check("+.5 eV", "eV", 0.5, 0);
  check("5. eV", "eV", 5, 0);
  check("2e eV", "eV C", 2 * 1.602176634e-19, ROUNDING);
  check("0.5/fs", "1/fs", 0.5, 0);
  check("0.5 1/fs", "1/fs", 0.5, 0);
  check("0.5 /ps", "1/fs", 0.0005, 0);
  check("0.5 fs-1", "1/fs", 0.5, 0);
  check("0.5 fs^-1", "1/fs", 0.5, 0);
  check("2 eV\u00b7\u00c5\u00b2", "eV angstrom^2", 2, ROUNDING);
  check("2 eV*angstrom", "eV angstrom", 2, ROUNDING);
  check("2 eV angstrom**2", "eV angstrom^2", 2, ROUNDING);
  check("2 eV \u00c52", "eV angstrom^2", 2, ROUNDING);
  check("27 degC", "K", 300.15, DBL_EPSILON);
  check("300 K", "K", 300, 0);
  check("90 degree", "1", acos(0), DBL_EPSILON);
  check("90 degree", NULL, acos(0), DBL_EPSILON);
  check("1 radian", "1", 1, 0);
  check("7", NULL, 7, 0);
  check("7", "radian", 7, 0);
  check("1e-6", "1", 1e-6, 0);
}

static void refusals(void **state) {
  (void)state;
  check_refused("0.3", "eV", "the bare number 0.3 has no unit");
  check_refused("0", "fs", "the bare number 0 has no unit");
  check_refused("10 fs", "eV", "\"10 fs\" is a time");
  check_refused("3 A", "angstrom", "is an electric current");
  check_refused("1 eV", "1", "is an energy");
  check_refused("1 radian", "eV", "is dimensionless");
  check_refused("1 mol", "eV", "has the wrong dimension");
  check_refused("300 K", "eV", "is a temperature");
  // UDUNITS would take the reciprocal.
  check_refused("10 fs", "1/fs", "is a time");
  check_refused("10 THz", "fs", "is a frequency");
  // UDUNITS would multiply.
  check_refused("10 3 fs", "fs", "unknown unit \"3 fs\"");
  check_refused("10 fs 3", "fs", "unknown unit");
  check_refused("1/3 eV", "eV", "unknown unit");
  check_refused("10 -3 fs", "fs", "unknown unit");
  check_refused("10 fs*2", "fs", "unknown unit");
  check_refused("10 fs.2", "fs", "unknown unit");
  check_refused("10 1", "1", "unknown unit");
  check_refused("10 1 fs", "fs", "unknown unit");
  check_refused("10 fs/2", "fs", "unknown unit");
  check_refused("0.3 ev", "eV", "unknown unit \"ev\" in \"0.3 ev\"");
  check_refused("5 lg(re 1 eV)", "eV", "");
  check_refused("5 s since 1970-01-01", "s", "");
  check_refused("5 apples", "eV", "unknown unit");
  check_refused("5 \"", "eV", "is dimensionless");
  check_refused("eV", "eV", "does not start with a finite decimal number");
  check_refused("", "eV", "does not start with a finite decimal number");
  check_refused("nan eV", "eV", "does not start with a finite decimal number");
  check_refused("inf", "1", "does not start with a finite decimal number");
  check_refused(".inf", "1", "does not start with a finite decimal number");
  check_refused("0x10 eV", "eV", "does not start with a finite decimal number");
  check_refused("- 3 eV", "eV", "does not start with a finite decimal number");
  check_refused("1e400 eV", "eV", "beyond double precision");
  check_refused("1e-400 eV", "eV", "beyond double precision");
  check_refused("1e300 J", "eV", "beyond double precision in eV");
  char endless[1000];
  memset(endless, 'm', sizeof endless - 1);
  memcpy(endless, "5 ", 2);
  endless[sizeof endless - 1] = '\0';
  check_refused(endless, "angstrom", "unknown unit");
}

static void bare_numbers_on_request(void **state) {
  (void)state;
  double got = NAN;
  assert_int_equal(kd_quantity_read("0.3", "eV", true, &got), KD_OK);
  assert_true(got == 0.3);
  assert_int_equal(kd_quantity_read("300 meV", "eV", true, &got), KD_OK);
  assert_true(got == 0.3);
}

static void expectations(void **state) {
  (void)state;
  assert_string_equal(kd_quantity_expected("eV"), "an energy such as \"0.3 eV\"");
  assert_string_equal(kd_quantity_expected("fs"), "a time such as \"10 fs\"");
  assert_string_equal(kd_quantity_expected("s"), "a time such as \"600 s\"");
  assert_string_equal(kd_quantity_expected("V/angstrom"), "an electric field such as \"2 MV/cm\"");
  assert_string_equal(kd_quantity_expected(NULL), "a number");
  assert_string_equal(kd_quantity_expected("mol"), "a quantity such as \"1 mol\"");
  // Every example has to be acceptable itself.
  const char *const units[] = {"eV",
                               "fs",
                               "angstrom",
                               "K",
                               "1/fs",
                               "V/angstrom",
                               "V",
                               "e",
                               "A",
                               "1/angstrom",
                               "V fs/angstrom",
                               "eV fs/angstrom",
                               "1/angstrom^2",
                               "angstrom^2",
                               "1/angstrom^3",
                               "angstrom^3",
                               "angstrom/fs",
                               "eV angstrom",
                               "eV angstrom^2",
                               "eV/angstrom",
                               "kg",
                               "e angstrom",
                               "eV/angstrom^2",
                               "eV fs"};
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    char example[64] = "";
    double got;
    const char *quote = strchr(kd_quantity_expected(units[i]), '"');
    assert_non_null(quote);
    memcpy(example, quote + 1, strcspn(quote + 1, "\""));
    if (kd_quantity_read(example, units[i], false, &got) != KD_OK)
      fail_msg("the example \"%s\" for %s: %s", example, units[i], kd_error_message());
  }
}

static void constants(void **state) {
  (void)state;
  const kd_constants si = kd_constants_si();
  // The printed digits of CODATA are cut off, so that they hold to one unit in the last place.
  assert_true(fabs(si.hbar - 0.6582119569) <= 1e-10);
  assert_true(fabs(si.k_boltzmann - 8.617333262e-5) <= 1e-14);
  assert_true(fabs(si.hbar2_2m - 3.80998212) <= 1e-8);
  assert_true(fabs(si.conductance / 1.602176634e-4 - 1) <= ROUNDING);
  assert_false(si.natural);
  const kd_constants natural = kd_constants_natural(0.5);
  assert_true(natural.natural && natural.hbar == 0.5 && natural.k_boltzmann == 1);
  assert_true(natural.hbar2_2m == 0.125 && natural.conductance == 1);
}

static void numbers(void **state) {
  (void)state;
  const double values[] = {0,     1,     -1,     0.1,     1. / 3,  1e-6,    6.02e23,
                           -2e-7, 1e300, 5e-324, DBL_MAX, DBL_MIN, 100000., 123456789012345678.};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    double back = NAN;
    const char *rest;
    assert_true(kd_number_scan(kd_number_format(values[i]).text, &back, &rest));
    assert_true(back == values[i] && !*rest);
  }
  assert_string_equal(kd_number_format(0.1).text, "0.1");
  assert_string_equal(kd_number_format(256).text, "256");
  long integer = 0;
  assert_true(kd_integer_scan("-64", &integer) && integer == -64);
  assert_true(kd_integer_scan(" +7 ", &integer) && integer == 7);
  assert_false(kd_integer_scan("64.0", &integer));
  assert_false(kd_integer_scan("1e3", &integer));
  assert_false(kd_integer_scan("", &integer));
  assert_false(kd_integer_scan("-", &integer));
  assert_false(kd_integer_scan("99999999999999999999", &integer));
}

static int load(void **state) {
  (void)state;
  if (kd_units_load() != KD_OK) return -1;
  return kd_units_load(); // loading again is harmless
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exact_electron_units),
      cmocka_unit_test(decimal_factors_are_exact),
      cmocka_unit_test(own_unit_keeps_the_number),
      cmocka_unit_test(spellings),
      cmocka_unit_test(refusals),
      cmocka_unit_test(bare_numbers_on_request),
      cmocka_unit_test(expectations),
      cmocka_unit_test(constants),
      cmocka_unit_test(numbers),
  };
  return cmocka_run_group_tests(tests, load, NULL);
}
