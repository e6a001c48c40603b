#include "collision/scattering.h"

#include <assert.h>
#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "collision/parts.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/memory.h"

/// Points of R that one matrix product takes: fixed, so that results do not depend on the number of
/// threads.
enum { PANEL = 32 };
/// Lengths of steps whose e^{L dt} are kept. A comparison of one step with two halves needs h,
/// 3h/4, h/2 and h/4.
enum { N_SLOT = 4 };
/// Largest product of scattering rate and step of the midpoint rule.
static const double LARGEST_RATE_STEP = 0.25;
/// Bytes of matrices that are still allowed.
static const size_t LARGEST_MATRICES = (size_t)1 << 28;
/// For the choice: nanoseconds per multiplication and addition of a matrix product, and per number
/// of scratch that the products at a k take with one band and with more; steps over which what is
/// made once is spread.
static const double MULTIPLY = 0.07, LOCAL[2] = {1, 35}, STEPS = 100;
/// The power series ends where a term is below this part of the first.
static const double NEGLIGIBLE = 1e-17;

typedef enum rule {
  ONE_BY_ONE, ///< kd_collision_rate at every R
  RELAXATION, ///< relaxation-time forms
  AFFINE,     ///< c and L as matrices
  QUADRATIC   ///< c, L and net
} rule;

/// e^{L dt}, kept for steps that come again.
typedef struct kept_flow {
  double dt;
  size_t n_use, last_use;
  bool is_made;
  double *matrix, *shift; ///< f(dt) = matrix f + shift, [n][n] and [n]
} kept_flow;

/// What one thread writes to.
typedef struct work {
  double *a, *b; ///< [PANEL][n]
  double *net;   ///< [PANEL][n_net]
  double complex *scratch;
} work;

struct kd_scattering {
  kd_collision *c;
  size_t n, n_r;
  rule rule;
  const kd_keldysh *quadratic;
  int n_thread;
  kd_collision **worker; ///< [n_thread], the first is c
  work *work;            ///< [n_thread]
  char message[512];     ///< of the first error in another thread

  // Matrices, column j first: what becomes of a unit vector e_j.
  bool is_made;
  size_t n_net;
  double *linear, *constant, *net; ///< [n][n], [n], [n][n_net]
  double norm;                     ///< of L: the largest sum of |L_ij| over i, 1/fs
  kept_flow slot[N_SLOT];
  size_t clock;
  double *square; ///< [n][n], scratch
};

void kd_scattering_free(kd_scattering *s) {
  if (!s) return;
  for (int i = 0; i < s->n_thread; i++) {
    if (s->worker && i > 0) kd_collision_free(s->worker[i]);
    if (!s->work) continue;
    kd_free(s->work[i].a);
    kd_free(s->work[i].b);
    kd_free(s->work[i].net);
    kd_free(s->work[i].scratch);
  }
  for (int i = 0; i < N_SLOT; i++) {
    kd_free(s->slot[i].matrix);
    kd_free(s->slot[i].shift);
  }
  kd_free(s->worker);
  kd_free(s->work);
  kd_free(s->linear);
  kd_free(s->constant);
  kd_free(s->net);
  kd_free(s->square);
  kd_free(s);
}

static size_t matrix_count(const kd_scattering *s) {
  return s->rule == AFFINE ? N_SLOT + 2 : 1;
}

