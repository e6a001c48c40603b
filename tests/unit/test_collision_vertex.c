/// Vertices: what the scenario asks for, and bonds against operators on a ring in real space.
#include "collision_fixture.h"

#include "collision/vertex.h"

#define DIMERS                                                                                     \
  "units: natural\nmodel: {kind: ssh, t1: 1, t2: 0.5, lattice_constant: 2}\n" SHORT_RUN            \
  "initial: {kind: equilibrium, temperature: 1, chemical_potential: 0}\n"

typedef struct vertices {
  stage stage;
  size_t count;
  kd_vertex vertex[4];
} vertices;

static kd_status vertices_try(const char *model, const char *terms, vertices *v) {
  *v = (vertices){
      .stage = stage_create(
          text_of("%scollisions: {ansatz: matrix, broadening: 1, terms: [%s]}\n", model, terms),
          TO_MODEL)};
  const kd_section *section = kd_section_child(kd_scenario_root(v->stage.scenario), "collisions");
  for (; v->count < kd_section_count(section, "terms"); v->count++)
    KD_TRY(kd_vertex_create(kd_section_item(section, "terms", v->count), v->stage.model,
                            &v->vertex[v->count]));
  return KD_OK;
}

static void vertices_clear(vertices *v) {
  for (size_t i = 0; i < v->count; i++) kd_vertex_clear(&v->vertex[i]);
  stage_clear(&v->stage);
}

static void named_vertices_are_their_matrices(void **state) {
  (void)state;
  vertices v;
  CHECK_OK(vertices_try(DIMERS "grid: {k: [3]}\n",
                        "{kind: impurity, strength: 1}, {kind: impurity, strength: 1, vertex: "
                        "scalar}, {kind: impurity, strength: 1, vertex: matrix, re: [[1, 2], [2, "
                        "3]], im: [[0, 4], [-4, 0]]}, {kind: impurity, strength: 1, vertex: bond}",
                        &v));
  const double k[3] = {0.3, 0, 0}, k2[3] = {-0.7, 0, 0};
  static const size_t n_coupling[] = {2, 1, 1, 2};
  // <0 0|H|-1 1> = t2 is stored as <0 1|H|+1 0>: orbital 1 of a cell to orbital 0 of the next.
  const double complex there = cexp(-0.7 * 2 * I), back = cexp(-0.3 * 2 * I);
  const double complex want[4][2][4] = {{{1, 0, 0, 0}, {0, 0, 0, 1}},
                                        {{1, 0, 0, 1}},
                                        {{1, 2 + 4 * I, 2 - 4 * I, 3}},
                                        {{0, 1, 1, 0}, {0, back, there, 0}}};
  for (size_t i = 0; i < v.count; i++) {
    assert_int_equal(v.vertex[i].n_coupling, n_coupling[i]);
    assert_true(v.vertex[i].has_phases == (i == 3));
    assert_true(kd_vertex_same(&v.vertex[i], &v.vertex[i]));
    assert_false(kd_vertex_same(&v.vertex[i], &v.vertex[(i + 1) % 4]));
    for (size_t a = 0; a < n_coupling[i]; a++) {
      double complex m[4];
      kd_vertex_matrix(&v.vertex[i], a, k, k2, m);
      CHECK_ARRAY((const double *)m, (const double *)want[i][a], 8, 1e-15);
    }
  }
  vertices_clear(&v);
}

static void cells_of(const kd_model *model, size_t index, long cell[2]) {
  const size_t *n = kd_model_n(model);
  cell[0] = (long)(index / n[1]);
  cell[1] = (long)(index % n[1]);
}

static double complex bloch(const kd_model *model, size_t k, long l0, long l1) {
  const size_t *n = kd_model_n(model);
  long j[2];
  cells_of(model, k, j);
  return cexp(2 * M_PI * I *
              ((double)(j[0] * l0) / (double)n[0] + (double)(j[1] * l1) / (double)n[1]));
}

