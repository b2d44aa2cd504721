// Forward and dx of 3×3 kernels by Winograd's F(4×4, 3×3): 36 products where the definition has
// 144; and of 5×5 kernels by F(2×2, 5×5): 36 where it has 100. The weights are W or, for dx, W
// turned and with its channels exchanged: the plan's taps say.
//
// Two ways round the memory. Where the transformed weights are small, they are made once, and a
// piece of work is some rows of tiles for all destination channels. Where they are large (wide
// layers on small images), the images are transformed first, and a piece of work is a block of
// destination channels with weights of its own.
#pragma once
#include "kernels/winograd_groups.h"
#include "kernels/winograd_transform.h"
#include "tiles/winograd_product.h"

namespace dxdw {
namespace {

template <class T>
class WinogradGather {
 public:
  static constexpr Kind kKind = kForward;

  DXDW_PLANS WinogradGather(const Plan &plan, const Phase &phase)
      : plan_(plan), phase_(phase), pass_(pass_of(plan, phase)), down_(pass_.axis[1], side_of(plan)),
        across_(pass_.axis[2], side_of(plan)) {
    sources_ = round_up(plan.sources, lanes<T>);
    const Index vectors = divide_up(plan.destinations, lanes<T>);
    blocks_ = divide_up(vectors, kVectors);
    block_vectors_ = divide_up(vectors, blocks_);
    block_ = block_vectors_ * lanes<T>;
    blocks_ = divide_up(vectors, block_vectors_);
    tile_rows_ = plan.batch * down_.tiles;
    weight_frequency_ = stride(plan.sources * block_);
    weights_of_block_ = kFrequencies * weight_frequency_;
    shared_ = blocks_ * weights_of_block_ * Index(sizeof(T)) <= tuning().shared_weights;

    // A multiple of the register tile's height where it can be, and enough pieces for all threads.
    const Index tall = kAccumulators / block_vectors_;
    const Index fitting = tuning().frequencies / (kFrequencies * sources_ * Index(sizeof(T)));
    together_ = most<Index>(1, most(tall * 2, fitting) / across_.tiles);
    if (shared_ && divide_up(tile_rows_, together_) < Tuning::pieces)
      together_ = least(together_, most<Index>(divide_up(tall, across_.tiles),
                                               divide_up(tile_rows_, Tuning::pieces)));
    together_ = least(together_, tile_rows_);
    const Index tiles = together_ * across_.tiles;
    frequency_ = stride((shared_ ? tiles : tile_rows_ * across_.tiles) * sources_);
    product_ = stride(tiles * block_);
    strip_ = strip_elements<T>(across_);
    slot_ = round_up(strip_ + kFrequencies * (product_ + (shared_ ? frequency_ : 0)) +
                         (shared_ ? 0 : weights_of_block_),
                     kAlignment / Index(sizeof(T)));
    // Pieces of the second way: blocks of channels, and parts of the images where those are few.
    parts_ = shared_ ? 1 : least(divide_up(tile_rows_, together_), divide_up(4, blocks_));
  }

  Index bytes(int threads) const {
    const Index used = shared_ ? threads : least<Index>(threads, blocks_ * parts_);
    return (shared_elements() + slot_ * used) * Index(sizeof(T)) + tile_rows_;
  }

  // As in Gather, a run is a copy.
  int run(Source<T> source, const T *weights, Result<T> destination, const Team &team) const {
    return WinogradGather(*this).run_own(source, weights, destination, team);
  }

