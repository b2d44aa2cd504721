// Forward and dx of depthwise convolution where channels lie last: each pixel gathers others through the
// taps, some channels at a time. The bits are those of planes (depthwise_gather.h).
//
// A piece of work is a band of rows of some channels: copied once (pixel_band.h), then summed by tiles of
// pixels (pixel_tiles.h) to where they belong.
#pragma once
#include "kernels/gather.h"
#include "layout/depthwise_rows.h"
#include "layout/pixel_band.h"
#include "tiles/pixel_tiles.h"

namespace dxdw {
namespace {

template <class T>
class PixelGather {
 public:
  static constexpr Kind kKind = kForward;

  explicit PixelGather(const Plan &plan) : plan_(plan) {}

  DXDW_PLANS bool prepare(Tables &tables) {
    const Index *words = plan_.first_phase;
    for (Index i = 0; i < plan_.phases; ++i) {
      OwnPhase &own = phase_[i];
      own.first_tap = taps_;
      own.band = PixelBand<T>(plan_, read_phase(words));
      own.height = own.band.height(tuning().band);
      own.bands = divide_up(own.band.rows().count, own.height);
      bands_ += own.bands;
      taps_ += own.band.taps();
      covered_ += own.band.rows().count * own.band.columns().count;
      band_elements_ = most(band_elements_, kPixelVectors * own.band.plane(own.height));
    }
    tables.template reserve<Index>(2 * taps_);
    if (!tables.take()) return false;
    Index *memory = tables.template at<Index>(0);
    for (Index i = 0; i < plan_.phases; ++i) {
      OwnPhase &own = phase_[i];
      own.at = memory, own.weight = memory + own.band.taps();
      memory += 2 * own.band.taps();
      own.band.list_taps(plan_, own.at, own.weight);
    }
    return true;
  }

  Index bytes(int threads) const {
    return (packed_elements() + threads * slot_elements()) * Index(sizeof(T));
  }

  int run(Source<T> source, const T *weights, Result<T> destination, const Team &team) const {
    Workspace memory;
    const Index at_weights = memory.reserve<T>(packed_elements());
    const Index at_slots = memory.reserve<T>(slot_elements() * team.threads);
    if (!memory.take()) return DXDW_NO_MEMORY;
    T *packed = memory.at<T>(at_weights), *slots = memory.at<T>(at_slots);
    const Index plane = plan_.destination_plane() * plan_.groups;
    if (covered_ < plan_.destination_plane() && !clear_all(destination, plan_.batch * plane, team))
      return DXDW_CANCELLED;
    pack(weights, packed);
    const Index blocks = divide_up(plan_.groups, kBlock), of_image = bands_ * blocks;
    const Index pieces = plan_.batch * of_image;
    const Index together = pieces_together(pieces, plan_.flops());
    const bool whole =
        parallel_for(team, divide_up(pieces, together), [&](Index chunk, int slot) {
          const Index last = least(pieces, (chunk + 1) * together);
          for (Index i = chunk * together; i < last && !cancelled(team); ++i) {
            const Index image = i / of_image, block = i % blocks;
            Index band = i % of_image / blocks, phase = 0;
            while (band >= phase_[phase].bands) band -= phase_[phase++].bands;
            piece(phase_[phase], band, block * kBlock,
                  source.plain() + image * plan_.source_plane() * plan_.groups, packed,
                  slots + slot * slot_elements(), destination.plain() + image * plane);
          }
        });
    return whole ? DXDW_DONE : DXDW_CANCELLED;
  }

 private:
  static constexpr Index kBlock = kPixelVectors * lanes<T>;  // channels of a piece

  struct OwnPhase {
    PixelBand<T> band;
    Index height, bands;
    Index *at, *weight;  // of each tap
    Index first_tap;     // among those of all phases
  };

  Index packed_elements() const { return round_up(plan_.groups, lanes<T>) * taps_; }
  Index slot_elements() const { return band_elements_ + kMostPixels * lanes<T>; }

  // For each vector of channels all taps of all phases, one behind the other.
  void pack(const T *weights, T *to) const {
    for (Index c = 0; c < plan_.groups; c += lanes<T>)
      for (Index i = 0; i < plan_.phases; ++i)
        for (Index t = 0; t < phase_[i].band.taps(); ++t, to += lanes<T>)
          for (Index k = 0; k < lanes<T>; ++k)
            to[k] = c + k < plan_.groups ? weights[(c + k) * plan_.taps + phase_[i].weight[t]] : 0;
  }

  void piece(const OwnPhase &own, Index band, Index c, const T *source, const T *packed, T *slot,
             T *image) const {
    const Axis &down = own.band.rows(), &across = own.band.columns();
    const Index first = band * down.count / own.bands;
    const Index count = (band + 1) * down.count / own.bands - first;
    const Index channels = least(kBlock, plan_.groups - c);
    const Index pixel = plan_.groups, width = plan_.destination_size[2] * pixel;
    T *out = image + (down.start + first * down.spacing) * width + across.start * pixel + c;
    const T *w = packed + c * taps_ + own.first_tap * lanes<T>;
    // Rows are copied when they are read for the first time, so that they are still in the first cache.
    const Index plane = own.band.plane(count);
    for (Index r = 0, copied = 0; r < count; ++r, out += down.spacing * width) {
      const Index held = own.band.held(r + 1);
      own.band.copy(source, first, copied, held, c, channels, slot, plane);
      copied = held;
      for (Index k = 0; k < channels; k += lanes<T>)
        row(own, slot + k / lanes<T> * plane + r * own.band.row(), w + k * taps_,
            least(lanes<T>, channels - k), out + k, across.spacing * pixel, down.spacing * width);
    }
  }

  // A row of the first channels of a vector.
  void row(const OwnPhase &own, const T *x, const T *w, Index channels, T *out, Index apart,
           Index next) const {
    const Axis &across = own.band.columns();
    const Index tiles = divide_up(across.count, Index(kMostPixels));
    for (Index i = 0; i < tiles; ++i) {
      const Index q = i * across.count / tiles, M = (i + 1) * across.count / tiles - q;
      const auto tile = pixel_tiles<T>.of(M, across.step);
      const T *from = x + q * across.step * lanes<T>;
      for (Index m = 0; m < M && own.band.far(); ++m)
        __builtin_prefetch(out + next + (q + m) * apart, 1, 2);
      if (channels == lanes<T>) {
        tile(from, own.at, own.band.taps(), w, out + q * apart, apart);
        continue;
      }
      T spare[kMostPixels * lanes<T>];
      tile(from, own.at, own.band.taps(), w, spare, lanes<T>);
      write_positions(spare, lanes<T>, M, channels, out + q * apart, apart);
    }
  }

  const Plan &plan_;
  OwnPhase phase_[kMostStep * kMostStep] = {};
  Index taps_ = 0, bands_ = 0, covered_ = 0, band_elements_ = 0;
};

}  // namespace
}  // namespace dxdw
