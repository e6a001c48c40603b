/// Scheme `unsplit`: CVODE on the whole right-hand side,
///   df/dt = -(i/hbar) [H + Sigma[f] - F.r, f] - (1/hbar) F.grad_k g - (1/hbar) F.grad_k f_ref,
///   g = f - f_ref,
/// with the gradient of g taken spectrally and that of the reference exactly. On a lattice f_ref =
/// 0. It shares nothing with `interaction` but the model, and is its check.
#include <math.h>
#include <string.h>

#include "core/dot.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "drift/commutator.h"
#include "drift/regrid.h"
#include "propagator/power.h"
#include "propagator/precondition.h"
#include "propagator/scheme.h"

struct kd_unsplit {
  kd_translation *translation;
  kd_flow *flow; ///< for kicks
  kd_flow_position *position;
  double *h;                  ///< packed fields on the grid: H,
  double *r[3], *v[3];        ///< r_i, v_i,
  double *reference;          ///< f_ref, and
  double *reference_slope[3]; ///< d f_ref/dk_i; NULL when it is zero
  double *work;
};

static void unsplit_free(kd_propagator *p) {
  struct kd_unsplit *self = p->unsplit;
  if (!self) return;
  kd_translation_free(self->translation);
  kd_flow_position_free(self->position);
  kd_flow_free(self->flow);
  kd_free(self->h);
  for (int d = 0; d < 3; d++) {
    kd_free(self->r[d]);
    kd_free(self->v[d]);
    kd_free(self->reference_slope[d]);
  }
  kd_free(self->reference);
  kd_free(self->work);
  kd_free(self);
  p->unsplit = NULL;
}

static kd_status unsplit_create(kd_propagator *p, const kd_state *initial) {
  kd_status status = KD_OK;
  const double origin[3] = {0};
  struct kd_unsplit *self = NULL;
  KD_ALLOCATE(self, 1);
  p->unsplit = self;
  KD_CHECK(kd_translation_create(p->model, &self->translation));
  KD_CHECK(kd_flow_create(p->model, p->field, p->rtol, &self->flow));
  KD_CHECK(kd_flow_position_create(self->flow, &self->position));
  KD_ALLOCATE(self->h, p->n);
  KD_ALLOCATE(self->work, p->n);
  const kd_model_part energy = {.energy = 1};
  kd_model_sample(p->model, origin, &energy, self->h);
  for (size_t d = 0; d < kd_model_n_dim(p->model); d++) {
    double axis[3] = {0};
    axis[d] = 1;
    kd_model_part part = {0};
    memcpy(part.position, axis, sizeof axis);
    KD_ALLOCATE(self->r[d], p->n);
    KD_ALLOCATE(self->v[d], p->n);
    kd_model_sample(p->model, origin, &part, self->r[d]);
    kd_model_velocity(p->model, origin, axis, self->v[d]);
    if (p->mean_field)
      KD_CHECK(kd_mean_field_add_velocity(p->mean_field, origin, axis, self->v[d]));
  }
  if (!kd_reference_is_zero(p->reference)) {
    KD_ALLOCATE(self->reference, p->n);
    KD_CHECK(kd_reference_sample(p->reference, p->model, origin, self->reference));
    for (size_t d = 0; d < kd_model_n_dim(p->model); d++) {
      double axis[3] = {0};
      axis[d] = 1;
      KD_ALLOCATE(self->reference_slope[d], p->n);
      KD_CHECK(kd_reference_derivative(p->reference, p->model, axis, self->reference_slope[d]));
    }
  }
  memcpy(kd_integrator_unknowns(p->integrator), initial->f, p->n * sizeof *initial->f);
  kd_collision_phonons(p->collision, kd_integrator_unknowns(p->integrator) + p->n);

cleanup:
  return status;
}

static size_t unsplit_n_unknown(const kd_propagator *p) {
  return p->n + p->n_phonon;
}

/// The drift: everything but the collisions.
static kd_status drift_rate(kd_propagator *p, double t, const double *f, double *df) {
  struct kd_unsplit *self = p->unsplit;
  const size_t n_dim = kd_model_n_dim(p->model);
  const double hbar = kd_model_hbar(p->model), charge = kd_model_charge(p->model);
  double e[3];
  kd_field_value(p->field, t, e);
  if (e[0] == 0 && e[1] == 0 && e[2] == 0) {
    kd_commutator(p->n_band, p->n_k, 1 / hbar, self->h, f, df);
    return KD_OK;
  }
  // h = H - F.r
  double *h = p->scratch, *g = self->work;
  memcpy(h, self->h, p->n * sizeof *h);
  for (size_t d = 0; d < n_dim; d++) {
    const double force = charge * e[d], *r = self->r[d];
#pragma omp parallel for simd schedule(static) if (KD_WORTH_THREADS(p->n))
    for (size_t i = 0; i < p->n; i++) h[i] -= force * r[i];
  }
  kd_commutator(p->n_band, p->n_k, 1 / hbar, h, f, df);
  // -(1/hbar) F.grad_k g
  const double slope[3] = {-charge * e[0] / hbar, -charge * e[1] / hbar, -charge * e[2] / hbar};
  if (self->reference) {
#pragma omp parallel for simd schedule(static) if (KD_WORTH_THREADS(p->n))
    for (size_t i = 0; i < p->n; i++) g[i] = f[i] - self->reference[i];
  }
  KD_TRY(kd_translation_derivative(self->translation, slope, self->reference ? g : f, g));
#pragma omp parallel for simd schedule(static) if (KD_WORTH_THREADS(p->n))
  for (size_t i = 0; i < p->n; i++) df[i] += g[i];
  // -(1/hbar) F.grad_k f_ref
  for (size_t d = 0; d < n_dim && self->reference; d++) {
    const double *reference_slope = self->reference_slope[d];
#pragma omp parallel for simd schedule(static) if (KD_WORTH_THREADS(p->n))
    for (size_t i = 0; i < p->n; i++) df[i] += slope[d] * reference_slope[i];
  }
  return KD_OK;
}

