/// The scenario: what the user asked for, with units resolved and defaults filled in.
#ifndef KELDRIFT_SCENARIO_H
#define KELDRIFT_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

#include "keldrift/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kd_scenario kd_scenario;

/// Constants of nature in the unit system of the scenario.
typedef struct kd_constants {
  bool natural;       ///< `units: natural`
  double hbar;        ///< eV fs
  double k_boltzmann; ///< eV/K
  double hbar2_2m;    ///< hbar^2/(2 m_e), eV angstrom^2; hbar^2/2 under natural units
  double conductance; ///< siemens per (e^2/(eV fs)); 1 under natural units
  double coulomb;     ///< e^2/epsilon_0, eV angstrom; 1 under natural units
} kd_constants;

/// Reads and resolves a scenario file.
/// @param path       file name
/// @param overrides  `n_override` strings PATH=VALUE, applied in order before anything is checked
/// @return KD_ERROR_FILE if the file cannot be read, KD_ERROR_SCENARIO if it is invalid; then the
///         message has one line per error: FILE:LINE:COL: error: PATH: what is wrong (expected)
KD_API kd_status kd_scenario_read(const char *path, const char *const *overrides, size_t n_override,
                                  kd_scenario **scenario);

/// The same for a text in memory; `name` stands for the file name in messages and relative input
/// files are looked up beside it.
KD_API kd_status kd_scenario_parse(const char *text, size_t length, const char *name,
                                   const char *const *overrides, size_t n_override,
                                   kd_scenario **scenario);

/// The same for a text that was read elsewhere: relative input files are looked up in `folder`.
KD_API kd_status kd_scenario_parse_in(const char *text, size_t length, const char *name,
                                      const char *folder, const char *const *overrides,
                                      size_t n_override, kd_scenario **scenario);

KD_API void kd_scenario_free(kd_scenario *scenario);

/// Returns the complete resolved scenario as YAML that reads back to the same run: every key, with
/// units, defaults included, input files with absolute paths. The text belongs to the scenario.
KD_API const char *kd_scenario_text(const kd_scenario *scenario);

/// The absolute folder in which relative input files are looked up.
KD_API const char *kd_scenario_folder(const kd_scenario *scenario);

/// Calls `visit` with the path of every input file that the scenario names, until one call fails.
KD_API kd_status kd_scenario_inputs(const kd_scenario *scenario,
                                    kd_status (*visit)(void *context, const char *path),
                                    void *context);

KD_API kd_constants kd_scenario_constants(const kd_scenario *scenario);

/// Describes scenario keys: type, unit, default, range, meaning, reference.
/// @param path  a key such as "model.graphene" or "propagation.rtol", "" or NULL for all; with an
/// index
///              and no kind, as in "field.0.amplitude", that key of every kind
/// @param width  columns in which the text is wrapped, 40 to 110; 0 for 88
/// @param text   receives a string for free()
/// @return KD_ERROR_SCENARIO for an unknown path, with the nearest known one in the message
KD_API kd_status kd_describe(const char *path, size_t width, char **text);

/// Lists how a path that is still being typed may go on, a line each, for the completion of shells:
/// "fi" gives "field.", "model.gra" gives "model.graphene". A name that more can follow ends with a
/// dot, any other with `ending`.
/// @param ending  "=" for paths of values as in overrides, where an index stands for an item of a
/// list
///                and no kind is named; "" for those of kd_describe
/// @param text    receives a string for free(), "" where nothing fits
KD_API kd_status kd_describe_keys(const char *path, const char *ending, char **text);

/// The scenario reference as a Markdown page, in a string for free().
KD_API kd_status kd_describe_markdown(char **text);

#ifdef __cplusplus
}
#endif
#endif
