// The register tiles of depthwise convolution.
//
// Where the rows of the kernel are neighbours, a tile has several destination rows, and a vector once
// loaded serves every one of them that it reaches: not more loads than multiplications.
#pragma once
#include "machine/registers.h"

namespace dxdw {
namespace {

// One phase of a pass: the taps of its kernel, column by column.
struct DepthwiseTaps {
  Index rows, columns;    // taps of a column of the kernel, and of a row
  const Index *row;       // rows from what a destination row reads first to each tap's
  const Index *column;    // elements from a row's pointer to each tap's (PlaneRows::column)
  Index step;             // rows from what one destination row reads to what the next does
  Index sources, source;  // channels, and row pointers from one to the next
  // From a weight to that of the next row of taps, of the next column, and of the next source.
  Index weight_row, weight_column, weight_source;
  Index next, next_out;   // elements from a row of each array to the next one
};

// A vector of columns. Where it reads past the ends of a row, or has lanes that are no column, there
// is a mask for each column of taps.
template <class T>
struct Span {
  Index q;
  const Mask<T> *masks;
  Mask<T> columns;
};

template <class T, bool Masked>
DXDW_INLINE Vector<T> load_lanes(const T *p, const Mask<T> *mask) {
  Vector<T> v = load(p);
  if constexpr (Masked) v = keep<T>(v, *mask);
  hold(v);
  return v;
}

// Sums R destination rows of one span.
template <class T>
using DepthwiseTile = void (*)(const T *const *rows, const DepthwiseTaps &taps, const Span<T> &span,
                               const T *w, T *out, Index ldr);

template <class T, int K, int S, int R, bool Masked>
DXDW_INLINE void column_of_taps(const T *const *rows, const DepthwiseTaps &taps,
                                const Span<T> &span, Index k, const T *w, Vector<T> (&sum)[R]) {
  const Index at = span.q + taps.column[k];
  const Mask<T> *mask = span.masks + k;
  Vector<T> weight[K];
#pragma GCC unroll 8
  for (int u = 0; u < K; ++u) weight[u] = broadcast(w[u * taps.weight_row]);
#pragma GCC unroll 32
  for (int h = 0; h < (R - 1) * S + K; ++h) {
    const Vector<T> x = load_lanes<T, Masked>(rows[h] + at, mask);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r)
      if (h - r * S >= 0 && h - r * S < K) sum[r] += weight[h - r * S] * x;
  }
}

// K rows of neighbouring taps, destination rows S apart; one source and C columns, or any of both.
template <class T, int K, int C, int S, int R, bool Masked>
void depthwise_tile(const T *const *rows, const DepthwiseTaps &taps, const Span<T> &span,
                    const T *w, T *out, Index ldr) {
  Vector<T> sum[R] = {};
  rows += taps.row[0];
  if constexpr (C > 0) {
#pragma GCC unroll 8
    for (int k = 0; k < C; ++k)
      column_of_taps<T, K, S, R, Masked>(rows, taps, span, k, w + k * taps.weight_column, sum);
  } else {
    for (Index c = 0; c < taps.sources; ++c, rows += taps.source, w += taps.weight_source)
      for (Index k = 0; k < taps.columns; ++k)
        column_of_taps<T, K, S, R, Masked>(rows, taps, span, k, w + k * taps.weight_column, sum);
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) store(out + r * ldr, sum[r]);
}

// Taps wherever they are.
template <class T, int R, bool Masked>
void depthwise_tile_of_any(const T *const *rows, const DepthwiseTaps &taps, const Span<T> &span,
                           const T *w, T *out, Index ldr) {
  Vector<T> sum[R] = {};
  for (Index c = 0; c < taps.sources; ++c, rows += taps.source, w += taps.weight_source)
    for (Index k = 0; k < taps.columns; ++k) {
      const Index at = span.q + taps.column[k];
      const Mask<T> *mask = span.masks + k;
      for (Index u = 0; u < taps.rows; ++u) {
        const Vector<T> weight = broadcast(w[k * taps.weight_column + u * taps.weight_row]);
        const T *const *row = rows + taps.row[u];
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r)
          sum[r] += weight * load_lanes<T, Masked>(row[r * taps.step] + at, mask);
      }
    }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) store(out + r * ldr, sum[r]);
}

