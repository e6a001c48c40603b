#include "drift/tails.h"

#include <complex.h>
#include <fftw3.h>
#include <math.h>

#include "core/comm.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/modes.h"
#include "drift/columns.h"

/// Transforms of columns, and the largest coefficients of all of them and of their outer modes.
typedef struct spectrum {
  size_t n[3], count; ///< points of a column
  double complex *work;
  fftw_plan plan;
  double largest, outer;
} spectrum;

static void spectrum_clear(spectrum *s) {
  if (s->plan) fftw_destroy_plan(s->plan);
  kd_free(s->work);
}

static kd_status spectrum_create(const size_t n[3], spectrum *s) {
  kd_status status = KD_OK;
  const int size[3] = {(int)n[0], (int)n[1], (int)n[2]};
  *s = (spectrum){.n = {n[0], n[1], n[2]}, .count = n[0] * n[1] * n[2]};
  KD_ALLOCATE(s->work, s->count);
  s->plan = fftw_plan_dft(3, size, (fftw_complex *)s->work, (fftw_complex *)s->work, FFTW_FORWARD,
                          FFTW_ESTIMATE);
  if (!s->plan)
    status = kd_error(KD_ERROR_INTERNAL, "FFTW cannot plan a transform of %zu points", s->count);

cleanup:
  return status;
}

/// Takes the column in s->work into account.
static void spectrum_take(spectrum *s) {
  const size_t *n = s->n;
  fftw_execute(s->plan);
  for (size_t i = 0; i < s->count; i++) {
    const double value = cabs(s->work[i]);
    s->largest = fmax(s->largest, value);
    if (kd_mode_is_outer(i / (n[1] * n[2]), n[0]) || kd_mode_is_outer(i / n[2] % n[1], n[1]) ||
        kd_mode_is_outer(i % n[2], n[2]))
      s->outer = fmax(s->outer, value);
  }
}

/// Columns over R of the k of this process.
static kd_status take_columns(spectrum *s, kd_columns *columns, const double *f) {
  const kd_column_part *parts;
  size_t n_part, first, n_k;
  kd_columns_k(columns, &first, &n_k);
  KD_TRY(kd_columns_fetch(columns, (double *)f, &parts, &n_part)); // which are only read
  for (size_t k = 0; k < n_k; k++) {
    for (size_t i = 0; i < n_part; i++)
      for (size_t r = parts[i].first; r < parts[i].end; r++)
        s->work[r] = parts[i].data[(r - parts[i].first) * parts[i].stride + k];
    spectrum_take(s);
  }
  return KD_OK;
}

kd_status kd_tails_measure(const kd_model *model, const kd_space *space, const double *f,
                           kd_tails *tails) {
  kd_status status = KD_OK;
  const size_t n_component = kd_model_n_band(model) * kd_model_n_band(model);
  const size_t n_k = kd_model_n_k(model), column = n_component * n_k, *m = kd_space_n(space);
  size_t first_r, n_r;
  double largest = 0, edge = 0;
  spectrum q = {0}, s = {0};
  kd_columns *columns = NULL;
  kd_space_slab(space, &first_r, &n_r);
  KD_CHECK(spectrum_create(m, &q));
  KD_CHECK(spectrum_create(kd_model_n(model), &s));
  KD_CHECK(kd_columns_create(space, 1, n_k, column, &columns));
  for (size_t c = 0; c < n_component; c++) KD_CHECK(take_columns(&q, columns, f + c * n_k));
  for (size_t row = 0; row < n_r * n_component; row++) {
    for (size_t k = 0; k < n_k; k++) s.work[k] = f[row * n_k + k];
    spectrum_take(&s);
  }
  for (size_t i = 0; i < n_r; i++) {
    const bool is_at_face = kd_is_at_face(first_r + i, m);
    for (size_t j = 0; j < column; j++) {
      const double value = fabs(f[i * column + j]);
      largest = fmax(largest, value);
      if (is_at_face) edge = fmax(edge, value);
    }
  }
  double all[6] = {q.largest, q.outer, s.largest, s.outer, largest, edge};
  kd_comm_largest(kd_space_comm(space), all, 6);
  tails->q = all[0] > 0 ? all[1] / all[0] : 0;
  tails->s = all[2] > 0 ? all[3] / all[2] : 0;
  tails->edge = all[4] > 0 ? all[5] / all[4] : 0;

cleanup:
  kd_columns_free(columns);
  spectrum_clear(&q);
  spectrum_clear(&s);
  return status;
}
