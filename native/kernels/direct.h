// The row that takes every problem: the definition's sums.
#pragma once
#include "api/held.h"
#include "api/reason.h"
#include "kernels/one_after_the_other.h"
#include "kernels/weight_gradient.h"

namespace dxdw {
namespace {

inline bool direct_takes(const int64_t *, Reason &) { return true; }

struct Direct {
  template <class T>
  static Held *of(const int64_t *words) {
    if (words[1] == kBothGradients)
      return hold<T, OneAfterTheOther<T, GatherPass<T>, WeightGradientPass<T>>>(words);
    return words[1] == kWeightGradient ? hold<T, WeightGradientPass<T>>(words)
                                       : hold<T, GatherPass<T>>(words);
  }
};

}  // namespace
}  // namespace dxdw
