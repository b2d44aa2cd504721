// Elements as arrays hold them, beside the type that they are summed in: float32 and float64 in
// themselves; bfloat16 (the upper half of a float32) and float16 (IEEE 754's binary16) in float32. These
// are widened on reading, which is exact, and rounded once, to the nearest and to even, on writing.
#pragma once
#include <type_traits>

#include "machine/vector.h"

#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace dxdw {
namespace {

struct bfloat16 {
  uint16_t bits;
};
struct float16 {
  uint16_t bits;
};

template <class S>
struct SumOf {
  using type = S;
};
template <>
struct SumOf<bfloat16> {
  using type = float;
};
template <>
struct SumOf<float16> {
  using type = float;
};
template <class S>
using Sum = typename SumOf<S>::type;

// Whether what is stored has to be widened, so that it can't be computed with where it lies.
template <class S>
constexpr bool is_narrow = sizeof(S) < sizeof(Sum<S>);

// Vectors of so many float32, their bits, and those of what is stored.
template <Index Width>
struct Narrow {
  typedef float floats __attribute__((vector_size(4 * Width)));
  typedef int32_t bits __attribute__((vector_size(4 * Width)));
  typedef uint32_t magnitudes __attribute__((vector_size(4 * Width)));
  typedef uint16_t stored __attribute__((vector_size(2 * Width)));
  typedef uint16_t unaligned __attribute__((vector_size(2 * Width), aligned(2), may_alias));
};

// Lane by lane, where a mask's lanes are all bits or none.
template <class Bits>
DXDW_INLINE Bits chosen(Bits where, Bits yes, Bits no) {
  return (where & yes) | (~where & no);
}

template <Index Width>
DXDW_INLINE auto widened(bfloat16, typename Narrow<Width>::stored v) {
  using N = Narrow<Width>;
  return reinterpret_cast<typename N::floats>(
      __builtin_convertvector(v, typename N::magnitudes) << 16);
}

template <Index Width>
DXDW_INLINE auto narrowed(bfloat16, typename Narrow<Width>::floats v) {
  using N = Narrow<Width>;
  const auto u = reinterpret_cast<typename N::magnitudes>(v);
  const typename N::magnitudes rounded = (u + 0x7fff + ((u >> 16) & 1)) >> 16;
  const auto is_nan = reinterpret_cast<typename N::magnitudes>(v != v);
  const typename N::magnitudes quiet = (u >> 16) | 0x40;
  return __builtin_convertvector(chosen(is_nan, quiet, rounded), typename N::stored);
}

template <Index Width>
DXDW_INLINE auto widened(float16, typename Narrow<Width>::stored v) {
  using N = Narrow<Width>;
#if defined(__F16C__)
#if defined(__AVX512F__)
  if constexpr (Width == 16)
    return reinterpret_cast<typename N::floats>(
        _mm512_maskz_cvtph_ps(0xffff, reinterpret_cast<__m256i>(v)));  // GCC 12 warns of the plain one
#endif
  if constexpr (Width == 8)
    return reinterpret_cast<typename N::floats>(_mm256_cvtph_ps(reinterpret_cast<__m128i>(v)));
#endif
  using U = typename N::magnitudes;
  const U h = __builtin_convertvector(v, U), magnitude = (h & 0x7fff) << 13;
  // The exponent's bias is less by 112: a product that is exact, of subnormal numbers too.
  const auto scaled = reinterpret_cast<typename N::floats>(magnitude) * 0x1p112f;
  const U beyond = reinterpret_cast<U>(magnitude >= (U{} + (0x7c00u << 13)));  // Inf and NaN
  return reinterpret_cast<typename N::floats>(
      chosen(beyond, magnitude | 0x7f800000u, reinterpret_cast<U>(scaled)) | ((h & 0x8000) << 16));
}

template <Index Width>
DXDW_INLINE auto narrowed(float16, typename Narrow<Width>::floats v) {
  using N = Narrow<Width>;
#if defined(__F16C__)
#if defined(__AVX512F__)
  if constexpr (Width == 16)
    return reinterpret_cast<typename N::stored>(
        _mm512_maskz_cvtps_ph(0xffff, reinterpret_cast<__m512>(v), _MM_FROUND_TO_NEAREST_INT));
#endif
  if constexpr (Width == 8)
    return reinterpret_cast<typename N::stored>(
        _mm256_cvtps_ph(reinterpret_cast<__m256>(v), _MM_FROUND_TO_NEAREST_INT));
#endif
  using U = typename N::magnitudes;
  const U u = reinterpret_cast<U>(v), magnitude = u & 0x7fffffff, sign = (u >> 16) & 0x8000;
  const auto size = reinterpret_cast<typename N::floats>(magnitude);
  const U normal = (magnitude - (112u << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  // Beside 1/2 the last digit of a float32 is that of a subnormal float16.
  const U small = reinterpret_cast<U>(size + 0.5f) - 0x3f000000u;
  U half = chosen(reinterpret_cast<U>(size < 0x1p-14f), small, normal);
  half = chosen(reinterpret_cast<U>(size >= 65520.0f), U{} + 0x7c00u, half);
  half = chosen(reinterpret_cast<U>(v != v), 0x7e00u | ((u >> 13) & 0x3ff), half);
  return __builtin_convertvector(half | sign, typename N::stored);
}

// So many elements, widened; and the way back.
template <Index Width, class S>
DXDW_INLINE typename Narrow<Width>::floats load_some(const S *p) {
  const typename Narrow<Width>::stored v =
      *reinterpret_cast<const typename Narrow<Width>::unaligned *>(p);
  return widened<Width>(S{}, v);
}
template <Index Width, class S>
DXDW_INLINE void store_some(S *p, typename Narrow<Width>::floats v) {
  *reinterpret_cast<typename Narrow<Width>::unaligned *>(p) = narrowed<Width>(S{}, v);
}

DXDW_INLINE Vector<float> load(const bfloat16 *p) { return load_some<lanes<float>>(p); }
DXDW_INLINE Vector<float> load(const float16 *p) { return load_some<lanes<float>>(p); }
DXDW_INLINE void store(bfloat16 *p, Vector<float> v) { store_some<lanes<float>>(p, v); }
DXDW_INLINE void store(float16 *p, Vector<float> v) { store_some<lanes<float>>(p, v); }

// One element, widened; and the way back.
template <class S>
DXDW_INLINE Sum<S> value_of(S stored) {
  if constexpr (is_narrow<S>)
    return widened<2>(S{}, typename Narrow<2>::stored{stored.bits, stored.bits})[0];
  else
    return stored;
}
template <class S>
DXDW_INLINE void put(S *to, Sum<S> value) {
  if constexpr (is_narrow<S>) {
    const typename Narrow<2>::stored v = narrowed<2>(S{}, typename Narrow<2>::floats{value, value});
    to->bits = v[0];
  } else {
    *to = value;
  }
}

// As `copy` of vector.h, from what is stored to sums or back.
template <class S, Index Width = lanes<Sum<S>>>
DXDW_INLINE void copy_widened(Sum<S> *to, const S *from, Index n) {
  if constexpr (!is_narrow<S>) {
    copy(to, from, n);
  } else if constexpr (Width == 1) {
    for (Index i = 0; i < n; ++i) to[i] = value_of(from[i]);
  } else if (n >= Width) {
    Index i = 0;
    for (; i + Width <= n; i += Width) {
      const auto v = load_some<Width>(from + i);
      memcpy(to + i, &v, sizeof v);
    }
    const auto rest = load_some<Width>(from + n - Width);  // and some again
    memcpy(to + n - Width, &rest, sizeof rest);
  } else {
    copy_widened<S, Width / 2>(to, from, n);
  }
}
template <class S, Index Width = lanes<Sum<S>>>
DXDW_INLINE void copy_rounded(S *to, const Sum<S> *from, Index n) {
  if constexpr (!is_narrow<S>) {
    copy(to, from, n);
  } else if constexpr (Width == 1) {
    for (Index i = 0; i < n; ++i) put(to + i, from[i]);
  } else if (n >= Width) {
    typename Narrow<Width>::floats v;
    Index i = 0;
    for (; i + Width <= n; i += Width) {
      memcpy(&v, from + i, sizeof v);
      store_some<Width>(to + i, v);
    }
    memcpy(&v, from + n - Width, sizeof v);
    store_some<Width>(to + n - Width, v);
  } else {
    copy_rounded<S, Width / 2>(to, from, n);
  }
}

template <class T>
DXDW_INLINE void store_woven(T *to, Vector<T> a, Vector<T> b) {
  store(to, woven<T, 0>(a, b));
  store(to + lanes<T>, woven<T, 1>(a, b));
}

// to[2i] = a[i] for i < n, to[2i + 1] = b[i] for i < m: n, or one less. `Padded` says that a and b may
// be read in whole vectors.
template <bool Padded = false, class T>
DXDW_INLINE void weave(const T *a, const T *b, Index n, Index m, T *to) {
  Index i = 0;
  for (; i + lanes<T> <= m; i += lanes<T>) store_woven<T>(to + 2 * i, load(a + i), load(b + i));
  if (i == n) return;
  Vector<T> even, odd;
  if constexpr (Padded) {
    even = load(a + i), odd = load(b + i);
  } else {
    T few[2][lanes<T>] = {};
    copy(few[0], a + i, n - i);
    copy(few[1], b + i, m - i);
    even = load(few[0]), odd = load(few[1]);
  }
  const Index rest = n + m - 2 * i;
  to += 2 * i;
  if (rest >= lanes<T>) {
    store(to, woven<T, 0>(even, odd));
    store_few<T, lanes<T>>(to + lanes<T>, woven<T, 1>(even, odd), rest - lanes<T>);
  } else {
    store_few<T, lanes<T>>(to, woven<T, 0>(even, odd), rest);
  }
}
// The same where they are rounded: woven first, or every width of a rest would be rounded in code of its
// own.
template <bool Padded = false, class S, class T = Sum<S>, class = std::enable_if_t<is_narrow<S>>>
DXDW_INLINE void weave(const T *a, const T *b, Index n, Index m, S *to) {
  T both[2 * lanes<T>];
  for (Index i = 0; i < n; i += lanes<T>) {
    const Index first = least(lanes<T>, n - i), second = least(lanes<T>, m - i);
    if (second == lanes<T>)
      store_woven<T>(both, load(a + i), load(b + i));
    else
      for (Index k = 0; k < first; ++k) {
        both[2 * k] = a[i + k];
        if (k < second) both[2 * k + 1] = b[i + k];
      }
    copy_rounded(to + 2 * i, both, first + second);
  }
}

// Every step-th of the values, n of them.
template <class S, class T = Sum<S>>
DXDW_INLINE void copy_strided(T *to, const S *from, Index n, Index step) {
  Index i = 0;
  if (step == 2)
    for (; i + lanes<T> < n; i += lanes<T>)  // the last odd value need not exist
      store(to + i, even_lanes<T>(load(from + 2 * i), load(from + 2 * i + lanes<T>),
                                  typename SequenceTo<lanes<T>>::type{}));
  for (; i < n; ++i) to[i] = value_of(from[i * step]);
}

}  // namespace
}  // namespace dxdw
