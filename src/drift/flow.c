#include "drift/flow.h"

#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "drift/unitary.h"

/// Gauss-Legendre nodes of order 6 on [0, 1].
static const double NODE[3] = {0.5 - 0.38729833462074168852, 0.5, 0.5 + 0.38729833462074168852};

/// The frame moves by at most this fraction of the k domain in one step, so that three nodes cannot
/// miss a period of H(k).
static const double LARGEST_TRAVEL = 1.0 / 16;
/// A field piece is resolved by a polynomial of degree 16; a quarter of it by the three nodes of a
/// step.
static const double LARGEST_PART_OF_PIECE = 0.25;
static const double SAFETY = 0.9, LARGEST_GROWTH = 3, SMALLEST_SHRINK = 0.2;

struct kd_flow {
  kd_model *model;
  const kd_field *field;
  const kd_unitary *unitary; ///< NULL for one band, where U = 1
  double tolerance;
  size_t n_band, n_k;
  double *h[3];
  unsigned long n_step, n_rejected;
};

/// What generates the motion over a parameter x: time, or the fraction of a kick that has been
/// given.
typedef struct motion {
  double energy;       ///< weight of H
  const double *kick;  ///< impulse of a kick, NULL for time
  double start;        ///< x at the beginning of the step
  const double *shift; ///< shift at `start`
} motion;

kd_status kd_flow_create(kd_model *model, const kd_field *field, double tolerance,
                         kd_flow **result) {
  kd_status status = KD_OK;
  kd_flow *flow = NULL;
  *result = NULL;
  KD_ALLOCATE(flow, 1);
  flow->model = model;
  flow->field = field;
  flow->tolerance = tolerance;
  flow->n_band = kd_model_n_band(model);
  flow->n_k = kd_model_n_k(model);
  flow->unitary = flow->n_band > 1 ? kd_unitary_choose(flow->n_band) : NULL;
  for (int i = 0; i < 3 && flow->unitary; i++)
    KD_ALLOCATE(flow->h[i], flow->n_band * flow->n_band * flow->n_k);
  *result = flow;
  flow = NULL;

cleanup:
  kd_flow_free(flow);
  return status;
}

void kd_flow_free(kd_flow *flow) {
  if (!flow) return;
  for (int i = 0; i < 3; i++) kd_free(flow->h[i]);
  kd_free(flow);
}

kd_status kd_flow_position_create(const kd_flow *flow, kd_flow_position **result) {
  kd_status status = KD_OK;
  kd_flow_position *position = NULL;
  *result = NULL;
  KD_ALLOCATE(position, 1);
  if (flow->unitary) {
    const size_t n = flow->unitary->n_component(flow->n_band) * flow->n_k;
    KD_ALLOCATE(position->u, n);
    KD_ALLOCATE(position->u_spare, n);
  }
  kd_flow_start(flow, position, 0, (const double[3]){0});
  *result = position;
  position = NULL;

cleanup:
  kd_flow_position_free(position);
  return status;
}

void kd_flow_position_free(kd_flow_position *position) {
  if (!position) return;
  kd_free(position->u);
  kd_free(position->u_spare);
  kd_free(position);
}

void kd_flow_start(const kd_flow *flow, kd_flow_position *position, double t,
                   const double shift[3]) {
  position->time = t;
  for (int d = 0; d < 3; d++) position->shift[d] = shift[d];
  position->step = INFINITY;
  if (flow->unitary) flow->unitary->identity(flow->n_band, flow->n_k, position->u);
}

void kd_flow_copy(const kd_flow *flow, const kd_flow_position *from, kd_flow_position *to) {
  to->time = from->time;
  memcpy(to->shift, from->shift, sizeof to->shift);
  to->step = from->step;
  if (flow->unitary)
    memcpy(to->u, from->u, flow->unitary->n_component(flow->n_band) * flow->n_k * sizeof *to->u);
}

size_t kd_flow_n_unitary(const kd_flow *flow) {
  return flow->unitary ? flow->unitary->n_component(flow->n_band) * flow->n_k : 0;
}

