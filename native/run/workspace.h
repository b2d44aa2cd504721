// How a run takes its scratch memory, and how the same lines count it beforehand: a Workspace
// without a block hands out null pointers and only measures.
#pragma once
#include "machine/vector.h"
#include "run/memory.h"

namespace dxdw {
namespace {

class Workspace {
 public:
  Workspace() = default;
  Workspace(const Workspace &) = delete;
  ~Workspace() {
    if (block_ && block_ != own_) release(block_);
  }

  // Reserves n elements and returns their place, which `at` turns into a pointer.
  template <class T>
  Index reserve(Index n) {
    const Index place = size_;
    size_ += round_up(n * sizeof(T), kAlignment);
    return place;
  }

  // False where there is not so much memory.
  bool take() {
    if (size_ <= Index(sizeof own_))
      block_ = own_;
    else if (size_ <= PTRDIFF_MAX)  // addresses of 32 bits end before an Index does
      block_ = static_cast<char *>(acquire(static_cast<size_t>(size_)));
    return block_ != nullptr;
  }

  template <class T>
  T *at(Index place) const {
    return reinterpret_cast<T *>(block_ + place);
  }

  Index bytes() const { return size_; }

 private:
  // Small problems need no more, and a call of a microsecond notices a lock.
  alignas(kAlignment) char own_[4096];
  char *block_ = nullptr;
  Index size_ = 0;
};

// Tables that a prepared pass keeps: reserved likewise, and its own until it goes.
class Tables {
 public:
  Tables() = default;
  Tables(const Tables &) = delete;
  ~Tables() { free_block(block_); }

  template <class T>
  Index reserve(Index n) {
    const Index place = size_;
    size_ += round_up(n * sizeof(T), kAlignment);
    return place;
  }

  bool take() {
    if (size_ <= PTRDIFF_MAX) block_ = static_cast<char *>(keep_block(static_cast<size_t>(size_)));
    return block_ != nullptr;
  }

  template <class T>
  T *at(Index place) const {
    return reinterpret_cast<T *>(block_ + place);
  }

 private:
  char *block_ = nullptr;
  Index size_ = 0;
};

}  // namespace
}  // namespace dxdw
