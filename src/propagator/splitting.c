/// Scheme `splitting`, for f(R, k): symmetric compositions of exact sub-flows.
///
///   order 2:  C(h/2) K(h/2) V(h) K(h/2) C(h/2)
///   order 4:  five such steps of s, s, 1 - 4s, s, s times h, s = 1/(4 - 4^{1/3}) (Suzuki, Phys.
///             Lett. A 146, 319 (1990)); it goes back in time in between, so only without
///             collisions and contacts
///
/// K and V are the kinetic and the potential flow of phase_space.h, the latter with the contacts; C
/// is that of the collisions at every R (scattering.h). What two steps have in common at their seam
/// is done once: the state lags behind by the last C(h/2) or K(h/2).
///
/// The step is chosen so that the errors of all steps together stay below rtol max|f| + atol: the
/// error of one step follows from a comparison with two halves of it, made at the start and now and
/// then. States between two steps are taken by a shorter step from the last one, on a copy, so that
/// results do not depend on when they are asked for.
#include <math.h>
#include <string.h>

#include "collision/scattering.h"
#include "core/comm.h"
#include "core/dot.h"
#include "core/error.h"
#include "core/memory.h"
#include "drift/kick.h"
#include "drift/phase_space.h"
#include "propagator/splitting.h"

/// Steps between two comparisons with half steps.
enum { STEPS_PER_CHECK = 16 };
/// The first step to try, as a part of hbar over the bandwidth.
static const double FIRST_STEP = 0.1;
/// The step changes if it could grow by this factor, and at once if it is too long.
static const double WORTH_A_CHANGE = 1.25;
static const double SAFETY = 0.8, LARGEST_GROWTH = 4;
/// Relative differences below this may be rounding of the transforms.
static const double ROUNDING = 1e-14;

/// What adds up in time beside f.
typedef struct tally {
  double work, entered[KD_MAX_CONTACTS];
} tally;

/// Numbers besides f that a step changes.
enum { KD_N_SAVED = 8 + KD_MAX_CONTACTS + KD_SCATTERING_HISTORY };

struct kd_splitting {
  kd_splitting_setting s;
  size_t next_kick;
  kd_phase_space *flow;
  kd_scattering *scattering;           ///< NULL without collisions
  const kd_comm *comm;                 ///< the processes that share R
  size_t n_band, n_dim, n, n_r, total; ///< n = n_band^2 n_k, n_r here, total = n n_r
  double hbar, charge, weight;         ///< of Tr f at one point in sums over the box
  bool collides, is_fixed;
  int order;
  double t, h;
  tally sums;
  double lag; ///< the part of the outermost flow that the state still lacks, fs
  int until_check;
  double *f;           ///< lags behind t
  double *copy, *half; ///< [total]; while a step is taken with collisions, `copy` is f before it
  /// While a step is taken with collisions, or its length chosen: the f from which the run could go
  /// on, with `saved`; else NULL, that is f with what goes with it now.
  double *kept;
  bool is_changing;         ///< f is between two states from which the run could go on
  double saved[KD_N_SAVED]; ///< what else a step or the choice of its length changes, before it
  double *v[3];             ///< velocities, packed, [n]
  double *hamiltonian;      ///< packed, [n]
  double *density;          ///< n(R) at all R, where something depends on it; else NULL
  long steps, rejected;
  double reachable_rtol; ///< that of the scenario is below rounding; 0: it is not
};

void kd_splitting_free(kd_splitting *p) {
  if (!p) return;
  kd_phase_space_free(p->flow);
  kd_scattering_free(p->scattering);
  kd_comm_release(p->comm, p->f);
  kd_comm_release(p->comm, p->copy);
  kd_comm_release(p->comm, p->half);
  for (int d = 0; d < 3; d++) kd_free(p->v[d]);
  kd_free(p->hamiltonian);
  kd_free(p->density);
  kd_free(p);
}

