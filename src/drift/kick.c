#include "drift/kick.h"

#include <math.h>
#include <string.h>

#include "core/comm.h"
#include "core/error.h"

enum { ORDER = 4, MOST_PARTS = 1 << 12 };
/// Relative differences below this may be rounding of the transforms.
static const double ROUNDING = 1e-14;

/// f := a part of the kick, D(1/2) V D(1/2) with D the dipole part and V the translation of k.
static kd_status give(kd_phase_space *flow, const double impulse[3], double part, double *f) {
  double half[3], whole[3];
  for (int d = 0; d < 3; d++) {
    whole[d] = part * impulse[d];
    half[d] = 0.5 * whole[d];
  }
  KD_TRY(kd_phase_space_dipole(flow, half, f));
  KD_TRY(kd_phase_space_potential(flow, 0, whole, 0, f));
  return kd_phase_space_dipole(flow, half, f);
}

/// result := f after the kick in n_part parts, each a composition of order 4 (Suzuki, Phys. Lett. A
/// 146, 319 (1990)).
static kd_status give_in_parts(kd_phase_space *flow, const double impulse[3], int n_part,
                               const double *f, size_t n, double *result) {
  const double s = 1 / (4 - cbrt(4)), share[5] = {s, s, 1 - 4 * s, s, s};
  memcpy(result, f, n * sizeof *f);
  for (int part = 0; part < n_part; part++)
    for (int i = 0; i < 5; i++) KD_TRY(give(flow, impulse, share[i] / n_part, result));
  return KD_OK;
}

kd_status kd_phase_space_kick(kd_phase_space *flow, const kd_comm *comm, const double impulse[3],
                              bool has_positions, double rtol, double atol, size_t n, double *f,
                              double *const scratch[2]) {
  if (!has_positions) return kd_phase_space_potential(flow, 0, impulse, 0, f);
  double *coarse = scratch[0], *fine = scratch[1];
  KD_TRY(give_in_parts(flow, impulse, 1, f, n, coarse));
  for (int n_part = 2; n_part <= MOST_PARTS; n_part *= 2) {
    double largest = 0, difference = 0;
    KD_TRY(give_in_parts(flow, impulse, n_part, f, n, fine));
    for (size_t i = 0; i < n; i++) {
      largest = fmax(largest, fabs(fine[i]));
      difference = fmax(difference, fabs(fine[i] - coarse[i]));
    }
    double both[2] = {largest, difference};
    kd_comm_largest(comm, both, 2);
    largest = both[0], difference = both[1];
    const double error = difference / ((1 << ORDER) - 1);
    if (error <= fmax(rtol * largest + atol, ROUNDING * largest)) {
      memcpy(f, fine, n * sizeof *f);
      return KD_OK;
    }
    double *other = coarse;
    coarse = fine;
    fine = other;
  }
  return kd_error(KD_ERROR_NUMERICS,
                  "a kick of (%g, %g, %g) V fs/angstrom in %d parts is not given within the "
                  "tolerance: loosen propagation.rtol or split it into several kicks",
                  impulse[0], impulse[1], impulse[2], MOST_PARTS);
}
