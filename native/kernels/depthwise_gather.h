// Forward and dx of groups with one channel on a side: each destination gathers its one source, or
// few, through the taps.
//
// A piece of work is a band of rows, which tiles of rows (depthwise_tiles.h) sum from where the source
// stands (depthwise_rows.h).
#pragma once
#include "kernels/gather.h"
#include "layout/depthwise_spans.h"

namespace dxdw {
namespace {

// Planes that need no asking for: the processor foresees what follows within a page.
inline bool small_planes(const Plan &plan, Index element_bytes) {
  return plan.sources == 1 && plan.destinations == 1 &&
         most(plan.source_plane(), plan.destination_plane()) * element_bytes <= Tuning::foreseen;
}
// Rows of a band, of which there are `rows` in all: whole tiles, as many as fit.
inline Index depthwise_height(Index rows, Index row_bytes, Index halo, Index plane_rows) {
  const Index fit = plane_rows / row_bytes - halo;
  const Index height = least(rows, most(fit, most<Index>(2 * kTall, 2 * halo)));
  return least(rows, round_up(divide_up(rows, divide_up(rows, height)), kTall));
}

template <class T>
class DepthwiseGather {
 public:
  static constexpr Kind kKind = kForward;

  explicit DepthwiseGather(const Plan &plan) : plan_(plan) {}

  // Works out tables and sizes. False where there is no memory for the tables.
  DXDW_PLANS bool prepare(Tables &tables) {
    Phase phase[kMostPhases];
    const Index *words = plan_.first_phase;
    Index most_row = 0, least_column = 0, end = 0, size = 0;
    Index spans = 0, masks = 0;
    for (Index i = 0; i < plan_.phases; ++i) {
      phase[i] = read_phase(words);
      const Axis &h = phase[i].axis[1], &w = phase[i].axis[2];
      const Index below = divide_down(w.offset[0], w.step);
      const Index above = divide_down(w.offset[w.taps - 1], w.step);
      phase_[i].spans = Spans<T>(w.count, false);
      least_row_ = i ? least(least_row_, h.offset[0]) : h.offset[0];
      most_row = i ? most(most_row, h.offset[h.taps - 1]) : h.offset[h.taps - 1];
      least_column = i ? least(least_column, below) : below;
      end = most(end, phase_[i].spans.end() + above);
      count_ = most(count_, h.count);
      size += h.taps + w.taps;
      spans += phase_[i].spans.count(), masks += phase_[i].spans.count() * w.taps;
    }
    const Index at_size = tables.template reserve<Index>(size);
    const Index at_spans = tables.template reserve<Span<T>>(spans);
    const Index at_masks = tables.template reserve<Mask<T>>(masks);
    if (!tables.take()) return false;
    const Axis *axis = phase[0].axis;
    step_ = axis[1].step, spacing_[0] = axis[1].spacing, spacing_[1] = axis[2].spacing;
    rows_ = PlaneRows<T>(plan_.source_size[1], plan_.source_size[2], axis[2].step, least_column, end);
    reach_ = most_row - least_row_;
    height_ = depthwise_height(count_, plan_.sources * plan_.source_size[2] * step_ * Index(sizeof(T)),
                               divide_up(reach_, step_), tuning().plane_rows);
    bands_ = divide_up(count_, height_);
    source_row_ = step_ * plan_.source_size[2];
    Index *memory = tables.template at<Index>(at_size);
    Span<T> *span = tables.template at<Span<T>>(at_spans);
    Mask<T> *mask = tables.template at<Mask<T>>(at_masks);
    for (Index i = 0; i < plan_.phases; ++i) {
      OwnPhase &own = phase_[i];
      set_phase(phase[i], own, memory);
      own.spans.fill(own.taps, false, !rows_.copied(), plan_.source_size[2], span, mask);
      span += own.spans.count(), mask += own.spans.count() * own.taps.columns;
    }
    whole_ = !plan_.narrow() && small_planes(plan_, sizeof(T)) && bands_ == 1 && spacing_[0] * spacing_[1] == 1;
    const Index pointers = plan_.sources * held(height_) * Index(sizeof(T *)) / Index(sizeof(T));
    mixed_pitch_ = round_up(divide_up(plan_.destination_size[2], spacing_[1]), lanes<T>);
    const bool in_lines = spacing_[1] == 1 && !plan_.narrow();
    const Index mixed = kTall * (in_lines ? lanes<T> : spacing_[1] * mixed_pitch_);
    at_copies_ = round_up(pointers, lanes<T>);
    of_rows_ = at_copies_ + plan_.sources * rows_.elements(held(height_));
    at_mixed_ = whole_ ? 2 * of_rows_ : of_rows_;
    slot_elements_ = at_mixed_ + mixed;
    return true;
  }

