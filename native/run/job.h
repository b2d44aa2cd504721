// A task on the pool's threads alone, while the thread that asked for it does something else.
#pragma once
#include "machine/cpus.h"
#include "run/pool.h"

namespace dxdw {

struct Job {
  Job(int (*task)(Job &, const Team &), int threads) : task(task), threads(threads) {}

  int (*task)(Job &, const Team &);  // returns the status that wait hands on
  int threads;

  // The pool's own.
  enum State { kQueued, kRunning, kDone };
  Flag cancelled;
  Affinity affinity;
  Job *next = nullptr;
  State state = kQueued;
  int status = 0;
  unsigned generation = 0;
};

// The job must stay where it is until wait has seen its end. Where the pool can have no thread at
// all, the task is done when start returns.
void start(Job &job);

// True when it has ended, with its status, as often as it is asked; false after so many milliseconds.
// In a forked child, which has none of its parent's threads, the task begins anew on threads of its own.
bool wait(Job &job, int milliseconds, int *status);

// A task that waits for a thread ends as cancelled at once, another when it looks at its team.
void cancel(Job &job);

}  // namespace dxdw
