#include "collision/keldysh.h"

#include <math.h>
#include <string.h>

#include "core/dot.h"
#include "core/eigen.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"
#include "core/parallel.h"
#include "state/thermal.h"

/// `auto` does not take the direct sum beyond this many bytes of its table.
#define DIRECT_LIMIT ((size_t)1 << 28)
/// Bytes of the self-energies of electrons that are kept; beyond, they are computed once to find
/// beta and once more to use it.
#define ELECTRON_BYTES ((size_t)512 << 20)

/// Kernels that conserve the energy are displaced by at most this many standard deviations.
static const double LARGEST_SHIFT = 4;
/// The energy is conserved when its rate is below this part of what flows in and out.
static const double ENERGY_ROUNDING = 2e-15;
enum { MOST_TRIALS = 60 };
/// Populations outside of their bounds by more are those of no occupation.
static const double OUT_OF_BOUNDS = 1e-6;
/// Without a beta that keeps the energy of such f, what is left of dE/dt must be below this part of
/// what flows in and out. The search divides the range of beta by SCAN and then NARROWING times
/// by 1.6.
static const double LARGEST_DEFECT = 1e-2;
enum { SCAN = 16, NARROWING = 28 };
/// The pull on beta is this many times the steepest rise that it is to outweigh; a rise counts from
/// this many roundings on.
static const double PULL = 2, RISE_ROUNDINGS = 8;
/// Step of the numerical derivative with respect to beta, relative.
static const double BETA_STEP = 1e-3;

/// Nanoseconds per k, and per product of matrix elements there, for the estimate of the time.
static const double POINT_COST = 200, PRODUCT_COST = 40;

struct kd_keldysh {
  bool is_clone; ///< what it does not write to belongs to another
  kd_keldysh_setting s;
  const kd_bands *bands;
  size_t n_band, n_k, n_matrix, n_piece;
  double hbar;
  double cost;    ///< of an evaluation, nanoseconds
  double *energy; ///< of the pieces, [n_piece][n_k]
  const kd_self_energy_kind *method;
  kd_self_energy *self_energy;
  const kd_electron_kind *electron_method; ///< in place of method and self_energy, else NULL
  kd_electron *electron;
  double complex *weight; ///< spectral weights W_p, [n_piece][element][n_k]
  /// T^> of the spectral weight, [n_piece][element][n_k]; where the energy is conserved and the
  /// operator not linearized, or for electrons, that of the last evaluation with W + theta G.
  double complex *static_greater;
  double complex *g, *t_lesser, *t_greater;
  double complex *equilibrium_g, *equilibrium_lesser, *equilibrium_greater; ///< linearized

  // Where the energy is conserved:
  double beta, largest_beta;
  double center, pull;       ///< of pulled_rate
  double left;               ///< dE/dt that the last evaluation left, eV/fs per cell and spin
  double defect;             ///< largest dE/dt that was left, over what flows in and out
  double complex *free_part; ///< W + theta G; for electrons in any case
  double *trial;             ///< C[f] at a trial beta, packed
  double *slope;             ///< linearized: dC/dbeta at equilibrium, packed
  double slope_energy;       ///< its rate of energy
};

kd_status kd_keldysh_share(kd_keldysh *o, const kd_comm *comm) {
  return o->method->share(o->self_energy, comm);
}

void kd_keldysh_free(kd_keldysh *o) {
  if (!o) return;
  if (o->method) o->method->free(o->self_energy);
  if (o->electron_method) o->electron_method->free(o->electron);
  kd_free(o->static_greater);
  kd_free(o->g);
  kd_free(o->t_lesser);
  kd_free(o->t_greater);
  kd_free(o->free_part);
  kd_free(o->trial);
  if (!o->is_clone) {
    kd_free(o->energy);
    kd_free(o->weight);
    kd_free(o->equilibrium_g);
    kd_free(o->equilibrium_lesser);
    kd_free(o->equilibrium_greater);
    kd_free(o->slope);
  }
  kd_free(o);
}

/// f of one k in the eigenbasis; for the diagonal Ansatz its populations, shared in degenerate
/// groups.
static void to_bands(const kd_keldysh *o, const double *f, size_t k, double complex *band) {
  const size_t n = o->n_band;
  double complex matrix[KD_MAX_MATRIX], scratch[KD_MAX_MATRIX];
  kd_unpack(f, n, o->n_k, k, matrix);
  kd_eigen_rotate(n, o->bands->vector + k * o->n_matrix, true, matrix, band, scratch);
  if (o->s.ansatz->is_diagonal)
    kd_eigen_populations(n, o->bands->energy + k * n, o->bands->tolerance, band);
}

