/// The collision operator against the matrix formulas of Trukhan and Protik, written as printed: in
/// the eigenbasis of H_k, with V_kk' = S_k^dagger M S_k'.
#include "collision_fixture.h"

#include "collision/bath.h"
#include "collision/form.h"

enum { N = 3 };

typedef struct mat {
  double complex at[N][N];
} mat;

static mat mul(mat a, mat b) {
  mat c;
  dense_multiply(N, &a.at[0][0], &b.at[0][0], &c.at[0][0]);
  return c;
}
static mat adj(mat a) {
  mat c;
  dense_adjoint(N, &a.at[0][0], &c.at[0][0]);
  return c;
}
static mat add(mat a, mat b) {
  for (size_t i = 0; i < N * N; i++) (&a.at[0][0])[i] += (&b.at[0][0])[i];
  return a;
}
static mat scaled(double complex s, mat a) {
  for (size_t i = 0; i < N * N; i++) (&a.at[0][0])[i] *= s;
  return a;
}
/// Element by element.
static mat had(mat a, mat b) {
  for (size_t i = 0; i < N * N; i++) (&a.at[0][0])[i] *= (&b.at[0][0])[i];
  return a;
}
static mat mul3(mat a, mat b, mat c) {
  return mul(mul(a, b), c);
}

/// One k point in the eigenbasis.
typedef struct point {
  double energy[N], f_eq[N];
  mat s;       ///< [orbital][level]
  mat df, heq; ///< f (impurities) or f - f_eq (phonons), and 1 - 2 f_eq
} point;

typedef struct coupling {
  size_t n_vertex;
  mat vertex[N];
  double strength, sigma;
  double q0;        ///< of the Gaussian form; 0: constant
  double omega, kt; ///< phonons
  bool is_shifted;
} coupling;

static const char VERTEX_TEXT[] =
    "vertex: matrix, re: [[0.5, 0.2, 0], [0.2, -0.3, 0.7], [0, 0.7, 1]], "
    "im: [[0, 0.4, 0.1], [-0.4, 0, 0], [-0.1, 0, 0]]";
static const double complex VERTEX[N][N] = {
    {0.5, 0.2 + 0.4 * I, 0.1 * I}, {0.2 - 0.4 * I, -0.3, 0.7}, {-0.1 * I, 0.7, 1}};

static coupling coupling_of(const char *vertex, double strength, double sigma, double q0) {
  coupling c = {.strength = strength, .sigma = sigma, .q0 = q0};
  const bool is_onsite = strcmp(vertex, "onsite") == 0;
  c.n_vertex = is_onsite ? N : 1;
  for (size_t a = 0; a < N; a++) c.vertex[is_onsite ? a : 0].at[a][a] = 1;
  if (strstr(vertex, "matrix")) memcpy(c.vertex[0].at, VERTEX, sizeof VERTEX);
  return c;
}

/// `vertex: NAME`, with the elements of a matrix.
static const char *vertex_text(const char *vertex) {
  return strcmp(vertex, "matrix") == 0 ? VERTEX_TEXT : text_of("vertex: %s", vertex);
}

/// Levels from a diagonalization of our own; f is packed, in the orbital basis.
static point *points_of(const stage *s, const double *f, double kt, double mu) {
  point *points = kd_allocate(s->n_k, sizeof *points);
  double *h = new_reals(s->n);
  const kd_model_part part = {.energy = 1};
  assert_non_null(points);
  kd_model_sample(s->model, (const double[3]){0}, &part, h);
  for (size_t k = 0; k < s->n_k; k++) {
    point *p = &points[k];
    mat matrix, field;
    kd_unpack(h, N, s->n_k, k, &matrix.at[0][0]);
    dense_eigen(N, &matrix.at[0][0], p->energy, &p->s.at[0][0]);
    kd_unpack(f, N, s->n_k, k, &field.at[0][0]);
    p->df = mul3(adj(p->s), field, p->s);
    p->heq = (mat){0};
    for (size_t n = 0; n < N; n++) {
      p->f_eq[n] = 1 / (exp((p->energy[n] - mu) / kt) + 1);
      p->heq.at[n][n] = 1 - 2 * p->f_eq[n];
    }
  }
  kd_free(h);
  return points;
}

