// The pool's loop over any callable.
#pragma once
#include "pool.h"
#include "vector.h"

namespace dxdw {
namespace {

// Threads below this many floating-point operations cost more than they save (measured: a woken
// thread begins after 5 to 50 µs; a core does 2 MFLOP in 20 to 40 µs).
constexpr Index kSerialFlops = 2'000'000;

template <class F>
bool parallel_for(const Team &team, Index items, const F &f) {
  auto body = [](void *context, Index item, int slot) {
    (*static_cast<const F *>(context))(item, slot);
  };
  return parallel(team, items, body, const_cast<F *>(&f));
}

}  // namespace
}  // namespace dxdw
