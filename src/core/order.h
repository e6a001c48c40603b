/// Order of numbers, for qsort and bsearch.
#ifndef KD_CORE_ORDER_H
#define KD_CORE_ORDER_H

static inline int kd_compare_reals(const void *left, const void *right) {
  const double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

#endif
