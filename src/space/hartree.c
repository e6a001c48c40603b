/// The potential of the carriers' own charge, in the mean field of Hartree.
///
/// A kind of potential that holds its values on the grid; kd_space_set_density makes them from the
/// density. The charge density is charge (n(R) - background(R)) over the cross section in the
/// dimensions that k lacks, so that on a line every channel is a stack of charged sheets.
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "space/formula.h"
#include "space/potential.h"

/// Units of `cross_section` for models of 1 and 2 dimensions.
static const char *const UNITS[] = {"angstrom^2", "angstrom", NULL};

static kd_status read_cross_section(const kd_section *section, const kd_model *model,
                                    double *cross_section) {
  const size_t n_dim = kd_model_n_dim(model);
  const bool is_given = kd_section_has(section, "cross_section");
  *cross_section = 1;
  if (n_dim == 3 && is_given)
    return kd_section_error(section, "cross_section",
                            "a cross section for a model of 3 dimensions (expected none)");
  if (n_dim == 3) return KD_OK;
  if (!is_given)
    return kd_section_error(section, NULL,
                            "no cross_section (expected one in %s for a model of %zu dimension%s)",
                            UNITS[n_dim - 1], n_dim, n_dim == 1 ? "" : "s");
  const char *unit = kd_section_unit(section, "cross_section");
  if (unit && strcmp(unit, UNITS[n_dim - 1]) != 0)
    return kd_section_error(section, "cross_section",
                            "a cross section in %s (expected one in %s for a model of %zu "
                            "dimension%s)",
                            unit, UNITS[n_dim - 1], n_dim, n_dim == 1 ? "" : "s");
  *cross_section = kd_section_real(section, "cross_section");
  return KD_OK;
}

static kd_status create(const kd_section *section, const kd_space *space, kd_potential *p) {
  kd_status status = KD_OK;
  const size_t n_r = kd_space_n_r(space);
  const double charge = kd_model_charge(p->model);
  double cross_section;
  kd_expression *background = NULL;
  KD_TRY(read_cross_section(section, p->model, &cross_section));
  p->coupling = p->constants.coulomb * charge * charge /
                (kd_section_real(section, "permittivity") * cross_section);
  KD_ALLOCATE(p->grid, n_r);
  KD_ALLOCATE(p->background, n_r);
  if (!kd_section_has(section, "background")) goto cleanup;
  KD_CHECK(kd_space_formula(space, section, "background", &background));
  for (size_t i = 0; i < n_r; i++) {
    double r[3];
    kd_space_r(space, i, r);
    p->background[i] = kd_expression_value(background, r);
    if (!isfinite(p->background[i])) {
      status = kd_section_error(section, "background", "%g at R = (%g, %g, %g)", p->background[i],
                                r[0], r[1], r[2]);
      goto cleanup;
    }
  }

cleanup:
  kd_expression_free(background);
  return status;
}

const kd_potential_kind kd_potential_hartree = {
    .variant = {.kind = "hartree",
                .meaning =
                    "the field of the carriers' own charge: -epsilon_0 permittivity Laplace U = "
                    "charge^2 e^2 (n(R) - background)/cross_section, periodic, of zero mean",
                .rows =
                    (const kd_param[]){
                        {.key = "permittivity",
                         .type = KD_REAL,
                         .fallback = "1",
                         KD_POSITIVE,
                         .meaning = "relative; under natural units e^2/epsilon_0 = 1"},
                        {.key = "cross_section",
                         .type = KD_REAL,
                         .unit = "angstrom^2",
                         .other_units = UNITS + 1,
                         .fallback = KD_UNSET,
                         KD_POSITIVE,
                         .meaning =
                             "extent in the dimensions that the model lacks, over which its charge "
                             "is spread: the area of a channel for one dimension, a thickness for "
                             "two, none for three"},
                        {.key = "background",
                         .type = KD_EXPRESSION,
                         .variables = "x y z",
                         .fallback = KD_UNSET,
                         .meaning = "density of the opposite charge (doping), a formula in the "
                                    "coordinates that R has of x, y, z (angstrom), per angstrom^d "
                                    "like n(R); default: uniform"},
                        {.key = NULL}}},
    .create = create};
