/// Feeds every file of a folder to a fuzz target: replay FOLDER...
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

static void replay(const char *path) {
  FILE *file = fopen(path, "rb");
  FUZZ_REQUIRE(file && fseek(file, 0, SEEK_END) == 0);
  const long size = ftell(file);
  FUZZ_REQUIRE(size >= 0);
  rewind(file);
  // As large as the input, so that a sanitizer sees what reads beyond it.
  uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
  FUZZ_REQUIRE(data && fread(data, 1, (size_t)size, file) == (size_t)size);
  fclose(file);
  LLVMFuzzerTestOneInput(data, (size_t)size);
  free(data);
}

int main(int argc, char **argv) {
  size_t count = 0;
  for (int i = 1; i < argc; i++) {
    DIR *folder = opendir(argv[i]);
    FUZZ_REQUIRE(folder);
    for (const struct dirent *entry; (entry = readdir(folder));) {
      char path[4096];
      if (entry->d_name[0] == '.') continue;
      snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
      printf("%s\n", path);
      fflush(stdout);
      replay(path);
      count++;
    }
    closedir(folder);
  }
  printf("%zu inputs\n", count);
  return count > 0 ? 0 : 1;
}