/// The occupied parts g[p][element][k] of f; of the spectral weight for f = NULL.
static void make_pieces(const kd_keldysh *o, const double *f, double complex *g) {
  const size_t n = o->n_band;
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(o->n_piece * o->n_matrix * o->n_k))
  for (size_t k = 0; k < o->n_k; k++) {
    double complex band[KD_MAX_MATRIX], piece[KD_MAX_MATRIX], orbital[KD_MAX_MATRIX],
        scratch[KD_MAX_MATRIX];
    if (f) to_bands(o, f, k, band);
    for (size_t p = 0; p < o->n_piece; p++) {
      if (f)
        o->s.ansatz->occupied(n, p, band, piece);
      else
        o->s.ansatz->weight(n, p, piece);
      kd_eigen_rotate(n, o->bands->vector + k * o->n_matrix, false, piece, orbital, scratch);
      for (size_t e = 0; e < o->n_matrix; e++) g[(p * o->n_matrix + e) * o->n_k + k] = orbital[e];
    }
  }
}

/// sum += s t f or s t f^dagger for one k.
static void add_product(size_t n, double s, const double complex *t, const double complex *f,
                        bool is_adjoint, double complex *sum) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double complex product = 0;
      for (size_t l = 0; l < n; l++)
        product += t[i * n + l] * (is_adjoint ? conj(f[j * n + l]) : f[l * n + j]);
      sum[i * n + j] += s * product;
    }
}

/// Adds s/hbar times B + B^dagger, B = -sum_p (T^>_p F_p - T^<_p H_p), H_p = W_p + theta F_p, to
/// df.
/// @param g          pieces that F is made of; NULL: F = 0
/// @param lesser     T^< of the pieces inside; NULL: 0
/// @param greater    theta T^> of them is added to the T^> of the spectral weight; NULL: 0
/// @param weights    whether the spectral weights W_p and their T^> are part of it
static void add_local(const kd_keldysh *o, double s, const double complex *g,
                      const double complex *lesser, const double complex *greater, bool weights,
                      double *df) {
  const size_t n = o->n_band;
  const double theta = o->s.theta;
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(o->n_piece * o->n_matrix * o->n_k))
  for (size_t k = 0; k < o->n_k; k++) {
    double complex sum[KD_MAX_MATRIX], t[KD_MAX_MATRIX], f[KD_MAX_MATRIX], band[KD_MAX_MATRIX],
        scratch[KD_MAX_MATRIX];
    const double complex *vector = o->bands->vector + k * o->n_matrix;
    memset(sum, 0, o->n_matrix * sizeof *sum);
    for (size_t p = 0; p < o->n_piece; p++) {
      const size_t from = p * o->n_matrix;
      for (size_t e = 0; e < o->n_matrix; e++) f[e] = g ? g[(from + e) * o->n_k + k] : 0;
      // T^> - theta T^< multiplies F, T^< multiplies W.
      for (size_t e = 0; e < o->n_matrix; e++) {
        const size_t i = (from + e) * o->n_k + k;
        t[e] = (weights ? o->static_greater[i] : 0) + (greater ? theta * greater[i] : 0) -
               (lesser ? theta * lesser[i] : 0);
      }
      if (g) add_product(n, -s, t, f, o->s.ansatz->is_adjoint_outside, sum);
      if (!weights || !lesser) continue;
      for (size_t e = 0; e < o->n_matrix; e++) t[e] = lesser[(from + e) * o->n_k + k];
      for (size_t e = 0; e < o->n_matrix; e++) f[e] = o->weight[(from + e) * o->n_k + k];
      add_product(n, s, t, f, false, sum);
    }
    for (size_t i = 0; i < n; i++)
      for (size_t j = i; j < n; j++)
        t[i * n + j] = (sum[i * n + j] + conj(sum[j * n + i])) / o->hbar;
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < i; j++) t[i * n + j] = conj(t[j * n + i]);
    if (o->s.ansatz->is_diagonal) {
      kd_eigen_rotate(n, vector, true, t, band, scratch);
      kd_eigen_populations(n, o->bands->energy + k * n, o->bands->tolerance, band);
      kd_eigen_rotate(n, vector, false, band, t, scratch);
    }
    kd_add_packed(t, n, o->n_k, k, df);
  }
}

/// The rate at which level a is emptied, 2 Re <a| T^> - theta T^< |a>/hbar: the factor of f_a in
/// the operator. T^> is that of the spectral weight plus theta `greater`; NULL stands for 0.
static double level_rate(const kd_keldysh *o, size_t k, size_t a, const double complex *lesser,
                         const double complex *greater) {
  const size_t n = o->n_band;
  const double complex *s = o->bands->vector + k * o->n_matrix;
  double complex sum = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      const size_t e = (a * o->n_matrix + i * n + j) * o->n_k + k;
      const double complex t = o->static_greater[e] +
                               o->s.theta * ((greater ? greater[e] : 0) - (lesser ? lesser[e] : 0));
      sum += conj(s[i * n + a]) * t * s[j * n + a];
    }
  return 2 * creal(sum) / o->hbar;
}

