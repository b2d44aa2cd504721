// Which tiles Winograd's transforms may take.
//
// They are stable in the norm of a tile, not in each element: values far above the others of their
// tile cost those their digits, and one NaN or Inf spreads over it. Such tiles go to the direct
// kernels, and so do magnitudes that could overflow or vanish on the way.
//
// What counts is not how far a value is above the mean, which a second one lifts, but what each sum
// reads of it all. In forward and dx the sum over the channels of a tile's largest magnitudes is at
// most kWidestRange times the sum of the magnitudes in the window of each output. dW pairs places of x
// with places of grad_out: of their sums over the channels, the product of the largest of both is at
// most kWidestProduct times what each tap sums of such products. Sums of zeros alone are left to be
// rounding noise.
#pragma once
#include "layout/winograd_tiles.h"

namespace dxdw {
namespace {

template <class T>
struct Guard;
template <>
struct Guard<float> {
  typedef int32_t Bits __attribute__((vector_size(DXDW_VECTOR_BYTES)));
  static constexpr int32_t magnitude = 0x7fffffff;
  static constexpr float largest = 0x1p40f, smallest = 0x1p-40f;
};
template <>
struct Guard<double> {
  typedef int64_t Bits __attribute__((vector_size(DXDW_VECTOR_BYTES)));
  static constexpr int64_t magnitude = 0x7fffffffffffffff;
  static constexpr double largest = 0x1p300, smallest = 0x1p-300;
};

// On Gaussian data the range is 0.4; where the corner of a mask is all that a window has, about 3. At
// its widest the worst error was 3e-5 to 2e-4 of an output's own Σ|W||x| in float32, measured with one
// large value and 16 to 256 channels.
constexpr double kWidestRange = 16;
// The same of a product, whose tap sums those of all tiles, and of each of its factors.
constexpr double kWidestProduct = 64, kWidestFactor = 8;
static_assert(kWidestFactor * kWidestFactor <= kWidestProduct, "of both together");

template <class T>
DXDW_INLINE Vector<T> magnitude(Vector<T> v) {
  using Bits = typename Guard<T>::Bits;
  return reinterpret_cast<Vector<T>>(reinterpret_cast<Bits>(v) & Guard<T>::magnitude);
}

template <class T>
DXDW_INLINE Vector<T> larger(Vector<T> a, Vector<T> b) {
  return a > b ? a : b;
}

template <class T, int Width, int... I>
DXDW_INLINE T largest_half(Vector<T> v, Sequence<I...> all) {
  if constexpr (Width == 0)
    return v[0];
  else
    return largest_half<T, Width / 2>(larger<T>(v, __builtin_shufflevector(v, v, (I ^ Width)...)),
                                      all);
}

template <class T>
DXDW_INLINE T largest_lane(Vector<T> v) {
  return largest_half<T, lanes<T> / 2>(v, typename SequenceTo<lanes<T>>::type{});
}
// The largest magnitude of values[0 … n), NaN or Inf where one is.
template <class T>
T largest_magnitude(const T *values, Index n) {
  Vector<T> top = {}, sum = {};
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) {
    const Vector<T> v = magnitude<T>(load(values + i));
    top = larger<T>(v, top), sum += v * T(0);
  }
  T result = largest_lane<T>(top), not_finite = sum_of_lanes<T>(sum);
  for (; i < n; ++i) {
    const T v = values[i] < 0 ? -values[i] : values[i];
    result = most(result, v), not_finite += v * T(0);
  }
  return result + not_finite;
}

template <class T>
bool is_finite(T v) {
  return v - v == 0;
}

template <class T>
bool magnitude_fits(T largest) {
  return largest == 0 || (largest <= Guard<T>::largest && largest >= Guard<T>::smallest);
}

// Who reads a tile: the windows of outputs, or dW, as x or as grad_out.
enum class Reader { kWindows, kTapsOfX, kTapsOfGradOut };

// A row of tiles: where in the source its first value stands, how far its rows are apart, and how
// many of a whole tile's destinations it has.
struct TileRow {
  Index image, row, column, apart, destinations;
};

// Two places along an axis, at one of which each window reads a value; each tap of dW at one of x's and
// at one of grad_out's together. There are not always two such. To watch pairs of values instead,
// whose sums vary less, took 5 % of the kernel's time.
struct Watched {
  Index first, second;
  bool all;
};

inline Watched watched(Reader reader, Index taps, Index destinations) {
  if (reader == Reader::kWindows) {
    const Index middle = (destinations + taps) / 2 - 1;
    if (destinations <= taps) return {middle, middle, true};
    return {taps - 1, destinations - 1, destinations <= 2 * taps};
  }
  if (taps > 3 || destinations < 2) return {0, 0, false};
  const Index first = (destinations > 2) + (reader == Reader::kTapsOfX);
  return {first, first + 1, true};
}

// What is gathered of a tile while its channels go by, with a vector's lanes apart.
template <class T>
struct Seen {
  static constexpr int kVectors = 6;
  T *at;

