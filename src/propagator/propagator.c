#include "keldrift/propagator.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/clock.h"
#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "propagator/power.h"
#include "propagator/precondition.h"
#include "propagator/scheme.h"
#include "propagator/splitting.h"
#include "scenario/section.h"

/// First step after a restart, in units of hbar/bandwidth and of the field piece.
static const double FIRST_STEP_OF_PERIOD = 1e-3, FIRST_STEP_OF_PIECE = 1e-3;
/// Longest step in a field piece: a piece is resolved by a polynomial of degree 16.
static const double LARGEST_PART_OF_PIECE = 0.25;
/// Tolerance of the work in units of that of f: the work comes back to a small part of its
/// excursions, and one number is cheap to integrate well.
static const double WORK_TOLERANCE = 0.1;
/// A kick is integrated over in parts that move the frame by at most this fraction of the k domain.
static const double KICK_PART = 1.0 / 8;

static const double GAUSS_NODE[8] = {
    0.0198550717512318842, 0.1016667612931866302, 0.2372337950418355071, 0.4082826787521750975,
    0.5917173212478249025, 0.7627662049581644929, 0.8983332387068133698, 0.9801449282487681158};
static const double GAUSS_WEIGHT[8] = {
    0.0506142681451881296, 0.1111905172266872353, 0.1568533229389436437, 0.1813418916891809915,
    0.1813418916891809915, 0.1568533229389436437, 0.1111905172266872353, 0.0506142681451881296};

/// Steps of the integrator in a window. A history is led back to within some hundred sums of
/// vectors of unknowns: much less than the collisions that many steps take, and next to nothing
/// where there are no unknowns but the work. Without collisions the rate of `unsplit` takes no more
/// than some twenty such sums; and at rtol 1e-10, where rounding in the highest derivatives is
/// seen, every leading back adds 1e-10 to the error of f. Such runs are soon done, so their windows
/// are long.
enum { WINDOW = 300, WINDOW_OF_WORK = 50, WINDOW_WITHOUT_COLLISIONS = 20000 };
/// With KD_BDF the history is dropped, which costs up to a hundred evaluations: 5 % of a run. Its
/// steps grow without limit, so that a few hundred are often all, and longer windows would leave a
/// run that is stopped nothing to go on from.
enum { WINDOW_OF_BDF = 250 };

/// `auto` takes bdf where the largest out-scattering rate G times the longest time T without events
/// (longest_stretch) is above this. Evaluations of the rate of bdf and of adams are as many at
/// G T = 100 to 300 where phonons and impurities are strong, at 450 where coherences turn hundreds
/// of times before they die, with little dependence on rtol (1e-4 to 1e-8). Beyond, those of adams
/// grow as T and those of bdf do not grow (numerics.md, stiff collisions).
static const double STIFF = 500;

const kd_choice kd_scheme_choices[] = {
    {.name = "auto",
     .meaning = "splitting with an R grid; else interaction, or, with bdf on a lattice and unless "
                "ansatz is diagonal, unsplit"},
    {.name = "interaction",
     .meaning =
         "exact drift (translation and Magnus steps of order 6); CVODE integrates the rest in "
         "its interaction picture",
     .reference = "Blanes, Casas, Oteo, Ros, Phys. Rep. 470, 151 (2009)"},
    {.name = "unsplit",
     .meaning =
         "CVODE on the whole right-hand side, spectral in k and R; the check of the other schemes",
     .reference = "Hindmarsh et al., ACM Trans. Math. Softw. 31, 363 (2005)"},
    {.name = "splitting",
     .meaning = "symmetric compositions of exact sub-flows in phase space and a collision step; "
                "the one for f(R, k)",
     .reference = "Suzuki, Phys. Lett. A 146, 319 (1990)"},
    {.name = NULL}};

const kd_choice kd_integrator_choices[] = {
    {.name = "auto",
     .meaning =
         "bdf where the largest out-scattering rate times the longest time without a change "
         "of the field is above 500, unless that needs another scheme than the one given, or "
         "the model is a k.p box; else adams"},
    {.name = "adams",
     .meaning = "Adams formulas of order 1 to 12 with functional iteration: steps of about a "
                "scattering time at most"},
    {.name = "bdf",
     .meaning = "backward differences of order 1 to 5 with Newton's method and GMRES, "
                "preconditioned with the out-scattering rates: steps of any length once fast "
                "scattering has done its work",
     .reference = "Hindmarsh et al., ACM Trans. Math. Softw. 31, 363 (2005)"},
    {.name = NULL}};

