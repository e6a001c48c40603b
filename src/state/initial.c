#include "state/initial.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/modes.h"
#include "core/packing.h"
#include "keldrift/output.h"

const char *const kd_density_units[] = {"angstrom^-3", "angstrom^-2", "angstrom^-1", NULL};

kd_status kd_state_create(const kd_model *model, size_t n_r, kd_state **result) {
  kd_status status = KD_OK;
  kd_state *state = NULL;
  *result = NULL;
  KD_ALLOCATE(state, 1);
  state->n_r = n_r;
  KD_ALLOCATE(state->f,
              n_r * kd_model_n_band(model) * kd_model_n_band(model) * kd_model_n_k(model));
  *result = state;
  state = NULL;

cleanup:
  kd_state_free(state);
  return status;
}

kd_status kd_state_add_phonons(kd_state *state, size_t n_phonon) {
  kd_status status = KD_OK;
  KD_ALLOCATE(state->phonon, n_phonon);
  state->n_phonon = n_phonon;

cleanup:
  return status;
}

void kd_state_free(kd_state *state) {
  if (!state) return;
  kd_free(state->phonon);
  kd_free(state->f);
  kd_free(state);
}

kd_status kd_initial_read_thermal(const kd_initial_setting *setting, kd_occupation *o) {
  const kd_section *section = setting->section;
  const kd_model *model = setting->model;
  const bool has_mu = kd_section_has(section, "chemical_potential");
  const bool has_filling = kd_section_has(section, "filling");
  const bool has_density = kd_section_has(section, "density");
  if (has_mu + has_filling + has_density != 1)
    return kd_section_error(section, NULL,
                            "%d of chemical_potential, filling and density are given (expected "
                            "exactly one)",
                            has_mu + has_filling + has_density);
  o->statistics = setting->statistics;
  o->kt = setting->constants.k_boltzmann * kd_section_real(section, "temperature");
  o->tolerance = setting->tolerance;
  o->at_mu = 0.5;
  if (has_mu) {
    o->mu = kd_section_real(section, "chemical_potential");
    return kd_occupation_check(o, setting->energy, kd_model_n_band(model) * kd_model_n_k(model),
                               section, "chemical_potential");
  }
  double filling;
  const char *key = has_filling ? "filling" : "density";
  if (has_filling) {
    filling = kd_section_real(section, "filling");
  } else {
    const char *unit = kd_section_unit(section, "density");
    const char *due = kd_density_units[3 - kd_model_n_dim(model)];
    if (unit && strcmp(unit, due) != 0)
      return kd_section_error(section, "density",
                              "a density in %s (expected one in %s for a model of %zu dimensions)",
                              unit, due, kd_model_n_dim(model));
    filling = kd_section_real(section, "density") * kd_model_cell_volume(model) /
              kd_model_spin_degeneracy(model);
  }
  if (kd_occupation_fill(o, setting->energy, kd_model_n_k(model), kd_model_n_band(model),
                         filling) != KD_OK)
    return o->statistics == KD_FERMION
               ? kd_section_error(section, key,
                                  "%s (expected 0 to %zu particles per cell and spin)",
                                  kd_error_message(), kd_model_n_band(model))
               : kd_section_error(section, key, "%s", kd_error_message());
  return KD_OK;
}

// --- equilibrium --------------------------------------------------------------------------------

static kd_status equilibrium_create(const kd_initial_setting *setting, kd_reference *reference,
                                    double *f) {
  (void)f;
  reference->rule = KD_REFERENCE_ENERGY;
  return kd_initial_read_thermal(setting, &reference->occupation);
}

static const kd_initial_kind equilibrium = {
    .variant = {.kind = "equilibrium",
                .meaning = "thermal equilibrium of H_k",
                .rows = (const kd_param[]){KD_INITIAL_TEMPERATURE_ROW,
                                           KD_INITIAL_FILLING_ROWS,
                                           {.key = NULL}}},
    .create = equilibrium_create,
    .is_reference = true};

