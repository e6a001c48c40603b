/// f(R, k) by columns, all R of some k, where the R grid is shared out among processes.
///
/// A process holds f at its slab of R for all k. For what needs all R of a k the k are shared out
/// too, in neighboring pairs, and every process works on the columns of its k:
///
///   [own R][component][k]  ->  [R][component][own k]
///
/// Where f is memory that processes of a node share (kd_comm_allocate), columns are taken from
/// where they are. From elsewhere they come in messages, the part of one process contiguous and in
/// the layout on the right, so that nothing is sorted on arrival.
#ifndef KD_DRIFT_COLUMNS_H
#define KD_DRIFT_COLUMNS_H

#include "keldrift/space.h"

typedef struct kd_columns kd_columns;

/// @param n_component  components of f that are fetched
/// @param stride       numbers from one R to the next in f
/// Collective.
kd_status kd_columns_create(const kd_space *space, size_t n_component, size_t n_k, size_t stride,
                            kd_columns **columns);
void kd_columns_free(kd_columns *columns);

/// The k of this process: `count` of them, an even number but at the end of the grid.
void kd_columns_k(const kd_columns *columns, size_t *first, size_t *count);

/// A part of the columns: R from `first` up to `end`. The own k of a component at R begin at
/// `data` + (R - first) `stride` + component `step`.
typedef struct kd_column_part {
  size_t first, end;
  double *data;
  size_t stride, step;
} kd_column_part;

/// Makes the columns of `f` available, in parts in the order of R. What is fetched must be returned
/// before f is used otherwise. Buffers for messages are made when they are needed first.
/// Collective.
/// @param parts  stay valid until the next call
/// @return KD_ERROR_MEMORY, also for parts that are too large for a message
kd_status kd_columns_fetch(kd_columns *columns, double *f, const kd_column_part **parts,
                           size_t *n_part);
/// Brings what has become of the columns back to `f`. Collective.
void kd_columns_return(kd_columns *columns, double *f);

/// Bytes held.
size_t kd_columns_bytes(const kd_columns *columns);

#endif
