// The register tile of a gather: M destination channels × R rows × V vectors of columns, summed over
// all source channels and taps without leaving the registers.
//
// Taps come in runs of neighbours down a column of the kernel. With R > 1 a row of the source, once
// loaded, serves every destination row that it reaches: few channels have nothing else to share.
#pragma once
#include "tiles/outer_product.h"

namespace dxdw {
namespace {

// Rows that a tile of so many channels can share a source row among.
constexpr Index most_rows(Index channels) {
  return channels == 1 ? kMostRows : channels == 2 ? 3 : channels == 3 ? 2 : 1;
}

constexpr bool is_tile(Index m, Index r, Index v) {
  return m * r * v <= kAccumulators && v <= kVectors && r <= most_rows(m);
}

struct Runs {
  Index channels, channel;  // source channels, and elements from one to the next
  Index count;
  const Index *offset;  // of each run's first tap
  const Index *length;  // taps of each run, R at least; 1 where R is 1
  Index pitch;          // from one tap of a run to the next
};

// Destination channel m, row r stands at out + m·ldm + r·ldr.
template <class T>
using Tile = void (*)(const T *x, const Runs &runs, const T *w, T *out, Index ldm, Index ldr);

// sum[m] += w[m] · x
template <class T, int M, int V>
DXDW_INLINE void multiply_add(const T *w, const Vector<T> (&x)[V], Vector<T> (&sum)[M][V]) {
  outer_product<T>([w](int m) DXDW_LAMBDA { return w[m]; }, x, sum);
}

template <class T, int M, int R, int V>
void gather_tile(const T *x, const Runs &runs, const T *w, T *out, Index ldm, Index ldr) {
  Vector<T> sum[R][M][V] = {}, row[V];
  for (Index c = 0; c < runs.channels; ++c, x += runs.channel) {
    for (Index i = 0; i < runs.count; ++i) {
      const T *p = x + runs.offset[i];
      if constexpr (R == 1) {
        load_all(p, row);
        multiply_add(w, row, sum[0]);
        w += M;
      } else {
        const Index length = runs.length[i], pitch = runs.pitch;
        // Source row h meets tap h − r in destination row r: fewer rows at both ends of the run.
#pragma GCC unroll 6
        for (int h = 0; h < R - 1; ++h, p += pitch) {
          load_all(p, row);
#pragma GCC unroll 6
          for (int r = 0; r <= h; ++r) multiply_add(w + (h - r) * M, row, sum[r]);
        }
        for (Index h = R - 1; h < length; ++h, p += pitch, w += M) {
          load_all(p, row);
#pragma GCC unroll 6
          for (int r = 0; r < R; ++r) multiply_add(w + (R - 1 - r) * M, row, sum[r]);
        }
#pragma GCC unroll 6
        for (int h = 0; h < R - 1; ++h, p += pitch) {
          load_all(p, row);
#pragma GCC unroll 6
          for (int r = h + 1; r < R; ++r) multiply_add(w + (R - 1 + h - r) * M, row, sum[r]);
        }
        w += (R - 1) * M;
      }
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < R; ++r) store_sums<Store::kOver>(sum[r], out + r * ldr, ldm);
}

template <class T>
struct GatherTiles {
  template <int M, int R, int V>
  static constexpr Tile<T> tile() {
    if constexpr (is_tile(M, R, V))
      return gather_tile<T, M, R, V>;
    else
      return nullptr;
  }
};

template <class T>
constexpr TileTable<GatherTiles<T>, kMostChannels, kMostRows, kVectors> gather_tiles{};

}  // namespace
}  // namespace dxdw
