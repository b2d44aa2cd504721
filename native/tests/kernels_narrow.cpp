// bfloat16 and float16 beside float32; and products of bfloat16 in blocks, of arrays that hold it and of the
// parts of float32.
#include "beside_definition.h"
#include "machine/matrix_unit.h"

namespace {

// --- bfloat16 and float16: the float32 of what is widened, rounded once -----------------------------

using Stored = uint16_t;

float wide(Stored bits, int dtype) {
  if (dtype == kBfloat16) {
    const uint32_t word = uint32_t(bits) << 16;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
  }
  const int exponent = bits >> 10 & 31, digits = bits & 1023;
  const double value = exponent ? ldexp(1024 + digits, exponent - 25) : ldexp(digits, -24);
  return float(bits >> 15 ? -value : value);
}

// The nearest, and of two that are as near the one that is even: by looking at all of them.
Stored narrow(float value, int dtype) {
  Stored low = 0, high = dtype == kBfloat16 ? 0x7f7f : 0x7bff;  // the largest that is finite
  const double size = fabs(double(value));
  while (low < high) {
    const Stored middle = Stored((low + high + 1) / 2);
    if (wide(middle, dtype) <= size)
      low = middle;
    else
      high = Stored(middle - 1);
  }
  const double below = size - wide(low, dtype), above = double(wide(Stored(low + 1), dtype)) - size;
  if (above < below || (above == below && low & 1)) ++low;
  return Stored(low | (value < 0 ? 0x8000 : 0));
}

Stored *narrow_fractions(int64_t n, unsigned seed, float divisor, int dtype) {
  float *values = integers<float>(n, seed);
  Stored *result = static_cast<Stored *>(malloc(n * sizeof(Stored)));
  for (int64_t i = 0; i < n; ++i) result[i] = narrow(values[i] / divisor, dtype);
  free(values);
  return result;
}

float *widened(const Stored *from, int64_t n, int dtype) {
  float *result = static_cast<float *>(malloc(n * sizeof(float)));
  for (int64_t i = 0; i < n; ++i) result[i] = wide(from[i], dtype);
  return result;
}

void run(const char *kernel, const void *a, const void *b, void *result) {
  void *prepared = dxdw_prepare(words, end - words, kernel_of(kernel));
  dxdw_run(prepared, a, b, nullptr, result, nullptr, 2);
  dxdw_forget(prepared);
}

// wide_dW: dW is wanted in float32, and so without a rounding.
bool check_narrow(const Problem &p, int kind, const char *kernel, int dtype, bool last, bool wide_dW) {
  const int64_t nx = p.elements_of_x(), nW = p.elements_of_W(), ng = p.elements_of_out();
  const int64_t n = kind == kForward ? ng : kind == kInputGradient ? nx : nW;
  const int64_t na = kind == kForward ? nx : ng, nb = kind == kWeightGradient ? nx : nW;
  Stored *a = narrow_fractions(na, 1, 3, dtype), *b = narrow_fractions(nb, 2, 7, dtype);
  float *wide_a = widened(a, na, dtype), *wide_b = widened(b, nb, dtype);
  float *wanted = static_cast<float *>(malloc(n * sizeof(float)));
  void *result = malloc(n * sizeof(float));
  char why[256];
  make_plan(p, kind, kFloat32, last, last);
  bool right = true;
  const bool pixels = last && strcmp(kernel, "depthwise") == 0;  // whose kernels take float32 alone
  if (!pixels && dxdw_takes(words, kernel_of(kernel), why, sizeof why)) {
    run(kernel, wide_a, wide_b, wanted);
    make_plan(p, kind, dtype, last, last, wide_dW ? kFloat32 : dtype);
    run(kernel, a, b, result);
    for (int64_t i = 0; i < n && right; ++i)
      right = wide_dW ? memcmp(static_cast<float *>(result) + i, wanted + i, sizeof(float)) == 0
                      : static_cast<Stored *>(result)[i] == narrow(wanted[i], dtype);
  }
  if (!right)
    printf("kind %d, %s, dtype %d, last %d, wide %d: not the float32 result, rounded\n", kind, kernel, dtype,
           last, wide_dW);
  free(a), free(b), free(wide_a), free(wide_b), free(wanted), free(result);
  return right;
}

// --- blocks of bfloat16 ----------------------------------------------------------------------------

bool there(const Problem &p, int kind, const char *kernel, int dtype) {
  char why[256];
  make_plan(p, kind, dtype);
  if (kernel_of(kernel) < 0) return false;
  return dxdw_takes(words, kernel_of(kernel), why, sizeof why) || strstr(why, "times the products");
}

// Operands of a kind, and how many elements these and the result have.
struct Case {
  int64_t first, second, result;
  Case(const Problem &p, int kind)
      : first(kind == kForward ? p.elements_of_x() : p.elements_of_out()),
        second(kind == kWeightGradient ? p.elements_of_x() : p.elements_of_W()),
        result(kind == kForward         ? p.elements_of_out()
               : kind == kInputGradient ? p.elements_of_x()
                                        : p.elements_of_W()) {}
};

// Of all digits, a range of magnitudes, and the worst there is: just above a power of two, with what the
// first two parts leave as large as can be.
float *numbers(int64_t n, unsigned seed) {
  float *values = static_cast<float *>(malloc(n * sizeof(float)));
  for (int64_t i = 0; i < n; ++i) {
    seed = seed * 1664525u + 1013904223u;
    const uint32_t digits = seed >> 30 ? seed & 0x7fffff : 0x007f7f;
    const uint32_t word = (uint32_t(120 + (seed >> 24) % 12) << 23) | digits | (seed >> 29 & 1) << 31;
    memcpy(values + i, &word, sizeof word);
  }
  return values;
}

// The error of each element beside what is promised of it.
bool check_precise(const Problem &p, int kind, const char *kernel, int threads) {
  const Case of(p, kind);
  float *a = numbers(of.first, 1), *b = numbers(of.second, 2);
  float *result = static_cast<float *>(malloc(of.result * sizeof(float)));
  double *wanted = static_cast<double *>(calloc(of.result, sizeof(double)));
  double *sizes = static_cast<double *>(calloc(of.result, sizeof(double)));
  double *terms = static_cast<double *>(calloc(of.result, sizeof(double)));
  each_product(p, kind, [&](int64_t r, int64_t i, int64_t j) {
    wanted[r] += double(a[i]) * double(b[j]), sizes[r] += fabs(double(a[i]) * double(b[j])), ++terms[r];
  });
  make_plan(p, kind, kFloat32);
  int64_t n;
  const double factor = dxdw_growth(words, kernel_of(kernel), &n);
  void *prepared = dxdw_prepare(words, end - words, kernel_of(kernel));
  const int status = dxdw_run(prepared, a, b, nullptr, result, nullptr, threads);
  dxdw_forget(prepared);
  double worst = 0, own = 0;
  for (int64_t i = 0; i < of.result; ++i) {
    if (sizes[i] == 0) continue;
    const double error = fabs(double(result[i]) - wanted[i]) / sizes[i];
    const double bound = factor ? factor + double(-n) * 0x1p-24 : terms[i] * 0x1p-24 + 0x1p-24;
    if (!(error <= worst * 1e9)) own = error;
    if (!(error / bound <= worst)) worst = error / bound;
  }
  const bool right = status == DXDW_DONE && worst <= 1;
  if (!right)
    printf("kind %d, %s, k %d: status %d, %g of the bound (%g)\n", kind, kernel, int(p.kH), status, worst, own);
  free(a), free(b), free(result), free(wanted), free(sizes), free(terms);
  return right;
}

// What no part can hold is the direct kernel's: NaN, Inf, the largest numbers, subnormal ones.
bool check_left_out(const Problem &p, int kind, const char *kernel, int threads) {
  const float odd[] = {NAN, INFINITY, -INFINITY, 3e38f, 1e-42f, 1e-36f};
  const Case of(p, kind);
  bool right = true;
  for (int side = 0; side < 2; ++side)
    for (float value : odd) {
      float *a = integers<float>(of.first, 1), *b = integers<float>(of.second, 2);
      if (side)
        b[of.second / 3] = value;
      else
        a[of.first / 3] = value;
      float *result = static_cast<float *>(malloc(of.result * sizeof(float)));
      float *wanted = static_cast<float *>(malloc(of.result * sizeof(float)));
      make_plan(p, kind, kFloat32);
      int status[2];
      bool same = true;
      for (int i = 0; i < 2; ++i) {
        void *prepared = dxdw_prepare(words, end - words, kernel_of(i ? "direct" : kernel));
        dxdw_most_bytes();
        status[i] = dxdw_run(prepared, a, b, nullptr, i ? wanted : result, nullptr, threads);
        const int64_t taken = dxdw_most_bytes(), told = dxdw_workspace(prepared, threads);
        dxdw_forget(prepared);
        same = same && status[i] == status[0] && taken <= told + 1024;
        if (taken > told + 1024) printf("%d bytes of scratch memory, told %d\n", int(taken), int(told));
      }
      // Weights that are not finite may be no kernel's: dx has no products beyond the edges.
      const bool declined = side && kind == kInputGradient && !std::isfinite(value);
      same = same && status[0] == (declined ? DXDW_DECLINED : DXDW_DONE);
      if (same && !declined) {
        for (int64_t i = 0; i < of.result; ++i) {
          const bool nan = result[i] != result[i] && wanted[i] != wanted[i];
          // Subnormal beside integers: lost in either sum, or the only product.
          const bool close = result[i] == wanted[i] || fabsf(result[i] - wanted[i]) <= 1e-6f * fabsf(wanted[i]);
          same = same && (nan || close);
        }
      }
      if (!same) printf("kind %d, %s: %g on side %d: status %d\n", kind, kernel, value, side, status[0]);
      right = right && same;
      free(a), free(b), free(result), free(wanted);
    }
  return right;
}

// Whatever stands in another image, and whatever stands where nothing reads it.
bool check_other_images(const Problem &p, int kind, const char *kernel, int threads) {
  if (kind == kWeightGradient || p.batch < 2) return true;
  const Case of(p, kind);
  float *a = numbers(of.first, 1), *b = numbers(of.second, 2), *result[2];
  a[(kind == kForward ? p.W : p.columns()) + 1] = 1e-36f;  // of a kernel of one tap and stride 2 in none of its windows
  make_plan(p, kind, kFloat32);
  for (float *&own : result) {
    own = static_cast<float *>(malloc(of.result * sizeof(float)));
    void *prepared = dxdw_prepare(words, end - words, kernel_of(kernel));
    dxdw_run(prepared, a, b, nullptr, own, nullptr, threads);
    dxdw_forget(prepared);
    a[of.first / p.batch] = NAN;
  }
  const bool same = !memcmp(result[0], result[1], of.result / p.batch * sizeof(float));
  if (!same) printf("kind %d, %s, k %d: another image changes this one\n", kind, kernel, int(p.kH));
  free(a), free(b), free(result[0]), free(result[1]);
  return same;
}

// Fractions that bfloat16 holds, whose products are exact: sums of float32, in whatever order.
bool check_blocks_of_bfloat16(const Problem &p, int kind, bool last, bool wide_dW) {
  const Case of(p, kind);
  Stored *a = narrow_fractions(of.first, 1, 4, kBfloat16), *b = narrow_fractions(of.second, 2, 8, kBfloat16);
  float *wide_a = widened(a, of.first, kBfloat16), *wide_b = widened(b, of.second, kBfloat16);
  float *wanted = static_cast<float *>(malloc(of.result * sizeof(float)));
  void *result = malloc(of.result * sizeof(float));
  make_plan(p, kind, kFloat32, last, last);
  run("direct", wide_a, wide_b, wanted);
  make_plan(p, kind, kBfloat16, last, last, wide_dW ? kFloat32 : kBfloat16);
  run("bfloat16", a, b, result);
  bool right = true;
  for (int64_t i = 0; i < of.result && right; ++i)
    right = wide_dW ? static_cast<float *>(result)[i] == wanted[i]
                    : static_cast<Stored *>(result)[i] == narrow(wanted[i], kBfloat16);
  if (!right) printf("kind %d, bfloat16 in blocks, last %d: other sums\n", kind, last);
  free(a), free(b), free(wide_a), free(wide_b), free(wanted), free(result);
  return right;
}

}  // namespace

