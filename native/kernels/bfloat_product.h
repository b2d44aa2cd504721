// Forward and dx of a kernel of one tap, by products of bfloat16, of planes: a product of the weights with the
// channels of x in pairs, which lies as the result does.
//
//   destination[d, s] = Σ_c W[d, c] · source[c, s]
//
// The positions of all images follow each other; a piece of work is some of them, packed once.
#pragma once
#include "kernels/bfloat_left_out.h"
#include "kernels/shaped_tiles.h"
#include "layout/bfloat_rows.h"
#include "machine/past_caches.h"

namespace dxdw {
namespace {

class BfloatProduct {
  static constexpr Index kTile = kBlock * kBlock, kMost = PositionRuns::kMost;
  static constexpr Index kHalf = 16 * kBlock;  // elements of 16 positions of a block of channels

 public:
  static bool takes(const Plan &plan, const Phase &phase) {
    return plan.taps == 1 && phase.destinations() > 0 && !plan.source_last && !plan.destination_last &&
           reads_inside(pass_of(plan, phase));
  }

  BfloatProduct(const Plan &plan, const Phase &phase, int parts)
      : parts_(parts), plan_(plan), pass_(flat_planes(plan, pass_of(plan, phase))) {}

  DXDW_PLANS bool prepare(Tables &tables) {
    const Axis *axis = pass_.axis;
    blocks_ = divide_up(plan_.destinations, kBlock), steps_ = divide_up(plan_.sources, kBlock);
    plane_ = axis[1].count * axis[2].count;
    positions_ = pass_.batch * axis[0].count * plane_;
    const Index bytes = steps_ * kBlock * parts_ * Index(sizeof(uint16_t));
    stripe_ = least(kMost, most(kBlock, 2 * tuning().band / bytes / kBlock * kBlock));
    chunk_ = steps_of_chunk(parts_);
    // An odd number of lines, or rows of a tile would meet in one place of the first cache.
    row_ = (steps_ | 1) * kBlock;
    tables.template reserve<Index>(2 * steps_);
    if (!tables.take()) return false;
    a_offset_ = tables.template at<Index>(0), b_offset_ = a_offset_ + steps_;
    for (Index s = 0; s < steps_; ++s) a_offset_[s] = s * kBlock, b_offset_[s] = s * stripe_ * kBlock;
    return true;
  }

  DXDW_PLANS Index bytes_of_blocks(int threads) const { return Memory(*this, threads).places.bytes(); }

  // All images but those that are marked. Many threads may call this at once.
  DXDW_PLANS int by_blocks(const GatherOperands &of, const LeftOutImages &left_out, LeftOutImages::Mark *images) const {
    const Team &team = of.team;
    Memory memory(*this, team.threads);
    if (!memory.places.take()) return DXDW_NO_MEMORY;
    const Own own = {of, memory.slots()};
    SharedRange of_weights;
    if (!parallel_for(team, plan_.groups * blocks_, [&](Index i, int slot) {
          RangeOfVectors watch;
          pack_weights(own, i / blocks_, i % blocks_, slot, watch);
          of_weights.add(watch.seen());
        }))
      return DXDW_CANCELLED;
    if (!fit(of_weights.seen(), {}, plan_.sources)) return images[0] = LeftOutImages::kAll, DXDW_DONE;
    const MatrixUnit &unit = *matrix_unit();
    const Index pieces = pieces_for(team.threads);
    SharedRange of_source;
    const bool whole = parallel_for(team, plan_.groups * pieces, [&](Index i, int slot) {
      const ShapedTiles shaped(unit, team);
      of_source.add(piece(own, unit, i / pieces, i % pieces, pieces, slot));
    });
    return whole && left_out.mark(of_source.seen(), of_weights.seen(), plan_.sources, team, images,
                                   [&](Index image, int slot) { return range_of(own, image, slot); })
               ? DXDW_DONE
               : DXDW_CANCELLED;
  }

 private:
  struct Slots {
    uint16_t *weights, *pairs;
    float *line, *sums;
  };
  struct Own : GatherOperands {
    Slots at;
  };
  struct Memory {
    Workspace places;
    Index weights, pairs, line, sums;
    Memory(const BfloatProduct &of, int threads)
        : weights(places.reserve<uint16_t>(of.plan_.groups * of.parts_ * of.weight_part())),
          pairs(places.reserve<uint16_t>(threads * of.parts_ * of.pair_part())),
          line(places.reserve<float>(threads * kLine)),
          sums(places.reserve<float>(threads * of.stripe_ * kBlock)) {}
    Slots slots() const {
      return {places.at<uint16_t>(weights), places.at<uint16_t>(pairs), places.at<float>(line),
              places.at<float>(sums)};
    }
  };

