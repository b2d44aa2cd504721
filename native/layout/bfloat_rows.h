// What a product along positions reads, for dW by blocks of bfloat16: one side channel by channel, and the
// other in pairs of positions.
#pragma once
#include <atomic>

#include "layout/bfloat_parts.h"

namespace dxdw {
namespace {

// The magnitudes that several threads have seen.
class SharedRange {
 public:
  void add(const MagnitudeRange &seen) {
    for (uint32_t old = top_.load(); seen.top > old && !top_.compare_exchange_weak(old, seen.top);) {}
    for (uint32_t old = least_.load(); seen.least < old && !least_.compare_exchange_weak(old, seen.least);) {}
  }
  MagnitudeRange seen() const {
    MagnitudeRange all;
    all.top = top_.load(), all.least = least_.load();
    return all;
  }

 private:
  std::atomic<uint32_t> top_{0}, least_{0xffffffff};
};

typedef uint16_t Halves __attribute__((vector_size(DXDW_VECTOR_BYTES)));

template <int... I>
DXDW_INLINE Halves upper_halves(Magnitudes a, Magnitudes b, Sequence<I...>) {
  return __builtin_shufflevector(reinterpret_cast<Halves>(a), reinterpret_cast<Halves>(b), (2 * I + 1)...);
}

// A part of two vectors, one after the other; they keep what is left.
template <int Parts>
DXDW_INLINE Halves next_part(Vector<float> &a, Vector<float> &b) {
  const Magnitudes first = next_part<Parts>(a), second = next_part<Parts>(b);
  return upper_halves(first, second, typename SequenceTo<2 * lanes<float>>::type{});
}

// The parts of n values, `part` elements apart; nothing else is written.
template <int Parts, class S>
DXDW_APART void store_row_of(const S *from, Index n, uint16_t *to, Index part, RangeOfVectors &watch) {
  constexpr Index both = 2 * lanes<float>;
  const auto store_both = [&](const auto *values, uint16_t *at, Index apart) DXDW_LAMBDA {
    Vector<float> a = load(values), b = load(values + lanes<float>);
    watch.add(a), watch.add(b);
#pragma GCC unroll 3
    for (int p = 0; p < Parts; ++p) {
      const Halves bits = next_part<Parts>(a, b);
      memcpy(at + p * apart, &bits, sizeof bits);
    }
  };
  Index i = 0;
  for (; i + both <= n; i += both) store_both(from + i, to + i, part);
  if (i == n) return;
  S rest[both] = {};
  uint16_t few[Parts * both];
  memcpy(rest, from + i, (n - i) * sizeof *rest);
  store_both(rest, few, both);
  for (int p = 0; p < Parts; ++p) memcpy(to + p * part + i, few + p * both, (n - i) * sizeof *few);
}

template <class S>
DXDW_INLINE void store_row(int parts, const S *from, Index n, uint16_t *to, Index part, RangeOfVectors &watch) {
  if constexpr (is_narrow<S>)
    store_row_of<1>(from, n, to, part, watch);
  else
    with_parts(parts, [&](auto count) { store_row_of<count.value>(from, n, to, part, watch); });
}

// Rows in pairs of their values: to[value / 2][16 rows][2], of whole vectors of pairs from the first on.
inline void store_pairs_of(const uint16_t *const (&row)[16], Index values, uint16_t *to) {
  constexpr Index n = lanes<float>;
  for (Index i = 0; i < values; i += 2 * n)
    for (Index k = 0; k < 16; k += n) {
      Vector<float> pairs[n];
#pragma GCC unroll 16
      for (Index j = 0; j < n; ++j) memcpy(&pairs[j], row[k + j] + i, sizeof pairs[j]);
      transpose_block<float>(pairs);
#pragma GCC unroll 16
      for (Index j = 0; j < n; ++j) memcpy(to + (i / 2 + j) * 32 + 2 * k, &pairs[j], sizeof pairs[j]);
    }
}

// Of a kernel of one tap, every plane as one row.
inline Pass flat_planes(const Plan &plan, const Pass &pass) {
  Pass flat = pass;
  if (!is_product(plan, pass)) return flat;
  for (int a = 0; a < 3; ++a) {
    flat.source_size[a] = a == 2 ? plan.source_plane() : 1;
    flat.axis[a].count = flat.source_size[a];
  }
  return flat;
}

// Rows of images one after the other: of so many segments, each `step` long, that hold rows every `pitch`.
// Between the rows nothing stands.
struct Positions {
  Index segments, step, pitch, columns;
};

// Where the positions [first, last) stand in a channel, in runs.
class PositionRuns {
 public:
  static constexpr Index kMost = 256;

