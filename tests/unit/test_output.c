/// The result file: round trips, replacement, failing disks, and the texts of info and progress.
///
/// With a file name as argument the program writes a sample result there and runs no tests:
/// check_output.py reads it with h5py and xarray.
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/error.h"
#include "core/memory.h"
#include "keldrift/output.h"
#include "output/progress.h"

static char folder[256];

/// Returns FOLDER/name in one of a few static buffers.
static const char *in_folder(const char *name) {
  static char buffers[4][512];
  static int next = 0;
  char *buffer = buffers[next++ % 4];
  snprintf(buffer, sizeof buffers[0], "%s/%s", folder, name);
  return buffer;
}

static void want_status(kd_status got, kd_status want) {
  if (got != want) fail_msg("got status %d (%s), want %d", got, kd_error_message(), want);
}

static void want_good(kd_status got) {
  want_status(got, KD_OK);
}

static void want_message(const char *part) {
  if (!strstr(kd_error_message(), part))
    fail_msg("got message '%s', want '%s' in it", kd_error_message(), part);
}

static void want_contains(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("got text\n%s\nwant '%s' in it", text, part);
}

static void want_values(const double *got, const double *want, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (got[i] != want[i])
      fail_msg("element %zu of %zu: got %.17g, want %.17g", i, count, got[i], want[i]);
}

/// Reads a dataset and compares its shape and, bit for bit, its numbers.
static void want_dataset(const char *path, const char *name, size_t rank, const size_t *dims,
                         bool is_complex, const double *want) {
  size_t got_rank = 0;
  size_t got_dims[KD_MAX_AXES + 1];
  bool got_complex = !is_complex;
  double *data = NULL;
  want_good(kd_result_read(path, name, &got_rank, got_dims, &got_complex, &data));
  if (got_rank != rank) fail_msg("%s: got rank %zu, want %zu", name, got_rank, rank);
  size_t count = is_complex ? 2 : 1;
  for (size_t i = 0; i < rank; i++) {
    if (got_dims[i] != dims[i])
      fail_msg("%s: axis %zu: got extent %zu, want %zu", name, i, got_dims[i], dims[i]);
    count *= dims[i];
  }
  assert_int_equal(got_complex, is_complex);
  want_values(data, want, count);
  kd_free(data);
}

static void write_bytes(const char *path, const void *bytes, size_t count) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, count, file), count);
  assert_int_equal(fclose(file), 0);
}

/// Reads a whole file into memory for free().
static char *read_bytes(const char *path, size_t *count) {
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  const long size = ftell(file);
  assert_true(size >= 0);
  rewind(file);
  char *bytes = malloc((size_t)size + 1);
  assert_non_null(bytes);
  *count = fread(bytes, 1, (size_t)size, file);
  bytes[*count] = '\0';
  fclose(file);
  return bytes;
}

static void want_content(const char *path, const char *want) {
  size_t count = 0;
  char *got = read_bytes(path, &count);
  assert_string_equal(got, want);
  free(got);
}

/// Path of the unfinished file of the process `pid`.
static const char *partial_path(const char *name, long pid) {
  char partial[128];
  snprintf(partial, sizeof partial, ".%s.%ld.partial", name, pid);
  return in_folder(partial);
}

static bool exists(const char *path) {
  return access(path, F_OK) == 0;
}

/* ---- nothing is left open -------------------------------------------------------------------- */

enum { N_KIND = 4 };
static const char *const kind_names[N_KIND] = {"dataspace", "type", "property list", "attribute"};

/// The newest identifier of each kind: HDF5 numbers those of one kind one after the other.
static void newest_identifiers(hid_t newest[N_KIND]) {
  const hid_t memory = H5Screate(H5S_SCALAR);
  newest[0] = memory;
  newest[1] = H5Tcopy(H5T_NATIVE_INT);
  newest[2] = H5Pcreate(H5P_DATASET_CREATE);
  const hid_t owner = H5Pcreate(H5P_FILE_ACCESS);
  assert_true(H5Pset_fapl_core(owner, 1024, false) >= 0);
  const hid_t file = H5Fcreate("in memory", H5F_ACC_TRUNC, H5P_DEFAULT, owner);
  assert_true(file >= 0);
  newest[3] = H5Acreate2(file, "a", newest[1], memory, H5P_DEFAULT, H5P_DEFAULT);
  H5Aclose(newest[3]);
  H5Fclose(file);
  H5Pclose(owner);
  H5Pclose(newest[2]);
  H5Tclose(newest[1]);
  H5Sclose(memory);
}

static int free_descriptor(void) {
  const int descriptor = dup(0);
  close(descriptor);
  return descriptor;
}

static hid_t newest_before[N_KIND];
static int descriptor_before;

static int begin(void **state) {
  (void)state;
  newest_identifiers(newest_before);
  descriptor_before = free_descriptor();
  return 0;
}