/// The diagonal Ansatz knows one number per level, or group of degenerate levels. What f has inside
/// a group beside that number decays at the rate of the group, so that nothing depends on the
/// choice of eigenvectors and no direction is left undamped.
static void damp_degenerate(const kd_keldysh *o, const double *f, const double complex *lesser,
                            const double complex *greater, double *df) {
  const size_t n = o->n_band;
#pragma omp parallel for schedule(static) if (KD_WORTH_THREADS(o->n_matrix * o->n_k))
  for (size_t k = 0; k < o->n_k; k++) {
    double complex band[KD_MAX_MATRIX], mean[KD_MAX_MATRIX], matrix[KD_MAX_MATRIX],
        scratch[KD_MAX_MATRIX];
    size_t first[KD_MAX_BAND];
    bool is_degenerate = false;
    kd_eigen_groups(n, o->bands->energy + k * n, o->bands->tolerance, first);
    for (size_t a = 0; a < n; a++) is_degenerate = is_degenerate || first[a] != a;
    if (!is_degenerate) continue;
    kd_unpack(f, n, o->n_k, k, matrix);
    kd_eigen_rotate(n, o->bands->vector + k * o->n_matrix, true, matrix, band, scratch);
    memcpy(mean, band, o->n_matrix * sizeof *mean);
    kd_eigen_populations(n, o->bands->energy + k * n, o->bands->tolerance, mean);
    for (size_t a = 0; a < n; a++) {
      double rate = 0;
      size_t size = 0;
      for (size_t b = first[a]; b < n && first[b] == first[a]; b++, size++)
        rate += level_rate(o, k, b, lesser, greater);
      for (size_t b = 0; b < n; b++)
        band[a * n + b] =
            first[a] == first[b] ? -rate / (double)size * (band[a * n + b] - mean[a * n + b]) : 0;
    }
    kd_eigen_rotate(n, o->bands->vector + k * o->n_matrix, false, band, matrix, scratch);
    kd_add_packed(matrix, n, o->n_k, k, df);
  }
}

// --- kernels that conserve the energy -----------------------------------------------------------

static void make_free_part(kd_keldysh *o, const double complex *g) {
  const size_t n = o->n_piece * o->n_matrix * o->n_k;
  for (size_t i = 0; i < n; i++) o->free_part[i] = o->weight[i] + o->s.theta * g[i];
}

/// T^< and T^>, the latter of W + theta G, at a trial beta.
static kd_status find_self_energies(kd_keldysh *o, const double complex *g, double beta) {
  if (o->electron)
    return o->electron_method->apply(o->electron, beta, o->t_lesser, o->static_greater);
  KD_TRY(o->method->apply(o->self_energy, g, beta, o->t_lesser, NULL));
  return o->method->apply(o->self_energy, o->free_part, beta, NULL, o->static_greater);
}

/// trial := C[f] at a trial beta, f given by its pieces g.
/// @param rate  receives dE/dt, and `scale` what flows in and out
static kd_status try_beta(kd_keldysh *o, const double complex *g, const double *f, double beta,
                          double *rate, double *scale) {
  const size_t n = o->n_matrix * o->n_k;
  KD_TRY(find_self_energies(o, g, beta));
  memset(o->trial, 0, n * sizeof *o->trial);
  add_local(o, 1, g, o->t_lesser, NULL, true, o->trial);
  if (o->s.ansatz->is_diagonal && f) damp_degenerate(o, f, o->t_lesser, NULL, o->trial);
  *rate = kd_dot(o->bands->h, o->trial, n);
  *scale = 0;
  for (size_t i = 0; i < n; i++) *scale += fabs(o->bands->h[i] * o->trial[i]);
  return KD_OK;
}

/// The inverse temperature that fits f best: a fit of ln((1 + theta f)/f) to a straight line in the
/// energy with weights f (1 + theta f).
static double fit_beta(const kd_keldysh *o, const double *f) {
  const double least = 1e-9;
  double w = 0, we = 0, wee = 0, wy = 0, wey = 0;
  for (size_t k = 0; k < o->n_k; k++) {
    double complex band[KD_MAX_MATRIX];
    to_bands(o, f, k, band);
    for (size_t a = 0; a < o->n_band; a++) {
      const double x = creal(band[a * o->n_band + a]), free = 1 + o->s.theta * x;
      if (!(x > least && free > least)) continue;
      const double e = o->bands->energy[k * o->n_band + a], weight = x * free, y = log(free / x);
      w += weight;
      we += weight * e;
      wee += weight * e * e;
      wy += weight * y;
      wey += weight * e * y;
    }
  }
  const double spread = w * wee - we * we;
  if (!(spread > 1e-12 * w * wee)) return 0;
  return fmax(-o->largest_beta, fmin(o->largest_beta, (w * wey - we * wy) / spread));
}

/// The rate of the energy at a trial beta, in any unit, and its scale. Electrons know it without
/// C[f]; else it is a by-product of trial := C[f].
static kd_status energy_rate(kd_keldysh *o, const double *f, double beta, double *rate,
                             double *scale) {
  return o->electron ? o->electron_method->energy_rate(o->electron, beta, rate, scale)
                     : try_beta(o, o->g, f, beta, rate, scale);
}

/// e^{-a^2/2 sigma^2} at the displacement a: K(x + a) K(x - a) = K(x)^2 times its square.
static double overlap(const kd_keldysh *o, double beta) {
  const double shift = LARGEST_SHIFT * beta / o->largest_beta;
  return exp(-0.5 * shift * shift);
}

