/// The processes that share a run: those that mpirun started together.
///
/// With an R grid every process holds a slab of it (kd_space_slab); without one, all hold the same
/// state and share the work of the collisions. NULL stands for a process alone.
#ifndef KELDRIFT_COMM_H
#define KELDRIFT_COMM_H

#include <stddef.h>

#include "keldrift/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kd_comm kd_comm;

/// Joins the processes that were started together with this one. Call it before anything that reads
/// or writes HDF5. MPI is initialized unless it is already.
/// @param comm  receives NULL where no launcher of MPI started the process, and without MPI
KD_API kd_status kd_comm_create(kd_comm **comm);
/// Leaves them, all at once; MPI is finalized if kd_comm_create initialized it. NULL is allowed.
KD_API void kd_comm_free(kd_comm *comm);

KD_API size_t kd_comm_size(const kd_comm *comm);
KD_API size_t kd_comm_rank(const kd_comm *comm); ///< from 0
/// Threads with which these processes fill the processors that they may use, and no more.
KD_API int kd_comm_threads(const kd_comm *comm);
/// The worst status over the processes, so that all stop where one fails; its message goes along.
/// Collective. Once a failure is agreed on nothing is exchanged any more, so that processes may
/// leave from where they are: who fails alone goes to the next agreement without meeting another
/// collective function, which must find the others there.
KD_API kd_status kd_comm_agree(const kd_comm *comm, kd_status status);

#ifdef __cplusplus
}
#endif
#endif
