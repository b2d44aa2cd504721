// AMX, where the compiler (CMakeLists.txt) and the processor have it and the system lets it be used.
#include "machine/matrix_block.h"

#if defined(DXDW_HAS_AMX) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace dxdw {
namespace {

const char *refusal = "this build is without AMX";

#if defined(DXDW_HAS_AMX) && defined(__linux__)

// (GCC 12's own intrinsics take no number of a tile that is a template's.)
struct Tiles {
  template <int T>
  void zero() const {
    asm volatile("tilezero %%tmm%c0" ::"i"(T));
  }
  template <int T>
  void load(const void *from, int64_t row) const {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(row), "i"(T) : "memory");
  }
  template <int T>
  void store(void *to, int64_t row) const {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(row), "i"(T) : "memory");
  }
  template <int C, int A, int B>
  void multiply() const {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(C), "i"(A), "i"(B));
  }
};

// All eight tiles of 16 rows of 64 bytes.
void begin() {
  struct alignas(64) {
    uint8_t palette = 1, start = 0, none[14] = {};
    uint16_t bytes[16] = {};
    uint8_t rows[16] = {};
  } shape;
  for (int t = 0; t < 8; ++t) shape.bytes[t] = 64, shape.rows[t] = 16;
  asm volatile("ldtilecfg %0" ::"m"(shape));
}

// What is configured is saved at every switch of threads, 8 KB.
void end() { asm volatile("tilerelease"); }

constexpr MatrixUnit unit = {"amx", true, begin, end,
                             {MatrixBlock<Tiles>::run<1>, MatrixBlock<Tiles>::run<2>,
                              MatrixBlock<Tiles>::run<3>},
                             {MatrixBlock<Tiles>::run<1>, MatrixBlock<Tiles>::run<2, true>,
                              MatrixBlock<Tiles>::run<3, true>}};

bool has_instructions() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) return false;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d >> 22 & 1) || !(d >> 24 & 1)) return false;
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (low >> 17 & 3) == 3;  // the system saves tiles and their shapes
}

const MatrixUnit *ask() {
  refusal = "this processor, or the system it runs, has no AMX";
  if (!has_instructions()) return nullptr;
  // Linux wants to be asked before a process uses its first tile; threads have what it has.
  constexpr long request = 0x1023, tile_data = 18;
  refusal = "the system does not let this process use AMX";
  if (syscall(SYS_arch_prctl, request, tile_data)) return nullptr;
  refusal = "DXDW_ISA leaves AMX alone";
  return &unit;
}

#else

const MatrixUnit *ask() { return nullptr; }

#endif

}  // namespace

const MatrixUnit *amx() { return ask(); }

const char *why_no_amx() { return refusal; }

}  // namespace dxdw
