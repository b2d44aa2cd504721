// What a gather reads, and where its taps find it: a band of the source (source_band.h), or, where no
// border is read, the source itself.
//
// The rows of dx at stride 2 have two strands: even columns and odd ones, each with taps of its own.
// One pass computes both from one band, and weaves them.
#pragma once
#include "layout/source_band.h"

namespace dxdw {
namespace {

// The positions of a row that the same taps serve: all of them, or every other one.
struct Strand {
  Axis columns = {};
  Index taps = 0;                        // of the kernel, all axes together
  Index runs = 0;                        // of neighbours down a column of the kernel
  Index *offset = nullptr;               // of each run's first tap
  Index *length = nullptr;               // taps of each run
  Index *tap = nullptr;                  // the kernel's tap of each, run by run
  Index *place = nullptr;                // for each of the kernel's taps: where it is in `tap`, or −1
};

// One of several like parts of a piece of work.
struct Split {
  Index index, of;

  Index begin(Index count) const { return index * count / of; }
  Index end(Index count) const { return (index + 1) * count / of; }
};

struct GatherLayout {
  static constexpr int kStrands = 2;

  const Plan &plan;
  Pass pass;
  int strands;
  Strand strand[kStrands];
  Index taps;  // of all strands
  Band band;
  bool in_place = false;
  Index row_step = 1, column_step = 1;  // of the band, from one destination to the next
  Index channel = 0, pitch = 0;  // elements from one channel, or destination row, to the next

  // A phase; or two that have every other column each, and the same rows.
  DXDW_PLANS GatherLayout(const Plan &plan, const Phase &phase, const Phase *other)
      : plan(plan), pass(images_as_rows(plan, pass_of(plan, phase))), strands(other ? 2 : 1) {
    strand[0].columns = pass.axis[2];
    if (other) strand[1].columns = other->axis[2];
    const Index rows = pass.axis[0].taps * pass.axis[1].taps;
    for (Strand &s : strand) s.taps = rows * s.columns.taps;
    taps = strand[0].taps + strand[1].taps;
    pass.axis[2].taps = strand[0].columns.taps + strand[1].columns.taps;
  }

  Index words() const {
    return 2 * pass.axis[2].taps + Band::words(pass) + 3 * taps + kStrands * plan.taps;
  }

  // What both strands read of a row is one band: an axis with the taps of both, as many positions as
  // the first has, which is the longer one if either is.
  void join_columns(Index *&memory) {
    if (strands == 1) return;
    Axis &columns = pass.axis[2];
    Index *tap = memory, *offset = memory + columns.taps, n = 0;
    memory = offset + columns.taps;
    for (const Strand &s : strand)
      for (Index t = 0; t < s.columns.taps; ++t, ++n)
        tap[n] = s.columns.tap[t], offset[n] = s.columns.offset[t];
    columns.tap = tap, columns.offset = offset;
  }

  // Lays out the band: with its steps taken on reading, or split by residues. can: whether the source can
  // be computed with where it lies.
  void lay_out(bool with_steps, bool can, Index *&memory) {
    row_step = with_steps ? pass.axis[1].step : 1, column_step = with_steps ? pass.axis[2].step : 1;
    band = Band(with_steps ? without_steps(pass) : pass, memory);
    in_place = can && with_steps && reads_inside(pass);
  }

  // A single tap reads one residue of each axis, and a band of that alone is dense.
  bool is_one_residue() const {
    return strands == 1 && dxdw::is_one_residue(pass);
  }

  // Bands of so many destination rows, read by tiles of so many.
  void set_height(Index rows, Index rows_of_tile, Index *&memory) {
    band.set_height(rows_of_band(rows));
    channel = in_place ? pass.source.channel : band.channel;
    pitch = row_step * (in_place ? pass.source.row : band.pitch);
    Index column = 0;
    for (Strand &s : strand) {
      s.offset = memory, s.length = s.offset + s.taps, s.tap = s.length + s.taps;
      s.place = s.tap + s.taps, memory = s.place + plan.taps;
      list_runs(s, column, rows_of_tile);
      column += s.columns.taps;
    }
  }

  // Packs the weights of M destination channels, whose first is at from: source by source, tap by tap.
  template <class T>
  void pack_interleaved(const T *from, const Strand &strand, Index M, T *to) const {
    for (Index c = 0; c < plan.sources; ++c, from += plan.weight_source)
      for (Index k = 0; k < strand.taps; ++k)
        for (Index m = 0; m < M; ++m) *to++ = from[m * plan.weight_destination + strand.tap[k]];
  }

  Index rows_of_band(Index count) const { return (count - 1) * row_step + 1; }

  // Of the positions [q, q + n) of the first strand, those that the second has too.
  Index in_second(Index q, Index n) const { return least(n, strand[1].columns.count - q); }

  // Taps whose rows follow each other without a gap share what is loaded: the shortest such run.
  Index shortest_run() const {
    const Axis &rows = pass.axis[1];
    Index shortest = rows.taps;
    for (Index g = 0; g < band.row.count; ++g) {
      Index length = 0, last = 0;
      for (Index t = 0; t < rows.taps; ++t) {
        if (band.row.grid[t] != g) continue;
        if (length && band.row.shift[t] != last + 1) return 1;
        last = band.row.shift[t];
        ++length;
      }
      shortest = least(shortest, length);
    }
    return shortest;
  }

 private:
  // Where a strand's taps are, from column tap `first` on. A tile of one row has runs of one tap.
  DXDW_PLANS void list_runs(Strand &s, Index first, Index rows_of_tile) const {
    Index k = 0;
    const Axis *axis = pass.axis;
    const Index end = first + s.columns.taps;
    auto tap = [&](Index d, Index h, Index w) {
      s.tap[k++] = plan.weight_tap(axis[0].tap[d], axis[1].tap[h], axis[2].tap[w]);
    };
    s.runs = 0;
    for (Index d = 0; d < axis[0].taps; ++d) {
      if (rows_of_tile == 1) {
        for (Index h = 0; h < axis[1].taps; ++h)
          for (Index w = first; w < end; ++w, ++s.runs) {
            s.offset[s.runs] = in_place ? offset_in_place(pass, d, h, w) : band.offset(d, h, w);
            s.length[s.runs] = 1;
            tap(d, h, w);
          }
        continue;
      }
      for (Index grid = 0; grid < band.row.count; ++grid)
        for (Index w = first; w < end; ++w, ++s.runs) {
          s.length[s.runs] = 0;
          for (Index h = 0; h < axis[1].taps; ++h) {
            if (band.row.grid[h] != grid) continue;
            if (!s.length[s.runs]++) s.offset[s.runs] = band.offset(d, h, w);
            tap(d, h, w);
          }
        }
    }
    for (Index i = 0; i < plan.taps; ++i) s.place[i] = -1;
    for (Index i = 0; i < s.taps; ++i) s.place[s.tap[i]] = i;
  }
};

}  // namespace
}  // namespace dxdw
