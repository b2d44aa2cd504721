/** The scene of problem 02: the image in its frame of zeros, and where the windows lie on it. */
import { NdArray } from "../ndarray.js";
import { factor } from "../numbers.js";
import { element } from "../routing.js";
import { digit } from "../sizes.js";
import { forwardTrace } from "../trace_forward.js";
import { convolved, counts, framed, products, windows } from "../windows.js";

const MOST_PRODUCTS = 18; // that are written out

const ones = () => ({
  arrays: { x: NdArray.filled([1, 3, 3], () => 1), W: NdArray.filled([1, 1, 3, 3], () => 1) },
  options: { padding: 1, stride: 1 },
});
const strided = () => ({
  arrays: {
    x: NdArray.filled([1, 5, 5], (place) => place),
    W: NdArray.filled([1, 1, 2, 2], (place) => place + 1),
  },
  options: { padding: 1, stride: 2 },
});

/** What the windows of a state are windows of. */
function seen({ arrays: { x, W }, options: { padding, stride } }) {
  const image = framed(x, padding);
  return { image, W, all: windows(image.shape.slice(1), W.shape.slice(2), stride) };
}

function at(state, [o, i, j]) {
  const { image, W, all } = seen(state);
  const window = all.find((one) => one.i === i && one.j === j);
  return { image, W, window, parts: products(image, W, o, window) };
}

function shapeOfOut(state) {
  const { image, W } = seen(state);
  return [W.shape[0], ...counts(image.shape.slice(1), W.shape.slice(2), state.options.stride)];
}

export const PADDING_AND_STRIDE = {
  kept: "picture/02",
  walk: "The walk over (o,i,j)",
  rows: [
    [
      { name: "x", title: "image", edit: true },
      { name: "framed", title: "x with zeros around" },
      { name: "W", title: "kernel", edit: true },
      { name: "out", title: "output" },
    ],
  ],
  options: [
    { name: "padding", title: "padding", least: 0, most: 2 },
    { name: "stride", title: "stride", least: 1, most: 3 },
  ],
  examples: [
    { name: "The example", make: ones },
    { name: "A stride of 2", make: strided },
  ],
  sizes: {
    fields: [
      ["H", "rows of x", 1, 6],
      ["W", "columns of x", 1, 6],
      ["kH", "rows of the kernel", 1, 4],
      ["kW", "columns of the kernel", 1, 4],
    ],
    read: ({ x, W }) => ({ H: x.shape[1], W: x.shape[2], kH: W.shape[2], kW: W.shape[3] }),
    resized: ({ x, W }, { H, W: columns, kH, kW }) => ({
      x: x.resized([1, H, columns], digit),
      W: W.resized([1, 1, Math.min(kH, H), Math.min(kW, columns)], digit),
    }),
  },
  fits: ({ arrays: { x, W }, options: { padding, stride } }) =>
    x?.shape.length === 3 &&
    W?.shape.length === 4 &&
    x.shape[0] === W.shape[1] &&
    x.size > 0 &&
    x.size <= 100 &&
    W.size > 0 &&
    W.size <= 64 &&
    padding >= 0 &&
    stride >= 1 &&
    counts(framed(x, padding).shape.slice(1), W.shape.slice(2), stride).every((count) => count > 0),
  entries(state) {
    const { W, all } = seen(state);
    return Array.from({ length: W.shape[0] }, (_, o) => all.map(({ i, j }) => ({ cell: [o, i, j] }))).flat();
  },
  named: (entry) => entry?.cell && `(o,i,j) = (${entry.cell.join(",")})`,
  look: ({ cell }) => cell && { array: "out", index: cell },
  results({ arrays: { x, W }, options: { padding, stride } }, entries) {
    const out = convolved(x, W, padding, stride);
    out.come = new Set(entries.filter(({ cell }) => cell).map(({ cell }) => out.place(cell)));
    return { out, framed: framed(x, padding) };
  },
  marks(looked, state) {
    const { arrays, options } = state;
    const { image } = seen(state);
    const found = { framed: frame(image, options.padding), x: new Map(), W: new Map(), out: new Map() };
    if (looked.array !== "out")
      return { ...found, [looked.array]: here(found[looked.array], looked, arrays, image) };
    const { parts } = at(state, looked.index);
    parts.forEach(({ c, u, v, h, w }, n) => {
      const note = String(n + 1);
      const [row, column] = [h - options.padding, w - options.padding];
      const outside = found.framed.has(image.place([c, h, w]));
      found.framed.set(image.place([c, h, w]), { role: outside ? "with frame" : "with", note });
      if (!outside) found.x.set(arrays.x.place([c, row, column]), { role: "with", note });
      found.W.set(arrays.W.place([looked.index[0], c, u, v]), { role: "with", note });
    });
    const out = convolved(arrays.x, arrays.W, options.padding, options.stride);
    found.out.set(out.place(looked.index), { role: "here", note: "" });
    return found;
  },
  words(looked, state) {
    const { array, index } = looked;
    const { padding: p, stride: s } = state.options;
    if (array !== "out") {
      const text =
        array === "framed"
          ? "A frame of zeros stands around the image: what the windows lie on."
          : "Point at an element of out, to see its window.";
      return { title: element(array, index), text, code: [], sum: null };
    }
    const [o, i, j] = index;
    const { window, parts } = at(state, index);
    const top = `row ${i}·${s} = ${window.top}, column ${j}·${s} = ${window.left}`;
    const inX = p ? `; in x that is row ${window.top - p}, column ${window.left - p}` : "";
    return {
      title: `${element("out", index)} = Σ x[c, ${i}·${s}+u−${p}, ${j}·${s}+v−${p}] · W[${o}, c, u, v]`,
      text: `The window begins at ${top} of the framed image${inX}.`,
      code: [],
      sum: {
        products: parts.slice(0, MOST_PRODUCTS).map(({ c, u, v, h, w }) => ({
          names: `x[${c},${h - p},${w - p}]·W[${o},${c},${u},${v}]`,
          numbers: `${factor(seen(state).image.at(c, h, w))}·${factor(state.arrays.W.at(o, c, u, v))}`,
          later: false,
        })),
        value: parts.reduce((sum, { value }) => sum + value, 0),
        complete: parts.length <= MOST_PRODUCTS,
      },
    };
  },
  trace: forwardTrace("conv2d", ["x", "W"], shapeOfOut),
  state: ({ arguments: given }) => {
    if (!given.x || !given.W) return null;
    const { padding = 0, stride = 1 } = given;
    return {
      arrays: { x: NdArray.fromLists(given.x), W: NdArray.fromLists(given.W) },
      options: { padding, stride },
    };
  },
};

/** The places of the frame, which is not the image. */
function frame(image, padding) {
  const [, H, W] = image.shape;
  const inside = (k, size) => k >= padding && k < size - padding;
  const marks = new Map();
  for (let place = 0; place < image.size; place++) {
    const [, h, w] = image.index(place);
    if (!inside(h, H) || !inside(w, W)) marks.set(place, { role: "frame", note: "" });
  }
  return marks;
}

function here(marks, { array, index }, arrays, image) {
  const place = { ...arrays, framed: image }[array].place(index);
  return new Map(marks).set(place, { role: "here", note: "" });
}
