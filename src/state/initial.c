#include "state/initial.h"

#include <math.h>
#include <string.h>

#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"
#include "keldrift/output.h"

#define TEMPERATURE_ROW                                                                            \
  {                                                                                                \
    .key = "temperature", .type = KD_REAL, .unit = "K", KD_NON_NEGATIVE,                           \
    .meaning = "temperature; 0: ground state. An energy under natural units"                       \
  }
/// Densities per volume, area and length; the dimension of the model says which is due.
static const char *const DENSITY_UNITS[] = {"angstrom^-3", "angstrom^-2", "angstrom^-1", NULL};

#define FILLING_ROWS                                                                               \
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
    .key = "density", .type = KD_REAL, .unit = "angstrom^-3", .other_units = DENSITY_UNITS + 1,    \
    .fallback = KD_UNSET, KD_NON_NEGATIVE,                                                         \
    .meaning = "particles per length, area or volume, spins included (\"1e12 cm^-2\")"             \
  }

kd_status kd_state_create(const kd_model *model, kd_state **result) {
  kd_status status = KD_OK;
  kd_state *state = NULL;
  *result = NULL;
  KD_ALLOCATE(state, 1);
  KD_ALLOCATE(state->f, kd_model_n_band(model) * kd_model_n_band(model) * kd_model_n_k(model));
  *result = state;
  state = NULL;

cleanup:
  kd_state_free(state);
  return status;
}

void kd_state_free(kd_state *state) {
  if (!state) return;
  kd_free(state->f);
  kd_free(state);
}

/// Reads temperature and chemical potential, filling or density into the occupation.
static kd_status read_thermal(const kd_initial_setting *setting, kd_occupation *o) {
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
    if (o->statistics == KD_BOSON) {
      const size_t n = kd_model_n_band(model);
      for (size_t k = 0; k < kd_model_n_k(model); k++)
        if (setting->energy[k * n] <= o->mu)
          return kd_section_error(section, "chemical_potential",
                                  "%g eV is not below the lowest level, %g eV (expected: bosons "
                                  "have no equilibrium otherwise)",
                                  o->mu, setting->energy[k * n]);
    }
    return KD_OK;
  }
  double filling;
  const char *key = has_filling ? "filling" : "density";
  if (has_filling) {
    filling = kd_section_real(section, "filling");
  } else {
    const char *unit = kd_section_unit(section, "density");
    const char *due = DENSITY_UNITS[3 - kd_model_n_dim(model)];
    if (unit && strcmp(unit, due) != 0)
      return kd_section_error(section, "density",
                              "a density in %s (expected one in %s for a model of %zu dimensions)",
                              unit, due, kd_model_n_dim(model));
    filling = kd_section_real(section, "density") * kd_model_cell_volume(model) /
              kd_model_spin_degeneracy(model);
  }
  if (kd_occupation_fill(o, setting->energy, kd_model_n_k(model), kd_model_n_band(model),
                         filling) != KD_OK)
    return kd_section_error(section, key, "%s (expected 0 to %zu particles per cell and spin)",
                            kd_error_message(), kd_model_n_band(model));
  return KD_OK;
}

// --- equilibrium --------------------------------------------------------------------------------

static kd_status equilibrium_create(const kd_initial_setting *setting, kd_reference *reference,
                                    double *f) {
  (void)f;
  reference->rule = KD_REFERENCE_ENERGY;
  return read_thermal(setting, &reference->occupation);
}

static const kd_initial_kind equilibrium = {
    .variant = {.kind = "equilibrium",
                .meaning = "thermal equilibrium of H_k",
                .rows = (const kd_param[]){TEMPERATURE_ROW, FILLING_ROWS, {.key = NULL}}},
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
  KD_TRY(read_thermal(setting, o));
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
                        TEMPERATURE_ROW,
                        FILLING_ROWS,
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

// --- gaussian -----------------------------------------------------------------------------------

/// Projector on the degenerate group of level `band` at one k.
static void project(size_t n, const double *energy, const double complex *s, double tolerance,
                    size_t band, double complex *projector) {
  size_t first[KD_MAX_BAND];
  kd_eigen_groups(n, energy, tolerance, first);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double complex sum = 0;
      for (size_t l = 0; l < n; l++)
        if (first[l] == first[band]) sum += s[i * n + l] * conj(s[j * n + l]);
      projector[i * n + j] = sum;
    }
}

