/// What a propagation scheme provides; propagator.c drives them all in the same way.
#ifndef KD_PROPAGATOR_SCHEME_H
#define KD_PROPAGATOR_SCHEME_H

#include "collision/mean_field.h"
#include "drift/flow.h"
#include "drift/translation.h"
#include "keldrift/contacts.h"
#include "keldrift/propagator.h"
#include "propagator/integrator.h"
#include "scenario/param.h"

typedef struct kd_scheme kd_scheme;
struct kd_interaction;
struct kd_unsplit;
struct kd_unsplit_space;
struct kd_splitting;
struct kd_preconditioner;

/// What counts the costs of a run, as numbers: of the propagator and of the collision operator.
enum { KD_N_COST = 16 };

/// Where the last window ended.
typedef struct kd_window {
  size_t number; ///< windows so far
  long steps;    ///< of the integrator in this one
  kd_integrator_history history;
  // As numbers, for the records:
  double t, step, order, piece, next_kick, cost[KD_N_COST];
} kd_window;

struct kd_propagator {
  kd_model *model;
  kd_space *space;
  const kd_field *field;
  kd_reference *reference;
  kd_collision *collision;
  kd_mean_field *mean_field;       ///< NULL: none
  size_t n_band, n_k, n;           ///< n = n_band^2 n_k
  size_t n_r;                      ///< points of R that this process holds; 1 without an R grid
  size_t total;                    ///< n n_r, numbers of the state
  size_t n_phonon;                 ///< occupations of phonons, unknowns behind those of f
  bool is_gradient, has_positions; ///< of the drift with an R grid; orbitals that the field acts on
  double duration, rtol, atol;
  double
      energy_scale; ///< bandwidth times spin degeneracy: what a tolerance on f means for energies
  const kd_scheme *scheme;
  kd_integrator_method method;
  double stiffness; ///< what `auto` weighed, as in kd_propagator_statistics
  kd_integrator *integrator;
  struct kd_preconditioner *preconditioner; ///< KD_BDF only
  double t;                                 ///< where the integrator stands
  size_t piece;                             ///< field piece that starts at or holds t
  size_t next_kick;
  bool is_started, must_restart;
  double work;          ///< at the last restart or step
  double *interpolated; ///< with phonons: the unknowns at a time of output
  double *v, *scratch;  ///< packed fields: velocity along E, and one to work in
  double seconds;
  long n_crawl;    ///< steps in a row that were at their floor
  double crawl[3]; ///< crawl, crawl_time and clock of kd_propagator_statistics
  kd_window window;
  double earlier[KD_N_COST]; ///< costs before a resume
  kd_poll_function *poll;    ///< NULL: nobody watches
  void *poll_context;
  struct kd_splitting *splitting; ///< stands in for scheme and integrator
  kd_contacts *contacts;          ///< of splitting
  // The scheme's own data, of which one is set:
  struct kd_interaction *interaction;
  struct kd_unsplit *unsplit;
  struct kd_unsplit_space *unsplit_space;
};

struct kd_scheme {
  const char *name; ///< the row of kd_scheme_choices that describes it
  bool in_space;    ///< for runs with an R grid, else for those without
  kd_status (*create)(kd_propagator *p, const kd_state *initial);
  void (*free)(kd_propagator *p);
  /// Number of unknowns of the integrator, p->n_phonon included, and safety factor on its
  /// tolerances.
  size_t (*n_unknown)(const kd_propagator *p);
  double tolerance_factor;
  kd_rate_function *rate;
  kd_quadrature_function *power; ///< work per time done by the field, eV/fs per cell
  kd_precondition_function *precondition;
  /// The state at time t, within the last step, from the interpolated unknowns.
  kd_status (*state)(kd_propagator *p, double t, const double *y, kd_state *state);
  /// Called between steps: true if the integrator must restart because the frame was re-anchored.
  kd_status (*settle)(kd_propagator *p, bool *must_restart);
  /// Applies a part of a kick at time p->t.
  kd_status (*kick)(kd_propagator *p, const double impulse[3]);
  /// What the scheme has besides the unknowns, at the end of a window: `save` keeps a copy of it,
  /// `records` lists that copy, `resume` takes it back. NULL: nothing.
  void (*save)(kd_propagator *p);
  void (*records)(kd_propagator *p, kd_records *records);
  void (*resume)(kd_propagator *p);
  void (*cost)(const kd_propagator *p, kd_propagator_statistics *statistics);
  size_t (*bytes)(const kd_propagator *p);
};

extern const kd_scheme kd_scheme_interaction, kd_scheme_unsplit, kd_scheme_unsplit_space;

/// Values of `propagation.scheme`, for the schema; ends with a NULL name.
extern const kd_choice kd_scheme_choices[];
/// Values of `propagation.integrator`, likewise.
extern const kd_choice kd_integrator_choices[];

#endif
