// dW of depthwise convolution where channels lie last: for each tap a sum of products of grad_out's pixels
// with x's, all channels at a time.
//
// A register sums pixels of a row; its sum is added to its chunk's, and the chunks' are added in pairs.
// Chunks are split by the problem's shape alone.
#pragma once
#include "kernels/sums_in_pairs.h"
#include "kernels/weight_gradient.h"
#include "layout/pixel_rows.h"

namespace dxdw {
namespace {

template <class T>
class PixelWeightGradient {
 public:
  static constexpr Kind kKind = kWeightGradient;

  explicit PixelWeightGradient(const Plan &plan) : plan_(plan) {}

  DXDW_PLANS bool prepare(Tables &) {
    rows_ = PixelRows(plan_, first_phase(plan_));
    ld_ = round_up(plan_.groups, lanes<T>);
    const Index all = plan_.batch * rows_.count();
    const Index operands = plan_.batch * plan_.groups * (plan_.source_plane() + plan_.destination_plane());
    const Index room = (kSumBytes / Index(sizeof(T)) + operands / 2) / (ld_ * plan_.taps);
    const Index wanted = least(Tuning::pieces, plan_.flops() / Tuning::piece);
    chunks_ = most<Index>(1, least(least(wanted, all), room));
    return true;
  }

  Index bytes(int threads) const {
    return chunks_ * sum_elements() * Index(sizeof(T)) +
           threads * plan_.taps * Index(sizeof(PixelTap));
  }

  int run(Source<T> grad_out, Source<T> x, T *dW, const Team &team) const {
    Workspace memory;
    const Index at_sums = memory.reserve<T>(chunks_ * sum_elements());
    const Index at_taps = memory.reserve<PixelTap>(plan_.taps * team.threads);
    if (!memory.take()) return DXDW_NO_MEMORY;
    T *sums = memory.at<T>(at_sums);
    PixelTap *taps = memory.at<PixelTap>(at_taps);
    const Index all = plan_.batch * rows_.count();
    const bool whole = parallel_for(team, chunks_, [&](Index chunk, int slot) {
      T *sum = sums + chunk * sum_elements();
      memset(sum, 0, sum_elements() * sizeof(T));
      for (Index i = chunk * all / chunks_; i < (chunk + 1) * all / chunks_ && !cancelled(team); ++i) {
        const Index image = i / rows_.count(), r = i % rows_.count();
        const Index row = image * plan_.destination_plane() + r * rows_.columns();
        add_row(r, grad_out.plain() + row * plan_.groups,
                x.plain() + image * plan_.source_plane() * plan_.groups, taps + slot * plan_.taps, sum);
      }
    });
    if (!whole) return DXDW_CANCELLED;
    add_in_pairs(sums, chunks_, sum_elements(), sum_elements());
    // What fills no vector is in one that ends with the channels.
    const Index before = plan_.groups / lanes<T> * lanes<T>, behind = ld_ - plan_.groups;
    for (Index t = 0; t < plan_.taps; ++t)
      for (Index c = 0; c < plan_.groups; ++c)
        dW[c * plan_.taps + t] = sums[t * ld_ + c + (c < before ? 0 : behind)];
    return DXDW_DONE;
  }

 private:
  // Pixels that a register sums: what they read stays near while all taps do.
  static constexpr Index kPixels = 32;

  Index sum_elements() const { return ld_ * plan_.taps; }

  void add_row(Index r, const T *g, const T *x, PixelTap *memory, T *sum) const {
    rows_.each(r, kPixels, ld_, memory,
               [&](Index q, Index pixels, Index at, const PixelTap *taps, Index n) {
                 const Index tiles = divide_up(n, Index(kMostPixelTaps));
                 for (Index i = 0; i < tiles; ++i) {
                   const Index first = i * n / tiles, count = (i + 1) * n / tiles - first;
                   pixel_weight_tiles<T>.of(count, 1)(g + q * plan_.groups, plan_.groups, x + at,
                                                      rows_.step(), taps + first, pixels, plan_.groups,
                                                      sum);
                 }
               });
  }

  const Plan &plan_;
  PixelRows rows_;
  Index chunks_ = 1, ld_ = 0;
};

}  // namespace
}  // namespace dxdw
