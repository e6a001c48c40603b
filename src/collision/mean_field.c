/// One convolution per pair of packed components, as the real and the imaginary part of one complex
/// field: V(q) is even and its transform V(r) real, which acts on both parts alike.
///
///   F(r) = sum_k e^{ik.r} [f(k) - f_0(k + shift)]              (FFT)
///   Sigma(k) = (theta/N_k M) sum_r e^{-ik.r} V(r) F(r)         (FFT), M points r
///
/// On a lattice f_0 is subtracted in r, f_0(r) e^{-i shift.r}, which costs no FFT. A k.p box is
/// padded with zeros to twice its points along every axis.
#include "collision/mean_field.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "collision/bath.h"
#include "collision/electron.h"
#include "collision/form.h"
#include "collision/layout.h"
#include "collision/parts.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/modes.h"
#include "core/packing.h"
#include "core/parallel.h"
#include "drift/commutator.h"
#include "state/initial.h"
#include "state/thermal.h"

/// A reference in a k.p box is the function of H that fills it, up to this difference.
static const double SAME = 1e-9;
/// Without a reference, f must be below this at the edge of a k.p box, since what is outside is
/// left out.
static const double EMPTY = 1e-3;

const kd_choice kd_mean_field_choices[] = {
    {.name = "none", .meaning = "H is that of the scenario"},
    {.name = "hartree_fock",
     .meaning = "H + Sigma[f]: contact, (g_s - 1) U_a times the density on the orbital; density, "
                "exchange with V(q), whose Hartree term a background cancels"},
    {.name = NULL}};

const kd_choice kd_mean_field_references[] = {
    {.name = "initial",
     .meaning = "the state at t = 0: H holds its mean field, and it is stationary if it is a "
                "function of H"},
    {.name = "equilibrium",
     .meaning =
         "the equilibrium of H with the temperature and chemical potential of collisions, or "
         "else of initial"},
    {.name = "none", .meaning = "nothing: H is the Hamiltonian without interaction"},
    {.name = NULL}};

struct kd_mean_field {
  kd_model *model;
  size_t n_band, n_k, n; ///< n = n_band^2 n_k
  double spin, hbar;
  bool is_periodic;
  double *contact;         ///< (g_s - 1) U_a, [n_band]; NULL: no contact term
  double *kernel;          ///< theta V(r)/(N_k M), [volume]; NULL: no density term
  kd_reference *reference; ///< f_0 in a k.p box; NULL: 0
  double complex *at_rest; ///< f_0(r) on a lattice, [n_pair][volume]; NULL: 0
  double *density;         ///< (1/N_k) sum_k f_0,aa on a lattice, else 0, [n_band]
  bool has_reference;
  kd_layout layout;
  size_t n_pair; ///< complex fields of n_band^2 components
  fftw_plan to_space[3], to_points[3];
  int n_thread;
  double complex **field;   ///< per thread, [volume]
  double complex *phase[3]; ///< e^{-i shift.r} along the axes of a lattice, and
  double complex *slope[3]; ///< its derivative along a direction
  double *deviation;        ///< f - f_0 in a k.p box, packed
  double *sigma, *work;     ///< packed
  unsigned long n_fft;
};

static void clear_plans(fftw_plan plans[3]) {
  for (int axis = 0; axis < 3; axis++)
    if (plans[axis]) fftw_destroy_plan(plans[axis]);
}

void kd_mean_field_free(kd_mean_field *m) {
  if (!m) return;
  kd_free(m->contact);
  kd_free(m->kernel);
  kd_reference_free(m->reference);
  kd_free(m->at_rest);
  kd_free(m->density);
  clear_plans(m->to_space);
  clear_plans(m->to_points);
  for (int i = 0; i < m->n_thread && m->field; i++) kd_free(m->field[i]);
  kd_free(m->field);
  for (int i = 0; i < 3; i++) {
    kd_free(m->phase[i]);
    kd_free(m->slope[i]);
  }
  kd_free(m->deviation);
  kd_free(m->sigma);
  kd_free(m->work);
  kd_free(m);
}