static double form_of(const stage *s, const coupling *c, size_t k, size_t k2) {
  double q[3];
  if (c->q0 == 0) return 1;
  kd_difference_vector(s->model, kd_difference_index(s->model, k, k2), q);
  return exp(-0.5 * (q[0] * q[0] + q[1] * q[1] + q[2] * q[2]) / (c->q0 * c->q0));
}

/// 2 pi delta_sigma is the kernel; the rest of a matrix of functions of energy differences.
static mat of_differences(const point *p, const point *p2,
                          double (*function)(const coupling *, double), const coupling *c) {
  mat m;
  for (size_t n = 0; n < N; n++)
    for (size_t l = 0; l < N; l++) m.at[n][l] = function(c, p->energy[n] - p2->energy[l]);
  return m;
}

static double delta(const coupling *c, double x) {
  return gaussian(x, c->sigma);
}
static double pv(const coupling *c, double x) {
  return gaussian_partner(x, c->sigma);
}

/// Eqs. 31, 32 and, with their sign on the right-hand side, 42, 43: i dh/dt = C + K; df/dt of point
/// k.
static mat paper_impurity(const stage *s, const coupling *c, const point *points, size_t k,
                          bool kinetic) {
  mat collision = {0}, corrections = {0};
  for (size_t k2 = 0; k2 < s->n_k; k2++)
    for (size_t a = 0; a < c->n_vertex; a++) {
      const point *p = &points[k], *p2 = &points[k2];
      const mat v = mul3(adj(p->s), c->vertex[a], p2->s), vd = adj(v);
      const mat dh = scaled(-2, p->df), dh2 = scaled(-2, p2->df);
      const mat D = of_differences(p, p2, delta, c), P = of_differences(p, p2, pv, c);
      const double weight = c->strength * c->strength * form_of(s, c, k, k2) / (double)s->n_k;
      const mat in = add(mul3(had(v, D), dh2, vd), mul(had(mul(v, dh2), D), vd));
      const mat out = add(mul(had(D, mul(dh, v)), vd), mul3(dh, had(D, v), vd));
      const mat k1 = mul(add(had(mul(dh, v), P), mul(dh, had(v, P))), vd);
      const mat k2_ = mul(add(had(mul(v, dh2), P), mul(had(v, P), dh2)), vd);
      collision = add(collision, scaled(weight * I * M_PI / 2, add(in, adj(in))));
      collision = add(collision, scaled(-weight * I * M_PI / 2, add(out, adj(out))));
      corrections = add(corrections, scaled(-weight / 2, add(k1, scaled(-1, adj(k1)))));
      corrections = add(corrections, scaled(weight / 2, add(k2_, scaled(-1, adj(k2_)))));
    }
  return scaled(0.5 * I, kinetic ? add(collision, corrections) : collision);
}

// Broadened with exact detailed balance: Delta without l is (K^> - K^<)/2 pi, with l (K^> + K^<)/2
// pi.

static double difference_line(const coupling *c, double x) {
  const double w = c->omega, a = c->is_shifted ? 0.5 * c->sigma * c->sigma / c->kt : 0;
  const double n = 1 / expm1(w / c->kt);
  if (!c->is_shifted) return gaussian(x - w, c->sigma) - gaussian(x + w, c->sigma);
  return (n + 1) * (gaussian(x - w - a, c->sigma) - gaussian(x + w + a, c->sigma)) +
         n * (gaussian(x + w - a, c->sigma) - gaussian(x - w + a, c->sigma));
}

static double sum_line(const coupling *c, double x) {
  const double w = c->omega, a = c->is_shifted ? 0.5 * c->sigma * c->sigma / c->kt : 0;
  const double n = 1 / expm1(w / c->kt);
  if (!c->is_shifted && x == 0)
    return 4 * c->kt * w / (c->sigma * c->sigma) * gaussian(w, c->sigma);
  if (!c->is_shifted) return difference_line(c, x) / tanh(0.5 * x / c->kt);
  return (n + 1) * (gaussian(x - w - a, c->sigma) + gaussian(x + w + a, c->sigma)) +
         n * (gaussian(x + w - a, c->sigma) + gaussian(x - w + a, c->sigma));
}

static double difference_kernel(const void *c, double x) {
  return 2 * M_PI * difference_line(c, x);
}
static double sum_kernel(const void *c, double x) {
  return 2 * M_PI * sum_line(c, x);
}

static double difference_pv(const coupling *c, double x) {
  return partner(difference_kernel, c, x, 9, 0.2);
}
static double sum_pv(const coupling *c, double x) {
  return partner(sum_kernel, c, x, 9, 0.2);
}