// --- bands --------------------------------------------------------------------------------------

static kd_status bands_create(const kd_initial_setting *setting, kd_reference *reference,
                              double *f) {
  (void)f;
  kd_status status = KD_OK;
  const size_t n_band = kd_model_n_band(setting->model);
  size_t count;
  const double *given = kd_section_reals(setting->section, "occupation", &count);
  if (count != n_band)
    return kd_section_error(setting->section, "occupation",
                            "%zu numbers (expected %zu, one per "
                            "band from the lowest)",
                            count, n_band);
  for (size_t n = 0; n < count; n++)
    if (given[n] < 0 || (setting->statistics == KD_FERMION && given[n] > 1))
      return kd_section_error(setting->section, "occupation",
                              "%g of band %zu is no occupation "
                              "(expected %s)",
                              given[n], n,
                              setting->statistics == KD_FERMION ? "0 to 1" : "0 or more");
  reference->rule = KD_REFERENCE_BAND;
  reference->occupation.tolerance = setting->tolerance;
  KD_ALLOCATE(reference->band, n_band);
  memcpy(reference->band, given, n_band * sizeof *given);

cleanup:
  return status;
}

static const kd_initial_kind bands = {
    .variant = {.kind = "bands",
                .meaning = "the same occupation of a band at every k",
                .rows = (const kd_param[]){{.key = "occupation",
                                            .type = KD_REALS,
                                            .meaning = "one number per band, from the lowest"},
                                           {.key = NULL}}},
    .create = bands_create,
    .is_reference = true};

// --- excited ------------------------------------------------------------------------------------

static kd_status excited_create(const kd_initial_setting *setting, kd_reference *reference,
                                double *f) {
  (void)f;
  kd_occupation *o = &reference->occupation;
  reference->rule = KD_REFERENCE_ENERGY;
  KD_TRY(kd_initial_read_thermal(setting, o));
  o->energy = kd_section_real(setting->section, "energy");
  o->width = kd_section_real(setting->section, "width");
  o->amplitude = kd_section_real(setting->section, "amplitude");
  return KD_OK;
}

static const kd_initial_kind excited = {
    .variant = {.kind = "excited",
                .meaning =
                    "thermal equilibrium plus a Gaussian in energy: f + g (1 - f) for g > 0, "
                    "f + g f for g < 0 (fermions), g = amplitude exp(-(e - energy)^2/(2 "
                    "width^2))",
                .rows =
                    (const kd_param[]){
                        KD_INITIAL_TEMPERATURE_ROW,
                        KD_INITIAL_FILLING_ROWS,
                        {.key = "energy",
                         .type = KD_REAL,
                         .unit = "eV",
                         .meaning = "center of the excitation"},
                        {.key = "width",
                         .type = KD_REAL,
                         .unit = "eV",
                         KD_POSITIVE,
                         .meaning = "standard deviation of the excitation"},
                        {.key = "amplitude",
                         .type = KD_REAL,
                         .min = -1,
                         .max = 1,
                         .meaning = "part of the free states that it fills, or, negative, of the "
                                    "filled states that it empties"},
                        {.key = NULL}}},
    .create = excited_create,
    .is_reference = true};

// --- file ---------------------------------------------------------------------------------------

/// Points and lengths of the R grid of a result; none without.
static kd_status read_space(const char *path, size_t *n_dim, size_t points[3], double length[3]) {
  size_t rank, size[KD_MAX_AXES + 1];
  bool is_complex;
  double *r = NULL;
  *n_dim = 0;
  const kd_status status = kd_result_read(path, "/grid/r", &rank, size, &is_complex, &r);
  if (status != KD_OK) return status == KD_ERROR_SCENARIO ? KD_OK : status;
  if (rank >= 2 && rank <= 4 && !is_complex && size[rank - 1] == rank - 1) {
    *n_dim = rank - 1;
    for (size_t d = 0; d < *n_dim; d++) {
      points[d] = size[d];
      length[d] = -2 * r[d]; // the grid begins at -L/2
    }
  }
  kd_free(r);
  return KD_OK;
}