static const kd_scheme *const SCHEMES[] = {&kd_scheme_interaction, &kd_scheme_unsplit,
                                           &kd_scheme_unsplit_space};

/// The scheme of that name, with an R grid or without; NULL for `auto`.
static const kd_scheme *named_scheme(const char *name, bool in_space) {
  for (size_t i = 0; i < sizeof SCHEMES / sizeof *SCHEMES; i++)
    if (strcmp(SCHEMES[i]->name, name) == 0 && SCHEMES[i]->in_space == in_space) return SCHEMES[i];
  return NULL;
}

/// Largest out-scattering rate at the initial state, 1/fs.
static kd_status fastest_rate(kd_propagator *p, const kd_state *initial, double *rate) {
  kd_status status = KD_OK;
  double *rates = NULL;
  KD_ALLOCATE(rates, p->n_band * p->n_k);
  KD_CHECK(kd_collision_rate(p->collision, initial->f, p->scratch));
  kd_collision_out_rates(p->collision, rates);
  *rate = 0;
  for (size_t i = 0; i < p->n_band * p->n_k; i++) *rate = fmax(*rate, rates[i]);

cleanup:
  kd_free(rates);
  return status;
}

/// Longest time from `start` on in which the state may settle: the field is zero, or one piece,
/// which is one polynomial. Where the field varies faster, the steps of any integrator must follow
/// it.
static double longest_stretch(const kd_propagator *p, double start) {
  size_t count;
  const double *edge = kd_field_pieces(p->field, &count);
  double longest = 0, begin = start;
  for (size_t piece = 0; piece < count; piece++) {
    const bool goes_on =
        piece > 0 && kd_field_is_quiet(p->field, piece - 1) && kd_field_is_quiet(p->field, piece);
    if (!goes_on) begin = fmax(start, edge[piece]);
    longest = fmax(longest, edge[piece + 1] - begin);
  }
  return longest;
}

/// Chooses p->scheme and p->method.
///
/// In the interaction picture whatever coherence the stationary state has turns for ever, and steps
/// stay below a period; in `unsplit` it stands still, and steps grow without limit. So bdf goes
/// with `unsplit`, but for k.p boxes, where `unsplit` does not let go of what leaves the box. Under
/// `diagonal` coherences do not scatter: they turn for ever in `unsplit`, and stand still in the
/// interaction picture.
static kd_status choose_method(kd_propagator *p, const kd_section *section,
                               const kd_state *initial) {
  const char *name = kd_section_text(section, "integrator");
  const bool in_space = kd_space_n_dim(p->space) > 0;
  const bool collides = !kd_collision_is_none(p->collision);
  const bool is_diagonal = strcmp(kd_collision_statistics(p->collision).ansatz, "diagonal") == 0;
  const kd_scheme *implicit = is_diagonal                      ? &kd_scheme_interaction
                              : kd_model_is_periodic(p->model) ? &kd_scheme_unsplit
                                                               : NULL;
  p->scheme = named_scheme(kd_section_text(section, "scheme"), in_space);
  p->method = strcmp(name, "bdf") == 0 ? KD_BDF : KD_ADAMS;
  // The preconditioner of bdf knows nothing of the drift, which is fast at any R grid.
  if (in_space && p->method == KD_BDF)
    return kd_section_error(section, "integrator", "bdf with an R grid (expected auto or adams)");
  if (in_space && kd_comm_size(kd_space_comm(p->space)) > 1)
    return kd_section_error(section, "scheme",
                            "unsplit with an R grid on %zu processes (expected splitting, or one "
                            "process)",
                            kd_comm_size(kd_space_comm(p->space)));
  if (in_space) return KD_OK;
  const bool may_be_implicit = collides && implicit && (!p->scheme || p->scheme == implicit);
  if (strcmp(name, "auto") == 0 && may_be_implicit) {
    double rate;
    KD_TRY(fastest_rate(p, initial, &rate));
    p->stiffness = rate * longest_stretch(p, initial->time);
    p->method = p->stiffness > STIFF ? KD_BDF : KD_ADAMS;
  }
  if (!p->scheme)
    p->scheme = p->method == KD_BDF && may_be_implicit ? implicit : &kd_scheme_interaction;
  // Without collisions nothing changes in the interaction picture.
  if (p->scheme == &kd_scheme_interaction && !collides) p->method = KD_ADAMS;
  return KD_OK;
}

