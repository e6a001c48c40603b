/// A phase space and its two flows, for benchmarks.
#ifndef BENCHMARKS_PHASE_SPACE_STAGE_H
#define BENCHMARKS_PHASE_SPACE_STAGE_H

#include <math.h>
#include <string.h>

#include "measure.h"

#include "core/comm.h"
#include "core/memory.h"
#include "drift/phase_space.h"
#include "keldrift/keldrift.h"

typedef struct stage {
  kd_scenario *scenario;
  kd_model *model;
  kd_space *space;
  kd_phase_space *flow;
  size_t n_dim, n_r, n_k, n_component, count; ///< of this process
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

/// @param comm  processes among which R is shared out
static void stage_create(size_t n_band, size_t n_r, size_t n_k, size_t n_dim, const kd_comm *comm,
                         stage *s) {
  char text[8192];
  size_t first;
  write_scenario(n_band, n_r, n_k, n_dim, text, sizeof text);
  *s = (stage){.n_dim = n_dim, .n_component = n_band * n_band, .dt = 0.05};
  check(kd_scenario_parse(text, strlen(text), "benchmark", NULL, 0, &s->scenario));
  check(kd_model_create(s->scenario, &s->model));
  check(kd_space_create(s->scenario, s->model, &s->space));
  check(kd_space_share(s->space, comm));
  check(kd_phase_space_create(s->model, s->space, false, &s->flow));
  kd_space_slab(s->space, &first, &s->n_r);
  s->n_k = kd_model_n_k(s->model);
  s->count = s->n_r * s->n_component * s->n_k;
  s->f = checked(kd_comm_allocate(kd_space_comm(s->space), s->count));
  for (size_t i = 0; i < s->count; i++)
    s->f[i] = 0.1 * cos((double)(first * s->n_component * s->n_k + i));
}

static void stage_clear(stage *s) {
  if (s->space) kd_comm_release(kd_space_comm(s->space), s->f);
  kd_phase_space_free(s->flow);
  kd_space_free(s->space);
  kd_model_free(s->model);
  kd_scenario_free(s->scenario);
}

/// @param t, dt  others than before make new tables
static void kinetic(stage *s, double dt) {
  check(kd_phase_space_kinetic(s->flow, (const double[3]){0}, dt, s->f));
}
static void potential(stage *s, double t) {
  check(kd_phase_space_potential(s->flow, t, (const double[3]){0.01}, s->dt, s->f));
}

#endif
