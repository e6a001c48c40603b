/// Phonons as unknowns: occupations N_a(q) of the modes of one branch, driven by the carriers.
///
/// A branch has one mode a per coupling of its vertex (vertex.h) and difference q of grid points
/// (bath.h). With the pieces of ansatz.h, x = e_p(k) - e_m(k'), q = k - k', t = K/2 + i kappa R of
/// K(x) = 2 pi Gaussian and a displacement s = beta sigma^2/2,
///
///   T^<_p(k) = (1/N_k) sum_k',m,a g_q^2 [N_a(q) t(x - w_q + s) + (N_a(-q) + 1) t(x + w_q + s)]
///              M_a G_m(k') M_a,
///   T^>_p(k) = (1/N_k) sum_k',m,a g_q^2 [(N_a(q) + 1) t(x - w_q - s) + N_a(-q) t(x + w_q - s)]
///              M_a H_m(k') M_a,
///   dN_a(q)/dt = (2 g_s g_q^2/hbar N_k) sum_k,p,m Re {
///       (N_a(q) + 1) t(x - w_q - s) Tr[M_a H_m(k - q) M_a G_p(k)^dagger]
///       - N_a(q) t(x - w_q + s) Tr[M_a G_m(k - q) M_a H_p(k)^dagger] }
///       - (N_a(q) - n_B(w_q/kT))/relaxation.
///
/// All three are sums over the same processes with the same weights, so number and crystal momentum
/// are conserved process by process; emission over absorption is e^{beta y}, y the energy that a
/// process loses, and beta is such that the energy of carriers and branch together stays. The
/// coherence between the modes of different couplings is left out. A mode with w_q = 0 is a
/// displacement of the whole lattice; it does not couple.
#ifndef KD_COLLISION_PHONONS_H
#define KD_COLLISION_PHONONS_H

#include "collision/bath.h"

/// One element of M_a G M_a, as a sum over the elements of G.
typedef struct kd_phonon_entry {
  size_t to, from;
  double complex factor;
} kd_phonon_entry;

typedef struct kd_phonons {
  const kd_bath *bath;
  kd_bath line; ///< kernel 2 pi Gaussian without energy or form; owns nothing
  size_t n_band, n_k, n_mode, n_q;
  double *omega;    ///< [n_q], eV
  double *square;   ///< g_q^2, [n_q], eV^2; 0 where omega is
  size_t *opposite; ///< index of -q, [n_q]
  double *rest;     ///< n_B(omega/kT), [n_q]
  size_t *first;    ///< entries of mode a are first[a] to first[a + 1], [n_mode + 1]
  kd_phonon_entry *entry;
  double *number; ///< N, [n_mode][n_q]
  double *rate;   ///< its rate of change by the carriers when T was last computed, 1/fs
} kd_phonons;

/// @param bath  with is_dynamic; used until kd_phonons_free. N begins at its start_kt.
kd_status kd_phonons_create(const kd_model *model, const kd_bath *bath, kd_phonons **phonons);
void kd_phonons_free(kd_phonons *phonons);
size_t kd_phonons_bytes(const kd_phonons *phonons);

/// n_B(omega/kT), 0 for omega = 0.
double kd_phonons_bose(double omega, double kt);

/// Numbers in N.
size_t kd_phonons_count(const kd_phonons *phonons);

/// dN/dt with the relaxation, at the N and f of the last evaluation of T, [n_mode][n_q].
void kd_phonons_rate(const kd_phonons *phonons, double *rate);

#endif
