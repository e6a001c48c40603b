#include "output/parallel.h"

#include <string.h>

#include "keldrift_config.h"
#include "output/h5.h"
#if KD_MPI
#include "core/comm_mpi.h"
#endif

herr_t kd_parallel_use(hid_t access, const kd_comm *comm) {
#if KD_MPI
  return H5Pset_fapl_mpio(access, kd_comm_mpi(comm), MPI_INFO_NULL);
#else
  (void)access, (void)comm;
  return -1;
#endif
}

static herr_t write_together(hid_t transfer) {
#if KD_MPI
  return H5Pset_dxpl_mpio(transfer, H5FD_MPIO_COLLECTIVE);
#else
  (void)transfer;
  return -1;
#endif
}

/// As few blocks: along the innermost axis up to where a row begins, whole rows, whole planes, and
/// so on down again.
herr_t kd_parallel_select(hid_t space, int rank, const hsize_t *start, const hsize_t *count,
                          const kd_variable *variable) {
  const size_t base = (size_t)rank - variable->n_axis, n = variable->n_shared;
  const size_t end = variable->first + variable->count;
  hsize_t from[KD_MAX_RANK], length[KD_MAX_RANK];
  memcpy(from, start, (size_t)rank * sizeof *from);
  memcpy(length, count, (size_t)rank * sizeof *length);
  for (size_t point = variable->first; point < end;) {
    size_t axis = n - 1, step = 1;
    while (axis > 0 && point % (step * variable->axis[axis].size) == 0 &&
           point + step * variable->axis[axis].size <= end)
      step *= variable->axis[axis--].size;
    const size_t place = point / step % variable->axis[axis].size;
    size_t steps = (end - point) / step;
    if (steps > variable->axis[axis].size - place) steps = variable->axis[axis].size - place;
    for (size_t a = 0, rest = point, inner; a < n; a++) {
      inner = 1;
      for (size_t b = a + 1; b < n; b++) inner *= variable->axis[b].size;
      from[base + a] = a <= axis ? rest / inner : 0;
      length[base + a] = a < axis ? 1 : a == axis ? steps : variable->axis[a].size;
      rest %= inner;
    }
    if (H5Sselect_hyperslab(space, H5S_SELECT_OR, from, NULL, length, NULL) < 0) return -1;
    point += steps * step;
  }
  return 0;
}

herr_t kd_parallel_write(const kd_comm *comm, hid_t dataset, hid_t type, hid_t space, int rank,
                         const hsize_t *start, const hsize_t *count, const kd_variable *variable,
                         const void *data) {
  const bool is_shared = variable && variable->n_shared > 0;
  herr_t result = H5Sselect_none(space);
  if (is_shared)
    result = kd_parallel_select(space, rank, start, count, variable);
  else if (kd_comm_rank(comm) == 0)
    result = rank == 0 ? H5Sselect_all(space)
                       : H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL);
  const hssize_t selected = H5Sget_select_npoints(space);
  const hsize_t size = selected > 0 ? (hsize_t)selected : 0;
  const hid_t memory = H5Screate_simple(1, &size, NULL);
  const hid_t transfer = H5Pcreate(H5P_DATASET_XFER);
  if (result >= 0 && memory >= 0 && transfer >= 0) {
    result = write_together(transfer);
    // Those who have nothing take part.
    if (result >= 0) result = H5Dwrite(dataset, type, memory, space, transfer, data);
  } else {
    result = -1;
  }
  kd_h5_close(transfer);
  kd_h5_close(memory);
  return result;
}