/// Difference of the extreme levels of the model on the grid.
static kd_status bandwidth(kd_propagator *p, double *width) {
  kd_status status = KD_OK;
  double *energy = NULL;
  const kd_model_part part = {.energy = 1};
  KD_ALLOCATE(energy, p->n_band * p->n_k);
  kd_model_sample(p->model, (const double[3]){0}, &part, p->scratch);
  KD_CHECK(kd_eigen_field(p->n_band, p->n_k, p->scratch, energy, NULL));
  *width = kd_eigen_tolerance(p->n_band * p->n_k, energy) / KD_DEGENERACY;

cleanup:
  kd_free(energy);
  return status;
}

static bool has_positions(kd_propagator *p) {
  for (size_t d = 0; d < kd_model_n_dim(p->model); d++) {
    kd_model_part part = {0};
    part.position[d] = 1;
    kd_model_sample(p->model, (const double[3]){0}, &part, p->scratch);
    for (size_t i = 0; i < p->n; i++)
      if (p->scratch[i] != 0) return true;
  }
  return false;
}

/// Asks who watches whether to go on.
static kd_status poll(void *context) {
  kd_propagator *p = context;
  return p->poll ? p->poll(p->poll_context) : KD_OK;
}

/// Whether the scheme is `splitting`, which has steps of its own: given, or the one for an R grid.
static kd_status choose_splitting(const kd_propagator *p, const kd_section *section,
                                  bool *is_splitting) {
  const char *name = kd_section_text(section, "scheme");
  const bool is_auto = strcmp(name, "auto") == 0, is_named = strcmp(name, "splitting") == 0;
  const bool in_space = kd_space_n_dim(p->space) > 0;
  const bool takes_order = kd_section_has(section, "order");
  *is_splitting = is_named || (is_auto && in_space);
  if (!*is_splitting && (takes_order || kd_section_has(section, "step")))
    return kd_section_error(section, takes_order ? "order" : "step",
                            "a key of scheme splitting (expected that scheme)");
  if (is_named && !in_space)
    return kd_section_error(section, "scheme",
                            "splitting without an R grid (expected interaction or unsplit, or "
                            "grid.r)");
  if (!*is_splitting && !is_auto && !named_scheme(name, in_space))
    return kd_section_error(section, "scheme", "%s with an R grid (expected splitting or unsplit)",
                            name);
  return KD_OK;
}

/// CVODE would need n(R) at every evaluation, and contacts have no rate in unsplit_space.c.
static kd_status check_unsplit_space(const kd_propagator *p, const kd_section *root) {
  if (kd_contacts_count(p->contacts) > 0)
    return kd_section_error(root, "contacts",
                            "contacts with scheme unsplit (expected scheme splitting)");
  for (size_t i = 0; kd_space_is_self_consistent(p->space); i++) {
    const kd_section *item = kd_section_item(root, "potential", i);
    if (strcmp(kd_section_variant(item)->kind, "hartree") == 0)
      return kd_section_error(item, "kind",
                              "a hartree potential with scheme unsplit (expected scheme "
                              "splitting)");
  }
  return KD_OK;
}

