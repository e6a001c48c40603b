#include "collision/ansatz.h"

#include <string.h>

static size_t one_per_level(size_t n_band) {
  return n_band;
}

static double level_energy(size_t n_band, const double *level, size_t p) {
  (void)n_band;
  return level[p];
}

/// P_p, in the eigenbasis.
static void projector(size_t n, size_t p, double complex *g) {
  memset(g, 0, n * n * sizeof *g);
  g[p * n + p] = 1;
}

/// (P_p f + f P_p)/2: row and column p, halved (Trukhan and Protik, eq. 25).
static void symmetric(size_t n, size_t p, const double complex *f, double complex *g) {
  memset(g, 0, n * n * sizeof *g);
  for (size_t a = 0; a < n; a++) {
    g[p * n + a] += 0.5 * f[p * n + a];
    g[a * n + p] += 0.5 * f[a * n + p];
  }
}

/// P_p f: the retarded half of G^< = i (G^R f - f G^A).
static void retarded(size_t n, size_t p, const double complex *f, double complex *g) {
  memset(g, 0, n * n * sizeof *g);
  memcpy(g + p * n, f + p * n, n * sizeof *g);
}

/// Pieces of `average`: first the levels, then the pairs a < b at the mean energy.
static void pair_of(size_t n, size_t p, size_t *a, size_t *b) {
  if (p < n) {
    *a = *b = p;
    return;
  }
  p -= n;
  for (*a = 0; p >= n - 1 - *a; (*a)++) p -= n - 1 - *a;
  *b = *a + 1 + p;
}

static size_t one_per_pair(size_t n_band) {
  return n_band * (n_band + 1) / 2;
}

static double pair_energy(size_t n_band, const double *level, size_t p) {
  size_t a, b;
  pair_of(n_band, p, &a, &b);
  return 0.5 * (level[a] + level[b]);
}

static void pair_element(size_t n, size_t p, const double complex *f, double complex *g) {
  size_t a, b;
  pair_of(n, p, &a, &b);
  memset(g, 0, n * n * sizeof *g);
  g[a * n + b] = f[a * n + b];
  g[b * n + a] = f[b * n + a];
}

static void pair_weight(size_t n, size_t p, double complex *g) {
  memset(g, 0, n * n * sizeof *g);
  if (p < n) g[p * n + p] = 1;
}

static const kd_ansatz matrix = {.name = "matrix",
                                 .n_piece = one_per_level,
                                 .energy = level_energy,
                                 .occupied = symmetric,
                                 .weight = projector};
static const kd_ansatz causal = {.name = "causal",
                                 .n_piece = one_per_level,
                                 .energy = level_energy,
                                 .occupied = retarded,
                                 .weight = projector,
                                 .is_adjoint_outside = true,
                                 .has_principal = true};
static const kd_ansatz average = {.name = "average",
                                  .n_piece = one_per_pair,
                                  .energy = pair_energy,
                                  .occupied = pair_element,
                                  .weight = pair_weight};
static const kd_ansatz diagonal = {.name = "diagonal",
                                   .n_piece = one_per_level,
                                   .energy = level_energy,
                                   .occupied = symmetric,
                                   .weight = projector,
                                   .is_diagonal = true};

const kd_ansatz *const kd_ansatze[] = {&matrix, &causal, &average, &diagonal, NULL};
