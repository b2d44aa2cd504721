// All kernels for one instruction set, which the build names: DXDW_ISA is avx512, avx2 or base.
#include "api/kernels.h"

#include "kernels/bfloat.h"
#include "kernels/depthwise.h"
#include "kernels/direct.h"
#include "kernels/winograd.h"

namespace dxdw {
namespace {

// A pass in the sums that the plan's dtype has, by Hold::of<their type>.
template <class Hold>
DXDW_PLANS Held *held(const int64_t *words) {
  return words[2] == kFloat64 ? Hold::template of<double>(words) : Hold::template of<float>(words);
}

// The kernels, best first. A new one is a file and a row here.
constexpr Kernel table[] = {
    {"bfloat16x2", "the definition's sums, of float32 as two bfloat16, three products each, by tiles",
     bfloat_takes<2>, held<Bfloat<2>>, bfloat_growth},
    {"bfloat16", "the definition's sums, of bfloat16 in blocks", bfloat_takes<1>, held<Bfloat<1>>, nullptr},
    {"winograd", "Winograd F(4×4, 3×3) or F(2×2, 5×5) by compiled kernels", winograd_takes,
     held<Winograd>, winograd_growth},
    {"bfloat16x3", "the definition's sums, of float32 as three bfloat16, six products each, by tiles",
     bfloat_takes<3>, held<Bfloat<3>>, nullptr},
    {"depthwise", "the definition's sums, by compiled kernels for channels of their own",
     depthwise_takes, held<Depthwise>, nullptr},
    {"direct", "the definition's sums, by compiled kernels", direct_takes, held<Direct>, nullptr},
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
