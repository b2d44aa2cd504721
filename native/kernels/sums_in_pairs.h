// How the sums of chunks become one: in pairs, pairs of pairs and so on, whatever the number of threads.
#pragma once
#include "machine/vector.h"

namespace dxdw {
namespace {

// sums[0 … n) = Σ_i sums[i·apart + …] of so many chunks; the others are left as they come.
template <class T>
void add_in_pairs(T *sums, Index chunks, Index apart, Index n) {
  for (Index step = 1; step < chunks; step *= 2)
    for (Index i = 0; i + step < chunks; i += 2 * step) {
      T *to = sums + i * apart;
      add(to, to + step * apart, n);
    }
}

}  // namespace
}  // namespace dxdw
