// The row of kernels for groups with one channel on a side.
#pragma once
#include "api/held.h"
#include "api/reason.h"
#include "kernels/depthwise_backward.h"

namespace dxdw {
namespace {

// Channels on the side of a group that has more than one.
constexpr Index kDepthwiseChannels = 4;
// Taps of a column of the kernel: more of them share what gather_tile.h loads.
constexpr Index kDepthwiseRows = 7;
// Columns of a plane: every vector of a row has an entry in a table.
constexpr Index kDepthwiseColumns = 1 << 15;

inline bool depthwise_takes_plan(const Plan &plan, Reason &why) {
  if (plan.source_last || plan.destination_last) return because(why, kPlanesOnly);
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
  const BothPlans both = both_plans(words);
  return depthwise_takes_plan(view(both.dx), why) && depthwise_takes_plan(view(both.dW), why);
}

struct Depthwise {
  template <class T>
  static Held *of(const int64_t *words) {
    if (words[1] == kBothGradients) return hold<T, DepthwiseBackwardPass<T>>(words);
    return words[1] == kWeightGradient
               ? hold<T, DepthwisePass<T, DepthwiseWeightGradient<T>>>(words)
               : hold<T, DepthwisePass<T, DepthwiseGather<T>>>(words);
  }
};

}  // namespace
}  // namespace dxdw
