// dW by products of bfloat16: for each tap one of grad_out, channel by channel along positions, with x in
// pairs of positions.
//
//   dW[o, c, t] = Σ_s g[o, s] · x[s + offset_t, c]
//
// The positions are those of bands, several of which are packed at a time by all threads together; then the
// threads multiply blocks of channels, whose sums pass through memory. In which order a sum is added up
// follows from the problem's shape alone.
#pragma once
#include "kernels/bfloat_gather.h"
#include "kernels/weight_gradient.h"
#include "layout/bfloat_rows.h"

namespace dxdw {
namespace {

class BfloatWeightGradient {
  static constexpr Index kTile = kBlock * kBlock;
  static constexpr Index kPacked = 16;  // channels of a piece of packing
  static constexpr Index kStripe = PositionRuns::kMost;
  // Blocks of positions that are multiplied in all blocks of a piece, before the next are; and blocks of sums
  // of a piece, which stay in the second cache beside what they read.
  static constexpr Index kSteps = 64, kBlocks = 64;

 public:
  BfloatWeightGradient(const Plan &plan, const Phase &phase, int parts)
      : parts_(parts), plan_(plan), phase_(phase), pass_(planes_as_rows(plan, pass_of(plan, phase), parts)),
        folded_(folded(plan)) {}

  DXDW_PLANS bool prepare(Tables &tables) {
    const Axis *axis = pass_.axis;
    taps_ = axis[0].taps * axis[1].taps * axis[2].taps;
    values_ = folded_ ? plan_.sources * taps_ : plan_.sources;
    taps_of_sum_ = folded_ ? 1 : taps_;
    joined_ = taps_ == 1 && reads_inside(pass_);
    mirrored_ = joined_ && plan_.sources > plan_.destinations;
    rows_ = mirrored_ ? values_ : plan_.destinations, columns_ = mirrored_ ? plan_.destinations : values_;
    left_ = divide_up(rows_, kBlock), right_ = divide_up(columns_, kBlock);
    const Index fixed = Band::words(pass_) + taps_ + plan_.taps;
    Index *memory;
    {  // how long two of the tables are follows from a band
      Tables first;
      first.template reserve<Index>(fixed);
      if (!first.take()) return false;
      memory = first.template at<Index>(0);
      band_ = Band(pass_, memory);
      choose_segments();
    }
    const Index steps = divide_up(most_segments_ * step_, kBlock);
    tables.template reserve<Index>(fixed + 2 * steps);
    if (!tables.take()) return false;
    memory = tables.template at<Index>(0);
    band_ = Band(pass_, memory);
    band_.set_height(height_);
    offset_ = memory, tap_ = offset_ + taps_, a_offset_ = tap_ + plan_.taps, b_offset_ = a_offset_ + steps;
    list_steps(steps);
    list_taps();
    // Of a segment's channels, or a stripe's.
    const Index lines = folded_ ? plan_.sources : kPacked;
    channel_ = round_up(most(band_.channel, kStripe) + kSlack, kBlock);
    line_elements_ = most((pass_.source.channels_last() || folded_ ? lines : 1) * (band_.channel + 2 * lanes<float>),
                          kPacked * kStripe);
    halves_ = parts_ * lines * channel_;
    return true;
  }

  DXDW_PLANS Index bytes(int threads) const {
    Tables tables;
    WeightGradient<float> direct(plan_, phase_);
    const Index of_direct = direct.prepare(tables) ? direct.bytes(threads) : 0;
    return List(segments_).places.bytes() + most(Memory(*this, threads).places.bytes(), of_direct);
  }

  DXDW_PLANS int run(Source<float> grad_out, Source<float> x, float *dW, const Team &team) const {
    List list(segments_);
    if (!list.places.take()) return DXDW_NO_MEMORY;
    Part *parts = list.places.at<Part>(0);
    Index left_out = 0;
    const int status = by_blocks(grad_out, x, dW, team, parts, left_out);
    if (status != DXDW_DONE || !left_out) return status;
    Tables tables;
    WeightGradient<float> direct(plan_, phase_);
    if (!direct.prepare(tables)) return DXDW_NO_MEMORY;
    return left_out == kAll ? direct.run(grad_out, x, dW, team) : direct.run(grad_out, x, dW, team, parts, left_out);
  }

 private:
  static constexpr Index kAll = -1;

  struct List {
    Workspace places;
    explicit List(Index segments) { places.reserve<Part>(segments); }
  };

