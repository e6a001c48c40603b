#include "keldrift/observables.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "collision/mean_field.h"
#include "core/comm.h"
#include "core/dot.h"
#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/modes.h"
#include "core/packing.h"
#include "core/parallel.h"
#include "drift/regrid.h"
#include "drift/tails.h"
#include "observables/dataset.h"
#include "observables/phonons.h"
#include "observables/trace.h"
#include "observables/user.h"
#include "scenario/section.h"

/// k points per partial sum; fixed, so that results do not depend on the number of threads.
enum { CHUNK = 256, MAX_TRACES = 16 };

/// What f leaves outside of the grids of R and k is reported above this.
static const double SPACE_LIMIT = 1e-2;

/// What the model gives on a grid displaced by `shift`.
typedef struct bands {
  bool is_set;
  double shift[3];
  double *h, *v[3];       ///< packed
  double *energy;         ///< [n_k][n_band]
  double complex *vector; ///< [n_k][n_band][n_band]
} bands;

struct kd_observables {
  kd_model *model;
  kd_space *space; ///< its Hartree term is set to that of the state measured
  const kd_field *field;
  kd_reference *reference;
  kd_contacts *contacts;
  kd_constants constants;
  kd_statistics statistics;
  kd_extents extents; ///< of datasets
  kd_translation *translation;
  size_t n_band, n_dim, n_k, n; ///< n = n_band^2 n_k
  size_t first_r, n_r;          ///< points of R of this process
  double element; ///< weight of a point of R: its volume in units of V_cell; 1 without an R grid
  kd_user_observable *user;
  size_t n_user;
  kd_phonon_observables *phonons; ///< NULL: none
  kd_mean_field *mean_field;      ///< NULL: none
  double mean_field_energy;

  size_t offset[MAX_TRACES]; ///< of the values of each row of kd_traces
  size_t n_trace, n_value;   ///< values of the rows; user observables follow, one each
  double *value;             ///< [n_value + n_user]
  kd_variable *variable;     ///< [n_trace + n_user], then those of contacts, mean field and phonons
  size_t n_variable;
  double entered[KD_MAX_CONTACTS], inflow[KD_MAX_CONTACTS]; ///< through the contacts
  char (*user_name)[KD_USER_NAME + 8];

  bands here;                     ///< on the displaced grid of the last measurement
  bands grid;                     ///< on the grid of the model; h and v are not kept
  double tolerance;               ///< of degenerate levels, eV
  double *level;                  ///< eigenvalues of f, [n_k][n_band]
  double *partial;                ///< [n_chunk][n_value + n_user]
  double *work, *work_2, *work_3; ///< packed

  double *sum, *grid_sum, *reference_sum, *reference_here; ///< [n_value + n_user]
  double *total;                                           ///< the first, summed over R
  size_t n_edge, *edge; ///< points of k at the faces of a k.p box
  double largest_at_edge;
  double largest_tail;
  kd_tails tails; ///< with an R grid, the largest over the snapshots

  double *potential;           ///< U at every R, also those of other processes
  double complex *snapshot_f;  ///< [n_r][n_k][n_band][n_band]
  double *snapshot_population; ///< [n_r][n_k][n_band]
  double *density;             ///< n(R) at every R; NULL without an R grid
  double *flow;                ///< j(R), [n_r][n_dim], likewise
  double *momentum_density;    ///< n(k), [n_k], likewise
  double *place[3];            ///< coordinates of the R axes, angstrom
  size_t n_snapshot;
  kd_variable snapshot[6];
  double *reduced[3]; ///< coordinates of the k axes, fractions of the edges
};

static void bands_clear(bands *b) {
  kd_free(b->h);
  for (int d = 0; d < 3; d++) kd_free(b->v[d]);
  kd_free(b->energy);
  kd_free(b->vector);
}

void kd_observables_free(kd_observables *o) {
  if (!o) return;
  kd_translation_free(o->translation);
  kd_user_observables_free(o->user, o->n_user);
  kd_phonon_observables_free(o->phonons);
  kd_contacts_free(o->contacts);
  kd_mean_field_free(o->mean_field);
  kd_free(o->value);
  kd_free(o->variable);
  kd_free(o->user_name);
  bands_clear(&o->here);
  bands_clear(&o->grid);
  for (int d = 0; d < 3; d++) kd_free(o->reduced[d]);
  kd_free(o->level);
  kd_free(o->partial);
  kd_free(o->work);
  kd_free(o->work_2);
  kd_free(o->work_3);
  kd_free(o->sum);
  kd_free(o->grid_sum);
  kd_free(o->total);
  kd_free(o->edge);
  kd_free(o->reference_sum);
  kd_free(o->reference_here);
  kd_free(o->snapshot_f);
  kd_free(o->snapshot_population);
  kd_free(o->potential);
  kd_free(o->density);
  kd_free(o->flow);
  kd_free(o->momentum_density);
  for (int d = 0; d < 3; d++) kd_free(o->place[d]);
  kd_free(o);
}

static size_t size_of(const kd_observables *o, kd_trace_shape shape) {
  switch (shape) {
  case KD_BAND:
    return o->n_band;
  case KD_BAND_BAND:
    return o->n_band * o->n_band;
  case KD_DIRECTION:
    return o->n_dim;
  default:
    return 1;
  }
}