/// Sets up p->splitting.
static kd_status create_splitting(kd_propagator *p, const kd_section *section, double width,
                                  const kd_state *initial) {
  const bool takes_order = kd_section_has(section, "order");
  const long order = takes_order ? kd_section_integer(section, "order") : 0;
  if (takes_order && order != 2 && order != 4)
    return kd_section_error(section, "order", "%ld (expected 2 or 4)", order);
  if (order == 4 && !kd_collision_is_none(p->collision))
    return kd_section_error(section, "order",
                            "4 with collisions, which cannot go back in time (expected 2)");
  if (order == 4 && kd_contacts_count(p->contacts) > 0)
    return kd_section_error(section, "order",
                            "4 with contacts, which cannot go back in time (expected 2)");
  const kd_splitting_setting setting = {
      .model = p->model,
      .space = p->space,
      .field = p->field,
      .collision = p->collision,
      .contacts = p->contacts,
      .is_gradient = p->is_gradient,
      .has_positions = p->has_positions,
      .duration = p->duration,
      .rtol = p->rtol,
      .atol = p->atol,
      .width = width,
      .order = (int)order,
      .step = kd_section_has(section, "step") ? kd_section_real(section, "step") : 0,
      .poll = poll,
      .poll_context = p};
  return kd_splitting_create(&setting, initial, &p->splitting);
}

static kd_status watched_rate(void *context, double t, const double *y, double *dy) {
  kd_propagator *p = context;
  KD_TRY(poll(p));
  return p->scheme->rate(p, t, y, dy);
}

kd_status kd_propagator_create(const kd_scenario *scenario, kd_model *model, kd_space *space,
                               const kd_field *field, kd_reference *reference,
                               kd_collision *collision, const kd_state *initial,
                               kd_propagator **result) {
  kd_status status = KD_OK;
  const kd_section *root = kd_scenario_root(scenario);
  const kd_section *section = kd_section_child(root, "propagation");
  kd_propagator *p = NULL;
  *result = NULL;
  KD_ALLOCATE(p, 1);
  p->model = model;
  p->space = space;
  p->field = field;
  p->reference = reference;
  p->collision = collision;
  p->n_band = kd_model_n_band(model);
  p->n_k = kd_model_n_k(model);
  p->n = p->n_band * p->n_band * p->n_k;
  size_t first_r;
  kd_space_slab(space, &first_r, &p->n_r);
  p->total = p->n * p->n_r;
  p->n_phonon = kd_collision_n_phonon(collision);
  if (p->n_phonon > 0 && kd_space_n_dim(space) > 0) {
    status = kd_section_error(kd_section_child(root, "collisions"), "terms",
                              "dynamic phonons with an R grid (expected dynamic: false, or no "
                              "grid.r)");
    goto cleanup;
  }
  KD_ALLOCATE(p->interpolated, p->n_phonon > 0 ? p->n + p->n_phonon : 0);
  p->is_gradient = strcmp(kd_section_text(root, "drift"), "gradient") == 0;
  p->duration = kd_section_real(section, "duration");
  p->rtol = kd_section_real(section, "rtol");
  p->atol = kd_section_real(section, "atol");
  p->t = initial->time;
  p->work = initial->work;
  p->must_restart = true;
  KD_ALLOCATE(p->v, p->n);
  KD_ALLOCATE(p->scratch, p->n);
  double width;
  KD_CHECK(bandwidth(p, &width));
  p->energy_scale = kd_model_spin_degeneracy(model) * width;
  p->has_positions = has_positions(p);
  KD_CHECK(kd_contacts_create(scenario, model, space, &p->contacts));
  KD_CHECK(kd_mean_field_create(scenario, model, space, &p->mean_field));
  bool is_splitting;
  KD_CHECK(choose_splitting(p, section, &is_splitting));
  if (is_splitting) {
    KD_CHECK(create_splitting(p, section, width, initial));
    *result = p;
    return KD_OK;
  }
  if (kd_space_n_dim(space) > 0) KD_CHECK(check_unsplit_space(p, root));
  KD_CHECK(choose_method(p, section, initial));
  if (p->method == KD_BDF) KD_CHECK(kd_preconditioner_create(p));
  const double factor = p->scheme->tolerance_factor;
  const kd_integrator_options options = {.method = p->method,
                                         .n = p->scheme->n_unknown(p),
                                         .rtol = factor * p->rtol,
                                         .atol = factor * p->atol,
                                         .rtol_q = WORK_TOLERANCE * factor * p->rtol,
                                         .atol_q = WORK_TOLERANCE * factor * p->atol *
                                                   (width > 0 ? p->energy_scale : 1),
                                         .rate = watched_rate,
                                         .quadrature = p->scheme->power,
                                         .precondition = p->scheme->precondition,
                                         .refresh = kd_preconditioner_refresh,
                                         .context = p};
  KD_CHECK(kd_integrator_create(&options, &p->integrator));
  KD_CHECK(p->scheme->create(p, initial));
  KD_ALLOCATE(p->window.history.y,
              (1 + kd_integrator_highest_order(p->method)) * p->scheme->n_unknown(p));
  *result = p;
  p = NULL;

cleanup:
  kd_propagator_free(p);
  return status;
}

