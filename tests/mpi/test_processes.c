/// What processes say to each other, and an integration whose unknowns they share. To be started by
/// mpirun on any number of processes.
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/comm.h"
#include "core/deal.h"
#include "core/error.h"
#include "core/memory.h"
#include "drift/columns.h"
#include "keldrift/keldrift.h"
#include "propagator/integrator.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static kd_comm *comm;
static int failures;

static void expect(bool holds, const char *what, double got, double want) {
  if (holds) return;
  failures++;
  fprintf(stderr, "FAIL process %zu: %s: got %.17g, want %.17g\n", kd_comm_rank(comm), what, got,
          want);
}

static void test_sums(size_t size, size_t rank) {
  // Powers of two, so that the sum is exact.
  double x[2] = {ldexp(1, (int)rank), 1};
  kd_comm_sum(comm, x, 2);
  expect(x[0] == ldexp(1, (int)size) - 1, "sum", x[0], ldexp(1, (int)size) - 1);
  expect(x[1] == (double)size, "sum of ones", x[1], (double)size);
  double y[2] = {rank == size / 2 ? 7 : -(double)rank, rank == 0 ? NAN : 1};
  kd_comm_largest(comm, y, 2);
  expect(y[0] == 7, "largest", y[0], 7);
  expect(isnan(y[1]), "largest with NAN", y[1], NAN);
}

static void test_parts(size_t size) {
  for (size_t n = 0; n < 3 * size; n++) {
    size_t next = 0;
    for (size_t i = 0; i < size; i++) {
      size_t first, count;
      kd_comm_part(comm, i, n, &first, &count);
      expect(first == next, "parts follow one another", (double)first, (double)next);
      expect(count == n / size || count == n / size + 1, "parts are even", (double)count,
             (double)(n / size));
      next = first + count;
    }
    expect(next == n, "parts are all", (double)next, (double)n);
  }
}

/// Process i sends i + j numbers to process j.
static void test_messages(size_t size, size_t rank) {
  const size_t room = size * (2 * size + 1);
  double *send = kd_allocate(room, sizeof *send), *receive = kd_allocate(room, sizeof *receive);
  int *n = kd_allocate(size, sizeof *n);
  size_t place = 0;
  for (size_t j = 0; j < size; j++) {
    n[j] = (int)(rank + j);
    for (size_t i = 0; i < rank + j; i++) send[place++] = (double)(1000 * rank + j);
  }
  kd_comm_exchange(comm, send, n, receive, n);
  place = 0;
  for (size_t j = 0; j < size; j++)
    for (size_t i = 0; i < rank + j; i++, place++)
      expect(receive[place] == (double)(1000 * j + rank), "message", receive[place],
             (double)(1000 * j + rank));
  for (size_t j = 0; j < size; j++) n[j] = (int)j;
  memset(receive, 0, room * sizeof *receive);
  for (size_t i = 0; i < rank; i++) receive[rank * (rank - 1) / 2 + i] = (double)rank;
  kd_comm_gather(comm, receive, n);
  place = 0;
  for (size_t j = 0; j < size; j++)
    for (size_t i = 0; i < j; i++, place++)
      expect(receive[place] == (double)j, "gathered", receive[place], (double)j);
  kd_free(send);
  kd_free(receive);
  kd_free(n);
}

static void test_shared_memory(size_t size, size_t rank) {
  double *x = kd_comm_allocate(comm, rank + 1), *y = kd_allocate(1, sizeof *y);
  expect(x && x[rank] == 0, "zeroed memory", x ? x[rank] : NAN, 0);
  x[rank] = (double)rank;
  kd_comm_meet(comm);
  for (size_t i = 0; i < size; i++) {
    const double *there = kd_comm_peer(comm, x, i);
    if (there) expect(there[i] == (double)i, "what another process wrote", there[i], (double)i);
  }
  expect(!kd_comm_peer(comm, y, rank), "other memory is not shared", 0, 0);
  kd_comm_meet(comm);
  kd_comm_release(comm, x);
  kd_free(y);
}

static double entry(size_t r, size_t c, size_t k) {
  return (double)(r * 100000 + c * 1000 + k);
}

