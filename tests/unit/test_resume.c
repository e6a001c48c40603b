/// A propagation goes on to the same bits from what it lists at any of its polls.
#include "support.h"

#include <omp.h>

#include "scenario/section.h"

enum { MOST = 12 };

static const struct resume_case {
  const char *name, *text;
} cases[] = {
    {"interaction",
     SSH "grid: {k: [16]}\n"
         "field: [{kind: pulse, amplitude: 0.08 V/angstrom, center: 6 fs, fwhm: 4 fs, "
         "frequency: 0.15 1/fs}, {kind: kick, impulse: 0.1 V fs/angstrom, time: 3 fs}]\n"
         "collisions: {ansatz: t1_t2, t1: 9 fs, t2: 4 fs, temperature: 900 K}\n"
         "propagation: {duration: 120 fs, rtol: 1e-9, atol: 1e-11}\n"},
    {"bdf", SSH "grid: {k: [16]}\n"
                "field: [{kind: step, amplitude: 0.02 V/angstrom, time: 2 fs}]\n"
                "collisions: {ansatz: t1_t2, t1: 9 fs, t2: 4 fs, temperature: 900 K}\n"
                "propagation: {duration: 200 fs, integrator: bdf, rtol: 1e-8, atol: 1e-10}\n"},
    {"electrons in an insulator",
     SSH "grid: {k: [4]}\ninitial: {kind: equilibrium, temperature: 300 K, filling: 1}\n"
         "field: [{kind: constant, amplitude: 0.01 V/angstrom}]\n"
         "collisions: {ansatz: matrix, broadening: 40 meV, terms: [{kind: electron, U: 0.2 eV}]}\n"
         "propagation: {duration: 60 fs, rtol: 1e-8, atol: 1e-10}\n"},
    {"steps of the splitting by the tolerance", DIRAC1D
     "grid: {k: [24], r: {points: [12], length: [60 angstrom]}}\n"
     "statistics: classical\ninitial: {kind: gaussian, momentum: [0 1/angstrom], width: 8 "
     "angstrom}\n"
     "field: [{kind: pulse, amplitude: 0.01 V/angstrom, center: 2 fs, fwhm: 1 fs}, {kind: kick, "
     "impulse: 0.02 V fs/angstrom, time: 2.5 fs}]\n"
     "propagation: {duration: 4 fs, rtol: 1e-5, atol: 1e-8}\n"},
    {"the same with collisions",
     DIRAC1D "grid: {k: [16], r: {points: [6], length: [60 angstrom]}}\n"
             "statistics: classical\ninitial: {kind: gaussian, momentum: [0 1/angstrom], width: 14 "
             "angstrom}\n"
             "collisions: {ansatz: matrix, broadening: 0.2 eV, terms: [{kind: impurity, strength: "
             "0.3 eV}]}\n"
             "field: [{kind: pulse, amplitude: 0.01 V/angstrom, center: 2 fs, fwhm: 1 fs}]\n"
             "propagation: {duration: 4 fs, rtol: 1e-4, atol: 1e-8}\n"},
    {"fermions with collisions at every R", DIRAC1D
     "grid: {k: [12], r: {points: [6], length: [60 angstrom]}}\n"
     "initial: {kind: equilibrium, temperature: 900 K, chemical_potential: 0.1 eV}\n"
     "potential: [{kind: periodic, amplitude: 0.05 eV, period: 60 angstrom}]\n"
     "collisions: {ansatz: matrix, broadening: 0.2 eV, terms: [{kind: phonon, energy: 0.1 eV, "
     "coupling: 0.1 eV, temperature: 900 K}]}\n"
     "propagation: {duration: 4 fs, rtol: 1e-4, atol: 1e-8}\n"},
    {"unsplit", DIRAC1D
     "grid: {k: [12]}\n"
     "initial: {kind: equilibrium, temperature: 900 K, chemical_potential: 0.1 eV}\n"
     "field: [{kind: pulse, amplitude: 0.02 V/angstrom, center: 5 fs, fwhm: 4 fs}]\n"
     "collisions: {ansatz: lindblad, broadening: 0.2 eV, terms: [{kind: phonon, energy: 0.1 eV, "
     "coupling: 0.1 eV, temperature: 900 K}]}\n"
     "propagation: {scheme: unsplit, duration: 60 fs, rtol: 1e-7, atol: 1e-9}\n"},
    {"the same with contacts",
     "model: {kind: parabolic, mass: 0.067, k_max: 0.16 1/angstrom}\n"
     "grid: {k: [24], r: {points: [24], length: [600 angstrom]}}\nstatistics: classical\n"
     "initial: {kind: gaussian, momentum: [0.05 1/angstrom], width: 60 angstrom}\n"
     "contacts: [{kind: absorber, side: left, width: 100 angstrom, rate: 100 THz}]\n"
     "propagation: {duration: 20 fs, rtol: 1e-5, atol: 1e-8}\n"},
};

