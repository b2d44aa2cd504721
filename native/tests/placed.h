// Where a result lies: anywhere in a line of memory, and whether something wrote beside it.
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

namespace {

// A result that begins anywhere in a line of memory, between elements that nobody may write to; all are
// of bits that are no number.
template <class T>
struct Placed {
  Placed(int64_t n, int64_t place)
      : n(n), memory(static_cast<T *>(malloc((n + 2 * kAround) * sizeof(T) + kLine))) {
    memset(memory, 0xFF, (n + 2 * kAround) * sizeof(T) + kLine);
    const int64_t to_line = -reinterpret_cast<intptr_t>(memory) & (kLine - 1);
    values = memory + to_line / int64_t(sizeof(T)) + kAround + place % (kLine / int64_t(sizeof(T)));
  }
  Placed(const Placed &) = delete;
  ~Placed() { free(memory); }

  // Whether nothing around them was written to.
  bool alone() const {
    const unsigned char *first = reinterpret_cast<const unsigned char *>(memory);
    const int64_t before = (values - memory) * int64_t(sizeof(T)), own = n * int64_t(sizeof(T));
    for (int64_t i = 0; i < (n + 2 * kAround) * int64_t(sizeof(T)) + kLine; ++i)
      if ((i < before || i >= before + own) && first[i] != 0xFF) return false;
    return true;
  }

  static constexpr int64_t kAround = 64, kLine = 64;
  int64_t n;
  T *memory, *values;
};

}  // namespace