/// The cheaper of one evaluation after another and of matrices, by their estimated times.
static rule choose(const kd_scattering *s, size_t n_all) {
  if (kd_collision_is_relaxation(s->c)) return RELAXATION;
  const bool is_affine = kd_collision_is_affine(s->c);
  const kd_keldysh *quadratic = kd_collision_quadratic(s->c);
  if (!kd_collision_is_auto(s->c) || (!is_affine && !quadratic)) return ONE_BY_ONE;
  const double n = (double)s->n, n_r = (double)n_all, one = kd_collision_cost_of_rate(s->c);
  const double n_net = is_affine ? 0 : (double)kd_keldysh_n_net(quadratic);
  const double bytes = sizeof(double) * n * (is_affine ? n * (N_SLOT + 2) : n + n_net);
  if (bytes > (double)LARGEST_MATRICES) return ONE_BY_ONE;
  const double once = is_affine ? n * one + 20 * n * n * n * MULTIPLY : 3 * n * one;
  const double step =
      n_r * (is_affine
                 ? n * n * MULTIPLY
                 : 2 * (n * (n + n_net) * MULTIPLY + LOCAL[kd_collision_n_band(s->c) > 1] *
                                                         (double)kd_keldysh_n_scratch(quadratic)));
  if (step + once / STEPS >= 2 * n_r * one) return ONE_BY_ONE;
  return is_affine ? AFFINE : QUADRATIC;
}

static kd_status allocate_matrices(kd_scattering *s) {
  kd_status status = KD_OK;
  if (s->rule == QUADRATIC) {
    s->quadratic = kd_collision_quadratic(s->c);
    s->n_net = kd_keldysh_n_net(s->quadratic);
    KD_ALLOCATE(s->net, s->n * s->n_net);
  }
  KD_ALLOCATE(s->linear, s->n * s->n);
  KD_ALLOCATE(s->constant, s->n);
  for (int i = 0; i < N_SLOT && s->rule == AFFINE; i++) {
    KD_ALLOCATE(s->slot[i].matrix, s->n * s->n);
    KD_ALLOCATE(s->slot[i].shift, s->n);
  }
  if (s->rule == AFFINE) KD_ALLOCATE(s->square, s->n * s->n);

cleanup:
  return status;
}

kd_status kd_scattering_create(kd_collision *collision, size_t n_r, size_t n_all,
                               kd_scattering **result) {
  kd_status status = KD_OK;
  kd_scattering *s = NULL;
  *result = NULL;
  KD_ALLOCATE(s, 1);
  s->c = collision;
  s->n = kd_collision_length(collision);
  s->n_r = n_r;
  s->rule = choose(s, n_all);
  const int n_max = omp_get_max_threads();
  // Where R is few, the threads share the loops over k instead.
  s->n_thread = kd_collision_clones(collision) && (size_t)n_max <= n_r ? n_max : 1;
  KD_ALLOCATE(s->worker, (size_t)s->n_thread);
  KD_ALLOCATE(s->work, (size_t)s->n_thread);
  s->worker[0] = collision;
  for (int i = 1; i < s->n_thread; i++) KD_CHECK(kd_collision_clone(collision, &s->worker[i]));
  const bool has_matrices = s->rule == AFFINE || s->rule == QUADRATIC;
  if (has_matrices) {
    KD_CHECK(allocate_matrices(s));
    kd_collision_name_method(collision, "dense");
  }
  const size_t n_work = s->n * (has_matrices ? PANEL : 1);
  for (int i = 0; i < s->n_thread; i++) {
    KD_ALLOCATE(s->work[i].a, n_work);
    KD_ALLOCATE(s->work[i].b, n_work);
    if (s->rule != QUADRATIC) continue;
    KD_ALLOCATE(s->work[i].net, s->n_net * PANEL);
    KD_ALLOCATE(s->work[i].scratch, kd_keldysh_n_scratch(s->quadratic));
  }
  *result = s;
  s = NULL;

cleanup:
  kd_scattering_free(s);
  return status;
}

size_t kd_scattering_bytes(const kd_scattering *s) {
  size_t bytes = 0;
  for (int i = 1; i < s->n_thread; i++) bytes += kd_collision_bytes(s->worker[i]);
  if (s->rule == AFFINE || s->rule == QUADRATIC)
    bytes += s->n * (matrix_count(s) * s->n + s->n_net) * sizeof(double) +
             (size_t)s->n_thread * PANEL * (2 * s->n + s->n_net) * sizeof(double);
  return bytes;
}

