#include "collision/vertex.h"

#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"

/// Bonds of a model that are taken without being named.
enum { MOST_BONDS = 32 };
/// Displacements closer than this are the same, angstrom.
static const double SAME_PLACE = 1e-9;

const kd_choice kd_vertex_choices[] = {
    {.name = "onsite", .meaning = "one independent bath per orbital, M_a the projector on it"},
    {.name = "scalar", .meaning = "one bath, M = 1"},
    {.name = "matrix", .meaning = "one bath, M given by the keys re and im"},
    {.name = "bond",
     .meaning = "one independent bath per bond, which modulates its hopping: depends on k and k'",
     .reference = "Su, Schrieffer and Heeger, Phys. Rev. Lett. 42, 1698 (1979)"},
    {.name = NULL}};

static kd_status make_diagonal(bool is_onsite, kd_vertex *v) {
  kd_status status = KD_OK;
  v->n_coupling = is_onsite ? v->n_band : 1;
  v->n_term = v->n_band;
  KD_ALLOCATE(v->term, v->n_term);
  for (size_t a = 0; a < v->n_band; a++)
    v->term[a] = (kd_vertex_term){.coupling = is_onsite ? a : 0, .row = a, .column = a, .value = 1};

cleanup:
  return status;
}

static kd_status read_matrix(const kd_section *section, kd_vertex *v) {
  kd_status status = KD_OK;
  const size_t n = v->n_band;
  double complex *matrix = NULL;
  KD_ALLOCATE(matrix, n * n);
  for (int part = 0; part < 2; part++) {
    const char *key = part ? "im" : "re";
    size_t n_row, n_column;
    if (!kd_section_has(section, key)) continue;
    const double *given = kd_section_matrix(section, key, &n_row, &n_column);
    if (n_row != n || n_column != n) {
      status = kd_section_error(section, key,
                                "a %zu x %zu matrix (expected %zu x %zu, the number of bands)",
                                n_row, n_column, n, n);
      goto cleanup;
    }
    for (size_t i = 0; i < n * n; i++) matrix[i] += (part ? I : 1) * given[i];
  }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      if (cabs(matrix[i * n + j] - conj(matrix[j * n + i])) > 1e-9) {
        status = kd_section_error(section, "vertex",
                                  "element [%zu][%zu] is not the conjugate of [%zu][%zu] (expected "
                                  "a Hermitian matrix)",
                                  i, j, j, i);
        goto cleanup;
      }
  v->n_coupling = 1;
  KD_ALLOCATE(v->term, n * n);
  for (size_t i = 0; i < n * n; i++)
    if (matrix[i] != 0)
      v->term[v->n_term++] = (kd_vertex_term){.row = i / n, .column = i % n, .value = matrix[i]};

cleanup:
  kd_free(matrix);
  return status;
}