// By whether spans are masked: of kTall rows, of kLow, and of one.
template <class T>
struct DepthwiseTiles {
  DepthwiseTile<T> tall[2], low[2], one[2];
};

template <class T, int K, int C, int S>
constexpr DepthwiseTiles<T> depthwise_tiles() {
  return {{depthwise_tile<T, K, C, S, kTall, false>, depthwise_tile<T, K, C, S, kTall, true>},
          {depthwise_tile<T, K, C, S, kLow, false>, depthwise_tile<T, K, C, S, kLow, true>},
          {depthwise_tile_of_any<T, 1, false>, depthwise_tile_of_any<T, 1, true>}};
}

template <class T>
constexpr DepthwiseTiles<T> depthwise_tiles_of_any() {
  return {{depthwise_tile_of_any<T, kTall, false>, depthwise_tile_of_any<T, kTall, true>},
          {depthwise_tile_of_any<T, kLow, false>, depthwise_tile_of_any<T, kLow, true>},
          {depthwise_tile_of_any<T, 1, false>, depthwise_tile_of_any<T, 1, true>}};
}

// Whether rows of taps are neighbours.
inline bool neighbours(const DepthwiseTaps &taps) {
  for (Index k = 1; k < taps.rows; ++k)
    if (taps.row[k] != taps.row[k - 1] + 1) return false;
  return true;
}

template <class T>
DepthwiseTiles<T> choose_depthwise_tiles(const DepthwiseTaps &taps) {
  if (neighbours(taps) && taps.step <= 2) {
    const bool one = taps.step == 1;
    switch (taps.rows) {
      case 1:
        if (one) return depthwise_tiles<T, 1, 0, 1>();
        break;
      case 2:
        if (one) return depthwise_tiles<T, 2, 0, 1>();
        break;
      case 3:
        if (taps.sources == 1 && taps.columns == 3)
          return one ? depthwise_tiles<T, 3, 3, 1>() : depthwise_tiles<T, 3, 3, 2>();
        return one ? depthwise_tiles<T, 3, 0, 1>() : depthwise_tiles<T, 3, 0, 2>();
      case 5: return one ? depthwise_tiles<T, 5, 0, 1>() : depthwise_tiles<T, 5, 0, 2>();
      case 7: return one ? depthwise_tiles<T, 7, 0, 1>() : depthwise_tiles<T, 7, 0, 2>();
    }
  }
  return depthwise_tiles_of_any<T>();
}

// dW: adds Σ g · x over so many rows and spans to a vector for each tap, column by column of the
// kernel, from column k on. Meanwhile it asks for what stands from `next` on, unless that is null.
template <class T>
using DepthwiseWeights = void (*)(const T *const *g, const T *const *x, const T *next,
                                  const DepthwiseTaps &taps, Index k, Index rows,
                                  const Span<T> *spans, Index count, T *sums);

template <class T>
DXDW_INLINE void add_to(T *sum, Vector<T> v) {
  store(sum, load(sum) + v);
}

template <class T, int K, int S, int N, int R, bool Masked>
DXDW_INLINE void depthwise_products(const T *const *g, const T *const *x, const Index (&column)[N],
                                    const Span<T> &span, Index k,
                                    Vector<T> (&sum)[N][K]) {
  Vector<T> of_row[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) of_row[r] = load_lanes<T, Masked>(g[r] + span.q, &span.columns);
#pragma GCC unroll 32
  for (int h = 0; h < (R - 1) * S + K; ++h)
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) {
      const Vector<T> value = load_lanes<T, Masked>(x[h] + span.q + column[n], span.masks + k + n);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r)
        if (h - r * S >= 0 && h - r * S < K) sum[n][h - r * S] += of_row[r] * value;
    }
}

