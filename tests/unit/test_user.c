/// Observables that the user gives as operators.
#include "support.h"

#include "observables/user.h"

static kd_status create(const char *model, const char *observables, stage *s,
                        kd_user_observable **list, size_t *count) {
  const kd_status status =
      stage_try(text_of("%sobservables: [%s]\n", model, observables), TO_MODEL, s);
  if (status != KD_OK) return status;
  return kd_user_observables_create(kd_scenario_root(s->scenario), s->model, list, count);
}

static void expect_message(const char *model, const char *observables, const char *message) {
  stage s;
  kd_user_observable *list;
  size_t count = 7;
  CHECK_ERROR(create(model, observables, &s, &list, &count), KD_ERROR_SCENARIO, message);
  assert_null(list);
  assert_int_equal(count, 0);
  stage_clear(&s);
}

#define TWO SSH "grid: {k: [4]}\n"
#define THREE DIPOLES "grid: {k: [4, 4]}\n"

/// Tr(O f) and Re Tr(v O f) with matrices written out.
static void values(void **state) {
  (void)state;
  stage s;
  kd_user_observable *list;
  size_t count;
  CHECK_OK(
      create(TWO,
             "{name: x, matrix: pauli_x}, {name: y, matrix: pauli_y}, {name: z, matrix: pauli_z}, "
             "{name: one, matrix: identity}, "
             "{name: own, re: [[0.5, 0.2], [0.2, -1]], im: [[0, -0.3], [0.3, 0]]}, "
             "{name: given, matrix: given, im: [[0, -0.3], [0.3, 0]]}, "
             "{name: j_y, current_of: pauli_y}, {name: j, current_of: given, re: [[1, 0], [0, "
             "0]]}",
             &s, &list, &count));
  assert_int_equal(count, 8);
  assert_string_equal(list[0].name, "x");
  assert_string_equal(list[7].name, "j");
  const double complex operators[8][4] = {{0, 1, 1, 0},
                                          {0, -I, I, 0},
                                          {1, 0, 0, -1},
                                          {1, 0, 0, 1},
                                          {0.5, 0.2 - 0.3 * I, 0.2 + 0.3 * I, -1},
                                          {0, -0.3 * I, 0.3 * I, 0},
                                          {0, -I, I, 0},
                                          {1, 0, 0, 0}};
  double complex f[4], v[4], scratch[4], left[4], right[4];
  random_hermitian(2, 1, f);
  random_hermitian(2, 1, v);
  for (size_t i = 0; i < 8; i++) {
    assert_int_equal(list[i].is_current, i >= 6);
    double want = creal(dense_trace_product(2, operators[i], f));
    if (i >= 6) {
      dense_multiply(2, v, operators[i], left);
      dense_multiply(2, operators[i], v, right);
      want = 0.5 * creal(dense_trace_product(2, left, f) + dense_trace_product(2, right, f));
    }
    CHECK_NEAR(kd_user_observable_value(&list[i], 2, f, v, scratch), want, 1e-15);
  }
  kd_user_observables_free(list, count);
  stage_clear(&s);

  CHECK_OK(
      create(THREE,
             "{name: o, current_of: given, axis: 1, re: [[1, 0.1, 0.2], [0.1, 2, 0.3], [0.2, 0.3, "
             "3]], im: [[0, 1, 2], [-1, 0, 3], [-2, -3, 0]]}",
             &s, &list, &count));
  assert_int_equal(list[0].axis, 1);
  const double complex o[9] = {
      1, 0.1 + 1 * I, 0.2 + 2 * I, 0.1 - 1 * I, 2, 0.3 + 3 * I, 0.2 - 2 * I, 0.3 - 3 * I, 3};
  CHECK_BELOW(dense_distance(3, list[0].matrix, o), 0);
  double complex f3[9], v3[9], scratch3[9], left3[9], right3[9];
  random_hermitian(3, 1, f3);
  random_hermitian(3, 1, v3);
  dense_multiply(3, v3, o, left3);
  dense_multiply(3, o, v3, right3);
  CHECK_NEAR(kd_user_observable_value(&list[0], 3, f3, v3, scratch3),
             0.5 * creal(dense_trace_product(3, left3, f3) + dense_trace_product(3, right3, f3)),
             1e-13);
  kd_user_observables_free(list, count);
  stage_clear(&s);

  CHECK_OK(create(TWO, "", &s, &list, &count));
  assert_int_equal(count, 0);
  kd_user_observables_free(list, count);
  kd_user_observables_free(NULL, 3);
  stage_clear(&s);
}

