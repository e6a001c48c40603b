/// Transition kernels of the baths, their principal values and series, and the forms.
#include "collision_fixture.h"

#include <malloc.h>

#include "collision/form.h"
#include "collision/series.h"

/// The baths of `collisions.terms`.
typedef struct baths {
  stage stage;
  size_t count;
  kd_bath *bath;
} baths;

static kd_status baths_try(const char *text, baths *b) {
  *b = (baths){.stage = stage_create(text, TO_MODEL)};
  const kd_section *section = kd_section_child(kd_scenario_root(b->stage.scenario), "collisions");
  const kd_constants constants = kd_scenario_constants(b->stage.scenario);
  const double sigma =
      kd_section_has(section, "broadening") ? kd_section_real(section, "broadening") : 0;
  b->count = kd_section_count(section, "terms");
  b->bath = kd_allocate(b->count, sizeof *b->bath);
  assert_non_null(b->bath);
  for (size_t i = 0; i < b->count; i++) {
    const kd_status status = kd_bath_create(kd_section_item(section, "terms", i), b->stage.model,
                                            &constants, sigma, &b->bath[i]);
    if (status != KD_OK) return status;
  }
  return KD_OK;
}

static baths baths_create(const char *text) {
  baths b;
  if (baths_try(text, &b) != KD_OK) fail_msg("%s\nin:\n%s", kd_error_message(), text);
  return b;
}

static void baths_clear(baths *b) {
  for (size_t i = 0; i < b->count; i++) kd_bath_clear(&b->bath[i]);
  kd_free(b->bath);
  stage_clear(&b->stage);
}

static size_t difference_count(const baths *b) {
  size_t n[3];
  return kd_difference_count(b->stage.model, n);
}

/// Energies of both signs and all sizes, and those that matter to a bath.
static size_t probe_energies(double omega, double sigma, double *x) {
  static const double small[] = {0, 1e-300, 1e-18, 1e-12, 1e-9, 1e-6, 1e-5, 1e-4, 1e-3};
  size_t count = 0;
  for (size_t i = 0; i < COUNT(small); i++) {
    x[count++] = small[i];
    x[count++] = -small[i];
  }
  for (int i = -90; i <= 90; i++) {
    x[count++] = omega * i / 30;
    x[count++] = omega + sigma * i / 9;
    x[count++] = -omega + sigma * i / 9;
    x[count++] = 20 * sigma * i / 90;
  }
  return count;
}

enum { MAX_PROBES = 1024 };

static const char CHAIN_OF_5[] = CHAIN "grid: {k: [5]}\n";

static void kernels_obey_detailed_balance(void **state) {
  (void)state;
  static const struct {
    const char *kernel, *dispersion;
    double energy, sigma, temperature;
  } cases[] = {
      {"spectral", "{kind: constant}", 0.16, 0.01, 300},
      {"spectral", "{kind: constant}", 0.16, 0.04, 300},
      {"spectral", "{kind: constant}", 0.01, 0.04, 300},
      {"spectral", "{kind: constant}", 0.03, 0.02, 10},
      {"spectral", "{kind: constant}", 0.16, 0.08, 1},
      {"spectral", "{kind: constant}", 0.002, 0.001, 3000},
      {"spectral", "{kind: acoustic, q0: 0.8 1/angstrom}", 0.04, 0.02, 77},
      {"shifted", "{kind: constant}", 0.16, 0.01, 300},
      {"shifted", "{kind: constant}", 0.01, 0.04, 300},
      {"shifted", "{kind: constant}", 0.03, 0.001, 10},
      {"shifted", "{kind: acoustic, q0: 0.8 1/angstrom}", 0.04, 0.005, 77},
  };
  for (size_t c = 0; c < COUNT(cases); c++) {
    baths b = baths_create(text_of(
        "%scollisions: {ansatz: matrix, terms: [{kind: phonon, energy: %g eV, coupling: 0.05 eV, "
        "temperature: %g K, kernel: %s, broadening: %g eV, dispersion: %s}]}\n",
        CHAIN_OF_5, cases[c].energy, cases[c].temperature, cases[c].kernel, cases[c].sigma,
        cases[c].dispersion));
    const double kt = K_BOLTZMANN * cases[c].temperature;
    double x[MAX_PROBES];
    const size_t n_probe = probe_energies(cases[c].energy, cases[c].sigma, x);
    double peak = 0, worst = 0;
    for (size_t q = 0; q < difference_count(&b); q++)
      for (size_t i = 0; i < n_probe; i++) {
        const double in = kd_bath_kernel(&b.bath[0], q, KD_LESSER, x[i]);
        const double out = kd_bath_kernel(&b.bath[0], q, KD_GREATER, x[i]);
        const double mirror = kd_bath_kernel(&b.bath[0], q, KD_LESSER, -x[i]);
        assert_true(isfinite(in) && isfinite(out));
        CHECK_ABOVE(in, 0);
        CHECK_ABOVE(out, 0);
        // Below 1e-200 the logarithm of a Gaussian carries too few digits.
        const double larger = fmax(fmax(in, out), 1e-200), z = exp(-fabs(x[i]) / kt);
        peak = fmax(peak, larger);
        worst = fmax(worst, fabs(out - mirror) / larger);
        worst = fmax(worst, fabs(x[i] > 0 ? in - z * out : out - z * in) / larger);
      }
    CHECK_BELOW(worst, 1e-13);
    CHECK_ABOVE(peak, 1e-3);
    baths_clear(&b);
  }
}

