#include "collision/electron.h"

#include <math.h>
#include <string.h>

#include "collision/form.h"
#include "collision/mean_field.h"
#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"

static const kd_choice INTERACTIONS[] = {
    {.name = "contact",
     .meaning = "U_a n_a n'_a between different spins on one orbital (Hubbard); exchange is exact, "
                "since there is none"},
    {.name = "density",
     .meaning = "V(q) = U sqrt(form) between all densities; exchange is left out in second order"},
    {.name = NULL}};

bool kd_electron_scatters(const kd_section *item) {
  return kd_section_variant(item) != &kd_bath_electron.variant ||
         kd_section_flag(item, "scattering");
}

bool kd_electron_is_density(const kd_section *item) {
  if (kd_section_has(item, "interaction"))
    return strcmp(kd_section_text(item, "interaction"), "density") == 0;
  return strcmp(kd_section_variant(kd_section_child(item, "form"))->kind, "constant") != 0;
}

kd_status kd_electron_strengths(const kd_section *item, const kd_model *model, double *strength) {
  const size_t n_band = kd_model_n_band(model);
  const bool is_density = kd_electron_is_density(item);
  const bool has_form =
      strcmp(kd_section_variant(kd_section_child(item, "form"))->kind, "constant") != 0;
  size_t n;
  const double *u = kd_section_reals(item, "U", &n);
  if (has_form && !is_density)
    return kd_section_error(item, "form",
                            "a contact interaction does not depend on q (expected interaction: "
                            "density, or form: {kind: constant})");
  if (n != 1 && (n != n_band || is_density))
    return kd_section_error(item, "U", "%zu values (expected %s)", n,
                            is_density ? "one, for interaction: density"
                                       : "one, or one per orbital");
  for (size_t a = 0; a < n_band; a++) strength[a] = u[n == 1 ? 0 : a];
  return KD_OK;
}

static kd_status create(const kd_section *section, const kd_model *model, kd_bath *bath) {
  kd_status status = KD_OK;
  KD_ALLOCATE(bath->orbital, kd_model_n_band(model));
  KD_CHECK(kd_electron_strengths(section, model, bath->orbital));
  bath->is_density = kd_electron_is_density(section);
  bath->strength = 1;
  bath->conserves_energy = kd_section_flag(section, "energy_conserving");

cleanup:
  return status;
}

/// 2 pi d(x), to be multiplied by the squares of the interaction.
static double kernel(const kd_bath *b, double w, kd_order order, double x) {
  (void)w, (void)order;
  const double z = x / b->sigma;
  return 2 * M_PI * exp(-0.5 * z * z) / (sqrt(2 * M_PI) * b->sigma);
}

const kd_bath_kind kd_bath_electron = {
    .variant =
        {.kind = "electron",
         .meaning = "scattering of the carriers from one another in second Born approximation, one "
                    "Gaussian on the total energy of the pair, and the mean field of the same "
                    "interaction",
         .reference = "Spohn, eqs. 4.5-4.6",
         .rows =
             (const kd_param[]){
                 {.key = "U",
                  .type = KD_REALS,
                  .unit = "eV",
                  KD_ANY_RANGE,
                  .meaning =
                      "strength of the interaction, per cell; contact: one number, or one per "
                      "orbital"},
                 {.key = "interaction",
                  .type = KD_CHOICE,
                  .choices = INTERACTIONS,
                  .fallback = KD_UNSET,
                  .meaning = "default: contact, or density where form is not constant"},
                 {.key = "form",
                  .type = KD_VARIANT,
                  .variants = kd_form_variants,
                  .fallback = "{kind: constant}",
                  .meaning = "density: dependence of V(q)^2/U^2 on the momentum transfer"},
                 {.key = "energy_conserving",
                  .type = KD_FLAG,
                  .fallback = "true",
                  .meaning =
                      "displace the broadened kernels in and out by -+ beta broadening^2/2, beta "
                      "such that the energy is conserved"},
                 {.key = "broadening",
                  .type = KD_REAL,
                  .unit = "eV",
                  .fallback = KD_UNSET,
                  KD_POSITIVE,
                  .meaning = "standard deviation of the Gaussian; default: collisions.broadening"},
                 {.key = "scattering",
                  .type = KD_FLAG,
                  .fallback = "true",
                  .meaning = "second order, as ansatz says; false: mean_field alone"},
                 {.key = "mean_field",
                  .type = KD_CHOICE,
                  .choices = kd_mean_field_choices,
                  .fallback = "none",
                  .meaning =
                      "first order: the energy of a carrier in the mean field of the others, "
                      "with every ansatz"},
                 {.key = "mean_field_reference",
                  .type = KD_CHOICE,
                  .choices = kd_mean_field_references,
                  .fallback = KD_UNSET,
                  .meaning = "f_0 of the mean field Sigma = S[f - f_0]; default: initial"},
                 {.key = NULL}}},
    .create = create,
    .kernel = kernel};

double kd_electron_contact(const kd_electron_setting *setting, size_t a, size_t b) {
  const double *u = setting->term->orbital;
  return fmax(1, kd_model_spin_degeneracy(setting->model) - 1) * u[a] * u[b];
}

void kd_electron_local_energy_rate(const kd_electron_setting *setting,
                                   const double complex *const t[2], const double complex *g,
                                   const double complex *free_part, double *rate, double *scale) {
  const size_t n = kd_model_n_band(setting->model), n_k = kd_model_n_k(setting->model);
  *rate = *scale = 0;
  for (size_t k = 0; k < n_k; k++) {
    double complex h[KD_MAX_MATRIX];
    kd_unpack(setting->h, n, n_k, k, h);
    for (size_t p = 0; p < setting->n_piece; p++)
      for (int order = 0; order < 2; order++) {
        const double complex *here = t[order] + p * n * n * n_k + k;
        const double complex *y = (order == KD_LESSER ? free_part : g) + p * n * n * n_k + k;
        for (size_t a = 0; a < n; a++)
          for (size_t b = 0; b < n; b++)
            for (size_t c = 0; c < n; c++) {
              const double term =
                  2 / (double)n_k *
                  creal(here[(a * n + b) * n_k] * conj(y[(c * n + b) * n_k]) * h[c * n + a]);
              *rate += order == KD_LESSER ? term : -term;
              *scale += fabs(term);
            }
      }
  }
}
