// A band of source rows, copied to where a kernel wants them: with its zero borders, and split by
// the residue of rows and columns modulo the step, so that every tap is a shift.
//
//   band[channel][depth tap][row residue][column residue][row][column]
//
// A destination at (row r, column q) of the band reads tap t of channel c at
// c·channel + offset[t] + r·pitch + q: the vectors of a kernel run along q, and over row ends.
#pragma once
#include "layout/channels_last.h"
#include "layout/plan_view.h"
#include "machine/past_caches.h"
#include "run/pool.h"

namespace dxdw {
namespace {

// Where an array's values stand, in elements. Rows can be images: see images_as_rows.
struct Strides {
  Index image, group, channel, depth, row, column;

  Strides() = default;
  Strides(Index groups, Index channels, const Index *size, bool channels_last) {
    const Index all = groups * channels, plane = size[0] * size[1] * size[2];
    image = all * plane;
    channel = channels_last ? 1 : plane;
    column = channels_last ? all : 1;
    group = channels * channel;
    row = size[2] * column;
    depth = size[1] * row;
  }

  bool channels_last() const { return column != 1; }
};

// One phase as the kernels run it.
struct Pass {
  Index batch;
  Axis axis[3];
  Index source_size[3];
  Strides source, destination;
};

inline Pass pass_of(const Plan &plan, const Phase &phase) {
  Pass pass;
  pass.batch = plan.batch;
  for (int a = 0; a < 3; ++a) {
    pass.axis[a] = phase.axis[a];
    pass.source_size[a] = plan.source_size[a];
  }
  pass.source = Strides(plan.groups_of_image, plan.sources, plan.source_size, plan.source_last);
  pass.destination = Strides(plan.groups_of_image, plan.destinations, plan.destination_size,
                             plan.destination_last);
  return pass;
}

constexpr Index kZero[1] = {0};

// Whether the kernel has one tap, and steps over nothing.
inline bool is_product(const Plan &plan, const Pass &pass) {
  for (int a = 0; a < 3; ++a) {
    const Axis &axis = pass.axis[a];
    if (axis.taps != 1 || axis.offset[0] || axis.step != 1 || axis.spacing != 1 ||
        axis.count != plan.source_size[a] || axis.count != plan.destination_size[a])
      return false;
  }
  return true;
}

// Such a kernel knows no rows: the image is one, and the batch is what has rows. Small images then fill
// the vectors as well as large ones.
inline Pass images_as_rows(const Plan &plan, const Pass &pass) {
  if (!is_product(plan, pass)) return pass;
  Pass flat = pass;
  const Index plane = plan.source_plane();
  const Index counts[3] = {1, pass.batch, plane};
  for (int a = 0; a < 3; ++a) {
    flat.axis[a] = {counts[a], 0, 1, 1, 1, kZero, kZero};
    flat.source_size[a] = counts[a];
  }
  flat.axis[0].tap = flat.axis[1].tap = flat.axis[2].tap = kZero;
  flat.batch = 1;
  flat.source.row = pass.source.image;
  flat.destination.row = pass.destination.image;
  return flat;
}

// With every row and column of the source in a band, whatever the step: it is taken on reading.
inline Pass without_steps(Pass pass) {
  for (int a = 1; a < 3; ++a) {
    Axis &axis = pass.axis[a];
    axis.count = (axis.count - 1) * axis.step + 1, axis.step = 1;
  }
  return pass;
}

// Whether it steps over rows or columns that no tap reads.
inline bool is_one_residue(const Pass &pass) {
  return pass.axis[1].taps == 1 && pass.axis[2].taps == 1 &&
         most(pass.axis[1].step, pass.axis[2].step) > 1;
}

// Nothing beyond the edges of the source is read: then it can be read where it is, without a copy
// that has borders.
inline bool reads_inside(const Pass &pass) {
  for (int a = 0; a < 3; ++a) {
    const Axis &axis = pass.axis[a];
    for (Index t = 0; t < axis.taps; ++t)
      if (axis.offset[t] < 0 ||
          (axis.count - 1) * axis.step + axis.offset[t] >= pass.source_size[a])
        return false;
  }
  return true;
}

// Where a tap is in the source itself.
inline Index offset_in_place(const Pass &pass, Index d, Index h, Index w) {
  return pass.axis[0].offset[d] * pass.source.depth + pass.axis[1].offset[h] * pass.source.row +
         pass.axis[2].offset[w] * pass.source.column;
}

// Runs of positions of a band, whole rows or parts of one: fn(first row, rows, first column,
// columns).
template <class F>
void each_run(Index rows, Index columns, Index positions, const F &fn) {
  const Index tall = most<Index>(1, positions / columns), wide = least(positions, columns);
  for (Index r = 0; r < rows; r += tall)
    for (Index q = 0; q < columns; q += wide)
      fn(r, least(tall, rows - r), q, least(wide, columns - q));
}

// The taps of one axis on the grids of their residues.
struct Residues {
  Index count;        // grids in use
  Index least, most;  // shifts on them
  Index *value;       // the residue of each grid
  Index *grid;        // for each tap: its grid
  Index *shift;       //               and its place there

