// dW by products of bfloat16, as BfloatGather: for each tap a product of grad_out, channel by channel along
// positions, with x in pairs of positions.
//
//   to[parity][part][channels / 16][pair][16][2]: a tap whose offset is odd reads the pairs that begin with
//   an odd position.
//
// The positions are split into chunks, each a sum of its own, by the problem's shape alone; the chunks' sums
// are added in pairs.
#pragma once
#include "kernels/bfloat_gather.h"
#include "kernels/weight_gradient.h"

namespace dxdw {
namespace {

template <int Parts>
class BfloatWeightGradient {
  static constexpr Index kTile = kBlock * kBlock;

 public:
  BfloatWeightGradient(const Plan &plan, const Phase &phase)
      : plan_(plan), phase_(phase), pass_(images_as_rows(plan, pass_of(plan, phase))),
        folded_(folded(plan)) {}

  bool prepare(Tables &tables) {
    const Axis *axis = pass_.axis;
    taps_ = axis[0].taps * axis[1].taps * axis[2].taps;
    const Index values = plan_.sources * taps_;
    left_ = divide_up(plan_.destinations, kBlock);
    right_ = divide_up(folded_ ? values : plan_.sources, kBlock);
    taps_of_sum_ = folded_ ? 1 : taps_;
    // Of the longest that a band can be.
    const Index longest = divide_up((axis[1].count - 1) * Band::most_pitch(pass_) + axis[2].count, kBlock);
    tables.template reserve<Index>(Band::words(pass_) + 2 * longest + 2 * taps_ + values);
    if (!tables.take()) return false;
    Index *memory = tables.template at<Index>(0);
    band_ = Band(pass_, memory);
    a_offset_ = memory, b_offset_ = a_offset_ + longest, offset_ = b_offset_ + longest;
    tap_ = offset_ + taps_, value_offset_ = tap_ + taps_;
    pitch_ = folded_ ? axis[2].count : band_.pitch;
    for (Index s = 0; s < longest; ++s) a_offset_[s] = s * kBlock, b_offset_[s] = s * kTile / 2;
    choose_bands();
    Index k = 0;
    for (Index d = 0; d < axis[0].taps; ++d)
      for (Index h = 0; h < axis[1].taps; ++h)
        for (Index w = 0; w < axis[2].taps; ++w, ++k) {
          offset_[k] = band_.offset(d, h, w);
          tap_[k] = plan_.weight_tap(axis[0].tap[d], axis[1].tap[h], axis[2].tap[w]);
          for (Index c = 0; c < plan_.sources; ++c)
            value_offset_[c * taps_ + k] = c * band_.channel + offset_[k];
        }
    sum_elements_ = taps_of_sum_ * left_ * right_ * kTile;
    choose_chunks();
    const BfloatBand packed(band_, plan_.sources);
    positions_ = folded_ ? lines().positions : packed.positions;
    pairs_ = positions_ / 2, part_ = right_ * positions_ * kBlock;
    band_elements_ = Parts * part_;
    line_elements_ = folded_ ? plan_.sources * band_.channel + lanes<float> : packed.line_elements();
    g_row_ = round_up((height_ - 1) * pitch_ + round_up(axis[2].count, lanes<float>), kBlock);
    return true;
  }

  Index bytes(int threads) const { return Memory(*this, threads).places.bytes(); }

  int run(Source<float> grad_out, Source<float> x, float *dW, const Team &team) const {
    Memory memory(*this, team.threads);
    if (!memory.places.take()) return DXDW_NO_MEMORY;
    const Own own = {grad_out, x, memory.slots(), team};
    const MatrixUnit &unit = *matrix_unit();
    const Index bands = all_bands();
    const bool whole = parallel_for(team, plan_.groups * chunks_ * splits_, [&](Index item, int slot) {
      const Index split = item % splits_, chunk = item / splits_ % chunks_, group = item / splits_ / chunks_;
      float *sum = own.at.sums + (group * chunks_ + chunk) * sum_elements_;
      const Index first = split * left_ / splits_, last = (split + 1) * left_ / splits_;
      unit.begin();
      bool any = false;
      for (Index b = chunk * bands / chunks_; b < (chunk + 1) * bands / chunks_ && !cancelled(team); ++b)
        any |= piece(own, unit, b, group, first, last, sum, any, slot, split == 0);
      unit.end();
      if (!any)
        for (Index k = 0; k < taps_of_sum_; ++k)
          memset(sum + (k * left_ + first) * right_ * kTile, 0,
                 (last - first) * right_ * kTile * sizeof *sum);
    });
    if (!whole) return DXDW_CANCELLED;
    if (!parallel_for(team, plan_.groups * left_, [&](Index i, int) {
          finish(own.at.sums, i / left_, i % left_, dW + i / left_ * plan_.weights_of_group());
        }))
      return DXDW_CANCELLED;
    return left_out(own, dW);
  }

