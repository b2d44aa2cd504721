// Which problems Winograd's tiles are for, whatever else could compute them.
#pragma once
#include "api/reason.h"
#include "kernels/winograd_gather.h"

namespace dxdw {
namespace {

// The transforms of fewer channels cost what the products save.
constexpr Index kLeastChannels = 16;
// What transforming the weights of a pair of channels costs, in products of theirs, where they don't stay
// in the cache: even at 600 to 700 with AVX-512 on an Emerald Rapids (two products at once), at 190 with
// AVX2 on a Zen 3 (1 to 4 images of 4×4 to 10×10, 96 to 512 channels). Vectors half as wide make products
// twice as dear, beside memory of one speed. A Zen 4 computes vectors of AVX-512 in halves: between them.
constexpr Index kProductsOfTransform = 6 * DXDW_VECTOR_BYTES;
// The same of dW, whose sums are transformed back: even at 350 to 400 with AVX2 on a Zen 3 (1 and 2 images
// of 7×7, 256 and 512 channels). With AVX-512 as many, not measured.
constexpr Index kProductsOfSums = DXDW_VECTOR_BYTES > 32 ? 384 : 12 * DXDW_VECTOR_BYTES;

// Tiles of an image: of a dilated kernel, those of all residue grids.
inline Index winograd_tiles_of_image(const Plan &plan) {
  const Phase phase = first_phase(plan);
  const Index side = side_of(plan);
  return TiledAxis(phase.axis[1], side).tiles * TiledAxis(phase.axis[2], side).tiles;
}

inline bool winograd_can(const Plan &plan) {
  const Index k = plan.kernel_size[1];
  if (!plan.phases || plan.kernel_size[0] != 1 || k != plan.kernel_size[2] || (k != 3 && k != 5) ||
      plan.source_size[0] != 1 || plan.destination_size[0] != 1)
    return false;
  const Phase phase = first_phase(plan);
  if (phase.axis[0].offset[0]) return false;
  for (int a = 1; a < 3; ++a)
    if (phase.axis[a].step != 1 || phase.axis[a].spacing != 1) return false;
  return true;
}

inline bool winograd_fits(const Plan &plan, Reason &why) {
  if (!winograd_can(plan)) return because(why, "takes 3×3 and 5×5 kernels of stride 1");
  const Index channels = least(plan.sources, plan.destinations);
  if (channels < kLeastChannels)
    return because(why, "%lld channels of a group, fewer than %lld",
                   static_cast<long long>(channels), static_cast<long long>(kLeastChannels));
  // Tiles may be hardly filled, as those of small images or large dilations.
  const Index tiled = kFrequencies * winograd_tiles_of_image(plan);
  const Index defined = plan.destination_plane() * plan.taps;
  if (tiled > defined)
    return because(why, "%s products a channel in tiles, more than the definition's %s",
                   Grouped(tiled).text, Grouped(defined).text);
  const bool sums = plan.kind == kWeightGradient;  // are transformed back, and no weights
  // (The nominal cache, for whether these tiles are taken decides the last bits.)
  const Index bytes = kFrequencies * plan.sources * plan.destinations * (plan.dtype == kFloat64 ? 8 : 4);
  const Index saved = plan.batch * (defined - tiled);
  if (bytes > nominal().l2 && saved < (sums ? kProductsOfSums : kProductsOfTransform))
    return because(why, "saves %s products of each pair of channels, fewer than transformed %s cost",
                   Grouped(saved).text, sums ? "sums" : "weights");
  return true;
}

}  // namespace
}  // namespace dxdw
