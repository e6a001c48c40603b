/// Massive Dirac fermions in one and two dimensions.
#include "core/error.h"
#include "model/kinds.h"
#include "model/kp.h"

static const kd_param rows[] = {{.key = "velocity",
                                 .type = KD_REAL,
                                 .unit = "angstrom/fs",
                                 .meaning = "slope of the cone, v in hbar v k",
                                 .reference = ""},
                                {.key = "gap",
                                 .type = KD_REAL,
                                 .unit = "eV",
                                 .meaning = "Delta, half the distance of the two bands at k = 0",
                                 .reference = ""},
                                KD_K_MAX_ROW,
                                KD_MODEL_COMMON_ROWS,
                                {.key = NULL}};

static kd_status create_1d(const kd_scenario *scenario, const kd_section *section,
                           const kd_model_setup *setup, kd_model **model) {
  (void)scenario;
  kd_status status = KD_OK;
  kd_kp_table *table;
  KD_TRY(kd_kp_table_create(1, 2, &table));
  KD_CHECK(kd_kp_read_box(section, table));
  const double slope = setup->constants.hbar * kd_section_real(section, "velocity");
  kd_kp_add(table, (int[3]){1}, 0, 0, slope);
  kd_kp_add(table, (int[3]){1}, 1, 1, -slope);
  kd_kp_add(table, (int[3]){0}, 0, 1, kd_section_real(section, "gap"));
  return kd_kp_model(table, setup, model);
cleanup:
  kd_kp_table_free(table);
  return status;
}

static kd_status create_2d(const kd_scenario *scenario, const kd_section *section,
                           const kd_model_setup *setup, kd_model **model) {
  (void)scenario;
  kd_status status = KD_OK;
  kd_kp_table *table;
  KD_TRY(kd_kp_table_create(2, 2, &table));
  KD_CHECK(kd_kp_read_box(section, table));
  const double slope = setup->constants.hbar * kd_section_real(section, "velocity");
  const double gap = kd_section_real(section, "gap");
  kd_kp_add(table, (int[3]){1, 0}, 0, 1, slope);
  kd_kp_add(table, (int[3]){0, 1}, 0, 1, -I * slope);
  kd_kp_add(table, (int[3]){0, 0}, 0, 0, gap);
  kd_kp_add(table, (int[3]){0, 0}, 1, 1, -gap);
  return kd_kp_model(table, setup, model);
cleanup:
  kd_kp_table_free(table);
  return status;
}

const kd_model_kind kd_model_dirac1d = {
    .variant = {.kind = "dirac1d",
                .meaning = "massive Dirac fermion in one dimension, "
                           "H = hbar v k sigma_z + gap sigma_x",
                .reference = "Shen, Topological Insulators (Springer, 2012), ch. 2",
                .rows = rows},
    .n_dim = 1,
    .create = create_1d};

const kd_model_kind kd_model_dirac2d = {
    .variant = {.kind = "dirac2d",
                .meaning = "massive Dirac fermion in two dimensions, "
                           "H = hbar v (k_x sigma_x + k_y sigma_y) + gap sigma_z",
                .reference = "Shen, Topological Insulators (Springer, 2012), ch. 2",
                .rows = rows},
    .n_dim = 2,
    .create = create_2d};
