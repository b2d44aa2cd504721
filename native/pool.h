// Threads: a loop over independent pieces of work, shared by whoever is free.
//
// Declarations only: this file is compiled for every instruction set, and code that the linker may
// merge must not be.
#pragma once
#include <stdint.h>

namespace dxdw {

struct Team {
  int threads;      // at the most, the caller among them
  void *cancelled;  // a flag that stops the loops, or null
};

using Body = void (*)(void *context, int64_t item, int slot);

// Calls body(context, item, slot) for every item in [0, items), in any order and on up to
// team.threads threads. slot < team.threads, and no two calls that run at once have the same.
// Returns false where the team was cancelled: items may then be missing.
bool parallel(const Team &team, int64_t items, Body body, void *context);

}  // namespace dxdw
