/// Times of a drift step in phase space and of the FFTs in it, on request.
///
/// usage: benchmark_drift THREADS BANDS N_R N_K [DIMENSIONS]
///
/// Reads words from the standard input and answers each with the seconds that it took, the mean of
/// several in a row after one that is not timed:
///
///   step   kinetic and potential flow over one step, tables made
///   ffts   the transforms of a step alone: the same plans on the same layouts, f copied to the
///          buffers and back
///   plain  the same by two FFTW plans of real transforms for all of f, one over R, one over k
///   table  one table of exponentials made anew, and a kinetic flow
///   kick   one table of phases of a driven potential made anew, and a potential flow
///
/// `benchmarks/drift` is the other end. Times of one thread are of the processor, so that waiting
/// for it does not count.
#include <complex.h>
#include <fftw3.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "measure.h"

#include "core/memory.h"
#include "drift/phase_space.h"
#include "keldrift/keldrift.h"

enum { IN_A_ROW = 5 };
static fftw_plan checked_plan(fftw_plan plan) {
  if (!plan) check(KD_ERROR_INTERNAL);
  return plan;
}

// --- the step -----------------------------------------------------------------------------------

typedef struct stage {
  kd_scenario *scenario;
  kd_model *model;
  kd_space *space;
  kd_phase_space *flow;
  size_t n_dim, n_r, n_k, n_component, count;
  double *f, dt, t;
} stage;

/// A chain (square lattice) with orbitals in a row, or its two-band relative with dipoles.
static void write_scenario(size_t n_band, size_t n_r, size_t n_k, size_t n_dim, char *text,
                           size_t size) {
  char model[4096] = "", sizes[4][64];
  size_t used = 0;
  if (n_band == 1) {
    snprintf(model, sizeof model, "{kind: %s, J: 1}", n_dim == 1 ? "chain" : "square");
  } else if (n_band == 2) {
    snprintf(model, sizeof model,
             "{kind: ssh, t1: 1, t2: 0.6, mass: 0.3, positions: [0, 0.4], lattice_constant: 1}");
  } else {
    used = (size_t)snprintf(model, sizeof model,
                            "{kind: tight_binding, lattice_vectors: [[1]], positions: [");
    for (size_t a = 0; a < n_band; a++)
      used += (size_t)snprintf(model + used, sizeof model - used, "%s[%g]", a ? ", " : "",
                               (double)a / (double)n_band);
    used += (size_t)snprintf(model + used, sizeof model - used, "], hoppings: [");
    for (int cell = -1; cell <= 1; cell++) {
      used += (size_t)snprintf(model + used, sizeof model - used, "%s{R: [%d], re: [",
                               cell > -1 ? ", " : "", cell);
      for (size_t a = 0; a < n_band; a++)
        for (size_t b = 0; b < n_band; b++) {
          // Neighbors in a closed row, the last and the first across the cell.
          const bool is_bond = cell == 0   ? a + 1 == b || b + 1 == a
                               : cell == 1 ? a == 0 && b + 1 == n_band
                                           : b == 0 && a + 1 == n_band;
          const double energy = is_bond ? 1 : cell == 0 && a == b ? 0.2 * (double)a : 0;
          used += (size_t)snprintf(model + used, sizeof model - used, "%s%g%s",
                                   b   ? ", "
                                   : a ? ", ["
                                       : "[",
                                   energy, b + 1 == n_band ? "]" : "");
        }
      used += (size_t)snprintf(model + used, sizeof model - used, "]}");
    }
    snprintf(model + used, sizeof model - used, "]}");
  }
  for (int i = 0; i < 2; i++) {
    const size_t n = i ? n_r : n_k;
    snprintf(sizes[i], sizeof sizes[i], n_dim == 1 ? "[%zu]" : "[%zu, %zu]", n, n);
  }
  const double length = 0.5 * (double)n_r;
  snprintf(sizes[2], sizeof sizes[2], n_dim == 1 ? "[%g]" : "[%g, %g]", length, length);
  snprintf(text, size,
           "units: natural\nmodel: %s\ngrid: {k: %s, r: {points: %s, length: %s}}\n"
           "potential: [{kind: gaussian, height: 0.5, width: 8, modulation: \"1 + 0.1*t\"}]\n"
           "initial: {kind: bands, occupation: 0.5}\npropagation: {duration: 1}\n",
           model, sizes[0], sizes[1], sizes[2]);
}

