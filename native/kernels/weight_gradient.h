// dW by the definition: a matrix product of grad_out with shifted rows of x.
//
//   dW[o,c,t] = Σ_s g[o, s] · band[c, s + offset_t]
//
// The positions are split into chunks, each a sum of its own: by the problem's shape alone, so that
// every number of threads gives the same bits. The chunks' sums are added in pairs.
#pragma once
#include <utility>

#include "api/dxdw.h"
#include "kernels/gather.h"
#include "kernels/sums_in_pairs.h"
#include "tiles/transpose.h"
#include "tiles/weight_tiles.h"

namespace dxdw {
namespace {

// Positions that a register sums before its sum is added to the others: the error grows with this
// and the number of such sums, not with their product.
constexpr Index kRun = 512;
// Scratch memory for the chunks' sums, beside half of what the operands take.
constexpr Index kSumBytes = 3 << 20;

template <class T>
class WeightGradient {
 public:
  DXDW_PLANS WeightGradient(const Plan &plan, const Phase &phase)
      : plan_(plan), is_product_(is_product(plan, pass_of(plan, phase))),
        pass_(images_as_rows(plan, pass_of(plan, phase))) {}

  // False where there is no memory for the tables.
  DXDW_PLANS bool prepare(Tables &tables) {
    const Axis *axis = pass_.axis;
    taps_ = axis[0].taps * axis[1].taps * axis[2].taps;
    const Index C = plan_.sources, O = plan_.destinations, rows = axis[1].taps;
    rights_ = C * taps_, lefts_ = O * rows;
    tables.template reserve<Index>(Band::words(pass_) + 2 * (rights_ + lefts_));
    if (!tables.take()) return false;
    Index *memory = tables.template at<Index>(0);
    // Vectors along output channels, where they fill them.
    by_channels_ = fills_vectors<T>(O);
    // Of a single residue a band holds what is read, and no more.
    const bool whole = by_channels_ && !is_one_residue(pass_);
    row_step_ = whole ? pass_.axis[1].step : 1;
    column_step_ = whole ? pass_.axis[2].step : 1;
    band_ = Band(whole ? without_steps(pass_) : pass_, memory);
    at_right_ = memory, to_right_ = at_right_ + rights_;
    at_left_ = to_right_ + rights_, to_left_ = at_left_ + lefts_;

    choose_bands();
    if (pays_mirrored()) mirror();
    list_operands();
    o_padded_ = round_up(plan_.destinations, lanes<T>);
    if (by_channels_) {
      const Index vectors = o_padded_ / lanes<T>;
      o_vectors_ = divide_up(vectors, divide_up(vectors, kVectors));
    } else {
      const PositionSplit tile = position_split(lefts_used_, rights_used_);
      left_blocks_ = divide_up(lefts_used_, tile.left), right_ = tile.right;
    }
    sum_elements_ = by_channels_ ? rights_ * o_padded_ : O * C * taps_;
    choose_chunks();

    x_elements_ = in_place_ ? 0 : C * band_.channel + (kVectors + band_.pitch) * lanes<T>;
    transposed_elements_ = most<Index>(1, kRun) * (by_channels_ ? o_vectors_ * lanes<T> : lanes<T>);
    g_elements_ = by_channels_ ? 0 : O * g_channel_;
    spare_elements_ = by_channels_ ? 0 : rights_ * lanes<T>;
    slot_elements_ = round_up(x_elements_ + transposed_elements_ + g_elements_ + spare_elements_,
                              kAlignment / Index(sizeof(T)));
    return true;
  }

  Index bytes(int threads) const {
    return (plan_.groups * chunks_ * sum_elements_ + threads * slot_elements_) * Index(sizeof(T));
  }

  // dW of all positions; or of those parts, added to what stands there. As in Gather, a run is a copy.
  int run(Source<T> grad_out, Source<T> x, T *dW, const Team &team, const Part *parts = nullptr,
          Index part_count = 0) const {
    return WeightGradient(*this).run_own(grad_out, x, dW, team, parts, part_count);
  }

