#include "drift/columns.h"

#include <limits.h>
#include <string.h>

#include "core/comm.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"

struct kd_columns {
  const kd_comm *comm; ///< NULL: one process
  size_t n_process, rank;
  size_t n_r, n_component, n_k, stride;
  size_t first_r, count_r; ///< of this process
  size_t first_k, count_k;
  int *n_slab;    ///< numbers here of the k of every other process, 0 of the own
  int *n_column;  ///< numbers elsewhere of the own k
  double *slab;   ///< [other process][own R][component][its k]
  double *column; ///< [other R][component][own k]
  size_t slab_size, column_size;
};

void kd_columns_free(kd_columns *c) {
  if (!c) return;
  kd_free(c->n_slab);
  kd_free(c->n_column);
  kd_free(c->slab);
  kd_free(c->column);
  kd_free(c);
}

static void k_of(const kd_columns *c, size_t rank, size_t *first, size_t *count) {
  size_t first_pair, n_pair;
  kd_comm_part(c->comm, rank, (c->n_k + 1) / 2, &first_pair, &n_pair);
  const size_t end = 2 * (first_pair + n_pair);
  *first = 2 * first_pair;
  *count = (end < c->n_k ? end : c->n_k) - *first;
}

static kd_status create_buffers(kd_columns *c) {
  kd_status status = KD_OK;
  KD_ALLOCATE(c->n_slab, c->n_process);
  KD_ALLOCATE(c->n_column, c->n_process);
  c->slab_size = c->count_r * c->n_component * (c->n_k - c->count_k);
  c->column_size = (c->n_r - c->count_r) * c->n_component * c->count_k;
  if (c->slab_size > INT_MAX || c->column_size > INT_MAX) {
    status = kd_error(KD_ERROR_MEMORY,
                      "%zu processes would exchange %zu numbers each (expected at most %d: run "
                      "more processes)",
                      c->n_process, c->slab_size, INT_MAX);
    goto cleanup;
  }
  for (size_t i = 0; i < c->n_process; i++) {
    size_t first, count_k, count_r;
    if (i == c->rank) continue;
    k_of(c, i, &first, &count_k);
    kd_comm_part(c->comm, i, c->n_r, &first, &count_r);
    c->n_slab[i] = (int)(c->count_r * c->n_component * count_k);
    c->n_column[i] = (int)(count_r * c->n_component * c->count_k);
  }
  KD_ALLOCATE(c->slab, c->slab_size);
  KD_ALLOCATE(c->column, c->column_size);

cleanup:
  return status;
}

kd_status kd_columns_create(const kd_space *space, size_t n_component, size_t n_k, size_t stride,
                            kd_columns **result) {
  kd_status status = KD_OK;
  kd_columns *c = NULL;
  *result = NULL;
  KD_ALLOCATE(c, 1);
  c->comm = kd_space_comm(space);
  c->n_process = kd_comm_size(c->comm);
  c->rank = kd_comm_rank(c->comm);
  c->n_r = kd_space_n_r(space);
  c->n_component = n_component;
  c->n_k = n_k;
  c->stride = stride;
  kd_space_slab(space, &c->first_r, &c->count_r);
  k_of(c, c->rank, &c->first_k, &c->count_k);
  if (c->comm) status = create_buffers(c);

cleanup:
  status = kd_comm_agree(kd_space_comm(space), status);
  if (status == KD_OK)
    *result = c;
  else
    kd_columns_free(c);
  return status;
}

void kd_columns_k(const kd_columns *c, size_t *first, size_t *count) {
  *first = c->first_k;
  *count = c->count_k;
}

size_t kd_columns_parts(const kd_columns *c, double *f, kd_column_part parts[3]) {
  const size_t end = c->first_r + c->count_r, step = c->count_k, stride = c->n_component * step;
  size_t n = 0;
  if (c->first_r > 0)
    parts[n++] = (kd_column_part){
        .first = 0, .end = c->first_r, .data = c->column, .stride = stride, .step = step};
  parts[n++] = (kd_column_part){
      .first = c->first_r, .end = end, .data = f + c->first_k, .stride = c->stride, .step = c->n_k};
  if (end < c->n_r)
    parts[n++] = (kd_column_part){.first = end,
                                  .end = c->n_r,
                                  .data = c->column + c->first_r * stride,
                                  .stride = stride,
                                  .step = step};
  return n;
}

/// The k of one process at one R between `f` and the slab that goes to it or came from it.
static void copy(const kd_columns *c, size_t process, size_t place, size_t r, double *f,
                 bool is_return) {
  size_t first, count;
  k_of(c, process, &first, &count);
  double *slab = c->slab + place + r * c->n_component * count, *here = f + r * c->stride + first;
  for (size_t i = 0; i < c->n_component; i++, slab += count, here += c->n_k) {
    if (is_return)
      memcpy(here, slab, count * sizeof *slab);
    else
      memcpy(slab, here, count * sizeof *slab);
  }
}

static void copy_all(const kd_columns *c, double *f, bool is_return) {
  size_t place = 0;
  for (size_t process = 0; process < c->n_process; process++) {
    if (process == c->rank) continue;
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS((size_t)c->n_slab[process]))
    for (size_t r = 0; r < c->count_r; r++) copy(c, process, place, r, f, is_return);
    place += (size_t)c->n_slab[process];
  }
}

void kd_columns_fetch(kd_columns *c, const double *f) {
  if (!c->comm) return;
  copy_all(c, (double *)f, false);
  kd_comm_exchange(c->comm, c->slab, c->n_slab, c->column, c->n_column);
}

void kd_columns_return(kd_columns *c, double *f) {
  if (!c->comm) return;
  kd_comm_exchange(c->comm, c->column, c->n_column, c->slab, c->n_slab);
  copy_all(c, f, true);
}

size_t kd_columns_bytes(const kd_columns *c) {
  return (c->slab_size + c->column_size) * sizeof(double);
}
