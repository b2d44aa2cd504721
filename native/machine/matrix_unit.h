// What multiplies blocks of bfloat16 and sums them in float32: the tiles of AMX, the dot products of
// AVX512-BF16, or in builds for tests an emulation of the tiles.
//
// All count subnormal numbers as zeros and flush sums that are subnormal, which whoever calls them keeps
// out of the way (layout/bfloat_parts.h). Tiles add the products of even and of odd k by themselves, in
// the order of k, and then both to the sum (Intel's manual, TDPBF16PS).
#pragma once
#include <stdint.h>

namespace dxdw {

// Rows and columns of a block of sums, and the products that one step adds to each.
constexpr int64_t kBlock = 32;

// sums[m][n] (+)= Σ over the steps s, the pairs (p, q) of parts and k < kBlock of
//   a[p·a_part + a_offset[s] + m·a_row + k] · b[q·b_part + b_offset[s] + n/16·b_half + k/2·32 + n%16·2 + k%2]
struct MatrixSteps {
  const uint16_t *a;
  int64_t a_row, a_part;
  const int64_t *a_offset;
  const uint16_t *b;
  int64_t b_half, b_part;
  const int64_t *b_offset;
  int64_t steps;
  float *sums;
  bool add;
};

struct MatrixUnit {
  const char *name;
  bool tiles;  // many times as fast as multiply-adds of float32
  // Around a piece of work, on the thread that does it.
  void (*begin)();
  void (*end)();
  // Of one part: p = q = 0. Of two: all pairs with p + q ≤ 1; of three: with p + q ≤ 2. The small ones
  // come first.
  void (*multiply[3])(const MatrixSteps &steps);
  // The same with a's parts in b's order and b's in a's: where what stands in a stood in b, to the same bits.
  void (*turned[3])(const MatrixSteps &steps);
};

// Null where this machine, or this process, has none.
const MatrixUnit *amx();  // asks the system for its permission, once
const MatrixUnit *dot_products();
#if defined(DXDW_TESTING)
const MatrixUnit *emulated_amx();
#endif

// The one in use, and null where there is none.
const MatrixUnit *matrix_unit();
void use_matrix_unit(const MatrixUnit *unit);

#if defined(DXDW_TESTING)
// As if blocks cost nothing beside other kernels: what they can take they do, however small.
void take_at_any_cost();
#endif
bool takes_at_any_cost();

// Why there is no AMX, in a sentence.
const char *why_no_amx();

}  // namespace dxdw