kd_variable kd_observables_variable(const kd_observables *o, const kd_dataset *row,
                                    const void *data) {
  return kd_dataset_variable(row, &o->extents, data);
}

static void find_extents(kd_observables *o) {
  kd_extents *e = &o->extents;
  *e = (kd_extents){.is_natural = o->constants.natural,
                    .n_band = o->n_band,
                    .n_contact = kd_contacts_count(o->contacts),
                    .n_dim_k = o->n_dim,
                    .n_dim_r = kd_space_n_dim(o->space),
                    .first_r = o->first_r,
                    .count_r = o->n_r};
  for (size_t i = 0; i < e->n_dim_k; i++) {
    e->n_k[i] = kd_model_n(o->model)[i];
    e->k[i] = o->reduced[i];
  }
  for (size_t i = 0; i < e->n_dim_r; i++) {
    e->n_r[i] = kd_space_n(o->space)[i];
    e->r[i] = o->place[i];
  }
}

static void describe_traces(kd_observables *o) {
  for (size_t i = 0; i < o->n_trace; i++) {
    const kd_dataset row = kd_trace_dataset(&kd_traces[i]);
    o->variable[i] = kd_observables_variable(o, &row, o->value + o->offset[i]);
    if (o->mean_field && strcmp(row.name, "energy") == 0)
      o->variable[i].long_name = kd_mean_field_datasets[1].long_name;
  }
  for (size_t i = 0; i < o->n_user; i++) {
    const kd_dataset *row = &kd_user_datasets[o->user[i].is_current ? 1 : 0];
    kd_variable *variable = &o->variable[o->n_trace + i];
    snprintf(o->user_name[i], sizeof o->user_name[i], "user/%s", o->user[i].name);
    *variable = kd_observables_variable(o, row, o->value + o->n_value + i);
    variable->name = o->user_name[i];
  }
  if (o->mean_field)
    o->variable[o->n_variable++] =
        kd_observables_variable(o, &kd_mean_field_datasets[0], &o->mean_field_energy);
  if (kd_contacts_count(o->contacts) == 0) return;
  const double *data[] = {o->entered, o->inflow};
  for (size_t i = 0; i < 2; i++)
    o->variable[o->n_variable++] = kd_observables_variable(o, &kd_contact_datasets[i], data[i]);
}

static void describe_snapshots(kd_observables *o) {
  const void *data[] = {o->snapshot_f, o->snapshot_population,
                        o->density ? o->density + o->first_r : NULL, o->flow, o->momentum_density};
  o->n_snapshot = kd_space_n_dim(o->space) > 0 ? 5 : 2;
  for (size_t i = 0; i < o->n_snapshot; i++)
    o->snapshot[i] = kd_observables_variable(o, &kd_snapshot_datasets[i], data[i]);
}

/// Energies and eigenvectors on the grid displaced by `shift`; `h` receives H.
static kd_status diagonalize(kd_observables *o, const double shift[3], double *h, bands *b) {
  const kd_model_part part = {.energy = 1};
  kd_model_sample(o->model, shift, &part, h);
  return kd_eigen_field(o->n_band, o->n_k, h, b->energy, b->vector);
}

/// The same with the velocities; kept while the shift stays what it is.
static kd_status update_bands(kd_observables *o, const double shift[3]) {
  bands *b = &o->here;
  if (b->is_set && memcmp(b->shift, shift, sizeof b->shift) == 0) return KD_OK;
  b->is_set = false;
  KD_TRY(diagonalize(o, shift, b->h, b));
  for (size_t d = 0; d < o->n_dim; d++) {
    double axis[3] = {0};
    axis[d] = 1;
    kd_model_velocity(o->model, shift, axis, b->v[d]);
    if (o->mean_field) KD_TRY(kd_mean_field_add_velocity(o->mean_field, shift, axis, b->v[d]));
  }
  memcpy(b->shift, shift, sizeof b->shift);
  b->is_set = true;
  return KD_OK;
}

/// Without an R grid f is known on the displaced grid, and rows `on_grid` need it on the model's.
static bool has_two_grids(const kd_observables *o) {
  return kd_space_n_dim(o->space) == 0;
}

/// Matrices of one k point.
typedef struct workspace {
  double complex *f, *h, *v, *f_band, *v_band[3], *scratch;
  size_t *first;
} workspace;

static bool workspace_create(size_t n_band, workspace *w) {
  const size_t n = n_band * n_band;
  double complex *memory = kd_allocate(8 * n, sizeof *memory);
  *w = (workspace){.f = memory, .first = kd_allocate(n_band, sizeof *w->first)};
  if (!memory || !w->first) return false;
  w->h = memory + n;
  w->v = memory + 2 * n;
  w->f_band = memory + 3 * n;
  for (int d = 0; d < 3; d++) w->v_band[d] = memory + (4 + (size_t)d) * n;
  w->scratch = memory + 7 * n;
  return true;
}

static void workspace_clear(workspace *w) {
  kd_free(w->f);
  kd_free(w->first);
}