/// Columns of f that lies in the memory of each process alone, so that all of them travel: what
/// arrives, and what comes back when it has been doubled.
static void test_columns(void) {
  enum { N_COMPONENT = 9, N_K = 157 };
  static const char text[] = "units: natural\nmodel: {kind: parabolic, mass: 1, k_max: 1}\ngrid: "
                             "{k: [4], r: {points: [67], length: [9]}}\n"
                             "initial: {kind: local_equilibrium, temperature: 1, "
                             "chemical_potential: 0}\npropagation: {duration: 1}\n";
  kd_scenario *scenario = NULL;
  kd_model *model = NULL;
  kd_space *space = NULL;
  kd_columns *columns = NULL;
  const kd_column_part *part;
  size_t first, count, first_k, count_k, n_part;
  kd_status status = kd_scenario_parse(text, strlen(text), "columns", NULL, 0, &scenario);
  if (status == KD_OK) status = kd_model_create(scenario, &model);
  if (status == KD_OK) status = kd_space_create(scenario, model, &space);
  if (status == KD_OK) status = kd_space_share(space, comm);
  if (status == KD_OK)
    status = kd_columns_create(space, N_COMPONENT, N_K, N_COMPONENT * N_K, &columns);
  expect(status == KD_OK, kd_error_message(), status, KD_OK);
  if (status != KD_OK) return;
  kd_space_slab(space, &first, &count);
  double *f = kd_allocate(count * N_COMPONENT * N_K, sizeof *f);
  for (size_t i = 0; i < count * N_COMPONENT * N_K; i++)
    f[i] = entry(first + i / (N_COMPONENT * N_K), i / N_K % N_COMPONENT, i % N_K);
  kd_columns_k(columns, &first_k, &count_k);
  status = kd_columns_fetch(columns, f, &part, &n_part);
  expect(status == KD_OK, kd_error_message(), status, KD_OK);
  size_t next = 0;
  for (size_t i = 0; i < n_part; i++)
    for (size_t r = part[i].first; r < part[i].end; r++, next++)
      for (size_t c = 0; c < N_COMPONENT; c++)
        for (size_t k = 0; k < count_k; k++) {
          double *x = part[i].data + (r - part[i].first) * part[i].stride + c * part[i].step + k;
          expect(*x == entry(next, c, first_k + k), "a column", *x, entry(next, c, first_k + k));
          *x *= 2;
        }
  expect(next == 67, "points of a column", (double)next, 67);
  kd_columns_return(columns, f);
  for (size_t i = 0; i < count * N_COMPONENT * N_K; i++) {
    const double want = 2 * entry(first + i / (N_COMPONENT * N_K), i / N_K % N_COMPONENT, i % N_K);
    expect(f[i] == want, "a column that has come back", f[i], want);
  }
  kd_free(f);
  kd_columns_free(columns);
  kd_space_free(space);
  kd_model_free(model);
  kd_scenario_free(scenario);
}

/// One process fails; all know how and why, and what follows does not wait for it.
static void test_agreement(size_t size, size_t rank) {
  kd_status status = kd_comm_agree(comm, KD_OK);
  expect(status == KD_OK, "all is well", status, KD_OK);
  status = kd_comm_agree(comm, rank == 0 ? kd_error(KD_RETRY, "smaller") : KD_OK);
  expect(status == KD_RETRY, "a smaller step", status, KD_RETRY);
  const size_t last = size - 1;
  status = KD_OK;
  if (rank == last) status = kd_error(KD_ERROR_FILE, "%zu has lost its file", rank);
  if (rank == 0 && size > 1) status = kd_error(KD_RETRY, "smaller");
  status = kd_comm_agree(comm, status);
  char message[64];
  snprintf(message, sizeof message, "%zu has lost its file", last);
  expect(status == KD_ERROR_FILE, "the worst status", status, KD_ERROR_FILE);
  expect(strcmp(kd_error_message(), message) == 0, kd_error_message(), 0, 0);
  if (size > 1) {
    double x = 1;
    if (rank == 0) kd_comm_sum(comm, &x, 1);
    expect(kd_comm_agree(comm, KD_OK) == KD_ERROR_FILE, "a failure stays", 0, KD_ERROR_FILE);
  }
  kd_comm_forget(comm);
  status = kd_comm_agree(comm, KD_OK);
  expect(status == KD_OK, "a new beginning", status, KD_OK);
}

/// Tasks of which process 0 has been told.
typedef struct tally {
  size_t count[12]; ///< times that a task was reported
  size_t n_done, most, n_own;
} tally;
typedef struct task_report {
  size_t task, rank;
} task_report;

static bool take_report(void *context, size_t task, const void *data) {
  tally *t = context;
  task_report report;
  memcpy(&report, data, sizeof report);
  expect(report.task == task, "the report is that of the task", (double)report.task, (double)task);
  t->count[task]++;
  t->n_done++;
  if (report.rank == 0) t->n_own++;
  return t->n_done < t->most;
}

/// Every task is done once. Where there are others, the one that process 0 has takes until they
/// have done all the rest.
static void test_deal(size_t size, size_t rank, size_t n_task) {
  tally t = {.most = SIZE_MAX};
  kd_deal *deal = NULL;
  size_t task;
  task_report report;
  expect(kd_deal_create(comm, n_task, sizeof report, take_report, &t, &deal) == KD_OK,
         kd_error_message(), 0, 0);
  while (kd_deal_next(deal, &report, &task)) {
    while (rank == 0 && size > 1 && t.n_done + 1 < n_task) kd_deal_serve(deal);
    report = (task_report){task, rank};
  }
  kd_deal_free(deal);
  if (rank != 0) return;
  for (size_t i = 0; i < n_task; i++)
    expect(t.count[i] == 1, "a task is done once", (double)t.count[i], 1);
  // Of fewer tasks than processes, the others may have them all.
  const size_t most = size == 1 ? n_task : 1, least = n_task >= size ? most : 0;
  expect(t.n_own >= least && t.n_own <= most, "tasks of process 0", (double)t.n_own, (double)most);
}

