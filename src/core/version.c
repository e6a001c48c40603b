#include "keldrift/version.h"

#include "revision.h"

const char *kd_version(void) {
  return KD_VERSION;
}

const char *kd_revision(void) {
  return KD_GIT_REVISION;
}
