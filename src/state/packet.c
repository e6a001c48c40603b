/// Wave packets: `gaussian` and `cat`.
///
/// With an R grid f is the Wigner function of psi(k) = sum_p w_p e^{-ik.R_p} P_n(k) u exp(-(k -
/// k_0)^2 width^2), u the largest column of P_n(k_0),
///
///   f(R, k) = C sum_q e^{iqR} psi(k + q/2) psi(k - q/2)^dagger,
///
/// and without one its distribution over k, psi(k) psi(k)^dagger summed over the packets.
#include <fftw3.h>
#include <math.h>
#include <string.h>

#include "core/comm.h"
#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/modes.h"
#include "core/packing.h"
#include "state/initial.h"

/// Amplitudes below this are zero.
static const double NEGLIGIBLE = 1e-20;

typedef struct packet {
  const kd_initial_setting *setting;
  size_t n_band, band, n_center;
  double momentum[3], width;
  double position[2][3];
  double complex weight[2];
  double complex u[KD_MAX_BAND];
} packet;

/// Projector on the degenerate group of level `band` at one k.
static void project(size_t n, const double *energy, const double complex *s, double tolerance,
                    size_t band, double complex *projector) {
  size_t first[KD_MAX_BAND];
  kd_eigen_groups(n, energy, tolerance, first);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double complex sum = 0;
      for (size_t l = 0; l < n; l++)
        if (first[l] == first[band]) sum += s[i * n + l] * conj(s[j * n + l]);
      projector[i * n + j] = sum;
    }
}

static kd_status project_at(const packet *p, const double k[3], double complex *projector) {
  const size_t n = p->n_band;
  const kd_model_part part = {.energy = 1};
  double packed[KD_MAX_MATRIX], energy[KD_MAX_BAND];
  double complex matrix[KD_MAX_MATRIX], vector[KD_MAX_MATRIX];
  if (n == 1) {
    projector[0] = 1;
    return KD_OK;
  }
  kd_model_at(p->setting->model, k, &part, matrix);
  kd_pack(matrix, n, 1, 0, packed);
  KD_TRY(kd_eigen_field(n, 1, packed, energy, vector));
  project(n, energy, vector, p->setting->tolerance, p->band, projector);
  return KD_OK;
}

/// Reads the keys that all packets have.
static kd_status read_packet(const kd_initial_setting *setting, packet *p) {
  const kd_section *section = setting->section;
  const size_t n = kd_model_n_band(setting->model), n_dim = kd_model_n_dim(setting->model);
  const long band = kd_section_integer(section, "band");
  double complex projector[KD_MAX_MATRIX];
  *p = (packet){.setting = setting,
                .n_band = n,
                .n_center = 1,
                .width = kd_section_real(section, "width"),
                .weight = {1, 1}};
  if (band >= (long)n)
    return kd_section_error(section, "band", "%ld (expected 0 to %zu)", band, n - 1);
  p->band = (size_t)band;
  size_t count;
  const double *momentum = kd_section_reals(section, "momentum", &count);
  if (count != n_dim)
    return kd_section_error(section, "momentum", "%zu components (expected %zu)", count, n_dim);
  memcpy(p->momentum, momentum, n_dim * sizeof *momentum);
  const size_t n_space = kd_space_n_dim(setting->space);
  if (kd_section_has(section, "position")) {
    const double *position = kd_section_reals(section, "position", &count);
    if (n_space == 0)
      return kd_section_error(section, "position",
                              "a position without an R grid (expected grid.r)");
    if (count != n_space)
      return kd_section_error(section, "position", "%zu components (expected %zu)", count, n_space);
    memcpy(p->position[0], position, count * sizeof *position);
  }
  KD_TRY(project_at(p, p->momentum, projector));
  size_t column = 0;
  for (size_t a = 1; a < n; a++)
    if (creal(projector[a * n + a]) > creal(projector[column * n + column]) * (1 + 1e-9))
      column = a;
  for (size_t a = 0; a < n; a++)
    p->u[a] = projector[a * n + column] / sqrt(creal(projector[column * n + column]));
  return KD_OK;
}