  // All segments but those that blocks are not precise for, which are listed; or none, where they are no parts
  // that the direct kernel knows.
  DXDW_PLANS int by_blocks(Source<float> grad_out, Source<float> x, float *dW, const Team &team, Part *parts,
                           Index &left_out) const {
    Memory memory(*this, team.threads);
    if (!memory.places.take()) return DXDW_NO_MEMORY;
    const Own own = {grad_out, x, memory.slots(), team};
    bool any = false;
    for (Index first = 0; first < segments_; first += most_segments_) {
      const Some some = {first, least(most_segments_, segments_ - first)};
      SharedRange of_x, of_g;
      if (!pack(own, some, of_x, of_g)) return DXDW_CANCELLED;
      if (!fit(of_x.seen(), of_g.seen(), pass_.batch * plan_.destination_plane())) {
        // It does not know groups and depths apart, and of single taps no bands.
        if (plan_.groups > 1 || pass_.axis[0].count > 1 || (bands_ > 1 && is_product(plan_, pass_)))
          return left_out = kAll, DXDW_DONE;
        for (Index i = 0; i < some.count; ++i) parts[left_out++] = part_for_direct(first + i);
        continue;
      }
      if (!multiply(own, some, any)) return DXDW_CANCELLED;
      any = true;
    }
    if (!any) memset(own.at.sums, 0, plan_.groups * sum_elements() * sizeof *own.at.sums);
    const Index blocks = left_ * right_;
    if (!parallel_for(team, plan_.groups * blocks, [&](Index i, int) {
          finish(own.at.sums + i / blocks * sum_elements(), i % blocks / right_, i % right_,
                 dW + i / blocks * plan_.weights_of_group());
        }))
      return DXDW_CANCELLED;
    return DXDW_DONE;
  }

  // Positions past the last segment that blocks read, for sums that nothing keeps.
  static constexpr Index kSlack = 3 * kBlock;

  struct Slots {
    float *sums, *line;
    uint16_t *pairs, *rows, *halves;
  };
  struct Own {
    Source<float> grad_out, x;
    Slots at;
    const Team &team;
  };
  struct Some {
    Index first, count;  // segments
  };
  struct Memory {
    Workspace places;
    Index sums, line, pairs, rows, halves;
    Memory(const BfloatWeightGradient &of, int threads)
        : sums(places.reserve<float>(of.plan_.groups * of.sum_elements())),
          line(places.reserve<float>(threads * of.line_elements_)),
          pairs(places.reserve<uint16_t>(of.plan_.groups * of.pair_elements())),
          rows(places.reserve<uint16_t>(of.plan_.groups * of.row_elements())),
          halves(places.reserve<uint16_t>(threads * of.halves_)) {}
    Slots slots() const {
      return {places.at<float>(sums), places.at<float>(line), places.at<uint16_t>(pairs), places.at<uint16_t>(rows),
              places.at<uint16_t>(halves)};
    }
  };

  Index sum_elements() const { return taps_of_sum_ * left_ * right_ * kTile; }
  // pairs[part][parity][channels / 16][pair of positions][16][2]: a tap whose offset is odd reads the pairs that
  // begin with an odd position.
  Index pair_block() const { return (round_up(most_segments_ * x_step_, kStripe) + kSlack) * kPacked; }
  Index pair_parity() const { return 2 * right_ * pair_block(); }
  Index pair_part() const { return parities_ * pair_parity(); }
  Index pair_elements() const { return parts_ * pair_part(); }
  // rows[part][channel][position]
  Index row_part() const { return left_ * kBlock * row_; }
  Index row_elements() const { return parts_ * row_part(); }

  // A large plane is cut into bands.
  static Pass planes_as_rows(const Plan &plan, const Pass &pass, int parts) {
    const Index bytes = plan.source_plane() * (plan.sources + plan.destinations) * parts * Index(sizeof(uint16_t));
    return bytes <= nominal().l2 ? flat_planes(plan, pass) : pass;
  }

