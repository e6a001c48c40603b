/// Times of a drift step in phase space and of the FFTs in it, on request.
///
/// usage: benchmark_drift THREADS BANDS N_R N_K [DIMENSIONS]
///
/// Reads words from the standard input and answers each with the seconds that it took, the mean of
/// several in a row after one that is not timed:
///
///   step   kinetic and potential flow over one step, tables made
///   ffts   the transforms of a step alone, kd_phase_space_transforms: f copied to the buffers,
///   there
///          and back
///   plain  the same by two FFTW plans of real transforms for all of f, one over R, one over k
///   table  one table of exponentials made anew, and a kinetic flow
///   driven the same as step with U at another time every step
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

#include "phase_space_stage.h"

enum { IN_A_ROW = 5 };
static fftw_plan checked_plan(fftw_plan plan) {
  if (!plan) check(KD_ERROR_INTERNAL);
  return plan;
}

// --- FFTW's own plans ---------------------------------------------------------------------------

/// Real transforms of all of f, one plan over R and one over k.
typedef struct plain {
  fftw_plan plan[2][2]; ///< there and back; over R, over k
  double *f;
  double complex *half;
} plain;

static void plain_create(const stage *s, plain *t) {
  size_t m[3], n[3];
  for (size_t a = 0; a < 3; a++) {
    const size_t offset = 3 - s->n_dim;
    m[a] = a < offset ? 1 : kd_space_n(s->space)[a - offset];
    n[a] = a < offset ? 1 : kd_model_n(s->model)[a - offset];
  }
  t->f = checked(kd_allocate(s->count, sizeof *t->f));
  t->half = checked(kd_allocate(s->count + 2 * s->n_r * s->n_component * s->n_k / n[2] +
                                    2 * s->n_k * s->n_component * s->n_r / m[2],
                                sizeof *t->half));
  fftw_complex *half = (fftw_complex *)t->half;
  const int columns = (int)(s->n_component * s->n_k), rows = (int)(s->n_component * s->n_r);
  const int mi[3] = {(int)m[0], (int)m[1], (int)m[2]}, ni[3] = {(int)n[0], (int)n[1], (int)n[2]};
  const int half_k = ni[0] * ni[1] * (ni[2] / 2 + 1);
  t->plan[0][0] = checked_plan(fftw_plan_many_dft_r2c(3, mi, columns, t->f, NULL, columns, 1, half,
                                                      NULL, columns, 1, FFTW_ESTIMATE));
  t->plan[1][0] = checked_plan(fftw_plan_many_dft_c2r(3, mi, columns, half, NULL, columns, 1, t->f,
                                                      NULL, columns, 1, FFTW_ESTIMATE));
  t->plan[0][1] = checked_plan(fftw_plan_many_dft_r2c(3, ni, rows, t->f, NULL, 1, (int)s->n_k, half,
                                                      NULL, 1, half_k, FFTW_ESTIMATE));
  t->plan[1][1] = checked_plan(fftw_plan_many_dft_c2r(3, ni, rows, half, NULL, 1, half_k, t->f,
                                                      NULL, 1, (int)s->n_k, FFTW_ESTIMATE));
}

static void plain_clear(plain *t) {
  for (int back = 0; back < 2; back++)
    for (int i = 0; i < 2; i++) fftw_destroy_plan(t->plan[back][i]);
  kd_free(t->half);
  kd_free(t->f);
}

static void plain_transform(const plain *t) {
  for (int axis = 0; axis < 2; axis++)
    for (int back = 0; back < 2; back++) fftw_execute(t->plan[back][axis]);
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
  if (n_thread < 1 || n_band < 1 || n_band > 16 || n_r < 1 || n_k < 1 || n_dim < 1 || n_dim > 2) {
    fprintf(stderr, "%s: error: 1 or more threads, 1 to 16 bands, 1 or 2 dimensions\n", argv[0]);
    return 2;
  }
  omp_set_num_threads(n_thread);
  stage s;
  plain t = {0};
  stage_create(n_band, n_r, n_k, n_dim, NULL, &s);
  plain_create(&s, &t);
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
      } else if (strcmp(word, "driven") == 0) {
        kinetic(&s, s.dt);
        potential(&s, other += 1e-4);
      } else if (strcmp(word, "ffts") == 0) {
        check(kd_phase_space_transforms(s.flow, t.f));
      } else if (strcmp(word, "plain") == 0) {
        plain_transform(&t);
      } else if (is_table) {
        kinetic(&s, other += 1e-4);
      } else if (is_kick) {
        potential(&s, other += 1e-4);
      } else {
        fprintf(stderr, "%s: error: %s (expected step, driven, ffts, plain, table or kick)\n",
                argv[0], word);
        return 2;
      }
    }
    printf("%.9f\n", (now() - start) / count);
    fflush(stdout);
  }
  plain_clear(&t);
  stage_clear(&s);
  return 0;
}
