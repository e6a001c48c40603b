#include "keldrift/space.h"

#include <complex.h>
#include <fftw3.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/comm.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/modes.h"
#include "space/keys.h"
#include "space/potential.h"

struct kd_space {
  size_t n_dim, n[3], n_r;
  const kd_comm *comm;
  size_t first, count; ///< points of this process
  double length[3];
  size_t n_term;
  kd_potential *term;
  kd_potential *hartree; ///< the term that kd_space_set_density sets; NULL without
  size_t n_part;
  fftw_plan to_q, from_q; ///< over the grid, complex, in place; NULL without tabulated terms
  double complex *work;   ///< [n_r]
};

void kd_space_free(kd_space *s) {
  if (!s) return;
  for (size_t i = 0; i < s->n_term && s->term; i++) kd_potential_clear(&s->term[i]);
  kd_free(s->term);
  kd_free(s->work);
  if (s->to_q) fftw_destroy_plan(s->to_q);
  if (s->from_q) fftw_destroy_plan(s->from_q);
  kd_free(s);
}

static kd_status read_grid(const kd_section *r, const kd_model *model, kd_space *s) {
  const bool has_points = kd_section_has(r, "points");
  if (has_points != kd_section_has(r, "length"))
    return kd_section_error(r, NULL, "only one of points and length (expected both or neither)");
  if (!has_points) return KD_OK;
  size_t n_points, n_length;
  const long *points = kd_section_integers(r, "points", &n_points);
  const double *length = kd_section_reals(r, "length", &n_length);
  if (n_points < 1 || n_points > kd_model_n_dim(model))
    return kd_section_error(r, "points",
                            "%zu numbers of points (expected 1 to %zu, the dimension of the model)",
                            n_points, kd_model_n_dim(model));
  if (n_length != n_points)
    return kd_section_error(r, "length", "%zu lengths (expected %zu, one per dimension of points)",
                            n_length, n_points);
  double product = 1;
  for (size_t i = 0; i < n_points; i++) {
    if (points[i] < 1 || points[i] > INT_MAX)
      return kd_section_error(r, "points", "%ld points (expected 1 to %d)", points[i], INT_MAX);
    if (!(length[i] > 0))
      return kd_section_error(r, "length", "%g (expected a positive length)", length[i]);
    product *= (double)points[i];
    s->n[i] = (size_t)points[i];
    s->length[i] = length[i];
  }
  s->n_dim = n_points;
  const double gib = 1073741824.0, present = kd_memory_physical();
  const double bands = (double)kd_model_n_band(model);
  const double needed = 2 * product * bands * bands * (double)kd_model_n_k(model) * sizeof(double);
  if (present > 0 && needed > present)
    return kd_section_error(r, "points",
                            "%.3g points of R with %zu of k need more than %.3g GiB of memory "
                            "(expected what fits into the %.3g GiB of this machine)",
                            product, kd_model_n_k(model), needed / gib, present / gib);
  return KD_OK;
}

/// Fourier coefficients of what is given on the grid.
static void transform(kd_space *s, kd_potential *term) {
  for (size_t i = 0; i < s->n_r; i++) s->work[i] = term->grid[i] / (double)s->n_r;
  fftw_execute(s->to_q);
  memcpy(term->spectrum, s->work, s->n_r * sizeof *s->work);
}

/// All terms that stand still are one part, every other term is one of its own.
static void number_parts(kd_space *s) {
  size_t constant = SIZE_MAX;
  for (size_t i = 0; i < s->n_term; i++) {
    kd_potential *term = &s->term[i];
    const bool changes = term->modulation || kd_potential_is_hartree(term);
    if (!changes && constant == SIZE_MAX) constant = s->n_part++;
    term->part = changes ? s->n_part++ : constant;
  }
}