// --- transforms ---------------------------------------------------------------------------------

/// Components 2 `pair` and 2 `pair` + 1 of a packed field as one complex field of r.
static void to_space(const kd_mean_field *m, const double *f, size_t pair, double complex *field) {
  const kd_layout *layout = &m->layout;
  const double *re = f + 2 * pair * m->n_k, *im = re + m->n_k;
  const bool is_pair = 2 * pair + 1 < m->n_band * m->n_band;
  for (size_t row = 0; row < layout->n_row; row++) {
    double complex *own = field + kd_layout_row(layout, row);
    const size_t k = row * layout->row_length;
    for (size_t i = 0; i < layout->row_length; i++)
      own[i] = is_pair ? re[k + i] + I * im[k + i] : re[k + i];
  }
  kd_layout_clear(layout, layout->row_length, field);
  kd_layout_from_points(m->to_space, field);
}

/// The inverse, without the factor 1/M.
static void to_points(const kd_mean_field *m, double complex *field, size_t pair, double *f) {
  const kd_layout *layout = &m->layout;
  double *re = f + 2 * pair * m->n_k, *im = re + m->n_k;
  const bool is_pair = 2 * pair + 1 < m->n_band * m->n_band;
  kd_layout_to_points(m->to_points, field);
  for (size_t row = 0; row < layout->n_row; row++) {
    const double complex *own = field + kd_layout_row(layout, row);
    const size_t k = row * layout->row_length;
    for (size_t i = 0; i < layout->row_length; i++) {
      re[k + i] = creal(own[i]);
      if (is_pair) im[k + i] = cimag(own[i]);
    }
  }
}

/// e^{-i shift.r} along every axis of a lattice, and its derivative with the shift along
/// `direction` (NULL: not wanted). The Nyquist mode of an even axis is a cosine, as in
/// translation.h.
static void fill_phases(kd_mean_field *m, const double shift[3], const double *direction) {
  const double *dual = kd_model_duals(m->model);
  for (size_t axis = 0; axis < 3; axis++) {
    double angle = 0, turn = 0;
    for (size_t d = 0; d < 3 && axis < kd_model_n_dim(m->model); d++) {
      angle += dual[3 * axis + d] * shift[d];
      if (direction) turn += dual[3 * axis + d] * direction[d];
    }
    const size_t n = m->layout.n[axis];
    for (size_t j = 0; j < n; j++) {
      const double r = kd_mode_number(j, n);
      const double complex phase = cos(r * angle) - I * sin(r * angle);
      const bool is_nyquist = kd_mode_is_nyquist(j, n);
      m->phase[axis][j] = is_nyquist ? creal(phase) : phase;
      m->slope[axis][j] = is_nyquist ? r * turn * cimag(phase) : -I * r * turn * phase;
    }
  }
}

/// Adds to a field of r the factor times f_0(r) displaced, or its derivative along the direction of
/// fill_phases.
static void add_at_rest(const kd_mean_field *m, size_t pair, double factor, bool is_slope,
                        double complex *field) {
  const kd_layout *layout = &m->layout;
  const size_t *n = layout->n, *stride = layout->stride;
  const double complex *source = m->at_rest + pair * layout->volume;
  const double complex *const *p = (const double complex *const *)m->phase;
  const double complex *const *s = (const double complex *const *)m->slope;
  for (size_t i = 0; i < n[0]; i++)
    for (size_t j = 0; j < n[1]; j++) {
      const double complex outer = factor * p[0][i] * p[1][j];
      const double complex outer_slope =
          is_slope ? factor * (s[0][i] * p[1][j] + p[0][i] * s[1][j]) : 0;
      for (size_t l = 0; l < n[2]; l++) {
        const size_t r = i * stride[0] + j * stride[1] + l * stride[2];
        const double complex weight =
            is_slope ? outer_slope * p[2][l] + outer * s[2][l] : outer * p[2][l];
        field[r] += weight * source[r];
      }
    }
}

