// All kernels for one instruction set, which the build names: DXDW_ISA is avx512, avx2 or base.
#include "kernels.h"

#include "gather.h"
#include "weight_gradient.h"
#include "winograd_gather.h"
#include "winograd_weight_gradient.h"

namespace dxdw {
namespace {
template <class T>
int run_as(const Plan &plan, const void *first, const void *second, void *result,
           const Team &team) {
  const T *a = static_cast<const T *>(first), *b = static_cast<const T *>(second);
  T *c = static_cast<T *>(result);
  if (plan.algorithm == kWinograd)
    return plan.kind == kWeightGradient ? winograd_weight_gradient(plan, a, b, c, team)
                                        : winograd_gather(plan, a, b, c, team);
  return plan.kind == kWeightGradient ? weight_gradient(plan, a, b, c, team)
                                      : gather(plan, a, b, c, team);
}

int run(const int64_t *words, const void *first, const void *second, void *result,
        const Team &team) {
  const Plan plan = view(words);
  return plan.dtype ? run_as<double>(plan, first, second, result, team)
                    : run_as<float>(plan, first, second, result, team);
}

template <class T>
Index workspace_as(const Plan &plan, int threads) {
  if (plan.algorithm == kWinograd)
    return plan.kind == kWeightGradient ? winograd_weight_gradient_bytes<T>(plan, threads)
                                        : winograd_gather_bytes<T>(plan, threads);
  return plan.kind == kWeightGradient ? weight_gradient_bytes<T>(plan, threads)
                                      : gather_bytes<T>(plan, threads);
}

int64_t workspace(const int64_t *words, int threads) {
  const Plan plan = view(words);
  return plan.dtype ? workspace_as<double>(plan, threads) : workspace_as<float>(plan, threads);
}
double peak(int, double) { return 0; }
}  // namespace

#define DXDW_JOIN_(a, b) a##b
#define DXDW_JOIN(a, b) DXDW_JOIN_(a, b)
#define DXDW_STRING_(a) #a
#define DXDW_STRING(a) DXDW_STRING_(a)
extern const Kernels DXDW_JOIN(kernels_, DXDW_ISA) = {DXDW_STRING(DXDW_ISA), run, workspace, peak};
}  // namespace dxdw
