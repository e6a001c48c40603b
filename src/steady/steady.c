#include "keldrift/steady.h"

#include <math.h>
#include <nvector/nvector_serial.h>
#include <stdio.h>
#include <string.h>
#include <sunlinsol/sunlinsol_spgmr.h>

#include "collision/mean_field.h"
#include "collision/secular.h"
#include "core/clock.h"
#include "core/dot.h"
#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"
#include "drift/commutator.h"
#include "guard.h"
#include "keldrift/collision.h"
#include "model/bands.h"
#include "observables/dataset.h"
#include "recovery.h"
#include "scenario/section.h"

/// Relative residual that the iteration is to reach, and what is still accepted.
static const double TOLERANCE = 1e-11, ACCEPTED = 1e-8;
enum { KRYLOV = 120, RESTARTS = 40 };
/// A response larger by this than one without scattering back in is reported.
static const double SUSPICIOUS = 100;
/// The number and the energy are one quantity if this part of the latter is beside the former.
static const double DEPENDENT = 1e-12;
enum { MOST_CONSERVED = 2 };

typedef struct problem {
  const kd_steady_options *options;
  kd_model *model;
  kd_collision *collision;
  size_t n_band, n_dim, n_k, n;
  double hbar;
  kd_bands bands;
  double *rate; ///< out-scattering rates, [n_k][n_band], 1/fs
  double *work;
  size_t n_conserved; ///< what the operator conserves: the number, and the energy
  double *conserved;  ///< as unit vectors w_c, orthogonal to one another, [n_conserved][n]
  double restoration; ///< rate at which (L - r sum_c w_c w_c^T) empties them, 1/fs
  kd_status status;   ///< of the last failing callback
} problem;

static void problem_clear(problem *p) {
  kd_bands_clear(&p->bands);
  kd_free(p->rate);
  kd_free(p->work);
  kd_free(p->conserved);
}

/// y -= rate sum_c w_c (w_c.x) over the first `count` conserved quantities; y may be x.
static void take_conserved(const problem *p, size_t count, double rate, const double *x,
                           double *y) {
  for (size_t c = 0; c < count; c++) {
    const double *w = p->conserved + c * p->n, part = rate * kd_dot(w, x, p->n);
    for (size_t i = 0; i < p->n; i++) y[i] -= part * w[i];
  }
}

/// Adds the direction of w, a quantity that is conserved; none where w depends on those before.
static void add_conserved(problem *p, const double *w) {
  double *unit = p->conserved + p->n_conserved * p->n;
  const double before = sqrt(kd_dot(w, w, p->n));
  memcpy(unit, w, p->n * sizeof *unit);
  take_conserved(p, p->n_conserved, 1, unit, unit);
  const double norm = sqrt(kd_dot(unit, unit, p->n));
  if (!(norm > DEPENDENT * before)) return;
  for (size_t i = 0; i < p->n; i++) unit[i] /= norm;
  // Once more, for what rounding left.
  take_conserved(p, p->n_conserved, 1, unit, unit);
  p->n_conserved++;
}

/// The number and the energy, where the collisions conserve them; the commutator does.
static kd_status find_conserved(problem *p) {
  kd_status status = KD_OK;
  const size_t n_level = p->n_band * p->n_k;
  KD_ALLOCATE(p->conserved, MOST_CONSERVED * p->n);
  if (kd_collision_conserves_number(p->collision)) {
    memset(p->work, 0, p->n * sizeof *p->work);
    for (size_t i = 0; i < n_level; i++) p->work[i] = 1;
    add_conserved(p, p->work);
  }
  if (kd_collision_conserves_energy(p->collision)) add_conserved(p, p->bands.h);
  for (size_t i = 0; i < n_level; i++) p->restoration += p->rate[i] / (double)n_level;

cleanup:
  return status;
}

