// The register tile of a gather by channels: M positions × V vectors of destination channels, summed
// over source channels and taps. What a band holds is broadcast, weights are loaded.
#pragma once
#include "gather_tile.h"

namespace dxdw {
namespace {

// Registers of sums: all but the vectors of weights and one broadcast value.
constexpr Index kChannelSums = DXDW_REGISTERS == 32 ? 28 : 12;
constexpr Index kMostPositions = DXDW_REGISTERS == 32 ? 14 : 6;
constexpr Index kMostReadStep = 2;
constexpr bool is_channel_gather_tile(Index m, Index v) {
  return m <= kMostPositions && v <= kVectors && m * v <= kChannelSums;
}

// Asks for what stands so far ahead: a source read in its place comes from memory.
//
// sum[m·ld + d] (+)= Σ_{c,t} x[c·channel + offset[t] + m·Step] · w[(c·taps + t)·V·lanes + d]
template <class T>
using ChannelGatherTile = void (*)(const T *x, Index channels, Index channel, const Index *offset,
                                   Index taps, Index ahead, const T *w, T *sum, Index ld,
                                   bool add);

template <class T, int M, int V, int Step>
void channel_gather_tile(const T *x, Index channels, Index channel, const Index *offset,
                         Index taps, Index ahead, const T *w, T *sum, Index ld, bool add) {
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
#pragma GCC unroll 14
      for (int m = 0; m < M; ++m) {
        const Vector<T> value = broadcast(p[m * Step]);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) total[m][v] += value * weight[v];
      }
    }
#pragma GCC unroll 14
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) store(sum + m * ld + v * lanes<T>, total[m][v]);
}

template <class T>
struct ChannelGatherTiles {
  ChannelGatherTile<T> of[kMostPositions + 1][kVectors + 1][kMostReadStep + 1] = {};

  template <int M, int V, int Step>
  constexpr void fill() {
    if constexpr (M <= kMostPositions) {
      if constexpr (is_channel_gather_tile(M, V)) of[M][V][Step] = channel_gather_tile<T, M, V, Step>;
      if constexpr (Step < kMostReadStep)
        fill<M, V, Step + 1>();
      else if constexpr (V < kVectors)
        fill<M, V + 1, 1>();
      else
        fill<M + 1, 1, 1>();
    }
  }
  constexpr ChannelGatherTiles() { fill<1, 1, 1>(); }
};

template <class T>
constexpr ChannelGatherTiles<T> channel_gather_tiles{};

}  // namespace
}  // namespace dxdw