kd_status kd_splitting_create(const kd_splitting_setting *setting, const kd_state *initial,
                              kd_splitting **result) {
  kd_status status = KD_OK;
  kd_splitting *p = NULL;
  *result = NULL;
  KD_ALLOCATE(p, 1);
  p->s = *setting;
  p->n_band = kd_model_n_band(setting->model);
  p->n_dim = kd_model_n_dim(setting->model);
  const size_t n_k = kd_model_n_k(setting->model);
  p->n = p->n_band * p->n_band * n_k;
  size_t first_r;
  kd_space_slab(setting->space, &first_r, &p->n_r);
  p->comm = kd_space_comm(setting->space);
  p->total = p->n * p->n_r;
  p->hbar = kd_model_hbar(setting->model);
  p->charge = kd_model_charge(setting->model);
  p->weight = kd_model_spin_degeneracy(setting->model) / (double)n_k *
              kd_space_element(setting->space) / kd_model_cell_volume(setting->model);
  p->collides = !kd_collision_is_none(setting->collision);
  const bool has_contacts = kd_contacts_count(setting->contacts) > 0;
  p->order = setting->order ? setting->order : p->collides || has_contacts ? 2 : 4;
  p->is_fixed = setting->step > 0;
  p->t = initial->time;
  p->sums.work = initial->work;
  memcpy(p->sums.entered, initial->entered, sizeof p->sums.entered);
  p->h = p->is_fixed          ? setting->step
         : setting->width > 0 ? fmin(FIRST_STEP * p->hbar / setting->width, setting->duration)
                              : setting->duration;
  KD_CHECK(kd_phase_space_create(setting->model, setting->space, setting->is_gradient, &p->flow));
  KD_CHECK(kd_phase_space_set_contacts(p->flow, setting->contacts));
  if (has_contacts || kd_space_is_self_consistent(setting->space))
    KD_ALLOCATE(p->density, kd_space_n_r(setting->space));
  if (p->collides)
    KD_CHECK(kd_scattering_create(setting->collision, p->n_r, kd_space_n_r(setting->space),
                                  &p->scattering));
  p->f = kd_comm_allocate(p->comm, p->total);
  p->copy = kd_comm_allocate(p->comm, p->total);
  p->half = kd_comm_allocate(p->comm, p->total);
  if (!p->f || !p->copy || !p->half) {
    status = KD_ERROR_MEMORY;
    goto cleanup;
  }
  for (size_t d = 0; d < p->n_dim; d++) {
    double axis[3] = {0};
    axis[d] = 1;
    KD_ALLOCATE(p->v[d], p->n);
    kd_model_velocity(setting->model, (const double[3]){0}, axis, p->v[d]);
  }
  KD_ALLOCATE(p->hamiltonian, p->n);
  const kd_model_part energy = {.energy = 1};
  kd_model_sample(setting->model, (const double[3]){0}, &energy, p->hamiltonian);
  memcpy(p->f, initial->f, p->total * sizeof *p->f);
  *result = p;
  p = NULL;

cleanup:
  kd_splitting_free(p);
  return status;
}

// --- the flows ----------------------------------------------------------------------------------

/// Field that the orbitals see during [t, t + dt]: its mean, zero where nothing depends on it.
static void mean_field(const kd_splitting *p, double t, double dt, double e[3]) {
  double impulse[3] = {0};
  e[0] = e[1] = e[2] = 0;
  if (!p->s.has_positions || dt == 0) return;
  kd_field_impulse(p->s.field, t, t + dt, impulse);
  for (int d = 0; d < 3; d++) e[d] = impulse[d] / dt;
}

/// Asks who watches whether to go on, where there is a state to go on from.
static kd_status poll(const kd_splitting *p) {
  return p->s.poll && !p->is_changing ? p->s.poll(p->s.poll_context) : KD_OK;
}

