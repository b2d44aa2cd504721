// Every kernel against loops written from the definition: what also runs where there is no Python, under an
// emulator say.
#include "beside_definition.h"

int main() {
  put_end();
  int wrong = dxdw_prepare(words, 22, 0) != nullptr;  // of a version that there is not
  for (int kind = kForward; kind <= kInputGradient; ++kind)
    for (int threads = 1; threads <= 3; threads += 2) {
      for (const Problem &p : kDirect)
        for (const char *kernel : kSums)
          for (int last = 0; last < 4; ++last)
            wrong += !check<float>(p, kind, kernel, threads, last & 1, last & 2) +
                     !check<double>(p, kind, kernel, threads, last & 1, last & 2);
      for (const Problem &p : kWinograd)
        for (int last = 0; last < 4; ++last)
          wrong += !check<float>(p, kind, "winograd", threads, last & 1, last & 2) +
                   !check<double>(p, kind, "winograd", threads, last & 1, last & 2);
    }
  printf("%s: %d wrong\n", dxdw_isa(), wrong);
  return wrong != 0;
}
