/// Numeric tables in text files.
#include "support.h"

#include <sys/stat.h>

#include "core/table_file.h"

static void expect_table(const char *text, size_t n_row, size_t n_column, const double *want) {
  const char *path = temporary("table.txt");
  double *values;
  size_t rows, columns;
  write_text(path, text);
  CHECK_OK(kd_table_file_read(path, &values, &rows, &columns));
  assert_int_equal(rows, n_row);
  assert_int_equal(columns, n_column);
  CHECK_BITWISE(values, want, n_row * n_column);
  kd_free(values);
}

/// The message is exactly PATH followed by `ending`.
static void expect_message(const char *text, const char *ending) {
  const char *path = temporary("bad.txt");
  double *values = (double *)1;
  size_t rows, columns;
  char message[1024];
  write_text(path, text);
  snprintf(message, sizeof message, "%s%s", path, ending);
  CHECK_ERROR(kd_table_file_read(path, &values, &rows, &columns), KD_ERROR_SCENARIO, message);
  assert_string_equal(kd_error_message(), message);
  assert_null(values);
}

static void good_files(void **state) {
  (void)state;
  const double want[] = {1, -2.5, 3e-7, 0, 40, 5};
  expect_table("1 -2.5 3e-7\n0 40 5\n", 2, 3, want);
  expect_table("1 -2.5 3e-7\n0 40 5", 2, 3, want);         // no newline at the end
  expect_table("1,-2.5,3e-7\n0, 40 ,5\n", 2, 3, want);     // commas
  expect_table("1\t-2.5\t3e-7\r\n0 40 5\r\n", 2, 3, want); // tabs, CR LF
  expect_table("# t E\n\n  1 -2.5 3e-7 # peak\n   \n#\n0 40 5#x\n", 2, 3, want);
  expect_table("  1  -2.5  3e-7  \n +0 4E1 5\n", 2, 3, want);
  expect_table("\xEF\xBB\xBF"
               "1 -2.5 3e-7\n0 40 5\n",
               2, 3, want); // byte order mark
  expect_table("1\n-2.5\n3e-7\n0\n40\n5\n", 6, 1, want);
  expect_table("", 0, 0, want);
  expect_table("# only this\n", 0, 0, want);
}

static void long_files(void **state) {
  (void)state;
  enum { ROWS = 5000 };
  const char *path = temporary("long.txt");
  FILE *file = fopen(path, "w");
  for (int i = 0; i < ROWS; i++) fprintf(file, "%d %.17g\n", i, sin(i));
  fclose(file);
  double *values;
  size_t rows, columns;
  CHECK_OK(kd_table_file_read(path, &values, &rows, &columns));
  assert_int_equal(rows, ROWS);
  assert_int_equal(columns, 2);
  for (int i = 0; i < ROWS; i++) {
    assert_true(values[2 * i] == i);
    assert_true(values[2 * i + 1] == sin(i));
  }
  kd_free(values);
}

static void bad_numbers(void **state) {
  (void)state;
  const char *rest = " is not a finite number (expected columns of numbers; # starts a comment)";
  const struct {
    const char *text, *place, *word;
  } cases[] = {{"1 2\n3 nan\n", ":2:3: error: ", "\"nan\""},
               {"1 2\n\n# c\n3 inf\n", ":4:3: error: ", "\"inf\""},
               {"1 -0X1p3\n", ":1:3: error: ", "\"-0X1p3\""},
               {"1 1e400\n", ":1:3: error: ", "\"1e400\""},
               {"time field\n1 2\n", ":1:1: error: ", "\"time\""},
               {"1 2\n  3  4x, 5\n", ":2:6: error: ", "\"4x\""},
               {"1 1.2.3\n", ":1:3: error: ", "\"1.2.3\""},
               {"1;2\n", ":1:1: error: ", "\"1;2\""}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    char ending[256];
    snprintf(ending, sizeof ending, "%s%s%s", cases[i].place, cases[i].word, rest);
    expect_message(cases[i].text, ending);
  }
}

static void ragged_rows(void **state) {
  (void)state;
  expect_message("1 2\n3 4\n\n5\n", ":4: error: 1 columns (expected 2 as above)");
  expect_message("# x\n1 2\n3 4 5 6\n", ":3: error: 4 columns (expected 2 as above)");
}

static void unreadable_files(void **state) {
  (void)state;
  double *values = (double *)1;
  size_t rows = 1, columns = 1;
  char message[1024];
  const char *path = temporary("missing.txt");
  snprintf(message, sizeof message, "%s: error: cannot open: No such file or directory", path);
  CHECK_ERROR(kd_table_file_read(path, &values, &rows, &columns), KD_ERROR_FILE, message);
  assert_string_equal(kd_error_message(), message);
  assert_null(values);
  assert_int_equal(rows, 0);
  assert_int_equal(columns, 0);
  CHECK_ERROR(kd_table_file_read("/tmp", &values, &rows, &columns), KD_ERROR_FILE,
              "/tmp: error: cannot open: Is a directory");
  CHECK_ERROR(kd_table_file_read("/dev/zero", &values, &rows, &columns), KD_ERROR_FILE,
              "/dev/zero: error: cannot open: not an ordinary file");
  // A pipe that nobody writes to is not waited for.
  path = temporary("pipe");
  assert_int_equal(mkfifo(path, 0600), 0);
  CHECK_OK(kd_table_file_read(path, &values, &rows, &columns));
  assert_int_equal(rows, 0);
  kd_free(values);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_files),       cmocka_unit_test(long_files),
      cmocka_unit_test(bad_numbers),      cmocka_unit_test(ragged_rows),
      cmocka_unit_test(unreadable_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
