// Forward and dx by the definition: each destination gathers its sources through the taps.
//
//   destination[d, s] = Σ_{c,t} W[d,c,t] · band[c, s + offset_t]
//
// A piece of work is a band of rows of one image: copied once (source_band.h), then multiplied with
// every block of destination channels (gather_tile.h) while it lies in the cache.
#pragma once
#include "dxdw.h"
#include "gather_channels.h"
#include "gather_tile.h"
#include "parallel_for.h"
#include "source_band.h"
#include "workspace.h"

namespace dxdw {
namespace {

// Bytes of a band: a part of the smallest L2 in use today, so that weights have room beside it.
constexpr Index kBandBytes = 256 << 10;
// Pieces of a large problem at the least, so that many threads share it evenly.
constexpr Index kPieces = 16;
// Operations of a piece at the least, beside which handing it out costs nothing.
constexpr Index kPieceFlops = 300'000;

// Rows of one image, where only a part of a problem is wanted.
struct Part {
  Index image, first, count;
};

template <class T>
class Gather {
 public:
  // A phase; or two that have every other column each, and the same rows.
  Gather(const Plan &plan, const Phase &phase, const Phase *other = nullptr)
      : plan_(plan), pass_(images_as_rows(plan, pass_of(plan, phase))), strands_(other ? 2 : 1) {
    strand_[0].columns = pass_.axis[2];
    if (other) strand_[1].columns = other->axis[2];
  }

  // Works out tables and sizes. False where there is no memory for the tables.
  bool prepare() {
    const Index strand_taps = strand_[0].columns.taps + strand_[1].columns.taps;
    const Index rows = pass_.axis[0].taps * pass_.axis[1].taps;
    taps_ = rows * strand_taps;
    pass_.axis[2].taps = strand_taps;
    tables_.template reserve<Index>(2 * strand_taps + Band::words(pass_) + 3 * taps_ +
                                    kStrands * plan_.taps);
    if (!tables_.take()) return false;
    Index *memory = tables_.template at<Index>(0);
    if (strands_ > 1) join_columns(memory);
    by_channels_ = pays_by_channels();
    row_step_ = by_channels_ ? pass_.axis[1].step : 1;
    band_ = Band(by_channels_ ? without_steps(pass_) : pass_, memory);
    in_place_ = by_channels_ && reads_inside(pass_);
    channel_ = in_place_ ? pass_.source.channel : band_.channel;
    choose_tile();
    choose_bands();
    channel_ = in_place_ ? pass_.source.channel : band_.channel;
    pitch_ = row_step_ * (in_place_ ? pass_.source.row : band_.pitch);
    const Index D = by_channels_ ? round_up(plan_.destinations, lanes<T>) : plan_.destinations;
    Index column = 0, weights = 0;
    for (Strand &strand : strand_) {
      strand.taps = rows * strand.columns.taps, strand.weights = weights;
      strand.offset = memory, strand.length = memory + strand.taps;
      strand.tap = strand.length + strand.taps, strand.place = strand.tap + strand.taps;
      memory = strand.place + plan_.taps;
      list_runs(strand, column);
      column += strand.columns.taps, weights += plan_.sources * strand.taps * D;
    }
    weights_of_group_ = weights;
    band_elements_ = in_place_ ? 0 : plan_.sources * band_.channel + kVectors * lanes<T>;
    strand_elements_ = by_channels_ ? (strip_ + lanes<T>) * vectors_ * lanes<T>
                                    : kAccumulators * lanes<T>;  // one tile
    slot_elements_ = band_elements_ + strands_ * strand_elements_;
    return true;
  }

  Index bytes(int threads) const {
    return tables_.bytes() + plan_.groups * weights_of_group_ * Index(sizeof(T)) +
           threads * slot_elements_ * Index(sizeof(T));
  }

