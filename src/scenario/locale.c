#include "scenario/locale.h"

#include "core/error.h"

kd_status kd_locale_enter(kd_locale *locale) {
  locale->plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (!locale->plain) return kd_error(KD_ERROR_MEMORY, "cannot create a locale: out of memory");
  locale->previous = uselocale(locale->plain);
  return KD_OK;
}

void kd_locale_leave(kd_locale *locale) {
  if (!locale->plain) return;
  uselocale(locale->previous);
  freelocale(locale->plain);
  locale->plain = (locale_t)0;
}
