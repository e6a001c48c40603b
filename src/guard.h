/// What a result must not replace.
#ifndef KD_GUARD_H
#define KD_GUARD_H

#include "keldrift/scenario.h"

/// Refuses a result file that would replace an input file of the scenario, under whatever name, by
/// itself or by its checkpoint, or something that is no HDF5 file and so was never a result.
/// @return KD_ERROR_SCENARIO with the message; files that cannot be replaced at all are found when
///         the result is created
kd_status kd_guard_result(const kd_scenario *scenario, const char *path);

#endif