// --- loops over R, or other independent parts ---------------------------------------------------

/// Keeps the message of an error in a thread that is not the caller's.
static void keep(kd_scattering *s, kd_status status, kd_status *worst) {
#pragma omp critical
  if (*worst == KD_OK) {
    *worst = status;
    strncpy(s->message, kd_error_message(), sizeof s->message - 1);
  }
}

/// What a loop has found, with its message, in the thread of the caller.
static kd_status ended(kd_scattering *s, kd_status worst) {
  for (int i = 1; i < s->n_thread; i++) kd_collision_absorb(s->c, s->worker[i]);
  return worst == KD_OK ? KD_OK : kd_error(worst, "%s", s->message);
}

/// Does `part` for [0, count), each with the operator and the arrays of its thread.
static kd_status for_each(kd_scattering *s, size_t count,
                          kd_status (*part)(kd_scattering *s, kd_collision *worker, work *w,
                                            size_t index, void *context),
                          void *context) {
  kd_status worst = KD_OK;
  // Matrix products are small and run in one thread each.
  const int blas_threads = openblas_get_num_threads();
  openblas_set_num_threads(1);
  if (s->n_thread == 1) {
    for (size_t i = 0; i < count && worst == KD_OK; i++)
      worst = part(s, s->worker[0], &s->work[0], i, context);
    openblas_set_num_threads(blas_threads);
    return worst;
  }
#pragma omp parallel for schedule(dynamic) num_threads(s->n_thread)
  for (size_t i = 0; i < count; i++) {
    const int thread = omp_get_thread_num();
    const kd_status status = part(s, s->worker[thread], &s->work[thread], i, context);
    if (status != KD_OK) keep(s, status, &worst);
  }
  openblas_set_num_threads(blas_threads);
  return ended(s, worst);
}

/// y := factor A x for `count` columns x of length n; A has `rows` rows.
static void multiply(const kd_scattering *s, const double *a, size_t rows, double factor,
                     const double *x, size_t count, double *y) {
  cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, (blasint)rows, (blasint)count,
              (blasint)s->n, factor, a, (blasint)rows, x, (blasint)s->n, 0, y, (blasint)rows);
}

static size_t panel_count(size_t n_column) {
  return (n_column + PANEL - 1) / PANEL;
}

static size_t panel_width(size_t n_column, size_t panel) {
  const size_t left = n_column - panel * PANEL;
  return left < PANEL ? left : PANEL;
}

// --- matrices -----------------------------------------------------------------------------------

/// Column j of L and net. C[e] - C[-e] has no part of second degree.
static kd_status make_column(kd_scattering *s, kd_collision *worker, work *w, size_t j,
                             void *context) {
  (void)context;
  double *e = w->b, *minus = w->a, *column = s->linear + j * s->n;
  memset(e, 0, s->n * sizeof *e);
  e[j] = 1;
  KD_TRY(kd_collision_rate(worker, e, column));
  if (s->rule == AFFINE) {
    for (size_t i = 0; i < s->n; i++) column[i] -= s->constant[i];
    return KD_OK;
  }
  KD_TRY(kd_collision_net(worker, e, s->net + j * s->n_net));
  e[j] = -1;
  KD_TRY(kd_collision_rate(worker, e, minus));
  for (size_t i = 0; i < s->n; i++) column[i] = 0.5 * (column[i] - minus[i]);
  return KD_OK;
}

static kd_status make_matrices(kd_scattering *s) {
  if (s->is_made) return KD_OK;
  double *zero = s->work[0].a;
  memset(zero, 0, s->n * sizeof *zero);
  KD_TRY(kd_collision_rate(s->c, zero, s->constant));
  KD_TRY(for_each(s, s->n, make_column, NULL));
  for (size_t j = 0; j < s->n; j++)
    s->norm = fmax(s->norm, cblas_dasum((blasint)s->n, s->linear + j * s->n, 1));
  s->is_made = true;
  return KD_OK;
}