/// The rate of the energy less what pulls beta to its center.
static kd_status pulled_rate(kd_keldysh *o, const double *f, double beta, double *rate,
                             double *scale) {
  KD_TRY(energy_rate(o, f, beta, rate, scale));
  if (o->pull > 0) *rate -= o->pull * (beta - o->center) * overlap(o, beta);
  return KD_OK;
}

/// Sets the pull for f. A displacement makes of a process that gains x the factor
/// overlap(beta) e^{-+beta x/2}, so that for populations dE/dt/overlap falls monotonically with
/// beta. With coherences, as those that a field makes in a gapped system, it may rise, and have
/// several zeros or none, which come and go. The pull makes it fall: it is 0 where it falls anyway,
/// and beta the zero, and grows continuously with the steepest rise.
static kd_status set_pull(kd_keldysh *o, const double *f) {
  const double spacing = 2 * o->largest_beta / SCAN;
  double before = 0, sum = 0;
  o->pull = 0;
  for (int i = 0; i <= SCAN; i++) {
    const double beta = i * spacing - o->largest_beta, part = overlap(o, beta);
    double rate, scale;
    KD_TRY(energy_rate(o, f, beta, &rate, &scale));
    const double rise = rate / part - before - RISE_ROUNDINGS * ENERGY_ROUNDING * scale / part;
    if (i > 0 && rise > 0) sum += rise * rise;
    before = rate / part;
  }
  o->pull = PULL * sqrt(sum) / spacing;
  return KD_OK;
}

/// Looks for a beta between low, where the energy rises, and high, where it falls, from `beta` on;
/// infinite ones are not known yet. It is the last one tried.
static kd_status search_beta(kd_keldysh *o, const double *f, double low, double high, double beta,
                             bool *is_found) {
  double scale, rate, old_beta = 0, old_rate = 0;
  double step = fmax(0.02 * fabs(beta), 0.02 * o->largest_beta);
  *is_found = true;
  for (int trial = 0; trial < MOST_TRIALS; trial++) {
    KD_TRY(pulled_rate(o, f, beta, &rate, &scale));
    o->beta = beta;
    if (fabs(rate) <= ENERGY_ROUNDING * scale) return KD_OK;
    if (rate > 0)
      low = beta;
    else
      high = beta;
    double next;
    if (isinf(low) || isinf(high)) {
      if (fabs(beta) >= o->largest_beta && (rate > 0) == (beta > 0)) break;
      next = beta + (rate > 0 ? step : -step);
      next = fmax(-o->largest_beta, fmin(o->largest_beta, next));
      step *= 4;
    } else {
      next = beta - rate * (beta - old_beta) / (rate - old_rate);
      if (!(next > low && next < high)) next = 0.5 * (low + high);
      if (!(next > low && next < high)) return KD_OK;
    }
    old_beta = beta;
    old_rate = rate;
    beta = next;
  }
  *is_found = !isinf(low) && !isinf(high);
  return KD_OK;
}

/// Smallest and largest population of f.
static void find_bounds(const kd_keldysh *o, const double *f, double *least, double *most) {
  *least = INFINITY;
  *most = -INFINITY;
  for (size_t k = 0; k < o->n_k; k++) {
    double complex band[KD_MAX_MATRIX];
    to_bands(o, f, k, band);
    for (size_t a = 0; a < o->n_band; a++) {
      *least = fmin(*least, creal(band[a * o->n_band + a]));
      *most = fmax(*most, creal(band[a * o->n_band + a]));
    }
  }
}

/// For f that is no occupation dE/dt is not monotonic: it may rise again beyond the beta that is
/// looked for, and where that zero and the next one have met there is none. So this looks for a
/// zero where dE/dt falls from end to end and, if there is none, takes the beta with the least
/// |dE/dt|, by golden sections: C goes on without a jump. The last beta tried.
static kd_status approach_beta(kd_keldysh *o, const double *f, double *defect) {
  const double golden = 0.5 * (sqrt(5) - 1), spacing = 2 * o->largest_beta / SCAN;
  double best = 0, least = INFINITY, before = -1, rate, scale;
  *defect = 0;
  for (int i = 0; i <= SCAN; i++) {
    const double beta = i * spacing - o->largest_beta;
    KD_TRY(energy_rate(o, f, beta, &rate, &scale));
    if (before > 0 && rate <= 0) {
      bool is_found;
      return search_beta(o, f, beta - spacing, beta, beta - 0.5 * spacing, &is_found);
    }
    before = rate;
    if (fabs(rate) < least) {
      least = fabs(rate);
      best = beta;
    }
  }
  double low = fmax(best - spacing, -o->largest_beta), high = fmin(best + spacing, o->largest_beta);
  double inner[2] = {high - golden * (high - low), low + golden * (high - low)}, value[2];
  for (int i = 0; i < 2; i++) KD_TRY(energy_rate(o, f, inner[i], &value[i], &scale));
  for (int i = 0; i < NARROWING; i++) {
    const bool is_lower = fabs(value[0]) < fabs(value[1]);
    const int drop = is_lower ? 1 : 0;
    if (is_lower)
      high = inner[1];
    else
      low = inner[0];
    inner[drop] = inner[1 - drop];
    value[drop] = value[1 - drop];
    inner[1 - drop] = is_lower ? high - golden * (high - low) : low + golden * (high - low);
    KD_TRY(energy_rate(o, f, inner[1 - drop], &value[1 - drop], &scale));
  }
  o->beta = 0.5 * (low + high);
  KD_TRY(energy_rate(o, f, o->beta, &rate, &scale));
  *defect = fabs(rate) / scale;
  return KD_OK;
}

