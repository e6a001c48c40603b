/// Occupations of levels, and the chemical potential of a filling.
#include "support.h"

#include "state/occupation.h"

static double mean(const kd_occupation *o, const double *energy, size_t n_k, size_t n_band) {
  double sum = 0;
  for (size_t i = 0; i < n_k * n_band; i++) sum += kd_occupation_thermal(o, energy[i]);
  return sum / (double)n_k;
}

static void names(void **state) {
  (void)state;
  assert_int_equal(kd_statistics_named("fermion"), KD_FERMION);
  assert_int_equal(kd_statistics_named("boson"), KD_BOSON);
  assert_int_equal(kd_statistics_named("classical"), KD_CLASSICAL);
}

static void thermal_values(void **state) {
  (void)state;
  kd_occupation o = {.statistics = KD_FERMION, .kt = 0.025, .mu = 0.1};
  for (double e = -1; e <= 1; e += 0.0625) {
    const double x = (e - 0.1) / 0.025;
    o.statistics = KD_FERMION;
    const double fermi = 1 / (exp(x) + 1);
    CHECK_NEAR(kd_occupation_thermal(&o, e), fermi, 1e-15 * fermi * (1 + fabs(x)));
    o.statistics = KD_CLASSICAL;
    CHECK_NEAR(kd_occupation_thermal(&o, e), exp(-x), 1e-15 * exp(-x) * (1 + fabs(x)));
    o.statistics = KD_BOSON;
    const double bose = 1 / (exp(x) - 1);
    if (e > 0.1) CHECK_NEAR(kd_occupation_thermal(&o, e), bose, 1e-14 * bose * (1 + x));
  }
  o.statistics = KD_FERMION;
  CHECK_NEAR(kd_occupation_thermal(&o, 0.1), 0.5, 1e-16);
  CHECK_NEAR(kd_occupation_thermal(&o, 100), 0, 1e-300); // no overflow at either end
  CHECK_NEAR(kd_occupation_thermal(&o, -100), 1, 0);
  o.statistics = KD_BOSON;
  CHECK_NEAR(kd_occupation_thermal(&o, 0.1 + 2.5e-12) * 1e-10, 1, 1e-4); // kT/(e - mu)
}

static void ground_state_values(void **state) {
  (void)state;
  const kd_occupation o = {.mu = 0.1, .at_mu = 0.3, .tolerance = 1e-9, .statistics = KD_FERMION};
  CHECK_NEAR(kd_occupation_thermal(&o, 0.1 - 2e-9), 1, 0);
  CHECK_NEAR(kd_occupation_thermal(&o, 0.1 + 2e-9), 0, 0);
  CHECK_NEAR(kd_occupation_thermal(&o, 0.1 + 5e-10), 0.3, 0);
  CHECK_NEAR(kd_occupation_thermal(&o, 0.1 - 5e-10), 0.3, 0);
}

static void excitations(void **state) {
  (void)state;
  kd_occupation o = {
      .statistics = KD_FERMION, .kt = 0.05, .mu = 0, .amplitude = 0.4, .energy = 0.3, .width = 0.1};
  const double e = 0.25, g = 0.4 * exp(-0.125), f = 1 / (exp(5) + 1);
  CHECK_NEAR(kd_occupation_value(&o, e), f + g * (1 - f), 1e-15);
  o.amplitude = -0.4;
  CHECK_NEAR(kd_occupation_value(&o, e), f - g * f, 1e-15);
  o.statistics = KD_BOSON;
  const double bose = 1 / (exp(5) - 1);
  CHECK_NEAR(kd_occupation_value(&o, e), bose - g * bose, 1e-15);
  o.amplitude = 0.4;
  CHECK_NEAR(kd_occupation_value(&o, e), bose + g, 1e-15);
  o.statistics = KD_CLASSICAL;
  CHECK_NEAR(kd_occupation_value(&o, e), exp(-5) + g, 1e-15);
  o.amplitude = 0;
  CHECK_NEAR(kd_occupation_value(&o, e), exp(-5), 1e-17);
}

static void slopes(void **state) {
  (void)state;
  const kd_statistics statistics[] = {KD_FERMION, KD_BOSON, KD_CLASSICAL};
  const double amplitudes[] = {0, 0.6, -0.6};
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0; j < 3; j++)
      for (double e = 0.2; e < 0.7; e += 0.06) {
        const kd_occupation o = {.statistics = statistics[i],
                                 .kt = 0.1,
                                 .mu = 0.05,
                                 .amplitude = amplitudes[j],
                                 .energy = 0.4,
                                 .width = 0.15};
        const double h = 1e-3;
        const double want =
            (8 * (kd_occupation_value(&o, e + h) - kd_occupation_value(&o, e - h)) -
             kd_occupation_value(&o, e + 2 * h) + kd_occupation_value(&o, e - 2 * h)) /
            (12 * h);
        CHECK_NEAR(kd_occupation_slope(&o, e), want, 1e-6);
      }
  const kd_occupation cold = {.statistics = KD_FERMION,
                              .mu = 0.05,
                              .amplitude = 0.5,
                              .energy = 0.4,
                              .width = 0.15,
                              .tolerance = 1e-9};
  // Above mu f = g, below it f = 1.
  CHECK_NEAR(kd_occupation_slope(&cold, 0.5), -0.5 * exp(-0.5 * pow(0.1 / 0.15, 2)) * 0.1 / 0.0225,
             1e-14);
  CHECK_NEAR(kd_occupation_slope(&cold, -0.2), 0, 1e-15);
}