  // All of the phase, or those parts of it.
  int run(const T *source, const T *weights, T *destination, const Team &team,
          const Part *parts = nullptr, Index part_count = 0) {
    Workspace memory;
    const Index at_weights = memory.reserve<T>(plan_.groups * weights_of_group_);
    const Index at_slots = memory.reserve<T>(slot_elements_ * team.threads);
    if (!memory.take()) return DXDW_NO_MEMORY;
    packed_ = memory.at<T>(at_weights), slots_ = memory.at<T>(at_slots);
    source_ = source, destination_ = destination;
    if (!pack_all(weights, team)) return DXDW_CANCELLED;

    if (parts) {
      const bool whole = parallel_for(team, part_count * plan_.groups, [&](Index i, int slot) {
        const Part &part = parts[i / plan_.groups];
        for (Index first = 0; first < part.count; first += height_)
          piece(part.image, i % plan_.groups, 0, part.first + first,
                least(height_, part.count - first), 0, blocks_, slot);
      });
      return whole ? DXDW_DONE : DXDW_CANCELLED;
    }
    const Index depths = pass_.axis[0].count, rows = pass_.axis[1].count;
    const Index pieces = pass_.batch * plan_.groups * depths * bands_ * splits_;
    const Index together = most<Index>(1, least(kPieceFlops * pieces / most<Index>(1, flops()),
                                                divide_up(pieces, kPieces)));
    const bool whole =
        parallel_for(team, divide_up(pieces, together), [&](Index chunk, int slot) {
          const Index last = least(pieces, (chunk + 1) * together);
          for (Index i = chunk * together; i < last; ++i) {
            Index rest = i;
            const Index split = rest % splits_;
            rest /= splits_;
            const Index band = rest % bands_;
            rest /= bands_;
            const Index depth = rest % depths;
            rest /= depths;
            const Index first = band * rows / bands_;
            piece(rest / plan_.groups, rest % plan_.groups, depth, first,
                  (band + 1) * rows / bands_ - first, split * blocks_ / splits_,
                  (split + 1) * blocks_ / splits_, slot);
          }
        });
    return whole ? DXDW_DONE : DXDW_CANCELLED;
  }

  // Operations of this phase.
  Index flops() const {
    return 2 * pass_.batch * plan_.groups * pass_.axis[0].count * pass_.axis[1].count *
           pass_.axis[2].count * plan_.sources * plan_.destinations * taps_;
  }

 private:
  // The positions of a row that the same taps serve: all of them, or every other one.
  struct Strand {
    Axis columns = {};
    Index taps = 0, weights = 0;  // of the kernel, and where its packed weights begin
    Index *offset = nullptr, *length = nullptr, *tap = nullptr, *place = nullptr;
    Runs runs = {};
  };
  static constexpr int kStrands = 2;

  // What both strands read of a row is one band: an axis with the taps of both, as many positions as
  // the first has, which is the longer one if either is.
  void join_columns(Index *&memory) {
    Axis &columns = pass_.axis[2];
    Index *tap = memory, *offset = memory + columns.taps, n = 0;
    memory = offset + columns.taps;
    for (const Strand &strand : strand_)
      for (Index t = 0; t < strand.columns.taps; ++t, ++n)
        tap[n] = strand.columns.tap[t], offset[n] = strand.columns.offset[t];
    columns.tap = tap, columns.offset = offset;
  }

  // Taps whose rows follow each other without a gap share what is loaded: the shortest such run.
  Index shortest_run() const {
    const Axis &rows = pass_.axis[1];
    Index shortest = rows.taps;
    for (Index g = 0; g < band_.row.count; ++g) {
      Index length = 0, last = 0;
      for (Index t = 0; t < rows.taps; ++t) {
        if (band_.row.grid[t] != g) continue;
        if (length && band_.row.shift[t] != last + 1) return 1;
        last = band_.row.shift[t];
        ++length;
      }
      shortest = least(shortest, length);
    }
    return shortest;
  }

  bool pays_by_channels() const {
    const Axis &columns = pass_.axis[2];
    if (!fills_vectors<T>(plan_.destinations) || columns.step > kMostStep) return false;
    // Cycles of a vector of results, either way: its products, its share in copying rows of the
    // source (30 and more for each, twice that to separate its residues), and in writing it.
    const double products = double(plan_.sources) * taps_;
    const double per_row = 16.0 / (double(columns.count) * taps_ * plan_.destinations);
    const double copying = (30 + columns.count / 4.0) * per_row;
    Index first = columns.offset[0], last = first;
    for (Index t = 1; t < columns.taps; ++t)
      first = least(first, columns.offset[t]), last = most(last, columns.offset[t]);
    const double pitch = columns.count + divide_up(last - first, columns.step);
    const double along = products * pitch / columns.count * (1 + columns.step * copying) + 4;
    const double across = products * (1 + (reads_inside(pass_) ? 0 : copying)) +
                          10 * strands_ + (columns.spacing > strands_ ? 16 : 0);
    return across < along;
  }