/// C(dt).
static kd_status collide(kd_splitting *p, double dt, double *f) {
  if (!p->collides) return KD_OK;
  KD_TRY(poll(p));
  return kd_comm_agree(p->comm, kd_scattering_flow(p->scattering, dt, f));
}

/// charge (1/N_k) sum Tr(v f).impulse over the box.
static double work_of(const kd_splitting *p, const double impulse[3], const double *f) {
  double sum = 0;
  for (size_t d = 0; d < p->n_dim; d++)
    for (size_t r = 0; r < p->n_r && impulse[d] != 0; r++)
      sum += impulse[d] * kd_dot(p->v[d], f + r * p->n, p->n);
  kd_comm_sum(p->comm, &sum, 1);
  return p->charge * p->weight * sum;
}

/// (1/N_k) sum Tr(H f) over the box.
static double band_energy(const kd_splitting *p, const double *f) {
  double sum = 0;
  for (size_t r = 0; r < p->n_r; r++) sum += kd_dot(p->hamiltonian, f + r * p->n, p->n);
  kd_comm_sum(p->comm, &sum, 1);
  return p->weight * sum;
}

/// n(R) at all R.
static void find_density(kd_splitting *p, const double *f) {
  size_t first, count;
  const size_t n_level = p->n_band * kd_model_n_k(p->s.model), n_r = kd_space_n_r(p->s.space);
  kd_space_slab(p->s.space, &first, &count);
  memset(p->density, 0, n_r * sizeof *p->density);
  for (size_t r = 0; r < count; r++) {
    double sum = 0;
    for (size_t i = 0; i < n_level; i++) sum += f[r * p->n + i];
    p->density[first + r] = sum * p->weight / kd_space_element(p->s.space);
  }
  kd_comm_sum(p->comm, p->density, n_r);
}

/// What depends on the density in V(dt): what comes in through the contacts, and the potential of
/// the charge. V does not change the density but for the contacts, so that the density halfway,
/// which has a closed form, keeps the step symmetric.
static void exchange(kd_splitting *p, double dt, const double *f, double *entered) {
  if (!p->density || dt == 0) return;
  find_density(p, f);
  kd_contacts_relax(p->s.contacts, 0.5 * dt, p->density, entered);
  kd_space_set_density(p->s.space, p->density);
  kd_contacts_relax(p->s.contacts, 0.5 * dt, p->density, entered);
}

/// V(dt), and the work that the field does in it by the trapezoidal rule.
/// @param end  t + dt, the same number where the next one begins: of a strong field at a late time
///             even the rounding between them would be seen
static kd_status push(kd_splitting *p, double t, double end, double dt, double *f, tally *sums) {
  double impulse[3];
  KD_TRY(poll(p));
  kd_field_impulse(p->s.field, t, end, impulse);
  const bool is_pushed = impulse[0] != 0 || impulse[1] != 0 || impulse[2] != 0;
  if (is_pushed) sums->work += 0.5 * work_of(p, impulse, f);
  exchange(p, dt, f, sums->entered);
  KD_TRY(kd_phase_space_potential(p->flow, t + 0.5 * dt, impulse, dt, f));
  if (is_pushed) sums->work += 0.5 * work_of(p, impulse, f);
  return KD_OK;
}

/// What K(dt) carries through the end of the box between contacts: half of it at either end of dt.
static void carry(const kd_splitting *p, double dt, const double *f, double *entered) {
  double flow[3];
  if (!kd_contacts_meet(p->s.contacts)) return;
  kd_contacts_end_flow(p->s.contacts, p->s.model, p->s.space, p->v, f, flow);
  kd_contacts_add_flow(p->s.contacts, flow, 0.5 * dt, entered);
}

/// K(dt), and what it carries by the trapezoidal rule.
static kd_status move(kd_splitting *p, double t, double dt, double *f, tally *sums) {
  double e[3];
  if (dt == 0) return KD_OK;
  KD_TRY(poll(p));
  mean_field(p, t, dt, e);
  carry(p, dt, f, sums->entered);
  KD_TRY(kd_phase_space_kinetic(p->flow, e, dt, f));
  carry(p, dt, f, sums->entered);
  return KD_OK;
}

