import { h } from "../page/element.js";
import { NdArray } from "./ndarray.js";

/** A digit of −4…5: sums of products stay exact, and easy to follow. */
export const digit = () => Math.floor(Math.random() * 10) - 4;

/** All new, of the same sizes. */
export function renewed(arrays) {
  const fresh = ([name, array]) => [name, NdArray.filled(array.shape, digit)];
  return Object.fromEntries(Object.entries(arrays).map(fresh));
}

/**
 * Buttons for a scene's examples and a field for each of its sizes, `scene.sizes`: `fields`, each
 * `[name, label, least, most]`, `read(arrays)` and `resized(arrays, values)`.
 */
export class SizesForm {
  #scene;
  #state = null;
  #fields = {};

  /** `changed(state)` is told of another state. */
  constructor(scene, changed) {
    this.#scene = scene;
    const button = (words, make) =>
      h("button", { type: "button", class: "plain", on: { click: () => changed(make()) } }, words);
    const field = ([name, label, min, max]) => {
      const input = h("input", { type: "number", min, max, step: 1, inputmode: "numeric" });
      input.addEventListener("change", () => {
        input.value = String(Math.min(Math.max(Math.round(Number(input.value)) || min, min), max));
        changed({ ...this.#state, arrays: scene.sizes.resized(this.#state.arrays, this.#read()) });
      });
      this.#fields[name] = input;
      return h("label", {}, h("span", {}, label), input);
    };
    const given = scene.rows
      .flat()
      .filter(({ edit }) => edit)
      .map(({ name }) => name);
    this.element = h(
      "details",
      { class: "sizes" },
      h("summary", {}, scene.sizes ? "Other numbers and sizes" : "Other numbers"),
      h(
        "p",
        { class: "row" },
        scene.examples.map(({ name, make }) => button(name, make)),
        button("New numbers", () => ({ ...this.#state, arrays: renewed(this.#state.arrays) })),
      ),
      scene.sizes ? h("div", { class: "size-fields" }, scene.sizes.fields.map(field)) : null,
      h(
        "p",
        { class: "quiet" },
        `To change a number of ${given.join(", ")}, press on it twice, or come to it by the arrow keys and type.`,
      ),
    );
  }

  show(state) {
    this.#state = state;
    if (!this.#scene.sizes) return;
    for (const [name, value] of Object.entries(this.#scene.sizes.read(state.arrays)))
      this.#fields[name].value = String(value);
  }

  #read() {
    return Object.fromEntries(
      Object.entries(this.#fields).map(([name, input]) => [name, Number(input.value)]),
    );
  }
}