/// x := the solution of dx/dt = c + L x (or L x) after dt, for `count` columns, by its power
/// series: x_{k+1} = (dt/(k+1)) L x_k, in parts in which |L| dt is 1 at most.
static void add_series(const kd_scattering *s, work *w, double dt, bool has_constant, size_t count,
                       double *x) {
  const size_t n_part = 1 + (size_t)(dt * s->norm);
  const double step = dt / (double)n_part;
  double *term = w->a, *next = w->b;
  for (size_t part = 0; part < n_part; part++) {
    memcpy(term, x, count * s->n * sizeof *term);
    double bound = 1;
    for (int k = 1; bound > NEGLIGIBLE; k++) {
      multiply(s, s->linear, s->n, step / k, term, count, next);
      for (size_t r = 0; r < count && k == 1 && has_constant; r++)
        for (size_t i = 0; i < s->n; i++) next[r * s->n + i] += step * s->constant[i];
      for (size_t i = 0; i < count * s->n; i++) x[i] += next[i];
      double *swap = term;
      term = next;
      next = swap;
      bound *= step * s->norm / k;
    }
  }
}

typedef struct forming {
  kept_flow *slot;
  double dt;
} forming;

/// A panel of columns of e^{L dt}.
static kd_status form_panel(kd_scattering *s, kd_collision *worker, work *w, size_t panel,
                            void *context) {
  (void)worker;
  const forming *f = context;
  const size_t count = panel_width(s->n, panel);
  double *x = f->slot->matrix + panel * PANEL * s->n;
  memset(x, 0, count * s->n * sizeof *x);
  for (size_t j = 0; j < count; j++) x[j * s->n + panel * PANEL + j] = 1;
  add_series(s, w, f->dt, false, count, x);
  return KD_OK;
}

/// A panel of the square of it.
static kd_status square_panel(kd_scattering *s, kd_collision *worker, work *w, size_t panel,
                              void *context) {
  (void)worker, (void)w;
  const forming *f = context;
  const size_t from = panel * PANEL * s->n;
  multiply(s, f->slot->matrix, s->n, 1, f->slot->matrix + from, panel_width(s->n, panel),
           s->square + from);
  return KD_OK;
}

/// e^{L dt} and the shift by scaling and squaring.
static kd_status form(kd_scattering *s, kept_flow *slot) {
  forming f = {.slot = slot, .dt = slot->dt};
  int n_squaring = 0;
  for (; f.dt * s->norm > 1; n_squaring++) f.dt *= 0.5;
  KD_TRY(for_each(s, panel_count(s->n), form_panel, &f));
  memset(slot->shift, 0, s->n * sizeof *slot->shift);
  add_series(s, &s->work[0], f.dt, true, 1, slot->shift);
  for (int i = 0; i < n_squaring; i++) {
    double *twice = s->work[0].a;
    multiply(s, slot->matrix, s->n, 1, slot->shift, 1, twice);
    for (size_t j = 0; j < s->n; j++) slot->shift[j] += twice[j];
    KD_TRY(for_each(s, panel_count(s->n), square_panel, &f));
    double *swap = slot->matrix;
    slot->matrix = s->square;
    s->square = swap;
  }
  slot->is_made = true;
  return KD_OK;
}

/// The slot for dt, the one not used for the longest time if dt is new. Its matrix is made once the
/// power series at all R would have cost as much.
static kd_status find_slot(kd_scattering *s, double dt, kept_flow **result) {
  kept_flow *found = &s->slot[0];
  for (int i = 0; i < N_SLOT; i++)
    if (s->slot[i].last_use < found->last_use) found = &s->slot[i];
  for (int i = 0; i < N_SLOT; i++)
    if (s->slot[i].n_use > 0 && s->slot[i].dt == dt) found = &s->slot[i];
  if (found->n_use == 0 || found->dt != dt) {
    found->dt = dt;
    found->n_use = 0;
    found->is_made = false;
  }
  found->n_use++;
  found->last_use = ++s->clock;
  *result = found;
  if (!found->is_made && found->n_use > 1 && found->n_use * s->n_r >= s->n) return form(s, found);
  return KD_OK;
}

