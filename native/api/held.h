// A pass that is ready to run: everything that depends on the plan alone is worked out, and kept. It is
// made once and run by many threads at once.
//
// A pass is a class of the type of its sums, T, with a constructor of the plan's words, which outlive it;
// ready(), false where memory was short; flops(); workspace(threads), the bytes of a run; kKind, and
// run(…, team) of
//   kForward (and dx)  Source<T> source, const T *W, Result<T> result
//   kWeightGradient    Source<T> grad_out, Source<T> x, T *dW
//   kBothGradients     Source<T> grad_out, Source<T> x, const T *W, Result<T> dx, T *dW
// W and dW, small beside the images, are widened and rounded here.
#pragma once
#include <new>

#include "api/dxdw.h"
#include "api/kernels.h"
#include "layout/plan_view.h"
#include "machine/elements.h"
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

// W and dW where images are narrower than their sums: widened before a run, and rounded after it. Of all
// passes alike, so that it is compiled once.
template <class T>
class Widened {
 public:
  using Run = int (*)(const Held &held, const Operands &of, const T *W, T *dW, const Team &team);

  void set(Dtype dtype, Index W, Index dW) { dtype_ = dtype, W_ = W, dW_ = dW; }
  Dtype dtype() const { return dtype_; }
  Index bytes() const { return Wide(*this).memory.bytes(); }

  DXDW_APART int run(const Held &held, Run run, const Operands &of, Source<T> W, Result<T> dW,
                     const Team &team) const {
    Wide wide(*this);
    if (!wide.memory.take()) return DXDW_NO_MEMORY;
    T *wide_W = wide.memory.template at<T>(wide.W);
    T *sums = dW_ ? wide.memory.template at<T>(wide.dW) : dW.plain();
    if (!in_pieces(W_, team, [&](Index first, Index count) {
          copy_widened(wide_W + first, W + first, count);
        }))
      return DXDW_CANCELLED;
    const int status = run(held, of, wide_W, sums, team);
    if (status != DXDW_DONE) return status;
    const bool whole = in_pieces(dW_, team, [&](Index first, Index count) {
      copy_rounded(dW + first, sums + first, count);
    });
    return whole ? DXDW_DONE : DXDW_CANCELLED;
  }

 private:
  struct Wide {
    Workspace memory;
    Index W, dW;
    explicit Wide(const Widened &of) : W(memory.reserve<T>(of.W_)), dW(memory.reserve<T>(of.dW_)) {}
  };

  Dtype dtype_ = kFloat32;
  Index W_ = 0, dW_ = 0;  // elements of those that have to be widened, and rounded
};

template <class T, class Pass>
class HeldPass : public Held {
  static constexpr Kind kKind = Pass::kKind;
  static constexpr bool kHasW = kKind != kWeightGradient, kHasdW = kKind != kForward;

 public:
  explicit HeldPass(const int64_t *words)
      : Held{run_it, workspace_of, drop_it}, pass_(words), serial_(pass_.flops() < Tuning::serial) {
    const Dtype dtype = Dtype(words[2]);
    Index weights = 0;
    if (Source<T>(nullptr, dtype).narrow()) {
      const Plan plan = view(kKind == kBothGradients ? both_plans(words).dx : words);
      weights = plan.groups * plan.weights_of_group();
    }
    widened_.set(dtype, kHasW ? weights : 0, kHasdW && words[3] != kFloat32 ? weights : 0);
  }

  bool ready() const { return pass_.ready(); }

 private:
  int useful(int threads) const { return serial_ ? 1 : threads; }

  static int run_it(const Held &held, const Operands &of, const Team &given) {
    const HeldPass &own = static_cast<const HeldPass &>(held);
    const Team team = {own.useful(given.threads), given.cancelled, given.crew};
    const Source<T> W(of.in[kKind == kBothGradients ? 2 : 1], own.widened_.dtype());
    const Result<T> dW(of.out[kKind == kBothGradients ? 1 : 0], own.widened_.dtype());
    return W.narrow() ? own.widened_.run(held, run, of, W, dW, team)
                      : run(held, of, W.plain(), dW.plain(), team);
  }

  // W or dW are given by themselves.
  static int run(const Held &held, const Operands &of, const T *W, T *dW, const Team &team) {
    const HeldPass &own = static_cast<const HeldPass &>(held);
    const Source<T> a(of.in[0], own.widened_.dtype()), b(of.in[1], own.widened_.dtype());
    const Result<T> r(of.out[0], own.widened_.dtype());
    const Pass &pass = own.pass_;
    if constexpr (kKind == kBothGradients)
      return pass.run(a, b, W, r, dW, team);
    else if constexpr (kKind == kWeightGradient)
      return pass.run(a, b, dW, team);
    else
      return pass.run(a, W, r, team);
  }

  static int64_t workspace_of(const Held &held, int threads) {
    const HeldPass &own = static_cast<const HeldPass &>(held);
    return own.widened_.bytes() + own.pass_.workspace(own.useful(threads));
  }

  static void drop_it(Held *held) {
    HeldPass *own = static_cast<HeldPass *>(held);
    own->~HeldPass();
    free_block(own);
  }

  const Pass pass_;
  const bool serial_;
  Widened<T> widened_;
};

// Null where there is no memory.
template <class T, class Pass>
DXDW_PLANS Held *hold(const int64_t *words) {
  using Own = HeldPass<T, Pass>;
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
