#include "propagator/power.h"

#include "core/error.h"
#include "core/memory.h"

enum { BLOCK = 4096, MAX_BLOCKS_AT_ONCE = 256 };

double kd_dot(const double *a, const double *b, size_t n) {
  double total = 0, carry = 0;
  const size_t n_block = (n + BLOCK - 1) / BLOCK;
  for (size_t start = 0; start < n_block; start += MAX_BLOCKS_AT_ONCE) {
    const size_t count =
        n_block - start < MAX_BLOCKS_AT_ONCE ? n_block - start : MAX_BLOCKS_AT_ONCE;
    double part[MAX_BLOCKS_AT_ONCE];
#pragma omp parallel for schedule(static) if (count > 8)
    for (size_t block = 0; block < count; block++) {
      const size_t first = (start + block) * BLOCK;
      const size_t last = first + BLOCK < n ? first + BLOCK : n;
      double sum = 0;
      for (size_t i = first; i < last; i++) sum += a[i] * b[i];
      part[block] = sum;
    }
    for (size_t block = 0; block < count; block++) {
      const double y = part[block] - carry, t = total + y;
      carry = (t - total) - y;
      total = t;
    }
  }
  return total;
}

static double factor(const kd_propagator *p) {
  return kd_model_charge(p->model) * kd_model_spin_degeneracy(p->model) / (double)p->n_k;
}

kd_status kd_power(kd_propagator *p, const double shift[3], const double e[3], const double *f,
                   double *power) {
  kd_model_velocity(p->model, shift, e, p->v);
  *power = factor(p) * kd_dot(p->v, f, p->n);
  if (kd_reference_is_zero(p->reference)) return KD_OK;
  KD_TRY(kd_reference_sample(p->reference, p->model, shift, p->scratch));
  *power -= factor(p) * kd_dot(p->v, p->scratch, p->n);
  return KD_OK;
}
