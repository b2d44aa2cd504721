// The choice of an instruction set, beside what the compiler's own library finds.
#include "api/isa.h"

#include <string.h>

#include "check.h"

using namespace dxdw;

int main() {
  CHECK(strstr(available(), "base"));
  CHECK(strncmp(available(), chosen_name(), strlen(chosen_name())) == 0 || getenv("DXDW_ISA"));
#if defined(__x86_64__) && !defined(_WIN32)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl");
  CHECK((strstr(available(), "avx2") != nullptr) == avx2);
  CHECK((strstr(available(), "avx512") != nullptr) == avx512);
#else
  CHECK(strncmp(available(), "base", 4) == 0 || strstr(available(), "avx"));
#endif
  const char *asked = getenv("DXDW_ISA");
  const bool followed = !asked || !*asked || strcmp(asked, chosen_name()) == 0;
  CHECK(followed == (*choice_note() == 0));
  if (!followed) CHECK(strstr(choice_note(), chosen_name()));
  return 0;
}
