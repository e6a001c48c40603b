#include "propagator/power.h"

#include "core/dot.h"
#include "core/error.h"

static double factor(const kd_propagator *p) {
  const double element = kd_space_n_dim(p->space) == 0
                             ? 1
                             : kd_space_element(p->space) / kd_model_cell_volume(p->model);
  return kd_model_charge(p->model) * kd_model_spin_degeneracy(p->model) / (double)p->n_k * element;
}

kd_status kd_power(kd_propagator *p, const double shift[3], const double e[3], const double *f,
                   double *power) {
  kd_model_velocity(p->model, shift, e, p->v);
  if (p->mean_field) KD_TRY(kd_mean_field_add_velocity(p->mean_field, shift, e, p->v));
  *power = 0;
  for (size_t r = 0; r < p->n_r; r++) *power += factor(p) * kd_dot(p->v, f + r * p->n, p->n);
  // With an R grid what is outside of a k.p box does not come in.
  if (kd_space_n_dim(p->space) > 0 || kd_reference_is_zero(p->reference)) return KD_OK;
  KD_TRY(kd_reference_sample(p->reference, p->model, shift, p->scratch));
  *power -= factor(p) * kd_dot(p->v, p->scratch, p->n);
  return KD_OK;
}