/// Integral of a kernel over the half line of the sign given, in units of 2 pi g^2.
static double line_weight(const kd_bath *bath, kd_order order, double sign) {
  const int n = 4000;
  const double step = (bath->omega + 14 * bath->sigma) / n;
  double sum = 0;
  for (int i = 0; i <= n; i++)
    sum += kd_bath_kernel(bath, 0, order, sign * i * step) * (i == 0 || i == n ? 0.5 : 1);
  return sum * step / (2 * M_PI * bath->strength);
}

static void lines_have_golden_rule_weights(void **state) {
  (void)state;
  const double omega = 0.05, n = 1 / expm1(omega / (K_BOLTZMANN * 300));
  for (int is_shifted = 0; is_shifted < 2; is_shifted++) {
    double error[2][4];
    for (int fine = 0; fine < 2; fine++) {
      // The lines at +omega and -omega must not overlap.
      baths b =
          baths_create(text_of("%scollisions: {ansatz: matrix, broadening: %g meV, terms: [{kind: "
                               "phonon, energy: 50 meV, "
                               "coupling: 0.1 eV, temperature: 300 K, kernel: %s}]}\n",
                               CHAIN_OF_5, fine ? 1.5 : 3.0, is_shifted ? "shifted" : "spectral"));
      CHECK_NEAR(b.bath[0].strength, 0.01, 1e-17);
      error[fine][0] = line_weight(b.bath, KD_LESSER, 1) / n - 1;
      error[fine][1] = line_weight(b.bath, KD_LESSER, -1) / (n + 1) - 1;
      error[fine][2] = line_weight(b.bath, KD_GREATER, -1) / n - 1;
      error[fine][3] = line_weight(b.bath, KD_GREATER, 1) / (n + 1) - 1;
      baths_clear(&b);
    }
    for (int i = 0; i < 4; i++) {
      if (is_shifted) {
        CHECK_NEAR(error[0][i], 0, 1e-12);
        CHECK_NEAR(error[1][i], 0, 1e-12);
        continue;
      }
      // sigma^2/2 n_B''(omega) and smaller terms; n_B and n_B + 1 have the same curvature.
      const double kt = K_BOLTZMANN * 300;
      const double curvature = n * (n + 1) * (2 * n + 1) / (kt * kt) / (i % 2 ? n + 1 : n);
      CHECK_NEAR(error[0][i] / error[1][i], 4, 0.1);
      CHECK_NEAR(error[1][i] / (0.5 * 0.0015 * 0.0015 * curvature), 1, 0.02);
    }
  }
  baths b = baths_create(text_of("%scollisions: {ansatz: matrix, broadening: 7 meV, terms: [{kind: "
                                 "impurity, strength: 0.3 eV}]}\n",
                                 CHAIN_OF_5));
  for (kd_order order = KD_LESSER; order <= KD_GREATER; order++)
    CHECK_NEAR(line_weight(b.bath, order, 1) + line_weight(b.bath, order, -1), 1, 1e-13);
  CHECK_NEAR(kd_bath_kernel(b.bath, 0, KD_LESSER, 0), sqrt(2 * M_PI) * 0.09 / 0.007, 1e-12);
  baths_clear(&b);
}

typedef struct probe {
  const kd_bath *bath;
  size_t q;
  kd_order order;
} probe;

static double probed(const void *context, double x) {
  const probe *p = context;
  return kd_bath_kernel(p->bath, p->q, p->order, x);
}

