// The row of Winograd's tiles, and how large an error can be there.
#pragma once
#include "api/held.h"
#include "api/reason.h"
#include "kernels/bfloat.h"
#include "kernels/winograd_gather.h"
#include "kernels/winograd_weight_gradient.h"

namespace dxdw {
namespace {

// Roundings of a value on its way through the three transforms.
constexpr Index kRoundings = 30;

inline bool winograd_takes(const int64_t *words, Reason &why) {
  if (words[1] == kBothGradients) return because(why, "computes one gradient at a time");
  Reason unsaid = {nullptr, 0};
  if (matrix_unit() && matrix_unit()->tiles && blocks_take(words, 1, unsaid))
    return because(why, "tiles of bfloat16 are faster than its transforms");
  return winograd_fits(view(words), why);
}

// How much the transforms can enlarge a rounding error, in the worst case: for each axis the largest
// Σ_p |Aᵀ| (|G| 1) (|Bᵀ| 1).
inline Growth winograd_growth(const int64_t *words) {
  const Plan plan = view(words);
  const bool three = plan.kernel_size[1] == 3;
  if (plan.kind == kWeightGradient)
    return {three ? 1096.0 : 459.0, plan.batch * winograd_tiles_of_image(plan) + kRoundings, false};
  return {three ? 752.0 : 1532.0, plan.sources + kRoundings, false};
}

struct Winograd {
  template <class T>
  static Held *of(const int64_t *words) {
    return words[1] == kWeightGradient ? hold<T, GroupsPass<T, WinogradWeightGradient<T>>>(words)
                                       : hold<T, GroupsPass<T, WinogradGather<T>>>(words);
  }
};

}  // namespace
}  // namespace dxdw
