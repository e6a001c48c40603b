#include "drift/tails.h"

#include <complex.h>
#include <fftw3.h>
#include <math.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/modes.h"

static bool at_face(size_t j, size_t n) {
  return n > 1 && (j == 0 || j + 1 == n);
}

/// Largest coefficient in the outer modes of any column over the largest of all columns.
/// @param n         points of the axes that are transformed
/// @param stride    from one point of them to the next
/// @param n_column, step  columns of a block and blocks: column c of block b starts at b step + c
static kd_status outer_part(const double *f, const size_t n[3], size_t stride, size_t n_column,
                            size_t n_block, size_t step, double *part) {
  kd_status status = KD_OK;
  const size_t count = n[0] * n[1] * n[2];
  const int size[3] = {(int)n[0], (int)n[1], (int)n[2]};
  double largest = 0, outer = 0;
  double complex *work = NULL;
  fftw_plan plan = NULL;
  KD_ALLOCATE(work, count);
  plan = fftw_plan_dft(3, size, (fftw_complex *)work, (fftw_complex *)work, FFTW_FORWARD,
                       FFTW_ESTIMATE);
  if (!plan) {
    status = kd_error(KD_ERROR_INTERNAL, "FFTW cannot plan a transform of %zu points", count);
    goto cleanup;
  }
  for (size_t block = 0; block < n_block; block++)
    for (size_t column = 0; column < n_column; column++) {
      const double *from = f + block * step + column;
      for (size_t i = 0; i < count; i++) work[i] = from[i * stride];
      fftw_execute(plan);
      for (size_t i = 0; i < count; i++) {
        const double value = cabs(work[i]);
        largest = fmax(largest, value);
        if (kd_mode_is_outer(i / (n[1] * n[2]), n[0]) || kd_mode_is_outer(i / n[2] % n[1], n[1]) ||
            kd_mode_is_outer(i % n[2], n[2]))
          outer = fmax(outer, value);
      }
    }
  *part = largest > 0 ? outer / largest : 0;

cleanup:
  if (plan) fftw_destroy_plan(plan);
  kd_free(work);
  return status;
}

kd_status kd_tails_measure(const kd_model *model, const kd_space *space, const double *f,
                           kd_tails *tails) {
  const size_t n_component = kd_model_n_band(model) * kd_model_n_band(model);
  const size_t n_k = kd_model_n_k(model), n_r = kd_space_n_r(space), column = n_component * n_k;
  const size_t *m = kd_space_n(space);
  double largest = 0, edge = 0;
  KD_TRY(outer_part(f, m, column, column, 1, 0, &tails->q));
  KD_TRY(outer_part(f, kd_model_n(model), 1, 1, n_r * n_component, n_k, &tails->s));
  for (size_t r = 0; r < n_r; r++) {
    const bool is_at_face = at_face(r / (m[1] * m[2]), m[0]) || at_face(r / m[2] % m[1], m[1]) ||
                            at_face(r % m[2], m[2]);
    for (size_t i = 0; i < column; i++) {
      const double value = fabs(f[r * column + i]);
      largest = fmax(largest, value);
      if (is_at_face) edge = fmax(edge, value);
    }
  }
  tails->edge = largest > 0 ? edge / largest : 0;
  return KD_OK;
}
