/// Status codes and error messages.
///
/// Every function that can fail returns a kd_status. Zero is success, a positive value asks the
/// caller to try again with a smaller step (the convention of SUNDIALS right-hand sides), and a
/// negative value is final; the sentence that goes with it is in kd_error_message().
#ifndef KELDRIFT_STATUS_H
#define KELDRIFT_STATUS_H

#if defined(__GNUC__)
#define KD_API __attribute__((visibility("default")))
#define KD_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define KD_API
#define KD_PRINTF(text, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef int kd_status;

enum {
  KD_OK = 0,
  KD_RETRY = 1,           ///< recoverable: a smaller step may succeed
  KD_ERROR_SCENARIO = -2, ///< wrong usage or scenario
  KD_ERROR_FILE = -3,     ///< a file could not be read or written
  KD_ERROR_NUMERICS = -4, ///< step size underflow, non-finite numbers, eigensolver failure
  KD_ERROR_MEMORY = -5,   ///< an allocation failed
  KD_ERROR_INTERNAL = -6, ///< a library call failed in a way that input cannot explain
  KD_STOPPED = -75        ///< stopped on request
};

/// Returns the message of the last error of the calling thread: one or more lines without a final
/// newline, "" if there was none. The text stays valid until the next failing call.
KD_API const char *kd_error_message(void);

/// Returns the process exit status that stands for `status`: 0, 2, 3, 4 or 75.
KD_API int kd_exit_status(kd_status status);

#ifdef __cplusplus
}
#endif
#endif