/// Refuses a factor that is not finite when the run begins or ends; what lies between is looked at
/// when it is used.
static kd_status check_ends(const kd_section *root, const kd_section *item,
                            const kd_potential *term) {
  const kd_section *propagation = kd_section_child(root, "propagation");
  const double times[] = {
      0, kd_section_has(propagation, "duration") ? kd_section_real(propagation, "duration") : 0};
  for (int i = 0; i < 2; i++) {
    const double factor = kd_potential_factor(term, times[i]);
    if (!isfinite(factor))
      return kd_section_error(item, "modulation", "%g at t = %.9g (expected a finite number)",
                              isnan(factor) ? NAN : factor, times[i]);
  }
  return KD_OK;
}

kd_status kd_space_create(const kd_scenario *scenario, const kd_model *model, kd_space **result) {
  kd_status status = KD_OK;
  const kd_section *root = kd_scenario_root(scenario);
  const kd_section *grid = kd_section_child(kd_section_child(root, "grid"), "r");
  kd_space *s = NULL;
  *result = NULL;
  KD_ALLOCATE(s, 1);
  for (int i = 0; i < 3; i++) s->n[i] = 1;
  KD_CHECK(read_grid(grid, model, s));
  s->n_r = s->count = s->n[0] * s->n[1] * s->n[2];
  const size_t n_term = kd_section_count(root, "potential");
  if (n_term > 0 && s->n_dim == 0) {
    status = kd_section_error(root, "potential",
                              "a potential without an R grid (expected grid.r: {points, length})");
    goto cleanup;
  }
  KD_ALLOCATE(s->work, s->n_r);
  KD_ALLOCATE(s->term, n_term);
  while (s->n_term < n_term) {
    kd_potential *term = &s->term[s->n_term];
    const kd_section *item = kd_section_item(root, "potential", s->n_term);
    KD_CHECK(kd_potential_create(item, model, kd_scenario_constants(scenario), s, term));
    s->n_term++;
    KD_CHECK(check_ends(root, item, term));
    if (!term->grid) continue;
    if (kd_potential_is_hartree(term)) {
      if (s->hartree) {
        status = kd_section_error(item, "kind", "a second hartree potential (expected one)");
        goto cleanup;
      }
      s->hartree = term;
    }
    if (!s->to_q) {
      const int n[3] = {(int)s->n[0], (int)s->n[1], (int)s->n[2]};
      fftw_complex *work = (fftw_complex *)s->work;
      s->to_q = fftw_plan_dft(3, n, work, work, FFTW_FORWARD, FFTW_ESTIMATE);
      s->from_q = fftw_plan_dft(3, n, work, work, FFTW_BACKWARD, FFTW_ESTIMATE);
    }
    if (!s->to_q || !s->from_q) {
      status = kd_error(KD_ERROR_INTERNAL, "FFTW cannot plan transforms of %zu points", s->n_r);
      goto cleanup;
    }
    KD_ALLOCATE(term->spectrum, s->n_r);
    transform(s, term);
  }
  number_parts(s);
  *result = s;
  s = NULL;

cleanup:
  kd_space_free(s);
  return status;
}

kd_status kd_space_share(kd_space *s, const kd_comm *comm) {
  if (s->n_dim == 0 || kd_comm_size(comm) == 1) return KD_OK;
  if (kd_comm_size(comm) > s->n_r)
    return kd_error(KD_ERROR_SCENARIO,
                    "%zu processes for %zu points of R (expected at most one per point)",
                    kd_comm_size(comm), s->n_r);
  s->comm = comm;
  kd_comm_part(comm, kd_comm_rank(comm), s->n_r, &s->first, &s->count);
  return KD_OK;
}

size_t kd_space_n_dim(const kd_space *s) {
  return s->n_dim;
}
const size_t *kd_space_n(const kd_space *s) {
  return s->n;
}
size_t kd_space_n_r(const kd_space *s) {
  return s->n_r;
}
void kd_space_slab(const kd_space *s, size_t *first, size_t *count) {
  *first = s->first;
  *count = s->count;
}
const kd_comm *kd_space_comm(const kd_space *s) {
  return s->comm;
}
const double *kd_space_length(const kd_space *s) {
  return s->length;
}

