#include "drift/unitary.h"

const kd_unitary *kd_unitary_choose(size_t n_band) {
  return n_band == 2 ? &kd_unitary_two : &kd_unitary_many;
}
