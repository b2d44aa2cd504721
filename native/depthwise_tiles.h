// The register tiles of depthwise convolution, on rows that stand between zeros (depthwise_rows.h).
//
// Where the rows of the kernel are neighbours, a tile has kTileRows destination rows, and a source row
// once loaded serves every one of them that it reaches: as few loads as multiplications need.
#pragma once
#include "vector.h"

namespace dxdw {
namespace {

constexpr int kTileRows = 4;

// One phase of a pass: the taps of its kernel, column by column.
struct DepthwiseTaps {
  Index rows, columns;  // taps of a column of the kernel, and of a row
  const Index *row;     // elements from a destination's row to each tap's
  const Index *column;  //                        and column (PaddedRows::column)
  Index step;           // elements from what one destination row reads to what the next does
  Index pitch;          // elements of a row
  Index sources, source;  // channels, and elements from one to the next
};

// Sums R destination rows of V vectors from `out` on.
template <class T>
using DepthwiseTile = void (*)(const T *rows, const DepthwiseTaps &taps, const T *w, T *out,
                               Index ldr);

template <class T, int R, int V>
DXDW_INLINE void store_tile(const Vector<T> (&sum)[R][V], T *out, Index ldr) {
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) store(out + r * ldr + v * lanes<T>, sum[r][v]);
}

// K rows of neighbouring taps, destination rows S apart.
template <class T, int K, int S, int V>
void depthwise_tile(const T *rows, const DepthwiseTaps &taps, const T *w, T *out, Index ldr) {
  constexpr int R = kTileRows;
  Vector<T> sum[R][V] = {};
  const Index pitch = taps.pitch;
  const T *top = rows + taps.row[0];
  for (Index c = 0; c < taps.sources; ++c, top += taps.source)
    for (Index k = 0; k < taps.columns; ++k, w += K) {
      const T *p = top + taps.column[k];
#pragma GCC unroll 16
      for (int h = 0; h < (R - 1) * S + K; ++h, p += pitch) {
        Vector<T> x[V];
#pragma GCC unroll 2
        for (int v = 0; v < V; ++v) x[v] = load(p + v * lanes<T>);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r)
          if (h - r * S >= 0 && h - r * S < K)
#pragma GCC unroll 2
            for (int v = 0; v < V; ++v) sum[r][v] += broadcast(w[h - r * S]) * x[v];
      }
    }
  store_tile<T, R, V>(sum, out, ldr);
}

// Taps wherever they are.
template <class T, int R, int V>
void depthwise_tile_of_any(const T *rows, const DepthwiseTaps &taps, const T *w, T *out,
                           Index ldr) {
  Vector<T> sum[R][V] = {};
  for (Index c = 0; c < taps.sources; ++c, rows += taps.source)
    for (Index k = 0; k < taps.columns; ++k)
      for (Index h = 0; h < taps.rows; ++h) {
        const Vector<T> weight = broadcast(*w++);
        const T *p = rows + taps.row[h] + taps.column[k];
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r)
#pragma GCC unroll 2
          for (int v = 0; v < V; ++v)
            sum[r][v] += weight * load(p + r * taps.step + v * lanes<T>);
      }
  store_tile<T, R, V>(sum, out, ldr);
}

// For V vectors: a tile of kTileRows rows, and one of a single row.
template <class T>
struct DepthwiseTiles {
  DepthwiseTile<T> tall[3], low[3];
};

template <class T, int K, int S>
constexpr DepthwiseTiles<T> depthwise_tiles() {
  return {{nullptr, depthwise_tile<T, K, S, 1>, depthwise_tile<T, K, S, 2>},
          {nullptr, depthwise_tile_of_any<T, 1, 1>, depthwise_tile_of_any<T, 1, 2>}};
}

template <class T>
constexpr DepthwiseTiles<T> depthwise_tiles_of_any() {
  return {{nullptr, depthwise_tile_of_any<T, kTileRows, 1>, depthwise_tile_of_any<T, kTileRows, 2>},
          {nullptr, depthwise_tile_of_any<T, 1, 1>, depthwise_tile_of_any<T, 1, 2>}};
}

// Whether rows of taps are neighbours, and destination rows `stride` source rows apart.
inline bool neighbours(const DepthwiseTaps &taps, Index stride) {
  for (Index k = 1; k < taps.rows; ++k)
    if (taps.row[k] - taps.row[k - 1] != taps.pitch) return false;
  return taps.step == stride * taps.pitch;
}

template <class T>
DepthwiseTiles<T> choose_depthwise_tiles(const DepthwiseTaps &taps) {
  for (int stride = 1; stride <= 2; ++stride) {
    if (!neighbours(taps, stride)) continue;
    const bool one = stride == 1;
    switch (taps.rows) {
      case 3: return one ? depthwise_tiles<T, 3, 1>() : depthwise_tiles<T, 3, 2>();
      case 5: return one ? depthwise_tiles<T, 5, 1>() : depthwise_tiles<T, 5, 2>();
      case 7: return one ? depthwise_tiles<T, 7, 1>() : depthwise_tiles<T, 7, 2>();
    }
  }
  return depthwise_tiles_of_any<T>();
}

