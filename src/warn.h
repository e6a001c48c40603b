/// Warnings of a run: what is less accurate than it looks, each with the key to change and a value.
#ifndef KD_WARN_H
#define KD_WARN_H

#include "keldrift/run.h"
#include "stages.h"

/// Those that need no run.
void kd_warn_of_scenario(const kd_scenario *scenario, const kd_stages *s, kd_warnings *warnings);
/// These, and those of a run that is through, to report->warnings.
void kd_warn_of_run(const kd_scenario *scenario, const kd_stages *s, kd_report *report);

#endif
