#include "observables/user.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"

/// Names of operators that need no matrix.
static const struct {
  const char *name;
  double complex matrix[4];
} NAMED[] = {{"pauli_x", {0, 1, 1, 0}}, {"pauli_y", {0, -I, I, 0}}, {"pauli_z", {1, 0, 0, -1}}};

static const kd_choice OPERATORS[] = {
    {.name = "given", .meaning = "the matrix of the keys re and im"},
    {.name = "identity", .meaning = "the unit matrix"},
    {.name = "pauli_x", .meaning = "Pauli matrix, two bands"},
    {.name = "pauli_y", .meaning = "Pauli matrix, two bands"},
    {.name = "pauli_z", .meaning = "Pauli matrix, two bands"},
    {.name = NULL}};

const kd_param kd_user_observable_rows[] = {
    {.key = "name", .type = KD_TEXT, .meaning = "name of the dataset /traces/user/NAME"},
    {.key = "matrix",
     .type = KD_CHOICE,
     .choices = OPERATORS,
     .fallback = KD_UNSET,
     .meaning = "operator O in the orbital basis: measures g_s (1/N_k) sum_k Tr(O f)"},
    {.key = "current_of",
     .type = KD_CHOICE,
     .choices = OPERATORS,
     .fallback = KD_UNSET,
     .meaning = "operator O: measures g_s (1/N_k) sum_k Tr({v_axis, O} f)/2"},
    {.key = "axis",
     .type = KD_INTEGER,
     .fallback = "0",
     .min = 0,
     .max = 2,
     .meaning = "direction of the velocity in current_of, from 0"},
    {.key = "re",
     .type = KD_MATRIX,
     .fallback = KD_UNSET,
     .meaning = "real part of a given operator"},
    {.key = "im",
     .type = KD_MATRIX,
     .fallback = KD_UNSET,
     .meaning = "imaginary part of a given operator"},
    {.key = NULL}};

static kd_status read_part(const kd_section *section, const char *key, size_t n_band,
                           double complex unit, double complex *matrix) {
  if (!kd_section_has(section, key)) return KD_OK;
  size_t n_row, n_column;
  const double *given = kd_section_matrix(section, key, &n_row, &n_column);
  if (n_row != n_band || n_column != n_band)
    return kd_section_error(section, key,
                            "a %zu x %zu matrix (expected %zu x %zu, the number of "
                            "bands)",
                            n_row, n_column, n_band, n_band);
  for (size_t i = 0; i < n_band * n_band; i++) matrix[i] += unit * given[i];
  return KD_OK;
}

static kd_status read_operator(const kd_section *section, size_t n_band, kd_user_observable *o) {
  const bool has_matrix = kd_section_has(section, "matrix");
  const bool has_current = kd_section_has(section, "current_of");
  const bool has_elements = kd_section_has(section, "re") || kd_section_has(section, "im");
  if (has_matrix && has_current)
    return kd_section_error(section, "current_of",
                            "matrix is given as well (expected one of them)");
  if (!has_matrix && !has_current && !has_elements)
    return kd_section_error(section, NULL,
                            "no operator (expected matrix, current_of or re and im)");
  const char *key = has_current ? "current_of" : "matrix";
  const char *name = has_matrix || has_current ? kd_section_text(section, key) : "given";
  const bool is_given = strcmp(name, "given") == 0;
  if (is_given != has_elements)
    return kd_section_error(section, is_given ? key : "re",
                            is_given ? "no elements (expected the keys re, im or both)"
                                     : "elements beside a named operator (expected either)");
  if (is_given) {
    KD_TRY(read_part(section, "re", n_band, 1, o->matrix));
    KD_TRY(read_part(section, "im", n_band, I, o->matrix));
    for (size_t i = 0; i < n_band; i++)
      for (size_t j = 0; j < n_band; j++)
        if (cabs(o->matrix[i * n_band + j] - conj(o->matrix[j * n_band + i])) > 1e-9)
          return kd_section_error(section, kd_section_has(section, "re") ? "re" : "im",
                                  "element [%zu][%zu] is not the conjugate of [%zu][%zu] (expected "
                                  "a Hermitian operator)",
                                  i, j, j, i);
    return KD_OK;
  }
  if (strcmp(name, "identity") == 0) {
    for (size_t i = 0; i < n_band; i++) o->matrix[i * n_band + i] = 1;
    return KD_OK;
  }
  if (n_band != 2)
    return kd_section_error(section, key,
                            "%s has two bands, the model has %zu (expected the keys re "
                            "and im)",
                            name, n_band);
  for (size_t i = 0; i < sizeof NAMED / sizeof *NAMED; i++)
    if (strcmp(NAMED[i].name, name) == 0)
      memcpy(o->matrix, NAMED[i].matrix, sizeof NAMED[i].matrix);
  return KD_OK;
}

