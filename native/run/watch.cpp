#include "run/watch.h"

#include "api/dxdw.h"
#include "run/faults.h"
#include "run/threads.h"

namespace dxdw {
namespace {

// How long a signal may wait. Entering the interpreter takes microseconds, or as long as another of its
// threads does not leave it.
constexpr int kLook = 50;

Interpreter interpreter;

// The caller's place between its interpreter, which it has left, and the call.
struct Caller {
  void *state;

  // True where the call is to end. Whatever answers may itself call the kernels, fork, or take as long
  // as it likes.
  bool answers_signals() {
    interpreter.enter(state);
    boundary();
    const bool ends = interpreter.answer_signals() != 0;
    boundary();
    state = interpreter.leave();
    return ends;
  }
};

// A flag for a call that the caller computes itself.
struct Watched : Flag {
  explicit Watched(Caller &caller) : caller(caller), next(now() + kLook * int64_t{1'000'000}) {
    if (interpreter.leave) look = clock;
  }

  static void clock(Flag &flag) {
    Watched &self = static_cast<Watched &>(flag);
    // Kernels look every few microseconds, of which asking for the time is a part.
    if (++self.looks % 8 != 0 || now() < self.next) return;
    if (self.caller.answers_signals()) {
      self.look = nullptr;
      self.set = true;
    }
    if (self.restore) self.restore();
    self.next = now() + kLook * int64_t{1'000'000};
  }

  Caller &caller;
  int64_t next;
  unsigned looks = 0;
};

// One thread's work is the caller's own: its results lie where its caches and its memory are, and nobody
// has to be woken. 64 channels to 256 of 56 × 56, 32 images, took 1.0 to 3 times as long on a pool's
// thread, in a virtual machine that gave that one fresh pages from its host (Zen 3).
int run_here(Job &job, Caller &caller) {
  Watched flag(caller);
  const int status = job.task(job, Team{1, &flag});
  return flag.set ? int(DXDW_CANCELLED) : status;
}

int run_on_pool(Job &job, Caller &caller) {
  start(job);
  boundary();
  bool ended_by_signal = false;
  int status;
  while (!wait(job, kLook, &status)) {
    if (ended_by_signal || !interpreter.leave) continue;
    ended_by_signal = caller.answers_signals();
    if (ended_by_signal) cancel(job);
    boundary();
  }
  return ended_by_signal ? int(DXDW_CANCELLED) : status;
}

}  // namespace

void set_interpreter(const Interpreter &found) { interpreter = found; }

int watch(Job &job) {
  boundary();
  Caller caller{interpreter.leave ? interpreter.leave() : nullptr};
  boundary();
  const int status = job.threads == 1 ? run_here(job, caller) : run_on_pool(job, caller);
  boundary();
  if (interpreter.leave) interpreter.enter(caller.state);
  boundary();
  return status;
}

}  // namespace dxdw
