#include "drift/grid_fft.h"

#include "core/error.h"
#include "core/fft_clock.h"
#include "core/memory.h"

void kd_grid_fft_clear(kd_grid_fft *fft) {
  for (int axis = 0; axis < 3; axis++) {
    if (fft->forward[axis]) fftw_destroy_plan(fft->forward[axis]);
    if (fft->backward[axis]) fftw_destroy_plan(fft->backward[axis]);
    fft->forward[axis] = fft->backward[axis] = NULL;
  }
}

/// Plans of one axis: along it, the other axes being batches.
static kd_status plan_axis(kd_grid_fft *fft, int axis, double complex *from, double complex *to) {
  const size_t n[4] = {fft->n[0], fft->n[1], fft->n[2], fft->width};
  const size_t stride[4] = {n[1] * fft->pitch * fft->room, fft->pitch * fft->room, fft->room, 1};
  fftw_iodim64 along = {0}, others[3];
  int n_other = 0;
  for (int a = 0; a < 4; a++) {
    const fftw_iodim64 dim = {
        .n = (ptrdiff_t)n[a], .is = (ptrdiff_t)stride[a], .os = (ptrdiff_t)stride[a]};
    if (a == axis)
      along = dim;
    else if (n[a] > 1)
      others[n_other++] = dim;
  }
  // ESTIMATE: a measured plan could differ from run to run, and so would the last digits. One axis
  // at a time, for estimates of whole grids can be far off.
  fftw_complex *in = (fftw_complex *)(axis == 2 ? from : to), *out = (fftw_complex *)to;
  fft->forward[axis] =
      fftw_plan_guru64_dft(1, &along, n_other, others, in, out, FFTW_FORWARD, FFTW_ESTIMATE);
  fft->backward[axis] =
      fftw_plan_guru64_dft(1, &along, n_other, others, in, out, FFTW_BACKWARD, FFTW_ESTIMATE);
  if (!fft->forward[axis] || !fft->backward[axis])
    return kd_error(KD_ERROR_INTERNAL, "FFTW cannot plan transforms of %zu x %zu x %zu points",
                    n[0], n[1], n[2]);
  return KD_OK;
}

kd_status kd_grid_fft_create(const size_t *n, size_t n_dim, size_t width, size_t room,
                             kd_grid_fft *fft) {
  kd_status status = KD_OK;
  double complex *scratch = NULL;
  *fft = (kd_grid_fft){0};
  for (size_t a = 0; a < 3; a++) fft->n[a] = a + n_dim < 3 ? 1 : n[a + n_dim - 3];
  const size_t last = fft->n[2];
  fft->width = width;
  fft->room = room;
  // Columns over the other axes: no power of 2 from row to row, where they would compete for the
  // same few places of the cache. Fields side by side take care of it by their room.
  fft->pitch = n_dim == 1 || room > 1 ? last : (last / 4 | 1) * 4 + (last % 4 ? 4 : 0);
  fft->volume = (fft->n[0] * fft->n[1] * fft->pitch * room + 3) / 4 * 4;
  fft->n_half = fft->n[0] * fft->n[1] * (last / 2 + 1);
  KD_ALLOCATE(scratch, 2 * fft->volume);
  for (int axis = 2; axis >= 0; axis--)
    if (axis == 2 || fft->n[axis] > 1)
      KD_CHECK(plan_axis(fft, axis, scratch, scratch + fft->volume));

cleanup:
  kd_free(scratch);
  if (status != KD_OK) kd_grid_fft_clear(fft);
  return status;
}

void kd_grid_fft_forward(const kd_grid_fft *fft, double complex *from, double complex *to) {
  const double begin = kd_fft_begin();
  fftw_execute_dft(fft->forward[2], (fftw_complex *)from, (fftw_complex *)to);
  for (int axis = 1; axis >= 0; axis--)
    if (fft->forward[axis])
      fftw_execute_dft(fft->forward[axis], (fftw_complex *)to, (fftw_complex *)to);
  kd_fft_end(begin);
}

void kd_grid_fft_backward(const kd_grid_fft *fft, double complex *from, double complex *to) {
  const double begin = kd_fft_begin();
  for (int axis = 0; axis < 2; axis++)
    if (fft->backward[axis])
      fftw_execute_dft(fft->backward[axis], (fftw_complex *)from, (fftw_complex *)from);
  fftw_execute_dft(fft->backward[2], (fftw_complex *)from, (fftw_complex *)to);
  kd_fft_end(begin);
}

/// One mode and the opposite one.
static inline void multiply_one(size_t n_half, const double *a, const double *b,
                                const double complex *plus, const double complex *minus,
                                double complex *to_plus, double complex *to_minus) {
  const double complex z = *plus, w = conj(*minus);
  const double complex x = (z + w) * (a[0] + I * a[n_half]);
  const double complex y = -I * (z - w) * (b[0] + I * b[n_half]);
  *to_plus = x + I * y;
  *to_minus = conj(x) + I * conj(y);
}

static inline void multiply_lanes(size_t n_half, const double *a, const double *b,
                                  const double complex *plus, const double complex *minus,
                                  double complex *to_plus, double complex *to_minus) {
  kd_zlanes z = kd_zlanes_load(plus), w = kd_zlanes_load_back(minus), x, y;
  kd_take_apart(z, w, &x, &y);
  x = kd_zlanes_times(kd_zlanes_split(a, a + n_half), x);
  y = kd_zlanes_times(kd_zlanes_split(b, b + n_half), y);
  kd_put_together(x, y, &z, &w);
  kd_zlanes_store(to_plus, z);
  kd_zlanes_store_back(to_minus, w);
}

void kd_grid_fft_multiply(const kd_grid_fft *fft, const double *a, const double *b,
                          const double complex *z, double complex *result) {
  const size_t n = fft->n[2], last = n / 2 + 1, inner = (n - 1) / 2, n_half = fft->n_half;
  for (size_t row = 0; row < fft->n[0] * fft->n[1]; row++) {
    const size_t opposite = kd_grid_fft_opposite(fft, row);
    const double *own_a = a + row * last, *own_b = b + row * last;
    const double complex *plus = z + row * fft->pitch, *minus = z + opposite * fft->pitch;
    double complex *to_plus = result + row * fft->pitch;
    double complex *to_minus = result + opposite * fft->pitch;
    // The ends, 0 and Nyquist, meet those of the opposite row twice.
    if (row <= opposite) {
      multiply_one(n_half, own_a, own_b, plus, minus, to_plus, to_minus);
      if (n % 2 == 0)
        multiply_one(n_half, own_a + n / 2, own_b + n / 2, plus + n / 2, minus + n / 2,
                     to_plus + n / 2, to_minus + n / 2);
    }
    // The last block may overlap with the one before, as nothing is overwritten.
    for (size_t i = 0; i < inner; i += inner < KD_LANES ? 1 : KD_LANES) {
      if (inner < KD_LANES) {
        multiply_one(n_half, own_a + i + 1, own_b + i + 1, plus + i + 1, minus + n - i - 1,
                     to_plus + i + 1, to_minus + n - i - 1);
        continue;
      }
      const size_t j = 1 + (i + KD_LANES <= inner ? i : inner - KD_LANES);
      multiply_lanes(n_half, own_a + j, own_b + j, plus + j, minus + n - j, to_plus + j,
                     to_minus + n - j);
    }
  }
}
