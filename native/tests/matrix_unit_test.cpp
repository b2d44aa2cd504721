// The emulation of AMX beside the instructions, to the bit, where the processor has them; and beside sums in
// double everywhere.
#include "machine/matrix_unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

using namespace dxdw;

namespace {

constexpr int kSteps = 3, kParts = 3, kElements = kSteps * kParts * 1024;

float wide(uint16_t bits) {
  const uint32_t word = uint32_t(bits) << 16;
  float value;
  memcpy(&value, &word, sizeof value);
  return value;
}

// Of all bits, or of magnitudes from 1/4 to 4.
void fill(uint16_t *values, int n, unsigned seed, bool all) {
  for (int i = 0; i < n; ++i) {
    seed = seed * 1664525u + 1013904223u;
    const unsigned any = seed >> 16;
    values[i] = uint16_t(all ? any : (any & 0x807f) | (125 + (any >> 8) % 4) << 7);
  }
}

}  // namespace

int main() {
  static uint16_t a[kElements], b[kElements];
  static float emulated[1024], own[1024], turned[1024];
  int64_t offset[kSteps];
  for (int s = 0; s < kSteps; ++s) offset[s] = s * 1024;
  emulated_amx()->begin();
  for (int all = 0; all < 2; ++all)
    for (int parts = 1; parts <= kParts; ++parts) {
      fill(a, kElements, 1 + parts, all), fill(b, kElements, 7 * parts, all);
      for (float &v : emulated) v = 0.5f;
      memcpy(own, emulated, sizeof own);
      MatrixSteps steps = {a, 32, 3072, offset, b, 512, 3072, offset, kSteps, emulated, true};
      emulated_amx()->multiply[parts - 1](steps);
      // What stands in a and in b change places: the same sums, at the transposed places.
      static uint16_t rows[kElements], pairs[kElements];
      for (int t = 0; t < kElements / 1024; ++t)
        for (int m = 0; m < 32; ++m)
          for (int k = 0; k < 32; ++k) {
            const int row = t * 1024 + m * 32 + k, pair = t * 1024 + m / 16 * 512 + k / 2 * 32 + m % 16 * 2 + k % 2;
            rows[row] = b[pair], pairs[pair] = a[row];
          }
      for (float &v : turned) v = 0.5f;
      const MatrixSteps other = {rows, 32, 3072, offset, pairs, 512, 3072, offset, kSteps, turned, true};
      emulated_amx()->turned[parts - 1](other);
      for (int m = 0; m < 32; ++m)
        for (int n = 0; n < 32; ++n) {
          const float one = emulated[m * 32 + n], two = turned[n * 32 + m];
          CHECK(memcmp(&one, &two, sizeof one) == 0 || (one != one && two != two));
        }
      if (const MatrixUnit *unit = amx()) {
        steps.sums = own;
        unit->begin();
        unit->multiply[parts - 1](steps);
        unit->end();
        for (int i = 0; i < 1024; ++i)
          CHECK(memcmp(own + i, emulated + i, sizeof(float)) == 0 ||
                (own[i] != own[i] && emulated[i] != emulated[i]));
      }
      if (all) continue;
      for (int m = 0; m < 32; ++m)
        for (int n = 0; n < 32; ++n) {
          double sum = 0.5, size = 0.5;
          for (int s = 0; s < kSteps; ++s)
            for (int p = 0; p < parts; ++p)
              for (int q = 0; p + q < parts; ++q)
                for (int k = 0; k < 32; ++k) {
                  const double product = double(wide(a[p * 3072 + s * 1024 + m * 32 + k])) *
                                         wide(b[q * 3072 + s * 1024 + n / 16 * 512 + k / 2 * 32 + n % 16 * 2 + k % 2]);
                  sum += product, size += fabs(product);
                }
          CHECK(fabs(emulated[m * 32 + n] - sum) <= 40 * 0x1p-24 * size);
        }
    }
  CHECK(amx() || strlen(why_no_amx()) > 0);
  return 0;
}
