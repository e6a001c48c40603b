/// Formulas: values, names, and what is refused.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scenario/expression.h"

static void check(const char *formula, const char *variables, const double *at, double want) {
  kd_expression *expression;
  if (kd_expression_create(formula, variables, &expression) != KD_OK)
    fail_msg("%s: %s", formula, kd_error_message());
  const double got = kd_expression_value(expression, at);
  // muParser evaluates with libm: a few roundings.
  const double tolerance = 1e-14 * (1 + fabs(want));
  if (!(fabs(got - want) <= tolerance))
    fail_msg("%s: got %.17g, want %.17g, error %.2g, tolerance %.2g", formula, got, want,
             fabs(got - want), tolerance);
  kd_expression_free(expression);
}

static void check_refused(const char *formula, const char *variables, const char *reason) {
  kd_expression *expression = (kd_expression *)&expression;
  assert_int_equal(kd_expression_create(formula, variables, &expression), KD_ERROR_SCENARIO);
  assert_null(expression);
  if (!strstr(kd_error_message(), reason) || strchr(kd_error_message(), '\n'))
    fail_msg("%s: got \"%s\", want \"%s\" in it, in one line", formula, kd_error_message(), reason);
}

static void values(void **state) {
  (void)state;
  const double x = 1.5, y[] = {1.5, -2};
  check("0.1*exp(-(x/3)^2)", "x", &x, 0.1 * exp(-0.25));
  check("x*y + 1", "x y", y, -2);
  check("y*1", "x y", y, -2);
  check("sin(pi/2)", "", NULL, 1);
  check("ln(e)", NULL, NULL, 1);
  check("log(100)", "", NULL, log(100));
  check("erf(x)", "x", &x, erf(1.5));
  check("erf(0.5)", "", NULL, erf(0.5));
  check("step(x) + step(-x) + step(0)", "x", &x, 2);
  check("x > 1 ? 5 : 6", "x", &x, 5);
  check("(x >= 1.5) + (x <= 1.5) + (x == 1.5) + (x != 1.5)", "x", &x, 3);
  check("-x^2", "x", &x, -2.25);
  check("2^3^2", "", NULL, 512);
  check("0.5", "t", &x, 0.5);
  check("min(x, 1) + max(x, 2) + abs(-x)", "x", &x, 4.5);
  const double eight[] = {1, 2, 3, 4, 5, 6, 7, 8};
  check("a+10*b+c+d+f+g+h+i", "a b c d f g h i", eight, 54);
}

static void object_is_reusable(void **state) {
  (void)state;
  kd_expression *first, *second;
  assert_int_equal(kd_expression_create("2*x", "x", &first), KD_OK);
  assert_int_equal(kd_expression_create("x + z", "x y z", &second), KD_OK);
  for (int i = 0; i < 100; i++) {
    const double at[] = {i, 7, 0.5};
    assert_true(kd_expression_value(first, at) == 2 * i);
    assert_true(kd_expression_value(second, at) == i + 0.5);
  }
  kd_expression_free(first);
  kd_expression_free(second);
  kd_expression_free(NULL);
}

static void refusals(void **state) {
  (void)state;
  check_refused("x +", "x", "Unexpected end");
  check_refused("foo(x)", "x", "foo");
  check_refused("x + y", "x", "y");
  check_refused("", "x", "empty");
  check_refused("(x", "x", "parenthesis");
  check_refused("x, 2", "x", "2 values");
  check_refused("x = 3", "x", "assigns");
  check_refused("= 3", "x", "assigns");
  check_refused("x == 3 + (x = 2)", "x", "assigns");
  check_refused("\"text\"", "x", "");
  check_refused("x\n+ $", "x", "");
  char endless[20001];
  memset(endless, '(', sizeof endless - 1);
  endless[sizeof endless - 1] = '\0';
  check_refused(endless, "x", "");
}

static void too_many_variables(void **state) {
  (void)state;
  kd_expression *expression;
  assert_int_equal(kd_expression_create("a", "a b c d f g h i j", &expression), KD_ERROR_INTERNAL);
  assert_null(expression);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values),
      cmocka_unit_test(object_is_reusable),
      cmocka_unit_test(refusals),
      cmocka_unit_test(too_many_variables),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
