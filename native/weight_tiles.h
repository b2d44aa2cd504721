// The register tiles of dW: sums over positions of products of grad_out and shifted x.
//
// With vectors along output channels (grad_out transposed) x is broadcast, and a load never crosses
// a cache line; with vectors along positions both stay as they are, which few channels need.
#pragma once
#include "gather_tile.h"

namespace dxdw {
namespace {

// sum[m·ld + o] += Σ_{r<rows, q<columns} x[offset[m] + r·pitch + q·step] · g[(r·columns + q)·ldg + o]
template <class T>
using ChannelTile = void (*)(const T *x, const Index *offset, Index pitch, Index step, const T *g,
                             Index ldg, Index rows, Index columns, T *sum, Index ld);

template <class T, int M, int V>
void channel_tile(const T *x, const Index *offset, Index pitch, Index step, const T *g, Index ldg,
                  Index rows, Index columns, T *sum, Index ld) {
  Vector<T> total[M][V] = {};
  const T *p[M];
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m) p[m] = x + offset[m];
  for (Index r = 0; r < rows; ++r) {
    for (Index q = 0; q < columns * step; q += step, g += ldg) {
      Vector<T> line[V];
      load_all(g, line);
#pragma GCC unroll 12
      for (int m = 0; m < M; ++m) {
        const Vector<T> value = broadcast(p[m][q]);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) total[m][v] += value * line[v];
      }
    }
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) p[m] += pitch;
  }
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      T *to = sum + m * ld + v * lanes<T>;
      store(to, load(to) + total[m][v]);
    }
}

// sum[to_g[a] + to_x[b]] += Σ_{s<vectors·lanes} g[at_g[a] + s] · x[at_x[b] + s]
template <class T>
using PositionTile = void (*)(const T *g, const Index *at_g, const Index *to_g, const T *x,
                              const Index *at_x, const Index *to_x, Index vectors, T *sum);

template <class T, int A, int B>
void position_tile(const T *g, const Index *at_g, const Index *to_g, const T *x,
                   const Index *at_x, const Index *to_x, Index vectors, T *sum) {
  Vector<T> total[A][B] = {};
  const T *left[A], *right[B];
#pragma GCC unroll 6
  for (int a = 0; a < A; ++a) left[a] = g + at_g[a];
#pragma GCC unroll 12
  for (int b = 0; b < B; ++b) right[b] = x + at_x[b];
  for (Index s = 0; s < vectors * lanes<T>; s += lanes<T>) {
    Vector<T> line[A];
#pragma GCC unroll 6
    for (int a = 0; a < A; ++a) line[a] = load(left[a] + s);
#pragma GCC unroll 12
    for (int b = 0; b < B; ++b) {
      const Vector<T> value = load(right[b] + s);
#pragma GCC unroll 6
      for (int a = 0; a < A; ++a) total[a][b] += line[a] * value;
    }
  }
#pragma GCC unroll 6
  for (int a = 0; a < A; ++a)
#pragma GCC unroll 12
    for (int b = 0; b < B; ++b) sum[to_g[a] + to_x[b]] += sum_of_lanes<T>(total[a][b]);
}

constexpr Index kPositionSums = DXDW_REGISTERS == 32 ? 24 : 10;
constexpr Index kMostLeft = 6, kMostRight = 12;

template <class T>
struct WeightTiles {
  ChannelTile<T> channels[kMostChannels + 1][kVectors + 1] = {};
  PositionTile<T> positions[kMostLeft + 1][kMostRight + 1] = {};

  template <int M, int V>
  constexpr void fill_channels() {
    if constexpr (M <= kMostChannels) {
      if constexpr (M * V <= kAccumulators) channels[M][V] = channel_tile<T, M, V>;
      if constexpr (V < kVectors)
        fill_channels<M, V + 1>();
      else
        fill_channels<M + 1, 1>();
    }
  }
  template <int A, int B>
  constexpr void fill_positions() {
    if constexpr (A <= kMostLeft) {
      if constexpr (A * B <= kPositionSums) positions[A][B] = position_tile<T, A, B>;
      if constexpr (B < kMostRight)
        fill_positions<A, B + 1>();
      else
        fill_positions<A + 1, 1>();
    }
  }
  constexpr WeightTiles() {
    fill_channels<1, 1>();
    fill_positions<1, 1>();
  }
};

template <class T>
constexpr WeightTiles<T> weight_tiles{};

}  // namespace
}  // namespace dxdw
