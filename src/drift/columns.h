/// f(R, k) by columns, all R of some k, where the R grid is shared out among processes.
///
/// A process holds f at its slab of R for all k. For what needs all R of a k the k are shared out
/// too, in neighboring pairs, and every process fetches its k from the slabs of the others:
///
///   [own R][component][k]  ->  [R][component][own k]
///
/// What comes from one process is a contiguous part of the right-hand side, so that nothing is
/// sorted on arrival, and what a process keeps stays where it is. Alone, a process fetches nothing.
#ifndef KD_DRIFT_COLUMNS_H
#define KD_DRIFT_COLUMNS_H

#include "keldrift/space.h"

typedef struct kd_columns kd_columns;

/// @param n_component  components of f that are fetched
/// @param stride       numbers from one R to the next in f
/// @return KD_ERROR_MEMORY also for parts that are too large for a message; collective
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

/// The columns of `f` in the order of R; returns the number of parts.
size_t kd_columns_parts(const kd_columns *columns, double *f, kd_column_part parts[3]);

/// Brings the columns of `f` to the parts that are not in `f` itself. Collective.
void kd_columns_fetch(kd_columns *columns, const double *f);
/// And back to `f`. Collective.
void kd_columns_return(kd_columns *columns, double *f);

/// Bytes held.
size_t kd_columns_bytes(const kd_columns *columns);

#endif
