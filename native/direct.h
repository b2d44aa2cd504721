// The row that takes every problem: the definition's sums.
#pragma once
#include "reason.h"
#include "weight_gradient.h"

namespace dxdw {
namespace {

inline bool direct_takes(const int64_t *, Reason &) { return true; }

template <class T>
struct Direct {
  static Index workspace(const int64_t *words, int threads) {
    if (words[1] == kBothGradients) {
      const BothPlans both = view_both(words);
      return most(of_one(both.dx, threads), of_one(both.dW, threads));
    }
    return of_one(view(words), threads);
  }

  // Both gradients one after the other: a small problem notices every call.
  static int run(const int64_t *words, const Operands &of, const Team &team) {
    if (words[1] == kBothGradients) {
      const BothPlans both = view_both(words);
      const int status = one(both.dx, of.in[0], of.in[2], of.out[0], team);
      return status ? status : one(both.dW, of.in[0], of.in[1], of.out[1], team);
    }
    return one(view(words), of.in[0], of.in[1], of.out[0], team);
  }

 private:
  static Index of_one(const Plan &plan, int threads) {
    return plan.kind == kWeightGradient ? weight_gradient_bytes<T>(plan, threads)
                                        : gather_bytes<T>(plan, threads);
  }

  static int one(const Plan &plan, const void *first, const void *second, void *result,
                 const Team &team) {
    const T *a = static_cast<const T *>(first), *b = static_cast<const T *>(second);
    T *c = static_cast<T *>(result);
    return plan.kind == kWeightGradient ? weight_gradient(plan, a, b, c, team)
                                        : gather(plan, a, b, c, team);
  }
};

}  // namespace
}  // namespace dxdw
