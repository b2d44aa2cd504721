// The binary form of a plan: whoever changes it counts this up, and native_plan.py's VERSION.
#pragma once
#include <stdint.h>

namespace dxdw {

constexpr int64_t kPlanVersion = 4;

}  // namespace dxdw