/// On a lattice, k displaced by reciprocal vectors to where it is closest to the packet.
static void bring_near(const packet *p, double k[3]) {
  const kd_model *model = p->setting->model;
  const size_t n_dim = kd_model_n_dim(model);
  if (!kd_model_is_periodic(model)) return;
  double nearest[3], least = INFINITY;
  const int reach[3] = {1, n_dim > 1 ? 1 : 0, n_dim > 2 ? 1 : 0};
  double base[3];
  for (int d = 0; d < 3; d++) base[d] = k[d];
  for (size_t i = 0; i < n_dim; i++) {
    double cells = 0;
    for (int d = 0; d < 3; d++)
      cells += kd_model_duals(model)[3 * i + (size_t)d] * (k[d] - p->momentum[d]) / (2 * M_PI);
    for (int d = 0; d < 3; d++) base[d] -= rint(cells) * kd_model_edges(model)[3 * i + (size_t)d];
  }
  for (int a = -reach[0]; a <= reach[0]; a++)
    for (int b = -reach[1]; b <= reach[1]; b++)
      for (int c = -reach[2]; c <= reach[2]; c++) {
        const int cell[3] = {a, b, c};
        double x[3], square = 0;
        for (int d = 0; d < 3; d++) {
          x[d] = base[d];
          for (size_t i = 0; i < n_dim; i++)
            x[d] += cell[i] * kd_model_edges(model)[3 * i + (size_t)d];
          square += (x[d] - p->momentum[d]) * (x[d] - p->momentum[d]);
        }
        if (square < least) {
          least = square;
          memcpy(nearest, x, sizeof nearest);
        }
      }
  memcpy(k, nearest, sizeof nearest);
}

static double amplitude(const packet *p, const double k[3]) {
  double square = 0;
  for (int d = 0; d < 3; d++) square += (k[d] - p->momentum[d]) * (k[d] - p->momentum[d]);
  return exp(-square * p->width * p->width);
}

/// psi(k) of the packets from `first` on, `count` of them; k as it is, not brought near.
/// @return whether it is not negligible in `is_there`
static kd_status wave(const packet *p, const double k[3], size_t first, size_t count,
                      bool *is_there, double complex *psi) {
  const size_t n = p->n_band;
  const double size = amplitude(p, k);
  double complex projector[KD_MAX_MATRIX], factor = 0;
  *is_there = size > NEGLIGIBLE;
  if (!*is_there) return KD_OK;
  for (size_t c = first; c < first + count; c++) {
    double angle = 0;
    for (int d = 0; d < 3; d++) angle += k[d] * p->position[c][d];
    factor += p->weight[c] * (cos(angle) - I * sin(angle));
  }
  KD_TRY(project_at(p, k, projector));
  for (size_t a = 0; a < n; a++) {
    psi[a] = 0;
    for (size_t b = 0; b < n; b++) psi[a] += factor * size * projector[a * n + b] * p->u[b];
  }
  return KD_OK;
}

/// Distribution over k: on a lattice the amplitude is the sum over the periodic images.
static kd_status fill_homogeneous(const packet *p, double *f) {
  kd_model *model = p->setting->model;
  const size_t n = p->n_band, n_dim = kd_model_n_dim(model), n_k = kd_model_n_k(model);
  const int reach = kd_model_is_periodic(model) ? 1 : 0;
  const int r1 = n_dim > 1 ? reach : 0, r2 = n_dim > 2 ? reach : 0;
  for (size_t k = 0; k < n_k; k++) {
    double point[3], sum = 0;
    double complex projector[KD_MAX_MATRIX], psi[KD_MAX_BAND], matrix[KD_MAX_MATRIX];
    kd_model_k(model, k, point);
    for (int i = -reach; i <= reach; i++)
      for (int j = -r1; j <= r1; j++)
        for (int l = -r2; l <= r2; l++) {
          const int image[3] = {i, j, l};
          double x[3];
          for (int d = 0; d < 3; d++) {
            x[d] = point[d];
            for (size_t axis = 0; axis < n_dim; axis++)
              x[d] += image[axis] * kd_model_edges(model)[3 * axis + (size_t)d];
          }
          sum += amplitude(p, x);
        }
    project(n, p->setting->energy + k * n, p->setting->vector + k * n * n, p->setting->tolerance,
            p->band, projector);
    for (size_t a = 0; a < n; a++) {
      psi[a] = 0;
      for (size_t b = 0; b < n; b++) psi[a] += sum * projector[a * n + b] * p->u[b];
    }
    for (size_t a = 0; a < n; a++)
      for (size_t b = 0; b < n; b++) matrix[a * n + b] = psi[a] * conj(psi[b]);
    kd_pack(matrix, n, n_k, k, f);
  }
  return KD_OK;
}

