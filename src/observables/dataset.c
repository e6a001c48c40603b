#include "observables/dataset.h"

#include <string.h>

// --- rows -------------------------------------------------------------------------------------

static const char IN_SPACE[] = "with `grid.r`", WITH_CONTACTS[] = "with `contacts`";
static const char WITH_MEAN_FIELD[] = "with `mean_field`";
static const char WITH_PHONONS[] = "with phonons that are unknowns";
static const char WITH_OBSERVABLES[] = "with `observables`";
static const char CURRENT_OF[] = "with `current_of`";

const kd_dataset kd_user_datasets[] = {{.name = "user/NAME",
                                        .unit = "1",
                                        .long_name = "g_s (1/N_k) sum_k Tr(O f) per cell",
                                        .when = WITH_OBSERVABLES},
                                       {.name = "user/NAME",
                                        .unit = "angstrom/fs",
                                        .long_name = "g_s (1/N_k) sum_k Tr({v, O} f)/2 per cell",
                                        .when = CURRENT_OF},
                                       {.name = NULL}};

const kd_dataset kd_mean_field_datasets[] = {
    {.name = "mean_field_energy",
     .unit = "eV",
     .long_name =
         "g_s (1/2N_k) sum_k Tr(Sigma (f - f_0)) per cell, a part of energy; Sigma = S[f - f_0]",
     .when = WITH_MEAN_FIELD},
    {.name = "energy",
     .unit = "eV",
     .long_name = "energy per cell, g_s (1/N_k) sum_k Tr(H f) and that of the mean field",
     .when = WITH_MEAN_FIELD},
    {.name = NULL}};

const kd_dataset kd_contact_datasets[] = {
    {.name = "contact_number",
     .axes = "contact",
     .unit = "1",
     .long_name = "particles that came in through the contact",
     .when = WITH_CONTACTS,
     .note =
         "since the start, with spin; negative: went out; the integral of `contact_current` over "
         "the charge"},
    {.name = "contact_current",
     .axes = "contact",
     .unit = "e/fs",
     .long_name =
         "current that comes in through the contact, charge integral dR gamma (n_c - n), and what "
         "flows between contacts through the end of the box",
     .when = WITH_CONTACTS,
     .note = "the current from the contact into the device where n(R) in the contact is steady"},
    {.name = NULL}};

const kd_dataset kd_phonon_datasets[] = {
    {.name = "phonon_number",
     .axes = "branch",
     .unit = "1",
     .long_name = "phonons per cell of a branch, (1/N_k) sum_q N(q)",
     .when = WITH_PHONONS},
    {.name = "phonon_energy",
     .axes = "branch",
     .unit = "eV",
     .long_name = "energy of a branch per cell without that of the zero point, (1/N_k) sum_q hbar "
                  "omega_q N(q)",
     .when = WITH_PHONONS},
    {.name = "phonon_temperature",
     .axes = "branch",
     .unit = "K",
     .long_name = "temperature at which the branch in equilibrium would have its energy",
     .when = WITH_PHONONS},
    {.name = "phonon_momentum",
     .axes = "branch direction",
     .unit = "1/angstrom",
     .long_name = "crystal momentum of a branch per cell, (1/N_k) sum_q q N(q), q the shortest "
                  "vector",
     .when = WITH_PHONONS},
    {.name = "phonon_loss",
     .axes = "branch",
     .unit = "eV/fs",
     .long_name = "energy per time and cell that the branch gives to the lattice by its relaxation",
     .when = WITH_PHONONS},
    {.name = NULL}};

const kd_dataset kd_snapshot_datasets[] = {
    {.name = "f",
     .axes = "r k orbital orbital_2",
     .unit = "1",
     .is_complex = true,
     .long_name = "one-body density matrix f_nm(k), orbital basis",
     .note = "interpolated to the grid of the model"},
    {.name = "population_k",
     .axes = "r k band",
     .unit = "1",
     .long_name = "band population at k",
     .note = "outside [0, 1] where the grid does not resolve f ([numerics.md](numerics.md))"},
    {.name = "density",
     .axes = "r",
     .rule = KD_BY_DIMENSION_OF_K,
     .units = {"1/angstrom", "1/angstrom^2", "1/angstrom^3"},
     .long_name = "density n(R), spins included, per volume of the dimensions of k",
     .when = IN_SPACE},
    {.name = "current_density",
     .axes = "r direction",
     .rule = KD_BY_DIMENSION_OF_K,
     .units = {"e/fs", "e/(angstrom fs)", "e/(angstrom^2 fs)"},
     .long_name = "current density j(R), spins included",
     .when = IN_SPACE},
    {.name = "momentum_density",
     .axes = "k",
     .rule = KD_BY_DIMENSION_OF_R,
     .units = {"angstrom", "angstrom^2", "angstrom^3"},
     .long_name = "momentum density n(k) = g_s int dR Tr f/(2 pi)^d, d the dimension of k",
     .when = IN_SPACE,
     .note = "∫dk n(k) = ∫dR n(R)"},
    {.name = NULL}};

