// Forward and dx by the definition: each destination gathers its sources through the taps.
//
//   destination[d, s] = Σ_{c,t} W[d,c,t] · source[c, s + offset_t]
//
// A piece of work is a band of rows of one image: copied once (source_band.h), then multiplied with
// every block of destination channels while it lies in the cache. Vectors run along destination
// channels (gather_channels.h) or along positions (gather_positions.h), of the source itself where a
// kernel of one tap lets them (gather_rows.h).
#pragma once
#include "api/dxdw.h"
#include "kernels/gather_channels.h"
#include "kernels/gather_positions.h"
#include "kernels/gather_rows.h"
#include "machine/tuning.h"
#include "run/parallel_for.h"
#include "run/workspace.h"

namespace dxdw {
namespace {

// How many pieces are handed out together, so that each time is worth it, and all threads have some.
inline Index pieces_together(Index pieces, Index flops) {
  return most<Index>(1, least(Tuning::piece * pieces / most<Index>(1, flops),
                              divide_up(pieces, Tuning::pieces)));
}

// Rows of one image, where only a part of a problem is wanted.
struct Part {
  Index image, first, count;
};

template <class T>
class Gather {
 public:
  // A phase; or two that have every other column each, and the same rows.
  Gather(const Plan &plan, const Phase &phase, const Phase *other = nullptr)
      : plan_(plan), at_(plan, phase, other), channels_(at_), positions_(at_), rows_(at_) {}

  // Works out tables and sizes, for all rows or for parts that may be of a single one. False where
  // there is no memory for the tables.
  DXDW_PLANS bool prepare(Tables &tables, bool of_parts = false) {
    tables.template reserve<Index>(at_.words());
    if (!tables.take()) return false;
    Index *memory = tables.template at<Index>(0);
    at_.join_columns(memory);
    choose_way(memory, of_parts ? 1 : at_.pass.axis[1].count);
    const Index rows_of_tile = by_way([](auto &way) { return way.rows_of_tile(); });
    choose_bands(rows_of_tile);
    at_.set_height(height_, rows_of_tile, memory);

    const Index D = by_way([](auto &way) { return way.packed_channels(); });
    for (int i = 0; i < GatherLayout::kStrands; ++i) {
      weights_of_strand_[i] = weights_of_group_;
      weights_of_group_ += plan_.sources * at_.strand[i].taps * D;
    }
    band_elements_ = plan_.sources * at_.band.channel + kVectors * lanes<T>;  // read past the end
    if (at_.in_place) band_elements_ = 0;
    const Index sums = by_way([](auto &way) { return way.strand_elements(); });
    slot_elements_ = band_elements_ + at_.strands * sums;
    return true;
  }

  Index bytes(int threads) const {
    return (plan_.groups * weights_of_group_ + threads * slot_elements_) * Index(sizeof(T));
  }

  // All of the phase, or those parts of it that it was prepared for. Many threads may call this at once:
  // a run is a copy with operands of its own.
  int run(Source<T> source, const T *weights, Result<T> destination, const Team &team,
          const Part *parts = nullptr, Index part_count = 0) const {
    return Gather(*this).run_own(source, weights, destination, team, parts, part_count);
  }

  // Operations of this phase.
  Index flops() const {
    const Axis *axis = at_.pass.axis;
    return 2 * at_.pass.batch * plan_.groups * axis[0].count * axis[1].count * axis[2].count *
           plan_.sources * plan_.destinations * at_.taps;
  }