/// Nothing is given out any more once a report says so.
static void test_deal_that_stops(size_t size, size_t rank) {
  const size_t n_task = COUNT_OF(((tally *)0)->count);
  tally t = {.most = 3};
  kd_deal *deal = NULL;
  size_t task;
  task_report report;
  expect(kd_deal_create(comm, n_task, sizeof report, take_report, &t, &deal) == KD_OK,
         kd_error_message(), 0, 0);
  while (kd_deal_next(deal, &report, &task)) report = (task_report){task, rank};
  kd_deal_free(deal);
  if (rank == 0)
    expect(t.n_done >= 3 && t.n_done < 3 + size, "tasks after the one to stop at", (double)t.n_done,
           3);
}

/// Oscillators with friction, coupled through their sum: [x_0 .. x_n-1][v_0 .. v_n-1] of a process.
enum { N_OSCILLATOR = 12 };
typedef struct oscillators {
  const kd_comm *comm;
  size_t first, count;
  size_t n_retry;
} oscillators;

static kd_status rate(void *context, double t, const double *y, double *dy) {
  oscillators *o = context;
  const double *x = y, *v = y + o->count;
  double sum = 0;
  for (size_t i = 0; i < o->count; i++) sum += x[i];
  kd_comm_sum(o->comm, &sum, 1);
  // A smaller step is asked for once, by one process alone.
  if (kd_comm_rank(o->comm) == 0 && t > 1 && o->n_retry++ == 0) return KD_RETRY;
  for (size_t i = 0; i < o->count; i++) {
    const double k = 1 + 0.3 * (double)(o->first + i);
    dy[i] = v[i];
    dy[o->count + i] = -k * x[i] - 0.1 * v[i] + 0.05 * sum;
  }
  return KD_OK;
}

static kd_status power(void *context, double t, const double *y, double *dq) {
  const oscillators *o = context;
  (void)t;
  *dq = 0;
  for (size_t i = 0; i < o->count; i++) *dq += y[o->count + i] * y[o->count + i];
  kd_comm_sum(o->comm, dq, 1);
  return KD_OK;
}

static kd_status integrate(oscillators *o, double *y, double *q) {
  kd_status status = KD_OK;
  kd_integrator *integrator = NULL;
  const kd_integrator_options options = {.method = KD_ADAMS,
                                         .comm = o->comm,
                                         .n = 2 * o->count,
                                         .rtol = 1e-9,
                                         .atol = 1e-11,
                                         .rtol_q = 1e-9,
                                         .atol_q = 1e-11,
                                         .rate = rate,
                                         .quadrature = power,
                                         .context = o};
  KD_CHECK(kd_integrator_create(&options, &integrator));
  for (size_t i = 0; i < o->count; i++)
    kd_integrator_unknowns(integrator)[i] = cos((double)(o->first + i));
  double t = 0;
  KD_CHECK(kd_integrator_restart(integrator, 0, 0, 1e-3));
  while (t < 5) KD_CHECK(kd_integrator_step(integrator, 5, INFINITY, &t));
  KD_CHECK(kd_integrator_interpolate(integrator, 4.999, y, q));

cleanup:
  kd_integrator_free(integrator);
  return status;
}

/// The same integration alone and together: sums of norms differ in the last digits, which steps
/// may amplify up to what the tolerances allow.
static void test_integrator(void) {
  double alone[2 * N_OSCILLATOR], together[2 * N_OSCILLATOR] = {0}, q_alone, q;
  oscillators whole = {.count = N_OSCILLATOR}, part = {.comm = comm};
  kd_comm_part(comm, kd_comm_rank(comm), N_OSCILLATOR, &part.first, &part.count);
  kd_status status = integrate(&whole, alone, &q_alone);
  expect(status == KD_OK, kd_error_message(), status, KD_OK);
  status = integrate(&part, together, &q);
  expect(status == KD_OK, kd_error_message(), status, KD_OK);
  for (size_t i = 0; i < part.count; i++)
    for (size_t j = 0; j < 2; j++) {
      const double got = together[j * part.count + i];
      const double want = alone[j * N_OSCILLATOR + part.first + i];
      expect(fabs(got - want) < 1e-8, "an oscillator", got, want);
    }
  expect(fabs(q - q_alone) < 1e-8, "the quadrature", q, q_alone);
}

int main(void) {
  if (kd_comm_create(&comm) != KD_OK) return 1;
  const size_t size = kd_comm_size(comm), rank = kd_comm_rank(comm);
  test_sums(size, rank);
  test_parts(size);
  test_messages(size, rank);
  test_shared_memory(size, rank);
  test_columns();
  test_agreement(size, rank);
  for (size_t n_task = 0; n_task <= COUNT_OF(((tally *)0)->count); n_task++)
    test_deal(size, rank, n_task);
  test_deal_that_stops(size, rank);
  test_integrator();
  kd_comm_free(comm);
  return failures > 0;
}
