// Convolutions out of bytes, through the C interface: what takes them, prepares and runs them, and every
// result against the one that the direct kernel has, which serves every plan.
//
// A plan is trusted: Python works it out, and the kernels check nothing of it. So the bytes choose the
// convolution (sizes, padding, strides, dilation, groups, kind, kernel, threads, failing memory), and the
// plan follows as native_plan.py writes it. What the interface does check is tried with bytes as they are.
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <memory>
#include <vector>

#include "api/dxdw.h"
#include "tests/placed.h"
#include "tests/plans.h"

namespace {

struct Bytes {
  const uint8_t *at;
  size_t left;

  int64_t below(int64_t n) {
    if (!left) return 0;
    --left;
    return *at++ % n;
  }
};

void require(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "does not hold: %s\n", what);
  abort();
}

Problem problem_of(Bytes &bytes) {
  Problem p;
  p.batch = 1 + bytes.below(3), p.groups = 1 + bytes.below(4);
  // Few channels are other code than a vector's or more.
  p.C = 1 + bytes.below(bytes.below(2) ? 40 : 4), p.O = 1 + bytes.below(bytes.below(2) ? 40 : 4);
  if (p.C == 1 && p.O == 1) p.groups = 1 + bytes.below(40);  // whose vectors are of channels
  p.kH = 1 + bytes.below(7), p.kW = 1 + bytes.below(7);
  if (bytes.below(2)) p.kW = p.kH = bytes.below(2) ? 3 : 5;
  p.stride = 1 + (bytes.below(2) ? 0 : bytes.below(5)), p.dilation = 1 + bytes.below(4);
  p.padding = bytes.below(9), p.stride_across = bytes.below(3) ? 0 : 1 + bytes.below(4);
  const auto size = [&](int64_t taps) {
    const int64_t fewest = (taps - 1) * p.dilation + 1 - 2 * p.padding;
    return (fewest > 1 ? fewest : 1) + bytes.below(24);
  };
  p.H = size(p.kH), p.W = size(p.kW);
  return p;
}

// Elements as arrays hold them: bfloat16 and float16 by their bits.
template <class S>
S stored(float value, int dtype) {
  if constexpr (sizeof(S) > 2) {
    return S(value);
  } else {
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    const uint16_t sign = word >> 16 & 0x8000;
    if (dtype == kBfloat16) return S(word >> 16);
    if (isnan(value)) return 0x7e00;
    int exponent;
    const float digits = frexpf(fabsf(value), &exponent);
    if (isinf(value) || exponent > 15) return sign | 0x7c00;
    if (value == 0 || exponent < -13) return sign;  // too small to be normal: none of these are wanted
    return S(sign | ((exponent + 14) << 10) + (int(digits * 2048) - 1024));
  }
}

template <class S>
double value_of(S v, int dtype) {
  if constexpr (sizeof(S) > 2) {
    return double(v);
  } else {
    const int exponent = v >> 10 & 31, digits = v & 1023;
    const double sign = v & 0x8000 ? -1 : 1;
    if (dtype == kBfloat16) {
      const uint32_t word = uint32_t(v) << 16;
      float value;
      memcpy(&value, &word, sizeof value);
      return value;
    }
    if (exponent == 31) return digits ? double(NAN) : sign * double(INFINITY);
    return sign * (exponent ? ldexp(1024 + digits, exponent - 25) : ldexp(digits, -24));
  }
}

// Values of all kinds: small integers, and now and then what spoils a tile.
template <class S>
std::vector<S> values(int64_t n, Bytes &bytes, bool &plain, int dtype) {
  std::vector<S> made(n);
  unsigned seed = unsigned(bytes.below(256)) + 1;
  for (S &v : made) {
    seed = seed * 1103515245u + 12345u;
    v = stored<S>(float(int(seed >> 16 & 7) - 3), dtype);
  }
  const float odd[] = {NAN, INFINITY, -INFINITY, 1e30f, 1e-30f, -0.0f, 1e8f, 1e-42f};
  for (int64_t i = bytes.below(6) - 3; i > 0; --i) {
    made[(bytes.below(256) * 256 + bytes.below(256)) % n] = stored<S>(odd[bytes.below(8)], dtype);
    plain = false;
  }
  return made;
}

bool agree(double one, double other, double within) {
  return one == other || fabs(one - other) <= within;
}

