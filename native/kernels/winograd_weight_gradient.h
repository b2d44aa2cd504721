// dW of 3×3 kernels by Winograd's F(3×3, 4×4): a 4×4 tile of grad_out is the kernel that slides over
// a 6×6 tile of x; of 5×5 kernels by F(5×5, 2×2). Products are summed over all tiles between the
// transforms, and only the sum is transformed back.
//
//   sum[f][c][o] = Σ_tiles x[f][tile][c] · g[f][tile][o]
//
// Two ways round the memory:
//
// - Where all frequencies fit the scratch memory, they are held, and each block of channels is
//   multiplied and transformed back by itself. Where those of x alone fit beside some of grad_out's
//   channels, its channels come in parts.
// - Else, and where the sums of all frequencies are small, the tiles are split into chunks, each with
//   sums of its own, which a group of rows of tiles at a time is added to. Small sums leave room for a
//   group in the L2, and there are many chunks, each a thread's; else there are few.
#pragma once
#include "kernels/weight_gradient.h"
#include "kernels/winograd_gather.h"

namespace dxdw {
namespace {

// Tiles that a register sums before it adds to memory.
constexpr Index kRunOfTiles = 128;
// Bytes of all chunks' sums, and how many chunks there are at the most where sums are not small.
constexpr Index kChunksSumBytes = 3 << 20, kFewChunks = 4;
// Scratch memory beside as much as the tensors take.
constexpr Index kWinogradBytes = 7 << 20;

template <class T>
class WinogradWeightGradient {
 public:
  static constexpr Kind kKind = kWeightGradient;

  DXDW_PLANS WinogradWeightGradient(const Plan &plan, const Phase &phase)
      : plan_(plan), phase_(phase), pass_(pass_of(plan, phase)), grad_pass_(pass_),
        down_(pass_.axis[1], side_of(plan)), across_(pass_.axis[2], side_of(plan)) {
    // grad_out is read as a source of its own.
    grad_pass_.source = pass_.destination;
    for (int a = 0; a < 3; ++a) grad_pass_.source_size[a] = pass_.axis[a].count;
    const Index C = plan.sources, O = plan.destinations;
    tile_rows_ = plan.batch * down_.tiles;
    x_ld_ = leading(round_up(C, lanes<T>)), o_padded_ = round_up(O, lanes<T>);
    o_blocks_ = divide_up(o_padded_ / lanes<T>, kVectors);
    block_vectors_ = divide_up(o_padded_ / lanes<T>, o_blocks_);
    block_ = block_vectors_ * lanes<T>;
    o_blocks_ = divide_up(o_padded_, block_);
    c_blocks_ = most(divide_up(C, Index(64)), least(divide_up(8, o_blocks_), divide_up(C, 8)));
    c_block_ = divide_up(C, c_blocks_);
    choose_way();

    x_frequency_ = stride(group_ * across_.tiles * x_ld_);
    g_frequency_ = stride(group_ * across_.tiles * g_ld_);
    sum_ld_ = held_ ? block_ : o_padded_;
    sum_frequency_ = stride((held_ ? c_block_ : C) * sum_ld_);
    const Index frequencies = kFrequencies * (x_frequency_ + g_frequency_);
    const Index sum = kFrequencies * sum_frequency_;
    strip_ = round_up(strip_elements<T>(across_), kAlignment / Index(sizeof(T)));
    back_ = lanes<T> * (c_block_ * plan.taps + 2 * lanes<T>) + (held_ ? sum : 0);
    sums_ = held_ ? 0 : chunks_ * sum, frequencies_ = frequencies;
  }

  DXDW_PLANS Index bytes(int threads) const {
    const Index of_tiles = (shared(threads) + threads * slot(threads)) * Index(sizeof(T)) + 2 * tile_rows_;
    Tables tables;
    WeightGradient<T> direct(plan_, phase_);
    return left_out().bytes(of_tiles, direct.prepare(tables) ? direct.bytes(threads) : 0);
  }

  // As in Gather, a run is a copy.
  int run(Source<T> grad_out, Source<T> x, T *dW, const Team &team) const {
    return WinogradWeightGradient(*this).run_own(grad_out, x, dW, team);
  }