  Index slot_elements() const { return slot_elements_; }
  Index bands() const { return bands_; }
  Index bytes(int threads) const {
    return threads * slot_elements_ * Index(sizeof(T));
  }

  // As in Gather, a run is a copy.
  int run(Source<T> source, const T *weights, Result<T> destination, const Team &team) const {
    return DepthwiseGather(*this).run_own(source, weights, destination, team);
  }

  int run_own(Source<T> source, const T *weights, Result<T> destination, const Team &team) {
    Workspace memory;
    const Index at_slots = memory.reserve<T>(slot_elements_ * team.threads);
    if (!memory.take()) return DXDW_NO_MEMORY;
    T *slots = memory.at<T>(at_slots);
    if (!begin(source, weights, destination, team)) return DXDW_CANCELLED;
    const Index pieces = plan_.batch * plan_.groups * bands_;
    const Index together =
        most<Index>(1, least(divide_up(Tuning::piece * pieces, most<Index>(1, plan_.flops())),
                             divide_up(pieces, Tuning::pieces)));
    const bool whole =
        parallel_for(team, divide_up(pieces, together), [&](Index chunk, int index) {
          T *slot = slots + index * slot_elements_;
          clear(slot);
          const Index first = chunk * together, end = least(pieces, first + together);
          if (whole_) return planes(first, end, slot);
          Index at = first / bands_, band = first % bands_;
          // Whatever follows in the chunk is written after it.
          const Index last = (end - 1) / bands_, last_band = (end - 1) % bands_;
          const Result<T> limit = end_of(last, last_band);
          for (Index i = first; i < end && !cancelled(team); ++i) {
            this->band(at, at % plan_.groups, band, slot, limit);
            if (++band == bands_) band = 0, ++at;
          }
        });
    return whole ? DXDW_DONE : DXDW_CANCELLED;
  }

  // What `band` needs: the arrays, and zeros where it writes nothing. False where the team was
  // cancelled.
  bool begin(Source<T> source, const T *weights, Result<T> destination, const Team &team) {
    source_ = source, weights_ = weights, destination_ = destination;
    end_ = source + plan_.batch * plan_.groups * plan_.sources * plan_.source_plane();
    Index covered = 0;
    for (Index i = 0; i < plan_.phases; ++i) covered += phase_[i].rows * phase_[i].columns;
    return covered >= plan_.destination_plane() ||  // no window reaches the others
           clear_all(destination, plan_.batch * plan_.groups * plan_.destinations *
                                      plan_.destination_plane(), team);
  }

  void clear(T *slot) const {
    for (Index c = 0; c < plan_.sources; ++c) rows_.clear(copies(slot, c), held(height_));
    if (!whole_) return;
    rows_.clear(copies(slot + of_rows_, 0), held(height_));
    for (Index i = 0; i < 2; ++i, slot += of_rows_)  // planes() leaves these as they are
      rows_.point_to_copies(least_row_, held(height_), copies(slot, 0), pointers(slot));
  }

  // Where the destinations of a band end: the group's of an image.
  Result<T> end_of(Index at, Index index) const {
    const Index rows = least(plan_.destination_size[1], (index + 1) * height_ * spacing_[0]);
    return destination_ + ((at + 1) * plan_.destinations - 1) * plan_.destination_plane() +
           rows * plan_.destination_size[2];
  }

  // One band of all destination channels of a group, the at-th of all images'. What stands from its
  // own end on to the limit may be written, for it will be again.
  void band(Index at, Index group, Index index, T *slot, Result<T> limit) const {
    const Index first = index * height_, count = least(height_, count_ - first);
    const T **row = pointers(slot);
    Source<T> from = source_ + at * plan_.sources * plan_.source_plane();
    const Source<T> next = from + (first * step_ + least_row_ + rows_ahead()) * plan_.source_size[2];
    for (Index c = 0; c < plan_.sources; ++c, from += plan_.source_plane())
      rows_.point(from, first * step_ + least_row_, held(count), source_, end_, copies(slot, c),
                  row + c * held(height_));
    for (Index d = 0; d < plan_.destinations; ++d) {
      const T *weights = weights_ + group * plan_.weights_of_group() + d * plan_.weight_destination;
      const Result<T> out = destination_ + (at * plan_.destinations + d) * plan_.destination_plane();
      if (spacing_[1] == 1)
        for (Index i = 0; i < plan_.phases; ++i)
          whole_rows(phase_[i], first, count, row, next, weights, slot, out, limit);
      else
        for (Index start = 0; start < spacing_[0]; ++start)
          mixed_rows(start, first, count, row, next, weights, slot, out);
    }
  }

 private:
  static constexpr Index kMostPhases = kMostStep * kMostStep;

