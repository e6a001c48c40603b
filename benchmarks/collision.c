/// What one evaluation of the collision operator costs, beside what the machine can do.
///
/// usage: benchmark_collision [--threads N] [--repeat N]
///
/// Haldane lattice, two bands, two channels (vertex onsite), one phonon branch, N x N k points from
/// 32 to 256. In one run and in turns, so that other work on the machine hits all alike:
///
///   - one evaluation with a form factor (two FFTs per channel and tau), with a dispersion (three),
///     and of a q-independent kernel (none);
///   - as many FFTs alone, of the same size and by the same plans, forward and back on as many
///     fields; and by the plan that FFTW makes for a whole N x N array;
///   - products and sums that stay in registers, and the triad a = b + s c on arrays beyond the
///   caches.
///
///   - one evaluation of the scattering of carriers from one another, one band on a square lattice,
///     contact interaction and V(q), and from phonons that are unknowns, with its search for the
///     beta that keeps the energy.
///
/// Medians. The exponents are those of fits to N_k^p. Times of one thread are of the processor, so
/// that waiting for it does not count.
#include <complex.h>
#include <fftw3.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "measure.h"

#include "core/memory.h"
#include "keldrift/keldrift.h"

enum { N_SIZE = 4, MOST_REPEATS = 101 };
static const size_t SIZES[N_SIZE] = {32, 64, 128, 256};

static double median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, kd_compare_reals);
  return values[count / 2];
}

// --- the operator -------------------------------------------------------------------------------

typedef struct stage {
  kd_scenario *scenario;
  kd_model *model;
  kd_space *space;
  kd_state *state;
  kd_reference *reference;
  kd_collision *collision;
  double *f, *df;
} stage;

static stage stage_of(const char *text) {
  stage s = {0};
  check(kd_scenario_parse(text, strlen(text), "benchmark", NULL, 0, &s.scenario));
  check(kd_model_create(s.scenario, &s.model));
  check(kd_space_create(s.scenario, s.model, &s.space));
  check(kd_initial_create(s.scenario, s.model, s.space, &s.state, &s.reference));
  check(kd_collision_create(s.scenario, s.model, s.reference, &s.collision));
  const size_t count = kd_model_n_band(s.model) * kd_model_n_band(s.model) * kd_model_n_k(s.model);
  s.f = checked(kd_allocate(count, sizeof *s.f));
  s.df = checked(kd_allocate(count, sizeof *s.df));
  memcpy(s.f, s.state->f, count * sizeof *s.f);
  return s;
}

static stage phonon_create(size_t n, const char *keys) {
  char text[2048];
  snprintf(
      text, sizeof text,
      "model: {kind: haldane, t: 1 eV, mass: 0.2 eV, t2: 0.1 eV, phase: 0.7, lattice_constant: 2.5 "
      "angstrom}\n"
      "grid: {k: [%zu, %zu]}\n"
      "initial: {kind: excited, temperature: 300 K, filling: 1, energy: 1 eV, width: 0.2 eV, "
      "amplitude: 0.3}\n"
      "propagation: {duration: 1 fs}\n"
      "collisions: {ansatz: matrix, method: fft, broadening: 80 meV, terms: [{kind: phonon, "
      "energy: "
      "0.16 eV, coupling: 0.05 eV, vertex: onsite, temperature: 300 K, %s}]}\n",
      n, n, keys);
  return stage_of(text);
}

static stage electron_create(size_t n, const char *term) {
  char text[2048];
  snprintf(text, sizeof text,
           "model: {kind: square, J: 0.5 eV, lattice_constant: 4 angstrom, spin_degeneracy: 2}\n"
           "grid: {k: [%zu, %zu]}\n"
           "initial: {kind: excited, temperature: 3000 K, filling: 0.4, energy: 1 eV, width: 0.2 "
           "eV, amplitude: 0.3}\n"
           "propagation: {duration: 1 fs}\n"
           "collisions: {ansatz: matrix, method: fft, broadening: 150 meV, terms: [{%s}]}\n",
           n, n, term);
  return stage_of(text);
}

static void stage_clear(stage *s) {
  kd_collision_free(s->collision);
  kd_reference_free(s->reference);
  kd_state_free(s->state);
  kd_space_free(s->space);
  kd_model_free(s->model);
  kd_scenario_free(s->scenario);
  kd_free(s->f);
  kd_free(s->df);
}

/// Seconds of one evaluation; its FFTs.
static double evaluate(stage *s, unsigned long *n_fft) {
  const unsigned long before = kd_collision_statistics(s->collision).ffts;
  const double start = now();
  check(kd_collision_rate(s->collision, s->f, s->df));
  const double seconds = now() - start;
  *n_fft = kd_collision_statistics(s->collision).ffts - before;
  return seconds;
}

