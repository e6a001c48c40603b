/// Formulas: compiled and evaluated.
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "keldrift/keldrift.h"
#include "scenario/expression.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const double points[][2] = {{0, 0}, {1.5, -2}, {-1e300, 1e-300}};
  kd_expression *expression;
  char *formula = malloc(size + 1);
  FUZZ_REQUIRE(formula);
  memcpy(formula, data, size);
  formula[size] = '\0';
  if (kd_expression_create(formula, "t x", &expression) == KD_OK) {
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
      kd_expression_value(expression, points[i]);
    kd_expression_free(expression);
  } else {
    FUZZ_REQUIRE(*kd_error_message());
  }
  free(formula);
  return 0;
}
