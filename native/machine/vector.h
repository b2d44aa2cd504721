// Vectors of the instruction set that this file is compiled for, in the compiler's portable form.
#pragma once
#include <stdint.h>
#include <string.h>

// DXDW_IN_HALVES: vectors of AVX-512 as two of AVX2, to the same bits; slow, for CPUs that have no more.
#if defined(__AVX512F__) || defined(DXDW_IN_HALVES)
#define DXDW_VECTOR_BYTES 64
#define DXDW_REGISTERS 32
#elif defined(__AVX2__)
#define DXDW_VECTOR_BYTES 32
#define DXDW_REGISTERS 16
#elif defined(__aarch64__)
#define DXDW_VECTOR_BYTES 16
#define DXDW_REGISTERS 32
#else
#define DXDW_VECTOR_BYTES 16
#define DXDW_REGISTERS 16
#endif

#if defined(__FMA__) || defined(__aarch64__)
#define DXDW_FUSED true
#else
#define DXDW_FUSED false
#endif

#define DXDW_INLINE inline __attribute__((always_inline))
#define DXDW_LAMBDA __attribute__((always_inline))
#define DXDW_APART __attribute__((noinline))
// What plans a pass or hands out its work, and takes no time beside that: compiled for size.
#define DXDW_PLANS __attribute__((cold))

namespace dxdw {
namespace {

using Index = int64_t;

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef float type __attribute__((vector_size(DXDW_VECTOR_BYTES)));
  typedef float unaligned __attribute__((vector_size(DXDW_VECTOR_BYTES), aligned(4), may_alias));
};
template <>
struct VectorOf<double> {
  typedef double type __attribute__((vector_size(DXDW_VECTOR_BYTES)));
  typedef double unaligned __attribute__((vector_size(DXDW_VECTOR_BYTES), aligned(8), may_alias));
};

template <class T>
using Vector = typename VectorOf<T>::type;

// Of each lane, whether: all bits or none.
template <class T>
using Mask = decltype(Vector<T>{} < Vector<T>{});

// Elements of a vector.
template <class T>
constexpr Index lanes = DXDW_VECTOR_BYTES / sizeof(T);

template <class T>
DXDW_INLINE Vector<T> load(const T *p) {
  return *reinterpret_cast<const typename VectorOf<T>::unaligned *>(p);
}

template <class T>
DXDW_INLINE void store(T *p, Vector<T> v) {
  *reinterpret_cast<typename VectorOf<T>::unaligned *>(p) = v;
}

// Asks for n elements to be brought near, to be read or (Write) written, or less near, into the
// second cache; they need not exist.
template <bool Write, class T>
DXDW_INLINE void prefetch(const T *p, Index n) {
  for (Index i = 0; i < n; i += 64 / Index(sizeof(T))) __builtin_prefetch(p + i, Write);
}
template <class T>
DXDW_INLINE void prefetch_less_near(const T *p, Index n) {
  for (Index i = 0; i < n; i += 64 / Index(sizeof(T))) __builtin_prefetch(p + i, 0, 2);
}

// All lanes s: s − 0 keeps the sign of a zero, and compilers see through it.
template <class T>
DXDW_INLINE Vector<T> broadcast(T s) {
  return s - Vector<T>{};
}

template <class T>
DXDW_INLINE Vector<T> keep(Vector<T> v, Mask<T> kept) {
  return reinterpret_cast<Vector<T>>(reinterpret_cast<Mask<T>>(v) & kept);
}

// Keeps a value that is used more than once in a register: GCC would load it for every use.
template <class V>
DXDW_INLINE void hold(V &v) {
#if defined(DXDW_IN_HALVES)
  (void)v;  // no register holds it
#elif defined(__x86_64__)
  asm("" : "+v"(v));
#elif defined(__aarch64__)
  asm("" : "+w"(v));
#elif defined(__wasm_simd128__)
  asm("" : "+r"(v));
#endif
}

template <int... I>
struct Sequence {};
template <int N, int... I>
struct SequenceTo : SequenceTo<N - 1, N - 1, I...> {};
template <int... I>
struct SequenceTo<0, I...> {
  using type = Sequence<I...>;
};

template <class T, int Width, int... I>
DXDW_INLINE T sum_halves(Vector<T> v, Sequence<I...> all) {
  if constexpr (Width == 0)
    return v[0];
  else
    return sum_halves<T, Width / 2>(v + __builtin_shufflevector(v, v, (I ^ Width)...), all);
}

// In pairs, pairs of pairs and so on.
template <class T>
DXDW_INLINE T sum_of_lanes(Vector<T> v) {
  return sum_halves<T, lanes<T> / 2>(v, typename SequenceTo<lanes<T>>::type{});
}

template <class T>
DXDW_INLINE T least(T a, T b) {
  return b < a ? b : a;
}
template <class T>
DXDW_INLINE T most(T a, T b) {
  return b > a ? b : a;
}

// Copies n values to where they do not overlap, whole vectors and halves of them: rows are short, and
// a call of memcpy costs as much as they do.
template <class T, Index Width = lanes<T>>
DXDW_INLINE void copy(T *to, const T *from, Index n) {
  if (n >= Width) {
    Index i = 0;
    for (; i + Width <= n; i += Width) memcpy(to + i, from + i, Width * sizeof(T));
    memcpy(to + n - Width, from + n - Width, Width * sizeof(T));  // the rest, and some again
  } else if constexpr (Width > 1) {
    copy<T, Width / 2>(to, from, n);
  }
}

// Adds n values to others.
template <class T>
void add(T *to, const T *from, Index n) {
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) store(to + i, load(to + i) + load(from + i));
  for (; i < n; ++i) to[i] += from[i];
}

