// All kernels for one instruction set, which the build names: DXDW_ISA is avx512, avx2 or base.
#include "api/kernels.h"

#include "kernels/depthwise.h"
#include "kernels/direct.h"
#include "kernels/winograd.h"

namespace dxdw {
namespace {

// By the plan's dtype.
template <Held *of_float(const int64_t *), Held *of_double(const int64_t *)>
Held *either(const int64_t *words) {
  return words[2] ? of_double(words) : of_float(words);
}

// The kernels, best first. A new one is a file and a row here.
constexpr Kernel table[] = {
    {"winograd", "Winograd F(4×4, 3×3) or F(2×2, 5×5) by compiled kernels", winograd_takes,
     either<hold_winograd<float>, hold_winograd<double>>, winograd_growth},
    {"depthwise", "the definition's sums, by compiled kernels for channels of their own",
     depthwise_takes, either<hold_depthwise<float>, hold_depthwise<double>>, nullptr},
    {"direct", "the definition's sums, by compiled kernels", direct_takes,
     either<hold_direct<float>, hold_direct<double>>, nullptr},
};

// A millisecond of independent sums, of which the clock of a browser tells a tenth.
template <class T>
double multiply_adds_of() {
  constexpr int sums = kIndependent;
  constexpr int rounds = 500'000;
  Vector<T> sum[sums];
  for (int s = 0; s < sums; ++s) sum[s] = broadcast(T(s));  // equal ones would be computed once
  Vector<T> factor = broadcast(T(0.5)), term = broadcast(T(1));
  for (int i = 0; i < rounds; ++i) {
    hold(factor);
    hold(term);
#pragma GCC unroll 16
    for (int s = 0; s < sums; ++s) sum[s] = sum[s] * factor + term;
  }
  volatile T keep = 0;
  for (int s = 0; s < sums; ++s) keep = keep + sum[s][0];
  return 2.0 * rounds * sums * lanes<T>;
}

double multiply_adds(int dtype) {
  return dtype ? multiply_adds_of<double>() : multiply_adds_of<float>();
}

}  // namespace

#define DXDW_JOIN_(a, b) a##b
#define DXDW_JOIN(a, b) DXDW_JOIN_(a, b)
#define DXDW_STRING_(a) #a
#define DXDW_STRING(a) DXDW_STRING_(a)
extern const Kernels DXDW_JOIN(kernels_, DXDW_ISA) = {
    DXDW_STRING(DXDW_ISA), table, int(sizeof table / sizeof *table), multiply_adds,
    DXDW_VECTOR_BYTES, DXDW_FUSED};
}  // namespace dxdw