  static Index words(const Axis &axis) { return 3 * axis.taps; }

  Residues() = default;
  Residues(const Axis &axis, Index *&memory) : count(0), least(0), most(0) {
    value = memory, grid = value + axis.taps, shift = grid + axis.taps;
    memory = shift + axis.taps;
    for (Index t = 0; t < axis.taps; ++t) {
      shift[t] = divide_down(axis.offset[t], axis.step);
      const Index residue = axis.offset[t] - shift[t] * axis.step;
      Index g = 0;
      while (g < count && value[g] != residue) ++g;
      if (g == count) value[count++] = residue;
      grid[t] = g;
      least = t ? dxdw::least(least, shift[t]) : shift[t];
      most = t ? dxdw::most(most, shift[t]) : shift[t];
    }
  }
};

struct Band {
  Axis depth, rows, columns;
  Residues row, column;
  Index height;    // destination rows that a band serves at the most
  Index held;      // rows of each grid
  Index pitch;     // columns of each grid
  Index channel;   // elements of a channel
  Index source_rows, source_columns, source_depth;
  Index *low, *high;  // for each column grid: where on it the source's columns begin and end
  Strides source;

  static Index words(const Pass &pass) {
    return Residues::words(pass.axis[1]) + Residues::words(pass.axis[2]) + 2 * pass.axis[2].taps;
  }

  // Of the grids that a pass would have.
  static Index pitch_of(const Pass &pass) {
    const Axis &columns = pass.axis[2];
    Index low = columns.offset[0], high = low;
    for (Index t = 1; t < columns.taps; ++t)
      low = dxdw::least(low, columns.offset[t]), high = dxdw::most(high, columns.offset[t]);
    return columns.count + divide_down(high, columns.step) - divide_down(low, columns.step);
  }

  Band() = default;
  DXDW_PLANS Band(const Pass &pass, Index *&memory)
      : depth(pass.axis[0]), rows(pass.axis[1]), columns(pass.axis[2]), row(rows, memory),
        column(columns, memory), height(0), held(0),
        pitch(columns.count + column.most - column.least), channel(0),
        source_rows(pass.source_size[1]), source_columns(pass.source_size[2]),
        source_depth(pass.source_size[0]), low(memory), high(memory + columns.taps),
        source(pass.source) {
    memory = high + columns.taps;
    for (Index g = 0; g < column.count; ++g) {
      const Index start = first_column(g);
      low[g] = least(start >= 0 ? 0 : divide_up(-start, columns.step), pitch);
      high[g] = divide_down(source_columns - 1 - start, columns.step) + 1;
      high[g] = most(low[g], least(high[g], pitch));
    }
  }

  Index halo() const { return row.most - row.least; }
  Index elements_of_row() const { return depth.taps * row.count * column.count * pitch; }

  void set_height(Index h) {
    height = h;
    held = h + halo();
    channel = elements_of_row() * held;
  }

  Index offset(Index d, Index h, Index w) const {
    const Index grid = (d * row.count + row.grid[h]) * column.count + column.grid[w];
    return (grid * held + row.shift[h] - row.least) * pitch + column.shift[w] - column.least;
  }

  // Where in a source row the first column of a grid stands; before it, where there is padding.
  Index first_column(Index grid) const { return column.least * columns.step + column.value[grid]; }