void kd_propagator_free(kd_propagator *p) {
  if (!p) return;
  kd_splitting_free(p->splitting);
  kd_contacts_free(p->contacts);
  kd_mean_field_free(p->mean_field);
  if (p->scheme) p->scheme->free(p);
  kd_preconditioner_free(p);
  kd_integrator_free(p->integrator);
  kd_free(p->window.history.y);
  kd_free(p->interpolated);
  kd_free(p->v);
  kd_free(p->scratch);
  kd_free(p);
}

/// Largest fraction of the k domain that an impulse moves the frame by.
static double travel(const kd_propagator *p, const double impulse[3]) {
  double largest = 0;
  for (size_t i = 0; i < kd_model_n_dim(p->model); i++) {
    double part = 0;
    for (int d = 0; d < 3; d++) part += kd_model_duals(p->model)[3 * i + (size_t)d] * impulse[d];
    largest = fmax(largest,
                   fabs(part * kd_model_charge(p->model)) / (2 * M_PI * kd_model_hbar(p->model)));
  }
  return largest;
}

/// Applies a kick in parts; the work is the Gauss quadrature of J.impulse over the fraction given.
static kd_status apply_kick(kd_propagator *p, const double impulse[3]) {
  kd_status status = KD_OK;
  kd_state *state = NULL;
  const int n_part = 1 + (int)(travel(p, impulse) / KICK_PART);
  KD_CHECK(kd_state_create(p->model, p->n_r, &state));
  for (int part = 0; part < n_part; part++) {
    double given = 0;
    for (int node = 0; node <= 8; node++) {
      const double next = node < 8 ? GAUSS_NODE[node] : 1;
      double piece[3], power;
      for (int d = 0; d < 3; d++) piece[d] = impulse[d] * (next - given) / n_part;
      KD_CHECK(p->scheme->kick(p, piece));
      given = next;
      if (node == 8) break;
      KD_CHECK(p->scheme->state(p, p->t, kd_integrator_unknowns(p->integrator), state));
      KD_CHECK(kd_power(p, state->shift, impulse, state->f, &power));
      p->work += GAUSS_WEIGHT[node] * power / n_part;
    }
  }

cleanup:
  kd_state_free(state);
  return status;
}

/// The counters of a run that go on when it is resumed. The sums are those of kd_propagator_cost.
static void fill_cost(const kd_propagator *p, double cost[KD_N_COST]) {
  const kd_propagator_statistics s = kd_propagator_cost(p);
  const kd_collision_cost c = kd_collision_statistics(p->collision), e = kd_propagator_earlier(p);
  const double value[KD_N_COST] = {(double)s.steps,
                                   (double)s.rate_evaluations,
                                   (double)s.error_test_failures,
                                   (double)s.convergence_failures,
                                   (double)s.restarts,
                                   (double)s.newton_iterations,
                                   (double)s.linear_iterations,
                                   (double)s.linear_failures,
                                   (double)s.preconditioner_setups,
                                   (double)s.flow_steps,
                                   (double)s.flow_rejections,
                                   (double)s.ffts,
                                   s.seconds,
                                   (double)(c.evaluations + e.evaluations),
                                   (double)(c.ffts + e.ffts),
                                   c.seconds + e.seconds};
  memcpy(cost, value, sizeof value);
}

static void add_earlier(const kd_propagator *p, kd_propagator_statistics *s) {
  const double *cost = p->earlier;
  s->steps += (long)cost[0];
  s->rate_evaluations += (long)cost[1];
  s->error_test_failures += (long)cost[2];
  s->convergence_failures += (long)cost[3];
  s->restarts += (long)cost[4];
  s->newton_iterations += (long)cost[5];
  s->linear_iterations += (long)cost[6];
  s->linear_failures += (long)cost[7];
  s->preconditioner_setups += (long)cost[8];
  s->flow_steps += (unsigned long)(long)cost[9];
  s->flow_rejections += (unsigned long)(long)cost[10];
  s->ffts += (unsigned long)(long)cost[11];
  s->seconds += cost[12];
}

