// Scratch memory: aligned, handed out again, bounded, and refused without harm.
#include "run/memory.h"

#include <stdint.h>
#include <string.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "api/dxdw.h"
#include "check.h"
#include "run/threads.h"

using namespace dxdw;

namespace {

constexpr size_t kMiB = size_t{1} << 20;

// Bytes of this process in memory; 0 where the system has no such file.
size_t resident() {
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file) return 0;
  long total = 0, pages = 0;
  const int read = fscanf(file, "%ld %ld", &total, &pages);
  fclose(file);
  return read == 2 ? static_cast<size_t>(pages) * 4096 : 0;
}

void blocks_are_aligned_and_writable() {
  for (size_t bytes : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{65}, size_t{4096},
                       size_t{5000}, kMiB + 1, 4 * kMiB, 9 * kMiB}) {
    void *block = acquire(bytes);
    CHECK(block && reinterpret_cast<uintptr_t>(block) % kAlignment == 0);
#if defined(DXDW_TESTING)
    const unsigned char *written = static_cast<unsigned char *>(block);
    for (size_t i = 0; i < bytes; ++i) CHECK(written[i] == 0xff);
#endif
    memset(block, 0, bytes);
    release(block);
  }
  release(nullptr);
}

void released_blocks_come_again() {
  if (SANITIZED) return;
  void *small = acquire(10'000), *large = acquire(kMiB);
  release(large);
  release(small);
  CHECK(acquire(10'000) == small);
  CHECK(acquire(kMiB - 5000) == large);  // a little less fits
  void *other = acquire(10'000);
  CHECK(other != small && other != large);
  release(large);
  CHECK(acquire(kMiB / 4) != large);  // far less must not take it
  CHECK(acquire(kMiB) == large);
  release(other);
  release(small);
  release(large);
}

void what_is_kept_is_bounded() {
  const size_t before = resident();
  for (int round = 0; round < 3; ++round) {
    std::vector<void *> blocks;
    for (int i = 0; i < 20; ++i) {
      blocks.push_back(acquire(10 * kMiB));
      memset(blocks.back(), 0, 10 * kMiB);
    }
    for (void *block : blocks) release(block);
    for (int i = 0; i < 100; ++i) blocks[i % 20] = acquire(100 + i), release(blocks[i % 20]);
  }
  if (!SANITIZED) CHECK(resident() < before + 72 * kMiB);
}

void nothing_grows() {
  const auto call = [](int round) {
    void *one = acquire(1000 + static_cast<size_t>(round) * 7919 % 300'000);
    void *two = acquire(20'000);
    CHECK(one && two);
    release(one);
    release(two);
  };
  for (int round = 0; round < 2000; ++round) call(round);
  const size_t before = resident();
  for (int round = 0; round < 10'000; ++round) call(round);
  if (!SANITIZED) CHECK(resident() < before + kMiB);
}

void impossible_sizes_are_refused() {
  CHECK(!acquire(SIZE_MAX));
  CHECK(!acquire(SIZE_MAX / 2 - 100));
  CHECK(!acquire(SIZE_MAX / 4 - 100));
}

void threads_get_blocks_of_their_own() {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([t] {
      for (int round = 0; round < 500; ++round) {
        const size_t bytes = 64 + static_cast<size_t>(round * 131 + t * 977) % 40'000;
        unsigned char *block = static_cast<unsigned char *>(acquire(bytes));
        CHECK(block);
        memset(block, t, bytes);
        CHECK(std::count(block, block + bytes, t) == static_cast<int64_t>(bytes));
        release(block);
      }
    });
  }
  for (std::thread &thread : threads) thread.join();
}

#if defined(DXDW_TESTING)
void the_nth_allocation_fails_once() {
  for (int nth = 1; nth <= 300; ++nth) {
    dxdw_fail_allocation(nth);
    for (int i = 1; i <= 301; ++i) {
      void *block = acquire(100);
      CHECK((block == nullptr) == (i == nth));
      release(block);
    }
  }
  dxdw_fail_allocation(1);
  dxdw_fail_allocation(0);
  void *block = acquire(1);
  CHECK(block);
  release(block);
}
#endif

}  // namespace

int main() {
  blocks_are_aligned_and_writable();
  released_blocks_come_again();
  what_is_kept_is_bounded();
  nothing_grows();
  impossible_sizes_are_refused();
  if (DXDW_THREADS) threads_get_blocks_of_their_own();
#if defined(DXDW_TESTING)
  the_nth_allocation_fails_once();
#endif
  return 0;
}
