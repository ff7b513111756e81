/* A library that says it is a driver with one GPU: enough to be found. */
int cuInit(unsigned flags) { return (int)flags; }

int cuDeviceGetCount(int *count) {
  *count = 1;
  return 0;
}

int cuDriverGetVersion(int *version) {
  *version = 13000;
  return 0;
}
