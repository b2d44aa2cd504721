// The one-dimensional transforms of Winograd's minimal filtering on six points: 0, ±3/4, ±3/2 and
// infinity.
//
// A correlation of 6 values with 3 gives 4 (forward and dx of 3×3 kernels); with 4 it gives 3
// (their dW, where a tile of grad_out is the kernel); with 5 and with 2 the same for 5×5 kernels.
// All evaluate at the same points, so all transform x alike:
//
//   y = Aᵀ [(G g) ⊙ (Bᵀ d)],   m(t) = t (t² − a²)(t² − b²)
//
// Row p of Bᵀ holds the coefficients of m(t)/(t − p), of G the powers of p over m'(p), of Aᵀ the
// powers of p. The points are exact in binary, and their errors half of those of 0, ±1, ±2
// (measured on Gaussian data: 8e-7 relative in float32, where direct sums have 3e-7).
//
// Source: Winograd, "Arithmetic Complexity of Computations", 1980; Lavin & Gray, "Fast Algorithms
// for Convolutional Neural Networks", 2016; for the choice of points Barabasz et al., "Error
// Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural Networks", 2020.
#pragma once
#include "machine/vector.h"

namespace dxdw {
namespace {

constexpr int kPoints = 6;
constexpr int kFrequencies = kPoints * kPoints;
// Taps along an axis where a tile has so many outputs, or values of grad_out; and the other way.
constexpr int beside(int tile) { return kPoints + 1 - tile; }

template <class T>
struct Points {
  static constexpr T a = T(0.75), b = T(1.5), a2 = a * a, b2 = b * b;
  static constexpr T at_zero = 1 / (a2 * b2), at_a = 1 / (2 * a2 * (a2 - b2)),
                     at_b = 1 / (2 * b2 * (b2 - a2));
};

// Bᵀ d. In and out are six vectors `step` apart.
template <class T>
DXDW_INLINE void transform_input(const Vector<T> *d, int step, Vector<T> *t, int to) {
  using P = Points<T>;
  const Vector<T> d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
  t[0] = P::a2 * P::b2 * d[0] - (P::a2 + P::b2) * d2 + d4;
  const Vector<T> even_a = d4 - P::b2 * d2, odd_a = P::a * (d3 - P::b2 * d1);
  const Vector<T> even_b = d4 - P::a2 * d2, odd_b = P::b * (d3 - P::a2 * d1);
  t[to] = even_a + odd_a;
  t[2 * to] = even_a - odd_a;
  t[3 * to] = even_b + odd_b;
  t[4 * to] = even_b - odd_b;
  t[5 * to] = P::a2 * P::b2 * d1 - (P::a2 + P::b2) * d3 + d[5 * step];
}

// G g for a kernel of Taps (2 to 5) values.
template <class T, int Taps>
DXDW_INLINE void transform_kernel(const Vector<T> *g, int step, Vector<T> *t, int to) {
  using P = Points<T>;
  const Vector<T> g0 = g[0], g1 = g[step], last = g[(Taps - 1) * step];
  Vector<T> even_a = g0, even_b = g0, odd_a = P::a * g1, odd_b = P::b * g1;
  if constexpr (Taps > 2) {
    const Vector<T> g2 = g[2 * step];
    even_a += P::a2 * g2, even_b += P::b2 * g2;
  }
  if constexpr (Taps > 3) {
    const Vector<T> g3 = g[3 * step];
    odd_a += P::a * P::a2 * g3, odd_b += P::b * P::b2 * g3;
  }
  if constexpr (Taps > 4) even_a += P::a2 * P::a2 * last, even_b += P::b2 * P::b2 * last;
  t[0] = P::at_zero * g0;
  t[to] = P::at_a * (even_a + odd_a);
  t[2 * to] = P::at_a * (even_a - odd_a);
  t[3 * to] = P::at_b * (even_b + odd_b);
  t[4 * to] = P::at_b * (even_b - odd_b);
  t[5 * to] = last;
}

// Aᵀ m, which gives Outputs (2 to 5) values.
template <class T, int Outputs>
DXDW_INLINE void transform_output(const Vector<T> *m, int step, Vector<T> *y, int to) {
  using P = Points<T>;
  const Vector<T> m1 = m[step], m2 = m[2 * step], m3 = m[3 * step], m4 = m[4 * step];
  const Vector<T> even_a = m1 + m2, odd_a = m1 - m2, even_b = m3 + m4, odd_b = m3 - m4;
  y[0] = m[0] + even_a + even_b;
  y[to] = P::a * odd_a + P::b * odd_b;
  if constexpr (Outputs > 2) y[2 * to] = P::a2 * even_a + P::b2 * even_b;
  if constexpr (Outputs > 3) y[3 * to] = P::a * P::a2 * odd_a + P::b * P::b2 * odd_b;
  if constexpr (Outputs > 4) y[4 * to] = P::a2 * P::a2 * even_a + P::b2 * P::b2 * even_b;
  y[(Outputs - 1) * to] += m[5 * step];
}

}  // namespace
}  // namespace dxdw
