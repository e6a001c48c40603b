#include "stages.h"

#include <math.h>
#include <string.h>

#include "core/comm.h"
#include "core/error.h"
#include "scenario/section.h"

void kd_stages_clear(kd_stages *s) {
  kd_propagator_free(s->propagator);
  kd_observables_free(s->observables);
  kd_collision_free(s->collision);
  kd_state_free(s->state);
  kd_reference_free(s->reference);
  kd_field_free(s->field);
  kd_space_free(s->space);
  kd_model_free(s->model);
  *s = (kd_stages){0};
}

/// With an R grid its points are shared out among the processes, else the collisions are.
static kd_status create_space(const kd_scenario *scenario, const kd_comm *comm, kd_stages *s) {
  KD_TRY(kd_space_create(scenario, s->model, &s->space));
  return kd_space_share(s->space, comm);
}

/// True if f is moved in k, which is done by its Fourier modes: by a field, or by a potential.
static bool moves_in_k(const kd_section *root, const kd_field *field) {
  return !kd_field_is_none(field) || kd_section_count(root, "potential") > 0;
}

/// True if the initial state is made of Fermi functions of `initial.temperature`.
static bool has_fermi_edges(const kd_section *root) {
  const kd_section *initial = kd_section_child(root, "initial");
  const kd_param *row = kd_section_variant(initial)->rows;
  if (strcmp(kd_section_text(root, "statistics"), "fermion") != 0) return false;
  while (row->key && strcmp(row->key, "temperature") != 0) row++;
  return row->key && kd_section_has(initial, "temperature");
}

/// The end of a stage, which is that of all processes: goes on unless one has failed, or somebody
/// wants the run to end.
/// @param recovery  NULL: nobody can want that
static kd_status finish_stage(const kd_comm *comm, kd_recovery *recovery, kd_status status) {
  if (status == KD_OK && recovery) status = kd_recovery_wait(recovery);
  return kd_comm_agree(comm, status);
}

kd_status kd_stages_create(const kd_scenario *scenario, const kd_comm *comm, kd_recovery *recovery,
                           kd_stages *s) {
  *s = (kd_stages){0};
  KD_TRY(finish_stage(comm, recovery, kd_model_create(scenario, &s->model)));
  KD_TRY(finish_stage(comm, recovery, create_space(scenario, comm, s)));
  KD_TRY(finish_stage(comm, recovery, kd_field_create(scenario, s->model, &s->field)));
  KD_TRY(finish_stage(comm, recovery,
                      kd_initial_create(scenario, s->model, s->space, &s->state, &s->reference)));
  KD_TRY(finish_stage(comm, recovery,
                      kd_collision_create(scenario, s->model, s->reference, &s->collision)));
  if (kd_space_n_dim(s->space) == 0)
    KD_TRY(finish_stage(comm, recovery, kd_collision_share(s->collision, comm)));
  const kd_section *root = kd_scenario_root(scenario);
  if (has_fermi_edges(root) && moves_in_k(root, s->field))
    KD_TRY(finish_stage(comm, recovery, kd_edge_measure(s->model, s->state, &s->edge)));
  const size_t n_phonon = kd_collision_n_phonon(s->collision);
  const bool wraps = kd_space_n_dim(s->space) > 0 && !kd_model_is_periodic(s->model) &&
                     (moves_in_k(root, s->field) || kd_section_count(root, "contacts") > 0);
  if (n_phonon > 0) KD_TRY(finish_stage(comm, recovery, kd_state_add_phonons(s->state, n_phonon)));
  KD_TRY(finish_stage(comm, recovery,
                      kd_observables_create(scenario, s->model, s->space, s->field, s->reference,
                                            &s->observables)));
  KD_TRY(finish_stage(comm, recovery, kd_observables_add_phonons(s->observables, s->collision)));
  s->least_at_edge = wraps ? kd_observables_least_at_edge(s->observables, s->state) : INFINITY;
  return finish_stage(comm, recovery,
                      kd_propagator_create(scenario, s->model, s->space, s->field, s->reference,
                                           s->collision, s->state, &s->propagator));
}
