/// The processes that share a run, by MPI.
#include "core/comm_mpi.h"

#include <limits.h>
#include <math.h>
#include <omp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"

/// Numbers, or bytes, in one message at most: MPI counts in int.
static const size_t LARGEST_MESSAGE = (size_t)1 << 30;

/// An array that other processes of the node reach.
typedef struct shared_array {
  double *own;
  double **peer; ///< [size], NULL: on another node
  MPI_Win window;
  struct shared_array *next;
} shared_array;

/// What changes.
typedef struct comm_state {
  kd_status failure; ///< agreed on by all, after which nothing is said
  shared_array *shared;
} comm_state;

struct kd_comm {
  MPI_Comm mpi; ///< of this library alone
  MPI_Op largest;
  int size, rank;
  int n_thread;
  bool finalizes;
  int *send_offset, *receive_offset; ///< [size], scratch
  comm_state *state;
  MPI_Comm node;     ///< the processes of this node
  int *rank_on_node; ///< [size], MPI_UNDEFINED elsewhere
};

/// What launchers of MPI tell the processes that they start. MPI_Init alone would take a tenth of a
/// second, and fail where no process may be started.
static bool was_launched(void) {
  static const char *const mark[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE",
                                     "MPI_LOCALNRANKS"};
  for (size_t i = 0; i < sizeof mark / sizeof *mark; i++)
    if (getenv(mark[i])) return true;
  return false;
}

/// MPI_MAX says nothing of numbers that are none.
static void largest_of(void *from, void *to, int *n, MPI_Datatype *type) {
  const double *x = from;
  double *y = to;
  (void)type;
  for (int i = 0; i < *n; i++)
    if (isnan(x[i]) || x[i] > y[i]) y[i] = x[i];
}

static void find_node(kd_comm *c) {
  MPI_Group all, node;
  MPI_Comm_split_type(c->mpi, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &c->node);
  // Shared memory may be short, and then is done without.
  MPI_Comm_set_errhandler(c->node, MPI_ERRORS_RETURN);
  MPI_Comm_group(c->mpi, &all);
  MPI_Comm_group(c->node, &node);
  for (int i = 0; i < c->size; i++)
    MPI_Group_translate_ranks(all, 1, &i, node, &c->rank_on_node[i]);
  MPI_Group_free(&all);
  MPI_Group_free(&node);
}

/// Processors that this process may run on over the processes of this node that may run on the
/// same.
static kd_status find_threads(kd_comm *c) {
  kd_status status = KD_OK;
  cpu_set_t own, *all = NULL;
  int n = 1, sharing = 0;
  CPU_ZERO(&own);
  c->n_thread = omp_get_max_threads();
  if (sched_getaffinity(0, sizeof own, &own) != 0) memset(&own, 0, sizeof own);
  MPI_Comm_size(c->node, &n);
  all = kd_allocate((size_t)n, sizeof *all);
  status = kd_comm_agree(c, all ? KD_OK : KD_ERROR_MEMORY);
  if (status != KD_OK) goto cleanup;
  MPI_Allgather(&own, sizeof own, MPI_BYTE, all, sizeof own, MPI_BYTE, c->node);
  for (int i = 0; i < n; i++) sharing += CPU_EQUAL(&own, &all[i]) ? 1 : 0;
  const int share = CPU_COUNT(&own) / (sharing > 0 ? sharing : 1);
  // OMP_NUM_THREADS is a wish of the user.
  if (!getenv("OMP_NUM_THREADS") && share < c->n_thread) c->n_thread = share > 0 ? share : 1;

cleanup:
  kd_free(all);
  return status;
}

kd_status kd_comm_create(kd_comm **result) {
  kd_status status = KD_OK;
  kd_comm *c = NULL;
  int is_initialized = 0, thread_level;
  *result = NULL;
  MPI_Initialized(&is_initialized);
  if (!is_initialized && !was_launched()) return KD_OK;
  // Threads compute; only the first one talks.
  if (!is_initialized && MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &thread_level) != 0)
    return kd_error(KD_ERROR_INTERNAL, "MPI cannot be initialized");
  KD_ALLOCATE(c, 1);
  c->finalizes = !is_initialized;
  c->mpi = c->node = MPI_COMM_NULL;
  c->largest = MPI_OP_NULL;
  MPI_Comm_dup(MPI_COMM_WORLD, &c->mpi);
  MPI_Comm_size(c->mpi, &c->size);
  MPI_Comm_rank(c->mpi, &c->rank);
  MPI_Op_create(largest_of, 1, &c->largest);
  KD_ALLOCATE(c->state, 1);
  KD_ALLOCATE(c->rank_on_node, (size_t)c->size);
  KD_ALLOCATE(c->send_offset, (size_t)c->size);
  KD_ALLOCATE(c->receive_offset, (size_t)c->size);
  find_node(c);
  KD_CHECK(find_threads(c));
  *result = c;
  c = NULL;

