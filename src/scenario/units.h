/// Quantities with units, through UDUNITS-2 with the electron units of CODATA 2018.
#ifndef KD_SCENARIO_UNITS_H
#define KD_SCENARIO_UNITS_H

#include <stdbool.h>

#include "keldrift/scenario.h"
#include "scenario/report.h"

/// Loads the unit database unless that has happened; it is released at exit. Returns KD_ERROR_FILE
/// if it cannot be read. The functions below assume that it is loaded.
kd_status kd_units_load(void);

/// Converts a text like "0.3 eV" to a number in `unit` (UDUNITS spelling; NULL or "1":
/// dimensionless). A bare number is taken in `unit` if that is dimensionless or `bare` is set,
/// and refused otherwise. Returns KD_ERROR_SCENARIO with a message that says what is wrong; what
/// was expected is in kd_quantity_expected.
kd_status kd_quantity_read(const char *text, const char *unit, bool bare, double *value);

/// True if `unit` is a pure number, angles included.
bool kd_unit_is_dimensionless(const char *unit);

/// Returns the words for what belongs into `unit`: `an energy such as "0.3 eV"`. They stay valid
/// until the next call.
const char *kd_quantity_expected(const char *unit);

/// Constants of nature in eV, fs, angstrom, e, K, or with hbar = `hbar` and k_B = |e| = 1.
kd_constants kd_constants_si(void);
kd_constants kd_constants_natural(double hbar);

#endif
