// A block of sums by tiles: two by two of them, which what is loaded of either side serves twice.
//
// Tiles is AMX's instructions (amx.cpp) or their emulation: zero<t>, load<t>(from, bytes from row to row),
// store<t>, and multiply<sums, a, b>.
#pragma once
#include "machine/matrix_unit.h"

namespace dxdw {
namespace {

template <class Tiles>
class MatrixBlock {
 public:
  template <int Parts, bool Turned = false>
  static void run(const MatrixSteps &own) {
    Tiles tiles;
    float *c = own.sums;
    constexpr int64_t row = kBlock * sizeof(float), half = kBlock / 2, below = half * kBlock;
    if (own.add) {
      tiles.template load<0>(c, row), tiles.template load<1>(c + half, row);
      tiles.template load<2>(c + below, row), tiles.template load<3>(c + below + half, row);
    } else {
      tiles.template zero<0>(), tiles.template zero<1>();
      tiles.template zero<2>(), tiles.template zero<3>();
    }
    for (int64_t s = 0; s < own.steps; ++s) {
      const uint16_t *a = own.a + own.a_offset[s], *b = own.b + own.b_offset[s];
      const auto load_left = [&](int p) {
        tiles.template load<4>(a + p * own.a_part, 2 * own.a_row);
        tiles.template load<5>(a + p * own.a_part + half * own.a_row, 2 * own.a_row);
      };
      const auto load_right = [&](int q) {
        tiles.template load<6>(b + q * own.b_part, 2 * kBlock);
        tiles.template load<7>(b + q * own.b_part + own.b_half, 2 * kBlock);
      };
      const auto load_a = [&](int p) { Turned ? load_right(p) : load_left(p); };
      const auto load_b = [&](int q) { Turned ? load_left(q) : load_right(q); };
      const auto multiply = [&] {
        tiles.template multiply<0, 4, 6>(), tiles.template multiply<1, 4, 7>();
        tiles.template multiply<2, 5, 6>(), tiles.template multiply<3, 5, 7>();
      };
      if (Parts == 1) {
        load_a(0), load_b(0), multiply();
      } else if (Parts == 2) {
        load_a(1), load_b(0), multiply();
        load_a(0), multiply();
        load_b(1), multiply();
      } else {
        load_a(2), load_b(0), multiply();
        load_a(1), multiply();
        load_b(1), multiply();
        load_a(0), multiply();
        load_b(0), multiply();
        load_b(2), multiply();
      }
    }
    tiles.template store<0>(c, row), tiles.template store<1>(c + half, row);
    tiles.template store<2>(c + below, row), tiles.template store<3>(c + below + half, row);
  }
};

}  // namespace
}  // namespace dxdw
