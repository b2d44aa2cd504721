// The nth thing that a call asks the system for is refused, memory and threads alike, for n until nothing
// is left to refuse: the call then says that memory is short, or has the bits that it always has.
#include <stdio.h>
#include <string.h>

#include <algorithm>
#include <vector>

#include "api/dxdw.h"
#include "check.h"
#include "plans.h"

namespace {

struct Operands {
  const void *a, *b;
  void *r;
};

enum Way { kRun, kStarted, kWatched, kWays };

int run(const void *prepared, const Operands &of, Way way, int threads) {
  if (way == kRun) return dxdw_run(prepared, of.a, of.b, nullptr, of.r, nullptr, threads);
  if (way == kWatched) return dxdw_run_watched(prepared, of.a, of.b, nullptr, of.r, nullptr, threads);
  void *job = dxdw_start(prepared, of.a, of.b, nullptr, of.r, nullptr, threads);
  if (!job) return DXDW_NO_MEMORY;
  int status;
  while ((status = dxdw_wait(job, 1000)) == DXDW_PENDING) {}
  dxdw_release(job);
  return status;
}

// What was asked for is told by when the refusal is left over.
int sweep(int kernel, Way way, int threads, Operands of, std::vector<float> &result,
          const std::vector<float> &wanted) {
  for (int64_t nth = 1; nth < 200; ++nth) {
    const int64_t before = dxdw_live_blocks();
    std::fill(result.begin(), result.end(), -77.0f);
    dxdw_fail_allocation(nth);
    void *prepared = dxdw_prepare(words, end - words, kernel);
    const int status = prepared ? run(prepared, of, way, threads) : int(DXDW_NO_MEMORY);
    const bool refused = !dxdw_allocation_left();
    dxdw_fail_allocation(0);
    dxdw_forget(prepared);
    CHECK(dxdw_live_blocks() == before);
    CHECK(status == DXDW_DONE || (status == DXDW_NO_MEMORY && refused));
    if (status == DXDW_DONE)
      CHECK(memcmp(result.data(), wanted.data(), wanted.size() * sizeof(float)) == 0);
    if (!refused) return int(nth - 1);
  }
  CHECK(!"an end of the sweep");
  return 0;
}

int sweeps(const Problem &p, int kind, bool with_spikes) {
  make_plan(p, kind, 0);
  std::vector<float> x(p.elements_of_x()), W(p.elements_of_W()), g(p.elements_of_out());
  unsigned seed = 1;
  for (auto *values : {&x, &W, &g})
    for (float &v : *values) seed = seed * 1103515245u + 12345u, v = float(int(seed >> 16 & 255) - 99) / 7;
  if (with_spikes) x[x.size() / 2] = g[g.size() / 3] = 1e20f;  // for what is left to the direct kernel
  Operands of = {kind == kForward ? x.data() : g.data(),
                 kind == kWeightGradient ? x.data() : W.data(), nullptr};
  const size_t n = kind == kForward ? g.size() : kind == kInputGradient ? x.size() : W.size();
  std::vector<float> wanted(n), result(n);
  int refusals = 0;
  for (int kernel = 0; kernel < dxdw_kernels(); ++kernel) {
    char why[256];
    if (!dxdw_takes(words, kernel, why, sizeof why)) continue;
    void *prepared = dxdw_prepare(words, end - words, kernel);
    CHECK(prepared);
    of.r = wanted.data();
    CHECK(run(prepared, of, kRun, 3) == DXDW_DONE);
    dxdw_forget(prepared);
    of.r = result.data();
    for (int threads : {1, 3, 40})
      for (int way = kRun; way < kWays; ++way)
        refusals += sweep(kernel, Way(way), threads, of, result, wanted);
  }
  return refusals;
}

}  // namespace

int main() {
  const Problem problems[] = {
      {2, 1, 3, 8, 11, 13, 3, 3, 1, 1, 1},    {1, 1, 40, 33, 17, 17, 2, 2, 2, 1, 1},
      {2, 6, 1, 1, 35, 34, 3, 3, 1, 1, 1},    {1, 3, 1, 2, 14, 40, 5, 5, 1, 1, 2},
      {2, 1, 32, 32, 20, 21, 3, 3, 1, 1, 1},  {1, 1, 16, 70, 24, 20, 3, 3, 1, 2, 2},
      {1, 4, 16, 16, 19, 20, 3, 3, 1, 1, 1},  {1, 1, 33, 20, 21, 19, 5, 5, 1, 1, 2},
  };
  int refusals = 0;
  for (const Problem &p : problems)
    for (int kind = kForward; kind <= kInputGradient; ++kind)
      for (bool with_spikes : {false, true}) refusals += sweeps(p, kind, with_spikes);
  printf("%s: %d refusals\n", dxdw_isa(), refusals);
  CHECK(refusals > 500);
  return 0;
}