/// "[5, 9, 1, 1]"
static void show_shape(size_t rank, const size_t *size, size_t bytes, char *text) {
  snprintf(text, bytes, "[");
  for (size_t d = 0; d < rank; d++) {
    const size_t used = strlen(text);
    snprintf(text + used, bytes - used, "%s%zu", d ? ", " : "", size[d]);
  }
  const size_t used = strlen(text);
  snprintf(text + used, bytes - used, "]");
}

/// Finds whether f of a result is on the grids of the run.
/// @param is_in_space  receives whether it is resolved in R
/// @param n_record     receives the number of its snapshots
static kd_status check_grids(const kd_initial_setting *setting, const char *path, bool *is_in_space,
                             size_t *n_record) {
  const kd_section *section = setting->section;
  const kd_model *model = setting->model;
  const kd_space *space = setting->space;
  const size_t n = kd_model_n_band(model), n_dim = kd_model_n_dim(model);
  size_t rank, size[KD_MAX_AXES + 1], n_dim_r, points[3];
  double length[3];
  bool is_complex;
  kd_status status = kd_result_shape(path, "/snapshots/f", &rank, size, &is_complex);
  if (status == KD_OK) status = read_space(path, &n_dim_r, points, length);
  if (status == KD_ERROR_SCENARIO)
    return kd_section_error(section, "file", "%s", kd_error_message());
  if (status != KD_OK) return kd_section_file_error(section, "file", "%s", kd_error_message());
  bool fits = rank == 1 + n_dim_r + n_dim + 2 && is_complex && size[0] > 0 && size[rank - 1] == n &&
              size[rank - 2] == n;
  for (size_t d = 0; d < n_dim_r && fits; d++) fits = size[1 + d] == points[d];
  for (size_t d = 0; d < n_dim && fits; d++) fits = size[1 + n_dim_r + d] == kd_model_n(model)[d];
  if (!fits) {
    char shape[240];
    show_shape(rank, size, sizeof shape, shape);
    return kd_section_error(section, "file",
                            "\"%s\": /snapshots/f is %s, %s (expected [snapshot, %sthe k grid of "
                            "`grid.k`, %zu, %zu], complex)",
                            path, shape, is_complex ? "complex" : "real", n_dim_r > 0 ? "R, " : "",
                            n, n);
  }
  *n_record = size[0];
  *is_in_space = n_dim_r > 0;
  if (n_dim_r == 0) return KD_OK;
  if (kd_space_n_dim(space) == 0)
    return kd_section_error(section, "file",
                            "\"%s\": f depends on R (expected a result without grid.r, or grid.r "
                            "as there)",
                            path);
  fits = n_dim_r == kd_space_n_dim(space);
  for (size_t d = 0; d < n_dim_r && fits; d++) fits = points[d] == kd_space_n(space)[d];
  if (!fits) {
    char here[80], there[80];
    show_shape(n_dim_r, points, sizeof there, there);
    show_shape(kd_space_n_dim(space), kd_space_n(space), sizeof here, here);
    return kd_section_error(section, "file", "\"%s\": %s points of R (expected %s, as in grid.r)",
                            path, there, here);
  }
  for (size_t d = 0; d < n_dim_r; d++) {
    const double expected = kd_space_length(space)[d];
    if (points[d] > 1 && !(fabs(length[d] - expected) <= 1e-9 * expected))
      return kd_section_error(section, "file",
                              "\"%s\": an R box of length %.9g in direction %zu (expected %.9g, as "
                              "in grid.r)",
                              path, length[d], d, expected);
  }
  return KD_OK;
}

