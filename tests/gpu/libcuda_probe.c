/*
 * Finds the driver's library as any program would, by the loader's cache alone,
 * starts it and prints how many GPUs it sees. Exits 0 where there is one.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void *function(void *library, const char *name) {
  void *found = dlsym(library, name);
  if (found == NULL) {
    fprintf(stderr, "libcuda_probe: %s\n", dlerror());
    exit(1);
  }
  return found;
}

static void need(const char *name, int result) {
  if (result == 0) return;
  fprintf(stderr, "libcuda_probe: %s: error %d\n", name, result);
  exit(1);
}

int main(void) {
  unsetenv("LD_LIBRARY_PATH");
  void *library = dlopen("libcuda.so.1", RTLD_NOW);
  if (library == NULL) {
    fprintf(stderr, "libcuda_probe: %s\n", dlerror());
    return 1;
  }
  int (*init)(unsigned) = function(library, "cuInit");
  int (*count_of)(int *) = function(library, "cuDeviceGetCount");
  int (*version_of)(int *) = function(library, "cuDriverGetVersion");
  int count = 0, version = 0;
  need("cuInit", init(0));
  need("cuDeviceGetCount", count_of(&count));
  need("cuDriverGetVersion", version_of(&version));
  printf("libcuda: %d GPUs, CUDA %d.%d\n", count, version / 1000,
         version % 1000 / 10);
  return count > 0 ? 0 : 1;
}
