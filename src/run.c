#include "keldrift/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "collision/mean_field.h"
#include "core/clock.h"
#include "core/comm.h"
#include "core/error.h"
#include "core/fft_clock.h"
#include "core/memory.h"
#include "guard.h"
#include "model/advice.h"
#include "recovery.h"
#include "scenario/section.h"
#include "state/edge.h"

/// A deviation at the edge of a k.p box above this is reported.
static const double EDGE_LIMIT = 1e-3;
/// With an R grid a band counts as filled where Tr f is more than this along all the edge.
static const double FILLED = 0.5;
/// Weight in the outer tenth of the Fourier modes of f above this is reported: interpolated
/// quantities are then wrong by about as much.
static const double TAIL_LIMIT = 1e-2;
/// Antihermitian position matrix elements above this are reported, angstrom.
static const double POSITION_LIMIT = 1e-3;
/// What the program and its libraries take before any field is held.
static const size_t PROCESS_BYTES = (size_t)24 << 20;
/// Negative occupations and holes beyond rounding are reported; with collisions, which may leave
/// them negative in any case, those that a curve would show.
static const double POSITIVITY_LIMIT = 1e-6, ANSATZ_LIMIT = 1e-4;
/// Steps at their floor in a row that the start of an integration does not explain.
static const double CRAWL_LIMIT = 1000;
/// Rounding of the time over a step above this is seen in the field and in the phases.
static const double CLOCK_LIMIT = 1e-3;
/// Drift of the particle number that rounding does not explain.
static const double NUMBER_LIMIT = 1e-9;
/// What the collisions may leave of the energy that they are to keep, over its largest change.
static const double ENERGY_LIMIT = 1e-3;

/// Everything a run is made of.
typedef struct stages {
  kd_model *model;
  kd_space *space;
  kd_field *field;
  kd_state *state;
  kd_reference *reference;
  kd_collision *collision;
  kd_propagator *propagator;
  kd_observables *observables;
  kd_edge edge; ///< of the initial state, where it matters
  /// Of Tr f of the initial state at the edge of a k.p box, with an R grid; infinite where f does
  /// not move in k.
  double least_at_edge;
} stages;

static void stages_clear(stages *s) {
  kd_propagator_free(s->propagator);
  kd_observables_free(s->observables);
  kd_collision_free(s->collision);
  kd_state_free(s->state);
  kd_reference_free(s->reference);
  kd_field_free(s->field);
  kd_space_free(s->space);
  kd_model_free(s->model);
  *s = (stages){0};
}

/// With an R grid its points are shared out among the processes, else the collisions are.
static kd_status create_space(const kd_scenario *scenario, const kd_comm *comm, stages *s) {
  KD_TRY(kd_space_create(scenario, s->model, &s->space));
  return kd_space_share(s->space, comm);
}

static bool has_field(const kd_field *field) {
  size_t n_piece, n_kick;
  kd_field_pieces(field, &n_piece);
  kd_field_kicks(field, &n_kick);
  bool found = n_kick > 0;
  for (size_t i = 0; i < n_piece; i++) found = found || !kd_field_is_quiet(field, i);
  return found;
}

/// True if f is moved in k, which is done by its Fourier modes: by a field, or by a potential.
static bool moves_in_k(const kd_section *root, const kd_field *field) {
  return has_field(field) || kd_section_count(root, "potential") > 0;
}

/// True if the initial state is made of Fermi functions of `initial.temperature`.
static bool has_fermi_edges(const kd_section *root) {
  const kd_section *initial = kd_section_child(root, "initial");
  const kd_param *row = kd_section_variant(initial)->rows;
  if (strcmp(kd_section_text(root, "statistics"), "fermion") != 0) return false;
  while (row->key && strcmp(row->key, "temperature") != 0) row++;
  return row->key && kd_section_has(initial, "temperature");
}

/// The end of a stage, which is that of all processes: goes on unless one has failed, or somebody
/// wants the run to end.
/// @param recovery  NULL: nobody can want that
static kd_status finish_stage(const kd_comm *comm, kd_recovery *recovery, kd_status status) {
  if (status == KD_OK && recovery) status = kd_recovery_wait(recovery);
  return kd_comm_agree(comm, status);
}