static_assert(KD_SCATTERING_HISTORY == 3 * N_SLOT + 1, "three numbers per slot and the clock");

void kd_scattering_history(const kd_scattering *s, double history[KD_SCATTERING_HISTORY]) {
  memset(history, 0, KD_SCATTERING_HISTORY * sizeof *history);
  if (!s) return;
  for (int i = 0; i < N_SLOT; i++) {
    history[3 * i] = s->slot[i].dt;
    history[3 * i + 1] = (double)s->slot[i].n_use;
    history[3 * i + 2] = (double)s->slot[i].last_use;
  }
  history[3 * N_SLOT] = (double)s->clock;
}

void kd_scattering_recall(kd_scattering *s, const double history[KD_SCATTERING_HISTORY]) {
  if (!s) return;
  for (int i = 0; i < N_SLOT; i++) {
    s->slot[i].dt = history[3 * i];
    s->slot[i].n_use = (size_t)history[3 * i + 1];
    s->slot[i].last_use = (size_t)history[3 * i + 2];
    s->slot[i].is_made = false;
  }
  s->clock = (size_t)history[3 * N_SLOT];
}

// --- the flow -----------------------------------------------------------------------------------

typedef struct stretch {
  double dt;
  const kept_flow *slot;
  const double *from;
  double *f; ///< to
} stretch;

static kd_status affine_panel(kd_scattering *s, kd_collision *worker, work *w, size_t panel,
                              void *context) {
  (void)worker;
  const stretch *g = context;
  const size_t count = panel_width(s->n_r, panel);
  double *f = g->f + panel * PANEL * s->n;
  if (!g->slot->is_made) {
    add_series(s, w, g->dt, true, count, f);
    return KD_OK;
  }
  multiply(s, g->slot->matrix, s->n, 1, f, count, w->a);
  for (size_t r = 0; r < count; r++)
    for (size_t i = 0; i < s->n; i++) f[r * s->n + i] = w->a[r * s->n + i] + g->slot->shift[i];
  return KD_OK;
}

/// df := C[f] for `count` columns; `rate` receives the largest rate at which a level is emptied.
static void panel_rates(kd_scattering *s, work *w, const double *f, size_t count, double *df,
                        double rate[PANEL]) {
  multiply(s, s->linear, s->n, 1, f, count, df);
  if (s->rule == QUADRATIC) multiply(s, s->net, s->n_net, 1, f, count, w->net);
  for (size_t r = 0; r < count; r++) {
    double *here = df + r * s->n;
    for (size_t i = 0; i < s->n; i++) here[i] += s->constant[i];
    if (s->rule == QUADRATIC)
      rate[r] = kd_keldysh_add_quadratic(s->quadratic, w->net + r * s->n_net, f + r * s->n,
                                         w->scratch, here);
  }
}

static size_t part_count(double dt, double rate) {
  return 1 + (size_t)(dt * rate / LARGEST_RATE_STEP);
}

/// The midpoint rule. Every R takes as many parts as it needs, so that nothing depends on what
/// shares its panel.
static kd_status quadratic_panel(kd_scattering *s, kd_collision *worker, work *w, size_t panel,
                                 void *context) {
  (void)worker;
  const stretch *g = context;
  const size_t count = panel_width(s->n_r, panel);
  double *f = g->f + panel * PANEL * s->n, rate[PANEL], step[PANEL] = {0};
  size_t n_part[PANEL] = {0}, most = 1;
  for (size_t part = 0; part < most; part++) {
    panel_rates(s, w, f, count, w->a, rate);
    for (size_t r = 0; r < count; r++) {
      if (part == 0) n_part[r] = part_count(g->dt, rate[r]);
      most = n_part[r] > most ? n_part[r] : most;
      step[r] = part < n_part[r] ? g->dt / (double)n_part[r] : 0;
      for (size_t i = r * s->n; i < (r + 1) * s->n; i++) w->b[i] = f[i] + 0.5 * step[r] * w->a[i];
    }
    panel_rates(s, w, w->b, count, w->a, rate);
    for (size_t r = 0; r < count; r++)
      for (size_t i = r * s->n; i < (r + 1) * s->n; i++) f[i] += step[r] * w->a[i];
  }
  return KD_OK;
}

