// Threads: a loop over independent pieces of work, shared by whoever is free.
//
// This file is compiled for every instruction set, and code that the linker may merge must not be:
// what is defined here is of each file's own.
#pragma once
#include <stdint.h>

#include <atomic>

namespace dxdw {

struct Flag {
  std::atomic<bool> set{false};
  // What else the thread that computes looks at, and may set it for; only for a team of one.
  void (*look)(Flag &) = nullptr;
  // What that thread has set up in the processor and whatever is done on looking may undo; or null.
  void (*restore)() = nullptr;
};

// Whether it is set by now.
bool stops(Flag &flag);

// Somebody else's threads: calls part(context) on up to `threads` of them at once, the caller among
// them, and returns when all have. It is what OpenMP's GOMP_parallel does, with flags = 0.
using Crew = void (*)(void (*part)(void *), void *context, unsigned threads, unsigned flags);

struct Team {
  int threads;      // at the most, the caller among them
  Flag *cancelled;  // stops the loops when it is set; or null
  Crew crew = nullptr;    // whose threads these are; the pool's own where it is null
};

using Body = void (*)(void *context, int64_t item, int slot);

// Calls body(context, item, slot) for every item in [0, items), in any order and on up to
// team.threads threads. slot < team.threads, and no two calls that run at once have the same.
// A body may itself call this. Returns false where the team was cancelled: items may be missing, or
// half done.
bool parallel(const Team &team, int64_t items, Body body, void *context);

namespace {

// For a body to look at between any two things that may take milliseconds: a call that is cancelled
// ends when the last of its bodies does, whatever the problem's shape has made of them.
inline bool cancelled(const Team &team) { return team.cancelled && stops(*team.cancelled); }

}  // namespace
}  // namespace dxdw