static kd_status stages_create(const kd_scenario *scenario, const kd_comm *comm,
                               kd_recovery *recovery, stages *s) {
  *s = (stages){0};
  KD_TRY(finish_stage(comm, recovery, kd_model_create(scenario, &s->model)));
  KD_TRY(finish_stage(comm, recovery, create_space(scenario, comm, s)));
  KD_TRY(finish_stage(comm, recovery, kd_field_create(scenario, s->model, &s->field)));
  KD_TRY(finish_stage(comm, recovery,
                      kd_initial_create(scenario, s->model, s->space, &s->state, &s->reference)));
  KD_TRY(finish_stage(comm, recovery,
                      kd_collision_create(scenario, s->model, s->reference, &s->collision)));
  if (kd_space_n_dim(s->space) == 0)
    KD_TRY(finish_stage(comm, recovery, kd_collision_share(s->collision, comm)));
  const kd_section *root = kd_scenario_root(scenario);
  if (has_fermi_edges(root) && moves_in_k(root, s->field))
    KD_TRY(finish_stage(comm, recovery, kd_edge_measure(s->model, s->state, &s->edge)));
  const size_t n_phonon = kd_collision_n_phonon(s->collision);
  const bool wraps = kd_space_n_dim(s->space) > 0 && !kd_model_is_periodic(s->model) &&
                     (moves_in_k(root, s->field) || kd_section_count(root, "contacts") > 0);
  if (n_phonon > 0) KD_TRY(finish_stage(comm, recovery, kd_state_add_phonons(s->state, n_phonon)));
  KD_TRY(finish_stage(comm, recovery,
                      kd_observables_create(scenario, s->model, s->space, s->field, s->reference,
                                            &s->observables)));
  KD_TRY(finish_stage(comm, recovery, kd_observables_add_phonons(s->observables, s->collision)));
  s->least_at_edge = wraps ? kd_observables_least_at_edge(s->observables, s->state) : INFINITY;
  return finish_stage(comm, recovery,
                      kd_propagator_create(scenario, s->model, s->space, s->field, s->reference,
                                           s->collision, s->state, &s->propagator));
}

/// Times 0, every, 2 every, ... and the end.
typedef struct timetable {
  double every, duration;
  size_t count;
} timetable;

static timetable timetable_create(double every, double duration) {
  // A last interval shorter than a rounding error is none.
  const double intervals = ceil(duration / every * (1 - 1e-12));
  return (timetable){.every = every, .duration = duration, .count = 1 + (size_t)intervals};
}

static double timetable_time(const timetable *table, size_t index) {
  return index + 1 >= table->count ? table->duration : (double)index * table->every;
}

static kd_status read_timetables(const kd_scenario *scenario, timetable *frames,
                                 timetable *snapshots) {
  const kd_section *root = kd_scenario_root(scenario);
  const double duration = kd_section_real(kd_section_child(root, "propagation"), "duration");
  const kd_section *output = kd_section_child(root, "output");
  const kd_section *rare = kd_section_child(output, "snapshots");
  if (!*kd_section_text(output, "file"))
    return kd_section_error(output, "file", "an empty name (expected a file such as result.h5)");
  const double every =
      kd_section_has(output, "every") ? kd_section_real(output, "every") : duration / 200;
  const double seldom = kd_section_has(rare, "every") ? kd_section_real(rare, "every") : duration;
  const double most = 1e8;
  if (duration / every > most)
    return kd_section_error(output, "every", "%g frames (expected at most %g)", duration / every,
                            most);
  if (duration / seldom > most)
    return kd_section_error(rare, "every", "%g snapshots (expected at most %g)", duration / seldom,
                            most);
  *frames = timetable_create(every, duration);
  *snapshots = timetable_create(seldom, duration);
  return KD_OK;
}

const char *kd_run_output(const kd_scenario *scenario) {
  return kd_section_text(kd_section_child(kd_scenario_root(scenario), "output"), "file");
}

/// Attributes that a reader of the traces needs: the SI unit of J/E, and the kicks, which the field
/// trace cannot show.
static kd_status describe_traces(const stages *s, kd_output *output) {
  double factor;
  const char *unit;
  kd_observables_conductivity_unit(s->observables, &factor, &unit);
  KD_TRY(kd_output_attribute_real(output, "/traces/current", "si_factor", &factor, 1));
  KD_TRY(kd_output_attribute_text(output, "/traces/current", "si_unit", unit));
  size_t n_kick;
  const kd_kick *kick = kd_field_kicks(s->field, &n_kick);
  if (n_kick == 0) return KD_OK;
  kd_status status = KD_OK;
  double *time = NULL, *impulse = NULL;
  KD_ALLOCATE(time, n_kick);
  KD_ALLOCATE(impulse, 3 * n_kick);
  for (size_t i = 0; i < n_kick; i++) {
    time[i] = kick[i].time;
    memcpy(impulse + 3 * i, kick[i].impulse, sizeof kick[i].impulse);
  }
  KD_CHECK(kd_output_attribute_real(output, "/traces/field", "kick_time", time, n_kick));
  KD_CHECK(kd_output_attribute_real(output, "/traces/field", "kick_impulse", impulse, 3 * n_kick));

cleanup:
  kd_free(time);
  kd_free(impulse);
  return status;
}