const kd_dataset kd_phonon_snapshot_datasets[] = {
    {.name = "phonon_number_q",
     .axes = "phonon_mode q",
     .unit = "1",
     .long_name = "occupation N(q) of the phonon modes",
     .when = WITH_PHONONS},
    {.name = NULL}};

const kd_dataset kd_grid_datasets[] = {
    {.name = "k", .axes = "k direction", .unit = "1/angstrom", .long_name = "k points, Cartesian"},
    {.name = "r",
     .axes = "r direction_r",
     .unit = "angstrom",
     .long_name = "R points, Cartesian",
     .when = IN_SPACE},
    {.name = NULL}};

const kd_dataset kd_model_datasets[] = {
    {.name = "energy", .axes = "k band", .unit = "eV", .long_name = "band energies"},
    {.name = "eigenvector",
     .axes = "k orbital band",
     .unit = "1",
     .is_complex = true,
     .long_name = "eigenvectors S of H_k, [orbital][band]",
     .note = "H S = S diag(energy); phases, and bases of degenerate levels, are arbitrary"},
    {.name = "velocity",
     .axes = "k direction orbital orbital_2",
     .unit = "angstrom/fs",
     .is_complex = true,
     .long_name = "velocity matrices (1/hbar)(dH/dk + i [H, r]), orbital basis",
     .note = "in the band basis: S†vS"},
    {.name = NULL}};

static const char STEADY_SOURCE[] = "Trukhan and Protik, eqs. 56, 58";
static const char CONDUCTIVITY[] = "e angstrom^2/(V fs)";

const kd_dataset kd_steady_datasets[] = {
    {.name = "conductivity",
     .axes = "direction direction_2",
     .unit = CONDUCTIVITY,
     .long_name = "dc conductivity J_i/E_j per cell",
     .reference = STEADY_SOURCE,
     .note = "J as in `/traces/current`"},
    {.name = "conductivity_population",
     .axes = "direction direction_2",
     .unit = CONDUCTIVITY,
     .long_name = "its part from band populations",
     .reference = STEADY_SOURCE},
    {.name = "conductivity_coherence",
     .axes = "direction direction_2",
     .unit = CONDUCTIVITY,
     .long_name = "its part from coherences",
     .reference = STEADY_SOURCE},
    {.name = "delta_f",
     .axes = "direction_2 k orbital orbital_2",
     .unit = "angstrom/V",
     .is_complex = true,
     .long_name = "response of f per unit field, orbital basis"},
    {.name = NULL}};

const kd_dataset kd_steady_user_datasets[] = {
    {.name = "user/NAME",
     .axes = "direction_2",
     .unit = "angstrom/V",
     .long_name = "response of the observable per unit field",
     .when = WITH_OBSERVABLES},
    {.name = "user/NAME",
     .axes = "direction_2",
     .unit = "angstrom^2/(V fs)",
     .long_name = "response of the observable per unit field",
     .when = CURRENT_OF},
    {.name = NULL}};

const kd_dataset_group kd_dataset_groups[] = {
    {.path = "/traces",
     .is_series = true,
     .tables = {kd_mean_field_datasets, kd_user_datasets, kd_contact_datasets, kd_phonon_datasets}},
    {.path = "/snapshots",
     .is_series = true,
     .tables = {kd_snapshot_datasets, kd_phonon_snapshot_datasets}},
    {.path = "/grid", .tables = {kd_grid_datasets}},
    {.path = "/model", .tables = {kd_model_datasets}},
    {.path = "/steady", .tables = {kd_steady_datasets, kd_steady_user_datasets}},
    {.path = NULL}};