static void principal_value_of_gaussians_is_dawson(void **state) {
  (void)state;
  CHECK_NEAR(dawson(0.5), 0.4244363835020223, 1e-15);
  CHECK_NEAR(dawson(2), 0.3013403889237920, 1e-15);
  CHECK_NEAR(dawson(11.999999), dawson(12.000001), 1e-8);
  baths b = baths_create(
      text_of("%scollisions: {ansatz: matrix, broadening: 20 meV, terms: [{kind: impurity, "
              "strength: 0.3 eV, "
              "form: {kind: gaussian, q0: 0.5 1/angstrom}}, {kind: phonon, energy: 30 meV, "
              "coupling: 0.1 eV, "
              "temperature: 200 K, kernel: shifted, dispersion: {kind: expression, expression: "
              "\"1 + 9*sin(1.5*qx)^2\"}}]}\n",
              CHAIN_OF_5));
  const double sigma = 0.02, kt = K_BOLTZMANN * 200, a = 0.5 * sigma * sigma / kt;
  for (size_t q = 0; q < 5; q++) {
    double vector[3];
    kd_difference_vector(b.stage.model, q, vector);
    const double form = exp(-0.5 * vector[0] * vector[0] / 0.25);
    const double omega = 0.03 * (1 + 9 * pow(sin(1.5 * vector[0]), 2));
    const double n = 1 / expm1(omega / kt);
    CHECK_NEAR(b.bath[1].energy[q], omega, 1e-15);
    for (int i = -100; i <= 100; i++) {
      const double x = 0.0173 * i;
      for (kd_order order = KD_LESSER; order <= KD_GREATER; order++) {
        CHECK_NEAR(kd_bath_principal(&b.bath[0], q, order, x),
                   form * 0.09 * gaussian_partner(x, sigma), 1e-12 * 0.09 / sigma);
        const double y = order == KD_LESSER ? x : -x;
        const double want = (n + 1) * gaussian_partner(y + omega + a, sigma) +
                            n * gaussian_partner(y - omega + a, sigma);
        CHECK_NEAR(kd_bath_principal(&b.bath[1], q, order, x),
                   (order == KD_LESSER ? 0.01 : -0.01) * want, 1e-12 * 0.01 * (2 * n + 1) / sigma);
      }
    }
  }
  baths_clear(&b);
}

static void principal_value_of_spectral_kernels(void **state) {
  (void)state;
  static const double temperatures[] = {300, 77, 10, 3};
  for (size_t t = 0; t < COUNT(temperatures); t++) {
    baths b = baths_create(text_of(
        "%scollisions: {ansatz: matrix, broadening: 20 meV, terms: [{kind: phonon, energy: 30 meV, "
        "coupling: 0.1 eV, temperature: %g K, dispersion: {kind: expression, expression: "
        "\"1 + 9*sin(1.5*qx)^2\"}}]}\n",
        CHAIN_OF_5, temperatures[t]));
    const double kt = K_BOLTZMANN * temperatures[t];
    for (size_t q = 0; q < 3; q++)
      for (int i = -12; i <= 12; i++) {
        const double x = 0.031 * i;
        const probe p = {b.bath, q, KD_GREATER};
        const double want = partner(probed, &p, x, 1, fmin(0.01, 2 * kt));
        CHECK_NEAR(kd_bath_principal(b.bath, q, KD_GREATER, x), want, 1e-12 * 0.01 / 0.02);
        CHECK_NEAR(kd_bath_principal(b.bath, q, KD_LESSER, -x), -want, 1e-12 * 0.01 / 0.02);
      }
    baths_clear(&b);
  }
}

// --- series -------------------------------------------------------------------------------------