 private:
  DXDW_PLANS int run_own(Source<T> grad_out, Source<T> x, T *dW, const Team &team, const Part *parts,
              Index part_count) {
    Workspace memory;
    const Index at_sums = memory.reserve<T>(plan_.groups * chunks_ * sum_elements_);
    const Index at_slots = memory.reserve<T>(slot_elements_ * team.threads);
    if (!memory.take()) return DXDW_NO_MEMORY;
    sums_ = memory.at<T>(at_sums), slots_ = memory.at<T>(at_slots);
    g_ = mirrored_ ? x : grad_out, x_ = mirrored_ ? grad_out : x;
    const Index depths = pass_.axis[0].count, rows = pass_.axis[1].count;
    const Index bands = parts ? part_count : pass_.batch * depths * bands_;
    const bool whole = parallel_for(
        team, plan_.groups * chunks_ * splits_, [&](Index item, int slot) {
          const Index split = item % splits_, chunk = item / splits_ % chunks_;
          const Index group = item / splits_ / chunks_;
          T *sum = sums_ + (group * chunks_ + chunk) * sum_elements_;
          const Share share = share_of(split);
          clear(sum, share);
          for (Index b = chunk * bands / chunks_; b < (chunk + 1) * bands / chunks_; ++b) {
            if (parts) {
              const Part &part = parts[b];
              for (Index first = 0; first < part.count; first += height_)
                piece(part.image, group, 0, part.first + first,
                      least(height_, part.count - first), share, sum, slot, team);
            } else {
              const Index band = b % bands_, depth = b / bands_ % depths;
              const Index first = band * rows / bands_;
              piece(b / bands_ / depths, group, depth, first, (band + 1) * rows / bands_ - first,
                    share, sum, slot, team);
            }
          }
        });
    if (!whole) return DXDW_CANCELLED;
    const Index blocks = divide_up(rights_, 64);
    return parallel_for(team, plan_.groups * blocks,
                        [&](Index item, int) {
                          const Index group = item / blocks, b = item % blocks;
                          finish(group, b * 64, least(rights_, (b + 1) * 64),
                                 dW + group * plan_.weights_of_group(), parts != nullptr);
                        })
               ? DXDW_DONE
               : DXDW_CANCELLED;
  }

  void choose_bands() {
    const Index rows = pass_.axis[1].count;
    const Index row_bytes =
        (plan_.sources * band_.elements_of_row() +
         (by_channels_ ? 0 : plan_.destinations * band_.pitch)) * Index(sizeof(T));
    const Index images = pass_.batch * pass_.axis[0].count;
    Index height = (nominal().band / row_bytes - band_.halo() - 1) / row_step_ + 1;
    height = most(height, most<Index>(1, 2 * band_.halo()));
    // Short bands only where each may have a sum of its own.
    const Index sums = sum_bytes() / (plan_.groups * rights_ * plan_.destinations * Index(sizeof(T)));
    const Index wanted = least(least(Tuning::pieces, sums), plan_.flops() / Tuning::piece / plan_.groups);
    if (images * divide_up(rows, height) < wanted)
      height = least(height, most(divide_up(rows, divide_up(wanted, images)), 2 * band_.halo()));
    height = least(most<Index>(height, 1), rows);
    bands_ = divide_up(rows, height);
    height_ = divide_up(rows, bands_);
    band_.set_height(rows_of_band(height_));
  }

  Index rows_of_band(Index count) const { return (count - 1) * row_step_ + 1; }

  Index sum_bytes() const {
    const Index operands = plan_.batch * plan_.groups *
                           (plan_.sources * plan_.source_plane() +
                            plan_.destinations * plan_.destination_plane());
    return kSumBytes + operands * Index(sizeof(T)) / 2;
  }

