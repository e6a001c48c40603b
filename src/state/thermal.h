/// Thermal states as fields.
#ifndef KD_STATE_THERMAL_H
#define KD_STATE_THERMAL_H

#include "model/bands.h"
#include "state/occupation.h"

/// The thermal function of H_k, packed; degenerate levels share equally.
/// @param f  receives n_band^2 n_k doubles
void kd_thermal_field(const kd_bands *bands, const kd_occupation *thermal, double *f);

#endif