/// The Wigner function at one k, [n_band^2][n_r] of `work`: Fourier coefficients, then their sum.
static kd_status fill_point(const packet *p, size_t index, fftw_plan plan, double complex *work,
                            double *f) {
  const kd_space *space = p->setting->space;
  const size_t n = p->n_band, n_r = kd_space_n_r(space), *m = kd_space_n(space);
  const size_t n_k = kd_model_n_k(p->setting->model);
  double k[3];
  kd_model_k(p->setting->model, index, k);
  bring_near(p, k);
  memset(work, 0, n * n * n_r * sizeof *work);
  for (size_t i = 0; i < n_r; i++) {
    const size_t j[3] = {i / (m[1] * m[2]), i / m[2] % m[1], i % m[2]};
    double plus[3], minus[3], sign = 1;
    bool is_nyquist = false, left, right;
    double complex ahead[KD_MAX_BAND], behind[KD_MAX_BAND];
    for (size_t d = 0; d < 3; d++) {
      const double number = kd_mode_number(j[d], m[d]);
      const double half = d < kd_space_n_dim(space) ? M_PI * number / kd_space_length(space)[d] : 0;
      is_nyquist = is_nyquist || kd_mode_is_nyquist(j[d], m[d]);
      plus[d] = k[d] + half;
      minus[d] = k[d] - half;
      // R starts at -L/2.
      if ((long)number % 2 != 0) sign = -sign;
    }
    if (is_nyquist) continue;
    KD_TRY(wave(p, plus, 0, p->n_center, &left, ahead));
    KD_TRY(wave(p, minus, 0, p->n_center, &right, behind));
    if (!left || !right) continue;
    for (size_t a = 0; a < n; a++)
      for (size_t b = 0; b < n; b++)
        work[(a * n + b) * n_r + i] = sign * ahead[a] * conj(behind[b]);
  }
  for (size_t c = 0; c < n * n; c++)
    fftw_execute_dft(plan, (fftw_complex *)(work + c * n_r), (fftw_complex *)(work + c * n_r));
  size_t first, count;
  kd_space_slab(space, &first, &count);
  for (size_t r = 0; r < count; r++) {
    double complex matrix[KD_MAX_MATRIX];
    for (size_t c = 0; c < n * n; c++) matrix[c] = work[c * n_r + first + r];
    kd_pack(matrix, n, n_k, index, f + r * n * n * n_k);
  }
  return KD_OK;
}

static kd_status fill_space(const packet *p, double *f) {
  kd_status status = KD_OK;
  const size_t *m = kd_space_n(p->setting->space);
  const int size[3] = {(int)m[0], (int)m[1], (int)m[2]};
  double complex *work = NULL;
  fftw_plan plan = NULL;
  KD_ALLOCATE(work, p->n_band * p->n_band * kd_space_n_r(p->setting->space));
  plan = fftw_plan_dft(3, size, (fftw_complex *)work, (fftw_complex *)work, FFTW_BACKWARD,
                       FFTW_ESTIMATE | FFTW_UNALIGNED);
  if (!plan) {
    status = kd_error(KD_ERROR_INTERNAL, "FFTW cannot plan a transform over R");
    goto cleanup;
  }
  for (size_t k = 0; k < kd_model_n_k(p->setting->model); k++)
    KD_CHECK(fill_point(p, k, plan, work, f));

cleanup:
  if (plan) fftw_destroy_plan(plan);
  kd_free(work);
  return status;
}