/// Eqs. 29, 30, 38, 39 and 40, with the second term of the bracket of eq. 40 or as printed.
static mat paper_phonon(const stage *s, const coupling *c, const point *points, size_t k,
                        bool kinetic, bool restores) {
  mat collision = {0}, corrections = {0};
  for (size_t k2 = 0; k2 < s->n_k; k2++) {
    const point *p = &points[k], *p2 = &points[k2];
    const mat D1 = of_differences(p, p2, difference_line, c);
    const mat D2 = of_differences(p, p2, sum_line, c);
    const mat P1 = kinetic ? of_differences(p, p2, difference_pv, c) : (mat){0};
    const mat P2 = kinetic ? of_differences(p, p2, sum_pv, c) : (mat){0};
    const mat dh = scaled(-2, p->df), dh2 = scaled(-2, p2->df), heq = p->heq, heq2 = p2->heq;
    const double weight = c->strength * c->strength * form_of(s, c, k, k2) / (double)s->n_k;
    for (size_t a = 0; a < c->n_vertex; a++) {
      const mat gd = mul3(adj(p->s), c->vertex[a], p2->s), g = adj(gd);
      const mat both = add(mul(D1, heq2), D2), pi = add(P2, mul(P1, heq2));
      const mat in = add(mul(had(mul(gd, dh2), D2), g), mul3(had(gd, D2), dh2, g));
      mat out = add(mul(had(mul(dh, gd), both), g), mul3(dh, had(gd, both), g));
      out = add(out, mul3(had(mul(heq, gd), D1), dh2, g));
      out = add(out, mul(had(mul3(heq, gd, dh2), D1), g));
      const mat k38 = add(mul(had(mul(dh, gd), pi), g), mul3(dh, had(gd, pi), g));
      const mat k39 = add(mul3(had(mul(heq, gd), P1), dh2, g), mul(had(mul3(heq, gd, dh2), P1), g));
      mat k40 = mul(had(mul(gd, dh2), P2), g);
      if (restores) k40 = add(k40, mul3(had(gd, P2), dh2, g));
      collision = add(collision, scaled(weight * I * M_PI / 4, add(in, adj(in))));
      collision = add(collision, scaled(-weight * I * M_PI / 4, add(out, adj(out))));
      corrections = add(corrections, scaled(-weight / 4, add(k38, scaled(-1, adj(k38)))));
      corrections = add(corrections, scaled(-weight / 4, add(k39, scaled(-1, adj(k39)))));
      corrections = add(corrections, scaled(weight / 4, add(k40, scaled(-1, adj(k40)))));
    }
  }
  return scaled(0.5 * I, kinetic ? add(collision, corrections) : collision);
}

/// Largest difference of a packed rate to matrices in the eigenbasis over the largest rate.
static double deviation(const stage *s, const double *got, const point *points, const mat *want) {
  double worst = 0, largest = 0;
  for (size_t k = 0; k < s->n_k; k++) {
    mat have;
    kd_unpack(got, N, s->n_k, k, &have.at[0][0]);
    have = mul3(adj(points[k].s), have, points[k].s);
    worst = fmax(worst, dense_distance(N, &have.at[0][0], &want[k].at[0][0]));
    largest = fmax(largest, dense_distance(N, &want[k].at[0][0], &(mat){0}.at[0][0]));
  }
  assert_true(largest > 1e-4);
  return worst / largest;
}

static const char *const VERTICES[] = {"onsite", "scalar", "matrix"};
static const char *const METHODS[] = {"direct", "fft"};
static const struct { size_t n_dim, n[3]; } GRIDS[] = {{1, {7}}, {2, {3, 4}}};

static double worst_so_far;

