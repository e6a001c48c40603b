#include "drift/columns.h"

#include <limits.h>
#include <string.h>

#include "core/comm.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"

/// Messages: to and from all other processes, or, where f is shared memory, those of other nodes.
typedef struct mail {
  bool is_set;
  int *n_slab;    ///< numbers here of the k of each process, 0 of those that need none
  int *n_column;  ///< numbers there of the own k
  double *slab;   ///< [process][own R][component][its k]
  double *column; ///< [its R][component][own k], process by process
  size_t slab_size, column_size;
} mail;

struct kd_columns {
  const kd_comm *comm; ///< NULL: one process
  size_t n_process, rank;
  size_t n_r, n_component, n_k, stride;
  size_t count_r; ///< of this process
  size_t first_k, count_k;
  kd_column_part *part; ///< [n_process]
  mail mail[2];         ///< of f that is shared memory, of other f
};

void kd_columns_free(kd_columns *c) {
  if (!c) return;
  for (int i = 0; i < 2; i++) {
    kd_free(c->mail[i].n_slab);
    kd_free(c->mail[i].n_column);
    kd_free(c->mail[i].slab);
    kd_free(c->mail[i].column);
  }
  kd_free(c->part);
  kd_free(c);
}

static void k_of(const kd_columns *c, size_t rank, size_t *first, size_t *count) {
  size_t first_pair, n_pair;
  kd_comm_part(c->comm, rank, (c->n_k + 1) / 2, &first_pair, &n_pair);
  const size_t end = 2 * (first_pair + n_pair);
  *first = 2 * first_pair < c->n_k ? 2 * first_pair : c->n_k;
  *count = (end < c->n_k ? end : c->n_k) - *first;
}

kd_status kd_columns_create(const kd_space *space, size_t n_component, size_t n_k, size_t stride,
                            kd_columns **result) {
  kd_status status = KD_OK;
  kd_columns *c = NULL;
  size_t first;
  *result = NULL;
  KD_ALLOCATE(c, 1);
  c->comm = kd_space_comm(space);
  c->n_process = kd_comm_size(c->comm);
  c->rank = kd_comm_rank(c->comm);
  c->n_r = kd_space_n_r(space);
  c->n_component = n_component;
  c->n_k = n_k;
  c->stride = stride;
  kd_space_slab(space, &first, &c->count_r);
  k_of(c, c->rank, &c->first_k, &c->count_k);
  KD_ALLOCATE(c->part, c->n_process);

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

static kd_status create_mail(const kd_columns *c, const double *f, mail *m) {
  kd_status status = KD_OK;
  KD_ALLOCATE(m->n_slab, c->n_process);
  KD_ALLOCATE(m->n_column, c->n_process);
  for (size_t i = 0; i < c->n_process; i++) {
    size_t first, count_k, count_r;
    if (i == c->rank || kd_comm_peer(c->comm, f, i)) continue;
    k_of(c, i, &first, &count_k);
    kd_comm_part(c->comm, i, c->n_r, &first, &count_r);
    m->slab_size += c->count_r * c->n_component * count_k;
    m->column_size += count_r * c->n_component * c->count_k;
    if (m->slab_size > INT_MAX || m->column_size > INT_MAX)
      return kd_error(KD_ERROR_MEMORY,
                      "a process would exchange more than %d numbers at a time (expected more "
                      "processes than %zu)",
                      INT_MAX, c->n_process);
    m->n_slab[i] = (int)(c->count_r * c->n_component * count_k);
    m->n_column[i] = (int)(count_r * c->n_component * c->count_k);
  }
  KD_ALLOCATE(m->slab, m->slab_size);
  KD_ALLOCATE(m->column, m->column_size);
  m->is_set = true;

cleanup:
  return status;
}

static void find_parts(const kd_columns *c, double *f, const mail *m) {
  size_t place = 0;
  for (size_t i = 0; i < c->n_process; i++) {
    kd_column_part *part = &c->part[i];
    size_t count;
    kd_comm_part(c->comm, i, c->n_r, &part->first, &count);
    part->end = part->first + count;
    double *there = i == c->rank ? f : kd_comm_peer(c->comm, f, i);
    if (there) {
      part->data = there + c->first_k;
      part->stride = c->stride;
      part->step = c->n_k;
    } else {
      part->data = m->column + place;
      part->stride = c->n_component * c->count_k;
      part->step = c->count_k;
      place += (size_t)m->n_column[i];
    }
  }
}

/// The k of one process at one R between `f` and the slab that goes to it or came from it.
static void copy(const kd_columns *c, size_t process, double *slab, size_t r, double *f,
                 bool is_return) {
  size_t first, count;
  k_of(c, process, &first, &count);
  double *here = f + r * c->stride + first;
  slab += r * c->n_component * count;
  for (size_t i = 0; i < c->n_component; i++, slab += count, here += c->n_k) {
    if (is_return)
      memcpy(here, slab, count * sizeof *slab);
    else
      memcpy(slab, here, count * sizeof *slab);
  }
}

static void copy_all(const kd_columns *c, const mail *m, double *f, bool is_return) {
  double *slab = m->slab;
  for (size_t process = 0; process < c->n_process; process++) {
    if (m->n_slab[process] == 0) continue;
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS((size_t)m->n_slab[process]))
    for (size_t r = 0; r < c->count_r; r++) copy(c, process, slab, r, f, is_return);
    slab += m->n_slab[process];
  }
}

static mail *mail_of(kd_columns *c, const double *f) {
  return &c->mail[kd_comm_peer(c->comm, f, c->rank) ? 0 : 1];
}

/// Whether some process has messages is known to all: none has if all are on one node.
static bool has_messages(const kd_columns *c, const double *f) {
  for (size_t i = 0; i < c->n_process; i++)
    if (!kd_comm_peer(c->comm, f, i)) return true;
  return false;
}

kd_status kd_columns_fetch(kd_columns *c, double *f, const kd_column_part **parts, size_t *n_part) {
  mail *m = mail_of(c, f);
  if (c->comm) {
    if (!m->is_set) KD_TRY(kd_comm_agree(c->comm, create_mail(c, f, m)));
    copy_all(c, m, f, false);
    if (has_messages(c, f)) kd_comm_exchange(c->comm, m->slab, m->n_slab, m->column, m->n_column);
    if (m == &c->mail[0]) kd_comm_meet(c->comm);
  }
  find_parts(c, f, m);
  *parts = c->part;
  *n_part = c->n_process;
  return KD_OK;
}

void kd_columns_return(kd_columns *c, double *f) {
  if (!c->comm) return;
  mail *m = mail_of(c, f);
  if (has_messages(c, f)) kd_comm_exchange(c->comm, m->column, m->n_column, m->slab, m->n_slab);
  copy_all(c, m, f, true);
  if (m == &c->mail[0]) kd_comm_meet(c->comm);
}

size_t kd_columns_bytes(const kd_columns *c) {
  return (c->mail[0].slab_size + c->mail[0].column_size + c->mail[1].slab_size +
          c->mail[1].column_size) *
         sizeof(double);
}
