#include "collision/lindblad.h"

#include <math.h>
#include <string.h>

#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"
#include "core/parallel.h"
#include "state/thermal.h"

/// Bytes of the table of amplitudes that are still allowed.
#define LARGEST_TABLE ((size_t)4 << 30)

struct kd_lindblad {
  kd_lindblad_setting s;
  size_t n_band, n_k, n_coupling; ///< couplings of all baths
  double hbar;
  double complex *amplitude; ///< [coupling][k][k'][n_band][n_band]
  double complex *f;         ///< in the eigenbasis, [k][n_band][n_band]
  double *rate;              ///< at which the levels are emptied, [n_k][n_band], 1/fs
  double *equilibrium;       ///< linearized: the thermal function, packed
  double *displaced, *change;
};

void kd_lindblad_free(kd_lindblad *l) {
  if (!l) return;
  kd_free(l->amplitude);
  kd_free(l->f);
  kd_free(l->rate);
  kd_free(l->equilibrium);
  kd_free(l->displaced);
  kd_free(l->change);
  kd_free(l);
}

/// A(k, k') of one coupling.
static const double complex *amplitude(const kd_lindblad *l, size_t coupling, size_t k, size_t k2) {
  return l->amplitude + ((coupling * l->n_k + k) * l->n_k + k2) * l->n_band * l->n_band;
}

static void fill_amplitudes(kd_lindblad *l, const kd_bath *bath, size_t from, size_t k) {
  const size_t n = l->n_band;
  const kd_bands *b = l->s.bands;
  double here[3], there[3];
  kd_model_k(l->s.model, k, here);
  for (size_t k2 = 0; k2 < l->n_k; k2++) {
    const size_t q = kd_difference_index(l->s.model, k, k2);
    const double complex *left = b->vector + k * n * n, *right = b->vector + k2 * n * n;
    kd_model_k(l->s.model, k2, there);
    for (size_t a = 0; a < bath->vertex.n_coupling; a++) {
      double complex m[KD_MAX_MATRIX];
      double complex *to = l->amplitude + (((from + a) * l->n_k + k) * l->n_k + k2) * n * n;
      kd_vertex_matrix(&bath->vertex, a, here, there, m);
      for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
          double complex element = 0;
          for (size_t o = 0; o < n; o++)
            for (size_t u = 0; u < n; u++)
              element += conj(left[o * n + i]) * m[o * n + u] * right[u * n + j];
          const double x = b->energy[k * n + i] - b->energy[k2 * n + j];
          to[i * n + j] = element * sqrt(kd_bath_kernel(bath, q, KD_LESSER, x));
        }
    }
  }
}

/// sum += A g A^dagger, or A^dagger g A.
static void add_sandwich(size_t n, const double complex *a, bool is_adjoint,
                         const double complex *g, double complex *sum) {
  double complex left[KD_MAX_MATRIX];
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double complex value = 0;
      for (size_t m = 0; m < n; m++)
        value += (is_adjoint ? conj(a[m * n + i]) : a[i * n + m]) * g[m * n + j];
      left[i * n + j] = value;
    }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      for (size_t m = 0; m < n; m++)
        sum[i * n + j] += left[i * n + m] * (is_adjoint ? a[m * n + j] : conj(a[j * n + m]));
}

/// df += s C[f]
/// @param level_rate  receives the rates at which the levels are emptied; NULL: not wanted
static void add_rate(kd_lindblad *l, double s, const double *f, double *df, double *level_rate) {
  const size_t n = l->n_band, n_k = l->n_k;
  const double theta = l->s.theta, factor = 1 / (l->hbar * (double)n_k);
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(n * n * n_k))
  for (size_t k = 0; k < n_k; k++) {
    double complex matrix[KD_MAX_MATRIX], scratch[KD_MAX_MATRIX];
    kd_unpack(f, n, n_k, k, matrix);
    kd_eigen_rotate(n, l->s.bands->vector + k * n * n, true, matrix, l->f + k * n * n, scratch);
  }
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(n * n * n_k * n_k))
  for (size_t k = 0; k < n_k; k++) {
    double complex in[KD_MAX_MATRIX], out[KD_MAX_MATRIX], rate[KD_MAX_MATRIX],
        scratch[KD_MAX_MATRIX];
    const double complex *own = l->f + k * n * n;
    memset(in, 0, n * n * sizeof *in);
    memset(out, 0, n * n * sizeof *out);
    for (size_t c = 0; c < l->n_coupling; c++)
      for (size_t k2 = 0; k2 < n_k; k2++) {
        double complex hole[KD_MAX_MATRIX];
        const double complex *other = l->f + k2 * n * n;
        for (size_t e = 0; e < n * n; e++) hole[e] = theta * other[e];
        for (size_t a = 0; a < n; a++) hole[a * n + a] += 1;
        add_sandwich(n, amplitude(l, c, k, k2), false, other, in);
        add_sandwich(n, amplitude(l, c, k2, k), true, hole, out);
      }
    // 1/2 {in, 1 + theta f} - 1/2 {out, f} = in - 1/2 {out - theta in, f}
    for (size_t e = 0; e < n * n; e++) {
      rate[e] = in[e];
      out[e] -= theta * in[e];
    }
    for (size_t i = 0; i < n; i++) {
      if (level_rate) level_rate[k * n + i] = factor * creal(out[i * n + i]);
      for (size_t j = 0; j < n; j++)
        for (size_t m = 0; m < n; m++)
          rate[i * n + j] -=
              0.5 * (out[i * n + m] * own[m * n + j] + own[i * n + m] * out[m * n + j]);
    }
    for (size_t e = 0; e < n * n; e++) rate[e] *= s * factor;
    kd_eigen_rotate(n, l->s.bands->vector + k * n * n, false, rate, in, scratch);
    kd_add_packed(in, n, n_k, k, df);
  }
}

