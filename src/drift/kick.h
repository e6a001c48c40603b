/// A delta kick E = impulse delta(t) of f(R, k), the limit of a short pulse:
///
///   f -> e^{i charge impulse.(R + r)/hbar} f e^{-i charge impulse.(R + r)/hbar}
///
/// as a Moyal product: k moves by charge impulse/hbar, and the position matrix r acts at k +- q/2.
#ifndef KD_DRIFT_KICK_H
#define KD_DRIFT_KICK_H

#include "core/comm.h"
#include "drift/phase_space.h"

/// Applies a kick, or a part of one. The two halves of it commute where r does not depend on k, and
/// then the result is exact; else it is given in parts, twice as many until the result changes by
/// less than the tolerance.
/// @param comm           the processes that share f
/// @param impulse        V fs/angstrom
/// @param has_positions  false: r = 0
/// @param rtol, atol     largest error is rtol max|f| + atol
/// @param n              numbers in f, here
/// @param f              replaced
/// @param scratch        2 n numbers
/// @return KD_ERROR_NUMERICS if the tolerance is out of reach
kd_status kd_phase_space_kick(kd_phase_space *phase_space, const kd_comm *comm,
                              const double impulse[3], bool has_positions, double rtol, double atol,
                              size_t n, double *f, double *const scratch[2]);

#endif