static void series_are_the_kernels(void **state) {
  (void)state;
  static const struct {
    const char *model, *terms;
    double width, kappa;
  } cases[] = {
      {CHAIN "grid: {k: [4]}\n",
       "broadening: 80 meV, terms: [{kind: phonon, energy: 0.16 eV, coupling: 0.05 eV, "
       "temperature: "
       "300 K}, {kind: impurity, strength: 0.02 eV}]",
       3, 0},
      {CHAIN "grid: {k: [4]}\n",
       "broadening: 80 meV, terms: [{kind: phonon, energy: 0.16 eV, coupling: 0.05 eV, "
       "temperature: "
       "300 K}, {kind: impurity, strength: 0.02 eV}]",
       3, 1},
      {CHAIN "grid: {k: [4]}\n",
       "broadening: 80 meV, terms: [{kind: phonon, energy: 0.16 eV, coupling: 0.05 eV, "
       "temperature: "
       "300 K, kernel: shifted, form: {kind: polar, q0: 1 1/angstrom}}]",
       3, 1},
      {CHAIN "grid: {k: [6]}\n",
       "broadening: 30 meV, terms: [{kind: phonon, energy: 0.05 eV, coupling: 0.05 eV, "
       "temperature: "
       "300 K, dispersion: {kind: acoustic, q0: 0.7 1/angstrom}, form: {kind: yukawa, q0: 1 "
       "1/angstrom}}, {kind: phonon, energy: 0.05 eV, coupling: 0.05 eV, temperature: 200 K, "
       "dispersion: {kind: expression, expression: \"1 + 6*cos(1.5*qx)^2\"}}]",
       1, 1},
      {CHAIN "grid: {k: [2]}\n",
       "broadening: 20 meV, terms: [{kind: phonon, energy: 0.03 eV, coupling: 0.05 eV, "
       "temperature: "
       "10 K}]",
       1, 0},
      {CHAIN "grid: {k: [2]}\n",
       "broadening: 20 meV, terms: [{kind: phonon, energy: 0.03 eV, coupling: 0.05 eV, "
       "temperature: "
       "10 K}]",
       0.2, 1},
      {CHAIN "grid: {k: [2]}\n",
       "broadening: 2 meV, terms: [{kind: phonon, energy: 0.03 eV, coupling: 0.05 eV, temperature: "
       "300 K}, {kind: impurity, strength: 0.1 eV}]",
       0.6, 0},
      {CHAIN "grid: {k: [2]}\n",
       "broadening: 5 meV, terms: [{kind: phonon, energy: 0.03 eV, coupling: 0.05 eV, temperature: "
       "300 K}, {kind: impurity, strength: 0.1 eV}]",
       0.6, 1},
      {CHAIN "grid: {k: [2]}\n",
       "broadening: 1 eV, terms: [{kind: phonon, energy: 0.3 eV, coupling: 0.05 eV, temperature: "
       "3000 K}, {kind: impurity, strength: 0.1 eV}]",
       2, 1},
      {CHAIN "grid: {k: [2]}\n", "broadening: 0.1 eV, terms: [{kind: impurity, strength: 0.1 eV}]",
       0, 1},
      {CHAIN "grid: {k: [2]}\n", "broadening: 0.1 eV, terms: [{kind: impurity, strength: 0 eV}]", 1,
       1},
  };
  double most = 0;
  for (size_t c = 0; c < COUNT(cases); c++) {
    baths b = baths_create(
        text_of("%scollisions: {ansatz: matrix, %s}\n", cases[c].model, cases[c].terms));
    kd_series series;
    CHECK_OK(
        kd_series_create(b.stage.model, b.bath, b.count, cases[c].width, cases[c].kappa, &series));
    double worst = 0;
    for (size_t i = 0; i < b.count; i++)
      for (size_t q = 0; q < difference_count(&b); q++)
        for (kd_order order = KD_LESSER; order <= KD_GREATER; order++) {
          double largest = 0, error = 0;
          for (int j = -100; j <= 100; j++) {
            const double x = cases[c].width * j / 100;
            const double complex want =
                0.5 * kd_bath_kernel(&b.bath[i], q, order, x) +
                (cases[c].kappa != 0
                     ? I * cases[c].kappa * kd_bath_principal(&b.bath[i], q, order, x)
                     : 0);
            const double complex got = kd_series_value(&series, &b.bath[i], i, q, order, x);
            largest = fmax(largest, cabs(want));
            error = fmax(error, cabs(got - want));
          }
          if (largest > 0)
            worst = fmax(worst, error / largest);
          else
            CHECK_NEAR(error, 0, 0);
        }
    most = fmax(most, worst);
    CHECK_BELOW(worst, 1e-12);
    kd_series_clear(&series);
    baths_clear(&b);
  }
  print_message("largest deviation %.2g\n", most);
}

/// Largest error of the principal values in the series of a bath, on |x| <= W and near its lines,
/// over the largest principal value there.
static double principal_error(const baths *b, const kd_series *series, size_t index, size_t q,
                              double width) {
  const kd_bath *bath = &b->bath[index];
  const double omega = bath->energy ? bath->energy[q] : bath->omega;
  double largest = 0, error = 0;
  for (int i = -60; i <= 60; i++) {
    const double probes[] = {width * i / 60, omega + bath->sigma * i / 12,
                             -omega + bath->sigma * i / 12};
    for (size_t p = 0; p < COUNT(probes); p++)
      for (kd_order order = KD_LESSER; order <= KD_GREATER; order++) {
        if (fabs(probes[p]) > width) continue;
        const double want = kd_bath_principal(bath, q, order, probes[p]);
        const double got = cimag(kd_series_value(series, bath, index, q, order, probes[p]));
        largest = fmax(largest, fabs(want));
        error = fmax(error, fabs(got - want));
      }
  }
  CHECK_ABOVE(largest, 0);
  return error / largest;
}