static void multiply_kernel(const kd_mean_field *m, double complex *field) {
  for (size_t r = 0; r < m->layout.volume; r++) field[r] *= m->kernel[r];
}

/// The field whose transform is that of f - f_0 as far as it is not subtracted in r: f itself on a
/// lattice, and the difference in a k.p box.
static kd_status subtract(kd_mean_field *m, const double shift[3], const double *f,
                          const double **deviation) {
  *deviation = f;
  if (m->is_periodic) {
    if (m->at_rest) fill_phases(m, shift, NULL);
    return KD_OK;
  }
  if (!m->reference) return KD_OK;
  KD_TRY(kd_reference_sample(m->reference, m->model, shift, m->deviation));
  for (size_t i = 0; i < m->n; i++) m->deviation[i] = f[i] - m->deviation[i];
  *deviation = m->deviation;
  return KD_OK;
}

/// (1/N_k) sum_k of f - f_0 on orbital a.
static double orbital_density(const kd_mean_field *m, const double *deviation, size_t a) {
  double sum = 0;
  for (size_t k = 0; k < m->n_k; k++) sum += deviation[a * m->n_k + k];
  return sum / (double)m->n_k - m->density[a];
}

/// Transforms of one call: those of every pair, there or back.
static void count(kd_mean_field *m, unsigned long per_pair) {
  m->n_fft += per_pair * m->n_pair;
}

// --- what is asked for --------------------------------------------------------------------------

kd_status kd_mean_field_sample(kd_mean_field *m, const double shift[3], const double *f,
                               double *sigma) {
  const double *deviation;
  KD_TRY(subtract(m, shift, f, &deviation));
  if (m->kernel) {
#pragma omp parallel for schedule(static) num_threads(m->n_thread) if (KD_WORTH_THREADS(m->n))
    for (size_t pair = 0; pair < m->n_pair; pair++) {
      double complex *field = m->field[omp_get_thread_num()];
      to_space(m, deviation, pair, field);
      if (m->at_rest) add_at_rest(m, pair, -1, false, field);
      multiply_kernel(m, field);
      to_points(m, field, pair, sigma);
    }
    count(m, 2);
  } else {
    memset(sigma, 0, m->n * sizeof *sigma);
  }
  for (size_t a = 0; a < m->n_band && m->contact; a++) {
    const double level = m->contact[a] * orbital_density(m, deviation, a);
    for (size_t k = 0; k < m->n_k; k++) sigma[a * m->n_k + k] += level;
  }
  return KD_OK;
}

kd_status kd_mean_field_add_rate(kd_mean_field *m, const double shift[3], const double *f,
                                 double *df) {
  if (m->n_band == 1) return KD_OK; // Sigma commutes with f
  KD_TRY(kd_mean_field_sample(m, shift, f, m->sigma));
  kd_commutator(m->n_band, m->n_k, 1 / m->hbar, m->sigma, f, m->work);
#pragma omp parallel for simd schedule(static) if (KD_WORTH_THREADS(m->n))
  for (size_t i = 0; i < m->n; i++) df[i] += m->work[i];
  return KD_OK;
}

kd_status kd_mean_field_energy(kd_mean_field *m, const double shift[3], const double *f,
                               double *energy) {
  const double *deviation;
  KD_TRY(subtract(m, shift, f, &deviation));
  *energy = 0;
  // (1/N_k) sum_k Tr(Sigma (f - f_0)) = (theta/N_k^2 M) sum_r V(r) |F(r)|^2
  for (size_t pair = 0; pair < m->n_pair && m->kernel; pair++) {
    double complex *field = m->field[0];
    to_space(m, deviation, pair, field);
    if (m->at_rest) add_at_rest(m, pair, -1, false, field);
    double sum = 0;
    for (size_t r = 0; r < m->layout.volume; r++) {
      const double re = creal(field[r]), im = cimag(field[r]);
      sum += m->kernel[r] * (re * re + im * im);
    }
    *energy += 0.5 * m->spin * sum / (double)m->n_k;
  }
  if (m->kernel) count(m, 1);
  for (size_t a = 0; a < m->n_band && m->contact; a++) {
    const double n = orbital_density(m, deviation, a);
    *energy += 0.5 * m->spin * m->contact[a] * n * n;
  }
  return KD_OK;
}

