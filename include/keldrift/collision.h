/// The collision operator C[f] on the grid of the model.
#ifndef KELDRIFT_COLLISION_H
#define KELDRIFT_COLLISION_H

#include "keldrift/comm.h"
#include "keldrift/record.h"
#include "keldrift/state.h"
#include "keldrift/warnings.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kd_collision kd_collision;

/// Builds the collision operator of a scenario (section `collisions`).
/// @param model      used until kd_collision_free; not owned
/// @param reference  supplies the temperature and chemical potential of relaxation-time forms where
///                   the scenario does not give them
KD_API kd_status kd_collision_create(const kd_scenario *scenario, kd_model *model,
                                     const kd_reference *reference, kd_collision **collision);
/// The same operator for the linear response: linearised about the equilibrium of the reference and
/// without its zeroth order, so that kd_collision_rate is a linear map of df.
KD_API kd_status kd_collision_create_linear(const kd_scenario *scenario, kd_model *model,
                                            const kd_reference *reference,
                                            kd_collision **collision);
KD_API void kd_collision_free(kd_collision *collision);
/// Shares the work of kd_collision_rate, which is collective from then on, among processes that
/// hold the same f: the self-energies of fft by tau, those of direct by k. The rates are the same
/// bits for any number of processes.
KD_API kd_status kd_collision_share(kd_collision *collision, const kd_comm *comm);

/// True for `ansatz: none` without a term of one's own.
KD_API bool kd_collision_is_none(const kd_collision *collision);

/// True if sum_k Tr C[f] = 0 for every f.
KD_API bool kd_collision_conserves_number(const kd_collision *collision);
/// True if sum_k Tr[H C[f]], with the energy of phonons that are unknowns, vanishes for every f.
KD_API bool kd_collision_conserves_energy(const kd_collision *collision);

/// Evaluates df/dt of the collisions alone, 1/fs, for packed fields on the undisplaced grid:
///
///   df/dt = -(1/2 hbar) sum_n ({S^>_n, F_n} - {S^<_n, H_n})
///           -(i kappa/hbar) sum_n ([R^>_n, F_n] - [R^<_n, H_n])
///
/// with F_n, H_n the occupied and free parts of the spectral function at level n by the chosen
/// Ansatz and S_n, R_n the on-shell self-energies (Trukhan and Protik, eqs. 24-43).
/// @param f, df  n_band^2 n_k doubles, not overlapping
KD_API kd_status kd_collision_rate(kd_collision *collision, const double *f, double *df);

/// |dE/dt| that scattering of the carriers from one another has left where it is to conserve the
/// energy: the mean over the calls of kd_collision_rate since this was asked last, or without any
/// the one before, eV/fs per cell.
KD_API double kd_collision_energy_left(kd_collision *collision);
/// What of that a checkpoint must hold.
KD_API void kd_collision_records(kd_collision *collision, kd_records *records);

/// The rates at which the levels are emptied, for preconditioning: [n_k][n_band], 1/fs. Those of
/// the f that kd_collision_rate saw last, or about equilibrium for a linearised operator.
KD_API void kd_collision_out_rates(const kd_collision *collision, double *rates);

/// A term of one's own in C[f], beside what the scenario asks for.
typedef struct kd_collision_term {
  /// Adds the term to `df`, 1/fs; both are packed fields on the undisplaced grid, n_band^2 n_k
  /// doubles, of one point of R. Called from one thread at a time. Returns KD_OK, KD_RETRY for a
  /// smaller step, or a negative status, which ends the run.
  kd_status (*add_rate)(void *context, const double *f, double *df);
  void *context;
  bool conserves_number; ///< sum_k Tr of the term vanishes for every f
} kd_collision_term;

/// Adds a term, before a propagator is made of the operator. It acts with every `ansatz`, also with
/// `none`; implicit integrators take it into account, but not into their preconditioner.
/// @param term  copied; its context is used until kd_collision_free
/// @return KD_ERROR_SCENARIO if there is one already
KD_API kd_status kd_collision_add(kd_collision *collision, const kd_collision_term *term);

/// Phonons that are unknowns (`dynamic: true`): numbers N, those of one term after the other,
/// [mode][q] with a mode per coupling of the vertex and q the differences of grid points (on a
/// lattice the k grid, in a k.p box twice its points along every axis, modulo that size).
/// kd_collision_rate uses the N set last, at first those of the initial temperature.
KD_API size_t kd_collision_n_phonon(const kd_collision *collision);
KD_API void kd_collision_set_phonons(kd_collision *collision, const double *number);
KD_API void kd_collision_phonons(const kd_collision *collision, double *number);
/// dN/dt at what kd_collision_rate was called with last, relaxation included, 1/fs.
KD_API void kd_collision_phonon_rates(const kd_collision *collision, double *rate);

/// The phonons of one term.
typedef struct kd_phonon_branch {
  size_t term; ///< its number in collisions.terms
  size_t n_mode, n_q;
  const double *omega;    ///< [n_q], eV; 0: no mode
  const size_t *opposite; ///< index of -q, [n_q]
  const double *rest;     ///< N at the temperature of the lattice, [n_q]
  double relaxation;      ///< rate towards it, 1/fs
} kd_phonon_branch;
KD_API size_t kd_collision_n_branch(const kd_collision *collision);
/// @param index  less than kd_collision_n_branch
KD_API kd_phonon_branch kd_collision_branch(const kd_collision *collision, size_t index);

typedef struct kd_collision_cost {
  const char *ansatz, *method; ///< as chosen
  unsigned long evaluations, ffts;
  double seconds;
} kd_collision_cost;
KD_API kd_collision_cost kd_collision_statistics(const kd_collision *collision);

/// Warns of broadenings that are too large for a phonon branch or the temperature, or too small for
/// the k grid.
KD_API void kd_collision_warn(const kd_collision *collision, kd_warnings *warnings);

/// Bytes held, for the estimate of `check`.
KD_API size_t kd_collision_bytes(const kd_collision *collision);

#ifdef __cplusplus
}
#endif
#endif
