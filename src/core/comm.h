/// What processes that share a run say to each other.
///
/// Functions are collective unless they say otherwise: every process calls them, in the same order,
/// with arrays of the same size. NULL stands for a process alone.
#ifndef KD_CORE_COMM_H
#define KD_CORE_COMM_H

#include <stdbool.h>
#include <stddef.h>

#include "keldrift/comm.h"

/// x := the sum over the processes, element by element; the same bits on each of them.
void kd_comm_sum(const kd_comm *comm, double *x, size_t n);
/// x := the largest value over the processes, element by element; NAN where any is.
void kd_comm_largest(const kd_comm *comm, double *x, size_t n);
/// Bytes of process 0 to all.
void kd_comm_broadcast(const kd_comm *comm, void *data, size_t n);
/// Sends n_send[i] numbers to process i and receives n_receive[i] from it, in the order of the
/// processes. Counts and their sums are below 2^31.
void kd_comm_exchange(const kd_comm *comm, const double *send, const int *n_send, double *receive,
                      const int *n_receive);
/// Sends bytes to process `to`, which takes them with kd_comm_receive. Not collective.
void kd_comm_send(const kd_comm *comm, size_t to, const void *data, size_t n);
/// Takes the next n bytes that a process has sent here, if any have come. Not collective.
bool kd_comm_receive(const kd_comm *comm, void *data, size_t n, size_t *from);
/// Forgets a failure that was agreed on: something new begins.
void kd_comm_forget(const kd_comm *comm);
/// x is made of parts, n[i] numbers of process i, of which each process has its own: brings those
/// of the others.
void kd_comm_gather(const kd_comm *comm, double *x, const int *n);
/// `count` zeroed numbers that processes of the same node reach as well; NULL with a message, the
/// same everywhere, if memory is short. Counts may differ.
double *kd_comm_allocate(const kd_comm *comm, size_t count);
void kd_comm_release(const kd_comm *comm, double *x);
/// Where process `rank` has what kd_comm_allocate gave it when it gave x here; NULL if that is out
/// of reach or x is other memory. Not collective.
double *kd_comm_peer(const kd_comm *comm, const double *x, size_t rank);
/// Until all have come here; what they wrote to shared memory before is there for all.
void kd_comm_meet(const kd_comm *comm);
/// The part of `n` things that process `rank` takes of them: contiguous, in the order of the
/// processes, as even as possible.
void kd_comm_part(const kd_comm *comm, size_t rank, size_t n, size_t *first, size_t *count);

#endif
