#include "machine/measure.h"

#include <stddef.h>

#include <algorithm>

#include "api/isa.h"
#include "run/memory.h"
#include "run/pool.h"
#include "run/threads.h"

namespace dxdw {
namespace {

constexpr int kMostThreads = 256;
constexpr double kSeconds = 0.05;

struct Peak {
  int dtype;
  double rate[kMostThreads];
  int rounds[kMostThreads];  // for each slot
};

// a = b + 3·c, as STREAM has it: two values read and one written, 96 MiB in all, beyond the share
// of a last-level cache that one process gets.
constexpr int64_t kLength = int64_t{4} << 20;
constexpr int64_t kPiece = int64_t{1} << 16;

struct Triad {
  double *a;
  const double *b, *c;
};

void triad(void *context, int64_t item, int) {
  const Triad &arrays = *static_cast<Triad *>(context);
  double *__restrict a = arrays.a + item * kPiece;
  const double *__restrict b = arrays.b + item * kPiece;
  const double *__restrict c = arrays.c + item * kPiece;
  for (int64_t i = 0; i < kPiece; ++i) a[i] = b[i] + 3 * c[i];
}

double peak_of_one_thread(int dtype) {
  double best = 0;
  const int64_t end = now() + static_cast<int64_t>(kSeconds * 1e9);
  do {
    const int64_t before = now();
    const double operations = chosen().multiply_adds(dtype);
    best = std::max(best, operations / (1e-9 * static_cast<double>(now() - before)));
  } while (now() < end);
  return best;
}

void zero(void *context, int64_t item, int) {
  std::fill_n(static_cast<double *>(context) + item * kPiece, kPiece, 0.0);
}

}  // namespace

double peak(int dtype, int threads) {
  threads = std::clamp(threads, 1, kMostThreads);
  Peak measured{dtype, {}, {}};
  parallel(
      Team{threads, nullptr}, threads,
      [](void *context, int64_t item, int slot) {
        Peak &peak = *static_cast<Peak *>(context);
        ++peak.rounds[slot];
        peak.rate[item] = peak_of_one_thread(peak.dtype);
      },
      &measured);
  // Where there were fewer threads than asked for, some measured more than once.
  double sum = 0;
  int rounds = 1;
  for (int i = 0; i < threads; ++i) {
    sum += measured.rate[i];
    rounds = std::max(rounds, measured.rounds[i]);
  }
  return sum / rounds;
}

double bandwidth(int threads) {
  const Team team{std::clamp(threads, 1, kMostThreads), nullptr};
  constexpr size_t kBytes = kLength * sizeof(double);
  double *arrays = static_cast<double *>(acquire(3 * kBytes));
  if (!arrays) return 0;
  parallel(team, 3 * kLength / kPiece, zero, arrays);
  Triad context{arrays, arrays + kLength, arrays + 2 * kLength};
  double best = 0;
  const int64_t end = now() + static_cast<int64_t>(kSeconds * 1e9);
  do {
    const int64_t before = now();
    parallel(team, kLength / kPiece, triad, &context);
    best = std::max(best, 3.0 * kBytes / (1e-9 * static_cast<double>(now() - before)));
  } while (now() < end);
  release(arrays);
  return best;
}

}  // namespace dxdw
