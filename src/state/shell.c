/// The state `shell`: carriers of one energy at one place.
#include <math.h>

#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"
#include "state/initial.h"

static double gaussian(double x, double width) {
  return exp(-0.5 * (x / width) * (x / width));
}

/// Fills one R with the Gaussian in H(k).
/// @return Tr f summed over k
static double fill_energies(const kd_initial_setting *setting, double center, double spread,
                            double *f) {
  const size_t n = kd_model_n_band(setting->model), n_k = kd_model_n_k(setting->model);
  double sum = 0;
  for (size_t k = 0; k < n_k; k++) {
    double complex band[KD_MAX_MATRIX] = {0}, matrix[KD_MAX_MATRIX], scratch[KD_MAX_MATRIX];
    for (size_t a = 0; a < n; a++) {
      band[a * n + a] = gaussian(setting->energy[k * n + a] - center, spread);
      sum += creal(band[a * n + a]);
    }
    kd_eigen_rotate(n, setting->vector + k * n * n, false, band, matrix, scratch);
    kd_pack(matrix, n, n_k, k, f);
  }
  return sum;
}

/// The factor of every R of the grid; 1 without one.
static kd_status fill_places(const kd_initial_setting *setting, double *place) {
  const kd_section *section = setting->section;
  const kd_space *space = setting->space;
  const size_t n_dim = kd_space_n_dim(space);
  double center[3] = {0};
  if (n_dim == 0 && (kd_section_has(section, "position") || kd_section_has(section, "width")))
    return kd_section_error(section, kd_section_has(section, "position") ? "position" : "width",
                            "a place without an R grid (expected grid.r)");
  if (n_dim > 0 && !kd_section_has(section, "width"))
    return kd_section_error(section, "kind", "no width (expected initial.width with grid.r)");
  if (kd_section_has(section, "position")) {
    size_t count;
    const double *position = kd_section_reals(section, "position", &count);
    if (count != n_dim)
      return kd_section_error(section, "position", "%zu components (expected %zu)", count, n_dim);
    for (size_t d = 0; d < n_dim; d++) center[d] = position[d];
  }
  for (size_t r = 0; r < kd_space_n_r(space); r++) {
    double at[3];
    kd_space_r(space, r, at);
    place[r] = 1;
    for (size_t d = 0; d < n_dim; d++)
      place[r] *= gaussian(at[d] - center[d], kd_section_real(section, "width"));
  }
  return KD_OK;
}

static kd_status create(const kd_initial_setting *setting, kd_reference *reference, double *f) {
  kd_status status = KD_OK;
  const kd_section *section = setting->section;
  const kd_model *model = setting->model;
  const kd_space *space = setting->space;
  const size_t n_band = kd_model_n_band(model), n_k = kd_model_n_k(model);
  const size_t n = n_band * n_band * n_k, n_r = kd_space_n_r(space);
  size_t first, count;
  double *place = NULL, *shell = NULL, total = 0;
  kd_space_slab(space, &first, &count);
  reference->rule = KD_REFERENCE_ZERO;
  KD_ALLOCATE(place, n_r);
  KD_ALLOCATE(shell, n);
  KD_CHECK(fill_places(setting, place));
  const double energy = kd_section_real(section, "energy");
  const double weight = fill_energies(setting, energy, kd_section_real(section, "spread"), shell);
  for (size_t r = 0; r < n_r; r++) total += weight * place[r];
  if (!(total > 0)) {
    status = kd_section_error(section, "energy",
                              "no level within %g eV of it (expected an energy in a band and a "
                              "spread that the k grid resolves)",
                              38 * kd_section_real(section, "spread"));
    goto cleanup;
  }
  // g_s (dR/V_cell) (1/N_k) sum over R and k of Tr f is the number; dR/V_cell is 1 without R.
  const double element =
      kd_space_n_dim(space) > 0 ? kd_space_element(space) / kd_model_cell_volume(model) : 1;
  const double scale = kd_section_real(section, "number") / kd_model_spin_degeneracy(model) *
                       (double)n_k / (element * total);
  for (size_t r = 0; r < count; r++)
    for (size_t i = 0; i < n; i++) f[r * n + i] = scale * place[first + r] * shell[i];

cleanup:
  kd_free(place);
  kd_free(shell);
  return status;
}

const kd_initial_kind kd_initial_shell = {
    .variant = {.kind = "shell",
                .meaning = "carriers of one energy at one place, in every direction: f ~ exp(-(R - "
                           "position)^2/(2 width^2)) exp(-(H_k - energy)^2/(2 spread^2))",
                .rows = (const kd_param[]){{.key = "energy",
                                            .type = KD_REAL,
                                            .unit = "eV",
                                            .meaning = "center of the shell"},
                                           {.key = "spread",
                                            .type = KD_REAL,
                                            .unit = "eV",
                                            KD_POSITIVE,
                                            .meaning = "its standard deviation in energy"},
                                           {.key = "position",
                                            .type = KD_REALS,
                                            .unit = "angstrom",
                                            .fallback = KD_UNSET,
                                            .meaning = "center in R, one component per dimension "
                                                       "of R; default: 0"},
                                           {.key = "width",
                                            .type = KD_REAL,
                                            .unit = "angstrom",
                                            .fallback = KD_UNSET,
                                            KD_POSITIVE,
                                            .meaning = "standard deviation of n(R); needed with "
                                                       "an R grid"},
                                           {.key = "number",
                                            .type = KD_REAL,
                                            .fallback = "1",
                                            KD_POSITIVE,
                                            .meaning = "number of particles, spins included; per "
                                                       "cell without an R grid"},
                                           {.key = NULL}}},
    .create = create,
    .is_in_space = true};
