#include "output/sink.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

#include "core/memory.h"

/// What HDF5 holds of an open file; `base` comes first because HDF5 sees only that.
typedef struct kd_sink_file {
  H5FD_t base;
  kd_sink *sink;
  haddr_t allocated;
} kd_sink_file;

static H5FD_t *sink_open(const char *name, unsigned flags, hid_t access, haddr_t limit) {
  (void)name;
  (void)flags;
  (void)limit;
  kd_sink *const *sink = H5Pget_driver_info(access);
  kd_sink_file *file = sink ? kd_allocate(1, sizeof *file) : NULL;
  if (!file) return NULL;
  file->sink = *sink;
  return &file->base;
}

static herr_t sink_close(H5FD_t *base) {
  kd_free(base);
  return 0;
}

static herr_t sink_query(const H5FD_t *base, unsigned long *flags) {
  (void)base;
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

static haddr_t sink_allocated(const H5FD_t *base, H5FD_mem_t type) {
  (void)type;
  return ((const kd_sink_file *)base)->allocated;
}

static herr_t sink_allocate(H5FD_t *base, H5FD_mem_t type, haddr_t address) {
  (void)type;
  ((kd_sink_file *)base)->allocated = address;
  return 0;
}

static haddr_t sink_end(const H5FD_t *base, H5FD_mem_t type) {
  (void)type;
  return ((const kd_sink_file *)base)->sink->end;
}

/// What lies beyond the end of the file, also because its write was dropped, reads as zero.
static herr_t sink_read(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address, size_t size,
                        void *buffer) {
  (void)type;
  (void)transfer;
  kd_sink *sink = ((kd_sink_file *)base)->sink;
  char *place = buffer;
  while (size > 0) {
    const ssize_t n = pread(sink->descriptor, place, size, (off_t)address);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && sink->error == 0) sink->error = errno;
    if (n <= 0) {
      memset(place, 0, size);
      break;
    }
    place += n;
    address += (haddr_t)n;
    size -= (size_t)n;
  }
  return 0;
}

static herr_t sink_write(H5FD_t *base, H5FD_mem_t type, hid_t transfer, haddr_t address,
                         size_t size, const void *buffer) {
  (void)type;
  (void)transfer;
  kd_sink *sink = ((kd_sink_file *)base)->sink;
  const char *place = buffer;
  while (size > 0 && sink->error == 0) {
    const ssize_t n = pwrite(sink->descriptor, place, size, (off_t)address);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      sink->error = errno;
      break;
    }
    place += n;
    address += (haddr_t)n;
    size -= (size_t)n;
  }
  if (address + size > sink->end) sink->end = address + size;
  return 0;
}

static herr_t sink_truncate(H5FD_t *base, hid_t transfer, hbool_t closing) {
  (void)transfer;
  (void)closing;
  kd_sink_file *file = (kd_sink_file *)base;
  kd_sink *sink = file->sink;
  if (file->allocated == sink->end) return 0;
  if (sink->error == 0 && ftruncate(sink->descriptor, (off_t)file->allocated) != 0)
    sink->error = errno;
  sink->end = file->allocated;
  return 0;
}

hid_t kd_sink_driver(void) {
  static const H5FD_class_t driver = {
#if H5_VERSION_GE(1, 13, 0)
    .version = H5FD_CLASS_VERSION,
    .value = H5_VFD_RESERVED, /* the first number that is free for private use */
#endif
    .name = "keldrift",
    .maxaddr = (haddr_t)INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(kd_sink *),
    .open = sink_open,
    .close = sink_close,
    .query = sink_query,
    .get_eoa = sink_allocated,
    .set_eoa = sink_allocate,
    .get_eof = sink_end,
    .read = sink_read,
    .write = sink_write,
    .truncate = sink_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY
  };
  return H5FDregister(&driver);
}

herr_t kd_sink_use(hid_t access, hid_t driver, kd_sink *sink) {
  return H5Pset_driver(access, driver, &sink);
}
