#include "keldrift/collision.h"

#include <math.h>
#include <string.h>

#include "collision/ansatz.h"
#include "collision/bath.h"
#include "collision/keys.h"
#include "collision/relaxation.h"
#include "collision/self_energy.h"
#include "core/clock.h"
#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"
#include "core/parallel.h"
#include "state/initial.h"

/// The rows of `ansatz` that are relaxation-time forms.
static const struct {
  const char *name;
  kd_relaxation_rule rule;
} RULES[] = {{"t1_t2", KD_RELAX_T1_T2}, {"bgk", KD_RELAX_BGK}, {"rta", KD_RELAX_RTA}};

/// `auto` takes the direct sum while its table stays below this many bytes: there it is the faster
/// one.
#define DIRECT_LIMIT ((size_t)1 << 20)

struct kd_collision {
  kd_model *model;
  const char *name; ///< of the Ansatz, owned by the scenario's tables
  double hbar;
  size_t n_band, n_k, n_matrix, n_piece;
  kd_spectrum spectrum;
  double *level;          ///< [n_k][n_band]
  double complex *vector; ///< [n_k][n_band][n_band]

  // A Keldysh operator:
  const kd_ansatz *ansatz;
  kd_bath *bath;
  size_t n_bath;
  double *energy; ///< of the pieces, [n_piece][n_k]
  const kd_self_energy_kind *method;
  kd_self_energy *self_energy;
  double complex *weight;         ///< spectral weights W_p, [n_piece][element][n_k]
  double complex *static_greater; ///< T^> of the spectral weight, [n_piece][element][n_k]
  double complex *g, *t_lesser, *t_greater;
  bool is_linearised, subtracts_equilibrium;
  bool is_response; ///< linear in df, for the steady state
  double complex *equilibrium_g, *equilibrium_lesser, *equilibrium_greater;
  double *equilibrium_rate; ///< C[f_eq], packed

  // or a relaxation-time form:
  kd_relaxation *relaxation;

  unsigned long evaluations;
  double seconds;
};

void kd_collision_free(kd_collision *c) {
  if (!c) return;
  if (c->method) c->method->free(c->self_energy);
  for (size_t b = 0; b < c->n_bath && c->bath; b++) kd_bath_clear(&c->bath[b]);
  kd_relaxation_free(c->relaxation);
  kd_free(c->bath);
  kd_free(c->level);
  kd_free(c->vector);
  kd_free(c->energy);
  kd_free(c->weight);
  kd_free(c->static_greater);
  kd_free(c->g);
  kd_free(c->t_lesser);
  kd_free(c->t_greater);
  kd_free(c->equilibrium_g);
  kd_free(c->equilibrium_lesser);
  kd_free(c->equilibrium_greater);
  kd_free(c->equilibrium_rate);
  kd_free(c);
}

/// f of one k in the eigenbasis; for the diagonal Ansatz its populations, shared in degenerate
/// groups.
static void to_bands(const kd_collision *c, const double *f, size_t k, double complex *band) {
  const size_t n = c->n_band;
  double complex matrix[KD_MAX_MATRIX], scratch[KD_MAX_MATRIX];
  kd_unpack(f, n, c->n_k, k, matrix);
  kd_eigen_rotate(n, c->vector + k * c->n_matrix, true, matrix, band, scratch);
  if (c->ansatz->is_diagonal)
    kd_eigen_populations(n, c->level + k * n, c->spectrum.tolerance, band);
}

/// The occupied parts g[p][element][k] of f; of the spectral weight for f = NULL.
static void make_pieces(const kd_collision *c, const double *f, double complex *g) {
  const size_t n = c->n_band;
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(c->n_piece * c->n_matrix * c->n_k))
  for (size_t k = 0; k < c->n_k; k++) {
    double complex band[KD_MAX_MATRIX], piece[KD_MAX_MATRIX], orbital[KD_MAX_MATRIX],
        scratch[KD_MAX_MATRIX];
    if (f) to_bands(c, f, k, band);
    for (size_t p = 0; p < c->n_piece; p++) {
      if (f)
        c->ansatz->occupied(n, p, band, piece);
      else
        c->ansatz->weight(n, p, piece);
      kd_eigen_rotate(n, c->vector + k * c->n_matrix, false, piece, orbital, scratch);
      for (size_t e = 0; e < c->n_matrix; e++) g[(p * c->n_matrix + e) * c->n_k + k] = orbital[e];
    }
  }
}

