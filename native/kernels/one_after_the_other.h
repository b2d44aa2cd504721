// Both gradients by a pass each.
#pragma once
#include "layout/plan_view.h"
#include "run/pool.h"

namespace dxdw {
namespace {

// In one call: a small problem notices every one.
template <class T, class Dx, class DW>
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
  const Dx dx_;
  const DW dW_;
};

}  // namespace
}  // namespace dxdw
