// A pass that is ready to run: everything that depends on the plan alone is worked out, and kept. It is
// made once and run by many threads at once.
//
// A pass is a class of what images are stored in, S, with a constructor of the plan's words, which
// outlive it; ready(), false where memory was short; flops(); workspace(threads), the bytes of a run;
// kKind, and run(…, team) of
//   kForward (and dx)  const S *source, const T *W, S *result
//   kWeightGradient    const S *grad_out, const S *x, T *dW
//   kBothGradients     const S *grad_out, const S *x, const T *W, S *dx, T *dW
// with T = Sum<S>: W and dW, small beside the images, are widened and rounded here.
#pragma once
#include <new>

#include "api/dxdw.h"
#include "api/kernels.h"
#include "layout/plan_view.h"
#include "machine/stored.h"
#include "machine/tuning.h"
#include "run/parallel_for.h"
#include "run/workspace.h"

namespace dxdw {
namespace {

// fn(first, count) of pieces of n elements; false where the team was cancelled.
template <class F>
bool in_pieces(Index n, const Team &team, const F &fn) {
  constexpr Index kPiece = 1 << 16;
  return parallel_for(team, divide_up(n, kPiece), [&](Index i, int) {
    fn(i * kPiece, least(kPiece, n - i * kPiece));
  });
}

template <class S, class Pass>
class HeldPass : public Held {
  using T = Sum<S>;
  static constexpr Kind kKind = Pass::kKind;
  static constexpr bool kHasW = kKind != kWeightGradient, kHasdW = kKind != kForward;

 public:
  explicit HeldPass(const int64_t *words)
      : Held{run_it, workspace_of, drop_it}, pass_(words),
        serial_(pass_.flops() < Tuning::serial) {
    if (!is_narrow<S>) return;
    const Plan plan = view(kKind == kBothGradients ? both_plans(words).dx : words);
    const Index weights = plan.groups * plan.weights_of_group();
    if (kHasW) narrow_W_ = weights;
    if (kHasdW && words[3] != kFloat32) narrow_dW_ = weights;
  }

  bool ready() const { return pass_.ready(); }

 private:
  int useful(int threads) const { return serial_ ? 1 : threads; }

  static int run_it(const Held &held, const Operands &of, const Team &given) {
    const HeldPass &own = static_cast<const HeldPass &>(held);
    const Team team = {own.useful(given.threads), given.cancelled, given.crew};
    if constexpr (is_narrow<S>)
      return own.run_narrow(of, team);
    else
      return own.run(of, static_cast<const T *>(of.in[kKind == kBothGradients ? 2 : 1]),
                     static_cast<T *>(of.out[kKind == kBothGradients ? 1 : 0]), team);
  }

  // W or dW are given by themselves.
  int run(const Operands &of, const T *W, T *dW, const Team &team) const {
    const S *a = static_cast<const S *>(of.in[0]), *b = static_cast<const S *>(of.in[1]);
    S *r = static_cast<S *>(of.out[0]);
    if constexpr (kKind == kBothGradients)
      return pass_.run(a, b, W, r, dW, team);
    else if constexpr (kKind == kWeightGradient)
      return pass_.run(a, b, dW, team);
    else
      return pass_.run(a, W, r, team);
  }

  // Bytes of W and of dW as sums.
  struct Wide {
    Workspace memory;
    Index W, dW;
    explicit Wide(const HeldPass &of)
        : W(memory.reserve<T>(of.narrow_W_)), dW(memory.reserve<T>(of.narrow_dW_)) {}
  };

  int run_narrow(const Operands &of, const Team &team) const {
    constexpr bool both = kKind == kBothGradients;
    const S *W = static_cast<const S *>(of.in[both ? 2 : 1]);
    void *dW = of.out[both ? 1 : 0];
    Wide wide(*this);
    if (!wide.memory.take()) return DXDW_NO_MEMORY;
    T *wide_W = wide.memory.template at<T>(wide.W);
    T *sums = narrow_dW_ ? wide.memory.template at<T>(wide.dW) : static_cast<T *>(dW);
    if (!in_pieces(narrow_W_, team, [&](Index first, Index count) {
          copy_widened(wide_W + first, W + first, count);
        }))
      return DXDW_CANCELLED;
    const int status = run(of, wide_W, sums, team);
    if (status != DXDW_DONE) return status;
    const bool whole = in_pieces(narrow_dW_, team, [&](Index first, Index count) {
      copy_rounded(static_cast<S *>(dW) + first, sums + first, count);
    });
    return whole ? DXDW_DONE : DXDW_CANCELLED;
  }

  static int64_t workspace_of(const Held &held, int threads) {
    const HeldPass &own = static_cast<const HeldPass &>(held);
    return Wide(own).memory.bytes() + own.pass_.workspace(own.useful(threads));
  }

  static void drop_it(Held *held) {
    HeldPass *own = static_cast<HeldPass *>(held);
    own->~HeldPass();
    free_block(own);
  }

  const Pass pass_;
  const bool serial_;
  Index narrow_W_ = 0, narrow_dW_ = 0;  // elements of those that have to be widened, and rounded
};

// Null where there is no memory.
template <class S, class Pass>
Held *hold(const int64_t *words) {
  using Own = HeldPass<S, Pass>;
  static_assert(alignof(Own) <= kAlignment, "what is held stands at a multiple of kAlignment");
  void *memory = keep_block(sizeof(Own));
  if (!memory) return nullptr;
  Own *own = new (memory) Own(words);
  if (own->ready()) return own;
  own->drop(own);
  return nullptr;
}

}  // namespace
}  // namespace dxdw