/// sum += s t f or s t f^dagger for one k.
static void add_product(size_t n, double s, const double complex *t, const double complex *f,
                        bool is_adjoint, double complex *sum) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double complex product = 0;
      for (size_t l = 0; l < n; l++)
        product += t[i * n + l] * (is_adjoint ? conj(f[j * n + l]) : f[l * n + j]);
      sum[i * n + j] += s * product;
    }
}

/// Adds s/hbar times B + B^dagger, B = -sum_p (T^>_p F_p - T^<_p H_p), H_p = W_p + theta F_p, to
/// df.
/// @param g          pieces that F is made of; NULL: F = 0
/// @param lesser     T^< of the pieces inside; NULL: 0
/// @param greater    theta T^> of them is added to the T^> of the spectral weight; NULL: 0
/// @param weights    whether the spectral weights W_p and their T^> are part of it
static void add_local(const kd_collision *c, double s, const double complex *g,
                      const double complex *lesser, const double complex *greater, bool weights,
                      double *df) {
  const size_t n = c->n_band;
  const double theta = c->spectrum.theta;
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(c->n_piece * c->n_matrix * c->n_k))
  for (size_t k = 0; k < c->n_k; k++) {
    double complex sum[KD_MAX_MATRIX], t[KD_MAX_MATRIX], f[KD_MAX_MATRIX], band[KD_MAX_MATRIX],
        scratch[KD_MAX_MATRIX];
    const double complex *vector = c->vector + k * c->n_matrix;
    memset(sum, 0, c->n_matrix * sizeof *sum);
    for (size_t p = 0; p < c->n_piece; p++) {
      const size_t from = p * c->n_matrix;
      for (size_t e = 0; e < c->n_matrix; e++) f[e] = g ? g[(from + e) * c->n_k + k] : 0;
      // T^> - theta T^< multiplies F, T^< multiplies W.
      for (size_t e = 0; e < c->n_matrix; e++) {
        const size_t i = (from + e) * c->n_k + k;
        t[e] = (weights ? c->static_greater[i] : 0) + (greater ? theta * greater[i] : 0) -
               (lesser ? theta * lesser[i] : 0);
      }
      if (g) add_product(n, -s, t, f, c->ansatz->is_adjoint_outside, sum);
      if (!weights || !lesser) continue;
      for (size_t e = 0; e < c->n_matrix; e++) t[e] = lesser[(from + e) * c->n_k + k];
      for (size_t e = 0; e < c->n_matrix; e++) f[e] = c->weight[(from + e) * c->n_k + k];
      add_product(n, s, t, f, false, sum);
    }
    for (size_t i = 0; i < n; i++)
      for (size_t j = i; j < n; j++)
        t[i * n + j] = (sum[i * n + j] + conj(sum[j * n + i])) / c->hbar;
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < i; j++) t[i * n + j] = conj(t[j * n + i]);
    if (c->ansatz->is_diagonal) {
      kd_eigen_rotate(n, vector, true, t, band, scratch);
      kd_eigen_populations(n, c->level + k * n, c->spectrum.tolerance, band);
      kd_eigen_rotate(n, vector, false, band, t, scratch);
    }
    kd_add_packed(t, n, c->n_k, k, df);
  }
}

