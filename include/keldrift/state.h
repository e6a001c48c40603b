/// The state f(k, t) and the initial states.
#ifndef KELDRIFT_STATE_H
#define KELDRIFT_STATE_H

#include "keldrift/model.h"
#include "keldrift/space.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Bound on the list `contacts`.
enum { KD_MAX_CONTACTS = 8 };

/// The one-body density matrix on the grid of the model displaced by `shift`, orbital basis,
/// packed. On a lattice the displaced grid is as good as the original one; in a k.p box the points
/// outside hold what has left it.
typedef struct kd_state {
  double time;     ///< fs
  double shift[3]; ///< displacement of the points that f is given at, 1/angstrom
  size_t n_r;      ///< points of R of this process (kd_space_slab), 1 for a homogeneous system
  double *f;       ///< [n_r][n_band^2][n_k], occupation per k, band and spin
  size_t n_phonon; ///< numbers of `phonon`; 0 unless phonons are unknowns
  double *phonon;  ///< N of kd_collision_phonons; NULL: none, or not wanted
  double work;     ///< work done by the field so far, eV per cell (spins included)
  /// Particles that came in through each contact so far, spins included.
  double entered[KD_MAX_CONTACTS];
} kd_state;

KD_API kd_status kd_state_create(const kd_model *model, size_t n_r, kd_state **state);
KD_API void kd_state_free(kd_state *state);
/// Gives the state room for n_phonon occupations of phonons, 0 at first.
KD_API kd_status kd_state_add_phonons(kd_state *state, size_t n_phonon);

/// The function of H_k that a k.p box holds outside of what is resolved, and that drifts in at its
/// edges: the initial or equilibrium occupation of the levels.
typedef struct kd_reference kd_reference;

/// Builds the initial state of a scenario (section `initial`) and its reference.
/// @return KD_ERROR_SCENARIO for parameters that do not fit, KD_ERROR_FILE for an unreadable file,
///         KD_ERROR_NUMERICS if no chemical potential gives the filling
KD_API kd_status kd_initial_create(const kd_scenario *scenario, kd_model *model,
                                   const kd_space *space, kd_state **state,
                                   kd_reference **reference);
KD_API void kd_reference_free(kd_reference *reference);

/// True for lattice models and for packets in an empty box: there is nothing to subtract.
KD_API bool kd_reference_is_zero(const kd_reference *reference);

/// True if there is nothing but a packet, which does not reach the ends of R at the start.
KD_API bool kd_reference_is_empty(const kd_reference *reference);

/// Chemical potential (eV) and temperature (energy unit: k_B T, eV) of a thermal reference.
KD_API double kd_reference_chemical_potential(const kd_reference *reference);

/// Evaluates the reference as a packed field on the grid displaced by `shift`.
/// @param field receives n_band^2 n_k doubles; zeros for a zero reference
KD_API kd_status kd_reference_sample(kd_reference *reference, kd_model *model,
                                     const double shift[3], double *field);

/// Evaluates the derivative along `direction` of the reference on the undisplaced grid,
/// (direction.grad_k) f_ref(H_k), by divided differences in the eigenbasis (Daletskii and Krein):
/// (df)_nm = (f_n - f_m)/(e_n - e_m) (dH)_nm, and f'(e_n) (dH)_nm for degenerate levels.
KD_API kd_status kd_reference_derivative(kd_reference *reference, kd_model *model,
                                         const double direction[3], double *field);

#ifdef __cplusplus
}
#endif
#endif
