/// The result file (HDF5): series that grow by one record per frame, fixed datasets, attributes.
#ifndef KELDRIFT_OUTPUT_H
#define KELDRIFT_OUTPUT_H

#include "keldrift/comm.h"
#include "keldrift/scenario.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Of f over all grids: three axes of R, three of k, two of matrices; a series has one more.
#define KD_MAX_AXES 8

/// A record of a series is stored in chunks of this size at most, of which HDF5 holds one while it
/// is written.
enum { KD_RECORD_CHUNK_BYTES = 16 * 1024 * 1024 };

/// One axis of a dataset: the name of its dimension scale (unique within the group; two axes of one
/// dataset have distinct names) and its extent. `coordinates` (NULL: 0, 1, 2, ...), unit and long
/// name describe the scale when the group meets it for the first time.
typedef struct kd_axis {
  const char *name;
  size_t size;
  const double *coordinates;
  const char *unit;
  const char *long_name;
} kd_axis;

/// One dataset. `data` is read when the dataset is written: row-major doubles, or pairs of doubles
/// (re, im) when `is_complex`. For a series it points to the current record, which has the axes
/// below; the growing time axis is put in front.
typedef struct kd_variable {
  const char *name; ///< may contain one '/': "user/sz" lies in a subgroup
  const char *unit; ///< UDUNITS spelling
  const char *long_name;
  const char *reference; ///< source equation; NULL for none
  bool is_complex;
  size_t n_axis;
  kd_axis axis[KD_MAX_AXES];
  /// With many processes, the points of the first `n_shared` axes, flattened, that `data` holds in
  /// this one; 0: `data` are whole and the same everywhere.
  size_t n_shared, first, count;
  const void *data;
} kd_variable;

typedef struct kd_output kd_output;

/// Starts a result: a new file beside `path` that takes its place at kd_output_close. Writes the
/// root attributes format_version, keldrift_version, git_revision, build, created, command, the
/// text
/// `/scenario`, and creates the group /run.
/// @return KD_ERROR_FILE with the path and the reason
KD_API kd_status kd_output_create(const char *path, const char *scenario_text, const char *command,
                                  kd_output **output);

/// The same of one file for many processes, all of which call the functions below, with the same
/// variables, and then have the same status: parallel HDF5. A process alone may give NULL.
KD_API kd_status kd_output_create_shared(const char *path, const char *scenario_text,
                                         const char *command, const kd_comm *comm,
                                         kd_output **output);

/// Starts a result that goes on from an earlier part of the run: a copy of the checkpoint `source`,
/// whose series are there already and are taken up by kd_output_series.
/// @param comm  as above
KD_API kd_status kd_output_resume(const char *path, const char *source, const kd_comm *comm,
                                  kd_output **output);

/// Writes a fixed dataset into `group` ("/grid", "/model"), with dimension scales on every axis and
/// the attributes units, long_name and reference.
KD_API kd_status kd_output_write(kd_output *output, const char *group, const kd_variable *variable);

/// Declares a series in `group` ("/traces", "/snapshots") with its time scale GROUP/time.
/// @param time_unit  "fs" or "1"
/// @param variables  kept by reference: the array and its data pointers must outlive the output
/// @param series     receives the number of the series
KD_API kd_status kd_output_series(kd_output *output, const char *group, const char *time_unit,
                                  const kd_variable *variables, size_t n_variable, size_t *series);

/// Appends the current record of every variable of a series at time `t`.
KD_API kd_status kd_output_append(kd_output *output, size_t series, double t);

/// Drops the records of a series from number `n_record` on.
/// @return KD_ERROR_FILE if there are fewer
KD_API kd_status kd_output_truncate(kd_output *output, size_t series, size_t n_record);

/// Removes an object and all that is in it.
KD_API kd_status kd_output_remove(kd_output *output, const char *object);

/// Adds attributes to an object that exists ("/run", "/traces/field").
KD_API kd_status kd_output_attribute_real(kd_output *output, const char *object, const char *name,
                                          const double *values, size_t count);
KD_API kd_status kd_output_attribute_integer(kd_output *output, const char *object,
                                             const char *name, long value);
KD_API kd_status kd_output_attribute_text(kd_output *output, const char *object, const char *name,
                                          const char *text);
/// A list of strings, also an empty one.
KD_API kd_status kd_output_attribute_texts(kd_output *output, const char *object, const char *name,
                                           const char *const *texts, size_t count);

/// True after a step that failed: what has been written is incomplete, and stays so.
KD_API bool kd_output_has_failed(const kd_output *output);

/// Closes the file, syncs it and renames it over `path`. The object is freed in any case.
KD_API kd_status kd_output_close(kd_output *output);

/// Closes and removes the unfinished file. NULL is allowed.
KD_API void kd_output_discard(kd_output *output);

