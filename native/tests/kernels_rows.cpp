// Kernels of one tap on rows of every length, whose last vector reaches back over what others computed; with
// caches so small that results are written past them, in strips or blocks that threads share.
#include "beside_definition.h"

namespace {

int wrong_of(const Problem &p) {
  int wrong = 0;
  for (int kind : {kForward, kInputGradient})
    for (int threads : {1, 3}) {
      wrong += !check<float>(p, kind, "direct", threads);
      wrong += !check<double>(p, kind, "direct", threads);
    }
  return wrong;
}

}  // namespace

int main() {
  int wrong = 0;
  const dxdw::Tuning own = dxdw::tuning();
  for (int64_t l3 : {own.l3, int64_t(16) << 10}) {
    if (l3 != own.l3) dxdw::pretend(16 << 10, 32 << 10, l3);
    for (int64_t columns = 1; columns < 140; ++columns)
      wrong += wrong_of({1 + columns % 3, 1, 1 + columns % 7, 1 + columns % 19, 1, columns, 1, 1, 1, 1, 0});
    // Of so many channels that short rows are joined.
    for (int64_t columns = 1; columns < 60; ++columns)
      wrong += wrong_of({1 + columns % 6, 1 + columns % 2, 1 + columns % 7, 43 + columns % 13, 1, columns, 1, 1,
                         1, 1, 0});
    wrong += wrong_of({33, 1, 5, 50, 7, 7, 1, 1, 1, 1, 0});
    wrong += wrong_of({2, 1, 60, 50, 9, 11, 1, 1, 1, 1, 2});
    // Rows with others between them, in channels of whole lines of memory: from every place of a line on.
    for (int64_t columns = 1; columns < 60; ++columns)
      wrong += wrong_of({1, 1, 2, 1 + columns % 3, 16 + columns % 16, columns, 1, 1, 2, 1, columns % 2, 1}) +
               wrong_of({1, 1, 3, 2, 32, columns, 1, 1, 2, 1, 0, 1});
    wrong += wrong_of({2, 2, 5, 20, 16, 49, 1, 1, 1, 1, 0});  // planes of whole lines of memory
    wrong += wrong_of({2, 2, 5, 20, 12, 23, 1, 1, 1, 1, 2});  // dx begins inside the output
    wrong += wrong_of({1, 1, 33, 24, 28, 28, 1, 1, 1, 1, 0});
    wrong += wrong_of({3, 1, 64, 17, 14, 14, 1, 1, 1, 1, 0});
    wrong += wrong_of({1, 1, 9, 40, 30, 31, 1, 1, 2, 1, 0});  // every other column: from a band
    wrong += wrong_of({1, 1, 3, 32, 40, 48, 3, 3, 1, 1, 1});  // sums that are transposed past the caches
  }
  dxdw::pretend(own.l1, own.l2, own.l3);
  printf("%s: %d wrong\n", dxdw_isa(), wrong);
  return wrong != 0;
}