/// Follows the conserved quantities from frame to frame.
/// @param left  energy that the collisions have left since the last one
static void follow(const kd_observables *observables, bool is_first, double left, kd_report *report,
                   double first[4]) {
  const double number = kd_observables_value(observables, "number", 0);
  double entered = 0; // through the contacts
  const double energy = kd_observables_value(observables, "energy", 0);
  const double purity = kd_observables_value(observables, "purity", 0);
  double phonons = 0;
  for (size_t b = 0; b < report->n_branch; b++)
    phonons += kd_observables_value(observables, "phonon_energy", b);
  for (size_t i = 0; i < report->n_contact; i++) {
    report->contact_number[i] = kd_observables_value(observables, "contact_number", i);
    report->contact_current[i] = kd_observables_value(observables, "contact_current", i);
    entered += report->contact_number[i];
  }
  if (is_first) {
    first[0] = number;
    first[1] = energy;
    first[2] = purity;
    first[3] = phonons;
    report->min_f = report->min_1mf = INFINITY;
  }
  report->number = number;
  report->number_drift = fmax(report->number_drift, fabs(number - entered - first[0]));
  report->energy_change = energy - first[1];
  report->largest_energy_change = fmax(report->largest_energy_change, fabs(report->energy_change));
  report->energy_left += left;
  report->phonon_change = phonons - first[3];
  report->work = kd_observables_value(observables, "work", 0);
  report->purity_drift = fmax(report->purity_drift, fabs(purity - first[2]));
  report->min_f = fmin(report->min_f, kd_observables_value(observables, "min_f", 0));
  report->min_1mf = fmin(report->min_1mf, kd_observables_value(observables, "min_1mf", 0));
  if (is_first) {
    report->initial_min_f = report->min_f;
    report->initial_min_1mf = report->min_1mf;
  }
}

/// Interpolated between the points of k, a sharp edge rings about both its sides.
static void warn_of_edges(const kd_scenario *scenario, const stages *s, kd_warnings *warnings) {
  const kd_constants constants = kd_scenario_constants(scenario);
  // More points than these are no advice.
  const double most = 32;
  double factor[3];
  char points[KD_POINTS_TEXT];
  bool is_fine = true;
  if (!kd_edge_is_sharp(&s->edge)) return;
  for (size_t a = 0; a < 3; a++) {
    factor[a] = kd_edge_refinement(&s->edge, a);
    is_fine = is_fine && factor[a] <= most;
  }
  kd_warn(
      warnings,
      "the Fermi edge of the initial state is sharper than the k grid resolves, so that f between "
      "its points, where the field or potential moves it, rings by %.1g on both sides of it: "
      "raise initial.temperature to %.3g%s%s%s",
      kd_edge_ringing(&s->edge), kd_edge_smooth_kt(&s->edge) / constants.k_boltzmann,
      constants.natural ? "" : " K", is_fine ? ", or grid.k to " : "",
      is_fine ? kd_model_more_points(s->model, factor, points) : "");
}

/// Terms that the default, no collisions, leaves unused; a mean field is not.
static void warn_of_unused_terms(const kd_scenario *scenario, const stages *s,
                                 kd_warnings *warnings) {
  const kd_section *collisions = kd_section_child(kd_scenario_root(scenario), "collisions");
  if (kd_section_count(collisions, "terms") > kd_mean_field_count(scenario) &&
      kd_collision_is_none(s->collision) && !kd_section_given(collisions, "ansatz"))
    kd_warn(warnings, "collisions.terms are not used, because collisions.ansatz is not given and "
                      "none is its default: set it to matrix, say, or to none on purpose");
}

/// Orbitals without positions interact with a field by the hoppings between them alone.
static void warn_of_positions(const kd_section *root, const stages *s, kd_warnings *warnings) {
  const kd_section *model = kd_section_child(root, "model");
  if (strcmp(kd_section_variant(model)->kind, "wannier90") == 0 && kd_model_n_band(s->model) > 1 &&
      has_field(s->field) && !kd_propagator_has_positions(s->propagator))
    kd_warn(warnings,
            "%s has no positions of its orbitals, so that the field finds all of them at the "
            "origin of their cell and no dipoles between them: set model.file to SEED_tb.dat, "
            "which Wannier90 writes with write_tb = true",
            kd_section_text(model, "file"));
}

/// With an R grid the k box of a k.p model is periodic, which a filled band must not find out.
static void warn_of_filled_band(const stages *s, kd_warnings *warnings) {
  if (!isfinite(s->least_at_edge) || s->least_at_edge < FILLED) return;
  kd_warn(warnings,
          "f is %.2g or more all along the edge of the k box at the start, and with grid.r what "
          "leaves the box comes in again at the other end: a filled band needs a lattice model "
          "(model.kind: ssh or tight_binding, for instance), and one that is empty further out a "
          "larger model.k_max",
          s->least_at_edge);
}

/// Warnings that need no run.
static void warn_of_scenario(const kd_scenario *scenario, const stages *s, kd_warnings *warnings) {
  kd_collision_warn(s->collision, warnings);
  kd_mean_field_warn(scenario, s->model, warnings);
  warn_of_edges(scenario, s, warnings);
  warn_of_positions(kd_scenario_root(scenario), s, warnings);
  warn_of_unused_terms(scenario, s, warnings);
  warn_of_filled_band(s, warnings);
}

