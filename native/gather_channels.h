// A gather with vectors along destination channels: what a band holds is broadcast, weights are
// loaded, and the sums of a strip of positions are transposed on their way out.
//
// No position beyond the ends of rows is computed, no load crosses a cache line, and a step of two
// is only another place to broadcast from. The transposes cost as much as six products of each
// result: few channels and taps have no use for this way.
#pragma once
#include "gather_tile.h"
#include "source_band.h"
#include "transpose.h"

namespace dxdw {
namespace {

// Registers of sums: all but the vectors of weights and one broadcast value.
constexpr Index kChannelSums = DXDW_REGISTERS == 32 ? 28 : 12;
constexpr Index kMostPositions = DXDW_REGISTERS == 32 ? 14 : 6;
constexpr Index kMostStep = 2;
// Bytes of a strip's sums, which stay in the L1 or L2 cache until they are written.
constexpr Index kStripBytes = 64 << 10;
// Bytes of weights that every tile of a strip reads from the L2 cache.
constexpr Index kWeightBytes = 256 << 10;

constexpr bool is_channel_gather_tile(Index m, Index v) {
  return m <= kMostPositions && v <= kVectors && m * v <= kChannelSums;
}

// sum[m·ld + d] (+)= Σ_{c,t} x[c·channel + offset[t] + m·Step] · w[(c·taps + t)·V·lanes + d]
template <class T>
using ChannelGatherTile = void (*)(const T *x, Index channels, Index channel, const Index *offset,
                                   Index taps, const T *w, T *sum, Index ld, bool add);

template <class T, int M, int V, int Step>
void channel_gather_tile(const T *x, Index channels, Index channel, const Index *offset,
                         Index taps, const T *w, T *sum, Index ld, bool add) {
  Vector<T> total[M][V] = {};
  if (add) {
#pragma GCC unroll 14
    for (int m = 0; m < M; ++m) load_all(sum + m * ld, total[m]);
  }
  for (Index c = 0; c < channels; ++c, x += channel)
    for (Index t = 0; t < taps; ++t, w += V * lanes<T>) {
      const T *p = x + offset[t];
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
  ChannelGatherTile<T> of[kMostPositions + 1][kVectors + 1][kMostStep + 1] = {};

  template <int M, int V, int Step>
  constexpr void fill() {
    if constexpr (M <= kMostPositions) {
      if constexpr (is_channel_gather_tile(M, V)) of[M][V][Step] = channel_gather_tile<T, M, V, Step>;
      if constexpr (Step < kMostStep)
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

// What vectors of channels fill so badly is better gathered along positions.
template <class T>
bool fills_vectors(Index channels) {
  return channels >= lanes<T> && 4 * channels >= 3 * round_up(channels, lanes<T>);
}

// Packs weights[d·ld + tap[k]] of D channels to to[k·ld_to + d], zeros up to the next whole vector.
// place: for each of the kernel's taps its k, or −1. Past: elements that may be read behind.
template <class T>
void pack_taps(const T *weights, Index ld, Index D, const Index *place, Index kernel, T *to,
               Index ld_to, Index past) {
  constexpr Index n = lanes<T>;
  for (Index d = 0; d < D; d += n) {
    const Index height = least(n, D - d);
    for (Index j = 0; j < kernel; j += n) {
      const T *from = weights + d * ld + j;
      const Index width = least(n, kernel - j);
      if (n - width <= past || d + height < D) {
        Vector<T> block[n];
        load_transposed(from, ld, height, block);
        for (Index k = 0; k < width; ++k)
          if (place[j + k] >= 0) store(to + place[j + k] * ld_to + d, block[k]);
        continue;
      }
      for (Index k = 0; k < width; ++k)
        if (place[j + k] >= 0) {
          T *line = to + place[j + k] * ld_to + d;
          for (Index i = 0; i < height; ++i) line[i] = from[i * ld + k];
          for (Index i = height; i < n; ++i) line[i] = 0;
        }
    }
  }
}

// to[j·ld_to + i·spacing] = from[i·ld + j] for i < positions, j < channels.
template <class T>
void write_transposed(const T *from, Index ld, Index positions, Index channels, T *to, Index ld_to,
                      Index spacing) {
  constexpr Index n = lanes<T>;
  for (Index j = 0; j < channels; j += n) {
    const Index height = least(n, channels - j);
    for (Index i = 0; i < positions; i += n) {
      const Index width = least(n, positions - i);
      Vector<T> block[n];
      load_transposed(from + i * ld + j, ld, width, block);
      T *line = to + j * ld_to + i * spacing;
      if (spacing == 1 && width == n && height == n) {
#pragma GCC unroll 16
        for (int k = 0; k < n; ++k) store(line + k * ld_to, block[k]);
        continue;
      }
      T part[n][n];
#pragma GCC unroll 16
      for (int k = 0; k < n; ++k) store(part[k], block[k]);
      for (Index k = 0; k < height; ++k)
        if (spacing == 1)
          copy(line + k * ld_to, part[k], width);
        else
          for (Index p = 0; p < width; ++p) line[k * ld_to + p * spacing] = part[k][p];
    }
  }
}

// to[2i] = a[i] for i < n, to[2i + 1] = b[i] for i < m: n, or one less.
template <class T>
DXDW_INLINE void weave(const T *a, const T *b, Index n, Index m, T *to) {
  Index i = 0;
  for (; i + lanes<T> <= m; i += lanes<T>) store_woven<T>(to + 2 * i, load(a + i), load(b + i));
  for (; i < m; ++i) to[2 * i] = a[i], to[2 * i + 1] = b[i];
  if (m < n) to[2 * m] = a[m];
}

// The same for all channels, of transposed sums: to[j·ld_to + 2i] = a[i·ld + j], and so on.
template <class T>
void weave_transposed(const T *a, const T *b, Index ld, Index positions, Index of_second,
                      Index channels, T *to, Index ld_to) {
  constexpr Index n = lanes<T>;
  for (Index j = 0; j < channels; j += n) {
    const Index height = least(n, channels - j);
    for (Index i = 0; i < positions; i += n) {
      const Index width = least(n, positions - i), second = least(n, of_second - i);
      T even[n][n], odd[n][n];
      Vector<T> block[n];
      load_transposed(a + i * ld + j, ld, width, block);
#pragma GCC unroll 16
      for (int k = 0; k < n; ++k) store(even[k], block[k]);
      load_transposed(b + i * ld + j, ld, width, block);
#pragma GCC unroll 16
      for (int k = 0; k < n; ++k) store(odd[k], block[k]);
      T *line = to + j * ld_to + 2 * i;
      for (Index k = 0; k < height; ++k) weave(even[k], odd[k], width, second, line + k * ld_to);
    }
  }
}

}  // namespace
}  // namespace dxdw
