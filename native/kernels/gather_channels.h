// A gather with vectors along destination channels: the sums of a strip of positions are transposed
// on their way out.
//
// No position beyond the ends of rows is computed, no load crosses a cache line, and a step of two
// is only another place to broadcast from. Against that stand the transposes, as much as ten
// products of each result.
#pragma once
#include "layout/gather_layout.h"
#include "layout/transposed_writes.h"
#include "machine/tuning.h"
#include "run/pool.h"
#include "tiles/gather_channel_tile.h"

namespace dxdw {
namespace {

// What vectors of channels fill so badly is better gathered along positions.
template <class T>
bool fills_vectors(Index channels) {
  return channels >= lanes<T> && 4 * channels >= 3 * round_up(channels, lanes<T>);
}

// Packs weights[d·ld + tap[k]] of D channels to to[k·ld_to + d], zeros up to the next whole vector.
// place: for each of the kernel's taps its k, or −1. past: elements of W behind the last of these.
template <class T>
void pack_taps(const T *weights, Index ld, Index D, const Index *place, Index kernel, T *to,
               Index ld_to, Index past) {
  constexpr Index n = lanes<T>;
  for (Index d = 0; d < D; d += n) {
    const Index height = least(n, D - d);
    for (Index j = 0; j < kernel; j += n) {
      const T *from = weights + d * ld + j;
      const Index width = least(n, kernel - j);
      if (n - width <= past + (D - d - height) * ld) {
        Vector<T> block[n];
        load_transposed(from, ld, height, block);
        for (Index k = 0; k < width; ++k)
          if (place[j + k] >= 0) store(to + place[j + k] * ld_to + d, block[k]);
        continue;
      }
      for (Index k = 0; k < width; ++k)
        if (place[j + k] >= 0) {
          T *line = to + place[j + k] * ld_to + d;
          for (Index i = 0; i < height; ++i) line[i] = from[i * ld + k];
          for (Index i = height; i < n; ++i) line[i] = 0;
        }
    }
  }
}

template <class T>
class GatherByChannels {
 public:
  explicit GatherByChannels(const GatherLayout &layout) : at_(layout), plan_(layout.plan) {}

  // Whether it is faster than along positions. same_order: whether both add a result's products in one
  // order, so that where the channels lie may decide, which must not decide bits.
  bool pays(bool same_order) const {
    const Axis &columns = at_.pass.axis[2];
    if (!fills_vectors<T>(plan_.destinations) || columns.step > kMostReadStep) return false;
    // Sums along positions lie in lines of a channel each, which would be written value by value.
    const Pass &pass = at_.pass;
    if (same_order && (pass.source.channels_last() || pass.destination.channels_last())) return true;
    // Cycles of a vector of results, either way: its products, more where it is not filled, its share
    // in copying rows of the source (30 and one more for each value, twice that to separate its
    // residues), and in writing it. Of 116 passes that both take, its choice takes 1.001 times as long
    // as the faster way in the mean and 1.03 at the most with AVX-512, with AVX2 1.012 and 1.29 (Zen 4).
    const double products = double(plan_.sources) * at_.taps;
    const double filled = double(plan_.destinations) / round_up(plan_.destinations, lanes<T>);
    const double copying =
        plan_.sources * 16.0 / (double(columns.count) * plan_.destinations) * (30.0 + columns.count);
    Index first = columns.offset[0], last = first;
    for (Index t = 1; t < columns.taps; ++t)
      first = least(first, columns.offset[t]), last = most(last, columns.offset[t]);
    const double pitch = columns.count + divide_up(last - first, columns.step);
    const double along = products * pitch / columns.count + columns.step * copying + 4;
    const double across = products / filled + (reads_inside(pass) ? 0 : copying) + 7 * at_.strands +
                          (columns.spacing > at_.strands ? 16 : 0);
    return across < along;
  }

  // The tile that multiplies and loads least, for each of a row's positions.
  void choose_tile() {
    const Index columns = at_.pass.axis[2].count;
    const Index vectors = divide_up(plan_.destinations, lanes<T>);
    Index best = 0;
    for (Index v = 1; v <= least(kVectors, vectors); ++v) {
      const Index tiles = divide_up(columns, least(kMostPositions, kChannelSums / v));
      const Index m = divide_up(columns, tiles), split = divide_up(vectors, v);
      const Index cost = tiles * split * (4 * most(m * v, m + v) + m + v);
      if (!best || cost < best) best = cost, blocks = split;
    }
    vectors_ = divide_up(vectors, blocks);
    strip_ = least(tuning().strip / (vectors_ * DXDW_VECTOR_BYTES),
                   at_.pass.axis[1].count * columns);
    // All blocks read a strip of the source: a band is as much of it as stays near.
    const Index of_position = plan_.sources * at_.column_step * Index(sizeof(T));
    const Index stay = weights_pass() ? tuning().passing : tuning().band;
    if (at_.in_place) strip_ = most<Index>(1, least(strip_, stay / of_position));
    chunk_ = sources_of(tuning().weights), thin_chunk_ = sources_of(tuning().thin);
  }