static void warn_of_number(const kd_section *propagation, const stages *s, kd_report *report) {
  if (report->number_drift > NUMBER_LIMIT * fmax(1, fabs(report->number)) &&
      kd_model_is_periodic(s->model) && kd_collision_conserves_number(s->collision))
    kd_warn(&report->warnings,
            "the particle number drifts by %.2g: lower propagation.rtol from %.0e to %.0e",
            report->number_drift, kd_section_real(propagation, "rtol"),
            0.01 * kd_section_real(propagation, "rtol"));
}

/// Where coherences leave no displacement of the kernels that keeps the energy.
static void warn_of_energy(const kd_scenario *scenario, kd_report *report) {
  const char *ev = kd_scenario_constants(scenario).natural ? "" : " eV";
  const double part = report->energy_left / report->largest_energy_change;
  if (report->energy_left > ENERGY_LIMIT * report->largest_energy_change)
    kd_warn(&report->warnings,
            "scattering of the carriers from one another does not keep the energy where coherences "
            "that the field makes are more than the carriers that it excites: some %.1g%s per cell "
            "in the whole, %.1g of the largest change of the energy; compare with "
            "energy_conserving: false for the term, or with ansatz: diagonal",
            report->energy_left, ev, part);
}

/// Steps as short as they can be.
static void warn_of_steps(const kd_section *propagation, kd_report *report) {
  const kd_propagator_statistics *cost = &report->cost;
  const double rtol = kd_section_real(propagation, "rtol");
  if (cost->crawl > CRAWL_LIMIT)
    kd_warn(
        &report->warnings,
        "%.0f steps in a row, up to t = %.4g, were shorter than %.0e of the time that was left: "
        "raise propagation.rtol from %.0e to %.0e and propagation.atol with it%s",
        cost->crawl, cost->crawl_time, KD_CRAWL, rtol, fmin(0.1, 100 * rtol),
        strcmp(cost->integrator, "bdf") == 0 ? "" : ", or try propagation.integrator: bdf");
  if (cost->clock > CLOCK_LIMIT)
    kd_warn(&report->warnings,
            "steps are so short for the time that it is rounded by up to %.1g of a step: let what "
            "happens begin at t = 0, with a propagation.duration of %.2g at most",
            cost->clock, report->duration * CLOCK_LIMIT / cost->clock);
  if (cost->reachable_rtol > 0)
    kd_warn(&report->warnings,
            "rounding of the steps is more than propagation.rtol: %.0e allows, and they were not "
            "shortened further: raise it to %.0e",
            rtol, fmin(0.1, 2 * cost->reachable_rtol));
}

/// Eigenvalues of f outside [0, 1] with an R grid. f(R, k) is a Wigner function: without collisions
/// it need not be bounded. Collisions take it for the occupation of the states at R, which it is
/// where it varies slowly; with classical statistics they are linear in f, and may start from any.
/// @param rtol  one to compare with
static void warn_of_wigner(const char *statistics, double rtol, kd_report *report) {
  kd_warnings *warnings = &report->warnings;
  const bool is_fermion = strcmp(statistics, "fermion") == 0;
  const bool is_classical = strcmp(statistics, "classical") == 0;
  const double least = report->min_f, most = 1 - report->min_1mf;
  const bool is_low = least < -ANSATZ_LIMIT, is_high = is_fermion && most > 1 + ANSATZ_LIMIT;
  const bool starts_low = report->initial_min_f < -ANSATZ_LIMIT;
  const bool starts_high = is_fermion && report->initial_min_1mf < -ANSATZ_LIMIT;
  if (starts_low && !is_classical)
    kd_warn(warnings,
            "an eigenvalue of f(R, k) is %.2g at the start, but collisions take f for an "
            "occupation: start from a state that is smooth over the cell hbar of phase space, such "
            "as initial.kind: local_equilibrium, or set collisions.ansatz: none",
            report->initial_min_f);
  if (is_low && !starts_low)
    kd_warn(warnings,
            "the smallest eigenvalue of f(R, k) is %.2g: unless propagation.rtol: %.0e "
            "changes it, it belongs to collisions.ansatz (lindblad keeps f positive) or, with "
            "drift: moyal, to interference, and collisions take f for an occupation",
            least, rtol);
  if (starts_high)
    kd_warn(warnings,
            "an eigenvalue of f(R, k) is %.8g at the start, but collisions take 1 - f for the part "
            "of the states that is free: lower initial.number by a factor of %.3g, or take "
            "statistics: classical",
            1 - report->initial_min_1mf, 1 - report->initial_min_1mf);
  if (is_high && !starts_high)
    kd_warn(warnings,
            "an eigenvalue of f(R, k) is %.8g, more than one fermion in a state: unless "
            "propagation.rtol: %.0e changes it, it belongs to collisions.ansatz (lindblad keeps "
            "it below) or, with drift: moyal, to interference",
            most, rtol);
}

