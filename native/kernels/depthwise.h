// The row of kernels for groups with one channel on a side: in planes, or with channels last.
#pragma once
#include "api/held.h"
#include "api/reason.h"
#include "kernels/depthwise_backward.h"
#include "kernels/one_after_the_other.h"
#include "kernels/pixel_gather.h"
#include "kernels/pixel_weight_gradient.h"

namespace dxdw {
namespace {

// Channels on the side of a group that has more than one.
constexpr Index kDepthwiseChannels = 4;
// Taps of a column of the kernel: more of them share what gather_tile.h loads.
constexpr Index kDepthwiseRows = 7;
// Columns of a plane: every vector of a row has an entry in a table.
constexpr Index kDepthwiseColumns = 1 << 15;

// What kernels of pixels take besides. All other plans are of planes.
inline bool pixels_take_plan(const Plan &plan, Reason &why) {
  const Index vector = plan.dtype == kFloat64 ? lanes<double> : lanes<float>;
  if (!plan.source_last || !plan.destination_last || plan.sources * plan.destinations != 1 ||
      plan.narrow() || plan.groups < vector)
    return because(why, "takes channels that lie last in x and in the output alike, %lld and more, each a "
                   "group of its own, of float32 or float64", static_cast<long long>(vector));
  return true;
}

DXDW_PLANS inline bool depthwise_takes_plan(const Plan &plan, Reason &why) {
  if ((plan.source_last || plan.destination_last) && !pixels_take_plan(plan, why)) return false;
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

template <class T, class Gather, class Gradient, class Both>
Held *hold_depthwise(const int64_t *words) {
  if (words[1] == kBothGradients) return hold<T, Both>(words);
  return words[1] == kWeightGradient ? hold<T, DepthwisePass<T, Gradient>>(words)
                                     : hold<T, DepthwisePass<T, Gather>>(words);
}

struct Depthwise {
  template <class T>
  static Held *of(const int64_t *words) {
    const bool both = words[1] == kBothGradients;
    if (!view(both ? both_plans(words).dx : words).source_last)
      return hold_depthwise<T, DepthwiseGather<T>, DepthwiseWeightGradient<T>, DepthwiseBackwardPass<T>>(
          words);
    using Dx = DepthwisePass<T, PixelGather<T>>;
    using DW = DepthwisePass<T, PixelWeightGradient<T>>;
    return hold_depthwise<T, PixelGather<T>, PixelWeightGradient<T>, OneAfterTheOther<T, Dx, DW>>(words);
  }
};

}  // namespace
}  // namespace dxdw