/// The beta that conserves the energy. dE/dt falls monotonically with beta, so a bracket with
/// secant steps inside finds it; the start depends on f alone, so that C does. Where there is none
/// f may be no occupation, which f(R, k) need not be where there is interference: then the nearest
/// is taken. Electrons with coherences are pulled to the fit as far as these ask for it, and
/// displaced by no more than the largest beta: the energy is not kept then, and what is left of
/// dE/dt is known.
static kd_status find_beta(kd_keldysh *o, const double *f) {
  bool is_found;
  double least, most, defect, rate, scale;
  o->center = fit_beta(o, f);
  o->pull = o->left = 0;
  const bool has_coherences = o->electron && o->n_band > 1 && !o->s.ansatz->is_diagonal;
  if (has_coherences) KD_TRY(set_pull(o, f));
  KD_TRY(search_beta(o, f, -INFINITY, INFINITY, o->center, &is_found));
  if (o->pull > 0 || (has_coherences && !is_found)) {
    KD_TRY(energy_rate(o, f, o->beta, &rate, &scale));
    o->left = rate / o->hbar;
    return KD_OK;
  }
  if (is_found) return KD_OK;
  find_bounds(o, f, &least, &most);
  if (least >= -OUT_OF_BOUNDS && (o->s.theta >= 0 || most <= 1 + OUT_OF_BOUNDS)) {
    kd_error(
        KD_RETRY,
        "no displacement of the energy-conserving kernels keeps the energy (beta up to %.3g/eV "
        "tried): the carriers are too cold for the broadening; set energy_conserving: false for "
        "the term, or raise initial.temperature, or lower collisions.broadening below their kT",
        o->largest_beta);
    return KD_RETRY;
  }
  KD_TRY(approach_beta(o, f, &defect));
  if (defect <= LARGEST_DEFECT) {
    o->defect = fmax(o->defect, defect);
    return KD_OK;
  }
  kd_error(KD_RETRY,
           "no displacement of the energy-conserving kernels keeps the energy, since f is no "
           "occupation: populations from %.2g to %.2g; with an R grid interference does that: set "
           "energy_conserving: false for the term, or drift: gradient",
           least, most);
  return KD_RETRY;
}

/// trial := C[f] at the beta that conserves the energy.
static kd_status conserving_rate(kd_keldysh *o, const double *f) {
  double rate, scale;
  make_pieces(o, f, o->g);
  make_free_part(o, o->g);
  if (!o->electron) return find_beta(o, f);
  o->electron_method->set(o->electron, o->g, o->free_part);
  o->beta = 0;
  if (o->s.conserves_energy) KD_TRY(find_beta(o, f));
  return try_beta(o, o->g, f, o->beta, &rate, &scale);
}

// --- the rate -----------------------------------------------------------------------------------

/// The part of C[f] that is linear about equilibrium, and (not is_response) its value there.
static kd_status add_linear_rate(kd_keldysh *o, const double *f, double *df) {
  const double energy_before = o->slope ? kd_dot(o->bands->h, df, o->n_matrix * o->n_k) : 0;
  make_pieces(o, f, o->g);
  KD_TRY(o->method->apply(o->self_energy, o->g, o->beta, o->t_lesser, o->t_greater));
  // B(f, f) -> B(f, eq) + B(eq, f) - B(eq, eq); what is linear in f stays.
  add_local(o, 1, o->g, o->equilibrium_lesser, o->equilibrium_greater, false, df);
  add_local(o, 1, o->equilibrium_g, o->t_lesser, o->t_greater, false, df);
  if (!o->s.is_response)
    add_local(o, -1, o->equilibrium_g, o->equilibrium_lesser, o->equilibrium_greater, false, df);
  add_local(o, 1, o->g, NULL, NULL, true, df);
  add_local(o, 1, NULL, o->t_lesser, NULL, true, df);
  if (o->s.ansatz->is_diagonal)
    damp_degenerate(o, f, o->equilibrium_lesser, o->equilibrium_greater, df);
  if (!o->slope) return KD_OK;
  const size_t n = o->n_matrix * o->n_k;
  const double change = (kd_dot(o->bands->h, df, n) - energy_before) / o->slope_energy;
  for (size_t i = 0; i < n; i++) df[i] -= change * o->slope[i];
  return KD_OK;
}