kd_collision_cost kd_propagator_earlier(const kd_propagator *p) {
  return (kd_collision_cost){.evaluations = (unsigned long)(long)p->earlier[13],
                             .ffts = (unsigned long)(long)p->earlier[14],
                             .seconds = p->earlier[15]};
}

void kd_propagator_watch(kd_propagator *p, kd_poll_function *function, void *context) {
  p->poll = function;
  p->poll_context = context;
}

size_t kd_propagator_n_window(const kd_propagator *p) {
  return p->window.number;
}

bool kd_propagator_records(kd_propagator *p, bool for_reading, kd_records *records) {
  static const char *const row[KD_HIGHEST_ORDER + 1] = {
      "y_0", "y_1", "y_2", "y_3", "y_4", "y_5", "y_6", "y_7", "y_8", "y_9", "y_10", "y_11", "y_12"};
  kd_window *w = &p->window;
  kd_records_add(records, "cost", w->cost, KD_N_COST);
  kd_records_add(records, "crawl", p->crawl, 3);
  if (p->splitting) {
    fill_cost(p, w->cost);
    kd_splitting_records(p->splitting, records);
    return true;
  }
  if (w->number == 0 && !for_reading) return false;
  const size_t n = p->scheme->n_unknown(p);
  const int last = for_reading ? (int)kd_integrator_highest_order(p->method) : w->history.order;
  kd_records_add(records, "time", &w->t, 1);
  kd_records_add(records, "step", &w->step, 1);
  kd_records_add(records, "order", &w->order, 1);
  kd_records_add(records, "piece", &w->piece, 1);
  kd_records_add(records, "next_kick", &w->next_kick, 1);
  kd_records_add(records, "work", w->history.q, KD_HIGHEST_ORDER + 1);
  for (int j = 0; j <= last; j++)
    kd_records_add(records, row[j], w->history.y + (size_t)j * n, n)->is_optional = j > 0;
  if (p->scheme->records) p->scheme->records(p, records);
  return true;
}

kd_status kd_propagator_resume(kd_propagator *p) {
  kd_window *w = &p->window;
  double cost[KD_N_COST];
  memset(p->earlier, 0, sizeof p->earlier);
  if (p->splitting) {
    memcpy(cost, w->cost, sizeof cost);
    kd_splitting_resume(p->splitting);
  } else {
    size_t n_piece, n_kick;
    kd_field_pieces(p->field, &n_piece);
    kd_field_kicks(p->field, &n_kick);
    const int highest = (int)kd_integrator_highest_order(p->method);
    if (!(w->order >= 0 && w->order <= highest && w->piece >= 0 && w->piece < (double)n_piece &&
          w->next_kick >= 0 && w->next_kick <= (double)n_kick && w->step > 0 && w->t >= 0 &&
          w->t <= p->duration))
      return kd_error(KD_ERROR_FILE,
                      "the checkpoint does not belong to this scenario: order %g, "
                      "piece %g, kick %g, step %g fs at t = %g fs",
                      w->order, w->piece, w->next_kick, w->step, w->t);
    memcpy(cost, w->cost, sizeof cost);
    w->history.t = p->t = w->t;
    w->history.step = w->step;
    w->history.order = (int)w->order;
    p->work = w->history.q[0];
    p->piece = (size_t)w->piece;
    p->next_kick = (size_t)w->next_kick;
    p->must_restart = false;
    p->is_started = true;
    w->number = 1;
    w->steps = 0;
    if (p->scheme->resume) p->scheme->resume(p);
    KD_TRY(kd_integrator_resume(p->integrator, &w->history));
  }
  fill_cost(p, p->earlier);
  for (int i = 0; i < KD_N_COST; i++) p->earlier[i] = cost[i] - p->earlier[i];
  // A fresh start after the first one, which this process has not counted as such.
  if (!p->splitting && w->order == 0 && w->t > 0) p->earlier[4]++;
  return KD_OK;
}

