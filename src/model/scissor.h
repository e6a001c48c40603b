/// A rigid shift of the conduction bands.
#ifndef KD_MODEL_SCISSOR_H
#define KD_MODEL_SCISSOR_H

#include "model/lattice.h"

/// Number of bands at or below zero energy, over the mesh.
typedef struct kd_scissor_bands {
  size_t least, most;
} kd_scissor_bands;

/// Replaces H(k) by H(k) + energy P(k), with P(k) the projector on the bands above zero energy.
///
/// P(k) is found on a mesh of KD_SCISSOR_MESH points along every lattice vector along which H
/// disperses, and becomes a Fourier series over the Wigner-Seitz cell of the mesh. On the mesh
/// points (k = 0 is one) the shift is exact; between them it errs by what lies beyond these cells,
/// which falls off exponentially with the decay length of the density matrix of the insulator. In
/// silicon the energies err by 4e-4 of the shift in the mean square and by 5e-3 at worst. Positions
/// stay.
///
/// @param table replaced by one with more cells
/// @param bands receives the count, also after a failure
/// @return KD_ERROR_SCENARIO without a message unless one and the same number of bands, neither 0
///         nor all, is at or below zero on the whole mesh
kd_status kd_lattice_scissor(kd_lattice_table **table, double energy, kd_scissor_bands *bands);

enum { KD_SCISSOR_MESH = 16 };

#endif