  // The tile that multiplies and loads least, for each of a row's positions.
  void choose_channel_tile() {
    const Index columns = pass_.axis[2].count;
    const Index vectors = divide_up(plan_.destinations, lanes<T>);
    Index best = 0;
    for (Index v = 1; v <= least(kVectors, vectors); ++v) {
      const Index tiles = divide_up(columns, least(kMostPositions, kChannelSums / v));
      const Index m = divide_up(columns, tiles), blocks = divide_up(vectors, v);
      const Index cost = tiles * blocks * (4 * most(m * v, m + v) + m + v);
      if (!best || cost < best) best = cost, vectors_ = v, blocks_ = blocks;
    }
    vectors_ = divide_up(vectors, blocks_);
    rows_ = 1;
    const Index positions = kStripBytes / (vectors_ * DXDW_VECTOR_BYTES);
    strip_ = least(positions, pass_.axis[1].count * columns);
    chunk_ = kWeightBytes / (taps_ * vectors_ * DXDW_VECTOR_BYTES);
    chunk_ = most<Index>(1, divide_up(plan_.sources, divide_up(plan_.sources, most<Index>(1, chunk_))));
  }

  void choose_tile() {
    if (by_channels_) return choose_channel_tile();
    const Index D = plan_.destinations, columns = pass_.axis[2].count;
    rows_ = least(least(D <= 3 ? most_rows(D) : 1, shortest_run()), pass_.axis[1].count);
    Index widest;
    if (rows_ > 1) {
      widest = D;
    } else {
      const Index vectors =
          divide_up((pass_.axis[1].count - 1) * band_.pitch + columns, lanes<T>);
      const Index half = kAccumulators / most<Index>(1, kVectors / 2);
      const Index three = kAccumulators / 3;
      if (vectors <= kVectors / 2 && D > kAccumulators / kVectors)
        widest = least(half, kMostChannels);
      else if (kVectors > 3 && D % three == 0)
        widest = three;  // an even split, which 6 would not give
      else
        widest = kAccumulators / kVectors;
    }
    blocks_ = divide_up(D, widest);
    vectors_ = least(kVectors, kAccumulators / (divide_up(D, blocks_) * rows_));
  }

  void choose_bands() {
    const Index rows = pass_.axis[1].count;
    const Index row_bytes = plan_.sources * band_.elements_of_row() * Index(sizeof(T));
    const Index images = pass_.batch * plan_.groups * pass_.axis[0].count;
    Index height = (kBandBytes / row_bytes - band_.halo() - 1) / row_step_ + 1;
    // A halo is copied again for every band: not more than the band itself.
    height = most(height, most(rows_, band_.halo()));
    // Enough pieces, while each has enough to do.
    const Index wanted = least(kPieces, flops() / kPieceFlops);
    if (images * divide_up(rows, height) < wanted)
      height = least(height, most(divide_up(rows, divide_up(wanted, images)),
                                  most(rows_, 2 * band_.halo())));
    height = least(most<Index>(height, 1), rows);
    bands_ = most<Index>(1, least(divide_up(rows, height), rows / rows_));
    height_ = divide_up(rows, bands_);
    band_.set_height(rows_of_band(height_));
    const Index pieces = images * bands_;
    splits_ = pieces < wanted ? least(blocks_, divide_up(wanted, pieces)) : 1;
  }

  Index rows_of_band(Index count) const { return (count - 1) * row_step_ + 1; }

  // Where a strand's taps are, from column tap `first` on.
  void list_runs(Strand &strand, Index first) {
    Index run = 0, k = 0;
    const Axis *axis = pass_.axis;
    const Index end = first + strand.columns.taps;
    auto tap = [&](Index d, Index h, Index w) {
      strand.tap[k++] = plan_.weight_tap(axis[0].tap[d], axis[1].tap[h], axis[2].tap[w]);
    };
    for (Index d = 0; d < axis[0].taps; ++d) {
      if (rows_ == 1) {
        for (Index h = 0; h < axis[1].taps; ++h)
          for (Index w = first; w < end; ++w, ++run) {
            strand.offset[run] =
                in_place_ ? offset_in_place(pass_, d, h, w) : band_.offset(d, h, w);
            strand.length[run] = 1;
            tap(d, h, w);
          }
        continue;
      }
      for (Index grid = 0; grid < band_.row.count; ++grid)
        for (Index w = first; w < end; ++w, ++run) {
          strand.length[run] = 0;
          for (Index h = 0; h < axis[1].taps; ++h) {
            if (band_.row.grid[h] != grid) continue;
            if (!strand.length[run]++) strand.offset[run] = band_.offset(d, h, w);
            tap(d, h, w);
          }
        }
    }
    for (Index i = 0; i < plan_.taps; ++i) strand.place[i] = -1;
    for (Index i = 0; i < strand.taps; ++i) strand.place[strand.tap[i]] = i;
    strand.runs = {plan_.sources, channel_, run, strand.offset, strand.length, band_.pitch};
  }

