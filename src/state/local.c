/// States that are thermal at every R: `local_equilibrium`, `half_spaces`.
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "space/formula.h"
#include "state/initial.h"
#include "state/thermal.h"

/// f(R) := the thermal function of `o` for every component at point r.
static void set_point(const kd_initial_setting *setting, const kd_occupation *o, size_t r,
                      double *f) {
  const kd_model *model = setting->model;
  const kd_bands bands = {.n_band = kd_model_n_band(model),
                          .n_k = kd_model_n_k(model),
                          .energy = (double *)setting->energy,
                          .vector = (double complex *)setting->vector,
                          .tolerance = setting->tolerance};
  kd_thermal_field(&bands, o, f + r * bands.n_band * bands.n_band * bands.n_k);
}

static kd_status needs_space(const kd_initial_setting *setting) {
  if (kd_space_n_dim(setting->space) > 0) return KD_OK;
  return kd_section_error(setting->section, "kind",
                          "a state that varies in R without an R grid (expected grid.r)");
}

/// A profile at every R, all ones (or zeros) if the key is not given.
static kd_status read_profile(const kd_initial_setting *setting, const char *key, double fallback,
                              double *values) {
  kd_status status = KD_OK;
  kd_expression *expression = NULL;
  const bool is_given = kd_section_has(setting->section, key);
  if (is_given) KD_TRY(kd_space_formula(setting->space, setting->section, key, &expression));
  for (size_t r = 0; r < kd_space_n_r(setting->space); r++) {
    double at[3];
    kd_space_r(setting->space, r, at);
    values[r] = is_given ? kd_expression_value(expression, at) : fallback;
    if (!isfinite(values[r])) {
      status = kd_section_error(setting->section, key, "%g at R = (%g, %g, %g)", values[r], at[0],
                                at[1], at[2]);
      goto cleanup;
    }
  }

cleanup:
  kd_expression_free(expression);
  return status;
}

static kd_status local_create(const kd_initial_setting *setting, kd_reference *reference,
                              double *f) {
  kd_status status = KD_OK;
  const kd_section *section = setting->section;
  const size_t n_r = kd_space_n_r(setting->space), n_k = kd_model_n_k(setting->model);
  const size_t n_band = kd_model_n_band(setting->model);
  size_t first, count;
  double *temperature = NULL, *mu = NULL, *density = NULL;
  kd_occupation o;
  KD_TRY(needs_space(setting));
  KD_TRY(kd_initial_read_thermal(setting, &o));
  reference->rule = KD_REFERENCE_ENERGY;
  reference->occupation = o;
  KD_ALLOCATE(temperature, n_r);
  KD_ALLOCATE(mu, n_r);
  KD_ALLOCATE(density, n_r);
  KD_CHECK(read_profile(setting, "temperature_profile", 1, temperature));
  KD_CHECK(read_profile(setting, "chemical_potential_profile", 0, mu));
  KD_CHECK(read_profile(setting, "density_profile", 1, density));
  kd_space_slab(setting->space, &first, &count);
  double filling = 0;
  for (size_t i = 0; i < n_band * n_k; i++)
    filling += kd_occupation_thermal(&o, setting->energy[i]) / (double)n_k;
  for (size_t r = 0; r < n_r; r++) {
    kd_occupation here = o;
    here.kt *= temperature[r];
    here.mu += mu[r];
    if (!(here.kt >= 0)) {
      status = kd_section_error(section, "temperature_profile", "%g (expected not negative)",
                                temperature[r]);
      goto cleanup;
    }
    if (kd_section_has(section, "density_profile") &&
        kd_occupation_fill(&here, setting->energy, n_k, n_band, filling * density[r]) != KD_OK) {
      status = kd_section_error(section, "density_profile",
                                "%g times %g particles per cell and "
                                "spin: %s",
                                density[r], filling, kd_error_message());
      goto cleanup;
    }
    KD_CHECK(kd_occupation_check(&here, setting->energy, n_band * n_k, section,
                                 "chemical_potential_profile"));
    if (r >= first && r < first + count) set_point(setting, &here, r - first, f);
  }

cleanup:
  kd_free(temperature);
  kd_free(mu);
  kd_free(density);
  return status;
}

