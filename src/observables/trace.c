#include "observables/trace.h"

#include <math.h>

static void add_number(const kd_local *k, double *value) {
  for (size_t a = 0; a < k->n_band; a++) value[0] += creal(k->f[a * k->n_band + a]);
}

static void add_energy(const kd_local *k, double *value) {
  const size_t n = k->n_band;
  for (size_t a = 0; a < n; a++) {
    value[0] += creal(k->h[a * n + a]) * creal(k->f[a * n + a]);
    for (size_t b = a + 1; b < n; b++)
      value[0] += 2 * (creal(k->h[a * n + b]) * creal(k->f[a * n + b]) +
                       cimag(k->h[a * n + b]) * cimag(k->f[a * n + b]));
  }
}

/// x ln x, 0 for x <= 0.
static double x_log_x(double x) {
  return x > 0 ? x * log(x) : 0;
}

static void add_entropy(const kd_local *k, double *value) {
  for (size_t a = 0; a < k->n_band; a++) {
    const double x = k->level[a];
    switch (k->statistics) {
    case KD_FERMION:
      value[0] -= x_log_x(x) + x_log_x(1 - x);
      break;
    case KD_BOSON:
      value[0] += x_log_x(1 + x) - x_log_x(x);
      break;
    case KD_CLASSICAL:
      value[0] -= x_log_x(x) - x;
      break;
    }
  }
}

static void add_min_f(const kd_local *k, double *value) {
  value[0] = fmin(value[0], k->level[0]);
}

static void add_min_1mf(const kd_local *k, double *value) {
  value[0] = fmin(value[0], 1 - k->level[k->n_band - 1]);
}

/// Degenerate levels share their population equally.
void kd_trace_population(const kd_local *k, double *value) {
  const size_t n = k->n_band;
  for (size_t start = 0; start < n;) {
    size_t end = start;
    double sum = 0;
    while (end < n && k->first[end] == start) sum += creal(k->f_band[end * (n + 1)]), end++;
    for (size_t a = start; a < end; a++) value[a] += sum / (double)(end - start);
    start = end;
  }
}

/// |f_nm| between groups of levels: the Frobenius norm of the block, spread evenly over its
/// elements so that it does not depend on the eigenvectors chosen inside a group. Zero inside a
/// group.
static void add_coherence(const kd_local *k, double *value) {
  const size_t n = k->n_band;
  for (size_t i = 0; i < n;) {
    size_t i_end = i;
    while (i_end < n && k->first[i_end] == i) i_end++;
    for (size_t j = i_end; j < n;) {
      size_t j_end = j;
      while (j_end < n && k->first[j_end] == j) j_end++;
      double square = 0;
      for (size_t a = i; a < i_end; a++)
        for (size_t b = j; b < j_end; b++) {
          const double complex z = k->f_band[a * n + b];
          square += creal(z) * creal(z) + cimag(z) * cimag(z);
        }
      const double share = sqrt(square / (double)((i_end - i) * (j_end - j)));
      for (size_t a = i; a < i_end; a++)
        for (size_t b = j; b < j_end; b++) {
          value[a * n + b] += share;
          value[b * n + a] += share;
        }
      j = j_end;
    }
    i = i_end;
  }
}

/// Tr(v f) over pairs of levels in the same group (`intra`), in different ones, or all.
static void add_current_part(const kd_local *k, bool intra, bool inter, double *value) {
  const size_t n = k->n_band;
  for (size_t d = 0; d < k->n_dim; d++) {
    double sum = 0;
    for (size_t a = 0; a < n; a++)
      for (size_t b = 0; b < n; b++) {
        const bool same = k->first[a] == k->first[b];
        if (same ? !intra : !inter) continue;
        const double complex v = k->v_band[d][a * n + b], f = k->f_band[b * n + a];
        sum += creal(v) * creal(f) - cimag(v) * cimag(f);
      }
    value[d] += k->charge * sum;
  }
}

static void add_current(const kd_local *k, double *value) {
  add_current_part(k, true, true, value);
}
static void add_current_intra(const kd_local *k, double *value) {
  add_current_part(k, true, false, value);
}
static void add_current_inter(const kd_local *k, double *value) {
  add_current_part(k, false, true, value);
}

/// Tr f^2; the measurement divides by Tr f.
static void add_square(const kd_local *k, double *value) {
  for (size_t c = 0; c < k->n_band * k->n_band; c++)
    value[0] += creal(k->f[c]) * creal(k->f[c]) + cimag(k->f[c]) * cimag(k->f[c]);
}

/// |W| - W for W = Tr f.
static void add_negativity(const kd_local *k, double *value) {
  double w = 0;
  add_number(k, &w);
  value[0] += fabs(w) - w;
}

