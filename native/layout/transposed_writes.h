// Sums that lie position by position, written where results lie channel by channel.
#pragma once
#include "machine/elements.h"
#include "machine/past_caches.h"
#include "tiles/transpose.h"

namespace dxdw {
namespace {

// to[j·ld_to + i·spacing] = from[i·ld + j] for i < positions, j < channels; past the caches, where the
// call says so and lines begin alike.
template <class S, class T = Sum<S>>
void write_transposed(const T *from, Index ld, Index positions, Index channels, S *to, Index ld_to,
                      Index spacing, bool past_caches = false) {
  constexpr Index n = lanes<T>;
  const Index lead = to_next_line(to);
  const bool in_lines = past_caches && !is_narrow<S> && spacing == 1 &&
                        whole_lines(to + lead, ld_to, DXDW_VECTOR_BYTES);
  for (Index j = 0; j < channels; j += n) {
    const Index height = least(n, channels - j);
    for (Index i = 0, width; i < positions; i += width) {
      width = least(in_lines && i < lead ? lead : n, positions - i);
      Vector<T> block[n];
      load_transposed(from + i * ld + j, ld, width, block);
      S *line = to + j * ld_to + i * spacing;
      if (spacing == 1 && width == n && height == n) {
        if constexpr (!is_narrow<S>)
          if (in_lines) {
#pragma GCC unroll 16
            for (int k = 0; k < n; ++k) store_past_caches(line + k * ld_to, block[k]);
            continue;
          }
#pragma GCC unroll 16
        for (int k = 0; k < n; ++k) store(line + k * ld_to, block[k]);
        continue;
      }
      T part[n][n];
#pragma GCC unroll 16
      for (int k = 0; k < n; ++k) store(part[k], block[k]);
      for (Index k = 0; k < height; ++k)
        if (spacing == 1)
          copy_rounded(line + k * ld_to, part[k], width);
        else
          for (Index p = 0; p < width; ++p) put(line + k * ld_to + p * spacing, part[k][p]);
    }
  }
}

template <class T>
DXDW_INLINE void write_transposed(const T *from, Index ld, Index positions, Index channels, Result<T> to,
                                  Index ld_to, Index spacing, bool past_caches = false) {
  to.as_stored([=](auto *p) DXDW_LAMBDA {
    write_transposed(from, ld, positions, channels, p, ld_to, spacing, past_caches);
  });
}

// The same of two that are woven: to[j·ld_to + 2i] = a[i·ld + j] for i < positions, and
// to[j·ld_to + 2i + 1] = b[i·ld + j] for i < of_second.
template <class S, class T = Sum<S>>
void weave_transposed(const T *a, const T *b, Index ld, Index positions, Index of_second,
                      Index channels, S *to, Index ld_to) {
  constexpr Index n = lanes<T>;
  for (Index j = 0; j < channels; j += n) {
    const Index height = least(n, channels - j);
    for (Index i = 0; i < positions; i += n) {
      const Index width = least(n, positions - i), second = least(n, of_second - i);
      const T *const from[] = {a, b};
      T line[2][n][n];
#pragma GCC unroll 1  // a transpose is a kilobyte
      for (int s = 0; s < 2; ++s) {
        Vector<T> block[n];
        load_transposed(from[s] + i * ld + j, ld, width, block);
#pragma GCC unroll 16
        for (int k = 0; k < n; ++k) store(line[s][k], block[k]);
      }
      for (Index k = 0; k < height; ++k)
        weave(line[0][k], line[1][k], width, second, to + (j + k) * ld_to + 2 * i);
    }
  }
}

template <class T>
DXDW_INLINE void weave_transposed(const T *a, const T *b, Index ld, Index positions, Index of_second,
                                  Index channels, Result<T> to, Index ld_to) {
  to.as_stored([=](auto *p) DXDW_LAMBDA {
    weave_transposed(a, b, ld, positions, of_second, channels, p, ld_to);
  });
}

}  // namespace
}  // namespace dxdw