/// Without collisions the eigenvalues of f(k) do not change; with them, not every Ansatz keeps them
/// in bounds, whatever the tolerance.
static void warn_of_eigenvalues(const kd_section *root, const stages *s, kd_report *report) {
  kd_warnings *warnings = &report->warnings;
  const char *statistics = kd_section_text(root, "statistics");
  const bool is_fermion = strcmp(statistics, "fermion") == 0;
  const bool collides = !kd_collision_is_none(s->collision);
  const double limit = collides ? ANSATZ_LIMIT : POSITIVITY_LIMIT;
  const double rtol = 0.01 * kd_section_real(kd_section_child(root, "propagation"), "rtol");
  if (kd_space_n_dim(s->space) > 0) {
    if (collides) warn_of_wigner(statistics, rtol, report);
    return;
  }
  if (report->min_f < -limit)
    kd_warn(warnings,
            collides ? "the smallest eigenvalue of f is %.2g: unless propagation.rtol: %.0e "
                       "changes it, it belongs to collisions.ansatz (lindblad keeps f positive)"
                     : "the smallest eigenvalue of f is %.2g: lower propagation.rtol to %.0e",
            report->min_f, rtol);
  if (is_fermion && report->min_1mf < -limit)
    kd_warn(warnings,
            collides
                ? "an eigenvalue of f is %.8g, more than one fermion in a state: unless "
                  "propagation.rtol: %.0e changes it, it belongs to collisions.ansatz (lindblad "
                  "keeps it "
                  "below)"
                : "an eigenvalue of f is %.8g, more than one fermion in a state: lower "
                  "propagation.rtol "
                  "to %.0e, or initial.number by the factor",
            1 - report->min_1mf, rtol);
}

static void find_warnings(const kd_scenario *scenario, const stages *s, kd_report *report) {
  const kd_section *root = kd_scenario_root(scenario);
  kd_warnings *warnings = &report->warnings;
  warn_of_scenario(scenario, s, warnings);
  char points[KD_POINTS_TEXT];
  const double edge = kd_observables_largest_at_edge(s->observables);
  const bool is_in_space = kd_space_n_dim(s->space) > 0;
  if (edge > EDGE_LIMIT && !(is_in_space && s->least_at_edge >= FILLED))
    kd_warn(warnings,
            "f %s by %.2g%s at the edge of the k box, where it %s: raise model.k_max by a factor "
            "of 1.5, and grid.k with it, to %s",
            is_in_space ? "differs" : "deviates", edge,
            is_in_space ? " from zero" : " from its reference",
            is_in_space ? "comes in again at the other end" : "is lost",
            kd_model_more_points(s->model, (const double[]){1.5, 1.5, 1.5}, points));
  const double tail = kd_observables_largest_tail(s->observables);
  if (tail > TAIL_LIMIT)
    kd_warn(warnings,
            "the k grid does not resolve f at the snapshots (relative weight %.1e in the highest "
            "Fourier "
            "modes), so f, population_k and coherence on the grid are uncertain by about as much: "
            "raise grid.k to %s; coherences that dephase over k need more the longer a run is",
            tail, kd_model_more_points(s->model, (const double[]){2, 2, 2}, points));
  kd_observables_warn_of_space(s->observables, warnings);
  const double defect = kd_model_position_defect(s->model);
  if (defect > POSITION_LIMIT)
    kd_warn(warnings,
            "the position matrices in model.file are not Hermitian, by up to %.2g angstrom: their "
            "Hermitian part is used; check the Wannierisation if that is much",
            defect);
  warn_of_eigenvalues(root, s, report);
  warn_of_number(kd_section_child(root, "propagation"), s, report);
  warn_of_energy(scenario, report);
  warn_of_steps(kd_section_child(root, "propagation"), report);
}

static kd_status write_run(kd_output *output, const kd_report *report) {
  const struct {
    const char *name;
    double value;
  } reals[] = {{"total_seconds", report->total_seconds},
               {"setup_seconds", report->setup_seconds},
               {"drift_seconds", report->cost.seconds - report->collision.seconds},
               {"collision_seconds", report->collision.seconds},
               {"observable_seconds", report->observable_seconds},
               {"output_seconds", report->output_seconds},
               {"checkpoint_seconds", report->checkpoint_seconds},
               {"fft_seconds", report->fft_seconds},
               {"number_drift", report->number_drift},
               {"last_step", report->cost.last_step},
               {"stiffness", report->cost.stiffness}};
  const struct {
    const char *name;
    long value;
  } integers[] = {{"collision_evaluations", (long)report->collision.evaluations},
                  {"ffts", (long)report->ffts},
                  {"processes", (long)report->n_process},
                  {"steps", report->cost.steps},
                  {"rate_evaluations", report->cost.rate_evaluations},
                  {"error_test_failures", report->cost.error_test_failures},
                  {"convergence_failures", report->cost.convergence_failures},
                  {"restarts", report->cost.restarts},
                  {"newton_iterations", report->cost.newton_iterations},
                  {"linear_iterations", report->cost.linear_iterations},
                  {"linear_failures", report->cost.linear_failures},
                  {"preconditioner_setups", report->cost.preconditioner_setups},
                  {"last_order", report->cost.last_order},
                  {"run_restarts", (long)report->n_restart},
                  {"checkpoints", (long)report->n_checkpoint},
                  {"flow_steps", (long)report->cost.flow_steps},
                  {"flow_rejections", (long)report->cost.flow_rejections}};
  for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
    KD_TRY(kd_output_attribute_real(output, "/run", reals[i].name, &reals[i].value, 1));
  for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
    KD_TRY(kd_output_attribute_integer(output, "/run", integers[i].name, integers[i].value));
  KD_TRY(kd_output_attribute_text(output, "/run", "scheme", report->cost.scheme));
  KD_TRY(kd_output_attribute_text(output, "/run", "integrator", report->cost.integrator));
  KD_TRY(kd_output_attribute_text(output, "/run", "ansatz", report->collision.ansatz));
  KD_TRY(kd_output_attribute_text(output, "/run", "collision_method", report->collision.method));
  const char *texts[KD_MAX_WARNINGS];
  for (size_t i = 0; i < report->warnings.count; i++) texts[i] = report->warnings.text[i];
  return kd_output_attribute_texts(output, "/run", "warnings", texts, report->warnings.count);
}

