// Memory of calls and of what outlives them. Scratch memory: aligned, kept between calls (fresh pages cost more than small problems do), and
// never thrown about: a null pointer is the answer where there is none.
#pragma once
#include <stddef.h>

namespace dxdw {

constexpr size_t kAlignment = 64;

// A block of at least so many bytes, aligned to kAlignment; null where there is no memory. What
// stands in it is of no meaning, and NaN in a build for tests.
void *acquire(size_t bytes);
void release(void *block);

// The same for what is prepared once and lives until it is forgotten: as large as it is, and its own.
void *keep_block(size_t bytes);
void free_block(void *block);

}  // namespace dxdw
