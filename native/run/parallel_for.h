// The pool's loop over any callable.
#pragma once
#include "machine/vector.h"
#include "run/pool.h"

namespace dxdw {
namespace {

template <class F>
bool parallel_for(const Team &team, Index items, const F &f) {
  auto body = [](void *context, Index item, int slot) {
    (*static_cast<const F *>(context))(item, slot);
  };
  return parallel(team, items, body, const_cast<F *>(&f));
}

}  // namespace
}  // namespace dxdw
