#include "run/faults.h"

#if defined(DXDW_TESTING)
#include <signal.h>
#if !defined(_WIN32)
#include <unistd.h>
#endif

#include <atomic>

#include "api/dxdw.h"

namespace dxdw {
namespace {

std::atomic<int64_t> allocations_to_failure{0}, boundaries_to_signal{0}, signals_left{0};
std::atomic<int64_t> live_blocks{0}, live_bytes{0}, most_bytes{0};

}  // namespace

bool allocation_fails() {
  return allocations_to_failure.load() > 0 && allocations_to_failure.fetch_sub(1) == 1;
}

// To the process, as a terminal's Ctrl-C is: its main thread takes it, wherever that is.
void boundary() {
  if (boundaries_to_signal.load() <= 0 || boundaries_to_signal.fetch_sub(1) != 1) return;
  if (signals_left.fetch_sub(1) > 1) boundaries_to_signal = 1;  // the next at the next boundary
#if defined(_WIN32)
  raise(SIGINT);
#else
  kill(getpid(), SIGINT);
#endif
}

void count_block(int change, int64_t bytes) {
  live_blocks += change;
  const int64_t now = live_bytes.fetch_add(change * bytes) + change * bytes;
  for (int64_t most = most_bytes; most < now && !most_bytes.compare_exchange_weak(most, now);) {
  }
}

}  // namespace dxdw

void dxdw_fail_allocation(int64_t nth) { dxdw::allocations_to_failure = nth; }

int dxdw_allocation_left(void) { return dxdw::allocations_to_failure.load() > 0; }

int64_t dxdw_signal_at(int64_t nth, int64_t signals) {
  dxdw::signals_left = signals;
  return dxdw::boundaries_to_signal.exchange(nth);
}

int64_t dxdw_live_blocks(void) { return dxdw::live_blocks; }

int64_t dxdw_most_bytes(void) { return dxdw::most_bytes.exchange(dxdw::live_bytes); }
#endif
