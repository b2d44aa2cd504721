// A job whose caller answers the signals of its interpreter meanwhile.
#pragma once
#include "run/job.h"

namespace dxdw {

// How the caller's interpreter is left to others, entered again, and asked to answer signals: not 0
// where the call is to end for one.
struct Interpreter {
  void *(*leave)() = nullptr;
  void (*enter)(void *state) = nullptr;
  int (*answer_signals)() = nullptr;
};

void set_interpreter(const Interpreter &interpreter);

// Does the job, itself where that is of one thread, and returns its status when no thread touches it any
// more. The caller is in its interpreter, before and after.
int watch(Job &job);

}  // namespace dxdw
