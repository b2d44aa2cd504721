import { h } from "../page/element.js";
import { outShape } from "./convolution.js";
import { NdArray } from "./ndarray.js";

/** [name, label, least, most] of each size. */
const SIZES = [
  ["C_in", "channels of x", 1, 3],
  ["C_out", "kernels", 1, 3],
  ["H", "rows of x", 1, 7],
  ["W", "columns of x", 1, 7],
  ["kH", "rows of a kernel", 1, 4],
  ["kW", "columns of a kernel", 1, 4],
];

const digit = () => Math.floor(Math.random() * 10) - 4;

export const EXAMPLES = {
  ones: { name: "All gradients 1", make: () => example(() => 1) },
  one: { name: "One gradient (example 1)", make: () => example((place) => (place === 0 ? 1 : 0)) },
  channels: { name: "Two channels, two kernels", make: () => counted([2, 3, 4], [2, 2, 2, 3]) },
};

function example(g) {
  const x = NdArray.filled([1, 4, 4], (place) => place);
  const W = NdArray.filled([1, 1, 2, 2], (place) => place + 1);
  return { G: NdArray.filled(outShape(x, W), g), x, W };
}

function counted(image, kernels) {
  const x = NdArray.filled(image, (place) => ((place * 7) % 10) - 3);
  const W = NdArray.filled(kernels, (place) => ((place * 5) % 7) - 3);
  return { G: NdArray.filled(outShape(x, W), (place) => ((place * 3) % 5) - 2), x, W };
}

/** The same with other sizes: elements that still fit stay. */
export function resized({ G, x, W }, { C_in, C_out, H, W: columns, kH, kW }) {
  const image = x.resized([C_in, H, columns], digit);
  const kernels = W.resized([C_out, C_in, Math.min(kH, H), Math.min(kW, columns)], digit);
  return { G: G.resized(outShape(image, kernels), digit), x: image, W: kernels };
}

/** All new, of the same sizes: integers of −4…5, so that sums are exact and easy to follow. */
export function renewed(arrays) {
  const fresh = ([name, array]) => [name, NdArray.filled(array.shape, digit)];
  return Object.fromEntries(Object.entries(arrays).map(fresh));
}

/** Buttons for examples and a field for each size. `changed(arrays)` is told new arrays. */
export class SizesForm {
  #arrays = null;
  #fields = {};

  constructor(changed) {
    const button = (words, make) =>
      h("button", { type: "button", class: "plain", on: { click: () => changed(make()) } }, words);
    const field = ([name, label, min, max]) => {
      const input = h("input", { type: "number", min, max, step: 1, inputmode: "numeric" });
      input.addEventListener("change", () => {
        input.value = String(Math.min(Math.max(Math.round(Number(input.value)) || min, min), max));
        changed(resized(this.#arrays, this.#read()));
      });
      this.#fields[name] = input;
      return h("label", {}, h("span", {}, label), input);
    };
    this.element = h(
      "details",
      { class: "sizes" },
      h("summary", {}, "Other numbers and sizes"),
      h(
        "p",
        { class: "row" },
        Object.values(EXAMPLES).map(({ name, make }) => button(name, make)),
        button("New numbers", () => renewed(this.#arrays)),
      ),
      h("div", { class: "size-fields" }, SIZES.map(field)),
      h(
        "p",
        { class: "quiet" },
        "To change a number of G, x or W, press on it twice, or come to it by the arrow keys and type.",
      ),
    );
  }

  show(arrays) {
    this.#arrays = arrays;
    const [C_out, C_in, kH, kW] = arrays.W.shape;
    const [, H, W] = arrays.x.shape;
    for (const [name, value] of Object.entries({ C_in, C_out, H, W, kH, kW }))
      this.#fields[name].value = String(value);
  }

  #read() {
    return Object.fromEntries(
      Object.entries(this.#fields).map(([name, input]) => [name, Number(input.value)]),
    );
  }
}
