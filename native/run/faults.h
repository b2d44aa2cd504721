// What a build for tests lets go wrong: memory and threads that are refused, and signals.
#pragma once
#include <stdint.h>

namespace dxdw {

#if defined(DXDW_TESTING)
// Whether the memory or the thread that is about to be asked for is to be refused.
bool allocation_fails();
// A place where a signal might arrive that a call is not prepared for: it does, where a test says so.
void boundary();
// Counts a block of memory that has been handed out, +1, or given back, −1; of so many bytes.
void count_block(int change, int64_t bytes);
#else
constexpr bool allocation_fails() { return false; }
inline void boundary() {}
inline void count_block(int, int64_t) {}
#endif

}  // namespace dxdw
