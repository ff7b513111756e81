/* cc: -ldl */
/*
 * Exits with what burrow_answer() of the library argv[1] returns, which the
 * loader must find by its cache; 1 and the loader's words if it cannot.
 */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv) {
  void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
  int (*answer)(void) = NULL;
  if (library) *(void **)&answer = dlsym(library, "burrow_answer");
  if (answer) return answer();
  fprintf(stderr, "%s\n", dlerror());
  return 1;
}