static void names(void **state) {
  (void)state;
  const char *rule = "(expected 1 to 63 letters, digits, '_', '-' or '.')";
  const char *bad[] = {"a/b", ".x", "\"\"", "\"a b\"", "x:y"};
  for (size_t i = 0; i < COUNT(bad); i++)
    expect_message(TWO, text_of("{name: %s, matrix: identity}", bad[i]), rule);
  char name[65];
  memset(name, 'n', 64);
  name[64] = '\0';
  expect_message(TWO, text_of("{name: %s, matrix: identity}", name), rule);
  stage s;
  kd_user_observable *list;
  size_t count;
  CHECK_OK(create(
      TWO, text_of("{name: %s, matrix: identity}, {name: a-b_c.1, matrix: identity}", name + 1), &s,
      &list, &count));
  assert_string_equal(list[0].name, name + 1);
  kd_user_observables_free(list, count);
  stage_clear(&s);
  expect_message(TWO,
                 "{name: a, matrix: identity}, {name: b, matrix: identity}, {name: a, matrix: "
                 "pauli_x}",
                 "observables.2.name: \"a\" is taken by another observable");
}

static void operators(void **state) {
  (void)state;
  expect_message(TWO, "{name: a, matrix: pauli_x, current_of: pauli_x}",
                 "observables.0.current_of: matrix is given as well (expected one of them)");
  expect_message(TWO, "{name: a}",
                 "observables.0: no operator (expected matrix, current_of or re and im)");
  expect_message(TWO, "{name: a, matrix: given}",
                 "observables.0.matrix: no elements (expected the keys re, im or both)");
  expect_message(TWO, "{name: a, current_of: given}",
                 "observables.0.current_of: no elements (expected the keys re, im or both)");
  expect_message(TWO, "{name: a, matrix: pauli_x, re: [[1, 0], [0, 1]]}",
                 "observables.0.re: elements beside a named operator (expected either)");
  expect_message(TWO, "{name: a, re: [[1, 0, 0], [0, 1, 0]]}",
                 "observables.0.re: a 2 x 3 matrix (expected 2 x 2, the number of bands)");
  expect_message(TWO, "{name: a, im: [[0]]}",
                 "observables.0.im: a 1 x 1 matrix (expected 2 x 2, the number of bands)");
  expect_message(TWO, "{name: a, re: [[1, 0.5], [0.4, 1]]}",
                 "observables.0.re: element [0][1] is not the conjugate of [1][0] (expected a "
                 "Hermitian operator)");
  expect_message(TWO, "{name: a, im: [[0, 0.5], [0.5, 0]]}",
                 "observables.0.im: element [0][1] is not the conjugate of [1][0]");
  expect_message(TWO, "{name: a, im: [[0.1, 0], [0, 0]]}",
                 "observables.0.im: element [0][0] is not the conjugate of [0][0]");
  expect_message(
      THREE, "{name: a, matrix: pauli_x}",
      "observables.0.matrix: pauli_x has two bands, the model has 3 (expected the keys re "
      "and im)");
  expect_message(THREE, "{name: a, current_of: identity, axis: 2}",
                 "observables.0.axis: 2 (expected 0 to 1)");
}

/// An im part alone beside a named operator: the message must point at a key that is there.
static void message_points_at_the_given_part(void **state) {
  (void)state;
  expect_message(TWO, "{name: a, matrix: pauli_x, im: [[0, 0], [0, 0]]}",
                 "elements beside a named operator (expected either)");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values),
      cmocka_unit_test(names),
      cmocka_unit_test(operators),
      cmocka_unit_test(message_points_at_the_given_part),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
