// Scratch memory: aligned, kept between calls (fresh pages cost more than small problems do), and
// never thrown about: a null pointer is the answer where there is none.
#pragma once
#include <stddef.h>

namespace dxdw {

constexpr size_t kAlignment = 64;

// A block of at least so many bytes, aligned to kAlignment; null where there is no memory. What
// stands in it is of no meaning, and NaN in a build for tests.
void *acquire(size_t bytes);
void release(void *block);

}  // namespace dxdw
