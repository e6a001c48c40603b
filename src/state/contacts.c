#include "keldrift/contacts.h"

#include <math.h>
#include <string.h>

#include "core/comm.h"
#include "core/dot.h"
#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/modes.h"
#include "state/contact_kinds.h"
#include "state/initial.h"
#include "state/thermal.h"

typedef struct contact {
  bool is_reservoir, is_right;
  size_t axis;
  double inner; ///< coordinate where the rate begins, angstrom
  double edge;  ///< length over which it rises, angstrom
  double rate;  ///< 1/fs
  double *f;    ///< packed
  double density;
  double *rate_at; ///< [n_r]
  double share;    ///< of what flows through the end of the box; 0 unless contacts meet there
} contact;

struct kd_contacts {
  size_t count, n_r;
  double element; ///< of R
  contact *item;
  double *end_weight[3]; ///< [points of the axis]; NULL where no contacts meet
};

void kd_contacts_free(kd_contacts *c) {
  if (!c) return;
  for (size_t i = 0; i < c->count; i++) {
    kd_free(c->item[i].f);
    kd_free(c->item[i].rate_at);
  }
  for (int d = 0; d < 3; d++) kd_free(c->end_weight[d]);
  kd_free(c->item);
  kd_free(c);
}

// --- the kinds ----------------------------------------------------------------------------------

static const kd_choice SIDES[] = {
    {.name = "left", .meaning = "at the smallest coordinates along the axis"},
    {.name = "right", .meaning = "at the largest"},
    {.name = NULL}};

#define REGION_ROWS                                                                                \
  {.key = "side", .type = KD_CHOICE, .choices = SIDES, .meaning = "the end of the box it is at"},  \
      {.key = "axis",                                                                              \
       .type = KD_INTEGER,                                                                         \
       .fallback = "0",                                                                            \
       .min = 0,                                                                                   \
       .max = 2,                                                                                   \
       .meaning = "axis along which the box ends there, from 0"},                                  \
      {.key = "width",                                                                             \
       .type = KD_REAL,                                                                            \
       .unit = "angstrom",                                                                         \
       KD_POSITIVE,                                                                                \
       .meaning = "extent from the end of the box"},                                               \
      {.key = "edge",                                                                              \
       .type = KD_REAL,                                                                            \
       .unit = "angstrom",                                                                         \
       .fallback = KD_UNSET,                                                                       \
       KD_POSITIVE,                                                                                \
       .meaning = "length over which the rate rises from zero, from the inner end on: t^3 (10 - "  \
                  "15 t + 6 t^2) with t = depth/edge; default: the width"},                        \
  {                                                                                                \
    .key = "rate", .type = KD_REAL, .unit = "1/fs", KD_NON_NEGATIVE,                               \
    .meaning = "rate of relaxation at the end of the box"                                          \
  }

static const kd_variant reservoir = {
    .kind = "reservoir",
    .meaning = "f relaxes to thermal equilibrium of H_k, energies measured from the local "
               "potential energy: the bottom of its bands follows U(R)",
    .rows = (const kd_param[]){
        REGION_ROWS, KD_INITIAL_TEMPERATURE_ROW, KD_INITIAL_FILLING_ROWS, {.key = NULL}}};

static const kd_variant absorber = {.kind = "absorber",
                                    .meaning = "f relaxes to zero: what comes does not return",
                                    .rows = (const kd_param[]){REGION_ROWS, {.key = NULL}}};

const kd_variant *const kd_contact_variants[] = {&reservoir, &absorber, NULL};

// --- construction -------------------------------------------------------------------------------

static kd_status read_region(const kd_section *section, const kd_space *space, contact *c) {
  c->axis = (size_t)kd_section_integer(section, "axis");
  if (c->axis >= kd_space_n_dim(space))
    return kd_section_error(section, "axis", "%zu (expected less than %zu, the dimension of R)",
                            c->axis, kd_space_n_dim(space));
  const double length = kd_space_length(space)[c->axis];
  const double width = kd_section_real(section, "width");
  if (width > length)
    return kd_section_error(section, "width", "%g (expected at most %g, the length of the box)",
                            width, length);
  c->edge = kd_section_has(section, "edge") ? kd_section_real(section, "edge") : width;
  if (c->edge > width)
    return kd_section_error(section, "edge", "%g (expected at most the width, %g)", c->edge, width);
  c->rate = kd_section_real(section, "rate");
  c->is_right = strcmp(kd_section_text(section, "side"), "right") == 0;
  c->inner = c->is_right ? 0.5 * length - width : width - 0.5 * length;
  return KD_OK;
}