kd_status kd_keldysh_add_rate(kd_keldysh *o, const double *f, double *df) {
  const size_t n = o->n_matrix * o->n_k;
  if (o->s.is_linearised) return add_linear_rate(o, f, df);
  if (o->free_part) {
    KD_TRY(conserving_rate(o, f));
    for (size_t i = 0; i < n; i++) df[i] += o->trial[i];
    return KD_OK;
  }
  make_pieces(o, f, o->g);
  KD_TRY(o->method->apply(o->self_energy, o->g, 0, o->t_lesser, o->t_greater));
  add_local(o, 1, o->g, o->t_lesser, o->t_greater, true, df);
  if (o->s.ansatz->is_diagonal) damp_degenerate(o, f, o->t_lesser, o->t_greater, df);
  return KD_OK;
}

// --- the parts of the rate ----------------------------------------------------------------------

bool kd_keldysh_is_affine(const kd_keldysh *o) {
  if (o->s.is_linearised) return true;
  if (o->s.conserves_energy) return false;
  bool is_even = true;
  for (size_t b = 0; b < o->s.n_bath; b++) is_even = is_even && kd_bath_is_even(&o->s.bath[b]);
  return o->s.theta == 0 || is_even;
}

bool kd_keldysh_is_quadratic(const kd_keldysh *o) {
  // What damp_degenerate adds is not part of Q.
  return kd_keldysh_is_affine(o) || !(o->s.conserves_energy || o->s.ansatz->is_diagonal);
}

/// T is Hermitian.
static bool is_hermitian(const kd_keldysh *o) {
  return o->s.kappa == 0 && !o->s.ansatz->is_adjoint_outside;
}

size_t kd_keldysh_n_net(const kd_keldysh *o) {
  return (is_hermitian(o) ? 1 : 2) * o->n_piece * o->n_matrix * o->n_k;
}

size_t kd_keldysh_n_scratch(const kd_keldysh *o) {
  return 2 * o->n_piece * o->n_matrix * o->n_k;
}

kd_status kd_keldysh_net(kd_keldysh *o, const double *f, double *net) {
  const size_t n_field = o->n_piece * o->n_matrix * o->n_k;
  make_pieces(o, f, o->g);
  KD_TRY(o->method->apply(o->self_energy, o->g, 0, o->t_lesser, o->t_greater));
  for (size_t i = 0; i < n_field; i++) o->t_greater[i] -= o->t_lesser[i];
  if (!is_hermitian(o)) {
    memcpy(net, o->t_greater, n_field * sizeof *o->t_greater);
    return KD_OK;
  }
  for (size_t p = 0; p < o->n_piece; p++)
    for (size_t k = 0; k < o->n_k; k++) {
      double complex t[KD_MAX_MATRIX];
      for (size_t e = 0; e < o->n_matrix; e++)
        t[e] = o->t_greater[(p * o->n_matrix + e) * o->n_k + k];
      kd_pack(t, o->n_band, o->n_k, k, net + p * o->n_matrix * o->n_k);
    }
  return KD_OK;
}

double kd_keldysh_add_quadratic(const kd_keldysh *o, const double *net, const double *f,
                                double complex *scratch, double *df) {
  const size_t n_field = o->n_piece * o->n_matrix * o->n_k;
  double complex *g = scratch, *t = scratch + n_field;
  double largest = 0;
  if (o->n_band == 1) {
    const size_t stride = is_hermitian(o) ? 1 : 2;
    for (size_t k = 0; k < o->n_k; k++) {
      const double change = 2 * o->s.theta * net[stride * k] / o->hbar;
      df[k] -= change * f[k];
      largest = fmax(largest, 2 * creal(o->static_greater[k]) / o->hbar + change);
    }
    return largest;
  }
  make_pieces(o, f, g);
  if (is_hermitian(o)) {
    for (size_t p = 0; p < o->n_piece; p++)
      for (size_t k = 0; k < o->n_k; k++) {
        double complex matrix[KD_MAX_MATRIX];
        kd_unpack(net + p * o->n_matrix * o->n_k, o->n_band, o->n_k, k, matrix);
        for (size_t e = 0; e < o->n_matrix; e++) t[(p * o->n_matrix + e) * o->n_k + k] = matrix[e];
      }
  } else {
    memcpy(t, net, n_field * sizeof *t);
  }
  add_local(o, 1, g, NULL, t, false, df);
  for (size_t k = 0; k < o->n_k; k++)
    for (size_t a = 0; a < o->n_band; a++) largest = fmax(largest, level_rate(o, k, a, NULL, t));
  return largest;
}

double kd_keldysh_cost(const kd_keldysh *o) {
  return o->cost;
}

void kd_keldysh_add_out_rates(const kd_keldysh *o, double *rates) {
  const double complex *lesser = o->s.is_linearised ? o->equilibrium_lesser : o->t_lesser;
  const double complex *greater = o->s.is_linearised ? o->equilibrium_greater
                                  : o->free_part     ? NULL
                                                     : o->t_greater;
  for (size_t k = 0; k < o->n_k; k++)
    for (size_t a = 0; a < o->n_band; a++)
      rates[k * o->n_band + a] += level_rate(o, k, a, lesser, greater);
}

