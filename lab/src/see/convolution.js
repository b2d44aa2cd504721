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

let planned = { key: "", products: [] };

/**
 * Of every output cell, in the order of the loop, its products by the places in W and in x, in the
 * order (c,u,v). Those of the latest shapes are kept: finite differences ask ten thousand times.
 */
function products(x, W) {
  const key = `${x.shape}|${W.shape}`;
  if (planned.key === key) return planned.products;
  const [, C_in, kH, kW] = W.shape;
  const [, H, width] = x.shape;
  const found = cells(outShape(x, W)).map(([o, i, j]) => {
    const pairs = { w: [], at: [] };
    for (let c = 0; c < C_in; c++) {
      for (let u = 0; u < kH; u++) {
        for (let v = 0; v < kW; v++) {
          pairs.w.push(((o * C_in + c) * kH + u) * kW + v);
          pairs.at.push((c * H + i + u) * width + j + v);
        }
      }
    }
    return pairs;
  });
  planned = { key, products: found };
  return found;
}

/**
 * out, or of it some cells, 0 elsewhere. `round` is applied after every operation: Math.fround makes it
 * float32.
 */
export function forward(x, W, which = null, round = Number) {
  const out = new NdArray(outShape(x, W));
  const all = products(x, W);
  for (const place of which?.map((cell) => out.place(cell)) ?? all.keys()) {
    const { w, at } = all[place];
    let sum = 0;
    for (let n = 0; n < w.length; n++) sum = round(sum + round(x.data[at[n]] * W.data[w[n]]));
    out.data[place] = sum;
  }
  return out;
}

/** dx and dW after the contributions of some output cells; of all of them, unless told which. */
export function backward(G, x, W, which = cells(G.shape)) {
  const dx = new NdArray(x.shape);
  const dW = new NdArray(W.shape);
  const all = products(x, W);
  for (const cell of which) {
    const { w, at } = all[G.place(cell)];
    const g = G.at(...cell);
    for (let n = 0; n < w.length; n++) {
      dW.data[w[n]] += g * x.data[at[n]];
      dx.data[at[n]] += g * W.data[w[n]];
    }
  }
  return { dx, dW };
}

/**
 * The products in which an element takes part: `array` is "G", "x", "W", "dx", "dW" or "out".
 *
 * Each is { cell, places }: the output cell (o,i,j), and where in each array the product reads or goes.
 */
export function terms(array, index, G, x, W) {
  const here = { G, out: G, x, dx: x, W, dW: W }[array].place(index);
  const all = products(x, W);
  return cells(G.shape).flatMap((cell, g) => {
    const { w: taps, at: pixels } = all[g];
    const every = taps.map((w, n) => ({ G: g, out: g, x: pixels[n], dx: pixels[n], W: w, dW: w }));
    return every.filter((places) => places[array] === here).map((places) => ({ cell, places }));
  });
}