  // Bands, and how many of them are packed at a time: of nominal caches, for sums are added up in that order.
  DXDW_PLANS void choose_segments() {
    const Index rows = pass_.axis[1].count, halo = band_.halo(), columns = pass_.axis[2].count;
    parities_ = folded_ || taps_ == 1 ? 1 : 2;
    const Index of_x = parities_ * right_ * kBlock * (folded_ ? band_.pitch : band_.elements_of_row());
    const Index row_bytes = (of_x + left_ * kBlock * band_.pitch) * parts_ * Index(sizeof(uint16_t));
    const Index room = nominal().l2 * least<Index>(plan_.groups, 4) / plan_.groups;  // of each group
    const Index height = least(most<Index>(room / row_bytes - halo, most<Index>(1, 2 * halo)), rows);
    bands_ = divide_up(rows, height), height_ = divide_up(rows, bands_);
    band_.set_height(height_);
    segments_ = pass_.batch * pass_.axis[0].count * bands_;
    // Single taps follow each other; segments of others begin with a block.
    step_ = joined_ ? height_ * columns : round_up((height_ - 1) * band_.pitch + columns, kBlock);
    x_step_ = joined_ || folded_ ? step_ : round_up(band_.channel, kBlock);
    // The sums are read and written for each time; what is packed comes from the caches.
    const Index sums = plan_.groups * sum_elements() * Index(sizeof(float));
    const Index wanted = least(most(sums, nominal().l2 * 3 / 2), 6 * nominal().l2);
    const Index each = parities_ * right_ * kBlock * x_step_ + left_ * kBlock * step_;
    const Index some = wanted / (plan_.groups * each * parts_ * Index(sizeof(uint16_t)));
    most_segments_ = divide_up(segments_, divide_up(segments_, least(most<Index>(1, some), segments_)));
    // An odd number of lines, or rows of a tile would meet in one place of the first cache.
    row_ = (divide_up(most_segments_ * step_, kBlock) | 1) * kBlock;
  }

  DXDW_PLANS void list_steps(Index steps) {
    const Index each = joined_ ? steps : step_ / kBlock;
    for (Index s = 0; s < steps; ++s) {
      a_offset_[s] = s * kBlock;
      b_offset_[s] = (s / each * x_step_ + s % each * kBlock) * kPacked;
    }
  }

  DXDW_PLANS void list_taps() {
    const Axis *axis = pass_.axis;
    Index k = 0;
    for (Index d = 0; d < axis[0].taps; ++d)
      for (Index h = 0; h < axis[1].taps; ++h)
        for (Index w = 0; w < axis[2].taps; ++w, ++k) {
          offset_[k] = joined_ ? 0 : band_.offset(d, h, w);
          tap_[k] = plan_.weight_tap(axis[0].tap[d], axis[1].tap[h], axis[2].tap[w]);
        }
  }

  // As the direct kernel has it: of single taps an image is a row.
  Part part_for_direct(Index segment) const {
    return is_product(plan_, pass_of(plan_, phase_)) ? Part{0, segment, 1} : part_of(segment);
  }
  Part part_of(Index segment) const {
    const Index rows = pass_.axis[1].count, band = segment % bands_, first = band * rows / bands_;
    return {segment / bands_ / pass_.axis[0].count, first, (band + 1) * rows / bands_ - first};
  }
  Index depth_of(Index segment) const { return segment / bands_ % pass_.axis[0].count; }

  bool pack(const Own &own, const Some &some, SharedRange &of_x, SharedRange &of_g) const {
    const Index stripes = divide_up(some.count * step_, kStripe), pieces = joined_ ? stripes : some.count;
    const Index pairs = (folded_ ? 1 : divide_up(columns_, kPacked)) * pieces;
    const Index all = pairs + divide_up(rows_, kPacked) * stripes;
    return parallel_for(own.team, plan_.groups * all, [&](Index i, int slot) {
      const Index group = i / all, item = i % all;
      RangeOfVectors watch;
      if (item >= pairs)
        pack_rows(own, some, group, (item - pairs) / stripes * kPacked, (item - pairs) % stripes * kStripe, slot, watch);
      else if (joined_)
        pack_pairs(own, some, group, item / pieces, item % pieces * kStripe, slot, watch);
      else
        pack_x(own, some, group, item / pieces, item % pieces, slot, watch);
      ((item < pairs) != mirrored_ ? of_x : of_g).add(watch.seen());
    });
  }

  // So many channels of x or of grad_out, at `count` positions from `first` on.
  DXDW_PLANS void store_stripe(const Own &own, bool of_x, const Some &some, Index group, Index channel, Index width,
                               Index first, Index count, uint16_t *to, Index ld, Index part, int slot,
                               RangeOfVectors &watch) const {
    const Axis *axis = pass_.axis;
    const Strides &at = of_x ? pass_.source : pass_.destination;
    const Index depth = of_x ? axis[0].step : 1, row = of_x ? axis[1].step : 1, column = of_x ? axis[2].step : 1;
    const Index ahead = of_x ? offset_in_place(pass_, 0, 0, 0) : 0;
    const PositionRuns runs({some.count, step_, joined_ ? axis[2].count : band_.pitch, axis[2].count}, first,
                            least(first + kStripe, some.count * step_), row * at.row, column * at.column,
                            [&](Index j) {
                              const Part part = part_of(some.first + j);
                              return ahead + part.image * at.image + depth_of(some.first + j) * depth * at.depth +
                                     part.first * row * at.row;
                            },
                            [&](Index j) { return part_of(some.first + j).count; });
    const Source<float> from = (of_x ? own.x : own.grad_out) + group * at.group + channel * at.channel;
    const auto store = [&](const auto *p) {
      store_runs(parts_, p, at, width, column * at.column, runs, count, to, ld, part, own.at.line + slot * line_elements_,
                 watch);
    };
    parts_ == 1 ? store(from.as<bfloat16>()) : store(from.plain());
  }

