/// Times of many processes, to be started by mpirun.
///
/// usage: benchmark_processes drift BANDS N_R N_K SECONDS
///        benchmark_processes collision N_K SECONDS
///
/// `drift` takes steps in phase space, N_R points of R and N_K of k in all; `collision` evaluates
/// phonons and impurities with forms on a honeycomb lattice of N_K x N_K points. Both for so many
/// seconds, and print one line of words and numbers, times in seconds of process 0:
///
///   least      a step or an evaluation, the least of all
///   step       the median
///   fft        the transforms of a step, the mean
///   meet       least time of a step's waiting for each other where f is shared memory
///   columns    the same of what brings columns of f in other memory together and back, of which
///   exchange   the messages alone, the rest being copies
///   fftw       the same by transposes of FFTW-MPI, out of place, without the copies that they need
///              for more than one band
///   message    bytes from one process to another, at a time
///
/// `benchmarks/processes` is the other end.
#include <complex.h>
#include <omp.h>

#include "phase_space_stage.h"

#include "core/comm.h"
#include "core/fft_clock.h"
#include "drift/columns.h"
#if KD_FFTW_MPI
#include <fftw3-mpi.h>

#include "core/comm_mpi.h"
#endif

enum { MOST = 100000, WIDTH = 32 };
static kd_comm *comm;
enum { STEP, MEET, COLUMNS, EXCHANGE, FFTW, N_SAMPLE };
static double sample[N_SAMPLE][MOST];

static double median(double *x, size_t n) {
  qsort(x, n, sizeof *x, kd_compare_reals);
  return x[n / 2];
}

/// Decided by process 0 for all.
static bool goes_on(double start, double seconds, size_t n) {
  bool result = n < 3 || (n < MOST && kd_seconds() - start < seconds);
  kd_comm_broadcast(comm, &result, sizeof result);
  return result;
}

#if KD_FFTW_MPI
typedef struct transposes {
  fftw_plan there, back;
  double *from, *to;
} transposes;

static void transposes_create(size_t n_r, size_t n_k, size_t n_component, transposes *t) {
  ptrdiff_t n_local, first, n_column, first_column;
  const ptrdiff_t n[2] = {(ptrdiff_t)n_r, (ptrdiff_t)(n_k / WIDTH)};
  const ptrdiff_t size = (ptrdiff_t)(n_component * WIDTH);
  fftw_mpi_init();
  const ptrdiff_t count = fftw_mpi_local_size_many_transposed(
      2, n, size, FFTW_MPI_DEFAULT_BLOCK, FFTW_MPI_DEFAULT_BLOCK, kd_comm_mpi(comm), &n_local,
      &first, &n_column, &first_column);
  t->from = checked(kd_allocate((size_t)count, sizeof *t->from));
  t->to = checked(kd_allocate((size_t)count, sizeof *t->to));
  t->there =
      fftw_mpi_plan_many_transpose(n[0], n[1], size, FFTW_MPI_DEFAULT_BLOCK, FFTW_MPI_DEFAULT_BLOCK,
                                   t->from, t->to, kd_comm_mpi(comm), FFTW_MEASURE);
  t->back =
      fftw_mpi_plan_many_transpose(n[1], n[0], size, FFTW_MPI_DEFAULT_BLOCK, FFTW_MPI_DEFAULT_BLOCK,
                                   t->to, t->from, kd_comm_mpi(comm), FFTW_MEASURE);
  if (!t->there || !t->back) check(KD_ERROR_INTERNAL);
}

static void transposes_clear(transposes *t) {
  fftw_destroy_plan(t->there);
  fftw_destroy_plan(t->back);
  kd_free(t->from);
  kd_free(t->to);
}
#endif

/// Messages as those of the columns of f, forth and back.
typedef struct messages {
  int *n_slab, *n_column;
  double *slab, *column;
} messages;

static void messages_create(const stage *s, size_t n_r, messages *m) {
  const size_t size = kd_comm_size(comm);
  m->n_slab = checked(kd_allocate(size, sizeof *m->n_slab));
  m->n_column = checked(kd_allocate(size, sizeof *m->n_column));
  m->slab = checked(kd_allocate(s->count, sizeof *m->slab));
  m->column = checked(kd_allocate(s->count + n_r * s->n_component * 2, sizeof *m->column));
  size_t first, own_k;
  kd_comm_part(comm, kd_comm_rank(comm), s->n_k, &first, &own_k);
  for (size_t i = 0; i < size; i++) {
    size_t count_k, count_r;
    if (i == kd_comm_rank(comm)) continue;
    kd_comm_part(comm, i, s->n_k, &first, &count_k);
    kd_comm_part(comm, i, n_r, &first, &count_r);
    m->n_slab[i] = (int)(s->n_r * s->n_component * count_k);
    m->n_column[i] = (int)(count_r * s->n_component * own_k);
  }
}

static void messages_clear(messages *m) {
  kd_free(m->n_slab);
  kd_free(m->n_column);
  kd_free(m->slab);
  kd_free(m->column);
}

static void fetch_and_return(kd_columns *columns, double *f) {
  const kd_column_part *parts;
  size_t n_part;
  check(kd_columns_fetch(columns, f, &parts, &n_part));
  kd_columns_return(columns, f);
}