/// Of lines much narrower than the bands and as wide as these, of lines beyond |x| <= W and of
/// kernels with the step of n_B. An energy near W is rounded by W epsilon/2, which changes a line
/// by W/sigma epsilon/2 of its height, 1e-13 for W = 1000 sigma.
static void series_hold_the_principal_values(void **state) {
  (void)state;
  static const char *const kinds[] = {"kind: phonon, kernel: spectral, energy: 0.05 eV, coupling: "
                                      "0.05 eV, temperature: 300 K",
                                      "kind: phonon, kernel: spectral, energy: 0.05 eV, coupling: "
                                      "0.05 eV, temperature: 40 K",
                                      "kind: phonon, kernel: shifted, energy: 0.05 eV, coupling: "
                                      "0.05 eV, temperature: 300 K",
                                      "kind: phonon, energy: 0.02 eV, coupling: 0.05 eV, "
                                      "temperature: 300 K, dispersion: {kind: expression, "
                                      "expression: \"1 + 9*sin(1.5*qx)^2\"}",
                                      "kind: impurity, strength: 0.1 eV"};
  static const struct {
    double width, sigma;
  } cases[] = {{4, 0.004}, {4, 0.02}, {4, 0.2},    {1, 0.01},    {1, 0.1},
               {1, 1},     {0.1, 1},  {0.1, 0.01}, {0.03, 0.01}, {0, 0.01}};
  double most = 0;
  for (size_t k = 0; k < COUNT(kinds); k++)
    for (size_t c = 0; c < COUNT(cases); c++) {
      baths b =
          baths_create(text_of("%scollisions: {ansatz: matrix, broadening: %g eV, terms: [{%s}]}\n",
                               CHAIN_OF_5, cases[c].sigma, kinds[k]));
      kd_series series;
      CHECK_OK(kd_series_create(b.stage.model, b.bath, b.count, cases[c].width, 1, &series));
      for (size_t q = 0; q < (b.bath[0].energy ? 3u : 1u); q++) {
        // At W = 0 the only principal value of impurities is R(0) = 0.
        if (cases[c].width == 0 && b.bath[0].omega == 0) {
          CHECK_NEAR(cimag(kd_series_value(&series, b.bath, 0, q, KD_LESSER, 0)), 0,
                     1e-15 * b.bath[0].strength / b.bath[0].sigma);
          continue;
        }
        const double error = principal_error(&b, &series, 0, q, cases[c].width);
        if (!(error < 1e-13))
          print_error("%.3g for W = %g, sigma = %g, %s\n", error, cases[c].width, cases[c].sigma,
                      kinds[k]);
        CHECK_BELOW(error, 1e-13);
        most = fmax(most, error);
      }
      kd_series_clear(&series);
      baths_clear(&b);
    }
  print_message("largest deviation %.2g\n", most);
}

/// Several baths in one series: the sharpest sets the number of terms, the widest the period.
static void series_of_unlike_baths_hold_dawson(void **state) {
  (void)state;
  baths b = baths_create(text_of(
      "%scollisions: {ansatz: matrix, terms: [{kind: impurity, strength: 0.1 eV, broadening: 3 "
      "meV}, {kind: impurity, strength: 0.1 eV, broadening: 300 meV}]}\n",
      CHAIN_OF_5));
  kd_series series;
  const double width = 2, kappa = 0.7;
  CHECK_OK(kd_series_create(b.stage.model, b.bath, b.count, width, kappa, &series));
  for (size_t i = 0; i < b.count; i++)
    for (int j = -100; j <= 100; j++) {
      const double x = width * pow(j / 100.0, 3), sigma = b.bath[i].sigma;
      const double complex want =
          0.01 * (M_PI * gaussian(x, sigma) + I * kappa * gaussian_partner(x, sigma));
      const double complex got = kd_series_value(&series, &b.bath[i], i, 0, KD_GREATER, x);
      CHECK_NEAR(cabs(got - want), 0, 1e-13 * 0.01 * M_PI * gaussian(0, sigma));
    }
  kd_series_clear(&series);
  baths_clear(&b);
}

/// The Gaussian is below rounding beyond 9/sigma; sampled kernels carry rounding errors that must
/// not be taken for more of it. Principal values cost a period of 2 W and an edge, but no terms
/// beyond 9/sigma.
static void series_are_no_longer_than_needed(void **state) {
  (void)state;
  static const double sigmas[] = {0.04, 0.02, 0.016, 0.013, 0.01, 0.005, 0.002, 0.0005};
  const double width = 3.4;
  for (size_t i = 0; i < COUNT(sigmas); i++)
    for (int kappa = 0; kappa < 2; kappa++) {
      baths b =
          baths_create(text_of("%scollisions: {ansatz: matrix, broadening: %g eV, terms: [{kind: "
                               "phonon, energy: 0.16 eV, coupling: 0.05 eV, temperature: 1000 K}, "
                               "{kind: impurity, strength: 0.1 eV}]}\n",
                               CHAIN_OF_5, sigmas[i]));
      kd_series series;
      CHECK_OK(kd_series_create(b.stage.model, b.bath, b.count, width, kappa, &series));
      CHECK_BELOW((double)series.n_half, 9 / sigmas[i] * series.period / (2 * M_PI));
      CHECK_ABOVE((double)series.n_half, 7 / sigmas[i] * series.period / (2 * M_PI));
      CHECK_BELOW(series.period,
                  kappa ? 2 * width + 12 * sigmas[i] : 1.001 * (width + 0.16 + 9 * sigmas[i]));
      kd_series_clear(&series);
      baths_clear(&b);
    }
}

