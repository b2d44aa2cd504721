// A gather with vectors along positions: tiles over the ends of rows, or, where few channels have
// nothing else to share, of several rows (gather_tile.h).
#pragma once
#include "layout/gather_layout.h"
#include "layout/transposed_writes.h"
#include "run/pool.h"
#include "tiles/gather_tile.h"

namespace dxdw {
namespace {

template <class T>
class GatherByPositions {
 public:
  explicit GatherByPositions(const GatherLayout &layout) : at_(layout), plan_(layout.plan) {}

  // least_rows: of every call of run. A tile has no more, for what it has more would lie outside.
  void choose_tile(Index least_rows) {
    const Index D = plan_.destinations, columns = at_.pass.axis[2].count;
    rows_ = least(least(D <= 3 ? most_rows(D) : 1, at_.shortest_run()), least_rows);
    Index widest;
    if (rows_ > 1) {
      widest = D;
    } else {
      const Index vectors =
          divide_up((at_.pass.axis[1].count - 1) * at_.band.pitch + columns, lanes<T>);
      const Index half = kAccumulators / most<Index>(1, kVectors / 2);
      const Index three = kAccumulators / 3;
      if (vectors <= kVectors / 2 && D > kAccumulators / kVectors)
        widest = least(half, kMostChannels);
      else if (kVectors > 3 && D % three == 0)
        widest = three;  // an even split, which 6 would not give
      else
        widest = kAccumulators / kVectors;
    }
    blocks = divide_up(D, widest);
    vectors_ = least(kVectors, kAccumulators / (divide_up(D, blocks) * rows_));
  }

  Index blocks = 1;  // of destination channels
  Index most_splits() const { return blocks; }
  Index rows_of_tile() const { return rows_; }
  Index packed_channels() const { return plan_.destinations; }
  Index block_start(Index block) const { return block * plan_.destinations / blocks; }
  static constexpr Index strand_elements() { return kAccumulators * lanes<T>; }  // one tile

  // A block of M destination channels, whose first weight is at from.
  void pack(const T *from, const T *, const Strand &strand, Index M, T *to) const {
    at_.pack_interleaved(from, strand, M, to);
  }

  // Computes `count` rows of a split's channel blocks. weights(block, strand): what pack packed.
  template <class Weights>
  void run(const T *band, const Weights &weights, Result<T> out, Split split, Index count, T *spare,
           const Team &team) const {
    for (Index block = split.begin(blocks); block < split.end(blocks); ++block) {
      const Index start = block_start(block), M = block_start(block + 1) - start;
      const T *w[GatherLayout::kStrands];
      for (int i = 0; i < at_.strands; ++i) w[i] = weights(block, i);
      Result<T> corner = out + start * at_.pass.destination.channel;
      if (rows_ > 1)
        rows_of_tiles(band, w, corner, M, count, spare, team);
      else
        flat_tiles(band, w, corner, M, count, spare, team);
    }
  }

 private:
  Runs runs(const Strand &strand) const {
    return {plan_.sources, at_.channel, strand.runs, strand.offset, strand.length, at_.band.pitch};
  }