/// Adds what the rows of the displaced grid take from point k: with an R grid, where it is not
/// displaced, all rows.
static void add_point(const kd_observables *o, const double *f, size_t k, const workspace *w,
                      double *value) {
  const size_t n = o->n_band;
  const bands *b = &o->here;
  kd_unpack(f, n, o->n_k, k, w->f);
  kd_unpack(b->h, n, o->n_k, k, w->h);
  const double complex *s = b->vector + k * n * n;
  kd_eigen_rotate(n, s, true, w->f, w->f_band, w->scratch);
  for (size_t d = 0; d < o->n_dim; d++) {
    kd_unpack(b->v[d], n, o->n_k, k, w->v);
    kd_eigen_rotate(n, s, true, w->v, w->v_band[d], w->scratch);
  }
  kd_eigen_groups(n, b->energy + k * n, o->tolerance, w->first);
  const kd_local local = {.n_band = n,
                          .n_dim = o->n_dim,
                          .f = w->f,
                          .h = w->h,
                          .f_band = w->f_band,
                          .v_band = (const double complex *const *)w->v_band,
                          .level = o->level + k * n,
                          .first = w->first,
                          .charge = kd_model_charge(o->model),
                          .statistics = o->statistics};
  for (size_t i = 0; i < o->n_trace; i++)
    if (kd_traces[i].add && !(kd_traces[i].on_grid && has_two_grids(o)))
      kd_traces[i].add(&local, value + o->offset[i]);
  for (size_t i = 0; i < o->n_user; i++) {
    const kd_user_observable *user = &o->user[i];
    if (user->is_current) kd_unpack(b->v[user->axis], n, o->n_k, k, w->v);
    value[o->n_value + i] += kd_user_observable_value(user, n, w->f, w->v, w->scratch);
  }
}

/// Fills what `kd_local` needs of point k of the model's own grid.
static kd_local grid_point(const kd_observables *o, const double *f, size_t k, const workspace *w) {
  const size_t n = o->n_band;
  kd_unpack(f, n, o->n_k, k, w->f);
  kd_eigen_rotate(n, o->grid.vector + k * n * n, true, w->f, w->f_band, w->scratch);
  kd_eigen_groups(n, o->grid.energy + k * n, o->tolerance, w->first);
  return (kd_local){.n_band = n, .f = w->f, .f_band = w->f_band, .first = w->first};
}

static void add_grid_point(const kd_observables *o, const double *f, size_t k, const workspace *w,
                           double *value) {
  const kd_local local = grid_point(o, f, k, w);
  for (size_t i = 0; i < o->n_trace; i++)
    if (kd_traces[i].on_grid) kd_traces[i].add(&local, value + o->offset[i]);
}

/// Sums over k by chunks of fixed size, which are added in order and with compensation: the result
/// does not depend on the number of threads.
static kd_status sum_points(kd_observables *o, const double *f,
                            void (*add)(const kd_observables *, const double *, size_t,
                                        const workspace *, double *),
                            double *sum) {
  const size_t n_total = o->n_value + o->n_user, n_chunk = (o->n_k + CHUNK - 1) / CHUNK;
  int failures = 0;
#pragma omp parallel reduction(+ : failures) if (KD_WORTH_THREADS(o->n))
  {
    workspace w;
    const bool ready = workspace_create(o->n_band, &w);
    if (!ready) failures++;
#pragma omp for schedule(static)
    for (size_t chunk = 0; chunk < n_chunk; chunk++) {
      if (!ready) continue;
      double *value = o->partial + chunk * n_total;
      memset(value, 0, n_total * sizeof *value);
      for (size_t i = 0; i < o->n_trace; i++)
        if (kd_traces[i].rule == KD_MINIMUM) value[o->offset[i]] = INFINITY;
      const size_t end = (chunk + 1) * CHUNK < o->n_k ? (chunk + 1) * CHUNK : o->n_k;
      for (size_t k = chunk * CHUNK; k < end; k++) add(o, f, k, &w, value);
    }
    workspace_clear(&w);
  }
  if (failures) return kd_error(KD_ERROR_MEMORY, "out of memory for the observables");
  for (size_t i = 0; i < n_total; i++) {
    double total = 0, carry = 0;
    for (size_t chunk = 0; chunk < n_chunk; chunk++) {
      const double y = o->partial[chunk * n_total + i] - carry, t = total + y;
      carry = (t - total) - y;
      total = t;
    }
    sum[i] = total;
  }
  for (size_t i = 0; i < o->n_trace; i++) {
    if (kd_traces[i].rule != KD_MINIMUM) continue;
    double least = INFINITY;
    for (size_t chunk = 0; chunk < n_chunk; chunk++)
      least = fmin(least, o->partial[chunk * n_total + o->offset[i]]);
    sum[o->offset[i]] = least;
  }
  return KD_OK;
}

/// Sums the rows of the displaced grid.
static kd_status accumulate(kd_observables *o, const double *f, const double shift[3],
                            double *sum) {
  KD_TRY(update_bands(o, shift));
  KD_TRY(kd_eigen_field(o->n_band, o->n_k, f, o->level, NULL));
  return sum_points(o, f, add_point, sum);
}

kd_status kd_observables_operators(kd_observables *o, const double *field, double *value,
                                   size_t stride) {
  KD_TRY(accumulate(o, field, (const double[3]){0}, o->sum));
  const double factor = kd_model_spin_degeneracy(o->model) / (double)o->n_k;
  for (size_t i = 0; i < o->n_user; i++) value[i * stride] = factor * o->sum[o->n_value + i];
  return KD_OK;
}

const char *kd_observables_user(const kd_observables *o, size_t i, bool *is_current) {
  *is_current = o->user[i].is_current;
  return o->user_name[i];
}