static kd_status unsplit_rate(void *context, double t, const double *f, double *df) {
  kd_propagator *p = context;
  KD_TRY(drift_rate(p, t, f, df));
  if (p->mean_field) KD_TRY(kd_mean_field_add_rate(p->mean_field, (const double[3]){0}, f, df));
  if (kd_collision_is_none(p->collision)) return KD_OK;
  double *rate = p->unsplit->work;
  kd_collision_set_phonons(p->collision, f + p->n);
  KD_TRY(kd_collision_rate(p->collision, f, rate));
  kd_collision_phonon_rates(p->collision, df + p->n);
  for (size_t i = 0; i < p->n; i++) df[i] += rate[i];
  return KD_OK;
}

static kd_status unsplit_precondition(void *context, double t, double gamma, const double *r,
                                      double *z) {
  (void)t;
  const kd_propagator *p = context;
  kd_preconditioner_apply(p, gamma, true, r, z);
  memcpy(z + p->n, r + p->n, p->n_phonon * sizeof *z);
  return KD_OK;
}

static kd_status unsplit_power(void *context, double t, const double *f, double *power) {
  kd_propagator *p = context;
  double e[3];
  kd_field_value(p->field, t, e);
  *power = 0;
  const double factor =
      kd_model_charge(p->model) * kd_model_spin_degeneracy(p->model) / (double)p->n_k;
  const double *reference = p->unsplit->reference;
  for (size_t d = 0; d < kd_model_n_dim(p->model); d++) {
    if (e[d] == 0) continue;
    const double *v = p->unsplit->v[d];
    *power += factor * e[d] * kd_dot(v, f, p->n);
    if (reference) *power -= factor * e[d] * kd_dot(v, reference, p->n);
  }
  return KD_OK;
}

static kd_status unsplit_state(kd_propagator *p, double t, const double *y, kd_state *state) {
  (void)t;
  if (state->phonon) memcpy(state->phonon, y + p->n, p->n_phonon * sizeof *y);
  if (y != state->f) memcpy(state->f, y, p->n * sizeof *y);
  state->shift[0] = state->shift[1] = state->shift[2] = 0;
  return KD_OK;
}

static kd_status unsplit_settle(kd_propagator *p, bool *must_restart) {
  (void)p;
  *must_restart = false;
  return KD_OK;
}

static kd_status unsplit_kick(kd_propagator *p, const double impulse[3]) {
  struct kd_unsplit *self = p->unsplit;
  double *f = kd_integrator_unknowns(p->integrator);
  const double origin[3] = {0};
  kd_flow_start(self->flow, self->position, p->t, origin);
  KD_TRY(kd_flow_kick(self->flow, self->position, impulse));
  KD_TRY(kd_flow_rotate(self->flow, self->position, false, f, f));
  return kd_regrid(p->reference, p->model, self->translation, self->position->shift, f, p->scratch,
                   self->work);
}

static void unsplit_cost(const kd_propagator *p, kd_propagator_statistics *statistics) {
  statistics->ffts += kd_translation_n_fft(p->unsplit->translation);
}

static size_t unsplit_bytes(const kd_propagator *p) {
  const size_t n_field = kd_integrator_n_vector(p->method) + 3 + 2 * kd_model_n_dim(p->model);
  return kd_flow_bytes(p->n_band, p->n_k) + kd_translation_bytes(p->model) +
         n_field * p->n * sizeof(double);
}

const kd_scheme kd_scheme_unsplit = {.name = "unsplit",
                                     .create = unsplit_create,
                                     .free = unsplit_free,
                                     .n_unknown = unsplit_n_unknown,
                                     .tolerance_factor = 0.02,
                                     .rate = unsplit_rate,
                                     .power = unsplit_power,
                                     .precondition = unsplit_precondition,
                                     .state = unsplit_state,
                                     .settle = unsplit_settle,
                                     .kick = unsplit_kick,
                                     .cost = unsplit_cost,
                                     .bytes = unsplit_bytes};
