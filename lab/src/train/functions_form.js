import { h } from "../page/element.js";

/** What the network uses, by the problems of the series. */
const FUNCTIONS = [
  ["conv2d_naive", "01"],
  ["max_pool_2d", "03"],
  ["relu", "04"],
  ["softmax", "04"],
  ["conv2d_backward", "05"],
];

/** Which functions are the learner's: those of solved problems, unless chosen otherwise. */
export class FunctionsForm {
  #store;
  #boxes = new Map();

  constructor(store) {
    this.#store = store;
    const solved = store.get("solved", []);
    const box = ([name, number]) => {
      const written = store.get(`code/${number}`) !== null;
      const input = h("input", { type: "checkbox", disabled: !written });
      input.checked = written && solved.includes(number);
      this.#boxes.set(name, { input, number });
      const state = solved.includes(number) ? "solved" : written ? "not solved yet" : "not written yet";
      return h(
        "label",
        {},
        input,
        h("span", {}, h("code", {}, name), h("span", { class: "quiet" }, ` of ${number}, ${state}`)),
      );
    };
    this.element = h(
      "fieldset",
      { class: "own-functions" },
      h("legend", {}, "Your own functions"),
      FUNCTIONS.map(box),
      h("p", { class: "quiet" }, "For those without a tick the reference stands in, dxdw's own functions."),
    );
  }

  /** The chosen functions' sources by name. */
  get codes() {
    const chosen = [...this.#boxes].filter(([, { input }]) => input.checked);
    return Object.fromEntries(chosen.map(([name, { number }]) => [name, this.#store.get(`code/${number}`)]));
  }
}
