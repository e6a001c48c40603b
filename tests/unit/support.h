/// What the unit tests share: checks that print what they got, scenarios from text, random fields,
/// and dense matrices done the slow way.
#ifndef SUPPORT_H
#define SUPPORT_H

#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"
#include "keldrift/keldrift.h"

/// CODATA 2018, from the exact h and e, eV fs.
#define HBAR 0.65821195695090655
#define K_BOLTZMANN 8.617333262145179e-5 ///< eV/K

#define COUNT(array) (sizeof(array) / sizeof *(array))

/// |got - want| <= tolerance; NaN fails.
#define CHECK_NEAR(got, want, tolerance)                                                           \
  check_near((got), (want), (tolerance), #got, __FILE__, __LINE__)
/// value <= limit, and value >= limit; NaN fails.
#define CHECK_BELOW(value, limit) check_below((value), (limit), #value, __FILE__, __LINE__)
#define CHECK_ABOVE(value, limit) check_above((value), (limit), #value, __FILE__, __LINE__)
/// Arrays of doubles, element by element.
#define CHECK_ARRAY(got, want, count, tolerance)                                                   \
  check_array((got), (want), (count), (tolerance), #got, __FILE__, __LINE__)
/// Arrays of doubles, bit by bit.
#define CHECK_BITWISE(got, want, count)                                                            \
  check_bitwise((got), (want), (count), #got, __FILE__, __LINE__)
#define CHECK_OK(call) check_status((call), KD_OK, NULL, #call, __FILE__, __LINE__)
/// The call fails with `status` and a message that has `text` in it.
#define CHECK_ERROR(call, status, text)                                                            \
  check_status((call), (status), (text), #call, __FILE__, __LINE__)

void check_near(double got, double want, double tolerance, const char *what, const char *file,
                int line);
void check_below(double value, double limit, const char *what, const char *file, int line);
void check_above(double value, double limit, const char *what, const char *file, int line);
void check_array(const double *got, const double *want, size_t count, double tolerance,
                 const char *what, const char *file, int line);
void check_bitwise(const double *got, const double *want, size_t count, const char *what,
                   const char *file, int line);
void check_status(kd_status got, kd_status want, const char *text, const char *what,
                  const char *file, int line);

/// Numbers in [-1, 1) from a sequence that is the same in every run.
double random_real(void);
void random_reals(size_t count, double *values);
/// Hermitian, elements of size `scale`.
void random_hermitian(size_t n, double scale, double complex *matrix);
/// A packed field; its elements are of size `scale`.
double *random_field(size_t n_band, size_t n_k, double scale);
/// `count` doubles for kd_free.
double *new_reals(size_t count);
double complex *new_complex(size_t count);

double largest_difference(const double *a, const double *b, size_t count);

// Dense matrices [n][n], row-major; results never overlap arguments.
void dense_multiply(size_t n, const double complex *a, const double complex *b, double complex *c);
void dense_adjoint(size_t n, const double complex *a, double complex *c);
/// c = s a s^dagger, or s^dagger a s when `inverse`.
void dense_rotate(size_t n, const double complex *s, bool inverse, const double complex *a,
                  double complex *c);
/// Ascending eigenvalues and the unitary S[orbital][level], by LAPACK.
void dense_eigen(size_t n, const double complex *h, double *energy, double complex *s);
/// exp(-i x h)
void dense_exp(size_t n, double x, const double complex *h, double complex *result);
double complex dense_trace_product(size_t n, const double complex *a, const double complex *b);
double dense_distance(size_t n, const double complex *a, const double complex *b);

/// The stages of a run, built as far as a test asks.
typedef struct stage {
  kd_scenario *scenario;
  kd_model *model;
  kd_space *space;
  kd_field *field;
  kd_state *state;
  kd_reference *reference;
  kd_collision *collision;
  kd_propagator *propagator;
  kd_observables *observables;
  size_t n_band, n_dim, n_k, n;
} stage;

enum stage_depth { TO_MODEL, TO_FIELD, TO_INITIAL, TO_OBSERVABLES, TO_PROPAGATOR };

/// Builds the stages of a scenario text; sections `initial` and `propagation` that the text lacks
/// are added, since no scenario goes without them.
kd_status stage_try(const char *text, enum stage_depth depth, stage *s);
/// The same, failing the test when it fails.
stage stage_create(const char *text, enum stage_depth depth);
void stage_clear(stage *s);
/// printf into one of four static buffers, for scenario texts.
const char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// A path in a folder of this process that is removed at exit; the same name gives the same path.
const char *temporary(const char *name);
void write_text(const char *path, const char *text);

// Models that several tests use.
#define CHAIN "model: {kind: chain, J: 0.5 eV, lattice_constant: 3 angstrom}\n"
#define SSH                                                                                        \
  "model: {kind: ssh, t1: 1 eV, t2: 0.7 eV, mass: 0.2 eV, lattice_constant: 3 angstrom, "          \
  "positions: [0.1 angstrom, 1.4 angstrom]}\n"
#define GRAPHENE                                                                                   \
  "model: {kind: graphene, t: 0.9 eV, mass: 0.1 eV, lattice_constant: 2.46 angstrom}\n"
#define DIRAC1D                                                                                    \
  "model: {kind: dirac1d, velocity: 4 angstrom/fs, gap: 0.2 eV, k_max: 0.5 1/angstrom}\n"
/// Three bands in two dimensions on an oblique lattice, with complex hoppings and dipoles.
#define DIPOLES                                                                                    \
  "model:\n"                                                                                       \
  "  kind: tight_binding\n"                                                                        \
  "  lattice_vectors: [[2 angstrom, 0 angstrom], [0.5, 1.8]]\n"                                    \
  "  positions: [[0.1, 0.2], [0.7, 0.3], [-0.2, 0.9]]\n"                                           \
  "  hoppings:\n"                                                                                  \
  "    - {R: [0, 0], re: [[0.1, 0.5, 0], [0.5, -0.2, 0.3], [0, 0.3, 0.5]],"                        \
  "                  im: [[0, 0.2, 0], [-0.2, 0, 0], [0, 0, 0]]}\n"                                \
  "    - {R: [1, 0], re: [[0.2, 0.4, 0], [0, 0.1, 0], [0.3, 0, 0]]}\n"                             \
  "    - {R: [-1, 0], re: [[0.2, 0, 0.3], [0.4, 0.1, 0], [0, 0, 0]]}\n"                            \
  "  dipoles:\n"                                                                                   \
  "    - {R: [0, 0], axis: 0, re: [[0, 0.3, 0], [0.3, 0, 0], [0, 0, 0]]}\n"                        \
  "    - {R: [0, 1], axis: 1, re: [[0, 0, 0.2], [0, 0, 0], [0, 0, 0]],"                            \
  "                           im: [[0, 0.1, 0], [0, 0, 0], [0, 0, 0]]}\n"                          \
  "    - {R: [0, -1], axis: 1, re: [[0, 0, 0], [0, 0, 0], [0.2, 0, 0]],"                           \
  "                            im: [[0, 0, 0], [-0.1, 0, 0], [0, 0, 0]]}\n"

#endif