  void choose_chunks() {
    const Index bytes = sum_bytes();
    const Index all = plan_.groups * sum_elements_ * Index(sizeof(T));
    const Index bands = pass_.batch * pass_.axis[0].count * bands_;
    const Index wanted = most<Index>(1, least(Tuning::pieces, plan_.flops() / Tuning::piece));
    chunks_ = most<Index>(1, least(least(bands, bytes / all), divide_up(wanted, plan_.groups)));
    const Index pieces = plan_.groups * chunks_;
    splits_ = pieces < wanted ? least(plan_.sources, divide_up(wanted, pieces)) : 1;
    if (in_place_)
      splits_ = least(splits_, divide_up(plan_.destinations, o_vectors_ * lanes<T>));
    else if (by_channels_ && splits_ > 1)  // whole register tiles of a split's channels
      splits_ = least(splits_, most<Index>(1, plan_.sources * taps_ / (4 * kMostChannels)));
  }

  // A kernel of one tap that steps over nothing multiplies channels of x with channels of grad_out, and
  // either may be transposed for the other: the one that takes fewer cycles for each position, of products
  // and of transposing, which is as much as eight of them. 64 channels to 256 of 56 × 56: 1.2 times as fast as with grad_out's transposed.
  bool pays_mirrored() const {
    const auto cycles = [](Index transposed, Index other) {
      return divide_up(transposed, lanes<T>) * (other + 8);
    };
    return by_channels_ && is_product_ && !plan_.narrow() && fills_vectors<T>(plan_.sources) &&
           !pass_.destination.channels_last() && !pass_.source.channels_last() &&
           cycles(plan_.sources, plan_.destinations) < cycles(plan_.destinations, plan_.sources);
  }

  // x in grad_out's place, and the other way round: the same products, in the same order.
  void mirror() {
    mirrored_ = true;
    std::swap(plan_.sources, plan_.destinations);
    std::swap(pass_.source, pass_.destination);
    rights_ = plan_.sources, lefts_ = plan_.destinations;
    to_right_ = at_right_ + rights_, at_left_ = to_right_ + rights_, to_left_ = at_left_ + lefts_;
  }

  // A left operand is a channel of g, a right one a channel of x at a tap. Few output channels also
  // take the kernel's rows to the left: a shift of x by a row is one of g the other way.
  void list_operands() {
    const Axis *axis = pass_.axis;
    const Index C = plan_.sources, O = plan_.destinations, T_ = taps_;
    rows_left_ = !by_channels_ && O <= 3 && axis[1].taps > 1 && band_.row.count == 1;
    in_place_ = !plan_.narrow() && by_channels_ && reads_inside(pass_) && !is_one_residue(pass_) &&
                !pass_.source.channels_last();
    pitch_ = row_step_ * (in_place_ ? pass_.source.row : band_.pitch);
    g_rows_ = height_ + (rows_left_ ? 2 * band_.halo() : 0);
    g_channel_ = round_up(g_rows_ * band_.pitch, lanes<T>) + lanes<T>;  // zeros past the end
    Index n = 0;
    for (Index c = 0; c < C; ++c)
      for (Index d = 0; d < axis[0].taps; ++d)
        for (Index h = 0; h < axis[1].taps; ++h)
          for (Index w = 0; w < axis[2].taps; ++w) {
            const Index tap = plan_.weight_tap(axis[0].tap[d], axis[1].tap[h], axis[2].tap[w]);
            if (!rows_left_) {
              at_right_[n] = in_place_ ? c * pass_.source.channel + offset_in_place(pass_, d, h, w)
                                       : c * band_.channel + band_.offset(d, h, w);
              to_right_[n++] = c * T_ + tap;
            } else if (h == 0) {
              at_right_[n] = c * band_.channel + band_.offset(d, 0, w) -
                             (band_.row.shift[0] - band_.row.least) * band_.pitch;
              to_right_[n++] = c * T_ + tap - axis[1].tap[0] * plan_.kernel_size[2];
            }
          }
    rights_used_ = n;
    in_order_ = true;
    for (Index i = 0; i < n; ++i) in_order_ = in_order_ && to_right_[i] == i;
    n = 0;
    for (Index o = 0; o < O; ++o)
      for (Index h = 0; h < (rows_left_ ? axis[1].taps : 1); ++h) {
        const Index up = rows_left_ ? band_.row.shift[h] - band_.row.least : 0;
        at_left_[n] = o * g_channel_ + (rows_left_ ? band_.halo() - up : 0) * band_.pitch;
        to_left_[n++] = o * C * T_ + (rows_left_ ? axis[1].tap[h] * plan_.kernel_size[2] : 0);
      }
    lefts_used_ = n;
  }

