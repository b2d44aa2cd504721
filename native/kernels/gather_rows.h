// A gather of one tap that steps over nothing, with vectors along positions, from where the source lies
// to where the result does: nothing is copied, nothing is transposed.
//
// A row is an image (images_as_rows). A vector that ends with it computes what fills none, and some
// results again: their sums are the same, and nothing beyond the row is touched. Of small images that
// would be much, and each line of memory would be read by two tiles: these are copied, one after the
// other without a gap, in the order in which tiles read them.
#pragma once
#include "layout/gather_layout.h"
#include "run/pool.h"
#include "tiles/row_tile.h"

namespace dxdw {
namespace {

template <class T>
class GatherByRows {
 public:
  explicit GatherByRows(const GatherLayout &layout) : at_(layout), plan_(layout.plan) {}

  // Whether it can be done so, and is faster than otherwise: where a row does not leave much of its last
  // vector empty, as 7 × 7 positions do.
  bool pays() const {
    const Pass &pass = at_.pass;
    const Axis &columns = pass.axis[2];
    return at_.taps == 1 && at_.strands == 1 && reads_inside(pass) && columns.step == 1 &&
           columns.spacing == 1 && !pass.source.channels_last() &&
           !pass.destination.channels_last() && columns.count >= lanes<T> &&
           8 * columns.count >= 7 * round_up(columns.count, lanes<T>);
  }

  void choose_tile() {
    blocks = divide_up(plan_.destinations, kRowChannels);
    // A strip of the source that stays near while all blocks read it, and wide enough that their results
    // are whole lines of memory, one after the other. Where the weights don't stay, fewer strips read them;
    // and a strip of some tiles is asked for in good time (256 channels to 64 of 56 × 56, beyond the
    // caches: 11 % faster on a Zen 5 than of one tile).
    const Index of_tile = plan_.sources * kWidest * Index(sizeof(T));
    const bool stay = plan_.sources * plan_.destinations * Index(sizeof(T)) <= tuning().weights;
    const Index near = tuning().strip / of_tile, most_near = tuning().band / of_tile;
    tiles_ = most<Index>(1, stay ? most(near, least<Index>(4, most_near)) : most_near);
    joined_ = kSharedLines && blocks >= kBlocksOfCopy &&
              8 * round_up(columns(), kWidest) >= 9 * columns();
    if (joined_) tiles_ = least(kJoinedTiles, divide_up(at_.pass.axis[1].count * columns(), kWidest));
  }

  // Whether rows are joined: then a piece has as many as can be.
  bool joined() const { return joined_; }

  Index blocks = 1;  // of destination channels
  Index block_start(Index block) const { return block * plan_.destinations / blocks; }
  Index packed_channels() const { return plan_.destinations; }
  Index most_splits() const { return joined_ ? blocks : strips_of(columns()); }
  Index rows_of_tile() const { return 1; }
  Index strand_elements() const {
    return joined_ ? (tiles_ * plan_.sources + kRowChannels) * kWidest : 0;
  }

  // A block of M destination channels, whose first weight is at from.
  void pack(const T *from, const T *, const Strand &strand, Index M, T *to) const {
    at_.pack_interleaved(from, strand, M, to);
  }

  // Computes a split's positions of `count` rows. weights(block, 0): what pack packed.
  template <class Weights>
  void run(const T *x, const Weights &weights, Result<T> result, Split split, Index count,
           T *copied, const Team &team) const {
    x += at_.strand[0].offset[0];  // dx of a kernel with padding begins within grad_out
    T *out = result.plain();
    if (joined_) return joined(x, weights, out, split, count, copied, team);
    const Index width = tiles_ * kWidest;
    // What follows the last strip and fills no vector is done with it, for its vector reaches back.
    const Index lead = least(positions_before_a_line(out), columns());
    const Index strips = strips_of(columns() - lead);
    const Index first = lead + split.begin(strips) * width;
    const Index last = split.end(strips) < strips ? lead + split.end(strips) * width : columns();
    const Index row = at_.pass.axis[1].spacing * at_.pass.destination.row;
    for (Index r = 0; r < count; ++r, x += at_.pitch, out += row) {
      if (split.index == 0 && lead) strip(x, weights, out, 0, lead, first);
      for (Index q = first, end; q < last && !cancelled(team); q = end) {
        end = least(q + width, last);
        strip(x, weights, out, q, end, end < last ? end : at_.pitch + first);
      }
    }
  }

 private:
  static constexpr Index kWidest = kRowVectors * lanes<T>;
  // A tile has one line of each channel, which is two where it does not begin with it. (Of three lines it
  // is four; not measured.) 512 channels to 2048 of 7 × 7, 32 images, took 1.3 times as long in place on a
  // Zen 3, 2048 to 512 1.5 times; at 14 × 14, in place, 0.9 to 1.05.
  static constexpr bool kSharedLines = kRowVectors * DXDW_VECTOR_BYTES <= kCacheLine;
  // So many read a copy at the least: three (64 channels to 16) took 1.3 times as long as in place.
  static constexpr Index kBlocksOfCopy = 8;
  // So that the weights of all blocks, which may come from the last cache, serve many positions.
  static constexpr Index kJoinedTiles = 8;
  // Of few sources, lines are made faster than a core's buffers for stores past the caches empty, where a
  // tile has one of each channel: 32 channels to 64 of 112 × 112 took 1.2 times as long on a Zen 3, 16
  // to 96 1.4 times, 64 to 256 as long.
  static constexpr Index kSourcesPastCaches = kRowVectors * DXDW_VECTOR_BYTES > kCacheLine ? 0 : 64;

  Index strips_of(Index positions) const {
    return most<Index>(1, divide_up(positions - lanes<T> + 1, tiles_ * kWidest));
  }

