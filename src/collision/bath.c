#include "collision/bath.h"

#include <math.h>
#include <string.h>

#include "collision/electron.h"
#include "collision/form.h"
#include "core/error.h"
#include "core/memory.h"

/// A Gaussian of this many standard deviations is below rounding.
static const double REACH = 9;
/// Broadening of a phonon line over its energy and temperature up to which rates are trusted.
static const double SHARP = 0.25;
/// The same over the temperature of the carriers for phonons that are unknowns, where the energy
/// exchanged is that of the phonon whatever the broadening: it is 2 % less at this value.
static const double DYNAMIC_SHARP = 0.4;
/// Largest step of the principal-value quadrature in standard deviations, and in kT for the kernel
/// with n_B. Its error is e^{-2 (pi/step)^2} for a Gaussian and e^{-2 pi d/step} for poles of the
/// kernel at a distance d from the real axis; those of n_B are at 2 pi kT.
static const double PRINCIPAL_STEP = 1.0 / 4, PRINCIPAL_THERMAL_STEP = 1;

static const kd_choice KERNELS[] = {
    {.name = "spectral",
     .meaning =
         "broadened spectral function times the Bose function of the energy exchanged; needs "
         "broadening well below energy and temperature"},
    {.name = "shifted",
     .meaning =
         "Gaussians displaced by broadening^2/2kT: exact rates, mean energy loss off by that "
         "shift"},
    {.name = NULL}};

#define COMMON_ROWS                                                                                \
  KD_VERTEX_ROWS,                                                                                  \
      {.key = "form",                                                                              \
       .type = KD_VARIANT,                                                                         \
       .variants = kd_form_variants,                                                               \
       .fallback = "{kind: constant}",                                                             \
       .meaning = "dependence of the squared coupling on the momentum transfer"},                  \
      {.key = "broadening",                                                                        \
       .type = KD_REAL,                                                                            \
       .unit = "eV",                                                                               \
       .fallback = KD_UNSET,                                                                       \
       KD_POSITIVE,                                                                                \
       .meaning = "standard deviation of the Gaussian; default: collisions.broadening"},           \
  {                                                                                                \
    .key = NULL                                                                                    \
  }

static double gauss(double x, double sigma) {
  const double z = x / sigma;
  return exp(-0.5 * z * z) / (sqrt(2 * M_PI) * sigma);
}

// --- phonon -------------------------------------------------------------------------------------

/// The keys of phonons whose occupations are unknowns. kT is known, and the vertex.
static kd_status read_dynamic(const kd_section *section, kd_bath *bath) {
  bath->is_dynamic = bath->conserves_energy = kd_section_flag(section, "dynamic");
  const char *const keys[] = {"relaxation", "initial_temperature"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys && !bath->is_dynamic; i++)
    if (kd_section_has(section, keys[i]))
      return kd_section_error(section, keys[i],
                              "phonons that stay in equilibrium (expected dynamic: true)");
  if (!bath->is_dynamic) return KD_OK;
  if (bath->vertex.has_phases)
    return kd_section_error(section, "vertex",
                            "bond for dynamic phonons (expected onsite, scalar or matrix)");
  bath->start_kt = bath->kt;
  if (kd_section_has(section, "initial_temperature"))
    bath->start_kt *=
        kd_section_real(section, "initial_temperature") / kd_section_real(section, "temperature");
  if (kd_section_has(section, "relaxation"))
    bath->relaxation = 1 / kd_section_real(section, "relaxation");
  return KD_OK;
}

static kd_status phonon_create(const kd_section *section, const kd_model *model, kd_bath *bath) {
  const double g = kd_section_real(section, "coupling");
  bath->strength = g * g;
  bath->omega = kd_section_real(section, "energy");
  bath->is_shifted = strcmp(kd_section_text(section, "kernel"), "shifted") == 0;
  KD_TRY(read_dynamic(section, bath));
  KD_TRY(
      kd_form_evaluate(kd_section_child(section, "dispersion"), model, bath->omega, &bath->energy));
  size_t m[3];
  const size_t n = kd_difference_count(model, m);
  for (size_t q = 0; q < n && bath->energy; q++)
    if (bath->energy[q] < 0)
      return kd_section_error(section, "dispersion", "a negative phonon energy, %g eV",
                              bath->energy[q]);
  return KD_OK;
}

