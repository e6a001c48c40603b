/// The kinds of model that a scenario can ask for.
#ifndef KD_MODEL_KINDS_H
#define KD_MODEL_KINDS_H

#include "model/family.h"
#include "scenario/param.h"
#include "scenario/section.h"

typedef struct kd_model_kind {
  kd_variant variant;
  size_t n_dim; ///< dimensions of k, 0 where the keys of the kind decide
  kd_status (*create)(const kd_scenario *scenario, const kd_section *section,
                      const kd_model_setup *setup, kd_model **model);
} kd_model_kind;

extern const kd_model_kind kd_model_chain;
extern const kd_model_kind kd_model_square;
extern const kd_model_kind kd_model_cubic;
extern const kd_model_kind kd_model_ssh;
extern const kd_model_kind kd_model_dirac1d;
extern const kd_model_kind kd_model_dirac2d;
extern const kd_model_kind kd_model_graphene;
extern const kd_model_kind kd_model_haldane;
extern const kd_model_kind kd_model_parabolic;
extern const kd_model_kind kd_model_rashba;
extern const kd_model_kind kd_model_tight_binding;
extern const kd_model_kind kd_model_wannier90;

/// All of them, ending with NULL: the variants of the scenario key `model`.
extern const kd_variant *const kd_model_variants[];

/// Reports a grid.k of `n_grid` entries where the model has `n_dim` dimensions.
kd_status kd_model_check_dimension(const kd_scenario *scenario, const char *kind, size_t n_dim,
                                   size_t n_grid);

/// Rows that every kind has.
#define KD_MODEL_COMMON_ROWS                                                                       \
  {                                                                                                \
    .key = "spin_degeneracy", .type = KD_REAL, .fallback = "1", KD_POSITIVE,                       \
    .meaning = "number of equal spin copies that each state stands for", .reference = ""           \
  }

/// Range of the lengths of cells, angstrom.
#define KD_CELL_LENGTH .min = 1e-6, .max = 1e9, .min_open = true

#define KD_LATTICE_CONSTANT_ROW                                                                    \
  {                                                                                                \
    .key = "lattice_constant", .type = KD_REAL, .unit = "angstrom", .natural_fallback = "1",       \
    KD_CELL_LENGTH, .meaning = "distance between neighboring cells", .reference = ""               \
  }

#define KD_K_MAX_ROW                                                                               \
  {                                                                                                \
    .key = "k_max", .type = KD_REALS, .unit = "1/angstrom", KD_POSITIVE,                           \
    .meaning = "half width of the k box [-k_max, k_max), one number or one per axis; with "        \
               "`grid.r` f must vanish at its edge",                                               \
    .reference = ""                                                                                \
  }

#endif