/// Names become HDF5 paths: letters, digits, '_', '-' and '.', not starting with '.'.
static bool is_name(const char *name) {
  const size_t length = strlen(name);
  if (length == 0 || length >= KD_USER_NAME || name[0] == '.') return false;
  for (size_t i = 0; i < length; i++)
    if (!isalnum((unsigned char)name[i]) && !strchr("_-.", name[i])) return false;
  return true;
}

kd_status kd_user_observables_create(const kd_section *root, const kd_model *model,
                                     kd_user_observable **result, size_t *result_count) {
  kd_status status = KD_OK;
  const size_t count = kd_section_count(root, "observables"), n_band = kd_model_n_band(model);
  kd_user_observable *observables = NULL;
  *result = NULL;
  *result_count = 0;
  KD_ALLOCATE(observables, count);
  for (size_t i = 0; i < count; i++) {
    const kd_section *section = kd_section_item(root, "observables", i);
    kd_user_observable *o = &observables[i];
    const char *name = kd_section_text(section, "name");
    if (!is_name(name)) {
      status = kd_section_error(section, "name",
                                "\"%s\" (expected 1 to %d letters, digits, '_', '-' "
                                "or '.')",
                                name, KD_USER_NAME - 1);
      goto cleanup;
    }
    for (size_t j = 0; j < i; j++)
      if (strcmp(observables[j].name, name) == 0) {
        status = kd_section_error(section, "name", "\"%s\" is taken by another observable", name);
        goto cleanup;
      }
    memcpy(o->name, name, strlen(name) + 1);
    o->is_current = kd_section_has(section, "current_of");
    o->axis = (size_t)kd_section_integer(section, "axis");
    if (o->axis >= kd_model_n_dim(model)) {
      status = kd_section_error(section, "axis", "%zu (expected 0 to %zu)", o->axis,
                                kd_model_n_dim(model) - 1);
      goto cleanup;
    }
    KD_ALLOCATE(o->matrix, n_band * n_band);
    KD_CHECK(read_operator(section, n_band, o));
  }
  *result = observables;
  *result_count = count;
  observables = NULL;

cleanup:
  kd_user_observables_free(observables, count);
  return status;
}

void kd_user_observables_free(kd_user_observable *observables, size_t count) {
  if (!observables) return;
  for (size_t i = 0; i < count; i++) kd_free(observables[i].matrix);
  kd_free(observables);
}

double kd_user_observable_value(const kd_user_observable *o, size_t n, const double complex *f,
                                const double complex *v, double complex *scratch) {
  const double complex *left = o->matrix;
  if (o->is_current) {
    // Tr({v, O} f)/2 = Re Tr(v O f)
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) {
        double complex sum = 0;
        for (size_t l = 0; l < n; l++) sum += v[i * n + l] * o->matrix[l * n + j];
        scratch[i * n + j] = sum;
      }
    left = scratch;
  }
  double trace = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      trace += creal(left[i * n + j]) * creal(f[j * n + i]) -
               cimag(left[i * n + j]) * cimag(f[j * n + i]);
  return trace;
}