/// Interpolates f to the grid of the model into o->work.
static kd_status interpolate(kd_observables *o, const kd_state *state) {
  memcpy(o->work, state->f, o->n * sizeof *o->work);
  return kd_regrid(o->reference, o->model, o->translation, state->shift, o->work, o->work_2,
                   o->work_3);
}

static double *value_of(const kd_observables *o, const char *name) {
  for (size_t i = 0; i < o->n_trace; i++)
    if (strcmp(kd_traces[i].name, name) == 0) return o->value + o->offset[i];
  return NULL;
}

static kd_status list_edges(kd_observables *o) {
  kd_status status = KD_OK;
  const size_t *n = kd_model_n(o->model);
  for (size_t k = 0; k < o->n_k; k++) o->n_edge += kd_is_at_face(k, n);
  KD_ALLOCATE(o->edge, o->n_edge);
  for (size_t k = 0, i = 0; k < o->n_k; k++)
    if (kd_is_at_face(k, n)) o->edge[i++] = k;

cleanup:
  return status;
}

/// Deviation from the reference at the faces of a k.p box.
static void watch_edges(kd_observables *o, const double *deviation) {
  double largest = o->largest_at_edge;
  for (size_t c = 0; c < o->n_band * o->n_band; c++)
    for (size_t i = 0; i < o->n_edge; i++)
      largest = fmax(largest, fabs(deviation[c * o->n_k + o->edge[i]]));
  o->largest_at_edge = largest;
}

/// Sums over k of the state at one R into o->sum, o->grid_sum and o->reference_here.
static kd_status sum_homogeneous(kd_observables *o, const kd_state *state) {
  KD_TRY(accumulate(o, state->f, state->shift, o->sum));
  KD_TRY(interpolate(o, state));
  KD_TRY(sum_points(o, o->work, add_grid_point, o->grid_sum));
  if (kd_model_is_periodic(o->model)) return KD_OK;
  KD_TRY(kd_reference_sample(o->reference, o->model, state->shift, o->work));
  if (!kd_reference_is_zero(o->reference))
    KD_TRY(accumulate(o, o->work, state->shift, o->reference_here));
  for (size_t i = 0; i < o->n; i++) o->work[i] = state->f[i] - o->work[i];
  watch_edges(o, o->work);
  return KD_OK;
}

static size_t index_of(const kd_observables *o, const char *name) {
  size_t i = 0;
  while (strcmp(kd_traces[i].name, name) != 0) i++;
  return o->offset[i];
}

/// n(R) = g_s (1/N_k V_cell) sum_k Tr f at the R of this process, and 0 elsewhere.
static void find_density(kd_observables *o, const kd_state *state) {
  memset(o->density, 0, kd_space_n_r(o->space) * sizeof *o->density);
  for (size_t r = 0; r < o->n_r; r++) {
    double number = 0;
    for (size_t i = 0; i < o->n_band * o->n_k; i++) number += state->f[r * o->n + i];
    o->density[o->first_r + r] = kd_model_density_of_one(o->model) * number;
  }
}

/// n(R) at every R, and what depends on it: U; and what has come in through the contacts.
static void set_density(kd_observables *o, const kd_state *state) {
  if (kd_contacts_count(o->contacts) == 0 && !kd_space_is_self_consistent(o->space)) return;
  find_density(o, state);
  kd_comm_sum(kd_space_comm(o->space), o->density, kd_space_n_r(o->space));
  kd_space_set_density(o->space, o->density);
  memcpy(o->entered, state->entered, sizeof o->entered);
}

/// The current through the contacts, of n(R) and of what flows through the end of the box.
static void find_inflow(kd_observables *o, const kd_state *state) {
  double flow[3];
  if (kd_contacts_count(o->contacts) == 0) return;
  for (size_t c = 0; c < kd_contacts_count(o->contacts); c++)
    o->inflow[c] = kd_contacts_inflow(o->contacts, c, o->density);
  kd_contacts_end_flow(o->contacts, o->model, o->space, o->here.v, state->f, flow);
  kd_contacts_add_flow(o->contacts, flow, 1, o->inflow);
  for (size_t c = 0; c < kd_contacts_count(o->contacts); c++)
    o->inflow[c] *= kd_model_charge(o->model);
}

/// The same, summed over the R of this process into o->total, with the potential in the energy. The
/// grid is not displaced.
static kd_status sum_slab(kd_observables *o, const kd_state *state) {
  const size_t n_total = o->n_value + o->n_user;
  const size_t number = index_of(o, "number"), energy = index_of(o, "energy");
  memset(o->total, 0, n_total * sizeof *o->total);
  for (size_t i = 0; i < o->n_trace; i++)
    if (kd_traces[i].rule == KD_MINIMUM) o->total[o->offset[i]] = INFINITY;
  KD_TRY(kd_space_check_time(o->space, state->time));
  kd_space_potential(o->space, state->time, o->potential);
  const double *hartree = kd_space_hartree(o->space), *background = kd_space_background(o->space);
  for (size_t r = 0; r < o->n_r; r++) {
    const double *f = state->f + r * o->n;
    KD_TRY(accumulate(o, f, state->shift, o->sum));
    const size_t here = o->first_r + r;
    o->sum[energy] += o->potential[here] * o->sum[number];
    // Between charges, so that every pair counts once.
    if (hartree)
      o->sum[energy] -= 0.5 * hartree[here] *
                        (o->sum[number] + background[here] / kd_model_density_of_one(o->model));
    for (size_t i = 0; i < o->n_trace; i++)
      for (size_t j = o->offset[i]; j < o->offset[i] + size_of(o, kd_traces[i].shape); j++) {
        if (kd_traces[i].rule == KD_MINIMUM) o->total[j] = fmin(o->total[j], o->sum[j]);
        if (kd_traces[i].rule == KD_AVERAGE) o->total[j] += o->sum[j];
      }
    for (size_t i = o->n_value; i < n_total; i++) o->total[i] += o->sum[i];
  }
  return KD_OK;
}

