/// Occupations of levels: thermal functions, and what `initial` adds to them.
#ifndef KD_STATE_OCCUPATION_H
#define KD_STATE_OCCUPATION_H

#include <stddef.h>

#include "keldrift/status.h"
#include "scenario/section.h"

/// theta of the statistics: f = 1/(e^x - theta) with -1 Fermi, +1 Bose, 0 classical (Spohn,
/// eq. 4.5).
typedef enum kd_statistics { KD_FERMION = -1, KD_CLASSICAL = 0, KD_BOSON = 1 } kd_statistics;

/// The value of the scenario key `statistics`.
kd_statistics kd_statistics_named(const char *name);

/// A function of the level energy: thermal, plus a Gaussian excitation.
typedef struct kd_occupation {
  kd_statistics statistics;
  double kt;        ///< eV; 0: ground state
  double mu;        ///< eV
  double at_mu;     ///< occupation of levels within `tolerance` of mu when kt = 0
  double tolerance; ///< eV
  double
      amplitude; ///< of the excitation, -1..1: fraction of the free (filled) states that it fills
  double energy; ///< its center, eV
  double width;  ///< its standard deviation, eV
} kd_occupation;

/// Thermal occupation at energy e.
double kd_occupation_thermal(const kd_occupation *occupation, double e);
/// Occupation with the excitation.
double kd_occupation_value(const kd_occupation *occupation, double e);
/// Its derivative; at kt = 0 the jump at mu is left out.
double kd_occupation_slope(const kd_occupation *occupation, double e);

/// Finds mu (and at_mu) so that the mean over k of the summed thermal occupations is `filling`.
/// @param energy [n_k][n_band]
/// @return KD_ERROR_NUMERICS if no mu gives it
kd_status kd_occupation_fill(kd_occupation *occupation, const double *energy, size_t n_k,
                             size_t n_band, double filling);

/// Fails at `key` unless there is such an equilibrium: bosons need mu below all levels.
/// @param energy  `count` levels
kd_status kd_occupation_check(const kd_occupation *occupation, const double *energy, size_t count,
                              const kd_section *section, const char *key);

#endif
