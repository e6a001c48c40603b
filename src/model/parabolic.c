/// Free electrons with an effective mass, without and with Rashba spin-orbit coupling.
#include "core/error.h"
#include "model/kinds.h"
#include "model/kp.h"

#define MASS_ROW                                                                                   \
  {                                                                                                \
    .key = "mass", .type = KD_REAL,                                                                \
    .meaning = "effective mass in electron masses (units: natural: H = k^2/2 mass); not 0",        \
    .reference = ""                                                                                \
  }

static const kd_param parabolic_rows[] = {
    MASS_ROW, KD_K_MAX_ROW, KD_MODEL_COMMON_ROWS, {.key = NULL}};

static const kd_param rashba_rows[] = {MASS_ROW,
                                       {.key = "alpha",
                                        .type = KD_REAL,
                                        .unit = "eV angstrom",
                                        .meaning = "strength of the spin-orbit coupling",
                                        .reference = ""},
                                       {.key = "gap",
                                        .type = KD_REAL,
                                        .unit = "eV",
                                        .fallback = "0 eV",
                                        .meaning = "exchange field along z, Delta in Delta sigma_z",
                                        .reference = ""},
                                       KD_K_MAX_ROW,
                                       KD_MODEL_COMMON_ROWS,
                                       {.key = NULL}};

/// Makes a table with hbar^2 k^2/2m in every band.
static kd_status create_kinetic(const kd_section *section, const kd_model_setup *setup,
                                size_t n_band, kd_kp_table **result) {
  kd_status status = KD_OK;
  kd_kp_table *table = NULL;
  const double mass = kd_section_real(section, "mass");
  if (mass == 0) return kd_section_error(section, "mass", "is 0 (expected any other number)");
  KD_TRY(kd_kp_table_create(setup->n_dim, n_band, &table));
  KD_CHECK(kd_kp_read_box(section, table));
  for (size_t i = 0; i < setup->n_dim; i++) {
    int square[3] = {0};
    square[i] = 2;
    for (size_t a = 0; a < n_band; a++)
      kd_kp_add(table, square, a, a, setup->constants.hbar2_2m / mass);
  }
  *result = table;
  return KD_OK;
cleanup:
  kd_kp_table_free(table);
  return status;
}

static kd_status create_parabolic(const kd_scenario *scenario, const kd_section *section,
                                  const kd_model_setup *setup, kd_model **model) {
  (void)scenario;
  kd_kp_table *table = NULL;
  KD_TRY(create_kinetic(section, setup, 1, &table));
  return kd_kp_model(table, setup, model);
}

static kd_status create_rashba(const kd_scenario *scenario, const kd_section *section,
                               const kd_model_setup *setup, kd_model **model) {
  (void)scenario;
  kd_kp_table *table = NULL;
  KD_TRY(create_kinetic(section, setup, 2, &table));
  const double alpha = kd_section_real(section, "alpha"), gap = kd_section_real(section, "gap");
  kd_kp_add(table, (int[3]){1, 0}, 0, 1, -I * alpha);
  kd_kp_add(table, (int[3]){0, 1}, 0, 1, -alpha);
  kd_kp_add(table, (int[3]){0, 0}, 0, 0, gap);
  kd_kp_add(table, (int[3]){0, 0}, 1, 1, -gap);
  return kd_kp_model(table, setup, model);
}

const kd_model_kind kd_model_parabolic = {
    .variant = {.kind = "parabolic",
                .meaning = "free particle with an effective mass, H = hbar^2 k^2/2m, in as many "
                           "dimensions as grid.k has numbers",
                .reference = "Ashcroft and Mermin, Solid State Physics (1976), ch. 2",
                .rows = parabolic_rows},
    .create = create_parabolic};

const kd_model_kind kd_model_rashba = {
    .variant = {.kind = "rashba",
                .meaning = "two-dimensional electron gas with spin-orbit coupling, "
                           "H = hbar^2 k^2/2m + alpha (k_x sigma_y - k_y sigma_x) + gap sigma_z",
                .reference = "Bychkov and Rashba, J. Phys. C 17, 6039 (1984)",
                .rows = rashba_rows},
    .n_dim = 2,
    .create = create_rashba};