  struct Run {
    Index at, count, element;
  };

  // start(segment): where its first row begins; rows(segment): how many it has. `row` and `column`: from one to
  // the next.
  template <class Start, class Rows>
  PositionRuns(const Positions &all, Index first, Index last, Index row, Index column, const Start &start,
               const Rows &rows) {
    for (Index p = first; p < last;) {
      const Index segment = p / all.step, own = p % all.step, r = own / all.pitch, q = own % all.pitch;
      const Index to_next = least(all.step - own, all.pitch - q);
      if (r < rows(segment) && q < all.columns) {
        const Run here = {p - first, least(all.columns - q, last - p), start(segment) + r * row + q * column};
        Run *before = count_ ? run_ + count_ - 1 : nullptr;
        // Rows without a gap are one.
        if (before && before->at + before->count == here.at && before->element + before->count * column == here.element)
          before->count += here.count;
        else
          run_[count_++] = here;
      }
      p += to_next;
    }
  }

  Index count() const { return count_; }
  const Run *begin() const { return run_; }
  const Run *end() const { return run_ + count_; }

 private:
  Run run_[kMost];
  Index count_ = 0;
};

// The parts of channels, to[part][channel][ld], `count` positions of each: what stands in the runs, and zeros
// between. line: of `width` times kMost.
template <class S>
void store_runs(int parts, const S *from, const Strides &at, Index width, Index column, const PositionRuns &runs,
                Index count, uint16_t *to, Index ld, Index part, float *line, RangeOfVectors &watch) {
  constexpr Index most_runs = 4, kMost = PositionRuns::kMost;
  if (column == 1 && !at.channels_last() && runs.count() <= most_runs) {  // long ones, from where they are
    for (Index k = 0; k < width; ++k, to += ld) {
      const S *own = from + k * at.channel;
      Index done = 0;
      for (const auto &run : runs) {
        // The next channel is too far off for the CPU to foresee: a fifth of a pass over 64 and 256 of them.
        prefetch<false>(own + run.element + at.channel, run.count);
        for (int p = 0; p < parts; ++p) memset(to + p * part + done, 0, (run.at - done) * sizeof *to);
        store_row(parts, own + run.element, run.count, to + run.at, part, watch);
        done = run.at + run.count;
      }
      for (int p = 0; p < parts; ++p) memset(to + p * part + done, 0, (count - done) * sizeof *to);
    }
    return;
  }
  memset(line, 0, width * kMost * sizeof *line);
  for (const auto &run : runs)
    if (at.channels_last()) {
      read_transposed(from + run.element, column, run.count, width, line + run.at, kMost);
    } else {
      for (Index k = 0; k < width; ++k) {
        const S *own = from + k * at.channel + run.element;
        prefetch<false>(own + at.channel, run.count * column);
        if (column == 1)
          copy_widened(line + k * kMost + run.at, own, run.count);
        else
          copy_strided(line + k * kMost + run.at, own, run.count, column);
      }
    }
  for (Index k = 0; k < width; ++k) store_row(parts, line + k * kMost, count, to + k * ld, part, watch);
}

}  // namespace
}  // namespace dxdw
