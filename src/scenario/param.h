/// Descriptor tables: every scenario key is one row, and parsing, defaults, `describe`, `check`,
/// result files and the reference page are all made from the row.
#ifndef KD_SCENARIO_PARAM_H
#define KD_SCENARIO_PARAM_H

#include <math.h>
#include <stdbool.h>

typedef enum kd_param_type {
  KD_REAL, ///< one quantity
  KD_INTEGER,
  KD_FLAG, ///< true or false
  KD_TEXT,
  KD_CHOICE,     ///< one of `choices`
  KD_EXPRESSION, ///< a muParser formula in the variables named in `variables`
  KD_PATH,       ///< an input file, relative to the scenario
  KD_REALS,      ///< a list of quantities; a single one is a list of length one
  KD_INTEGERS,
  KD_MATRIX,   ///< a list of equally long lists of quantities; bare numbers are in `unit`
  KD_SECTION,  ///< a mapping with the keys `rows`
  KD_SECTIONS, ///< a list of such mappings
  KD_VARIANT,  ///< a mapping whose `kind` chooses one of `variants`
  KD_VARIANTS  ///< a list of such mappings
} kd_param_type;

/// One value of a KD_CHOICE; tables end with a row whose name is NULL.
typedef struct kd_choice {
  const char *name;
  const char *meaning;
  const char *reference;
} kd_choice;

struct kd_param;

/// One value of `kind` with its keys. Owners of a kind embed this as the first member of their own
/// constant row, so that the row is found from the variant.
typedef struct kd_variant {
  const char *kind;
  const char *meaning;
  const char *reference;
  const struct kd_param *rows; ///< ends with a row whose key is NULL; NULL for no keys
} kd_variant;

/// Default of a key that may be left out and then has no value.
#define KD_UNSET ""

/// Range helpers for `min` and `max`.
#define KD_ANY_RANGE .min = -INFINITY, .max = INFINITY
#define KD_POSITIVE .min = 0, .max = INFINITY, .min_open = true
#define KD_NON_NEGATIVE .min = 0, .max = INFINITY

typedef struct kd_param {
  const char *key; ///< NULL ends a table
  kd_param_type type;
  /// Internal unit in UDUNITS spelling ("eV", "fs", "V/angstrom"); NULL or "1": dimensionless. Its
  /// dimension is the one that is demanded. Under `units: natural` quantities are bare numbers,
  /// except where `wall_clock` is set.
  const char *unit;
  /// Further units that are accepted, of another dimension each, and kept as they are (KD_REAL);
  /// ends with NULL. kd_section_unit tells which one was given.
  const char *const *other_units;
  /// Default as YAML text ("300 K", "[]", "true"); NULL: the key is required; KD_UNSET: optional
  /// without a value. Under natural units a leading number is taken and its unit ignored, unless
  /// `natural_fallback` is given.
  const char *fallback;
  const char *natural_fallback;
  double min, max; ///< inclusive range of numbers; both zero means any
  bool min_open;   ///< the lower end itself is excluded
  bool wall_clock; ///< seconds under every unit system
  const kd_choice *choices;
  const char *variables; ///< space-separated variable names of a KD_EXPRESSION
  const struct kd_param *rows;
  const kd_variant *const *variants; ///< ends with NULL
  const char *meaning;
  const char *reference;
} kd_param;

/// The keys of the whole scenario, composed in src/schema.c from the tables of the stages.
extern const kd_param kd_schema[];

#endif