/// The same of all R.
static kd_status sum_space(kd_observables *o, const kd_state *state) {
  const size_t n_total = o->n_value + o->n_user;
  const kd_comm *comm = kd_space_comm(o->space);
  set_density(o, state);
  KD_TRY(kd_comm_agree(comm, sum_slab(o, state)));
  find_inflow(o, state); // with the velocities that the sums have found
  double least[MAX_TRACES];
  for (size_t i = 0; i < o->n_trace; i++) least[i] = -o->total[o->offset[i]];
  kd_comm_largest(comm, least, o->n_trace);
  kd_comm_sum(comm, o->total, n_total);
  for (size_t i = 0; i < o->n_trace; i++)
    if (kd_traces[i].rule == KD_MINIMUM) o->total[o->offset[i]] = -least[i];
  memcpy(o->sum, o->total, n_total * sizeof *o->sum);
  // What is outside of a k.p box does not come in: packets must not reach its edge.
  memset(o->reference_here, 0, n_total * sizeof *o->reference_here);
  for (size_t r = 0; r < o->n_r && !kd_model_is_periodic(o->model); r++)
    watch_edges(o, state->f + r * o->n);
  kd_comm_largest(comm, &o->largest_at_edge, 1);
  return KD_OK;
}

kd_status kd_observables_measure(kd_observables *o, const kd_state *state) {
  const size_t n_total = o->n_value + o->n_user;
  const double spin = kd_model_spin_degeneracy(o->model), weight = o->element / (double)o->n_k;
  KD_TRY(has_two_grids(o) ? sum_homogeneous(o, state) : sum_space(o, state));
  for (size_t i = 0; i < o->n_trace; i++) {
    const kd_trace *row = &kd_traces[i];
    double *value = o->value + o->offset[i];
    const size_t size = size_of(o, row->shape);
    for (size_t j = 0; j < size; j++) {
      const size_t index = o->offset[i] + j;
      if (row->rule == KD_MINIMUM) value[j] = o->sum[index];
      if (row->rule != KD_AVERAGE) continue;
      value[j] = row->on_grid && has_two_grids(o) ? o->grid_sum[index]
                                                  : o->sum[index] - o->reference_here[index];
      if (!row->on_grid && !row->vanishes_for_reference) value[j] += o->reference_sum[index];
      value[j] *= (row->carries_spin ? spin : 1) * weight;
    }
  }
  for (size_t i = o->n_value; i < n_total; i++)
    o->value[i] = (o->sum[i] + o->reference_sum[i] - o->reference_here[i]) * spin * weight;

  if (o->mean_field) {
    KD_TRY(kd_mean_field_energy(o->mean_field, state->shift, state->f, &o->mean_field_energy));
    value_of(o, "energy")[0] += o->mean_field_energy;
  }
  double *number = value_of(o, "number"), *purity = value_of(o, "purity");
  purity[0] = number[0] != 0 ? purity[0] * spin / number[0] : 0;
  value_of(o, "work")[0] = state->work;
  double e[3];
  kd_field_value(o->field, state->time, e);
  memcpy(value_of(o, "field"), e, o->n_dim * sizeof *e);
  if (o->phonons) kd_phonon_observables_measure(o->phonons, state->phonon);
  for (size_t i = 0; i < n_total; i++)
    if (!isfinite(o->value[i]))
      return kd_error(KD_ERROR_NUMERICS, "t = %.9g fs: /traces/%s is not finite", state->time,
                      i < o->n_value ? "number, energy or current" : o->user[i - o->n_value].name);
  return KD_OK;
}

/// Watches how well the grid resolves what is interpolated: f, or in a k.p box its deviation.
static kd_status watch_tail(kd_observables *o) {
  const double *field = o->work;
  if (!kd_reference_is_zero(o->reference)) {
    KD_TRY(kd_reference_sample(o->reference, o->model, (const double[3]){0}, o->work_2));
    double largest = 0;
    for (size_t i = 0; i < o->n; i++) {
      o->work_2[i] = o->work[i] - o->work_2[i];
      largest = fmax(largest, fabs(o->work_2[i]));
    }
    if (largest < 1e-6) return KD_OK; // rounding has no spectrum to speak of
    field = o->work_2;
  }
  o->largest_tail = fmax(o->largest_tail, kd_translation_tail(o->translation, field));
  return KD_OK;
}

