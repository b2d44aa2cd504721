#include "api/isa.h"

#include "machine/matrix_unit.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if (defined(__x86_64__) || defined(_M_X64)) && !defined(DXDW_BASE_ONLY)
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
#if defined(DXDW_IN_HALVES)
    avx512 = avx2;
#endif
  }
};

#endif

// A name: the kernels of a set of vectors, and what they have beside for blocks of bfloat16.
struct InstructionSet {
  const char *name;
  const Kernels *kernels;
  const MatrixUnit *unit;
};

struct Choice {
  InstructionSet there[5];
  int count = 0;
  InstructionSet used;
  char names[64] = "";
  char note[160] = "";

  Choice() {
#if DXDW_X86
    const Features features;
    if (features.avx512 && amx()) add({"amx", &kernels_avx512, amx()});
    if (features.avx512) add({"avx512", &kernels_avx512, dot_products()});
    if (features.avx2) add({"avx2", &kernels_avx2, nullptr});
#endif
    add({"base", &kernels_base, nullptr});
    used = there[0];
#if defined(DXDW_TESTING)
    add({"amx-emulated", used.kernels, emulated_amx()});
#endif
    choose(getenv("DXDW_ISA"));
    use_matrix_unit(used.unit);
  }

 private:
  void add(const InstructionSet &set) {
    if (count) strcat(names, " ");
    strcat(names, set.name);
    there[count++] = set;
  }

  void choose(const char *asked) {
    if (!asked || !*asked) return;
    for (int i = 0; i < count; ++i)
      if (strcmp(asked, there[i].name) == 0) {
        used = there[i];
        return;
      }
    snprintf(note, sizeof note, "DXDW_ISA is '%.40s', this machine has: %s; %s is used", asked, names,
             used.name);
  }
};

const Choice choice;

}  // namespace

const Kernels &chosen() { return *choice.used.kernels; }
const char *chosen_name() { return choice.used.name; }
const char *available() { return choice.names; }
const char *choice_note() { return choice.note; }

}  // namespace dxdw
