/// What the writer and the reader of result files share about HDF5.
#ifndef KD_OUTPUT_H5_H
#define KD_OUTPUT_H5_H

#include <hdf5.h>
#include <stdbool.h>
#include <stddef.h>

#include "keldrift/output.h"

/// Axes of a dataset of a result at most: a growing one in front of those of a variable.
enum { KD_MAX_RANK = KD_MAX_AXES + 1 };

/// What H5Ovisit2 tells of an object.
#if H5_VERSION_GE(1, 12, 0)
typedef H5O_info1_t kd_object_info;
#else
typedef H5O_info_t kd_object_info;
#endif

/// Evaluates `call` into `status` while HDF5 keeps its error stack to itself; the caller's own
/// setting is restored afterwards.
#define KD_H5_QUIETLY(status, call)                                                                \
  do {                                                                                             \
    H5E_BEGIN_TRY {                                                                                \
      (status) = (call);                                                                           \
    }                                                                                              \
    H5E_END_TRY                                                                                    \
  } while (0)

/// Writes the reason of the last failure of HDF5 into `buffer`: the message of the operating
/// system where there is one, otherwise the innermost entry of the error stack.
void kd_h5_reason(char *buffer, size_t size);

/// Closes an identifier of any kind but a file; one that is not open is allowed.
void kd_h5_close(hid_t id);

/// Opens a result for reading. The system is asked first because its reasons are the clearer ones.
kd_status kd_h5_open_file(const char *path, hid_t *file);
/// Closes a file; one that is not open is allowed.
void kd_h5_close_file(hid_t file);

/// Strings of an attribute or a dataset: `memory` owns them, `texts` points at each.
typedef struct kd_texts {
  size_t count;
  const char **texts;
  char *memory;
} kd_texts;

/// Reads the strings of `id`, an attribute or a dataset, whatever their form in the file; `list`
/// stays empty when it holds anything else or cannot be read.
void kd_h5_read_texts(hid_t id, bool is_attribute, kd_texts *list);
void kd_h5_free_texts(kd_texts *list);

/// Reads a text attribute, "" where there is none, into a string for kd_free.
kd_status kd_h5_attribute_text(hid_t object, const char *name, char **text);
/// The same into a buffer, cut off where it is longer; "" when memory is short.
void kd_h5_copy_attribute_text(hid_t object, const char *name, char *buffer, size_t size);

/// Returns a compound {r, i} of two numbers of the type `real`; negative when HDF5 fails.
hid_t kd_h5_complex_type(hid_t real);

/// Returns whether `type` is one of real numbers.
bool kd_h5_is_number(hid_t type);
/// Bytes of a number in memory.
size_t kd_h5_number_bytes(bool is_complex);

/// Returns whether `type` is a compound of exactly two floating-point members r and i.
bool kd_h5_is_complex(hid_t type);

/// Returns a file access list without file locks, which some network file systems do not offer:
/// unfinished files are private and finished ones are replaced as a whole.
hid_t kd_h5_access(void);

#endif