/// f and the band populations of one R from a packed field on the grid of the model.
static kd_status unpack_snapshot(kd_observables *o, const double *f, size_t r) {
  const size_t n = o->n_band;
  int failures = 0;
#pragma omp parallel reduction(+ : failures) if (KD_WORTH_THREADS(o->n))
  {
    workspace w;
    const bool ready = workspace_create(n, &w);
    if (!ready) failures++;
#pragma omp for schedule(static)
    for (size_t k = 0; k < o->n_k; k++) {
      if (!ready) continue;
      const kd_local local = grid_point(o, f, k, &w);
      double *population = o->snapshot_population + (r * o->n_k + k) * n;
      memcpy(o->snapshot_f + (r * o->n_k + k) * n * n, local.f, n * n * sizeof *local.f);
      memset(population, 0, n * sizeof *population);
      kd_trace_population(&local, population);
    }
    workspace_clear(&w);
  }
  return failures ? kd_error(KD_ERROR_MEMORY, "out of memory for a snapshot") : KD_OK;
}

/// n(R) here; j(R), charge times the same of v; and n(k) = g_s/(2 pi)^d dR sum_R Tr f, so that the
/// integrals of n(R) over R and of n(k) over k are the same number.
static kd_status find_densities(kd_observables *o, const kd_state *state) {
  const double momentum_weight = kd_model_spin_degeneracy(o->model) * kd_space_element(o->space) /
                                 pow(2 * M_PI, (double)o->n_dim);
  KD_TRY(update_bands(o, state->shift));
  find_density(o, state);
  memset(o->momentum_density, 0, o->n_k * sizeof *o->momentum_density);
  for (size_t r = 0; r < o->n_r; r++) {
    const double *f = state->f + r * o->n;
    for (size_t i = 0; i < o->n_band * o->n_k; i++)
      o->momentum_density[i % o->n_k] += momentum_weight * f[i];
    for (size_t d = 0; d < o->n_dim; d++)
      o->flow[r * o->n_dim + d] = kd_model_density_of_one(o->model) * kd_model_charge(o->model) *
                                  kd_dot(o->here.v[d], f, o->n);
  }
  kd_comm_sum(kd_space_comm(o->space), o->momentum_density, o->n_k);
  return KD_OK;
}

kd_status kd_observables_snapshot(kd_observables *o, const kd_state *state) {
  if (o->phonons) kd_phonon_observables_snapshot(o->phonons, state->phonon);
  if (kd_space_n_dim(o->space) > 0) {
    kd_tails tails;
    KD_TRY(find_densities(o, state));
    KD_TRY(kd_tails_measure(o->model, o->space, state->f, &tails));
    o->tails.q = fmax(o->tails.q, tails.q);
    o->tails.s = fmax(o->tails.s, tails.s);
    o->tails.edge = fmax(o->tails.edge, tails.edge);
    for (size_t r = 0; r < o->n_r; r++) KD_TRY(unpack_snapshot(o, state->f + r * o->n, r));
    return KD_OK;
  }
  KD_TRY(interpolate(o, state));
  KD_TRY(watch_tail(o));
  return unpack_snapshot(o, o->work, 0);
}

