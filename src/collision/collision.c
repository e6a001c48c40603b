#include "keldrift/collision.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collision/electron.h"
#include "collision/keldysh.h"
#include "collision/keys.h"
#include "collision/lindblad.h"
#include "collision/parts.h"
#include "collision/relaxation.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/order.h"
#include "model/advice.h"
#include "state/initial.h"
#include "state/thermal.h"

/// Levels that must lie within the broadening of a level for a sum over them to stand for an
/// integral. In one dimension, where they come in pairs, 4 are a point every two standard
/// deviations, and the trapezoidal rule errs by e^{-pi^2/2}, 1 %; in more dimensions levels lie
/// irregularly, and the sum errs by some 1/sqrt(8).
static const double FEWEST_LEVELS[] = {4, 8, 8};

/// The rows of `ansatz` that are relaxation-time forms.
static const struct {
  const char *name;
  kd_relaxation_rule rule;
} RULES[] = {{"t1_t2", KD_RELAX_T1_T2}, {"bgk", KD_RELAX_BGK}, {"rta", KD_RELAX_RTA}};

struct kd_collision {
  kd_model *model;
  const char *name; ///< of the Ansatz, owned by the scenario's tables
  size_t n_band, n_k, n;
  kd_bands bands;
  kd_bath *bath; ///< then those that conserve the energy, then the carriers themselves and phonons
                 ///< that are unknowns
  size_t n_bath, n_conserving, n_electron;
  bool is_natural, is_fermion;
  bool is_auto; ///< the back end is not given by the scenario
  double kt;    ///< of the equilibrium that the section refers to, eV; 0: none

  // What C[f] is the sum of, NULL if absent:
  kd_keldysh *keldysh;    ///< baths that take energy, or may take some by broadening
  kd_keldysh *conserving; ///< baths that conserve the energy
  kd_keldysh **electron;  ///< [n_electron], scattering of the carriers from one another, or from
  kd_phonons **phonons;   ///< [n_electron], phonons that are unknowns; NULL: from one another
  kd_lindblad *lindblad;
  kd_relaxation *relaxation;
  double *out_rate;         ///< scratch, [n_k][n_band]
  double *equilibrium_rate; ///< C[f_eq], packed, to be subtracted; NULL: nothing
  kd_collision_term own;    ///< the term of the caller; add_rate NULL: none

  bool is_clone;      ///< what it does not write to belongs to another
  const char *method; ///< that took the place of the back end; NULL: none
  unsigned long evaluations, ffts;
  double seconds;
  double left[3]; ///< sum of |dE/dt| that electrons left, eV/fs per cell and spin, its terms, and
                  ///< the mean before
};

void kd_collision_free(kd_collision *c) {
  if (!c) return;
  kd_keldysh_free(c->keldysh);
  kd_keldysh_free(c->conserving);
  kd_free(c->out_rate);
  if (c->is_clone) {
    kd_free(c);
    return;
  }
  for (size_t i = 0; i < c->n_electron && c->electron; i++) kd_keldysh_free(c->electron[i]);
  kd_free(c->electron);
  for (size_t i = 0; i < c->n_electron && c->phonons; i++) kd_phonons_free(c->phonons[i]);
  kd_free(c->phonons);
  kd_lindblad_free(c->lindblad);
  kd_relaxation_free(c->relaxation);
  for (size_t b = 0; b < c->n_bath && c->bath; b++) kd_bath_clear(&c->bath[b]);
  kd_free(c->bath);
  kd_bands_clear(&c->bands);
  kd_free(c->equilibrium_rate);
  kd_free(c);
}

static kd_status sum_rates(kd_collision *c, const double *f, double *df) {
  memset(df, 0, c->n * sizeof *df);
  if (c->keldysh) KD_TRY(kd_keldysh_add_rate(c->keldysh, f, df));
  if (c->conserving) KD_TRY(kd_keldysh_add_rate(c->conserving, f, df));
  for (size_t i = 0; i < c->n_electron; i++) KD_TRY(kd_keldysh_add_rate(c->electron[i], f, df));
  if (c->lindblad) KD_TRY(kd_lindblad_add_rate(c->lindblad, f, df));
  if (c->relaxation) KD_TRY(kd_relaxation_rate(c->relaxation, &c->bands, f, df));
  return KD_OK;
}