/// sum_R X_R G X_R^dagger with X_R = u |R i><R + d j| + h.c. of a translation-invariant G, on the
/// ring, for all k.
static void on_the_ring(const kd_model *model, const kd_bond *bond, double complex u,
                        const double complex *g, double complex *result) {
  const size_t n_b = kd_model_n_band(model), n_k = kd_model_n_k(model), n = n_b * n_b;
  const size_t *size = kd_model_n(model), whole = n_b * n_k;
  double complex *real = new_complex(whole * whole), *x = new_complex(whole * whole);
  double complex *sum = new_complex(whole * whole), *left = new_complex(whole * whole);
  double complex *full = new_complex(whole * whole), *adjoint = new_complex(whole * whole);
  for (size_t r = 0; r < n_k; r++)
    for (size_t s = 0; s < n_k; s++) {
      long a[2], b[2];
      cells_of(model, r, a), cells_of(model, s, b);
      for (size_t e = 0; e < n; e++)
        for (size_t k = 0; k < n_k; k++)
          real[(r * n_b + e / n_b) * whole + s * n_b + e % n_b] +=
              conj(bloch(model, k, b[0] - a[0], b[1] - a[1])) * g[k * n + e] / (double)n_k;
    }
  for (size_t r = 0; r < n_k; r++) {
    long a[2];
    cells_of(model, r, a);
    const size_t to0 = (size_t)(a[0] + bond->cell[0] + (long)size[0]) % size[0];
    const size_t to1 = (size_t)(a[1] + bond->cell[1] + (long)size[1]) % size[1];
    const size_t from = r * n_b + bond->from, to = (to0 * size[1] + to1) * n_b + bond->to;
    memset(x, 0, whole * whole * sizeof *x);
    x[from * whole + to] += u;
    x[to * whole + from] += conj(u);
    dense_multiply(whole, x, real, left);
    dense_adjoint(whole, x, adjoint);
    dense_multiply(whole, left, adjoint, full);
    for (size_t i = 0; i < whole * whole; i++) sum[i] += full[i];
  }
  for (size_t k = 0; k < n_k; k++)
    for (size_t e = 0; e < n; e++)
      for (size_t s = 0; s < n_k; s++) {
        long b[2];
        cells_of(model, s, b);
        result[k * n + e] +=
            bloch(model, k, b[0], b[1]) * sum[(e / n_b) * whole + s * n_b + e % n_b];
      }
  kd_free(real), kd_free(x), kd_free(sum), kd_free(left), kd_free(full), kd_free(adjoint);
}