/// What the propagation lists at every `stride`-th poll from `first` on.
typedef struct watcher {
  kd_propagator *propagator;
  size_t n_poll, first, stride, n_kept;
  struct {
    kd_records records;
    double *numbers;
  } kept[MOST];
} watcher;

static kd_status keep(void *context) {
  watcher *w = context;
  const size_t poll = w->n_poll++;
  kd_records records = {0};
  if (w->stride == 0 || poll % w->stride != w->first || w->n_kept == MOST ||
      !kd_propagator_records(w->propagator, false, &records))
    return KD_OK;
  size_t n = 0;
  for (size_t i = 0; i < records.count; i++) n += records.item[i].count;
  double *to = malloc(n * sizeof *to);
  assert_non_null(to);
  w->kept[w->n_kept].numbers = to;
  w->kept[w->n_kept++].records = records;
  for (size_t i = 0; i < records.count; to += records.item[i++].count)
    memcpy(to, records.item[i].data, records.item[i].count * sizeof *to);
  return KD_OK;
}

/// f at the end and the work, of a run that is watched.
static double *run_watched(const char *text, double duration, watcher *w, size_t *n) {
  stage s = stage_create(text, TO_PROPAGATOR);
  w->propagator = s.propagator;
  w->n_poll = w->n_kept = 0;
  kd_propagator_watch(s.propagator, keep, w);
  for (int frame = 1; frame <= 3; frame++)
    CHECK_OK(kd_propagator_advance(s.propagator, duration * frame / 3, s.state));
  *n = s.n * (kd_space_n_dim(s.space) > 0 ? kd_space_n_r(s.space) : 1);
  double *f = malloc((*n + 1) * sizeof *f);
  assert_non_null(f);
  memcpy(f, s.state->f, *n * sizeof *f);
  f[(*n)++] = s.state->work;
  stage_clear(&s);
  return f;
}

/// Fills what a new propagation lists from what was kept, by name.
static void fill(kd_records *to, const kd_records *from, const double *numbers) {
  size_t n_found = 0;
  for (size_t i = 0; i < from->count; numbers += from->item[i++].count)
    for (size_t j = 0; j < to->count; j++)
      if (strcmp(to->item[j].name, from->item[i].name) == 0) {
        assert_int_equal(to->item[j].count, from->item[i].count);
        memcpy(to->item[j].data, numbers, from->item[i].count * sizeof *numbers);
        n_found++;
      }
  assert_int_equal(n_found, from->count);
}

static void from_any_poll(void **state) {
  (void)state;
  for (size_t c = 0; c < COUNT(cases); c++) {
    static watcher w;
    size_t n;
    stage s = stage_create(cases[c].text, TO_INITIAL);
    const double duration =
        kd_section_real(kd_section_child(kd_scenario_root(s.scenario), "propagation"), "duration");
    stage_clear(&s);
    w.stride = 0;
    free(run_watched(cases[c].text, duration, &w, &n));
    w.stride = w.n_poll / MOST + 1;
    w.first = w.stride / 2;
    const size_t n_poll = w.n_poll;
    double *want = run_watched(cases[c].text, duration, &w, &n);
    size_t n_other = 0;
    for (size_t i = 0; i < w.n_kept; i++) {
      stage r = stage_create(cases[c].text, TO_PROPAGATOR);
      kd_records records = {0};
      kd_propagator_records(r.propagator, true, &records);
      fill(&records, &w.kept[i].records, w.kept[i].numbers);
      CHECK_OK(kd_propagator_resume(r.propagator));
      CHECK_OK(kd_propagator_advance(r.propagator, duration, r.state));
      n_other +=
          memcmp(want, r.state->f, (n - 1) * sizeof *want) != 0 || want[n - 1] != r.state->work;
      stage_clear(&r);
      free(w.kept[i].numbers);
    }
    free(want);
    print_message("%s: %zu of %zu polls, other bits after %zu of them\n", cases[c].name, w.n_kept,
                  n_poll, n_other);
    assert_true(w.n_kept >= MOST / 2);
    assert_int_equal(n_other, 0);
  }
}

int main(void) {
  omp_set_num_threads(1); // loops are too short for more
  const struct CMUnitTest tests[] = {cmocka_unit_test(from_any_poll)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
