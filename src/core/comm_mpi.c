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

struct kd_comm {
  MPI_Comm mpi; ///< of this library alone
  MPI_Op largest;
  int size, rank;
  int n_thread;
  bool finalizes;
  int *send_offset, *receive_offset; ///< [size], scratch
  kd_status *failure;                ///< agreed on by all, after which nothing is said
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

/// Processors that this process may run on over the processes of this node that may run on the
/// same.
static kd_status find_threads(kd_comm *c) {
  kd_status status = KD_OK;
  MPI_Comm node = MPI_COMM_NULL;
  cpu_set_t own, *all = NULL;
  int n = 1, sharing = 0;
  CPU_ZERO(&own);
  c->n_thread = omp_get_max_threads();
  if (sched_getaffinity(0, sizeof own, &own) != 0) memset(&own, 0, sizeof own);
  MPI_Comm_split_type(c->mpi, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
  MPI_Comm_size(node, &n);
  all = kd_allocate((size_t)n, sizeof *all);
  status = kd_comm_agree(c, all ? KD_OK : KD_ERROR_MEMORY);
  if (status != KD_OK) goto cleanup;
  MPI_Allgather(&own, sizeof own, MPI_BYTE, all, sizeof own, MPI_BYTE, node);
  for (int i = 0; i < n; i++) sharing += CPU_EQUAL(&own, &all[i]) ? 1 : 0;
  const int share = CPU_COUNT(&own) / (sharing > 0 ? sharing : 1);
  // OMP_NUM_THREADS is a wish of the user.
  if (!getenv("OMP_NUM_THREADS") && share < c->n_thread) c->n_thread = share > 0 ? share : 1;

cleanup:
  kd_free(all);
  if (node != MPI_COMM_NULL) MPI_Comm_free(&node);
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
  c->mpi = MPI_COMM_NULL;
  c->largest = MPI_OP_NULL;
  MPI_Comm_dup(MPI_COMM_WORLD, &c->mpi);
  MPI_Comm_size(c->mpi, &c->size);
  MPI_Comm_rank(c->mpi, &c->rank);
  MPI_Op_create(largest_of, 1, &c->largest);
  KD_ALLOCATE(c->failure, 1);
  KD_ALLOCATE(c->send_offset, (size_t)c->size);
  KD_ALLOCATE(c->receive_offset, (size_t)c->size);
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
  kd_free(c->failure);
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
  return kd_comm_size(c) == 1 || *c->failure != KD_OK;
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

void kd_comm_gather(const kd_comm *c, double *x, const int *n) {
  if (is_silent(c)) return;
  for (int i = 0, place = 0; i < c->size; place += n[i++]) c->receive_offset[i] = place;
  MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DOUBLE, x, n, c->receive_offset, MPI_DOUBLE, c->mpi);
}

void kd_comm_part(const kd_comm *c, size_t rank, size_t n, size_t *first, size_t *count) {
  const size_t size = kd_comm_size(c), each = n / size, rest = n % size;
  *first = rank * each + smaller(rank, rest);
  *count = each + (rank < rest ? 1 : 0);
}

kd_status kd_comm_agree(const kd_comm *c, kd_status status) {
  if (kd_comm_size(c) == 1) return status;
  if (*c->failure != KD_OK) return *c->failure;
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
  if (agreed < 0) *c->failure = agreed;
  return c->rank == worst.rank ? agreed : kd_error(agreed, "%s", message);
}

void kd_comm_forget(const kd_comm *c) {
  if (c) *c->failure = KD_OK;
}