static void stage_create(size_t n_band, size_t n_r, size_t n_k, size_t n_dim, stage *s) {
  char text[8192];
  write_scenario(n_band, n_r, n_k, n_dim, text, sizeof text);
  *s = (stage){.n_dim = n_dim, .n_component = n_band * n_band, .dt = 0.05};
  check(kd_scenario_parse(text, strlen(text), "benchmark", NULL, 0, &s->scenario));
  check(kd_model_create(s->scenario, &s->model));
  check(kd_space_create(s->scenario, s->model, &s->space));
  check(kd_phase_space_create(s->model, s->space, false, &s->flow));
  s->n_r = kd_space_n_r(s->space);
  s->n_k = kd_model_n_k(s->model);
  s->count = s->n_r * s->n_component * s->n_k;
  s->f = checked(kd_allocate(s->count, sizeof *s->f));
  for (size_t i = 0; i < s->count; i++) s->f[i] = 0.1 * cos((double)i);
}

static void stage_clear(stage *s) {
  kd_phase_space_free(s->flow);
  kd_space_free(s->space);
  kd_model_free(s->model);
  kd_scenario_free(s->scenario);
  kd_free(s->f);
}

/// @param t, dt  others than before make new tables
static void kinetic(stage *s, double dt) {
  check(kd_phase_space_kinetic(s->flow, (const double[3]){0}, dt, s->f));
}
static void potential(stage *s, double t) {
  check(kd_phase_space_potential(s->flow, t, (const double[3]){0.01}, s->dt, s->f));
}

// --- FFTs alone ---------------------------------------------------------------------------------

/// As in phase_space.c: columns of f go through transforms over R in chunks, pairs of real numbers
/// as complex ones; pairs of rows over k.
enum { PAIRS = 16, CHUNK = 2 * PAIRS, PITCH = PAIRS + 1 };

typedef struct transforms {
  size_t m[3], n[3], pitch, size_r, size_k;
  fftw_plan r[2][3], k[2][3]; ///< there and back, by axis
  fftw_plan all[2][2];        ///< plain: over R, over k; there and back
  double complex **buffer;
  double *f;
  double complex *half;
} transforms;

static void plan_axes(const size_t size[4], const size_t stride[4], fftw_complex *from,
                      fftw_complex *to, fftw_plan plan[2][3]) {
  for (int axis = 0; axis < 3; axis++) {
    if (size[axis] == 1 && axis < 2) continue;
    fftw_iodim64 along = {0}, others[3];
    int n_other = 0;
    for (int a = 0; a < 4; a++) {
      const fftw_iodim64 dim = {
          .n = (ptrdiff_t)size[a], .is = (ptrdiff_t)stride[a], .os = (ptrdiff_t)stride[a]};
      if (a == axis)
        along = dim;
      else if (size[a] > 1)
        others[n_other++] = dim;
    }
    for (int back = 0; back < 2; back++)
      plan[back][axis] =
          checked_plan(fftw_plan_guru64_dft(1, &along, n_other, others, axis == 2 ? from : to, to,
                                            back ? FFTW_BACKWARD : FFTW_FORWARD, FFTW_ESTIMATE));
  }
}

