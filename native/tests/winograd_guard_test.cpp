// Winograd's guard, held against its definition: sums of integers, which are exact, place by place.
#include "kernels/winograd.h"

#include <math.h>

#include <vector>

#include "check.h"

using namespace dxdw;

namespace {

unsigned state = 1;

Index below_drawn(Index n) {
  state = state * 1103515245u + 12345u;
  return Index(state >> 16) % n;
}

// Most are small, some far above the others, and some zero.
template <class T>
T drawn_value() {
  const T values[] = {0, 0, 1, 2, 3, 5, 40, 1000};
  return (below_drawn(2) ? 1 : -1) * values[below_drawn(8)];
}

template <class T>
void the_largest_magnitude_is_found_and_what_is_not_finite() {
  for (Index n = 0; n < 3 * lanes<T> + 2; ++n) {
    std::vector<T> values(n);
    T largest = 0;
    for (T &v : values) v = drawn_value<T>(), largest = most(largest, T(fabs(v)));
    CHECK(largest_magnitude(values.data(), n) == largest && is_finite(largest + 1));
    for (T &v : values) {
      const T before = v;
      for (T bad : {T(NAN), T(INFINITY), T(-INFINITY)}) {
        v = bad;
        CHECK(!is_finite(largest_magnitude(values.data(), n)));
      }
      v = -7000;
      CHECK(largest_magnitude(values.data(), n) == 7000);
      v = before;
    }
  }
}

template <class T>
void magnitudes_fit_from_the_smallest_to_the_largest() {
  for (T fits : {T(0), T(1), Guard<T>::smallest, Guard<T>::largest}) CHECK(magnitude_fits(fits));
  for (T not_so : {Guard<T>::smallest / 2, Guard<T>::largest * 2, T(INFINITY), T(NAN)})
    CHECK(!magnitude_fits(not_so));
}

// --- the places that are watched ------------------------------------------------------------------

bool is_one_of(const Watched &places, Index at) { return at == places.first || at == places.second; }

void every_window_and_every_tap_reads_a_watched_place() {
  for (int taps : {3, 5})
    for (Index destinations = 1; destinations <= beside(taps); ++destinations) {
      const Watched windows = watched(Reader::kWindows, taps, destinations);
      CHECK(windows.all);
      for (Index place : {windows.first, windows.second})
        CHECK(place >= 0 && place < destinations + taps - 1);
      for (Index a = 0; a < destinations; ++a) {
        bool seen = false;
        for (Index u = 0; u < taps; ++u) seen |= is_one_of(windows, a + u);
        CHECK(seen);
      }
      const Watched x = watched(Reader::kTapsOfX, taps, destinations);
      const Watched grad_out = watched(Reader::kTapsOfGradOut, taps, destinations);
      CHECK(x.all == grad_out.all && x.all == (taps == 3 && destinations > 1));
      for (Index u = 0; x.all && u < taps; ++u) {
        bool seen = false;
        for (Index i = 0; i < destinations; ++i)
          seen |= is_one_of(grad_out, i) && is_one_of(x, i + u);
        CHECK(seen);
      }
    }
}

// --- an axis, and an image beside its padding -----------------------------------------------------

TiledAxis drawn_axis(int side) {
  const Index dilation = 1 + below_drawn(2), first = -below_drawn(3);
  const Index offsets[] = {first, first + dilation};
  const Axis axis = {1 + below_drawn(20), 0, 1, 1, beside(side), nullptr, offsets};
  return TiledAxis(axis, side);
}

// Images of so many channels, and where a row of tiles lies in one.
template <class T>
struct Images {
  Pass pass;
  Index channels;
  TileRow where;
  std::vector<T> values;

  Images(Index channels, Index rows, Index columns, const TileRow &where)
      : channels(channels), where(where) {
    const Index size[3] = {1, rows, columns};
    for (int a = 0; a < 3; ++a) pass.source_size[a] = size[a];
    pass.source = Strides(1, channels, size, below_drawn(2));
    values.resize(pass.source.image * (where.image + 1));
    const bool ones = below_drawn(4) == 0;  // where nothing stands out
    for (T &v : values) v = ones ? T(1) : drawn_value<T>();
  }

