// Numbers as sums of bfloat16, for what multiplies those (machine/matrix_unit.h).
//
//   v = h + m + l,   h = rounded(v), m = rounded(v − h), l = v − h − m
//
// Three parts are a float32 to the last bit: h is at most 2⁻⁸|v| off, h + m at most 2⁻¹⁷|v|, and what is
// left has 7 bits. That holds of magnitudes from 2⁻¹⁰⁰ on; of products and sums of them no more than
// 2⁻²⁶ of Σ|v||w| is lost where the least |v||w| that is not zero is 2⁻¹⁰⁰ too, for what is flushed to
// zero is below 2⁻¹²⁶; and nothing overflows where the largest |v||w| times their number does not. What
// is outside goes to the direct kernels: NaN, infinities, subnormal numbers.
#pragma once
#include "layout/channels_last.h"
#include "layout/source_band.h"
#include "machine/matrix_unit.h"

namespace dxdw {
namespace {

// Channels on each side of a group: of fewer most of a block would be zeros. Few source channels are folded
// with the taps of the kernel (BfloatLines).
constexpr Index kLeastInBlock = 16;

// Blocks of weights that are multiplied with all positions of a piece, before the next are: as many as stay in a
// cache. Tiles load as fast from the second one, and read and write their sums the less often (362 to 469
// GFLOP/s from 3 to 36 blocks of two parts, on Emerald Rapids).
inline Index steps_of_chunk(int parts) {
  const Index bytes = matrix_unit()->tiles ? tuning().l2 / 14 : tuning().l1 / 4;
  return most<Index>(1, bytes / (parts * kBlock * kBlock * Index(sizeof(uint16_t))));
}

constexpr int kLeastExponent = -100, kMostExponent = 126;

// Calls f with the number of parts as a constant: what packs and reads is compiled for each, and nothing else.
template <class F>
DXDW_INLINE void with_parts(int parts, const F &f) {
  if (parts == 1) return f(std::integral_constant<int, 1>{});
  if (parts == 2) return f(std::integral_constant<int, 2>{});
  f(std::integral_constant<int, 3>{});
}

using Floats = Narrow<lanes<float>>;
using Magnitudes = Floats::magnitudes;

// The magnitudes that were seen: the bits of the largest and of the least that is not zero.
struct MagnitudeRange {
  uint32_t top = 0, least = 0xffffffff;

  int top_exponent() const { return int(top >> 23) - 127; }
  int least_exponent() const { return int(least >> 23) - 127; }
};

class RangeOfVectors {
 public:
  DXDW_INLINE void add(Vector<float> v) {
    const Magnitudes bits = reinterpret_cast<Magnitudes>(v) & 0x7fffffff, less = bits - 1;
    top_ = bits > top_ ? bits : top_;
    least_ = less < least_ ? less : least_;  // a zero's is the largest of all
  }

  MagnitudeRange seen() const {
    MagnitudeRange seen;
    for (int i = 0; i < lanes<float>; ++i) {
      seen.top = most<uint32_t>(seen.top, top_[i]);
      seen.least = least<uint32_t>(seen.least, least_[i]);
    }
    seen.least += seen.least != 0xffffffff;
    return seen;
  }

 private:
  Magnitudes top_ = {}, least_ = Magnitudes{} + 0xffffffffu;
};

// Whether sums of so many products of them are as precise as they are said to be.
inline bool fit(const MagnitudeRange &a, const MagnitudeRange &b, Index terms) {
  const int one = most(a.top_exponent(), b.top_exponent()) + 1;
  int both = a.top_exponent() + b.top_exponent() + 2;
  for (Index n = 1; n < terms; n *= 2) ++both;
  if (one > kMostExponent) return false;
  if (!a.top || !b.top) return true;
  const int low = least(a.least_exponent(), b.least_exponent());
  return both <= kMostExponent && low >= kLeastExponent &&
         a.least_exponent() + b.least_exponent() >= kLeastExponent;
}

// A part's bits, in the upper half of each lane; v keeps what is left. One part is all there is.
template <int Parts>
DXDW_INLINE Magnitudes next_part(Vector<float> &v) {
  const Magnitudes u = reinterpret_cast<Magnitudes>(v);
  if (Parts == 1) return u;
  const Magnitudes rounded = (u + 0x7fff + ((u >> 16) & 1)) & 0xffff0000;
  v -= reinterpret_cast<Vector<float>>(rounded);
  return rounded;
}

// The parts of v, `part` elements apart.
template <int Parts>
DXDW_INLINE void store_parts(Vector<float> v, uint16_t *to, Index part) {
#pragma GCC unroll 3
  for (int p = 0; p < Parts; ++p) {
    const Magnitudes bits = next_part<Parts>(v);
    *reinterpret_cast<Floats::unaligned *>(to + p * part) =
        __builtin_convertvector(bits >> 16, Floats::stored);
  }
}

// The same of two vectors in turns: even[0], odd[0], even[1], …
template <int Parts>
DXDW_INLINE void store_pairs(Vector<float> even, Vector<float> odd, uint16_t *to, Index part) {
#pragma GCC unroll 3
  for (int p = 0; p < Parts; ++p) {
    const Magnitudes low = next_part<Parts>(even) >> 16, high = next_part<Parts>(odd);
    memcpy(to + p * part, &(const Magnitudes &)(low | high), sizeof low);
  }
}

// A band (source_band.h) in blocks of channels, position by position, so that a line of kBlock channels is
// a line of the cache and every tap is an offset:
//   to[part][channels / kBlock][position][kBlock]
struct BfloatBand {
  const Band &band;
  Index channels, blocks;
  Index positions;  // of a block, an even number; those past the band's end are read, whatever is there

