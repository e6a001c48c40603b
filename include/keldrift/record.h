/// Records: the named numbers from which something goes on where it stopped.
///
/// An object lists its records; a checkpoint writes what they point to, or fills it, so that what
/// is written and what is read cannot differ.
#ifndef KELDRIFT_RECORD_H
#define KELDRIFT_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kd_record {
  const char *name; ///< unique; a string that outlives the list
  double *data;     ///< whole numbers up to 2^53 as well
  size_t count;
  size_t row;       ///< numbers per point of R if `data` is over the slab of this process, else 0
  bool is_optional; ///< need not be there when it is read
} kd_record;

enum { KD_MAX_RECORDS = 96 };

typedef struct kd_records {
  size_t count;
  kd_record item[KD_MAX_RECORDS];
} kd_records;

/// Adds a record of `count` numbers.
static inline kd_record *kd_records_add(kd_records *records, const char *name, double *data,
                                        size_t count) {
  if (records->count == KD_MAX_RECORDS) return NULL;
  kd_record *record = &records->item[records->count++];
  record->name = name;
  record->data = data;
  record->count = count;
  record->row = 0;
  record->is_optional = false;
  return record;
}

#ifdef __cplusplus
}
#endif
#endif
