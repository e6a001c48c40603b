/// The part of the generator that is elementwise in the eigenbasis of H(k): every element turns and
/// decays by itself. Its inverse is the preconditioner of the steady state and of stiff
/// integration.
#ifndef KD_COLLISION_SECULAR_H
#define KD_COLLISION_SECULAR_H

#include <complex.h>
#include <stddef.h>

/// Arrays are those of the owner.
typedef struct kd_secular {
  size_t n_band, n_k;
  const double complex *vector; ///< eigenvectors of H, [n_k][n_band (orbital)][n_band (level)]
  const double *energy;         ///< eV, [n_k][n_band]; NULL: nothing turns
  const double *rate;           ///< out-scattering rates G, 1/fs, [n_k][n_band]
  double hbar;
} kd_secular;

/// z := (a + b L)^-1 r for packed fields, L the elementwise product in the eigenbasis with
/// i (e_n - e_m)/hbar + (G_n + G_m)/2; in place is allowed.
void kd_secular_solve(const kd_secular *s, double a, double b, const double *r, double *z);

#endif