/// Displacement of k by an impulse, (charge/hbar) impulse.
static void displace(const kd_flow *flow, const double impulse[3], double fraction,
                     double shift[3]) {
  const double factor = fraction * kd_model_charge(flow->model) / kd_model_hbar(flow->model);
  for (int d = 0; d < 3; d++) shift[d] += factor * impulse[d];
}

/// Largest part of the k domain, over its edges, that `impulse` moves the frame by.
static double travel(const kd_flow *flow, const double impulse[3]) {
  double displacement[3] = {0}, largest = 0;
  displace(flow, impulse, 1, displacement);
  const double *dual = kd_model_duals(flow->model);
  for (size_t i = 0; i < kd_model_n_dim(flow->model); i++) {
    double part = 0;
    for (int d = 0; d < 3; d++) part += dual[3 * i + (size_t)d] * displacement[d];
    largest = fmax(largest, fabs(part) / (2 * M_PI));
  }
  return largest;
}

/// Fills H - F.r at x = start + node dx into `h`; the shift there follows the motion.
static void sample_node(kd_flow *flow, const motion *m, double x, double *h) {
  double shift[3], force[3];
  memcpy(shift, m->shift, sizeof shift);
  if (m->kick) {
    displace(flow, m->kick, x - m->start, shift);
    memcpy(force, m->kick, sizeof force);
  } else {
    double impulse[3];
    kd_field_impulse(flow->field, m->start, x, impulse);
    displace(flow, impulse, 1, shift);
    kd_field_value(flow->field, x, force);
  }
  kd_model_part part = {.energy = m->energy};
  for (int d = 0; d < 3; d++) part.position[d] = -kd_model_charge(flow->model) * force[d];
  kd_model_sample(flow->model, shift, &part, h);
}

/// One attempt over dx into position->u_spare.
static kd_status attempt(kd_flow *flow, const motion *m, kd_flow_position *position, double dx,
                         bool is_constant, double *error) {
  const double *h[3] = {flow->h[0], NULL, NULL};
  if (is_constant) {
    sample_node(flow, m, m->start, flow->h[0]);
  } else {
    for (int i = 0; i < 3; i++) {
      sample_node(flow, m, m->start + NODE[i] * dx, flow->h[i]);
      h[i] = flow->h[i];
    }
  }
  return flow->unitary->step(flow->n_band, flow->n_k, dx / kd_model_hbar(flow->model), h,
                             position->u, position->u_spare, error);
}

/// Adaptive Magnus steps over `dx` at most; `*done` receives what was covered and position->u is
/// advanced. position->step is the size to try and the one to try next.
static kd_status take_step(kd_flow *flow, const motion *m, kd_flow_position *position, double dx,
                           bool is_constant, double *done) {
  const double smallest = 1e-12 * fabs(dx);
  bool rejected = false;
  for (;;) {
    double error = 0;
    KD_TRY(attempt(flow, m, position, dx, is_constant, &error));
    if (!isfinite(error))
      return kd_error(KD_ERROR_NUMERICS,
                      "the Hamiltonian is not finite at t = %.9g fs (shift %g %g %g 1/angstrom)",
                      position->time, m->shift[0], m->shift[1], m->shift[2]);
    const double ratio = error > 0 ? SAFETY * pow(flow->tolerance / error, 0.2) : LARGEST_GROWTH;
    if (error <= flow->tolerance) {
      flow->n_step++;
      double *u = position->u;
      position->u = position->u_spare;
      position->u_spare = u;
      *done = dx;
      // A step that something else cut short says nothing about the size that the tolerance allows.
      if (rejected || fabs(dx) >= position->step)
        position->step = fabs(dx) * fmin(ratio, LARGEST_GROWTH);
      return KD_OK;
    }
    flow->n_rejected++;
    rejected = true;
    dx *= fmax(fmin(ratio, SAFETY), SMALLEST_SHRINK);
    if (fabs(dx) <= smallest)
      return kd_error(KD_ERROR_NUMERICS,
                      "the Magnus step underflows at t = %.9g fs (error %g, tolerance %g): loosen "
                      "propagation.rtol or smooth the field",
                      position->time, error, flow->tolerance);
  }
}

