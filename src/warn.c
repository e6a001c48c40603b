#include "warn.h"

#include <math.h>
#include <string.h>

#include "collision/mean_field.h"
#include "model/advice.h"
#include "scenario/section.h"

/// A deviation at the edge of a k.p box above this is reported.
static const double EDGE_LIMIT = 1e-3;
/// With an R grid a band counts as filled where Tr f is more than this along all the edge.
static const double FILLED = 0.5;
/// Weight in the outer tenth of the Fourier modes of f above this is reported: interpolated
/// quantities are then wrong by about as much.
static const double TAIL_LIMIT = 1e-2;
/// Antihermitian position matrix elements above this are reported, angstrom.
static const double POSITION_LIMIT = 1e-3;
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

/// Interpolated between the points of k, a sharp edge rings about both its sides.
static void warn_of_edges(const kd_scenario *scenario, const kd_stages *s, kd_warnings *warnings) {
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
static void warn_of_unused_terms(const kd_scenario *scenario, const kd_stages *s,
                                 kd_warnings *warnings) {
  const kd_section *collisions = kd_section_child(kd_scenario_root(scenario), "collisions");
  if (kd_section_count(collisions, "terms") > kd_mean_field_count(scenario) &&
      kd_collision_is_none(s->collision) && !kd_section_given(collisions, "ansatz"))
    kd_warn(warnings, "collisions.terms are not used, because collisions.ansatz is not given and "
                      "none is its default: set it to matrix, say, or to none on purpose");
}

/// Orbitals without positions interact with a field by the hoppings between them alone.
static void warn_of_positions(const kd_section *root, const kd_stages *s, kd_warnings *warnings) {
  const kd_section *model = kd_section_child(root, "model");
  if (strcmp(kd_section_variant(model)->kind, "wannier90") == 0 && kd_model_n_band(s->model) > 1 &&
      !kd_field_is_none(s->field) && !kd_propagator_has_positions(s->propagator))
    kd_warn(warnings,
            "%s has no positions of its orbitals, so that the field finds all of them at the "
            "origin of their cell and no dipoles between them: set model.file to SEED_tb.dat, "
            "which Wannier90 writes with write_tb = true",
            kd_section_text(model, "file"));
}

/// With an R grid the k box of a k.p model is periodic, which a filled band must not find out.
static void warn_of_filled_band(const kd_stages *s, kd_warnings *warnings) {
  if (!isfinite(s->least_at_edge) || s->least_at_edge < FILLED) return;
  kd_warn(warnings,
          "f is %.2g or more all along the edge of the k box at the start, and with grid.r what "
          "leaves the box comes in again at the other end: a filled band needs a lattice model "
          "(model.kind: ssh or tight_binding, for instance), and one that is empty further out a "
          "larger model.k_max",
          s->least_at_edge);
}

void kd_warn_of_scenario(const kd_scenario *scenario, const kd_stages *s, kd_warnings *warnings) {
  kd_collision_warn(s->collision, warnings);
  kd_mean_field_warn(scenario, s->model, warnings);
  warn_of_edges(scenario, s, warnings);
  warn_of_positions(kd_scenario_root(scenario), s, warnings);
  warn_of_unused_terms(scenario, s, warnings);
  warn_of_filled_band(s, warnings);
}

static void warn_of_number(const kd_section *propagation, const kd_stages *s, kd_report *report) {
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
static void warn_of_eigenvalues(const kd_section *root, const kd_stages *s, kd_report *report) {
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

void kd_warn_of_run(const kd_scenario *scenario, const kd_stages *s, kd_report *report) {
  const kd_section *root = kd_scenario_root(scenario);
  kd_warnings *warnings = &report->warnings;
  kd_warn_of_scenario(scenario, s, warnings);
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