  // Two channels of a stripe; or a block of weights that stand the other way, so many at a time.
  static constexpr Index kTurned = kMost, kLine = kBlock * kTurned;

  Index weight_part() const { return blocks_ * kBlock * row_; }
  Index pair_part() const { return steps_ * stripe_ * kBlock; }
  // As many for each thread, of whole blocks.
  Index pieces_for(int threads) const {
    const Index blocks = divide_up(positions_, kBlock), pieces = divide_up(blocks, stripe_ / kBlock);
    return least(round_up(pieces, threads), blocks);
  }

  // to[part][destination][source], zeros up to the last block's end.
  DXDW_PLANS void pack_weights(const Own &own, Index group, Index block, int slot, RangeOfVectors &watch) const {
    const Index d = block * kBlock, width = least(kBlock, plan_.destinations - d);
    const Index between = plan_.weight_source, apart = plan_.weight_destination;
    const float *from = own.weights + group * plan_.weights_of_group() + d * apart;
    uint16_t *to = own.at.weights + group * parts_ * weight_part() + d * row_;
    float *line = own.at.line + slot * kLine;
    for (Index c = 0; c < plan_.sources; c += kTurned) {
      const Index count = least(kTurned, plan_.sources - c);
      if (between != 1) transpose(from + c * between, between, count, width, line, kTurned);
      for (Index k = 0; k < width; ++k)
        store_row(parts_, between == 1 ? from + k * apart + c : line + k * kTurned, count, to + k * row_ + c,
                  weight_part(), watch);
    }
    for (int p = 0; p < parts_; ++p)
      for (Index k = 0; k < width; ++k)
        memset(to + p * weight_part() + k * row_ + plan_.sources, 0, (steps_ * kBlock - plan_.sources) * sizeof *to);
  }

  DXDW_PLANS PositionRuns runs(Index first, Index last, const Strides &at, bool of_source) const {
    const Axis *axis = pass_.axis;
    const auto step = [&](int a) { return of_source ? axis[a].step : axis[a].spacing; };
    const auto start = [&](int a) { return of_source ? axis[a].offset[0] : axis[a].start; };
    const Index ahead = start(0) * at.depth + start(1) * at.row + start(2) * at.column;
    return PositionRuns({pass_.batch * axis[0].count, plane_, axis[2].count, axis[2].count}, first, last, step(1) * at.row,
                        step(2) * at.column,
                        [&](Index j) {
                          return ahead + j / axis[0].count * at.image + j % axis[0].count * step(0) * at.depth;
                        },
                        [&](Index) { return axis[1].count; });
  }

  // The magnitudes that were seen.
  MagnitudeRange piece(const Own &own, const MatrixUnit &unit, Index group, Index index, Index pieces, int slot) const {
    const Index blocks = divide_up(positions_, kBlock);
    const Index first = index * blocks / pieces * kBlock, last = least((index + 1) * blocks / pieces * kBlock, positions_);
    uint16_t *pairs = own.at.pairs + slot * parts_ * pair_part();
    float *sums = own.at.sums + slot * stripe_ * kBlock;
    RangeOfVectors watch;
    pack(own, group, first, last, slot, watch);
    const PositionRuns to = runs(first, last, pass_.destination, false);
    for (Index b = 0; b < blocks_ && !cancelled(own.team); ++b) {
      const uint16_t *weights = own.at.weights + group * parts_ * weight_part() + b * kBlock * row_;
      for (Index s = 0; s < steps_; s += chunk_)
        for (Index q = 0; q < last - first; q += kBlock)
          unit.turned[parts_ - 1]({weights, row_, weight_part(), a_offset_ + s, pairs + q * kBlock, kHalf, pair_part(),
                                  b_offset_ + s, least(chunk_, steps_ - s), sums + q * kBlock, s > 0});
      const auto to_channels = own.destination + group * pass_.destination.group + b * kBlock * pass_.destination.channel;
      const Index channels = least(kBlock, plan_.destinations - b * kBlock);
      if (parts_ == 1)
        write(to_channels.as<bfloat16>(), to, channels, sums);
      else
        write(to_channels.plain(), to, channels, sums);
    }
    return watch.seen();
  }

