/**
 * What belongs to an element: the elements it is multiplied with, and where the products go.
 *
 * Of an output cell that is its patch of x, its kernel, and what it adds to dx and dW. Of a pixel of
 * dx, a weight of dW, or an element of out, every product in its sum. Of an element of x or W, every
 * product it is in.
 */
import { terms } from "./convolution.js";
import { factor, shown, signed } from "./numbers.js";

const MOST_NUMBERED = 99; // two digits fit into a cell

/** In the products of an element of one array, what the other arrays are, in either pass. */
const ROLES = {
  backward: {
    G: { x: "with", W: "with", dx: "into", dW: "into" },
    x: { G: "with", dW: "into" },
    W: { G: "with", dx: "into" },
    dx: { G: "with", W: "with" },
    dW: { G: "with", x: "with" },
  },
  forward: {
    x: { W: "with", out: "into" },
    W: { x: "with", out: "into" },
    out: { x: "with", W: "with" },
  },
};

/** The sums: of which factors, by which law, and what there is a product for. */
const SUMS = {
  dx: {
    factors: ["G", "W"],
    law: ([c, h, w]) => `Σ G[o, ${h}−u, ${w}−v] · W[o, ${c}, u, v]`,
    each: "each output that saw this pixel",
  },
  dW: {
    factors: ["G", "x"],
    law: ([o, c, u, v]) => `Σ G[${o}, i, j] · x[${c}, i+${u}, j+${v}]`,
    each: "each position of the kernel",
  },
  out: {
    factors: ["x", "W"],
    law: ([o, i, j]) => `Σ x[c, ${i}+u, ${j}+v] · W[${o}, c, u, v]`,
    each: "each weight of the kernel",
  },
};

/** `array[index]` as code has it. */
export const element = (array, index) => `${array}[${index.join(",")}]`;

/**
 * The marks of every array of a pass, each a map of places to `{ role, note }`. A role is "here",
 * "with" or "into"; a note is what is added, or a number that stands at both factors of a product.
 */
export function marks({ array, index }, arrays, pass) {
  const roles = ROLES[pass];
  const found = Object.fromEntries(Object.keys(roles).map((name) => [name, new Map()]));
  const { G, x, W } = arrays;
  const all = terms(array, index, G, x, W);
  const numbered = array !== "G" && all.length <= MOST_NUMBERED;
  all.forEach(({ places }, n) => {
    const g = G.data[places.G];
    const added = { dx: g * W.data[places.W], dW: g * x.data[places.x] };
    for (const [other, role] of Object.entries(roles[array])) {
      const adds = array === "G" && role === "into";
      const note = adds ? signed(added[other]) : numbered ? String(n + 1) : "";
      found[other].set(places[other], { role, note });
    }
  });
  found[array].set(alike(array, arrays).place(index), { role: "here", note: "" });
  return found;
}

/** The given array of the same shape. */
export const alike = (array, { G, x, W }) => ({ G, out: G, x, dx: x, W, dW: W })[array];

/**
 * What there is to say of an element: `{ title, text, code, sum }`.
 *
 * `sum`, of dx, dW and out, has the products in the order of the walk, each `later` where `done(cell)`
 * says that the walk has not come to it.
 */
export function words({ array, index }, arrays, pass, done = () => true) {
  if (array in SUMS) return ofSum(array, index, arrays, done);
  return array === "G" ? ofOutput(index, arrays) : ofInput(array, index, arrays, pass);
}

function ofOutput([o, i, j], { G, W }) {
  const [, , kH, kW] = W.shape;
  const g = factor(G.at(o, i, j));
  const window = `[:, ${i}:${i + kH}, ${j}:${j + kW}]`;
  return {
    title: `g = ${element("G", [o, i, j])} = ${shown(G.at(o, i, j))}`,
    text: "This output was the dot product of one patch of x with one kernel. Its gradient flows back to exactly these two.",
    code: [`dW[${o}] += ${g} · x${window}`, `dx${window} += ${g} · W[${o}]`],
    sum: null,
  };
}

function ofSum(array, index, arrays, done) {
  const { factors, law, each } = SUMS[array];
  const { G, x, W } = arrays;
  const products = terms(array, index, G, x, W).map(({ cell, places }) => {
    const values = factors.map((name) => arrays[name].data[places[name]]);
    return {
      names: factors.map((name) => element(name, arrays[name].index(places[name]))).join("·"),
      numbers: values.map(factor).join("·"),
      value: values[0] * values[1],
      later: !done(cell),
    };
  });
  const reached = products.filter(({ later }) => !later);
  const come = reached.length < products.length ? `; the walk has come to ${reached.length}` : "";
  return {
    title: `${element(array, index)} = ${law(index)}`,
    text: `${counted(products.length)}, one for ${each}${come}.`,
    code: [],
    sum: {
      products,
      value: reached.reduce((sum, { value }) => sum + value, 0),
      complete: reached.length === products.length,
    },
  };
}

function ofInput(array, index, arrays, pass) {
  const { G, x, W } = arrays;
  const all = counted(terms(array, index, G, x, W).length);
  const read = array === "x" ? "read this pixel" : "read this weight, at every position of the kernel";
  const back = `; through them the gradients of these outputs reach d${array === "x" ? "W" : "x"}`;
  return {
    title: `${element(array, index)} = ${shown(arrays[array].at(...index))}`,
    text: `${all} of the forward pass ${read}${pass === "backward" ? back : ""}.`,
    code: [],
    sum: null,
  };
}

const counted = (number) => (number === 1 ? "One product" : `${number} products`);
