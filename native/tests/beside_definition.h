// A kernel beside loops written from the definition, on integers; and its bits beside its own, otherwise.
#pragma once
#include "kernels.h"
#include "machine/tuning.h"

namespace {

// The bits of fractions, which a sum in another order would round otherwise: with other caches and threads, and of
// arrays whose channels lie last.
template <class T>
bool same_bits_otherwise(const Problem &p, int kind, const char *kernel) {
  const int64_t h = p.rows(), w = p.columns();
  const int64_t nx = p.elements_of_x(), nW = p.elements_of_W(), ng = p.elements_of_out();
  const int64_t n = kind == kForward ? ng : kind == kInputGradient ? nx : nW;
  T *x = integers<T>(nx, 1), *W = integers<T>(nW, 2), *g = integers<T>(ng, 3);
  for (int64_t i = 0; i < nx; ++i) x[i] /= T(3);
  for (int64_t i = 0; i < nW; ++i) W[i] /= T(7);
  for (int64_t i = 0; i < ng; ++i) g[i] /= T(5);
  const dxdw::Tuning own = dxdw::tuning();
  // (With the smallest, Winograd transforms a part of the images and of the weights at a time.)
  const int64_t caches[4][3] = {{own.l1, own.l2, own.l3},
                                {16 << 10, 128 << 10, 1 << 20},
                                {64 << 10, 4 << 20, 16 << 20},
                                {16 << 10, 32 << 10, 64 << 10}};
  T *results[4];
  bool same = true;
  for (int i = 0; i < 4; ++i) {
    dxdw::pretend(caches[i][0], caches[i][1], caches[i][2]);
    void *prepared = dxdw_prepare(words, end - words, kernel_of(kernel));
    results[i] = static_cast<T *>(calloc(n, sizeof(T)));
    dxdw_run(prepared, kind == kForward ? x : g, kind == kWeightGradient ? x : W, nullptr, results[i],
             nullptr, 1 + i);
    dxdw_forget(prepared);
    same = same && memcmp(results[0], results[i], n * sizeof(T)) == 0;
  }
  dxdw::pretend(own.l1, own.l2, own.l3);
  if (!same) printf("kind %d, %s: other bits with other caches or threads\n", kind, kernel);
  T *lx = integers<T>(nx, 1), *lg = integers<T>(ng, 3);
  turn(x, p.batch, p.groups * p.C, p.H * p.W, lx, false);
  turn(g, p.batch, p.groups * p.O, h * w, lg, false);
  make_plan(p, kind, sizeof(T) == 8, true, true);
  char why[256];
  if (dxdw_takes(words, kernel_of(kernel), why, sizeof why)) {
    for (int i = 1; i < 3; ++i) {
      dxdw::pretend(caches[i][0], caches[i][1], caches[i][2]);
      void *prepared = dxdw_prepare(words, end - words, kernel_of(kernel));
      dxdw_run(prepared, kind == kForward ? lx : lg, kind == kWeightGradient ? lx : W, nullptr, results[i],
               nullptr, 1 + i);
      dxdw_forget(prepared);
    }
    dxdw::pretend(own.l1, own.l2, own.l3);
    bool alike = memcmp(results[1], results[2], n * sizeof(T)) == 0;
    if (kind == kForward) turn(results[1], p.batch, p.groups * p.O, h * w, results[2], true);
    if (kind == kInputGradient) turn(results[1], p.batch, p.groups * p.C, p.H * p.W, results[2], true);
    // (dW of pixels is summed pixel by pixel, where planes are by vectors of columns.)
    const bool own_sums = kind == kWeightGradient && strcmp(kernel, "depthwise") == 0;
    alike = alike && (own_sums || memcmp(results[0], results[2], n * sizeof(T)) == 0);
    if (!alike) printf("kind %d, %s: other bits with channels last\n", kind, kernel);
    same = same && alike;
  }
  free(x), free(W), free(g), free(lx), free(lg);
  for (T *result : results) free(result);
  return same;
}

// fn(result, first operand, second operand): the elements of each product of the definition.
template <class F>
void each_product(const Problem &p, int kind, const F &fn) {
  const int64_t h = p.rows(), w = p.columns();
  for (int64_t b = 0; b < p.batch; ++b)
    for (int64_t o = 0; o < p.groups * p.O; ++o)
      for (int64_t c = 0; c < p.C; ++c)
        for (int64_t i = 0; i < h; ++i)
          for (int64_t j = 0; j < w; ++j)
            for (int64_t u = 0; u < p.kH; ++u)
              for (int64_t v = 0; v < p.kW; ++v) {
                const int64_t r = i * p.stride + u * p.dilation - p.padding;
                const int64_t q = j * p.across() + v * p.dilation - p.padding;
                if (r < 0 || r >= p.H || q < 0 || q >= p.W) continue;
                const int64_t g = ((b * p.groups * p.O + o) * h + i) * w + j;
                const int64_t x = ((b * p.groups * p.C + o / p.O * p.C + c) * p.H + r) * p.W + q;
                const int64_t W = ((o * p.C + c) * p.kH + u) * p.kW + v;
                if (kind == kForward) fn(g, x, W);
                if (kind == kInputGradient) fn(x, g, W);
                if (kind == kWeightGradient) fn(W, g, x);
              }
}

template <class T>
bool check(const Problem &p, int kind, const char *kernel, int threads, bool x_last = false,
           bool out_last = false) {
  const int64_t nx = p.elements_of_x(), nW = p.elements_of_W(), ng = p.elements_of_out();
  const int64_t positions = p.rows() * p.columns();
  T *x = integers<T>(nx, 1), *W = integers<T>(nW, 2), *g = integers<T>(ng, 3);
  const int64_t n = kind == kForward ? ng : kind == kInputGradient ? nx : nW;
  T *result = static_cast<T *>(malloc(n * sizeof(T)));
  double *wanted = static_cast<double *>(calloc(n, sizeof(double)));
  memset(result, 0xFF, n * sizeof(T));
  const T *first = kind == kForward ? x : g, *second = kind == kWeightGradient ? x : W;
  each_product(p, kind, [&](int64_t r, int64_t i, int64_t j) {
    wanted[r] += double(first[i]) * double(second[j]);
  });
  make_plan(p, kind, sizeof(T) == 8, x_last, out_last);
  char why[256];
  const bool sums = dxdw_kernel_sums(kernel_of(kernel));
  if (sums && !dxdw_takes(words, kernel_of(kernel), why, sizeof why)) {
    free(x), free(W), free(g), free(result), free(wanted);
    return strlen(why) > 0;
  }
  T *own_x = static_cast<T *>(malloc(nx * sizeof(T))), *own_g = static_cast<T *>(malloc(ng * sizeof(T)));
  const Placed<T> placed(n, p.H + p.W + threads);
  T *own_result = placed.values;
  turn(x, p.batch, x_last ? p.groups * p.C : 1, x_last ? p.H * p.W : nx / p.batch, own_x, false);
  turn(g, p.batch, out_last ? p.groups * p.O : 1, out_last ? positions : ng / p.batch, own_g, false);
  void *prepared = dxdw_prepare(words, end - words, kernel_of(kernel));
  dxdw_most_bytes();
  const int status = dxdw_run(prepared, kind == kForward ? own_x : own_g,
                              kind == kWeightGradient ? own_x : W, nullptr, own_result, nullptr, threads);
  const int64_t taken = dxdw_most_bytes(), told = dxdw_workspace(prepared, threads);
  dxdw_forget(prepared);
  if (kind == kForward && out_last)
    turn(own_result, p.batch, p.groups * p.O, positions, result, true);
  else if (kind == kInputGradient && x_last)
    turn(own_result, p.batch, p.groups * p.C, p.H * p.W, result, true);
  else
    memcpy(result, own_result, n * sizeof(T));
  free(own_x), free(own_g);
  double worst = 0, largest = 1;
  for (int64_t i = 0; i < n; ++i) {
    const double error = double(result[i]) - wanted[i], size = error < 0 ? -error : error;
    if (!(size <= worst)) worst = size;
    if (wanted[i] > largest) largest = wanted[i];
  }
  const double allowed = sums ? 0 : 1e-4 * largest;
  // What is told of scratch memory holds, but for what each array in it begins on a line of its own for.
  const bool right =
      status == DXDW_DONE && worst <= allowed && taken <= told + 1024 && placed.alone();
  if (!right)
    printf("batch %d, %d × %d channels to %d, %d×%d, k %d, stride %d %d, kind %d, %s, %d bytes, %d threads, "
           "last %d %d: status %d, error %g, %lld bytes of scratch, told %lld\n",
           int(p.batch), int(p.groups), int(p.C), int(p.O), int(p.H), int(p.W), int(p.kH), int(p.stride),
           int(p.across()), kind, kernel, int(sizeof(T)), threads, x_last, out_last, status, worst, static_cast<long long>(taken),
           static_cast<long long>(told));
  free(x), free(W), free(g), free(result), free(wanted);
  return right && (x_last || out_last || same_bits_otherwise<T>(p, kind, kernel));
}

}  // namespace
