/** The scene of problem 06: data flows through the whole network, and gradients flow back. */
import { NdArray } from "../ndarray.js";
import { POOL, passed, returned, winners } from "../network.js";
import { shown } from "../numbers.js";
import { element } from "../routing.js";
import { arraysMade } from "../trace_arrays.js";

const SEVEN = [
  "........",
  ".######.",
  ".....##.",
  "....##..",
  "....##..",
  "...##...",
  "...##...",
  "........",
];
const ONE = ["...##...", "..###...", "...##...", "...##...", "...##...", "...##...", "..####..", "........"];
const drawn = (rows) => NdArray.filled([1, 8, 8], (place) => (rows[place >> 3][place & 7] === "#" ? 1 : 0));
const EDGES = [1, 0, -1, 2, 0, -2, 1, 0, -1];
const example = (rows) => () => ({
  arrays: {
    x: drawn(rows),
    W_conv: NdArray.filled([1, 1, 3, 3], (place) => EDGES[place]),
    W_fc: NdArray.filled([9, 2], (place) => (((place * 5) % 7) - 3) / 10),
  },
  options: { target: 0 },
});

/** The steps: what each makes, and by which line. */
const STEPS = [
  ["conv", "forward: the convolution", "conv = Σ x[i+u, j+v] · W_conv[u, v]"],
  ["relu", "forward: ReLU", "relu = max(conv, 0)"],
  ["pool", "forward: of every 2×2 the largest", "pool[i, j] = max relu[2i+u, 2j+v]"],
  ["scores", "forward: flatten and multiply", "scores = pool.ravel() @ W_fc"],
  ["p", "forward: softmax", "p = exp(scores) / Σ exp(scores)"],
  ["dscores", "back: through the loss −log p[target] and softmax", "dscores = p − (1 at the target)"],
  [
    "dpool",
    "back: through the matrix, and what it gets itself",
    "dpool = W_fc @ dscores, dW_fc = pool · dscores",
  ],
  ["drelu", "back: to the winner of each window alone", "drelu[winner] = dpool[i, j]"],
  ["dconv", "back: only where ReLU let something pass", "dconv = drelu where conv > 0"],
  ["dx", "back: to the image and to the kernel", "dx, dW_conv = conv2d_backward(dconv, x, W_conv)"],
].map(([name, title, code]) => ({ stage: name, name: title, code }));
const WITH = { dW_fc: "dpool", dW_conv: "dx" }; // come in the same step as another

const stage = (name) => STEPS.find((step) => step.stage === (WITH[name] ?? name));
const heat = (name, more = {}) => ({ name, title: "", kind: "heat", ...more });

function all({ arrays, options }) {
  const values = passed(arrays);
  return { ...arrays, ...values, ...returned(arrays, values, options.target) };
}

/** Which of the learner's arrays is which: in this order, the first of its shape. */
function stagesOf({ arrays: { W_conv } }, { made, result, line }) {
  const C = W_conv.shape[0];
  const shapes = { conv: [C, 6, 6], relu: [C, 6, 6], pool: [C, 3, 3], scores: [2] };
  const arrays = made.map(({ name, line: at, array }) => ({
    name,
    line: at,
    array: NdArray.fromLists(array),
  }));
  const found = {};
  let from = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    // Two numbers that are only returned are probabilities.
    const fits = (one) => one.array.shape.join() === shape.join() && (shape.length > 1 || one.name !== "");
    const place = arrays.findIndex((one, n) => n >= from && fits(one));
    if (place < 0) continue;
    found[name] = arrays[place];
    from = place + 1;
  }
  if (result !== null) found.p = { array: NdArray.fromLists(result), line };
  for (const name of ["scores", "p"])
    if (found[name]?.array.shape.length === 1)
      found[name] = { ...found[name], array: new NdArray([2, 1], found[name].array.data) };
  return found;
}

