// dx and dW of groups with one channel on a side in one pass over grad_out: each band of it is summed
// into both while it is in the cache. Their bits are those of either alone.
#pragma once
#include "depthwise_weight_gradient.h"

namespace dxdw {
namespace {

template <class T>
int depthwise_backward(const Plan &dx_plan, const Plan &dW_plan, const T *grad_out, const T *x,
                       const T *W, T *dx, T *dW, const Team &team) {
  if (!all_finite(W, dx_plan.groups * dx_plan.weights_of_group())) return DXDW_DECLINED;
  DepthwiseGather<T> gather(dx_plan);
  DepthwiseWeightGradient<T> weights(dW_plan);
  if (!gather.prepare() || !weights.prepare()) return DXDW_NO_MEMORY;
  Workspace memory;
  const Index at_slots = memory.reserve<T>(gather.slot_elements() * team.threads);
  if (!memory.take()) return DXDW_NO_MEMORY;
  T *slots = memory.at<T>(at_slots);
  auto own = [&](int slot) { return slots + slot * gather.slot_elements(); };
  if (!gather.begin(grad_out, W, dx, team)) return DXDW_CANCELLED;
  // Both split the rows of a plane into bands, by the numbers of their own.
  const Index bands = gather.bands(), of_grad_out = weights.bands();
  return weights.run(
      grad_out, x, dW, team, [&](int slot) { gather.clear(own(slot)); },
      [&](Index image, Index group, Index band, int slot) {
        const Index at = image * dx_plan.groups + group;
        for (Index b = band * bands / of_grad_out; b < (band + 1) * bands / of_grad_out; ++b)
          gather.band(at, group, b, own(slot), gather.end_of(at, b));
      });
}

}  // namespace
}  // namespace dxdw