// --- FFTs alone ---------------------------------------------------------------------------------

/// Transforms of N x N fields, by axes with the pitch between rows that the back end uses, or
/// whole.
typedef struct transforms {
  size_t volume, n_field;
  fftw_plan forward[2], backward[2]; ///< the second is NULL for whole fields
  fftw_complex *field;
} transforms;

static fftw_plan plan_axis(size_t n, size_t pitch, bool is_row, int sign, fftw_complex *field) {
  const fftw_iodim64 row = {.n = (ptrdiff_t)n, .is = 1, .os = 1};
  const fftw_iodim64 column = {.n = (ptrdiff_t)n, .is = (ptrdiff_t)pitch, .os = (ptrdiff_t)pitch};
  return fftw_plan_guru64_dft(1, is_row ? &row : &column, 1, is_row ? &column : &row, field, field,
                              sign, FFTW_ESTIMATE);
}

static transforms transforms_create(size_t n, size_t n_field, bool is_whole) {
  const size_t pitch = is_whole ? n : (n / 4 | 1) * 4;
  transforms t = {.volume = n * pitch, .n_field = n_field};
  // Zeros stay zeros, however often they are transformed without being normalized.
  t.field = checked(kd_allocate(t.volume * n_field, sizeof(double complex)));
  if (is_whole) {
    t.forward[0] = fftw_plan_dft_2d((int)n, (int)n, t.field, t.field, FFTW_FORWARD, FFTW_ESTIMATE);
    t.backward[0] =
        fftw_plan_dft_2d((int)n, (int)n, t.field, t.field, FFTW_BACKWARD, FFTW_ESTIMATE);
  } else {
    for (int axis = 0; axis < 2; axis++) {
      t.forward[axis] = plan_axis(n, pitch, axis == 0, FFTW_FORWARD, t.field);
      t.backward[axis] = plan_axis(n, pitch, axis == 1, FFTW_BACKWARD, t.field);
    }
  }
  return t;
}

static void transforms_clear(transforms *t) {
  for (int axis = 0; axis < 2; axis++) {
    if (t->forward[axis]) fftw_destroy_plan(t->forward[axis]);
    if (t->backward[axis]) fftw_destroy_plan(t->backward[axis]);
  }
  kd_free(t->field);
}

/// Seconds of `count` FFTs, `per_field` of which, the first of them forward, follow on one field.
static double transform(const transforms *t, unsigned long count, unsigned long per_field) {
  const double start = now();
#pragma omp parallel for schedule(static) num_threads(n_thread)
  for (size_t i = 0; i < count / per_field; i++) {
    fftw_complex *field = (fftw_complex *)((double complex *)t->field + i % t->n_field * t->volume);
    for (unsigned long part = 0; part < per_field; part++)
      for (int axis = 0; axis < 2; axis++) {
        const fftw_plan plan = part == 0 ? t->forward[axis] : t->backward[axis];
        if (plan) fftw_execute_dft(plan, field, field);
      }
  }
  return now() - start;
}

// --- the machine --------------------------------------------------------------------------------

enum { LANES = 8, CHAINS = 12 };
typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));

/// Floating-point operations per second of multiply-adds that need no memory.
static double peak(void) {
  const size_t n = 200000;
  double check_sum = 0;
  const double start = now();
#pragma omp parallel num_threads(n_thread) reduction(+ : check_sum)
  {
    lanes x[CHAINS], a = {0}, b = {0};
    a += 0.999999, b += 1e-6;
    for (int c = 0; c < CHAINS; c++) x[c] = a * c;
    for (size_t i = 0; i < n; i++)
#pragma GCC unroll 12
      for (int c = 0; c < CHAINS; c++) x[c] = x[c] * a + b;
    for (int c = 0; c < CHAINS; c++) check_sum += x[c][0];
  }
  const double seconds = now() - start;
  if (!isfinite(check_sum)) exit(1);
  return 2.0 * LANES * CHAINS * (double)n * n_thread / seconds;
}

/// Bytes per second of a = b + s c, 24 per element.
static double triad(double *a, const double *b, const double *c, size_t n) {
  const double start = now();
#pragma omp parallel for schedule(static) num_threads(n_thread)
  for (size_t i = 0; i < n; i++) a[i] = b[i] + 1.5 * c[i];
  return 24 * (double)n / (now() - start);
}

// --- carriers from one another and from dynamic phonons
// ------------------------------------------------------------------

static double exponent(const double seconds[N_SIZE]);