/// The Hermitian part of [n_k][n_band][n_band] pairs of numbers, packed.
static kd_status take_matrices(const kd_initial_setting *setting, const char *path,
                               const double *data, double *f) {
  kd_status status = KD_OK;
  const size_t n = kd_model_n_band(setting->model), n_k = kd_model_n_k(setting->model);
  double complex *matrix = NULL;
  KD_ALLOCATE(matrix, n * n);
  for (size_t k = 0; k < n_k; k++) {
    const double *source = data + 2 * n * n * k;
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        const double re = 0.5 * (source[2 * (i * n + j)] + source[2 * (j * n + i)]);
        const double im = 0.5 * (source[2 * (i * n + j) + 1] - source[2 * (j * n + i) + 1]);
        if (!isfinite(re) || !isfinite(im)) {
          status = kd_section_error(setting->section, "file",
                                    "\"%s\": /snapshots/f is not finite at k point "
                                    "%zu",
                                    path, k);
          goto cleanup;
        }
        matrix[i * n + j] = re + I * im;
      }
    kd_pack(matrix, n, n_k, k, f);
  }

cleanup:
  kd_free(matrix);
  return status;
}

/// Whether n(R) of a record is more at the ends of R than a packet leaves there.
static kd_status fills_space(const kd_initial_setting *setting, const char *path, size_t record,
                             bool *result) {
  const double negligible = 1e-3;
  const size_t *n = kd_space_n(setting->space);
  size_t rank, size[KD_MAX_AXES + 1], count = 1;
  bool is_complex;
  double *density = NULL, largest = 0, edge = 0;
  *result = true;
  const kd_status status = kd_result_shape(path, "/snapshots/density", &rank, size, &is_complex);
  if (status != KD_OK) return status == KD_ERROR_SCENARIO ? KD_OK : status;
  for (size_t d = 1; d < rank; d++) count *= size[d];
  if (is_complex || count != kd_space_n_r(setting->space) || record >= size[0]) return KD_OK;
  KD_TRY(kd_result_read_record(path, "/snapshots/density", record, 0, 0, 0, &is_complex, &density));
  for (size_t i = 0; i < count; i++) {
    largest = fmax(largest, fabs(density[i]));
    if (kd_is_at_face(i, n)) edge = fmax(edge, fabs(density[i]));
  }
  *result = edge > negligible * largest;
  kd_free(density);
  return KD_OK;
}

static kd_status file_create(const kd_initial_setting *setting, kd_reference *reference,
                             double *f) {
  kd_status status = KD_OK;
  const kd_section *section = setting->section;
  const size_t n = kd_model_n_band(setting->model), n_k = kd_model_n_k(setting->model);
  const char *path = kd_section_text(section, "file");
  size_t first, n_r, n_record;
  bool is_in_space, is_complex;
  double *data = NULL;
  if (kd_section_has(section, "temperature")) {
    reference->rule = KD_REFERENCE_ENERGY;
    KD_TRY(kd_initial_read_thermal(setting, &reference->occupation));
  } else {
    reference->rule = KD_REFERENCE_ZERO;
  }
  KD_TRY(check_grids(setting, path, &is_in_space, &n_record));
  const long given = kd_section_integer(section, "snapshot");
  const long index = given < 0 ? given + (long)n_record : given;
  if (index < 0 || index >= (long)n_record)
    return kd_section_error(section, "snapshot", "%ld (expected %ld to %ld)", given,
                            -(long)n_record, (long)n_record - 1);
  kd_space_slab(setting->space, &first, &n_r);
  status = kd_result_read_record(path, "/snapshots/f", (size_t)index,
                                 is_in_space ? kd_space_n_dim(setting->space) : 0, first, n_r,
                                 &is_complex, &data);
  reference->fills_space = true;
  if (status == KD_OK && is_in_space)
    status = fills_space(setting, path, (size_t)index, &reference->fills_space);
  if (status != KD_OK) {
    status = kd_section_file_error(section, "file", "%s", kd_error_message());
    goto cleanup;
  }
  for (size_t r = 0; r < n_r; r++) {
    double *here = f + r * n * n * n_k;
    if (r == 0 || is_in_space)
      KD_CHECK(take_matrices(setting, path, data + 2 * r * n * n * n_k, here));
    else
      memcpy(here, f, n * n * n_k * sizeof *f);
  }

cleanup:
  kd_free(data);
  return status;
}

