// Rows of one channel, copied to where a depthwise kernel reads them: between zeros, whole vectors at
// a time, and split by the residue of columns modulo the step, so that every tap is a shift.
//
//   rows[row][column residue][zeros, column]
//
// The zeros before a row are also those behind the one above it.
#pragma once
#include "plan_view.h"

namespace dxdw {
namespace {

constexpr Index kMostStep = 2;  // of columns: as many as vectors are split by

// The first n lanes of what stands at p, and zeros. Nothing is read from `end` on.
template <class T>
DXDW_INLINE Vector<T> first_lanes(const T *p, Index n, Lanes<T> kept, const T *end) {
  if (p + lanes<T> <= end) return keep<T>(load(p), kept);
  T few[lanes<T>] = {};
  for (Index i = 0; i < n; ++i) few[i] = p[i];
  return load(few);
}

template <class T>
class PaddedRows {
 public:
  PaddedRows() = default;

  // For destinations q < count that read source columns q·step + offset, least to most.
  PaddedRows(Index source_rows, Index source_columns, Index step, Index count, Index least,
             Index most)
      : source_rows_(source_rows), columns_(source_columns), step_(step) {
    const Index data = round_up(divide_up(columns_, step_), lanes<T>);
    const Index before = -divide_down(least, step_);
    const Index past = count + divide_down(most, step_) - data;
    lead_ = round_up(dxdw::most<Index>(0, dxdw::most(before, past)), lanes<T>);
    grid_ = lead_ + data;
    pitch_ = step_ * grid_;
    // A tile of vectors begins at any column and reads on from there.
    behind_ = lead_ + round_up(count + dxdw::most<Index>(0, divide_down(most, step_)), lanes<T>) +
              2 * lanes<T>;
  }

  Index pitch() const { return pitch_; }
  Index elements(Index held) const { return held * pitch_ + behind_; }

  // Where the column that a tap's offset is away stands in a row, for destination 0.
  Index column(Index offset) const {
    const Index shift = divide_down(offset, step_);
    return (offset - shift * step_) * grid_ + lead_ + shift;
  }

  // The zeros that `copy` leaves alone.
  void clear(T *to, Index held) const {
    if (lead_)
      for (Index i = 0; i < held * step_; ++i) memset(to + i * grid_, 0, lead_ * sizeof(T));
    memset(to + held * pitch_, 0, behind_ * sizeof(T));
  }

  // Rows [first, first + held) of a plane, those that it has; nothing is read from `end` on.
  void copy(const T *plane, Index first, Index held, const T *end, T *to) const {
    for (; held && first < 0; ++first, --held, to += pitch_) zero(to);
    const Index inside = most<Index>(0, least(held, source_rows_ - first));
    const T *from = plane + first * columns_;
    if (step_ == 1)
      copy_whole(from, inside, end, to + lead_);
    else
      copy_split(from, inside, end, to + lead_);
    for (to += inside * pitch_; inside < held; --held, to += pitch_) zero(to);
  }

 private:
  void zero(T *to) const { memset(to + lead_, 0, (pitch_ - lead_) * sizeof(T)); }

  DXDW_INLINE void copy_whole(const T *from, Index rows, const T *end, T *to) const {
    const Index rest = columns_ % lanes<T>, whole = columns_ - rest;
    const Lanes<T> kept = below<T>(rest);
    for (Index i = 0; i < rows; ++i, from += columns_, to += pitch_) {
      for (Index j = 0; j < whole; j += lanes<T>) store(to + j, load(from + j));
      if (rest) store(to + whole, first_lanes(from + whole, rest, kept, end));
    }
  }

  DXDW_INLINE void copy_split(const T *from, Index rows, const T *end, T *to) const {
    constexpr auto all = typename SequenceTo<lanes<T>>::type{};
    const Index rest = columns_ % (2 * lanes<T>), whole = columns_ - rest;
    const Index second = most<Index>(0, rest - lanes<T>), first = rest - second;
    const Lanes<T> kept[2] = {below<T>(first), below<T>(second)};
    for (Index i = 0; i < rows; ++i, from += columns_, to += pitch_) {
      const T *p = from;
      T *even = to, *odd = to + grid_;
      for (; p < from + whole; p += 2 * lanes<T>, even += lanes<T>, odd += lanes<T>) {
        const Vector<T> a = load(p), b = load(p + lanes<T>);
        store(even, even_lanes<T>(a, b, all));
        store(odd, odd_lanes<T>(a, b, all));
      }
      if (!rest) continue;
      const Vector<T> a = first_lanes(p, first, kept[0], end);
      const Vector<T> b =
          second ? first_lanes(p + lanes<T>, second, kept[1], end) : Vector<T>{};
      store(even, even_lanes<T>(a, b, all));
      store(odd, odd_lanes<T>(a, b, all));
    }
  }

  Index source_rows_ = 0, columns_ = 0, step_ = 1, lead_ = 0, grid_ = 0, pitch_ = 0, behind_ = 0;
};

}  // namespace
}  // namespace dxdw
