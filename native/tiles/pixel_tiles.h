// The register tiles of depthwise convolution where channels lie last: vectors run along the channels of
// a pixel, and every tap is another pixel.
//
// A tile takes pixels of one row that all see the same taps. Whatever it reads stands in lines of all
// channels, which it follows from their first vectors to their last.
#pragma once
#include "tiles/outer_product.h"

namespace dxdw {
namespace {

// A tap of a row: where its pixel stands from a tile's first one, and where its weights do.
struct PixelTap {
  Index at, weight;
};

// Pixels of a tile, and taps whose sums it keeps.
constexpr int kMostPixels = kAccumulators / 2;
constexpr int kMostPixelTaps = 9;
// Neighbouring vectors of channels, so that there are enough sums at a time.
constexpr int pixel_vectors(int sums) { return sums * 4 <= kAccumulators ? 4 : int(kAccumulators) / sums; }

// several(c) for blocks of V vectors of channels, then one(c, to) for each that is left. The last of these
// ends with the channels, and `to` is where it would begin if it didn't.
template <class T, int V, class Several, class One>
DXDW_INLINE void each_channel(Index channels, const Several &several, const One &one) {
  Index c = 0;
  for (; c + V * lanes<T> <= channels; c += V * lanes<T>) several(c);
  for (; c + lanes<T> <= channels; c += lanes<T>) one(c, c);
  if (c < channels) one(channels - lanes<T>, c);
}

// out[m·apart + c] = Σ_t w[taps[t].weight + c] · x[m·step + taps[t].at + c]
template <class T>
using PixelTile = void (*)(const T *x, Index step, const PixelTap *taps, Index count, const T *w,
                           Index channels, T *out, Index apart);

template <class T, int M, int V>
DXDW_INLINE void sum_pixels(const T *x, Index step, const PixelTap *taps, Index count, const T *w,
                            T *out, Index apart) {
  Vector<T> sum[M][V] = {};
  for (Index t = 0; t < count; ++t) {
    const T *p = x + taps[t].at;
    Vector<T> weight[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) weight[v] = load(w + taps[t].weight + v * lanes<T>);
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m, p += step)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[m][v] += weight[v] * load(p + v * lanes<T>);
  }
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) store(out + m * apart + v * lanes<T>, sum[m][v]);
}

template <class T, int M>
void pixel_tile(const T *x, Index step, const PixelTap *taps, Index count, const T *w, Index channels,
                T *out, Index apart) {
  constexpr int V = pixel_vectors(M);
  each_channel<T, V>(
      channels,
      [&](Index c) DXDW_LAMBDA { sum_pixels<T, M, V>(x + c, step, taps, count, w + c, out + c, apart); },
      [&](Index c, Index) DXDW_LAMBDA {
        sum_pixels<T, M, 1>(x + c, step, taps, count, w + c, out + c, apart);
      });
}

// sum[taps[t].weight + c] += Σ_m g[m·apart + c] · x[m·step + taps[t].at + c] of so many pixels. The last
// channels, where they fill no vector, are in one that ends with them: its sums stand behind the others'.
template <class T>
using PixelWeights = void (*)(const T *g, Index apart, const T *x, Index step, const PixelTap *taps,
                              Index pixels, Index channels, T *sum);

template <class T, int G, int V>
DXDW_INLINE void sum_taps(const T *g, Index apart, const T *x, Index step, const PixelTap *taps,
                          Index pixels, T *sum) {
  Vector<T> total[G][V] = {};
  const T *p[G];
#pragma GCC unroll 9
  for (int i = 0; i < G; ++i) p[i] = x + taps[i].at;
  for (Index m = 0, q = 0; m < pixels; ++m, q += step, g += apart)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const Vector<T> one = load(g + v * lanes<T>);
#pragma GCC unroll 9
      for (int i = 0; i < G; ++i) total[i][v] += one * load(p[i] + q + v * lanes<T>);
    }
#pragma GCC unroll 9
  for (int i = 0; i < G; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      T *to = sum + taps[i].weight + v * lanes<T>;
      store(to, load(to) + total[i][v]);
    }
}

template <class T, int G>
void pixel_weights(const T *g, Index apart, const T *x, Index step, const PixelTap *taps, Index pixels,
                   Index channels, T *sum) {
  constexpr int V = pixel_vectors(G);
  each_channel<T, V>(
      channels,
      [&](Index c) DXDW_LAMBDA {
        sum_taps<T, G, V>(g + c, apart, x + c, step, taps, pixels, sum + c);
      },
      [&](Index c, Index to) DXDW_LAMBDA {
        sum_taps<T, G, 1>(g + c, apart, x + c, step, taps, pixels, sum + to);
      });
}

template <class T>
struct PixelTiles {
  template <int M, int, int>
  static constexpr PixelTile<T> tile() {
    return pixel_tile<T, M>;
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
constexpr TileTable<PixelTiles<T>, kMostPixels, 1> pixel_tiles{};
template <class T>
constexpr TileTable<PixelWeightTiles<T>, kMostPixelTaps, 1> pixel_weight_tiles{};

}  // namespace
}  // namespace dxdw
