// Runs kernels for another process, as its standard input asks: publish.py has those of another processor
// so, under an emulator. All numbers are of 64 bits; `words` is the plan, as dxdw_prepare takes it.
//
//   0, kernel, count, words                                  → whether it takes the plan
//   1, kernel, count, words, threads, bytes of a, b and r, a, b → the status, r
#include <stdint.h>
#include <stdio.h>

#include <vector>

#include "api/dxdw.h"

namespace {

template <class T>
std::vector<T> read(int64_t n) {
  std::vector<T> got(n);
  if (fread(got.data(), sizeof(T), n, stdin) != size_t(n)) got.clear();
  return got;
}

int64_t number() { return read<int64_t>(1)[0]; }

void answer(int64_t n) { fwrite(&n, sizeof n, 1, stdout); }

void run(int kernel, const std::vector<int64_t> &words) {
  const int threads = int(number());
  const int64_t of_a = number(), of_b = number(), of_r = number();
  const std::vector<uint8_t> a = read<uint8_t>(of_a), b = read<uint8_t>(of_b);
  std::vector<uint8_t> r(of_r);
  void *prepared = dxdw_prepare(words.data(), int64_t(words.size()), kernel);
  answer(prepared ? dxdw_run(prepared, a.data(), b.data(), nullptr, r.data(), nullptr, threads)
                  : int64_t(DXDW_NO_MEMORY));
  dxdw_forget(prepared);
  fwrite(r.data(), 1, r.size(), stdout);
}

}  // namespace

int main() {
  for (;;) {
    const std::vector<int64_t> head = read<int64_t>(3);
    if (head.empty()) return 0;
    const std::vector<int64_t> words = read<int64_t>(head[2]);
    char why[256];
    if (head[0])
      run(int(head[1]), words);
    else
      answer(dxdw_takes(words.data(), int(head[1]), why, sizeof why));
    fflush(stdout);
  }
}
