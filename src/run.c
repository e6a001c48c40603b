#include "keldrift/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/comm.h"
#include "core/error.h"
#include "core/fft_clock.h"
#include "core/memory.h"
#include "guard.h"
#include "recovery.h"
#include "scenario/section.h"
#include "stages.h"
#include "warn.h"

/// What the program and its libraries take before any field is held.
static const size_t PROCESS_BYTES = (size_t)24 << 20;

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
static kd_status describe_traces(const kd_stages *s, kd_output *output) {
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
                              const char *path, const kd_stages *s, kd_output **output,
                              size_t *traces, size_t *snapshots) {
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
                       const kd_stages *s, run_progress *at, kd_recovery *recovery, size_t *traces,
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
  kd_stages s = {0};
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
  KD_CHECK(kd_stages_create(scenario, comm, &recovery, &s));
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
  kd_warn_of_run(scenario, &s, report);
  KD_CHECK(kd_comm_agree(comm, write_run(recovery.output, report)));
  status = kd_output_close(recovery.output);
  recovery.output = NULL;
  if (status == KD_OK && kd_comm_rank(comm) == 0) kd_recovery_finish(path);

cleanup:
  kd_output_discard(recovery.output);
  kd_recovery_clear(&recovery);
  kd_stages_clear(&s);
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
  kd_stages s = {0};
  timetable frames, snapshots;
  memset(estimate, 0, sizeof *estimate);
  KD_CHECK(read_timetables(scenario, &frames, &snapshots));
  KD_CHECK(kd_stages_create(scenario, NULL, NULL, &s));
  estimate->n_band = kd_model_n_band(s.model);
  estimate->n_dim = kd_model_n_dim(s.model);
  estimate->n_k = kd_model_n_k(s.model);
  estimate->n_r = kd_space_n_r(s.space);
  estimate->n_frame = frames.count;
  estimate->n_snapshot = snapshots.count;
  kd_warn_of_scenario(scenario, &s, &estimate->warnings);
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
  kd_stages_clear(&s);
  return status;
}
