// Every kernel against loops written from the definition, on integers, which sums keep exact: what
// also runs where there is no Python, under an emulator say.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/dxdw.h"
#include "machine/tuning.h"
#include "plans.h"

namespace {

const char *const kSums[] = {"direct", "depthwise"};

int kernel_of(const char *name) {
  for (int i = 0; i < dxdw_kernels(); ++i)
    if (strcmp(dxdw_kernel_name(i), name) == 0) return i;
  return -1;
}

template <class T>
T *integers(int64_t n, unsigned seed) {
  T *values = static_cast<T *>(malloc(n * sizeof(T)));
  for (int64_t i = 0; i < n; ++i) {
    seed = seed * 1103515245u + 12345u;
    values[i] = T(int(seed >> 16 & 7) - 3);
  }
  return values;
}

// Images of so many channels and positions, the other way round: from planes to channels last, or back.
template <class T>
void turn(const T *from, int64_t images, int64_t channels, int64_t positions, T *to, bool back) {
  for (int64_t i = 0; i < images; ++i)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t q = 0; q < positions; ++q) {
        const int64_t plane = (i * channels + c) * positions + q;
        const int64_t last = (i * positions + q) * channels + c;
        to[back ? plane : last] = from[back ? last : plane];
      }
}

// The bits of fractions, which a sum in another order would round otherwise: with other caches, and of
// arrays whose channels lie last.
template <class T>
bool same_bits_otherwise(const Problem &p, int kind, const char *kernel) {
  const int64_t h = p.out(p.H, p.kH), w = p.out(p.W, p.kW);
  const int64_t nx = p.elements_of_x(), nW = p.elements_of_W(), ng = p.elements_of_out();
  const int64_t n = kind == kForward ? ng : kind == kInputGradient ? nx : nW;
  T *x = integers<T>(nx, 1), *W = integers<T>(nW, 2), *g = integers<T>(ng, 3);
  for (int64_t i = 0; i < nx; ++i) x[i] /= T(3);
  for (int64_t i = 0; i < nW; ++i) W[i] /= T(7);
  for (int64_t i = 0; i < ng; ++i) g[i] /= T(5);
  const dxdw::Tuning own = dxdw::tuning();
  const int64_t caches[3][3] = {
      {own.l1, own.l2, own.l3}, {16 << 10, 128 << 10, 1 << 20}, {64 << 10, 4 << 20, 16 << 20}};
  T *results[3];
  for (int i = 0; i < 3; ++i) {
    dxdw::pretend(caches[i][0], caches[i][1], caches[i][2]);
    void *prepared = dxdw_prepare(words, end - words, kernel_of(kernel));
    results[i] = static_cast<T *>(calloc(n, sizeof(T)));
    dxdw_run(prepared, kind == kForward ? x : g, kind == kWeightGradient ? x : W, nullptr, results[i],
             nullptr, 2);
    dxdw_forget(prepared);
  }
  dxdw::pretend(own.l1, own.l2, own.l3);
  bool same = memcmp(results[0], results[1], n * sizeof(T)) == 0 &&
              memcmp(results[0], results[2], n * sizeof(T)) == 0;
  if (!same) printf("kind %d, %s: other bits with other caches\n", kind, kernel);
  T *lx = integers<T>(nx, 1), *lg = integers<T>(ng, 3);
  turn(x, p.batch, p.groups * p.C, p.H * p.W, lx, false);
  turn(g, p.batch, p.groups * p.O, h * w, lg, false);
  make_plan(p, kind, sizeof(T) == 8, true, true);
  char why[256];
  if (dxdw_takes(words, kernel_of(kernel), why, sizeof why)) {
    void *prepared = dxdw_prepare(words, end - words, kernel_of(kernel));
    dxdw_run(prepared, kind == kForward ? lx : lg, kind == kWeightGradient ? lx : W, nullptr,
             results[1], nullptr, 2);
    dxdw_forget(prepared);
    if (kind == kForward) turn(results[1], p.batch, p.groups * p.O, h * w, results[2], true);
    if (kind == kInputGradient) turn(results[1], p.batch, p.groups * p.C, p.H * p.W, results[2], true);
    const T *turned = results[kind == kWeightGradient ? 1 : 2];
    const bool as_planes = memcmp(results[0], turned, n * sizeof(T)) == 0;
    if (!as_planes) printf("kind %d, %s: other bits with channels last\n", kind, kernel);
    same = same && as_planes;
  }
  free(x), free(W), free(g), free(lx), free(lg);
  for (T *result : results) free(result);
  return same;
}

