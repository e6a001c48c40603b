/// The Su-Schrieffer-Heeger chain, with a staggered potential the Rice-Mele chain.
#include "core/error.h"
#include "model/kinds.h"
#include "model/lattice.h"

static const kd_param rows[] = {
    {.key = "t1",
     .type = KD_REAL,
     .unit = "eV",
     .meaning = "hopping between the two orbitals of a cell",
     .reference = ""},
    {.key = "t2",
     .type = KD_REAL,
     .unit = "eV",
     .meaning = "hopping between orbital 0 and orbital 1 of the cell before it",
     .reference = ""},
    {.key = "mass",
     .type = KD_REAL,
     .unit = "eV",
     .fallback = "0 eV",
     .meaning = "energy of orbital 0; that of orbital 1 is the negative",
     .reference = "Rice and Mele, Phys. Rev. Lett. 49, 1455 (1982)"},
    KD_LATTICE_CONSTANT_ROW,
    {.key = "positions",
     .type = KD_REALS,
     .unit = "angstrom",
     .fallback = "[0 angstrom, 0 angstrom]",
     KD_ANY_RANGE,
     .meaning = "positions of the two orbitals in the cell; they enter the coupling to the field",
     .reference = ""},
    KD_MODEL_COMMON_ROWS,
    {.key = NULL}};

static kd_status create(const kd_scenario *scenario, const kd_section *section,
                        const kd_model_setup *setup, kd_model **model) {
  (void)scenario;
  size_t n_position;
  const double *position = kd_section_reals(section, "positions", &n_position);
  if (n_position != 2)
    return kd_section_error(section, "positions", "%zu numbers (expected 2, one per orbital)",
                            n_position);
  kd_lattice_table *table;
  KD_TRY(kd_lattice_table_create(1, 2, 3, false, &table));
  const long home[3] = {0}, before[3] = {-1};
  const double mass = kd_section_real(section, "mass");
  table->vector[0][0] = kd_section_real(section, "lattice_constant");
  table->orbital[0][0] = position[0];
  table->orbital[1][0] = position[1];
  kd_lattice_hop(table, home, 0, 0, mass);
  kd_lattice_hop(table, home, 1, 1, -mass);
  kd_lattice_hop(table, home, 0, 1, kd_section_real(section, "t1"));
  kd_lattice_hop(table, before, 0, 1, kd_section_real(section, "t2"));
  return kd_lattice_model(table, setup, KD_LATTICE_AUTO, model);
}

const kd_model_kind kd_model_ssh = {
    .variant = {.kind = "ssh",
                .meaning = "two orbitals per cell on a chain, H_01 = t1 + t2 exp(-i k a), "
                           "+mass and -mass on the diagonal",
                .reference = "Su, Schrieffer and Heeger, Phys. Rev. Lett. 42, 1698 (1979)",
                .rows = rows},
    .n_dim = 1,
    .create = create};
