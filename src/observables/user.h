/// Observables that the user gives as operators.
#ifndef KD_OBSERVABLES_USER_H
#define KD_OBSERVABLES_USER_H

#include <complex.h>

#include "keldrift/model.h"
#include "scenario/section.h"

enum { KD_USER_NAME = 64 };

/// Tr(O f), or the current Tr({v_axis, O} f)/2.
typedef struct kd_user_observable {
  char name[KD_USER_NAME];
  bool is_current;
  size_t axis;
  double complex *matrix; ///< [n_band][n_band], Hermitian, orbital basis
} kd_user_observable;

/// Reads the list `observables` of the root section.
kd_status kd_user_observables_create(const kd_section *root, const kd_model *model,
                                     kd_user_observable **observables, size_t *count);
void kd_user_observables_free(kd_user_observable *observables, size_t count);

/// Contribution of one k point; v is the velocity along the axis (not used without `is_current`).
/// @param f, v, scratch  [n_band][n_band], orbital basis
double kd_user_observable_value(const kd_user_observable *observable, size_t n_band,
                                const double complex *f, const double complex *v,
                                double complex *scratch);

/// Rows of one item of the list, for the schema.
extern const kd_param kd_user_observable_rows[];

#endif
