// The row of kernels for groups with one channel on a side.
#pragma once
#include "depthwise_backward.h"
#include "reason.h"

namespace dxdw {
namespace {

// Channels on the side of a group that has more than one.
constexpr Index kDepthwiseChannels = 4;
// Taps of a column of the kernel: more of them share what gather_tile.h loads.
constexpr Index kDepthwiseRows = 7;
// Columns of a plane: every vector of a row has an entry in a table.
constexpr Index kDepthwiseColumns = 1 << 15;

inline bool depthwise_takes_plan(const Plan &plan, Reason &why) {
  if (!plan.phases) return because(why, "no window reaches a value");
  if (least(plan.sources, plan.destinations) != 1 ||
      most(plan.sources, plan.destinations) > kDepthwiseChannels)
    return because(why, "takes groups of one channel on a side and up to %lld on the other",
                   static_cast<long long>(kDepthwiseChannels));
  if (plan.taps == 1) return because(why, "takes kernels of more than one tap");
  if (plan.source_size[0] != 1 || plan.destination_size[0] != 1 || plan.kernel_size[0] != 1)
    return because(why, "takes one or two dimensions");
  if (plan.kernel_size[1] > kDepthwiseRows)
    return because(why, "takes kernels of up to %lld rows", static_cast<long long>(kDepthwiseRows));
  if (most(plan.source_size[2], plan.destination_size[2]) > kDepthwiseColumns)
    return because(why, "takes rows of up to %s values", Grouped(kDepthwiseColumns).text);
  const Index *words = plan.first_phase;
  for (Index i = 0; i < plan.phases; ++i) {
    const Phase phase = read_phase(words);
    if (phase.axis[0].offset[0]) return because(why, "takes one or two dimensions");
    for (int a = 1; a < 3; ++a)
      if (phase.axis[a].step > kMostStep || phase.axis[a].spacing > kMostStep)
        return because(why, "takes strides of 1 and %lld", static_cast<long long>(kMostStep));
  }
  return true;
}

inline bool depthwise_takes(const int64_t *words, Reason &why) {
  if (words[1] != kBothGradients) return depthwise_takes_plan(view(words), why);
  const BothPlans both = view_both(words);
  return depthwise_takes_plan(both.dx, why) && depthwise_takes_plan(both.dW, why);
}

template <class T>
struct Depthwise {
  static Index workspace(const int64_t *words, int threads) {
    if (words[1] == kBothGradients) {
      const BothPlans both = view_both(words);
      return bytes<DepthwiseGather<T>>(both.dx, threads) +
             bytes<DepthwiseWeightGradient<T>>(both.dW, threads);
    }
    const Plan plan = view(words);
    return plan.kind == kWeightGradient ? bytes<DepthwiseWeightGradient<T>>(plan, threads)
                                        : bytes<DepthwiseGather<T>>(plan, threads);
  }

  static int run(const int64_t *words, const Operands &of, const Team &team) {
    const T *first = static_cast<const T *>(of.in[0]), *second = static_cast<const T *>(of.in[1]);
    T *result = static_cast<T *>(of.out[0]);
    if (words[1] == kBothGradients) {
      const BothPlans both = view_both(words);
      return depthwise_backward(both.dx, both.dW, first, second, static_cast<const T *>(of.in[2]),
                                result, static_cast<T *>(of.out[1]), team);
    }
    const Plan plan = view(words);
    if (plan.kind == kWeightGradient) {
      DepthwiseWeightGradient<T> pass(plan);
      return pass.prepare() ? pass.run(first, second, result, team) : DXDW_NO_MEMORY;
    }
    // As in gather: beyond the edges of grad_out dx has no products.
    if (plan.kind == kInputGradient && !all_finite(second, plan.groups * plan.weights_of_group()))
      return DXDW_DECLINED;
    DepthwiseGather<T> pass(plan);
    return pass.prepare() ? pass.run(first, second, result, team) : DXDW_NO_MEMORY;
  }

 private:
  template <class Pass>
  static Index bytes(const Plan &plan, int threads) {
    Pass pass(plan);
    return pass.prepare() ? pass.bytes(threads) : 0;
  }
};

}  // namespace
}  // namespace dxdw