static void bonds_are_those_of_real_space(void **state) {
  (void)state;
  // Haldane: real hoppings between the sublattices, complex ones within; named, one of each kind.
  vertices v;
  CHECK_OK(vertices_try(
      "units: natural\nmodel: {kind: haldane, t: 1, t2: 0.3, phase: 0.9, lattice_constant: 1}\n"
      "grid: {k: [3, 4]}\ninitial: {kind: equilibrium, temperature: 1, chemical_potential: "
      "0}\n" SHORT_RUN,
      "{kind: impurity, strength: 1, vertex: bond}, {kind: impurity, strength: 1, vertex: bond, "
      "bonds: [[1, 0, 1, 0], [0, 0, 0, -1]]}",
      &v));
  const kd_model *model = v.stage.model;
  const size_t n_k = kd_model_n_k(model), n = 4;
  kd_bond *bond = NULL;
  size_t count;
  CHECK_OK(kd_model_bonds(model, &bond, &count));
  assert_int_equal(count, 9);
  assert_int_equal(v.vertex[0].n_coupling, 9);
  assert_int_equal(v.vertex[1].n_coupling, 2);
  const kd_bond named[2] = {{.from = 1, .to = 0, .cell = {1, 0}, .energy = -1},
                            {.from = 0, .to = 0, .cell = {0, -1}, .energy = cexp(0.9 * I)}};
  for (size_t i = 0; i < 2; i++) {
    double complex *g = new_complex(n * n_k), *want = new_complex(n * n_k);
    double complex *got = new_complex(n * n_k), *by_channel = new_complex(n * n_k);
    random_reals(2 * n * n_k, (double *)g);
    const kd_bond *all = i ? named : bond;
    for (size_t b = 0; b < (i ? 2 : count); b++)
      on_the_ring(model, &all[b], all[b].energy / cabs(all[b].energy), g, want);
    // (1/N) sum_k' M(k, k') G(k') M(k, k')^dagger, and the same by channels
    kd_vertex_channel *channel;
    size_t n_channel;
    CHECK_OK(kd_vertex_channels(&v.vertex[i], &channel, &n_channel));
    for (size_t k = 0; k < n_k; k++) {
      double here[3];
      kd_model_k(model, k, here);
      for (size_t k2 = 0; k2 < n_k; k2++) {
        double there[3];
        kd_model_k(model, k2, there);
        for (size_t a = 0; a < v.vertex[i].n_coupling; a++) {
          double complex m[4], adjoint[4], left[4], full[4];
          kd_vertex_matrix(&v.vertex[i], a, here, there, m);
          dense_multiply(2, m, g + k2 * n, left);
          dense_adjoint(2, m, adjoint);
          dense_multiply(2, left, adjoint, full);
          for (size_t e = 0; e < n; e++) got[k * n + e] += full[e] / (double)n_k;
          kd_vertex_matrix(&v.vertex[i], a, there, here, m);
          CHECK_ARRAY((const double *)m, (const double *)adjoint, 8, 1e-14);
        }
        for (size_t c = 0; c < n_channel; c++)
          for (size_t s = 0; s < channel[c].n_source; s++) {
            const kd_vertex_source *source = &channel[c].source[s];
            double angle = 0;
            for (int d = 0; d < 3; d++)
              angle += here[d] * channel[c].outer[d] + there[d] * source->inner[d];
            by_channel[k * n + channel[c].target] +=
                cexp(I * angle) * source->weight * g[k2 * n + source->element] / (double)n_k;
          }
      }
    }
    CHECK_ARRAY((const double *)got, (const double *)want, 2 * n * n_k, 1e-13);
    CHECK_ARRAY((const double *)by_channel, (const double *)want, 2 * n * n_k, 1e-13);
    kd_vertex_channels_free(channel, n_channel);
    kd_free(g), kd_free(want), kd_free(got), kd_free(by_channel);
  }
  free(bond);
  vertices_clear(&v);
}

static void mistakes_are_reported(void **state) {
  (void)state;
  static const struct {
    const char *term, *message;
  } cases[] = {
      {"bonds: [[0, 1, 0]]", "bonds: bonds for vertex: onsite (expected vertex: bond)"},
      {"vertex: bond, bonds: [[0, 1]]",
       "2 numbers per bond (expected 3: two orbitals and 1 numbers"},
      {"vertex: bond, bonds: [[0, 2, 0]]",
       "2 in bond 0 (expected the number of an orbital, from 0)"},
      {"vertex: bond, bonds: [[0, 1, 0.5]]", "0.5 in bond 0 (expected a whole number)"},
      {"vertex: bond, bonds: [[0, 1, 0], [1, 1, 0]]", "bond 1 joins orbital 1 with itself"},
  };
  vertices v;
  for (size_t i = 0; i < COUNT(cases); i++) {
    CHECK_ERROR(vertices_try(DIMERS "grid: {k: [3]}\n",
                             text_of("{kind: impurity, strength: 1, %s}", cases[i].term), &v),
                KD_ERROR_SCENARIO, cases[i].message);
    vertices_clear(&v);
  }
  CHECK_ERROR(vertices_try("units: natural\nmodel: {kind: dirac1d, velocity: 1, gap: 1, k_max: 1}\n"
                           "grid: {k: [3]}\ninitial: {kind: equilibrium, temperature: 1, "
                           "chemical_potential: 0}\n" SHORT_RUN,
                           "{kind: impurity, strength: 1, vertex: bond}", &v),
              KD_ERROR_SCENARIO, "bond in a k.p model, which has none (expected a lattice model)");
  vertices_clear(&v);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(named_vertices_are_their_matrices),
      cmocka_unit_test(bonds_are_those_of_real_space),
      cmocka_unit_test(mistakes_are_reported),
  };
  return cmocka_run_group_tests_name("collision_vertex", tests, NULL, NULL);
}
