/**
 * The convolution of the pictures, as loops: stride 1, no padding, cross-correlation.
 *
 *     out[o,i,j]  = Σ_{c,u,v} x[c,i+u,j+v] · W[o,c,u,v]
 *     dW[o,c,u,v] = Σ_{i,j}   G[o,i,j] · x[c,i+u,j+v]
 *     dx[c,h,w]   = Σ_{o,u,v} G[o,h−u,w−v] · W[o,c,u,v]
 *
 * It is here so that there is something to see before Python has loaded; what is right and what is
 * wrong with a learner's code, Python says. The tests hold it against Python's numbers.
 */
import { NdArray } from "./ndarray.js";

/** The shape of out, and of G. */
export function outShape(x, W) {
  const [C_out, , kH, kW] = W.shape;
  return [C_out, x.shape[1] - kH + 1, x.shape[2] - kW + 1];
}

/** The output cells (o,i,j) in the order of the loop. */
export function cells([C_out, outH, outW]) {
  const found = [];
  for (let o = 0; o < C_out; o++) {
    for (let i = 0; i < outH; i++) {
      for (let j = 0; j < outW; j++) found.push([o, i, j]);
    }
  }
  return found;
}

/** Every (c,u,v) of an output cell: where W and x are met, by their places in the arrays. */
function* taps([o, i, j], x, W) {
  const [, C_in, kH, kW] = W.shape;
  const [, H, width] = x.shape;
  for (let c = 0; c < C_in; c++) {
    for (let u = 0; u < kH; u++) {
      for (let v = 0; v < kW; v++) {
        yield { w: ((o * C_in + c) * kH + u) * kW + v, at: (c * H + i + u) * width + j + v };
      }
    }
  }
}

/** `round` is applied after every operation: Math.fround makes it float32. */
export function forward(x, W, round = Number) {
  const shape = outShape(x, W);
  const out = new NdArray(shape);
  cells(shape).forEach((cell, place) => {
    let sum = 0;
    for (const { w, at } of taps(cell, x, W)) sum = round(sum + round(x.data[at] * W.data[w]));
    out.data[place] = sum;
  });
  return out;
}

/** dx and dW after the contributions of some output cells; of all of them, unless told which. */
export function backward(G, x, W, which = cells(G.shape)) {
  const dx = new NdArray(x.shape);
  const dW = new NdArray(W.shape);
  for (const cell of which) {
    const g = G.at(...cell);
    for (const { w, at } of taps(cell, x, W)) {
      dW.data[w] += g * x.data[at];
      dx.data[at] += g * W.data[w];
    }
  }
  return { dx, dW };
}

/**
 * The products in which an element takes part: `array` is "G", "x", "W", "dx" or "dW".
 *
 * Each is { cell, places }: the output cell (o,i,j), and where in each array the product reads or goes.
 */
export function terms(array, index, G, x, W) {
  const here = { G, x, W, dx: x, dW: W }[array].place(index);
  const found = [];
  cells(G.shape).forEach((cell, g) => {
    for (const { w, at } of taps(cell, x, W)) {
      const places = { G: g, x: at, dx: at, W: w, dW: w };
      if (places[array] === here) found.push({ cell, places });
    }
  });
  return found;
}
