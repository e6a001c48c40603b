/// Initial states: one row per kind.
#ifndef KD_STATE_INITIAL_H
#define KD_STATE_INITIAL_H

#include "keldrift/space.h"
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
  bool fills_space;         ///< f of a file is no packet: it reaches the ends of R
  size_t n_band, n_k;
  double *hamiltonian, *energy; ///< scratch
  double complex *vector;
};

/// What an initial state is made from.
typedef struct kd_initial_setting {
  const kd_section *section;
  kd_model *model;
  const kd_space *space;
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
  bool is_in_space;  ///< f is [R of this process][n_band^2][n_k]; else it is the same at every R
} kd_initial_kind;

extern const kd_initial_kind kd_initial_gaussian, kd_initial_cat, kd_initial_local_equilibrium,
    kd_initial_half_spaces, kd_initial_shell;

/// Reads temperature and chemical potential, filling or density into the occupation.
kd_status kd_initial_read_thermal(const kd_initial_setting *setting, kd_occupation *occupation);

/// Densities per volume, area and length; the dimension of the model says which is due.
extern const char *const kd_density_units[];

/// Keys of a thermal state.
#define KD_INITIAL_TEMPERATURE_ROW                                                                 \
  {                                                                                                \
    .key = "temperature", .type = KD_REAL, .unit = "K", KD_NON_NEGATIVE,                           \
    .meaning = "temperature; 0: ground state. An energy under natural units"                       \
  }
#define KD_INITIAL_FILLING_ROWS                                                                    \
  {.key = "chemical_potential",                                                                    \
   .type = KD_REAL,                                                                                \
   .unit = "eV",                                                                                   \
   .fallback = KD_UNSET,                                                                           \
   .meaning = "chemical potential (give one of chemical_potential, filling, density)"},            \
      {.key = "filling",                                                                           \
       .type = KD_REAL,                                                                            \
       .fallback = KD_UNSET,                                                                       \
       KD_NON_NEGATIVE,                                                                            \
       .meaning = "particles per cell and spin"},                                                  \
  {                                                                                                \
    .key = "density", .type = KD_REAL, .unit = "angstrom^-3", .other_units = kd_density_units + 1, \
    .fallback = KD_UNSET, KD_NON_NEGATIVE,                                                         \
    .meaning = "particles per length, area or volume, spins included (\"1e12 cm^-2\")"             \
  }

/// kd_reference_derivative on the grid displaced by `shift`.
kd_status kd_reference_derivative_at(kd_reference *reference, kd_model *model,
                                     const double shift[3], const double direction[3],
                                     double *field);

/// f_n of one k by the rule of the reference, degenerate levels sharing equally.
void kd_reference_levels(const kd_reference *reference, const double *energy, double *f);

extern const kd_variant *const kd_initial_variants[];

#endif
