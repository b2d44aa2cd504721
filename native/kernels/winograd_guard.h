// Which tiles Winograd's transforms may take.
//
// They are stable in the norm of a tile, not in each element: a value far above the others of its
// tile costs those their digits, and one NaN or Inf spreads over it. Such tiles go to the direct
// kernels, and so do magnitudes that could overflow or vanish on the way.
#pragma once
#include <math.h>

#include "layout/source_band.h"

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

// How far the largest value of a tile may be above the mean of its others that are not zero. On
// Gaussian data it is 4. At 1000 the error of outputs that the large value does not reach was 4e-7 of
// their own Σ|W||x| in float32 (measured on 16 and 64 channels), where direct sums had 2e-7; with 5×5
// kernels it is no larger.
constexpr double kWidestRange = 1024;

template <class T>
DXDW_INLINE Vector<T> magnitude(Vector<T> v) {
  using Bits = typename Guard<T>::Bits;
  return reinterpret_cast<Vector<T>>(reinterpret_cast<Bits>(v) & Guard<T>::magnitude);
}

template <class T>
DXDW_INLINE Vector<T> larger(Vector<T> a, Vector<T> b) {
  return a > b ? a : b;
}

template <class T>
T largest_lane(Vector<T> v) {
  T part[lanes<T>], result = 0;
  store(part, v);
  for (T p : part) result = most(result, p);
  return result;
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
bool magnitude_fits(T largest) {
  return largest == 0 || (largest <= Guard<T>::largest && largest >= Guard<T>::smallest);
}

// Looks at a tile's values themselves: size² of them in each channel, from (row, column) on.
template <class T>
bool tile_fits(const Pass &pass, const T *x, Index channels, Index size, Index row, Index down,
               Index column, Index across) {
  const Index bottom = least(row + size * down, pass.source_size[1]);
  const Index right = least(column + size * across, pass.source_size[2]);
  double sum = 0, top = 0;
  Index count = 0;
  for (Index c = 0; c < channels; ++c)
    for (Index h = row; h < bottom; h += down)
      for (Index w = column; w < right; w += across) {
        if (h < 0 || w < 0) continue;
        const double v = fabs(double(x[c * pass.source.channel + h * pass.source.row + w]));
        count += v != 0;
        sum += top < v ? top : v;  // all but the largest
        top = top < v ? v : top;
      }
  return count < 2 || top * double(count - 1) <= kWidestRange * sum;
}

}  // namespace
}  // namespace dxdw