// dW: adds Σ g · x over `rows` rows of `vectors` vectors to a vector for each tap, column by column
// of the kernel, from column k on.
template <class T>
using DepthwiseWeights = void (*)(const T *g, Index g_pitch, const T *x, const DepthwiseTaps &taps,
                                  Index k, Index rows, Index vectors, T *sum);

template <class T>
DXDW_INLINE void add_to(T *sum, Vector<T> v) {
  store(sum, load(sum) + v);
}

template <class T, int K, int S, int N>
void depthwise_weights(const T *g, Index g_pitch, const T *x, const DepthwiseTaps &taps, Index k,
                       Index rows, Index vectors, T *sum) {
  constexpr int R = kTileRows;
  Vector<T> own[N][K] = {};
  const Index pitch = taps.pitch;
  const T *top = x + taps.row[0];
  Index column[N];
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) column[n] = taps.column[k + n];
  Index i = 0;
  for (; i + R <= rows; i += R, g += R * g_pitch, top += R * taps.step)
    for (Index q = 0; q < vectors * lanes<T>; q += lanes<T>) {
      Vector<T> of_row[R];
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) of_row[r] = load(g + r * g_pitch + q);
      const T *p = top + q;
#pragma GCC unroll 16
      for (int h = 0; h < (R - 1) * S + K; ++h, p += pitch)
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) {
          const Vector<T> value = load(p + column[n]);
#pragma GCC unroll 4
          for (int r = 0; r < R; ++r)
            if (h - r * S >= 0 && h - r * S < K) own[n][h - r * S] += of_row[r] * value;
        }
    }
  for (; i < rows; ++i, g += g_pitch, top += taps.step)
    for (Index q = 0; q < vectors * lanes<T>; q += lanes<T>) {
      const Vector<T> of_row = load(g + q);
      const T *p = top + q;
#pragma GCC unroll 8
      for (int u = 0; u < K; ++u, p += pitch)
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) own[n][u] += of_row * load(p + column[n]);
    }
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n)
#pragma GCC unroll 8
    for (int u = 0; u < K; ++u) add_to(sum + ((k + n) * K + u) * lanes<T>, own[n][u]);
}

// The same for a column of taps wherever they are, N at a time.
template <class T, int N>
DXDW_INLINE void some_weights(const T *g, Index g_pitch, const T *x, const DepthwiseTaps &taps,
                              const Index *row, Index rows, Index vectors, T *sum) {
  Vector<T> own[N] = {};
  for (Index i = 0; i < rows; ++i, g += g_pitch, x += taps.step)
    for (Index q = 0; q < vectors * lanes<T>; q += lanes<T>) {
      const Vector<T> of_row = load(g + q);
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) own[n] += of_row * load(x + row[n] + q);
    }
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) add_to(sum + n * lanes<T>, own[n]);
}

template <class T>
void depthwise_weights_of_any(const T *g, Index g_pitch, const T *x, const DepthwiseTaps &taps,
                              Index k, Index rows, Index vectors, T *sum) {
  x += taps.column[k];
  sum += k * taps.rows * lanes<T>;
  Index u = 0;
  for (; u + 4 <= taps.rows; u += 4)
    some_weights<T, 4>(g, g_pitch, x, taps, taps.row + u, rows, vectors, sum + u * lanes<T>);
  for (; u + 2 <= taps.rows; u += 2)
    some_weights<T, 2>(g, g_pitch, x, taps, taps.row + u, rows, vectors, sum + u * lanes<T>);
  for (; u < taps.rows; ++u)
    some_weights<T, 1>(g, g_pitch, x, taps, taps.row + u, rows, vectors, sum + u * lanes<T>);
}

// As many columns of taps at once as leave registers for the rest, and those that remain.
template <class T>
struct DepthwiseWeightTiles {
  Index most;
  DepthwiseWeights<T> of[4];
};

template <class T, int K, int S>
constexpr DepthwiseWeightTiles<T> depthwise_weight_tiles() {
  constexpr int columns = DXDW_REGISTERS == 32 ? 3 : K == 3 ? 3 : K == 5 ? 2 : 1;
  constexpr int two = columns < 2 ? columns : 2;
  return {columns, {nullptr, depthwise_weights<T, K, S, 1>, depthwise_weights<T, K, S, two>,
                    depthwise_weights<T, K, S, columns>}};
}

template <class T>
DepthwiseWeightTiles<T> choose_depthwise_weight_tiles(const DepthwiseTaps &taps) {
  for (int stride = 1; stride <= 2; ++stride) {
    if (!neighbours(taps, stride)) continue;
    const bool one = stride == 1;
    switch (taps.rows) {
      case 3: return one ? depthwise_weight_tiles<T, 3, 1>() : depthwise_weight_tiles<T, 3, 2>();
      case 5: return one ? depthwise_weight_tiles<T, 5, 1>() : depthwise_weight_tiles<T, 5, 2>();
      case 7: return one ? depthwise_weight_tiles<T, 7, 1>() : depthwise_weight_tiles<T, 7, 2>();
    }
  }
  return {1, {nullptr, depthwise_weights_of_any<T>, nullptr, nullptr}};
}

}  // namespace
}  // namespace dxdw
