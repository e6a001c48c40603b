/// The power J.E that the field delivers.
#ifndef KD_PROPAGATOR_POWER_H
#define KD_PROPAGATOR_POWER_H

#include "propagator/scheme.h"

/// charge g_s (1/N_k) sum_k Tr(v.e (f - f_ref)), per cell, where f is given on the grid displaced
/// by `shift`. The reference of a k.p box, a function of H_k that is even in k, carries no current:
/// what its sum over the half-open grid leaves is an artifact of the open side. Uses p->v and
/// p->scratch; `f` may be neither.
kd_status kd_power(kd_propagator *p, const double shift[3], const double e[3], const double *f,
                   double *power);

#endif