static void impurities_follow_eqs_31_32_42_43(void **state) {
  (void)state;
  worst_so_far = 0;
  for (size_t i = 0; i < COUNT(VERTICES); i++)
    for (int kinetic = 0; kinetic < 2; kinetic++)
      for (size_t m = 0; m < COUNT(METHODS); m++) {
        const size_t g = (i + m) % 2;
        char *model = random_model(N, 1, GRIDS[g].n_dim, GRIDS[g].n);
        const coupling c = coupling_of(VERTICES[i], 0.4, 0.3, g ? 1.7 : 0);
        stage s = collision_create(
            text_of("%s%s", model, THERMAL),
            text_of("collisions: {ansatz: matrix, kinetic_corrections: %s, method: %s, broadening: "
                    "0.3, terms: [{kind: impurity, strength: 0.4, %s%s}]}\n",
                    kinetic ? "true" : "false", METHODS[m], vertex_text(VERTICES[i]),
                    g ? ", form: {kind: gaussian, q0: 1.7}" : ""));
        double *f = random_field(N, s.n_k, 1), *df = rate_of(&s, f);
        point *points = points_of(&s, f, 1, 0);
        mat *want = kd_allocate(s.n_k, sizeof *want);
        for (size_t k = 0; k < s.n_k; k++) want[k] = paper_impurity(&s, &c, points, k, kinetic);
        const double error = deviation(&s, df, points, want);
        worst_so_far = fmax(worst_so_far, error);
        CHECK_BELOW(error, 1e-11);
        if (kinetic) {
          for (size_t k = 0; k < s.n_k; k++) want[k] = paper_impurity(&s, &c, points, k, false);
          CHECK_ABOVE(deviation(&s, df, points, want), 0.01);
        }
        kd_free(f), kd_free(df), kd_free(points), kd_free(want);
        stage_clear(&s);
        free(model);
      }
  print_message("largest deviation %.2g\n", worst_so_far);
}

/// C[f_eq + df] - C[f_eq], linearized, is the paper's; eq. 40 as printed is not.
static void phonons_follow_eqs_29_30_38_39_40(void **state) {
  (void)state;
  worst_so_far = 0;
  for (size_t i = 0; i < COUNT(VERTICES); i++)
    for (int shifted = 0; shifted < 2; shifted++)
      for (int kinetic = 0; kinetic < 2; kinetic++) {
        const size_t g = (i + (size_t)shifted) % 2;
        const char *method = METHODS[(i + (size_t)kinetic) % 2];
        char *model = random_model(N, 1, GRIDS[g].n_dim, GRIDS[g].n);
        coupling c = coupling_of(VERTICES[i], 0.4, 0.3, g ? 1.7 : 0);
        c.omega = 0.45, c.kt = 0.3, c.is_shifted = shifted;
        stage s = collision_create(
            text_of("%s%s", model, THERMAL),
            text_of("collisions: {ansatz: matrix, linearised: true, reference: equilibrium, "
                    "kinetic_corrections: %s, method: %s, broadening: 0.3, terms: [{kind: phonon, "
                    "energy: 0.45, temperature: 0.3, kernel: %s, coupling: 0.4, %s%s}]}\n",
                    kinetic ? "true" : "false", method, shifted ? "shifted" : "spectral",
                    vertex_text(VERTICES[i]), g ? ", form: {kind: gaussian, q0: 1.7}" : ""));
        double *f = random_field(N, s.n_k, 1);
        point *points = points_of(&s, f, 0.3, 0.1);
        for (size_t j = 0; j < s.n; j++) f[j] += s.state->f[j]; // f_eq
        double *df = rate_of(&s, f);
        mat *want = kd_allocate(s.n_k, sizeof *want);
        for (size_t k = 0; k < s.n_k; k++) want[k] = paper_phonon(&s, &c, points, k, kinetic, true);
        const double error = deviation(&s, df, points, want);
        worst_so_far = fmax(worst_so_far, error);
        CHECK_BELOW(error, 1e-11);
        if (kinetic) {
          for (size_t k = 0; k < s.n_k; k++) want[k] = paper_phonon(&s, &c, points, k, true, false);
          CHECK_ABOVE(deviation(&s, df, points, want), 0.01);
        }
        kd_free(f), kd_free(df), kd_free(points), kd_free(want);
        stage_clear(&s);
        free(model);
      }
  print_message("largest deviation %.2g\n", worst_so_far);
}