static kd_status fill(const packet *p, kd_reference *reference, double *f) {
  const kd_section *section = p->setting->section;
  const kd_model *model = p->setting->model;
  const kd_space *space = p->setting->space;
  const size_t n = p->n_band, n_k = kd_model_n_k(model);
  const kd_comm *comm = kd_space_comm(space);
  size_t first, n_r;
  kd_space_slab(space, &first, &n_r);
  reference->rule = KD_REFERENCE_ZERO;
  KD_TRY(
      kd_comm_agree(comm, kd_space_n_dim(space) > 0 ? fill_space(p, f) : fill_homogeneous(p, f)));
  double total = 0;
  for (size_t r = 0; r < n_r; r++)
    for (size_t i = 0; i < n * n_k; i++) total += f[r * n * n * n_k + i];
  kd_comm_sum(comm, &total, 1);
  if (!(total > 0))
    return kd_section_error(section, "momentum",
                            "the packet has no weight on the k grid (expected a momentum inside "
                            "the k domain and a width that the grid resolves)");
  // g_s (dR/V_cell) (1/N_k) sum over R and k of Tr f is the number; dR/V_cell is 1 without R.
  const double element =
      kd_space_n_dim(space) > 0 ? kd_space_element(space) / kd_model_cell_volume(model) : 1;
  const double scale = kd_section_real(section, "number") / kd_model_spin_degeneracy(model) *
                       (double)n_k / (element * total);
  for (size_t i = 0; i < n * n * n_k * n_r; i++) f[i] *= scale;
  return KD_OK;
}

#define PACKET_ROWS                                                                                \
  {.key = "band",                                                                                  \
   .type = KD_INTEGER,                                                                             \
   .fallback = "0",                                                                                \
   KD_NON_NEGATIVE,                                                                                \
   .meaning = "band, from 0 for the lowest"},                                                      \
      {.key = "momentum",                                                                          \
       .type = KD_REALS,                                                                           \
       .unit = "1/angstrom",                                                                       \
       .meaning = "center k_0, one component per dimension"},                                      \
      {.key = "position",                                                                          \
       .type = KD_REALS,                                                                           \
       .unit = "angstrom",                                                                         \
       .fallback = KD_UNSET,                                                                       \
       .meaning = "center in R, one component per dimension of R; default: 0"},                    \
      {.key = "width",                                                                             \
       .type = KD_REAL,                                                                            \
       .unit = "angstrom",                                                                         \
       KD_POSITIVE,                                                                                \
       .meaning = "standard deviation of n(R); the momentum spread is 1/(2 width)"},               \
  {                                                                                                \
    .key = "number", .type = KD_REAL, .fallback = "1", KD_POSITIVE,                                \
    .meaning = "number of particles, spins included"                                               \
  }

static kd_status gaussian_create(const kd_initial_setting *setting, kd_reference *reference,
                                 double *f) {
  packet p;
  KD_TRY(read_packet(setting, &p));
  return fill(&p, reference, f);
}

const kd_initial_kind kd_initial_gaussian = {
    .variant = {.kind = "gaussian",
                .meaning = "a Gaussian packet in one band, psi(k) ~ P_n(k) u_n(k_0) exp(-(k - "
                           "k_0)^2 width^2); without an R grid its distribution over k",
                .rows = (const kd_param[]){PACKET_ROWS, {.key = NULL}}},
    .create = gaussian_create,
    .is_in_space = true};

static kd_status cat_create(const kd_initial_setting *setting, kd_reference *reference, double *f) {
  packet p;
  size_t count;
  const kd_section *section = setting->section;
  KD_TRY(read_packet(setting, &p));
  const size_t n_space = kd_space_n_dim(setting->space);
  if (n_space == 0)
    return kd_section_error(section, "kind", "cat without an R grid (expected grid.r)");
  const double *separation = kd_section_reals(section, "separation", &count);
  if (count != n_space)
    return kd_section_error(section, "separation", "%zu components (expected %zu)", count, n_space);
  p.n_center = 2;
  memcpy(p.position[1], p.position[0], sizeof p.position[1]);
  for (size_t d = 0; d < n_space; d++) {
    p.position[0][d] -= 0.5 * separation[d];
    p.position[1][d] += 0.5 * separation[d];
  }
  const double phase = kd_section_real(section, "phase");
  p.weight[1] = cos(phase) + I * sin(phase);
  return fill(&p, reference, f);
}

const kd_initial_kind kd_initial_cat = {
    .variant = {.kind = "cat",
                .meaning = "a superposition of two Gaussian packets: their Wigner function has an "
                           "interference pattern between them",
                .rows = (const kd_param[]){PACKET_ROWS,
                                           {.key = "separation",
                                            .type = KD_REALS,
                                            .unit = "angstrom",
                                            .meaning = "from the first packet to the second"},
                                           {.key = "phase",
                                            .type = KD_REAL,
                                            .unit = "rad",
                                            .fallback = "0",
                                            .meaning = "of the second packet"},
                                           {.key = NULL}}},
    .create = cat_create,
    .is_in_space = true};
