// Stores past the caches: they do not read from memory what they overwrite. For results that no cache
// would hold until they are read, where they are whole lines of it.
#pragma once
#include "machine/vector.h"
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace dxdw {
namespace {

constexpr Index kCacheLine = 64;  // bytes, or twice that: then it prefetches some lines twice

// Elements from p to where a line begins.
template <class T>
inline Index to_next_line(const T *p) {
  return Index(-reinterpret_cast<uintptr_t>(p) % kCacheLine / sizeof(T));
}

// What is stored by `bytes` at p, and at places `apart` from each other from there, is whole lines.
template <class T>
inline bool whole_lines(const T *p, Index apart, Index bytes) {
  return !((reinterpret_cast<uintptr_t>(p) | uintptr_t(apart * Index(sizeof(T))) | uintptr_t(bytes)) %
           kCacheLine);
}

template <class T>
DXDW_INLINE void store_past_caches(T *p, Vector<T> v) {
#if defined(DXDW_IN_HALVES)
  store(p, v);
#elif defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i *>(p), reinterpret_cast<__m512i>(v));
#elif defined(__AVX2__)
  _mm256_stream_si256(reinterpret_cast<__m256i *>(p), reinterpret_cast<__m256i>(v));
#elif defined(__x86_64__) || defined(_M_X64)
  _mm_stream_si128(reinterpret_cast<__m128i *>(p), reinterpret_cast<__m128i>(v));
#else
  store(p, v);
#endif
}

// Before another thread is told of them: these stores wait for no order of others.
inline void finish_stores_past_caches() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_sfence();
#endif
}

}  // namespace
}  // namespace dxdw