kd_status kd_observables_create(const kd_scenario *scenario, kd_model *model, kd_space *space,
                                const kd_field *field, kd_reference *reference,
                                kd_observables **result) {
  kd_status status = KD_OK;
  const kd_section *root = kd_scenario_root(scenario);
  const double origin[3] = {0};
  kd_observables *o = NULL;
  *result = NULL;
  KD_ALLOCATE(o, 1);
  o->model = model;
  o->space = space;
  kd_space_slab(space, &o->first_r, &o->n_r);
  o->element = 1;
  if (kd_space_n_dim(space) > 0) o->element = kd_space_element(space) / kd_model_cell_volume(model);
  o->field = field;
  o->reference = reference;
  o->constants = kd_scenario_constants(scenario);
  o->statistics = kd_statistics_named(kd_section_text(root, "statistics"));
  o->n_band = kd_model_n_band(model);
  o->n_dim = kd_model_n_dim(model);
  o->n_k = kd_model_n_k(model);
  o->n = o->n_band * o->n_band * o->n_k;
  KD_CHECK(kd_translation_create(model, &o->translation));
  KD_CHECK(kd_user_observables_create(root, model, &o->user, &o->n_user));
  KD_CHECK(kd_contacts_create(scenario, model, space, &o->contacts));
  KD_CHECK(kd_mean_field_create(scenario, model, space, &o->mean_field));
  for (; kd_traces[o->n_trace].name; o->n_trace++) {
    if (kd_traces[o->n_trace].in_space && kd_space_n_dim(space) == 0) break;
    if (o->n_trace == MAX_TRACES) {
      status = kd_error(KD_ERROR_INTERNAL, "more than %d rows of traces", MAX_TRACES);
      goto cleanup;
    }
    o->offset[o->n_trace] = o->n_value;
    o->n_value += size_of(o, kd_traces[o->n_trace].shape);
  }
  if (!kd_model_is_periodic(model)) KD_CHECK(list_edges(o));
  const size_t n_total = o->n_value + o->n_user;
  KD_ALLOCATE(o->value, n_total);
  KD_ALLOCATE(o->sum, n_total);
  KD_ALLOCATE(o->grid_sum, n_total);
  KD_ALLOCATE(o->reference_sum, n_total);
  KD_ALLOCATE(o->reference_here, n_total);
  o->n_variable = o->n_trace + o->n_user;
  KD_ALLOCATE(o->variable, o->n_variable + 3 + KD_PHONON_TRACES);
  KD_ALLOCATE(o->user_name, o->n_user);
  KD_ALLOCATE(o->partial, (o->n_k + CHUNK - 1) / CHUNK * n_total);
  KD_ALLOCATE(o->here.h, o->n);
  KD_ALLOCATE(o->work, o->n);
  KD_ALLOCATE(o->work_2, o->n);
  KD_ALLOCATE(o->work_3, o->n);
  KD_ALLOCATE(o->level, o->n_band * o->n_k);
  for (int i = 0; i < 2; i++) {
    bands *b = i == 0 ? &o->here : &o->grid;
    KD_ALLOCATE(b->energy, o->n_band * o->n_k);
    KD_ALLOCATE(b->vector, o->n);
  }
  KD_ALLOCATE(o->snapshot_f, o->n_r * o->n);
  KD_ALLOCATE(o->snapshot_population, o->n_r * o->n_band * o->n_k);
  KD_ALLOCATE(o->potential, kd_space_n_r(space));
  KD_ALLOCATE(o->total, n_total);
  for (size_t d = 0; d < kd_space_n_dim(space); d++) {
    const size_t n = kd_space_n(space)[d];
    KD_ALLOCATE(o->place[d], n);
    for (size_t j = 0; j < n; j++)
      o->place[d][j] = kd_space_length(space)[d] * ((double)j / (double)n - 0.5);
  }
  if (kd_space_n_dim(space) > 0) {
    KD_ALLOCATE(o->density, kd_space_n_r(space));
    KD_ALLOCATE(o->flow, o->n_r * o->n_dim);
    KD_ALLOCATE(o->momentum_density, o->n_k);
  }
  for (size_t d = 0; d < o->n_dim; d++) {
    const size_t n = kd_model_n(model)[d];
    KD_ALLOCATE(o->here.v[d], o->n);
    KD_ALLOCATE(o->reduced[d], n);
    for (size_t j = 0; j < n; j++)
      o->reduced[d][j] = (double)j / (double)n - (kd_model_is_periodic(model) ? 0 : 0.5);
  }
  find_extents(o);
  describe_traces(o);
  describe_snapshots(o);
  KD_CHECK(diagonalize(o, origin, o->work, &o->grid));
  o->tolerance = kd_eigen_tolerance(o->n_band * o->n_k, o->grid.energy);
  if (!kd_reference_is_zero(reference) && kd_space_n_dim(space) == 0) {
    KD_CHECK(kd_reference_sample(reference, model, origin, o->work));
    KD_CHECK(accumulate(o, o->work, origin, o->reference_sum));
  }
  *result = o;
  o = NULL;

cleanup:
  kd_observables_free(o);
  return status;
}

kd_status kd_observables_add_phonons(kd_observables *o, const kd_collision *collision) {
  if (kd_collision_n_phonon(collision) == 0) return KD_OK;
  KD_TRY(kd_phonon_observables_create(collision, o->model, &o->constants, &o->phonons));
  memcpy(o->variable + o->n_variable, o->phonons->trace, sizeof o->phonons->trace);
  o->n_variable += KD_PHONON_TRACES;
  o->snapshot[o->n_snapshot++] = o->phonons->snapshot;
  return KD_OK;
}

const kd_variable *kd_observables_traces(const kd_observables *o, size_t *count) {
  *count = o->n_variable;
  return o->variable;
}

double kd_observables_value(const kd_observables *o, const char *name, size_t index) {
  for (size_t i = 0; i < o->n_trace; i++)
    if (strcmp(kd_traces[i].name, name) == 0)
      return index < size_of(o, kd_traces[i].shape) ? o->value[o->offset[i] + index] : NAN;
  for (size_t i = 0; i < o->n_user; i++)
    if (strcmp(o->user_name[i], name) == 0 && index == 0) return o->value[o->n_value + i];
  for (size_t i = 0; i < KD_PHONON_TRACES && o->phonons; i++)
    if (strcmp(o->phonons->trace[i].name, name) == 0 && index < o->phonons->n_branch)
      return o->phonons->value[i][index];
  if (o->mean_field && strcmp(name, "mean_field_energy") == 0 && index == 0)
    return o->mean_field_energy;
  if (index >= kd_contacts_count(o->contacts)) return NAN;
  if (strcmp(name, "contact_number") == 0) return o->entered[index];
  return strcmp(name, "contact_current") == 0 ? o->inflow[index] : NAN;
}

const kd_variable *kd_observables_snapshot_variables(const kd_observables *o, size_t *count) {
  *count = o->n_snapshot;
  return o->snapshot;
}

double kd_observables_largest_tail(const kd_observables *o) {
  return o->largest_tail;
}

void kd_observables_warn_of_space(const kd_observables *o, kd_warnings *warnings) {
  const size_t *m = kd_space_n(o->space), *n = kd_model_n(o->model);
  if (o->tails.q > SPACE_LIMIT)
    kd_warn(warnings,
            "the R grid does not resolve f (weight %.1e in its highest Fourier modes, the "
            "differences of momenta that interfere), and f may err by as much: raise grid.r.points "
            "from %zu to %zu",
            o->tails.q, m[0], m[0] + m[0] / 2);
  if (o->tails.s > SPACE_LIMIT)
    kd_warn(
        warnings,
        "the k grid does not resolve f (weight %.1e in its highest Fourier modes, the distances "
        "over which f is coherent), and f may err by as much: raise grid.k from %zu to %zu",
        o->tails.s, n[0], n[0] + n[0] / 2);
  const bool is_packet =
      kd_reference_is_empty(o->reference) && !kd_contacts_have_reservoir(o->contacts);
  if (is_packet && o->tails.edge > SPACE_LIMIT)
    kd_warn(
        warnings,
        "f reaches the ends of the R box (%.1e of its maximum), and what leaves comes in at the "
        "other one: raise grid.r.length from %.4g to %.4g, and grid.r.points with it from %zu to "
        "%zu",
        o->tails.edge, kd_space_length(o->space)[0], 1.5 * kd_space_length(o->space)[0], m[0],
        m[0] + m[0] / 2);
}