/// S[f_0] on the displaced grid of a lattice, or S of its derivative along `direction`.
static void sample_at_rest(kd_mean_field *m, const double shift[3], const double *direction,
                           double *result) {
  memset(result, 0, m->n * sizeof *result);
  fill_phases(m, shift, direction);
  for (size_t pair = 0; pair < m->n_pair && m->kernel; pair++) {
    double complex *field = m->field[0];
    memset(field, 0, m->layout.volume * sizeof *field);
    add_at_rest(m, pair, 1, direction != NULL, field);
    multiply_kernel(m, field);
    to_points(m, field, pair, result);
  }
  if (m->kernel) count(m, 1);
  for (size_t a = 0; a < m->n_band && m->contact && !direction; a++)
    for (size_t k = 0; k < m->n_k; k++) result[a * m->n_k + k] += m->contact[a] * m->density[a];
}

kd_status kd_mean_field_add_velocity(kd_mean_field *m, const double shift[3],
                                     const double direction[3], double *v) {
  if (!m->has_reference) return KD_OK;
  if (m->is_periodic) {
    sample_at_rest(m, shift, direction, m->work);
    for (size_t i = 0; i < m->n; i++) v[i] -= m->work[i] / m->hbar;
    kd_model_part position = {0};
    memcpy(position.position, direction, sizeof position.position);
    sample_at_rest(m, shift, NULL, m->sigma);
    kd_model_sample(m->model, shift, &position, m->deviation);
    kd_commutator(m->n_band, m->n_k, 1 / m->hbar, m->sigma, m->deviation, m->work);
    for (size_t i = 0; i < m->n; i++) v[i] += m->work[i];
    return KD_OK;
  }
  // No positions in a k.p box, and a contact term has no slope.
  if (!m->kernel) return KD_OK;
  KD_TRY(kd_reference_derivative_at(m->reference, m->model, shift, direction, m->deviation));
  for (size_t pair = 0; pair < m->n_pair; pair++) {
    to_space(m, m->deviation, pair, m->field[0]);
    multiply_kernel(m, m->field[0]);
    to_points(m, m->field[0], pair, m->work);
  }
  count(m, 2);
  for (size_t i = 0; i < m->n; i++) v[i] -= m->work[i] / m->hbar;
  return KD_OK;
}

unsigned long kd_mean_field_n_fft(const kd_mean_field *m) {
  return m->n_fft;
}

size_t kd_mean_field_bytes(const kd_mean_field *m) {
  if (!m) return 0;
  const size_t volume = m->kernel ? m->layout.volume : 0;
  return 3 * m->n * sizeof(double) + volume * sizeof(double) +
         ((m->at_rest ? m->n_pair : 0) + (size_t)m->n_thread) * volume * sizeof(double complex);
}

// --- construction -------------------------------------------------------------------------------

/// True if the item of `collisions.terms` is an interaction with a mean field.
static bool has_mean_field(const kd_section *item) {
  return kd_section_variant(item) == &kd_bath_electron.variant &&
         strcmp(kd_section_text(item, "mean_field"), "none") != 0;
}

static const char *reference_of(const kd_section *item) {
  return kd_section_has(item, "mean_field_reference")
             ? kd_section_text(item, "mean_field_reference")
             : "initial";
}

/// The next item with a mean field from *index on; NULL: none.
static const kd_section *next_term(const kd_scenario *scenario, size_t *index) {
  const kd_section *section = kd_section_child(kd_scenario_root(scenario), "collisions");
  while (*index < kd_section_count(section, "terms")) {
    const kd_section *item = kd_section_item(section, "terms", (*index)++);
    if (has_mean_field(item)) return item;
  }
  return NULL;
}