/// Times of a run are those of the slowest process; what each has counted for its R is added up.
static void share_report(const kd_comm *comm, const kd_comm *over_r, kd_report *report) {
  double *seconds[] = {&report->cost.seconds,   &report->collision.seconds,
                       &report->setup_seconds,  &report->observable_seconds,
                       &report->output_seconds, &report->checkpoint_seconds,
                       &report->total_seconds};
  for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++)
    kd_comm_largest(comm, seconds[i], 1);
  kd_comm_sum(comm, &report->fft_seconds, 1);
  double count[2] = {(double)report->collision.evaluations, (double)report->collision.ffts};
  kd_comm_sum(over_r, count, 2);
  report->collision.evaluations = (unsigned long)count[0];
  report->collision.ffts = (unsigned long)count[1];
}

/// Opens the result and declares what it will hold.
static kd_status start_output(const kd_scenario *scenario, const kd_run_options *options,
                              const char *path, const stages *s, kd_output **output, size_t *traces,
                              size_t *snapshots) {
  const char *time_unit = kd_scenario_constants(scenario).natural ? "1" : "fs";
  size_t count;
  if (options->restart) {
    KD_TRY(kd_output_resume(path, options->restart, options->comm, output));
    KD_TRY(kd_output_remove(*output, "/checkpoint"));
  } else {
    KD_TRY(kd_output_create_shared(path, kd_scenario_text(scenario), options->command,
                                   options->comm, output));
    KD_TRY(kd_output_attribute_text(*output, "/", "scenario_folder", kd_scenario_folder(scenario)));
    KD_TRY(kd_observables_write_model(s->observables, *output));
  }
  const kd_variable *variables = kd_observables_traces(s->observables, &count);
  KD_TRY(kd_output_series(*output, "/traces", time_unit, variables, count, traces));
  KD_TRY(describe_traces(s, *output));
  variables = kd_observables_snapshot_variables(s->observables, &count);
  return kd_output_series(*output, "/snapshots", time_unit, variables, count, snapshots);
}

/// How far the frames have come, with the report what a checkpoint must hold of them. Whole numbers
/// as doubles, for the records.
typedef struct run_progress {
  double next_frame, next_snapshot;
  double last_frame; ///< its time, fs
  double first[4];   ///< conserved quantities at the start
  double seconds;    ///< of this run, those before a restart included
  double restarts;
} run_progress;

static void list_progress(run_progress *at, kd_report *report, kd_collision *collision,
                          kd_observables *observables, kd_records *records) {
  kd_records_add(records, "next_frame", &at->next_frame, 1);
  kd_records_add(records, "next_snapshot", &at->next_snapshot, 1);
  kd_records_add(records, "last_frame", &at->last_frame, 1);
  kd_records_add(records, "first", at->first, 4);
  kd_records_add(records, "seconds", &at->seconds, 1);
  kd_records_add(records, "run_restarts", &at->restarts, 1);
  kd_records_add(records, "number", &report->number, 1);
  kd_records_add(records, "number_drift", &report->number_drift, 1);
  kd_records_add(records, "energy_change", &report->energy_change, 1);
  kd_records_add(records, "largest_energy_change", &report->largest_energy_change, 1);
  kd_records_add(records, "energy_left_behind", &report->energy_left, 1);
  kd_records_add(records, "phonon_change", &report->phonon_change, 1);
  kd_records_add(records, "work_done", &report->work, 1);
  kd_records_add(records, "purity_drift", &report->purity_drift, 1);
  kd_records_add(records, "min_f", &report->min_f, 1);
  kd_records_add(records, "min_1mf", &report->min_1mf, 1);
  kd_records_add(records, "observable_seconds", &report->observable_seconds, 1);
  kd_records_add(records, "output_seconds", &report->output_seconds, 1);
  kd_collision_records(collision, records);
  kd_observables_records(observables, records);
}