export const NETWORK = {
  kept: "picture/06",
  walk: "Through the network and back",
  rows: [
    [
      heat("x", { edit: true, under: heat("dx") }),
      heat("W_conv", { edit: true, under: heat("dW_conv") }),
      heat("conv", { under: heat("dconv") }),
      heat("relu", { under: heat("drelu") }),
      heat("pool", { under: heat("dpool") }),
      heat("W_fc", { edit: true, under: heat("dW_fc") }),
      { name: "scores", title: "", kind: "bare", under: { name: "dscores", title: "", kind: "bare" } },
      { name: "p", title: "", kind: "bare" },
    ],
  ],
  note: "The stronger the shade, the larger; hatched is negative. dx is the gradient for x, and so on.",
  options: [{ name: "target", title: "target", least: 0, most: 1 }],
  examples: [
    { name: "A seven", make: example(SEVEN) },
    { name: "A one", make: example(ONE) },
  ],
  fits({ arrays: { x, W_conv, W_fc }, options: { target } }) {
    const C = W_conv?.shape[0];
    const shapes = x?.shape.join() === "1,8,8" && W_conv?.shape.join() === `${C},1,3,3` && C <= 3;
    return shapes && W_fc?.shape.join() === `${9 * C},2` && (target === 0 || target === 1);
  },
  entries: () => STEPS,
  named: () => "",
  look: ({ stage: name }, state) => {
    const array = all(state)[name];
    const largest = array.data.reduce(
      (best, value, place) => (Math.abs(value) > Math.abs(array.data[best]) ? place : best),
      0,
    );
    return { array: name, index: array.index(largest) };
  },
  results(state, entries) {
    const come = new Set(entries.map((entry) => entry.stage));
    const { x, W_conv, W_fc, ...made } = all(state);
    for (const [name, array] of Object.entries(made))
      if (!come.has(stage(name).stage)) array.come = new Set();
    return made;
  },
  marks(looked, state) {
    const arrays = all(state);
    const found = Object.fromEntries(Object.keys(arrays).map((name) => [name, new Map()]));
    for (const [name, places] of Object.entries(sources(looked, arrays)))
      for (const place of places) found[name].set(place, { role: "with", note: "" });
    for (const [name, places] of Object.entries(targets(looked, arrays)))
      for (const place of places) found[name].set(place, { role: "into", note: "" });
    found[looked.array].set(arrays[looked.array].place(looked.index), { role: "here", note: "" });
    return found;
  },
  words({ array, index }, state) {
    const value = all(state)[array].at(...index);
    const made = STEPS.find((step) => step.stage === (WITH[array] ?? array));
    const given = { x: "the image", W_conv: "the kernel", W_fc: "the matrix of the last layer" }[array];
    const text = made ? `Made in the step “${made.name}”.` : `An element of ${given}: it is given.`;
    return {
      title: `${element(array, array === "scores" || array === "p" || array === "dscores" ? [index[0]] : index)} = ${shown(value)}`,
      text,
      code: made ? [made.code] : [],
      sum: null,
    };
  },
  trace: {
    results: ["conv", "relu", "pool", "scores", "p"],
    kind: (name) => (name === "scores" || name === "p" ? "bare" : "heat"),
    stage: ({ stage: name }) => name,
    ask: arraysMade("mini_cnn_forward", ["x", "W_conv", "W_fc"]),
    found: stagesOf,
  },
  state: ({ arguments: { x, W_conv, W_fc } }) =>
    x && W_conv && W_fc
      ? {
          arrays: {
            x: NdArray.fromLists(x),
            W_conv: NdArray.fromLists(W_conv),
            W_fc: NdArray.fromLists(W_fc),
          },
          options: { target: 0 },
        }
      : null,
};

/** The places under a kernel at (i, j), in an image of rows of so many columns. */
const patch = ([i, j], columns, k = 3) =>
  Array.from({ length: k * k }, (_, n) => (i + Math.floor(n / k)) * columns + j + (n % k));
const every = (array) => [...array.data.keys()];
const plane = (array, c) => every(array).filter((place) => array.index(place)[0] === c);
/** The window of the pool that an element of relu is in, or null. */
const pooledAt = (pool, [c, i, j]) => {
  const at = [c, Math.floor(i / POOL), Math.floor(j / POOL)];
  return at.every((k, axis) => k < pool.shape[axis]) ? pool.place(at) : null;
};

/** What an element was made from, by array. */
function sources({ array, index }, arrays) {
  const { x, W_conv, relu, pool, W_fc, conv } = arrays;
  const [c, i, j] = index;
  const place = arrays[array].place(index);
  switch (array) {
    case "conv":
      return { x: patch([i, j], 8), W_conv: plane(W_conv, c) };
    case "relu":
      return { conv: [place] };
    case "pool":
      return { relu: patch([POOL * i, POOL * j], 6, POOL).map((at) => c * 36 + at) };
    case "scores":
      return { pool: every(pool), W_fc: every(pool).map((row) => W_fc.place([row, c])) };
    case "p":
      return { scores: [0, 1] };
    case "dscores":
      return { p: [place] };
    case "dpool":
      return { dscores: [0, 1], W_fc: [0, 1].map((k) => W_fc.place([place, k])) };
    case "dW_fc":
      return { pool: [c], dscores: [i] };
    case "drelu": {
      const at = pooledAt(pool, index);
      return at !== null && winners(relu)[at] === place ? { dpool: [at] } : {};
    }
    case "dconv":
      return { drelu: [place], conv: [place] };
    case "dx":
      return {
        dconv: every(conv).filter((at) => patch(conv.index(at).slice(1), 8).includes(place)),
        W_conv: every(W_conv),
      };
    case "dW_conv":
      return { dconv: plane(conv, c), x: every(x) };
    default:
      return {};
  }
}

/** What an element goes into, by array. */
function targets({ array, index }, arrays) {
  const { conv, relu, pool } = arrays;
  const place = arrays[array].place(index);
  switch (array) {
    case "x":
      return { conv: every(conv).filter((at) => patch(conv.index(at).slice(1), 8).includes(place)) };
    case "W_conv":
      return { conv: plane(conv, index[0]) };
    case "conv":
      return { relu: [place] };
    case "relu": {
      const at = pooledAt(pool, index);
      return at !== null && winners(relu)[at] === place ? { pool: [at] } : {};
    }
    case "pool":
      return { scores: [0, 1] };
    case "W_fc":
      return { scores: [index[1]] };
    case "scores":
      return { p: [0, 1] };
    case "dpool":
      return { drelu: [winners(relu)[place]] };
    case "drelu":
      return { dconv: [place] };
    default:
      return {};
  }
}
