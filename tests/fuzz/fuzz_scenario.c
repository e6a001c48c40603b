/// The reader of scenarios. What it accepts must read back from its own text to the same text.
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "keldrift/keldrift.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  kd_scenario *scenario, *again;
  // Half of the inputs bring an override in front of the first line feed.
  const char *text = (const char *)data, *override = NULL;
  char *line = NULL;
  const char *end = size > 5 && memcmp(text, "#set ", 5) == 0 ? memchr(text, '\n', size) : NULL;
  if (end) {
    const size_t length = (size_t)(end - text) - 5;
    line = malloc(length + 1);
    FUZZ_REQUIRE(line);
    memcpy(line, text + 5, length);
    line[length] = '\0';
    override = line;
  }
  const kd_status status =
      kd_scenario_parse(text, size, "s.yaml", &override, override ? 1 : 0, &scenario);
  free(line);
  if (status != KD_OK) {
    FUZZ_REQUIRE(*kd_error_message());
    return 0;
  }
  const char *resolved = kd_scenario_text(scenario);
  const kd_status second =
      kd_scenario_parse(resolved, strlen(resolved), "again.yaml", NULL, 0, &again);
  FUZZ_REQUIRE(second == KD_OK);
  FUZZ_REQUIRE(strcmp(resolved, kd_scenario_text(again)) == 0);
  kd_scenario_free(again);
  kd_scenario_free(scenario);
  return 0;
}
