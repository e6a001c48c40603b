/// Scheme `interaction`: the drift is exact, CVODE integrates what is left in its interaction
/// picture, y(t) = e^{-L(t,t_0)} f(t): the collisions and the mean field. Without them only the
/// work done by the field is left to integrate.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "drift/regrid.h"
#include "propagator/power.h"
#include "propagator/precondition.h"
#include "propagator/scheme.h"

/// Error of U allowed in one Magnus step, in units of rtol. The estimate is that of the 4th-order
/// step while the 6th-order one is kept.
#define FLOW_TOLERANCE 1.0

/// In a k.p box with collisions or a mean field the frame is anchored anew when it has moved by
/// this part of the box.
enum { ANCHOR_PART = 8 };

struct kd_interaction {
  kd_flow *flow;
  kd_flow_position *now;   ///< follows the integrator
  kd_flow_position *frame; ///< visits output times
  double *anchor;          ///< f at the origin of the positions
  double *f;               ///< f at `now`
  bool has_collisions;
  bool has_rate; ///< collisions or a mean field: the state in the picture changes
  kd_translation
      *translation; ///< with collisions: between the displaced grid and that of the model
  double *rate;     ///< and on the displaced grid that of the mean field,
  double *mean_field_rate, *work_1, *work_2;
  kd_flow_position *kept; ///< `now` at the end of a window,
  double *kept_anchor;    ///< and `anchor`; NULL with has_rate
  double kept_place[5];   ///< time, shift and step of `kept`
};

static void interaction_free(kd_propagator *p) {
  struct kd_interaction *self = p->interaction;
  if (!self) return;
  kd_flow_position_free(self->now);
  kd_flow_position_free(self->frame);
  kd_flow_position_free(self->kept);
  kd_free(self->kept_anchor);
  kd_flow_free(self->flow);
  kd_free(self->anchor);
  kd_free(self->f);
  kd_translation_free(self->translation);
  kd_free(self->rate);
  kd_free(self->mean_field_rate);
  kd_free(self->work_1);
  kd_free(self->work_2);
  kd_free(self);
  p->interaction = NULL;
}

static kd_status interaction_create(kd_propagator *p, const kd_state *initial) {
  kd_status status = KD_OK;
  struct kd_interaction *self = NULL;
  KD_ALLOCATE(self, 1);
  p->interaction = self;
  KD_CHECK(kd_flow_create(p->model, p->field, FLOW_TOLERANCE * p->rtol, &self->flow));
  KD_CHECK(kd_flow_position_create(self->flow, &self->now));
  KD_CHECK(kd_flow_position_create(self->flow, &self->frame));
  KD_CHECK(kd_flow_position_create(self->flow, &self->kept));
  KD_ALLOCATE(self->anchor, p->n);
  KD_ALLOCATE(self->f, p->n);
  memcpy(self->anchor, initial->f, p->n * sizeof *initial->f);
  self->has_collisions = !kd_collision_is_none(p->collision);
  self->has_rate = self->has_collisions || p->mean_field;
  if (!self->has_rate) KD_ALLOCATE(self->kept_anchor, p->n);
  if (self->has_collisions) {
    KD_CHECK(kd_translation_create(p->model, &self->translation));
    KD_ALLOCATE(self->rate, p->n);
    KD_ALLOCATE(self->work_1, p->n);
    KD_ALLOCATE(self->work_2, p->n);
  }
  if (p->mean_field) KD_ALLOCATE(self->mean_field_rate, p->n);
  if (self->has_rate) {
    memcpy(kd_integrator_unknowns(p->integrator), initial->f, p->n * sizeof *initial->f);
    kd_collision_phonons(p->collision, kd_integrator_unknowns(p->integrator) + p->n);
  }
  kd_flow_start(self->flow, self->now, initial->time, initial->shift);

cleanup:
  return status;
}

static size_t interaction_n_unknown(const kd_propagator *p) {
  // CVODES wants a vector; without collisions nothing changes in the interaction picture.
  return kd_collision_is_none(p->collision) && !p->mean_field ? 1 : p->n + p->n_phonon;
}

/// The state in the interaction picture: the unknowns, or what it was at the anchor.
static const double *picture(const kd_propagator *p, const double *y) {
  return p->interaction->has_rate ? y : p->interaction->anchor;
}