  // What a split computes: of those source channels and those output channels.
  struct Share {
    Index c, last_c, o, last_o;
  };

  // By output channels where x is read in place: by source channels every split would transpose all
  // of g, by output channels every one would copy all of x.
  Share share_of(Index split) const {
    const Index C = plan_.sources, O = plan_.destinations;
    if (!in_place_) return {split * C / splits_, (split + 1) * C / splits_, 0, O};
    const Index block = o_vectors_ * lanes<T>, blocks = divide_up(O, block);
    return {0, C, split * blocks / splits_ * block,
            least(O, (split + 1) * blocks / splits_ * block)};
  }

  void clear(T *sum, const Share &share) const {
    const Index taps = (share.last_c - share.c) * taps_;
    if (!by_channels_) {
      for (Index o = 0; o < plan_.destinations; ++o)
        memset(sum + (o * plan_.sources + share.c) * taps_, 0, taps * sizeof(T));
    } else {
      const Index width = round_up(share.last_o - share.o, lanes<T>);
      for (Index k = 0; k < taps; ++k)
        memset(sum + (share.c * taps_ + k) * o_padded_ + share.o, 0, width * sizeof(T));
    }
  }

  // Adds the sums over rows [first, first + count) for source channels [c, last_c).
  void piece(Index image, Index group, Index depth, Index first, Index count, const Share &share,
             T *sum, int slot, const Team &team) {
    const Index c = share.c, last_c = share.last_c;
    T *copied = slots_ + slot * slot_elements_;
    const Source<T> source = x_ + image * pass_.source.image + group * pass_.source.group;
    const T *x = copied;
    if (!in_place_) {
      band_.copy_channels(source + c * pass_.source.channel, last_c - c, depth, first * row_step_,
                          rows_of_band(count), copied + c * band_.channel, team);
      // Whole vectors are read, from every column shift, past the end.
      const Index past = band_.column.most - band_.column.least + kVectors * lanes<T>;
      memset(copied + last_c * band_.channel, 0, past * sizeof(T));
    } else {
      x = source.plain() + depth * pass_.axis[0].step * pass_.source.depth + first * pitch_;
    }
    const Source<T> g = g_ + image * pass_.destination.image + group * pass_.destination.group +
                        depth * pass_.destination.depth + first * pass_.destination.row;
    T *transposed = copied + x_elements_;
    if (by_channels_) {
      for (Index o = share.o; o < share.last_o; o += o_vectors_ * lanes<T>)
        sum_channels(x, g, o, least(o_vectors_ * lanes<T>, share.last_o - o), count,
                      c * taps_, last_c * taps_, transposed, sum + o, o_padded_, team);
    } else if (all_finite(x + c * band_.channel, (last_c - c) * band_.channel)) {
      sum_positions(x, g, count, c, last_c, transposed + transposed_elements_, sum, team);
    } else {
      // The other way multiplies x by zeros between the rows, which NaN and Inf would show.
      T *spare = transposed + transposed_elements_ + g_elements_;
      for (Index o = 0; o < plan_.destinations && !cancelled(team); o += lanes<T>) {
        const Index width = least(lanes<T>, plan_.destinations - o);
        memset(spare, 0, rights_ * lanes<T> * sizeof(T));
        sum_channels_by_tap(x, g, o, width, count, c, last_c, transposed, spare, team);
        for (Index i = 0; i < width; ++i)
          for (Index k = c * taps_; k < last_c * taps_; ++k)
            sum[(o + i) * rights_ + k] += spare[k * lanes<T> + i];
      }
    }
  }

