/// Wall-clock time.
#ifndef KD_CORE_CLOCK_H
#define KD_CORE_CLOCK_H

/// Seconds since some fixed moment; never goes back.
double kd_seconds(void);

#endif
