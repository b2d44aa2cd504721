// A piece of work with the matrix unit's tiles, on the thread that does it.
#pragma once
#include "machine/matrix_unit.h"
#include "run/pool.h"

namespace dxdw {
namespace {

// Tiles have their shape as long as this is there. A signal's handler that runs meanwhile, in the thread that
// computes, may use them otherwise, or call what releases them: then they get it anew.
class ShapedTiles {
 public:
  ShapedTiles(const MatrixUnit &unit, const Team &team)
      : unit_(unit), own_(team.cancelled && team.cancelled->look ? team.cancelled : nullptr) {
    unit_.begin();
    if (own_) own_->restore = unit_.begin;
  }
  ~ShapedTiles() {
    if (own_) own_->restore = nullptr;
    unit_.end();
  }
  ShapedTiles(const ShapedTiles &) = delete;

 private:
  const MatrixUnit &unit_;
  Flag *const own_;
};

}  // namespace
}  // namespace dxdw