  void pack_rows(const Own &own, const Some &some, Index group, Index channel, Index first, int slot,
                 RangeOfVectors &watch) const {
    const Index width = least(kPacked, rows_ - channel), count = least(kStripe, row_ - first);
    store_stripe(own, mirrored_, some, group, channel, width, first, count,
                 own.at.rows + group * row_elements() + channel * row_ + first, row_, row_part(), slot, watch);
  }

  // Of single taps.
  void pack_pairs(const Own &own, const Some &some, Index group, Index block, Index first, int slot,
                  RangeOfVectors &watch) const {
    const Index width = least(kPacked, columns_ - block * kPacked);
    uint16_t *halves = own.at.halves + slot * halves_;
    store_stripe(own, !mirrored_, some, group, block * kPacked, width, first, kStripe, halves, channel_, halves_ / parts_,
                 slot, watch);
    const uint16_t *row[kPacked];
    for (Index k = 0; k < kPacked; ++k) row[k] = halves + least(k, width - 1) * channel_;
    store_pairs_of_parts(own, group, block, first, row, kStripe, first + kStripe >= some.count * step_);
  }

  void pack_x(const Own &own, const Some &some, Index group, Index block, Index j, int slot, RangeOfVectors &watch) const {
    const Part part = part_of(some.first + j);
    const Index c = block * kPacked, width = folded_ ? plan_.sources : least(kPacked, plan_.sources - c);
    const Strides &at = pass_.source;
    const Source<float> x = own.x + part.image * at.image + group * at.group + c * at.channel;
    float *line = own.at.line + slot * line_elements_;
    uint16_t *halves = own.at.halves + slot * halves_;
    const bool behind = pass_.source.channels_last(), last = j + 1 == some.count;
    for (Index k = 0; k < width; ++k) {
      if (!behind || k == 0)
        band_.copy_channels(x + k * pass_.source.channel, behind ? width : 1, depth_of(some.first + j), part.first,
                            part.count, line, own.team);
      store_row(parts_, line + (behind ? k * band_.channel : 0), band_.channel, halves + k * channel_,
                halves_ / parts_, watch);
      for (int p = 0; p < parts_; ++p)
        memset(halves + p * (halves_ / parts_) + k * channel_ + band_.channel, 0,
               (channel_ - band_.channel) * sizeof *halves);
    }
    const uint16_t *row[kPacked];
    if (!folded_) {
      for (Index k = 0; k < kPacked; ++k) row[k] = halves + least(k, width - 1) * channel_;
      return store_pairs_of_parts(own, group, block, j * x_step_, row, x_step_, last);
    }
    for (Index b = 0; b < divide_up(values_, kPacked); ++b) {
      for (Index k = 0; k < kPacked; ++k) {
        const Index value = least(b * kPacked + k, values_ - 1);
        row[k] = halves + value / taps_ * channel_ + offset_[value % taps_];
      }
      store_pairs_of_parts(own, group, b, j * x_step_, row, x_step_, last);
    }
  }

  // Rows in pairs, where positions [first, first + count) of a block stand. Behind the last segment there are
  // zeros. What stands where no channel is meets sums that nothing keeps.
  void store_pairs_of_parts(const Own &own, Index group, Index block, Index first, const uint16_t *const (&row)[kPacked],
                            Index count, bool last) const {
    for (int p = 0; p < parts_; ++p)
      for (Index parity = 0; parity < parities_; ++parity) {
        const uint16_t *own_row[kPacked];
        for (Index k = 0; k < kPacked; ++k) own_row[k] = row[k] + p * (halves_ / parts_) + parity;
        uint16_t *to = own.at.pairs + group * pair_elements() + p * pair_part() + parity * pair_parity() +
                       block * pair_block() + first * kPacked;
        store_pairs_of(own_row, count, to);
        if (last) memset(to + count * kPacked, 0, kSlack * kPacked * sizeof *to);
      }
  }