 private:
  int run_own(Source<T> source, const T *weights, Result<T> destination, const Team &team) {
    if (!magnitude_fits(largest_magnitude(weights, plan_.weights_of_group())))
      return DXDW_DECLINED;
    const LeftOut left_out = {down_, tile_rows_};
    Workspace memory;
    const Index at_shared = memory.reserve<T>(shared_elements());
    const Index at_slots = memory.reserve<T>(slot_ * team.threads);
    const Index at_flags = memory.reserve<char>(tile_rows_);
    const Index at_parts = memory.reserve<Part>(left_out.most_parts());
    if (!memory.take()) return DXDW_NO_MEMORY;
    T *shared = memory.at<T>(at_shared);
    slots_ = memory.at<T>(at_slots), unfit_ = memory.at<char>(at_flags);
    source_ = source, weights_ = weights, destination_ = destination;
    if (!(shared_ ? with_shared_weights(shared, team) : with_shared_images(shared, team)))
      return DXDW_CANCELLED;

    Part *parts = memory.at<Part>(at_parts);
    const Index unfit = left_out.list(unfit_, parts);
    if (!unfit) return DXDW_DONE;
    Tables tables;
    Gather<T> direct(plan_, phase_);
    if (!direct.prepare(tables, true)) return DXDW_NO_MEMORY;
    return direct.run(source, weights, destination, team, parts, unfit);
  }

  static Index stride(Index elements) { return elements + kAlignment / Index(sizeof(T)); }

  Index shared_elements() const {
    return shared_ ? blocks_ * weights_of_block_ : kFrequencies * frequency_;
  }

  bool with_shared_weights(T *transformed, const Team &team) {
    const Index slices = 4;
    if (!parallel_for(team, blocks_ * slices, [&](Index i, int) {
          const Index s = i % slices;
          transform_weights(i / slices, s * plan_.sources / slices,
                            (s + 1) * plan_.sources / slices,
                            transformed + i / slices * weights_of_block_, team);
        }))
      return false;
    return parallel_for(team, divide_up(tile_rows_, together_), [&](Index piece, int slot) {
      const Index first = piece * together_, last = least(tile_rows_, first + together_);
      T *strip = slots_ + slot * slot_;
      T *product = strip + strip_;
      T *x = product + kFrequencies * product_;
      bool any = false;
      for (Index row = first; row < last; ++row) any |= transform(row, x, first, strip, team);
      if (!any) return;
      for (Index block = 0; block < blocks_; ++block)
        multiply(transformed + block * weights_of_block_, x, block, first, last, product, strip,
                 team);
    });
  }

  bool with_shared_images(T *x, const Team &team) {
    if (!parallel_for(team, tile_rows_, [&](Index row, int slot) {
          transform(row, x, 0, slots_ + slot * slot_, team);
        }))
      return false;
    const Index pieces = divide_up(tile_rows_, together_);
    return parallel_for(team, blocks_ * parts_, [&](Index i, int slot) {
      const Index block = i / parts_, part = i % parts_;
      T *strip = slots_ + slot * slot_;
      T *product = strip + strip_;
      T *transformed = product + kFrequencies * product_;
      transform_weights(block, 0, plan_.sources, transformed, team);
      for (Index p = part * pieces / parts_; p < (part + 1) * pieces / parts_; ++p) {
        const Index first = p * together_, last = least(tile_rows_, first + together_);
        multiply(transformed, x + first * across_.tiles * sources_, block, first, last, product, strip,
                 team);
      }
    });
  }

  // A row of tiles of x; false where it is left to the direct kernel.
  bool transform(Index row, T *x, Index first, T *strip, const Team &team) {
    const Index tile = row % down_.tiles, top = down_.start(tile) + down_.offset;
    const TileRow where = {row / down_.tiles, top, across_.offset, down_.dilation,
                           down_.destinations(tile)};
    T *to = x + (row - first) * across_.tiles * sources_;
    const Sight found = transform_row(Reader::kWindows, kPoints, pass_, source_, plan_.sources, where,
                                      across_, to, frequency_, sources_, strip, team);
    const auto windows = [&] {
      const PlaceSums<T> places(pass_, source_, plan_.sources, where, across_, kPoints, strip);
      return windows_fit(places, seen_in(strip, across_, kPoints), where, across_);
    };
    unfit_[row] = found == Sight::kUnfit || (found == Sight::kUnclear && !windows());
    return !unfit_[row];
  }