/// The named bonds, with the phases of their hoppings in the model, 1 where it has none.
static kd_status read_bonds(const kd_section *section, const kd_model *model, kd_bond **bond,
                            size_t *count) {
  const size_t n_dim = kd_model_n_dim(model), n_band = kd_model_n_band(model);
  kd_bond *own = NULL, *named = NULL;
  size_t n_own, n_row, n_column;
  *bond = NULL;
  kd_status status = kd_model_bonds(model, &own, &n_own);
  if (status != KD_OK) goto cleanup;
  if (!kd_section_has(section, "bonds")) {
    if (n_own == 0 || n_own > MOST_BONDS) {
      status = kd_section_error(section, "vertex",
                                "a model with %zu bonds (expected 1 to %d, or the key bonds)",
                                n_own, MOST_BONDS);
      goto cleanup;
    }
    *bond = own;
    *count = n_own;
    return KD_OK;
  }
  const double *given = kd_section_matrix(section, "bonds", &n_row, &n_column);
  if (n_column != 2 + n_dim) {
    status = kd_section_error(section, "bonds",
                              "%zu numbers per bond (expected %zu: two orbitals and %zu numbers of "
                              "cells)",
                              n_column, 2 + n_dim, n_dim);
    goto cleanup;
  }
  KD_ALLOCATE(named, n_row);
  for (size_t b = 0; b < n_row; b++) {
    const double *row = given + b * n_column;
    for (size_t i = 0; i < n_column; i++) {
      const bool is_orbital = i < 2;
      if (row[i] == rint(row[i]) && fabs(row[i]) < 1e6 &&
          !(is_orbital && (row[i] < 0 || row[i] >= (double)n_band)))
        continue;
      status = kd_section_error(section, "bonds", "%g in bond %zu (expected %s)", row[i], b,
                                is_orbital ? "the number of an orbital, from 0" : "a whole number");
      goto cleanup;
    }
    named[b] = (kd_bond){.from = (size_t)row[0], .to = (size_t)row[1], .energy = 1};
    for (size_t d = 0; d < n_dim; d++) named[b].cell[d] = (long)row[2 + d];
    for (size_t i = 0; i < n_own; i++) {
      const kd_bond *o = &own[i];
      bool same = o->from == named[b].from && o->to == named[b].to;
      bool opposite = o->from == named[b].to && o->to == named[b].from;
      for (size_t d = 0; d < n_dim; d++) {
        same = same && o->cell[d] == named[b].cell[d];
        opposite = opposite && o->cell[d] == -named[b].cell[d];
      }
      if (same) named[b].energy = o->energy;
      if (opposite) named[b].energy = conj(o->energy);
    }
    bool at_home = named[b].from == named[b].to;
    for (size_t d = 0; d < n_dim; d++) at_home = at_home && named[b].cell[d] == 0;
    if (at_home) {
      status = kd_section_error(section, "bonds",
                                "bond %zu joins orbital %zu with itself (expected two orbitals; "
                                "vertex: onsite couples to one)",
                                b, named[b].from);
      goto cleanup;
    }
  }
  *bond = named;
  *count = n_row;
  named = NULL;

cleanup:
  kd_free(own);
  kd_free(named);
  return status;
}

static kd_status make_bonds(const kd_section *section, const kd_model *model, kd_vertex *v) {
  kd_status status = KD_OK;
  kd_bond *bond = NULL;
  if (!kd_model_is_periodic(model))
    return kd_section_error(section, "vertex",
                            "bond in a k.p model, which has none (expected a lattice model)");
  KD_TRY(read_bonds(section, model, &bond, &v->n_coupling));
  KD_ALLOCATE(v->term, 2 * v->n_coupling);
  const double *vector = kd_model_duals(model);
  for (size_t b = 0; b < v->n_coupling; b++) {
    const double complex u = bond[b].energy / cabs(bond[b].energy);
    kd_vertex_term *there = &v->term[v->n_term++], *back = &v->term[v->n_term++];
    *there = (kd_vertex_term){.coupling = b, .row = bond[b].from, .column = bond[b].to, .value = u};
    *back = (kd_vertex_term){
        .coupling = b, .row = bond[b].to, .column = bond[b].from, .value = conj(u)};
    for (size_t d = 0; d < kd_model_n_dim(model); d++)
      for (size_t x = 0; x < 3; x++) {
        const double step = (double)bond[b].cell[d] * vector[3 * d + x];
        there->right[x] += step;
        back->left[x] -= step;
      }
  }
  v->has_phases = true;

cleanup:
  kd_free(bond);
  return status;
}

kd_status kd_vertex_create(const kd_section *section, const kd_model *model, kd_vertex *vertex) {
  const char *name = kd_section_text(section, "vertex");
  const bool is_matrix = strcmp(name, "matrix") == 0, is_bond = strcmp(name, "bond") == 0;
  const bool has_elements = kd_section_has(section, "re") || kd_section_has(section, "im");
  *vertex = (kd_vertex){.n_band = kd_model_n_band(model)};
  if (is_matrix != has_elements)
    return kd_section_error(section, "vertex",
                            is_matrix ? "no elements (expected the keys re, im or both)"
                                      : "elements beside a named vertex (expected either)");
  if (!is_bond && kd_section_has(section, "bonds"))
    return kd_section_error(section, "bonds", "bonds for vertex: %s (expected vertex: bond)", name);
  if (is_matrix) return read_matrix(section, vertex);
  if (is_bond) return make_bonds(section, model, vertex);
  return make_diagonal(strcmp(name, "onsite") == 0, vertex);
}

void kd_vertex_clear(kd_vertex *vertex) {
  kd_free(vertex->term);
  *vertex = (kd_vertex){0};
}

static bool same_place(const double a[3], const double b[3]) {
  return fabs(a[0] - b[0]) < SAME_PLACE && fabs(a[1] - b[1]) < SAME_PLACE &&
         fabs(a[2] - b[2]) < SAME_PLACE;
}

