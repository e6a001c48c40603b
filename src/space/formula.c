#include "space/formula.h"

#include "core/error.h"

kd_status kd_space_formula(const kd_space *space, const kd_section *section, const char *key,
                           kd_expression **formula) {
  static const char *const coordinates[] = {"", "x", "x y", "x y z"};
  static const char *const names[] = {"numbers", "x", "x and y", "x, y and z"};
  const size_t n_dim = kd_space_n_dim(space);
  const kd_status status =
      kd_expression_create(kd_section_text(section, key), coordinates[n_dim], formula);
  if (status != KD_ERROR_SCENARIO) return status;
  return kd_section_error(section, key,
                          "%s (expected a formula in %s, for grid.r has %zu dimension%s)",
                          kd_error_message(), names[n_dim], n_dim, n_dim == 1 ? "" : "s");
}
