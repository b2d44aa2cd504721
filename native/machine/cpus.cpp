#include "machine/cpus.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <atomic>

#include "run/threads.h"

#if defined(__linux__)
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#endif
#if !defined(_WIN32)
#include <unistd.h>
#endif

namespace dxdw {

#if defined(__linux__)

int this_thread() { return static_cast<int>(syscall(SYS_gettid)); }

void Affinity::read() {
  cpu_set_t *set = reinterpret_cast<cpu_set_t *>(words_);
  bytes_ = sched_getaffinity(0, sizeof words_, set) == 0 ? sizeof words_ : 0;
}

void Affinity::become(const Affinity &wanted) {
  if (wanted.bytes_ == 0) return;
  if (bytes_ == wanted.bytes_ && memcmp(words_, wanted.words_, bytes_) == 0) return;
  const cpu_set_t *set = reinterpret_cast<const cpu_set_t *>(wanted.words_);
  if (sched_setaffinity(0, wanted.bytes_, set) == 0) *this = wanted;
}

void Affinity::move_elsewhere(int thread, const Affinity &wanted) {
  if (wanted.bytes_ == 0) return;
  *this = wanted;
  cpu_set_t *set = reinterpret_cast<cpu_set_t *>(words_);
  const int here = sched_getcpu();
  if (here >= 0) CPU_CLR_S(static_cast<size_t>(here), bytes_, set);
  if (CPU_COUNT_S(bytes_, set) == 0) *this = wanted;
  sched_setaffinity(thread, bytes_, set);
}

#else

int this_thread() { return 0; }
void Affinity::read() {}
void Affinity::become(const Affinity &) {}
void Affinity::move_elsewhere(int, const Affinity &) {}

#endif

namespace {

#if defined(__linux__)

// The lines of a file, one after the other, without allocating. What is beyond a line's room is
// left out: no line of interest is as long.
class Lines {
 public:
  explicit Lines(const char *path) : file_(open(path, O_RDONLY | O_CLOEXEC)) {}
  ~Lines() {
    if (file_ >= 0) close(file_);
  }
  Lines(const Lines &) = delete;
  Lines &operator=(const Lines &) = delete;

  bool next() {
    size_t length = 0;
    for (;;) {
      if (position_ == end_) {
        const ssize_t got = file_ < 0 ? 0 : ::read(file_, buffer_, sizeof buffer_);
        position_ = 0;
        end_ = got > 0 ? static_cast<size_t>(got) : 0;
        if (end_ == 0) {
          line[length] = 0;
          return length > 0;
        }
      }
      const char c = buffer_[position_++];
      if (c == '\n') {
        line[length] = 0;
        return true;
      }
      if (length + 1 < sizeof line) line[length++] = c;
    }
  }

  char line[PATH_MAX + 512];

