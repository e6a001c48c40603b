/// Numbered tasks, dealt out to processes: each takes the next one when it is free.
///
/// Process 0 deals, and works as well. What the others ask it waits until it looks, which it does
/// between its tasks and whenever kd_deal_serve is called within one.
#ifndef KD_CORE_DEAL_H
#define KD_CORE_DEAL_H

#include <stdbool.h>
#include <stddef.h>

#include "keldrift/comm.h"

typedef struct kd_deal kd_deal;

/// Called in process 0 for every task that is done, in the order in which that becomes known there.
/// @param report  what the process that did it says of it, to be copied from: not aligned
/// @return false: no more tasks are dealt out
typedef bool kd_deal_done(void *context, size_t task, const void *report);

/// Collective; all give the same numbers.
/// @param report_bytes  size of a report: plain data
kd_status kd_deal_create(const kd_comm *comm, size_t n_task, size_t report_bytes,
                         kd_deal_done *done, void *context, kd_deal **deal);
/// NULL is allowed.
void kd_deal_free(kd_deal *deal);

/// Tells process 0 about the task that this process took before, and takes the next one.
/// @param report  not read at the first call
/// @return false once there is nothing more to do: in all processes when the last task is done
bool kd_deal_next(kd_deal *deal, const void *report, size_t *task);

/// In process 0, takes the reports that have come and gives out tasks; elsewhere nothing.
void kd_deal_serve(kd_deal *deal);

#endif