/// The midpoint rule at one R.
static kd_status one_point(kd_scattering *s, kd_collision *worker, work *w, size_t r,
                           void *context) {
  const stretch *g = context;
  double *here = g->f + r * s->n;
  size_t n_part = 1;
  for (size_t part = 0; part < n_part; part++) {
    KD_TRY(kd_collision_rate(worker, here, w->a));
    if (part == 0) n_part = part_count(g->dt, kd_collision_largest_out_rate(worker));
    const double step = g->dt / (double)n_part;
    for (size_t i = 0; i < s->n; i++) w->b[i] = here[i] + 0.5 * step * w->a[i];
    KD_TRY(kd_collision_rate(worker, w->b, w->a));
    for (size_t i = 0; i < s->n; i++) here[i] += step * w->a[i];
  }
  return KD_OK;
}

/// The time since `start` counts for the collisions once, whatever the threads have measured.
static kd_status account(kd_scattering *s, double start, double seconds, unsigned long evaluations,
                         kd_status status) {
  const double own = kd_collision_statistics(s->c).seconds - seconds;
  kd_collision_count(s->c, evaluations, kd_seconds() - start - own);
  return status;
}

kd_status kd_scattering_flow(kd_scattering *s, double dt, double *f) {
  if (dt == 0) return KD_OK;
  const double start = kd_seconds(), seconds = kd_collision_statistics(s->c).seconds;
  stretch g = {.dt = dt, .f = f};
  if (s->rule == RELAXATION) {
    for (size_t r = 0; r < s->n_r; r++) KD_TRY(kd_collision_relax(s->c, dt, f + r * s->n));
    return KD_OK;
  }
  if (s->rule == ONE_BY_ONE)
    return account(s, start, seconds, 0, for_each(s, s->n_r, one_point, &g));
  KD_TRY(make_matrices(s));
  if (s->rule == QUADRATIC)
    return account(s, start, seconds, 2 * s->n_r,
                   for_each(s, panel_count(s->n_r), quadratic_panel, &g));
  kept_flow *slot;
  KD_TRY(find_slot(s, dt, &slot));
  g.slot = slot;
  return account(s, start, seconds, s->n_r, for_each(s, panel_count(s->n_r), affine_panel, &g));
}

static kd_status rates_of_panel(kd_scattering *s, kd_collision *worker, work *w, size_t panel,
                                void *context) {
  (void)worker;
  const stretch *g = context;
  const size_t from = panel * PANEL * s->n;
  double rate[PANEL];
  panel_rates(s, w, g->from + from, panel_width(s->n_r, panel), g->f + from, rate);
  return KD_OK;
}

static kd_status rates_of_point(kd_scattering *s, kd_collision *worker, work *w, size_t r,
                                void *context) {
  (void)w;
  const stretch *g = context;
  return kd_collision_rate(worker, g->from + r * s->n, g->f + r * s->n);
}

kd_status kd_scattering_rates(kd_scattering *s, const double *f, double *df) {
  const double start = kd_seconds(), seconds = kd_collision_statistics(s->c).seconds;
  stretch g = {.from = f, .f = df};
  if (s->rule == ONE_BY_ONE || s->rule == RELAXATION)
    return account(s, start, seconds, 0, for_each(s, s->n_r, rates_of_point, &g));
  KD_TRY(make_matrices(s));
  return account(s, start, seconds, s->n_r, for_each(s, panel_count(s->n_r), rates_of_panel, &g));
}
