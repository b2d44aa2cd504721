/**
 * Finite differences of a loss with respect to x and W, in float64 or float32, and how far they are
 * off the exact gradient.
 *
 *     dx[c,h,w] ≈ (L(x + ε) − L(x − ε)) / 2ε
 *
 * The linear loss is Σ G·out, as in the problem's tests: linear in every element, so that a
 * difference of any step is exact but for rounding. The curved one is Σ G·exp(out/s), with s the
 * largest |out|: there a large step errs by the loss's third derivative.
 */
import { backward, forward } from "./convolution.js";
import { NdArray } from "./ndarray.js";

export const PRECISIONS = { float64: Number, float32: Math.fround };
export const LOSSES = { linear: "Σ G·out", curved: "Σ G·exp(out/s)" };

const scale = (out) => out.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;

/** A loss as a function of out, in a precision. */
function lossOf(name, G, s, round) {
  const value = name === "linear" ? (out) => out : (out) => round(Math.exp(round(out / s)));
  return (out) => G.data.reduce((sum, g, place) => round(sum + round(round(g) * value(out.data[place]))), 0);
}

/** The exact gradients, in float64. */
export function exact(name, { G, x, W }) {
  if (name === "linear") return backward(G, x, W);
  const out = forward(x, W);
  const s = scale(out);
  const grad = NdArray.filled(G.shape, (place) => (G.data[place] * Math.exp(out.data[place] / s)) / s);
  return backward(grad, x, W);
}

/** A problem to take differences of, so that many steps share what is the same in all. */
export class Differences {
  #arrays;
  #round;
  #loss;
  #exact;

  constructor(loss, precision, { G, x, W }) {
    this.#round = PRECISIONS[precision];
    const rounded = (array) => NdArray.filled(array.shape, (place) => this.#round(array.data[place]));
    this.#arrays = { x: rounded(x), W: rounded(W) };
    this.#loss = lossOf(loss, G, scale(forward(x, W)), this.#round);
    this.#exact = exact(loss, { G, x, W });
  }

  /** The largest error over dx and dW, and at which element. */
  at(step) {
    let worst = { error: -1 };
    for (const name of ["x", "W"]) {
      const gradient = this.#exact[`d${name}`];
      for (let place = 0; place < gradient.size; place++) {
        const difference = this.#difference(name, place, step);
        const wanted = gradient.data[place];
        const error = Math.abs(difference - wanted);
        if (!(error <= worst.error))
          worst = { error, difference, exact: wanted, array: `d${name}`, index: gradient.index(place) };
      }
    }
    return worst;
  }

  #difference(name, place, step) {
    const round = this.#round;
    const { data } = this.#arrays[name];
    const kept = data[place];
    const at = (value) => {
      data[place] = round(value);
      const loss = this.#loss(forward(this.#arrays.x, this.#arrays.W, null, round));
      data[place] = kept;
      return loss;
    };
    return round(round(at(kept + step) - at(kept - step)) / round(2 * step));
  }
}