 private:
  int file_;
  size_t position_ = 0, end_ = 0;
  char buffer_[4096];
};

// Whether a list with commas has this word.
bool lists(const char *list, const char *word) {
  const size_t length = strlen(word);
  for (;;) {
    const size_t entry = strcspn(list, ",");
    if (entry == length && memcmp(list, word, length) == 0) return true;
    if (list[entry] == 0) return false;
    list += entry + 1;
  }
}

// mountinfo writes blanks and backslashes as \ooo.
void unescape(char *text) {
  const auto digit = [](char c) { return c >= '0' && c <= '7'; };
  char *out = text;
  for (const char *in = text; *in; ++out) {
    if (in[0] == '\\' && digit(in[1]) && digit(in[2]) && digit(in[3])) {
      *out = static_cast<char>((in[1] - '0') * 64 + (in[2] - '0') * 8 + (in[3] - '0'));
      in += 4;
    } else {
      *out = *in++;
    }
  }
  *out = 0;
}

// This process's group in the one hierarchy of version 2, or in that of version 1 with `cpu`.
bool find_group(const char *root, bool version2, char (&group)[PATH_MAX]) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
  Lines lines(path);
  while (lines.next()) {  // number:controllers:path
    char *controllers = strchr(lines.line, ':');
    char *name = controllers ? strchr(controllers + 1, ':') : nullptr;
    if (!name) continue;
    *name++ = 0;
    ++controllers;
    if (version2 ? strncmp(lines.line, "0:", 2) != 0 || *controllers != 0
                 : !lists(controllers, "cpu"))
      continue;
    if (strlen(name) >= sizeof group) return false;
    strcpy(group, name);
    return true;
  }
  return false;
}

// The first two numbers of a file or of two; a word, like "max", counts as -1.
bool read_number(const char *path, long long *first, long long *second) {
  Lines lines(path);
  if (!lines.next()) return false;
  char *end;
  *first = strtoll(lines.line, &end, 10);
  if (end == lines.line) {
    *first = -1;
    return true;
  }
  if (second) *second = strtoll(end, nullptr, 10);
  return true;
}

// 0: no limit.
int limit_of(const char *folder, bool version2) {
  char path[PATH_MAX + 32];
  long long quota = -1, period = 0;
  if (version2) {
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    read_number(path, &quota, &period);
  } else {
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    read_number(path, &quota, nullptr);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    read_number(path, &period, nullptr);
  }
  if (quota <= 0 || period <= 0) return 0;
  return static_cast<int>(std::min<long long>((quota - 1) / period + 1, INT_MAX));
}

int stricter(int one, int other) {
  return one == 0 ? other : other == 0 ? one : std::min(one, other);
}

#endif

int allowed() {
#if defined(__linux__)
  unsigned long words[8192 / (8 * sizeof(unsigned long))] = {};
  cpu_set_t *set = reinterpret_cast<cpu_set_t *>(words);
  if (sched_getaffinity(0, sizeof words, set) == 0) {
    const int count = CPU_COUNT_S(sizeof words, set);
    if (count > 0) return count;
  }
#endif
#if defined(_WIN32)
  DWORD_PTR process = 0, system = 0;
  // Both are 0 where the process has CPUs of more than one group of 64.
  if (GetProcessAffinityMask(GetCurrentProcess(), &process, &system) && process != 0)
    return __builtin_popcountll(process);
  return static_cast<int>(GetActiveProcessorCount(ALL_PROCESSOR_GROUPS));
#else
  return static_cast<int>(std::min(sysconf(_SC_NPROCESSORS_ONLN), long{INT_MAX}));
#endif
}

// Quotas may change, and reading them takes a good part of a millisecond.
constexpr int64_t kQuotaAge = 1'000'000'000;
std::atomic<int64_t> quota_read{-kQuotaAge};
std::atomic<int> quota{0};

}  // namespace

#if defined(__linux__)

int quota_in_cpus(const char *root) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/proc/self/mountinfo", root);
  int least = 0;
  Lines mounts(path);
  while (mounts.next()) {
    // number parent device root mount-point options [more ...] - type source options
    char mounted[PATH_MAX], point[PATH_MAX], type[32], options[512];
    static_assert(PATH_MAX == 4096, "the width of the fields below");
    const char *tail = strstr(mounts.line, " - ");
    if (!tail || sscanf(mounts.line, "%*s %*s %*s %4095s %4095s", mounted, point) != 2 ||
        sscanf(tail, " - %31s %*s %511s", type, options) != 2)
      continue;
    const bool version2 = strcmp(type, "cgroup2") == 0;
    if (!version2 && !(strcmp(type, "cgroup") == 0 && lists(options, "cpu"))) continue;
    unescape(mounted);
    unescape(point);
    char group[PATH_MAX];
    if (!find_group(root, version2, group)) continue;

    // Of the group's path only what is below the mounted one is to be found there; a container may
    // see no part of it.
    const size_t above = strcmp(mounted, "/") == 0 ? 0 : strlen(mounted);
    const bool within = strncmp(group, mounted, above) == 0 &&
                        (group[above] == '/' || group[above] == 0) &&
                        strncmp(group, "/..", 3) != 0;
    char folder[PATH_MAX];
    const int top = snprintf(folder, sizeof folder, "%s%s", root, point);
    if (top < 0 || static_cast<size_t>(top) >= sizeof folder) continue;
    snprintf(folder + top, sizeof folder - static_cast<size_t>(top), "%s",
             within ? group + above : "");
    for (;;) {
      least = stricter(least, limit_of(folder, version2));
      char *last = strrchr(folder + top, '/');
      if (!last) break;
      *last = 0;
    }
  }
  return least;
}

#else

int quota_in_cpus(const char *) { return 0; }

#endif

int cpus() {
  if (!DXDW_THREADS) return 1;
  if (now() - quota_read.load(std::memory_order_acquire) > kQuotaAge) {
    quota.store(quota_in_cpus(""), std::memory_order_relaxed);
    quota_read.store(now(), std::memory_order_release);
  }
  const int most = quota.load(std::memory_order_relaxed);
  const int there = std::max(allowed(), 1);
  return most == 0 ? there : std::min(there, most);
}

}  // namespace dxdw
