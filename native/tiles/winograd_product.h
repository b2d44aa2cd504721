// The register tile of the products between the transforms: plain matrix products, one for each
// frequency.
#pragma once
#include "tiles/outer_product.h"

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
    outer_product<T>([a, step_m](int m) DXDW_LAMBDA { return a[m * step_m]; }, line, total);
  }
  if (add)
    store_sums<Store::kAdded>(total, c, ldc);
  else
    store_sums<Store::kOver>(total, c, ldc);
}

template <class T>
struct Products {
  template <int M, int V, int>
  static constexpr Product<T> tile() {
    if constexpr (M * V <= kAccumulators)
      return product_tile<T, M, V>;
    else
      return nullptr;
  }
};

template <class T>
constexpr TileTable<Products<T>, kMostChannels, kVectors> products{};

// The same for any number of rows and up to kVectors vectors of columns.
template <class T>
void product(const T *a, Index rows, Index step_m, Index step_k, const T *b, Index ldb,
             Index vectors, Index count, T *c, Index ldc, bool add) {
  const Index tall = least(kMostChannels, kAccumulators / vectors);
  const Index blocks = divide_up(rows, tall);
  for (Index i = 0; i < blocks; ++i) {
    const Index m = i * rows / blocks, M = (i + 1) * rows / blocks - m;
    products<T>.of(M, vectors)(a + m * step_m, step_m, step_k, b, ldb, count, c + m * ldc, ldc,
                               add);
  }
}

}  // namespace
}  // namespace dxdw