size_t kd_mean_field_count(const kd_scenario *scenario) {
  size_t count = 0;
  for (size_t index = 0; next_term(scenario, &index);) count++;
  return count;
}

kd_status kd_mean_field_refuse(const kd_scenario *scenario, const char *what) {
  size_t index = 0;
  const kd_section *item = next_term(scenario, &index);
  if (!item) return KD_OK;
  return kd_section_error(item, "mean_field", "a mean field %s (expected none)", what);
}

void kd_mean_field_warn(const kd_scenario *scenario, const kd_model *model, kd_warnings *warnings) {
  const char *statistics = kd_section_text(kd_scenario_root(scenario), "statistics");
  if (kd_statistics_named(statistics) != KD_FERMION || kd_model_spin_degeneracy(model) >= 2) return;
  size_t index = 0;
  for (const kd_section *item; (item = next_term(scenario, &index)) != NULL;)
    if (!kd_electron_is_density(item))
      kd_warn(
          warnings,
          "collisions.terms.%zu: the mean field of a contact interaction is that of fermions of "
          "another spin, and model.spin_degeneracy is %g: every carrier is taken to have one "
          "partner with the same f; set model.spin_degeneracy to 2",
          index - 1, kd_model_spin_degeneracy(model));
}

/// Adds V(q) of a term to the field of q that the kernel is made from.
static kd_status add_interaction(kd_mean_field *m, const kd_section *item, double u,
                                 double complex *field) {
  kd_status status = KD_OK;
  size_t shape[3];
  double *form = NULL;
  const size_t n_difference = kd_difference_count(m->model, shape);
  KD_CHECK(kd_form_evaluate(kd_section_child(item, "form"), m->model, 1, &form));
  for (size_t q = 0; q < n_difference; q++) {
    if (form && form[q] < 0) {
      status = kd_section_error(item, "form", "negative, %g (expected the square of a coupling)",
                                form[q]);
      goto cleanup;
    }
    field[kd_layout_difference(&m->layout, q)] += u * (form ? sqrt(form[q]) : 1);
  }

cleanup:
  kd_free(form);
  return status;
}

/// Takes V(q) from thread 0's field to the kernel.
static kd_status create_kernel(kd_mean_field *m, double theta) {
  kd_status status = KD_OK;
  const kd_layout *layout = &m->layout;
  const size_t n_difference = layout->m[0] * layout->m[1] * layout->m[2];
  const double norm = theta / ((double)m->n_k * (double)n_difference);
  double complex *field = m->field[0];
  fftw_plan plans[3] = {NULL};
  KD_CHECK(kd_layout_plan(layout, layout->m, FFTW_BACKWARD, field, plans));
  KD_ALLOCATE(m->kernel, layout->volume);
  kd_layout_from_points(plans, field);
  for (size_t i = 0; i < layout->m[0]; i++)
    for (size_t j = 0; j < layout->m[1]; j++)
      for (size_t l = 0; l < layout->m[2]; l++) {
        const size_t r = i * layout->stride[0] + j * layout->stride[1] + l * layout->stride[2];
        m->kernel[r] = norm * creal(field[r]);
      }

cleanup:
  clear_plans(plans);
  return status;
}

/// f_0 on the grid of the model.
static kd_status find_reference(kd_mean_field *m, const kd_scenario *scenario,
                                const kd_section *item, const kd_state *initial, double *f) {
  kd_status status = KD_OK;
  kd_bands bands = {0};
  kd_occupation thermal;
  if (strcmp(reference_of(item), "initial") == 0) {
    memcpy(f, initial->f, m->n * sizeof *f);
    return KD_OK;
  }
  KD_CHECK(kd_bands_create(m->model, &bands));
  KD_CHECK(
      kd_collision_thermal(scenario, m->reference, &bands, item, "mean_field_reference", &thermal));
  kd_thermal_field(&bands, &thermal, f);

cleanup:
  kd_bands_clear(&bands);
  return status;
}

