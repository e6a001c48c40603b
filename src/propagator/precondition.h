/// The preconditioner of implicit steps, (1 - gamma J)^-1 with J reduced to what is elementwise in
/// the eigenbasis of H(k): out-scattering at the rates of the levels and, where the unknowns turn,
/// the transition frequencies.
#ifndef KD_PROPAGATOR_PRECONDITION_H
#define KD_PROPAGATOR_PRECONDITION_H

#include "propagator/scheme.h"

kd_status kd_preconditioner_create(kd_propagator *p);
void kd_preconditioner_free(kd_propagator *p);

/// Takes the rates of the f that the collision operator saw last; a kd_refresh_function.
kd_status kd_preconditioner_refresh(void *context);

/// z := P r for packed fields on the grid of the model; in place is allowed. The number of
/// particles of z is that of r, and so is Tr Hf where it is conserved.
/// @param turns  whether the coherences of the unknowns turn with their transition frequencies
void kd_preconditioner_apply(const kd_propagator *p, double gamma, bool turns, const double *r,
                             double *z);

size_t kd_preconditioner_bytes(const kd_propagator *propagator);

#endif