kd_status kd_collision_rate(kd_collision *c, const double *f, double *df) {
  const double start = kd_seconds();
  KD_TRY(sum_rates(c, f, df));
  for (size_t i = 0; i < c->n && c->equilibrium_rate; i++) df[i] -= c->equilibrium_rate[i];
  if (c->own.add_rate) {
    const kd_status status = c->own.add_rate(c->own.context, f, df);
    if (status < 0)
      return kd_error(status, "the added term of the collisions failed with status %d", status);
    if (status > 0) return status;
  }
  double left = 0;
  for (size_t i = 0; i < c->n_electron; i++) left += kd_keldysh_energy_left(c->electron[i]);
  if (c->n_electron > 0) {
    c->left[0] += fabs(left);
    c->left[1]++;
  }
  c->evaluations++;
  c->seconds += kd_seconds() - start;
  return KD_OK;
}

double kd_collision_energy_left(kd_collision *c) {
  if (c->left[1] > 0) c->left[2] = c->left[0] / c->left[1];
  c->left[0] = c->left[1] = 0;
  return c->left[2] * kd_model_spin_degeneracy(c->model);
}

void kd_collision_records(kd_collision *c, kd_records *records) {
  kd_records_add(records, "energy_left", c->left, 3);
}

kd_status kd_collision_share(kd_collision *c, const kd_comm *comm) {
  if (c->keldysh) KD_TRY(kd_keldysh_share(c->keldysh, comm));
  return c->conserving ? kd_keldysh_share(c->conserving, comm) : KD_OK;
}

kd_status kd_collision_add(kd_collision *c, const kd_collision_term *term) {
  if (c->own.add_rate)
    return kd_error(KD_ERROR_SCENARIO, "a second term for the collisions (expected one)");
  c->own = *term;
  return KD_OK;
}

bool kd_collision_is_none(const kd_collision *c) {
  return !c->keldysh && !c->conserving && !c->electron && !c->lindblad && !c->relaxation &&
         !c->own.add_rate;
}

bool kd_collision_conserves_number(const kd_collision *c) {
  return (!c->relaxation || kd_relaxation_conserves_number(c->relaxation)) &&
         (!c->own.add_rate || c->own.conserves_number);
}

bool kd_collision_conserves_energy(const kd_collision *c) {
  bool result = !c->keldysh && !c->lindblad && !c->relaxation && !c->own.add_rate;
  for (size_t i = 0; i < c->n_bath; i++)
    result = result && c->bath[i].conserves_energy && c->bath[i].relaxation == 0;
  return result;
}

void kd_collision_out_rates(const kd_collision *c, double *rates) {
  memset(rates, 0, c->n_k * c->n_band * sizeof *rates);
  if (c->keldysh) kd_keldysh_add_out_rates(c->keldysh, rates);
  if (c->conserving) kd_keldysh_add_out_rates(c->conserving, rates);
  for (size_t i = 0; i < c->n_electron; i++) kd_keldysh_add_out_rates(c->electron[i], rates);
  if (c->lindblad) kd_lindblad_add_out_rates(c->lindblad, rates);
  for (size_t i = 0; i < c->n_k * c->n_band && c->relaxation; i++)
    rates[i] += kd_relaxation_population_rate(c->relaxation, i);
}

