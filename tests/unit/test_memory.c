/// Allocation, and the error messages that go with it.
#include "support.h"

static void memory_is_aligned_and_zeroed(void **state) {
  (void)state;
  for (size_t count = 0; count < 300; count += 7) {
    unsigned char *memory = kd_allocate(count, 3);
    assert_non_null(memory);
    assert_int_equal((uintptr_t)memory % 64, 0);
    for (size_t i = 0; i < 3 * count; i++) assert_int_equal(memory[i], 0);
    memset(memory, 0xff, 3 * count); // so that the next block shows it if it is not cleared
    kd_free(memory);
  }
  kd_free(NULL);
}

static void overflow_is_an_error(void **state) {
  (void)state;
  const size_t half = SIZE_MAX / 2 + 1;
  kd_error_clear();
  assert_null(kd_allocate(half, 2));
  assert_string_equal(kd_error_message(), "cannot allocate 9223372036854775808 items of 2 bytes: "
                                          "the size overflows");
  assert_null(kd_allocate(SIZE_MAX, 1));
  assert_non_null(strstr(kd_error_message(), "overflows"));
  assert_null(kd_allocate(3, SIZE_MAX / 2));
  assert_non_null(strstr(kd_error_message(), "overflows"));
}

#ifndef __SANITIZE_ADDRESS__ // which ends the program instead of giving NULL
static void shortage_is_an_error(void **state) {
  (void)state;
  kd_error_clear();
  assert_null(kd_allocate((size_t)1 << 60, 1));
  // 2^60 bytes, rounded up
  assert_string_equal(kd_error_message(),
                      "cannot allocate 1152921504606847040 bytes: out of memory");
}
#endif

static kd_status allocate_twice(bool too_much, double **first, double **second) {
  kd_status status = KD_OK;
  KD_ALLOCATE(*first, 4);
  KD_ALLOCATE(*second, too_much ? SIZE_MAX / 4 : 4);
  (*second)[3] = 1;
cleanup:
  return status;
}

static void macro_leaves_through_cleanup(void **state) {
  (void)state;
  double *first = NULL, *second = NULL;
  assert_int_equal(allocate_twice(false, &first, &second), KD_OK);
  assert_true(second[3] == 1);
  kd_free(first);
  kd_free(second);
  CHECK_ERROR(allocate_twice(true, &first, &second), KD_ERROR_MEMORY, "overflows");
  assert_non_null(first);
  assert_null(second);
  kd_free(first);
}

static void strings_are_copied(void **state) {
  (void)state;
  char text[] = "abc";
  char *copy = kd_string_copy(text);
  text[0] = 'x';
  assert_string_equal(copy, "abc");
  kd_free(copy);
  copy = kd_string_copy("");
  assert_string_equal(copy, "");
  kd_free(copy);
}

static void messages_replace_and_append(void **state) {
  (void)state;
  kd_error_clear();
  assert_string_equal(kd_error_message(), "");
  assert_int_equal(kd_error(KD_ERROR_FILE, "first %d", 1), KD_ERROR_FILE);
  assert_int_equal(kd_error(KD_ERROR_NUMERICS, "second %s", "message"), KD_ERROR_NUMERICS);
  assert_string_equal(kd_error_message(), "second message");
  assert_int_equal(kd_error_append(KD_ERROR_SCENARIO, "third"), KD_ERROR_SCENARIO);
  assert_string_equal(kd_error_message(), "second message\nthird");
}

static void only_twenty_lines_are_kept(void **state) {
  (void)state;
  kd_error_clear();
  for (int i = 1; i <= 57; i++) kd_error_append(KD_ERROR_SCENARIO, "line %d", i);
  const char *message = kd_error_message();
  size_t n_line = 1;
  for (const char *c = message; *c; c++) n_line += *c == '\n';
  assert_int_equal(n_line, 21);
  assert_int_equal(strncmp(message, "line 1\nline 2\n", 14), 0);
  assert_non_null(strstr(message, "line 20\n... and 37 more errors"));
  assert_null(strstr(message, "line 21"));
}

static void long_messages_end_properly(void **state) {
  (void)state;
  char *text = malloc(100001);
  memset(text, 'x', 100000);
  text[100000] = '\0';
  kd_error(KD_ERROR_FILE, "%s", text);
  kd_error_append(KD_ERROR_FILE, "%s", text);
  const size_t length = strlen(kd_error_message());
  assert_in_range(length, 100, 200000);
  assert_int_equal(strncmp(kd_error_message(), text, 100), 0);
  free(text);
}

static void every_status_has_an_exit_status(void **state) {
  (void)state;
  assert_int_equal(kd_exit_status(KD_OK), 0);
  assert_int_equal(kd_exit_status(KD_ERROR_SCENARIO), 2);
  assert_int_equal(kd_exit_status(KD_ERROR_FILE), 3);
  assert_int_equal(kd_exit_status(KD_ERROR_NUMERICS), 4);
  assert_int_equal(kd_exit_status(KD_ERROR_MEMORY), 4);
  assert_int_equal(kd_exit_status(KD_ERROR_INTERNAL), 4);
  assert_int_equal(kd_exit_status(KD_RETRY), 4);
  assert_int_equal(kd_exit_status(KD_STOPPED), 75);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_is_aligned_and_zeroed),
      cmocka_unit_test(overflow_is_an_error),
#ifndef __SANITIZE_ADDRESS__
      cmocka_unit_test(shortage_is_an_error),
#endif
      cmocka_unit_test(macro_leaves_through_cleanup),
      cmocka_unit_test(strings_are_copied),
      cmocka_unit_test(messages_replace_and_append),
      cmocka_unit_test(only_twenty_lines_are_kept),
      cmocka_unit_test(long_messages_end_properly),
      cmocka_unit_test(every_status_has_an_exit_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
