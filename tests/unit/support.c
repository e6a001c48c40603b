#include "support.h"

#include <dirent.h>
#include <lapacke.h>
#include <unistd.h>

void check_near(double got, double want, double tolerance, const char *what, const char *file,
                int line) {
  if (fabs(got - want) <= tolerance) return;
  print_error("%s\n  got %.17g, want %.17g, error %.3g, tolerance %.3g\n", what, got, want,
              fabs(got - want), tolerance);
  _fail(file, line);
}

void check_below(double value, double limit, const char *what, const char *file, int line) {
  if (value <= limit) return;
  print_error("%s\n  got %.17g, want at most %.17g\n", what, value, limit);
  _fail(file, line);
}

void check_above(double value, double limit, const char *what, const char *file, int line) {
  if (value >= limit) return;
  print_error("%s\n  got %.17g, want at least %.17g\n", what, value, limit);
  _fail(file, line);
}

void check_array(const double *got, const double *want, size_t count, double tolerance,
                 const char *what, const char *file, int line) {
  size_t worst = 0;
  for (size_t i = 0; i < count; i++) {
    if (isnan(got[i] - want[i])) {
      worst = i;
      break;
    }
    if (fabs(got[i] - want[i]) > fabs(got[worst] - want[worst])) worst = i;
  }
  if (count == 0 || fabs(got[worst] - want[worst]) <= tolerance) return;
  print_error("%s\n  element %zu of %zu: got %.17g, want %.17g, error %.3g, tolerance %.3g\n", what,
              worst, count, got[worst], want[worst], fabs(got[worst] - want[worst]), tolerance);
  _fail(file, line);
}

void check_bitwise(const double *got, const double *want, size_t count, const char *what,
                   const char *file, int line) {
  for (size_t i = 0; i < count; i++) {
    if (memcmp(got + i, want + i, sizeof *got) == 0) continue;
    print_error("%s\n  element %zu of %zu: got %.17g, want %.17g bit by bit\n", what, i, count,
                got[i], want[i]);
    _fail(file, line);
  }
}

void check_status(kd_status got, kd_status want, const char *text, const char *what,
                  const char *file, int line) {
  if (got != want) {
    print_error("%s\n  got status %d (%s), want %d\n", what, got, kd_error_message(), want);
    _fail(file, line);
  }
  if (text && !strstr(kd_error_message(), text)) {
    print_error("%s\n  got message \"%s\"\n  want in it  \"%s\"\n", what, kd_error_message(), text);
    _fail(file, line);
  }
}

double random_real(void) {
  static uint64_t state = 0x9e3779b97f4a7c15u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (double)(state >> 11) * 0x1p-52 - 1;
}

void random_reals(size_t count, double *values) {
  for (size_t i = 0; i < count; i++) values[i] = random_real();
}

void random_hermitian(size_t n, double scale, double complex *matrix) {
  for (size_t i = 0; i < n; i++) {
    matrix[i * n + i] = scale * random_real();
    for (size_t j = i + 1; j < n; j++) {
      matrix[i * n + j] = scale * (random_real() + I * random_real());
      matrix[j * n + i] = conj(matrix[i * n + j]);
    }
  }
}

double *new_reals(size_t count) {
  double *values = kd_allocate(count, sizeof *values);
  assert_non_null(values);
  return values;
}

double complex *new_complex(size_t count) {
  double complex *values = kd_allocate(count, sizeof *values);
  assert_non_null(values);
  return values;
}

double *random_field(size_t n_band, size_t n_k, double scale) {
  double *field = new_reals(n_band * n_band * n_k);
  for (size_t i = 0; i < n_band * n_band * n_k; i++) field[i] = scale * random_real();
  return field;
}

double largest_difference(const double *a, const double *b, size_t count) {
  double largest = 0;
  for (size_t i = 0; i < count; i++) {
    if (isnan(a[i] - b[i])) return NAN;
    largest = fmax(largest, fabs(a[i] - b[i]));
  }
  return largest;
}

void dense_multiply(size_t n, const double complex *a, const double complex *b, double complex *c) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double complex sum = 0;
      for (size_t l = 0; l < n; l++) sum += a[i * n + l] * b[l * n + j];
      c[i * n + j] = sum;
    }
}

void dense_adjoint(size_t n, const double complex *a, double complex *c) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) c[i * n + j] = conj(a[j * n + i]);
}

void dense_rotate(size_t n, const double complex *s, bool inverse, const double complex *a,
                  double complex *c) {
  double complex *adjoint = new_complex(n * n), *product = new_complex(n * n);
  dense_adjoint(n, s, adjoint);
  dense_multiply(n, inverse ? adjoint : s, a, product);
  dense_multiply(n, product, inverse ? s : adjoint, c);
  kd_free(adjoint);
  kd_free(product);
}

void dense_eigen(size_t n, const double complex *h, double *energy, double complex *s) {
  for (size_t i = 0; i < n * n; i++) s[i] = h[i];
  assert_int_equal(LAPACKE_zheev(LAPACK_ROW_MAJOR, 'V', 'U', (lapack_int)n,
                                 (lapack_complex_double *)s, (lapack_int)n, energy),
                   0);
}

