// Rows of some channels of an image whose channels lie last, as depthwise kernels read them: a plane for
// each vector of channels, [row][pixel][lane], with zeros where a tap reaches beyond the image.
//
// They are near then, one behind the other, whatever the number of channels: a pixel's own stand so many
// bytes apart that a cache has few places for them.
#pragma once
#include "layout/channels_last.h"
#include "layout/plan_view.h"

namespace dxdw {
namespace {

// Vectors of channels that are copied together: whole lines of a pixel, one after the other.
constexpr Index kPixelVectors = 4;

// to[v·plane + i·lanes + …] = from[i·ld + v·lanes + …] for i < pixels, of so many channels, and zeros up to
// the next whole vector. What stands `ahead` of each is asked for: pixels are too far apart for a CPU to
// foresee the next one.
template <class T>
void copy_pixels(const T *from, Index ld, Index pixels, Index channels, T *to, Index plane, Index ahead) {
  const Index whole = channels / lanes<T>;
  for (Index i = 0; i < pixels; ++i, from += ld, to += lanes<T>) {
    prefetch_less_near(from + ahead, channels);
    for (Index v = 0; v < whole; ++v) store(to + v * plane, load(from + v * lanes<T>));
    if (whole * lanes<T> < channels)
      read_lanes(from + whole * lanes<T>, ld, 1, channels - whole * lanes<T>, to + whole * plane);
  }
}

template <class T>
class PixelBand {
 public:
  PixelBand() = default;
  PixelBand(const Plan &plan, const Phase &phase)
      : rows_(phase.axis[1]), columns_(phase.axis[2]), source_rows_(plan.source_size[1]),
        source_columns_(plan.source_size[2]), channels_(plan.groups),
        first_column_(columns_.offset[0]),
        pitch_((columns_.count - 1) * columns_.step + columns_.reach() + 1), far_(images_are_far(plan)) {}

  const Axis &rows() const { return rows_; }
  const Axis &columns() const { return columns_; }
  Index taps() const { return rows_.taps * columns_.taps; }
  // Whether images come from beyond the caches: what is read and written next is asked for early.
  bool far() const { return far_; }
  // Source rows that so many of the destination read.
  Index held(Index count) const { return (count - 1) * rows_.step + rows_.reach() + 1; }
  // Of a plane: from what a row of the destination reads to what the next does, and in all.
  Index row() const { return rows_.step * pitch_ * lanes<T>; }
  Index plane(Index count) const { return (held(count) * pitch_ + 1) * lanes<T>; }

  // What is asked for while pixels of x are copied: the next row, or some pixels on.
  Index ahead() const { return channels_ * (far_ ? source_columns_ : kNearPixels); }

  // Rows of a band: as many as stay in so many bytes with their halo, at least as many as that has.
  Index height(Index bytes) const {
    const Index of_row = pitch_ * kPixelVectors * Index(sizeof(T)) * lanes<T>;
    const Index fit = (bytes / of_row - rows_.reach() - 1) / rows_.step + 1;
    const Index halo = divide_up(rows_.reach(), rows_.step);
    const Index most_rows = least(rows_.count, most(fit, most<Index>(1, halo)));
    return divide_up(rows_.count, divide_up(rows_.count, most_rows));
  }

  // Where taps stand in a plane, and their weights in the kernel; column by column, as
  // depthwise_tiles.h has them.
  void list_taps(const Plan &plan, Index *at, Index *weight) const {
    for (Index v = 0; v < columns_.taps; ++v)
      for (Index u = 0; u < rows_.taps; ++u) {
        *at++ = ((rows_.offset[u] - rows_.offset[0]) * pitch_ + columns_.offset[v] - first_column_) *
                lanes<T>;
        *weight++ = plan.weight_tap(0, rows_.tap[u], columns_.tap[v]);
      }
  }

  // Copies the source's rows [from, to) of those that a band reads, of so many channels of an image from c
  // on. The band: rows from `first` on of the destination, with planes of so many elements.
  void copy(const T *image, Index first, Index from, Index to, Index c, Index channels, T *band,
            Index plane) const {
    const Index begin = most<Index>(0, -first_column_);
    const Index end = most(begin, least(pitch_, source_columns_ - first_column_));
    const Index row = pitch_ * lanes<T>, vectors = divide_up(channels, lanes<T>);
    for (Index i = from; i < to; ++i) {
      const Index r = first * rows_.step + rows_.offset[0] + i;
      const bool inside = r >= 0 && r < source_rows_;
      const Index zeros = inside ? begin : pitch_, data = inside ? end : pitch_;
      T *line = band + i * row;
      for (Index v = 0; v < vectors; ++v) {
        memset(line + v * plane, 0, zeros * lanes<T> * sizeof(T));
        memset(line + v * plane + data * lanes<T>, 0, (pitch_ - data) * lanes<T> * sizeof(T));
      }
      if (!inside) continue;
      const T *pixels = image + (r * source_columns_ + first_column_ + begin) * channels_ + c;
      copy_pixels(pixels, channels_, end - begin, channels, line + begin * lanes<T>, plane,
                  ahead());
    }
  }

 private:
  static constexpr Index kNearPixels = 8;

  static bool images_are_far(const Plan &plan) {
    const Index element = plan.dtype == kFloat64 ? 8 : 4;
    return plan.batch * plan.groups * (plan.source_plane() + plan.destination_plane()) * element >
           tuning().past_caches;
  }

  Axis rows_, columns_;
  Index source_rows_ = 0, source_columns_ = 0, channels_ = 0, first_column_ = 0, pitch_ = 0;
  bool far_ = false;
};

}  // namespace
}  // namespace dxdw