 private:
  struct Slots {
    float *sums, *line, *g_line;
    uint16_t *band, *pairs, *g;
    char *unfit;
    Part *parts;
  };
  struct Own {
    Source<float> grad_out, x;
    Slots at;
    const Team &team;
  };
  struct Memory {
    Workspace places;
    Index sums, line, g_line, band, pairs, g, unfit, parts;
    Memory(const BfloatWeightGradient &of, int threads)
        : sums(places.reserve<float>(of.plan_.groups * of.chunks_ * of.sum_elements_)),
          line(places.reserve<float>(threads * of.line_elements_)),
          g_line(places.reserve<float>(threads * of.g_line_elements())),
          band(places.reserve<uint16_t>(threads * of.band_elements_)),
          pairs(places.reserve<uint16_t>(threads * 2 * of.band_elements_)),
          g(places.reserve<uint16_t>(threads * of.g_elements())),
          unfit(places.reserve<char>(of.plan_.groups * of.all_bands())),
          parts(places.reserve<Part>(of.all_bands())) {}
    Slots slots() const {
      return {places.at<float>(sums),     places.at<float>(line),     places.at<float>(g_line),
              places.at<uint16_t>(band),  places.at<uint16_t>(pairs), places.at<uint16_t>(g),
              places.at<char>(unfit),     places.at<Part>(parts)};
    }
  };

  BfloatLines lines() const { return {plan_.sources * taps_, height_ * pass_.axis[2].count}; }
  Index all_bands() const { return pass_.batch * pass_.axis[0].count * bands_; }
  Index g_line_elements() const { return kBlock * round_up(pass_.axis[2].count, lanes<float>); }
  Index g_elements() const { return Parts * left_ * kBlock * g_row_; }

  Index flops() const {
    return 2 * pass_.batch * plan_.groups * pass_.axis[0].count * pass_.axis[1].count *
           pass_.axis[2].count * plan_.sources * plan_.destinations * taps_;
  }

  void choose_bands() {
    const Index rows = pass_.axis[1].count, halo = band_.halo();
    const Index of_x = 3 * right_ * (folded_ ? pitch_ : band_.elements_of_row());
    const Index row_bytes = (of_x + left_ * pitch_) * kBlock * Parts * Index(sizeof(uint16_t));
    const Index images = pass_.batch * pass_.axis[0].count;
    Index height = most(2 * nominal().band / row_bytes - halo, most<Index>(1, 2 * halo));
    height = least(most<Index>(height, 1), rows);
    bands_ = divide_up(rows, height), height_ = divide_up(rows, bands_);
    const Index wanted = least(Tuning::pieces, flops() / Tuning::piece / plan_.groups);
    if (images * bands_ < wanted)
      height_ = least(height_, most(divide_up(rows, divide_up(wanted, images)), most<Index>(1, 2 * halo)));
    bands_ = divide_up(rows, height_), height_ = divide_up(rows, bands_);
    band_.set_height(height_);
  }

  void choose_chunks() {
    const Index operands = plan_.batch * plan_.groups *
                           (plan_.sources * plan_.source_plane() +
                            plan_.destinations * plan_.destination_plane());
    const Index room = kSumBytes + operands * Index(sizeof(float)) / 2;
    const Index bands = pass_.batch * pass_.axis[0].count * bands_;
    const Index wanted = most<Index>(1, least(Tuning::pieces, flops() / Tuning::piece));
    chunks_ = room / (plan_.groups * sum_elements_ * Index(sizeof(float)));
    chunks_ = most<Index>(1, least(least(bands, chunks_), divide_up(wanted, plan_.groups)));
    splits_ = plan_.groups * chunks_ < wanted ? least(left_, divide_up(wanted, plan_.groups * chunks_)) : 1;
  }