static kd_status problem_create(kd_model *model, kd_collision *collision,
                                const kd_steady_options *options, problem *p) {
  kd_status status = KD_OK;
  *p = (problem){.options = options,
                 .model = model,
                 .collision = collision,
                 .n_band = kd_model_n_band(model),
                 .n_dim = kd_model_n_dim(model),
                 .n_k = kd_model_n_k(model),
                 .hbar = kd_model_hbar(model)};
  p->n = p->n_band * p->n_band * p->n_k;
  KD_ALLOCATE(p->work, p->n);
  KD_ALLOCATE(p->rate, p->n_band * p->n_k);
  KD_CHECK(kd_bands_create(model, &p->bands));
  kd_collision_out_rates(collision, p->rate);
  KD_CHECK(find_conserved(p));

cleanup:
  return status;
}

/// @return KD_STOPPED if somebody wants it to end
static kd_status ask(const kd_steady_options *options) {
  if (!options->request || options->request(options->context) != KD_STOP) return KD_OK;
  return kd_error(KD_STOPPED, "stopped before the response was found: there is no result");
}

/// z := -(i/hbar) [H, v] + C_lin[v] - r sum_c w_c (w_c.v)
static int multiply(void *data, N_Vector v, N_Vector z) {
  problem *p = data;
  p->status = ask(p->options);
  if (p->status != KD_OK) return -1;
  const double *x = N_VGetArrayPointer(v);
  double *y = N_VGetArrayPointer(z);
  kd_commutator(p->n_band, p->n_k, 1 / p->hbar, p->bands.h, x, y);
  const kd_status status = kd_collision_rate(p->collision, x, p->work);
  if (status != KD_OK) {
    p->status = status;
    return -1;
  }
  for (size_t i = 0; i < p->n; i++) y[i] += p->work[i];
  take_conserved(p, p->n_conserved, p->restoration, x, y);
  return 0;
}

static int nothing_to_set_up(void *data) {
  (void)data;
  return 0;
}

/// z := the inverse of -i (e_n - e_m)/hbar - (rate_n + rate_m)/2 in the eigenbasis, elementwise.
static int precondition(void *data, N_Vector r, N_Vector z, realtype tolerance, int side) {
  const problem *p = data;
  (void)tolerance, (void)side;
  const kd_secular secular = {.n_band = p->n_band,
                              .n_k = p->n_k,
                              .vector = p->bands.vector,
                              .energy = p->bands.energy,
                              .rate = p->rate,
                              .hbar = p->hbar};
  kd_secular_solve(&secular, 0, -1, N_VGetArrayPointer(r), N_VGetArrayPointer(z));
  return 0;
}

/// (1/hbar) F.grad f_eq - (i/hbar) [F.r, f_eq] for unit E along `axis`.
static kd_status source(problem *p, kd_reference *reference, size_t axis, const double *equilibrium,
                        double *b) {
  const double charge = kd_model_charge(p->model);
  double direction[3] = {0};
  direction[axis] = charge / p->hbar;
  KD_TRY(kd_reference_derivative(reference, p->model, direction, b));
  kd_model_part part = {0};
  part.position[axis] = charge;
  double *r = p->work;
  kd_status status = KD_OK;
  double *commutator = NULL;
  KD_ALLOCATE(commutator, p->n);
  kd_model_sample(p->model, (const double[3]){0}, &part, r);
  kd_commutator(p->n_band, p->n_k, 1 / p->hbar, r, equilibrium, commutator);
  for (size_t i = 0; i < p->n; i++) b[i] += commutator[i];

cleanup:
  kd_free(commutator);
  return status;
}

/// Where something is conserved, w^T L = 0, the operator has no inverse: no stationary state
/// answers to a source of it, and the response is one up to what the null vectors hold. There is no
/// source in theory (the half-open grid of a k.p box leaves one), and the field that is switched on
/// makes none, so w.df = 0 is the response. L - r w w^T has an inverse and no other solution: its
/// product with w^T is -r w.df = w.b = 0, whatever the null vectors are.
static void remove_sources(const problem *p, double *b) {
  take_conserved(p, p->n_conserved, 1, b, b);
}