template <class T>
bool check(const Problem &p, int kind, const char *kernel, int threads, bool x_last = false,
           bool out_last = false) {
  const int64_t h = p.out(p.H, p.kH), w = p.out(p.W, p.kW), nx = p.elements_of_x();
  const int64_t nW = p.elements_of_W(), ng = p.elements_of_out();
  T *x = integers<T>(nx, 1), *W = integers<T>(nW, 2), *g = integers<T>(ng, 3);
  const int64_t n = kind == kForward ? ng : kind == kInputGradient ? nx : nW;
  T *result = static_cast<T *>(malloc(n * sizeof(T)));
  double *wanted = static_cast<double *>(calloc(n, sizeof(double)));
  memset(result, 0xFF, n * sizeof(T));
  for (int64_t b = 0; b < p.batch; ++b)
    for (int64_t o = 0; o < p.groups * p.O; ++o)
      for (int64_t c = 0; c < p.C; ++c)
        for (int64_t i = 0; i < h; ++i)
          for (int64_t j = 0; j < w; ++j)
            for (int64_t u = 0; u < p.kH; ++u)
              for (int64_t v = 0; v < p.kW; ++v) {
                const int64_t r = i * p.stride + u * p.dilation - p.padding;
                const int64_t q = j * p.stride + v * p.dilation - p.padding;
                if (r < 0 || r >= p.H || q < 0 || q >= p.W) continue;
                const int64_t at_g = ((b * p.groups * p.O + o) * h + i) * w + j;
                const int64_t channel = b * p.groups * p.C + o / p.O * p.C + c;
                const int64_t at_x = (channel * p.H + r) * p.W + q;
                const int64_t at_W = ((o * p.C + c) * p.kH + u) * p.kW + v;
                if (kind == kForward) wanted[at_g] += double(x[at_x]) * double(W[at_W]);
                if (kind == kInputGradient) wanted[at_x] += double(g[at_g]) * double(W[at_W]);
                if (kind == kWeightGradient) wanted[at_W] += double(g[at_g]) * double(x[at_x]);
              }
  make_plan(p, kind, sizeof(T) == 8, x_last, out_last);
  char why[256];
  const bool sums = dxdw_kernel_sums(kernel_of(kernel));
  if (sums && !dxdw_takes(words, kernel_of(kernel), why, sizeof why)) {
    free(x), free(W), free(g), free(result), free(wanted);
    return strlen(why) > 0;
  }
  T *own_x = static_cast<T *>(malloc(nx * sizeof(T))), *own_g = static_cast<T *>(malloc(ng * sizeof(T)));
  T *own_result = static_cast<T *>(malloc(n * sizeof(T)));
  turn(x, p.batch, x_last ? p.groups * p.C : 1, x_last ? p.H * p.W : nx / p.batch, own_x, false);
  turn(g, p.batch, out_last ? p.groups * p.O : 1, out_last ? h * w : ng / p.batch, own_g, false);
  memset(own_result, 0xFF, n * sizeof(T));
  void *prepared = dxdw_prepare(words, end - words, kernel_of(kernel));
  const int status = dxdw_run(prepared, kind == kForward ? own_x : own_g,
                              kind == kWeightGradient ? own_x : W, nullptr, own_result, nullptr, threads);
  dxdw_forget(prepared);
  if (kind == kForward && out_last)
    turn(own_result, p.batch, p.groups * p.O, h * w, result, true);
  else if (kind == kInputGradient && x_last)
    turn(own_result, p.batch, p.groups * p.C, p.H * p.W, result, true);
  else
    memcpy(result, own_result, n * sizeof(T));
  free(own_x), free(own_g), free(own_result);
  double worst = 0, largest = 1;
  for (int64_t i = 0; i < n; ++i) {
    const double error = double(result[i]) - wanted[i], size = error < 0 ? -error : error;
    if (!(size <= worst)) worst = size;
    if (wanted[i] > largest) largest = wanted[i];
  }
  const double allowed = sums ? 0 : 1e-4 * largest;
  const bool right = status == DXDW_DONE && worst <= allowed;
  if (!right)
    printf("kind %d, %s, %d bytes, %d threads, k %d, stride %d, last %d %d: status %d, error %g\n", kind,
           kernel, int(sizeof(T)), threads, int(p.kH), int(p.stride), x_last, out_last, status, worst);
  free(x), free(W), free(g), free(result), free(wanted);
  return right && (x_last || out_last || same_bits_otherwise<T>(p, kind, kernel));
}

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
  if (dxdw_takes(words, kernel_of(kernel), why, sizeof why)) {
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

// fn(result, first operand, second operand): the elements of each product of the definition.
template <class F>
void each_product(const Problem &p, int kind, const F &fn) {
  const int64_t h = p.out(p.H, p.kH), w = p.out(p.W, p.kW);
  for (int64_t b = 0; b < p.batch; ++b)
    for (int64_t o = 0; o < p.groups * p.O; ++o)
      for (int64_t c = 0; c < p.C; ++c)
        for (int64_t i = 0; i < h; ++i)
          for (int64_t j = 0; j < w; ++j)
            for (int64_t u = 0; u < p.kH; ++u)
              for (int64_t v = 0; v < p.kW; ++v) {
                const int64_t r = i * p.stride + u * p.dilation - p.padding;
                const int64_t q = j * p.stride + v * p.dilation - p.padding;
                if (r < 0 || r >= p.H || q < 0 || q >= p.W) continue;
                const int64_t g = ((b * p.groups * p.O + o) * h + i) * w + j;
                const int64_t x = ((b * p.groups * p.C + o / p.O * p.C + c) * p.H + r) * p.W + q;
                const int64_t W = ((o * p.C + c) * p.kH + u) * p.kW + v;
                if (kind == kForward) fn(g, x, W);
                if (kind == kInputGradient) fn(x, g, W);
                if (kind == kWeightGradient) fn(W, g, x);
              }
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
      (side ? b : a)[(side ? of.second : of.first) / 3] = value;
      float *result = static_cast<float *>(malloc(of.result * sizeof(float)));
      float *wanted = static_cast<float *>(malloc(of.result * sizeof(float)));
      make_plan(p, kind, kFloat32);
      int status[2];
      for (int i = 0; i < 2; ++i) {
        void *prepared = dxdw_prepare(words, end - words, kernel_of(i ? "direct" : kernel));
        status[i] = dxdw_run(prepared, a, b, nullptr, i ? wanted : result, nullptr, threads);
        dxdw_forget(prepared);
      }
      bool same = status[0] == DXDW_DECLINED;
      if (status[0] == DXDW_DONE && status[1] == DXDW_DONE) {
        same = true;
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
  const Problem direct[] = {
      {2, 1, 3, 8, 11, 13, 3, 3, 1, 1, 1},   {1, 1, 1, 1, 4, 4, 2, 2, 1, 1, 0},
      {1, 1, 1, 1, 40, 37, 7, 5, 1, 1, 2},   {2, 1, 17, 24, 9, 10, 3, 3, 2, 1, 1},
      {1, 1, 5, 70, 12, 9, 1, 1, 1, 1, 0},   {2, 1, 40, 33, 7, 7, 1, 1, 3, 1, 0},
      {2, 6, 1, 1, 15, 14, 3, 3, 1, 1, 1},   {1, 3, 2, 2, 15, 14, 3, 3, 2, 1, 1},
      {1, 1, 4, 64, 20, 21, 5, 5, 1, 1, 2},  {1, 1, 3, 2, 19, 23, 3, 4, 1, 2, 2},
      {2, 5, 1, 1, 21, 35, 3, 3, 2, 1, 1},   {1, 3, 1, 2, 14, 40, 5, 5, 1, 1, 2},
      {1, 2, 3, 1, 33, 18, 7, 4, 2, 1, 3},   {3, 2, 1, 1, 9, 70, 3, 3, 1, 2, 2},
      {1, 1, 2, 1, 90, 95, 3, 29, 1, 3, 2},  {1, 1, 20, 3, 30, 70, 3, 3, 1, 1, 1},  {1, 2, 3, 5, 12, 12, 2, 2, 5, 1, 1},
  };
  const Problem winograd[] = {
      {2, 1, 16, 16, 9, 14, 3, 3, 1, 1, 1},
      {1, 1, 33, 70, 12, 8, 3, 3, 1, 1, 0},
      {3, 1, 64, 130, 7, 7, 3, 3, 1, 1, 1},
      {2, 1, 16, 18, 13, 17, 3, 3, 1, 2, 2},
      {1, 1, 33, 20, 11, 9, 5, 5, 1, 1, 2},
      {1, 1, 16, 17, 15, 16, 5, 5, 1, 2, 3},
      {1, 3, 16, 20, 10, 11, 3, 3, 1, 1, 1},
  };
  // By blocks of bfloat16, where there is what multiplies them: small integers are exact in one part.
  const Problem blocks[] = {
      {2, 1, 32, 32, 9, 10, 3, 3, 1, 1, 1},  {1, 1, 40, 70, 14, 14, 3, 3, 1, 1, 1},
      {3, 1, 64, 33, 8, 7, 1, 1, 1, 1, 0},   {1, 2, 32, 48, 15, 16, 3, 3, 2, 1, 1},
      {2, 1, 17, 31, 13, 17, 5, 4, 1, 2, 3}, {1, 1, 64, 32, 12, 12, 2, 2, 3, 1, 0},
      {1, 3, 30, 32, 16, 11, 3, 3, 1, 1, 0}, {1, 1, 96, 64, 20, 33, 7, 1, 2, 1, 2},
      {2, 1, 3, 32, 17, 30, 3, 3, 1, 1, 1},  {1, 2, 5, 20, 15, 21, 5, 5, 2, 1, 2},
  };
  put_end();
  int in_blocks = 0, wrong = dxdw_prepare(words, 22, 0) != nullptr;  // of a version that there is not
  for (int kind = kForward; kind <= kInputGradient; ++kind)
    for (int threads = 1; threads <= 3; threads += 2) {
      for (const Problem &p : direct)
        for (const char *kernel : kSums)
          for (int last = 0; last < 4; ++last)
            wrong += !check<float>(p, kind, kernel, threads, last & 1, last & 2) +
                     !check<double>(p, kind, kernel, threads, last & 1, last & 2);
      for (const Problem &p : winograd)
        for (int last = 0; last < 4; ++last)
          wrong += !check<float>(p, kind, "winograd", threads, last & 1, last & 2) +
                   !check<double>(p, kind, "winograd", threads, last & 1, last & 2);
      for (const Problem &p : blocks)
        for (const char *kernel : {"bfloat16x2", "bfloat16x3"}) {
          if (!there(p, kind, kernel, kFloat32)) continue;
          ++in_blocks;
          for (int last = 0; last < 4; ++last)
            wrong += !check<float>(p, kind, kernel, threads, last & 1, last & 2);
          wrong += !check_precise(p, kind, kernel, threads);
          if (threads > 1) wrong += !check_left_out(p, kind, kernel, threads);
        }
    }
  for (int kind = kForward; kind <= kInputGradient; ++kind)
    for (int dtype : {kBfloat16, kFloat16})
      for (bool last : {false, true})
        for (bool wide_dW : {false, true}) {
          if (wide_dW && kind != kWeightGradient) continue;
          for (const Problem &p : direct)
            for (const char *kernel : kSums) wrong += !check_narrow(p, kind, kernel, dtype, last, wide_dW);
          for (const Problem &p : winograd) wrong += !check_narrow(p, kind, "winograd", dtype, last, wide_dW);
        }
  for (int kind = kForward; kind <= kInputGradient; ++kind)
    for (const Problem &p : blocks)
      if (there(p, kind, "bfloat16", kBfloat16))
        for (bool last : {false, true}) {
          ++in_blocks;
          wrong += !check_blocks_of_bfloat16(p, kind, last, kind == kWeightGradient);
        }
  printf("%s: %d wrong, %d problems in blocks of bfloat16\n", dxdw_isa(), wrong, in_blocks);
  const bool tiles = strncmp(dxdw_isa(), "amx", 3) == 0;
  if (tiles) wrong += in_blocks < 130;
  return wrong != 0;
}