/// The piece that a motion from `t` towards `target` runs through, and its end in that direction.
static size_t piece_towards(const kd_field *field, double t, double target, double *end) {
  size_t count;
  const double *edge = kd_field_pieces(field, &count);
  size_t low = 0, high = count;
  if (target > t) {
    while (high - low > 1) {
      const size_t middle = (low + high) / 2;
      if (edge[middle] <= t)
        low = middle;
      else
        high = middle;
    }
    *end = low + 1 < count ? fmin(edge[low + 1], target) : target;
  } else {
    while (high - low > 1) {
      const size_t middle = (low + high) / 2;
      if (edge[middle] < t)
        low = middle;
      else
        high = middle;
    }
    *end = low > 0 ? fmax(edge[low], target) : target;
  }
  return low;
}

kd_status kd_flow_move(kd_flow *flow, kd_flow_position *position, double t) {
  size_t n_piece;
  const double *edge = kd_field_pieces(flow->field, &n_piece);
  while (position->time != t) {
    double end;
    const size_t piece = piece_towards(flow->field, position->time, t, &end);
    const double sign = end > position->time ? 1 : -1;
    const bool quiet = kd_field_is_quiet(flow->field, piece);
    double dt = end - position->time;
    if (flow->unitary && !quiet) {
      double impulse[3];
      dt = sign * fmin(fabs(dt), LARGEST_PART_OF_PIECE * (edge[piece + 1] - edge[piece]));
      dt = sign * fmin(fabs(dt), position->step);
      kd_field_impulse(flow->field, position->time, position->time + dt, impulse);
      const double far = travel(flow, impulse);
      if (far > LARGEST_TRAVEL) dt *= LARGEST_TRAVEL / far;
    }
    if (flow->unitary) {
      const motion m = {.energy = 1, .start = position->time, .shift = position->shift};
      KD_TRY(take_step(flow, &m, position, dt, quiet, &dt));
    }
    const double next = dt == end - position->time ? end : position->time + dt;
    double impulse[3];
    kd_field_impulse(flow->field, position->time, next, impulse);
    displace(flow, impulse, 1, position->shift);
    position->time = next;
  }
  return KD_OK;
}

kd_status kd_flow_kick(kd_flow *flow, kd_flow_position *position, const double impulse[3]) {
  const double step = position->step;
  position->step = fmin(1, LARGEST_TRAVEL / travel(flow, impulse));
  for (double given = 0; given < 1 && flow->unitary;) {
    const motion m = {.kick = impulse, .start = given, .shift = position->shift};
    double dx = fmin(1 - given, position->step);
    const bool ends = dx == 1 - given;
    const double wanted = dx;
    KD_TRY(take_step(flow, &m, position, dx, false, &dx));
    displace(flow, impulse, dx, position->shift);
    position->step = fmin(position->step, LARGEST_TRAVEL / travel(flow, impulse));
    given = ends && dx == wanted ? 1 : given + dx;
  }
  if (!flow->unitary) displace(flow, impulse, 1, position->shift);
  position->step = step;
  return KD_OK;
}

kd_status kd_flow_rotate(const kd_flow *flow, const kd_flow_position *position, bool inverse,
                         const double *f, double *result) {
  if (!flow->unitary) {
    if (result != f) memcpy(result, f, flow->n_k * sizeof *f);
    return KD_OK;
  }
  return flow->unitary->rotate(flow->n_band, flow->n_k, position->u, inverse, f, result);
}

void kd_flow_statistics(const kd_flow *flow, unsigned long *n_step, unsigned long *n_rejected) {
  *n_step = flow->n_step;
  *n_rejected = flow->n_rejected;
}

size_t kd_flow_bytes(size_t n_band, size_t n_k) {
  if (n_band == 1) return 0;
  const size_t n_u = kd_unitary_choose(n_band)->n_component(n_band);
  const size_t n_position = 3;
  return (3 * n_band * n_band + n_position * 2 * n_u) * n_k * sizeof(double);
}
