// Where the elements of an array stand that come in several types: in that of the sums, or in a narrower
// one, as a call says. All but what reads and writes elements is compiled once for each type of sums:
// once for every type of elements it was a quarter of a wheel.
#pragma once
#include <type_traits>

#include "machine/stored.h"

namespace dxdw {
namespace {

// What arrays are stored in. dW can be in the dtype of the sums where all others are narrower.
enum Dtype : Index { kFloat32, kFloat64, kBfloat16, kFloat16 };

// Calls f(p) apart from where it is asked to, with a copy of what f knows.
template <class S, class F>
DXDW_APART void apart(F f, S *p) {
  f(p);
}

// Summed in T. Byte is const for those that are only read.
template <class T, class Byte>
class Elements {
  template <class S>
  using As = std::conditional_t<std::is_const_v<Byte>, const S, S>;
  static constexpr bool kSeveral = std::is_same_v<T, float>;

 public:
  Elements() = default;
  Elements(As<T> *first) : at_(reinterpret_cast<Byte *>(first)) {}  // of the sums' own type
  Elements(As<void> *first, Dtype dtype) : at_(static_cast<Byte *>(first)), dtype_(dtype) {}

  bool narrow() const { return kSeveral && dtype_ != kFloat32; }
  Index element_bytes() const { return narrow() ? 2 : sizeof(T); }
  explicit operator bool() const { return at_; }

  Elements &operator+=(Index n) {
    at_ += n * element_bytes();
    return *this;
  }
  Elements operator+(Index n) const { return Elements(*this) += n; }

  template <class S>
  As<S> *as() const {
    return reinterpret_cast<As<S> *>(at_);
  }
  // Where they are not narrow.
  As<T> *plain() const { return as<T>(); }

  // Calls f with a pointer of their type.
  template <class F>
  DXDW_INLINE void as_stored(const F &f) const {
    if constexpr (kSeveral) {
      if (dtype_ == kBfloat16) return apart(f, as<bfloat16>());
      if (dtype_ == kFloat16) return apart(f, as<float16>());
    }
    f(plain());
  }

 private:
  Byte *at_ = nullptr;
  Dtype dtype_ = std::is_same_v<T, double> ? kFloat64 : kFloat32;
};

template <class T>
using Source = Elements<T, const char>;
template <class T>
using Result = Elements<T, char>;

// --- as stored.h has them for pointers ------------------------------------------------------------

template <bool Write, class T, class Byte>
DXDW_INLINE void prefetch(Elements<T, Byte> p, Index n) {
  prefetch<Write>(p.template as<char>(), n * p.element_bytes());
}
template <class T>
DXDW_INLINE void prefetch_less_near(Source<T> p, Index n) {
  prefetch_less_near(p.template as<char>(), n * p.element_bytes());
}

template <class T>
DXDW_INLINE void copy_widened(T *to, Source<T> from, Index n) {
  from.as_stored([=](auto *p) DXDW_LAMBDA { copy_widened(to, p, n); });
}
template <class T>
DXDW_INLINE void copy_rounded(Result<T> to, const T *from, Index n) {
  to.as_stored([=](auto *p) DXDW_LAMBDA { copy_rounded(p, from, n); });
}
template <class T>
DXDW_INLINE void copy_strided(T *to, Source<T> from, Index n, Index step) {
  from.as_stored([=](auto *p) DXDW_LAMBDA { copy_strided(to, p, n, step); });
}
template <bool Padded = false, class T>
DXDW_INLINE void weave(const T *a, const T *b, Index n, Index m, Result<T> to) {
  to.as_stored([=](auto *p) DXDW_LAMBDA { weave<Padded>(a, b, n, m, p); });
}

}  // namespace
}  // namespace dxdw