 private:
  DXDW_PLANS int run_own(Source<T> grad_out, Source<T> x, T *dW, const Team &team) {
    slot_ = slot(team.threads);
    Workspace memory, listed;
    const Index at_shared = memory.reserve<T>(shared(team.threads));
    const Index at_slots = memory.reserve<T>(slot_ * team.threads);
    const Index at_flags = memory.reserve<char>(2 * tile_rows_);
    const Index at_parts = listed.reserve<Part>(left_out().most_parts());
    if (!memory.take() || !listed.take()) return DXDW_NO_MEMORY;
    T *found = memory.at<T>(at_shared);
    slots_ = memory.at<T>(at_slots), unfit_ = memory.at<char>(at_flags);
    grad_out_ = grad_out, x_ = x, dW_ = dW;
    unclear_ = unfit_ + tile_rows_;
    memset(unfit_, 0, 2 * tile_rows_);
    if (!(held_ ? with_all_held(found, team) : in_chunks(found, team))) return DXDW_CANCELLED;

    Part *parts = listed.at<Part>(at_parts);
    const Index unfit = left_out().list(unfit_, parts);
    if (!unfit) return DXDW_DONE;
    memory.give_back();
    Tables tables;
    WeightGradient<T> direct(plan_, phase_);
    if (!direct.prepare(tables)) return DXDW_NO_MEMORY;
    return direct.run(grad_out, x, dW, team, parts, unfit);
  }

  LeftOut left_out() const { return {down_, tile_rows_}; }
  bool many_chunks() const { return chunks_ >= Tuning::pieces / 2; }

  // Whether a chunk is one thread's work. Otherwise all share each of its groups, of which one core then
  // multiplies what another has transformed: 64 channels at 56² took two threads 1.2 times as long.
  bool chunks_apart(int threads) const {
    return !held_ && (many_chunks() || chunks_ % threads == 0);
  }

  // Elements in the memory that all threads see, and in a thread's own, where a chunk's frequencies lie
  // behind the strip: elsewhere they took up to 1.1 times as long.
  Index shared(int threads) const { return sums_ + (chunks_apart(threads) ? 0 : frequencies_); }
  Index slot(int threads) const {
    const Index own = strip_ + (chunks_apart(threads) ? frequencies_ : 0);
    return round_up(most(own, back_), kAlignment / Index(sizeof(T)));
  }

  DXDW_PLANS void choose_way() {
    const Index C = plan_.sources, O = plan_.destinations, size = sizeof(T);
    const Index tensors = plan_.batch * (C * plan_.source_plane() + O * plan_.destination_plane()) +
                          plan_.weights_of_group();
    const Index budget = (tensors * size + kWinogradBytes) / size;
    const Index of_x = kFrequencies * across_.tiles * x_ld_;  // a row's
    const Index of_g = kFrequencies * across_.tiles * leading(o_padded_);
    const Index of_block = kFrequencies * stride(c_block_ * block_);
    const Index of_sums = kFrequencies * stride(C * o_padded_);
    part_ = o_padded_, g_ld_ = leading(part_), parts_ = 1;

    group_ = most<Index>(1, nominal().chunk / ((of_x + of_g) * size));
    chunks_ = least(least(Tuning::pieces, kChunksSumBytes / (of_sums * size)), tile_rows_ / group_);
    held_ = false;
    if (of_sums * size <= nominal().chunk_sums && many_chunks()) {
      group_ = without_small_rest();
      return;
    }

    group_ = tile_rows_;
    held_ = true;
    if (tile_rows_ * (of_x + of_g) + 2 * of_block <= budget) return;
    held_ = false;  // groups of 8 rows at the least: smaller ones lose to the direct kernel
    group_ = least(tile_rows_, most<Index>(8, least(budget - of_sums, nominal().group / size) /
                                                  (of_x + of_g)));
    for (chunks_ = kFewChunks; chunks_; chunks_ /= 2)
      if (chunks_ * (of_sums + group_ * (of_x + of_g)) <= budget &&
          (chunks_ == 1 || (chunks_ * of_sums * size <= kChunksSumBytes &&
                            tile_rows_ >= 2 * chunks_ * group_))) {
        group_ = without_small_rest();
        return;
      }
    chunks_ = 1;
    // Where that does not fit either, bytes() says so and the plan goes on to the direct kernel.
    for (Index parts = 2; parts <= o_blocks_; ++parts) {
      const Index width = divide_up(o_blocks_, parts) * block_;
      const Index of_part = kFrequencies * across_.tiles * leading(width);
      if (tile_rows_ * (of_x + of_part) + 2 * of_block > budget) continue;
      held_ = true, group_ = tile_rows_;
      parts_ = parts, part_ = width, g_ld_ = leading(width);
      return;
    }
  }

  // About as many rows of a chunk at a time.
  DXDW_PLANS Index without_small_rest() const {
    const Index rows = divide_up(tile_rows_, chunks_);
    return divide_up(rows, most<Index>(1, (rows + group_ / 2) / group_));
  }

  // Where a group's frequencies are.
  struct Group {
    T *x, *g;
  };
  Group group_at(T *memory) const { return {memory, memory + kFrequencies * x_frequency_}; }