kd_collision_cost kd_collision_statistics(const kd_collision *c) {
  const kd_keldysh *first = c->keldysh      ? c->keldysh
                            : c->conserving ? c->conserving
                            : c->electron   ? c->electron[0]
                                            : NULL;
  kd_collision_cost cost = {.ansatz = c->name,
                            .method = c->method     ? c->method
                                      : first       ? kd_keldysh_method(first)
                                      : c->lindblad ? "direct"
                                                    : "local",
                            .evaluations = c->evaluations,
                            .ffts = c->ffts + (c->keldysh ? kd_keldysh_n_fft(c->keldysh) : 0) +
                                    (c->conserving ? kd_keldysh_n_fft(c->conserving) : 0),
                            .seconds = c->seconds};
  for (size_t i = 0; i < c->n_electron; i++) cost.ffts += kd_keldysh_n_fft(c->electron[i]);
  return cost;
}

// --- phonons that are unknowns ------------------------------------------------------------------

size_t kd_collision_n_phonon(const kd_collision *c) {
  size_t count = 0;
  for (size_t i = 0; i < c->n_electron; i++)
    if (c->phonons[i]) count += kd_phonons_count(c->phonons[i]);
  return count;
}

void kd_collision_set_phonons(kd_collision *c, const double *number) {
  for (size_t i = 0; i < c->n_electron; i++) {
    if (!c->phonons[i]) continue;
    const size_t n = kd_phonons_count(c->phonons[i]);
    memcpy(c->phonons[i]->number, number, n * sizeof *number);
    number += n;
  }
}

void kd_collision_phonons(const kd_collision *c, double *number) {
  for (size_t i = 0; i < c->n_electron; i++) {
    if (!c->phonons[i]) continue;
    const size_t n = kd_phonons_count(c->phonons[i]);
    memcpy(number, c->phonons[i]->number, n * sizeof *number);
    number += n;
  }
}

void kd_collision_phonon_rates(const kd_collision *c, double *rate) {
  for (size_t i = 0; i < c->n_electron; i++) {
    if (!c->phonons[i]) continue;
    kd_phonons_rate(c->phonons[i], rate);
    rate += kd_phonons_count(c->phonons[i]);
  }
}

size_t kd_collision_n_branch(const kd_collision *c) {
  size_t count = 0;
  for (size_t i = 0; i < c->n_electron; i++) count += c->phonons[i] != NULL;
  return count;
}

kd_phonon_branch kd_collision_branch(const kd_collision *c, size_t index) {
  size_t i = 0;
  for (; !c->phonons[i] || index > 0; i++) index -= c->phonons[i] != NULL;
  const kd_phonons *p = c->phonons[i];
  return (kd_phonon_branch){.term = p->bath->term,
                            .n_mode = p->n_mode,
                            .n_q = p->n_q,
                            .omega = p->omega,
                            .opposite = p->opposite,
                            .rest = p->rest,
                            .relaxation = p->bath->relaxation};
}

// --- parts (parts.h) ----------------------------------------------------------------------------

kd_status kd_collision_clone(const kd_collision *original, kd_collision **result) {
  kd_status status = KD_OK;
  kd_collision *c = NULL;
  *result = NULL;
  KD_ALLOCATE(c, 1);
  *c = *original;
  c->is_clone = true;
  c->keldysh = c->conserving = NULL;
  c->out_rate = NULL;
  c->evaluations = c->ffts = 0;
  KD_ALLOCATE(c->out_rate, c->n_k * c->n_band);
  if (original->keldysh) KD_CHECK(kd_keldysh_clone(original->keldysh, &c->keldysh));
  if (original->conserving) KD_CHECK(kd_keldysh_clone(original->conserving, &c->conserving));
  *result = c;
  c = NULL;

cleanup:
  kd_collision_free(c);
  return status;
}

bool kd_collision_clones(const kd_collision *c) {
  return (c->keldysh || c->conserving) && c->n_electron == 0 && !c->lindblad && !c->relaxation &&
         !c->own.add_rate;
}

size_t kd_collision_n_band(const kd_collision *c) {
  return c->n_band;
}

size_t kd_collision_length(const kd_collision *c) {
  return c->n;
}

