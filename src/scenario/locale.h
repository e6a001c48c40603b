/// Numbers are read and written with a decimal point whatever locale the calling program has set.
#ifndef KD_SCENARIO_LOCALE_H
#define KD_SCENARIO_LOCALE_H

#include <locale.h>

#include "keldrift/status.h"

typedef struct kd_locale {
  locale_t plain, previous;
} kd_locale;

/// Switches the calling thread to the "C" locale until kd_locale_leave, which must follow also
/// after a failure.
kd_status kd_locale_enter(kd_locale *locale);
void kd_locale_leave(kd_locale *locale);

#endif