static int end(void **state) {
  (void)state;
  if (free_descriptor() != descriptor_before) fail_msg("a file descriptor was left open");
  const ssize_t objects = H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL);
  if (objects != 0) fail_msg("%zd HDF5 objects were left open", objects);
  hid_t newest[N_KIND];
  newest_identifiers(newest);
  for (int i = 0; i < N_KIND; i++)
    for (hid_t id = newest_before[i]; id <= newest[i]; id++)
      if (H5Iis_valid(id) > 0) fail_msg("a %s was left open", kind_names[i]);
  return 0;
}

/* ---- the sample ------------------------------------------------------------------------------ */

enum { N_X = 4, N_Y = 3, N_K = 5, N_BAND = 2, N_TIME = 7, N_SNAPSHOT = 3 };
enum { N_F = N_X * N_Y * N_K * N_BAND * N_BAND };

static const double x_points[N_X] = {-2, -1, 0, 1};
static const double k_points[N_K] = {-1, -0.5, 0, 0.5, 1};

typedef struct kd_sample {
  double number, population[N_BAND], coherence[N_BAND * N_BAND], sz;
  double f[N_F][2];
  double density[N_X * N_Y];
} kd_sample;

/// The record of frame i: numbers that tell their frame and place.
static void set_sample(kd_sample *sample, size_t frame) {
  const double t = (double)frame;
  sample->number = 1 + 0.125 * t;
  for (size_t n = 0; n < N_BAND; n++) sample->population[n] = t + 0.25 * (double)n;
  for (size_t n = 0; n < N_BAND * N_BAND; n++) sample->coherence[n] = 10 * t + (double)n;
  sample->sz = -t;
  for (size_t i = 0; i < N_F; i++) {
    sample->f[i][0] = (double)i + 1000 * t;
    sample->f[i][1] = -(double)i / 8 - t;
  }
  for (size_t i = 0; i < N_X * N_Y; i++) sample->density[i] = t - (double)i;
}

#define AXIS_X                                                                                     \
  { "x", N_X, x_points, "angstrom", "position along x" }
#define AXIS_Y                                                                                     \
  { "y", N_Y, NULL, NULL, NULL }
#define AXIS_K                                                                                     \
  { "kx", N_K, k_points, "1/angstrom", "wave vector" }
#define AXIS_BAND                                                                                  \
  { "band", N_BAND, NULL, "1", "band" }
#define AXIS_BAND_2                                                                                \
  { "band_2", N_BAND, NULL, "1", "second band" }

