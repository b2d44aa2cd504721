// The tiles of AMX in portable C++, to the bit: what proves the kernels where there is none.
#if defined(DXDW_TESTING)
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "machine/matrix_block.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"  // vectors stay within this file
#endif

namespace dxdw {
namespace {

constexpr float kSmallest = 0x1p-126f;  // that is normal

typedef float Row __attribute__((vector_size(64)));
typedef int32_t Bits __attribute__((vector_size(64)));

#define DXDW_INLINE inline __attribute__((always_inline))

DXDW_INLINE Row flushed(Row v) {
  const Bits sign = reinterpret_cast<Bits>(v) & INT32_MIN;
  const Row size = reinterpret_cast<Row>(reinterpret_cast<Bits>(v) & INT32_MAX);
  return size < kSmallest ? reinterpret_cast<Row>(sign) : v;
}

// A tile of bfloat16: those in every other place of each row, from the first and from the second on.
struct Wide {
  Row row[16][2];
  bool plain = true;  // products of plain numbers are as exact as they are normal

  explicit Wide(const uint16_t (&tile)[16][32]) {
    for (int r = 0; r < 16; ++r)
      for (int n = 0; n < 32; ++n) {
        const uint32_t bits = uint32_t(tile[r][n]) << 16, exponent = bits >> 23 & 255;
        plain = plain && (bits << 1 == 0 || (exponent > 64 && exponent < 190));
        const float value = exponent ? as_float(bits) : as_float(bits & 0x80000000);
        row[r][n & 1][n / 2] = value;
      }
  }

 private:
  static float as_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
  }
};

// sums + a·b, rounded once: a product of two numbers of 8 digits is exact where it stays in the range.
DXDW_INLINE Row added(Row sums, float a, Row b, bool plain) {
  if (plain) return flushed(sums + a * b);
  Row result;
  for (int n = 0; n < 16; ++n) result[n] = fmaf(a, b[n], sums[n]);
  return flushed(result);
}

// Tiles that nobody has shaped end the program, as the processor would.
thread_local bool shaped = false;
void begin() { shaped = true; }
void end() { shaped = false; }

struct Tiles {
  Tiles() {
    if (!shaped) abort();
  }

  alignas(64) float sums[4][16][16];
  alignas(64) uint16_t values[4][16][32];

  template <int T>
  void zero() {
    memset(sums[T], 0, sizeof sums[T]);
  }
  template <int T>
  void load(const void *from, int64_t row) {
    for (int r = 0; r < 16; ++r)
      memcpy(T < 4 ? static_cast<void *>(sums[T & 3][r]) : values[T & 3][r],
             static_cast<const char *>(from) + r * row, 64);
  }
  template <int T>
  void store(void *to, int64_t row) const {
    for (int r = 0; r < 16; ++r) memcpy(static_cast<char *>(to) + r * row, sums[T][r], 64);
  }
  template <int C, int A, int B>
  void multiply() {
    const Wide a(values[A & 3]), b(values[B & 3]);
    const bool plain = a.plain && b.plain;
    for (int m = 0; m < 16; ++m) {
      Row of[2] = {};
      for (int k = 0; k < 16; ++k)
        for (int i = 0; i < 2; ++i) of[i] = added(of[i], a.row[m][i][k], b.row[k][i], plain);
      Row &sum = *reinterpret_cast<Row *>(sums[C][m]);
      sum = flushed(flushed(sum) + flushed(of[0] + of[1]));
    }
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
