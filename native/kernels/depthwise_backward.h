// dx and dW of groups with one channel on a side in one pass over grad_out: each band of it is summed
// into both while it is in the cache. Their bits are those of either alone.
#pragma once
#include "kernels/depthwise_weight_gradient.h"

namespace dxdw {
namespace {

// Either of them.
template <class T, class Pass>
class DepthwisePass {
 public:
  static constexpr Kind kKind = Pass::kKind;

  explicit DepthwisePass(const int64_t *words)
      : plan_(view(words)), pass_(plan_), ready_(pass_.prepare(tables_)) {}

  bool ready() const { return ready_; }
  Index flops() const { return plan_.flops(); }
  Index workspace(int threads) const { return pass_.bytes(threads); }

  // Of a source and weights, or of grad_out and x.
  template <class Second, class Out>
  int run(Source<T> first, Second second, Out result, const Team &team) const {
    // As in GatherPass: beyond the edges of grad_out dx has no products.
    if constexpr (kKind != kWeightGradient)
      if (plan_.kind == kInputGradient &&
          !all_finite(second, plan_.groups * plan_.weights_of_group()))
        return DXDW_DECLINED;
    return pass_.run(first, second, result, team);
  }

  const Plan &plan() const { return plan_; }
  const Pass &pass() const { return pass_; }

 private:
  const Plan plan_;
  Tables tables_;
  Pass pass_;
  const bool ready_;
};

template <class T>
class DepthwiseBackwardPass {
 public:
  static constexpr Kind kKind = kBothGradients;

  explicit DepthwiseBackwardPass(const int64_t *words)
      : dx_(both_plans(words).dx), dW_(both_plans(words).dW) {}

  bool ready() const { return dx_.ready() && dW_.ready(); }
  Index flops() const { return dx_.flops(); }
  Index workspace(int threads) const { return dx_.workspace(threads) + dW_.workspace(threads); }

  int run(Source<T> grad_out, Source<T> x, const T *W, Result<T> dx, T *dW, const Team &team) const {
    const Plan &plan = dx_.plan();
    if (!all_finite(W, plan.groups * plan.weights_of_group())) return DXDW_DECLINED;
    DepthwiseGather<T> gather = dx_.pass();
    Workspace memory;
    const Index at_slots = memory.reserve<T>(gather.slot_elements() * team.threads);
    if (!memory.take()) return DXDW_NO_MEMORY;
    T *slots = memory.at<T>(at_slots);
    auto own = [&](int slot) { return slots + slot * gather.slot_elements(); };
    if (!gather.begin(grad_out, W, dx, team)) return DXDW_CANCELLED;
    // Both split the rows of a plane into bands, by the numbers of their own.
    const Index bands = gather.bands(), of_grad_out = dW_.pass().bands();
    return dW_.pass().run(
        grad_out, x, dW, team, [&](int slot) { gather.clear(own(slot)); },
        [&](Index image, Index group, Index band, int slot) {
          const Index at = image * plan.groups + group;
          for (Index b = band * bands / of_grad_out; b < (band + 1) * bands / of_grad_out; ++b)
            gather.band(at, group, b, own(slot), gather.end_of(at, b));
        });
  }

 private:
  const DepthwisePass<T, DepthwiseGather<T>> dx_;
  const DepthwisePass<T, DepthwiseWeightGradient<T>> dW_;
};

}  // namespace
}  // namespace dxdw
