// A problem as Python lays it out: src/dxdw/engines/native_plan.py writes what is read here.
#pragma once
#include "layout/plan_version.h"
#include "machine/elements.h"
#include "machine/tuning.h"

namespace dxdw {
namespace {

enum Kind : Index { kForward = 0, kWeightGradient = 1, kInputGradient = 2, kBothGradients = 3 };

// Along one axis, destination start + spacing·q reads source q·step + offset[t] through tap[t], for
// q < count. Offsets ascend. (geometry.py: Gather.)
struct Axis {
  Index count, start, spacing, step, taps;
  const Index *tap, *offset;

  Index least_offset() const { return offset[0]; }
  Index reach() const { return offset[taps - 1] - offset[0]; }
};

struct Phase {
  Axis axis[3];

  Index destinations() const { return axis[0].count * axis[1].count * axis[2].count; }
};

struct Plan {
  Index version, kind, dtype, dtype_of_dW, batch, groups;
  Index sources, destinations;            // channels of a group
  Index weight_source, weight_destination;  // elements from one such channel's taps to the next's
  Index taps;                              // of a kernel
  Index source_size[3], destination_size[3], kernel_size[3];
  Index source_last, destination_last;  // whether an array's channels lie behind its positions
  Index phases;
  const Index *first_phase;
  Index groups_of_image;  // also where a plan is of one group alone

  Index source_plane() const { return source_size[0] * source_size[1] * source_size[2]; }
  Index destination_plane() const {
    return destination_size[0] * destination_size[1] * destination_size[2];
  }
  bool narrow() const { return dtype == kBfloat16 || dtype == kFloat16; }
  // Whether the result is so large that it is written past the caches.
  bool past_caches() const {
    const Index element = dtype == kFloat64 ? 8 : dtype == kFloat32 ? 4 : 2;
    return batch * groups_of_image * destinations * destination_plane() * element >
           tuning().past_caches;
  }
  // Operations of the definition: 2 for each product and its addition.
  Index flops() const {
    const Index outputs = kind == kInputGradient ? source_plane() : destination_plane();
    return 2 * batch * groups * sources * destinations * taps * outputs;
  }
  Index weights_of_group() const { return sources * destinations * taps; }
  Index weight_tap(Index d, Index h, Index w) const {
    return (d * kernel_size[1] + h) * kernel_size[2] + w;
  }
};

inline Plan view(const Index *words) {
  Plan plan;
  memcpy(&plan, words, 23 * sizeof(Index));
  plan.first_phase = words + 23;
  plan.groups_of_image = plan.groups;
  return plan;
}

// The phase at `words`, which is moved on to the next.
inline Phase read_phase(const Index *&words) {
  Phase phase;
  for (Axis &axis : phase.axis) {
    memcpy(&axis, words, 5 * sizeof(Index));
    axis.tap = words + 5;
    axis.offset = axis.tap + axis.taps;
    words = axis.offset + axis.taps;
  }
  return phase;
}

inline Phase first_phase(const Plan &plan) {
  const Index *words = plan.first_phase;
  return read_phase(words);
}

// A plan of both gradients begins with its version, its kind, its dtypes and where that of dW stands;
// that of dx stands after these.
struct BothPlans {
  const Index *dx, *dW;
};

inline BothPlans both_plans(const Index *words) { return {words + 5, words + words[4]}; }

}  // namespace
}  // namespace dxdw