// --- construction -------------------------------------------------------------------------------

/// beta of the equilibrium, and how C changes with beta there.
static kd_status find_slope(kd_keldysh *o, const double complex *g) {
  kd_status status = KD_OK;
  const size_t n = o->n_matrix * o->n_k;
  double rate, scale;
  if (!(o->s.thermal->kt > 0) || 1 / o->s.thermal->kt > o->largest_beta)
    return kd_error(KD_ERROR_SCENARIO,
                    "collisions: an energy-conserving term cannot be linearized at kT = %g eV "
                    "(expected at least %.3g eV for this broadening)",
                    o->s.thermal->kt, 1 / o->largest_beta);
  o->beta = 1 / o->s.thermal->kt;
  make_free_part(o, g);
  KD_ALLOCATE(o->slope, n);
  for (int side = -1; side <= 1; side += 2) {
    KD_CHECK(try_beta(o, g, NULL, o->beta * (1 + side * BETA_STEP), &rate, &scale));
    for (size_t i = 0; i < n; i++) o->slope[i] += side * o->trial[i] / (2 * BETA_STEP * o->beta);
  }
  o->slope_energy = kd_dot(o->bands->h, o->slope, n);
  if (o->slope_energy == 0) {
    // Levels of one energy: there is nothing to keep constant.
    kd_free(o->slope);
    o->slope = NULL;
  }

cleanup:
  return status;
}

static kd_status linearise(kd_keldysh *o) {
  kd_status status = KD_OK;
  const size_t n = o->n_piece * o->n_matrix * o->n_k;
  double *f = NULL;
  KD_ALLOCATE(f, o->n_matrix * o->n_k);
  KD_ALLOCATE(o->equilibrium_g, n);
  KD_ALLOCATE(o->equilibrium_lesser, n);
  KD_ALLOCATE(o->equilibrium_greater, n);
  kd_thermal_field(o->bands, o->s.thermal, f);
  make_pieces(o, f, o->equilibrium_g);
  if (o->s.conserves_energy) KD_CHECK(find_slope(o, o->equilibrium_g));
  KD_CHECK(o->method->apply(o->self_energy, o->equilibrium_g, o->beta, o->equilibrium_lesser,
                            o->equilibrium_greater));

cleanup:
  kd_free(f);
  return status;
}

/// The back end asked for, or the one with the lower estimate of the time of an evaluation.
static kd_status create_self_energy(kd_keldysh *o, const kd_self_energy_setting *setting) {
  const kd_self_energy_kind *method = o->s.method ? o->s.method : &kd_self_energy_fft;
  const double direct_cost = kd_self_energy_direct_cost(setting);
  const double local_cost =
      (POINT_COST + PRODUCT_COST * (double)(o->n_piece * o->n_matrix * o->n_band)) * (double)o->n_k;
  KD_TRY(method->create(setting, &o->self_energy));
  o->method = method;
  o->cost =
      local_cost +
      (method == &kd_self_energy_direct ? direct_cost : kd_self_energy_fft_cost(o->self_energy));
  if (o->s.method || kd_self_energy_direct_bytes(setting) > DIRECT_LIMIT ||
      local_cost + direct_cost >= o->cost)
    return KD_OK;
  method->free(o->self_energy);
  o->self_energy = NULL;
  o->method = NULL;
  KD_TRY(kd_self_energy_direct.create(setting, &o->self_energy));
  o->method = &kd_self_energy_direct;
  o->cost = local_cost + direct_cost;
  return KD_OK;
}

/// The same for electrons.
static kd_status create_electron(kd_keldysh *o, const kd_self_energy_setting *common) {
  const kd_electron_setting setting = {.model = common->model,
                                       .term = common->bath,
                                       .n_piece = common->n_piece,
                                       .energy = common->energy,
                                       .h = o->bands->h,
                                       .kappa = common->kappa,
                                       .largest_shift = common->largest_shift,
                                       .is_hermitian = common->is_hermitian,
                                       .phonons = o->s.phonons,
                                       .kept_bytes = ELECTRON_BYTES};
  const kd_electron_kind *direct = setting.phonons ? &kd_phonons_direct : &kd_electron_direct;
  const kd_electron_kind *method =
      o->s.method == &kd_self_energy_direct ? direct : &kd_electron_fft;
  const double direct_cost =
      setting.phonons ? kd_phonons_direct_cost(&setting) : kd_electron_direct_cost(&setting);
  KD_TRY(method->create(&setting, &o->electron));
  o->electron_method = method;
  if (o->s.method || direct_cost >= kd_electron_fft_cost(o->electron)) return KD_OK;
  method->free(o->electron);
  o->electron = NULL;
  o->electron_method = NULL;
  KD_TRY(direct->create(&setting, &o->electron));
  o->electron_method = direct;
  return KD_OK;
}