/// The rate at which level a is emptied, 2 Re <a| T^> - theta T^< |a>/hbar: the factor of f_a in
/// the operator. T^> is that of the spectral weight plus theta `greater`.
static double level_rate(const kd_collision *c, size_t k, size_t a, const double complex *lesser,
                         const double complex *greater) {
  const size_t n = c->n_band;
  const double complex *s = c->vector + k * c->n_matrix;
  double complex sum = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      const size_t e = (a * c->n_matrix + i * n + j) * c->n_k + k;
      const double complex t = c->static_greater[e] + c->spectrum.theta * (greater[e] - lesser[e]);
      sum += conj(s[i * n + a]) * t * s[j * n + a];
    }
  return 2 * creal(sum) / c->hbar;
}

/// The diagonal Ansatz knows one number per level, or group of degenerate levels. What f has inside
/// a group beside that number decays at the rate of the group, so that nothing depends on the
/// choice of eigenvectors and no direction is left undamped.
static void damp_degenerate(const kd_collision *c, const double *f, const double complex *lesser,
                            const double complex *greater, double *df) {
  const size_t n = c->n_band;
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(c->n_matrix * c->n_k))
  for (size_t k = 0; k < c->n_k; k++) {
    double complex band[KD_MAX_MATRIX], mean[KD_MAX_MATRIX], matrix[KD_MAX_MATRIX],
        scratch[KD_MAX_MATRIX];
    size_t first[KD_MAX_BAND];
    bool is_degenerate = false;
    kd_eigen_groups(n, c->level + k * n, c->spectrum.tolerance, first);
    for (size_t a = 0; a < n; a++) is_degenerate = is_degenerate || first[a] != a;
    if (!is_degenerate) continue;
    kd_unpack(f, n, c->n_k, k, matrix);
    kd_eigen_rotate(n, c->vector + k * c->n_matrix, true, matrix, band, scratch);
    memcpy(mean, band, c->n_matrix * sizeof *mean);
    kd_eigen_populations(n, c->level + k * n, c->spectrum.tolerance, mean);
    for (size_t a = 0; a < n; a++) {
      double rate = 0;
      size_t size = 0;
      for (size_t b = first[a]; b < n && first[b] == first[a]; b++, size++)
        rate += level_rate(c, k, b, lesser, greater);
      for (size_t b = 0; b < n; b++)
        band[a * n + b] =
            first[a] == first[b] ? -rate / (double)size * (band[a * n + b] - mean[a * n + b]) : 0;
    }
    kd_eigen_rotate(n, c->vector + k * c->n_matrix, false, band, matrix, scratch);
    kd_add_packed(matrix, n, c->n_k, k, df);
  }
}

/// C[f] by the formula of kd_collision_rate, or its linear part.
static kd_status keldysh_rate(kd_collision *c, const double *f, double *df) {
  const size_t n = c->n_matrix * c->n_k;
  memset(df, 0, n * sizeof *df);
  make_pieces(c, f, c->g);
  KD_TRY(c->method->apply(c->self_energy, c->g, 0, c->t_lesser, c->t_greater));
  if (!c->is_linearised) {
    add_local(c, 1, c->g, c->t_lesser, c->t_greater, true, df);
  } else {
    // B(f, f) -> B(f, eq) + B(eq, f) - B(eq, eq); what is linear in f stays.
    add_local(c, 1, c->g, c->equilibrium_lesser, c->equilibrium_greater, false, df);
    add_local(c, 1, c->equilibrium_g, c->t_lesser, c->t_greater, false, df);
    if (!c->is_response)
      add_local(c, -1, c->equilibrium_g, c->equilibrium_lesser, c->equilibrium_greater, false, df);
    add_local(c, 1, c->g, NULL, NULL, true, df);
    add_local(c, 1, NULL, c->t_lesser, NULL, true, df);
  }
  if (c->ansatz->is_diagonal)
    damp_degenerate(c, f, c->is_linearised ? c->equilibrium_lesser : c->t_lesser,
                    c->is_linearised ? c->equilibrium_greater : c->t_greater, df);
  if (c->subtracts_equilibrium)
    for (size_t i = 0; i < n; i++) df[i] -= c->equilibrium_rate[i];
  return KD_OK;
}

