// How a kernel says why it does not take a plan.
#pragma once
#include <stdio.h>

#include "api/kernels.h"
#include "machine/vector.h"

namespace dxdw {
namespace {

// Always false, for `return because(why, …)`.
inline bool because(Reason &why, const char *sentence) {
  if (why.size > 0) snprintf(why.text, static_cast<size_t>(why.size), "%s", sentence);
  return false;
}
template <class... Values>
bool because(Reason &why, const char *sentence, Values... values) {
  if (why.size > 0) snprintf(why.text, static_cast<size_t>(why.size), sentence, values...);
  return false;
}

constexpr char kPlanesOnly[] = "takes arrays whose channels lie before their positions";

// A number of people's: with a comma before every third digit from the right.
struct Grouped {
  char text[32];

  explicit Grouped(Index n) {
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%lld", static_cast<long long>(n));
    int to = 0;
    for (int i = 0; i < length; ++i) {
      if (i > (n < 0) && (length - i) % 3 == 0) text[to++] = ',';
      text[to++] = digits[i];
    }
    text[to] = 0;
  }
};

}  // namespace
}  // namespace dxdw