static kd_status write_sample(const char *path) {
  kd_status status = KD_OK;
  kd_output *output = NULL;
  size_t traces = 0;
  size_t snapshots = 0;
  kd_sample sample;
  const kd_variable trace[] = {
      {.name = "number", .unit = "1", .long_name = "particles per cell", .data = &sample.number},
      {.name = "population",
       .unit = "1",
       .long_name = "occupation of each band",
       .reference = "eq. (12)",
       .n_axis = 1,
       .axis = {AXIS_BAND},
       .data = sample.population},
      {.name = "coherence",
       .unit = "1",
       .n_axis = 2,
       .axis = {AXIS_BAND, AXIS_BAND_2},
       .data = sample.coherence},
      {.name = "user/sz", .unit = "1", .long_name = "spin", .data = &sample.sz},
      {.name = "user/by_band",
       .unit = "1",
       .n_axis = 1,
       .axis = {AXIS_BAND},
       .data = sample.population}};
  const kd_variable snapshot[] = {{.name = "f",
                                   .unit = "1",
                                   .long_name = "density matrix",
                                   .is_complex = true,
                                   .n_axis = 5,
                                   .axis = {AXIS_X, AXIS_Y, AXIS_K, AXIS_BAND, AXIS_BAND_2},
                                   .data = sample.f},
                                  {.name = "density",
                                   .unit = "1/angstrom^2",
                                   .n_axis = 2,
                                   .axis = {AXIS_X, AXIS_Y},
                                   .data = sample.density}};
  const kd_variable k = {.name = "k",
                         .unit = "1/angstrom",
                         .long_name = "wave vector",
                         .n_axis = 2,
                         .axis = {AXIS_K, {"component", 1, NULL, NULL, NULL}},
                         .data = k_points};
  const double overlap[N_BAND][N_BAND][2] = {{{1, 0}, {0, 0.5}}, {{0, -0.5}, {1, 0}}};
  const kd_variable matrix = {.name = "overlap",
                              .unit = "eV",
                              .is_complex = true,
                              .n_axis = 2,
                              .axis = {AXIS_BAND, AXIS_BAND_2},
                              .data = overlap};
  const double scalar = 2.5;
  const kd_variable gap = {.name = "gap", .unit = "eV", .long_name = "gap", .data = &scalar};
  const double stages[3] = {0.5, 1.5, 2.5};
  const char *const warnings[2] = {"f exceeds 1 by 0.01",
                                   "broadening below the spacing, σ = 1 meV"};

  KD_CHECK(kd_output_create(path, "title: Sample, σ = 1\nunits: natural\n", "keldrift run s.yaml",
                            &output));
  KD_CHECK(kd_output_write(output, "/grid", &k));
  KD_CHECK(kd_output_write(output, "/model", &matrix));
  KD_CHECK(kd_output_write(output, "/model", &gap));
  KD_CHECK(kd_output_series(output, "/traces", "fs", trace, 5, &traces));
  KD_CHECK(kd_output_series(output, "/snapshots", "fs", snapshot, 2, &snapshots));
  for (size_t i = 0; i < N_TIME; i++) {
    set_sample(&sample, i);
    KD_CHECK(kd_output_append(output, traces, 0.5 * (double)i));
    if (i % 3 == 0) KD_CHECK(kd_output_append(output, snapshots, 0.5 * (double)i));
  }
  KD_CHECK(kd_output_attribute_text(output, "/traces/number", "note", "carries g_s"));
  KD_CHECK(kd_output_attribute_real(output, "/run", "stage_seconds", stages, 3));
  KD_CHECK(kd_output_attribute_real(output, "/run", "wall_seconds", stages, 1));
  KD_CHECK(kd_output_attribute_integer(output, "/run", "collision_evaluations", 41));
  KD_CHECK(kd_output_attribute_integer(output, "/run", "collision_evaluations", 42));
  KD_CHECK(kd_output_attribute_texts(output, "/run", "warnings", warnings, 2));
  KD_CHECK(kd_output_attribute_texts(output, "/run", "notes", NULL, 0));
  return kd_output_close(output);
cleanup:
  kd_output_discard(output);
  return status;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_round_trip(void **state) {
  (void)state;
  const char *path = in_folder("round_trip.h5");
  want_good(write_sample(path));
  assert_false(exists(partial_path("round_trip.h5", getpid())));

  double time[N_TIME], population[N_TIME][N_BAND], sz[N_TIME];
  double(*f)[N_F][2] = calloc(N_SNAPSHOT, sizeof *f);
  assert_non_null(f);
  kd_sample sample;
  for (size_t i = 0; i < N_TIME; i++) {
    set_sample(&sample, i);
    time[i] = 0.5 * (double)i;
    sz[i] = sample.sz;
    memcpy(population[i], sample.population, sizeof population[i]);
    if (i % 3 == 0) memcpy(f[i / 3], sample.f, sizeof f[0]);
  }
  want_dataset(path, "/traces/time", 1, (size_t[]){N_TIME}, false, time);
  want_dataset(path, "/traces/population", 2, (size_t[]){N_TIME, N_BAND}, false, population[0]);
  want_dataset(path, "/traces/user/sz", 1, (size_t[]){N_TIME}, false, sz);
  want_dataset(path, "/traces/user/time", 1, (size_t[]){N_TIME}, false, time);
  want_dataset(path, "/snapshots/f", 6, (size_t[]){N_SNAPSHOT, N_X, N_Y, N_K, N_BAND, N_BAND}, true,
               f[0][0]);
  want_dataset(path, "grid/k", 2, (size_t[]){N_K, 1}, false, k_points);
  want_dataset(path, "/grid/kx", 1, (size_t[]){N_K}, false, k_points);
  want_dataset(path, "/snapshots/y", 1, (size_t[]){N_Y}, false, (double[]){0, 1, 2});
  want_dataset(path, "/model/gap", 0, NULL, false, (double[]){2.5});
  want_dataset(path, "/model/overlap", 2, (size_t[]){N_BAND, N_BAND}, true,
               (double[]){1, 0, 0, 0.5, 0, -0.5, 1, 0});
  free(f);
}

static void test_replacement(void **state) {
  (void)state;
  const char *path = in_folder("old.h5");
  kd_output *output = NULL;
  write_bytes(path, "precious", 8);
  assert_int_equal(chmod(path, 0640), 0);

  want_good(kd_output_create(path, "", "", &output));
  assert_true(exists(partial_path("old.h5", getpid())));
  want_content(path, "precious");
  kd_output_discard(output);
  want_content(path, "precious");
  assert_false(exists(partial_path("old.h5", getpid())));

  want_good(write_sample(path));
  struct stat found;
  assert_int_equal(stat(path, &found), 0);
  assert_int_equal(found.st_mode & 0777, 0640);
  want_dataset(path, "/model/gap", 0, NULL, false, (double[]){2.5});
  kd_output_discard(NULL);
}

static void test_permissions_of_a_new_file(void **state) {
  (void)state;
  const mode_t mask = umask(027);
  want_good(write_sample(in_folder("new.h5")));
  umask(mask);
  struct stat found;
  assert_int_equal(stat(in_folder("new.h5"), &found), 0);
  assert_int_equal(found.st_mode & 0777, 0640);
}

static void test_symbolic_links(void **state) {
  (void)state;
  assert_int_equal(mkdir(in_folder("elsewhere"), 0777), 0);
  write_bytes(in_folder("elsewhere/target.h5"), "old", 3);
  assert_int_equal(symlink("elsewhere/target.h5", in_folder("link.h5")), 0);
  want_good(write_sample(in_folder("link.h5")));
  struct stat found;
  assert_int_equal(lstat(in_folder("link.h5"), &found), 0);
  assert_true(S_ISLNK(found.st_mode));
  want_dataset(in_folder("elsewhere/target.h5"), "/model/gap", 0, NULL, false, (double[]){2.5});

  assert_int_equal(symlink("nowhere/target.h5", in_folder("dangling.h5")), 0);
  want_status(write_sample(in_folder("dangling.h5")), KD_ERROR_FILE);
  want_message("dangling.h5: error: cannot follow the link: No such file");
}

static void test_two_at_once(void **state) {
  (void)state;
  const char *path = in_folder("twice.h5");
  const double one = 1, two = 2;
  const kd_variable first = {.name = "a", .data = &one};
  const kd_variable second = {.name = "a", .data = &two};
  kd_output *outputs[2] = {NULL};
  want_good(kd_output_create(path, "", "", &outputs[0]));
  want_good(kd_output_create(path, "", "", &outputs[1]));
  want_good(kd_output_write(outputs[0], "/g", &first));
  want_good(kd_output_write(outputs[1], "/g", &second));
  want_good(kd_output_close(outputs[1]));
  want_dataset(path, "/g/a", 0, NULL, false, &two);
  want_good(kd_output_close(outputs[0]));
  want_dataset(path, "/g/a", 0, NULL, false, &one);
}

static void test_places_that_cannot_be_written(void **state) {
  (void)state;
  kd_output *output = NULL;
  want_status(kd_output_create(in_folder("missing/a.h5"), "", "", &output), KD_ERROR_FILE);
  want_message("missing/a.h5: error: cannot create the file: No such file or directory");
  assert_null(output);

  want_status(kd_output_create(folder, "", "", &output), KD_ERROR_FILE);
  want_message("error: is a folder (expected a file)");
  want_status(kd_output_create(in_folder("new_folder/"), "", "", &output), KD_ERROR_FILE);
  want_message("error: has no file name");
  want_status(kd_output_create("", "", "", &output), KD_ERROR_FILE);
  want_message("error: has no file name");

  write_bytes(in_folder("file"), "x", 1);
  want_status(kd_output_create(in_folder("file/a.h5"), "", "", &output), KD_ERROR_FILE);
  want_message("Not a directory");
  assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
  want_status(kd_output_create(in_folder("pipe"), "", "", &output), KD_ERROR_FILE);
  want_message("is not an ordinary file");

  /* The super user may write everywhere, so the test does without its rights for a moment. */
  assert_int_equal(mkdir(in_folder("locked"), 0755), 0);
  write_bytes(in_folder("locked/read_only.h5"), "old", 3);
  assert_int_equal(chmod(folder, 0755), 0);
  assert_int_equal(chmod(in_folder("locked/read_only.h5"), 0444), 0);
  assert_int_equal(chmod(in_folder("locked"), 0555), 0);
  const uid_t user = geteuid();
  if (user == 0) assert_int_equal(seteuid(65534), 0);
  const kd_status in_locked = kd_output_create(in_folder("locked/a.h5"), "", "", &output);
  char message[512];
  snprintf(message, sizeof message, "%s", kd_error_message());
  if (user == 0) assert_int_equal(seteuid(0), 0);
  want_status(in_locked, KD_ERROR_FILE);
  want_contains(message, "locked/a.h5: error: cannot create the file: Permission denied");
  if (user != 0) {
    want_status(kd_output_create(in_folder("locked/read_only.h5"), "", "", &output), KD_ERROR_FILE);
    want_message("cannot replace the file: Permission denied");
  }
  assert_int_equal(chmod(in_folder("locked"), 0755), 0);
}

/// The target turns into a folder during the run: the complete result must not be lost.
static void test_rename_that_fails(void **state) {
  (void)state;
  const char *path = in_folder("becomes_folder.h5");
  kd_output *output = NULL;
  const double value = 3;
  const kd_variable variable = {.name = "a", .data = &value};
  want_good(kd_output_create(path, "", "", &output));
  want_good(kd_output_write(output, "/g", &variable));
  assert_int_equal(mkdir(path, 0777), 0);
  want_status(kd_output_close(output), KD_ERROR_FILE);
  const char *partial = partial_path("becomes_folder.h5", getpid());
  want_message(partial);
  want_dataset(partial, "/g/a", 0, NULL, false, &value);
  assert_int_equal(unlink(partial), 0);
}

/// A disk that is full at any moment of the sample, simulated by a limit on the size of files.
static void test_full_disk(void **state) {
  (void)state;
  char path[512];
  snprintf(path, sizeof path, "%s", in_folder("full.h5"));
  struct rlimit old;
  struct stat found;
  want_good(write_sample(path));
  assert_int_equal(stat(path, &found), 0);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  write_bytes(path, "precious", 8);
  signal(SIGXFSZ, SIG_IGN);
  for (int i = 0; i < 40; i++) {
    const struct rlimit small = {.rlim_cur = (rlim_t)(found.st_size * i / 40),
                                 .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const kd_status status = write_sample(path);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    want_status(status, KD_ERROR_FILE);
    want_message("full.h5: error: cannot write the file: File too large");
    want_content(path, "precious");
    assert_false(exists(partial_path("full.h5", getpid())));
  }
  signal(SIGXFSZ, SIG_DFL);
}

/// After an error nothing may be appended and the file must not take the place of the old one.
static void test_errors_last(void **state) {
  (void)state;
  const char *path = in_folder("lasting.h5");
  kd_output *output = NULL;
  size_t series = 0;
  const double big[50000] = {0};
  const kd_variable variable = {
      .name = "big", .n_axis = 1, .axis = {{"i", 50000, NULL, NULL, NULL}}, .data = big};
  struct rlimit old;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  const struct rlimit small = {.rlim_cur = 600000, .rlim_max = old.rlim_max};
  write_bytes(path, "precious", 8);
  want_good(kd_output_create(path, "", "", &output));
  want_good(kd_output_series(output, "/traces", "fs", &variable, 1, &series));
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  kd_status status = KD_OK;
  int n = 0;
  for (; n < 100 && status == KD_OK; n++) status = kd_output_append(output, series, n);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, SIG_DFL);
  want_status(status, KD_ERROR_FILE);
  want_status(kd_output_append(output, series, n), KD_ERROR_FILE);
  want_message("incomplete after an earlier error");
  want_status(kd_output_close(output), KD_ERROR_FILE);
  want_content(path, "precious");
  assert_false(exists(partial_path("lasting.h5", getpid())));
}

static void test_many_appends(void **state) {
  (void)state;
  enum { N = 10000 };
  const char *path = in_folder("many.h5");
  kd_output *output = NULL;
  size_t series = 0, bare = 0, empty = 0;
  double pair[2];
  const kd_variable variable = {
      .name = "pair", .n_axis = 1, .axis = {{"i", 2, NULL, NULL, NULL}}, .data = pair};
  double *want = calloc(2 * N, sizeof *want);
  double *time = calloc(N, sizeof *time);
  assert_non_null(want);
  assert_non_null(time);
  want_good(kd_output_create(path, "", "", &output));
  want_good(kd_output_series(output, "/traces", "1", &variable, 1, &series));
  want_good(kd_output_series(output, "/bare", "1", NULL, 0, &bare));
  want_good(kd_output_series(output, "/empty", "1", &variable, 1, &empty));
  for (int i = 0; i < N; i++) {
    time[i] = want[2 * i] = pair[0] = sqrt(i);
    want[2 * i + 1] = pair[1] = -i;
    want_good(kd_output_append(output, series, time[i]));
    want_good(kd_output_append(output, bare, time[i]));
  }
  want_good(kd_output_close(output));
  want_dataset(path, "/traces/pair", 2, (size_t[]){N, 2}, false, want);
  want_dataset(path, "/traces/time", 1, (size_t[]){N}, false, time);
  want_dataset(path, "/bare/time", 1, (size_t[]){N}, false, time);
  want_dataset(path, "/empty/pair", 2, (size_t[]){0, 2}, false, NULL);
  free(time);
  free(want);
}

/// Records too large for one chunk.
static void test_large_records(void **state) {
  (void)state;
  enum { N = 3, M = 1000003 };
  const char *path = in_folder("large.h5");
  kd_output *output = NULL;
  size_t series = 0;
  double *record = calloc((size_t)N * M, sizeof *record);
  assert_non_null(record);
  const kd_variable variable = {.name = "f",
                                .n_axis = 2,
                                .axis = {{"i", N, NULL, NULL, NULL}, {"j", M, NULL, NULL, NULL}},
                                .data = record};
  for (size_t i = 0; i < (size_t)N * M; i++) record[i] = (double)i;
  want_good(kd_output_create(path, "", "", &output));
  want_good(kd_output_series(output, "/snapshots", "fs", &variable, 1, &series));
  want_good(kd_output_append(output, series, 0));
  want_good(kd_output_close(output));
  want_dataset(path, "/snapshots/f", 3, (size_t[]){1, N, M}, false, record);
  free(record);
}

/// A process that dies leaves an unfinished file that can be read up to the last flush.
static void test_death(void **state) {
  (void)state;
  const char *path = in_folder("death.h5");
  const double value = 7;
  const kd_variable variable = {.name = "a", .data = &value};
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    kd_output *output = NULL;
    size_t series = 0;
    const bool good = kd_output_create(path, "", "", &output) == KD_OK &&
                      kd_output_series(output, "/traces", "fs", &variable, 1, &series) == KD_OK &&
                      kd_output_append(output, series, 0.5) == KD_OK &&
                      kd_output_append(output, series, 1.5) == KD_OK;
    _exit(good ? 0 : 1);
  }
  int result = -1;
  assert_int_equal(waitpid(child, &result, 0), child);
  assert_int_equal(result, 0);
  assert_false(exists(path));
  const char *partial = partial_path("death.h5", child);
  size_t rank = 0, dims[KD_MAX_AXES + 1] = {0};
  bool is_complex = false;
  double *data = NULL;
  want_good(kd_result_read(partial, "/traces/a", &rank, dims, &is_complex, &data));
  assert_true(dims[0] >= 1); /* the first record; the second only if more than a second passed */
  assert_true(data[0] == value);
  kd_free(data);
  assert_int_equal(unlink(partial), 0);
}

