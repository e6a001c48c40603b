/// The communicator behind kd_comm, for the libraries that take one. Only in builds with MPI.
#ifndef KD_CORE_COMM_MPI_H
#define KD_CORE_COMM_MPI_H

#include <mpi.h>

#include "core/comm.h"

/// MPI_COMM_SELF for a process alone, which needs MPI to be initialized.
MPI_Comm kd_comm_mpi(const kd_comm *comm);

#endif