  BfloatBand(const Band &band, Index channels)
      : band(band), channels(channels), blocks(divide_up(channels, kBlock)),
        positions(round_up(band.channel + 2 * kBlock, 2)) {}

  Index part() const { return blocks * positions * kBlock; }
  Index line_elements() const { return band.source_columns * kBlock; }

  // What destination rows [first, first + count) at depth q read. line: of line_elements().
  void pack(int parts, Source<float> x, Index q, Index first, Index count, uint16_t *to, float *line,
            RangeOfVectors &watch) const {
    const Index rows = count + band.halo();
    for (Index b = 0; b < blocks; ++b, to += positions * kBlock) {
      const Index width = least(kBlock, channels - b * kBlock);
      const Source<float> from = x + b * kBlock * band.source.channel;
      for (Index d = 0; d < band.depth.taps; ++d) {
        const Index plane = q * band.depth.step + band.depth.offset[d];
        const bool inside = plane >= 0 && plane < band.source_depth;
        for (Index r = 0; r < band.row.count; ++r)
          for (Index i = 0; i < rows; ++i) {
            const Index h = (first + i + band.row.least) * band.rows.step + band.row.value[r];
            const bool there = inside && h >= 0 && h < band.source_rows;
            if (there)
              read_line(from + plane * band.source.depth + h * band.source.row, width, line);
            for (Index c = 0; c < band.column.count; ++c) {
              const Index grid = (d * band.row.count + r) * band.column.count + c;
              with_parts(parts, [&](auto n) {
                split_line<n.value>(line, c, there, to + (grid * band.held + i) * band.pitch * kBlock, watch);
              });
            }
          }
      }
    }
  }

 private:
  // line[column][channel of the block], zeros for channels that are not there.
  void read_line(Source<float> from, Index width, float *line) const {
    const Strides &at = band.source;
    for (Index c = 0; c < kBlock; c += lanes<float>) {
      const Index here = least(lanes<float>, width - c);
      if (here <= 0)
        for (Index j = 0; j < band.source_columns; ++j) store(line + j * kBlock + c, Vector<float>{});
      else if (!at.channels_last())
        transpose(from + c * at.channel, at.channel, here, band.source_columns, line + c, kBlock);
      else
        (from + c).as_stored([=, to = line + c, columns = band.source_columns, apart = at.column](auto *p) DXDW_LAMBDA {
          for (Index j = 0; j < columns; ++j) {
            if (here < lanes<float>) store(to + j * kBlock, Vector<float>{});
            copy_widened(to + j * kBlock, p + j * apart, here);
          }
        });
    }
  }

  template <int Parts>
  DXDW_APART void split_line(const float *line, Index grid, bool there, uint16_t *to, RangeOfVectors &watch) const {
    const Index begin = there ? band.low[grid] : 0, end = there ? band.high[grid] : 0;
    for (int p = 0; p < Parts; ++p) {
      memset(to + p * part(), 0, begin * kBlock * sizeof *to);
      memset(to + p * part() + end * kBlock, 0, (band.pitch - end) * kBlock * sizeof *to);
    }
    const Index step = band.columns.step * kBlock;
    const float *from = line + band.first_column(grid) * kBlock + begin * step;
    for (Index j = begin; j < end; ++j, from += step)
      for (Index c = 0; c < kBlock; c += lanes<float>) {
        const Vector<float> v = load(from + c);
        watch.add(v);
        store_parts<Parts>(v, to + j * kBlock + c, part());
      }
  }
};

// The same of few channels: what they have at each tap are channels of their own, which have one tap. So a
// position is a destination, and none is between the rows.
struct BfloatLines {
  Index values, blocks, positions;  // channels times taps; those of a block, an even number

  BfloatLines(Index values, Index destinations)
      : values(values), blocks(divide_up(values, kBlock)),
        positions(round_up(destinations + 2 * kBlock, 2)) {}

  Index part() const { return blocks * positions * kBlock; }

  // from: a band of float32, and `offset` of each value in it; rows of so many columns.
  void pack(int parts, const float *from, const Index *offset, Index pitch, Index rows, Index columns, uint16_t *to,
            RangeOfVectors &watch) const {
    for (Index b = 0; b < blocks; ++b, to += positions * kBlock)
      for (Index c = 0; c < kBlock; c += lanes<float>)
        for (Index r = 0; r < rows; ++r)
          for (Index q = 0; q < columns; q += lanes<float>) {
            Vector<float> block[lanes<float>];
            for (Index i = 0; i < lanes<float>; ++i) {
              const Index value = b * kBlock + c + i;
              block[i] = value < values ? load(from + offset[value] + r * pitch + q) : Vector<float>{};
            }
            transpose_block<float>(block);
            with_parts(parts, [&](auto n) {
              store_block<n.value>(block, least(lanes<float>, columns - q), to + (r * columns + q) * kBlock + c, watch);
            });
          }
  }

 private:
  template <int Parts>
  DXDW_APART void store_block(const Vector<float> *block, Index count, uint16_t *to, RangeOfVectors &watch) const {
    for (Index i = 0; i < count; ++i) {
      watch.add(block[i]);
      store_parts<Parts>(block[i], to + i * kBlock, part());
    }
  }
};

}  // namespace
}  // namespace dxdw
