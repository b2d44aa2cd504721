// dW of 3×3 kernels by Winograd's F(3×3, 4×4): a 4×4 tile of grad_out is the kernel that slides over
// a 6×6 tile of x; of 5×5 kernels by F(5×5, 2×2). Products are summed over all tiles between the
// transforms, and only the sum is transformed back.
//
//   sum[f][c][o] = Σ_tiles x[f][tile][c] · g[f][tile][o]
//
// Tiles come in groups that fit the scratch memory: transformed together, multiplied together. One
// group needs no sums of all frequencies at once: each block of channels is finished by itself.
#pragma once
#include "weight_gradient.h"
#include "winograd_gather.h"

namespace dxdw {
namespace {

// Tiles that a register sums before it adds to memory.
constexpr Index kRunOfTiles = 128;
// Bytes of a group's frequencies, where there is more than one: well within the L3.
constexpr Index kGroupBytes = 4 << 20;
// Scratch memory beside as much as the tensors take.
constexpr Index kWinogradBytes = 7 << 20;

// Side: values of a tile of grad_out along an axis.
template <class T, int Side>
class WinogradWeightGradient {
  static constexpr int kTaps = beside(Side) * beside(Side);

 public:
  WinogradWeightGradient(const Plan &plan, const Phase &phase)
      : plan_(plan), phase_(phase), pass_(pass_of(plan, phase)), grad_pass_(pass_),
        down_(pass_.axis[1], Side), across_(pass_.axis[2], Side) {
    // grad_out is read as a source of its own.
    grad_pass_.source = pass_.destination;
    for (int a = 0; a < 3; ++a) grad_pass_.source_size[a] = pass_.axis[a].count;
    const Index C = plan.sources, O = plan.destinations;
    tile_rows_ = plan.batch * down_.tiles;
    c_padded_ = round_up(C, lanes<T>), o_padded_ = round_up(O, lanes<T>);
    o_blocks_ = divide_up(o_padded_ / lanes<T>, kVectors);
    block_vectors_ = divide_up(o_padded_ / lanes<T>, o_blocks_);
    o_blocks_ = divide_up(o_padded_ / lanes<T>, block_vectors_);
    c_blocks_ = most(divide_up(C, Index(64)), least(divide_up(8, o_blocks_), divide_up(C, 8)));
    c_block_ = divide_up(C, c_blocks_);

    const Index tensors = plan.batch * (C * plan.source_plane() + O * plan.destination_plane()) +
                          plan.weights_of_group();
    const Index budget = (tensors * Index(sizeof(T)) + kWinogradBytes) / Index(sizeof(T));
    const Index of_row = kFrequencies * across_.tiles * (c_padded_ + o_padded_);
    const Index of_block = kFrequencies * stride(c_block_ * block_vectors_ * lanes<T>);
    const Index of_sums = kFrequencies * stride(C * o_padded_);
    one_group_ = tile_rows_ * of_row + 2 * of_block <= budget;
    group_ = tile_rows_;
    // Smaller groups lose to the direct kernel: where they do not fit either, bytes() says so and
    // the plan goes on to that.
    if (!one_group_)
      group_ = least(tile_rows_, most<Index>(8, least(budget - of_sums,
                                                      kGroupBytes / Index(sizeof(T))) / of_row));
    x_frequency_ = stride(group_ * across_.tiles * c_padded_);
    g_frequency_ = stride(group_ * across_.tiles * o_padded_);
    sum_ld_ = one_group_ ? block_vectors_ * lanes<T> : o_padded_;
    sum_frequency_ = stride((one_group_ ? c_block_ : C) * sum_ld_);
    const Index strip = strip_elements<T>(across_);
    const Index back = lanes<T> * (c_block_ * kTaps + 2 * lanes<T>);
    slot_ = round_up(most(strip, back + (one_group_ ? kFrequencies * sum_frequency_ : 0)),
                     kAlignment / Index(sizeof(T)));
  }