  // Adds band b to the sums of output blocks [first, last), or makes them; false where it is left out, which
  // one of those that share a band says.
  bool piece(const Own &own, const MatrixUnit &unit, Index b, Index group, Index first, Index last, float *sum,
             bool add, int slot, bool says) const {
    const Axis *axis = pass_.axis;
    const Index row = b % bands_ * axis[1].count / bands_;
    const Index count = (b % bands_ + 1) * axis[1].count / bands_ - row;
    const Index depth = b / bands_ % axis[0].count, image = b / bands_ / axis[0].count;
    RangeOfVectors of_x, of_g;
    uint16_t *band = own.at.band + slot * band_elements_, *pairs = own.at.pairs + slot * 2 * band_elements_;
    uint16_t *g = own.at.g + slot * g_elements();
    Source<float> x = own.x + image * pass_.source.image + group * pass_.source.group;
    float *line = own.at.line + slot * line_elements_;
    if (folded_) {
      band_.copy_channels(x, plan_.sources, depth, row, count, line, own.team);
      lines().template pack<Parts>(line, value_offset_, band_.pitch, count, pitch_, true, band, of_x);
    } else {
      BfloatBand(band_, plan_.sources)
          .template pack<Parts>(x, depth, row, count, true, band, line, of_x);
    }
    const Strides &at = pass_.destination;
    pack_g(own.grad_out + image * at.image + group * at.group + depth * at.depth + row * at.row, count, g,
           own.at.g_line + slot * g_line_elements(), of_g);
    const bool unfit = !fit(of_x.seen(), of_g.seen(), pass_.batch * plan_.destination_plane());
    if (says) own.at.unfit[group * all_bands() + b] = unfit;
    if (unfit) return false;
    pair(band, pairs);
    const Index steps = divide_up((count - 1) * pitch_ + axis[2].count, kBlock);
    for (Index o = first; o < last && !cancelled(own.team); ++o)
      for (Index c = 0; c < right_; ++c)
        for (Index k = 0; k < taps_of_sum_; ++k) {
          const Index offset = folded_ ? 0 : offset_[k], odd = offset & 1, at_pair = offset / 2;
          unit.multiply[Parts - 1](
              {g + o * kBlock * g_row_, g_row_, left_ * kBlock * g_row_, a_offset_,
               pairs + odd * band_elements_ + c * 2 * pairs_ * kBlock + at_pair * kBlock, pairs_ * kBlock,
               part_, b_offset_, steps, sum + ((k * left_ + o) * right_ + c) * kTile, add});
        }
    return true;
  }

  // to[part][channel][position] in x's pitch, with zeros where no output stands.
  void pack_g(Source<float> from, Index count, uint16_t *to, float *line, RangeOfVectors &watch) const {
    const Strides &at = pass_.destination;
    const Index columns = pass_.axis[2].count, part = left_ * kBlock * g_row_;
    const Index wide = round_up(columns, lanes<float>);
    for (int p = 0; p < Parts; ++p) memset(to + p * part, 0, part * sizeof *to);
    for (Index o = 0; o < plan_.destinations; o += kBlock) {
      const Index width = least(kBlock, plan_.destinations - o);
      for (Index r = 0; r < count; ++r) {
        Source<float> row = from + o * at.channel + r * at.row;
        if (at.channels_last()) read_transposed(row, at.column, columns, width, line, wide);
        for (Index k = 0; k < width; ++k) {
          float *own = line + k * wide;
          if (!at.channels_last()) copy_widened(own, row + k * at.channel, columns);
          for (Index j = columns; j < wide; ++j) own[j] = 0;
          uint16_t *line_to = to + (o + k) * g_row_ + r * pitch_;
          for (Index j = 0; j < columns; j += lanes<float>) {
            const Vector<float> v = load(own + j);
            watch.add(v);
            store_parts<Parts>(v, line_to + j, part);  // zeros past the row, which the next one writes over
          }
        }
      }
    }
  }

