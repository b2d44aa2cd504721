// Convolutions for tests, and their plans: written as Python's native_plan.py does it.
#pragma once
#include <stdint.h>

#include <initializer_list>

#include "api/dxdw.h"

namespace {

enum { kForward, kWeightGradient, kInputGradient };
enum { kFloat32, kFloat64, kBfloat16, kFloat16 };

struct Problem {
  int64_t batch, groups, C, O, H, W, kH, kW, stride, dilation, padding;  // C, O: of a group
  int64_t stride_across = 0;  // of columns, where it is not the rows'

  int64_t across() const { return stride_across ? stride_across : stride; }
  int64_t rows() const { return out(H, kH, stride); }
  int64_t columns() const { return out(W, kW, across()); }
  int64_t out(int64_t size, int64_t taps, int64_t step) const {
    return (size + 2 * padding - (taps - 1) * dilation - 1) / step + 1;
  }
  int64_t elements_of_x() const { return batch * groups * C * H * W; }
  int64_t elements_of_W() const { return groups * O * C * kH * kW; }
  int64_t elements_of_out() const { return batch * groups * O * rows() * columns(); }
};

int64_t words[8192];  // 25 phases of a stride of 5 take 1,100
int64_t *end;

void put(int64_t value) { *end++ = value; }

inline void put_end() {
  end = words;
  put(dxdw_plan_version() + 1);
}

int64_t floor_divide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// One axis of one phase, as geometry.py lays it out: forward, or the phase of dx.
void put_axis(const Problem &p, int64_t size, int64_t taps, int64_t step, int64_t phase, bool forward) {
  if (forward) {
    for (int64_t v : {p.out(size, taps, step), int64_t(0), int64_t(1), step, taps}) put(v);
    for (int64_t u = 0; u < taps; ++u) put(u);
    for (int64_t u = 0; u < taps; ++u) put(u * p.dilation - p.padding);
    return;
  }
  int64_t of_phase[32], n = 0;
  for (int64_t u = taps; u-- > 0;) {
    const int64_t at = u * p.dilation - p.padding - phase;
    if (at == floor_divide(at, step) * step) of_phase[n++] = u;
  }
  for (int64_t v : {(size - phase + step - 1) / step, phase, step, int64_t(1), n}) put(v);
  for (int64_t i = 0; i < n; ++i) put(of_phase[i]);
  for (int64_t i = 0; i < n; ++i) put((phase + p.padding - of_phase[i] * p.dilation) / step);
}

bool has_taps(const Problem &p, int64_t size, int64_t taps, int64_t step, int64_t phase) {
  if (phase >= size) return false;
  for (int64_t u = 0; u < taps; ++u) {
    const int64_t at = u * p.dilation - p.padding - phase;
    if (at == floor_divide(at, step) * step) return true;
  }
  return false;
}

// last: whether x's channels, and the output's, lie behind their positions. dtype_of_dW: where it is
// another one.
void make_plan(const Problem &p, int kind, int dtype, bool x_last = false, bool out_last = false,
               int dtype_of_dW = -1) {
  end = words;
  const int64_t taps = p.kH * p.kW, h = p.rows(), w = p.columns();
  const bool dx = kind == kInputGradient;
  if (dtype_of_dW < 0) dtype_of_dW = dtype;
  for (int64_t v : {dxdw_plan_version(), int64_t(kind), int64_t(dtype), int64_t(dtype_of_dW),
                    p.batch, p.groups})
    put(v);
  for (int64_t v : {dx ? p.O : p.C, dx ? p.C : p.O, dx ? p.C * taps : taps,
                    dx ? taps : p.C * taps, taps})
    put(v);
  for (int64_t v : {int64_t(1), dx ? h : p.H, dx ? w : p.W, int64_t(1), dx ? p.H : h,
                    dx ? p.W : w, int64_t(1), p.kH, p.kW})
    put(v);
  for (bool last : {dx ? out_last : x_last, dx ? x_last : out_last}) put(last);
  int64_t *phases = end;
  put(0);
  for (int64_t a = 0; a < (dx ? p.stride : 1); ++a)
    for (int64_t b = 0; b < (dx ? p.across() : 1); ++b) {
      if (dx && !(has_taps(p, p.H, p.kH, p.stride, a) && has_taps(p, p.W, p.kW, p.across(), b))) continue;
      ++*phases;
      for (int64_t v : {1, 0, 1, 1, 1, 0, 0}) put(v);
      put_axis(p, p.H, p.kH, p.stride, a, !dx);
      put_axis(p, p.W, p.kW, p.across(), b, !dx);
    }
}

}  // namespace