  // Of a vector of channels: their largest magnitudes, and those at the watched places.
  template <class At>
  DXDW_INLINE void add(Vector<T> top, const Watched &down, const Watched &across, const At &at_place) {
    const Vector<T> watched[4] = {
        at_place(down.first, across.first), at_place(down.first, across.second),
        at_place(down.second, across.first), at_place(down.second, across.second)};
    store(at, larger<T>(load(at), top));
    store(at + lanes<T>, load(at + lanes<T>) + top);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      T *sum = at + (2 + i) * lanes<T>;
      store(sum, load(sum) + watched[i]);
    }
  }

  T top() const { return largest_lane<T>(load(at)); }
  T tops() const { return sum_of_lanes<T>(load(at + lanes<T>)); }
  T least_watched() const {
    T result = sum_of_lanes<T>(load(at + 2 * lanes<T>));
    for (int i = 3; i < kVectors; ++i) result = least(result, sum_of_lanes<T>(load(at + i * lanes<T>)));
    return result;
  }
};

// What is known of a row of tiles: all may be transformed, or not; or its places have to be looked at.
enum class Sight { kFit, kUnclear, kUnfit };

// By what was seen of the tiles while their channels went by.
template <class T>
Sight sight(T *seen, Reader reader, const TileRow &where, const TiledAxis &across) {
  const T widest = T(reader == Reader::kWindows ? kWidestRange : kWidestFactor);
  const Index taps = beside(int(across.side));
  bool clear = watched(reader, taps, where.destinations).all;
  for (Index tile = 0; tile < across.tiles; ++tile) {
    const Seen<T> own = {seen + tile * Seen<T>::kVectors * lanes<T>};
    if (!magnitude_fits(own.top())) return Sight::kUnfit;
    clear = clear && watched(reader, taps, across.destinations(tile)).all &&
            own.tops() <= widest * own.least_watched();
  }
  return clear ? Sight::kFit : Sight::kUnclear;
}

template <class T>
void add_products(T *to, const T *a, const T *b, Index n) {
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>)
    store(to + i, load(to + i) + load(a + i) * load(b + i));
  for (; i < n; ++i) to[i] += a[i] * b[i];
}
template <class T>
void raise(T *to, const T *from, Index n) {
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) store(to + i, larger<T>(load(from + i), load(to + i)));
  for (; i < n; ++i) to[i] = most(to[i], from[i]);
}

// to[j] += Σ_c |line[c·channel + j·column]| for low ≤ j < high; to[j] is 0 where columns follow each other.
template <class S, class T = Sum<S>>
void add_magnitudes(const S *line, Index channels, const Strides &at, Index low, Index high, T *to) {
  Index j = low;
  for (; !at.channels_last() && j + lanes<T> <= high; j += lanes<T>) {
    Vector<T> sum = {};
    for (Index c = 0; c < channels; ++c) sum += magnitude<T>(load(line + c * at.channel + j));
    store(to + j, sum);
  }
  for (Index c = 0; c < channels; ++c)
    for (Index k = j; k < high; ++k) {
      const T v = value_of(line[c * at.channel + k * at.column]);
      to[k] += v < 0 ? -v : v;
    }
}