double kd_collision_largest_out_rate(const kd_collision *c) {
  double most = 0;
  kd_collision_out_rates(c, c->out_rate);
  for (size_t i = 0; i < c->n_k * c->n_band; i++) most = fmax(most, c->out_rate[i]);
  return most;
}

bool kd_collision_is_auto(const kd_collision *c) {
  return c->is_auto;
}

bool kd_collision_is_affine(const kd_collision *c) {
  return kd_collision_clones(c) && (!c->keldysh || kd_keldysh_is_affine(c->keldysh)) &&
         (!c->conserving || kd_keldysh_is_affine(c->conserving));
}

const kd_keldysh *kd_collision_quadratic(const kd_collision *c) {
  const bool is_quadratic = kd_collision_clones(c) && c->keldysh &&
                            kd_keldysh_is_quadratic(c->keldysh) &&
                            (!c->conserving || kd_keldysh_is_affine(c->conserving));
  return is_quadratic ? c->keldysh : NULL;
}

kd_status kd_collision_net(kd_collision *c, const double *f, double *net) {
  return kd_keldysh_net(c->keldysh, f, net);
}

double kd_collision_cost_of_rate(const kd_collision *c) {
  return (c->keldysh ? kd_keldysh_cost(c->keldysh) : 0) +
         (c->conserving ? kd_keldysh_cost(c->conserving) : 0);
}

bool kd_collision_is_relaxation(const kd_collision *c) {
  return c->relaxation && !c->own.add_rate;
}

kd_status kd_collision_relax(kd_collision *c, double dt, double *f) {
  const double start = kd_seconds();
  KD_TRY(kd_relaxation_flow(c->relaxation, &c->bands, dt, f));
  c->evaluations++;
  c->seconds += kd_seconds() - start;
  return KD_OK;
}

void kd_collision_name_method(kd_collision *c, const char *method) {
  c->method = method;
}

void kd_collision_count(kd_collision *c, unsigned long evaluations, double seconds) {
  c->evaluations += evaluations;
  c->seconds += seconds;
}

void kd_collision_absorb(kd_collision *c, kd_collision *clone) {
  const kd_collision_cost cost = kd_collision_statistics(clone);
  c->evaluations += cost.evaluations;
  c->ffts += cost.ffts;
  if (c->conserving) kd_keldysh_absorb(c->conserving, clone->conserving);
  clone->evaluations = 0;
  clone->ffts -= cost.ffts; // so that what its back end counts begins at 0 again
}

/// Number of levels of the grid within +-sigma of a level, the median over the levels.
static double levels_within(const kd_collision *c, double sigma) {
  const size_t n = c->n_band * c->n_k;
  double *level = kd_allocate(n, sizeof *level), *count = kd_allocate(n, sizeof *count);
  double median = INFINITY;
  if (level && count) {
    memcpy(level, c->bands.energy, n * sizeof *level);
    qsort(level, n, sizeof *level, kd_compare_reals);
    for (size_t i = 0, low = 0, high = 0; i < n; i++) {
      while (level[low] < level[i] - sigma) low++;
      while (high < n && level[high] <= level[i] + sigma) high++;
      count[i] = (double)(high - low);
    }
    qsort(count, n, sizeof *count, kd_compare_reals);
    median = count[n / 2];
  }
  kd_free(level);
  kd_free(count);
  return median;
}

/// A contact interaction is between different spins.
static void warn_of_partners(const kd_collision *c, const kd_bath *bath, kd_warnings *warnings) {
  if (c->is_fermion && !bath->is_density && kd_model_spin_degeneracy(c->model) < 2)
    kd_warn(
        warnings,
        "collisions.terms.%zu: a contact interaction is between fermions of different spin, and "
        "model.spin_degeneracy is %g: every carrier is taken to have one partner of another "
        "spin with the same f; set model.spin_degeneracy to 2",
        bath->term, kd_model_spin_degeneracy(c->model));
}