  bool in_chunks(T *memory, const Team &team) {
    const Index sum = kFrequencies * sum_frequency_;
    T *const sums = memory;
    if (chunks_apart(team.threads)) {
      const Team one{1, team.cancelled};
      if (!parallel_for(team, chunks_, [&](Index chunk, int slot) {
            add_chunk(chunk, group_at(slots_ + slot * slot_ + strip_), sums + chunk * sum, slot, one);
          }))
        return false;
    } else {
      for (Index chunk = 0; chunk < chunks_; ++chunk)
        if (!add_chunk(chunk, group_at(memory + sums_), sums + chunk * sum, 0, team)) return false;
    }
    return parallel_for(team, kFrequencies,
                        [&](Index f, int) {
                          add_in_pairs(sums + f * sum_frequency_, chunks_, sum,
                                       plan_.sources * o_padded_);
                        }) &&
           finish_all(sums, team);
  }

  // The first thread of the team has the slot.
  bool add_chunk(Index chunk, const Group &at, T *sums, int slot, const Team &team) {
    const Index begin = chunk * tile_rows_ / chunks_, end = (chunk + 1) * tile_rows_ / chunks_;
    // Small sums are one thread's work and stay near: all channels at once, 1.1 times as fast.
    const Index blocks = many_chunks() ? 1 : c_blocks_, C = plan_.sources;
    for (Index first = begin; first < end; first += group_) {
      const Index rows = least(group_, end - first);
      if (!parallel_for(team, rows, [&](Index row, int own) {
            transform(first + row, row, at, 0, true, slots_ + (slot + own) * slot_, team);
          }))
        return false;
      if (!parallel_for(team, kFrequencies * blocks, [&](Index i, int) {
            const int f = int(i / blocks);
            const Index c = i % blocks * C / blocks, height = (i % blocks + 1) * C / blocks - c;
            for (Index block = 0; block < o_blocks_; ++block)
              multiply(at, f, c, height, block, block * block_, rows * across_.tiles,
                       sums + f * sum_frequency_ + c * sum_ld_ + block * block_, first > begin, team);
          }))
        return false;
    }
    return true;
  }

  bool with_all_held(T *frequencies, const Team &team) {
    const Group at = group_at(frequencies);
    for (Index part = 0; part < parts_;) {
      const Index start = part * o_blocks_ / parts_, end = (part + 1) * o_blocks_ / parts_;
      const Index unfit = part ? count_unfit() : 0;
      if (!parallel_for(team, tile_rows_, [&](Index row, int slot) {
            transform(row, row, at, start * block_, !part, slots_ + slot * slot_, team);
          }))
        return false;
      if (part && count_unfit() > unfit) {  // they stand in the parts before, which are made anew
        part = 0;
        continue;
      }
      const Index blocks = end - start;
      if (!parallel_for(team, blocks * c_blocks_, [&](Index i, int slot) {
            T *sum = slots_ + slot * slot_, *back = sum + kFrequencies * sum_frequency_;
            const Index block = i % blocks, c = c_start(i / blocks);
            const Index height = c_start(i / blocks + 1) - c;
            for (int f = 0; f < kFrequencies; ++f)
              multiply(at, f, c, height, start + block, block * block_, tile_rows_ * across_.tiles,
                       sum + f * sum_frequency_, false, team);
            finish(sum, c, height, start + block, back);
          }))
        return false;
      ++part;
    }
    return true;
  }

  bool finish_all(const T *sums, const Team &team) {
    return parallel_for(team, c_blocks_ * o_blocks_, [&](Index i, int slot) {
      const Index block = i % o_blocks_, c = c_start(i / o_blocks_);
      finish(sums + c * sum_ld_ + block * block_, c, c_start(i / o_blocks_ + 1) - c, block,
             slots_ + slot * slot_);
    });
  }

  Index count_unfit() const {
    Index n = 0;
    for (Index i = 0; i < tile_rows_; ++i) n += unfit_[i];
    return n;
  }

  static Index stride(Index elements) { return elements + kAlignment / Index(sizeof(T)); }
  // Elements from a tile to the next. Multiples of 2 KiB would put all on two sets of the L1: 1.6
  // times as long for 256 channels in float64.
  static Index leading(Index elements) {
    return elements * Index(sizeof(T)) % 2048 ? elements : stride(elements);
  }
  Index c_start(Index block) const { return block * plan_.sources / c_blocks_; }

