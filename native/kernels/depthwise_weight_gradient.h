// dW of groups with one channel on a side: for each tap a sum of products of grad_out with x, shifted.
//
//   dW[o,t] = Σ_s g[o, s] · rows[s + offset_t]
//
// A vector for each tap sums over the bands of a chunk of positions; only then are its lanes added,
// and the chunks' sums in pairs. Chunks are split by the problem's shape alone.
#pragma once
#include "kernels/depthwise_gather.h"
#include "kernels/weight_gradient.h"

namespace dxdw {
namespace {

// Bands that one vector sums, each a sum of its own before that.
constexpr Index kDepthwiseBands = 64;

template <class T>
class DepthwiseWeightGradient {
 public:
  static constexpr Kind kKind = kWeightGradient;

  explicit DepthwiseWeightGradient(const Plan &plan) : plan_(plan) {}

  // False where there is no memory for the tables.
  DXDW_PLANS bool prepare(Tables &tables) {
    const Index *words = plan_.first_phase;
    const Phase phase = read_phase(words);
    const Axis &h = phase.axis[1], &w = phase.axis[2];
    const Index outs = plan_.groups * plan_.destinations;
    spans_ = Spans<T>(w.count, true);
    const Index at_offsets = tables.template reserve<Index>(h.taps + w.taps);
    const Index at_spans = tables.template reserve<Span<T>>(spans_.count());
    const Index at_masks = tables.template reserve<Mask<T>>(spans_.count() * w.taps);
    if (!tables.take()) return false;
    x_rows_ = PlaneRows<T>(plan_.source_size[1], plan_.source_size[2], w.step,
                           divide_down(w.offset[0], w.step),
                           spans_.end() + divide_down(w.offset[w.taps - 1], w.step));
    g_rows_ = PlaneRows<T>(h.count, w.count, 1, 0, spans_.end());
    least_row_ = h.offset[0], reach_ = h.reach(), step_ = h.step;
    count_ = h.count;
    height_ = depthwise_height(count_, plan_.source_size[2] * step_ * Index(sizeof(T)),
                               divide_up(reach_, step_), nominal().plane_rows);
    bands_ = divide_up(count_, height_);
    Index *row = tables.template at<Index>(at_offsets), *column = row + h.taps;
    for (Index u = 0; u < h.taps; ++u) row[u] = h.offset[u] - least_row_;
    for (Index v = 0; v < w.taps; ++v) column[v] = x_rows_.column(w.offset[v]);
    whole_ = !plan_.narrow() && small_planes(plan_, sizeof(T)) && bands_ == 1;
    taps_ = {h.taps, w.taps, row, column, step_, 1, 0, 0, 0, 0,
             plan_.source_size[2], w.count};
    tiles_ = choose_depthwise_weight_tiles<T>(taps_);
    spans_.fill(taps_, true, !x_rows_.copied(), plan_.source_size[2],
                tables.template at<Span<T>>(at_spans), tables.template at<Mask<T>>(at_masks));

    const Index of_group = plan_.weights_of_group();
    const Index all = plan_.batch * bands();
    const Index wanted = most<Index>(1, least(Tuning::pieces, plan_.flops() / Tuning::piece));
    const Index operands = plan_.batch * (outs * plan_.destination_plane() +
                                          plan_.groups * plan_.sources * plan_.source_plane());
    const Index room = (kSumBytes / Index(sizeof(T)) + operands / 2) / (plan_.groups * of_group);
    chunks_ = most(divide_up(all, kDepthwiseBands), divide_up(wanted, plan_.groups));
    chunks_ = most<Index>(1, least(least(chunks_, all), room));
    const Index fit = tuning().plane_sums / (of_group * lanes<T> * Index(sizeof(T)));
    const Index evenly = plan_.groups * chunks_ / wanted;
    block_ = most<Index>(1, least(least(fit, evenly), plan_.groups));
    blocks_ = divide_up(plan_.groups, block_);
    sums_elements_ = block_ * of_group * lanes<T>;
    const Index pointers = (plan_.sources * held(height_) + height_) * Index(sizeof(T *));
    at_x_ = round_up(pointers / Index(sizeof(T)), lanes<T>);
    at_g_ = at_x_ + plan_.sources * x_rows_.elements(held(height_));
    of_rows_ = at_g_ + g_rows_.elements(height_);
    slot_elements_ = sums_elements_ + (whole_ ? 2 : 1) * of_rows_;
    return true;
  }