  void multiply(const T *weights, const T *x, Index block, Index first, Index last, T *product_at,
                T *strip, const Team &team) const {
    const Index tiles = (last - first) * across_.tiles;
    for (int f = 0; f < kFrequencies && !cancelled(team); ++f)
      product(x + f * frequency_, tiles, sources_, Index(1), weights + f * weight_frequency_, block_,
              block_vectors_, plan_.sources, product_at + f * product_, block_, false);
    const Strides &to = pass_.destination;
    const bool past_caches = plan_.past_caches();
    for (Index row = first; row < last && !cancelled(team); ++row) {
      if (unfit_[row]) continue;
      const Index tile = row % down_.tiles;
      const Result<T> image = destination_ + row / down_.tiles * to.image + down_.start(tile) * to.row;
      for (Index o = 0; o < block_ && block * block_ + o < plan_.destinations; o += lanes<T>) {
        const Index d = block * block_ + o;
        inverse_row(product_at + (row - first) * across_.tiles * block_ + o, product_, block_, across_,
                    least(lanes<T>, plan_.destinations - d), image + d * to.channel, to,
                    down_.dilation * to.row, down_.destinations(tile), strip, past_caches);
      }
    }
    if (past_caches) finish_stores_past_caches();
  }

  // to[frequency][source channel][destination channel of the block]
  void transform_weights(Index block, Index first, Index last, T *to, const Team &team) const {
    if (across_.side == 4)
      transform_weights_of<3>(block, first, last, to, team);
    else
      transform_weights_of<5>(block, first, last, to, team);
  }

  template <int TapsOfAxis>
  void transform_weights_of(Index block, Index first, Index last, T *to, const Team &team) const {
    constexpr int kTaps = TapsOfAxis * TapsOfAxis;
    const Index *down = pass_.axis[1].tap, *across = pass_.axis[2].tap;
    alignas(kAlignment) T taps[lanes<T> * kTaps * lanes<T>];
    for (Index v = 0; v < block_vectors_; ++v)
      for (Index c = first; c < last && !cancelled(team); c += lanes<T>) {
        const Index together = least(lanes<T>, last - c);
        read_taps<kTaps>(block * block_ + v * lanes<T>, c, together, taps);
        for (Index k = 0; k < together; ++k)
          to_frequencies<T, TapsOfAxis>(
              [&](int i, int j) {
                return load(taps + (k * kTaps + down[i] * TapsOfAxis + across[j]) * lanes<T>);
              },
              to + (c + k) * block_ + v * lanes<T>, weight_frequency_);
      }
  }

  // taps[source channel][tap][destination channel], of a vector of destinations from d on.
  template <int kTaps>
  void read_taps(Index d, Index c, Index channels, T *taps) const {
    const Index width = least(lanes<T>, plan_.destinations - d);
    const T *w = weights_ + d * plan_.weight_destination + c * plan_.weight_source;
    if (width <= 0)
      memset(taps, 0, channels * kTaps * lanes<T> * sizeof(T));
    else if (plan_.weight_source == kTaps)  // channels follow each other: each line is read once
      transpose(w, plan_.weight_destination, width, channels * kTaps, taps, lanes<T>);
    else
      for (Index k = 0; k < channels; ++k)
        transpose_taps<T, kTaps>(w + k * plan_.weight_source, plan_.weight_destination, width,
                                 weights_ + plan_.weights_of_group(), taps + k * kTaps * lanes<T>);
  }

  const Plan &plan_;
  const Phase &phase_;
  Pass pass_;
  TiledAxis down_, across_;
  Index sources_, blocks_, block_vectors_, block_, tile_rows_;
  Index weight_frequency_, weights_of_block_, together_, frequency_, product_, strip_, slot_, parts_;
  bool shared_;
  T *slots_ = nullptr;
  Result<T> destination_;
  char *unfit_ = nullptr;
  Source<T> source_;
  const T *weights_ = nullptr;
};

}  // namespace
}  // namespace dxdw