kd_status kd_keldysh_create(const kd_keldysh_setting *setting, kd_keldysh **result) {
  kd_status status = KD_OK;
  kd_keldysh *o = NULL;
  *result = NULL;
  KD_ALLOCATE(o, 1);
  o->s = *setting;
  o->bands = setting->bands;
  o->hbar = kd_model_hbar(setting->model);
  o->n_band = setting->bands->n_band;
  o->n_k = setting->bands->n_k;
  o->n_matrix = o->n_band * o->n_band;
  o->n_piece = setting->ansatz->n_piece(o->n_band);
  const size_t n = o->n_piece * o->n_matrix * o->n_k;
  KD_ALLOCATE(o->energy, o->n_piece * o->n_k);
  for (size_t p = 0; p < o->n_piece; p++)
    for (size_t k = 0; k < o->n_k; k++)
      o->energy[p * o->n_k + k] =
          setting->ansatz->energy(o->n_band, o->bands->energy + k * o->n_band, p);
  double sigma = 0;
  for (size_t b = 0; b < setting->n_bath; b++) sigma = fmax(sigma, setting->bath[b].sigma);
  const kd_self_energy_setting self_energy = {
      .section = setting->section,
      .model = setting->model,
      .bath = setting->bath,
      .n_bath = setting->n_bath,
      .n_piece = o->n_piece,
      .energy = o->energy,
      .kappa = setting->kappa,
      .largest_shift = setting->conserves_energy ? LARGEST_SHIFT * sigma : 0,
      .is_hermitian = !setting->ansatz->is_adjoint_outside};
  KD_CHECK(setting->is_electron ? create_electron(o, &self_energy)
                                : create_self_energy(o, &self_energy));
  KD_ALLOCATE(o->weight, n);
  KD_ALLOCATE(o->static_greater, n);
  KD_ALLOCATE(o->g, n);
  KD_ALLOCATE(o->t_lesser, n);
  KD_ALLOCATE(o->t_greater, n);
  if (setting->conserves_energy) o->largest_beta = 2 * LARGEST_SHIFT / sigma;
  if (setting->conserves_energy || setting->is_electron) {
    KD_ALLOCATE(o->free_part, n);
    KD_ALLOCATE(o->trial, o->n_matrix * o->n_k);
  }
  make_pieces(o, NULL, o->weight);
  if (setting->is_linearised) KD_CHECK(linearise(o));
  o->s.thermal = NULL; // may not live longer than this call
  if (o->method)
    KD_CHECK(o->method->apply(o->self_energy, o->weight, o->beta, NULL, o->static_greater));
  *result = o;
  o = NULL;

cleanup:
  kd_keldysh_free(o);
  return status;
}

kd_status kd_keldysh_clone(const kd_keldysh *original, kd_keldysh **result) {
  kd_status status = KD_OK;
  kd_keldysh *o = NULL;
  const size_t n_matrix = original->n_matrix * original->n_k, n = original->n_piece * n_matrix;
  *result = NULL;
  KD_ALLOCATE(o, 1);
  *o = *original;
  o->is_clone = true;
  o->self_energy = NULL;
  o->static_greater = o->g = o->t_lesser = o->t_greater = o->free_part = NULL;
  o->trial = NULL;
  KD_CHECK(o->method->clone(original->self_energy, &o->self_energy));
  KD_ALLOCATE(o->static_greater, n);
  memcpy(o->static_greater, original->static_greater, n * sizeof *o->static_greater);
  KD_ALLOCATE(o->g, n);
  KD_ALLOCATE(o->t_lesser, n);
  KD_ALLOCATE(o->t_greater, n);
  if (original->free_part) KD_ALLOCATE(o->free_part, n);
  if (original->trial) KD_ALLOCATE(o->trial, n_matrix);
  *result = o;
  o = NULL;

cleanup:
  kd_keldysh_free(o);
  return status;
}

double kd_keldysh_beta(const kd_keldysh *o) {
  return o->beta;
}

double kd_keldysh_energy_left(const kd_keldysh *o) {
  return o->left;
}

double kd_keldysh_defect(const kd_keldysh *o) {
  return o->defect;
}

void kd_keldysh_absorb(kd_keldysh *o, const kd_keldysh *clone) {
  o->defect = fmax(o->defect, clone->defect);
}

const char *kd_keldysh_method(const kd_keldysh *o) {
  return o->electron ? o->electron_method->name : o->method->name;
}

unsigned long kd_keldysh_n_fft(const kd_keldysh *o) {
  return o->electron ? o->electron_method->n_fft(o->electron) : o->method->n_fft(o->self_energy);
}

size_t kd_keldysh_bytes(const kd_keldysh *o) {
  const size_t matrix = o->n_matrix * o->n_k, piece = o->n_piece * matrix * sizeof(double complex);
  const size_t own =
      (4 + (o->free_part ? 1u : 0u)) * piece + (o->trial ? matrix * sizeof(double) : 0) +
      (o->electron ? o->electron_method->bytes(o->electron) : o->method->bytes(o->self_energy));
  if (o->is_clone) return own;
  return own + (1 + (o->s.is_linearised ? 3u : 0u)) * piece +
         (o->slope ? matrix * sizeof(double) : 0) + o->n_piece * o->n_k * sizeof(double);
}