// The sums over the channels of magnitudes, one for each place of a row of tiles of size² values.
template <class T>
class PlaceSums {
 public:
  // Writes size · across.span(size) values to `sums`.
  DXDW_APART PlaceSums(const Pass &pass, Source<T> source, Index channels, const TileRow &where,
            const TiledAxis &across, Index size, T *sums)
      : sums_(sums), size_(size), columns_(across.span(size)) {
    memset(sums, 0, size * columns_ * sizeof(T));
    const Index low = least(columns_, most<Index>(0, -where.column));
    const Index high = most(low, least(columns_, pass.source_size[2] - where.column));
    for (Index i = 0; i < size; ++i) {
      const Index h = where.row + i * where.apart;
      if (h < 0 || h >= pass.source_size[1]) continue;
      const Strides &at = pass.source;
      const Source<T> line = source + where.image * at.image + h * at.row + where.column * at.column;
      line.as_stored([&at, channels, low, high, to = sums + i * columns_](auto *p)
                         DXDW_LAMBDA { add_magnitudes(p, channels, at, low, high, to); });
    }
  }

  // What follows its values.
  T *end() const { return sums_ + size_ * columns_; }
  Index columns() const { return columns_; }
  const T *row(Index i) const { return sums_ + i * columns_; }

 private:
  T *sums_;
  Index size_, columns_;
};

// Whether what each output's window sums is no rounding error beside its tile.
template <class T>
bool windows_fit(const PlaceSums<T> &places, T *seen, const TileRow &where, const TiledAxis &across) {
  const Index taps = beside(int(across.side)), columns = places.columns();
  T *down = places.end(), *window = down + columns;
  for (Index a = 0; a < where.destinations; ++a) {
    memset(down, 0, 2 * columns * sizeof(T));
    for (Index u = 0; u < taps; ++u) add(down, places.row(a + u), columns);
    for (Index v = 0; v < taps; ++v)
      add(window, down + v * across.dilation, columns - v * across.dilation);
    for (Index tile = 0; tile < across.tiles; ++tile) {
      const T tops = Seen<T>{seen + tile * Seen<T>::kVectors * lanes<T>}.tops();
      const Index start = across.start(tile), wide = across.destinations(tile);
      for (Index b = 0; b < wide; ++b) {
        const T sum = window[start + b * across.dilation];
        if (sum != 0 && sum * T(kWidestRange) < tops) return false;
      }
    }
  }
  return true;
}

// For each tile the product of the largest of x's places and of grad_out's.
template <class T>
void largest_products(const PlaceSums<T> &x, const PlaceSums<T> &grad_out, const TiledAxis &across,
                      T *room, T *of_tile) {
  const auto largest = [&](const PlaceSums<T> &places, Index size, const auto &tell) {
    memset(room, 0, places.columns() * sizeof(T));
    for (Index i = 0; i < size; ++i) raise(room, places.row(i), places.columns());
    across.each([&](Index tile, Index start) {
      T top = 0;
      for (Index j = 0; j < size; ++j) top = most(top, room[start + j * across.dilation]);
      tell(tile, top);
    });
  };
  largest(x, kPoints, [&](Index tile, T top) { of_tile[tile] = top; });
  largest(grad_out, across.side, [&](Index tile, T top) { of_tile[tile] *= top; });
}

// Whether what each tap of dW sums is none.
template <class T>
bool taps_fit(const PlaceSums<T> &x, const PlaceSums<T> &grad_out, const TiledAxis &across) {
  const Index side = across.side, taps = beside(int(side)), columns = grad_out.columns();
  T *products = grad_out.end(), *largest = products + x.columns();
  largest_products(x, grad_out, across, products, largest);
  bool fit = true;
  for (Index u = 0; u < taps; ++u)
    for (Index v = 0; v < taps; ++v) {
      memset(products, 0, columns * sizeof(T));
      for (Index i = 0; i < side; ++i)
        add_products(products, grad_out.row(i), x.row(i + u) + v * across.dilation, columns);
      across.each([&](Index tile, Index start) {
        T sum = 0;
        for (Index j = 0; j < side; ++j) sum += products[start + j * across.dilation];
        fit &= sum == 0 || sum * T(kWidestProduct) >= largest[tile];
      });
    }
  return fit;
}

}  // namespace
}  // namespace dxdw
