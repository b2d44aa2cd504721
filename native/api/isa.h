// Which instruction set the kernels use.
#pragma once
#include "api/kernels.h"

namespace dxdw {

// The best that this machine has, or the one that DXDW_ISA names, from when the library was loaded.
const Kernels &chosen();
const char *chosen_name();

// Names of those that this machine has, the best first, with blanks between.
const char *available();

// Empty, or why DXDW_ISA was not followed.
const char *choice_note();

}  // namespace dxdw
