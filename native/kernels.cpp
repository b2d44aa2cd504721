// All kernels for one instruction set, which the build names: DXDW_ISA is avx512, avx2 or base.
#include "kernels.h"

#include "depthwise_backward.h"
#include "gather.h"
#include "weight_gradient.h"
#include "winograd_gather.h"
#include "winograd_weight_gradient.h"

namespace dxdw {
namespace {

// Threads below this many floating-point operations cost more than they save (measured: a woken
// thread begins after 5 to 50 µs; a core does 2 MFLOP in 20 to 40 µs).
constexpr Index kSerialFlops = 2'000'000;

int useful_threads(const Plan &plan, int threads) {
  return plan.flops() < kSerialFlops ? 1 : threads;
}

template <class T>
int run_as(const Plan &plan, const void *first, const void *second, void *result,
           const Team &team) {
  const T *a = static_cast<const T *>(first), *b = static_cast<const T *>(second);
  T *c = static_cast<T *>(result);
  if (depthwise_takes(plan)) return depthwise(plan, a, b, c, team);
  if (plan.kind == kWeightGradient)
    return plan.algorithm == kWinograd ? winograd_weight_gradient(plan, a, b, c, team)
                                       : weight_gradient(plan, a, b, c, team);
  return plan.algorithm == kWinograd ? winograd_gather(plan, a, b, c, team)
                                     : gather(plan, a, b, c, team);
}

int run(const int64_t *words, const void *first, const void *second, void *result,
        const Team &team) {
  const Plan plan = view(words);
  const Team useful = {useful_threads(plan, team.threads), team.cancelled, team.crew};
  return plan.dtype ? run_as<double>(plan, first, second, result, useful)
                    : run_as<float>(plan, first, second, result, useful);
}

template <class T>
int backward_as(const Plan &dx_plan, const Plan &dW_plan, const Gradients &of, const Team &team) {
  const T *grad_out = static_cast<const T *>(of.grad_out), *x = static_cast<const T *>(of.x);
  const T *W = static_cast<const T *>(of.W);
  if (depthwise_takes(dx_plan) && depthwise_takes(dW_plan))
    return depthwise_backward(dx_plan, dW_plan, grad_out, x, W, static_cast<T *>(of.dx),
                              static_cast<T *>(of.dW), team);
  if (const int status = run_as<T>(dx_plan, grad_out, W, of.dx, team)) return status;
  return run_as<T>(dW_plan, grad_out, x, of.dW, team);
}

int backward(const int64_t *dx_words, const int64_t *dW_words, const Gradients &of,
             const Team &team) {
  const Plan dx_plan = view(dx_words), dW_plan = view(dW_words);
  const Team useful = {useful_threads(dx_plan, team.threads), team.cancelled, team.crew};
  return dx_plan.dtype ? backward_as<double>(dx_plan, dW_plan, of, useful)
                       : backward_as<float>(dx_plan, dW_plan, of, useful);
}

template <class T>
Index workspace_as(const Plan &plan, int threads) {
  if (depthwise_takes(plan)) return depthwise_bytes<T>(plan, threads);
  if (plan.kind == kWeightGradient)
    return plan.algorithm == kWinograd ? winograd_weight_gradient_bytes<T>(plan, threads)
                                       : weight_gradient_bytes<T>(plan, threads);
  return plan.algorithm == kWinograd ? winograd_gather_bytes<T>(plan, threads)
                                     : gather_bytes<T>(plan, threads);
}

int64_t workspace(const int64_t *words, int threads) {
  const Plan plan = view(words);
  const int useful = useful_threads(plan, threads);
  return plan.dtype ? workspace_as<double>(plan, useful) : workspace_as<float>(plan, useful);
}

const char *kernel(const int64_t *words) {
  const Plan plan = view(words);
  if (plan.algorithm == kWinograd) return "winograd";
  return depthwise_takes(plan) ? "depthwise" : "direct";
}

// Enough independent sums to hide the latency of each on any CPU of today; a millisecond of them, of
// which the clock of a browser tells a tenth.
template <class T>
double multiply_adds_of() {
  constexpr int sums = DXDW_REGISTERS == 32 ? 16 : 10;
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
    DXDW_STRING(DXDW_ISA), run, backward, workspace, kernel, multiply_adds};
}  // namespace dxdw