static void transforms_create(const stage *s, transforms *t) {
  *t = (transforms){0};
  for (size_t a = 0; a < 3; a++) {
    const size_t offset = 3 - s->n_dim;
    t->m[a] = a < offset ? 1 : kd_space_n(s->space)[a - offset];
    t->n[a] = a < offset ? 1 : kd_model_n(s->model)[a - offset];
  }
  const size_t *m = t->m, *n = t->n;
  t->pitch = s->n_dim == 1 ? n[2] : (n[2] / 4 | 1) * 4 + (n[2] % 4 ? 4 : 0);
  t->size_r = (s->n_r * PITCH + 3) / 4 * 4;
  t->size_k = (n[0] * n[1] * t->pitch + 3) / 4 * 4;
  t->f = checked(kd_allocate(s->count, sizeof *t->f));
  t->half = checked(kd_allocate(s->count + 2 * s->n_r * s->n_component * s->n_k / n[2] +
                                    2 * s->n_k * s->n_component * s->n_r / m[2],
                                sizeof *t->half));
  t->buffer = checked(kd_allocate((size_t)n_thread, sizeof *t->buffer));
  const size_t size = (1 + s->n_component) * t->size_r;
  for (int i = 0; i < n_thread; i++)
    t->buffer[i] =
        checked(kd_allocate(size > 2 * t->size_k ? size : 2 * t->size_k, sizeof(double complex)));
  fftw_complex *buffer = (fftw_complex *)t->buffer[0], *half = (fftw_complex *)t->half;
  plan_axes((const size_t[]){m[0], m[1], m[2], PAIRS},
            (const size_t[]){m[1] * m[2] * PITCH, m[2] * PITCH, PITCH, 1}, buffer,
            buffer + t->size_r, t->r);
  plan_axes((const size_t[]){n[0], n[1], n[2], 1},
            (const size_t[]){n[1] * t->pitch, t->pitch, 1, 1}, buffer, buffer + t->size_k, t->k);

  const int columns = (int)(s->n_component * s->n_k), rows = (int)(s->n_component * s->n_r);
  const int mi[3] = {(int)m[0], (int)m[1], (int)m[2]}, ni[3] = {(int)n[0], (int)n[1], (int)n[2]};
  const int half_k = ni[0] * ni[1] * (ni[2] / 2 + 1);
  t->all[0][0] = checked_plan(fftw_plan_many_dft_r2c(3, mi, columns, t->f, NULL, columns, 1, half,
                                                     NULL, columns, 1, FFTW_ESTIMATE));
  t->all[1][0] = checked_plan(fftw_plan_many_dft_c2r(3, mi, columns, half, NULL, columns, 1, t->f,
                                                     NULL, columns, 1, FFTW_ESTIMATE));
  t->all[0][1] = checked_plan(fftw_plan_many_dft_r2c(3, ni, rows, t->f, NULL, 1, (int)s->n_k, half,
                                                     NULL, 1, half_k, FFTW_ESTIMATE));
  t->all[1][1] = checked_plan(fftw_plan_many_dft_c2r(3, ni, rows, half, NULL, 1, half_k, t->f, NULL,
                                                     1, (int)s->n_k, FFTW_ESTIMATE));
}

static void transforms_clear(transforms *t) {
  for (int back = 0; back < 2; back++) {
    for (int axis = 0; axis < 3; axis++) {
      if (t->r[back][axis]) fftw_destroy_plan(t->r[back][axis]);
      if (t->k[back][axis]) fftw_destroy_plan(t->k[back][axis]);
    }
    for (int i = 0; i < 2; i++) fftw_destroy_plan(t->all[back][i]);
  }
  for (int i = 0; i < n_thread; i++) kd_free(t->buffer[i]);
  kd_free(t->buffer);
  kd_free(t->half);
  kd_free(t->f);
}

static void there(fftw_plan plan[2][3], double complex *from, double complex *to) {
  fftw_execute_dft(plan[0][2], (fftw_complex *)from, (fftw_complex *)to);
  for (int axis = 1; axis >= 0; axis--)
    if (plan[0][axis]) fftw_execute_dft(plan[0][axis], (fftw_complex *)to, (fftw_complex *)to);
}

static void back(fftw_plan plan[2][3], double complex *from, double complex *to) {
  for (int axis = 0; axis < 2; axis++)
    if (plan[1][axis]) fftw_execute_dft(plan[1][axis], (fftw_complex *)from, (fftw_complex *)from);
  fftw_execute_dft(plan[1][2], (fftw_complex *)from, (fftw_complex *)to);
}