/// Temperature of the carriers, eV: that of the equilibrium or, where that is lower or there is
/// none, the one that kept the energy in the last evaluation; 0: not known.
static double carrier_kt(const kd_collision *c, const kd_bath *bath) {
  double kt = c->kt;
  for (size_t i = 0; i <= c->n_electron && bath->conserves_energy; i++) {
    const kd_keldysh *o = i < c->n_electron ? c->electron[i] : c->conserving;
    const double beta = o ? kd_keldysh_beta(o) : 0;
    if (beta > 0 && (kt == 0 || 1 / beta < kt)) kt = 1 / beta;
  }
  return kt;
}

/// Where f was no occupation, the energy may not have been kept.
static void warn_of_defect(const kd_keldysh *o, const kd_bath *bath, kd_warnings *warnings) {
  const double defect = o ? kd_keldysh_defect(o) : 0;
  if (defect > 0)
    kd_warn(
        warnings,
        "collisions.terms.%zu: f is no occupation everywhere (with an R grid interference makes it "
        "negative), and there the energy is kept up to %.1g of what flows in and out only: compare "
        "with energy_conserving: false, or drift: gradient",
        bath->term, defect);
}

void kd_collision_warn(const kd_collision *c, kd_warnings *warnings) {
  const double scale = c->is_natural ? 1 : 1000;
  const char *unit = c->is_natural ? "" : " meV";
  const size_t n_open = c->n_bath - c->n_conserving - c->n_electron;
  if (c->n_bath > n_open) warn_of_defect(c->conserving, &c->bath[n_open], warnings);
  for (size_t i = 0; i < c->n_electron; i++)
    warn_of_defect(c->electron[i], &c->bath[n_open + c->n_conserving + i], warnings);
  for (size_t b = 0; b < c->n_bath; b++) {
    const kd_bath *bath = &c->bath[b];
    const double limit = kd_bath_largest_broadening(bath, carrier_kt(c, bath));
    if (bath->sigma > limit * (1 + 1e-9))
      kd_warn(warnings,
              "collisions.terms.%zu.broadening: %.3g%s where its rates need at most %.3g%s (%s): "
              "lower it to that, or compare with half of it",
              bath->term, scale * bath->sigma, unit, scale * limit, unit,
              kd_bath_broadening_reason(bath));
    if (bath->orbital) {
      warn_of_partners(c, bath, warnings);
      continue; // pairs lie much closer in energy than levels
    }
    const double levels = levels_within(c, bath->sigma);
    const double fewest = FEWEST_LEVELS[kd_model_n_dim(c->model) - 1];
    if (levels >= fewest) continue;
    const double wider = bath->sigma * fewest / levels;
    char points[KD_POINTS_TEXT], or_wider[80] = "";
    if (wider <= limit)
      snprintf(or_wider, sizeof or_wider, ", or the broadening to %.3g%s", scale * wider, unit);
    kd_warn(warnings,
            "collisions.terms.%zu.broadening: only %.0f levels of the grid lie within %.3g%s of a "
            "level, so scattering depends on where the points are: raise grid.k to %s%s",
            bath->term, levels, scale * bath->sigma, unit,
            kd_model_more_points_in_all(c->model, fewest / levels, points), or_wider);
  }
}

size_t kd_collision_bytes(const kd_collision *c) {
  if (c->is_clone)
    return (c->keldysh ? kd_keldysh_bytes(c->keldysh) : 0) +
           (c->conserving ? kd_keldysh_bytes(c->conserving) : 0);
  size_t electrons = 0;
  for (size_t i = 0; i < c->n_electron; i++)
    electrons +=
        kd_keldysh_bytes(c->electron[i]) + (c->phonons[i] ? kd_phonons_bytes(c->phonons[i]) : 0);
  return electrons + kd_bands_bytes(&c->bands) + (c->keldysh ? kd_keldysh_bytes(c->keldysh) : 0) +
         (c->conserving ? kd_keldysh_bytes(c->conserving) : 0) +
         (c->lindblad ? kd_lindblad_bytes(c->lindblad) : 0) +
         (c->equilibrium_rate ? c->n * sizeof(double) : 0);
}

