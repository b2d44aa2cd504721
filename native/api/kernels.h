// What one instruction set offers: its kernels as a table, best first. kernels.cpp is compiled once for
// each set, and isa.cpp chooses.
#pragma once
#include <stdint.h>

#include "run/pool.h"

namespace dxdw {

// By the kind of the plan: x, W → out; grad_out, W → dx; grad_out, x → dW; grad_out, x, W → dx, dW.
struct Operands {
  const void *in[3];
  void *out[2];
};

// Where a kernel says in a sentence why it does not take a plan.
struct Reason {
  char *text;
  int size;
};

// |error| ≤ factor · n·u / (1 − n·u) of the products' magnitudes over an element's tile, n = terms; or,
// elementwise, ≤ factor + n·u / (1 − n·u) of those of its own products.
struct Growth {
  double factor;
  int64_t terms;
  bool elementwise;
};

// A plan that a kernel has worked out all about.
struct Held {
  int (*run)(const Held &held, const Operands &operands, const Team &team);
  int64_t (*workspace)(const Held &held, int threads);  // bytes of scratch memory at the peak
  void (*drop)(Held *held);
};

// A row of the table.
struct Kernel {
  const char *name;
  const char *method;  // what it does, in words
  bool (*takes)(const int64_t *plan, Reason &why);
  Held *(*hold)(const int64_t *plan);  // which must outlive it; null where there is no memory
  Growth (*growth)(const int64_t *plan);  // null where each element is summed by the definition
};

struct Kernels {
  const char *name;
  const Kernel *row;
  int rows;
  double (*multiply_adds)(int dtype);  // does some in registers: how many operations
  int vector_bytes;
  bool fused;  // a multiplication and an addition are one operation
};

extern const Kernels kernels_avx512, kernels_avx2, kernels_base;

}  // namespace dxdw