  bool multiply(const Own &own, const Some &some, bool add) const {
    const MatrixUnit &unit = *matrix_unit();
    const Index tiles = left_ * right_ * taps_of_sum_;
    const Index wanted = own.team.threads > 1 ? 4 * own.team.threads : 1;
    const Index items = most(divide_up(tiles, kBlocks), least(tiles, wanted));
    const Index steps = divide_up(some.count * step_, kBlock);
    return parallel_for(own.team, plan_.groups * items, [&](Index i, int) {
      const Index group = i / items, first = i % items * tiles / items, last = (i % items + 1) * tiles / items;
      const uint16_t *pairs = own.at.pairs + group * pair_elements(), *rows = own.at.rows + group * row_elements();
      float *sums = own.at.sums + group * sum_elements();
      const ShapedTiles shaped(unit, own.team);
      for (Index s = 0; s < steps; s += kSteps)
        for (Index t = first; t < last && !cancelled(own.team); ++t) {
          const Index offset = folded_ ? 0 : offset_[t % taps_of_sum_];
          const Index right = t / taps_of_sum_ % right_, left = t / taps_of_sum_ / right_;
          const uint16_t *b = pairs + offset % 2 * pair_parity() + 2 * right * pair_block() + offset / 2 * 32;
          unit.multiply[parts_ - 1]({rows + left * kBlock * row_, row_, row_part(), a_offset_ + s, b, pair_block(),
                                     pair_part(), b_offset_ + s, least(kSteps, steps - s), sums + t * kTile,
                                     add || s > 0});
        }
    });
  }

  // Puts the sums of a block of channels where dW is.
  void finish(const float *sums, Index left, Index right, float *dW) const {
    const Index ld = plan_.sources * plan_.taps, width = least(kBlock, columns_ - right * kBlock);
    const Index height = least(kBlock, rows_ - left * kBlock);
    const float *from = sums + (left * right_ + right) * taps_of_sum_ * kTile;
    if (mirrored_) {
      write_transposed(from, kBlock, height, width, dW + right * kBlock * ld + left * kBlock, ld, 1);
      return;
    }
    for (Index m = 0; m < height; ++m, from += kBlock) {
      float *to = dW + (left * kBlock + m) * ld;
      if (plan_.taps == 1) copy(to + right * kBlock, from, width);
      else
        for (Index k = 0; k < taps_of_sum_; ++k)
          for (Index n = 0; n < width; ++n) {
            const Index value = right * kBlock + n;
            to[folded_ ? value / taps_ * taps_ + tap_[value % taps_] : value * taps_ + tap_[k]] = from[k * kTile + n];
          }
    }
  }

  const int parts_;
  const Plan &plan_;
  const Phase &phase_;
  const Pass pass_;
  const bool folded_;
  Band band_;
  bool joined_ = false, mirrored_ = false;
  Index taps_ = 0, values_ = 0, rows_ = 0, columns_ = 0, left_ = 1, right_ = 1, taps_of_sum_ = 1, parities_ = 1;
  Index height_ = 1, bands_ = 1, segments_ = 1, most_segments_ = 1, step_ = 0, x_step_ = 0, row_ = 0;
  Index line_elements_ = 0, channel_ = 0, halves_ = 0;  // of a thread
  Index *offset_ = nullptr, *tap_ = nullptr, *a_offset_ = nullptr, *b_offset_ = nullptr;
};

class BfloatWeightGradientOf {
 public:
  static constexpr Kind kKind = kWeightGradient;

  DXDW_PLANS BfloatWeightGradientOf(const int64_t *words, int parts)
      : plan_(view(words)), phase_(first_phase(plan_)), pass_(plan_, phase_, parts),
        ready_(pass_.prepare(tables_)) {}

  bool ready() const { return ready_; }
  Index flops() const { return plan_.flops(); }
  DXDW_PLANS Index workspace(int threads) const { return pass_.bytes(threads); }
  DXDW_APART int run(Source<float> grad_out, Source<float> x, float *dW, const Team &team) const {
    return pass_.run(grad_out, x, dW, team);
  }

 private:
  const Plan plan_;
  const Phase phase_;
  Tables tables_;
  BfloatWeightGradient pass_;
  const bool ready_;
};

template <int Parts>
struct BfloatWeightGradientPass : BfloatWeightGradientOf {
  explicit BfloatWeightGradientPass(const int64_t *words) : BfloatWeightGradientOf(words, Parts) {}
};

}  // namespace
}  // namespace dxdw