// --- construction -------------------------------------------------------------------------------

/// Temperature, chemical potential and statistics of the equilibrium that some forms refer to.
/// @param needs_kt, needs_mu  whether they must come from somewhere
/// @param asking, key         what needs them
static kd_status read_thermal(const kd_scenario *scenario, const kd_section *section,
                              const kd_reference *reference, const kd_bands *bands, bool needs_kt,
                              bool needs_mu, const kd_section *asking, const char *key,
                              kd_occupation *thermal) {
  const bool has_t = kd_section_has(section, "temperature");
  const bool has_mu = kd_section_has(section, "chemical_potential");
  const bool has_initial = reference->rule == KD_REFERENCE_ENERGY;
  *thermal = reference->occupation;
  thermal->amplitude = 0;
  if (!has_initial && ((needs_kt && !has_t) || (needs_mu && !has_mu)))
    return kd_section_error(asking, key,
                            "no equilibrium to refer to (expected temperature%s %s, since "
                            "initial is not thermal)",
                            needs_mu ? " and chemical_potential" : "",
                            asking == section ? "here" : "in collisions");
  thermal->statistics =
      kd_statistics_named(kd_section_text(kd_scenario_root(scenario), "statistics"));
  if (has_t)
    thermal->kt =
        kd_scenario_constants(scenario).k_boltzmann * kd_section_real(section, "temperature");
  if (has_mu) thermal->mu = kd_section_real(section, "chemical_potential");
  return has_mu ? kd_occupation_check(thermal, bands->energy, bands->n_k * bands->n_band, section,
                                      "chemical_potential")
                : KD_OK;
}

kd_status kd_collision_thermal(const kd_scenario *scenario, const kd_reference *reference,
                               const kd_bands *bands, const kd_section *asking, const char *key,
                               kd_occupation *thermal) {
  const kd_section *section = kd_section_child(kd_scenario_root(scenario), "collisions");
  return read_thermal(scenario, section, reference, bands, true, true, asking, key, thermal);
}

/// What comes in which part of the list of baths.
static int part_of(const kd_bath *bath) {
  return bath->orbital || bath->is_dynamic ? 2 : bath->conserves_energy ? 1 : 0;
}

/// The baths, then those that conserve the energy, then what is not linear in G.
static kd_status create_baths(kd_collision *c, const kd_scenario *scenario,
                              const kd_section *section) {
  kd_status status = KD_OK;
  const kd_constants constants = kd_scenario_constants(scenario);
  const double sigma =
      kd_section_has(section, "broadening") ? kd_section_real(section, "broadening") : 0;
  const size_t n_term = kd_section_count(section, "terms");
  size_t n_scattering = 0;
  kd_bath bath = {0};
  for (size_t i = 0; i < n_term; i++)
    n_scattering += kd_electron_scatters(kd_section_item(section, "terms", i));
  if (n_scattering == 0)
    return kd_section_error(section, "terms",
                            "no terms %s(expected at least one bath for ansatz %s)",
                            n_term > 0 ? "that scatter " : "", c->name);
  KD_ALLOCATE(c->bath, n_term);
  for (int part = 0; part < 3; part++)
    for (size_t i = 0; i < n_term; i++) {
      if (!kd_electron_scatters(kd_section_item(section, "terms", i))) continue;
      KD_CHECK(
          kd_bath_create(kd_section_item(section, "terms", i), c->model, &constants, sigma, &bath));
      bath.term = i;
      if (part_of(&bath) == part) {
        c->bath[c->n_bath++] = bath;
        c->n_conserving += part == 1;
        c->n_electron += part == 2;
        bath = (kd_bath){0};
      } else {
        kd_bath_clear(&bath);
      }
    }

cleanup:
  kd_bath_clear(&bath);
  return status;
}