/// Reads temperature and filling, and fills c->f.
static kd_status fill(const kd_initial_setting *setting, contact *c) {
  const kd_model *model = setting->model;
  const kd_bands bands = {.n_band = kd_model_n_band(model),
                          .n_k = kd_model_n_k(model),
                          .energy = (double *)setting->energy,
                          .vector = (double complex *)setting->vector,
                          .tolerance = setting->tolerance};
  kd_occupation occupation = {0};
  KD_TRY(kd_initial_read_thermal(setting, &occupation));
  kd_thermal_field(&bands, &occupation, c->f);
  double sum = 0;
  for (size_t i = 0; i < bands.n_band * bands.n_k; i++) sum += c->f[i];
  c->density =
      kd_model_spin_degeneracy(model) * sum / ((double)bands.n_k * kd_model_cell_volume(model));
  return KD_OK;
}

static kd_status read_all(const kd_scenario *scenario, kd_model *model, const kd_space *space,
                          kd_contacts *contacts) {
  kd_status status = KD_OK;
  const kd_section *root = kd_scenario_root(scenario);
  const size_t n_band = kd_model_n_band(model), n_k = kd_model_n_k(model),
               n = n_band * n_band * n_k;
  double *h = NULL, *energy = NULL;
  double complex *vector = NULL;
  KD_ALLOCATE(h, n);
  KD_ALLOCATE(energy, n_band * n_k);
  KD_ALLOCATE(vector, n);
  const kd_model_part part = {.energy = 1};
  kd_model_sample(model, (const double[3]){0}, &part, h);
  KD_CHECK(kd_eigen_field(n_band, n_k, h, energy, vector));
  for (size_t i = 0; i < contacts->count; i++) {
    contact *c = &contacts->item[i];
    const kd_section *section = kd_section_item(root, "contacts", i);
    const kd_initial_setting setting = {
        .section = section,
        .model = model,
        .space = space,
        .constants = kd_scenario_constants(scenario),
        .statistics = kd_statistics_named(kd_section_text(root, "statistics")),
        .energy = energy,
        .vector = vector,
        .tolerance = kd_eigen_tolerance(n_band * n_k, energy)};
    KD_CHECK(read_region(section, space, c));
    c->is_reservoir = kd_section_variant(section) == &reservoir;
    KD_ALLOCATE(c->f, n);
    if (c->is_reservoir) KD_CHECK(fill(&setting, c));
    KD_ALLOCATE(c->rate_at, contacts->n_r);
    for (size_t r = 0; r < contacts->n_r; r++) {
      double at[3];
      kd_space_r(space, r, at);
      c->rate_at[r] = kd_contacts_rate(contacts, i, at);
    }
  }

cleanup:
  kd_free(h);
  kd_free(energy);
  kd_free(vector);
  return status;
}

/// Weights of j at the points of an axis in what flows through the middle between the last and the
/// first. Of a spectral derivative, sums over points telescope,
///
///   sum_{i=a}^{b} j'(x_i) dx = F(x_b + dx/2) - F(x_a - dx/2),  F_q = j_q (q dx/2)/sin(q dx/2),
///
/// so that the numbers in the two halves of the box change by F and the contacts, exactly, also
/// where j oscillates from point to point as it does where reservoirs meet that differ.
static kd_status weigh_end(const kd_space *space, size_t axis, double **weight) {
  kd_status status = KD_OK;
  const size_t n = kd_space_n(space)[axis];
  double *w = NULL;
  KD_ALLOCATE(w, n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      const double half = M_PI * kd_mode_number(j, n) / (double)n; // q dx/2
      if (kd_mode_is_nyquist(j, n)) continue;
      w[i] += (half != 0 ? half / sin(half) : 1) * cos(half * (double)(2 * i + 1)) / (double)n;
    }
  *weight = w;

cleanup:
  return status;
}

/// Finds where contacts meet, and which share they have of what flows there.
static kd_status share_ends(const kd_space *space, kd_contacts *contacts) {
  for (size_t i = 0; i < contacts->count; i++) {
    contact *c = &contacts->item[i];
    double here = 0, there = 0;
    for (size_t j = 0; j < contacts->count; j++) {
      const contact *other = &contacts->item[j];
      if (other->axis != c->axis) continue;
      *(other->is_right == c->is_right ? &here : &there) += other->rate;
    }
    if (here == 0 || there == 0) continue;
    c->share = c->rate / here;
    if (!contacts->end_weight[c->axis])
      KD_TRY(weigh_end(space, c->axis, &contacts->end_weight[c->axis]));
  }
  return KD_OK;
}

