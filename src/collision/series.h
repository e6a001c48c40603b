/// Kernels as Fourier series in the transferred energy.
///
/// On a period X, not below the largest energy difference W plus the reach of the kernels,
///   t^≷(x) = K/2 + i kappa R = sum_{j=-J..J} c^≷_j e^{i x tau_j},   tau_j = 2 pi j/X,
/// where K is sampled and transformed (spectrally exact for these smooth kernels), and R, which
/// does not decay, is first multiplied by a window that is 1 on |x| <= W and falls to 0 at X - W,
/// so that no image reaches |x| <= W. The edge of the window is as wide as makes it end in tau
/// where the kernels do.
#ifndef KD_COLLISION_SERIES_H
#define KD_COLLISION_SERIES_H

#include "collision/bath.h"

typedef struct kd_series {
  double period; ///< X, eV
  size_t n_half; ///< J
  size_t n_bath, n_difference;
  /// Per bath: number of distinct phonon energies, which of them each q has (NULL: all the first),
  /// and the coefficients [n_omega][2 (lesser, greater)][2 J + 1].
  size_t *n_omega;
  size_t **which;
  double complex **coefficient;
} kd_series;

/// @param width  W, the largest |e_p - e_m| of any two pieces, eV
/// @param kappa  weight of R
/// The number of terms follows from the decay of the kernels, to rounding.
kd_status kd_series_create(const kd_model *model, const kd_bath *bath, size_t n_bath, double width,
                           double kappa, kd_series *series);
void kd_series_clear(kd_series *series);

/// Bytes held.
size_t kd_series_bytes(const kd_series *series);

/// t^≷ of `bath`, number `index` of those given to kd_series_create, at difference q and energy x:
/// for tests.
double complex kd_series_value(const kd_series *series, const kd_bath *bath, size_t index, size_t q,
                               kd_order order, double x);

#endif