/// The piece that starts at or holds p->t.
static void find_piece(kd_propagator *p) {
  size_t count;
  const double *edge = kd_field_pieces(p->field, &count);
  while (p->piece + 1 < count && edge[p->piece + 1] <= p->t) {
    p->piece++;
    const bool wakes =
        kd_field_is_quiet(p->field, p->piece - 1) && !kd_field_is_quiet(p->field, p->piece);
    if (wakes || kd_field_jumps(p->field, p->piece)) p->must_restart = true;
  }
}

/// First step to try where nothing is known of the steps before.
static double first_step(const kd_propagator *p) {
  size_t count;
  const double *edge = kd_field_pieces(p->field, &count);
  const double first = FIRST_STEP_OF_PIECE * (edge[p->piece + 1] - p->t);
  const double width = p->energy_scale / kd_model_spin_degeneracy(p->model);
  if (width == 0) return first;
  return fmin(first, FIRST_STEP_OF_PERIOD * kd_model_hbar(p->model) / width);
}

/// True after the steps of a window, where its history carries the next step.
static bool is_window_full(const kd_propagator *p) {
  const long most = p->method == KD_BDF                                    ? WINDOW_OF_BDF
                    : p->mean_field || !kd_collision_is_none(p->collision) ? WINDOW
                    : p->scheme->n_unknown(p) < p->n                       ? WINDOW_OF_WORK
                                                     : WINDOW_WITHOUT_COLLISIONS;
  return p->window.steps >= most && kd_integrator_is_steady(p->integrator);
}

/// Ends a window: keeps all that the propagation goes on from, and goes on from it.
static kd_status end_window(kd_propagator *p, bool is_fresh) {
  kd_window *w = &p->window;
  kd_integrator_history *history = &w->history;
  if (is_fresh) {
    const double *y = kd_integrator_unknowns(p->integrator);
    history->t = p->t;
    history->order = 0;
    history->step = first_step(p);
    history->q[0] = p->work;
    memcpy(history->y, y, p->scheme->n_unknown(p) * sizeof *y);
  } else {
    KD_TRY(kd_integrator_save(p->integrator, history));
  }
  if (p->scheme->save) p->scheme->save(p);
  w->t = history->t;
  w->step = history->step;
  w->order = history->order;
  w->piece = (double)p->piece;
  w->next_kick = (double)p->next_kick;
  fill_cost(p, w->cost);
  w->number++;
  w->steps = 0;
  return kd_integrator_resume(p->integrator, history);
}

/// What is due at p->t before the next step: kicks, the scheme's own housekeeping, a restart, the
/// end of a window.
static kd_status prepare_step(kd_propagator *p) {
  size_t n_kick;
  const kd_kick *kick = kd_field_kicks(p->field, &n_kick);
  while (p->next_kick < n_kick && kick[p->next_kick].time <= p->t) {
    KD_TRY(apply_kick(p, kick[p->next_kick].impulse));
    p->next_kick++;
    p->must_restart = true;
  }
  bool anchored;
  KD_TRY(p->scheme->settle(p, &anchored));
  find_piece(p);
  const bool is_fresh = p->must_restart || anchored, is_full = is_window_full(p);
  if (!is_fresh && !is_full) return KD_OK;
  p->must_restart = false;
  p->is_started = true;
  return end_window(p, is_fresh || p->method == KD_BDF);
}

/// Takes note of a step of length h at its floor, `left` from the next event.
static void watch_step(kd_propagator *p, double h, double left) {
  p->n_crawl = h < KD_CRAWL * left ? p->n_crawl + 1 : 0;
  if ((double)p->n_crawl > p->crawl[0]) {
    p->crawl[0] = (double)p->n_crawl;
    p->crawl[1] = p->t;
  }
  // What is cut short by an event may be as short as it likes.
  if (h < left) p->crawl[2] = fmax(p->crawl[2], fmin(1, p->t * DBL_EPSILON / h));
}

