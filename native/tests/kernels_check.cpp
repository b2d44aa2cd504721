// Every kernel against loops written from the definition: what also runs where there is no Python, under an
// emulator say.
#include "beside_definition.h"

// Whose weights leave a small cache: in long strips, of the source itself or of a band, and in parts of
// the source channels.
const Problem kLargeWeights[] = {
    {1, 1, 256, 80, 13, 13, 1, 1, 2, 1, 0}, {1, 1, 80, 256, 14, 12, 1, 1, 2, 1, 0},
    {1, 1, 40, 64, 15, 16, 3, 3, 2, 1, 1},  {1, 1, 64, 40, 15, 16, 3, 3, 2, 1, 1},
};

// Whose transformed weights, and images, are more than there is scratch memory for with small caches.
const Problem kManyTiles[] = {{3, 1, 40, 150, 13, 14, 3, 3, 1, 1, 1}, {2, 2, 20, 70, 9, 10, 5, 5, 1, 1, 2}};

int main() {
  put_end();
  int wrong = dxdw_prepare(words, 22, 0) != nullptr;  // of a version that there is not
  for (int kind = kForward; kind <= kInputGradient; ++kind) {
    for (const Problem &p : kManyTiles)
      wrong += !check<float>(p, kind, "winograd", 2) + !check<double>(p, kind, "winograd", 2);
    for (const Problem &p : kLargeWeights)
      wrong += !check<float>(p, kind, "direct", 2, false, false) +
               !check<double>(p, kind, "direct", 2, false, false);
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
  }
  printf("%s: %d wrong\n", dxdw_isa(), wrong);
  return wrong != 0;
}