 private:
  DXDW_PLANS int run_own(Source<T> source, const T *weights, Result<T> destination, const Team &team,
              const Part *parts, Index part_count) {
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
                least(height_, part.count - first), {0, 1}, slot, team);
      });
      return whole ? DXDW_DONE : DXDW_CANCELLED;
    }
    const Index depths = at_.pass.axis[0].count, rows = at_.pass.axis[1].count;
    const Index bands = bands_for(team.threads), splits = splits_for(team.threads, bands);
    const Index pieces = planes() * bands * splits;
    const Index together = pieces_together(pieces, flops());
    const bool whole =
        parallel_for(team, divide_up(pieces, together), [&](Index chunk, int slot) {
          const Index last = least(pieces, (chunk + 1) * together);
          for (Index i = chunk * together; i < last; ++i) {
            Index rest = i;
            const Index split = rest % splits;
            rest /= splits;
            const Index band = rest % bands;
            rest /= bands;
            const Index depth = rest % depths;
            rest /= depths;
            const Index first = band * rows / bands;
            piece(rest / plan_.groups, rest % plan_.groups, depth, first,
                  (band + 1) * rows / bands - first, {split, splits}, slot, team);
          }
        });
    return whole ? DXDW_DONE : DXDW_CANCELLED;
  }

  bool rows_joined() const { return way_ == kByRows && rows_.joined(); }

  // Joined rows are copied a strip at a time, however many a band has: the fewer bands, the better.
  Index bands_for(Index threads) const {
    if (!rows_joined()) return bands_;
    return threads == 1 ? 1 : least(2 * threads, at_.pass.axis[1].count);
  }

  // Parts of a band, each of which reads all of it (2 where 1 would do: 1×1 layers took 1.2 times as
  // long): only as many as keep so many threads busy to the end.
  Index splits_for(Index threads, Index bands) const {
    if (threads == 1) return 1;
    const Index few = rows_joined() ? 2 * threads : weights_pass() ? threads : 4 * threads;
    const Index wanted = least(few, flops() / Tuning::piece);
    return most<Index>(1, least(by_way([](auto &way) { return way.most_splits(); }),
                                divide_up(wanted, planes() * bands)));
  }

  bool weights_pass() const { return way_ == kByChannels && channels_.weights_pass(); }

  // Groups of an image at one depth, each of which bands are cut from.
  Index planes() const { return at_.pass.batch * plan_.groups * at_.pass.axis[0].count; }

  // Calls f with the way that was chosen.
  template <class F>
  auto by_way(const F &f) const {
    switch (way_) {
      case kByRows: return f(rows_);
      case kByChannels: return f(channels_);
      default: return f(positions_);
    }
  }

  // All ways add a result's products in one order, but tiles of several rows: only these decide bits.
  void choose_way(Index *&memory, Index least_rows) {
    const bool can = !plan_.narrow();  // the source be computed with where it lies
    Index *as_positions = memory;
    at_.lay_out(false, can, as_positions);
    positions_.choose_tile(least_rows);
    if (can && rows_.pays()) {
      way_ = kByRows;
      at_.lay_out(true, can, memory);
      rows_.choose_tile();
    } else if (channels_.pays(positions_.rows_of_tile() == 1)) {
      way_ = kByChannels;
      // In its place a source of stride 2 is read with what stands between: as much again of each line.
      at_.lay_out(!(at_.is_one_residue() && channels_.weights_pass()), can, memory);
      channels_.choose_tile();
    } else {
      memory = as_positions;
    }
  }

  void choose_bands(Index rows_of_tile) {
    const Index rows = at_.pass.axis[1].count, halo = at_.band.halo();
    const Index row_bytes = plan_.sources * at_.band.elements_of_row() * Index(sizeof(T));
    const Index bytes = weights_pass() ? tuning().passing : tuning().band;
    Index height = (bytes / row_bytes - halo - 1) / at_.row_step + 1;
    // A halo is copied again for every band: not more than the band itself.
    height = most(height, most(rows_of_tile, halo));
    // Enough pieces, while each has enough to do; where each has all weights brought, as few as can be.
    const Index wanted = weights_pass() ? 1 : least(Tuning::pieces, flops() / Tuning::piece);
    if (planes() * divide_up(rows, height) < wanted)
      height = least(height, most(divide_up(rows, divide_up(wanted, planes())),
                                  most(rows_of_tile, 2 * halo)));
    height = least(most<Index>(height, 1), rows);
    bands_ = most<Index>(1, least(divide_up(rows, height), rows / rows_of_tile));
    height_ = divide_up(rows, bands_);
  }

  // Destination channels come in blocks, of a tile's channels.
  Index blocks() const {
    return by_way([](auto &way) { return way.blocks; });
  }
  Index block_start(Index block) const {
    return by_way([block](auto &way) { return way.block_start(block); });
  }

  T *weights_of(Index group, int strand, Index start) const {
    return packed_ + group * weights_of_group_ + weights_of_strand_[strand] +
           start * plan_.sources * at_.strand[strand].taps;
  }

  bool pack_all(const T *weights, const Team &team) {
    const Index all = plan_.groups * blocks();
    const Index together = most<Index>(1, divide_up(all, 4 * Tuning::pieces));
    const T *end = weights + plan_.groups * plan_.weights_of_group();
    return parallel_for(team, divide_up(all, together), [&](Index chunk, int) {
      for (Index i = chunk * together; i < least(all, (chunk + 1) * together); ++i) {
        const Index group = i / blocks(), start = block_start(i % blocks());
        const Index M = block_start(i % blocks() + 1) - start;
        const T *from = weights + group * plan_.weights_of_group() + start * plan_.weight_destination;
        for (int s = 0; s < at_.strands; ++s) {
          T *to = weights_of(group, s, start);
          by_way([&](auto &way) { way.pack(from, end, at_.strand[s], M, to); });
        }
      }
    });
  }

  // A part of the destination rows [first, first + count) at one depth.
  void piece(Index image, Index group, Index depth, Index first, Index count, Split split, int slot,
             const Team &team) {
    const Pass &pass = at_.pass;
    T *band = slots_ + slot * slot_elements_;
    const Source<T> source = source_ + image * pass.source.image + group * pass.source.group;
    const T *x = band;
    if (!at_.in_place)
      at_.band.copy_channels(source, plan_.sources, depth, first * at_.row_step,
                             at_.rows_of_band(count), band, team);
    else
      x = source.plain() + depth * pass.axis[0].step * pass.source.depth + first * at_.pitch;
    const Axis *axis = pass.axis;
    const Strides &to = pass.destination;
    const Result<T> out = destination_ + image * to.image + group * to.group +
                          (axis[0].start + depth * axis[0].spacing) * to.depth +
                          (axis[1].start + first * axis[1].spacing) * to.row + axis[2].start * to.column;
    const auto w = [&](Index block, int strand) {
      return weights_of(group, strand, block_start(block));
    };
    by_way([&](auto &way) {
      way.run(x, w, out, split, count, band + band_elements_, team);
    });
    if (plan_.past_caches()) finish_stores_past_caches();
  }

  const Plan &plan_;
  GatherLayout at_;
  GatherByChannels<T> channels_;
  GatherByPositions<T> positions_;
  GatherByRows<T> rows_;
  enum { kByPositions, kByChannels, kByRows } way_ = kByPositions;
  Index height_ = 1, bands_ = 1;
  Index weights_of_group_ = 0, weights_of_strand_[GatherLayout::kStrands];
  Index band_elements_ = 0, slot_elements_ = 0;
  T *packed_ = nullptr, *slots_ = nullptr;
  Result<T> destination_;
  Source<T> source_;
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