static kd_status step(kd_propagator *p) {
  size_t count, n_kick;
  const double *edge = kd_field_pieces(p->field, &count);
  const kd_kick *kick = kd_field_kicks(p->field, &n_kick);
  KD_TRY(prepare_step(p));
  double stop = edge[p->piece + 1];
  if (p->next_kick < n_kick) stop = fmin(stop, kick[p->next_kick].time);
  const double largest = kd_field_is_quiet(p->field, p->piece)
                             ? INFINITY
                             : LARGEST_PART_OF_PIECE * (edge[p->piece + 1] - edge[p->piece]);
  const double begin = p->t;
  KD_TRY(kd_integrator_step(p->integrator, stop, largest, &p->t));
  watch_step(p, p->t - begin, edge[p->piece + 1] - begin);
  p->window.steps++;
  p->work = kd_integrator_quadrature(p->integrator);
  if (!isfinite(p->work))
    return kd_error(KD_ERROR_NUMERICS, "t = %.9g fs: the work done by the field is not finite",
                    p->t);
  return KD_OK;
}

kd_status kd_propagator_advance(kd_propagator *p, double t, kd_state *state) {
  const double start = kd_seconds();
  if (p->splitting) {
    KD_TRY(kd_splitting_advance(p->splitting, t, state));
    p->seconds += kd_seconds() - start;
    return KD_OK;
  }
  while (p->t < t) KD_TRY(step(p));
  state->time = t;
  state->work = p->work;
  if (t == p->t) {
    KD_TRY(p->scheme->state(p, t, kd_integrator_unknowns(p->integrator), state));
  } else {
    const bool wants_unknowns = p->scheme->n_unknown(p) == p->total;
    double *y = p->n_phonon > 0 ? p->interpolated : wants_unknowns ? state->f : NULL;
    KD_TRY(kd_integrator_interpolate(p->integrator, t, y, &state->work));
    KD_TRY(p->scheme->state(p, t, y, state));
  }
  p->seconds += kd_seconds() - start;
  return KD_OK;
}

kd_propagator_statistics kd_propagator_cost(const kd_propagator *p) {
  if (p->splitting) {
    kd_propagator_statistics statistics = {.scheme = "splitting",
                                           .integrator = "none",
                                           .ffts = kd_model_n_fft(p->model),
                                           .seconds = p->seconds};
    kd_splitting_cost(p->splitting, &statistics);
    add_earlier(p, &statistics);
    return statistics;
  }
  const kd_integrator_statistics cvode = kd_integrator_cost(p->integrator);
  kd_propagator_statistics statistics = {.scheme = p->scheme->name,
                                         .integrator = p->method == KD_BDF ? "bdf" : "adams",
                                         .stiffness = p->stiffness,
                                         .steps = cvode.steps,
                                         .rate_evaluations = cvode.rate_evaluations,
                                         .error_test_failures = cvode.error_test_failures,
                                         .convergence_failures = cvode.convergence_failures,
                                         .restarts = cvode.restarts,
                                         .newton_iterations = cvode.newton_iterations,
                                         .linear_iterations = cvode.linear_iterations,
                                         .linear_failures = cvode.linear_failures,
                                         .preconditioner_setups = cvode.preconditioner_setups,
                                         .last_order = cvode.last_order,
                                         .last_step = cvode.last_step,
                                         .crawl = p->crawl[0],
                                         .crawl_time = p->crawl[1],
                                         .clock = p->crawl[2],
                                         .ffts = kd_model_n_fft(p->model),
                                         .seconds = p->seconds};
  p->scheme->cost(p, &statistics);
  if (p->mean_field) statistics.ffts += kd_mean_field_n_fft(p->mean_field);
  add_earlier(p, &statistics);
  return statistics;
}

bool kd_propagator_has_positions(const kd_propagator *p) {
  return p->has_positions;
}

size_t kd_propagator_bytes(const kd_propagator *p) {
  const size_t n_phonon = p->n_phonon * (kd_integrator_n_vector(p->method) + 1);
  // The observables have a mean field of their own.
  const size_t own =
      (2 * p->n + n_phonon) * sizeof(double) + 2 * kd_mean_field_bytes(p->mean_field);
  if (p->splitting) return own + kd_splitting_bytes(p->splitting);
  return p->scheme->bytes(p) + (p->preconditioner ? kd_preconditioner_bytes(p) : 0) + own;
}