/// Lines much narrower than the first samples are apart, and between them; narrower ones than the
/// samples allow are an error.
static void sharp_lines_are_found_or_refused(void **state) {
  (void)state;
  static const char terms[] = "terms: [{kind: phonon, energy: 50.1 meV, coupling: 0.05 eV, "
                              "temperature: 300 K}]";
  baths b = baths_create(
      text_of("%scollisions: {ansatz: matrix, broadening: 0.05 meV, %s}\n", CHAIN_OF_5, terms));
  kd_series series;
  for (int kappa = 0; kappa < 2; kappa++) {
    CHECK_OK(kd_series_create(b.stage.model, b.bath, b.count, 4, kappa, &series));
    const double x = -0.0501, want = 0.5 * kd_bath_kernel(b.bath, 0, KD_LESSER, x);
    // x/sigma roundings
    CHECK_NEAR(creal(kd_series_value(&series, b.bath, 0, 0, KD_LESSER, x)), want, 1e-11 * want);
    kd_series_clear(&series);
  }
  baths_clear(&b);
  b = baths_create(
      text_of("%scollisions: {ansatz: matrix, broadening: 0.001 meV, %s}\n", CHAIN_OF_5, terms));
  CHECK_ERROR(kd_series_create(b.stage.model, b.bath, b.count, 4, 0, &series), KD_ERROR_NUMERICS,
              "too sharp for its period 4.05");
  baths_clear(&b);
}

static void bytes_of_series_are_those_allocated(void **state) {
  (void)state;
  baths b = baths_create(text_of(
      "%scollisions: {ansatz: matrix, broadening: 40 meV, terms: [{kind: impurity, strength: 0.1 "
      "eV}, {kind: phonon, energy: 0.1 eV, coupling: 0.05 eV, temperature: 300 K, dispersion: "
      "{kind: acoustic, q0: 0.7 1/angstrom}}]}\n",
      CHAIN "grid: {k: [100]}\n"));
  kd_series series;
  CHECK_OK(kd_series_create(b.stage.model, b.bath, b.count, 3.4, 1, &series));
  void *blocks[] = {series.n_omega,  series.which,          series.coefficient,
                    series.which[1], series.coefficient[0], series.coefficient[1]};
  assert_null(series.which[0]);
  size_t usable = 0;
  for (size_t i = 0; i < COUNT(blocks); i++) usable += malloc_usable_size(blocks[i]);
  // An allocation is rounded up to less than 128 bytes more.
  assert_true(kd_series_bytes(&series) <= usable);
  assert_true(kd_series_bytes(&series) + 128 * COUNT(blocks) > usable);
  kd_series_clear(&series);
  baths_clear(&b);
}

// --- forms --------------------------------------------------------------------------------------

#define HEXAGONAL "model: {kind: graphene, t: 1 eV, lattice_constant: 2.5 angstrom}\n"

static double square(const double q[3]) {
  return q[0] * q[0] + q[1] * q[1] + q[2] * q[2];
}

/// a is a sum of integers times the edges of the k domain.
static double distance_to_lattice(const kd_model *model, const double a[3]) {
  const double *dual = kd_model_duals(model);
  double worst = 0;
  for (size_t i = 0; i < kd_model_n_dim(model); i++) {
    double m = 0;
    for (size_t d = 0; d < 3; d++) m += dual[3 * i + d] * a[d] / (2 * M_PI);
    worst = fmax(worst, fabs(m - round(m)));
  }
  return worst;
}

