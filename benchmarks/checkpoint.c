/// What checkpoints cost: seconds per checkpoint for states and results of several sizes, and the
/// part of the time that they take at the default interval.
///
///     benchmark_checkpoint [FOLDER] [LARGEST_MB]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/memory.h"
#include "keldrift/checkpoint.h"
#include "keldrift/output.h"
#include "recovery.h"

enum { REPEAT = 3 };

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/// Median of the seconds for a checkpoint of a state of `n` numbers beside a result that holds as
/// many.
static kd_status measure(const char *folder, size_t n, double *state, double *median) {
  kd_output *output = NULL;
  char result[4096], checkpoint[4096];
  double seconds[REPEAT];
  snprintf(result, sizeof result, "%s/benchmark.h5", folder);
  snprintf(checkpoint, sizeof checkpoint, "%s/benchmark.chk.h5", folder);
  kd_status status = kd_output_create(result, "", "", &output);
  const kd_variable held = {
      .name = "f", .unit = "1", .data = state, .n_axis = 1, .axis = {{.name = "k", .size = n}}};
  if (status == KD_OK) status = kd_output_write(output, "/snapshots", &held);
  for (int i = 0; status == KD_OK && i < REPEAT; i++) {
    const kd_checkpoint_head head = {.time = i, .duration = REPEAT};
    kd_records records = {0};
    kd_records_add(&records, "f", state, n);
    const double begin = kd_seconds();
    status = kd_checkpoint_write(output, checkpoint, &head, &records);
    seconds[i] = kd_seconds() - begin;
  }
  kd_output_discard(output);
  unlink(checkpoint);
  if (status != KD_OK) return status;
  qsort(seconds, REPEAT, sizeof *seconds, by_size);
  *median = seconds[REPEAT / 2];
  return KD_OK;
}

int main(int argc, char **argv) {
  const char *folder = argc > 1 ? argv[1] : ".";
  const double largest = argc > 2 ? atof(argv[2]) : 1024;
  const size_t most = (size_t)(largest * (1 << 20) / sizeof(double));
  double *state = kd_allocate(most, sizeof *state);
  if (!state) return 1;
  for (size_t i = 0; i < most; i++) state[i] = (double)(i % 1009) / 1009;
  printf("%10s %12s %10s %14s %14s\n", "state, MB", "seconds", "MB/s", "interval, s",
         "part of time");
  for (double mb = 1; mb <= largest; mb *= 4) {
    double seconds;
    const kd_status status =
        measure(folder, (size_t)(mb * (1 << 20) / sizeof(double)), state, &seconds);
    if (status != KD_OK) {
      fprintf(stderr, "%s\n", kd_error_message());
      return 1;
    }
    const double interval = kd_recovery_interval(0, seconds);
    // Twice: the state and the result.
    printf("%10g %12.4f %10.0f %14.0f %13.4f%%\n", mb, seconds, 2 * mb / seconds, interval,
           100 * seconds / (interval + seconds));
    fflush(stdout);
  }
  kd_free(state);
  return 0;
}