kd_status kd_collision_rate(kd_collision *c, const double *f, double *df) {
  const double start = kd_seconds();
  if (c->ansatz)
    KD_TRY(keldysh_rate(c, f, df));
  else if (c->relaxation)
    KD_TRY(kd_relaxation_rate(c->relaxation, &c->spectrum, f, df));
  else
    memset(df, 0, c->n_matrix * c->n_k * sizeof *df);
  c->evaluations++;
  c->seconds += kd_seconds() - start;
  return KD_OK;
}

bool kd_collision_is_none(const kd_collision *c) {
  return !c->ansatz && !c->relaxation;
}

kd_collision_cost kd_collision_statistics(const kd_collision *c) {
  return (kd_collision_cost){.ansatz = c->name,
                             .method = c->method ? c->method->name : "local",
                             .evaluations = c->evaluations,
                             .ffts = c->method ? c->method->n_fft(c->self_energy) : 0,
                             .seconds = c->seconds};
}

/// Temperature, chemical potential and statistics of the equilibrium that some forms refer to.
static kd_status read_thermal(const kd_scenario *scenario, const kd_section *section,
                              const kd_reference *reference, bool is_needed,
                              kd_occupation *thermal) {
  const bool has_t = kd_section_has(section, "temperature");
  const bool has_mu = kd_section_has(section, "chemical_potential");
  const bool has_initial = reference->rule == KD_REFERENCE_ENERGY;
  *thermal = reference->occupation;
  thermal->amplitude = 0;
  if (!has_initial && is_needed && !(has_t && has_mu))
    return kd_section_error(section, "ansatz",
                            "no equilibrium to refer to (expected temperature and "
                            "chemical_potential here, since initial is not thermal)");
  thermal->statistics =
      kd_statistics_named(kd_section_text(kd_scenario_root(scenario), "statistics"));
  if (has_t)
    thermal->kt =
        kd_scenario_constants(scenario).k_boltzmann * kd_section_real(section, "temperature");
  if (has_mu) thermal->mu = kd_section_real(section, "chemical_potential");
  return KD_OK;
}

/// f_eq as a packed field.
static void sample_thermal(const kd_collision *c, const kd_occupation *thermal, double *f) {
  const size_t n = c->n_band;
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(c->n_piece * c->n_matrix * c->n_k))
  for (size_t k = 0; k < c->n_k; k++) {
    double complex band[KD_MAX_MATRIX], matrix[KD_MAX_MATRIX], scratch[KD_MAX_MATRIX];
    memset(band, 0, c->n_matrix * sizeof *band);
    for (size_t a = 0; a < n; a++)
      band[a * n + a] = kd_occupation_thermal(thermal, c->level[k * n + a]);
    kd_eigen_populations(n, c->level + k * n, c->spectrum.tolerance, band);
    kd_eigen_rotate(n, c->vector + k * c->n_matrix, false, band, matrix, scratch);
    kd_pack(matrix, n, c->n_k, k, f);
  }
}

static kd_status create_bands(kd_collision *c, const kd_section *root) {
  kd_status status = KD_OK;
  const kd_model_part part = {.energy = 1};
  double *h = NULL;
  KD_ALLOCATE(h, c->n_matrix * c->n_k);
  KD_ALLOCATE(c->level, c->n_band * c->n_k);
  KD_ALLOCATE(c->vector, c->n_matrix * c->n_k);
  kd_model_sample(c->model, (const double[3]){0}, &part, h);
  KD_CHECK(kd_eigen_field(c->n_band, c->n_k, h, c->level, c->vector));
  c->spectrum =
      (kd_spectrum){.n_band = c->n_band,
                    .n_k = c->n_k,
                    .theta = (double)kd_statistics_named(kd_section_text(root, "statistics")),
                    .energy = c->level,
                    .vector = c->vector,
                    .tolerance = kd_eigen_tolerance(c->n_band * c->n_k, c->level)};

cleanup:
  kd_free(h);
  return status;
}

