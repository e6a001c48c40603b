#include "collision/phonons.h"

#include <math.h>
#include <string.h>

#include "collision/electron.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/packing.h"

double kd_phonons_bose(double omega, double kt) {
  return omega > 0 ? 1 / expm1(omega / kt) : 0;
}

size_t kd_phonons_count(const kd_phonons *phonons) {
  return phonons->n_mode * phonons->n_q;
}

void kd_phonons_free(kd_phonons *p) {
  if (!p) return;
  kd_free(p->omega);
  kd_free(p->square);
  kd_free(p->opposite);
  kd_free(p->rest);
  kd_free(p->first);
  kd_free(p->entry);
  kd_free(p->number);
  kd_free(p->rate);
  kd_free(p);
}

/// The products M_ij M*_lm that are not zero, for M_a G M_a^dagger.
static kd_status create_entries(kd_phonons *p) {
  kd_status status = KD_OK;
  const size_t n = p->n_band;
  const double origin[3] = {0};
  double complex matrix[KD_MAX_MATRIX];
  KD_ALLOCATE(p->first, p->n_mode + 1);
  for (int pass = 0; pass < 2; pass++) {
    size_t count = 0;
    for (size_t a = 0; a < p->n_mode; a++) {
      kd_vertex_matrix(&p->bath->vertex, a, origin, origin, matrix);
      for (size_t i = 0; i < n * n; i++)
        for (size_t j = 0; j < n * n; j++) {
          const double complex factor = matrix[i] * conj(matrix[j]);
          if (factor == 0) continue;
          if (pass == 1)
            p->entry[count] = (kd_phonon_entry){
                .to = i / n * n + j / n, .from = i % n * n + j % n, .factor = factor};
          count++;
        }
      p->first[a + 1] = count;
    }
    if (pass == 0) KD_ALLOCATE(p->entry, count);
  }

cleanup:
  return status;
}

kd_status kd_phonons_create(const kd_model *model, const kd_bath *bath, kd_phonons **result) {
  kd_status status = KD_OK;
  kd_phonons *p = NULL;
  size_t m[3];
  *result = NULL;
  KD_ALLOCATE(p, 1);
  p->bath = bath;
  p->line = (kd_bath){.kind = &kd_bath_electron,
                      .sigma = bath->sigma,
                      .conserves_energy = true,
                      .term = bath->term};
  p->n_band = kd_model_n_band(model);
  p->n_k = kd_model_n_k(model);
  p->n_mode = bath->vertex.n_coupling;
  p->n_q = kd_difference_count(model, m);
  KD_ALLOCATE(p->omega, p->n_q);
  KD_ALLOCATE(p->square, p->n_q);
  KD_ALLOCATE(p->opposite, p->n_q);
  KD_ALLOCATE(p->rest, p->n_q);
  KD_ALLOCATE(p->number, kd_phonons_count(p));
  KD_ALLOCATE(p->rate, kd_phonons_count(p));
  KD_CHECK(create_entries(p));
  for (size_t q = 0; q < p->n_q; q++) {
    const size_t j[3] = {q / (m[1] * m[2]), q / m[2] % m[1], q % m[2]};
    for (int i = 0; i < 3; i++) p->opposite[q] = p->opposite[q] * m[i] + (m[i] - j[i]) % m[i];
    p->omega[q] = bath->energy ? bath->energy[q] : bath->omega;
    p->square[q] = p->omega[q] > 0 ? bath->strength * (bath->form ? bath->form[q] : 1) : 0;
    p->rest[q] = kd_phonons_bose(p->omega[q], bath->kt);
    for (size_t a = 0; a < p->n_mode; a++)
      p->number[a * p->n_q + q] = kd_phonons_bose(p->omega[q], bath->start_kt);
  }
  *result = p;
  p = NULL;

cleanup:
  kd_phonons_free(p);
  return status;
}

size_t kd_phonons_bytes(const kd_phonons *p) {
  return p->n_q * (3 * sizeof(double) + sizeof(size_t)) + 2 * kd_phonons_count(p) * sizeof(double) +
         p->first[p->n_mode] * sizeof *p->entry;
}

void kd_phonons_rate(const kd_phonons *p, double *rate) {
  const double relaxation = p->bath->relaxation;
  for (size_t i = 0; i < kd_phonons_count(p); i++)
    rate[i] = p->rate[i] - relaxation * (p->number[i] - p->rest[i % p->n_q]);
}
