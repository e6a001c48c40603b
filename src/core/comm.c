#include "core/comm.h"

size_t kd_comm_size(const kd_comm *comm) {
  (void)comm;
  return 1;
}

size_t kd_comm_rank(const kd_comm *comm) {
  (void)comm;
  return 0;
}

void kd_comm_sum(const kd_comm *comm, double *x, size_t n) {
  (void)comm, (void)x, (void)n;
}

void kd_comm_largest(const kd_comm *comm, double *x, size_t n) {
  (void)comm, (void)x, (void)n;
}

kd_status kd_comm_agree(const kd_comm *comm, kd_status status) {
  (void)comm;
  return status;
}