  // Whether each strip has all weights brought from beyond the cache: then strips are to be few.
  bool weights_pass() const {
    return plan_.weights_of_group() * Index(sizeof(T)) > tuning().passing;
  }

  Index blocks = 1;  // of destination channels
  Index packed_channels() const { return round_up(plan_.destinations, lanes<T>); }
  Index most_splits() const { return blocks; }
  Index rows_of_tile() const { return 1; }
  Index block_start(Index block) const {
    return block * divide_up(plan_.destinations, lanes<T>) / blocks * lanes<T>;
  }
  // Scratch memory for a strand's sums.
  Index strand_elements() const { return (strip_ + lanes<T>) * vectors_ * lanes<T>; }

  // A block of M destination channels, whose first weight is at from; W ends at end.
  void pack(const T *from, const T *end, const Strand &strand, Index M, T *to) const {
    const Index ld = plan_.weight_destination;
    if (plan_.weight_source == plan_.taps) return pack_lines(from, end, strand, M, to);
    for (Index c = 0; c < plan_.sources; ++c, from += plan_.weight_source, to += strand.taps * M) {
      const Index D = least(M, (end - from + ld - plan_.taps) / ld);
      if (ld == 1) {  // of one tap: the destinations' own follow each other
        memcpy(to, from, D * sizeof(T));
        for (Index m = D; m < M; ++m) to[m] = 0;
        continue;
      }
      pack_taps(from, ld, D, strand.place, plan_.taps, to, M,
                end - from - (D - 1) * ld - plan_.taps);
    }
  }

  // Computes `count` rows of a split's channel blocks. x: the band, or the source itself;
  // weights(block, strand): what pack packed. Each block finds a strip of x in the cache.
  template <class Weights>
  void run(const T *x, const Weights &weights, Result<T> out, Split split, Index count, T *sums,
           const Team &team) const {
    const Axis *axis = at_.pass.axis;
    const Index apart = axis[2].spacing * at_.pass.destination.column;  // of positions
    const Index row = axis[1].spacing * at_.pass.destination.row;
    const Index rows_of_strip = strip_ / axis[2].count;
    Index positions = strip_;  // or those of as many rows in each strip, where it has some
    if (rows_of_strip) positions = divide_up(count, divide_up(count, rows_of_strip)) * axis[2].count;
    each_run(count, axis[2].count, positions, [&](Index r, Index rows, Index q, Index columns) {
      for (Index b = split.begin(blocks); b < split.end(blocks) && !cancelled(team); ++b) {
        const Index start = block_start(b), M = block_start(b + 1) - start;
        for (int i = 0; i < at_.strands; ++i)
          strip(at_.strand[i], x + r * at_.pitch + q * read_step(), weights(b, i), M, rows, columns,
                sums + i * strand_elements(), team);
        if (cancelled(team)) return;
        write(sums, M, least(M, plan_.destinations - start), rows, q, columns,
              out + start * at_.pass.destination.channel + r * row + q * apart);
      }
    });
  }

 private:
  // What tiles read of a source channel: a block's weights, and a line of each row of taps.
  Index bytes_of_source() const {
    const Axis *axis = at_.pass.axis;
    return at_.taps * vectors_ * DXDW_VECTOR_BYTES + axis[0].taps * axis[1].taps * kCacheLine;
  }

  // Source channels of which that is so many bytes; all, in equal parts.
  Index sources_of(Index bytes) const {
    const Index together = most<Index>(1, bytes / bytes_of_source());
    return divide_up(plan_.sources, divide_up(plan_.sources, together));
  }

  // Whether tiles of so many positions in the mean read more than half of what a second cache gives:
  // bytes for each product of vectors. Then what they read is to stay in the first. Brought there, one
  // image: 3×3 of stride 2, 512 channels at 14², 57 MB in place of 213; 1×1, 1024 to 2048, 75 of 203.
  bool thin(Index positions, Index tiles) const {
    return bytes_of_source() * tiles > at_.taps * positions * vectors_ * (DXDW_VECTOR_BYTES / 4);
  }

