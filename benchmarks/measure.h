/// What the benchmarks share: the clock, the end on an error, medians.
#ifndef BENCHMARKS_MEASURE_H
#define BENCHMARKS_MEASURE_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "core/order.h"
#include "keldrift/status.h"

static int n_thread = 1;

/// Wall-clock time with several threads; with one, processor time, which other programs do not
/// change.
static inline double now(void) {
  if (n_thread > 1) return kd_seconds();
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(kd_status status) {
  if (status == KD_OK) return;
  fprintf(stderr, "benchmark: error: %s\n", kd_error_message());
  exit(1);
}

static void *checked(void *memory) {
  if (!memory) check(KD_ERROR_MEMORY);
  return memory;
}

#endif
