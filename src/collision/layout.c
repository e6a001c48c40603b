#include "collision/layout.h"

#include <string.h>

#include "collision/bath.h"
#include "core/error.h"
#include "core/fft_clock.h"
#include "core/lanes.h"

/// Complex numbers from one row, or plane, to the next, of `length` or more: whole blocks, and an
/// odd number of cache lines.
static size_t pitch(size_t length) {
  const size_t line = 64 / sizeof(double complex);
  const size_t whole = (length + KD_LANES - 1) / KD_LANES * KD_LANES;
  return ((whole + line - 1) / line | 1) * line;
}

void kd_layout_create(const kd_model *model, kd_layout *layout) {
  memcpy(layout->n, kd_model_n(model), sizeof layout->n);
  kd_difference_count(model, layout->m);
  int fast_axis = 2;
  while (fast_axis > 0 && layout->m[fast_axis] == 1) fast_axis--;
  size_t step = 1;
  for (int axis = 2; axis >= 0; axis--) {
    layout->stride[axis] = step;
    if (axis <= fast_axis) step = pitch(step * layout->m[axis]);
  }
  layout->volume = step;
  layout->row_length = layout->n[fast_axis];
  layout->n_row = layout->n[0] * layout->n[1] * layout->n[2] / layout->row_length;
}

size_t kd_layout_row(const kd_layout *layout, size_t row) {
  const size_t rows_per_plane = layout->n[2] > 1 ? layout->n[1] : 1;
  return row / rows_per_plane * layout->stride[0] + row % rows_per_plane * layout->stride[1];
}

size_t kd_layout_difference(const kd_layout *layout, size_t q) {
  const size_t *m = layout->m;
  return q / (m[1] * m[2]) * layout->stride[0] + q / m[2] % m[1] * layout->stride[1] +
         q % m[2] * layout->stride[2];
}

kd_status kd_layout_plan(const kd_layout *layout, const size_t used[3], int sign,
                         double complex *field, fftw_plan plans[3]) {
  for (int axis = 0; axis < 3; axis++) {
    if (layout->m[axis] == 1) continue;
    fftw_iodim64 dim[3];
    for (int d = 0; d < 3; d++) {
      const ptrdiff_t stride = (ptrdiff_t)layout->stride[d];
      dim[d] = (fftw_iodim64){
          .n = (ptrdiff_t)(d < axis ? used[d] : layout->m[d]), .is = stride, .os = stride};
    }
    const int a = axis == 0 ? 1 : 0, b = axis == 2 ? 1 : 2;
    plans[axis] =
        fftw_plan_guru64_dft(1, &dim[axis], 2, (const fftw_iodim64[]){dim[a], dim[b]},
                             (fftw_complex *)field, (fftw_complex *)field, sign, FFTW_ESTIMATE);
    if (!plans[axis])
      return kd_error(KD_ERROR_INTERNAL, "FFTW cannot plan a transform of %zu points",
                      layout->m[axis]);
  }
  return KD_OK;
}

void kd_layout_from_points(const fftw_plan plans[3], double complex *field) {
  const double begin = kd_fft_begin();
  for (int axis = 2; axis >= 0; axis--)
    if (plans[axis]) fftw_execute_dft(plans[axis], (fftw_complex *)field, (fftw_complex *)field);
  kd_fft_end(begin);
}

void kd_layout_to_points(const fftw_plan plans[3], double complex *field) {
  const double begin = kd_fft_begin();
  for (int axis = 0; axis < 3; axis++)
    if (plans[axis]) fftw_execute_dft(plans[axis], (fftw_complex *)field, (fftw_complex *)field);
  kd_fft_end(begin);
}

void kd_layout_clear(const kd_layout *layout, size_t used, double complex *field) {
  for (size_t row = 0; row < layout->n_row; row++) {
    const size_t from = kd_layout_row(layout, row) + used;
    const size_t to = row + 1 < layout->n_row ? kd_layout_row(layout, row + 1) : layout->volume;
    if (to > from) memset(field + from, 0, (to - from) * sizeof *field);
  }
}