// Sets so many elements to zero; false where the team was cancelled.
template <class T>
bool clear_all(Result<T> to, Index elements, const Team &team) {
  constexpr Index kPiece = 1 << 20;
  char *first = to.template as<char>();
  const Index bytes = elements * to.element_bytes();
  return parallel_for(team, divide_up(bytes, kPiece), [&](Index i, int) {
    memset(first + i * kPiece, 0, least(kPiece, bytes - i * kPiece));
  });
}

// fn(phase, other or null) of all phases, those that share rows together.
template <class F>
void each_pass(const Plan &plan, const F &fn) {
  const Index *words = plan.first_phase;
  for (Index i = 0; i < plan.phases; ++i) {
    const Phase phase = read_phase(words);
    const Index *after = words;
    Phase next;
    bool woven = phase.axis[2].spacing == 2 && i + 1 < plan.phases;
    if (woven) next = read_phase(after);
    woven = woven && next.axis[0].start == phase.axis[0].start &&
            next.axis[1].start == phase.axis[1].start;
    fn(phase, woven ? &next : nullptr);
    if (woven) words = after, ++i;
  }
}

// Forward, or all phases of dx: the first few are prepared once, as a kernel with many taps and a large
// stride has thousands, the others when they are run.
template <class T>
class GatherPass {
 public:
  static constexpr Kind kKind = kForward;  // dx is one of grad_out
  DXDW_PLANS explicit GatherPass(const int64_t *words) : plan_(view(words)) {
    Index reached = 0;
    each_pass(plan_, [&](const Phase &phase, const Phase *other) {
      reached += phase.destinations() + (other ? other->destinations() : 0);
      if (held_ == kHeld || !ready_) return;
      One *one = new (place(held_)) One(plan_, phase, other);
      ++held_;
      ready_ = one->pass.prepare(one->tables);
    });
    covers_ = reached >= plan_.destination_plane();  // else no window reaches some
  }
  GatherPass(const GatherPass &) = delete;
  ~GatherPass() {
    for (int i = 0; i < held_; ++i) place(i)->~One();
  }

