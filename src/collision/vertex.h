/// Vertices: how the carriers couple to the independent oscillators or impurities of a bath.
///
/// A bath has one coupling or several independent ones, each a matrix in the orbital basis that may
/// depend on the momenta through phases,
///
///   M_a(k, k') = sum_t value_t e^{ik.left_t + ik'.right_t} |row_t><column_t|,
///   M_a(k, k')^dagger = M_a(k', k),
///
/// constant for `onsite`, `scalar` and `matrix`; for `bond` (Peierls, Su-Schrieffer-Heeger) that of
/// an oscillator that modulates the hopping <0 i|H|R j> of one bond,
/// u |i><j| e^{ik'.R} + u* |j><i| e^{-ik.R}, u the phase of the hopping.
#ifndef KD_COLLISION_VERTEX_H
#define KD_COLLISION_VERTEX_H

#include <complex.h>
#include <stdbool.h>

#include "keldrift/model.h"
#include "scenario/section.h"

typedef struct kd_vertex_term {
  size_t coupling, row, column;
  double complex value;
  double left[3], right[3]; ///< angstrom
} kd_vertex_term;

typedef struct kd_vertex {
  size_t n_band, n_coupling, n_term;
  kd_vertex_term *term;
  bool has_phases; ///< depends on k and k'
} kd_vertex;

/// Keys of a vertex in the section of a bath.
extern const kd_choice kd_vertex_choices[];
#define KD_VERTEX_ROWS                                                                             \
  {.key = "vertex",                                                                                \
   .type = KD_CHOICE,                                                                              \
   .choices = kd_vertex_choices,                                                                   \
   .fallback = "onsite",                                                                           \
   .meaning = "orbital structure of the coupling"},                                                \
      {.key = "re",                                                                                \
       .type = KD_MATRIX,                                                                          \
       .fallback = KD_UNSET,                                                                       \
       .meaning = "real part of M for vertex: matrix"},                                            \
      {.key = "im",                                                                                \
       .type = KD_MATRIX,                                                                          \
       .fallback = KD_UNSET,                                                                       \
       .meaning = "imaginary part of M for vertex: matrix"},                                       \
  {                                                                                                \
    .key = "bonds", .type = KD_MATRIX, .fallback = KD_UNSET,                                       \
    .meaning = "bonds for vertex: bond, each [i, j, l_1, ...]: orbital i of a cell and orbital j " \
               "of the cell sum_d l_d a_d away; default: every hopping of the model"               \
  }

kd_status kd_vertex_create(const kd_section *section, const kd_model *model, kd_vertex *vertex);
void kd_vertex_clear(kd_vertex *vertex);
bool kd_vertex_same(const kd_vertex *left, const kd_vertex *right);

/// M_a(k, k'), [n_band][n_band].
void kd_vertex_matrix(const kd_vertex *vertex, size_t coupling, const double k[3],
                      const double k_prime[3], double complex *matrix);

/// y := sum_a M_a G M_a^dagger for one matrix, where the vertex has no phases.
void kd_vertex_apply(const kd_vertex *vertex, const double complex *g, double complex *y);

/// sum_a M_a(k, k') G(k') M_a(k, k')^dagger, sorted by the elements and phases of k that it has:
///   element `target` += e^{ik.outer} sum_s weight_s e^{ik'.inner_s} G_{source_s}(k').
typedef struct kd_vertex_source {
  size_t element;
  double complex weight;
  double inner[3]; ///< angstrom
} kd_vertex_source;

typedef struct kd_vertex_channel {
  size_t target;
  double outer[3]; ///< angstrom
  bool has_outer;  ///< outer is not zero
  size_t n_source;
  kd_vertex_source *source;
} kd_vertex_channel;

/// @param channel  receives `*count` channels for kd_vertex_channels_free
kd_status kd_vertex_channels(const kd_vertex *vertex, kd_vertex_channel **channel, size_t *count);
void kd_vertex_channels_free(kd_vertex_channel *channel, size_t count);

#endif