kd_status kd_lindblad_create(const kd_lindblad_setting *setting, kd_lindblad **result) {
  kd_status status = KD_OK;
  const size_t n = setting->bands->n_band, n_k = setting->bands->n_k;
  kd_lindblad *l = NULL;
  *result = NULL;
  KD_ALLOCATE(l, 1);
  l->s = *setting;
  l->n_band = n;
  l->n_k = n_k;
  l->hbar = kd_model_hbar(setting->model);
  for (size_t b = 0; b < setting->n_bath; b++) l->n_coupling += setting->bath[b].vertex.n_coupling;
  const double bytes =
      (double)l->n_coupling * (double)n_k * (double)n_k * (double)(n * n) * sizeof *l->amplitude;
  if (bytes > (double)LARGEST_TABLE) {
    status = kd_error(KD_ERROR_SCENARIO,
                      "collisions.ansatz: lindblad needs a table of %.3g GiB for %zu k points "
                      "(expected at most %zu GiB: fewer points or couplings)",
                      bytes / (1 << 30), n_k, LARGEST_TABLE >> 30);
    goto cleanup;
  }
  KD_ALLOCATE(l->amplitude, l->n_coupling * n_k * n_k * n * n);
  KD_ALLOCATE(l->f, n_k * n * n);
  KD_ALLOCATE(l->rate, n_k * n);
  size_t from = 0;
  for (size_t b = 0; b < setting->n_bath; b++) {
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(n_k * n_k * n * n))
    for (size_t k = 0; k < n_k; k++) fill_amplitudes(l, &setting->bath[b], from, k);
    from += setting->bath[b].vertex.n_coupling;
  }
  if (setting->is_linearised) {
    KD_ALLOCATE(l->equilibrium, n * n * n_k);
    KD_ALLOCATE(l->displaced, n * n * n_k);
    KD_ALLOCATE(l->change, n * n * n_k);
    kd_thermal_field(setting->bands, setting->thermal, l->equilibrium);
    add_rate(l, 0, l->equilibrium, l->change, l->rate);
    l->s.thermal = NULL; // may not live longer than this call
  }
  *result = l;
  l = NULL;

cleanup:
  kd_lindblad_free(l);
  return status;
}

kd_status kd_lindblad_add_rate(kd_lindblad *l, const double *f, double *df) {
  const size_t n = l->n_band * l->n_band * l->n_k;
  if (!l->s.is_linearised) {
    add_rate(l, 1, f, df, l->rate);
    return KD_OK;
  }
  // C is quadratic in f, so that half the difference at f_eq + d and f_eq - d is its linear part.
  for (size_t i = 0; i < n; i++) l->change[i] = f[i] - (l->s.is_response ? 0 : l->equilibrium[i]);
  for (int side = -1; side <= 1; side += 2) {
    for (size_t i = 0; i < n; i++) l->displaced[i] = l->equilibrium[i] + side * l->change[i];
    add_rate(l, 0.5 * side, l->displaced, df, NULL);
  }
  if (!l->s.is_response) add_rate(l, 1, l->equilibrium, df, NULL);
  return KD_OK;
}

void kd_lindblad_add_out_rates(const kd_lindblad *l, double *rates) {
  for (size_t i = 0; i < l->n_k * l->n_band; i++) rates[i] += l->rate[i];
}

size_t kd_lindblad_bytes(const kd_lindblad *l) {
  const size_t n = l->n_band * l->n_band;
  return (l->n_coupling * l->n_k + 1) * l->n_k * n * sizeof *l->amplitude +
         l->n_k * (l->n_band + (l->equilibrium ? 3 * n : 0)) * sizeof(double);
}
