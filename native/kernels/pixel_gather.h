// Forward and dx of depthwise convolution where channels lie last: each pixel gathers others through the
// taps, all channels at a time, from where they stand to where it does (pixel_tiles.h). The bits are those
// of planes (depthwise_gather.h).
#pragma once
#include "kernels/gather.h"
#include "layout/depthwise_rows.h"
#include "layout/pixel_rows.h"

namespace dxdw {
namespace {

template <class T>
class PixelGather {
 public:
  static constexpr Kind kKind = kForward;

  explicit PixelGather(const Plan &plan) : plan_(plan) {}

  DXDW_PLANS bool prepare(Tables &) {
    const Index *words = plan_.first_phase;
    for (Index i = 0; i < plan_.phases; ++i) {
      const PixelRows rows(plan_, read_phase(words));
      phase_[i] = rows;
      taps_ = most(taps_, rows.taps());
      covered_ += rows.count() * rows.columns();
      // Enough for a thread to be worth it, and enough pieces.
      const Index of_row = 2 * plan_.groups * rows.columns() * rows.taps();
      const Index height = divide_up(Tuning::piece, most<Index>(1, of_row));
      const Index pieces = divide_up(Tuning::pieces, plan_.batch);
      bands_[i] = most(divide_up(rows.count(), height), least(pieces, rows.count() / 2));
      bands_[i] = most<Index>(1, least(bands_[i], rows.count()));
      all_bands_ += bands_[i];
    }
    return true;
  }

  Index bytes(int threads) const {
    return plan_.groups * plan_.taps * Index(sizeof(T)) + threads * taps_ * Index(sizeof(PixelTap));
  }

  int run(Source<T> source, const T *weights, Result<T> destination, const Team &team) const {
    // What is beyond the image is skipped, where the definition multiplies it by weights.
    if (!all_finite(weights, plan_.groups * plan_.taps)) return DXDW_DECLINED;
    Workspace memory;
    const Index at_weights = memory.reserve<T>(plan_.groups * plan_.taps);
    const Index at_taps = memory.reserve<PixelTap>(taps_ * team.threads);
    if (!memory.take()) return DXDW_NO_MEMORY;
    T *w = memory.at<T>(at_weights);
    PixelTap *taps = memory.at<PixelTap>(at_taps);
    for (Index t = 0; t < plan_.taps; ++t)
      for (Index c = 0; c < plan_.groups; ++c) w[t * plan_.groups + c] = weights[c * plan_.taps + t];
    const Index plane = plan_.destination_plane() * plan_.groups;
    if (covered_ < plan_.destination_plane() && !clear_all(destination, plan_.batch * plane, team))
      return DXDW_CANCELLED;
    const bool whole = parallel_for(team, plan_.batch * all_bands_, [&](Index item, int slot) {
      const Index image = item / all_bands_;
      Index band = item % all_bands_, i = 0;
      while (band >= bands_[i]) band -= bands_[i++];
      const PixelRows &rows = phase_[i];
      const T *from = source.plain() + image * plan_.source_plane() * plan_.groups;
      const Index last = (band + 1) * rows.count() / bands_[i];
      for (Index r = band * rows.count() / bands_[i]; r < last && !cancelled(team); ++r)
        row(rows, r, from, w, taps + slot * taps_, destination.plain() + image * plane);
    });
    return whole ? DXDW_DONE : DXDW_CANCELLED;
  }

 private:
  void row(const PixelRows &rows, Index r, const T *from, const T *w, PixelTap *memory, T *image) const {
    const Axis &down = rows.rows(), &across = rows.across();
    const Index apart = across.spacing * plan_.groups;
    T *to = image + ((down.start + r * down.spacing) * plan_.destination_size[2] + across.start) * plan_.groups;
    rows.each(r, kMostPixels, plan_.groups, memory,
              [&](Index q, Index pixels, Index at, const PixelTap *taps, Index n) {
                pixel_tiles<T>.of(pixels, 1)(from + at, rows.step(), taps, n, w, plan_.groups,
                                             to + q * apart, apart);
              });
  }

  const Plan &plan_;
  PixelRows phase_[kMostStep * kMostStep];
  Index bands_[kMostStep * kMostStep] = {}, all_bands_ = 0, taps_ = 0, covered_ = 0;
};

}  // namespace
}  // namespace dxdw