/// Eqs. 101 (nonlinear, with the lines where the kernel puts them) and 102, for populations.
static void populations_follow_eqs_101_102(void **state) {
  (void)state;
  worst_so_far = 0;
  for (size_t i = 0; i < COUNT(VERTICES); i++)
    for (size_t m = 0; m < COUNT(METHODS); m++)
      for (int theta = -1; theta <= 1; theta++) {
        char *model = random_model(N, 1, 1, GRIDS[0].n);
        coupling c = coupling_of(VERTICES[i], 0.4, 0.2, 0),
                 imp = coupling_of(VERTICES[i], 0.3, 0.1, 2);
        c.omega = 0.45, c.kt = 0.3;
        stage s = collision_create(
            text_of("%sstatistics: %s\ninitial: {kind: bands, occupation: [0, 0, 0]}\n" SHORT_RUN,
                    model,
                    theta < 0 ? "fermion"
                    : theta   ? "boson"
                              : "classical"),
            text_of(
                "collisions: {ansatz: diagonal, method: %s, terms: [{kind: phonon, energy: 0.45, "
                "temperature: 0.3, kernel: shifted, coupling: 0.4, broadening: 0.2, %s}, {kind: "
                "impurity, strength: 0.3, broadening: 0.1, form: {kind: gaussian, q0: 2}, %s}]}\n",
                METHODS[m], vertex_text(VERTICES[i]), vertex_text(VERTICES[i])));
        double *f = random_field(N, s.n_k, 1), *df = rate_of(&s, f);
        point *points = points_of(&s, f, 1, 0);
        mat *want = kd_allocate(s.n_k, sizeof *want);
        const double w = c.omega, a = 0.5 * c.sigma * c.sigma / c.kt, nq = 1 / expm1(w / c.kt);
        for (size_t k = 0; k < s.n_k; k++)
          for (size_t k2 = 0; k2 < s.n_k; k2++)
            for (size_t v = 0; v < c.n_vertex; v++) {
              const mat g = mul3(adj(points[k].s), c.vertex[v], points[k2].s);
              const double phonon = 2 * M_PI * 0.16 / (double)s.n_k;
              const double impurity = 2 * M_PI * 0.09 * form_of(&s, &imp, k, k2) / (double)s.n_k;
              for (size_t n = 0; n < N; n++)
                for (size_t l = 0; l < N; l++) {
                  const double x = points[k].energy[n] - points[k2].energy[l];
                  const double fn = creal(points[k].df.at[n][n]),
                               fl = creal(points[k2].df.at[l][l]);
                  const double hn = 1 + theta * fn, hl = 1 + theta * fl;
                  const double g2 = creal(g.at[n][l] * conj(g.at[n][l]));
                  want[k].at[n][n] +=
                      phonon * g2 *
                      (hn * fl *
                           ((nq + 1) * gaussian(x + w + a, 0.2) + nq * gaussian(x - w + a, 0.2)) -
                       fn * hl *
                           (nq * gaussian(x + w - a, 0.2) + (nq + 1) * gaussian(x - w - a, 0.2)));
                  want[k].at[n][n] += impurity * g2 * (fl - fn) * gaussian(x, 0.1);
                }
            }
        const double error = deviation(&s, df, points, want);
        worst_so_far = fmax(worst_so_far, error);
        CHECK_BELOW(error, 1e-12);
        kd_free(f), kd_free(df), kd_free(points), kd_free(want);
        stage_clear(&s);
        free(model);
      }
  print_message("largest deviation %.2g\n", worst_so_far);
}

/// Two flat levels one phonon apart, coupled by sigma_x; with hbar in eV fs and kT from kelvin. The
/// upper level empties at (2 pi/hbar) g^2 (N + 1) delta_sigma(0), the lower one at that with N.
static void one_phonon_apart_is_the_golden_rule(void **state) {
  (void)state;
  static const double kt = K_BOLTZMANN * 600, omega = 0.1, sigma = 0.004, g2 = 0.03 * 0.03;
  static const char *const ansatze[] = {"matrix", "average", "diagonal", "causal"};
  const double n = 1 / expm1(omega / kt), line = sqrt(2 * M_PI) / sigma * g2 / HBAR;
  for (size_t i = 0; i < COUNT(ansatze); i++)
    for (size_t m = 0; m < COUNT(METHODS); m++)
      for (int lower = 0; lower < 2; lower++) {
        stage s = collision_create(
            text_of(
                "model: {kind: tight_binding, lattice_vectors: [[3 angstrom]], hoppings: [{R: [0], "
                "re: [[0.3 eV, 0 eV], [0 eV, 0.4 eV]]}]}\ngrid: {k: [5]}\ninitial: {kind: bands, "
                "occupation: [%d, %d]}\npropagation: {duration: 1 fs}\n",
                lower, !lower),
            text_of(
                "collisions: {ansatz: %s, method: %s, broadening: 4 meV, terms: [{kind: phonon, "
                "energy: 0.1 eV, temperature: 600 K, coupling: 30 meV, vertex: matrix, re: [[0, "
                "1], "
                "[1, 0]]}]}\n",
                ansatze[i], METHODS[m]));
        double *df = rate_of(&s, s.state->f);
        const double want = line * (lower ? n : n + 1);
        for (size_t k = 0; k < s.n_k; k++) {
          CHECK_NEAR(df[k] / want, lower ? -1 : 1, 1e-12);
          CHECK_NEAR(df[s.n_k + k] / want, lower ? 1 : -1, 1e-12);
          CHECK_NEAR(df[2 * s.n_k + k] / want, 0, 1e-12);
          CHECK_NEAR(df[3 * s.n_k + k] / want, 0, 1e-12);
        }
        kd_free(df);
        stage_clear(&s);
      }
}