static const kd_self_energy_kind *choose_method(const kd_section *section,
                                                const kd_self_energy_setting *setting) {
  const char *name = kd_section_text(section, "method");
  if (strcmp(name, "direct") == 0) return &kd_self_energy_direct;
  if (strcmp(name, "fft") == 0) return &kd_self_energy_fft;
  return kd_self_energy_direct_bytes(setting) <= DIRECT_LIMIT ? &kd_self_energy_direct
                                                              : &kd_self_energy_fft;
}

static kd_status create_keldysh(kd_collision *c, const kd_scenario *scenario,
                                const kd_section *section, const kd_occupation *thermal,
                                bool is_response) {
  kd_status status = KD_OK;
  const kd_constants constants = kd_scenario_constants(scenario);
  const double sigma =
      kd_section_has(section, "broadening") ? kd_section_real(section, "broadening") : 0;
  const size_t n_term = kd_section_count(section, "terms");
  double *f = NULL;
  if (n_term == 0)
    return kd_section_error(section, "terms", "no terms (expected at least one bath for ansatz %s)",
                            c->ansatz->name);
  KD_ALLOCATE(c->bath, n_term);
  for (; c->n_bath < n_term; c->n_bath++)
    KD_CHECK(kd_bath_create(kd_section_item(section, "terms", c->n_bath), c->model, &constants,
                            sigma, &c->bath[c->n_bath]));
  c->n_piece = c->ansatz->n_piece(c->n_band);
  const size_t n_piece_field = c->n_piece * c->n_matrix * c->n_k;
  KD_ALLOCATE(c->energy, c->n_piece * c->n_k);
  for (size_t p = 0; p < c->n_piece; p++)
    for (size_t k = 0; k < c->n_k; k++)
      c->energy[p * c->n_k + k] = c->ansatz->energy(c->n_band, c->level + k * c->n_band, p);
  const bool has_principal =
      c->ansatz->has_principal || kd_section_flag(section, "kinetic_corrections");
  const kd_self_energy_setting setting = {.model = c->model,
                                          .bath = c->bath,
                                          .n_bath = c->n_bath,
                                          .n_piece = c->n_piece,
                                          .energy = c->energy,
                                          .kappa = has_principal ? 1 : 0,
                                          .is_hermitian = !c->ansatz->is_adjoint_outside};
  const kd_self_energy_kind *method = choose_method(section, &setting);
  KD_CHECK(method->create(&setting, &c->self_energy));
  c->method = method;
  KD_ALLOCATE(c->weight, n_piece_field);
  KD_ALLOCATE(c->static_greater, n_piece_field);
  KD_ALLOCATE(c->g, n_piece_field);
  KD_ALLOCATE(c->t_lesser, n_piece_field);
  KD_ALLOCATE(c->t_greater, n_piece_field);
  make_pieces(c, NULL, c->weight);
  KD_CHECK(method->apply(c->self_energy, c->weight, 0, NULL, c->static_greater));

  const bool subtracts =
      !is_response && strcmp(kd_section_text(section, "reference"), "equilibrium") == 0;
  const bool is_linearised = is_response || kd_section_flag(section, "linearised");
  if (subtracts || is_linearised) {
    KD_ALLOCATE(f, c->n_matrix * c->n_k);
    sample_thermal(c, thermal, f);
  }
  if (is_linearised) {
    KD_ALLOCATE(c->equilibrium_g, n_piece_field);
    KD_ALLOCATE(c->equilibrium_lesser, n_piece_field);
    KD_ALLOCATE(c->equilibrium_greater, n_piece_field);
    make_pieces(c, f, c->equilibrium_g);
    KD_CHECK(method->apply(c->self_energy, c->equilibrium_g, 0, c->equilibrium_lesser,
                           c->equilibrium_greater));
    c->is_linearised = true;
    c->is_response = is_response;
  }
  if (subtracts) {
    KD_ALLOCATE(c->equilibrium_rate, c->n_matrix * c->n_k);
    KD_CHECK(keldysh_rate(c, f, c->equilibrium_rate));
    c->subtracts_equilibrium = true;
  }

cleanup:
  kd_free(f);
  return status;
}