bool kd_vertex_same(const kd_vertex *left, const kd_vertex *right) {
  if (left->n_term != right->n_term || left->n_coupling != right->n_coupling) return false;
  for (size_t t = 0; t < left->n_term; t++) {
    const kd_vertex_term *a = &left->term[t], *b = &right->term[t];
    if (a->coupling != b->coupling || a->row != b->row || a->column != b->column ||
        a->value != b->value || !same_place(a->left, b->left) || !same_place(a->right, b->right))
      return false;
  }
  return true;
}

static double dot(const double a[3], const double b[3]) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

void kd_vertex_matrix(const kd_vertex *vertex, size_t coupling, const double k[3],
                      const double k_prime[3], double complex *matrix) {
  memset(matrix, 0, vertex->n_band * vertex->n_band * sizeof *matrix);
  for (size_t t = 0; t < vertex->n_term; t++) {
    const kd_vertex_term *m = &vertex->term[t];
    if (m->coupling != coupling) continue;
    const double angle = dot(k, m->left) + dot(k_prime, m->right);
    matrix[m->row * vertex->n_band + m->column] += m->value * (cos(angle) + I * sin(angle));
  }
}

void kd_vertex_apply(const kd_vertex *vertex, const double complex *g, double complex *y) {
  const size_t n = vertex->n_band;
  memset(y, 0, n * n * sizeof *y);
  for (size_t t = 0; t < vertex->n_term; t++)
    for (size_t u = 0; u < vertex->n_term; u++) {
      const kd_vertex_term *left = &vertex->term[t], *right = &vertex->term[u];
      if (left->coupling != right->coupling) continue;
      y[left->row * n + right->row] +=
          left->value * conj(right->value) * g[left->column * n + right->column];
    }
}

void kd_vertex_channels_free(kd_vertex_channel *channel, size_t count) {
  for (size_t c = 0; c < count && channel; c++) kd_free(channel[c].source);
  kd_free(channel);
}

/// Adds one source to a channel, to the one of the same element and phase if there is one.
static void add_source(kd_vertex_channel *c, size_t element, const double inner[3],
                       double complex weight) {
  size_t s = 0;
  while (s < c->n_source &&
         !(c->source[s].element == element && same_place(c->source[s].inner, inner)))
    s++;
  if (s == c->n_source) {
    c->source[s] = (kd_vertex_source){.element = element};
    memcpy(c->source[s].inner, inner, sizeof c->source[s].inner);
    c->n_source++;
  }
  c->source[s].weight += weight;
}

static size_t in_row(const kd_vertex *vertex, size_t row) {
  size_t count = 0;
  for (size_t t = 0; t < vertex->n_term; t++) count += vertex->term[t].row == row;
  return count;
}

kd_status kd_vertex_channels(const kd_vertex *vertex, kd_vertex_channel **result, size_t *count) {
  kd_status status = KD_OK;
  const size_t n = vertex->n_band, n_term = vertex->n_term;
  static const double home[3] = {0};
  kd_vertex_channel *channel = NULL;
  size_t n_channel = 0;
  *result = NULL;
  *count = 0;
  KD_ALLOCATE(channel, n_term * n_term);
  for (size_t t = 0; t < n_term; t++)
    for (size_t u = 0; u < n_term; u++) {
      const kd_vertex_term *left = &vertex->term[t], *right = &vertex->term[u];
      if (left->coupling != right->coupling) continue;
      double outer[3], inner[3];
      for (int x = 0; x < 3; x++) {
        outer[x] = left->left[x] - right->left[x];
        inner[x] = left->right[x] - right->right[x];
      }
      const size_t target = left->row * n + right->row;
      size_t c = 0;
      while (c < n_channel && !(channel[c].target == target && same_place(channel[c].outer, outer)))
        c++;
      if (c == n_channel) {
        channel[c] = (kd_vertex_channel){.target = target, .has_outer = !same_place(outer, home)};
        memcpy(channel[c].outer, outer, sizeof outer);
        n_channel++;
        KD_ALLOCATE(channel[c].source, in_row(vertex, left->row) * in_row(vertex, right->row));
      }
      add_source(&channel[c], left->column * n + right->column, inner,
                 left->value * conj(right->value));
    }
  *result = channel;
  *count = n_channel;
  channel = NULL;

cleanup:
  kd_vertex_channels_free(channel, n_channel);
  return status;
}