  // Of positions 2i and 2i + 1, and of 2i + 1 and 2i + 2.
  void pair(const uint16_t *from, uint16_t *to) const {
    for (Index plane = 0; plane < Parts * right_; ++plane)
      for (Index odd = 0; odd < 2; ++odd) {
        const uint16_t *x = from + (plane * positions_ + odd) * kBlock;
        uint16_t *own = to + odd * band_elements_ + plane * positions_ * kBlock;
        for (Index i = 0; i < pairs_ - odd; ++i, x += 2 * kBlock)
          for (Index c = 0; c < kBlock; c += lanes<float>) {
            const auto even_lanes = *reinterpret_cast<const Floats::unaligned *>(x + c);
            const auto odd_lanes = *reinterpret_cast<const Floats::unaligned *>(x + kBlock + c);
            const Magnitudes both =
                __builtin_convertvector(Floats::stored(even_lanes), Magnitudes) |
                __builtin_convertvector(Floats::stored(odd_lanes), Magnitudes) << 16;
            memcpy(own + (c / 16 * pairs_ + i) * kBlock + c % 16 * 2, &both, sizeof both);
          }
        if (odd)
          for (Index half = 0; half < 2; ++half)
            memset(own + ((half + 1) * pairs_ - 1) * kBlock, 0, kBlock * sizeof *own);
      }
  }

  // Adds the chunks' sums in pairs, of an output block, and puts them where dW is.
  void finish(float *sums, Index group, Index o, float *dW) const {
    float *own = sums + group * chunks_ * sum_elements_;
    const Index width = least(kBlock, plan_.destinations - o * kBlock);
    for (Index k = 0; k < taps_of_sum_; ++k)
      for (Index c = 0; c < right_; ++c) {
        float *start = own + ((k * left_ + o) * right_ + c) * kTile;
        add_in_pairs(start, chunks_, sum_elements_, kTile);
        const Index ld = plan_.sources * plan_.taps;
        float *to = dW + o * kBlock * ld;
        const Index values = folded_ ? plan_.sources * taps_ : plan_.sources;
        for (Index n = 0; n < least(kBlock, values - c * kBlock); ++n) {
          const Index value = c * kBlock + n;
          const Index at = folded_ ? value / taps_ * plan_.taps + tap_[value % taps_]
                                   : value * plan_.taps + tap_[k];
          for (Index m = 0; m < width; ++m) to[m * ld + at] = start[m * kBlock + n];
        }
      }
  }

  // By the direct kernel, which does not know groups and depths apart.
  int left_out(const Own &own, float *dW) const {
    Index n = 0;
    for (Index b = 0; b < plan_.groups * all_bands(); ++b) {
      if (!own.at.unfit[b]) continue;
      if (plan_.groups > 1 || pass_.axis[0].count > 1) return DXDW_DECLINED;
      const Index row = b % bands_ * pass_.axis[1].count / bands_;
      own.at.parts[n++] = {b / bands_, row, (b % bands_ + 1) * pass_.axis[1].count / bands_ - row};
    }
    if (!n) return DXDW_DONE;
    Tables tables;
    WeightGradient<float> direct(plan_, phase_);
    if (!direct.prepare(tables)) return DXDW_NO_MEMORY;
    return direct.run(own.grad_out, own.x, dW, own.team, own.at.parts, n);
  }

  const Plan &plan_;
  const Phase &phase_;
  const Pass pass_;
  const bool folded_;
  Band band_;
  Index pitch_ = 0, positions_ = 0, part_ = 0, taps_of_sum_ = 1;
  Index taps_ = 0, left_ = 1, right_ = 1, height_ = 1, bands_ = 1, chunks_ = 1, splits_ = 1;
  Index sum_elements_ = 0, band_elements_ = 0, line_elements_ = 0, pairs_ = 0, g_row_ = 0;
  Index *a_offset_ = nullptr, *b_offset_ = nullptr, *offset_ = nullptr, *tap_ = nullptr;
  Index *value_offset_ = nullptr;
};

template <int Parts>
class BfloatWeightGradientPass {
 public:
  static constexpr Kind kKind = kWeightGradient;

  explicit BfloatWeightGradientPass(const int64_t *words)
      : plan_(view(words)), phase_(first_phase(plan_)), pass_(plan_, phase_),
        ready_(pass_.prepare(tables_)) {}

  bool ready() const { return ready_; }
  Index flops() const { return plan_.flops(); }
  Index workspace(int threads) const { return pass_.bytes(threads); }
  int run(Source<float> grad_out, Source<float> x, float *dW, const Team &team) const {
    return pass_.run(grad_out, x, dW, team);
  }

 private:
  const Plan plan_;
  const Phase phase_;
  Tables tables_;
  BfloatWeightGradient<Parts> pass_;
  const bool ready_;
};

}  // namespace
}  // namespace dxdw
