/// The processes that share a run.
///
/// With an R grid every process holds a slab of it (kd_space_slab); without one, all hold the same
/// state and share the work of the collisions. All functions here are collective: every process
/// calls them, in the same order, with arrays of the same size. NULL stands for a process alone.
#ifndef KD_CORE_COMM_H
#define KD_CORE_COMM_H

#include <stddef.h>

#include "keldrift/status.h"

typedef struct kd_comm kd_comm;

size_t kd_comm_size(const kd_comm *comm);
size_t kd_comm_rank(const kd_comm *comm);

/// x := the sum over the processes, element by element; the same bits on each of them.
void kd_comm_sum(const kd_comm *comm, double *x, size_t n);
/// x := the largest value over the processes, element by element; NAN where any is.
void kd_comm_largest(const kd_comm *comm, double *x, size_t n);
/// The worst status over the processes, so that all stop where one fails; its message goes along.
kd_status kd_comm_agree(const kd_comm *comm, kd_status status);

#endif