/// Opens the result, and takes up what a checkpoint holds.
static kd_status begin(const kd_scenario *scenario, const kd_run_options *options, const char *path,
                       const stages *s, run_progress *at, kd_recovery *recovery, size_t *traces,
                       size_t *snapshots) {
  const kd_section *output = kd_section_child(kd_scenario_root(scenario), "output");
  kd_records live = {0};
  list_progress(at, recovery->report, s->collision, s->observables, &live);
  recovery->propagator = s->propagator;
  const kd_section *checkpoint = kd_section_child(output, "checkpoint");
  recovery->every = kd_section_has(checkpoint, "every") ? kd_section_real(checkpoint, "every") : 0;
  recovery->path = kd_recovery_path(path);
  if (!recovery->path) return KD_ERROR_MEMORY;
  KD_TRY(kd_recovery_create(recovery, &live));
  if (options->restart) {
    KD_TRY(kd_recovery_restore(recovery, options->restart));
    at->restarts++;
  }
  KD_TRY(start_output(scenario, options, path, s, &recovery->output, traces, snapshots));
  if (options->restart) {
    KD_TRY(kd_output_truncate(recovery->output, *traces, (size_t)at->next_frame));
    KD_TRY(kd_output_truncate(recovery->output, *snapshots, (size_t)at->next_snapshot));
  }
  kd_propagator_watch(s->propagator, kd_recovery_poll, recovery);
  return KD_OK;
}

kd_status kd_run(const kd_scenario *scenario, const kd_run_options *options, kd_report *report) {
  kd_status status = KD_OK;
  const double start = kd_seconds(), fft_start = kd_fft_seconds();
  const char *path = options->output ? options->output : kd_run_output(scenario);
  stages s = {0};
  timetable frames, snapshots;
  size_t trace_series, snapshot_series;
  run_progress at = {0};
  kd_recovery recovery = {.scenario = scenario, .options = options, .report = report};
  const kd_comm *comm = options->comm;
  memset(report, 0, sizeof *report);
  report->n_process = kd_comm_size(comm);
  kd_comm_forget(comm);
  KD_CHECK(kd_comm_agree(comm, read_timetables(scenario, &frames, &snapshots)));
  KD_CHECK(kd_comm_agree(comm, kd_guard_result(scenario, path)));
  KD_CHECK(stages_create(scenario, comm, &recovery, &s));
  recovery.duration = frames.duration;
  KD_CHECK(kd_comm_agree(
      comm, begin(scenario, options, path, &s, &at, &recovery, &trace_series, &snapshot_series)));
  report->n_band = kd_model_n_band(s.model);
  report->n_dim = kd_model_n_dim(s.model);
  report->n_k = kd_model_n_k(s.model);
  report->n_r = kd_space_n_r(s.space);
  report->n_branch = kd_collision_n_branch(s.collision);
  while (report->n_contact < KD_MAX_CONTACTS &&
         !isnan(kd_observables_value(s.observables, "contact_number", report->n_contact)))
    report->n_contact++;
  report->duration = frames.duration;
  report->setup_seconds = kd_seconds() - start;
  const double earlier = at.seconds;

  while (at.next_frame < (double)frames.count) {
    const double t_frame = timetable_time(&frames, (size_t)at.next_frame);
    const double t_snapshot = at.next_snapshot < (double)snapshots.count
                                  ? timetable_time(&snapshots, (size_t)at.next_snapshot)
                                  : INFINITY;
    const double t = fmin(t_frame, t_snapshot);
    at.seconds = earlier + kd_seconds() - start;
    kd_recovery_begin(&recovery);
    KD_CHECK(kd_comm_agree(comm, kd_recovery_poll(&recovery)));
    KD_CHECK(kd_comm_agree(comm, kd_propagator_advance(s.propagator, t, s.state)));
    kd_recovery_end(&recovery);
    const double measured = kd_seconds();
    if (t == t_frame) {
      KD_CHECK(kd_comm_agree(comm, kd_observables_measure(s.observables, s.state)));
      const double left = kd_collision_energy_left(s.collision) * (t_frame - at.last_frame);
      follow(s.observables, at.next_frame == 0, left, report, at.first);
      at.last_frame = t_frame;
    }
    if (t == t_snapshot)
      KD_CHECK(kd_comm_agree(comm, kd_observables_snapshot(s.observables, s.state)));
    const double written = kd_seconds();
    if (t == t_frame) {
      KD_CHECK(kd_output_append(recovery.output, trace_series, t));
      at.next_frame++;
    }
    if (t == t_snapshot) {
      KD_CHECK(kd_output_append(recovery.output, snapshot_series, t));
      at.next_snapshot++;
    }
    report->observable_seconds += written - measured;
    report->output_seconds += kd_seconds() - written;
    if (options->progress) options->progress(options->context, t, frames.duration);
  }

  report->n_frame = frames.count;
  report->n_snapshot = snapshots.count;
  report->n_restart = (size_t)at.restarts;
  report->cost = kd_propagator_cost(s.propagator);
  report->collision = kd_collision_statistics(s.collision);
  const kd_collision_cost before = kd_propagator_earlier(s.propagator);
  report->collision.evaluations += before.evaluations;
  report->collision.ffts += before.ffts;
  report->collision.seconds += before.seconds;
  report->fft_seconds = kd_fft_seconds() - fft_start;
  report->total_seconds = earlier + kd_seconds() - start;
  share_report(comm, kd_space_comm(s.space), report);
  kd_edge_join(kd_space_comm(s.space), &s.edge);
  report->ffts = report->cost.ffts + report->collision.ffts + kd_observables_n_fft(s.observables);
  find_warnings(scenario, &s, report);
  KD_CHECK(kd_comm_agree(comm, write_run(recovery.output, report)));
  status = kd_output_close(recovery.output);
  recovery.output = NULL;
  if (status == KD_OK && kd_comm_rank(comm) == 0) kd_recovery_finish(path);

cleanup:
  kd_output_discard(recovery.output);
  kd_recovery_clear(&recovery);
  stages_clear(&s);
  return status;
}

