#include "api/isa.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) || defined(_M_X64)
#define DXDW_X86 1
#include <cpuid.h>
#else
#define DXDW_X86 0
#endif

namespace dxdw {
namespace {

#if DXDW_X86

// Not __builtin_cpu_supports: clang-cl links nothing that has it.
struct Features {
  bool avx2 = false, avx512 = false;

  Features() {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return;
    const bool fma = c >> 12 & 1, f16c = c >> 29 & 1, system_saves = c >> 27 & 1, avx = c >> 28 & 1;
    if (!system_saves || !avx || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
    // The operating system must save the registers: XMM and YMM; opmasks and ZMM.
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    const bool ymm = (low & 0x06) == 0x06;
#if defined(__APPLE__)
    const bool zmm = ymm;  // macOS enables them at their first use
#else
    const bool zmm = (low & 0xe6) == 0xe6;
#endif
    avx2 = ymm && fma && f16c && (b >> 5 & 1);
    const bool f = b >> 16 & 1, dq = b >> 17 & 1, bw = b >> 30 & 1, vl = b >> 31 & 1;
    avx512 = zmm && avx2 && f && dq && bw && vl;
  }
};

#endif

struct Choice {
  const Kernels *there[3];
  int count = 0;
  const Kernels *used;
  char names[32] = "";
  char note[160] = "";

  Choice() {
#if DXDW_X86
    const Features features;
    if (features.avx512) there[count++] = &kernels_avx512;
    if (features.avx2) there[count++] = &kernels_avx2;
#endif
    there[count++] = &kernels_base;
    used = there[0];
    for (int i = 0; i < count; ++i) {
      if (i > 0) strcat(names, " ");
      strcat(names, there[i]->name);
    }
    const char *asked = getenv("DXDW_ISA");
    if (!asked || !*asked) return;
    for (int i = 0; i < count; ++i) {
      if (strcmp(asked, there[i]->name) == 0) {
        used = there[i];
        return;
      }
    }
    snprintf(note, sizeof note, "DXDW_ISA is '%.40s', this machine has: %s; %s is used", asked,
             names, used->name);
  }
};

const Choice choice;

}  // namespace

const Kernels &chosen() { return *choice.used; }
const char *available() { return choice.names; }
const char *choice_note() { return choice.note; }

}  // namespace dxdw
