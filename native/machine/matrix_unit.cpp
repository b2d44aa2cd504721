#include "machine/matrix_unit.h"

namespace dxdw {
namespace {

const MatrixUnit *in_use = nullptr;
bool any_cost = false;

}  // namespace

const MatrixUnit *matrix_unit() { return in_use; }
void use_matrix_unit(const MatrixUnit *unit) { in_use = unit; }

#if defined(DXDW_TESTING)
void take_at_any_cost() { any_cost = true; }
#endif
bool takes_at_any_cost() { return any_cost; }

}  // namespace dxdw