/// Solves for one direction; `x` receives df.
static kd_status solve(problem *p, SUNContext context, const double *b, double *x, double *residual,
                       long *iterations) {
  kd_status status = KD_OK;
  N_Vector right = N_VMake_Serial((sunindextype)p->n, (double *)b, context);
  N_Vector solution = N_VMake_Serial((sunindextype)p->n, x, context);
  N_Vector product = right ? N_VClone(right) : NULL;
  SUNLinearSolver solver = right ? SUNLinSol_SPGMR(right, SUN_PREC_RIGHT, KRYLOV, context) : NULL;
  if (!right || !solution || !product || !solver) {
    status = kd_error(KD_ERROR_MEMORY, "out of memory for %d Krylov vectors of %zu numbers", KRYLOV,
                      p->n);
    goto cleanup;
  }
  SUNLinSol_SPGMRSetMaxRestarts(solver, RESTARTS);
  SUNLinSolSetATimes(solver, p, multiply);
  SUNLinSolSetPreconditioner(solver, p, nothing_to_set_up, precondition);
  SUNLinSolInitialize(solver);
  SUNLinSolSetup(solver, NULL);
  const double norm = sqrt(N_VDotProd(right, right));
  N_VConst(0, solution);
  if (norm > 0) SUNLinSolSolve(solver, NULL, solution, right, TOLERANCE * norm);
  *iterations = SUNLinSolNumIters(solver);
  if (p->status != KD_OK) {
    status = p->status;
    goto cleanup;
  }
  if (multiply(p, solution, product) != 0) {
    status = p->status;
    goto cleanup;
  }
  N_VLinearSum(1, product, -1, right, product);
  *residual = norm > 0 ? sqrt(N_VDotProd(product, product)) / norm : 0;
  if (!(*residual <= ACCEPTED))
    status = kd_error(KD_ERROR_NUMERICS,
                      "the linear response does not converge: relative residual %.2g after %ld "
                      "iterations (expected %g; is there a band without scattering?)",
                      *residual, *iterations, ACCEPTED);

cleanup:
  if (solver) SUNLinSolFree(solver);
  if (product) N_VDestroy(product);
  if (solution) N_VDestroy(solution);
  if (right) N_VDestroy(right);
  return status;
}

/// The norm of df over that of the response without scattering back in. It is large where
/// scattering is mostly forward, and where df holds something that nothing restores.
static double enhancement(problem *p, SUNContext context, const double *b, const double *df) {
  N_Vector right = N_VMake_Serial((sunindextype)p->n, (double *)b, context);
  N_Vector alone = right ? N_VClone(right) : NULL;
  double ratio = 0;
  if (alone) {
    precondition(p, right, alone, 0, 0);
    const double *x = N_VGetArrayPointer(alone);
    const double norm = kd_dot(x, x, p->n);
    ratio = norm > 0 ? sqrt(kd_dot(df, df, p->n) / norm) : 0;
  }
  if (alone) N_VDestroy(alone);
  if (right) N_VDestroy(right);
  return ratio;
}

/// The part of df that is diagonal in the groups of degenerate levels.
static void populations_of(const problem *p, const double *df, double *result) {
  const size_t n = p->n_band;
  for (size_t k = 0; k < p->n_k; k++) {
    double complex matrix[KD_MAX_MATRIX], band[KD_MAX_MATRIX], scratch[KD_MAX_MATRIX];
    size_t first[KD_MAX_BAND];
    const double complex *s = p->bands.vector + k * n * n;
    kd_eigen_groups(n, p->bands.energy + k * n, p->bands.tolerance, first);
    kd_unpack(df, n, p->n_k, k, matrix);
    kd_eigen_rotate(n, s, true, matrix, band, scratch);
    for (size_t a = 0; a < n; a++)
      for (size_t b = 0; b < n; b++)
        if (first[a] != first[b]) band[a * n + b] = 0;
    kd_eigen_rotate(n, s, false, band, matrix, scratch);
    kd_pack(matrix, n, p->n_k, k, result);
  }
}

