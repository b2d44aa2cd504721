// The register tile of a gather by channels: M positions × V vectors of destination channels, summed
// over source channels and taps. What a band holds is broadcast, weights are loaded.
#pragma once
#include "tiles/outer_product.h"

namespace dxdw {
namespace {

// Elements between positions next to each other: a constant up to here, or whatever the call says.
constexpr Index kMostReadStep = 2, kAnyStep = 3;
constexpr bool is_channel_gather_tile(Index m, Index v) {
  return m <= kMostPositions && v <= kVectors && m * v <= kChannelSums;
}

// Asks for what stands so far ahead: a source read in its place comes from memory.
//
// sum[m·ld + d] (+)= Σ_{c,t} x[c·channel + offset[t] + m·step] · w[(c·taps + t)·V·lanes + d]
template <class T>
using ChannelGatherTile = void (*)(const T *x, Index channels, Index channel, const Index *offset,
                                   Index taps, Index step, Index ahead, const T *w, T *sum,
                                   Index ld, bool add);

template <class T, int M, int V, int Step>
void channel_gather_tile(const T *x, Index channels, Index channel, const Index *offset,
                         Index taps, Index step, Index ahead, const T *w, T *sum, Index ld,
                         bool add) {
  const Index apart = Step == kAnyStep ? step : Step;
  Vector<T> total[M][V] = {};
  if (add) {
#pragma GCC unroll 14
    for (int m = 0; m < M; ++m) load_all(sum + m * ld, total[m]);
  }
  for (Index c = 0; c < channels; ++c, x += channel)
    for (Index t = 0; t < taps; ++t, w += V * lanes<T>) {
      const T *p = x + offset[t];
      __builtin_prefetch(p + ahead);
      Vector<T> weight[V];
      load_all(w, weight);
      outer_product<T>([p, apart](int m) DXDW_LAMBDA { return p[m * apart]; }, weight, total);
    }
  store_sums<Store::kOver>(total, sum, ld);
}

template <class T>
struct ChannelGatherTiles {
  template <int M, int V, int Step>
  static constexpr ChannelGatherTile<T> tile() {
    if constexpr (is_channel_gather_tile(M, V))
      return channel_gather_tile<T, M, V, Step>;
    else
      return nullptr;
  }
};

template <class T>
constexpr TileTable<ChannelGatherTiles<T>, kMostPositions, kVectors, kAnyStep>
    channel_gather_tiles{};

}  // namespace
}  // namespace dxdw
