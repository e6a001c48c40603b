#include "core/fft_clock.h"

#include "core/clock.h"

enum { SAMPLE = 16 };

static double seconds;
static _Thread_local unsigned count;

double kd_fft_begin(void) {
  return count++ % SAMPLE == 0 ? kd_seconds() : 0;
}

void kd_fft_end(double begin) {
  if (begin == 0) return;
  const double spent = SAMPLE * (kd_seconds() - begin);
#pragma omp atomic
  seconds += spent;
}

double kd_fft_seconds(void) {
  double sum;
#pragma omp atomic read
  sum = seconds;
  return sum;
}
