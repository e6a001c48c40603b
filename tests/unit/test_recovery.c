/// When checkpoints are written.
#include "recovery.h"
#include "support.h"
#include <math.h>

/// A given interval is kept to; else at most a fiftieth of the time goes into checkpoints.
static void test_interval(void **state) {
  (void)state;
  const double seconds[] = {0, 0.1, 1, 11, 12, 13, 100, 1e4};
  for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
    const double interval = kd_recovery_interval(0, seconds[i]);
    assert_true(kd_recovery_interval(5, seconds[i]) == fmax(5, seconds[i]));
    assert_true(interval >= 600);
    assert_true(seconds[i] <= 0.02 * (interval + seconds[i]));
    assert_true(seconds[i] > 12 || interval == 600);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_interval)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