  // The same where a destination's weights stand in a line, source by source: a line is read once.
  void pack_lines(const T *from, const T *end, const Strand &strand, Index M, T *to) const {
    constexpr Index n = lanes<T>;
    const Index ld = plan_.weight_destination, length = plan_.sources * plan_.taps;
    const Index D = least(M, (end - from) / ld), of_source = strand.taps * M;
    for (Index d = 0; d < M; d += n, to += n, from += n * ld) {
      const Index height = least(n, D - d);
      Index tap = 0;
      T *source = to;  // of the source that the tap is of
      for (Index j = 0; j < length; j += n) {
        const Index width = least(n, length - j);
        Vector<T> block[n];
        if ((height - 1) * ld + j + n <= end - from) {
          load_transposed(from + j, ld, height, block);
        } else {
          for (Index k = 0; k < width; ++k) {
            alignas(kAlignment) T line[n] = {};
            for (Index i = 0; i < height; ++i) line[i] = from[i * ld + j + k];
            block[k] = load(line);
          }
        }
        for (Index k = 0; k < width; ++k) {
          if (strand.place[tap] >= 0) store(source + strand.place[tap] * M, block[k]);
          if (++tap == plan_.taps) tap = 0, source += of_source;
        }
      }
    }
  }

  // Writes a strip's sums of M channels, of which D are there.
  void write(const T *sums, Index M, Index D, Index rows, Index q, Index columns, Result<T> to) const {
    const Axis *axis = at_.pass.axis;
    const Index spacing = axis[2].spacing, channel = at_.pass.destination.channel;
    const Index apart = spacing * at_.pass.destination.column;
    const Index row = axis[1].spacing * at_.pass.destination.row, strand = strand_elements();
    const bool dense = spacing == 1 && row == columns * apart;
    const Index lines = dense ? 1 : rows, length = dense ? rows * columns : columns;
    for (Index i = 0; i < lines; ++i, to += row) {
      const T *line = sums + i * columns * M;
      if (at_.pass.destination.channels_last()) {
        write_positions(line, M, length, D, to, apart);
        if (at_.strands > 1)
          write_positions(line + strand, M, at_.in_second(q, columns), D, to + apart / 2, apart);
      } else if (at_.strands > 1)
        weave_transposed(line, line + strand, M, length, at_.in_second(q, columns), D, to, channel);
      else
        write_transposed(line, M, length, D, to, channel, spacing, plan_.past_caches());
    }
  }

  // Elements from what one position reads to what the next does.
  Index read_step() const {
    return at_.column_step * (at_.in_place ? at_.pass.source.column : 1);
  }

  // The sums of a strand at whole rows, or at a part of one.
  void strip(const Strand &strand, const T *x, const T *w, Index ld, Index rows, Index columns,
             T *sums, const Team &team) const {
    const Index V = ld / lanes<T>, step = read_step();
    const bool last = at_.in_place && at_.pass.source.channels_last();
    // A source read in its place has channels that are too far apart for the CPU to foresee: what tiles
    // read next of each, or where they step over rows, of the next row. 1×1 layers: 16 to 24 % faster.
    const Index next = at_.pass.axis[1].step > 1 ? at_.pitch : Tuning::ahead_of_tile / Index(sizeof(T));
    const Index ahead = at_.in_place && !last ? next : 0;
    // Rows that follow each other without a gap are one.
    if (at_.pitch == columns * step) columns *= rows, rows = 1;
    const Index tiles = divide_up(columns, least(kMostPositions, kChannelSums / V));
    const Index chunk = thin(columns, tiles) ? thin_chunk_ : chunk_;
    for (Index c = 0; c < plan_.sources; c += chunk) {
      const Index channels = least(chunk, plan_.sources - c);
      for (Index r = 0; r < rows && !cancelled(team); ++r)
        for (Index t = 0; t < tiles; ++t) {
          const Index start = t * columns / tiles, M = (t + 1) * columns / tiles - start;
          channel_gather_tiles<T>.of(M, V, last ? kAnyStep : step)(
              x + c * at_.channel + r * at_.pitch + start * step, channels, at_.channel,
              strand.offset, strand.taps, step, ahead, w + c * strand.taps * ld,
              sums + (r * columns + start) * ld, ld, c > 0);
        }
    }
  }

  const GatherLayout &at_;
  const Plan &plan_;
  Index vectors_ = 1, strip_ = 1, chunk_ = 1, thin_chunk_ = 1;
};

}  // namespace
}  // namespace dxdw