  // Tiles along the positions of the band, over the ends of rows.
  void flat_tiles(const T *band, const T *const *w, Result<T> out, Index M, Index count,
                  T *spare, const Team &team) const {
    Index columns = at_.pass.axis[2].count, pitch = at_.band.pitch;
    const Index row_step = at_.pass.axis[1].spacing * at_.pass.destination.row;
    const Index channel = at_.pass.destination.channel;
    const Index apart = at_.pass.axis[2].spacing * at_.pass.destination.column;
    const Index end = (count - 1) * pitch + columns;
    // Rows that follow each other without a gap, in the band and in the result, are one.
    if (apart == 1 && pitch == columns && row_step == columns) pitch = columns = end, count = 1;
    Index row = 0, column = 0;
    for (Index s = 0; s < end && !cancelled(team);) {
      const Index V = least(vectors_, divide_up(end - s, lanes<T>)), width = V * lanes<T>;
      const Tile<T> tile = gather_tiles<T>.of(M, 1, V);
      if (in_lines() && column + width <= columns) {
        tile(band + s, runs(at_.strand[0]), w[0], out.plain() + row * row_step + column, channel, 0);
      } else {
        for (int i = 0; i < at_.strands; ++i)
          tile(band + s, runs(at_.strand[i]), w[i], spare + i * strand_elements(), width, 0);
        Index r = row, q = column;
        for (Index i = 0; i < width && r < count;) {
          const Index n = least(width - i, columns - q);
          if (n > 0)
            write(out + r * row_step + q * apart, spare + i, width, M, q, n);
          i += pitch - q, q = 0, ++r;
        }
      }
      s += width, column += width;
      while (column >= pitch) column -= pitch, ++row;
    }
  }

  // Tiles of several rows, each within its rows.
  void rows_of_tiles(const T *band, const T *const *w, Result<T> out, Index M, Index count,
                     T *spare, const Team &team) const {
    const Index columns = at_.pass.axis[2].count, pitch = at_.band.pitch;
    const Index row_step = at_.pass.axis[1].spacing * at_.pass.destination.row;
    const Index channel = at_.pass.destination.channel;
    const Index apart = at_.pass.axis[2].spacing * at_.pass.destination.column;
    for (Index first = 0; first < count; first += rows_) {
      // The last rows are computed anew with those before them: the tile is of one height.
      const Index r = least(first, count - rows_);
      for (Index q = 0; q < columns && !cancelled(team);) {
        const Index V = least(vectors_, divide_up(columns - q, lanes<T>)), width = V * lanes<T>;
        const Tile<T> tile = gather_tiles<T>.of(M, rows_, V);
        const T *x = band + r * pitch + q;
        Result<T> corner = out + r * row_step + q * apart;
        if (in_lines() && q + width <= columns) {
          tile(x, runs(at_.strand[0]), w[0], corner.plain(), channel, row_step);
        } else {
          for (int i = 0; i < at_.strands; ++i)
            tile(x, runs(at_.strand[i]), w[i], spare + i * strand_elements(), width, M * width);
          const Index n = least(width, columns - q);
          for (Index i = 0; i < rows_; ++i)
            write(corner + i * row_step, spare + i * M * width, width, M, q, n);
        }
        q += width;
      }
    }
  }

  // Whether a tile's sums can be written where they belong.
  bool in_lines() const {
    return !plan_.narrow() && at_.pass.axis[2].spacing == 1 && !at_.pass.destination.channels_last();
  }

  // Writes n results of a row, from the first strand's position q on, of M channels.
  void write(Result<T> to, const T *from, Index ld, Index M, Index q, Index n) const {
    const Strides &destination = at_.pass.destination;
    const Index spacing = at_.pass.axis[2].spacing, channel = destination.channel;
    if (destination.channels_last()) {
      const Index apart = spacing * destination.column;
      write_lines(from, ld, n, M, to, apart);
      if (at_.strands > 1)
        write_lines(from + strand_elements(), ld, at_.in_second(q, n), M, to + apart / 2, apart);
    } else if (spacing == 1)
      for (Index m = 0; m < M; ++m) copy_rounded(to + m * channel, from + m * ld, n);
    else if (at_.strands > 1)
      for (Index m = 0; m < M; ++m)
        weave(from + m * ld, from + strand_elements() + m * ld, n, at_.in_second(q, n),
              to + m * channel);
    else
      for (Index m = 0; m < M; ++m)
        (to + m * channel).as_stored([=, line = from + m * ld](auto *p) DXDW_LAMBDA {
          for (Index i = 0; i < n; ++i) put(p + i * spacing, line[i]);
        });
  }

  const GatherLayout &at_;
  const Plan &plan_;
  Index rows_ = 1, vectors_ = 1;
};

}  // namespace
}  // namespace dxdw