double kd_space_element(const kd_space *s) {
  double element = 1;
  for (size_t i = 0; i < s->n_dim; i++) element *= s->length[i] / (double)s->n[i];
  return element;
}

void kd_space_r(const kd_space *s, size_t index, double r[3]) {
  for (size_t i = 3; i-- > 0;) {
    const size_t j = index % s->n[i];
    index /= s->n[i];
    r[i] = i < s->n_dim ? s->length[i] * ((double)j / (double)s->n[i] - 0.5) : 0;
  }
}

bool kd_space_is_free(const kd_space *s) {
  return s->n_term == 0;
}

bool kd_space_is_driven(const kd_space *s) {
  for (size_t i = 0; i < s->n_term; i++)
    if (s->term[i].modulation) return true;
  return false;
}

kd_status kd_space_check_time(const kd_space *s, double t) {
  for (size_t i = 0; i < s->n_term; i++) KD_TRY(kd_potential_check_factor(&s->term[i], i, t));
  return KD_OK;
}

bool kd_space_is_self_consistent(const kd_space *s) {
  return s->hartree != NULL;
}

const double *kd_space_hartree(const kd_space *s) {
  return s->hartree ? s->hartree->grid : NULL;
}

const double *kd_space_background(const kd_space *s) {
  return s->hartree ? s->hartree->background : NULL;
}

void kd_space_set_density(kd_space *s, const double *density) {
  kd_potential *term = s->hartree;
  if (!term) return;
  for (size_t i = 0; i < s->n_r; i++)
    s->work[i] = (density[i] - term->background[i]) / (double)s->n_r;
  fftw_execute(s->to_q);
  // The mean charge makes no periodic potential: what is left of it is taken to be neutralized.
  s->work[0] = 0;
  for (size_t index = 1; index < s->n_r; index++) {
    const size_t j[3] = {index / (s->n[1] * s->n[2]), index / s->n[2] % s->n[1], index % s->n[2]};
    double square = 0;
    for (size_t a = 0; a < s->n_dim; a++) {
      const double q = 2 * M_PI * kd_mode_number(j[a], s->n[a]) / s->length[a];
      square += q * q;
    }
    s->work[index] *= term->coupling / square;
  }
  memcpy(term->spectrum, s->work, s->n_r * sizeof *s->work);
  fftw_execute(s->from_q);
  for (size_t i = 0; i < s->n_r; i++) term->grid[i] = creal(s->work[i]);
  term->version++;
}

void kd_space_potential(const kd_space *s, double t, double *u) {
  memset(u, 0, s->n_r * sizeof *u);
  for (size_t i = 0; i < s->n_term; i++) {
    const kd_potential *term = &s->term[i];
    const double factor = kd_potential_factor(term, t);
    for (size_t index = 0; index < s->n_r; index++) {
      double r[3];
      kd_space_r(s, index, r);
      u[index] += factor * (term->grid ? term->grid[index] : term->kind->value(term, r));
    }
  }
}

/// u += factor times the tabulated term at the points of this process, with its Fourier
/// coefficients multiplied: by 2 i sin(q.x/2) for a finite displacement x, by i q.x for an
/// infinitesimal one. A Nyquist mode is the real cosine, which has neither.
static void add_spectral(kd_space *s, const kd_potential *term, double factor, const double x[3],
                         bool is_finite, double *u) {
  for (size_t index = 0; index < s->n_r; index++) {
    const size_t j[3] = {index / (s->n[1] * s->n[2]), index / s->n[2] % s->n[1], index % s->n[2]};
    double angle = 0;
    bool is_nyquist = false;
    for (size_t a = 0; a < s->n_dim; a++) {
      const double number = kd_mode_number(j[a], s->n[a]);
      angle += 2 * M_PI * number / s->length[a] * x[a];
      is_nyquist = is_nyquist || kd_mode_is_nyquist(j[a], s->n[a]);
    }
    const double weight = is_nyquist ? 0 : is_finite ? 2 * sin(0.5 * angle) : angle;
    s->work[index] = I * weight * term->spectrum[index];
  }
  fftw_execute(s->from_q);
  for (size_t i = 0; i < s->count; i++) u[i] += factor * creal(s->work[s->first + i]);
}

