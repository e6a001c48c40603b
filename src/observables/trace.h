/// The table of traces: one row per quantity.
#ifndef KD_OBSERVABLES_TRACE_H
#define KD_OBSERVABLES_TRACE_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>

#include "observables/dataset.h"
#include "state/occupation.h"

/// Shape of a trace beside time.
typedef enum kd_trace_shape { KD_SCALAR, KD_BAND, KD_BAND_BAND, KD_DIRECTION } kd_trace_shape;

/// How contributions of the k points combine.
typedef enum kd_trace_rule {
  KD_AVERAGE, ///< (1/N_k) sum over k, times the spin degeneracy where `carries_spin`
  KD_MINIMUM, ///< smallest value over k
  KD_GLOBAL   ///< not a sum over k: filled in by the measurement itself
} kd_trace_rule;

/// One k point as the rows see it.
typedef struct kd_local {
  size_t n_band, n_dim;
  const double complex *f;             ///< [n][n], orbital basis
  const double complex *h;             ///< [n][n]
  const double complex *f_band;        ///< [n][n], eigenbasis of H_k
  const double complex *const *v_band; ///< per direction [n][n], eigenbasis, angstrom/fs
  const double *level;                 ///< eigenvalues of f, ascending
  const size_t *first;                 ///< [n], first level of the degenerate group
  double charge;
  kd_statistics statistics;
} kd_local;

typedef struct kd_trace {
  const char *name;
  kd_trace_shape shape;
  kd_trace_rule rule;
  bool carries_spin;
  /// Summed over the grid of the model, to which f is interpolated, instead of the displaced grid.
  bool on_grid;
  /// Zero for a function of H_k in a k.p box, whatever its sum over the half-open grid leaves.
  bool vanishes_for_reference;
  bool in_space;    ///< only with an R grid; such rows are the last
  const char *unit; ///< eV, fs, angstrom
  const char *long_name;
  const char *reference;
  /// Adds the contribution of one k point (KD_MINIMUM: lowers the values).
  void (*add)(const kd_local *local, double *value);
} kd_trace;

/// What is written of a trace.
kd_dataset kd_trace_dataset(const kd_trace *trace);

/// The row function of `population`, which snapshots use as well.
void kd_trace_population(const kd_local *local, double *value);

/// Ends with a row whose name is NULL.
extern const kd_trace kd_traces[];

#endif