/// The collisions act on the grid of the model, where phonons are as they are; the mean field,
/// which depends on differences of k, on the displaced grid.
///
/// dy/dt = U^dagger {T^-1 C[T f] - (i/hbar) [Sigma[f], f]} U, f = U y U^dagger, T the interpolation
/// from the displaced grid to that of the model.
static kd_status interaction_rate(void *context, double t, const double *y, double *dy) {
  kd_propagator *p = context;
  struct kd_interaction *self = p->interaction;
  if (!self->has_rate) {
    dy[0] = 0;
    return KD_OK;
  }
  KD_TRY(kd_flow_move(self->flow, self->now, t));
  const double *shift = self->now->shift;
  const double back[3] = {-shift[0], -shift[1], -shift[2]};
  KD_TRY(kd_flow_rotate(self->flow, self->now, false, y, self->f));
  if (p->mean_field) {
    memset(self->mean_field_rate, 0, p->n * sizeof *self->mean_field_rate);
    KD_TRY(kd_mean_field_add_rate(p->mean_field, shift, self->f, self->mean_field_rate));
    if (!self->has_collisions)
      return kd_flow_rotate(self->flow, self->now, true, self->mean_field_rate, dy);
  }
  KD_TRY(kd_regrid(p->reference, p->model, self->translation, shift, self->f, self->work_1,
                   self->work_2));
  kd_collision_set_phonons(p->collision, y + p->n);
  KD_TRY(kd_collision_rate(p->collision, self->f, self->rate));
  kd_collision_phonon_rates(p->collision, dy + p->n);
  KD_TRY(kd_translation_apply(self->translation, back, self->rate, self->rate));
  for (size_t i = 0; i < p->n && p->mean_field; i++) self->rate[i] += self->mean_field_rate[i];
  return kd_flow_rotate(self->flow, self->now, true, self->rate, dy);
}

/// z := U^dagger T^-1 P [T U r U^dagger] U, the preconditioner P on the grid of the model.
static kd_status interaction_precondition(void *context, double t, double gamma, const double *r,
                                          double *z) {
  kd_propagator *p = context;
  struct kd_interaction *self = p->interaction;
  KD_TRY(kd_flow_move(self->flow, self->now, t));
  const double *shift = self->now->shift;
  const double back[3] = {-shift[0], -shift[1], -shift[2]};
  const bool is_displaced = shift[0] != 0 || shift[1] != 0 || shift[2] != 0;
  KD_TRY(kd_flow_rotate(self->flow, self->now, false, r, z));
  if (is_displaced) KD_TRY(kd_translation_apply(self->translation, shift, z, z));
  kd_preconditioner_apply(p, gamma, false, z, z);
  if (is_displaced) KD_TRY(kd_translation_apply(self->translation, back, z, z));
  memcpy(z + p->n, r + p->n, p->n_phonon * sizeof *z);
  return kd_flow_rotate(self->flow, self->now, true, z, z);
}

static kd_status interaction_power(void *context, double t, const double *y, double *power) {
  kd_propagator *p = context;
  struct kd_interaction *self = p->interaction;
  double e[3];
  kd_field_value(p->field, t, e);
  *power = 0;
  if (e[0] == 0 && e[1] == 0 && e[2] == 0) return KD_OK;
  KD_TRY(kd_flow_move(self->flow, self->now, t));
  KD_TRY(kd_flow_rotate(self->flow, self->now, false, picture(p, y), self->f));
  return kd_power(p, self->now->shift, e, self->f, power);
}

static kd_status interaction_state(kd_propagator *p, double t, const double *y, kd_state *state) {
  struct kd_interaction *self = p->interaction;
  kd_flow_copy(self->flow, self->now, self->frame);
  KD_TRY(kd_flow_move(self->flow, self->frame, t));
  memcpy(state->shift, self->frame->shift, sizeof state->shift);
  if (state->phonon) memcpy(state->phonon, y + p->n, p->n_phonon * sizeof *y);
  return kd_flow_rotate(self->flow, self->frame, false, picture(p, y), state->f);
}

/// Number of whole cells that the frame has moved along axis `i`.
static long whole_cells(const kd_model *model, const double shift[3], size_t i) {
  const double *dual = kd_model_duals(model) + 3 * i;
  double cells = 0;
  for (int d = 0; d < 3; d++) cells += dual[d] * shift[d];
  return (long)(cells / (2 * M_PI) * (double)kd_model_n(model)[i]);
}

