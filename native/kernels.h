// What one instruction set offers. kernels.cpp is compiled once for each, and api.cpp chooses.
#pragma once
#include <stdint.h>

#include "pool.h"

namespace dxdw {

// What a call of both gradients is of, and where they go.
struct Gradients {
  const void *grad_out, *x, *W;
  void *dx, *dW;
};

struct Kernels {
  const char *name;
  int (*run)(const int64_t *plan, const void *first, const void *second, void *result,
             const Team &team);
  int (*backward)(const int64_t *dx_plan, const int64_t *dW_plan, const Gradients &of,
                  const Team &team);
  int64_t (*workspace)(const int64_t *plan, int threads);
  const char *(*kernel)(const int64_t *plan);
  double (*multiply_adds)(int dtype);  // does some in registers: how many operations
};

extern const Kernels kernels_avx512, kernels_avx2, kernels_base;

}  // namespace dxdw