int main() {
  // By blocks of bfloat16, where there is what multiplies them: small integers are exact in one part.
  const Problem blocks[] = {
      {2, 1, 32, 32, 9, 10, 3, 3, 1, 1, 1},  {1, 1, 40, 70, 14, 14, 3, 3, 1, 1, 1},
      {3, 1, 64, 33, 8, 7, 1, 1, 1, 1, 0},   {1, 2, 32, 48, 15, 16, 3, 3, 2, 1, 1},
      {2, 1, 17, 31, 13, 17, 5, 4, 1, 2, 3}, {1, 1, 64, 32, 12, 12, 2, 2, 3, 1, 0},
      {1, 3, 30, 32, 16, 11, 3, 3, 1, 1, 0}, {1, 1, 96, 64, 20, 33, 7, 1, 2, 1, 2},
      {2, 1, 3, 32, 17, 30, 3, 3, 1, 1, 1},  {1, 2, 5, 20, 15, 21, 5, 5, 2, 1, 2},
      {5, 1, 64, 40, 7, 7, 1, 1, 1, 1, 0},   {3, 1, 40, 64, 9, 9, 1, 1, 2, 1, 0},
      {4, 2, 33, 18, 5, 6, 1, 1, 1, 1, 0},   {6, 1, 33, 34, 5, 6, 3, 3, 1, 1, 1},
  };
  dxdw::take_at_any_cost();
  const dxdw::Tuning own = dxdw::tuning();
  const bool emulated = !strcmp(dxdw_isa(), "amx-emulated");
  int wrong = 0, in_blocks = 0;
  for (int kind = kForward; kind <= kInputGradient; ++kind) {
    for (int threads = 1; threads <= 3; threads += 2) {
      // Small caches, in which problems of this size have several bands and pieces.
      if (threads > 1) dxdw::pretend(8 << 10, 16 << 10, 1 << 20);
      for (const Problem &p : blocks)
        for (const char *kernel : {"bfloat16x2", "bfloat16x3"}) {
          if (!there(p, kind, kernel, kFloat32)) continue;
          if (emulated && threads > 1 && kernel[9] == '3') continue;  // minutes
          ++in_blocks;
          for (int last = 0; last < 4; last += emulated ? 3 : 1)
            wrong += !check<float>(p, kind, kernel, threads, last & 1, last & 2);
          wrong += !check_precise(p, kind, kernel, threads);
          if (threads == 1) continue;
          wrong += !check_left_out(p, kind, kernel, threads);
          wrong += !check_other_images(p, kind, kernel, threads);
        }
      dxdw::pretend(own.l1, own.l2, own.l3);
    }
    for (int dtype : {kBfloat16, kFloat16})
      for (bool last : {false, true})
        for (bool wide_dW : {false, true}) {
          if (wide_dW && kind != kWeightGradient) continue;
          for (const Problem &p : kDirect)
            for (const char *kernel : kSums) wrong += !check_narrow(p, kind, kernel, dtype, last, wide_dW);
          for (const Problem &p : kWinograd) wrong += !check_narrow(p, kind, "winograd", dtype, last, wide_dW);
        }
    for (const Problem &p : blocks)
      if (there(p, kind, "bfloat16", kBfloat16))
        for (bool last : {false, true}) {
          ++in_blocks;
          wrong += !check_blocks_of_bfloat16(p, kind, last, kind == kWeightGradient);
        }
  }
  printf("%s: %d wrong, %d problems in blocks of bfloat16\n", dxdw_isa(), wrong, in_blocks);
  const bool tiles = strncmp(dxdw_isa(), "amx", 3) == 0;
  if (tiles) wrong += in_blocks < 130;
  return wrong != 0;
}