  // The magnitudes of an image, as they were seen on packing.
  DXDW_PLANS MagnitudeRange range_of(const Own &own, Index image, int slot) const {
    RangeOfVectors watch;
    const Index each = positions_ / pass_.batch, end = (image + 1) * each;
    for (Index g = 0; g < plan_.groups; ++g)
      for (Index q = image * each; q < end; q += stripe_) pack(own, g, q, least(q + stripe_, end), slot, watch);
    return watch.seen();
  }

  DXDW_APART void pack(const Own &own, Index group, Index first, Index last, int slot, RangeOfVectors &watch) const {
    const Source<float> source = own.source + group * pass_.source.group;
    const auto pack_from = [&](const auto *p) {
      pack_channels(p, runs(first, last, pass_.source, true), round_up(last - first, kBlock),
                    own.at.pairs + slot * parts_ * pair_part(), own.at.line + slot * kLine, watch);
    };
    parts_ == 1 ? pack_from(source.as<bfloat16>()) : pack_from(source.plain());
  }

  // to[part][channels / kBlock][positions / 16][pair of channels][16][2], zeros where there is no channel.
  template <class S>
  void pack_channels(const S *from, const PositionRuns &runs, Index count, uint16_t *to, float *line,
                     RangeOfVectors &watch) const {
    const Index column = pass_.axis[2].step;
    float *odd = line + kMost;
    memset(line, 0, 2 * kMost * sizeof *line);
    for (Index c = 0; c < steps_ * kBlock; c += 2) {
      if (c + 1 >= plan_.sources) memset(odd, 0, kMost * sizeof *odd);
      if (c >= plan_.sources) memset(line, 0, kMost * sizeof *line);
      for (Index k = c; k < least(c + 2, plan_.sources); ++k)
        for (const auto &run : runs) {
          const S *own = from + k * pass_.source.channel + run.element;
          // The channel after the next: the CPU does not foresee it.
          prefetch<false>(own + 2 * pass_.source.channel, run.count * column);
          float *at = line + (k - c) * kMost + run.at;
          if (column == 1)
            copy_widened(at, own, run.count);
          else
            copy_strided(at, own, run.count, column);
        }
      uint16_t *own = to + c / kBlock * stripe_ * kBlock + c % kBlock * 16;
      with_parts(parts_, [&](auto parts) { store_channels<parts.value>(line, odd, count, own, watch); });
    }
  }
  template <int Parts>
  DXDW_APART void store_channels(const float *even, const float *odd, Index count, uint16_t *to,
                                 RangeOfVectors &watch) const {
    for (Index q = 0; q < count; q += 16, to += kHalf)
      for (Index i = 0; i < 16; i += lanes<float>) {
        const Vector<float> a = load(even + q + i), b = load(odd + q + i);
        watch.add(a), watch.add(b);
        store_pairs<Parts>(a, b, to + 2 * i, pair_part());
      }
  }

  template <class S>
  void write(S *to, const PositionRuns &runs, Index channels, const float *sums) const {
    const Index column = pass_.axis[2].spacing, channel = pass_.destination.channel;
    const bool past_caches = plan_.past_caches();
    for (Index k = 0; k < channels; ++k)
      for (const auto &run : runs)
        for (Index i = 0; i < run.count;) {
          const Index at = run.at + i, here = least(kBlock - at % kBlock, run.count - i);
          write_some(sums + at / kBlock * kTile + k * kBlock + at % kBlock, here,
                     to + k * channel + run.element + i * column, column, past_caches);
          i += here;
        }
    if (past_caches) finish_stores_past_caches();
  }
  template <class S>
  static DXDW_INLINE void write_some(const float *from, Index count, S *to, Index column, bool past_caches) {
    if (column != 1) {
      for (Index i = 0; i < count; ++i) put(to + i * column, from[i]);
      return;
    }
    if constexpr (!is_narrow<S>)
      if (past_caches && count == kBlock && !to_next_line(to)) {
        for (Index i = 0; i < kBlock; i += lanes<float>) store_past_caches(to + i, load(from + i));
        return;
      }
    copy_rounded(to, from, count);
  }

  const int parts_;
  const Plan &plan_;
  const Pass pass_;
  Index blocks_ = 1, steps_ = 1, chunk_ = 1, stripe_ = kBlock, plane_ = 1, positions_ = 1, row_ = 0;
  Index *a_offset_ = nullptr, *b_offset_ = nullptr;
};

}  // namespace
}  // namespace dxdw