static void drift(size_t n_band, size_t n_r, size_t n_k, double seconds) {
  stage s;
  messages m;
  kd_columns *columns;
  stage_create(n_band, n_r, n_k, 1, comm, &s);
  messages_create(&s, n_r, &m);
  check(kd_columns_create(s.space, s.n_component, n_k, s.n_component * n_k, &columns));
  double *other = checked(kd_allocate(s.count, sizeof *other));
#if KD_FFTW_MPI
  transposes t = {0};
  if (kd_comm_size(comm) > 1) transposes_create(n_r, n_k, s.n_component, &t);
#endif
  kinetic(&s, s.dt);
  potential(&s, s.t);
  size_t n = 0;
  double transforms = kd_fft_seconds();
  for (const double start = kd_seconds(); goes_on(start, seconds, n); n++) {
    const double begin = kd_seconds();
    kinetic(&s, s.dt);
    potential(&s, s.t);
    sample[STEP][n] = kd_seconds() - begin;
  }
  // Every 16th transform is timed, so that the mean of many steps is due.
  transforms = (kd_fft_seconds() - transforms) / (double)n;
  size_t n_other = 0;
  const double others = 0.5 * seconds;
  for (const double start = kd_seconds(); goes_on(start, others, n_other); n_other++) {
    double time[5];
    time[0] = kd_seconds();
    fetch_and_return(columns, s.f);
    time[1] = kd_seconds();
    fetch_and_return(columns, other);
    time[2] = kd_seconds();
    if (kd_comm_size(comm) > 1) {
      kd_comm_exchange(comm, m.slab, m.n_slab, m.column, m.n_column);
      kd_comm_exchange(comm, m.column, m.n_column, m.slab, m.n_slab);
    }
    time[3] = kd_seconds();
#if KD_FFTW_MPI
    if (kd_comm_size(comm) > 1) {
      fftw_execute(t.there);
      fftw_execute(t.back);
    }
#endif
    time[4] = kd_seconds();
    for (int i = 0; i < 4; i++) sample[MEET + i][n_other] = time[i + 1] - time[i];
  }
  double least[N_SAMPLE];
  const double middle = median(sample[STEP], n);
  for (int i = MEET; i <= FFTW; i++) {
    median(sample[i], n_other);
    least[i] = sample[i][0];
  }
  if (kd_comm_rank(comm) == 0)
    printf("processes %zu n_r %zu n_k %zu steps %zu least %.6e step %.6e fft %.6e meet %.6e "
           "columns %.6e exchange %.6e fftw %.6e message %zu\n",
           kd_comm_size(comm), n_r, n_k, n, sample[STEP][0], middle, transforms, least[MEET],
           least[COLUMNS], least[EXCHANGE], least[FFTW],
           kd_comm_size(comm) > 1 ? (size_t)m.n_slab[1] * sizeof(double) : 0);
#if KD_FFTW_MPI
  if (kd_comm_size(comm) > 1) transposes_clear(&t);
#endif
  kd_free(other);
  kd_columns_free(columns);
  messages_clear(&m);
  stage_clear(&s);
}

static void collision(size_t n_k, double seconds) {
  char text[2048];
  stage s = {0};
  kd_state *state;
  kd_reference *reference;
  kd_collision *c;
  snprintf(text, sizeof text,
           "model: {kind: haldane, t: 0.3 eV, t2: 6 meV, phase: 1.570796327, mass: 80 meV, "
           "lattice_constant: 3.2 angstrom}\ngrid: {k: [%zu, %zu]}\n"
           "initial: {kind: equilibrium, temperature: 300 K, filling: 1}\n"
           "propagation: {duration: 1 fs}\ncollisions: {ansatz: matrix, method: fft, broadening: "
           "6.4 meV, terms: [{kind: phonon, energy: 60 meV, coupling: 90 meV, temperature: 300 K, "
           "form: {kind: gaussian, q0: 0.5 1/angstrom}}, {kind: impurity, strength: 20 meV, form: "
           "{kind: gaussian, q0: 0.3 1/angstrom}}]}\n",
           n_k, n_k);
  check(kd_scenario_parse(text, strlen(text), "benchmark", NULL, 0, &s.scenario));
  check(kd_model_create(s.scenario, &s.model));
  check(kd_space_create(s.scenario, s.model, &s.space));
  check(kd_initial_create(s.scenario, s.model, s.space, &state, &reference));
  check(kd_collision_create(s.scenario, s.model, reference, &c));
  check(kd_collision_share(c, comm));
  double *rate = checked(kd_allocate(4 * n_k * n_k, sizeof *rate));
  size_t n = 0;
  for (const double start = kd_seconds(); goes_on(start, seconds, n); n++) {
    const double begin = kd_seconds();
    check(kd_collision_rate(c, state->f, rate));
    sample[STEP][n] = kd_seconds() - begin;
  }
  const double middle = median(sample[STEP], n);
  const kd_collision_cost cost = kd_collision_statistics(c);
  if (kd_comm_rank(comm) == 0)
    printf("processes %zu n_k %zu evaluations %zu least %.6e step %.6e ffts %lu\n",
           kd_comm_size(comm), n_k * n_k, n, sample[STEP][0], middle, cost.ffts / cost.evaluations);
  kd_free(rate);
  kd_collision_free(c);
  kd_reference_free(reference);
  kd_state_free(state);
  stage_clear(&s);
}

int main(int argc, char **argv) {
  check(kd_comm_create(&comm));
  const bool is_drift = argc == 6 && strcmp(argv[1], "drift") == 0;
  const bool is_collision = argc == 4 && strcmp(argv[1], "collision") == 0;
  omp_set_num_threads(1);
  if (is_drift)
    drift((size_t)atoi(argv[2]), (size_t)atoi(argv[3]), (size_t)atoi(argv[4]), atof(argv[5]));
  else if (is_collision)
    collision((size_t)atoi(argv[2]), atof(argv[3]));
  else
    fprintf(stderr, "usage: %s drift BANDS N_R N_K SECONDS\n       %s collision N_K SECONDS\n",
            argv[0], argv[0]);
  kd_comm_free(comm);
  return is_drift || is_collision ? 0 : 2;
}
