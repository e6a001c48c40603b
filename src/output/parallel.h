/// What is special about a file that many processes write at once.
#ifndef KD_OUTPUT_PARALLEL_H
#define KD_OUTPUT_PARALLEL_H

#include <hdf5.h>

#include "keldrift/comm.h"
#include "keldrift/output.h"

/// Makes files opened with the access list `access` shared among the processes of `comm`.
herr_t kd_parallel_use(hid_t access, const kd_comm *comm);

/// Adds to the selection of `space` a part of a block of a dataset: the points [first, first +
/// count) of the shared axes of `variable`, flattened.
/// @param start, count  the block, of `rank` axes of which the last are those of `variable`
herr_t kd_parallel_select(hid_t space, int rank, const hsize_t *start, const hsize_t *count,
                          const kd_variable *variable);

/// Writes the part of this process of a block of a dataset, all at once: its points of the shared
/// axes of `variable`, or, where data are the same everywhere, the block by process 0. Collective.
/// @param space         dataspace of the dataset, whose selection is lost
/// @param start, count  the block, of `rank` axes of which the last are those of `variable`
/// @param variable      NULL for data that are the same everywhere
/// @return negative when HDF5 fails, in this process
herr_t kd_parallel_write(const kd_comm *comm, hid_t dataset, hid_t type, hid_t space, int rank,
                         const hsize_t *start, const hsize_t *count, const kd_variable *variable,
                         const void *data);

#endif
