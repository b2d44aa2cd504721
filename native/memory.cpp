#include "memory.h"

#include <stdlib.h>

namespace dxdw {

void *acquire(size_t bytes) { return aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment); }
void release(void *block) { free(block); }

}  // namespace dxdw