  struct OwnPhase {
    Index start, rows, start_column, columns;
    Index first_weight;
    DepthwiseTaps taps;
    DepthwiseTiles<T> tiles;
    Spans<T> spans;
  };

  // Source rows that so many destination rows read.
  Index held(Index count) const { return (count - 1) * step_ + reach_ + 1; }

  // From the first row that a band reads to the first that is asked for meanwhile: of the next band,
  // which will be copied, or of the next tile.
  Index rows_ahead() const {
    return rows_.copied() ? held(height_) : reach_ + kTall * step_;
  }

  static const T **pointers(T *slot) { return reinterpret_cast<const T **>(slot); }

  T *copies(T *slot, Index c) const { return slot + at_copies_ + c * rows_.elements(held(height_)); }

  void set_phase(const Phase &phase, OwnPhase &own, Index *&memory) const {
    const Axis &h = phase.axis[1], &w = phase.axis[2];
    own.start = h.start, own.rows = h.count, own.start_column = w.start, own.columns = w.count;
    Index *row = memory, *column = row + h.taps;
    memory = column + w.taps;
    for (Index u = 0; u < h.taps; ++u) row[u] = h.offset[u] - least_row_;
    for (Index v = 0; v < w.taps; ++v) column[v] = rows_.column(w.offset[v]);
    own.first_weight = plan_.weight_tap(0, h.tap[0], w.tap[0]);
    // The taps of a phase are evenly spaced.
    const Index weight_row = h.taps > 1 ? plan_.weight_tap(0, h.tap[1], w.tap[0]) - own.first_weight : 0;
    const Index weight_column =
        w.taps > 1 ? plan_.weight_tap(0, h.tap[0], w.tap[1]) - own.first_weight : 0;
    own.taps = {h.taps, w.taps, row, column, h.step, plan_.sources, held(height_), weight_row,
                weight_column, plan_.weight_source, 0, 0};
    own.tiles = choose_depthwise_tiles<T>(own.taps);
  }

  void whole_rows(const OwnPhase &phase, Index first, Index count, const T *const *row,
                  Source<T> next, const T *weights, T *slot, Result<T> plane, Result<T> limit) const {
    count = least(count, phase.rows - first);
    const Index width = plan_.destination_size[2], ldr = width * spacing_[0];
    const Result<T> out = plane + (phase.start + first * spacing_[0]) * width + phase.start_column;
    if (plane.narrow()) {
      T *sums = slot + at_mixed_;
      for (Index r = 0; r < count; r += kTall) {
        const Index tall = least<Index>(kTall, count - r);
        rows(phase, tall, row + r * step_, next + r * source_row_, weights, sums, mixed_pitch_,
             sums + tall * mixed_pitch_, nullptr);
        for (Index i = 0; i < tall; ++i)
          copy_rounded(out + (r + i) * ldr, sums + i * mixed_pitch_, phase.columns);
      }
      return;
    } else {
      // Rows of less than a vector are written with what stands behind, which is written after them;
      // not so rows of two phases in turns.
      rows(phase, count, row, next, weights, out.plain(), ldr, spacing_[0] == 1 ? limit.plain() : nullptr,
           slot + at_mixed_);
    }
  }

  // Small planes from the first-th on to before the end-th. Where rows are copied, each plane's are
  // while the one before it is summed: what has just been written can't be read again, in vectors that
  // begin elsewhere, before it has left the processor's queue of stores.
  void planes(Index first, Index end, T *slot) const {
    const OwnPhase &phase = phase_[0];
    const Index of_source = plan_.source_plane(), of_destination = plan_.destination_plane();
    const Index of_weights = plan_.weights_of_group();
    const T *from = source_.plain() + first * of_source;
    T *to = destination_.plain() + first * of_destination;
    const T *limit = destination_.plain() + end * of_destination;
    Index group = first % plan_.groups;
    point_to_plane(from, slot);
    for (Index at = first, i = 0; at < end; ++at, i = 1 - i, to += of_destination) {
      from += of_source;
      if (at + 1 < end) point_to_plane(from, slot + (1 - i) * of_rows_);
      rows(phase, phase.rows, pointers(slot + i * of_rows_), {}, weights_ + group * of_weights, to,
           plan_.destination_size[2], limit, slot + at_mixed_);
      if (++group == plan_.groups) group = 0;
    }
  }
  DXDW_INLINE void point_to_plane(const T *from, T *slot) const {
    rows_.point_plane(from, least_row_, held(height_), source_.plain(), end_.plain(), copies(slot, 0),
                      pointers(slot));
  }

