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
  Gather(const Plan &plan, const Phase &phase)
      : plan_(plan), pass_(images_as_rows(plan, pass_of(plan, phase))) {}

  // Works out tables and sizes. False where there is no memory for the tables.
  bool prepare() {
    taps_ = pass_.axis[0].taps * pass_.axis[1].taps * pass_.axis[2].taps;
    by_channels_ = pays_by_channels();
    tables_.template reserve<Index>(Band::words(pass_) + 3 * taps_ + plan_.taps);
    if (!tables_.take()) return false;
    Index *memory = tables_.template at<Index>(0);
    row_step_ = by_channels_ ? pass_.axis[1].step : 1;
    band_ = Band(by_channels_ ? without_steps(pass_) : pass_, memory);
    offset_ = memory, length_ = offset_ + taps_, tap_ = length_ + taps_, place_ = tap_ + taps_;
    choose_tile();
    choose_bands();
    list_runs();
    in_place_ = by_channels_ && reads_inside(pass_);
    if (in_place_) use_in_place();
    const Index D = by_channels_ ? round_up(plan_.destinations, lanes<T>) : plan_.destinations;
    weights_of_group_ = plan_.sources * taps_ * D;
    band_elements_ = in_place_ ? 0 : plan_.sources * band_.channel + kVectors * lanes<T>;
    slot_elements_ = band_elements_ + (by_channels_ ? (strip_ + lanes<T>) * vectors_ * lanes<T>
                                                    : kAccumulators * lanes<T>);  // and one tile
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
    const double pitch = columns.count + (columns.reach() + columns.step - 1) / columns.step;
    const double along = products * pitch / columns.count * (1 + columns.step * copying) + 4;
    const double across = products * (1 + (reads_inside(pass_) ? 0 : copying)) + 10 +
                          (columns.spacing > 1 ? 16 : 0);
    return across < along;
  }

  void use_in_place() {
    const Axis *axis = pass_.axis;
    Index k = 0;
    for (Index d = 0; d < axis[0].taps; ++d)
      for (Index h = 0; h < axis[1].taps; ++h)
        for (Index w = 0; w < axis[2].taps; ++w)
          offset_[k++] = axis[0].offset[d] * pass_.source.depth +
                         axis[1].offset[h] * pass_.source.row + axis[2].offset[w];
    channel_ = pass_.source.channel, pitch_ = row_step_ * pass_.source.row;
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

  void list_runs() {
    Index run = 0, k = 0;
    const Axis *axis = pass_.axis;
    auto tap = [&](Index d, Index h, Index w) {
      tap_[k++] = plan_.weight_tap(axis[0].tap[d], axis[1].tap[h], axis[2].tap[w]);
    };
    for (Index d = 0; d < axis[0].taps; ++d) {
      if (rows_ == 1) {
        for (Index h = 0; h < axis[1].taps; ++h)
          for (Index w = 0; w < axis[2].taps; ++w, ++run) {
            offset_[run] = band_.offset(d, h, w), length_[run] = 1;
            tap(d, h, w);
          }
        continue;
      }
      for (Index grid = 0; grid < band_.row.count; ++grid)
        for (Index w = 0; w < axis[2].taps; ++w, ++run) {
          length_[run] = 0;
          for (Index h = 0; h < axis[1].taps; ++h) {
            if (band_.row.grid[h] != grid) continue;
            if (!length_[run]++) offset_[run] = band_.offset(d, h, w);
            tap(d, h, w);
          }
        }
    }
    for (Index i = 0; i < plan_.taps; ++i) place_[i] = -1;
    for (Index i = 0; i < taps_; ++i) place_[tap_[i]] = i;
    channel_ = band_.channel, pitch_ = row_step_ * band_.pitch;
    runs_ = {plan_.sources, band_.channel, run, offset_, length_, band_.pitch};
  }

  // The first channel of a block: of whole vectors, where these run along channels.
  Index block_start(Index block) const {
    if (!by_channels_) return block * plan_.destinations / blocks_;
    return block * divide_up(plan_.destinations, lanes<T>) / blocks_ * lanes<T>;
  }

  bool pack_all(const T *weights, const Team &team) {
    const Index blocks = plan_.groups * blocks_;
    const Index together = most<Index>(1, divide_up(blocks, 4 * kPieces));
    return parallel_for(team, divide_up(blocks, together), [&](Index chunk, int) {
      for (Index i = chunk * together; i < least(blocks, (chunk + 1) * together); ++i) {
        const Index group = i / blocks_, start = block_start(i % blocks_);
        const Index M = block_start(i % blocks_ + 1) - start;
        const T *from = weights + group * plan_.weights_of_group() + start * plan_.weight_destination;
        T *to = packed_ + group * weights_of_group_ + start * plan_.sources * taps_;
        if (by_channels_) {
          const T *end = weights + plan_.groups * plan_.weights_of_group();
          const Index D = least(M, plan_.destinations - start);
          for (Index c = 0; c < plan_.sources; ++c, from += plan_.weight_source)
            pack_taps(from, plan_.weight_destination, D, place_, plan_.taps, to + c * taps_ * M, M,
                      end - from - (D - 1) * plan_.weight_destination - plan_.taps);
          continue;
        }
        for (Index c = 0; c < plan_.sources; ++c, from += plan_.weight_source)
          for (Index k = 0; k < taps_; ++k)
            for (Index m = 0; m < M; ++m) *to++ = from[m * plan_.weight_destination + tap_[k]];
      }
    });
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
    const T *weights = packed_ + group * weights_of_group_;
    for (; block < last_block; ++block) {
      const Index start = block_start(block), M = block_start(block + 1) - start;
      const T *w = weights + start * plan_.sources * taps_;
      T *block_out = out + start * to.channel;
      if (by_channels_)
        channel_tiles(shifted, w, block_out, M, least(M, plan_.destinations - start), count,
                      band + band_elements_);
      else if (rows_ > 1)
        rows_of_tiles(band, w, block_out, M, count, band + band_elements_);
      else
        flat_tiles(band, w, block_out, M, count, band + band_elements_);
    }
  }

  // Tiles along channels: ld of them, of which D are there.
  void channel_tiles(const T *band, const T *w, T *out, Index ld, Index D, Index count,
                     T *sums) const {
    const Axis *axis = pass_.axis;
    const Index V = ld / lanes<T>, step = axis[2].step, pitch = pitch_;
    const Index row = axis[1].spacing * pass_.destination.row, spacing = axis[2].spacing;
    const Index widest = least(kMostPositions, kChannelSums / V);
    each_run(count, axis[2].count, strip_, [&](Index r, Index rows, Index q, Index columns) {
      const Index tiles = divide_up(columns, widest);
      for (Index c = 0; c < plan_.sources; c += chunk_) {
        const Index channels = least(chunk_, plan_.sources - c);
        for (Index i = 0; i < rows; ++i)
          for (Index t = 0; t < tiles; ++t) {
            const Index start = t * columns / tiles, M = (t + 1) * columns / tiles - start;
            channel_gather_tiles<T>.of[M][V][step](
                band + c * channel_ + (r + i) * pitch + (q + start) * step, channels,
                channel_, offset_, taps_, w + c * taps_ * ld,
                sums + (i * columns + start) * ld, ld, c > 0);
          }
      }
      T *to = out + r * row + q * spacing;
      if (spacing == 1 && row == columns)
        write_transposed(sums, ld, rows * columns, D, to, pass_.destination.channel, 1);
      else
        for (Index i = 0; i < rows; ++i)
          write_transposed(sums + i * columns * ld, ld, columns, D, to + i * row,
                           pass_.destination.channel, spacing);
    });
  }

  // Tiles along the positions of the band, over the ends of rows.
  void flat_tiles(const T *band, const T *w, T *out, Index M, Index count, T *spare) const {
    const Index columns = pass_.axis[2].count, pitch = band_.pitch;
    const Index row_step = pass_.axis[1].spacing * pass_.destination.row;
    const Index spacing = pass_.axis[2].spacing, channel = pass_.destination.channel;
    const Index end = (count - 1) * pitch + columns;
    Index row = 0, column = 0;
    for (Index s = 0; s < end;) {
      const Index V = least(vectors_, divide_up(end - s, lanes<T>)), width = V * lanes<T>;
      const Tile<T> tile = tiles<T>.of[M][1][V];
      if (spacing == 1 && column + width <= columns) {
        tile(band + s, runs_, w, out + row * row_step + column, channel, 0);
      } else {
        tile(band + s, runs_, w, spare, width, 0);
        Index r = row, q = column;
        for (Index i = 0; i < width && r < count;) {
          const Index n = least(width - i, columns - q);
          if (n > 0)
            for (Index m = 0; m < M; ++m)
              write(out + m * channel + r * row_step + q * spacing, spare + m * width + i, n,
                    spacing);
          i += pitch - q, q = 0, ++r;
        }
      }
      s += width, column += width;
      while (column >= pitch) column -= pitch, ++row;
    }
  }

  // Tiles of several rows, each within its rows.
  void rows_of_tiles(const T *band, const T *w, T *out, Index M, Index count, T *spare) const {
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
          tile(x, runs_, w, corner, channel, row_step);
        } else {
          tile(x, runs_, w, spare, width, M * width);
          const Index n = least(width, columns - q);
          for (Index i = 0; i < rows_; ++i)
            for (Index m = 0; m < M; ++m)
              write(corner + m * channel + i * row_step, spare + (i * M + m) * width, n, spacing);
        }
        q += width;
      }
    }
  }

  static void write(T *to, const T *from, Index n, Index spacing) {
    if (spacing == 1)
      copy(to, from, n);
    else
      for (Index i = 0; i < n; ++i) to[i * spacing] = from[i];
  }

  const Plan &plan_;
  Pass pass_;
  Workspace tables_;
  Band band_;
  Runs runs_ = {};
  Index *offset_ = nullptr, *length_ = nullptr, *tap_ = nullptr, *place_ = nullptr;
  bool by_channels_ = false, in_place_ = false;
  Index channel_ = 0, pitch_ = 0;
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

