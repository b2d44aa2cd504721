// A convolution of several groups is one of Winograd's problems for each of them.
#pragma once
#include <atomic>

#include "layout/source_band.h"
#include "run/pool.h"

namespace dxdw {
namespace {

// Whether each group is a single thread's work: where there are few of them, all threads share each.
inline bool groups_apart(const Plan &plan, int threads) { return plan.groups >= 4 * threads; }

inline Plan of_one_group(const Plan &plan) {
  Plan one = plan;
  one.groups = 1;
  return one;
}

// run(group, team) for each, until one says that it is not done.
template <class F>
int each_group(const Plan &plan, const Team &team, const F &run) {
  if (plan.groups == 1 || !groups_apart(plan, team.threads)) {
    int status = DXDW_DONE;
    for (Index group = 0; group < plan.groups && status == DXDW_DONE; ++group)
      status = run(group, team);
    return status;
  }
  std::atomic<int> status{DXDW_DONE};
  const bool whole = parallel_for(team, plan.groups, [&](Index group, int) {
    if (status.load(std::memory_order_relaxed) != DXDW_DONE) return;
    const int found = run(group, Team{1, team.cancelled});
    if (found != DXDW_DONE) status.store(found, std::memory_order_relaxed);
  });
  return whole ? status.load(std::memory_order_relaxed) : DXDW_CANCELLED;
}

// Bytes of scratch memory for that, by a pass of one group.
template <class Pass>
Index bytes_of_groups(const Plan &plan, int threads, const Pass &pass) {
  return groups_apart(plan, threads) ? threads * pass.bytes(1) : pass.bytes(threads);
}

// A pass of all groups, by one of a single group.
template <class T, class OfOneGroup>
class GroupsPass {
 public:
  static constexpr Kind kKind = OfOneGroup::kKind;

  explicit GroupsPass(const int64_t *words)
      : plan_(view(words)), one_(of_one_group(plan_)), phase_(first_phase(plan_)),
        pass_(one_, phase_) {}

  bool ready() const { return true; }
  Index flops() const { return plan_.flops(); }
  Index workspace(int threads) const { return bytes_of_groups(plan_, threads, pass_); }

  // Of a source and weights, or of grad_out and x.
  template <class Second, class Out>
  int run(Source<T> first, Second second, Out result, const Team &team) const {
    const Pass at = pass_of(one_, phase_);
    const Index source = at.source.group, destination = at.destination.group;
    const Index weights = plan_.weights_of_group();
    const bool dW = kKind == kWeightGradient;
    return each_group(plan_, team, [&](Index group, const Team &own) {
      return pass_.run(first + group * (dW ? destination : source),
                       second + group * (dW ? source : weights),
                       result + group * (dW ? weights : destination), own);
    });
  }

 private:
  const Plan plan_, one_;
  const Phase phase_;
  const OfOneGroup pass_;
};

}  // namespace
}  // namespace dxdw