static void differences_on_a_lattice_are_shortest(void **state) {
  (void)state;
  static const char *const models[] = {
      HEXAGONAL "grid: {k: [6, 6]}\n", HEXAGONAL "grid: {k: [5, 4]}\n", CHAIN "grid: {k: [4]}\n",
      DIPOLES "grid: {k: [4, 3]}\n",
      "model: {kind: cubic, J: 1 eV, lattice_constant: 3 angstrom}\n"
      "grid: {k: [2, 3, 4]}\n"};
  for (size_t c = 0; c < COUNT(models); c++) {
    stage s = stage_create(models[c], TO_MODEL);
    size_t n[3];
    assert_int_equal(kd_difference_count(s.model, n), s.n_k);
    const double *edge = kd_model_edges(s.model);
    for (size_t k = 0; k < s.n_k; k++)
      for (size_t k2 = 0; k2 < s.n_k; k2++) {
        double q[3], a[3], b[3];
        kd_difference_vector(s.model, kd_difference_index(s.model, k, k2), q);
        kd_model_k(s.model, k, a);
        kd_model_k(s.model, k2, b);
        for (int d = 0; d < 3; d++) a[d] -= b[d] + q[d];
        CHECK_BELOW(distance_to_lattice(s.model, a), 1e-12);
        for (int i = -4; i <= 4; i++)
          for (int j = s.n_dim > 1 ? -4 : 0; j <= (s.n_dim > 1 ? 4 : 0); j++)
            for (int l = s.n_dim > 2 ? -2 : 0; l <= (s.n_dim > 2 ? 2 : 0); l++) {
              double other[3];
              const int cell[3] = {i, j, l};
              for (size_t d = 0; d < 3; d++) {
                other[d] = q[d];
                for (size_t e = 0; e < s.n_dim; e++) other[d] += cell[e] * edge[3 * e + d];
              }
              CHECK_ABOVE(square(other) - square(q), -1e-9);
            }
      }
    stage_clear(&s);
  }
}

static void differences_in_a_box_are_plain(void **state) {
  (void)state;
  static const char *const models[] = {DIRAC1D "grid: {k: [5]}\n",
                                       "model: {kind: rashba, mass: 1, alpha: 0.2 eV angstrom, "
                                       "k_max: [0.3 1/angstrom, 0.4 1/angstrom]}\n"
                                       "grid: {k: [4, 3]}\n"};
  for (size_t c = 0; c < COUNT(models); c++) {
    stage s = stage_create(models[c], TO_MODEL);
    size_t n[3];
    const size_t count = kd_difference_count(s.model, n);
    assert_int_equal(count, s.n_k * (s.n_dim == 1 ? 2 : 4));
    for (size_t k = 0; k < s.n_k; k++)
      for (size_t k2 = 0; k2 < s.n_k; k2++) {
        double q[3], a[3], b[3];
        const size_t index = kd_difference_index(s.model, k, k2);
        assert_true(index < count);
        kd_difference_vector(s.model, index, q);
        kd_model_k(s.model, k, a);
        kd_model_k(s.model, k2, b);
        for (int d = 0; d < 3; d++) CHECK_NEAR(q[d], a[d] - b[d], 1e-15);
      }
    stage_clear(&s);
  }
}

static void forms_are_their_formulas(void **state) {
  (void)state;
  static const char *const models[] = {
      HEXAGONAL "grid: {k: [6, 6]}\n",
      "model: {kind: dirac2d, velocity: 4 angstrom/fs, gap: 0.1 eV, "
      "k_max: 0.4 1/angstrom}\ngrid: {k: [4, 3]}\n"};
  for (size_t c = 0; c < COUNT(models); c++) {
    baths b = baths_create(
        text_of("%scollisions: {ansatz: matrix, broadening: 20 meV, terms: [{kind: impurity, "
                "strength: 1 eV}, "
                "{kind: impurity, strength: 1 eV, form: {kind: gaussian, q0: 0.3 1/angstrom}}, "
                "{kind: impurity, strength: 1 eV, form: {kind: yukawa, q0: 0.3 1/angstrom}}, "
                "{kind: impurity, strength: 1 eV, form: {kind: polar, q0: 0.3 1/angstrom}}, "
                "{kind: impurity, strength: 1 eV, form: {kind: acoustic, q0: 0.3 1/angstrom}}, "
                "{kind: impurity, strength: 1 eV, form: {kind: expression, expression: "
                "\"exp(-q) + qx^2 + qy^2 + qz\"}}]}\n",
                models[c]));
    assert_null(b.bath[0].form);
    for (size_t i = 0; i < difference_count(&b); i++) {
      double v[3];
      kd_difference_vector(b.stage.model, i, v);
      const double q2 = square(v), s2 = q2 / 0.09, q = sqrt(q2);
      CHECK_NEAR(b.bath[1].form[i], exp(-0.5 * s2), 1e-14);
      CHECK_NEAR(b.bath[2].form[i], pow(1 + s2, -2), 1e-14);
      CHECK_NEAR(b.bath[3].form[i], i ? 1 / s2 : 0, 1e-13);
      CHECK_NEAR(b.bath[4].form[i], q < 0.3 ? sin(M_PI_2 * q / 0.3) : 1, 1e-13);
      CHECK_NEAR(b.bath[5].form[i], exp(-q) + q2, 1e-13);
    }
    baths_clear(&b);
  }
}

