// Forward and dx of 3×3 kernels by Winograd's F(4×4, 3×3): 36 products where the definition has
// 144; and of 5×5 kernels by F(2×2, 5×5): 36 where it has 100. The weights are W or, for dx, W
// turned and with its channels exchanged: the plan's taps say.
//
// Three ways round the memory. Where the transformed weights are small, they are made once, and a
// piece of work is some rows of tiles for all destination channels. Where they are large (wide
// layers on small images), the images are transformed first, and a piece of work is a block of
// destination channels with weights of its own. Where threads have no memory for that, as many of them,
// they share what is transformed: as much of the images at a time, and of the weights, as there is.
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
    // What native.py lets a call take. A block's weights are a third of it at the most.
    const Index images = plan.batch * (plan.sources * plan.source_plane() +
                                       plan.destinations * plan.destination_plane());
    most_elements_ = images + plan.weights_of_group() +
                     tuning().beside / Index(sizeof(T)) / plan.groups_of_image;
    const Index fitting_vectors = most_elements_ / 3 / (kFrequencies * plan.sources * lanes<T>);
    blocks_ = divide_up(vectors, least<Index>(kVectors, most<Index>(1, fitting_vectors)));
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
    product_ = stride(tiles * block_);
    strip_ = strip_elements<T>(across_);
    frequency_ = stride(tiles * sources_);
    slot_ = round_up(strip_ + kFrequencies * (product_ + (shared_ ? frequency_ : 0)),
                     kAlignment / Index(sizeof(T)));
    rows_of_round_ = tile_rows_, blocks_of_round_ = blocks_;
    // Pieces of the second way: blocks of channels, and parts of the images where those are few.
    parts_ = least(divide_up(tile_rows_, together_), divide_up(4, blocks_));
  }

  DXDW_PLANS Index bytes(int threads) const {
    WinogradGather own(*this);
    own.choose_way(threads);
    const Index of_tiles = (own.shared_elements() + own.slot_ * own.used(threads)) * Index(sizeof(T)) + tile_rows_;
    Tables tables;
    Gather<T> direct(plan_, phase_);
    return left_out().bytes(of_tiles, direct.prepare(tables, true) ? direct.bytes(threads) : 0);
  }

  // As in Gather, a run is a copy.
  int run(Source<T> source, const T *weights, Result<T> destination, const Team &team) const {
    return WinogradGather(*this).run_own(source, weights, destination, team);
  }

 private:
  DXDW_PLANS int run_own(Source<T> source, const T *weights, Result<T> destination, const Team &team) {
    if (!magnitude_fits(largest_magnitude(weights, plan_.weights_of_group())))
      return DXDW_DECLINED;
    choose_way(team.threads);
    Workspace memory, listed;
    const Index at_shared = memory.reserve<T>(shared_elements());
    const Index at_slots = memory.reserve<T>(slot_ * used(team.threads));
    const Index at_flags = memory.reserve<char>(tile_rows_);
    const Index at_parts = listed.reserve<Part>(left_out().most_parts());
    if (!memory.take() || !listed.take()) return DXDW_NO_MEMORY;
    T *shared = memory.at<T>(at_shared);
    slots_ = memory.at<T>(at_slots), unfit_ = memory.at<char>(at_flags);
    source_ = source, weights_ = weights, destination_ = destination;
    Team own = team;
    own.threads = int(used(team.threads));
    if (!(shared_  ? with_shared_weights(shared, own)
          : apart_ ? with_weights_apart(shared, own)
                   : in_rounds(shared, own)))
      return DXDW_CANCELLED;

    Part *parts = listed.at<Part>(at_parts);
    const Index unfit = left_out().list(unfit_, parts);
    if (!unfit) return DXDW_DONE;
    memory.give_back();
    Tables tables;
    Gather<T> direct(plan_, phase_);
    if (!direct.prepare(tables, true)) return DXDW_NO_MEMORY;
    return direct.run(source, weights, destination, team, parts, unfit);
  }

  LeftOut left_out() const { return {down_, tile_rows_}; }
  static Index stride(Index elements) { return elements + kAlignment / Index(sizeof(T)); }

  Index shared_elements() const {
    return (apart_ ? 0 : blocks_of_round_ * weights_of_block_) +
           (shared_ ? 0 : kFrequencies * frequency_);
  }

  // Of so many threads, those that have something to do.
  Index used(int threads) const { return apart_ ? least<Index>(threads, blocks_ * parts_) : threads; }

  // Of large weights: the second way, if the transformed images stay in the cache and the scratch memory
  // that a call may take is enough; else a quarter of it is the weights', and half the images', or more where
  // threads leave it: for each part of the images all weights are transformed anew. On eight cores three had
  // room for weights of their own in layers of 256 channels at 14². A batch of 32 of these was computed by
  // one; with two it takes 0.42 times as long (Zen 5), and on one 0.8 times.
  DXDW_PLANS void choose_way(int threads) {
    if (shared_) return;
    const Index row = across_.tiles * sources_;
    frequency_ = stride(tile_rows_ * row);
    const Index slot = slot_ + round_up(weights_of_block_, kAlignment / Index(sizeof(T)));
    apart_ = true;
    const Index transformed = kFrequencies * frequency_;
    if (transformed * Index(sizeof(T)) <= tuning().shared_images &&
        transformed + slot * used(threads) <= most_elements_) {
      slot_ = slot;
      return;
    }
    apart_ = false;
    const Index pieces = divide_up(tile_rows_, together_);
    const Index blocks = most<Index>(1, most_elements_ / 4 / weights_of_block_);
    blocks_of_round_ = divide_up(blocks_, divide_up(blocks_, blocks));
    const Index left = most_elements_ - blocks_of_round_ * weights_of_block_ - threads * slot_ -
                       kFrequencies * stride(0) - tile_rows_;
    const Index fitting = most(left, most_elements_ / 2) / (kFrequencies * together_ * row);
    rows_of_round_ = divide_up(pieces, divide_up(pieces, most<Index>(1, fitting))) * together_;
    frequency_ = stride(rows_of_round_ * row);
  }

  DXDW_PLANS bool with_shared_weights(T *transformed, const Team &team) {
    if (!transform_blocks(0, blocks_, transformed, team)) return false;
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

  DXDW_PLANS bool with_weights_apart(T *x, const Team &team) {
    if (!transform_rows(0, tile_rows_, x, team)) return false;
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

  DXDW_PLANS bool in_rounds(T *transformed, const Team &team) {
    T *x = transformed + blocks_of_round_ * weights_of_block_;
    for (Index start = 0; start < tile_rows_; start += rows_of_round_) {
      const Index end = least(tile_rows_, start + rows_of_round_);
      const Index pieces = divide_up(end - start, together_);
      if (!transform_rows(start, end, x, team)) return false;
      for (Index block = 0; block < blocks_; block += blocks_of_round_) {
        const Index blocks = least(blocks_of_round_, blocks_ - block);
        // (Weights that are all there stay.)
        if ((start == 0 || blocks < blocks_) && !transform_blocks(block, blocks, transformed, team))
          return false;
        if (!parallel_for(team, blocks * pieces, [&](Index i, int slot) {
              const Index first = start + i % pieces * together_, own = i / pieces;
              T *strip = slots_ + slot * slot_;
              multiply(transformed + own * weights_of_block_,
                       x + (first - start) * across_.tiles * sources_, block + own, first,
                       least(end, first + together_), strip + strip_, strip, team);
            }))
          return false;
      }
    }
    return true;
  }

  // Rows of tiles of x, all of them by the team.
  bool transform_rows(Index first, Index last, T *x, const Team &team) {
    return parallel_for(team, last - first, [&](Index i, int slot) {
      transform(first + i, x, first, slots_ + slot * slot_, team);
    });
  }

  // So many blocks of weights, one behind the other.
  bool transform_blocks(Index first, Index count, T *to, const Team &team) const {
    const Index slices = 4;
    return parallel_for(team, count * slices, [&](Index i, int) {
      const Index s = i % slices;
      transform_weights(first + i / slices, s * plan_.sources / slices,
                        (s + 1) * plan_.sources / slices, to + i / slices * weights_of_block_, team);
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
  Index rows_of_round_, blocks_of_round_, most_elements_;
  bool shared_, apart_ = false;
  T *slots_ = nullptr;
  Result<T> destination_;
  char *unfit_ = nullptr;
  Source<T> source_;
  const T *weights_ = nullptr;
};

}  // namespace
}  // namespace dxdw