  bool ready() const { return ready_; }
  Index flops() const { return plan_.flops(); }

  Index workspace(int threads) const {
    Index bytes = 0;
    each([&](const Gather<T> &pass) { bytes = most(bytes, pass.bytes(threads)); });
    return bytes;
  }

  int run(Source<T> source, const T *weights, Result<T> destination, const Team &team) const {
    // Beyond the edges of grad_out dx has no products, where a band has zeros: a W that is not finite
    // would show them.
    if (plan_.kind == kInputGradient &&
        !all_finite(weights, plan_.groups * plan_.weights_of_group()))
      return DXDW_DECLINED;
    const Index elements =
        plan_.batch * plan_.groups * plan_.destinations * plan_.destination_plane();
    if (!covers_ && !clear_all(destination, elements, team)) return DXDW_CANCELLED;
    int status = DXDW_DONE;
    const bool memory = each([&](const Gather<T> &pass) {
      if (status == DXDW_DONE) status = pass.run(source, weights, destination, team);
    });
    return memory ? status : int(DXDW_NO_MEMORY);
  }

 private:
  static constexpr int kHeld = 4;

  struct One {
    One(const Plan &plan, const Phase &phase, const Phase *other) : pass(plan, phase, other) {}
    Tables tables;
    Gather<T> pass;
  };

  One *place(int i) { return reinterpret_cast<One *>(memory_ + i * sizeof(One)); }
  const One *place(int i) const { return reinterpret_cast<const One *>(memory_ + i * sizeof(One)); }

  // fn(pass) of all; false where there was no memory for one that is not held.
  template <class F>
  bool each(const F &fn) const {
    bool memory = true;
    for (int i = 0; i < held_; ++i) fn(place(i)->pass);
    int index = 0;
    if (held_ == kHeld)
      each_pass(plan_, [&](const Phase &phase, const Phase *other) {
        if (index++ < kHeld || !memory) return;
        One one(plan_, phase, other);
        memory = one.pass.prepare(one.tables);
        if (memory) fn(one.pass);
      });
    return memory;
  }

  const Plan plan_;
  int held_ = 0;
  bool ready_ = true, covers_ = true;
  alignas(One) char memory_[kHeld * sizeof(One)];
};

}  // namespace
}  // namespace dxdw