void dense_exp(size_t n, double x, const double complex *h, double complex *result) {
  double *energy = new_reals(n);
  double complex *s = new_complex(n * n), *diagonal = new_complex(n * n);
  dense_eigen(n, h, energy, s);
  for (size_t i = 0; i < n; i++) diagonal[i * n + i] = cexp(-I * x * energy[i]);
  dense_rotate(n, s, false, diagonal, result);
  kd_free(energy);
  kd_free(s);
  kd_free(diagonal);
}

double complex dense_trace_product(size_t n, const double complex *a, const double complex *b) {
  double complex sum = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) sum += a[i * n + j] * b[j * n + i];
  return sum;
}

double dense_distance(size_t n, const double complex *a, const double complex *b) {
  double largest = 0;
  for (size_t i = 0; i < n * n; i++) {
    if (isnan(creal(a[i] - b[i])) || isnan(cimag(a[i] - b[i]))) return NAN;
    largest = fmax(largest, cabs(a[i] - b[i]));
  }
  return largest;
}

kd_status stage_try(const char *text, enum stage_depth depth, stage *s) {
  *s = (stage){0};
  char *whole = NULL;
  const int length =
      asprintf(&whole, "%s%s%s", text,
               strstr(text, "initial:") ? ""
                                        : "initial: {kind: equilibrium, temperature: 300 K, "
                                          "chemical_potential: 0 eV}\n",
               strstr(text, "propagation:") ? "" : "propagation: {duration: 10 fs}\n");
  assert_true(length > 0);
  kd_status status = kd_scenario_parse(whole, (size_t)length, "test.yaml", NULL, 0, &s->scenario);
  free(whole);
  if (status == KD_OK) status = kd_model_create(s->scenario, &s->model);
  if (status == KD_OK) {
    s->n_band = kd_model_n_band(s->model);
    s->n_dim = kd_model_n_dim(s->model);
    s->n_k = kd_model_n_k(s->model);
    s->n = s->n_band * s->n_band * s->n_k;
  }
  if (status == KD_OK && depth >= TO_FIELD)
    status = kd_field_create(s->scenario, s->model, &s->field);
  if (status == KD_OK && depth >= TO_INITIAL)
    status = kd_space_create(s->scenario, s->model, &s->space);
  if (status == KD_OK && depth >= TO_INITIAL)
    status = kd_initial_create(s->scenario, s->model, s->space, &s->state, &s->reference);
  if (status == KD_OK && depth >= TO_OBSERVABLES)
    status = kd_observables_create(s->scenario, s->model, s->space, s->field, s->reference,
                                   &s->observables);
  if (status == KD_OK && depth >= TO_PROPAGATOR)
    status = kd_collision_create(s->scenario, s->model, s->reference, &s->collision);
  if (status == KD_OK && depth >= TO_PROPAGATOR && kd_collision_n_phonon(s->collision) > 0)
    status = kd_state_add_phonons(s->state, kd_collision_n_phonon(s->collision));
  if (status == KD_OK && depth >= TO_PROPAGATOR)
    status = kd_propagator_create(s->scenario, s->model, s->space, s->field, s->reference,
                                  s->collision, s->state, &s->propagator);
  if (status != KD_OK) stage_clear(s);
  return status;
}

stage stage_create(const char *text, enum stage_depth depth) {
  stage s;
  const kd_status status = stage_try(text, depth, &s);
  if (status != KD_OK) fail_msg("status %d: %s\nin:\n%s", status, kd_error_message(), text);
  return s;
}

void stage_clear(stage *s) {
  kd_propagator_free(s->propagator);
  kd_collision_free(s->collision);
  kd_observables_free(s->observables);
  kd_state_free(s->state);
  kd_reference_free(s->reference);
  kd_field_free(s->field);
  kd_space_free(s->space);
  kd_model_free(s->model);
  kd_scenario_free(s->scenario);
  *s = (stage){0};
}

const char *text_of(const char *format, ...) {
  static char buffers[4][8192];
  static size_t next;
  char *buffer = buffers[next++ % COUNT(buffers)];
  va_list arguments;
  va_start(arguments, format);
  const int n = vsnprintf(buffer, sizeof buffers[0], format, arguments);
  va_end(arguments);
  assert_true(n > 0 && (size_t)n < sizeof buffers[0]);
  return buffer;
}

static char folder[64];

static void remove_folder(void) {
  DIR *directory = opendir(folder);
  if (!directory) return;
  for (struct dirent *entry; (entry = readdir(directory));) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) remove(path);
  }
  closedir(directory);
  rmdir(folder);
}

const char *temporary(const char *name) {
  static char paths[8][256];
  static size_t next;
  if (!folder[0]) {
    strcpy(folder, "/tmp/keldrift-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    atexit(remove_folder);
  }
  char *path = paths[next++ % COUNT(paths)];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

void write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
  assert_int_equal(fclose(file), 0);
}