/// Largest |f| at the faces of a k.p box.
static double largest_at_edge(const kd_mean_field *m, const double *f) {
  const size_t *n = m->layout.n;
  double largest = 0;
  for (size_t c = 0; c < m->n_band * m->n_band; c++)
    for (size_t k = 0; k < m->n_k; k++) {
      const size_t index[3] = {k / (n[1] * n[2]), k / n[2] % n[1], k % n[2]};
      for (size_t i = 0; i < kd_model_n_dim(m->model); i++)
        if (index[i] == 0 || index[i] == n[i] - 1) largest = fmax(largest, fabs(f[c * m->n_k + k]));
    }
  return largest;
}

/// In a k.p box f_0 is the reference that drifts in at the edges, or must be zero there.
static kd_status settle_box(kd_mean_field *m, const kd_section *item, const double *f) {
  const char *name = reference_of(item);
  KD_TRY(kd_reference_sample(m->reference, m->model, (const double[3]){0}, m->work));
  if (!m->has_reference) {
    const double most = largest_at_edge(m, m->work);
    if (most > EMPTY)
      return kd_section_error(item, "mean_field_reference",
                              "none in a k.p box that is filled up to its edge (f is %.2g there): "
                              "exchange with the states outside would be left out (expected "
                              "initial)",
                              most);
    kd_reference_free(m->reference);
    m->reference = NULL;
    return KD_OK;
  }
  double difference = 0;
  for (size_t i = 0; i < m->n; i++) difference = fmax(difference, fabs(f[i] - m->work[i]));
  if (difference > SAME)
    return kd_section_error(
        item, "mean_field_reference",
        "%s in a k.p box, where it differs by %.2g from the function of H that "
        "fills the box at t = 0 (expected none, or an initial state equilibrium, "
        "bands or excited that is the reference)",
        name, difference);
  return KD_OK;
}

/// f_0 and what depends on it.
static kd_status create_reference(kd_mean_field *m, const kd_scenario *scenario,
                                  const kd_space *space, const kd_section *item) {
  kd_status status = KD_OK;
  kd_state *initial = NULL;
  double *f = NULL;
  m->has_reference = strcmp(reference_of(item), "none") != 0;
  KD_ALLOCATE(m->density, m->n_band);
  if (!m->has_reference && m->is_periodic) goto cleanup;
  KD_ALLOCATE(f, m->n);
  KD_CHECK(kd_initial_create(scenario, m->model, space, &initial, &m->reference));
  if (m->has_reference) KD_CHECK(find_reference(m, scenario, item, initial, f));
  if (!m->is_periodic) {
    status = settle_box(m, item, f);
    goto cleanup;
  }
  for (size_t a = 0; a < m->n_band; a++) m->density[a] = orbital_density(m, f, a);
  KD_ALLOCATE(m->at_rest, m->kernel ? m->n_pair * m->layout.volume : 0);
  for (size_t pair = 0; pair < m->n_pair && m->kernel; pair++)
    to_space(m, f, pair, m->at_rest + pair * m->layout.volume);

cleanup:
  kd_state_free(initial);
  kd_free(f);
  return status;
}

/// Adds U of a contact term to the strengths of the orbitals.
static kd_status add_contact(kd_mean_field *m, const double *u) {
  kd_status status = KD_OK;
  if (!m->contact) KD_ALLOCATE(m->contact, m->n_band);
  for (size_t a = 0; a < m->n_band; a++) m->contact[a] += fmax(1, m->spin - 1) * u[a];

cleanup:
  return status;
}