cleanup:
  kd_comm_free(c);
  return status;
}

void kd_comm_free(kd_comm *c) {
  if (!c) return;
  const bool finalizes = c->finalizes;
  if (c->largest != MPI_OP_NULL) MPI_Op_free(&c->largest);
  if (c->mpi != MPI_COMM_NULL) MPI_Comm_free(&c->mpi);
  if (c->node != MPI_COMM_NULL) MPI_Comm_free(&c->node);
  kd_free(c->state);
  kd_free(c->rank_on_node);
  kd_free(c->send_offset);
  kd_free(c->receive_offset);
  kd_free(c);
  if (finalizes) MPI_Finalize();
}

MPI_Comm kd_comm_mpi(const kd_comm *c) {
  return c ? c->mpi : MPI_COMM_SELF;
}

size_t kd_comm_size(const kd_comm *c) {
  return c ? (size_t)c->size : 1;
}

size_t kd_comm_rank(const kd_comm *c) {
  return c ? (size_t)c->rank : 0;
}

int kd_comm_threads(const kd_comm *c) {
  return c ? c->n_thread : omp_get_max_threads();
}

/// Where a failure was agreed on, processes may be at different places on their way out.
static bool is_silent(const kd_comm *c) {
  return kd_comm_size(c) == 1 || c->state->failure != KD_OK;
}

static size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

void kd_comm_sum(const kd_comm *c, double *x, size_t n) {
  if (is_silent(c)) return;
  // MPI_Allreduce need not give the same bits everywhere.
  for (size_t i = 0; i < n; i += LARGEST_MESSAGE) {
    const int count = (int)smaller(n - i, LARGEST_MESSAGE);
    MPI_Reduce(c->rank == 0 ? MPI_IN_PLACE : x + i, x + i, count, MPI_DOUBLE, MPI_SUM, 0, c->mpi);
    MPI_Bcast(x + i, count, MPI_DOUBLE, 0, c->mpi);
  }
}

void kd_comm_largest(const kd_comm *c, double *x, size_t n) {
  if (is_silent(c)) return;
  for (size_t i = 0; i < n; i += LARGEST_MESSAGE)
    MPI_Allreduce(MPI_IN_PLACE, x + i, (int)smaller(n - i, LARGEST_MESSAGE), MPI_DOUBLE, c->largest,
                  c->mpi);
}

void kd_comm_broadcast(const kd_comm *c, void *data, size_t n) {
  if (is_silent(c)) return;
  for (size_t i = 0; i < n; i += LARGEST_MESSAGE)
    MPI_Bcast((char *)data + i, (int)smaller(n - i, LARGEST_MESSAGE), MPI_BYTE, 0, c->mpi);
}

void kd_comm_exchange(const kd_comm *c, const double *send, const int *n_send, double *receive,
                      const int *n_receive) {
  if (kd_comm_size(c) == 1) {
    memcpy(receive, send, (size_t)n_send[0] * sizeof *send);
    return;
  }
  if (is_silent(c)) return;
  int sent = 0, received = 0;
  for (int i = 0; i < c->size; i++) {
    c->send_offset[i] = sent;
    c->receive_offset[i] = received;
    sent += n_send[i];
    received += n_receive[i];
  }
  MPI_Alltoallv(send, n_send, c->send_offset, MPI_DOUBLE, receive, n_receive, c->receive_offset,
                MPI_DOUBLE, c->mpi);
}

void kd_comm_send(const kd_comm *c, size_t to, const void *data, size_t n) {
  if (is_silent(c)) return;
  MPI_Send(data, (int)n, MPI_BYTE, (int)to, 0, c->mpi);
}

bool kd_comm_receive(const kd_comm *c, void *data, size_t n, size_t *from) {
  int has_come = 0;
  MPI_Status about;
  if (is_silent(c)) return false;
  MPI_Iprobe(MPI_ANY_SOURCE, 0, c->mpi, &has_come, &about);
  if (!has_come) return false;
  MPI_Recv(data, (int)n, MPI_BYTE, about.MPI_SOURCE, 0, c->mpi, MPI_STATUS_IGNORE);
  *from = (size_t)about.MPI_SOURCE;
  return true;
}

void kd_comm_gather(const kd_comm *c, double *x, const int *n) {
  if (is_silent(c)) return;
  for (int i = 0, place = 0; i < c->size; place += n[i++]) c->receive_offset[i] = place;
  MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DOUBLE, x, n, c->receive_offset, MPI_DOUBLE, c->mpi);
}