/// spectral: K^< = B n_B(x) with B = 2 pi g^2 [d(x - w) - d(x + w)], and K^>(x) = B (n_B(x) + 1) =
/// K^<(-x). The difference of the two Gaussians is written with expm1, so that its zero at x = 0
/// cancels the pole of n_B without loss of digits.
static double phonon_spectral(const kd_bath *b, double w, kd_order order, double x) {
  const double y = order == KD_LESSER ? x : -x;
  const double u = 2 * y * w / (b->sigma * b->sigma), z = y / b->kt;
  double value;
  if (y == 0)
    value = gauss(w, b->sigma) * 2 * w * b->kt / (b->sigma * b->sigma);
  else if (y > 0)
    value = gauss(y - w, b->sigma) * expm1(-u) / expm1(-z) * exp(-z);
  else
    value = gauss(y + w, b->sigma) * expm1(u) / expm1(z);
  return 2 * M_PI * b->strength * value;
}

static double phonon_kernel(const kd_bath *b, double w, kd_order order, double x) {
  if (!b->is_shifted) return phonon_spectral(b, w, order, x);
  const double y = order == KD_LESSER ? x : -x;
  const double shift = 0.5 * b->sigma * b->sigma / b->kt;
  const double n = w > 0 ? 1 / expm1(w / b->kt) : 0;
  return 2 * M_PI * b->strength *
         ((n + 1) * gauss(y + w + shift, b->sigma) + n * gauss(y - w + shift, b->sigma));
}

static const kd_bath_kind phonon = {
    .variant = {.kind = "phonon",
                .meaning =
                    "a phonon branch in equilibrium, kernels 2 pi g^2 [(N+1) d(x+w) + N d(x-w)] "
                    "(in) broadened with exact detailed balance",
                .reference = "Trukhan and Protik, eqs. 29-30, 38-40, 101",
                .rows =
                    (const kd_param[]){
                        {.key = "energy",
                         .type = KD_REAL,
                         .unit = "eV",
                         KD_POSITIVE,
                         .meaning = "phonon energy; the scale of the dispersion"},
                        {.key = "coupling",
                         .type = KD_REAL,
                         .unit = "eV",
                         KD_NON_NEGATIVE,
                         .meaning = "g, per square root of the number of k points"},
                        {.key = "temperature",
                         .type = KD_REAL,
                         .unit = "K",
                         KD_POSITIVE,
                         .meaning = "temperature of the branch"},
                        {.key = "kernel",
                         .type = KD_CHOICE,
                         .choices = KERNELS,
                         .fallback = "spectral",
                         .meaning = "how the phonon line is broadened; not used with "
                                    "dynamic: true"},
                        {.key = "dynamic",
                         .type = KD_FLAG,
                         .fallback = "false",
                         .meaning = "the occupations of the modes are unknowns, driven "
                                    "by the carriers; without relaxation, carriers and "
                                    "phonons keep their energy"},
                        {.key = "relaxation",
                         .type = KD_REAL,
                         .unit = "fs",
                         .fallback = KD_UNSET,
                         KD_POSITIVE,
                         .meaning = "dynamic: time in which the modes relax to "
                                    "`temperature`; default: never"},
                        {.key = "initial_temperature",
                         .type = KD_REAL,
                         .unit = "K",
                         .fallback = KD_UNSET,
                         KD_POSITIVE,
                         .meaning = "dynamic: temperature of the modes at t = 0; "
                                    "default: temperature"},
                        {.key = "dispersion",
                         .type = KD_VARIANT,
                         .variants = kd_form_variants,
                         .fallback = "{kind: constant}",
                         .meaning = "phonon energy over `energy` as a function of q"},
                        COMMON_ROWS}},
    .create = phonon_create,
    .kernel = phonon_kernel,
    .has_temperature = true};

// --- impurity -----------------------------------------------------------------------------------

static kd_status impurity_create(const kd_section *section, const kd_model *model, kd_bath *bath) {
  (void)model;
  const double v = kd_section_real(section, "strength");
  bath->strength = v * v;
  bath->conserves_energy = kd_section_flag(section, "energy_conserving");
  return KD_OK;
}

static double impurity_kernel(const kd_bath *b, double w, kd_order order, double x) {
  (void)w, (void)order;
  return 2 * M_PI * b->strength * gauss(x, b->sigma);
}

static const kd_bath_kind impurity = {
    .variant = {.kind = "impurity",
                .meaning = "random impurities in first Born approximation, kernel 2 pi V^2 d(x)",
                .reference = "Trukhan and Protik, eqs. 31-32, 42-43, 102",
                .rows =
                    (const kd_param[]){
                        {.key = "strength",
                         .type = KD_REAL,
                         .unit = "eV",
                         KD_NON_NEGATIVE,
                         .meaning = "V; V^2 = n_i u^2/V_cell for delta impurities of density n_i"},
                        {.key = "energy_conserving",
                         .type = KD_FLAG,
                         .fallback = "false",
                         .meaning = "displace the broadened kernels in and out by -+ beta "
                                    "broadening^2/2, beta such that the energy is conserved"},
                        COMMON_ROWS}},
    .create = impurity_create,
    .kernel = impurity_kernel,
    .is_even = true};

