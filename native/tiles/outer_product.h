// The micro-kernel of everything but depthwise convolution, and the tables of tiles made of it: M values
// are broadcast, each to a line of V vectors, and added to M × V sums, which stay in registers. What a
// tile reads, and from where, is all that tells one tile from another.
#pragma once
#include "machine/past_caches.h"
#include "machine/registers.h"

namespace dxdw {
namespace {

template <class T, int V>
DXDW_INLINE void load_all(const T *p, Vector<T> (&x)[V]) {
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) x[v] = load(p + v * lanes<T>);
}

// sum[m][v] += value(m) · line[v]
template <class T, int M, int V, class Value>
DXDW_INLINE void outer_product(const Value &value, const Vector<T> (&line)[V],
                               Vector<T> (&sum)[M][V]) {
#pragma GCC unroll 14
  for (int m = 0; m < M; ++m) {
    const Vector<T> one = broadcast(value(m));
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[m][v] += one * line[v];
  }
}

// Over what stands there, added to it, or over it past the caches, which is of whole lines.
enum class Store { kOver, kAdded, kPastCaches };

// to[m·ld + v·lanes] = sum[m][v]
template <Store How, class T, int M, int V>
DXDW_INLINE void store_sums(const Vector<T> (&sum)[M][V], T *to, Index ld) {
#pragma GCC unroll 14
  for (int m = 0; m < M; ++m)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      T *p = to + m * ld + v * lanes<T>;
      if constexpr (How == Store::kPastCaches)
        store_past_caches(p, sum[m][v]);
      else
        store(p, How == Store::kAdded ? load(p) + sum[m][v] : sum[m][v]);
    }
}

// Tiles by up to three sizes: Of::tile<a, b, c>() is the function, or null where there is none.
template <class Of, int A, int B, int C = 1>
class TileTable {
 public:
  using Function = decltype(Of::template tile<1, 1, 1>());

  constexpr TileTable() : TileTable(typename SequenceTo<A * B * C>::type{}) {}
  Function of(Index a, Index b, Index c = 1) const {
    return tiles_[((a - 1) * B + b - 1) * C + c - 1];
  }

 private:
  template <int... I>
  constexpr explicit TileTable(Sequence<I...>)
      : tiles_{Of::template tile<I / (B * C) + 1, I / C % B + 1, I % C + 1>()...} {}

  Function tiles_[A * B * C];
};

}  // namespace
}  // namespace dxdw