/// An array in memory that the processes of a node share.
static kd_status share_array(const kd_comm *c, size_t count, shared_array *a) {
  kd_status status = KD_OK;
  MPI_Info info;
  void *own = NULL;
  a->window = MPI_WIN_NULL;
  KD_ALLOCATE(a->peer, (size_t)c->size);
  MPI_Info_create(&info);
  // Each on pages of its own, which its process touches first.
  MPI_Info_set(info, "alloc_shared_noncontig", "true");
  const int failed = MPI_Win_allocate_shared((MPI_Aint)((count + 1) * sizeof(double)),
                                             sizeof(double), info, c->node, &own, &a->window);
  MPI_Info_free(&info);
  if (failed != MPI_SUCCESS) return kd_error(KD_ERROR_MEMORY, "no shared memory");
  MPI_Win_lock_all(MPI_MODE_NOCHECK, a->window);
  a->own = own;
  memset(a->own, 0, count * sizeof *a->own);
  for (int i = 0; i < c->size; i++) {
    MPI_Aint bytes;
    int unit;
    if (c->rank_on_node[i] == MPI_UNDEFINED) continue;
    MPI_Win_shared_query(a->window, c->rank_on_node[i], &bytes, &unit, &a->peer[i]);
  }

cleanup:
  return status;
}

static void unshare_array(shared_array *a) {
  if (!a) return;
  if (a->window != MPI_WIN_NULL) {
    MPI_Win_unlock_all(a->window);
    MPI_Win_free(&a->window);
  }
  kd_free(a->peer);
  kd_free(a);
}

double *kd_comm_allocate(const kd_comm *c, size_t count) {
  if (kd_comm_size(c) == 1) return kd_allocate(count, sizeof(double));
  shared_array *a = kd_allocate(1, sizeof *a);
  if (kd_comm_agree(c, a ? KD_OK : KD_ERROR_MEMORY) != KD_OK) {
    kd_free(a);
    return NULL;
  }
  double fails = share_array(c, count, a) == KD_OK ? 0 : 1;
  kd_comm_largest(c, &fails, 1);
  if (fails == 0) {
    a->next = c->state->shared;
    c->state->shared = a;
    return a->own;
  }
  unshare_array(a);
  double *x = kd_allocate(count, sizeof *x);
  if (kd_comm_agree(c, x ? KD_OK : KD_ERROR_MEMORY) == KD_OK) return x;
  kd_free(x);
  return NULL;
}

/// The array that begins at x.
static shared_array **find_array(const kd_comm *c, const double *x) {
  shared_array **a = &c->state->shared;
  while (*a && (*a)->own != x) a = &(*a)->next;
  return a;
}

void kd_comm_release(const kd_comm *c, double *x) {
  shared_array **place = kd_comm_size(c) > 1 && x ? find_array(c, x) : NULL;
  if (!place || !*place) {
    kd_free(x);
    return;
  }
  shared_array *a = *place;
  *place = a->next;
  unshare_array(a);
}

double *kd_comm_peer(const kd_comm *c, const double *x, size_t rank) {
  if (kd_comm_size(c) == 1) return NULL;
  const shared_array *a = *find_array(c, x);
  return a ? a->peer[rank] : NULL;
}

void kd_comm_meet(const kd_comm *c) {
  if (is_silent(c)) return;
  for (shared_array *a = c->state->shared; a; a = a->next) MPI_Win_sync(a->window);
  MPI_Barrier(c->mpi);
  for (shared_array *a = c->state->shared; a; a = a->next) MPI_Win_sync(a->window);
}

void kd_comm_part(const kd_comm *c, size_t rank, size_t n, size_t *first, size_t *count) {
  const size_t size = kd_comm_size(c), each = n / size, rest = n % size;
  *first = rank * each + smaller(rank, rest);
  *count = each + (rank < rest ? 1 : 0);
}

kd_status kd_comm_agree(const kd_comm *c, kd_status status) {
  if (kd_comm_size(c) == 1) return status;
  if (c->state->failure != KD_OK) return c->state->failure;
  // Final ones before those that ask for a smaller step; of equals the first process speaks.
  struct {
    int severity, rank;
  } worst = {.severity = status < 0 ? INT_MAX + status : status, .rank = c->rank};
  MPI_Allreduce(MPI_IN_PLACE, &worst, 1, MPI_2INT, MPI_MAXLOC, c->mpi);
  if (worst.severity == 0) return KD_OK;
  char message[KD_MESSAGE_BYTES] = "";
  int agreed = status;
  if (c->rank == worst.rank) memcpy(message, kd_error_message(), strlen(kd_error_message()) + 1);
  MPI_Bcast(&agreed, 1, MPI_INT, worst.rank, c->mpi);
  MPI_Bcast(message, sizeof message, MPI_CHAR, worst.rank, c->mpi);
  if (agreed < 0) c->state->failure = agreed;
  return c->rank == worst.rank ? agreed : kd_error(agreed, "%s", message);
}

void kd_comm_forget(const kd_comm *c) {
  if (c) c->state->failure = KD_OK;
}
