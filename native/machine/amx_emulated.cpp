// The tiles of AMX in portable C++, to the bit: what proves the kernels where there is none.
#if defined(DXDW_TESTING)
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "machine/matrix_block.h"

namespace dxdw {
namespace {

constexpr float kSmallest = 0x1p-126f;  // that is normal

typedef float Row __attribute__((vector_size(64)));
typedef int32_t Bits __attribute__((vector_size(64)));

#define DXDW_INLINE inline __attribute__((always_inline))
// What is computed between loads and stores: they are looked at, and this takes minutes if it is.
#define DXDW_UNCHECKED __attribute__((no_sanitize("address", "undefined")))

DXDW_INLINE Row flushed(Row v) {
  const Bits sign = reinterpret_cast<Bits>(v) & INT32_MIN;
  const Row size = reinterpret_cast<Row>(reinterpret_cast<Bits>(v) & INT32_MAX);
  return size < kSmallest ? reinterpret_cast<Row>(sign) : v;
}

// A tile of bfloat16: those in every other place of each row, from the first and from the second on.
struct Wide {
  Row row[16][2];
  // Whether sums of its products with another such are exact but for their digits: each is 2⁻⁹² or more in size
  // or zero, and a multiple of 2⁻¹⁰⁶, so that none that is not zero is subnormal.
  bool plain;
};

// Tiles that nobody has shaped end the program, as the processor would.
thread_local bool shaped = false;
void begin() { shaped = true; }
void end() { shaped = false; }

struct Tiles {
  Tiles() {
    if (!shaped) abort();
  }

  alignas(64) float sums[4][16][16];
  Wide values[4];

  template <int T>
  void zero() {
    memset(sums[T], 0, sizeof sums[T]);
  }
  template <int T>
  void load(const void *from, int64_t row) {
    alignas(64) char tile[16][64];
    for (int r = 0; r < 16; ++r)
      memcpy(T < 4 ? reinterpret_cast<char *>(sums[T & 3][r]) : tile[r], static_cast<const char *>(from) + r * row, 64);
    if (T >= 4) widen(tile, values[T & 3]);
  }
  template <int T>
  void store(void *to, int64_t row) const {
    for (int r = 0; r < 16; ++r) memcpy(static_cast<char *>(to) + r * row, sums[T][r], 64);
  }
  template <int C, int A, int B>
  DXDW_UNCHECKED void multiply() {
    const Wide &a = values[A & 3], &b = values[B & 3];
    for (int m = 0; m < 16; ++m) {
      Row of[2] = {};
      if (a.plain && b.plain) {
        for (int k = 0; k < 16; ++k)
          for (int i = 0; i < 2; ++i) of[i] += a.row[m][i][k] * b.row[k][i];
      } else {
        add_exactly(a.row[m], b.row, of);
      }
      Row &sum = *reinterpret_cast<Row *>(sums[C][m]);
      sum = flushed(flushed(sum) + flushed(of[0] + of[1]));
    }
  }

 private:
  DXDW_UNCHECKED static void widen(const char (&tile)[16][64], Wide &wide) {
    Bits all = Bits{} - 1;
    for (int r = 0; r < 16; ++r) {
      Bits pairs;
      memcpy(&pairs, tile[r], sizeof pairs);
      for (int i = 0; i < 2; ++i) {
        const Bits bits = i ? pairs & int32_t(0xffff0000) : pairs << 16, exponent = bits >> 23 & 255;
        all &= ((bits & INT32_MAX) == 0) | ((exponent > 80) & (exponent < 190));
        wide.row[r][i] = flushed(reinterpret_cast<Row>(bits));
      }
    }
    wide.plain = true;
    for (int n = 0; n < 16; ++n) wide.plain = wide.plain && all[n];
  }

  // of + a·b, rounded once: a product of two numbers of 8 digits is exact where it stays in the range.
  using Add = void (*)(const Row (&a)[2], const Row (&b)[16][2], Row (&of)[2]);
  DXDW_UNCHECKED DXDW_INLINE static void add(const Row (&a)[2], const Row (&b)[16][2], Row (&of)[2]) {
    for (int k = 0; k < 16; ++k)
      for (int i = 0; i < 2; ++i) {
        Row sums;
        for (int n = 0; n < 16; ++n) sums[n] = __builtin_fmaf(a[i][k], b[k][i][n], of[i][n]);
        of[i] = flushed(sums);
      }
  }
  DXDW_UNCHECKED static void add_by_calls(const Row (&a)[2], const Row (&b)[16][2], Row (&of)[2]) { add(a, b, of); }
#if defined(__x86_64__)
  __attribute__((target("avx2,fma"))) DXDW_UNCHECKED static void add_by_instructions(const Row (&a)[2], const Row (&b)[16][2],
                                                                      Row (&of)[2]) {
    add(a, b, of);
  }
#endif
  static Add best() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return add_by_instructions;
#endif
    return add_by_calls;
  }
  static void add_exactly(const Row (&a)[2], const Row (&b)[16][2], Row (&of)[2]) {
    static const Add own = best();
    own(a, b, of);
  }
};

constexpr MatrixUnit unit = {"amx-emulated", true, begin, end,
                             {MatrixBlock<Tiles>::run<1>, MatrixBlock<Tiles>::run<2>,
                              MatrixBlock<Tiles>::run<3>},
                             {MatrixBlock<Tiles>::run<1>, MatrixBlock<Tiles>::run<2, true>,
                              MatrixBlock<Tiles>::run<3, true>}};

}  // namespace

const MatrixUnit *emulated_amx() { return &unit; }

}  // namespace dxdw
#endif