static void electron_case(const char *name, const char *term, unsigned long per_field,
                          int n_repeat) {
  double seconds[N_SIZE], alone[N_SIZE];
  printf("%-11s %8s %10s %10s %6s\n", name, "FFTs", "evaluation", "FFTs alone", "ratio");
  for (int i = 0; i < N_SIZE; i++) {
    static double sample[2][MOST_REPEATS];
    unsigned long n_fft;
    stage s = electron_create(SIZES[i], term);
    transforms t = transforms_create(SIZES[i], 3, false);
    evaluate(&s, &n_fft);
    for (int r = 0; r < n_repeat; r++) {
      sample[0][r] = evaluate(&s, &n_fft);
      sample[1][r] = transform(&t, n_fft, per_field);
    }
    seconds[i] = median(sample[0], n_repeat);
    alone[i] = median(sample[1], n_repeat);
    printf("%8zu^2  %8lu %10.3f %10.3f %6.2f\n", SIZES[i], n_fft, 1e3 * seconds[i], 1e3 * alone[i],
           seconds[i] / alone[i]);
    transforms_clear(&t);
    stage_clear(&s);
  }
  printf("%-11s %8s %10.3f %10.3f\n", "exponent", "", exponent(seconds), exponent(alone));
}

// ------------------------------------------------------------------------------------------------

enum { FORM, DISPERSION, LOCAL, N_CASE };
static const struct {
  const char *name, *keys;
  unsigned long per_field;
} CASES[N_CASE] = {
    [FORM] = {"form", "form: {kind: gaussian, q0: 0.5 1/angstrom}", 2},
    [DISPERSION] = {"dispersion", "dispersion: {kind: acoustic, q0: 1 1/angstrom}", 3},
    [LOCAL] = {"local", "form: {kind: constant}", 1},
};
enum { N_CHANNEL = 2, N_PIECE = 2, BATCH = 16, SMALL_BATCH = 4, BATCH_BYTES = 2 << 20 };

/// Operations per k, piece and tau of a q-independent kernel. In either pass over k a phase takes
/// one complex product (6), and every 32 tau a fresh start (20 for the reduction and 57 for the
/// series of sine and cosine) and two products. A channel takes a multiply-add of complex numbers
/// (8) in the first pass and one for either order in the second.
static const double OPERATIONS = 2 * (6 + (77 + 12) / 32.0) + N_CHANNEL * (8 + 16);

/// Bytes per k that must pass through memory in the back end: G once and Y there and back; in
/// either pass the rotations of the phases (24 per piece); T^< and T^> cleared, added to, and added
/// to their adjoints, there and back each but for the first.
static const double BYTES =
    N_PIECE * (16 * (N_CHANNEL + 2 * N_CHANNEL) + 2 * 24 + 2 * 16 * (4 + 2 * N_CHANNEL + 2 * 4));

static double exponent(const double seconds[N_SIZE]) {
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (int i = 0; i < N_SIZE; i++) {
    const double x = 2 * log((double)SIZES[i]), y = log(seconds[i]);
    sx += x, sy += y, sxx += x * x, sxy += x * y;
  }
  return (N_SIZE * sxy - sx * sy) / (N_SIZE * sxx - sx * sx);
}

