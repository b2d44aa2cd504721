// What the tests of kernels share: their names, the convolutions to try, and integers, which sums keep exact.
#pragma once
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/dxdw.h"
#include "placed.h"
#include "plans.h"

namespace {

const char *const kSums[] = {"direct", "depthwise"};

int kernel_of(const char *name) {
  for (int i = 0; i < dxdw_kernels(); ++i)
    if (strcmp(dxdw_kernel_name(i), name) == 0) return i;
  return -1;
}

template <class T>
T *integers(int64_t n, unsigned seed) {
  T *values = static_cast<T *>(malloc(n * sizeof(T)));
  for (int64_t i = 0; i < n; ++i) {
    seed = seed * 1103515245u + 12345u;
    values[i] = T(int(seed >> 16 & 7) - 3);
  }
  return values;
}

// Images of so many channels and positions, the other way round: from planes to channels last, or back.
template <class T>
void turn(const T *from, int64_t images, int64_t channels, int64_t positions, T *to, bool back) {
  for (int64_t i = 0; i < images; ++i)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t q = 0; q < positions; ++q) {
        const int64_t plane = (i * channels + c) * positions + q;
        const int64_t last = (i * positions + q) * channels + c;
        to[back ? plane : last] = from[back ? last : plane];
      }
}

// For the definition's sums, and for Winograd's tiles.
const Problem kDirect[] = {
    {2, 1, 3, 8, 11, 13, 3, 3, 1, 1, 1},   {1, 1, 1, 1, 4, 4, 2, 2, 1, 1, 0},
    {1, 1, 1, 1, 40, 37, 7, 5, 1, 1, 2},   {2, 1, 17, 24, 9, 10, 3, 3, 2, 1, 1},
    {1, 1, 5, 70, 12, 9, 1, 1, 1, 1, 0},   {2, 1, 40, 33, 7, 7, 1, 1, 3, 1, 0},
    {2, 6, 1, 1, 15, 14, 3, 3, 1, 1, 1},   {1, 3, 2, 2, 15, 14, 3, 3, 2, 1, 1},
    {1, 1, 4, 64, 20, 21, 5, 5, 1, 1, 2},  {1, 1, 3, 2, 19, 23, 3, 4, 1, 2, 2},
    {2, 5, 1, 1, 21, 35, 3, 3, 2, 1, 1},   {1, 3, 1, 2, 14, 40, 5, 5, 1, 1, 2},
    {1, 2, 3, 1, 33, 18, 7, 4, 2, 1, 3},   {3, 2, 1, 1, 9, 70, 3, 3, 1, 2, 2},
    {1, 1, 2, 1, 90, 95, 3, 29, 1, 3, 2},  {1, 1, 20, 3, 30, 70, 3, 3, 1, 1, 1},  {1, 2, 3, 5, 12, 12, 2, 2, 5, 1, 1},
    {2, 37, 1, 1, 9, 30, 3, 3, 1, 1, 1},   {1, 19, 1, 1, 12, 9, 3, 3, 2, 1, 1},  {2, 40, 1, 1, 7, 6, 7, 7, 1, 1, 3},
    {1, 64, 1, 1, 8, 15, 3, 2, 1, 2, 1},   {1, 81, 1, 1, 5, 6, 2, 2, 2, 1, 0},   {1, 1, 24, 80, 9, 11, 1, 1, 1, 1, 0},
    {3, 2, 20, 48, 7, 7, 1, 1, 1, 1, 0},
};
const Problem kWinograd[] = {
    {2, 1, 16, 16, 9, 14, 3, 3, 1, 1, 1},
    {1, 1, 33, 70, 12, 8, 3, 3, 1, 1, 0},
    {3, 1, 64, 130, 7, 7, 3, 3, 1, 1, 1},
    {2, 1, 16, 18, 13, 17, 3, 3, 1, 2, 2},
    {1, 1, 33, 20, 11, 9, 5, 5, 1, 1, 2},
    {1, 1, 16, 17, 15, 16, 5, 5, 1, 2, 3},
    {1, 3, 16, 20, 10, 11, 3, 3, 1, 1, 1},
};

}  // namespace
