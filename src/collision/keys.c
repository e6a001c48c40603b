#include "collision/keys.h"

#include "collision/bath.h"

static const kd_choice ANSATZE[] = {
    {.name = "none", .meaning = "no collisions"},
    {.name = "matrix",
     .meaning = "band-nondiagonal Keldysh operator, G^< = {delta(w - H), f}/2",
     .reference = "Trukhan and Protik, eq. 25"},
    {.name = "causal",
     .meaning = "G^< = i (G^R f - f G^A) with principal values, f taken as constant during a "
                "collision (Redfield theory lets its coherences turn)",
     .reference = "Lipavsky, Spicka, Velicky, Phys. Rev. B 34, 6933 (1986)"},
    {.name = "average",
     .meaning = "coherences scatter at the mean energy of their two levels: the free generalized "
                "Kadanoff-Baym form",
     .reference = "criticized in Trukhan and Protik, sec. II.F"},
    {.name = "diagonal",
     .meaning = "band populations only, the standard Boltzmann operator; coherences do not scatter",
     .reference = "Trukhan and Protik, eqs. 101-102"},
    {.name = "rta",
     .meaning =
         "populations to equilibrium at the out-scattering rates of their levels, coherences to "
         "zero at the mean of two of them",
     .reference = "the relaxation-time theories discussed in Trukhan and Protik, sec. I"},
    {.name = "lindblad",
     .meaning = "one amplitude per pair of levels: keeps 0 <= f <= 1, and detailed balance only "
                "between levels of one energy; method direct only",
     .reference = "after Rosati, Iotti, Dolcini, Rossi, Phys. Rev. B 90, 125140 (2014)"},
    {.name = "t1_t2", .meaning = "populations to equilibrium in t1, coherences to zero in t2"},
    {.name = "bgk",
     .meaning = "f to the thermal function of its own number in tau",
     .reference = "Bhatnagar, Gross, Krook, Phys. Rev. 94, 511 (1954)"},
    {.name = NULL}};

static const kd_choice METHODS[] = {
    {.name = "auto",
     .meaning = "the one with the lower estimate of its time; with grid.r also matrices over all "
                "of f, made once (`dense`)"},
    {.name = "direct",
     .meaning = "sum over k and k' with a table of the kernels, electrons: over k, k2 and k3"},
    {.name = "fft",
     .meaning = "kernels as Fourier series in energy, convolutions over k (electrons: products in "
                "r) by FFT"},
    {.name = NULL}};

static const kd_choice REFERENCES[] = {
    {.name = "none", .meaning = "C[f]"},
    {.name = "equilibrium", .meaning = "C[f] - C[f_eq], stationary at equilibrium by construction"},
    {.name = NULL}};

const kd_param kd_collision_rows[] = {
    {.key = "ansatz",
     .type = KD_CHOICE,
     .choices = ANSATZE,
     .fallback = "none",
     .meaning = "form of the collision operator"},
    {.key = "kinetic_corrections",
     .type = KD_FLAG,
     .fallback = "false",
     .meaning = "keep the principal-value terms (kappa = 1) of matrix, average and diagonal"},
    {.key = "linearised",
     .type = KD_FLAG,
     .fallback = "false",
     .meaning = "keep terms up to first order in f - f_eq"},
    {.key = "reference",
     .type = KD_CHOICE,
     .choices = REFERENCES,
     .fallback = "none",
     .meaning = "what is subtracted"},
    {.key = "method",
     .type = KD_CHOICE,
     .choices = METHODS,
     .fallback = "auto",
     .meaning = "how the self-energy is computed"},
    {.key = "broadening",
     .type = KD_REAL,
     .unit = "eV",
     .fallback = KD_UNSET,
     KD_POSITIVE,
     .meaning = "standard deviation of the Gaussian that stands for the energy delta function"},
    {.key = "terms",
     .type = KD_VARIANTS,
     .variants = kd_bath_variants,
     .fallback = "[]",
     .meaning = "what the carriers scatter from"},
    {.key = "temperature",
     .type = KD_REAL,
     .unit = "K",
     .fallback = KD_UNSET,
     KD_NON_NEGATIVE,
     .meaning = "of the equilibrium in reference, linearised, rta, t1_t2 and bgk; default: that of "
                "initial"},
    {.key = "chemical_potential",
     .type = KD_REAL,
     .unit = "eV",
     .fallback = KD_UNSET,
     .meaning = "likewise"},
    {.key = "t1",
     .type = KD_REAL,
     .unit = "fs",
     .fallback = KD_UNSET,
     KD_POSITIVE,
     .meaning = "t1_t2: relaxation time of the populations"},
    {.key = "t2",
     .type = KD_REAL,
     .unit = "fs",
     .fallback = KD_UNSET,
     KD_POSITIVE,
     .meaning = "t1_t2: decay time of the coherences"},
    {.key = "tau",
     .type = KD_REAL,
     .unit = "fs",
     .fallback = KD_UNSET,
     KD_POSITIVE,
     .meaning = "bgk: relaxation time"},
    {.key = NULL}};