kd_status kd_contacts_create(const kd_scenario *scenario, kd_model *model, const kd_space *space,
                             kd_contacts **result) {
  kd_status status = KD_OK;
  const kd_section *root = kd_scenario_root(scenario);
  const size_t count = kd_section_count(root, "contacts");
  kd_contacts *contacts = NULL;
  *result = NULL;
  if (count > 0 && kd_space_n_dim(space) == 0)
    return kd_section_error(root, "contacts",
                            "contacts without an R grid (expected grid.r: {points, length})");
  if (count > KD_MAX_CONTACTS)
    return kd_section_error(root, "contacts", "%zu contacts (expected at most %d)", count,
                            KD_MAX_CONTACTS);
  KD_ALLOCATE(contacts, 1);
  contacts->n_r = kd_space_n_r(space);
  contacts->element = kd_space_element(space);
  KD_ALLOCATE(contacts->item, count);
  contacts->count = count;
  if (count > 0) KD_CHECK(read_all(scenario, model, space, contacts));
  KD_CHECK(share_ends(space, contacts));
  *result = contacts;
  contacts = NULL;

cleanup:
  kd_contacts_free(contacts);
  return status;
}

// --- what they do -------------------------------------------------------------------------------

size_t kd_contacts_count(const kd_contacts *contacts) {
  return contacts->count;
}

bool kd_contacts_have_reservoir(const kd_contacts *contacts) {
  for (size_t i = 0; i < contacts->count; i++)
    if (contacts->item[i].is_reservoir) return true;
  return false;
}

double kd_contacts_rate(const kd_contacts *contacts, size_t index, const double r[3]) {
  const contact *c = &contacts->item[index];
  const double depth = c->is_right ? r[c->axis] - c->inner : c->inner - r[c->axis];
  if (depth <= 0) return 0;
  const double t = fmin(depth / c->edge, 1);
  return c->rate * t * t * t * (10 - t * (15 - 6 * t));
}

const double *kd_contacts_state(const kd_contacts *contacts, size_t c) {
  return contacts->item[c].f;
}

double kd_contacts_inflow(const kd_contacts *contacts, size_t index, const double *density) {
  const contact *c = &contacts->item[index];
  double sum = 0;
  for (size_t r = 0; r < contacts->n_r; r++) sum += c->rate_at[r] * (c->density - density[r]);
  return contacts->element * sum;
}

bool kd_contacts_meet(const kd_contacts *contacts) {
  return contacts->end_weight[0] || contacts->end_weight[1] || contacts->end_weight[2];
}

void kd_contacts_end_flow(const kd_contacts *contacts, const kd_model *model, const kd_space *space,
                          double *const v[3], const double *f, double flow[3]) {
  const size_t n_k = kd_model_n_k(model), *m = kd_space_n(space);
  const size_t n = kd_model_n_band(model) * kd_model_n_band(model) * n_k;
  const double of_one = kd_model_density_of_one(model);
  size_t first, count;
  kd_space_slab(space, &first, &count);
  for (size_t d = 0; d < 3; d++) {
    flow[d] = 0;
    if (!contacts->end_weight[d]) continue;
    const double face = contacts->element * (double)m[d] / kd_space_length(space)[d];
    for (size_t i = 0; i < count; i++) {
      const size_t r = first + i;
      const size_t j[3] = {r / (m[1] * m[2]), r / m[2] % m[1], r % m[2]};
      flow[d] += face * of_one * contacts->end_weight[d][j[d]] * kd_dot(v[d], f + i * n, n);
    }
  }
  kd_comm_sum(kd_space_comm(space), flow, 3);
}

void kd_contacts_add_flow(const kd_contacts *contacts, const double flow[3], double dt,
                          double *entered) {
  for (size_t i = 0; i < contacts->count; i++) {
    const contact *c = &contacts->item[i];
    entered[i] += (c->is_right ? -dt : dt) * c->share * flow[c->axis];
  }
}

void kd_contacts_relax(const kd_contacts *contacts, double dt, double *density, double *entered) {
  for (size_t r = 0; r < contacts->n_r; r++) {
    double rate = 0, source = 0;
    for (size_t i = 0; i < contacts->count; i++) {
      const contact *c = &contacts->item[i];
      rate += c->rate_at[r];
      source += c->rate_at[r] * c->density;
    }
    if (rate == 0) continue;
    // n(t) = n_0 + x e^{-rate t}; `excess` is the time integral of its last term.
    const double limit = source / rate, x = density[r] - limit;
    const double excess = -x * expm1(-rate * dt) / rate;
    density[r] = limit + x * exp(-rate * dt);
    for (size_t i = 0; i < contacts->count && entered; i++) {
      const contact *c = &contacts->item[i];
      entered[i] += contacts->element * c->rate_at[r] * ((c->density - limit) * dt - excess);
    }
  }
}
