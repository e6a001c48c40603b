/// The scenario, composed from the tables of the stages.
#include "collision/keys.h"
#include "drift/phase_space.h"
#include "drift/waveform.h"
#include "model/kinds.h"
#include "observables/user.h"
#include "propagator/scheme.h"
#include "scenario/param.h"
#include "space/keys.h"
#include "space/potential.h"
#include "state/contact_kinds.h"
#include "state/initial.h"

static const kd_choice UNITS[] = {
    {.name = "eV-fs-angstrom", .meaning = "quantities are strings with units"},
    {.name = "natural",
     .meaning = "bare numbers; hbar = k_B = |e| = lattice constant = 1, temperatures are energies"},
    {.name = NULL}};

static const kd_choice STATISTICS[] = {{.name = "fermion", .meaning = "f = 1/(e^x + 1)"},
                                       {.name = "boson", .meaning = "f = 1/(e^x - 1)"},
                                       {.name = "classical", .meaning = "f = e^-x"},
                                       {.name = NULL}};

static const kd_param GRID[] = {
    {.key = "k",
     .type = KD_INTEGERS,
     .meaning = "number of k points along each edge of the Brillouin zone or the k.p box"},
    {.key = "r",
     .type = KD_SECTION,
     .rows = kd_space_rows,
     .fallback = "{}",
     .meaning = "the R grid of a system that varies in space"},
    {.key = NULL}};

static const kd_param PROPAGATION[] = {{.key = "scheme",
                                        .type = KD_CHOICE,
                                        .choices = kd_scheme_choices,
                                        .fallback = "auto",
                                        .meaning = "how the equation is integrated"},
                                       {.key = "integrator",
                                        .type = KD_CHOICE,
                                        .choices = kd_integrator_choices,
                                        .fallback = "auto",
                                        .meaning = "how CVODE steps"},
                                       {.key = "duration",
                                        .type = KD_REAL,
                                        .unit = "fs",
                                        .min = 1e-15,
                                        .max = 1e15,
                                        .meaning = "end of the run; it starts at t = 0"},
                                       {.key = "rtol",
                                        .type = KD_REAL,
                                        .fallback = "1e-6",
                                        .min = 1e-13,
                                        .max = 0.1,
                                        .meaning = "relative tolerance on f"},
                                       {.key = "atol",
                                        .type = KD_REAL,
                                        .fallback = "1e-8",
                                        .min = 1e-18,
                                        .max = 0.1,
                                        .meaning = "absolute tolerance on f"},
                                       {.key = "order",
                                        .type = KD_INTEGER,
                                        .fallback = KD_UNSET,
                                        .min = 2,
                                        .max = 4,
                                        .meaning =
                                            "splitting: order of the composition, 2 or 4; "
                                            "default: 4 without collisions and contacts, else 2"},
                                       {.key = "step",
                                        .type = KD_REAL,
                                        .unit = "fs",
                                        KD_POSITIVE,
                                        .fallback = KD_UNSET,
                                        .meaning = "splitting: a fixed step; default: by the "
                                                   "tolerance"},
                                       {.key = NULL}};

static const kd_param SNAPSHOTS[] = {
    {.key = "every",
     .type = KD_REAL,
     .unit = "fs",
     KD_POSITIVE,
     .fallback = KD_UNSET,
     .meaning = "interval of the snapshots of f(k); default: at the start and the end only"},
    {.key = NULL}};

static const kd_param CHECKPOINT[] = {
    {.key = "every",
     .type = KD_REAL,
     .unit = "s",
     .wall_clock = true,
     KD_POSITIVE,
     .fallback = KD_UNSET,
     .meaning =
         "wall-clock interval of the checkpoints NAME.chk.h5 beside the result NAME.h5; default: "
         "600 s, or 50 times what the last one took if that is more; never less than what the last "
         "one took"},
    {.key = NULL}};

static const kd_param OUTPUT[] = {
    {.key = "file",
     .type = KD_TEXT,
     .fallback = "result.h5",
     .meaning = "result file, relative to the working directory; -o overrides it"},
    {.key = "every",
     .type = KD_REAL,
     .unit = "fs",
     KD_POSITIVE,
     .fallback = KD_UNSET,
     .meaning = "interval of the frames of /traces; default: a two-hundredth of the duration"},
    {.key = "checkpoint",
     .type = KD_SECTION,
     .rows = CHECKPOINT,
     .fallback = "{}",
     .meaning = "what a run that was stopped goes on from, with keldrift run --restart"},
    {.key = "snapshots",
     .type = KD_SECTION,
     .rows = SNAPSHOTS,
     .fallback = "{}",
     .meaning = "snapshots of the whole state"},
    {.key = NULL}};

const kd_param kd_schema[] = {
    {.key = "title", .type = KD_TEXT, .fallback = "untitled", .meaning = "title of figures"},
    {.key = "units",
     .type = KD_CHOICE,
     .choices = UNITS,
     .fallback = "eV-fs-angstrom",
     .meaning = "unit system"},
    {.key = "hbar",
     .type = KD_REAL,
     .fallback = "1",
     KD_POSITIVE,
     .meaning = "Planck's constant under natural units"},
    {.key = "statistics",
     .type = KD_CHOICE,
     .choices = STATISTICS,
     .fallback = "fermion",
     .meaning = "statistics of the carriers",
     .reference = "Spohn, eq. 4.5"},
    {.key = "charge",
     .type = KD_REAL,
     .fallback = "-1",
     .min = -1e6,
     .max = 1e6,
     .meaning = "carrier charge in |e|; force = charge * E"},
    {.key = "model",
     .type = KD_VARIANT,
     .variants = kd_model_variants,
     .meaning = "H(k) and the positions of the orbitals"},
    {.key = "grid", .type = KD_SECTION, .rows = GRID, .meaning = "the grids of k and R"},
    {.key = "initial",
     .type = KD_VARIANT,
     .variants = kd_initial_variants,
     .meaning = "state at t = 0"},
    {.key = "field",
     .type = KD_VARIANTS,
     .variants = kd_field_variants,
     .fallback = "[]",
     .meaning = "uniform electric field, the sum of a list"},
    {.key = "potential",
     .type = KD_VARIANTS,
     .variants = kd_potential_variants,
     .fallback = "[]",
     .meaning = "potential energy U(R) of the centers of the cells, the sum of a list"},
    {.key = "contacts",
     .type = KD_VARIANTS,
     .variants = kd_contact_variants,
     .fallback = "[]",
     .meaning = "regions at the ends of the R box that exchange particles"},
    {.key = "drift",
     .type = KD_CHOICE,
     .choices = kd_drift_choices,
     .fallback = "moyal",
     .meaning = "how f(R, k) moves"},
    {.key = "collisions",
     .type = KD_SECTION,
     .rows = kd_collision_rows,
     .fallback = "{}",
     .meaning = "the collision operator"},
    {.key = "propagation",
     .type = KD_SECTION,
     .rows = PROPAGATION,
     .meaning = "integration in time"},
    {.key = "output",
     .type = KD_SECTION,
     .rows = OUTPUT,
     .fallback = "{}",
     .meaning = "what is written, and when"},
    {.key = "observables",
     .type = KD_SECTIONS,
     .rows = kd_user_observable_rows,
     .fallback = "[]",
     .meaning = "operators to measure besides the built-in traces"},
    {.key = NULL}};
