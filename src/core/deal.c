#include "core/deal.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

#include "core/comm.h"
#include "core/error.h"
#include "core/memory.h"

/// In place of the number of a task.
static const size_t NONE = SIZE_MAX;

struct kd_deal {
  const kd_comm *comm;
  size_t n_task, report_bytes;
  kd_deal_done *done;
  void *context;
  size_t taken;      ///< by this process, NONE before the first
  size_t next;       ///< task that has not been given out
  size_t n_waiting;  ///< processes that have asked for a task when there was none
  bool is_stopped;   ///< nothing more is given out
  char *message;     ///< number of the task that is reported, then the report
  char *own_message; ///< the same of this process
};

kd_status kd_deal_create(const kd_comm *comm, size_t n_task, size_t report_bytes,
                         kd_deal_done *done, void *context, kd_deal **deal) {
  kd_status status = KD_OK;
  kd_deal *self = NULL;
  *deal = NULL;
  KD_ALLOCATE(self, 1);
  *self = (kd_deal){.comm = comm,
                    .n_task = n_task,
                    .report_bytes = report_bytes,
                    .done = done,
                    .context = context,
                    .taken = NONE};
  KD_ALLOCATE(self->message, sizeof(size_t) + report_bytes);
  KD_ALLOCATE(self->own_message, sizeof(size_t) + report_bytes);

cleanup:
  status = kd_comm_agree(comm, status);
  if (status == KD_OK)
    *deal = self;
  else
    kd_deal_free(self);
  return status;
}

void kd_deal_free(kd_deal *d) {
  if (!d) return;
  kd_free(d->message);
  kd_free(d->own_message);
  kd_free(d);
}

static void take_report(kd_deal *d, size_t task, const void *report) {
  if (!d->done(d->context, task, report)) d->is_stopped = true;
}

static size_t give_out(kd_deal *d) {
  return d->is_stopped || d->next == d->n_task ? NONE : d->next++;
}

void kd_deal_serve(kd_deal *d) {
  size_t from, task;
  if (kd_comm_rank(d->comm) != 0) return;
  while (kd_comm_receive(d->comm, d->message, sizeof task + d->report_bytes, &from)) {
    memcpy(&task, d->message, sizeof task);
    if (task != NONE) take_report(d, task, d->message + sizeof task);
    task = give_out(d);
    if (task == NONE)
      d->n_waiting++;
    else
      kd_comm_send(d->comm, from, &task, sizeof task);
  }
}

/// Leaves the processor to those that have something to do.
static void rest(void) {
  nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/// Nobody leaves before the last task is done: waiting elsewhere would keep processors busy.
static size_t next_of_dealer(kd_deal *d) {
  const size_t n_other = kd_comm_size(d->comm) - 1;
  kd_deal_serve(d);
  size_t task = give_out(d);
  while (task == NONE && d->n_waiting < n_other) {
    rest();
    kd_deal_serve(d);
  }
  for (size_t i = 1; task == NONE && i <= n_other; i++)
    kd_comm_send(d->comm, i, &NONE, sizeof NONE);
  return task;
}

static size_t next_of_other(kd_deal *d, const void *report) {
  size_t task, from;
  memcpy(d->own_message, &d->taken, sizeof d->taken);
  if (d->taken != NONE) memcpy(d->own_message + sizeof d->taken, report, d->report_bytes);
  kd_comm_send(d->comm, 0, d->own_message, sizeof d->taken + d->report_bytes);
  while (!kd_comm_receive(d->comm, &task, sizeof task, &from)) rest();
  return task;
}

bool kd_deal_next(kd_deal *d, const void *report, size_t *task) {
  if (kd_comm_rank(d->comm) == 0) {
    if (d->taken != NONE) take_report(d, d->taken, report);
    d->taken = next_of_dealer(d);
  } else {
    d->taken = next_of_other(d, report);
  }
  *task = d->taken;
  return d->taken != NONE;
}
