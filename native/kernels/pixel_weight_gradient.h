// dW of depthwise convolution where channels lie last: for each tap a sum of products of grad_out's pixels
// with x's, some channels at a time.
//
// A register sums a band of rows; its sum is added to its chunk's, and the chunks' are added in pairs.
// Bands and chunks follow from the problem's shape alone.
#pragma once
#include "kernels/sums_in_pairs.h"
#include "kernels/weight_gradient.h"
#include "layout/pixel_band.h"
#include "tiles/pixel_tiles.h"

namespace dxdw {
namespace {

template <class T>
class PixelWeightGradient {
 public:
  static constexpr Kind kKind = kWeightGradient;

  explicit PixelWeightGradient(const Plan &plan) : plan_(plan) {}

  DXDW_PLANS bool prepare(Tables &tables) {
    x_ = PixelBand<T>(plan_, first_phase(plan_));
    tables.template reserve<Index>(2 * x_.taps());
    if (!tables.take()) return false;
    at_ = tables.template at<Index>(0), weight_ = at_ + x_.taps();
    x_.list_taps(plan_, at_, weight_);
    height_ = x_.height(nominal().band);
    bands_ = divide_up(x_.rows().count, height_);
    vectors_ = divide_up(plan_.groups, lanes<T>);
    const Index operands = plan_.batch * plan_.groups * (plan_.source_plane() + plan_.destination_plane());
    const Index room = (kSumBytes / Index(sizeof(T)) + operands / 2) / sum_elements();
    const Index wanted = least(Tuning::pieces, plan_.flops() / Tuning::piece);
    chunks_ = most<Index>(1, least(least(wanted, plan_.batch * bands_), room));
    return true;
  }

  Index bytes(int threads) const {
    return (chunks_ * sum_elements() + threads * slot_elements()) * Index(sizeof(T));
  }

  int run(Source<T> grad_out, Source<T> x, T *dW, const Team &team) const {
    Workspace memory;
    const Index at_sums = memory.reserve<T>(chunks_ * sum_elements());
    const Index at_slots = memory.reserve<T>(slot_elements() * team.threads);
    if (!memory.take()) return DXDW_NO_MEMORY;
    T *sums = memory.at<T>(at_sums), *slots = memory.at<T>(at_slots);
    const Index all = plan_.batch * bands_, blocks = divide_up(vectors_, kPixelVectors);
    const bool whole = parallel_for(team, chunks_ * blocks, [&](Index item, int index) {
      const Index chunk = item / blocks, first = item % blocks * kPixelVectors;
      T *sum = sums + chunk * sum_elements() + first * x_.taps() * lanes<T>;
      const Index vectors = least(kPixelVectors, vectors_ - first);
      memset(sum, 0, vectors * x_.taps() * lanes<T> * sizeof(T));
      for (Index i = chunk * all / chunks_; i < (chunk + 1) * all / chunks_ && !cancelled(team); ++i)
        add_band(grad_out.plain(), x.plain(), i / bands_, i % bands_, first * lanes<T>,
                 slots + index * slot_elements(), sum);
    });
    if (!whole) return DXDW_CANCELLED;
    add_in_pairs(sums, chunks_, sum_elements(), sum_elements());
    memset(dW, 0, plan_.groups * plan_.taps * sizeof(T));  // taps that reach nothing are in no list
    for (Index c = 0; c < plan_.groups; ++c) {
      const T *sum = sums + c / lanes<T> * x_.taps() * lanes<T> + c % lanes<T>;
      for (Index t = 0; t < x_.taps(); ++t) dW[c * plan_.taps + weight_[t]] = sum[t * lanes<T>];
    }
    return DXDW_DONE;
  }

 private:
  Index columns() const { return x_.columns().count; }
  Index sum_elements() const { return vectors_ * x_.taps() * lanes<T>; }
  Index of_g() const { return kPixelVectors * height_ * columns() * lanes<T>; }
  Index slot_elements() const { return kPixelVectors * x_.plane(height_) + of_g(); }

  void add_band(const T *grad_out, const T *x, Index image, Index band, Index c, T *slot, T *sum) const {
    const Index rows = x_.rows().count, first = band * rows / bands_;
    const Index count = (band + 1) * rows / bands_ - first;
    const Index channels = least(kPixelVectors * lanes<T>, plan_.groups - c), pixel = plan_.groups;
    x_.copy(x + image * plan_.source_plane() * pixel, first, 0, x_.held(count), c, channels, slot,
            x_.plane(count));
    const T *from = grad_out + (image * plan_.destination_plane() + first * columns()) * pixel + c;
    T *g = slot + kPixelVectors * x_.plane(height_);
    copy_pixels(from, pixel, count * columns(), channels, g, count * columns() * lanes<T>,
                x_.ahead());
    const Index tiles = divide_up(x_.taps(), Index(kMostPixelTaps));
    for (Index k = 0; k < channels; k += lanes<T>) {
      for (Index i = 0; i < tiles; ++i) {
        const Index t = i * x_.taps() / tiles, G = (i + 1) * x_.taps() / tiles - t;
        pixel_weight_tiles<T>.of(G, 1)(g, slot, at_ + t, count, x_.row(), columns(),
                                       x_.columns().step * lanes<T>, sum + t * lanes<T>);
      }
      slot += x_.plane(count), g += count * columns() * lanes<T>, sum += x_.taps() * lanes<T>;
    }
  }

  const Plan &plan_;
  PixelBand<T> x_;
  Index *at_ = nullptr, *weight_ = nullptr;
  Index height_ = 1, bands_ = 1, vectors_ = 1, chunks_ = 1;
};

}  // namespace
}  // namespace dxdw