  // Rows of both column phases, which take turns in a destination row.
  void mixed_rows(Index start, Index first, Index count, const T *const *row, Source<T> next,
                  const T *weights, T *slot, Result<T> plane) const {
    const OwnPhase *even = nullptr, *odd = nullptr;
    for (Index i = 0; i < plan_.phases; ++i)
      if (phase_[i].start == start) {
        if (phase_[i].start_column)
          odd = phase_ + i;
        else
          even = phase_ + i;
      }
    if (!even && !odd) return;
    count = least(count, (even ? even : odd)->rows - first);
    T *evens = slot + at_mixed_, *odds = evens + kTall * mixed_pitch_;
    const T *end = odds + kTall * mixed_pitch_;
    if (!even) memset(evens, 0, kTall * mixed_pitch_ * sizeof(T));
    if (!odd) memset(odds, 0, kTall * mixed_pitch_ * sizeof(T));
    const Index width = plan_.destination_size[2], ldr = width * spacing_[0];
    const Result<T> out = plane + (start + first * spacing_[0]) * width;
    for (Index r = 0; r < count; r += kTall) {
      const Index tall = least<Index>(kTall, count - r);
      const T *const *from = row + r * step_;  // both read the same rows, which are asked for once
      const Source<T> ahead = next + r * source_row_;
      if (even) rows(*even, tall, from, ahead, weights, evens, mixed_pitch_, odds, nullptr);
      if (odd) rows(*odd, tall, from, even ? Source<T>() : ahead, weights, odds, mixed_pitch_, end, nullptr);
      for (Index i = 0; i < tall; ++i) {
        prefetch<true>(out + (r + i + kTall) * ldr, width);
        weave<true>(evens + i * mixed_pitch_, odds + i * mixed_pitch_, divide_up(width, 2), width / 2,
                    out + (r + i) * ldr);
      }
    }
  }

  // Rows in tiles of one height each, which may sum some rows anew.
  DXDW_APART void rows(const OwnPhase &phase, Index count, const T *const *row, Source<T> next,
            const T *weights, T *out, Index ldr, const T *limit, T *spare) const {
    const DepthwiseTiles<T> &tiles = phase.tiles;
    const T *w = weights + phase.first_weight;
    for (Index r = 0; r < count;) {
      const Index left = count - r;
      const bool tall = count >= kTall && (left >= kTall || left > kLow) && left != 2 * kLow;
      const Index R = tall ? kTall : count >= kLow ? kLow : 1;
      const Index at = least(r, count - R);
      columns(tall ? tiles.tall : R == kLow ? tiles.low : tiles.one, phase, row + at * phase.taps.step,
              next ? next + at * source_row_ : next, w, out + at * ldr, ldr, R, limit, spare);
      r = at + R;
    }
  }

  // From `next` on stands what a tile asks for, unless it is null.
  void columns(const DepthwiseTile<T> *tile, const OwnPhase &phase, const T *const *row,
               Source<T> next, const T *w, T *out, Index ldr, Index R, const T *limit, T *spare) const {
    const Index n = phase.columns;
    if (n < lanes<T> && out + (R - 1) * ldr + lanes<T> > limit) {
      const bool masked = phase.spans.masked_count();
      tile[masked](row, phase.taps, *phase.spans.plain(), w, spare, lanes<T>);
      for (Index r = 0; r < R; ++r) copy(out + r * ldr, spare + r * lanes<T>, n);
      return;
    }
    const Span<T> *span = phase.spans.plain();
    if (!next) {
      for (Index i = 0; i < phase.spans.count(); ++i, ++span)
        tile[i >= phase.spans.plain_count()](row, phase.taps, *span, w, out + span->q, ldr);
      return;
    }
    // Tiles read and write too many rows at once for the processor to foresee the next ones: those
    // are asked for while these are summed.
    const T *ahead_out = out + R * ldr;
    const Index share = divide_up(R * source_row_, phase.spans.count());
    const Index out_share = limit ? R * ldr / phase.spans.count() : 0;
    for (Index i = 0; i < phase.spans.count(); ++i, ++span) {
      if (rows_.copied())
        prefetch_less_near(next + i * share, share);
      else
        prefetch<false>(next + i * share, share);
      prefetch<true>(ahead_out + i * out_share, out_share);
      tile[i >= phase.spans.plain_count()](row, phase.taps, *span, w, out + span->q, ldr);
    }
  }

  const Plan &plan_;
  PlaneRows<T> rows_;
  OwnPhase phase_[kMostPhases] = {};
  Index step_ = 1, spacing_[2] = {1, 1}, least_row_ = 0, reach_ = 0, count_ = 0, height_ = 1, bands_ = 1;
  Index source_row_ = 0, of_rows_ = 0;
  bool whole_ = false;  // each plane is small, and a band of one phase
  Index at_copies_ = 0, at_mixed_ = 0, mixed_pitch_ = 0, slot_elements_ = 0;
  Source<T> source_, end_;
  const T *weights_ = nullptr;
  Result<T> destination_;
};

}  // namespace
}  // namespace dxdw