static kd_status create_keldysh(kd_collision *c, const kd_section *section,
                                const kd_keldysh_setting *common) {
  kd_status status = KD_OK;
  const size_t n_open = c->n_bath - c->n_conserving - c->n_electron;
  kd_keldysh_setting setting = *common;
  const char *method = kd_section_text(section, "method");
  if (strcmp(method, "direct") == 0) setting.method = &kd_self_energy_direct;
  if (strcmp(method, "fft") == 0) setting.method = &kd_self_energy_fft;
  setting.kappa =
      setting.ansatz->has_principal || kd_section_flag(section, "kinetic_corrections") ? 1 : 0;
  setting.bath = c->bath;
  setting.n_bath = n_open;
  if (c->n_electron > 0 && common->is_linearised)
    return kd_section_error(section, "terms",
                            "%s in an operator linearized about equilibrium (expected "
                            "baths alone for linearised, steady and ansatz rta)",
                            c->bath[c->n_bath - 1].is_dynamic ? "dynamic phonons"
                                                              : "an electron term");
  if (n_open > 0) KD_CHECK(kd_keldysh_create(&setting, &c->keldysh));
  setting.bath = c->bath + n_open;
  setting.n_bath = c->n_conserving;
  setting.conserves_energy = true;
  if (c->n_conserving > 0) KD_CHECK(kd_keldysh_create(&setting, &c->conserving));
  if (c->n_electron > 0) {
    KD_ALLOCATE(c->electron, c->n_electron);
    KD_ALLOCATE(c->phonons, c->n_electron);
  }
  for (size_t i = 0; i < c->n_electron; i++) {
    setting.bath = c->bath + n_open + c->n_conserving + i;
    setting.n_bath = 1;
    setting.is_electron = true;
    setting.conserves_energy = setting.bath->conserves_energy;
    if (setting.bath->is_dynamic)
      KD_CHECK(kd_phonons_create(c->model, setting.bath, &c->phonons[i]));
    setting.phonons = c->phonons[i];
    KD_CHECK(kd_keldysh_create(&setting, &c->electron[i]));
  }

cleanup:
  return status;
}

static kd_status create_lindblad(kd_collision *c, const kd_section *section,
                                 const kd_keldysh_setting *common) {
  if (strcmp(kd_section_text(section, "method"), "fft") == 0)
    return kd_section_error(section, "method",
                            "fft for ansatz lindblad, whose amplitudes do not convolve (expected "
                            "auto or direct)");
  if (kd_section_flag(section, "kinetic_corrections"))
    return kd_section_error(section, "kinetic_corrections",
                            "no principal values in ansatz lindblad (expected false)");
  if (c->n_conserving + c->n_electron > 0)
    return kd_section_error(section, "terms",
                            "%s term in ansatz lindblad (expected matrix, causal, average or "
                            "diagonal)",
                            c->n_conserving > 0                 ? "an energy_conserving"
                            : c->bath[c->n_bath - 1].is_dynamic ? "a dynamic phonon"
                                                                : "an electron");
  const kd_lindblad_setting setting = {.model = c->model,
                                       .bands = &c->bands,
                                       .theta = common->theta,
                                       .bath = c->bath,
                                       .n_bath = c->n_bath,
                                       .is_linearised = common->is_linearised,
                                       .is_response = common->is_response,
                                       .thermal = common->thermal};
  return kd_lindblad_create(&setting, &c->lindblad);
}

