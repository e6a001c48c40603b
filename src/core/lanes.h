/// Complex numbers in vector registers, real and imaginary parts in registers of their own.
#ifndef KD_CORE_LANES_H
#define KD_CORE_LANES_H

#include <complex.h>
#include <math.h>
#include <string.h>

/// As many doubles as one register holds. EVEN and ODD are the shuffles that take two registers of
/// re, im, re, im, ... apart, LOW and HIGH those that put them together; BACK_ stands for the
/// opposite order of the numbers.
#if defined __AVX512F__
enum { KD_LANES = 8 };
#define KD_LANES_EVEN 0, 2, 4, 6, 8, 10, 12, 14
#define KD_LANES_ODD 1, 3, 5, 7, 9, 11, 13, 15
#define KD_LANES_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define KD_LANES_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#define KD_LANES_BACK_EVEN 14, 12, 10, 8, 6, 4, 2, 0
#define KD_LANES_BACK_ODD 15, 13, 11, 9, 7, 5, 3, 1
#define KD_LANES_BACK_LOW 7, 15, 6, 14, 5, 13, 4, 12
#define KD_LANES_BACK_HIGH 3, 11, 2, 10, 1, 9, 0, 8
#elif defined __AVX__
enum { KD_LANES = 4 };
#define KD_LANES_EVEN 0, 2, 4, 6
#define KD_LANES_ODD 1, 3, 5, 7
#define KD_LANES_LOW 0, 4, 1, 5
#define KD_LANES_HIGH 2, 6, 3, 7
#define KD_LANES_BACK_EVEN 6, 4, 2, 0
#define KD_LANES_BACK_ODD 7, 5, 3, 1
#define KD_LANES_BACK_LOW 3, 7, 2, 6
#define KD_LANES_BACK_HIGH 1, 5, 0, 4
#else
enum { KD_LANES = 2 };
#define KD_LANES_EVEN 0, 2
#define KD_LANES_ODD 1, 3
#define KD_LANES_LOW 0, 2
#define KD_LANES_HIGH 1, 3
#define KD_LANES_BACK_EVEN 2, 0
#define KD_LANES_BACK_ODD 3, 1
#define KD_LANES_BACK_LOW 1, 3
#define KD_LANES_BACK_HIGH 0, 2
#endif

typedef double kd_lanes __attribute__((vector_size(KD_LANES * sizeof(double))));
/// KD_LANES complex numbers.
typedef struct kd_zlanes {
  kd_lanes re, im;
} kd_zlanes;

