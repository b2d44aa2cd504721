#include "run/watch.h"

#include "api/dxdw.h"
#include "run/faults.h"

namespace dxdw {
namespace {

// How long a signal may wait. Entering the interpreter takes microseconds, or as long as another of its
// threads does not leave it.
constexpr int kLook = 50;

Interpreter interpreter;

}  // namespace

void set_interpreter(const Interpreter &found) { interpreter = found; }

int watch(Job &job) {
  boundary();
  void *state = interpreter.leave ? interpreter.leave() : nullptr;
  start(job);
  boundary();
  bool ended_by_signal = false;
  int status;
  while (!wait(job, kLook, &status)) {
    if (ended_by_signal || !interpreter.leave) continue;
    interpreter.enter(state);
    boundary();
    // Whatever answers may itself call the kernels, fork, or take as long as it likes.
    ended_by_signal = interpreter.answer_signals() != 0;
    boundary();
    state = interpreter.leave();
    if (ended_by_signal) cancel(job);
    boundary();
  }
  if (interpreter.leave) interpreter.enter(state);
  boundary();
  return ended_by_signal ? int(DXDW_CANCELLED) : status;
}

}  // namespace dxdw