const kd_variant *const kd_bath_variants[] = {&phonon.variant, &impurity.variant,
                                              &kd_bath_electron.variant, NULL};

// ------------------------------------------------------------------------------------------------

kd_status kd_bath_create(const kd_section *section, const kd_model *model,
                         const kd_constants *constants, double sigma, kd_bath *bath) {
  *bath = (kd_bath){.kind = (const kd_bath_kind *)kd_section_variant(section), .sigma = sigma};
  if (kd_section_has(section, "broadening")) bath->sigma = kd_section_real(section, "broadening");
  if (!(bath->sigma > 0))
    return kd_section_error(section, "broadening",
                            "not given (expected here or as "
                            "collisions.broadening)");
  if (bath->kind->has_temperature)
    bath->kt = constants->k_boltzmann * kd_section_real(section, "temperature");
  if (bath->kind != &kd_bath_electron) KD_TRY(kd_vertex_create(section, model, &bath->vertex));
  KD_TRY(kd_form_evaluate(kd_section_child(section, "form"), model, 1, &bath->form));
  size_t m[3];
  const size_t n = kd_difference_count(model, m);
  for (size_t q = 0; q < n && bath->form; q++)
    if (bath->form[q] < 0)
      return kd_section_error(section, "form", "negative, %g (expected the square of a coupling)",
                              bath->form[q]);
  return bath->kind->create(section, model, bath);
}

void kd_bath_clear(kd_bath *bath) {
  kd_vertex_clear(&bath->vertex);
  kd_free(bath->form);
  kd_free(bath->energy);
  kd_free(bath->orbital);
  *bath = (kd_bath){0};
}

static double omega_of(const kd_bath *bath, size_t q) {
  return bath->energy ? bath->energy[q] : bath->omega;
}

static double form_of(const kd_bath *bath, size_t q) {
  return bath->form ? bath->form[q] : 1;
}

double kd_bath_kernel(const kd_bath *bath, size_t q, kd_order order, double x) {
  return form_of(bath, q) * bath->kind->kernel(bath, omega_of(bath, q), order, x);
}

double kd_bath_reach(const kd_bath *bath, double omega) {
  const double shift = bath->is_shifted ? 0.5 * bath->sigma * bath->sigma / bath->kt : 0;
  return omega + shift + REACH * bath->sigma;
}

double kd_bath_largest_broadening(const kd_bath *bath, double kt) {
  if (bath->is_dynamic) return kt > 0 ? DYNAMIC_SHARP * kt : INFINITY;
  if (bath->kind == &phonon)
    return SHARP * (bath->is_shifted ? bath->kt : fmin(bath->omega, bath->kt));
  return bath->conserves_energy && kt > 0 ? kt : INFINITY;
}

const char *kd_bath_broadening_reason(const kd_bath *bath) {
  if (bath->is_dynamic) return "0.4 of the temperature of the carriers";
  if (bath->kind != &phonon) return "the temperature of the carriers";
  return bath->is_shifted ? "a quarter of its kT" : "a quarter of the smaller of its energy and kT";
}

double kd_bath_shift(const kd_bath *bath, double beta) {
  return bath->conserves_energy ? 0.5 * beta * bath->sigma * bath->sigma : 0;
}

bool kd_bath_is_even(const kd_bath *bath) {
  return bath->kind->is_even && !bath->conserves_energy;
}

double kd_bath_bare_principal(const kd_bath *bath, double omega, kd_order order, double x) {
  double h = PRINCIPAL_STEP * bath->sigma;
  if (bath->kt > 0 && !bath->is_shifted) h = fmin(h, PRINCIPAL_THERMAL_STEP * bath->kt);
  const double reach = kd_bath_reach(bath, omega);
  const long first = (long)floor((-reach - x) / h), last = (long)ceil((reach - x) / h);
  double sum = 0;
  for (long j = first; j <= last; j++) {
    const double y = ((double)j + 0.5) * h;
    sum -= bath->kind->kernel(bath, omega, order, x + y) / y;
  }
  return sum * h / (2 * M_PI);
}

double kd_bath_principal(const kd_bath *bath, size_t q, kd_order order, double x) {
  return form_of(bath, q) * kd_bath_bare_principal(bath, omega_of(bath, q), order, x);
}
