// Transposes of square blocks in registers: log2(lanes) rounds, each of which swaps halves of pairs.
#pragma once
#include "machine/elements.h"

namespace dxdw {
namespace {

template <class T, int Width, int... I>
DXDW_INLINE void swap_halves(Vector<T> &a, Vector<T> &b, Sequence<I...>) {
  constexpr int n = lanes<T>;
  const Vector<T> low = __builtin_shufflevector(a, b, (I & Width ? n + (I ^ Width) : I)...);
  const Vector<T> high = __builtin_shufflevector(a, b, (I & Width ? n + I : I ^ Width)...);
  a = low, b = high;
}

template <class T, int Width = 1>
DXDW_INLINE void transpose_block(Vector<T> (&row)[lanes<T>]) {
  if constexpr (Width < lanes<T>) {
#pragma GCC unroll 16
    for (int i = 0; i < lanes<T>; ++i)
      if (!(i & Width))
        swap_halves<T, Width>(row[i], row[i ^ Width], typename SequenceTo<lanes<T>>::type{});
    transpose_block<T, Width * 2>(row);
  }
}

// Loads a block of rows, zeros for those that are not there, transposed.
template <class S, class T = Sum<S>>
DXDW_INLINE void load_transposed(const S *from, Index ld, Index rows, Vector<T> (&block)[lanes<T>]) {
  if (rows == lanes<T>) {
#pragma GCC unroll 16
    for (int k = 0; k < lanes<T>; ++k) block[k] = load(from + k * ld);
  } else {
    for (int k = 0; k < lanes<T>; ++k) block[k] = k < rows ? load(from + k * ld) : Vector<T>{};
  }
  transpose_block<T>(block);
}

// to[j·ld_to + i] = from[i·ld_from + j] for i < rows, j < columns; i from rows up to the next whole
// vector becomes zero.
template <class S, class T = Sum<S>>
void transpose(const S *from, Index ld_from, Index rows, Index columns, T *to, Index ld_to) {
  constexpr Index n = lanes<T>;
  for (Index i = 0; i < rows; i += n) {
    const Index height = least(n, rows - i);
    // Of what fills no block a few columns are faster one by one; more are of a block that reaches back,
    // and writes what stands there once more.
    const Index rest = columns % n;
    const Index single = columns < n || rest < n / 4 + 2 ? rest : 0;
    for (Index j = 0; j < columns - single; j += n) {
      const Index at = least(j, columns - n);
      Vector<T> block[n];
      load_transposed(from + i * ld_from + at, ld_from, height, block);
#pragma GCC unroll 16
      for (int k = 0; k < n; ++k) store(to + (at + k) * ld_to + i, block[k]);
    }
    for (Index j = columns - single; j < columns; ++j) {
      T *line = to + j * ld_to + i;
      for (Index k = 0; k < height; ++k) line[k] = value_of(from[(i + k) * ld_from + j]);
      for (Index k = height; k < n; ++k) line[k] = 0;
    }
  }
}

template <class T>
DXDW_INLINE void transpose(Source<T> from, Index ld_from, Index rows, Index columns, T *to, Index ld_to) {
  from.as_stored([=](auto *p) DXDW_LAMBDA { transpose(p, ld_from, rows, columns, to, ld_to); });
}

}  // namespace
}  // namespace dxdw