/// Writes /steady, /grid and /model.
static kd_status write_response(const kd_scenario *scenario, const problem *p,
                                kd_observables *observables, const double *df, const double *user,
                                kd_steady_report *report) {
  kd_status status = KD_OK;
  const size_t n = p->n_band, d = p->n_dim;
  kd_output *output = NULL;
  double complex *unpacked = NULL;
  KD_ALLOCATE(unpacked, d * p->n);
  for (size_t axis = 0; axis < d; axis++)
    for (size_t k = 0; k < p->n_k; k++)
      kd_unpack(df + axis * p->n, n, p->n_k, k, unpacked + (axis * p->n_k + k) * n * n);
  KD_CHECK(kd_output_create(p->options->output, kd_scenario_text(scenario), p->options->command,
                            &output));
  KD_CHECK(kd_observables_write_model(observables, output));
  const void *data[] = {report->conductivity, report->population, report->coherence, unpacked};
  for (size_t i = 0; i < sizeof data / sizeof *data; i++) {
    const kd_variable variable =
        kd_observables_variable(observables, &kd_steady_datasets[i], data[i]);
    KD_CHECK(kd_output_write(output, "/steady", &variable));
    if (data[i] == unpacked) continue;
    char object[64];
    snprintf(object, sizeof object, "/steady/%s", variable.name);
    KD_CHECK(kd_output_attribute_real(output, object, "si_factor", &report->si_factor, 1));
    KD_CHECK(kd_output_attribute_text(output, object, "si_unit", report->si_unit));
  }
  for (size_t i = 0; i < report->n_user; i++) {
    bool is_current;
    const char *name = kd_observables_user(observables, i, &is_current);
    kd_variable variable = kd_observables_variable(
        observables, &kd_steady_user_datasets[is_current ? 1 : 0], user + i * d);
    variable.name = name;
    KD_CHECK(kd_output_write(output, "/steady", &variable));
  }
  const kd_collision_cost cost = kd_collision_statistics(p->collision);
  KD_CHECK(kd_output_attribute_text(output, "/run", "ansatz", cost.ansatz));
  KD_CHECK(kd_output_attribute_text(output, "/run", "collision_method", cost.method));
  KD_CHECK(
      kd_output_attribute_integer(output, "/run", "collision_evaluations", (long)cost.evaluations));
  KD_CHECK(kd_output_attribute_integer(output, "/run", "ffts", (long)cost.ffts));
  KD_CHECK(kd_output_attribute_real(output, "/run", "total_seconds", &report->seconds, 1));
  KD_CHECK(kd_output_attribute_real(output, "/run", "residual", report->residual, d));
  const char *texts[KD_MAX_WARNINGS];
  for (size_t i = 0; i < report->warnings.count; i++) texts[i] = report->warnings.text[i];
  KD_CHECK(kd_output_attribute_texts(output, "/run", "warnings", texts, report->warnings.count));
  status = kd_output_close(output);
  output = NULL;

cleanup:
  kd_output_discard(output);
  kd_free(unpacked);
  return status;
}

