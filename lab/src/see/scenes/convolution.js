/** Scenes of a convolution with stride 1 and no padding: forward, and its gradients. */
import { backward, forward, outShape } from "../convolution.js";
import { NdArray } from "../ndarray.js";
import { marks, words } from "../routing.js";
import { digit } from "../sizes.js";
import { plain } from "../timeline.js";
import { forwardTrace } from "../trace_forward.js";

export const EXAMPLES = [
  { name: "All gradients 1", make: () => example(() => 1) },
  { name: "One gradient (the first example)", make: () => example((place) => (place === 0 ? 1 : 0)) },
  { name: "Two channels, two kernels", make: () => counted([2, 3, 4], [2, 2, 2, 3]) },
];

const state = (G, x, W) => ({ arrays: { G, x, W }, options: {} });

function example(g) {
  const x = NdArray.filled([1, 4, 4], (place) => place);
  const W = NdArray.filled([1, 1, 2, 2], (place) => place + 1);
  return state(NdArray.filled(outShape(x, W), g), x, W);
}

function counted(image, kernels) {
  const x = NdArray.filled(image, (place) => ((place * 7) % 10) - 3);
  const W = NdArray.filled(kernels, (place) => ((place * 5) % 7) - 3);
  return state(
    NdArray.filled(outShape(x, W), (place) => ((place * 3) % 5) - 2),
    x,
    W,
  );
}

/** [name, label, least, most] of each size. */
const FIELDS = [
  ["C_in", "channels of x", 1, 3],
  ["C_out", "kernels", 1, 3],
  ["H", "rows of x", 1, 7],
  ["W", "columns of x", 1, 7],
  ["kH", "rows of a kernel", 1, 4],
  ["kW", "columns of a kernel", 1, 4],
];

/** The same with other sizes: elements that still fit stay, and G follows. */
export function resized({ G, x, W }, { C_in, C_out, H, W: columns, kH, kW }) {
  const image = x.resized([C_in, H, columns], digit);
  const kernels = W.resized([C_out, C_in, Math.min(kH, H), Math.min(kW, columns)], digit);
  return { G: G.resized(outShape(image, kernels), digit), x: image, W: kernels };
}

const SIZES = {
  fields: FIELDS,
  resized,
  read({ x, W }) {
    const [C_out, C_in, kH, kW] = W.shape;
    return { C_in, C_out, H: x.shape[1], W: x.shape[2], kH, kW };
  },
};

function fits({ arrays: { G, x, W } }) {
  if (!G || x?.shape.length !== 3 || W?.shape.length !== 4 || G.size === 0) return false;
  const small = x.size <= 3 * 49 && W.size <= 144;
  return small && outShape(x, W).join() === G.shape.join() && x.shape[0] === W.shape[1];
}

const COMMON = {
  kept: "pictures",
  walk: "The walk over (o,i,j)",
  sizes: SIZES,
  fits,
  entries: ({ arrays }) => plain(arrays.G.shape),
  named: (entry) => entry?.cell && `(o,i,j) = (${entry.cell.join(",")})`,
};

/** The output cells whose shares a result has got after some entries. */
const shares = (entries, result) =>
  entries.filter(({ adds, cell }) => cell && (adds[result] ?? true)).map(({ cell }) => cell);

const known = (entries, result) => {
  const come = new Set(shares(entries, result).map(String));
  return (cell) => come.has(String(cell));
};

const evidenceState = (names) => (evidence) => {
  const {
    grad_out: G,
    x,
    W,
  } = Object.fromEntries(
    Object.entries(evidence.arguments).map(([name, array]) => [name, NdArray.fromLists(array)]),
  );
  if (!names.every((name) => name in evidence.arguments)) return null;
  if (x.shape.length !== 3 || W.shape.length !== 4) return null;
  return state(G ?? NdArray.filled(outShape(x, W), () => 1), x, W);
};

export const FORWARD = {
  ...COMMON,
  rows: [
    [
      { name: "x", title: "image", edit: true },
      { name: "W", title: "kernel", edit: true },
      { name: "out", title: "output" },
    ],
  ],
  examples: [{ ...EXAMPLES[0], name: "The example" }, EXAMPLES[2]],
  look: ({ cell }) => cell && { array: "out", index: cell },
  results({ arrays: { x, W } }, entries) {
    const out = forward(x, W);
    out.come = new Set(entries.filter(({ cell }) => cell).map(({ cell }) => out.place(cell)));
    return { out };
  },
  marks: (looked, { arrays }) => marks(looked, arrays, "forward"),
  words: (looked, { arrays }, entries) => words(looked, arrays, "forward", known(entries, looked.array)),
  state: evidenceState(["x", "W"]),
  trace: forwardTrace("conv2d_naive", ["x", "W"], ({ arrays }) => outShape(arrays.x, arrays.W)),
};

export const BACKWARD = {
  ...COMMON,
  rows: [
    [
      { name: "G", title: "grad_out", edit: true },
      { name: "x", title: "image", edit: true },
      { name: "W", title: "kernel", edit: true },
    ],
    [
      { name: "dx", title: "of x" },
      { name: "dW", title: "of W" },
    ],
  ],
  examples: EXAMPLES,
  look: ({ cell }) => cell && { array: "G", index: cell },
  results: ({ arrays: { G, x, W } }, entries) => ({
    dx: backward(G, x, W, shares(entries, "dx")).dx,
    dW: backward(G, x, W, shares(entries, "dW")).dW,
  }),
  marks: (looked, { arrays }) => marks(looked, arrays, "backward"),
  words: (looked, { arrays }, entries) => words(looked, arrays, "backward", known(entries, looked.array)),
  state: evidenceState(["grad_out", "x", "W"]),
  trace: {
    results: ["dx", "dW"],
    shape: ({ arrays }) => arrays.G.shape,
    ask: ({ arrays: { G, x, W } }, code) => [
      "practice.trace:trace",
      { code, grad_out: G.toLists(), x: x.toLists(), W: W.toLists() },
    ],
  },
};
