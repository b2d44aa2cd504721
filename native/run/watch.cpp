#include "run/watch.h"

#include <atomic>

#include "api/dxdw.h"
#include "run/faults.h"
#include "run/threads.h"

namespace dxdw {
namespace {

// How long a signal may wait. Entering the interpreter takes microseconds, or as long as another of its
// threads does not leave it.
constexpr int kLook = 50;

// Two threads that load the library at once both tell the same.
struct {
  std::atomic<decltype(Interpreter::leave)> leave{nullptr};
  std::atomic<decltype(Interpreter::enter)> enter{nullptr};
  std::atomic<decltype(Interpreter::answer_signals)> answer_signals{nullptr};
} interpreter;

void *left() {
  const auto leave = interpreter.leave.load();
  return leave ? leave() : nullptr;
}

// The caller's place between its interpreter, which it has left, and the call.
struct Caller {
  void *state;

  // True where the call is to end. Whatever answers may itself call the kernels, fork, or take as long
  // as it likes.
  bool answers_signals() {
    interpreter.enter.load()(state);
    boundary();
    const bool ends = interpreter.answer_signals.load()() != 0;
    boundary();
    state = left();
    return ends;
  }
};

// A flag for a call that the caller computes itself.
struct Watched : Flag {
  explicit Watched(Caller &caller) : caller(caller), next(now() + kLook * int64_t{1'000'000}) {
    if (interpreter.leave.load()) look = clock;
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
    if (ended_by_signal || !interpreter.leave.load()) continue;
    ended_by_signal = caller.answers_signals();
    if (ended_by_signal) cancel(job);
    boundary();
  }
  return ended_by_signal ? int(DXDW_CANCELLED) : status;
}

}  // namespace

void set_interpreter(const Interpreter &found) {
  interpreter.enter = found.enter;
  interpreter.answer_signals = found.answer_signals;
  interpreter.leave = found.leave;
}

int watch(Job &job) {
  boundary();
  Caller caller{left()};
  boundary();
  const int status = job.threads == 1 ? run_here(job, caller) : run_on_pool(job, caller);
  boundary();
  if (interpreter.leave.load()) interpreter.enter.load()(caller.state);
  boundary();
  return status;
}

}  // namespace dxdw