static const kd_initial_kind file = {
    .variant =
        {.kind = "file",
         .meaning = "a snapshot of an earlier result on the same grids of k and R, or, of one "
                    "without `grid.r`, "
                    "the same at every R; its Hermitian part is taken",
         .rows =
             (const kd_param[]){
                 {.key = "file", .type = KD_PATH, .meaning = "result file with /snapshots/f"},
                 {.key = "snapshot",
                  .type = KD_INTEGER,
                  .fallback = "-1",
                  KD_ANY_RANGE,
                  .meaning = "index of the snapshot; negative counts from the end"},
                 {.key = "temperature",
                  .type = KD_REAL,
                  .unit = "K",
                  .fallback = KD_UNSET,
                  KD_NON_NEGATIVE,
                  .meaning = "k.p models: what drifts in at an edge is equilibrium at this "
                             "temperature (and one of the next three); default: nothing"},
                 KD_INITIAL_FILLING_ROWS,
                 {.key = NULL}}},
    .create = file_create,
    .is_in_space = true};

// ------------------------------------------------------------------------------------------------

const kd_variant *const kd_initial_variants[] = {&equilibrium.variant,
                                                 &bands.variant,
                                                 &excited.variant,
                                                 &kd_initial_gaussian.variant,
                                                 &kd_initial_cat.variant,
                                                 &kd_initial_local_equilibrium.variant,
                                                 &kd_initial_half_spaces.variant,
                                                 &kd_initial_shell.variant,
                                                 &file.variant,
                                                 NULL};

kd_status kd_initial_create(const kd_scenario *scenario, kd_model *model, const kd_space *space,
                            kd_state **state_result, kd_reference **reference_result) {
  kd_status status = KD_OK;
  const kd_section *root = kd_scenario_root(scenario);
  const size_t n_band = kd_model_n_band(model), n_k = kd_model_n_k(model);
  kd_state *state = NULL;
  kd_reference *reference = NULL;
  *state_result = NULL;
  *reference_result = NULL;
  const size_t n = n_band * n_band * n_k;
  size_t first, n_r;
  kd_space_slab(space, &first, &n_r);
  KD_CHECK(kd_state_create(model, n_r, &state));
  KD_ALLOCATE(reference, 1);
  reference->n_band = n_band;
  reference->n_k = n_k;
  reference->is_periodic = kd_model_is_periodic(model);
  KD_ALLOCATE(reference->hamiltonian, n_band * n_band * n_k);
  KD_ALLOCATE(reference->energy, n_band * n_k);
  KD_ALLOCATE(reference->vector, n_band * n_band * n_k);
  const kd_model_part part = {.energy = 1};
  const double origin[3] = {0};
  kd_model_sample(model, origin, &part, reference->hamiltonian);
  KD_CHECK(
      kd_eigen_field(n_band, n_k, reference->hamiltonian, reference->energy, reference->vector));

  const kd_initial_setting setting = {
      .section = kd_section_child(root, "initial"),
      .model = model,
      .space = space,
      .constants = kd_scenario_constants(scenario),
      .statistics = kd_statistics_named(kd_section_text(root, "statistics")),
      .energy = reference->energy,
      .vector = reference->vector,
      .tolerance = kd_eigen_tolerance(n_band * n_k, reference->energy)};
  const kd_initial_kind *kind = (const kd_initial_kind *)kd_section_variant(setting.section);
  KD_CHECK(kind->create(&setting, reference, state->f));
  if (kind->is_reference) KD_CHECK(kd_reference_sample(reference, model, origin, state->f));
  for (size_t r = 1; r < n_r && !kind->is_in_space; r++)
    memcpy(state->f + r * n, state->f, n * sizeof *state->f);
  *state_result = state;
  *reference_result = reference;
  state = NULL;
  reference = NULL;

cleanup:
  kd_state_free(state);
  kd_reference_free(reference);
  return status;
}
