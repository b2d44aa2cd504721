// The register tiles of dW: sums over positions of products of grad_out and shifted x.
//
// With vectors along output channels (grad_out transposed) x is broadcast, and a load never crosses
// a cache line; with vectors along positions both stay as they are, which few channels need.
#pragma once
#include "tiles/outer_product.h"

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
      outer_product<T>([&p, q](int m) DXDW_LAMBDA { return p[m][q]; }, line, total);
    }
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) p[m] += pitch;
  }
  store_sums<Store::kAdded>(total, sum, ld);
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

// Operands on the left and on the right of a position tile.
struct PositionSplit {
  Index left, right;
};

// The split of so many operands into tiles that loads least.
inline PositionSplit position_split(Index lefts, Index rights) {
  PositionSplit found = {1, 1};
  Index best = 0;
  for (Index a = 1; a <= least(kMostLeft, lefts); ++a)
    for (Index b = 1; b <= least(least(kMostRight, rights), kPositionSums / a); ++b) {
      // Loads beside the products, which are as many for every split: an unaligned one of x, which
      // crosses a cache line, counts as two. Tiles of fewer than 8 sums wait for each of them.
      const Index down = divide_up(lefts, a), across = divide_up(rights, b);
      const Index cost = across * lefts + 2 * down * rights + down * across * (4 + (a * b < 8 ? 16 : 0));
      if (!best || cost < best) best = cost, found = {a, b};
    }
  return found;
}

template <class T>
struct ChannelTiles {
  template <int M, int V, int>
  static constexpr ChannelTile<T> tile() {
    if constexpr (M * V <= kAccumulators)
      return channel_tile<T, M, V>;
    else
      return nullptr;
  }
};

template <class T>
struct PositionTiles {
  template <int A, int B, int>
  static constexpr PositionTile<T> tile() {
    if constexpr (A * B <= kPositionSums)
      return position_tile<T, A, B>;
    else
      return nullptr;
  }
};

template <class T>
constexpr TileTable<ChannelTiles<T>, kMostChannels, kVectors> channel_tiles{};
template <class T>
constexpr TileTable<PositionTiles<T>, kMostLeft, kMostRight> position_tiles{};

}  // namespace
}  // namespace dxdw