  // The first channel of a block: of whole vectors, where these run along channels.
  Index block_start(Index block) const {
    if (!by_channels_) return block * plan_.destinations / blocks_;
    return block * divide_up(plan_.destinations, lanes<T>) / blocks_ * lanes<T>;
  }

  bool pack_all(const T *weights, const Team &team) {
    const Index blocks = plan_.groups * blocks_;
    const Index together = most<Index>(1, divide_up(blocks, 4 * kPieces));
    const T *end = weights + plan_.groups * plan_.weights_of_group();
    return parallel_for(team, divide_up(blocks, together), [&](Index chunk, int) {
      for (Index i = chunk * together; i < least(blocks, (chunk + 1) * together); ++i) {
        const Index group = i / blocks_, block = i % blocks_, start = block_start(block);
        const T *from = weights + group * plan_.weights_of_group() + start * plan_.weight_destination;
        for (const Strand &strand : strand_)
          if (strand.taps)
            pack_block(from, end, strand, block_start(block + 1) - start,
                       packed_ + group * weights_of_group_ + strand.weights +
                           start * plan_.sources * strand.taps);
      }
    });
  }

  // The weights of a strand, M destination channels of them, from `start` on.
  void pack_block(const T *from, const T *end, const Strand &strand, Index M, T *to) const {
    const Index ld = plan_.weight_destination;
    for (Index c = 0; c < plan_.sources; ++c, from += plan_.weight_source, to += strand.taps * M) {
      if (by_channels_) {
        const Index D = least(M, (end - from + ld - plan_.taps) / ld);
        pack_taps(from, ld, D, strand.place, plan_.taps, to, M, end - from - (D - 1) * ld - plan_.taps);
        continue;
      }
      T *line = to;
      for (Index k = 0; k < strand.taps; ++k)
        for (Index m = 0; m < M; ++m) *line++ = from[m * ld + strand.tap[k]];
    }
  }

  // Destination rows [first, first + count) at one depth, of channel blocks [block, last_block).
  void piece(Index image, Index group, Index depth, Index first, Index count, Index block,
             Index last_block, int slot) {
    T *band = slots_ + slot * slot_elements_;
    const T *x = source_ + image * pass_.source.image + group * pass_.source.group;
    const T *shifted = band;
    if (in_place_)
      shifted = x + depth * pass_.axis[0].step * pass_.source.depth + first * pitch_;
    else
      for (Index c = 0; c < plan_.sources; ++c)
        band_.copy_channel(x + c * pass_.source.channel, depth, first * row_step_,
                           rows_of_band(count), band + c * band_.channel);
    const Axis *axis = pass_.axis;
    const Strides &to = pass_.destination;
    T *out = destination_ + image * to.image + group * to.group +
             (axis[0].start + depth * axis[0].spacing) * to.depth +
             (axis[1].start + first * axis[1].spacing) * to.row + axis[2].start;
    for (; block < last_block; ++block) {
      const Index start = block_start(block), M = block_start(block + 1) - start;
      const T *w[kStrands];
      for (int i = 0; i < kStrands; ++i)
        w[i] = packed_ + group * weights_of_group_ + strand_[i].weights +
               start * plan_.sources * strand_[i].taps;
      T *block_out = out + start * to.channel, *sums = band + band_elements_;
      if (by_channels_)
        channel_tiles(shifted, w, block_out, M, least(M, plan_.destinations - start), count, sums);
      else if (rows_ > 1)
        rows_of_tiles(band, w, block_out, M, count, sums);
      else
        flat_tiles(band, w, block_out, M, count, sums);
    }
  }

