/// The rows of `potential`: the kinds of potential energy U(R), each a summand.
#ifndef KD_SPACE_POTENTIAL_H
#define KD_SPACE_POTENTIAL_H

#include <complex.h>
#include <stdbool.h>

#include "keldrift/space.h"
#include "scenario/expression.h"
#include "scenario/section.h"

typedef struct kd_potential kd_potential;

typedef struct kd_potential_kind {
  kd_variant variant;
  kd_status (*create)(const kd_section *section, const kd_space *space, kd_potential *potential);
  /// U at any R and its gradient (which starts as zero); NULL where `create` fills the grid.
  double (*value)(const kd_potential *potential, const double r[3]);
  void (*gradient)(const kd_potential *potential, const double r[3], double gradient[3]);
} kd_potential_kind;

/// One item of the list, resolved.
struct kd_potential {
  const kd_potential_kind *kind;
  const kd_model *model;
  kd_constants constants;
  double height;     ///< eV; harmonic: stiffness, eV/angstrom^2
  double center[3];  ///< angstrom
  double width;      ///< angstrom
  double separation; ///< angstrom
  double edge;       ///< angstrom
  size_t axis, n_dim;
  double step[3];            ///< of numerical derivatives, angstrom
  kd_expression *expression; ///< in x, y, z
  double *grid;              ///< values on the grid, continued periodically; NULL: analytic
  double complex *spectrum;  ///< their Fourier coefficients
  kd_expression *modulation; ///< factor as a function of t; NULL: 1
  size_t part;               ///< of kd_space_n_part that it belongs to
  unsigned long version;     ///< times that `grid` has been replaced since the start
  double coupling;           ///< hartree: U_q = coupling (n_q - background_q)/q^2
  double *background;        ///< hartree: density that neutralizes, [n_r]
};

kd_status kd_potential_create(const kd_section *section, const kd_model *model,
                              kd_constants constants, const kd_space *space,
                              kd_potential *potential);
void kd_potential_clear(kd_potential *potential);
/// An error of the key `potential.NUMBER.modulation` where the factor is not finite at time t.
kd_status kd_potential_check_factor(const kd_potential *potential, size_t number, double t);
/// The factor of a term at time t.
double kd_potential_factor(const kd_potential *potential, double t);

/// True for the potential of the carriers' own charge, whose grid follows from their density.
bool kd_potential_is_hartree(const kd_potential *potential);

/// The kind `hartree`.
extern const kd_potential_kind kd_potential_hartree;

extern const kd_variant *const kd_potential_variants[];

#endif
