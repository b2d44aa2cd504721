// Where this process may run, and how much of it.
#pragma once
#include <stddef.h>

namespace dxdw {

// CPUs of the calling thread's affinity, within the quota of its control group and of all above.
int cpus();

// CPUs that the control groups grant, rounded up; 0 where they set no limit. All files are looked
// for under `root`, which is empty but in tests.
int quota_in_cpus(const char *root);

int this_thread();  // its number in the system, where Affinity wants one

// The CPUs that a thread may run on, as far as is known. A helper goes where its caller may go: it
// would otherwise stay for ever where the thread that started it happened to be. Does nothing but
// on Linux.
class Affinity {
 public:
  void read();                          // the calling thread's
  void become(const Affinity &wanted);  // moves the calling thread, whose affinity this is

  // For a sleeping thread, whose affinity this is, that is about to be woken: it must not share the
  // calling thread's CPU. Of two CPUs, and for a caller that had slept itself, Linux chose that one
  // 180 times of 200, to run the thread up to 3 ms later while the other was idle; so never.
  void move_elsewhere(int thread, const Affinity &wanted);

 private:
#if defined(__linux__)
  size_t bytes_ = 0;  // 0: unknown
  unsigned long words_[1024 / (8 * sizeof(unsigned long))];
#endif
};

}  // namespace dxdw