const kd_axis_row kd_axis_rows[] = {
    {.name = "r", .names = {"x", "y", "z"}, .unit = "angstrom", .long_name = "position in the box"},
    {.name = "k",
     .names = {"k1", "k2", "k3"},
     .unit = "1",
     .long_name = "position along an edge of the k domain, as a fraction of it",
     .note = "0 … 1 on a lattice, −½ … ½ in a box"},
    {.name = "q",
     .names = {"q1", "q2", "q3"},
     .unit = "1",
     .long_name = "phonon momentum along an edge of the k domain, as a fraction of it",
     .note = "from 0 up, then the negative ones"},
    {.name = "band", .unit = "1", .long_name = "band, from the lowest"},
    {.name = "band_2", .unit = "1", .long_name = "band, from the lowest"},
    {.name = "orbital", .unit = "1", .long_name = "orbital"},
    {.name = "orbital_2", .unit = "1", .long_name = "orbital"},
    {.name = "direction", .unit = "1", .long_name = "Cartesian direction"},
    {.name = "direction_2", .unit = "1", .long_name = "Cartesian direction of the field"},
    {.name = "direction_r", .unit = "1", .long_name = "Cartesian direction"},
    {.name = "contact", .unit = "1", .long_name = "contact, in the order of the scenario"},
    {.name = "branch", .unit = "1", .long_name = "dynamic phonon term, in the order of the list"},
    {.name = "phonon_mode",
     .unit = "1",
     .long_name = "mode: the couplings of the vertices of one branch after the other"},
    {.name = NULL}};

// --- variables --------------------------------------------------------------------------------

/// The row of an axis whose name has `length` characters; that of the end if there is none.
static const kd_axis_row *find_axis(const char *name, size_t length) {
  const kd_axis_row *row = kd_axis_rows;
  while (row->name && (strlen(row->name) != length || strncmp(row->name, name, length) != 0)) row++;
  return row;
}

static size_t size_of(const char *axis, const kd_extents *e) {
  if (strncmp(axis, "band", 4) == 0 || strncmp(axis, "orbital", 7) == 0) return e->n_band;
  if (strcmp(axis, "contact") == 0) return e->n_contact;
  if (strcmp(axis, "branch") == 0) return e->n_branch;
  if (strcmp(axis, "phonon_mode") == 0) return e->n_mode;
  return strcmp(axis, "direction_r") == 0 ? e->n_dim_r : e->n_dim_k;
}

static void add_axes(const kd_axis_row *row, const kd_extents *e, kd_variable *v) {
  const char *unit = e->is_natural ? "1" : row->unit;
  // A name without a row: the writer refuses it.
  if (!row->name) {
    v->axis[v->n_axis++] = (kd_axis){.name = ""};
    return;
  }
  const bool is_r = strcmp(row->name, "r") == 0, is_q = strcmp(row->name, "q") == 0;
  if (!row->names[0]) {
    v->axis[v->n_axis++] = (kd_axis){.name = row->name,
                                     .size = size_of(row->name, e),
                                     .unit = unit,
                                     .long_name = row->long_name};
    return;
  }
  if (is_r) {
    v->n_shared = e->n_dim_r;
    v->first = e->first_r;
    v->count = e->count_r;
  }
  const size_t *n = is_r ? e->n_r : is_q ? e->n_q : e->n_k;
  const double *const *coordinates = is_r ? e->r : is_q ? e->q : e->k;
  for (size_t i = 0; i < (is_r ? e->n_dim_r : e->n_dim_k); i++)
    v->axis[v->n_axis++] = (kd_axis){.name = row->names[i],
                                     .size = n[i],
                                     .coordinates = coordinates[i],
                                     .unit = unit,
                                     .long_name = row->long_name};
}

kd_variable kd_dataset_variable(const kd_dataset *row, const kd_extents *e, const void *data) {
  kd_variable v = {.name = row->name,
                   .unit = row->unit,
                   .long_name = row->long_name,
                   .reference = row->reference,
                   .is_complex = row->is_complex,
                   .data = data};
  if (row->rule != KD_ONE_UNIT)
    v.unit = row->units[(row->rule == KD_BY_DIMENSION_OF_K ? e->n_dim_k : e->n_dim_r) - 1];
  if (e->is_natural) v.unit = "1";
  for (const char *axis = row->axes ? row->axes : ""; *axis;) {
    const size_t length = strcspn(axis, " ");
    add_axes(find_axis(axis, length), e, &v);
    axis += length + strspn(axis + length, " ");
  }
  return v;
}
