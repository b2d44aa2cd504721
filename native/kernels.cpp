// All kernels for one instruction set, which the build names: DXDW_ISA is avx512, avx2 or base.
#include "kernels.h"

#include "depthwise.h"
#include "direct.h"
#include "winograd.h"

namespace dxdw {
namespace {

int useful_threads(const int64_t *words, int threads) {
  const bool both = words[1] == kBothGradients;
  return view(both ? words + 4 : words).flops() < Tuning::serial ? 1 : threads;
}

template <template <class> class Row>
int64_t workspace(const int64_t *words, int threads) {
  const int useful = useful_threads(words, threads);
  return words[2] ? Row<double>::workspace(words, useful) : Row<float>::workspace(words, useful);
}

template <template <class> class Row>
int run(const int64_t *words, const Operands &operands, const Team &team) {
  const Team useful = {useful_threads(words, team.threads), team.cancelled, team.crew};
  return words[2] ? Row<double>::run(words, operands, useful)
                  : Row<float>::run(words, operands, useful);
}

// The kernels, best first. A new one is a file and a row here.
constexpr Kernel table[] = {
    {"winograd", "Winograd F(4×4, 3×3) or F(2×2, 5×5) by compiled kernels", winograd_takes,
     workspace<Winograd>, run<Winograd>, winograd_growth},
    {"depthwise", "the definition's sums, by compiled kernels for channels of their own",
     depthwise_takes, workspace<Depthwise>, run<Depthwise>, nullptr},
    {"direct", "the definition's sums, by compiled kernels", direct_takes, workspace<Direct>,
     run<Direct>, nullptr},
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
    DXDW_STRING(DXDW_ISA), table, int(sizeof table / sizeof *table), multiply_adds};
}  // namespace dxdw
