// The C interface: which instruction set, and how a call becomes a team's work.
#include "dxdw.h"

#include <stdlib.h>
#include <string.h>

#include "kernels.h"

namespace dxdw {
namespace {

const Kernels &choose() {
  const char *forced = getenv("DXDW_ISA");
#if defined(__x86_64__)
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx512 && !(forced && strcmp(forced, "avx512"))) return kernels_avx512;
  if (avx2 && !(forced && strcmp(forced, "avx2"))) return kernels_avx2;
#endif
  return kernels_base;
}

const Kernels &kernels = choose();

}  // namespace
}  // namespace dxdw

using namespace dxdw;

int dxdw_run(const int64_t *plan, const void *first, const void *second, void *result,
             int threads) {
  return kernels.run(plan, first, second, result, Team{threads, nullptr});
}
int64_t dxdw_workspace(const int64_t *plan, int threads) { return kernels.workspace(plan, threads); }
const char *dxdw_isa(void) { return kernels.name; }
int dxdw_cpus(void) { return 1; }
void *dxdw_start(const int64_t *, const void *, const void *, void *, int) { return nullptr; }
int dxdw_wait(void *, int) { return DXDW_DONE; }
void dxdw_cancel(void *) {}
double dxdw_peak(int dtype, int) { return kernels.peak(dtype, 0.05); }
double dxdw_bandwidth(int) { return 0; }
