/// The file below HDF5 while a result is written.
///
/// HDF5 1.10 cannot close a dataset whose last data do not fit on the disk: the identifier stays
/// half closed and the process crashes when it ends. A sink therefore takes every write in the
/// sight of HDF5, remembers the first one that failed, and drops the rest. Who uses it looks at
/// `error` after each step and gives the file up.
#ifndef KD_OUTPUT_SINK_H
#define KD_OUTPUT_SINK_H

#include <hdf5.h>

typedef struct kd_sink {
  int descriptor; ///< of an empty file open for reading and writing; stays with the caller
  int error;      ///< errno of the first write that failed, 0 if none did
  haddr_t end;    ///< size of the file
} kd_sink;

/// Registers the driver; close it with H5FDunregister once its files are closed.
hid_t kd_sink_driver(void);

/// Makes files created with the access list `access` use `sink`, which must outlive them.
herr_t kd_sink_use(hid_t access, hid_t driver, kd_sink *sink);

#endif
