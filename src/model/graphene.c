/// Graphene and the Haldane model on the honeycomb lattice a1 = a (1, 0), a2 = a (1/2, sqrt(3)/2),
/// with A at 0 and B at (a1 + a2)/3.
#include <math.h>

#include "core/error.h"
#include "model/kinds.h"
#include "model/lattice.h"

#define HONEYCOMB_ROWS                                                                             \
  {.key = "t",                                                                                     \
   .type = KD_REAL,                                                                                \
   .unit = "eV",                                                                                   \
   .meaning = "hopping between nearest neighbors, H_AB = -t (1 + exp(-i k.a1) + exp(-i k.a2))",    \
   .reference = ""},                                                                               \
      {.key = "mass",                                                                              \
       .type = KD_REAL,                                                                            \
       .unit = "eV",                                                                               \
       .fallback = "0 eV",                                                                         \
       .meaning = "energy of sublattice A; that of B is the negative",                             \
       .reference = "Semenoff, Phys. Rev. Lett. 53, 2449 (1984)"},                                 \
  {                                                                                                \
    .key = "lattice_constant", .type = KD_REAL, .unit = "angstrom", .natural_fallback = "1",       \
    KD_CELL_LENGTH,                                                                                \
    .meaning = "length of a1 and a2, sqrt(3) times the distance of neighboring sites",             \
    .reference = ""                                                                                \
  }

static const kd_param graphene_rows[] = {HONEYCOMB_ROWS, KD_MODEL_COMMON_ROWS, {.key = NULL}};

static const kd_param haldane_rows[] = {
    HONEYCOMB_ROWS,
    {.key = "t2",
     .type = KD_REAL,
     .unit = "eV",
     .meaning = "hopping between next-nearest neighbors",
     .reference = ""},
    {.key = "phase",
     .type = KD_REAL,
     .unit = "rad",
     .meaning = "<A,0|H|A,c> = t2 e^{i phase} for c = a1, -a2, a2 - a1; the opposite phase on B",
     .reference = "Haldane, Phys. Rev. Lett. 61, 2015 (1988)"},
    KD_MODEL_COMMON_ROWS,
    {.key = NULL}};

/// The part that both have in common, with room for the cells of both.
static kd_status create_honeycomb(const kd_section *section, kd_lattice_table **result) {
  kd_lattice_table *table;
  KD_TRY(kd_lattice_table_create(2, 2, 7, false, &table));
  const double a = kd_section_real(section, "lattice_constant");
  const double t = kd_section_real(section, "t"), mass = kd_section_real(section, "mass");
  table->vector[0][0] = a;
  table->vector[1][0] = 0.5 * a;
  table->vector[1][1] = 0.5 * sqrt(3) * a;
  for (size_t x = 0; x < 2; x++)
    table->orbital[1][x] = (table->vector[0][x] + table->vector[1][x]) / 3;
  kd_lattice_hop(table, (long[3]){0, 0}, 0, 0, mass);
  kd_lattice_hop(table, (long[3]){0, 0}, 1, 1, -mass);
  kd_lattice_hop(table, (long[3]){0, 0}, 0, 1, -t);
  kd_lattice_hop(table, (long[3]){-1, 0}, 0, 1, -t);
  kd_lattice_hop(table, (long[3]){0, -1}, 0, 1, -t);
  *result = table;
  return KD_OK;
}

static kd_status create_graphene(const kd_scenario *scenario, const kd_section *section,
                                 const kd_model_setup *setup, kd_model **model) {
  (void)scenario;
  kd_lattice_table *table;
  KD_TRY(create_honeycomb(section, &table));
  return kd_lattice_model(table, setup, KD_LATTICE_AUTO, model);
}

static kd_status create_haldane(const kd_scenario *scenario, const kd_section *section,
                                const kd_model_setup *setup, kd_model **model) {
  (void)scenario;
  kd_lattice_table *table;
  KD_TRY(create_honeycomb(section, &table));
  const double t2 = kd_section_real(section, "t2"), phase = kd_section_real(section, "phase");
  // <A,0|H|A,c> = t2 e^{i phase}: on A, mass + 2 t2 sum_c cos(k.c + phase).
  const long c[3][3] = {{1, 0}, {0, -1}, {-1, 1}};
  for (size_t i = 0; i < 3; i++) {
    kd_lattice_hop(table, c[i], 0, 0, t2 * (cos(phase) + I * sin(phase)));
    kd_lattice_hop(table, c[i], 1, 1, t2 * (cos(phase) - I * sin(phase)));
  }
  return kd_lattice_model(table, setup, KD_LATTICE_AUTO, model);
}

const kd_model_kind kd_model_graphene = {
    .variant = {.kind = "graphene",
                .meaning = "one orbital per site of the honeycomb lattice, A at 0 and B at "
                           "(a1 + a2)/3, with +mass on A and -mass on B",
                .reference = "Castro Neto et al., Rev. Mod. Phys. 81, 109 (2009), sec. II",
                .rows = graphene_rows},
    .n_dim = 2,
    .create = create_graphene};

const kd_model_kind kd_model_haldane = {
    .variant = {.kind = "haldane",
                .meaning = "graphene with complex hopping between next-nearest neighbors: a Chern "
                           "insulator",
                .reference = "Haldane, Phys. Rev. Lett. 61, 2015 (1988)",
                .rows = haldane_rows},
    .n_dim = 2,
    .create = create_haldane};
