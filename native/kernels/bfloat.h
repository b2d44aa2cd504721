// The rows of products of bfloat16: of arrays that hold it, and of float32 as two or three of them.
#pragma once
#include <type_traits>

#include "api/held.h"
#include "api/reason.h"
#include "kernels/bfloat_weight_gradient.h"

namespace dxdw {
namespace {

// A matrix unit's tiles beside the processor's multiply-adds: of a float32's products in parts a third or a
// sixth is left of it, and beside that stand packing and writing. What may be computed in vain is the rest.
// (Nominal, from whole passes of a prototype on one AMX processor: 1.9 to 2.6 times, and 0.85 to 1.4.)
constexpr double kMostWaste[] = {3, 1.7, 1.2};
// Products that each packed value of dW, or of dx in several phases, which pack grad_out each, has to serve,
// where multiplying is no more than twice as fast as by the direct kernel: with 32 of them dW took 1.14 times
// as long, with 57 to 128 it was 1.04 to 1.6 times as fast (Zen 4).
constexpr Index kLeastProducts = 48;

// Products computed over those that are asked for.
inline double waste(const Plan &plan) {
  const Index sources = folded(plan) ? plan.sources * plan.taps : plan.sources;
  const double source = double(round_up(sources, kBlock)) / double(sources);
  const double destination = double(round_up(plan.destinations, kBlock)) / double(plan.destinations);
  const Phase phase = first_phase(plan);
  const Pass pass = images_as_rows(plan, pass_of(plan, phase));
  const Axis *axis = pass.axis;
  const Index rows = plan.kind == kWeightGradient ? axis[1].count : least<Index>(axis[1].count, 64);
  const Index pitch = folded(plan) ? axis[2].count : Band::most_pitch(pass);
  const Index positions = (rows - 1) * pitch + axis[2].count;
  return source * destination * double(round_up(positions, kBlock)) / double(rows * axis[2].count);
}

template <int Parts>
bool bfloat_takes(const int64_t *words, Reason &why) {
  const MatrixUnit *unit = matrix_unit();
  const Dtype dtype = Parts == 1 ? kBfloat16 : kFloat32;
  if (words[2] != dtype)
    return because(why, Parts == 1 ? "takes bfloat16" : "takes float32");
  if (Parts > 1 && (!unit || !unit->tiles))
    return because(why, "%s", why_no_amx());
  if (!unit) return because(why, "the processor has neither AMX nor AVX512-BF16");
  if (words[1] == kBothGradients) return because(why, "computes one gradient at a time");
  const Plan plan = view(words);
  if (!plan.phases) return because(why, "no window reaches a value");
  const Index sources = folded(plan) && unit->tiles ? plan.sources * plan.taps : plan.sources;
  const Index channels = least(sources, plan.destinations);
  if (channels < kLeastInBlock)
    return because(why, "%lld channels of a group, fewer than %lld", static_cast<long long>(channels),
                   static_cast<long long>(kLeastInBlock));
  const double own = waste(plan);
  if (own > kMostWaste[Parts - 1])
    return because(why, "blocks of %lld would compute %.1f times the products",
                   static_cast<long long>(kBlock), own);
  const Index products =
      plan.taps * plan.sources * plan.destinations / (plan.sources + plan.destinations) / plan.phases;
  const bool packs_more = plan.kind == kWeightGradient || plan.phases > 1;
  if (packs_more && !unit->tiles && products < kLeastProducts)
    return because(why, "%lld products of each value, fewer than pay for packing it",
                   static_cast<long long>(products));
  return true;
}

// Of two parts: what is left out of v·w, m·m' + r·w + v·r', is at most 2⁻¹⁵|v·w|. (2⁻²⁴ of three.)
// Sums: 17 roundings in a tile of 32 products, and one for each tile and pair of parts.
inline Growth bfloat_growth(const int64_t *words) {
  const Plan plan = view(words);
  const Index terms = plan.kind == kWeightGradient ? plan.batch * plan.destination_plane()
                                                   : round_up(plan.sources, kBlock) * plan.taps;
  return {0x1p-15, 17 + 3 * divide_up(terms, kBlock), true};
}

template <int Parts>
struct Bfloat {
  template <class T>
  static Held *of([[maybe_unused]] const int64_t *words) {
#if defined(__AVX512F__) || defined(DXDW_TESTING)  // with which alone there is a unit
    if constexpr (std::is_same_v<T, float>)
      return words[1] == kWeightGradient ? hold<T, BfloatWeightGradientPass<Parts>>(words)
                                         : hold<T, BfloatGatherPass<Parts>>(words);
#endif
    return nullptr;  // taken by none
  }
};

}  // namespace
}  // namespace dxdw
