#include "propagator/power.h"

#include "core/dot.h"
#include "core/error.h"

static double factor(const kd_propagator *p) {
  return kd_model_charge(p->model) * kd_model_spin_degeneracy(p->model) / (double)p->n_k;
}

kd_status kd_power(kd_propagator *p, const double shift[3], const double e[3], const double *f,
                   double *power) {
  kd_model_velocity(p->model, shift, e, p->v);
  *power = factor(p) * kd_dot(p->v, f, p->n);
  if (kd_reference_is_zero(p->reference)) return KD_OK;
  KD_TRY(kd_reference_sample(p->reference, p->model, shift, p->scratch));
  *power -= factor(p) * kd_dot(p->v, p->scratch, p->n);
  return KD_OK;
}
