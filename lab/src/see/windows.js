/** Windows that slide over an image: of a convolution with padding and stride, and of pooling. */
import { NdArray } from "./ndarray.js";

/** The windows of kH × kW at a stride that lie wholly in H × W: `[{ i, j, top, left }]`. */
export function windows([H, W], [kH, kW], stride) {
  const count = (size, k) => Math.max(0, Math.floor((size - k) / stride) + 1);
  const [outH, outW] = [count(H, kH), count(W, kW)];
  return Array.from({ length: outH * outW }, (_, n) => {
    const [i, j] = [Math.floor(n / outW), n % outW];
    return { i, j, top: i * stride, left: j * stride };
  });
}

/** How many windows there are, down and across. */
export function counts(size, kernel, stride) {
  const all = windows(size, kernel, stride);
  const last = all.at(-1);
  return last ? [last.i + 1, last.j + 1] : [0, 0];
}

/** x with a frame of zeros. */
export function framed(x, padding) {
  const [C, H, W] = x.shape;
  const shape = [C, H + 2 * padding, W + 2 * padding];
  return NdArray.filled(shape, (place) => {
    const [c, h, w] = new NdArray(shape, []).index(place);
    const [row, column] = [h - padding, w - padding];
    return row >= 0 && row < H && column >= 0 && column < W ? x.at(c, row, column) : 0;
  });
}

/** The pixels of a window, `[[h, w], …]`, row by row. */
export function pixels({ top, left }, [kH, kW]) {
  return Array.from({ length: kH * kW }, (_, n) => [top + Math.floor(n / kW), left + (n % kW)]);
}

/** The sum of a kernel's products with the window of an image, over all channels: `[{ c, u, v, h, w, value }]`. */
export function products(image, W, o, window) {
  const [, C, kH, kW] = W.shape;
  const found = [];
  for (let c = 0; c < C; c++) {
    for (const [n, [h, w]] of pixels(window, [kH, kW]).entries()) {
      const [u, v] = [Math.floor(n / kW), n % kW];
      found.push({ c, u, v, h, w, value: image.at(c, h, w) * W.at(o, c, u, v) });
    }
  }
  return found;
}

/** The convolution of problem 02. */
export function convolved(x, W, padding, stride) {
  const image = framed(x, padding);
  const [outH, outW] = counts(image.shape.slice(1), W.shape.slice(2), stride);
  const all = windows(image.shape.slice(1), W.shape.slice(2), stride);
  return NdArray.filled([W.shape[0], outH, outW], (place) => {
    const o = Math.floor(place / all.length);
    return products(image, W, o, all[place % all.length]).reduce((sum, { value }) => sum + value, 0);
  });
}

/** Of a window of one channel the largest pixel, the first of them where several are: `[h, w]`. */
export function winner(x, c, window, k) {
  const value = ([h, w]) => x.at(c, h, w);
  return pixels(window, [k, k]).reduce((best, at) => (value(at) > value(best) ? at : best));
}

/** The max-pooling of problem 03. */
export function pooled(x, k, stride) {
  const size = x.shape.slice(1);
  const all = windows(size, [k, k], stride);
  return NdArray.filled([x.shape[0], ...counts(size, [k, k], stride)], (place) => {
    const c = Math.floor(place / all.length);
    return x.at(c, ...winner(x, c, all[place % all.length], k));
  });
}
