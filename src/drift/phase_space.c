#include "drift/phase_space.h"

#include "core/error.h"
#include "core/memory.h"
#include "drift/kinetic_flow.h"
#include "drift/potential_flow.h"

const kd_choice kd_drift_choices[] = {
    {.name = "moyal", .meaning = "exact: finite displacements in R and k"},
    {.name = "gradient",
     .meaning = "first order in gradients: the classical drift of every matrix element",
     .reference = "Trukhan and Protik, eqs. 8-10"},
    {.name = NULL}};

struct kd_phase_space {
  kd_kinetic_flow *kinetic;
  kd_potential_flow *potential;
};

void kd_phase_space_free(kd_phase_space *p) {
  if (!p) return;
  kd_kinetic_flow_free(p->kinetic);
  kd_potential_flow_free(p->potential);
  kd_free(p);
}

kd_status kd_phase_space_create(kd_model *model, kd_space *space, bool is_gradient,
                                kd_phase_space **result) {
  kd_status status = KD_OK;
  kd_phase_space *p = NULL;
  *result = NULL;
  KD_ALLOCATE(p, 1);
  KD_CHECK(kd_kinetic_flow_create(model, space, is_gradient, &p->kinetic));
  KD_CHECK(kd_potential_flow_create(model, space, is_gradient, &p->potential));
  *result = p;
  p = NULL;

cleanup:
  kd_phase_space_free(p);
  return status;
}

kd_status kd_phase_space_set_contacts(kd_phase_space *p, const kd_contacts *contacts) {
  return kd_potential_flow_set_contacts(p->potential, contacts);
}

kd_status kd_phase_space_kinetic(kd_phase_space *p, const double e[3], double dt, double *f) {
  return kd_kinetic_flow_apply(p->kinetic, 1, e, dt, f);
}

kd_status kd_phase_space_dipole(kd_phase_space *p, const double impulse[3], double *f) {
  return kd_kinetic_flow_apply(p->kinetic, 0, impulse, 1, f);
}

kd_status kd_phase_space_potential(kd_phase_space *p, double t, const double impulse[3], double dt,
                                   double *f) {
  return kd_potential_flow_apply(p->potential, t, impulse, dt, f);
}

kd_status kd_phase_space_transforms(kd_phase_space *p, double *f) {
  KD_TRY(kd_kinetic_flow_transforms(p->kinetic, f));
  kd_potential_flow_transforms(p->potential, f);
  return KD_OK;
}

unsigned long kd_phase_space_n_fft(const kd_phase_space *p) {
  return kd_kinetic_flow_n_fft(p->kinetic) + kd_potential_flow_n_fft(p->potential);
}

size_t kd_phase_space_bytes(const kd_phase_space *p) {
  return kd_kinetic_flow_bytes(p->kinetic) + kd_potential_flow_bytes(p->potential);
}
