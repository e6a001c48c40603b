/// Sums whose result does not depend on the number of threads.
#ifndef KD_CORE_DOT_H
#define KD_CORE_DOT_H

#include <stddef.h>

/// sum_i a_i b_i, by blocks of fixed size that are added in order and with compensation.
double kd_dot(const double *a, const double *b, size_t n);

#endif