/// In a k.p box: when the frame has moved by whole cells, the values move to the points of the box
/// that they have reached, what has left the box is dropped, and what has entered it is the
/// reference.
static kd_status interaction_settle(kd_propagator *p, bool *must_restart) {
  struct kd_interaction *self = p->interaction;
  *must_restart = false;
  if (kd_model_is_periodic(p->model)) return KD_OK;
  KD_TRY(kd_flow_move(self->flow, self->now, p->t));
  const size_t n_dim = kd_model_n_dim(p->model);
  long cells[3] = {0};
  bool far = false;
  double shift[3];
  memcpy(shift, self->now->shift, sizeof shift);
  for (size_t i = 0; i < n_dim; i++) {
    cells[i] = whole_cells(p->model, self->now->shift, i);
    // Where the state changes a new anchor costs the history of the integrator, so it is not set at
    // every cell.
    const size_t most = self->has_rate ? kd_model_n(p->model)[i] / ANCHOR_PART : 0;
    far = far || (size_t)labs(cells[i]) > most;
    for (int d = 0; d < 3; d++)
      shift[d] -= (double)cells[i] / (double)kd_model_n(p->model)[i] *
                  kd_model_edges(p->model)[3 * i + (size_t)d];
  }
  if (!far) return KD_OK;
  double *unknowns = kd_integrator_unknowns(p->integrator);
  double *anchor = self->has_rate ? unknowns : self->anchor;
  KD_TRY(kd_flow_rotate(self->flow, self->now, false, picture(p, unknowns), self->f));
  if (kd_reference_is_zero(p->reference))
    memset(anchor, 0, p->n * sizeof *anchor);
  else
    KD_TRY(kd_reference_sample(p->reference, p->model, shift, anchor));
  const size_t *n = kd_model_n(p->model);
  for (size_t c = 0; c < p->n_band * p->n_band; c++)
    for (size_t i = 0; i < n[0]; i++) {
      const long i_from = (long)i - cells[0];
      if (i_from < 0 || i_from >= (long)n[0]) continue;
      for (size_t j = 0; j < n[1]; j++) {
        const long j_from = (long)j - cells[1];
        if (j_from < 0 || j_from >= (long)n[1]) continue;
        const size_t to = c * p->n_k + (i * n[1] + j) * n[2];
        const size_t from = c * p->n_k + ((size_t)i_from * n[1] + (size_t)j_from) * n[2];
        for (size_t l = 0; l < n[2]; l++) {
          const long l_from = (long)l - cells[2];
          if (l_from < 0 || l_from >= (long)n[2]) continue;
          anchor[to + l] = self->f[from + (size_t)l_from];
        }
      }
    }
  const double step = self->now->step;
  kd_flow_start(self->flow, self->now, p->t, shift);
  self->now->step = step;
  *must_restart = self->has_rate;
  return KD_OK;
}

static kd_status interaction_kick(kd_propagator *p, const double impulse[3]) {
  struct kd_interaction *self = p->interaction;
  KD_TRY(kd_flow_move(self->flow, self->now, p->t));
  return kd_flow_kick(self->flow, self->now, impulse);
}

static void interaction_save(kd_propagator *p) {
  struct kd_interaction *self = p->interaction;
  kd_flow_copy(self->flow, self->now, self->kept);
  const kd_flow_position *kept = self->kept;
  const double place[5] = {kept->time, kept->shift[0], kept->shift[1], kept->shift[2], kept->step};
  memcpy(self->kept_place, place, sizeof place);
  if (self->kept_anchor) memcpy(self->kept_anchor, self->anchor, p->n * sizeof *self->anchor);
}

static void interaction_records(kd_propagator *p, kd_records *records) {
  struct kd_interaction *self = p->interaction;
  kd_records_add(records, "frame", self->kept_place, 5);
  kd_records_add(records, "frame_unitary", self->kept->u, kd_flow_n_unitary(self->flow));
  if (self->kept_anchor) kd_records_add(records, "anchor", self->kept_anchor, p->n);
}

static void interaction_resume(kd_propagator *p) {
  struct kd_interaction *self = p->interaction;
  const double *place = self->kept_place;
  self->kept->time = place[0];
  memcpy(self->kept->shift, place + 1, sizeof self->kept->shift);
  self->kept->step = place[4];
  kd_flow_copy(self->flow, self->kept, self->now);
  if (self->kept_anchor) memcpy(self->anchor, self->kept_anchor, p->n * sizeof *self->anchor);
}

static void interaction_cost(const kd_propagator *p, kd_propagator_statistics *statistics) {
  if (p->interaction->translation)
    statistics->ffts += kd_translation_n_fft(p->interaction->translation);
  kd_flow_statistics(p->interaction->flow, &statistics->flow_steps, &statistics->flow_rejections);
}

static size_t interaction_bytes(const kd_propagator *p) {
  const size_t field = p->n * sizeof(double);
  const size_t own = kd_flow_bytes(p->n_band, p->n_k) + 2 * field;
  if (!p->interaction->has_rate) return own + field;
  return own + (3 + kd_integrator_n_vector(p->method)) * field +
         (p->interaction->has_collisions ? kd_translation_bytes(p->model) : 0);
}

const kd_scheme kd_scheme_interaction = {.name = "interaction",
                                         .create = interaction_create,
                                         .free = interaction_free,
                                         .n_unknown = interaction_n_unknown,
                                         .tolerance_factor = 0.1,
                                         .rate = interaction_rate,
                                         .power = interaction_power,
                                         .precondition = interaction_precondition,
                                         .state = interaction_state,
                                         .settle = interaction_settle,
                                         .kick = interaction_kick,
                                         .save = interaction_save,
                                         .records = interaction_records,
                                         .resume = interaction_resume,
                                         .cost = interaction_cost,
                                         .bytes = interaction_bytes};
