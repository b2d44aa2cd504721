// Forward and dx by products of bfloat16: of arrays that hold it, or of the parts of float32.
//
// A piece of work is a band of rows of one image, or some bands of small ones, packed once (bfloat_parts.h).
// Its positions, in blocks of kBlock and over the ends of rows, are multiplied with one block of destination
// channels after the other; of its weights a chunk of steps stays in a cache meanwhile, and the sums go
// through memory once a chunk. Positions between the rows are computed and not written.
#pragma once
#include "api/dxdw.h"
#include "kernels/bfloat_product.h"
#include "kernels/gather.h"
#include "layout/bfloat_parts.h"

namespace dxdw {
namespace {

// Whether the channels are so few that they are folded with the taps.
inline bool folded(const Plan &plan) { return plan.sources < kLeastInBlock; }

class BfloatGather {
  static constexpr Index kTile = kBlock * kBlock;  // elements of weights of a step

 public:
  BfloatGather(const Plan &plan, const Phase &phase, int parts)
      : parts_(parts), plan_(plan), pass_(images_as_rows(plan, pass_of(plan, phase))), folded_(folded(plan)) {}

  // Works out tables and sizes; false where there is no memory for the tables.
  DXDW_PLANS bool prepare(Tables &tables) {
    const Axis *axis = pass_.axis;
    taps_ = axis[0].taps * axis[1].taps * axis[2].taps;
    blocks_ = divide_up(plan_.destinations, kBlock);
    const Index values = plan_.sources * taps_;
    taps_of_step_ = folded_ ? 1 : taps_;
    const Index source_blocks = divide_up(folded_ ? values : plan_.sources, kBlock);
    steps_ = source_blocks * taps_of_step_;
    tables.template reserve<Index>(Band::words(pass_) + 2 * steps_ + plan_.taps + 2 * values);
    if (!tables.take()) return false;
    Index *memory = tables.template at<Index>(0);
    band_ = Band(pass_, memory);
    a_offset_ = memory, b_offset_ = a_offset_ + steps_, place_ = b_offset_ + steps_;
    value_offset_ = place_ + plan_.taps, value_weight_ = value_offset_ + values;
    pitch_ = folded_ ? axis[2].count : band_.pitch;
    choose_bands(source_blocks);
    list_steps();
    chunk_ = steps_of_chunk(parts_);
    chunk_ = divide_up(steps_, divide_up(steps_, chunk_));
    part_ = folded_ ? lines().part() : BfloatBand(band_, plan_.sources).part();
    band_elements_ = parts_ * part_;
    line_elements_ = folded_ ? plan_.sources * band_.channel + lanes<float>
                             : BfloatBand(band_, plan_.sources).line_elements();
    sums_ = round_up((height_ - 1) * pitch_ + axis[2].count, kBlock) * kBlock;
    pieces_ = pass_.batch * plan_.groups * axis[0].count * bands_;
    return true;
  }

  DXDW_PLANS Index bytes_of_blocks(int threads) const { return Memory(*this, threads).places.bytes(); }

  // All images but those that are marked. Many threads may call this at once.
  DXDW_PLANS int by_blocks(const GatherOperands &of, const LeftOutImages &left_out, LeftOutImages::Mark *images) const {
    const Team &team = of.team;
    Memory memory(*this, team.threads);
    if (!memory.places.take()) return DXDW_NO_MEMORY;
    const Own own = {of, memory.slots()};
    const MatrixUnit &unit = *matrix_unit();
    SharedRange seen;
    if (!pack_weights(own, seen)) return DXDW_CANCELLED;
    const MagnitudeRange of_weights = seen.seen();
    if (!fit(of_weights, {}, plan_.sources * taps_)) return images[0] = LeftOutImages::kAll, DXDW_DONE;
    const Index joined = bands_joined(team.threads), pieces = divide_up(pieces_, joined);
    const Index splits = times_packed(pieces, team.threads);
    SharedRange of_source;
    const bool whole = parallel_for(team, pieces * splits, [&](Index i, int slot) {
      const Index at = i / splits;
      const ShapedTiles shaped(unit, team);
      of_source.add(piece(own, unit, at * pieces_ / pieces, (at + 1) * pieces_ / pieces, i % splits, splits, slot));
    });
    return whole && left_out.mark(of_source.seen(), of_weights, plan_.sources * taps_, team, images,
                                   [&](Index image, int slot) { return range_of(own, image, slot); })
               ? DXDW_DONE
               : DXDW_CANCELLED;
  }

 private:
  struct Slots {
    uint16_t *weights, *band;
    float *line, *sums, *taps;
  };
  struct Own : GatherOperands {
    Slots at;
  };

