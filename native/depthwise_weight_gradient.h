// dW of groups with one channel on a side: for each tap a sum of products of grad_out with x, shifted.
//
//   dW[o,t] = Σ_s g[o, s] · rows[s + offset_t]
//
// A vector for each tap sums over the bands of a chunk of positions; only then are its lanes added,
// and the chunks' sums in pairs. Chunks are split by the problem's shape alone.
#pragma once
#include "depthwise_gather.h"
#include "weight_gradient.h"

namespace dxdw {
namespace {

// Bands that one vector sums, each a sum of its own before that.
constexpr Index kDepthwiseBands = 64;
// Bytes of such vectors, for the channels that a piece goes through: a part of the L1 cache.
constexpr Index kDepthwiseSums = 8 << 10;

template <class T>
class DepthwiseWeightGradient {
 public:
  explicit DepthwiseWeightGradient(const Plan &plan) : plan_(plan) {}

  bool prepare() {
    const Index *words = plan_.first_phase;
    const Phase phase = read_phase(words);
    const Axis &h = phase.axis[1], &w = phase.axis[2];
    tables_.template reserve<Index>(h.taps + w.taps);
    if (!tables_.take()) return false;
    const Index outs = plan_.groups * plan_.destinations;
    rows_ = PaddedRows<T>(plan_.source_size[1], plan_.source_size[2], w.step, w.count, w.offset[0],
                          w.offset[w.taps - 1]);
    least_row_ = h.offset[0], reach_ = h.reach(), step_ = h.step;
    count_ = h.count, columns_ = w.count, whole_ = columns_ - columns_ % lanes<T>;
    height_ = depthwise_height(count_, plan_.sources * rows_.pitch() * step_ * Index(sizeof(T)),
                               divide_up(reach_, step_));
    source_elements_ = round_up(rows_.elements(held(height_)), lanes<T>);
    Index *row = tables_.template at<Index>(0), *column = row + h.taps;
    for (Index u = 0; u < h.taps; ++u) row[u] = (h.offset[u] - least_row_) * rows_.pitch();
    for (Index v = 0; v < w.taps; ++v) column[v] = rows_.column(w.offset[v]);
    taps_ = {h.taps, w.taps, row, column, step_ * rows_.pitch(), rows_.pitch(), 1, 0};
    tiles_ = choose_depthwise_weight_tiles<T>(taps_);

    const Index of_group = plan_.weights_of_group();
    const Index all = plan_.batch * bands();
    const Index wanted = most<Index>(1, least(kPieces, plan_.flops() / kPieceFlops));
    const Index operands = plan_.batch * (outs * plan_.destination_plane() +
                                          plan_.groups * plan_.sources * plan_.source_plane());
    const Index room = (kSumBytes / Index(sizeof(T)) + operands / 2) / (plan_.groups * of_group);
    chunks_ = most(divide_up(all, kDepthwiseBands), divide_up(wanted, plan_.groups));
    chunks_ = most<Index>(1, least(least(chunks_, all), room));
    const Index fit = kDepthwiseSums / (of_group * lanes<T> * Index(sizeof(T)));
    const Index evenly = plan_.groups * chunks_ / wanted;
    block_ = most<Index>(1, least(least(fit, evenly), plan_.groups));
    blocks_ = divide_up(plan_.groups, block_);
    sums_elements_ = block_ * of_group * lanes<T>;
    slot_elements_ = sums_elements_ + plan_.sources * source_elements_ + height_ * lanes<T>;
    return true;
  }

  Index bytes(int threads) const {
    return tables_.bytes() + (round_up(chunks_ * plan_.groups * plan_.weights_of_group(), lanes<T>) +
                              threads * slot_elements_) * Index(sizeof(T));
  }
  Index bands() const { return divide_up(count_, height_); }
  Index slot_elements() const { return slot_elements_; }

  int run(const T *grad_out, const T *x, T *dW, const Team &team) {
    return run(grad_out, x, dW, team, [](int) {}, [](Index, Index, Index, int) {});
  }