  // Tiles along channels: ld of them, of which D are there.
  void channel_tiles(const T *x, const T *const *w, T *out, Index ld, Index D, Index count,
                     T *sums) const {
    const Axis *axis = pass_.axis;
    const Index spacing = axis[2].spacing, channel = pass_.destination.channel;
    const Index row = axis[1].spacing * pass_.destination.row;
    each_run(count, axis[2].count, strip_, [&](Index r, Index rows, Index q, Index columns) {
      const T *from = x + r * pitch_ + q * axis[2].step;
      for (int i = 0; i < strands_; ++i)
        strip(strand_[i], from, w[i], ld, rows, columns, sums + i * strand_elements_);
      T *to = out + r * row + q * spacing;
      const bool dense = spacing == 1 && row == columns;
      const Index lines = dense ? 1 : rows, length = dense ? rows * columns : columns;
      for (Index i = 0; i < lines; ++i, to += row) {
        const T *line = sums + i * columns * ld;
        if (strands_ > 1)
          weave_transposed(line, line + strand_elements_, ld, length, in_second(q, columns), D, to,
                           channel);
        else
          write_transposed(line, ld, length, D, to, channel, spacing);
      }
    });
  }

  // The sums of a strand at whole rows, or at a part of one.
  void strip(const Strand &strand, const T *x, const T *w, Index ld, Index rows, Index columns,
             T *sums) const {
    const Index V = ld / lanes<T>, step = pass_.axis[2].step;
    const Index tiles = divide_up(columns, least(kMostPositions, kChannelSums / V));
    for (Index c = 0; c < plan_.sources; c += chunk_) {
      const Index channels = least(chunk_, plan_.sources - c);
      for (Index r = 0; r < rows; ++r)
        for (Index t = 0; t < tiles; ++t) {
          const Index start = t * columns / tiles, M = (t + 1) * columns / tiles - start;
          channel_gather_tiles<T>.of[M][V][step](
              x + c * channel_ + r * pitch_ + start * step, channels, channel_, strand.offset,
              strand.taps, w + c * strand.taps * ld, sums + (r * columns + start) * ld, ld, c > 0);
        }
    }
  }

  // Tiles along the positions of the band, over the ends of rows.
  void flat_tiles(const T *band, const T *const *w, T *out, Index M, Index count,
                  T *spare) const {
    const Index columns = pass_.axis[2].count, pitch = band_.pitch;
    const Index row_step = pass_.axis[1].spacing * pass_.destination.row;
    const Index spacing = pass_.axis[2].spacing, channel = pass_.destination.channel;
    const Index end = (count - 1) * pitch + columns;
    Index row = 0, column = 0;
    for (Index s = 0; s < end;) {
      const Index V = least(vectors_, divide_up(end - s, lanes<T>)), width = V * lanes<T>;
      const Tile<T> tile = tiles<T>.of[M][1][V];
      if (spacing == 1 && column + width <= columns) {
        tile(band + s, strand_[0].runs, w[0], out + row * row_step + column, channel, 0);
      } else {
        for (int i = 0; i < strands_; ++i)
          tile(band + s, strand_[i].runs, w[i], spare + i * strand_elements_, width, 0);
        Index r = row, q = column;
        for (Index i = 0; i < width && r < count;) {
          const Index n = least(width - i, columns - q);
          if (n > 0)
            write(out + r * row_step + q * spacing, spare + i, width, M, q, n);
          i += pitch - q, q = 0, ++r;
        }
      }
      s += width, column += width;
      while (column >= pitch) column -= pitch, ++row;
    }
  }

  // Tiles of several rows, each within its rows.
  void rows_of_tiles(const T *band, const T *const *w, T *out, Index M, Index count,
                     T *spare) const {
    const Index columns = pass_.axis[2].count, pitch = band_.pitch;
    const Index row_step = pass_.axis[1].spacing * pass_.destination.row;
    const Index spacing = pass_.axis[2].spacing, channel = pass_.destination.channel;
    for (Index first = 0; first < count; first += rows_) {
      // The last rows are computed anew with those before them: the tile is of one height.
      const Index r = least(first, count - rows_);
      for (Index q = 0; q < columns;) {
        const Index V = least(vectors_, divide_up(columns - q, lanes<T>)), width = V * lanes<T>;
        const Tile<T> tile = tiles<T>.of[M][rows_][V];
        const T *x = band + r * pitch + q;
        T *corner = out + r * row_step + q * spacing;
        if (spacing == 1 && q + width <= columns) {
          tile(x, strand_[0].runs, w[0], corner, channel, row_step);
        } else {
          for (int i = 0; i < strands_; ++i)
            tile(x, strand_[i].runs, w[i], spare + i * strand_elements_, width, M * width);
          const Index n = least(width, columns - q);
          for (Index i = 0; i < rows_; ++i)
            write(corner + i * row_step, spare + i * M * width, width, M, q, n);
        }
        q += width;
      }
    }
  }

