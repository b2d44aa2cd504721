// The images that products of bfloat16 are not precise for (layout/bfloat_parts.h): computed by the direct
// kernel. Which they are depends on each image alone, so that no layout, number of threads or other image
// changes a bit.
#pragma once
#include "kernels/gather.h"
#include "layout/bfloat_parts.h"

namespace dxdw {
namespace {

// The magnitudes of an image, from its first group on.
DXDW_PLANS inline MagnitudeRange range_of_image(const Plan &plan, const Pass &pass, Source<float> image,
                                                const Team &team) {
  constexpr Index most_values = 16 * lanes<float>;
  float values[most_values] = {};
  RangeOfVectors watch;
  const bool last = pass.source.channels_last();
  const Index channels = plan.groups * plan.sources, plane = plan.source_plane();
  const Index runs = last ? plane : channels, run = last ? channels : plane;
  for (Index i = 0; i < runs && !cancelled(team); ++i)
    for (Index k = 0; k < run; k += most_values) {
      const Index count = least(most_values, run - k);
      copy_widened(values, image + i * (last ? pass.source.column : pass.source.channel) + k, count);
      for (Index j = count; j < round_up(count, lanes<float>); ++j) values[j] = 0;
      for (Index j = 0; j < count; j += lanes<float>) watch.add(load(values + j));
    }
  return watch.seen();
}

// What forward and dx are called with.
struct GatherOperands {
  Source<float> source;
  const float *weights;
  Result<float> destination;
  const Team &team;
};

// What is left to do once all images are computed; `parts`: as many as these.
DXDW_PLANS inline int compute_left_out(const Plan &plan, const Phase &phase, const MagnitudeRange &of_source,
                                       const MagnitudeRange &of_weights, Index terms, const GatherOperands &of,
                                       Part *parts) {
  if (fit(of_source, of_weights, terms)) return DXDW_DONE;
  const Pass pass = pass_of(plan, phase);
  const bool product = is_product(plan, pass);  // whose images are rows, for that kernel
  if (!parallel_for(of.team, pass.batch, [&](Index i, int) {
        const Source<float> image = of.source + i * pass.source.image;
        const bool whole = fit(range_of_image(plan, pass, image, of.team), of_weights, terms);
        parts[i] = whole ? Part{i, 0, 0} : product ? Part{0, i, 1} : Part{i, 0, phase.axis[1].count};
      }))
    return DXDW_CANCELLED;
  Index n = 0;
  for (Index i = 0; i < pass.batch; ++i)
    if (parts[i].count) parts[n++] = parts[i];
  if (!n) return DXDW_DONE;
  const bool all = pass.axis[0].count > 1;  // whose parts have no depth
  Tables tables;
  Gather<float> direct(plan, phase);
  if (!direct.prepare(tables, !all)) return DXDW_NO_MEMORY;
  return all ? direct.run(of.source, of.weights, of.destination, of.team)
             : direct.run(of.source, of.weights, of.destination, of.team, parts, n);
}

}  // namespace
}  // namespace dxdw
