// Tiles of an image to frequencies and back, with vectors along channels: rows are transposed as
// they are read, before a transform makes 2.25 values of each.
//
//   to[frequency][tile][channel]
#pragma once
#include "transpose.h"
#include "winograd_guard.h"

namespace dxdw {
namespace {

// A row of tiles: from which rows and columns of the image on.
struct TileRow {
  Index image, row, column, tiles;
};

// Size is 6 for tiles of x, which overlap, and 4 for tiles of grad_out. False where a tile is not to
// be trusted to transforms; the frequencies are then of no use.
template <class T, int Size>
bool transform_row(const Pass &pass, const T *source, Index channels, const TileRow &where, T *to,
                   Index frequency, Index ld, T *strip) {
  const Index columns = where.tiles * kTile + Size - kTile;
  const T *image = source + where.image * pass.source.image;
  const Index low = least(columns, most<Index>(0, -where.column));
  const Index high = most(low, least(columns, pass.source_size[2] - where.column));
  T *tops = strip + Size * columns * lanes<T>, *sums = tops + columns * lanes<T>;
  T *tile_tops = sums + columns * lanes<T>, *tile_sums = tile_tops + where.tiles * lanes<T>;
  memset(tile_tops, 0, 2 * where.tiles * lanes<T> * sizeof(T));

  for (Index c = 0; c < channels; c += lanes<T>) {
    const Index width = least(lanes<T>, channels - c);
    for (Index i = 0; i < Size; ++i) {
      T *line = strip + i * columns * lanes<T>;
      const Index h = where.row + i;
      if (h < 0 || h >= pass.source_size[1]) {
        memset(line, 0, columns * lanes<T> * sizeof(T));
        continue;
      }
      memset(line, 0, low * lanes<T> * sizeof(T));
      transpose(image + c * pass.source.channel + h * pass.source.row + where.column + low,
                pass.source.channel, width, high - low, line + low * lanes<T>, lanes<T>);
      memset(line + high * lanes<T>, 0, (columns - high) * lanes<T> * sizeof(T));
    }
    for (Index j = 0; j < columns; ++j) {
      Vector<T> top = {}, sum = {};
#pragma GCC unroll 6
      for (int i = 0; i < Size; ++i) {
        const Vector<T> v = magnitude<T>(load(strip + (i * columns + j) * lanes<T>));
        top = larger<T>(v, top), sum += v;
      }
      store(tops + j * lanes<T>, top), store(sums + j * lanes<T>, sum);
    }
    for (Index tile = 0; tile < where.tiles; ++tile) {
      Vector<T> top = load(tile_tops + tile * lanes<T>), sum = load(tile_sums + tile * lanes<T>);
#pragma GCC unroll 6
      for (int j = 0; j < Size; ++j) {
        top = larger<T>(load(tops + (tile * kTile + j) * lanes<T>), top);
        sum += load(sums + (tile * kTile + j) * lanes<T>);
      }
      store(tile_tops + tile * lanes<T>, top), store(tile_sums + tile * lanes<T>, sum);

      Vector<T> rows[Size * kPoints];
#pragma GCC unroll 6
      for (int i = 0; i < Size; ++i) {
        Vector<T> line[Size];
        const T *p = strip + (i * columns + tile * kTile) * lanes<T>;
#pragma GCC unroll 6
        for (int j = 0; j < Size; ++j) line[j] = load(p + j * lanes<T>);
        if constexpr (Size == kPoints)
          transform_input<T>(line, 1, rows + i * kPoints, 1);
        else
          transform_kernel<T, Size>(line, 1, rows + i * kPoints, 1);
      }
      T *out = to + tile * ld + c;
#pragma GCC unroll 6
      for (int j = 0; j < kPoints; ++j) {
        Vector<T> column[kPoints];
        if constexpr (Size == kPoints)
          transform_input<T>(rows + j, kPoints, column, 1);
        else
          transform_kernel<T, Size>(rows + j, kPoints, column, 1);
#pragma GCC unroll 6
        for (int i = 0; i < kPoints; ++i) store(out + (i * kPoints + j) * frequency, column[i]);
      }
    }
  }

  for (Index tile = 0; tile < where.tiles; ++tile) {
    const T top = largest_lane<T>(load(tile_tops + tile * lanes<T>));
    const T sum = sum_of_lanes<T>(load(tile_sums + tile * lanes<T>));
    if (!(sum - sum == 0) || !magnitude_fits(top)) return false;
    // Suspicious by the mean of all, zeros too: look closer.
    if (double(top) * double(Size * Size * channels - 1) > kWidestRange * double(sum - top) &&
        !tile_fits(pass, image, channels, where.row, where.column + tile * kTile, Size))
      return false;
  }
  return true;
}

// Elements of the strip that transform_row works in.
template <class T>
constexpr Index strip_elements(Index tiles) {
  return ((kPoints + 2) * (tiles * kTile + 2) + 2 * tiles) * lanes<T>;
}

// Frequencies of `width` destination channels (a vector's or fewer) of a row of tiles, to rows
// [row, row + rows) and columns [0, columns) of an image whose first such channel is at out.
template <class T>
void inverse_row(const T *from, Index frequency, Index ld, Index tiles, Index width, T *out,
                 Index channel, Index row_step, Index rows, Index columns, T *strip) {
  const Index pitch = tiles * kTile;
  for (Index tile = 0; tile < tiles; ++tile) {
    const T *p = from + tile * ld;
    Vector<T> part[kTile * kPoints];
#pragma GCC unroll 6
    for (int j = 0; j < kPoints; ++j) {
      Vector<T> column[kPoints];
#pragma GCC unroll 6
      for (int i = 0; i < kPoints; ++i) column[i] = load(p + (i * kPoints + j) * frequency);
      transform_output<T, kTile>(column, 1, part + j, kPoints);
    }
#pragma GCC unroll 4
    for (int i = 0; i < kTile; ++i) {
      Vector<T> line[kTile];
      transform_output<T, kTile>(part + i * kPoints, 1, line, 1);
#pragma GCC unroll 4
      for (int j = 0; j < kTile; ++j)
        store(strip + (i * pitch + tile * kTile + j) * lanes<T>, line[j]);
    }
  }
  for (Index i = 0; i < rows; ++i)
    transpose_back(strip + i * pitch * lanes<T>, columns, width, out + i * row_step, channel);
}

// Reads a kernel's 3×3 taps of `width` channels, `stride` elements apart, a vector for each tap.
// `end` is where the weights end: whole vectors are loaded where they fit.
template <class T>
DXDW_INLINE void load_taps(const T *w, Index stride, Index width, const T *end,
                           Vector<T> (&taps)[9 + lanes<T>]) {
  constexpr Index whole = (9 + lanes<T> - 1) / lanes<T> * lanes<T>;
  if (w + (width - 1) * stride + whole <= end) {
    for (Index t = 0; t < 9; t += lanes<T>) {
      Vector<T> block[lanes<T>];
      load_transposed(w + t, stride, width, block);
      for (Index k = 0; k < lanes<T> && t + k < 9; ++k) taps[t + k] = block[k];
    }
  } else {
    for (Index t = 0; t < 9; ++t) {
      T line[lanes<T>] = {};
      for (Index k = 0; k < width; ++k) line[k] = w[k * stride + t];
      taps[t] = load(line);
    }
  }
}

}  // namespace
}  // namespace dxdw