/// u += factor (U(R + s/2) - U(R - s/2)) of one term.
static void add_difference(kd_space *s, const kd_potential *term, double factor,
                           const double displacement[3], double *u) {
  if (term->grid) {
    add_spectral(s, term, factor, displacement, true, u);
    return;
  }
  for (size_t at = 0; at < s->count; at++) {
    double r[3], ahead[3], behind[3];
    kd_space_r(s, s->first + at, r);
    for (size_t d = 0; d < 3; d++) {
      const double half = d < s->n_dim ? 0.5 * displacement[d] : 0;
      ahead[d] = r[d] + half;
      behind[d] = r[d] - half;
    }
    u[at] += factor * (term->kind->value(term, ahead) - term->kind->value(term, behind));
  }
}

/// u += factor dU/dR_axis of one term.
static void add_gradient(kd_space *s, const kd_potential *term, double factor, size_t axis,
                         double *u) {
  if (term->grid) {
    double direction[3] = {0};
    direction[axis] = 1;
    add_spectral(s, term, factor, direction, false, u);
    return;
  }
  for (size_t at = 0; at < s->count; at++) {
    double r[3], gradient[3] = {0};
    kd_space_r(s, s->first + at, r);
    term->kind->gradient(term, r, gradient);
    u[at] += factor * gradient[axis];
  }
}

static kd_status check_difference(const kd_space *s, const double *u) {
  for (size_t at = 0; at < s->count; at++)
    if (!isfinite(u[at]))
      return kd_error(KD_ERROR_NUMERICS, "the potential energy is not finite near the R grid");
  return KD_OK;
}

static kd_status check_gradient(const kd_space *s, const double *u) {
  for (size_t at = 0; at < s->count; at++)
    if (!isfinite(u[at]))
      return kd_error(KD_ERROR_NUMERICS, "the gradient of the potential is not finite on the grid");
  return KD_OK;
}

kd_status kd_space_difference(kd_space *s, const double displacement[3], double t, double *u) {
  memset(u, 0, s->count * sizeof *u);
  for (size_t i = 0; i < s->n_term; i++)
    add_difference(s, &s->term[i], kd_potential_factor(&s->term[i], t), displacement, u);
  return check_difference(s, u);
}

kd_status kd_space_gradient(kd_space *s, size_t axis, double t, double *u) {
  memset(u, 0, s->count * sizeof *u);
  for (size_t i = 0; i < s->n_term; i++)
    add_gradient(s, &s->term[i], kd_potential_factor(&s->term[i], t), axis, u);
  return check_gradient(s, u);
}

size_t kd_space_n_part(const kd_space *s) {
  return s->n_part;
}

double kd_space_part_factor(const kd_space *s, size_t part, double t) {
  for (size_t i = 0; i < s->n_term; i++)
    if (s->term[i].part == part) return kd_potential_factor(&s->term[i], t);
  return 0;
}

unsigned long kd_space_part_version(const kd_space *s, size_t part) {
  unsigned long version = 0;
  for (size_t i = 0; i < s->n_term; i++)
    if (s->term[i].part == part) version += s->term[i].version;
  return version;
}

kd_status kd_space_part_difference(kd_space *s, size_t part, const double displacement[3],
                                   double *u) {
  memset(u, 0, s->count * sizeof *u);
  for (size_t i = 0; i < s->n_term; i++)
    if (s->term[i].part == part) add_difference(s, &s->term[i], 1, displacement, u);
  return check_difference(s, u);
}

kd_status kd_space_part_gradient(kd_space *s, size_t part, size_t axis, double *u) {
  memset(u, 0, s->count * sizeof *u);
  for (size_t i = 0; i < s->n_term; i++)
    if (s->term[i].part == part) add_gradient(s, &s->term[i], 1, axis, u);
  return check_gradient(s, u);
}