template <class T>
int gather(const Plan &plan, const T *source, const T *weights, T *destination, const Team &team) {
  // Beyond the edges of grad_out dx has no products, where a band has zeros: a W that is not finite
  // would show them.
  if (plan.kind == kInputGradient && !all_finite(weights, plan.groups * plan.weights_of_group()))
    return DXDW_DECLINED;
  Index covered = 0;
  const Index *words = plan.first_phase;
  for (Index i = 0; i < plan.phases; ++i) {
    const Phase phase = read_phase(words);
    covered += phase.axis[0].count * phase.axis[1].count * phase.axis[2].count;
  }
  if (covered < plan.destination_plane())  // no window reaches the others
    memset(destination, 0, plan.batch * plan.groups * plan.destinations *
                               plan.destination_plane() * sizeof(T));
  words = plan.first_phase;
  for (Index i = 0; i < plan.phases; ++i) {
    const Phase phase = read_phase(words);
    Gather<T> pass(plan, phase);
    if (!pass.prepare()) return DXDW_NO_MEMORY;
    if (const int status = pass.run(source, weights, destination, team)) return status;
  }
  return DXDW_DONE;
}

template <class T>
Index gather_bytes(const Plan &plan, int threads) {
  Index bytes = 0;
  const Index *words = plan.first_phase;
  for (Index i = 0; i < plan.phases; ++i) {
    const Phase phase = read_phase(words);
    Gather<T> pass(plan, phase);
    if (pass.prepare()) bytes = most(bytes, pass.bytes(threads));
  }
  return bytes;
}

}  // namespace
}  // namespace dxdw
