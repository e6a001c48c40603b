/// Without MPI there is one process.
#include "core/comm.h"

#include <omp.h>
#include <string.h>

#include "core/memory.h"

kd_status kd_comm_create(kd_comm **comm) {
  *comm = NULL;
  return KD_OK;
}

void kd_comm_free(kd_comm *comm) {
  (void)comm;
}

size_t kd_comm_size(const kd_comm *comm) {
  (void)comm;
  return 1;
}

size_t kd_comm_rank(const kd_comm *comm) {
  (void)comm;
  return 0;
}

int kd_comm_threads(const kd_comm *comm) {
  (void)comm;
  return omp_get_max_threads();
}

void kd_comm_sum(const kd_comm *comm, double *x, size_t n) {
  (void)comm, (void)x, (void)n;
}

void kd_comm_largest(const kd_comm *comm, double *x, size_t n) {
  (void)comm, (void)x, (void)n;
}

void kd_comm_broadcast(const kd_comm *comm, void *data, size_t n) {
  (void)comm, (void)data, (void)n;
}

void kd_comm_exchange(const kd_comm *comm, const double *send, const int *n_send, double *receive,
                      const int *n_receive) {
  (void)comm, (void)n_receive;
  memcpy(receive, send, (size_t)n_send[0] * sizeof *send);
}

void kd_comm_send(const kd_comm *comm, size_t to, const void *data, size_t n) {
  (void)comm, (void)to, (void)data, (void)n;
}

bool kd_comm_receive(const kd_comm *comm, void *data, size_t n, size_t *from) {
  (void)comm, (void)data, (void)n, (void)from;
  return false;
}

void kd_comm_gather(const kd_comm *comm, double *x, const int *n) {
  (void)comm, (void)x, (void)n;
}

double *kd_comm_allocate(const kd_comm *comm, size_t count) {
  (void)comm;
  return kd_allocate(count, sizeof(double));
}

void kd_comm_release(const kd_comm *comm, double *x) {
  (void)comm;
  kd_free(x);
}

double *kd_comm_peer(const kd_comm *comm, const double *x, size_t rank) {
  (void)comm, (void)x, (void)rank;
  return NULL;
}

void kd_comm_meet(const kd_comm *comm) {
  (void)comm;
}

void kd_comm_part(const kd_comm *comm, size_t rank, size_t n, size_t *first, size_t *count) {
  (void)comm, (void)rank;
  *first = 0;
  *count = n;
}

kd_status kd_comm_agree(const kd_comm *comm, kd_status status) {
  (void)comm;
  return status;
}

void kd_comm_forget(const kd_comm *comm) {
  (void)comm;
}