  // Copies what destination rows [first, first + count) at depth q read, of so many channels.
  template <class T>
  void copy_channels(Source<T> x, Index channels, Index q, Index first, Index count, T *to,
                     const Team &team) const {
    if (source.channels_last()) return copy_behind(x, channels, q, first, count, to);
    for (Index c = 0; c < channels && !cancelled(team); ++c)
      copy_channel(x + c * source.channel, q, first, count, to + c * channel);
  }

 private:
  template <class T>
  void copy_channel(Source<T> x, Index q, Index first, Index count, T *to) const {
    for (Index d = 0; d < depth.taps; ++d) {
      const Index plane = q * depth.step + depth.offset[d];
      const bool inside = plane >= 0 && plane < source_depth;
      for (Index r = 0; r < row.count; ++r)
        for (Index c = 0; c < column.count; ++c, to += held * pitch)
          for (Index i = 0; i < count + halo(); ++i) {
            const Index h = (first + i + row.least) * rows.step + row.value[r];
            T *line = to + i * pitch;
            if (inside && h >= 0 && h < source_rows) {
              Source<T> from = x + plane * source.depth + h * source.row;
              // The next channel is too far off for the CPU to foresee: 2 to 10 % of a pass.
              prefetch<false>(from + source.channel, source_columns);
              copy_row(from, c, line);
            } else
              memset(line, 0, pitch * sizeof(T));
            if (i + 1 == count + halo())  // a lower band than others: nothing may be left over
              memset(line + pitch, 0, (held - 1 - i) * pitch * sizeof(T));
          }
    }
  }

  // The same where they lie behind the positions.
  template <class T>
  void copy_behind(Source<T> x, Index channels, Index q, Index first, Index count, T *to) const {
    for (Index d = 0; d < depth.taps; ++d) {
      const Index plane = q * depth.step + depth.offset[d];
      const bool inside = plane >= 0 && plane < source_depth;
      for (Index r = 0; r < row.count; ++r)
        for (Index c = 0; c < column.count; ++c, to += held * pitch)
          for (Index i = 0; i < held; ++i) {
            const Index h = (first + i + row.least) * rows.step + row.value[r];
            const bool there = inside && h >= 0 && h < source_rows && i < count + halo();
            const Index begin = there ? low[c] : 0, end = there ? high[c] : 0;
            T *line = to + i * pitch;
            for (Index k = 0; k < channels; ++k) {
              memset(line + k * channel, 0, begin * sizeof(T));
              memset(line + k * channel + end, 0, (pitch - end) * sizeof(T));
            }
            const Index at = first_column(c) + begin * columns.step;
            if (begin < end)
              read_transposed(x + plane * source.depth + h * source.row + at * source.column,
                              columns.step * source.column, end - begin, channels, line + begin,
                              channel);
          }
    }
  }

  template <class T>
  DXDW_INLINE void copy_row(Source<T> x, Index grid, T *line) const {
    const Index begin = low[grid], end = high[grid];
    Source<T> from = x + first_column(grid) + begin * columns.step;
    for (Index i = 0; i < begin; ++i) line[i] = 0;
    if (columns.step == 1)
      copy_widened(line + begin, from, end - begin);
    else
      copy_strided(line + begin, from, end - begin, columns.step);
    for (Index i = end; i < pitch; ++i) line[i] = 0;
  }
};

// A run of positions of an image, `at` its strides, in vectors of the channels [o, o + width), of which a
// position's stand every ld.
template <class T>
void transpose_run(Source<T> image, const Strides &at, Index o, Index width, Index r, Index rows, Index q,
                    Index columns, T *to, Index ld) {
  // Rows that follow each other without a gap are one.
  if (at.row == columns * at.column) columns *= rows, rows = 1;
  for (Index i = 0; i < rows; ++i, to += columns * ld) {
    const Source<T> from = image + o * at.channel + (r + i) * at.row + q * at.column;
    if (!at.channels_last()) {
      transpose(from, at.channel, width, columns, to, ld);
      continue;
    }
    for (Index p = 0; p < columns; ++p) {
      T *line = to + p * ld;
      copy_widened(line, from + p * at.column, width);
      for (Index k = width; k < round_up(width, lanes<T>); ++k) line[k] = 0;
    }
  }
}

}  // namespace
}  // namespace dxdw