// S: what images hold; T: what W holds, which is what is summed in; R: what the result does.
template <class S, class T, class R>
void run(Bytes &bytes, const Problem &p, int kind, int dtype, int of_result) {
  const int64_t nx = p.elements_of_x(), nW = p.elements_of_W(), ng = p.elements_of_out();
  bool plain = true;
  const std::vector<S> x = values<S>(nx, bytes, plain, dtype), g = values<S>(ng, bytes, plain, dtype);
  const std::vector<T> W = values<T>(nW, bytes, plain, dtype);
  const void *a = kind == kForward ? x.data() : g.data();
  const void *b = kind == kWeightGradient ? static_cast<const void *>(x.data()) : W.data();
  const int64_t n = kind == kForward ? ng : kind == kInputGradient ? nx : nW;
  const int threads = 1 + int(bytes.below(3)), way = int(bytes.below(4));
  const int64_t failing = bytes.below(4) ? 0 : 1 + bytes.below(8);
  std::vector<R> wanted;
  for (int kernel = dxdw_kernels() - 1; kernel >= 0; --kernel) {  // the direct one first
    char why[200];
    if (!dxdw_takes(words, kernel, why, sizeof why)) {
      require(strlen(why) > 0 && strlen(why) < sizeof why, "a reason is a sentence");
      continue;
    }
    dxdw_fail_allocation(failing);
    void *prepared = dxdw_prepare(words, end - words, kernel);
    if (!prepared) {
      require(failing, "a plan that is taken can be prepared");
      continue;
    }
    require(dxdw_workspace(prepared, threads) >= 0, "a workspace is a number of bytes");
    const Placed<R> result(n, bytes.below(32));
    int status;
    if (way) {
      status = dxdw_run(prepared, a, b, nullptr, result.values, nullptr, threads);
    } else {
      void *job = dxdw_start(prepared, a, b, nullptr, result.values, nullptr, threads);
      if (bytes.below(2)) dxdw_cancel(job);
      while ((status = dxdw_wait(job, 1000)) == DXDW_PENDING) {}
      dxdw_release(job);
    }
    dxdw_fail_allocation(0);
    dxdw_forget(prepared);
    require(result.alone(), "nothing around a result is written to");
    require(failing || status != DXDW_NO_MEMORY, "memory is there");
    require(status != DXDW_CANCELLED || !way, "nobody cancelled");
    if (status != DXDW_DONE || !plain) continue;
    if (wanted.empty()) {
      wanted.assign(result.values, result.values + n);
      continue;
    }
    double largest = 1;
    for (R v : wanted) largest = fmax(largest, fabs(value_of(v, of_result)));
    const double within = (sizeof(R) > 2 ? 1e-3 : 1e-2) * largest;
    for (int64_t i = 0; i < n; ++i)
      require(agree(value_of(result.values[i], of_result), value_of(wanted[i], of_result), within),
              "two kernels agree");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // Words of any kind: refused by their version, by their number, or by a kernel that there is not.
  if (size >= 8 && data[0] == 0xff) {
    std::vector<int64_t> raw(size / 8);
    memcpy(raw.data(), data, raw.size() * 8);
    if (raw[0] != dxdw_plan_version()) require(!dxdw_prepare(raw.data(), int64_t(raw.size()), 0), "refused");
    require(!dxdw_prepare(raw.data(), 3, 0) && !dxdw_prepare(raw.data(), int64_t(raw.size()), -1) &&
                !dxdw_prepare(raw.data(), int64_t(raw.size()), dxdw_kernels()),
            "refused");
    return 0;
  }
  Bytes bytes = {data, size};
  const int kind = int(bytes.below(3)), dtype = int(bytes.below(4));
  const Problem p = problem_of(bytes);
  if (p.elements_of_x() * p.O * p.kH * p.kW > 20'000'000) return -1;  // too slow to learn from
  // Channels behind the positions, of x, of the output, or of both; and dW of 16-bit images in float32.
  const int64_t last = bytes.below(4);
  const bool narrow = dtype >= kBfloat16, wide_dW = narrow && kind == kWeightGradient && bytes.below(2);
  make_plan(p, kind, dtype, last & 1, last & 2, wide_dW ? kFloat32 : dtype);
  const int64_t before = dxdw_live_blocks();
  if (dtype == kFloat32) run<float, float, float>(bytes, p, kind, dtype, dtype);
  if (dtype == kFloat64) run<double, double, double>(bytes, p, kind, dtype, dtype);
  if (narrow && !wide_dW) run<uint16_t, float, uint16_t>(bytes, p, kind, dtype, dtype);
  if (wide_dW) run<uint16_t, float, float>(bytes, p, kind, dtype, kFloat32);
  require(dxdw_live_blocks() == before, "all memory has come back");
  return 0;
}
