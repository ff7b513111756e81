/* cc: -static */
/* A program that needs no loader and never ends. */
#include <unistd.h>

int main(void) {
  for (;;) pause();
}
