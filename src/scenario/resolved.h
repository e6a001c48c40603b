/// What a scenario is made of inside; everything lives in its arena.
#ifndef KD_SCENARIO_RESOLVED_H
#define KD_SCENARIO_RESOLVED_H

#include "keldrift/scenario.h"
#include "scenario/arena.h"
#include "scenario/node.h"
#include "scenario/param.h"
#include "scenario/report.h"
#include "scenario/section.h"

/// The value of one row; which members count depends on the row's type.
typedef struct kd_value {
  const kd_param *row;
  kd_place place; ///< of the value; of the section if it is a default
  bool has, given;
  double real;
  long integer;
  bool flag;
  const char *text;
  const char *unit;   ///< of `real`: the row's unit or one of its other units
  size_t count;       ///< numbers, rows of a matrix, or sections
  size_t n_column;    ///< of a matrix
  double *reals;      ///< [count], or [count][n_column]
  long *integers;     ///< [count]
  kd_section **items; ///< [count]; one for KD_SECTION and KD_VARIANT
} kd_value;

struct kd_section {
  kd_scenario *scenario;
  const char *path; ///< "" for the root, "field.0" for an item
  kd_place place;
  const kd_variant *variant;
  size_t n_value;
  kd_value *values; ///< one per row: those of the variant, then those that all variants share
};

struct kd_scenario {
  kd_arena *arena;
  bool natural;
  kd_constants constants;
  const char *folder; ///< absolute, where relative input files are looked up
  kd_section *root;
  char *text; ///< from malloc
};

/// Resolves the tree of a whole scenario by kd_schema into scenario->root, ->natural and
/// ->constants. Faults go to `report`; the result is KD_OK or a failure that no input explains.
kd_status kd_resolve(kd_scenario *scenario, const kd_node *node, kd_faults *report);

/// Writes the resolved scenario as YAML into scenario->text.
kd_status kd_emit(kd_scenario *scenario);

/// True if numbers of this row carry a unit in this scenario.
bool kd_row_has_unit(const kd_param *row, bool natural);

/// Returns the range of a row in words ("> 0 eV"), "" if any number will do. `natural` leaves the
/// unit out.
kd_quoted kd_row_range(const kd_param *row, bool natural);

#endif