/// True if the orbitals see another field in [t - before, t] than in [t, t + after].
static bool field_changes(const kd_splitting *p, double t, double before, double after) {
  double e[2][3];
  if (before == 0 || after == 0) return false;
  mean_field(p, t - before, before, e[0]);
  mean_field(p, t, after, e[1]);
  return memcmp(e[0], e[1], sizeof e[0]) != 0;
}

/// One step without its last half flow, which goes to `lag`; what lags of the step before is done
/// first. With collisions the outermost flow is C, else K.
/// @param end  t + h
static kd_status take_two(kd_splitting *p, double t, double end, double h, double *f, double *lag,
                          tally *sums) {
  if (p->collides) {
    KD_TRY(collide(p, *lag + 0.5 * h, f));
    KD_TRY(move(p, t, 0.5 * h, f, sums));
    KD_TRY(push(p, t, end, h, f, sums));
    KD_TRY(move(p, t + 0.5 * h, 0.5 * h, f, sums));
  } else {
    // Halves that see different fields are not one: their mean field would spoil the symmetry.
    if (field_changes(p, t, *lag, 0.5 * h)) {
      KD_TRY(move(p, t - *lag, *lag, f, sums));
      KD_TRY(move(p, t, 0.5 * h, f, sums));
    } else {
      KD_TRY(move(p, t - *lag, *lag + 0.5 * h, f, sums));
    }
    KD_TRY(push(p, t, end, h, f, sums));
  }
  *lag = 0.5 * h;
  return KD_OK;
}

static kd_status take(kd_splitting *p, double t, double end, double h, double *f, double *lag,
                      tally *sums) {
  if (p->order == 2) return take_two(p, t, end, h, f, lag, sums);
  const double s = 1 / (4 - cbrt(4)), part[5] = {s, s, 1 - 4 * s, s, s};
  for (int i = 0; i < 5; i++) {
    const double next = i == 4 ? end : t + part[i] * h;
    KD_TRY(take_two(p, t, next, part[i] * h, f, lag, sums));
    t = next;
  }
  return KD_OK;
}

/// Does what lags.
static kd_status complete(kd_splitting *p, double t, double *f, double *lag, tally *sums) {
  KD_TRY(p->collides ? collide(p, *lag, f) : move(p, t - *lag, *lag, f, sums));
  *lag = 0;
  return KD_OK;
}

// --- the step -----------------------------------------------------------------------------------

/// Compares one step with two halves from the same state; p->half receives the latter, complete.
/// @param ratio  receives the error over what may be spent on a step of this length
static kd_status compare(kd_splitting *p, double h, double *ratio) {
  const double middle = p->t + 0.5 * h, end = p->t + h;
  double lag = p->lag, largest = 0, difference = 0;
  tally unused = {0};
  memcpy(p->copy, p->f, p->total * sizeof *p->f);
  memcpy(p->half, p->f, p->total * sizeof *p->f);
  KD_TRY(take(p, p->t, end, h, p->copy, &lag, &unused));
  KD_TRY(complete(p, p->t + h, p->copy, &lag, &unused));
  lag = p->lag;
  KD_TRY(take(p, p->t, middle, 0.5 * h, p->half, &lag, &unused));
  KD_TRY(take(p, middle, end, 0.5 * h, p->half, &lag, &unused));
  KD_TRY(complete(p, p->t + h, p->half, &lag, &unused));
  for (size_t i = 0; i < p->total; i++) {
    largest = fmax(largest, fabs(p->half[i]));
    difference = fmax(difference, fabs(p->half[i] - p->copy[i]));
  }
  double both[2] = {largest, difference};
  kd_comm_largest(p->comm, both, 2);
  largest = both[0], difference = both[1];
  if (!isfinite(largest) || !isfinite(difference))
    return kd_error(KD_ERROR_NUMERICS, "t = %.9g fs: the state is not finite", p->t);
  const double error = difference / (1 - pow(2, -p->order));
  const double allowed = h / p->s.duration * (p->s.rtol * largest + p->s.atol);
  *ratio = error / fmax(allowed, ROUNDING * largest);
  if (allowed < ROUNDING * largest)
    p->reachable_rtol = fmax(p->reachable_rtol, ROUNDING * p->s.duration / h);
  return KD_OK;
}

