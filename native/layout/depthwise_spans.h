// A row of destinations in vectors, and what each has to mask.
#pragma once
#include "layout/depthwise_rows.h"
#include "tiles/depthwise_tiles.h"

namespace dxdw {
namespace {

// Spans begin at 0, a vector's width, twice that, …; the last, where it is no whole one, ends with the
// row (and overlaps the one before) or, where each column is to count once, hangs over.
template <class T>
class Spans {
 public:
  Spans() = default;
  Spans(Index columns, bool overhang)
      : columns_(columns), count_(divide_up(columns, lanes<T>)),
        last_(overhang || columns < lanes<T> ? (count_ - 1) * lanes<T> : columns - lanes<T>) {}

  Index count() const { return count_; }
  Index start(Index i) const { return i + 1 == count_ ? last_ : i * lanes<T>; }
  Index end() const { return last_ + lanes<T>; }

  // Sorts spans into those without and with masks, in memory for count() of them and for as many
  // masks as there are columns of taps each. `of_each` says that lanes past the columns are masked,
  // `outside` that those are which a tap puts beyond the source's columns.
  void fill(const DepthwiseTaps &taps, bool of_each, bool outside, Index source_columns,
            Span<T> *spans, Mask<T> *masks) {
    plain_ = spans;
    Index masked = count_;
    for (Index i = count_; i-- > 0;) {
      const Index q = start(i);
      const Mask<T> columns = below<T>(of_each ? columns_ - q : lanes<T>);
      bool all = !of_each || q + lanes<T> <= columns_;
      for (Index k = 0; k < taps.columns; ++k) {
        const Index at = q + taps.column[k];
        masks[k] = columns;
        if (!outside) continue;
        masks[k] &= below<T>(source_columns - at) & ~below<T>(-at);
        all = all && at >= 0 && at + lanes<T> <= source_columns;
      }
      if (all) continue;
      spans[--masked] = {q, masks, columns};
      masks += taps.columns;
    }
    Index plain = 0;
    for (Index i = 0; i < count_; ++i) {
      bool is_masked = false;
      for (Index j = masked; j < count_; ++j) is_masked = is_masked || spans[j].q == start(i);
      if (!is_masked) spans[plain++] = {start(i), masks, Mask<T>{}};  // not read
    }
    plain_count_ = plain;
  }

  const Span<T> *plain() const { return plain_; }
  const Span<T> *masked() const { return plain_ + plain_count_; }
  Index plain_count() const { return plain_count_; }
  Index masked_count() const { return count_ - plain_count_; }

 private:
  Index columns_ = 0, count_ = 0, last_ = 0, plain_count_ = 0;
  const Span<T> *plain_ = nullptr;
};

}  // namespace
}  // namespace dxdw