static void transform(const stage *s, transforms *t) {
  const size_t stride = s->n_component * s->n_k, n_row = s->n_r * s->n_component;
#pragma omp parallel num_threads(n_thread)
  {
    double complex *z = t->buffer[omp_get_thread_num()], *q = z + t->size_r, *w = z + t->size_k;
#pragma omp for schedule(static)
    for (size_t k = 0; k < s->n_k; k += CHUNK) {
      for (size_t c = 0; c < s->n_component; c++) {
        const double *f = t->f + c * s->n_k + k;
        for (size_t r = 0; r < s->n_r; r++)
          memcpy(z + r * PITCH, f + r * stride, CHUNK * sizeof *f);
        there(t->r, z, q + c * t->size_r);
      }
      for (size_t c = 0; c < s->n_component; c++) {
        double *f = t->f + c * s->n_k + k;
        back(t->r, q + c * t->size_r, z);
        for (size_t r = 0; r < s->n_r; r++)
          memcpy(f + r * stride, z + r * PITCH, CHUNK * sizeof *f);
      }
    }
#pragma omp for schedule(static)
    for (size_t first = 0; first < n_row; first += 2) {
      double *x = t->f + first * s->n_k, *y = x + s->n_k;
      for (size_t row = 0; row < t->n[0] * t->n[1]; row++) {
        double *to = (double *)(z + row * t->pitch);
        const double *from_x = x + row * t->n[2], *from_y = y + row * t->n[2];
#pragma omp simd
        for (size_t i = 0; i < t->n[2]; i++) {
          to[2 * i] = from_x[i];
          to[2 * i + 1] = from_y[i];
        }
      }
      there(t->k, z, w);
      back(t->k, w, z);
      for (size_t row = 0; row < t->n[0] * t->n[1]; row++) {
        const double *from = (const double *)(z + row * t->pitch);
        double *to_x = x + row * t->n[2], *to_y = y + row * t->n[2];
#pragma omp simd
        for (size_t i = 0; i < t->n[2]; i++) {
          to_x[i] = from[2 * i];
          to_y[i] = from[2 * i + 1];
        }
      }
    }
  }
}

static void transform_plainly(const transforms *t) {
  for (int axis = 0; axis < 2; axis++)
    for (int back = 0; back < 2; back++) fftw_execute(t->all[back][axis]);
}

// ------------------------------------------------------------------------------------------------

int main(int argc, char **argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: %s THREADS BANDS N_R N_K [DIMENSIONS]\n", argv[0]);
    return 2;
  }
  const size_t n_band = (size_t)atoi(argv[2]), n_r = (size_t)atoi(argv[3]);
  const size_t n_k = (size_t)atoi(argv[4]), n_dim = argc > 5 ? (size_t)atoi(argv[5]) : 1;
  n_thread = atoi(argv[1]);
  if (n_thread < 1 || n_band < 1 || n_band > 16 || n_k % CHUNK != 0 || n_r % 2 != 0 || n_dim < 1 ||
      n_dim > 2) {
    fprintf(stderr, "%s: error: 1 or more threads, 1 to 16 bands, N_R even, N_K a multiple of %d\n",
            argv[0], CHUNK);
    return 2;
  }
  omp_set_num_threads(n_thread);
  stage s;
  transforms t;
  stage_create(n_band, n_r, n_k, n_dim, &s);
  transforms_create(&s, &t);
  kinetic(&s, s.dt);
  potential(&s, s.t);
  char word[16];
  while (scanf("%15s", word) == 1) {
    // Never the same number twice, and none of the steps.
    static double other = 0.07;
    const bool is_table = strcmp(word, "table") == 0, is_kick = strcmp(word, "kick") == 0;
    const int count = is_table || is_kick || strcmp(word, "plain") == 0 ? 1 : IN_A_ROW;
    double start = 0;
    // The first is not timed: what others have left in the caches is out of the way then.
    for (int i = 0; i <= count; i++) {
      if (i == 1) start = now();
      if (strcmp(word, "step") == 0) {
        kinetic(&s, s.dt);
        potential(&s, s.t);
      } else if (strcmp(word, "ffts") == 0) {
        transform(&s, &t);
      } else if (strcmp(word, "plain") == 0) {
        transform_plainly(&t);
      } else if (is_table) {
        kinetic(&s, other += 1e-4);
      } else if (is_kick) {
        potential(&s, other += 1e-4);
      } else {
        fprintf(stderr, "%s: error: %s (expected step, ffts, plain, table or kick)\n", argv[0],
                word);
        return 2;
      }
    }
    printf("%.9f\n", (now() - start) / count);
    fflush(stdout);
  }
  transforms_clear(&t);
  stage_clear(&s);
  return 0;
}
