#include "machine/matrix_unit.h"

namespace dxdw {
namespace {

const MatrixUnit *in_use = nullptr;

}  // namespace

const MatrixUnit *matrix_unit() { return in_use; }
void use_matrix_unit(const MatrixUnit *unit) { in_use = unit; }

}  // namespace dxdw
