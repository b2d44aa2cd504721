// Where Winograd's tiles stand.
//
// With dilation d, every d-th destination of an axis makes a dense problem of its own. A tile's
// destinations are then d apart, and so are its sources; the tiles of the d problems lie beside
// each other, so that rows are read and written whole.
#pragma once
#include "kernels/gather.h"
#include "tiles/winograd_points.h"

namespace dxdw {
namespace {

// Outputs of a tile along an axis, or values of grad_out for dW, by the kernel's taps.
inline Index side_of(const Plan &plan) { return beside(int(plan.kernel_size[1])); }

struct TiledAxis {
  Index side;  // destinations of a whole tile
  Index dilation, offset, count, tiles;

  TiledAxis(const Axis &axis, Index side)
      : side(side), dilation(axis.offset[1] - axis.offset[0]), offset(axis.offset[0]),
        count(axis.count) {
    const Index whole = side * dilation;
    tiles = count / whole * dilation + least(dilation, count % whole);
  }

  // Whether the tile that starts there has all its destinations.
  bool whole(Index start) const { return start + (side - 1) * dilation < count; }

  Index start(Index tile) const { return tile / dilation * side * dilation + tile % dilation; }
  Index destinations(Index tile) const {
    return least(side, divide_up(count - start(tile), dilation));
  }
  // Positions from the first tile's first value to the last one's last, of `size` values each.
  Index span(Index size) const { return start(tiles - 1) + (size - 1) * dilation + 1; }

  // fn(tile, start) of all.
  template <class F>
  DXDW_INLINE void each(const F &fn) const {
    for (Index tile = 0, first = 0; tile < tiles; first += side * dilation)
      for (Index r = 0; r < dilation && tile < tiles; ++r, ++tile) fn(tile, first + r);
  }
};

// The rows of tiles that are left to the direct kernels, as those take them: neighbours together.
struct LeftOut {
  const TiledAxis &down;
  Index tile_rows;

  Index most_parts() const { return tile_rows * (down.dilation > 1 ? down.side : 1); }

  // The most that a run takes, which gives back what tiles took before the direct kernel begins.
  Index bytes(Index of_tiles, Index of_direct) const {
    return most_parts() * Index(sizeof(Part)) + most(of_tiles, of_direct);
  }

  Index list(const char *unfit, Part *parts) const {
    Index n = 0;
    for (Index i = 0; i < tile_rows; ++i) {
      if (!unfit[i]) continue;
      const Index image = i / down.tiles, tile = i % down.tiles;
      const Index first = down.start(tile), rows = down.destinations(tile);
      if (down.dilation == 1)
        parts[n++] = {image, first, rows};
      else
        for (Index k = 0; k < rows; ++k) parts[n++] = {image, first + k * down.dilation, 1};
    }
    return n;
  }
};

}  // namespace
}  // namespace dxdw
