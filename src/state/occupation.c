#include "state/occupation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/order.h"

kd_statistics kd_statistics_named(const char *name) {
  if (strcmp(name, "boson") == 0) return KD_BOSON;
  return strcmp(name, "classical") == 0 ? KD_CLASSICAL : KD_FERMION;
}

double kd_occupation_thermal(const kd_occupation *o, double e) {
  const double x = e - o->mu;
  if (o->kt == 0) {
    if (fabs(x) <= o->tolerance) return o->at_mu;
    return x < 0 && o->statistics == KD_FERMION ? 1 : 0;
  }
  const double z = x / o->kt;
  switch (o->statistics) {
  case KD_FERMION:
    return z > 0 ? exp(-z) / (1 + exp(-z)) : 1 / (1 + exp(z));
  case KD_BOSON:
    return 1 / expm1(z);
  default:
    return exp(-z);
  }
}

static double excitation(const kd_occupation *o, double e) {
  if (o->amplitude == 0) return 0;
  const double x = (e - o->energy) / o->width;
  return o->amplitude * exp(-0.5 * x * x);
}

double kd_occupation_value(const kd_occupation *o, double e) {
  const double f = kd_occupation_thermal(o, e), g = excitation(o, e);
  return g >= 0 ? f + g * (o->statistics == KD_FERMION ? 1 - f : 1) : f + g * f;
}

double kd_occupation_slope(const kd_occupation *o, double e) {
  const double f = kd_occupation_thermal(o, e), g = excitation(o, e);
  const double df = o->kt == 0 ? 0 : -f * (1 + (double)o->statistics * f) / o->kt;
  const double dg = o->amplitude == 0 ? 0 : -g * (e - o->energy) / (o->width * o->width);
  if (g < 0) return df * (1 + g) + dg * f;
  return o->statistics == KD_FERMION ? df * (1 - g) + dg * (1 - f) : df + dg;
}

/// Ground state of fermions: fills the sorted levels; those at the Fermi energy share what is left.
static kd_status fill_ground_state(kd_occupation *o, const double *energy, size_t count,
                                   double n_particle) {
  kd_status status = KD_OK;
  double *sorted = NULL;
  KD_ALLOCATE(sorted, count);
  memcpy(sorted, energy, count * sizeof *sorted);
  qsort(sorted, count, sizeof *sorted, kd_compare_reals);
  const double whole = floor(n_particle + 1e-9 * fmax(1, n_particle));
  const size_t n_full = (size_t)whole;
  const double rest = fmax(0, n_particle - whole);
  if (n_full >= count) {
    o->mu = sorted[count - 1] + 1 + o->tolerance;
    o->at_mu = 0;
  } else if (n_full > 0 && rest <= 1e-9 * fmax(1, n_particle) &&
             sorted[n_full] - sorted[n_full - 1] > 2 * o->tolerance) {
    o->mu = 0.5 * (sorted[n_full] + sorted[n_full - 1]);
    o->at_mu = 0;
  } else {
    o->mu = sorted[n_full];
    size_t below = 0, at = 0;
    for (size_t i = 0; i < count; i++) {
      if (sorted[i] < o->mu - o->tolerance)
        below++;
      else if (sorted[i] <= o->mu + o->tolerance)
        at++;
    }
    o->at_mu = (n_particle - (double)below) / (double)at;
  }

cleanup:
  kd_free(sorted);
  return status;
}

static double total(const kd_occupation *o, const double *energy, size_t count) {
  double sum = 0, carry = 0;
  for (size_t i = 0; i < count; i++) {
    const double y = kd_occupation_thermal(o, energy[i]) - carry, t = sum + y;
    carry = (t - sum) - y;
    sum = t;
  }
  return sum;
}

kd_status kd_occupation_fill(kd_occupation *o, const double *energy, size_t n_k, size_t n_band,
                             double filling) {
  const size_t count = n_k * n_band;
  const double n_particle = filling * (double)n_k;
  double lowest = INFINITY, highest = -INFINITY;
  for (size_t i = 0; i < count; i++) {
    lowest = fmin(lowest, energy[i]);
    highest = fmax(highest, energy[i]);
  }
  if (o->statistics == KD_FERMION && (filling < 0 || filling > (double)n_band))
    return kd_error(KD_ERROR_NUMERICS, "no chemical potential gives the filling %g of %zu bands",
                    filling, n_band);
  if (o->kt == 0) {
    if (o->statistics != KD_FERMION)
      return kd_error(KD_ERROR_NUMERICS, "a filling at zero temperature needs fermions");
    return fill_ground_state(o, energy, count, n_particle);
  }
  if (o->statistics == KD_CLASSICAL) {
    if (!(filling > 0))
      return kd_error(KD_ERROR_NUMERICS, "no chemical potential gives the filling %g", filling);
    o->mu = lowest;
    o->mu += o->kt * log(n_particle / total(o, energy, count));
    return KD_OK;
  }
  // Bisection on a bracket that holds any filling that double precision can tell from the limits.
  const double reach = 750 * o->kt;
  double low = lowest - reach, high = o->statistics == KD_BOSON ? lowest : highest + reach;
  for (int i = 0; i < 200 && high - low > 0; i++) {
    o->mu = 0.5 * (low + high);
    if (o->mu == low || o->mu == high) break;
    if (total(o, energy, count) < n_particle)
      low = o->mu;
    else
      high = o->mu;
  }
  const double got = total(o, energy, count) / (double)n_k;
  if (!(fabs(got - filling) <= 1e-9 * fmax(1, filling)))
    return kd_error(KD_ERROR_NUMERICS, "no chemical potential gives the filling %g (closest %g)",
                    filling, got);
  return KD_OK;
}

kd_status kd_occupation_check(const kd_occupation *o, const double *energy, size_t count,
                              const kd_section *section, const char *key) {
  if (o->statistics != KD_BOSON) return KD_OK;
  double lowest = INFINITY;
  for (size_t i = 0; i < count; i++) lowest = fmin(lowest, energy[i]);
  if (o->mu < lowest) return KD_OK;
  return kd_section_error(section, key,
                          "%g eV is not below the lowest level, %g eV (expected: bosons have no "
                          "equilibrium otherwise)",
                          o->mu, lowest);
}