/// Reads the dataset `name` of a result file: for the initial state `file` and for `info`.
/// @param rank, dims  receive the shape (at most KD_MAX_AXES + 1 axes)
/// @param is_complex  receives whether the numbers are pairs (re, im)
/// @param data        receives an array for free()
KD_API kd_status kd_result_read(const char *path, const char *name, size_t *rank, size_t *dims,
                                bool *is_complex, double **data);

/// The shape alone.
/// @return KD_ERROR_SCENARIO if there is no such dataset
KD_API kd_status kd_result_shape(const char *path, const char *name, size_t *rank, size_t *dims,
                                 bool *is_complex);

/// One record of a series, and of it the points [first, first + count) of its first `n_shared`
/// axes, flattened; all of the record for n_shared = 0.
/// @param data  receives an array for free()
KD_API kd_status kd_result_read_record(const char *path, const char *name, size_t record,
                                       size_t n_shared, size_t first, size_t count,
                                       bool *is_complex, double **data);

/// True if a file can be read and begins like an HDF5 file.
KD_API bool kd_result_is_one(const char *path);

/// The resolved scenario of a result or checkpoint, and the folder of the file that it was read
/// from ("" if that is not known): strings for kd_free.
/// @param folder  may be NULL
KD_API kd_status kd_result_scenario(const char *path, char **text, char **folder);

/// One number of the last record of the traces, or of a response, whose first and last are the
/// same.
typedef struct kd_final_value {
  char name[64]; ///< "number", "population[1]", "user/sz"
  char unit[32];
  double first, last; ///< in the first and the last record
} kd_final_value;

/// How a run ended.
typedef struct kd_result_end {
  bool is_complete; ///< the run came to its end
  bool is_steady;   ///< it was that of a response, kd_steady
  size_t n_warning;
  double time;     ///< of the last record; 0 without traces
  size_t n_record; ///< number of records
  char time_unit[32];
  size_t n_value;
  kd_final_value *values; ///< of every trace of real numbers, or of the response; for kd_free
} kd_result_end;

/// Reads how the run that made a result ended.
KD_API kd_status kd_result_read_end(const char *path, kd_result_end *end);

typedef struct kd_compare_options {
  double rtol, atol;       ///< |a - b| <= atol + rtol * scale is agreement
  const char *const *only; ///< datasets or groups, "/traces/current", "current", "traces"
  size_t n_only;           ///< 0: all
} kd_compare_options;

typedef enum kd_agreement {
  KD_SAME,      ///< to the last bit
  KD_AGREES,    ///< within the tolerance
  KD_DIFFERS,   ///< beyond it, or not finite in only one of the files
  KD_ONLY_IN_A, ///< there is no such dataset in the other
  KD_ONLY_IN_B,
  KD_OTHER_SHAPE, ///< the shapes differ, but for the number of records
  KD_OTHER_TYPE,  ///< real and complex, or other units
  KD_NO_TIME      ///< no record at a common time
} kd_agreement;

/// One dataset of two results.
typedef struct kd_compared {
  char name[256];
  char unit[32];
  kd_agreement agreement;
  double scale;              ///< largest modulus in either file at the common times
  double difference;         ///< largest |a - b|
  double time;               ///< of the record with the largest difference; NaN for fixed datasets
  size_t n_common, n_a, n_b; ///< records at common times, and of each file; 0 for fixed datasets
  size_t n_bad;              ///< numbers that are not finite in either file
  char note[160];            ///< the two shapes, or the two units; "" otherwise
} kd_compared;

typedef struct kd_comparison {
  bool agree; ///< every row is KD_SAME or KD_AGREES
  size_t n_row;
  kd_compared *rows;    ///< for kd_free
  char *scenario_lines; ///< lines of the resolved scenario that differ, "- " or "+ " in front; for
                        ///< kd_free
} kd_comparison;

/// Compares two results: the datasets in /traces, /snapshots, /steady and /grid, and /model/energy
/// and /model/velocity (eigenvectors have arbitrary phases). Records are compared at the times that
/// both files hold. The scale of a dataset is its largest modulus; those of `current_intra`,
/// `current_inter` and of parts of the conductivity is that of the whole, and eigenvalues of f have
/// the scale 1, so that the rounding of a part that vanishes is no difference.
/// @return KD_ERROR_FILE if a file cannot be read; KD_ERROR_SCENARIO if a name of `only` is in
///         neither file
KD_API kd_status kd_result_compare(const char *a, const char *b, const kd_compare_options *options,
                                   kd_comparison *comparison);
KD_API void kd_comparison_clear(kd_comparison *comparison);

/// A summary of a result file for people: what made it, the grid, the datasets with shapes, units
/// and ranges of values, warnings. In a string for free().
KD_API kd_status kd_result_describe(const char *path, char **text);

#ifdef __cplusplus
}
#endif
#endif