  struct Memory {
    Workspace places;
    Index weights, band, line, sums, taps;
    Memory(const BfloatGather &of, int threads)
        : weights(places.reserve<uint16_t>(of.plan_.groups * of.weights_of_group())),
          band(places.reserve<uint16_t>(threads * of.bands_joined(threads) * of.band_elements_)),
          line(places.reserve<float>(threads * of.line_elements_)),
          sums(places.reserve<float>(threads * of.bands_joined(threads) * of.sums_)),
          taps(places.reserve<float>(threads * of.tap_elements())) {}
    Slots slots() const {
      return {places.at<uint16_t>(weights), places.at<uint16_t>(band), places.at<float>(line),
              places.at<float>(sums), places.at<float>(taps)};
    }
  };

  BfloatLines lines() const { return {plan_.sources * taps_, height_ * pass_.axis[2].count}; }
  Index weights_of_group() const { return blocks_ * steps_ * parts_ * kTile; }
  Index tap_elements() const { return 2 * taps_of_step_ * kBlock + lanes<float>; }

  DXDW_PLANS void choose_bands(Index source_blocks) {
    const Index rows = pass_.axis[1].count, halo = band_.halo();
    const Index positions = folded_ ? pitch_ : band_.elements_of_row();
    const Index row_bytes = source_blocks * kBlock * positions * parts_ * Index(sizeof(uint16_t));
    const Index images = pass_.batch * plan_.groups * pass_.axis[0].count;
    // The half of it is the band's, and the other that of sums and of weights that are on their way.
    const Index room = 2 * tuning().band, least_height = most<Index>(1, 2 * halo);
    Index height = most(room / row_bytes - halo, least_height);
    // Lower ones for many threads, where they fill their blocks.
    const Index wanted = least(Tuning::pieces, flops() / Tuning::piece);
    if (images * divide_up(rows, height) < wanted)
      height = least(height, most(divide_up(rows, divide_up(wanted, images)),
                                  most(least_height, 16 * kBlock / positions)));
    height = least(most<Index>(height, 1), rows);
    bands_ = divide_up(rows, height), height_ = divide_up(rows, bands_);
    band_.set_height(height_);
    most_joined_ = most<Index>(1, room / (row_bytes * (height_ + halo)));
  }

  // Bands of a piece, which share the weights that are brought near.
  Index bands_joined(int threads) const { return least(most_joined_, most<Index>(1, pieces_ / threads)); }
  // How many pieces share a band, and each packs it for some of the destination channels: where threads would be
  // without work.
  Index times_packed(Index pieces, int threads) const {
    return pieces % threads && pieces < 4 * threads ? least<Index>(blocks_, divide_up(4 * threads, pieces)) : 1;
  }

  Index flops() const {
    const Axis *axis = pass_.axis;
    return 2 * pass_.batch * plan_.groups * axis[0].count * axis[1].count * axis[2].count *
           plan_.sources * plan_.destinations * taps_;
  }

  // A step is a tap of a block of source channels.
  DXDW_PLANS void list_steps() {
    const Axis *axis = pass_.axis;
    const Index block = folded_ ? lines().positions : BfloatBand(band_, plan_.sources).positions;
    for (Index i = 0; i < plan_.taps; ++i) place_[i] = -1;
    Index k = 0;
    for (Index d = 0; d < axis[0].taps; ++d)
      for (Index h = 0; h < axis[1].taps; ++h)
        for (Index w = 0; w < axis[2].taps; ++w, ++k) {
          const Index tap = plan_.weight_tap(axis[0].tap[d], axis[1].tap[h], axis[2].tap[w]);
          place_[tap] = k;
          for (Index c = 0; c < plan_.sources; ++c) {
            value_offset_[c * taps_ + k] = c * band_.channel + band_.offset(d, h, w);
            value_weight_[c * taps_ + k] = c * plan_.weight_source + tap;
          }
          for (Index s = k, b = 0; !folded_ && s < steps_; s += taps_, ++b)
            a_offset_[s] = (b * block + band_.offset(d, h, w)) * kBlock;
        }
    for (Index s = 0; s < steps_; ++s) {
      if (folded_) a_offset_[s] = s * block * kBlock;
      b_offset_[s] = s * parts_ * kTile;
    }
  }