int main(int argc, char **argv) {
  int n_repeat = 7;
  for (int i = 1; i < argc; i++) {
    const bool is_threads = strcmp(argv[i], "--threads") == 0;
    if ((!is_threads && strcmp(argv[i], "--repeat") != 0) || i + 1 == argc) {
      fprintf(stderr, "usage: %s [--threads N] [--repeat N]\n", argv[0]);
      return 2;
    }
    *(is_threads ? &n_thread : &n_repeat) = atoi(argv[++i]);
  }
  if (n_thread < 1 || n_repeat < 1 || n_repeat > MOST_REPEATS) {
    fprintf(stderr, "%s: error: at least 1 thread, 1 to %d repeats\n", argv[0], MOST_REPEATS);
    return 2;
  }
  omp_set_num_threads(n_thread);

  const size_t n_triad = (size_t)8 << 20;
  double *array[3];
  for (int i = 0; i < 3; i++) array[i] = checked(kd_allocate(n_triad, sizeof(double)));
  static double speed[MOST_REPEATS * N_SIZE], bandwidth[MOST_REPEATS * N_SIZE];
  double seconds[N_CASE][N_SIZE], alone[2][N_SIZE], whole[2][N_SIZE];
  unsigned long n_fft[N_CASE][N_SIZE];
  for (int i = 0; i < N_SIZE; i++) {
    stage s[N_CASE];
    transforms by_axes[2], as_whole[2];
    static double sample[N_CASE + 4][MOST_REPEATS];
    const size_t n = SIZES[i], pitch = (n / 4 | 1) * 4;
    size_t n_batch = BATCH_BYTES / (N_CHANNEL * n * pitch * sizeof(double complex));
    n_batch = n_batch < SMALL_BATCH ? SMALL_BATCH : n_batch > BATCH ? BATCH : n_batch;
    for (int c = 0; c < N_CASE; c++) {
      s[c] = phonon_create(n, CASES[c].keys);
      evaluate(&s[c], &n_fft[c][i]);
    }
    for (int c = FORM; c <= DISPERSION; c++) {
      const size_t n_field = n_batch * N_CHANNEL * (c == FORM ? 1 : 2);
      by_axes[c] = transforms_create(n, n_field, false);
      as_whole[c] = transforms_create(n, n_field, true);
    }
    for (int r = 0; r < n_repeat; r++) {
      for (int c = 0; c < N_CASE; c++) sample[c][r] = evaluate(&s[c], &n_fft[c][i]);
      for (int c = FORM; c <= DISPERSION; c++) {
        // The whole transforms can be slow: an eighth of them, or a few, is enough.
        const unsigned long count = n_fft[c][i], few = count / 8 / 6 * 6 + 6;
        sample[N_CASE + c][r] = transform(&by_axes[c], count, CASES[c].per_field);
        sample[N_CASE + 2 + c][r] =
            transform(&as_whole[c], few, CASES[c].per_field) * (double)count / (double)few;
      }
      speed[i * n_repeat + r] = peak();
      bandwidth[i * n_repeat + r] = triad(array[0], array[1], array[2], n_triad);
    }
    for (int c = 0; c < N_CASE; c++) seconds[c][i] = median(sample[c], n_repeat);
    for (int c = FORM; c <= DISPERSION; c++) {
      alone[c][i] = median(sample[N_CASE + c], n_repeat);
      whole[c][i] = median(sample[N_CASE + 2 + c], n_repeat);
      transforms_clear(&by_axes[c]);
      transforms_clear(&as_whole[c]);
    }
    for (int c = 0; c < N_CASE; c++) stage_clear(&s[c]);
  }
  const double most = median(speed, n_repeat * N_SIZE),
               widest = median(bandwidth, n_repeat * N_SIZE);

  printf("threads %d, repeats %d, ms\n", n_thread, n_repeat);
  for (int c = FORM; c <= DISPERSION; c++) {
    printf("%-11s %8s %10s %10s %6s %12s\n", CASES[c].name, "FFTs", "evaluation", "FFTs alone",
           "ratio", "2-D plans");
    for (int i = 0; i < N_SIZE; i++)
      printf("%8zu^2  %8lu %10.3f %10.3f %6.2f %12.3f\n", SIZES[i], n_fft[c][i],
             1e3 * seconds[c][i], 1e3 * alone[c][i], seconds[c][i] / alone[c][i],
             1e3 * whole[c][i]);
    printf("%-11s %8s %10.3f %10.3f %6s %12.3f\n", "exponent", "", exponent(seconds[c]),
           exponent(alone[c]), "", exponent(whole[c]));
  }
  printf("%-11s %8s %10s %10s %6s %10s %6s\n", CASES[LOCAL].name, "tau", "evaluation", "Gflop/s",
         "of it", "GB/s", "of it");
  for (int i = 0; i < N_SIZE; i++) {
    // The series of the form is that of the local kernel.
    const double n_tau = (double)n_fft[FORM][i] / (2 * N_CHANNEL);
    const double n_k = (double)(SIZES[i] * SIZES[i]), t = seconds[LOCAL][i];
    const double rate = n_tau * N_PIECE * n_k * OPERATIONS / t, flow = n_k * BYTES / t;
    printf("%8zu^2  %8.0f %10.3f %10.2f %5.0f%% %10.2f %5.0f%%\n", SIZES[i], n_tau, 1e3 * t,
           1e-9 * rate, 100 * rate / most, 1e-9 * flow, 100 * flow / widest);
  }
  printf("%-11s %8s %10.3f\n", "exponent", "", exponent(seconds[LOCAL]));
  electron_case("contact", "kind: electron, U: 0.5 eV", 2, n_repeat);
  electron_case("V(q)", "kind: electron, U: 0.5 eV, form: {kind: yukawa, q0: 0.5 1/angstrom}", 2,
                n_repeat);
  electron_case("phonons",
                "kind: phonon, dynamic: true, energy: 0.05 eV, coupling: 0.05 eV, temperature: "
                "3000 K, initial_temperature: 300 K",
                2, n_repeat);
  printf("machine: %.1f Gflop/s of multiply-adds in registers, %.1f GB/s in the triad\n",
         1e-9 * most, 1e-9 * widest);
  for (int i = 0; i < 3; i++) kd_free(array[i]);
  return 0;
}