template <class T, int K, int S, int N, bool Masked>
void depthwise_weights(const T *const *g, const T *const *x, const T *next,
                       const DepthwiseTaps &taps, Index k, Index rows, const Span<T> *spans,
                       Index count, T *sums) {
  constexpr int R = kRowsOfWeights;
  Vector<T> sum[N][K] = {};
  Index column[N];
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n) column[n] = taps.column[k + n];
  const Span<T> *const last = spans + count;
  for (; rows >= R; rows -= R, g += R, x += R * S) {
    for (const Span<T> *span = spans; span < last; ++span) {
      // As in DepthwiseGather: what the next rows of tiles read.
      if (next) {
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
          prefetch<false>(g[r] + R * taps.next_out + span->q, 1);
#pragma GCC unroll 2
          for (int s = 0; s < S; ++s) {
            const T *const ahead = next + (r * S + s) * taps.next + S * span->q;
            if constexpr (S == 1)
              prefetch<false>(ahead, 1);
            else
              prefetch_less_near(ahead, S * lanes<T>);
          }
        }
      }
      depthwise_products<T, K, S, N, R, Masked>(g, x, column, *span, k, sum);
    }
    if (next) next += R * S * taps.next;
  }
  for (; rows; --rows, ++g, x += S)
    for (const Span<T> *span = spans; span < last; ++span)
      depthwise_products<T, K, S, N, 1, Masked>(g, x, column, *span, k, sum);
#pragma GCC unroll 4
  for (int n = 0; n < N; ++n)
#pragma GCC unroll 8
    for (int u = 0; u < K; ++u) add_to(sums + ((k + n) * K + u) * lanes<T>, sum[n][u]);
}

// The same for taps wherever they are, N at a time of a column.
template <class T, int N, bool Masked>
DXDW_INLINE void some_weights(const T *const *g, const T *const *x, const DepthwiseTaps &taps,
                              Index k, Index u, Index rows, const Span<T> *spans, Index count,
                              T *sums) {
  Vector<T> sum[N] = {};
  for (const Span<T> *span = spans; span < spans + count; ++span) {
    const Index q = span->q, at = q + taps.column[k];
    const Mask<T> *mask = span->masks + k;
    for (Index r = 0; r < rows; ++r) {
      const Vector<T> of_row = load_lanes<T, Masked>(g[r] + q, &span->columns);
      const T *const *row = x + r * taps.step;
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n)
        sum[n] += of_row * load_lanes<T, Masked>(row[taps.row[u + n]] + at, mask);
    }
  }
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) add_to(sums + (k * taps.rows + u + n) * lanes<T>, sum[n]);
}

template <class T, bool Masked>
void depthwise_weights_of_any(const T *const *g, const T *const *x, const T *,
                              const DepthwiseTaps &taps, Index k, Index rows, const Span<T> *spans,
                              Index count, T *sums) {
  Index u = 0;
  for (; u + 4 <= taps.rows; u += 4)
    some_weights<T, 4, Masked>(g, x, taps, k, u, rows, spans, count, sums);
  for (; u + 2 <= taps.rows; u += 2)
    some_weights<T, 2, Masked>(g, x, taps, k, u, rows, spans, count, sums);
  for (; u < taps.rows; ++u)
    some_weights<T, 1, Masked>(g, x, taps, k, u, rows, spans, count, sums);
}

// By whether spans are masked: of `columns` columns of taps at once, and of one.
template <class T>
struct DepthwiseWeightTiles {
  Index columns;
  DepthwiseWeights<T> several[2], one[2];
};

template <class T, int K, int S>
constexpr DepthwiseWeightTiles<T> depthwise_weight_tiles() {
  constexpr int N = K == 3 ? 3 : 1;
  return {N,
          {depthwise_weights<T, K, S, N, false>, depthwise_weights<T, K, S, N, true>},
          {depthwise_weights<T, K, S, 1, false>, depthwise_weights<T, K, S, 1, true>}};
}

template <class T>
DepthwiseWeightTiles<T> choose_depthwise_weight_tiles(const DepthwiseTaps &taps) {
  if (neighbours(taps) && taps.step <= 2) {
    const bool one = taps.step == 1;
    switch (taps.rows) {
      case 3: return one ? depthwise_weight_tiles<T, 3, 1>() : depthwise_weight_tiles<T, 3, 2>();
      case 5: return one ? depthwise_weight_tiles<T, 5, 1>() : depthwise_weight_tiles<T, 5, 2>();
      case 7: return one ? depthwise_weight_tiles<T, 7, 1>() : depthwise_weight_tiles<T, 7, 2>();
    }
  }
  constexpr DepthwiseWeights<T> any[2] = {depthwise_weights_of_any<T, false>,
                                          depthwise_weights_of_any<T, true>};
  return {1, {any[0], any[1]}, {any[0], any[1]}};
}

}  // namespace
}  // namespace dxdw
