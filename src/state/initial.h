/// Initial states: one row per kind.
#ifndef KD_STATE_INITIAL_H
#define KD_STATE_INITIAL_H

#include "keldrift/state.h"
#include "scenario/section.h"
#include "state/occupation.h"

/// How the occupations of a reference are found.
typedef enum kd_reference_rule {
  KD_REFERENCE_ZERO,   ///< nothing
  KD_REFERENCE_ENERGY, ///< a function of the level energy
  KD_REFERENCE_BAND    ///< one number per band
} kd_reference_rule;

struct kd_reference {
  kd_reference_rule rule;
  kd_occupation occupation; ///< KD_REFERENCE_ENERGY
  double *band;             ///< KD_REFERENCE_BAND, [n_band]
  bool is_periodic;         ///< nothing drifts in at an edge
  size_t n_band, n_k;
  double *hamiltonian, *energy; ///< scratch
  double complex *vector;
};

/// What an initial state is made from.
typedef struct kd_initial_setting {
  const kd_section *section;
  kd_model *model;
  kd_constants constants;
  kd_statistics statistics;
  const double *energy;         ///< [n_k][n_band]
  const double complex *vector; ///< [n_k][n_band][n_band]
  double tolerance;             ///< levels closer than this are degenerate, eV
} kd_initial_setting;

typedef struct kd_initial_kind {
  kd_variant variant;
  /// Sets the rule of `reference` and, for states that are not that function of H_k, `f`.
  kd_status (*create)(const kd_initial_setting *setting, kd_reference *reference, double *f);
  bool is_reference; ///< f is the reference itself
} kd_initial_kind;

/// f_n of one k by the rule of the reference, degenerate levels sharing equally.
void kd_reference_levels(const kd_reference *reference, const double *energy, double *f);

extern const kd_variant *const kd_initial_variants[];

#endif