/// @param name         row of the Ansatz
/// @param about  linear in df about this equilibrium; NULL: as the scenario says
static kd_status create(const kd_scenario *scenario, kd_model *model, const kd_reference *reference,
                        const char *name, const kd_occupation *about, kd_collision **result) {
  kd_status status = KD_OK;
  const kd_section *section = kd_section_child(kd_scenario_root(scenario), "collisions");
  const char *statistics = kd_section_text(kd_scenario_root(scenario), "statistics");
  const bool is_lindblad = strcmp(name, "lindblad") == 0, is_response = about != NULL;
  const kd_relaxation_rule *rule = NULL;
  const kd_ansatz *ansatz = NULL;
  kd_collision *c = NULL, *matrix = NULL;
  double *rates = NULL, *f = NULL;
  kd_occupation thermal;
  *result = NULL;
  KD_ALLOCATE(c, 1);
  c->model = model;
  c->name = name;
  c->is_natural = kd_scenario_constants(scenario).natural;
  c->is_fermion = kd_statistics_named(statistics) == KD_FERMION;
  c->is_auto = strcmp(kd_section_text(section, "method"), "auto") == 0;
  c->n_band = kd_model_n_band(model);
  c->n_k = kd_model_n_k(model);
  c->n = c->n_band * c->n_band * c->n_k;
  for (size_t i = 0; kd_ansatze[i]; i++)
    if (strcmp(kd_ansatze[i]->name, name) == 0) ansatz = kd_ansatze[i];
  for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++)
    if (strcmp(RULES[i].name, name) == 0) rule = &RULES[i].rule;
  if (!ansatz && !rule && !is_lindblad) {
    *result = c;
    return KD_OK;
  }
  const bool subtracts =
      !rule && !is_response && strcmp(kd_section_text(section, "reference"), "equilibrium") == 0;
  const bool is_linearised = is_response || kd_section_flag(section, "linearised");
  KD_ALLOCATE(c->out_rate, c->n_k * c->n_band);
  KD_CHECK(kd_bands_create(model, &c->bands));
  const bool needs_kt = rule || subtracts || kd_section_flag(section, "linearised");
  const bool needs_mu = needs_kt && !(rule && *rule == KD_RELAX_BGK);
  KD_CHECK(read_thermal(scenario, section, reference, &c->bands, needs_kt, needs_mu, section,
                        "ansatz", &thermal));
  if (is_response) thermal = *about;
  c->kt = thermal.kt;
  if (!rule) {
    const kd_keldysh_setting common = {.section = section,
                                       .model = model,
                                       .bands = &c->bands,
                                       .theta = (double)kd_statistics_named(statistics),
                                       .ansatz = ansatz,
                                       .is_linearised = is_linearised,
                                       .is_response = is_response,
                                       .thermal = &thermal};
    KD_CHECK(create_baths(c, scenario, section));
    KD_CHECK(is_lindblad ? create_lindblad(c, section, &common)
                         : create_keldysh(c, section, &common));
  } else {
    if (*rule == KD_RELAX_RTA) {
      KD_ALLOCATE(rates, c->n_k * c->n_band);
      KD_CHECK(create(scenario, model, reference, "matrix", &thermal, &matrix));
      kd_collision_out_rates(matrix, rates);
    }
    KD_CHECK(kd_relaxation_create(section, *rule, &c->bands, &thermal, rates, &c->relaxation));
    if (is_response) kd_relaxation_linearise(c->relaxation);
  }
  if (subtracts) {
    KD_ALLOCATE(c->equilibrium_rate, c->n);
    KD_ALLOCATE(f, c->n);
    kd_thermal_field(&c->bands, &thermal, f);
    KD_CHECK(sum_rates(c, f, c->equilibrium_rate));
  }
  *result = c;
  c = NULL;

cleanup:
  kd_collision_free(matrix);
  kd_free(rates);
  kd_free(f);
  kd_collision_free(c);
  return status;
}

static const char *ansatz_of(const kd_scenario *scenario) {
  return kd_section_text(kd_section_child(kd_scenario_root(scenario), "collisions"), "ansatz");
}

kd_status kd_collision_create(const kd_scenario *scenario, kd_model *model,
                              const kd_reference *reference, kd_collision **collision) {
  return create(scenario, model, reference, ansatz_of(scenario), NULL, collision);
}

kd_status kd_collision_create_linear(const kd_scenario *scenario, kd_model *model,
                                     const kd_reference *reference, kd_collision **collision) {
  return create(scenario, model, reference, ansatz_of(scenario), &reference->occupation, collision);
}
