// The register tile of the products between the transforms: plain matrix products, one for each
// frequency.
#pragma once
#include "gather_tile.h"

namespace dxdw {
namespace {

// c[m·ldc + v] (+)= Σ_{k<count} a[m·step_m + k·step_k] · b[k·ldb + v]
template <class T>
using Product = void (*)(const T *a, Index step_m, Index step_k, const T *b, Index ldb, Index count,
                         T *c, Index ldc, bool add);

template <class T, int M, int V>
void product_tile(const T *a, Index step_m, Index step_k, const T *b, Index ldb, Index count, T *c,
                  Index ldc, bool add) {
  Vector<T> total[M][V] = {};
  for (Index k = 0; k < count; ++k, a += step_k, b += ldb) {
    Vector<T> line[V];
    load_all(b, line);
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m) {
      const Vector<T> value = broadcast(a[m * step_m]);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) total[m][v] += value * line[v];
    }
  }
#pragma GCC unroll 12
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      T *to = c + m * ldc + v * lanes<T>;
      store(to, add ? load(to) + total[m][v] : total[m][v]);
    }
}

template <class T>
struct Products {
  Product<T> of[kMostChannels + 1][kVectors + 1] = {};

  template <int M, int V>
  constexpr void fill() {
    if constexpr (M <= kMostChannels) {
      if constexpr (M * V <= kAccumulators) of[M][V] = product_tile<T, M, V>;
      if constexpr (V < kVectors)
        fill<M, V + 1>();
      else
        fill<M + 1, 1>();
    }
  }
  constexpr Products() { fill<1, 1>(); }
};

template <class T>
constexpr Products<T> products{};

// The same for any number of rows and up to kVectors vectors of columns.
template <class T>
void product(const T *a, Index rows, Index step_m, Index step_k, const T *b, Index ldb,
             Index vectors, Index count, T *c, Index ldc, bool add) {
  const Index tall = least(kMostChannels, kAccumulators / vectors);
  const Index blocks = divide_up(rows, tall);
  for (Index i = 0; i < blocks; ++i) {
    const Index m = i * rows / blocks, M = (i + 1) * rows / blocks - m;
    products<T>.of[M][vectors](a + m * step_m, step_m, step_k, b, ldb, count, c + m * ldc, ldc,
                               add);
  }
}

}  // namespace
}  // namespace dxdw