/// @param name         row of the Ansatz
/// @param is_response  linear in df, about the equilibrium of the reference
static kd_status create(const kd_scenario *scenario, kd_model *model, const kd_reference *reference,
                        const char *name, bool is_response, kd_collision **result) {
  kd_status status = KD_OK;
  const kd_section *root = kd_scenario_root(scenario);
  const kd_section *section = kd_section_child(root, "collisions");
  kd_collision *c = NULL, *matrix = NULL;
  double *rates = NULL;
  *result = NULL;
  KD_ALLOCATE(c, 1);
  c->model = model;
  c->name = name;
  c->hbar = kd_model_hbar(model);
  c->n_band = kd_model_n_band(model);
  c->n_k = kd_model_n_k(model);
  c->n_matrix = c->n_band * c->n_band;
  for (size_t i = 0; kd_ansatze[i]; i++)
    if (strcmp(kd_ansatze[i]->name, name) == 0) c->ansatz = kd_ansatze[i];
  const kd_relaxation_rule *rule = NULL;
  for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++)
    if (strcmp(RULES[i].name, name) == 0) rule = &RULES[i].rule;
  if (c->ansatz || rule) {
    kd_occupation thermal;
    const bool needs_equilibrium =
        rule || kd_section_flag(section, "linearised") ||
        strcmp(kd_section_text(section, "reference"), "equilibrium") == 0;
    KD_CHECK(create_bands(c, root));
    KD_CHECK(read_thermal(scenario, section, reference, needs_equilibrium, &thermal));
    if (is_response) thermal = reference->occupation;
    if (c->ansatz) KD_CHECK(create_keldysh(c, scenario, section, &thermal, is_response));
    if (rule && *rule == KD_RELAX_RTA) {
      KD_ALLOCATE(rates, c->n_k * c->n_band);
      KD_CHECK(create(scenario, model, reference, "matrix", true, &matrix));
      kd_collision_out_rates(matrix, rates);
    }
    if (rule) {
      KD_CHECK(kd_relaxation_create(section, *rule, &c->spectrum, &thermal, rates, &c->relaxation));
      if (is_response) kd_relaxation_linearise(c->relaxation);
    }
  }
  *result = c;
  c = NULL;

cleanup:
  kd_collision_free(matrix);
  kd_free(rates);
  kd_collision_free(c);
  return status;
}

size_t kd_collision_bytes(const kd_collision *c) {
  if (kd_collision_is_none(c)) return 0;
  const size_t piece = c->n_piece * c->n_matrix * c->n_k * sizeof(double complex);
  return (5 + (c->is_linearised ? 3 : 0)) * piece +
         c->n_k * (c->n_matrix * sizeof(double complex) + c->n_band * sizeof(double)) +
         (c->method ? c->method->bytes(c->self_energy) : 0);
}

static const char *ansatz_of(const kd_scenario *scenario) {
  return kd_section_text(kd_section_child(kd_scenario_root(scenario), "collisions"), "ansatz");
}

kd_status kd_collision_create(const kd_scenario *scenario, kd_model *model,
                              const kd_reference *reference, kd_collision **collision) {
  return create(scenario, model, reference, ansatz_of(scenario), false, collision);
}

kd_status kd_collision_create_linear(const kd_scenario *scenario, kd_model *model,
                                     const kd_reference *reference, kd_collision **collision) {
  return create(scenario, model, reference, ansatz_of(scenario), true, collision);
}

void kd_collision_out_rates(const kd_collision *c, double *rates) {
  const double complex *lesser = c->is_linearised ? c->equilibrium_lesser : c->t_lesser;
  const double complex *greater = c->is_linearised ? c->equilibrium_greater : c->t_greater;
  for (size_t k = 0; k < c->n_k; k++)
    for (size_t a = 0; a < c->n_band; a++) {
      const size_t i = k * c->n_band + a;
      rates[i] = c->relaxation ? kd_relaxation_population_rate(c->relaxation, i)
                               : level_rate(c, k, a, lesser, greater);
    }
}