double kd_observables_least_at_edge(const kd_observables *o, const kd_state *state) {
  double least = INFINITY;
  for (size_t r = 0; r < o->n_r; r++)
    for (size_t i = 0; i < o->n_edge; i++) {
      const double *f = state->f + r * o->n + o->edge[i];
      double trace = 0;
      for (size_t a = 0; a < o->n_band; a++) trace += f[a * o->n_k];
      least = fmin(least, trace);
    }
  double opposite = -least;
  kd_comm_largest(kd_space_comm(o->space), &opposite, 1);
  return -opposite;
}

double kd_observables_largest_at_edge(const kd_observables *o) {
  return o->largest_at_edge;
}

void kd_observables_records(kd_observables *o, kd_records *records) {
  kd_records_add(records, "largest_at_edge", &o->largest_at_edge, 1);
  kd_records_add(records, "largest_tail", &o->largest_tail, 1);
  kd_records_add(records, "tail_q", &o->tails.q, 1);
  kd_records_add(records, "tail_s", &o->tails.s, 1);
  kd_records_add(records, "tail_edge", &o->tails.edge, 1);
}

void kd_observables_conductivity_unit(const kd_observables *o, double *factor, const char **unit) {
  static const char *const units[] = {"S m", "S", "S/m"};
  const double angstrom = 1e-10;
  *factor = o->constants.conductance / kd_model_cell_volume(o->model);
  *unit = "1";
  if (o->constants.natural) return;
  *factor *= pow(angstrom, 2 - (double)o->n_dim);
  *unit = units[o->n_dim - 1];
}

unsigned long kd_observables_n_fft(const kd_observables *o) {
  return kd_translation_n_fft(o->translation);
}

size_t kd_observables_bytes(const kd_model *model, const kd_space *space) {
  const size_t n_band = kd_model_n_band(model), n_k = kd_model_n_k(model);
  const size_t packed = (4 + kd_model_n_dim(model)) * sizeof(double);
  const size_t complex_fields = 2 * sizeof(double complex);
  size_t first_r, n_r;
  kd_space_slab(space, &first_r, &n_r);
  return kd_translation_bytes(model) +
         n_band * n_k * (n_band * (packed + complex_fields) + 3 * sizeof(double)) +
         n_r * (n_band * n_k * (n_band * sizeof(double complex) + sizeof(double)) +
                (2 + kd_model_n_dim(model)) * sizeof(double)) +
         (kd_space_n_dim(space) > 0 ? n_k * sizeof(double) : 0);
}

kd_status kd_observables_write_model(kd_observables *o, kd_output *output) {
  kd_status status = KD_OK;
  const size_t n = o->n_band, n_matrix = n * n;
  const double origin[3] = {0};
  double *k_points = NULL, *r_points = NULL;
  double complex *velocity = NULL;
  KD_ALLOCATE(k_points, o->n_k * o->n_dim);
  KD_ALLOCATE(velocity, o->n_k * o->n_dim * n_matrix);
  KD_CHECK(update_bands(o, origin));
  for (size_t k = 0; k < o->n_k; k++) {
    double point[3];
    kd_model_k(o->model, k, point);
    memcpy(k_points + k * o->n_dim, point, o->n_dim * sizeof *point);
    for (size_t d = 0; d < o->n_dim; d++)
      kd_unpack(o->here.v[d], n, o->n_k, k, velocity + (k * o->n_dim + d) * n_matrix);
  }
  const kd_dataset *grid = kd_grid_datasets, *model = kd_model_datasets;
  kd_variable variable = kd_observables_variable(o, &grid[0], k_points);
  KD_CHECK(kd_output_write(output, "/grid", &variable));
  if (kd_space_n_dim(o->space) > 0) {
    const size_t n_r = kd_space_n_r(o->space);
    KD_ALLOCATE(r_points, n_r * kd_space_n_dim(o->space));
    for (size_t i = 0; i < n_r; i++) {
      double r[3];
      kd_space_r(o->space, i, r);
      memcpy(r_points + i * kd_space_n_dim(o->space), r, kd_space_n_dim(o->space) * sizeof *r);
    }
    variable = kd_observables_variable(o, &grid[1], r_points);
    variable.n_shared = 0; // every process has all points
    KD_CHECK(kd_output_write(output, "/grid", &variable));
  }
  const void *data[] = {o->grid.energy, o->grid.vector, velocity};
  for (size_t i = 0; i < sizeof data / sizeof *data; i++) {
    variable = kd_observables_variable(o, &model[i], data[i]);
    KD_CHECK(kd_output_write(output, "/model", &variable));
  }

cleanup:
  kd_free(k_points);
  kd_free(r_points);
  kd_free(velocity);
  return status;
}