  Index bytes(int threads) const {
    return (round_up(chunks_ * plan_.groups * plan_.weights_of_group(), lanes<T>) +
            threads * slot_elements_) * Index(sizeof(T));
  }
  Index bands() const { return bands_; }
  Index slot_elements() const { return slot_elements_; }

  // As in Gather, a run is a copy.
  int run(Source<T> grad_out, Source<T> x, T *dW, const Team &team) const {
    return run(grad_out, x, dW, team, [](int) {}, [](Index, Index, Index, int) {});
  }

  // Calls begin(slot) before a piece's bands, and also(image, group, band, slot) before each.
  template <class Begin, class Also>
  int run(Source<T> grad_out, Source<T> x, T *dW, const Team &team, const Begin &begin,
          const Also &also) const {
    return DepthwiseWeightGradient(*this).run_own(grad_out, x, dW, team, begin, also);
  }

 private:
  template <class Begin, class Also>
  int run_own(Source<T> grad_out, Source<T> x, T *dW, const Team &team, const Begin &begin,
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
      clear(slot + sums_elements_);
      begin(index);
      const Index end = (chunk + 1) * all / chunks_;
      for (Index b = chunk * all / chunks_, next; b < end && !cancelled(team); b = next) {
        const Index image = b / bands_, first_band = b % bands_;
        next = least(end, (image + 1) * bands_);
        if (whole_) {
          add_planes(image, first, last, slot, [&](Index group) { also(image, group, 0, index); });
          continue;
        }
        for (Index group = first; group < last; ++group)
          for (Index i = first_band; i < first_band + next - b && !cancelled(team); ++i) {
            also(image, group, i, index);
            band(image, group, i, slot + (group - first) * of_group * lanes<T>,
                 slot + sums_elements_);
          }
      }
      for (Index i = 0; i < (last - first) * of_group; ++i)
        sums[chunk * weights + first * of_group + i] =
            sum_of_lanes<T>(load(slot + i * lanes<T>));
    });
    if (!whole) return DXDW_CANCELLED;
    add_in_pairs(sums, chunks_, weights, weights);
    // A column of taps after the other, as the tiles have them.
    for (Index i = 0; i < weights; i += taps_.rows * taps_.columns)
      for (Index v = 0; v < taps_.columns; ++v)
        for (Index u = 0; u < taps_.rows; ++u)
          dW[i + u * taps_.columns + v] = sums[i + v * taps_.rows + u];
    return DXDW_DONE;
  }

  Index held(Index count) const { return (count - 1) * step_ + reach_ + 1; }

  // What a slot has after its sums: pointers to rows of x, then to those of grad_out, and copies. For
  // small planes it has all that twice.
  const T **x_pointers(T *rows) const { return reinterpret_cast<const T **>(rows); }
  const T **g_pointers(T *rows) const { return x_pointers(rows) + plan_.sources * held(height_); }
  T *copies(T *rows, Index c) const { return rows + at_x_ + c * x_rows_.elements(held(height_)); }

  void clear(T *rows) const {
    for (int i = 0; i < (whole_ ? 2 : 1); ++i, rows += of_rows_) {
      for (Index c = 0; c < plan_.sources; ++c) x_rows_.clear(copies(rows, c), held(height_));
      g_rows_.clear(rows + at_g_, height_);
      if (whole_)
        x_rows_.point_to_copies(least_row_, held(height_), copies(rows, 0), x_pointers(rows));
    }
  }

