/// Time spent in FFTs. Every 16th transform of a thread is timed and counts for 16, so that the
/// clock costs nothing beside short transforms.
#ifndef KD_CORE_FFT_CLOCK_H
#define KD_CORE_FFT_CLOCK_H

/// Before and after a transform.
double kd_fft_begin(void);
void kd_fft_end(double begin);

/// Estimate of the seconds in transforms between the two, summed over threads, since the program
/// started.
double kd_fft_seconds(void);

#endif
