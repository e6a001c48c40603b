/// Dependence of couplings and phonon energies on the momentum transfer q: one row per kind.
#ifndef KD_COLLISION_FORM_H
#define KD_COLLISION_FORM_H

#include "keldrift/model.h"
#include "scenario/section.h"

/// Evaluates a `form` or `dispersion` section on all differences of grid points.
/// @param scale   what a dimensionless form is multiplied by (1, or the phonon energy)
/// @param values  receives [n_difference] for kd_free; NULL if the form is constant
/// @return KD_ERROR_SCENARIO if it is not finite or not even in q
kd_status kd_form_evaluate(const kd_section *section, const kd_model *model, double scale,
                           double **values);

/// Cartesian momentum transfer of difference `index`, 1/angstrom.
void kd_difference_vector(const kd_model *model, size_t index, double q[3]);

extern const kd_variant *const kd_form_variants[];

#endif