  Index bytes(int threads) const {
    return (kFrequencies * (x_frequency_ + g_frequency_ + (one_group_ ? 0 : sum_frequency_)) +
            threads * slot_) * Index(sizeof(T)) + tile_rows_;
  }

  int run(const T *grad_out, const T *x, T *dW, const Team &team) {
    const LeftOut left_out = {down_, tile_rows_};
    Workspace memory;
    const Index at_x = memory.reserve<T>(kFrequencies * x_frequency_);
    const Index at_g = memory.reserve<T>(kFrequencies * g_frequency_);
    const Index at_sums = memory.reserve<T>(one_group_ ? 0 : kFrequencies * sum_frequency_);
    const Index at_slots = memory.reserve<T>(slot_ * team.threads);
    const Index at_flags = memory.reserve<char>(tile_rows_);
    const Index at_parts = memory.reserve<Part>(left_out.most_parts());
    if (!memory.take()) return DXDW_NO_MEMORY;
    x_at_ = memory.at<T>(at_x), g_at_ = memory.at<T>(at_g);
    slots_ = memory.at<T>(at_slots), unfit_ = memory.at<char>(at_flags);
    T *sums = memory.at<T>(at_sums);
    grad_out_ = grad_out, x_ = x, dW_ = dW;

    for (Index first = 0; first < tile_rows_; first += group_) {
      const Index rows = least(group_, tile_rows_ - first), tiles = rows * across_.tiles;
      if (!parallel_for(team, rows, [&](Index row, int slot) {
            transform(first, row, slots_ + slot * slot_);
          }))
        return DXDW_CANCELLED;
      const bool whole =
          one_group_ ? parallel_for(team, o_blocks_ * c_blocks_,
                                    [&](Index i, int slot) {
                                      const Index block = i % o_blocks_;
                                      T *sum = slots_ + slot * slot_;
                                      T *back = sum + kFrequencies * sum_frequency_;
                                      const Index c = c_start(i / o_blocks_);
                                      const Index height = c_start(i / o_blocks_ + 1) - c;
                                      for (int f = 0; f < kFrequencies; ++f)
                                        multiply(f, c, height, block, tiles,
                                                 sum + f * sum_frequency_, false);
                                      finish(sum, c, height, block, back);
                                    })
                     : parallel_for(team, kFrequencies * c_blocks_, [&](Index i, int) {
                         const int f = int(i / c_blocks_);
                         const Index c = c_start(i % c_blocks_), height = c_start(i % c_blocks_ + 1) - c;
                         for (Index block = 0; block < o_blocks_; ++block)
                           multiply(f, c, height, block, tiles,
                                    sums + f * sum_frequency_ + c * sum_ld_ +
                                        block * block_vectors_ * lanes<T>,
                                    first > 0);
                       });
      if (!whole) return DXDW_CANCELLED;
    }
    if (!one_group_ && !parallel_for(team, c_blocks_ * o_blocks_, [&](Index i, int slot) {
          const Index block = i % o_blocks_, c = c_start(i / o_blocks_);
          finish(sums + c * sum_ld_ + block * block_vectors_ * lanes<T>, c,
                 c_start(i / o_blocks_ + 1) - c, block, slots_ + slot * slot_);
        }))
      return DXDW_CANCELLED;

    Part *parts = memory.at<Part>(at_parts);
    const Index unfit = left_out.list(unfit_, parts);
    if (!unfit) return DXDW_DONE;
    WeightGradient<T> direct(plan_, phase_);
    if (!direct.prepare()) return DXDW_NO_MEMORY;
    return direct.run(grad_out, x, dW, team, parts, unfit);
  }

 private:
  static Index stride(Index elements) { return elements + kAlignment / Index(sizeof(T)); }
  Index c_start(Index block) const { return block * plan_.sources / c_blocks_; }

