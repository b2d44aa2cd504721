// Arrays whose channels lie behind their positions (channels_last): read to lines of a channel each, and
// written from sums that lie position by position, which then is a copy.
#pragma once
#include "tiles/transpose.h"

namespace dxdw {
namespace {

// to[j·ld_to + i] = from[i·ld + j] for i < positions, j < channels; nothing else is read or written.
template <class S, class T = Sum<S>>
void read_transposed(const S *from, Index ld, Index positions, Index channels, T *to, Index ld_to) {
  constexpr Index n = lanes<T>;
  Index j = 0;
  for (; j + n <= channels; j += n) {
    Index i = 0;
    for (; i + n <= positions; i += n) {
      Vector<T> block[n];
      load_transposed(from + i * ld + j, ld, n, block);
#pragma GCC unroll 16
      for (int k = 0; k < n; ++k) store(to + (j + k) * ld_to + i, block[k]);
    }
    for (; i < positions; ++i)
      for (Index k = 0; k < n; ++k) to[(j + k) * ld_to + i] = value_of(from[i * ld + j + k]);
  }
  for (; j < channels; ++j)
    for (Index i = 0; i < positions; ++i) to[j * ld_to + i] = value_of(from[i * ld + j]);
}

// to[i·lanes + j] = from[i·ld + j] for i < positions, j < channels ≤ lanes, and zeros up to the lanes.
template <class S, class T = Sum<S>>
void read_lanes(const S *from, Index ld, Index positions, Index channels, T *to) {
  for (Index i = 0; i < positions; ++i, from += ld, to += lanes<T>) {
    if (channels == lanes<T>) {
      store(to, load(from));
      continue;
    }
    copy_widened(to, from, channels);
    for (Index j = channels; j < lanes<T>; ++j) to[j] = 0;
  }
}

// to[i·apart + j] = from[i·ld + j] for i < positions, j < channels.
template <class S, class T = Sum<S>>
void write_positions(const T *from, Index ld, Index positions, Index channels, S *to, Index apart) {
  for (Index i = 0; i < positions; ++i) copy_rounded(to + i * apart, from + i * ld, channels);
}

// The same from lines of a channel each: to[i·apart + j] = from[j·ld + i].
template <class S, class T = Sum<S>>
void write_lines(const T *from, Index ld, Index positions, Index channels, S *to, Index apart) {
  for (Index i = 0; i < positions; ++i)
    for (Index j = 0; j < channels; ++j) put(to + i * apart + j, from[j * ld + i]);
}

// --- what they are stored in, as a call says ------------------------------------------------------

template <class T>
DXDW_INLINE void read_transposed(Source<T> from, Index ld, Index positions, Index channels, T *to,
                                 Index ld_to) {
  from.as_stored([=](auto *p) DXDW_LAMBDA { read_transposed(p, ld, positions, channels, to, ld_to); });
}
template <class T>
DXDW_INLINE void read_lanes(Source<T> from, Index ld, Index positions, Index channels, T *to) {
  from.as_stored([=](auto *p) DXDW_LAMBDA { read_lanes(p, ld, positions, channels, to); });
}
template <class T>
DXDW_INLINE void write_positions(const T *from, Index ld, Index positions, Index channels, Result<T> to,
                                 Index apart) {
  to.as_stored([=](auto *p) DXDW_LAMBDA { write_positions(from, ld, positions, channels, p, apart); });
}
template <class T>
DXDW_INLINE void write_lines(const T *from, Index ld, Index positions, Index channels, Result<T> to,
                             Index apart) {
  to.as_stored([=](auto *p) DXDW_LAMBDA { write_lines(from, ld, positions, channels, p, apart); });
}

}  // namespace
}  // namespace dxdw