  // A row of tiles, to row i of a group: of grad_out's channels from o on, and of x where it is not
  // there yet. One that is left to the direct kernel counts as zeros here.
  void transform(Index row, Index i, const Group &at, Index o, bool with_x, T *strip,
                 const Team &team) {
    const Index image = row / down_.tiles, tile = row % down_.tiles, top = down_.start(tile);
    const Index rows = down_.destinations(tile);
    T *x = at.x + i * across_.tiles * x_ld_, *g = at.g + i * across_.tiles * g_ld_;
    const TileRow of_x = {image, top + down_.offset, across_.offset, down_.dilation, rows};
    const TileRow of_g = {image, top, 0, down_.dilation, rows};
    const Source<T> grad_out = grad_out_ + o * grad_pass_.source.channel;
    const Index channels = least(part_, plan_.destinations - o);
    const auto transformed = [&] {
      const Sight of_grad_out =
          transform_row(Reader::kTapsOfGradOut, across_.side, grad_pass_, grad_out, channels, of_g,
                        across_, g, g_frequency_, g_ld_, strip, team);
      if (of_grad_out == Sight::kUnfit) return false;
      if (with_x) {
        const Sight own = transform_row(Reader::kTapsOfX, kPoints, pass_, x_, plan_.sources, of_x,
                                        across_, x, x_frequency_, x_ld_, strip, team);
        if (own == Sight::kUnfit) return false;
        unclear_[row] = own == Sight::kUnclear;
      }
      if (of_grad_out == Sight::kFit && !unclear_[row]) return true;
      const PlaceSums<T> of(pass_, x_, plan_.sources, of_x, across_, kPoints, strip);
      const PlaceSums<T> beside(grad_pass_, grad_out, channels, of_g, across_, across_.side, of.end());
      return taps_fit(of, beside, across_);
    };
    const bool fit = !unfit_[row] && transformed();
    unfit_[row] = !fit;
    if (fit) return;
    for (int f = 0; f < kFrequencies; ++f) {
      memset(x + f * x_frequency_, 0, across_.tiles * x_ld_ * sizeof(T));
      memset(g + f * g_frequency_, 0, across_.tiles * g_ld_ * sizeof(T));
    }
  }

  // The output block's channels of grad_out begin at g + o.
  void multiply(const Group &at, int f, Index c, Index height, Index block, Index o, Index tiles,
                T *sum, bool add, const Team &team) const {
    const Index vectors = least(block_vectors_, (o_padded_ - block * block_) / lanes<T>);
    for (Index k = 0; k < tiles && !cancelled(team); k += kRunOfTiles)
      product(at.x + f * x_frequency_ + k * x_ld_ + c, height, Index(1), x_ld_,
              at.g + f * g_frequency_ + k * g_ld_ + o, g_ld_, vectors, least(kRunOfTiles, tiles - k),
              sum, sum_ld_, add || k);
  }

  // Sums of the channels [c, c + height) and an output block, to dW.
  void finish(const T *sum, Index c, Index height, Index block, T *back) const {
    if (across_.side == 4)
      finish_of<3>(sum, c, height, block, back);
    else
      finish_of<5>(sum, c, height, block, back);
  }

  template <int TapsOfAxis>
  void finish_of(const T *sum, Index c, Index height, Index block, T *back) const {
    constexpr int kTaps = TapsOfAxis * TapsOfAxis;
    const Index ld = c_block_ * kTaps + 2 * lanes<T>;
    const Index first = block * block_;
    for (Index v = 0; v < block_vectors_ && first + v * lanes<T> < plan_.destinations; ++v) {
      for (Index i = 0; i < height; ++i) {
        Vector<T> taps[kTaps + lanes<T>] = {};
        from_frequencies<T, TapsOfAxis>(
            sum + i * sum_ld_ + v * lanes<T>, sum_frequency_,
            [&](int h, int w, Vector<T> value) { taps[h * TapsOfAxis + w] = value; });
        // Whole vectors are stored; the next channel's overwrite what is too much.
        for (Index t = 0; t < kTaps; t += lanes<T>) {
          Vector<T> line[lanes<T>];
          for (Index k = 0; k < lanes<T>; ++k) line[k] = taps[t + k];
          transpose_block<T>(line);
          for (Index k = 0; k < lanes<T>; ++k) store(back + k * ld + i * kTaps + t, line[k]);
        }
      }
      const Index o = first + v * lanes<T>;
      for (Index k = 0; k < least(lanes<T>, plan_.destinations - o); ++k)
        memcpy(dW_ + (o + k) * plan_.weight_destination + c * plan_.weight_source, back + k * ld,
               height * kTaps * sizeof(T));
    }
  }

  const Plan &plan_;
  const Phase &phase_;
  Pass pass_, grad_pass_;
  TiledAxis down_, across_;
  bool held_;
  Index tile_rows_, group_, chunks_, parts_, x_ld_, o_padded_, c_blocks_, c_block_, o_blocks_;
  Index block_vectors_, block_, part_, g_ld_, x_frequency_, g_frequency_, sum_frequency_, sum_ld_;
  Index strip_, back_, sums_, frequencies_, slot_ = 0;
  T *slots_ = nullptr, *dW_ = nullptr;
  char *unfit_ = nullptr, *unclear_ = nullptr;  // of x
  Source<T> grad_out_, x_;
};

}  // namespace
}  // namespace dxdw
