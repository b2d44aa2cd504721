// The row that takes every problem: the definition's sums.
#pragma once
#include "api/held.h"
#include "api/reason.h"
#include "kernels/weight_gradient.h"

namespace dxdw {
namespace {

inline bool direct_takes(const int64_t *, Reason &) { return true; }

// Both gradients, one after the other: a small problem notices every call.
template <class T>
class OneAfterTheOther {
 public:
  static constexpr Kind kKind = kBothGradients;

  explicit OneAfterTheOther(const int64_t *words)
      : dx_(both_plans(words).dx), dW_(both_plans(words).dW) {}

  bool ready() const { return dx_.ready() && dW_.ready(); }
  Index flops() const { return dx_.flops(); }
  Index workspace(int threads) const { return most(dx_.workspace(threads), dW_.workspace(threads)); }
  int run(Source<T> grad_out, Source<T> x, const T *W, Result<T> dx, T *dW, const Team &team) const {
    const int status = dx_.run(grad_out, W, dx, team);
    return status ? status : dW_.run(grad_out, x, dW, team);
  }

 private:
  const GatherPass<T> dx_;
  const WeightGradientPass<T> dW_;
};

struct Direct {
  template <class T>
  static Held *of(const int64_t *words) {
    if (words[1] == kBothGradients) return hold<T, OneAfterTheOther<T>>(words);
    return words[1] == kWeightGradient ? hold<T, WeightGradientPass<T>>(words)
                                       : hold<T, GatherPass<T>>(words);
  }
};

}  // namespace
}  // namespace dxdw