/// The time up to which nothing happens that a step must not cross.
static double next_event(const kd_splitting *p) {
  size_t n_kick, n_piece;
  const kd_kick *kick = kd_field_kicks(p->s.field, &n_kick);
  const double *edge = kd_field_pieces(p->s.field, &n_piece);
  double next = INFINITY;
  for (size_t i = 0; i < n_kick; i++)
    if (kick[i].time > p->t) next = fmin(next, kick[i].time);
  for (size_t i = 0; i < n_piece; i++) {
    const bool changes = kd_field_jumps(p->s.field, i) || !kd_field_is_quiet(p->s.field, i) ||
                         (i > 0 && !kd_field_is_quiet(p->s.field, i - 1));
    if (changes && edge[i] > p->t) next = fmin(next, edge[i]);
  }
  return next;
}

/// The work of a kick is the change of the band energy: while it acts nothing else does.
static kd_status apply_kicks(kd_splitting *p) {
  size_t n_kick;
  const kd_kick *kick = kd_field_kicks(p->s.field, &n_kick);
  p->is_changing = true;
  for (; p->next_kick < n_kick && kick[p->next_kick].time <= p->t; p->next_kick++) {
    const double *impulse = kick[p->next_kick].impulse;
    KD_TRY(complete(p, p->t, p->f, &p->lag, &p->sums));
    p->sums.work -= band_energy(p, p->f);
    KD_TRY(kd_phase_space_kick(p->flow, p->comm, impulse, p->s.has_positions, p->s.rtol, p->s.atol,
                               p->total, p->f, (double *const[2]){p->copy, p->half}));
    p->sums.work += band_energy(p, p->f);
  }
  p->is_changing = false;
  return KD_OK;
}

/// The length of the next step: p->h, or what is left to the next event.
static double next_length(const kd_splitting *p, bool *is_cut) {
  const double left = next_event(p) - p->t;
  *is_cut = left < p->h * (1 + 1e-9);
  return *is_cut ? left : p->h;
}

/// Finds a step whose error may be spent: errors of all steps add up to the tolerance.
static kd_status choose_step(kd_splitting *p) {
  const double smallest = 1e-10 * p->s.duration;
  bool has_shrunk = false;
  p->until_check = STEPS_PER_CHECK;
  for (;;) {
    bool is_cut;
    double ratio = 0;
    const double h = next_length(p, &is_cut);
    KD_TRY(compare(p, h, &ratio));
    const double growth =
        ratio > 0 ? fmin(LARGEST_GROWTH, SAFETY * pow(ratio, -1.0 / p->order)) : LARGEST_GROWTH;
    // What is cut short by an event says nothing of longer steps.
    if (ratio <= 1 && (is_cut || has_shrunk || growth < WORTH_A_CHANGE || h >= p->s.duration))
      return KD_OK;
    has_shrunk = has_shrunk || ratio > 1;
    p->h = fmin(p->s.duration, growth * h);
    if (ratio > 1) p->rejected++;
    if (p->h < smallest)
      return kd_error(KD_ERROR_NUMERICS,
                      "t = %.9g fs: the step of the splitting underflows (%.3g fs): loosen "
                      "propagation.rtol",
                      p->t, p->h);
    if (ratio <= 1 && growth < LARGEST_GROWTH) return KD_OK;
  }
}

