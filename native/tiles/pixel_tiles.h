// The register tiles of depthwise convolution where channels lie last: a vector is some channels of a
// pixel, and every tap another pixel. They read what PixelBand has copied, vector behind vector.
#pragma once
#include "tiles/outer_product.h"

namespace dxdw {
namespace {

// Pixels of a tile, and taps whose sums it keeps; steps from a pixel's source to the next one's.
constexpr int kMostPixels = DXDW_REGISTERS == 32 ? 14 : 12;
constexpr int kMostPixelTaps = 9;
constexpr int kMostPixelStep = 2;

// out[m·apart + …] = Σ_t w[t·lanes + …] · x[m·Step·lanes + at[t] + …]
template <class T>
using PixelTile = void (*)(const T *x, const Index *at, Index taps, const T *w, T *out, Index apart);

template <class T, int M, int Step>
void pixel_tile(const T *x, const Index *at, Index taps, const T *w, T *out, Index apart) {
  Vector<T> sum[M] = {};
  for (Index t = 0; t < taps; ++t) {
    const Vector<T> weight = load(w + t * lanes<T>);
    const T *p = x + at[t];
#pragma GCC unroll 14
    for (int m = 0; m < M; ++m) sum[m] += weight * load(p + m * Step * lanes<T>);
  }
#pragma GCC unroll 14
  for (int m = 0; m < M; ++m) store(out + m * apart, sum[m]);
}

// sum[i·lanes + …] += Σ_{r<rows, q<columns} g[(r·columns + q)·lanes + …] · x[r·row + q·step + at[i] + …]
template <class T>
using PixelWeights = void (*)(const T *g, const T *x, const Index *at, Index rows, Index row,
                              Index columns, Index step, T *sum);

template <class T, int G>
void pixel_weights(const T *g, const T *x, const Index *at, Index rows, Index row, Index columns,
                   Index step, T *sum) {
  Vector<T> total[G] = {};
  const T *p[G];
#pragma GCC unroll 9
  for (int i = 0; i < G; ++i) p[i] = x + at[i];
  for (Index r = 0; r < rows; ++r)
    for (Index q = r * row; q < r * row + columns * step; q += step, g += lanes<T>) {
      const Vector<T> one = load(g);
#pragma GCC unroll 9
      for (int i = 0; i < G; ++i) total[i] += one * load(p[i] + q);
    }
#pragma GCC unroll 9
  for (int i = 0; i < G; ++i) store(sum + i * lanes<T>, load(sum + i * lanes<T>) + total[i]);
}

template <class T>
struct PixelTiles {
  template <int M, int Step, int>
  static constexpr PixelTile<T> tile() {
    return pixel_tile<T, M, Step>;
  }
};

template <class T>
struct PixelWeightTiles {
  template <int G, int, int>
  static constexpr PixelWeights<T> tile() {
    return pixel_weights<T, G>;
  }
};

template <class T>
constexpr TileTable<PixelTiles<T>, kMostPixels, kMostPixelStep> pixel_tiles{};
template <class T>
constexpr TileTable<PixelWeightTiles<T>, kMostPixelTaps, 1> pixel_weight_tiles{};

}  // namespace
}  // namespace dxdw