  void sum_channels(const T *x, Source<T> g, Index o, Index width, Index count, Index k,
                     Index last_k, T *transposed, T *sum, Index ld, const Team &team) const {
    const Index V = divide_up(width, lanes<T>);
    const Index tall = least(kMostChannels, kAccumulators / V), step = column_step_;
    const Index blocks = divide_up(last_k - k, tall);
    each_run(count, pass_.axis[2].count, kRun, [&](Index r, Index rows, Index q, Index columns) {
      if (cancelled(team)) return;
      transpose_run(g, pass_.destination, o, width, r, rows, q, columns, transposed, V * lanes<T>);
      // Rows that follow each other without a gap are one.
      if (pitch_ == columns * step) columns *= rows, rows = 1;
      for (Index b = 0; b < blocks && !cancelled(team); ++b) {
        const Index start = k + b * (last_k - k) / blocks;
        const Index M = k + (b + 1) * (last_k - k) / blocks - start;
        channel_tiles<T>.of(M, V)(x + r * pitch_ + q * step, at_right_ + start, pitch_, step,
                                       transposed, V * lanes<T>, rows, columns, sum + start * ld,
                                       ld);
      }
    });
  }

  // The same for few output channels, of which sum[(c·taps + tap)·lanes + o].
  void sum_channels_by_tap(const T *x, Source<T> g, Index o, Index width, Index count, Index c,
                            Index last_c, T *transposed, T *sum, const Team &team) const {
    const Axis *axis = pass_.axis;
    each_run(count, pass_.axis[2].count, kRun, [&](Index r, Index rows, Index q, Index columns) {
      transpose_run(g, pass_.destination, o, width, r, rows, q, columns, transposed, lanes<T>);
      for (Index i = c; i < last_c && !cancelled(team); ++i)
        for (Index d = 0; d < axis[0].taps; ++d)
          for (Index h = 0; h < axis[1].taps; ++h)
            for (Index w = 0; w < axis[2].taps; ++w) {
              const Index at = i * band_.channel + band_.offset(d, h, w);
              const Index tap = plan_.weight_tap(axis[0].tap[d], axis[1].tap[h], axis[2].tap[w]);
              channel_tiles<T>.of(1, 1)(x + r * band_.pitch + q, &at, band_.pitch, 1,
                                             transposed, lanes<T>, rows, columns,
                                             sum + (i * taps_ + tap) * lanes<T>, lanes<T>);
            }
    });
  }

  void sum_positions(const T *x, Source<T> grad_out, Index count, Index c, Index last_c, T *g,
                      T *sum, const Team &team) const {
    // g in x's pitch: zero where no output stands, at the ends of rows and around the band.
    const Index pitch = band_.pitch, columns = pass_.axis[2].count;
    const Index above = rows_left_ ? band_.halo() : 0;
    for (Index o = 0; o < plan_.destinations && !cancelled(team); ++o) {
      T *to = g + o * g_channel_;
      memset(to, 0, above * pitch * sizeof(T));
      for (Index r = 0; r < count; ++r) {
        T *line = to + (above + r) * pitch;
        const Source<T> from = grad_out + o * pass_.destination.channel + r * pass_.destination.row;
        if (pass_.destination.channels_last())
          copy_strided(line, from, columns, pass_.destination.column);
        else
          copy_widened(line, from, columns);
        for (Index i = columns; i < pitch; ++i) line[i] = 0;
      }
      const Index end = (above + count) * pitch;
      memset(to + end, 0, (g_channel_ - end) * sizeof(T));
    }
    const Index positions = rows_left_ ? (count + above) * pitch : (count - 1) * pitch + columns;
    const Index per_channel = rights_used_ / plan_.sources;
    const Index first = c * per_channel, last = last_c * per_channel;
    const Index blocks = divide_up(last - first, right_);
    // A run of positions stays in the L1 cache while all tiles pass over it.
    const Index run = kRun * lanes<T> / 4;
    for (Index s = 0; s < positions; s += run) {
      const Index vectors = divide_up(least(run, positions - s), lanes<T>);
      for (Index i = 0; i < left_blocks_; ++i) {
        const Index a = i * lefts_used_ / left_blocks_;
        const Index A = (i + 1) * lefts_used_ / left_blocks_ - a;
        for (Index j = 0; j < blocks && !cancelled(team); ++j) {
          const Index b = first + j * (last - first) / blocks;
          const Index B = first + (j + 1) * (last - first) / blocks - b;
          position_tiles<T>.of(A, B)(g + s, at_left_ + a, to_left_ + a, x + s, at_right_ + b,
                                          to_right_ + b, vectors, sum);
        }
      }
    }
  }

