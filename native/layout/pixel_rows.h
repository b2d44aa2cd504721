// The pixels of a row, where channels lie last, by the taps that they see: those in its middle all, those
// at its ends the ones that reach no pixel beyond the image.
#pragma once
#include "layout/plan_view.h"
#include "tiles/pixel_tiles.h"

namespace dxdw {
namespace {

// A phase of a pass whose groups have one channel on either side.
class PixelRows {
 public:
  PixelRows() = default;
  PixelRows(const Plan &plan, const Phase &phase)
      : rows_(phase.axis[1]), columns_(phase.axis[2]), source_rows_(plan.source_size[1]),
        source_columns_(plan.source_size[2]), pixel_(plan.groups), kernel_columns_(plan.kernel_size[2]) {
    const Index least_column = columns_.offset[0], most_column = columns_.offset[columns_.taps - 1];
    const Index step = columns_.step;
    first_ = least(columns_.count, most<Index>(0, divide_up(-least_column, step)));
    last_ = divide_down(source_columns_ - 1 - most_column, step) + 1;
    last_ = most(first_, least(last_, columns_.count));
  }

  Index count() const { return rows_.count; }
  Index columns() const { return columns_.count; }
  Index taps() const { return rows_.taps * columns_.taps; }
  Index step() const { return columns_.step * pixel_; }  // from a pixel's source to the next one's
  const Axis &rows() const { return rows_; }
  const Axis &across() const { return columns_; }

  // fn(first pixel, pixels, from the source's beginning to the first one's, taps, how many) for the r-th
  // row, at most `widest` pixels at a time. `memory` is of taps() taps. `ld`: from a tap's weights to the
  // next one's. Taps come column by column, as depthwise_tiles.h has them.
  template <class F>
  void each(Index r, Index widest, Index ld, PixelTap *memory, const F &fn) const {
    const auto run = [&](Index begin, Index end) {
      if (begin >= end) return;
      const Index n = see(r, begin, end - 1, ld, memory), tiles = divide_up(end - begin, widest);
      for (Index i = 0; i < tiles; ++i) {
        const Index q = begin + i * (end - begin) / tiles;
        fn(q, begin + (i + 1) * (end - begin) / tiles - q, q * step(), memory, n);
      }
    };
    for (Index q = 0; q < first_; ++q) run(q, q + 1);
    run(first_, last_);
    for (Index q = last_; q < columns_.count; ++q) run(q, q + 1);
  }

 private:
  // The taps that pixels [q, last] of a row see, all of them the same ones.
  Index see(Index r, Index q, Index last, Index ld, PixelTap *to) const {
    Index n = 0;
    for (Index v = 0; v < columns_.taps; ++v) {
      const Index column = columns_.offset[v];
      if (q * columns_.step + column < 0 || last * columns_.step + column >= source_columns_) continue;
      for (Index u = 0; u < rows_.taps; ++u) {
        const Index row = r * rows_.step + rows_.offset[u];
        if (row < 0 || row >= source_rows_) continue;
        to[n++] = {(row * source_columns_ + column) * pixel_,
                   (rows_.tap[u] * kernel_columns_ + columns_.tap[v]) * ld};
      }
    }
    return n;
  }

  Axis rows_, columns_;
  Index source_rows_ = 0, source_columns_ = 0, pixel_ = 0, kernel_columns_ = 0;
  Index first_ = 0, last_ = 0;  // of the pixels that see all taps of their row
};

}  // namespace
}  // namespace dxdw