static void test_misuse(void **state) {
  (void)state;
  const double values[4] = {1, 2, 3, 4};
  const struct {
    kd_variable variable;
    const char *message;
  } cases[] = {
      {{.name = "a", .n_axis = 2, .axis = {{"i", 2, 0, 0, 0}, {"i", 2, 0, 0, 0}}, .data = values},
       "/g/a: two axes have the same name"},
      {{.name = "a", .n_axis = 1, .axis = {{"a", 2, 0, 0, 0}}, .data = values},
       "/g/a: an axis has a name that is taken"},
      {{.name = "a", .n_axis = 1, .axis = {{"taken", 4, 0, 0, 0}}, .data = values},
       "/g/taken: the axis has 3 points, not 4"},
      {{.name = "a", .n_axis = 1, .axis = {{"fixed", 4, 0, 0, 0}}, .data = values},
       "/g/fixed: an axis has the name of something that is not an axis"},
      {{.name = "a", .n_axis = 1, .axis = {{"", 4, 0, 0, 0}}, .data = values},
       "/g/a: an axis has no name"},
      {{.name = "a", .n_axis = KD_MAX_AXES + 1}, "/g/a: too many axes"},
      {{.name = "a"}, "a: there are no data"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    kd_output *output = NULL;
    const kd_variable fixed = {
        .name = "fixed", .n_axis = 1, .axis = {{"taken", 3, 0, 0, 0}}, .data = values};
    want_good(kd_output_create(in_folder("misuse.h5"), "", "", &output));
    want_good(kd_output_write(output, "/g", &fixed));
    want_status(kd_output_write(output, "/g", &cases[i].variable), KD_ERROR_INTERNAL);
    want_message(cases[i].message);
    want_status(kd_output_close(output), KD_ERROR_INTERNAL);
    assert_false(exists(in_folder("misuse.h5")));
    assert_false(exists(partial_path("misuse.h5", getpid())));
  }
}

static void test_reading_errors(void **state) {
  (void)state;
  size_t rank = 0, dims[KD_MAX_AXES + 1];
  bool is_complex = false;
  double *data = NULL;
  char *text = NULL;
  const char *path = in_folder("readable.h5");
  want_good(write_sample(path));

  want_status(kd_result_read(path, "/traces/nothing", &rank, dims, &is_complex, &data),
              KD_ERROR_SCENARIO);
  want_message("/traces/nothing: there is no such dataset");
  want_status(kd_result_read(path, "/traces", &rank, dims, &is_complex, &data), KD_ERROR_SCENARIO);
  want_status(kd_result_read(path, "/scenario", &rank, dims, &is_complex, &data),
              KD_ERROR_SCENARIO);
  want_message("/scenario: does not hold numbers");

  write_bytes(in_folder("empty"), "", 0);
  write_bytes(in_folder("text"), "title: this is a scenario\n", 26);
  const struct {
    const char *path, *message;
  } cases[] = {{in_folder("no_such.h5"), "no_such.h5: error: cannot open the file: No such file"},
               {folder, "error: is a folder (expected an HDF5 file)"},
               {in_folder("empty"), "empty: error: not an HDF5 file"},
               {in_folder("text"), "text: error: not an HDF5 file"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    want_status(kd_result_describe(cases[i].path, &text), KD_ERROR_FILE);
    want_message(cases[i].message);
    assert_null(text);
    want_status(kd_result_read(cases[i].path, "/f", &rank, dims, &is_complex, &data),
                KD_ERROR_FILE);
    want_message(cases[i].message);
    assert_null(data);
  }
}

static void test_truncated_files(void **state) {
  (void)state;
  size_t size = 0;
  want_good(write_sample(in_folder("whole.h5")));
  char *bytes = read_bytes(in_folder("whole.h5"), &size);
  for (size_t i = 0; i < 32; i++) {
    char *text = NULL;
    write_bytes(in_folder("part.h5"), bytes, size * i / 32);
    want_status(kd_result_describe(in_folder("part.h5"), &text), KD_ERROR_FILE);
    want_message(i == 0 ? "not an HDF5 file"
                        : "cannot read the file, it may be damaged: truncated");
  }
  free(bytes);
}

static void test_description(void **state) {
  (void)state;
  char *text = NULL;
  want_good(write_sample(in_folder("described.h5")));
  want_good(kd_result_describe(in_folder("described.h5"), &text));
  static const char *const parts[] = {
      "described.h5: keldrift ",
      "title     Sample, σ = 1\n",
      "grid      k 5\n",
      "command   keldrift run s.yaml\n",
      "/traces/time          fs            0 .. 3           7\n",
      "/traces/population    1             0 .. 6.25        time 7, band 2\n",
      "|z| 0 .. 6239.1  time 3, x 4, y 3, kx 5, band 2, band_2 2\n",
      "/model/gap            eV            2.5              scalar\n",
      "  collision_evaluations     42\n",
      "  stage_seconds             0.5, 1.5, 2.5\n",
      "  notes                     none\n",
      "Warnings: 2\n  - f exceeds 1 by 0.01\n  - broadening below the spacing, σ = 1 meV\n"};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) want_contains(text, parts[i]);
  assert_null(strstr(text, "/traces/band"));
  free(text);
}

/// Whatever another program may have put into a file.
static void test_description_of_foreign_file(void **state) {
  (void)state;
  const char *path = in_folder("foreign.h5");
  const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  assert_true(file >= 0);
  const hsize_t extent[10] = {2, 1, 1, 1, 1, 1, 1, 1, 1, 3};
  const hid_t deep = H5Screate_simple(10, extent, NULL);
  const hid_t null = H5Screate(H5S_NULL);
  const hid_t scalar = H5Screate(H5S_SCALAR);
  const hid_t text = H5Tcopy(H5T_C_S1);
  H5Tset_size(text, 5);
  const hid_t list = H5Tvlen_create(H5T_NATIVE_INT);
  const hid_t opaque = H5Tcreate(H5T_OPAQUE, 4);
  const hid_t compound = H5Tcreate(H5T_COMPOUND, 16);
  H5Tinsert(compound, "r", 0, H5T_NATIVE_DOUBLE);
  H5Tinsert(compound, "phase", 8, H5T_NATIVE_DOUBLE);
  const struct {
    const char *name;
    hid_t type, space;
    const void *data;
  } items[] = {{"deep", H5T_NATIVE_INT, deep, (int[]){3, -1, 4, 1, 5, 9}},
               {"null", H5T_NATIVE_DOUBLE, null, NULL},
               {"bad", H5T_NATIVE_DOUBLE, deep, (double[]){1, NAN, 3, INFINITY, -5, 6}},
               {"text", text, scalar, "a\033\007bc"},
               {"list", list, scalar, NULL},
               {"opaque", opaque, scalar, NULL},
               {"compound", compound, scalar, NULL},
               {"reference", H5T_STD_REF_OBJ, scalar, NULL}};
  for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
    const hid_t dataset = H5Dcreate2(file, items[i].name, items[i].type, items[i].space,
                                     H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(dataset >= 0);
    if (items[i].data)
      assert_true(H5Dwrite(dataset, items[i].type, H5S_ALL, H5S_ALL, H5P_DEFAULT, items[i].data) >=
                  0);
    H5Dclose(dataset);
  }
  const hid_t run = H5Gcreate2(file, "run", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t warnings = H5Acreate2(run, "warnings", text, scalar, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(warnings, text, "a\033\007bc");
  const hid_t nothing = H5Acreate2(run, "nothing", H5T_NATIVE_INT, null, H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/nowhere", file, "dangling", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_external("no_such_file.h5", "/x", file, "external", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_hard(file, "/", file, "loop", H5P_DEFAULT, H5P_DEFAULT);
  H5Aclose(nothing);
  H5Aclose(warnings);
  H5Gclose(run);
  H5Tclose(compound);
  H5Tclose(opaque);
  H5Tclose(list);
  H5Tclose(text);
  H5Sclose(scalar);
  H5Sclose(null);
  H5Sclose(deep);
  assert_true(H5Fclose(file) >= 0);

  char *got = NULL;
  want_good(kd_result_describe(path, &got));
  static const char *const parts[] = {
      "foreign.h5: HDF5 file that keldrift did not write\n",
      "  /bad          -5 .. 6, 2 not finite  2, 1, 1, 1, 1, 1, 1, 1, 1, 3\n",
      "  /deep         -1 .. 9                2, 1, 1",
      "  /null         empty                  none\n",
      "  /text         text of 5 characters   scalar\n",
      "  /list         (lists)",
      "  /opaque       (other)",
      "  /compound     (compound)",
      "  /reference    (references)",
      "  nothing                   none\n",
      "Warnings: 1\n  - a??bc\n"};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) want_contains(got, parts[i]);
  free(got);

  size_t rank = 0, dims[KD_MAX_AXES + 1];
  bool is_complex = false;
  double *data = NULL;
  want_status(kd_result_read(path, "/deep", &rank, dims, &is_complex, &data), KD_ERROR_SCENARIO);
  want_message("/deep: has 10 axes (expected at most 9)");
  want_status(kd_result_read(path, "/compound", &rank, dims, &is_complex, &data),
              KD_ERROR_SCENARIO);
  want_status(kd_result_read(path, "/dangling", &rank, dims, &is_complex, &data),
              KD_ERROR_SCENARIO);
}

static herr_t count_complaint(hid_t stack, void *data) {
  (void)stack;
  ++*(int *)data;
  return 0;
}

/// A program that uses HDF5 itself keeps its own error handler, which hears nothing of this
/// library.
static void test_error_handler_of_the_caller(void **state) {
  (void)state;
  int complaints = 0;
  H5E_auto2_t handler = NULL;
  void *data = NULL;
  assert_true(H5Eset_auto2(H5E_DEFAULT, count_complaint, &complaints) >= 0);
  kd_output *output = NULL;
  want_status(kd_output_create(in_folder("missing/a.h5"), "", "", &output), KD_ERROR_FILE);
  want_good(write_sample(in_folder("handler.h5")));
  char *text = NULL;
  write_bytes(in_folder("text"), "no HDF5", 7);
  want_status(kd_result_describe(in_folder("text"), &text), KD_ERROR_FILE);
  assert_true(H5Eget_auto2(H5E_DEFAULT, &handler, &data) >= 0);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  assert_int_equal(complaints, 0);
  assert_true(handler == count_complaint);
  assert_ptr_equal(data, &complaints);
}

static void test_durations(void **state) {
  (void)state;
  const struct {
    double seconds;
    const char *want;
  } cases[] = {{0, "0:00"},     {0.999, "0:00"},   {59.9, "0:59"},      {60, "1:00"},
               {3599, "59:59"}, {3600, "1:00:00"}, {90061, "25:01:01"}, {-1, "?"},
               {NAN, "?"},      {INFINITY, "?"},   {1e13, "?"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char got[KD_DURATION_SIZE];
    kd_progress_duration(got, sizeof got, cases[i].seconds);
    assert_string_equal(got, cases[i].want);
  }
}

static void test_progress(void **state) {
  (void)state;
  const struct {
    double fraction, elapsed, left;
    bool fancy;
    size_t width;
    const char *note, *want;
  } cases[] = {
      {0.42, 12.3, 17.1, false, 0, NULL, "42 % done, 0:12 elapsed, about 0:17 left"},
      {0.29, 0, -1, false, 0, "t = 42 fs", "29 % done, 0:00 elapsed, t = 42 fs"},
      {0.999, 3600, 3.6, false, 0, "", "99 % done, 1:00:00 elapsed, about 0:03 left"},
      {NAN, NAN, NAN, false, 0, "", "0 % done, ? elapsed"},
      {7, 1, 0, false, 0, "", "100 % done, 0:01 elapsed, about 0:00 left"},
      {0.58, 12, 17, true, 54, "t = 42 fs",
       "[#####.....]  58 %  elapsed 0:12  left 0:17  t = 42 fs"},
      {0, 0, -1, true, 43, NULL, "[.............]   0 %  elapsed 0:00  left ?"},
      {1, 5, 0, true, 200, NULL,
       "[########################################] 100 %  elapsed 0:05  left 0:00"},
      {0.5, 5, 5, true, 35, NULL, " 50 %  elapsed 0:05  left 0:05"},
      {0.5, 5, 5, true, 38, "σσσσσσσσ", " 50 %  elapsed 0:05  left 0:05  σσσσσσ"},
      {0.5, 5, 5, true, 5, "σ", " 50 %"},
      {0.5, 5, 5, true, 0, "σ", ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char got[256];
    kd_progress_line(got, sizeof got, cases[i].fraction, cases[i].elapsed, cases[i].left,
                     cases[i].fancy, cases[i].width, cases[i].note);
    if (strcmp(got, cases[i].want) != 0)
      fail_msg("case %zu: got '%s', want '%s'", i, got, cases[i].want);
  }
}

/// No size of the buffer is overrun or cuts a character in two.
static void test_progress_in_small_buffers(void **state) {
  (void)state;
  for (size_t size = 0; size < 80; size++) {
    char got[96];
    memset(got, 'X', sizeof got);
    kd_progress_line(got, size, 0.5, 1, 1, size % 2 == 0, 60, "σσσσ");
    assert_int_equal(got[size], 'X');
    if (size == 0) continue;
    const size_t length = strlen(got);
    assert_true(length < size);
    if (length > 0) assert_int_not_equal((unsigned char)got[length - 1], 0xCF);
  }
}

int main(int argc, char **argv) {
  if (argc == 2) {
    if (write_sample(argv[1]) == KD_OK) return 0;
    fprintf(stderr, "%s\n", kd_error_message());
    return 1;
  }
  const char *temporary = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%s/keldrift_output_XXXXXX", temporary ? temporary : "/tmp");
  if (!mkdtemp(folder)) {
    perror(folder);
    return 1;
  }
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
  const struct CMUnitTest tests[] = {
      TEST(test_round_trip),
      TEST(test_replacement),
      TEST(test_permissions_of_a_new_file),
      TEST(test_symbolic_links),
      TEST(test_two_at_once),
      TEST(test_places_that_cannot_be_written),
      TEST(test_rename_that_fails),
      TEST(test_full_disk),
      TEST(test_errors_last),
      TEST(test_many_appends),
      TEST(test_large_records),
      TEST(test_death),
      TEST(test_misuse),
      TEST(test_reading_errors),
      TEST(test_truncated_files),
      TEST(test_description),
      TEST(test_description_of_foreign_file),
      TEST(test_error_handler_of_the_caller),
      TEST(test_durations),
      TEST(test_progress),
      TEST(test_progress_in_small_buffers),
  };
  const int failures = cmocka_run_group_tests(tests, NULL, NULL);
  char command[300];
  snprintf(command, sizeof command, "rm -r '%s'", folder);
  return system(command) == 0 ? failures : 1;
}