  // A row of tiles of both. One that is left to the direct kernel counts as zeros here.
  void transform(Index first, Index row, T *strip) {
    const Index image = (first + row) / down_.tiles;
    const Index top = down_.start((first + row) % down_.tiles), apart = down_.dilation;
    T *x = x_at_ + row * across_.tiles * c_padded_, *g = g_at_ + row * across_.tiles * o_padded_;
    const TileRow of_x = {image, top + down_.offset, across_.offset, apart};
    const TileRow of_g = {image, top, 0, apart};
    const bool fit = transform_row<T, Side>(grad_pass_, grad_out_, plan_.destinations, of_g, across_,
                                            g, g_frequency_, o_padded_, strip) &&
                     transform_row<T, kPoints>(pass_, x_, plan_.sources, of_x, across_, x,
                                               x_frequency_, c_padded_, strip);
    unfit_[first + row] = !fit;
    if (fit) return;
    for (int f = 0; f < kFrequencies; ++f) {
      memset(x + f * x_frequency_, 0, across_.tiles * c_padded_ * sizeof(T));
      memset(g + f * g_frequency_, 0, across_.tiles * o_padded_ * sizeof(T));
    }
  }

  void multiply(int f, Index c, Index height, Index block, Index tiles, T *sum, bool add) const {
    const Index o = block * block_vectors_ * lanes<T>;
    const Index vectors = least(block_vectors_, (o_padded_ - o) / lanes<T>);
    for (Index k = 0; k < tiles; k += kRunOfTiles)
      product(x_at_ + f * x_frequency_ + k * c_padded_ + c, height, Index(1), c_padded_,
              g_at_ + f * g_frequency_ + k * o_padded_ + o, o_padded_, vectors,
              least(kRunOfTiles, tiles - k), sum, sum_ld_, add || k);
  }

  // Sums of the channels [c, c + height) and an output block, to dW.
  void finish(const T *sum, Index c, Index height, Index block, T *back) const {
    const Index ld = c_block_ * kTaps + 2 * lanes<T>;
    const Index first = block * block_vectors_ * lanes<T>;
    for (Index v = 0; v < block_vectors_ && first + v * lanes<T> < plan_.destinations; ++v) {
      for (Index i = 0; i < height; ++i) {
        Vector<T> taps[kTaps + lanes<T>] = {};
        from_frequencies<T, beside(Side)>(
            sum + i * sum_ld_ + v * lanes<T>, sum_frequency_,
            [&](int h, int w, Vector<T> value) { taps[h * beside(Side) + w] = value; });
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
  Index tile_rows_, group_, c_padded_, o_padded_, c_blocks_, c_block_, o_blocks_;
  Index block_vectors_, x_frequency_, g_frequency_, sum_frequency_, sum_ld_, slot_;
  bool one_group_;
  T *x_at_ = nullptr, *g_at_ = nullptr, *slots_ = nullptr, *dW_ = nullptr;
  char *unfit_ = nullptr;
  const T *grad_out_ = nullptr, *x_ = nullptr;
};

// fn(kernel) with the plan's kernel by the size of its tiles.
template <class T, class F>
auto with_winograd_weight_gradient(const Plan &plan, const F &fn) {
  const Index *words = plan.first_phase;
  const Phase phase = read_phase(words);
  if (plan.kernel_size[1] == beside(4)) {
    WinogradWeightGradient<T, 4> kernel(plan, phase);
    return fn(kernel);
  }
  WinogradWeightGradient<T, 2> kernel(plan, phase);
  return fn(kernel);
}

template <class T>
int winograd_weight_gradient(const Plan &plan, const T *grad_out, const T *x, T *dW,
                             const Team &team) {
  return with_winograd_weight_gradient<T>(
      plan, [&](auto &kernel) { return kernel.run(grad_out, x, dW, team); });
}

template <class T>
Index winograd_weight_gradient_bytes(const Plan &plan, int threads) {
  return with_winograd_weight_gradient<T>(plan,
                                          [&](auto &kernel) { return kernel.bytes(threads); });
}

}  // namespace
}  // namespace dxdw