  // Calls begin(slot) before a piece's bands, and also(image, group, band, slot) before each.
  template <class Begin, class Also>
  int run(const T *grad_out, const T *x, T *dW, const Team &team, const Begin &begin,
          const Also &also) {
    Workspace memory;
    const Index of_group = plan_.weights_of_group(), weights = plan_.groups * of_group;
    const Index at_sums = memory.reserve<T>(chunks_ * weights);
    const Index at_slots = memory.reserve<T>(slot_elements_ * team.threads);
    if (!memory.take()) return DXDW_NO_MEMORY;
    T *sums = memory.at<T>(at_sums), *slots = memory.at<T>(at_slots);
    const Index planes = plan_.batch * plan_.groups;
    g_ = grad_out, g_end_ = g_ + planes * plan_.destinations * plan_.destination_plane();
    x_ = x, x_end_ = x_ + planes * plan_.sources * plan_.source_plane();
    const Index all = plan_.batch * bands();
    const bool whole = parallel_for(team, blocks_ * chunks_, [&](Index item, int index) {
      const Index block = item / chunks_, chunk = item % chunks_;
      const Index first = block * block_, last = least(plan_.groups, first + block_);
      T *slot = slots + index * slot_elements_;
      memset(slot, 0, sums_elements_ * sizeof(T));
      for (Index c = 0; c < plan_.sources; ++c)
        rows_.clear(slot + sums_elements_ + c * source_elements_, held(height_));
      begin(index);
      for (Index b = chunk * all / chunks_; b < (chunk + 1) * all / chunks_; ++b)
        for (Index group = first; group < last; ++group) {
          also(b / bands(), group, b % bands(), index);
          band(b / bands(), group, b % bands(), slot + (group - first) * of_group * lanes<T>,
               slot + sums_elements_);
        }
      for (Index i = 0; i < (last - first) * of_group; ++i)
        sums[chunk * weights + first * of_group + i] =
            sum_of_lanes<T>(load(slot + i * lanes<T>));
    });
    if (!whole) return DXDW_CANCELLED;
    for (Index step = 1; step < chunks_; step *= 2)
      for (Index i = 0; i + step < chunks_; i += 2 * step)
        for (Index j = 0; j < weights; ++j) sums[i * weights + j] += sums[(i + step) * weights + j];
    // A column of taps after the other, as the tiles have them.
    for (Index i = 0; i < weights; i += taps_.rows * taps_.columns)
      for (Index v = 0; v < taps_.columns; ++v)
        for (Index u = 0; u < taps_.rows; ++u)
          dW[i + u * taps_.columns + v] = sums[i + v * taps_.rows + u];
    // Vectors multiply x by the zeros behind a row of grad_out, which NaN and Inf would show.
    return all_finite(dW, weights) ? DXDW_DONE : weight_gradient(plan_, grad_out, x, dW, team);
  }

 private:
  Index held(Index count) const { return (count - 1) * step_ + reach_ + 1; }

  void band(Index image, Index group, Index index, T *sums, T *rows) const {
    const Index first = index * height_, count = least(height_, count_ - first);
    const Index at = image * plan_.groups + group, rest = columns_ - whole_;
    T *ends = rows + plan_.sources * source_elements_;
    const T *x = x_ + at * plan_.sources * plan_.source_plane();
    for (Index c = 0; c < plan_.sources; ++c, x += plan_.source_plane())
      rows_.copy(x, first * step_ + least_row_, held(count), x_end_, rows + c * source_elements_);
    for (Index o = 0; o < plan_.destinations; ++o) {
      const T *g = g_ + (at * plan_.destinations + o) * plan_.destination_plane() +
                   first * columns_;
      const Lanes<T> kept = below<T>(rest);
      if (rest)
        for (Index r = 0; r < count; ++r)
          store(ends + r * lanes<T>,
                first_lanes(g + r * columns_ + whole_, rest, kept, g_end_));
      for (Index c = 0; c < plan_.sources; ++c, sums += plan_.taps * lanes<T>) {
        const T *from = rows + c * source_elements_;
        for (Index k = 0; k < taps_.columns;) {
          const Index n = least(tiles_.most, taps_.columns - k);
          if (whole_)
            tiles_.of[n](g, columns_, from, taps_, k, count, whole_ / lanes<T>, sums);
          if (rest) tiles_.of[n](ends, lanes<T>, from + whole_, taps_, k, count, 1, sums);
          k += n;
        }
      }
    }
  }

  const Plan &plan_;
  Workspace tables_;
  PaddedRows<T> rows_;
  DepthwiseTaps taps_ = {};
  DepthwiseWeightTiles<T> tiles_ = {};
  Index step_ = 1, least_row_ = 0, reach_ = 0, count_ = 0, columns_ = 0, whole_ = 0, height_ = 1;
  Index chunks_ = 1, block_ = 1, blocks_ = 1;
  Index source_elements_ = 0, sums_elements_ = 0, slot_elements_ = 0;
  const T *g_ = nullptr, *g_end_ = nullptr, *x_ = nullptr, *x_end_ = nullptr;
};

template <class T>
bool depthwise_takes(const Plan &plan) {
  return plan.algorithm == kDirect && DepthwiseGather<T>::takes(plan);
}

template <class T>
int depthwise(const Plan &plan, const T *first, const T *second, T *result, const Team &team) {
  if (plan.kind == kWeightGradient) {
    DepthwiseWeightGradient<T> pass(plan);
    return pass.prepare() ? pass.run(first, second, result, team) : DXDW_NO_MEMORY;
  }
  // As in gather: beyond the edges of grad_out dx has no products.
  if (plan.kind == kInputGradient && !all_finite(second, plan.groups * plan.weights_of_group()))
    return DXDW_DECLINED;
  DepthwiseGather<T> pass(plan);
  return pass.prepare() ? pass.run(first, second, result, team) : DXDW_NO_MEMORY;
}

template <class T>
Index depthwise_bytes(const Plan &plan, int threads) {
  if (plan.kind == kWeightGradient) {
    DepthwiseWeightGradient<T> pass(plan);
    const Index own = pass.prepare() ? pass.bytes(threads) : 0;
    return own + weight_gradient_bytes<T>(plan, threads);
  }
  DepthwiseGather<T> pass(plan);
  return pass.prepare() ? pass.bytes(threads) : 0;
}

}  // namespace
}  // namespace dxdw
