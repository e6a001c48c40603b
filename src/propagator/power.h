/// The power J.E that the field delivers.
#ifndef KD_PROPAGATOR_POWER_H
#define KD_PROPAGATOR_POWER_H

#include "propagator/scheme.h"

/// charge g_s (1/N_k) sum_k Tr(v.e f), per cell, where f is given on the grid displaced by `shift`.
/// Where a k.p box has a reference, the displaced sum holds the deviation from it and the
/// undisplaced one the reference itself: what a displaced box would miss or count twice at its edges.
/// Uses p->v and p->scratch; `f` may be neither.
kd_status kd_power(kd_propagator *p, const double shift[3], const double e[3], const double *f,
                   double *power);

/// Fills p->reference_current.
kd_status kd_power_prepare(kd_propagator *p);

/// sum_i a_i b_i, in an order that does not depend on the number of threads.
double kd_dot(const double *a, const double *b, size_t n);

#endif