/// Even but not isotropic: at the faces of the zone q and -q may be represented by different
/// vectors.
static void even_forms_are_accepted_at_zone_faces(void **state) {
  (void)state;
  static const char *const models[] = {
      HEXAGONAL "grid: {k: [6, 6]}\n",
      "model: {kind: square, J: 1 eV, lattice_constant: 3 angstrom}\n"
      "grid: {k: [4, 5]}\n"};
  for (size_t c = 0; c < COUNT(models); c++) {
    baths b =
        baths_create(text_of("%scollisions: {ansatz: matrix, broadening: 20 meV, terms: [{kind: "
                             "impurity, strength: 1 eV, "
                             "form: {kind: expression, expression: \"10 + qx*qy + 0.3*qx^2\"}}]}\n",
                             models[c]));
    for (size_t k = 0; k < b.stage.n_k; k++)
      for (size_t k2 = 0; k2 < b.stage.n_k; k2++)
        CHECK_NEAR(b.bath[0].form[kd_difference_index(b.stage.model, k, k2)],
                   b.bath[0].form[kd_difference_index(b.stage.model, k2, k)], 0);
    baths_clear(&b);
  }
}

static void mistakes_are_reported(void **state) {
  (void)state;
  static const struct {
    const char *collisions, *message;
  } cases[] = {
      {"broadening: 1 meV, terms: [{kind: impurity, strength: 1 eV, form: {kind: expression, "
       "expression: \"1/q\"}}]",
       "collisions.terms.0.form: not finite at q = (0, 0, 0) 1/angstrom"},
      {"broadening: 1 meV, terms: [{kind: impurity, strength: 1 eV, form: {kind: expression, "
       "expression: \"2 + sin(1.5*qx)\"}}]",
       "(expected an even function)"},
      {"broadening: 1 meV, terms: [{kind: impurity, strength: 1 eV, form: {kind: expression, "
       "expression: \"cos(3*qx)\"}}]",
       "terms.0.form: negative"},
      {"broadening: 1 meV, terms: [{kind: phonon, energy: 10 meV, coupling: 1 eV, temperature: 4 "
       "K, "
       "dispersion: {kind: expression, expression: \"cos(3*qx)\"}}]",
       "dispersion: a negative phonon energy, -0.00"},
      {"terms: [{kind: impurity, strength: 1 eV}]",
       "broadening: not given (expected here or as collisions.broadening)"},
      {"broadening: 1 meV, terms: [{kind: impurity, strength: 1 eV, vertex: matrix}]",
       "vertex: no elements (expected the keys re, im or both)"},
      {"broadening: 1 meV, terms: [{kind: impurity, strength: 1 eV, re: [[1, 0], [0, 1]]}]",
       "vertex: elements beside a named vertex"},
      {"broadening: 1 meV, terms: [{kind: impurity, strength: 1 eV, vertex: matrix, re: [[1]]}]",
       "re: a 1 x 1 matrix (expected 2 x 2, the number of bands)"},
      {"broadening: 1 meV, terms: [{kind: impurity, strength: 1 eV, vertex: matrix, im: [[0, 1], "
       "[1, "
       "0]]}]",
       "(expected a Hermitian matrix)"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    baths b;
    CHECK_ERROR(baths_try(text_of(SSH "grid: {k: [5]}\ncollisions: {ansatz: matrix, %s}\n",
                                  cases[i].collisions),
                          &b),
                KD_ERROR_SCENARIO, cases[i].message);
    baths_clear(&b);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kernels_obey_detailed_balance),
      cmocka_unit_test(lines_have_golden_rule_weights),
      cmocka_unit_test(principal_value_of_gaussians_is_dawson),
      cmocka_unit_test(principal_value_of_spectral_kernels),
      cmocka_unit_test(series_are_the_kernels),
      cmocka_unit_test(series_hold_the_principal_values),
      cmocka_unit_test(series_of_unlike_baths_hold_dawson),
      cmocka_unit_test(series_are_no_longer_than_needed),
      cmocka_unit_test(sharp_lines_are_found_or_refused),
      cmocka_unit_test(bytes_of_series_are_those_allocated),
      cmocka_unit_test(differences_on_a_lattice_are_shortest),
      cmocka_unit_test(differences_in_a_box_are_plain),
      cmocka_unit_test(forms_are_their_formulas),
      cmocka_unit_test(even_forms_are_accepted_at_zone_faces),
      cmocka_unit_test(mistakes_are_reported),
  };
  return cmocka_run_group_tests_name("collision_kernels", tests, NULL, NULL);
}
