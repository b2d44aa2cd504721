#include "machine/tuning.h"

#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#if defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#endif

namespace dxdw {
namespace {

// Bytes of the caches as the system tells them; 0 where it does not.
struct Caches {
  int64_t level[4] = {};  // by level; that of instructions left out
};

#if defined(__linux__)

// A word of a file below a cache's folder; false where there is none.
bool read(int index, const char *name, char (&word)[32]) {
  char path[96];
  snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, name);
  FILE *file = fopen(path, "re");
  if (!file) return false;
  const bool found = fscanf(file, "%31s", word) == 1;
  fclose(file);
  return found;
}

// Not by sysconf, which asks the processor: a virtual one told 320 MiB of 32.
Caches caches() {
  Caches found;
  char word[32];
  for (int index = 0; index < 8 && read(index, "type", word); ++index) {
    if (word[0] == 'I' || !read(index, "level", word)) continue;
    const int level = atoi(word);
    if (level < 1 || level > 3 || !read(index, "size", word)) continue;
    char *unit;
    const int64_t size = strtoll(word, &unit, 10);
    found.level[level] = size << (*unit == 'K' ? 10 : *unit == 'M' ? 20 : 0);
  }
  return found;
}

#elif defined(__APPLE__)

int64_t ask(const char *name) {
  int64_t value = 0;
  size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

Caches caches() {
  Caches found;
  const char *const l1[] = {"hw.perflevel0.l1dcachesize", "hw.l1dcachesize"};
  const char *const l2[] = {"hw.perflevel0.l2cachesize", "hw.l2cachesize"};
  for (const char *name : l1)
    if (!found.level[1]) found.level[1] = ask(name);
  for (const char *name : l2)
    if (!found.level[2]) found.level[2] = ask(name);
  found.level[3] = ask("hw.l3cachesize");
  // A second cache that several cores share is a core's own by its part.
  const int64_t sharers = std::max<int64_t>(1, ask("hw.perflevel0.cpusperl2"));
  if (sharers > 1) found.level[3] = found.level[2], found.level[2] /= sharers;
  return found;
}

#elif defined(_WIN32)

Caches caches() {
  Caches found;
  DWORD bytes = 0;
  GetLogicalProcessorInformation(nullptr, &bytes);
  auto *rows = static_cast<SYSTEM_LOGICAL_PROCESSOR_INFORMATION *>(malloc(bytes));
  if (rows && GetLogicalProcessorInformation(rows, &bytes)) {
    const DWORD count = bytes / static_cast<DWORD>(sizeof *rows);
    for (DWORD i = 0; i < count; ++i) {
      const CACHE_DESCRIPTOR &cache = rows[i].Cache;
      if (rows[i].Relationship != RelationCache || cache.Type == CacheInstruction) continue;
      if (cache.Level < 1 || cache.Level > 3 || found.level[cache.Level]) continue;
      found.level[cache.Level] = cache.Size;
    }
  }
  free(rows);
  return found;
}

#else

Caches caches() { return {}; }

#endif

struct Found {
  Tuning nominal = {}, tuning;
  char words[96];

  Found() {
    const Caches told = caches();
    nominal.l1 = 32 << 10, nominal.l2 = 1 << 20, nominal.l3 = 32 << 20;
    tuning = nominal;
    // What is not told, or can't be, is as on the machine that the parts were found on. Of the last
    // cache a process has a share that nobody tells: not more than 32 MiB of it.
    if (told.level[1] >= 8 << 10) tuning.l1 = std::min<int64_t>(told.level[1], 1 << 20);
    if (told.level[2] >= 64 << 10) tuning.l2 = std::min<int64_t>(told.level[2], 16 << 20);
    const int64_t last = told.level[3] ? told.level[3] : told.level[2] ? 2 * tuning.l2 : tuning.l3;
    tuning.l3 = std::clamp<int64_t>(last, tuning.l2, 32 << 20);
    divide(nominal), divide(tuning);
    snprintf(words, sizeof words, "caches of %lld KiB, %lld KiB and %lld MiB",
             static_cast<long long>(tuning.l1 >> 10), static_cast<long long>(tuning.l2 >> 10),
             static_cast<long long>(tuning.l3 >> 20));
  }

  static void divide(Tuning &t) {
    t.band = t.l2 / 4;
    t.strip = t.l2 / 16;
    t.weights = t.l2 / 4;
    t.thin = t.l1 / 2;
    t.passing = t.l2 / 2;
    t.frequencies = t.l2 / 16 * 5;
    t.shared_weights = t.l3 / 32 * 5;
    t.shared_images = t.l3 / 4;
    t.chunk_sums = t.l2 / 64 * 25;
    t.chunk = t.l2 / 8 * 3;
    t.group = t.l3 / 8;
    t.past_caches = t.l3 / 2;
    t.plane_rows = t.l1 / 2;
    t.plane_sums = t.l1 / 4;
  }
};

#if defined(DXDW_TESTING)
Found found;
#else
const Found found;
#endif

}  // namespace

#if defined(DXDW_TESTING)
void pretend(int64_t l1, int64_t l2, int64_t l3) {
  found.tuning.l1 = l1, found.tuning.l2 = l2, found.tuning.l3 = l3;
  found.tuning.beside = l3 / 4;  // what it is of 32 MiB
  Found::divide(found.tuning);
}
#endif

const Tuning &tuning() { return found.tuning; }

const Tuning &nominal() { return found.nominal; }

const char *tuning_in_words() { return found.words; }

}  // namespace dxdw