// A vector of so many lanes, a part of a whole one.
template <class T, Index Width>
struct PartOf {
  typedef T type __attribute__((vector_size(Width * sizeof(T))));
  typedef T unaligned __attribute__((vector_size(Width * sizeof(T)), aligned(sizeof(T)), may_alias));
};

template <Index Width, int From, class V, int... I>
DXDW_INLINE auto lanes_of(V v, Sequence<I...>) {
  return __builtin_shufflevector(v, v, (From + I)...);
}

// Stores the first n lanes, n < Width: from the register, half by half. What was written to memory in
// a vector can't be read back at once in parts of it that begin elsewhere.
template <class T, Index Width>
DXDW_INLINE void store_few(T *to, typename PartOf<T, Width>::type v, Index n) {
  if constexpr (Width > 1) {
    constexpr Index half = Width / 2;
    constexpr auto part = typename SequenceTo<half>::type{};
    if constexpr (half == 1) {
      if (n) *to = v[0];
    } else if (n >= half) {
      *reinterpret_cast<typename PartOf<T, half>::unaligned *>(to) = lanes_of<half, 0>(v, part);
      store_few<T, half>(to + half, lanes_of<half, half>(v, part), n - half);
    } else {
      store_few<T, half>(to, lanes_of<half, 0>(v, part), n);
    }
  }
}

template <class T, int... I>
DXDW_INLINE Vector<T> even_lanes(Vector<T> a, Vector<T> b, Sequence<I...>) {
  return __builtin_shufflevector(a, b, (2 * I)...);
}

// The values of a and b in turn: the first vector of them (half 0), or the second.
template <class T, int Half, int... I>
DXDW_INLINE Vector<T> woven(Vector<T> a, Vector<T> b, Sequence<I...>) {
  constexpr int n = lanes<T>, from = Half * n / 2;
  return __builtin_shufflevector(a, b, (from + I / 2 + (I & 1 ? n : 0))...);
}
template <class T, int Half>
DXDW_INLINE Vector<T> woven(Vector<T> a, Vector<T> b) {
  return woven<T, Half>(a, b, typename SequenceTo<lanes<T>>::type{});
}
template <class T, int... I>
DXDW_INLINE Vector<T> odd_lanes(Vector<T> a, Vector<T> b, Sequence<I...>) {
  return __builtin_shufflevector(a, b, (2 * I + 1)...);
}

// Lanes 0 to n − 1.
template <class T, int... I>
DXDW_INLINE Mask<T> below(Index n, Sequence<I...>) {
  return Vector<T>{T(I)...} < broadcast(T(n));
}
template <class T>
DXDW_INLINE Mask<T> below(Index n) {
  return below<T>(n, typename SequenceTo<lanes<T>>::type{});
}

DXDW_INLINE Index divide_up(Index a, Index b) { return (a + b - 1) / b; }
DXDW_INLINE Index round_up(Index a, Index b) { return divide_up(a, b) * b; }
DXDW_INLINE Index divide_down(Index a, Index b) { return a >= 0 ? a / b : -divide_up(-a, b); }

}  // namespace
}  // namespace dxdw
