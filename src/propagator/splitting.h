/// Scheme `splitting`.
#ifndef KD_PROPAGATOR_SPLITTING_H
#define KD_PROPAGATOR_SPLITTING_H

#include "keldrift/contacts.h"
#include "keldrift/propagator.h"

typedef struct kd_splitting kd_splitting;

typedef struct kd_splitting_setting {
  kd_model *model;
  kd_space *space;
  const kd_field *field;
  kd_collision *collision;
  const kd_contacts *contacts;
  bool is_gradient;
  bool has_positions; ///< the field acts on the positions of the orbitals
  double duration, rtol, atol;
  double width;           ///< of the bands, eV
  int order;              ///< 2, 4, or 0: 4 without collisions and contacts, else 2
  double step;            ///< fs; 0: by the tolerance
  kd_poll_function *poll; ///< called between sub-flows
  void *poll_context;
} kd_splitting_setting;

kd_status kd_splitting_create(const kd_splitting_setting *setting, const kd_state *initial,
                              kd_splitting **splitting);
void kd_splitting_free(kd_splitting *splitting);
kd_status kd_splitting_advance(kd_splitting *splitting, double t, kd_state *state);
void kd_splitting_cost(const kd_splitting *splitting, kd_propagator_statistics *statistics);
/// Lists where the last step ended: also while the next one is being taken.
void kd_splitting_records(kd_splitting *splitting, kd_records *records);
/// Goes on from what the records have been filled with.
void kd_splitting_resume(kd_splitting *splitting);
size_t kd_splitting_bytes(const kd_splitting *splitting);

#endif