/// Keys that have nothing to act on.
static kd_status check_terms(const kd_scenario *scenario) {
  const kd_section *section = kd_section_child(kd_scenario_root(scenario), "collisions");
  for (size_t i = 0; i < kd_section_count(section, "terms"); i++) {
    const kd_section *item = kd_section_item(section, "terms", i);
    if (kd_section_variant(item) != &kd_bath_electron.variant || has_mean_field(item)) continue;
    if (!kd_electron_scatters(item))
      return kd_section_error(item, "scattering",
                              "false without a mean field, so that the term does nothing (expected "
                              "true, or mean_field: hartree_fock)");
    if (kd_section_has(item, "mean_field_reference"))
      return kd_section_error(item, "mean_field_reference",
                              "without a mean field (expected mean_field: hartree_fock)");
  }
  return KD_OK;
}

kd_status kd_mean_field_create(const kd_scenario *scenario, kd_model *model, const kd_space *space,
                               kd_mean_field **result) {
  kd_status status = KD_OK;
  size_t index = 0;
  const kd_section *first = next_term(scenario, &index);
  const kd_statistics statistics =
      kd_statistics_named(kd_section_text(kd_scenario_root(scenario), "statistics"));
  bool is_density = false;
  kd_mean_field *m = NULL;
  *result = NULL;
  KD_TRY(check_terms(scenario));
  if (!first) return KD_OK;
  if (kd_space_n_dim(space) > 0)
    return kd_mean_field_refuse(scenario, "with an R grid, where the Hartree term is "
                                          "potential: {kind: hartree}");
  KD_ALLOCATE(m, 1);
  m->model = model;
  m->n_band = kd_model_n_band(model);
  m->n_k = kd_model_n_k(model);
  m->n = m->n_band * m->n_band * m->n_k;
  m->n_pair = (m->n_band * m->n_band + 1) / 2;
  m->spin = kd_model_spin_degeneracy(model);
  m->hbar = kd_model_hbar(model);
  m->is_periodic = kd_model_is_periodic(model);
  kd_layout_create(model, &m->layout);
  m->n_thread = omp_get_max_threads();
  KD_ALLOCATE(m->field, (size_t)m->n_thread);
  for (int i = 0; i < m->n_thread; i++) KD_ALLOCATE(m->field[i], m->layout.volume);
  for (size_t i = 0; i < 3; i++) {
    KD_ALLOCATE(m->phase[i], m->layout.n[i]);
    KD_ALLOCATE(m->slope[i], m->layout.n[i]);
  }
  KD_ALLOCATE(m->deviation, m->n);
  KD_ALLOCATE(m->sigma, m->n);
  KD_ALLOCATE(m->work, m->n);
  // Planning overwrites fields, which must be done before V(q) is gathered in one.
  KD_CHECK(kd_layout_plan(&m->layout, m->layout.n, FFTW_BACKWARD, m->field[0], m->to_space));
  KD_CHECK(kd_layout_plan(&m->layout, m->layout.n, FFTW_FORWARD, m->field[0], m->to_points));
  memset(m->field[0], 0, m->layout.volume * sizeof *m->field[0]);
  for (const kd_section *item = first; item; item = next_term(scenario, &index)) {
    const char *reference = reference_of(item);
    if (strcmp(reference, reference_of(first)) != 0) {
      status = kd_section_error(item, "mean_field_reference",
                                "%s, but another term has %s (expected one for all)", reference,
                                reference_of(first));
      goto cleanup;
    }
    double u[KD_MAX_BAND];
    KD_CHECK(kd_electron_strengths(item, model, u));
    if (!kd_electron_is_density(item)) {
      KD_CHECK(add_contact(m, u));
      continue;
    }
    if (statistics == KD_CLASSICAL) {
      status = kd_section_error(item, "mean_field",
                                "V(q) of classical particles, which have no exchange, and whose "
                                "Hartree term a background cancels (expected none)");
      goto cleanup;
    }
    is_density = true;
    KD_CHECK(add_interaction(m, item, u[0], m->field[0]));
  }
  if (is_density) KD_CHECK(create_kernel(m, statistics == KD_BOSON ? 1 : -1));
  KD_CHECK(create_reference(m, scenario, space, first));
  *result = m;
  m = NULL;

cleanup:
  kd_mean_field_free(m);
  return status;
}
