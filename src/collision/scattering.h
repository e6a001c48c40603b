/// Collisions at many points of R.
///
/// C[f] acts at every R by itself. With baths it is a polynomial of second degree in f for most
/// Ansaetze,
///
///   C[f] = c + L f + Q(f),   Q(f) = -(theta/hbar) sum_p (net_p F_p + F_p^dagger net_p^dagger),
///
/// with net = T^>[F] - T^<[F] linear in f. Where n = n_band^2 n_k is not large, L and net are made
/// once as dense real matrices and act on many R at a time as matrix-matrix products. Without Q
/// (kd_keldysh_is_affine) the flow of C is exact: e^{L dt}, one product per step.
#ifndef KD_COLLISION_SCATTERING_H
#define KD_COLLISION_SCATTERING_H

#include "keldrift/collision.h"

typedef struct kd_scattering kd_scattering;

/// @param collision  used until kd_scattering_free, not owned; its statistics count what is done
/// here
/// @param n_r    points of R that this process holds
/// @param n_all  of all processes, by which what is cheaper is chosen: the same for all
kd_status kd_scattering_create(kd_collision *collision, size_t n_r, size_t n_all,
                               kd_scattering **scattering);
void kd_scattering_free(kd_scattering *scattering);

/// df := C[f] at every R; f, df [n_r][n_band^2][n_k], not overlapping.
kd_status kd_scattering_rates(kd_scattering *scattering, const double *f, double *df);

/// f := the solution of df/dt = C[f] after dt >= 0 at every R: exact without Q where matrices are
/// used, and for relaxation-time forms; else by the midpoint rule, of second order, in parts where
/// a scattering rate times dt exceeds 1/4.
kd_status kd_scattering_flow(kd_scattering *scattering, double dt, double *f);

/// Whether e^{L dt} is made for a step depends on how often the step came before, and with it the
/// last digits of f: what a run that goes on must know to have the same.
enum { KD_SCATTERING_HISTORY = 13 };
/// @param scattering  NULL: nothing to know
void kd_scattering_history(const kd_scattering *scattering, double history[KD_SCATTERING_HISTORY]);
void kd_scattering_recall(kd_scattering *scattering, const double history[KD_SCATTERING_HISTORY]);

/// Bytes held beside the operator.
size_t kd_scattering_bytes(const kd_scattering *scattering);

#endif
