/// Measured quantities.
#ifndef KELDRIFT_OBSERVABLES_H
#define KELDRIFT_OBSERVABLES_H

#include "keldrift/contacts.h"
#include "keldrift/field.h"
#include "keldrift/output.h"
#include "keldrift/propagator.h"
#include "keldrift/record.h"
#include "keldrift/state.h"
#include "keldrift/warnings.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kd_observables kd_observables;

/// Prepares the traces of a scenario: the built-in quantities and those of its section
/// `observables`.
/// @param model, space, field, reference  used until kd_observables_free; not owned
KD_API kd_status kd_observables_create(const kd_scenario *scenario, kd_model *model,
                                       kd_space *space, const kd_field *field,
                                       kd_reference *reference, kd_observables **observables);
/// Adds the traces and the snapshot of phonons that are unknowns, if there are any. Before traces
/// and snapshots are asked for.
/// @param collision  used until kd_observables_free; not owned
KD_API kd_status kd_observables_add_phonons(kd_observables *observables,
                                            const kd_collision *collision);
KD_API void kd_observables_free(kd_observables *observables);

/// The traces as variables of a result file, one record each; their data point into the observables
/// and change with every measurement.
KD_API const kd_variable *kd_observables_traces(const kd_observables *observables, size_t *count);

/// Measures a state. Sums over k are made on the grid that the state is given at, displaced by
/// state->shift, where nothing is interpolated; in a k.p box what that grid misses or counts twice
/// at the edges is made up from the reference. With an R grid they are integrals over the box: sums
/// over R with the weight dR/V_cell, and the energy holds that of the potential.
/// @return KD_ERROR_NUMERICS if the state is not finite
KD_API kd_status kd_observables_measure(kd_observables *observables, const kd_state *state);

/// The value of component `index` of the trace `name` at the last measurement; NAN if there is
/// none.
KD_API double kd_observables_value(const kd_observables *observables, const char *name,
                                   size_t index);

/// Measures the user observables alone on a packed field of the undisplaced grid: value[i *
/// stride].
KD_API kd_status kd_observables_operators(kd_observables *observables, const double *field,
                                          double *value, size_t stride);

/// Its i-th user observable, in the order of the scenario: the name in result files, "user/NAME".
/// @param is_current  receives whether it is a current of the operator, not its mean
KD_API const char *kd_observables_user(const kd_observables *observables, size_t i,
                                       bool *is_current);

/// A snapshot: f and the band populations on the grid of the model; with an R grid also n(R), j(R)
/// and n(k).
KD_API const kd_variable *kd_observables_snapshot_variables(const kd_observables *observables,
                                                            size_t *count);
KD_API kd_status kd_observables_snapshot(kd_observables *observables, const kd_state *state);

/// Largest deviation of f from the reference at the edge points of a k.p box, over all
/// measurements; 0 for lattice models.
KD_API double kd_observables_largest_at_edge(const kd_observables *observables);
/// Least Tr f of a state at these points, over all R; infinite for lattice models. Collective over
/// the processes that share R.
KD_API double kd_observables_least_at_edge(const kd_observables *observables,
                                           const kd_state *state);

/// How well the grid resolved f at the snapshots: the largest Fourier coefficient in the outer
/// tenth of the modes over the largest of all.
KD_API double kd_observables_largest_tail(const kd_observables *observables);

/// With an R grid: warns if the grids of R and k did not hold f at the snapshots.
KD_API void kd_observables_warn_of_space(const kd_observables *observables, kd_warnings *warnings);

/// Adds what the measurements leave behind, the largest values above.
KD_API void kd_observables_records(kd_observables *observables, kd_records *records);

/// The fixed datasets of /grid and /model: writes them into a result file.
KD_API kd_status kd_observables_write_model(kd_observables *observables, kd_output *output);

/// Factor and unit that turn J/E in e angstrom/fs per V/angstrom and cell into SI.
KD_API void kd_observables_conductivity_unit(const kd_observables *observables, double *factor,
                                             const char **unit);

/// The datasets of all results and their axes, as tables of Markdown: a table for each group behind
/// a line `<!-- /GROUP -->`, then one of the axes behind `<!-- axes -->`. In a string for free().
KD_API kd_status kd_describe_result(char **text);

KD_API unsigned long kd_observables_n_fft(const kd_observables *observables);
/// Bytes held, for the estimate of `check`.
KD_API size_t kd_observables_bytes(const kd_model *model, const kd_space *space);

#ifdef __cplusplus
}
#endif
#endif
