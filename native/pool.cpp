#include "pool.h"

namespace dxdw {

bool parallel(const Team &, int64_t items, Body body, void *context) {
  for (int64_t i = 0; i < items; ++i) body(context, i, 0);
  return true;
}

}  // namespace dxdw
