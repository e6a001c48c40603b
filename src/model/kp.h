/// k.p models: polynomials in k on the box [-k_max, k_max)^n_dim, without position matrices,
///
///   H_ab(k) = sum_p c_ab,p k_x^p_x k_y^p_y k_z^p_z
#ifndef KD_MODEL_KP_H
#define KD_MODEL_KP_H

#include <complex.h>

#include "model/family.h"
#include "scenario/section.h"

enum { KD_KP_MAX_POWER = 4 };

/// The coefficients c_ab,p as a dense array, eV angstrom^(p_x + p_y + p_z).
typedef struct kd_kp_table {
  size_t n_dim;
  size_t n_band;
  double k_max[3];
  /// [p_x][p_y][p_z][n_band][n_band], Hermitian
  double complex *coefficient;
} kd_kp_table;

kd_status kd_kp_table_create(size_t n_dim, size_t n_band, kd_kp_table **table);
void kd_kp_table_free(kd_kp_table *table);

/// Adds `value` k_x^p_x k_y^p_y k_z^p_z to H_ab and its conjugate to H_ba; once for a = b. Powers
/// are at most KD_KP_MAX_POWER, and 0 in dimensions that the model has not.
void kd_kp_add(kd_kp_table *table, const int power[3], size_t a, size_t b, double complex value);

/// Makes a model of the table and takes ownership of it, also when it fails.
kd_status kd_kp_model(kd_kp_table *table, const kd_model_setup *setup, kd_model **model);

/// Reads the key `k_max`, one number or one per axis.
kd_status kd_kp_read_box(const kd_section *section, kd_kp_table *table);

#endif
