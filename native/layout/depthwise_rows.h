// The rows of one channel as depthwise kernels read them: each by a pointer, whatever stands behind
// it. A row that the plane does not have is one of zeros, and what a vector reads of neighbouring rows
// is masked (depthwise_tiles.h), so that nothing is copied
// - but rows so near an end of the array that a vector would leave it,
// - rows of what has to be widened, and
// - where columns are stepped over: those are split by their residue, so that every tap is a shift:
//     [column residue][zeros, column]
//   The zeros before a row are also those behind the one above it.
#pragma once
#include "layout/plan_view.h"
#include "machine/elements.h"
#include "machine/tuning.h"

namespace dxdw {
namespace {

constexpr Index kMostStep = 2;  // of columns: as many as vectors are split by

// The first n lanes of what stands at p, and zeros. Nothing is read from `end` on.
template <class S, class T = Sum<S>>
DXDW_INLINE Vector<T> first_lanes(const S *p, Index n, Mask<T> kept, const S *end) {
  if (p + lanes<T> <= end) return keep<T>(load(p), kept);
  T few[lanes<T>] = {};
  for (Index i = 0; i < n; ++i) few[i] = value_of(p[i]);
  return load(few);
}

// One array of planes, read from column `least` on to before column `end` (in steps).
template <class T>
class PlaneRows {
 public:
  PlaneRows() = default;
  PlaneRows(Index rows, Index columns, Index step, Index least, Index end)
      : rows_(rows), columns_(columns), step_(step) {
    const Index data = step_ == 1 ? columns_ : round_up(divide_up(columns_, step_), lanes<T>);
    before_ = most<Index>(0, -least), after_ = most<Index>(0, end - data);
    lead_ = round_up(most(before_, after_), lanes<T>);
    grid_ = lead_ + round_up(data, lanes<T>);
  }

  // Whether every row is copied. If not, vectors that leave a row have to be masked.
  bool copied() const { return step_ > 1; }

  // Where the column that a tap's offset is away stands, from a row's pointer on.
  Index column(Index offset) const {
    const Index shift = divide_down(offset, step_);
    return (offset - shift * step_) * grid_ + shift;
  }

  // Of the scratch memory that `point` and `copy` need for so many rows.
  Index elements(Index held) const { return zeros() + held * step_ * grid_ + lead_; }

  // What these leave as it is.
  void clear(T *memory, Index held) const {
    memset(memory, 0, zeros() * sizeof(T));
    T *to = memory + zeros();
    if (copied())
      for (Index i = 0; i <= held * step_; ++i, to += grid_) memset(to, 0, lead_ * sizeof(T));
  }

  // Points to rows [first, first + held) of a plane of the array from begin to end.
  DXDW_INLINE void point(Source<T> plane, Index first, Index held, Source<T> begin, Source<T> end,
                         T *memory, const T **row) const {
    if (copied()) {
      point_to_copies(first, held, memory, row);
      copy_rows(plane, first, held, end, memory);
      return;
    }
    const Index above = least(held, most<Index>(0, -first));
    const Index inside = most(above, least(held, rows_ - first));
    for (Index i = 0; i < above; ++i) row[i] = memory + lead_;
    for (Index i = inside; i < held; ++i) row[i] = memory + lead_;
    const Source<T> from = plane + (first + above) * columns_;
    if (!from.narrow())
      return point_inside(from.plain(), inside - above, begin.plain(), end.plain(), memory, row + above);
    from.as_stored([=, copies = memory + zeros() + lead_, pointers = row + above](auto *p) DXDW_LAMBDA {
      for (Index i = 0; i < inside - above; ++i) {
        copy_widened(copies + i * grid_, p + i * columns_, columns_);
        pointers[i] = copies + i * grid_;
      }
    });
  }

  // The same for a plane of which all is read, where nothing has to be widened, after point_to_copies:
  // what it has not is left as it is.
  DXDW_INLINE void point_plane(const T *plane, Index first, Index held, const T *begin, const T *end,
                               T *memory, const T **row) const {
    const Index above = least(held, most<Index>(0, -first));
    const Index inside = least(held, rows_ - first) - above;
    const T *from = plane + (first + above) * columns_;
    if (copied()) return split(from, inside, end, memory + zeros() + lead_);
    point_inside(from, inside, begin, end, memory, row + above);
  }

  // The same for rows that the plane has, where they stand.
  DXDW_INLINE void point_inside(const T *from, Index rows, const T *begin, const T *end, T *memory,
                                const T **row) const {
    T *copies = memory + zeros() + lead_;
    if (from - begin >= before_ && end - from >= rows * columns_ + after_) {
      for (Index i = 0; i < rows; ++i) row[i] = from + i * columns_;
      return;
    }
    for (Index i = 0; i < rows; ++i, from += columns_, copies += grid_) {
      const bool whole = from - begin >= before_ && end - from >= columns_ + after_;
      row[i] = whole ? from : copies;
      if (!whole) memcpy(copies, from, columns_ * sizeof(T));
    }
  }

  // In two steps where every row is copied: where they will stand, and what stands there.
  void point_to_copies(Index first, Index held, T *memory, const T **row) const {
    const T *copies = memory + zeros() + lead_;
    for (Index i = 0; i < held; ++i) {
      const bool inside = first + i >= 0 && first + i < rows_;
      row[i] = inside ? copies : memory + lead_;
      if (inside) copies += step_ * grid_;
    }
  }
  DXDW_INLINE void copy_rows(Source<T> plane, Index first, Index held, Source<T> end,
                             T *memory) const {
    const Index above = least(held, most<Index>(0, -first));
    const Index inside = least(held, rows_ - first) - above;
    Source<T> from = plane + (first + above) * columns_;
    T *to = memory + zeros() + lead_;
    from.as_stored([=](auto *p) DXDW_LAMBDA {
      split(p, inside, end.template as<std::remove_const_t<std::remove_pointer_t<decltype(p)>>>(), to);
    });
  }

 private:
  Index zeros() const { return lead_ + step_ * grid_ + lead_; }

  template <class S>
  void split(const S *from, Index rows, const S *end, T *to) const {
    constexpr auto all = typename SequenceTo<lanes<T>>::type{};
    const Index rest = columns_ % (2 * lanes<T>), whole = columns_ - rest;
    const Index second = most<Index>(0, rest - lanes<T>), first = rest - second;
    const Mask<T> kept[2] = {below<T>(first), below<T>(second)};
    for (Index i = 0; i < rows; ++i, from += columns_, to += 2 * grid_) {
      const S *p = from;
      T *even = to, *odd = to + grid_;
      for (; p < from + whole; p += 2 * lanes<T>, even += lanes<T>, odd += lanes<T>) {
        const Vector<T> a = load(p), b = load(p + lanes<T>);
        prefetch<false>(p + Tuning::ahead_of_copy / Index(sizeof(S)), 2 * lanes<T>);
        store(even, even_lanes<T>(a, b, all));
        store(odd, odd_lanes<T>(a, b, all));
      }
      if (!rest) continue;
      const Vector<T> a = first_lanes<S>(p, first, kept[0], end);
      const Vector<T> b = second ? first_lanes<S>(p + lanes<T>, second, kept[1], end) : Vector<T>{};
      store(even, even_lanes<T>(a, b, all));
      store(odd, odd_lanes<T>(a, b, all));
    }
  }

  Index rows_ = 0, columns_ = 0, step_ = 1;
  Index before_ = 0, after_ = 0, lead_ = 0, grid_ = 0;
};

}  // namespace
}  // namespace dxdw