static inline kd_zlanes kd_zlanes_times(kd_zlanes a, kd_zlanes b) {
  return (kd_zlanes){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static inline kd_lanes kd_lanes_load(const double *x) {
  kd_lanes v;
  memcpy(&v, x, sizeof v);
  return v;
}

/// From real and imaginary parts in arrays of their own.
static inline kd_zlanes kd_zlanes_split(const double *re, const double *im) {
  return (kd_zlanes){kd_lanes_load(re), kd_lanes_load(im)};
}

/// From complex numbers z, z + 1, ...
static inline kd_zlanes kd_zlanes_load(const double complex *z) {
  const kd_lanes low = kd_lanes_load((const double *)z);
  const kd_lanes high = kd_lanes_load((const double *)z + KD_LANES);
  return (kd_zlanes){__builtin_shufflevector(low, high, KD_LANES_EVEN),
                     __builtin_shufflevector(low, high, KD_LANES_ODD)};
}

static inline void kd_zlanes_store(double complex *z, kd_zlanes x) {
  const kd_lanes low = __builtin_shufflevector(x.re, x.im, KD_LANES_LOW);
  const kd_lanes high = __builtin_shufflevector(x.re, x.im, KD_LANES_HIGH);
  memcpy(z, &low, sizeof low);
  memcpy((double *)z + KD_LANES, &high, sizeof high);
}

/// The first `count` of KD_LANES complex numbers, the others are 0.
static inline kd_zlanes kd_zlanes_load_some(const double complex *z, size_t count) {
  if (count == KD_LANES) return kd_zlanes_load(z);
  double complex some[KD_LANES] = {0};
  memcpy(some, z, count * sizeof *z);
  return kd_zlanes_load(some);
}

static inline void kd_zlanes_store_some(double complex *z, size_t count, kd_zlanes x) {
  if (count == KD_LANES) {
    kd_zlanes_store(z, x);
    return;
  }
  double complex some[KD_LANES];
  kd_zlanes_store(some, x);
  memcpy(z, some, count * sizeof *z);
}

/// From z, z - 1, ...
static inline kd_zlanes kd_zlanes_load_back(const double complex *z) {
  const double *first = (const double *)(z - (KD_LANES - 1));
  const kd_lanes low = kd_lanes_load(first), high = kd_lanes_load(first + KD_LANES);
  return (kd_zlanes){__builtin_shufflevector(low, high, KD_LANES_BACK_EVEN),
                     __builtin_shufflevector(low, high, KD_LANES_BACK_ODD)};
}

static inline void kd_zlanes_store_back(double complex *z, kd_zlanes x) {
  double *first = (double *)(z - (KD_LANES - 1));
  const kd_lanes low = __builtin_shufflevector(x.re, x.im, KD_LANES_BACK_LOW);
  const kd_lanes high = __builtin_shufflevector(x.re, x.im, KD_LANES_BACK_HIGH);
  memcpy(first, &low, sizeof low);
  memcpy(first + KD_LANES, &high, sizeof high);
}

/// Nearest integers of numbers far below 2^51: the sum has no bits left for a fraction.
static inline kd_lanes kd_lanes_nearest(kd_lanes x) {
  const double shift = 0x1.8p52;
  return (x + shift) - shift;
}

/// e^{2 pi i x}: half turns are taken off, which is exact, and the Taylor series of sine and cosine
/// hold to rounding on the quarter turn on either side that is left.
static inline kd_zlanes kd_zlanes_cis(kd_lanes x) {
  const kd_lanes half_turns = kd_lanes_nearest(2 * x);
  const kd_lanes odd = half_turns - 2 * kd_lanes_nearest(0.5 * half_turns); // -1, 0 or 1
  const kd_lanes sign = 1 - 2 * odd * odd;
  const kd_lanes angle = 2 * M_PI * (x - 0.5 * half_turns), square = angle * angle;
  kd_lanes sine = {0}, cosine = {0};
  sine += 1, cosine += 1;
  for (int n = 20; n > 0; n -= 2) {
    cosine = 1 - cosine * (square * (1.0 / (n * (n - 1))));
    sine = 1 - sine * (square * (1.0 / (n * (n + 1))));
  }
  return (kd_zlanes){sign * cosine, sign * sine * angle};
}

/// cos x and sin x, without branches so that loops over it become vector instructions. Half turns
/// are taken off x/(2 pi), and the Taylor series hold to rounding on the quarter turn on either
/// side that is left: the error is that of rounding x.
static inline void kd_cis(double x, double *cosine, double *sine) {
  // Adding and subtracting it rounds to the nearest integer.
  const double shift = 0x1.8p52;
  const double turn = x * (0.5 * M_1_PI);
  const double half_turns = (2 * turn + shift) - shift;
  const double odd = half_turns - 2 * ((0.5 * half_turns + shift) - shift); // -1, 0 or 1
  const double sign = 1 - 2 * odd * odd;
  const double angle = 2 * M_PI * (turn - 0.5 * half_turns), square = angle * angle;
  double c = 1, s = 1;
#pragma GCC unroll 10
  for (int n = 20; n > 0; n -= 2) {
    c = 1 - c * (square * (1.0 / (n * (n - 1))));
    s = 1 - s * (square * (1.0 / (n * (n + 1))));
  }
  *cosine = sign * c;
  *sine = sign * s * angle;
}

#endif
