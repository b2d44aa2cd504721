// The rows of products of bfloat16: of arrays that hold it, and of float32 as two or three of them.
#pragma once
#include <type_traits>

#include "api/held.h"
#include "api/reason.h"
#include "kernels/bfloat_weight_gradient.h"
#include "kernels/winograd_fits.h"

namespace dxdw {
namespace {

// Positions that are computed over those that are asked for.
DXDW_PLANS inline double positions_over(const Plan &plan, const Pass &pass) {
  const Axis *axis = pass.axis;
  // Those of kernels of one tap follow each other over all images.
  if (axis[0].taps * axis[1].taps * axis[2].taps == 1 && reads_inside(pass)) return 1;
  const Index tall = least<Index>(axis[1].count, 64), wide = axis[2].count;
  const Index pitch = folded(plan) && plan.kind != kWeightGradient ? wide : Band::pitch_of(pass);
  return double(round_up((tall - 1) * pitch + wide, kBlock)) / double(tall * wide);
}

// Whether the lowest band that pays for its halo leaves the second cache: then every block of destination channels
// reads it from the last one, which takes as long as multiplying (2048 channels, dilated by 6, 28×28).
inline bool leaves_cache(const Plan &plan, const Pass &pass, int parts) {
  if (plan.kind == kWeightGradient || folded(plan)) return false;
  const Index halo = pass.axis[1].reach() / pass.axis[1].step, rows = least(3 * halo, pass.axis[1].count + halo);
  return round_up(plan.sources, kBlock) * Band::pitch_of(pass) * rows * parts * Index(sizeof(uint16_t)) > 2 * nominal().l2;
}

// The time of a pass beside the direct kernel's products, by the machine's unit: its products, in whole blocks;
// packing and writing, by how many products each value serves; and for dW the sums, which stay for so many positions.
// Fitted on Emerald Rapids to 168 passes of ResNets, VGG, MobileNet and wide kernels: without what tiles have to
// gain (other_kernel) the choices took 1.02 times as long as the best in the mean. The dot products' rate is a
// Zen 4's, measured with an earlier way to pack.
DXDW_PLANS inline double time_in_blocks(const Plan &plan, int parts) {
  constexpr double rate_of_tiles[] = {13, 4.3, 2.15}, rate_of_dot_products = 2, values[] = {0.8, 1, 1.4};
  const Index sources = folded(plan) ? plan.sources * plan.taps : plan.sources, destinations = plan.destinations;
  const double blocks = double(round_up(sources, kBlock) * round_up(destinations, kBlock)) /
                        double(sources * destinations);
  const double taps = folded(plan) ? 1 : double(plan.taps) / double(plan.phases);
  const bool sums = plan.kind == kWeightGradient;
  // What a source value costs, and a destination's, which are written for all but dW.
  const double source = folded(plan) ? (sums ? 20 : 33) : plan.taps == 1 ? (sums ? 35 : 19) : sums ? 60 : 40;
  const double destination = !folded(plan) && plan.taps == 1 && !sums ? 39 : source;
  const double packing = (source * double(sources) + destination * double(destinations)) /
                         (taps * double(sources * destinations));
  const Pass pass = pass_of(plan, first_phase(plan));
  const double rate = (matrix_unit()->tiles ? rate_of_tiles[parts - 1] : rate_of_dot_products) /
                      (leaves_cache(plan, pass, parts) ? 2 : 1);
  return blocks * positions_over(plan, pass) / rate + packing * values[parts - 1] +
         (sums ? 100 / double(plan.batch * plan.destination_plane()) : 0);
}

// The same of the other kernel that would compute it, and how much of that time blocks may take.
struct OtherKernel {
  double time, part;

  double most() const { return time * part; }
};

// Winograd's for two parts, whose bounds are wider too. Tiles have to gain something: on a core that has slept they
// run at a third of their rate for a while (Emerald Rapids: up to 0.4 s), and other kernels don't.
DXDW_PLANS inline OtherKernel other_kernel(const Plan &plan, int parts) {
  Reason unsaid = {nullptr, 0};
  const bool tiles = matrix_unit()->tiles, sums = plan.kind == kWeightGradient, three = plan.kernel_size[1] == 3;
  const OtherKernel direct = {1 + (sums ? 80 / double(plan.batch * plan.destination_plane()) : 0), tiles ? 0.9 : 1};
  if (parts > 2 || !winograd_fits(plan, unsaid)) return direct;
  const OtherKernel winograd = {sums ? (three ? 0.54 : 1) : three ? 0.48 : 0.6, tiles ? 0.77 : 1};
  return winograd.most() < direct.most() ? winograd : direct;
}

// Of the elements of a result, those with the fewest.
DXDW_PLANS inline Index least_products(const Plan &plan) {
  if (plan.kind == kWeightGradient) return plan.batch * plan.destination_plane();
  Index taps = plan.taps;
  const Index *words = plan.first_phase;
  for (Index i = 0; i < plan.phases; ++i) {
    const Phase phase = read_phase(words);
    taps = least(taps, phase.axis[0].taps * phase.axis[1].taps * phase.axis[2].taps);
  }
  return plan.sources * taps;
}

DXDW_PLANS inline bool blocks_take(const int64_t *words, int parts, Reason &why) {
  const MatrixUnit *unit = matrix_unit();
  const Dtype dtype = parts == 1 ? kBfloat16 : kFloat32;
  if (words[2] != dtype)
    return because(why, parts == 1 ? "takes bfloat16" : "takes float32");
  if (parts > 1 && (!unit || !unit->tiles))
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
  // Fewer have more roundings than products.
  if (parts == 3 && least_products(plan) < kBlock) return because(why, "sums of fewer than 32 products");
  const double own = time_in_blocks(plan, parts);
  const OtherKernel other = other_kernel(plan, parts);
  if (own > other.most() && !takes_at_any_cost())
    return because(why, "packing and blocks of %lld would take %.2f of another kernel's time, more than %.2f",
                   static_cast<long long>(kBlock), own / other.time, other.part);
  return true;
}

template <int Parts>
bool bfloat_takes(const int64_t *words, Reason &why) {
  return blocks_take(words, Parts, why);
}

// Of two parts: what is left out of v·w, m·m' + r·w + v·r', is at most 2⁻¹⁵|v·w|. (2⁻²⁴ of three.)
// Sums: 17 roundings in a tile of 32 products, and one for each tile and pair of parts. Of dW some tiles reach
// over the ends of rows, and over those of a band, of which a row has one at the most.
inline Growth bfloat_growth(const int64_t *words) {
  const Plan plan = view(words);
  if (plan.kind != kWeightGradient)
    return {0x1p-15, 17 + 3 * divide_up(round_up(plan.sources, kBlock) * plan.taps, kBlock), true};
  const Pass pass = pass_of(plan, first_phase(plan));
  const double positions = double(plan.batch * plan.destination_plane()) * positions_over(plan, pass);
  const Index rows = plan.batch * pass.axis[0].count * pass.axis[1].count;
  return {0x1p-15, 17 + 3 * (divide_up(Index(positions), kBlock) + rows), true};
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