  // The sum over the channels at a place of the row, 0 beside the image.
  T sum(Index i, Index j) const {
    const Index h = where.row + i * where.apart, w = where.column + j;
    if (h < 0 || h >= pass.source_size[1] || w < 0 || w >= pass.source_size[2]) return 0;
    T result = 0;
    for (Index c = 0; c < channels; ++c)
      result += fabs(values[where.image * pass.source.image + c * pass.source.channel +
                            h * pass.source.row + w * pass.source.column]);
    return result;
  }
};

template <class T>
struct Room {
  std::vector<T> values = std::vector<T>(8192, T(NAN));
  T *at = values.data();
};

template <class T>
Images<T> drawn_images(const TiledAxis &across, Index rows_of_tiles) {
  const Index destinations = 1 + below_drawn(rows_of_tiles);
  const TileRow where = {below_drawn(2), below_drawn(8) - 2, across.offset, 1 + below_drawn(2), destinations};
  return Images<T>(1 + below_drawn(5), 1 + below_drawn(12), 1 + below_drawn(24), where);
}

template <class T>
void places_hold_the_sums_over_the_channels() {
  for (int round = 0; round < 300; ++round) {
    const TiledAxis across = drawn_axis(round % 2 ? 4 : 2);
    const Images<T> x = drawn_images<T>(across, across.side);
    Room<T> room;
    const PlaceSums<T> places(x.pass, x.values.data(), x.channels, x.where, across, kPoints, room.at);
    CHECK(places.columns() == across.span(kPoints));
    CHECK(places.end() == room.at + kPoints * places.columns());
    for (Index i = 0; i < kPoints; ++i)
      for (Index j = 0; j < places.columns(); ++j) CHECK(places.row(i)[j] == x.sum(i, j));
  }
}

// --- what each window sums ------------------------------------------------------------------------

template <class T>
void windows_fit_as_they_are_defined_to() {
  int count[2] = {};
  for (int round = 0; round < 2000; ++round) {
    const int side = round % 2 ? 4 : 2, taps = beside(side);
    const TiledAxis across = drawn_axis(side);
    const Images<T> x = drawn_images<T>(across, side);
    Room<T> room, seen;
    const PlaceSums<T> places(x.pass, x.values.data(), x.channels, x.where, across, kPoints, room.at);
    bool fits = true;
    // One tile's largest may be what its least window bears, or a little more.
    const Index special = below_drawn(across.tiles), more = below_drawn(2);
    for (Index tile = 0; tile < across.tiles; ++tile) {
      T least_sum = 0;
      for (Index a = 0; a < x.where.destinations; ++a)
        for (Index b = 0; b < across.destinations(tile); ++b) {
          T sum = 0;
          for (Index u = 0; u < taps; ++u)
            for (Index v = 0; v < taps; ++v)
              sum += x.sum(a + u, across.start(tile) + (b + v) * across.dilation);
          if (sum != 0 && (least_sum == 0 || sum < least_sum)) least_sum = sum;
        }
      T tops = tile == special ? T(kWidestRange) * least_sum + more : T(1);
      fits = fits && (least_sum == 0 || tops <= T(kWidestRange) * least_sum);
      T *own = seen.at + tile * Seen<T>::kVectors * lanes<T>;
      for (Index lane = 0; lane < lanes<T>; ++lane) own[lanes<T> + lane] = lane ? T(0) : tops;
    }
    CHECK(windows_fit(places, seen.at, x.where, across) == fits);
    ++count[fits];
  }
  CHECK(count[0] > 100 && count[1] > 100);
}

// --- what each tap of dW sums ---------------------------------------------------------------------

template <class T>
void taps_fit_as_they_are_defined_to() {
  int count[2] = {};
  for (int round = 0; round < 2000; ++round) {
    const int side = round % 2 ? 4 : 2, taps = beside(side);
    const TiledAxis across = drawn_axis(side);
    const Images<T> x = drawn_images<T>(across, side);
    TileRow of_grad_out = x.where;
    of_grad_out.column = 0;
    const Images<T> grad_out(1 + below_drawn(5), 1 + below_drawn(12), across.count, of_grad_out);
    Room<T> room;
    const PlaceSums<T> of_x(x.pass, x.values.data(), x.channels, x.where, across, kPoints, room.at);
    const PlaceSums<T> of_g(grad_out.pass, grad_out.values.data(), grad_out.channels, of_grad_out,
                            across, side, of_x.end());
    bool fit = true;
    for (Index tile = 0; tile < across.tiles; ++tile) {
      const auto x_at = [&](Index i, Index j) {
        return x.sum(i, across.start(tile) + j * across.dilation);
      };
      const auto g_at = [&](Index i, Index j) {
        return grad_out.sum(i, across.start(tile) + j * across.dilation);
      };
      T largest_x = 0, largest_g = 0;
      for (Index i = 0; i < kPoints; ++i)
        for (Index j = 0; j < kPoints; ++j) largest_x = most(largest_x, x_at(i, j));
      for (Index i = 0; i < side; ++i)
        for (Index j = 0; j < side; ++j) largest_g = most(largest_g, g_at(i, j));
      for (Index u = 0; u < taps; ++u)
        for (Index v = 0; v < taps; ++v) {
          T sum = 0;
          for (Index i = 0; i < side; ++i)
            for (Index j = 0; j < side; ++j) sum += g_at(i, j) * x_at(i + u, j + v);
          fit = fit && (sum == 0 || sum * T(kWidestProduct) >= largest_x * largest_g);
        }
    }
    CHECK(taps_fit(of_x, of_g, across) == fit);
    ++count[fit];
  }
  CHECK(count[0] > 100 && count[1] > 100);
}

// One value of grad_out, so that each tap is one value of x: 1, beside another one that none reads.
template <class T>
void a_tap_fits_up_to_the_limit_itself() {
  const Index size[3] = {1, kPoints, kPoints}, offsets[] = {0, 1};
  const TiledAxis across({4, 0, 1, 1, 3, nullptr, offsets}, 4);
  for (int more : {0, 1}) {
    T x[kPoints * kPoints], grad_out[kPoints * kPoints] = {1};
    for (T &v : x) v = 1;
    x[kPoints * kPoints - 1] = T(kWidestProduct) + more;
    Pass pass;
    for (int a = 0; a < 3; ++a) pass.source_size[a] = size[a];
    pass.source = Strides(1, 1, size, false);
    const TileRow where = {0, 0, 0, 1, 4};
    Room<T> room;
    const PlaceSums<T> of_x(pass, x, 1, where, across, kPoints, room.at);
    const PlaceSums<T> of_g(pass, grad_out, 1, where, across, 4, of_x.end());
    CHECK(taps_fit(of_x, of_g, across) == !more);
  }
}

// --- what is seen on the way ----------------------------------------------------------------------

template <class T>
void a_row_is_fit_where_the_watched_places_show_it() {
  int count[3] = {};
  for (int round = 0; round < 3000; ++round) {
    const Reader reader = round % 3 == 0   ? Reader::kWindows
                          : round % 3 == 1 ? Reader::kTapsOfX
                                           : Reader::kTapsOfGradOut;
    const int side = round % 4 ? 4 : 2, taps = beside(side);
    const T widest = T(reader == Reader::kWindows ? kWidestRange : kWidestFactor);
    const TiledAxis across = drawn_axis(side);
    const TileRow where = {0, 0, 0, 1, 1 + below_drawn(side)};
    const Watched down = watched(reader, taps, where.destinations);
    Room<T> room;
    memset(room.at, 0, across.tiles * Seen<T>::kVectors * lanes<T> * sizeof(T));
    bool unfit = false, clear = down.all;
    for (Index tile = 0; tile < across.tiles; ++tile) {
      const Watched along = watched(reader, taps, across.destinations(tile));
      Seen<T> own = {room.at + tile * Seen<T>::kVectors * lanes<T>};
      // Some vectors of channels: each lane is one, whose places are ones but for some.
      T top = 0, tops = 0, sums[2][2] = {};
      for (Index vectors = 1 + below_drawn(3); vectors-- > 0;) {
        Vector<T> values[kPoints][kPoints], largest = {};
        for (auto &row : values)
          for (Vector<T> &v : row) {
            for (Index lane = 0; lane < lanes<T>; ++lane) v[lane] = 1;
            if (below_drawn(8) == 0) v[below_drawn(lanes<T>)] = T(below_drawn(3));
            if (below_drawn(100) == 0) v[below_drawn(lanes<T>)] = T(below_drawn(30));
            if (below_drawn(4000) == 0) v[0] = Guard<T>::largest * 2;
            largest = larger<T>(largest, v);
          }
        own.add(largest, down, along, [&](Index i, Index j) { return values[i][j]; });
        for (Index lane = 0; lane < lanes<T>; ++lane) {
          top = most(top, largest[lane]), tops += largest[lane];
          for (int i : {0, 1})
            for (int j : {0, 1})
              sums[i][j] += values[i ? down.second : down.first][j ? along.second : along.first][lane];
        }
      }
      const T least_sum = least(least(sums[0][0], sums[0][1]), least(sums[1][0], sums[1][1]));
      CHECK(own.top() == top && own.tops() == tops && own.least_watched() == least_sum);
      unfit = unfit || top > Guard<T>::largest;
      clear = clear && along.all && tops <= widest * least_sum;
    }
    const Sight wanted = unfit ? Sight::kUnfit : clear ? Sight::kFit : Sight::kUnclear;
    CHECK(sight(room.at, reader, where, across) == wanted);
    ++count[int(wanted)];
  }
  for (int n : count) CHECK(n > 100);
}

template <class T>
void all_of_a_type() {
  the_largest_magnitude_is_found_and_what_is_not_finite<T>();
  magnitudes_fit_from_the_smallest_to_the_largest<T>();
  places_hold_the_sums_over_the_channels<T>();
  windows_fit_as_they_are_defined_to<T>();
  taps_fit_as_they_are_defined_to<T>();
  a_tap_fits_up_to_the_limit_itself<T>();
  a_row_is_fit_where_the_watched_places_show_it<T>();
}

}  // namespace

int main() {
  every_window_and_every_tap_reads_a_watched_place();
  all_of_a_type<float>();
  all_of_a_type<double>();
  return 0;
}
