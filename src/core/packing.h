/// The layout of Hermitian matrix fields over k.
///
/// A field of Hermitian matrices A(k), n_band x n_band, is kept as n_band^2 real components,
/// component-major with k fastest: field[c * n_k + k]. The components are the coordinates in an
/// orthonormal Hermitian basis,
///
///   c = a                       A_aa                       a = 0 .. n_band-1
///   c = kd_pair(a,b)            sqrt(2) Re A_ab            a < b
///   c = kd_pair(a,b) + 1        sqrt(2) Im A_ab
///
/// so that Tr(A B) = sum_c A_c B_c, Hermiticity is structural, and transforms over k are
/// real-to-complex.
#ifndef KD_CORE_PACKING_H
#define KD_CORE_PACKING_H

#include <complex.h>
#include <stddef.h>

/// Largest number of bands, and of elements of one matrix: matrices of one k point are kept on the
/// stack.
enum { KD_MAX_BAND = 64, KD_MAX_MATRIX = KD_MAX_BAND * KD_MAX_BAND };

#define KD_SQRT2 1.41421356237309504880
#define KD_SQRT1_2 0.70710678118654752440

/// Component of sqrt(2) Re A_ab for a < b; the imaginary part is the next one.
static inline size_t kd_pair(size_t a, size_t b, size_t n_band) {
  return n_band + 2 * (a * n_band - a * (a + 1) / 2 + (b - a - 1));
}

/// matrix[a][b] at point `k` of a packed field.
static inline void kd_unpack(const double *field, size_t n_band, size_t n_k, size_t k,
                             double complex *matrix) {
  for (size_t a = 0; a < n_band; a++) {
    matrix[a * n_band + a] = field[a * n_k + k];
    for (size_t b = a + 1; b < n_band; b++) {
      const size_t c = kd_pair(a, b, n_band);
      const double complex z = KD_SQRT1_2 * (field[c * n_k + k] + I * field[(c + 1) * n_k + k]);
      matrix[a * n_band + b] = z;
      matrix[b * n_band + a] = conj(z);
    }
  }
}

/// The inverse; reads the diagonal and the upper triangle of the matrix only.
static inline void kd_pack(const double complex *matrix, size_t n_band, size_t n_k, size_t k,
                           double *field) {
  for (size_t a = 0; a < n_band; a++) {
    field[a * n_k + k] = creal(matrix[a * n_band + a]);
    for (size_t b = a + 1; b < n_band; b++) {
      const size_t c = kd_pair(a, b, n_band);
      field[c * n_k + k] = KD_SQRT2 * creal(matrix[a * n_band + b]);
      field[(c + 1) * n_k + k] = KD_SQRT2 * cimag(matrix[a * n_band + b]);
    }
  }
}

/// field += matrix at point `k`; reads the diagonal and the upper triangle of the matrix only.
static inline void kd_add_packed(const double complex *matrix, size_t n_band, size_t n_k, size_t k,
                                 double *field) {
  for (size_t a = 0; a < n_band; a++) {
    field[a * n_k + k] += creal(matrix[a * n_band + a]);
    for (size_t b = a + 1; b < n_band; b++) {
      const size_t c = kd_pair(a, b, n_band);
      field[c * n_k + k] += KD_SQRT2 * creal(matrix[a * n_band + b]);
      field[(c + 1) * n_k + k] += KD_SQRT2 * cimag(matrix[a * n_band + b]);
    }
  }
}

#endif
