// The images that products of bfloat16 are not precise for (layout/bfloat_parts.h): computed by the direct
// kernel, each as if it were alone. Which they are depends on what is read of each image, so that no layout,
// number of threads or other image changes a bit. Where it is the weights, all are computed so, at once.
#pragma once
#include "kernels/gather.h"
#include "layout/bfloat_parts.h"

namespace dxdw {
namespace {

// What forward and dx are called with.
struct GatherOperands {
  Source<float> source;
  const float *weights;
  Result<float> destination;
  const Team &team;
};

class LeftOutImages {
 public:
  LeftOutImages(const Plan &plan, const Phase &phase) : plan_(plan), one_(plan), phase_(phase) { one_.batch = 1; }

  // The most that a run takes whose blocks take so much.
  DXDW_PLANS Index bytes(Index of_blocks, int threads) const {
    return List(plan_.batch).places.bytes() + most(of_blocks, most(bytes_of(plan_, threads), bytes_of(one_, threads)));
  }

  // Of what computes all images but those that it marks; kAll in place of the first marks all.
  enum Mark : uint8_t { kComputed, kLeftOut, kAll };
  template <class Blocks>
  DXDW_PLANS int run(const GatherOperands &of, const Blocks &blocks) const {
    List list(plan_.batch);
    if (!list.places.take()) return DXDW_NO_MEMORY;
    Mark *images = list.places.at<Mark>(0);
    const int status = blocks.by_blocks(of, *this, images);
    if (status != DXDW_DONE) return status;
    if (images[0] == kAll) {
      if (plan_.kind == kInputGradient && !all_finite(of.weights, plan_.groups * plan_.weights_of_group()))
        return DXDW_DECLINED;  // as the direct kernel does (GatherPass)
      return directly(plan_, of.source, of.destination, of);
    }
    const Pass pass = pass_of(plan_, phase_);
    for (Index i = 0; i < plan_.batch; ++i)
      if (images[i] == kLeftOut)
        if (const int failed = directly(one_, of.source + i * pass.source.image,
                                        of.destination + i * pass.destination.image, of))
          return failed;
    return DXDW_DONE;
  }

  // Marks those whose magnitudes, range_of(image, slot), do not fit; false where the team was cancelled.
  template <class F>
  DXDW_PLANS bool mark(const MagnitudeRange &all, const MagnitudeRange &of_weights, Index terms, const Team &team,
                       Mark *images, const F &range_of) const {
    memset(images, kComputed, plan_.batch * sizeof *images);
    if (fit(all, of_weights, terms)) return true;
    return parallel_for(team, plan_.batch, [&](Index i, int slot) {
      if (!fit(range_of(i, slot), of_weights, terms)) images[i] = kLeftOut;
    });
  }

 private:
  struct List {
    Workspace places;
    explicit List(Index images) { places.reserve<Mark>(images); }
  };

  DXDW_PLANS Index bytes_of(const Plan &plan, int threads) const {
    Tables tables;
    Gather<float> direct(plan, phase_);
    return direct.prepare(tables) ? direct.bytes(threads) : 0;
  }
  DXDW_PLANS int directly(const Plan &plan, Source<float> source, Result<float> destination,
                          const GatherOperands &of) const {
    Tables tables;
    Gather<float> direct(plan, phase_);
    return direct.prepare(tables) ? direct.run(source, of.weights, destination, of.team) : int(DXDW_NO_MEMORY);
  }

  const Plan &plan_;
  Plan one_;
  const Phase &phase_;
};

}  // namespace
}  // namespace dxdw
