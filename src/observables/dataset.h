/// The datasets of a result, a row each: what the writer writes of them and what docs/result.md
/// says.
#ifndef KD_OBSERVABLES_DATASET_H
#define KD_OBSERVABLES_DATASET_H

#include <stdbool.h>
#include <stddef.h>

#include "keldrift/observables.h"

/// On which dimension a unit depends.
typedef enum kd_unit_rule {
  KD_ONE_UNIT,
  KD_BY_DIMENSION_OF_K, ///< of `units`, that of as many dimensions as k has
  KD_BY_DIMENSION_OF_R
} kd_unit_rule;

/// One dataset. Tables end with a row whose name is NULL.
typedef struct kd_dataset {
  const char *name; ///< within the group; "user/NAME" stands for any
  /// Names of its axes behind that of the records, a blank between them; "r", "k" and "q" stand for
  /// all axes of these grids.
  const char *axes;
  const char *unit;
  kd_unit_rule rule;
  const char *units[3];
  bool is_complex;
  const char *long_name; ///< the attribute
  const char *reference; ///< the attribute; NULL for none
  const char *when;      ///< "with `grid.r`"; NULL: always
  const char *note;      ///< what the long name leaves open, in Markdown; NULL for nothing
} kd_dataset;

/// One axis. The name of a grid stands for its axes, which are `names`.
typedef struct kd_axis_row {
  const char *name;
  const char *unit;
  const char *long_name;
  const char *names[3];
  const char *note; ///< what the long name leaves open, in Markdown; NULL for nothing
} kd_axis_row;

/// A group of a result, with rows from several tables.
typedef struct kd_dataset_group {
  const char *path;
  bool is_series;              ///< a record per time, in front of the axes
  const kd_dataset *tables[5]; ///< NULL at the end
} kd_dataset_group;

/// The groups of all results, in the order of the reference; NULL at the end. The rows of kd_traces
/// come first in /traces.
extern const kd_dataset_group kd_dataset_groups[];
/// All axes.
extern const kd_axis_row kd_axis_rows[];

/// Rows by the places where they are written.
extern const kd_dataset kd_user_datasets[];       ///< [0] expectation value, [1] current
extern const kd_dataset kd_mean_field_datasets[]; ///< traces: its energy, and all of it
extern const kd_dataset kd_contact_datasets[];    ///< traces
extern const kd_dataset kd_phonon_datasets[];     ///< traces
extern const kd_dataset kd_snapshot_datasets[];   ///< f and populations, then those of space
extern const kd_dataset kd_phonon_snapshot_datasets[];
extern const kd_dataset kd_grid_datasets[];   ///< k, R
extern const kd_dataset kd_model_datasets[];  ///< energies, eigenvectors, velocities
extern const kd_dataset kd_steady_datasets[]; ///< three tensors, the response of f
extern const kd_dataset kd_steady_user_datasets[];

/// Sizes that datasets have in one run.
typedef struct kd_extents {
  bool is_natural;
  size_t n_band, n_contact, n_branch, n_mode;
  size_t n_dim_k, n_dim_r;
  size_t n_k[3], n_r[3], n_q[3];
  const double *k[3], *r[3], *q[3]; ///< coordinates of the axes of the grids
  size_t first_r, count_r;          ///< points of R of this process
} kd_extents;

/// The variable of a row. An axis r in front says that the data are those of the R of this process.
/// @param data  as in kd_variable
kd_variable kd_dataset_variable(const kd_dataset *row, const kd_extents *extents, const void *data);
/// The same with the sizes of a run.
kd_variable kd_observables_variable(const kd_observables *observables, const kd_dataset *row,
                                    const void *data);

#endif