kd_dataset kd_trace_dataset(const kd_trace *trace) {
  static const char *const axes[] = {[KD_SCALAR] = NULL,
                                     [KD_BAND] = "band",
                                     [KD_BAND_BAND] = "band band_2",
                                     [KD_DIRECTION] = "direction"};
  return (kd_dataset){.name = trace->name,
                      .axes = axes[trace->shape],
                      .unit = trace->unit,
                      .long_name = trace->long_name,
                      .reference = trace->reference,
                      .when = trace->in_space ? "with `grid.r`" : NULL,
                      .note = trace->carries_spin ? "with spin" : NULL};
}

static const char CURRENT_SOURCE[] = "Trukhan and Protik, sec. VI, eq. 56";

const kd_trace kd_traces[] = {
    {.name = "number",
     .rule = KD_AVERAGE,
     .carries_spin = true,
     .unit = "1",
     .long_name = "particles per cell, g_s (1/N_k) sum_k Tr f",
     .add = add_number},
    {.name = "energy",
     .rule = KD_AVERAGE,
     .carries_spin = true,
     .unit = "eV",
     .long_name = "band energy per cell, g_s (1/N_k) sum_k Tr(H f)",
     .add = add_energy},
    {.name = "work",
     .rule = KD_GLOBAL,
     .carries_spin = true,
     .unit = "eV",
     .long_name = "work done by the field per cell, time integral of J.E"},
    {.name = "entropy",
     .rule = KD_AVERAGE,
     .carries_spin = true,
     .unit = "1",
     .long_name = "entropy per cell over k_B, g_s (1/N_k) sum_k Tr s: fermions s = -f ln f - (1-f) "
                  "ln(1-f), bosons (1+f) ln(1+f) - f ln f, classical f - f ln f",
     .reference = "Spohn, sec. 4",
     .add = add_entropy},
    {.name = "purity",
     .rule = KD_AVERAGE,
     .unit = "1",
     .long_name = "purity, sum_k Tr f^2 / sum_k Tr f; 1 for filled or empty states",
     .add = add_square},
    {.name = "min_f",
     .rule = KD_MINIMUM,
     .unit = "1",
     .long_name = "smallest eigenvalue of f over k",
     .add = add_min_f},
    {.name = "min_1mf",
     .rule = KD_MINIMUM,
     .unit = "1",
     .long_name = "smallest eigenvalue of 1 - f over k, not negative for fermions",
     .add = add_min_1mf},
    {.name = "population",
     .shape = KD_BAND,
     .rule = KD_AVERAGE,
     .unit = "1",
     .long_name = "band population per cell and spin",
     .add = kd_trace_population},
    {.name = "coherence",
     .shape = KD_BAND_BAND,
     .rule = KD_AVERAGE,
     .on_grid = true, // a sum of moduli depends on where its points lie
     .unit = "1",
     .long_name = "interband coherence per cell and spin, (1/N_k) sum_k |f_nm| for n != m",
     .add = add_coherence},
    {.name = "current",
     .shape = KD_DIRECTION,
     .rule = KD_AVERAGE,
     .carries_spin = true,
     .vanishes_for_reference = true,
     .unit = "e angstrom/fs",
     .long_name = "current per cell, charge g_s (1/N_k) sum_k Tr(v f)",
     .reference = CURRENT_SOURCE,
     .add = add_current},
    {.name = "current_intra",
     .shape = KD_DIRECTION,
     .rule = KD_AVERAGE,
     .carries_spin = true,
     .vanishes_for_reference = true,
     .unit = "e angstrom/fs",
     .long_name = "current of the band populations, per cell",
     .reference = CURRENT_SOURCE,
     .add = add_current_intra},
    {.name = "current_inter",
     .shape = KD_DIRECTION,
     .rule = KD_AVERAGE,
     .carries_spin = true,
     .vanishes_for_reference = true,
     .unit = "e angstrom/fs",
     .long_name = "current of the interband coherences, per cell",
     .reference = CURRENT_SOURCE,
     .add = add_current_inter},
    {.name = "field",
     .shape = KD_DIRECTION,
     .rule = KD_GLOBAL,
     .unit = "V/angstrom",
     .long_name = "electric field, without delta kicks"},
    {.name = "negativity",
     .rule = KD_AVERAGE,
     .carries_spin = true,
     .in_space = true,
     .unit = "1",
     .long_name =
         "negativity of the Wigner function W = Tr f, g_s (1/N_k) sum_k (|W| - W) over the "
         "box: twice the weight of its negative parts",
     .reference = "Kenfack and Zyczkowski, J. Opt. B 6, 396 (2004)",
     .add = add_negativity},
    {.name = NULL}};