// --- forms ---------------------------------------------------------------------------------------

/// The value that a form documents, at q > 0.
static double form_wanted(size_t kind, double q, double qx) {
  const double rows[4][2] = {{0.2, 1.5}, {0.5, 0.7}, {1.3, 2.1}, {2, -0.4}};
  switch (kind) {
  case 0:
    return exp(-q * q / (2 * 1.2 * 1.2));
  case 1:
    return pow(1.2, 4) / pow(q * q + 1.2 * 1.2, 2);
  case 2:
    return 1.2 * 1.2 / (q * q);
  case 3:
    return q < 1.2 ? sin(M_PI * q / (2 * 1.2)) : 1;
  case 4:
    return 1 + q + qx * qx;
  default:
    break;
  }
  if (q <= rows[0][0]) return rows[0][1];
  for (size_t i = 1; i < COUNT(rows); i++)
    if (q < rows[i][0])
      return rows[i - 1][1] +
             (rows[i][1] - rows[i - 1][1]) * (q - rows[i - 1][0]) / (rows[i][0] - rows[i - 1][0]);
  return rows[3][1];
}

/// Every form at every momentum transfer against the formula in its description.
static void forms_are_what_they_say(void **state) {
  (void)state;
  write_text(temporary("form.txt"), "0.2 1.5\n0.5 0.7\n1.3 2.1\n2 -0.4\n");
  char table[4096];
  snprintf(table, sizeof table, "kind: table, file: %s", temporary("form.txt"));
  const char *const forms[] = {"kind: gaussian, q0: 1.2",
                               "kind: yukawa, q0: 1.2",
                               "kind: polar, q0: 1.2",
                               "kind: acoustic, q0: 1.2",
                               "kind: expression, expression: 1 + q + qx^2",
                               table};
  for (size_t i = 0; i < COUNT(forms); i++) {
    stage s = stage_create(text_of("units: natural\nmodel: {kind: parabolic, mass: 1, k_max: 2}\n"
                                   "grid: {k: [9, 6]}\ninitial: {kind: equilibrium, temperature: "
                                   "1, chemical_potential: 0}\n" SHORT_RUN
                                   "collisions: {ansatz: matrix, broadening: 0.3, terms: [{kind: "
                                   "impurity, strength: 0.2, form: {%s}}]}\n",
                                   forms[i]),
                           TO_MODEL);
    const kd_section *collisions = kd_section_child(kd_scenario_root(s.scenario), "collisions");
    const kd_section *term = kd_section_item(collisions, "terms", 0);
    double *value;
    size_t m[3];
    CHECK_OK(kd_form_evaluate(kd_section_child(term, "form"), s.model, 0.7, &value));
    const size_t count = kd_difference_count(s.model, m);
    assert_int_equal(count, 18 * 12);
    for (size_t j = 1; j < count; j++) {
      double q[3];
      kd_difference_vector(s.model, j, q);
      CHECK_NEAR(value[j], 0.7 * form_wanted(i, hypot(q[0], q[1]), q[0]), 1e-13);
    }
    CHECK_NEAR(value[0], i == 2 ? 0 : 0.7 * form_wanted(i, 0, 0), 1e-15);
    kd_free(value);
    stage_clear(&s);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(impurities_follow_eqs_31_32_42_43),
      cmocka_unit_test(phonons_follow_eqs_29_30_38_39_40),
      cmocka_unit_test(populations_follow_eqs_101_102),
      cmocka_unit_test(one_phonon_apart_is_the_golden_rule),
      cmocka_unit_test(forms_are_what_they_say),
  };
  return cmocka_run_group_tests_name("collision_formulas", tests, NULL, NULL);
}
