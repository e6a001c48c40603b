/// One orbital on a chain, square or cubic lattice: H(k) = onsite - 2 J sum_i cos k_i a.
#include "core/error.h"
#include "model/kinds.h"
#include "model/lattice.h"

static const kd_param rows[] = {{.key = "J",
                                 .type = KD_REAL,
                                 .unit = "eV",
                                 .meaning = "hopping amplitude; the band is 4 J wide per dimension",
                                 .reference = ""},
                                {.key = "onsite",
                                 .type = KD_REAL,
                                 .unit = "eV",
                                 .fallback = "0 eV",
                                 .meaning = "energy of the orbital: the middle of the band",
                                 .reference = ""},
                                KD_LATTICE_CONSTANT_ROW,
                                KD_MODEL_COMMON_ROWS,
                                {.key = NULL}};

static kd_status create(const kd_scenario *scenario, const kd_section *section,
                        const kd_model_setup *setup, kd_model **model) {
  (void)scenario;
  kd_lattice_table *table;
  KD_TRY(kd_lattice_table_create(setup->n_dim, 1, 1 + 2 * setup->n_dim, false, &table));
  kd_lattice_hop(table, (long[3]){0}, 0, 0, kd_section_real(section, "onsite"));
  for (size_t i = 0; i < setup->n_dim; i++) {
    long neighbor[3] = {0};
    neighbor[i] = 1;
    table->vector[i][i] = kd_section_real(section, "lattice_constant");
    kd_lattice_hop(table, neighbor, 0, 0, -kd_section_real(section, "J"));
  }
  return kd_lattice_model(table, setup, KD_LATTICE_AUTO, model);
}

#define REFERENCE "Ashcroft and Mermin, Solid State Physics (1976), ch. 10"

const kd_model_kind kd_model_chain = {
    .variant = {.kind = "chain",
                .meaning = "one orbital per site on a chain, H = onsite - 2 J cos(k a)",
                .reference = REFERENCE,
                .rows = rows},
    .n_dim = 1,
    .create = create};

const kd_model_kind kd_model_square = {.variant = {.kind = "square",
                                                   .meaning =
                                                       "one orbital per site on a square lattice, "
                                                       "H = onsite - 2 J (cos(k_x a) + cos(k_y a))",
                                                   .reference = REFERENCE,
                                                   .rows = rows},
                                       .n_dim = 2,
                                       .create = create};

const kd_model_kind kd_model_cubic = {
    .variant = {.kind = "cubic",
                .meaning = "one orbital per site on a simple cubic lattice, "
                           "H = onsite - 2 J (cos(k_x a) + cos(k_y a) + cos(k_z a))",
                .reference = REFERENCE,
                .rows = rows},
    .n_dim = 3,
    .create = create};