  // to[group][destinations / kBlock][step][part][half][pair of sources][16][2]
  bool pack_weights(const Own &own, SharedRange &seen) const {
    const Index source_blocks = steps_ / taps_of_step_, all = plan_.groups * blocks_ * source_blocks;
    const float *end = own.weights + plan_.groups * plan_.weights_of_group();
    return parallel_for(own.team, all, [&](Index i, int slot) {
      RangeOfVectors watch;
      float *taps = own.at.taps + slot * tap_elements();
      const Index c = i % source_blocks * kBlock, rest = i / source_blocks;
      const Index d = rest % blocks_ * kBlock, group = rest / blocks_;
      const float *from = own.weights + group * plan_.weights_of_group() + d * plan_.weight_destination;
      uint16_t *to = own.at.weights + i * taps_of_step_ * parts_ * kTile;
      for (Index pair = 0; pair < kBlock / 2; ++pair) {
        for (Index odd = 0; odd < 2; ++odd)
          read_taps(from, end, d, c + 2 * pair + odd, taps + odd * taps_of_step_ * kBlock);
        for (Index k = 0; k < taps_of_step_; ++k)
          for (Index n = 0; n < kBlock; n += lanes<float>) {
            const Vector<float> even = load(taps + k * kBlock + n);
            const Vector<float> odd = load(taps + (taps_of_step_ + k) * kBlock + n);
            watch.add(even), watch.add(odd);
            with_parts(parts_, [&](auto parts) {
              store_pairs<parts.value>(even, odd,
                                       to + k * parts_ * kTile + n / 16 * (kTile / 2) + pair * kBlock + n % 16 * 2,
                                       kTile);
            });
          }
      }
      seen.add(watch.seen());
    });
  }

  // to[tap][kBlock destinations from d on] of source channel c; zeros where there is none.
  void read_taps(const float *from, const float *end, Index d, Index c, float *to) const {
    const Index here = least(kBlock, plan_.destinations - d), ld = plan_.weight_destination;
    const bool none = c >= (folded_ ? plan_.sources * taps_ : plan_.sources);
    if (none || here < kBlock) memset(to, 0, taps_of_step_ * kBlock * sizeof *to);
    if (none) return;
    if (folded_) {
      for (Index n = 0; n < here; ++n) to[n] = from[n * ld + value_weight_[c]];
      return;
    }
    from += c * plan_.weight_source;
    pack_taps(from, ld, here, place_, plan_.taps, to, kBlock, end - from - (here - 1) * ld - plan_.taps);
  }

  struct Place {
    Index image, group, depth, first, count;
  };
  Place place_of(Index piece) const {
    const Index rows = pass_.axis[1].count, band = piece % bands_, first = band * rows / bands_;
    Index rest = piece / bands_;
    const Index depth = rest % pass_.axis[0].count;
    rest /= pass_.axis[0].count;
    return {rest / plan_.groups, rest % plan_.groups, depth, first, (band + 1) * rows / bands_ - first};
  }

  // Bands [first, last), for a part of the destination channels; the magnitudes that were seen.
  MagnitudeRange piece(const Own &own, const MatrixUnit &unit, Index first, Index last, Index split, Index splits,
                       int slot) const {
    const Index joined = bands_joined(own.team.threads);
    uint16_t *band = own.at.band + slot * joined * band_elements_;
    float *sums = own.at.sums + slot * joined * sums_;
    RangeOfVectors watch;
    for (Index i = first; i < last; ++i) pack(own, place_of(i), band + (i - first) * band_elements_, slot, watch);
    for (Index b = split * blocks_ / splits; b < (split + 1) * blocks_ / splits; ++b) {
      for (Index s = 0; s < steps_ && !cancelled(own.team); s += chunk_)
        for (Index i = first; i < last; ++i) {
          const Place place = place_of(i);
          const uint16_t *weights = own.at.weights + place.group * weights_of_group() + b * steps_ * parts_ * kTile;
          const Index positions = (place.count - 1) * pitch_ + pass_.axis[2].count;
          for (Index q = 0; q < positions; q += kBlock)
            unit.multiply[parts_ - 1]({band + (i - first) * band_elements_ + q * kBlock, kBlock, part_,
                                       a_offset_ + s, weights, kTile / 2, kTile, b_offset_ + s,
                                       least(chunk_, steps_ - s), sums + (i - first) * sums_ + q * kBlock, s > 0});
        }
      for (Index i = first; i < last; ++i) write(own, place_of(i), b * kBlock, sums + (i - first) * sums_);
    }
    return watch.seen();
  }

  void pack(const Own &own, const Place &place, uint16_t *band, int slot, RangeOfVectors &watch) const {
    Source<float> source = own.source + place.image * pass_.source.image + place.group * pass_.source.group;
    float *line = own.at.line + slot * line_elements_;
    if (folded_) {
      band_.copy_channels(source, plan_.sources, place.depth, place.first, place.count, line, own.team);
      lines().pack(parts_, line, value_offset_, band_.pitch, place.count, pitch_, band, watch);
    } else {
      BfloatBand(band_, plan_.sources).pack(parts_, source, place.depth, place.first, place.count, band, line, watch);
    }
  }

