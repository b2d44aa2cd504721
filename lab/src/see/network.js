/**
 * The network of problem 06, forward, and the gradients of its loss −log p[target] back to x:
 *
 *     x → conv → relu → pool → scores = flat(pool) @ W_fc → p
 */
import { backward, forward } from "./convolution.js";
import { NdArray } from "./ndarray.js";
import { pooled, windows, winner } from "./windows.js";

export const POOL = 2;

/** Every array of the forward pass, by its name. */
export function passed({ x, W_conv, W_fc }) {
  const conv = forward(x, W_conv);
  const relu = NdArray.filled(conv.shape, (place) => Math.max(conv.data[place], 0));
  const pool = pooled(relu, POOL, POOL);
  const classes = W_fc.shape[1];
  const scores = NdArray.filled([classes, 1], (k) =>
    pool.data.reduce((sum, value, place) => sum + value * W_fc.at(place, k), 0),
  );
  const most = Math.max(...scores.data);
  const powers = scores.data.map((score) => Math.exp(score - most));
  const sum = powers.reduce((all, power) => all + power, 0);
  const p = NdArray.filled([classes, 1], (k) => powers[k] / sum);
  return { conv, relu, pool, scores, p };
}

/** The gradients, by the names of what they are of with a d before it. */
export function returned({ x, W_conv, W_fc }, { conv, relu, pool, p }, target) {
  const dscores = NdArray.filled(p.shape, (k) => p.data[k] - (k === target ? 1 : 0));
  const dW_fc = NdArray.filled(W_fc.shape, (place) => {
    const [row, k] = W_fc.index(place);
    return pool.data[row] * dscores.data[k];
  });
  const dpool = NdArray.filled(pool.shape, (row) =>
    dscores.data.reduce((sum, value, k) => sum + value * W_fc.at(row, k), 0),
  );
  const drelu = new NdArray(relu.shape);
  for (const [place, at] of winners(relu).entries()) drelu.data[at] += dpool.data[place];
  const dconv = NdArray.filled(conv.shape, (place) => (conv.data[place] > 0 ? drelu.data[place] : 0));
  const { dx, dW: dW_conv } = backward(dconv, x, W_conv);
  return { dscores, dW_fc, dpool, drelu, dconv, dW_conv, dx };
}

/** Of every element of the pool the place in relu that it came from. */
export function winners(relu) {
  const all = windows(relu.shape.slice(1), [POOL, POOL], POOL);
  return Array.from({ length: relu.shape[0] }, (_, c) =>
    all.map((window) => relu.place([c, ...winner(relu, c, window, POOL)])),
  ).flat();
}