static void fillings_at_a_temperature(void **state) {
  (void)state;
  enum { N_K = 40, N_BAND = 3 };
  double energy[N_K * N_BAND];
  for (size_t i = 0; i < N_K * N_BAND; i++) energy[i] = (double)(i % 3) + 0.4 * random_real();
  const double temperatures[] = {1e-3, 0.03, 2};
  const double fillings[] = {1e-6, 0.3, 1, 1.7, 2.999};
  for (size_t i = 0; i < COUNT(temperatures); i++)
    for (size_t j = 0; j < COUNT(fillings); j++)
      for (int statistics = -1; statistics <= 1; statistics++) {
        kd_occupation o = {.statistics = statistics, .kt = temperatures[i]};
        CHECK_OK(kd_occupation_fill(&o, energy, N_K, N_BAND, fillings[j]));
        CHECK_NEAR(mean(&o, energy, N_K, N_BAND), fillings[j], 1e-9 * fmax(1, fillings[j]));
      }
  // More bosons and classical particles than bands.
  kd_occupation o = {.statistics = KD_BOSON, .kt = 0.03};
  CHECK_OK(kd_occupation_fill(&o, energy, N_K, N_BAND, 50));
  CHECK_NEAR(mean(&o, energy, N_K, N_BAND), 50, 5e-8);
  o.statistics = KD_CLASSICAL;
  CHECK_OK(kd_occupation_fill(&o, energy, N_K, N_BAND, 50));
  CHECK_NEAR(mean(&o, energy, N_K, N_BAND), 50, 5e-8);
  // Particle-hole symmetry.
  const double symmetric[2] = {-0.7, 0.7};
  kd_occupation half = {.statistics = KD_FERMION, .kt = 0.2};
  CHECK_OK(kd_occupation_fill(&half, symmetric, 1, 2, 1));
  CHECK_NEAR(half.mu, 0, 1e-9);
}

static void ground_states(void **state) {
  (void)state;
  // Insulator: two bands with a gap, one filled.
  const double insulator[] = {-1, 1, -0.8, 1.2, -0.9, 1.5};
  kd_occupation o = {.statistics = KD_FERMION, .tolerance = 1e-9};
  CHECK_OK(kd_occupation_fill(&o, insulator, 3, 2, 1));
  CHECK_NEAR(o.mu, 0.1, 1e-15); // between -0.8 and 1
  CHECK_NEAR(mean(&o, insulator, 3, 2), 1, 0);
  // Metal: the levels at the Fermi energy share what is left.
  const double metal[] = {-1, 0, 0, 0, 2, 3};
  CHECK_OK(kd_occupation_fill(&o, metal, 6, 1, 2.0 / 6));
  CHECK_NEAR(o.mu, 0, 0);
  CHECK_NEAR(o.at_mu, 1.0 / 3, 1e-15);
  CHECK_NEAR(mean(&o, metal, 6, 1), 2.0 / 6, 1e-15);
  // Part of one level.
  const double levels[] = {0, 1, 2, 3};
  CHECK_OK(kd_occupation_fill(&o, levels, 4, 1, 1.25 / 4));
  CHECK_NEAR(o.mu, 1, 0);
  CHECK_NEAR(o.at_mu, 0.25, 1e-14);
  // Levels that differ by rounding are one level.
  const double close[] = {0, 1, 1 + 5e-10, 2};
  CHECK_OK(kd_occupation_fill(&o, close, 4, 1, 2.0 / 4));
  CHECK_NEAR(kd_occupation_thermal(&o, 1), 0.5, 1e-14);
  CHECK_NEAR(kd_occupation_thermal(&o, 1 + 5e-10), 0.5, 1e-14);
  // Nothing and everything.
  CHECK_OK(kd_occupation_fill(&o, levels, 4, 1, 0));
  CHECK_NEAR(mean(&o, levels, 4, 1), 0, 0);
  CHECK_OK(kd_occupation_fill(&o, levels, 2, 2, 2));
  CHECK_NEAR(mean(&o, levels, 2, 2), 2, 0);
  // A filling that is whole but for rounding.
  CHECK_OK(kd_occupation_fill(&o, insulator, 3, 2, 1 - 1e-14));
  CHECK_NEAR(o.mu, 0.1, 1e-15);
}

static void impossible_fillings(void **state) {
  (void)state;
  const double levels[] = {0, 1, 2, 3};
  kd_occupation o = {.statistics = KD_FERMION, .kt = 0.1};
  CHECK_ERROR(kd_occupation_fill(&o, levels, 2, 2, 2.5), KD_ERROR_NUMERICS,
              "no chemical potential gives the filling 2.5 of 2 bands");
  CHECK_ERROR(kd_occupation_fill(&o, levels, 2, 2, -0.5), KD_ERROR_NUMERICS,
              "no chemical potential gives the filling -0.5 of 2 bands");
  o.statistics = KD_CLASSICAL;
  CHECK_ERROR(kd_occupation_fill(&o, levels, 2, 2, 0), KD_ERROR_NUMERICS,
              "no chemical potential gives the filling 0");
  o.kt = 0;
  CHECK_ERROR(kd_occupation_fill(&o, levels, 2, 2, 1), KD_ERROR_NUMERICS,
              "a filling at zero temperature needs fermions");
  o.statistics = KD_BOSON;
  CHECK_ERROR(kd_occupation_fill(&o, levels, 2, 2, 1), KD_ERROR_NUMERICS,
              "a filling at zero temperature needs fermions");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names),
      cmocka_unit_test(thermal_values),
      cmocka_unit_test(ground_state_values),
      cmocka_unit_test(excitations),
      cmocka_unit_test(slopes),
      cmocka_unit_test(fillings_at_a_temperature),
      cmocka_unit_test(ground_states),
      cmocka_unit_test(impossible_fillings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