  // The magnitudes of an image, as they were seen on packing: of single taps it is a row (images_as_rows).
  DXDW_PLANS MagnitudeRange range_of(const Own &own, Index image, int slot) const {
    uint16_t *band = own.at.band + slot * bands_joined(own.team.threads) * band_elements_;
    RangeOfVectors watch;
    const Index each = pieces_ / pass_.batch;
    if (pass_.batch < plan_.batch)
      for (Index g = 0; g < plan_.groups; ++g) pack(own, {0, g, 0, image, 1}, band, slot, watch);
    else
      for (Index i = image * each; i < (image + 1) * each; ++i) pack(own, place_of(i), band, slot, watch);
    return watch.seen();
  }

  // The sums of a block of destination channels from d on.
  void write(const Own &own, const Place &place, Index d, const float *sums) const {
    const Axis *axis = pass_.axis;
    const Strides &at = pass_.destination;
    const Index width = least(kBlock, plan_.destinations - d), spacing = axis[2].spacing;
    Result<float> to = own.destination + place.image * at.image + place.group * at.group + d * at.channel +
            (axis[0].start + place.depth * axis[0].spacing) * at.depth +
            (axis[1].start + place.first * axis[1].spacing) * at.row + axis[2].start * at.column;
    for (Index r = 0; r < place.count; ++r, to += axis[1].spacing * at.row) {
      const float *line = sums + r * pitch_ * kBlock;
      if (at.channels_last())
        write_positions(line, kBlock, axis[2].count, width, to, spacing * at.column);
      else
        write_transposed(line, kBlock, axis[2].count, width, to, at.channel, spacing);
    }
  }

  const int parts_;
  const Plan &plan_;
  const Pass pass_;
  const bool folded_;
  Band band_;
  Index pitch_ = 0, part_ = 0;  // positions from a row to the next, and elements from a part to the next
  Index taps_ = 0, taps_of_step_ = 0, steps_ = 0, blocks_ = 1, chunk_ = 1;
  Index height_ = 1, bands_ = 1, most_joined_ = 1, pieces_ = 0;
  Index band_elements_ = 0, line_elements_ = 0, sums_ = 0;
  Index *a_offset_ = nullptr, *b_offset_ = nullptr, *place_ = nullptr;
  Index *value_offset_ = nullptr, *value_weight_ = nullptr;  // of each channel at each tap
};

// Forward, or all phases of dx, one after the other.
class BfloatGatherPhases {
 public:
  static constexpr Kind kKind = kForward;

  DXDW_PLANS BfloatGatherPhases(const int64_t *words, int parts) : parts_(parts), plan_(view(words)) {
    Index reached = 0;
    const Index *phases = plan_.first_phase;
    for (Index i = 0; i < plan_.phases; ++i) reached += read_phase(phases).destinations();
    covers_ = reached >= plan_.destination_plane();
  }

  bool ready() const { return true; }
  Index flops() const { return plan_.flops(); }
  DXDW_PLANS Index workspace(int threads) const {
    Index bytes = 0;
    each([&](auto &one, const LeftOutImages &left_out) {
      bytes = most(bytes, left_out.bytes(one.bytes_of_blocks(threads), threads));
    });
    return bytes;
  }

  DXDW_APART int run(Source<float> source, const float *weights, Result<float> destination, const Team &team) const {
    if (!covers_ && !clear_all(destination,
                               plan_.batch * plan_.groups * plan_.destinations * plan_.destination_plane(),
                               team))
      return DXDW_CANCELLED;
    int status = DXDW_DONE;
    const bool memory = each([&](auto &one, const LeftOutImages &left_out) {
      if (status == DXDW_DONE) status = left_out.run({source, weights, destination, team}, one);
    });
    return memory ? status : int(DXDW_NO_MEMORY);
  }

 private:
  // fn(pass, what it leaves out) of all phases; false where there was no memory for a table.
  template <class F>
  bool each(const F &fn) const {
    const Index *words = plan_.first_phase;
    for (Index i = 0; i < plan_.phases; ++i) {
      const Phase phase = read_phase(words);
      if (!(BfloatProduct::takes(plan_, phase) ? prepared<BfloatProduct>(phase, fn)
                                                      : prepared<BfloatGather>(phase, fn)))
        return false;
    }
    return true;
  }
  template <class One, class F>
  bool prepared(const Phase &phase, const F &fn) const {
    Tables tables;
    One one(plan_, phase, parts_);
    if (!one.prepare(tables)) return false;
    fn(one, LeftOutImages(plan_, phase));
    return true;
  }

  const int parts_;
  const Plan plan_;
  bool covers_ = true;
};

template <int Parts>
struct BfloatGatherPass : BfloatGatherPhases {
  explicit BfloatGatherPass(const int64_t *words) : BfloatGatherPhases(words, Parts) {}
};

}  // namespace
}  // namespace dxdw
