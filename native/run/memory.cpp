#include "run/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(_WIN32)
#include <malloc.h>
#endif
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <algorithm>

#include "run/faults.h"
#include "run/threads.h"

// With a sanitizer every block is a fresh one of just its size, so that it sees every step aside.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define DXDW_EXACT_BLOCKS 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define DXDW_EXACT_BLOCKS 1
#endif
#ifndef DXDW_EXACT_BLOCKS
#define DXDW_EXACT_BLOCKS 0
#endif

namespace dxdw {
namespace {

// Touching fresh memory took 480 µs a MiB in pages of 4 KiB, 50 to 100 in huge ones; kept memory,
// 15 to 50. So in huge pages a block that is too large to be kept costs one more pass over it.
constexpr size_t kMostKept = DXDW_EXACT_BLOCKS ? 0 : size_t{64} << 20;
constexpr int kMostBlocks = 32;

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kPage = 4096;

// Before each block, in a stretch of its own that keeps the alignment.
struct Header {
  size_t capacity, asked;  // bytes
};
static_assert(sizeof(Header) <= kAlignment, "the header has kAlignment bytes");

Header *header_of(void *block) {
  return reinterpret_cast<Header *>(static_cast<char *>(block) - kAlignment);
}

void *block_of(Header *header) { return reinterpret_cast<char *>(header) + kAlignment; }

Header *allocate(size_t capacity) {
  const bool huge = !DXDW_EXACT_BLOCKS && capacity >= 2 * kHugePage;
  const size_t alignment = huge ? kHugePage : kAlignment;
  const size_t bytes = capacity + kAlignment;
  void *memory = nullptr;
#if defined(_WIN32)
  memory = _aligned_malloc(bytes, alignment);
#else
  if (posix_memalign(&memory, alignment, bytes) != 0) return nullptr;
#endif
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (memory && huge) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  if (!memory) return nullptr;
  Header *header = static_cast<Header *>(memory);
  header->capacity = capacity;
  return header;
}

void deallocate(Header *header) {
#if defined(_WIN32)
  _aligned_free(header);
#else
  free(header);
#endif
}

// Blocks of nobody, the one that was released last at the end.
struct Shelf {
  Lock lock;
  int blocks = 0;
  size_t bytes = 0;
  Header *block[kMostBlocks] = {};
};

Shelf shelf;

#if DXDW_THREADS && !defined(_WIN32)
// The lock is taken for a fork, so that a child finds the shelf whole.
[[maybe_unused]] const int fork_handlers = pthread_atfork(
    [] { shelf.lock.lock(); }, [] { shelf.lock.unlock(); }, [] { shelf.lock.renew(); });
#endif

Header *take(int index) {
  Header *header = shelf.block[index];
  --shelf.blocks;
  shelf.bytes -= header->capacity;
  std::copy(shelf.block + index + 1, shelf.block + shelf.blocks + 1, shelf.block + index);
  return header;
}

// The smallest that is large enough, and not of more than twice the size: that would be missing
// where it is needed.
Header *take_fitting(size_t capacity) {
  Locked locked(shelf.lock);
  int best = -1;
  for (int i = 0; i < shelf.blocks; ++i) {
    const size_t found = shelf.block[i]->capacity;
    if (found < capacity || found / 2 > capacity) continue;
    if (best < 0 || found < shelf.block[best]->capacity) best = i;
  }
  return best < 0 ? nullptr : take(best);
}

}  // namespace

void *acquire(size_t bytes) {
  if (bytes > PTRDIFF_MAX / 2 || allocation_fails()) return nullptr;
  const size_t unit = DXDW_EXACT_BLOCKS ? 1 : bytes < kPage ? kAlignment : kPage;
  const size_t capacity = (std::max(bytes, size_t{1}) + unit - 1) / unit * unit;
  Header *header = take_fitting(capacity);
  if (!header) header = allocate(capacity);
  if (!header) return nullptr;
  header->asked = bytes;
  count_block(+1, static_cast<int64_t>(bytes));
  boundary();
#if defined(DXDW_TESTING)
  memset(block_of(header), 0xff, bytes);
#endif
  return block_of(header);
}

void *keep_block(size_t bytes) {
  if (bytes > PTRDIFF_MAX / 2 || allocation_fails()) return nullptr;
  Header *header = allocate(std::max(bytes, size_t{1}));
  return header ? block_of(header) : nullptr;
}

void free_block(void *block) {
  if (block) deallocate(header_of(block));
}

void release(void *block) {
  if (!block) return;
  boundary();
  Header *header = header_of(block);
  count_block(-1, static_cast<int64_t>(header->asked));
  if (header->capacity > kMostKept) return deallocate(header);
  Header *dropped[kMostBlocks];
  int drops = 0;
  {
    Locked locked(shelf.lock);
    while (shelf.blocks == kMostBlocks || shelf.bytes + header->capacity > kMostKept) {
      dropped[drops++] = take(0);
    }
    shelf.bytes += header->capacity;
    shelf.block[shelf.blocks++] = header;
  }
  while (drops > 0) deallocate(dropped[--drops]);
}

}  // namespace dxdw
