// How a run takes its scratch memory, and how the same lines count it beforehand: a Workspace
// without a block hands out null pointers and only measures.
#pragma once
#include "machine/vector.h"
#include "run/memory.h"

namespace dxdw {
namespace {

// Places in a block that is taken when all are known.
class Places {
 public:
  // Reserves n elements and returns their place, which `at` turns into a pointer.
  template <class T>
  Index reserve(Index n) {
    const Index place = size_;
    size_ += round_up(n * sizeof(T), kAlignment);
    return place;
  }

  template <class T>
  T *at(Index place) const {
    return reinterpret_cast<T *>(block_ + place);
  }

  Index bytes() const { return size_; }

 protected:
  // Of `more`, null where there is not so much memory: addresses of 32 bits end before an Index does.
  bool take_from(void *(*more)(size_t)) {
    if (size_ <= PTRDIFF_MAX) block_ = static_cast<char *>(more(static_cast<size_t>(size_)));
    return block_ != nullptr;
  }

  char *block_ = nullptr;
  Index size_ = 0;
};

class Workspace : public Places {
 public:
  Workspace() = default;
  Workspace(const Workspace &) = delete;
  ~Workspace() { give_back(); }

  // Before its end, where others need as much.
  void give_back() {
    if (block_ && block_ != own_) release(block_);
    block_ = nullptr;
  }

  // False where there is not so much memory.
  bool take() {
    if (size_ > Index(sizeof own_)) return take_from(acquire);
    block_ = own_;
    return true;
  }

 private:
  // Small problems need no more, and a call of a microsecond notices a lock.
  alignas(kAlignment) char own_[4096];
};

// Tables that a prepared pass keeps until it goes.
class Tables : public Places {
 public:
  Tables() = default;
  Tables(const Tables &) = delete;
  ~Tables() { free_block(block_); }

  bool take() { return take_from(keep_block); }
};

}  // namespace
}  // namespace dxdw
