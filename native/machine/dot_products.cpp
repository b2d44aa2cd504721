// AVX512-BF16, which adds two products to each sum: at twice the rate of float32 on AMD's processors.
#include "machine/matrix_unit.h"

#if defined(__AVX512BF16__)
#include <cpuid.h>
#include <immintrin.h>
#include <string.h>
#endif

namespace dxdw {
namespace {

#if defined(__AVX512BF16__)

void nothing() {}

// Eight rows of a block: sixteen vectors of sums, of which each loaded vector serves eight.
constexpr int kRows = 8;

void multiply(const MatrixSteps &own) {
  for (int64_t m = 0; m < kBlock; m += kRows) {
    __m512 sum[kRows][2];
    float *c = own.sums + m * kBlock;
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      sum[r][0] = own.add ? _mm512_loadu_ps(c + r * kBlock) : _mm512_setzero_ps();
      sum[r][1] = own.add ? _mm512_loadu_ps(c + r * kBlock + 16) : _mm512_setzero_ps();
    }
    for (int64_t s = 0; s < own.steps; ++s) {
      const uint16_t *a = own.a + own.a_offset[s] + m * own.a_row, *b = own.b + own.b_offset[s];
      for (int k = 0; k < kBlock; k += 2, a += 2, b += 32) {
        const __m512bh low = (__m512bh)_mm512_loadu_si512(b);
        const __m512bh high = (__m512bh)_mm512_loadu_si512(b + own.b_half);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
          int32_t pair;
          memcpy(&pair, a + r * own.a_row, sizeof pair);
          const __m512bh both = (__m512bh)_mm512_set1_epi32(pair);
          sum[r][0] = _mm512_dpbf16_ps(sum[r][0], low, both);
          sum[r][1] = _mm512_dpbf16_ps(sum[r][1], high, both);
        }
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      _mm512_storeu_ps(c + r * kBlock, sum[r][0]);
      _mm512_storeu_ps(c + r * kBlock + 16, sum[r][1]);
    }
  }
}

constexpr MatrixUnit unit = {"avx512-bf16", false, nothing, nothing, {multiply, nullptr, nullptr}, {multiply, nullptr, nullptr}};

bool there() {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
}

#endif

}  // namespace

const MatrixUnit *dot_products() {
#if defined(__AVX512BF16__)
  return there() ? &unit : nullptr;
#else
  return nullptr;
#endif
}

}  // namespace dxdw