/// psi(k) = P_band(k) u exp(-(k - k_0)^2 width^2), u the largest column of P_band(k_0): a momentum
/// spread of 1/(2 width). On a lattice the nearest periodic images are added.
static kd_status gaussian_create(const kd_initial_setting *setting, kd_reference *reference,
                                 double *f) {
  kd_status status = KD_OK;
  const kd_section *section = setting->section;
  kd_model *model = setting->model;
  const size_t n = kd_model_n_band(model), n_dim = kd_model_n_dim(model), n_k = kd_model_n_k(model);
  const long band = kd_section_integer(section, "band");
  const double width = kd_section_real(section, "width");
  double complex *matrix = NULL, *packed_vector = NULL;
  double *packed = NULL;
  double energy[KD_MAX_BAND];
  reference->rule = KD_REFERENCE_ZERO;
  if (band >= (long)n)
    return kd_section_error(section, "band", "%ld (expected 0 to %zu)", band, n - 1);
  size_t count;
  const double *momentum = kd_section_reals(section, "momentum", &count);
  if (count != n_dim)
    return kd_section_error(section, "momentum", "%zu components (expected %zu)", count, n_dim);

  // The spinor at the center, from a field of one point.
  KD_ALLOCATE(matrix, n * n);
  KD_ALLOCATE(packed, n * n);
  KD_ALLOCATE(packed_vector, n * n);
  const kd_model_part part = {.energy = 1};
  double center[3] = {0};
  memcpy(center, momentum, n_dim * sizeof *momentum);
  kd_model_at(model, center, &part, matrix);
  kd_pack(matrix, n, 1, 0, packed);
  KD_CHECK(kd_eigen_field(n, 1, packed, energy, packed_vector));
  project(n, energy, packed_vector, setting->tolerance, (size_t)band, matrix);
  size_t column = 0;
  for (size_t a = 1; a < n; a++)
    if (creal(matrix[a * n + a]) > creal(matrix[column * n + column]) * (1 + 1e-9)) column = a;
  double complex u[KD_MAX_BAND];
  for (size_t a = 0; a < n; a++)
    u[a] = matrix[a * n + column] / sqrt(creal(matrix[column * n + column]));

  const double *edge = kd_model_edges(model);
  const int reach = kd_model_is_periodic(model) ? 1 : 0;
  double total = 0;
  for (size_t k = 0; k < n_k; k++) {
    double point[3], amplitude = 0;
    kd_model_k(model, k, point);
    const int r1 = n_dim > 1 ? reach : 0, r2 = n_dim > 2 ? reach : 0;
    for (int i = -reach; i <= reach; i++)
      for (int j = -r1; j <= r1; j++)
        for (int l = -r2; l <= r2; l++) {
          const int image[3] = {i, j, l};
          double square = 0;
          for (size_t d = 0; d < 3; d++) {
            double x = point[d] - center[d];
            for (size_t axis = 0; axis < n_dim; axis++) x += image[axis] * edge[3 * axis + d];
            square += x * x;
          }
          amplitude += exp(-square * width * width);
        }
    project(n, setting->energy + k * n, setting->vector + k * n * n, setting->tolerance,
            (size_t)band, matrix);
    double complex psi[KD_MAX_BAND];
    for (size_t a = 0; a < n; a++) {
      psi[a] = 0;
      for (size_t b = 0; b < n; b++) psi[a] += amplitude * matrix[a * n + b] * u[b];
    }
    for (size_t a = 0; a < n; a++) {
      total += creal(psi[a]) * creal(psi[a]) + cimag(psi[a]) * cimag(psi[a]);
      for (size_t b = 0; b < n; b++) matrix[a * n + b] = psi[a] * conj(psi[b]);
    }
    kd_pack(matrix, n, n_k, k, f);
  }
  if (!(total > 0)) {
    status = kd_section_error(section, "momentum",
                              "the packet has no weight on the k grid (expected "
                              "a momentum inside the k domain and a width that the grid resolves)");
    goto cleanup;
  }
  const double scale =
      kd_section_real(section, "number") / kd_model_spin_degeneracy(model) * (double)n_k / total;
  for (size_t i = 0; i < n * n * n_k; i++) f[i] *= scale;

cleanup:
  kd_free(matrix);
  kd_free(packed);
  kd_free(packed_vector);
  return status;
}

static const kd_initial_kind gaussian = {
    .variant = {.kind = "gaussian",
                .meaning =
                    "a Gaussian packet in one band, psi(k) ~ P_n(k) u_n(k_0) exp(-(k - k_0)^2 "
                    "width^2); without an r grid its distribution over k",
                .rows =
                    (const kd_param[]){
                        {.key = "band",
                         .type = KD_INTEGER,
                         .fallback = "0",
                         KD_NON_NEGATIVE,
                         .meaning = "band, from 0 for the lowest"},
                        {.key = "momentum",
                         .type = KD_REALS,
                         .unit = "1/angstrom",
                         .meaning = "center k_0, one component per dimension"},
                        {.key = "width",
                         .type = KD_REAL,
                         .unit = "angstrom",
                         KD_POSITIVE,
                         .meaning =
                             "standard deviation of n(R); the momentum spread is 1/(2 width)"},
                        {.key = "number",
                         .type = KD_REAL,
                         .fallback = "1",
                         KD_POSITIVE,
                         .meaning = "number of particles, spins included"},
                        {.key = NULL}}},
    .create = gaussian_create};