kd_status kd_run_scenario(const char *path, const char *const *overrides, size_t n_override,
                          kd_scenario **scenario) {
  char *text, *folder;
  *scenario = NULL;
  if (!kd_result_is_one(path)) return kd_scenario_read(path, overrides, n_override, scenario);
  KD_TRY(kd_result_scenario(path, &text, &folder));
  const kd_status status = kd_scenario_parse_in(text, strlen(text), path, *folder ? folder : NULL,
                                                overrides, n_override, scenario);
  kd_free(text);
  kd_free(folder);
  return status;
}

kd_status kd_run_restart(const char *path, kd_scenario **scenario, char **output) {
  kd_status status = KD_OK;
  kd_checkpoint_head head = {0};
  *scenario = NULL;
  *output = NULL;
  KD_CHECK(kd_checkpoint_open(path, &head));
  KD_CHECK(kd_run_scenario(path, NULL, 0, scenario));
  KD_CHECK(kd_recovery_check_inputs(*scenario, head.inputs));
  *output = kd_recovery_result(path);

cleanup:
  kd_free(head.inputs);
  if (status != KD_OK) {
    kd_scenario_free(*scenario);
    *scenario = NULL;
  }
  return status;
}

kd_status kd_check(const kd_scenario *scenario, kd_estimate *estimate) {
  kd_status status = KD_OK;
  stages s = {0};
  timetable frames, snapshots;
  memset(estimate, 0, sizeof *estimate);
  KD_CHECK(read_timetables(scenario, &frames, &snapshots));
  KD_CHECK(stages_create(scenario, NULL, NULL, &s));
  estimate->n_band = kd_model_n_band(s.model);
  estimate->n_dim = kd_model_n_dim(s.model);
  estimate->n_k = kd_model_n_k(s.model);
  estimate->n_r = kd_space_n_r(s.space);
  estimate->n_frame = frames.count;
  estimate->n_snapshot = snapshots.count;
  warn_of_scenario(scenario, &s, &estimate->warnings);
  const size_t n_level = estimate->n_band * estimate->n_k * estimate->n_r;
  const size_t n_state = estimate->n_band * n_level;
  estimate->state_bytes = n_state * sizeof(double);
  // The state, and of one R the reference with its scratch, and what writing the model takes for a
  // moment.
  const size_t n_matrix = n_state / estimate->n_r;
  const size_t shared = n_state * sizeof(double) + n_matrix * (sizeof(double) + sizeof(double[2])) +
                        n_matrix / estimate->n_band * sizeof(double) +
                        n_matrix * estimate->n_dim * sizeof(double[2]);
  // What HDF5 holds of a snapshot of f.
  const size_t snapshot = n_state * sizeof(double[2]), most = KD_RECORD_CHUNK_BYTES;
  const size_t chunk = snapshot < most ? snapshot : most;
  estimate->collision = kd_collision_statistics(s.collision);
  estimate->collision_bytes = kd_collision_bytes(s.collision);
  estimate->memory_bytes = PROCESS_BYTES + shared + chunk + kd_model_bytes(s.model) +
                           kd_observables_bytes(s.model, s.space) + estimate->collision_bytes +
                           kd_propagator_bytes(s.propagator);
  size_t n_trace;
  const kd_variable *variables = kd_observables_traces(s.observables, &n_trace);
  size_t record = 1;
  for (size_t i = 0; i < n_trace; i++) {
    size_t size = 1;
    for (size_t j = 0; j < variables[i].n_axis; j++) size *= variables[i].axis[j].size;
    record += size;
  }
  estimate->output_bytes = frames.count * record * sizeof(double) +
                           snapshots.count * (2 * n_state + n_level) * sizeof(double) +
                           (estimate->n_dim + 1) * 2 * n_matrix * sizeof(double);

cleanup:
  stages_clear(&s);
  return status;
}
