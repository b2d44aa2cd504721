/**
 * What belongs to an element: the elements it is multiplied with, and where the products go.
 *
 * Of an output cell that is its patch of x, its kernel, and what it adds to dx and dW. Of a pixel of
 * dx, or a weight of dW, every product in its sum. Of an element of x or W, every product it is in.
 */
import { terms } from "./convolution.js";
import { factor, shown, signed } from "./numbers.js";

const MOST_NUMBERED = 99; // two digits fit into a cell

/** In the products of an element of one array, what the other arrays are. */
const ROLES = {
  G: { x: "with", W: "with", dx: "into", dW: "into" },
  x: { G: "with", dW: "into" },
  W: { G: "with", dx: "into" },
  dx: { G: "with", W: "with" },
  dW: { G: "with", x: "with" },
};

/** `array[index]` as code has it. */
export const element = (array, index) => `${array}[${index.join(",")}]`;

/**
 * The marks of every array, each a map of places to `{ role, note }`. A role is "here", "with" or
 * "into"; a note is what is added, or a number that stands at both factors of a product.
 */
export function marks({ array, index }, { G, x, W }) {
  const found = { G: new Map(), x: new Map(), W: new Map(), dx: new Map(), dW: new Map() };
  const all = terms(array, index, G, x, W);
  const numbered = array !== "G" && all.length <= MOST_NUMBERED;
  all.forEach(({ places }, n) => {
    const g = G.data[places.G];
    const added = { dx: g * W.data[places.W], dW: g * x.data[places.x] };
    for (const [other, role] of Object.entries(ROLES[array])) {
      const adds = array === "G" && role === "into";
      const note = adds ? signed(added[other]) : numbered ? String(n + 1) : "";
      found[other].set(places[other], { role, note });
    }
  });
  const of = { G, x, W, dx: x, dW: W }[array];
  found[array].set(of.place(index), { role: "here", note: "" });
  return found;
}

/**
 * What there is to say of an element: `{ title, text, code, sum }`.
 *
 * `sum`, of dx and dW, has the products in the order of the walk, each `later` where `done(cell)` says
 * that the walk has not come to it.
 */
export function words({ array, index }, arrays, done = () => true) {
  if (array === "G") return ofOutput(index, arrays);
  if (array === "dx" || array === "dW") return ofGradient(array, index, arrays, done);
  return ofInput(array, index, arrays);
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

function ofGradient(array, index, { G, x, W }, done) {
  const other = array === "dx" ? "W" : "x";
  const factors = { W, x }[other];
  const products = terms(array, index, G, x, W).map(({ cell, places }) => {
    const g = G.data[places.G];
    const value = factors.data[places[other]];
    return {
      names: `${element("G", cell)}·${element(other, factors.index(places[other]))}`,
      numbers: `${factor(g)}·${factor(value)}`,
      value: g * value,
      later: !done(cell),
    };
  });
  const total = (some) => some.reduce((sum, { value }) => sum + value, 0);
  const reached = products.filter(({ later }) => !later);
  const [a, b, c, d] = index;
  const law = array === "dx" ? `Σ G[o, ${b}−u, ${c}−v] · W[o, ${a}, u, v]` : `Σ G[${a}, i, j] · x[${b}, i+${c}, j+${d}]`;
  const each = array === "dx" ? "each output that saw this pixel" : "each position of the kernel";
  return {
    title: `${element(array, index)} = ${law}`,
    text: `${products.length === 1 ? "One product" : `${products.length} products`}, one for ${each}${reached.length < products.length ? `; the walk has come to ${reached.length}` : ""}.`,
    code: [],
    sum: { products, value: total(reached), complete: reached.length === products.length },
  };
}

function ofInput(array, index, { G, x, W }) {
  const count = terms(array, index, G, x, W).length;
  const products = count === 1 ? "One product" : `${count} products`;
  return {
    title: `${element(array, index)} = ${shown({ x, W }[array].at(...index))}`,
    text:
      array === "x"
        ? `${products} of the forward pass read this pixel; through them the gradients of as many outputs reach dW.`
        : `${products} of the forward pass read this weight, at every position of the kernel; through them the gradients of all these outputs reach dx.`,
    code: [],
    sum: null,
  };
}
