// A pass that is ready to run: everything that depends on the plan alone is worked out, and kept. It is
// made once and run by many threads at once.
//
// A pass is a class with a constructor of the plan's words, which outlive it; ready(), false where memory
// was short; flops(); workspace(threads), the bytes of a run; and run(operands …, results …, team).
#pragma once
#include <new>

#include "api/kernels.h"
#include "layout/plan_view.h"
#include "machine/tuning.h"
#include "run/workspace.h"

namespace dxdw {
namespace {

template <class T, class Pass>
class HeldPass : public Held {
 public:
  explicit HeldPass(const int64_t *words)
      : Held{run_it, workspace_of, drop_it}, pass_(words),
        serial_(pass_.flops() < Tuning::serial) {}

  bool ready() const { return pass_.ready(); }

 private:
  int useful(int threads) const { return serial_ ? 1 : threads; }

  static int run_it(const Held &held, const Operands &of, const Team &given) {
    const HeldPass &own = static_cast<const HeldPass &>(held);
    const Team team = {own.useful(given.threads), given.cancelled, given.crew};
    const T *a = static_cast<const T *>(of.in[0]), *b = static_cast<const T *>(of.in[1]);
    return own.run_of(a, b, of, team, own.pass_);
  }

  // Of three operands and two results, or of two and one.
  template <class P>
  auto run_of(const T *a, const T *b, const Operands &of, const Team &team, const P &pass) const
      -> decltype(pass.run(a, b, a, (T *)nullptr, (T *)nullptr, team)) {
    return pass.run(a, b, static_cast<const T *>(of.in[2]), static_cast<T *>(of.out[0]),
                    static_cast<T *>(of.out[1]), team);
  }
  template <class P>
  auto run_of(const T *a, const T *b, const Operands &of, const Team &team, const P &pass) const
      -> decltype(pass.run(a, b, (T *)nullptr, team)) {
    return pass.run(a, b, static_cast<T *>(of.out[0]), team);
  }

  static int64_t workspace_of(const Held &held, int threads) {
    const HeldPass &own = static_cast<const HeldPass &>(held);
    return own.pass_.workspace(own.useful(threads));
  }

  static void drop_it(Held *held) {
    HeldPass *own = static_cast<HeldPass *>(held);
    own->~HeldPass();
    free_block(own);
  }

  const Pass pass_;
  const bool serial_;
};

// Null where there is no memory.
template <class T, class Pass>
Held *hold(const int64_t *words) {
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