const kd_initial_kind kd_initial_local_equilibrium = {
    .variant = {.kind = "local_equilibrium",
                .meaning = "thermal equilibrium of H_k with a temperature and a chemical potential "
                           "that depend on R",
                .rows =
                    (const kd_param[]){KD_INITIAL_TEMPERATURE_ROW,
                                       KD_INITIAL_FILLING_ROWS,
                                       {.key = "temperature_profile",
                                        .type = KD_EXPRESSION,
                                        .variables = "x y z",
                                        .fallback = KD_UNSET,
                                        .meaning = "factor of the temperature, a formula in the "
                                                   "coordinates that R has (angstrom)"},
                                       {.key = "chemical_potential_profile",
                                        .type = KD_EXPRESSION,
                                        .variables = "x y z",
                                        .fallback = KD_UNSET,
                                        .meaning = "added to the chemical potential, eV"},
                                       {.key = "density_profile",
                                        .type = KD_EXPRESSION,
                                        .variables = "x y z",
                                        .fallback = KD_UNSET,
                                        .meaning = "factor of the density; sets the chemical "
                                                   "potential at every R"},
                                       {.key = NULL}}},
    .create = local_create,
    .is_in_space = true};

static kd_status half_spaces_create(const kd_initial_setting *setting, kd_reference *reference,
                                    double *f) {
  kd_status status = KD_OK;
  const kd_section *section = setting->section;
  const size_t n = kd_model_n_band(setting->model) * kd_model_n_band(setting->model) *
                   kd_model_n_k(setting->model);
  double *right_state = NULL;
  kd_occupation left, right;
  KD_TRY(needs_space(setting));
  KD_TRY(kd_initial_read_thermal(setting, &left));
  right = left;
  if (kd_section_has(section, "temperature_right"))
    right.kt = setting->constants.k_boltzmann * kd_section_real(section, "temperature_right");
  if (kd_section_has(section, "chemical_potential_right"))
    right.mu = kd_section_real(section, "chemical_potential_right");
  KD_TRY(kd_occupation_check(&right, setting->energy,
                             kd_model_n_band(setting->model) * kd_model_n_k(setting->model),
                             section, "chemical_potential_right"));
  reference->rule = KD_REFERENCE_ENERGY;
  reference->occupation = left;
  const double edge = kd_section_real(section, "edge");
  KD_ALLOCATE(right_state, n);
  set_point(setting, &right, 0, right_state);
  size_t first, count;
  kd_space_slab(setting->space, &first, &count);
  for (size_t r = 0; r < count; r++) {
    double at[3];
    kd_space_r(setting->space, first + r, at);
    // The box is periodic: the second step is at its ends.
    const double length = kd_space_length(setting->space)[0];
    const double weight = 0.5 * (erfc((at[0] - 0.5 * length) / edge) - erfc(at[0] / edge) +
                                 erfc((at[0] + 0.5 * length) / edge));
    set_point(setting, &left, r, f);
    for (size_t i = 0; i < n; i++) {
      double *value = f + r * n + i;
      *value += weight * (right_state[i] - *value);
    }
  }

cleanup:
  kd_free(right_state);
  return status;
}

const kd_initial_kind kd_initial_half_spaces = {
    .variant = {.kind = "half_spaces",
                .meaning = "one equilibrium at x < 0, another at x > 0",
                .rows = (const kd_param[]){KD_INITIAL_TEMPERATURE_ROW,
                                           KD_INITIAL_FILLING_ROWS,
                                           {.key = "temperature_right",
                                            .type = KD_REAL,
                                            .unit = "K",
                                            .fallback = KD_UNSET,
                                            KD_NON_NEGATIVE,
                                            .meaning = "at x > 0; default: as at x < 0"},
                                           {.key = "chemical_potential_right",
                                            .type = KD_REAL,
                                            .unit = "eV",
                                            .fallback = KD_UNSET,
                                            .meaning = "at x > 0; default: as at x < 0"},
                                           {.key = "edge",
                                            .type = KD_REAL,
                                            .unit = "angstrom",
                                            KD_POSITIVE,
                                            .meaning = "scale of the error functions between them"},
                                           {.key = NULL}}},
    .create = half_spaces_create,
    .is_in_space = true};