  // Adds the chunks' sums in pairs, for the right operands [k, last), and puts them where dW is.
  void finish(Index group, Index k, Index last, T *dW, bool add) const {
    T *sums = sums_ + group * chunks_ * sum_elements_;
    const Index O = plan_.destinations;
    const Index n = by_channels_ ? (last - k) * o_padded_ : last - k;
    const Index pieces = by_channels_ ? 1 : O;
    for (Index piece = 0; piece < pieces; ++piece) {
      T *start = sums + (by_channels_ ? k * o_padded_ : piece * rights_ + k);
      add_in_pairs(start, chunks_, sum_elements_, n);
    }
    if (mirrored_) {
      for (Index i = k; i < last; ++i)
        for (Index o = 0; o < O; ++o) {
          T *to = dW + i * O + o;
          *to = add ? *to + sums[i * o_padded_ + o] : sums[i * o_padded_ + o];
        }
      return;
    }
    if (by_channels_ && !add && in_order_) {
      write_transposed(sums + k * o_padded_, o_padded_, last - k, O, dW + k, rights_, 1);
      return;
    }
    for (Index o = 0; o < O; ++o)
      for (Index i = k; i < last; ++i) {
        // Right operands by channel and tap as listed; taps of dW where the kernel has them.
        const T value = by_channels_ ? sums[i * o_padded_ + o] : sums[o * rights_ + i];
        T *to = dW + o * rights_ + (by_channels_ ? to_right_[i] : i);
        *to = add ? *to + value : value;
      }
  }

  Plan plan_;
  bool is_product_;
  Pass pass_;
  Band band_;
  Index taps_ = 0, rights_ = 0, lefts_ = 0, rights_used_ = 0, lefts_used_ = 0;
  Index *at_right_ = nullptr, *to_right_ = nullptr, *at_left_ = nullptr, *to_left_ = nullptr;
  bool by_channels_ = false, mirrored_ = false, rows_left_ = false, in_place_ = false, in_order_ = false;
  Index height_ = 1, row_step_ = 1, column_step_ = 1, pitch_ = 0;
  Index o_vectors_ = 1, o_padded_ = 0;
  Index right_ = 1, left_blocks_ = 1;
  Index bands_ = 1, chunks_ = 1, splits_ = 1, g_rows_ = 0, g_channel_ = 0;
  Index sum_elements_ = 0, x_elements_ = 0, transposed_elements_ = 0, g_elements_ = 0;
  Index spare_elements_ = 0, slot_elements_ = 0;
  T *sums_ = nullptr, *slots_ = nullptr;
  Source<T> g_, x_;
};

template <class T>
class WeightGradientPass {
 public:
  static constexpr Kind kKind = kWeightGradient;

  explicit WeightGradientPass(const int64_t *words)
      : plan_(view(words)), phase_(first_phase(plan_)), pass_(plan_, phase_),
        ready_(pass_.prepare(tables_)) {}

  bool ready() const { return ready_; }
  Index flops() const { return plan_.flops(); }
  Index workspace(int threads) const { return pass_.bytes(threads); }
  int run(Source<T> grad_out, Source<T> x, T *dW, const Team &team) const {
    return pass_.run(grad_out, x, dW, team);
  }

 private:
  const Plan plan_;
  const Phase phase_;
  Tables tables_;
  WeightGradient<T> pass_;
  const bool ready_;
};

}  // namespace
}  // namespace dxdw
