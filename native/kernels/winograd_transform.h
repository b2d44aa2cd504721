// Tiles of an image to frequencies and back, with vectors along channels: rows are transposed as
// they are read, before a transform makes 2.25 values of each, or more. (Where channels lie last, they
// are copied.)
//
//   to[frequency][tile][channel]
#pragma once
#include "kernels/winograd_guard.h"
#include "layout/transposed_writes.h"
#include "run/pool.h"
#include "tiles/transpose.h"

namespace dxdw {
namespace {

// Along one axis: six values are x's, fewer a kernel's.
template <class T, int Size>
DXDW_INLINE void transform_axis(const Vector<T> *d, int step, Vector<T> *t, int to) {
  if constexpr (Size == kPoints)
    transform_input<T>(d, step, t, to);
  else
    transform_kernel<T, Size>(d, step, t, to);
}

// Size² values, which at(row, column) loads, to kFrequencies vectors `frequency` elements apart.
template <class T, int Size, class At>
DXDW_INLINE void to_frequencies(const At &at, T *to, Index frequency) {
  Vector<T> rows[Size * kPoints];
#pragma GCC unroll 6
  for (int i = 0; i < Size; ++i) {
    Vector<T> line[Size];
#pragma GCC unroll 6
    for (int j = 0; j < Size; ++j) line[j] = at(i, j);
    transform_axis<T, Size>(line, 1, rows + i * kPoints, 1);
  }
#pragma GCC unroll 6
  for (int j = 0; j < kPoints; ++j) {
    Vector<T> column[kPoints];
    transform_axis<T, Size>(rows + j, kPoints, column, 1);
#pragma GCC unroll 6
    for (int i = 0; i < kPoints; ++i) store(to + (i * kPoints + j) * frequency, column[i]);
  }
}

// And back to Outputs² values, each of which goes to put(row, column, value).
template <class T, int Outputs, class Put>
DXDW_INLINE void from_frequencies(const T *from, Index frequency, const Put &put) {
  Vector<T> rows[Outputs * kPoints];
#pragma GCC unroll 6
  for (int j = 0; j < kPoints; ++j) {
    Vector<T> column[kPoints];
#pragma GCC unroll 6
    for (int i = 0; i < kPoints; ++i) column[i] = load(from + (i * kPoints + j) * frequency);
    transform_output<T, Outputs>(column, 1, rows + j, kPoints);
  }
#pragma GCC unroll 5
  for (int i = 0; i < Outputs; ++i) {
    Vector<T> line[Outputs];
    transform_output<T, Outputs>(rows + i * kPoints, 1, line, 1);
#pragma GCC unroll 5
    for (int j = 0; j < Outputs; ++j) put(i, j, line[j]);
  }
}

// Where a row of tiles keeps what is seen of it.
template <class T>
T *seen_in(T *strip, const TiledAxis &across, Index size) {
  return strip + (size + 1) * across.span(size) * lanes<T>;
}

// Tiles of Size² values: six for x, whose tiles overlap, fewer for grad_out. The frequencies of tiles
// that are unfit are of no use.
template <int Size, class T>
Sight transform_row_of(Reader reader, const Pass &pass, Source<T> source, Index channels, const TileRow &where,
                    const TiledAxis &across, T *to, Index frequency, Index ld, T *strip,
                    const Team &team) {
  const Index columns = across.span(Size), step = across.dilation * lanes<T>;
  Source<T> image = source + where.image * pass.source.image;
  const Index low = least(columns, most<Index>(0, -where.column));
  const Index high = most(low, least(columns, pass.source_size[2] - where.column));
  const Index line_step = columns * lanes<T>;
  T *tops = strip + Size * line_step, *seen = seen_in(strip, across, Size);
  const Index seen_step = Seen<T>::kVectors * lanes<T>;
  memset(seen, 0, across.tiles * seen_step * sizeof(T));
  const Index taps = beside(int(across.side));
  const Watched rows = watched(reader, taps, where.destinations);
  const Watched whole = watched(reader, taps, across.side);
  Vector<T> finite = {};

  for (Index c = 0; c < channels && !cancelled(team); c += lanes<T>) {
    const Index width = least(lanes<T>, channels - c);
    for (Index i = 0; i < Size; ++i) {
      T *line = strip + i * line_step;
      const Index h = where.row + i * where.apart;
      if (h < 0 || h >= pass.source_size[1]) {
        memset(line, 0, line_step * sizeof(T));
        continue;
      }
      memset(line, 0, low * lanes<T> * sizeof(T));
      const Strides &at = pass.source;
      Source<T> from = image + c * at.channel + h * at.row + (where.column + low) * at.column;
      if (at.channels_last())
        read_lanes(from, at.column, high - low, width, line + low * lanes<T>);
      else
        transpose(from, at.channel, width, high - low, line + low * lanes<T>, lanes<T>);
      memset(line + high * lanes<T>, 0, (columns - high) * lanes<T> * sizeof(T));
    }
    for (Index j = 0; j < columns; ++j) {
      Vector<T> top = {}, sum = {};
#pragma GCC unroll 6
      for (int i = 0; i < Size; ++i) {
        const Vector<T> v = magnitude<T>(load(strip + i * line_step + j * lanes<T>));
        top = larger<T>(v, top), sum += v;
      }
      store(tops + j * lanes<T>, top), finite += sum;
    }
    // Apart, so that its registers are its own: within the loops around it, it took 1.2 times as long.
    across.each([&](Index tile, Index start) DXDW_APART {
      Vector<T> top = {};
#pragma GCC unroll 6
      for (int j = 0; j < Size; ++j) top = larger<T>(load(tops + start * lanes<T> + j * step), top);
      const T *corner = strip + start * lanes<T>;
      const auto at = [&](Index i, Index j)
                          DXDW_LAMBDA { return load(corner + i * line_step + j * step); };
      const auto at_place = [&](Index i, Index j)
                                DXDW_LAMBDA { return magnitude<T>(at(i, j)); };
      const Watched of_columns =
          across.whole(start) ? whole : watched(reader, taps, across.destinations(tile));
      Seen<T>{seen + tile * seen_step}.add(top, rows, of_columns, at_place);
      to_frequencies<T, Size>(at, to + tile * ld + c, frequency);
    });
  }
  return is_finite(sum_of_lanes<T>(finite)) ? sight(seen, reader, where, across) : Sight::kUnfit;
}

template <class T>
Sight transform_row(Reader reader, Index size, const Pass &pass, Source<T> source, Index channels,
                    const TileRow &where, const TiledAxis &across, T *to, Index frequency, Index ld,
                    T *strip, const Team &team) {
  const auto of = size == kPoints ? transform_row_of<kPoints, T>
                  : size == 4     ? transform_row_of<4, T>
                                  : transform_row_of<2, T>;
  return of(reader, pass, source, channels, where, across, to, frequency, ld, strip, team);
}

// Elements of the strip that transform_row works in.
template <class T>
Index strip_elements(const TiledAxis &across) {
  return ((kPoints + 1) * across.span(kPoints) + Seen<T>::kVectors * across.tiles) * lanes<T>;
}

// A vector's channels of a row of tiles, back from their frequencies to rows of Side values of the strip.
template <int Side, class T>
void tiles_from_frequencies(const T *from, Index frequency, Index ld, const TiledAxis &across, T *strip) {
  const Index pitch = across.span(Side) * lanes<T>, step = across.dilation * lanes<T>;
  across.each([&](Index tile, Index start) {
    T *corner = strip + start * lanes<T>;
    from_frequencies<T, Side>(from + tile * ld, frequency, [&](int i, int j, Vector<T> value) {
      store(corner + i * pitch + j * step, value);
    });
  });
}

// Frequencies of `width` destination channels (a vector's or fewer) of a row of tiles, to `rows`
// rows of an image, row_step apart, whose first such channel is at out, past the caches where the call
// says so.
template <class T>
void inverse_row(const T *from, Index frequency, Index ld, const TiledAxis &across, Index width,
                 Result<T> out, const Strides &to, Index row_step, Index rows, T *strip,
                 bool past_caches) {
  const auto back = across.side == 4 ? tiles_from_frequencies<4, T> : tiles_from_frequencies<2, T>;
  back(from, frequency, ld, across, strip);
  const Index pitch = across.span(across.side) * lanes<T>;
  for (Index i = 0; i < rows; ++i, strip += pitch, out += row_step)
    if (to.channels_last())
      write_positions(strip, lanes<T>, across.count, width, out, to.column);
    else
      write_transposed(strip, lanes<T>, across.count, width, out, to.channel, 1, past_caches);
}

// to[tap][channel] of `width` channels' Taps, which stand `step` elements apart. Whole vectors are
// read where they end before `end`.
template <class T, int Taps>
void transpose_taps(const T *from, Index step, Index width, const T *end, T *to) {
  if (from + (width - 1) * step + round_up(Taps, lanes<T>) > end)
    return transpose(from, step, width, Taps, to, lanes<T>);
  for (Index t = 0; t < Taps; t += lanes<T>) {
    Vector<T> block[lanes<T>];
    load_transposed(from + t, step, width, block);
    for (Index k = 0; k < lanes<T> && t + k < Taps; ++k) store(to + (t + k) * lanes<T>, block[k]);
  }
}

}  // namespace
}  // namespace dxdw