  // The positions [begin, end) of a row, while those from `next` on are fetched.
  template <class Weights>
  void strip(const T *x, const Weights &weights, T *out, Index begin, Index end, Index next) const {
    const Index channel = at_.pass.destination.channel;
    const bool past_caches = plan_.past_caches() && plan_.sources >= kSourcesPastCaches;
    Request request(x + next, at_.channel, plan_.sources, tiles_ * blocks, tiles_);
    for (Index b = 0; b < blocks; ++b) {
      const Index start = block_start(b), M = block_start(b + 1) - start;
      const T *w = weights(b, 0);
      for (Index q = begin; q < end;) {
        const Index V = most<Index>(1, least(kRowVectors, (end - q) / lanes<T>));
        const Index at = least(q, columns() - V * lanes<T>);
        T *to = out + start * channel + at;
        const bool past = past_caches && whole_lines(to, channel, V * DXDW_VECTOR_BYTES);
        row_tiles<T>.of(M, V)(x + at, plan_.sources, at_.channel, w, request.part(), to, channel, past);
        q += V * lanes<T>;
      }
    }
  }

  // A split's blocks of rows that are joined, a strip copied at a time.
  template <class Weights>
  void joined(const T *x, const Weights &weights, T *out, Split split, Index count, T *copied,
              const Team &team) const {
    const Index all = count * columns(), width = tiles_ * kWidest;
    T *spare = copied + width * plan_.sources;
    for (Index p = 0, end; p < all && !cancelled(team); p = end) {
      end = least(p + width, all);
      copy_strip(x, p, end, copied);
      for (Index b = split.begin(blocks); b < split.end(blocks); ++b) {
        const Index start = block_start(b), M = block_start(b + 1) - start;
        T *to = out + start * at_.pass.destination.channel;
        for (Index q = p; q < end; q += kWidest)
          joined_tile(copied + (q - p) * plan_.sources, weights(b, 0), M, to, q,
                      least(kWidest, end - q), spare);
      }
    }
  }

  // The joined positions [p, p + n) of M channels.
  void joined_tile(const T *x, const T *w, Index M, T *out, Index p, Index n, T *spare) const {
    const Index channel = at_.pass.destination.channel, V = divide_up(n, lanes<T>);
    const RowTile<T> tile = row_tiles<T>.of(M, V);
    const Ahead<T> nothing = {x, x, 0};
    const Index q = p % columns();
    if (n == V * lanes<T> && q + n <= columns())
      return tile(x, plan_.sources, kWidest, w, nothing, place(out, p), channel, false);
    tile(x, plan_.sources, kWidest, w, nothing, spare, kWidest, false);
    each_run(p, p + n, [&](Index from, Index length) {
      for (Index m = 0; m < M; ++m)
        dxdw::copy(place(out, from) + m * channel, spare + m * kWidest + from - p, length);
    });
  }

  // All channels of the joined positions [p, end): tile by tile, and zeros for what the last one lacks.
  void copy_strip(const T *x, Index p, Index end, T *to) const {
    for (Index q = p; q < end; q += kWidest, to += plan_.sources * kWidest) {
      const Index n = least(kWidest, end - q);
      if (n < kWidest) memset(to, 0, plan_.sources * kWidest * sizeof(T));
      each_run(q, q + n, [&](Index from, Index length) {
        const T *row = x + from / columns() * at_.pitch + from % columns();
        T *line = to + from - q;
        for (Index c = 0; c < plan_.sources; ++c)
          dxdw::copy(line + c * kWidest, row + c * at_.channel, length);
      });
    }
  }

  // fn(first, length) of the parts of the joined positions [p, end) that are each of one row.
  template <class F>
  void each_run(Index p, Index end, const F &fn) const {
    for (Index n; p < end; p += n) {
      n = least(end - p, columns() - p % columns());
      fn(p, n);
    }
  }

  Index columns() const { return at_.pass.axis[2].count; }

  // Where the result of a joined position is, in the first channel.
  T *place(T *out, Index p) const {
    const Index row = at_.pass.axis[1].spacing * at_.pass.destination.row;
    return out + p / columns() * row + p % columns();
  }

  // Where all channels' lines begin alike, tiles begin with the result's: what two tiles write a part of
  // is read from memory twice. 64 channels to 256 of 56 × 56 in NumPy's arrays: 13 ms, then 8.7.
  Index positions_before_a_line(const T *out) const {
    return whole_lines<T>(nullptr, at_.pass.destination.channel, 0) ? to_next_line(out) : 0;
  }

  // The lines of the next strip, asked for by the tiles of this one: half the channels of a line by a
  // tile where there are enough of them, so that memory is as busy as can be for as long as can be.
  class Request {
   public:
    Request(const T *strip, Index channel, Index channels, Index calls, Index tiles)
        : strip_(strip), channel_(channel), half_(channels / 2),
          lines_(tiles * kWidest * Index(sizeof(T)) / kCacheLine), halves_(calls >= 2 * lines_) {}

    Ahead<T> part() {
      const Index i = call_++, line = halves_ ? i / 2 : i;
      if (line >= lines_) return {strip_, strip_, 0};
      const T *first = strip_ + line * (kCacheLine / Index(sizeof(T)));
      if (!halves_) return {first, first + channel_, 2 * channel_};
      first += i % 2 * half_ * channel_;
      return {first, first, channel_};
    }

   private:
    const T *strip_;
    Index channel_, half_, lines_;
    bool halves_;
    Index call_ = 0;
  };

  const GatherLayout &at_;
  const Plan &plan_;
  Index tiles_ = 1;
  bool joined_ = false;
};

}  // namespace
}  // namespace dxdw