  // Of the positions [q, q + n) of the first strand, those that the second has too.
  Index in_second(Index q, Index n) const { return least(n, strand_[1].columns.count - q); }

  // Writes n results of a row, from the first strand's position q on, of M channels.
  void write(T *to, const T *from, Index ld, Index M, Index q, Index n) const {
    const Index spacing = pass_.axis[2].spacing, channel = pass_.destination.channel;
    if (spacing == 1)
      for (Index m = 0; m < M; ++m) copy(to + m * channel, from + m * ld, n);
    else if (strands_ > 1)
      for (Index m = 0; m < M; ++m)
        weave(from + m * ld, from + strand_elements_ + m * ld, n, in_second(q, n), to + m * channel);
    else
      for (Index m = 0; m < M; ++m)
        for (Index i = 0; i < n; ++i) to[m * channel + i * spacing] = from[m * ld + i];
  }

  const Plan &plan_;
  Pass pass_;
  Workspace tables_;
  Band band_;
  int strands_;
  Strand strand_[kStrands];
  bool by_channels_ = false, in_place_ = false;
  Index channel_ = 0, pitch_ = 0, strand_elements_ = 0;
  Index height_ = 1, row_step_ = 1, strip_ = 1, chunk_ = 1;
  Index taps_ = 0, rows_ = 1, vectors_ = 1, blocks_ = 1, bands_ = 1, splits_ = 1;
  Index weights_of_group_ = 0, band_elements_ = 0, slot_elements_ = 0;
  T *packed_ = nullptr, *slots_ = nullptr, *destination_ = nullptr;
  const T *source_ = nullptr;
};

template <class T>
bool all_finite(const T *values, Index n) {
  Vector<T> zeros = {};
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) zeros += load(values + i) * T(0);
  T zero = sum_of_lanes<T>(zeros);
  for (; i < n; ++i) zero += values[i] * T(0);
  return zero == T(0);
}

// All phases, those that share rows together.
template <class T, class F>
void each_pass(const Plan &plan, const F &fn) {
  const Index *words = plan.first_phase;
  for (Index i = 0; i < plan.phases; ++i) {
    const Phase phase = read_phase(words);
    const Index *after = words;
    Phase next;
    const bool woven = phase.axis[2].spacing == 2 && i + 1 < plan.phases;
    if (woven) next = read_phase(after);
    if (woven && next.axis[0].start == phase.axis[0].start &&
        next.axis[1].start == phase.axis[1].start) {
      Gather<T> pass(plan, phase, &next);
      fn(pass);
      words = after, ++i;
    } else {
      Gather<T> pass(plan, phase);
      fn(pass);
    }
  }
}

template <class T>
int gather(const Plan &plan, const T *source, const T *weights, T *destination, const Team &team) {
  // Beyond the edges of grad_out dx has no products, where a band has zeros: a W that is not finite
  // would show them.
  if (plan.kind == kInputGradient && !all_finite(weights, plan.groups * plan.weights_of_group()))
    return DXDW_DECLINED;
  Index reached = 0;
  const Index *words = plan.first_phase;
  for (Index i = 0; i < plan.phases; ++i) {
    const Phase phase = read_phase(words);
    reached += phase.axis[0].count * phase.axis[1].count * phase.axis[2].count;
  }
  const Index of_image = plan.destinations * plan.destination_plane();
  if (reached < plan.destination_plane() &&  // no window reaches the others
      !parallel_for(team, plan.batch * plan.groups, [&](Index image, int) {
        memset(destination + image * of_image, 0, of_image * sizeof(T));
      }))
    return DXDW_CANCELLED;
  int status = DXDW_DONE;
  each_pass<T>(plan, [&](Gather<T> &pass) {
    if (status == DXDW_DONE)
      status = pass.prepare() ? pass.run(source, weights, destination, team) : DXDW_NO_MEMORY;
  });
  return status;
}

template <class T>
Index gather_bytes(const Plan &plan, int threads) {
  Index bytes = 0;
  each_pass<T>(plan, [&](Gather<T> &pass) {
    if (pass.prepare()) bytes = most(bytes, pass.bytes(threads));
  });
  return bytes;
}

}  // namespace
}  // namespace dxdw