kd_status kd_steady(const kd_scenario *scenario, const kd_steady_options *options,
                    kd_steady_report *report) {
  kd_status status = KD_OK;
  const double start = kd_seconds();
  const kd_section *root = kd_scenario_root(scenario);
  kd_model *model = NULL;
  kd_field *field = NULL;
  kd_space *space = NULL;
  kd_state *state = NULL;
  kd_reference *reference = NULL;
  kd_collision *collision = NULL;
  kd_observables *observables = NULL;
  SUNContext context = NULL;
  problem p = {0};
  double *b = NULL, *df = NULL, *population = NULL, *velocity = NULL, *user = NULL;
  memset(report, 0, sizeof *report);
  if (options->output) KD_CHECK(kd_guard_result(scenario, options->output));
  KD_CHECK(kd_model_create(scenario, &model));
  KD_CHECK(ask(options));
  KD_CHECK(kd_space_create(scenario, model, &space));
  if (kd_space_n_dim(space) > 0) {
    status = kd_section_error(kd_section_child(root, "grid"), "r",
                              "an R grid (expected none: the linear response is that of a "
                              "homogeneous system)");
    goto cleanup;
  }
  KD_CHECK(kd_mean_field_refuse(scenario, "in the linear response"));
  KD_CHECK(kd_field_create(scenario, model, &field));
  KD_CHECK(kd_initial_create(scenario, model, space, &state, &reference));
  KD_CHECK(ask(options));
  if (strcmp(kd_section_variant(kd_section_child(root, "initial"))->kind, "equilibrium") != 0) {
    status = kd_section_error(kd_section_child(root, "initial"), "kind",
                              "no equilibrium to respond from (expected equilibrium)");
    goto cleanup;
  }
  KD_CHECK(kd_collision_create_linear(scenario, model, reference, &collision));
  KD_CHECK(ask(options));
  if (kd_collision_is_none(collision)) {
    status =
        kd_section_error(kd_section_child(root, "collisions"), "ansatz",
                         "without collisions there is no steady state (expected an Ansatz other "
                         "than none)");
    goto cleanup;
  }
  KD_CHECK(kd_observables_create(scenario, model, space, field, reference, &observables));
  KD_CHECK(ask(options));
  KD_CHECK(problem_create(model, collision, options, &p));
  if (SUNContext_Create(NULL, &context) != 0) {
    status = kd_error(KD_ERROR_INTERNAL, "SUNDIALS gives no context");
    goto cleanup;
  }
  const size_t d = p.n_dim;
  const double factor = kd_model_charge(model) * kd_model_spin_degeneracy(model) / (double)p.n_k;
  report->n_dim = d;
  report->n_user = kd_section_count(root, "observables");
  kd_observables_conductivity_unit(observables, &report->si_factor, &report->si_unit);
  KD_ALLOCATE(b, p.n);
  KD_ALLOCATE(df, d * p.n);
  KD_ALLOCATE(population, p.n);
  KD_ALLOCATE(velocity, p.n);
  KD_ALLOCATE(user, report->n_user * d);
  for (size_t j = 0; j < d; j++) {
    double *x = df + j * p.n;
    KD_CHECK(source(&p, reference, j, state->f, b));
    remove_sources(&p, b);
    KD_CHECK(solve(&p, context, b, x, &report->residual[j], &report->iterations[j]));
    const double ratio = enhancement(&p, context, b, x);
    if (ratio > SUSPICIOUS)
      kd_warn(&report->warnings,
              "the response along axis %zu is %.2g times what the scattering rates explain: unless "
              "scattering is mostly forward, it holds particles of a band that no term of "
              "collisions empties again; compare with model.k_max or grid.k at twice its value, "
              "which it "
              "should not depend on, or add a weak term that connects the bands",
              j, ratio);
    populations_of(&p, x, population);
    for (size_t i = 0; i < d; i++) {
      double axis[3] = {0};
      axis[i] = 1;
      kd_model_velocity(model, (const double[3]){0}, axis, velocity);
      report->conductivity[i * d + j] = factor * kd_dot(velocity, x, p.n);
      report->population[i * d + j] = factor * kd_dot(velocity, population, p.n);
      report->coherence[i * d + j] =
          report->conductivity[i * d + j] - report->population[i * d + j];
    }
    KD_CHECK(kd_observables_operators(observables, x, user + j, d));
  }
  kd_collision_warn(collision, &report->warnings);
  const kd_collision_cost cost = kd_collision_statistics(collision);
  report->collision_evaluations = cost.evaluations;
  report->ffts = cost.ffts;
  report->seconds = kd_seconds() - start;
  if (options->output) {
    KD_CHECK(write_response(scenario, &p, observables, df, user, report));
    kd_recovery_finish(options->output);
  }

cleanup:
  kd_free(b);
  kd_free(df);
  kd_free(population);
  kd_free(velocity);
  kd_free(user);
  problem_clear(&p);
  if (context) SUNContext_Free(&context);
  kd_observables_free(observables);
  kd_collision_free(collision);
  kd_reference_free(reference);
  kd_state_free(state);
  kd_field_free(field);
  kd_space_free(space);
  kd_model_free(model);
  return status;
}