  // Small planes of an image's groups, as in DepthwiseGather.
  template <class Also>
  void add_planes(Index image, Index first, Index last, T *slot, const Also &also) const {
    T *sums = slot, *rows = slot + sums_elements_, *next = rows + of_rows_;
    const Index at = image * plan_.groups + first;
    const T *x = x_.plain() + at * plan_.source_plane();
    const T *g = g_.plain() + at * plan_.destination_plane();
    point_to_plane(x, g, rows);
    for (Index group = first; group < last; ++group, sums += plan_.taps * lanes<T>) {
      x += plan_.source_plane(), g += plan_.destination_plane();
      if (group + 1 < last) point_to_plane(x, g, next);
      also(group);
      add(x_pointers(rows), g_pointers(rows), {}, count_, sums);
      T *const done = rows;
      rows = next, next = done;
    }
  }
  DXDW_INLINE void point_to_plane(const T *x, const T *g, T *rows) const {
    x_rows_.point_plane(x, least_row_, held(height_), x_.plain(), x_end_.plain(), copies(rows, 0),
                        x_pointers(rows));
    g_rows_.point_plane(g, 0, count_, g_.plain(), g_end_.plain(), rows + at_g_, g_pointers(rows));
  }

  DXDW_APART void band(Index image, Index group, Index index, T *sums, T *slot) const {
    const Index first = index * height_, count = least(height_, count_ - first);
    const Index at = image * plan_.groups + group;
    const T **x_row = x_pointers(slot), **g_row = g_pointers(slot);
    Source<T> x = x_ + at * plan_.sources * plan_.source_plane();
    for (Index c = 0; c < plan_.sources; ++c, x += plan_.source_plane())
      x_rows_.point(x, first * step_ + least_row_, held(count), x_, x_end_, copies(slot, c),
                    x_row + c * held(height_));
    // As in DepthwiseGather: what will be copied next, or read.
    const Index ahead = x_rows_.copied() ? held(height_) : reach_ + kTall * step_;
    const Source<T> next = x_ + at * plan_.sources * plan_.source_plane() +
                           (first * step_ + least_row_ + ahead) * plan_.source_size[2];
    Source<T> g = g_ + at * plan_.destinations * plan_.destination_plane();
    for (Index o = 0; o < plan_.destinations; ++o, g += plan_.destination_plane()) {
      g_rows_.point(g, first, count, g_, g_end_, slot + at_g_, g_row);
      for (Index c = 0; c < plan_.sources; ++c, sums += plan_.taps * lanes<T>)
        add(x_row + c * held(height_), g_row, next + c * plan_.source_plane(), count, sums);
    }
  }

  // Adds the products of so many rows.
  DXDW_INLINE void add(const T *const *x, const T *const *g, Source<T> behind, Index count,
                       T *sums) const {
    const T *next = nullptr;  // what is widened is asked for when it is copied
    if (!behind.narrow()) next = behind.plain();
    for (Index k = 0; k < taps_.columns;) {
      const bool several = k + tiles_.columns <= taps_.columns;
      const DepthwiseWeights<T> *tile = several ? tiles_.several : tiles_.one;
      if (spans_.plain_count())
        tile[0](g, x, next, taps_, k, count, spans_.plain(), spans_.plain_count(), sums);
      if (spans_.masked_count())
        tile[1](g, x, next, taps_, k, count, spans_.masked(), spans_.masked_count(), sums);
      k += several ? tiles_.columns : 1;
    }
  }

  const Plan &plan_;
  PlaneRows<T> x_rows_, g_rows_;
  Spans<T> spans_;
  DepthwiseTaps taps_ = {};
  DepthwiseWeightTiles<T> tiles_ = {};
  Index step_ = 1, least_row_ = 0, reach_ = 0, count_ = 0, height_ = 1, bands_ = 1;
  Index chunks_ = 1, block_ = 1, blocks_ = 1;
  Index sums_elements_ = 0, at_x_ = 0, at_g_ = 0, of_rows_ = 0, slot_elements_ = 0;
  bool whole_ = false;  // each plane is small, and a band
  Source<T> g_, g_end_, x_, x_end_;
};

}  // namespace
}  // namespace dxdw
