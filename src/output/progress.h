/// The progress of a run as a line of text. Formatting only; who calls it prints.
#ifndef KD_OUTPUT_PROGRESS_H
#define KD_OUTPUT_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

/// Enough for any text of kd_progress_duration.
#define KD_DURATION_SIZE 32

/// Writes a duration as m:ss, or h:mm:ss from one hour on, rounded down to seconds; "?" when it is
/// negative, not finite or beyond 10^9 hours.
void kd_progress_duration(char *buffer, size_t size, double seconds);

/// Writes one line without a newline.
///
/// fancy:  `[#####.....]  42 %  elapsed 0:12  left 0:17  t = 42 fs` in at most `width` columns. The
///         bar takes the room that is left, at most 40 columns; where that is less than 5 it is
///         left out, and what still does not fit is cut off.
/// plain:  `42 % done, 0:12 elapsed, about 0:17 left, t = 42 fs`; `width` does not matter.
///
/// @param fraction   done so far, 0 to 1; percentages are rounded down
/// @param elapsed_s  wall-clock seconds since the start
/// @param eta_s      estimated seconds still to go; negative or not finite: not known yet
/// @param note       UTF-8 text for the end of the line; NULL or "" for none
void kd_progress_line(char *buffer, size_t size, double fraction, double elapsed_s, double eta_s,
                      bool fancy, size_t width, const char *note);

#endif
