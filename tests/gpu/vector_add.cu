/*
 * Adds two vectors of 50,000 numbers on the GPU and checks every sum on the
 * CPU. Prints "vector_add: PASSED" and exits 0, or says which step failed.
 *
 * nvcc -O2 -gencode arch=compute_90,code=sm_90 -o vector_add vector_add.cu
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT 50000

__global__ void add(const float *a, const float *b, float *sum, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) sum[i] = a[i] + b[i];
}

static void need(cudaError_t result, const char *step) {
  if (result == cudaSuccess) return;
  fprintf(stderr, "vector_add: %s: %s\n", step, cudaGetErrorString(result));
  exit(1);
}

int main(void) {
  static float a[COUNT], b[COUNT], sum[COUNT];
  for (int i = 0; i < COUNT; i++) {
    a[i] = (float)i * 0.5f;
    b[i] = (float)(COUNT - i) * 0.25f;
  }
  float *on_gpu[3];
  for (int i = 0; i < 3; i++)
    need(cudaMalloc((void **)&on_gpu[i], sizeof a), "cudaMalloc");
  need(cudaMemcpy(on_gpu[0], a, sizeof a, cudaMemcpyHostToDevice), "copy a");
  need(cudaMemcpy(on_gpu[1], b, sizeof b, cudaMemcpyHostToDevice), "copy b");
  add<<<(COUNT + 255) / 256, 256>>>(on_gpu[0], on_gpu[1], on_gpu[2], COUNT);
  need(cudaGetLastError(), "launch");
  need(cudaMemcpy(sum, on_gpu[2], sizeof sum, cudaMemcpyDeviceToHost), "result");
  for (int i = 0; i < COUNT; i++) {
    if (fabsf(sum[i] - (a[i] + b[i])) <= 1e-3f) continue;
    fprintf(stderr, "vector_add: element %d is %f\n", i, sum[i]);
    return 1;
  }
  for (int i = 0; i < 3; i++) need(cudaFree(on_gpu[i]), "cudaFree");
  printf("vector_add: PASSED (%d elements)\n", COUNT);
  return 0;
}