static void save(kd_splitting *p) {
  const double value[8] = {p->t,
                           p->h,
                           p->sums.work,
                           p->lag,
                           p->until_check,
                           (double)p->next_kick,
                           (double)p->steps,
                           (double)p->rejected};
  memcpy(p->saved, value, sizeof value);
  memcpy(p->saved + 8, p->sums.entered, sizeof p->sums.entered);
  kd_scattering_history(p->scattering, p->saved + 8 + KD_MAX_CONTACTS);
}

void kd_splitting_records(kd_splitting *p, kd_records *records) {
  if (!p->kept) save(p);
  kd_records_add(records, "splitting", p->saved, KD_N_SAVED);
  kd_records_add(records, "f", p->kept ? p->kept : p->f, p->total)->row = p->n;
}

void kd_splitting_resume(kd_splitting *p) {
  const double *value = p->saved;
  p->t = value[0];
  p->h = value[1];
  p->sums.work = value[2];
  p->lag = value[3];
  p->until_check = (int)value[4];
  p->next_kick = (size_t)value[5];
  p->steps = (long)value[6];
  p->rejected = (long)value[7];
  memcpy(p->sums.entered, value + 8, sizeof p->sums.entered);
  kd_scattering_recall(p->scattering, value + 8 + KD_MAX_CONTACTS);
}

kd_status kd_splitting_advance(kd_splitting *p, double t, kd_state *state) {
  // A frame at the time of a kick is taken before it.
  while (p->t < t) {
    KD_TRY(apply_kicks(p));
    if (!p->is_fixed && p->until_check == 0) {
      save(p);
      p->kept = p->f;
      KD_TRY(choose_step(p));
      p->kept = NULL;
    }
    bool is_cut;
    const double h = next_length(p, &is_cut);
    if (p->t + h > t * (1 + 1e-14)) break;
    const double end = is_cut ? next_event(p) : p->t + h;
    KD_TRY(poll(p));
    if (p->collides) {
      save(p);
      memcpy(p->copy, p->f, p->total * sizeof *p->f);
      p->kept = p->copy;
    }
    // Without collisions a step is short, and the copy would cost a good part of it.
    p->is_changing = !p->collides;
    KD_TRY(take(p, p->t, end, h, p->f, &p->lag, &p->sums));
    p->kept = NULL;
    p->is_changing = false;
    p->steps++;
    p->t = end;
    if (p->until_check > 0) p->until_check--;
    // What begins here may need shorter steps.
    if (is_cut) p->until_check = 0;
  }
  double lag = p->lag;
  tally sums = p->sums;
  memcpy(p->copy, p->f, p->total * sizeof *p->f);
  if (t > p->t * (1 + 1e-14)) KD_TRY(take(p, p->t, t, t - p->t, p->copy, &lag, &sums));
  KD_TRY(complete(p, t, p->copy, &lag, &sums));
  memcpy(state->f, p->copy, p->total * sizeof *p->f);
  state->work = sums.work;
  memcpy(state->entered, sums.entered, sizeof state->entered);
  state->time = t;
  memset(state->shift, 0, sizeof state->shift);
  return KD_OK;
}

void kd_splitting_cost(const kd_splitting *p, kd_propagator_statistics *statistics) {
  statistics->steps = p->steps;
  statistics->error_test_failures = p->rejected;
  statistics->last_order = p->order;
  statistics->last_step = p->h;
  statistics->reachable_rtol = p->reachable_rtol;
  statistics->ffts += kd_phase_space_n_fft(p->flow);
}

size_t kd_splitting_bytes(const kd_splitting *p) {
  return kd_phase_space_bytes(p->flow) + (3 * p->total + (1 + p->n_dim) * p->n) * sizeof(double) +
         (p->density ? kd_space_n_r(p->s.space) * sizeof(double) : 0) +
         (p->scattering ? kd_scattering_bytes(p->scattering) : 0);
}