// --- file ---------------------------------------------------------------------------------------

static kd_status file_create(const kd_initial_setting *setting, kd_reference *reference,
                             double *f) {
  kd_status status = KD_OK;
  const kd_section *section = setting->section;
  const kd_model *model = setting->model;
  const size_t n = kd_model_n_band(model), n_dim = kd_model_n_dim(model), n_k = kd_model_n_k(model);
  const char *path = kd_section_text(section, "file");
  size_t rank, size[KD_MAX_AXES + 1];
  bool is_complex;
  double *data = NULL;
  double complex *matrix = NULL;
  if (kd_section_has(section, "temperature")) {
    reference->rule = KD_REFERENCE_ENERGY;
    KD_TRY(read_thermal(setting, &reference->occupation));
  } else {
    reference->rule = KD_REFERENCE_ZERO;
  }
  status = kd_result_read(path, "/snapshots/f", &rank, size, &is_complex, &data);
  if (status != KD_OK) return kd_section_file_error(section, "file", "%s", kd_error_message());
  bool fits =
      rank == n_dim + 3 && is_complex && size[0] > 0 && size[rank - 1] == n && size[rank - 2] == n;
  for (size_t d = 0; d < n_dim && fits; d++) fits = size[d + 1] == kd_model_n(model)[d];
  if (!fits) {
    status = kd_section_error(section, "file",
                              "\"%s\": /snapshots/f does not have the shape of this "
                              "scenario (expected [snapshot, the k grid of `grid.k`, %zu, %zu], "
                              "complex)",
                              path, n, n);
    goto cleanup;
  }
  const long given = kd_section_integer(section, "snapshot");
  const long index = given < 0 ? given + (long)size[0] : given;
  if (index < 0 || index >= (long)size[0]) {
    status = kd_section_error(section, "snapshot", "%ld (expected %ld to %ld)", given,
                              -(long)size[0], (long)size[0] - 1);
    goto cleanup;
  }
  KD_ALLOCATE(matrix, n * n);
  for (size_t k = 0; k < n_k; k++) {
    const double *source = data + 2 * n * n * ((size_t)index * n_k + k);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        const double re = 0.5 * (source[2 * (i * n + j)] + source[2 * (j * n + i)]);
        const double im = 0.5 * (source[2 * (i * n + j) + 1] - source[2 * (j * n + i) + 1]);
        if (!isfinite(re) || !isfinite(im)) {
          status = kd_section_error(section, "file",
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
  kd_free(data);
  kd_free(matrix);
  return status;
}

static const kd_initial_kind file = {
    .variant =
        {.kind = "file",
         .meaning = "a snapshot of an earlier result on the same grid; its Hermitian part is taken",
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
                 FILLING_ROWS,
                 {.key = NULL}}},
    .create = file_create};

// ------------------------------------------------------------------------------------------------

const kd_variant *const kd_initial_variants[] = {
    &equilibrium.variant, &bands.variant, &excited.variant, &gaussian.variant, &file.variant, NULL};

kd_status kd_initial_create(const kd_scenario *scenario, kd_model *model, kd_state **state_result,
                            kd_reference **reference_result) {
  kd_status status = KD_OK;
  const kd_section *root = kd_scenario_root(scenario);
  const size_t n_band = kd_model_n_band(model), n_k = kd_model_n_k(model);
  kd_state *state = NULL;
  kd_reference *reference = NULL;
  *state_result = NULL;
  *reference_result = NULL;
  KD_CHECK(kd_state_create(model, &state));
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
      .constants = kd_scenario_constants(scenario),
      .statistics = kd_statistics_named(kd_section_text(root, "statistics")),
      .energy = reference->energy,
      .vector = reference->vector,
      .tolerance = kd_eigen_tolerance(n_band * n_k, reference->energy)};
  const kd_initial_kind *kind = (const kd_initial_kind *)kd_section_variant(setting.section);
  KD_CHECK(kind->create(&setting, reference, state->f));
  if (kind->is_reference) KD_CHECK(kd_reference_sample(reference, model, origin, state->f));
  *state_result = state;
  *reference_result = reference;
  state = NULL;
  reference = NULL;

cleanup:
  kd_state_free(state);
  kd_reference_free(reference);
  return status;
}
