/** The scene of problem 03: of each window the winner, which is the one that gradients go back to. */
import { NdArray } from "../ndarray.js";
import { shown } from "../numbers.js";
import { element } from "../routing.js";
import { digit } from "../sizes.js";
import { forwardTrace } from "../trace_forward.js";
import { counts, pixels, pooled, windows, winner } from "../windows.js";

const EXAMPLE = [1, 2, 5, 3, 4, 0, 1, 6, 7, 2, 9, 8, 3, 3, 2, 4];
const state = (x, kernel_size, stride) => ({ arrays: { x }, options: { kernel_size, stride } });
const example = (stride) => () =>
  state(
    NdArray.filled([1, 4, 4], (place) => EXAMPLE[place]),
    2,
    stride,
  );

function windowsOf({ arrays: { x }, options: { kernel_size: k, stride } }) {
  return windows(x.shape.slice(1), [k, k], stride);
}

function windowAt(of, [, i, j]) {
  return windowsOf(of).find((one) => one.i === i && one.j === j);
}

export const POOLING = {
  kept: "picture/03",
  walk: "The walk over (c,i,j)",
  rows: [
    [
      { name: "x", title: "image", edit: true },
      { name: "out", title: "the largest of each window" },
      { name: "won", title: "windows that a pixel won" },
    ],
  ],
  options: [
    { name: "kernel_size", title: "kernel_size", least: 1, most: 4 },
    { name: "stride", title: "stride", least: 1, most: 4 },
  ],
  examples: [
    { name: "The example", make: example(2) },
    { name: "Windows that overlap", make: example(1) },
    {
      name: "All negative",
      make: () =>
        state(
          NdArray.filled([2, 4, 4], (place) => -((place * 7) % 9) - 1),
          2,
          2,
        ),
    },
  ],
  sizes: {
    fields: [
      ["C", "channels", 1, 2],
      ["H", "rows of x", 1, 7],
      ["W", "columns of x", 1, 7],
    ],
    read: ({ x }) => ({ C: x.shape[0], H: x.shape[1], W: x.shape[2] }),
    resized: ({ x }, { C, H, W }) => ({ x: x.resized([C, H, W], digit) }),
  },
  fits: ({ arrays: { x }, options: { kernel_size: k, stride } }) =>
    x?.shape.length === 3 && x.size > 0 && x.size <= 100 && k >= 1 && stride >= 1,
  entries(of) {
    const all = windowsOf(of);
    return Array.from({ length: of.arrays.x.shape[0] }, (_, c) =>
      all.map(({ i, j }) => ({ cell: [c, i, j] })),
    ).flat();
  },
  named: (entry) => entry?.cell && `(c,i,j) = (${entry.cell.join(",")})`,
  look: ({ cell }) => cell && { array: "out", index: cell },
  results(of, entries) {
    const { x } = of.arrays;
    const { kernel_size: k, stride } = of.options;
    const out = pooled(x, k, stride);
    out.come = new Set(entries.filter(({ cell }) => cell).map(({ cell }) => out.place(cell)));
    return { out, won: won(of, entries) };
  },
  marks(looked, of) {
    const { x } = of.arrays;
    const { kernel_size: k, stride } = of.options;
    const found = { x: new Map(), out: new Map(), won: new Map() };
    const [rows, columns] = counts(x.shape.slice(1), [k, k], stride);
    const out = new NdArray([x.shape[0], rows, columns]);
    if (looked.array === "out") {
      const [c] = looked.index;
      const window = windowAt(of, looked.index);
      for (const at of pixels(window, [k, k])) found.x.set(x.place([c, ...at]), { role: "with", note: "" });
      const best = x.place([c, ...winner(x, c, window, k)]);
      found.x.set(best, { role: "with winner", note: "" });
      found.won.set(best, { role: "into", note: "" });
      found.out.set(out.place(looked.index), { role: "here", note: "" });
      return found;
    }
    // Of a pixel: the windows that it lies in, and of these the ones that it won.
    const [c, h, w] = looked.index;
    found[looked.array].set(x.place(looked.index), { role: "here", note: "" });
    for (const window of windowsOf(of)) {
      const inside = pixels(window, [k, k]).some(([row, column]) => row === h && column === w);
      if (!inside) continue;
      const [row, column] = winner(x, c, window, k);
      const role = row === h && column === w ? "into" : "with";
      found.out.set(out.place([c, window.i, window.j]), { role, note: "" });
    }
    return found;
  },
  words(looked, of) {
    const { x } = of.arrays;
    const { kernel_size: k, stride: s } = of.options;
    const { array, index } = looked;
    const [c, i, j] = index;
    if (array !== "out") {
      const lies = windowsOf(of).filter((window) =>
        pixels(window, [k, k]).some(([h, w]) => h === i && w === j),
      );
      const wins = lies.filter((window) => winner(x, c, window, k).join() === `${i},${j}`);
      return {
        title: `${element("x", index)} = ${shown(x.at(...index))}`,
        text: `It lies in ${counted(lies.length)} and is the largest of ${wins.length}. A gradient of out goes back to the winner of its window alone.`,
        code: [],
        sum: null,
      };
    }
    const window = windowAt(of, index);
    const values = pixels(window, [k, k]).map((at) => shown(x.at(c, ...at)));
    const best = winner(x, c, window, k);
    const where = `[${c}, ${window.top}:${window.top + k}, ${window.left}:${window.left + k}]`;
    return {
      title: `${element("out", index)} = max x[${c}, ${i}·${s}+u, ${j}·${s}+v]`,
      text: `The winner is ${element("x", [c, ...best])}: a gradient that comes to this output goes to it, and to no other.`,
      code: [
        `out[${index.join(",")}] = x${where}.max()`,
        `= max(${values.join(", ")}) = ${shown(x.at(c, ...best))}`,
      ],
      sum: null,
    };
  },
  trace: forwardTrace("max_pool_2d", ["x"], ({ arrays: { x }, options: { kernel_size: k, stride } }) => [
    x.shape[0],
    ...counts(x.shape.slice(1), [k, k], stride),
  ]),
  state: ({ arguments: given }) => {
    const { kernel_size: k, stride } = given;
    return given.x && k && stride ? state(NdArray.fromLists(given.x), k, stride) : null;
  },
};

/** How many windows each pixel has won so far. */
function won(of, entries) {
  const { x } = of.arrays;
  const found = new NdArray(x.shape);
  for (const { cell } of entries) {
    if (cell)
      found.data[x.place([cell[0], ...winner(x, cell[0], windowAt(of, cell), of.options.kernel_size)])] += 1;
  }
  return found;
}

const counted = (number) => (number === 1 ? "one window" : `${number} windows`);
